/* SPDX-License-Identifier: Apache-2.0 */
/* One rule a line, in the order in which the answer helps most. Whatever is missing is refused. */
#include "agent/core/approval.h"

static bool is_same_person(struct text a, struct text b)
{
    return text_equal_ignoring_case(a, b);
}

static bool is_named_well(const struct approval *approval, struct text plan_id,
                          struct text requester, struct failure *why)
{
    if (!plan_id.size || !text_equal(approval->plan_id, plan_id))
        return failure_set(why, FAILURE_DENIED,
                           "this approval is for another plan (%.*s): approve plan %.*s",
                           TEXT_ARG(approval->plan_id), TEXT_ARG(plan_id));
    if (!approval->approver.size)
        return failure_set(why, FAILURE_DENIED, "this approval names no approver");
    if (!approval->token_id.size)
        return failure_set(why, FAILURE_DENIED,
                           "this approval has no id, so its single use cannot be ensured");
    if (!requester.size)
        return failure_set(why, FAILURE_DENIED,
                           "it is not known who asked for this plan, so nobody can be told to be "
                           "somebody else: make a new plan");
    if (is_same_person(approval->approver, requester))
        return failure_set(why, FAILURE_DENIED,
                           "%.*s asked for this plan and may not approve it: another approver must",
                           TEXT_ARG(approval->approver));
    return true;
}

/* Differences of instants that a token brought, of which nothing is promised, must not overflow. */
static bool is_in_its_time(const struct approval *approval, int64_t now, struct failure *why)
{
    if (approval->issued_at <= 0 || approval->expires_at <= approval->issued_at)
        return failure_set(why, FAILURE_DENIED,
                           "this approval does not say from when to when it is valid");
    if (approval->expires_at - approval->issued_at > APPROVAL_LIFE_MAX_MS)
        return failure_set(why, FAILURE_DENIED,
                           "this approval is valid for more than 7 days: sign one that is shorter");
    if (approval->issued_at > now && approval->issued_at - now > APPROVAL_SKEW_MS)
        return failure_set(why, FAILURE_DENIED,
                           "this approval was issued in the future: compare the clocks");
    if (approval->expires_at <= now)
        return failure_set(why, FAILURE_DENIED, "this approval has expired: sign a new one");
    return true;
}

bool approval_check(const struct approval *approval, struct text plan_id, struct text requester,
                    int64_t now, struct failure *why)
{
    if (!is_named_well(approval, plan_id, requester, why) || !is_in_its_time(approval, now, why))
        return false;
    if (approval->is_used)
        return failure_set(why, FAILURE_DENIED,
                           "this approval was used before: each is good for one execution, sign a "
                           "new one");
    return true;
}

/* A token that comes under two names is one token. */
static bool adds_nothing(const struct approval *approvals, const size_t *chosen, size_t count,
                         const struct approval *another)
{
    for (size_t i = 0; i < count; i++)
        if (is_same_person(approvals[chosen[i]].approver, another->approver) ||
            text_equal(approvals[chosen[i]].token_id, another->token_id))
            return true;
    return false;
}

size_t approvals_choose(const struct approval *approvals, size_t count, struct text plan_id,
                        struct text requester, int64_t now, size_t chosen[APPROVAL_MAX])
{
    size_t valid = 0;

    for (size_t i = 0; i < count && i < APPROVAL_MAX; i++)
        if (approval_check(&approvals[i], plan_id, requester, now, NULL) &&
            !adds_nothing(approvals, chosen, valid, &approvals[i]))
            chosen[valid++] = i;
    return valid;
}

bool approvals_suffice(unsigned required, size_t have, struct failure *why)
{
    if (!required)
        return failure_set(why, FAILURE_DENIED,
                           "the configuration requires no approvals, so nothing may be written: "
                           "set `approval.required` to at least 1");
    if (have < required)
        return failure_set(why, FAILURE_DENIED, "this plan has %zu of the %u approvals it needs",
                           have, required);
    return true;
}
