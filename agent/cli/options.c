/* SPDX-License-Identifier: Apache-2.0 */
/* The options every command takes, and reading any table of options with popt. Its tables point to
 * where values go, so these places are static; they are emptied when a call ends. */
#include "agent/cli/options.h"

#include "base/memory.h"
#include "base/moment.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct {
    const char **config, **output;
    int is_quiet, is_verbose, has_no_color, wants_help, wants_version;
    poptContext context;
} given;

const struct poptOption common_options[] = {
    {"config", 'c', POPT_ARG_ARGV, &given.config, 0,
     "the configuration (default: ./keydrift.yaml, then /etc/keydrift/keydrift.yaml)", "FILE"},
    {"output", 'o', POPT_ARG_ARGV, &given.output, 0, "text (default) or json", "FORMAT"},
    {"quiet", 'q', POPT_ARG_NONE, &given.is_quiet, 0, "say nothing but results and errors", NULL},
    {"verbose", 'v', POPT_ARG_NONE, &given.is_verbose, 0, "log what is done to standard error",
     NULL},
    {"no-color", '\0', POPT_ARG_NONE, &given.has_no_color, 0,
     "no colours (also where NO_COLOR is set, and where output is no terminal)", NULL},
    {"help", 'h', POPT_ARG_NONE, &given.wants_help, 0, "show this help", NULL},
    POPT_TABLEEND,
};

static const struct poptOption version_option[] = {
    {"version", '\0', POPT_ARG_NONE, &given.wants_version, 0, NULL, NULL},
    POPT_TABLEEND,
};

bool options_want_help(void)
{
    return given.wants_help != 0;
}

bool options_want_version(void)
{
    return given.wants_version != 0;
}

/* ---- what is wrong with an option ------------------------------------------------------------ */

static bool is_end(const struct poptOption *option)
{
    return !option->longName && !option->shortName && !option->arg;
}

static void offer_options(struct nearest *nearest, const struct poptOption *table)
{
    for (; table && !is_end(table); table++)
        if (table->longName)
            nearest_offer(nearest, table->longName);
}

/* "--config" of "--config=FILE": a value may be a token, which no message repeats. */
static struct text name_part(const char *word)
{
    struct text text = text_of(word);

    for (size_t i = 0; i < text.size; i++)
        if (text.start[i] == '=')
            return text_part(text, 0, i);
    return text;
}

static bool explain(const struct cli *cli, poptContext context, int code)
{
    struct text word = name_part(poptBadOption(context, 0));
    struct nearest nearest = {.word = text_part(word, 2, SIZE_MAX)};
    const char *best;

    switch (code) {
    case POPT_ERROR_NOARG:
        cli_usage_error(cli, "option \"%.*s\" needs a value", TEXT_ARG(word));
        return false;
    case POPT_ERROR_UNWANTEDARG:
        cli_usage_error(cli, "option \"%.*s\" takes no value", TEXT_ARG(word));
        return false;
    case POPT_ERROR_BADOPT:
        offer_options(&nearest, common_options);
        if (cli->command)
            offer_options(&nearest, cli->command->options);
        best = nearest_word(&nearest);
        cli_usage_error(cli, "unknown option \"%.*s\"%s%s%s", TEXT_ARG(word),
                        best ? "; did you mean \"--" : "", best ? best : "", best ? "\"?" : "");
        return false;
    default:
        cli_usage_error(cli, "option \"%.*s\": %s", TEXT_ARG(word), poptStrerror(code));
        return false;
    }
}

/* ---- parsing --------------------------------------------------------------------------------- */

static bool parse(const struct cli *cli, int argc, const char **argv,
                  const struct poptOption *table, unsigned flags)
{
    int code;

    given.context = poptGetContext(NULL, argc, argv, table, flags);
    if (!given.context) {
        cli_error("out of memory");
        return false;
    }
    while ((code = poptGetNextOpt(given.context)) > 0)
        ;
    return code == -1 || explain(cli, given.context, code);
}

static size_t count_words(const char *const *words)
{
    size_t count = 0;

    while (words && words[count])
        count++;
    return count;
}

/* popt only reads the tables it includes; its type merely does not say so. */
static struct poptOption include(const struct poptOption *table)
{
    return (struct poptOption){.argInfo = POPT_ARG_INCLUDE_TABLE, .arg = (void *)(uintptr_t)table};
}

bool options_before(struct cli *cli, int argc, const char **argv, size_t *count)
{
    const struct poptOption table[] = {include(common_options), include(version_option),
                                       POPT_TABLEEND};
    bool is_good = parse(cli, argc, argv, table, POPT_CONTEXT_POSIXMEHARDER);

    if (is_good)
        *count = (size_t)argc - 1 - count_words(poptGetArgs(given.context));
    given.context = poptFreeContext(given.context);
    return is_good;
}

bool options_behind(struct cli *cli, int argc, const char **argv)
{
    static const struct poptOption none[] = {POPT_TABLEEND};
    const struct poptOption *own = cli->command->options ? cli->command->options : none;
    const struct poptOption table[] = {include(common_options), include(own), POPT_TABLEEND};

    if (!parse(cli, argc, argv, table, 0))
        return false;
    cli->arguments = poptGetArgs(given.context);
    cli->argument_count = count_words(cli->arguments);
    return true;
}

/* ---- what they mean -------------------------------------------------------------------------- */

static void append_quoted(struct buffer *out, const char *word)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                "0123456789_@%+=:,./~-";

    if (*word && word[strspn(word, plain)] == '\0') {
        buffer_append_string(out, word);
        return;
    }
    buffer_append_byte(out, '\'');
    for (; *word; word++) {
        if (*word == '\'')
            buffer_append_string(out, "'\\''");
        else
            buffer_append_byte(out, *word);
    }
    buffer_append_byte(out, '\'');
}

static char *self_of(const char *program, const char *config_path)
{
    struct buffer out;

    buffer_init(&out, 8192);
    append_quoted(&out, program && *program ? program : "keydrift");
    if (config_path) {
        buffer_append_string(&out, " -c ");
        append_quoted(&out, config_path);
    }
    return buffer_take(&out);
}

static bool wants_color(void)
{
    const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");

    return !given.has_no_color && !(no_color && *no_color) && isatty(STDOUT_FILENO) && term &&
           strcmp(term, "dumb") != 0;
}

bool options_apply(struct cli *cli, const char *program)
{
    const char *output = option_last(given.output);

    if (output && strcmp(output, "json") != 0 && strcmp(output, "text") != 0) {
        cli_usage_error(cli, "no output format \"%s\": text or json", output);
        return false;
    }
    cli->is_json = output && strcmp(output, "json") == 0;
    cli->config_path = option_last(given.config);
    cli->is_quiet = given.is_quiet != 0;
    cli->is_verbose = given.is_verbose != 0;
    cli->has_color = wants_color();
    cli->program = program;
    cli->self = self_of(program, cli->config_path);
    if (!cli->self)
        cli_error("out of memory");
    return cli->self != NULL;
}

bool cli_name_config(struct cli *cli, const char *absolute_path)
{
    char *self = self_of(cli->program, absolute_path);

    if (!self)
        return false;
    memory_free(cli->self);
    cli->self = self;
    return true;
}

const char *option_last(const char *const *values)
{
    size_t count = count_words(values);

    return count ? values[count - 1] : NULL;
}

bool option_duration(const struct cli *cli, const char *name, const char *const *values,
                     uint64_t *ret)
{
    const char *value = option_last(values);
    struct failure why = {0};

    if (!value || duration_parse(text_of(value), ret, &why))
        return true;
    cli_usage_error(cli, "%s: %s", name, why.text);
    return false;
}

/* ---- forgetting ------------------------------------------------------------------------------ */

static void forget_table(const struct poptOption *table)
{
    for (; table && !is_end(table); table++) {
        if ((table->argInfo & POPT_ARG_MASK) == POPT_ARG_ARGV) {
            char ***values = table->arg;

            for (size_t i = 0; *values && (*values)[i]; i++)
                memory_free((*values)[i]);
            memory_free(*values);
            *values = NULL;
        } else {
            *(int *)table->arg = 0;
        }
    }
}

void options_forget(struct cli *cli)
{
    forget_table(common_options);
    forget_table(version_option);
    if (cli->command)
        forget_table(cli->command->options);
    given.context = poptFreeContext(given.context);
    memory_free(cli->self);
    cli->self = NULL;
}
