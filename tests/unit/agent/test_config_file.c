/* SPDX-License-Identifier: Apache-2.0 */
/* Files and who may read them: the configuration itself, what it names, and the secrets it points
 * to. */
#include "agent/adapters/config.h"
#include "tests/support/test.h"

#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Under AddressSanitizer there is no mallinfo. */
#if defined(__SANITIZE_ADDRESS__)
#define HAS_MALLINFO 0
#elif defined(__has_feature)
#define HAS_MALLINFO (!__has_feature(address_sanitizer))
#else
#define HAS_MALLINFO 1
#endif

#define BINDING                                                                                    \
    "bindings: [{name: a, source: {kind: azureml-online-endpoint, subscription: S, "               \
    "resource_group: R, workspace: W, endpoint: E}, copy: {mount: kv, path: p, field: f}}]\n"

static char folder[] = "/tmp/keydrift-config-XXXXXX";
static char path[64];

static void put(const char *name, const char *content, mode_t mode)
{
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(content, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static void assert_read(const char *yaml, mode_t mode, size_t errors, size_t warnings,
                        const char *text)
{
    struct config_problems problems;
    struct config *config;

    put("c.yaml", yaml, mode);
    config = config_read(path, &problems);
    if (problems.errors != errors || problems.warnings != warnings ||
        (*text && !strstr(problems.text.start, text)))
        fail_msg("%s", problems.text.start ? problems.text.start : "nothing said");
    assert_true(!config == (errors > 0));
    config_free(config);
    buffer_clear(&problems.text);
}

TEST(a_file_of_ones_own_says_nothing)
{
    assert_read(BINDING, 0600, 0, 0, "");
    assert_read(BINDING, 0400, 0, 0, "");
}

TEST(a_file_others_can_read_is_warned_about)
{
    assert_read(BINDING, 0644, 0, 1, "c.yaml:1:1: warning: others may read this file (mode 0644)");
}

TEST(a_file_its_group_can_write_is_warned_about)
{
    assert_read(BINDING, 0660, 0, 1,
                "c.yaml:1:1: warning: its group may write to this file (mode 0660)");
    assert_read(BINDING, 0664, 0, 1,
                "c.yaml:1:1: warning: its group may write to this file (mode 0664)");
}

TEST(a_file_others_can_write_is_refused)
{
    assert_read(BINDING, 0602, 1, 0,
                "c.yaml:1:1: error: others may write to this file (mode 0602)");
    assert_read(BINDING, 0622, 1, 0,
                "c.yaml:1:1: error: others may write to this file (mode 0622)");
}

TEST(a_private_key_others_can_read_is_refused)
{
    put("key.pem", "x", 0644);
    assert_read(BINDING "vault: {client_cert_file: c.pem, client_key_file: key.pem}\n", 0600, 1, 0,
                "c.yaml:2:51: error: vault.client_key_file: the private key in ");
    put("key.pem", "x", 0640);
    assert_read(BINDING "vault: {client_cert_file: c.pem, client_key_file: key.pem}\n", 0600, 0, 1,
                "readable by its group");
}

TEST(a_secret_others_can_read_is_warned_about)
{
    put("token", "x", 0644);
    assert_read(BINDING "vault: {auth: {method: token, token: {file: ./token}}}\n", 0600, 0, 1,
                "c.yaml:2:45: warning: vault.auth.token.file: the secret in ");
}

TEST(a_missing_file_and_a_folder_are_refused)
{
    struct config_problems problems;

    assert_null(config_read("/nonexistent/c.yaml", &problems));
    assert_string_equal(problems.text.start, "/nonexistent/c.yaml:1:1: error: cannot be opened: No "
                                             "such file or directory\n");
    buffer_clear(&problems.text);
    assert_null(config_read(folder, &problems));
    assert_non_null(strstr(problems.text.start, "cannot be read: Is a directory"));
    buffer_clear(&problems.text);
}

TEST(a_file_over_its_cap_is_refused)
{
    struct config_problems problems;

    put("c.yaml", "", 0600);
    assert_int_equal(truncate(path, (off_t)CONFIG_FILE_LIMIT + 1), 0);
    assert_null(config_read(path, &problems));
    assert_non_null(strstr(problems.text.start, ":1:1: error: the file is larger than 16 MiB"));
    buffer_clear(&problems.text);
}

TEST(a_public_key_may_stand_in_a_file)
{
    put("ana.pub",
        "-----BEGIN PUBLIC KEY-----\n"
        "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
        "-----END PUBLIC KEY-----\n",
        0644);
    assert_read(BINDING "approval: {approvers: [{name: ana, public_key: {file: ana.pub}}]}\n", 0600,
                0, 0, "");
    assert_read(BINDING "approval: {approvers: [{name: ana, public_key: {file: none}}]}\n", 0600, 1,
                0, "public_key.file: ");
}

static void assert_secret(enum config_place place, char *name, const char *expected)
{
    struct failure why = {0};
    struct secret *secret =
        config_secret_read(&(struct config_secret){place, name}, "vault.auth.token", &why);

    if (!secret)
        fail_msg("%s", why.text);
    assert_true(text_is(secret_reveal(secret), expected));
    secret_free(secret);
}

static void assert_no_secret(enum config_place place, char *name, const char *expected)
{
    struct failure why = {0};

    assert_null(config_secret_read(&(struct config_secret){place, name}, "vault.auth.token", &why));
    assert_non_null(strstr(why.text, expected));
}

TEST(a_secret_file_loses_one_newline)
{
    put("s", "value\n", 0600);
    assert_secret(CONFIG_FILE, path, "value");
    put("s", "value\r\n", 0600);
    assert_secret(CONFIG_FILE, path, "value");
    put("s", " value\n\n", 0600);
    assert_secret(CONFIG_FILE, path, " value\n");
    put("s", "value", 0600);
    assert_secret(CONFIG_FILE, path, "value");
}

TEST(a_secret_comes_from_a_variable_or_a_credential)
{
    char variable[] = "KEYDRIFT_TEST_SECRET", name[] = "token";

    assert_int_equal(setenv(variable, "from the environment", 1), 0);
    assert_secret(CONFIG_ENV, variable, "from the environment");
    assert_int_equal(unsetenv(variable), 0);
    assert_no_secret(CONFIG_ENV, variable, "KEYDRIFT_TEST_SECRET is not set");
    put("token", "from a file\n", 0600);
    assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
    assert_no_secret(CONFIG_CREDENTIAL, name, "CREDENTIALS_DIRECTORY");
    assert_int_equal(setenv("CREDENTIALS_DIRECTORY", folder, 1), 0);
    assert_secret(CONFIG_CREDENTIAL, name, "from a file");
}

TEST(a_secret_that_is_not_there_or_empty_is_a_failure)
{
    char none[] = "/nonexistent/secret";

    assert_no_secret(CONFIG_FILE, none,
                     "vault.auth.token: cannot open /nonexistent/secret: No such file");
    put("s", "\n", 0600);
    assert_no_secret(CONFIG_FILE, path, "is empty");
    assert_no_secret(CONFIG_FILE, folder, "Is a directory");
    put("s", "", 0600);
    assert_int_equal(truncate(path, (off_t)SECRET_LIMIT + 1), 0);
    assert_no_secret(CONFIG_FILE, path, "File too large");
    assert_no_secret(CONFIG_NOWHERE, NULL, "does not say where it is kept");
}

#if HAS_MALLINFO
static size_t heap_in_use(void)
{
    return mallinfo2().uordblks;
}

TEST(a_thousand_bindings_cost_little_more_than_their_text)
{
    struct buffer yaml;
    struct config_problems problems;
    struct config *config;
    size_t before, after;

    buffer_init(&yaml, 1 << 20);
    buffer_append_string(&yaml, "bindings:\n");
    for (int i = 0; i < 1000; i++)
        buffer_printf(&yaml,
                      "- {name: binding-%d, source: {kind: azureml-online-endpoint, subscription: "
                      "11111111-2222-3333-4444-555555555555, resource_group: group, workspace: "
                      "work, endpoint: e%d}, copy: {mount: kv, path: team/app-%d, field: key}}\n",
                      i, i, i);
    config = config_read_text("c", TEXT(BINDING), &problems);
    buffer_clear(&problems.text);
    config_free(config);
    before = heap_in_use();
    config = config_read_text("c", buffer_text(&yaml), &problems);
    after = heap_in_use();
    assert_non_null(config);
    assert_int_equal(config->binding_count, 1000);
    if (before) /* 0: the allocator is valgrind's, which counts nothing */
        assert_in_range(after - before, sizeof(struct config_binding) * 1000, yaml.size);
    config_free(config);
    buffer_clear(&problems.text);
    buffer_clear(&yaml);
}
#endif

static int clean_up(void **unused __attribute__((unused)))
{
    static const char *const names[] = {"c.yaml", "key.pem", "token", "ana.pub", "s"};

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        unlink(path);
    }
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_file_of_ones_own_says_nothing),
        CASE(a_file_others_can_read_is_warned_about),
        CASE(a_file_its_group_can_write_is_warned_about),
        CASE(a_file_others_can_write_is_refused),
        CASE(a_private_key_others_can_read_is_refused),
        CASE(a_secret_others_can_read_is_warned_about),
        CASE(a_missing_file_and_a_folder_are_refused),
        CASE(a_file_over_its_cap_is_refused),
        CASE(a_public_key_may_stand_in_a_file),
        CASE(a_secret_file_loses_one_newline),
        CASE(a_secret_comes_from_a_variable_or_a_credential),
        CASE(a_secret_that_is_not_there_or_empty_is_a_failure),
#if HAS_MALLINFO
        CASE(a_thousand_bindings_cost_little_more_than_their_text),
#endif
    };

    if (!mkdtemp(folder))
        return 1;
    return cmocka_run_group_tests_name(__FILE__, tests, NULL, clean_up);
}
