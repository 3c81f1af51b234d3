/* SPDX-License-Identifier: Apache-2.0 */
/* The heap against a plain search, phases and jitter at their ends. */
#include "agent/core/schedule.h"
#include "tests/support/test.h"

#define COUNT 50

/* A repeatable stream of numbers; the constants are those of Knuth's MMIX. */
static uint32_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*state >> 32);
}

static int64_t earliest(const struct schedule_entry *entries, const bool *is_in)
{
    int64_t found = INT64_MAX;

    for (size_t i = 0; i < COUNT; i++)
        if (is_in[i] && entries[i].due_at < found)
            found = entries[i].due_at;
    return found;
}

TEST(the_first_is_always_the_earliest)
{
    struct schedule_entry entries[COUNT] = {{0}}, *room[COUNT];
    bool is_in[COUNT] = {false};
    struct schedule schedule;
    uint64_t state = 1;
    size_t count = 0;

    schedule_init(&schedule, room, COUNT);
    for (unsigned turn = 0; turn < 20000; turn++) {
        size_t i = next_random(&state) % COUNT;

        if (next_random(&state) % 3) {
            assert_true(schedule_set(&schedule, &entries[i], next_random(&state) % 100));
            count += !is_in[i];
            is_in[i] = true;
        } else {
            schedule_remove(&schedule, &entries[i]);
            count -= is_in[i];
            is_in[i] = false;
        }
        assert_int_equal(schedule.count, count);
        if (count)
            assert_int_equal(schedule_first(&schedule)->due_at, earliest(entries, is_in));
        else
            assert_null(schedule_first(&schedule));
    }
}

TEST(a_full_schedule_refuses_new_ones_and_still_moves_its_own)
{
    struct schedule_entry a = {.place = SCHEDULE_NOWHERE}, b = a, c = a, *room[2];
    struct schedule schedule;

    schedule_init(&schedule, room, 2);
    assert_null(schedule_first(&schedule));
    assert_true(schedule_set(&schedule, &a, 10));
    assert_true(schedule_set(&schedule, &b, 20));
    assert_false(schedule_set(&schedule, &c, 5));
    assert_int_equal(c.place, SCHEDULE_NOWHERE);
    assert_true(schedule_set(&schedule, &a, 30));
    assert_ptr_equal(schedule_first(&schedule), &b);
    schedule_remove(&schedule, &b);
    assert_int_equal(b.place, SCHEDULE_NOWHERE);
    assert_ptr_equal(schedule_first(&schedule), &a);
}

TEST(removing_what_is_not_in_changes_nothing)
{
    struct schedule_entry a = {0}, never = {0}, *room[2];
    struct schedule schedule;

    schedule_init(&schedule, room, 2);
    schedule_remove(&schedule, &never);
    assert_true(schedule_set(&schedule, &a, 10));
    schedule_remove(&schedule, &never);
    assert_ptr_equal(schedule_first(&schedule), &a);
    schedule_remove(&schedule, &a);
    schedule_remove(&schedule, &a);
    assert_null(schedule_first(&schedule));
}

TEST(phases_are_spread_evenly_over_the_interval)
{
    assert_int_equal(schedule_phase(0, 4, 60000, 1000), 1000);
    assert_int_equal(schedule_phase(1, 4, 60000, 1000), 16000);
    assert_int_equal(schedule_phase(3, 4, 60000, 1000), 46000);
    assert_int_equal(schedule_phase(999, 1000, 10, 0), 9);
    assert_int_equal(schedule_phase(0, 0, 60000, 1000), 1000);
    assert_int_equal(schedule_phase(1, 2, UINT64_C(315360000000), 0), INT64_C(157680000000));
    assert_int_equal(schedule_phase(999999, 1000000, UINT64_C(315360000000), 0),
                     INT64_C(315359684640));
    assert_int_equal(schedule_phase(1, 2, 1000, INT64_MAX - 10), INT64_MAX);
}

TEST(the_next_check_comes_within_a_tenth_of_the_interval)
{
    uint64_t state = 7;

    assert_int_equal(schedule_next(60000, 1000, 0), 1000 + 54000);
    assert_int_equal(schedule_next(60000, 1000, UINT32_MAX), 1000 + 65999);
    assert_int_equal(schedule_next(60000, 1000, UINT32_MAX / 2 + 1), 1000 + 60000);
    assert_int_equal(schedule_next(UINT64_C(315360000000), 0, UINT32_MAX / 2 + 1),
                     INT64_C(315360000000));
    for (unsigned turn = 0; turn < 10000; turn++) {
        int64_t next = schedule_next(1000, 0, next_random(&state));

        assert_in_range((uint64_t)next, 900, 1100);
    }
}

TEST(the_next_check_is_never_now)
{
    assert_int_equal(schedule_next(0, 1000, 0), 1001);
    assert_int_equal(schedule_next(1, 1000, 0), 1001);
    assert_int_equal(schedule_next(60000, INT64_MAX - 5, 0), INT64_MAX);
}

int main(void)
{
    return RUN(CASE(the_first_is_always_the_earliest),
               CASE(a_full_schedule_refuses_new_ones_and_still_moves_its_own),
               CASE(removing_what_is_not_in_changes_nothing),
               CASE(phases_are_spread_evenly_over_the_interval),
               CASE(the_next_check_comes_within_a_tenth_of_the_interval),
               CASE(the_next_check_is_never_now));
}
