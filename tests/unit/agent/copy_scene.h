/* SPDX-License-Identifier: Apache-2.0 */
/* A copy in Vault as the adapter sees it, and a server that answers what a test lays out: one of
 * each at a time. */
#ifndef TESTS_UNIT_AGENT_COPY_SCENE_H
#define TESTS_UNIT_AGENT_COPY_SCENE_H

#include "agent/adapters/vault_copy.h"
#include "tests/unit/agent/desk.h"

#define MOUNTS   "GET /v1/sys/internal/ui/mounts/kv"
#define METADATA "GET /v1/kv/metadata/team/app"
#define DATA     "GET /v1/kv/data/team/app"

struct outcome {
    bool is_done;
    unsigned times;
    struct copy_fact fact;
    struct failure failure;
    char why[100], value[100], missing[200], policy[500];
    struct copy_rights rights;
    struct copy_version written;
};

extern struct desk desk;
extern struct vault_client *client;
extern struct fingerprinter *fingerprinter;
extern struct secret_copy *copy;

/* A client, and a copy at kv/team/app whose mount is of this KV version. */
void open_scene(int kv);
void close_client(void);
void close_scene(void);

/* What has come of an operation whose context is a struct outcome. */
void told(struct outcome *outcome, const void *success, const struct failure *failure);
void on_read(const struct copy_fact *fact, const struct secret *value,
             const struct failure *failure, void *context);

void mount_is(int kv);
/* Created so many seconds after the first of January 2026. */
void metadata_is(unsigned version, unsigned seconds, const char *deletion, bool destroyed);
void data_is(unsigned version, unsigned seconds, const char *fields);
/* A present version, the value with it. */
void version_is(unsigned version, unsigned seconds, const char *value);
struct outcome read_it(bool decisive);

#endif
