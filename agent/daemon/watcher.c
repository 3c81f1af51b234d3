/* SPDX-License-Identifier: Apache-2.0 */
/* Checks every binding at its times: one heap of due times, one timer, a bounded number of checks
 * at once. */
#include "agent/daemon/internal.h"

#include "agent/daemon/log.h"

#include <stddef.h>

#define ROUTINE_CHECKS_MAX 64
#define SLACK_MAX_MS       250

static void arm(struct agent *agent);

static struct binding *binding_of(struct schedule_entry *entry)
{
    return (struct binding *)((char *)entry - offsetof(struct binding, due));
}

static void put(struct agent *agent, struct binding *binding, int64_t due_at)
{
    bool fits = schedule_set(&agent->schedule, &binding->due, due_at);

    (void)fits; /* there is room for every binding */
}

static void on_checked(const struct check_result *result, void *context)
{
    struct agent *agent = context;
    struct binding *binding = result->binding;
    uint64_t interval_ms = binding->config->interval_ms;
    int64_t next, earliest = agent_steady(agent) + result->retry_after_ms;

    binding->routine = NULL;
    agent->routine_checks--;
    if (agent->is_closing)
        return;
    next = schedule_next(interval_ms, agent_steady(agent), agent->clock->random(agent->clock));
    put(agent, binding, next < earliest ? earliest : next);
    if (!result->is_canceled)
        incident_on_read(agent, result);
    agent_resume(agent);
    arm(agent);
}

/* What is being confirmed, or may be repaired, is read from the source itself, values and all. */
static bool needs_decisive(const struct binding *binding)
{
    return binding->watch.state == INCIDENT_SUSPECTED ||
           (binding->incident && !incident_is_told(binding->incident));
}

/* Checks that are nearly due go along with those that are: one waking of the process instead of
 * many. */
static int64_t slack_ms(const struct binding *binding)
{
    uint64_t slack = binding->config->interval_ms / 40;

    return (int64_t)(slack < SLACK_MAX_MS ? slack : SLACK_MAX_MS);
}

static void start_due(struct agent *agent)
{
    struct schedule_entry *entry;

    while (agent->routine_checks < ROUTINE_CHECKS_MAX &&
           (entry = schedule_first(&agent->schedule)) &&
           entry->due_at <= agent_steady(agent) + slack_ms(binding_of(entry))) {
        struct binding *binding = binding_of(entry);

        schedule_remove(&agent->schedule, entry);
        binding->routine = check_start(agent, binding, needs_decisive(binding), on_checked, agent);
        if (binding->routine)
            agent->routine_checks++;
        else
            put(agent, binding, agent_steady(agent) + (int64_t)binding->config->interval_ms);
    }
}

static void on_timer(const struct failure *failure, void *context)
{
    struct agent *agent = context;

    agent->timer = NULL;
    if (agent->is_closing) {
        agent_settle(agent);
        return;
    }
    if (!failure)
        start_due(agent);
    arm(agent);
}

static void arm(struct agent *agent)
{
    struct schedule_entry *first = schedule_first(&agent->schedule);
    int64_t wait;

    if (!agent->is_watching || !first || agent->routine_checks >= ROUTINE_CHECKS_MAX)
        return;
    if (agent->timer && agent->timer_at <= first->due_at)
        return;
    if (agent->timer) {
        operation_cancel(agent->timer); /* its end arms the right one */
        return;
    }
    wait = first->due_at - agent_steady(agent);
    agent->timer_at = first->due_at;
    agent->timer =
        agent->clock->after(agent->clock, wait > 0 ? (uint64_t)wait : 0, on_timer, agent);
    if (!agent->timer)
        log_error("cannot wait for the next check", FIELD("why", "out of memory"));
}

void watcher_start(struct agent *agent)
{
    int64_t now = agent_steady(agent);

    agent->is_watching = true;
    for (size_t i = 0; i < agent->binding_count; i++) {
        struct binding *binding = &agent->bindings[i];
        uint64_t interval_ms = binding->config->interval_ms;

        /* The first round is spread over at most 10 s, so that a start is soon informed. */
        put(agent, binding,
            schedule_phase(i, agent->binding_count, interval_ms < 10000 ? interval_ms : 10000,
                           now));
    }
    arm(agent);
}

void watcher_stop(struct agent *agent)
{
    agent->is_watching = false;
    operation_cancel(agent->timer);
}

void watcher_check_soon(struct agent *agent, struct binding *binding, uint64_t ms)
{
    int64_t due_at = agent_steady(agent) + (int64_t)ms;

    if (!agent->is_watching || binding->routine)
        return;
    if (binding->due.place != SCHEDULE_NOWHERE && binding->due.due_at <= due_at)
        return;
    put(agent, binding, due_at);
    arm(agent);
}
