/* SPDX-License-Identifier: Apache-2.0 */
/* Where a key is issued: one resource, e.g. one Azure ML online endpoint. Shared by the bindings on
 * it. Asynchronous by the promise of base/operation.h; what a `done` is given dies with the call.
 */
#ifndef AGENT_PORTS_KEY_SOURCE_H
#define AGENT_PORTS_KEY_SOURCE_H

#include "agent/core/fact.h"
#include "base/operation.h"
#include "base/secret.h"

/* `keys` are for the one place they are meant for; NULL when the answer came out of the source's
 * memory (see max_age_ms). fact->is_known is always true here. */
struct source_keys {
    const struct source_fact *fact;
    const struct secret *keys[FACT_SLOTS];
};
typedef void source_keys_done(const struct source_keys *keys, const struct failure *failure,
                              void *context);

/* Who regenerated last, as the service's own log has it. `event` is NULL on success when it knows
 * none. */
struct source_event {
    struct text by, address, request_id;
    int64_t at;
};
typedef void source_event_done(const struct source_event *event, const struct failure *failure,
                               void *context);

enum probe_result {
    PROBE_WORKS,     /* a caller with this key is served */
    PROBE_ACCEPTED,  /* the key is accepted, the call failed for another reason */
    PROBE_REFUSED,   /* a caller with this key is turned away */
    PROBE_UNDECIDED, /* says nothing of the key */
};
struct probe {
    enum probe_result result;
    int http_status;
    struct text reason;
};
typedef void source_probe_done(const struct probe *probe, const struct failure *failure,
                               void *context);

struct key_source {
    const char *kind, *id; /* "azureml-online-endpoint", ARM id */
    size_t slot_count;
    const char *slot_names[FACT_SLOTS];
    unsigned char slot_groups[FACT_SLOTS]; /* as in the facts */

    /* The keys. An answer at most `max_age_ms` old may come from memory (fingerprints only); 0:
     * ask. */
    struct operation *(*list)(struct key_source *self, uint64_t max_age_ms, source_keys_done *done,
                              void *context);
    /* Sent at most once. AMBIGUOUS: list to see. */
    struct operation *(*regenerate)(struct key_source *self, int slot, struct text request_id,
                                    operation_done *done, void *context);
    struct operation *(*who)(struct key_source *self, int64_t since_at, source_event_done *done,
                             void *context);
    struct operation *(*find_request)(struct key_source *self, struct text request_id,
                                      int64_t since_at, source_event_done *done, void *context);
    /* A caller's call with this key. */
    struct operation *(*probe)(struct key_source *self, const struct secret *key, struct text body,
                               struct text content_type, source_probe_done *done, void *context);
};

#endif
