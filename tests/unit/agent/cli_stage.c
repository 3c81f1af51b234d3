/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's place is taken by agent_api() below, so nothing of the daemon is linked. */
#include "tests/unit/agent/cli_stage.h"

#include "agent/cli/cli.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ANSWERS 4

struct answer {
    int status;
    char *json;
};

static struct {
    char folder[64];
    int home; /* the folder to return to */
    struct answer answers[ANSWERS];
    size_t answer_count, answer_next;
    char *broken;
    struct buffer asked;
    json_t *body;
    char *out, *err;
    uv_loop_t *loop;
} stage;

/* ---- the agent ------------------------------------------------------------------------------- */

struct turn {
    uv_timer_t timer;
    operation_done *ready;
    api_done *done;
    void *context;
    struct answer answer;
    struct operation operation;
};

static void on_turn_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void on_turn(uv_timer_t *timer)
{
    struct turn *turn = timer->data;

    if (turn->ready)
        turn->ready(NULL, turn->context);
    else
        turn->done(turn->answer.status, text_of(turn->answer.json), turn->context);
    uv_close((uv_handle_t *)timer, on_turn_closed);
}

static struct turn *turn_new(void *context)
{
    struct turn *turn = calloc(1, sizeof(*turn));

    assert_non_null(turn);
    turn->context = context;
    turn->timer.data = turn;
    uv_timer_init(stage.loop, &turn->timer);
    uv_timer_start(&turn->timer, on_turn, 0, 0);
    return turn;
}

static struct operation *handle(struct api *self, const struct api_request *request, api_done *done,
                                void *context)
{
    struct turn *turn = turn_new(context);

    (void)self;
    assert_true(stage.answer_next < stage.answer_count); /* asked more than was laid out */
    turn->done = done;
    turn->answer = stage.answers[stage.answer_next++];
    buffer_printf(&stage.asked, "%.*s %.*s\n", TEXT_ARG(request->method), TEXT_ARG(request->path));
    json_decref(stage.body);
    stage.body = request->body.size ? json_read_object(request->body, NULL) : NULL;
    return &turn->operation;
}

struct api *agent_api(struct agent *agent)
{
    static struct api api = {handle};

    (void)agent;
    return &api;
}

int command_run(struct cli *cli)
{
    (void)cli;
    return EXIT_DONE;
}

/* ---- the world ------------------------------------------------------------------------------- */

static struct world *world_open(const struct world_settings *settings, operation_done *ready,
                                void *context, struct failure *why)
{
    stage.loop = settings->loop;
    if (stage.broken) {
        failure_set(why, FAILURE_INTERNAL, "%s", stage.broken);
        return NULL;
    }
    turn_new(context)->ready = ready;
    return (struct world *)&stage;
}

static struct agent *world_agent(struct world *world)
{
    return (struct agent *)world;
}

static const char *world_warning(struct world *world)
{
    (void)world;
    return NULL;
}

static void world_close(struct world *world, void (*closed)(void *context), void *context)
{
    (void)world;
    closed(context);
}

/* ---- laying out ------------------------------------------------------------------------------ */

void stage_answer(int status, const char *json)
{
    assert_true(stage.answer_count < ANSWERS);
    stage.answers[stage.answer_count++] = (struct answer){status, strdup(json)};
}

void stage_break(const char *why)
{
    stage.broken = strdup(why);
}

void stage_write(const char *name, const char *text)
{
    int file = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(file >= 0);
    assert_int_equal(write(file, text, strlen(text)), strlen(text));
    close(file);
}

void stage_configure(const char *more)
{
    char text[4096];

    snprintf(text, sizeof(text),
             "vault: { address: \"https://127.0.0.1:1\", "
             "auth: { method: token_file, token_file: t } }\n"
             "azure: { cloud: public, credential: { method: managed_identity } }\n"
             "bindings:\n"
             "  - name: nachet\n"
             "    source: { kind: azureml-online-endpoint, subscription: s, resource_group: rg, "
             "workspace: w, endpoint: e }\n"
             "    copy: { mount: kv, path: nachet/backend, field: key }\n"
             "state: sqlite:state.db\n"
             "api: { listen: [ \"unix:none.sock\" ] }\n%s",
             more);
    stage_write("keydrift.yaml", text);
}

int stage_setup(void **state)
{
    (void)state;
    memset(&stage, 0, sizeof(stage));
    buffer_init(&stage.asked, 4096);
    stage.home = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    strcpy(stage.folder, "/tmp/kdstage-XXXXXX");
    assert_non_null(mkdtemp(stage.folder));
    assert_int_equal(chdir(stage.folder), 0);
    stage_configure("approval: { approvers: [ { name: ana, public_key: "
                    "\"ZfYFAEhd0R4QCLfL7b41jWwg1c57ujnUyVrMj+gELN0=\" } ] }\n");
    return 0;
}

int stage_teardown(void **state)
{
    static const char *const files[] = {"keydrift.yaml", "out",     "err",    "ana.key",
                                        "ana.pub",       "a.token", "b.token"};

    (void)state;
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        unlink(files[i]);
    assert_int_equal(fchdir(stage.home), 0);
    close(stage.home);
    assert_int_equal(rmdir(stage.folder), 0);
    for (size_t i = 0; i < stage.answer_count; i++)
        free(stage.answers[i].json);
    free(stage.broken);
    free(stage.out);
    free(stage.err);
    json_decref(stage.body);
    buffer_clear(&stage.asked);
    return 0;
}

/* ---- calling --------------------------------------------------------------------------------- */

static char *content_of(const char *name)
{
    FILE *file = fopen(name, "re");
    char *text = calloc(1, 65536);

    assert_non_null(file);
    assert_non_null(text);
    assert_true(fread(text, 1, 65535, file) < 65535);
    fclose(file);
    return text;
}

/* The stream's descriptor goes to the file; what it was before is returned. */
static int divert(FILE *stream, const char *name)
{
    int file = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), before;

    fflush(stream);
    before = dup(fileno(stream));
    assert_true(file >= 0 && before >= 0);
    dup2(file, fileno(stream));
    close(file);
    return before;
}

static void restore(FILE *stream, int before)
{
    fflush(stream);
    dup2(before, fileno(stream));
    close(before);
}

int stage_call(const char *word, ...)
{
    static const struct world_maker maker = {world_open, world_agent, world_warning, world_close};
    const char *words[16] = {"keydrift", word};
    int count = 2, code, out, err;
    va_list rest;

    va_start(rest, word);
    while ((words[count] = va_arg(rest, const char *)))
        assert_true(++count < 15);
    va_end(rest);
    buffer_reset(&stage.asked);
    free(stage.out);
    free(stage.err);
    out = divert(stdout, "out");
    err = divert(stderr, "err");
    code = cli_main(count, words, &maker);
    restore(stdout, out);
    restore(stderr, err);
    stage.out = content_of("out");
    stage.err = content_of("err");
    return code;
}

const char *stage_out(void)
{
    return stage.out;
}

const char *stage_err(void)
{
    return stage.err;
}

const char *stage_asked(void)
{
    return stage.asked.start ? stage.asked.start : "";
}

const json_t *stage_body(void)
{
    return stage.body;
}
