#!/usr/bin/env python3
"""redis-py's Sentinel client, pointed at Ketch as if Ketch were a Sentinel, and what redis-py reads of a server.

    sentinel.py HOST:PORT PROTOCOL NAME...

Each NAME must lead to a primary that takes writes; the first one's replicas must serve what was written. Ends
with a traceback where something is not as it should be.
"""

import sys

import redis
from redis.sentinel import MasterNotFoundError, Sentinel

host, port = sys.argv[1].rsplit(":", 1)
protocol, names = int(sys.argv[2]), sys.argv[3:]
options = {"socket_timeout": 10, "protocol": protocol}
sentinel = Sentinel([(host, int(port))], sentinel_kwargs=options, **options)

for name in names:
    assert sentinel.discover_master(name), name
    primary = sentinel.master_for(name, decode_responses=True)
    assert primary.set("sentinel:" + name, name)
    assert primary.get("sentinel:" + name) == name
try:
    sentinel.discover_master("nosuch")
except MasterNotFoundError:
    pass
else:
    raise AssertionError("a master that there is not")

replicas = sentinel.discover_slaves(names[0])
assert len(replicas) == 1, replicas
replica = sentinel.slave_for(names[0], decode_responses=True)
assert replica.get("sentinel:" + names[0]) in (names[0], None)
try:
    replica.set("sentinel:refused", "x")
except redis.exceptions.ReadOnlyError:
    pass
else:
    raise AssertionError("a write on a listener for reads")

server = redis.Redis(host, int(port), decode_responses=True, **options)
info = server.info("all")
for field in ("used_memory", "connected_clients", "total_commands_processed", "uptime_in_seconds", "maxmemory"):
    assert isinstance(info[field], int), (field, info.get(field))
assert info["db0"]["keys"] >= 0 and info["role"] == "master" and info["redis_mode"] == "standalone", info
assert info["cmdstat_set"]["calls"] >= len(names), info["cmdstat_set"]
assert server.config_get("max*")["maxclients"].isdigit()
assert server.config_set("slowlog-log-slower-than", 0)
server.get("sentinel:slow")
entry = server.slowlog_get()[0]
assert entry["command"] == b"GET sentinel:slow" and entry["duration"] >= 0, entry
assert server.slowlog_len() >= 1 and server.slowlog_reset()
assert server.latency_latest() == [] and server.latency_history("command") == []
assert server.memory_stats()["total.allocated"] > 0 and server.memory_purge()
assert server.command_count() > 200 and "get" in server.command()
assert server.command_getkeys("MSET", "a", "1", "b", "2") == ["a", "b"]
assert server.lastsave() and server.module_list() == []
print("ok")
