/* SPDX-License-Identifier: Apache-2.0 */
/* A lab of its own, a client signed in there, and the orders of its control
 * listener. The program is named by KEYDRIFT_LAB. */
#ifndef TESTS_AZURECLIENT_LAB_BENCH_H
#define TESTS_AZURECLIENT_LAB_BENCH_H

#include "azureclient/azureclient.h"
#include "net/http.h"

#include <jansson.h>
#include <sys/types.h>
#include <uv.h>

struct lab_bench {
    uv_loop_t loop;
    uv_timer_t guard;
    struct http *http;
    struct upstream *control;
    struct azure_client *client;
    char dir[64];
    pid_t lab;
    json_t *about; /* lab.json */
    struct secret *secret;
    char *id; /* of its endpoint */
    bool is_done, is_late;
    unsigned done_count;
    struct failure failure; /* of the last `done`; kind 0: none */
    int status;             /* of the last order */
};

void lab_bench_open(struct lab_bench *bench);
void lab_bench_close(struct lab_bench *bench);
/* A member of lab.json. */
const char *lab_about(const struct lab_bench *bench, const char *name);
/* Tenant, client id and the address of IMDS are filled in. `timeout_ms` 0: the default. */
void lab_client_open_as(struct lab_bench *bench, struct azure_credential credential,
                        uint32_t timeout_ms);
/* By client secret. */
void lab_client_open(struct lab_bench *bench, uint32_t timeout_ms);
void lab_client_close(struct lab_bench *bench);
/* Carries out an order: lab_order(bench, "POST", "/fault", "{...}"). */
void lab_order(struct lab_bench *bench, const char *method, const char *target, const char *body);
/* What a `done` calls. */
void lab_note(struct lab_bench *bench, const struct failure *failure);
/* Runs the loop until then; fails the test after 20 s. */
void lab_wait(struct lab_bench *bench);

#endif
