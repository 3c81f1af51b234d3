/* SPDX-License-Identifier: Apache-2.0 */
/* One authenticated call to Azure Resource Manager. */
#include "azureclient/client.h"
#include "azureclient/key_kinds.h"
#include "azureclient/wire.h"
#include "base/memory.h"

#include <stdio.h>
#include <string.h>

#define PAGE_LIMIT 50
#define LEAD_SIZE  80 /* bytes kept free for what callers put before a sentence */

static void go(struct azure_task *task);

const struct secret *arm_token(const struct azure_task *task)
{
    return task->client->tokens.value;
}

/* ---- the call -------------------------------------------------------------------------------- */

static void on_answer(struct azure_task *task, const struct http_answer *answer,
                      const struct failure *failure)
{
    struct tokens *tokens = &task->client->tokens;
    bool is_refused = answer && answer->status == 401, is_challenged = false;
    struct failure why;
    struct text header;

    if (answer)
        quotas_note(&task->client->quotas, text_of(task->arm.target), answer, client_wall_clock());
    if (answer && !is_refused)
        tokens_accepted(tokens, task->arm.token_serial);
    if (is_refused) {
        header = http_answer_header(answer, "WWW-Authenticate");
        is_challenged = tokens_challenged(tokens, task->arm.token_serial, header);
    }
    if (is_refused && tokens_drop(tokens, task->arm.token_serial) &&
        task->arm.tries_again_after_401) {
        task->arm.tries_again_after_401 = false;
        task->arm.answers_challenge = is_challenged;
        go(task);
        return;
    }
    if (is_challenged && task->arm.answers_challenge) {
        tokens_challenged_again(tokens, &why);
        task->arm.then(task, NULL, &why);
        return;
    }
    /* Microsoft's libraries GET further pages also of a list that began with a POST. Where a
     * service allows no GET, the list goes on as it began. */
    if (answer && answer->status == 405 && task->arm.is_page) {
        task->arm.is_page = false;
        task->arm.method = "POST";
        go(task);
        return;
    }
    task->arm.then(task, answer, failure);
}

static void send_with(struct azure_task *task, const struct secret *token)
{
    struct http_header headers[4] = {{"Authorization", TEXT("Bearer "), token},
                                     {"Accept", TEXT("application/json"), NULL}};
    struct http_request request = {
        .method = task->arm.method,
        .target = task->arm.target,
        .headers = headers,
        .header_count = 2,
        .body = text_of(task->arm.body),
        .deadline_ms = task_remaining_ms(task),
        .max_answer = task->arm.max_answer,
        .retry = task->arm.retry,
        .lane = task->arm.lane,
    };

    struct upstream *upstream;
    struct failure why;

    /* Of a longer operation, one call shall not take all the time. */
    if (request.deadline_ms > task->client->timeout_ms)
        request.deadline_ms = task->client->timeout_ms;
    if (task->arm.body)
        headers[request.header_count++] =
            (struct http_header){"Content-Type", TEXT("application/json"), NULL};
    if (task->arm.request_id[0])
        headers[request.header_count++] =
            (struct http_header){"x-ms-client-request-id", text_of(task->arm.request_id), NULL};
    upstream = task->arm.origin ? client_upstream(task->client, task->arm.origin, &why)
                                : task->client->arm;
    if (upstream)
        task_send(task, upstream, &request, on_answer);
    else
        task->arm.then(task, NULL, &why);
}

static void on_token(struct azure_task *task, const struct failure *failure)
{
    const struct secret *token;
    struct failure why;

    uv_timer_stop(&task->timer);
    if (failure) {
        task->arm.then(task, NULL, failure);
        return;
    }
    token = tokens_current(&task->client->tokens, &task->arm.token_serial);
    if (token) {
        send_with(task, token);
        return;
    }
    failure_set(&why, FAILURE_PROTOCOL, "%s gives tokens that have expired already",
                tokens_issuer(&task->client->tokens));
    task->arm.then(task, NULL, &why);
}

static void on_no_token_in_time(struct azure_task *task)
{
    struct failure why;

    tokens_forget(&task->client->tokens, task);
    failure_set(&why, FAILURE_TIMEOUT, "no token from %s in time",
                tokens_issuer(&task->client->tokens));
    task->arm.then(task, NULL, &why);
}

static void go(struct azure_task *task)
{
    const struct secret *token = tokens_current(&task->client->tokens, &task->arm.token_serial);

    if (token) {
        send_with(task, token);
        return;
    }
    task_pause(task, task_remaining_ms(task), on_no_token_in_time);
    tokens_wait(&task->client->tokens, task, on_token);
}

void arm_send(struct azure_task *task, const struct arm_request *request, task_step *then)
{
    char *target = text_copy(request->target);
    char *body = request->body ? memory_string(request->body) : NULL;
    struct failure why;

    memory_free(task->arm.target);
    memory_free(task->arm.body);
    task->arm.target = target;
    task->arm.body = body;
    if (!target || (request->body && !body)) {
        failure_out_of_memory(&why);
        task_end_later(task, &why);
        return;
    }
    task->arm.method = request->method;
    task->arm.origin = request->origin;
    task->arm.retry = request->retry;
    task->arm.lane = request->lane;
    task->arm.tries_again_after_401 = !request->once;
    task->arm.is_page = request->is_page;
    task->arm.answers_challenge = false;
    task->arm.max_answer = request->max_answer;
    task->arm.then = then;
    snprintf(task->arm.request_id, sizeof(task->arm.request_id), "%.*s",
             TEXT_ARG(request->request_id));
    go(task);
}

/* ---- what went wrong ------------------------------------------------------------------------- */

/* The id that Azure's support asks for. What is no such id is not shown. */
static struct text support_id(const struct http_answer *answer, const char **name)
{
    static const struct {
        const char *header, *name;
    } ids[] = {{"x-ms-correlation-request-id", "correlation id"},
               {"x-ms-request-id", "request id"}};

    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        struct text id = http_answer_header(answer, ids[i].header);
        size_t at = 0;

        while (at < id.size && (id.start[at] == '-' || id.start[at] == ':' ||
                                (id.start[at] >= '0' && id.start[at] <= '9') ||
                                (id.start[at] >= 'a' && id.start[at] <= 'z') ||
                                (id.start[at] >= 'A' && id.start[at] <= 'Z')))
            at++;
        *name = ids[i].name;
        if (id.size && at == id.size && id.size <= 64)
            return id;
    }
    return (struct text){0};
}

void arm_sentence(struct azure_task *task, const struct http_answer *answer, size_t taken,
                  struct failure *ret)
{
    const char *id_name;
    struct text id = support_id(answer, &id_name);
    struct arm_error error = {.status = answer->status, .body = answer->body};
    size_t room = sizeof(ret->text) - LEAD_SIZE;
    char support[96];

    if (id.size) {
        snprintf(support, sizeof(support), "%s %.*s", id_name, TEXT_ARG(id));
        error.support = text_of(support);
    }
    wire_arm_sentence(&error, arm_token(task), room > taken ? room - taken : 0, ret);
    ret->retry_after_ms = http_answer_retry_after_ms(answer);
}

void arm_failure(struct azure_task *task, const struct http_answer *answer, const char *doing,
                 struct text resource_id, const char *action, struct failure *ret)
{
    char lead[sizeof(ret->text)];
    int size = snprintf(lead, sizeof(lead), "%s: cannot %s of %.*s", task->client->arm_origin,
                        doing, TEXT_ARG(azure_id_name(resource_id)));
    size_t room = sizeof(lead) - (size_t)size;

    if (answer->status == 403 && action && (size_t)size < sizeof(lead))
        snprintf(lead + size, room, ": the identity needs %s", action);
    arm_sentence(task, answer, strlen(lead), ret);
    failure_prefix(ret, "%s", lead);
}

void arm_no_answer(const struct failure *failure, const char *doing, struct text resource_id,
                   struct failure *ret)
{
    struct text name = azure_id_name(resource_id);
    struct failure why = *failure;

    failure_prefix(&why, "cannot %s of %.*s", doing, TEXT_ARG(name));
    *ret = why;
}

/* ---- what to ask for ------------------------------------------------------------------------- */

bool arm_append_target(struct buffer *out, struct text id, const char *verb, const char *version)
{
    buffer_append_percent_encoded(out, id, true);
    if (*verb) {
        buffer_append_byte(out, '/');
        buffer_append_string(out, verb);
    }
    buffer_printf(out, "?api-version=%s", version);
    return buffer_ok(out);
}

void arm_send_simple(struct azure_task *task, const char *method, struct text id, const char *verb,
                     const char *version, unsigned lane, task_step *then)
{
    struct buffer target;
    struct failure why;

    buffer_init(&target, 4096);
    if (arm_append_target(&target, id, verb, version)) {
        arm_send(task,
                 &(struct arm_request){.method = method,
                                       .target = buffer_text(&target),
                                       .retry = HTTP_RETRY_SAFE,
                                       .lane = lane},
                 then);
    } else {
        failure_out_of_memory(&why);
        task_end_later(task, &why);
    }
    buffer_clear(&target);
}

bool arm_send_page(struct azure_task *task, struct text next, unsigned pages, task_step *then,
                   struct failure *why)
{
    struct text target = wire_target_on(text_of(task->client->arm_origin), next);

    if (pages >= PAGE_LIMIT)
        return failure_set(why, FAILURE_TOO_LARGE, "there are more than %d pages", PAGE_LIMIT);
    if (!target.size)
        return failure_set(why, FAILURE_PROTOCOL,
                           "the next page is not at the same place and was not followed");
    arm_send(task,
             &(struct arm_request){.method = "GET",
                                   .target = target,
                                   .retry = HTTP_RETRY_SAFE,
                                   .lane = task->arm.lane,
                                   .is_page = true,
                                   .max_answer = task->arm.max_answer},
             then);
    return true;
}
