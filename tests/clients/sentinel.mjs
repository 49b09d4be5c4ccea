// ioredis with `sentinels`, pointed at Ketch as if Ketch were a Sentinel.
//
//     node sentinel.mjs HOST:PORT NAME

import assert from "node:assert/strict";
import { Redis } from "ioredis";

const [address, name] = process.argv.slice(2);
const [host, port] = address.split(":");
const sentinels = [{ host, port: Number(port) }];
const options = { sentinels, name, sentinelRetryStrategy: () => null, retryStrategy: () => null };

const primary = new Redis({ ...options, role: "master" });
assert.equal(await primary.set("sentinel:ioredis", "1"), "OK");
assert.equal(await primary.get("sentinel:ioredis"), "1");
primary.disconnect();

const replica = new Redis({ ...options, role: "slave" });
await assert.rejects(replica.set("sentinel:ioredis", "2"), /READONLY/);
replica.disconnect();
console.log("ok");
