/* SPDX-License-Identifier: Apache-2.0 */
/* The agent and everything it stands on, built from a configuration. Only agent/main.c knows how to
 * build one, so that the commands know neither Vault nor Azure. */
#ifndef AGENT_CLI_WORLD_H
#define AGENT_CLI_WORLD_H

#include "agent/daemon/agent.h"
#include "agent/ports/config.h"

#include <uv.h>

struct world;
struct http;

enum world_state {
    WORLD_STATE_OPTIONAL, /* check, run: work without a usable state, with fingerprints of their own
                           */
    WORLD_STATE_NEEDED,
};

struct world_settings {
    uv_loop_t *loop;
    struct http *http;           /* shared; outlives the world */
    const struct config *config; /* outlives the world */
    const char *command;         /* begins every "next": "keydrift -c FILE" */
    enum world_state state;
};

struct world_maker {
    /* `ready` by the promise of base/operation.h; after its failure the world must still be closed.
     * NULL with `why`: nothing was opened. */
    struct world *(*open)(const struct world_settings *settings, operation_done *ready,
                          void *context, struct failure *why);
    struct agent *(*agent)(struct world *world);
    /* One sentence where the state could not be opened and is not needed; NULL otherwise. */
    const char *(*warning)(struct world *world);
    /* Revokes the Vault token it obtained, with at most a second spent on that. */
    void (*close)(struct world *world, void (*closed)(void *context), void *context);
};

#endif
