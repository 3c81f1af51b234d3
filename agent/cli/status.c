/* SPDX-License-Identifier: Apache-2.0 */
/* `keydrift status`: what the daemon knows, without asking anybody else. */
#include "agent/cli/output.h"

#include "agent/adapters/config.h"

static void row(struct table *table, const json_t *binding)
{
    bool is_blind = json_boolean_at(binding, "is_blind", false);

    table_row(table);
    table_cell(table, json_text_at(binding, "name"));
    table_verdict(table, json_text_at(binding, "verdict"));
    table_cell(table, is_blind ? TEXT("blind") : json_text_at(binding, "state"));
    table_cell(table, json_text_at(binding, "since"));
    table_cell(table, json_text_at(binding, "checked_at"));
    table_cell(table, json_text_at(binding, "incident"));
    table_cell(table, json_text_at(binding, "why"));
}

static void print_head(struct buffer *out, const json_t *document)
{
    struct text why = json_text_at(document, "state_store.why");
    int64_t waiting = json_integer_at(document, "alerts_waiting", 0);

    output_field_printf(out, "daemon", "keydrift %.*s, running since %.*s",
                        TEXT_ARG(json_text_at(document, "version")),
                        TEXT_ARG(json_text_at(document, "started_at")));
    output_field_printf(out, "bindings", "%lld in sync, %lld not in sync, %lld unknown",
                        (long long)json_integer_at(document, "in_sync", 0),
                        (long long)json_integer_at(document, "not_in_sync", 0),
                        (long long)json_integer_at(document, "unknown", 0));
    if (!json_boolean_at(document, "state_store.is_writable", true))
        output_field_printf(out, "state", "cannot be written, so nothing is changed: %.*s",
                            TEXT_ARG(why));
    if (waiting)
        output_field_printf(out, "alerts", "%lld waiting to be delivered", (long long)waiting);
}

static int print(const struct cli *cli, const json_t *document)
{
    static const char *const headings[] = {"BINDING", "VERDICT",  "STATE", "SINCE",
                                           "CHECKED", "INCIDENT", "WHY",   NULL};
    int code = cli_exit_of(document, EXIT_USAGE);
    struct table table;
    struct buffer out;
    size_t index;
    json_t *binding;

    if (cli->is_json)
        return cli_print_json(document, code);
    buffer_init(&out, OUTPUT_LIMIT);
    print_head(&out, document);
    buffer_append_byte(&out, '\n');
    table_begin(&table, cli, headings);
    json_array_foreach (json_at(document, "bindings"), index, binding)
        row(&table, binding);
    table_end(&table, &out);
    return cli_print(&out, code);
}

int command_status(struct cli *cli)
{
    const struct question question = {.where = SESSION_DAEMON_ONLY,
                                      .state = WORLD_STATE_OPTIONAL,
                                      .method = "GET",
                                      .path = "/v1/status",
                                      .exit_unanswered = EXIT_USAGE};
    struct config *config = cli_config(cli);
    json_t *document;
    int code = EXIT_USAGE;

    if (!config)
        return EXIT_USAGE;
    document = cli_ask(cli, config, &question, &code);
    if (document)
        code = print(cli, document);
    json_decref(document);
    config_free(config);
    return code;
}
