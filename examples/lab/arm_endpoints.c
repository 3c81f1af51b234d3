/* SPDX-License-Identifier: Apache-2.0 */
/* Azure ML online endpoints as ARM shows them: list, get, listKeys, regenerateKeys, and the
 * operation that a regeneration starts. Every URL that is handed out is built from the request's
 * Host. */
#include "examples/lab/lab.h"

#include <stdio.h>
#include <stdlib.h>

#define PAGE_DEFAULT      50
#define OPERATION_FAILURE "The regeneration of the key failed: the lab was told so."
#define SEGMENTS_OF_LIST                                                                           \
    9 /* subscriptions/S/resourceGroups/G/providers/P/workspaces/W/onlineEndpoints */

static char *scoring_uri(const struct lab *lab, const struct endpoint *endpoint)
{
    unsigned port = server_port(lab->servers[LISTENER_SCORING]);

    return endpoint == lab->world.first
               ? format_new("https://127.0.0.1:%u/score", port)
               : format_new("https://127.0.0.1:%u/%s/score", port, endpoint->name);
}

static json_t *endpoint_json(const struct lab *lab, const struct endpoint *endpoint)
{
    char *uri = scoring_uri(lab, endpoint);
    json_t *json = json_pack(
        "{s:s, s:s, s:s, s:s, s:{}, s:s, s:{s:s, s:s, s:s}, s:{s:s, s:s, s:s, s:s, s:s}, "
        "s:{s:s, s:s, s:{s:s, s:s}, s:s?, s:n, s:s, s:{s:i}, s:s}}",
        "id", endpoint->id, "name", endpoint->name, "type",
        LAB_PROVIDER "/workspaces/onlineEndpoints", "location", LAB_LOCATION, "tags", "kind",
        "Managed", "identity", "type", "SystemAssigned", "principalId", LAB_OBJECT_ID, "tenantId",
        LAB_TENANT, "systemData", "createdAt", "2024-01-15T14:02:11.1234567Z", "createdBy",
        "ana@example.org", "createdByType", "User", "lastModifiedAt",
        "2024-01-15T14:02:11.1234567Z", "lastModifiedBy", "ana@example.org", "properties",
        "authMode", "Key", "description", "A model of the lab", "properties",
        "azureml.onlineendpointid", endpoint->id, "createdBy", "ana@example.org", "scoringUri", uri,
        "swaggerUri", "provisioningState", endpoint->pending ? "Updating" : "Succeeded", "traffic",
        "blue", 100, "publicNetworkAccess", "Enabled");

    free(uri);
    return json;
}

static void list(struct exchange *exchange, const char *version)
{
    const struct world *world = &exchange->lab->world;
    struct text query = exchange->request->query, host = server_header(exchange->request, "Host");
    char *count_text = server_parameter(query, "count", true);
    char *skip_text = server_parameter(query, "$skip", true);
    uint64_t count = PAGE_DEFAULT, skip = 0;
    json_t *value = json_array(), *page;

    if ((count_text && (!text_parse_u64(text_of(count_text), 1000, &count) || !count)) ||
        (skip_text && !text_parse_u64(text_of(skip_text), world->count, &skip))) {
        json_decref(value);
        arm_error(exchange, 400, "UserError", "The query parameters count or $skip are invalid.");
    } else {
        for (size_t i = skip; i < world->count && i < skip + count; i++)
            json_array_append_new(value, endpoint_json(exchange->lab, &world->endpoints[i]));
        page = json_pack("{s:o}", "value", value);
        if (page && skip + count < world->count)
            json_object_set_new(
                page, "nextLink",
                json_sprintf("https://%.*s%s?api-version=%s&count=%llu&%%24skip=%llu",
                             TEXT_ARG(host), exchange->path, version, (unsigned long long)count,
                             (unsigned long long)(skip + count)));
        arm_reply(exchange, 200, NULL, 0, page);
    }
    free(count_text);
    free(skip_text);
}

static void list_keys(struct exchange *exchange, const struct endpoint *endpoint)
{
    const char(*keys)[256] = exchange->is_stale ? endpoint->before : endpoint->keys;

    arm_reply(exchange, 200, NULL, 0,
              json_pack("{s:s, s:s}", "primaryKey", keys[0], "secondaryKey", keys[1]));
}

static void reply_accepted(struct exchange *exchange, const struct change *change,
                           const char *version)
{
    struct text host = server_header(exchange->request, "Host");
    char location[512], status[512];
    struct server_header headers[3];

    snprintf(location, sizeof(location),
             "https://%.*s/subscriptions/" LAB_SUBSCRIPTION "/providers/" LAB_PROVIDER
             "/locations/" LAB_LOCATION "/mfeOperationResults/%s?api-version=%s",
             TEXT_ARG(host), change->id, version);
    snprintf(status, sizeof(status),
             "https://%.*s/subscriptions/" LAB_SUBSCRIPTION "/providers/" LAB_PROVIDER
             "/locations/" LAB_LOCATION "/mfeOperationsStatus/%s?api-version=%s",
             TEXT_ARG(host), change->id, version);
    headers[0] = (struct server_header){TEXT("Location"), text_of(location)};
    headers[1] = (struct server_header){TEXT("Retry-After"), TEXT("1")};
    headers[2] = (struct server_header){TEXT("Azure-AsyncOperation"), text_of(status)};
    arm_reply(exchange, 202, headers, 3, NULL);
}

static enum change_fate fate_of(enum fault_kind kind)
{
    if (kind == FAULT_OPERATION_FAILED)
        return CHANGE_FAILS;
    return kind == FAULT_OPERATION_HANGS ? CHANGE_HANGS : CHANGE_SUCCEEDS;
}

static void regenerate(struct exchange *exchange, struct endpoint *endpoint, const char *version)
{
    struct lab *lab = exchange->lab;
    json_t *body = json_read_object(exchange->request->body, NULL);
    struct text type = json_text_at(body, "keyType"), value = json_text_at(body, "keyValue");
    int slot = slot_of(type);
    struct change *change;

    if (slot < 0) {
        arm_error(exchange, 400, "UserError",
                  "The request is invalid: keyType must be 'Primary' or 'Secondary'.");
    } else if (value.size >= sizeof(change->value)) {
        arm_error(exchange, 400, "UserError", "The request is invalid: keyValue is too long.");
    } else if (endpoint->pending) {
        arm_error(
            exchange, 409, "Conflict",
            "Another operation is in progress on the endpoint '%s'. Wait until it has finished.",
            endpoint->name);
    } else if (!(change = world_regenerate(&lab->world, endpoint, slot, value,
                                           now_ms() + (int64_t)lab->options.operation_time_ms))) {
        arm_error(exchange, 500, "ServiceError", "out of memory");
    } else {
        endpoint->pending = change;
        change->fate = fate_of(exchange_operation_fault(exchange));
        snprintf(change->caller, sizeof(change->caller), "%s", LAB_OBJECT_ID);
        snprintf(change->client_request_id, sizeof(change->client_request_id), "%.*s",
                 TEXT_ARG(server_header(exchange->request, "x-ms-client-request-id")));
        activity_log_add(lab->world.log, change, false);
        reply_accepted(exchange, change, version);
    }
    json_decref(body);
}

static void not_allowed(struct exchange *exchange)
{
    arm_error(exchange, 405, "HttpMethodNotAllowed",
              "The requested resource does not support http method '%.*s'.",
              TEXT_ARG(exchange->request->method));
}

/* .../locations/{region}/mfeOperationsStatus/{id} and mfeOperationResults/{id} */
void arm_operation_handle(struct exchange *exchange, const struct segments *segments,
                          const char *version)
{
    const struct change *change = world_change(&exchange->lab->world, segments->part[7]);
    const struct server_header wait = {TEXT("Retry-After"), TEXT("1")};
    char start[TIMESTAMP_SIZE], end[TIMESTAMP_SIZE];
    const char *word = "InProgress";
    bool is_over;
    json_t *json;

    if (!exchange_method_is(exchange, "GET")) {
        not_allowed(exchange);
    } else if (!change) {
        arm_error(exchange, 404, "OperationNotFound", "The operation '%.*s' was not found.",
                  TEXT_ARG(segments->part[7]));
    } else if (segment_is(segments, 6, "mfeOperationResults")) {
        if (change->is_applied)
            arm_reply(exchange, 200, NULL, 0, NULL);
        else if (change->has_failed)
            arm_error(exchange, 500, "InternalServerError", OPERATION_FAILURE);
        else
            reply_accepted(exchange, change, version);
    } else {
        timestamp_at(change->started_at, start);
        timestamp_at(change->due_at, end);
        is_over = change->is_applied || change->has_failed;
        if (is_over)
            word = change->has_failed ? "Failed" : "Succeeded";
        json = json_pack("{s:s, s:s, s:s, s:f}", "name", change->id, "status", word, "startTime",
                         start, "percentComplete", is_over ? 100.0 : 50.0);
        if (json && is_over)
            json_object_set_new(json, "endTime", json_string(end));
        if (json && change->has_failed)
            json_object_set_new(json, "error",
                                json_pack("{s:s, s:s}", "code", "InternalServerError", "message",
                                          OPERATION_FAILURE));
        arm_reply(exchange, 200, &wait, is_over ? 0 : 1, json);
    }
}

void arm_endpoints_handle(struct exchange *exchange, const struct segments *segments,
                          const char *version)
{
    struct endpoint *endpoint;
    struct text group = segments->part[3], workspace = segments->part[7], name = segments->part[9];
    bool is_get = exchange_method_is(exchange, "GET"),
         is_post = exchange_method_is(exchange, "POST");

    if (!text_equal_ignoring_case(group, TEXT(LAB_RESOURCE_GROUP))) {
        arm_error(exchange, 404, "ResourceGroupNotFound",
                  "Resource group '%.*s' could not be found.", TEXT_ARG(group));
        return;
    }
    if (!text_equal_ignoring_case(workspace, TEXT(LAB_WORKSPACE))) {
        arm_error(
            exchange, 404, "ParentResourceNotFound",
            "Failed to perform '%s' on resource(s) of type 'workspaces/onlineEndpoints', because "
            "the parent resource '" LAB_PROVIDER "/workspaces/%.*s' could not be found.",
            is_get ? "read" : "action", TEXT_ARG(workspace));
        return;
    }
    if (segments->count == SEGMENTS_OF_LIST) {
        if (is_get)
            list(exchange, version);
        else
            not_allowed(exchange);
        return;
    }
    endpoint = world_find(&exchange->lab->world, name);
    if (!endpoint)
        arm_error(exchange, 404, "ResourceNotFound",
                  "The Resource '" LAB_PROVIDER
                  "/workspaces/%.*s/onlineEndpoints/%.*s' under resource "
                  "group '%.*s' was not found. For more details please go to "
                  "https://aka.ms/ARMResourceNotFoundFix",
                  TEXT_ARG(workspace), TEXT_ARG(name), TEXT_ARG(group));
    else if (segments->count == SEGMENTS_OF_LIST + 1 && is_get)
        arm_reply(exchange, 200, NULL, 0, endpoint_json(exchange->lab, endpoint));
    else if (segments->count == SEGMENTS_OF_LIST + 2 && segment_is(segments, 10, "listKeys") &&
             is_post)
        list_keys(exchange, endpoint);
    else if (segments->count == SEGMENTS_OF_LIST + 2 &&
             segment_is(segments, 10, "regenerateKeys") && is_post)
        regenerate(exchange, endpoint, version);
    else if (segments->count > SEGMENTS_OF_LIST + 1 && is_post)
        arm_error(exchange, 404, "InvalidResourceType",
                  "The action could not be found in the lab.");
    else
        not_allowed(exchange);
}
