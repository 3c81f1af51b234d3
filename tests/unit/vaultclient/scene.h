/* SPDX-License-Identifier: Apache-2.0 */
/* A Vault client and the scripted server it talks to. */
#ifndef TESTS_VAULTCLIENT_SCENE_H
#define TESTS_VAULTCLIENT_SCENE_H

#include "tests/support/loopback.h"
#include "tests/support/test.h"
#include "tests/support/vault_calls.h"

#include "net/http.h"

struct scene {
    uv_loop_t loop;
    struct http *http;
    struct loopback *server;
    struct vault_client *client; /* closed with the scene */
};

/* One step of a script: the answer ends with the connection, so it needs no length. */
#define SAYS(status, body)                                                                         \
    {                                                                                              \
        .act = LOOPBACK_LAST, .bytes = "HTTP/1.1 " status " x\r\n\r\n" body                        \
    }
#define SAYS_WITH(status, headers, body)                                                           \
    {                                                                                              \
        .act = LOOPBACK_LAST, .bytes = "HTTP/1.1 " status " x\r\n" headers "\r\n\r\n" body         \
    }
#define HANGS                                                                                      \
    {                                                                                              \
        .act = LOOPBACK_HANG                                                                       \
    }
#define CLOSES                                                                                     \
    {                                                                                              \
        .act = LOOPBACK_CLOSE                                                                      \
    }

#define MOUNT_PATH "/v1/sys/internal/ui/mounts/kv"
#define MOUNT_V2                                                                                   \
    SAYS("200", "{\"data\":{\"path\":\"kv/\",\"type\":\"kv\",\"options\":{\"version\":\"2\"}}}")
#define LOGIN_PATH "/v1/auth/approle/login"
#define LOGIN(token, lease)                                                                        \
    SAYS("200", "{\"auth\":{\"client_token\":\"" token "\",\"lease_duration\":" lease              \
                ",\"renewable\":true}}")
#define LOOKUP_PATH "/v1/auth/token/lookup-self"
#define LOOKUP_OK   SAYS("200", "{\"data\":{\"ttl\":0,\"renewable\":false}}")
/* The key that scene_look() asks about. */
#define LOOK_PATH "/v1/kv/metadata/a"
#define LOOK_OK                                                                                    \
    SAYS("200", "{\"data\":{\"created_time\":\"2026-01-02T03:04:05Z\",\"current_version\":1,"      \
                "\"versions\":{\"1\":{\"created_time\":\"2026-01-02T03:04:05Z\","                  \
                "\"deletion_time\":\"\",\"destroyed\":false}}}}")
#define VERSION(number)                                                                            \
    "{\"created_time\":\"2026-01-02T03:04:05.123456789Z\",\"deletion_time\":\"\","                 \
    "\"destroyed\":false,\"version\":" number "}"
#define DATA(fields, number)                                                                       \
    SAYS("200",                                                                                    \
         "{\"data\":{\"data\":" fields ",\"metadata\":" VERSION(number) "},\"warnings\":null}")
#define WRITTEN(number) SAYS("200", "{\"data\":" VERSION(number) ",\"warnings\":null}")
#define ABSENT          SAYS("404", "{\"errors\":[]}")
#define DENIES          SAYS("403", "{\"errors\":[\"1 error occurred:\\n\\t* permission denied\\n\\n\"]}")
#define DEAD_TOKEN      SAYS("403", "{\"errors\":[\"permission denied\"]}")

/* With the token "s.given", which the server knows (unless the test scripted LOOKUP_PATH itself
 * before), and a mount "kv" of version 2. */
struct scene *scene_with_token(void);
/* With an AppRole; the test scripts LOGIN_PATH. */
struct scene *scene_with_role(void);
/* Without a client. */
struct scene *scene_open(void);
/* A namespace is one that the server heeds. */
struct vault_client *scene_client(struct scene *scene, const struct vault_auth *auth,
                                  const char *namespace_path, uint32_t timeout_ms);
/* A client of the scene's that logs in this way, and something to look at once it has. */
void scene_begin_login(struct scene *scene, const struct vault_auth *auth, uint32_t timeout_ms);
/* The address and the token "s.given" unless they are set, no proxy, and a mount "kv" of version 2
 * at the scene's server. Closed with the scene. */
void scene_open_client(struct scene *scene, struct vault_settings settings);
void scene_close(struct scene *scene);

/* Reads the metadata of "kv/a": the cheapest thing that needs a token. */
struct vault_outcome scene_look(struct scene *scene);
/* Looks until the n-th request that begins with `login` has come; the pause before it must be a
 * matter of seconds. The last look's outcome. */
struct vault_outcome scene_look_until(struct scene *scene, const char *login, unsigned n);
/* Until the n-th request that begins so has come, without asking for anything, which alone might
 * make the client log in. */
void scene_wait_for(struct scene *scene, const char *beginning, unsigned n);

/* A file of its own folder, with something to log in with. */
struct credential_file {
    char folder[40], path[64];
};
struct credential_file credential_file_new(const char *content);
/* As whoever rotates a credential does it: another file takes its place. */
void credential_file_replace(const struct credential_file *file, const char *content);
void credential_file_remove(const struct credential_file *file);

/* How many requests began with this ("POST /v1/x"). */
unsigned scene_count(const struct scene *scene, const char *beginning);
/* The n-th of those, from 0. */
const char *scene_request(const struct scene *scene, const char *beginning, unsigned n);
void expect_kind(const struct vault_outcome *outcome, enum failure_kind kind, const char *part);

#endif
