/* SPDX-License-Identifier: Apache-2.0 */
/* A Vault client as the configuration, and then the environment, wants it. */
#ifndef AGENT_ADAPTERS_OPEN_VAULT_H
#define AGENT_ADAPTERS_OPEN_VAULT_H

#include "agent/ports/config.h"
#include "vaultclient/vaultclient.h"

/* Secrets that are not in files are read now. `identity` serves the method "azure". NULL with
 * `why`. */
struct vault_client *open_vault(struct http *http, const struct config *config,
                                struct vault_identity identity, struct failure *why);

#endif
