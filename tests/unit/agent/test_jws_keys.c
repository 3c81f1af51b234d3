/* SPDX-License-Identifier: Apache-2.0 */
/* The files an approver's keys are in: how they are made, and which are refused. */
#include "agent/adapters/approver_keys.h"
#include "agent/adapters/jws_approval.h"
#include "tests/support/test.h"

#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PLAN "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static char folder[] = "/tmp/approvers-XXXXXX";
static char ana_file[64];
static EVP_PKEY *ana_key;

TEST(a_key_pair_is_two_files_with_their_modes_and_is_never_overwritten)
{
    struct failure why = {0};
    struct stat stat_of;
    char path[64], was[256] = "", is[256] = "";
    FILE *file;

    assert_int_equal(stat(ana_file, &stat_of), 0);
    assert_int_equal(stat_of.st_mode & 07777, 0600);
    file = fopen(ana_file, "r");
    assert_int_equal(fread(was, 1, 255, file), stat_of.st_size);
    fclose(file);
    assert_memory_equal(was, "-----BEGIN PRIVATE KEY-----\n", 28);
    assert_false(approver_keys_make("ana", folder, &why));
    assert_int_equal(why.kind, FAILURE_CONFLICT);
    file = fopen(ana_file, "r");
    assert_true(fread(is, 1, 255, file) > 0);
    fclose(file);
    assert_string_equal(is, was);
    snprintf(path, sizeof(path), "%s/ana.pub", folder);
    assert_int_equal(stat(path, &stat_of), 0);
    assert_int_equal(stat_of.st_mode & 07777, 0644);
    assert_int_equal(stat_of.st_size, 45);
}

TEST(without_its_public_half_no_private_key_is_left)
{
    struct failure why = {0};
    char path[64];
    FILE *file;

    snprintf(path, sizeof(path), "%s/cy.pub", folder);
    file = fopen(path, "w");
    fclose(file);
    assert_false(approver_keys_make("cy", folder, &why));
    assert_int_equal(why.kind, FAILURE_CONFLICT);
    unlink(path);
    snprintf(path, sizeof(path), "%s/cy.key", folder);
    assert_int_equal(access(path, F_OK), -1);
}

TEST(a_name_that_could_lead_elsewhere_is_refused)
{
    static const char *const names[] = {
        "",    "a/b", "../a",
        "a b", "a\n", "\xc3\xa9",
        "a:b", "$a",  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    };
    struct failure why;

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        assert_false(approver_keys_make(names[i], folder, &why));
        assert_int_equal(why.kind, FAILURE_INVALID);
    }
}

TEST(a_missing_directory_is_named)
{
    struct failure why = {0};
    char path[64];

    snprintf(path, sizeof(path), "%s/none", folder);
    assert_false(approver_keys_make("ana", path, &why));
    assert_non_null(strstr(why.text, "/none — create it first"));
}

static void write_key(const char *path, EVP_PKEY *key, const char *passphrase)
{
    FILE *file = fopen(path, "w");
    const EVP_CIPHER *cipher = passphrase ? EVP_aes_256_cbc() : NULL;

    assert_non_null(file);
    assert_int_equal(PEM_write_PKCS8PrivateKey(file, key, cipher, passphrase,
                                               passphrase ? (int)strlen(passphrase) : 0, NULL,
                                               NULL),
                     1);
    fclose(file);
    chmod(path, 0600);
}

static void assert_not_signed(const char *path, enum failure_kind kind, const char *reason)
{
    struct failure why = {0};
    struct buffer token;

    buffer_init(&token, APPROVAL_TOKEN_LIMIT);
    assert_false(approval_sign(path, TEXT("ana"), TEXT(PLAN), 1767225600000, 60000, &token, &why));
    assert_int_equal(why.kind, kind);
    if (!strstr(why.text, reason) || !strstr(why.text, path))
        fail_msg("%s", why.text);
    assert_int_equal(token.size, 0);
}

TEST(a_key_file_that_is_not_right_is_refused_with_a_sentence)
{
    EVP_PKEY *other = EVP_EC_gen("P-256");
    char path[64];
    FILE *file;

    snprintf(path, sizeof(path), "%s/other.key", folder);
    assert_not_signed(path, FAILURE_NOT_FOUND, "cannot open");
    write_key(path, other, NULL);
    assert_not_signed(path, FAILURE_INVALID, "another kind of key (EC)");
    write_key(path, ana_key, "secret");
    assert_not_signed(path, FAILURE_INVALID, "needs a passphrase");
    write_key(path, ana_key, NULL);
    chmod(path, 0640);
    assert_not_signed(path, FAILURE_DENIED, "others may open it (mode 0640)");
    chmod(path, 0600);
    file = fopen(path, "w");
    fputs("-----BEGIN PRIVATE KEY-----\nnonsense\n", file);
    fclose(file);
    assert_not_signed(path, FAILURE_INVALID, "holds no private key in PEM");
    file = fopen(path, "w");
    fclose(file);
    assert_not_signed(path, FAILURE_INVALID, "holds no private key in PEM");
    unlink(path);
    EVP_PKEY_free(other);
}

static int make_ana(void **state)
{
    (void)state;
    if (!mkdtemp(folder) || !approver_keys_make("ana", folder, NULL))
        return -1;
    snprintf(ana_file, sizeof(ana_file), "%s/ana.key", folder);
    ana_key = approver_key_read(ana_file, NULL);
    return ana_key ? 0 : -1;
}

/* Also says that nothing else is left behind. */
static int forget_ana(void **state)
{
    char path[64];

    (void)state;
    EVP_PKEY_free(ana_key);
    unlink(ana_file);
    snprintf(path, sizeof(path), "%s/ana.pub", folder);
    unlink(path);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_key_pair_is_two_files_with_their_modes_and_is_never_overwritten),
        CASE(without_its_public_half_no_private_key_is_left),
        CASE(a_name_that_could_lead_elsewhere_is_refused),
        CASE(a_missing_directory_is_named),
        CASE(a_key_file_that_is_not_right_is_refused_with_a_sentence),
    };

    return cmocka_run_group_tests_name("jws keys", tests, make_ana, forget_ana);
}
