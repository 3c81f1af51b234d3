/* SPDX-License-Identifier: Apache-2.0 */
/* How fast one upstream may be asked. `at` is when `tokens` was true; it lies ahead of us while the
 * other side asked for silence. */
#include "agent/core/schedule.h"

#define ENOUGH      (1 - 1e-5) /* sums of fractions do not quite reach 1; what lacks is owed */
#define WAIT_MAX_MS 86400000.0 /* asking again after a day is right at any rate */

void token_bucket_init(struct token_bucket *bucket, double per_second, double burst, int64_t now)
{
    double size = burst > 1 ? burst : 1;

    *bucket = (struct token_bucket){size, size, per_second > 0 ? per_second : 0, now};
}

static void refill(struct token_bucket *bucket, int64_t now)
{
    if (now <= bucket->at)
        return;
    bucket->tokens += (double)(now - bucket->at) * bucket->per_second / 1000;
    if (bucket->tokens > bucket->burst)
        bucket->tokens = bucket->burst;
    bucket->at = now;
}

/* Rounded up, for a caller who comes back a moment early would wait twice. */
static uint64_t wait_ms(double exact)
{
    uint64_t whole;

    if (!(exact < WAIT_MAX_MS))
        return (uint64_t)WAIT_MAX_MS;
    whole = (uint64_t)exact;
    return exact - (double)whole > 1e-6 || !whole ? whole + 1 : whole;
}

uint64_t token_bucket_take(struct token_bucket *bucket, int64_t now)
{
    double silence = now < bucket->at ? (double)(bucket->at - now) : 0;
    double lacking;

    refill(bucket, now);
    lacking = bucket->tokens < ENOUGH ? 1 - bucket->tokens : 0;
    if (silence > 0 || lacking > 0)
        return wait_ms(silence + (lacking > 0 ? lacking * 1000 / bucket->per_second : 0));
    bucket->tokens -= 1;
    return 0;
}

void token_bucket_pause(struct token_bucket *bucket, int64_t until)
{
    if (until <= bucket->at)
        return;
    bucket->at = until;
    /* After the silence one request asks whether it is over; a burst would bring it back. */
    if (bucket->tokens > 1)
        bucket->tokens = 1;
}
