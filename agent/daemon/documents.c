/* SPDX-License-Identifier: Apache-2.0 */
/* What the agent knows, as JSON. Fingerprints are shown by their first 12 hex digits; values are
 * not known here. */
#include "agent/daemon/internal.h"

#include "base/moment.h"

json_t *json_of_text(struct text text)
{
    return text.start ? json_stringn(text.start, text.size) : json_null();
}

json_t *json_of_string(const char *string)
{
    return string ? json_string(string) : json_null();
}

json_t *json_of_instant(int64_t at)
{
    char text[INSTANT_SIZE];

    if (at == 0)
        return json_null();
    instant_format(at, text);
    return json_string(text);
}

json_t *json_of_fingerprint(const struct fingerprint *fingerprint)
{
    char shown[FINGERPRINT_SHOWN];

    if (!fingerprint)
        return json_null();
    fingerprint_show(fingerprint, shown);
    return json_string(shown);
}

bool binding_explain(const struct binding *binding, struct buffer *out)
{
    return judgement_explain(&binding->judgement, &binding->source_fact, &binding->copy_fact,
                             binding->config->slot, out);
}

json_t *document_source(const struct binding *binding)
{
    const struct key_source *source = binding->source;
    json_t *slots = json_object();

    for (size_t i = 0; slots && i < source->slot_count; i++)
        json_object_set_new(slots, source->slot_names[i],
                            json_of_fingerprint(binding->source_fact.is_known
                                                    ? &binding->source_fact.slots[i]
                                                    : NULL));
    return json_pack("{s:s,s:s,s:o}", "kind", source->kind, "id", source->id, "slots", slots);
}

/* What scripts read from `check`: these members and no others. */
static json_t *copy_document(const struct binding *binding)
{
    const struct secret_copy *copy = binding->copy;
    const struct copy_fact *fact = &binding->copy_fact;
    bool is_present = fact->state == COPY_PRESENT;

    return json_pack("{s:s,s:s,s:s,s:s,s:o,s:o}", "address", copy->address, "mount", copy->mount,
                     "path", copy->path, "field", copy->field, "version",
                     fact->version.number ? json_integer(fact->version.number) : json_null(),
                     "fingerprint", json_of_fingerprint(is_present ? &fact->value : NULL));
}

json_t *document_copy(const struct binding *binding)
{
    json_t *copy = copy_document(binding);

    json_object_set_new(copy, "written_at", json_of_instant(binding->copy_fact.version.created_at));
    return copy;
}

/* null where it is not known: careless readers take that for false, never for true. */
static json_t *in_sync_json(enum verdict verdict)
{
    int in_sync = verdict_in_sync(verdict);

    return in_sync < 0 ? json_null() : json_boolean(in_sync);
}

static json_t *binding_document(const struct binding *binding)
{
    const struct judgement *judgement = &binding->judgement;
    struct buffer why;
    json_t *document;

    buffer_init(&why, 4096);
    if (binding->checked_at)
        binding_explain(binding, &why);
    else
        buffer_append_string(&why, "not checked yet");
    document = json_pack("{s:s,s:s,s:o,s:o,s:o,s:o,s:o}", "name", binding->config->name, "verdict",
                         verdict_name(judgement->verdict), "in_sync",
                         in_sync_json(judgement->verdict), "matched_slot",
                         judgement->matched_slot == ANY_SLOT
                             ? json_null()
                             : json_string(binding->source->slot_names[judgement->matched_slot]),
                         "why", json_of_text(buffer_text(&why)), "source", document_source(binding),
                         "copy", copy_document(binding));
    buffer_clear(&why);
    return document;
}

struct counts {
    int in_sync, not_in_sync, unknown;
};

static void count(struct counts *counts, enum verdict verdict)
{
    switch (verdict_in_sync(verdict)) {
    case 1:
        counts->in_sync++;
        break;
    case 0:
        counts->not_in_sync++;
        break;
    default:
        counts->unknown++;
    }
}

/* What could not be told weighs more than what is known to differ. */
static int exit_of(const struct counts *counts)
{
    if (counts->unknown)
        return 2;
    return counts->not_in_sync ? 1 : 0;
}

json_t *document_check(struct agent *agent, struct binding *const *bindings, size_t size)
{
    json_t *list = json_array();
    struct counts counts = {0};

    for (size_t i = 0; list && i < size; i++) {
        count(&counts, bindings[i]->judgement.verdict);
        json_array_append_new(list, binding_document(bindings[i]));
    }
    return json_pack("{s:o,s:i,s:i,s:i,s:o,s:i}", "checked_at", json_of_instant(agent_now(agent)),
                     "in_sync", counts.in_sync, "not_in_sync", counts.not_in_sync, "unknown",
                     counts.unknown, "bindings", list, "exit", exit_of(&counts));
}

static void add_watch(const struct agent *agent, json_t *document, const struct binding *binding)
{
    if (!document)
        return;
    json_object_set_new(document, "state", json_string(incident_state_name(binding->watch.state)));
    json_object_set_new(document, "is_blind", json_boolean(binding->watch.is_blind));
    json_object_set_new(document, "since", json_of_instant(binding->watch.since));
    json_object_set_new(document, "incident",
                        json_of_string(binding->incident ? binding->incident->id : NULL));
    json_object_set_new(
        document, "plan_id",
        json_of_text(json_text_at(binding->incident ? binding->incident->body : NULL, "plan_id")));
    json_object_set_new(document, "checked_at", json_of_instant(binding->checked_at));
    json_object_set_new(
        document, "next_check_at",
        json_of_instant(binding->due.place == SCHEDULE_NOWHERE
                            ? 0
                            : agent_now(agent) + binding->due.due_at - agent_steady(agent)));
}

json_t *document_status(struct agent *agent)
{
    json_t *list = json_array();
    struct counts counts = {0};

    for (size_t i = 0; list && i < agent->binding_count; i++) {
        json_t *document = binding_document(&agent->bindings[i]);

        count(&counts, agent->bindings[i].judgement.verdict);
        add_watch(agent, document, &agent->bindings[i]);
        json_array_append_new(list, document);
    }
    return json_pack(
        "{s:s,s:o,s:o,s:i,s:i,s:i,s:i,s:{s:b,s:o},s:o,s:i}", "version", KEYDRIFT_VERSION, "now",
        json_of_instant(agent_now(agent)), "started_at", json_of_instant(agent->started_at),
        "in_sync", counts.in_sync, "not_in_sync", counts.not_in_sync, "unknown", counts.unknown,
        "alerts_waiting", (int)outbox_waiting(agent->outbox), "state_store", "is_writable",
        agent->store_why == NULL && agent->settings.store != NULL, "why",
        json_of_string(agent->settings.store ? agent->store_why : agent->settings.store_why),
        "bindings", list, "exit", exit_of(&counts));
}

json_t *document_error(const struct failure *failure)
{
    return json_pack("{s:{s:s,s:s},s:i}", "error", "kind", failure_kind_name(failure->kind), "text",
                     failure->text, "exit", failure->kind == FAILURE_INVALID ? 2 : 1);
}
