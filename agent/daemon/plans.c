/* SPDX-License-Identifier: Apache-2.0 */
/* Plans as the agent holds them. What is stored is the canonical text itself, and a stored plan is
 * believed only when its id is still the hash of that text. */
#include "agent/daemon/internal.h"

#include "agent/daemon/log.h"
#include "base/memory.h"

#include <stdio.h>
#include <string.h>

#define CANONICAL_LIMIT 16384

/* ---- records --------------------------------------------------------------------------------- */

static bool fingerprint_at(const json_t *json, const char *path, bool *has, struct fingerprint *ret)
{
    struct text hex = json_text_at(json, path);

    *has = hex.start != NULL;
    return !*has || fingerprint_parse(hex, ret);
}

/* The inverse of plan_canonical(). */
static bool plan_parse(const json_t *json, struct plan *plan)
{
    bool has_old, has_before;

    plan->binding = json_text_at(json, "binding");
    plan->source_id = json_text_at(json, "source");
    plan->address = json_text_at(json, "copy.address");
    plan->mount = json_text_at(json, "copy.mount");
    plan->path = json_text_at(json, "copy.path");
    plan->field = json_text_at(json, "copy.field");
    plan->slot = json_text_at(json, "slot");
    plan->requester = json_text_at(json, "requester");
    plan->version.number = (uint32_t)json_integer_at(json, "old.version", 0);
    plan->version.created_at = json_integer_at(json, "old.created_at", 0);
    plan->version.created_ns = json_integer_at(json, "old.created_ns", 0);
    plan->created_at = json_integer_at(json, "created_at", 0);
    plan->expires_at = json_integer_at(json, "expires_at", 0);
    return plan_action_parse(json_text_at(json, "action"), &plan->action) &&
           copy_state_parse(json_text_at(json, "old.state"), &plan->old_state) &&
           fingerprint_at(json, "old.fingerprint", &has_old, &plan->old) &&
           fingerprint_at(json, "new.fingerprint", &plan->has_new, &plan->new) &&
           fingerprint_at(json, "slot_before", &has_before, &plan->slot_before) && has_before &&
           plan->binding.start && plan->slot.start && plan->created_at && plan->expires_at;
}

/* Takes `canonical_text` (NULL: out of memory). */
static struct plan_record *record_of(struct agent *agent, struct text id, char *canonical_text,
                                     enum plan_state state, struct failure *why)
{
    struct plan_record *record = memory_zeroed(1, sizeof(*record));
    struct approvals *approvals = agent->settings.approvals;
    char digest[PLAN_ID_SIZE];

    if (!record || !canonical_text) {
        memory_free(record);
        memory_free(canonical_text);
        failure_out_of_memory(why);
        return NULL;
    }
    record->canonical_text = canonical_text;
    record->state = state;
    record->canonical = json_read_object(text_of(canonical_text), why);
    if (!record->canonical || !plan_parse(record->canonical, &record->plan) ||
        !approvals->digest(approvals, text_of(canonical_text), digest) ||
        (id.size && !text_is(id, digest))) {
        failure_set(why, FAILURE_PROTOCOL, "plan %.*s in the state is damaged; it is not used",
                    TEXT_ARG(text_part(id, 0, 12)));
        return plan_record_free(record);
    }
    memcpy(record->id, digest, sizeof(digest));
    record->binding = agent_binding_named(agent, record->plan.binding);
    return record;
}

struct plan_record *plan_record_load(struct agent *agent, struct text id, struct text body,
                                     struct failure *why)
{
    cleanup_with(json_clean) json_t *json = json_read_object(body, why);
    struct plan_record *record;
    enum plan_state state;

    if (!json)
        return NULL;
    if (!plan_state_parse(json_text_at(json, "state"), &state)) {
        failure_set(why, FAILURE_PROTOCOL, "plan %.*s in the state is damaged; it is not used",
                    TEXT_ARG(text_part(id, 0, 12)));
        return NULL;
    }
    record = record_of(agent, id, text_copy(json_text_at(json, "canonical")), state, why);
    if (record) {
        if (state != PLAN_OPEN) /* those of an open one are counted anew */
            record->approvals = (unsigned)json_integer_at(json, "approvals", 0);
        record->begun_at = json_integer_at(json, "begun_at", 0);
        record->paused_at = record->begun_at ? record->begun_at : agent_now(agent);
    }
    if (record && json_text_at(json, "why").start)
        record->why = text_copy(json_text_at(json, "why"));
    return record;
}

struct plan_record *plan_record_free(struct plan_record *record)
{
    if (record) {
        json_decref(record->canonical);
        memory_free(record->canonical_text);
        memory_free(record->why);
    }
    memory_free(record);
    return NULL;
}

json_t *plan_record_body(const struct plan_record *record)
{
    return json_pack("{s:s,s:o,s:I,s:i,s:s}", "state", plan_state_name(record->state), "why",
                     json_of_string(record->why), "begun_at", (json_int_t)record->begun_at,
                     "approvals", (int)record->approvals, "canonical", record->canonical_text);
}

/* ---- finding --------------------------------------------------------------------------------- */

struct plan_record *plan_find(struct agent *agent, struct text id)
{
    struct plan_record *record;

    TAILQ_FOREACH (record, &agent->plans, link)
        if (text_is(id, record->id))
            return record;
    return NULL;
}

struct plan_record *plan_of_binding(struct agent *agent, const struct binding *binding,
                                    enum plan_action action, enum plan_state state)
{
    struct plan_record *record;

    TAILQ_FOREACH (record, &agent->plans, link)
        if (record->binding == binding && record->plan.action == action && record->state == state)
            return record;
    return NULL;
}

struct plan_record *plan_paused(struct agent *agent, const struct binding *binding)
{
    struct plan_record *record;

    TAILQ_FOREACH (record, &agent->plans, link)
        if (record->binding == binding && record->state == PLAN_EXECUTING && record->paused_at &&
            !binding->execution)
            return record;
    return NULL;
}

/* ---- making ---------------------------------------------------------------------------------- */

static bool same_change(const struct plan *a, const struct plan *b)
{
    return a->action == b->action && text_equal(a->slot, b->slot) && a->old_state == b->old_state &&
           (a->old_state != COPY_PRESENT || fingerprint_equal(&a->old, &b->old)) &&
           copy_version_equal(&a->version, &b->version) && a->has_new == b->has_new &&
           (!a->has_new || fingerprint_equal(&a->new, &b->new)) &&
           fingerprint_equal(&a->slot_before, &b->slot_before) &&
           text_equal(a->address, b->address);
}

/* Whoever asked first: an open plan that says the same is the same plan. */
static struct plan_record *find_same(struct agent *agent, const struct binding *binding,
                                     const struct plan *plan)
{
    struct plan_record *record;

    TAILQ_FOREACH (record, &agent->plans, link)
        if (record->binding == binding && record->state == PLAN_OPEN &&
            record->plan.expires_at > agent_now(agent) && same_change(&record->plan, plan))
            return record;
    return NULL;
}

/* A rotation moves the copy to the other slot, which a pinned binding forbids. */
static bool allows_rotation(const struct agent *agent, const struct binding *binding,
                            struct failure *why)
{
    if (agent->config->approver_count == 0)
        return failure_set(
            why, FAILURE_INVALID,
            "no approvers are configured, and nothing is ever changed without approval: "
            "add approval.approvers to the configuration");
    if (binding->config->slot != ANY_SLOT)
        return failure_set(why, FAILURE_INVALID,
                           "binding \"%s\" pins a slot, and a rotation moves the copy to the other "
                           "one: set slot: any to rotate it",
                           binding->config->name);
    return true;
}

static void describe(const struct agent *agent, const struct binding *binding, struct plan *plan,
                     struct text requester)
{
    plan->binding = text_of(binding->config->name);
    plan->source_id = text_of(binding->source->id);
    plan->address = text_of(binding->copy->address);
    plan->mount = text_of(binding->copy->mount);
    plan->path = text_of(binding->copy->path);
    plan->field = text_of(binding->copy->field);
    plan->requester = requester;
    plan->created_at = agent_now(agent);
    plan->expires_at = plan->created_at + (int64_t)agent->config->plan_life_ms;
}

struct plan_record *plan_make(struct agent *agent, struct binding *binding, enum plan_action action,
                              struct text requester, struct batch *batch, bool *is_new,
                              struct failure *why)
{
    struct plan plan = {0};
    struct plan_record *record;
    struct buffer canonical;

    *is_new = false;
    if (action == PLAN_ROTATE && !allows_rotation(agent, binding, why))
        return NULL;
    if (!plan_from_facts(&plan, action, &binding->source_fact, &binding->copy_fact,
                         binding->config->slot, why))
        return NULL;
    describe(agent, binding, &plan, requester);
    record = find_same(agent, binding, &plan);
    if (record)
        return record;
    buffer_init(&canonical, CANONICAL_LIMIT);
    if (!plan_canonical(&plan, &canonical)) {
        buffer_clear(&canonical);
        failure_set(why, FAILURE_INTERNAL, "the plan cannot be written down");
        return NULL;
    }
    record = record_of(agent, TEXT(""), buffer_take(&canonical), PLAN_OPEN, why);
    if (!record)
        return NULL;
    *is_new = true;
    TAILQ_INSERT_TAIL(&agent->plans, record, link);
    batch_add(batch, CHANGE_PUT, RECORD_PLAN, record->id, binding->config->name,
              record->plan.created_at, plan_record_body(record));
    batch_note(batch, record->id, record->plan.created_at, "proposed", "waits for approval");
    if (binding->incident)
        batch_note(batch, binding->incident->id, record->plan.created_at, "proposed", record->id);
    batch_audit(batch, agent, "plan_made", requester, binding->config->name, record->id,
                json_pack("{s:s}", "action", plan_action_name(action)));
    return record;
}

/* An alert must not send people to a plan that cannot be applied any more. */
static void withdraw_proposal(const struct plan_record *record)
{
    const struct incident *incident = record->binding ? record->binding->incident : NULL;

    if (incident && text_is(json_text_at(incident->body, "plan_id"), record->id))
        json_object_set_new(incident->body, "plan_id", json_null());
}

void plan_set_state(struct agent *agent, struct plan_record *record, enum plan_state state,
                    const char *why, struct batch *batch)
{
    int64_t now = agent_now(agent);

    record->state = state;
    if (state == PLAN_EXECUTING)
        record->begun_at = now;
    if (state == PLAN_SUPERSEDED || state == PLAN_EXPIRED || state == PLAN_NEEDS_HUMAN)
        withdraw_proposal(record);
    memory_free(record->why);
    record->why = why ? text_copy(text_of(why)) : NULL;
    batch_add(batch, CHANGE_PUT, RECORD_PLAN, record->id,
              record->binding ? record->binding->config->name : "", record->plan.created_at,
              plan_record_body(record));
    batch_note(batch, record->id, now, plan_state_name(state), why);
    if (record->binding && record->binding->incident)
        batch_note(batch, record->binding->incident->id, now, plan_state_name(state), why);
    batch_audit(
        batch, agent, "plan_state", text_of("keydrift"),
        record->binding ? record->binding->config->name : NULL, record->id,
        json_pack("{s:s,s:o}", "state", plan_state_name(state), "why", json_of_string(why)));
}

void plan_forget(struct agent *agent, struct plan_record *record)
{
    TAILQ_REMOVE(&agent->plans, record, link);
    plan_record_free(record);
}

void plans_review(struct agent *agent, struct binding *binding, struct batch *batch)
{
    struct plan_record *record, *next;
    struct failure why;

    for (record = TAILQ_FIRST(&agent->plans); record; record = next) {
        next = TAILQ_NEXT(record, link);
        if (record->binding != binding || record->state != PLAN_OPEN || binding->execution)
            continue;
        memset(&why, 0, sizeof(why));
        if (record->plan.expires_at <= agent_now(agent))
            plan_set_state(agent, record, PLAN_EXPIRED, "nobody applied it in time", batch);
        else if (!plan_is_current(&record->plan, &binding->source_fact, &binding->copy_fact,
                                  &why) &&
                 why.kind == FAILURE_CONFLICT)
            plan_set_state(agent, record, PLAN_SUPERSEDED, why.text, batch);
        else
            continue;
        plan_forget(agent, record);
    }
}

/* ---- the document ---------------------------------------------------------------------------- */

struct agent_command plan_next(const struct agent *agent, const struct plan_record *record)
{
    if (record->state == PLAN_OPEN && record->approvals < agent->config->approvals_required)
        return agent_command(agent, "approve %s --as NAME --key FILE", record->id);
    if (record->state == PLAN_OPEN && record->plan.action == PLAN_WRITE_BACK)
        return agent_command(agent, "apply %s", record->id);
    if (record->plan.action == PLAN_ROTATE &&
        (record->state == PLAN_OPEN || record->state == PLAN_EXECUTING))
        return agent_command(agent, "rotate %.*s", TEXT_ARG(record->plan.binding));
    if (record->state == PLAN_EXECUTING)
        return agent_command(agent, "apply %s", record->id);
    return agent_command(agent, "check %.*s", TEXT_ARG(record->plan.binding));
}

json_t *plan_document(const struct agent *agent, const struct plan_record *record)
{
    const struct plan *plan = &record->plan;
    struct agent_command next = plan_next(agent, record);
    json_t *version = plan->version.number ? json_integer(plan->version.number) : json_null();

    return json_pack(
        "{s:s,s:s,s:o,s:o,s:{s:o,s:o},s:{s:o},s:o,s:o,s:o,s:{s:i,s:i},s:s,s:o,s:o,s:{s:o,s:o,s:o,s:"
        "o},"
        "s:s}",
        "plan_id", record->id, "action", plan_action_name(plan->action), "binding",
        json_of_text(plan->binding), "slot", json_of_text(plan->slot), "old", "fingerprint",
        json_of_fingerprint(plan->old_state == COPY_PRESENT ? &plan->old : NULL), "version",
        version, "new", "fingerprint", json_of_fingerprint(plan->has_new ? &plan->new : NULL),
        "created_at", json_of_instant(plan->created_at), "expires_at",
        json_of_instant(plan->expires_at), "requester", json_of_text(plan->requester), "approvals",
        "required", (int)agent->config->approvals_required, "have", (int)record->approvals, "state",
        plan_state_name(record->state), "why", json_of_string(record->why), "source",
        json_of_text(plan->source_id), "copy", "address", json_of_text(plan->address), "mount",
        json_of_text(plan->mount), "path", json_of_text(plan->path), "field",
        json_of_text(plan->field), "next", next.text);
}
