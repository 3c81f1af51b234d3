/* SPDX-License-Identifier: Apache-2.0 */
/* From tokens to counted approvals. Tokens are kept as they came and verified anew whenever they
 * are counted, so that nothing rests on what an earlier process believed. */
#include "agent/daemon/internal.h"

#include "agent/daemon/log.h"
#include "base/memory.h"

#include <stdio.h>
#include <string.h>

struct approving {
    struct job job; /* first */
    char plan_id[PLAN_ID_SIZE];
    char *actor;
    json_t *tokens; /* still to be recorded; an array */
    size_t at;      /* the one being looked up */
    struct operation *operation;
    struct buffer kept[APPROVAL_MAX]; /* what each verified approval points into */
    struct failure failure;
    approving_done *done;
    void *context;
};

static void look_up_next(struct approving *approving);

static void finish(struct approving *approving, const struct used_token *approved, size_t count,
                   const struct failure *failure)
{
    approving->done(approved, count, failure, approving->context);
    for (size_t i = 0; i < APPROVAL_MAX; i++)
        buffer_clear(&approving->kept[i]);
    json_decref(approving->tokens);
    memory_free(approving->actor);
    job_end(&approving->job);
    memory_free(approving);
}

static void on_refusal_audited(const struct failure *unused, void *context)
{
    struct approving *approving = context;

    (void)unused;
    finish(approving, NULL, 0, &approving->failure);
}

static void refuse(struct approving *approving, const struct failure *why)
{
    struct agent *agent = approving->job.agent;
    struct batch batch;

    approving->failure = *why;
    log_warn("approval refused", FIELD("plan", approving->plan_id), FIELD("why", why->text));
    batch_init(&batch);
    batch_audit(&batch, agent, "approval_refused", text_of(approving->actor), NULL,
                approving->plan_id, json_pack("{s:s}", "why", why->text));
    if (!batch_commit(&batch, agent, on_refusal_audited, approving))
        finish(approving, NULL, 0, &approving->failure);
}

/* ---- one token: its signature, then the rules ------------------------------------------------ */

/* `place`: where in `kept` its texts go; what was there is gone. */
static bool verify(struct approving *approving, struct text token, size_t place,
                   struct approval *ret, struct failure *why)
{
    struct agent *agent = approving->job.agent;
    struct approvals *approvals = agent->settings.approvals;
    const struct plan_record *plan = plan_find(agent, text_of(approving->plan_id));

    if (!plan)
        return failure_set(why, FAILURE_CONFLICT, "the plan ended meanwhile");
    if (agent->config->approver_count == 0)
        return failure_set(
            why, FAILURE_DENIED,
            "no approvers are configured: add approval.approvers to the configuration");
    buffer_reset(&approving->kept[place]);
    return approvals->verify(approvals, token, agent->config->approvers,
                             agent->config->approver_count, &approving->kept[place], ret, why) &&
           approval_check(ret, text_of(approving->plan_id), plan->plan.requester, agent_now(agent),
                          why);
}

/* ---- counting what the plan has -------------------------------------------------------------- */

/* One person's further tokens add nothing, and must not take the room of another's. */
static bool is_from_somebody_else(const struct approval *approvals, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (text_equal_ignoring_case(approvals[i].approver, approvals[count].approver))
            return false;
    return true;
}

static void on_approvals(const struct record *records, size_t size, const struct failure *failure,
                         void *context)
{
    struct approving *approving = context;
    struct agent *agent = approving->job.agent;
    struct plan_record *plan = plan_find(agent, text_of(approving->plan_id));
    struct approval approvals[APPROVAL_MAX];
    struct used_token approved[APPROVAL_MAX];
    size_t chosen[APPROVAL_MAX], verified = 0, count = 0;

    approving->operation = NULL;
    if (failure) {
        finish(approving, NULL, 0, failure);
        return;
    }
    for (size_t i = 0; i < size && verified < APPROVAL_MAX; i++) {
        cleanup_with(json_clean) json_t *body = json_read_object(records[i].body, NULL);

        /* One that fails has expired since, or its approver was removed. */
        if (body &&
            verify(approving, json_text_at(body, "token"), verified, &approvals[verified], NULL) &&
            is_from_somebody_else(approvals, verified))
            verified++;
    }
    if (plan)
        count = approvals_choose(approvals, verified, text_of(plan->id), plan->plan.requester,
                                 agent_now(agent), chosen);
    for (size_t i = 0; i < count; i++) {
        snprintf(approved[i].id, sizeof(approved[i].id), "%.*s",
                 TEXT_ARG(approvals[chosen[i]].token_id));
        snprintf(approved[i].approver, sizeof(approved[i].approver), "%.*s",
                 TEXT_ARG(approvals[chosen[i]].approver));
    }
    if (plan)
        plan->approvals = (unsigned)count;
    finish(approving, approved, count, NULL);
}

static void count_all(struct approving *approving)
{
    struct state_store *store = approving->job.agent->settings.store;
    struct record_query query = {.kind = RECORD_APPROVAL, .parent = text_of(approving->plan_id)};
    struct failure why = {0};

    approving->operation = store->query(store, &query, on_approvals, approving);
    if (!approving->operation) {
        failure_out_of_memory(&why);
        finish(approving, NULL, 0, &why);
    }
}

/* ---- recording new ones ---------------------------------------------------------------------- */

static void on_recorded(const struct failure *failure, void *context)
{
    struct approving *approving = context;

    if (failure) {
        finish(approving, NULL, 0, failure);
        return;
    }
    count_all(approving);
}

static void record_all(struct approving *approving)
{
    struct agent *agent = approving->job.agent;
    struct failure why = {0};
    struct batch batch;
    size_t index;
    json_t *token;

    batch_init(&batch);
    json_array_foreach (approving->tokens, index, token) {
        struct text compact = {json_string_value(token), json_string_length(token)};
        char id[80], line[200];
        struct approval approval;

        if (!verify(approving, compact, 0, &approval, &why)) {
            batch_clear(&batch);
            refuse(approving, &why);
            return;
        }
        snprintf(id, sizeof(id), "%.*s", TEXT_ARG(approval.token_id));
        snprintf(line, sizeof(line), "by %.*s", TEXT_ARG(approval.approver));
        batch_note(&batch, approving->plan_id, agent_now(agent), "approved", line);
        batch_audit(&batch, agent, "approved", approval.approver, NULL, approving->plan_id,
                    json_pack("{s:s}", "token", id));
        batch_add(&batch, CHANGE_PUT, RECORD_APPROVAL, id, approving->plan_id, agent_now(agent),
                  json_pack("{s:O}", "token", token));
    }
    if (!batch_commit(&batch, agent, on_recorded, approving)) {
        failure_out_of_memory(&why);
        finish(approving, NULL, 0, &why);
    }
}

static void on_used(const struct record *records, size_t count, const struct failure *failure,
                    void *context)
{
    struct approving *approving = context;
    struct failure why = {0};

    (void)records;
    approving->operation = NULL;
    if (failure) {
        finish(approving, NULL, 0, failure);
        return;
    }
    if (count) {
        failure_set(
            &why, FAILURE_DENIED,
            "this approval was used before: each is good for one execution, sign a new one");
        refuse(approving, &why);
        return;
    }
    approving->at++;
    look_up_next(approving);
}

static void look_up_next(struct approving *approving)
{
    struct state_store *store = approving->job.agent->settings.store;
    struct record_query query = {.kind = RECORD_USED_TOKEN};
    struct failure why = {0};
    struct approval approval;
    json_t *token = json_array_get(approving->tokens, approving->at);

    if (!token && approving->at == 0) {
        count_all(approving);
        return;
    }
    if (!token) {
        record_all(approving);
        return;
    }
    if (!json_is_string(token)) {
        failure_set(&why, FAILURE_INVALID, "an approval token must be a string");
        finish(approving, NULL, 0, &why);
        return;
    }
    if (!verify(approving, (struct text){json_string_value(token), json_string_length(token)}, 0,
                &approval, &why)) {
        refuse(approving, &why);
        return;
    }
    query.id = approval.token_id;
    approving->operation = store->query(store, &query, on_used, approving);
    if (!approving->operation) {
        failure_out_of_memory(&why);
        finish(approving, NULL, 0, &why);
    }
}

static void on_start(const struct failure *failure, void *context)
{
    struct approving *approving = context;
    struct agent *agent = approving->job.agent;
    struct failure why = {0};

    approving->operation = NULL;
    if (!failure && !agent->settings.store) {
        failure_set(&why, FAILURE_INTERNAL, "%s", agent->settings.store_why);
        failure = &why;
    }
    if (!failure && json_array_size(approving->tokens) > APPROVAL_MAX) {
        failure_set(&why, FAILURE_INVALID, "at most %d approval tokens at once", APPROVAL_MAX);
        failure = &why;
    }
    if (failure)
        finish(approving, NULL, 0, failure);
    else
        look_up_next(approving);
}

static void approving_cancel(struct job *job)
{
    operation_cancel(((struct approving *)job)->operation);
}

struct job *approving_start(struct agent *agent, const char *plan_id, const json_t *tokens,
                            struct text actor, approving_done *done, void *context)
{
    struct approving *approving = memory_zeroed(1, sizeof(*approving));

    if (!approving)
        return NULL;
    snprintf(approving->plan_id, sizeof(approving->plan_id), "%s", plan_id);
    approving->tokens = tokens ? json_deep_copy(tokens) : json_array();
    approving->actor = text_copy(actor);
    approving->done = done;
    approving->context = context;
    for (size_t i = 0; i < APPROVAL_MAX; i++)
        buffer_init(&approving->kept[i], APPROVAL_TOKEN_LIMIT);
    if (approving->tokens && approving->actor)
        approving->operation = agent->clock->after(agent->clock, 0, on_start, approving);
    if (!approving->operation) {
        json_decref(approving->tokens);
        memory_free(approving->actor);
        memory_free(approving);
        return NULL;
    }
    job_begin(&approving->job, agent, approving_cancel);
    return &approving->job;
}
