/* SPDX-License-Identifier: Apache-2.0 */
/* Reads against a server that answers as it should, and as it should not. */
#include "tests/unit/vaultclient/scene.h"
#include "vaultclient/internal.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define READ "GET /v1/kv/data/a"

static struct vault_outcome read_a(struct scene *scene)
{
    return vault_field_of(&scene->loop, scene->client, "a", "k", 0);
}

/* ---- requests -------------------------------------------------------------------------------- */

TEST(requests_carry_token_namespace_and_mark)
{
    struct scene *scene = scene_open();
    struct secret *token = secret_new(TEXT("s.given"));
    struct vault_auth auth = {.method = VAULT_AUTH_TOKEN, .token.value = token};
    struct vault_outcome outcome;
    const char *request;

    LOOPBACK_SCRIPT(scene->server, LOOKUP_PATH, LOOKUP_OK);
    LOOPBACK_SCRIPT(scene->server, MOUNT_PATH, MOUNT_V2);
    LOOPBACK_SCRIPT(scene->server, "/v1/kv/data/a", DATA("{\"k\":\"v\"}", "3"));
    scene->client = scene_client(scene, &auth, "/team/x/", 5000);
    outcome = read_a(scene);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_string_equal(outcome.value, "v");
    assert_int_equal(outcome.version.version, 3);
    assert_int_equal(outcome.version.created_at, 1767323045123);
    assert_int_equal(outcome.version.created_ns, 456789);
    request = scene_request(scene, READ, 0);
    assert_non_null(strstr(request, "\r\nX-Vault-Token: s.given\r\n"));
    assert_non_null(strstr(request, "\r\nX-Vault-Request: true\r\n"));
    assert_non_null(strstr(request, "\r\nX-Vault-Namespace: team/x\r\n"));
    secret_free(token);
    scene_close(scene);
}

TEST(paths_that_servers_misunderstand_never_reach_one)
{
    static const char *const bad[] = {"",      "a/",  "/a",    "a//b",       "a/../b",
                                      "..",    "./a", "a/.",   "a\nb",       "a\xff",
                                      "kv/:a", ":a",  "a%2fb", "a?version=1"};
    struct scene *scene = scene_with_token();

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct vault_outcome outcome = vault_field_of(&scene->loop, scene->client, bad[i], "k", 0);

        expect_kind(&outcome, FAILURE_INVALID, "the ");
    }
    assert_int_equal(loopback_count(scene->server), 0);
    scene_close(scene);
}

TEST(the_mount_is_asked_once_for_many_and_remembered)
{
    struct scene *scene = scene_with_token();
    struct vault_outcome outcomes[20] = {0};

    LOOPBACK_SCRIPT(scene->server, "/v1/kv/data/a", DATA("{\"k\":\"v\"}", "3"));
    for (size_t i = 0; i < 20; i++)
        assert_non_null(vault_read_field(scene->client, vault_key_of("a"), TEXT("k"), 0,
                                         (unsigned)i, vault_on_field, &outcomes[i]));
    for (size_t i = 0; i < 20; i++) {
        vault_wait(&scene->loop, &outcomes[i]);
        expect_kind(&outcomes[i], FAILURE_NONE, "");
    }
    outcomes[0] = read_a(scene);
    expect_kind(&outcomes[0], FAILURE_NONE, "");
    assert_int_equal(scene_count(scene, "GET " MOUNT_PATH), 1);
    assert_int_equal(scene_count(scene, READ), 21);
    scene_close(scene);
}

/* A version 1 mount in its place says "not found" where the other kept its metadata. */
TEST(after_a_missing_secret_the_mount_is_asked_again)
{
    struct scene *scene = scene_open();
    struct secret *token = secret_new(TEXT("s.given"));
    struct vault_auth auth = {.method = VAULT_AUTH_TOKEN, .token.value = token};
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(scene->server, LOOKUP_PATH, LOOKUP_OK);
    LOOPBACK_SCRIPT(
        scene->server, MOUNT_PATH, MOUNT_V2,
        SAYS("200",
             "{\"data\":{\"path\":\"kv/\",\"type\":\"kv\",\"options\":{\"version\":\"1\"}}}"));
    LOOPBACK_SCRIPT(scene->server, "/v1/kv/metadata/a", ABSENT);
    scene->client = scene_client(scene, &auth, NULL, 5000);
    outcome = vault_metadata_of(&scene->loop, scene->client, "a");
    expect_kind(&outcome, FAILURE_NOT_FOUND, "no such secret");
    outcome = vault_metadata_of(&scene->loop, scene->client, "a");
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_int_equal(outcome.version.kv, 1);
    secret_free(token);
    scene_close(scene);
}

/* OpenBao on raft says so of every path for a moment after it was unsealed. */
TEST(trap_a_server_that_knows_its_mounts_not_yet_is_no_missing_secret)
{
    static const struct loopback_step unsealed[] = {
        SAYS("404", "{\"errors\":[\"no handler for route \\\"kv/data/a\\\". route entry not "
                    "found.\"]}"),
        DATA("{\"k\":\"v\"}", "3")};
    struct scene *scene = scene_with_token();
    struct vault_outcome outcome;

    loopback_script(scene->server, "/v1/kv/data/a", unsealed, 2);
    loopback_script(scene->server, "/v1/kv/metadata/a", unsealed, 1);
    outcome = read_a(scene);
    expect_kind(&outcome, FAILURE_REMOTE, "there is no such mount, or not yet");
    assert_true(failure_is_temporary(outcome.kind));
    assert_int_equal(outcome.failure.http_status, 404);
    outcome = vault_metadata_of(&scene->loop, scene->client, "a");
    expect_kind(&outcome, FAILURE_REMOTE, "there is no such mount, or not yet");
    outcome = vault_remove_of(&scene->loop, scene->client, VAULT_REMOVE_SECRET, "a", 0, NULL);
    expect_kind(&outcome, FAILURE_REMOTE, "there is no such mount, or not yet");
    outcome = read_a(scene);
    expect_kind(&outcome, FAILURE_NONE, "");
    /* It may be another mount that is there then: it was asked about anew each time. */
    assert_int_equal(scene_count(scene, "GET " MOUNT_PATH), 4);
    scene_close(scene);
}

/* Nothing was learned of the secret, so it must not be called missing. */
TEST(a_namespace_that_is_not_there_is_no_missing_secret)
{
    struct scene *scene = scene_open();
    struct secret *token = secret_new(TEXT("s.given"));
    struct vault_auth auth = {.method = VAULT_AUTH_TOKEN, .token.value = token};
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(scene->server, LOOKUP_PATH, LOOKUP_OK);
    LOOPBACK_SCRIPT(scene->server, MOUNT_PATH,
                    SAYS("404", "{\"errors\":[\"namespace not found\"]}"));
    scene->client = scene_client(scene, &auth, "tema", 5000);
    outcome = vault_metadata_of(&scene->loop, scene->client, "a");
    expect_kind(&outcome, FAILURE_INVALID, "namespace not found");
    secret_free(token);
    scene_close(scene);
}

static void note_version(struct mount_wait *wait, int kv, const struct failure *failure)
{
    (void)wait;
    assert_null(failure);
    assert_int_equal(kv, 2);
}

/* Another call's answer may make the mount forgotten between the two. */
TEST(what_was_known_when_it_was_asked_is_what_is_told)
{
    struct scene *scene = scene_with_token();
    struct mount_wait wait = {0};

    LOOPBACK_SCRIPT(scene->server, "/v1/kv/data/a", DATA("{\"k\":\"v\"}", "3"));
    read_a(scene);
    assert_true(vault_mount_learn(scene->client, TEXT("kv"), false, 0, &wait, note_version));
    vault_mount_forget(scene->client, TEXT("kv"));
    vault_idle(&scene->loop, 20);
    scene_close(scene);
}

TEST(a_server_behind_a_unix_socket_is_reached)
{
    char path[64], address[80];
    struct loopback_settings where = {.unix_path = path};
    struct scene *scene = scene_open();
    struct secret *token = secret_new(TEXT("s.given"));
    struct vault_settings settings = {.address = address, .auth.token.value = token};
    struct loopback *server;
    struct vault_outcome outcome;
    struct failure why;

    snprintf(path, sizeof path, "/tmp/keydrift-vault-%d.sock", (int)getpid());
    snprintf(address, sizeof address, "unix://%s", path);
    server = loopback_open(&scene->loop, &where);
    LOOPBACK_SCRIPT(server, LOOKUP_PATH, LOOKUP_OK);
    LOOPBACK_SCRIPT(server, MOUNT_PATH, MOUNT_V2);
    LOOPBACK_SCRIPT(server, "/v1/kv/data/a", DATA("{\"k\":\"v\"}", "3"));
    scene->client = vault_client_open(scene->http, &settings, &why);
    assert_non_null(scene->client);
    outcome = read_a(scene);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_string_equal(outcome.value, "v");
    secret_free(token);
    loopback_close(server);
    scene_close(scene);
    unlink(path);
}

TEST(settings_that_make_no_sense_are_refused)
{
    struct scene *scene = scene_open();
    struct secret *token = secret_new(TEXT("s.given"));
    const struct vault_settings bad[] = {
        {.address = "https://127.0.0.1:1"},
        {.address = "https://user:pw@127.0.0.1:1", .auth.token.value = token},
        {.address = "http://vault.example:8200", .auth.token.value = token},
        {.address = "127.0.0.1:1", .auth.token.value = token},
        {.address = "https://127.0.0.1:1", .client_cert_file = "x", .auth.token.value = token},
        {.address = "https://127.0.0.1:1", .ca_file = "/nonexistent", .auth.token.value = token},
        {.address = "https://127.0.0.1:1", .namespace_path = "a//b", .auth.token.value = token},
        {.address = "https://127.0.0.1:1", .auth.method = VAULT_AUTH_TOKEN_FILE},
        {.address = "https://127.0.0.1:1", .auth.method = VAULT_AUTH_APPROLE},
        {.address = "https://127.0.0.1:1",
         .auth = {.method = VAULT_AUTH_APPROLE, .role_id.value = token, .mount = "../x"}},
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct failure why = {0};

        if (vault_client_open(scene->http, &bad[i], &why))
            fail_msg("case %zu was taken", i);
        assert_true(why.kind != FAILURE_NONE && why.text[0]);
        assert_null(strstr(why.text, "pw"));
    }
    secret_free(token);
    scene_close(scene);
}

/* ---- answers nobody should believe ----------------------------------------------------------- */

static void expect_read(const struct loopback_step *step, enum failure_kind kind, const char *part)
{
    struct scene *scene = scene_with_token();
    struct vault_outcome outcome;

    loopback_script(scene->server, "/v1/kv/data/a", step, 1);
    outcome = read_a(scene);
    expect_kind(&outcome, kind, part);
    scene_close(scene);
}

#define EXPECT_READ(kind, part, ...)                                                               \
    do {                                                                                           \
        static const struct loopback_step step_ = __VA_ARGS__;                                     \
        expect_read(&step_, kind, part);                                                           \
    } while (0)

TEST(a_web_page_is_told_for_what_it_is)
{
    EXPECT_READ(FAILURE_PROTOCOL, "answered 200 with a web page",
                SAYS("200", " <!DOCTYPE html><html>Sign in</html>"));
    EXPECT_READ(FAILURE_PROTOCOL, "answered 403 with a web page", SAYS("403", "<html>no</html>"));
}

TEST(a_404_that_is_not_the_servers_own_is_no_missing_secret)
{
    struct scene *scene = scene_open();
    struct secret *token = secret_new(TEXT("s.given"));
    struct vault_auth auth = {.method = VAULT_AUTH_TOKEN, .token.value = token};
    struct vault_outcome outcome;

    EXPECT_READ(FAILURE_PROTOCOL, "not in Vault's words", SAYS("404", "default backend - 404"));
    EXPECT_READ(FAILURE_NOT_FOUND, "no such secret", ABSENT);
    LOOPBACK_SCRIPT(scene->server, LOOKUP_PATH, LOOKUP_OK);
    LOOPBACK_SCRIPT(scene->server, MOUNT_PATH, SAYS("404", "404 page not found\n"));
    scene->client = scene_client(scene, &auth, NULL, 5000);
    outcome = vault_metadata_of(&scene->loop, scene->client, "a");
    expect_kind(&outcome, FAILURE_PROTOCOL, "not in Vault's words");
    secret_free(token);
    scene_close(scene);
}

TEST(broken_and_contradictory_json_is_refused)
{
    EXPECT_READ(FAILURE_PROTOCOL, "JSON", SAYS("200", "{\"data\":{\"data\":{\"k\":\"v\"}"));
    EXPECT_READ(FAILURE_PROTOCOL, "same name",
                SAYS("200", "{\"data\":{\"data\":{\"k\":\"v\",\"k\":\"w\"},\"metadata\":" VERSION(
                                "1") "}}"));
    EXPECT_READ(
        FAILURE_PROTOCOL, "surrogate",
        SAYS("200", "{\"data\":{\"data\":{\"k\":\"\\ud800\"},\"metadata\":" VERSION("1") "}}"));
    EXPECT_READ(FAILURE_PROTOCOL, "NUL", DATA("{\"k\":\"a\\u0000b\"}", "1"));
    EXPECT_READ(FAILURE_PROTOCOL, "not an object", DATA("[1]", "1"));
    EXPECT_READ(FAILURE_PROTOCOL, "without metadata", SAYS("200", "{\"data\":{\"k\":\"v\"}}"));
    EXPECT_READ(FAILURE_PROTOCOL, "version", DATA("{\"k\":\"v\"}", "0"));
    EXPECT_READ(FAILURE_PROTOCOL, "version", DATA("{\"k\":\"v\"}", "\"1\""));
    EXPECT_READ(FAILURE_PROTOCOL, "JSON", SAYS("200", ""));
}

TEST(a_version_other_than_the_one_asked_for_is_refused)
{
    struct scene *scene = scene_with_token();
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(scene->server, "/v1/kv/data/a", DATA("{\"k\":\"v\"}", "3"));
    outcome = vault_field_of(&scene->loop, scene->client, "a", "k", 2);
    expect_kind(&outcome, FAILURE_PROTOCOL, "asked for version 2");
    assert_non_null(strstr(scene_request(scene, READ, 0), "GET /v1/kv/data/a?version=2 "));
    scene_close(scene);
}

TEST(states_of_the_server_are_named)
{
    EXPECT_READ(FAILURE_REMOTE, "503 Vault is sealed",
                SAYS("503", "{\"errors\":[\"Vault is sealed\"]}"));
    EXPECT_READ(FAILURE_REMOTE, "Vault is not initialised", SAYS("501", "{\"errors\":[]}"));
    EXPECT_READ(FAILURE_DENIED,
                "pending approval: a control group of the server holds the request back",
                SAYS("200", "{\"data\":null,\"wrap_info\":{\"token\":\"s.x\"}}"));
    EXPECT_READ(FAILURE_INVALID, "400 no such thing",
                SAYS("400", "{\"errors\":[\"no such thing\"]}"));
    EXPECT_READ(FAILURE_PROTOCOL, "not the KV version",
                SAYS("404", "{\"data\":null,\"warnings\":[\"Invalid path for a versioned\"]}"));
}

TEST(a_redirect_goes_nowhere_else)
{
    EXPECT_READ(FAILURE_REMOTE,
                "no active node at this address: it answered 307 and pointed to "
                "https://evil.example",
                SAYS_WITH("307", "Location: https://evil.example/v1/kv/data/a", ""));
    EXPECT_READ(FAILURE_REMOTE, "no active node", SAYS_WITH("301", "Location: /v1/kv/data/b", ""));
    EXPECT_READ(FAILURE_REMOTE, "no active node",
                SAYS_WITH("307", "Location: //evil.example/x", ""));
    EXPECT_READ(FAILURE_REMOTE, "pointed to nowhere",
                SAYS_WITH("307", "Location: https://user:pw@evil.example/x", ""));
}

TEST(one_redirect_below_the_same_address_is_followed)
{
    struct scene *scene = scene_with_token();
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(scene->server, "/v1/kv/data/a",
                    SAYS_WITH("307", "Location: /v1/kv/data/b?version=0", ""));
    LOOPBACK_SCRIPT(scene->server, "/v1/kv/data/b", DATA("{\"k\":\"moved\"}", "3"));
    outcome = read_a(scene);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_string_equal(outcome.value, "moved");
    scene_close(scene);
}

/* ---- life ------------------------------------------------------------------------------------ */

TEST(an_operation_can_be_canceled_at_every_step)
{
    static const char *const silent[] = {LOOKUP_PATH, MOUNT_PATH, "/v1/kv/data/a"};
    static const struct loopback_step hang = HANGS;

    for (size_t i = 0; i < 3; i++) {
        struct scene *scene = scene_open();
        struct secret *token = secret_new(TEXT("s.given"));
        struct vault_auth auth = {.method = VAULT_AUTH_TOKEN, .token.value = token};
        struct vault_outcome outcome = {0};
        struct operation *operation;

        loopback_script(scene->server, silent[i], &hang, 1);
        LOOPBACK_SCRIPT(scene->server, LOOKUP_PATH, LOOKUP_OK);
        LOOPBACK_SCRIPT(scene->server, MOUNT_PATH, MOUNT_V2);
        scene->client = scene_client(scene, &auth, NULL, 5000);
        operation = vault_read_field(scene->client, vault_key_of("a"), TEXT("k"), 0, 0,
                                     vault_on_field, &outcome);
        vault_idle(&scene->loop, 60);
        assert_int_equal(loopback_count(scene->server), i + 1);
        assert_int_equal(outcome.times, 0);
        operation_cancel(operation);
        operation_cancel(operation);
        assert_int_equal(outcome.times, 0);
        vault_wait(&scene->loop, &outcome);
        expect_kind(&outcome, FAILURE_CANCELED, "");
        secret_free(token);
        scene_close(scene);
    }
}

TEST(a_cancel_right_after_the_start_is_heard)
{
    struct scene *scene = scene_with_token();
    struct vault_outcome outcome = {0}, invalid = {0};

    operation_cancel(
        vault_read_metadata(scene->client, vault_key_of("a"), 0, vault_on_metadata, &outcome));
    operation_cancel(
        vault_read_metadata(scene->client, vault_key_of("a/"), 0, vault_on_metadata, &invalid));
    vault_wait(&scene->loop, &outcome);
    vault_wait(&scene->loop, &invalid);
    expect_kind(&outcome, FAILURE_CANCELED, "");
    assert_int_equal(invalid.times, 1);
    scene_close(scene);
}

TEST(closing_ends_everything_once)
{
    struct scene *scene = scene_with_token();
    struct vault_outcome outcomes[5] = {0};

    LOOPBACK_SCRIPT(scene->server, "/v1/kv/data/a", HANGS);
    LOOPBACK_SCRIPT(scene->server, "/v1/kv/metadata/a", HANGS);
    assert_non_null(
        vault_read_metadata(scene->client, vault_key_of("a"), 0, vault_on_metadata, &outcomes[0]));
    assert_non_null(vault_read_field(scene->client, vault_key_of("a"), TEXT("k"), 0, 0,
                                     vault_on_field, &outcomes[1]));
    vault_idle(&scene->loop, 60);
    assert_non_null(
        vault_read_metadata(scene->client, vault_key_of("a"), 0, vault_on_metadata, &outcomes[2]));
    assert_non_null(
        vault_read_metadata(scene->client, vault_key_of("x/"), 0, vault_on_metadata, &outcomes[3]));
    assert_non_null(vault_read_metadata(scene->client, vault_key_of("other:a"), 0,
                                        vault_on_metadata, &outcomes[4]));
    vault_shut(&scene->loop, scene->client, 1000);
    scene->client = NULL;
    for (int i = 0; i < 5; i++)
        if (i != 3)
            expect_kind(&outcomes[i], FAILURE_CANCELED, "");
    assert_int_equal(outcomes[3].times, 1);
    assert_int_equal(scene_count(scene, "POST /v1/auth/token/revoke-self"), 0);
    scene_close(scene);
}

struct closer {
    struct vault_client *client;
    unsigned times;
    bool is_closed;
};

static void on_closed(void *context)
{
    ((struct closer *)context)->is_closed = true;
}

static void close_from_done(const struct vault_field *field, const struct failure *failure,
                            void *context)
{
    struct closer *closer = context;

    assert_true(field && !failure);
    closer->times++;
    vault_client_close(closer->client, 0, on_closed, closer);
    assert_null(vault_read_field(closer->client, vault_key_of("a"), TEXT("k"), 0, 0,
                                 close_from_done, closer));
}

TEST(a_client_may_be_closed_from_inside_done)
{
    struct scene *scene = scene_with_token();
    struct closer closer = {.client = scene->client};

    LOOPBACK_SCRIPT(scene->server, "/v1/kv/data/a", DATA("{\"k\":\"v\"}", "3"));
    scene->client = NULL;
    assert_non_null(vault_read_field(closer.client, vault_key_of("a"), TEXT("k"), 0, 0,
                                     close_from_done, &closer));
    while (!closer.is_closed)
        vault_idle(&scene->loop, 5);
    assert_int_equal(closer.times, 1);
    scene_close(scene);
}

TEST(one_deadline_covers_it_all)
{
    struct scene *scene = scene_open();
    struct secret *token = secret_new(TEXT("s.given"));
    struct vault_auth auth = {.method = VAULT_AUTH_TOKEN, .token.value = token};
    struct vault_outcome outcome;
    struct loopback_step look_up = LOOKUP_OK, mount = MOUNT_V2;

    /* Each alone is in time. */
    look_up.delay_ms = mount.delay_ms = 600;
    loopback_script(scene->server, LOOKUP_PATH, &look_up, 1);
    loopback_script(scene->server, MOUNT_PATH, &mount, 1);
    LOOPBACK_SCRIPT(scene->server, "/v1/kv/data/a", DATA("{}", "1"));
    scene->client = scene_client(scene, &auth, NULL, 1000);
    outcome = read_a(scene);
    expect_kind(&outcome, FAILURE_TIMEOUT, "");
    assert_int_equal(scene_count(scene, READ), 0);
    secret_free(token);
    scene_close(scene);
}

int main(void)
{
    return RUN(CASE(requests_carry_token_namespace_and_mark),
               CASE(paths_that_servers_misunderstand_never_reach_one),
               CASE(the_mount_is_asked_once_for_many_and_remembered),
               CASE(after_a_missing_secret_the_mount_is_asked_again),
               CASE(trap_a_server_that_knows_its_mounts_not_yet_is_no_missing_secret),
               CASE(a_namespace_that_is_not_there_is_no_missing_secret),
               CASE(what_was_known_when_it_was_asked_is_what_is_told),
               CASE(a_server_behind_a_unix_socket_is_reached),
               CASE(settings_that_make_no_sense_are_refused),
               CASE(a_web_page_is_told_for_what_it_is),
               CASE(a_404_that_is_not_the_servers_own_is_no_missing_secret),
               CASE(broken_and_contradictory_json_is_refused),
               CASE(a_version_other_than_the_one_asked_for_is_refused),
               CASE(states_of_the_server_are_named), CASE(a_redirect_goes_nowhere_else),
               CASE(one_redirect_below_the_same_address_is_followed),
               CASE(an_operation_can_be_canceled_at_every_step),
               CASE(a_cancel_right_after_the_start_is_heard), CASE(closing_ends_everything_once),
               CASE(a_client_may_be_closed_from_inside_done), CASE(one_deadline_covers_it_all));
}
