/* SPDX-License-Identifier: Apache-2.0 */
/* How far this machine's clock is from the server's. Certificates, JWTs and leases are refused for
 * reasons that make no sense to somebody whose clock is an hour off, so that is said along. */
#include "vaultclient/internal.h"

#include "base/moment.h"

#include <stdlib.h>
#include <time.h>

#define MINUTE_MS       60000
#define DAY_MS          86400000
#define WORTH_SAYING_MS MINUTE_MS

static int64_t our_time(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void vault_clock_take(struct vault_client *client, const struct http_answer *answer)
{
    int64_t theirs;

    if (!instant_parse_http(http_answer_header(answer, "Date"), &theirs))
        return;
    client->clock_ahead_ms = our_time() - theirs;
    client->is_clock_known = true;
}

bool vault_clock_allows(const struct vault_client *client, struct text jwt, const char *what,
                        const char *file, struct failure *why)
{
    int64_t expiry = vault_wire_expiry(jwt), now = our_time() - client->clock_ahead_ms;
    char at[INSTANT_SIZE];

    if (!expiry || now < expiry + (client->is_clock_known ? MINUTE_MS : DAY_MS))
        return true;
    instant_format(expiry, at);
    return failure_set(why, FAILURE_INVALID, "the %s%s%s has expired at %s: %s", what,
                       file ? " in " : "", file ? file : "", at,
                       file ? "its file is not kept up to date" : "a new one is needed");
}

void vault_clock_hint(const struct vault_client *client, struct failure *why)
{
    int64_t ahead_ms = client->clock_ahead_ms;
    char duration[DURATION_SIZE];
    struct failure before;

    if (why->kind != FAILURE_DENIED || llabs(ahead_ms) < WORTH_SAYING_MS)
        return;
    duration_format((uint64_t)(llabs(ahead_ms) / 1000 * 1000), duration);
    before = *why;
    failure_set(why, before.kind, "%s (this machine's clock is %s %s the server's)", before.text,
                duration, ahead_ms > 0 ? "ahead of" : "behind");
    why->http_status = before.http_status;
    why->retry_after_ms = before.retry_after_ms;
}
