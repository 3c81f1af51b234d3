/* SPDX-License-Identifier: Apache-2.0 */
/* A receiver of alerts that knows an alert it had before by its id. */
#ifndef TESTS_SUPPORT_FAKE_SINK_H
#define TESTS_SUPPORT_FAKE_SINK_H

#include "agent/ports/alert_sink.h"
#include "tests/support/fake_clock.h"

#include <jansson.h>

struct fake_alert {
    enum alert_event event;
    char id[64], dedup_key[128];
    json_t *body;
    int64_t at, starts_at, expires_at;
    unsigned times;
};

struct fake_sink {
    struct alert_sink port; /* first */
    struct fake_clock *clock;
    struct fake_alert *alerts;
    size_t count;
};

void fake_sink_init(struct fake_sink *sink, struct fake_clock *clock, const char *name,
                    uint64_t refresh_ms);
void fake_sink_clear(struct fake_sink *sink);
/* Different alerts of this kind. */
size_t fake_sink_count(const struct fake_sink *sink, enum alert_event event);
/* The last of this kind, or NULL. */
const struct fake_alert *fake_sink_last(const struct fake_sink *sink, enum alert_event event);

#endif
