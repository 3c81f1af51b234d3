// SPDX-License-Identifier: Apache-2.0
// @azure/arm-machinelearning, as published, against the lab: every operation on online endpoints that keydrift uses.
import assert from "node:assert/strict";
import { test } from "node:test";
import { asked, bySecret, control, endpointsBy, fault, keysNow, lab, workspace } from "./support.mjs";

const endpoints = endpointsBy(bySecret());
const listKeys = (name = lab.endpoint) => endpoints.listKeys(...workspace, name);
const regenerate = (body, name = lab.endpoint) => endpoints.beginRegenerateKeysAndWait(...workspace, name, body);

test("an endpoint is read", async () => {
  const endpoint = await endpoints.get(...workspace, lab.endpoint);
  assert.equal(endpoint.properties.authMode, "Key");
  assert.equal(endpoint.properties.provisioningState, "Succeeded");
  assert.equal(endpoint.properties.scoringUri, lab.scoring_url);
  assert.ok(endpoint.systemData.createdAt instanceof Date);
  assert.ok([null, undefined].includes(endpoint.properties.keys));
});

test("all endpoints are listed, over more than one page", async () => {
  const names = [];
  const requests = await asked(async () => {
    for await (const endpoint of endpoints.list(...workspace)) names.push(endpoint.name);
  });
  assert.equal(names.length, 60);
  assert.equal(new Set(names).size, 60);
  assert.equal(requests.filter((r) => r.target === "arm").length, 2);
});

test("names are found in any case", async () => {
  const endpoint = await endpoints.get(lab.resource_group.toUpperCase(), lab.workspace, lab.endpoint.toUpperCase());
  assert.equal(endpoint.name, lab.endpoint);
});

test("keys are listed", async () => {
  const keys = await listKeys();
  const { primary, secondary } = await keysNow();
  assert.deepEqual([keys.primaryKey, keys.secondaryKey], [primary, secondary]);
});

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

test("a key is set to a given value", async () => {
  const body = { keyType: "Primary", keyValue: "0123456789abcdef0123456789ABCDEF" };
  await regenerate(body, "ep-0002");
  assert.equal((await listKeys("ep-0002")).primaryKey, body.keyValue);
});

test("an operation is followed by a poller that was stored meanwhile", async () => {
  const old = await keysNow("/ep-0003");
  const poller = await endpoints.beginRegenerateKeys(...workspace, "ep-0003", { keyType: "Primary" });
  const stored = poller.toString();
  const resumed = await endpoints.beginRegenerateKeys(...workspace, "ep-0003", { keyType: "Primary" }, { resumeFrom: stored });
  await resumed.pollUntilDone();
  assert.notEqual((await listKeys("ep-0003")).primaryKey, old.primary);
});

test("a conflict has ARM's code and is final", async () => {
  await fault({ target: "arm", kind: "status", status: 409, path: "*/regenerateKeys" });
  const requests = await asked(() =>
    assert.rejects(regenerate({ keyType: "Primary" }, "ep-0004"), { statusCode: 409, code: "Conflict" }));
  assert.deepEqual(requests.map((r) => r.status), [409]);
});

test("what does not exist has ARM's code", async () => {
  await assert.rejects(endpoints.get(...workspace, "no-such"), { statusCode: 404, code: "ResourceNotFound" });
  await assert.rejects(endpoints.listKeys("no-such", lab.workspace, lab.endpoint),
    { statusCode: 404, code: "ResourceGroupNotFound" });
  await assert.rejects(endpoints.get(lab.resource_group, "no-such", lab.endpoint), { statusCode: 404, code: "ParentResourceNotFound" });
});

test("what is not allowed has ARM's code", async () => {
  await fault({ target: "arm", kind: "status", status: 403, path: "*/listKeys" });
  await assert.rejects(listKeys(), { statusCode: 403, code: "AuthorizationFailed" });
});

test("a token nobody issued is refused", async () => {
  const forged = { getToken: async () => ({ token: "a.b.c", expiresOnTimestamp: Date.now() + 3600e3 }) };
  await assert.rejects(endpointsBy(forged).get(...workspace, lab.endpoint),
    { statusCode: 401, code: "InvalidAuthenticationToken" });
});

test("throttled with Retry-After: waits as told and goes on", async () => {
  await fault({ target: "arm", kind: "status", status: 429, retry_after: 1, times: 1, path: "*/listKeys" });
  const start = Date.now();
  const requests = await asked(async () => assert.ok((await listKeys()).primaryKey));
  assert.ok(Date.now() - start >= 1000);
  assert.deepEqual(requests.map((r) => r.status), [429, 200]);
});

test("throttled without Retry-After: the code comes through", async () => {
  await fault({ target: "arm", kind: "status", status: 429, path: "*/listKeys" });
  await assert.rejects(listKeys(), { statusCode: 429, code: "SubscriptionRequestsThrottled" });
});

test("a failure of ARM's is tried again", async () => {
  await fault({ target: "arm", kind: "status", status: 503, times: 1, path: "*/listKeys" });
  const requests = await asked(async () => assert.ok((await listKeys()).primaryKey));
  assert.deepEqual(requests.map((r) => r.status), [503, 200]);
});

test("a lost connection is tried again", async () => {
  await fault({ target: "arm", kind: "reset", times: 1 });
  assert.equal((await endpoints.get(...workspace, lab.endpoint)).name, lab.endpoint);
});

test("a regeneration that is carried out and answered with 500 is sent again by the SDK", async () => {
  await fault({ target: "arm", kind: "status", status: 500, after: true, times: 1, path: "*/regenerateKeys" });
  const requests = await asked(() => regenerate({ keyType: "Primary" }, "ep-0005").catch(() => {}));
  assert.ok(requests.filter((r) => r.path.endsWith("/regenerateKeys")).length >= 2);
});

test("stale keys are what was true before", async () => {
  const old = await keysNow();
  await control("POST", "/regenerate", { endpoint: lab.endpoint, slot: "primary", caller: "ana@example.org" });
  await fault({ target: "arm", kind: "stale", times: 1 });
  assert.equal((await listKeys()).primaryKey, old.primary);
  assert.notEqual((await listKeys()).primaryKey, old.primary);
});
