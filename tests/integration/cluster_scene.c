/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster_scene.h"

#include "tests/support/test.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool is_raft(void)
{
    return strcmp(getenv("OPENBAO_CLUSTER"), "raft") == 0;
}

bool forwards_all(void)
{
    return strcmp(getenv("OPENBAO_PRODUCT"), "vault") == 0;
}

struct cluster *cluster_open(void)
{
    struct cluster *cluster = calloc(1, sizeof *cluster);
    char pids[128] = "", *rest = NULL;
    struct failure why = {0};

    assert_true(net_global_init(&why));
    assert_int_equal(uv_loop_init(&cluster->loop), 0);
    cluster->http = http_open(&cluster->loop);
    snprintf(cluster->text, sizeof cluster->text, "%s", getenv("OPENBAO_ADDRS"));
    for (int i = 0; i < NODES; i++) {
        cluster->addresses[i] = strtok_r(i ? NULL : cluster->text, " ", &rest);
        cluster->admins[i] = upstream_open(
            cluster->http,
            &(struct upstream_settings){
                .origin = cluster->addresses[i], .ca_file = getenv("OPENBAO_CACERT"), .proxy = ""},
            &why);
        assert_string_equal(why.text, "");
    }
    if (!is_raft())
        return cluster;
    snprintf(pids, sizeof pids, "%s", getenv("OPENBAO_PIDS"));
    for (int i = 0; i < NODES; i++)
        cluster->pids[i] = atoi(strtok_r(i ? NULL : pids, " ", &rest));
    return cluster;
}

void cluster_close(struct cluster *cluster)
{
    http_close(cluster->http, NULL, NULL);
    uv_run(&cluster->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&cluster->loop), 0);
    free(cluster);
}

struct vault_client *client_as(struct cluster *cluster, int first, unsigned count,
                               uint32_t timeout_ms, const struct vault_auth *auth)
{
    const char *more[] = {cluster->addresses[(first + 1) % NODES],
                          cluster->addresses[(first + 2) % NODES]};
    struct vault_settings settings = {.address = cluster->addresses[first],
                                      .more_addresses = more,
                                      .more_address_count = count - 1,
                                      .ca_file = getenv("OPENBAO_CACERT"),
                                      .proxy = "",
                                      .timeout_ms = timeout_ms,
                                      .auth = *auth};
    struct failure why = {0};
    struct vault_client *client = vault_client_open(cluster->http, &settings, &why);

    assert_string_equal(why.text, "");
    return client;
}

struct vault_client *client_of(struct cluster *cluster, int first, unsigned count,
                               uint32_t timeout_ms)
{
    struct secret *token = secret_new(text_of(getenv("OPENBAO_ROOT_TOKEN")));
    struct vault_auth auth = {.token.value = token};
    struct vault_client *client = client_as(cluster, first, count, timeout_ms, &auth);

    secret_free(token);
    return client;
}

/* ---- the administrator ----------------------------------------------------------------------- */

static void on_asked(const struct http_answer *answer, const struct failure *failure, void *context)
{
    struct asked *asked = context;

    asked->times++;
    if (failure)
        return;
    asked->status = answer->status;
    snprintf(asked->body, sizeof asked->body, "%.*s", TEXT_ARG(answer->body));
}

void ask(struct cluster *cluster, int node, const char *method, const char *target,
         const char *body, struct asked *asked)
{
    struct http_header token = {.name = "X-Vault-Token",
                                .value = text_of(getenv("OPENBAO_ROOT_TOKEN"))};
    struct http_request request = {.method = method,
                                   .target = target,
                                   .headers = &token,
                                   .header_count = 1,
                                   .body = {body, body ? strlen(body) : 0},
                                   .deadline_ms = 5000};

    assert_non_null(http_send(cluster->admins[node], &request, on_asked, asked));
}

struct asked answer_of(struct cluster *cluster, int node, const char *method, const char *target,
                       const char *body)
{
    struct asked asked = {0};

    ask(cluster, node, method, target, body, &asked);
    while (!asked.times)
        vault_idle(&cluster->loop, 1);
    return asked;
}

int leader_of(struct cluster *cluster)
{
    for (int i = 0;; i = (i + 1) % NODES) {
        struct asked asked = answer_of(cluster, i, "GET", "/v1/sys/leader", NULL);

        if (asked.status == 200 && strstr(asked.body, "\"is_self\":true"))
            return i;
        vault_idle(&cluster->loop, 50);
    }
}

/* ---- partitions ------------------------------------------------------------------------------ */

/* Each thread for itself: it stops or dies a little later than kill() returns. */
static bool is_in_state(pid_t pid, char state)
{
    char name[300], line[512];
    struct dirent *thread;
    bool all = true;
    DIR *threads;

    snprintf(name, sizeof name, "/proc/%d/task", pid);
    threads = opendir(name);
    assert_non_null(threads);
    while ((thread = readdir(threads))) {
        const char *behind_name;
        FILE *file;

        if (thread->d_name[0] == '.')
            continue;
        snprintf(name, sizeof name, "/proc/%d/task/%s/stat", pid, thread->d_name);
        file = fopen(name, "re");
        if (!file)
            continue;
        behind_name = fgets(line, sizeof line, file) ? strrchr(line, ')') : NULL;
        all = all && (!behind_name || behind_name[2] == state);
        fclose(file);
    }
    closedir(threads);
    return all;
}

void signal_others(struct cluster *cluster, int but, int number, char state)
{
    for (int i = 0; i < NODES; i++) {
        if (i == but)
            continue;
        assert_int_equal(kill(cluster->pids[i], number), 0);
        while (state && !is_in_state(cluster->pids[i], state))
            vault_idle(&cluster->loop, 1);
    }
}
