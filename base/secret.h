/* SPDX-License-Identifier: Apache-2.0 */
/* A value that must not leak: locked in memory, left out of core dumps, wiped when freed.
 *
 * Opaque, so no "%s" reaches it; secret_reveal() is the only way in and easy to grep for. Locking
 * and MADV_DONTDUMP are best effort (RLIMIT_MEMLOCK may be small); wiping always happens.
 */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include "base/attributes.h"
#include "base/text.h"

#include <stdbool.h>

#pragma GCC visibility push(default)

#define SECRET_LIMIT ((size_t)1 << 20) /* bytes; a longer value is refused like out of memory */

struct secret;

/* A copy of `value`, or NULL when out of memory or over SECRET_LIMIT. The caller wipes its own. */
must_use struct secret *secret_new(struct text value);
must_use struct secret *secret_copy(const struct secret *secret);
/* NULL is fine. Always returns NULL: `x = secret_free(x);` */
struct secret *secret_free(struct secret *secret);

/* Constant time in the contents; the lengths are not hidden. NULL equals nothing, not even NULL. */
bool secret_equal(const struct secret *a, const struct secret *b);
/* Valid as long as the secret lives. NUL-terminated behind `size`. */
struct text secret_reveal(const struct secret *secret);

#pragma GCC visibility pop

/* For cleanup_with(). */
void secret_clean(struct secret **secret);
/* Overwrites memory in a way the compiler keeps. */
void wipe(void *memory, size_t size);

#endif
