/* SPDX-License-Identifier: Apache-2.0 */
/* What an alert says: verdict, both fingerprints, since when, who did it, what callers see, and the
 * command that repairs it. Never a key. */
#include "agent/daemon/internal.h"

#include "agent/daemon/log.h"

#include <stdio.h>

#define EXPIRES_AFTER_MS 300000

static bool is_blindness(enum alert_event event)
{
    return event == ALERT_BLIND || event == ALERT_SEEING;
}

/* What was read last may be unknown, or in sync for a first time: the alert is about the drift. */
static bool tells_of_drift(enum alert_event event)
{
    return event == ALERT_FIRING || event == ALERT_REPEATED;
}

/* "Seeing" is told when it is over. */
static int64_t blind_since(const struct binding *binding)
{
    return binding->watch.unknown_since ? binding->watch.unknown_since : binding->blind_since;
}

static void dedup_key(const struct binding *binding, enum alert_event event, char *out, size_t size)
{
    snprintf(out, size, "keydrift/%s/%s", binding->config->name,
             is_blindness(event) || !binding->incident ? "blind" : binding->incident->id);
}

static json_t *member_or_null(const json_t *object, const char *name)
{
    json_t *member = json_at(object, name);

    return member ? json_incref(member) : json_null();
}

static struct agent_command next_command(struct agent *agent, struct binding *binding,
                                         enum alert_event event, struct text plan_id)
{
    const struct plan_record *paused = plan_paused(agent, binding);

    if (is_blindness(event))
        return agent_command(agent, "check %s", binding->config->name);
    if (event == ALERT_RESOLVED)
        return agent_command(agent, "show %s", binding->incident->id);
    if (paused)
        return plan_next(agent, paused);
    if (verdict_in_sync(binding->judgement.verdict) == 1)
        return agent_command(agent, "show %s", binding->incident->id);
    if (plan_id.start)
        return agent_command(agent, "approve %.*s --as NAME --key FILE", TEXT_ARG(plan_id));
    return agent_command(agent, "plan %s", binding->config->name);
}

static json_t *alert_body(struct agent *agent, struct binding *binding, enum alert_event event,
                          const char *key)
{
    const json_t *incident = binding->incident ? binding->incident->body : NULL;
    struct text plan_id = json_text_at(incident, "plan_id");
    struct agent_command next = next_command(agent, binding, event, plan_id);
    int64_t since = is_blindness(event) ? blind_since(binding) : binding->watch.since;
    struct text verdict = text_of(verdict_name(binding->judgement.verdict));
    struct buffer why;
    json_t *body;

    buffer_init(&why, 4096);
    if (tells_of_drift(event) && verdict_in_sync(binding->judgement.verdict) != 0 &&
        json_text_at(incident, "why").start) {
        verdict = json_text_at(incident, "verdict");
        buffer_append(&why, json_text_at(incident, "why"));
    } else {
        binding_explain(binding, &why);
    }
    if (tells_of_drift(event) && json_text_at(incident, "repair").start)
        buffer_printf(&why, "%s%.*s", why.size ? "; " : "",
                      TEXT_ARG(json_text_at(incident, "repair")));
    if (event == ALERT_RESOLVED)
        since = json_integer_at(incident, "since_ms", since);
    body = json_pack("{s:i,s:s,s:s,s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:s}", "schema", 1,
                     "event", alert_event_name(event), "dedup_key", key, "binding",
                     binding->config->name, "verdict", json_of_text(verdict), "since",
                     json_of_instant(since), "why", json_of_text(buffer_text(&why)), "regenerated",
                     member_or_null(incident, "regenerated"), "callers",
                     member_or_null(incident, "callers"), "copy", document_copy(binding), "source",
                     document_source(binding), "incident",
                     json_of_string(binding->incident ? binding->incident->id : NULL), "plan_id",
                     json_of_text(plan_id), "next", next.text);
    buffer_clear(&why);
    return body;
}

static int64_t expires_at(const struct alert_sink *sink, const struct binding *binding, int64_t now)
{
    uint64_t patience_ms = 3 * binding->config->interval_ms + 2 * sink->refresh_ms;

    return now + (int64_t)(patience_ms > EXPIRES_AFTER_MS ? patience_ms : EXPIRES_AFTER_MS);
}

static void add_for_sink(struct agent *agent, struct batch *batch, struct binding *binding,
                         enum alert_event event, const char *key, struct alert_sink *sink,
                         json_t *body)
{
    int64_t now = agent_now(agent);
    int64_t starts_at = is_blindness(event) ? blind_since(binding) : binding->watch.since;
    char id[37], record_id[200];
    json_t *record;

    if (!agent->settings.approvals->guid(agent->settings.approvals, id)) {
        log_error("alert dropped", FIELD("why", "no random numbers"));
        return;
    }
    if (binding->incident && !is_blindness(event))
        starts_at = json_integer_at(binding->incident->body, "since_ms", starts_at);
    snprintf(record_id, sizeof(record_id), "%s", id);
    record = json_pack("{s:s,s:i,s:s,s:I,s:I,s:I,s:O}", "id", id, "event", (int)event, "dedup_key",
                       key, "created_at", (json_int_t)now, "starts_at",
                       (json_int_t)(starts_at ? starts_at : now), "expires_at",
                       (json_int_t)expires_at(sink, binding, now), "alert", body);
    if (!record) {
        batch->is_broken = true;
        return;
    }
    batch_add(batch, CHANGE_INSERT, RECORD_OUTBOX, record_id, sink->name, now, json_incref(record));
    outbox_take(agent->outbox, text_of(record_id), text_of(sink->name), record, false);
    batch->alerts = outbox_last(agent->outbox);
}

void alert_add(struct agent *agent, struct batch *batch, struct binding *binding,
               enum alert_event event, bool only_refreshing)
{
    char key[400];
    json_t *body;

    dedup_key(binding, event, key, sizeof(key));
    body = alert_body(agent, binding, event, key);
    if (!body) {
        batch->is_broken = true;
        return;
    }
    if (!only_refreshing)
        log_warn("alert", FIELD("event", alert_event_name(event)),
                 FIELD("binding", binding->config->name),
                 FIELD("verdict", verdict_name(binding->judgement.verdict)),
                 FIELD_TEXT("why", json_text_at(body, "why")),
                 FIELD_TEXT("next", json_text_at(body, "next")));
    for (size_t i = 0; i < agent->settings.sink_count; i++) {
        struct alert_sink *sink = agent->settings.sinks[i];

        /* What repeats an alert that has not arrived yet says nothing new. */
        if ((only_refreshing || event == ALERT_REPEATED) &&
            outbox_has(agent->outbox, sink, text_of(key)))
            continue;
        if (!only_refreshing || sink->refresh_ms)
            add_for_sink(agent, batch, binding, event, key, sink, body);
    }
    binding->refreshed_at = agent_now(agent);
    json_decref(body);
}
