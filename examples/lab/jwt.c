/* SPDX-License-Identifier: Apache-2.0 */
/* Access tokens as Entra makes them: JWTs with RS256, so that ARM can tell ours from any other. */
#include "examples/lab/lab.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <stdio.h>
#include <stdlib.h>

static bool append_json_base64url(struct buffer *out, json_t *json)
{
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    bool is_good = text && buffer_append_base64url(out, text_of(text));

    free(text);
    json_decref(json);
    return is_good;
}

static bool append_signature(struct buffer *out, const struct pki *pki)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    uint8_t signature[512];
    size_t size = sizeof(signature);
    bool is_good =
        context && EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, pki->signer) == 1 &&
        EVP_DigestSign(context, signature, &size, (const uint8_t *)out->start, out->size) == 1;

    EVP_MD_CTX_free(context);
    return is_good && buffer_append_byte(out, '.') &&
           buffer_append_base64url(out, (struct text){(const char *)signature, size});
}

char *jwt_issue(const struct pki *pki, const char *issuer, struct text audience,
                const char *client_id, int64_t now_s, int64_t lifetime_s)
{
    struct buffer out;
    char id[GUID_SIZE];
    bool is_good;

    guid_new(id);
    buffer_init(&out, 8192);
    is_good =
        append_json_base64url(&out, json_pack("{s:s, s:s, s:s, s:s}", "typ", "JWT", "alg", "RS256",
                                              "kid", pki->signer_id, "x5t", pki->signer_id)) &&
        buffer_append_byte(&out, '.') &&
        append_json_base64url(
            &out,
            json_pack("{s:s%, s:s, s:I, s:I, s:I, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "aud",
                      audience.start, audience.size, "iss", issuer, "iat", (json_int_t)now_s, "nbf",
                      (json_int_t)(now_s - 300), "exp", (json_int_t)(now_s + lifetime_s), "appid",
                      client_id, "appidacr", "1", "idtyp", "app", "oid", LAB_OBJECT_ID, "sub",
                      LAB_OBJECT_ID, "tid", LAB_TENANT, "uti", id, "ver", "1.0")) &&
        append_signature(&out, pki);
    if (is_good)
        return buffer_take(&out);
    buffer_clear(&out);
    return NULL;
}

static bool signature_is_ours(const struct pki *pki, struct text what, struct text signature)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    struct buffer bytes;
    bool is_ours;

    buffer_init(&bytes, 1024);
    is_ours = buffer_append_base64_decoded(&bytes, signature) && context &&
              EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, pki->signer) == 1 &&
              EVP_DigestVerify(context, (const uint8_t *)bytes.start, bytes.size,
                               (const uint8_t *)what.start, what.size) == 1;
    EVP_MD_CTX_free(context);
    buffer_clear(&bytes);
    return is_ours;
}

bool jwt_verify(const struct pki *pki, struct text token, struct token_claims *ret)
{
    struct text rest = token, header = {0}, claims = {0}, signature = {0};
    struct token_claims found = {0};
    struct buffer text;
    json_t *json = NULL;

    if (!text_split(&rest, '.', &header) || !text_split(&rest, '.', &claims) ||
        !text_split(&rest, '.', &signature) || rest.start)
        return false;
    /* We only ever sign RS256: what another algorithm would say does not matter. */
    if (!signature_is_ours(pki, text_part(token, 0, header.size + 1 + claims.size), signature))
        return false;
    buffer_init(&text, 8192);
    if (buffer_append_base64_decoded(&text, claims))
        json = json_read_object(buffer_text(&text), NULL);
    buffer_clear(&text);
    if (!json)
        return false;
    snprintf(found.audience, sizeof(found.audience), "%.*s", TEXT_ARG(json_text_at(json, "aud")));
    snprintf(found.client_id, sizeof(found.client_id), "%.*s",
             TEXT_ARG(json_text_at(json, "appid")));
    snprintf(found.object_id, sizeof(found.object_id), "%.*s", TEXT_ARG(json_text_at(json, "oid")));
    snprintf(found.tenant, sizeof(found.tenant), "%.*s", TEXT_ARG(json_text_at(json, "tid")));
    found.expires_at = json_integer_at(json, "exp", 0);
    json_decref(json);
    *ret = found;
    return true;
}

static bool number_base64url(const struct pki *pki, const char *name, struct buffer *out)
{
    BIGNUM *number = NULL;
    uint8_t bytes[512];
    bool is_good = false;

    if (EVP_PKEY_get_bn_param(pki->signer, name, &number) == 1 && BN_num_bytes(number) <= 512) {
        int size = BN_bn2bin(number, bytes);

        is_good = buffer_append_base64url(out, (struct text){(const char *)bytes, (size_t)size}) &&
                  buffer_ok(out);
    }
    BN_free(number);
    return is_good;
}

json_t *jwt_jwk(const struct pki *pki)
{
    struct buffer modulus, exponent;
    json_t *jwk = NULL;

    buffer_init(&modulus, 1024);
    buffer_init(&exponent, 64);
    if (number_base64url(pki, OSSL_PKEY_PARAM_RSA_N, &modulus) &&
        number_base64url(pki, OSSL_PKEY_PARAM_RSA_E, &exponent))
        jwk = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "kty", "RSA", "use", "sig", "alg",
                        "RS256", "kid", pki->signer_id, "n", modulus.start, "e", exponent.start);
    buffer_clear(&modulus);
    buffer_clear(&exponent);
    return jwk;
}
