/* SPDX-License-Identifier: Apache-2.0 */
/* An allocator that wipes what it frees, for memory that may hold secrets: our requests, and
 * everything inside libcurl and jansson. Each block remembers its size in front of itself. */
#ifndef NET_ALLOC_H
#define NET_ALLOC_H

#include "base/attributes.h"

#include <stddef.h>

must_use void *wiping_malloc(size_t size);
must_use void *wiping_calloc(size_t count, size_t size);
/* Never moves in place: realloc() might leave a copy behind. */
must_use void *wiping_realloc(void *memory, size_t size);
must_use char *wiping_strdup(const char *string);
void wiping_free(void *memory);
/* How often there was no memory, in any thread, since the process began. */
size_t wiping_refusals(void);

#endif
