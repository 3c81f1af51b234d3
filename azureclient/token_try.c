/* SPDX-License-Identifier: Apache-2.0 */
/* The request for the next token: method after method until one works, and of that method try after
 * try while its issuer says that another may help.
 *
 * In a chain only what is not there is passed over. An issuer that knows us and refuses us ends the
 * chain: to go on as somebody else would hide it. */
#include "azureclient/client.h"
#include "azureclient/wire.h"
#include "net/retry.h"

#include <stdio.h>

#define IMDS_TRIES        6
#define ENTRA_TRIES       3
#define HALF_LIFE_FROM_MS (2 * 3600 * UINT64_C(1000))
#define REASON_LIMIT      110 /* of one method in the sentence about all */

static void next_method(struct tokens *tokens);
static void start_try(struct tokens *tokens);

static const struct credential *credential_of(const struct tokens *tokens)
{
    return &tokens->client->credential;
}

static bool may_go_on(const struct tokens *tokens)
{
    return credential_is_chain(credential_of(tokens)) && !tokens->has_worked;
}

static bool is_imds(const struct tokens *tokens)
{
    return credential_issuer(tokens->method) == ISSUER_IDENTITY &&
           managed_identity_is_imds(credential_of(tokens));
}

static uint64_t remaining_ms(const struct tokens *tokens)
{
    uint64_t now = uv_now(tokens->client->loop);

    return tokens->ends_at > now ? tokens->ends_at - now : 1;
}

/* ---- the end of a method --------------------------------------------------------------------- */

static void fail_chain(struct tokens *tokens)
{
    struct failure why;

    failure_set(&why, FAILURE_DENIED,
                "no sign-in works: %.*s (not asked: VS Code, PowerShell, azd, broker)",
                TEXT_ARG(buffer_text(&tokens->refused)));
    tokens->method = credential_of(tokens)->first;
    tokens_fail(tokens, &why, true);
}

/* Its part of the sentence that is told when none works. */
static void pass_over(struct tokens *tokens, const char *text)
{
    struct text reason = text_part(text_of(text), 0, REASON_LIMIT);

    buffer_printf(&tokens->refused, "%s%s: %.*s", tokens->refused.size ? "; " : "",
                  credential_name(tokens->method), TEXT_ARG(reason));
    tokens->method++;
    next_method(tokens);
}

/* `is_absent`: this method is not there, which in a chain leads to the next. */
static void end_method(struct tokens *tokens, const struct failure *failure, bool is_absent,
                       bool is_fault)
{
    if (is_absent && may_go_on(tokens)) {
        pass_over(tokens, failure->text);
        return;
    }
    tokens_fail(tokens, failure, is_fault);
    if (may_go_on(tokens))
        tokens->method = credential_of(tokens)->first;
}

static void take(struct tokens *tokens, struct wire_token *token)
{
    /* A managed identity's token lives for a day and comes from a cache: half of it is enough. */
    if (credential_issuer(tokens->method) == ISSUER_IDENTITY &&
        token->lifetime_ms > HALF_LIFE_FROM_MS && token->refresh_ms > token->lifetime_ms / 2)
        token->refresh_ms = token->lifetime_ms / 2;
    tokens->has_worked = true;
    tokens_take(tokens, token);
}

/* ---- an answer ------------------------------------------------------------------------------- */

static void on_time_to_try(uv_timer_t *timer)
{
    start_try(timer->data);
}

/* IMDS answers 404 and 410 while it is being set up or updated; some refusals of Entra's are of the
 * moment, whatever their status. The other statuses that pass were tried again by net/http. */
static bool tries_again(struct tokens *tokens, int status, enum failure_kind kind)
{
    static const struct backoff backoff = {.base_ms = 800, .cap_ms = 8000};
    bool is_entra = credential_issuer(tokens->method) == ISSUER_ENTRA;
    uint32_t pause_ms;

    if (!(is_imds(tokens) && (status == 404 || status == 410) && tokens->tries < IMDS_TRIES) &&
        !(is_entra && kind == FAILURE_REMOTE && status < 500 && tokens->tries < ENTRA_TRIES))
        return false;
    pause_ms = backoff_pause_ms(&backoff, tokens->tries, 200, 200, jitter_random());
    if (pause_ms >= remaining_ms(tokens))
        return false;
    uv_timer_start(&tokens->timer, on_time_to_try, pause_ms, 0);
    return true;
}

/* Of the network between us and IMDS (Docker Desktop has one such). */
static bool says_unreachable(const struct http_answer *answer)
{
    return answer->status == 403 && text_find(answer->body, TEXT("unreachable")) != SIZE_MAX;
}

/* 400 is "Identity not found": the machine has none. */
static bool says_absent(const struct tokens *tokens, const struct http_answer *answer)
{
    return is_imds(tokens) && (answer->status == 400 || says_unreachable(answer));
}

static void refuse(struct tokens *tokens, const struct http_answer *answer)
{
    struct failure why;

    wire_token_failure(answer->status, answer->body, tokens->sent, &why);
    if (tries_again(tokens, answer->status, why.kind))
        return;
    why.http_status = answer->status;
    why.retry_after_ms = http_answer_retry_after_ms(answer);
    failure_prefix(&why, "%s", tokens_issuer(tokens));
    end_method(tokens, &why, says_absent(tokens, answer), true);
}

static bool is_arc_challenge(const struct tokens *tokens, const struct http_answer *answer)
{
    return answer->status == 401 && !tokens->challenge &&
           credential_issuer(tokens->method) == ISSUER_IDENTITY &&
           managed_identity_challenges(credential_of(tokens));
}

static void answer_challenge(struct tokens *tokens, const struct http_answer *answer)
{
    struct failure why;

    tokens->challenge = managed_identity_challenge(
        credential_of(tokens), http_answer_header(answer, "WWW-Authenticate"), &why);
    if (tokens->challenge)
        start_try(tokens);
    else
        end_method(tokens, &why, false, true);
}

static void read_token(struct tokens *tokens, const struct http_answer *answer)
{
    struct wire_token token;
    struct failure why;

    if (!wire_token(answer->body, client_wall_clock(), &token, &why))
        goto fail;
    if (credential_issuer(tokens->method) == ISSUER_IDENTITY &&
        !managed_identity_is_asked_one(credential_of(tokens), answer->body, &why)) {
        secret_free(token.value);
        goto fail;
    }
    take(tokens, &token);
    return;
fail:
    failure_prefix(&why, "%s", tokens_issuer(tokens));
    end_method(tokens, &why, false, true);
}

/* The exchange is over. False: nobody waits for what it brought, the client is closing. */
static bool is_awaited(struct tokens *tokens)
{
    tokens->exchange = NULL;
    if (!tokens->is_refreshing)
        client_settle(tokens->client);
    return tokens->is_refreshing;
}

static void on_answer(const struct http_answer *answer, const struct failure *failure,
                      void *context)
{
    struct tokens *tokens = context;
    struct failure why;

    if (!is_awaited(tokens))
        return;
    if (failure) {
        why = *failure;
        failure_prefix(&why, "no token");
        end_method(tokens, &why, false, true);
    } else if (is_arc_challenge(tokens, answer)) {
        answer_challenge(tokens, answer);
    } else if (answer->status != 200) {
        refuse(tokens, answer);
    } else {
        tokens->asked_at = uv_now(tokens->client->loop) - answer->elapsed_ms;
        read_token(tokens, answer);
    }
}

/* ---- one try --------------------------------------------------------------------------------- */

static void send_request(struct tokens *tokens, const struct http_request *request, http_done *done)
{
    struct upstream *issuer = tokens->client->issuers[credential_issuer(tokens->method)];
    struct failure why;

    tokens->exchange = http_send(issuer, request, done, tokens);
    if (tokens->exchange)
        return;
    failure_out_of_memory(&why);
    tokens_fail(tokens, &why, false);
}

static void on_cli(struct text output, const struct failure *failure, void *context)
{
    struct tokens *tokens = context;
    struct wire_token token;
    struct failure why;

    if (!is_awaited(tokens))
        return;
    if (failure) {
        end_method(tokens, failure, true, true);
    } else if (wire_cli_token(output, client_wall_clock(), &token, &why)) {
        tokens->asked_at = uv_now(tokens->client->loop);
        take(tokens, &token);
    } else {
        end_method(tokens, &why, true, true);
    }
}

static void start_cli(struct tokens *tokens)
{
    struct failure why;

    tokens->exchange = azure_cli_start(tokens->client->loop, credential_of(tokens),
                                       remaining_ms(tokens), on_cli, tokens);
    if (tokens->exchange)
        return;
    failure_out_of_memory(&why);
    tokens_fail(tokens, &why, false);
}

static void start_try(struct tokens *tokens)
{
    struct token_occasion occasion = {
        .now_at = client_wall_clock(),
        .claims = buffer_text(&tokens->claims),
        .challenge = tokens->challenge,
    };
    struct token_request made;
    struct http_request request;
    struct failure why;

    tokens->tries++;
    tokens->sent = secret_free(tokens->sent);
    if (credential_issuer(tokens->method) == ISSUER_CLI) {
        start_cli(tokens);
        return;
    }
    if (!credential_request(credential_of(tokens), tokens->method, &occasion, &made, &why)) {
        end_method(tokens, &why, false, false);
        return;
    }
    request = (struct http_request){
        .method = made.method,
        .target = made.target.start,
        .headers = made.headers,
        .header_count = made.header_count,
        .body = buffer_text(&made.body),
        .deadline_ms = (uint32_t)remaining_ms(tokens),
        .retry = HTTP_RETRY_SAFE,
    };
    send_request(tokens, &request, on_answer);
    tokens->sent = made.sent;
    made.sent = NULL;
    token_request_clear(&made);
}

/* ---- method after method --------------------------------------------------------------------- */

static void start_method(struct tokens *tokens)
{
    tokens->tries = 0;
    tokens->challenge = secret_free(tokens->challenge);
    start_try(tokens);
}

/* Without the Metadata header IMDS gives nothing, but any answer says that it is there. */
static void on_probe(const struct http_answer *answer, const struct failure *failure, void *context)
{
    struct tokens *tokens = context;
    struct failure why;

    if (!is_awaited(tokens))
        return;
    if (answer && !says_unreachable(answer)) {
        start_method(tokens);
        return;
    }
    failure_set(&why, FAILURE_NETWORK, "%s does not answer%s", tokens_issuer(tokens),
                failure && failure->kind == FAILURE_TIMEOUT ? " in time" : "");
    end_method(tokens, &why, true, false);
}

static void probe(struct tokens *tokens)
{
    const struct credential *credential = credential_of(tokens);
    struct http_request request = {
        .target = credential->identity_path,
        .deadline_ms = credential->probe_ms,
        .retry = HTTP_RETRY_NEVER,
    };

    send_request(tokens, &request, on_probe);
}

static void next_method(struct tokens *tokens)
{
    const struct credential *credential = credential_of(tokens);
    char text[REASON_LIMIT];
    const char *lacks;

    if (tokens->method == credential->end) {
        fail_chain(tokens);
        return;
    }
    lacks = credential_lacks(credential, tokens->method);
    if (lacks) {
        snprintf(text, sizeof(text), "needs %s", lacks);
        pass_over(tokens, text);
    } else if (is_imds(tokens) && may_go_on(tokens)) {
        probe(tokens);
    } else {
        start_method(tokens);
    }
}

void token_try_begin(struct tokens *tokens)
{
    buffer_reset(&tokens->refused);
    next_method(tokens);
}
