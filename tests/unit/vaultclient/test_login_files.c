/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials in files, which are replaced by whoever rotates them, or removed by us. */
#include "tests/unit/vaultclient/scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KUBERNETES "/v1/auth/kubernetes/login"
#define REFUSED    SAYS("400", "{\"errors\":[\"no\"]}")

/* ---- files ----------------------------------------------------------------------------------- */

TEST(a_projected_token_is_read_again_at_each_login)
{
    struct scene *scene = scene_open();
    struct credential_file file = credential_file_new("first.pod.token\n");
    struct vault_auth auth = {
        .method = VAULT_AUTH_KUBERNETES, .role = "web", .jwt.file = file.path};
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(scene->server, KUBERNETES, LOGIN("s.one", "1"), LOGIN("s.two", "1200"));
    LOOPBACK_SCRIPT(scene->server, "/v1/auth/token/renew-self", SAYS("204", ""));
    scene_begin_login(scene, &auth, 5000);
    outcome = scene_look(scene);
    expect_kind(&outcome, FAILURE_NONE, "");
    credential_file_replace(&file, "second.pod.token\n");
    outcome = scene_look_until(scene, "POST " KUBERNETES, 2);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_non_null(strstr(scene_request(scene, "POST " KUBERNETES, 0), "\"first.pod.token\""));
    assert_non_null(strstr(scene_request(scene, "POST " KUBERNETES, 1), "\"second.pod.token\""));
    scene_close(scene);
    credential_file_remove(&file);
}

TEST(a_pods_token_is_where_kubernetes_puts_it)
{
    struct scene *scene = scene_open();
    struct vault_auth auth = {.method = VAULT_AUTH_KUBERNETES, .role = "web"};
    struct vault_outcome outcome;

    scene_begin_login(scene, &auth, 5000);
    outcome = scene_look(scene);
    expect_kind(&outcome, FAILURE_INVALID,
                "cannot read the service account token from "
                "/var/run/secrets/kubernetes.io/serviceaccount/token");
    assert_int_equal(loopback_count(scene->server), 0);
    scene_close(scene);
}

static void put_nothing(const char *path)
{
    (void)path;
}

static void put_folder(const char *path)
{
    assert_int_equal(mkdir(path, 0700), 0);
}

/* 1 GiB, of which nothing is on disk. */
static void put_huge(const char *path)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(ftruncate(fileno(file), 1 << 30), 0);
    fclose(file);
}

/* Nobody writes: to wait for that would be to hang. */
static void put_pipe(const char *path)
{
    assert_int_equal(mkfifo(path, 0600), 0);
}

static void put_link_to_itself(const char *path)
{
    assert_int_equal(symlink(path, path), 0);
}

TEST(bad_credential_files_are_told_exactly_and_nothing_is_sent)
{
    static const struct {
        const char *content, *part;
    } cases[] = {
        {"", "the token is empty"},
        {"\n", "the token is empty"},
        {"s.one\ns.two\n", "the token has more than one line"},
        {"s.one\n\n", "the token has more than one line"},
        {"s.one \n", "the token holds a blank"},
        {"\xef\xbb\xbfs.one\n", "the token begins with a byte order mark"},
        {"s.one\x1b[0m", "the token holds a control character or one beyond ASCII"},
        {"s.\xc3\xa4", "the token holds a control character or one beyond ASCII"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct scene *scene = scene_open();
        struct credential_file file = credential_file_new(cases[i].content);
        struct vault_auth auth = {.method = VAULT_AUTH_TOKEN_FILE, .token.file = file.path};
        struct vault_outcome outcome;

        scene_begin_login(scene, &auth, 5000);
        outcome = scene_look(scene);
        expect_kind(&outcome, FAILURE_INVALID, cases[i].part);
        expect_kind(&outcome, FAILURE_INVALID, file.path);
        assert_int_equal(scene_count(scene, "GET " LOOKUP_PATH), 0);
        scene_close(scene);
        credential_file_remove(&file);
    }
}

/* What is found where the token's file should be: a thing of every kind. */
TEST(what_is_no_file_of_a_token_is_told_exactly_and_nothing_is_sent)
{
    static const struct {
        void (*put)(const char *path);
        const char *part;
    } cases[] = {
        {put_nothing, "cannot read the token from "}, {put_folder, ": Is a directory"},
        {put_huge, " is too large to hold a token"},  {put_pipe, ": the token is empty"},
        {put_link_to_itself, ": Too many levels"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct scene *scene = scene_open();
        struct credential_file file = credential_file_new("");
        struct vault_auth auth = {.method = VAULT_AUTH_TOKEN_FILE, .token.file = file.path};
        struct vault_outcome outcome;

        unlink(file.path);
        cases[i].put(file.path);
        scene_begin_login(scene, &auth, 5000);
        outcome = scene_look(scene);
        expect_kind(&outcome, FAILURE_INVALID, cases[i].part);
        expect_kind(&outcome, FAILURE_INVALID, file.path);
        assert_int_equal(loopback_count(scene->server), 0);
        scene_close(scene);
        rmdir(file.path);
        credential_file_remove(&file);
    }
}

/* Root may read everything, so a test that runs as root is somebody else meanwhile. */
TEST(a_token_file_that_may_not_be_read_is_told_exactly_and_nothing_is_sent)
{
    struct scene *scene = scene_open();
    struct credential_file file = credential_file_new("s.one");
    struct vault_auth auth = {.method = VAULT_AUTH_TOKEN_FILE, .token.file = file.path};
    struct vault_outcome outcome;

    assert_int_equal(chmod(file.path, 0), 0);
    assert_int_equal(chmod(file.folder, 0755), 0);
    scene_begin_login(scene, &auth, 5000);
    assert_int_equal(geteuid() == 0 ? seteuid(65534) : 0, 0);
    outcome = scene_look(scene);
    assert_int_equal(getuid() == 0 ? seteuid(0) : 0, 0);
    expect_kind(&outcome, FAILURE_INVALID, "cannot read the token from ");
    expect_kind(&outcome, FAILURE_INVALID, ": Permission denied");
    assert_int_equal(loopback_count(scene->server), 0);
    scene_close(scene);
    credential_file_remove(&file);
}

/* ---- a secret id that is removed after reading -------------------------------------------------
 */

static struct vault_auth approle_with(const struct credential_file *file, const struct secret *role)
{
    return (struct vault_auth){
        .method = VAULT_AUTH_APPROLE,
        .role_id.value = role,
        .role_name = "keydrift",
        .secret_id.file = file->path,
        .secret_id_is_removed = true,
    };
}

TEST(a_secret_ids_file_is_removed_once_read_and_what_it_held_used_again)
{
    struct scene *scene = scene_open();
    struct credential_file file = credential_file_new("secret-1\n");
    struct secret *role = secret_new(TEXT("role-1"));
    struct vault_auth auth = approle_with(&file, role);
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(scene->server, LOGIN_PATH, LOGIN("s.one", "1"), LOGIN("s.two", "1"),
                    LOGIN("s.three", "1200"));
    LOOPBACK_SCRIPT(scene->server, "/v1/auth/token/renew-self", SAYS("204", ""));
    scene_begin_login(scene, &auth, 5000);
    outcome = scene_look(scene);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_int_not_equal(access(file.path, F_OK), 0);
    outcome = scene_look_until(scene, "POST " LOGIN_PATH, 2);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_non_null(
        strstr(scene_request(scene, "POST " LOGIN_PATH, 1), "\"secret_id\":\"secret-1\""));
    credential_file_replace(&file, "secret-2");
    outcome = scene_look_until(scene, "POST " LOGIN_PATH, 3);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_non_null(
        strstr(scene_request(scene, "POST " LOGIN_PATH, 2), "\"secret_id\":\"secret-2\""));
    assert_int_not_equal(access(file.path, F_OK), 0);
    secret_free(role);
    scene_close(scene);
    credential_file_remove(&file);
}

TEST(a_new_secret_id_is_noticed_after_a_refusal_and_removed_too)
{
    struct scene *scene = scene_open();
    struct credential_file file = credential_file_new("old");
    struct secret *role = secret_new(TEXT("role-1"));
    struct vault_auth auth = approle_with(&file, role);
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(scene->server, LOGIN_PATH, REFUSED, LOGIN("s.one", "1200"));
    scene_begin_login(scene, &auth, 5000);
    outcome = scene_look(scene);
    expect_kind(&outcome, FAILURE_DENIED, "refused");
    vault_idle(&scene->loop, 1010);
    outcome = scene_look(scene); /* the file is gone: no news */
    assert_int_equal(scene_count(scene, "POST " LOGIN_PATH), 1);
    credential_file_replace(&file, "new");
    vault_idle(&scene->loop, 1010);
    outcome = scene_look(scene);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_non_null(strstr(scene_request(scene, "POST " LOGIN_PATH, 1), "\"secret_id\":\"new\""));
    assert_int_not_equal(access(file.path, F_OK), 0);
    secret_free(role);
    scene_close(scene);
    credential_file_remove(&file);
}

TEST(a_secret_id_that_cannot_be_removed_is_not_used)
{
    struct scene *scene = scene_open();
    struct secret *role = secret_new(TEXT("role-1"));
    struct credential_file file = {.path =
                                       "/proc/sys/kernel/random/boot_id"}; /* root cannot either */
    struct vault_auth auth = approle_with(&file, role);
    struct vault_outcome outcome;

    scene_begin_login(scene, &auth, 5000);
    outcome = scene_look(scene);
    expect_kind(&outcome, FAILURE_INVALID, "cannot remove /proc/sys/kernel/random/boot_id");
    assert_int_equal(scene_count(scene, "POST "), 0);
    secret_free(role);
    scene_close(scene);
}

/* Root may remove it all the same, so a test that runs as root is somebody else meanwhile. */
TEST(a_secret_id_in_a_folder_that_is_read_only_is_neither_removed_nor_used)
{
    struct scene *scene = scene_open();
    struct credential_file file = credential_file_new("secret-1");
    struct secret *role = secret_new(TEXT("role-1"));
    struct vault_auth auth = approle_with(&file, role);
    struct vault_outcome outcome;
    char part[128];

    assert_int_equal(chmod(file.path, 0644), 0);
    assert_int_equal(chmod(file.folder, 0555), 0);
    scene_begin_login(scene, &auth, 5000);
    assert_int_equal(geteuid() == 0 ? seteuid(65534) : 0, 0);
    outcome = scene_look(scene);
    assert_int_equal(getuid() == 0 ? seteuid(0) : 0, 0);
    snprintf(part, sizeof part,
             "cannot remove %s after the secret id was read, as demanded: ", file.path);
    expect_kind(&outcome, FAILURE_INVALID, part);
    assert_int_equal(scene_count(scene, "POST "), 0);
    assert_int_equal(access(file.path, F_OK), 0);
    assert_int_equal(chmod(file.folder, 0700), 0);
    secret_free(role);
    scene_close(scene);
    credential_file_remove(&file);
}

TEST(a_removed_wrapping_token_is_unwrapped_once_for_all_logins)
{
    struct scene *scene = scene_open();
    struct credential_file file = credential_file_new("s.wrapping\n");
    struct secret *role = secret_new(TEXT("role-1"));
    struct vault_auth auth = approle_with(&file, role);
    struct vault_outcome outcome;

    auth.secret_id_is_wrapped = true;
    LOOPBACK_SCRIPT(
        scene->server, "/v1/sys/wrapping/lookup",
        SAYS("200", "{\"data\":{\"creation_path\":\"auth/approle/role/keydrift/secret-id\"}}"));
    LOOPBACK_SCRIPT(scene->server, "/v1/sys/wrapping/unwrap",
                    SAYS("200", "{\"data\":{\"secret_id\":\"inner\"}}"));
    LOOPBACK_SCRIPT(scene->server, LOGIN_PATH, LOGIN("s.one", "1"), LOGIN("s.two", "1200"));
    LOOPBACK_SCRIPT(scene->server, "/v1/auth/token/renew-self", SAYS("204", ""));
    scene_begin_login(scene, &auth, 5000);
    outcome = scene_look_until(scene, "POST " LOGIN_PATH, 2);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_int_equal(scene_count(scene, "POST /v1/sys/wrapping/unwrap"), 1);
    assert_int_not_equal(access(file.path, F_OK), 0);
    secret_free(role);
    scene_close(scene);
    credential_file_remove(&file);
}

int main(void)
{
    return RUN(CASE(a_projected_token_is_read_again_at_each_login),
               CASE(a_pods_token_is_where_kubernetes_puts_it),
               CASE(bad_credential_files_are_told_exactly_and_nothing_is_sent),
               CASE(what_is_no_file_of_a_token_is_told_exactly_and_nothing_is_sent),
               CASE(a_token_file_that_may_not_be_read_is_told_exactly_and_nothing_is_sent),
               CASE(a_secret_ids_file_is_removed_once_read_and_what_it_held_used_again),
               CASE(a_new_secret_id_is_noticed_after_a_refusal_and_removed_too),
               CASE(a_secret_id_that_cannot_be_removed_is_not_used),
               CASE(a_secret_id_in_a_folder_that_is_read_only_is_neither_removed_nor_used),
               CASE(a_removed_wrapping_token_is_unwrapped_once_for_all_logins));
}
