/* SPDX-License-Identifier: Apache-2.0 */
/* One request under way; shared by the files that answer them. */
#ifndef AGENT_DAEMON_API_CALLS_H
#define AGENT_DAEMON_API_CALLS_H

#include "agent/daemon/internal.h"

struct api_call {
    struct operation handle; /* first: what the caller may cancel */
    struct job job;
    api_done *done;
    void *context;
    char *method, *path, *requester;
    json_t *body;           /* object, or NULL when there was none */
    struct failure failure; /* of reading the body */
    bool is_canceled;
    bool wants_open;             /* of incidents: only these */
    struct operation *operation; /* at most one of these two is under way ... */
    struct job *waiting_for;     /* ... or several checks */
    struct binding **bindings;   /* of a check */
    struct job **checks;
    size_t binding_count, pending;
    char id[PLAN_ID_SIZE]; /* of the object asked for */
    json_t *document;      /* under construction */
    enum plan_action action;
    bool is_new, is_rotation;
    int64_t wait_until;
    bool is_executing; /* it is a waiter of the agent's execution */
};

/* Ends the call. Takes `document`; NULL is answered as out of memory. */
void call_answer(struct api_call *call, int status, json_t *document);
void call_fail(struct api_call *call, const struct failure *failure);
void call_refuse(struct api_call *call, int status, enum failure_kind kind, const char *format, ...)
    printf_like(4, 5);
/* NULL with `why`, which names the nearest one. */
struct binding *find_binding(struct agent *agent, struct text name, struct failure *why);

/* True when the call was canceled or the agent is closing: it has ended. */
bool call_interrupted(struct api_call *call);

void call_show(struct api_call *call, struct text id); /* GET /v1/objects/ID */
void call_incidents(struct api_call *call);
void call_check(struct api_call *call);
void call_access(struct api_call *call); /* POST /v1/access */
void call_plan(struct api_call *call);   /* POST /v1/plans */
void call_approve(struct api_call *call, struct text id);
void call_apply(struct api_call *call, struct text id);
void call_rotate(struct api_call *call);

#endif
