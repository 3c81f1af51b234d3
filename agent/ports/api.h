/* SPDX-License-Identifier: Apache-2.0 */
/* The requests every way in shares: the Unix socket, and commands that run without a daemon.
 *
 *   GET  /v1/status                                  what is known of every binding
 *   POST /v1/check       {"bindings":[NAME...]?}     read both sides now; the document of `check -o
 * json` GET  /v1/incidents   [?open=true]                {"incidents":[...]}, newest first GET
 * /v1/objects/ID                              an incident or plan (id or unique prefix), with
 * timeline POST /v1/plans       {"binding":N,"action":A}    201 (or 200: the same plan is open
 * already) GET  /v1/plans/ID POST /v1/plans/ID/approvals {"token":T}          the plan, with
 * approvals counted POST /v1/plans/ID/apply     {"tokens":[T...]?,"wait_ms":N?} POST /v1/rotate
 * {"binding":N,"tokens":[T...]?,"wait_ms":N?,"dry_run":true?}
 *
 * Every answer is one JSON document. Errors are {"error":{"kind":..,"text":..}} with a 4xx or 5xx.
 * Documents that decide an exit code carry it as "exit": 0 done, 1 refused or failed, 2 could not
 * tell, 3 waits for approval. */
#ifndef AGENT_PORTS_API_H
#define AGENT_PORTS_API_H

#include "base/operation.h"
#include "base/text.h"

struct api_request {
    struct text method, path, query, body;
    struct text
        requester; /* the user at the other end, as the socket or this process knows: "ana" */
};
typedef void api_done(int status, struct text json, void *context);

struct api {
    /* `done` exactly once, never at once; cancel stops the waiting, never a plan's execution. */
    struct operation *(*handle)(struct api *self, const struct api_request *request, api_done *done,
                                void *context);
};

#endif
