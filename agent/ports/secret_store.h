/* SPDX-License-Identifier: Apache-2.0 */
/* Where a copy lives: one field of one secret. Asynchronous by the promise of base/operation.h;
 * what a `done` is given dies with the call. */
#ifndef AGENT_PORTS_SECRET_STORE_H
#define AGENT_PORTS_SECRET_STORE_H

#include "agent/core/fact.h"
#include "base/operation.h"
#include "base/secret.h"

/* `fact->state` UNKNOWN comes as `failure` instead; missing, deleted and destroyed are facts, not
 * failures. `value` only when it was read just now and is PRESENT. */
typedef void copy_read_done(const struct copy_fact *fact, const struct secret *value,
                            const struct failure *failure, void *context);
/* `version` is the one written. CONFLICT: nothing was written. AMBIGUOUS: read back. */
typedef void copy_write_done(const struct copy_version *version, const struct failure *failure,
                             void *context);

struct copy_rights {
    bool may_read, may_write;
    struct text missing; /* "update on kv/data/app", empty when nothing is */
    struct text policy;  /* in Vault's language, would grant what is missing; empty likewise */
};
typedef void copy_rights_done(const struct copy_rights *rights, const struct failure *failure,
                              void *context);

struct secret_copy {
    const char *address, *mount, *path, *field;

    /* Metadata first; the value only when the version, its times or flags changed since the last
     * read of it, or `decisive`. A decisive read asks for everything anew. */
    struct operation *(*read)(struct secret_copy *self, bool decisive, copy_read_done *done,
                              void *context);
    /* Check-and-set on `expected` (number 0: the key must not exist), siblings kept. */
    struct operation *(*write)(struct secret_copy *self, const struct secret *value,
                               const struct copy_version *expected, copy_write_done *done,
                               void *context);
    /* What is missing for reading and, when asked, for writing. */
    struct operation *(*rights)(struct secret_copy *self, bool for_writing, copy_rights_done *done,
                                void *context);
};

#endif
