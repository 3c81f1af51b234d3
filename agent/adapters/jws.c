/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/adapters/jws.h"

#define SIGNATURE_ENCODED 86 /* base64url of 64 bytes */

static bool is_base64url(struct text text)
{
    for (size_t i = 0; i < text.size; i++) {
        char c = text.start[i];

        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
              c == '-' || c == '_'))
            return false;
    }
    return text.size > 0;
}

bool jws_split(struct text token, struct jws *ret)
{
    struct text rest = token;
    struct jws jws;

    if (!text_split(&rest, '.', &jws.header) || !text_split(&rest, '.', &jws.payload) ||
        !text_split(&rest, '.', &jws.signature) || rest.start)
        return false;
    if (!is_base64url(jws.header) || !is_base64url(jws.payload) || !is_base64url(jws.signature))
        return false;
    jws.signed_bytes = text_part(token, 0, jws.header.size + 1 + jws.payload.size);
    *ret = jws;
    return true;
}

bool jws_decode(struct text part, struct buffer *out)
{
    if (is_base64url(part))
        return buffer_append_base64_decoded(out, part);
    out->is_broken = true;
    return false;
}

static bool is_signed(struct text message, struct text signature, EVP_PKEY *key)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool ok = context && key && EVP_DigestVerifyInit(context, NULL, NULL, NULL, key) == 1 &&
              EVP_DigestVerify(context, (const uint8_t *)signature.start, signature.size,
                               (const uint8_t *)message.start, message.size) == 1;

    EVP_MD_CTX_free(context);
    return ok;
}

bool jws_verify(const struct jws *jws, const uint8_t public_key[ED25519_KEY_BYTES])
{
    struct buffer signature;
    EVP_PKEY *key;
    bool ok;

    if (jws->signature.size != SIGNATURE_ENCODED)
        return false;
    buffer_init(&signature, ED25519_SIGNATURE_BYTES);
    key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key, ED25519_KEY_BYTES);
    ok = jws_decode(jws->signature, &signature) && signature.size == ED25519_SIGNATURE_BYTES &&
         is_signed(jws->signed_bytes, buffer_text(&signature), key);
    EVP_PKEY_free(key);
    buffer_clear(&signature);
    return ok;
}

static bool make_signature(EVP_PKEY *key, struct text message,
                           uint8_t signature[ED25519_SIGNATURE_BYTES])
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    size_t size = ED25519_SIGNATURE_BYTES;
    bool ok = context && EVP_DigestSignInit(context, NULL, NULL, NULL, key) == 1 &&
              EVP_DigestSign(context, signature, &size, (const uint8_t *)message.start,
                             message.size) == 1 &&
              size == ED25519_SIGNATURE_BYTES;

    EVP_MD_CTX_free(context);
    return ok;
}

bool jws_sign(EVP_PKEY *key, struct text header, struct text payload, struct buffer *out)
{
    uint8_t signature[ED25519_SIGNATURE_BYTES];
    size_t start = out->size;
    struct text message;

    buffer_append_base64url(out, header);
    buffer_append_byte(out, '.');
    buffer_append_base64url(out, payload);
    if (!buffer_ok(out))
        return false;
    message = text_part(buffer_text(out), start, out->size - start);
    if (!EVP_PKEY_is_a(key, "ED25519") || !make_signature(key, message, signature))
        return false;
    buffer_append_byte(out, '.');
    buffer_append_base64url(out, (struct text){(const char *)signature, sizeof(signature)});
    return buffer_ok(out);
}
