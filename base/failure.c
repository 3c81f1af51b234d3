/* SPDX-License-Identifier: Apache-2.0 */
/* Failures are made in a text of their own before `why` changes, so the arguments of a message may
 * come from the failure it replaces. */
#include "base/failure.h"

#include "base/text.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define TEXT_SIZE sizeof((struct failure){0}.text)

/* One word for each kind; the words are in JSON and logs, so they never change. */
static const char *const names[FAILURE_KINDS] = {
    [FAILURE_NONE] = "none",           [FAILURE_CANCELED] = "canceled",
    [FAILURE_TIMEOUT] = "timeout",     [FAILURE_NETWORK] = "network",
    [FAILURE_THROTTLED] = "throttled", [FAILURE_DENIED] = "denied",
    [FAILURE_NOT_FOUND] = "not_found", [FAILURE_DELETED] = "deleted",
    [FAILURE_DESTROYED] = "destroyed", [FAILURE_CONFLICT] = "conflict",
    [FAILURE_AMBIGUOUS] = "ambiguous", [FAILURE_REMOTE] = "remote",
    [FAILURE_PROTOCOL] = "protocol",   [FAILURE_TOO_LARGE] = "too_large",
    [FAILURE_INVALID] = "invalid",     [FAILURE_INTERNAL] = "internal",
};

/* Spaces for what could break a line or speak to a terminal: C0, DEL, and C1 in UTF-8. Question
 * marks for what is not UTF-8: JSON would not take it. */
static void replace_unspeakable(char *string)
{
    struct text text = text_of(string);

    for (size_t at = 0, size; at < text.size; at += size ? size : 1) {
        unsigned char *c = (unsigned char *)string + at;

        size = text_letter_size(text_part(text, at, text.size));
        if (!size)
            *c = '?';
        else if (*c < 0x20 || *c == 0x7f || (c[0] == 0xc2 && c[1] < 0xa0))
            memset(c, ' ', size);
    }
}

/* Ends a text that was cut by its memory with "...", never within a UTF-8 sequence. */
static void mark_cut(char text[TEXT_SIZE])
{
    size_t end = TEXT_SIZE - sizeof("..."), earliest = end - 3;

    while (end > earliest && (text[end] & 0xc0) == 0x80)
        end--;
    memcpy(text + end, "...", sizeof("..."));
}

static void settle(char text[TEXT_SIZE], int size)
{
    if (size < 0)
        text[0] = '\0';
    else if ((size_t)size >= TEXT_SIZE)
        mark_cut(text);
    replace_unspeakable(text);
}

bool failure_set(struct failure *why, enum failure_kind kind, const char *format, ...)
{
    struct failure made = {.kind = kind};
    va_list arguments;

    if (!why)
        return false;
    va_start(arguments, format);
    settle(made.text, vsnprintf(made.text, sizeof(made.text), format, arguments));
    va_end(arguments);
    *why = made;
    return false;
}

void failure_prefix(struct failure *why, const char *format, ...)
{
    char prefix[TEXT_SIZE], text[TEXT_SIZE];
    va_list arguments;

    if (!why)
        return;
    va_start(arguments, format);
    settle(prefix, vsnprintf(prefix, sizeof(prefix), format, arguments));
    va_end(arguments);
    settle(text, snprintf(text, sizeof(text), "%s: %s", prefix, why->text));
    memcpy(why->text, text, sizeof(text));
}

bool failure_out_of_memory(struct failure *why)
{
    return failure_set(why, FAILURE_INTERNAL, "out of memory");
}

bool failure_is_temporary(enum failure_kind kind)
{
    return kind == FAILURE_TIMEOUT || kind == FAILURE_NETWORK || kind == FAILURE_THROTTLED ||
           kind == FAILURE_REMOTE;
}

const char *failure_kind_name(enum failure_kind kind)
{
    return (unsigned)kind < FAILURE_KINDS ? names[kind] : "unknown";
}
