/* SPDX-License-Identifier: Apache-2.0 */
/* The life of an agent: load what the store remembers, run, and close when nothing is under way. */
#include "agent/daemon/internal.h"

#include "agent/daemon/log.h"
#include "base/memory.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define RESUME_AGAIN_MS 300000 /* a plan that had to stop is tried again so often */

int64_t agent_now(const struct agent *agent)
{
    return agent->clock->now(agent->clock);
}

int64_t agent_steady(const struct agent *agent)
{
    return agent->clock->steady(agent->clock);
}

struct binding *agent_binding_named(struct agent *agent, struct text name)
{
    for (size_t i = 0; i < agent->binding_count; i++)
        if (text_is(name, agent->bindings[i].config->name))
            return &agent->bindings[i];
    return NULL;
}

struct agent_command agent_command(const struct agent *agent, const char *format, ...)
{
    struct agent_command command;
    va_list arguments;
    int size = snprintf(command.text, sizeof(command.text), "%s ", agent->settings.command);

    if (size < 0 || (size_t)size >= sizeof(command.text))
        return command;
    va_start(arguments, format);
    vsnprintf(command.text + size, sizeof(command.text) - (size_t)size, format, arguments);
    va_end(arguments);
    return command;
}

/* ---- jobs ------------------------------------------------------------------------------------ */

void job_begin(struct job *job, struct agent *agent, void (*cancel)(struct job *job))
{
    job->agent = agent;
    job->cancel = cancel;
    TAILQ_INSERT_TAIL(&agent->jobs, job, link);
}

void job_end(struct job *job)
{
    struct agent *agent = job->agent;

    TAILQ_REMOVE(&agent->jobs, job, link);
    agent_settle(agent);
}

/* ---- loading --------------------------------------------------------------------------------- */

struct loading {
    struct job job; /* first */
    struct operation *query;
    unsigned step;
};

/* A record that nobody can read is told and passed over; whatever else keeps us from reading ends
 * the start. */
static bool pass_over(const struct record *record, const char *what, const struct failure *damage,
                      struct failure *why)
{
    if (damage->kind != FAILURE_PROTOCOL) {
        *why = *damage;
        return false;
    }
    log_error("damaged state", FIELD("record", what), FIELD_TEXT("id", record->id),
              FIELD("why", damage->text));
    return true;
}

static bool load_binding(struct agent *agent, const struct record *record, struct failure *why)
{
    struct binding *binding = agent_binding_named(agent, record->id);
    cleanup_with(json_clean) json_t *body = NULL;
    struct failure damage = {0};

    if (!binding)
        return true; /* no longer configured */
    body = json_read_object(record->body, &damage);
    if (body && binding_restore(binding, body))
        return true;
    if (body)
        failure_set(&damage, FAILURE_PROTOCOL, "it names no known state or verdict");
    return pass_over(record, "binding", &damage, why); /* looked at as for the first time */
}

static bool load_incident(struct agent *agent, const struct record *record, struct failure *why)
{
    struct binding *binding = agent_binding_named(agent, record->parent);
    struct failure damage = {0};
    struct incident *incident = incident_load(record->id, record->body, &damage);

    if (!incident)
        return pass_over(record, "incident", &damage, why);
    if (!binding || json_at(incident->body, "resolved_at") == NULL ||
        !json_is_null(json_at(incident->body, "resolved_at"))) {
        incident_free(incident);
        return true;
    }
    incident_free(binding->incident);
    binding->incident = incident;
    if (binding->watch.state == INCIDENT_HEALTHY || binding->watch.state == INCIDENT_SUSPECTED) {
        /* Its end could not be written: the reads will end it again. */
        binding->watch.state = INCIDENT_OPEN;
        binding->watch.since = json_integer_at(incident->body, "since_ms", 0);
    }
    if (incident_is_told(incident) && json_is_null(json_at(incident->body, "regenerated")))
        binding->culprit_due_at = agent_now(agent);
    return true;
}

/* What is in trouble without an incident would never be told: it is found anew. */
static void drop_troubles_without_incident(struct agent *agent)
{
    for (size_t i = 0; i < agent->binding_count; i++) {
        struct binding *binding = &agent->bindings[i];

        if (!binding->incident && binding->watch.state != INCIDENT_SUSPECTED) {
            binding->watch.state = INCIDENT_HEALTHY;
            binding->watch.since = 0;
            binding->watch.run = 0;
        }
    }
}

/* It is never used. One that may have been under way keeps its binding from being changed: nobody
 * can tell any more what it did. */
static void plan_is_damaged(struct agent *agent, const struct record *record,
                            const struct failure *why)
{
    struct binding *binding = agent_binding_named(agent, record->parent);
    cleanup_with(json_clean) json_t *body = json_read_object(record->body, NULL);
    enum plan_state state;
    bool is_known = body && plan_state_parse(json_text_at(body, "state"), &state);

    log_error("damaged plan", FIELD_TEXT("plan", record->id), FIELD_TEXT("binding", record->parent),
              FIELD_TEXT("state", is_known ? json_text_at(body, "state") : TEXT("unknown")),
              FIELD("why", why->text));
    if (binding && (!is_known || state == PLAN_EXECUTING))
        snprintf(binding->damaged_plan, sizeof(binding->damaged_plan), "%.*s",
                 TEXT_ARG(record->id));
}

static bool load_plan(struct agent *agent, const struct record *record, struct failure *why)
{
    struct failure damage = {0};
    struct plan_record *plan = plan_record_load(agent, record->id, record->body, &damage);

    if (!plan && damage.kind != FAILURE_PROTOCOL) {
        *why = damage;
        return false;
    }
    if (!plan) {
        plan_is_damaged(agent, record, &damage);
        return true;
    }
    if (!plan->binding && plan->state == PLAN_EXECUTING)
        log_error("interrupted plan cannot go on", FIELD("plan", plan->id),
                  FIELD("why", "the configuration no longer has its binding"));
    if (plan->binding && (plan->state == PLAN_OPEN || plan->state == PLAN_EXECUTING))
        TAILQ_INSERT_TAIL(&agent->plans, plan, link);
    else
        plan_record_free(plan);
    return true;
}

static bool load_approval(struct agent *agent, const struct record *record, struct failure *why)
{
    struct plan_record *plan = plan_find(agent, record->parent);

    (void)why;
    if (plan && plan->state == PLAN_OPEN)
        plan->approvals++; /* apply counts exactly; this is for the documents */
    return true;
}

static bool load_outbox(struct agent *agent, const struct record *record, struct failure *why)
{
    struct failure damage = {0};
    json_t *body = json_read_object(record->body, &damage);

    if (!body)
        return pass_over(record, "alert to be delivered", &damage, why);
    outbox_take(agent->outbox, record->id, record->parent, body, true);
    return true;
}

static const struct {
    enum record_kind kind;
    bool (*load)(struct agent *agent, const struct record *record, struct failure *why);
} loads[] = {
    {RECORD_BINDING, load_binding},   {RECORD_INCIDENT, load_incident}, {RECORD_PLAN, load_plan},
    {RECORD_APPROVAL, load_approval}, {RECORD_OUTBOX, load_outbox},
};
#define LOADS (sizeof(loads) / sizeof(loads[0]))

static void load_next(struct loading *loading);

static void loading_end(struct loading *loading, const struct failure *failure)
{
    struct agent *agent = loading->job.agent;

    agent->ready(failure, agent->ready_context);
    job_end(&loading->job);
    memory_free(loading);
}

static void on_records(const struct record *records, size_t count, const struct failure *failure,
                       void *context)
{
    struct loading *loading = context;
    struct agent *agent = loading->job.agent;
    struct failure why = {0};

    loading->query = NULL;
    for (size_t i = 0; !failure && i < count; i++)
        if (!loads[loading->step].load(agent, &records[i], &why))
            failure = &why;
    if (failure) {
        loading_end(loading, failure);
        return;
    }
    loading->step++;
    load_next(loading);
}

static void on_loaded(const struct failure *failure, void *context)
{
    struct loading *loading = context;

    struct failure why = {0};

    loading->query = NULL;
    if (!failure && loading->job.agent->is_closing) {
        failure_set(&why, FAILURE_CANCELED, "closed while it was starting");
        failure = &why;
    }
    if (!failure)
        drop_troubles_without_incident(loading->job.agent);
    loading_end(loading, failure);
}

static void load_next(struct loading *loading)
{
    struct agent *agent = loading->job.agent;
    struct state_store *store = agent->settings.store;
    struct failure why = {0};

    if (!store || loading->step == LOADS || agent->is_closing) {
        loading->query = agent->clock->after(agent->clock, 0, on_loaded, loading);
    } else {
        struct record_query query = {.kind = loads[loading->step].kind};

        loading->query = store->query(store, &query, on_records, loading);
    }
    if (!loading->query) {
        failure_out_of_memory(&why);
        loading_end(loading, &why);
    }
}

static void loading_cancel(struct job *job)
{
    operation_cancel(((struct loading *)job)->query);
}

/* ---- life ------------------------------------------------------------------------------------ */

static bool bindings_init(struct agent *agent)
{
    size_t count = agent->config->binding_count;

    agent->binding_count = count;
    agent->bindings = memory_zeroed(count ? count : 1, sizeof(*agent->bindings));
    agent->schedule_room = memory_zeroed(count ? count : 1, sizeof(*agent->schedule_room));
    if (!agent->bindings || !agent->schedule_room)
        return false;
    schedule_init(&agent->schedule, agent->schedule_room, count);
    for (size_t i = 0; i < count; i++) {
        struct binding *binding = &agent->bindings[i];

        binding->config = &agent->config->bindings[i];
        binding->source = agent->settings.ports[i].source;
        binding->copy = agent->settings.ports[i].copy;
        binding->due.place = SCHEDULE_NOWHERE;
        binding->judgement = (struct judgement){VERDICT_UNKNOWN, ANY_SLOT};
    }
    return true;
}

static void agent_free(struct agent *agent)
{
    struct plan_record *plan;

    for (size_t i = 0; agent->bindings && i < agent->binding_count; i++) {
        memory_free(agent->bindings[i].source_why);
        memory_free(agent->bindings[i].copy_why);
        incident_free(agent->bindings[i].incident);
        incident_free(agent->bindings[i].closed);
    }
    while ((plan = TAILQ_FIRST(&agent->plans)))
        plan_forget(agent, plan);
    outbox_free(agent->outbox);
    memory_free(agent->bindings);
    memory_free(agent->schedule_room);
    memory_free(agent->store_why);
    memory_free(agent);
}

struct agent *agent_open(const struct agent_settings *settings, operation_done *ready,
                         void *context)
{
    struct agent *agent = memory_zeroed(1, sizeof(*agent));
    struct loading *loading = memory_zeroed(1, sizeof(*loading));

    if (!agent || !loading) {
        memory_free(agent);
        memory_free(loading);
        return NULL;
    }
    agent->settings = *settings;
    agent->config = settings->config;
    agent->clock = settings->clock;
    agent->ready = ready;
    agent->ready_context = context;
    TAILQ_INIT(&agent->jobs);
    TAILQ_INIT(&agent->plans);
    agent->started_at = agent_now(agent);
    agent->outbox = outbox_open(agent);
    api_init(agent);
    if (!agent->outbox || !bindings_init(agent)) {
        memory_free(loading);
        agent_free(agent);
        return NULL;
    }
    loading->job.agent = agent;
    job_begin(&loading->job, agent, loading_cancel);
    loading->query = NULL;
    if (settings->store) {
        struct record_query query = {.kind = loads[0].kind};

        loading->query = settings->store->query(settings->store, &query, on_records, loading);
    } else {
        loading->query = agent->clock->after(agent->clock, 0, on_loaded, loading);
    }
    if (!loading->query) {
        TAILQ_REMOVE(&agent->jobs, &loading->job, link);
        memory_free(loading);
        agent_free(agent);
        return NULL;
    }
    return agent;
}

static void on_resumed(struct agent *agent, const char *plan_id, struct binding *binding,
                       const struct execution_outcome *outcome, void *context)
{
    (void)context;
    log_info("interrupted plan ended", FIELD("plan", plan_id),
             FIELD("binding", binding->config->name),
             FIELD("state", plan_state_name(outcome->state)), FIELD("why", outcome->why));
    agent_resume(agent); /* there may be another */
}

void agent_resume(struct agent *agent)
{
    struct plan_record *plan;
    struct failure why = {0};

    if (agent->executing || agent->is_closing || !agent->is_watching)
        return;
    TAILQ_FOREACH (plan, &agent->plans, link) {
        if (plan->state != PLAN_EXECUTING || plan->resume_at > agent_now(agent))
            continue;
        plan->resume_at = agent_now(agent) + RESUME_AGAIN_MS;
        if (execution_start(agent, plan, NULL, 0, on_resumed, NULL, &why))
            return;
        log_error("interrupted plan cannot go on", FIELD("plan", plan->id), FIELD("why", why.text));
    }
}

static bool has_plan_under_way(const struct agent *agent, const struct binding *binding)
{
    const struct plan_record *plan;

    TAILQ_FOREACH (plan, &agent->plans, link)
        if (plan->binding == binding && plan->state == PLAN_EXECUTING)
            return true;
    return false;
}

/* The plan ended, but the incident's part of that could not be written. */
static void end_lost_repairs(struct agent *agent)
{
    for (size_t i = 0; i < agent->binding_count; i++) {
        struct binding *binding = &agent->bindings[i];

        if (binding->watch.state == INCIDENT_REPAIRING && !has_plan_under_way(agent, binding) &&
            !binding->damaged_plan[0])
            incident_on_repair(agent, binding, EVENT_REPAIR_SUCCEEDED,
                               "the repair has ended; both sides are looked at again");
    }
}

static void report_damaged_plans(struct agent *agent)
{
    char text[400];

    for (size_t i = 0; i < agent->binding_count; i++) {
        struct binding *binding = &agent->bindings[i];

        if (!binding->damaged_plan[0])
            continue;
        snprintf(text, sizeof(text),
                 "the record of plan %s, which may have been under way, is damaged: compare both "
                 "sides by hand; nothing is changed here while that record is in the state",
                 binding->damaged_plan);
        incident_on_repair(agent, binding, EVENT_REPAIR_FAILED, text);
    }
}

void agent_watch(struct agent *agent)
{
    outbox_run(agent->outbox);
    watcher_start(agent);
    end_lost_repairs(agent);
    report_damaged_plans(agent);
    agent_resume(agent);
}

struct api *agent_api(struct agent *agent)
{
    return &agent->api;
}

bool agent_is_executing(const struct agent *agent)
{
    return agent->executing != NULL;
}

void agent_settle(struct agent *agent)
{
    void (*closed)(void *) = agent->closed;
    void *context = agent->closed_context;

    if (!agent->is_closing || !TAILQ_EMPTY(&agent->jobs) || agent->timer)
        return;
    agent_free(agent);
    if (closed)
        closed(context);
}

/* Closing waits for the clock's next turn at least, so that `closed` never runs inside
 * agent_close(). */
struct closing {
    struct job job; /* first */
};

static void on_closing(const struct failure *unused, void *context)
{
    struct closing *closing = context;

    (void)unused;
    job_end(&closing->job);
    memory_free(closing);
}

static void closing_cancel(struct job *job)
{
    (void)job;
}

void agent_close(struct agent *agent, void (*closed)(void *context), void *context)
{
    struct closing *closing = memory_zeroed(1, sizeof(*closing));
    struct job *job, *next;

    assert(!agent->is_closing);
    agent->is_closing = true;
    agent->closed = closed;
    agent->closed_context = context;
    watcher_stop(agent);
    for (job = TAILQ_FIRST(&agent->jobs); job; job = next) {
        next = TAILQ_NEXT(job, link);
        job->cancel(job);
    }
    if (closing && agent->clock->after(agent->clock, 0, on_closing, closing)) {
        job_begin(&closing->job, agent, closing_cancel);
        return;
    }
    memory_free(closing);
    agent_settle(agent);
}
