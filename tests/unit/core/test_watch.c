/* SPDX-License-Identifier: Apache-2.0 */
/* Sequences of reads in virtual time: what each leads to. */
#include "agent/core/incident.h"
#include "tests/support/test.h"

static const struct watch_policy twice = {
    .confirm = 2,
    .confirm_delay_ms = 10,
    .repeat_ms = 1000,
    .blind_after_ms = 300,
};

#define MATCH   VERDICT_MATCH
#define STALE   VERDICT_STALE
#define UNKNOWN VERDICT_UNKNOWN

#define SOON   ACTION_CHECK_SOON
#define NOTE   ACTION_NOTE
#define OPENED (ACTION_OPEN | ACTION_ALERT_FIRING | ACTION_FIND_CULPRIT | ACTION_PROPOSE | NOTE)
#define OVER   (ACTION_ALERT_RESOLVED | NOTE)

struct turn {
    int64_t now;
    enum verdict verdict;
    enum incident_state state;
    unsigned actions;
    enum blind_change blind;
};

static void follow(struct watch *watch, const struct watch_policy *policy, const struct turn *turns,
                   size_t count)
{
    for (size_t i = 0; i < count; i++) {
        enum incident_state before = watch->state;
        struct watch_outcome outcome = watch_read(watch, turns[i].verdict, policy, turns[i].now);

        if (watch->state != turns[i].state || outcome.actions != turns[i].actions ||
            outcome.blind != turns[i].blind || outcome.before != before)
            fail_msg("at %lld: %s, actions %#x, blind %d", (long long)turns[i].now,
                     incident_state_name(watch->state), outcome.actions, (int)outcome.blind);
    }
}
#define FOLLOW(watch, policy, ...)                                                                 \
    follow(watch, policy, (const struct turn[]){__VA_ARGS__},                                      \
           sizeof((const struct turn[]){__VA_ARGS__}) / sizeof(struct turn))

static void break_it(struct watch *watch)
{
    FOLLOW(watch, &twice, {100, STALE, INCIDENT_SUSPECTED, SOON},
           {110, STALE, INCIDENT_OPEN, OPENED});
}

TEST(a_divergence_is_believed_after_two_reads_and_over_after_two)
{
    struct watch watch = {0};

    FOLLOW(&watch, &twice, {50, MATCH, INCIDENT_HEALTHY, 0});
    break_it(&watch);
    assert_int_equal(watch.since, 100);
    assert_int_equal(watch.alerted_at, 110);
    FOLLOW(&watch, &twice, {200, STALE, INCIDENT_OPEN, 0},
           {300, MATCH, INCIDENT_RECOVERING, SOON | NOTE}, {310, MATCH, INCIDENT_HEALTHY, OVER},
           {400, MATCH, INCIDENT_HEALTHY, 0});
    assert_int_equal(watch.since, 0);
    assert_int_equal(watch.alerted_at, 0);
}

TEST(one_stale_read_alone_is_no_incident)
{
    struct watch watch = {0};

    FOLLOW(&watch, &twice, {100, STALE, INCIDENT_SUSPECTED, SOON},
           {110, MATCH, INCIDENT_HEALTHY, 0}, {200, STALE, INCIDENT_SUSPECTED, SOON},
           {210, MATCH, INCIDENT_HEALTHY, 0});
    assert_int_equal(watch.since, 0);
}

TEST(with_confirm_one_the_first_read_is_believed)
{
    struct watch_policy once = twice;
    struct watch watch = {0};

    once.confirm = 1;
    FOLLOW(&watch, &once, {100, STALE, INCIDENT_OPEN, OPENED},
           {200, MATCH, INCIDENT_HEALTHY, OVER});
}

TEST(with_confirm_three_the_third_read_is_believed)
{
    struct watch_policy thrice = twice;
    struct watch watch = {0};

    thrice.confirm = 3;
    FOLLOW(&watch, &thrice, {100, STALE, INCIDENT_SUSPECTED, SOON},
           {110, STALE, INCIDENT_SUSPECTED, SOON}, {120, STALE, INCIDENT_OPEN, OPENED},
           {200, MATCH, INCIDENT_RECOVERING, SOON | NOTE}, {210, MATCH, INCIDENT_RECOVERING, SOON},
           {220, MATCH, INCIDENT_HEALTHY, OVER});
}

TEST(reads_from_before_drift_do_not_confirm_health_after_it)
{
    struct watch watch = {0};

    FOLLOW(&watch, &twice, {10, MATCH, INCIDENT_HEALTHY, 0}, {20, MATCH, INCIDENT_HEALTHY, 0});
    break_it(&watch);
    FOLLOW(&watch, &twice, {200, MATCH, INCIDENT_RECOVERING, SOON | NOTE});
}

TEST(unknown_interrupts_a_run_towards_in_sync)
{
    struct watch watch = {0};

    break_it(&watch);
    FOLLOW(&watch, &twice, {200, MATCH, INCIDENT_RECOVERING, SOON | NOTE},
           {210, UNKNOWN, INCIDENT_RECOVERING, 0}, {220, MATCH, INCIDENT_RECOVERING, SOON},
           {230, MATCH, INCIDENT_HEALTHY, OVER});
}

TEST(unknown_does_not_reset_a_run_towards_drift)
{
    struct watch watch = {0};

    FOLLOW(&watch, &twice, {100, STALE, INCIDENT_SUSPECTED, SOON},
           {110, UNKNOWN, INCIDENT_SUSPECTED, 0}, {120, STALE, INCIDENT_OPEN, OPENED});
    assert_int_equal(watch.since, 100);
}

TEST(another_kind_of_drift_keeps_the_incident)
{
    struct watch watch = {0};

    break_it(&watch);
    FOLLOW(&watch, &twice, {200, VERDICT_DELETED, INCIDENT_OPEN, 0},
           {210, VERDICT_DELETED, INCIDENT_OPEN, 0}, {220, STALE, INCIDENT_OPEN, 0});
    assert_int_equal(watch.since, 100);
}

TEST(drift_that_comes_back_while_recovering_is_the_same_incident)
{
    struct watch watch = {0};

    break_it(&watch);
    FOLLOW(&watch, &twice, {200, MATCH, INCIDENT_RECOVERING, SOON | NOTE},
           {210, STALE, INCIDENT_OPEN, NOTE}, {220, STALE, INCIDENT_OPEN, 0});
    assert_int_equal(watch.since, 100);
}

TEST(an_open_incident_alerts_again_when_it_is_time)
{
    struct watch watch = {0};

    break_it(&watch);
    FOLLOW(&watch, &twice, {1109, STALE, INCIDENT_OPEN, 0},
           {1110, STALE, INCIDENT_OPEN, ACTION_ALERT_REPEATED}, {2109, STALE, INCIDENT_OPEN, 0},
           {2110, STALE, INCIDENT_OPEN, ACTION_ALERT_REPEATED});
}

TEST(an_open_incident_alerts_again_also_when_nothing_can_be_read)
{
    struct watch watch = {0};

    break_it(&watch);
    FOLLOW(&watch, &twice, {1050, UNKNOWN, INCIDENT_OPEN, 0},
           {1150, UNKNOWN, INCIDENT_OPEN, ACTION_ALERT_REPEATED});
}

TEST(nothing_is_repeated_without_a_repeat_time_or_after_it_is_over)
{
    struct watch_policy never = twice;
    struct watch watch = {0};

    never.repeat_ms = 0;
    break_it(&watch);
    FOLLOW(&watch, &never, {100000, STALE, INCIDENT_OPEN, 0});
    FOLLOW(&watch, &twice, {100010, MATCH, INCIDENT_RECOVERING, SOON | NOTE},
           {200000, MATCH, INCIDENT_HEALTHY, OVER}, {300000, MATCH, INCIDENT_HEALTHY, 0});
}

TEST(a_clock_that_goes_back_repeats_nothing)
{
    struct watch watch = {0};

    break_it(&watch);
    FOLLOW(&watch, &twice, {20, STALE, INCIDENT_OPEN, 0}, {10, UNKNOWN, INCIDENT_OPEN, 0});
}

TEST(blindness_begins_after_its_time_and_ends_with_the_first_sight)
{
    struct watch watch = {0};

    FOLLOW(&watch, &twice, {100, UNKNOWN, INCIDENT_HEALTHY, 0, BLIND_NO_CHANGE},
           {399, UNKNOWN, INCIDENT_HEALTHY, 0, BLIND_NO_CHANGE},
           {400, UNKNOWN, INCIDENT_HEALTHY, 0, BLIND_BEGINS},
           {900, UNKNOWN, INCIDENT_HEALTHY, 0, BLIND_NO_CHANGE},
           {910, MATCH, INCIDENT_HEALTHY, 0, BLIND_ENDS},
           {920, MATCH, INCIDENT_HEALTHY, 0, BLIND_NO_CHANGE},
           {930, UNKNOWN, INCIDENT_HEALTHY, 0, BLIND_NO_CHANGE});
    assert_int_equal(watch.unknown_since, 930);
}

TEST(a_short_gap_in_sight_is_no_blindness)
{
    struct watch watch = {0};

    FOLLOW(&watch, &twice, {100, UNKNOWN, INCIDENT_HEALTHY, 0}, {350, MATCH, INCIDENT_HEALTHY, 0},
           {360, UNKNOWN, INCIDENT_HEALTHY, 0}, {600, UNKNOWN, INCIDENT_HEALTHY, 0});
}

TEST(sight_that_returns_on_drift_ends_blindness_and_suspects)
{
    struct watch watch = {0};

    FOLLOW(&watch, &twice, {100, UNKNOWN, INCIDENT_HEALTHY, 0},
           {400, UNKNOWN, INCIDENT_HEALTHY, 0, BLIND_BEGINS},
           {410, STALE, INCIDENT_SUSPECTED, SOON, BLIND_ENDS});
}

/* ---- repairs --------------------------------------------------------------------------------- */

static void repair(struct watch *watch, enum incident_event event, int64_t now,
                   enum incident_state state, unsigned actions)
{
    enum incident_state before = watch->state;
    struct watch_outcome outcome = watch_repair(watch, event, now);

    assert_int_equal(outcome.before, before);
    assert_int_equal(watch->state, state);
    assert_int_equal(outcome.actions, actions);
    assert_int_equal(outcome.blind, BLIND_NO_CHANGE);
}

TEST(a_repair_is_over_only_when_reads_after_it_say_so)
{
    struct watch watch = {0};

    break_it(&watch);
    repair(&watch, EVENT_REPAIR_STARTED, 200, INCIDENT_REPAIRING, 0);
    FOLLOW(&watch, &twice, {210, STALE, INCIDENT_REPAIRING, 0}, {220, MATCH, INCIDENT_REPAIRING, 0},
           {230, MATCH, INCIDENT_REPAIRING, 0});
    repair(&watch, EVENT_REPAIR_SUCCEEDED, 240, INCIDENT_RECOVERING, SOON);
    FOLLOW(&watch, &twice, {250, MATCH, INCIDENT_RECOVERING, SOON},
           {260, MATCH, INCIDENT_HEALTHY, OVER});
}

TEST(a_failed_repair_calls_a_person_and_keeps_calling)
{
    struct watch watch = {0};

    break_it(&watch);
    repair(&watch, EVENT_REPAIR_STARTED, 200, INCIDENT_REPAIRING, 0);
    repair(&watch, EVENT_REPAIR_FAILED, 300, INCIDENT_NEEDS_HUMAN, ACTION_ALERT_REPEATED | NOTE);
    FOLLOW(&watch, &twice, {1299, STALE, INCIDENT_NEEDS_HUMAN, 0},
           {1300, STALE, INCIDENT_NEEDS_HUMAN, ACTION_ALERT_REPEATED},
           {1400, MATCH, INCIDENT_RECOVERING, SOON | NOTE}, {1410, MATCH, INCIDENT_HEALTHY, OVER});
}

TEST(a_rotation_of_a_healthy_binding_is_no_incident)
{
    struct watch watch = {0};

    FOLLOW(&watch, &twice, {10, MATCH, INCIDENT_HEALTHY, 0});
    repair(&watch, EVENT_REPAIR_STARTED, 20, INCIDENT_HEALTHY, 0);
    FOLLOW(&watch, &twice, {30, MATCH, INCIDENT_HEALTHY, 0});
    repair(&watch, EVENT_REPAIR_SUCCEEDED, 40, INCIDENT_HEALTHY, SOON);
    assert_int_equal(watch.since, 0);
}

TEST(a_rotation_that_fails_half_way_is_an_incident)
{
    struct watch watch = {0};

    repair(&watch, EVENT_REPAIR_STARTED, 20, INCIDENT_HEALTHY, 0);
    repair(&watch, EVENT_REPAIR_FAILED, 40, INCIDENT_NEEDS_HUMAN,
           ACTION_OPEN | ACTION_ALERT_FIRING | NOTE);
    assert_int_equal(watch.since, 40);
    assert_int_equal(watch.alerted_at, 40);
}

int main(void)
{
    return RUN(CASE(a_divergence_is_believed_after_two_reads_and_over_after_two),
               CASE(one_stale_read_alone_is_no_incident),
               CASE(with_confirm_one_the_first_read_is_believed),
               CASE(with_confirm_three_the_third_read_is_believed),
               CASE(reads_from_before_drift_do_not_confirm_health_after_it),
               CASE(unknown_interrupts_a_run_towards_in_sync),
               CASE(unknown_does_not_reset_a_run_towards_drift),
               CASE(another_kind_of_drift_keeps_the_incident),
               CASE(drift_that_comes_back_while_recovering_is_the_same_incident),
               CASE(an_open_incident_alerts_again_when_it_is_time),
               CASE(an_open_incident_alerts_again_also_when_nothing_can_be_read),
               CASE(nothing_is_repeated_without_a_repeat_time_or_after_it_is_over),
               CASE(a_clock_that_goes_back_repeats_nothing),
               CASE(blindness_begins_after_its_time_and_ends_with_the_first_sight),
               CASE(a_short_gap_in_sight_is_no_blindness),
               CASE(sight_that_returns_on_drift_ends_blindness_and_suspects),
               CASE(a_repair_is_over_only_when_reads_after_it_say_so),
               CASE(a_failed_repair_calls_a_person_and_keeps_calling),
               CASE(a_rotation_of_a_healthy_binding_is_no_incident),
               CASE(a_rotation_that_fails_half_way_is_an_incident));
}
