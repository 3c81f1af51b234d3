// SPDX-License-Identifier: Apache-2.0
// @azure/arm-machinelearning, as published, against the lab: online endpoints and their keys.
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

test("a key is set to a given value", async () => {
  const body = { keyType: "Primary", keyValue: "0123456789abcdef0123456789ABCDEF" };
  await regenerate(body, "ep-0002");
  assert.equal((await listKeys("ep-0002")).primaryKey, body.keyValue);
});

test("what does not exist has ARM's code", async () => {
  await assert.rejects(endpoints.get(...workspace, "no-such"), { statusCode: 404, code: "ResourceNotFound" });
  await assert.rejects(endpoints.listKeys("no-such", lab.workspace, lab.endpoint),
    { statusCode: 404, code: "ResourceGroupNotFound" });
  await assert.rejects(endpoints.get(lab.resource_group, "no-such", lab.endpoint), { statusCode: 404, code: "ParentResourceNotFound" });
});

test("what no role allows has ARM's code", async () => {
  await control("POST", "/roles", { revoke: "*" });
  await assert.rejects(listKeys(), { statusCode: 403, code: "AuthorizationFailed" });
  await control("POST", "/roles", { grant: "Key Watcher" });
  assert.ok((await listKeys()).primaryKey);
  await assert.rejects(regenerate({ keyType: "Primary" }), { statusCode: 403, code: "AuthorizationFailed" });
});

test("what a deny assignment forbids has ARM's code", async () => {
  await control("POST", "/roles", { deny: "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/regenerateKeys/action" });
  assert.ok((await listKeys()).primaryKey);
  await assert.rejects(regenerate({ keyType: "Primary" }), { statusCode: 403, code: "DenyAssignmentAuthorizationFailed" });
});

test("a claims challenge is answered with a token made in knowledge of it", async () => {
  const client = endpointsBy(bySecret());
  assert.ok((await client.listKeys(...workspace, lab.endpoint)).primaryKey);
  await fault({ target: "arm", kind: "claims_challenge", times: 0 });
  const requests = await asked(async () => assert.ok((await client.listKeys(...workspace, lab.endpoint)).primaryKey));
  assert.deepEqual(requests.filter((r) => r.target === "arm").map((r) => r.status), [401, 200]);
});

test("over its quota: waits as told and goes on", async () => {
  await control("POST", "/quota", { writes: 1, refill: 1 });
  const requests = await asked(async () => { await listKeys(); await listKeys(); });
  assert.deepEqual(requests.map((r) => r.status), [200, 429, 200]);
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

test("stale keys are what was true before", async () => {
  const old = await keysNow();
  await control("POST", "/regenerate", { endpoint: lab.endpoint, slot: "primary", caller: "ana@example.org" });
  await fault({ target: "arm", kind: "stale", times: 1 });
  assert.equal((await listKeys()).primaryKey, old.primary);
  assert.notEqual((await listKeys()).primaryKey, old.primary);
});
