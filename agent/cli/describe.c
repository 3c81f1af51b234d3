/* SPDX-License-Identifier: Apache-2.0 */
/* The shapes several commands print. */
#include "agent/cli/output.h"

static void plan_action(struct buffer *out, const json_t *plan)
{
    struct text action = json_text_at(plan, "action"), slot = json_text_at(plan, "slot");

    if (text_is(action, "write_back"))
        output_field_printf(out, "action", "write_back: write the source's %.*s key to Vault",
                            TEXT_ARG(slot));
    else if (text_is(action, "rotate"))
        output_field_printf(out, "action",
                            "rotate: regenerate the %.*s key, then write it to Vault",
                            TEXT_ARG(slot));
    else
        output_field(out, "action", action);
}

void output_copy(struct buffer *out, const json_t *copy)
{
    int64_t version = json_integer_at(copy, "version", 0);
    struct text fingerprint = json_text_at(copy, "fingerprint");

    if (version)
        buffer_printf(out, "version %lld", (long long)version);
    if (version && fingerprint.size)
        buffer_append_string(out, ", ");
    output_clean(out, fingerprint);
}

static void plan_change(struct buffer *out, const json_t *plan)
{
    struct text fresh = json_text_at(plan, "new.fingerprint");
    struct buffer old;

    buffer_init(&old, 1024);
    output_copy(&old, json_at(plan, "old"));
    output_field(out, "old", old.size ? buffer_text(&old) : TEXT("no value"));
    buffer_clear(&old);
    output_field(out, "new",
                 fresh.size ? fresh
                 : text_is(json_text_at(plan, "state"), "done")
                     ? TEXT("a key that did not exist yet")
                     : TEXT("a key that does not exist yet"));
}

void output_plan(struct buffer *out, const json_t *plan)
{
    struct text state = json_text_at(plan, "state");
    struct text mount = json_text_at(plan, "copy.mount"), path = json_text_at(plan, "copy.path");

    output_field(out, "plan", json_text_at(plan, "plan_id"));
    plan_action(out, plan);
    output_field(out, "binding", json_text_at(plan, "binding"));
    output_field(out, "source", json_text_at(plan, "source"));
    if (mount.size)
        output_field_printf(out, "copy", "%.*s in %.*s/%.*s at %.*s",
                            TEXT_ARG(json_text_at(plan, "copy.field")), TEXT_ARG(mount),
                            TEXT_ARG(path), TEXT_ARG(json_text_at(plan, "copy.address")));
    if (json_at(plan, "old"))
        plan_change(out, plan);
    output_field(out, "asked for by", json_text_at(plan, "requester"));
    output_field(out, "made", json_text_at(plan, "created_at"));
    output_field(out, "expires", json_text_at(plan, "expires_at"));
    output_field(out, "state", state);
    if (text_is(state, "open") || text_is(state, "waiting"))
        output_field_printf(out, "approvals", "%lld of %lld",
                            (long long)json_integer_at(plan, "approvals.have", 0),
                            (long long)json_integer_at(plan, "approvals.required", 0));
    output_field(out, "why", json_text_at(plan, "why"));
}

void output_outcome(struct buffer *out, const json_t *plan)
{
    output_field(out, "plan", json_text_at(plan, "plan_id"));
    plan_action(out, plan);
    output_field(out, "binding", json_text_at(plan, "binding"));
    output_field(out, "state", json_text_at(plan, "state"));
    output_field(out, "why", json_text_at(plan, "why"));
}

void output_timeline(struct buffer *out, const struct cli *cli, const json_t *timeline)
{
    static const char *const headings[] = {"AT", "EVENT", "TEXT", NULL};
    struct table table;
    size_t index;
    json_t *entry;

    if (json_array_size(timeline) == 0)
        return;
    buffer_append_byte(out, '\n');
    table_begin(&table, cli, headings);
    json_array_foreach ((json_t *)(uintptr_t)timeline, index, entry) {
        table_row(&table);
        table_cell(&table, json_text_at(entry, "at"));
        table_cell(&table, json_text_at(entry, "event"));
        table_cell(&table, json_text_at(entry, "text"));
    }
    table_end(&table, out);
}
