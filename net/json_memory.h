/* SPDX-License-Identifier: Apache-2.0 */
/* jansson's memory, wiped when it is freed; and reading that survives its end.
 *
 * What jansson gets its memory from counts for the whole process, so a program that uses jansson
 * itself must not notice: what it made before is freed by us, what it makes meanwhile may be freed
 * after us. Hence a block is what malloc() gives, and nothing else, unless memory_use() says so.
 *
 * When memory runs out while a string is read, jansson 2.14 loses a byte without noticing and then
 * fails an assertion of its own. So the first allocation that fails during a reading leaves jansson
 * at once, and everything the reading had is given back. */
#ifndef NET_JSON_MEMORY_H
#define NET_JSON_MEMORY_H

#include "base/text.h"

#include <jansson.h>
#include <stdbool.h>

/* Gives jansson these functions, unless the program gave it some of its own: those stay. */
void json_memory_begin(void);

/* json_loadb(); NULL with `ran_out` when there was not enough memory: `error` then says nothing. */
must_use json_t *json_memory_load(struct text text, size_t flags, json_error_t *error,
                                  bool *ran_out);

#endif
