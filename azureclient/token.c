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

#define IMDS_TRIES       6
#define REFRESH_AGAIN_MS 30000 /* after a failed refresh, while the old token still works */
#define PAUSE_FLOOR_MS   500
#define PAUSE_CAP_MS     300000 /* for what Retry-After may ask for */

static void start_try(struct tokens *tokens);

static uint64_t now(const struct tokens *tokens)
{
    return uv_now(tokens->client->loop);
}

void tokens_init(struct tokens *tokens, struct azure_client *client)
{
    *tokens = (struct tokens){.client = client};
    TAILQ_INIT(&tokens->waiting);
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
                tokens->refusals, tokens->client->credential.authority, tokens->client->arm_origin);
    return false;
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
    while ((task = TAILQ_FIRST(&tokens->waiting)) && task->round == round) {
        tokens_forget(tokens, task);
        task->on_token(task, failure);
    }
}

/* The old token is better than none. */
static void fail(struct tokens *tokens, const struct failure *failure)
{
    if (tokens->value && now(tokens) < tokens->expires_at) {
        tokens->refresh_at = now(tokens) + REFRESH_AGAIN_MS;
        tell(tokens, NULL);
    } else {
        tell(tokens, failure);
    }
}

/* Of the issuer's doing, so that asking at once again would be of no use. */
static void fail_and_pause(struct tokens *tokens, const struct failure *failure)
{
    tokens->failure = *failure;
    keep_silent(tokens, ++tokens->faults, failure->retry_after_ms);
    fail(tokens, failure);
}

static void on_time_to_fail(uv_timer_t *timer)
{
    struct tokens *tokens = timer->data;

    fail(tokens, &tokens->failure);
}

/* Not now: the one who waits may be in its starting function. */
static void fail_soon(struct tokens *tokens)
{
    uv_timer_start(&tokens->timer, on_time_to_fail, 1, 0);
}

static void take(struct tokens *tokens, const struct wire_token *token, uint64_t asked_at)
{
    secret_free(tokens->value);
    tokens->value = token->value;
    tokens->serial++;
    tokens->faults = 0;
    tokens->refresh_at = asked_at + token->refresh_ms;
    tokens->expires_at = asked_at + token->lifetime_ms;
    if (now(tokens) >= tokens->refresh_at) /* a slow answer to a short life: use it at least once */
        tokens->refresh_at = now(tokens) + 1;
    tell(tokens, NULL);
}

/* ---- one try --------------------------------------------------------------------------------- */

static void on_time_to_try(uv_timer_t *timer)
{
    start_try(timer->data);
}

/* IMDS answers 404 and 410 while it is being set up or updated. */
static bool tries_again(struct tokens *tokens, int status)
{
    static const struct backoff backoff = {.base_ms = 800, .cap_ms = 8000};
    uint32_t pause_ms;

    if (!credential_is_imds(&tokens->client->credential) || (status != 404 && status != 410) ||
        tokens->tries >= IMDS_TRIES)
        return false;
    pause_ms = backoff_pause_ms(&backoff, tokens->tries, 200, 200, jitter_random());
    if (now(tokens) + pause_ms >= tokens->ends_at)
        return false;
    uv_timer_start(&tokens->timer, on_time_to_try, pause_ms, 0);
    return true;
}

static void on_answer(const struct http_answer *answer, const struct failure *failure,
                      void *context)
{
    struct tokens *tokens = context;
    struct wire_token token;
    struct failure why;

    tokens->exchange = NULL;
    if (!tokens->is_refreshing) { /* closing */
        client_settle(tokens->client);
        return;
    }
    if (failure) {
        why = *failure;
        failure_prefix(&why, "no token");
        fail_and_pause(tokens, &why);
    } else if (answer->status != 200) {
        if (tries_again(tokens, answer->status))
            return;
        wire_token_failure(answer->status, answer->body, tokens->sent, &why);
        why.retry_after_ms = http_answer_retry_after_ms(answer);
        failure_prefix(&why, "%s", tokens->client->credential.authority);
        fail_and_pause(tokens, &why);
    } else if (!wire_token(answer->body, client_wall_clock(), &token, &why)) {
        failure_prefix(&why, "%s", tokens->client->credential.authority);
        fail_and_pause(tokens, &why);
    } else {
        take(tokens, &token, now(tokens) - answer->elapsed_ms);
    }
}

static void send_request(struct tokens *tokens, const struct token_request *token_request)
{
    const struct http_header imds[] = {{"Metadata", TEXT("true"), NULL},
                                       {"Accept", TEXT("application/json"), NULL}};
    const struct http_header form[] = {
        {"Content-Type", TEXT("application/x-www-form-urlencoded"), NULL},
        {"Accept", TEXT("application/json"), NULL}};
    struct http_request request = {
        .method = token_request->is_form ? "POST" : "GET",
        .target = token_request->target.start,
        .headers = token_request->is_imds ? imds : form,
        .header_count = 2,
        .body = token_request->is_form ? buffer_text(&token_request->body) : (struct text){0},
        .deadline_ms =
            tokens->ends_at > now(tokens) ? (uint32_t)(tokens->ends_at - now(tokens)) : 1,
        .retry = HTTP_RETRY_SAFE,
    };

    tokens->exchange = http_send(tokens->client->issuer, &request, on_answer, tokens);
    if (tokens->exchange)
        return;
    failure_out_of_memory(&tokens->failure);
    fail_soon(tokens);
}

static void start_try(struct tokens *tokens)
{
    struct token_request request;

    tokens->tries++;
    tokens->sent = secret_free(tokens->sent);
    if (!credential_request(&tokens->client->credential, &request, &tokens->failure)) {
        fail_soon(tokens);
        return;
    }
    tokens->sent = request.sent;
    request.sent = NULL;
    send_request(tokens, &request);
    token_request_clear(&request);
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
    tokens->tries = 0;
    tokens->ends_at = now(tokens) + tokens->client->timeout_ms;
    start_try(tokens);
}

void tokens_forget(struct tokens *tokens, struct azure_task *task)
{
    TAILQ_REMOVE(&tokens->waiting, task, waiting_link);
    task->is_waiting = false;
}
