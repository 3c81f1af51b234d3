/* SPDX-License-Identifier: Apache-2.0 */
/* Strict JSON: jansson with our rules. Duplicate keys, NUL characters (unless asked for), trailing
 * bytes, broken UTF-8 and nesting over 64 are refused. Failure texts name places, never values. */
#ifndef NET_JSON_H
#define NET_JSON_H

#include "base/attributes.h"
#include "base/buffer.h"
#include "base/failure.h"
#include "base/secret.h"
#include "base/text.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* A new reference, or NULL with FAILURE_PROTOCOL. */
must_use json_t *json_read(struct text text, struct failure *why);
must_use json_t *json_read_object(struct text text,
                                  struct failure *why); /* and must be an object */

/* For cleanup_with(): drops the reference. */
void json_clean(json_t **json);

/* The member at a dotted path ("data.metadata.version"), or NULL when anything on the way is absent
 * or not an object. Borrowed. */
json_t *json_at(const json_t *json, const char *path);
/* Views into the tree: valid while it lives. The empty text with start NULL when absent or another
 * type. */
struct text json_text_at(const json_t *json, const char *path);
/* `fallback` when absent or another type. */
int64_t json_integer_at(const json_t *json, const char *path, int64_t fallback);
bool json_boolean_at(const json_t *json, const char *path, bool fallback);
/* Must be there and of the type, else FAILURE_PROTOCOL naming the path and what was found. */
must_use bool json_need_text(const json_t *json, const char *path, struct text *ret,
                             struct failure *why);
must_use bool json_need_integer(const json_t *json, const char *path, int64_t *ret,
                                struct failure *why);

/* Sets a string member; a text with start NULL sets null. False when out of memory or not UTF-8. */
bool json_set_text(json_t *object, const char *name, struct text value);

/* Compact, or indented by two spaces with a newline at the end; keys in the order of insertion. */
bool json_write(const json_t *json, bool indented, struct buffer *out);
/* The same as a string to memory_free(), or NULL. */
must_use char *json_write_string(const json_t *json, bool indented);

#endif
