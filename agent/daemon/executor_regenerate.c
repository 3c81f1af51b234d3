/* SPDX-License-Identifier: Apache-2.0 */
/* The one step that cannot be taken back. It is sent once; whether a lost one took effect is for
 * the key itself to tell, and after a long wait for the service's own log. */
#include "agent/daemon/execution.h"

#include "agent/daemon/log.h"

/* ---- regenerating ---------------------------------------------------------------------------- */

static void on_regenerated(const struct failure *failure, void *context)
{
    struct execution *execution = context;

    execution->operation = NULL;
    if (execution_interrupted(execution, failure))
        return;
    if (failure) {
        log_warn("regenerate", FIELD("plan", execution->record->id), FIELD("why", failure->text));
        execution->failure = *failure;
    }
    /* Refused outright means nothing was changed; anything else is for the key itself to tell. */
    if (failure && (failure->kind == FAILURE_DENIED || failure->kind == FAILURE_NOT_FOUND ||
                    failure->kind == FAILURE_INVALID || failure->kind == FAILURE_CONFLICT ||
                    failure->kind == FAILURE_THROTTLED)) {
        execution_end(execution, PLAN_NEEDS_HUMAN,
                      "the service refused to regenerate %.*s: %s; nothing was changed",
                      TEXT_ARG(execution->record->plan.slot), failure->text);
        return;
    }
    execution->is_regenerate_doubtful = failure != NULL;
    execution_enter(execution, STEP_CONFIRMING);
}

/* Between the plan's approval and now, or while we waited to send again, somebody may have written
 * the copy: the slot that Vault holds is never regenerated. */
static void on_last_look(const struct check_result *result, void *context)
{
    struct execution *execution = context;
    struct key_source *source = execution->binding->source;
    struct failure why = {0};

    execution->check = NULL;
    if (execution_interrupted(execution, NULL))
        return;
    if (!plan_is_current(&execution->record->plan, &result->source, &result->copy, &why)) {
        execution->failure = why;
        if (why.kind == FAILURE_CONFLICT)
            execution_end(execution, PLAN_NEEDS_HUMAN, "%.*s was not regenerated%s: %s",
                          TEXT_ARG(execution->record->plan.slot),
                          execution->is_resend ? " once more" : "", why.text);
        else
            execution_wait(execution, execution_pause_ms(execution), execution_regenerate);
        return;
    }
    execution->is_resend = true;
    execution->regenerating_since = agent_now(execution->job.agent);
    execution->operation = source->regenerate(
        source, execution->slot, text_of(execution->request_id), on_regenerated, execution);
    if (!execution->operation)
        execution_end(execution, PLAN_EXECUTING, "out of memory; try again");
}

void execution_regenerate(struct execution *execution)
{
    execution_check(execution, on_last_look);
}

/* ---- confirming ------------------------------------------------------------------------------ */

static void on_log_asked(const struct source_event *event, const struct failure *failure,
                         void *context)
{
    struct execution *execution = context;

    execution->operation = NULL;
    if (execution_interrupted(execution, failure))
        return;
    execution->log_was_asked = failure == NULL;
    execution->log_knows_it = event != NULL;
    if (failure)
        execution->failure = *failure;
    execution_wait(execution, execution_pause_ms(execution), execution_confirm);
}

static bool is_log_worth_asking(const struct execution *execution)
{
    const struct agent *agent = execution->job.agent;

    return execution->is_regenerate_doubtful && !execution->log_was_asked &&
           agent_now(agent) - execution->regenerating_since >=
               (int64_t)agent->config->rotation_resend_ms;
}

static void still_unchanged(struct execution *execution, const struct source_fact *fact)
{
    struct agent *agent = execution->job.agent;
    struct key_source *source = execution->binding->source;
    const struct plan *plan = &execution->record->plan;

    failure_set(&execution->failure, FAILURE_AMBIGUOUS,
                "the regenerate of %.*s shows no effect yet", TEXT_ARG(plan->slot));
    if (execution->is_regenerate_doubtful &&
        execution_may_resend(plan, fact, execution->regenerating_since,
                             agent->config->rotation_resend_ms, execution->log_was_asked,
                             execution->log_knows_it, agent_now(agent))) {
        execution->log_was_asked = false;
        execution_enter(execution, STEP_REGENERATING);
        return;
    }
    if (is_log_worth_asking(execution)) {
        execution->operation =
            source->find_request(source, text_of(execution->request_id),
                                 execution->regenerating_since - 600000, on_log_asked, execution);
        if (execution->operation)
            return;
    }
    execution_wait(execution, execution_pause_ms(execution), execution_confirm);
}

static void on_confirm_keys(const struct source_keys *keys, const struct failure *failure,
                            void *context)
{
    struct execution *execution = context;
    const struct plan *plan = &execution->record->plan;

    execution->operation = NULL;
    if (execution_interrupted(execution, failure))
        return;
    if (failure) {
        execution->failure = *failure;
        execution_wait(execution, execution_pause_after_ms(execution, failure), execution_confirm);
        return;
    }
    if (fingerprint_equal(&keys->fact->slots[execution->slot], &plan->slot_before)) {
        still_unchanged(execution, keys->fact);
        return;
    }
    execution->expected = keys->fact->slots[execution->slot];
    execution->is_expected_known = true;
    execution_go_on(execution);
}

void execution_confirm(struct execution *execution)
{
    struct key_source *source = execution->binding->source;

    execution->operation = source->list(source, 0, on_confirm_keys, execution);
    if (!execution->operation)
        execution_end(execution, PLAN_EXECUTING, "out of memory; try again");
}
