/* SPDX-License-Identifier: Apache-2.0 */
/* A real cluster (tests/support/with_cluster.py) whose leader steps down, is cut off, or is left
 * alone, while the client reads and writes. What counts is the truth: a write that was told done is
 * there once and at its version, one that was told failed is not there, and a decisive read is
 * never older than what was told before it. How long an election takes is no matter here. */
#include "net/http.h"
#include "tests/support/test.h"
#include "tests/support/vault_calls.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NODES      3
#define PATIENT_MS 60000

struct cluster {
    uv_loop_t loop;
    struct http *http;
    char text[512];
    const char *addresses[NODES];
    struct upstream *admins[NODES];
    pid_t pids[NODES];
};

static bool is_raft(void)
{
    return strcmp(getenv("OPENBAO_CLUSTER"), "raft") == 0;
}

static struct cluster *cluster_open(void)
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

static void cluster_close(struct cluster *cluster)
{
    http_close(cluster->http, NULL, NULL);
    uv_run(&cluster->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&cluster->loop), 0);
    free(cluster);
}

/* Knows `count` addresses, beginning with that of `first`. */
static struct vault_client *client_of(struct cluster *cluster, int first, unsigned count,
                                      uint32_t timeout_ms)
{
    struct secret *token = secret_new(text_of(getenv("OPENBAO_ROOT_TOKEN")));
    const char *more[] = {cluster->addresses[(first + 1) % NODES],
                          cluster->addresses[(first + 2) % NODES]};
    struct vault_settings settings = {.address = cluster->addresses[first],
                                      .more_addresses = more,
                                      .more_address_count = count - 1,
                                      .ca_file = getenv("OPENBAO_CACERT"),
                                      .proxy = "",
                                      .timeout_ms = timeout_ms,
                                      .auth.token.value = token};
    struct failure why = {0};
    struct vault_client *client = vault_client_open(cluster->http, &settings, &why);

    secret_free(token);
    assert_string_equal(why.text, "");
    return client;
}

/* ---- the administrator ----------------------------------------------------------------------- */

struct asked {
    unsigned times;
    int status;
    char body[2048];
};

static void on_asked(const struct http_answer *answer, const struct failure *failure, void *context)
{
    struct asked *asked = context;

    asked->times++;
    if (failure)
        return;
    asked->status = answer->status;
    snprintf(asked->body, sizeof asked->body, "%.*s", TEXT_ARG(answer->body));
}

static void ask(struct cluster *cluster, int node, const char *method, const char *target,
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

static struct asked answer_of(struct cluster *cluster, int node, const char *method,
                              const char *target, const char *body)
{
    struct asked asked = {0};

    ask(cluster, node, method, target, body, &asked);
    while (!asked.times)
        vault_idle(&cluster->loop, 1);
    return asked;
}

/* Waits until somebody takes itself for the leader. */
static int leader_of(struct cluster *cluster)
{
    for (int i = 0;; i = (i + 1) % NODES) {
        struct asked asked = answer_of(cluster, i, "GET", "/v1/sys/leader", NULL);

        if (asked.status == 200 && strstr(asked.body, "\"is_self\":true"))
            return i;
        vault_idle(&cluster->loop, 50);
    }
}

/* ---- what was told --------------------------------------------------------------------------- */

#define WRITES_LIMIT 100

struct writer {
    struct cluster *cluster;
    struct vault_client *client;
    const char *path;
    struct vault_version version;         /* acknowledged last */
    enum failure_kind told[WRITES_LIMIT]; /* of write n, whose value is "w-n" */
    uint32_t versions[WRITES_LIMIT];      /* of those that were told done */
    unsigned count, done;
};

static void prepare(struct writer *writer)
{
    char target[128];
    struct asked asked;

    /* All versions are kept, so that each write can be found again. */
    snprintf(target, sizeof target, "/v1/kv/metadata/%s", writer->path);
    for (int i = 0;; i = (i + 1) % NODES) {
        asked = answer_of(writer->cluster, i, "POST", target, "{\"max_versions\":200}");
        if (asked.status / 100 == 2)
            return;
        vault_idle(&writer->cluster->loop, 50);
    }
}

static struct vault_outcome read_decisively(struct cluster *cluster, struct vault_client *client,
                                            const char *path)
{
    struct vault_outcome outcome = {0};

    assert_non_null(vault_read_metadata(client, vault_key_of(path), VAULT_DECISIVE,
                                        vault_on_metadata, &outcome));
    vault_wait(&cluster->loop, &outcome);
    return outcome;
}

/* After a write that was not told done: how things stand. */
static void look(struct writer *writer)
{
    for (;;) {
        struct vault_outcome outcome =
            read_decisively(writer->cluster, writer->client, writer->path);

        if (outcome.kind == FAILURE_NONE) {
            writer->version = outcome.version;
            writer->version.created_at = 0; /* metadata's is the version's too: not compared here */
            return;
        }
        if (outcome.kind == FAILURE_NOT_FOUND) /* nothing was ever written */
            return;
        vault_idle(&writer->cluster->loop, 100);
    }
}

static void note(struct writer *writer, const struct vault_outcome *outcome)
{
    unsigned n = writer->count++;

    assert_true(n < WRITES_LIMIT);
    writer->told[n] = outcome->kind;
    if (outcome->kind == FAILURE_NONE) {
        writer->versions[n] = outcome->version.version;
        writer->version = outcome->version;
        writer->done++;
    } else {
        print_message("# write %u: %s: %s\n", n, failure_kind_name(outcome->kind),
                      outcome->failure.text);
    }
}

static struct vault_outcome write_next(struct writer *writer)
{
    char value[32];
    struct vault_outcome outcome;

    snprintf(value, sizeof value, "w-%u", writer->count);
    outcome = vault_set_field(&writer->cluster->loop, writer->client, writer->path, "k", value,
                              &writer->version);
    note(writer, &outcome);
    return outcome;
}

/* Reads every version back, through a client that knows all nodes. */
static void settle(struct writer *writer)
{
    struct cluster *cluster = writer->cluster;
    struct vault_client *client =
        client_of(cluster, leader_of(cluster), is_raft() ? 1 : NODES, PATIENT_MS);
    unsigned seen[WRITES_LIMIT] = {0};
    struct vault_outcome current = read_decisively(cluster, client, writer->path), outcome;
    unsigned n;

    assert_int_equal(current.kind, FAILURE_NONE);
    for (uint32_t version = 1; version <= current.version.version; version++) {
        outcome = vault_field_of(&cluster->loop, client, writer->path, "k", version);
        assert_int_equal(outcome.kind, FAILURE_NONE);
        if (sscanf(outcome.value, "w-%u", &n) != 1 || n >= writer->count)
            fail_msg("version %u of %u holds \"%s\"", version, current.version.version,
                     outcome.value);
        seen[n]++;
        if (writer->told[n] == FAILURE_NONE)
            assert_int_equal(writer->versions[n], version);
        else
            assert_int_equal(writer->told[n], FAILURE_AMBIGUOUS);
    }
    for (n = 0; n < writer->count; n++) {
        if (seen[n] > 1 || (writer->told[n] == FAILURE_NONE && !seen[n]))
            fail_msg("write %u was told %s (version %u) and is there %u times, of %u versions", n,
                     failure_kind_name(writer->told[n]), writer->versions[n], seen[n],
                     current.version.version);
    }
    vault_shut(&cluster->loop, client, 100);
}

/* ---- step-down ------------------------------------------------------------------------------- */

TEST(through_step_downs_every_write_is_done_once_or_told_truthfully_and_no_read_lies)
{
    enum { WRITES = 40 };
    struct cluster *cluster = cluster_open();
    struct writer writer = {.cluster = cluster, .path = "step-down"};
    struct asked downs[2] = {0};

    prepare(&writer);
    writer.client = client_of(cluster, leader_of(cluster), NODES, PATIENT_MS);
    for (unsigned i = 0; i < WRITES; i++) {
        uint32_t least = writer.version.version;
        struct vault_outcome read = {0};

        if (i % 20 == 10) /* not waited for: it happens in the middle of things */
            ask(cluster, leader_of(cluster), "PUT", "/v1/sys/step-down", NULL, &downs[i / 20]);
        assert_non_null(vault_read_metadata(writer.client, vault_key_of(writer.path),
                                            VAULT_DECISIVE, vault_on_metadata, &read));
        if (write_next(&writer).kind != FAILURE_NONE)
            look(&writer);
        vault_wait(&cluster->loop, &read);
        assert_int_equal(read.times, 1);
        if (read.kind == FAILURE_NONE)
            assert_true(read.version.version >= least);
        else if (read.kind == FAILURE_NOT_FOUND)
            assert_int_equal(least, 0);
        else
            assert_true(failure_is_temporary(read.kind));
    }
    for (int i = 0; i < 2; i++) {
        while (!downs[i].times)
            vault_idle(&cluster->loop, 1);
        assert_int_equal(downs[i].status, 204);
    }
    /* An election is waited for, so most of them are done. */
    assert_true(writer.done >= WRITES / 2);
    settle(&writer);
    vault_shut(&cluster->loop, writer.client, 100);
    cluster_close(cluster);
}

/* ---- standbys -------------------------------------------------------------------------------- */

TEST(through_a_standby_what_was_written_is_read_at_once_when_the_read_is_decisive)
{
    enum { WRITES = 30 };
    struct cluster *cluster = cluster_open();
    struct writer writer = {.cluster = cluster, .path = "standby"};
    unsigned old = 0;

    prepare(&writer);
    writer.client = client_of(cluster, (leader_of(cluster) + 1) % NODES, 1, PATIENT_MS);
    for (unsigned i = 0; i < WRITES; i++) {
        struct vault_outcome outcome = write_next(&writer);

        assert_int_equal(outcome.kind, FAILURE_NONE);
        outcome = vault_metadata_of(&cluster->loop, writer.client, writer.path);
        old += outcome.kind != FAILURE_NONE || outcome.version.version < writer.version.version;
        outcome = read_decisively(cluster, writer.client, writer.path);
        assert_int_equal(outcome.kind, FAILURE_NONE);
        assert_int_equal(outcome.version.version, writer.version.version);
    }
    print_message("# %u of %u reads that were not decisive were old\n", old, WRITES);
    if (!is_raft()) /* this kind forwards */
        assert_int_equal(old, 0);
    vault_shut(&cluster->loop, writer.client, 100);
    cluster_close(cluster);
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

/* `state`: what they are in afterwards, 0 when that is no matter. */
static void signal_others(struct cluster *cluster, int but, int number, char state)
{
    for (int i = 0; i < NODES; i++) {
        if (i == but)
            continue;
        assert_int_equal(kill(cluster->pids[i], number), 0);
        while (state && !is_in_state(cluster->pids[i], state))
            vault_idle(&cluster->loop, 1);
    }
}

static void write_in_vain(struct writer *writer, bool *pointed_to_itself)
{
    struct vault_outcome outcome = write_next(writer);

    assert_true(outcome.kind == FAILURE_REMOTE || outcome.kind == FAILURE_AMBIGUOUS ||
                outcome.kind == FAILURE_TIMEOUT || outcome.kind == FAILURE_NETWORK);
    *pointed_to_itself =
        *pointed_to_itself || strstr(outcome.failure.text, "pointed to itself") != NULL;
}

/* It leads by an earlier step-down, and never notices: its health is 200 for as long as it lives.
 * Afterwards another node leads, and this one still says it does. */
TEST(trap_2_a_leader_without_quorum_writes_nothing_and_is_left_for_the_one_that_leads)
{
    struct cluster *cluster = cluster_open();
    struct writer writer = {.cluster = cluster, .path = "partition"};
    struct vault_client *alone;
    bool pointed_to_itself = false;
    struct vault_outcome outcome;
    int leader;

    prepare(&writer);
    leader = leader_of(cluster);
    writer.client = client_of(cluster, leader, NODES, PATIENT_MS);
    assert_int_equal(write_next(&writer).kind, FAILURE_NONE);
    vault_shut(&cluster->loop, writer.client, 100);
    leader = leader_of(cluster);
    alone = client_of(cluster, leader, 1, 3000);
    outcome = vault_metadata_of(&cluster->loop, alone, writer.path);
    assert_int_equal(outcome.kind, FAILURE_NONE);

    signal_others(cluster, leader, SIGSTOP, 'T');
    writer.client = alone;
    for (int i = 0; i < 4 && !pointed_to_itself; i++)
        write_in_vain(&writer, &pointed_to_itself);
    print_message("# the leader without quorum %s writes to itself\n",
                  pointed_to_itself ? "redirected" : "did not redirect");
    signal_others(cluster, leader, SIGCONT, 0);

    writer.client = client_of(cluster, leader, NODES, PATIENT_MS);
    /* What was left open may be done after all, behind our back: as it was told. And the node that
     * is no longer the leader may still answer what we look at. */
    do {
        look(&writer);
        outcome = write_next(&writer);
    } while (outcome.kind == FAILURE_CONFLICT || outcome.kind == FAILURE_AMBIGUOUS);
    assert_int_equal(outcome.kind, FAILURE_NONE);
    vault_shut(&cluster->loop, writer.client, 100);
    vault_shut(&cluster->loop, alone, 100);
    settle(&writer);
    cluster_close(cluster);
}

/* The last one: two nodes are dead after it. Nothing in a read tells, so only the write does. */
TEST(trap_2_a_survivor_without_quorum_serves_old_data_with_200_and_writes_nothing)
{
    struct cluster *cluster = cluster_open();
    struct writer writer = {.cluster = cluster, .path = "survivor"};
    int survivor = (leader_of(cluster) + 1) % NODES;
    bool pointed_to_itself = false;
    struct vault_outcome outcome;

    prepare(&writer);
    writer.client = client_of(cluster, (survivor + 1) % NODES, NODES, PATIENT_MS);
    assert_int_equal(write_next(&writer).kind, FAILURE_NONE);
    vault_shut(&cluster->loop, writer.client, 100);
    writer.client = client_of(cluster, survivor, 1, 3000);
    /* Its copy has caught up, so that the read below means what it says. */
    do
        outcome = vault_metadata_of(&cluster->loop, writer.client, writer.path);
    while (outcome.kind != FAILURE_NONE || outcome.version.version != 1);

    signal_others(cluster, survivor, SIGKILL, 'Z');
    outcome = vault_field_of(&cluster->loop, writer.client, writer.path, "k", 0);
    assert_int_equal(outcome.kind, FAILURE_NONE);
    assert_string_equal(outcome.value, "w-0");
    write_in_vain(&writer, &pointed_to_itself);
    outcome = vault_metadata_of(&cluster->loop, writer.client, writer.path);
    assert_int_equal(outcome.kind, FAILURE_NONE);
    assert_int_equal(outcome.version.version, 1);
    vault_shut(&cluster->loop, writer.client, 100);
    cluster_close(cluster);
}

/* 500, and yet no repetition helps: raft takes about 1 MB. */
TEST(a_secret_larger_than_raft_takes_is_told_so_at_once_and_not_written)
{
    struct cluster *cluster = cluster_open();
    struct vault_client *client = client_of(cluster, 0, NODES, PATIENT_MS);
    struct vault_version none = {0};
    struct vault_outcome outcome;
    char *value = calloc(1, SECRET_LIMIT + 1);

    assert_non_null(value);
    memset(value, 'x', SECRET_LIMIT);
    /* When the very first write to a mount fails, OpenBao 2.7.2 keeps the mount's salt in memory
     * only, and the next leader finds nothing: so this is the second. */
    outcome = vault_set_field(&cluster->loop, client, "large/first", "k", "v", &none);
    assert_int_equal(outcome.kind, FAILURE_NONE);
    outcome = vault_set_field(&cluster->loop, client, "large/a", "k", value, &none);
    if (outcome.kind != FAILURE_INVALID ||
        !strstr(outcome.failure.text, "larger than the server's storage takes"))
        fail_msg("%s: %s", failure_kind_name(outcome.kind), outcome.failure.text);
    outcome = vault_metadata_of(&cluster->loop, client, "large/a");
    assert_int_equal(outcome.kind, FAILURE_NOT_FOUND);
    free(value);
    vault_shut(&cluster->loop, client, 100);
    cluster_close(cluster);
}

/* Its CA and its servers have one and the same name, which OpenSSL takes for self-signed. */
TEST(trap_11_the_dev_clusters_own_ca_verifies_none_of_its_servers_and_that_is_what_is_told)
{
    struct cluster *cluster = cluster_open();
    struct secret *token = secret_new(text_of(getenv("OPENBAO_ROOT_TOKEN")));
    struct vault_settings settings = {.address = cluster->addresses[0],
                                      .ca_file = getenv("OPENBAO_OWN_CA"),
                                      .proxy = "",
                                      .timeout_ms = PATIENT_MS,
                                      .max_tries = 1,
                                      .auth.token.value = token};
    struct failure why = {0};
    struct vault_client *client = vault_client_open(cluster->http, &settings, &why);
    struct vault_outcome outcome;

    secret_free(token);
    assert_string_equal(why.text, "");
    outcome = vault_metadata_of(&cluster->loop, client, "a");
    if (outcome.kind != FAILURE_NETWORK || !strstr(outcome.failure.text, "certificate"))
        fail_msg("%s: %s", failure_kind_name(outcome.kind), outcome.failure.text);
    vault_shut(&cluster->loop, client, 100);
    cluster_close(cluster);
}

/* Every other dev server's is version 2. */
TEST(trap_11_the_dev_clusters_secret_is_version_1_as_the_server_says_and_not_written_to)
{
    struct cluster *cluster = cluster_open();
    struct vault_client *client = client_of(cluster, 0, NODES, PATIENT_MS);
    struct vault_version none = {0};
    struct vault_outcome outcome;

    assert_int_equal(answer_of(cluster, 0, "POST", "/v1/secret/a", "{\"k\":\"v\"}").status, 204);
    outcome = vault_field_of(&cluster->loop, client, "secret:a", "k", 0);
    assert_int_equal(outcome.kind, FAILURE_NONE);
    assert_int_equal(outcome.version.kv, 1);
    assert_string_equal(outcome.value, "v");
    outcome = vault_set_field(&cluster->loop, client, "secret:a", "k", "w", &none);
    assert_int_equal(outcome.kind, FAILURE_INVALID);
    outcome = vault_field_of(&cluster->loop, client, "secret:a", "k", 0);
    assert_string_equal(outcome.value, "v");
    vault_shut(&cluster->loop, client, 100);
    cluster_close(cluster);
}

int main(void)
{
    alarm(150); /* a cluster that never recovers is a failure, not a wait */
    if (!is_raft())
        return RUN(
            CASE(
                trap_11_the_dev_clusters_own_ca_verifies_none_of_its_servers_and_that_is_what_is_told),
            CASE(
                trap_11_the_dev_clusters_secret_is_version_1_as_the_server_says_and_not_written_to),
            CASE(through_a_standby_what_was_written_is_read_at_once_when_the_read_is_decisive),
            CASE(through_step_downs_every_write_is_done_once_or_told_truthfully_and_no_read_lies));
    return RUN(
        CASE(a_secret_larger_than_raft_takes_is_told_so_at_once_and_not_written),
        CASE(through_a_standby_what_was_written_is_read_at_once_when_the_read_is_decisive),
        CASE(through_step_downs_every_write_is_done_once_or_told_truthfully_and_no_read_lies),
        CASE(trap_2_a_leader_without_quorum_writes_nothing_and_is_left_for_the_one_that_leads),
        CASE(trap_2_a_survivor_without_quorum_serves_old_data_with_200_and_writes_nothing));
}
