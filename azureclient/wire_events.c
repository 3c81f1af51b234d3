/* SPDX-License-Identifier: Apache-2.0 */
/* The records of the Activity Log, merged to what happened. See the header. */
#include "azureclient/wire_events.h"

#include "base/memory.h"
#include "base/moment.h"

#include <stdio.h>

#define GROUP_LIMIT 1000 /* regenerations of one endpoint's keys; more would be another problem */

struct event_group {
    char correlation[80];
    char caller[EVENT_CALLER], name[EVENT_CALLER];
    char application_id[EVENT_APPLICATION];
    char address[EVENT_ADDRESS];
    char request_id[EVENT_REQUEST];
    const char *slot; /* of the table */
    int64_t at;
    bool was_accepted, has_failed;
};

void event_search_clear(struct event_search *search)
{
    memory_free(search->groups);
    search->groups = NULL;
    search->count = 0;
}

/* Copies what is not known yet; text that could break a line, or is too long to be what it should,
 * stays unknown: half of it would name somebody else. */
static void learn(char *known, size_t size, struct text text)
{
    if (!known[0] && text.size && text.size < size && text_is_printable(text))
        snprintf(known, size, "%.*s", TEXT_ARG(text));
}

/* A localizable string is {"value":...}, in some services a plain string. */
static struct text value_at(const json_t *event, const char *name)
{
    const json_t *member = json_at(event, name);

    return json_is_object(member) ? json_text_at(member, "value") : json_text_at(event, name);
}

static bool is_wanted(const struct event_search *search, const json_t *event, int64_t *at)
{
    struct text resource = json_text_at(event, "resourceId");

    if (!resource.size)
        resource = json_text_at(event, "authorization.scope");
    return text_equal_ignoring_case(value_at(event, "operationName"), search->action) &&
           text_equal_ignoring_case(resource, search->resource_id) &&
           instant_parse(json_text_at(event, "eventTimestamp"), at) && *at >= search->since_at;
}

static struct event_group *group_of(struct event_search *search, const json_t *event)
{
    struct text correlation = json_text_at(event, "correlationId");
    struct event_group *grown;

    if (!correlation.size)
        correlation = json_text_at(event, "operationId");
    for (size_t i = 0; correlation.size && i < search->count; i++)
        if (text_equal_ignoring_case(correlation, text_of(search->groups[i].correlation)))
            return &search->groups[i];
    if (search->count == GROUP_LIMIT)
        return NULL;
    grown = memory_resize(search->groups, (search->count + 1) * sizeof(*grown));
    if (!grown)
        return NULL;
    search->groups = grown;
    grown += search->count++;
    *grown = (struct event_group){0};
    learn(grown->correlation, sizeof(grown->correlation), correlation);
    return grown;
}

/* Whether each member of `part` is in `whole`, with the same word in any case. */
static bool has_all(const json_t *whole, json_t *part)
{
    json_t *value;
    const char *name;

    json_object_foreach (part, name, value) {
        if (!text_equal_ignoring_case(json_text_at(whole, name), text_of(json_string_value(value))))
            return false;
    }
    return json_object_size(part) > 0;
}

/* Which slot stands in the request's body, where the log keeps it. The body may hold a key too, so
 * it is only compared with what the table would send. */
static void learn_slot(const struct event_search *search, struct event_group *group,
                       const json_t *event)
{
    struct text body = json_text_at(event, "properties.requestbody");
    cleanup_with(json_clean) json_t *json = body.size ? json_read_object(body, NULL) : NULL;

    for (size_t i = 0; json && search->kind && i < azure_key_kind_slots(search->kind); i++) {
        const char *sent = search->kind->slots[i].regenerate_body;
        cleanup_with(json_clean) json_t *part = sent ? json_read_object(text_of(sent), NULL) : NULL;

        if (part && !group->slot && has_all(json, part))
            group->slot = search->kind->slots[i].name;
    }
}

/* A member of an object of the record, or of the record itself where that is "". Names of claims
 * are URLs, so no dotted path leads to them. */
struct member {
    const char *object, *name;
};

/* The first of these that can be shown as it is. */
static struct text first_of(const json_t *record, const struct member *members, size_t limit)
{
    for (; members->name; members++) {
        const json_t *object = *members->object ? json_object_get(record, members->object) : record;
        const json_t *value = json_object_get(object, members->name);
        struct text text = {json_string_value(value), json_string_length(value)};

        if (text.size && text.size < limit && text_is_printable(text))
            return text;
    }
    return TEXT("");
}

void event_actor(const json_t *record, struct azure_key_event *ret)
{
    static const struct member callers[] = {
        {"", "caller"},
        {"claims", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn"},
        {"claims", "upn"},
        {"claims", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name"},
        {"claims", "appid"},
        {NULL, NULL},
    };
    static const struct member names[] = {{"claims", "name"}, {NULL, NULL}};
    static const struct member applications[] = {{"claims", "appid"}, {NULL, NULL}};
    static const struct member addresses[] = {
        {"httpRequest", "clientIpAddress"}, {"claims", "ipaddr"}, {NULL, NULL}};
    static const struct member requests[] = {{"httpRequest", "clientRequestId"}, {NULL, NULL}};

    ret->caller = first_of(record, callers, EVENT_CALLER);
    ret->name = first_of(record, names, EVENT_CALLER);
    ret->application_id = first_of(record, applications, EVENT_APPLICATION);
    ret->client_address = first_of(record, addresses, EVENT_ADDRESS);
    ret->client_request_id = first_of(record, requests, EVENT_REQUEST);
}

static void merge(const struct event_search *search, struct event_group *group, const json_t *event,
                  int64_t at)
{
    struct text status = value_at(event, "status");
    struct azure_key_event seen;

    event_actor(event, &seen);
    learn(group->caller, sizeof(group->caller), seen.caller);
    learn(group->name, sizeof(group->name), seen.name);
    learn(group->application_id, sizeof(group->application_id), seen.application_id);
    learn(group->address, sizeof(group->address), seen.client_address);
    learn(group->request_id, sizeof(group->request_id), seen.client_request_id);
    learn_slot(search, group, event);
    if (at > group->at)
        group->at = at;
    if (text_equal_ignoring_case(status, TEXT("Succeeded")) ||
        text_equal_ignoring_case(status, TEXT("Accepted")))
        group->was_accepted = true;
    else if (text_equal_ignoring_case(status, TEXT("Failed")) ||
             text_equal_ignoring_case(status, TEXT("Canceled")))
        group->has_failed = true;
}

bool event_search_page(struct event_search *search, struct text body, char **next,
                       struct failure *why)
{
    cleanup_with(json_clean) json_t *json = json_read_object(body, why);
    const json_t *list = json_at(json, "value"), *event;
    struct text link = json_text_at(json, "nextLink");
    size_t i;

    *next = NULL;
    if (!json) {
        failure_prefix(why, "the Activity Log");
        return false;
    }
    if (!json_is_array(list))
        return failure_set(why, FAILURE_PROTOCOL, "the Activity Log's answer holds no list");
    json_array_foreach (list, i, event) {
        struct event_group *group;
        int64_t at;

        if (!is_wanted(search, event, &at))
            continue;
        group = group_of(search, event);
        if (!group)
            return failure_set(why, FAILURE_INTERNAL, "too many events in the Activity Log");
        merge(search, group, event, at);
    }
    if (link.size && !(*next = text_copy(link)))
        return failure_out_of_memory(why);
    return true;
}

bool event_search_newest(const struct event_search *search, struct azure_key_event *ret)
{
    const struct event_group *newest = NULL;

    for (size_t i = 0; i < search->count; i++) {
        const struct event_group *group = &search->groups[i];

        if (!group->was_accepted || group->has_failed || (newest && newest->at >= group->at))
            continue;
        if (search->request_id.size &&
            !text_equal_ignoring_case(search->request_id, text_of(group->request_id)))
            continue;
        newest = group;
    }
    if (!newest)
        return false;
    *ret = (struct azure_key_event){
        .caller = text_of(newest->caller),
        .name = text_of(newest->name),
        .application_id = text_of(newest->application_id),
        .client_address = text_of(newest->address),
        .client_request_id = text_of(newest->request_id),
        .slot = text_of(newest->slot),
        .at = newest->at,
    };
    return true;
}
