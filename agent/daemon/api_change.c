/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that lead to a change: making a plan, approving it, executing it. */
#include "agent/daemon/api_calls.h"

#include "agent/daemon/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAIT_POLL_MS 500
#define WAIT_MAX_MS  604800000 /* a week */

static void count_approvals(struct api_call *call, const json_t *tokens);

static struct plan_record *the_plan(struct api_call *call)
{
    return plan_find(call->job.agent, text_of(call->id));
}

/* The plan's document with what became of the request. Takes nothing. */
static json_t *result_document(struct api_call *call, const struct plan_record *plan,
                               const char *state, const char *why, int exit_code)
{
    json_t *document = plan ? plan_document(call->job.agent, plan) : json_object();

    if (!document)
        return NULL;
    if (!plan)
        json_object_set_new(document, "plan_id", json_string(call->id));
    json_object_set_new(document, "state", json_string(state));
    json_object_set_new(document, "why", json_of_string(why));
    json_object_set_new(document, "exit", json_integer(exit_code));
    return document;
}

/* Of a plan that a read has superseded, or time has expired, while the answer was on its way. */
static void answer_with_plan(struct api_call *call, int status)
{
    struct plan_record *plan = the_plan(call);

    if (plan)
        call_answer(call, status, plan_document(call->job.agent, plan));
    else
        call_refuse(call, 409, FAILURE_CONFLICT, "the plan ended meanwhile: see \"%s\"",
                    agent_command(call->job.agent, "show %.12s", call->id).text);
}

/* ---- finding a plan by a prefix of its id ---------------------------------------------------- */

static void on_ended_plan(const struct record *records, size_t count, const struct failure *failure,
                          void *context)
{
    struct api_call *call = context;
    struct agent *agent = call->job.agent;
    struct plan_record *plan;
    struct failure why = {0};

    call->operation = NULL;
    if (call_interrupted(call))
        return;
    if (failure) {
        call_fail(call, failure);
        return;
    }
    if (count > 1) {
        call_refuse(call, 400, FAILURE_INVALID,
                    "\"%s\" is the beginning of several plan ids: give more of it", call->id);
        return;
    }
    if (count == 0) {
        call_refuse(call, 404, FAILURE_NOT_FOUND,
                    "no plan \"%s\" is known here: make one with \"%s\"", call->id,
                    agent_command(agent, "plan BINDING").text);
        return;
    }
    plan = plan_record_load(agent, records[0].id, records[0].body, &why);
    if (!plan) {
        call_fail(call, &why);
        return;
    }
    call_refuse(call, 409, FAILURE_CONFLICT,
                "plan %.12s is %s%s%s: nothing is executed twice; make a new one with \"%s\"",
                plan->id, plan_state_name(plan->state), plan->why ? ": " : "",
                plan->why ? plan->why : "",
                agent_command(agent, plan->plan.action == PLAN_ROTATE ? "rotate %.*s" : "plan %.*s",
                              TEXT_ARG(plan->plan.binding))
                    .text);
    plan_record_free(plan);
}

/* True when call->id names a plan that is open or executing. Otherwise the call ends, after looking
 * up why. */
static bool find_plan(struct api_call *call, struct text id)
{
    struct agent *agent = call->job.agent;
    struct state_store *store = agent->settings.store;
    struct record_query query = {.kind = RECORD_PLAN, .id = id, .is_prefix = true, .newest = 2};
    struct plan_record *plan, *found = NULL;

    if (!store) {
        call_refuse(call, 503, FAILURE_INTERNAL, "%s", agent->settings.store_why);
        return false;
    }
    if (id.size < 4 || id.size >= sizeof(call->id)) {
        call_refuse(call, 400, FAILURE_INVALID, "\"%.*s\" is not a plan id",
                    TEXT_ARG(text_part(id, 0, 80)));
        return false;
    }
    TAILQ_FOREACH (plan, &agent->plans, link) {
        if (!text_starts_with(text_of(plan->id), id))
            continue;
        if (found) {
            call_refuse(call, 400, FAILURE_INVALID,
                        "\"%.*s\" is the beginning of several plan ids: give more of it",
                        TEXT_ARG(id));
            return false;
        }
        found = plan;
    }
    snprintf(call->id, sizeof(call->id), "%.*s", TEXT_ARG(id));
    if (found) {
        memcpy(call->id, found->id, sizeof(call->id));
        return true;
    }
    call->operation = store->query(store, &query, on_ended_plan, call);
    if (!call->operation)
        call_refuse(call, 500, FAILURE_INTERNAL, "out of memory");
    return false;
}

/* ---- making ---------------------------------------------------------------------------------- */

static void on_plan_stored(const struct failure *failure, void *context)
{
    struct api_call *call = context;
    struct plan_record *plan = the_plan(call);

    if (call_interrupted(call))
        return;
    if (failure) {
        if (plan && call->is_new)
            plan_forget(call->job.agent, plan);
        call_fail(call, failure);
        return;
    }
    if (call->is_rotation && plan)
        call_answer(call, 200,
                    result_document(call, plan, "waiting", "the plan waits for approval", 3));
    else
        answer_with_plan(call, call->is_new ? 201 : 200);
}

static struct binding *the_binding(struct api_call *call)
{
    struct failure why = {0};
    struct binding *binding =
        find_binding(call->job.agent, json_text_at(call->body, "binding"), &why);

    if (!binding)
        call_fail(call, &why);
    return binding;
}

static void on_plan_facts(const struct check_result *result, void *context)
{
    struct api_call *call = context;
    struct agent *agent = call->job.agent;
    struct plan_record *plan;
    struct failure why = {0};
    struct batch batch;

    call->waiting_for = NULL;
    if (call_interrupted(call))
        return;
    batch_init(&batch);
    plans_review(agent, result->binding, &batch);
    plan = plan_make(agent, result->binding, call->action, text_of(call->requester), &batch,
                     &call->is_new, &why);
    if (!plan || !batch.count) {
        if (batch.count)
            batch_commit(&batch, agent, NULL, NULL);
        batch_clear(&batch);
        if (!plan) {
            call_fail(call, &why);
            return;
        }
        memcpy(call->id, plan->id, sizeof(call->id));
        on_plan_stored(NULL, call);
        return;
    }
    memcpy(call->id, plan->id, sizeof(call->id));
    if (!batch_commit(&batch, agent, on_plan_stored, call))
        call_refuse(call, 500, FAILURE_INTERNAL, "out of memory");
}

static void make_plan(struct api_call *call, struct binding *binding, enum plan_action action)
{
    struct agent *agent = call->job.agent;

    if (!agent->settings.store) {
        call_refuse(call, 503, FAILURE_INTERNAL, "%s", agent->settings.store_why);
        return;
    }
    call->action = action;
    call->waiting_for = check_start(agent, binding, true, on_plan_facts, call);
    if (!call->waiting_for)
        call_refuse(call, 500, FAILURE_INTERNAL, "out of memory");
}

void call_plan(struct api_call *call)
{
    struct text word = json_text_at(call->body, "action");
    enum plan_action action = PLAN_WRITE_BACK;
    struct binding *binding = the_binding(call);

    if (!binding)
        return;
    if (word.start && (!plan_action_parse(word, &action) || action == PLAN_RESTORE)) {
        call_refuse(call, 400, FAILURE_INVALID,
                    "no action \"%.*s\": this version knows write_back and rotate", TEXT_ARG(word));
        return;
    }
    make_plan(call, binding, action);
}

/* ---- approving ------------------------------------------------------------------------------- */

static void on_approved(const struct used_token *approved, size_t count,
                        const struct failure *failure, void *context)
{
    struct api_call *call = context;

    (void)approved;
    (void)count;
    call->waiting_for = NULL;
    if (call_interrupted(call))
        return;
    if (failure)
        call_fail(call, failure);
    else
        answer_with_plan(call, 200);
}

void call_approve(struct api_call *call, struct text id)
{
    json_t *token = json_at(call->body, "token"), *tokens;

    if (!json_is_string(token)) {
        call_refuse(call, 400, FAILURE_INVALID, "the request must have a \"token\"");
        return;
    }
    if (!find_plan(call, id))
        return;
    tokens = json_pack("[O]", token);
    call->waiting_for = tokens ? approving_start(call->job.agent, call->id, tokens,
                                                 text_of(call->requester), on_approved, call)
                               : NULL;
    json_decref(tokens);
    if (!call->waiting_for)
        call_refuse(call, 500, FAILURE_INTERNAL, "out of memory");
}

/* ---- executing ------------------------------------------------------------------------------- */

static void on_executed(struct agent *agent, const char *plan_id, struct binding *binding,
                        const struct execution_outcome *outcome, void *context)
{
    struct api_call *call = context;
    struct plan_record *plan = the_plan(call);
    json_t *document;
    struct agent_command next;

    (void)plan_id;
    call->is_executing = false;
    if (call_interrupted(call))
        return;
    document = result_document(call, plan, plan_state_name(outcome->state), outcome->why,
                               outcome->state == PLAN_DONE ? 0 : 1);
    next = outcome->state == PLAN_SUPERSEDED
               ? agent_command(agent, call->is_rotation ? "rotate %s" : "plan %s",
                               binding->config->name)
               : agent_command(agent, "check %s", binding->config->name);
    if (document && (outcome->state == PLAN_SUPERSEDED || outcome->state == PLAN_DONE))
        json_object_set_new(document, "next", json_string(next.text));
    if (document)
        json_object_set_new(document, "step", json_string(execution_step_name(outcome->step)));
    call_answer(call, outcome->state == PLAN_DONE ? 200 : 409, document);
}

static void execute(struct api_call *call, const struct used_token *tokens, size_t count)
{
    struct plan_record *plan = the_plan(call);
    struct failure why = {0};

    if (!plan) {
        call_refuse(call, 409, FAILURE_CONFLICT, "the plan ended meanwhile");
        return;
    }
    call->is_executing = true;
    if (!execution_start(call->job.agent, plan, tokens, count, on_executed, call, &why)) {
        call->is_executing = false;
        call_fail(call, &why);
    }
}

static void on_waited(const struct failure *failure, void *context)
{
    struct api_call *call = context;

    (void)failure;
    call->operation = NULL;
    if (!call_interrupted(call))
        count_approvals(call, NULL);
}

static void wait_or_give_up(struct api_call *call, size_t have)
{
    struct agent *agent = call->job.agent;
    char why[200];

    if (agent_steady(agent) < call->wait_until) {
        call->operation = agent->clock->after(agent->clock, WAIT_POLL_MS, on_waited, call);
        if (call->operation)
            return;
    }
    snprintf(why, sizeof(why), "waits for approval: %zu of %u", have,
             agent->config->approvals_required);
    call_answer(call, 200, result_document(call, the_plan(call), "waiting", why, 3));
}

static void on_counted(const struct used_token *approved, size_t count,
                       const struct failure *failure, void *context)
{
    struct api_call *call = context;
    struct agent *agent = call->job.agent;

    call->waiting_for = NULL;
    if (call_interrupted(call))
        return;
    if (failure)
        call_fail(call, failure);
    else if (!the_plan(call))
        call_refuse(call, 409, FAILURE_CONFLICT,
                    "the plan ended while it waited for approval: see \"%s\"",
                    agent_command(agent, "show %.12s", call->id).text);
    else if (agent->config->approver_count == 0)
        call_refuse(
            call, 403, FAILURE_DENIED,
            "no approvers are configured, and nothing is ever changed without approval: add "
            "approval.approvers to the configuration");
    else if (!approvals_suffice(agent->config->approvals_required, count, NULL))
        wait_or_give_up(call, count);
    else
        execute(call, approved, count);
}

static void count_approvals(struct api_call *call, const json_t *tokens)
{
    call->waiting_for = approving_start(call->job.agent, call->id, tokens, text_of(call->requester),
                                        on_counted, call);
    if (!call->waiting_for)
        call_refuse(call, 500, FAILURE_INTERNAL, "out of memory");
}

static void go(struct api_call *call)
{
    struct plan_record *plan = the_plan(call);
    json_t *tokens = json_at(call->body, "tokens");
    int64_t wait_ms = json_integer_at(call->body, "wait_ms", 0);

    call->wait_until =
        agent_steady(call->job.agent) + (wait_ms < WAIT_MAX_MS ? wait_ms : WAIT_MAX_MS);
    if (plan->state == PLAN_EXECUTING)
        execute(call, NULL, 0);
    else
        count_approvals(call, tokens);
}

void call_apply(struct api_call *call, struct text id)
{
    if (find_plan(call, id))
        go(call);
}

/* ---- rotating -------------------------------------------------------------------------------- */

/* The open rotation the tokens are for: the newest that was not made for somebody else's facts. */
static struct plan_record *open_rotation(struct api_call *call, struct binding *binding)
{
    struct agent *agent = call->job.agent;
    struct plan_record *plan = plan_of_binding(agent, binding, PLAN_ROTATE, PLAN_EXECUTING);

    return plan ? plan : plan_of_binding(agent, binding, PLAN_ROTATE, PLAN_OPEN);
}

void call_rotate(struct api_call *call)
{
    bool has_tokens = json_array_size(json_at(call->body, "tokens")) > 0;
    struct binding *binding = the_binding(call); /* none: the call has ended */
    struct plan_record *plan;

    if (!binding)
        return;
    if (json_boolean_at(call->body, "dry_run", false)) {
        call_refuse(
            call, 400, FAILURE_INVALID, "a dry run is made by the command itself: %s",
            agent_command(call->job.agent, "rotate %s --dry-run", binding->config->name).text);
        return;
    }
    call->is_rotation = true;
    plan = open_rotation(call, binding);
    if (plan && (plan->state == PLAN_EXECUTING || has_tokens || plan->approvals ||
                 json_integer_at(call->body, "wait_ms", 0) > 0)) {
        memcpy(call->id, plan->id, sizeof(call->id));
        go(call);
        return;
    }
    if (has_tokens) {
        call_refuse(
            call, 409, FAILURE_CONFLICT,
            "there is no open rotation of \"%s\" these approvals could be for: make one with "
            "\"%s\"",
            binding->config->name,
            agent_command(call->job.agent, "rotate %s", binding->config->name).text);
        return;
    }
    make_plan(call, binding, PLAN_ROTATE);
}
