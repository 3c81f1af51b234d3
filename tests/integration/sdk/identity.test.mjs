// SPDX-License-Identifier: Apache-2.0
// @azure/identity, as published, against the lab: every credential that is supported here, and each refusal.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, test } from "node:test";
import { fileURLToPath } from "node:url";
import {
  AzureCliCredential, ChainedTokenCredential, ClientAssertionCredential, ClientCertificateCredential, DefaultAzureCredential,
  EnvironmentCredential, ManagedIdentityCredential, WorkloadIdentityCredential,
} from "@azure/identity";
import { asked, authority, bySecret, endpointsBy, fault, lab, workspace } from "./support.mjs";

const scope = lab.arm_url + "/.default";
const nobody = "00000000-0000-0000-0000-000000000000";
const environment = { ...process.env };

const claimsOf = ({ token }) => JSON.parse(Buffer.from(token.split(".")[1], "base64url"));
// ARM takes the token: that is what it is for.
const letsIn = async (credential) =>
  assert.equal((await endpointsBy(credential).get(...workspace, lab.endpoint)).name, lab.endpoint);
const tokenRequests = (requests) => requests.filter((r) => r.method === "POST" && r.path.endsWith("/token"));

afterEach(() => {
  for (const name of Object.keys(process.env)) if (!(name in environment)) delete process.env[name];
  Object.assign(process.env, environment);
});

test("a client secret gets a token that says whose it is", async () => {
  const token = await bySecret().getToken(scope);
  assert.ok(Math.abs(token.expiresOnTimestamp - Date.now() - 3599e3) < 60e3);
  const claims = claimsOf(token);
  assert.deepEqual([claims.aud, claims.tid, claims.appid], [lab.arm_url, lab.tenant, lab.client_id]);
  await letsIn(bySecret());
});

test("a certificate gets a token", async () => {
  await letsIn(new ClientCertificateCredential(lab.tenant, lab.client_id, lab.client_cert_file, authority));
});

test("a certificate given as text gets a token", async () => {
  const certificate = readFileSync(lab.client_cert_file, "utf8");
  await letsIn(new ClientCertificateCredential(lab.tenant, lab.client_id, { certificate }, authority));
});

test("a certificate that is known by its subject and issuer gets a token when its chain is sent", async () => {
  const credential = (sendCertificateChain) =>
    new ClientCertificateCredential(lab.tenant, lab.client_id, lab.client_named_cert_file, { ...authority, sendCertificateChain });
  await letsIn(credential(true));
  await assert.rejects(credential(false).getToken(scope), /AADSTS700027/);
});

test("an assertion made by the caller gets a token", async () => {
  const credential = new ClientAssertionCredential(lab.tenant, lab.client_id,
    async () => readFileSync(lab.federated_token_file, "utf8"), authority);
  await letsIn(credential);
});

test("a workload identity gets a token", async () => {
  await letsIn(new WorkloadIdentityCredential(
    { tenantId: lab.tenant, clientId: lab.client_id, tokenFilePath: lab.federated_token_file, ...authority }));
});

test("a managed identity gets a token, with its client id and without", async () => {
  process.env.AZURE_POD_IDENTITY_AUTHORITY_HOST = lab.imds_url;
  await letsIn(new ManagedIdentityCredential({ clientId: lab.client_id }));
  await letsIn(new ManagedIdentityCredential());
  await assert.rejects(new ManagedIdentityCredential({ clientId: nobody }).getToken(scope), /Identity not found/);
});

test("a managed identity that is not ready yet is asked again", async () => {
  process.env.AZURE_POD_IDENTITY_AUTHORITY_HOST = lab.imds_url;
  await fault({ target: "imds", kind: "status", status: 404, times: 1 });
  const requests = await asked(() => new ManagedIdentityCredential({ retryOptions: { maxRetries: 2, retryDelayInMs: 10 } })
    .getToken("https://management.azure.com/.default"));
  assert.deepEqual(requests.map((r) => r.status), [404, 200]);
});

const managed = {
  "App Service": { IDENTITY_ENDPOINT: lab.app_service_url, IDENTITY_HEADER: lab.app_service_header },
  "Azure ML": { MSI_ENDPOINT: lab.azure_ml_url, MSI_SECRET: lab.azure_ml_secret },
  "Cloud Shell": { MSI_ENDPOINT: lab.cloud_shell_url },
  "Service Fabric": { IDENTITY_ENDPOINT: lab.service_fabric_url, IDENTITY_HEADER: lab.service_fabric_header,
    IDENTITY_SERVER_THUMBPRINT: lab.service_fabric_thumbprint },
};
const inProcess = (variables) => spawnSync(process.execPath, [fileURLToPath(new URL("managed.mjs", import.meta.url))],
  { env: { ...environment, ...variables }, encoding: "utf8" });

for (const [where, variables] of Object.entries(managed)) {
  test(`a managed identity gets a token: ${where}`, async () => {
    const requests = await asked(async () => assert.equal(inProcess(variables).stdout, lab.endpoint + "\n"));
    assert.equal(requests[0].target, "imds");
  });
}

test("a managed identity that does not know the secret is refused: App Service", () => {
  const { status, stdout } = inProcess({ ...managed["App Service"], IDENTITY_HEADER: "wrong" });
  assert.equal(status, 1);
  assert.match(stdout, /401|[Uu]nauthorized|ManagedIdentityCredential/);
});

test("the Azure CLI is asked, and its token taken", async () => {
  process.env.PATH = lab.az_directory + ":" + process.env.PATH;
  await letsIn(new AzureCliCredential());
  await letsIn(new AzureCliCredential({ tenantId: lab.tenant }));
  await assert.rejects(new AzureCliCredential({ tenantId: nobody }).getToken(scope), /AADSTS90002/);
});

test("the Azure CLI's token is taken", async () => {
  const directory = mkdtempSync(join(process.env.LAB_DIR, "az-"));
  const { token } = await bySecret().getToken(scope);
  writeFileSync(join(directory, "answer"), JSON.stringify({
    accessToken: token, expiresOn: "2031-01-01 00:00:00.000000", expires_on: Math.floor(Date.now() / 1000) + 3000,
    subscription: lab.subscription, tenant: lab.tenant, tokenType: "Bearer" }));
  writeFileSync(join(directory, "az"), `#!/bin/sh\necho "$*" >"${directory}/arguments"\ncat "${directory}/answer"\n`);
  chmodSync(join(directory, "az"), 0o755);
  process.env.PATH = directory + ":" + process.env.PATH;
  await letsIn(new AzureCliCredential({ tenantId: lab.tenant }));
  assert.match(readFileSync(join(directory, "arguments"), "utf8"), /^account get-access-token --output json --resource https:/);
});

const inEnvironment = (more) => Object.assign(process.env, {
  AZURE_TENANT_ID: lab.tenant, AZURE_CLIENT_ID: lab.client_id, AZURE_AUTHORITY_HOST: lab.authority_url, ...more });

test("the environment's secret, then its certificate", async () => {
  inEnvironment({ AZURE_CLIENT_SECRET: lab.client_secret });
  await letsIn(new EnvironmentCredential({ disableInstanceDiscovery: true }));
  delete process.env.AZURE_CLIENT_SECRET;
  process.env.AZURE_CLIENT_CERTIFICATE_PATH = lab.client_cert_file;
  await letsIn(new EnvironmentCredential({ disableInstanceDiscovery: true }));
});

test("the default chain takes the environment, else the workload's identity, else the managed one", async () => {
  const byDefault = () => new DefaultAzureCredential({ disableInstanceDiscovery: true });
  inEnvironment({ AZURE_CLIENT_SECRET: lab.client_secret });
  await letsIn(byDefault());
  delete process.env.AZURE_CLIENT_SECRET;
  process.env.AZURE_FEDERATED_TOKEN_FILE = lab.federated_token_file;
  await letsIn(byDefault());
  delete process.env.AZURE_FEDERATED_TOKEN_FILE;
  process.env.AZURE_POD_IDENTITY_AUTHORITY_HOST = lab.imds_url;
  // Nothing of Entra: the token comes from the metadata service, or is still kept from there.
  const requests = await asked(() => letsIn(byDefault()));
  assert.ok(requests.every((r) => r.target !== "entra"));
});

test("the default chain is only the credential that the environment names", async () => {
  inEnvironment({ AZURE_CLIENT_SECRET: "wrong", AZURE_TOKEN_CREDENTIALS: "AzureCliCredential" });
  process.env.PATH = lab.az_directory + ":" + process.env.PATH;
  await letsIn(new DefaultAzureCredential({ disableInstanceDiscovery: true }));
});

test("a chain goes on where a credential is not there", async () => {
  await letsIn(new ChainedTokenCredential(new EnvironmentCredential(), bySecret()));
});

test("the public cloud's scope is served too", async () => {
  const token = await bySecret().getToken("https://management.azure.com/.default");
  assert.equal(claimsOf(token).aud, "https://management.azure.com");
});

test("a token is kept, and asked for once", async () => {
  const credential = bySecret();
  const requests = await asked(async () => { for (let i = 0; i < 3; i++) await credential.getToken(scope); });
  assert.equal(tokenRequests(requests).length, 1);
});

for (const [what, secret, code] of [["a wrong secret", "wrong", 7000215], ["an expired secret", lab.expired_client_secret, 7000222]]) {
  test(`${what} is refused by its number`, async () => {
    await assert.rejects(bySecret(secret).getToken(scope), new RegExp(`AADSTS${code}|${code}`));
  });
}

test("an unknown tenant is refused before any secret is sent", async () => {
  const credential = bySecret(lab.client_secret, nobody);
  const requests = await asked(() => assert.rejects(credential.getToken(scope), /endpoints_resolution_error/));
  assert.deepEqual(requests.map((r) => [r.method, r.status]), [["GET", 400]]);
});

test("a certificate that is not registered is refused", async () => {
  const credential = new ClientCertificateCredential(lab.tenant, lab.client_id, lab.client_named_cert_file, authority);
  await assert.rejects(credential.getToken(scope), /AADSTS700027/);
});

test("an assertion that nobody signed is refused", async () => {
  const credential = new ClientAssertionCredential(lab.tenant, lab.client_id, async () => "a.b.c", authority);
  await assert.rejects(credential.getToken(scope), /AADSTS\d+/);
});

test("a resource that does not exist is refused", async () => {
  await assert.rejects(bySecret().getToken("https://nowhere.example/.default"), /AADSTS500011/);
});

test("throttled by Entra: waits as told and goes on", async () => {
  await fault({ target: "entra", kind: "status", status: 429, retry_after: 1, times: 1, method: "POST" });
  const requests = await asked(() => bySecret().getToken(scope));
  assert.deepEqual(tokenRequests(requests).map((r) => r.status), [429, 200]);
});

test("Entra's failures are tried again", async () => {
  await fault({ target: "entra", kind: "status", status: 503, times: 1, method: "POST" });
  const requests = await asked(() => bySecret().getToken(scope));
  assert.deepEqual(tokenRequests(requests).map((r) => r.status), [503, 200]);
});
