/* SPDX-License-Identifier: Apache-2.0 */
/* What a rotation would do, from the facts as they are now. It makes no plan and records nothing;
 * the executor's preflight looks again, at more than can be seen without rights to change. */
#include "agent/adapters/azure_source.h"
#include "agent/cli/output.h"
#include "agent/cli/rotate.h"

#include "base/moment.h"

#include <string.h>

struct rehearsal {
    const struct config *config;
    const struct config_binding *binding;
    const json_t *facts;
    struct text slot; /* to be regenerated; empty when refused */
    char refusal[400];
};

/* ---- would it be refused? -------------------------------------------------------------------- */

/* The slot to be regenerated; empty when there is none, or both hold the copy's key. */
static struct text other_slot(const struct rehearsal *rehearsal)
{
    struct text held = json_text_at(rehearsal->facts, "matched_slot");
    const char *other = azure_source_other_slot(rehearsal->binding->kind, held);
    const json_t *slots = json_at(rehearsal->facts, "source.slots");

    return !other || text_equal(json_text_at(rehearsal->facts, "copy.fingerprint"),
                                json_text_at(slots, other))
               ? TEXT("")
               : text_of(other);
}

static void decide(struct rehearsal *rehearsal)
{
    struct text verdict = json_text_at(rehearsal->facts, "verdict");
    struct text slot = other_slot(rehearsal);
    char *why = rehearsal->refusal;
    size_t room = sizeof(rehearsal->refusal);

    if (rehearsal->config->approver_count == 0)
        snprintf(why, room,
                 "no approvers are configured, and nothing is ever changed without approval");
    else if (rehearsal->binding->slot != ANY_SLOT)
        snprintf(why, room,
                 "the binding pins a slot, and a rotation moves the copy to the other one");
    else if (!text_is(verdict, "match"))
        snprintf(why, room, "the copy is %.*s, and a rotation starts from a copy that works: %.*s",
                 TEXT_ARG(verdict), TEXT_ARG(json_text_at(rehearsal->facts, "why")));
    else if (!slot.size)
        snprintf(why, room, "the source has no other slot that could be regenerated safely");
    else
        rehearsal->slot = slot;
}

/* ---- the steps ------------------------------------------------------------------------------- */

static bool add_step(json_t *steps, const char *name, const char *format, ...) printf_like(3, 4);
static bool add_step(json_t *steps, const char *name, const char *format, ...)
{
    struct buffer text;
    va_list arguments;
    bool is_added;

    buffer_init(&text, 2048);
    va_start(arguments, format);
    buffer_vprintf(&text, format, arguments);
    va_end(arguments);
    is_added =
        json_array_append_new(steps, json_pack("{s:s,s:s%}", "step", name, "does",
                                               text.start ? text.start : "", text.size)) == 0;
    buffer_clear(&text);
    return is_added;
}

static json_t *steps_of(const struct rehearsal *rehearsal)
{
    const struct text slot = rehearsal->slot;
    bool has_probe = rehearsal->binding->probe_score;
    char settle[DURATION_SIZE], confirm[DURATION_SIZE];
    json_t *steps = json_array();

    duration_format(rehearsal->config->rotation_settle_ms, settle);
    duration_format(rehearsal->config->rotation_confirm_ms, confirm);
    if (!slot.size || !steps)
        return steps;
    add_step(steps, "preflight", "read both sides again; ask Vault for the right to write%s",
             has_probe ? "; call the endpoint with the present key" : "");
    add_step(steps, "locked", "record the approvals as used");
    add_step(steps, "regenerating", "regenerate the %.*s key, which Vault does not hold",
             TEXT_ARG(slot));
    add_step(steps, "confirming", "list the keys until it has changed, for %s at most", confirm);
    add_step(steps, "probing", "%s",
             has_probe ? "call the endpoint with the new key until it works steadily"
                       : "nothing: probe.score is off for this binding");
    add_step(steps, "writing",
             "write the new key to Vault, only if version %lld is still the current one",
             (long long)json_integer_at(rehearsal->facts, "copy.version", 0));
    add_step(steps, "verifying", "read it back");
    if (rehearsal->config->rotation_settle_ms)
        add_step(steps, "settling", "after %s, look at both sides once more", settle);
    else
        add_step(steps, "settling", "look at both sides once more");
    return steps;
}

static json_t *document_of(const struct rehearsal *rehearsal)
{
    return json_pack("{s:s,s:s,s:b,s:b,s:o,s:o,s:o,s:O}", "binding", rehearsal->binding->name,
                     "action", "rotate", "dry_run", 1, "refused", rehearsal->slot.size == 0, "why",
                     rehearsal->slot.size ? json_null() : json_string(rehearsal->refusal), "slot",
                     rehearsal->slot.size
                         ? json_stringn(rehearsal->slot.start, rehearsal->slot.size)
                         : json_null(),
                     "steps", steps_of(rehearsal), "facts", rehearsal->facts);
}

/* ---- printing -------------------------------------------------------------------------------- */

static void print_facts(struct buffer *out, const json_t *facts)
{
    struct buffer copy;

    buffer_init(&copy, 1024);
    output_copy(&copy, json_at(facts, "copy"));
    output_field(out, "binding", json_text_at(facts, "name"));
    output_field(out, "verdict", json_text_at(facts, "verdict"));
    output_field(out, "why", json_text_at(facts, "why"));
    output_field(out, "copy", buffer_text(&copy));
    output_field(out, "source", json_text_at(facts, "source.id"));
    buffer_clear(&copy);
}

static void print_steps(struct buffer *out, const struct cli *cli, const json_t *steps)
{
    static const char *const headings[] = {"STEP", "WOULD", NULL};
    struct table table;
    size_t index;
    json_t *step;

    buffer_append_byte(out, '\n');
    table_begin(&table, cli, headings);
    json_array_foreach ((json_t *)(uintptr_t)steps, index, step) {
        table_row(&table);
        table_cell(&table, json_text_at(step, "step"));
        table_cell(&table, json_text_at(step, "does"));
    }
    table_end(&table, out);
}

static int print(struct cli *cli, const struct rehearsal *rehearsal)
{
    bool is_refused = rehearsal->slot.size == 0;
    int code = is_refused ? EXIT_REFUSED : EXIT_DONE;
    json_t *document = document_of(rehearsal);
    struct buffer out;

    if (!document) {
        cli_error("out of memory");
        return EXIT_REFUSED;
    }
    if (is_refused)
        cli_error("a rotation would be refused: %s", rehearsal->refusal);
    if (cli->is_json) {
        code = cli_print_json(document, code);
    } else {
        buffer_init(&out, OUTPUT_LIMIT);
        print_facts(&out, rehearsal->facts);
        if (!is_refused)
            print_steps(&out, cli, json_at(document, "steps"));
        code = cli_print(&out, code);
    }
    if (!is_refused)
        cli_note(cli, "nothing was changed; next: %s rotate %s", cli->self,
                 rehearsal->binding->name);
    json_decref(document);
    return code;
}

static const struct config_binding *binding_named(const struct config *config, struct text name)
{
    for (size_t i = 0; i < config->binding_count; i++)
        if (text_is(name, config->bindings[i].name))
            return &config->bindings[i];
    return NULL;
}

int rotate_dry_run(struct cli *cli, const struct config *config)
{
    struct question question = {.state = WORLD_STATE_OPTIONAL,
                                .method = "POST",
                                .path = "/v1/check",
                                .exit_unanswered = EXIT_REFUSED};
    struct rehearsal rehearsal = {.config = config};
    json_t *document;
    int code = EXIT_REFUSED;

    question.body = json_pack("{s:[s]}", "bindings", cli->arguments[0]);
    if (!question.body)
        return cli_usage_error(cli, "a binding's name is UTF-8");
    document = cli_ask(cli, config, &question, &code);
    if (!document)
        return code;
    rehearsal.facts = json_array_get(json_at(document, "bindings"), 0);
    rehearsal.binding = binding_named(config, json_text_at(rehearsal.facts, "name"));
    if (rehearsal.binding) {
        decide(&rehearsal);
        code = print(cli, &rehearsal);
    } else {
        /* A daemon with another configuration than this call's. */
        cli_error("the daemon answered for another binding than \"%s\"", cli->arguments[0]);
        code = EXIT_REFUSED;
    }
    json_decref(document);
    return code;
}
