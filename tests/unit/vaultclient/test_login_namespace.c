/* SPDX-License-Identifier: Apache-2.0 */
/* A namespace is verified before anybody logs in: Vault's community edition ignores the header, and
 * would log a client of "ns1" in to the root. */
#include "tests/unit/vaultclient/scene.h"

#include <string.h>
#include <unistd.h>

#define HEALTH_PATH "/v1/sys/health"
#define BELOW_PATH  "/v1/ns1/sys/internal/ui/mounts"
#define HEALTHY                                                                                    \
    SAYS("200", "{\"initialized\":true,\"sealed\":false,\"standby\":false,\"version\":\"1.14."     \
                "0\"}")
#define CREDENTIAL "of.this.client"

/* Every way in, with one and the same credential. */
static struct vault_auth auth_of(enum vault_auth_method method, const struct secret *credential,
                                 const char *file)
{
    struct vault_auth auth = {
        .method = method,
        .role = "web",
        .role_name = "web",
        .jwt.value = credential,
        .username = "ann",
        .password.value = credential,
        .role_id.value = credential,
        .secret_id.value = credential,
    };

    if (method == VAULT_AUTH_TOKEN)
        auth.token.value = credential;
    if (method == VAULT_AUTH_TOKEN_FILE)
        auth.token.file = file;
    return auth;
}

static struct scene *scene_in_namespace(const struct vault_auth *auth)
{
    struct scene *scene = scene_open();
    struct vault_settings settings = {
        .address = loopback_origin(scene->server),
        .namespace_path = "ns1",
        .proxy = "",
        .timeout_ms = 5000,
        .auth = *auth,
    };
    struct failure why = {0};

    if (auth->method == VAULT_AUTH_CERT)
        settings.client_cert_file = settings.client_key_file = "/dev/null";
    scene->client = vault_client_open(scene->http, &settings, &why);
    assert_string_equal(why.text, "");
    return scene;
}

static void expect_nothing_shown(const struct scene *scene)
{
    for (unsigned i = 0; i < loopback_count(scene->server); i++) {
        const char *request = loopback_request(scene->server, i);

        assert_int_equal(strncmp(request, "GET ", 4), 0);
        assert_null(strstr(request, CREDENTIAL));
        assert_null(strstr(request, "/auth/"));
        assert_null(strstr(request, "/wrapping/"));
        assert_null(strstr(request, "X-Vault-Token"));
    }
}

TEST(trap_12_no_way_to_log_in_shows_anything_to_a_server_that_ignores_the_namespace)
{
    struct secret *credential = secret_new(TEXT(CREDENTIAL));
    struct credential_file file = credential_file_new(CREDENTIAL);

    /* The last one is a wrapped secret id. */
    for (int i = VAULT_AUTH_TOKEN; i <= VAULT_AUTH_AZURE + 1; i++) {
        bool is_wrapped = i > VAULT_AUTH_AZURE;
        struct vault_auth auth = auth_of(
            is_wrapped ? VAULT_AUTH_APPROLE : (enum vault_auth_method)i, credential, file.path);
        struct vault_outcome outcome;
        struct scene *scene;

        auth.secret_id_is_wrapped = is_wrapped;
        scene = scene_in_namespace(&auth);
        LOOPBACK_SCRIPT(scene->server, HEALTH_PATH, HEALTHY);
        LOOPBACK_SCRIPT(scene->server, BELOW_PATH,
                        SAYS("404", "{\"errors\":[\"no handler for route\"]}"));
        for (int j = 0; j < 2; j++) {
            outcome = scene_look(scene);
            expect_kind(&outcome, FAILURE_INVALID, "this server knows no namespaces");
        }
        expect_nothing_shown(scene);
        scene_close(scene);
    }
    secret_free(credential);
    credential_file_remove(&file);
}

/* What a proxy says in place of the server proves nothing. */
TEST(trap_12_a_namespace_that_cannot_be_verified_shows_nothing_either)
{
    static const struct {
        struct loopback_step health, below;
        enum failure_kind kind;
        const char *part;
    } cases[] = {
        {SAYS("403", "<html>Forbidden</html>"),
         SAYS("404", "{\"errors\":[\"no handler for route\"]}"), FAILURE_INVALID,
         "this server knows no namespaces"},
        {SAYS("404", "default backend - 404"), SAYS("403", "<html>Forbidden</html>"),
         FAILURE_PROTOCOL, "whether this server knows namespaces cannot be told: "},
    };
    struct secret *credential = secret_new(TEXT(CREDENTIAL));
    struct vault_auth auth = auth_of(VAULT_AUTH_APPROLE, credential, NULL);

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct scene *scene = scene_in_namespace(&auth);
        struct vault_outcome outcome;

        loopback_script(scene->server, HEALTH_PATH, &cases[i].health, 1);
        loopback_script(scene->server, BELOW_PATH, &cases[i].below, 1);
        outcome = scene_look(scene);
        expect_kind(&outcome, cases[i].kind, cases[i].part);
        expect_nothing_shown(scene);
        scene_close(scene);
    }
    secret_free(credential);
}

TEST(a_namespace_behind_a_proxy_that_hides_the_health_is_verified_all_the_same)
{
    struct secret *credential = secret_new(TEXT(CREDENTIAL));
    struct vault_auth auth = auth_of(VAULT_AUTH_APPROLE, credential, NULL);
    struct scene *scene = scene_in_namespace(&auth);
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(scene->server, HEALTH_PATH, SAYS("403", "<html>Forbidden</html>"));
    LOOPBACK_SCRIPT(scene->server, BELOW_PATH,
                    SAYS("200", "{\"data\":{\"auth\":{},\"secret\":{}}}"));
    LOOPBACK_SCRIPT(scene->server, LOGIN_PATH, LOGIN("s.one", "1200"));
    LOOPBACK_SCRIPT(scene->server, MOUNT_PATH, MOUNT_V2);
    LOOPBACK_SCRIPT(scene->server, LOOK_PATH, LOOK_OK);
    outcome = scene_look(scene);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_non_null(
        strstr(scene_request(scene, "POST " LOGIN_PATH, 0), "\r\nX-Vault-Namespace: ns1\r\n"));
    assert_int_equal(scene_count(scene, "GET " HEALTH_PATH), 1);
    secret_free(credential);
    scene_close(scene);
}

int main(void)
{
    return RUN(CASE(trap_12_no_way_to_log_in_shows_anything_to_a_server_that_ignores_the_namespace),
               CASE(trap_12_a_namespace_that_cannot_be_verified_shows_nothing_either),
               CASE(a_namespace_behind_a_proxy_that_hides_the_health_is_verified_all_the_same));
}
