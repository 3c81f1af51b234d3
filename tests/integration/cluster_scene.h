/* SPDX-License-Identifier: Apache-2.0 */
/* A real cluster (tests/support/with_cluster.py), clients of it, and an administrator who speaks
 * plain HTTP to each node. */
#ifndef TESTS_INTEGRATION_CLUSTER_SCENE_H
#define TESTS_INTEGRATION_CLUSTER_SCENE_H

#include "net/http.h"
#include "tests/support/vault_calls.h"

#include <stdbool.h>
#include <sys/types.h>
#include <uv.h>

#define NODES      3
#define PATIENT_MS 60000

struct cluster {
    uv_loop_t loop;
    struct http *http;
    char text[512];
    const char *addresses[NODES];
    struct upstream *admins[NODES];
    pid_t pids[NODES]; /* raft */
};

/* Three processes that answer from their own copies, and not one that forwards everything. */
bool is_raft(void);
/* Vault's community edition: no standby answers from its own copy. */
bool forwards_all(void);
struct cluster *cluster_open(void);
void cluster_close(struct cluster *cluster);

/* Knows `count` addresses, beginning with that of `first`. */
struct vault_client *client_as(struct cluster *cluster, int first, unsigned count,
                               uint32_t timeout_ms, const struct vault_auth *auth);
/* The same, with the root token. */
struct vault_client *client_of(struct cluster *cluster, int first, unsigned count,
                               uint32_t timeout_ms);

struct asked {
    unsigned times;
    int status; /* 0: no answer */
    char body[2048];
};
/* With the root token; `body` NULL: none. */
void ask(struct cluster *cluster, int node, const char *method, const char *target,
         const char *body, struct asked *asked);
/* The same, waited for. */
struct asked answer_of(struct cluster *cluster, int node, const char *method, const char *target,
                       const char *body);
/* Waits until somebody takes itself for the leader. */
int leader_of(struct cluster *cluster);

/* To all processes but one. `state`: what they are in afterwards, 0 when that is no matter. */
void signal_others(struct cluster *cluster, int but, int number, char state);

#endif
