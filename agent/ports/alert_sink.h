/* SPDX-License-Identifier: Apache-2.0 */
/* Where alerts go. A sink delivers one alert and says whether it arrived; keeping, ordering and
 * repeating is the outbox's business (daemon/outbox.c). */
#ifndef AGENT_PORTS_ALERT_SINK_H
#define AGENT_PORTS_ALERT_SINK_H

#include "base/operation.h"
#include "base/text.h"

#include <stdint.h>

enum alert_event {
    ALERT_FIRING,
    ALERT_REPEATED,
    ALERT_ACKNOWLEDGED,
    ALERT_RESOLVED,
    ALERT_BLIND,
    ALERT_SEEING,
    ALERT_EVENTS
};

/* `body` is the JSON of DESIGN section 4 ("A webhook alert ..."), the same for every sink; a sink
 * takes from it what its format has room for. */
struct alert {
    enum alert_event event;
    struct text id;        /* unique per alert, stable over retries */
    struct text dedup_key; /* the same for all alerts of one incident */
    struct text body;
    int64_t created_at;
    int64_t starts_at;  /* of the incident */
    int64_t expires_at; /* a firing alert not repeated until then may be taken for resolved */
};

struct alert_sink {
    uint64_t refresh_ms; /* this receiver forgets a firing alert that is not told again this often;
                            0: it does not */
    const char
        *name; /* "alertmanager http://...:9093": for people and as the outbox's key; no secret */
    /* Success only when the receiver has said so (2xx). INVALID or DENIED: it will never take this
     * one. */
    struct operation *(*deliver)(struct alert_sink *self, const struct alert *alert,
                                 operation_done *done, void *context);
};

const char *alert_event_name(enum alert_event event); /* "firing" ...; in adapters/alert_names.c */

#endif
