/* SPDX-License-Identifier: Apache-2.0 */
/* ports/secret_store.h on vaultclient: one field of one secret in Vault.
 *
 * Metadata is asked every time, the value only when the metadata say that it may be another one: so
 * values rarely travel, and audit logs at the server stay readable. */
#ifndef AGENT_ADAPTERS_VAULT_COPY_H
#define AGENT_ADAPTERS_VAULT_COPY_H

#include "agent/adapters/fingerprinter.h"
#include "agent/ports/secret_store.h"
#include "azureclient/azureclient.h"
#include "vaultclient/vaultclient.h"

/* Everything is borrowed, the strings too. Where the field holds a connection string of `kind`, the
 * copy is the key inside it, and writing replaces only that. `lane` is its queue in the client.
 * NULL when out of memory. */
must_use struct secret_copy *vault_copy_new(struct vault_client *client,
                                            struct fingerprinter *fingerprinter,
                                            const struct azure_key_kind *kind, const char *mount,
                                            const char *path, const char *field, unsigned lane);
/* Only once nothing of it is in flight. NULL is fine. Always returns NULL. */
struct secret_copy *vault_copy_free(struct secret_copy *copy);

#endif
