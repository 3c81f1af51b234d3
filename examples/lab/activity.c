/* SPDX-License-Identifier: Apache-2.0 */
/* The Activity Log: who regenerated which key when. Its $filter is "very restricted, no other
 * syntax is allowed", so the parser here takes exactly the documented forms. Events show after a
 * delay, as at Azure. */
#include "examples/lab/lab.h"

#include "base/moment.h"

#include <stdio.h>
#include <stdlib.h>

#define OPERATION LAB_PROVIDER "/workspaces/onlineEndpoints/regenerateKeys/action"
#define KEPT_MS   ((int64_t)90 * 86400 * 1000)

struct event {
    SLIST_ENTRY(event) link;
    int64_t at;
    const struct change *change;
    bool is_end;
    char id[GUID_SIZE];
};

struct activity_log {
    SLIST_HEAD(, event) events; /* newest first */
    uint64_t delay_ms;
};

struct activity_log *activity_log_new(uint64_t delay_ms)
{
    struct activity_log *log = calloc(1, sizeof(*log));

    if (log)
        log->delay_ms = delay_ms;
    return log;
}

void activity_log_free(struct activity_log *log)
{
    struct event *event;

    while (log && (event = SLIST_FIRST(&log->events))) {
        SLIST_REMOVE_HEAD(&log->events, link);
        free(event);
    }
    free(log);
}

void activity_log_add(struct activity_log *log, const struct change *change, bool is_end)
{
    struct event *event = log ? calloc(1, sizeof(*event)) : NULL;

    if (!event)
        return;
    event->at = is_end ? change->due_at : change->started_at;
    event->change = change;
    event->is_end = is_end;
    guid_new(event->id);
    SLIST_INSERT_HEAD(&log->events, event, link);
}

struct filter {
    int64_t from, to;
    bool has_to;
    struct text subject, value; /* "resourceUri" and so on; subject empty: all */
};

/* Takes "NAME OP 'VALUE'" from the front of `rest`; quotes in the value are doubled at Azure, and
 * never needed here. */
static bool take_clause(struct text *rest, const char *name, const char *operator,
                        struct text * value)
{
    char start[64];
    int size = snprintf(start, sizeof(start), "%s %s '", name, operator);
    struct text after;
    size_t end;

    if (!text_starts_with_ignoring_case(*rest, (struct text){start, (size_t)size}))
        return false;
    after = text_part(*rest, (size_t)size, rest->size);
    end = text_find(after, TEXT("'"));
    if (end == SIZE_MAX)
        return false;
    *value = text_part(after, 0, end);
    *rest = text_part(after, end + 1, after.size);
    return true;
}

static bool take_and(struct text *rest)
{
    const struct text word = TEXT(" and ");

    if (!text_starts_with_ignoring_case(*rest, word))
        return false;
    *rest = text_part(*rest, word.size, rest->size);
    return true;
}

static bool filter_parse(struct text text, struct filter *ret)
{
    static const char *const subjects[] = {"resourceGroupName", "resourceUri", "resourceProvider",
                                           "correlationId"};
    struct filter filter = {0};
    struct text rest = text_trim(text), value;

    if (!take_clause(&rest, "eventTimestamp", "ge", &value) || !instant_parse(value, &filter.from))
        return false;
    if (rest.size && !take_and(&rest))
        return false;
    if (take_clause(&rest, "eventTimestamp", "le", &value)) {
        if (!instant_parse(value, &filter.to) || (rest.size && !take_and(&rest)))
            return false;
        filter.has_to = true;
    }
    for (size_t i = 0; i < sizeof(subjects) / sizeof(subjects[0]) && !filter.subject.size; i++) {
        if (take_clause(&rest, subjects[i], "eq", &filter.value))
            filter.subject = text_of(subjects[i]);
    }
    if (rest.size)
        return false;
    *ret = filter;
    return true;
}

static bool event_passes(const struct event *event, const struct filter *filter)
{
    const struct change *change = event->change;

    if (event->at < filter->from || (filter->has_to && event->at > filter->to))
        return false;
    if (text_is(filter->subject, "resourceGroupName"))
        return text_equal_ignoring_case(filter->value, TEXT(LAB_RESOURCE_GROUP));
    if (text_is(filter->subject, "resourceUri"))
        return text_equal_ignoring_case(filter->value, text_of(change->endpoint->id));
    if (text_is(filter->subject, "resourceProvider"))
        return text_equal_ignoring_case(filter->value, TEXT(LAB_PROVIDER));
    if (text_is(filter->subject, "correlationId"))
        return text_equal_ignoring_case(filter->value, text_of(change->correlation_id));
    return true;
}

static json_t *localizable(const char *value)
{
    return json_pack("{s:s, s:s}", "value", value, "localizedValue", value);
}

static json_t *claims_json(const struct change *change)
{
    bool is_person = text_contains_byte(text_of(change->caller), '@');
    json_t *claims = json_pack("{s:s, s:s}", "aud", "https://management.core.windows.net/", "iss",
                               "https://sts.windows.net/" LAB_TENANT "/");

    if (claims && is_person)
        json_object_set_new(claims, "name", json_string(change->caller));
    else if (claims)
        json_object_set_new(claims, "appid", json_string(LAB_CLIENT_ID));
    return claims;
}

static json_t *event_json(const struct activity_log *log, const struct event *event)
{
    const struct change *change = event->change;
    const char *end = change->has_failed ? "Failed" : "Succeeded";
    const char *status = event->is_end ? end : "Started";
    char at[TIMESTAMP_SIZE], shown_at[TIMESTAMP_SIZE];

    timestamp_at(event->at, at);
    timestamp_at(event->at + (int64_t)log->delay_ms, shown_at);
    return json_pack(
        "{s:{s:s, s:s}, s:s, s:o, s:s, s:s, s:s, s:o, s:o, s:{s:s, s:s, s:s}, s:o, s:s, s:s, s:o, "
        "s:s, "
        "s:o, s:s, s:o, s:{s:s}, s:o, s:o, s:s, s:s, s:s, s:s}",
        "authorization", "action", OPERATION, "scope", change->endpoint->id, "caller",
        change->caller, "claims", claims_json(change), "correlationId", change->correlation_id,
        "description", "", "eventDataId", event->id, "eventName",
        localizable(event->is_end ? "EndRequest" : "BeginRequest"), "category",
        localizable("Administrative"), "httpRequest", "clientRequestId", change->client_request_id,
        "clientIpAddress", "192.0.2.10", "method", "POST", "id",
        json_sprintf("%s/events/%s/ticks/%lld", change->endpoint->id, event->id,
                     (long long)event->at * 10000),
        "level", "Informational", "resourceGroupName", LAB_RESOURCE_GROUP, "resourceProviderName",
        localizable(LAB_PROVIDER), "resourceId", change->endpoint->id, "resourceType",
        localizable(LAB_PROVIDER "/workspaces/onlineEndpoints"), "operationId",
        change->correlation_id, "operationName", localizable(OPERATION), "properties", "statusCode",
        event->is_end ? "OK" : "Accepted", "status", localizable(status), "subStatus",
        localizable(""), "eventTimestamp", at, "submissionTimestamp", shown_at, "subscriptionId",
        LAB_SUBSCRIPTION, "tenantId", LAB_TENANT);
}

/* Only the members named in $select; takes `event`. */
static json_t *event_select(json_t *event, const char *select)
{
    struct text rest = text_of(select), name;
    json_t *selected;

    if (!event || !select || !*select)
        return event;
    selected = json_object();
    while (selected && text_split(&rest, ',', &name)) {
        struct text trimmed = text_trim(name);
        json_t *value = json_object_getn(event, trimmed.start, trimmed.size);

        if (value)
            json_object_setn(selected, trimmed.start, trimmed.size, value);
    }
    json_decref(event);
    return selected;
}

/* This service's own error form: no envelope. */
static void activity_error(struct exchange *exchange, const char *text)
{
    arm_reply(exchange, 400, NULL, 0,
              json_pack("{s:s, s:s}", "code", "BadRequest", "message", text));
}

static void query(struct exchange *exchange, const struct filter *filter, const char *select)
{
    const struct activity_log *log = exchange->lab->world.log;
    int64_t now = now_ms();
    const struct event *event;
    json_t *value = json_array();

    SLIST_FOREACH (event, &log->events, link) {
        if (event->at + (int64_t)log->delay_ms <= now && event_passes(event, filter))
            json_array_append_new(value, event_select(event_json(log, event), select));
    }
    arm_reply(exchange, 200, NULL, 0, json_pack("{s:o}", "value", value));
}

void activity_handle(struct exchange *exchange)
{
    struct segments segments = segments_of(text_of(exchange->path));
    char *text = server_parameter(exchange->request->query, "$filter", true);
    char *select = server_parameter(exchange->request->query, "$select", true);
    struct filter filter;

    if (segments.count != 7 || !segment_is(&segments, 4, "eventtypes") ||
        !segment_is(&segments, 5, "management") || !segment_is(&segments, 6, "values"))
        arm_error(exchange, 404, "InvalidResourceType",
                  "The lab has only the Activity Log's events.");
    else if (!exchange_method_is(exchange, "GET"))
        arm_error(exchange, 405, "HttpMethodNotAllowed", "Only GET is supported.");
    else if (!text)
        activity_error(exchange, "The $filter query parameter is required.");
    else if (!filter_parse(text_of(text), &filter))
        activity_error(exchange,
                       "The $filter is invalid: a start time (eventTimestamp ge '...') is "
                       "required, then at most an end time (le) and one of resourceGroupName, "
                       "resourceUri, resourceProvider, correlationId (eq), joined by 'and'.");
    else if (filter.from < now_ms() - KEPT_MS)
        activity_error(exchange, "The start time cannot be more than 90 days in the past.");
    else
        query(exchange, &filter, select);
    free(text);
    free(select);
}
