/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the regeneration of one resource's keys among the events of the Activity Log. Pure.
 *
 * One regeneration is several records (started, accepted, ended) that share a correlation id and
 * come in any order, over several pages; they are merged here, and one that failed drops out. */
#ifndef AZURECLIENT_WIRE_EVENTS_H
#define AZURECLIENT_WIRE_EVENTS_H

#include "azureclient/key_kinds.h"
#include "net/json.h"

/* What is longer than it can be stays unknown: half of it would name somebody else. */
#define EVENT_CALLER      256
#define EVENT_APPLICATION 64
#define EVENT_ADDRESS     64
#define EVENT_REQUEST     128

struct event_search {
    struct text resource_id, action;
    const struct azure_key_kind *kind; /* NULL: no slot is told */
    struct text request_id;            /* empty: any */
    int64_t since_at;
    struct event_group *groups;
    size_t count;
};

/* Who did it, from where, with which request id: `caller`, `claims` and `httpRequest` of a record,
 * the same in the Activity Log and from Event Grid. Of the claims only what a person needs is
 * taken. Views into `record`; the other members of `ret` stay. */
void event_actor(const json_t *record, struct azure_key_event *ret);

void event_search_clear(struct event_search *search);
/* Takes in one page. `next` (to memory_free()) is the address of the next page, or NULL. */
must_use bool event_search_page(struct event_search *search, struct text body, char **next,
                                struct failure *why);
/* The newest that succeeded or was accepted; false when there is none. Views into `search`. */
bool event_search_newest(const struct event_search *search, struct azure_key_event *ret);

#endif
