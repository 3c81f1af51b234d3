/* SPDX-License-Identifier: Apache-2.0 */
/* Managed identities: the token endpoints by which a virtual machine, an app, a notebook, a shell,
 * a cluster and a connected server get in. They differ in how the caller shows that it is the right
 * one, in how an identity is chosen, and in the form of answers; one table says how. */
#include "examples/lab/lab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOKEN_LIFETIME_S     86399
#define CLI_TOKEN_LIFETIME_S 4800

/* Names of parameters that choose an identity. */
struct ids {
    const char *client_id, *object_id[2], *resource_id;
};

struct identity_source {
    const char *path, *method, *version;          /* version NULL: any */
    const char *header;                           /* what must be sent */
    const char *value;                            /* NULL: the secret of the lab */
    const struct ids *ids;                        /* NULL: there is only one identity */
    bool has_in, is_on_number;                    /* the form of "expires_in" and "expires_on" */
    bool (*is_let_in)(struct exchange *exchange); /* may answer, then false; NULL: always true */
    void (*refuse)(struct exchange *exchange, int status, const char *code, const char *text);
};

/* ---- refusals -------------------------------------------------------------------------------- */

static void refuse_flat(struct exchange *exchange, int status, const char *code, const char *text)
{
    exchange_reply_json(exchange, status, NULL, 0,
                        json_pack("{s:s, s:s}", "error", code, "error_description", text));
}

static void refuse_nested(struct exchange *exchange, int status, const char *code, const char *text)
{
    exchange_reply_json(exchange, status, NULL, 0,
                        json_pack("{s:{s:s, s:s}}", "error", "code", code, "message", text));
}

static void refuse_app(struct exchange *exchange, int status, const char *code, const char *text)
{
    (void)code;
    exchange_reply_json(exchange, status, NULL, 0,
                        json_pack("{s:i, s:s}", "statusCode", status, "message", text));
}

/* ---- the sources ----------------------------------------------------------------------------- */

static bool is_from_here(struct exchange *exchange)
{
    if (!server_header(exchange->request, "X-Forwarded-For").start)
        return true;
    refuse_flat(exchange, 400, "invalid_request",
                "Requests that come through a proxy are not answered");
    return false;
}

static const struct ids machine_ids = {"client_id", {"object_id", NULL}, "msi_res_id"};
static const struct ids app_ids = {"client_id", {"principal_id", "object_id"}, "mi_res_id"};
static const struct ids notebook_ids = {"clientid", {NULL, NULL}, NULL};

static const struct identity_source sources[] = {
    {"/metadata/identity/oauth2/token", "GET", NULL, "Metadata", "true", &machine_ids, true, false,
     is_from_here, refuse_flat},
    {"/arc/metadata/identity/oauth2/token", "GET", "2020-06-01", "Metadata", "true", &machine_ids,
     true, false, arc_is_let_in, refuse_flat},
    {"/msi/token", "GET", "2019-08-01", "X-IDENTITY-HEADER", NULL, &app_ids, false, false, NULL,
     refuse_app},
    {"/azureml/token", "GET", "2017-09-01", "secret", NULL, &notebook_ids, false, false, NULL,
     refuse_flat},
    {"/fabric/token", "GET", "2019-07-01-preview", "secret", NULL, NULL, false, true, NULL,
     refuse_nested},
    {"/cloudshell/token", "POST", NULL, "Metadata", "true", NULL, true, false, NULL, refuse_nested},
};

static const struct identity_source *source_of(struct text path)
{
    while (text_ends_with(path, TEXT("/")))
        path.size--;
    for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
        if (text_equal_ignoring_case(path, text_of(sources[i].path)))
            return &sources[i];
    }
    return NULL;
}

/* ---- tokens ---------------------------------------------------------------------------------- */

static int64_t lifetime_s(const struct lab *lab, int64_t usual)
{
    return lab->options.token_lifetime_ms ? (int64_t)(lab->options.token_lifetime_ms / 1000)
                                          : usual;
}

static char *token_for(struct exchange *exchange, const char *resource, int64_t now,
                       int64_t lifetime)
{
    struct text audience = text_of(resource);

    while (text_ends_with(audience, TEXT("/")))
        audience.size--;
    return access_token_issue(&exchange->lab->pki,
                              &(struct access_token_wish){
                                  .issuer = "https://sts.windows.net/" LAB_TENANT "/",
                                  .client_id = LAB_CLIENT_ID,
                                  .audience = audience,
                                  .now_s = now,
                                  .lifetime_s = lifetime,
                                  .is_expired = exchange->fault.kind == FAULT_TOKEN_EXPIRED,
                              });
}

static json_t *number_text(int64_t number)
{
    return json_sprintf("%lld", (long long)number);
}

static void issue(struct exchange *exchange, const struct identity_source *source,
                  const char *resource)
{
    int64_t lifetime = lifetime_s(exchange->lab, TOKEN_LIFETIME_S), now = exchange_now_s(exchange);
    char *token = token_for(exchange, resource, now, lifetime);
    json_t *json = token
                       ? json_pack("{s:s, s:o, s:s, s:s}", "access_token", token, "expires_on",
                                   source->is_on_number ? json_integer((json_int_t)(now + lifetime))
                                                        : number_text(now + lifetime),
                                   "resource", resource, "token_type", "Bearer")
                       : NULL;

    if (json && source->ids)
        json_object_set_new(json, "client_id", json_string(LAB_CLIENT_ID));
    /* One library wants the one time, another the other, and both as texts. */
    if (json && source->has_in)
        json_object_update_new(json,
                               json_pack("{s:o, s:o, s:o}", "expires_in", number_text(lifetime),
                                         "ext_expires_in", number_text(lifetime), "not_before",
                                         number_text(now - 300)));
    exchange_reply_json(exchange, 200, NULL, 0, json);
    free(token);
}

/* ---- requests -------------------------------------------------------------------------------- */

/* A parameter that was not given, or names our identity, will do. */
static bool id_fits(struct text parameters, const char *name, const char *expected)
{
    char *given = name ? server_parameter(parameters, name, false) : NULL;
    bool is_fitting = !given || text_equal_ignoring_case(text_of(given), text_of(expected));

    free(given);
    return is_fitting;
}

static bool identity_exists(const struct identity_source *source, struct text parameters)
{
    const struct ids *ids = source->ids;

    return id_fits(parameters, ids->client_id, LAB_CLIENT_ID) &&
           id_fits(parameters, ids->object_id[0], LAB_OBJECT_ID) &&
           id_fits(parameters, ids->object_id[1], LAB_OBJECT_ID) &&
           id_fits(parameters, ids->resource_id, LAB_IDENTITY_ID);
}

/* Some endpoints have no identity to choose from, and say so. */
static bool names_identity(struct text parameters)
{
    static const char *const names[] = {"client_id",  "clientid",  "object_id",
                                        "msi_res_id", "mi_res_id", "principal_id"};
    bool is_named = false;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char *given = server_parameter(parameters, names[i], false);

        is_named = is_named || given;
        free(given);
    }
    return is_named;
}

static void answer(struct exchange *exchange, const struct identity_source *source,
                   struct text parameters)
{
    char *version = server_parameter(exchange->request->query, "api-version", true);
    char *resource = server_parameter(parameters, "resource", false);
    bool is_post = strcmp(source->method, "POST") == 0;

    if (!is_post && !version)
        source->refuse(exchange, 400, "invalid_request",
                       "Required query variable 'api-version' is missing");
    else if (source->version && strcmp(version, source->version) != 0)
        source->refuse(exchange, 400, "InvalidApiVersion",
                       "The api-version is not supported by this endpoint");
    else if (!resource || !*resource)
        source->refuse(exchange, 400, "invalid_request",
                       "Required query variable 'resource' is missing");
    else if (!source->ids && names_identity(parameters))
        source->refuse(exchange, 400, "invalid_request",
                       "An identity cannot be chosen at this endpoint");
    else if (source->ids && !identity_exists(source, parameters))
        source->refuse(exchange, 400, "invalid_request", "Identity not found");
    else if (!audience_exists(exchange->lab, text_of(resource)))
        source->refuse(exchange, 400, "invalid_resource",
                       "AADSTS500011: The resource principal was not found in the tenant.");
    else
        issue(exchange, source, resource);
    free(version);
    free(resource);
}

static bool has_its_header(struct exchange *exchange, const struct identity_source *source)
{
    struct text given = server_header(exchange->request, source->header);

    if (source->value)
        return text_equal_ignoring_case(given, text_of(source->value));
    return text_is(given, exchange->lab->identity_header);
}

static void handle(struct exchange *exchange, const struct identity_source *source)
{
    bool is_post = strcmp(source->method, "POST") == 0;

    if (!exchange_method_is(exchange, source->method))
        source->refuse(exchange, 405, "Method not allowed", "The method is not allowed");
    else if (!has_its_header(exchange, source) && source->value)
        source->refuse(exchange, 400, "invalid_request", "Required metadata header not specified");
    else if (!has_its_header(exchange, source))
        source->refuse(exchange, 401, "SecretHeaderNotFound",
                       "The secret is not found in the request headers, or is another one");
    else if (!source->is_let_in || source->is_let_in(exchange))
        answer(exchange, source, is_post ? exchange->request->body : exchange->request->query);
}

/* What the stand-in for Azure's command line asks, and prints (az_shim.c). */
static void command_line(struct exchange *exchange)
{
    struct text tenant = server_header(exchange->request, "X-Tenant");
    struct text given = server_header(exchange->request, "X-Resource");
    int64_t lifetime = lifetime_s(exchange->lab, CLI_TOKEN_LIFETIME_S);
    int64_t now = exchange_now_s(exchange), until = now + lifetime;
    char *resource = text_copy(given.size ? given : TEXT("https://management.core.windows.net/"));
    char local[40];
    char *token;

    if (tenant.size && !text_equal_ignoring_case(tenant, TEXT(LAB_TENANT))) {
        exchange_reply_text(exchange, 400,
                            "ERROR: AADSTS90002: Tenant not found. Check to make sure you have the "
                            "correct tenant ID and are signing into the correct cloud.\n");
    } else if (!resource || !audience_exists(exchange->lab, text_of(resource))) {
        exchange_reply_text(exchange, 400,
                            "ERROR: AADSTS500011: The resource principal was not found in the "
                            "tenant.\n");
    } else {
        token = token_for(exchange, resource, now, lifetime);
        local_time_at(until, local, sizeof(local));
        exchange_reply_json(exchange, 200, NULL, 0,
                            token ? json_pack("{s:s, s:s, s:I, s:s, s:s, s:s}", "accessToken",
                                              token, "expiresOn", local, "expires_on",
                                              (json_int_t)until, "subscription", LAB_SUBSCRIPTION,
                                              "tenant", LAB_TENANT, "tokenType", "Bearer")
                                  : NULL);
        free(token);
    }
    free(resource);
}

void imds_handle(struct exchange *exchange)
{
    const struct identity_source *source = source_of(text_of(exchange->path));
    char *client_id = server_parameter(exchange->request->query, "client_id", false);

    exchange_caller(exchange, text_of(client_id));
    if (source)
        handle(exchange, source);
    else if (text_is(text_of(exchange->path), "/az"))
        command_line(exchange);
    else
        refuse_flat(exchange, 404, "Not found", "The requested resource was not found");
    free(client_id);
}
