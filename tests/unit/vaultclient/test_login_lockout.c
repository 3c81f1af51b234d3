/* SPDX-License-Identifier: Apache-2.0 */
/* The fifth failed log-in locks a role: it is never made, however often there is news. */
#include "tests/unit/vaultclient/scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REFUSED SAYS("400", "{\"errors\":[\"no\"]}")

TEST(trap_3_after_a_refusal_only_a_changed_file_is_tried_at_once_and_never_five_times)
{
    struct scene *scene = scene_open();
    struct credential_file file = credential_file_new("0");
    struct vault_auth auth = {
        .method = VAULT_AUTH_USERPASS, .username = "ann", .password.file = file.path};
    struct vault_outcome outcome;
    char content[8];
    static const char *const pauses[] = {"1 minute,",   "5 minutes,",  "20 minutes,",
                                         "20 minutes,", "20 minutes,", "20 minutes,"};

    LOOPBACK_SCRIPT(scene->server, "/v1/auth/userpass/login/ann", REFUSED);
    scene_begin_login(scene, &auth, 5000);
    outcome = scene_look(scene);
    expect_kind(&outcome, FAILURE_DENIED, "refused");
    expect_kind(&outcome, FAILURE_DENIED, "; next log-in in up to 1 minute, since five failures");
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
        expect_kind(&outcome, FAILURE_DENIED, pauses[i]);
    }
    assert_int_equal(scene_count(scene, "POST /v1/auth/"), 4);
    scene_close(scene);
    credential_file_remove(&file);
}

/* nginx with proxy_intercept_errors: five such answers are five failures all the same. */
TEST(trap_3_a_refusal_behind_a_gateways_page_is_not_repeated_either)
{
    static const struct loopback_step pages[] = {SAYS("400", "<html>Bad Request</html>"),
                                                 SAYS("400", "{\"message\":\"Bad Request\"}")};

    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        struct scene *scene = scene_open();
        struct secret *password = secret_new(TEXT("wrong"));
        struct vault_auth auth = {
            .method = VAULT_AUTH_USERPASS, .username = "ann", .password.value = password};
        struct vault_outcome outcome;

        loopback_script(scene->server, "/v1/auth/userpass/login/ann", &pages[i], 1);
        scene_begin_login(scene, &auth, 5000);
        outcome = scene_look(scene);
        expect_kind(&outcome, outcome.kind, "; next log-in in up to 1 minute, since five");
        vault_idle(&scene->loop, 2500);
        scene_look(scene);
        assert_int_equal(scene_count(scene, "POST /v1/auth/"), 1);
        scene_close(scene);
        secret_free(password);
    }
}

/* The server writes names small, in its log and where it counts failures: one who looks there for
 * "Ann" finds nobody. */
TEST(a_user_whose_name_the_server_writes_small_is_named_both_ways)
{
    static const struct {
        const char *name, *path, *part;
    } cases[] = {
        {"Ann.B", "/v1/auth/userpass/login/Ann.B",
         "log-in as user \"Ann.B\" (\"ann.b\" to the server) refused"},
        {"ann.b", "/v1/auth/userpass/login/ann.b", "log-in as user \"ann.b\" refused"},
    };
    static const struct loopback_step refusal = REFUSED;
    struct secret *password = secret_new(TEXT("x"));

    for (size_t i = 0; i < 2; i++) {
        struct scene *scene = scene_open();
        struct vault_auth auth = {
            .method = VAULT_AUTH_USERPASS, .username = cases[i].name, .password.value = password};
        struct vault_outcome outcome;

        loopback_script(scene->server, cases[i].path, &refusal, 1);
        scene_begin_login(scene, &auth, 5000);
        outcome = scene_look(scene);
        expect_kind(&outcome, FAILURE_DENIED, cases[i].part);
        scene_close(scene);
    }
    secret_free(password);
}

int main(void)
{
    return RUN(
        CASE(trap_3_after_a_refusal_only_a_changed_file_is_tried_at_once_and_never_five_times),
        CASE(trap_3_a_refusal_behind_a_gateways_page_is_not_repeated_either),
        CASE(a_user_whose_name_the_server_writes_small_is_named_both_ways));
}
