/* SPDX-License-Identifier: Apache-2.0 */
/* Carries out what the incident machine decides: records, timeline, alerts. What belongs together
 * is one commit, so that a crash finds either all of it or none. */
#include "agent/daemon/internal.h"

#include "agent/daemon/log.h"
#include "base/memory.h"

#include <stdio.h>
#include <string.h>

/* ---- records --------------------------------------------------------------------------------- */

static void set_fingerprint(json_t *record, const char *name, const struct fingerprint *fingerprint)
{
    char hex[FINGERPRINT_HEX];

    fingerprint_hex(fingerprint, hex);
    json_object_set_new(record, name, json_string(hex));
}

json_t *binding_record(const struct binding *binding)
{
    const struct watch *watch = &binding->watch;
    json_t *record = json_pack(
        "{s:s,s:s,s:i,s:I,s:I,s:I,s:b,s:I,s:o,s:o}", "state", incident_state_name(watch->state),
        "verdict", verdict_name(watch->verdict), "run", (int)watch->run, "since",
        (json_int_t)watch->since, "alerted_at", (json_int_t)watch->alerted_at, "unknown_since",
        (json_int_t)watch->unknown_since, "is_blind", watch->is_blind, "known_good_at",
        (json_int_t)binding->known_good_at, "slots", json_object(), "copy", json_null());

    for (size_t i = 0;
         record && binding->source_fact.is_known && i < binding->source_fact.slot_count; i++)
        set_fingerprint(json_object_get(record, "slots"), binding->source_fact.slot_names[i],
                        &binding->source_fact.slots[i]);
    if (record && binding->copy_fact.state == COPY_PRESENT)
        set_fingerprint(record, "copy", &binding->copy_fact.value);
    return record;
}

bool binding_restore(struct binding *binding, const json_t *record)
{
    struct watch watch = {0};

    if (!incident_state_parse(json_text_at(record, "state"), &watch.state) ||
        !verdict_parse(json_text_at(record, "verdict"), &watch.verdict))
        return false;
    watch.run = (unsigned)json_integer_at(record, "run", 0);
    watch.since = json_integer_at(record, "since", 0);
    watch.alerted_at = json_integer_at(record, "alerted_at", 0);
    watch.unknown_since = json_integer_at(record, "unknown_since", 0);
    watch.is_blind = json_boolean_at(record, "is_blind", false);
    binding->known_good_at = json_integer_at(record, "known_good_at", 0);
    binding->watch = watch;
    binding->is_stored = true;
    return true;
}

struct incident *incident_load(struct text id, struct text body, struct failure *why)
{
    struct incident *incident = memory_zeroed(1, sizeof(*incident));

    if (!incident) {
        failure_out_of_memory(why);
        return NULL;
    }
    snprintf(incident->id, sizeof(incident->id), "%.*s", TEXT_ARG(id));
    incident->body = json_read_object(body, why);
    return incident->body ? incident : incident_free(incident);
}

struct incident *incident_free(struct incident *incident)
{
    if (incident)
        json_decref(incident->body);
    memory_free(incident);
    return NULL;
}

bool incident_is_told(const struct incident *incident)
{
    return json_boolean_at(incident->body, "is_told", false);
}

static struct incident *incident_new(struct agent *agent, struct binding *binding)
{
    struct incident *incident = memory_zeroed(1, sizeof(*incident));
    char guid[37];

    if (!incident || !agent->settings.approvals->guid(agent->settings.approvals, guid))
        return incident_free(incident);
    snprintf(incident->id, sizeof(incident->id), "inc-%.8s%.4s", guid, guid + 9);
    incident->body = json_pack(
        "{s:s,s:s,s:s,s:s,s:o,s:I,s:o,s:o,s:o,s:n,s:n,s:n,s:n,s:b}", "id", incident->id, "binding",
        binding->config->name, "verdict", verdict_name(binding->judgement.verdict), "state",
        incident_state_name(binding->watch.state), "since", json_of_instant(binding->watch.since),
        "since_ms", (json_int_t)binding->watch.since, "opened_at",
        json_of_instant(agent_now(agent)), "source", document_source(binding), "copy",
        document_copy(binding), "resolved_at", "regenerated", "callers", "plan_id", "is_told", 0);
    return incident->body ? incident : incident_free(incident);
}

void incident_store(struct agent *agent, struct binding *binding, struct batch *batch)
{
    struct incident *incident = binding->incident;
    int64_t now = agent_now(agent);
    struct buffer why;

    batch_add(batch, CHANGE_PUT, RECORD_BINDING, binding->config->name, "", now,
              binding_record(binding));
    if (binding->closed)
        batch_add(batch, CHANGE_PUT, RECORD_INCIDENT, binding->closed->id, binding->config->name,
                  now, json_deep_copy(binding->closed->body));
    if (!incident)
        return;
    buffer_init(&why, 4096);
    json_object_set_new(incident->body, "state",
                        json_string(incident_state_name(binding->watch.state)));
    if (verdict_in_sync(binding->judgement.verdict) == 0) {
        json_object_set_new(incident->body, "verdict",
                            json_string(verdict_name(binding->judgement.verdict)));
        if (binding_explain(binding, &why))
            json_object_set_new(incident->body, "why", json_of_text(buffer_text(&why)));
    }
    buffer_clear(&why);
    batch_add(batch, CHANGE_PUT, RECORD_INCIDENT, incident->id, binding->config->name, now,
              json_deep_copy(incident->body));
}

/* Commits end in the order in which they began. */
static void on_stored(const struct failure *failure, void *context)
{
    struct binding *binding = context;

    binding->stores_ended++;
    if (failure)
        binding->is_stored = false;
    else if (binding->closed && binding->stores_ended >= binding->closed_in)
        binding->closed = incident_free(binding->closed);
}

void incident_commit(struct agent *agent, struct binding *binding, struct batch *batch)
{
    struct failure why = {0};

    binding->stores_begun++;
    binding->is_stored = true;
    if (batch_commit(batch, agent, on_stored, binding))
        return;
    failure_out_of_memory(&why);
    on_stored(&why, binding);
}

/* ---- what a read leads to -------------------------------------------------------------------- */

static void note_state(struct agent *agent, struct binding *binding, enum incident_state before,
                       const char *text, struct batch *batch)
{
    struct buffer line;

    log_info("incident", FIELD("binding", binding->config->name),
             FIELD("from", incident_state_name(before)),
             FIELD("to", incident_state_name(binding->watch.state)),
             FIELD("verdict", verdict_name(binding->judgement.verdict)));
    if (!binding->incident)
        return;
    buffer_init(&line, 4096);
    if (text)
        buffer_append_string(&line, text);
    else
        binding_explain(binding, &line);
    if (buffer_ok(&line) && line.size)
        batch_note(batch, binding->incident->id, agent_now(agent),
                   incident_state_name(binding->watch.state), line.start);
    buffer_clear(&line);
}

static void open_incident(struct agent *agent, struct binding *binding, struct batch *batch)
{
    if (binding->incident)
        return;
    binding->incident = incident_new(agent, binding);
    if (!binding->incident) {
        log_error("incident not recorded", FIELD("why", "out of memory"));
        return;
    }
    binding->culprit_tries = 0;
    binding->culprit_due_at = 0;
    batch_audit(batch, agent, "incident_opened", text_of("keydrift"), binding->config->name, NULL,
                json_pack("{s:s,s:s}", "incident", binding->incident->id, "verdict",
                          verdict_name(binding->judgement.verdict)));
}

static void close_incident(struct agent *agent, struct binding *binding, struct batch *batch)
{
    int64_t now = agent_now(agent);

    if (!binding->incident)
        return;
    json_object_set_new(binding->incident->body, "resolved_at", json_of_instant(now));
    json_object_set_new(binding->incident->body, "state",
                        json_string(incident_state_name(binding->watch.state)));
    if (incident_is_told(binding->incident))
        alert_add(agent, batch, binding, ALERT_RESOLVED, false);
    batch_audit(batch, agent, "incident_resolved", text_of("keydrift"), binding->config->name, NULL,
                json_pack("{s:s}", "incident", binding->incident->id));
    incident_free(binding->closed);
    binding->closed = binding->incident;
    binding->closed_in = binding->stores_begun + 1;
    binding->incident = NULL;
    binding->watch.since = 0;
}

static void change_blindness(struct agent *agent, struct binding *binding, enum blind_change change,
                             struct batch *batch)
{
    if (change == BLIND_NO_CHANGE)
        return;
    alert_add(agent, batch, binding, change == BLIND_BEGINS ? ALERT_BLIND : ALERT_SEEING, false);
}

static bool is_firing(const struct binding *binding)
{
    return binding->incident && incident_is_told(binding->incident);
}

static bool must_refresh(struct agent *agent, const struct binding *binding)
{
    int64_t now = agent_now(agent);

    for (size_t i = 0;
         (is_firing(binding) || binding->watch.is_blind) && i < agent->settings.sink_count; i++) {
        uint64_t refresh_ms = agent->settings.sinks[i]->refresh_ms;

        if (refresh_ms && now - binding->refreshed_at >= (int64_t)refresh_ms)
            return true;
    }
    return false;
}

static void refresh(struct agent *agent, struct binding *binding, struct batch *batch)
{
    if (is_firing(binding))
        alert_add(agent, batch, binding, ALERT_REPEATED, true);
    if (binding->watch.is_blind)
        alert_add(agent, batch, binding, ALERT_BLIND, true);
}

/* What a repair that stopped has to say goes into every alert until one has succeeded. */
static void note_repair(struct binding *binding, enum incident_event event, const char *text)
{
    if (!binding->incident)
        return;
    if (event == EVENT_REPAIR_FAILED || event == EVENT_REPAIR_STUCK)
        json_object_set_new(binding->incident->body, "repair", json_of_string(text));
    else if (event == EVENT_REPAIR_SUCCEEDED)
        json_object_del(binding->incident->body, "repair");
}

static void act(struct agent *agent, struct binding *binding, const struct watch_outcome *outcome,
                enum incident_event event, const char *text, struct batch *batch)
{
    bool changed = outcome->before != binding->watch.state;

    if (outcome->actions & ACTION_OPEN)
        open_incident(agent, binding, batch);
    note_repair(binding, event, text);
    if (changed || outcome->actions & ACTION_NOTE)
        note_state(agent, binding, outcome->before, text, batch);
    change_blindness(agent, binding, outcome->blind, batch);
    if (outcome->actions & ACTION_ALERT_RESOLVED)
        close_incident(agent, binding, batch);
    else if (outcome->actions & ACTION_ALERT_REPEATED && is_firing(binding))
        alert_add(agent, batch, binding, ALERT_REPEATED, false);
    else if (must_refresh(agent, binding))
        refresh(agent, binding, batch);
    if (outcome->actions & ACTION_CHECK_SOON)
        watcher_check_soon(agent, binding, binding->config->confirm_delay_ms);
}

static bool watch_differs(const struct watch *a, const struct watch *b)
{
    return a->state != b->state || a->verdict != b->verdict || a->since != b->since ||
           a->alerted_at != b->alerted_at || a->unknown_since != b->unknown_since ||
           a->is_blind != b->is_blind;
}

static struct watch_policy policy_of(const struct agent *agent, const struct binding *binding)
{
    return (struct watch_policy){.confirm = binding->config->confirm,
                                 .confirm_delay_ms = binding->config->confirm_delay_ms,
                                 .repeat_ms = agent->config->alert_repeat_ms,
                                 .blind_after_ms = agent->config->alert_blind_after_ms};
}

/* A plan that was begun and stands still is told as an incident, and told again. */
static void report_paused_plan(struct agent *agent, struct binding *binding, struct batch *batch)
{
    int64_t now = agent_now(agent);
    struct plan_record *plan = plan_paused(agent, binding);
    char text[800];

    if (!plan || now - plan->paused_at < (int64_t)agent->config->alert_blind_after_ms ||
        (plan->reported_at && (!agent->config->alert_repeat_ms ||
                               now - plan->reported_at < (int64_t)agent->config->alert_repeat_ms)))
        return;
    plan->reported_at = now;
    snprintf(text, sizeof(text), "plan %.12s (%s) was begun and stands still: %s", plan->id,
             plan_action_name(plan->plan.action),
             plan->why ? plan->why : "it was interrupted and could not go on yet");
    incident_add_repair(agent, binding, EVENT_REPAIR_STUCK, text, batch);
}

void incident_on_read(struct agent *agent, const struct check_result *result)
{
    struct binding *binding = result->binding;
    struct watch_policy policy = policy_of(agent, binding);
    struct watch before = binding->watch;
    struct watch_outcome outcome;
    struct batch batch;
    size_t reviewed;

    if (binding->telling) /* the alert being prepared comes first; the next read sees what is then
                             so */
        return;
    if (before.unknown_since)
        binding->blind_since = before.unknown_since;
    outcome = watch_read(&binding->watch, result->judgement.verdict, &policy, agent_now(agent));
    batch_init(&batch);
    plans_review(agent, binding, &batch);
    reviewed = batch.count;
    act(agent, binding, &outcome, EVENT_UNKNOWN, NULL, &batch);
    report_paused_plan(agent, binding, &batch);
    if (watch_differs(&before, &binding->watch) || !binding->is_stored ||
        outcome.before != binding->watch.state || batch.count > reviewed)
        incident_store(agent, binding, &batch);
    if (batch.count)
        incident_commit(agent, binding, &batch);
    batch_clear(&batch);
    if (binding->incident && !incident_is_told(binding->incident))
        incident_tell(agent, result);
    else if (binding->incident && binding->culprit_due_at &&
             agent_now(agent) >= binding->culprit_due_at &&
             binding->judgement.verdict == VERDICT_STALE)
        incident_find_culprit(agent, binding);
}

void incident_add_repair(struct agent *agent, struct binding *binding, enum incident_event event,
                         const char *text, struct batch *batch)
{
    struct watch_outcome outcome = watch_repair(&binding->watch, event, agent_now(agent));

    act(agent, binding, &outcome, event, text, batch);
    incident_store(agent, binding, batch);
}

void incident_on_repair(struct agent *agent, struct binding *binding, enum incident_event event,
                        const char *text)
{
    struct batch batch;

    batch_init(&batch);
    incident_add_repair(agent, binding, event, text, &batch);
    incident_commit(agent, binding, &batch);
}
