/* SPDX-License-Identifier: Apache-2.0 */
/* One field of one secret, with versions and check-and-set. */
#ifndef TESTS_SUPPORT_FAKE_COPY_H
#define TESTS_SUPPORT_FAKE_COPY_H

#include "agent/ports/secret_store.h"
#include "tests/support/fake_clock.h"

#define FAKE_VALUE_SIZE 32

struct fake_copy {
    struct secret_copy port; /* first */
    struct fake_clock *clock;
    enum copy_state state;
    char value[FAKE_VALUE_SIZE];
    struct copy_version version;
    unsigned writes, conflicts; /* by the agent: effective, refused by check-and-set */
    bool may_not_write;
};

void fake_copy_init(struct fake_copy *copy, struct fake_clock *clock);
/* Somebody else does it. */
void fake_copy_put(struct fake_copy *copy, const char *value);

#endif
