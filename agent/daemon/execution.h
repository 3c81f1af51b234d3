/* SPDX-License-Identifier: Apache-2.0 */
/* One plan being executed; shared by executor.c (its life: begin, journal, resume, end),
 * executor_regenerate.c and executor_steps.c (what each step does). */
#ifndef AGENT_DAEMON_EXECUTION_H
#define AGENT_DAEMON_EXECUTION_H

#include "agent/daemon/internal.h"

struct execution_waiter {
    TAILQ_ENTRY(execution_waiter) link;
    execution_done *done;
    void *context;
};
TAILQ_HEAD(execution_waiters, execution_waiter);

struct execution {
    struct job job; /* first */
    struct plan_record *record;
    struct binding *binding;
    enum execution_step step; /* the one journaled last */
    struct execution_waiters waiters;
    struct used_token tokens[APPROVAL_MAX];
    size_t token_count;
    struct operation *operation; /* at most one of these two is under way */
    struct job *check;
    void (*then)(struct execution *execution); /* after the operation */
    struct secret *key;          /* the key to be written, once it was read for that */
    struct fingerprint expected; /* of that key; all zero until known */
    bool is_expected_known;
    int slot;                    /* whose key it is */
    char request_id[37];         /* of the last regenerate sent or about to be sent */
    int64_t regenerating_since;  /* when that was journaled */
    bool is_regenerate_doubtful; /* its answer was lost: it may or may not have been carried out */
    bool log_was_asked, log_knows_it;
    int64_t patience_until; /* of the present step */
    unsigned good_probes, tries, looks;
    struct fingerprint proven; /* the key that callers were served with */
    bool is_proven;
    bool is_resend; /* a regenerate was sent before */
    bool holds_lock, is_resumed;
    struct failure failure; /* the last one, for the sentence at the end */
};

/* Journals `step`, then begins it. */
void execution_enter(struct execution *execution, enum execution_step step);
/* Ends it. `state` EXECUTING: it goes on later. */
void execution_end(struct execution *execution, enum plan_state state, const char *format, ...)
    printf_like(3, 4);
/* Looks at both sides and lets the core decide where to go on. */
void execution_decide(struct execution *execution);
/* Runs `then` after `ms`; ends the execution for now when patience ran out. */
void execution_wait(struct execution *execution, uint64_t ms,
                    void (*then)(struct execution *execution));
/* Decisive check, then `then` with its result in the binding. */
void execution_check(struct execution *execution, check_done *done);

/* The course's next step. */
void execution_go_on(struct execution *execution);
/* 0.5 s, and slower while nothing happens: 5 s at most. */
uint64_t execution_pause_ms(struct execution *execution);
/* At least what the other side asked for. */
uint64_t execution_pause_after_ms(struct execution *execution, const struct failure *failure);

/* Begins the step that was just journaled. */
void execution_perform(struct execution *execution);
/* Before approvals are used: both sides as planned, all rights, and for a rotation a key that
 * works. */
void execution_preflight(struct execution *execution);

void execution_regenerate(struct execution *execution);
void execution_confirm(struct execution *execution);

/* True when the agent is closing or the operation was canceled: the caller returns, the execution
 * has ended. */
bool execution_interrupted(struct execution *execution, const struct failure *failure);

#endif
