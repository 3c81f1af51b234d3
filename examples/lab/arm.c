/* SPDX-License-Identifier: Apache-2.0 */
/* The front door of Azure Resource Manager: headers, errors, the bearer token, the api-version, and
 * the way to what lies behind. Checks come in ARM's order: token, api-version, then the names from
 * left to right. */
#include "examples/lab/lab.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The headers that come with every answer of ARM's front door. */
void arm_reply(struct exchange *exchange, int status, const struct server_header *headers,
               size_t count, json_t *json)
{
    struct text correlation = server_header(exchange->request, "x-ms-correlation-request-id");
    struct text client_id = server_header(exchange->request, "x-ms-client-request-id");
    struct text echo = server_header(exchange->request, "x-ms-return-client-request-id");
    bool is_read = exchange_method_is(exchange, "GET");
    char request_id[GUID_SIZE], made[GUID_SIZE], route[128], stamp[32];
    struct server_header all[ARM_HEADERS_MAX];
    time_t now = time(NULL);
    struct tm parts;
    size_t n = 0;

    guid_new(request_id);
    guid_new(made);
    if (!correlation.size)
        correlation = text_of(made);
    gmtime_r(&now, &parts);
    strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &parts);
    snprintf(route, sizeof(route), "CANADACENTRAL:%s:%.*s", stamp, TEXT_ARG(correlation));
    all[n++] = (struct server_header){TEXT("Cache-Control"), TEXT("no-cache")};
    all[n++] = (struct server_header){TEXT("Pragma"), TEXT("no-cache")};
    all[n++] = (struct server_header){TEXT("Expires"), TEXT("-1")};
    all[n++] = (struct server_header){TEXT("x-ms-request-id"), text_of(request_id)};
    all[n++] = (struct server_header){TEXT("x-ms-correlation-request-id"), correlation};
    all[n++] = (struct server_header){TEXT("x-ms-routing-request-id"), text_of(route)};
    all[n++] = is_read ? (struct server_header){TEXT("x-ms-ratelimit-remaining-subscription-reads"),
                                                TEXT("249")}
                       : (struct server_header){
                             TEXT("x-ms-ratelimit-remaining-subscription-writes"), TEXT("199")};
    all[n++] =
        is_read ? (struct server_header){TEXT("x-ms-ratelimit-remaining-subscription-global-reads"),
                                         TEXT("3749")}
                : (struct server_header){
                      TEXT("x-ms-ratelimit-remaining-subscription-global-writes"), TEXT("2999")};
    all[n++] = (struct server_header){TEXT("Strict-Transport-Security"),
                                      TEXT("max-age=31536000; includeSubDomains")};
    all[n++] = (struct server_header){TEXT("X-Content-Type-Options"), TEXT("nosniff")};
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

static void route(struct exchange *exchange, const char *version)
{
    struct segments segments = segments_of(text_of(exchange->path));

    if (!segment_is(&segments, 0, "subscriptions") || segments.count < 2) {
        arm_error(exchange, 404, "NotFound", "The path is not a resource of the lab.");
    } else if (!segment_is(&segments, 1, LAB_SUBSCRIPTION)) {
        arm_error(exchange, 404, "SubscriptionNotFound",
                  "The subscription '%.*s' could not be found.", TEXT_ARG(segments.part[1]));
    } else if (exchange->target == TARGET_ACTIVITY) {
        activity_handle(exchange);
    } else if (segments.count == 8 && segment_is(&segments, 3, LAB_PROVIDER) &&
               segment_is(&segments, 4, "locations") &&
               (segment_is(&segments, 6, "mfeOperationsStatus") ||
                segment_is(&segments, 6, "mfeOperationResults"))) {
        arm_operation_handle(exchange, &segments, version);
    } else if (segments.count >= 9 && segment_is(&segments, 2, "resourceGroups") &&
               segment_is(&segments, 4, "providers") && segment_is(&segments, 5, LAB_PROVIDER) &&
               segment_is(&segments, 6, "workspaces") &&
               segment_is(&segments, 8, "onlineEndpoints")) {
        arm_endpoints_handle(exchange, &segments, version);
    } else {
        arm_error(
            exchange, 404, "InvalidResourceType",
            "The resource type could not be found in the namespace of the lab, which has only "
            "'" LAB_PROVIDER "/workspaces/onlineEndpoints'.");
    }
}

void arm_handle(struct exchange *exchange)
{
    char *version;

    if (!bearer_accept(exchange))
        return;
    version = api_version(exchange);
    if (!version)
        return;
    route(exchange, version);
    free(version);
}
