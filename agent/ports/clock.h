/* SPDX-License-Identifier: Apache-2.0 */
/* Time and waiting. The real one is libuv's; tests bring a virtual one and the daemon cannot tell.
 */
#ifndef AGENT_PORTS_CLOCK_H
#define AGENT_PORTS_CLOCK_H

#include "base/operation.h"

#include <stdint.h>

struct clock {
    /* Wall clock: ms since 1970, for what is written down. */
    int64_t (*now)(struct clock *self);
    /* ms that only ever grow, from some start of their own: for whatever is due or has had its
     * time. The wall clock may be set back. */
    int64_t (*steady)(struct clock *self);
    /* `done` once, after at least `ms` (0: on the next turn of the loop). */
    struct operation *(*after)(struct clock *self, uint64_t ms, operation_done *done,
                               void *context);
    /* 32 random bits, good enough for jitter. */
    uint32_t (*random)(struct clock *self);
};

#endif
