/* SPDX-License-Identifier: Apache-2.0 */
/* `keydrift config check|schema|show`. */
#include "agent/cli/output.h"

#include "agent/adapters/config.h"
#include "agent/cli/config_connect.h"
#include "agent/cli/options.h"

#include <string.h>

#define TEXT_LIMIT ((size_t)16 << 20)

static struct {
    int connects;
} given;

const struct poptOption config_options[] = {
    {"connect", '\0', POPT_ARG_NONE, &given.connects, 0,
     "check: also sign in to both sides, and say what is missing", NULL},
    POPT_TABLEEND,
};

static int print_check_json(const char *path, const struct config_problems *problems, int code)
{
    struct text rest = buffer_text(&problems->text), line;
    json_t *lines = json_array(), *document;

    while (text_split(&rest, '\n', &line))
        if (line.size)
            json_array_append_new(lines, json_stringn(line.start, line.size));
    document = json_pack("{s:s,s:b,s:I,s:I,s:o}", "file", path, "valid", code == EXIT_DONE,
                         "errors", (json_int_t)problems->errors, "warnings",
                         (json_int_t)problems->warnings, "problems", lines);
    code = cli_print_json(document, code);
    json_decref(document);
    return code;
}

static int print_check_text(const struct cli *cli, const char *path,
                            const struct config_problems *problems, const struct config *config)
{
    struct buffer out;

    if (!config || !cli->is_quiet)
        fprintf(stderr, "%.*s", TEXT_ARG(buffer_text(&problems->text)));
    if (!config) {
        cli_error("%s is not usable: %zu error%s", path, problems->errors,
                  problems->errors == 1 ? "" : "s");
        return EXIT_USAGE;
    }
    buffer_init(&out, OUTPUT_LIMIT);
    buffer_printf(&out, "%s is valid: %zu binding%s", path, config->binding_count,
                  config->binding_count == 1 ? "" : "s");
    if (problems->warnings)
        buffer_printf(&out, ", %zu warning%s", problems->warnings,
                      problems->warnings == 1 ? "" : "s");
    buffer_append_byte(&out, '\n');
    return cli_print(&out, EXIT_DONE);
}

static int connect_to(struct cli *cli, const struct config *config,
                      const struct config_problems *problems)
{
    if (!cli->is_quiet)
        fprintf(stderr, "%.*s", TEXT_ARG(buffer_text(&problems->text)));
    if (!cli_name_config(cli, config->path)) {
        cli_error("out of memory");
        return EXIT_REFUSED;
    }
    return config_connect(cli, config);
}

static int check(struct cli *cli)
{
    const char *path = cli_config_path(cli);
    struct config_problems problems = {0};
    struct config *config;
    int code;

    if (!path)
        return EXIT_USAGE;
    config = config_read(path, &problems);
    if (config && given.connects)
        code = connect_to(cli, config, &problems);
    else if (cli->is_json)
        code = print_check_json(path, &problems, config ? EXIT_DONE : EXIT_USAGE);
    else
        code = print_check_text(cli, path, &problems, config);
    buffer_clear(&problems.text);
    config_free(config);
    return code;
}

static int schema(struct cli *cli)
{
    struct buffer out;

    (void)cli;
    buffer_init(&out, TEXT_LIMIT);
    if (!config_schema(&out))
        out.is_broken = true;
    return cli_print(&out, EXIT_DONE);
}

static int show(struct cli *cli)
{
    struct config *config = cli_config(cli);
    struct buffer out;

    if (!config)
        return EXIT_USAGE;
    buffer_init(&out, TEXT_LIMIT);
    if (!config_show(config, &out))
        out.is_broken = true;
    config_free(config);
    return cli_print(&out, EXIT_DONE);
}

int command_config(struct cli *cli)
{
    static const struct {
        const char *name;
        int (*run)(struct cli *cli);
    } verbs[] = {{"check", check}, {"schema", schema}, {"show", show}};
    const char *verb = cli->arguments[0], *best;
    struct nearest nearest = {.word = text_of(verb)};

    if (given.connects && strcmp(verb, "check") != 0)
        return cli_usage_error(cli, "config %s: --connect belongs to config check", verb);

    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strcmp(verbs[i].name, verb) == 0)
            return verbs[i].run(cli);
        nearest_offer(&nearest, verbs[i].name);
    }
    best = nearest_word(&nearest);
    return cli_usage_error(cli, "config: no \"%s\"%s%s%s", verb,
                           best ? "; did you mean \"" : ": check, schema or show", best ? best : "",
                           best ? "\"?" : "");
}
