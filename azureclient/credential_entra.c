/* SPDX-License-Identifier: Apache-2.0 */
/* The three methods that ask Entra itself: one form, with a secret, with an assertion of our own,
 * or with a token that somebody else signed for us (Kubernetes). */
#include "azureclient/certificate.h"
#include "azureclient/credential.h"
#include "azureclient/wire.h"
#include "base/memory.h"
#include "base/moment.h"

#define ASSERTION "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

/* ---- what is missing ------------------------------------------------------------------------- */

static const char *lacks(const struct credential *credential, bool has_proof, const char *proof)
{
    if (!credential->tenant_id)
        return "a tenant id";
    if (!credential->client_id)
        return "a client id";
    return has_proof ? NULL : proof;
}

const char *client_secret_lacks(const struct credential *credential)
{
    return lacks(credential, credential->client_secret || credential->client_secret_file,
                 "a client secret (or its file)");
}

const char *client_certificate_lacks(const struct credential *credential)
{
    return lacks(credential, credential->certificate_file, "a certificate file");
}

const char *workload_identity_lacks(const struct credential *credential)
{
    return lacks(credential, credential->federated_token_file, "a federated token file");
}

/* ---- the form -------------------------------------------------------------------------------- */

static void append_field(struct buffer *form, const char *name, struct text value)
{
    if (form->size)
        buffer_append_byte(form, '&');
    buffer_append_string(form, name);
    buffer_append_byte(form, '=');
    buffer_append_percent_encoded(form, value, false);
}

static void begin(const struct credential *credential, const struct token_occasion *occasion,
                  struct token_request *ret)
{
    cleanup_with(buffer_clear) struct buffer scope = {.limit = CREDENTIAL_FILE_LIMIT};

    buffer_printf(&scope, "%s/.default", credential->audience);
    ret->method = "POST";
    buffer_printf(&ret->target, "/%s/oauth2/v2.0/token", credential->tenant_id);
    append_field(&ret->body, "client_id", text_of(credential->client_id));
    append_field(&ret->body, "grant_type", TEXT("client_credentials"));
    append_field(&ret->body, "scope", buffer_text(&scope));
    if (occasion->claims.size)
        append_field(&ret->body, "claims", occasion->claims);
    token_request_header(ret, "Content-Type", TEXT("application/x-www-form-urlencoded"), NULL);
}

static void append_assertion(struct token_request *ret)
{
    append_field(&ret->body, "client_assertion_type", TEXT(ASSERTION));
    append_field(&ret->body, "client_assertion", secret_reveal(ret->sent));
}

/* A copy of `secret`, or the contents of `file`. */
static struct secret *secret_or_file(const struct secret *secret, const char *file,
                                     const char *what, struct failure *why)
{
    struct secret *copy;

    if (!secret)
        return credential_read_secret(file, what, why);
    copy = secret_copy(secret);
    if (!copy)
        failure_out_of_memory(why);
    return copy;
}

bool client_secret_request(const struct credential *credential,
                           const struct token_occasion *occasion, struct token_request *ret,
                           struct failure *why)
{
    ret->sent = secret_or_file(credential->client_secret, credential->client_secret_file,
                               "client secret file", why);
    if (!ret->sent)
        return false;
    begin(credential, occasion, ret);
    append_field(&ret->body, "client_secret", secret_reveal(ret->sent));
    return true;
}

/* ---- certificate ----------------------------------------------------------------------------- */

static bool read_certificate(const struct credential *credential, int64_t now_at,
                             struct certificate *ret, struct failure *why)
{
    cleanup_with(secret_clean) struct secret *password = NULL;

    if (credential->certificate_password || credential->certificate_password_file) {
        password =
            secret_or_file(credential->certificate_password, credential->certificate_password_file,
                           "password file of the certificate", why);
        if (!password)
            return false;
    }
    return certificate_read(credential->certificate_file, credential->certificate_key_file,
                            password, now_at, ret, why);
}

bool client_certificate_request(const struct credential *credential,
                                const struct token_occasion *occasion, struct token_request *ret,
                                struct failure *why)
{
    char *audience =
        memory_print("%s/%s/oauth2/v2.0/token", credential->authority, credential->tenant_id);
    struct assertion assertion = {
        .audience = audience,
        .client_id = credential->client_id,
        .now_at = occasion->now_at,
        .use_rs256 = credential->sign_with_rs256,
        .send_chain = credential->send_certificate_chain,
    };
    struct certificate certificate;

    if (!audience)
        return failure_out_of_memory(why);
    if (read_certificate(credential, occasion->now_at, &certificate, why)) {
        ret->sent = assertion_sign(&certificate, &assertion, why);
        certificate_clear(&certificate);
    }
    memory_free(audience);
    if (!ret->sent)
        return false;
    begin(credential, occasion, ret);
    append_assertion(ret);
    return true;
}

/* ---- workload identity ----------------------------------------------------------------------- */

/* Entra would only say that the assertion is not valid now. */
static bool is_alive(const struct secret *token, const char *file, int64_t now_at,
                     struct failure *why)
{
    int64_t expires_at = wire_expiry(secret_reveal(token));
    char date[INSTANT_SIZE];

    if (!expires_at || expires_at > now_at)
        return true;
    instant_format(expires_at, date);
    return failure_set(why, FAILURE_INVALID,
                       "the token in the federated token file %s expired on %s: whoever renews "
                       "that file has stopped",
                       file, date);
}

bool workload_identity_request(const struct credential *credential,
                               const struct token_occasion *occasion, struct token_request *ret,
                               struct failure *why)
{
    ret->sent =
        credential_read_secret(credential->federated_token_file, "federated token file", why);
    if (!ret->sent || !is_alive(ret->sent, credential->federated_token_file, occasion->now_at, why))
        return false;
    begin(credential, occasion, ret);
    append_assertion(ret);
    return true;
}
