/* SPDX-License-Identifier: Apache-2.0 */
/* Tables through libsmartcols. It shows control characters as \xNN, which keeps a terminal safe. */
#include "agent/cli/output.h"

#include "base/memory.h"

#include <libsmartcols.h>
#include <string.h>
#include <unistd.h>

/* ---- wrapping at spaces ---------------------------------------------------------------------- */

static size_t on_chunk_size(const struct libscols_column *column, const char *data, void *unused)
{
    (void)column;
    (void)unused;
    return data ? strlen(data) : 0;
}

/* Ends `data` where the line is full, and returns what is left of it. */
static char *on_next_chunk(const struct libscols_column *column, char *data, void *unused)
{
    size_t width = scols_column_get_width(column), cut;

    (void)unused;
    if (!data || !width || strlen(data) <= width)
        return NULL;
    for (cut = width; cut > 0 && data[cut] != ' '; cut--)
        ;
    if (cut > 0) {
        data[cut] = '\0';
        return data + cut + 1;
    }
    /* One long word: the line is cut by libsmartcols, which knows how wide each character is. */
    return NULL;
}

static bool column_add(struct table *table, const char *heading, bool is_last, bool is_terminal)
{
    bool wraps = is_last && is_terminal;
    struct libscols_column *column =
        scols_table_new_column(table->scols, heading, is_last ? 0.5 : 0, wraps ? SCOLS_FL_WRAP : 0);

    return column &&
           (!wraps || scols_column_set_wrapfunc(column, on_chunk_size, on_next_chunk, NULL) == 0);
}

void table_begin(struct table *table, const struct cli *cli, const char *const *headings)
{
    bool is_terminal = isatty(STDOUT_FILENO) != 0;

    *table = (struct table){.scols = scols_new_table(), .has_color = cli->has_color};
    if (!table->scols) {
        table->is_broken = true;
        return;
    }
    scols_table_enable_colors(table->scols, cli->has_color);
    scols_table_set_column_separator(table->scols, "  ");
    scols_table_set_termforce(table->scols,
                              is_terminal ? SCOLS_TERMFORCE_ALWAYS : SCOLS_TERMFORCE_NEVER);
    for (; *headings; headings++)
        if (!column_add(table, *headings, !headings[1], is_terminal))
            table->is_broken = true;
}

void table_row(struct table *table)
{
    table->line = table->is_broken ? NULL : scols_table_new_line(table->scols, NULL);
    table->column = 0;
    if (!table->line)
        table->is_broken = true;
}

static struct libscols_cell *next_cell(struct table *table, struct text text)
{
    struct libscols_cell *cell;
    char *copy;

    if (table->is_broken)
        return NULL;
    cell = scols_line_get_cell(table->line, table->column++);
    copy = text_copy(text.size ? text : TEXT("-"));
    if (!cell || !copy || scols_cell_refer_data(cell, copy) != 0) {
        memory_free(copy);
        table->is_broken = true;
        return NULL;
    }
    return cell;
}

void table_cell(struct table *table, struct text text)
{
    next_cell(table, text);
}

void table_verdict(struct table *table, struct text verdict)
{
    struct libscols_cell *cell = next_cell(table, verdict);
    const char *color = text_is(verdict, "match")     ? "green"
                        : text_is(verdict, "unknown") ? "yellow"
                                                      : "red";

    if (cell && table->has_color && scols_cell_set_color(cell, color) != 0)
        table->is_broken = true;
}

/* Without the spaces that would fill the last column. */
static void append_trimmed(struct buffer *out, const char *lines)
{
    struct text rest = text_of(lines), line;

    while (text_split(&rest, '\n', &line)) {
        while (line.size && line.start[line.size - 1] == ' ')
            line.size--;
        if (line.size || rest.start) {
            buffer_append(out, line);
            buffer_append_byte(out, '\n');
        }
    }
}

void table_end(struct table *table, struct buffer *out)
{
    char *lines = NULL;

    if (table->is_broken || scols_print_table_to_string(table->scols, &lines) != 0)
        out->is_broken = true;
    else
        append_trimmed(out, lines ? lines : "");
    memory_free(lines);
    scols_unref_table(table->scols);
}
