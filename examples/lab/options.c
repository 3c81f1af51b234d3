/* SPDX-License-Identifier: Apache-2.0 */
/* The command line. */
#include "examples/lab/lab.h"

#include "base/moment.h"

#include <popt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { OPTION_VERSION = 1 };

static enum options_outcome wrong(const char *format, ...) printf_like(1, 2);

static enum options_outcome wrong(const char *format, ...)
{
    va_list arguments;

    fputs("keydrift-lab: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputs("\nTry \"keydrift-lab --help\".\n", stderr);
    return OPTIONS_WRONG;
}

static bool duration(const char *text, uint64_t *ret, struct failure *why)
{
    return !text || duration_parse(text_of(text), ret, why);
}

static enum options_outcome check(struct lab_options *options, const char *seed, const char *delay,
                                  const char *operation_time, bool has_endpoints)
{
    struct failure why = {0};

    if (!options->directory || !*options->directory)
        return wrong("--dir DIR is needed: where its files go");
    if (has_endpoints && options->endpoints < 1)
        return wrong("--endpoints takes a number from 1");
    if (has_endpoints && options->config_file)
        return wrong("--config and --endpoints exclude each other");
    if (seed && !text_parse_u64(text_of(seed), UINT64_MAX, &options->seed))
        return wrong("--seed takes a whole number, not \"%s\"", seed);
    options->has_seed = seed != NULL;
    if (!duration(delay, &options->activity_delay_ms, &why))
        return wrong("--activity-delay: %s", why.text);
    if (!duration(operation_time, &options->operation_time_ms, &why))
        return wrong("--operation-time: %s", why.text);
    return OPTIONS_RUN;
}

static enum options_outcome check_lifetime(struct lab_options *options, const char *lifetime)
{
    struct failure why = {0};

    if (!duration(lifetime, &options->token_lifetime_ms, &why))
        return wrong("--token-lifetime: %s", why.text);
    if (lifetime && options->token_lifetime_ms < 1000)
        return wrong("--token-lifetime is a second at least");
    return OPTIONS_RUN;
}

enum options_outcome options_read(struct lab_options *options, int argc, const char **argv)
{
    char *seed = NULL, *delay = NULL, *operation_time = NULL, *token_lifetime = NULL;
    long endpoints = -1;
    struct poptOption table[] = {
        {"dir", 'd', POPT_ARG_STRING, &options->directory, 0,
         "write keydrift.yaml, lab.json and their helpers here", "DIR"},
        {"config", 'c', POPT_ARG_STRING, &options->config_file, 0,
         "take the endpoints from a JSON file: {\"endpoints\":[{\"name\":\"...\"},...]}", "FILE"},
        {"endpoints", 'n', POPT_ARG_LONG, &endpoints, 0, "make N endpoints, ep-0001 and so on",
         "N"},
        {"seed", 0, POPT_ARG_STRING, &seed, 0, "make the keys repeatable", "N"},
        {"activity-delay", 0, POPT_ARG_STRING, &delay, 0,
         "how late the Activity Log shows an event (0s)", "DURATION"},
        {"operation-time", 0, POPT_ARG_STRING, &operation_time, 0,
         "how long a regeneration takes (300ms)", "DURATION"},
        {"token-lifetime", 0, POPT_ARG_STRING, &token_lifetime, 0,
         "how long access tokens live (about an hour; a day for managed identities)", "DURATION"},
        {"version", 0, POPT_ARG_NONE, NULL, OPTION_VERSION, "print the version", NULL},
        POPT_AUTOHELP POPT_TABLEEND};
    poptContext context = poptGetContext("keydrift-lab", argc, argv, table, 0);
    enum options_outcome outcome;
    int code;

    *options = (struct lab_options){.operation_time_ms = 300};
    poptSetOtherOptionHelp(context, "--dir DIR [OPTION...]\n\n"
                                    "Azure and Vault in one process, on 127.0.0.1, for trying and "
                                    "testing keydrift. Runs until SIGINT or SIGTERM.\n");
    while ((code = poptGetNextOpt(context)) > 0) {
        if (code == OPTION_VERSION)
            break;
    }
    if (code == OPTION_VERSION) {
        printf("keydrift-lab " KEYDRIFT_VERSION "\n");
        outcome = OPTIONS_DONE;
    } else if (code < -1) {
        outcome = wrong("%s: %s", poptBadOption(context, 0), poptStrerror(code));
    } else if (poptPeekArg(context)) {
        outcome = wrong("\"%s\" is too much: only options are taken", poptPeekArg(context));
    } else {
        options->endpoints = endpoints < 0 ? 0 : endpoints;
        outcome = check(options, seed, delay, operation_time, endpoints != -1);
        if (outcome == OPTIONS_RUN)
            outcome = check_lifetime(options, token_lifetime);
    }
    poptFreeContext(context);
    free(seed);
    free(delay);
    free(operation_time);
    free(token_lifetime);
    return outcome;
}

void options_clear(struct lab_options *options)
{
    free(options->directory);
    free(options->config_file);
}
