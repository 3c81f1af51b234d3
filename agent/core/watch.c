/* SPDX-License-Identifier: Apache-2.0 */
/* Counts reads into the events the incident table knows, and keeps the times the table has none of.
 */
#include "agent/core/incident.h"

#include <limits.h>

/* 0 when the clock went back. */
static uint64_t elapsed_ms(int64_t since, int64_t now)
{
    return now > since ? (uint64_t)now - (uint64_t)since : 0;
}

static void take_step(struct watch *watch, enum incident_event event, int64_t now,
                      struct watch_outcome *outcome)
{
    struct incident_step step = incident_step(watch->state, event);

    watch->state = step.next;
    outcome->actions |= step.actions;
    if (step.actions & (ACTION_ALERT_FIRING | ACTION_ALERT_REPEATED))
        watch->alerted_at = now;
    if (watch->state == INCIDENT_HEALTHY) {
        watch->since = 0;
        watch->alerted_at = 0;
    } else if (!watch->since) {
        watch->since = now;
    }
}

static enum blind_change go_unseen(struct watch *watch, const struct watch_policy *policy,
                                   int64_t now)
{
    if (!watch->unknown_since)
        watch->unknown_since = now;
    if (watch->is_blind || elapsed_ms(watch->unknown_since, now) < policy->blind_after_ms)
        return BLIND_NO_CHANGE;
    watch->is_blind = true;
    return BLIND_BEGINS;
}

static enum blind_change see(struct watch *watch)
{
    bool was_blind = watch->is_blind;

    watch->unknown_since = 0;
    watch->is_blind = false;
    return was_blind ? BLIND_ENDS : BLIND_NO_CHANGE;
}

static void count(struct watch *watch, enum verdict verdict)
{
    if (verdict != watch->verdict)
        watch->run = 0;
    watch->verdict = verdict;
    if (watch->run < UINT_MAX)
        watch->run++;
}

static enum incident_event event_of_run(const struct watch *watch,
                                        const struct watch_policy *policy)
{
    bool is_confirmed = watch->run >= policy->confirm;

    if (verdict_in_sync(watch->verdict) == 1)
        return is_confirmed ? EVENT_IN_SYNC_CONFIRMED : EVENT_IN_SYNC;
    return is_confirmed ? EVENT_DRIFT_CONFIRMED : EVENT_DRIFT;
}

static bool is_repeat_due(const struct watch *watch, const struct watch_policy *policy, int64_t now)
{
    return (watch->state == INCIDENT_OPEN || watch->state == INCIDENT_NEEDS_HUMAN) &&
           policy->repeat_ms && watch->alerted_at &&
           elapsed_ms(watch->alerted_at, now) >= policy->repeat_ms;
}

struct watch_outcome watch_read(struct watch *watch, enum verdict verdict,
                                const struct watch_policy *policy, int64_t now)
{
    struct watch_outcome outcome = {.before = watch->state};

    if (verdict_in_sync(verdict) < 0) {
        outcome.blind = go_unseen(watch, policy, now);
        if (verdict_in_sync(watch->verdict) == 1)
            watch->run = 0;
        take_step(watch, EVENT_UNKNOWN, now, &outcome);
    } else {
        outcome.blind = see(watch);
        count(watch, verdict);
        take_step(watch, event_of_run(watch, policy), now, &outcome);
    }
    if (is_repeat_due(watch, policy, now))
        take_step(watch, EVENT_REPEAT_DUE, now, &outcome);
    return outcome;
}

/* The run starts anew: reads from before or amid the change confirm nothing after it. */
struct watch_outcome watch_repair(struct watch *watch, enum incident_event event, int64_t now)
{
    struct watch_outcome outcome = {.before = watch->state};

    watch->run = 0;
    take_step(watch, event, now, &outcome);
    return outcome;
}
