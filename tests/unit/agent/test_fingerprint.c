/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/adapters/fingerprinter.h"
#include "tests/support/test.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define THREADS 8

static char folder[] = "/tmp/fingerprint-XXXXXX";
static char path[64];

static void write_file(const char *content, mode_t mode)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs(content, file);
    fclose(file);
    assert_int_equal(chmod(path, mode), 0);
}

static void assert_fingerprint(struct fingerprinter *fingerprinter, const char *value,
                               const char *expected)
{
    struct fingerprint fingerprint;
    char hex[FINGERPRINT_HEX];

    assert_true(fingerprinter_make(fingerprinter, text_of(value), &fingerprint));
    fingerprint_hex(&fingerprint, hex);
    assert_string_equal(hex, expected);
}

TEST(a_fingerprint_is_hmac_sha256_and_the_same_each_time)
{
    uint8_t bytes[FINGERPRINT_KEY_BYTES];
    struct secret *key;
    struct fingerprinter *fingerprinter;

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)i;
    key = secret_new((struct text){(const char *)bytes, sizeof(bytes)});
    fingerprinter = fingerprinter_new(key);
    assert_non_null(fingerprinter);
    /* Python: hmac.new(bytes(range(32)), b"...", "sha256").hexdigest() */
    for (int i = 0; i < 3; i++) {
        assert_fingerprint(fingerprinter, "the quick brown fox",
                           "d42d6afb45f6f5fe9d6ae6a2f7c331e50cf14540995da07a659d02d1077625a2");
        assert_fingerprint(fingerprinter, "",
                           "d38b42096d80f45f826b44a9d5607de72496a415d3f4a1a8c88e3bb9da8dc1cb");
    }
    secret_free(key);
    assert_fingerprint(fingerprinter, "the quick brown fox",
                       "d42d6afb45f6f5fe9d6ae6a2f7c331e50cf14540995da07a659d02d1077625a2");
    assert_null(fingerprinter_free(fingerprinter));
}

TEST(a_key_of_another_length_makes_no_fingerprinter)
{
    struct secret *empty = secret_new(TEXT("")), *shorter = secret_new(TEXT("0123456789"));

    assert_null(fingerprinter_new(empty));
    assert_null(fingerprinter_new(shorter));
    assert_null(fingerprinter_free(NULL));
    secret_free(empty);
    secret_free(shorter);
}

TEST(a_key_is_made_once_with_mode_0600_and_loaded_after_that)
{
    struct failure why = {0};
    struct secret *made, *loaded;
    struct stat stat_of;

    made = fingerprint_key_load_or_make(path, true, &why);
    assert_non_null(made);
    assert_int_equal(secret_reveal(made).size, FINGERPRINT_KEY_BYTES);
    assert_int_equal(stat(path, &stat_of), 0);
    assert_int_equal(stat_of.st_mode & 07777, 0600);
    assert_int_equal(stat_of.st_size, 45); /* base64 and a newline */
    loaded = fingerprint_key_load_or_make(path, true, &why);
    assert_true(secret_equal(made, loaded));
    assert_int_equal(why.kind, 0);
    secret_free(made);
    secret_free(loaded);
    unlink(path);
}

TEST(an_absent_key_is_not_made_unasked)
{
    struct failure why = {0};

    assert_null(fingerprint_key_load_or_make(path, false, &why));
    assert_int_equal(why.kind, FAILURE_NOT_FOUND);
    assert_int_equal(access(path, F_OK), -1);
}

TEST(keygen_never_overwrites)
{
    struct failure why = {0};

    write_file("mine", 0600);
    assert_false(fingerprint_key_make(path, &why));
    assert_int_equal(why.kind, FAILURE_CONFLICT);
    assert_non_null(strstr(why.text, "is not overwritten"));
    assert_null(fingerprint_key_load_or_make(path, true, &why));
    unlink(path);
}

TEST(a_key_file_others_can_open_is_refused)
{
    static const mode_t modes[] = {0640, 0604, 0610, 0601, 0660, 0644};
    struct failure why = {0};

    assert_true(fingerprint_key_make(path, NULL));
    for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
        assert_int_equal(chmod(path, modes[i]), 0);
        assert_null(fingerprint_key_load_or_make(path, true, &why));
        assert_int_equal(why.kind, FAILURE_DENIED);
        assert_non_null(strstr(why.text, "chmod 600"));
    }
    assert_int_equal(chmod(path, 0400), 0);
    secret_free(fingerprint_key_load_or_make(path, true, NULL));
    unlink(path);
}

TEST(what_is_not_a_key_is_refused_without_showing_it)
{
    static const char *const contents[] = {
        "",
        "\n",
        "c2hvcnQ=\n",
        "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMw==\n", /* 34 bytes */
        "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MD\nE=\n",
        "correct horse battery staple correct horse",
    };
    struct failure why;

    for (size_t i = 0; i < sizeof(contents) / sizeof(*contents); i++) {
        write_file(contents[i], 0600);
        why = (struct failure){0};
        assert_null(fingerprint_key_load_or_make(path, true, &why));
        assert_int_equal(why.kind, FAILURE_INVALID);
        assert_non_null(strstr(why.text, path));
        assert_null(strstr(why.text, "horse"));
    }
    unlink(path);
}

TEST(what_is_not_a_file_is_refused)
{
    struct failure why = {0};

    assert_int_equal(mkfifo(path, 0600), 0);
    assert_null(fingerprint_key_load_or_make(path, true, &why));
    assert_int_equal(why.kind, FAILURE_INVALID);
    unlink(path);
    assert_null(fingerprint_key_load_or_make(folder, true, &why));
    assert_non_null(strstr(why.text, folder));
}

TEST(a_missing_directory_is_named)
{
    struct failure why = {0};
    char deep[96];

    snprintf(deep, sizeof(deep), "%s/none/key", folder);
    assert_null(fingerprint_key_load_or_make(deep, true, &why));
    assert_non_null(strstr(why.text, "there is no directory"));
    assert_non_null(strstr(why.text, "/none — create it first"));
}

static void *load_in_thread(void *unused)
{
    (void)unused;
    return fingerprint_key_load_or_make(path, true, NULL);
}

TEST(all_who_make_the_key_at_once_get_the_same)
{
    for (int round = 0; round < 20; round++) {
        pthread_t threads[THREADS];
        void *keys[THREADS];

        for (size_t i = 0; i < THREADS; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, load_in_thread, NULL), 0);
        for (size_t i = 0; i < THREADS; i++)
            pthread_join(threads[i], &keys[i]);
        for (size_t i = 0; i < THREADS; i++)
            assert_true(secret_equal(keys[0], keys[i]));
        for (size_t i = 0; i < THREADS; i++)
            secret_free(keys[i]);
        assert_int_equal(unlink(path), 0);
    }
}

/* Also says that no drafts are left behind. */
static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_fingerprint_is_hmac_sha256_and_the_same_each_time),
        CASE(a_key_of_another_length_makes_no_fingerprinter),
        CASE(a_key_is_made_once_with_mode_0600_and_loaded_after_that),
        CASE(an_absent_key_is_not_made_unasked),
        CASE(keygen_never_overwrites),
        CASE(a_key_file_others_can_open_is_refused),
        CASE(what_is_not_a_key_is_refused_without_showing_it),
        CASE(what_is_not_a_file_is_refused),
        CASE(a_missing_directory_is_named),
        CASE(all_who_make_the_key_at_once_get_the_same),
    };

    if (!mkdtemp(folder))
        return 1;
    snprintf(path, sizeof(path), "%s/fingerprint.key", folder);
    return cmocka_run_group_tests_name("fingerprint", tests, NULL, remove_folder);
}
