/* SPDX-License-Identifier: Apache-2.0 */
/* A request as commands make it: what is no answer is said here, once. */
#include "agent/cli/cli.h"

#include <string.h>

json_t *cli_ask(struct cli *cli, const struct config *config, const struct question *question,
                int *exit_code)
{
    json_t *document = NULL;
    int status = 0;

    if (!session_call(cli, config, question->where, question->state, question->method,
                      question->path, question->body, &status, &document)) {
        *exit_code = question->exit_unanswered;
        return NULL;
    }
    if (status < 400 || !json_at(document, "error"))
        return document;
    *exit_code = cli_print_error(document);
    json_decref(document);
    return NULL;
}

char *id_path(const struct cli *cli, const char *before, const char *id, const char *behind)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-";
    struct buffer path;
    char *taken;

    if (strlen(id) < 4 || id[strspn(id, letters)] != '\0') {
        cli_usage_error(cli, "\"%s\" is not an id: it has letters, digits and \"-\", at least 4",
                        id);
        return NULL;
    }
    buffer_init(&path, 1024);
    buffer_printf(&path, "%s%s%s", before, id, behind);
    taken = buffer_take(&path);
    if (!taken)
        cli_usage_error(cli, "\"%.80s...\" is not an id: it is too long", id);
    return taken;
}
