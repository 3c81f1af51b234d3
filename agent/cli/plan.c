/* SPDX-License-Identifier: Apache-2.0 */
/* `keydrift plan BINDING`: one exact change, written down for approval. */
#include "agent/cli/output.h"

#include "agent/adapters/config.h"
#include "agent/cli/options.h"

#include <string.h>

static struct {
    const char **action;
} given;

const struct poptOption plan_options[] = {
    {"action", '\0', POPT_ARG_ARGV, &given.action, 0,
     "write_back (default): the source's key to Vault; rotate: a new key to both", "ACTION"},
    POPT_TABLEEND,
};

static bool check_action(const struct cli *cli, const char *action)
{
    static const char *const known[] = {"write_back", "rotate", NULL};
    struct nearest nearest = {.word = text_of(action)};
    const char *best;

    for (const char *const *word = known; *word; word++) {
        if (strcmp(*word, action) == 0)
            return true;
        nearest_offer(&nearest, *word);
    }
    best = nearest_word(&nearest);
    cli_usage_error(cli, "plan: no action \"%s\"%s%s%s", action,
                    best ? "; did you mean \"" : "; known here: write_back, rotate",
                    best ? best : "", best ? "\"?" : "");
    return false;
}

static int print(const struct cli *cli, const json_t *document)
{
    struct buffer out;

    if (cli->is_json)
        return cli_print_json(document, EXIT_DONE);
    buffer_init(&out, OUTPUT_LIMIT);
    output_plan(&out, document);
    output_field(&out, "next", json_text_at(document, "next"));
    return cli_print(&out, EXIT_DONE);
}

int command_plan(struct cli *cli)
{
    struct question question = {.state = WORLD_STATE_NEEDED,
                                .method = "POST",
                                .path = "/v1/plans",
                                .exit_unanswered = EXIT_REFUSED};
    const char *action = option_last(given.action);
    struct config *config;
    json_t *document = NULL;
    int code = EXIT_USAGE;

    if (!action)
        action = "write_back";
    if (!check_action(cli, action))
        return EXIT_USAGE;
    config = cli_config(cli);
    if (!config)
        return EXIT_USAGE;
    question.body = json_pack("{s:s,s:s}", "binding", cli->arguments[0], "action", action);
    if (question.body)
        document = cli_ask(cli, config, &question, &code);
    else
        cli_usage_error(cli, "a binding's name is UTF-8");
    if (document)
        code = print(cli, document);
    json_decref(document);
    config_free(config);
    return code;
}
