/* SPDX-License-Identifier: Apache-2.0 */
/* `keydrift config check --connect`: signs in to both sides and says what is missing. */
#include "agent/cli/config_connect.h"

#include "agent/cli/output.h"
#include "base/memory.h"

/* What went wrong, each text once, however many bindings it befell: the table names its number. */
struct reasons {
    struct text *list; /* borrowed from the answer */
    size_t count;
};

static size_t number_of(struct reasons *reasons, struct text why)
{
    struct text *list;
    size_t n = 0;

    while (n < reasons->count && !text_equal(reasons->list[n], why))
        n++;
    if (n < reasons->count)
        return n + 1;
    list = memory_resize_array(reasons->list, n + 1, sizeof(*list));
    if (!list)
        return 0;
    reasons->list = list;
    list[reasons->count++] = why;
    return reasons->count;
}

static void say_reasons(struct buffer *out, const struct reasons *reasons)
{
    if (reasons->count)
        buffer_append_byte(out, '\n');
    for (size_t i = 0; i < reasons->count; i++) {
        buffer_printf(out, "(%zu) ", i + 1);
        output_clean(out, reasons->list[i]);
        buffer_append_byte(out, '\n');
    }
}

static void cell(struct table *table, const json_t *side, struct reasons *reasons)
{
    struct text why = json_text_at(side, "why"), missing = json_text_at(side, "missing");
    struct buffer said;

    buffer_init(&said, 8192);
    if (why.size)
        buffer_printf(&said, "failed (%zu)", number_of(reasons, why));
    else if (missing.size)
        buffer_printf(&said, "lacks %.*s", TEXT_ARG(missing));
    else
        buffer_append_string(&said, "allowed");
    table_cell(table, buffer_text(&said));
    buffer_clear(&said);
}

static void row(struct table *table, const json_t *binding, struct reasons *reasons)
{
    table_row(table);
    table_cell(table, json_text_at(binding, "name"));
    cell(table, json_at(binding, "vault"), reasons);
    cell(table, json_at(binding, "source"), reasons);
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
    struct reasons reasons = {0};
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
            row(&table, binding, &reasons);
        table_end(&table, &out);
        say_reasons(&out, &reasons);
        memory_free(reasons.list);
        add_policies(&out, bindings);
        code = cli_print(&out, code);
    }
    json_decref(document);
    return code;
}
