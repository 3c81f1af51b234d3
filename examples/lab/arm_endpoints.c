/* SPDX-License-Identifier: Apache-2.0 */
/* Azure ML online endpoints as ARM shows them, and their life: list, create, update, delete. Every
 * URL that is handed out is built from the request's Host. */
#include "examples/lab/arm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_DEFAULT 50
#define BORN_AT      "2024-01-15T14:02:11.1234567Z"

static const char *const auth_modes[] = {"Key", "AMLToken", "AADToken"};

static char *scoring_uri(const struct lab *lab, const struct resource *endpoint)
{
    unsigned port = server_port(lab->servers[LISTENER_SCORING]);

    return endpoint == lab->world.first
               ? format_new("https://127.0.0.1:%u/score", port)
               : format_new("https://127.0.0.1:%u/%s/score", port, endpoint->name);
}

static const char *state_of(const struct resource *endpoint)
{
    if (!endpoint->pending)
        return "Succeeded";
    switch (endpoint->pending->kind) {
    case CHANGE_CREATE:
        return "Creating";
    case CHANGE_DELETE:
        return "Deleting";
    case CHANGE_UPDATE:
    case CHANGE_KEY:
        break;
    }
    return "Updating";
}

bool endpoint_has_keys(const struct resource *resource)
{
    struct text mode = json_text_at(resource->settings, "properties.authMode");

    return !mode.start || text_equal_ignoring_case(mode, TEXT("Key"));
}

json_t *endpoint_json(const struct arm_call *call, const struct resource *endpoint)
{
    char *uri = scoring_uri(call->lab, endpoint);
    json_t *json = json_pack(
        "{s:s, s:s, s:s, s:s, s:{}, s:s, s:{s:s, s:s, s:s}, s:{s:s, s:s, s:s, s:s, s:s, s:s}, "
        "s:{s:s, s:s, s:{s:s, s:s}, s:s?, s:n, s:s, s:{s:i}}}",
        "id", endpoint->id, "name", endpoint->name, "type", endpoint->source->type, "location",
        LAB_LOCATION, "tags", "kind", "Managed", "identity", "type", "SystemAssigned",
        "principalId", LAB_OBJECT_ID, "tenantId", LAB_TENANT, "systemData", "createdAt", BORN_AT,
        "createdBy", "ana@example.org", "createdByType", "User", "lastModifiedAt", BORN_AT,
        "lastModifiedBy", "ana@example.org", "lastModifiedByType", "User", "properties", "authMode",
        "Key", "description", "A model of the lab", "properties", "azureml.onlineendpointid",
        endpoint->id, "createdBy", "ana@example.org", "scoringUri", uri, "swaggerUri",
        "provisioningState", state_of(endpoint), "traffic", "blue", 100);
    json_t *properties = json_object_get(json, "properties");
    const char *name;
    json_t *value;

    free(uri);
    json_object_foreach (endpoint->settings, name, value) {
        if (strcmp(name, "properties") == 0)
            json_object_update(properties, value);
        else
            json_object_set(json, name, value);
    }
    return json;
}

/* `name` NULL: all. */
static json_t *page_of(struct arm_call *call, const char *name, size_t skip, size_t count)
{
    const struct world *world = &call->lab->world;
    const struct resource *only = name ? world_find(world, text_of(name)) : NULL;
    json_t *value = json_array(), *page;

    if (only && skip == 0)
        json_array_append_new(value, endpoint_json(call, only));
    for (size_t i = skip; !name && i < world->count && i < skip + count; i++)
        json_array_append_new(value, endpoint_json(call, world->endpoints[i]));
    page = json_pack("{s:o}", "value", value);
    if (page && !name && skip + count < world->count)
        json_object_set_new(
            page, "nextLink",
            json_sprintf("https://%.*s%s?api-version=%s&count=%zu&%%24skip=tok%%3D%zu",
                         TEXT_ARG(server_header(call->exchange->request, "Host")),
                         call->exchange->path, call->version, count, skip + count));
    return page;
}

void arm_endpoints_list(struct arm_call *call)
{
    struct text query = call->exchange->request->query;
    char *count_text = server_parameter(query, "count", true);
    char *skip_text = server_parameter(query, "$skip", true);
    char *name = server_parameter(query, "name", true);
    uint64_t count = PAGE_DEFAULT, skip = 0;

    if ((count_text && (!text_parse_u64(text_of(count_text), 1000, &count) || !count)) ||
        (skip_text && (strncmp(skip_text, "tok=", 4) != 0 ||
                       !text_parse_u64(text_of(skip_text + 4), call->lab->world.count, &skip))))
        arm_error(call->exchange, 400, "UserError",
                  "The query parameters count or $skip are invalid.");
    else
        arm_reply(call->exchange, 200, NULL, 0, page_of(call, name, skip, count));
    free(count_text);
    free(skip_text);
    free(name);
}

/* What of `from` may be set: everything else is read-only, or, as keys, never shown. */
static json_t *chosen(const json_t *from, const char *const *names)
{
    json_t *ret = json_object();

    for (; *names; names++) {
        json_t *value = json_object_get(from, *names);

        if (value)
            json_object_set(ret, *names, value);
    }
    return ret;
}

/* As Azure spells it, whatever the caller wrote; NULL: there is no such mode. */
static const char *auth_mode_of(const json_t *body)
{
    struct text mode = json_text_at(body, "properties.authMode");

    for (size_t i = 0; i < sizeof(auth_modes) / sizeof(auth_modes[0]); i++) {
        if (text_equal_ignoring_case(mode, text_of(auth_modes[i])))
            return auth_modes[i];
    }
    return NULL;
}

static json_t *settings_of(const json_t *body)
{
    static const char *const members[] = {"location", "tags", "kind", "identity", "sku", NULL};
    static const char *const properties[] = {
        "authMode", "description",   "properties",          "compute",
        "traffic",  "mirrorTraffic", "publicNetworkAccess", NULL};
    json_t *settings = chosen(body, members);

    if (settings)
        json_object_set_new(settings, "properties",
                            chosen(json_object_get(body, "properties"), properties));
    json_object_set_new(json_object_get(settings, "properties"), "authMode",
                        json_string(auth_mode_of(body)));
    return settings;
}

/* False, and the call answered, when the body is not that of an endpoint. */
static bool body_is_good(struct arm_call *call, const json_t *body)
{
    if (json_text_at(body, "location").size && auth_mode_of(body))
        return true;
    arm_error(call->exchange, 400, "UserError",
              "The request is invalid: it needs location and properties.authMode, which is Key, "
              "AMLToken or AADToken.");
    return false;
}

static bool is_busy(struct arm_call *call)
{
    if (!call->resource || !call->resource->pending)
        return false;
    arm_error(call->exchange, 409, "Conflict",
              "Another operation is in progress on '%s'. Wait until it has finished.",
              call->resource->name);
    return true;
}

static void set_first_keys(struct arm_call *call, const json_t *body)
{
    static const char *const members[] = {"properties.keys.primaryKey",
                                          "properties.keys.secondaryKey"};

    for (int slot = 0; slot < 2; slot++) {
        struct text value = json_text_at(body, members[slot]);

        if (value.size)
            resource_set_key(&call->lab->world, call->resource,
                             text_of(call->resource->keys[slot].name), value);
    }
}

static struct change *begin(struct arm_call *call, enum change_kind kind)
{
    struct change plan = {
        .kind = kind,
        .resource = call->resource,
        .deed = arm_deed(call),
        .fate = arm_fate(call),
        .due_at = now_ms() + (int64_t)call->lab->options.operation_time_ms,
    };
    struct change *change = world_begin(&call->lab->world, &plan);

    if (!change)
        arm_out_of_memory(call->exchange);
    return change;
}

static void put(struct arm_call *call, const json_t *body)
{
    struct text name = call->segments.part[9];
    bool is_new = !call->resource;
    char *text = text_copy(name);
    struct change *change;

    if (is_new)
        call->resource = text ? world_add_endpoint(&call->lab->world, text) : NULL;
    free(text);
    if (!call->resource) {
        arm_out_of_memory(call->exchange);
        return;
    }
    json_decref(call->resource->settings);
    call->resource->settings = settings_of(body);
    if (is_new)
        set_first_keys(call, body);
    change = begin(call, is_new ? CHANGE_CREATE : CHANGE_UPDATE);
    if (change && is_new)
        arm_accepted(call, change, STYLE_STATUS, 201, endpoint_json(call, call->resource));
    else if (change)
        arm_reply(call->exchange, 200, NULL, 0, endpoint_json(call, call->resource));
}

void arm_endpoint_put(struct arm_call *call)
{
    json_t *body = json_read_object(call->exchange->request->body, NULL);

    if (!endpoint_name_is_valid(call->segments.part[9]))
        arm_error(call->exchange, 400, "UserError",
                  "The request is invalid: a name has 3 to 32 letters, digits and dashes and "
                  "begins with a letter.");
    else if (body_is_good(call, body) && !is_busy(call))
        put(call, body);
    json_decref(body);
}

/* Tags and identity only, as PartialMinimalTrackedResourceWithIdentity has it. */
void arm_endpoint_patch(struct arm_call *call)
{
    static const char *const members[] = {"tags", "identity", NULL};
    json_t *body = json_read_object(call->exchange->request->body, NULL);
    json_t *settings = chosen(body, members);
    struct resource *resource = call->resource;
    struct change *change;

    if (!body) {
        arm_error(call->exchange, 400, "UserError", "The request is invalid: it is no object.");
    } else if (!is_busy(call)) {
        if (!resource->settings)
            resource->settings = json_object();
        json_object_update(resource->settings, settings);
        change = begin(call, CHANGE_UPDATE);
        if (change)
            arm_accepted(call, change, STYLE_LOCATION, 202, NULL);
    }
    json_decref(settings);
    json_decref(body);
}

void arm_endpoint_delete(struct arm_call *call)
{
    struct change *change;

    if (!call->resource) {
        arm_reply(call->exchange, 204, NULL, 0, NULL);
    } else if (!is_busy(call)) {
        change = begin(call, CHANGE_DELETE);
        if (change)
            arm_accepted(call, change, STYLE_LOCATION, 202, NULL);
    }
}

void arm_endpoint_token(struct arm_call *call)
{
    int64_t now = now_ms() / 1000;
    char token[65];

    if (endpoint_has_keys(call->resource)) {
        arm_error(call->exchange, 400, "UserError",
                  "Token authentication is not enabled for the endpoint '%s'.",
                  call->resource->name);
        return;
    }
    random_alphanumeric(token, sizeof(token));
    arm_reply(call->exchange, 200, NULL, 0,
              json_pack("{s:s, s:s, s:I, s:I}", "accessToken", token, "tokenType", "Bearer",
                        "expiryTimeUtc", (json_int_t)(now + 3600), "refreshAfterTimeUtc",
                        (json_int_t)(now + 1800)));
}

static json_t *deployment_json(const struct resource *endpoint)
{
    return json_pack("{s:o, s:s, s:s, s:s, s:{}, s:{s:s, s:s, s:s, s:s, s:b, s:{s:s}}}", "id",
                     json_sprintf("%s/deployments/blue", endpoint->id), "name", "blue", "type",
                     LAB_PROVIDER "/workspaces/onlineEndpoints/deployments", "location",
                     LAB_LOCATION, "tags", "properties", "endpointComputeType", "Managed",
                     "provisioningState", "Succeeded", "instanceType", "Standard_DS3_v2", "model",
                     "azureml://registries/nachet/models/swin/versions/1", "appInsightsEnabled", 0,
                     "scaleSettings", "scaleType", "Default");
}

void arm_deployments_list(struct arm_call *call)
{
    arm_reply(call->exchange, 200, NULL, 0,
              json_pack("{s:[o]}", "value", deployment_json(call->resource)));
}

void arm_deployment_get(struct arm_call *call)
{
    struct text name = call->segments.part[11];

    if (text_equal_ignoring_case(name, TEXT("blue")))
        arm_reply(call->exchange, 200, NULL, 0, deployment_json(call->resource));
    else
        arm_error(call->exchange, 404, "UserError", "The deployment '%.*s' was not found.",
                  TEXT_ARG(name));
}
