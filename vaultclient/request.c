/* SPDX-License-Identifier: Apache-2.0 */
/* One request to the server: pause, wait for a token, send, and know what a 403 or a 3xx means.
 *
 * Its end is told straight from the HTTP client's callback, or, when no exchange is under way, from
 * a later turn of the loop. Redirects are followed by hand, because official clients call a write
 * done that ended in a second 307: here at most one, to the address that was configured, and
 * whatever 3xx is left is a failure. */
#include "vaultclient/internal.h"

#include "base/memory.h"
#include "net/retry.h"

#include <stdio.h>
#include <string.h>

struct request {
    TAILQ_ENTRY(request) link;
    struct vault_client *client;
    enum { PAUSING, WAITING, SENDING, JUDGING, ENDING } step;
    struct later later;
    struct operation *exchange;
    struct request_plan plan; /* its texts point into the two below */
    char *method, *target;
    struct buffer body;
    struct secret *token;
    unsigned generation; /* of the token that was sent */
    bool is_canceled, is_redirected, had_second_token;
    unsigned upgrades; /* how often the mount was found in the middle of an upgrade */
    struct failure failure;
    request_done *done;
    void *context;
};

static void request_free(struct request *request)
{
    buffer_clear(&request->body);
    secret_free(request->token);
    memory_free(request->method);
    memory_free(request->target);
    memory_free(request);
}

static void end(struct request *request, const struct http_answer *answer,
                const struct failure *failure)
{
    struct vault_client *client = request->client;

    TAILQ_REMOVE(&client->requests, request, link);
    vault_later_clear(&client->laters, &request->later);
    request->done(failure ? NULL : answer, failure, request->context);
    request_free(request);
    vault_client_close_step(client);
}

static struct request *request_of(struct later *later)
{
    return (struct request *)((char *)later - offsetof(struct request, later));
}

static void on_end(struct later *later)
{
    struct request *request = request_of(later);

    end(request, NULL, &request->failure);
}

/* With `request->failure`, on a later turn of the loop. */
static void end_later(struct request *request)
{
    request->step = ENDING;
    vault_later_set(&request->client->laters, &request->later, 0, on_end);
}

void vault_request_prefix(const struct vault_client *client, const char *method, const char *target,
                          struct failure *why)
{
    const char *query = strchr(target, '?');
    struct text path = {target, query ? (size_t)(query - target) : strlen(target)};

    if (text_starts_with(path, TEXT("/v1/")))
        path = text_part(path, 4, SIZE_MAX);
    failure_prefix(why, "vault %s: %s %.*s", client->address, method, TEXT_ARG(path));
}

static void prefix(const struct request *request, struct failure *why)
{
    vault_request_prefix(request->client, request->plan.method, request->target, why);
}

static void fail_now(struct request *request)
{
    prefix(request, &request->failure);
    end(request, NULL, &request->failure);
}

static bool uses_own_token(const struct request *request)
{
    return !request->plan.token && !request->plan.is_anonymous;
}

/* ---- answers --------------------------------------------------------------------------------- */

static void go_on(struct request *request);

/* The part of `location` below our address, which begins with "/"; start NULL when it is elsewhere.
 */
static struct text part_below(const struct vault_client *client, struct text location)
{
    struct text address = text_of(client->address);

    if (text_starts_with(location, TEXT("/")) && !text_starts_with(location, TEXT("//")))
        return location;
    if (!text_starts_with_ignoring_case(location, address))
        return (struct text){NULL, 0};
    location = text_part(location, address.size, SIZE_MAX);
    return text_starts_with(location, TEXT("/")) ? location : (struct text){NULL, 0};
}

static bool follow(struct request *request, const struct http_answer *answer)
{
    struct text location = http_answer_header(answer, "Location"), below;
    char *target;

    if (request->is_redirected || (answer->status != 307 && answer->status != 308))
        return false;
    below = part_below(request->client, location);
    if (!below.start || !(target = text_copy(below)))
        return false;
    memory_free(request->target);
    request->target = target;
    request->is_redirected = true;
    return true;
}

static void on_redirect(struct request *request, const struct http_answer *answer)
{
    struct text location = http_answer_header(answer, "Location"), rest;
    size_t end_of_origin;

    if (follow(request, answer)) {
        go_on(request);
        return;
    }
    /* Only scheme and host are shown. */
    rest = text_find(location, TEXT("://")) == SIZE_MAX
               ? (struct text){NULL, 0}
               : text_part(location, text_find(location, TEXT("://")) + 3, SIZE_MAX);
    end_of_origin = text_find(rest, TEXT("/"));
    if (rest.start && end_of_origin != SIZE_MAX)
        location.size = (size_t)(rest.start - location.start) + end_of_origin;
    if (!rest.start || text_contains_byte(location, '@'))
        location = TEXT("itself");
    failure_set(&request->failure, FAILURE_REMOTE,
                "no active node at this address: it answered %d and pointed to %.*s",
                answer->status, TEXT_ARG(location));
    request->failure.http_status = answer->status;
    fail_now(request);
}

static void on_denied(struct request *request, const struct http_answer *answer)
{
    vault_wire_explain(answer->status, answer->body, 0, request->plan.hidden, &request->failure);
    if (request->had_second_token) {
        fail_now(request);
        return;
    }
    request->step = JUDGING;
    if (!vault_token_doubt(request->client, request->generation,
                           vault_wire_says_token_is_dead(answer->body), request->plan.deadline)) {
        request->had_second_token = true;
        go_on(request);
    }
}

static void on_pause_over(struct later *later)
{
    go_on(request_of(later));
}

/* A version 2 mount answers so for some 75 ms after it was made, and for seconds while a version 1
 * mount with many secrets becomes one. False: the time of the request is over before that. */
static bool wait_for_upgrade(struct request *request)
{
    static const struct backoff backoff = {.base_ms = 100, .cap_ms = 1000};
    uint32_t pause_ms = backoff_pause_ms(&backoff, request->upgrades + 1, 0, 1000, jitter_random());

    if (vault_now_ms() + pause_ms >= request->plan.deadline)
        return false;
    request->upgrades++;
    request->step = PAUSING;
    vault_later_set(&request->client->laters, &request->later, pause_ms, on_pause_over);
    return true;
}

static void on_answer(const struct http_answer *answer, const struct failure *failure,
                      void *context)
{
    struct request *request = context;

    request->exchange = NULL;
    if (answer && uses_own_token(request))
        vault_token_spend(request->client, request->generation, answer->tries - 1);
    if (failure) {
        end(request, NULL, failure);
    } else if (answer->status >= 300 && answer->status < 400) {
        on_redirect(request, answer);
    } else if (vault_wire_is_web_page(answer->body)) {
        vault_wire_explain(answer->status, answer->body, 0, NULL, &request->failure);
        fail_now(request);
    } else if ((answer->status == 401 || answer->status == 403) && uses_own_token(request)) {
        on_denied(request, answer);
    } else if (!vault_wire_is_upgrading(answer->status, answer->body) ||
               !wait_for_upgrade(request)) {
        end(request, answer, NULL);
    }
}

/* ---- sending --------------------------------------------------------------------------------- */

static bool send_it(struct request *request)
{
    struct vault_client *client = request->client;
    const struct secret *token = uses_own_token(request) ? client->token.value : request->token;
    uint64_t now = vault_now_ms();
    struct http_header headers[5] = {{.name = "X-Vault-Request", .value = TEXT("true")}};
    char wrap_ttl[12];
    struct http_request http = {
        .method = request->plan.method,
        .target = request->target,
        .headers = headers,
        .header_count = 1,
        .deadline_ms = request->plan.deadline > now ? (uint32_t)(request->plan.deadline - now) : 1,
        .max_answer = request->plan.max_answer,
        .retry = request->plan.retry,
        .lane = request->plan.lane,
    };

    if (token)
        headers[http.header_count++] =
            (struct http_header){.name = "X-Vault-Token", .secret = token};
    if (client->namespace_path)
        headers[http.header_count++] = (struct http_header){
            .name = "X-Vault-Namespace", .value = text_of(client->namespace_path)};
    if (request->plan.content_type)
        headers[http.header_count++] = (struct http_header){
            .name = "Content-Type", .value = text_of(request->plan.content_type)};
    if (request->plan.wrap_ttl_s) {
        snprintf(wrap_ttl, sizeof wrap_ttl, "%us", request->plan.wrap_ttl_s);
        headers[http.header_count++] =
            (struct http_header){.name = "X-Vault-Wrap-TTL", .value = text_of(wrap_ttl)};
    }
    if (request->plan.body.start)
        http.body = buffer_text(&request->body);
    request->generation = client->token.generation;
    request->step = SENDING;
    request->exchange = http_send(client->upstream, &http, on_answer, request);
    if (request->exchange && uses_own_token(request))
        vault_token_spend(client, request->generation, 1);
    return request->exchange != NULL;
}

static void go_on(struct request *request)
{
    if (request->is_canceled) {
        failure_set(&request->failure, FAILURE_CANCELED, "canceled");
        end_later(request);
        return;
    }
    if (vault_now_ms() >= request->plan.deadline) {
        failure_set(&request->failure, FAILURE_TIMEOUT, "the time for it was over");
        prefix(request, &request->failure);
        end_later(request);
        return;
    }
    if (uses_own_token(request)) {
        switch (vault_token_need(request->client, &request->failure)) {
        case TOKEN_READY:
            break;
        case TOKEN_SOON:
            request->step = WAITING;
            return;
        case TOKEN_REFUSED:
            end_later(request);
            return;
        }
    }
    if (!send_it(request)) {
        failure_out_of_memory(&request->failure);
        end_later(request);
    }
}

/* Nothing below calls back before it returns, so the list stays as it is. */
void vault_requests_go_on(struct vault_client *client)
{
    struct request *request;

    TAILQ_FOREACH (request, &client->requests, link)
        if (request->step == WAITING)
            go_on(request);
}

void vault_requests_judge(struct vault_client *client, enum token_health health)
{
    struct request *request;

    TAILQ_FOREACH (request, &client->requests, link) {
        if (request->step != JUDGING)
            continue;
        if (health == TOKEN_DEAD) {
            request->had_second_token = true;
            go_on(request);
            continue;
        }
        failure_set(&request->failure, FAILURE_DENIED, "%s (%s)", request->failure.text,
                    health == TOKEN_ALIVE ? "the token is valid; its policies do not allow this"
                                          : "its policies do not allow this, or the token is no "
                                            "longer valid: the server would not say");
        request->failure.http_status = 403;
        prefix(request, &request->failure);
        end_later(request);
    }
}

struct request *vault_request_send(struct vault_client *client, const struct request_plan *plan,
                                   request_done *done, void *context)
{
    struct request *request;

    if (client->is_closing && !plan->is_farewell)
        return NULL;
    request = memory_zeroed(1, sizeof *request);
    if (!request)
        return NULL;
    request->client = client;
    request->plan = *plan;
    request->method = memory_string(plan->method);
    request->target = memory_string(plan->target);
    buffer_init(&request->body, plan->body.size);
    request->token = plan->token ? secret_copy(plan->token) : NULL;
    if (!request->method || !request->target || !request->token != !plan->token ||
        !buffer_append(&request->body, plan->body)) {
        request_free(request);
        return NULL;
    }
    request->plan.method = request->method;
    request->done = done;
    request->context = context;
    TAILQ_INSERT_TAIL(&client->requests, request, link);
    if (plan->pause_ms)
        vault_later_set(&client->laters, &request->later, plan->pause_ms, on_pause_over);
    else
        go_on(request);
    return request;
}

void vault_request_cancel(struct request *request)
{
    if (!request || request->is_canceled)
        return;
    request->is_canceled = true;
    if (request->step == SENDING) {
        operation_cancel(request->exchange);
    } else if (request->step != ENDING) {
        failure_set(&request->failure, FAILURE_CANCELED, "canceled");
        end_later(request);
    }
}

void vault_requests_cancel(struct vault_client *client)
{
    struct request *request;

    TAILQ_FOREACH (request, &client->requests, link)
        vault_request_cancel(request);
}

struct failure vault_request_missing(const struct vault_client *client)
{
    struct failure why;

    if (client->is_closing)
        failure_set(&why, FAILURE_CANCELED, "canceled");
    else
        failure_out_of_memory(&why);
    return why;
}
