/* SPDX-License-Identifier: Apache-2.0 */
/* `keydrift show ID`: one incident or plan with everything that happened to it. */
#include "agent/cli/output.h"

#include "agent/adapters/config.h"
#include "base/memory.h"

#include <stdlib.h>

static void show_who(struct buffer *out, const json_t *incident)
{
    struct text address = json_text_at(incident, "regenerated.address");

    if (json_text_at(incident, "regenerated.by").size)
        output_field_printf(out, "regenerated", "by %.*s at %.*s%s%.*s",
                            TEXT_ARG(json_text_at(incident, "regenerated.by")),
                            TEXT_ARG(json_text_at(incident, "regenerated.at")),
                            address.size ? ", from " : "", TEXT_ARG(address));
}

static void show_callers(struct buffer *out, const json_t *incident)
{
    struct text reason = json_text_at(incident, "callers.reason");
    struct buffer line;

    if (!json_text_at(incident, "callers.result").size)
        return;
    buffer_init(&line, 4096);
    buffer_printf(&line, "%.*s", TEXT_ARG(json_text_at(incident, "callers.result")));
    if (reason.size)
        buffer_printf(&line, ": %.*s", TEXT_ARG(reason));
    output_field(out, "callers", buffer_text(&line));
    buffer_clear(&line);
}

static void show_slots(struct buffer *out, const json_t *slots)
{
    struct buffer line;
    const char *name;
    json_t *fingerprint;

    buffer_init(&line, 4096);
    json_object_foreach ((json_t *)(uintptr_t)slots, name, fingerprint) {
        const char *shown = json_string_value(fingerprint);

        buffer_printf(&line, "%s%s %s", line.size ? ", " : "", name, shown ? shown : "unknown");
    }
    output_field(out, "keys", buffer_text(&line));
    buffer_clear(&line);
}

static void show_copy(struct buffer *out, const json_t *copy)
{
    struct buffer line;

    if (!json_text_at(copy, "path").size)
        return;
    buffer_init(&line, 4096);
    output_copy(&line, copy);
    output_field_printf(out, "copy", "%.*s in %.*s/%.*s at %.*s: %.*s",
                        TEXT_ARG(json_text_at(copy, "field")),
                        TEXT_ARG(json_text_at(copy, "mount")), TEXT_ARG(json_text_at(copy, "path")),
                        TEXT_ARG(json_text_at(copy, "address")), TEXT_ARG(buffer_text(&line)));
    buffer_clear(&line);
}

static void show_incident(struct buffer *out, const json_t *incident)
{
    bool is_resolved = json_text_at(incident, "resolved_at").start != NULL;

    output_field(out, "incident", json_text_at(incident, "id"));
    output_field(out, "binding", json_text_at(incident, "binding"));
    output_field(out, "state", is_resolved ? TEXT("resolved") : json_text_at(incident, "state"));
    output_field(out, "verdict", json_text_at(incident, "verdict"));
    output_field(out, "why", json_text_at(incident, "why"));
    output_field(out, "since", json_text_at(incident, "since"));
    output_field(out, "opened", json_text_at(incident, "opened_at"));
    output_field(out, "resolved", json_text_at(incident, "resolved_at"));
    show_who(out, incident);
    show_callers(out, incident);
    output_field(out, "source", json_text_at(incident, "source.id"));
    show_slots(out, json_at(incident, "source.slots"));
    show_copy(out, json_at(incident, "copy"));
    output_field(out, "plan", json_text_at(incident, "plan_id"));
}

static int print(const struct cli *cli, const json_t *document)
{
    struct buffer out;

    if (cli->is_json)
        return cli_print_json(document, EXIT_DONE);
    buffer_init(&out, OUTPUT_LIMIT);
    if (text_is(json_text_at(document, "type"), "plan"))
        output_plan(&out, document);
    else
        show_incident(&out, document);
    output_field(&out, "next", json_text_at(document, "next"));
    output_timeline(&out, cli, json_at(document, "timeline"));
    return cli_print(&out, EXIT_DONE);
}

int command_show(struct cli *cli)
{
    struct question question = {
        .state = WORLD_STATE_NEEDED, .method = "GET", .exit_unanswered = EXIT_REFUSED};
    char *path = id_path(cli, "/v1/objects/", cli->arguments[0], "");
    struct config *config = path ? cli_config(cli) : NULL;
    json_t *document = NULL;
    int code = EXIT_USAGE;

    question.path = path;
    if (config)
        document = cli_ask(cli, config, &question, &code);
    if (document)
        code = print(cli, document);
    json_decref(document);
    config_free(config);
    memory_free(path);
    return code;
}
