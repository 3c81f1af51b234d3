/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that change nothing: checks, incidents, and one object with its timeline. */
#include "agent/daemon/api_calls.h"

#include "base/memory.h"

#include <stdio.h>
#include <string.h>

/* ---- check ----------------------------------------------------------------------------------- */

static void check_finish(struct api_call *call)
{
    if (call_interrupted(call))
        return;
    call_answer(call, 200, document_check(call->job.agent, call->bindings, call->binding_count));
}

static void on_checked(const struct check_result *result, void *context)
{
    struct api_call *call = context;

    for (size_t i = 0; i < call->binding_count; i++)
        if (call->bindings[i] == result->binding)
            call->checks[i] = NULL;
    /* Reads that confirm each other are the watcher's: they keep their distance in time. */
    if (!result->is_canceled && !call->job.agent->is_closing)
        watcher_check_soon(call->job.agent, result->binding,
                           result->binding->config->confirm_delay_ms);
    if (--call->pending == 0)
        check_finish(call);
}

static bool add_binding(struct api_call *call, struct text name, struct failure *why)
{
    struct binding *binding = find_binding(call->job.agent, name, why);

    if (!binding)
        return false;
    for (size_t i = 0; i < call->binding_count; i++)
        if (call->bindings[i] == binding)
            return true;
    call->bindings[call->binding_count++] = binding;
    return true;
}

static bool choose_bindings(struct api_call *call, struct failure *why)
{
    struct agent *agent = call->job.agent;
    json_t *names = json_at(call->body, "bindings"), *name;
    size_t index, room = agent->binding_count ? agent->binding_count : 1;

    call->bindings = memory_zeroed(room, sizeof(struct binding *));
    call->checks = memory_zeroed(room, sizeof(struct job *));
    if (!call->bindings || !call->checks)
        return failure_out_of_memory(why);
    if (json_array_size(names) == 0) {
        for (size_t i = 0; i < agent->binding_count; i++)
            call->bindings[call->binding_count++] = &agent->bindings[i];
        return true;
    }
    json_array_foreach (names, index, name) {
        struct text text = {json_string_value(name), json_string_length(name)};

        if (!add_binding(call, text, why))
            return false;
    }
    return true;
}

void call_check(struct api_call *call)
{
    struct failure why = {0};
    size_t started = 0;

    if (!choose_bindings(call, &why)) {
        call_fail(call, &why);
        return;
    }
    for (size_t i = 0; i < call->binding_count; i++) {
        call->checks[i] = check_start(call->job.agent, call->bindings[i], true, on_checked, call);
        if (call->checks[i])
            started++;
    }
    call->pending = started;
    if (started == 0)
        check_finish(call);
}

/* ---- incidents ------------------------------------------------------------------------------- */

static struct operation *query(struct api_call *call, enum record_kind kind, struct text id,
                               struct text parent, bool is_prefix, size_t newest,
                               records_done *done)
{
    struct state_store *store = call->job.agent->settings.store;
    struct record_query request = {
        .kind = kind, .id = id, .parent = parent, .is_prefix = is_prefix, .newest = newest};

    return store ? store->query(store, &request, done, call) : NULL;
}

static bool has_store(struct api_call *call)
{
    if (call->job.agent->settings.store)
        return true;
    call_refuse(call, 503, FAILURE_INTERNAL, "%s", call->job.agent->settings.store_why);
    return false;
}

static void began(struct api_call *call)
{
    if (!call->operation)
        call_refuse(call, 500, FAILURE_INTERNAL, "out of memory");
}

static void on_incidents(const struct record *records, size_t count, const struct failure *failure,
                         void *context)
{
    struct api_call *call = context;
    json_t *list = json_array();

    call->operation = NULL;
    if (call_interrupted(call)) {
        json_decref(list);
        return;
    }
    if (failure) {
        json_decref(list);
        call_fail(call, failure);
        return;
    }
    for (size_t i = count; i > 0; i--) {
        json_t *body = json_read_object(records[i - 1].body, NULL);

        if (call->wants_open && json_text_at(body, "resolved_at").start)
            json_decref(body);
        else if (body)
            json_array_append_new(list, body);
    }
    call_answer(call, 200, json_pack("{s:o}", "incidents", list));
}

void call_incidents(struct api_call *call)
{
    if (!has_store(call))
        return;
    call->operation = query(call, RECORD_INCIDENT, TEXT(""), TEXT(""), false, 200, on_incidents);
    began(call);
}

/* ---- one object ------------------------------------------------------------------------------ */

static void on_timeline(const struct record *records, size_t count, const struct failure *failure,
                        void *context)
{
    struct api_call *call = context;
    json_t *timeline;

    call->operation = NULL;
    if (call_interrupted(call))
        return;
    if (failure) {
        call_fail(call, failure);
        return;
    }
    timeline = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *entry = json_read_object(records[i].body, NULL);

        if (entry)
            json_array_append_new(timeline, entry);
    }
    json_object_set_new(call->document, "timeline", timeline);
    call_answer(call, 200, json_incref(call->document));
}

static void read_timeline(struct api_call *call, struct text id, const char *type)
{
    json_object_set_new(call->document, "type", json_string(type));
    call->operation = query(call, RECORD_TIMELINE, TEXT(""), id, false, 1000, on_timeline);
    began(call);
}

static bool only_one(struct api_call *call, size_t count, const struct failure *failure)
{
    if (failure)
        call_fail(call, failure);
    else if (count > 1)
        call_refuse(call, 400, FAILURE_INVALID,
                    "\"%s\" is the beginning of %zu ids: give more of it", call->id, count);
    return !failure && count <= 1;
}

static void on_plan(const struct record *records, size_t count, const struct failure *failure,
                    void *context)
{
    struct api_call *call = context;
    struct agent *agent = call->job.agent;
    struct plan_record *plan;
    struct failure why = {0};

    call->operation = NULL;
    if (call_interrupted(call) || !only_one(call, count, failure))
        return;
    if (count == 0) {
        call_refuse(call, 404, FAILURE_NOT_FOUND, "no incident or plan \"%s\" is known here",
                    call->id);
        return;
    }
    plan = plan_record_load(agent, records[0].id, records[0].body, &why);
    if (!plan) {
        call_fail(call, &why);
        return;
    }
    if (plan_find(agent, records[0].id))
        plan->approvals = plan_find(agent, records[0].id)->approvals;
    call->document = plan_document(agent, plan);
    plan_record_free(plan);
    read_timeline(call, records[0].id, "plan");
}

static void on_incident(const struct record *records, size_t count, const struct failure *failure,
                        void *context)
{
    struct api_call *call = context;

    call->operation = NULL;
    if (call_interrupted(call) || !only_one(call, count, failure))
        return;
    if (count == 0) {
        call->operation = query(call, RECORD_PLAN, text_of(call->id), TEXT(""), true, 2, on_plan);
        began(call);
        return;
    }
    call->document = json_read_object(records[0].body, NULL);
    if (!call->document) {
        call_refuse(call, 500, FAILURE_INTERNAL, "incident %.*s in the state is damaged",
                    TEXT_ARG(records[0].id));
        return;
    }
    read_timeline(call, records[0].id, "incident");
}

void call_show(struct api_call *call, struct text id)
{
    if (!has_store(call))
        return;
    if (id.size < 4 || id.size >= sizeof(call->id)) {
        call_refuse(call, 400, FAILURE_INVALID,
                    "\"%.*s\" is not an id: at least 4 characters of one",
                    TEXT_ARG(text_part(id, 0, 80)));
        return;
    }
    snprintf(call->id, sizeof(call->id), "%.*s", TEXT_ARG(id));
    call->operation = query(call, RECORD_INCIDENT, id, TEXT(""), true, 2, on_incident);
    began(call);
}
