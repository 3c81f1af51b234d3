/* SPDX-License-Identifier: Apache-2.0 */
/* The Azure CLI: a process that prints a token.
 *
 * It is one operation with four handles (the process, its two pipes, a timer). It has an outcome
 * when the process has ended and both pipes are at their end, or when something went wrong, which
 * also kills it and its children; it is told when all four handles are closed. */
#include "azureclient/credential.h"
#include "azureclient/wire.h"
#include "base/memory.h"

#include <signal.h>
#include <string.h>

#define OUTPUT_LIMIT ((size_t)128 << 10)
#define ERRORS_LIMIT ((size_t)16 << 10)

struct stream {
    uv_pipe_t pipe;
    struct buffer contents;
    struct cli *cli;
    char part[4096];
    bool is_at_end;
};

struct cli {
    struct operation operation; /* first: what the owner holds */
    uv_process_t process;
    struct stream output, errors;
    uv_timer_t timer;
    unsigned open_handles;
    bool is_started, is_running, is_ending;
    int64_t status;
    int signal;
    struct failure failure; /* kind 0: none */
    azure_cli_done *done;
    void *context;
};

/* ---- the end --------------------------------------------------------------------------------- */

static void judge(struct cli *cli)
{
    struct text errors = buffer_text(&cli->errors.contents), line;
    cleanup_with(buffer_clear) struct buffer quote = {.limit = 4 * ERRORS_LIMIT};

    if (cli->failure.kind || (!cli->status && !cli->signal))
        return;
    if (text_find(errors, TEXT("az login")) != SIZE_MAX ||
        text_find(errors, TEXT("az account set")) != SIZE_MAX) {
        failure_set(&cli->failure, FAILURE_DENIED, "nobody is logged in to az: run \"az login\"");
        return;
    }
    errors = text_trim(errors);
    if (!text_split(&errors, '\n', &line))
        line = (struct text){0};
    wire_quote(&quote, text_part(text_trim(line), 0, 120), NULL);
    if (cli->signal)
        failure_set(&cli->failure, FAILURE_REMOTE, "az was ended by signal %d", cli->signal);
    else
        failure_set(&cli->failure, FAILURE_DENIED, "az ended with status %d%s%.*s",
                    (int)cli->status, quote.size ? ": " : "", TEXT_ARG(buffer_text(&quote)));
}

static void on_closed(uv_handle_t *handle)
{
    struct cli *cli = handle->data;
    struct text output = buffer_text(&cli->output.contents), none = {0};
    bool failed;

    if (--cli->open_handles)
        return;
    judge(cli);
    failed = cli->failure.kind;
    cli->done(failed ? none : output, failed ? &cli->failure : NULL, cli->context);
    buffer_clear(&cli->output.contents);
    buffer_clear(&cli->errors.contents);
    wipe(cli->output.part, sizeof(cli->output.part));
    wipe(cli->errors.part, sizeof(cli->errors.part));
    memory_free(cli);
}

static void close_all(struct cli *cli)
{
    uv_close((uv_handle_t *)&cli->timer, on_closed);
    uv_close((uv_handle_t *)&cli->output.pipe, on_closed);
    uv_close((uv_handle_t *)&cli->errors.pipe, on_closed);
    uv_close((uv_handle_t *)&cli->process, on_closed);
}

/* Once it is over and everything it printed is here. After a failure nobody waits for the pipes:
 * a grandchild may hold them. */
static void end_if_done(struct cli *cli)
{
    bool has_all = cli->output.is_at_end && cli->errors.is_at_end;

    if (cli->is_ending || cli->is_running || (!has_all && !cli->failure.kind))
        return;
    cli->is_ending = true;
    close_all(cli);
}

/* The first failure wins. The process leads a group of its own, so that its children go too. */
static void give_up(struct cli *cli, const struct failure *failure)
{
    if (cli->is_ending || cli->failure.kind)
        return;
    cli->failure = *failure;
    if (cli->is_running)
        kill(-cli->process.pid, SIGKILL);
    end_if_done(cli);
}

static void on_timer(uv_timer_t *timer)
{
    struct cli *cli = timer->data;
    struct failure why;

    if (!cli->is_started) { /* the failure was there before the start had returned */
        end_if_done(cli);
        return;
    }
    failure_set(&why, FAILURE_TIMEOUT, "az took too long");
    give_up(cli, &why);
}

static void cancel(struct operation *operation)
{
    struct failure why;

    failure_set(&why, FAILURE_CANCELED, "canceled");
    give_up((struct cli *)operation, &why);
}

/* ---- while it runs --------------------------------------------------------------------------- */

static void on_exit(uv_process_t *process, int64_t status, int ended_by)
{
    struct cli *cli = process->data;

    cli->is_running = false;
    cli->status = status;
    cli->signal = ended_by;
    end_if_done(cli);
}

static void on_memory(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
    struct stream *stream = (struct stream *)handle;

    (void)suggested;
    *ret = uv_buf_init(stream->part, sizeof(stream->part));
}

static void on_read(uv_stream_t *handle, ssize_t size, const uv_buf_t *bytes)
{
    struct stream *stream = (struct stream *)handle;
    struct failure why;

    if (size < 0) {
        stream->is_at_end = true;
        uv_read_stop(handle);
        end_if_done(stream->cli);
        return;
    }
    if (buffer_append(&stream->contents, (struct text){bytes->base, (size_t)size}))
        return;
    failure_set(&why, FAILURE_TOO_LARGE, "az printed more than a token can need");
    give_up(stream->cli, &why);
}

/* ---- the start ------------------------------------------------------------------------------- */

static void open_stream(struct cli *cli, uv_loop_t *loop, struct stream *stream, size_t limit)
{
    uv_pipe_init(loop, &stream->pipe, 0);
    stream->pipe.data = cli;
    stream->cli = cli;
    buffer_init(&stream->contents, limit);
}

static int spawn(struct cli *cli, uv_loop_t *loop, const struct credential *credential)
{
    static char file[] = "az", account[] = "account", verb[] = "get-access-token",
                output[] = "--output", json[] = "json", resource[] = "--resource",
                tenant[] = "--tenant";
    char *arguments[] = {file,
                         account,
                         verb,
                         output,
                         json,
                         resource,
                         credential->audience,
                         credential->tenant_id ? tenant : NULL,
                         credential->tenant_id,
                         NULL};
    uv_stdio_container_t streams[] = {
        {.flags = UV_IGNORE},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE,
         .data.stream = (uv_stream_t *)&cli->output.pipe},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE,
         .data.stream = (uv_stream_t *)&cli->errors.pipe},
    };
    uv_process_options_t options = {
        .exit_cb = on_exit,
        .file = file,
        .args = arguments,
        .env = credential->cli_environment,
        .cwd = "/bin", /* as Microsoft's libraries: nothing there is found by a relative name */
        .flags = UV_PROCESS_DETACHED,
        .stdio_count = 3,
        .stdio = streams,
    };

    return uv_spawn(loop, &cli->process, &options);
}

static void explain(int error, struct failure *why)
{
    if (error == UV_ENOENT)
        failure_set(why, FAILURE_INVALID, "az is not installed, or not in PATH");
    else
        failure_set(why, FAILURE_INVALID, "az cannot be started: %s", uv_strerror(error));
}

struct operation *azure_cli_start(uv_loop_t *loop, const struct credential *credential,
                                  uint64_t timeout_ms, azure_cli_done *done, void *context)
{
    struct cli *cli = memory_zeroed(1, sizeof(*cli));
    int error;

    if (!cli)
        return NULL;
    cli->operation.cancel = cancel;
    cli->done = done;
    cli->context = context;
    cli->open_handles = 4;
    open_stream(cli, loop, &cli->output, OUTPUT_LIMIT);
    open_stream(cli, loop, &cli->errors, ERRORS_LIMIT);
    uv_timer_init(loop, &cli->timer);
    cli->timer.data = cli;
    error = spawn(cli, loop, credential);
    cli->process.data = cli;
    if (error) {
        explain(error, &cli->failure);
        uv_timer_start(&cli->timer, on_timer, 1, 0);
        return &cli->operation;
    }
    cli->is_started = cli->is_running = true;
    uv_timer_start(&cli->timer, on_timer, timeout_ms, 0);
    uv_read_start((uv_stream_t *)&cli->output.pipe, on_memory, on_read);
    uv_read_start((uv_stream_t *)&cli->errors.pipe, on_memory, on_read);
    return &cli->operation;
}
