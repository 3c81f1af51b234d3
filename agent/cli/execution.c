/* SPDX-License-Identifier: Apache-2.0 */
/* What apply and rotate have in common: the approvals they bring, and how an execution went. */
#include "agent/cli/output.h"

static struct {
    const char **approvals, **approval_files, **wait;
    int is_dry_run;
} given;

#define EXECUTION_OPTIONS                                                                          \
    {"approval",       '\0', POPT_ARG_ARGV,                                                        \
     &given.approvals, 0,    "an approval token (seen in the process list)",                       \
     "TOKEN"},                                                                                     \
        {"approval-file",                                                                          \
         '\0',                                                                                     \
         POPT_ARG_ARGV,                                                                            \
         &given.approval_files,                                                                    \
         0,                                                                                        \
         "a file of approval tokens, one a line; - is standard input",                             \
         "FILE"},                                                                                  \
    {                                                                                              \
        "wait", '\0', POPT_ARG_ARGV, &given.wait, 0,                                               \
            "wait so long for missing approvals, e.g. 10m (default: do not wait)", "DURATION"      \
    }

const struct poptOption apply_options[] = {EXECUTION_OPTIONS, POPT_TABLEEND};
const struct poptOption rotate_options[] = {
    EXECUTION_OPTIONS,
    {"dry-run", '\0', POPT_ARG_NONE, &given.is_dry_run, 0,
     "print the steps and the facts; make no plan, change nothing", NULL},
    POPT_TABLEEND,
};

bool execution_is_dry_run(void)
{
    return given.is_dry_run != 0;
}

json_t *execution_request(const struct cli *cli, int *exit_code)
{
    uint64_t wait_ms = 0;
    json_t *tokens, *request;

    *exit_code = EXIT_USAGE;
    if (!option_duration(cli, "--wait", given.wait, &wait_ms))
        return NULL;
    tokens = tokens_read(given.approvals, given.approval_files);
    if (!tokens)
        return NULL;
    request = json_pack("{s:o,s:I}", "tokens", tokens, "wait_ms", (json_int_t)wait_ms);
    if (!request) {
        *exit_code = EXIT_REFUSED;
        cli_error("out of memory");
    }
    return request;
}

static void say_why_not(const struct cli *cli, const json_t *document)
{
    struct text why = json_text_at(document, "why"), next = json_text_at(document, "next");
    struct text step = json_text_at(document, "step");

    cli_error("plan %.*s is %.*s%s%.*s%s%.*s",
              TEXT_ARG(text_part(json_text_at(document, "plan_id"), 0, 12)),
              TEXT_ARG(json_text_at(document, "state")), step.size ? " at step " : "",
              TEXT_ARG(step), why.size ? ": " : "", TEXT_ARG(why));
    if (next.size)
        cli_note(cli, "next: %.*s", TEXT_ARG(next));
}

int execution_print(struct cli *cli, const json_t *document)
{
    int code = cli_exit_of(document, EXIT_REFUSED);
    struct buffer out;

    if (code != EXIT_DONE && code != EXIT_WAITS)
        say_why_not(cli, document);
    if (cli->is_json)
        return cli_print_json(document, code);
    if (code != EXIT_DONE && code != EXIT_WAITS)
        return code;
    buffer_init(&out, OUTPUT_LIMIT);
    if (code == EXIT_WAITS)
        output_plan(&out, document);
    else
        output_outcome(&out, document);
    output_field(&out, "next", json_text_at(document, "next"));
    return cli_print(&out, code);
}
