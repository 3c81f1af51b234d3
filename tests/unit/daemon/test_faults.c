/* SPDX-License-Identifier: Apache-2.0 */
/* Executions when the other sides answer badly: every call of the course, every kind of failure,
 * carried out or not. Whatever happens, nothing is done twice and nothing is done to the slot the
 * copy holds. */
#include "tests/support/test.h"
#include "tests/support/world.h"

#include "net/json.h"

#include <string.h>

static struct world *world_of(const char *action)
{
    struct world *world = world_new();

    if (strcmp(action, "write_back") == 0)
        fake_source_regenerate(&world->sources[0], 0, "ana@example.org");
    assert_true(world_start(world, false));
    return world;
}

/* Watches from now on, as the daemon would have all the time. */
static void watch_on(struct world *world, int64_t ms)
{
    world_stop(world);
    assert_true(world_start(world, true));
    assert_true(world_run(world, ms));
}

static void expect_nothing_twice(struct world *world, const char *what)
{
    const struct fake_source *source = &world->sources[0];
    const struct fake_copy *copy = &world->copies[0];

    if (source->regenerated[0] || source->regenerated[1] > 1 || copy->writes > 1)
        fail_msg("%s: regenerated %u and %u times, written %u times", what, source->regenerated[0],
                 source->regenerated[1], copy->writes);
}

/* ---- every call, every failure --------------------------------------------------------------- */

static void survive_fault(const char *action, const struct fake_fault *fault)
{
    struct world *world = world_of(action);
    struct world_answer answer;
    char id[PLAN_ID_SIZE], what[200], state[32];

    snprintf(what, sizeof(what), "%s, %s %u %s %s", action, fault->call, fault->nth,
             fault->hangs ? "hangs" : failure_kind_name(fault->kind),
             fault->after_effect ? "afterwards" : "at once");
    assert_true(world_plan(world, action, id));
    fake_fail(&world->clock, *fault);
    world_ask(world, &answer, "GET", "/v1/status", "dev", NULL);
    assert_true(world_wait(world, &answer));
    world_answer_clear(&answer);
    world_apply(world, id, &answer);
    if (!answer.is_done && !fault->hangs)
        fail_msg("%s: no answer", what);
    if (answer.is_done && json_integer_at(answer.document, "exit", -1) == 0)
        assert_string_equal(world->copies[0].value,
                            world->sources[0].keys[strcmp(action, "rotate") == 0]);
    expect_nothing_twice(world, what);
    if (!answer.is_done) {
        assert_true(world_stop(world) <= 20);
        assert_true(answer.is_done);
        assert_true(world_start(world, true));
    }
    world_answer_clear(&answer);
    world->clock.fault_count = 0;
    watch_on(world, 90 MINUTES);
    expect_nothing_twice(world, what);
    snprintf(state, sizeof(state), "%s", world_plan_state(world, id));
    if (strcmp(state, "executing") == 0)
        fail_msg("%s: it does not end; journal: %s", what, world_journal(world, id));
    if (strcmp(state, "done") == 0 &&
        strcmp(world->copies[0].value, world->sources[0].keys[strcmp(action, "rotate") == 0]) != 0)
        fail_msg("%s: done, but the copy is %s", what, world->copies[0].value);
    /* A rotation never leaves callers without a key that works. */
    if (strcmp(action, "rotate") == 0 &&
        strcmp(world->copies[0].value, world->sources[0].keys[0]) != 0 &&
        strcmp(world->copies[0].value, world->sources[0].keys[1]) != 0)
        fail_msg("%s: the copy is %s, which no slot holds", what, world->copies[0].value);
    world_free(world);
}

static void survive_faults(const char *action, const char *const *calls)
{
    static const enum failure_kind kinds[] = {
        FAILURE_TIMEOUT,   FAILURE_NETWORK,   FAILURE_THROTTLED, FAILURE_DENIED,
        FAILURE_NOT_FOUND, FAILURE_CONFLICT,  FAILURE_REMOTE,    FAILURE_PROTOCOL,
        FAILURE_INVALID,   FAILURE_AMBIGUOUS, FAILURE_TOO_LARGE,
    };

    for (; *calls; calls++) {
        for (unsigned nth = 0; nth < 4; nth++) {
            for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
                struct fake_fault fault = {.call = *calls, .nth = nth, .kind = kinds[i]};

                survive_fault(action, &fault);
                fault.after_effect = true;
                /* What was carried out and then denied is nobody's answer. */
                if (kinds[i] == FAILURE_AMBIGUOUS || kinds[i] == FAILURE_TIMEOUT ||
                    kinds[i] == FAILURE_REMOTE)
                    survive_fault(action, &fault);
            }
            survive_fault(
                action, &(struct fake_fault){.call = *calls, .nth = nth ? nth : 1, .hangs = true});
        }
    }
}

TEST(whatever_fails_in_a_write_back_nothing_is_written_twice)
{
    static const char *const calls[] = {
        "source.list", "source.probe",  "copy.read",      "copy.rights",
        "copy.write",  "query journal", "query approval", NULL};

    survive_faults("write_back", calls);
}

TEST(whatever_fails_in_a_rotation_nothing_is_regenerated_twice)
{
    static const char *const calls[] = {"source.list",         "source.probe",  "source.regenerate",
                                        "source.find_request", "copy.read",     "copy.rights",
                                        "copy.write",          "query journal", NULL};

    survive_faults("rotate", calls);
}

/* ---- particular ones ------------------------------------------------------------------------- */

struct expectation {
    const char *action;
    struct fake_fault fault;
    const char *state;   /* of the plan, when the request is answered */
    const char *journal; /* where it got to */
    unsigned regenerated, writes;
    int status;
    const char *why; /* part of the sentence */
};

static const struct expectation expectations[] = {
    /* Before anything was changed approvals are not used up. */
    {"write_back", {"copy.rights", 1, FAILURE_NETWORK}, "open", "", 0, 0, 409, "before anything"},
    {"write_back", {"copy.read", 1, FAILURE_REMOTE}, "open", "", 0, 0, 409, "could not be read"},
    {"rotate", {"source.list", 1, FAILURE_DENIED}, "open", "", 0, 0, 409, "could not be read"},
    {"rotate", {"source.probe", 1, FAILURE_TIMEOUT}, "open", "", 0, 0, 409, "an outage"},
    {"rotate", {"copy.rights", 1, FAILURE_DENIED}, "open", "", 0, 0, 409, "before anything"},
    /* Refused outright: nothing was changed. */
    {"rotate",
     {"source.regenerate", 1, FAILURE_DENIED},
     "needs_human",
     "locked regenerating needs_human",
     0,
     0,
     409,
     "refused to regenerate"},
    {"rotate",
     {"source.regenerate", 1, FAILURE_CONFLICT},
     "needs_human",
     "locked regenerating needs_human",
     0,
     0,
     409,
     "refused to regenerate"},
    /* Carried out, only the answer was lost: the key itself tells. */
    {"rotate",
     {"source.regenerate", 1, FAILURE_AMBIGUOUS, .after_effect = true},
     "done",
     "locked regenerating confirming probing writing verifying settling done",
     1,
     1,
     200,
     "rotated"},
    {"rotate",
     {"source.regenerate", 1, FAILURE_TIMEOUT, .after_effect = true},
     "done",
     "locked regenerating confirming probing writing verifying settling done",
     1,
     1,
     200,
     "rotated"},
    /* Not carried out, perhaps: nothing is sent again by itself for 30 minutes. */
    {"rotate",
     {"source.regenerate", 1, FAILURE_AMBIGUOUS},
     "executing",
     "locked regenerating confirming",
     0,
     0,
     409,
     "shows no effect yet"},
    {"write_back",
     {"copy.write", 1, FAILURE_AMBIGUOUS, .after_effect = true},
     "done",
     "locked writing verifying probing done",
     0,
     1,
     200,
     "read back"},
    {"write_back",
     {"copy.write", 1, FAILURE_AMBIGUOUS},
     "done",
     "locked writing writing verifying probing done",
     0,
     1,
     200,
     "read back"},
    {"write_back",
     {"copy.write", 1, FAILURE_REMOTE},
     "done",
     "locked writing writing verifying probing done",
     0,
     1,
     200,
     "read back"},
    {"write_back",
     {"copy.write", 0, FAILURE_DENIED},
     "needs_human",
     "locked writing needs_human",
     0,
     0,
     409,
     "was not written"},
    {"write_back",
     {"copy.write", 0, FAILURE_AMBIGUOUS},
     "needs_human",
     "locked writing writing writing writing needs_human",
     0,
     0,
     409,
     "not known what became"},
};

TEST(each_bad_answer_leads_where_it_should)
{
    for (size_t i = 0; i < sizeof(expectations) / sizeof(*expectations); i++) {
        const struct expectation *expected = &expectations[i];
        struct world *world = world_of(expected->action);
        struct world_answer answer;
        char id[PLAN_ID_SIZE];
        int status;

        assert_true(world_plan(world, expected->action, id));
        fake_fail(&world->clock, expected->fault);
        status = world_apply(world, id, &answer);
        assert_true(world_run(world, 1 SECONDS));
        if (status != expected->status ||
            strcmp(world_plan_state(world, id), expected->state) != 0 ||
            strcmp(world_journal(world, id), expected->journal) != 0 ||
            world->sources[0].regenerated[1] != expected->regenerated ||
            world->copies[0].writes != expected->writes ||
            !strstr(json_string_in(answer.document, "why"), expected->why))
            fail_msg("line %zu: %d, plan %s, journal \"%s\", regenerated %u, written %u: %s", i,
                     status, world_plan_state(world, id), world_journal(world, id),
                     world->sources[0].regenerated[1], world->copies[0].writes,
                     json_string_in(answer.document, "why"));
        if (strcmp(expected->state, "open") == 0)
            assert_int_equal(fake_store_count(&world->store, RECORD_USED_TOKEN, NULL), 0);
        else
            assert_int_equal(fake_store_count(&world->store, RECORD_USED_TOKEN, id), 1);
        world_answer_clear(&answer);
        world_free(world);
    }
}

TEST(a_lost_regenerate_is_sent_again_only_after_its_time_and_after_the_log_was_asked)
{
    struct world *world = world_of("rotate");
    struct world_answer answer;
    const char *log, *last;
    char id[PLAN_ID_SIZE];

    assert_true(world_plan(world, "rotate", id));
    fake_fail(&world->clock, (struct fake_fault){"source.regenerate", 1, FAILURE_AMBIGUOUS});
    assert_int_equal(world_apply(world, id, &answer), 409);
    world_answer_clear(&answer);
    watch_on(world, 23 MINUTES);
    assert_int_equal(fake_count(&world->clock, "source.regenerate"), 1);
    assert_int_equal(fake_count(&world->clock, "source.find_request"), 0);
    assert_true(world_run(world, 20 MINUTES));
    assert_int_equal(fake_count(&world->clock, "source.regenerate"), 2);
    log = strstr(world->clock.trace.start, "source.find_request");
    last = strstr(strstr(world->clock.trace.start, "source.regenerate") + 1, "source.regenerate");
    assert_non_null(log);
    assert_true(log < last);
    assert_string_equal(world_plan_state(world, id), "done");
    expect_nothing_twice(world, "resend");
    world_free(world);
}

/* The copy still works, so nothing else would tell anybody. */
TEST(a_rotation_that_stands_still_is_told_until_it_has_ended)
{
    struct world *world = world_of("rotate");
    struct world_answer answer;
    const struct fake_alert *alert;
    char id[PLAN_ID_SIZE];

    assert_true(world_plan(world, "rotate", id));
    fake_fail(&world->clock,
              (struct fake_fault){"source.regenerate", 1, FAILURE_AMBIGUOUS, .after_effect = true});
    memcpy(world->sources[0].shown, world->sources[0].keys, sizeof(world->sources[0].shown));
    world->sources[0].stale_lists = 100000;
    assert_int_equal(world_apply(world, id, &answer), 409);
    world_answer_clear(&answer);
    watch_on(world, 1 MINUTES);
    assert_int_equal(fake_sink_count(&world->sinks[0], ALERT_FIRING), 0);
    assert_true(world_run(world, 1 HOURS));
    alert = fake_sink_last(&world->sinks[0], ALERT_FIRING);
    assert_non_null(alert);
    assert_non_null(strstr(json_string_in(alert->body, "why"), "stands still"));
    assert_non_null(strstr(json_string_in(alert->body, "next"), "rotate nachet"));
    assert_int_equal(fake_sink_count(&world->sinks[0], ALERT_FIRING), 1);
    assert_int_equal(fake_sink_count(&world->sinks[0], ALERT_RESOLVED), 0);
    /* Neither a restart ends it ... */
    watch_on(world, 1 HOURS);
    assert_int_equal(fake_sink_count(&world->sinks[0], ALERT_FIRING), 1);
    assert_int_equal(fake_sink_count(&world->sinks[0], ALERT_RESOLVED), 0);
    /* ... only its end does. */
    world->sources[0].stale_lists = 0;
    assert_true(world_run(world, 10 MINUTES));
    assert_string_equal(world_plan_state(world, id), "done");
    assert_int_equal(fake_sink_count(&world->sinks[0], ALERT_RESOLVED), 1);
    world_free(world);
}

TEST(a_rotation_that_needs_a_person_is_told_with_what_it_says)
{
    struct world *world = world_of("rotate");
    struct world_answer answer;
    const struct fake_alert *alert;
    char id[PLAN_ID_SIZE];

    watch_on(world, 1 MINUTES);
    assert_true(world_plan(world, "rotate", id));
    fake_fail(&world->clock, (struct fake_fault){"source.regenerate", 1, FAILURE_DENIED});
    assert_int_equal(world_apply(world, id, &answer), 409);
    world_answer_clear(&answer);
    assert_true(world_run(world, 5 MINUTES));
    alert = fake_sink_last(&world->sinks[0], ALERT_FIRING);
    assert_non_null(alert);
    assert_non_null(strstr(json_string_in(alert->body, "why"), "refused to regenerate"));
    assert_non_null(strstr(json_string_in(alert->body, "next"), "show inc-"));
    world_free(world);
}

TEST(a_regenerate_the_log_knows_is_never_sent_again)
{
    struct world *world = world_of("rotate");
    struct world_answer answer;
    char id[PLAN_ID_SIZE];

    assert_true(world_plan(world, "rotate", id));
    fake_fail(&world->clock,
              (struct fake_fault){"source.regenerate", 1, FAILURE_AMBIGUOUS, .after_effect = true});
    memcpy(world->sources[0].shown, world->sources[0].keys, sizeof(world->sources[0].shown));
    world->sources[0].stale_lists = 100000;
    assert_int_equal(world_apply(world, id, &answer), 409);
    world_answer_clear(&answer);
    watch_on(world, 3 HOURS);
    assert_true(fake_count(&world->clock, "source.find_request") > 0);
    assert_int_equal(fake_count(&world->clock, "source.regenerate"), 1);
    world->sources[0].stale_lists = 0;
    assert_true(world_run(world, 10 MINUTES));
    assert_string_equal(world_plan_state(world, id), "done");
    expect_nothing_twice(world, "log");
    world_free(world);
}

TEST(a_slot_that_somebody_wrote_into_the_copy_meanwhile_is_not_regenerated)
{
    /* Once right after the approvals were used, once while waiting to send a lost one again. */
    for (unsigned waits = 0; waits < 2; waits++) {
        struct world *world = world_of("rotate");
        struct world_answer answer;
        char id[PLAN_ID_SIZE];

        assert_true(world_plan(world, "rotate", id));
        if (waits) {
            fake_fail(&world->clock,
                      (struct fake_fault){"source.regenerate", 1, FAILURE_AMBIGUOUS});
            assert_int_equal(world_apply(world, id, &answer), 409);
            world_answer_clear(&answer);
            fake_copy_put(&world->copies[0], "key-secondary-2");
            watch_on(world, 2 HOURS);
        } else {
            char path[100], body[400], token[FAKE_TOKEN_SIZE];

            world_token(world, id, "ana", token);
            snprintf(path, sizeof(path), "/v1/plans/%s/apply", id);
            snprintf(body, sizeof(body), "{\"tokens\":[\"%s\"]}", token);
            world_ask(world, &answer, "POST", path, "dev", body);
            while (!strstr(world->clock.trace.start, "journal:regenerating"))
                assert_true(fake_clock_step(&world->clock));
            fake_copy_put(&world->copies[0], "key-secondary-2");
            assert_true(world_wait(world, &answer) && world_run(world, 1 SECONDS));
            world_answer_clear(&answer);
        }
        assert_int_equal(world->sources[0].regenerated[1], 0);
        assert_string_equal(world_plan_state(world, id), "needs_human");
        world_free(world);
    }
}

/* ---- the world moves on ---------------------------------------------------------------------- */

/* Steps until `line` was begun. */
static void run_to(struct world *world, const char *line)
{
    while (!fake_count(&world->clock, line))
        assert_true(fake_clock_step(&world->clock));
}

static void apply_to(struct world *world, const char *id, struct world_answer *answer,
                     const char *line)
{
    char path[100], body[400], token[FAKE_TOKEN_SIZE];

    world_token(world, id, "ana", token);
    snprintf(path, sizeof(path), "/v1/plans/%s/apply", id);
    snprintf(body, sizeof(body), "{\"tokens\":[\"%s\"]}", token);
    buffer_reset(&world->clock.trace);
    world_ask(world, answer, "POST", path, "dev", body);
    run_to(world, line);
}

TEST(what_somebody_else_wrote_is_not_overwritten)
{
    struct world *world = world_of("write_back");
    struct world_answer answer;
    char id[PLAN_ID_SIZE];

    assert_true(world_plan(world, "write_back", id));
    apply_to(world, id, &answer, "copy.write");
    fake_copy_put(&world->copies[0], "another-value");
    assert_true(world_wait(world, &answer));
    assert_int_equal(answer.status, 409);
    assert_int_equal(world->copies[0].writes, 0);
    assert_int_equal(world->copies[0].conflicts, 1);
    assert_string_equal(world->copies[0].value, "another-value");
    assert_string_equal(json_string_in(answer.document, "state"), "needs_human");
    world_answer_clear(&answer);
    world_free(world);
}

TEST(a_key_that_is_no_longer_the_sources_is_not_written)
{
    struct world *world = world_of("write_back");
    struct world_answer answer;
    char id[PLAN_ID_SIZE];

    assert_true(world_plan(world, "write_back", id));
    apply_to(world, id, &answer, "commit journal:writing");
    fake_source_regenerate(&world->sources[0], 0, "mallory@example.org");
    assert_true(world_wait(world, &answer) && world_run(world, 1 SECONDS));
    assert_int_equal(answer.status, 409);
    assert_int_equal(fake_count(&world->clock, "copy.write"), 0);
    assert_string_equal(world_plan_state(world, id), "needs_human");
    world_answer_clear(&answer);
    world_free(world);
}

TEST(a_source_that_moves_on_after_the_write_is_for_a_person_and_soon)
{
    struct world *world = world_of("write_back");
    struct world_answer answer;
    char id[PLAN_ID_SIZE];

    assert_true(world_plan(world, "write_back", id));
    apply_to(world, id, &answer, "commit journal:probing");
    fake_source_regenerate(&world->sources[0], 0, "mallory@example.org");
    assert_true(world_wait(world, &answer) && world_run(world, 1 SECONDS));
    assert_string_equal(json_string_in(answer.document, "state"), "needs_human");
    assert_non_null(strstr(json_string_in(answer.document, "why"), "regenerated again"));
    assert_string_equal(world_journal(world, id), "locked writing verifying probing needs_human");
    world_answer_clear(&answer);
    world_free(world);
}

TEST(a_rotation_whose_new_key_is_replaced_writes_only_a_key_it_proved)
{
    struct world *world = world_of("rotate");
    struct world_answer answer;
    char id[PLAN_ID_SIZE];

    assert_true(world_plan(world, "rotate", id));
    apply_to(world, id, &answer, "commit journal:writing");
    fake_source_regenerate(&world->sources[0], 1, "mallory@example.org");
    assert_true(world_wait(world, &answer));
    assert_int_equal(answer.status, 200);
    assert_int_equal(fake_count(&world->clock, "source.probe key-secondary-4"), 3);
    assert_int_equal(fake_count(&world->clock, "copy.write key-secondary-3"), 0);
    assert_string_equal(world->copies[0].value, "key-secondary-4");
    world_answer_clear(&answer);
    world_free(world);
}

TEST(a_new_key_that_does_not_work_is_not_written)
{
    struct world *world = world_of("rotate");
    struct world_answer answer;
    char id[PLAN_ID_SIZE];

    assert_true(world_plan(world, "rotate", id));
    apply_to(world, id, &answer, "commit journal:probing");
    world->sources[0].red_probes = 100000;
    assert_true(world_wait(world, &answer));
    assert_int_equal(world->copies[0].writes, 0);
    assert_string_equal(json_string_in(answer.document, "state"), "executing");
    assert_non_null(strstr(json_string_in(answer.document, "why"), "not green"));
    world_answer_clear(&answer);
    world->sources[0].red_probes = 3;
    watch_on(world, 10 MINUTES);
    assert_string_equal(world_plan_state(world, id), "done");
    expect_nothing_twice(world, "red");
    world_free(world);
}

TEST(a_rotation_is_refused_while_callers_are_not_served)
{
    struct world *world = world_of("rotate");
    struct world_answer answer;
    char id[PLAN_ID_SIZE];

    assert_true(world_plan(world, "rotate", id));
    world->sources[0].red_probes = 1;
    assert_int_equal(world_apply(world, id, &answer), 409);
    assert_string_equal(json_string_in(answer.document, "state"), "open");
    assert_int_equal(fake_store_count(&world->store, RECORD_USED_TOKEN, NULL), 0);
    assert_int_equal(fake_count(&world->clock, "source.regenerate"), 0);
    world_answer_clear(&answer);
    world_free(world);
}

TEST(a_plan_whose_binding_now_names_another_copy_is_not_executed)
{
    struct world *world = world_of("write_back");
    struct world_answer answer;
    char id[PLAN_ID_SIZE];

    assert_true(world_plan(world, "write_back", id));
    world_stop(world);
    world->copies[0].port.path = "nachet/frontend";
    assert_true(world_start(world, false));
    assert_int_equal(world_apply(world, id, &answer), 409);
    assert_string_equal(json_string_in(answer.document, "state"), "superseded");
    assert_int_equal(world->copies[0].writes, 0);
    world_answer_clear(&answer);
    world_free(world);
}

int main(void)
{
    return RUN(
        CASE(whatever_fails_in_a_write_back_nothing_is_written_twice),
        CASE(whatever_fails_in_a_rotation_nothing_is_regenerated_twice),
        CASE(each_bad_answer_leads_where_it_should),
        CASE(a_lost_regenerate_is_sent_again_only_after_its_time_and_after_the_log_was_asked),
        CASE(a_rotation_that_stands_still_is_told_until_it_has_ended),
        CASE(a_rotation_that_needs_a_person_is_told_with_what_it_says),
        CASE(a_regenerate_the_log_knows_is_never_sent_again),
        CASE(a_slot_that_somebody_wrote_into_the_copy_meanwhile_is_not_regenerated),
        CASE(what_somebody_else_wrote_is_not_overwritten),
        CASE(a_key_that_is_no_longer_the_sources_is_not_written),
        CASE(a_source_that_moves_on_after_the_write_is_for_a_person_and_soon),
        CASE(a_rotation_whose_new_key_is_replaced_writes_only_a_key_it_proved),
        CASE(a_new_key_that_does_not_work_is_not_written),
        CASE(a_rotation_is_refused_while_callers_are_not_served),
        CASE(a_plan_whose_binding_now_names_another_copy_is_not_executed));
}
