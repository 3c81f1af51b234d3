/* SPDX-License-Identifier: Apache-2.0 */
/* When to try again. Full jitter: many clients that failed together must not come back together. */
#include "net/retry.h"

#include <stdbool.h>
#include <sys/random.h>
#include <time.h>

static uint32_t smaller(uint64_t a, uint32_t b)
{
    return a < b ? (uint32_t)a : b;
}

uint32_t backoff_pause_ms(const struct backoff *backoff, unsigned attempt, uint32_t retry_after_ms,
                          uint32_t retry_after_cap_ms, uint32_t random)
{
    /* Beyond 32 doublings every base but 0 is over every cap. */
    unsigned doublings = attempt > 1 ? attempt - 1 : 0;
    uint64_t span = doublings < 32 ? (uint64_t)backoff->base_ms << doublings
                                   : (backoff->base_ms ? UINT64_MAX : 0);
    uint64_t ceiling = smaller(span, backoff->cap_ms);
    uint32_t pause = (uint32_t)(((ceiling + 1) * random) >> 32);
    uint32_t least = smaller(retry_after_ms, retry_after_cap_ms);

    if (pause < least)
        pause = least;
    return pause ? pause : 1;
}

uint32_t jitter_random(void)
{
    uint32_t random;
    struct timespec now;

    if (getrandom(&random, sizeof(random), GRND_NONBLOCK) == (ssize_t)sizeof(random))
        return random;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint32_t)now.tv_nsec * UINT32_C(2654435761);
}
