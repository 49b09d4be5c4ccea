#!/usr/bin/env python3
"""A session of redis-py through one address: what an application does on a normal day.

    redis_py.py HOST:PORT [--protocol 2|3] [--without CHECK]...        (or the address in KETCH_ADDRESS)

Prints what failed and ends with 1; 2 means that it could not begin. Every key starts with a prefix of this
run, so that it can meet a server that is in use. Only commands that a sharded pool can keep exactly are
used: a command of several keys names keys of one hash tag, unless it is one that is split by shard.
"""

import argparse
import os
import sys
import threading
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
def transactions(r):
    one, two = tagged("t", "1"), tagged("t", "2")
    with r.pipeline() as pipe:
        same(pipe.set(one, "a").get(one).incr(two).execute(), [True, "a", 1])
        found = pipe.lpush(one, "x").incr(two).execute(raise_on_error=False)
        same("WRONGTYPE" in str(found[0]) and found[1] == 2, True)
        pipe.incr(two).execute_command("GET")
        raises(redis.ResponseError, "wrong number of arguments", pipe.execute)
    same(r.get(two), "2")


@check
def a_watched_key_that_changed_stops_the_transaction(r):
    k = key("watched")
    with r.pipeline() as pipe:
        pipe.watch(k)
        same(pipe.get(k), None)
        r.set(k, 5)
        pipe.multi()
        pipe.set(k, 1)
        raises(redis.WatchError, "", pipe.execute)
    same(r.transaction(lambda pipe: (pipe.get(k), pipe.multi(), pipe.incr(k)), k), [6])


@check
def whoever_waits_for_a_list_gets_what_is_pushed(r):
    k, answers = key("queue"), []
    waiting = threading.Thread(target=lambda: answers.append(r.blpop([k], timeout=20)))
    waiting.start()
    while r.info("clients")["blocked_clients"] == 0 and not answers:
        pass
    same(r.rpush(k, "job"), 1)
    waiting.join(20)
    same([list(answer) for answer in answers], [[k, "job"]])
    same(r.blpop([k], timeout=0.05), None)
    r.zadd(key("zqueue"), {"m": 1})
    same([str(part) for part in r.bzpopmin(key("zqueue"), timeout=20)], [key("zqueue"), "m", "1.0"])


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
def subscribers_hear_what_is_published(r):
    channel, pattern = key("channel"), key("pattern:")
    with r.pubsub() as subscriber:
        subscriber.subscribe(channel)
        subscriber.psubscribe(pattern + "*")
        heard = [subscriber.get_message(timeout=20) for _ in range(2)]
        same([m["type"] for m in heard], ["subscribe", "psubscribe"])
        same([m["data"] for m in heard], [1, 2])
        same(r.publish(channel, "a"), 1)
        same(r.publish(channel, "b"), 1)
        heard = [subscriber.get_message(timeout=20)["data"] for _ in range(2)]
        same(heard, ["a", "b"])
        same(r.publish(pattern + "x", "c"), 1)
        message = subscriber.get_message(timeout=20)
        same((message["type"], message["pattern"], message["channel"]), ("pmessage", pattern + "*", pattern + "x"))
        subscriber.unsubscribe(channel)
        same(subscriber.get_message(timeout=20)["type"], "unsubscribe")


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
def several_connections_at_once(r):
    pool = r.connection_pool
    taken = [pool.get_connection() for _ in range(20)]
    for n, connection in enumerate(taken):
        connection.send_command("SET", key(f"conn:{n}"), n)
    for connection in taken:
        same(connection.read_response(), "OK")
        pool.release(connection)
    same(r.mget([key(f"conn:{n}") for n in range(20)]), [str(n) for n in range(20)])


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
