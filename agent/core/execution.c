/* SPDX-License-Identifier: Apache-2.0 */
/* The journal says what was begun, the live fingerprints say what is; where they leave a doubt,
 * nothing is sent. */
#include "agent/core/execution.h"

/* The words are in journals, so they never change. */
static const char *const names[EXECUTION_STEPS] = {
    [STEP_PREFLIGHT] = "preflight",
    [STEP_LOCKED] = "locked",
    [STEP_REGENERATING] = "regenerating",
    [STEP_CONFIRMING] = "confirming",
    [STEP_PROBING] = "probing",
    [STEP_WRITING] = "writing",
    [STEP_VERIFYING] = "verifying",
    [STEP_SETTLING] = "settling",
    [STEP_DONE] = "done",
    [STEP_NEEDS_HUMAN] = "needs_human",
};

const char *execution_step_name(enum execution_step step)
{
    return (unsigned)step < EXECUTION_STEPS ? names[step] : "unknown";
}

bool execution_step_parse(struct text name, enum execution_step *ret)
{
    for (unsigned step = 0; step < EXECUTION_STEPS; step++) {
        if (!text_is(name, names[step]))
            continue;
        *ret = (enum execution_step)step;
        return true;
    }
    return false;
}

/* A step that is not in a course leads to a person, as does a course that this version has not. */
static const enum execution_step successors[PLAN_ACTIONS][EXECUTION_STEPS] = {
    [PLAN_WRITE_BACK] =
        {
            [STEP_PREFLIGHT] = STEP_LOCKED,
            [STEP_LOCKED] = STEP_WRITING,
            [STEP_REGENERATING] = STEP_NEEDS_HUMAN,
            [STEP_CONFIRMING] = STEP_NEEDS_HUMAN,
            [STEP_PROBING] = STEP_DONE,
            [STEP_WRITING] = STEP_VERIFYING,
            [STEP_VERIFYING] = STEP_PROBING,
            [STEP_SETTLING] = STEP_NEEDS_HUMAN,
            [STEP_DONE] = STEP_DONE,
            [STEP_NEEDS_HUMAN] = STEP_NEEDS_HUMAN,
        },
    [PLAN_ROTATE] =
        {
            [STEP_PREFLIGHT] = STEP_LOCKED,
            [STEP_LOCKED] = STEP_REGENERATING,
            [STEP_REGENERATING] = STEP_CONFIRMING,
            [STEP_CONFIRMING] = STEP_PROBING,
            [STEP_PROBING] = STEP_WRITING,
            [STEP_WRITING] = STEP_VERIFYING,
            [STEP_VERIFYING] = STEP_SETTLING,
            [STEP_SETTLING] = STEP_DONE,
            [STEP_DONE] = STEP_DONE,
            [STEP_NEEDS_HUMAN] = STEP_NEEDS_HUMAN,
        },
};

enum execution_step execution_next(enum plan_action action, enum execution_step step)
{
    if (action != PLAN_WRITE_BACK && action != PLAN_ROTATE)
        return STEP_NEEDS_HUMAN;
    return successors[action][step];
}

/* ---- going on -------------------------------------------------------------------------------- */

static struct execution_decision go_on(enum execution_step step)
{
    return (struct execution_decision){EXECUTION_GO_ON, step};
}

/* `journaled` stays the step where the verdict is not to go on. */
static struct execution_decision decide(enum execution_verdict verdict,
                                        enum execution_step journaled)
{
    return (struct execution_decision){verdict, journaled};
}

static struct execution_decision stop(enum execution_step journaled, struct failure *why,
                                      const char *text)
{
    failure_set(why, FAILURE_CONFLICT, "%s", text);
    return decide(EXECUTION_STOP, journaled);
}

static struct execution_decision supersede(enum execution_step journaled, struct failure *why,
                                           const char *text)
{
    failure_set(why, FAILURE_CONFLICT, "%s", text);
    return decide(EXECUTION_SUPERSEDED, journaled);
}

/* Nothing was sent to either side before this step. */
static bool has_changed_nothing(enum execution_step journaled)
{
    return journaled == STEP_PREFLIGHT || journaled == STEP_LOCKED;
}

static struct execution_decision resume_untouched(const struct plan *plan,
                                                  enum execution_step journaled,
                                                  const struct source_fact *source,
                                                  const struct copy_fact *copy, struct failure *why)
{
    if (!plan_is_current(plan, source, copy, why))
        return decide(EXECUTION_SUPERSEDED, journaled);
    return go_on(execution_next(plan->action, journaled));
}

static bool is_copy_old(const struct plan *plan, const struct copy_fact *copy)
{
    return copy->state == plan->old_state && copy_version_equal(&copy->version, &plan->version) &&
           (copy->state != COPY_PRESENT || fingerprint_equal(&copy->value, &plan->old));
}

static bool holds(const struct copy_fact *copy, const struct fingerprint *value)
{
    return copy->state == COPY_PRESENT && fingerprint_equal(&copy->value, value);
}

static struct execution_decision resume_write_back(const struct plan *plan,
                                                   enum execution_step journaled,
                                                   const struct source_fact *source,
                                                   const struct copy_fact *copy,
                                                   struct failure *why)
{
    bool is_untouched = has_changed_nothing(journaled);

    if (holds(copy, &plan->new) && is_untouched)
        return supersede(journaled, why,
                         "the copy in Vault already holds the planned key: somebody else wrote it, "
                         "nothing is left to do");
    if (is_untouched)
        return resume_untouched(plan, journaled, source, copy, why);
    if (holds(copy, &plan->new))
        return go_on(journaled == STEP_PROBING ? STEP_PROBING : STEP_VERIFYING);
    /* Check-and-set with the plan's version makes a second write harmless if the first one is only
     * not to be seen yet. */
    if (plan_is_current(plan, source, copy, why))
        return go_on(STEP_WRITING);
    failure_prefix(why, "the write was begun, then something else changed; compare both sides and "
                        "make a new plan");
    return decide(EXECUTION_STOP, journaled);
}

static struct execution_decision resume_regenerated(const struct plan *plan,
                                                    enum execution_step journaled,
                                                    const struct copy_fact *copy,
                                                    const struct fingerprint *live,
                                                    struct failure *why)
{
    if (holds(copy, live))
        return go_on(journaled == STEP_SETTLING ? STEP_SETTLING : STEP_VERIFYING);
    if (!is_copy_old(plan, copy))
        return stop(journaled, why,
                    "the slot was regenerated, but the copy in Vault holds neither its old value "
                    "nor the new key: somebody else wrote it; make a plan to write the key back");
    /* Verified once and old again is a restored backup at best. Before that, check-and-set with the
     * plan's version makes a second write harmless. */
    if (journaled == STEP_SETTLING)
        return stop(journaled, why,
                    "the new key was written and read back, and now Vault has the old version "
                    "again: find out why before writing once more");
    if (journaled == STEP_WRITING || journaled == STEP_VERIFYING)
        return go_on(STEP_WRITING);
    return go_on(STEP_PROBING);
}

static struct execution_decision resume_rotate(const struct plan *plan,
                                               enum execution_step journaled,
                                               const struct source_fact *source,
                                               const struct copy_fact *copy, struct failure *why)
{
    int slot = source_slot_named(source, plan->slot);

    if (has_changed_nothing(journaled))
        return resume_untouched(plan, journaled, source, copy, why);
    if (slot == ANY_SLOT)
        return stop(journaled, why,
                    "the slot that was to be regenerated is no longer one of the source's");
    if (!fingerprint_equal(&source->slots[slot], &plan->slot_before))
        return resume_regenerated(plan, journaled, copy, &source->slots[slot], why);
    /* Asked again this could end in a second regenerate, and by now perhaps of the slot Vault
     * holds. */
    if (!is_copy_old(plan, copy))
        return stop(journaled, why,
                    "the regenerate shows no effect, and meanwhile somebody else wrote the copy in "
                    "Vault: compare both sides before anything else");
    failure_set(why, FAILURE_AMBIGUOUS,
                "the regenerate of %.*s was begun but the source still shows the old key: look "
                "again before sending anything",
                TEXT_ARG(plan->slot));
    return decide(EXECUTION_LOOK_AGAIN, journaled);
}

struct execution_decision execution_resume(const struct plan *plan, enum execution_step journaled,
                                           const struct source_fact *source,
                                           const struct copy_fact *copy, struct failure *why)
{
    if (journaled == STEP_DONE)
        return go_on(STEP_DONE);
    if (execution_next(plan->action, journaled) == STEP_NEEDS_HUMAN)
        return stop(journaled, why,
                    "this execution was given up: a person must look at both sides");
    if (!facts_are_known(source, copy, why))
        return decide(EXECUTION_LOOK_AGAIN, journaled);
    if (plan->action == PLAN_WRITE_BACK)
        return resume_write_back(plan, journaled, source, copy, why);
    return resume_rotate(plan, journaled, source, copy, why);
}

bool execution_may_resend(const struct plan *plan, const struct source_fact *source,
                          int64_t journaled_at, uint64_t resend_after_ms, bool log_was_asked,
                          bool log_knows_it, int64_t now)
{
    int slot = source->is_known ? source_slot_named(source, plan->slot) : ANY_SLOT;

    if (plan->action != PLAN_ROTATE || slot == ANY_SLOT || !log_was_asked || log_knows_it)
        return false;
    /* A look from before the wait was over says nothing of what came of the request. */
    if (source->at > now || source->at < journaled_at ||
        (uint64_t)source->at - (uint64_t)journaled_at < resend_after_ms)
        return false;
    return fingerprint_equal(&source->slots[slot], &plan->slot_before);
}
