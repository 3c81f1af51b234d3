/* SPDX-License-Identifier: Apache-2.0 */
/* The token we have, and the one request for the next that all wait for.
 *
 * A refresh belongs to nobody: it goes on when the one who asked for it first no longer waits.
 * Everybody who came before it ended gets its outcome; whoever comes while the outcome is being
 * told belongs to the next round.
 *
 * A thousand bindings share one identity, so a sign-in that fails is followed by a pause in which
 * everybody hears of that failure, and so are tokens that are refused one after the other. */
#include "azureclient/client.h"
#include "azureclient/wire.h"
#include "net/retry.h"

#define REFRESH_AGAIN_MS 30000 /* after a failed refresh, while the old token still works */
#define PAUSE_FLOOR_MS   500
#define PAUSE_CAP_MS     300000 /* for what Retry-After may ask for */
#define CLAIMS_LIMIT     ((size_t)16 << 10)
#define REFUSED_LIMIT    ((size_t)4 << 10)

static uint64_t now(const struct tokens *tokens)
{
    return uv_now(tokens->client->loop);
}

void tokens_init(struct tokens *tokens, struct azure_client *client)
{
    *tokens = (struct tokens){.client = client};
    TAILQ_INIT(&tokens->waiting);
    buffer_init(&tokens->claims, CLAIMS_LIMIT);
    buffer_init(&tokens->refused, REFUSED_LIMIT);
    tokens->method = client->credential.first;
    tokens->timer.data = tokens;
    uv_timer_init(client->loop, &tokens->timer);
}

void tokens_stop(struct tokens *tokens)
{
    uv_timer_stop(&tokens->timer);
    tokens->is_refreshing = false;
    operation_cancel(tokens->exchange);
}

bool tokens_is_idle(const struct tokens *tokens)
{
    return !tokens->exchange;
}

void tokens_clear(struct tokens *tokens)
{
    tokens->value = secret_free(tokens->value);
    tokens->sent = secret_free(tokens->sent);
    tokens->challenge = secret_free(tokens->challenge);
    buffer_clear(&tokens->claims);
    buffer_clear(&tokens->refused);
}

const char *tokens_issuer(const struct tokens *tokens)
{
    return credential_issuer_name(&tokens->client->credential, tokens->method);
}

const struct secret *tokens_current(const struct tokens *tokens, unsigned *serial)
{
    if (!tokens->value || now(tokens) >= tokens->refresh_at || now(tokens) >= tokens->expires_at)
        return NULL;
    *serial = tokens->serial;
    return tokens->value;
}

static void keep_silent(struct tokens *tokens, unsigned times, uint32_t retry_after_ms)
{
    static const struct backoff backoff = {.base_ms = 1000, .cap_ms = 60000};

    if (retry_after_ms < PAUSE_FLOOR_MS)
        retry_after_ms = PAUSE_FLOOR_MS;
    tokens->not_before = now(tokens) + backoff_pause_ms(&backoff, times, retry_after_ms,
                                                        PAUSE_CAP_MS, jitter_random());
}

static bool is_silent(const struct tokens *tokens)
{
    return now(tokens) < tokens->not_before;
}

bool tokens_drop(struct tokens *tokens, unsigned serial)
{
    if (serial != tokens->serial)
        return true;
    if (!tokens->expires_at)
        return !is_silent(tokens);
    tokens->refresh_at = tokens->expires_at = 0; /* kept, to be hidden should it be quoted back */
    if (!tokens->refusals++)
        return true;
    keep_silent(tokens, tokens->refusals - 1, 0);
    failure_set(&tokens->failure, FAILURE_DENIED,
                "no token: the last %u that %s gave were refused by %s, so the next is asked for "
                "after a pause",
                tokens->refusals, tokens_issuer(tokens), tokens->client->arm_origin);
    return false;
}

bool tokens_challenged(struct tokens *tokens, unsigned serial, struct text header)
{
    struct buffer claims = {.limit = CLAIMS_LIMIT};

    if (!wire_claims(header, &claims)) {
        buffer_clear(&claims);
        return false;
    }
    if (serial == tokens->serial && tokens->expires_at) {
        buffer_clear(&tokens->claims);
        tokens->claims = claims;
    } else {
        buffer_clear(&claims);
    }
    return true;
}

void tokens_challenged_again(const struct tokens *tokens, struct failure *why)
{
    bool is_entra = credential_issuer(tokens->method) == ISSUER_ENTRA;

    failure_set(why, FAILURE_DENIED,
                "HTTP 401: continuous access evaluation asks for other claims again, %s",
                is_entra ? "although the token answered its challenge: the identity's access was "
                           "taken away"
                         : "and this kind of sign-in cannot bring any");
    why->http_status = 401;
}

void tokens_accepted(struct tokens *tokens, unsigned serial)
{
    if (serial == tokens->serial)
        tokens->refusals = 0;
}

/* ---- the end of a refresh -------------------------------------------------------------------- */

static void tell(struct tokens *tokens, const struct failure *failure)
{
    struct azure_task *task;
    unsigned round = tokens->round++;

    tokens->is_refreshing = false;
    tokens->sent = secret_free(tokens->sent);
    tokens->challenge = secret_free(tokens->challenge);
    while ((task = TAILQ_FIRST(&tokens->waiting)) && task->round == round) {
        tokens_forget(tokens, task);
        task->on_token(task, failure);
    }
}

/* The old token is better than none. */
static void on_time_to_fail(uv_timer_t *timer)
{
    struct tokens *tokens = timer->data;

    if (tokens->value && now(tokens) < tokens->expires_at) {
        tokens->refresh_at = now(tokens) + REFRESH_AGAIN_MS;
        tell(tokens, NULL);
    } else {
        tell(tokens, &tokens->failure);
    }
}

/* Not now: the one who waits may be in its starting function. */
static void fail_soon(struct tokens *tokens)
{
    uv_timer_start(&tokens->timer, on_time_to_fail, 1, 0);
}

void tokens_fail(struct tokens *tokens, const struct failure *failure, bool is_fault)
{
    tokens->failure = *failure;
    if (is_fault)
        keep_silent(tokens, ++tokens->faults, failure->retry_after_ms);
    if (!failure_is_temporary(failure->kind))
        buffer_reset(&tokens->claims);
    fail_soon(tokens);
}

void tokens_take(struct tokens *tokens, const struct wire_token *token)
{
    secret_free(tokens->value);
    tokens->value = token->value;
    tokens->serial++;
    tokens->faults = 0;
    tokens->refresh_at = tokens->asked_at + token->refresh_ms;
    tokens->expires_at = tokens->asked_at + token->lifetime_ms;
    if (now(tokens) >= tokens->refresh_at) /* a slow answer to a short life: use it at least once */
        tokens->refresh_at = now(tokens) + 1;
    buffer_reset(&tokens->claims);
    tell(tokens, NULL);
}

/* ---- waiting --------------------------------------------------------------------------------- */

void tokens_wait(struct tokens *tokens, struct azure_task *task,
                 void (*on_token)(struct azure_task *task, const struct failure *failure))
{
    task->on_token = on_token;
    task->is_waiting = true;
    task->round = tokens->round;
    TAILQ_INSERT_TAIL(&tokens->waiting, task, waiting_link);
    if (tokens->is_refreshing)
        return;
    tokens->is_refreshing = true;
    if (is_silent(tokens)) {
        fail_soon(tokens);
        return;
    }
    tokens->ends_at = now(tokens) + tokens->client->timeout_ms;
    token_try_begin(tokens);
}

void tokens_forget(struct tokens *tokens, struct azure_task *task)
{
    TAILQ_REMOVE(&tokens->waiting, task, waiting_link);
    task->is_waiting = false;
}
