/* SPDX-License-Identifier: Apache-2.0 */
/* Microsoft Entra: OpenID discovery and the token endpoint, for the client credentials grant with a
 * secret or a federated assertion. Every URL is built from the request's Host: the libraries
 * compare the issuer with the authority they were given, to the port. */
#include "examples/lab/lab.h"

#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TOKEN_LIFETIME_S 3599
#define ASSERTION_TYPE   "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

static void entra_error(struct exchange *exchange, int status, const char *error, int code,
                        const char *format, ...) printf_like(5, 6);

static void entra_error(struct exchange *exchange, int status, const char *error, int code,
                        const char *format, ...)
{
    char trace[GUID_SIZE], correlation[GUID_SIZE], timestamp[32], sentence[512];
    time_t now = time(NULL);
    struct tm parts;
    va_list arguments;
    char *description;

    guid_new(trace);
    guid_new(correlation);
    gmtime_r(&now, &parts);
    strftime(timestamp, sizeof(timestamp), "%Y-%m-%d %H:%M:%SZ", &parts);
    va_start(arguments, format);
    vsnprintf(sentence, sizeof(sentence), format, arguments);
    va_end(arguments);
    description = format_new("AADSTS%d: %s Trace ID: %s Correlation ID: %s Timestamp: %s", code,
                             sentence, trace, correlation, timestamp);
    exchange_reply_json(
        exchange, status, NULL, 0,
        json_pack("{s:s, s:s?, s:[i], s:s, s:s, s:s, s:o}", "error", error, "error_description",
                  description, "error_codes", code, "timestamp", timestamp, "trace_id", trace,
                  "correlation_id", correlation, "error_uri",
                  json_sprintf("https://login.microsoftonline.com/error?code=%d", code)));
    free(description);
}

static void discovery(struct exchange *exchange, struct text tenant)
{
    struct text host = server_header(exchange->request, "Host");
    char base[512];

    snprintf(base, sizeof(base), "https://%.*s/%.*s", TEXT_ARG(host), TEXT_ARG(tenant));
    exchange_reply_json(
        exchange, 200, NULL, 0,
        json_pack("{s:o, s:[s,s,s], s:o, s:[s], s:[s], s:[s], s:o, s:o, s:s, s:s}",
                  "token_endpoint", json_sprintf("%s/oauth2/v2.0/token", base),
                  "token_endpoint_auth_methods_supported", "client_secret_post", "private_key_jwt",
                  "client_secret_basic", "jwks_uri", json_sprintf("%s/discovery/v2.0/keys", base),
                  "response_types_supported", "code", "subject_types_supported", "pairwise",
                  "id_token_signing_alg_values_supported", "RS256", "issuer",
                  json_sprintf("%s/v2.0", base), "authorization_endpoint",
                  json_sprintf("%s/oauth2/v2.0/authorize", base), "tenant_region_scope", "NA",
                  "cloud_instance_name", "microsoftonline.com"));
}

/* "<resource>/.default" among the scopes, without what some libraries add; NULL unless there is
 * exactly one other. */
static char *resource_of(const char *scopes, bool *is_default)
{
    struct text rest = text_of(scopes), part, found = {0};
    const struct text end = TEXT("/.default");
    size_t count = 0;

    while (text_split(&rest, ' ', &part)) {
        if (!part.size || text_is(part, "openid") || text_is(part, "offline_access") ||
            text_is(part, "profile"))
            continue;
        found = part;
        count++;
    }
    *is_default = count == 1 && text_ends_with(found, end) && found.size > end.size;
    return *is_default ? text_copy(text_part(found, 0, found.size - end.size)) : NULL;
}

static bool equal_secretly(const char *a, const char *b)
{
    size_t size = strlen(a);

    return size == strlen(b) && CRYPTO_memcmp(a, b, size) == 0;
}

/* Answers the exchange and returns false when the client did not prove who it is. */
static bool client_is_proven(struct exchange *exchange, const char *client_id)
{
    struct text form = exchange->request->body;
    char *secret = server_parameter(form, "client_secret", false);
    char *assertion = server_parameter(form, "client_assertion", false);
    char *type = server_parameter(form, "client_assertion_type", false);
    bool is_proven = false;

    if (secret && equal_secretly(secret, exchange->lab->client_secret)) {
        is_proven = true;
    } else if (secret) {
        entra_error(
            exchange, 401, "invalid_client", 7000215,
            "Invalid client secret provided. Ensure the secret being sent in the request is the "
            "client secret value, not the client secret ID, for a secret added to app '%s'.",
            client_id);
    } else if (!assertion) {
        entra_error(exchange, 401, "invalid_client", 7000218,
                    "The request body must contain the following parameter: 'client_assertion' or "
                    "'client_secret'.");
    } else if (!type || strcmp(type, ASSERTION_TYPE) != 0) {
        entra_error(exchange, 400, "invalid_request", 50027,
                    "The client_assertion_type must be " ASSERTION_TYPE ".");
    } else {
        /* Some libraries send the file's last newline along. */
        char *trimmed = text_copy(text_trim(text_of(assertion)));

        is_proven = trimmed && equal_secretly(trimmed, exchange->lab->federated_token);
        free(trimmed);
        if (!is_proven)
            entra_error(exchange, 401, "invalid_client", 70021,
                        "No matching federated identity record found for presented assertion.");
    }
    free(secret);
    free(assertion);
    free(type);
    return is_proven;
}

static void issue(struct exchange *exchange, const char *resource, const char *client_id)
{
    struct text host = server_header(exchange->request, "Host");
    char issuer[512];
    char *token;

    snprintf(issuer, sizeof(issuer), "https://%.*s/" LAB_TENANT "/", TEXT_ARG(host));
    token = access_token_issue(&exchange->lab->pki, &(struct access_token_wish){
                                                        .issuer = issuer,
                                                        .client_id = client_id,
                                                        .audience = text_of(resource),
                                                        .now_s = now_ms() / 1000,
                                                        .lifetime_s = TOKEN_LIFETIME_S,
                                                    });
    exchange_reply_json(exchange, 200, NULL, 0,
                        token ? json_pack("{s:s, s:i, s:i, s:s}", "token_type", "Bearer",
                                          "expires_in", TOKEN_LIFETIME_S, "ext_expires_in",
                                          TOKEN_LIFETIME_S, "access_token", token)
                              : NULL);
    free(token);
}

static void token_for(struct exchange *exchange, const char *grant, const char *client_id,
                      const char *scopes)
{
    bool is_default = false;
    char *resource = scopes ? resource_of(scopes, &is_default) : NULL;

    if (!grant)
        entra_error(exchange, 400, "invalid_request", 900144,
                    "The request body must contain the following parameter: 'grant_type'.");
    else if (strcmp(grant, "client_credentials") != 0)
        entra_error(exchange, 400, "unsupported_grant_type", 70003,
                    "The app requested an unsupported grant type '%s'.", grant);
    else if (!client_id)
        entra_error(exchange, 400, "invalid_request", 900144,
                    "The request body must contain the following parameter: 'client_id'.");
    else if (!text_equal_ignoring_case(text_of(client_id), TEXT(LAB_CLIENT_ID)))
        entra_error(
            exchange, 400, "unauthorized_client", 700016,
            "Application with identifier '%s' was not found in the directory 'keydrift-lab'.",
            client_id);
    else if (!scopes)
        entra_error(exchange, 400, "invalid_request", 900144,
                    "The request body must contain the following parameter: 'scope'.");
    else if (!is_default)
        entra_error(
            exchange, 400, "invalid_scope", 1002012,
            "The provided value for scope %s is not valid. Client credential flows must have a "
            "scope value with /.default suffixed to the resource identifier (application ID "
            "URI).",
            scopes);
    else if (resource && !audience_exists(exchange->lab, text_of(resource)))
        entra_error(
            exchange, 400, "invalid_resource", 500011,
            "The resource principal named %s was not found in the tenant named keydrift-lab.",
            resource);
    else if (client_is_proven(exchange, client_id))
        issue(exchange, resource ? resource : "", client_id);
    free(resource);
}

void entra_handle(struct exchange *exchange)
{
    struct segments segments = segments_of(text_of(exchange->path));
    struct text tenant = segments.part[0];
    bool is_discovery = segments.count == 4 && segment_is(&segments, 1, "v2.0") &&
                        segment_is(&segments, 2, ".well-known") &&
                        segment_is(&segments, 3, "openid-configuration");
    bool is_token = segments.count == 4 && segment_is(&segments, 1, "oauth2") &&
                    segment_is(&segments, 2, "v2.0") && segment_is(&segments, 3, "token");
    bool is_keys = segments.count == 4 && segment_is(&segments, 1, "discovery") &&
                   segment_is(&segments, 2, "v2.0") && segment_is(&segments, 3, "keys");

    if (!is_discovery && !is_token && !is_keys) {
        exchange_reply_text(exchange, 404, "");
    } else if (!text_equal_ignoring_case(tenant, TEXT(LAB_TENANT))) {
        entra_error(
            exchange, 400, "invalid_tenant", 90002,
            "Tenant '%.*s' not found. Check to make sure you have the correct tenant ID and are "
            "signing into the correct cloud.",
            TEXT_ARG(tenant));
    } else if (is_discovery) {
        discovery(exchange, tenant);
    } else if (is_keys) {
        exchange_reply_json(
            exchange, 200, NULL, 0,
            json_pack("{s:[o]}", "keys",
                      jwt_jwk(exchange->lab->pki.signer, exchange->lab->pki.signer_id)));
    } else if (!exchange_method_is(exchange, "POST")) {
        entra_error(exchange, 400, "invalid_request", 900561,
                    "The endpoint only accepts POST requests. Received a %.*s request.",
                    TEXT_ARG(exchange->request->method));
    } else {
        struct text form = exchange->request->body;
        char *grant = server_parameter(form, "grant_type", false);
        char *client_id = server_parameter(form, "client_id", false);
        char *scopes = server_parameter(form, "scope", false);

        exchange_caller(exchange, text_of(client_id));
        token_for(exchange, grant, client_id, scopes);
        free(grant);
        free(client_id);
        free(scopes);
    }
}
