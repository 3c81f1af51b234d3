/* SPDX-License-Identifier: Apache-2.0 */
/* A real OpenBao or Vault (tests/support/with_openbao.py), an administrator who prepares it with
 * the root token, and the client under test, logged in with the AppRole. Each case uses paths of
 * its own. */
#ifndef TESTS_INTEGRATION_OPENBAO_SCENE_H
#define TESTS_INTEGRATION_OPENBAO_SCENE_H

#include "net/http.h"
#include "tests/support/vault_calls.h"

#include <stdbool.h>
#include <uv.h>

struct scene {
    uv_loop_t loop;
    struct http *http;
    struct upstream *admin;
    struct vault_client *client;
};

struct scene *scene_open(void);
void scene_close(struct scene *scene);

/* A variable that the wrapper has set. */
const char *given(const char *name);
/* Does the server's version begin so? "2.6" */
bool server_is(const char *version);
/* HashiCorp Vault's community edition, which differs from OpenBao here and there. */
bool server_is_vault(void);
/* How its refusal of a wrong secret id is told. */
const char *wrong_secret_id(void);
/* Another client, for the test to close. */
struct vault_client *open_client(struct scene *scene, const struct vault_auth *auth,
                                 const char *namespace_path);
struct vault_client *open_with_token(struct scene *scene, const char *token);
struct vault_client *open_with_role(struct scene *scene, const char *role_id, const char *secret_id,
                                    bool is_wrapped);

/* What an administrator does: with the root token, and without the client under test. */
struct admin_answer {
    bool is_done;
    int status;
    char *body;
};

/* `path` below /v1/; `ttl`, `body`: NULL for none. The answer's body is to free(). */
struct admin_answer administer_as(struct scene *scene, const char *token, const char *ttl,
                                  const char *method, const char *path, const char *body);
/* A merge patch with the root token; anything but success fails the test. */
void administer_patch(struct scene *scene, const char *path, const char *body);
/* With the root token; anything but success fails the test. */
void administer(struct scene *scene, const char *method, const char *path, const char *body);
/* A member of the answer, to free(). */
char *administer_for(struct scene *scene, const char *ttl, const char *method, const char *path,
                     const char *body, const char *member);
/* An AppRole, and a secret id of one: the role's id and the secret id, to free(). */
char *make_role(struct scene *scene, const char *name, const char *settings);
char *make_secret_id(struct scene *scene, const char *name);

/* The answer to a GET of `path` contains `part`. */
void expect_body(struct scene *scene, const char *path, const char *part);
void expect_kind(const struct vault_outcome *outcome, enum failure_kind kind, const char *part);
/* Has the server namespaces? Where it has none it would answer whoever asks for one from the root:
 * then also that a client that does is told so, with nothing read and nothing written. */
bool has_namespaces(struct scene *scene);

#endif
