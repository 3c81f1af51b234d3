/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of a plan's execution, and where to go on after a crash, decided from live
 * fingerprints.
 *
 * WRITE_BACK: locked -> writing -> verifying -> probing -> done
 * ROTATE:     preflight -> locked -> regenerating -> confirming -> probing -> writing -> verifying
 * -> settling -> done `locked` means: approvals recorded as used, this plan is the binding's only
 * execution. Every step is journaled before it begins, so the journal's last step may or may not
 * have taken effect.
 */
#ifndef AGENT_CORE_EXECUTION_H
#define AGENT_CORE_EXECUTION_H

#include "agent/core/plan.h"

enum execution_step {
    STEP_PREFLIGHT,
    STEP_LOCKED,
    STEP_REGENERATING,
    STEP_CONFIRMING, /* list keys until the slot's key differs from `slot_before` */
    STEP_PROBING,    /* the new key works for a caller */
    STEP_WRITING,
    STEP_VERIFYING, /* read back */
    STEP_SETTLING,  /* a last look at both sides and a probe with what Vault now holds */
    STEP_DONE,
    STEP_NEEDS_HUMAN,
    EXECUTION_STEPS
};
const char *execution_step_name(enum execution_step step);
must_use bool execution_step_parse(struct text name, enum execution_step *ret);

/* The step after `step` in the plan's course. */
enum execution_step execution_next(enum plan_action action, enum execution_step step);

enum execution_verdict {
    EXECUTION_GO_ON,      /* with `step` */
    EXECUTION_LOOK_AGAIN, /* a side cannot be read, or a sent regenerate shows no effect yet: wait,
                             then ask again */
    EXECUTION_SUPERSEDED, /* nothing was changed yet and the facts no longer hold */
    EXECUTION_STOP, /* something was changed and the facts make no sense: a person must look */
};
struct execution_decision {
    enum execution_verdict verdict;
    enum execution_step step;
};

/* After a crash, or before each step: what do the live facts say, given that `journaled` is the
 * last step in the journal? A regenerate that was journaled is never answered with
 * STEP_REGENERATING here; whether it may be sent again is execution_may_resend()'s to say. `why`
 * gets one sentence in all cases but GO_ON. */
struct execution_decision execution_resume(const struct plan *plan, enum execution_step journaled,
                                           const struct source_fact *source,
                                           const struct copy_fact *copy, struct failure *why);

/* May a journaled regenerate whose effect is not to be seen be sent again? Only when the slot still
 * has its old fingerprint, `resend_after_ms` have passed since it was journaled, and the service's
 * own log was asked and knows no request with our id. */
bool execution_may_resend(const struct plan *plan, const struct source_fact *source,
                          int64_t journaled_at, uint64_t resend_after_ms, bool log_was_asked,
                          bool log_knows_it, int64_t now);

#endif
