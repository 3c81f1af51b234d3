/* SPDX-License-Identifier: Apache-2.0 */
/* `keydrift approve PLAN_ID`: show the plan, sign its id, hand the token over. The key never leaves
 * this process; only the token does. */
#include "agent/cli/output.h"

#include "agent/adapters/config.h"
#include "agent/adapters/jws_approval.h"
#include "base/memory.h"
#include "base/moment.h"

#include <stdlib.h>
#include <time.h>

static struct {
    const char **name, **key, **life;
    int only_print;
} given;

const struct poptOption approve_options[] = {
    {"as", '\0', POPT_ARG_ARGV, &given.name, 0, "the approver, as the configuration names them",
     "NAME"},
    {"key", '\0', POPT_ARG_ARGV, &given.key, 0,
     "the approver's private key, made by `keydrift keygen approver`", "FILE"},
    {"life", '\0', POPT_ARG_ARGV, &given.life, 0,
     "how long the approval is good for (default: 24h; at most 7d)", "DURATION"},
    {"print", '\0', POPT_ARG_NONE, &given.only_print, 0,
     "print the token instead of handing it to the daemon", NULL},
    POPT_TABLEEND,
};

struct approve {
    struct cli *cli;
    const struct config *config;
    struct text name;
    const char *key;
    uint64_t life_ms;
    json_t *plan;
    struct text plan_id; /* all of it */
    struct buffer token;
};

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- what is to be approved ------------------------------------------------------------------ */

static bool read_options(struct approve *approve)
{
    const struct cli *cli = approve->cli;

    approve->name = text_of(option_last(given.name));
    approve->key = option_last(given.key);
    approve->life_ms = 86400000;
    if (!approve->name.size || !approve->key) {
        cli_usage_error(cli, "approve: %s is missing",
                        approve->name.size ? "--key FILE" : "--as NAME");
        return false;
    }
    if (!option_duration(cli, "--life", given.life, &approve->life_ms))
        return false;
    if (approve->life_ms >= 1000 && approve->life_ms <= APPROVAL_LIFE_MAX_MS)
        return true;
    cli_usage_error(cli, "--life: an approval is good for 1s to 7d");
    return false;
}

static int fetch(struct approve *approve)
{
    struct question question = {
        .state = WORLD_STATE_NEEDED, .method = "GET", .exit_unanswered = EXIT_REFUSED};
    char *path = id_path(approve->cli, "/v1/plans/", approve->cli->arguments[0], "");
    int code = EXIT_USAGE;

    question.path = path;
    if (path)
        approve->plan = cli_ask(approve->cli, approve->config, &question, &code);
    memory_free(path);
    approve->plan_id = json_text_at(approve->plan, "plan_id");
    if (!approve->plan)
        return code;
    if (!approve->plan_id.size) {
        cli_error("%s is not a plan: only plans are approved", approve->cli->arguments[0]);
        return EXIT_REFUSED;
    }
    /* Whoever answers on the socket must not choose what is signed. */
    if (!text_starts_with(approve->plan_id, text_of(approve->cli->arguments[0]))) {
        cli_error("another plan than %s was answered; nothing is signed",
                  approve->cli->arguments[0]);
        return EXIT_REFUSED;
    }
    return EXIT_DONE;
}

static bool may_sign(const struct approve *approve)
{
    struct text state = json_text_at(approve->plan, "state");
    struct text why = json_text_at(approve->plan, "why");

    if (!text_is(state, "open")) {
        cli_error("plan %.12s is %.*s%s%.*s: there is nothing to approve", approve->plan_id.start,
                  TEXT_ARG(state), why.size ? ": " : "", TEXT_ARG(why));
        return false;
    }
    if (text_equal(json_text_at(approve->plan, "requester"), approve->name)) {
        cli_error("%.*s asked for this plan, so somebody else must approve it",
                  TEXT_ARG(approve->name));
        return false;
    }
    return true;
}

static void show(const struct approve *approve)
{
    struct buffer out;

    if (approve->cli->is_quiet)
        return;
    buffer_init(&out, OUTPUT_LIMIT);
    output_plan(&out, approve->plan);
    fprintf(stderr, "%.*s", TEXT_ARG(buffer_text(&out)));
    buffer_clear(&out);
}

/* ---- where the token goes -------------------------------------------------------------------- */

static int print_token(struct approve *approve)
{
    struct buffer out;
    json_t *document;
    int code;

    if (approve->cli->is_json) {
        document =
            json_pack("{s:s%,s:s%,s:s%}", "plan_id", approve->plan_id.start, approve->plan_id.size,
                      "approver", approve->name.start, approve->name.size, "token",
                      approve->token.start, approve->token.size);
        code = cli_print_json(document, EXIT_DONE);
        json_decref(document);
        return code;
    }
    buffer_init(&out, APPROVAL_TOKEN_LIMIT + 1);
    buffer_append(&out, buffer_text(&approve->token));
    buffer_append_byte(&out, '\n');
    return cli_print(&out, EXIT_DONE);
}

static int print_plan(const struct cli *cli, const json_t *plan)
{
    struct buffer out;

    if (cli->is_json)
        return cli_print_json(plan, EXIT_DONE);
    buffer_init(&out, OUTPUT_LIMIT);
    output_field_printf(&out, "approved", "plan %.*s has %lld of %lld approvals",
                        TEXT_ARG(text_part(json_text_at(plan, "plan_id"), 0, 12)),
                        (long long)json_integer_at(plan, "approvals.have", 0),
                        (long long)json_integer_at(plan, "approvals.required", 0));
    output_field(&out, "next", json_text_at(plan, "next"));
    return cli_print(&out, EXIT_DONE);
}

static int hand_over(struct approve *approve)
{
    struct question question = {.where = SESSION_DAEMON_ONLY,
                                .state = WORLD_STATE_NEEDED,
                                .method = "POST",
                                .exit_unanswered = EXIT_REFUSED};
    char path[128];
    json_t *document;
    int code = EXIT_REFUSED;

    snprintf(path, sizeof(path), "/v1/plans/%.*s/approvals", TEXT_ARG(approve->plan_id));
    question.path = path;
    question.body = json_pack("{s:s%}", "token", approve->token.start, approve->token.size);
    if (!question.body) {
        cli_error("out of memory");
        return EXIT_REFUSED;
    }
    document = cli_ask(approve->cli, approve->config, &question, &code);
    if (document)
        code = print_plan(approve->cli, document);
    json_decref(document);
    return code;
}

static int sign(struct approve *approve)
{
    struct failure why = {0};

    if (!approval_sign(approve->key, approve->name, approve->plan_id, now_ms(), approve->life_ms,
                       &approve->token, &why)) {
        cli_error("%s", why.text);
        return why.kind == FAILURE_INVALID ? EXIT_USAGE : EXIT_REFUSED;
    }
    if (given.only_print)
        return print_token(approve);
    if (session_daemon_runs(approve->config))
        return hand_over(approve);
    cli_note(approve->cli,
             "no daemon runs, so nothing was recorded: pass this token to "
             "\"%s apply\" with --approval-file",
             approve->cli->self);
    return print_token(approve);
}

int command_approve(struct cli *cli)
{
    struct approve approve = {.cli = cli};
    struct config *config;
    int code;

    if (!read_options(&approve))
        return EXIT_USAGE;
    config = cli_config(cli);
    if (!config)
        return EXIT_USAGE;
    approve.config = config;
    buffer_init(&approve.token, APPROVAL_TOKEN_LIMIT);
    code = fetch(&approve);
    if (code == EXIT_DONE) {
        show(&approve);
        code = may_sign(&approve) ? sign(&approve) : EXIT_REFUSED;
    }
    buffer_clear(&approve.token);
    json_decref(approve.plan);
    config_free(config);
    return code;
}
