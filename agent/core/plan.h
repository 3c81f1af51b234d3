/* SPDX-License-Identifier: Apache-2.0 */
/* One exact change, named by the SHA-256 of its canonical JSON: whoever approves the id approves
 * every word of it and nothing else. */
#ifndef AGENT_CORE_PLAN_H
#define AGENT_CORE_PLAN_H

#include "agent/core/fact.h"
#include "agent/core/verdict.h"
#include "base/buffer.h"
#include "base/failure.h"

#define PLAN_ID_SIZE 65 /* 64 hex digits and NUL */

enum plan_action { PLAN_WRITE_BACK, PLAN_ROTATE, PLAN_RESTORE, PLAN_ACTIONS };
const char *plan_action_name(enum plan_action action); /* "write_back" ... */
must_use bool plan_action_parse(struct text name, enum plan_action *ret);

enum plan_state {
    PLAN_OPEN,      /* waits for approvals, or for apply */
    PLAN_EXECUTING, /* approvals used; steps are journaled */
    PLAN_DONE,
    PLAN_SUPERSEDED, /* the facts it rests on are no longer true */
    PLAN_EXPIRED,
    PLAN_NEEDS_HUMAN,
    PLAN_STATES
};
const char *plan_state_name(enum plan_state state);
must_use bool plan_state_parse(struct text name, enum plan_state *ret);

struct plan {
    enum plan_action action;
    struct text binding;
    struct text source_id;                   /* ARM id */
    struct text address, mount, path, field; /* of the copy */
    struct text slot; /* WRITE_BACK: the slot whose key is copied; ROTATE: the one regenerated */
    enum copy_state old_state;   /* PRESENT, or why there is no old value */
    struct fingerprint old;      /* of the copy, when PRESENT */
    struct copy_version version; /* of the copy: what check-and-set will demand */
    bool has_new;                /* false for ROTATE: the new key does not exist yet */
    struct fingerprint new;
    struct fingerprint
        slot_before; /* ROTATE: the slot's fingerprint now; otherwise equal to `new` */
    int64_t created_at, expires_at;
    struct text requester; /* who asked for it; may not approve it */
};

/* What the id is the hash of. False when a text is not UTF-8 or the buffer broke. */
must_use bool plan_canonical(const struct plan *plan, struct buffer *out);

/* Fills action, slot, old*, version, new, slot_before from the facts. False with `why` CONFLICT
 * when there is nothing to do or it would be wrong: in sync (write_back), a copy that matches no
 * slot (rotate: points at the drift), a deleted or destroyed copy, one slot only; INVALID when a
 * side is unknown, or where the configuration must be changed first. WRITE_BACK takes the pinned
 * slot, else the first. ROTATE takes the slot the copy does not hold (and refuses when both slots
 * equal the copy). The texts that name the binding stay the caller's to fill. */
must_use bool plan_from_facts(struct plan *plan, enum plan_action action,
                              const struct source_fact *source, const struct copy_fact *copy,
                              int pinned, struct failure *why);

/* Could both sides be read? Otherwise `why` (REMOTE) says which could not, and what it answered. */
must_use bool facts_are_known(const struct source_fact *source, const struct copy_fact *copy,
                              struct failure *why);

/* Do the facts still say what the plan rests on? False names what changed. Unknown facts are false
 * too, with FAILURE_REMOTE instead of FAILURE_CONFLICT. */
must_use bool plan_is_current(const struct plan *plan, const struct source_fact *source,
                              const struct copy_fact *copy, struct failure *why);

#endif
