/* SPDX-License-Identifier: Apache-2.0 */
/* What was observed on either side of a binding. "Could not see" is a fact of its own and never
 * means "different". Texts are borrowed from whoever holds the fact. */
#ifndef AGENT_CORE_FACT_H
#define AGENT_CORE_FACT_H

#include "agent/core/fingerprint.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FACT_SLOTS 4 /* the most a source has; most have two */
#define ANY_SLOT   (-1)

struct source_fact {
    bool is_known;
    int64_t at; /* when it was seen; 0: never asked */
    size_t slot_count;
    const char *slot_names[FACT_SLOTS];    /* "primary" ...; static strings */
    unsigned char slot_groups[FACT_SLOTS]; /* callers can move within a group: its keys open the
                                              same, and each can be made anew alone */
    struct fingerprint slots[FACT_SLOTS];
    const char *why; /* when not known: one sentence, what the side answered */
};

enum copy_state {
    COPY_UNKNOWN,
    COPY_PRESENT,
    COPY_NO_SECRET,
    COPY_NO_FIELD, /* the secret is there, the field is not, or is no string */
    COPY_DELETED,
    COPY_DESTROYED,
};

/* One version of a KV secret. The number alone lies after delete-and-recreate; the created time
 * does not. */
struct copy_version {
    uint32_t number;    /* 0: none */
    int64_t created_at; /* ms */
    int64_t created_ns; /* the rest below a millisecond */
};

struct copy_fact {
    enum copy_state state;
    int64_t at;                  /* 0: never asked */
    struct copy_version version; /* also of a deleted or destroyed one */
    struct fingerprint value;    /* when PRESENT */
    const char *why; /* when UNKNOWN (and for NO_FIELD that is no string): one sentence */
};

const char *copy_state_name(enum copy_state state); /* "present", "no_secret" ... */
must_use bool copy_state_parse(struct text name, enum copy_state *ret);

bool copy_version_equal(const struct copy_version *a, const struct copy_version *b);
/* `b` is an older state of the same secret than `a`: a stale replica, not news. */
bool copy_version_is_older(const struct copy_version *b, const struct copy_version *a);
/* The slot by name, or ANY_SLOT when there is no such. */
int source_slot_named(const struct source_fact *source, struct text name);
/* The first other slot of the same group, or ANY_SLOT. */
int source_other_slot(const struct source_fact *source, int slot);
/* Are there keys that open different things? */
bool source_has_groups(const struct source_fact *source);

#endif
