/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/adapters/approver_keys.h"

#include "agent/adapters/private_file.h"
#include "base/memory.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NAME_LIMIT 64
#define KEY_BYTES  32

static void string_free(char **string)
{
    memory_free(*string);
}

/* ---- making ---------------------------------------------------------------------------------- */

static bool check_name(const char *name, struct failure *why)
{
    size_t size = strlen(name);

    if (size && size <= NAME_LIMIT &&
        strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._@-") == size)
        return true;
    return failure_set(why, FAILURE_INVALID,
                       "an approver's name has 1 to %d of the characters A-Z a-z 0-9 . _ @ -",
                       NAME_LIMIT);
}

static bool write_private(EVP_PKEY *key, const char *path, struct failure *why)
{
    BIO *pem = BIO_new(BIO_s_secmem());
    char *start;
    long size;
    bool ok;

    if (!pem || !PEM_write_bio_PKCS8PrivateKey(pem, key, NULL, NULL, 0, NULL, NULL)) {
        BIO_free(pem);
        return failure_out_of_memory(why);
    }
    size = BIO_get_mem_data(pem, &start);
    ok = private_file_make(path, (struct text){start, (size_t)size}, 0600, why);
    BIO_free(pem);
    return ok;
}

static bool write_public(EVP_PKEY *key, const char *path, struct failure *why)
{
    uint8_t bytes[KEY_BYTES];
    size_t size = sizeof(bytes);
    struct buffer line;
    bool ok;

    if (!EVP_PKEY_get_raw_public_key(key, bytes, &size) || size != sizeof(bytes))
        return failure_out_of_memory(why);
    buffer_init(&line, 128);
    buffer_append_base64(&line, (struct text){(const char *)bytes, sizeof(bytes)});
    buffer_append_byte(&line, '\n');
    ok = buffer_ok(&line) ? private_file_make(path, buffer_text(&line), 0644, why)
                          : failure_out_of_memory(why);
    buffer_clear(&line);
    return ok;
}

static bool write_pair(EVP_PKEY *key, const char *private_path, const char *public_path,
                       struct failure *why)
{
    if (!write_private(key, private_path, why))
        return false;
    if (write_public(key, public_path, why))
        return true;
    unlink(private_path);
    return false;
}

bool approver_keys_make(const char *name, const char *directory, struct failure *why)
{
    char *private_path cleanup_with(string_free) = NULL;
    char *public_path cleanup_with(string_free) = NULL;
    EVP_PKEY *key;
    bool ok;

    if (!check_name(name, why))
        return false;
    private_path = memory_print("%s/%s.key", directory, name);
    public_path = memory_print("%s/%s.pub", directory, name);
    if (!private_path || !public_path)
        return failure_out_of_memory(why);
    key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    ok = key ? write_pair(key, private_path, public_path, why)
             : failure_set(why, FAILURE_INTERNAL, "OpenSSL makes no Ed25519 key here");
    EVP_PKEY_free(key);
    return ok;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* Instead of asking on the terminal. */
static int on_passphrase(char *buffer, int size, int is_writing, void *context)
{
    bool *is_asked = context;

    (void)buffer;
    (void)size;
    (void)is_writing;
    *is_asked = true;
    return -1;
}

static EVP_PKEY *parse(const char *path, struct text pem, struct failure *why)
{
    BIO *bio = BIO_new_mem_buf(pem.start ? pem.start : "", (int)pem.size);
    bool is_asked = false;
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, on_passphrase, &is_asked) : NULL;

    BIO_free(bio);
    ERR_clear_error();
    if (key && EVP_PKEY_is_a(key, "ED25519"))
        return key;
    if (key)
        failure_set(why, FAILURE_INVALID,
                    "%s holds another kind of key (%s): approvals are signed with Ed25519, which "
                    "`keydrift keygen approver` makes",
                    path, EVP_PKEY_get0_type_name(key));
    else if (is_asked)
        failure_set(why, FAILURE_INVALID,
                    "%s needs a passphrase, which is not supported: protect the file by its "
                    "permissions instead",
                    path);
    else
        failure_set(why, FAILURE_INVALID, "%s holds no private key in PEM", path);
    EVP_PKEY_free(key);
    return NULL;
}

EVP_PKEY *approver_key_read(const char *path, struct failure *why)
{
    EVP_PKEY *key = NULL;
    struct buffer pem;

    buffer_init(&pem, PRIVATE_FILE_LIMIT + 1024);
    if (private_file_read(path, &pem, why))
        key = parse(path, buffer_text(&pem), why);
    buffer_clear(&pem);
    return key;
}
