/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands share: one table of commands, the options every command takes, and how results
 * and errors are shown. Results go to standard output, everything else to standard error. */
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
    const char *config_path; /* as given with -c, or NULL */
    bool is_json, is_quiet, is_verbose, has_color;
    const char **arguments; /* behind the options; NULL-terminated */
    size_t argument_count;
    const char *program; /* as it was called */
    char *self;          /* "keydrift -c FILE" as people would type it now */
};

struct command {
    const char *name;
    const char *arguments; /* "PLAN_ID [--approval TOKEN]...", for the usage line */
    const char *summary;   /* one line, no full stop */
    const char *details;   /* paragraphs; a line that begins with a space stays as it is */
    const char *exits;     /* one line per exit code */
    const char *example;
    const struct poptOption *options; /* its own, without the common ones; may be NULL */
    size_t least_arguments, most_arguments;
    int (*run)(struct cli *cli);
};

/* In the order `keydrift --help` lists them; ends with a NULL name. Help, usage lines and the
 * manual pages walk it. */
extern const struct command commands[];

int cli_main(int argc, const char **argv, const struct world_maker *maker);

/* The configuration file this call uses: -c FILE, else ./keydrift.yaml, else
 * /etc/keydrift/keydrift.yaml. NULL, with everything said on standard error, when there is none or
 * it has errors (EXIT_USAGE then). Warnings are printed, unless -q. */
struct config *cli_config(struct cli *cli);
/* From now on `self` names this file, so that it means the same wherever people read it. False when
 * out of memory. */
must_use bool cli_name_config(struct cli *cli, const char *absolute_path);
/* Only its path; NULL with everything said when none was named and there is none. */
const char *cli_config_path(const struct cli *cli);

/* "keydrift: TEXT" on standard error, TEXT in one line. */
void cli_error(const char *format, ...) printf_like(1, 2);
/* "keydrift: TEXT" and how to see the usage. Returns EXIT_USAGE. */
int cli_usage_error(const struct cli *cli, const char *format, ...) printf_like(2, 3);
void cli_note(const struct cli *cli, const char *format, ...) printf_like(2, 3); /* unless -q */

/* Everything a command says on standard output passes through here: `exit_code`, or EXIT_REFUSED
 * with a sentence when it could not be written. Clears `out`. */
int cli_print(struct buffer *out, int exit_code);
/* The document as indented JSON, without the member "exit", which the exit code already says. */
int cli_print_json(const json_t *document, int exit_code);
/* Prints the document's {"error":{"text"}} and returns its exit code. */
int cli_print_error(const json_t *document);
/* The document's "exit", or `fallback`. */
int cli_exit_of(const json_t *document, int fallback);

/* ---- requests (session.c) -------------------------------------------------------------------- */

/* Sends one request to the daemon when one listens on the configured socket, and otherwise to an
 * agent in this process. Blocks; shows progress on a terminal while it takes longer than a second.
 * `*document` is the answer's document, owned by the caller. False: no answer at all; said on
 * standard error. */
enum session_where { SESSION_DAEMON_OR_LOCAL, SESSION_DAEMON_ONLY, SESSION_LOCAL_ONLY };
must_use bool session_call(struct cli *cli, const struct config *config, enum session_where where,
                           enum world_state state, const char *method, const char *path,
                           json_t *body /* taken; NULL: none */, int *status, json_t **document);

/* Does a daemon listen on the configured socket? */
bool session_daemon_runs(const struct config *config);

struct question {
    enum session_where where;
    enum world_state state;
    const char *method, *path;
    json_t *body;        /* taken; NULL: none */
    int exit_unanswered; /* the exit code where nobody answers */
};
/* session_call() for commands: the document, or NULL with everything said and `exit_code` set where
 * there was no answer or it was an error. */
must_use json_t *cli_ask(struct cli *cli, const struct config *config,
                         const struct question *question, int *exit_code);

/* ---- shared by commands ---------------------------------------------------------------------- */

/* The last value of an option that was given any number of times (POPT_ARG_ARGV), or NULL. */
const char *option_last(const char *const *values);
/* False with everything said when it is no duration. Not given: `ret` is untouched. */
must_use bool option_duration(const struct cli *cli, const char *name, const char *const *values,
                              uint64_t *ret);
/* "/v1/plans/ID/apply" as a string to memory_free(). NULL with everything said when `id` is no id.
 */
must_use char *id_path(const struct cli *cli, const char *before, const char *id,
                       const char *behind);

/* A JSON array of the tokens given with --approval and --approval-file (one a line; "-" is standard
 * input); NULL with everything said when a file cannot be read. */
must_use json_t *tokens_read(const char *const *tokens, const char *const *files);
bool execution_is_dry_run(void); /* rotate --dry-run */
/* {"tokens":[...],"wait_ms":N}, from the options of apply and rotate. NULL with everything said and
 * `exit_code` set. */
must_use json_t *execution_request(const struct cli *cli, int *exit_code);
/* How an apply or rotation went: done, waiting for approval, or why not. */
int execution_print(struct cli *cli, const json_t *document);

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
    incidents_options[], config_options[], keygen_options[];

#endif
