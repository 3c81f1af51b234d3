/* SPDX-License-Identifier: Apache-2.0 */
/* Approval tokens: signed by an approver, verified with the key pinned for them (ports/approvals.h
 * says what one looks like). */
#ifndef AGENT_ADAPTERS_JWS_APPROVAL_H
#define AGENT_ADAPTERS_JWS_APPROVAL_H

#include "agent/ports/approvals.h"

must_use struct approvals *approvals_openssl_new(void);
struct approvals *approvals_openssl_free(struct approvals *approvals);

/* Signs with the approver's private key and appends the token. `key_file` as approver_keys_make()
 * writes it; refused when others may open it, when it needs a passphrase, and when it is another
 * kind of key. INVALID for a plan id that is none, a name over 64 bytes, and a life under a second
 * or over 7 days. */
must_use bool approval_sign(const char *key_file, struct text approver, struct text plan_id,
                            int64_t now, uint64_t life_ms, struct buffer *token,
                            struct failure *why);

#endif
