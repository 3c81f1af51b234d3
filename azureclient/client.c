/* SPDX-License-Identifier: Apache-2.0 */
/* Opening a client, and closing it once nothing is left in flight. */
#include "azureclient/client.h"
#include "azureclient/wire.h"
#include "base/memory.h"

#include <string.h>
#include <sys/time.h>

static const char default_manager[] = "https://management.azure.com";

/* ---- opening --------------------------------------------------------------------------------- */

/* Poll addresses and next pages are compared with it, so it must be an origin and nothing more. */
static bool copy_origin(struct azure_client *client, const char *url, struct failure *why)
{
    struct text origin, target;

    if (!wire_split_url(text_of(url ? url : default_manager), &origin, &target) ||
        (target.size && !text_is(target, "/")))
        return failure_set(why, FAILURE_INVALID,
                           "\"%s\" cannot be the Resource Manager: https://host[:port] is expected",
                           url);
    client->arm_origin = text_copy(origin);
    return client->arm_origin || failure_out_of_memory(why);
}

static bool open_issuer(struct azure_client *client, enum token_issuer issuer, struct failure *why)
{
    const struct credential *credential = &client->credential;
    const struct upstream_settings settings[] = {
        [ISSUER_ENTRA] = {.origin = credential->authority,
                          .name = credential->authority,
                          .ca_file = client->ca_file,
                          .max_in_flight = client->max_in_flight},
        [ISSUER_IDENTITY] = {.origin = credential->identity_origin,
                             .name = credential->identity_origin,
                             .max_in_flight = client->max_in_flight,
                             .pinned_certificate = credential->identity_thumbprint,
                             .proxy = "",
                             .allow_plain = true},
    };

    if (issuer == ISSUER_CLI || client->issuers[issuer])
        return true;
    client->issuers[issuer] = upstream_open(client->http, &settings[issuer], why);
    return client->issuers[issuer];
}

static bool open_upstreams(struct azure_client *client, struct failure *why)
{
    const struct credential *credential = &client->credential;
    struct upstream_settings arm = {
        .origin = client->arm_origin,
        .ca_file = client->ca_file,
        .max_in_flight = client->max_in_flight,
    };

    client->arm = upstream_open(client->http, &arm, why);
    if (!client->arm) {
        failure_prefix(why, "%s", arm.origin);
        return false;
    }
    for (unsigned method = credential->first; method < credential->end; method++)
        if (!credential_lacks(credential, method) &&
            !open_issuer(client, credential_issuer(method), why))
            return false;
    return true;
}

static void client_free(struct azure_client *client)
{
    scorers_close(client);
    for (size_t i = 0; i < ISSUER_UPSTREAMS; i++)
        upstream_close(client->issuers[i]);
    upstream_close(client->arm);
    tokens_clear(&client->tokens);
    credential_clear(&client->credential);
    memory_free(client->arm_origin);
    memory_free(client->ca_file);
    memory_free(client);
}

const char *azure_client_version(void)
{
    return KEYDRIFT_VERSION;
}

struct azure_client *azure_client_open(struct http *http, const struct azure_settings *settings,
                                       struct failure *why)
{
    struct azure_client *client = memory_zeroed(1, sizeof(*client));

    if (!client) {
        failure_out_of_memory(why);
        return NULL;
    }
    TAILQ_INIT(&client->tasks);
    TAILQ_INIT(&client->scorers);
    client->http = http;
    client->loop = http_loop(http);
    client->timeout_ms = settings->timeout_ms ? settings->timeout_ms : DEFAULT_TIMEOUT_MS;
    client->max_in_flight = settings->max_in_flight;
    if (settings->ca_file && !(client->ca_file = memory_string(settings->ca_file))) {
        failure_out_of_memory(why);
        goto fail;
    }
    if (!copy_origin(client, settings->resource_manager, why) ||
        !credential_init(&client->credential, settings, why) || !open_upstreams(client, why))
        goto fail;
    client->settle.data = client;
    uv_timer_init(client->loop, &client->settle);
    tokens_init(&client->tokens, client);
    return client;
fail:
    client_free(client);
    return NULL;
}

/* ---- closing --------------------------------------------------------------------------------- */

static void on_settle_closed(uv_handle_t *handle)
{
    struct azure_client *client = handle->data;
    void (*closed)(void *context) = client->closed;
    void *context = client->closed_context;

    client_free(client);
    if (closed)
        closed(context);
}

static void on_token_timer_closed(uv_handle_t *handle)
{
    struct tokens *tokens = handle->data;

    uv_close((uv_handle_t *)&tokens->client->settle, on_settle_closed);
}

static void on_settle(uv_timer_t *timer)
{
    struct azure_client *client = timer->data;

    if (client->is_settled || client->task_count || !tokens_is_idle(&client->tokens))
        return;
    client->is_settled = true;
    uv_close((uv_handle_t *)&client->tokens.timer, on_token_timer_closed);
}

void client_settle(struct azure_client *client)
{
    if (client->is_closing && !client->is_settled)
        uv_timer_start(&client->settle, on_settle, 1, 0);
}

void azure_client_close(struct azure_client *client, void (*closed)(void *context), void *context)
{
    struct azure_task *task;

    client->is_closing = true;
    client->closed = closed;
    client->closed_context = context;
    TAILQ_FOREACH (task, &client->tasks, link) {
        operation_cancel(&task->operation);
    }
    tokens_stop(&client->tokens);
    client_settle(client);
}

/* ---- clock ----------------------------------------------------------------------------------- */

int64_t client_wall_clock(void)
{
    struct timeval time;

    gettimeofday(&time, NULL);
    return (int64_t)time.tv_sec * 1000 + time.tv_usec / 1000;
}

/* ---- clouds ---------------------------------------------------------------------------------- */

bool azure_cloud_named(struct text name, struct azure_settings *settings)
{
    static const struct {
        const char *name, *resource_manager, *authority;
    } clouds[] = {
        {"public", default_manager, "https://login.microsoftonline.com"},
        {"usgovernment", "https://management.usgovcloudapi.net",
         "https://login.microsoftonline.us"},
        {"china", "https://management.chinacloudapi.cn", "https://login.chinacloudapi.cn"},
    };

    for (size_t i = 0; i < sizeof(clouds) / sizeof(clouds[0]); i++) {
        if (!text_is(name, clouds[i].name))
            continue;
        settings->resource_manager = clouds[i].resource_manager;
        settings->authority = clouds[i].authority;
        return true;
    }
    return false;
}
