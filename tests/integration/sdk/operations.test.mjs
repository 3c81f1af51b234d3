// SPDX-License-Identifier: Apache-2.0
// @azure/arm-machinelearning, as published, against the lab: regenerating keys, and following the operations it starts.
import assert from "node:assert/strict";
import { test } from "node:test";
import { asked, bySecret, control, endpointsBy, fault, keysNow, lab, workspace } from "./support.mjs";

const endpoints = endpointsBy(bySecret());
const listKeys = (name = lab.endpoint) => endpoints.listKeys(...workspace, name);
const regenerate = (body, name = lab.endpoint) => endpoints.beginRegenerateKeysAndWait(...workspace, name, body);

for (const [slot, other] of [["Primary", "secondary"], ["Secondary", "primary"]]) {
  test(`the ${slot.toLowerCase()} key is regenerated, once`, async () => {
    const old = await keysNow();
    const requests = await asked(() => regenerate({ keyType: slot }));
    const fresh = await listKeys();
    assert.notEqual(fresh[slot.toLowerCase() + "Key"], old[slot.toLowerCase()]);
    assert.equal(fresh[other + "Key"], old[other]);
    const posts = requests.filter((r) => r.path.endsWith("/regenerateKeys"));
    assert.deepEqual(posts.map((r) => r.status), [202]);
  });
}

test("an operation is followed by a poller that was stored meanwhile", async () => {
  const old = await keysNow("/ep-0003");
  const poller = await endpoints.beginRegenerateKeys(...workspace, "ep-0003", { keyType: "Primary" });
  const stored = poller.toString();
  const resumed = await endpoints.beginRegenerateKeys(...workspace, "ep-0003", { keyType: "Primary" }, { resumeFrom: stored });
  await resumed.pollUntilDone();
  assert.notEqual((await listKeys("ep-0003")).primaryKey, old.primary);
});

for (const [style, statuses] of [["sync", [200]], ["both", [202]], ["same", [202]], ["location", [202]], ["status", [202]]]) {
  test(`an operation is followed to its end in the style "${style}"`, async () => {
    const name = "ep-0006";
    await control("POST", "/modes", { operation: style });
    const old = await keysNow("/" + name);
    const requests = await asked(() => regenerate({ keyType: "Secondary" }, name));
    assert.deepEqual(requests.filter((r) => r.method === "POST" && r.target === "arm").map((r) => r.status), statuses);
    assert.equal(requests.some((r) => r.method === "GET" && /locations/.test(r.path)), style !== "sync");
    const fresh = await listKeys(name);
    assert.notEqual(fresh.secondaryKey, old.secondary);
    assert.equal(fresh.primaryKey, old.primary);
  });
}

test("an operation that fails says so, and the key is as it was", async () => {
  const old = await keysNow("/ep-0007");
  await fault({ target: "arm", kind: "operation_failed", times: 1 });
  await assert.rejects(regenerate({ keyType: "Primary" }, "ep-0007"), /long-running operation has failed.*InternalServerError/s);
  assert.equal((await listKeys("ep-0007")).primaryKey, old.primary);
});

test("an operation that never ends is still running for whoever looks", async () => {
  await fault({ target: "arm", kind: "operation_hangs", times: 1 });
  const poller = await endpoints.beginRegenerateKeys(...workspace, "ep-0008", { keyType: "Primary" });
  await poller.poll();
  assert.equal(poller.isDone(), false);
});

test("a conflict has ARM's code and is final", async () => {
  await fault({ target: "arm", kind: "status", status: 409, path: "*/regenerateKeys" });
  const requests = await asked(() =>
    assert.rejects(regenerate({ keyType: "Primary" }, "ep-0004"), { statusCode: 409, code: "Conflict" }));
  assert.deepEqual(requests.map((r) => r.status), [409]);
});

test("a regeneration that is carried out and answered with 500 is sent again by the SDK", async () => {
  await fault({ target: "arm", kind: "status", status: 500, after: true, times: 1, path: "*/regenerateKeys" });
  const requests = await asked(() => regenerate({ keyType: "Primary" }, "ep-0005").catch(() => {}));
  assert.ok(requests.filter((r) => r.path.endsWith("/regenerateKeys")).length >= 2);
});
