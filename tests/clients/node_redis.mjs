// A session of node-redis through one address, in RESP2 and then in RESP3: pipelines, transactions, scripts,
// streams, publishing, blocking.
//
//     node node_redis.mjs HOST:PORT [--without CHECK]...        (or the address in KETCH_ADDRESS)
//
// Prints what failed and ends with 1; 2 means that it could not begin. Every key starts with a prefix of this
// run. Commands of several keys name keys of one hash tag, unless they are split by shard.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { parseArgs } from "node:util";
import { createClient, defineScript, WatchError } from "redis";

const PREFIX = "node-redis:" + randomBytes(4).toString("hex");
const key = (name) => `${PREFIX}:${name}`;
const tagged = (tag, name) => `{${PREFIX}:${tag}}:${name}`;
const plain = (map) => Object.fromEntries(Object.entries(map));

const scripts = {
  addTo: defineScript({
    SCRIPT: "return redis.call('INCRBY', KEYS[1], ARGV[1])",
    NUMBER_OF_KEYS: 1,
    parseCommand: (parser, name, by) => {
      parser.pushKey(name);
      parser.push(String(by));
    },
    transformReply: undefined,
  }),
};

const checks = {
  async values(r) {
    const k = key("value");
    assert.equal(await r.ping(), "PONG");
    assert.equal(await r.get(k), null);
    assert.equal(await r.set(k, "grüße, 世界"), "OK");
    assert.equal(await r.get(k), "grüße, 世界");
    assert.equal(await r.hSet(key("hash"), { a: "1", b: "two" }), 2);
    assert.deepEqual(plain(await r.hGetAll(key("hash"))), { a: "1", b: "two" });
    await r.sAdd(key("set"), ["x", "y"]);
    assert.deepEqual([...(await r.sMembers(key("set")))].sort(), ["x", "y"]);
    await r.zAdd(key("zset"), [{ score: 1.5, value: "a" }, { score: 2.5, value: "b" }]);
    assert.equal(await r.zScore(key("zset"), "a"), 1.5);
    assert.deepEqual(await r.zRangeWithScores(key("zset"), 0, -1), [{ value: "a", score: 1.5 }, { value: "b", score: 2.5 }]);
    await assert.rejects(r.lPush(k, "x"), /^SimpleError: WRONGTYPE|WRONGTYPE/);
  },

  async manyAtOnce(r) {
    const names = Array.from({ length: 2000 }, (_, n) => key(`many:${n}`));
    await Promise.all(names.map((name, n) => r.set(name, String(n))));
    assert.deepEqual(await Promise.all(names.map((name) => r.get(name))), names.map((_, n) => String(n)));
    assert.deepEqual(await r.mGet([names[7], key("missing"), names[7]]), ["7", null, "7"]);
    assert.equal(await r.del(names.slice(0, 500)), 500);
  },

  async transactions(r) {
    const [one, two] = [tagged("t", "1"), tagged("t", "2")];
    assert.deepEqual(await r.multi().set(one, "a").get(one).incr(two).exec(), ["OK", "a", 1]);
    assert.deepEqual(await r.multi().execAsPipeline(), []);
    await assert.rejects(r.multi().lPush(one, "x").incr(two).exec());
    assert.equal(await r.get(two), "2");
  },

  async aWatchedKeyThatChangedStopsTheTransaction(r) {
    const k = key("watched");
    const watcher = await r.duplicate().connect();
    try {
      await watcher.watch(k);
      await r.set(k, "5");
      await assert.rejects(watcher.multi().set(k, "2").exec(), WatchError);
      await watcher.watch(k);
      assert.deepEqual(await watcher.multi().incr(k).exec(), [6]);
    } finally {
      watcher.destroy();
    }
  },

  async scriptsAreSentOnceAndCalledByTheirHash(r) {
    for (let n = 0; n < 20; n += 1) assert.equal(await r.addTo(key(`script:${n}`), n), n);
    assert.equal(await r.eval("return ARGV[1]", { keys: [key("script")], arguments: ["x"] }), "x");
  },

  async whoeverWaitsForAListGetsWhatIsPushed(r) {
    const waiting = await r.duplicate().connect();
    try {
      const popped = waiting.blPop(key("queue"), 20);
      await r.rPush(key("queue"), "job");
      assert.deepEqual(plain(await popped), { key: key("queue"), element: "job" });
      assert.equal(await waiting.blPop(key("queue"), 0.05), null);
    } finally {
      waiting.destroy();
    }
  },

  async aReaderWaitsForTheNextEntryOfAStream(r) {
    const k = key("feed");
    const reader = await r.duplicate().connect();
    try {
      await r.xGroupCreate(k, "group", "$", { MKSTREAM: true });
      const next = reader.xReadGroup("group", "me", { key: k, id: ">" }, { BLOCK: 20000 });
      const id = await r.xAdd(k, "*", { n: "1" });
      // An array in RESP2, a map in RESP3.
      const read = await next;
      assert.match(JSON.stringify(read), new RegExp(id));
      assert.equal(await r.xAck(k, "group", id), 1);
    } finally {
      reader.destroy();
    }
  },

  async subscribersHearWhatIsPublished(r) {
    const [channel, pattern] = [key("channel"), key("pattern:")];
    const subscriber = await r.duplicate().connect();
    const heard = [];
    let done;
    const all = new Promise((resolve) => (done = resolve));
    const take = (text, from) => heard.push([from, text]) === 3 && done();
    try {
      await subscriber.subscribe(channel, take);
      await subscriber.pSubscribe(`${pattern}*`, take);
      assert.equal(await r.publish(channel, "a"), 1);
      await r.publish(channel, "b");
      await r.publish(`${pattern}x`, "c");
      await all;
      assert.deepEqual(heard.filter(([from]) => from === channel), [[channel, "a"], [channel, "b"]]);
      assert.ok(heard.some(([from, text]) => from === `${pattern}x` && text === "c"));
      await subscriber.unsubscribe(channel);
      await subscriber.pUnsubscribe(`${pattern}*`);
    } finally {
      subscriber.destroy();
    }
  },

  async scanFindsEveryKeyOfThisRun(r) {
    const found = new Set();
    for await (const batch of r.scanIterator({ MATCH: `*${PREFIX}*`, COUNT: 500 })) batch.forEach((name) => found.add(name));
    for (const name of [key("hash"), key("many:1999"), key("feed")]) assert.ok(found.has(name), name);
    // And leaves nothing behind.
    await Promise.all([...found].map((name) => r.unlink(name)));
  },
};

function refuse(message) {
  console.error(`node-redis: ${message}`);
  process.exit(2);
}

const given = parseArgs({ allowPositionals: true, options: { without: { type: "string", multiple: true, default: [] } } });
const address = given.positionals[0] ?? process.env.KETCH_ADDRESS ?? "";
const [, host, port] = address.match(/^(.*):(\d+)$/) ?? refuse("usage: node node_redis.mjs HOST:PORT [--without CHECK]...");
for (const name of given.values.without) if (!(name in checks)) refuse(`there is no check ${name}`);

let [passed, failed] = [0, 0];
for (const RESP of [2, 3]) {
  // No reconnecting: a lost connection is a failure.
  const r = createClient({ socket: { host, port: Number(port), reconnectStrategy: false }, RESP, scripts });
  r.on("error", (error) => console.error(`node-redis: ${error.message}`));
  await r.connect().catch((error) => refuse(`${address}: ${error.message}`));
  for (const [name, check] of Object.entries(checks)) {
    if (given.values.without.includes(name)) continue;
    try {
      const late = new Promise((_, reject) => setTimeout(() => reject(new Error("not done after 30 s")), 30000).unref());
      await Promise.race([check(r), late]);
      passed += 1;
    } catch (error) {
      failed += 1;
      console.log(`node-redis: ${name} FAILED in RESP${RESP}\n${error.stack}`);
    }
  }
  r.destroy();
}
console.log(`node-redis: ${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
