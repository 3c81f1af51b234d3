/* SPDX-License-Identifier: Apache-2.0 */
/* A growing owner of bytes whose limit is set at birth.
 *
 * The first append that does not fit (over the limit, or out of memory) breaks the buffer: it keeps
 * what it had, refuses everything after, and buffer_ok() says so. So a series of appends needs one
 * check at its end. Contents are wiped when the buffer grows, is reset or is cleared. Always
 * NUL-terminated behind `size`. Zeroed memory with a limit is a valid empty buffer.
 */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H

#include "base/attributes.h"
#include "base/text.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct buffer {
    char *start; /* NULL until the first append */
    size_t size, capacity, limit;
    bool is_broken;
};

void buffer_init(struct buffer *buffer, size_t limit);
/* Wipes and frees; the buffer may be used again. */
void buffer_clear(struct buffer *buffer);
/* Wipes and empties, keeps the memory; also mends a broken buffer. */
void buffer_reset(struct buffer *buffer);

/* False when the buffer is, or just became, broken. */
bool buffer_append(struct buffer *buffer, struct text text);
bool buffer_append_string(struct buffer *buffer, const char *string);
bool buffer_append_byte(struct buffer *buffer, char byte);
bool buffer_printf(struct buffer *buffer, const char *format, ...) printf_like(2, 3);
bool buffer_vprintf(struct buffer *buffer, const char *format, va_list arguments) printf_like(2, 0);
/* Everything but A-Z a-z 0-9 - . _ ~ becomes %XX (RFC 3986); '/' too unless `keep_slash`. */
bool buffer_append_percent_encoded(struct buffer *buffer, struct text text, bool keep_slash);
/* Inverse: false, and the buffer broken, for a malformed escape. '+' stays '+'. */
bool buffer_append_percent_decoded(struct buffer *buffer, struct text text);
bool buffer_append_base64(struct buffer *buffer, struct text bytes);    /* RFC 4648 s4, padded */
bool buffer_append_base64url(struct buffer *buffer, struct text bytes); /* s5, no padding */
/* Either alphabet, padded or not, unused bits zero, nothing else; false and broken otherwise. */
bool buffer_append_base64_decoded(struct buffer *buffer, struct text text);

bool buffer_ok(const struct buffer *buffer);
struct text buffer_text(const struct buffer *buffer);
/* The contents as a string to memory_free(), the buffer empty; NULL when broken. Never NULL for an
 * empty one unless out of memory. */
must_use char *buffer_take(struct buffer *buffer);

#endif
