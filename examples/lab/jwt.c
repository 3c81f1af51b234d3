/* SPDX-License-Identifier: Apache-2.0 */
/* JSON Web Tokens, signed with RSA (RFC 7515, RFC 7518): read, checked, made. What the claims mean
 * is for the caller. */
#include "examples/lab/lab.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/rsa.h>
#include <stdlib.h>

static bool append_json_base64url(struct buffer *out, json_t *json)
{
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    bool is_good = text && buffer_append_base64url(out, text_of(text));

    free(text);
    json_decref(json);
    return is_good;
}

static bool append_signature(struct buffer *out, EVP_PKEY *key)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    uint8_t signature[512];
    size_t size = sizeof(signature);
    bool is_good =
        context && EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
        EVP_DigestSign(context, signature, &size, (const uint8_t *)out->start, out->size) == 1;

    EVP_MD_CTX_free(context);
    return is_good && buffer_append_byte(out, '.') &&
           buffer_append_base64url(out, (struct text){(const char *)signature, size});
}

char *jwt_sign(EVP_PKEY *key, const char *key_id, json_t *claims)
{
    struct buffer out;
    bool is_good;

    buffer_init(&out, 16384);
    is_good = append_json_base64url(&out, json_pack("{s:s, s:s, s:s, s:s}", "typ", "JWT", "alg",
                                                    "RS256", "kid", key_id, "x5t", key_id)) &&
              buffer_append_byte(&out, '.');
    /* Takes the claims in any case. */
    if (append_json_base64url(&out, claims) && is_good && append_signature(&out, key))
        return buffer_take(&out);
    buffer_clear(&out);
    return NULL;
}

static json_t *part_read(struct text part)
{
    struct buffer text;
    json_t *json = NULL;

    buffer_init(&text, 65536);
    if (buffer_append_base64_decoded(&text, part))
        json = json_read_object(buffer_text(&text), NULL);
    buffer_clear(&text);
    return json;
}

bool jwt_read(struct text token, struct jwt *ret)
{
    struct text rest = token, header = {0}, claims = {0}, signature = {0};
    struct jwt jwt = {0};

    if (!text_split(&rest, '.', &header) || !text_split(&rest, '.', &claims) ||
        !text_split(&rest, '.', &signature) || rest.start)
        return false;
    buffer_init(&jwt.signature, 1024);
    jwt.header = part_read(header);
    jwt.claims = part_read(claims);
    jwt.signed_part = text_part(token, 0, header.size + 1 + claims.size);
    if (!jwt.header || !jwt.claims || !buffer_append_base64_decoded(&jwt.signature, signature)) {
        jwt_clear(&jwt);
        return false;
    }
    *ret = jwt;
    return true;
}

void jwt_clear(struct jwt *jwt)
{
    json_decref(jwt->header);
    json_decref(jwt->claims);
    buffer_clear(&jwt->signature);
    *jwt = (struct jwt){0};
}

/* RFC 7518, 3.5: the salt is as long as the digest. */
static bool use_pss(EVP_PKEY_CTX *context)
{
    return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md(context, EVP_sha256()) == 1;
}

bool jwt_is_signed_by(const struct jwt *jwt, EVP_PKEY *key)
{
    struct text algorithm = json_text_at(jwt->header, "alg");
    bool is_pss = text_is(algorithm, "PS256");
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *settings = NULL;
    bool is_signed = false;

    if (context && EVP_PKEY_is_a(key, "RSA") && (is_pss || text_is(algorithm, "RS256")) &&
        EVP_DigestVerifyInit(context, &settings, EVP_sha256(), NULL, key) == 1 &&
        (!is_pss || use_pss(settings)))
        is_signed =
            EVP_DigestVerify(context, (const uint8_t *)jwt->signature.start, jwt->signature.size,
                             (const uint8_t *)jwt->signed_part.start, jwt->signed_part.size) == 1;
    EVP_MD_CTX_free(context);
    return is_signed;
}

static bool number_base64url(EVP_PKEY *key, const char *name, struct buffer *out)
{
    BIGNUM *number = NULL;
    uint8_t bytes[512];
    bool is_good = false;

    if (EVP_PKEY_get_bn_param(key, name, &number) == 1 && BN_num_bytes(number) <= 512) {
        int size = BN_bn2bin(number, bytes);

        is_good = buffer_append_base64url(out, (struct text){(const char *)bytes, (size_t)size}) &&
                  buffer_ok(out);
    }
    BN_free(number);
    return is_good;
}

json_t *jwt_jwk(EVP_PKEY *key, const char *key_id)
{
    struct buffer modulus, exponent;
    json_t *jwk = NULL;

    buffer_init(&modulus, 1024);
    buffer_init(&exponent, 64);
    if (number_base64url(key, OSSL_PKEY_PARAM_RSA_N, &modulus) &&
        number_base64url(key, OSSL_PKEY_PARAM_RSA_E, &exponent))
        jwk = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "kty", "RSA", "use", "sig", "alg",
                        "RS256", "kid", key_id, "n", modulus.start, "e", exponent.start);
    buffer_clear(&modulus);
    buffer_clear(&exponent);
    return jwk;
}
