/* SPDX-License-Identifier: Apache-2.0 */
/* An Azure client as the configuration, and then the environment, wants it. */
#ifndef AGENT_ADAPTERS_OPEN_AZURE_H
#define AGENT_ADAPTERS_OPEN_AZURE_H

#include "agent/ports/config.h"
#include "azureclient/azureclient.h"

/* Secrets that are not in files are read now. NULL with `why`. */
struct azure_client *open_azure(struct http *http, const struct config_azure *config,
                                struct failure *why);
/* The managed identity of this machine, for a token for `audience`. NULL with `why`. */
struct azure_client *open_azure_identity(struct http *http, const struct config_azure *config,
                                         const char *audience, struct failure *why);

#endif
