/* SPDX-License-Identifier: Apache-2.0 */
/* From the words of the command line to a struct cli. Private to cli.c and the files it is made of.
 */
#ifndef AGENT_CLI_OPTIONS_H
#define AGENT_CLI_OPTIONS_H

#include "agent/cli/cli.h"

extern const struct poptOption common_options[];

/* Parses the options before the command's name. How many words they are goes to `count`, the
 * program's own name not counted. */
must_use bool options_before(struct cli *cli, int argc, const char **argv, size_t *count);
/* Parses what stands behind the command's name (argv[0] is that name). The arguments live until
 * options_forget(). */
must_use bool options_behind(struct cli *cli, int argc, const char **argv);
/* -c, -o and the others, as far as they were given. False with everything said. */
must_use bool options_apply(struct cli *cli, const char *program);
void options_forget(struct cli *cli);

bool options_want_help(void);
bool options_want_version(void);

/* ---- help (help.c) --------------------------------------------------------------------------- */

void help_all(struct buffer *out);
void help_command(const struct command *command, struct buffer *out);
void help_usage(const struct command *command, struct buffer *out);

const struct command *command_named(const char *name);

/* The nearest of the words offered, where one is near enough to be meant. */
struct nearest {
    struct text word;
    const char *best;
    size_t distance;
};
void nearest_offer(struct nearest *nearest, const char *candidate);
const char *nearest_word(const struct nearest *nearest); /* or NULL */
const char *nearest_command(const char *word);           /* or NULL */

#endif
