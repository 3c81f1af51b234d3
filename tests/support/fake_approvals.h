/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens in plain sight, "PLAN.SUB.JTI.IAT.EXP.SIGNATURE", where the good signature is "ok". */
#ifndef TESTS_SUPPORT_FAKE_APPROVALS_H
#define TESTS_SUPPORT_FAKE_APPROVALS_H

#include "agent/ports/approvals.h"

struct fake_approvals {
    struct approvals port; /* first */
    unsigned guids;
};

#define FAKE_TOKEN_SIZE 256
void fake_approvals_init(struct fake_approvals *approvals);
void fake_token(char out[FAKE_TOKEN_SIZE], const char *plan_id, const char *approver,
                const char *id, int64_t issued_at, int64_t expires_at, const char *signature);

#endif
