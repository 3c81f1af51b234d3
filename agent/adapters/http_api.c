/* SPDX-License-Identifier: Apache-2.0 */
/* One `struct visit` is one request while it is being answered. When its peer goes away the answer
 * is no longer waited for, but it still comes, and goes nowhere: one way out. */
#include "agent/adapters/http_api.h"

#include "base/memory.h"
#include "net/json.h"
#include "net/server.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_BODY ((size_t)256 << 10)

struct http_api {
    struct server *server;
    struct api *api; /* NULL: nobody answers */
    size_t visits;
    bool is_server_closed;
    void (*closed)(void *context);
    void *closed_context;
};

struct visit {
    struct http_api *http_api;
    struct server_call *call;
    struct operation *operation;
};

/* ---- refusing -------------------------------------------------------------------------------- */

static void refuse(struct server_call *call, int status, enum failure_kind kind, const char *text)
{
    json_t *document = json_pack("{s:{s:s,s:s},s:i}", "error", "kind", failure_kind_name(kind),
                                 "text", text, "exit", kind == FAILURE_DENIED ? 1 : 2);
    char *body = document ? json_write_string(document, false) : NULL;

    server_reply_json(call, status, text_of(body ? body : "{}"));
    json_decref(document);
    memory_free(body);
}

static void refuse_user(struct server_call *call, const char *user)
{
    char text[400];

    snprintf(text, sizeof(text),
             "%s may not speak to this keydrift: only root and the user it runs as (uid %u) may",
             user, (unsigned)geteuid());
    refuse(call, 403, FAILURE_DENIED, text);
}

/* ---- who asks -------------------------------------------------------------------------------- */

static void name_of(uid_t uid, char *out, size_t size)
{
    char strings[4096];
    struct passwd entry, *found = NULL;

    if (getpwuid_r(uid, &entry, strings, sizeof(strings), &found) == 0 && found && *found->pw_name)
        snprintf(out, size, "%s", found->pw_name);
    else
        snprintf(out, size, "uid:%u", (unsigned)uid);
}

static bool may_ask(const struct server_request *request)
{
    return request->is_unix && (request->peer_uid == 0 || request->peer_uid == geteuid());
}

/* ---- answering ------------------------------------------------------------------------------- */

static void finish_if_last(struct http_api *http_api)
{
    void (*closed)(void *) = http_api->closed;
    void *context = http_api->closed_context;

    if (!http_api->is_server_closed || http_api->visits)
        return;
    memory_free(http_api);
    if (closed)
        closed(context);
}

static void on_answer(int status, struct text json, void *context)
{
    struct visit *visit = context;
    struct http_api *http_api = visit->http_api;

    server_reply_json(visit->call, status, json);
    memory_free(visit);
    http_api->visits--;
    finish_if_last(http_api);
}

static void on_gone(struct server_call *call, void *context)
{
    struct visit *visit = context;

    (void)call;
    operation_cancel(visit->operation);
}

static void hand_over(struct http_api *http_api, struct server_call *call,
                      const struct api_request *request)
{
    struct visit *visit = memory_zeroed(1, sizeof(*visit));

    if (visit) {
        visit->http_api = http_api;
        visit->call = call;
        visit->operation = http_api->api->handle(http_api->api, request, on_answer, visit);
    }
    if (!visit || !visit->operation) {
        memory_free(visit);
        refuse(call, 503, FAILURE_INTERNAL,
               "keydrift cannot answer now: it is stopping, or out of "
               "memory");
        return;
    }
    http_api->visits++;
    server_call_on_gone(call, on_gone, visit);
}

static void on_call(struct server_call *call, const struct server_request *request, void *context)
{
    struct http_api *http_api = context;
    struct api_request asked = {
        .method = request->method, .query = request->query, .body = request->body};
    struct buffer path;
    char user[256];

    name_of(request->peer_uid, user, sizeof(user));
    if (!may_ask(request)) {
        refuse_user(call, user);
        return;
    }
    if (!http_api->api) {
        refuse(call, 503, FAILURE_REMOTE,
               "keydrift is reading its configuration; ask again in a moment");
        return;
    }
    buffer_init(&path, request->path.size + 1);
    if (buffer_append_percent_decoded(&path, request->path) &&
        text_is_printable(buffer_text(&path)) && text_is_utf8(buffer_text(&path))) {
        asked.path = buffer_text(&path);
        asked.requester = text_of(user);
        hand_over(http_api, call, &asked);
    } else {
        refuse(call, 400, FAILURE_INVALID, "the path is not one this server could have");
    }
    buffer_clear(&path);
}

/* ---- life ------------------------------------------------------------------------------------ */

struct http_api *http_api_open(uv_loop_t *loop, const char *listen, struct failure *why)
{
    struct http_api *http_api;

    if (!text_starts_with(text_of(listen), TEXT("unix:/"))) {
        failure_set(why, FAILURE_INVALID,
                    "cannot listen on \"%s\": this version listens on Unix sockets only, written "
                    "unix:/PATH",
                    listen);
        return NULL;
    }
    http_api = memory_zeroed(1, sizeof(*http_api));
    if (!http_api) {
        failure_out_of_memory(why);
        return NULL;
    }
    http_api->server = server_open(
        loop,
        &(struct server_settings){
            .listen = listen, .max_body = MAX_BODY, .on_call = on_call, .context = http_api},
        why);
    if (http_api->server)
        return http_api;
    memory_free(http_api);
    return NULL;
}

void http_api_serve(struct http_api *http_api, struct api *api)
{
    http_api->api = api;
}

static void on_server_closed(void *context)
{
    struct http_api *http_api = context;

    http_api->is_server_closed = true;
    finish_if_last(http_api);
}

void http_api_close(struct http_api *http_api, void (*closed)(void *context), void *context)
{
    http_api->api = NULL;
    http_api->closed = closed;
    http_api->closed_context = context;
    server_close(http_api->server, on_server_closed, http_api);
}
