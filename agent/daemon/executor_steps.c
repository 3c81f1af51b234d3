/* SPDX-License-Identifier: Apache-2.0 */
/* What each step of an execution does. A step that cannot tell what happened never guesses: it
 * looks at both sides and lets the core decide. */
#include "agent/daemon/execution.h"

#include "agent/daemon/log.h"

#include <string.h>

#define POLL_MS          500ULL
#define POLL_MAX_MS      5000ULL
#define STEADY_PROBES    2
#define STEADY_PAUSE_MS  100
#define UNDECIDED_PROBES 5
#define WRITE_CONFLICTS  3

static bool is_rotation(const struct execution *execution)
{
    return execution->record->plan.action == PLAN_ROTATE;
}

/* 0.5 s, and slower while nothing happens: 5 s at most. */
static uint64_t poll_pause_ms(struct execution *execution)
{
    uint64_t pause_ms = POLL_MS << (execution->tries / 4 < 4 ? execution->tries / 4 : 4);

    execution->tries++;
    return pause_ms < POLL_MAX_MS ? pause_ms : POLL_MAX_MS;
}

static uint64_t pause_after_ms(struct execution *execution, const struct failure *failure)
{
    uint64_t pause_ms = poll_pause_ms(execution);

    return failure->retry_after_ms > pause_ms ? failure->retry_after_ms : pause_ms;
}

static void next_step(struct execution *execution)
{
    execution_enter(execution, execution_next(execution->record->plan.action, execution->step));
}

/* ---- reading the key that is to be written
 * ------------------------------------------------------------ */

static void on_keys(const struct source_keys *keys, const struct failure *failure, void *context)
{
    struct execution *execution = context;
    int slot = execution->slot;

    execution->operation = NULL;
    if (execution_interrupted(execution, failure))
        return;
    execution->key = secret_free(execution->key);
    if (failure) {
        execution->failure = *failure;
        execution_wait(execution, pause_after_ms(execution, failure), execution_perform);
        return;
    }
    if (execution->is_expected_known &&
        !fingerprint_equal(&keys->fact->slots[slot], &execution->expected)) {
        execution_decide(execution); /* the source has moved on */
        return;
    }
    execution->key = keys->keys[slot] ? secret_copy(keys->keys[slot]) : NULL;
    if (!execution->key) {
        execution_end(execution, PLAN_EXECUTING, "out of memory; try again");
        return;
    }
    execution->expected = keys->fact->slots[slot];
    execution->is_expected_known = true;
    execution->then(execution);
}

/* A key is read again right before each use: what was true a moment ago may no longer be. */
static void with_key(struct execution *execution, void (*then)(struct execution *execution))
{
    struct key_source *source = execution->binding->source;

    execution->then = then;
    execution->operation = source->list(source, 0, on_keys, execution);
    if (!execution->operation)
        execution_end(execution, PLAN_EXECUTING, "out of memory; try again");
}

/* ---- preflight and lock
 * ------------------------------------------------------------------------------- */

static void on_locked(const struct failure *failure, void *context)
{
    struct execution *execution = context;

    if (execution_interrupted(execution, failure))
        return;
    if (failure) {
        execution->record->state = PLAN_OPEN;
        execution_end(
            execution, PLAN_OPEN,
            failure->kind == FAILURE_CONFLICT
                ? "an approval of this plan was used before: each is good for one execution"
                : "refused: %s",
            failure->text);
        return;
    }
    execution->step = STEP_LOCKED;
    incident_on_repair(execution->job.agent, execution->binding, EVENT_REPAIR_STARTED,
                       "repair begins");
    next_step(execution);
}

/* From this commit on the approvals are spent, whatever follows. */
static void lock(struct execution *execution)
{
    struct agent *agent = execution->job.agent;
    struct plan_record *record = execution->record;
    int64_t now = agent_now(agent);
    struct batch batch;

    if (record->plan.expires_at <= now) {
        execution_end(execution, PLAN_EXPIRED, "the plan has expired: make a new one");
        return;
    }
    batch_init(&batch);
    for (size_t i = 0; i < execution->token_count; i++)
        batch_add(&batch, CHANGE_INSERT, RECORD_USED_TOKEN, execution->tokens[i].id, record->id,
                  now, json_pack("{s:s}", "approver", execution->tokens[i].approver));
    batch_add(&batch, CHANGE_INSERT, RECORD_JOURNAL, "", record->id, now,
              json_pack("{s:s}", "step", execution_step_name(STEP_LOCKED)));
    plan_set_state(agent, record, PLAN_EXECUTING, NULL, &batch);
    if (!batch_commit(&batch, agent, on_locked, execution)) {
        record->state = PLAN_OPEN;
        execution_end(execution, PLAN_OPEN, "out of memory; nothing was changed, try again");
    }
}

static void on_preflight_probe(const struct probe *probe, const struct failure *failure,
                               void *context)
{
    struct execution *execution = context;

    execution->operation = NULL;
    if (execution_interrupted(execution, failure))
        return;
    if (failure)
        execution_end(
            execution, PLAN_OPEN,
            "refused before anything was changed: the scoring call with the current key got no "
            "answer (%s), so a rotation could not be told from an outage",
            failure->text);
    else if (probe->result != PROBE_WORKS && probe->result != PROBE_ACCEPTED)
        execution_end(
            execution, PLAN_OPEN,
            "refused before anything was changed: the scoring call with the current key is "
            "not green (HTTP %d, %.*s)",
            probe->http_status, TEXT_ARG(probe->reason));
    else
        lock(execution);
}

static void on_rights(const struct copy_rights *rights, const struct failure *failure,
                      void *context)
{
    struct execution *execution = context;
    struct key_source *source = execution->binding->source;
    const struct config_binding *config = execution->binding->config;

    execution->operation = NULL;
    if (execution_interrupted(execution, failure))
        return;
    if (failure || !rights->may_write || !rights->may_read) {
        execution_end(execution, PLAN_OPEN, "refused before anything was changed: %s%.*s",
                      failure ? failure->text : "the Vault token lacks ",
                      failure ? 0 : (int)rights->missing.size,
                      failure ? "" : rights->missing.start);
        return;
    }
    if (!is_rotation(execution) || !config->probe_score) {
        lock(execution);
        return;
    }
    execution->operation =
        source->probe(source, execution->key, text_of(config->probe_body),
                      text_of(config->probe_content_type), on_preflight_probe, execution);
    if (!execution->operation)
        execution_end(execution, PLAN_OPEN, "out of memory; nothing was changed, try again");
}

static void on_preflight_facts(const struct check_result *result, void *context)
{
    struct execution *execution = context;
    struct secret_copy *copy = execution->binding->copy;
    struct failure why = {0};

    execution->check = NULL;
    if (execution_interrupted(execution, NULL))
        return;
    if (!plan_is_current(&execution->record->plan, &result->source, &result->copy, &why)) {
        execution_end(execution, why.kind == FAILURE_CONFLICT ? PLAN_SUPERSEDED : PLAN_OPEN, "%s",
                      why.text);
        return;
    }
    /* What callers use now: the copy's value, for the probe of a rotation. */
    execution->key = secret_free(execution->key);
    if (result->value && !(execution->key = secret_copy(result->value))) {
        execution_end(execution, PLAN_OPEN, "out of memory; nothing was changed, try again");
        return;
    }
    execution->operation = copy->rights(copy, on_rights, execution);
    if (!execution->operation)
        execution_end(execution, PLAN_OPEN, "out of memory; nothing was changed, try again");
}

void execution_preflight(struct execution *execution)
{
    execution->step = STEP_PREFLIGHT;
    execution_check(execution, on_preflight_facts);
}

/* ---- regenerating and confirming
 * ---------------------------------------------------------------------- */

static void confirm(struct execution *execution);

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

static void regenerate(struct execution *execution)
{
    struct key_source *source = execution->binding->source;

    execution->regenerating_since = agent_now(execution->job.agent);
    execution->operation = source->regenerate(
        source, execution->slot, text_of(execution->request_id), on_regenerated, execution);
    if (!execution->operation)
        execution_end(execution, PLAN_EXECUTING, "out of memory; try again");
}

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
    execution_wait(execution, poll_pause_ms(execution), confirm);
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
    execution_wait(execution, poll_pause_ms(execution), confirm);
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
        execution_wait(execution, pause_after_ms(execution, failure), confirm);
        return;
    }
    if (fingerprint_equal(&keys->fact->slots[execution->slot], &plan->slot_before)) {
        still_unchanged(execution, keys->fact);
        return;
    }
    execution->expected = keys->fact->slots[execution->slot];
    execution->is_expected_known = true;
    next_step(execution);
}

static void confirm(struct execution *execution)
{
    struct key_source *source = execution->binding->source;

    execution->operation = source->list(source, 0, on_confirm_keys, execution);
    if (!execution->operation)
        execution_end(execution, PLAN_EXECUTING, "out of memory; try again");
}

/* ---- probing
 * ------------------------------------------------------------------------------------------ */

static void probe_key(struct execution *execution);

static void start_probing(struct execution *execution)
{
    with_key(execution, probe_key);
}

static void on_probed(const struct probe *probe, const struct failure *failure, void *context)
{
    struct execution *execution = context;

    execution->operation = NULL;
    if (execution_interrupted(execution, failure))
        return;
    if (!failure && (probe->result == PROBE_WORKS || probe->result == PROBE_ACCEPTED)) {
        if (++execution->good_probes >= STEADY_PROBES)
            next_step(execution);
        else
            execution_wait(execution, STEADY_PAUSE_MS, start_probing);
        return;
    }
    execution->good_probes = 0;
    if (failure)
        execution->failure = *failure;
    else
        failure_set(&execution->failure, FAILURE_REMOTE,
                    "the scoring call with the new key is not green (HTTP %d, %.*s)",
                    probe->http_status, TEXT_ARG(probe->reason));
    /* The copy is written and read back by then: what the model does is not this plan's business.
     */
    if (!is_rotation(execution) && (failure || probe->result == PROBE_UNDECIDED) &&
        execution->tries >= UNDECIDED_PROBES) {
        log_warn("repaired, but the scoring call could not tell",
                 FIELD("why", execution->failure.text));
        next_step(execution);
        return;
    }
    if (!is_rotation(execution) && agent_now(execution->job.agent) >= execution->patience_until) {
        execution_end(execution, PLAN_NEEDS_HUMAN, "the copy was written and read back, but %s",
                      execution->failure.text);
        return;
    }
    execution_wait(execution, poll_pause_ms(execution), start_probing);
}

static void probe_key(struct execution *execution)
{
    struct key_source *source = execution->binding->source;
    const struct config_binding *config = execution->binding->config;

    execution->operation = source->probe(source, execution->key, text_of(config->probe_body),
                                         text_of(config->probe_content_type), on_probed, execution);
    if (!execution->operation)
        execution_end(execution, PLAN_EXECUTING, "out of memory; try again");
}

/* ---- writing and reading back
 * ------------------------------------------------------------------------- */

static void on_written(const struct copy_version *version, const struct failure *failure,
                       void *context)
{
    struct execution *execution = context;

    (void)version;
    execution->operation = NULL;
    if (execution_interrupted(execution, failure))
        return;
    if (!failure) {
        next_step(execution);
        return;
    }
    log_warn("write", FIELD("plan", execution->record->id), FIELD("why", failure->text));
    execution->failure = *failure;
    if (failure_is_temporary(failure->kind)) {
        execution_wait(execution, failure->retry_after_ms > 1000 ? failure->retry_after_ms : 1000,
                       execution_decide);
    } else if ((failure->kind == FAILURE_CONFLICT || failure->kind == FAILURE_AMBIGUOUS) &&
               execution->tries++ < WRITE_CONFLICTS) {
        execution_decide(execution);
    } else {
        execution_end(execution, PLAN_NEEDS_HUMAN, "the copy was not written: %s", failure->text);
    }
}

static void write_key(struct execution *execution)
{
    struct secret_copy *copy = execution->binding->copy;

    execution->operation =
        copy->write(copy, execution->key, &execution->record->plan.version, on_written, execution);
    if (!execution->operation)
        execution_end(execution, PLAN_EXECUTING, "out of memory; try again");
}

static void verify(struct execution *execution);

static void on_verified(const struct check_result *result, void *context)
{
    struct execution *execution = context;

    execution->check = NULL;
    if (execution_interrupted(execution, NULL))
        return;
    if (result->copy.state == COPY_PRESENT &&
        fingerprint_equal(&result->copy.value, &execution->expected)) {
        next_step(execution);
        return;
    }
    if (result->copy.state == COPY_UNKNOWN) {
        failure_set(&execution->failure, FAILURE_REMOTE, "%s", result->copy.why);
        execution_wait(execution, poll_pause_ms(execution), verify);
        return;
    }
    execution_decide(execution);
}

static void verify(struct execution *execution)
{
    execution_check(execution, on_verified);
}

/* ---- settling
 * ------------------------------------------------------------------------------------------ */

static void on_settled(const struct check_result *result, void *context)
{
    struct execution *execution = context;

    execution->check = NULL;
    if (execution_interrupted(execution, NULL))
        return;
    if (result->judgement.verdict == VERDICT_MATCH) {
        next_step(execution);
        return;
    }
    if (result->judgement.verdict == VERDICT_UNKNOWN) {
        failure_set(&execution->failure, FAILURE_REMOTE, "one side cannot be read");
        execution_wait(execution, poll_pause_ms(execution), execution_perform);
        return;
    }
    execution_end(execution, PLAN_NEEDS_HUMAN,
                  "the new key was written, but now the copy and the source differ (%s)",
                  verdict_name(result->judgement.verdict));
}

static void settled(struct execution *execution)
{
    execution_check(execution, on_settled);
}

/* --------------------------------------------------------------------------------------------------------
 */

void execution_perform(struct execution *execution)
{
    uint64_t settle_ms = execution->job.agent->config->rotation_settle_ms;

    switch (execution->step) {
    case STEP_REGENERATING:
        regenerate(execution);
        return;
    case STEP_CONFIRMING:
        confirm(execution);
        return;
    case STEP_PROBING:
        if (execution->binding->config->probe_score)
            start_probing(execution);
        else
            next_step(execution);
        return;
    case STEP_WRITING:
        with_key(execution, write_key);
        return;
    case STEP_VERIFYING:
        verify(execution);
        return;
    case STEP_SETTLING:
        execution->patience_until += (int64_t)settle_ms;
        if (settle_ms)
            execution_wait(execution, settle_ms, settled);
        else
            settled(execution);
        return;
    case STEP_PREFLIGHT:
    case STEP_LOCKED:
    case STEP_DONE:
    case STEP_NEEDS_HUMAN:
    case EXECUTION_STEPS:
        break;
    }
    execution_end(execution, PLAN_NEEDS_HUMAN,
                  "the journal names a step (%s) that cannot be performed",
                  execution_step_name(execution->step));
}
