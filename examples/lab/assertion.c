/* SPDX-License-Identifier: Apache-2.0 */
/* Client assertions: how a client proves who it is without a secret. One that names the client as
 * its issuer is signed with a certificate's key; any other comes from an issuer that the client
 * trusts, and here that is the lab's own (federation.c).
 *
 * Libraries differ in what is allowed: PS256 or RS256, either thumbprint in either alphabet, padded
 * or not, times with fractions, no "nbf", no "iat". All of it is taken. */
#include "examples/lab/lab.h"

#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SKEW_S 300.0

/* "2026-01-01T00:00:00.0000000Z" as Entra writes it. */
static void instant_in_words(double seconds, char out[40])
{
    time_t at = seconds > 0 && seconds < 1e11 ? (time_t)seconds : 0;
    struct tm parts;

    gmtime_r(&at, &parts);
    strftime(out, 40, "%Y-%m-%dT%H:%M:%S.0000000Z", &parts);
}

static bool is_in_time(struct exchange *exchange, const json_t *claims)
{
    const json_t *from = json_object_get(claims, "nbf"), *until = json_object_get(claims, "exp");
    double now = (double)exchange_now_s(exchange);
    char now_words[40], from_words[40], until_words[40];

    if (json_is_number(until) && json_number_value(until) > now - SKEW_S &&
        (!from || (json_is_number(from) && json_number_value(from) < now + SKEW_S)))
        return true;
    instant_in_words(now, now_words);
    instant_in_words(json_number_value(from), from_words);
    instant_in_words(json_number_value(until), until_words);
    entra_error(exchange, 700024,
                "Client assertion is not within its valid time range. Current time: %s, assertion "
                "valid from %s, expiry time of assertion %s.",
                now_words, from_words, until_words);
    return false;
}

/* ---- certificates ---------------------------------------------------------------------------- */

/* The certificate, or NULL. A list of standard base64, the client's own first; some send only that
 * one, as a text. */
static X509 *first_of_chain(const json_t *header)
{
    const json_t *chain = json_object_get(header, "x5c");
    const json_t *first = json_is_array(chain) ? json_array_get(chain, 0) : chain;
    X509 *certificate = NULL;
    struct buffer der;

    buffer_init(&der, 65536);
    if (json_is_string(first) &&
        buffer_append_base64_decoded(
            &der, (struct text){json_string_value(first), json_string_length(first)}) &&
        der.size) {
        const uint8_t *at = (const uint8_t *)der.start;

        certificate = d2i_X509(NULL, &at, (long)der.size);
    }
    buffer_clear(&der);
    return certificate;
}

static bool thumbprint_is(const json_t *header, const char *name, const EVP_MD *digest,
                          const X509 *certificate)
{
    struct text given = json_text_at(header, name);
    uint8_t expected[EVP_MAX_MD_SIZE];
    struct buffer bytes;
    unsigned size;
    bool is_equal;

    buffer_init(&bytes, 64);
    is_equal = given.size && buffer_append_base64_decoded(&bytes, given) &&
               X509_digest(certificate, digest, expected, &size) == 1 && bytes.size == size &&
               memcmp(bytes.start, expected, size) == 0;
    buffer_clear(&bytes);
    return is_equal;
}

/* By either of the two names; a header may hold both, and then both must fit. */
static bool header_names(const json_t *header, const X509 *certificate)
{
    const json_t *sha1 = json_object_get(header, "x5t");
    const json_t *sha256 = json_object_get(header, "x5t#S256");

    return (sha1 || sha256) && (!sha1 || thumbprint_is(header, "x5t", EVP_sha1(), certificate)) &&
           (!sha256 || thumbprint_is(header, "x5t#S256", EVP_sha256(), certificate));
}

/* Subject name and issuer are registered, so any certificate that our CA has given to that name
 * will do. */
static bool name_is_registered(const struct pki *pki, X509 *certificate)
{
    return X509_NAME_cmp(X509_get_subject_name(certificate),
                         X509_get_subject_name(pki->named_client)) == 0 &&
           X509_verify(certificate, X509_get0_pubkey(pki->ca)) == 1 &&
           X509_cmp_current_time(X509_get0_notBefore(certificate)) < 0 &&
           X509_cmp_current_time(X509_get0_notAfter(certificate)) > 0;
}

static bool is_signed_by_client(struct exchange *exchange, const struct jwt *jwt)
{
    const struct pki *pki = &exchange->lab->pki;
    X509 *sent = first_of_chain(jwt->header);
    const X509 *certificate = NULL;
    bool is_signed = false;

    if (header_names(jwt->header, pki->client))
        certificate = pki->client;
    else if (sent && header_names(jwt->header, sent) && name_is_registered(pki, sent))
        certificate = sent;
    if (!certificate) {
        entra_error(exchange, 700027,
                    "The certificate with identifier used to sign the client assertion is not "
                    "registered on application. [Reason - The key was not found., Please visit the "
                    "Azure Portal and check the application's certificates.]");
    } else if (!jwt_is_signed_by(jwt, X509_get0_pubkey(certificate))) {
        entra_error(exchange, 700027,
                    "Client assertion contains an invalid signature. [Reason - The key was found, "
                    "but use of the key to verify the signature failed.]");
    } else {
        is_signed = true;
    }
    X509_free(sent);
    return is_signed;
}

static bool is_for_us(const struct exchange *exchange, struct text audience)
{
    struct text host = server_header(exchange->request, "Host");
    char *endpoint = format_new("https://%.*s%s", TEXT_ARG(host), exchange->path);
    bool is_ours = text_equal_ignoring_case(audience, text_of(endpoint));

    free(endpoint);
    return is_ours;
}

static bool certificate_proves(struct exchange *exchange, const char *client_id,
                               const struct jwt *jwt)
{
    if (!is_signed_by_client(exchange, jwt))
        return false;
    if (!text_equal_ignoring_case(json_text_at(jwt->claims, "sub"), text_of(client_id))) {
        entra_error(exchange, 700021,
                    "Client assertion application identifier doesn't match 'client_id' parameter. "
                    "Review the documentation at https://docs.microsoft.com/azure/active-directory/"
                    "develop/active-directory-certificate-credentials.");
        return false;
    }
    if (!is_for_us(exchange, json_text_at(jwt->claims, "aud"))) {
        entra_error(exchange, 700023,
                    "Client assertion audience claim does not match Realm issuer.");
        return false;
    }
    return is_in_time(exchange, jwt->claims);
}

/* ---- federation ------------------------------------------------------------------------------ */

/* A text, or a list of texts as Kubernetes writes it. */
static bool audience_is(const json_t *claims, const char *expected)
{
    const json_t *audience = json_object_get(claims, "aud"), *item;
    size_t index;

    if (json_is_string(audience))
        return strcmp(json_string_value(audience), expected) == 0;
    json_array_foreach (audience, index, item) {
        if (json_is_string(item) && strcmp(json_string_value(item), expected) == 0)
            return true;
    }
    return false;
}

static bool federation_proves(struct exchange *exchange, const struct jwt *jwt)
{
    const struct lab *lab = exchange->lab;
    struct text issuer = json_text_at(jwt->claims, "iss"),
                subject = json_text_at(jwt->claims, "sub");
    char ours[FEDERATION_ISSUER_SIZE];

    federation_issuer(lab, ours);
    if (!text_is(issuer, ours) || !text_is(subject, FEDERATION_SUBJECT) ||
        !audience_is(jwt->claims, FEDERATION_AUDIENCE)) {
        entra_error(
            exchange, 70021,
            "No matching federated identity record found for presented assertion. Assertion "
            "Issuer: '%.*s'. Assertion Subject: '%.*s'. Assertion Audience: '%s'.",
            TEXT_ARG(issuer), TEXT_ARG(subject), FEDERATION_AUDIENCE);
        return false;
    }
    if (!jwt_is_signed_by(jwt, lab->pki.federation)) {
        entra_error(
            exchange, 50013,
            "Assertion failed signature validation. [Reason - The key was found, but use of "
            "the key to verify the signature failed.]");
        return false;
    }
    return is_in_time(exchange, jwt->claims);
}

bool assertion_proves(struct exchange *exchange, const char *client_id, struct text assertion)
{
    struct jwt jwt;
    bool is_proven;

    /* Some libraries send their file's last newline along. */
    if (!jwt_read(text_trim(assertion), &jwt)) {
        entra_error(exchange, 50027, "JWT token is invalid or malformed.");
        return false;
    }
    if (text_equal_ignoring_case(json_text_at(jwt.claims, "iss"), text_of(client_id)))
        is_proven = certificate_proves(exchange, client_id, &jwt);
    else
        is_proven = federation_proves(exchange, &jwt);
    jwt_clear(&jwt);
    return is_proven;
}
