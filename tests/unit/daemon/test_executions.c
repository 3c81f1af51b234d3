/* SPDX-License-Identifier: Apache-2.0 */
/* Write-back and rotation when everything answers: which calls are made in which order, and that
 * the journal comes before each step. */
#include "tests/support/test.h"
#include "tests/support/world.h"

#include "net/json.h"

#include <string.h>

/* An agent that does not watch, so that the trace holds the execution's calls only. */
static struct world *world_to_repair(void)
{
    struct world *world = world_new();

    fake_source_regenerate(&world->sources[0], 0, "ana@example.org");
    assert_true(world_start(world, false));
    return world;
}

static void expect_trace(struct world *world, const char *expected)
{
    assert_string_equal(world->clock.trace.start ? world->clock.trace.start : "", expected);
}

TEST(a_write_back_journals_each_step_before_it_takes_it)
{
    struct world *world = world_to_repair();
    struct world_answer answer;
    char id[PLAN_ID_SIZE];

    assert_true(world_plan(world, "write_back", id));
    buffer_reset(&world->clock.trace);
    assert_int_equal(world_apply(world, id, &answer), 200);
    assert_true(world_run(world, 1 SECONDS));
    assert_string_equal(json_string_in(answer.document, "state"), "done");
    assert_int_equal(json_integer_at(answer.document, "exit", -1), 0);
    expect_trace(world, "query used_token\n"
                        "commit timeline audit approval\n"
                        "query approval\n"
                        "source.list\n"
                        "copy.read\n"
                        "copy.rights\n"
                        "commit used_token journal:locked plan:executing timeline audit\n"
                        "commit binding:healthy\n"
                        "commit journal:writing timeline audit\n"
                        "source.list\n"
                        "copy.write key-primary-3\n"
                        "commit journal:verifying timeline audit\n"
                        "source.list\n"
                        "copy.read\n"
                        "commit journal:probing timeline audit\n"
                        "source.list\n"
                        "source.probe key-primary-3\n"
                        "source.list\n"
                        "source.probe key-primary-3\n"
                        "commit journal:done plan:done timeline audit binding:healthy\n");
    assert_string_equal(world->copies[0].value, "key-primary-3");
    assert_int_equal(world->copies[0].writes, 1);
    assert_string_equal(world_plan_state(world, id), "done");
    world_answer_clear(&answer);
    world_free(world);
}

TEST(a_rotation_regenerates_the_slot_the_copy_does_not_hold_and_proves_the_key_first_and_last)
{
    struct world *world = world_new();
    struct world_answer answer;
    char id[PLAN_ID_SIZE];

    assert_true(world_start(world, false));
    assert_true(world_plan(world, "rotate", id));
    buffer_reset(&world->clock.trace);
    assert_int_equal(world_apply(world, id, &answer), 200);
    assert_true(world_run(world, 1 SECONDS));
    assert_string_equal(json_string_in(answer.document, "state"), "done");
    expect_trace(world, "query used_token\n"
                        "commit timeline audit approval\n"
                        "query approval\n"
                        "source.list\n"
                        "copy.read\n"
                        "copy.rights\n"
                        "source.probe key-primary-1\n"
                        "commit used_token journal:locked plan:executing timeline audit\n"
                        "commit binding:healthy\n"
                        "commit journal:regenerating timeline audit\n"
                        "source.list\n"
                        "copy.read\n"
                        "source.regenerate secondary\n"
                        "commit journal:confirming timeline audit\n"
                        "source.list\n"
                        "commit journal:probing timeline audit\n"
                        "source.list\n"
                        "source.probe key-secondary-3\n"
                        "source.list\n"
                        "source.probe key-secondary-3\n"
                        "commit journal:writing timeline audit\n"
                        "source.list\n"
                        "copy.write key-secondary-3\n"
                        "commit journal:verifying timeline audit\n"
                        "source.list\n"
                        "copy.read\n"
                        "commit journal:settling timeline audit\n"
                        "source.list\n"
                        "copy.read\n"
                        "source.probe key-secondary-3\n"
                        "commit journal:done plan:done timeline audit binding:healthy\n");
    assert_string_equal(world->copies[0].value, "key-secondary-3");
    assert_string_equal(world->sources[0].keys[0], "key-primary-1");
    world_answer_clear(&answer);
    world_free(world);
}

int main(void)
{
    return RUN(
        CASE(a_write_back_journals_each_step_before_it_takes_it),
        CASE(
            a_rotation_regenerates_the_slot_the_copy_does_not_hold_and_proves_the_key_first_and_last));
}
