/* SPDX-License-Identifier: Apache-2.0 */
/* `keydrift check`: read both sides now, and say what they say. */
#include "agent/cli/output.h"

#include "agent/adapters/config.h"

static json_t *request_of(const struct cli *cli)
{
    json_t *names = json_array(), *request = json_pack("{s:o}", "bindings", names);

    for (size_t i = 0; request && i < cli->argument_count; i++) {
        if (json_array_append_new(names, json_string(cli->arguments[i])) == 0)
            continue;
        cli_usage_error(cli, "a binding's name is UTF-8");
        json_decref(request);
        return NULL;
    }
    if (!request)
        cli_error("out of memory");
    return request;
}

static void row(struct table *table, const json_t *binding)
{
    struct buffer copy;

    buffer_init(&copy, 1024);
    output_copy(&copy, json_at(binding, "copy"));
    table_row(table);
    table_cell(table, json_text_at(binding, "name"));
    table_verdict(table, json_text_at(binding, "verdict"));
    table_cell(table, json_text_at(binding, "matched_slot"));
    table_cell(table, buffer_text(&copy));
    table_cell(table, json_text_at(binding, "why"));
    buffer_clear(&copy);
}

/* On standard error, so that the table stays one. */
static void say_next(const struct cli *cli, const json_t *bindings)
{
    size_t index;
    json_t *binding;

    json_array_foreach ((json_t *)(uintptr_t)bindings, index, binding) {
        struct text verdict = json_text_at(binding, "verdict");

        if (text_is(verdict, "stale") || text_is(verdict, "wrong_slot") ||
            text_is(verdict, "missing"))
            cli_note(cli, "next: %s plan %.*s", cli->self, TEXT_ARG(json_text_at(binding, "name")));
    }
}

static int print(const struct cli *cli, const json_t *document)
{
    static const char *const headings[] = {"BINDING", "VERDICT", "SLOT", "COPY", "WHY", NULL};
    const json_t *bindings = json_at(document, "bindings");
    int code = cli_exit_of(document, EXIT_USAGE);
    struct table table;
    struct buffer out;
    size_t index;
    json_t *binding;

    if (cli->is_json)
        return cli_print_json(document, code);
    buffer_init(&out, OUTPUT_LIMIT);
    table_begin(&table, cli, headings);
    json_array_foreach ((json_t *)(uintptr_t)bindings, index, binding)
        row(&table, binding);
    table_end(&table, &out);
    code = cli_print(&out, code);
    say_next(cli, bindings);
    return code;
}

int command_check(struct cli *cli)
{
    struct question question = {.state = WORLD_STATE_OPTIONAL,
                                .method = "POST",
                                .path = "/v1/check",
                                .exit_unanswered = EXIT_USAGE};
    struct config *config = cli_config(cli);
    json_t *document = NULL;
    int code = EXIT_USAGE;

    if (!config)
        return EXIT_USAGE;
    question.body = request_of(cli);
    if (question.body)
        document = cli_ask(cli, config, &question, &code);
    if (document)
        code = print(cli, document);
    json_decref(document);
    config_free(config);
    return code;
}
