/* SPDX-License-Identifier: Apache-2.0 */
/* Microsoft Entra: OpenID discovery and the token endpoint, for the client credentials grant with a
 * secret or an assertion. Every URL is built from the request's Host: the libraries compare the
 * issuer with the authority they were given, to the port. */
#include "examples/lab/lab.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOKEN_LIFETIME_S 3599
#define REFRESH_OVER_S   7200 /* a token that lives longer is to be renewed halfway */
#define ASSERTION_TYPE   "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

static void discovery(struct exchange *exchange, struct text tenant)
{
    struct text host = server_header(exchange->request, "Host");
    char base[512];

    snprintf(base, sizeof(base), "https://%.*s/%.*s", TEXT_ARG(host), TEXT_ARG(tenant));
    exchange_reply_json(
        exchange, 200, NULL, 0,
        json_pack("{s:o, s:[s,s], s:o, s:[s], s:[s], s:[s], s:o, s:o, s:s, s:s}", "token_endpoint",
                  json_sprintf("%s/oauth2/v2.0/token", base),
                  "token_endpoint_auth_methods_supported", "client_secret_post", "private_key_jwt",
                  "jwks_uri", json_sprintf("%s/discovery/v2.0/keys", base),
                  "response_types_supported", "code", "subject_types_supported", "pairwise",
                  "id_token_signing_alg_values_supported", "RS256", "issuer",
                  json_sprintf("%s/v2.0", base), "authorization_endpoint",
                  json_sprintf("%s/oauth2/v2.0/authorize", base), "tenant_region_scope", "NA",
                  "cloud_instance_name", "microsoftonline.com"));
}

/* The one scope that is meant, without what some libraries add; the empty text unless there is
 * exactly one. */
static struct text scope_of(const char *scopes)
{
    struct text rest = text_of(scopes), part, found = {0};
    size_t count = 0;

    while (text_split(&rest, ' ', &part)) {
        if (!part.size || text_equal_ignoring_case(part, TEXT("openid")) ||
            text_equal_ignoring_case(part, TEXT("offline_access")) ||
            text_equal_ignoring_case(part, TEXT("profile")))
            continue;
        found = part;
        count++;
    }
    return count == 1 ? found : TEXT("");
}

/* Finds the resource that a token is asked for; answers the exchange and returns false when there
 * is none. */
static bool resource_is_known(struct exchange *exchange, const char *scopes, struct text *ret)
{
    const struct text end = TEXT("/.default");
    struct text scope = scope_of(scopes);
    struct text resource = text_part(scope, 0, scope.size > end.size ? scope.size - end.size : 0);

    if (!scope.size || text_is(scope, end.start)) {
        entra_error(
            exchange, 70011,
            "The provided request must include a 'scope' input parameter. The provided "
            "value for the input parameter 'scope' is not valid. The scope %s is not valid.",
            scopes);
    } else if (!text_ends_with(scope, end)) {
        entra_error(
            exchange, 1002012,
            "The provided value for scope %s is not valid. Client credential flows must have a "
            "scope value with /.default suffixed to the resource identifier (application ID "
            "URI).",
            scopes);
    } else if (!audience_exists(exchange->lab, resource)) {
        entra_error(
            exchange, 500011,
            "The resource principal named %.*s was not found in the tenant named keydrift-lab. "
            "This can happen if the application has not been installed by the administrator of "
            "the tenant or consented to by any user in the tenant.",
            TEXT_ARG(resource));
    } else {
        *ret = resource;
        return true;
    }
    return false;
}

static bool equal_secretly(const char *a, const char *b)
{
    size_t size = strlen(a);

    return size == strlen(b) && CRYPTO_memcmp(a, b, size) == 0;
}

static bool secret_proves(struct exchange *exchange, const char *client_id, const char *secret)
{
    const struct lab *lab = exchange->lab;

    if (equal_secretly(secret, lab->client_secret))
        return true;
    if (equal_secretly(secret, lab->expired_secret))
        entra_error(exchange, 7000222,
                    "The provided client secret keys for app '%s' are expired. Visit the Azure "
                    "portal to create new keys for your app: https://aka.ms/NewClientSecret, or "
                    "consider using certificate credentials for added security: "
                    "https://aka.ms/certCreds.",
                    client_id);
    else
        entra_error(
            exchange, 7000215,
            "Invalid client secret provided. Ensure the secret being sent in the request is the "
            "client secret value, not the client secret ID, for a secret added to app '%s'.",
            client_id);
    return false;
}

/* Answers the exchange and returns false when the client did not prove who it is. */
static bool client_is_proven(struct exchange *exchange, const char *client_id)
{
    struct text form = exchange->request->body;
    char *secret = server_parameter(form, "client_secret", false);
    char *assertion = server_parameter(form, "client_assertion", false);
    char *type = server_parameter(form, "client_assertion_type", false);
    bool is_proven = false;

    if (secret)
        is_proven = secret_proves(exchange, client_id, secret);
    else if (!assertion)
        entra_error(exchange, 7000218,
                    "The request body must contain the following parameter: 'client_assertion' or "
                    "'client_secret'.");
    else if (!type || strcmp(type, ASSERTION_TYPE) != 0)
        entra_error(exchange, 50027, "The client_assertion_type must be " ASSERTION_TYPE ".");
    else
        is_proven = assertion_proves(exchange, client_id, text_of(assertion));
    free(secret);
    free(assertion);
    free(type);
    return is_proven;
}

static void issue(struct exchange *exchange, struct text resource, const char *client_id,
                  const json_t *claims)
{
    const struct lab *lab = exchange->lab;
    int64_t lifetime_s = lab->options.token_lifetime_ms
                             ? (int64_t)(lab->options.token_lifetime_ms / 1000)
                             : TOKEN_LIFETIME_S;
    struct text host = server_header(exchange->request, "Host");
    char issuer[512];
    json_t *json = NULL;
    char *token;

    snprintf(issuer, sizeof(issuer), "https://%.*s/" LAB_TENANT "/", TEXT_ARG(host));
    token =
        access_token_issue(&lab->pki, &(struct access_token_wish){
                                          .issuer = issuer,
                                          .client_id = client_id,
                                          .audience = resource,
                                          .now_s = exchange_now_s(exchange),
                                          .is_expired = exchange->fault.kind == FAULT_TOKEN_EXPIRED,
                                          .lifetime_s = lifetime_s,
                                          .claims = claims,
                                      });
    if (token)
        json = json_pack("{s:s, s:I, s:I, s:s}", "token_type", "Bearer", "expires_in",
                         (json_int_t)lifetime_s, "ext_expires_in", (json_int_t)lifetime_s,
                         "access_token", token);
    if (json && lifetime_s > REFRESH_OVER_S)
        json_object_set_new(json, "refresh_in", json_integer((json_int_t)(lifetime_s / 2)));
    exchange_reply_json(exchange, 200, NULL, 0, json);
    free(token);
}

/* The form's `claims`: a JSON object, or nothing. Answers the exchange and returns false when it is
 * neither. */
static bool claims_are_readable(struct exchange *exchange, json_t **ret)
{
    char *text = server_parameter(exchange->request->body, "claims", false);
    bool is_readable = true;

    *ret = text && *text ? json_read_object(text_of(text), NULL) : NULL;
    if (text && *text && !*ret) {
        is_readable = false;
        entra_error(exchange, 90023, "The 'claims' parameter is not a JSON object.");
    }
    free(text);
    return is_readable;
}

static void token_for(struct exchange *exchange, const char *grant, const char *client_id,
                      const char *scopes)
{
    struct text resource;
    json_t *claims = NULL;

    if (!grant)
        entra_error(exchange, 900144,
                    "The request body must contain the following parameter: 'grant_type'.");
    else if (strcmp(grant, "client_credentials") != 0)
        entra_error(exchange, 70003, "The app requested an unsupported grant type '%s'.", grant);
    else if (!client_id)
        entra_error(exchange, 900144,
                    "The request body must contain the following parameter: 'client_id'.");
    else if (!text_equal_ignoring_case(text_of(client_id), TEXT(LAB_CLIENT_ID)))
        entra_error(
            exchange, 700016,
            "Application with identifier '%s' was not found in the directory 'keydrift-lab'. This "
            "can happen if the application has not been installed by the administrator of the "
            "tenant or consented to by any user in the tenant. You may have sent your "
            "authentication request to the wrong tenant.",
            client_id);
    else if (!scopes)
        entra_error(exchange, 900144,
                    "The request body must contain the following parameter: 'scope'.");
    else if (resource_is_known(exchange, scopes, &resource) &&
             claims_are_readable(exchange, &claims) && client_is_proven(exchange, client_id))
        issue(exchange, resource, client_id, claims);
    json_decref(claims);
}

static void token(struct exchange *exchange)
{
    struct text type = server_header(exchange->request, "Content-Type");
    /* Anything but a form has no parameters, and is told so. */
    bool is_form = text_starts_with_ignoring_case(type, TEXT("application/x-www-form-urlencoded"));
    struct text form = is_form ? exchange->request->body : TEXT("");
    char *grant = server_parameter(form, "grant_type", false);
    char *client_id = server_parameter(form, "client_id", false);
    char *scopes = server_parameter(form, "scope", false);

    exchange_caller(exchange, text_of(client_id));
    token_for(exchange, grant, client_id, scopes);
    free(grant);
    free(client_id);
    free(scopes);
}

/* Answers the exchange and returns false for any tenant but ours. */
static bool tenant_is_ours(struct exchange *exchange, struct text tenant)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-";

    if (text_equal_ignoring_case(tenant, TEXT(LAB_TENANT)))
        return true;
    for (size_t i = 0; i < tenant.size; i++) {
        if (!strchr(allowed, tenant.start[i])) {
            entra_error(exchange, 900023,
                        "Specified tenant identifier '%.*s' is neither a valid DNS name, nor a "
                        "valid external domain.",
                        TEXT_ARG(tenant));
            return false;
        }
    }
    entra_error(exchange, 90002,
                "Tenant '%.*s' not found. Check to make sure you have the correct tenant ID and "
                "are signing into the correct cloud. Check with your subscription administrator, "
                "this may happen if there are no active subscriptions for the tenant.",
                TEXT_ARG(tenant));
    return false;
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

    if (federation_handle(exchange, &segments))
        return;
    if (!is_discovery && !is_token && !is_keys)
        exchange_reply_text(exchange, 404, "");
    else if (!tenant_is_ours(exchange, tenant))
        return;
    else if (is_discovery)
        discovery(exchange, tenant);
    else if (is_keys)
        exchange_reply_json(
            exchange, 200, NULL, 0,
            json_pack("{s:[o]}", "keys",
                      jwt_jwk(exchange->lab->pki.signer, exchange->lab->pki.signer_id)));
    else if (!exchange_method_is(exchange, "POST"))
        entra_error(exchange, 900561,
                    "The endpoint only accepts POST requests. Received a %.*s request.",
                    TEXT_ARG(exchange->request->method));
    else
        token(exchange);
}
