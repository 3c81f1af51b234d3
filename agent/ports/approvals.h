/* SPDX-License-Identifier: Apache-2.0 */
/* Checks the signature of an approval token and hands out what it says; gives ids and digests. */
#ifndef AGENT_PORTS_APPROVALS_H
#define AGENT_PORTS_APPROVALS_H

#include "agent/core/approval.h"
#include "base/buffer.h"

struct approver {
    const char *name;
    uint8_t public_key[32]; /* Ed25519 */
};

#define APPROVAL_TOKEN_LIMIT 4096

/* A token is a compact JWS (RFC 7515, RFC 8037), header
 * {"alg":"EdDSA","typ":"keydrift-approval+jwt","kid":NAME}, payload
 * {"plan":ID,"sub":NAME,"jti":..,"iat":s,"exp":s}. Exactly these members; kid and sub equal; no
 * other algorithm. */
struct approvals {
    /* Verifies with the pinned key of the approver it names. `ret`'s texts live in `kept` (a buffer
     * the caller clears). False: DENIED with the rule that failed. `is_used` is left false. */
    bool (*verify)(struct approvals *self, struct text token, const struct approver *approvers,
                   size_t count, struct buffer *kept, struct approval *ret, struct failure *why);
    /* SHA-256 as 64 hex digits and NUL. */
    bool (*digest)(struct approvals *self, struct text bytes, char out[PLAN_ID_SIZE]);
    /* A random GUID (version 4) and NUL. */
    bool (*guid)(struct approvals *self, char out[37]);
};

#endif
