/* SPDX-License-Identifier: Apache-2.0 */
/* How far this machine's clock is from the server's. Certificates, JWTs and leases are refused for
 * reasons that make no sense to somebody whose clock is an hour off, so that is said along. */
#include "vaultclient/internal.h"

#include "base/moment.h"

#include <stdlib.h>
#include <time.h>

#define MINUTE_MS       60000
#define HOUR_MS         3600000
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
    client->their_time = theirs;
    client->their_time_at = vault_now_ms();
}

/* Set right, our clock jumps and the server's stays: what has passed since is counted apart. */
static int64_t their_time(const struct vault_client *client)
{
    return client->their_time + (int64_t)(vault_now_ms() - client->their_time_at);
}

bool vault_clock_allows(const struct vault_client *client, struct text jwt, const char *what,
                        const char *file, struct failure *why)
{
    int64_t expiry = vault_wire_expiry(jwt), ours = our_time(), now = ours, grace_ms = DAY_MS;
    char at[INSTANT_SIZE];

    if (client->their_time) {
        bool is_fresh = vault_now_ms() - client->their_time_at < HOUR_MS;

        now = their_time(client);
        grace_ms = is_fresh ? MINUTE_MS : DAY_MS;
        /* That clock may have been wrong, and who sends nothing never hears that it is right. */
        if (!is_fresh && ours < now)
            now = ours;
    }
    if (!expiry || now < expiry + grace_ms)
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
