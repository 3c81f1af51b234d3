/* SPDX-License-Identifier: Apache-2.0 */
/* The growing buffer. Every append first reserves all the room it needs, so it happens as a whole
 * or not at all. Growth is a new allocation, never realloc(), which could leave a copy behind
 * unwiped. */
#include "base/buffer.h"

#include "base/memory.h"
#include "base/secret.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define FIRST_CAPACITY 64

void buffer_init(struct buffer *buffer, size_t limit)
{
    *buffer = (struct buffer){.limit = limit};
}

void buffer_clear(struct buffer *buffer)
{
    wipe(buffer->start, buffer->capacity);
    memory_free(buffer->start);
    buffer_init(buffer, buffer->limit);
}

void buffer_reset(struct buffer *buffer)
{
    wipe(buffer->start, buffer->size);
    buffer->size = 0;
    buffer->is_broken = false;
}

static bool break_it(struct buffer *buffer)
{
    buffer->is_broken = true;
    return false;
}

static bool grow(struct buffer *buffer, size_t needed)
{
    size_t capacity = buffer->capacity > SIZE_MAX / 2 ? SIZE_MAX : buffer->capacity * 2;
    char *start;

    if (capacity < FIRST_CAPACITY)
        capacity = FIRST_CAPACITY;
    if (capacity > buffer->limit && buffer->limit < SIZE_MAX)
        capacity = buffer->limit + 1;
    if (capacity < needed)
        capacity = needed;
    start = memory_allocate(capacity);
    if (!start)
        return break_it(buffer);
    if (buffer->size)
        memcpy(start, buffer->start, buffer->size);
    wipe(buffer->start, buffer->capacity);
    memory_free(buffer->start);
    start[buffer->size] = '\0';
    buffer->start = start;
    buffer->capacity = capacity;
    return true;
}

/* Makes room for `extra` bytes and the NUL behind them. */
static bool reserve(struct buffer *buffer, size_t extra)
{
    if (buffer->is_broken)
        return false;
    if (buffer->size > buffer->limit || extra > buffer->limit - buffer->size ||
        extra >= SIZE_MAX - buffer->size)
        return break_it(buffer);
    if (buffer->size + extra < buffer->capacity)
        return true;
    return grow(buffer, buffer->size + extra + 1);
}

/* Into room that was reserved. */
static void put(struct buffer *buffer, char byte)
{
    buffer->start[buffer->size++] = byte;
}

static bool terminate(struct buffer *buffer)
{
    buffer->start[buffer->size] = '\0';
    return true;
}

bool buffer_append(struct buffer *buffer, struct text text)
{
    if (!reserve(buffer, text.size))
        return false;
    if (text.size)
        memcpy(buffer->start + buffer->size, text.start, text.size);
    buffer->size += text.size;
    return terminate(buffer);
}

bool buffer_append_string(struct buffer *buffer, const char *string)
{
    return buffer_append(buffer, text_of(string));
}

bool buffer_append_byte(struct buffer *buffer, char byte)
{
    return buffer_append(buffer, (struct text){&byte, 1});
}

bool buffer_printf(struct buffer *buffer, const char *format, ...)
{
    va_list arguments;
    bool ok;

    va_start(arguments, format);
    ok = buffer_vprintf(buffer, format, arguments);
    va_end(arguments);
    return ok;
}

bool buffer_vprintf(struct buffer *buffer, const char *format, va_list arguments)
{
    va_list again;
    int size;

    va_copy(again, arguments);
    size = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (size < 0)
        return break_it(buffer);
    if (!reserve(buffer, (size_t)size))
        return false;
    vsnprintf(buffer->start + buffer->size, (size_t)size + 1, format, arguments);
    buffer->size += (size_t)size;
    return true;
}

static bool stays_plain(char c, bool keep_slash)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~' || (c == '/' && keep_slash);
}

bool buffer_append_percent_encoded(struct buffer *buffer, struct text text, bool keep_slash)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t size = 0;

    for (size_t i = 0; i < text.size; i++)
        size += stays_plain(text.start[i], keep_slash) ? 1 : 3;
    if (!reserve(buffer, size))
        return false;
    for (size_t i = 0; i < text.size; i++) {
        unsigned char byte = (unsigned char)text.start[i];

        if (stays_plain(text.start[i], keep_slash)) {
            put(buffer, text.start[i]);
            continue;
        }
        put(buffer, '%');
        put(buffer, digits[byte >> 4]);
        put(buffer, digits[byte & 15]);
    }
    return terminate(buffer);
}

/* The byte behind the '%' at `at`. */
static bool read_escape(struct text text, size_t at, uint8_t *byte)
{
    return hex_decode(text_part(text, at + 1, 2), byte, 1);
}

bool buffer_append_percent_decoded(struct buffer *buffer, struct text text)
{
    size_t size = 0;
    uint8_t byte;

    for (size_t i = 0; i < text.size; i++, size++) {
        if (text.start[i] != '%')
            continue;
        if (!read_escape(text, i, &byte))
            return break_it(buffer);
        i += 2;
    }
    if (!reserve(buffer, size))
        return false;
    for (size_t i = 0; i < text.size; i++) {
        if (text.start[i] == '%' && read_escape(text, i, &byte)) {
            put(buffer, (char)byte);
            i += 2;
        } else {
            put(buffer, text.start[i]);
        }
    }
    return terminate(buffer);
}

static bool append_base64(struct buffer *buffer, struct text bytes, const char *alphabet, bool pad)
{
    size_t tail = bytes.size % 3;

    if (bytes.size > SIZE_MAX / 2)
        return break_it(buffer);
    if (!reserve(buffer, bytes.size / 3 * 4 + (tail ? pad ? 4 : tail + 1 : 0)))
        return false;
    for (size_t i = 0; i < bytes.size; i += 3) {
        size_t count = bytes.size - i < 3 ? bytes.size - i : 3;
        uint32_t group = 0;

        for (size_t j = 0; j < 3; j++)
            group = group << 8 | (j < count ? (unsigned char)bytes.start[i + j] : 0);
        for (size_t j = 0; j < 4; j++) {
            if (j <= count)
                put(buffer, alphabet[group >> (18 - 6 * j) & 63]);
            else if (pad)
                put(buffer, '=');
        }
    }
    return terminate(buffer);
}

bool buffer_append_base64(struct buffer *buffer, struct text bytes)
{
    return append_base64(buffer, bytes,
                         "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", true);
}

bool buffer_append_base64url(struct buffer *buffer, struct text bytes)
{
    return append_base64(buffer, bytes,
                         "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", false);
}

/* 64 for a letter of neither alphabet. */
static unsigned base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (unsigned)(c - 'A');
    if (c >= 'a' && c <= 'z')
        return (unsigned)(c - 'a' + 26);
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0' + 52);
    if (c == '+' || c == '-')
        return 62;
    return c == '/' || c == '_' ? 63 : 64;
}

/* Takes the padding off, which must be all there when any is. */
static bool unpad(struct text *text)
{
    struct text bare = *text;

    while (bare.size && text->size - bare.size < 2 && bare.start[bare.size - 1] == '=')
        bare.size--;
    if (bare.size < text->size && text->size % 4 != 0)
        return false;
    *text = bare;
    return bare.size % 4 != 1;
}

bool buffer_append_base64_decoded(struct buffer *buffer, struct text text)
{
    uint32_t bits = 0;
    unsigned count = 0;

    if (!unpad(&text))
        return break_it(buffer);
    for (size_t i = 0; i < text.size; i++)
        if (base64_value(text.start[i]) == 64)
            return break_it(buffer);
    /* The bits behind the last whole byte are zero, or two texts would mean the same bytes. */
    if (text.size % 4 && base64_value(text.start[text.size - 1]) & (text.size % 4 == 2 ? 15 : 3))
        return break_it(buffer);
    if (!reserve(buffer, text.size / 4 * 3 + text.size % 4 * 3 / 4))
        return false;
    for (size_t i = 0; i < text.size; i++) {
        bits = bits << 6 | base64_value(text.start[i]);
        count += 6;
        if (count < 8)
            continue;
        count -= 8;
        put(buffer, (char)(bits >> count & 255));
    }
    return terminate(buffer);
}

bool buffer_ok(const struct buffer *buffer)
{
    return !buffer->is_broken;
}

struct text buffer_text(const struct buffer *buffer)
{
    return (struct text){buffer->start ? buffer->start : "", buffer->size};
}

char *buffer_take(struct buffer *buffer)
{
    char *string;

    if (!reserve(buffer, 0))
        return NULL;
    string = buffer->start;
    buffer_init(buffer, buffer->limit);
    return string;
}
