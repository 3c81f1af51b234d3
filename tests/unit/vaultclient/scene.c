/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/vaultclient/scene.h"

#include <stdlib.h>
#include <string.h>

struct scene *scene_open(void)
{
    struct scene *scene = calloc(1, sizeof *scene);
    struct failure why = {0};

    assert_non_null(scene);
    assert_true(net_global_init(&why));
    assert_int_equal(uv_loop_init(&scene->loop), 0);
    scene->http = http_open(&scene->loop);
    assert_non_null(scene->http);
    scene->server = loopback_open(&scene->loop, NULL);
    return scene;
}

struct vault_client *scene_client(struct scene *scene, const struct vault_auth *auth,
                                  const char *namespace_path, uint32_t timeout_ms)
{
    struct vault_settings settings = {
        .address = loopback_origin(scene->server),
        .namespace_path = namespace_path,
        .proxy = "",
        .timeout_ms = timeout_ms,
        .auth = *auth,
    };
    struct failure why = {0};
    struct vault_client *client = vault_client_open(scene->http, &settings, &why);

    assert_string_equal(why.text, "");
    assert_non_null(client);
    return client;
}

struct scene *scene_with_token(void)
{
    struct scene *scene = scene_open();
    struct secret *token = secret_new(TEXT("s.given"));
    struct vault_auth auth = {.method = VAULT_AUTH_TOKEN, .token.value = token};

    LOOPBACK_SCRIPT(scene->server, LOOKUP_PATH, LOOKUP_OK);
    LOOPBACK_SCRIPT(scene->server, MOUNT_PATH, MOUNT_V2);
    scene->client = scene_client(scene, &auth, NULL, 5000);
    secret_free(token);
    return scene;
}

struct scene *scene_with_role(void)
{
    struct scene *scene = scene_open();
    struct secret *role = secret_new(TEXT("role-1")), *secret = secret_new(TEXT("secret-1"));
    struct vault_auth auth = {
        .method = VAULT_AUTH_APPROLE, .role_id.value = role, .secret_id.value = secret};

    LOOPBACK_SCRIPT(scene->server, MOUNT_PATH, MOUNT_V2);
    scene->client = scene_client(scene, &auth, NULL, 5000);
    secret_free(role);
    secret_free(secret);
    return scene;
}

void scene_close(struct scene *scene)
{
    if (scene->client)
        vault_shut(&scene->loop, scene->client, 200);
    http_close(scene->http, NULL, NULL);
    loopback_close(scene->server);
    uv_run(&scene->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&scene->loop), 0);
    free(scene);
}

unsigned scene_count(const struct scene *scene, const char *beginning)
{
    unsigned count = 0;

    for (unsigned i = 0; i < loopback_count(scene->server); i++)
        count += strncmp(loopback_request(scene->server, i), beginning, strlen(beginning)) == 0;
    return count;
}

const char *scene_request(const struct scene *scene, const char *beginning, unsigned n)
{
    for (unsigned i = 0; i < loopback_count(scene->server); i++) {
        const char *request = loopback_request(scene->server, i);

        if (strncmp(request, beginning, strlen(beginning)) == 0 && n-- == 0)
            return request;
    }
    fail_msg("no such request: %s", beginning);
    return NULL;
}

void expect_kind(const struct vault_outcome *outcome, enum failure_kind kind, const char *part)
{
    assert_int_equal(outcome->times, 1);
    if (outcome->kind != kind || !strstr(outcome->failure.text, part))
        fail_msg("expected %s with \"%s\", got %s: %s", failure_kind_name(kind), part,
                 failure_kind_name(outcome->kind), outcome->failure.text);
}
