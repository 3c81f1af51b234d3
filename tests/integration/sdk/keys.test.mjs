// SPDX-License-Identifier: Apache-2.0
// @azure/arm-storage and @azure/arm-cognitiveservices, as published, against the lab: keys of other services than Azure ML.
import assert from "node:assert/strict";
import { test } from "node:test";
import { CognitiveServicesManagementClient } from "@azure/arm-cognitiveservices";
import { StorageManagementClient } from "@azure/arm-storage";
import { asked, bySecret, fault, keysNow, lab } from "./support.mjs";

const place = { endpoint: lab.arm_url };
const { storageAccounts: storage, localUsers } = new StorageManagementClient(bySecret(), lab.subscription, place);
const cognitive = new CognitiveServicesManagementClient(bySecret(), lab.subscription, place).accounts;
const nameOf = (type) => {
  const [, group, name] = lab.resources[type].match(/resourceGroups\/([^/]+)\/.*\/([^/]+)$/);
  return [group, name];
};
const account = nameOf("Microsoft.Storage/storageAccounts");
const service = nameOf("Microsoft.CognitiveServices/accounts");
const held = ([, name]) => keysNow("/" + name);
const valuesOf = ({ keys }) => Object.fromEntries(keys.map(({ keyName, value }) => [keyName, value]));

test("a storage account's keys are listed", async () => {
  const { keys } = await storage.listKeys(...account);
  const { key1, key2 } = await held(account);
  assert.deepEqual(valuesOf({ keys }), { key1, key2 });
  for (const key of keys) {
    assert.equal(key.permissions.toLowerCase(), "full");
    assert.ok(key.creationTime instanceof Date);
  }
});

test("the Kerberos keys of a storage account are told to who asks for them", async () => {
  assert.deepEqual(valuesOf(await storage.listKeys(...account, { expand: "kerb" })), await held(account));
});

for (const [name, other] of [["key1", "key2"], ["key2", "key1"]]) {
  test(`${name} of a storage account is regenerated, once`, async () => {
    const old = await held(account);
    let answer;
    const requests = await asked(async () => { answer = await storage.regenerateKey(...account, { keyName: name }); });
    const fresh = valuesOf(answer);
    assert.notEqual(fresh[name], old[name]);
    assert.equal(fresh[other], old[other]);
    assert.deepEqual(valuesOf(await storage.listKeys(...account)), fresh);
    assert.deepEqual(requests.map((r) => r.status), [200]);
  });
}

test("a storage account's local user has a shared key, and gets a new password", async () => {
  const [name] = lab.resources["Microsoft.Storage/storageAccounts/localUsers"].split("/").slice(-1);
  const { sharedKey } = await localUsers.listKeys(...account, name);
  assert.ok(Object.values(await keysNow("/localUsers/" + name)).includes(sharedKey));
  const [first, second] = [await localUsers.regeneratePassword(...account, name), await localUsers.regeneratePassword(...account, name)];
  assert.notEqual(first.sshPassword, second.sshPassword);
  assert.equal((await localUsers.listKeys(...account, name)).sharedKey, sharedKey);
});

test("a cognitive service's keys are listed", async () => {
  const { key1, key2 } = await cognitive.listKeys(...service);
  assert.deepEqual({ key1, key2 }, await held(service));
});

for (const [name, slot, other] of [["Key1", "key1", "key2"], ["Key2", "key2", "key1"]]) {
  test(`${slot} of a cognitive service is regenerated, once`, async () => {
    const old = await held(service);
    const fresh = await cognitive.regenerateKey(...service, name);
    assert.notEqual(fresh[slot], old[slot]);
    assert.equal(fresh[other], old[other]);
    assert.equal((await cognitive.listKeys(...service))[slot], fresh[slot]);
  });
}

for (const [what, list] of [["a storage account", (name) => storage.listKeys(account[0], name)],
  ["a cognitive service", (name) => cognitive.listKeys(service[0], name)]]) {
  test(`${what} that does not exist has ARM's code`, async () => {
    await assert.rejects(list("nosuchthing"), { statusCode: 404, code: "ResourceNotFound" });
  });

  test(`keys of ${what} that may not be listed`, async () => {
    await fault({ target: "arm", kind: "status", status: 403, path: "*/listKeys" });
    await assert.rejects(list((what.includes("storage") ? account : service)[1]), { statusCode: 403, code: "AuthorizationFailed" });
  });

  test(`keys of ${what}, throttled: waits as told and goes on`, async () => {
    await fault({ target: "arm", kind: "status", status: 429, retry_after: 1, times: 1, path: "*/listKeys" });
    const requests = await asked(() => list((what.includes("storage") ? account : service)[1]));
    assert.deepEqual(requests.map((r) => r.status), [429, 200]);
  });
}
