/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands share: one table of commands, the options every command takes, and how results and errors are
 * shown. Results go to standard output, everything else to standard error. */
#ifndef AGENT_CLI_CLI_H
#define AGENT_CLI_CLI_H

#include "agent/cli/world.h"
#include "base/buffer.h"
#include "net/json.h"

#include <popt.h>
#include <stdio.h>

enum exit_code {
    EXIT_DONE = 0,    /* done; in sync */
    EXIT_REFUSED = 1, /* refused or failed; not in sync */
    EXIT_USAGE = 2,   /* bad usage or configuration; could not tell */
    EXIT_WAITS = 3,   /* a plan waits for approval */
};

struct cli {
    const struct world_maker *maker;
    const struct command *command;
    char *config_path;          /* as given with -c, or NULL */
    bool is_json, is_quiet, is_verbose, has_color;
    const char **arguments;     /* behind the options; NULL-terminated */
    size_t argument_count;
    char *self;                 /* "keydrift -c FILE" as people would type it now */
};

struct command {
    const char *name;
    const char *arguments;      /* "PLAN_ID [--approval TOKEN]...", for the usage line */
    const char *summary;        /* one line, no full stop */
    const char *details;        /* paragraphs for --help: what it does, exit codes, an example */
    const struct poptOption *options; /* its own, without the common ones; may be NULL */
    size_t least_arguments, most_arguments;
    int (*run)(struct cli *cli);
};

/* In the order `keydrift --help` lists them; ends with a NULL name. */
extern const struct command commands[];

int cli_main(int argc, const char **argv, const struct world_maker *maker);

/* The configuration file this call uses: -c FILE, else ./keydrift.yaml, else /etc/keydrift/keydrift.yaml. NULL, with
 * everything said on standard error, when there is none or it has errors (EXIT_USAGE then). Warnings are printed. */
struct config *cli_config(struct cli *cli);

/* "keydrift: TEXT" on standard error, TEXT in one line. */
void cli_error(const char *format, ...) printf_like(1, 2);
void cli_note(const struct cli *cli, const char *format, ...) printf_like(2, 3); /* unless -q */
/* The document as JSON with a newline on standard output. */
int cli_print_json(const json_t *document, int exit_code);
/* Prints the document's {"error":{"text"}} and returns its exit code. */
int cli_print_error(const json_t *document);

/* ---- requests (session.c) --------------------------------------------------------------------------- */

/* Sends one request to the daemon when one listens on the configured socket, and otherwise to an agent in this
 * process. Blocks; shows progress on a terminal while it takes longer than a second. `*document` is the answer's
 * document, owned by the caller. False: no answer at all; said on standard error. */
enum session_where { SESSION_DAEMON_OR_LOCAL, SESSION_DAEMON_ONLY };
must_use bool session_call(struct cli *cli, const struct config *config, enum session_where where,
                           enum world_state state, const char *method, const char *path,
                           json_t *body /* taken; NULL: none */, int *status, json_t **document);

/* ---- shared by commands (tokens.c) -------------------------------------------------------------------- */

/* A JSON array of the tokens given with --approval and --approval-file (one a line); NULL with everything said when a
 * file cannot be read. */
json_t *tokens_read(const char **tokens, const char **files);

int command_run(struct cli *cli);
int command_check(struct cli *cli);
int command_status(struct cli *cli);
int command_incidents(struct cli *cli);
int command_show(struct cli *cli);
int command_plan(struct cli *cli);
int command_approve(struct cli *cli);
int command_apply(struct cli *cli);
int command_rotate(struct cli *cli);
int command_config(struct cli *cli);
int command_keygen(struct cli *cli);
int command_version(struct cli *cli);

extern const struct poptOption plan_options[], approve_options[], apply_options[], rotate_options[],
    incidents_options[], keygen_options[], run_options[];

#endif
