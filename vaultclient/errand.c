/* SPDX-License-Identifier: Apache-2.0 */
/* Questions that a request has to have answered before it may go out, each asked of the server it
 * is about to be sent to, without a token:
 *
 *   are there namespaces?  Vault's community edition ignores the header and answers from the root,
 *                          with the root's secrets; asked until it is known
 *   who leads?             for a decisive read where answers carry no index, for whatever rests on
 *                          something that was just made; and for a redirect to an address that was
 *                          not configured */
#include "vaultclient/request.h"

#include "base/memory.h"

#include <string.h>

#define TRY_MS          3000  /* these are answered from memory; another may be asked instead */
#define LEADER_MS       1000  /* how long an answer of a cluster is believed */
#define LEADER_ALONE_MS 60000 /* and that of a server without one */

/* `is_once`: without an answer the request goes on all the same. */
static bool ask(struct request *request, const char *target, bool in_namespace, bool is_once,
                http_done *done)
{
    const struct vault_client *client = request->client;
    bool is_brief = is_once || client->servers.count > 1;
    uint64_t now = vault_now_ms();
    struct http_header headers[] = {
        {.name = "X-Vault-Request", .value = TEXT("true")},
        {.name = "X-Vault-Namespace",
         .value = text_of(client->namespace_path ? client->namespace_path : "")}};
    struct http_request http = {
        .target = target,
        .headers = headers,
        .header_count = in_namespace ? 2 : 1,
        .deadline_ms = request->plan.deadline > now ? (uint32_t)(request->plan.deadline - now) : 1,
        .retry = HTTP_RETRY_SAFE,
        .max_tries = is_brief ? 1 : client->max_tries,
        .answers_end_it = true,
        .lane = request->plan.lane,
    };

    if (is_brief) {
        http.try_timeout_ms = client->timeout_ms / 3 + 1;
        if (http.try_timeout_ms > TRY_MS)
            http.try_timeout_ms = TRY_MS;
    }
    request->step = SENDING;
    request->exchange =
        http_send(client->servers.list[request->server].upstream, &http, done, request);
    return request->exchange != NULL;
}

static bool ask_or_fail(struct request *request, const char *target, bool in_namespace,
                        bool is_once, http_done *done)
{
    if (!ask(request, target, in_namespace, is_once, done)) {
        failure_out_of_memory(&request->failure);
        vault_request_end_later(request);
    }
    return true;
}

/* ---- namespaces ------------------------------------------------------------------------------ */

/* As if the request itself had failed so; its next try asks again. */
static void fail_to_ask_namespace(struct request *request, const struct failure *failure)
{
    request->has_asked_namespace = false;
    vault_request_on_answer(NULL, failure, request);
}

static bool is_in_servers_words(const struct http_answer *answer)
{
    return answer->status / 100 == 4 && answer->status != 429 &&
           !vault_wire_is_foreign(answer->body);
}

static void on_mounts_listed(const struct http_answer *answer, const struct failure *failure,
                             void *context)
{
    struct request *request = context;
    struct vault_client *client = request->client;

    if (failure) {
        fail_to_ask_namespace(request, failure);
        return;
    }
    request->exchange = NULL;
    if (answer->status == 200) {
        client->has_namespaces = true;
        vault_request_go_on(request);
        return;
    }
    if (is_in_servers_words(answer)) {
        failure_set(&request->failure, FAILURE_INVALID,
                    "this server knows no namespaces (Vault's community edition has none): \"%s\" "
                    "would be ignored, and the root's secrets be read and written in its place",
                    client->namespace_path);
    } else {
        vault_wire_explain(answer->status, answer->body, http_answer_retry_after_ms(answer), NULL,
                           &request->failure);
        failure_prefix(
            &request->failure,
            "whether this server knows namespaces cannot be told: sys/internal/ui/mounts "
            "of \"%s\"",
            client->namespace_path);
    }
    vault_request_fail(request);
}

static void ask_below_namespace(struct request *request)
{
    cleanup_with(buffer_clear) struct buffer target = {.limit = 8192};

    vault_wire_plain_target(&target, "", text_of(request->client->namespace_path),
                            "/sys/internal/ui/mounts");
    ask_or_fail(request, buffer_text(&target).start, false, false, on_mounts_listed);
}

/* Sealed or not initialised, it will say so to the request itself. */
static bool is_closed(const struct http_answer *answer)
{
    return (answer->status == 501 || answer->status == 503) &&
           text_find(answer->body, TEXT("\"initialized\":")) != SIZE_MAX;
}

/* A quota, or whatever stands in front of the server: it goes on as if the request itself had been
 * answered so, and proves nothing. */
static bool is_in_trouble(const struct http_answer *answer)
{
    return (answer->status == 429 && !vault_wire_is_health(answer->body)) || answer->status >= 500;
}

/* Health is not told in a namespace. Where it is, or where somebody in front of the server does not
 * let it be told, a path below the namespace makes sure. The name in the answer's header proves
 * nothing: Vault's community edition repeats whatever it was sent. */
static void on_health(const struct http_answer *answer, const struct failure *failure,
                      void *context)
{
    struct request *request = context;
    struct vault_client *client = request->client;

    if (failure) {
        fail_to_ask_namespace(request, failure);
        return;
    }
    request->exchange = NULL;
    vault_clock_take(client, answer);
    client->has_namespaces = is_in_servers_words(answer);
    if (client->has_namespaces || is_closed(answer)) {
        vault_request_go_on(request);
    } else if (is_in_trouble(answer)) {
        request->has_asked_namespace = false;
        vault_request_on_answer(answer, NULL, request);
    } else {
        ask_below_namespace(request);
    }
}

/* ---- the leader ------------------------------------------------------------------------------ */

static void remember_leader(struct vault_client *client, unsigned leader, uint32_t for_ms)
{
    client->leader = leader;
    client->leader_until = vault_now_ms() + for_ms;
}

/* A standby judges these by its own copy before it forwards them, and says "invalid" of what was
 * made a moment ago: of a secret id, where five such refusals lock the role, and of what was
 * wrapped, where it sounds as if somebody else had been quicker. And what it would have to wrap
 * itself ends in a 500 (some answers with OpenBao 2.7, most with 2.6). */
static bool is_beyond_standbys(const struct request *request)
{
    const struct request_plan *plan = &request->plan;

    return plan->is_anonymous || plan->wrap_ttl_s ||
           text_starts_with(text_of(request->target), TEXT("/v1/sys/wrapping/"));
}

static bool wants_leader(const struct request *request)
{
    if (request->is_led)
        return false;
    return is_beyond_standbys(request) ||
           (request->plan.is_decisive && !vault_request_sends_index(request));
}

static void lead(struct request *request)
{
    const struct vault_client *client = request->client;
    unsigned leader = client->leader;

    if (leader == SERVER_LIMIT || request->tried & UINT32_C(1) << leader ||
        client->servers.list[leader].avoided_until > vault_now_ms())
        return;
    request->server = leader;
    request->is_led = true;
}

/* Somebody else named it; an address that is good within the cluster may lead nowhere from here,
 * and some requests have only one try. */
static void on_leader_met(const struct http_answer *answer, const struct failure *failure,
                          void *context)
{
    struct request *request = context;
    struct vault_client *client = request->client;
    struct wire_leader leader;

    if (failure && failure->kind == FAILURE_CANCELED) {
        vault_request_on_answer(NULL, failure, request);
        return;
    }
    request->exchange = NULL;
    if (failure || !vault_wire_leader(answer->status, answer->body, &leader)) {
        vault_servers_unmet(&client->servers, request->server, vault_now_ms());
        remember_leader(client, SERVER_LIMIT, LEADER_MS);
    } else {
        vault_servers_answered(&client->servers, request->server);
        remember_leader(client, request->server, LEADER_MS);
    }
    vault_request_go_on(request);
}

/* False: it is known well enough. */
static bool meet_leader(struct request *request, unsigned leader)
{
    const struct servers *servers = &request->client->servers;

    if (leader == SERVER_LIMIT || servers->list[leader].has_answered ||
        servers->list[leader].avoided_until > vault_now_ms())
        return false;
    request->server = leader;
    return ask_or_fail(request, "/v1/sys/leader", false, true, on_leader_met);
}

/* Nobody or an unknown one leads: the request goes out all the same, forwarded where the server
 * does so by itself. */
static void on_leader(const struct http_answer *answer, const struct failure *failure,
                      void *context)
{
    struct request *request = context;
    struct vault_client *client = request->client;
    struct wire_leader leader;
    unsigned named;

    if (failure && failure->kind == FAILURE_CANCELED) {
        vault_request_on_answer(NULL, failure, request);
        return;
    }
    request->exchange = NULL;
    if (failure || !vault_wire_leader(answer->status, answer->body, &leader)) {
        remember_leader(client, SERVER_LIMIT, LEADER_MS);
    } else if (leader.is_alone) {
        remember_leader(client, SERVER_LIMIT, LEADER_ALONE_MS);
    } else if (leader.is_self) {
        remember_leader(client, request->server, LEADER_MS);
    } else {
        named = vault_servers_announced(&client->servers, request->server, text_of(leader.address));
        if (meet_leader(request, named))
            return;
        remember_leader(client, named, LEADER_MS);
    }
    vault_request_go_on(request);
}

static void on_redirect_explained(const struct http_answer *answer, const struct failure *failure,
                                  void *context)
{
    struct request *request = context;
    struct servers *servers = &request->client->servers;
    struct redirection *to = &request->redirection;
    struct wire_leader leader;
    unsigned server;

    request->exchange = NULL;
    if (failure && failure->kind == FAILURE_CANCELED) {
        vault_request_end(request, NULL, failure);
        return;
    }
    if (failure || !vault_wire_leader(answer->status, answer->body, &leader) || !*leader.address) {
        failure_set(&request->failure, FAILURE_REMOTE,
                    "%s, which is none of the addresses that were configured, nor the leader "
                    "that it names",
                    request->failure.text);
        vault_request_fail(request);
        return;
    }
    server = vault_servers_announced(servers, request->server, text_of(leader.address));
    if (server != SERVER_LIMIT && vault_servers_is_at(servers, server, to->origin)) {
        request->tried |= UINT32_C(1) << request->server;
        request->redirected_target = text_copy(text_of(request->target));
        request->server = server;
        request->is_led = true;
        vault_request_go_on(request);
        return;
    }
    vault_request_without_leader(request);
}

bool vault_errand_about_redirect(struct request *request)
{
    return ask(request, "/v1/sys/leader", false, false, on_redirect_explained);
}

bool vault_errand_before(struct request *request)
{
    const struct vault_client *client = request->client;

    if (client->namespace_path && !client->has_namespaces && !request->has_asked_namespace &&
        !request->plan.is_farewell) {
        request->has_asked_namespace = true;
        return ask_or_fail(request, "/v1/sys/health", true, false, on_health);
    }
    if (!wants_leader(request))
        return false;
    if (vault_now_ms() < client->leader_until) {
        lead(request);
        return false;
    }
    if (request->has_asked_leader)
        return false;
    request->has_asked_leader = true;
    return ask_or_fail(request, "/v1/sys/leader", false, true, on_leader);
}
