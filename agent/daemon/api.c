/* SPDX-License-Identifier: Apache-2.0 */
/* From a request to the function that answers it, and the life of that call. */
#include "agent/daemon/api_calls.h"

#include "base/memory.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- ending ---------------------------------------------------------------------------------- */

static void call_free(struct api_call *call)
{
    memory_free(call->method);
    memory_free(call->path);
    memory_free(call->requester);
    memory_free(call->bindings);
    memory_free(call->checks);
    json_decref(call->body);
    json_decref(call->document);
    memory_free(call);
}

void call_answer(struct api_call *call, int status, json_t *document)
{
    char *text = document ? json_write_string(document, false) : NULL;

    json_decref(document);
    if (text)
        call->done(status, text_of(text), call->context);
    else
        call->done(
            500, TEXT("{\"error\":{\"kind\":\"internal\",\"text\":\"out of memory\"},\"exit\":1}"),
            call->context);
    memory_free(text);
    job_end(&call->job);
    call_free(call);
}

static int status_of(enum failure_kind kind)
{
    switch (kind) {
    case FAILURE_INVALID:
        return 400;
    case FAILURE_DENIED:
        return 403;
    case FAILURE_NOT_FOUND:
        return 404;
    case FAILURE_CONFLICT:
        return 409;
    case FAILURE_CANCELED:
        return 503;
    case FAILURE_NONE:
    case FAILURE_TIMEOUT:
    case FAILURE_NETWORK:
    case FAILURE_THROTTLED:
    case FAILURE_DELETED:
    case FAILURE_DESTROYED:
    case FAILURE_AMBIGUOUS:
    case FAILURE_REMOTE:
    case FAILURE_PROTOCOL:
    case FAILURE_TOO_LARGE:
    case FAILURE_INTERNAL:
    case FAILURE_KINDS:
        break;
    }
    return 500;
}

void call_fail(struct api_call *call, const struct failure *failure)
{
    call_answer(call, status_of(failure->kind), document_error(failure));
}

void call_refuse(struct api_call *call, int status, enum failure_kind kind, const char *format, ...)
{
    struct failure failure = {0};
    char text[sizeof(failure.text)];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    failure_set(&failure, kind, "%s", text);
    call_answer(call, status, document_error(&failure));
}

bool call_interrupted(struct api_call *call)
{
    if (!call->is_canceled && !call->job.agent->is_closing)
        return false;
    call_refuse(call, 503, FAILURE_CANCELED, "keydrift is stopping; ask again once it runs");
    return true;
}

struct binding *find_binding(struct agent *agent, struct text name, struct failure *why)
{
    struct binding *binding = agent_binding_named(agent, name);
    const char *nearest = NULL;
    size_t best = 4;

    for (size_t i = 0; !binding && i < agent->binding_count; i++) {
        const char *known = agent->bindings[i].config->name;
        size_t distance = text_distance(name, text_of(known));

        if (distance < best) {
            best = distance;
            nearest = known;
        }
    }
    if (!binding)
        failure_set(why, FAILURE_INVALID, "no binding \"%.*s\" in the configuration%s%s%s",
                    TEXT_ARG(name), nearest ? "; did you mean \"" : "", nearest ? nearest : "",
                    nearest ? "\"?" : "");
    return binding;
}

/* ---- routes ---------------------------------------------------------------------------------- */

static void call_status(struct api_call *call)
{
    call_answer(call, 200, document_status(call->job.agent));
}

static bool is_one_segment(struct text text)
{
    return text.size > 0 && !text_contains_byte(text, '/');
}

/* "/v1/plans/ID/apply" gives ID for the prefix and suffix around it. */
static bool id_between(struct text path, struct text prefix, struct text suffix, struct text *id)
{
    if (!text_starts_with(path, prefix) || !text_ends_with(path, suffix) ||
        path.size <= prefix.size + suffix.size)
        return false;
    *id = text_part(path, prefix.size, path.size - prefix.size - suffix.size);
    return is_one_segment(*id);
}

static void route(struct api_call *call)
{
    struct text method = text_of(call->method), path = text_of(call->path), id;
    bool is_get = text_is(method, "GET"), is_post = text_is(method, "POST");

    if (is_get && text_is(path, "/v1/status"))
        call_status(call);
    else if (is_post && text_is(path, "/v1/check"))
        call_check(call);
    else if (is_post && text_is(path, "/v1/access"))
        call_access(call);
    else if (is_get && text_is(path, "/v1/incidents"))
        call_incidents(call);
    else if (is_post && text_is(path, "/v1/plans"))
        call_plan(call);
    else if (is_post && text_is(path, "/v1/rotate"))
        call_rotate(call);
    else if (is_get && (id_between(path, TEXT("/v1/objects/"), TEXT(""), &id) ||
                        id_between(path, TEXT("/v1/plans/"), TEXT(""), &id)))
        call_show(call, id);
    else if (is_post && id_between(path, TEXT("/v1/plans/"), TEXT("/approvals"), &id))
        call_approve(call, id);
    else if (is_post && id_between(path, TEXT("/v1/plans/"), TEXT("/apply"), &id))
        call_apply(call, id);
    else
        call_refuse(call, 404, FAILURE_NOT_FOUND, "there is no %s %s here", call->method,
                    call->path);
}

static void on_start(const struct failure *failure, void *context)
{
    struct api_call *call = context;

    (void)failure;
    call->operation = NULL;
    if (call_interrupted(call))
        return;
    if (call->failure.kind) {
        call_refuse(call, 400, FAILURE_INVALID, "the body of the request: %s", call->failure.text);
        return;
    }
    route(call);
}

/* ---- life ------------------------------------------------------------------------------------ */

static void call_hurry(struct api_call *call)
{
    call->is_canceled = true;
    operation_cancel(call->operation);
    if (call->waiting_for)
        call->waiting_for->cancel(call->waiting_for);
    for (size_t i = 0; call->checks && i < call->binding_count; i++)
        if (call->checks[i])
            call->checks[i]->cancel(call->checks[i]);
}

static void on_gone(const struct failure *failure, void *context)
{
    struct api_call *call = context;

    (void)failure;
    call->operation = NULL;
    call_interrupted(call);
}

/* A plan's execution goes on without us; everything else is hurried to its end. */
static void leave_execution(struct api_call *call)
{
    struct clock *clock = call->job.agent->clock;

    call->operation = clock->after(clock, 0, on_gone, call);
    if (!call->operation)
        return; /* then the execution's end is ours */
    execution_leave(call->job.agent, call);
    call->is_executing = false;
}

static void handle_cancel(struct operation *operation)
{
    struct api_call *call = (struct api_call *)operation;

    if (call->is_canceled)
        return;
    call_hurry(call);
    if (call->is_executing)
        leave_execution(call);
}

static void job_cancel(struct job *job)
{
    struct api_call *call = (struct api_call *)((char *)job - offsetof(struct api_call, job));

    /* The agent is closing: its execution tells us when it has stopped. */
    call_hurry(call);
}

static struct operation *handle(struct api *self, const struct api_request *request, api_done *done,
                                void *context)
{
    struct agent *agent = (struct agent *)((char *)self - offsetof(struct agent, api));
    struct api_call *call;

    if (agent->is_closing || !(call = memory_zeroed(1, sizeof(*call))))
        return NULL;
    call->handle.cancel = handle_cancel;
    call->done = done;
    call->context = context;
    call->method = text_copy(request->method);
    call->path = text_copy(request->path);
    call->requester = text_copy(request->requester);
    call->wants_open = text_is(request->query, "open=true");
    if (request->body.size)
        call->body = json_read_object(request->body, &call->failure);
    if (call->method && call->path && call->requester)
        call->operation = agent->clock->after(agent->clock, 0, on_start, call);
    if (!call->operation) {
        call_free(call);
        return NULL;
    }
    job_begin(&call->job, agent, job_cancel);
    return &call->handle;
}

void api_init(struct agent *agent)
{
    agent->api.handle = handle;
}
