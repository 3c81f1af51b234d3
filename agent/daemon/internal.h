/* SPDX-License-Identifier: Apache-2.0 */
/* What the driver's files share. Nobody outside agent/daemon includes this. */
#ifndef AGENT_DAEMON_INTERNAL_H
#define AGENT_DAEMON_INTERNAL_H

#include "agent/core/execution.h"
#include "agent/core/incident.h"
#include "agent/core/schedule.h"
#include "agent/daemon/agent.h"
#include "net/json.h"

#include <sys/queue.h>

/* ---- jobs: whatever is under way ------------------------------------------------------------- */

/* Something the agent must wait for before it can close. Embedded first in its owner. */
struct job {
    TAILQ_ENTRY(job) link;
    struct agent *agent;
    /* Hurries it to its end; it still ends through job_end(). May be called more than once. */
    void (*cancel)(struct job *job);
};
TAILQ_HEAD(jobs, job);

void job_begin(struct job *job, struct agent *agent, void (*cancel)(struct job *job));
void job_end(struct job *job);

/* ---- what is known of a binding -------------------------------------------------------------- */

struct incident {
    char id[24];
    json_t *body; /* as stored; see incidents.c */
};

struct binding {
    const struct config_binding *config;
    struct key_source *source;
    struct secret_copy *copy;
    struct schedule_entry due;
    struct watch watch;
    struct source_fact source_fact;
    struct copy_fact copy_fact;
    char *source_why, *copy_why; /* what the facts' `why` point to */
    struct judgement judgement;
    int64_t checked_at;        /* 0: not yet by this process */
    int64_t known_good_at;     /* last time it was in sync; where to begin looking for a culprit */
    struct incident *incident; /* NULL: none open */
    struct incident *closed;   /* resolved, and not yet known to be stored so */
    struct job *routine;       /* its routine check, while under way */
    struct execution *execution;
    char damaged_plan[PLAN_ID_SIZE]; /* may have been under way; empty: none */
    struct job *telling;             /* the incident's first alert is being prepared */
    unsigned culprit_tries;
    int64_t culprit_due_at; /* when to ask again who did it; 0: not */
    int64_t refreshed_at;   /* last alert to sinks that forget */
    bool is_stored;         /* the store has, or soon will have, what `watch` says */
    unsigned stores_begun, stores_ended,
        closed_in; /* commits of this binding; the one of `closed` */
    int64_t blind_since;
};

struct plan_record {
    TAILQ_ENTRY(plan_record) link;
    char id[PLAN_ID_SIZE];
    struct plan plan; /* its texts are views into `canonical` */
    json_t *canonical;
    char *canonical_text;
    enum plan_state state;
    char *why;               /* of a state that needs one, else NULL */
    struct binding *binding; /* NULL when the configuration no longer has it */
    unsigned approvals;      /* distinct approvers so far */
    int64_t resume_at;       /* when the watcher may go on with it */
    int64_t begun_at;        /* 0: not yet */
    int64_t paused_at;       /* when it first had to stop before its end; 0: it did not */
    int64_t reported_at;     /* when that was last told; 0: not by this process */
};
TAILQ_HEAD(plan_records, plan_record);

struct agent {
    struct agent_settings settings;
    const struct config *config;
    struct clock *clock;
    struct api api;
    struct binding *bindings;
    size_t binding_count;
    struct schedule schedule;
    struct schedule_entry **schedule_room;
    struct operation *timer;
    int64_t timer_at;
    unsigned routine_checks;
    struct plan_records plans; /* open and executing ones */
    struct outbox *outbox;
    struct jobs jobs;
    struct execution *executing;
    operation_done *ready;
    void *ready_context;
    struct failure ready_failure;
    int64_t started_at;
    char *store_why; /* why the last commit failed; NULL: it did not */
    bool is_watching, is_closing;
    void (*closed)(void *context);
    void *closed_context;
};

/* Frees a closing agent once nothing is under way. */
void agent_settle(struct agent *agent);
/* Goes on with the next interrupted plan that is due for it, if none is being executed. */
void agent_resume(struct agent *agent);
int64_t agent_now(const struct agent *agent);
/* For deadlines and due times; see ports/clock.h. */
int64_t agent_steady(const struct agent *agent);
struct binding *agent_binding_named(struct agent *agent, struct text name);
/* "keydrift -c FILE REST", cut at 1,000 bytes. */
struct agent_command {
    char text[1000];
};
struct agent_command agent_command(const struct agent *agent, const char *format, ...)
    printf_like(2, 3);

/* ---- batches: what is committed together (batch.c) ------------------------------------------- */

#define BATCH_MAX 48
struct batch {
    struct change changes[BATCH_MAX];
    char *owned[BATCH_MAX][3]; /* id, parent, body */
    size_t count;
    uint64_t alerts; /* the last one it stores (outbox_last()); 0: none */
    bool is_broken;
};
void batch_init(struct batch *batch);
void batch_clear(struct batch *batch);
/* Takes the reference to `body` (NULL for DELETE; NULL otherwise breaks the batch). */
void batch_add(struct batch *batch, enum change_verb verb, enum record_kind kind, const char *id,
               const char *parent, int64_t at, json_t *body);
/* A line in the timeline of an incident or plan. */
void batch_note(struct batch *batch, const char *parent, int64_t at, const char *event,
                const char *text);
/* One line of the audit trail. `detail` (may be NULL) is taken. */
void batch_audit(struct batch *batch, const struct agent *agent, const char *event,
                 struct text actor, const char *binding, const char *plan_id, json_t *detail);
/* Commits and clears. `done` (may be NULL) as by the store; without a store it gets INTERNAL.
 * False: `done` never runs. The agent remembers whether the store works. */
bool batch_commit(struct batch *batch, struct agent *agent, operation_done *done, void *context);

/* ---- checks (check.c) ------------------------------------------------------------------------ */

struct check_result {
    struct binding *binding;
    struct source_fact source;
    struct copy_fact copy;
    struct judgement judgement;
    const struct secret *keys[FACT_SLOTS]; /* only of a decisive check */
    const struct secret *value;            /* of the copy; only of a decisive check */
    uint32_t retry_after_ms;
    bool is_canceled;
};
typedef void check_done(const struct check_result *result, void *context);
/* Reads both sides. The facts are remembered in the binding. Decisive: nothing out of memory. */
struct job *check_start(struct agent *agent, struct binding *binding, bool is_decisive,
                        check_done *done, void *context);

/* ---- the watcher (watcher.c) ----------------------------------------------------------------- */

void watcher_start(struct agent *agent);
void watcher_stop(struct agent *agent);
/* Not later than in `ms`. Does nothing when not watching. */
void watcher_check_soon(struct agent *agent, struct binding *binding, uint64_t ms);

/* ---- incidents (incidents.c) ----------------------------------------------------------------- */

/* Carries out what one read of a binding asks for. `keys` and `value` may be NULL. */
void incident_on_read(struct agent *agent, const struct check_result *result);
/* A repair of the binding began, succeeded or failed. */
void incident_on_repair(struct agent *agent, struct binding *binding, enum incident_event event,
                        const char *text);
/* Prepares the first alert of an open incident: who did it, what callers see, what would repair it.
 */
void incident_tell(struct agent *agent, const struct check_result *result);
/* Asks the service's log again for an incident whose culprit is unknown. */
void incident_find_culprit(struct agent *agent, struct binding *binding);
bool incident_is_told(const struct incident *incident);
/* The same as part of a batch. */
void incident_add_repair(struct agent *agent, struct binding *binding, enum incident_event event,
                         const char *text, struct batch *batch);
/* Puts the incident and the binding as they are now into the batch ... */
void incident_store(struct agent *agent, struct binding *binding, struct batch *batch);
/* ... and commits a batch with that in it. What the store does not take is put again by the next
 * read. */
void incident_commit(struct agent *agent, struct binding *binding, struct batch *batch);
struct incident *incident_load(struct text id, struct text body, struct failure *why);
struct incident *incident_free(struct incident *incident); /* returns NULL */
/* The binding's record: watch state and fingerprints. */
json_t *binding_record(const struct binding *binding);
bool binding_restore(struct binding *binding, const json_t *record);

/* ---- alerts (alerts.c) ----------------------------------------------------------------------- */

/* One alert on the binding's incident (or blindness) to every sink, into the batch and the outbox.
 * `only_refreshing`: to the sinks that forget, no others. */
void alert_add(struct agent *agent, struct batch *batch, struct binding *binding,
               enum alert_event event, bool only_refreshing);

/* ---- outbox (outbox.c) ----------------------------------------------------------------------- */

struct outbox *outbox_open(struct agent *agent);
struct outbox *outbox_free(struct outbox *outbox); /* returns NULL */
/* Takes one pending delivery. Unless it is stored already it is held back until the commit it is
 * part of has ended, well or not. */
void outbox_take(struct outbox *outbox, struct text record_id, struct text sink, json_t *body,
                 bool is_stored);
uint64_t outbox_last(const struct outbox *outbox);
/* The commit of everything taken up to then has ended. */
void outbox_release(struct outbox *outbox, uint64_t up_to);
/* An alert with this dedup key still waits for this sink. */
bool outbox_has(const struct outbox *outbox, const struct alert_sink *sink, struct text key);
void outbox_run(struct outbox *outbox);
/* Deliveries not yet made. */
size_t outbox_waiting(const struct outbox *outbox);

/* ---- plans and approvals (plans.c, approving.c) ---------------------------------------------- */

struct plan_record *plan_record_load(struct agent *agent, struct text id, struct text body,
                                     struct failure *why);
struct plan_record *plan_record_free(struct plan_record *record); /* returns NULL */
json_t *plan_record_body(const struct plan_record *record);
struct plan_record *plan_find(struct agent *agent, struct text id);
struct plan_record *plan_of_binding(struct agent *agent, const struct binding *binding,
                                    enum plan_action action, enum plan_state state);
/* A new plan from the binding's facts, or the open one that says the same (`*is_new` false). It is
 * added to the agent and to the batch. NULL with `why`. */
struct plan_record *plan_make(struct agent *agent, struct binding *binding, enum plan_action action,
                              struct text requester, struct batch *batch, bool *is_new,
                              struct failure *why);
/* Sets the state and adds the change to the batch; a plan that is finished leaves the agent's list
 * with plan_forget(). */
void plan_set_state(struct agent *agent, struct plan_record *record, enum plan_state state,
                    const char *why, struct batch *batch);
void plan_forget(struct agent *agent, struct plan_record *record);
/* After a read: open plans that no longer hold are superseded, late ones expire. */
void plans_review(struct agent *agent, struct binding *binding, struct batch *batch);
/* The document of DESIGN section 4. */
/* Begun, not ended, and not being executed at the moment; NULL: none. */
struct plan_record *plan_paused(struct agent *agent, const struct binding *binding);
/* The command that brings it further. */
struct agent_command plan_next(const struct agent *agent, const struct plan_record *record);
json_t *plan_document(const struct agent *agent, const struct plan_record *record);

/* An approval that counts: its id is recorded as used before the plan is executed. */
struct used_token {
    char id[80], approver[128];
};

/* Verifies tokens (a JSON array of strings, or NULL: none), records them for the plan, then counts
 * all that the plan has. `approved` are one per distinct approver. A token that is refused is a
 * failure (DENIED), audited, and nothing of this call is recorded. */
typedef void approving_done(const struct used_token *approved, size_t count,
                            const struct failure *failure, void *context);
struct job *approving_start(struct agent *agent, const char *plan_id, const json_t *tokens,
                            struct text actor, approving_done *done, void *context);

/* ---- executions (executor*.c) ---------------------------------------------------------------- */

struct execution_outcome {
    enum plan_state state; /* DONE, SUPERSEDED, NEEDS_HUMAN, EXECUTING (goes on later), OPEN
                              (nothing happened) */
    const char *why;       /* one sentence, never NULL */
    enum execution_step step;
};
typedef void execution_done(struct agent *agent, const char *plan_id, struct binding *binding,
                            const struct execution_outcome *outcome, void *context);
/* Executes an open plan with these approvals, or goes on with an executing one (tokens NULL). One
 * waiter per call; joining an execution that runs already is fine. NULL with `why`: `done` never
 * runs. */
struct execution *execution_start(struct agent *agent, struct plan_record *record,
                                  const struct used_token *tokens, size_t token_count,
                                  execution_done *done, void *context, struct failure *why);
/* The waiter no longer wants to know; the execution goes on. */
void execution_leave(struct agent *agent, void *context);

/* ---- documents (documents.c) ----------------------------------------------------------------- */

json_t *json_of_text(struct text text);                             /* null for start NULL */
json_t *json_of_string(const char *string);                         /* null for NULL */
json_t *json_of_instant(int64_t at);                                /* null for 0 */
json_t *json_of_fingerprint(const struct fingerprint *fingerprint); /* 12 hex digits; NULL: null */
json_t *document_source(const struct binding *binding);
json_t *document_copy(const struct binding *binding);
json_t *document_check(struct agent *agent, struct binding *const *bindings, size_t count);
json_t *document_status(struct agent *agent);
json_t *document_error(const struct failure *failure);
/* One sentence on the binding's present judgement. */
bool binding_explain(const struct binding *binding, struct buffer *out);

void api_init(struct agent *agent);

#endif
