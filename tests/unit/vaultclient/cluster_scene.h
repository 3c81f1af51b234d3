/* SPDX-License-Identifier: Apache-2.0 */
/* A second scripted server beside that of the scene, and a client that knows one or both. */
#ifndef TESTS_VAULTCLIENT_CLUSTER_SCENE_H
#define TESTS_VAULTCLIENT_CLUSTER_SCENE_H

#include "scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define READ        "GET /v1/kv/data/a"
#define WRITE       "POST /v1/kv/data/a"
#define LEADER      "GET /v1/sys/leader"
#define LEADER_PATH "/v1/sys/leader"
#define DATA_PATH   "/v1/kv/data/a"
#define LEADERLESS                                                                                 \
    SAYS("500", "{\"errors\":[\"local node not active but active cluster node not found\"]}")
#define SEALED SAYS("503", "{\"errors\":[\"Vault is sealed\"]}")

struct pair {
    struct scene *scene; /* whose server is the first */
    struct loopback *second;
    char text[2][512]; /* of answers that name a server */
    struct loopback_step steps[2];
};

static inline struct pair *pair_open(void)
{
    struct pair *pair = calloc(1, sizeof *pair);

    assert_non_null(pair);
    pair->scene = scene_open();
    pair->second = loopback_open(&pair->scene->loop, NULL);
    LOOPBACK_SCRIPT(pair->second, LOOKUP_PATH, LOOKUP_OK);
    LOOPBACK_SCRIPT(pair->second, MOUNT_PATH, MOUNT_V2);
    return pair;
}

/* The client knows both, or only the first. */
static inline void pair_client(struct pair *pair, bool knows_both, struct vault_settings settings)
{
    const char *more[] = {loopback_origin(pair->second)};

    settings.more_addresses = more;
    settings.more_address_count = knows_both ? 1 : 0;
    if (!settings.timeout_ms)
        settings.timeout_ms = 20000;
    scene_open_client(pair->scene, settings);
}

static inline void pair_close(struct pair *pair)
{
    loopback_close(pair->second);
    scene_close(pair->scene);
    free(pair);
}

static inline void pair_script(struct pair *pair, unsigned n, struct loopback *from,
                               const char *path)
{
    pair->steps[n] = (struct loopback_step){.act = LOOPBACK_LAST, .bytes = pair->text[n]};
    loopback_script(from, path, &pair->steps[n], 1);
}

/* `n`: which of the two texts is used for it. */
static inline void pair_redirects(struct pair *pair, unsigned n, struct loopback *from,
                                  const char *to)
{
    snprintf(pair->text[n], sizeof pair->text[n], "HTTP/1.1 307 x\r\nLocation: %s%s\r\n\r\n", to,
             DATA_PATH);
    pair_script(pair, n, from, DATA_PATH);
}

static inline void pair_names_leader(struct pair *pair, unsigned n, struct loopback *from,
                                     const char *leader)
{
    snprintf(pair->text[n], sizeof pair->text[n],
             "HTTP/1.1 200 x\r\n\r\n{\"ha_enabled\":true,\"is_self\":false,"
             "\"leader_address\":\"%s\"}",
             leader);
    pair_script(pair, n, from, LEADER_PATH);
}

static inline unsigned count_at(const struct loopback *server, const char *beginning)
{
    unsigned count = 0;

    for (unsigned i = 0; i < loopback_count(server); i++)
        count += strncmp(loopback_request(server, i), beginning, strlen(beginning)) == 0;
    return count;
}

static inline struct vault_outcome pair_read(struct pair *pair)
{
    return vault_field_of(&pair->scene->loop, pair->scene->client, "a", "k", 0);
}

static inline struct vault_outcome pair_create(struct pair *pair)
{
    struct vault_version none = {0};

    return vault_set_field(&pair->scene->loop, pair->scene->client, "a", "k", "new", &none);
}

#endif
