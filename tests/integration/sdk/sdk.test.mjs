// SPDX-License-Identifier: Apache-2.0
// Microsoft's JavaScript SDK, as published, against the lab: what the lab answers must be what the SDK expects.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, test } from "node:test";
import { AzureMachineLearningWorkspaces } from "@azure/arm-machinelearning";
import { ClientSecretCredential, ManagedIdentityCredential, WorkloadIdentityCredential } from "@azure/identity";

const lab = JSON.parse(readFileSync(join(process.env.LAB_DIR, "lab.json"), "utf8"));
const authority = { authorityHost: lab.authority_url, disableInstanceDiscovery: true };
const group = [lab.resource_group, lab.workspace];

const control = (method, path, body) =>
  fetch(lab.control_url + path, { method, body: body && JSON.stringify(body) });
const keysNow = async (name = lab.endpoint) =>
  Object.entries(await (await control("GET", "/keys")).json()).find(([id]) => id.endsWith("/" + name))[1];
const requestsSince = async (number) => (await (await control("GET", `/requests?since=${number}`)).json()).requests;
const lastRequest = async () => (await (await control("GET", "/requests?since=0")).json()).last;

const bySecret = (secret = lab.client_secret, tenant = lab.tenant) =>
  new ClientSecretCredential(tenant, lab.client_id, secret, authority);
const clientWith = (credential) =>
  new AzureMachineLearningWorkspaces(credential, lab.subscription, { endpoint: lab.arm_url });
const client = clientWith(bySecret());

beforeEach(() => control("DELETE", "/fault"));

test("a client secret gets a token", async () => {
  const token = await bySecret().getToken(lab.arm_url + "/.default");
  assert.ok(Math.abs(token.expiresOnTimestamp - Date.now() - 3599e3) < 60e3);
});

test("the public cloud's scope is served too", async () => {
  assert.ok((await bySecret().getToken("https://management.azure.com/.default")).token);
});

test("a wrong secret is refused by its number", async () => {
  await assert.rejects(bySecret("wrong").getToken(lab.arm_url + "/.default"), /7000215/);
});

test("an unknown tenant is refused before any secret is sent", async () => {
  const credential = bySecret(lab.client_secret, "00000000-0000-0000-0000-000000000000");
  const before = await lastRequest();
  await assert.rejects(credential.getToken(lab.arm_url + "/.default"), /endpoints_resolution_error/);
  assert.deepEqual((await requestsSince(before)).map((r) => [r.method, r.status]), [["GET", 400]]);
});

test("a federated token gets a token", async () => {
  const credential = new WorkloadIdentityCredential({
    tenantId: lab.tenant, clientId: lab.client_id, tokenFilePath: lab.federated_token_file, ...authority,
  });
  const endpoint = await clientWith(credential).onlineEndpoints.get(...group, lab.endpoint);
  assert.equal(endpoint.name, lab.endpoint);
});

test("a managed identity gets a token", async () => {
  process.env.AZURE_POD_IDENTITY_AUTHORITY_HOST = lab.imds_url;
  const credential = new ManagedIdentityCredential({ clientId: lab.client_id });
  const endpoint = await clientWith(credential).onlineEndpoints.get(...group, lab.endpoint);
  assert.equal(endpoint.name, lab.endpoint);
});

test("an endpoint is read", async () => {
  const endpoint = await client.onlineEndpoints.get(...group, lab.endpoint);
  assert.equal(endpoint.properties.authMode, "Key");
  assert.equal(endpoint.properties.provisioningState, "Succeeded");
  assert.equal(endpoint.properties.scoringUri, lab.scoring_url);
  assert.ok(endpoint.systemData.createdAt instanceof Date);
  assert.ok([null, undefined].includes(endpoint.properties.keys));
});

test("all endpoints are listed, over more than one page", async () => {
  const names = [];
  const before = await lastRequest();
  for await (const endpoint of client.onlineEndpoints.list(...group)) names.push(endpoint.name);
  assert.equal(names.length, 60);
  assert.equal(new Set(names).size, 60);
  assert.equal((await requestsSince(before)).length, 2);
});

test("keys are listed", async () => {
  const keys = await client.onlineEndpoints.listKeys(...group, lab.endpoint);
  const { primary, secondary } = await keysNow();
  assert.deepEqual([keys.primaryKey, keys.secondaryKey], [primary, secondary]);
});

for (const [slot, other] of [["Primary", "secondary"], ["Secondary", "primary"]]) {
  test(`the ${slot.toLowerCase()} key is regenerated, once`, async () => {
    const old = await keysNow();
    const before = await lastRequest();
    await client.onlineEndpoints.beginRegenerateKeysAndWait(...group, lab.endpoint, { keyType: slot });
    const fresh = await client.onlineEndpoints.listKeys(...group, lab.endpoint);
    assert.notEqual(fresh[slot.toLowerCase() + "Key"], old[slot.toLowerCase()]);
    assert.equal(fresh[other + "Key"], old[other]);
    const posts = (await requestsSince(before)).filter((r) => r.path.endsWith("/regenerateKeys"));
    assert.deepEqual(posts.map((r) => r.status), [202]);
  });
}

test("a key is set to a given value", async () => {
  const body = { keyType: "Primary", keyValue: "0123456789abcdef0123456789ABCDEF" };
  await client.onlineEndpoints.beginRegenerateKeysAndWait(...group, "ep-0002", body);
  assert.equal((await client.onlineEndpoints.listKeys(...group, "ep-0002")).primaryKey, body.keyValue);
});

test("what does not exist has ARM's code", async () => {
  await assert.rejects(client.onlineEndpoints.get(...group, "no-such"), { statusCode: 404, code: "ResourceNotFound" });
  await assert.rejects(client.onlineEndpoints.listKeys("no-such", lab.workspace, lab.endpoint),
    { statusCode: 404, code: "ResourceGroupNotFound" });
});

test("a token nobody issued is refused", async () => {
  const forged = { getToken: async () => ({ token: "a.b.c", expiresOnTimestamp: Date.now() + 3600e3 }) };
  await assert.rejects(clientWith(forged).onlineEndpoints.get(...group, lab.endpoint),
    { statusCode: 401, code: "InvalidAuthenticationToken" });
});

test("throttled with Retry-After: waits as told and goes on", async () => {
  await control("POST", "/fault", { target: "arm", kind: "status", status: 429, retry_after: 1, times: 1, path: "*/listKeys" });
  const start = Date.now();
  const keys = await client.onlineEndpoints.listKeys(...group, lab.endpoint);
  assert.ok(keys.primaryKey);
  assert.ok(Date.now() - start >= 1000);
});

test("throttled without Retry-After: the code comes through", async () => {
  await control("POST", "/fault", { target: "arm", kind: "status", status: 429, path: "*/listKeys" });
  await assert.rejects(client.onlineEndpoints.listKeys(...group, lab.endpoint),
    { statusCode: 429, code: "SubscriptionRequestsThrottled" });
});

test("a lost connection is tried again", async () => {
  await control("POST", "/fault", { target: "arm", kind: "reset", times: 1 });
  assert.equal((await client.onlineEndpoints.get(...group, lab.endpoint)).name, lab.endpoint);
});

test("stale keys are what was true before", async () => {
  const old = await keysNow();
  await control("POST", "/regenerate", { endpoint: lab.endpoint, slot: "primary", caller: "ana@example.org" });
  await control("POST", "/fault", { target: "arm", kind: "stale", times: 1 });
  assert.equal((await client.onlineEndpoints.listKeys(...group, lab.endpoint)).primaryKey, old.primary);
  assert.notEqual((await client.onlineEndpoints.listKeys(...group, lab.endpoint)).primaryKey, old.primary);
});
