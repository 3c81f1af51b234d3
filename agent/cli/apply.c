/* SPDX-License-Identifier: Apache-2.0 */
/* `keydrift apply PLAN_ID`: execute what was approved. */
#include "agent/cli/cli.h"

#include "agent/adapters/config.h"
#include "base/memory.h"

#include <stdlib.h>

int command_apply(struct cli *cli)
{
    struct question question = {
        .state = WORLD_STATE_NEEDED, .method = "POST", .exit_unanswered = EXIT_REFUSED};
    char *path = id_path(cli, "/v1/plans/", cli->arguments[0], "/apply");
    json_t *document = NULL;
    struct config *config = NULL;
    int code = EXIT_USAGE;

    if (path && (question.body = execution_request(cli, &code))) {
        code = EXIT_USAGE;
        config = cli_config(cli);
    }
    question.path = path;
    if (config)
        document = cli_ask(cli, config, &question, &code);
    else
        json_decref(question.body);
    if (document)
        code = execution_print(cli, document);
    json_decref(document);
    config_free(config);
    memory_free(path);
    return code;
}
