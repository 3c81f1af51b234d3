/* SPDX-License-Identifier: Apache-2.0 */
#include "jwt.h"

#include "base/buffer.h"
#include "tests/support/test.h"

#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT 65536

EVP_PKEY *jwt_key_new(void)
{
    EVP_PKEY *key = EVP_RSA_gen(2048);

    assert_non_null(key);
    return key;
}

/* The tests free() what they are given. */
static char *give(struct buffer *buffer)
{
    char *string = strdup(buffer_text(buffer).start);

    assert_true(buffer_ok(buffer));
    assert_non_null(string);
    buffer_clear(buffer);
    return string;
}

char *jwt_public_key(EVP_PKEY *key)
{
    struct buffer out = {.limit = LIMIT};
    BIO *memory = BIO_new(BIO_s_mem());
    struct text rest, line;
    char *start;

    PEM_write_bio_PUBKEY(memory, key);
    rest.size = (size_t)BIO_get_mem_data(memory, &start);
    rest.start = start;
    while (text_split(&rest, '\n', &line))
        if (line.size)
            buffer_printf(&out, "%.*s\\n", TEXT_ARG(line));
    BIO_free(memory);
    return give(&out);
}

char *jwt_sign(EVP_PKEY *key, const char *claims)
{
    struct buffer out = {.limit = LIMIT};
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    unsigned char signature[512];
    size_t size = sizeof signature;

    buffer_append_base64url(&out, TEXT("{\"alg\":\"RS256\",\"typ\":\"JWT\"}"));
    buffer_append_byte(&out, '.');
    buffer_append_base64url(&out, text_of(claims));
    assert_int_equal(EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key), 1);
    assert_int_equal(EVP_DigestSign(context, signature, &size,
                                    (const unsigned char *)buffer_text(&out).start, out.size),
                     1);
    EVP_MD_CTX_free(context);
    buffer_append_byte(&out, '.');
    buffer_append_base64url(&out, (struct text){(const char *)signature, size});
    return give(&out);
}
