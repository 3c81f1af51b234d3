/* SPDX-License-Identifier: Apache-2.0 */
/* Operations of every kind, begun alike, for tests that end them in some other way than by their
 * answer. What becomes of them is in the outcome: how often `done` ran, and the kind of failure. */
#ifndef TESTS_STARTS_H
#define TESTS_STARTS_H

#include "tests/unit/vaultclient/scene.h"

/* What /v1/kv/metadata/... answers of a key with one version. */
#define KEY_WITH(state, custom)                                                                    \
    SAYS("200", "{\"data\":{\"created_time\":\"2026-01-02T03:04:05Z\",\"current_version\":1,"      \
                "\"custom_metadata\":" custom ",\"versions\":{\"1\":{\"created_time\":"            \
                "\"2026-01-02T03:04:06Z\",\"deletion_time\":\"\",\"destroyed\":" state "}}}}")

typedef struct operation *start(struct vault_client *client, struct vault_outcome *outcome);

start start_list;         /* of kv/x */
start start_notes;        /* of kv/n */
start start_sign;         /* transit/ap */
start start_capabilities; /* on kv/data/p */
/* Of version 1; the new value is `value`. */
struct operation *start_write_of(struct vault_client *client, const char *path,
                                 enum vault_write_way way, const struct secret *value,
                                 struct vault_outcome *outcome);
struct operation *start_removal_of(struct vault_client *client, const char *path,
                                   struct vault_outcome *outcome);
struct operation *start_unwrap_of(struct vault_client *client, const struct secret *token,
                                  struct text creation_path, struct vault_outcome *outcome);

/* For operations that are begun elsewhere. */
void outcome_take(struct vault_outcome *outcome, const struct failure *failure);

#endif
