/* SPDX-License-Identifier: Apache-2.0 */
/* A limit of our own on how many requests go out: a bucket that fills at the given rate. Whoever
 * finds it empty takes what is to come, so those who wait go out in their order. */
#include "vaultclient/internal.h"

#define ONE INT64_C(1000000) /* a request; `rate` is what comes in per millisecond */

void vault_pace_init(struct pace *pace, const struct vault_settings *settings)
{
    pace->rate = settings->requests_per_1000_s;
    pace->limit = ONE * (settings->requests_at_once ? settings->requests_at_once : 1);
    pace->level = pace->limit;
    pace->filled_at = vault_now_ms();
}

uint32_t vault_pace_take(struct pace *pace)
{
    uint64_t now = vault_now_ms(), passed = now - pace->filled_at;

    if (!pace->rate)
        return 0;
    pace->filled_at = now;
    if (passed > (uint64_t)(pace->limit - pace->level) / pace->rate)
        pace->level = pace->limit;
    else
        pace->level += (int64_t)(passed * pace->rate);
    pace->level -= ONE;
    return pace->level >= 0 ? 0 : (uint32_t)(-pace->level / pace->rate + 1);
}
