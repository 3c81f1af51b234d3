/* SPDX-License-Identifier: Apache-2.0 */
/* ports/clock.h on a libuv loop: one timer for everybody who waits. */
#ifndef AGENT_ADAPTERS_UV_CLOCK_H
#define AGENT_ADAPTERS_UV_CLOCK_H

#include "agent/ports/clock.h"

#include <uv.h>

/* NULL when out of memory. Keeps the loop alive only while somebody waits. */
must_use struct clock *uv_clock_open(uv_loop_t *loop);

/* Whoever waits is told FAILURE_CANCELED; nothing new is accepted. `closed` runs after the last
 * `done`, from the loop, and the clock is gone. */
void uv_clock_close(struct clock *clock, void (*closed)(void *context), void *context);

#endif
