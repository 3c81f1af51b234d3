/* SPDX-License-Identifier: Apache-2.0 */
/* An agent among fakes, in virtual time: one or two bindings, two sinks, two approvers. It can be
 * killed at any boundary and started anew on the same state.
 */
#ifndef TESTS_SUPPORT_WORLD_H
#define TESTS_SUPPORT_WORLD_H

#include "agent/daemon/agent.h"
#include "tests/support/fake_approvals.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_copy.h"
#include "tests/support/fake_sink.h"
#include "tests/support/fake_source.h"
#include "tests/support/fake_store.h"

#define SECONDS *1000LL
#define MINUTES *60000LL
#define HOURS   *3600000LL

struct world_answer {
    bool is_done;
    int status;
    json_t *document;
    struct operation *operation;
};

struct world {
    struct fake_clock clock;
    struct fake_source sources[2];
    struct fake_copy copies[2];
    struct fake_store store;
    struct fake_sink sinks[2]; /* "plain" forgets nothing, "forgetful" must be told every minute */
    struct fake_approvals approvals;
    struct config_binding bindings[2];
    struct approver approvers[2]; /* ana, bo */
    struct config config;
    struct agent_ports ports[2];
    struct alert_sink *sink_ports[2];
    struct agent *agent; /* NULL while none runs */
    bool is_ready, is_closed, has_no_store;
    struct failure ready_failure;
    unsigned tokens;            /* handed out so far */
    struct world_answer answer; /* for requests during which the agent may be killed */
};

/* One binding, "nachet", in sync. Change what you like before world_start(). */
struct world *world_new(void);
/* Closes what runs. Always returns NULL. */
struct world *world_free(struct world *world);

/* Opens an agent and waits until it is ready; then watches, or not. False: killed meanwhile. */
bool world_start(struct world *world, bool watches);
/* Lets time pass. False when the agent was killed meanwhile. */
bool world_run(struct world *world, int64_t ms);
/* Ends the agent in order and says how long that took. */
int64_t world_stop(struct world *world);
/* Frees a killed agent; nothing it does on its way has an effect. The next world_start() finds what
 * it left. */
void world_bury(struct world *world);

/* Begins a request; `body` NULL: none. */
void world_ask(struct world *world, struct world_answer *answer, const char *method,
               const char *path, const char *requester, const char *body);
void world_ask_with(struct world *world, struct world_answer *answer, const char *method,
                    const char *path, const char *query, const char *requester, const char *body);
/* Runs until it is answered, an hour at most. False: killed, or no answer. */
bool world_wait(struct world *world, struct world_answer *answer);
/* Both. The status, or 0 when killed. The document is in `answer`, to be cleared. */
int world_call(struct world *world, struct world_answer *answer, const char *method,
               const char *path, const char *requester, const char *body);
void world_answer_clear(struct world_answer *answer);

/* Makes a plan as "dev"; its id goes to `id`. False when there is none. */
bool world_plan(struct world *world, const char *action, char id[PLAN_ID_SIZE]);
/* A good token of this approver for the plan. */
void world_token(struct world *world, const char *plan_id, const char *approver,
                 char out[FAKE_TOKEN_SIZE]);
/* Applies the plan with a new token of ana's; the answer's status, or 0 when killed. */
int world_apply(struct world *world, const char *plan_id, struct world_answer *answer);

/* The state of the plan in the store. */
const char *world_plan_state(const struct world *world, const char *plan_id);
/* The steps in the plan's journal, "locked writing verifying". */
const char *world_journal(const struct world *world, const char *plan_id);
/* A string in an answer or alert; "" when absent, null or no string. */
const char *json_string_in(const json_t *json, const char *path);

#endif
