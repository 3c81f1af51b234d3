/* SPDX-License-Identifier: Apache-2.0 */
/* Help, from the tables that also read the command line, so that it never says anything else. */
#include "agent/cli/options.h"

#include <string.h>

#define HELP_WIDTH   80
#define OPTION_LIMIT 26 /* a longer one has its description on the next line */

/* ---- nearest words --------------------------------------------------------------------------- */

void nearest_offer(struct nearest *nearest, const char *candidate)
{
    size_t distance = text_distance(nearest->word, text_of(candidate));

    if (nearest->best && distance >= nearest->distance)
        return;
    nearest->best = candidate;
    nearest->distance = distance;
}

const char *nearest_word(const struct nearest *nearest)
{
    size_t near = nearest->word.size <= 4 ? 1 : nearest->word.size <= 8 ? 2 : 3;

    return nearest->best && nearest->distance <= near ? nearest->best : NULL;
}

const struct command *command_named(const char *name)
{
    for (const struct command *command = commands; command->name; command++)
        if (strcmp(command->name, name) == 0)
            return command;
    return NULL;
}

const char *nearest_command(const char *word)
{
    struct nearest nearest = {.word = text_of(word)};

    for (const struct command *command = commands; command->name; command++)
        nearest_offer(&nearest, command->name);
    nearest_offer(&nearest, "help");
    return nearest_word(&nearest);
}

/* ---- wrapping -------------------------------------------------------------------------------- */

static void indent(struct buffer *out, size_t width)
{
    while (width--)
        buffer_append_byte(out, ' ');
}

/* The cursor stands at `margin`; ends with a newline. */
static void wrap(struct buffer *out, struct text words, size_t margin)
{
    size_t column = margin;
    struct text word;

    while (text_split(&words, ' ', &word)) {
        if (column > margin && column + 1 + word.size > HELP_WIDTH) {
            buffer_append_byte(out, '\n');
            indent(out, margin);
            column = margin;
        }
        if (column > margin) {
            buffer_append_byte(out, ' ');
            column++;
        }
        buffer_append(out, word);
        column += word.size;
    }
    buffer_append_byte(out, '\n');
}

/* A line that begins with a space stays as it is. */
static void paragraphs(struct buffer *out, const char *text)
{
    struct text rest = text_of(text), line;

    while (text_split(&rest, '\n', &line)) {
        if (line.size && line.start[0] != ' ') {
            wrap(out, line, 0);
            continue;
        }
        buffer_append(out, line);
        buffer_append_byte(out, '\n');
    }
}

static void lines(struct buffer *out, const char *title, const char *text)
{
    struct text rest = text_of(text), line;

    buffer_printf(out, "\n%s:\n", title);
    while (text_split(&rest, '\n', &line)) {
        size_t margin = 2;

        indent(out, 2);
        /* "0  done": what follows the code hangs behind it. */
        if (line.size > 3 && line.start[1] == ' ' && line.start[2] == ' ') {
            buffer_append(out, text_part(line, 0, 3));
            line = text_part(line, 3, SIZE_MAX);
            margin = 5;
        }
        wrap(out, line, margin);
    }
}

/* ---- options --------------------------------------------------------------------------------- */

static void option_line(struct buffer *out, const struct poptOption *option)
{
    size_t before = out->size, width;

    if (option->shortName)
        buffer_printf(out, "  -%c, --%s", option->shortName, option->longName);
    else
        buffer_printf(out, "      --%s", option->longName);
    if (option->argDescrip)
        buffer_printf(out, "=%s", option->argDescrip);
    width = out->size - before;
    if (width > OPTION_LIMIT) {
        buffer_append_byte(out, '\n');
        width = 0;
    }
    indent(out, OPTION_LIMIT + 2 - width);
    wrap(out, text_of(option->descrip), OPTION_LIMIT + 2);
}

static void option_lines(struct buffer *out, const char *title, const struct poptOption *table)
{
    buffer_printf(out, "\n%s:\n", title);
    for (; table->longName; table++)
        option_line(out, table);
}

/* ---- whole pages ----------------------------------------------------------------------------- */

void help_usage(const struct command *command, struct buffer *out)
{
    static const char start[] = "usage: keydrift ";
    struct buffer words;

    buffer_init(&words, 4096);
    buffer_printf(&words, "%s%s%s [OPTION]...", command->name, *command->arguments ? " " : "",
                  command->arguments);
    buffer_append_string(out, start);
    wrap(out, buffer_text(&words), sizeof(start) - 1);
    buffer_clear(&words);
}

void help_command(const struct command *command, struct buffer *out)
{
    help_usage(command, out);
    buffer_printf(out, "\n%s.\n", command->summary);
    if (*command->details) {
        buffer_append_byte(out, '\n');
        paragraphs(out, command->details);
    }
    if (command->options)
        option_lines(out, "Options", command->options);
    option_lines(out, "Common options", common_options);
    lines(out, "Exit codes", command->exits);
    lines(out, strchr(command->example, '\n') ? "Examples" : "Example", command->example);
}

void help_all(struct buffer *out)
{
    buffer_append_string(out,
                         "usage: keydrift COMMAND [ARGUMENT]... [OPTION]...\n\n"
                         "Watches keys that a cloud service issues and their copies in Vault, says "
                         "when a\ncopy no longer works, and repairs it under approval.\n\n"
                         "Commands:\n");
    for (const struct command *command = commands; command->name; command++)
        buffer_printf(out, "  %-10s  %s\n", command->name, command->summary);
    buffer_printf(out, "  %-10s  %s\n", "help", "Print this, or the help of one command");
    option_lines(out, "Common options", common_options);
    lines(out, "Exit codes",
          "0  done; in sync\n"
          "1  refused or failed; not in sync\n"
          "2  bad usage or configuration; could not tell\n"
          "3  a plan was made and waits for approval");
    lines(out, "Example", "keydrift check -c keydrift.yaml");
    buffer_append_string(out, "\nkeydrift COMMAND --help says more of each command.\n");
}
