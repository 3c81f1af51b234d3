/* SPDX-License-Identifier: Apache-2.0 */
/* What a plan says, and whether it is still true. How one is made from facts: plan_make.c. */
#include "agent/core/plan.h"

#include "base/canonical.h"

/* The words are in canonical plans and in JSON, so they never change. */
static const char *const action_names[PLAN_ACTIONS] = {
    [PLAN_WRITE_BACK] = "write_back",
    [PLAN_ROTATE] = "rotate",
    [PLAN_RESTORE] = "restore",
};

static const char *const state_names[PLAN_STATES] = {
    [PLAN_OPEN] = "open",       [PLAN_EXECUTING] = "executing",
    [PLAN_DONE] = "done",       [PLAN_SUPERSEDED] = "superseded",
    [PLAN_EXPIRED] = "expired", [PLAN_NEEDS_HUMAN] = "needs_human",
};

const char *plan_action_name(enum plan_action action)
{
    return (unsigned)action < PLAN_ACTIONS ? action_names[action] : "unknown";
}

bool plan_action_parse(struct text name, enum plan_action *ret)
{
    for (unsigned action = 0; action < PLAN_ACTIONS; action++) {
        if (!text_is(name, action_names[action]))
            continue;
        *ret = (enum plan_action)action;
        return true;
    }
    return false;
}

const char *plan_state_name(enum plan_state state)
{
    return (unsigned)state < PLAN_STATES ? state_names[state] : "unknown";
}

bool plan_state_parse(struct text name, enum plan_state *ret)
{
    for (unsigned state = 0; state < PLAN_STATES; state++) {
        if (!text_is(name, state_names[state]))
            continue;
        *ret = (enum plan_state)state;
        return true;
    }
    return false;
}

/* ---- canonical form -------------------------------------------------------------------------- */

#define COUNT(members) (sizeof(members) / sizeof(*(members)))

static struct canonical_value string(struct text name, struct text value)
{
    return (struct canonical_value){.name = name, .kind = CANONICAL_STRING, .string = value};
}

static struct canonical_value integer(struct text name, int64_t value)
{
    return (struct canonical_value){.name = name, .kind = CANONICAL_INTEGER, .integer = value};
}

static struct canonical_value object(struct text name, const struct canonical_value *members,
                                     size_t count)
{
    return (struct canonical_value){
        .name = name,
        .kind = CANONICAL_OBJECT,
        .members = members,
        .count = count,
    };
}

/* `hex` holds the digits as long as the value is used. */
static struct canonical_value fingerprint(struct text name, bool is_there,
                                          const struct fingerprint *value,
                                          char hex[FINGERPRINT_HEX])
{
    if (!is_there)
        return (struct canonical_value){.name = name, .kind = CANONICAL_NULL};
    fingerprint_hex(value, hex);
    return string(name, text_of(hex));
}

bool plan_canonical(const struct plan *plan, struct buffer *out)
{
    char old_hex[FINGERPRINT_HEX], new_hex[FINGERPRINT_HEX], before_hex[FINGERPRINT_HEX];
    const struct canonical_value copy[] = {
        string(TEXT("address"), plan->address),
        string(TEXT("mount"), plan->mount),
        string(TEXT("path"), plan->path),
        string(TEXT("field"), plan->field),
    };
    const struct canonical_value old[] = {
        string(TEXT("state"), text_of(copy_state_name(plan->old_state))),
        fingerprint(TEXT("fingerprint"), plan->old_state == COPY_PRESENT, &plan->old, old_hex),
        integer(TEXT("version"), plan->version.number),
        integer(TEXT("created_at"), plan->version.created_at),
        integer(TEXT("created_ns"), plan->version.created_ns),
    };
    const struct canonical_value new[] = {
        fingerprint(TEXT("fingerprint"), plan->has_new, &plan->new, new_hex),
    };
    const struct canonical_value members[] = {
        string(TEXT("action"), text_of(plan_action_name(plan->action))),
        string(TEXT("binding"), plan->binding),
        string(TEXT("source"), plan->source_id),
        object(TEXT("copy"), copy, COUNT(copy)),
        string(TEXT("slot"), plan->slot),
        object(TEXT("old"), old, COUNT(old)),
        object(TEXT("new"), new, COUNT(new)),
        fingerprint(TEXT("slot_before"), true, &plan->slot_before, before_hex),
        integer(TEXT("created_at"), plan->created_at),
        integer(TEXT("expires_at"), plan->expires_at),
        string(TEXT("requester"), plan->requester),
    };
    const struct canonical_value whole = object(TEXT(""), members, COUNT(members));

    return canonical_write(&whole, out);
}

/* ---- still true? ----------------------------------------------------------------------------- */

bool facts_are_known(const struct source_fact *source, const struct copy_fact *copy,
                     struct failure *why)
{
    if (!source->is_known)
        return failure_set(why, FAILURE_REMOTE, "the source could not be read (%s)",
                           source->why ? source->why : "not asked yet");
    if (copy->state == COPY_UNKNOWN)
        return failure_set(why, FAILURE_REMOTE, "the copy in Vault could not be read (%s)",
                           copy->why ? copy->why : "not asked yet");
    return true;
}

static bool is_copy_unchanged(const struct plan *plan, const struct copy_fact *copy,
                              struct failure *why)
{
    if (copy->state != plan->old_state)
        return failure_set(why, FAILURE_CONFLICT,
                           "the copy in Vault is now \"%s\", the plan was made when it was \"%s\"",
                           copy_state_name(copy->state), copy_state_name(plan->old_state));
    if (!copy_version_equal(&copy->version, &plan->version))
        return failure_set(why, FAILURE_CONFLICT,
                           copy->version.number == plan->version.number
                               ? "version %u of the copy in Vault was made anew since the plan for "
                                 "version %u"
                               : "the copy in Vault is now version %u, the plan is for version %u",
                           copy->version.number, plan->version.number);
    if (copy->state == COPY_PRESENT && !fingerprint_equal(&copy->value, &plan->old))
        return failure_set(why, FAILURE_CONFLICT,
                           "the value of the copy in Vault changed since the plan was made");
    return true;
}

static bool is_slot_unchanged(const struct plan *plan, const struct source_fact *source,
                              struct failure *why)
{
    int slot = source_slot_named(source, plan->slot);

    if (slot == ANY_SLOT)
        return failure_set(why, FAILURE_CONFLICT, "the source no longer has a %.*s key",
                           TEXT_ARG(plan->slot));
    if (!fingerprint_equal(&source->slots[slot], &plan->slot_before))
        return failure_set(why, FAILURE_CONFLICT,
                           "the source's %.*s key was regenerated since the plan was made",
                           TEXT_ARG(plan->slot));
    return true;
}

/* Callers live on the other slot while this one is regenerated; if it is gone, this is no rotation.
 */
static bool is_other_slot_held(const struct plan *plan, const struct source_fact *source,
                               struct failure *why)
{
    int slot = source_slot_named(source, plan->slot);

    for (size_t i = 0; i < source->slot_count; i++)
        if ((int)i != slot && fingerprint_equal(&source->slots[i], &plan->old))
            return true;
    return failure_set(why, FAILURE_CONFLICT,
                       "the key that Vault holds is no longer one of the source's: repair the "
                       "drift first");
}

bool plan_is_current(const struct plan *plan, const struct source_fact *source,
                     const struct copy_fact *copy, struct failure *why)
{
    return facts_are_known(source, copy, why) && is_copy_unchanged(plan, copy, why) &&
           is_slot_unchanged(plan, source, why) &&
           (plan->action != PLAN_ROTATE || is_other_slot_held(plan, source, why));
}
