/* SPDX-License-Identifier: Apache-2.0 */
/* Something under way that will call its owner's `done` exactly once.
 *
 * The promise, everywhere in this project: a function that starts an operation returns it, or NULL.
 * NULL: `done` never runs (out of memory, or the client is closing). Otherwise `done` runs exactly
 * once, from the loop, never before the starting function or operation_cancel() has returned.
 * Whoever starts an operation never frees it: it belongs to who made it, and is gone when `done`
 * returns.
 */
#ifndef BASE_OPERATION_H
#define BASE_OPERATION_H

#include "base/failure.h"

#pragma GCC visibility push(default)

struct operation {
    void (*cancel)(struct operation *operation);
};

/* NULL is fine; so is an operation that is already finishing. Its `done` still runs, with
 * FAILURE_CANCELED unless another outcome came first. */
void operation_cancel(struct operation *operation);

/* The `done` of an operation that has no result. On success `failure` is NULL. */
typedef void operation_done(const struct failure *failure, void *context);

#pragma GCC visibility pop

#endif
