/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON web token that proves to Entra that we hold the certificate's key. */
#include "azureclient/certificate.h"
#include "base/buffer.h"
#include "net/json.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <stdio.h>

#define PART_LIMIT ((size_t)256 << 10)
#define LIFE_S     600

/* ---- header and claims ----------------------------------------------------------------------- */

static bool set_base64(json_t *json, const char *name, const X509 *certificate, bool is_thumbprint)
{
    cleanup_with(buffer_clear) struct buffer text = {.limit = PART_LIMIT};
    unsigned char digest[EVP_MAX_MD_SIZE], *der = NULL;
    unsigned size = 0;
    int der_size;

    if (is_thumbprint) {
        if (!X509_digest(certificate, EVP_sha256(), digest, &size))
            return false;
        buffer_append_base64url(&text, (struct text){(const char *)digest, size});
        return buffer_ok(&text) && json_set_text(json, name, buffer_text(&text));
    }
    der_size = i2d_X509(certificate, &der);
    if (der_size < 0)
        return false;
    buffer_append_base64(&text, (struct text){(const char *)der, (size_t)der_size});
    OPENSSL_free(der);
    return buffer_ok(&text) && !json_array_append_new(json, json_stringn(text.start, text.size));
}

static bool set_chain(json_t *header, const struct certificate *certificate)
{
    json_t *list = json_array();

    if (json_object_set_new(header, "x5c", list) ||
        !set_base64(list, NULL, certificate->leaf, false))
        return false;
    for (int i = 0; i < sk_X509_num(certificate->chain); i++)
        if (!set_base64(list, NULL, sk_X509_value(certificate->chain, i), false))
            return false;
    return true;
}

static bool append_part(struct buffer *out, const json_t *json)
{
    cleanup_with(buffer_clear) struct buffer text = {.limit = PART_LIMIT};

    return json && json_write(json, false, &text) &&
           buffer_append_base64url(out, buffer_text(&text));
}

static bool append_header(struct buffer *out, const struct certificate *certificate,
                          const struct assertion *assertion)
{
    cleanup_with(json_clean) json_t *json =
        json_pack("{s:s, s:s}", "alg", assertion->use_rs256 ? "RS256" : "PS256", "typ", "JWT");

    return json && set_base64(json, "x5t#S256", certificate->leaf, true) &&
           (!assertion->send_chain || set_chain(json, certificate)) && append_part(out, json);
}

/* A GUID of version 4, so that no two assertions are the same. */
static bool random_id(char out[37])
{
    unsigned char bytes[16];
    char hex[33];

    if (RAND_bytes(bytes, sizeof(bytes)) != 1)
        return false;
    bytes[6] = (unsigned char)((bytes[6] & 0x0f) | 0x40);
    bytes[8] = (unsigned char)((bytes[8] & 0x3f) | 0x80);
    hex_encode(bytes, sizeof(bytes), hex);
    snprintf(out, 37, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
    return true;
}

static bool append_claims(struct buffer *out, const struct assertion *assertion)
{
    json_int_t now_s = assertion->now_at / 1000;
    cleanup_with(json_clean) json_t *json = NULL;
    char id[37];

    if (!random_id(id))
        return false;
    json = json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I}", "aud", assertion->audience, "iss",
                     assertion->client_id, "sub", assertion->client_id, "jti", id, "nbf", now_s,
                     "iat", now_s, "exp", now_s + LIFE_S);
    return append_part(out, json);
}

/* ---- signature ------------------------------------------------------------------------------- */

static bool set_padding(EVP_PKEY_CTX *key, bool use_rs256)
{
    if (use_rs256)
        return EVP_PKEY_CTX_set_rsa_padding(key, RSA_PKCS1_PADDING) > 0;
    return EVP_PKEY_CTX_set_rsa_padding(key, RSA_PKCS1_PSS_PADDING) > 0 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(key, RSA_PSS_SALTLEN_DIGEST) > 0;
}

static bool append_signature(struct buffer *out, EVP_PKEY *key, bool use_rs256)
{
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    EVP_PKEY_CTX *padding; /* belongs to `digest` */
    unsigned char signature[2048];
    size_t size = sizeof(signature);
    bool ok =
        digest && EVP_DigestSignInit(digest, &padding, EVP_sha256(), NULL, key) == 1 &&
        set_padding(padding, use_rs256) &&
        EVP_DigestSign(digest, signature, &size, (const unsigned char *)out->start, out->size) == 1;

    EVP_MD_CTX_free(digest);
    return ok && buffer_append_byte(out, '.') &&
           buffer_append_base64url(out, (struct text){(const char *)signature, size});
}

struct secret *assertion_sign(const struct certificate *certificate,
                              const struct assertion *assertion, struct failure *why)
{
    cleanup_with(buffer_clear) struct buffer token = {.limit = PART_LIMIT};
    struct secret *secret = NULL;

    if (!append_header(&token, certificate, assertion) || !buffer_append_byte(&token, '.') ||
        !append_claims(&token, assertion) || !buffer_ok(&token)) {
        failure_out_of_memory(why);
    } else if (!append_signature(&token, certificate->key, assertion->use_rs256)) {
        failure_set(why, FAILURE_INVALID,
                    "the assertion cannot be signed with the key of the certificate");
    } else if (!(secret = secret_new(buffer_text(&token)))) {
        failure_out_of_memory(why);
    }
    ERR_clear_error();
    return secret;
}
