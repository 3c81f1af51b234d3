/* SPDX-License-Identifier: Apache-2.0 */
/* The words by which receivers know alert events; they are part of the webhook's promise. */
#include "agent/ports/alert_sink.h"

const char *alert_event_name(enum alert_event event)
{
    static const char *const names[ALERT_EVENTS] = {
        [ALERT_FIRING] = "firing",
        [ALERT_REPEATED] = "repeated",
        [ALERT_ACKNOWLEDGED] = "acknowledged",
        [ALERT_RESOLVED] = "resolved",
        [ALERT_BLIND] = "blind",
        [ALERT_SEEING] = "seeing",
    };

    return (unsigned)event < ALERT_EVENTS ? names[event] : "unknown";
}
