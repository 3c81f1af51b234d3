/* SPDX-License-Identifier: Apache-2.0 */
/* State in memory with the store's promises: all or nothing, in order, and it outlives every agent.
 */
#ifndef TESTS_SUPPORT_FAKE_STORE_H
#define TESTS_SUPPORT_FAKE_STORE_H

#include "agent/ports/state_store.h"
#include "tests/support/fake_clock.h"

#include <jansson.h>

struct fake_record {
    enum record_kind kind;
    char *id, *parent, *body;
    int64_t at;
};

struct fake_store {
    struct state_store port; /* first */
    struct fake_clock *clock;
    struct fake_record *records;
    size_t count;
    unsigned numbers[RECORD_KINDS];
    bool is_full;   /* commits fail with INTERNAL */
    bool is_locked; /* by the agent */
    bool is_locked_by_another;
};

void fake_store_init(struct fake_store *store, struct fake_clock *clock);
void fake_store_clear(struct fake_store *store);
/* As another process would have written it. */
void fake_store_put(struct fake_store *store, enum record_kind kind, const char *id,
                    const char *parent, const char *body);
/* Records of the kind; `parent` NULL: of any. */
size_t fake_store_count(const struct fake_store *store, enum record_kind kind, const char *parent);
/* The body of the `at`th record of the kind (and parent): a new reference, or NULL. */
json_t *fake_store_body(const struct fake_store *store, enum record_kind kind, const char *parent,
                        size_t at);
/* Audit events of this name. */
size_t fake_store_audited(const struct fake_store *store, const char *what);
/* Does any record's text contain this? */
bool fake_store_contains(const struct fake_store *store, const char *text);

#endif
