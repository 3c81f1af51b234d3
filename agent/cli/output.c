/* SPDX-License-Identifier: Apache-2.0 */
/* Writing to the two streams. Results are gathered first and written at once, so that a full disk
 * or a reader that has gone is noticed in one place. */
#include "agent/cli/output.h"

#include "agent/cli/options.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_LIMIT 16384

/* ---- standard error -------------------------------------------------------------------------- */

static void say(const char *format, va_list arguments) printf_like(1, 0);
static void say(const char *format, va_list arguments)
{
    struct buffer line, clean;

    buffer_init(&line, LINE_LIMIT);
    buffer_init(&clean, LINE_LIMIT);
    buffer_vprintf(&line, format, arguments);
    output_clean(&clean, buffer_text(&line));
    fprintf(stderr, "keydrift: %.*s\n", TEXT_ARG(buffer_text(&clean)));
    buffer_clear(&line);
    buffer_clear(&clean);
}

void cli_error(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    say(format, arguments);
    va_end(arguments);
}

int cli_usage_error(const struct cli *cli, const char *format, ...)
{
    struct buffer usage;
    va_list arguments;

    va_start(arguments, format);
    say(format, arguments);
    va_end(arguments);
    if (!cli->command) {
        fputs("\"keydrift --help\" lists the commands and their options.\n", stderr);
        return EXIT_USAGE;
    }
    buffer_init(&usage, LINE_LIMIT);
    help_usage(cli->command, &usage);
    fprintf(stderr, "%.*s\"keydrift %s --help\" says more.\n", TEXT_ARG(buffer_text(&usage)),
            cli->command->name);
    buffer_clear(&usage);
    return EXIT_USAGE;
}

void cli_note(const struct cli *cli, const char *format, ...)
{
    va_list arguments;

    if (cli->is_quiet)
        return;
    va_start(arguments, format);
    say(format, arguments);
    va_end(arguments);
}

/* ---- standard output ------------------------------------------------------------------------- */

static bool write_all(struct text text)
{
    while (text.size) {
        ssize_t written = write(STDOUT_FILENO, text.start, text.size);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return false;
        text = text_part(text, (size_t)written, SIZE_MAX);
    }
    return true;
}

int cli_print(struct buffer *out, int exit_code)
{
    if (!buffer_ok(out)) {
        cli_error("out of memory, or too much to print");
        exit_code = EXIT_REFUSED;
    } else if (!write_all(buffer_text(out))) {
        cli_error("the result could not be written to standard output: %s", strerror(errno));
        exit_code = EXIT_REFUSED;
    }
    buffer_clear(out);
    return exit_code;
}

int cli_print_json(const json_t *document, int exit_code)
{
    json_t *copy = json_copy((json_t *)(uintptr_t)document);
    struct buffer out;

    buffer_init(&out, OUTPUT_LIMIT);
    if (!copy) {
        cli_error("out of memory");
        return EXIT_REFUSED;
    }
    json_object_del(copy, "exit");
    if (!json_write(copy, true, &out))
        out.is_broken = true;
    json_decref(copy);
    return cli_print(&out, exit_code);
}

int cli_exit_of(const json_t *document, int fallback)
{
    int64_t code = json_integer_at(document, "exit", fallback);

    return code >= EXIT_DONE && code <= EXIT_WAITS ? (int)code : EXIT_REFUSED;
}

int cli_print_error(const json_t *document)
{
    struct text text = json_text_at(document, "error.text");

    if (text.size)
        cli_error("%.*s", TEXT_ARG(text));
    else
        cli_error("an error without a text was answered");
    return cli_exit_of(document, EXIT_REFUSED);
}

/* ---- text ------------------------------------------------------------------------------------ */

void output_clean(struct buffer *out, struct text text)
{
    for (size_t i = 0; i < text.size; i++) {
        unsigned char byte = (unsigned char)text.start[i];
        bool is_c1 = byte == 0xc2 && i + 1 < text.size && (unsigned char)text.start[i + 1] < 0xa0;

        if (is_c1)
            i++;
        buffer_append_byte(out, byte < 0x20 || byte == 0x7f || is_c1 ? ' ' : (char)byte);
    }
}

void output_field(struct buffer *out, const char *label, struct text text)
{
    if (!text.size)
        return;
    buffer_printf(out, "%-14s", label);
    output_clean(out, text);
    buffer_append_byte(out, '\n');
}

void output_field_printf(struct buffer *out, const char *label, const char *format, ...)
{
    struct buffer text;
    va_list arguments;

    buffer_init(&text, LINE_LIMIT);
    va_start(arguments, format);
    buffer_vprintf(&text, format, arguments);
    va_end(arguments);
    output_field(out, label, buffer_text(&text));
    buffer_clear(&text);
}
