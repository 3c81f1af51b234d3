/* SPDX-License-Identifier: Apache-2.0 */
/* Lines are kept until the end, because checks of the whole come after those of its parts. */
#include "agent/adapters/config_report.h"

#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static bool has_room(struct report *report)
{
    size_t capacity = report->capacity ? report->capacity * 2 : 16;
    struct report_line *lines;

    if (report->count < report->capacity)
        return true;
    lines = memory_resize_array(report->lines, capacity, sizeof(*lines));
    if (!lines) {
        report->is_broken = true;
        return false;
    }
    report->lines = lines;
    report->capacity = capacity;
    return true;
}

/* Names from the file are echoed: whatever could drive a terminal becomes '?'. */
static void make_printable(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = '?';
}

static void printf_like(4, 0) report_add(struct report *report, struct report_place place,
                                         bool is_warning, const char *format, va_list arguments)
{
    char *text;

    *(is_warning ? &report->warnings : &report->errors) += 1;
    if (report->count >= REPORT_LINES) {
        report->unkept++;
        return;
    }
    if (!has_room(report))
        return;
    text = memory_print_list(format, arguments);
    if (!text) {
        report->is_broken = true;
        return;
    }
    make_printable(text);
    report->lines[report->count] = (struct report_line){
        .line = place.line ? place.line : 1,
        .column = place.column ? place.column : 1,
        .order = report->count,
        .is_warning = is_warning,
        .text = text,
    };
    report->count++;
}

void report_error(struct report *report, struct report_place place, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    report_add(report, place, false, format, arguments);
    va_end(arguments);
}

void report_warning(struct report *report, struct report_place place, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    report_add(report, place, true, format, arguments);
    va_end(arguments);
}

void report_out_of_memory(struct report *report)
{
    report->is_broken = true;
}

static int compare(const void *a, const void *b)
{
    const struct report_line *left = a, *right = b;

    if (left->line != right->line)
        return left->line < right->line ? -1 : 1;
    if (left->column != right->column)
        return left->column < right->column ? -1 : 1;
    return left->order < right->order ? -1 : left->order > right->order;
}

void report_finish(struct report *report, struct config_problems *problems)
{
    struct buffer *out = &problems->text;

    if (report->count)
        qsort(report->lines, report->count, sizeof(*report->lines), compare);
    for (size_t i = 0; i < report->count; i++) {
        const struct report_line *line = &report->lines[i];

        buffer_printf(out, "%s:%u:%u: %s: %s\n", report->path, line->line, line->column,
                      line->is_warning ? "warning" : "error", line->text);
        memory_free(line->text);
    }
    if (report->unkept)
        buffer_printf(out, "%s:1:1: error: and %zu more\n", report->path, report->unkept);
    if (report->is_broken) {
        buffer_printf(out, "%s:1:1: error: out of memory\n", report->path);
        report->errors++;
    }
    problems->errors = report->errors;
    problems->warnings = report->warnings;
    memory_free(report->lines);
    *report = (struct report){0};
}
