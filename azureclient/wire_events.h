/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the regeneration of one resource's keys among the events of the Activity Log. Pure.
 *
 * One regeneration is several records (started, accepted, ended) that share a correlation id and
 * come in any order, over several pages; they are merged here, and one that failed drops out. */
#ifndef AZURECLIENT_WIRE_EVENTS_H
#define AZURECLIENT_WIRE_EVENTS_H

#include "azureclient/azureclient.h"

struct event_search {
    struct text resource_id, action;
    struct text request_id; /* empty: any */
    int64_t since_at;
    struct event_group *groups;
    size_t count;
};

void event_search_clear(struct event_search *search);
/* Takes in one page. `next` (to memory_free()) is the address of the next page, or NULL. */
must_use bool event_search_page(struct event_search *search, struct text body, char **next,
                                struct failure *why);
/* The newest that succeeded or was accepted; false when there is none. Views into `search`. */
bool event_search_newest(const struct event_search *search, struct azure_key_event *ret);

#endif
