/* SPDX-License-Identifier: Apache-2.0 */
/* The fifth failed log-in locks a role: it is never made, however often there is news. */
#include "tests/unit/vaultclient/scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REFUSED SAYS("400", "{\"errors\":[\"no\"]}")

static void scene_begin(struct scene *scene, const struct vault_auth *auth, uint32_t timeout_ms)
{
    LOOPBACK_SCRIPT(scene->server, MOUNT_PATH, MOUNT_V2);
    LOOPBACK_SCRIPT(scene->server, LOOK_PATH, LOOK_OK);
    scene->client = scene_client(scene, auth, NULL, timeout_ms);
}

TEST(after_a_refusal_only_a_changed_file_is_tried_at_once_and_never_five_times)
{
    struct scene *scene = scene_open();
    struct credential_file file = credential_file_new("0");
    struct vault_auth auth = {
        .method = VAULT_AUTH_USERPASS, .username = "ann", .password.file = file.path};
    struct vault_outcome outcome;
    char content[8];

    LOOPBACK_SCRIPT(scene->server, "/v1/auth/userpass/login/ann", REFUSED);
    scene_begin(scene, &auth, 5000);
    outcome = scene_look(scene);
    expect_kind(&outcome, FAILURE_DENIED, "refused");
    credential_file_replace(&file, "0\n"); /* replaced, but the same */
    vault_idle(&scene->loop, 1010);
    outcome = scene_look(scene);
    assert_int_equal(scene_count(scene, "POST /v1/auth/"), 1);
    for (int i = 1; i < 6; i++) {
        snprintf(content, sizeof content, "%d", i);
        credential_file_replace(&file, content);
        vault_idle(&scene->loop, 1010);
        outcome = scene_look(scene);
        expect_kind(&outcome, FAILURE_DENIED, "refused");
    }
    assert_int_equal(scene_count(scene, "POST /v1/auth/"), 4);
    scene_close(scene);
    credential_file_remove(&file);
}

int main(void)
{
    return RUN(CASE(after_a_refusal_only_a_changed_file_is_tried_at_once_and_never_five_times));
}
