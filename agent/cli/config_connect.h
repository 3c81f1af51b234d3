/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_CLI_CONFIG_CONNECT_H
#define AGENT_CLI_CONFIG_CONNECT_H

#include "agent/cli/cli.h"

/* Prints what each binding may and may not; the exit code. */
int config_connect(struct cli *cli, const struct config *config);

#endif
