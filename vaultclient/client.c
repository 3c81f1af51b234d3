/* SPDX-License-Identifier: Apache-2.0 */
/* A client's life. Closing goes in steps, each entered when the one before is empty: cancel
 * everything, revoke the token that was ours, let go of the server, and free on the loop's last
 * word. */
#include "vaultclient/internal.h"

#include "base/memory.h"

#include <string.h>

static void client_free(struct vault_client *client)
{
    vault_mounts_free(client);
    vault_account_clear(&client->account);
    vault_servers_free(&client->servers);
    memory_free(client->index);
    memory_free(client->namespace_path);
    memory_free(client);
}

/* "ns1/" and "/ns1" are "ns1"; "root" and "" are none. */
static bool copy_namespace(struct vault_client *client, const char *given, struct failure *why)
{
    struct text path = text_of(given);

    while (text_starts_with(path, TEXT("/")))
        path = text_part(path, 1, SIZE_MAX);
    while (text_ends_with(path, TEXT("/")))
        path.size--;
    if (!path.size || text_is(path, "root"))
        return true;
    if (!vault_wire_check_key((struct vault_key){path, TEXT("x")}, why)) {
        failure_prefix(why, "namespace");
        return false;
    }
    client->namespace_path = text_copy(path);
    return client->namespace_path || failure_out_of_memory(why);
}

struct vault_client *vault_client_open(struct http *http, const struct vault_settings *settings,
                                       struct failure *why)
{
    struct vault_client *client = memory_zeroed(1, sizeof *client);

    if (!client) {
        failure_out_of_memory(why);
        return NULL;
    }
    client->http = http;
    client->timeout_ms = settings->timeout_ms ? settings->timeout_ms : 30000;
    TAILQ_INIT(&client->requests);
    LIST_INIT(&client->mounts);
    client->max_tries = settings->max_tries;
    client->stays_put = settings->stays_put;
    vault_pace_init(&client->pace, settings);
    if (!vault_mounts_init(client, settings, why) ||
        !copy_namespace(client, settings->namespace_path, why) ||
        !vault_account_init(&client->account, settings, why) ||
        !vault_servers_open(&client->servers, http, settings, why)) {
        client_free(client);
        return NULL;
    }
    client->address = client->servers.list[0].address;
    vault_laters_open(&client->laters, http_loop(http), client);
    return client;
}

const char *vault_client_version(void)
{
    return KEYDRIFT_VERSION;
}

const char *vault_client_address(const struct vault_client *client)
{
    return client->address;
}

/* ---- closing --------------------------------------------------------------------------------- */

static void on_timer_closed(uv_handle_t *timer)
{
    struct vault_client *client = timer->data;
    void (*closed)(void *context) = client->closed;
    void *context = client->closed_context;

    client_free(client);
    if (closed)
        closed(context);
}

static void on_farewell(const struct http_answer *answer, const struct failure *failure,
                        void *context)
{
    /* Revoked or not: the token is out of our hands, and ends with its lease at the latest. */
    (void)answer;
    (void)failure;
    (void)context;
}

static void say_farewell(struct vault_client *client)
{
    struct request_plan plan = {
        .method = "POST",
        .target = "/v1/auth/token/revoke-self",
        .token = client->token.value,
        .is_farewell = true,
        .retry = HTTP_RETRY_NEVER,
        .deadline = vault_now_ms() + client->grace_ms,
    };

    if (client->token.value && client->token.is_ours && client->grace_ms)
        (void)vault_request_send(client, &plan, on_farewell, client);
    vault_token_close(client);
}

static bool is_empty(const struct vault_client *client)
{
    return TAILQ_EMPTY(&client->requests) && client->calls == 0;
}

static void on_empty(struct later *later)
{
    struct vault_client *client =
        (struct vault_client *)((char *)later - offsetof(struct vault_client, closing));

    if (client->token.value)
        say_farewell(client);
    if (!is_empty(client))
        return;
    vault_servers_close(&client->servers);
    uv_close((uv_handle_t *)&client->laters.timer, on_timer_closed);
}

void vault_client_close_step(struct vault_client *client)
{
    if (client->is_closing && is_empty(client))
        vault_later_set(&client->laters, &client->closing, 0, on_empty);
}

void vault_client_close(struct vault_client *client, uint32_t grace_ms,
                        void (*closed)(void *context), void *context)
{
    client->is_closing = true;
    client->grace_ms = grace_ms;
    client->closed = closed;
    client->closed_context = context;
    vault_requests_cancel(client);
    vault_login_cancel(client);
    vault_client_close_step(client);
}
