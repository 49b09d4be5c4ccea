// A session of ioredis through one address: what an application does on a normal day, and pipelines of thousands.
//
//     node ioredis.mjs HOST:PORT [--without CHECK]...        (or the address in KETCH_ADDRESS)
//
// Prints what failed and ends with 1; 2 means that it could not begin. Every key starts with a prefix of this
// run. Commands of several keys name keys of one hash tag, unless they are split by shard.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { parseArgs } from "node:util";
import { Redis } from "ioredis";

const PREFIX = "ioredis:" + randomBytes(4).toString("hex");
const key = (name) => `${PREFIX}:${name}`;
const tagged = (tag, name) => `{${PREFIX}:${tag}}:${name}`;

const checks = {
  async greeting(r) {
    assert.equal(await r.ping(), "PONG");
    assert.equal(await r.echo("hello"), "hello");
    assert.match(await r.info(), /^redis_version:/m);
    assert.equal(await r.client("SETNAME", "ketch-test"), "OK");
    assert.equal(await r.client("GETNAME"), "ketch-test");
  },

  async strings(r) {
    const k = key("string");
    assert.equal(await r.get(k), null);
    assert.equal(await r.set(k, "one"), "OK");
    assert.equal(await r.set(k, "two", "NX"), null);
    assert.equal(await r.append(k, "!"), 4);
    assert.equal(await r.getrange(k, 0, 2), "one");
    assert.equal(await r.getset(k, "3"), "one!");
    assert.equal(await r.incr(k), 4);
    assert.equal(await r.incrbyfloat(k, 0.5), "4.5");
    assert.equal(await r.getdel(k), "4.5");
  },

  async everyByteComesBack(r) {
    const k = key("bytes");
    const value = Buffer.concat([Buffer.from(Array.from({ length: 256 }, (_, n) => n)), Buffer.from("\r\n$-1\r\n*2\r\n")]);
    await r.set(k, value);
    assert.deepEqual(await r.getBuffer(k), value);
    await r.set(k, "grüße, 世界");
    assert.equal(await r.get(k), "grüße, 世界");
  },

  async hashes(r) {
    const k = key("hash");
    assert.equal(await r.hset(k, { a: 1, b: "two", c: "" }), 3);
    assert.deepEqual(await r.hgetall(k), { a: "1", b: "two", c: "" });
    assert.deepEqual(await r.hmget(k, "a", "missing", "c"), ["1", null, ""]);
    assert.equal(await r.hincrby(k, "a", 5), 6);
    assert.equal(await r.hdel(k, "a", "b"), 2);
  },

  async lists(r) {
    const k = key("list");
    assert.equal(await r.rpush(k, "a", "b", "c"), 3);
    assert.deepEqual(await r.lrange(k, 0, -1), ["a", "b", "c"]);
    assert.deepEqual(await r.rpop(k, 2), ["c", "b"]);
    await r.rpush(tagged("l", "from"), "v");
    assert.equal(await r.rpoplpush(tagged("l", "from"), tagged("l", "to")), "v");
  },

  async sets(r) {
    const [one, two] = [tagged("s", "1"), tagged("s", "2")];
    assert.equal(await r.sadd(one, "a", "b"), 2);
    assert.equal(await r.sadd(two, "b", "c"), 2);
    assert.deepEqual(await r.sinter(one, two), ["b"]);
    assert.equal(await r.sismember(one, "a"), 1);
    assert.deepEqual((await r.smembers(one)).sort(), ["a", "b"]);
  },

  async sortedSets(r) {
    const k = key("zset");
    assert.equal(await r.zadd(k, 1, "a", 2.5, "b", -3, "c"), 3);
    assert.deepEqual(await r.zrange(k, 0, -1, "WITHSCORES"), ["c", "-3", "a", "1", "b", "2.5"]);
    assert.equal(await r.zscore(k, "b"), "2.5");
    assert.deepEqual(await r.zpopmin(k), ["c", "-3"]);
  },

  async streams(r) {
    const k = key("stream");
    const first = await r.xadd(k, "*", "n", "1");
    const second = await r.xadd(k, "*", "n", "2");
    assert.deepEqual(await r.xrange(k, "-", "+"), [[first, ["n", "1"]], [second, ["n", "2"]]]);
    assert.deepEqual(await r.xread("STREAMS", k, first), [[k, [[second, ["n", "2"]]]]]);
    await r.xgroup("CREATE", k, "readers", "0");
    assert.deepEqual(await r.xreadgroup("GROUP", "readers", "me", "COUNT", 1, "STREAMS", k, ">"), [[k, [[first, ["n", "1"]]]]]);
    assert.equal(await r.xack(k, "readers", first), 1);
  },

  async expiry(r) {
    const k = key("expiry");
    await r.set(k, "v", "EX", 100);
    const ttl = await r.ttl(k);
    assert.ok(ttl > 0 && ttl <= 100, `ttl ${ttl}`);
    assert.equal(await r.persist(k), 1);
    assert.equal(await r.ttl(k), -1);
    assert.equal(await r.expire(k, 0), 1);
    assert.equal(await r.exists(k), 0);
  },

  async manyKeys(r) {
    const names = Array.from({ length: 500 }, (_, n) => key(`many:${n}`));
    assert.equal(await r.mset(Object.fromEntries(names.map((name, n) => [name, n]))), "OK");
    assert.deepEqual(await r.mget(names), names.map((_, n) => String(n)));
    assert.deepEqual(await r.mget(names[3], key("missing"), names[3]), ["3", null, "3"]);
    assert.equal(await r.exists(...names.slice(0, 10), key("missing")), 10);
    assert.equal(await r.del(...names.slice(0, 100), key("missing")), 100);
    assert.equal(await r.unlink(...names.slice(100)), 400);
  },

  async pipelinesOfThousands(r) {
    const pipe = r.pipeline();
    for (let n = 0; n < 10000; n += 1) pipe.set(key(`pipe:${n % 100}`), n).get(key(`pipe:${n % 100}`));
    const found = await pipe.exec();
    assert.equal(found.length, 20000);
    for (let n = 0; n < 10000; n += 1) {
      assert.deepEqual(found[2 * n], [null, "OK"]);
      assert.deepEqual(found[2 * n + 1], [null, String(n)]);
    }
  },

  async anErrorInAPipelineStaysAtItsPlace(r) {
    const k = key("pipe:list");
    const found = await r.pipeline().lpush(k, "a").get(k).lrange(k, 0, -1).exec();
    assert.deepEqual(found[0], [null, 1]);
    assert.match(found[1][0].message, /^WRONGTYPE/);
    assert.deepEqual(found[2], [null, ["a"]]);
  },

  async commandsInFlightWithoutWaiting(r) {
    const counter = key("counter");
    const found = await Promise.all(Array.from({ length: 3000 }, () => r.incr(counter)));
    assert.deepEqual(found, Array.from({ length: 3000 }, (_, n) => n + 1));
  },

  async autoPipelining(r, options) {
    const auto = new Redis({ ...options, enableAutoPipelining: true });
    try {
      const names = Array.from({ length: 1000 }, (_, n) => key(`auto:${n}`));
      await Promise.all(names.map((name, n) => auto.set(name, n)));
      assert.deepEqual(await Promise.all(names.map((name) => auto.get(name))), names.map((_, n) => String(n)));
    } finally {
      auto.disconnect();
    }
  },

  async transactions(r) {
    const [a, b] = [tagged("block", "a"), tagged("block", "b")];
    const found = await r.multi().set(a, 1).incr(a).lpush(b, "x").get(a).exec();
    assert.deepEqual(found, [[null, "OK"], [null, 2], [null, 1], [null, "2"]]);
    const mixed = await r.multi().incr(a).lpush(a, "x").incr(a).exec();
    assert.equal(mixed[0][1], 3);
    assert.match(mixed[1][0].message, /WRONGTYPE/);
    assert.equal(mixed[2][1], 4);
    await assert.rejects(r.multi().set(a, 5).call("NOSUCHCOMMAND").exec(), /EXECABORT/);
    assert.equal(await r.get(a), "4");
    await r.multi({ pipeline: false });
    assert.equal(await r.set(a, 6), "QUEUED");
    assert.equal(await r.discard(), "OK");
    assert.equal(await r.get(a), "4");
  },

  async watchedKeys(r, options) {
    const k = key("watched");
    const other = new Redis(options);
    await r.watch(k);
    await other.set(k, 1);
    assert.equal(await r.multi().set(k, 2).exec(), null);
    await r.watch(k);
    assert.deepEqual(await r.multi().set(k, 3).exec(), [[null, "OK"]]);
    assert.equal(await other.get(k), "3");
    await other.quit();
  },

  async blocking(r, options) {
    const k = key("queue");
    const waiting = Array.from({ length: 4 }, () => new Redis(options));
    const popped = waiting.map((client) => client.blpop(k, 10));
    await r.rpush(k, 0, 1, 2, 3);
    assert.deepEqual((await Promise.all(popped)).map(([, element]) => element).sort(), ["0", "1", "2", "3"]);
    assert.equal(await waiting[0].blpop(k, 0.1), null);
    assert.equal(await waiting[0].get(k), null, "and goes on");
    await Promise.all(waiting.map((client) => client.quit()));
  },

  async scripts(r) {
    const k = key("script");
    assert.deepEqual(await r.eval("return {KEYS[1], ARGV[1], 7}", 1, k, "x"), [k, "x", 7]);
    // Asks with EVALSHA first, and falls back to EVAL on NOSCRIPT.
    r.defineCommand("addTo", { numberOfKeys: 1, lua: "return redis.call('INCRBY', KEYS[1], ARGV[1])" });
    assert.equal(await r.addTo(k, 5), 5);
    assert.equal(await r.addTo(k, 5), 10);
    await assert.rejects(r.eval("return redis.error_reply('ERR boom')", 1, k), /boom/);
  },

  async largeValues(r) {
    const k = key("large");
    for (const size of [65535, 65536, 65537, 1000003, 16 * 1024 * 1024]) {
      const value = Buffer.alloc(size, "0123456789abcdef");
      assert.equal(await r.set(k, value), "OK");
      assert.ok(value.equals(await r.getBuffer(k)), `${size} bytes`);
    }
  },

  async errors(r) {
    const k = key("error");
    await r.set(k, "v");
    await assert.rejects(r.lpush(k, "a"), /^ReplyError: WRONGTYPE/);
    await assert.rejects(r.call("GET"), /wrong number of arguments/);
    await assert.rejects(r.call("NOSUCHCOMMAND", k), /unknown command/);
    assert.equal(await r.get(k), "v");
  },

  async messagesReachWhoIsSubscribed(r, options) {
    const [exact, fitting] = [new Redis(options), new Redis(options)];
    const channels = [0, 1, 2, 3, 4, 5].map((n) => key(`channel:${n}`));
    const heard = [];
    exact.on("message", (channel, message) => heard.push(`${channel} ${message}`));
    fitting.on("pmessage", (pattern, channel, message) => heard.push(`${pattern} ${channel} ${message}`));
    assert.equal(await exact.subscribe(...channels), 6);
    assert.equal(await fitting.psubscribe(key("channel:*")), 1);
    await assert.rejects(exact.call("GET", "k"));
    const expected = [];
    for (const channel of channels) {
      for (let n = 0; n < 20; n += 1) {
        assert.equal(await r.publish(channel, n), 2);
        expected.push(`${channel} ${n}`, `${key("channel:*")} ${channel} ${n}`);
      }
    }
    for (let n = 0; n < 1000 && heard.length < expected.length; n += 1) await new Promise((done) => setTimeout(done, 10));
    assert.deepEqual(heard.sort(), expected.sort());
    assert.equal(await exact.unsubscribe(...channels), 0);
    assert.equal(await r.publish(channels[0], "x"), 1);
    exact.disconnect();
    fitting.disconnect();
  },

  async scanFindsEveryKeyOfThisRun(r) {
    const found = new Set();
    for await (const batch of r.scanStream({ match: `*${PREFIX}*`, count: 500 })) batch.forEach((name) => found.add(name));
    assert.ok(found.has(key("error")));
    assert.ok(found.has(key("pipe:99")));
    // And leaves nothing behind.
    for (const name of found) await r.unlink(name);
  },
};

function refuse(message) {
  console.error(`ioredis: ${message}`);
  process.exit(2);
}

const given = parseArgs({ allowPositionals: true, options: { without: { type: "string", multiple: true, default: [] } } });
const address = given.positionals[0] ?? process.env.KETCH_ADDRESS ?? "";
const [, host, port] = address.match(/^(.*):(\d+)$/) ?? refuse("usage: node ioredis.mjs HOST:PORT [--without CHECK]...");
for (const name of given.values.without) if (!(name in checks)) refuse(`there is no check ${name}`);
// The ready check asks INFO, and waits while `loading` is 1. No reconnecting: a lost connection is a failure.
const options = { host, port: Number(port), enableReadyCheck: true, retryStrategy: null, maxRetriesPerRequest: 0, commandTimeout: 30000 };
const r = new Redis(options);
r.on("error", (error) => console.error(`ioredis: ${error.message}`));
await r.ping().catch((error) => refuse(`${address}: ${error.message}`));

let [passed, failed] = [0, 0];
for (const [name, check] of Object.entries(checks)) {
  if (given.values.without.includes(name)) {
    console.log(`ioredis: ${name} left out`);
    continue;
  }
  try {
    await check(r, options);
    passed += 1;
  } catch (error) {
    failed += 1;
    console.log(`ioredis: ${name} FAILED\n${error.stack}`);
  }
}
await r.quit().catch(() => r.disconnect());
console.log(`ioredis: ${passed} passed, ${failed} failed`);
// Not by waiting: ioredis keeps a timer for some seconds after its last connection is closed.
process.exit(failed ? 1 : 0);
