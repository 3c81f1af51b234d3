/* SPDX-License-Identifier: Apache-2.0 */
/* One request to the cluster: pause, wait for a token, choose a server, send. What its answer leads
 * to is in request_answer.c.
 *
 * Its end is told straight from the HTTP client's callback, or, when no exchange is under way, from
 * a later turn of the loop. */
#include "vaultclient/request.h"

#include "base/memory.h"

#include <stdio.h>
#include <string.h>

#define SHORTEST_TRY_MS 100

static void request_free(struct request *request)
{
    buffer_clear(&request->body);
    secret_free(request->token);
    memory_free(request->method);
    memory_free(request->target);
    memory_free(request->redirected_target);
    memory_free(request->redirection.origin);
    memory_free(request);
}

void vault_request_end(struct request *request, const struct http_answer *answer,
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

    vault_request_end(request, NULL, &request->failure);
}

void vault_request_end_later(struct request *request)
{
    request->step = ENDING;
    vault_later_set(&request->client->laters, &request->later, 0, on_end);
}

static void prefix_with(const char *address, const char *method, const char *target,
                        struct failure *why)
{
    const char *query = strchr(target, '?');
    struct text path = {target, query ? (size_t)(query - target) : strlen(target)};

    if (text_starts_with(path, TEXT("/v1/")))
        path = text_part(path, 4, SIZE_MAX);
    failure_prefix(why, "vault %s: %s %.*s", address, method, TEXT_ARG(path));
}

void vault_request_prefix(const struct vault_client *client, const char *method, const char *target,
                          struct failure *why)
{
    vault_clock_hint(client, why);
    prefix_with(client->address, method, target, why);
}

static void prefix(const struct request *request, struct failure *why)
{
    const struct vault_client *client = request->client;

    vault_clock_hint(client, why);
    prefix_with(client->servers.list[request->server].address, request->method, request->target,
                why);
}

void vault_request_fail(struct request *request)
{
    prefix(request, &request->failure);
    vault_request_end(request, NULL, &request->failure);
}

bool vault_request_uses_own_token(const struct request *request)
{
    return !request->plan.token && !request->plan.is_anonymous;
}

bool vault_request_sends_index(const struct request *request)
{
    return request->plan.is_decisive && request->client->index && !request->index_was_refused;
}

bool vault_request_is_late(const struct request *request, uint32_t pause_ms)
{
    return vault_now_ms() + pause_ms + SHORTEST_TRY_MS >= request->plan.deadline;
}

static void on_pause_over(struct later *later)
{
    vault_request_go_on(request_of(later));
}

void vault_request_pause(struct request *request, uint32_t pause_ms)
{
    request->step = PAUSING;
    vault_later_set(&request->client->laters, &request->later, pause_ms, on_pause_over);
}

/* ---- sending --------------------------------------------------------------------------------- */

static size_t write_headers(const struct request *request, struct http_header *headers,
                            char wrap_ttl[12])
{
    const struct vault_client *client = request->client;
    const struct secret *token =
        vault_request_uses_own_token(request) ? client->token.value : request->token;
    size_t count = 0;

    /* A proxy's listener may demand it, so that no web page can send requests there. */
    headers[count++] = (struct http_header){.name = "X-Vault-Request", .value = TEXT("true")};
    if (token)
        headers[count++] = (struct http_header){.name = "X-Vault-Token", .secret = token};
    if (client->namespace_path)
        headers[count++] = (struct http_header){.name = "X-Vault-Namespace",
                                                .value = text_of(client->namespace_path)};
    if (request->plan.content_type)
        headers[count++] = (struct http_header){.name = "Content-Type",
                                                .value = text_of(request->plan.content_type)};
    if (request->plan.wrap_ttl_s) {
        snprintf(wrap_ttl, 12, "%us", request->plan.wrap_ttl_s);
        headers[count++] =
            (struct http_header){.name = "X-Vault-Wrap-TTL", .value = text_of(wrap_ttl)};
    }
    if (request->plan.is_decisive)
        count += vault_index_headers(client, vault_request_sends_index(request), headers + count);
    return count;
}

static bool send_it(struct request *request)
{
    struct vault_client *client = request->client;
    bool has_others = client->servers.count > 1;
    uint64_t now = vault_now_ms();
    struct http_header headers[7];
    char wrap_ttl[12];
    struct http_request http = {
        .method = request->method,
        .target = request->redirected_target ? request->redirected_target : request->target,
        .headers = headers,
        .header_count = write_headers(request, headers, wrap_ttl),
        .deadline_ms = request->plan.deadline > now ? (uint32_t)(request->plan.deadline - now) : 1,
        .max_answer = request->plan.max_answer,
        .retry = request->plan.retry,
        .max_tries = has_others ? 1 : client->max_tries,
        .answers_end_it = true,
        .lane = request->plan.lane,
    };

    /* One that hangs must not use up the time of those that would answer. */
    if (has_others && request->plan.retry == HTTP_RETRY_SAFE)
        http.try_timeout_ms = client->timeout_ms / 3 + 1;
    if (request->plan.body.start)
        http.body = buffer_text(&request->body);
    request->generation = client->token.generation;
    request->step = SENDING;
    request->exchange = http_send(client->servers.list[request->server].upstream, &http,
                                  vault_request_on_answer, request);
    if (request->exchange && vault_request_uses_own_token(request))
        vault_token_spend(client, request->generation, 1);
    return request->exchange != NULL;
}

/* False: its place is a later one, and it waits for that. */
static bool has_place(struct request *request)
{
    uint32_t pause_ms;

    if (request->has_place) {
        request->has_place = false;
        return true;
    }
    pause_ms = vault_pace_take(&request->client->pace);
    if (!pause_ms)
        return true;
    request->has_place = true;
    vault_request_pause(request, pause_ms);
    return false;
}

static void choose_server(struct request *request)
{
    const struct servers *servers = &request->client->servers;
    unsigned next;

    if (request->is_led)
        return;
    next = vault_servers_next(servers, request->tried, vault_now_ms());
    if (next == SERVER_LIMIT) {
        request->tried = 0;
        next = vault_servers_next(servers, 0, vault_now_ms());
    }
    request->server = next;
}

void vault_request_go_on(struct request *request)
{
    if (request->is_canceled) {
        failure_set(&request->failure, FAILURE_CANCELED, "canceled");
        vault_request_end_later(request);
        return;
    }
    if (vault_now_ms() >= request->plan.deadline) {
        failure_set(&request->failure, FAILURE_TIMEOUT, "the time for it was over");
        prefix(request, &request->failure);
        vault_request_end_later(request);
        return;
    }
    choose_server(request);
    if (vault_request_uses_own_token(request)) {
        switch (vault_token_need(request->client, &request->failure)) {
        case TOKEN_READY:
            break;
        case TOKEN_SOON:
            request->step = WAITING;
            return;
        case TOKEN_REFUSED:
            vault_request_end_later(request);
            return;
        }
    }
    if (vault_errand_before(request) || !has_place(request))
        return;
    if (!send_it(request)) {
        failure_out_of_memory(&request->failure);
        vault_request_end_later(request);
    }
}

/* Nothing below calls back before it returns, so the list stays as it is. */
void vault_requests_go_on(struct vault_client *client)
{
    struct request *request;

    TAILQ_FOREACH (request, &client->requests, link)
        if (request->step == WAITING)
            vault_request_go_on(request);
}

void vault_requests_judge(struct vault_client *client, enum token_health health)
{
    struct request *request;

    TAILQ_FOREACH (request, &client->requests, link) {
        if (request->step != JUDGING)
            continue;
        if (health == TOKEN_DEAD) {
            request->had_second_token = true;
            vault_request_go_on(request);
            continue;
        }
        /* Perhaps by a standby that has not yet heard of it. */
        if (request->was_called_dead && !request->plan.is_decisive) {
            request->plan.is_decisive = true;
            vault_request_go_on(request);
            continue;
        }
        failure_set(&request->failure, FAILURE_DENIED, "%s (%s)", request->failure.text,
                    health == TOKEN_ALIVE ? "the token is valid; its policies do not allow this"
                                          : "its policies do not allow this, or the token is no "
                                            "longer valid: the server would not say");
        request->failure.http_status = 403;
        prefix(request, &request->failure);
        vault_request_end_later(request);
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
        vault_request_go_on(request);
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
        vault_request_end_later(request);
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
