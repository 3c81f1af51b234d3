/* SPDX-License-Identifier: Apache-2.0 */
/* An approver's public key in the forms people have it in. A private one is refused, so that nobody
 * leaves one in a configuration without being told. */
#include "agent/adapters/config_reader.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

#define EXPECTED                                                                                   \
    "expected an Ed25519 public key: base64 of its 32 bytes or of its DER "                        \
    "(SubjectPublicKeyInfo), "                                                                     \
    "or PEM"

static const char *from_key(EVP_PKEY *key, uint8_t ret[32])
{
    size_t size = 32;
    const char *fault = NULL;

    if (!key)
        return EXPECTED;
    if (EVP_PKEY_get_base_id(key) != EVP_PKEY_ED25519)
        fault = "found a public key of another kind, expected Ed25519";
    else if (!EVP_PKEY_get_raw_public_key(key, ret, &size) || size != 32)
        fault = EXPECTED;
    EVP_PKEY_free(key);
    return fault;
}

static const char *from_pem(struct text text, uint8_t ret[32])
{
    BIO *bio = BIO_new_mem_buf(text.start, (int)text.size);
    EVP_PKEY *key = bio ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;

    BIO_free(bio);
    return from_key(key, ret);
}

/* PKCS #8 of an Ed25519 key is 48 bytes and begins with its version. */
static bool is_private_der(struct text bytes)
{
    static const char start[] = {0x30, 0x2e, 0x02, 0x01, 0x00};

    return bytes.size == 48 && memcmp(bytes.start, start, sizeof(start)) == 0;
}

static const char *from_bytes(struct text bytes, uint8_t ret[32])
{
    const unsigned char *at = (const unsigned char *)bytes.start;
    const unsigned char *end = at + bytes.size;
    EVP_PKEY *key;

    if (bytes.size == 32) {
        memcpy(ret, bytes.start, 32);
        return NULL;
    }
    if (is_private_der(bytes))
        return "found a private key: only the public one belongs here";
    key = d2i_PUBKEY(NULL, &at, (long)bytes.size);
    if (key && at != end) {
        EVP_PKEY_free(key);
        return EXPECTED;
    }
    return from_key(key, ret);
}

const char *public_key_parse(struct text text, uint8_t ret[32])
{
    struct buffer bytes;
    const char *fault = EXPECTED;

    text = text_trim(text);
    if (text_find(text, TEXT("PRIVATE KEY")) != SIZE_MAX)
        return "found a private key: only the public one belongs here";
    buffer_init(&bytes, 4096);
    if (text_find(text, TEXT("-----BEGIN ")) != SIZE_MAX)
        fault = from_pem(text, ret);
    else if (text.size && buffer_append_base64_decoded(&bytes, text))
        fault = from_bytes(buffer_text(&bytes), ret);
    buffer_clear(&bytes);
    ERR_clear_error(); /* whoever asks OpenSSL next must not find our refusals */
    return fault;
}
