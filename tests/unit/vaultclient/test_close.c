/* SPDX-License-Identifier: Apache-2.0 */
/* A client that is closed in the middle of anything: after each turn of the loop that an operation
 * takes, from the first to the last, in three ways. `done` runs exactly once, `closed` after it,
 * nothing is kept (the sanitizers look), and nothing comes after. */
#include "tests/support/loopback_tls.h"
#include "tests/unit/vaultclient/cluster_scene.h"
#include "tests/unit/vaultclient/starts.h"
#include "vaultclient/internal.h"

#define TURNS_LIMIT 2000

static struct secret *credential;
static const char *tls_folder; /* with the certificates of the first server; NULL: it has none */

/* ---- what is under way ----------------------------------------------------------------------- */

static struct operation *start_look(struct vault_client *client, struct vault_outcome *outcome)
{
    return vault_read_metadata(client, vault_key_of("a"), 0, vault_on_metadata, outcome);
}

static struct operation *start_read(struct vault_client *client, struct vault_outcome *outcome)
{
    return vault_read_field(client, vault_key_of("r"), TEXT("k"), 0, 0, vault_on_field, outcome);
}

/* The first server redirects it to the second. */
static struct operation *start_redirected(struct vault_client *client,
                                          struct vault_outcome *outcome)
{
    return vault_read_field(client, vault_key_of("a"), TEXT("k"), 0, 0, vault_on_field, outcome);
}

static struct operation *start_decisive(struct vault_client *client, struct vault_outcome *outcome)
{
    return vault_read_field(client, vault_key_of("r"), TEXT("k"), 0, VAULT_DECISIVE, vault_on_field,
                            outcome);
}

static struct operation *start_write(struct vault_client *client, struct vault_outcome *outcome)
{
    return start_write_of(client, "w", VAULT_WRITE_MODIFY, credential, outcome);
}

static struct operation *start_either(struct vault_client *client, struct vault_outcome *outcome)
{
    return start_write_of(client, "p", VAULT_WRITE_EITHER, credential, outcome);
}

/* The answer is lost, so that it is read back, at the other server. */
static struct operation *start_lost(struct vault_client *client, struct vault_outcome *outcome)
{
    return start_write_of(client, "l", VAULT_WRITE_MODIFY, credential, outcome);
}

static struct operation *start_removal(struct vault_client *client, struct vault_outcome *outcome)
{
    return start_removal_of(client, "d", outcome);
}

static struct operation *start_unwrap(struct vault_client *client, struct vault_outcome *outcome)
{
    return start_unwrap_of(client, credential, TEXT("auth/approle/role/r/secret-id"), outcome);
}

/* ---- the servers ----------------------------------------------------------------------------- */

static void script(struct pair *pair)
{
    struct loopback *server = pair->scene->server;

    LOOPBACK_SCRIPT(server, LOGIN_PATH, LOGIN("s.fresh", "3600"));
    LOOPBACK_SCRIPT(server, LOOKUP_PATH, LOOKUP_OK);
    LOOPBACK_SCRIPT(server, MOUNT_PATH, MOUNT_V2);
    LOOPBACK_SCRIPT(server, "/v1/auth/token/revoke-self", SAYS("204", ""));
    LOOPBACK_SCRIPT(
        server, "/v1/auth/token/renew-self",
        SAYS("200", "{\"auth\":{\"client_token\":\"s.fresh\",\"lease_duration\":1200}}"));
    LOOPBACK_SCRIPT(server, LEADER_PATH, SAYS("200", "{\"ha_enabled\":false,\"is_self\":true}"));
    LOOPBACK_SCRIPT(server, LOOK_PATH, LOOK_OK);
    LOOPBACK_SCRIPT(server, "/v1/kv/data/r", DATA("{\"k\":\"v\"}", "1"));
    LOOPBACK_SCRIPT(server, "/v1/kv/data/w", DATA("{\"k\":\"v\"}", "1"), WRITTEN("2"));
    LOOPBACK_SCRIPT(server, "/v1/kv/data/p", DATA("{\"k\":\"v\"}", "1"), WRITTEN("2"));
    LOOPBACK_SCRIPT(server, "/v1/kv/data/l", DATA("{\"k\":\"v\"}", "1"), CLOSES);
    LOOPBACK_SCRIPT(pair->second, "/v1/kv/data/l", DATA("{\"k\":\"s.wrapper\"}", "2"));
    LOOPBACK_SCRIPT(server, "/v1/kv/metadata/x/",
                    SAYS("200", "{\"data\":{\"keys\":[\"a\",\"b\"]}}"));
    LOOPBACK_SCRIPT(server, "/v1/kv/metadata/d", KEY_WITH("false", "null"),
                    KEY_WITH("true", "null"));
    LOOPBACK_SCRIPT(server, "/v1/kv/destroy/d", SAYS("204", ""));
    LOOPBACK_SCRIPT(server, "/v1/kv/metadata/n", KEY_WITH("false", "{\"b\":\"2\"}"),
                    SAYS("204", ""), KEY_WITH("false", "{\"b\":\"2\",\"who\":\"ana\"}"));
    LOOPBACK_SCRIPT(server, "/v1/sys/capabilities-self",
                    SAYS("200", "{\"data\":{\"kv/data/p\":[\"patch\"],\"kv/metadata/p\":[]}}"));
    LOOPBACK_SCRIPT(server, "/v1/sys/wrapping/lookup",
                    SAYS("200",
                         "{\"data\":{\"creation_path\":\"auth/approle/role/r/secret-id\","
                         "\"creation_time\":\"2026-01-02T03:04:05Z\",\"creation_ttl\":60}}"));
    LOOPBACK_SCRIPT(server, "/v1/sys/wrapping/unwrap",
                    SAYS("200", "{\"data\":{\"secret_id\":\"unwrapped\"}}"));
    LOOPBACK_SCRIPT(server, "/v1/transit/sign/ap",
                    SAYS("200", "{\"data\":{\"key_version\":1,\"signature\":\"vault:v1:QUJD\"}}"));
    LOOPBACK_SCRIPT(pair->second, DATA_PATH, DATA("{\"k\":\"v\"}", "1"));
    pair_redirects(pair, 0, server, loopback_origin(pair->second));
}

/* ---- a turn at a time ------------------------------------------------------------------------ */

static void on_tick(uv_timer_t *timer)
{
    (void)timer;
}

/* What a turn brings; none lasts longer than a tick. */
struct turns {
    uv_timer_t tick;
    unsigned count;
};

static void turns_begin(struct turns *turns, uv_loop_t *loop)
{
    uv_timer_init(loop, &turns->tick);
    uv_timer_start(&turns->tick, on_tick, 20, 20);
    turns->count = 0;
}

static void turn(struct turns *turns)
{
    uv_run(turns->tick.loop, UV_RUN_ONCE);
    if (++turns->count > TURNS_LIMIT)
        fail_msg("it does not end");
}

/* ---- closing --------------------------------------------------------------------------------- */

enum way { LEAVE_THE_TOKEN, REVOKE_THE_TOKEN, CANCEL_BEFORE, WAYS };

struct ending {
    const struct vault_outcome *outcome;
    unsigned expected; /* how often `done` has run by then */
    bool is_closed;
};

static void on_closed(void *context)
{
    struct ending *ending = context;

    assert_false(ending->is_closed);
    assert_int_equal(ending->outcome->times, ending->expected);
    ending->is_closed = true;
}

static void close_and_wait(struct scene *scene, enum way way, struct turns *turns,
                           struct ending *ending)
{
    vault_client_close(scene->client, way == REVOKE_THE_TOKEN ? 9000 : 0, on_closed, ending);
    assert_false(ending->is_closed);
    assert_null(start_look(scene->client, NULL));
    scene->client = NULL;
    turns->count = 0;
    while (!ending->is_closed)
        turn(turns);
    uv_close((uv_handle_t *)&turns->tick, NULL);
}

static struct vault_settings settings_for(struct scene *scene, const struct vault_auth *auth)
{
    static char ca[96], cert[96], key[96];
    struct loopback_settings tls = {.cert_file = cert, .key_file = key};

    if (!tls_folder)
        return (struct vault_settings){.auth = *auth};
    snprintf(ca, sizeof ca, "%s/ca.pem", tls_folder);
    snprintf(cert, sizeof cert, "%s/server.pem", tls_folder);
    snprintf(key, sizeof key, "%s/server.key", tls_folder);
    loopback_close(scene->server);
    scene->server = loopback_open(&scene->loop, &tls);
    return (struct vault_settings){.auth = *auth, .ca_file = ca};
}

/* True when it had not ended by itself after `n` turns. */
static bool close_after(struct vault_auth auth, start *starts, enum way way, unsigned n)
{
    struct pair *pair = pair_open();
    struct scene *scene = pair->scene;
    struct vault_outcome outcome = {0};
    struct ending ending = {.outcome = &outcome, .expected = 1};
    struct vault_settings settings;
    struct operation *operation;
    struct turns turns;
    bool was_open;

    auth.role_id.value = auth.secret_id.value = auth.token.value = credential;
    settings = settings_for(scene, &auth);
    script(pair);
    pair_client(pair, true, settings);
    turns_begin(&turns, &scene->loop);
    operation = starts(scene->client, &outcome);
    assert_non_null(operation);
    while (!outcome.times && turns.count < n)
        turn(&turns);
    was_open = !outcome.times;
    if (way == CANCEL_BEFORE && was_open)
        operation_cancel(operation);
    close_and_wait(scene, way, &turns, &ending);
    assert_int_equal(outcome.times, 1);
    if (!was_open || n == 0)
        expect_kind(&outcome, was_open ? FAILURE_CANCELED : FAILURE_NONE, "");
    assert_true(outcome.kind == FAILURE_CANCELED || outcome.kind == FAILURE_NONE);
    pair_close(pair);
    return was_open;
}

static void close_at_each_turn(struct vault_auth auth, start *starts)
{
    for (enum way way = 0; way < WAYS; way++)
        for (unsigned n = 0; close_after(auth, starts, way, n); n++)
            ;
}

static const struct vault_auth given = {.method = VAULT_AUTH_TOKEN};
static const struct vault_auth role = {.method = VAULT_AUTH_APPROLE};
static const struct vault_auth wrapped = {.method = VAULT_AUTH_APPROLE,
                                          .secret_id_is_wrapped = true};

TEST(while_it_logs_in)
{
    close_at_each_turn(given, start_look);
    close_at_each_turn(role, start_look);
    close_at_each_turn(wrapped, start_look);
}

TEST(while_it_reads)
{
    close_at_each_turn(given, start_read);
    close_at_each_turn(given, start_redirected);
    close_at_each_turn(given, start_decisive);
}

TEST(while_it_shakes_hands)
{
    char folder[] = "/tmp/keydrift-close-XXXXXX", command[64];

    assert_non_null(mkdtemp(folder));
    loopback_make_certificates(folder);
    tls_folder = folder;
    close_at_each_turn(given, start_read);
    tls_folder = NULL;
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

TEST(while_it_writes)
{
    close_at_each_turn(role, start_write);
    close_at_each_turn(given, start_either);
    close_at_each_turn(given, start_lost);
}

TEST(while_it_lists_removes_and_notes)
{
    close_at_each_turn(given, start_list);
    close_at_each_turn(given, start_removal);
    close_at_each_turn(given, start_notes);
}

TEST(while_it_unwraps_signs_and_asks)
{
    close_at_each_turn(given, start_unwrap);
    close_at_each_turn(given, start_sign);
    close_at_each_turn(given, start_capabilities);
}

/* ---- by itself ------------------------------------------------------------------------------- */

static bool is_at_work(const struct vault_client *client)
{
    const struct token *token = &client->token;

    return token->renewal || token->login || token->chore.due <= vault_now_ms() + 400;
}

/* The token's chore comes at once; true when it was not over after `n` turns. */
static bool close_in_chore(bool is_login, enum way way, unsigned n)
{
    struct pair *pair = pair_open();
    struct scene *scene = pair->scene;
    struct vault_outcome outcome = {0};
    struct ending ending = {.outcome = &outcome, .expected = 1};
    struct vault_auth auth = role;
    struct turns turns;
    bool was_at_work;

    script(pair);
    auth.role_id.value = auth.secret_id.value = credential;
    pair_client(pair, true, (struct vault_settings){.auth = auth});
    assert_non_null(start_look(scene->client, &outcome));
    vault_wait(&scene->loop, &outcome);
    expect_kind(&outcome, FAILURE_NONE, "");
    turns_begin(&turns, &scene->loop);
    scene->client->token.chore_is_login = is_login;
    vault_later_set(&scene->client->laters, &scene->client->token.chore, 1,
                    scene->client->token.chore.run);
    while (is_at_work(scene->client) && turns.count < n)
        turn(&turns);
    was_at_work = is_at_work(scene->client);
    close_and_wait(scene, way, &turns, &ending);
    pair_close(pair);
    return was_at_work;
}

TEST(while_it_renews_its_token_or_replaces_it)
{
    for (enum way way = 0; way < CANCEL_BEFORE; way++) {
        for (unsigned n = 0; close_in_chore(false, way, n); n++)
            ;
        for (unsigned n = 0; close_in_chore(true, way, n); n++)
            ;
    }
}

int main(void)
{
    int failed;

    credential = secret_new(TEXT("s.wrapper"));
    failed =
        RUN(CASE(while_it_logs_in), CASE(while_it_reads), CASE(while_it_shakes_hands),
            CASE(while_it_writes), CASE(while_it_lists_removes_and_notes),
            CASE(while_it_unwraps_signs_and_asks), CASE(while_it_renews_its_token_or_replaces_it));
    secret_free(credential);
    return failed;
}
