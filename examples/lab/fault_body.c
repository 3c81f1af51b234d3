/* SPDX-License-Identifier: Apache-2.0 */
/* What each service says when it fails, for faults of kind "status": the form that its clients must
 * understand, with the code that goes with the status. And what stands where no service speaks. */
#include "examples/lab/lab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *arm_code(const struct fault *fault)
{
    if (fault->code[0])
        return fault->code;
    switch (fault->status) {
    case 400:
        return "BadRequest";
    case 401:
        return "InvalidAuthenticationToken";
    case 403:
        return "AuthorizationFailed";
    case 404:
        return "ResourceNotFound";
    case 409:
        return "Conflict";
    case 429:
        return "SubscriptionRequestsThrottled";
    case 503:
        return "ServerTimeout";
    case 504:
        return "GatewayTimeout";
    default:
        return "InternalServerError";
    }
}

static json_t *arm_body(const struct fault *fault)
{
    long long wait = fault->retry_after < 0 ? 10 : (long long)fault->retry_after;
    json_t *message;

    if (fault->status == 429)
        message = json_sprintf("Number of 'write' requests for subscription '" LAB_SUBSCRIPTION
                               "' actor '" LAB_OBJECT_ID
                               "' exceeded. Please try again after '%lld' seconds.",
                               wait);
    else if (fault->status == 403)
        message = json_sprintf("The client '" LAB_OBJECT_ID "' with object id '" LAB_OBJECT_ID
                               "' does not have authorization to perform action '" LAB_PROVIDER
                               "/workspaces/onlineEndpoints/listKeys/action' over scope "
                               "'/subscriptions/" LAB_SUBSCRIPTION
                               "' or the scope is invalid. If access was recently granted, please "
                               "refresh your credentials.");
    else
        message = json_sprintf("The lab was told to answer %d.", fault->status);
    return json_pack("{s:{s:s, s:o}}", "error", "code", arm_code(fault), "message", message);
}

static json_t *entra_body(const struct exchange *exchange)
{
    const struct fault *fault = &exchange->fault;
    int usual = fault->status == 429 ? 90055 : fault->status >= 500 ? 90033 : 7000215;
    char sentence[64];

    snprintf(sentence, sizeof(sentence), "The lab was told to answer %d.", fault->status);
    return entra_error_json(exchange, fault->aadsts ? fault->aadsts : usual, sentence);
}

static json_t *vault_body(const struct fault *fault)
{
    const char *text = NULL;

    if (fault->status == 403)
        text = "permission denied";
    else if (fault->status == 429) /* of a quota; with an empty list it would be another story */
        text = "request path \"kv/data\": rate limit quota exceeded";
    else if (fault->status == 503)
        text = "Vault is sealed";
    else if (fault->status >= 500)
        text = "internal error";
    return text ? json_pack("{s:[s]}", "errors", text) : json_pack("{s:[]}", "errors");
}

static char *scoring_body(int status, const char **type)
{
    *type = "text/plain; charset=utf-8";
    return strdup(status == 401 ? "key_auth_access_denied" : "");
}

/* What a proxy on the way says, in place of the service. */
static char *garbage_body(const char **type)
{
    *type = "text/html; charset=utf-8";
    return strdup("<!DOCTYPE html>\n<html><head><title>502 Bad Gateway</title></head>\n"
                  "<body><h1>502 Bad Gateway</h1><hr><center>nginx</center></body></html>\n");
}

char *fault_body(const struct exchange *exchange, const char **type)
{
    const struct fault *fault = &exchange->fault;
    json_t *json = NULL;
    char *body;

    if (fault->kind == FAULT_GARBAGE)
        return garbage_body(type);
    if (fault->kind == FAULT_REDIRECT) {
        *type = "text/plain; charset=utf-8";
        return strdup("");
    }
    *type = "application/json; charset=utf-8";
    switch (exchange->target) {
    case TARGET_SCORING:
        return scoring_body(fault->status, type);
    case TARGET_ENTRA:
        json = entra_body(exchange);
        break;
    case TARGET_IMDS:
        json = json_pack("{s:s, s:o}", "error", fault->code[0] ? fault->code : "server_error",
                         "error_description",
                         json_sprintf("The lab was told to answer %d.", fault->status));
        break;
    case TARGET_VAULT:
        json = vault_body(fault);
        break;
    case TARGET_ACTIVITY: /* this service's own form: no envelope */
        json = json_pack("{s:s, s:o}", "code", arm_code(fault), "message",
                         json_sprintf("The lab was told to answer %d.", fault->status));
        break;
    case TARGET_ARM:
    case TARGETS:
        json = arm_body(fault);
        break;
    }
    body = json ? json_dump_short(json) : NULL;
    json_decref(json);
    return body;
}
