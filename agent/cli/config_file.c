/* SPDX-License-Identifier: Apache-2.0 */
/* Which configuration a call uses, and reading it. */
#include "agent/cli/cli.h"

#include "agent/adapters/config.h"

#include <unistd.h>

#define HERE   "keydrift.yaml"
#define SYSTEM "/etc/keydrift/keydrift.yaml"

const char *cli_config_path(const struct cli *cli)
{
    if (cli->config_path)
        return cli->config_path;
    if (access(HERE, F_OK) == 0)
        return HERE;
    if (access(SYSTEM, F_OK) == 0)
        return SYSTEM;
    cli_error("no configuration: there is neither ./" HERE " nor " SYSTEM
              "; name one with -c FILE");
    return NULL;
}

struct config *cli_config(struct cli *cli)
{
    const char *path = cli_config_path(cli);
    struct config_problems problems = {0};
    struct config *config;

    if (!path)
        return NULL;
    config = config_read(path, &problems);
    if (!config || !cli->is_quiet)
        fprintf(stderr, "%.*s", TEXT_ARG(buffer_text(&problems.text)));
    if (!config)
        cli_error("%s is not usable: %zu error%s", path, problems.errors,
                  problems.errors == 1 ? "" : "s");
    buffer_clear(&problems.text);
    return config;
}
