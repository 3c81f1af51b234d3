/* SPDX-License-Identifier: Apache-2.0 */
/* A kill at every boundary: before and after each commit and each call took effect. Afterwards the
 * next agent must end what was begun, without doing anything twice. */
#include "tests/support/test.h"
#include "tests/support/world.h"

#include "net/json.h"

#include <string.h>

enum going_on { BY_WATCHING, BY_ASKING_AGAIN };

struct story {
    const char *action;
    bool has_drift;
};

static struct world *world_of(const struct story *story)
{
    struct world *world = world_new();

    if (story->has_drift)
        fake_source_regenerate(&world->sources[0], 0, "mallory@example.org");
    return world;
}

/* Everything until the plan is done, as a person would go about it. False when killed. */
static bool live(struct world *world, const struct story *story, enum going_on how, char *id)
{
    char body[400], token[FAKE_TOKEN_SIZE], path[120];
    int status;

    if (!world_start(world, how == BY_WATCHING) || !world_run(world, 30 SECONDS))
        return false;
    if (id[0] && strcmp(world_plan_state(world, id), "executing") != 0 &&
        strcmp(world_plan_state(world, id), "open") != 0)
        return true;
    if (!id[0] && !world_plan(world, story->action, id))
        return false;
    if (strcmp(world_plan_state(world, id), "executing") == 0 && how == BY_WATCHING)
        return true;
    world_token(world, id, "ana", token);
    snprintf(path, sizeof(path), "/v1/plans/%s/apply", id);
    snprintf(body, sizeof(body), "{\"tokens\":[\"%s\"]}", token);
    status = world_call(world, &world->answer, "POST", path, "dev", body);
    if (world->answer.is_done)
        world_answer_clear(&world->answer);
    return status != 0;
}

static void expect_consistent(struct world *world, const struct story *story, enum going_on how,
                              const char *id, unsigned boundary)
{
    struct fake_source *source = &world->sources[0];
    struct fake_copy *copy = &world->copies[0];
    bool is_rotation = strcmp(story->action, "rotate") == 0;
    unsigned regenerated = is_rotation ? 1 : 0;

    if (strcmp(world_plan_state(world, id), "done") != 0)
        fail_msg("boundary %u: plan is %s, journal: %s", boundary, world_plan_state(world, id),
                 world_journal(world, id));
    if (source->regenerated[0] != 0 || source->regenerated[1] != regenerated || copy->writes != 1 ||
        strcmp(copy->value, source->keys[is_rotation ? 1 : 0]) != 0)
        fail_msg("boundary %u: regenerated %u and %u times, written %u times, the copy is %s",
                 boundary, source->regenerated[0], source->regenerated[1], copy->writes,
                 copy->value);
    if (world->store.is_locked || fake_store_count(&world->store, RECORD_OUTBOX, NULL))
        fail_msg("boundary %u: something is left behind", boundary);
    for (size_t i = 0; story->has_drift && how == BY_WATCHING && i < 2; i++)
        if (fake_sink_count(&world->sinks[i], ALERT_FIRING) != 1 ||
            fake_sink_count(&world->sinks[i], ALERT_RESOLVED) != 1)
            fail_msg("boundary %u: %zu firing, %zu resolved alerts", boundary,
                     fake_sink_count(&world->sinks[i], ALERT_FIRING),
                     fake_sink_count(&world->sinks[i], ALERT_RESOLVED));
}

/* Time to settle; where nobody watched so far, also the alerts must get out. */
static void settle(struct world *world, enum going_on how)
{
    if (how == BY_ASKING_AGAIN) {
        world_stop(world);
        assert_true(world_start(world, true));
    }
    /* A regenerate that was never sent is sent again after 30 minutes. */
    assert_true(world_run(world, 1 HOURS));
}

/* Goes on until nobody kills it any more: once again after `second` boundaries, unless that is 0.
 */
static void outlive(struct world *world, const struct story *story, enum going_on how, char *id,
                    unsigned second)
{
    unsigned lives = 0;

    world->clock.crash_at = second ? world->clock.boundaries + second : 0;
    while (!live(world, story, how, id) || !world_run(world, 2 MINUTES)) {
        assert_true(++lives < 5);
        world_bury(world);
    }
    world->clock.crash_at = 0;
    settle(world, how);
}

static unsigned boundaries_of(const struct story *story, enum going_on how)
{
    struct world *world = world_of(story);
    char id[PLAN_ID_SIZE] = "";
    unsigned boundaries;

    assert_true(live(world, story, how, id));
    assert_true(world_run(world, 1 MINUTES));
    boundaries = world->clock.boundaries;
    settle(world, how);
    expect_consistent(world, story, how, id, 0);
    world_free(world);
    return boundaries;
}

enum ending { KILLED, CLOSED };

/* Closing in order loses nothing either, and takes no longer than the commits under way. */
static void end_life(struct world *world, enum ending ending, unsigned boundary)
{
    int64_t took_ms;

    if (ending == KILLED) {
        world_bury(world);
        return;
    }
    took_ms = world_stop(world);
    if (took_ms > 20)
        fail_msg("boundary %u: closing took %lld ms", boundary, (long long)took_ms);
    if (world->answer.operation)
        fail_msg("boundary %u: a request got no answer", boundary);
    world_answer_clear(&world->answer);
}

static void survive_all(const struct story *story, enum going_on how, enum ending ending,
                        unsigned second)
{
    unsigned boundaries = boundaries_of(story, how);

    for (unsigned boundary = 1; boundary <= boundaries; boundary++) {
        struct world *world = world_of(story);
        char id[PLAN_ID_SIZE] = "";

        *(ending == KILLED ? &world->clock.crash_at : &world->clock.stop_at) = boundary;
        if (live(world, story, how, id) && world_run(world, 1 MINUTES))
            fail_msg("boundary %u of %u was not reached", boundary, boundaries);
        end_life(world, ending, boundary);
        outlive(world, story, how, id, second);
        expect_consistent(world, story, how, id, boundary);
        world_free(world);
    }
}

static const struct story repair = {"write_back", .has_drift = true};
static const struct story rotation = {"rotate"};

TEST(a_write_back_killed_anywhere_goes_on_with_the_next_daemon)
{
    survive_all(&repair, BY_WATCHING, KILLED, 0);
}

TEST(a_write_back_killed_anywhere_goes_on_with_the_same_command)
{
    survive_all(&repair, BY_ASKING_AGAIN, KILLED, 0);
}

TEST(a_rotation_killed_anywhere_goes_on_with_the_next_daemon)
{
    survive_all(&rotation, BY_WATCHING, KILLED, 0);
}

TEST(a_rotation_killed_anywhere_goes_on_with_the_same_command)
{
    survive_all(&rotation, BY_ASKING_AGAIN, KILLED, 0);
}

/* Every so often only: the pairs are many. */
static void survive_pairs(const struct story *story)
{
    for (unsigned second = 1; second < 80; second += 19)
        survive_all(story, BY_WATCHING, KILLED, second);
}

TEST(a_write_back_killed_twice_goes_on)
{
    survive_pairs(&repair);
}

TEST(a_rotation_killed_twice_goes_on)
{
    survive_pairs(&rotation);
}

TEST(a_write_back_closed_anywhere_goes_on_with_the_next_daemon)
{
    survive_all(&repair, BY_WATCHING, CLOSED, 0);
}

TEST(a_rotation_closed_anywhere_goes_on_with_the_next_daemon)
{
    survive_all(&rotation, BY_WATCHING, CLOSED, 0);
}

TEST(a_rotation_closed_anywhere_goes_on_with_the_same_command)
{
    survive_all(&rotation, BY_ASKING_AGAIN, CLOSED, 0);
}

/* ---- more than one --------------------------------------------------------------------------- */

static void plan_for(struct world *world, const char *binding, char id[PLAN_ID_SIZE])
{
    struct world_answer answer;
    char body[100];

    snprintf(body, sizeof(body), "{\"binding\":\"%s\"}", binding);
    world_call(world, &answer, "POST", "/v1/plans", "dev", body);
    snprintf(id, PLAN_ID_SIZE, "%s", json_string_in(answer.document, "plan_id"));
    world_answer_clear(&answer);
}

TEST(every_interrupted_plan_goes_on_after_a_restart)
{
    struct world *world = world_new();
    static const char *const names[] = {"nachet", "seedling"};
    struct world_answer answer;
    char ids[2][PLAN_ID_SIZE];

    world->config.binding_count = 2;
    world->copies[1].port.path = "seedling/backend";
    for (size_t i = 0; i < 2; i++)
        fake_source_regenerate(&world->sources[i], 0, "mallory@example.org");
    assert_true(world_start(world, false));
    for (size_t i = 0; i < 2; i++) { /* each is stopped by a write that never ends */
        plan_for(world, names[i], ids[i]);
        fake_fail(&world->clock, (struct fake_fault){"copy.write", 1, .hangs = true});
        world_apply(world, ids[i], &answer);
        world_stop(world);
        world_answer_clear(&answer);
        world->clock.fault_count = 0;
        world->copies[i].version.number = 7; /* that write never arrived */
        world->copies[i].version.created_at = FAKE_START - 86400000;
        strcpy(world->copies[i].value, "key-primary-1");
        world->copies[i].writes = 0;
        assert_string_equal(world_plan_state(world, ids[i]), "executing");
        assert_true(world_start(world, false));
    }
    world_stop(world);
    assert_true(world_start(world, true));
    assert_true(world_run(world, 1 MINUTES));
    for (size_t i = 0; i < 2; i++) {
        assert_string_equal(world_plan_state(world, ids[i]), "done");
        assert_int_equal(world->copies[i].writes, 1);
    }
    world_free(world);
}

/* ---- incidents ------------------------------------------------------------------------------- */

/* Drift, its alert, somebody's repair, the resolved alert: as much of it as is left to live
 * through. */
static bool live_through_incident(struct world *world, int64_t repaired_at, int64_t until)
{
    if (!world_start(world, true))
        return false;
    if (world->clock.now < repaired_at && !world_run(world, repaired_at - world->clock.now))
        return false;
    if (strcmp(world->copies[0].value, world->sources[0].keys[0]) != 0)
        fake_copy_put(&world->copies[0], world->sources[0].keys[0]);
    return world_run(world, until - world->clock.now);
}

static unsigned survive_incident(unsigned boundary, enum ending ending)
{
    int64_t repaired_at = FAKE_START + 3 MINUTES, until = FAKE_START + 6 MINUTES;
    struct world *world = world_new();
    unsigned boundaries;

    fake_source_regenerate(&world->sources[0], 0, "ana@example.org");
    *(ending == KILLED ? &world->clock.crash_at : &world->clock.stop_at) = boundary;
    if (!live_through_incident(world, repaired_at, until)) {
        end_life(world, ending, boundary);
        assert_true(live_through_incident(world, repaired_at, until));
    }
    boundaries = world->clock.boundaries;
    for (size_t i = 0; i < 2; i++) {
        const struct fake_alert *firing = fake_sink_last(&world->sinks[i], ALERT_FIRING);
        const struct fake_alert *resolved = fake_sink_last(&world->sinks[i], ALERT_RESOLVED);

        if (fake_sink_count(&world->sinks[i], ALERT_FIRING) != 1 ||
            fake_sink_count(&world->sinks[i], ALERT_RESOLVED) != 1)
            fail_msg("boundary %u: %zu firing, %zu resolved alerts", boundary,
                     fake_sink_count(&world->sinks[i], ALERT_FIRING),
                     fake_sink_count(&world->sinks[i], ALERT_RESOLVED));
        assert_string_equal(firing->dedup_key, resolved->dedup_key);
        assert_true(firing->at < resolved->at);
    }
    assert_int_equal(fake_store_count(&world->store, RECORD_INCIDENT, NULL), 1);
    assert_int_equal(fake_store_count(&world->store, RECORD_OUTBOX, NULL), 0);
    assert_int_equal(fake_store_audited(&world->store, "incident_opened"), 1);
    assert_int_equal(fake_store_audited(&world->store, "incident_resolved"), 1);
    world_free(world);
    return boundaries;
}

TEST(an_incident_survives_a_kill_at_every_boundary_with_one_firing_and_one_resolved_alert)
{
    unsigned boundaries = survive_incident(0, KILLED);

    for (unsigned boundary = 1; boundary <= boundaries; boundary++)
        survive_incident(boundary, KILLED);
}

TEST(an_incident_survives_being_closed_at_every_boundary)
{
    unsigned boundaries = survive_incident(0, CLOSED);

    for (unsigned boundary = 1; boundary <= boundaries; boundary++)
        survive_incident(boundary, CLOSED);
}

int main(void)
{
    return RUN(
        CASE(every_interrupted_plan_goes_on_after_a_restart),
        CASE(a_write_back_closed_anywhere_goes_on_with_the_next_daemon),
        CASE(a_rotation_closed_anywhere_goes_on_with_the_next_daemon),
        CASE(a_rotation_closed_anywhere_goes_on_with_the_same_command),
        CASE(an_incident_survives_a_kill_at_every_boundary_with_one_firing_and_one_resolved_alert),
        CASE(an_incident_survives_being_closed_at_every_boundary),
        CASE(a_write_back_killed_twice_goes_on), CASE(a_rotation_killed_twice_goes_on),
        CASE(a_write_back_killed_anywhere_goes_on_with_the_next_daemon),
        CASE(a_write_back_killed_anywhere_goes_on_with_the_same_command),
        CASE(a_rotation_killed_anywhere_goes_on_with_the_next_daemon),
        CASE(a_rotation_killed_anywhere_goes_on_with_the_same_command));
}
