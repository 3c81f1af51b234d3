/* SPDX-License-Identifier: Apache-2.0 */
/* The server's side and the client's, speaking with each other over a real socket. */
#include "agent/adapters/api_client.h"
#include "agent/adapters/http_api.h"
#include "tests/support/test.h"
#include "tests/unit/agent/desk.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* ---- scene ----------------------------------------------------------------------------------- */

/* Keeps one request and answers it when told to. */
struct fake_api {
    struct api api; /* first */
    struct operation operation;
    uv_timer_t timer;
    char method[16], path[200], query[100], body[400], requester[100];
    unsigned asked, canceled;
    bool is_holding, refuses;
    int status;
    const char *answer;
    api_done *done;
    void *context;
};

struct outcome {
    bool is_done;
    unsigned times;
    int status;
    char json[600];
};

static struct desk desk;
static struct fake_api fake;
static struct http_api *http_api;
static struct api_client *client;
static char folder[] = "/tmp/keydrift-api-XXXXXX";
static char path[100], listen_on[110];
static bool is_closed;

static void answer_now(uv_timer_t *timer)
{
    struct fake_api *its = timer->data;

    its->done(its->status, text_of(its->answer), its->context);
}

static void on_fake_cancel(struct operation *operation)
{
    (void)operation;
    fake.canceled++;
    fake.status = 503;
    fake.answer = "{\"error\":{\"kind\":\"canceled\",\"text\":\"x\"}}";
    uv_timer_start(&fake.timer, answer_now, 1, 0);
}

#define KEEP(field, text) snprintf(fake.field, sizeof(fake.field), "%.*s", TEXT_ARG(text))

static struct operation *fake_handle(struct api *self, const struct api_request *request,
                                     api_done *done, void *context)
{
    assert_ptr_equal(self, &fake.api);
    if (fake.refuses)
        return NULL;
    fake.asked++;
    KEEP(method, request->method);
    KEEP(path, request->path);
    KEEP(query, request->query);
    KEEP(body, request->body);
    KEEP(requester, request->requester);
    fake.done = done;
    fake.context = context;
    if (!fake.is_holding)
        uv_timer_start(&fake.timer, answer_now, 1, 0);
    return &fake.operation;
}

static void open_server(void)
{
    struct failure why = {0};

    http_api = http_api_open(&desk.loop, listen_on, &why);
    assert_string_equal(why.text, "");
    assert_non_null(http_api);
}

static void open_scene(void)
{
    struct failure why = {0};

    snprintf(folder, sizeof(folder), "/tmp/keydrift-api-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/socket", folder);
    snprintf(listen_on, sizeof(listen_on), "unix:%s", path);
    desk_open(&desk);
    fake = (struct fake_api){.api = {fake_handle},
                             .operation = {on_fake_cancel},
                             .status = 200,
                             .answer = "{\"ok\":true}"};
    uv_timer_init(&desk.loop, &fake.timer);
    fake.timer.data = &fake;
    open_server();
    http_api_serve(http_api, &fake.api);
    client = api_client_open(desk.http, path, &why);
    assert_non_null(client);
}

static void close_server(void)
{
    is_closed = false;
    http_api_close(http_api, desk_on_closed, &is_closed);
    http_api = NULL;
    desk_wait(&desk, &is_closed);
}

static void close_scene(void)
{
    api_client_close(client);
    if (http_api)
        close_server();
    uv_close((uv_handle_t *)&fake.timer, NULL);
    desk_close(&desk);
    assert_int_equal(rmdir(folder), 0); /* the socket file is gone */
}

static void on_answer(int status, struct text json, void *context)
{
    struct outcome *outcome = context;

    outcome->is_done = true;
    outcome->times++;
    outcome->status = status;
    snprintf(outcome->json, sizeof(outcome->json), "%.*s", TEXT_ARG(json));
}

static struct operation *start(const char *method, const char *where, const char *body,
                               struct outcome *outcome)
{
    struct api *api = api_client_api(client);
    struct api_request request = {
        .method = text_of(method),
        .path = text_part(text_of(where), 0, strcspn(where, "?")),
        .query = strchr(where, '?') ? text_of(strchr(where, '?') + 1) : (struct text){0},
        .body = text_of(body),
    };
    struct operation *operation = api->handle(api, &request, on_answer, outcome);

    assert_non_null(operation);
    assert_int_equal(outcome->times, 0);
    return operation;
}

static struct outcome ask(const char *method, const char *where, const char *body)
{
    struct outcome outcome = {0};

    start(method, where, body, &outcome);
    desk_wait(&desk, &outcome.is_done);
    assert_int_equal(outcome.times, 1);
    return outcome;
}

/* ---- requests -------------------------------------------------------------------------------- */

TEST(a_request_arrives_as_it_was_made_with_the_name_of_who_made_it)
{
    const struct passwd *user = getpwuid(geteuid());
    struct outcome outcome;
    char uid[32];

    open_scene();
    fake.status = 201;
    outcome = ask("POST", "/v1/plans", "{\"binding\":\"nachet\"}");
    assert_int_equal(outcome.status, 201);
    assert_string_equal(outcome.json, "{\"ok\":true}");
    assert_string_equal(fake.method, "POST");
    assert_string_equal(fake.path, "/v1/plans");
    assert_string_equal(fake.body, "{\"binding\":\"nachet\"}");
    snprintf(uid, sizeof(uid), "uid:%u", (unsigned)geteuid());
    assert_string_equal(fake.requester, user ? user->pw_name : uid);
    ask("GET", "/v1/objects/a b%c?open=true&x=%20", NULL);
    assert_string_equal(fake.method, "GET");
    assert_string_equal(fake.path, "/v1/objects/a b%c");
    assert_string_equal(fake.query, "open=true&x=%20");
    assert_string_equal(fake.body, "");
    close_scene();
}

TEST(an_error_is_handed_over_like_any_answer)
{
    struct outcome outcome;

    open_scene();
    fake.status = 404;
    fake.answer = "{\"error\":{\"kind\":\"not_found\",\"text\":\"no\"},\"exit\":1}";
    outcome = ask("GET", "/v1/objects/x", NULL);
    assert_int_equal(outcome.status, 404);
    assert_string_equal(outcome.json, fake.answer);
    close_scene();
}

TEST(while_nobody_serves_callers_are_told_to_come_back)
{
    struct outcome outcome;

    open_scene();
    http_api_serve(http_api, NULL);
    outcome = ask("GET", "/v1/status", NULL);
    assert_int_equal(outcome.status, 503);
    assert_non_null(strstr(outcome.json, "reading its configuration"));
    http_api_serve(http_api, &fake.api);
    assert_int_equal(ask("GET", "/v1/status", NULL).status, 200);
    fake.refuses = true;
    outcome = ask("GET", "/v1/status", NULL);
    assert_int_equal(outcome.status, 503);
    assert_int_equal(fake.asked, 1);
    close_scene();
}

TEST(a_body_over_256_KiB_does_not_get_through)
{
    char *body;

    open_scene();
    body = calloc(1, (300 << 10) + 1);
    memset(body, ' ', 300 << 10);
    assert_int_not_equal(ask("POST", "/v1/check", body).status, 200);
    assert_int_equal(fake.asked, 0);
    body[200 << 10] = 0;
    assert_int_equal(ask("POST", "/v1/check", body).status, 200);
    free(body);
    close_scene();
}

TEST(a_peer_that_goes_away_cancels_what_it_asked_for)
{
    struct outcome outcome = {0};
    struct operation *operation;

    open_scene();
    fake.is_holding = true;
    operation = start("POST", "/v1/rotate", "{}", &outcome);
    while (!fake.asked)
        desk_run(&desk, 5);
    operation_cancel(operation);
    assert_int_equal(outcome.times, 0);
    desk_wait(&desk, &outcome.is_done);
    assert_int_equal(outcome.status, 503);
    assert_non_null(strstr(outcome.json, "\"canceled\""));
    while (!fake.canceled)
        desk_run(&desk, 5);
    desk_run(&desk, 20);
    assert_int_equal(fake.canceled, 1);
    close_scene();
}

TEST(closing_waits_until_what_is_being_answered_has_ended)
{
    struct outcome outcome = {0};

    open_scene();
    fake.is_holding = true;
    start("POST", "/v1/check", "{}", &outcome);
    while (!fake.asked)
        desk_run(&desk, 5);
    close_server();
    assert_int_equal(fake.canceled, 1);
    desk_wait(&desk, &outcome.is_done);
    assert_int_equal(outcome.status, 502); /* it may have been begun */
    assert_non_null(strstr(outcome.json, "\"exit\":2"));
    close_scene();
}

TEST(a_path_with_a_broken_escape_or_a_control_character_is_refused)
{
    static const char *const bad[] = {"/v1/%zz", "/v1/%00", "/v1/a%0ab", "/v1/%ff"};

    open_scene();
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        char bytes[600];
        ssize_t size;

        snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
        assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        snprintf(bytes, sizeof(bytes), "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                 bad[i]);
        assert_int_equal(write(fd, bytes, strlen(bytes)), strlen(bytes));
        desk_run(&desk, 20);
        size = recv(fd, bytes, sizeof(bytes) - 1, MSG_DONTWAIT);
        assert_true(size > 0);
        bytes[size] = 0;
        assert_memory_equal(bytes, "HTTP/1.1 400", 12);
        close(fd);
    }
    assert_int_equal(fake.asked, 0);
    close_scene();
}

/* ---- listening ------------------------------------------------------------------------------- */

TEST(only_unix_sockets_are_listened_on)
{
    static const char *const bad[] = {"127.0.0.1:8210", "unix:relative", "", "/run/x"};

    desk_open(&desk);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct failure why = {0};

        assert_null(http_api_open(&desk.loop, bad[i], &why));
        assert_int_equal(why.kind, FAILURE_INVALID);
        assert_non_null(strstr(why.text, "Unix sockets only"));
    }
    desk_close(&desk);
}

TEST(the_socket_is_for_its_owner_only_and_a_second_daemon_is_refused)
{
    struct failure why = {0};
    struct stat status;

    open_scene();
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_null(http_api_open(&desk.loop, listen_on, &why));
    assert_int_not_equal(why.kind, FAILURE_NONE);
    desk_run(&desk, 5);
    assert_int_equal(ask("GET", "/v1/status", NULL).status, 200);
    close_scene();
}

/* ---- nobody there ---------------------------------------------------------------------------- */

TEST(a_missing_daemon_is_named_with_its_socket)
{
    struct outcome outcome;
    char expected[200];

    open_scene();
    assert_true(api_client_probe(path));
    close_server();
    assert_false(api_client_probe(path));
    outcome = ask("GET", "/v1/status", NULL);
    assert_int_equal(outcome.status, 503);
    snprintf(expected, sizeof(expected), "no keydrift daemon listens at %s", path);
    assert_non_null(strstr(outcome.json, expected));
    outcome = ask("POST", "/v1/check", "{}");
    assert_non_null(strstr(outcome.json, expected));
    assert_non_null(strstr(outcome.json, "\"kind\":\"network\""));
    close_scene();
}

TEST(a_socket_nobody_listens_on_any_more_is_no_daemon)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd;

    open_scene();
    close_server();
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    close(fd);
    assert_false(api_client_probe(path));
    assert_non_null(strstr(ask("GET", "/v1/status", NULL).json, "no keydrift daemon listens at"));
    open_server(); /* replaces it */
    assert_true(api_client_probe(path));
    close_scene();
}

TEST(a_path_no_socket_can_have_is_refused)
{
    char longest[300] = {0};
    struct failure why = {0};

    desk_open(&desk);
    memset(longest, 'x', sizeof(longest) - 1);
    longest[0] = '/';
    assert_null(api_client_open(desk.http, longest, &why));
    assert_int_equal(why.kind, FAILURE_INVALID);
    assert_false(api_client_probe(longest));
    assert_false(api_client_probe(""));
    desk_close(&desk);
}

TEST(what_is_no_answer_of_keydrift_is_not_taken_for_one)
{
    struct outcome outcome;

    open_scene();
    fake.answer = "<html>";
    outcome = ask("GET", "/v1/status", NULL);
    assert_int_equal(outcome.status, 502);
    assert_non_null(strstr(outcome.json, "not as keydrift does"));
    close_scene();
}

TEST(a_client_closed_under_a_request_tells_its_end)
{
    struct outcome outcome = {0};

    open_scene();
    fake.is_holding = true;
    start("POST", "/v1/rotate", "{}", &outcome);
    client = api_client_close(client);
    desk_wait(&desk, &outcome.is_done);
    assert_int_equal(outcome.status, 503);
    assert_int_equal(outcome.times, 1);
    close_scene();
}

int main(void)
{
    return RUN(CASE(a_request_arrives_as_it_was_made_with_the_name_of_who_made_it),
               CASE(an_error_is_handed_over_like_any_answer),
               CASE(while_nobody_serves_callers_are_told_to_come_back),
               CASE(a_body_over_256_KiB_does_not_get_through),
               CASE(a_peer_that_goes_away_cancels_what_it_asked_for),
               CASE(closing_waits_until_what_is_being_answered_has_ended),
               CASE(a_path_with_a_broken_escape_or_a_control_character_is_refused),
               CASE(only_unix_sockets_are_listened_on),
               CASE(the_socket_is_for_its_owner_only_and_a_second_daemon_is_refused),
               CASE(a_missing_daemon_is_named_with_its_socket),
               CASE(a_socket_nobody_listens_on_any_more_is_no_daemon),
               CASE(a_path_no_socket_can_have_is_refused),
               CASE(what_is_no_answer_of_keydrift_is_not_taken_for_one),
               CASE(a_client_closed_under_a_request_tells_its_end));
}
