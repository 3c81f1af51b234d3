/* SPDX-License-Identifier: Apache-2.0 */
/* The requests every way in shares: what they answer, what bad ones get, and what canceling one
 * stops. */
#include "tests/support/test.h"
#include "tests/support/world.h"

#include "net/json.h"

#include <stdlib.h>
#include <string.h>

static struct world *started_world(bool watches)
{
    struct world *world = world_new();

    world->config.binding_count = 2;
    assert_true(world_start(world, watches));
    return world;
}

static const struct bad_request {
    const char *method, *path, *body;
    int status, exit;
    const char *kind, *text;
} bad_requests[] = {
    {"GET", "/", NULL, 404, 1, "not_found", "there is no GET / here"},
    {"GET", "/v2/status", NULL, 404, 1, "not_found", "/v2/status"},
    {"POST", "/v1/status", NULL, 404, 1, "not_found", "there is no POST /v1/status"},
    {"DELETE", "/v1/incidents", NULL, 404, 1, "not_found", "DELETE"},
    {"GET", "/v1/objects/", NULL, 404, 1, "not_found", "/v1/objects/"},
    {"POST", "/v1/plans/a/b/apply", NULL, 404, 1, "not_found", ""},
    {"POST", "/v1/plans", "{", 400, 2, "invalid", "the body of the request"},
    {"POST", "/v1/plans", "[]", 400, 2, "invalid", "the body of the request"},
    {"POST", "/v1/plans", "{\"binding\":\"a\",\"binding\":\"b\"}", 400, 2, "invalid", "body"},
    {"POST", "/v1/check", "nonsense", 400, 2, "invalid", "the body of the request"},
    {"POST", "/v1/plans", NULL, 400, 2, "invalid", "no binding \"\""},
    {"POST", "/v1/plans", "{\"binding\":\"nachett\"}", 400, 2, "invalid",
     "did you mean \"nachet\""},
    {"POST", "/v1/rotate", "{\"binding\":\"seedlng\"}", 400, 2, "invalid",
     "did you mean \"seedling\""},
    {"POST", "/v1/check", "{\"bindings\":[\"nacht\"]}", 400, 2, "invalid",
     "did you mean \"nachet\""},
    {"POST", "/v1/check", "{\"bindings\":[\"unheard-of\"]}", 400, 2, "invalid", "no binding"},
    {"POST", "/v1/check", "{\"bindings\":[7]}", 400, 2, "invalid", "no binding"},
    {"POST", "/v1/plans", "{\"binding\":\"nachet\",\"action\":\"restore\"}", 400, 2, "invalid",
     "no action \"restore\""},
    {"GET", "/v1/objects/abc", NULL, 400, 2, "invalid", "not an id"},
    {"GET", "/v1/objects/abcd", NULL, 404, 1, "not_found", "no incident or plan"},
    {"POST", "/v1/plans/abcd/apply", NULL, 404, 1, "not_found", "no plan"},
    {"POST", "/v1/plans/abc/apply", NULL, 400, 2, "invalid", "not a plan id"},
    {"POST", "/v1/plans/abcd/approvals", "{}", 400, 2, "invalid", "token"},
    {"POST", "/v1/plans/abcd/approvals", "{\"token\":7}", 400, 2, "invalid", "token"},
    {"POST", "/v1/rotate", "{\"binding\":\"nachet\",\"dry_run\":true}", 400, 2, "invalid",
     "--dry-run"},
    {"POST", "/v1/rotate", "{\"binding\":\"nachet\",\"tokens\":[\"x\"]}", 409, 1, "conflict",
     "no open rotation"},
};

TEST(each_bad_request_gets_one_sentence_and_changes_nothing)
{
    struct world *world = started_world(false);

    for (size_t i = 0; i < sizeof(bad_requests) / sizeof(*bad_requests); i++) {
        const struct bad_request *bad = &bad_requests[i];
        struct world_answer answer;
        int status = world_call(world, &answer, bad->method, bad->path, "dev", bad->body);

        if (status != bad->status || json_integer_at(answer.document, "exit", -1) != bad->exit ||
            strcmp(json_string_in(answer.document, "error.kind"), bad->kind) != 0 ||
            !strstr(json_string_in(answer.document, "error.text"), bad->text))
            fail_msg("line %zu: %d, exit %d, %s: %s", i, status,
                     (int)json_integer_at(answer.document, "exit", -1),
                     json_string_in(answer.document, "error.kind"),
                     json_string_in(answer.document, "error.text"));
        world_answer_clear(&answer);
    }
    assert_int_equal(world->store.count, 0);
    world_free(world);
}

TEST(check_reads_both_sides_of_what_is_asked_for)
{
    struct world *world = started_world(false);
    struct world_answer answer;

    fake_source_regenerate(&world->sources[1], 0, "ana@example.org");
    assert_int_equal(world_call(world, &answer, "POST", "/v1/check", "dev", NULL), 200);
    assert_int_equal(json_integer_at(answer.document, "in_sync", -1), 1);
    assert_int_equal(json_integer_at(answer.document, "not_in_sync", -1), 1);
    assert_int_equal(json_integer_at(answer.document, "exit", -1), 1);
    assert_int_equal(json_array_size(json_object_get(answer.document, "bindings")), 2);
    world_answer_clear(&answer);
    assert_int_equal(world_call(world, &answer, "POST", "/v1/check", "dev",
                                "{\"bindings\":[\"nachet\",\"nachet\"]}"),
                     200);
    assert_int_equal(json_array_size(json_object_get(answer.document, "bindings")), 1);
    assert_string_equal(
        json_string_in(json_array_get(json_object_get(answer.document, "bindings"), 0),
                       "matched_slot"),
        "primary");
    assert_int_equal(json_integer_at(answer.document, "exit", -1), 0);
    world_answer_clear(&answer);
    fake_fail(&world->clock, (struct fake_fault){"copy.read", 0, FAILURE_NETWORK});
    assert_int_equal(world_call(world, &answer, "POST", "/v1/check", "dev", NULL), 200);
    assert_int_equal(json_integer_at(answer.document, "unknown", -1), 2);
    assert_int_equal(json_integer_at(answer.document, "exit", -1), 2);
    world_answer_clear(&answer);
    world_free(world);
}

static const char *access_of(const struct world_answer *answer, unsigned binding,
                             const char *member)
{
    const json_t *list = json_object_get(answer->document, "bindings");

    assert_int_equal(json_array_size(list), 2);
    return json_string_in(json_array_get(list, binding), member);
}

TEST(access_asks_both_sides_of_every_binding_and_changes_nothing)
{
    struct world *world = started_world(false);
    struct world_answer answer;

    assert_int_equal(world_call(world, &answer, "POST", "/v1/access", "dev", NULL), 200);
    assert_int_equal(json_integer_at(answer.document, "exit", -1), 0);
    assert_string_equal(access_of(&answer, 1, "source.why"), "");
    assert_string_equal(access_of(&answer, 1, "vault.why"), "");
    world_answer_clear(&answer);

    world->copies[1].may_not_write = true;
    assert_int_equal(world_call(world, &answer, "POST", "/v1/access", "dev", NULL), 200);
    assert_int_equal(json_integer_at(answer.document, "exit", -1), 1);
    assert_string_equal(access_of(&answer, 0, "vault.missing"), "");
    assert_string_equal(access_of(&answer, 1, "vault.missing"), "update on kv/data/nachet");
    assert_string_equal(access_of(&answer, 1, "vault.policy"), "path \"kv/data/nachet\" {}");
    world_answer_clear(&answer);

    fake_fail(&world->clock, (struct fake_fault){"source.list", 1, FAILURE_DENIED});
    assert_int_equal(world_call(world, &answer, "POST", "/v1/access", "dev", NULL), 200);
    assert_int_equal(json_integer_at(answer.document, "exit", -1), 1);
    assert_string_not_equal(access_of(&answer, 0, "source.why"), "");
    world_answer_clear(&answer);

    fake_fail(&world->clock, (struct fake_fault){"copy.rights", 0, FAILURE_NETWORK});
    assert_int_equal(world_call(world, &answer, "POST", "/v1/access", "dev", NULL), 200);
    assert_int_equal(json_integer_at(answer.document, "exit", -1), 2);
    assert_string_not_equal(access_of(&answer, 1, "vault.why"), "");
    world_answer_clear(&answer);
    assert_int_equal(world->store.count, 0);
    world_free(world);
}

TEST(where_nobody_may_approve_no_right_to_write_is_asked_for)
{
    struct world *world = world_new();
    struct world_answer answer;

    world->config.binding_count = 2;
    world->config.approver_count = 0;
    world->copies[0].may_not_write = true;
    assert_true(world_start(world, false));
    assert_int_equal(world_call(world, &answer, "POST", "/v1/access", "dev", NULL), 200);
    assert_int_equal(json_integer_at(answer.document, "exit", -1), 0);
    assert_string_equal(access_of(&answer, 0, "vault.missing"), "");
    world_answer_clear(&answer);
    world_free(world);
}

TEST(without_a_store_it_checks_and_changes_nothing)
{
    static const char *const refused[][2] = {{"POST", "/v1/plans"},
                                             {"POST", "/v1/rotate"},
                                             {"GET", "/v1/incidents"},
                                             {"GET", "/v1/objects/abcd"},
                                             {"POST", "/v1/plans/abcd/apply"}};
    struct world *world = world_new();
    struct world_answer answer;

    world->has_no_store = true;
    assert_true(world_start(world, false));
    assert_int_equal(world_call(world, &answer, "POST", "/v1/check", "dev", NULL), 200);
    assert_int_equal(json_integer_at(answer.document, "exit", -1), 0);
    world_answer_clear(&answer);
    for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
        assert_int_equal(world_call(world, &answer, refused[i][0], refused[i][1], "dev",
                                    i < 2 ? "{\"binding\":\"nachet\"}" : NULL),
                         503);
        assert_string_equal(json_string_in(answer.document, "error.text"), "no state here");
        world_answer_clear(&answer);
    }
    assert_int_equal(world_call(world, &answer, "GET", "/v1/status", "dev", NULL), 200);
    assert_string_equal(json_string_in(answer.document, "state_store.why"), "no state here");
    world_answer_clear(&answer);
    world_free(world);
}

TEST(a_watcher_without_a_store_still_alerts)
{
    struct world *world = world_new();

    world->has_no_store = true;
    fake_source_regenerate(&world->sources[0], 0, "ana@example.org");
    assert_true(world_start(world, true));
    assert_true(world_run(world, 3 MINUTES));
    assert_int_equal(fake_sink_count(&world->sinks[0], ALERT_FIRING), 1);
    world_free(world);
}

/* ---- objects by the beginning of their id ---------------------------------------------------- */

TEST(incidents_and_plans_are_shown_by_the_beginning_of_their_id_with_their_timeline)
{
    struct world *world = world_new();
    struct world_answer answer;
    char path[120], plan_id[PLAN_ID_SIZE], incident_id[32];

    fake_source_regenerate(&world->sources[0], 0, "ana@example.org");
    assert_true(world_start(world, true));
    assert_true(world_run(world, 2 MINUTES));
    assert_int_equal(world_call(world, &answer, "GET", "/v1/incidents", "dev", NULL), 200);
    assert_int_equal(json_array_size(json_object_get(answer.document, "incidents")), 1);
    snprintf(
        incident_id, sizeof(incident_id), "%s",
        json_string_in(json_array_get(json_object_get(answer.document, "incidents"), 0), "id"));
    snprintf(plan_id, sizeof(plan_id), "%s",
             json_string_in(json_array_get(json_object_get(answer.document, "incidents"), 0),
                            "plan_id"));
    world_answer_clear(&answer);

    snprintf(path, sizeof(path), "/v1/objects/%.8s", incident_id);
    assert_int_equal(world_call(world, &answer, "GET", path, "dev", NULL), 200);
    assert_string_equal(json_string_in(answer.document, "type"), "incident");
    assert_string_equal(json_string_in(answer.document, "id"), incident_id);
    assert_string_equal(json_string_in(answer.document, "regenerated.by"), "ana@example.org");
    assert_true(json_array_size(json_object_get(answer.document, "timeline")) >= 3);
    world_answer_clear(&answer);

    snprintf(path, sizeof(path), "/v1/plans/%.8s", plan_id);
    assert_int_equal(world_call(world, &answer, "GET", path, "dev", NULL), 200);
    assert_string_equal(json_string_in(answer.document, "type"), "plan");
    assert_string_equal(json_string_in(answer.document, "plan_id"), plan_id);
    assert_string_equal(json_string_in(answer.document, "state"), "open");
    assert_true(json_array_size(json_object_get(answer.document, "timeline")) >= 1);
    world_answer_clear(&answer);
    world_free(world);
}

static size_t count_incidents(struct world *world, const char *query)
{
    struct world_answer answer;
    size_t count;

    world_ask_with(world, &answer, "GET", "/v1/incidents", query, "dev", NULL);
    assert_true(world_wait(world, &answer));
    count = json_array_size(json_object_get(answer.document, "incidents"));
    world_answer_clear(&answer);
    return count;
}

TEST(resolved_incidents_are_listed_unless_only_open_ones_are_asked_for)
{
    struct world *world = world_new();

    fake_source_regenerate(&world->sources[0], 0, "ana@example.org");
    assert_true(world_start(world, true));
    assert_true(world_run(world, 2 MINUTES));
    assert_int_equal(count_incidents(world, "open=true"), 1);
    fake_copy_put(&world->copies[0], world->sources[0].keys[0]);
    assert_true(world_run(world, 3 MINUTES));
    assert_int_equal(count_incidents(world, "open=true"), 0);
    assert_int_equal(count_incidents(world, ""), 1);
    world_free(world);
}

TEST(a_beginning_that_fits_several_ids_is_refused)
{
    static const char *const paths[][2] = {{"GET", "/v1/objects/abcdef"},
                                           {"POST", "/v1/plans/abcdef/apply"}};
    struct world *world = started_world(false);
    struct world_answer answer;

    for (unsigned i = 0; i < 2; i++) {
        char id[PLAN_ID_SIZE];

        snprintf(id, sizeof(id), "abcdef%058u", i);
        fake_store_put(&world->store, RECORD_PLAN, id, "nachet", "{\"state\":\"done\"}");
    }
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(world_call(world, &answer, paths[i][0], paths[i][1], "dev", NULL), 400);
        assert_non_null(strstr(json_string_in(answer.document, "error.text"), "give more of it"));
        world_answer_clear(&answer);
    }
    world_free(world);
}

/* ---- damage ---------------------------------------------------------------------------------- */

/* Changes the only plan in the store: its slot, so that its id is no longer that of its text. */
static void damage_plan(struct world *world, const char *id)
{
    json_t *body = fake_store_body(&world->store, RECORD_PLAN, NULL, 0);
    char *text = json_dumps(body, JSON_COMPACT), *slot = strstr(text, "primary");

    assert_non_null(slot);
    memcpy(slot, "another", 7);
    fake_store_put(&world->store, RECORD_PLAN, id, "nachet", text);
    free(text);
    json_decref(body);
}

TEST(a_plan_that_was_changed_in_the_store_is_not_believed_and_stops_nothing_else)
{
    struct world *world = world_new();
    struct world_answer answer;
    char id[PLAN_ID_SIZE], other[PLAN_ID_SIZE], path[100];

    fake_source_regenerate(&world->sources[0], 0, "ana@example.org");
    assert_true(world_start(world, false));
    assert_true(world_plan(world, "write_back", id));
    world_stop(world);
    damage_plan(world, id);
    assert_true(world_start(world, true));
    assert_int_equal(world->ready_failure.kind, FAILURE_NONE);
    snprintf(path, sizeof(path), "/v1/objects/%s", id);
    assert_int_equal(world_call(world, &answer, "GET", path, "dev", NULL), 500);
    assert_non_null(strstr(json_string_in(answer.document, "error.text"), "damaged"));
    world_answer_clear(&answer);
    assert_int_equal(world_apply(world, id, &answer), 500);
    world_answer_clear(&answer);
    assert_int_equal(world->copies[0].writes, 0);
    assert_true(world_run(world, 5 MINUTES));
    assert_int_equal(fake_sink_count(&world->sinks[0], ALERT_FIRING), 1);
    assert_true(world_plan(world, "write_back", other));
    assert_int_equal(world_apply(world, other, &answer), 200);
    world_answer_clear(&answer);
    world_free(world);
}

/* Nobody can tell any more what it did: that is told, and nothing more is changed there. */
TEST(a_damaged_plan_that_was_under_way_is_told_and_keeps_its_binding_from_being_changed)
{
    static const char *const bodies[] = {"{\"state\":\"executing\",\"canonical\":\"{}\"}",
                                         "{\"state\":\"exe", "{}"};

    for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
        struct world *world = world_new();
        struct world_answer answer;
        const struct fake_alert *alert;
        char id[PLAN_ID_SIZE];

        fake_store_put(&world->store, RECORD_PLAN, "abcdef1234567890", "nachet", bodies[i]);
        assert_true(world_start(world, true));
        assert_int_equal(world->ready_failure.kind, FAILURE_NONE);
        assert_true(world_run(world, 5 MINUTES));
        alert = fake_sink_last(&world->sinks[0], ALERT_FIRING);
        assert_non_null(alert);
        assert_non_null(strstr(json_string_in(alert->body, "why"), "abcdef1234567890"));
        assert_true(world_plan(world, "rotate", id));
        assert_int_equal(world_apply(world, id, &answer), 409);
        assert_non_null(strstr(json_string_in(answer.document, "error.text"), "damaged"));
        world_answer_clear(&answer);
        assert_int_equal(world->sources[0].regenerated[1], 0);
        world_free(world);
    }
}

/* The incident is gone, the drift is not: it is told as a new one. */
TEST(damaged_records_are_passed_over_and_the_drift_is_told_anew)
{
    static const enum record_kind kinds[] = {RECORD_BINDING, RECORD_INCIDENT, RECORD_OUTBOX};

    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        struct world *world = world_new();
        json_t *incident;

        fake_source_regenerate(&world->sources[0], 0, "ana@example.org");
        assert_true(world_start(world, true));
        assert_true(world_run(world, 5 MINUTES));
        assert_int_equal(fake_sink_count(&world->sinks[0], ALERT_FIRING), 1);
        world_stop(world);
        incident = fake_store_body(&world->store, RECORD_INCIDENT, NULL, 0);
        fake_store_put(&world->store, kinds[i],
                       kinds[i] == RECORD_BINDING    ? "nachet"
                       : kinds[i] == RECORD_INCIDENT ? json_string_in(incident, "id")
                                                     : "damaged",
                       kinds[i] == RECORD_OUTBOX ? "plain" : "nachet", "{\"state\":\"op");
        json_decref(incident);
        assert_true(world_start(world, true));
        assert_int_equal(world->ready_failure.kind, FAILURE_NONE);
        assert_true(world_run(world, 10 MINUTES));
        assert_int_equal(fake_sink_count(&world->sinks[0], ALERT_FIRING),
                         kinds[i] == RECORD_INCIDENT ? 2 : 1);
        world_free(world);
    }
}

/* ---- canceling ------------------------------------------------------------------------------- */

TEST(canceling_a_request_stops_the_waiting_and_not_the_execution)
{
    struct world *world = world_new();
    struct world_answer answer;
    char id[PLAN_ID_SIZE], path[120], body[400], token[FAKE_TOKEN_SIZE];

    assert_true(world_start(world, false));
    assert_true(world_plan(world, "rotate", id));
    world_token(world, id, "ana", token);
    snprintf(path, sizeof(path), "/v1/plans/%s/apply", id);
    snprintf(body, sizeof(body), "{\"tokens\":[\"%s\"]}", token);
    world_ask(world, &answer, "POST", path, "dev", body);
    while (!fake_count(&world->clock, "source.regenerate"))
        assert_true(fake_clock_step(&world->clock));
    operation_cancel(answer.operation);
    operation_cancel(answer.operation);
    assert_false(answer.is_done);
    assert_true(world_run(world, 1));
    assert_true(answer.is_done);
    assert_int_equal(answer.status, 503);
    assert_true(agent_is_executing(world->agent));
    world_answer_clear(&answer);
    assert_true(world_run(world, 1 MINUTES));
    assert_false(agent_is_executing(world->agent));
    assert_string_equal(world_plan_state(world, id), "done");
    assert_int_equal(world->sources[0].regenerated[1], 1);
    world_free(world);
}

/* Every request, canceled after each of its steps: answered once and soon, and nothing leaks. */
TEST(every_request_can_be_canceled_at_any_moment)
{
    static const char *const requests[][3] = {
        {"GET", "/v1/status", NULL},
        {"POST", "/v1/check", NULL},
        {"POST", "/v1/access", NULL},
        {"GET", "/v1/incidents", NULL},
        {"GET", "/v1/objects/abcd", NULL},
        {"POST", "/v1/plans", "{\"binding\":\"nachet\"}"},
        {"POST", "/v1/rotate", "{\"binding\":\"nachet\"}"},
        {"POST", "/v1/rotate", "{\"binding\":\"nachet\",\"wait_ms\":600000}"},
    };

    for (size_t i = 0; i < sizeof(requests) / sizeof(*requests); i++) {
        for (unsigned steps = 0; steps < 12; steps++) {
            struct world *world = started_world(false);
            struct world_answer answer;

            if (i == 5)
                fake_source_regenerate(&world->sources[0], 0, "ana@example.org");
            world_ask(world, &answer, requests[i][0], requests[i][1], "dev", requests[i][2]);
            for (unsigned step = 0; step < steps && !answer.is_done; step++)
                assert_true(fake_clock_step(&world->clock));
            if (!answer.is_done) {
                operation_cancel(answer.operation);
                assert_true(world_run(world, 20));
                assert_true(answer.is_done);
            }
            world_answer_clear(&answer);
            assert_int_equal(world_call(world, &answer, "GET", "/v1/status", "dev", NULL), 200);
            world_answer_clear(&answer);
            world_free(world);
        }
    }
}

TEST(requests_under_way_are_answered_when_the_agent_closes)
{
    struct world *world = started_world(false);
    struct world_answer answer;

    fake_fail(&world->clock, (struct fake_fault){"source.list", 0, .hangs = true});
    world_ask(world, &answer, "POST", "/v1/check", "dev", NULL);
    assert_true(world_run(world, 1 MINUTES));
    assert_false(answer.is_done);
    assert_true(world_stop(world) <= 20);
    assert_true(answer.is_done);
    assert_int_equal(answer.status, 503);
    world_answer_clear(&answer);
    world_free(world);
}

TEST(an_agent_that_is_closed_while_it_loads_says_so_and_is_gone)
{
    for (unsigned steps = 0; steps < 12; steps++) {
        struct world *world = world_new();

        world->clock.stop_at = steps;
        if (!world_start(world, false))
            assert_true(world_stop(world) <= 20);
        assert_true(world->is_ready);
        world_free(world);
    }
}

int main(void)
{
    return RUN(
        CASE(each_bad_request_gets_one_sentence_and_changes_nothing),
        CASE(check_reads_both_sides_of_what_is_asked_for),
        CASE(access_asks_both_sides_of_every_binding_and_changes_nothing),
        CASE(where_nobody_may_approve_no_right_to_write_is_asked_for),
        CASE(without_a_store_it_checks_and_changes_nothing),
        CASE(a_watcher_without_a_store_still_alerts),
        CASE(incidents_and_plans_are_shown_by_the_beginning_of_their_id_with_their_timeline),
        CASE(resolved_incidents_are_listed_unless_only_open_ones_are_asked_for),
        CASE(a_beginning_that_fits_several_ids_is_refused),
        CASE(a_plan_that_was_changed_in_the_store_is_not_believed_and_stops_nothing_else),
        CASE(a_damaged_plan_that_was_under_way_is_told_and_keeps_its_binding_from_being_changed),
        CASE(damaged_records_are_passed_over_and_the_drift_is_told_anew),
        CASE(canceling_a_request_stops_the_waiting_and_not_the_execution),
        CASE(every_request_can_be_canceled_at_any_moment),
        CASE(requests_under_way_are_answered_when_the_agent_closes),
        CASE(an_agent_that_is_closed_while_it_loads_says_so_and_is_gone));
}
