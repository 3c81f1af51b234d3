/* SPDX-License-Identifier: Apache-2.0 */
/* The records of the Activity Log, merged to what happened. See the header. */
#include "azureclient/wire_events.h"

#include "base/memory.h"
#include "base/moment.h"
#include "net/json.h"

#include <stdio.h>

#define GROUP_LIMIT 1000 /* regenerations of one endpoint's keys; more would be another problem */

struct event_group {
    char correlation[80];
    char caller[256];
    char address[64];
    char request_id[128];
    char slot[16];
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

/* Which slot stands in the request's body, where the log keeps it. The body may hold a key too, so
 * only this one word is taken. */
static void learn_slot(struct event_group *group, const json_t *event)
{
    struct text body = json_text_at(event, "properties.requestbody");
    cleanup_with(json_clean) json_t *json = body.size ? json_read_object(body, NULL) : NULL;
    struct text slot = json_text_at(json, "keyType");

    if (text_equal_ignoring_case(slot, TEXT("primary")))
        learn(group->slot, sizeof(group->slot), TEXT("primary"));
    else if (text_equal_ignoring_case(slot, TEXT("secondary")))
        learn(group->slot, sizeof(group->slot), TEXT("secondary"));
}

static void merge(struct event_group *group, const json_t *event, int64_t at)
{
    struct text status = value_at(event, "status");

    learn(group->caller, sizeof(group->caller), json_text_at(event, "caller"));
    learn(group->caller, sizeof(group->caller), json_text_at(event, "claims.appid"));
    learn(group->address, sizeof(group->address),
          json_text_at(event, "httpRequest.clientIpAddress"));
    learn(group->address, sizeof(group->address), json_text_at(event, "claims.ipaddr"));
    learn(group->request_id, sizeof(group->request_id),
          json_text_at(event, "httpRequest.clientRequestId"));
    learn_slot(group, event);
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
        merge(group, event, at);
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
        .client_address = text_of(newest->address),
        .client_request_id = text_of(newest->request_id),
        .slot = text_of(newest->slot),
        .at = newest->at,
    };
    return true;
}
