/* SPDX-License-Identifier: Apache-2.0 */
/* A real cluster (tests/support/with_cluster.py) whose leader steps down, is cut off, or is left
 * alone, while the client reads and writes. What counts is the truth: a write that was told done is
 * there once and at its version, one that was told failed is not there, and a decisive read is
 * never older than what was told before it. How long an election takes is no matter here. */
#include "cluster_scene.h"
#include "net/json.h"
#include "tests/support/test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
    if (!is_raft() || forwards_all())
        assert_int_equal(old, 0);
    vault_shut(&cluster->loop, writer.client, 100);
    cluster_close(cluster);
}

/* What an administrator does, by the leader; the member of the answer's `data`, or "". */
static struct text administer(struct cluster *cluster, const char *target, const char *body,
                              const char *member, char *room, size_t size)
{
    struct asked asked =
        answer_of(cluster, leader_of(cluster), body ? "POST" : "GET", target, body);
    json_t *answer = json_read(text_of(asked.body), NULL);
    struct text value = json_text_at(json_object_get(answer, "data"), member);

    if (asked.status / 100 != 2)
        fail_msg("%s: %d %s", target, asked.status, asked.body);
    snprintf(room, size, "%.*s", TEXT_ARG(value));
    json_decref(answer);
    return text_of(room);
}

/* A standby that judged them by its own copy would refuse nearly all, and the fifth refusal locks
 * the role. */
TEST(trap_3_a_secret_id_that_was_just_made_logs_in_through_a_standby_at_once)
{
    enum { LOGINS = 12 };
    struct cluster *cluster = cluster_open();
    char room[256], more[256];
    struct secret *role_id;

    administer(cluster, "/v1/sys/auth/approle", "{\"type\":\"approle\"}", "", room, sizeof room);
    administer(cluster, "/v1/sys/policies/acl/reader",
               "{\"policy\":\"path \\\"kv/metadata/*\\\" { capabilities = [\\\"read\\\"] }\"}", "",
               room, sizeof room);
    administer(cluster, "/v1/auth/approle/role/r", "{\"token_policies\":\"reader\"}", "", room,
               sizeof room);
    role_id = secret_new(
        administer(cluster, "/v1/auth/approle/role/r/role-id", NULL, "role_id", room, sizeof room));
    for (int i = 0; i < LOGINS; i++) {
        struct secret *secret_id = secret_new(administer(
            cluster, "/v1/auth/approle/role/r/secret-id", "{}", "secret_id", more, sizeof more));
        struct vault_auth auth = {
            .method = VAULT_AUTH_APPROLE, .role_id.value = role_id, .secret_id.value = secret_id};
        struct vault_client *client =
            client_as(cluster, (leader_of(cluster) + 1 + i % 2) % NODES, 1, PATIENT_MS, &auth);
        struct vault_outcome outcome = vault_metadata_of(&cluster->loop, client, "nothing");

        if (outcome.kind != FAILURE_NOT_FOUND)
            fail_msg("log-in %d: %s", i, outcome.failure.text);
        vault_shut(&cluster->loop, client, 100);
        secret_free(secret_id);
    }
    secret_free(role_id);
    cluster_close(cluster);
}

struct wrapped {
    struct vault_outcome base; /* the value is what was wrapped, or what made it */
    struct secret *token;      /* to free */
};

static void take(struct wrapped *wrapped, const struct vault_wrapping *wrapping,
                 const struct failure *failure)
{
    wrapped->base.times++;
    if (failure)
        wrapped->base.failure = *failure;
    wrapped->base.kind = wrapped->base.failure.kind;
    if (!wrapping)
        return;
    snprintf(wrapped->base.value, sizeof wrapped->base.value, "%.*s",
             TEXT_ARG(wrapping->creation_path));
    wrapped->token = wrapping->token ? secret_copy(wrapping->token) : NULL;
}

static void on_wrapping(const struct vault_wrapping *wrapping, const struct failure *failure,
                        void *context)
{
    take(context, wrapping, failure);
}

static void on_signed(const struct vault_signature *signature, const struct failure *failure,
                      void *context)
{
    take(context, signature ? signature->wrapping : NULL, failure);
}

static void on_unwrapped(const struct secret *data, const struct vault_wrapping *wrapping,
                         const struct failure *failure, void *context)
{
    struct wrapped *wrapped = context;

    take(wrapped, wrapping, failure);
    if (data)
        snprintf(wrapped->base.value, sizeof wrapped->base.value, "%.*s",
                 TEXT_ARG(secret_reveal(data)));
}

static void expect_wrapped(struct cluster *cluster, struct wrapped *wrapped, const char *value)
{
    vault_wait(&cluster->loop, &wrapped->base);
    if (wrapped->base.kind != FAILURE_NONE || !strstr(wrapped->base.value, value))
        fail_msg("instead of %s: %s %s", value, wrapped->base.value, wrapped->base.failure.text);
}

/* Unwraps by one client what another wrapped, and frees the token. */
static void expect_unwrapped_once(struct cluster *cluster, struct vault_client *client,
                                  struct wrapped *from, const char *path, const char *value)
{
    struct vault_unwrapping unwrapping = {.creation_path = text_of(path)};
    struct wrapped looked = {0}, got = {0}, again = {0};

    expect_wrapped(cluster, from, path);
    assert_non_null(vault_lookup_wrapping(client, from->token, 0, on_wrapping, &looked));
    expect_wrapped(cluster, &looked, path);
    unwrapping.token = from->token;
    assert_non_null(vault_unwrap(client, &unwrapping, 0, on_unwrapped, &got));
    expect_wrapped(cluster, &got, value);
    assert_non_null(vault_unwrap(client, &unwrapping, 0, on_unwrapped, &again));
    vault_wait(&cluster->loop, &again.base);
    assert_int_equal(again.base.kind, FAILURE_DENIED);
    secret_free(from->token);
}

/* By itself a standby answers 500 when it is to wrap, and takes a new token for one that is used
 * up, which would be an alarm. */
TEST(through_standbys_what_one_wraps_another_unwraps_at_once_and_only_once)
{
    enum { ROUNDS = 10 };
    struct cluster *cluster = cluster_open();
    int leader = leader_of(cluster);
    struct vault_client *one = client_of(cluster, (leader + 1) % NODES, 1, PATIENT_MS);
    struct vault_client *other = client_of(cluster, (leader + 2) % NODES, 1, PATIENT_MS);
    struct secret *value = secret_new(TEXT("an approval"));
    struct vault_signing signing = {
        .key = {TEXT("transit"), TEXT("approval")}, .input = TEXT("a plan"), .wrap_ttl_s = 60};
    char room[16];

    administer(cluster, "/v1/sys/mounts/transit", "{\"type\":\"transit\"}", "", room, sizeof room);
    administer(cluster, "/v1/transit/keys/approval", "{\"type\":\"ed25519\"}", "", room,
               sizeof room);
    for (int i = 0; i < ROUNDS; i++) {
        struct wrapped made = {0}, signature = {0};

        assert_non_null(vault_wrap(one, TEXT("k"), value, 60, 0, on_wrapping, &made));
        expect_unwrapped_once(cluster, other, &made, "sys/wrapping/wrap", "an approval");
        assert_non_null(vault_sign(one, &signing, 0, on_signed, &signature));
        expect_unwrapped_once(cluster, other, &signature, "transit/sign/approval", "vault:v1:");
    }
    secret_free(value);
    vault_shut(&cluster->loop, one, 100);
    vault_shut(&cluster->loop, other, 100);
    cluster_close(cluster);
}

TEST(of_many_writers_through_all_nodes_exactly_one_wins)
{
    enum { WRITERS = 12 };
    struct cluster *cluster = cluster_open();
    struct vault_client *clients[NODES];
    struct vault_outcome outcomes[WRITERS] = {{0}};
    struct secret *value = secret_new(TEXT("mine"));
    struct vault_write write = {
        .key = vault_key_of("contended"), .field = TEXT("k"), .value = value};
    unsigned won = 0;

    for (int i = 0; i < NODES; i++)
        clients[i] = client_of(cluster, i, 1, PATIENT_MS);
    for (unsigned i = 0; i < WRITERS; i++)
        assert_non_null(
            vault_write_field(clients[i % NODES], &write, 0, vault_on_metadata, &outcomes[i]));
    for (unsigned i = 0; i < WRITERS; i++) {
        vault_wait(&cluster->loop, &outcomes[i]);
        won += outcomes[i].kind == FAILURE_NONE;
        if (outcomes[i].kind != FAILURE_NONE && outcomes[i].kind != FAILURE_CONFLICT)
            fail_msg("writer %u: %s", i, outcomes[i].failure.text);
    }
    assert_int_equal(won, 1);
    for (int i = 0; i < NODES; i++)
        vault_shut(&cluster->loop, clients[i], 100);
    secret_free(value);
    cluster_close(cluster);
}

/* ---- partitions ------------------------------------------------------------------------------ */

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
    if (forwards_all()) {
        assert_true(failure_is_temporary(outcome.kind));
        write_in_vain(&writer, &pointed_to_itself);
        vault_shut(&cluster->loop, writer.client, 100);
        cluster_close(cluster);
        return;
    }
    assert_int_equal(outcome.kind, FAILURE_NONE);
    assert_string_equal(outcome.value, "w-0");
    outcome = read_decisively(cluster, writer.client, writer.path);
    assert_int_equal(outcome.kind, FAILURE_NONE);
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
            CASE(of_many_writers_through_all_nodes_exactly_one_wins),
            CASE(trap_3_a_secret_id_that_was_just_made_logs_in_through_a_standby_at_once),
            CASE(through_standbys_what_one_wraps_another_unwraps_at_once_and_only_once),
            CASE(through_step_downs_every_write_is_done_once_or_told_truthfully_and_no_read_lies));
    return RUN(
        CASE(a_secret_larger_than_raft_takes_is_told_so_at_once_and_not_written),
        CASE(through_a_standby_what_was_written_is_read_at_once_when_the_read_is_decisive),
        CASE(of_many_writers_through_all_nodes_exactly_one_wins),
        CASE(trap_3_a_secret_id_that_was_just_made_logs_in_through_a_standby_at_once),
        CASE(through_standbys_what_one_wraps_another_unwraps_at_once_and_only_once),
        CASE(through_step_downs_every_write_is_done_once_or_told_truthfully_and_no_read_lies),
        CASE(trap_2_a_leader_without_quorum_writes_nothing_and_is_left_for_the_one_that_leads),
        CASE(trap_2_a_survivor_without_quorum_serves_old_data_with_200_and_writes_nothing));
}
