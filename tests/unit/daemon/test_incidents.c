/* SPDX-License-Identifier: Apache-2.0 */
/* The life of an incident, from the first suspicion to the resolved alert, as the receivers see it.
 */
#include "tests/support/test.h"
#include "tests/support/world.h"

#include "net/json.h"

#include <stdlib.h>
#include <string.h>

/* A world that has looked once and found everything in sync. */
static struct world *quiet_world(void)
{
    struct world *world = world_new();

    assert_true(world_start(world, true));
    assert_true(world_run(world, 15 SECONDS));
    return world;
}

static struct world *drifted_world(void)
{
    struct world *world = quiet_world();

    fake_source_regenerate(&world->sources[0], 0, "ana@example.org");
    assert_true(world_run(world, 2 MINUTES));
    return world;
}

TEST(a_confirmed_drift_is_told_once_to_every_sink)
{
    struct world *world = drifted_world();

    for (size_t i = 0; i < 2; i++)
        assert_int_equal(fake_sink_count(&world->sinks[i], ALERT_FIRING), 1);
    assert_int_equal(world->sinks[0].count, 1);
    assert_int_equal(fake_store_count(&world->store, RECORD_OUTBOX, NULL), 0);
    assert_string_equal(world->sinks[0].alerts[0].dedup_key, world->sinks[1].alerts[0].dedup_key);
    world_free(world);
}

static void expect_members(const json_t *object, const char *const *names)
{
    size_t count = 0;

    for (; names[count]; count++)
        if (!json_object_get(object, names[count]))
            fail_msg("no member \"%s\"", names[count]);
    assert_int_equal(json_object_size(object), count);
}

TEST(a_firing_alert_says_who_did_it_what_callers_see_and_what_repairs_it)
{
    static const char *const names[] = {"schema", "event",    "dedup_key",   "binding", "verdict",
                                        "since",  "why",      "regenerated", "callers", "copy",
                                        "source", "incident", "plan_id",     "next",    NULL};
    struct world *world = drifted_world();
    const json_t *body = world->sinks[0].alerts[0].body;
    char next[200];

    expect_members(body, names);
    assert_int_equal(json_integer_at(body, "schema", 0), 1);
    assert_string_equal(json_string_in(body, "event"), "firing");
    assert_string_equal(json_string_in(body, "binding"), "nachet");
    assert_string_equal(json_string_in(body, "verdict"), "stale");
    assert_string_equal(json_string_in(body, "dedup_key"), world->sinks[0].alerts[0].dedup_key);
    assert_string_equal(json_string_in(body, "since"), "2026-01-01T00:01:00.070Z");
    assert_non_null(strstr(json_string_in(body, "why"), "callers get 401"));
    assert_string_equal(json_string_in(body, "regenerated.by"), "ana@example.org");
    assert_string_equal(json_string_in(body, "regenerated.at"), "2026-01-01T00:00:15.050Z");
    assert_string_equal(json_string_in(body, "callers.result"), "refused");
    assert_int_equal(json_integer_at(body, "callers.http_status", 0), 401);
    assert_int_equal(json_integer_at(body, "copy.version", 0), 7);
    assert_int_equal(strlen(json_string_in(body, "copy.fingerprint")), 12);
    assert_int_equal(strlen(json_string_in(body, "source.slots.primary")), 12);
    assert_int_equal(strlen(json_string_in(body, "plan_id")), 64);
    snprintf(next, sizeof(next), "keydrift -c k.yaml approve %s --as NAME --key FILE",
             json_string_in(body, "plan_id"));
    assert_string_equal(json_string_in(body, "next"), next);
    world_free(world);
}

TEST(an_incident_that_recovers_is_resolved_once_under_the_same_key)
{
    struct world *world = drifted_world();

    fake_copy_put(&world->copies[0], world->sources[0].keys[0]);
    assert_true(world_run(world, 10 MINUTES));
    for (size_t i = 0; i < 2; i++) {
        const struct fake_alert *resolved = fake_sink_last(&world->sinks[i], ALERT_RESOLVED);
        const struct fake_alert *firing = fake_sink_last(&world->sinks[i], ALERT_FIRING);

        assert_int_equal(fake_sink_count(&world->sinks[i], ALERT_RESOLVED), 1);
        assert_string_equal(resolved->dedup_key, firing->dedup_key);
        assert_string_not_equal(resolved->id, firing->id);
        assert_int_equal(resolved->starts_at, firing->starts_at);
        assert_string_equal(json_string_in(resolved->body, "event"), "resolved");
        assert_string_equal(json_string_in(resolved->body, "verdict"), "match");
        assert_string_equal(json_string_in(resolved->body, "since"),
                            json_string_in(firing->body, "since"));
        assert_non_null(strstr(json_string_in(resolved->body, "next"), "show inc-"));
    }
    world_free(world);
}

TEST(one_odd_read_is_no_incident)
{
    struct world *world = quiet_world();

    fake_copy_put(&world->copies[0], "odd");
    assert_true(world_run(world, 45500));
    assert_true(fake_count(&world->clock, "commit binding:suspected") == 1);
    fake_copy_put(&world->copies[0], "key-primary-1");
    assert_true(world_run(world, 10 MINUTES));
    assert_int_equal(world->sinks[0].count + world->sinks[1].count, 0);
    assert_int_equal(fake_store_count(&world->store, RECORD_INCIDENT, NULL), 0);
    world_free(world);
}

TEST(an_open_incident_is_repeated_and_only_the_forgetful_are_reminded)
{
    struct world *world = drifted_world();

    assert_true(world_run(world, 30 MINUTES));
    assert_int_equal(world->sinks[0].count, 1);
    assert_in_range(fake_sink_count(&world->sinks[1], ALERT_REPEATED), 28, 31);
    for (size_t i = 1; i < world->sinks[1].count; i++)
        assert_true(world->sinks[1].alerts[i - 1].expires_at > world->sinks[1].alerts[i].at);
    assert_true(world_run(world, 4 HOURS - 33 MINUTES));
    assert_int_equal(fake_sink_count(&world->sinks[0], ALERT_REPEATED), 0);
    assert_true(world_run(world, 6 MINUTES));
    assert_int_equal(fake_sink_count(&world->sinks[0], ALERT_REPEATED), 1);
    assert_string_equal(fake_sink_last(&world->sinks[0], ALERT_REPEATED)->dedup_key,
                        world->sinks[0].alerts[0].dedup_key);
    assert_int_equal(fake_sink_count(&world->sinks[0], ALERT_FIRING), 1);
    world_free(world);
}

/* ---- what cannot be read --------------------------------------------------------------------- */

TEST(what_cannot_be_read_is_neither_drift_nor_health_and_told_after_its_own_delay)
{
    static const char *const sides[] = {"source.list", "copy.read"};

    for (size_t side = 0; side < 2; side++) {
        struct world *world = quiet_world();
        struct world_answer answer;
        const struct fake_alert *blind, *seeing;

        fake_fail(&world->clock, (struct fake_fault){sides[side], 0, FAILURE_DENIED});
        assert_true(world_run(world, 5 MINUTES));
        assert_int_equal(world->sinks[0].count, 0);
        assert_int_equal(world_call(world, &answer, "GET", "/v1/status", "dev", NULL), 200);
        assert_int_equal(json_integer_at(answer.document, "unknown", -1), 1);
        assert_int_equal(json_integer_at(answer.document, "in_sync", -1), 0);
        assert_int_equal(json_integer_at(answer.document, "not_in_sync", -1), 0);
        assert_int_equal(json_integer_at(answer.document, "exit", -1), 2);
        world_answer_clear(&answer);
        assert_true(world_run(world, 2 MINUTES));
        assert_int_equal(world->sinks[0].count, 1);
        blind = fake_sink_last(&world->sinks[0], ALERT_BLIND);
        assert_non_null(blind);
        assert_string_equal(json_string_in(blind->body, "verdict"), "unknown");
        assert_string_equal(json_string_in(blind->body, "event"), "blind");
        assert_string_equal(blind->dedup_key, "keydrift/nachet/blind");
        assert_non_null(strstr(json_string_in(blind->body, "why"), "injected denied"));
        assert_string_equal(json_string_in(blind->body, "next"), "keydrift -c k.yaml check nachet");
        assert_true(world_run(world, 10 MINUTES));
        assert_int_equal(world->sinks[0].count, 1);
        assert_true(fake_sink_count(&world->sinks[1], ALERT_BLIND) > 5);
        world->clock.fault_count = 0;
        assert_true(world_run(world, 3 MINUTES));
        assert_int_equal(world->sinks[0].count, 2);
        blind = fake_sink_last(&world->sinks[0], ALERT_BLIND);
        seeing = fake_sink_last(&world->sinks[0], ALERT_SEEING);
        assert_non_null(seeing);
        assert_string_equal(seeing->dedup_key, "keydrift/nachet/blind");
        assert_string_equal(json_string_in(seeing->body, "since"),
                            json_string_in(blind->body, "since"));
        assert_int_equal(seeing->starts_at, blind->starts_at);
        assert_int_equal(fake_store_count(&world->store, RECORD_INCIDENT, NULL), 0);
        world_free(world);
    }
}

TEST(blindness_during_an_incident_resolves_nothing_and_both_alerts_are_kept_alive)
{
    struct world *world = drifted_world();
    size_t blind, repeated;

    fake_fail(&world->clock, (struct fake_fault){"source.list", 0, FAILURE_REMOTE});
    assert_true(world_run(world, 10 MINUTES));
    assert_int_equal(fake_sink_count(&world->sinks[0], ALERT_BLIND), 1);
    blind = fake_sink_count(&world->sinks[1], ALERT_BLIND);
    repeated = fake_sink_count(&world->sinks[1], ALERT_REPEATED);
    assert_true(world_run(world, 5 MINUTES));
    assert_true(fake_sink_count(&world->sinks[1], ALERT_BLIND) >= blind + 4);
    assert_true(fake_sink_count(&world->sinks[1], ALERT_REPEATED) >= repeated + 4);
    assert_int_equal(fake_sink_count(&world->sinks[0], ALERT_RESOLVED), 0);
    /* A drift alert keeps telling of the drift. */
    assert_string_equal(
        json_string_in(fake_sink_last(&world->sinks[1], ALERT_REPEATED)->body, "verdict"), "stale");
    world_free(world);
}

TEST(a_read_that_cannot_see_while_an_alert_is_prepared_does_not_change_what_it_tells)
{
    struct world *world = quiet_world();
    struct world_answer answer;

    fake_source_regenerate(&world->sources[0], 0, "ana@example.org");
    fake_fail(&world->clock, (struct fake_fault){"source.who", 1, .hangs = true});
    while (!fake_count(&world->clock, "source.who"))
        assert_true(fake_clock_step(&world->clock));
    fake_fail(&world->clock, (struct fake_fault){"source.list", 1, FAILURE_NETWORK});
    assert_int_equal(world_call(world, &answer, "POST", "/v1/check", "dev", NULL), 200);
    assert_int_equal(json_integer_at(answer.document, "exit", -1), 2);
    world_answer_clear(&answer);
    assert_true(world_run(world, 30 SECONDS));
    assert_int_equal(world->sinks[0].count, 1);
    assert_string_equal(json_string_in(world->sinks[0].alerts[0].body, "verdict"), "stale");
    assert_non_null(
        strstr(json_string_in(world->sinks[0].alerts[0].body, "why"), "callers get 401"));
    world_free(world);
}

/* ---- the culprit ----------------------------------------------------------------------------- */

static void expect_culprit_later(struct world *world)
{
    const struct fake_alert *repeated;

    assert_true(json_is_null(json_object_get(world->sinks[0].alerts[0].body, "regenerated")));
    assert_true(world_run(world, 2 HOURS));
    assert_int_equal(fake_sink_count(&world->sinks[0], ALERT_REPEATED), 1);
    repeated = fake_sink_last(&world->sinks[0], ALERT_REPEATED);
    assert_string_equal(json_string_in(repeated->body, "regenerated.by"), "ana@example.org");
    assert_string_equal(repeated->dedup_key, world->sinks[0].alerts[0].dedup_key);
}

TEST(a_culprit_the_log_names_later_is_told_once)
{
    struct world *world = quiet_world();

    fake_source_regenerate(&world->sources[0], 0, "ana@example.org");
    world->sources[0].log_from = FAKE_START + 8 MINUTES;
    assert_true(world_run(world, 2 MINUTES));
    expect_culprit_later(world);
    world_free(world);
}

TEST(a_culprit_is_still_looked_for_after_a_restart)
{
    struct world *world = quiet_world();

    fake_source_regenerate(&world->sources[0], 0, "ana@example.org");
    world->sources[0].log_from = FAKE_START + 8 MINUTES;
    assert_true(world_run(world, 2 MINUTES));
    world_stop(world);
    assert_true(world_start(world, true));
    expect_culprit_later(world);
    world_free(world);
}

TEST(questions_that_are_not_answered_delay_an_alert_by_seconds_only)
{
    struct world *world = quiet_world();

    fake_source_regenerate(&world->sources[0], 0, "ana@example.org");
    fake_fail(&world->clock, (struct fake_fault){"source.who", 0, .hangs = true});
    fake_fail(&world->clock, (struct fake_fault){"source.probe", 0, .hangs = true});
    assert_true(world_run(world, 60 SECONDS));
    assert_int_equal(world->sinks[0].count, 1);
    assert_in_range(world->sinks[0].alerts[0].at, FAKE_START + 70 SECONDS, FAKE_START + 71 SECONDS);
    world_free(world);
}

/* ---- the outbox ------------------------------------------------------------------------------ */

TEST(alerts_of_an_incident_arrive_in_order_however_often_they_are_tried)
{
    struct world *world = quiet_world();
    unsigned tries;

    fake_source_regenerate(&world->sources[0], 0, "ana@example.org");
    fake_fail(&world->clock, (struct fake_fault){"sink.deliver plain", 0, FAILURE_NETWORK});
    assert_true(world_run(world, 5 MINUTES));
    fake_copy_put(&world->copies[0], world->sources[0].keys[0]);
    assert_true(world_run(world, 25 MINUTES));
    assert_int_equal(world->sinks[0].count, 0);
    assert_int_equal(fake_sink_count(&world->sinks[1], ALERT_RESOLVED), 1);
    assert_int_equal(fake_store_count(&world->store, RECORD_OUTBOX, "plain"), 2);
    tries = fake_count(&world->clock, "sink.deliver plain");
    assert_in_range(tries, 8, 30); /* slower and slower, no storm */
    world->clock.fault_count = 0;
    assert_true(world_run(world, 5 MINUTES));
    assert_int_equal(world->sinks[0].count, 2);
    assert_int_equal(world->sinks[0].alerts[0].event, ALERT_FIRING);
    assert_int_equal(world->sinks[0].alerts[1].event, ALERT_RESOLVED);
    assert_int_equal(fake_store_count(&world->store, RECORD_OUTBOX, NULL), 0);
    world_free(world);
}

TEST(a_sink_that_is_down_for_a_day_is_owed_no_more_than_the_news)
{
    struct world *world = quiet_world();

    fake_source_regenerate(&world->sources[0], 0, "ana@example.org");
    fake_fail(&world->clock, (struct fake_fault){"sink.deliver forgetful", 0, FAILURE_NETWORK});
    assert_true(world_run(world, 24 HOURS));
    assert_in_range(fake_store_count(&world->store, RECORD_OUTBOX, "forgetful"), 1, 2);
    world_free(world);
}

TEST(a_wall_clock_that_is_set_back_does_not_stop_the_checks)
{
    struct world *world = quiet_world();
    unsigned before;

    assert_true(world_run(world, 5 MINUTES));
    before = fake_count(&world->clock, "source.list");
    world->clock.wall_shift = -(2 HOURS);
    assert_true(world_run(world, 5 MINUTES));
    assert_true(fake_count(&world->clock, "source.list") > before + 2);
    world_free(world);
}

TEST(an_alert_that_will_never_be_taken_is_dropped_and_audited)
{
    struct world *world = quiet_world();

    fake_source_regenerate(&world->sources[0], 0, "ana@example.org");
    fake_fail(&world->clock, (struct fake_fault){"sink.deliver plain", 1, FAILURE_INVALID});
    assert_true(world_run(world, 5 MINUTES));
    assert_int_equal(world->sinks[0].count, 0);
    assert_int_equal(fake_store_count(&world->store, RECORD_OUTBOX, NULL), 0);
    assert_int_equal(fake_store_audited(&world->store, "alert_refused"), 1);
    fake_copy_put(&world->copies[0], world->sources[0].keys[0]);
    assert_true(world_run(world, 5 MINUTES));
    assert_int_equal(fake_sink_count(&world->sinks[0], ALERT_RESOLVED), 1);
    world_free(world);
}

TEST(an_alert_is_stored_before_it_is_tried)
{
    struct world *world = quiet_world();

    fake_source_regenerate(&world->sources[0], 0, "ana@example.org");
    while (!fake_count(&world->clock, "sink.deliver"))
        assert_true(fake_clock_step(&world->clock));
    assert_int_equal(fake_store_count(&world->store, RECORD_OUTBOX, NULL), 2);
    world_free(world);
}

/* ---- a disk that is full --------------------------------------------------------------------- */

static bool is_writable(struct world *world)
{
    struct world_answer answer;
    bool is;

    assert_int_equal(world_call(world, &answer, "GET", "/v1/status", "dev", NULL), 200);
    is = json_boolean_at(answer.document, "state_store.is_writable", true);
    if (!is)
        assert_non_null(strstr(json_string_in(answer.document, "state_store.why"), "disk full"));
    world_answer_clear(&answer);
    return is;
}

TEST(a_full_disk_stops_changes_and_not_the_watching)
{
    struct world *world = quiet_world();
    struct world_answer answer;
    char id[PLAN_ID_SIZE] = "";

    world->store.is_full = true;
    fake_source_regenerate(&world->sources[0], 0, "ana@example.org");
    assert_true(world_run(world, 3 MINUTES));
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(fake_sink_count(&world->sinks[i], ALERT_FIRING), 1);
    assert_false(is_writable(world));
    /* The plan that was proposed is in memory only: approving it is refused, and so is a new one.
     */
    snprintf(id, sizeof(id), "%s", json_string_in(world->sinks[0].alerts[0].body, "plan_id"));
    assert_int_equal(world_apply(world, id, &answer), 500);
    world_answer_clear(&answer);
    assert_int_equal(fake_count(&world->clock, "copy.write"), 0);
    world->store.is_full = false;
    assert_true(world_run(world, 3 MINUTES));
    assert_true(is_writable(world));
    assert_int_equal(fake_store_count(&world->store, RECORD_INCIDENT, NULL), 1);
    world_stop(world);
    assert_true(world_start(world, true));
    assert_true(world_run(world, 3 MINUTES));
    assert_int_equal(fake_sink_count(&world->sinks[0], ALERT_FIRING), 1);
    assert_true(world_plan(world, "write_back", id));
    assert_int_equal(world_apply(world, id, &answer), 200);
    world_answer_clear(&answer);
    assert_true(world_run(world, 3 MINUTES));
    assert_int_equal(fake_sink_count(&world->sinks[0], ALERT_RESOLVED), 1);
    world_free(world);
}

TEST(an_incident_resolved_on_a_full_disk_is_closed_once_there_is_room)
{
    /* With a restart before there is room, and without. */
    for (unsigned restarts = 0; restarts < 2; restarts++) {
        struct world *world = drifted_world();
        json_t *incident;

        world->store.is_full = true;
        fake_copy_put(&world->copies[0], world->sources[0].keys[0]);
        assert_true(world_run(world, 3 MINUTES));
        assert_int_equal(fake_sink_count(&world->sinks[0], ALERT_RESOLVED), 1);
        if (restarts) {
            world_stop(world);
            world->store.is_full = false;
            assert_true(world_start(world, true));
        }
        world->store.is_full = false;
        assert_true(world_run(world, 3 MINUTES));
        incident = fake_store_body(&world->store, RECORD_INCIDENT, NULL, 0);
        assert_true(json_string_in(incident, "resolved_at")[0]);
        assert_string_equal(json_string_in(incident, "state"), "healthy");
        json_decref(incident);
        world_free(world);
    }
}

TEST(an_execution_stopped_by_a_full_disk_goes_on_when_there_is_room)
{
    struct world *world = drifted_world();
    struct world_answer answer;
    char id[PLAN_ID_SIZE], path[100], body[400], token[FAKE_TOKEN_SIZE];

    assert_true(world_plan(world, "write_back", id));
    world_token(world, id, "ana", token);
    snprintf(path, sizeof(path), "/v1/plans/%s/apply", id);
    snprintf(body, sizeof(body), "{\"tokens\":[\"%s\"]}", token);
    world_ask(world, &answer, "POST", path, "dev", body);
    while (!fake_count(&world->clock, "commit used_token"))
        assert_true(fake_clock_step(&world->clock));
    assert_true(world_run(world, 12));
    world->store.is_full = true;
    assert_true(world_wait(world, &answer));
    assert_int_equal(answer.status, 409);
    assert_non_null(strstr(json_string_in(answer.document, "why"), "disk full"));
    world_answer_clear(&answer);
    assert_true(world_run(world, 10 MINUTES));
    assert_int_equal(fake_count(&world->clock, "copy.write"), 0);
    world->store.is_full = false;
    assert_true(world_run(world, 10 MINUTES));
    assert_int_equal(world->copies[0].writes, 1);
    assert_string_equal(world_plan_state(world, id), "done");
    assert_int_equal(fake_sink_count(&world->sinks[0], ALERT_RESOLVED), 1);
    world_free(world);
}

TEST(a_plan_that_cannot_be_applied_any_more_is_not_recommended)
{
    struct world *world = drifted_world();
    struct world_answer answer;
    char id[PLAN_ID_SIZE];
    const struct fake_alert *repeated;

    assert_true(world_plan(world, "write_back", id));
    fake_fail(&world->clock, (struct fake_fault){"copy.write", 1, FAILURE_DENIED});
    assert_int_equal(world_apply(world, id, &answer), 409);
    world_answer_clear(&answer);
    assert_true(world_run(world, 3 MINUTES));
    repeated = fake_sink_last(&world->sinks[0], ALERT_REPEATED);
    assert_non_null(repeated);
    assert_true(json_is_null(json_object_get(repeated->body, "plan_id")));
    assert_string_equal(json_string_in(repeated->body, "next"), "keydrift -c k.yaml plan nachet");
    world_free(world);
}

TEST(no_alert_and_no_record_holds_a_key)
{
    struct world *world = drifted_world();
    struct world_answer answer;
    char id[PLAN_ID_SIZE];

    assert_true(world_plan(world, "write_back", id));
    assert_int_equal(world_apply(world, id, &answer), 200);
    world_answer_clear(&answer);
    assert_true(world_run(world, 5 MINUTES));
    assert_false(fake_store_contains(&world->store, "key-primary-"));
    assert_false(fake_store_contains(&world->store, "key-secondary-"));
    for (size_t i = 0; i < world->sinks[0].count; i++) {
        char *text = json_dumps(world->sinks[0].alerts[i].body, 0);

        assert_null(strstr(text, "key-primary-"));
        free(text);
    }
    world_free(world);
}

int main(void)
{
    return RUN(
        CASE(a_confirmed_drift_is_told_once_to_every_sink),
        CASE(a_firing_alert_says_who_did_it_what_callers_see_and_what_repairs_it),
        CASE(an_incident_that_recovers_is_resolved_once_under_the_same_key),
        CASE(one_odd_read_is_no_incident),
        CASE(an_open_incident_is_repeated_and_only_the_forgetful_are_reminded),
        CASE(what_cannot_be_read_is_neither_drift_nor_health_and_told_after_its_own_delay),
        CASE(blindness_during_an_incident_resolves_nothing_and_both_alerts_are_kept_alive),
        CASE(a_read_that_cannot_see_while_an_alert_is_prepared_does_not_change_what_it_tells),
        CASE(a_culprit_the_log_names_later_is_told_once),
        CASE(a_culprit_is_still_looked_for_after_a_restart),
        CASE(questions_that_are_not_answered_delay_an_alert_by_seconds_only),
        CASE(alerts_of_an_incident_arrive_in_order_however_often_they_are_tried),
        CASE(a_sink_that_is_down_for_a_day_is_owed_no_more_than_the_news),
        CASE(a_wall_clock_that_is_set_back_does_not_stop_the_checks),
        CASE(an_alert_that_will_never_be_taken_is_dropped_and_audited),
        CASE(an_alert_is_stored_before_it_is_tried),
        CASE(a_full_disk_stops_changes_and_not_the_watching),
        CASE(an_incident_resolved_on_a_full_disk_is_closed_once_there_is_room),
        CASE(an_execution_stopped_by_a_full_disk_goes_on_when_there_is_room),
        CASE(a_plan_that_cannot_be_applied_any_more_is_not_recommended),
        CASE(no_alert_and_no_record_holds_a_key));
}
