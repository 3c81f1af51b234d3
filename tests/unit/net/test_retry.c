/* SPDX-License-Identifier: Apache-2.0 */
/* The pauses between tries. */
#include "net/retry.h"
#include "tests/support/test.h"

static const struct backoff backoff = {.base_ms = 100, .cap_ms = 1000};

TEST(the_ceiling_doubles_up_to_the_cap)
{
    static const uint32_t ceilings[] = {100, 200, 400, 800, 1000, 1000};

    for (unsigned attempt = 1; attempt <= 6; attempt++)
        assert_int_equal(backoff_pause_ms(&backoff, attempt, 0, 0, UINT32_MAX),
                         ceilings[attempt - 1]);
    assert_int_equal(backoff_pause_ms(&backoff, 4000000000U, 0, 0, UINT32_MAX), 1000);
}

TEST(the_jitter_is_full)
{
    assert_int_equal(backoff_pause_ms(&backoff, 4, 0, 0, 0), 1);
    assert_int_equal(backoff_pause_ms(&backoff, 4, 0, 0, UINT32_MAX / 4), 200);
    assert_int_equal(backoff_pause_ms(&backoff, 4, 0, 0, UINT32_MAX / 2), 400);
    assert_int_equal(backoff_pause_ms(&backoff, 4, 0, 0, UINT32_MAX), 800);
}

TEST(it_never_waits_less_than_asked)
{
    assert_int_equal(backoff_pause_ms(&backoff, 1, 5000, 60000, 0), 5000);
    assert_int_equal(backoff_pause_ms(&backoff, 1, 50, 60000, UINT32_MAX), 100);
}

TEST(what_is_asked_is_capped)
{
    assert_int_equal(backoff_pause_ms(&backoff, 1, UINT32_MAX, 60000, 0), 60000);
}

TEST(a_pause_is_never_zero)
{
    const struct backoff none = {0, 0};

    assert_int_equal(backoff_pause_ms(&none, 1, 0, 0, UINT32_MAX), 1);
    assert_int_equal(backoff_pause_ms(&none, 99, 0, 0, UINT32_MAX), 1);
}

TEST(extreme_settings_do_not_overflow)
{
    const struct backoff huge = {UINT32_MAX, UINT32_MAX};

    assert_int_equal(backoff_pause_ms(&huge, 40, 0, 0, UINT32_MAX), UINT32_MAX);
    assert_int_equal(backoff_pause_ms(&huge, 33, 0, 0, UINT32_MAX), UINT32_MAX);
    assert_int_equal(backoff_pause_ms(&huge, 1, 0, 0, 0), 1);
}

TEST(jitter_differs)
{
    uint32_t first = jitter_random();
    unsigned same = 0;

    for (int i = 0; i < 8; i++)
        same += jitter_random() == first;
    assert_true(same < 8);
}

int main(void)
{
    return RUN(CASE(the_ceiling_doubles_up_to_the_cap), CASE(the_jitter_is_full),
               CASE(it_never_waits_less_than_asked), CASE(what_is_asked_is_capped),
               CASE(a_pause_is_never_zero), CASE(extreme_settings_do_not_overflow),
               CASE(jitter_differs));
}
