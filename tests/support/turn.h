/* SPDX-License-Identifier: Apache-2.0 */
/* One turn of the loop for a test that waits: it comes back within a few milliseconds whatever
 * happens.
 *
 * UV_RUN_ONCE alone does not: libuv first runs timers and idle handles and only then waits for
 * whatever comes next, although what the test waits for may just have happened in them. Then it
 * sleeps until somebody else's timer, which only a busy machine ever sees. So there is always a
 * timer left to wake it, also where this one was due before libuv looked for the first time. */
#ifndef TESTS_TURN_H
#define TESTS_TURN_H

#include <uv.h>

static inline void on_turn(uv_timer_t *timer)
{
    (void)timer;
}

static inline void loop_turn(uv_loop_t *loop)
{
    uv_timer_t tick;

    uv_timer_init(loop, &tick);
    uv_update_time(loop);
    uv_timer_start(&tick, on_turn, 5, 5);
    uv_run(loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&tick, NULL);
    uv_run(loop, UV_RUN_NOWAIT);
}

#endif
