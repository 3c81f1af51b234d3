/* SPDX-License-Identifier: Apache-2.0 */
/* The Activity Log: writes, deletes and actions, each as a pair of events that share a correlation
 * id. Its $filter is "very restricted, no other syntax is allowed", so the parser here takes
 * exactly the documented forms. Events show after a delay, as at Azure.
 *
 * Listing keys is an action and is logged, as at Azure; as clients do little else, those events are
 * kept apart, so that they never push out the others. */
#include "examples/lab/arm.h"

#include "base/moment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEPT_MS     ((int64_t)90 * 86400 * 1000)
#define EVENTS_KEPT 8192 /* of each kind */
#define PAGE_SIZE   100

struct event {
    uint64_t number; /* counts both kinds */
    int64_t at;
    enum event_status status;
    char id[GUID_SIZE];
    struct deed deed;
};

struct activity_log {
    struct ring {
        struct event *events[EVENTS_KEPT];
        uint64_t count;
    } changes, lists;
    uint64_t last_number, delay_ms;
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
    for (size_t i = 0; log && i < EVENTS_KEPT; i++) {
        free(log->changes.events[i]);
        free(log->lists.events[i]);
    }
    free(log);
}

void activity_log_add(struct activity_log *log, const struct deed *deed, enum event_status status,
                      int64_t at)
{
    bool is_list = text_matches(text_of(deed->action), TEXT("*/list*/action")) ||
                   text_matches(text_of(deed->action), TEXT("*/sharedKeys/action"));
    struct ring *ring = is_list ? &log->lists : &log->changes;
    struct event **place = &ring->events[ring->count % EVENTS_KEPT];

    if (!*place)
        *place = calloc(1, sizeof(**place));
    if (!*place)
        return;
    ring->count++;
    **place =
        (struct event){.number = ++log->last_number, .at = at, .status = status, .deed = *deed};
    guid_new((*place)->id);
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

/* "subscriptions/S/resourceGroups/{this}/..." */
static struct text group_of(const struct event *event)
{
    return segments_of(text_of(event->deed.resource_id)).part[3];
}

static struct text provider_of(const struct event *event)
{
    struct text type = text_of(event->deed.resource_type);

    return text_part(type, 0, text_find(type, TEXT("/")));
}

static bool event_passes(const struct event *event, const struct filter *filter)
{
    const struct deed *deed = &event->deed;

    if (event->at < filter->from || (filter->has_to && event->at > filter->to))
        return false;
    if (text_is(filter->subject, "resourceGroupName"))
        return text_equal_ignoring_case(filter->value, group_of(event));
    if (text_is(filter->subject, "resourceUri"))
        return text_equal_ignoring_case(filter->value, text_of(deed->resource_id));
    if (text_is(filter->subject, "resourceProvider"))
        return text_equal_ignoring_case(filter->value, provider_of(event));
    if (text_is(filter->subject, "correlationId"))
        return text_equal_ignoring_case(filter->value, text_of(deed->actor.correlation_id));
    return true;
}

static json_t *localizable(struct text value)
{
    return json_pack("{s:s%, s:s%}", "value", value.start, value.size, "localizedValue",
                     value.start, value.size);
}

static json_t *claims_json(const struct actor *actor)
{
    json_t *claims =
        json_pack("{s:s, s:s, s:s, s:s, s:s}", "aud", "https://management.core.windows.net/", "iss",
                  "https://sts.windows.net/" LAB_TENANT "/", "ver", "1.0", "ipaddr", actor->address,
                  "http://schemas.microsoft.com/identity/claims/tenantid", LAB_TENANT);

    if (claims && actor->object_id[0])
        json_object_update_new(
            claims, json_pack("{s:s, s:s, s:s}", "appid", actor->client_id, "appidacr", "1",
                              "http://schemas.microsoft.com/identity/claims/objectidentifier",
                              actor->object_id));
    else if (claims)
        json_object_update_new(
            claims,
            json_pack("{s:s, s:s, s:s}", "name", actor->caller,
                      "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn", actor->caller,
                      "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name", actor->caller));
    return claims;
}

static json_t *http_request_json(const struct deed *deed)
{
    json_t *json =
        json_pack("{s:s, s:s}", "clientIpAddress", deed->actor.address, "method", deed->method);

    if (json && deed->actor.request_id[0])
        json_object_set_new(json, "clientRequestId", json_string(deed->actor.request_id));
    return json;
}

static json_t *event_json(const struct activity_log *log, const struct event *event)
{
    static const struct {
        const char *status, *substatus, *code, *level;
        bool is_end;
    } words[] = {
        [EVENT_STARTED] = {"Started", "", "", "Informational", false},
        [EVENT_ACCEPTED] = {"Accepted", "Accepted", "Accepted", "Informational", true},
        [EVENT_SUCCEEDED] = {"Succeeded", "OK", "OK", "Informational", true},
        [EVENT_FAILED] = {"Failed", "Conflict", "Conflict", "Error", true},
    };
    const struct deed *deed = &event->deed;
    struct text group = group_of(event);
    const char *status = words[event->status].status;
    char at[TIMESTAMP_SIZE], shown_at[TIMESTAMP_SIZE];
    json_t *json;

    timestamp_at(event->at, at);
    timestamp_at(event->at + (int64_t)log->delay_ms, shown_at);
    json = json_pack(
        "{s:{s:s, s:s}, s:s, s:o, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:s, s:s%, s:o, s:s, s:o, "
        "s:s, s:o}",
        "authorization", "action", deed->action, "scope", deed->resource_id, "caller",
        deed->actor.caller, "claims", claims_json(&deed->actor), "correlationId",
        deed->actor.correlation_id, "description", "", "eventDataId", event->id, "eventName",
        words[event->status].is_end ? localizable(TEXT("EndRequest"))
                                    : localizable(TEXT("BeginRequest")),
        "category", localizable(TEXT("Administrative")), "httpRequest", http_request_json(deed),
        "id",
        json_sprintf("%s/events/%s/ticks/%lld", deed->resource_id, event->id,
                     621355968000000000LL + (long long)event->at * 10000),
        "level", words[event->status].level, "resourceGroupName", group.start, group.size,
        "resourceProviderName", localizable(provider_of(event)), "resourceId", deed->resource_id,
        "resourceType", localizable(text_of(deed->resource_type)), "operationId",
        deed->actor.correlation_id, "operationName", localizable(text_of(deed->action)));
    if (json)
        json_object_update_new(
            json,
            json_pack("{s:{s:s, s:s, s:s}, s:o, s:o, s:s, s:s, s:s, s:s}", "properties",
                      "statusCode", words[event->status].code, "eventCategory", "Administrative",
                      "entity", deed->resource_id, "status", localizable(text_of(status)),
                      "subStatus", localizable(text_of(words[event->status].substatus)),
                      "eventTimestamp", at, "submissionTimestamp", shown_at, "subscriptionId",
                      LAB_SUBSCRIPTION, "tenantId", LAB_TENANT));
    return json;
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

/* The newest event of a ring that is older than `below`; NULL: there is none. */
static const struct event *next_of(const struct ring *ring, uint64_t *left, uint64_t below)
{
    for (; *left; --*left) {
        const struct event *event = ring->events[(*left - 1) % EVENTS_KEPT];

        if (ring->count - *left >= EVENTS_KEPT)
            return NULL;
        if (event->number < below)
            return event;
    }
    return NULL;
}

static char *encoded(const char *text)
{
    struct buffer out;

    buffer_init(&out, 65536);
    buffer_append_percent_encoded(&out, text_of(text), false);
    return buffer_take(&out);
}

static json_t *next_link(struct arm_call *call, const char *filter, const char *select,
                         uint64_t number)
{
    char *filter_text = encoded(filter), *select_text = encoded(select ? select : "");
    json_t *link = NULL;

    if (filter_text && select_text)
        link = json_sprintf(
            "https://%.*s%s?api-version=%s&%%24filter=%s%s%s&%%24skiptoken=before%%3D%llu",
            TEXT_ARG(server_header(call->exchange->request, "Host")), call->exchange->path,
            call->version, filter_text, select ? "&%24select=" : "", select_text,
            (unsigned long long)number);
    free(filter_text);
    free(select_text);
    return link;
}

/* Newest first, from the event before `below` on. */
static void query(struct arm_call *call, const struct filter *filter, const char *filter_text,
                  const char *select, uint64_t below)
{
    const struct activity_log *log = call->lab->world.log;
    uint64_t changes = log->changes.count, lists = log->lists.count;
    int64_t shown_until = now_ms() - (int64_t)log->delay_ms;
    json_t *value = json_array(), *page = json_pack("{s:o}", "value", value);

    for (;;) {
        const struct event *change = next_of(&log->changes, &changes, below);
        const struct event *list = next_of(&log->lists, &lists, below);
        const struct event *event =
            !list || (change && change->number > list->number) ? change : list;

        if (!event)
            break;
        if (event->at <= shown_until && event_passes(event, filter)) {
            if (json_array_size(value) == PAGE_SIZE) {
                json_object_set_new(page, "nextLink", next_link(call, filter_text, select, below));
                break;
            }
            json_array_append_new(value, event_select(event_json(log, event), select));
        }
        below = event->number;
    }
    arm_reply(call->exchange, 200, NULL, 0, page);
}

static bool token_read(const char *token, uint64_t *below)
{
    *below = UINT64_MAX;
    return !token || (strncmp(token, "before=", 7) == 0 &&
                      text_parse_u64(text_of(token + 7), UINT64_MAX - 1, below));
}

void arm_activity_handle(struct arm_call *call)
{
    const struct segments *segments = &call->segments;
    struct text parameters = call->exchange->request->query;
    char *text = server_parameter(parameters, "$filter", true);
    char *select = server_parameter(parameters, "$select", true);
    char *token = server_parameter(parameters, "$skiptoken", true);
    struct exchange *exchange = call->exchange;
    struct filter filter;
    uint64_t below;

    if (segments->count != 7 || !segment_is(segments, 4, "eventtypes") ||
        !segment_is(segments, 5, "management") || !segment_is(segments, 6, "values"))
        arm_error(exchange, 404, "InvalidResourceType",
                  "The lab has only the Activity Log's events.");
    else if (!exchange_method_is(exchange, "GET"))
        arm_not_allowed(exchange);
    else if (!arm_may(call, TEXT("/subscriptions/" LAB_SUBSCRIPTION),
                      "Microsoft.Insights/eventtypes/values/read"))
        ; /* has answered */
    else if (!text)
        activity_error(exchange, "The $filter query parameter is required.");
    else if (!filter_parse(text_of(text), &filter))
        activity_error(exchange,
                       "The $filter is invalid: a start time (eventTimestamp ge '...') is "
                       "required, then at most an end time (le) and one of resourceGroupName, "
                       "resourceUri, resourceProvider, correlationId (eq), joined by 'and'.");
    else if (filter.from < now_ms() - KEPT_MS)
        activity_error(exchange, "The start time cannot be more than 90 days in the past.");
    else if (!token_read(token, &below))
        activity_error(exchange, "The $skiptoken is invalid.");
    else
        query(call, &filter, text, select, below);
    free(text);
    free(select);
    free(token);
}
