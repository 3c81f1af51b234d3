/* SPDX-License-Identifier: Apache-2.0 */
/* An endpoint with two keys, a log of who regenerated them, and callers that are served or not. */
#ifndef TESTS_SUPPORT_FAKE_SOURCE_H
#define TESTS_SUPPORT_FAKE_SOURCE_H

#include "agent/ports/key_source.h"
#include "tests/support/fake_clock.h"

#define FAKE_KEY_SIZE 32

struct fake_source {
    struct key_source port; /* first */
    struct fake_clock *clock;
    char keys[FACT_SLOTS][FAKE_KEY_SIZE];
    char shown[FACT_SLOTS][FAKE_KEY_SIZE]; /* what a list says while it is stale */
    unsigned stale_lists;                  /* so many more lists still show the old keys */
    unsigned number;                       /* of the last key ever made */
    unsigned regenerated[FACT_SLOTS];      /* by the agent, effectively */
    char log_by[64], log_request[40];      /* the last regeneration; `log_by` empty: none */
    int64_t log_at;
    int64_t log_from;            /* the log knows nothing before */
    enum probe_result good, bad; /* what a caller with a current or another key gets */
    unsigned red_probes;         /* so many more calls are refused whatever the key */
};

void fake_source_init(struct fake_source *source, struct fake_clock *clock);
/* Somebody else does it. */
void fake_source_regenerate(struct fake_source *source, int slot, const char *by);

#endif
