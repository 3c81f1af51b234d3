// SPDX-License-Identifier: Apache-2.0
// What the tests of Microsoft's SDK share: the lab's facts, its orders, and clients that only know where it is.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach } from "node:test";
import { AzureMachineLearningWorkspaces } from "@azure/arm-machinelearning";
import { ClientSecretCredential } from "@azure/identity";

export const lab = JSON.parse(readFileSync(join(process.env.LAB_DIR, "lab.json"), "utf8"));
export const authority = { authorityHost: lab.authority_url, disableInstanceDiscovery: true };
export const workspace = [lab.resource_group, lab.workspace];

export const control = (method, path, body) =>
  fetch(lab.control_url + path, { method, body: body && JSON.stringify(body) });
export const fault = (wish) => control("POST", "/fault", wish);
export const behave = async () => {
  await control("DELETE", "/fault");
  await control("POST", "/roles", { reset: true });
  await control("POST", "/quota", { reset: true });
  await control("POST", "/modes", { operation: "table" });
};
export const keysNow = async (end = "/" + lab.endpoint) =>
  Object.entries(await (await control("GET", "/keys")).json()).find(([id]) => id.endsWith(end))[1];

// What the lab is asked while `action` runs.
export const asked = async (action) => {
  const { last } = await (await control("GET", "/requests?since=0")).json();
  await action();
  return (await (await control("GET", `/requests?since=${last}`)).json()).requests;
};

export const bySecret = (secret = lab.client_secret, tenant = lab.tenant) =>
  new ClientSecretCredential(tenant, lab.client_id, secret, authority);
export const endpointsBy = (credential) =>
  new AzureMachineLearningWorkspaces(credential, lab.subscription, { endpoint: lab.arm_url }).onlineEndpoints;

beforeEach(behave);
