// SPDX-License-Identifier: Apache-2.0
// Reads an endpoint as the managed identity of its environment, in a process of its own: the SDK keeps such tokens for the
// whole process, whichever kind of machine it believes to be on.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { AzureMachineLearningWorkspaces } from "@azure/arm-machinelearning";
import { ManagedIdentityCredential } from "@azure/identity";

const lab = JSON.parse(readFileSync(join(process.env.LAB_DIR, "lab.json"), "utf8"));
const { onlineEndpoints } = new AzureMachineLearningWorkspaces(
  new ManagedIdentityCredential(), lab.subscription, { endpoint: lab.arm_url });

try {
  console.log((await onlineEndpoints.get(lab.resource_group, lab.workspace, lab.endpoint)).name);
} catch (error) {
  console.log(error.message);
  process.exitCode = 1;
}
