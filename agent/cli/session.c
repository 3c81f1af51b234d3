/* SPDX-License-Identifier: Apache-2.0 */
/* One request, answered by the daemon where one listens, and otherwise by an agent made for this
 * one request. Either way it is the same document. */
#include "agent/cli/cli.h"

#include "agent/adapters/api_client.h"
#include "base/memory.h"
#include "net/http.h"

#include <pwd.h>
#include <string.h>
#include <unistd.h>

struct session {
    struct cli *cli;
    uv_loop_t loop;
    struct http *http;
    struct api_client *client;
    struct world *world;
    bool is_ready, is_done, is_closed;
    struct failure failure;
    int status;
    json_t *document;
};

/* "ana", or "uid:1000" where the user has no name. */
static void own_name(char *out, size_t size)
{
    struct passwd entry, *found = NULL;
    char room[2048];

    if (getpwuid_r(geteuid(), &entry, room, sizeof(room), &found) == 0 && found)
        snprintf(out, size, "%s", found->pw_name);
    else
        snprintf(out, size, "uid:%u", (unsigned)geteuid());
}

/* ---- progress -------------------------------------------------------------------------------- */

struct progress {
    uv_timer_t timer;
    const char *label;
    unsigned seconds;
};

static void on_second(uv_timer_t *timer)
{
    struct progress *progress = timer->data;

    progress->seconds++;
    fprintf(stderr, "\r%s ... %u s ", progress->label, progress->seconds);
    fflush(stderr);
}

static void progress_begin(struct session *session, struct progress *progress)
{
    const struct cli *cli = session->cli;

    *progress = (struct progress){.label = cli->command->name};
    uv_timer_init(&session->loop, &progress->timer);
    progress->timer.data = progress;
    if (!cli->is_quiet && !cli->is_json && isatty(STDERR_FILENO))
        uv_timer_start(&progress->timer, on_second, 1000, 1000);
    uv_unref((uv_handle_t *)&progress->timer);
}

static void progress_end(struct progress *progress)
{
    if (progress->seconds)
        fprintf(stderr, "\r\033[K");
    uv_close((uv_handle_t *)&progress->timer, NULL);
}

/* ---- running the loop ------------------------------------------------------------------------ */

static void run_until(struct session *session, const bool *flag)
{
    while (!*flag && uv_run(&session->loop, UV_RUN_ONCE))
        ;
}

static void on_ready(const struct failure *failure, void *context)
{
    struct session *session = context;

    if (failure)
        session->failure = *failure;
    session->is_ready = true;
}

static void on_answer(int status, struct text json, void *context)
{
    struct session *session = context;

    session->status = status;
    session->document = json_read_object(json, &session->failure);
    session->is_done = true;
}

static void on_closed(void *context)
{
    ((struct session *)context)->is_closed = true;
}

static bool ask(struct session *session, struct api *api, const char *method, const char *path,
                const char *body)
{
    char requester[256];
    struct api_request request = {
        .method = text_of(method), .path = text_of(path), .body = text_of(body)};

    own_name(requester, sizeof(requester));
    request.requester = text_of(requester);
    if (!api->handle(api, &request, on_answer, session))
        return failure_out_of_memory(&session->failure);
    run_until(session, &session->is_done);
    return session->document != NULL;
}

/* ---- the two places -------------------------------------------------------------------------- */

static const char *daemon_socket(const struct config *config)
{
    for (size_t i = 0; i < config->listen_count; i++)
        if (text_starts_with(text_of(config->listen[i]), TEXT("unix:")))
            return config->listen[i] + strlen("unix:");
    return NULL;
}

bool session_daemon_runs(const struct config *config)
{
    const char *socket = daemon_socket(config);

    return socket && api_client_probe(socket);
}

static bool ask_daemon(struct session *session, const char *socket, const char *method,
                       const char *path, const char *body)
{
    session->client = api_client_open(session->http, socket, &session->failure);
    return session->client && ask(session, api_client_api(session->client), method, path, body);
}

static bool ask_locally(struct session *session, const struct config *config,
                        enum world_state state, const char *method, const char *path,
                        const char *body)
{
    const struct world_maker *maker = session->cli->maker;
    const struct world_settings settings = {.loop = &session->loop,
                                            .http = session->http,
                                            .config = config,
                                            .command = session->cli->self,
                                            .state = state};

    session->world = maker->open(&settings, on_ready, session, &session->failure);
    if (!session->world)
        return false;
    if (maker->warning(session->world))
        cli_note(session->cli, "%s", maker->warning(session->world));
    run_until(session, &session->is_ready);
    return session->failure.kind == FAILURE_NONE &&
           ask(session, agent_api(maker->agent(session->world)), method, path, body);
}

static void close_all(struct session *session)
{
    if (session->world) {
        session->cli->maker->close(session->world, on_closed, session);
        run_until(session, &session->is_closed);
    }
    if (session->client)
        api_client_close(session->client);
    session->is_closed = false;
    http_close(session->http, on_closed, session);
    run_until(session, &session->is_closed);
}

static bool session_ask(struct session *session, const struct config *config,
                        enum session_where where, enum world_state state, const char *method,
                        const char *path, const char *body)
{
    const char *socket = daemon_socket(config);

    if (where != SESSION_LOCAL_ONLY && socket && api_client_probe(socket))
        return ask_daemon(session, socket, method, path, body);
    if (where == SESSION_DAEMON_ONLY)
        return failure_set(&session->failure, FAILURE_NETWORK,
                           "no keydrift daemon listens at %s: start one with \"%s run\"",
                           socket ? socket : "a Unix socket (api.listen names none)",
                           session->cli->self);
    return ask_locally(session, config, state, method, path, body);
}

bool session_call(struct cli *cli, const struct config *config, enum session_where where,
                  enum world_state state, const char *method, const char *path, json_t *body,
                  int *status, json_t **document)
{
    struct session session = {.cli = cli};
    char *text = body ? json_write_string(body, false) : NULL;
    struct progress progress;
    bool is_answered;

    json_decref(body);
    uv_loop_init(&session.loop);
    session.http = http_open(&session.loop);
    if (!session.http || (body && !text)) {
        cli_error("out of memory");
        memory_free(text);
        return false;
    }
    http_use_environment_proxies(session.http);
    progress_begin(&session, &progress);
    is_answered = session_ask(&session, config, where, state, method, path, text ? text : "");
    progress_end(&progress);
    close_all(&session);
    uv_run(&session.loop, UV_RUN_DEFAULT);
    uv_loop_close(&session.loop);
    memory_free(text);
    if (!is_answered) {
        json_decref(session.document);
        cli_error("%s", session.failure.text);
        return false;
    }
    *status = session.status;
    *document = session.document;
    return true;
}
