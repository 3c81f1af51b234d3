/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that runs out at each allocation in turn while a client is opened and logs in, by each
 * method, and while it renews its token or replaces it: nothing crashes, nothing is kept, `done`
 * runs exactly once, and there is another renewal or log-in to come. */
#include "tests/support/scarce_memory.h"
#include "tests/unit/vaultclient/scene.h"
#include "vaultclient/internal.h"

#include <string.h>

#define RENEWED SAYS("200", "{\"auth\":{\"client_token\":\"s.one\",\"lease_duration\":1200}}")

static struct secret *credential, *wrapper;

/* ---- a token that is fetched ----------------------------------------------------------------- */

struct fetcher {
    struct operation operation; /* first */
    uv_timer_t timer;
    vault_identity_done *done;
    void *context;
};

static void tell(struct fetcher *fetcher, enum failure_kind kind)
{
    struct secret *token = kind ? NULL : secret_new(TEXT("a.b.c"));
    struct failure why;

    if (token) {
        fetcher->done(token, NULL, fetcher->context);
    } else {
        failure_set(&why, kind ? kind : FAILURE_INTERNAL, "no token");
        fetcher->done(NULL, &why, fetcher->context);
    }
    secret_free(token);
}

static void on_fetched(uv_timer_t *timer)
{
    tell(timer->data, FAILURE_NONE);
}

static void on_canceled(uv_timer_t *timer)
{
    tell(timer->data, FAILURE_CANCELED);
}

static void cancel(struct operation *operation)
{
    uv_timer_start(&((struct fetcher *)operation)->timer, on_canceled, 1, 0);
}

static struct operation *fetch(void *owner, vault_identity_done *done, void *context)
{
    struct fetcher *fetcher = owner;

    fetcher->operation.cancel = cancel;
    fetcher->done = done;
    fetcher->context = context;
    uv_timer_start(&fetcher->timer, on_fetched, 1, 0);
    return &fetcher->operation;
}

/* ---- log-ins --------------------------------------------------------------------------------- */

static void script(struct scene *scene)
{
    static const struct loopback_step login = LOGIN("s.one", "1200");
    static const char *const paths[] = {LOGIN_PATH,
                                        "/v1/auth/kubernetes/login",
                                        "/v1/auth/jwt/login",
                                        "/v1/auth/cert/login",
                                        "/v1/auth/userpass/login/ann",
                                        "/v1/auth/azure/login"};

    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        loopback_script(scene->server, paths[i], &login, 1);
    LOOPBACK_SCRIPT(scene->server, LOOKUP_PATH, LOOKUP_OK);
    LOOPBACK_SCRIPT(scene->server, LOOK_PATH, LOOK_OK);
    LOOPBACK_SCRIPT(scene->server, "/v1/auth/token/renew-self", RENEWED);
    LOOPBACK_SCRIPT(scene->server, "/v1/auth/token/revoke-self", SAYS("204", ""));
    LOOPBACK_SCRIPT(scene->server, "/v1/sys/wrapping/lookup",
                    SAYS("200",
                         "{\"data\":{\"creation_path\":\"auth/approle/role/agent/secret-id\","
                         "\"creation_time\":\"2026-01-02T03:04:05Z\",\"creation_ttl\":60}}"));
    LOOPBACK_SCRIPT(scene->server, "/v1/sys/wrapping/unwrap",
                    SAYS("200", "{\"data\":{\"secret_id\":\"unwrapped\"}}"));
}

static struct vault_settings settings_of(const struct scene *scene, const struct vault_auth *auth,
                                         uint32_t timeout_ms)
{
    static const struct vault_mount mount = {"kv", 2};
    struct vault_settings settings = {.address = loopback_origin(scene->server),
                                      .proxy = "",
                                      .timeout_ms = timeout_ms,
                                      .auth = *auth,
                                      .mounts = &mount,
                                      .mount_count = 1};

    if (auth->method == VAULT_AUTH_CERT)
        settings.client_cert_file = settings.client_key_file = "/dev/null";
    return settings;
}

/* Until there is a token, or none is to be had. */
static void open_and_log_in(struct scene *scene, const struct vault_settings *settings,
                            struct vault_outcome *outcome)
{
    struct failure why = {0};

    scene->client = vault_client_open(scene->http, settings, &why);
    assert_int_equal(why.kind, scene->client ? FAILURE_NONE : FAILURE_INTERNAL);
    if (!scene->client ||
        !vault_read_metadata(scene->client, vault_key_of("a"), 0, vault_on_metadata, outcome))
        return;
    while (!outcome->times && !scene->client->token.value)
        vault_idle(&scene->loop, 0);
}

/* True when there was an n-th allocation before the token was there. */
static bool log_in_once(struct vault_auth auth, bool has_files, long fail_at)
{
    struct scene *scene = scene_open();
    struct credential_file file = {.path = ""};
    struct fetcher fetcher = {.timer.data = &fetcher};
    struct vault_outcome outcome = {0};
    struct vault_settings settings;
    long count;

    script(scene);
    uv_timer_init(&scene->loop, &fetcher.timer);
    if (auth.identity.fetch)
        auth.identity.owner = &fetcher;
    if (has_files) {
        file = credential_file_new("s.from-a-file\n");
        auth.token.file = auth.secret_id.file = auth.jwt.file = file.path;
    }
    settings = settings_of(scene, &auth, fail_at < 0 ? 60000 : 100);
    scarce_memory_fail_at(fail_at);
    open_and_log_in(scene, &settings, &outcome);
    count = scarce_memory_allocations();
    scarce_memory_fail_at(-1);
    if (fail_at < 0)
        assert_non_null(scene->client->token.value);
    if (scene->client)
        vault_shut(&scene->loop, scene->client, 100);
    scene->client = NULL;
    uv_close((uv_handle_t *)&fetcher.timer, NULL);
    scene_close(scene);
    assert_true(outcome.times <= 1);
    if (has_files)
        credential_file_remove(&file);
    return fail_at < count;
}

static void fail_each_in_turn(struct vault_auth auth, bool has_files)
{
    long held;

    log_in_once(auth, has_files, -1);
    held = scarce_memory_held();
    for (long n = 0; log_in_once(auth, has_files, n); n++)
        if (scarce_memory_held_soon(held) != held)
            fail_msg("allocation %ld failed: %ld blocks are left", n, scarce_memory_held() - held);
}

TEST(logging_in_with_a_token_file_survives_every_allocation_that_fails)
{
    fail_each_in_turn((struct vault_auth){.method = VAULT_AUTH_TOKEN_FILE}, true);
}

TEST(logging_in_with_a_secret_id_that_is_removed_survives_every_allocation_that_fails)
{
    fail_each_in_turn((struct vault_auth){.method = VAULT_AUTH_APPROLE,
                                          .role_id.value = credential,
                                          .secret_id_is_removed = true},
                      true);
}

TEST(logging_in_with_a_wrapped_secret_id_survives_every_allocation_that_fails)
{
    fail_each_in_turn((struct vault_auth){.method = VAULT_AUTH_APPROLE,
                                          .role_id.value = credential,
                                          .secret_id.value = wrapper,
                                          .secret_id_is_wrapped = true,
                                          .role_name = "agent"},
                      false);
}

TEST(logging_in_from_kubernetes_survives_every_allocation_that_fails)
{
    fail_each_in_turn((struct vault_auth){.method = VAULT_AUTH_KUBERNETES, .role = "web"}, true);
}

TEST(logging_in_with_a_jwt_survives_every_allocation_that_fails)
{
    fail_each_in_turn(
        (struct vault_auth){.method = VAULT_AUTH_JWT, .role = "ci", .jwt.value = credential},
        false);
}

TEST(logging_in_with_a_certificate_survives_every_allocation_that_fails)
{
    fail_each_in_turn((struct vault_auth){.method = VAULT_AUTH_CERT, .role = "host"}, false);
}

TEST(logging_in_with_a_password_survives_every_allocation_that_fails)
{
    fail_each_in_turn((struct vault_auth){.method = VAULT_AUTH_USERPASS,
                                          .username = "ann",
                                          .password.value = credential},
                      false);
}

TEST(logging_in_from_azure_survives_every_allocation_that_fails)
{
    fail_each_in_turn((struct vault_auth){.method = VAULT_AUTH_AZURE,
                                          .role = "vm",
                                          .identity.fetch = fetch,
                                          .azure_vm_name = "machine"},
                      false);
}

/* ---- renewals -------------------------------------------------------------------------------- */

static bool is_planned(const struct vault_client *client)
{
    return client->token.chore.is_set && client->token.chore.due > vault_now_ms() + 400;
}

/* Its chore comes at once; true when there was an n-th allocation in it. */
static bool do_chore_once(bool is_login, long fail_at)
{
    struct vault_auth auth = {
        .method = VAULT_AUTH_APPROLE, .role_id.value = credential, .secret_id.value = credential};
    struct scene *scene = scene_open();
    struct vault_outcome outcome = {0};
    struct vault_settings settings;
    struct token *token;
    long count;

    script(scene);
    settings = settings_of(scene, &auth, 60000);
    open_and_log_in(scene, &settings, &outcome);
    vault_wait(&scene->loop, &outcome);
    token = &scene->client->token;
    scene->client->timeout_ms = fail_at < 0 ? 60000 : 100;
    scarce_memory_fail_at(fail_at);
    token->chore_is_login = is_login;
    vault_later_set(&scene->client->laters, &token->chore, 1, token->chore.run);
    do
        vault_idle(&scene->loop, 0);
    while (token->renewal || token->login || !is_planned(scene->client));
    count = scarce_memory_allocations();
    scarce_memory_fail_at(-1);
    scene->client->timeout_ms = 60000;
    if (fail_at < 0)
        assert_int_equal(is_login ? scene_count(scene, "POST " LOGIN_PATH)
                                  : scene_count(scene, "POST /v1/auth/token/renew-self") + 1,
                         2);
    /* The token we have is as good as before. */
    outcome = scene_look(scene);
    expect_kind(&outcome, FAILURE_NONE, "");
    scene_close(scene);
    return fail_at < count;
}

static void fail_each_chore(bool is_login)
{
    long held;

    do_chore_once(is_login, -1);
    held = scarce_memory_held();
    for (long n = 0; do_chore_once(is_login, n); n++)
        if (scarce_memory_held_soon(held) != held)
            fail_msg("allocation %ld failed: %ld blocks are left", n, scarce_memory_held() - held);
}

TEST(after_a_renewal_that_found_no_memory_another_comes)
{
    fail_each_chore(false);
}

TEST(after_a_log_in_that_found_no_memory_another_comes)
{
    fail_each_chore(true);
}

/* One part of them at a time, since together they take too long: "approle", "others", "chores". */
int main(int count, char **arguments)
{
    const char *part = count > 1 ? arguments[1] : "others";
    int failed;

    scarce_memory_install();
    credential = secret_new(TEXT("a.b.c"));
    wrapper = secret_new(TEXT("s.wrapper"));
    if (strcmp(part, "approle") == 0)
        failed = RUN(
            CASE(logging_in_with_a_secret_id_that_is_removed_survives_every_allocation_that_fails),
            CASE(logging_in_with_a_wrapped_secret_id_survives_every_allocation_that_fails));
    else if (strcmp(part, "chores") == 0)
        failed = RUN(CASE(after_a_renewal_that_found_no_memory_another_comes),
                     CASE(after_a_log_in_that_found_no_memory_another_comes));
    else
        failed = RUN(CASE(logging_in_with_a_token_file_survives_every_allocation_that_fails),
                     CASE(logging_in_from_kubernetes_survives_every_allocation_that_fails),
                     CASE(logging_in_with_a_jwt_survives_every_allocation_that_fails),
                     CASE(logging_in_with_a_certificate_survives_every_allocation_that_fails),
                     CASE(logging_in_with_a_password_survives_every_allocation_that_fails),
                     CASE(logging_in_from_azure_survives_every_allocation_that_fails));
    secret_free(credential);
    secret_free(wrapper);
    return failed;
}
