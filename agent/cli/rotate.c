/* SPDX-License-Identifier: Apache-2.0 */
/* `keydrift rotate BINDING`: the same command makes the plan, executes it once it is approved, and
 * goes on after an interruption. */
#include "agent/cli/rotate.h"

#include "agent/adapters/config.h"

static int rotate(struct cli *cli, const struct config *config, json_t *request)
{
    const struct question question = {.state = WORLD_STATE_NEEDED,
                                      .method = "POST",
                                      .path = "/v1/rotate",
                                      .body = request,
                                      .exit_unanswered = EXIT_REFUSED};
    json_t *document;
    int code = EXIT_REFUSED;

    document = cli_ask(cli, config, &question, &code);
    if (document)
        code = execution_print(cli, document);
    json_decref(document);
    return code;
}

int command_rotate(struct cli *cli)
{
    int code = EXIT_USAGE;
    json_t *request = execution_request(cli, &code);
    struct config *config;

    if (!request)
        return code;
    code = EXIT_USAGE;
    config = cli_config(cli);
    if (config && execution_is_dry_run()) {
        code = rotate_dry_run(cli, config);
    } else if (config) {
        if (json_object_set_new(request, "binding", json_string(cli->arguments[0])) == 0)
            code = rotate(cli, config, json_incref(request));
        else
            cli_usage_error(cli, "a binding's name is UTF-8");
    }
    json_decref(request);
    config_free(config);
    return code;
}
