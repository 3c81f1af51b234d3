/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the copy in Vault share: vault_copy.c (life, writing, rights) and
 * vault_copy_read.c. */
#ifndef AGENT_ADAPTERS_VAULT_COPY_INTERNAL_H
#define AGENT_ADAPTERS_VAULT_COPY_INTERNAL_H

#include "agent/adapters/vault_copy.h"

#include <assert.h>

struct vault_copy {
    struct secret_copy port; /* first */
    struct vault_client *client;
    struct fingerprinter *fingerprinter;
    const struct azure_key_kind *kind; /* of the source */
    unsigned lane;
    unsigned in_flight;
    /* What the last read found; UNKNOWN: nothing yet. `value` belongs to a PRESENT one. */
    enum copy_state state;
    struct copy_version version;
    struct fingerprint value;
    /* The newest version ever seen here: nothing older is news. */
    struct copy_version newest;
    bool newest_is_destroyed;
    bool is_kv1;
    bool is_no_string;         /* of NO_FIELD */
    bool is_connection_string; /* of PRESENT: the key stands inside the value */
};
/* There is one per binding, and bindings may be many. */
static_assert(sizeof(struct vault_copy) < 200, "a copy must stay small");

struct vault_key vault_copy_key(const struct vault_copy *copy);
struct copy_version vault_copy_version(const struct vault_version *version);
/* Unless something newer was seen already. */
void vault_copy_note_newest(struct vault_copy *copy, const struct copy_version *version,
                            bool is_destroyed);

/* What the three operations have in common. `under_way` is NULL only inside our own callbacks. */
struct vault_errand {
    struct operation operation; /* first */
    struct vault_copy *copy;
    struct operation *under_way;
    bool is_canceled;
    void *context;
};

/* Zeroed, of `size` bytes, its struct vault_errand first. NULL when out of memory. */
void *vault_errand_new(struct secret_copy *self, size_t size, void *context);
/* Counts it, or frees it and returns NULL when nothing is under way. */
struct operation *vault_errand_started(struct vault_errand *errand);

/* secret_copy->read */
struct operation *vault_copy_read(struct secret_copy *self, bool decisive, copy_read_done *done,
                                  void *context);

#endif
