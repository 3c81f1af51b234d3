/* SPDX-License-Identifier: Apache-2.0 */
/* A real server, and a machine whose clock is an hour off: this program answers for the clock
 * itself, to all that is linked into it. */
#include "openbao_scene.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { AN_HOUR_S = 3630 }; /* and half a minute, for a machine that is slow between two looks */

static long clock_is_off_s;

__attribute__((visibility("default"))) int clock_gettime(clockid_t clock, struct timespec *now)
{
    int status = (int)syscall(SYS_clock_gettime, clock, now);

    if (status == 0 && clock == CLOCK_REALTIME)
        now->tv_sec += clock_is_off_s;
    return status;
}

__attribute__((visibility("default"))) time_t time(time_t *room)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    if (room)
        *room = now.tv_sec;
    return now.tv_sec;
}

/* Reads "clock/a" with that token, and would write it. */
static struct vault_outcome try_with(struct scene *scene, const char *token, bool writes)
{
    struct vault_client *client = open_with_token(scene, token);
    struct vault_version none = {0};
    struct vault_outcome outcome =
        writes ? vault_set_field(&scene->loop, client, "clock/a", "k", "v", &none)
               : vault_metadata_of(&scene->loop, client, "clock/a");

    vault_shut(&scene->loop, client, 100);
    return outcome;
}

static void expect_refusal(struct scene *scene, const char *part)
{
    struct vault_outcome outcome = try_with(scene, "s.nobodyknowsthistoken0000", false);

    expect_kind(&outcome, FAILURE_DENIED, "permission denied");
    expect_kind(&outcome, FAILURE_DENIED, part);
}

/* Its certificate and ours, tokens and deletions live by the server's clock. */
TEST(a_clock_an_hour_ahead_is_said_along_with_a_refusal_and_stops_nothing_else)
{
    struct scene *scene = scene_open();
    struct vault_outcome outcome;

    clock_is_off_s = AN_HOUR_S;
    expect_refusal(scene, "(this machine's clock is 1h");
    expect_refusal(scene, " ahead of the server's)");
    outcome = try_with(scene, given("OPENBAO_ROOT_TOKEN"), true);
    expect_kind(&outcome, FAILURE_NONE, "");
    outcome = try_with(scene, given("OPENBAO_ROOT_TOKEN"), false);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_int_equal(outcome.version.version, 1);
    clock_is_off_s = 0;
    scene_close(scene);
}

/* The server made its certificate when it started, a moment ago. */
TEST(a_clock_an_hour_behind_finds_a_certificate_of_tomorrow_and_nothing_is_written)
{
    struct scene *scene = scene_open();
    struct vault_outcome outcome;

    clock_is_off_s = -AN_HOUR_S;
    outcome = try_with(scene, given("OPENBAO_ROOT_TOKEN"), true);
    expect_kind(&outcome, FAILURE_NETWORK,
                "its certificate is not trusted: certificate is not yet valid, if this machine's "
                "clock is right (");
    clock_is_off_s = 0;
    outcome = try_with(scene, given("OPENBAO_ROOT_TOKEN"), false);
    expect_kind(&outcome, FAILURE_NOT_FOUND, "");
    scene_close(scene);
}

TEST(a_clock_that_is_right_is_not_mentioned)
{
    struct scene *scene = scene_open();
    struct vault_outcome outcome = try_with(scene, "s.nobodyknowsthistoken0000", false);

    expect_kind(&outcome, FAILURE_DENIED, "permission denied");
    assert_null(strstr(outcome.failure.text, "clock"));
    scene_close(scene);
}

int main(void)
{
    return RUN(CASE(a_clock_that_is_right_is_not_mentioned),
               CASE(a_clock_an_hour_behind_finds_a_certificate_of_tomorrow_and_nothing_is_written),
               CASE(a_clock_an_hour_ahead_is_said_along_with_a_refusal_and_stops_nothing_else));
}
