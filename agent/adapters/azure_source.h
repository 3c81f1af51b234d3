/* SPDX-License-Identifier: Apache-2.0 */
/* ports/key_source.h on azureclient: one resource that issues keys.
 *
 * Whoever asks for the keys while they are being listed waits for that answer: one request, many
 * waiters. After a regeneration an answer that may be older than it serves nobody who asks anew. */
#ifndef AGENT_ADAPTERS_AZURE_SOURCE_H
#define AGENT_ADAPTERS_AZURE_SOURCE_H

#include "agent/adapters/fingerprinter.h"
#include "agent/ports/clock.h"
#include "agent/ports/key_source.h"
#include "azureclient/azureclient.h"

/* `resource_id` is copied, the rest borrowed. NULL when out of memory. */
must_use struct key_source *azure_source_new(struct azure_client *client,
                                             struct fingerprinter *fingerprinter,
                                             struct clock *clock, const struct azure_key_kind *kind,
                                             const char *resource_id, unsigned lane);
/* The slot that callers can be moved to while `slot` is made anew; NULL: there is none. */
const char *azure_source_other_slot(const char *kind_name, struct text slot);
/* Only once nothing of it is in flight. NULL is fine. Always returns NULL. */
struct key_source *azure_source_free(struct key_source *source);

#endif
