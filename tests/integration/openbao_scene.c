/* SPDX-License-Identifier: Apache-2.0 */
/* An administrator who speaks plain HTTP to the server, so that the client under test checks
 * nothing by its own means. */
#include "openbao_scene.h"

#include "net/json.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *given(const char *name)
{
    const char *value = getenv(name);

    assert_non_null(value);
    return value;
}

bool server_is(const char *version)
{
    return strncmp(given("OPENBAO_VERSION"), version, strlen(version)) == 0;
}

bool server_is_vault(void)
{
    const char *product = getenv("OPENBAO_PRODUCT");

    return product && strcmp(product, "vault") == 0;
}

const char *wrong_secret_id(void)
{
    return server_is_vault() ? "log-in refused: 400 invalid secret id: the secret id is wrong, "
                               "expired or used up"
                             : "log-in refused: 400 invalid role or secret ID";
}

struct vault_client *open_client(struct scene *scene, const struct vault_auth *auth,
                                 const char *namespace_path)
{
    struct vault_settings settings = {
        .address = given("OPENBAO_ADDR"),
        .ca_file = given("OPENBAO_CACERT"),
        .namespace_path = namespace_path,
        .timeout_ms = 10000,
        .auth = *auth,
    };
    struct failure why = {0};
    struct vault_client *client = vault_client_open(scene->http, &settings, &why);

    assert_string_equal(why.text, "");
    assert_non_null(client);
    return client;
}

struct vault_client *open_with_token(struct scene *scene, const char *token)
{
    struct secret *secret = secret_new(text_of(token));
    struct vault_auth auth = {.method = VAULT_AUTH_TOKEN, .token.value = secret};
    struct vault_client *client = open_client(scene, &auth, NULL);

    secret_free(secret);
    return client;
}

struct vault_client *open_with_role(struct scene *scene, const char *role_id, const char *secret_id,
                                    bool is_wrapped)
{
    struct secret *role = secret_new(text_of(role_id)), *secret = secret_new(text_of(secret_id));
    struct vault_auth auth = {
        .method = VAULT_AUTH_APPROLE,
        .role_id.value = role,
        .secret_id.value = secret,
        .secret_id_is_wrapped = is_wrapped,
        .role_name = is_wrapped ? "keydrift" : NULL,
    };
    struct vault_client *client = open_client(scene, &auth, NULL);

    secret_free(role);
    secret_free(secret);
    return client;
}

struct scene *scene_open(void)
{
    struct scene *scene = calloc(1, sizeof *scene);
    struct upstream_settings admin = {.origin = given("OPENBAO_ADDR"),
                                      .ca_file = given("OPENBAO_CACERT")};
    struct failure why = {0};

    assert_true(net_global_init(&why));
    assert_int_equal(uv_loop_init(&scene->loop), 0);
    scene->http = http_open(&scene->loop);
    assert_non_null(scene->http);
    scene->admin = upstream_open(scene->http, &admin, &why);
    assert_string_equal(why.text, "");
    scene->client =
        open_with_role(scene, given("OPENBAO_ROLE_ID"), given("OPENBAO_SECRET_ID"), false);
    return scene;
}

void scene_close(struct scene *scene)
{
    if (scene->client)
        vault_shut(&scene->loop, scene->client, 2000);
    upstream_close(scene->admin);
    http_close(scene->http, NULL, NULL);
    uv_run(&scene->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&scene->loop), 0);
    free(scene);
}

static void on_admin(const struct http_answer *answer, const struct failure *failure, void *context)
{
    struct admin_answer *admin = context;

    assert_null(failure);
    admin->is_done = true;
    admin->status = answer->status;
    admin->body = text_copy(answer->body);
}

static struct admin_answer send_it(struct scene *scene, const char *token,
                                   const struct http_header *extra, const char *method,
                                   const char *path, const char *body)
{
    struct http_header headers[2] = {{.name = "X-Vault-Token", .value = text_of(token)}};
    char target[512];
    struct http_request request = {.method = method,
                                   .target = target,
                                   .headers = headers,
                                   .header_count = extra ? 2 : 1,
                                   .body = {body, body ? strlen(body) : 0}};
    struct admin_answer answer = {0};

    if (extra)
        headers[1] = *extra;
    snprintf(target, sizeof target, "/v1/%s", path);
    assert_non_null(http_send(scene->admin, &request, on_admin, &answer));
    while (!answer.is_done)
        vault_idle(&scene->loop, 1);
    return answer;
}

struct admin_answer administer_as(struct scene *scene, const char *token, const char *ttl,
                                  const char *method, const char *path, const char *body)
{
    struct http_header header = {.name = "X-Vault-Wrap-TTL", .value = text_of(ttl)};

    return send_it(scene, token, ttl ? &header : NULL, method, path, body);
}

void administer_patch(struct scene *scene, const char *path, const char *body)
{
    struct http_header header = {.name = "Content-Type",
                                 .value = TEXT("application/merge-patch+json")};
    struct admin_answer answer =
        send_it(scene, given("OPENBAO_ROOT_TOKEN"), &header, "PATCH", path, body);

    if (answer.status != 200)
        fail_msg("PATCH %s: %d %s", path, answer.status, answer.body);
    free(answer.body);
}

void administer(struct scene *scene, const char *method, const char *path, const char *body)
{
    struct admin_answer answer =
        administer_as(scene, given("OPENBAO_ROOT_TOKEN"), NULL, method, path, body);

    if (answer.status / 100 != 2)
        fail_msg("%s %s: %d %s", method, path, answer.status, answer.body);
    free(answer.body);
}

char *administer_for(struct scene *scene, const char *ttl, const char *method, const char *path,
                     const char *body, const char *member)
{
    struct admin_answer answer =
        administer_as(scene, given("OPENBAO_ROOT_TOKEN"), ttl, method, path, body);
    json_t *json = json_read(text_of(answer.body), NULL);
    char *text = text_copy(json_text_at(json, member));

    assert_int_equal(answer.status, 200);
    assert_true(*text);
    json_decref(json);
    free(answer.body);
    return text;
}

void expect_body(struct scene *scene, const char *path, const char *part)
{
    struct admin_answer answer =
        administer_as(scene, given("OPENBAO_ROOT_TOKEN"), NULL, "GET", path, NULL);

    if (!strstr(answer.body, part))
        fail_msg("%s lacks %s: %s", path, part, answer.body);
    free(answer.body);
}

bool has_namespaces(struct scene *scene)
{
    struct secret *root = secret_new(text_of(given("OPENBAO_ROOT_TOKEN")));
    struct vault_auth auth = {.method = VAULT_AUTH_TOKEN, .token.value = root};
    struct vault_version none = {0};
    struct vault_client *client;
    struct vault_outcome outcome;

    if (server_is_vault()) {
        administer(scene, "POST", "kv/data/namespaced", "{\"data\":{\"k\":\"the root's\"}}");
        client = open_client(scene, &auth, "team");
        outcome = vault_field_of(&scene->loop, client, "namespaced", "k", 0);
        expect_kind(&outcome, FAILURE_INVALID, "this server knows no namespaces");
        outcome = vault_set_field(&scene->loop, client, "namespaced/new", "k", "v", &none);
        expect_kind(&outcome, FAILURE_INVALID, "this server knows no namespaces");
        outcome = vault_metadata_of(&scene->loop, scene->client, "namespaced/new");
        expect_kind(&outcome, FAILURE_NOT_FOUND, "");
        vault_shut(&scene->loop, client, 100);
    }
    secret_free(root);
    return !server_is_vault();
}

void expect_kind(const struct vault_outcome *outcome, enum failure_kind kind, const char *part)
{
    assert_int_equal(outcome->times, 1);
    if (outcome->kind != kind || !strstr(outcome->failure.text, part))
        fail_msg("expected %s with \"%s\", got %s: %s", failure_kind_name(kind), part,
                 failure_kind_name(outcome->kind), outcome->failure.text);
}

char *make_role(struct scene *scene, const char *name, const char *settings)
{
    char path[96];

    snprintf(path, sizeof path, "auth/approle/role/%s", name);
    administer(scene, "POST", path, settings);
    snprintf(path, sizeof path, "auth/approle/role/%s/role-id", name);
    return administer_for(scene, NULL, "GET", path, NULL, "data.role_id");
}

char *make_secret_id(struct scene *scene, const char *name)
{
    char path[96];

    snprintf(path, sizeof path, "auth/approle/role/%s/secret-id", name);
    return administer_for(scene, NULL, "POST", path, "{}", "data.secret_id");
}
