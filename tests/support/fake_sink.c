/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/fake_sink.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

struct call {
    struct fake_operation operation; /* first */
    struct fake_sink *sink;
    struct fake_alert alert;
    operation_done *done;
    void *context;
};

static void deliver_effect(struct fake_operation *operation)
{
    struct call *call = (struct call *)operation;
    struct fake_sink *sink = call->sink;

    for (size_t i = 0; i < sink->count; i++) {
        if (!text_is(text_of(sink->alerts[i].id), call->alert.id))
            continue;
        sink->alerts[i].times++;
        return;
    }
    sink->alerts = realloc(sink->alerts, (sink->count + 1) * sizeof(*sink->alerts));
    assert(sink->alerts);
    call->alert.times = 1;
    call->alert.at = sink->clock->now;
    sink->alerts[sink->count] = call->alert;
    json_incref(call->alert.body);
    sink->count++;
}

static void deliver_answer(struct fake_operation *operation, const struct failure *failure)
{
    struct call *call = (struct call *)operation;

    call->done(failure, call->context);
}

static void deliver_clear(struct fake_operation *operation)
{
    json_decref(((struct call *)operation)->alert.body);
}

static struct operation *deliver(struct alert_sink *self, const struct alert *alert,
                                 operation_done *done, void *context)
{
    struct call *call = calloc(1, sizeof(*call));
    char name[160];

    assert(call);
    call->sink = (struct fake_sink *)self;
    call->done = done;
    call->context = context;
    call->alert.event = alert->event;
    call->alert.starts_at = alert->starts_at;
    call->alert.expires_at = alert->expires_at;
    snprintf(call->alert.id, sizeof(call->alert.id), "%.*s", TEXT_ARG(alert->id));
    snprintf(call->alert.dedup_key, sizeof(call->alert.dedup_key), "%.*s",
             TEXT_ARG(alert->dedup_key));
    call->alert.body = json_loadb(alert->body.start, alert->body.size, 0, NULL);
    assert(call->alert.body);
    call->operation.clear = deliver_clear;
    snprintf(name, sizeof(name), "sink.deliver %s %s", self->name, alert_event_name(alert->event));
    return fake_begin(call->sink->clock, &call->operation, name, deliver_effect, deliver_answer);
}

void fake_sink_init(struct fake_sink *sink, struct fake_clock *clock, const char *name,
                    uint64_t refresh_ms)
{
    *sink = (struct fake_sink){.port = {.name = name, .refresh_ms = refresh_ms, .deliver = deliver},
                               .clock = clock};
}

void fake_sink_clear(struct fake_sink *sink)
{
    for (size_t i = 0; i < sink->count; i++)
        json_decref(sink->alerts[i].body);
    free(sink->alerts);
}

size_t fake_sink_count(const struct fake_sink *sink, enum alert_event event)
{
    size_t count = 0;

    for (size_t i = 0; i < sink->count; i++)
        count += sink->alerts[i].event == event;
    return count;
}

const struct fake_alert *fake_sink_last(const struct fake_sink *sink, enum alert_event event)
{
    for (size_t i = sink->count; i > 0; i--)
        if (sink->alerts[i - 1].event == event)
            return &sink->alerts[i - 1];
    return NULL;
}
