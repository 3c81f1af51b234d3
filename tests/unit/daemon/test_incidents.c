/* SPDX-License-Identifier: Apache-2.0 */
/* The life of an incident, from the first suspicion to the resolved alert, as the receivers see it.
 */
#include "tests/support/test.h"
#include "tests/support/world.h"

#include "net/json.h"

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

int main(void)
{
    return RUN(CASE(a_confirmed_drift_is_told_once_to_every_sink),
               CASE(a_firing_alert_says_who_did_it_what_callers_see_and_what_repairs_it));
}
