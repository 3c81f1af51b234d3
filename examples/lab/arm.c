/* SPDX-License-Identifier: Apache-2.0 */
/* The front door of Azure Resource Manager: headers, errors, the bearer token, the api-version, and
 * the way to what lies behind. Checks come in ARM's order: token, api-version, then the names from
 * left to right. */
#include "examples/lab/arm.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* "x-ms-ratelimit-remaining-subscription-reads" and the like. */
struct quota_texts {
    char names[2][64], values[2][24];
};

static size_t quota_headers(const struct quota_reading *reading, struct quota_texts *texts,
                            struct server_header out[2])
{
    static const char *const scopes[] = {"", "global-"};
    const long remaining[] = {reading->remaining, reading->remaining_globally};

    if (!reading->kind)
        return 0;
    for (int i = 0; i < 2; i++) {
        snprintf(texts->names[i], sizeof(texts->names[i]),
                 "x-ms-ratelimit-remaining-subscription-%s%s", scopes[i], reading->kind);
        snprintf(texts->values[i], sizeof(texts->values[i]), "%ld", remaining[i]);
        out[i] = (struct server_header){text_of(texts->names[i]), text_of(texts->values[i])};
    }
    return 2;
}

/* The headers that come with every answer of ARM's front door. */
void arm_reply(struct exchange *exchange, int status, const struct server_header *headers,
               size_t count, json_t *json)
{
    struct text client_id = server_header(exchange->request, "x-ms-client-request-id");
    struct text echo = server_header(exchange->request, "x-ms-return-client-request-id");
    char request_id[GUID_SIZE], route[192], stamp[32];
    struct server_header all[ARM_HEADERS_MAX];
    struct quota_texts texts;
    time_t now = time(NULL);
    struct tm parts;
    size_t n = 0;

    guid_new(request_id);
    gmtime_r(&now, &parts);
    strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &parts);
    snprintf(route, sizeof(route), "CANADACENTRAL:%s:%s", stamp, exchange->correlation_id);
    all[n++] = (struct server_header){TEXT("Cache-Control"), TEXT("no-cache")};
    all[n++] = (struct server_header){TEXT("Pragma"), TEXT("no-cache")};
    all[n++] = (struct server_header){TEXT("Expires"), TEXT("-1")};
    all[n++] = (struct server_header){TEXT("x-ms-request-id"), text_of(request_id)};
    all[n++] = (struct server_header){TEXT("x-ms-correlation-request-id"),
                                      text_of(exchange->correlation_id)};
    all[n++] = (struct server_header){TEXT("x-ms-routing-request-id"), text_of(route)};
    all[n++] = (struct server_header){TEXT("Strict-Transport-Security"),
                                      TEXT("max-age=31536000; includeSubDomains")};
    all[n++] = (struct server_header){TEXT("X-Content-Type-Options"), TEXT("nosniff")};
    n += quota_headers(&exchange->quota, &texts, all + n);
    if (client_id.size && text_equal_ignoring_case(echo, TEXT("true")))
        all[n++] = (struct server_header){TEXT("x-ms-client-request-id"), client_id};
    for (size_t i = 0; i < count && n < ARM_HEADERS_MAX; i++)
        all[n++] = headers[i];
    if (json)
        exchange_reply_json(exchange, status, all, n, json);
    else
        exchange_reply(exchange, status, all, n, TEXT(""));
}

void arm_error(struct exchange *exchange, int status, const char *code, const char *format, ...)
{
    const struct server_header cause = {TEXT("x-ms-failure-cause"), TEXT("gateway")};
    char sentence[1024];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(sentence, sizeof(sentence), format, arguments);
    va_end(arguments);
    arm_reply(exchange, status, &cause, 1,
              json_pack("{s:{s:s, s:s}}", "error", "code", code, "message", sentence));
}

static bool version_is_well_formed(struct text version)
{
    struct text date = text_part(version, 0, 10), rest = text_part(version, 10, version.size);

    if (date.size != 10 || (rest.size && !text_equal_ignoring_case(rest, TEXT("-preview"))))
        return false;
    for (size_t i = 0; i < 10; i++) {
        bool is_dash = i == 4 || i == 7;

        if (is_dash ? date.start[i] != '-' : date.start[i] < '0' || date.start[i] > '9')
            return false;
    }
    return true;
}

/* The api-version to free(), or NULL after an error was answered. */
static char *api_version(struct exchange *exchange)
{
    char *version = server_parameter(exchange->request->query, "api-version", true);

    if (!version || !*version) {
        arm_error(exchange, 400, "MissingApiVersionParameter",
                  "The api-version query parameter (?api-version=) is required for all requests.");
    } else if (!version_is_well_formed(text_of(version))) {
        arm_error(exchange, 400, "InvalidApiVersionParameter",
                  "The api-version '%s' is invalid. The format is 'YYYY-MM-DD' with an optional "
                  "'-preview'.",
                  version);
    } else {
        return version;
    }
    free(version);
    return NULL;
}

/* Where "Microsoft.Authorization" stands in the path, at any scope; 0: nowhere. */
static size_t authorization_at(const struct segments *segments)
{
    for (size_t i = segments->count < SEGMENTS_MAX ? segments->count : SEGMENTS_MAX; i-- > 1;) {
        if (segment_is(segments, i, "Microsoft.Authorization") &&
            segment_is(segments, i - 1, "providers"))
            return i;
    }
    return 0;
}

static void route(struct arm_call *call)
{
    const struct segments *segments = &call->segments;
    size_t at = authorization_at(segments);

    if (!segment_is(segments, 0, "subscriptions") || segments->count < 2)
        arm_error(call->exchange, 404, "NotFound", "The path is not a resource of the lab.");
    else if (!segment_is(segments, 1, LAB_SUBSCRIPTION))
        arm_error(call->exchange, 404, "SubscriptionNotFound",
                  "The subscription '%.*s' could not be found.", TEXT_ARG(segments->part[1]));
    else if (at)
        arm_authorization_handle(call, at);
    else if (call->exchange->target == TARGET_ACTIVITY)
        arm_activity_handle(call);
    else if (segments->count == 8 && segment_is(segments, 2, "providers") &&
             segment_is(segments, 4, "locations"))
        arm_operation_handle(call);
    else if (segments->count >= 7 && segments->count <= SEGMENTS_MAX &&
             segment_is(segments, 2, "resourceGroups") && segment_is(segments, 4, "providers"))
        arm_resources_handle(call);
    else
        arm_error(call->exchange, 404, "InvalidResourceType",
                  "The lab has no resource at this path.");
}

/* False, and the call answered, when the caller has used up its share. */
static bool quota_allows(struct exchange *exchange)
{
    char seconds[24];
    struct server_header wait = {TEXT("Retry-After"), {0}};

    exchange->quota =
        quota_take(exchange->lab->quota, exchange->claims.object_id, exchange->request->method);
    if (!exchange->quota.retry_after)
        return true;
    snprintf(seconds, sizeof(seconds), "%ld", exchange->quota.retry_after);
    wait.value = text_of(seconds);
    arm_reply(exchange, 429, &wait, 1,
              json_pack("{s:{s:s, s:o}}", "error", "code", "SubscriptionRequestsThrottled",
                        "message",
                        json_sprintf("Number of '%.*s' requests for subscription '" LAB_SUBSCRIPTION
                                     "' actor '%s' exceeded. Please try again after '%s' seconds.",
                                     (int)strlen(exchange->quota.kind) - 1, exchange->quota.kind,
                                     exchange->claims.object_id, seconds)));
    return false;
}

static void take_correlation(struct exchange *exchange)
{
    struct text given = server_header(exchange->request, "x-ms-correlation-request-id");

    if (given.size && given.size < sizeof(exchange->correlation_id))
        snprintf(exchange->correlation_id, sizeof(exchange->correlation_id), "%.*s",
                 TEXT_ARG(given));
    else
        guid_new(exchange->correlation_id);
}

void arm_handle(struct exchange *exchange)
{
    struct arm_call call = {.exchange = exchange, .lab = exchange->lab};
    char *version;

    take_correlation(exchange);
    if (cloud_metadata_handle(exchange) || !bearer_accept(exchange) || !quota_allows(exchange))
        return;
    version = api_version(exchange);
    if (!version)
        return;
    call.version = version;
    call.segments = segments_of(text_of(exchange->path));
    route(&call);
    free(version);
}
