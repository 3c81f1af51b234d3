/* SPDX-License-Identifier: Apache-2.0 */
/* What each step of an execution does. A step that cannot tell what happened never guesses: it
 * looks at both sides and lets the core decide. */
#include "agent/daemon/execution.h"

#include "agent/daemon/log.h"

#include <string.h>

#define STEADY_PROBES    2
#define STEADY_PAUSE_MS  100
#define UNDECIDED_PROBES 5
#define WRITE_CONFLICTS  3

static bool is_rotation(const struct execution *execution)
{
    return execution->record->plan.action == PLAN_ROTATE;
}

/* ---- reading the key that is to be written --------------------------------------------------- */

static void source_moved_on(struct execution *execution)
{
    if (!is_rotation(execution) && execution->step == STEP_PROBING)
        execution_end(execution, PLAN_NEEDS_HUMAN,
                      "the copy was written and read back, but meanwhile the source's %.*s key was "
                      "regenerated again: make a new plan",
                      TEXT_ARG(execution->record->plan.slot));
    else
        execution_decide(execution);
}

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
        execution_wait(execution, execution_pause_after_ms(execution, failure), execution_perform);
        return;
    }
    if (execution->is_expected_known &&
        !fingerprint_equal(&keys->fact->slots[slot], &execution->expected)) {
        source_moved_on(execution);
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

/* ---- preflight and lock ---------------------------------------------------------------------- */

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
    execution_go_on(execution);
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
    execution->operation = copy->rights(copy, true, on_rights, execution);
    if (!execution->operation)
        execution_end(execution, PLAN_OPEN, "out of memory; nothing was changed, try again");
}

void execution_preflight(struct execution *execution)
{
    execution->step = STEP_PREFLIGHT;
    execution_check(execution, on_preflight_facts);
}

/* ---- probing --------------------------------------------------------------------------------- */

static void probe_key(struct execution *execution);

static void key_is_proven(struct execution *execution)
{
    execution->proven = execution->expected;
    execution->is_proven = true;
    execution_go_on(execution);
}

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
            key_is_proven(execution);
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
        execution_go_on(execution);
        return;
    }
    if (!is_rotation(execution) &&
        agent_steady(execution->job.agent) >= execution->patience_until) {
        execution_end(execution, PLAN_NEEDS_HUMAN, "the copy was written and read back, but %s",
                      execution->failure.text);
        return;
    }
    execution_wait(execution, execution_pause_ms(execution), start_probing);
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

/* ---- writing and reading back ---------------------------------------------------------------- */

/* These answers come before anything is written. */
static bool was_refused(enum failure_kind kind)
{
    return kind == FAILURE_DENIED || kind == FAILURE_INVALID || kind == FAILURE_NOT_FOUND ||
           kind == FAILURE_DELETED || kind == FAILURE_DESTROYED;
}

static void on_written(const struct copy_version *version, const struct failure *failure,
                       void *context)
{
    struct execution *execution = context;

    (void)version;
    execution->operation = NULL;
    if (execution_interrupted(execution, failure))
        return;
    if (!failure) {
        execution_go_on(execution);
        return;
    }
    log_warn("write", FIELD("plan", execution->record->id), FIELD("why", failure->text));
    execution->failure = *failure;
    if (failure_is_temporary(failure->kind) ||
        ((failure->kind == FAILURE_CONFLICT || failure->kind == FAILURE_AMBIGUOUS ||
          failure->kind == FAILURE_PROTOCOL) &&
         execution->tries < WRITE_CONFLICTS)) {
        execution_wait(execution, execution_pause_after_ms(execution, failure), execution_decide);
    } else {
        execution_end(execution, PLAN_NEEDS_HUMAN,
                      was_refused(failure->kind) ? "the copy was not written: %s"
                                                 : "it is not known what became of the write, "
                                                   "compare both sides: %s",
                      failure->text);
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
        execution_go_on(execution);
        return;
    }
    if (result->copy.state == COPY_UNKNOWN) {
        failure_set(&execution->failure, FAILURE_REMOTE, "%s", result->copy.why);
        execution_wait(execution, execution_pause_ms(execution), verify);
        return;
    }
    /* Perhaps a standby that lags behind. */
    execution_wait(execution, execution_pause_ms(execution), execution_decide);
}

static void verify(struct execution *execution)
{
    execution_check(execution, on_verified);
}

static void settled(struct execution *execution);

/* ---- settling -------------------------------------------------------------------------------- */

static void on_settled_probe(const struct probe *probe, const struct failure *failure,
                             void *context)
{
    struct execution *execution = context;

    execution->operation = NULL;
    if (execution_interrupted(execution, failure))
        return;
    if (!failure && (probe->result == PROBE_WORKS || probe->result == PROBE_ACCEPTED)) {
        execution_go_on(execution);
        return;
    }
    if (failure)
        execution->failure = *failure;
    else
        failure_set(&execution->failure, FAILURE_REMOTE,
                    "the scoring call with what the copy now holds is not green (HTTP %d, %.*s)",
                    probe->http_status, TEXT_ARG(probe->reason));
    if (agent_steady(execution->job.agent) >= execution->patience_until)
        execution_end(execution, PLAN_NEEDS_HUMAN, "the new key was written and read back, but %s",
                      execution->failure.text);
    else
        execution_wait(execution, execution_pause_ms(execution), settled);
}

/* The key worked before it was written; this is the value that callers read. */
static void probe_copy(struct execution *execution, const struct secret *value)
{
    struct key_source *source = execution->binding->source;
    const struct config_binding *config = execution->binding->config;

    execution->operation =
        source->probe(source, value, text_of(config->probe_body),
                      text_of(config->probe_content_type), on_settled_probe, execution);
    if (!execution->operation)
        execution_end(execution, PLAN_EXECUTING, "out of memory; try again");
}

static void on_settled(const struct check_result *result, void *context)
{
    struct execution *execution = context;

    execution->check = NULL;
    if (execution_interrupted(execution, NULL))
        return;
    if (result->judgement.verdict == VERDICT_UNKNOWN) {
        failure_set(&execution->failure, FAILURE_REMOTE, "one side cannot be read");
        execution_wait(execution, execution_pause_ms(execution), settled);
    } else if (result->judgement.verdict != VERDICT_MATCH) {
        execution_end(execution, PLAN_NEEDS_HUMAN,
                      "the new key was written, but now the copy and the source differ (%s)",
                      verdict_name(result->judgement.verdict));
    } else if (execution->binding->config->probe_score) {
        probe_copy(execution, result->value);
    } else {
        execution_go_on(execution);
    }
}

static void settled(struct execution *execution)
{
    execution_check(execution, on_settled);
}

/* ---------------------------------------------------------------------------------------------- */

void execution_perform(struct execution *execution)
{
    uint64_t settle_ms = execution->job.agent->config->rotation_settle_ms;

    switch (execution->step) {
    case STEP_REGENERATING:
        execution_regenerate(execution);
        return;
    case STEP_CONFIRMING:
        execution_confirm(execution);
        return;
    case STEP_PROBING:
        if (execution->binding->config->probe_score)
            start_probing(execution);
        else
            key_is_proven(execution);
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
