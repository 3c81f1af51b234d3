/* SPDX-License-Identifier: Apache-2.0 */
/* The instance metadata service's token endpoint: how a virtual machine's managed identity gets in.
 */
#include "examples/lab/lab.h"

#include <stdio.h>
#include <stdlib.h>

#define TOKEN_LIFETIME_S 86399

static void imds_error(struct exchange *exchange, int status, const char *error, const char *text)
{
    exchange_reply_json(exchange, status, NULL, 0,
                        json_pack("{s:s, s:s}", "error", error, "error_description", text));
}

static void issue(struct exchange *exchange, const char *resource)
{
    int64_t now = exchange_now_s(exchange);
    struct text audience = text_of(resource);
    char *token;

    while (text_ends_with(audience, TEXT("/")))
        audience.size--;
    token = access_token_issue(&exchange->lab->pki,
                               &(struct access_token_wish){
                                   .issuer = "https://sts.windows.net/" LAB_TENANT "/",
                                   .client_id = LAB_CLIENT_ID,
                                   .audience = audience,
                                   .now_s = now,
                                   .lifetime_s = TOKEN_LIFETIME_S,
                                   .is_expired = exchange->fault.kind == FAULT_TOKEN_EXPIRED,
                               });
    /* Both times, and as texts: one library wants the one, another the other. */
    exchange_reply_json(exchange, 200, NULL, 0,
                        token
                            ? json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:s, s:s}", "access_token",
                                        token, "client_id", LAB_CLIENT_ID, "expires_in",
                                        json_sprintf("%d", TOKEN_LIFETIME_S), "expires_on",
                                        json_sprintf("%lld", (long long)(now + TOKEN_LIFETIME_S)),
                                        "ext_expires_in", json_sprintf("%d", TOKEN_LIFETIME_S),
                                        "not_before", json_sprintf("%lld", (long long)(now - 300)),
                                        "resource", resource, "token_type", "Bearer")
                            : NULL);
    free(token);
}

static bool is_identity(const char *client_id, const char *object_id)
{
    return (!client_id || text_equal_ignoring_case(text_of(client_id), TEXT(LAB_CLIENT_ID))) &&
           (!object_id || text_equal_ignoring_case(text_of(object_id), TEXT(LAB_OBJECT_ID)));
}

static void token(struct exchange *exchange)
{
    struct text query = exchange->request->query;
    char *version = server_parameter(query, "api-version", true);
    char *resource = server_parameter(query, "resource", false);
    char *client_id = server_parameter(query, "client_id", false);
    char *object_id = server_parameter(query, "object_id", false);

    exchange_caller(exchange, text_of(client_id));
    if (!version)
        imds_error(exchange, 400, "invalid_request",
                   "Required query variable 'api-version' is missing");
    else if (!resource || !*resource)
        imds_error(exchange, 400, "invalid_request",
                   "Required query variable 'resource' is missing");
    else if (!is_identity(client_id, object_id))
        imds_error(exchange, 400, "invalid_request", "Identity not found");
    else if (!audience_exists(exchange->lab, text_of(resource)))
        imds_error(exchange, 400, "invalid_resource",
                   "AADSTS500011: The resource principal was not found in the tenant.");
    else
        issue(exchange, resource);
    free(version);
    free(resource);
    free(client_id);
    free(object_id);
}

void imds_handle(struct exchange *exchange)
{
    struct text path = text_of(exchange->path);

    if (!text_equal_ignoring_case(path, TEXT("/metadata/identity/oauth2/token")) &&
        !text_equal_ignoring_case(path, TEXT("/metadata/identity/oauth2/token/")))
        imds_error(exchange, 404, "Not found", "The requested resource was not found");
    else if (!exchange_method_is(exchange, "GET"))
        imds_error(exchange, 405, "Method not allowed", "The method is not allowed");
    else if (!text_equal_ignoring_case(server_header(exchange->request, "Metadata"), TEXT("true")))
        imds_error(exchange, 400, "invalid_request", "Required metadata header not specified");
    else if (server_header(exchange->request, "X-Forwarded-For").start)
        imds_error(exchange, 400, "invalid_request",
                   "Requests that come through a proxy are not answered");
    else
        token(exchange);
}
