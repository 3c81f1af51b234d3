/* SPDX-License-Identifier: Apache-2.0 */
/* `keydrift run`: one world after another. SIGHUP or a changed file builds the next world on trial
 * while the present one goes on; only when it stands, the present one is closed and the next takes
 * over. SIGTERM closes everything, whatever is under way, within two seconds. */
#include "agent/cli/cli.h"

#include "agent/adapters/config.h"
#include "agent/adapters/http_api.h"
#include "agent/adapters/state_sqlite.h"
#include "agent/daemon/log.h"
#include "net/http.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LISTEN_MAX       8
#define FILE_POLL_MS     2000
#define RELOAD_RETRY_MS  500
#define STOP_PATIENCE_MS 1800

enum runner_phase {
    RUNNER_STARTING, /* the world is being opened          */
    RUNNER_WATCHING,
    RUNNER_TRYING,    /* `trial` is being opened            */
    RUNNER_SWITCHING, /* the old world closes for `next`    */
    RUNNER_STOPPING,
};

struct runner {
    struct cli *cli;
    uv_loop_t loop;
    struct http *http;
    struct http_api *apis[LISTEN_MAX];
    size_t api_count, apis_open;
    struct config *config, *next; /* in force; to be in force */
    struct world *world, *trial;
    struct failure trial_failure;
    uv_signal_t hangup, terminate, interrupt;
    uv_fs_poll_t file;
    uv_timer_t retry, patience;
    enum runner_phase phase;
    bool must_reload, is_failed;
    int watch_lock; /* of the state in force; -1: none */
};

static void world_begin(struct runner *runner);
static void stop(struct runner *runner);

/* ---- configuration --------------------------------------------------------------------------- */

static struct config *read_again(struct runner *runner)
{
    struct config_problems problems = {0};
    struct config *config = config_read(runner->config->path, &problems);
    struct text rest = buffer_text(&problems.text), line;

    while (text_split(&rest, '\n', &line))
        if (line.size)
            log_warn("configuration", FIELD_TEXT("problem", line));
    buffer_clear(&problems.text);
    if (!config)
        log_error("configuration not reloaded",
                  FIELD("why", "it has errors; the old one stays in force"));
    return config;
}

static bool same_listeners(const struct config *a, const struct config *b)
{
    if (a->listen_count != b->listen_count)
        return false;
    for (size_t i = 0; i < a->listen_count; i++)
        if (strcmp(a->listen[i], b->listen[i]) != 0)
            return false;
    return true;
}

/* ---- one daemon for one state -----------------------------------------------------------------
 */

/* Two would tell everything twice, as different incidents. Where no lock can be had, on a disk that
 * is full or read-only, watching goes on without. */
static bool lock_state(const struct config *config, int *lock, struct failure *why)
{
    return state_sqlite_lock_watch(config->state_path, lock, why) || why->kind != FAILURE_CONFLICT;
}

static bool lock_next_state(struct runner *runner)
{
    struct failure why = {0};
    int lock = -1;

    if (strcmp(runner->config->state_path, runner->next->state_path) == 0)
        return true;
    if (!lock_state(runner->next, &lock, &why)) {
        log_error("configuration not reloaded", FIELD("why", why.text));
        return false;
    }
    state_sqlite_unlock_watch(&runner->watch_lock);
    runner->watch_lock = lock;
    return true;
}

/* ---- reloading ------------------------------------------------------------------------------- */

static void serve(struct runner *runner, struct api *api)
{
    for (size_t i = 0; i < runner->api_count; i++)
        http_api_serve(runner->apis[i], api);
}

static void on_old_closed(void *context)
{
    struct runner *runner = context;

    runner->world = NULL;
    if (runner->next) {
        config_free(runner->config);
        runner->config = runner->next;
        runner->next = NULL;
    }
    if (runner->phase == RUNNER_STOPPING)
        stop(runner);
    else
        world_begin(runner);
}

static void reload(struct runner *runner);

/* A change that came while the one before was being taken over is not lost. */
static void go_on_watching(struct runner *runner)
{
    runner->phase = RUNNER_WATCHING;
    if (runner->must_reload)
        reload(runner);
}

static void on_trial_closed(void *context)
{
    struct runner *runner = context;

    runner->trial = NULL;
    if (runner->phase == RUNNER_STOPPING) {
        stop(runner);
        return;
    }
    if (runner->trial_failure.kind) {
        log_error("configuration not reloaded", FIELD("why", runner->trial_failure.text));
        runner->next = config_free(runner->next);
        go_on_watching(runner);
        return;
    }
    runner->phase = RUNNER_SWITCHING;
    serve(runner, NULL);
    runner->cli->maker->close(runner->world, on_old_closed, runner);
}

static void on_trial_ready(const struct failure *failure, void *context)
{
    struct runner *runner = context;

    if (failure)
        runner->trial_failure = *failure;
    runner->cli->maker->close(runner->trial, on_trial_closed, runner);
}

static struct world *open_world(struct runner *runner, const struct config *config,
                                operation_done *ready, struct failure *why)
{
    const struct world_settings settings = {.loop = &runner->loop,
                                            .http = runner->http,
                                            .config = config,
                                            .command = runner->cli->self,
                                            .state = WORLD_STATE_OPTIONAL};

    return runner->cli->maker->open(&settings, ready, runner, why);
}

static void on_retry(uv_timer_t *timer)
{
    struct runner *runner = timer->data;

    if (runner->must_reload)
        reload(runner);
}

static void reload(struct runner *runner)
{
    if (runner->phase != RUNNER_WATCHING) {
        runner->must_reload = true; /* once it watches again */
        return;
    }
    if (agent_is_executing(runner->cli->maker->agent(runner->world))) {
        runner->must_reload = true;
        uv_timer_start(&runner->retry, on_retry, RELOAD_RETRY_MS, 0);
        return;
    }
    runner->must_reload = false;
    runner->next = read_again(runner);
    if (!runner->next)
        return;
    if (!lock_next_state(runner)) {
        runner->next = config_free(runner->next);
        return;
    }
    if (!same_listeners(runner->config, runner->next))
        log_warn("configuration", FIELD("problem", "a change of api.listen needs a restart"));
    memset(&runner->trial_failure, 0, sizeof(runner->trial_failure));
    runner->phase = RUNNER_TRYING;
    runner->trial = open_world(runner, runner->next, on_trial_ready, &runner->trial_failure);
    if (!runner->trial)
        on_trial_closed(runner);
}

static void on_hangup(uv_signal_t *signal, int number)
{
    (void)number;
    log_info("reload", FIELD("why", "SIGHUP"));
    reload(signal->data);
}

static void on_file(uv_fs_poll_t *poll, int status, const uv_stat_t *before, const uv_stat_t *after)
{
    (void)before;
    (void)after;
    if (status != 0)
        return; /* it is being replaced, or gone: what is in force stays */
    log_info("reload", FIELD("why", "the configuration file changed"));
    reload(poll->data);
}

/* ---- starting -------------------------------------------------------------------------------- */

static void fail(struct runner *runner, const char *text)
{
    log_error("stopping", FIELD("why", text));
    runner->is_failed = true;
    stop(runner);
}

static void on_world_ready(const struct failure *failure, void *context)
{
    struct runner *runner = context;
    struct agent *agent = runner->cli->maker->agent(runner->world);

    if (runner->phase == RUNNER_STOPPING)
        return;
    if (failure) {
        fail(runner, failure->text);
        return;
    }
    serve(runner, agent_api(agent));
    agent_watch(agent);
    /* A disk that is full or read-only stops repairs, never the watching. */
    if (runner->cli->maker->warning(runner->world))
        log_error("no state: watching and alerting without a memory, and nothing can be repaired",
                  FIELD("why", runner->cli->maker->warning(runner->world)));
    log_info("watching", FIELD("configuration", runner->config->path));
    go_on_watching(runner);
}

static void world_begin(struct runner *runner)
{
    struct failure why = {0};

    runner->phase = RUNNER_STARTING;
    runner->world = open_world(runner, runner->config, on_world_ready, &why);
    if (!runner->world)
        fail(runner, why.text);
}

static bool listen_alone(struct runner *runner)
{
    const struct config *config = runner->config;
    struct failure why = {0};

    for (size_t i = 0; i < config->listen_count && i < LISTEN_MAX; i++) {
        runner->apis[i] = http_api_open(&runner->loop, config->listen[i], &why);
        if (!runner->apis[i]) {
            cli_error("%s", why.text);
            return false;
        }
        runner->api_count++;
        runner->apis_open++;
    }
    if (!lock_state(config, &runner->watch_lock, &why)) {
        cli_error("%s", why.text);
        return false;
    }
    return true;
}

/* ---- stopping -------------------------------------------------------------------------------- */

static void on_http_closed(void *context)
{
    struct runner *runner = context;

    runner->http = NULL;
    uv_close((uv_handle_t *)&runner->hangup, NULL);
    uv_close((uv_handle_t *)&runner->terminate, NULL);
    uv_close((uv_handle_t *)&runner->interrupt, NULL);
    uv_close((uv_handle_t *)&runner->file, NULL);
    uv_close((uv_handle_t *)&runner->retry, NULL);
    uv_close((uv_handle_t *)&runner->patience, NULL);
}

static void on_api_closed(void *context)
{
    struct runner *runner = context;

    if (--runner->apis_open == 0)
        stop(runner);
}

/* A call that never ends must not keep a pod from ending; the journal knows where to go on. */
static void on_patience(uv_timer_t *timer)
{
    (void)timer;
    log_error("stopping took too long", FIELD("what", "leaving without closing everything"));
    _exit(EXIT_REFUSED);
}

/* Called again whenever one more part is closed. */
static void stop(struct runner *runner)
{
    if (runner->phase != RUNNER_STOPPING) {
        bool is_closing = runner->phase == RUNNER_SWITCHING;

        runner->phase = RUNNER_STOPPING;
        uv_timer_start(&runner->patience, on_patience, STOP_PATIENCE_MS, 0);
        serve(runner, NULL);
        if (runner->world && !is_closing) {
            runner->cli->maker->close(runner->world, on_old_closed, runner);
            return;
        }
    }
    if (runner->world || runner->trial)
        return;
    if (runner->api_count) {
        size_t count = runner->api_count;

        runner->api_count = 0;
        for (size_t i = 0; i < count; i++)
            http_api_close(runner->apis[i], on_api_closed, runner);
        return;
    }
    if (runner->apis_open == 0 && runner->http)
        http_close(runner->http, on_http_closed, runner);
}

static void on_terminate(uv_signal_t *signal, int number)
{
    struct runner *runner = signal->data;

    if (runner->phase == RUNNER_STOPPING)
        return;
    log_info("stopping", FIELD("why", number == SIGINT ? "SIGINT" : "SIGTERM"));
    stop(runner);
}

/* ---------------------------------------------------------------------------------------------- */

static void handles_init(struct runner *runner)
{
    uv_signal_init(&runner->loop, &runner->hangup);
    uv_signal_init(&runner->loop, &runner->terminate);
    uv_signal_init(&runner->loop, &runner->interrupt);
    uv_fs_poll_init(&runner->loop, &runner->file);
    uv_timer_init(&runner->loop, &runner->retry);
    uv_timer_init(&runner->loop, &runner->patience);
    runner->hangup.data = runner->terminate.data = runner->interrupt.data = runner;
    runner->file.data = runner->retry.data = runner->patience.data = runner;
}

static void handles_start(struct runner *runner)
{
    uv_signal_start(&runner->hangup, on_hangup, SIGHUP);
    uv_signal_start(&runner->terminate, on_terminate, SIGTERM);
    uv_signal_start(&runner->interrupt, on_terminate, SIGINT);
    uv_fs_poll_start(&runner->file, on_file, runner->config->path, FILE_POLL_MS);
}

int command_run(struct cli *cli)
{
    struct runner runner = {.cli = cli, .config = cli_config(cli), .watch_lock = -1};

    if (!runner.config)
        return EXIT_USAGE;
    /* What an alert tells people to type must work in any folder. */
    if (!cli_name_config(cli, runner.config->path)) {
        cli_error("out of memory");
        return EXIT_REFUSED;
    }
    log_set_level(cli->is_quiet ? LOG_WARN : cli->is_verbose ? LOG_DEBUG : LOG_INFO);
    uv_loop_init(&runner.loop);
    handles_init(&runner);
    runner.http = http_open(&runner.loop);
    if (!runner.http) {
        cli_error("out of memory");
        return EXIT_REFUSED;
    }
    http_use_environment_proxies(runner.http);
    if (listen_alone(&runner)) {
        handles_start(&runner);
        world_begin(&runner);
    } else {
        runner.is_failed = true;
        stop(&runner);
    }
    uv_run(&runner.loop, UV_RUN_DEFAULT);
    uv_loop_close(&runner.loop);
    state_sqlite_unlock_watch(&runner.watch_lock);
    config_free(runner.config);
    config_free(runner.next);
    return runner.is_failed ? EXIT_REFUSED : EXIT_DONE;
}
