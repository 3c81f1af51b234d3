/* SPDX-License-Identifier: Apache-2.0 */
/* Alerts on their way: at least once, in order, one at a time per sink.
 *
 * An incident whose alert is refused for now lets the others pass.
 * A delivery is in the store before it is tried and leaves it after the receiver has said yes.
 * Where the store cannot be written an alert still goes out; only a crash could then lose it.
 */
#include "agent/daemon/internal.h"

#include "agent/daemon/log.h"
#include "base/memory.h"
#include "net/retry.h"

#include <stdlib.h>
#include <string.h>

#define TRIES_BEFORE_WARNING 1

struct delivery {
    TAILQ_ENTRY(delivery) link;
    char *record_id;
    json_t
        *body; /* {"id","event","dedup_key","created_at","starts_at","expires_at","alert":{...}} */
    char *alert_text;
    uint64_t number; /* in the order in which they were taken */
    bool is_held;    /* its commit is under way */
};
TAILQ_HEAD(deliveries, delivery);

struct lane {
    struct job job; /* first; begun while something is under way */
    struct alert_sink *sink;
    struct deliveries waiting;
    struct operation *operation; /* a delivery or a pause */
    unsigned tries;
    bool is_busy;
};

struct outbox {
    struct agent *agent;
    struct lane *lanes;
    size_t count;
    uint64_t last_number;
    bool is_running;
};

static void lane_next(struct lane *lane);

static void delivery_free(struct delivery *delivery)
{
    memory_free(delivery->record_id);
    json_decref(delivery->body);
    memory_free(delivery->alert_text);
    memory_free(delivery);
}

struct outbox *outbox_open(struct agent *agent)
{
    struct outbox *outbox = memory_zeroed(1, sizeof(*outbox));
    size_t count = agent->settings.sink_count;

    if (!outbox)
        return NULL;
    outbox->agent = agent;
    outbox->lanes = memory_zeroed(count ? count : 1, sizeof(*outbox->lanes));
    if (!outbox->lanes)
        return memory_free(outbox), NULL;
    outbox->count = count;
    for (size_t i = 0; i < count; i++) {
        outbox->lanes[i].job.agent = agent;
        outbox->lanes[i].sink = agent->settings.sinks[i];
        TAILQ_INIT(&outbox->lanes[i].waiting);
    }
    return outbox;
}

struct outbox *outbox_free(struct outbox *outbox)
{
    struct delivery *delivery;

    for (size_t i = 0; outbox && i < outbox->count; i++) {
        while ((delivery = TAILQ_FIRST(&outbox->lanes[i].waiting))) {
            TAILQ_REMOVE(&outbox->lanes[i].waiting, delivery, link);
            delivery_free(delivery);
        }
    }
    if (outbox)
        memory_free(outbox->lanes);
    memory_free(outbox);
    return NULL;
}

/* ---- one lane -------------------------------------------------------------------------------- */

static void lane_cancel(struct job *job)
{
    operation_cancel(((struct lane *)job)->operation);
}

static void lane_idle(struct lane *lane)
{
    lane->is_busy = false;
    job_end(&lane->job);
}

static void forget(struct lane *lane, struct delivery *delivery, const char *refused)
{
    struct agent *agent = lane->job.agent;
    struct batch batch;

    TAILQ_REMOVE(&lane->waiting, delivery, link);
    batch_init(&batch);
    batch_add(&batch, CHANGE_DELETE, RECORD_OUTBOX, delivery->record_id, "", 0, NULL);
    if (refused)
        batch_audit(&batch, agent, "alert_refused", text_of("keydrift"), NULL, NULL,
                    json_pack("{s:s,s:s}", "sink", lane->sink->name, "why", refused));
    batch_commit(&batch, agent, NULL, NULL);
    delivery_free(delivery);
}

static bool has_key(const struct delivery *delivery, struct text key)
{
    return text_equal(json_text_at(delivery->body, "dedup_key"), key);
}

/* An incident whose alert is not taken waits behind the others; its own alerts keep their order. */
static void step_aside(struct lane *lane, struct text key)
{
    struct deliveries aside = TAILQ_HEAD_INITIALIZER(aside);
    struct delivery *delivery, *next;

    for (delivery = TAILQ_FIRST(&lane->waiting); delivery; delivery = next) {
        next = TAILQ_NEXT(delivery, link);
        if (!has_key(delivery, key))
            continue;
        TAILQ_REMOVE(&lane->waiting, delivery, link);
        TAILQ_INSERT_TAIL(&aside, delivery, link);
    }
    TAILQ_CONCAT(&lane->waiting, &aside, link);
}

static void on_pause(const struct failure *failure, void *context)
{
    struct lane *lane = context;

    lane->operation = NULL;
    (void)failure;
    lane_next(lane);
}

static void on_delivered(const struct failure *failure, void *context)
{
    static const struct backoff backoff = {1000, 300000};
    struct lane *lane = context;
    struct agent *agent = lane->job.agent;
    struct delivery *delivery = TAILQ_FIRST(&lane->waiting);
    uint32_t pause_ms;

    lane->operation = NULL;
    if (!failure) {
        lane->tries = 0;
        forget(lane, delivery, NULL);
        lane_next(lane);
        return;
    }
    if (agent->is_closing) { /* it is in the store, and tried again by the next process */
        lane_idle(lane);
        return;
    }
    if (failure->kind == FAILURE_INVALID) {
        log_error("alert refused for good", FIELD("sink", lane->sink->name),
                  FIELD("why", failure->text));
        lane->tries = 0;
        forget(lane, delivery, failure->text);
        lane_next(lane);
        return;
    }
    if (++lane->tries == TRIES_BEFORE_WARNING)
        log_warn("alert not delivered, trying again", FIELD("sink", lane->sink->name),
                 FIELD("why", failure->text));
    step_aside(lane, json_text_at(delivery->body, "dedup_key"));
    pause_ms = backoff_pause_ms(&backoff, lane->tries, failure->retry_after_ms, 300000,
                                agent->clock->random(agent->clock));
    /* Full jitter may say "at once"; a sink that just failed gets at least a moment. */
    lane->operation =
        agent->clock->after(agent->clock, pause_ms < 500 ? 500 : pause_ms, on_pause, lane);
    if (!lane->operation)
        lane_idle(lane);
}

static void lane_next(struct lane *lane)
{
    struct delivery *delivery = TAILQ_FIRST(&lane->waiting);
    struct alert alert = {0};

    if (!delivery || delivery->is_held || lane->job.agent->is_closing) {
        lane_idle(lane);
        return;
    }
    alert.event = (enum alert_event)json_integer_at(delivery->body, "event", 0);
    alert.id = json_text_at(delivery->body, "id");
    alert.dedup_key = json_text_at(delivery->body, "dedup_key");
    alert.created_at = json_integer_at(delivery->body, "created_at", 0);
    alert.starts_at = json_integer_at(delivery->body, "starts_at", 0);
    alert.expires_at = json_integer_at(delivery->body, "expires_at", 0);
    alert.body = text_of(delivery->alert_text);
    lane->operation = lane->sink->deliver(lane->sink, &alert, on_delivered, lane);
    if (!lane->operation)
        lane_idle(lane);
}

static void lane_start(struct lane *lane)
{
    const struct delivery *first = TAILQ_FIRST(&lane->waiting);

    if (lane->is_busy || !first || first->is_held || lane->job.agent->is_closing)
        return;
    lane->is_busy = true;
    job_begin(&lane->job, lane->job.agent, lane_cancel);
    lane_next(lane);
}

/* ---- from outside ---------------------------------------------------------------------------- */

void outbox_take(struct outbox *outbox, struct text record_id, struct text sink, json_t *body,
                 bool is_stored)
{
    struct delivery *delivery = memory_zeroed(1, sizeof(*delivery));
    struct lane *lane = NULL;

    for (size_t i = 0; i < outbox->count; i++)
        if (text_is(sink, outbox->lanes[i].sink->name))
            lane = &outbox->lanes[i];
    if (delivery) {
        delivery->body = body;
        delivery->record_id = text_copy(record_id);
        delivery->alert_text = json_write_string(json_at(body, "alert"), false);
    } else {
        json_decref(body);
    }
    if (!delivery || !lane || !delivery->record_id || !delivery->alert_text) {
        log_error("alert dropped",
                  FIELD("why", lane ? "out of memory" : "its sink is no longer configured"),
                  FIELD_TEXT("sink", sink));
        if (delivery)
            delivery_free(delivery);
        return;
    }
    delivery->number = ++outbox->last_number;
    delivery->is_held = !is_stored;
    TAILQ_INSERT_TAIL(&lane->waiting, delivery, link);
    if (outbox->is_running)
        lane_start(lane);
}

bool outbox_has(const struct outbox *outbox, const struct alert_sink *sink, struct text key)
{
    const struct delivery *delivery;

    for (size_t i = 0; i < outbox->count; i++) {
        if (outbox->lanes[i].sink != sink)
            continue;
        TAILQ_FOREACH (delivery, &outbox->lanes[i].waiting, link) {
            if (has_key(delivery, key))
                return true;
        }
    }
    return false;
}

uint64_t outbox_last(const struct outbox *outbox)
{
    return outbox->last_number;
}

void outbox_release(struct outbox *outbox, uint64_t up_to)
{
    struct delivery *delivery;

    for (size_t i = 0; i < outbox->count; i++) {
        TAILQ_FOREACH (delivery, &outbox->lanes[i].waiting, link) {
            if (delivery->number <= up_to)
                delivery->is_held = false;
        }
        if (outbox->is_running)
            lane_start(&outbox->lanes[i]);
    }
}

void outbox_run(struct outbox *outbox)
{
    outbox->is_running = true;
    for (size_t i = 0; i < outbox->count; i++)
        lane_start(&outbox->lanes[i]);
}

size_t outbox_waiting(const struct outbox *outbox)
{
    struct delivery *delivery;
    size_t count = 0;

    for (size_t i = 0; i < outbox->count; i++)
        TAILQ_FOREACH (delivery, &outbox->lanes[i].waiting, link)
            count++;
    return count;
}
