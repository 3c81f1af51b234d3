/* SPDX-License-Identifier: Apache-2.0 */
/* `keydrift config check --connect`: signs in to both sides and says what is missing. */
#include "agent/cli/config_connect.h"

#include "agent/cli/output.h"

static void say_vault(struct buffer *out, const json_t *vault)
{
    struct text why = json_text_at(vault, "why"), missing = json_text_at(vault, "missing");

    if (why.size)
        buffer_append(out, why);
    else if (missing.size)
        buffer_printf(out, "lacks %.*s", TEXT_ARG(missing));
    else
        buffer_append_string(out, "allowed");
}

static void row(struct table *table, const json_t *binding)
{
    struct text why = json_text_at(binding, "source.why");
    struct buffer vault;

    buffer_init(&vault, 8192);
    say_vault(&vault, json_at(binding, "vault"));
    table_row(table);
    table_cell(table, json_text_at(binding, "name"));
    table_cell(table, buffer_text(&vault));
    table_cell(table, why.size ? why : TEXT("allowed"));
    buffer_clear(&vault);
}

/* The same secret may be asked for by several bindings, a policy is written once. */
static void add_policies(struct buffer *out, const json_t *bindings)
{
    struct buffer said;
    size_t index;
    json_t *binding;

    buffer_init(&said, OUTPUT_LIMIT);
    json_array_foreach ((json_t *)(uintptr_t)bindings, index, binding) {
        struct text policy = json_text_at(binding, "vault.policy");

        if (policy.size && text_find(buffer_text(&said), policy) == SIZE_MAX)
            buffer_append(&said, policy);
    }
    if (said.size)
        buffer_printf(out, "\nA policy of Vault that grants what is missing:\n\n%.*s",
                      TEXT_ARG(buffer_text(&said)));
    buffer_clear(&said);
}

int config_connect(struct cli *cli, const struct config *config)
{
    static const char *const headings[] = {"BINDING", "VAULT", "AZURE", NULL};
    struct question question = {.where = SESSION_LOCAL_ONLY,
                                .state = WORLD_STATE_OPTIONAL,
                                .method = "POST",
                                .path = "/v1/access",
                                .exit_unanswered = EXIT_USAGE};
    struct config rehearsed = *config;
    const json_t *bindings;
    struct table table;
    struct buffer out;
    int code = EXIT_USAGE;
    json_t *document, *binding;
    size_t index;

    rehearsed.vault.secret_id_is_spared = true;
    document = cli_ask(cli, &rehearsed, &question, &code);
    if (!document)
        return code;
    code = cli_exit_of(document, EXIT_USAGE);
    if (cli->is_json) {
        code = cli_print_json(document, code);
    } else {
        bindings = json_at(document, "bindings");
        buffer_init(&out, OUTPUT_LIMIT);
        table_begin(&table, cli, headings);
        json_array_foreach ((json_t *)(uintptr_t)bindings, index, binding)
            row(&table, binding);
        table_end(&table, &out);
        add_policies(&out, bindings);
        code = cli_print(&out, code);
    }
    json_decref(document);
    return code;
}
