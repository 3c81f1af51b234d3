/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/fake_approvals.h"

#include "tests/support/fake_clock.h"

#include <stdio.h>
#include <string.h>

static bool verify(struct approvals *self, struct text token, const struct approver *approvers,
                   size_t count, struct buffer *kept, struct approval *ret, struct failure *why)
{
    struct text rest, parts[6];
    uint64_t issued_at, expires_at;

    (void)self;
    if (!buffer_append(kept, token))
        return failure_out_of_memory(why);
    rest = buffer_text(kept);
    for (size_t i = 0; i < 6; i++)
        if (!text_split(&rest, '.', &parts[i]))
            return failure_set(why, FAILURE_DENIED, "this is not an approval token");
    if (!text_parse_u64(parts[3], INT64_MAX, &issued_at) ||
        !text_parse_u64(parts[4], INT64_MAX, &expires_at))
        return failure_set(why, FAILURE_DENIED, "this is not an approval token");
    for (size_t i = 0; i < count; i++) {
        if (!text_is(parts[1], approvers[i].name))
            continue;
        if (!text_is(parts[5], "ok"))
            return failure_set(why, FAILURE_DENIED, "the signature does not fit");
        *ret = (struct approval){.approver = parts[1],
                                 .plan_id = parts[0],
                                 .token_id = parts[2],
                                 .issued_at = (int64_t)issued_at,
                                 .expires_at = (int64_t)expires_at};
        return true;
    }
    return failure_set(why, FAILURE_DENIED, "no approver \"%.*s\" is configured",
                       TEXT_ARG(parts[1]));
}

static bool digest(struct approvals *self, struct text bytes, char out[PLAN_ID_SIZE])
{
    struct fingerprint fingerprint = fake_fingerprint(bytes);

    (void)self;
    fingerprint_hex(&fingerprint, out);
    return true;
}

static bool guid(struct approvals *self, char out[37])
{
    struct fake_approvals *approvals = (struct fake_approvals *)self;

    snprintf(out, 37, "%08x-0000-4000-8000-000000000000", ++approvals->guids);
    return true;
}

void fake_approvals_init(struct fake_approvals *approvals)
{
    *approvals = (struct fake_approvals){.port = {verify, digest, guid}};
}

void fake_token(char out[FAKE_TOKEN_SIZE], const char *plan_id, const char *approver,
                const char *id, int64_t issued_at, int64_t expires_at, const char *signature)
{
    snprintf(out, FAKE_TOKEN_SIZE, "%s.%s.%s.%lld.%lld.%s", plan_id, approver, id,
             (long long)issued_at, (long long)expires_at, signature);
}
