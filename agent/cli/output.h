/* SPDX-License-Identifier: Apache-2.0 */
/* Text for people: fields, tables, and the few shapes several commands print. Nothing here trusts
 * what it prints: control characters never reach a terminal. */
#ifndef AGENT_CLI_OUTPUT_H
#define AGENT_CLI_OUTPUT_H

#include "agent/cli/cli.h"

#define OUTPUT_LIMIT ((size_t)64 << 20)

/* "label       text", nothing when the text is empty. */
void output_field(struct buffer *out, const char *label, struct text text);
void output_field_printf(struct buffer *out, const char *label, const char *format, ...)
    printf_like(3, 4);
/* Control characters become spaces. */
void output_clean(struct buffer *out, struct text text);

/* An aligned table. The last column takes the rest of a terminal's width and wraps there; nothing
 * is wrapped or cut where the output is no terminal. */
struct table {
    struct libscols_table *scols;
    struct libscols_line *line;
    size_t column;
    bool has_color, is_broken;
};
void table_begin(struct table *table, const struct cli *cli, const char *const *headings);
void table_row(struct table *table);
void table_cell(struct table *table, struct text text); /* empty: "-" */
/* The same in the colour the word deserves: in sync, not, or unknown. */
void table_verdict(struct table *table, struct text verdict);
void table_end(struct table *table, struct buffer *out);

/* What a plan would change, and how far it is. */
void output_plan(struct buffer *out, const json_t *plan);
/* That it is done, without all of the plan again. */
void output_outcome(struct buffer *out, const json_t *plan);
void output_timeline(struct buffer *out, const struct cli *cli, const json_t *timeline);
/* "version 7, 3fa91c22d0aa", or "-". */
void output_copy(struct buffer *out, const json_t *copy);

#endif
