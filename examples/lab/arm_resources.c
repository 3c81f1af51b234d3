/* SPDX-License-Identifier: Apache-2.0 */
/* What lies below a resource group at ARM: finds the row of the table a path is about and the
 * operation on it, asks whether the caller may, and only then whether the resource exists. Paths
 * are matched without case. */
#include "examples/lab/arm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROVIDER_AT 5 /* subscriptions/S/resourceGroups/G/providers/P */

/* Operations besides those that every row has. `path` is behind the resource's id; "*" is any one
 * segment. */
static const struct operation {
    const char *kind, *method, *path, *action;
    void (*run)(struct arm_call *call);
} operations[] = {
    {"azureml-online-endpoint", "PUT", "", "write", arm_endpoint_put},
    {"azureml-online-endpoint", "PATCH", "", "write", arm_endpoint_patch},
    {"azureml-online-endpoint", "DELETE", "", "delete", arm_endpoint_delete},
    {"azureml-online-endpoint", "POST", "token", "token/action", arm_endpoint_token},
    {"azureml-online-endpoint", "GET", "deployments", "deployments/read", arm_deployments_list},
    {"azureml-online-endpoint", "GET", "deployments/*", "deployments/read", arm_deployment_get},
    {"search-query", "POST", "createQueryKey/*", "createQueryKey/action", arm_query_key_create},
    {"search-query", "DELETE", "deleteQueryKey/*", "deleteQueryKey/delete", arm_query_key_delete},
    {"functions-host-keys", "PUT", "host/default/*/*", "host/functionKeys/write",
     arm_function_key_set},
    {"functions-host-keys", "DELETE", "host/default/*/*", "host/functionKeys/delete",
     arm_function_key_delete},
    {"function-keys", "PUT", "keys/*", "keys/write", arm_function_key_set},
    {"function-keys", "DELETE", "keys/*", "keys/delete", arm_function_key_delete},
    {"iot-hub-policy", "PUT", "", "write", arm_policies_put},
    {"iot-dps-policy", "PUT", "", "write", arm_policies_put},
};

/* What a path means. */
struct meaning {
    const struct source *source; /* of the deepest type it names */
    size_t depth;                /* names that the type has */
    bool is_list;                /* the last name is missing */
    struct text rest;            /* behind the resource's id */
    bool is_known;               /* some method works on it */
    void (*run)(struct arm_call *call);
    char action[160];
};

void arm_not_allowed(struct exchange *exchange)
{
    arm_error(exchange, 405, "HttpMethodNotAllowed",
              "The requested resource does not support http method '%.*s'.",
              TEXT_ARG(exchange->request->method));
}

void arm_out_of_memory(struct exchange *exchange)
{
    arm_error(exchange, 500, "InternalServerError", "out of memory");
}

struct deed arm_deed(const struct arm_call *call)
{
    const struct exchange *exchange = call->exchange;
    struct deed deed = {.resource_id = call->resource->id,
                        .resource_type = call->resource->source->type};
    struct actor *actor = &deed.actor;

    snprintf(deed.action, sizeof(deed.action), "%s", call->action);
    snprintf(deed.method, sizeof(deed.method), "%.*s", TEXT_ARG(exchange->request->method));
    snprintf(actor->caller, sizeof(actor->caller), "%s", exchange->claims.object_id);
    snprintf(actor->object_id, sizeof(actor->object_id), "%s", exchange->claims.object_id);
    snprintf(actor->client_id, sizeof(actor->client_id), "%s", exchange->claims.client_id);
    snprintf(actor->address, sizeof(actor->address), "127.0.0.1");
    snprintf(actor->request_id, sizeof(actor->request_id), "%.*s",
             TEXT_ARG(server_header(exchange->request, "x-ms-client-request-id")));
    snprintf(actor->correlation_id, sizeof(actor->correlation_id), "%s", exchange->correlation_id);
    return deed;
}

enum change_fate arm_fate(const struct arm_call *call)
{
    enum fault_kind kind = exchange_operation_fault(call->exchange);

    if (kind == FAULT_OPERATION_FAILED)
        return CHANGE_FAILS;
    return kind == FAULT_OPERATION_HANGS ? CHANGE_HANGS : CHANGE_SUCCEEDS;
}

bool arm_may(struct arm_call *call, struct text scope, const char *action)
{
    const char *who = call->exchange->claims.object_id;

    switch (rights_judge(call->lab->rights, who, scope, action)) {
    case VERDICT_ALLOWED:
        return true;
    case VERDICT_DENIED:
        arm_error(call->exchange, 403, "DenyAssignmentAuthorizationFailed",
                  "The client '%s' with object id '%s' has permission to perform action '%s' on "
                  "scope '%.*s'; however, the access is denied because of the deny assignment "
                  "with name '%s' at scope '/subscriptions/" LAB_SUBSCRIPTION "'.",
                  call->exchange->claims.client_id, who, action, TEXT_ARG(scope),
                  rights_deny_name(call->lab->rights, who, scope, action));
        return false;
    case VERDICT_NOT_GRANTED:
        break;
    }
    arm_error(call->exchange, 403, "AuthorizationFailed",
              "The client '%s' with object id '%s' does not have authorization to perform action "
              "'%s' over scope '%.*s' or the scope is invalid. If access was recently granted, "
              "please refresh your credentials.",
              call->exchange->claims.client_id, who, action, TEXT_ARG(scope));
    return false;
}

/* Whether the path goes through all types of the row; `is_list` when the last name is missing. */
static bool type_fits(const struct segments *segments, const struct source *source, size_t *depth,
                      bool *is_list)
{
    struct text types = text_of(source->type), part;
    size_t at = PROVIDER_AT;

    *depth = 0;
    text_split(&types, '/', &part);
    if (at >= segments->count || !text_equal_ignoring_case(part, segments->part[at]))
        return false;
    for (at++; text_split(&types, '/', &part); at += 2, ++*depth) {
        if (at >= segments->count || !text_equal_ignoring_case(part, segments->part[at]))
            return false;
    }
    *is_list = at == segments->count + 1;
    return at <= segments->count + 1;
}

static size_t slashes(struct text text)
{
    size_t count = 0;

    for (size_t i = 0; i < text.size; i++)
        count += text.start[i] == '/';
    return count;
}

static bool path_is(struct text path, const char *pattern)
{
    return pattern && slashes(path) == slashes(text_of(pattern)) &&
           text_matches(path, text_of(pattern));
}

static void mean(struct meaning *meaning, const char *action, const char *suffix,
                 void (*run)(struct arm_call *))
{
    meaning->run = run;
    snprintf(meaning->action, sizeof(meaning->action), "%s/%s%s", meaning->source->type, action,
             suffix);
}

/* Microsoft's libraries GET the further pages of a list that began with a POST. */
static bool is_further_page(const struct exchange *exchange)
{
    char *token = server_parameter(exchange->request->query, "$skiptoken", true);
    bool is_one = token && exchange_method_is(exchange, "GET");

    free(token);
    return is_one;
}

static void find_operation(struct meaning *meaning, struct text method, bool is_page)
{
    const struct source *source = meaning->source;
    struct text rest = meaning->rest;
    bool is_endpoint = source == SOURCE_ENDPOINT;
    bool is_list = path_is(rest, source->list), is_regenerate = path_is(rest, source->regenerate);

    meaning->is_known = is_list || is_regenerate || rest.size == 0;
    if (rest.size == 0 && text_is(method, "GET"))
        mean(meaning, "read", "", is_endpoint && meaning->is_list ? arm_endpoints_list : arm_show);
    else if (is_list && (text_is(method, "POST") || is_page))
        mean(meaning, source->list_action ? source->list_action : source->list, "/action",
             arm_list_keys);
    else if (is_regenerate && text_is(method, "POST"))
        mean(meaning, source->regenerate_action ? source->regenerate_action : source->regenerate,
             "/action", arm_regenerate);
    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
        const struct operation *operation = &operations[i];

        if (meaning->is_list || strcmp(operation->kind, source->kind) != 0 ||
            !path_is(rest, operation->path))
            continue;
        meaning->is_known = true;
        if (text_is(method, operation->method))
            mean(meaning, operation->action, "", operation->run);
    }
}

/* The deepest type wins; of two rows for one type, the one that has the operation. */
static struct meaning meaning_of(const struct arm_call *call)
{
    struct text path = text_of(call->exchange->path);
    bool is_page = is_further_page(call->exchange);
    struct meaning best = {0};

    for (size_t i = 0; i < source_count; i++) {
        struct meaning found = {.source = &sources[i]};
        struct text last;
        bool is_better;

        if (!type_fits(&call->segments, found.source, &found.depth, &found.is_list))
            continue;
        if (!found.is_list) {
            last = call->segments.part[PROVIDER_AT + 2 * found.depth];
            found.rest = text_part(path, (size_t)(last.start - path.start) + last.size, path.size);
            if (found.rest.size)
                found.rest = text_part(found.rest, 1, found.rest.size);
        }
        find_operation(&found, call->exchange->request->method, is_page);
        is_better = !best.source || found.depth > best.depth ||
                    (found.depth == best.depth && found.is_list == best.is_list &&
                     (found.run ? !best.run : found.is_known && !best.is_known));
        if (is_better)
            best = found;
    }
    return best;
}

static void parent_not_found(struct arm_call *call, const struct meaning *meaning,
                             struct text provider, size_t depth)
{
    struct text type = text_of(meaning->source->type);

    arm_error(call->exchange, 404, "ParentResourceNotFound",
              "Failed to perform '%s' on resource(s) of type '%.*s', because the parent resource "
              "'%.*s/%.*s/%.*s' could not be found.",
              exchange_method_is(call->exchange, "GET") ? "read" : "action",
              TEXT_ARG(text_part(type, provider.size + 1, type.size)), TEXT_ARG(provider),
              TEXT_ARG(call->segments.part[PROVIDER_AT + 1 + 2 * depth]),
              TEXT_ARG(call->segments.part[PROVIDER_AT + 2 + 2 * depth]));
}

/* False, and the call answered, when a name on the way is unknown. The last name is not looked at.
 */
static bool parents_exist(struct arm_call *call, const struct meaning *meaning)
{
    struct text group = call->segments.part[3], names = text_of(meaning->source->names), name;

    if (!text_equal_ignoring_case(group, TEXT(LAB_RESOURCE_GROUP))) {
        arm_error(call->exchange, 404, "ResourceGroupNotFound",
                  "Resource group '%.*s' could not be found.", TEXT_ARG(group));
        return false;
    }
    for (size_t depth = 0; depth + 1 < meaning->depth && text_split(&names, '/', &name); depth++) {
        if (!text_equal_ignoring_case(name, call->segments.part[PROVIDER_AT + 2 + 2 * depth])) {
            parent_not_found(call, meaning, source_provider(meaning->source), depth);
            return false;
        }
    }
    return true;
}

static struct resource *resource_find(const struct arm_call *call, const struct meaning *meaning)
{
    struct text name = call->segments.part[PROVIDER_AT + 2 * meaning->depth];

    if (meaning->source == SOURCE_ENDPOINT)
        return world_find(&call->lab->world, name);
    for (struct resource **other = call->lab->world.others; *other; other++) {
        if ((*other)->source == meaning->source &&
            text_equal_ignoring_case(name, text_of((*other)->name)))
            return *other;
    }
    return NULL;
}

/* A PUT makes what is not there, and a DELETE of it has nothing to do. */
static bool may_be_absent(const struct arm_call *call, const struct meaning *meaning)
{
    return meaning->source == SOURCE_ENDPOINT && meaning->rest.size == 0 &&
           (exchange_method_is(call->exchange, "PUT") ||
            exchange_method_is(call->exchange, "DELETE"));
}

/* The provider's oldest version, and a day that is none. */
static bool version_is_known(struct arm_call *call, const struct source *source)
{
    if (strncmp(call->version, source->since, 10) >= 0 && strncmp(call->version, "2028", 4) < 0)
        return true;
    arm_error(call->exchange, 400, "NoRegisteredProviderFound",
              "No registered resource provider found for location '" LAB_LOCATION
              "' and API version '%s' for type '%s'. The supported api-versions are '%s, %s'. The "
              "supported locations are '" LAB_LOCATION "'.",
              call->version, strchr(source->type, '/') + 1, source->since, source->version);
    return false;
}

static void refuse_type(struct arm_call *call, bool is_type_known)
{
    if (is_type_known)
        arm_error(call->exchange, 404, "InvalidResourceType",
                  "The action could not be found in the lab.");
    else
        arm_error(call->exchange, 404, "InvalidResourceType",
                  "The resource type could not be found in the namespace '%.*s' for api version "
                  "'%s'.",
                  TEXT_ARG(call->segments.part[PROVIDER_AT]), call->version);
}

/* The path of the resource, or of the list, without what stands behind it. */
static struct text scope_of(const struct arm_call *call, const struct meaning *meaning)
{
    struct text path = text_of(call->exchange->path);
    size_t at = PROVIDER_AT + 2 * meaning->depth - (meaning->is_list ? 1 : 0);
    struct text last = call->segments.part[at];

    return text_part(path, 0, (size_t)(last.start - path.start) + last.size);
}

static void refuse_absent(struct arm_call *call, struct text scope)
{
    struct text provider = call->segments.part[PROVIDER_AT];

    arm_error(call->exchange, 404, "ResourceNotFound",
              "The Resource '%.*s' under resource group '%.*s' was not found. For more details "
              "please go to https://aka.ms/ARMResourceNotFoundFix",
              TEXT_ARG(text_part(scope, (size_t)(provider.start - scope.start), scope.size)),
              TEXT_ARG(call->segments.part[3]));
}

void arm_resources_handle(struct arm_call *call)
{
    struct meaning meaning = meaning_of(call);
    struct text scope;

    if (!meaning.source || !meaning.is_known) {
        refuse_type(call, meaning.source != NULL);
        return;
    }
    if (!version_is_known(call, meaning.source))
        return;
    if (!meaning.run) {
        arm_not_allowed(call->exchange);
        return;
    }
    scope = scope_of(call, &meaning);
    call->source = meaning.source;
    call->action = meaning.action;
    if (!arm_may(call, scope, meaning.action) || !parents_exist(call, &meaning))
        return;
    call->resource = meaning.is_list ? NULL : resource_find(call, &meaning);
    if (!meaning.is_list && !call->resource && !may_be_absent(call, &meaning))
        refuse_absent(call, scope);
    else
        meaning.run(call);
}
