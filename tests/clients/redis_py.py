#!/usr/bin/env python3
"""A session of redis-py through one address: what an application does on a normal day.

    redis_py.py HOST:PORT [--protocol 2|3] [--without CHECK]...        (or the address in KETCH_ADDRESS)

Prints what failed and ends with 1; 2 means that it could not begin. Every key starts with a prefix of this
run, so that it can meet a server that is in use. Only commands that a sharded pool can keep exactly are
used: a command of several keys names keys of one hash tag, unless it is one that is split by shard.
"""

import argparse
import concurrent.futures
import os
import sys
import threading
import time
import traceback
import uuid

import redis

PREFIX = "redis-py:" + uuid.uuid4().hex[:8]
CHECKS = []


def check(function):
    """Registers a function that gets a client and raises if something is not as it should be."""
    CHECKS.append(function)
    return function


def key(name):
    """A key that may live on any shard."""
    return f"{PREFIX}:{name}"


def tagged(tag, name):
    """A key that lives with all others of the same tag, where the pool's hash_tag is "{}"."""
    return f"{{{PREFIX}:{tag}}}:{name}"


def same(found, expected):
    if found != expected:
        raise AssertionError(f"expected {expected!r}, found {found!r}")


def raises(kind, text, function):
    try:
        found = function()
    except kind as error:
        if text not in str(error):
            raise AssertionError(f"expected an error with {text!r}, found {error!r}") from error
        return
    raise AssertionError(f"expected an error with {text!r}, found {found!r}")


@check
def greeting(r):
    same(r.ping(), True)
    same(r.echo("hello"), "hello")
    same(isinstance(r.client_id(), int), True)
    same(r.client_setname("ketch-test"), True)
    same(r.client_getname(), "ketch-test")
    same("redis_version" in r.info(), True)


@check
def clients_of_all_workers(r):
    given = {name: r.connection_pool.connection_kwargs[name] for name in ("host", "port", "decode_responses")}
    # Each on another connection, so that every worker has some.
    others = [redis.Redis(single_connection_client=True, protocol=2, **given) for _ in range(4)]
    for n, other in enumerate(others):
        other.client_setname(f"{PREFIX}-{n}")
    mine = {client["name"]: client for client in r.client_list() if client["name"].startswith(PREFIX)}
    same(sorted(mine), [f"{PREFIX}-{n}" for n in range(4)])
    numbers = [other.client_id() for other in others]
    same([mine[f"{PREFIX}-{n}"]["id"] for n in range(4)], [str(number) for number in numbers])
    same([client["id"] for client in r.client_list(client_id=numbers)], [str(number) for number in numbers])
    same(r.client_list(_type="pubsub"), [])
    same(others[0].client_info()["name"], f"{PREFIX}-0")
    same(others[0].client_kill_filter(_id=numbers[0]), 0)
    same(others[0].client_kill_filter(_id=numbers[1]), 1)
    same(r.client_kill(mine[f"{PREFIX}-2"]["addr"]), True)
    raises(redis.ResponseError, "No such client", lambda: r.client_kill(mine[f"{PREFIX}-2"]["addr"]))
    same(r.client_kill_filter(addr=mine[f"{PREFIX}-3"]["addr"], _type="normal", skipme=True), 1)
    same([client["name"] for client in r.client_list() if client["name"].startswith(PREFIX)], [f"{PREFIX}-0"])
    same(r.client_unblock(numbers[0]), False)
    same(r.client_getredir(), -1)
    same(r.client_no_evict("ON"), "OK")
    same(r.client_no_evict("OFF"), "OK")
    for other in others:
        other.close()


@check
def pauses(r):
    same(r.client_pause(1), True)
    same(r.set(key("paused"), "1"), True)
    same(r.client_pause(timeout=1, all=False), True)
    same(r.client_pause(60_000, all=False), True)
    same(r.get(key("paused")), "1")
    same(r.client_unpause(), "OK")
    same(r.set(key("paused"), "2"), True)


@check
def strings(r):
    k = key("string")
    same(r.get(k), None)
    same(r.set(k, "one"), True)
    same(r.get(k), "one")
    same(r.set(k, "two", nx=True), None)
    same(r.set(k, "two", xx=True, get=True), "one")
    same(r.append(k, "!"), 4)
    same(r.strlen(k), 4)
    same(r.getrange(k, 0, 2), "two")
    same(r.setrange(k, 3, "?"), 4)
    same(r.getset(k, "3"), "two?")
    same(r.incr(k), 4)
    same(r.incrbyfloat(k, 0.5), 4.5)
    same(r.getdel(k), "4.5")
    same(r.setbit(k, 7, 1), 0)
    same(r.bitcount(k), 1)
    same(r.type(k), "string")


@check
def every_byte_comes_back(r):
    k = key("bytes")
    value = bytes(range(256)) + b"\r\n$-1\r\n*2\r\n"
    same(r.set(k, value), True)
    raw = redis.Redis(connection_pool=raw_pool(r))
    same(raw.get(k), value)
    odd = (key("a key") + "\r\n ").encode() + bytes([0, 255])
    same(raw.set(odd, b""), True)
    same(raw.get(odd), b"")
    raw.close()


@check
def decoding(r):
    k = key("unicode")
    same(r.set(k, "grüße, 世界"), True)
    same(r.get(k), "grüße, 世界")
    same(r.strlen(k), len("grüße, 世界".encode()))


@check
def hashes(r):
    k = key("hash")
    same(r.hset(k, mapping={"a": 1, "b": "two", "c": ""}), 3)
    same(r.hget(k, "b"), "two")
    same(r.hget(k, "missing"), None)
    same(r.hmget(k, ["a", "missing", "c"]), ["1", None, ""])
    same(r.hgetall(k), {"a": "1", "b": "two", "c": ""})
    same(r.hincrby(k, "a", 5), 6)
    same(r.hdel(k, "a", "b"), 2)
    same(r.hlen(k), 1)
    same(r.hset(k, mapping={f"f{n}": n for n in range(2000)}), 2000)
    same(dict(r.hscan_iter(k, count=100))["f1999"], "1999")
    same(len(dict(r.hscan_iter(k, count=100))), 2001)


@check
def lists(r):
    k = key("list")
    same(r.rpush(k, "a", "b", "c"), 3)
    same(r.lpush(k, "z"), 4)
    same(r.lrange(k, 0, -1), ["z", "a", "b", "c"])
    same(r.lpop(k), "z")
    same(r.rpop(k, 2), ["c", "b"])
    same(r.linsert(k, "BEFORE", "a", "y"), 2)
    same(r.lset(k, 0, "x"), True)
    same(r.lindex(k, 0), "x")
    same(r.ltrim(k, 1, -1), True)
    same(r.llen(k), 1)
    same(r.lmove(tagged("l", "from"), tagged("l", "to")), None)
    same(r.rpush(tagged("l", "from"), "v"), 1)
    same(r.lmove(tagged("l", "from"), tagged("l", "to"), "LEFT", "RIGHT"), "v")


@check
def sets(r):
    k = key("set")
    same(r.sadd(k, "a", "b", "c"), 3)
    same(r.sadd(k, "a"), 0)
    same(r.smembers(k), {"a", "b", "c"})
    same(r.sismember(k, "a"), 1)
    same(r.smismember(k, ["a", "q"]), [1, 0])
    same(r.srem(k, "a"), 1)
    same(r.scard(k), 2)
    one, two = tagged("s", "1"), tagged("s", "2")
    r.sadd(one, "a", "b")
    r.sadd(two, "b", "c")
    same(r.sinter(one, two), {"b"})
    same(r.sunionstore(tagged("s", "3"), one, two), 3)


@check
def sorted_sets(r):
    k = key("zset")
    same(r.zadd(k, {"a": 1, "b": 2.5, "c": -3}), 3)
    same([tuple(pair) for pair in r.zrange(k, 0, -1, withscores=True)], [("c", -3.0), ("a", 1.0), ("b", 2.5)])
    same(r.zscore(k, "b"), 2.5)
    same(r.zscore(k, "missing"), None)
    same(r.zincrby(k, 10, "c"), 7.0)
    same(r.zrevrange(k, 0, 0), ["c"])
    same(r.zrangebyscore(k, 1, 3), ["a", "b"])
    same("".join(str(r.zpopmin(k)).split()).strip("[]()"), "'a',1.0")
    same(r.zrem(k, "b"), 1)
    same(r.zcard(k), 1)


@check
def streams(r):
    k = key("stream")
    first = r.xadd(k, {"n": 1})
    second = r.xadd(k, {"n": 2}, maxlen=100)
    same(r.xlen(k), 2)
    same(r.xrange(k), [(first, {"n": "1"}), (second, {"n": "2"})])
    # RESP2 has pairs where RESP3 has a map, and a list more.
    read = r.xread({k: first})
    same(read[k][0] if isinstance(read, dict) else read[0][1], [(second, {"n": "2"})])
    same(r.xgroup_create(k, "readers", id="0"), True)
    read = r.xreadgroup("readers", "me", {k: ">"}, count=1)
    same(read[k][0] if isinstance(read, dict) else read[0][1], [(first, {"n": "1"})])
    same(r.xpending(k, "readers")["pending"], 1)
    same(r.xack(k, "readers", first), 1)
    same(r.xinfo_stream(k)["length"], 2)
    same(r.xdel(k, first), 1)


@check
def expiry(r):
    k = key("expiry")
    same(r.set(k, "v", ex=100), True)
    same(0 < r.ttl(k) <= 100, True)
    same(r.persist(k), True)
    same(r.ttl(k), -1)
    same(r.pexpire(k, 100_000), True)
    same(0 < r.pttl(k) <= 100_000, True)
    same(r.expire(k, 0), True)
    same(r.exists(k), 0)
    same(r.ttl(k), -2)


@check
def many_keys(r):
    names = [key(f"many:{n}") for n in range(500)]
    same(r.mset({name: n for n, name in enumerate(names)}), True)
    same(r.mget(names), [str(n) for n in range(500)])
    same(r.mget([names[3], key("missing"), names[3]]), ["3", None, "3"])
    same(r.exists(*names[:10], key("missing")), 10)
    same(r.touch(*names[:10]), 10)
    same(r.delete(*names[:100], key("missing")), 100)
    same(r.unlink(*names[100:]), 400)
    same(r.mget(names[:3]), [None, None, None])


@check
def pipelines(r):
    with r.pipeline(transaction=False) as pipe:
        for n in range(5000):
            pipe.set(key(f"pipe:{n % 50}"), n)
            pipe.get(key(f"pipe:{n % 50}"))
        found = pipe.execute()
    expected = [answer for n in range(5000) for answer in (True, str(n))]
    same(found == expected, True)


@check
def an_error_in_a_pipeline_stays_at_its_place(r):
    k, text = key("pipe:list"), key("pipe:text")
    with r.pipeline(transaction=False) as pipe:
        pipe.set(text, "v").lpush(k, "a").get(k).lrange(k, 0, -1).incr(text).get(text)
        found = pipe.execute(raise_on_error=False)
    same([found[n] for n in (0, 1, 3, 5)], [True, 1, ["a"], "v"])
    same("WRONGTYPE" in str(found[2]), True)
    same("not an integer" in str(found[4]), True)


@check
def scripts(r):
    k = key("script")
    same(r.eval("return redis.call('SET', KEYS[1], ARGV[1])", 1, k, "v"), "OK")
    same(r.eval("return {KEYS[1], ARGV[1], 7}", 1, k, "x"), [k, "x", 7])
    add = r.register_script("return redis.call('INCRBY', KEYS[1], ARGV[1])")
    same(add(keys=[key("script:n")], args=[5]), 5)
    same(add(keys=[key("script:n")], args=[5]), 10)
    raises(redis.ResponseError, "boom", lambda: r.eval("return redis.error_reply('ERR boom')", 1, k))


@check
def a_reader_waits_for_the_next_entry_of_a_stream(r):
    k, answers = key("feed"), []
    same(r.xgroup_create(k, "group", "$", mkstream=True), True)
    waiting = threading.Thread(target=lambda: answers.append(r.xreadgroup("group", "me", {k: ">"}, block=20_000)))
    waiting.start()
    entry = r.xadd(k, {"n": 1})
    waiting.join(20)
    same(entry in str(answers), True)


@check
def large_values(r):
    k = key("large")
    for size in (16_383, 65_535, 65_536, 65_537, 1_000_003, 16 * 1024 * 1024):
        value = ("0123456789abcdef" * (size // 16 + 1))[:size]
        same(r.set(k, value), True)
        same(r.strlen(k), size)
        same(r.get(k) == value, True)
    same(r.delete(k), 1)


@check
def errors(r):
    k = key("error")
    r.set(k, "v")
    raises(redis.ResponseError, "WRONGTYPE", lambda: r.lpush(k, "a"))
    raises(redis.ResponseError, "wrong number of arguments", lambda: r.execute_command("GET"))
    raises(redis.ResponseError, "unknown command", lambda: r.execute_command("NOSUCHCOMMAND", k))
    raises(redis.ResponseError, "syntax error", lambda: r.execute_command("SET", k, "v", "NONSENSE"))
    same(r.get(k), "v")


@check
def transactions(r):
    a, b = tagged("block", "a"), tagged("block", "b")
    with r.pipeline(transaction=True) as pipe:
        same(pipe.set(a, 1).incr(a).lpush(b, "x").get(a).execute(), [True, 2, 1, "2"])
        pipe.incr(a).lpush(a, "x").incr(a)
        raises(redis.ResponseError, "WRONGTYPE", pipe.execute)
    same(r.get(a), "4")
    with r.pipeline(transaction=True) as pipe:
        pipe.set(a, 5)
        pipe.execute_command("NOSUCHCOMMAND")
        raises(redis.ResponseError, "unknown command", pipe.execute)
    same(r.get(a), "4")


@check
def watched_keys(r):
    k = key("watched")
    r.set(k, 0)
    with r.pipeline() as pipe:
        pipe.watch(k)
        same(pipe.get(k), "0")
        r.set(k, 10)
        pipe.multi()
        pipe.set(k, 1)
        raises(redis.WatchError, "", pipe.execute)
    same(r.get(k), "10")

    def count_up(_):
        def step(pipe):
            now = int(pipe.get(k))
            pipe.multi()
            pipe.set(k, now + 1)

        for _ in range(25):
            r.transaction(step, k)

    # The loop that redis-py has for this: it tries again until nobody else was quicker.
    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        list(threads.map(count_up, range(8)))
    same(r.get(k), "210")


@check
def blocking(r):
    k, other = tagged("queue", "a"), tagged("queue", "b")
    same(r.blpop([k, other], timeout=0.1), None)
    same(r.blmove(k, other, 0.1), None)
    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        waiting = [threads.submit(r.blpop, [k, other], 10) for _ in range(4)]
        for n in range(4):
            r.rpush(other if n % 2 else k, n)
        found = sorted(future.result()[1] for future in waiting)
        same(found, ["0", "1", "2", "3"])
        reading = threads.submit(r.xread, {key("log"): "$"}, None, 10000)
        # It reads what comes from now on, so it must have begun.
        while not reading.done():
            r.xadd(key("log"), {"n": 1})
            time.sleep(0.05)
        # Pairs in RESP2, a map in RESP3.
        same([str(reading.result()).count(word) for word in (key("log"), "'n'")], [1, 1])


@check
def several_connections_at_once(r):
    pool = r.connection_pool
    taken = [pool.get_connection() for _ in range(20)]
    for n, connection in enumerate(taken):
        connection.send_command("SET", key(f"conn:{n}"), n)
    for connection in taken:
        same(connection.read_response(), "OK")
        pool.release(connection)
    same(r.mget([key(f"conn:{n}") for n in range(20)]), [str(n) for n in range(20)])


def messages(subscriber, count):
    """So many messages, confirmations left out."""
    found = []
    while len(found) < count:
        message = subscriber.get_message(ignore_subscribe_messages=True, timeout=10)
        if message is not None:
            found.append(message)
    return found


@check
def messages_reach_who_is_subscribed(r):
    channels = [key(f"channel:{n}") for n in range(6)]
    exact, fitting = r.pubsub(), r.pubsub()
    exact.subscribe(*channels)
    fitting.psubscribe(key("channel:*"))
    for n, channel in enumerate(channels):
        same(exact.get_message(timeout=10)["data"], n + 1)
        same(channel in r.pubsub_channels(key("*")), True)
    same(fitting.get_message(timeout=10)["type"], "psubscribe")
    same(r.pubsub_numsub(*channels), [(channel, 1) for channel in channels])
    same(r.pubsub_numpat() >= 1, True)
    for n in range(30):
        for channel in channels:
            same(r.publish(channel, n), 2)
    same([m["data"] for m in messages(exact, 180) if m["channel"] == channels[3]], [str(n) for n in range(30)])
    heard = messages(fitting, 180)
    same([m["data"] for m in heard if m["channel"] == channels[4]], [str(n) for n in range(30)])
    same({m["pattern"] for m in heard}, {key("channel:*")})
    exact.ping("still here")
    # It takes the string that RESP3 answers for the array of RESP2, and shows a letter of it.
    same(exact.get_message(timeout=10)["type"] in ("pong", "s"), True)
    exact.unsubscribe(channels[0])
    exact.unsubscribe()
    for n in range(6):
        same(exact.get_message(timeout=10)["type"], "unsubscribe")
    same(r.publish(channels[0], "nobody but the pattern"), 1)
    exact.close()
    fitting.close()


@check
def a_handler_is_called_in_a_thread(r):
    called = []
    subscriber = r.pubsub(ignore_subscribe_messages=True)
    subscriber.subscribe(**{key("handled"): lambda message: called.append(message["data"])})
    thread = subscriber.run_in_thread(sleep_time=0.01)
    for n in range(100):
        r.publish(key("handled"), n)
    for _ in range(1000):
        if len(called) < 100:
            time.sleep(0.01)
    thread.stop()
    thread.join()
    same(called, [str(n) for n in range(100)])


@check
def scan_finds_every_key_of_this_run(r):
    raw = redis.Redis(connection_pool=raw_pool(r))
    found = set(raw.scan_iter(match=f"*{PREFIX}*", count=500))
    same({key("error").encode(), key("conn:19").encode()} <= found, True)
    # And leaves nothing behind.
    for name in found:
        raw.unlink(name)
    same(set(raw.scan_iter(match=f"*{PREFIX}*", count=500)), set())
    raw.close()


@check
def monitor_shows_what_others_say(r):
    with r.monitor() as monitor:
        r.set(key("seen"), "a 'value'")
        said = next(c for c in iter(monitor.next_command, None) if c["command"].startswith("SET"))
    same(said["command"], f"SET {key('seen')} a 'value'")
    same((said["db"], said["client_type"]), (0, "tcp"))
    same(r.delete(key("seen")), 1)


def raw_pool(r):
    """The same server without decoding."""
    given = {**r.connection_pool.connection_kwargs, "decode_responses": False}
    return redis.ConnectionPool(**{name: given[name] for name in ("host", "port", "protocol", "decode_responses")})


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("address", nargs="?", default=os.environ.get("KETCH_ADDRESS"), metavar="HOST:PORT")
    parser.add_argument("--protocol", type=int, choices=(2, 3), default=2)
    parser.add_argument("--without", action="append", default=[], choices=[f.__name__ for f in CHECKS], metavar="CHECK")
    given = parser.parse_args()
    if not given.address:
        parser.error("an address is needed")
    return given


def main():
    given = arguments()
    host, _, port = given.address.rpartition(":")
    r = redis.Redis(host=host, port=int(port), protocol=given.protocol, decode_responses=True, socket_timeout=30)
    try:
        r.ping()
    except redis.RedisError as error:
        print(f"redis-py: {given.address}: {error}", file=sys.stderr)
        return 2
    passed = failed = 0
    for function in CHECKS:
        if function.__name__ in given.without:
            print(f"redis-py: {function.__name__} left out")
            continue
        try:
            function(r)
            passed += 1
        except Exception:  # whatever it was, the others still have their say
            failed += 1
            print(f"redis-py: {function.__name__} FAILED\n{traceback.format_exc()}")
    print(f"redis-py {redis.__version__}: {passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
