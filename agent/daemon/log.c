/* SPDX-License-Identifier: Apache-2.0 */
/* Writes each event with a single write(), so that lines of several processes do not mix. */
#include "agent/daemon/log.h"

#include "base/buffer.h"
#include "base/moment.h"

#include <time.h>
#include <unistd.h>

static enum log_level lowest = LOG_OFF;

void log_set_level(enum log_level level)
{
    lowest = level;
}

static bool needs_quotes(struct text value)
{
    return value.size == 0 || text_contains_byte(value, ' ') || text_contains_byte(value, '"') ||
           text_contains_byte(value, '=') || text_contains_byte(value, '\\') ||
           !text_is_printable(value);
}

static void append_value(struct buffer *line, struct text value)
{
    value = text_part(value, 0, 500);
    if (!needs_quotes(value)) {
        buffer_append(line, value);
        return;
    }
    buffer_append_byte(line, '"');
    for (size_t i = 0; i < value.size; i++) {
        unsigned char byte = (unsigned char)value.start[i];

        if (byte == '"' || byte == '\\')
            buffer_printf(line, "\\%c", byte);
        else if (byte < 0x20 || byte == 0x7f)
            buffer_printf(line, "\\x%02x", byte);
        else
            buffer_append_byte(line, (char)byte);
    }
    buffer_append_byte(line, '"');
}

void log_event(enum log_level level, const char *event, const struct log_field *fields,
               size_t count)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    char at[INSTANT_SIZE];
    struct timespec now;
    struct buffer line;
    ssize_t ignored;

    if (level < lowest || level >= LOG_OFF)
        return;
    clock_gettime(CLOCK_REALTIME, &now);
    instant_format((int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000, at);
    buffer_init(&line, 16384);
    buffer_printf(&line, "at=%s level=%s event=", at, names[level]);
    append_value(&line, text_of(event));
    for (size_t i = 0; i < count; i++) {
        buffer_printf(&line, " %s=", fields[i].name);
        append_value(&line, fields[i].value);
    }
    buffer_append_byte(&line, '\n');
    ignored = write(STDERR_FILENO, line.start ? line.start : "", line.size);
    (void)ignored; /* nowhere to complain */
    buffer_clear(&line);
}
