/* SPDX-License-Identifier: Apache-2.0 */
/* What an answer leads to: the end of the request, another try, another server, one redirect, or
 * the question whether a token still lives.
 *
 * Redirects are followed by hand, because official clients call a write done that ended in a second
 * 307: here at most one per try, to an address of the cluster, and whatever 3xx is left is a
 * failure. A leader that was overtaken redirects writes to itself for as long as it lives. */
#include "vaultclient/request.h"

#include "base/memory.h"
#include "net/retry.h"

static bool has_others(const struct request *request)
{
    return request->client->servers.count > 1;
}

/* Leaves what a redirect or a leader's name led to; the next server is chosen anew. */
static void come_back(struct request *request)
{
    memory_free(request->redirected_target);
    request->redirected_target = NULL;
    request->is_led = false;
}

static bool others_are_left(struct request *request)
{
    request->tried |= UINT32_C(1) << request->server;
    return vault_servers_next(&request->client->servers, request->tried, 0) != SERVER_LIMIT;
}

static void explain(struct request *request, const struct http_answer *answer,
                    const struct failure *failure)
{
    if (failure)
        request->failure = *failure;
    else
        vault_wire_explain(answer->status, answer->body, http_answer_retry_after_ms(answer),
                           request->plan.hidden, &request->failure);
}

/* ---- other tries ----------------------------------------------------------------------------- */

/* False: it has been tried often enough, or the time would be over. */
static bool try_again(struct request *request, uint32_t retry_after_ms)
{
    static const struct backoff backoff = {.base_ms = 200, .cap_ms = 10000};
    unsigned max_tries = request->client->max_tries ? request->client->max_tries : 4;
    uint32_t pause_ms =
        backoff_pause_ms(&backoff, request->pauses + 1, retry_after_ms, 3600000, jitter_random());

    if (request->pauses + 1 >= max_tries || vault_request_is_late(request, pause_ms))
        return false;
    request->pauses++;
    request->tried = 0;
    come_back(request);
    vault_request_pause(request, pause_ms);
    return true;
}

/* A quota may name its end, in one header or another, and leaves out what is less than a second: in
 * the last one it says 0. */
static uint32_t wait_of(const struct http_answer *answer)
{
    uint32_t retry_after_ms = http_answer_retry_after_ms(answer);
    uint64_t reset_s;

    if (answer->status != 429)
        return retry_after_ms;
    if (http_answer_header(answer, "Retry-After").size)
        return retry_after_ms + 1000;
    if (!text_is(http_answer_header(answer, "X-Ratelimit-Remaining"), "0") ||
        !text_parse_u64(http_answer_header(answer, "X-Ratelimit-Reset"), 3600, &reset_s))
        return 0;
    return (uint32_t)reset_s * 1000 + 1000;
}

/* A copy is behind by milliseconds, so the second of Retry-After is not waited for. */
static bool try_when_it_caught_up(struct request *request)
{
    uint32_t pause_ms = 5 + jitter_random() % 96;

    if (request->behinds >= 40 || vault_request_is_late(request, pause_ms))
        return false;
    request->behinds++;
    vault_request_pause(request, pause_ms);
    return true;
}

/* Once, whatever the server hands out meanwhile. What it refuses with 400 it has not done. */
static bool try_without_index(struct request *request)
{
    if (!request->plan.is_decisive || request->index_was_refused)
        return false;
    request->index_was_refused = true;
    vault_index_drop(request->client);
    vault_request_go_on(request);
    return true;
}

/* Those of this client that follow do not wish it either. */
static bool try_unforwarded(struct request *request)
{
    if (!request->plan.is_decisive || request->forwarding_was_refused)
        return false;
    request->forwarding_was_refused = true;
    request->client->forwards_nobody = true;
    vault_request_go_on(request);
    return true;
}

static bool try_elsewhere(struct request *request)
{
    struct servers *servers = &request->client->servers;

    vault_servers_failed(servers, request->server, vault_now_ms());
    request->client->leader_until = 0;
    if (!others_are_left(request))
        return try_again(request, 0);
    come_back(request);
    vault_request_go_on(request);
    return true;
}

/* An election takes 1 to 15 s. */
static bool try_after_election(struct request *request)
{
    static const struct backoff backoff = {.base_ms = 400, .cap_ms = 2000};
    uint32_t pause_ms =
        backoff_pause_ms(&backoff, request->elections + 1, 100, 100, jitter_random());
    bool is_late = vault_request_is_late(request, pause_ms);

    request->has_asked_leader = false;
    request->client->leader_until = 0;
    if (others_are_left(request)) {
        come_back(request);
        vault_request_go_on(request);
        return true;
    }
    if (request->client->max_tries == 1 || is_late)
        return false;
    request->elections++;
    request->tried = 0;
    come_back(request);
    vault_request_pause(request, pause_ms);
    return true;
}

void vault_request_without_leader(struct request *request)
{
    if (!try_after_election(request))
        vault_request_fail(request);
}

/* A version 2 mount answers so for some 75 ms after it was made, and for seconds while a version 1
 * mount with many secrets becomes one. False: the time of the request is over before that. */
static bool wait_for_upgrade(struct request *request)
{
    static const struct backoff backoff = {.base_ms = 100, .cap_ms = 1000};
    uint32_t pause_ms = backoff_pause_ms(&backoff, request->upgrades + 1, 0, 1000, jitter_random());

    if (vault_request_is_late(request, pause_ms))
        return false;
    request->upgrades++;
    vault_request_pause(request, pause_ms);
    return true;
}

/* ---- redirects ------------------------------------------------------------------------------- */

/* True for what may only be a moment between two leaders. */
static bool explain_redirect(struct request *request, int status, const struct redirection *to)
{
    const char *place = to->origin ? to->origin : "nowhere";
    bool is_again = request->redirected_target != NULL;

    if (to->to == REDIRECT_TO_ITSELF)
        place = "itself";
    else if (to->to == REDIRECT_TO)
        place = request->client->servers.list[to->server].address;
    failure_set(&request->failure, FAILURE_REMOTE,
                "no active node at this address: it answered %d and pointed to %s%s%s", status,
                place, is_again ? ", after a first redirect" : "",
                to->to == REDIRECT_SCHEME ? ", over another scheme, which is not followed" : "");
    request->failure.http_status = status;
    return is_again || to->to == REDIRECT_TO_ITSELF;
}

static void follow(struct request *request, struct redirection *to)
{
    request->tried |= UINT32_C(1) << request->server;
    request->redirected_target = to->target;
    request->server = to->server;
    request->is_led = true;
    vault_request_go_on(request);
}

static void on_redirect(struct request *request, const struct http_answer *answer)
{
    struct redirection *to = &request->redirection;
    bool may_pass, is_ours = answer->status == 307 || answer->status == 308;
    bool is_first = !request->redirected_target;

    memory_free(to->origin);
    vault_servers_redirect(&request->client->servers, request->server,
                           is_first ? request->target : request->redirected_target,
                           http_answer_header(answer, "Location"), to);
    may_pass = explain_redirect(request, answer->status, to) && is_ours;
    if (is_ours && is_first && to->to == REDIRECT_TO && !request->client->stays_put) {
        follow(request, to);
        return;
    }
    memory_free(to->target);
    to->target = NULL;
    if (may_pass)
        vault_request_without_leader(request);
    else if (!is_ours || to->to != REDIRECT_ELSEWHERE || request->client->stays_put ||
             !vault_errand_about_redirect(request))
        vault_request_fail(request);
}

/* ---- answers --------------------------------------------------------------------------------- */

static void on_denied(struct request *request, const struct http_answer *answer)
{
    vault_wire_explain(answer->status, answer->body, 0, request->plan.hidden, &request->failure);
    if (request->had_second_token) {
        vault_request_fail(request);
        return;
    }
    request->was_called_dead = vault_wire_says_token_is_dead(answer->body);
    request->step = JUDGING;
    if (!vault_token_doubt(request->client, request->generation, request->was_called_dead,
                           request->plan.deadline)) {
        request->had_second_token = true;
        vault_request_go_on(request);
    }
}

static void tell(struct request *request, const struct http_answer *answer,
                 const struct failure *failure)
{
    struct servers *servers = &request->client->servers;

    if (failure) {
        /* What became of it is better asked elsewhere. */
        if (failure->kind == FAILURE_AMBIGUOUS || failure->kind == FAILURE_TIMEOUT ||
            failure->kind == FAILURE_NETWORK)
            vault_servers_failed(servers, request->server, vault_now_ms());
        vault_request_end(request, NULL, failure);
        return;
    }
    if (answer->status / 100 == 2) {
        /* Going to the leader with one request is no reason to go there with all. */
        if (request->is_led && !request->redirected_target)
            vault_servers_answered(servers, request->server);
        else
            vault_servers_worked(servers, request->server);
        if (vault_request_uses_own_token(request))
            vault_token_proved(request->client, request->generation);
    }
    if (vault_wire_is_web_page(answer->body)) {
        explain(request, answer, NULL);
        vault_request_fail(request);
    } else if (vault_wire_refuses_token(answer->status, answer->body) &&
               !vault_wire_is_foreign(answer->body) && vault_request_uses_own_token(request)) {
        on_denied(request, answer);
    } else if (!vault_wire_is_upgrading(answer->status, answer->body) ||
               !wait_for_upgrade(request)) {
        vault_request_end(request, answer, NULL);
    }
}

static bool takes_course(struct request *request, enum course course,
                         const struct http_answer *answer)
{
    switch (course) {
    case COURSE_TELL:
    case COURSE_REDIRECT:
        return false;
    case COURSE_AGAIN:
        return try_again(request, wait_of(answer));
    case COURSE_BEHIND:
        return try_when_it_caught_up(request);
    case COURSE_WITHOUT_INDEX:
        return try_without_index(request);
    case COURSE_UNFORWARDED:
        return try_unforwarded(request);
    case COURSE_ELSEWHERE:
        return try_elsewhere(request);
    case COURSE_NO_LEADER:
        return try_after_election(request);
    }
    return false;
}

void vault_request_on_answer(const struct http_answer *answer, const struct failure *failure,
                             void *context)
{
    struct request *request = context;
    struct vault_client *client = request->client;
    struct http_answer without_secret;
    struct buffer scrubbed = {.limit = 0};
    enum course course;

    request->exchange = NULL;
    if (answer && answer->status >= 400 &&
        vault_wire_scrub(answer->body, request->token ? request->token : client->token.value,
                         &scrubbed)) {
        without_secret = *answer;
        without_secret.body = buffer_text(&scrubbed);
        answer = &without_secret;
    }
    if (answer) {
        vault_index_take(client, answer);
        vault_clock_take(client, answer);
        if (vault_request_uses_own_token(request))
            vault_token_spend(client, request->generation, answer->tries - 1);
    }
    course = vault_course(answer, failure, request->plan.retry, has_others(request));
    if (course == COURSE_REDIRECT)
        on_redirect(request, answer);
    else if (request->is_canceled || !takes_course(request, course, answer))
        tell(request, answer, failure);
    buffer_clear(&scrubbed);
}
