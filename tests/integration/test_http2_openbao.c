/* SPDX-License-Identifier: Apache-2.0 */
/* Many exchanges on one connection, which only HTTP/2 does, with a real OpenBao over TLS: the
 * scripted loopback server speaks HTTP/1.1 only. The numbers are those of the project's list of
 * traps.
 *
 * A stopped server process keeps everything in flight for as long as a test wants. Connections are
 * counted from outside: whoever appears in the kernel's table on any turn of the loop. */
#include "net/client.h"
#include "openbao_scene.h"
#include "tests/support/test.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ITEMS 64

/* ---- the scene ------------------------------------------------------------------------------- */

/* Beside the administrator's: a client of its own, so that no connection is there yet. */
struct fresh {
    struct scene *scene;
    struct http *http;
    struct upstream *upstream;
    unsigned connections; /* of that client until now */
    bool ports[65536];    /* the clients' ends of all connections ever seen */
};

struct asked {
    unsigned item, calls;
    int status;
    bool is_its_own; /* the answer is the one to this question */
    struct failure failure;
    struct operation *victim; /* to cancel from inside `done` */
    struct asked *victim_asked;
};

/* Marks the clients' ends of the connections to the server, in whatever state; returns how many
 * were not marked before. */
static unsigned mark_connections(bool ports[65536])
{
    const char *address = given("OPENBAO_ADDR");
    unsigned server = (unsigned)strtoul(strrchr(address, ':') + 1, NULL, 10);
    unsigned here, there, state, added = 0;
    char line[512];
    FILE *table = fopen("/proc/net/tcp", "re");

    assert_non_null(table);
    while (fgets(line, sizeof line, table)) {
        if (sscanf(line, " %*u: 0100007F:%x 0100007F:%x %x", &here, &there, &state) != 3)
            continue;
        if (here != server && there != server)
            continue;
        if (here == server)
            here = there;
        added += !ports[here];
        ports[here] = true;
    }
    fclose(table);
    return added;
}

static void turn(struct fresh *fresh, uint32_t ms)
{
    vault_idle(&fresh->scene->loop, ms);
    fresh->connections += mark_connections(fresh->ports);
}

static struct fresh *fresh_open(unsigned max_in_flight, unsigned max_connections)
{
    struct fresh *fresh = calloc(1, sizeof *fresh);
    struct upstream_settings settings = {
        .origin = given("OPENBAO_ADDR"),
        .ca_file = given("OPENBAO_CACERT"),
        .max_in_flight = max_in_flight,
        .max_connections = max_connections,
    };
    struct failure why = {0};

    fresh->scene = scene_open();
    for (unsigned i = 0; i < ITEMS; i++) {
        char path[64], body[64];

        snprintf(path, sizeof path, "kv/data/item/%u", i);
        snprintf(body, sizeof body, "{\"data\":{\"k\":\"item-%u-\"}}", i);
        administer(fresh->scene, "POST", path, body);
    }
    fresh->http = http_open(&fresh->scene->loop);
    fresh->upstream = upstream_open(fresh->http, &settings, &why);
    assert_string_equal(why.text, "");
    mark_connections(fresh->ports);
    return fresh;
}

static void fresh_close(struct fresh *fresh)
{
    http_close(fresh->http, NULL, NULL);
    scene_close(fresh->scene);
    free(fresh);
}

/* Each thread stops for itself, a little later than kill() returns. */
static bool is_stopped(const char *process)
{
    char name[300], line[512];
    struct dirent *thread;
    bool all = true;
    DIR *threads;

    snprintf(name, sizeof name, "/proc/%s/task", process);
    threads = opendir(name);
    assert_non_null(threads);
    while ((thread = readdir(threads))) {
        FILE *file;

        snprintf(name, sizeof name, "/proc/%s/task/%s/stat", process, thread->d_name);
        file = thread->d_name[0] == '.' ? NULL : fopen(name, "re");
        if (!file)
            continue;
        all = all && fgets(line, sizeof line, file) && strstr(line, ") T ");
        fclose(file);
    }
    closedir(threads);
    return all;
}

static void stop_server(void)
{
    assert_int_equal(kill((pid_t)strtol(given("OPENBAO_PID"), NULL, 10), SIGSTOP), 0);
    while (!is_stopped(given("OPENBAO_PID")))
        usleep(1000);
}

static void resume_server(void)
{
    assert_int_equal(kill((pid_t)strtol(given("OPENBAO_PID"), NULL, 10), SIGCONT), 0);
}

static void on_told(const struct http_answer *answer, const struct failure *failure, void *context)
{
    struct asked *asked = context;
    char value[32];

    asked->calls++;
    snprintf(value, sizeof value, "\"item-%u-\"", asked->item);
    if (answer) {
        asked->status = answer->status;
        asked->is_its_own = strstr(answer->body.start, value) != NULL;
    } else {
        asked->failure = *failure;
    }
    if (asked->victim && !asked->victim_asked->calls)
        operation_cancel(asked->victim);
}

static struct operation *ask(struct fresh *fresh, unsigned item, uint32_t deadline_ms,
                             struct asked *asked)
{
    struct http_header token = {.name = "X-Vault-Token",
                                .value = text_of(given("OPENBAO_ROOT_TOKEN"))};
    char target[64];
    struct http_request request = {
        .target = target, .headers = &token, .header_count = 1, .deadline_ms = deadline_ms};
    struct operation *operation;

    *asked = (struct asked){.item = item};
    snprintf(target, sizeof target, "/v1/kv/data/item/%u", item);
    operation = http_send(fresh->upstream, &request, on_told, asked);
    assert_non_null(operation);
    return operation;
}

static void wait_for(struct fresh *fresh, const struct asked *asked)
{
    while (!asked->calls)
        turn(fresh, 1);
}

static void expect_answer(struct fresh *fresh, const struct asked *asked)
{
    wait_for(fresh, asked);
    assert_int_equal(asked->calls, 1);
    if (asked->status != 200 || !asked->is_its_own)
        fail_msg("item %u: %d, %s %s", asked->item, asked->status,
                 asked->is_its_own ? "its own" : "not its own", asked->failure.text);
}

static void expect_failure(struct fresh *fresh, const struct asked *asked, enum failure_kind kind)
{
    wait_for(fresh, asked);
    assert_int_equal(asked->calls, 1);
    assert_string_equal(failure_kind_name(asked->failure.kind), failure_kind_name(kind));
}

static void warm_up(struct fresh *fresh)
{
    struct asked first;

    ask(fresh, 0, 10000, &first);
    expect_answer(fresh, &first);
}

/* ---- one connection for all ------------------------------------------------------------------ */

TEST(http2_is_what_is_spoken)
{
    struct fresh *fresh = fresh_open(ITEMS, 4);
    struct asked asked[ITEMS];
    unsigned in_flight, waiting;

    warm_up(fresh);
    assert_true(fresh->upstream->speaks_http2); /* so says libcurl */
    stop_server();
    for (unsigned i = 0; i < ITEMS; i++)
        ask(fresh, i, 10000, &asked[i]);
    turn(fresh, 100);
    upstream_load(fresh->upstream, &in_flight, &waiting);
    assert_int_equal(in_flight, ITEMS);
    assert_int_equal(fresh->connections, 1); /* and so says the kernel */
    resume_server();
    for (unsigned i = 0; i < ITEMS; i++)
        expect_answer(fresh, &asked[i]);
    assert_int_equal(fresh->connections, 1);
    fresh_close(fresh);
}

/* Fewer than the 4 allowed: the others wait for the first connection to say whether it carries
 * them. */
TEST(trap_17_a_burst_on_a_fresh_upstream_opens_one_connection)
{
    struct fresh *fresh = fresh_open(ITEMS, 4);
    struct asked asked[ITEMS];

    for (unsigned i = 0; i < ITEMS; i++)
        ask(fresh, i, 10000, &asked[i]);
    for (unsigned i = 0; i < ITEMS; i++)
        expect_answer(fresh, &asked[i]);
    assert_int_equal(fresh->connections, 1);
    fresh_close(fresh);
}

/* ---- one socket, many exchanges -------------------------------------------------------------- */

TEST(trap_14_canceling_and_timing_out_some_leaves_the_others_on_the_socket_unharmed)
{
    struct fresh *fresh = fresh_open(ITEMS, 4);
    struct asked asked[ITEMS];
    struct operation *operations[ITEMS];

    warm_up(fresh);
    stop_server();
    for (unsigned i = 0; i < ITEMS; i++)
        operations[i] = ask(fresh, i, i % 3 == 1 ? 1000 : 10000, &asked[i]);
    turn(fresh, 100);
    for (unsigned i = 0; i < ITEMS; i++)
        assert_int_equal(asked[i].calls, 0);
    for (unsigned i = 0; i < ITEMS; i += 3)
        operation_cancel(operations[i]);
    for (unsigned i = 0; i < ITEMS; i++) {
        if (i % 3 != 2)
            expect_failure(fresh, &asked[i], i % 3 ? FAILURE_TIMEOUT : FAILURE_CANCELED);
        else
            assert_int_equal(asked[i].calls, 0);
    }
    resume_server();
    for (unsigned i = 2; i < ITEMS; i += 3)
        expect_answer(fresh, &asked[i]);
    warm_up(fresh);
    assert_int_equal(fresh->connections, 1);
    fresh_close(fresh);
}

/* One burst in which each answer of an even item cancels its neighbour; how many were canceled. */
static unsigned cancel_neighbours(struct fresh *fresh)
{
    struct asked asked[ITEMS];
    unsigned canceled = 0;

    stop_server();
    for (unsigned i = 0; i < ITEMS; i += 2) {
        ask(fresh, i, 10000, &asked[i]);
        asked[i].victim_asked = &asked[i + 1];
        asked[i].victim = ask(fresh, i + 1, 10000, &asked[i + 1]);
    }
    turn(fresh, 100);
    resume_server();
    for (unsigned i = 0; i < ITEMS; i++) {
        wait_for(fresh, &asked[i]);
        /* A victim may have been quicker. */
        if (i % 2 && asked[i].failure.kind)
            expect_failure(fresh, &asked[i], FAILURE_CANCELED);
        else
            expect_answer(fresh, &asked[i]);
        canceled += asked[i].failure.kind != FAILURE_NONE;
    }
    return canceled;
}

/* On a busy machine a whole burst may be answered before this program runs again, and then there is
 * nobody left to cancel: another burst. */
TEST(trap_14_canceling_a_neighbour_while_answers_arrive_leaves_the_others_unharmed)
{
    struct fresh *fresh = fresh_open(ITEMS, 4);

    warm_up(fresh);
    while (!cancel_neighbours(fresh))
        ;
    warm_up(fresh);
    assert_int_equal(fresh->connections, 1);
    fresh_close(fresh);
}

int main(void)
{
    return RUN(CASE(http2_is_what_is_spoken),
               CASE(trap_17_a_burst_on_a_fresh_upstream_opens_one_connection),
               CASE(trap_14_canceling_and_timing_out_some_leaves_the_others_on_the_socket_unharmed),
               CASE(trap_14_canceling_a_neighbour_while_answers_arrive_leaves_the_others_unharmed));
}
