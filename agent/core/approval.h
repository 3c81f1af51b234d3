/* SPDX-License-Identifier: Apache-2.0 */
/* May this plan be executed with these approvals? Everything fails closed. The signatures were
 * checked before (ports/approvals.h); here is what they say held against the rules. */
#ifndef AGENT_CORE_APPROVAL_H
#define AGENT_CORE_APPROVAL_H

#include "agent/core/plan.h"
#include "base/failure.h"

#define APPROVAL_MAX         16        /* tokens looked at for one plan */
#define APPROVAL_SKEW_MS     60000     /* an issuing clock may be this far ahead of ours */
#define APPROVAL_LIFE_MAX_MS 604800000 /* a token valid for more than 7 days is refused */

struct approval {
    struct text approver; /* whose pinned key verified it */
    struct text plan_id;  /* the plan it names */
    struct text token_id; /* unique; recorded before use */
    int64_t issued_at, expires_at;
    bool is_used; /* its id was recorded before */
};

/* One approval by itself: names the plan, not expired, not from the future, not used, not by the
 * requester. FAILURE_DENIED says which rule. */
must_use bool approval_check(const struct approval *approval, struct text plan_id,
                             struct text requester, int64_t now, struct failure *why);

/* The approvals that count: valid, each by another approver. Their places go to `chosen`, how many
 * is returned. */
size_t approvals_choose(const struct approval *approvals, size_t count, struct text plan_id,
                        struct text requester, int64_t now, size_t chosen[APPROVAL_MAX]);

/* Are `have` of them enough where `required` are asked for? Never where `required` is 0. DENIED
 * says how many are missing. */
must_use bool approvals_suffice(unsigned required, size_t have, struct failure *why);

#endif
