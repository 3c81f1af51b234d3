/* SPDX-License-Identifier: Apache-2.0 */
/* A whole client against a server that answers what the input says, whatever it is asked. The first
 * line chooses what is done, how it logs in, and flags; each answer begins with "> STATUS
 * [header]", its body follows, and the last answer is given again and again. `done` runs once, no
 * failure shows a secret, and what may have been done is not done again. */
#include "base/memory.h"
#include "net/http.h"
#include "net/server.h"
#include "tests/fuzz/fuzz.h"
#include "vaultclient/splice.h"
#include "vaultclient/wire.h"

#include <signal.h>
#include <stdio.h>

enum { ANSWERS = 16, MAX_CALLS = 200, TIMEOUT_MS = 8, PATIENCE_MS = 60 };

struct answer {
    int status; /* 0: a reset; what no server_reply() takes: the body as it is */
    struct text header, body;
};

static uv_loop_t loop;
static uv_timer_t patience;
static struct http *http;
static struct server *server;
static char here[64], below[64];
static struct secret *sent;

/* Of one input. */
static struct answer answers[ANSWERS];
static size_t answer_count, calls;
static unsigned writes;
static bool write_is_open, login_was_refused, unwrap_was_used, is_over, is_closed, was_redirected;
static unsigned times;

/* ---- the server ------------------------------------------------------------------------------ */

static void read_answers(struct text script)
{
    struct text line, rest = script;
    struct answer *answer = NULL;
    uint64_t status;

    answer_count = 0;
    while (text_split(&rest, '\n', &line)) {
        struct text head = line, number;

        if (text_starts_with(line, TEXT("> ")) && answer_count < ANSWERS) {
            head = text_part(line, 2, SIZE_MAX);
            text_split(&head, ' ', &number);
            answer = &answers[answer_count++];
            answer->status = text_parse_u64(number, 9999, &status) ? (int)status : 0;
            answer->header = head;
            answer->body = (struct text){line.start + line.size, 0};
        } else if (answer) {
            answer->body.size = (size_t)(line.start + line.size - answer->body.start);
        }
    }
}

static void reply(struct server_call *call, const struct answer *answer)
{
    struct buffer value = {.limit = 1 << 16};
    struct server_header header;
    struct text rest = answer->header;
    bool has_header = text_split(&rest, ':', &header.name) && rest.start && header.name.size;

    rest = text_trim(rest);
    if (text_starts_with(rest, TEXT("HERE"))) {
        buffer_append_string(&value, here);
        rest = text_part(rest, 4, SIZE_MAX);
    }
    buffer_append(&value, rest);
    header.value = buffer_text(&value);
    if (answer->status == 0)
        server_reset(call);
    else if (answer->status < 200 || answer->status > 599)
        server_reply_raw(call, answer->body);
    else
        server_reply(call, answer->status, &header, has_header, answer->body);
    buffer_clear(&value);
}

/* Nothing was done, and the server says so. */
static bool says_not_done(const struct answer *answer)
{
    int status = answer->status;

    return status / 100 == 3 || status == 429 || vault_wire_is_behind(status, answer->body) ||
           vault_wire_is_upgrading(status, answer->body) ||
           (status == 503 && text_starts_with_ignoring_case(answer->header, TEXT("Retry-After")));
}

static bool leaves_open(const struct answer *answer)
{
    return answer->status < 200 || answer->status > 599 ||
           (vault_wire_is_ambiguous(answer->status, answer->body) && !says_not_done(answer));
}

static void check_request(const struct server_request *request)
{
    /* Where a server of the cluster sends us is its own affair. */
    assert(was_redirected || (text_find(request->path, TEXT("//")) == SIZE_MAX &&
                              text_find(request->path, TEXT("/../")) == SIZE_MAX));
    assert(was_redirected || (text_find(request->path, TEXT(FUZZ_SECRET)) == SIZE_MAX &&
                              text_find(request->query, TEXT(FUZZ_SECRET)) == SIZE_MAX));
    assert(!request->body.size || vault_splice_check(request->body, NULL));
}

static void on_call(struct server_call *call, const struct server_request *request, void *context)
{
    static const struct answer nothing = {.status = 404, .body = {"{\"errors\":[]}", 13}};
    const struct answer *answer =
        answer_count ? &answers[calls < answer_count ? calls : answer_count - 1] : &nothing;

    (void)context;
    assert(calls++ < MAX_CALLS);
    check_request(request);
    was_redirected = was_redirected || answer->status / 100 == 3;
    if (text_ends_with(request->path, TEXT("/v1/kv/data/a")) && !text_is(request->method, "GET")) {
        assert(!write_is_open);
        write_is_open = leaves_open(answer);
        writes++;
    }
    if (text_ends_with(request->path, TEXT("/login")) ||
        text_ends_with(request->path, TEXT("/login/ana"))) {
        assert(!login_was_refused);
        login_was_refused = vault_wire_login_was_refused(answer->status, answer->body) &&
                            !says_not_done(answer) && !vault_wire_is_web_page(answer->body);
    }
    if (text_ends_with(request->path, TEXT("/v1/sys/wrapping/unwrap"))) {
        assert(!unwrap_was_used);
        unwrap_was_used = !says_not_done(answer);
    }
    reply(call, answer);
}

/* ---- the client ------------------------------------------------------------------------------ */

static void take(const struct failure *failure)
{
    assert(times++ == 0);
    if (failure)
        fuzz_check_hidden(failure);
}

static void on_version(const struct vault_version *version, const struct failure *failure,
                       void *context)
{
    (void)context;
    assert(!version != !failure);
    take(failure);
}

static void on_write(const struct vault_version *version, const struct failure *failure,
                     void *context)
{
    assert(failure || (writes && version->version == 2));
    on_version(version, failure, context);
}

static void on_field(const struct vault_field *field, const struct failure *failure, void *context)
{
    (void)context;
    assert(!field != !failure);
    take(failure);
}

static void on_list(const struct vault_names *names, const struct failure *failure, void *context)
{
    (void)context;
    assert(!names != !failure);
    take(failure);
}

static void on_notes(const struct vault_notes *notes, const struct failure *failure, void *context)
{
    (void)context;
    assert(!notes != !failure);
    take(failure);
}

static void on_wrapping(const struct vault_wrapping *wrapping, const struct failure *failure,
                        void *context)
{
    (void)context;
    assert(!wrapping != !failure);
    take(failure);
}

static void on_unwrapped(const struct secret *data, const struct vault_wrapping *wrapping,
                         const struct failure *failure, void *context)
{
    (void)context;
    assert(!data == !wrapping && !data != !failure && (failure || unwrap_was_used));
    take(failure);
}

static void on_signature(const struct vault_signature *signature, const struct failure *failure,
                         void *context)
{
    (void)context;
    assert(!signature != !failure);
    take(failure);
}

static void on_capabilities(const unsigned *capabilities, size_t count,
                            const struct failure *failure, void *context)
{
    (void)context;
    assert(!capabilities != !failure && count == !failure);
    take(failure);
}

static void on_hash(struct text hash, const struct failure *failure, void *context)
{
    (void)context;
    assert((hash.size > 0) == !failure);
    take(failure);
}

static struct operation *start(struct vault_client *client, char what, unsigned lane)
{
    struct vault_key key = {TEXT("kv"), TEXT("a")}, transit = {TEXT("transit"), TEXT("a")};
    struct vault_note note = {TEXT("who"), TEXT("ana")};

    switch (what) {
    case 'w':
    case 'p':
        return vault_write_field(
            client,
            &(struct vault_write){.key = key,
                                  .field = TEXT("k"),
                                  .value = sent,
                                  .expected = 1,
                                  .way = what == 'p' ? VAULT_WRITE_EITHER : VAULT_WRITE_MODIFY},
            lane, on_write, NULL);
    case 'l':
        return vault_list(client, &(struct vault_listing){.folder = key, .limit = 2}, lane, on_list,
                          NULL);
    case 'd':
        return vault_remove(client,
                            &(struct vault_removal){VAULT_DELETE_VERSION, .key = key, .version = 1},
                            lane, on_version, NULL);
    case 'n':
        return vault_write_notes(client, key, &note, 1, lane, on_notes, NULL);
    case 'u':
        return vault_unwrap(
            client,
            &(struct vault_unwrapping){.token = sent, .creation_path = TEXT("transit/sign/a")},
            lane, on_unwrapped, NULL);
    case 'x':
        return vault_wrap(client, TEXT("k"), sent, 60, lane, on_wrapping, NULL);
    case 's':
        return vault_sign(client, &(struct vault_signing){.key = transit, .input = TEXT("plan")},
                          lane, on_signature, NULL);
    case 'c':
        return vault_read_capabilities(client, &TEXT("kv/data/a"), 1, lane, on_capabilities, NULL);
    case 'h':
        return vault_audit_hash(client, TEXT("main"), sent, lane, on_hash, NULL);
    case 'r':
        return vault_read_field(client, key, TEXT("k"), 0, lane, on_field, NULL);
    default:
        return vault_read_metadata(client, key, lane, on_version, NULL);
    }
}

static struct vault_auth auth_of(char how)
{
    struct vault_auth auth = {.role = "agent",
                              .username = "ana",
                              .token.value = sent,
                              .role_id.value = sent,
                              .secret_id.value = sent,
                              .jwt.value = sent,
                              .password.value = sent,
                              .secret_id_is_wrapped = how == 'w'};

    switch (how) {
    case 'a':
    case 'w':
        auth.method = VAULT_AUTH_APPROLE;
        break;
    case 'k':
        auth.method = VAULT_AUTH_KUBERNETES;
        break;
    case 'j':
        auth.method = VAULT_AUTH_JWT;
        break;
    case 'u':
        auth.method = VAULT_AUTH_USERPASS;
        break;
    case 'z':
        auth.method = VAULT_AUTH_AZURE;
        break;
    default:
        auth.method = VAULT_AUTH_TOKEN;
    }
    return auth;
}

/* ---- one input ------------------------------------------------------------------------------- */

static void set_up(void)
{
    struct server_settings settings = {.listen = "127.0.0.1:0", .on_call = on_call};

    signal(SIGPIPE, SIG_IGN);
    assert(uv_loop_init(&loop) == 0 && uv_timer_init(&loop, &patience) == 0);
    server = server_open(&loop, &settings, NULL);
    http = http_open(&loop);
    sent = secret_new(TEXT(FUZZ_SECRET));
    assert(server && http && sent);
    snprintf(here, sizeof(here), "http://127.0.0.1:%u", server_port(server));
    snprintf(below, sizeof(below), "http://127.0.0.1:%u/below", server_port(server));
}

static void on_patience_ends(uv_timer_t *timer)
{
    (void)timer;
    is_over = true;
}

static void on_closed(void *context)
{
    (void)context;
    is_closed = true;
}

static void run(const char *orders)
{
    const char *const more[] = {below};
    struct vault_settings settings = {
        .address = here,
        .more_addresses = more,
        .more_address_count = strchr(orders, '2') != NULL,
        .namespace_path = strchr(orders, '/') ? "ns1" : NULL,
        .timeout_ms = TIMEOUT_MS,
        .max_tries = 2,
        .proxy = "",
        .auth = auth_of(*orders ? orders[1] : '\0'),
    };
    struct failure why;
    struct vault_client *client = vault_client_open(http, &settings, &why);

    assert(client);
    is_over = is_closed = was_redirected = write_is_open = login_was_refused = unwrap_was_used =
        false;
    times = writes = 0;
    calls = 0;
    /* Again and again, so that no turn of the loop waits for what has already come. */
    uv_timer_start(&patience, on_patience_ends, PATIENCE_MS, PATIENCE_MS);
    assert(start(client, *orders, strchr(orders, '!') ? VAULT_DECISIVE : 0) && times == 0);
    while (!times && !is_over)
        uv_run(&loop, UV_RUN_ONCE);
    vault_client_close(client, 5, on_closed, NULL);
    while (!is_closed)
        uv_run(&loop, UV_RUN_ONCE);
    uv_timer_stop(&patience);
    assert(times == 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text rest = {(const char *)data, size}, line = fuzz_line(&rest);
    char *orders = text_copy(line);

    if (!server)
        set_up();
    assert(orders);
    read_answers(rest);
    run(orders);
    memory_free(orders);
    return 0;
}
