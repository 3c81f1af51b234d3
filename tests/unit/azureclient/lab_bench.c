/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/azureclient/lab_bench.h"

#include "base/memory.h"
#include "tests/support/test.h"
#include "tests/support/turn.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- the program ----------------------------------------------------------------------------- */

static void start_lab(struct lab_bench *bench)
{
    char seen[256] = "";
    size_t size = 0;
    int ends[2];

    strcpy(bench->dir, "/tmp/azureclient-lab-XXXXXX");
    assert_non_null(mkdtemp(bench->dir));
    assert_int_equal(pipe(ends), 0);
    bench->lab = fork();
    assert_true(bench->lab >= 0);
    if (bench->lab == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        dup2(ends[1], STDOUT_FILENO);
        execl(getenv("KEYDRIFT_LAB"), "keydrift-lab", "--dir", bench->dir, "--operation-time",
              "50ms", (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    while (!strstr(seen, "lab ready")) {
        ssize_t got = read(ends[0], seen + size, sizeof(seen) - size - 1);

        assert_true(got > 0);
        size += (size_t)got;
        seen[size] = '\0';
    }
    close(ends[0]);
}

static void remove_folder(const char *path)
{
    DIR *folder = opendir(path);
    struct dirent *entry;
    char inside[512];

    if (!folder)
        return;
    while ((entry = readdir(folder))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        snprintf(inside, sizeof(inside), "%s/%s", path, entry->d_name);
        if (unlink(inside) != 0)
            remove_folder(inside);
    }
    closedir(folder);
    rmdir(path);
}

const char *lab_about(const struct lab_bench *bench, const char *name)
{
    const char *value = json_string_value(json_object_get(bench->about, name));

    assert_non_null(value);
    return value;
}

static void read_about(struct lab_bench *bench)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/lab.json", bench->dir);
    bench->about = json_load_file(path, 0, NULL);
    assert_non_null(bench->about);
    bench->id = azure_endpoint_id(text_of(lab_about(bench, "subscription")),
                                  text_of(lab_about(bench, "resource_group")),
                                  text_of(lab_about(bench, "workspace")),
                                  text_of(lab_about(bench, "endpoint")), &bench->failure);
    assert_non_null(bench->id);
    bench->secret = secret_new(text_of(lab_about(bench, "client_secret")));
    assert_non_null(bench->secret);
}

/* ---- waiting --------------------------------------------------------------------------------- */

static void on_guard(uv_timer_t *timer)
{
    ((struct lab_bench *)timer->data)->is_late = true;
}

void lab_wait(struct lab_bench *bench)
{
    bench->is_late = false;
    uv_timer_start(&bench->guard, on_guard, 20000, 0);
    while (!bench->is_done && !bench->is_late)
        loop_turn(&bench->loop);
    uv_timer_stop(&bench->guard);
    assert_false(bench->is_late);
    bench->is_done = false;
}

void lab_note(struct lab_bench *bench, const struct failure *failure)
{
    bench->is_done = true;
    bench->done_count++;
    bench->failure = failure ? *failure : (struct failure){0};
}

static void on_closed(void *context)
{
    ((struct lab_bench *)context)->is_done = true;
}

/* ---- orders ---------------------------------------------------------------------------------- */

static void on_order(const struct http_answer *answer, const struct failure *failure, void *context)
{
    struct lab_bench *bench = context;

    bench->is_done = true;
    bench->status = answer ? answer->status : 0;
    bench->failure = failure ? *failure : (struct failure){0};
}

void lab_order(struct lab_bench *bench, const char *method, const char *target, const char *body)
{
    const struct http_request request = {
        .method = method, .target = target, .body = text_of(body), .retry = HTTP_RETRY_NEVER};

    assert_non_null(http_send(bench->control, &request, on_order, bench));
    lab_wait(bench);
    if (bench->status < 200 || bench->status > 299)
        fail_msg("%s %s %s: HTTP %d %s", method, target, body ? body : "", bench->status,
                 bench->failure.text);
}

/* ---- life ------------------------------------------------------------------------------------ */

void lab_client_open_as(struct lab_bench *bench, struct azure_credential credential,
                        uint32_t timeout_ms)
{
    struct azure_settings settings = {
        .resource_manager = lab_about(bench, "arm_url"),
        .authority = lab_about(bench, "authority_url"),
        .ca_file = lab_about(bench, "ca_file"),
        .timeout_ms = timeout_ms,
        .credential = credential,
    };

    settings.credential.tenant_id = lab_about(bench, "tenant");
    settings.credential.client_id = lab_about(bench, "client_id");
    settings.credential.imds_url = lab_about(bench, "imds_url");
    bench->client = azure_client_open(bench->http, &settings, &bench->failure);
    if (!bench->client)
        fail_msg("%s", bench->failure.text);
}

void lab_client_open(struct lab_bench *bench, uint32_t timeout_ms)
{
    lab_client_open_as(bench, (struct azure_credential){.client_secret = bench->secret},
                       timeout_ms);
}

void lab_client_close(struct lab_bench *bench)
{
    azure_client_close(bench->client, on_closed, bench);
    lab_wait(bench);
    bench->client = NULL;
}

void lab_bench_open(struct lab_bench *bench)
{
    struct upstream_settings settings = {.name = "the lab's control", .proxy = ""};

    assert_true(net_global_init(&bench->failure));
    start_lab(bench);
    read_about(bench);
    uv_loop_init(&bench->loop);
    uv_timer_init(&bench->loop, &bench->guard);
    bench->guard.data = bench;
    bench->http = http_open(&bench->loop);
    assert_non_null(bench->http);
    settings.origin = lab_about(bench, "control_url");
    bench->control = upstream_open(bench->http, &settings, &bench->failure);
    assert_non_null(bench->control);
}

void lab_bench_close(struct lab_bench *bench)
{
    upstream_close(bench->control);
    http_close(bench->http, on_closed, bench);
    lab_wait(bench);
    uv_close((uv_handle_t *)&bench->guard, NULL);
    uv_run(&bench->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&bench->loop), 0);
    kill(bench->lab, SIGTERM);
    waitpid(bench->lab, NULL, 0);
    secret_free(bench->secret);
    json_decref(bench->about);
    memory_free(bench->id);
    remove_folder(bench->dir);
    net_global_cleanup();
}
