/* SPDX-License-Identifier: Apache-2.0 */
/* Every operation of the client against every fault of the lab: each ends exactly once, as the
 * table says, and shows no secret. A cell is one operation under one fault.
 *
 * The operations of a row run at the same time, each with a client of its own. Before a fault of
 * Resource Manager, the Activity Log and the scoring endpoint each client has listed the keys, so
 * that its token and its connection are there; before one of Entra it has nothing. */
#include "tests/support/test.h"
#include "tests/unit/azureclient/lab_bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQUEST_ID "6b1f2a3c-0000-4000-8000-000000000001"
#define SHORT_MS   600 /* of what never ends; nothing else depends on how fast this machine is */

enum operations { LIST, GET, REGENERATE, POSTURE, WHO, FIND, SCORE, TOKEN, OPERATIONS };

static const char *const names[] = {
    [LIST] = "list keys",  [GET] = "get endpoint", [REGENERATE] = "regenerate",
    [POSTURE] = "posture", [WHO] = "who",          [FIND] = "find request",
    [SCORE] = "score",     [TOKEN] = "token",
};

#define KIND(kind) "\"kind\":\"" kind "\""

/* What an operation ends with. */
#define NA   FAILURE_KINDS /* the fault does not exist there */
#define OK   FAILURE_NONE
#define DEN  FAILURE_DENIED
#define NOTF FAILURE_NOT_FOUND
#define CONF FAILURE_CONFLICT
#define THRO FAILURE_THROTTLED
#define REM  FAILURE_REMOTE
#define NET  FAILURE_NETWORK
#define TIME FAILURE_TIMEOUT
#define PROT FAILURE_PROTOCOL
#define AMBI FAILURE_AMBIGUOUS
#define INVA FAILURE_INVALID

static const struct row {
    const char *name, *order;
    struct {
        enum failure_kind read, regenerate, posture, log, score; /* the fault is there */
    } service;
    struct {
        enum failure_kind token, others; /* the fault is at Entra */
    } entra;
} rows[] = {
    {"status 401", KIND("status") ",\"status\":401", {DEN, DEN, DEN, DEN, OK}, {DEN, DEN}},
    {"status 403", KIND("status") ",\"status\":403", {DEN, DEN, OK, DEN, OK}, {DEN, DEN}},
    {"status 404", KIND("status") ",\"status\":404", {NOTF, NOTF, NOTF, NOTF, OK}, {DEN, DEN}},
    {"status 409", KIND("status") ",\"status\":409", {CONF, CONF, CONF, CONF, OK}, {DEN, DEN}},
    {"status 429", KIND("status") ",\"status\":429", {THRO, THRO, THRO, THRO, OK}, {THRO, THRO}},
    {"status 500", KIND("status") ",\"status\":500", {REM, AMBI, REM, REM, OK}, {REM, REM}},
    {"status 503", KIND("status") ",\"status\":503", {REM, AMBI, REM, REM, OK}, {REM, REM}},
    {"reset", KIND("reset"), {NET, AMBI, NET, NET, NET}, {NET, NET}},
    {"hang", KIND("hang"), {TIME, AMBI, TIME, TIME, TIME}, {TIME, TIME}},
    {"truncate", KIND("truncate"), {NET, AMBI, NET, NET, NET}, {NET, NET}},
    {"garbage", KIND("garbage"), {PROT, AMBI, PROT, PROT, OK}, {PROT, PROT}},
    {"redirect", KIND("redirect"), {PROT, PROT, PROT, PROT, OK}, {PROT, PROT}},
    {"token_expired", KIND("token_expired"), {DEN, DEN, DEN, DEN, NA}, {OK, DEN}},
    /* The change is sent once, so it is not the one that answers the challenge. */
    {"claims_challenge", KIND("claims_challenge"), {OK, DEN, OK, OK, NA}, {NA, NA}},
    {"a clock ahead", KIND("clock_skew") ",\"seconds\":90000", {DEN, DEN, DEN, DEN, OK}, {OK, DEN}},
    {"a clock behind",
     KIND("clock_skew") ",\"seconds\":-90000",
     {DEN, DEN, DEN, DEN, OK},
     {OK, DEN}},
    {"operation_failed", KIND("operation_failed"), {OK, REM, OK, NA, NA}, {NA, NA}},
    {"operation_hangs", KIND("operation_hangs"), {OK, AMBI, OK, NA, NA}, {NA, NA}},
    {"stale", KIND("stale"), {OK, OK, OK, NA, OK}, {NA, NA}},
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static struct lab_bench bench;
static char scoring_uri[300];

struct cell {
    struct azure_client *client;
    struct secret *key;
    unsigned done_count;
    struct failure failure;
};

static struct cell cells[OPERATIONS];
static unsigned pending, cell_count;
static size_t first, step = 1; /* the rows of this run */

/* ---- the operations -------------------------------------------------------------------------- */

static void on_end(const struct failure *failure, void *context)
{
    struct cell *cell = context;

    cell->done_count++;
    cell->failure = failure ? *failure : (struct failure){0};
    bench.is_done = --pending == 0;
}

static void on_keys(const struct azure_keys *keys, const struct failure *failure, void *context)
{
    struct cell *cell = context;

    assert_true(!keys == !!failure);
    if (keys) {
        secret_free(cell->key);
        cell->key = secret_copy(keys->keys[0]);
    }
    on_end(failure, context);
}

static void on_endpoint(const struct azure_endpoint *endpoint, const struct failure *failure,
                        void *context)
{
    assert_true(!endpoint == !!failure);
    if (endpoint)
        snprintf(scoring_uri, sizeof(scoring_uri), "%.*s", TEXT_ARG(endpoint->scoring_uri));
    on_end(failure, context);
}

static void on_posture(const struct azure_posture *posture, const struct failure *failure,
                       void *context)
{
    assert_true(!posture == !!failure);
    on_end(failure, context);
}

static void on_who(const struct azure_key_event *event, const struct failure *failure,
                   void *context)
{
    assert_false(event && failure);
    on_end(failure, context);
}

static void on_score(const struct azure_score *score, const struct failure *failure, void *context)
{
    assert_true(!score == !!failure);
    on_end(failure, context);
}

static void on_token(const struct secret *token, const struct failure *failure, void *context)
{
    assert_true(!token == !!failure);
    on_end(failure, context);
}

static struct operation *start(enum operations which, struct cell *cell, uint32_t deadline_ms)
{
    const struct azure_key_kind *kind = azure_key_kind_named(TEXT("azureml-online-endpoint"));
    struct text id = text_of(bench.id), none = {0};

    switch (which) {
    case LIST:
        return azure_list_keys(cell->client, kind, id, 0, on_keys, cell);
    case GET:
        return azure_get_endpoint(cell->client, id, on_endpoint, cell);
    case REGENERATE:
        return azure_regenerate_key(cell->client, kind, id, TEXT("secondary"), TEXT(REQUEST_ID),
                                    deadline_ms, on_end, cell);
    case POSTURE:
        return azure_read_posture(cell->client, kind, id, on_posture, cell);
    case WHO:
        return azure_who_regenerated(cell->client, id, 0, on_who, cell);
    case FIND:
        return azure_find_request(cell->client, id, TEXT(REQUEST_ID), 0, on_who, cell);
    case SCORE:
        return azure_score(cell->client, text_of(scoring_uri), cell->key, none, none, deadline_ms,
                           on_score, cell);
    case TOKEN:
        return azure_read_token(cell->client, on_token, cell);
    case OPERATIONS:
        break;
    }
    return NULL;
}

/* ---- a cell ---------------------------------------------------------------------------------- */

/* Of the regeneration: it alone waits for an operation that never ends. */
static uint32_t deadline_of(const struct row *row)
{
    return strstr(row->name, "hang") ? SHORT_MS : 0;
}

static uint32_t timeout_of(const struct row *row)
{
    return row->service.read == TIME ? SHORT_MS : 0;
}

static void open_cell(struct cell *cell, uint32_t timeout_ms)
{
    memset(cell, 0, sizeof(*cell));
    lab_client_open(&bench, timeout_ms);
    cell->client = bench.client;
}

static void close_cell(struct cell *cell)
{
    bench.client = cell->client;
    lab_client_close(&bench);
    assert_int_equal(cell->done_count, 1);
    secret_free(cell->key);
    cell->client = NULL;
    cell->key = NULL;
}

/* A short time may be too short for a slow machine: then once more, with what there is by now. */
static void warm_up(struct cell *cell)
{
    for (int tries = 0; !cell->key && tries < 30; tries++) {
        pending = 1;
        assert_non_null(start(LIST, cell, 0));
        lab_wait(&bench);
    }
    if (!cell->key)
        fail_msg("%s", cell->failure.text);
    cell->done_count = 0;
}

static void assert_hidden(const struct cell *cell)
{
    const char *text = cell->failure.text;
    struct text key = cell->key ? secret_reveal(cell->key) : (struct text){0};

    assert_true(text_find(text_of(text), secret_reveal(bench.secret)) == SIZE_MAX);
    assert_true(!key.size || text_find(text_of(text), key) == SIZE_MAX);
    assert_null(strstr(text, "eyJ")); /* the beginning of any token of Entra's */
}

static unsigned wrong;

/* On a slow machine a short time may be over before a change was sent. */
static void assert_cell(const struct row *row, const char *where, enum operations which,
                        enum failure_kind expected)
{
    const struct cell *cell = &cells[which];
    enum failure_kind kind = cell->failure.kind;

    cell_count++;
    assert_int_equal(cell->done_count, 1);
    assert_hidden(cell);
    if (kind == expected || (deadline_of(row) && expected == AMBI && kind == TIME))
        return;
    wrong++;
    print_message("# %s at %s: %s: not %s but %s: %s\n", row->name, where, names[which],
                  failure_kind_name(expected), failure_kind_name(kind), cell->failure.text);
}

/* ---- rows ------------------------------------------------------------------------------------ */

static void order_fault(const struct row *row, const char *target)
{
    char order[200];

    snprintf(order, sizeof(order), "{\"target\":\"%s\",%s}", target, row->order);
    lab_order(&bench, "POST", "/fault", order);
}

static void run_cells(const enum failure_kind expected[OPERATIONS], uint32_t deadline_ms)
{
    pending = 1; /* until all have begun */
    for (enum operations i = LIST; i < OPERATIONS; i++) {
        if (expected[i] == NA)
            continue;
        pending++;
        assert_non_null(start(i, &cells[i], deadline_ms));
    }
    pending--;
    lab_wait(&bench);
}

static void run_row(const struct row *row, const char *where, const enum failure_kind expected[])
{
    bool is_at_entra = strcmp(where, "entra") == 0;

    for (enum operations i = LIST; i < OPERATIONS; i++) {
        if (expected[i] == NA)
            continue;
        open_cell(&cells[i], timeout_of(row));
        if (!is_at_entra)
            warm_up(&cells[i]);
    }
    if (is_at_entra) {
        order_fault(row, "entra");
    } else {
        order_fault(row, "arm");
        if (expected[WHO] != NA)
            order_fault(row, "activity");
        if (expected[SCORE] != NA)
            order_fault(row, "scoring");
    }
    run_cells(expected, deadline_of(row));
    lab_order(&bench, "DELETE", "/fault", NULL);
    for (enum operations i = LIST; i < OPERATIONS; i++) {
        if (expected[i] == NA)
            continue;
        assert_cell(row, where, i, expected[i]);
        close_cell(&cells[i]);
    }
}

TEST(every_operation_ends_once_under_every_fault_of_its_service)
{
    wrong = 0;
    for (size_t i = first; i < ROWS; i += step) {
        const struct row *row = &rows[i];
        const enum failure_kind expected[OPERATIONS] = {
            [LIST] = row->service.read,
            [GET] = row->service.read,
            [REGENERATE] = row->service.regenerate,
            [POSTURE] = row->service.posture,
            [WHO] = row->service.log,
            [FIND] = row->service.log,
            [SCORE] = row->service.score,
            [TOKEN] = NA,
        };

        run_row(row, "its service", expected);
    }
    assert_int_equal(wrong, 0);
}

TEST(every_operation_ends_once_under_every_fault_of_entra)
{
    wrong = 0;
    for (size_t i = first; i < ROWS; i += step) {
        const struct row *row = &rows[i];
        enum failure_kind others = row->entra.others;
        const enum failure_kind expected[OPERATIONS] = {
            [LIST] = others, [GET] = others,  [REGENERATE] = others, [POSTURE] = others,
            [WHO] = others,  [FIND] = others, [SCORE] = NA,          [TOKEN] = row->entra.token,
        };

        if (others != NA)
            run_row(row, "entra", expected);
    }
    assert_int_equal(wrong, 0);
}

static int set_up(void **unused)
{
    (void)unused;
    lab_bench_open(&bench);
    open_cell(&cells[GET], 0);
    pending = 1;
    assert_non_null(start(GET, &cells[GET], 0));
    lab_wait(&bench);
    close_cell(&cells[GET]);
    return 0;
}

static int tear_down(void **unused)
{
    (void)unused;
    print_message("# %u cells\n", cell_count);
    lab_bench_close(&bench);
    return 0;
}

/* test_lab_faults [K N]: only each Nth row from the Kth on. Most of the time is pauses between
 * tries, so runs side by side end sooner. */
int main(int count, char **arguments)
{
    const struct CMUnitTest cases[] = {
        CASE(every_operation_ends_once_under_every_fault_of_its_service),
        CASE(every_operation_ends_once_under_every_fault_of_entra),
    };

    if (count == 3) {
        first = strtoul(arguments[1], NULL, 10);
        step = strtoul(arguments[2], NULL, 10);
    }
    return cmocka_run_group_tests_name(__FILE__, cases, set_up, tear_down);
}
