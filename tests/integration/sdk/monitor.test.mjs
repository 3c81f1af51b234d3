// SPDX-License-Identifier: Apache-2.0
// @azure/arm-monitor, as published, against the lab: the Activity Log says who regenerated which key.
import assert from "node:assert/strict";
import { test } from "node:test";
import { MonitorClient } from "@azure/arm-monitor";
import { asked, bySecret, control, endpointsBy, fault, lab, workspace } from "./support.mjs";

const log = new MonitorClient(bySecret(), lab.subscription, { endpoint: lab.arm_url }).activityLogs;
const endpoints = endpointsBy(bySecret());
const action = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/regenerateKeys/action";
const idOf = (name) => `/subscriptions/${lab.subscription}/resourceGroups/${lab.resource_group}/providers/` +
  `Microsoft.MachineLearningServices/workspaces/${lab.workspace}/onlineEndpoints/${name}`;
const since = (ms) => `eventTimestamp ge '${new Date(Date.now() - ms).toISOString()}'`;
const until = (ms) => `eventTimestamp le '${new Date(Date.now() + ms).toISOString()}'`;
const read = async (filter, options) => {
  const events = [];
  for await (const event of log.list(filter, options)) events.push(event);
  return events;
};
const about = (name) => `${since(3600e3)} and ${until(3600e3)} and resourceUri eq '${idOf(name)}'`;
const byHand = (endpoint, slot, caller) => control("POST", "/regenerate", { endpoint, slot, caller });

test("who regenerated a key, and when", async () => {
  await byHand("ep-0010", "primary", "ana@example.org");
  const events = (await read(about("ep-0010"))).filter((event) => event.caller === "ana@example.org");
  assert.ok(events.length >= 1);
  for (const event of events) {
    assert.equal(event.operationName.value, action);
    assert.equal(event.resourceId.toLowerCase(), idOf("ep-0010").toLowerCase());
    assert.ok(event.eventTimestamp instanceof Date);
    assert.ok(event.submissionTimestamp instanceof Date);
  }
  assert.ok(events.some((event) => event.status.value === "Succeeded"));
});

test("a regeneration of one's own stands there with its request id", async () => {
  const id = "6b1f2a3c-0000-4000-8000-000000000001";
  const withId = endpoints.beginRegenerateKeysAndWait(...workspace, "ep-0011", { keyType: "Primary" },
    { requestOptions: { customHeaders: { "x-ms-client-request-id": id } } });
  await withId;
  const events = await read(about("ep-0011"));
  assert.ok(events.some((event) => event.httpRequest.clientRequestId === id), JSON.stringify(events.map((e) => e.httpRequest)));
});

for (const [what, clause] of [["a resource group", `resourceGroupName eq '${lab.resource_group}'`],
  ["a provider", "resourceProvider eq 'Microsoft.MachineLearningServices'"]]) {
  test(`events are found by ${what}`, async () => {
    await byHand("ep-0012", "secondary", "bo@example.org");
    const events = await read(`${since(3600e3)} and ${until(3600e3)} and ${clause}`);
    assert.ok(events.some((event) => event.caller === "bo@example.org"));
  });
}

test("events are found by their correlation id", async () => {
  await byHand("ep-0013", "primary", "cy@example.org");
  const [{ correlationId }] = await read(about("ep-0013"));
  const events = await read(`${since(3600e3)} and ${until(3600e3)} and correlationId eq '${correlationId}'`);
  assert.ok(events.length >= 1);
  assert.ok(events.every((event) => event.correlationId === correlationId));
});

test("many events come on more than one page", async () => {
  for (let i = 0; i < 60; i++) await byHand("ep-0015", "primary", "eve@example.org");
  let events;
  const requests = await asked(async () => { events = await read(about("ep-0015")); });
  assert.ok(requests.length >= 2);
  assert.ok(events.length >= 120);
  assert.equal(new Set(events.map((event) => event.eventDataId)).size, events.length);
});

test("only what was selected is told", async () => {
  await byHand("ep-0014", "primary", "di@example.org");
  const [event] = await read(about("ep-0014"), { select: "eventTimestamp,caller" });
  assert.equal(event.caller, "di@example.org");
  assert.equal(event.operationName, undefined);
});

test("a filter that the log does not take is refused with its code", async () => {
  await assert.rejects(read("caller eq 'ana@example.org'"), { statusCode: 400 });
  await assert.rejects(read(since(100 * 86400e3)), { statusCode: 400 });
});

test("throttled: waits as told and goes on", async () => {
  await fault({ target: "activity", kind: "status", status: 429, retry_after: 1, times: 1 });
  const requests = await asked(() => read(about("ep-0010")));
  assert.deepEqual(requests.map((r) => r.status), [429, 200]);
});
