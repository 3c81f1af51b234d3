/* SPDX-License-Identifier: Apache-2.0 */
/* When to try again: exponential back-off with full jitter. Pure; the caller brings randomness and
 * time. */
#ifndef NET_RETRY_H
#define NET_RETRY_H

#include <stdint.h>

struct backoff {
    uint32_t base_ms, cap_ms;
};

/* A pause before try `attempt` + 1 (attempt counts from 1): uniform in [0, min(cap, base *
 * 2^(attempt-1))], but at least `retry_after_ms`, itself capped at `retry_after_cap_ms`, and at
 * least 1. `random` is any 32 random bits. */
uint32_t backoff_pause_ms(const struct backoff *backoff, unsigned attempt, uint32_t retry_after_ms,
                          uint32_t retry_after_cap_ms, uint32_t random);

/* 32 bits good enough for jitter, never for keys. */
uint32_t jitter_random(void);

#endif
