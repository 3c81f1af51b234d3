/* SPDX-License-Identifier: Apache-2.0 */
/* One request is one exchange; what is no answer is put into the words of an answer. */
#include "agent/adapters/api_client.h"

#include "base/buffer.h"
#include "base/memory.h"
#include "net/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Waiting for approvals takes as long as people take. */
#define DEADLINE_MS 3600000
#define MAX_ANSWER  ((size_t)64 << 20)

struct api_client {
    struct api api; /* first */
    struct upstream *upstream;
    char *socket_path;
    size_t in_flight;
    bool is_closing;
};

struct request {
    struct operation operation; /* first */
    struct api_client *client;
    struct operation *exchange;
    api_done *done;
    void *context;
};

/* ---- is there anybody? ----------------------------------------------------------------------- */

static bool address_of(const char *socket_path, struct sockaddr_un *ret)
{
    size_t size = strlen(socket_path);

    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (!size || size >= sizeof(ret->sun_path))
        return false;
    memcpy(ret->sun_path, socket_path, size);
    return true;
}

bool api_client_probe(const char *socket_path)
{
    struct sockaddr_un address;
    bool is_there;
    int fd;

    if (!address_of(socket_path, &address))
        return false;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    /* EAGAIN: somebody listens, and is busy. */
    is_there = connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 ||
               errno == EAGAIN || errno == EINPROGRESS;
    close(fd);
    return is_there;
}

/* ---- one request ----------------------------------------------------------------------------- */

static int status_of(enum failure_kind kind)
{
    if (kind == FAILURE_CANCELED || kind == FAILURE_NETWORK)
        return 503;
    return kind == FAILURE_TIMEOUT ? 504 : 502;
}

static void explain(const struct api_client *client, const struct failure *from,
                    struct failure *ret)
{
    *ret = *from;
    if (from->kind == FAILURE_NETWORK && !api_client_probe(client->socket_path))
        failure_set(ret, FAILURE_NETWORK, "no keydrift daemon listens at %s", client->socket_path);
}

static void tell_failure(struct request *request, const struct failure *failure)
{
    struct failure why;
    json_t *document;
    char *body;

    explain(request->client, failure, &why);
    document = json_pack("{s:{s:s,s:s},s:i}", "error", "kind", failure_kind_name(why.kind), "text",
                         why.text, "exit", 2);
    body = document ? json_write_string(document, false) : NULL;
    request->done(status_of(why.kind), text_of(body ? body : "{}"), request->context);
    json_decref(document);
    memory_free(body);
}

static void client_release(struct api_client *client)
{
    if (!client->is_closing || client->in_flight)
        return;
    memory_free(client->socket_path);
    memory_free(client);
}

static bool is_json_object(struct text body, struct failure *why)
{
    json_t *json = json_read_object(body, why);

    json_decref(json);
    return json != NULL;
}

static void on_answer(const struct http_answer *answer, const struct failure *failure,
                      void *context)
{
    struct request *request = context;
    struct api_client *client = request->client;
    struct failure why;

    if (!failure && !is_json_object(answer->body, &why)) {
        failure_prefix(&why, "what listens at %s answered %d, and not as keydrift does",
                       client->socket_path, answer->status);
        failure = &why;
    }
    if (failure)
        tell_failure(request, failure);
    else
        request->done(answer->status, answer->body, request->context);
    memory_free(request);
    client->in_flight--;
    client_release(client);
}

static void on_cancel(struct operation *operation)
{
    operation_cancel(((struct request *)operation)->exchange);
}

static bool write_target(const struct api_request *asked, struct buffer *target)
{
    buffer_append_percent_encoded(target, asked->path, true);
    if (asked->query.size) {
        buffer_append_byte(target, '?');
        buffer_append(target, asked->query);
    }
    return buffer_ok(target);
}

static struct operation *send_request(struct request *request, const struct api_request *asked)
{
    const struct http_header type = {"Content-Type", TEXT("application/json"), NULL};
    char *method = text_copy(asked->method);
    struct buffer target;

    buffer_init(&target, 16384);
    if (method && write_target(asked, &target))
        request->exchange = http_send(request->client->upstream,
                                      &(struct http_request){.method = method,
                                                             .target = target.start,
                                                             .headers = &type,
                                                             .header_count = asked->body.size > 0,
                                                             .body = asked->body,
                                                             .deadline_ms = DEADLINE_MS,
                                                             .max_answer = MAX_ANSWER,
                                                             .retry = HTTP_RETRY_NEVER},
                                      on_answer, request);
    buffer_clear(&target);
    memory_free(method);
    return request->exchange;
}

static struct operation *handle(struct api *self, const struct api_request *asked, api_done *done,
                                void *context)
{
    struct api_client *client = (struct api_client *)self;
    struct request *request;

    if (client->is_closing || !(request = memory_zeroed(1, sizeof(*request))))
        return NULL;
    request->operation.cancel = on_cancel;
    request->client = client;
    request->done = done;
    request->context = context;
    if (!send_request(request, asked)) {
        memory_free(request);
        return NULL;
    }
    client->in_flight++;
    return &request->operation;
}

/* ---- life ------------------------------------------------------------------------------------ */

struct api_client *api_client_open(struct http *http, const char *socket_path, struct failure *why)
{
    struct api_client *client;
    struct sockaddr_un address;
    struct buffer name;

    if (!address_of(socket_path, &address)) {
        failure_set(why, FAILURE_INVALID, "the socket's path is empty or longer than %zu bytes",
                    sizeof(address.sun_path) - 1);
        return NULL;
    }
    client = memory_zeroed(1, sizeof(*client));
    if (!client || !(client->socket_path = memory_string(socket_path))) {
        failure_out_of_memory(why);
        memory_free(client);
        return NULL;
    }
    client->api.handle = handle;
    buffer_init(&name, 256);
    buffer_printf(&name, "the keydrift daemon at %s", socket_path);
    client->upstream = upstream_open(http,
                                     &(struct upstream_settings){.origin = "http://localhost",
                                                                 .unix_socket = socket_path,
                                                                 .name = buffer_text(&name).start},
                                     why);
    buffer_clear(&name);
    if (client->upstream)
        return client;
    memory_free(client->socket_path);
    memory_free(client);
    return NULL;
}

struct api_client *api_client_close(struct api_client *client)
{
    if (!client)
        return NULL;
    client->is_closing = true;
    upstream_close(client->upstream);
    client_release(client);
    return NULL;
}

struct api *api_client_api(struct api_client *client)
{
    return &client->api;
}
