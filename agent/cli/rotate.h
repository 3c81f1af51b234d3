/* SPDX-License-Identifier: Apache-2.0 */
/* `keydrift rotate --dry-run`. */
#ifndef AGENT_CLI_ROTATE_H
#define AGENT_CLI_ROTATE_H

#include "agent/cli/cli.h"

/* Reads both sides of the binding named and prints what a rotation would do, or why it would be
 * refused. */
int rotate_dry_run(struct cli *cli, const struct config *config);

#endif
