/* SPDX-License-Identifier: Apache-2.0 */
/* The life of an execution. Before each step the journal says so, durably; after a crash the live
 * fingerprints say how far it came. Whatever ends it, waiters hear one sentence, and a plan that
 * may have changed something stays EXECUTING until somebody can tell. */
#include "agent/daemon/execution.h"

#include "agent/daemon/log.h"
#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOKS_MAX   100 /* how often one run may ask the core anew */
#define POLL_MS     500ULL
#define POLL_MAX_MS 5000ULL
#define PAUSE_MS    300000 /* a plan that had to stop is tried again so late */

/* ---- ending ---------------------------------------------------------------------------------- */

static void execution_release(struct execution *execution)
{
    struct agent *agent = execution->job.agent;

    if (execution->holds_lock)
        agent->settings.store->unlock_execution(agent->settings.store);
    agent->executing = NULL;
    execution->binding->execution = NULL;
}

static void tell_waiters(struct execution *execution, const char *plan_id,
                         const struct execution_outcome *outcome)
{
    struct execution_waiter *waiter;

    while ((waiter = TAILQ_FIRST(&execution->waiters))) {
        TAILQ_REMOVE(&execution->waiters, waiter, link);
        waiter->done(execution->job.agent, plan_id, execution->binding, outcome, waiter->context);
        memory_free(waiter);
    }
}

/* One commit: a crash finds the plan ended and its incident moved on, or neither. */
static void store_end(struct execution *execution, const struct execution_outcome *outcome,
                      bool was_begun)
{
    struct agent *agent = execution->job.agent;
    struct binding *binding = execution->binding;
    bool is_failed = outcome->state == PLAN_NEEDS_HUMAN;
    struct batch batch;

    batch_init(&batch);
    if (outcome->state == PLAN_DONE || outcome->state == PLAN_NEEDS_HUMAN)
        batch_add(&batch, CHANGE_INSERT, RECORD_JOURNAL, "", execution->record->id,
                  agent_now(agent),
                  json_pack("{s:s}", "step", outcome->state == PLAN_DONE ? "done" : "needs_human"));
    plan_set_state(agent, execution->record, outcome->state, outcome->why, &batch);
    if (was_begun)
        incident_add_repair(agent, binding,
                            is_failed ? EVENT_REPAIR_FAILED : EVENT_REPAIR_SUCCEEDED, outcome->why,
                            &batch);
    else
        incident_store(agent, binding, &batch);
    incident_commit(agent, binding, &batch);
}

void execution_end(struct execution *execution, enum plan_state state, const char *format, ...)
{
    struct agent *agent = execution->job.agent;
    struct binding *binding = execution->binding;
    struct plan_record *record = execution->record;
    bool was_begun = record->state == PLAN_EXECUTING;
    bool is_over = !agent->is_closing && state != PLAN_EXECUTING && state != PLAN_OPEN;
    char why[600], plan_id[PLAN_ID_SIZE];
    struct execution_outcome outcome = {.state = state, .why = why, .step = execution->step};
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(why, sizeof(why), format, arguments);
    va_end(arguments);
    memcpy(plan_id, execution->record->id, sizeof(plan_id));
    log_info("execution ended", FIELD("plan", plan_id), FIELD("binding", binding->config->name),
             FIELD("step", execution_step_name(execution->step)),
             FIELD("state", plan_state_name(state)), FIELD("why", why));
    execution_release(execution);
    record->resume_at = agent_now(agent) + PAUSE_MS;
    if (state == PLAN_EXECUTING) {
        if (!record->paused_at)
            record->paused_at = agent_now(agent);
        memory_free(record->why);
        record->why = text_copy(text_of(why));
    }
    if (is_over) {
        store_end(execution, &outcome, was_begun);
        watcher_check_soon(agent, binding, 0);
    }
    tell_waiters(execution, plan_id, &outcome);
    if (is_over)
        plan_forget(agent, record);
    secret_free(execution->key);
    job_end(&execution->job);
    memory_free(execution);
}

bool execution_interrupted(struct execution *execution, const struct failure *failure)
{
    if (!execution->job.agent->is_closing && (!failure || failure->kind != FAILURE_CANCELED))
        return false;
    execution_end(execution, execution->record->state,
                  "stopped during \"%s\"; it goes on from there when keydrift runs again",
                  execution_step_name(execution->step));
    return true;
}

/* ---- journaling ------------------------------------------------------------------------------ */

static void on_journaled(const struct failure *failure, void *context)
{
    struct execution *execution = context;

    if (execution_interrupted(execution, failure))
        return;
    if (failure) {
        execution_end(execution, PLAN_EXECUTING,
                      "stopped before \"%s\": %s; nothing more is changed until the state can be "
                      "written, then the same command goes on",
                      execution_step_name(execution->step), failure->text);
        return;
    }
    execution_perform(execution);
}

void execution_enter(struct execution *execution, enum execution_step step)
{
    struct agent *agent = execution->job.agent;
    struct approvals *approvals = agent->settings.approvals;
    int64_t now = agent_now(agent);
    struct batch batch;

    if (step != execution->step) {
        execution->tries = execution->good_probes = 0;
        execution->patience_until =
            agent_steady(agent) + (int64_t)agent->config->rotation_confirm_ms;
    }
    execution->step = step;
    if (step == STEP_REGENERATING && !approvals->guid(approvals, execution->request_id)) {
        execution_end(execution, PLAN_EXECUTING, "no random numbers; try again");
        return;
    }
    if (step == STEP_DONE) {
        execution_end(execution, PLAN_DONE, "%s",
                      execution->record->plan.action == PLAN_ROTATE
                          ? "the key was rotated: the copy holds the new key, read back and in sync"
                          : "the copy was repaired: written, read back and in sync");
        return;
    }
    batch_init(&batch);
    batch_add(
        &batch, CHANGE_INSERT, RECORD_JOURNAL, "", execution->record->id, now,
        json_pack("{s:s,s:o,s:b}", "step", execution_step_name(step), "request_id",
                  step == STEP_REGENERATING ? json_string(execution->request_id) : json_null(),
                  "resumed", execution->is_resumed));
    batch_note(&batch, execution->record->id, now, execution_step_name(step), "begins");
    batch_audit(&batch, agent, "step", text_of("keydrift"), execution->binding->config->name,
                execution->record->id, json_pack("{s:s}", "step", execution_step_name(step)));
    if (!batch_commit(&batch, agent, on_journaled, execution))
        execution_end(execution, PLAN_EXECUTING, "stopped before \"%s\": out of memory",
                      execution_step_name(step));
}

void execution_go_on(struct execution *execution)
{
    execution_enter(execution, execution_next(execution->record->plan.action, execution->step));
}

/* ---- looking and waiting --------------------------------------------------------------------- */

void execution_check(struct execution *execution, check_done *done)
{
    execution->check = check_start(execution->job.agent, execution->binding, true, done, execution);
    if (!execution->check)
        execution_end(execution, execution->record->state, "out of memory; try again");
}

static void on_waited(const struct failure *failure, void *context)
{
    struct execution *execution = context;

    execution->operation = NULL;
    if (!execution_interrupted(execution, failure))
        execution->then(execution);
}

void execution_wait(struct execution *execution, uint64_t ms,
                    void (*then)(struct execution *execution))
{
    struct clock *clock = execution->job.agent->clock;

    if (agent_steady(execution->job.agent) >= execution->patience_until) {
        bool is_rotation = execution->record->plan.action == PLAN_ROTATE;
        struct agent_command again =
            agent_command(execution->job.agent, "%s %s", is_rotation ? "rotate" : "apply",
                          is_rotation ? execution->binding->config->name : execution->record->id);

        execution_end(execution, PLAN_EXECUTING, "stopped waiting during \"%s\": %s; to go on: %s",
                      execution_step_name(execution->step),
                      execution->failure.kind ? execution->failure.text : "nothing changes",
                      again.text);
        return;
    }
    execution->then = then;
    execution->operation = clock->after(clock, ms, on_waited, execution);
    if (!execution->operation)
        execution_end(execution, execution->record->state, "out of memory; try again");
}

uint64_t execution_pause_ms(struct execution *execution)
{
    uint64_t pause_ms = POLL_MS << (execution->tries / 4 < 4 ? execution->tries / 4 : 4);

    execution->tries++;
    return pause_ms < POLL_MAX_MS ? pause_ms : POLL_MAX_MS;
}

uint64_t execution_pause_after_ms(struct execution *execution, const struct failure *failure)
{
    uint64_t pause_ms = execution_pause_ms(execution);

    return failure->retry_after_ms > pause_ms ? failure->retry_after_ms : pause_ms;
}

/* A rotation writes only a key that callers were served with in this run. */
static enum execution_step proven_first(const struct execution *execution, enum execution_step step)
{
    if (step == STEP_WRITING && execution->record->plan.action == PLAN_ROTATE &&
        !(execution->is_proven && fingerprint_equal(&execution->proven, &execution->expected)))
        return STEP_PROBING;
    return step;
}

static void on_facts(const struct check_result *result, void *context)
{
    struct execution *execution = context;
    struct failure why = {0};
    struct execution_decision decision;

    execution->check = NULL;
    if (execution_interrupted(execution, NULL))
        return;
    decision = execution_resume(&execution->record->plan, execution->step, &result->source,
                                &result->copy, &why);
    execution->failure = why;
    if (decision.verdict == EXECUTION_GO_ON) {
        if (!execution->record->plan.has_new && decision.step > STEP_CONFIRMING) {
            execution->expected = result->source.slots[execution->slot];
            execution->is_expected_known = true;
        }
        execution_enter(execution, proven_first(execution, decision.step));
    } else if (decision.verdict == EXECUTION_SUPERSEDED) {
        execution_end(execution, PLAN_SUPERSEDED, "%s", why.text);
    } else if (decision.verdict == EXECUTION_STOP) {
        execution_end(execution, PLAN_NEEDS_HUMAN, "%s", why.text);
    } else if (result->source.is_known && execution->record->plan.action == PLAN_ROTATE &&
               execution->step >= STEP_REGENERATING) {
        execution->is_regenerate_doubtful = true;
        execution->step = STEP_CONFIRMING;
        execution_perform(execution);
    } else {
        execution_wait(execution, execution_pause_ms(execution), execution_decide);
    }
}

void execution_decide(struct execution *execution)
{
    if (++execution->looks > LOOKS_MAX) {
        execution_end(execution, PLAN_EXECUTING,
                      "stopped during \"%s\": both sides keep changing; the same command goes on",
                      execution_step_name(execution->step));
        return;
    }
    execution_check(execution, on_facts);
}

/* ---- beginning ------------------------------------------------------------------------------- */

static void on_journal(const struct record *records, size_t count, const struct failure *failure,
                       void *context)
{
    struct execution *execution = context;
    struct agent *agent = execution->job.agent;

    execution->operation = NULL;
    if (execution_interrupted(execution, failure))
        return;
    if (failure) {
        execution_end(execution, PLAN_EXECUTING, "the journal cannot be read: %s", failure->text);
        return;
    }
    execution->step = STEP_LOCKED;
    for (size_t i = 0; i < count; i++) {
        cleanup_with(json_clean) json_t *body = json_read_object(records[i].body, NULL);

        if (!body || !execution_step_parse(json_text_at(body, "step"), &execution->step)) {
            execution_end(execution, PLAN_NEEDS_HUMAN,
                          "the journal of this plan is damaged: compare both sides by hand");
            return;
        }
        if (execution->step == STEP_REGENERATING) {
            execution->regenerating_since = records[i].at;
            snprintf(execution->request_id, sizeof(execution->request_id), "%.*s",
                     TEXT_ARG(json_text_at(body, "request_id")));
        }
    }
    execution->patience_until = agent_steady(agent) + (int64_t)agent->config->rotation_confirm_ms;
    log_info("execution goes on", FIELD("plan", execution->record->id),
             FIELD("step", execution_step_name(execution->step)));
    incident_on_repair(agent, execution->binding, EVENT_REPAIR_STARTED, "repair goes on");
    execution_decide(execution);
}

static void read_journal(struct execution *execution)
{
    struct state_store *store = execution->job.agent->settings.store;
    struct record_query query = {.kind = RECORD_JOURNAL, .parent = text_of(execution->record->id)};

    execution->operation = store->query(store, &query, on_journal, execution);
    if (!execution->operation)
        execution_end(execution, PLAN_EXECUTING, "out of memory; try again");
}

static bool is_same_place(const struct binding *binding, const struct plan *plan)
{
    const struct secret_copy *copy = binding->copy;

    return text_is(plan->source_id, binding->source->id) && text_is(plan->address, copy->address) &&
           text_is(plan->mount, copy->mount) && text_is(plan->path, copy->path) &&
           text_is(plan->field, copy->field);
}

static void on_begin(const struct failure *failure, void *context)
{
    struct execution *execution = context;

    execution->operation = NULL;
    if (execution_interrupted(execution, failure))
        return;
    if (!is_same_place(execution->binding, &execution->record->plan))
        execution_end(execution, execution->is_resumed ? PLAN_NEEDS_HUMAN : PLAN_SUPERSEDED,
                      "the configuration of \"%s\" names another source or copy than the plan",
                      execution->binding->config->name);
    else if (execution->is_resumed)
        read_journal(execution);
    else
        execution_preflight(execution);
}

static void execution_cancel(struct job *job)
{
    struct execution *execution = (struct execution *)job;

    operation_cancel(execution->operation);
    if (execution->check)
        execution->check->cancel(execution->check);
}

static bool add_waiter(struct execution *execution, execution_done *done, void *context,
                       struct failure *why)
{
    struct execution_waiter *waiter = memory_zeroed(1, sizeof(*waiter));

    if (!waiter)
        return failure_out_of_memory(why);
    waiter->done = done;
    waiter->context = context;
    TAILQ_INSERT_TAIL(&execution->waiters, waiter, link);
    return true;
}

static bool may_begin(struct agent *agent, const struct plan_record *record, struct failure *why)
{
    struct state_store *store = agent->settings.store;
    const struct plan_record *other;

    if (!store)
        return failure_set(why, FAILURE_INTERNAL, "%s", agent->settings.store_why);
    if (agent->executing)
        return failure_set(why, FAILURE_CONFLICT,
                           "another plan (%.12s) is being executed: wait for it to end",
                           agent->executing->record->id);
    if (!record->binding)
        return failure_set(why, FAILURE_INVALID,
                           "the configuration no longer has the binding of this plan");
    if (record->binding->damaged_plan[0])
        return failure_set(why, FAILURE_CONFLICT,
                           "plan %.12s of this binding may have been under way, and its record is "
                           "damaged: compare both sides by hand; nothing is changed here while "
                           "that record is in the state",
                           record->binding->damaged_plan);
    TAILQ_FOREACH (other, &agent->plans, link)
        if (other != record && other->binding == record->binding && other->state == PLAN_EXECUTING)
            return failure_set(
                why, FAILURE_CONFLICT,
                "plan %.12s of this binding was begun and has not ended: go on with it "
                "first",
                other->id);
    return store->try_lock_execution(store, why);
}

struct execution *execution_start(struct agent *agent, struct plan_record *record,
                                  const struct used_token *tokens, size_t token_count,
                                  execution_done *done, void *context, struct failure *why)
{
    struct execution *execution;
    const struct key_source *source;

    if (agent->executing && agent->executing->record == record)
        return add_waiter(agent->executing, done, context, why) ? agent->executing : NULL;
    if (!may_begin(agent, record, why))
        return NULL;
    execution = memory_zeroed(1, sizeof(*execution));
    if (execution) {
        TAILQ_INIT(&execution->waiters);
        execution->job.agent = agent;
        execution->operation = agent->clock->after(agent->clock, 0, on_begin, execution);
    }
    if (!execution || !execution->operation) {
        agent->settings.store->unlock_execution(agent->settings.store);
        memory_free(execution);
        failure_out_of_memory(why);
        return NULL;
    }
    source = record->binding->source;
    execution->holds_lock = true;
    execution->record = record;
    execution->binding = record->binding;
    execution->is_resumed = record->state == PLAN_EXECUTING;
    execution->step = STEP_PREFLIGHT;
    execution->slot = ANY_SLOT;
    for (size_t i = 0; i < source->slot_count; i++)
        if (text_is(record->plan.slot, source->slot_names[i]))
            execution->slot = (int)i;
    execution->token_count = token_count < APPROVAL_MAX ? token_count : APPROVAL_MAX;
    if (token_count)
        memcpy(execution->tokens, tokens, execution->token_count * sizeof(*tokens));
    if (record->plan.has_new) {
        execution->expected = record->plan.new;
        execution->is_expected_known = true;
    }
    agent->executing = execution;
    record->binding->execution = execution;
    job_begin(&execution->job, agent, execution_cancel);
    if (!add_waiter(execution, done, context, why))
        execution_cancel(&execution->job); /* ends by itself, with nobody to tell */
    return TAILQ_EMPTY(&execution->waiters) ? NULL : execution;
}

void execution_leave(struct agent *agent, void *context)
{
    struct execution_waiter *waiter, *next;

    if (!agent->executing)
        return;
    for (waiter = TAILQ_FIRST(&agent->executing->waiters); waiter; waiter = next) {
        next = TAILQ_NEXT(waiter, link);
        if (waiter->context != context)
            continue;
        TAILQ_REMOVE(&agent->executing->waiters, waiter, link);
        memory_free(waiter);
    }
}
