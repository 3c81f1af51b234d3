/* SPDX-License-Identifier: Apache-2.0 */
/* What can be said of facts without knowing what they are used for. */
#include "agent/core/fact.h"

/* The words are in plans that people approved, so they never change. */
static const char *const state_names[] = {
    [COPY_UNKNOWN] = "unknown",   [COPY_PRESENT] = "present", [COPY_NO_SECRET] = "no_secret",
    [COPY_NO_FIELD] = "no_field", [COPY_DELETED] = "deleted", [COPY_DESTROYED] = "destroyed",
};
#define STATES (sizeof(state_names) / sizeof(*state_names))

const char *copy_state_name(enum copy_state state)
{
    return (unsigned)state < STATES ? state_names[state] : "unknown";
}

bool copy_state_parse(struct text name, enum copy_state *ret)
{
    for (unsigned state = 0; state < STATES; state++) {
        if (!text_is(name, state_names[state]))
            continue;
        *ret = (enum copy_state)state;
        return true;
    }
    return false;
}

/* -1, 0, 1 as `a` was created before, with, or after `b`. */
static int compare_created(const struct copy_version *a, const struct copy_version *b)
{
    if (a->created_at != b->created_at)
        return a->created_at < b->created_at ? -1 : 1;
    return (a->created_ns > b->created_ns) - (a->created_ns < b->created_ns);
}

bool copy_version_equal(const struct copy_version *a, const struct copy_version *b)
{
    return a->number == b->number && compare_created(a, b) == 0;
}

/* Number and time must agree. A lower number created later is a secret made anew; a higher one
 * created earlier comes from a new leader whose clock is behind. Both are news, and calling news
 * stale would hide it for ever. */
bool copy_version_is_older(const struct copy_version *b, const struct copy_version *a)
{
    return b->number && b->number <= a->number && compare_created(b, a) <= 0 &&
           !copy_version_equal(b, a);
}

int source_slot_named(const struct source_fact *source, struct text name)
{
    for (size_t i = 0; i < source->slot_count; i++)
        if (source->slot_names[i] && text_is(name, source->slot_names[i]))
            return (int)i;
    return ANY_SLOT;
}

int source_other_slot(const struct source_fact *source, int slot)
{
    for (int i = 0; i < (int)source->slot_count; i++)
        if (i != slot && source->slot_groups[i] == source->slot_groups[slot])
            return i;
    return ANY_SLOT;
}

bool source_has_groups(const struct source_fact *source)
{
    for (size_t i = 1; i < source->slot_count; i++)
        if (source->slot_groups[i] != source->slot_groups[0])
            return true;
    return false;
}
