/* SPDX-License-Identifier: Apache-2.0 */
/* Where all memory of these libraries comes from: malloc() and free(), unless the program says
 * otherwise before it uses them. libcurl and jansson are given the same (net_global_init()); what
 * they hold is wiped when it is freed. Secrets have locked pages of their own beside it. OpenSSL
 * and libuv keep to theirs: CRYPTO_set_mem_functions(), uv_replace_allocator(). */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include "base/attributes.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#pragma GCC visibility push(default)

/* As in the C library: `allocate` and `reallocate` give memory aligned for any type, or NULL; they
 * may be called from any thread. */
struct memory_functions {
    void *(*allocate)(size_t size);
    void *(*reallocate)(void *memory, size_t size);
    void (*release)(void *memory);
};

/* Before anything else of these libraries is called, and never while they hold memory. NULL: the C
 * library's. Copied. A program that uses jansson itself tells jansson the same before. */
void memory_use(const struct memory_functions *functions);

/* From there, for whoever wants it: NULL when there is none, to memory_free(). */
must_use void *memory_allocate(size_t size);
/* Zeroed; NULL also when count * size is too large. */
must_use void *memory_zeroed(size_t count, size_t size);
must_use void *memory_resize(void *memory, size_t size);
void memory_free(void *memory); /* NULL is fine */

#pragma GCC visibility pop

/* NULL also when count * size is too large. */
must_use void *memory_resize_array(void *memory, size_t count, size_t size);
/* A copy of a string, NULL when out of memory. */
must_use char *memory_string(const char *string);
/* As printf(); NULL when out of memory. */
must_use char *memory_print(const char *format, ...) printf_like(1, 2);
must_use char *memory_print_list(const char *format, va_list arguments) printf_like(1, 0);
/* Is it from malloc(), as no other functions were named? */
bool memory_is_plain(void);

#endif
