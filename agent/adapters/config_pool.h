/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that is taken in pieces and freed at once, and strings that are kept once however often
 * they are asked for: a thousand bindings in one subscription share its name. */
#ifndef AGENT_ADAPTERS_CONFIG_POOL_H
#define AGENT_ADAPTERS_CONFIG_POOL_H

#include "base/text.h"

struct pool_chunk;
struct pool_string;

/* Zeroed memory is a valid empty pool. */
struct pool {
    struct pool_chunk *chunks;
    size_t used, size; /* of the first chunk */
    struct pool_string **slots;
    size_t slot_count, string_count;
};

/* Zeroed and aligned for anything; NULL when out of memory. */
must_use void *pool_take(struct pool *pool, size_t size);
/* NUL-terminated, shared with everybody who asked for the same bytes: nobody may change it. */
must_use char *pool_string(struct pool *pool, struct text text);
/* Forgets which strings there are, and so the cost of knowing; they stay. */
void pool_seal(struct pool *pool);
void pool_clear(struct pool *pool);

#endif
