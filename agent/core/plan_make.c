/* SPDX-License-Identifier: Apache-2.0 */
/* From facts to a plan, or to the sentence that says what has to be done before. */
#include "agent/core/plan.h"

static bool refuse_unknown(const struct source_fact *source, const struct copy_fact *copy,
                           struct failure *why)
{
    const char *side = source->is_known ? "the copy in Vault" : "the source";
    const char *cause = source->is_known ? copy->why : source->why;

    return failure_set(why, FAILURE_INVALID,
                       "%s could not be read (%s): a plan needs both sides; plan again when it "
                       "can be read",
                       side, cause ? cause : "not asked yet");
}

static bool refuse_gone(const struct copy_fact *copy, struct failure *why)
{
    unsigned version = copy->version.number;

    if (copy->state == COPY_DELETED)
        return failure_set(why, FAILURE_CONFLICT,
                           "version %u of the copy was deleted in Vault: undelete it first (vault "
                           "kv undelete -versions=%u), then plan again",
                           version, version);
    return failure_set(why, FAILURE_CONFLICT,
                       "version %u of the copy was destroyed in Vault and cannot come back: put a "
                       "new version there first (vault kv put, with all its fields), then plan "
                       "again",
                       version);
}

/* What no action can do anything with. */
static bool are_usable(const struct source_fact *source, const struct copy_fact *copy, int pinned,
                       struct failure *why)
{
    if (!source->is_known || copy->state == COPY_UNKNOWN)
        return refuse_unknown(source, copy, why);
    if (copy->state == COPY_DELETED || copy->state == COPY_DESTROYED)
        return refuse_gone(copy, why);
    if (!source->slot_count)
        return failure_set(why, FAILURE_INVALID,
                           "the source answered without any key: look at the source first");
    if (pinned != ANY_SLOT && (pinned < 0 || (size_t)pinned >= source->slot_count))
        return failure_set(why, FAILURE_INVALID,
                           "the source has no such slot as this binding pins: correct `slot` in "
                           "the configuration");
    return true;
}

static void fill(struct plan *plan, enum plan_action action, const struct source_fact *source,
                 size_t slot, const struct copy_fact *copy)
{
    plan->action = action;
    plan->slot = text_of(source->slot_names[slot]);
    plan->slot_before = source->slots[slot];
    plan->old_state = copy->state;
    plan->old = copy->state == COPY_PRESENT ? copy->value : (struct fingerprint){0};
    plan->version = copy->version;
    plan->has_new = action == PLAN_WRITE_BACK;
    plan->new = plan->has_new ? source->slots[slot] : (struct fingerprint){0};
}

static bool plan_write_back(struct plan *plan, const struct source_fact *source,
                            const struct copy_fact *copy, int pinned, struct failure *why)
{
    struct judgement judgement = judge(source, copy, pinned);

    if (judgement.verdict == VERDICT_MATCH)
        return failure_set(why, FAILURE_CONFLICT,
                           "nothing to do: the copy in Vault equals the source's %s key",
                           source->slot_names[judgement.matched_slot]);
    if (pinned == ANY_SLOT && source_has_groups(source))
        return failure_set(why, FAILURE_INVALID,
                           "the source's keys do not all open the same: say with `slot` in the "
                           "configuration which of them the copy must be");
    fill(plan, PLAN_WRITE_BACK, source, pinned == ANY_SLOT ? 0 : (size_t)pinned, copy);
    return true;
}

static bool plan_rotate(struct plan *plan, const struct source_fact *source,
                        const struct copy_fact *copy, int pinned, struct failure *why)
{
    struct judgement judgement = judge(source, copy, ANY_SLOT);
    int held = judgement.matched_slot;
    int other;

    if (held == ANY_SLOT)
        return failure_set(why, FAILURE_CONFLICT,
                           "the copy in Vault is %s: a rotation starts from a copy that works, so "
                           "repair the drift first (keydrift plan BINDING)",
                           verdict_name(judgement.verdict));
    if (source->slot_count < 2)
        return failure_set(why, FAILURE_CONFLICT,
                           "the source has one slot only (%s): regenerating it would cut off every "
                           "caller, so there is no rotation without failed requests",
                           source->slot_names[held]);
    other = source_other_slot(source, held);
    if (other == ANY_SLOT)
        return failure_set(why, FAILURE_CONFLICT,
                           "no other key of the source opens the same as %s and can be made anew "
                           "alone, so there is no rotation without failed requests",
                           source->slot_names[held]);
    if (fingerprint_equal(&source->slots[other], &copy->value))
        return failure_set(why, FAILURE_CONFLICT,
                           "both slots hold the key that Vault holds, so neither can be "
                           "regenerated safely: regenerate one at the source by hand, then plan "
                           "again");
    if (pinned == held)
        return failure_set(why, FAILURE_INVALID,
                           "this binding pins the slot %s, and a rotation moves the copy to %s: "
                           "set `slot: any` in the configuration to rotate it",
                           source->slot_names[held], source->slot_names[other]);
    fill(plan, PLAN_ROTATE, source, (size_t)other, copy);
    return true;
}

bool plan_from_facts(struct plan *plan, enum plan_action action, const struct source_fact *source,
                     const struct copy_fact *copy, int pinned, struct failure *why)
{
    if (!are_usable(source, copy, pinned, why))
        return false;
    switch (action) {
    case PLAN_WRITE_BACK:
        return plan_write_back(plan, source, copy, pinned, why);
    case PLAN_ROTATE:
        return plan_rotate(plan, source, copy, pinned, why);
    case PLAN_RESTORE:
    case PLAN_ACTIONS:
        break;
    }
    return failure_set(why, FAILURE_INVALID,
                       "this version cannot plan a %s: use write_back or rotate",
                       plan_action_name(action));
}
