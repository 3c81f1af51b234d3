/* SPDX-License-Identifier: Apache-2.0 */
/* Entra, IMDS, Resource Manager and a scoring endpoint on one loopback port, saying what a test
 * says.
 *
 * A request is answered by the first step that fits it and has uses left. Every request is kept. In
 * headers and bodies "{origin}" stands for the server's own address. */
#ifndef TESTS_AZURECLIENT_FAKE_AZURE_H
#define TESTS_AZURECLIENT_FAKE_AZURE_H

#include "azureclient/azureclient.h"
#include "net/http.h"
#include "net/server.h"

#define FAKE_ID                                                                                    \
    "/subscriptions/00000000-1111-2222-3333-444444444444/resourceGroups/rg-a/providers/"           \
    "Microsoft.MachineLearningServices/workspaces/ws-a/onlineEndpoints/swin"
#define FAKE_SECRET "canary-CLIENT-secret+/&="
#define FAKE_TOKEN                                                                                 \
    "{\"token_type\":\"Bearer\",\"expires_in\":3599,\"access_token\":\"canary-TOKEN-1\"}"

struct fake_step {
    const char *where;   /* "POST /listKeys": the method and the end of the path */
    int status;          /* 0: no answer at all */
    const char *body;    /* NULL: none */
    const char *headers; /* "Name: value\nName: value"; NULL: none */
    unsigned times;      /* 0: any number */
    bool resets;         /* cuts the connection */
    unsigned used;
};

struct fake_request {
    char *method, *path, *query, *body, *authorization, *request_id, *length, *metadata,
        *content_type;
    char *secret_header; /* X-IDENTITY-HEADER or "secret": what some managed identities want */
};

#define FAKE_REQUESTS 256
#define FAKE_STEPS    16

struct fake {
    uv_loop_t loop;
    uv_timer_t guard;
    struct http *http;
    struct server *server;
    struct azure_client *client;
    struct secret *secret;
    char origin[64];
    struct fake_step steps[FAKE_STEPS];
    size_t step_count;
    struct fake_request requests[FAKE_REQUESTS];
    size_t request_count;
    struct server_call *hung[FAKE_REQUESTS];
    size_t hung_count;
    bool is_late, is_closed;

    /* What the last `done` brought. */
    bool is_done;
    unsigned done_count, kind_count[FAILURE_KINDS];
    struct failure failure; /* kind 0: success */
    char keys[8][160];
    size_t key_count;
    char text[4][400], name[300], application_id[100];
    int64_t at;
    bool has_event;
    struct azure_score score;
};

/* A client that signs in by client secret, unless `change` says otherwise. The steps are copied. */
void fake_open(struct fake *fake, const struct fake_step *steps, size_t count,
               void (*change)(struct azure_settings *settings, struct fake *fake));
#define FAKE_OPEN(fake, ...)                                                                       \
    fake_open(fake, (const struct fake_step[]){__VA_ARGS__},                                       \
              sizeof((const struct fake_step[]){__VA_ARGS__}) / sizeof(struct fake_step), NULL)
void fake_close(struct fake *fake);
/* Runs the loop until `is_done`; fails the test after 10 s. */
void fake_wait(struct fake *fake);
void fake_run(struct fake *fake, uint64_t ms);
/* How many requests came to "METHOD /end/of/path". */
unsigned fake_count(const struct fake *fake, const char *where);
const struct fake_request *fake_last(const struct fake *fake, const char *where);

/* Each starts one operation, waits for it and keeps its outcome. */
void fake_list_keys(struct fake *fake);
void fake_list_keys_of(struct fake *fake, const char *kind, const char *id);
void fake_get(struct fake *fake);
void fake_get_of(struct fake *fake, const char *id);
void fake_regenerate(struct fake *fake, uint32_t deadline_ms);
void fake_regenerate_of(struct fake *fake, const char *kind, const char *id, const char *slot,
                        uint32_t deadline_ms);
void fake_who(struct fake *fake, const char *request_id);
void fake_score(struct fake *fake, const char *path, const char *key, uint32_t deadline_ms);

azure_keys_done fake_on_keys;
operation_done fake_on_end;

/* The outcome was this kind, and the text holds all of the words and no secret. */
void fake_assert_failed(const struct fake *fake, enum failure_kind kind, const char *words[]);
#define FAKE_FAILED(fake, kind, ...)                                                               \
    fake_assert_failed(fake, kind, (const char *[]){__VA_ARGS__, NULL})
void fake_assert_ok(const struct fake *fake);

#endif
