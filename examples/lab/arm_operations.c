/* SPDX-License-Identifier: Apache-2.0 */
/* Operations under way, in the styles that ARM's rules allow: a status to read, a result to wait
 * for, or both. Every URL is absolute and built from the Host of the request it answers. */
#include "examples/lab/arm.h"

#include <stdio.h>
#include <stdlib.h>

#define URL_SIZE 768

static void operation_url(const struct arm_call *call, const struct change *change, bool is_status,
                          char out[URL_SIZE])
{
    const struct source *source = change->resource->source;

    snprintf(out, URL_SIZE,
             "https://%.*s/subscriptions/" LAB_SUBSCRIPTION
             "/providers/%.*s/locations/" LAB_LOCATION "/%s/%s?api-version=%s",
             TEXT_ARG(server_header(call->exchange->request, "Host")),
             TEXT_ARG(source_provider(source)),
             is_status ? (source->status ? source->status : "operationsStatus")
                       : (source->results ? source->results : "operationResults"),
             change->id, call->version);
}

void arm_accepted(struct arm_call *call, const struct change *change, enum style style, int status,
                  json_t *json)
{
    char location[URL_SIZE], async[URL_SIZE];
    struct server_header headers[3];
    size_t count = 0;

    operation_url(call, change, style == STYLE_SAME, location);
    operation_url(call, change, true, async);
    headers[count++] = (struct server_header){TEXT("Retry-After"), TEXT("1")};
    if (style != STYLE_STATUS)
        headers[count++] = (struct server_header){TEXT("Location"), text_of(location)};
    if (style != STYLE_LOCATION)
        headers[count++] = (struct server_header){TEXT("Azure-AsyncOperation"), text_of(async)};
    arm_reply(call->exchange, status, headers, count, json);
}

static const char *status_word(const struct change *change)
{
    if (!change->is_over)
        return "InProgress";
    return change->fate == CHANGE_FAILS ? "Failed" : "Succeeded";
}

static json_t *error_json(void)
{
    return json_pack("{s:s, s:s}", "code", "InternalServerError", "message",
                     "The regeneration of the key failed: the lab was told so.");
}

static void reply_status(struct arm_call *call, const struct change *change)
{
    const struct server_header wait = {TEXT("Retry-After"), TEXT("1")};
    char start[TIMESTAMP_SIZE], end[TIMESTAMP_SIZE];
    json_t *json;

    timestamp_at(change->started_at, start);
    json = json_pack("{s:s, s:s, s:s, s:s}", "id", call->exchange->path, "name", change->id,
                     "status", status_word(change), "startTime", start);
    if (json && change->is_over) {
        timestamp_at(change->due_at, end);
        json_object_set_new(json, "endTime", json_string(end));
        if (change->fate == CHANGE_FAILS)
            json_object_set_new(json, "error", error_json());
    }
    arm_reply(call->exchange, 200, &wait, change->is_over ? 0 : 1, json);
}

static void reply_result(struct arm_call *call, const struct change *change)
{
    json_t *json = NULL;

    if (!change->is_over) {
        arm_accepted(call, change, STYLE_LOCATION, 202, NULL);
    } else if (change->fate == CHANGE_FAILS) {
        arm_reply(call->exchange, 500, NULL, 0, json_pack("{s:o}", "error", error_json()));
    } else {
        if (change->kind == CHANGE_KEY)
            json = regenerate_result(change);
        else if (change->kind != CHANGE_DELETE)
            json = resource_json(call, change->resource);
        arm_reply(call->exchange, 200, NULL, 0, json);
    }
}

/* subscriptions/S/providers/P/locations/L/{status or results}/{operation} */
void arm_operation_handle(struct arm_call *call)
{
    const struct segments *segments = &call->segments;
    const struct change *change = world_change(&call->lab->world, segments->part[7]);
    const struct source *source = change ? change->resource->source : NULL;

    if (!exchange_method_is(call->exchange, "GET"))
        arm_not_allowed(call->exchange);
    else if (!source || !text_equal_ignoring_case(source_provider(source), segments->part[3]))
        arm_error(call->exchange, 404, "OperationNotFound", "The operation '%.*s' was not found.",
                  TEXT_ARG(segments->part[7]));
    else if (segment_is(segments, 6, source->status ? source->status : "operationsStatus"))
        reply_status(call, change);
    else if (segment_is(segments, 6, source->results ? source->results : "operationResults"))
        reply_result(call, change);
    else
        arm_error(call->exchange, 404, "OperationNotFound", "There are no '%.*s' here.",
                  TEXT_ARG(segments->part[6]));
}
