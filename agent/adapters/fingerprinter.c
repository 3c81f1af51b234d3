/* SPDX-License-Identifier: Apache-2.0 */
/* One context that stays keyed: five times quicker than keying one for each value. */
#include "agent/adapters/fingerprinter.h"

#include "agent/adapters/private_file.h"
#include "base/memory.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdlib.h>

#define LINE_LIMIT 128

struct fingerprinter {
    EVP_MAC_CTX *mac;
};

static EVP_MAC_CTX *make_keyed(struct text key)
{
    char digest[] = "SHA256";
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *mac = hmac ? EVP_MAC_CTX_new(hmac) : NULL;

    EVP_MAC_free(hmac); /* the context keeps it */
    if (mac && EVP_MAC_init(mac, (const uint8_t *)key.start, key.size, parameters))
        return mac;
    EVP_MAC_CTX_free(mac);
    return NULL;
}

struct fingerprinter *fingerprinter_new(const struct secret *key)
{
    struct fingerprinter *fingerprinter;

    if (secret_reveal(key).size != FINGERPRINT_KEY_BYTES ||
        !(fingerprinter = memory_zeroed(1, sizeof(*fingerprinter))))
        return NULL;
    fingerprinter->mac = make_keyed(secret_reveal(key));
    return fingerprinter->mac ? fingerprinter : fingerprinter_free(fingerprinter);
}

struct fingerprinter *fingerprinter_free(struct fingerprinter *fingerprinter)
{
    if (fingerprinter)
        EVP_MAC_CTX_free(fingerprinter->mac);
    memory_free(fingerprinter);
    return NULL;
}

bool fingerprinter_make(struct fingerprinter *fingerprinter, struct text value,
                        struct fingerprint *ret)
{
    struct fingerprint made;
    size_t size;

    if (!EVP_MAC_init(fingerprinter->mac, NULL, 0, NULL) ||
        !EVP_MAC_update(fingerprinter->mac, (const uint8_t *)value.start, value.size) ||
        !EVP_MAC_final(fingerprinter->mac, made.bytes, &size, sizeof(made.bytes)) ||
        size != sizeof(made.bytes))
        return false;
    *ret = made;
    return true;
}

/* ---- the key --------------------------------------------------------------------------------- */

struct secret *fingerprint_key_decode(struct text line, struct failure *why)
{
    struct secret *key = NULL;
    struct buffer bytes;

    buffer_init(&bytes, LINE_LIMIT);
    buffer_append_base64_decoded(&bytes, text_trim(line));
    if (!buffer_ok(&bytes) || bytes.size != FINGERPRINT_KEY_BYTES)
        failure_set(why, FAILURE_INVALID,
                    "not a fingerprint key: expected one line, the base64 of %d bytes (`keydrift "
                    "keygen fingerprint` makes one)",
                    FINGERPRINT_KEY_BYTES);
    else if (!(key = secret_new(buffer_text(&bytes))))
        failure_out_of_memory(why);
    buffer_clear(&bytes);
    return key;
}

struct secret *fingerprint_key_random(void)
{
    uint8_t bytes[FINGERPRINT_KEY_BYTES];
    struct secret *key = NULL;

    if (RAND_priv_bytes(bytes, sizeof(bytes)) == 1)
        key = secret_new((struct text){(const char *)bytes, sizeof(bytes)});
    wipe(bytes, sizeof(bytes));
    return key;
}

bool fingerprint_key_make(const char *path, struct failure *why)
{
    cleanup_with(secret_clean) struct secret *key = fingerprint_key_random();
    struct buffer line;
    bool ok;

    if (!key)
        return failure_set(why, FAILURE_INTERNAL, "the system gives no random numbers");
    buffer_init(&line, LINE_LIMIT);
    buffer_append_base64(&line, secret_reveal(key));
    buffer_append_byte(&line, '\n');
    ok = buffer_ok(&line) ? private_file_make(path, buffer_text(&line), 0600, why)
                          : failure_out_of_memory(why);
    buffer_clear(&line);
    return ok;
}

static struct secret *load(const char *path, struct failure *why)
{
    struct secret *key = NULL;
    struct buffer line;

    buffer_init(&line, PRIVATE_FILE_LIMIT + 1024);
    if (private_file_read(path, &line, why) &&
        !(key = fingerprint_key_decode(buffer_text(&line), why)))
        failure_prefix(why, "%s", path);
    buffer_clear(&line);
    return key;
}

struct secret *fingerprint_key_load_or_make(const char *path, bool may_make, struct failure *why)
{
    struct failure fault = {0};
    struct secret *key = load(path, &fault);

    if (!key && may_make && fault.kind == FAILURE_NOT_FOUND &&
        (fingerprint_key_make(path, &fault) || fault.kind == FAILURE_CONFLICT))
        key = load(path, &fault);
    if (!key && why)
        *why = fault;
    return key;
}
