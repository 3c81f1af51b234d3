/* SPDX-License-Identifier: Apache-2.0 */
/* The driver: events in, the core decides, its actions go out through the ports, their results are
 * the next events. One agent watches the bindings of one configuration on one loop.
 *
 * It is built to be killed: what matters is committed before it is done, and agent_open() picks up
 * where the store says the last one stopped. Reloading a configuration is closing one agent and
 * opening the next.
 */
#ifndef AGENT_DAEMON_AGENT_H
#define AGENT_DAEMON_AGENT_H

#include "agent/ports/alert_sink.h"
#include "agent/ports/api.h"
#include "agent/ports/approvals.h"
#include "agent/ports/clock.h"
#include "agent/ports/config.h"
#include "agent/ports/key_source.h"
#include "agent/ports/secret_store.h"
#include "agent/ports/state_store.h"

struct agent;

/* Bindings on the same resource or secret may be given the same port. */
struct agent_ports {
    struct key_source *source;
    struct secret_copy *copy;
};

/* All of it is borrowed and must outlive the agent. */
struct agent_settings {
    const struct config *config;
    struct clock *clock;
    struct state_store *store; /* NULL: can check, can change nothing */
    const char *store_why;     /* why there is none */
    struct approvals *approvals;
    const struct agent_ports *ports; /* one per config->bindings, in their order */
    struct alert_sink **sinks;
    size_t sink_count;
    const char *command; /* how people call us: "keydrift -c FILE"; begins every "next" */
};

/* NULL when out of memory. `ready` runs once, from the loop, when the store's records are loaded;
 * with a failure the agent is still there and must be closed. */
struct agent *agent_open(const struct agent_settings *settings, operation_done *ready,
                         void *context);
/* Begins to check every binding at its times, to deliver alerts, and to go on with interrupted
 * executions. */
void agent_watch(struct agent *agent);
/* Answers requests (ports/api.h) from `ready` on. */
struct api *agent_api(struct agent *agent);
/* A plan is being executed now. */
bool agent_is_executing(const struct agent *agent);
/* Cancels what is under way; `closed` (may be NULL) runs when nothing is. An interrupted execution
 * goes on with the next agent_watch(). */
void agent_close(struct agent *agent, void (*closed)(void *context), void *context);

#endif
