/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/vaultclient/scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

    if (namespace_path)
        LOOPBACK_SCRIPT(scene->server, "/v1/sys/health",
                        SAYS("400", "{\"errors\":[\"operation unavailable in namespaces\"]}"));
    assert_string_equal(why.text, "");
    assert_non_null(client);
    return client;
}

void scene_open_client(struct scene *scene, struct vault_settings settings)
{
    struct secret *token = secret_new(TEXT("s.given"));
    struct failure why = {0};

    LOOPBACK_SCRIPT(scene->server, LOOKUP_PATH, LOOKUP_OK);
    LOOPBACK_SCRIPT(scene->server, MOUNT_PATH, MOUNT_V2);
    if (!settings.address)
        settings.address = loopback_origin(scene->server);
    settings.proxy = "";
    settings.auth.token.value = token;
    scene->client = vault_client_open(scene->http, &settings, &why);
    secret_free(token);
    assert_string_equal(why.text, "");
    assert_non_null(scene->client);
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

struct vault_outcome scene_look(struct scene *scene)
{
    return vault_metadata_of(&scene->loop, scene->client, "a");
}

struct vault_outcome scene_look_until(struct scene *scene, const char *login, unsigned n)
{
    struct vault_outcome outcome = scene_look(scene);

    for (int i = 0; i < 800 && scene_count(scene, login) < n; i++) {
        vault_idle(&scene->loop, 10);
        outcome = scene_look(scene);
    }
    assert_int_equal(scene_count(scene, login), n);
    return outcome;
}

static void write_file(const char *path, const char *content)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs(content, file);
    fclose(file);
}

struct credential_file credential_file_new(const char *content)
{
    struct credential_file file = {.folder = "/tmp/keydrift-login-XXXXXX"};

    assert_non_null(mkdtemp(file.folder));
    snprintf(file.path, sizeof file.path, "%s/credential", file.folder);
    write_file(file.path, content);
    return file;
}

void credential_file_replace(const struct credential_file *file, const char *content)
{
    char next[80];

    snprintf(next, sizeof next, "%s.next", file->path);
    write_file(next, content);
    assert_int_equal(rename(next, file->path), 0);
}

void credential_file_remove(const struct credential_file *file)
{
    unlink(file->path);
    assert_int_equal(rmdir(file->folder), 0);
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

void scene_begin_login(struct scene *scene, const struct vault_auth *auth, uint32_t timeout_ms)
{
    LOOPBACK_SCRIPT(scene->server, MOUNT_PATH, MOUNT_V2);
    LOOPBACK_SCRIPT(scene->server, LOOK_PATH, LOOK_OK);
    scene->client = scene_client(scene, auth, NULL, timeout_ms);
}

void scene_wait_for(struct scene *scene, const char *beginning, unsigned n)
{
    for (int i = 0; i < 2000 && scene_count(scene, beginning) < n; i++)
        vault_idle(&scene->loop, 10);
    assert_int_equal(scene_count(scene, beginning), n);
}
