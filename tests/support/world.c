/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/world.h"

#include "net/json.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEPS_MAX 1000000

static struct config_binding binding_of(char *name)
{
    static char empty_object[] = "{}", json_type[] = "application/json";

    return (struct config_binding){.name = name,
                                   .slot = ANY_SLOT,
                                   .interval_ms = 60 SECONDS,
                                   .on_drift = ON_DRIFT_PROPOSE,
                                   .probe_score = true,
                                   .probe_body = empty_object,
                                   .probe_content_type = json_type,
                                   .confirm = 2,
                                   .confirm_delay_ms = 2 SECONDS};
}

struct world *world_new(void)
{
    static char nachet[] = "nachet", other[] = "seedling";
    struct world *world = calloc(1, sizeof(*world));

    assert(world);
    fake_clock_init(&world->clock);
    fake_store_init(&world->store, &world->clock);
    fake_approvals_init(&world->approvals);
    fake_sink_init(&world->sinks[0], &world->clock, "plain", 0);
    fake_sink_init(&world->sinks[1], &world->clock, "forgetful", 60 SECONDS);
    world->bindings[0] = binding_of(nachet);
    world->bindings[1] = binding_of(other);
    for (size_t i = 0; i < 2; i++) {
        fake_source_init(&world->sources[i], &world->clock);
        fake_copy_init(&world->copies[i], &world->clock);
        world->ports[i] = (struct agent_ports){&world->sources[i].port, &world->copies[i].port};
        world->sink_ports[i] = &world->sinks[i].port;
    }
    world->approvers[0].name = "ana";
    world->approvers[1].name = "bo";
    world->config = (struct config){.bindings = world->bindings,
                                    .binding_count = 1,
                                    .alert_repeat_ms = 4 HOURS,
                                    .alert_blind_after_ms = 5 MINUTES,
                                    .approvers = world->approvers,
                                    .approver_count = 2,
                                    .approvals_required = 1,
                                    .plan_life_ms = 24 HOURS,
                                    .rotation_confirm_ms = 5 MINUTES,
                                    .rotation_resend_ms = 30 MINUTES};
    return world;
}

struct world *world_free(struct world *world)
{
    if (world->agent)
        world_stop(world);
    world_answer_clear(&world->answer);
    fake_sink_clear(&world->sinks[0]);
    fake_sink_clear(&world->sinks[1]);
    fake_store_clear(&world->store);
    fake_clock_clear(&world->clock);
    free(world);
    return NULL;
}

/* ---- the agent's life ------------------------------------------------------------------------ */

static void on_ready(const struct failure *failure, void *context)
{
    struct world *world = context;

    assert(!world->is_ready);
    world->is_ready = true;
    world->ready_failure = failure ? *failure : (struct failure){0};
}

static bool step(struct world *world)
{
    bool is_moving = fake_clock_step(&world->clock);

    return is_moving && !world->clock.is_stopped;
}

bool world_start(struct world *world, bool watches)
{
    struct agent_settings settings = {.config = &world->config,
                                      .clock = &world->clock.clock,
                                      .store = world->has_no_store ? NULL : &world->store.port,
                                      .store_why = world->has_no_store ? "no state here" : NULL,
                                      .approvals = &world->approvals.port,
                                      .ports = world->ports,
                                      .sinks = world->sink_ports,
                                      .sink_count = 2,
                                      .command = "keydrift -c k.yaml"};

    assert(!world->agent);
    world->is_ready = world->is_closed = false;
    world->agent = agent_open(&settings, on_ready, world);
    assert(world->agent && !world->is_ready);
    while (!world->is_ready && !world->clock.is_dead)
        if (!step(world))
            break;
    if (world->clock.is_dead || world->clock.is_stopped || !world->is_ready)
        return false;
    if (watches && !world->ready_failure.kind)
        agent_watch(world->agent);
    return true;
}

bool world_run(struct world *world, int64_t ms)
{
    return !world->clock.is_dead && fake_clock_run_until(&world->clock, world->clock.now + ms);
}

static void on_closed(void *context)
{
    struct world *world = context;

    assert(!world->is_closed);
    world->is_closed = true;
}

int64_t world_stop(struct world *world)
{
    int64_t began_at = world->clock.now;
    unsigned steps = 0;

    world->clock.stop_at = 0;
    world->clock.is_stopped = false;
    agent_close(world->agent, on_closed, world);
    assert(!world->is_closed);
    while (!world->is_closed && steps++ < STEPS_MAX && fake_clock_step(&world->clock))
        ;
    assert(world->is_closed);
    world->agent = NULL;
    return world->clock.now - began_at;
}

void world_bury(struct world *world)
{
    world->clock.is_dead = true;
    world_stop(world);
    world_answer_clear(&world->answer);
    world->store.is_locked = false;
    world->clock.crash_at = 0;
    world->clock.is_dead = false;
}

/* ---- requests -------------------------------------------------------------------------------- */

static void on_answer(int status, struct text json, void *context)
{
    struct world_answer *answer = context;

    assert(!answer->is_done);
    answer->is_done = true;
    answer->operation = NULL;
    answer->status = status;
    answer->document = json_loadb(json.start, json.size, 0, NULL);
    assert(answer->document);
}

void world_ask_with(struct world *world, struct world_answer *answer, const char *method,
                    const char *path, const char *query, const char *requester, const char *body)
{
    struct api_request request = {.method = text_of(method),
                                  .path = text_of(path),
                                  .query = text_of(query),
                                  .requester = text_of(requester),
                                  .body = text_of(body)};
    struct api *api = agent_api(world->agent);

    *answer = (struct world_answer){0};
    answer->operation = api->handle(api, &request, on_answer, answer);
    assert(answer->operation && !answer->is_done);
}

void world_ask(struct world *world, struct world_answer *answer, const char *method,
               const char *path, const char *requester, const char *body)
{
    world_ask_with(world, answer, method, path, NULL, requester, body);
}

bool world_wait(struct world *world, struct world_answer *answer)
{
    int64_t until = world->clock.now + 1 HOURS;

    while (!answer->is_done && !world->clock.is_dead && world->clock.now < until)
        if (!step(world))
            break;
    return answer->is_done && !world->clock.is_dead;
}

int world_call(struct world *world, struct world_answer *answer, const char *method,
               const char *path, const char *requester, const char *body)
{
    world_ask(world, answer, method, path, requester, body);
    return world_wait(world, answer) ? answer->status : 0;
}

void world_answer_clear(struct world_answer *answer)
{
    json_decref(answer->document);
    *answer = (struct world_answer){0};
}

bool world_plan(struct world *world, const char *action, char id[PLAN_ID_SIZE])
{
    struct world_answer *answer = &world->answer;
    char body[200];
    int status;

    snprintf(body, sizeof(body), "{\"binding\":\"nachet\",\"action\":\"%s\"}", action);
    status = world_call(world, answer, "POST", "/v1/plans", "dev", body);
    if (status)
        snprintf(id, PLAN_ID_SIZE, "%s", json_string_in(answer->document, "plan_id"));
    if (answer->is_done)
        world_answer_clear(answer);
    return status == 200 || status == 201;
}

void world_token(struct world *world, const char *plan_id, const char *approver,
                 char out[FAKE_TOKEN_SIZE])
{
    char id[32];

    snprintf(id, sizeof(id), "token-%u", ++world->tokens);
    fake_token(out, plan_id, approver, id, world->clock.now - 1000, world->clock.now + 1 HOURS,
               "ok");
}

int world_apply(struct world *world, const char *plan_id, struct world_answer *answer)
{
    char path[120], token[FAKE_TOKEN_SIZE], body[400];

    world_token(world, plan_id, "ana", token);
    snprintf(path, sizeof(path), "/v1/plans/%s/apply", plan_id);
    snprintf(body, sizeof(body), "{\"tokens\":[\"%s\"]}", token);
    return world_call(world, answer, "POST", path, "dev", body);
}

/* ---- looking at what is stored --------------------------------------------------------------- */

const char *json_string_in(const json_t *json, const char *path)
{
    const char *string = json_string_value(json_at(json, path));

    return string ? string : "";
}

const char *world_plan_state(const struct world *world, const char *plan_id)
{
    static char state[32];

    snprintf(state, sizeof(state), "none");
    for (size_t i = 0; i < world->store.count; i++) {
        const struct fake_record *record = &world->store.records[i];
        json_t *body;

        if (record->kind != RECORD_PLAN || strcmp(record->id, plan_id) != 0)
            continue;
        body = json_loads(record->body, 0, NULL);
        snprintf(state, sizeof(state), "%s", json_string_in(body, "state"));
        json_decref(body);
    }
    return state;
}

const char *world_journal(const struct world *world, const char *plan_id)
{
    static char steps[2000];
    size_t used = 0, count = fake_store_count(&world->store, RECORD_JOURNAL, plan_id);

    steps[0] = '\0';
    for (size_t i = 0; i < count && used < sizeof(steps) - 40; i++) {
        json_t *body = fake_store_body(&world->store, RECORD_JOURNAL, plan_id, i);

        used += (size_t)snprintf(steps + used, sizeof(steps) - used, "%s%s", i ? " " : "",
                                 json_string_in(body, "step"));
        json_decref(body);
    }
    return steps;
}
