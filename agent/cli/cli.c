/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the command, gives it its options and arguments, and makes sure that what it printed has
 * arrived. */
#include "agent/cli/cli.h"

#include "agent/cli/options.h"
#include "agent/daemon/log.h"

#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <string.h>

#define HELP_LIMIT 65536

static int print_help(const struct command *command)
{
    struct buffer out;

    buffer_init(&out, HELP_LIMIT);
    if (command)
        help_command(command, &out);
    else
        help_all(&out);
    return cli_print(&out, EXIT_DONE);
}

static int unknown_command(const struct cli *cli, const char *word)
{
    const char *nearest = nearest_command(word);

    return cli_usage_error(cli, "no command \"%s\"%s%s%s", word, nearest ? "; did you mean \"" : "",
                           nearest ? nearest : "", nearest ? "\"?" : "");
}

static int run_help(struct cli *cli, const char *const *words)
{
    const struct command *command;

    if (!words[0])
        return print_help(NULL);
    command = command_named(words[0]);
    return command ? print_help(command) : unknown_command(cli, words[0]);
}

static int run_command(struct cli *cli, const char *program)
{
    const struct command *command = cli->command;
    size_t count = cli->argument_count;

    if (count < command->least_arguments)
        return cli_usage_error(cli, "%s: too few arguments", command->name);
    if (count > command->most_arguments)
        return cli_usage_error(cli, "%s: too many arguments: \"%s\"", command->name,
                               cli->arguments[command->most_arguments]);
    if (!options_apply(cli, program))
        return EXIT_USAGE;
    if (cli->is_verbose)
        log_set_level(LOG_INFO);
    return command->run(cli);
}

static int dispatch(struct cli *cli, int argc, const char **argv)
{
    size_t before;
    const char **words;

    if (!options_before(cli, argc, argv, &before))
        return EXIT_USAGE;
    words = argv + 1 + before;
    if (options_want_version()) {
        cli->command = command_named("version");
        return run_command(cli, argv[0]);
    }
    if (!words[0] && !options_want_help())
        return cli_usage_error(cli, "no command given");
    if (!words[0] || strcmp(words[0], "help") == 0)
        return run_help(cli, words[0] ? words + 1 : words);
    cli->command = command_named(words[0]);
    if (!cli->command)
        return unknown_command(cli, words[0]);
    if (options_want_help())
        return print_help(cli->command);
    if (!options_behind(cli, argc - 1 - (int)before, words))
        return EXIT_USAGE;
    return options_want_help() ? print_help(cli->command) : run_command(cli, argv[0]);
}

int cli_main(int argc, const char **argv, const struct world_maker *maker)
{
    static const char *const nothing[] = {"keydrift", NULL};
    struct cli cli = {.maker = maker};
    int code;

    /* A reader that has gone is an error to report, not a death. */
    signal(SIGPIPE, SIG_IGN);
    /* Names and sentences are UTF-8, wherever we are started. */
    setlocale(LC_CTYPE, "C.UTF-8");
    if (argc < 1) {
        argc = 1;
        argv = (const char **)(uintptr_t)nothing;
    }
    code = dispatch(&cli, argc, argv);
    options_forget(&cli);
    if (fflush(stdout) != 0) {
        cli_error("standard output: %s", strerror(errno));
        return EXIT_REFUSED;
    }
    return code;
}
