/* SPDX-License-Identifier: Apache-2.0 */
/* Three lines (where a server redirects to, what was asked of it, whom it names as its leader) and
 * the headers of its answer: nobody but a server of the cluster is followed to, plain HTTP is for
 * loopback, and what is sent back of a header is fit for a header. */
#include "net/client.h"
#include "tests/fuzz/fuzz.h"
#include "vaultclient/internal.h"

#include <stdlib.h>

#define TLS      "https://vault.test:8200"
#define BELOW    "https://vault.test:8200/base"
#define LOOPBACK "http://127.0.0.1:8200"

static uv_loop_t loop;
static struct http *http;

static void set_up(void)
{
    assert(uv_loop_init(&loop) == 0);
    http = http_open(&loop);
    assert(http);
}

static void check_redirect(const struct servers *servers, unsigned from, const char *target,
                           struct text location)
{
    struct redirection to;

    vault_servers_redirect(servers, from, target, location, &to);
    assert(!to.target == (to.to != REDIRECT_TO && to.to != REDIRECT_TO_ITSELF));
    assert(!to.origin == (to.to != REDIRECT_ELSEWHERE && to.to != REDIRECT_SCHEME));
    if (to.target) {
        assert(to.server < servers->count && to.target[0] == '/');
        assert(text_is_printable(text_of(to.target)) && !strchr(to.target, ' '));
        assert(origin_is_tls(&servers->list[to.server].origin) ||
               origin_is_loopback(&servers->list[to.server].origin));
    }
    assert(to.to != REDIRECT_TO_ITSELF || to.server == from);
    if (to.origin) {
        assert(text_is_printable(text_of(to.origin)) && !strchr(to.origin, '@'));
        for (unsigned i = 0; i < servers->count; i++)
            assert(to.to == REDIRECT_SCHEME || !vault_servers_is_at(servers, i, to.origin));
    }
    free(to.target);
    free(to.origin);
}

static void check_announced(struct servers *servers, unsigned from, struct text address)
{
    unsigned count = servers->count, which = vault_servers_announced(servers, from, address);
    const struct server *server = &servers->list[which];

    if (which == SERVER_LIMIT || which < count) {
        assert(servers->count == count);
        return;
    }
    assert(which == count && servers->count == count + 1);
    assert(server->is_announced && server->upstream &&
           text_equal(text_of(server->address), address));
    assert(origin_is_tls(&server->origin) == origin_is_tls(&servers->list[from].origin));
    assert(origin_is_tls(&server->origin) || origin_is_loopback(&server->origin));
    assert(vault_servers_announced(servers, from, address) == which);
}

static void try_servers(const char *target, struct text location, struct text leader)
{
    static const char *const more[] = {BELOW, LOOPBACK};
    struct vault_settings settings = {
        .address = TLS, .more_addresses = more, .more_address_count = 2, .proxy = ""};
    struct servers servers = {0};
    struct failure why;

    assert(vault_servers_open(&servers, http, &settings, &why));
    for (unsigned from = 0; from < 3; from++)
        check_redirect(&servers, from, target, location);
    for (unsigned from = 0; from < 3; from++)
        check_announced(&servers, from, leader);
    vault_servers_free(&servers);
}

static void try_headers(struct text headers)
{
    struct http_headers lines = {.lines.limit = headers.size + 1};
    struct http_answer answer = {.status = 200, .headers = &lines};
    struct vault_client client = {.clock_ahead_ms = 0};
    struct failure why = {.kind = FAILURE_DENIED, .text = "403 permission denied"};
    struct http_header sent[2];
    size_t count;

    assert(buffer_append(&lines.lines, headers));
    vault_index_take(&client, &answer);
    count = vault_index_headers(&client, client.index != NULL, sent);
    assert(count == (client.index ? 2 : 1));
    assert(sent[0].value.size && sent[0].value.size <= 1024);
    assert(vault_wire_check_token(sent[0].value, "index", NULL));
    vault_clock_take(&client, &answer);
    vault_clock_hint(&client, &why);
    fuzz_check_failure(&why);
    buffer_clear(&lines.lines);
    free(client.index);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text rest = {(const char *)data, size};
    struct text location = fuzz_line(&rest), target = fuzz_line(&rest), leader = fuzz_line(&rest);
    char *asked = text_copy(target);

    if (!http)
        set_up();
    assert(asked);
    leader.size = strnlen(leader.start, leader.size); /* as it comes out of JSON */
    try_servers(asked[0] == '/' && text_is_printable(target) ? asked : "/v1/kv/data/a", location,
                leader);
    try_headers(rest);
    free(asked);
    return 0;
}
