/* SPDX-License-Identifier: Apache-2.0 */
/* Facts for the tests of the core: a key is a number, and equal numbers are equal keys. */
#ifndef TESTS_UNIT_CORE_FACTS_H
#define TESTS_UNIT_CORE_FACTS_H

#include "agent/core/fact.h"

#include <string.h>

static inline struct fingerprint key(int number)
{
    struct fingerprint fingerprint;

    memset(fingerprint.bytes, number, sizeof(fingerprint.bytes));
    return fingerprint;
}

static inline struct source_fact source_of(int primary, int secondary)
{
    return (struct source_fact){
        .is_known = true,
        .at = 1000,
        .slot_count = 2,
        .slot_names = {"primary", "secondary"},
        .slots = {key(primary), key(secondary)},
    };
}

static inline struct source_fact source_unknown(const char *why)
{
    return (struct source_fact){.at = 1000, .why = why};
}

static inline struct copy_fact copy_of(int number)
{
    return (struct copy_fact){
        .state = COPY_PRESENT,
        .at = 1000,
        .version = {.number = 7, .created_at = 500, .created_ns = 123},
        .value = key(number),
    };
}

/* Also for COPY_UNKNOWN, whose `why` stays to be set. */
static inline struct copy_fact copy_without_value(enum copy_state state)
{
    struct copy_fact copy = copy_of(0);

    copy.state = state;
    copy.value = (struct fingerprint){0};
    if (state == COPY_NO_SECRET || state == COPY_UNKNOWN)
        copy.version = (struct copy_version){0};
    return copy;
}

#endif
