/* SPDX-License-Identifier: Apache-2.0 */
/* Writes JSON in the canonical form of RFC 8785 (JCS): members sorted by UTF-16 code units,
 * shortest escapes, no white space. Two parties that agree on the members agree on the bytes, so a
 * hash of them names the content. Numbers are integers within +-(2^53 - 1): all this project needs.
 */
#ifndef BASE_CANONICAL_H
#define BASE_CANONICAL_H

#include "base/attributes.h"
#include "base/buffer.h"
#include "base/text.h"

#include <stdint.h>

enum canonical_kind {
    CANONICAL_NULL,
    CANONICAL_BOOLEAN,
    CANONICAL_INTEGER,
    CANONICAL_STRING,
    CANONICAL_OBJECT,
    CANONICAL_ARRAY, /* members without names */
};

struct canonical_value {
    struct text name; /* ignored in arrays and at the top */
    enum canonical_kind kind;
    bool boolean;
    int64_t integer;
    struct text string;                    /* UTF-8 */
    const struct canonical_value *members; /* of an object or array */
    size_t count;
};

/* False when a string or name is not UTF-8, a number is out of range, two members share a name, an
 * object has more than 64 members, nesting exceeds 16, or the buffer broke. `out` then holds what
 * it held before. */
must_use bool canonical_write(const struct canonical_value *value, struct buffer *out);

#endif
