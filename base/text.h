/* SPDX-License-Identifier: Apache-2.0 */
/* A view of some bytes of text: borrowed, passed by value, never NUL-terminated by promise. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include "base/attributes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(default)

struct text {
    const char *start; /* may be NULL when size is 0 */
    size_t size;
};

/* A text from a string literal. */
#ifdef __cplusplus
#define TEXT(literal) (::text{(literal), sizeof(literal) - 1})
#else
#define TEXT(literal) ((struct text){(literal), sizeof(literal) - 1})
#endif
/* For "%.*s": cuts at INT_MAX. */
#define TEXT_ARG(text) text_printf_size(text), ((text).start ? (text).start : "")

int text_printf_size(struct text text);

/* NULL gives the empty text. */
struct text text_of(const char *string);
bool text_is(struct text text, const char *string);
bool text_equal(struct text a, struct text b);
/* A NUL-terminated copy to memory_free(), or NULL when out of memory. */
must_use char *text_copy(struct text text);

#pragma GCC visibility pop

struct text text_part(struct text text, size_t from, size_t size); /* clamped to `text` */

bool text_equal_ignoring_case(struct text a, struct text b); /* ASCII letters only */
int text_compare(struct text a, struct text b);              /* by bytes, as strcmp() */
bool text_starts_with(struct text text, struct text prefix);
bool text_starts_with_ignoring_case(struct text text, struct text prefix);
bool text_ends_with(struct text text, struct text suffix);
/* The offset of `needle` in `text`, or SIZE_MAX. The empty needle is at 0. */
size_t text_find(struct text text, struct text needle);
bool text_contains_byte(struct text text, char byte);

/* Without ASCII white space at both ends. */
struct text text_trim(struct text text);

/* Takes the part of `rest` before the next separator, and moves `rest` behind it. False when `rest`
 * is exhausted (its start is NULL). "a,,b" has three parts; the empty text has one, empty, part. */
bool text_split(struct text *rest, char separator, struct text *part);

/* Decimal digits only, no sign, no spaces, at most `max`. `ret` is untouched on false. */
must_use bool text_parse_u64(struct text text, uint64_t max, uint64_t *ret);

/* Well-formed UTF-8 (RFC 3629): no overlong forms, no surrogates. */
bool text_is_utf8(struct text text);
/* How many bytes the letter at the start has; 0 when there is none in well-formed UTF-8. */
size_t text_letter_size(struct text text);
/* No byte below 0x20 and no 0x7f. */
bool text_is_printable(struct text text);

/* How many single-letter edits (insert, delete, replace, swap of neighbours) lie between the two;
 * texts over 64 bytes are SIZE_MAX apart. For "did you mean". */
size_t text_distance(struct text a, struct text b);

/* Pattern with '*' (any bytes, also none), ignoring ASCII case. */
bool text_matches(struct text text, struct text pattern);

/* Lower-case hex. `out` holds 2 * size + 1 bytes and is NUL-terminated. */
void hex_encode(const uint8_t *bytes, size_t size, char *out);
/* Exactly 2 * size hex digits of either case. */
must_use bool hex_decode(struct text text, uint8_t *bytes, size_t size);

#endif
