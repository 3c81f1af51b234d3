/* SPDX-License-Identifier: Apache-2.0 */
/* Both libraries in one C++ program: their headers get along, and so do their insides. */
#include <azureclient.h>
#include <vaultclient.h>

#include <cstdio>

static int open_clients = 2;

/* The connections are closed after both clients, whichever ends last. */
static void on_closed(void *context)
{
    if (--open_clients)
        return;
    std::printf("both closed\n");
    http_close(static_cast<struct http *>(context), nullptr, nullptr);
}

int main()
{
    struct vault_settings vault = {};
    struct azure_settings azure = {};
    struct failure why = {};
    struct secret *token = secret_new(TEXT("s.not-a-token"));
    uv_loop_t loop;

    uv_loop_init(&loop);
    if (!net_global_init(&why))
        return 1;
    struct http *http = http_open(&loop);
    vault.address = "https://127.0.0.1:1";
    vault.auth.method = VAULT_AUTH_TOKEN;
    vault.auth.token.value = token;
    azure.credential.method = AZURE_CREDENTIAL_CLIENT_SECRET;
    azure.credential.tenant_id = "11111111-1111-1111-1111-111111111111";
    azure.credential.client_id = "22222222-2222-2222-2222-222222222222";
    azure.credential.client_secret = token;
    struct vault_client *vault_client = vault_client_open(http, &vault, &why);
    struct azure_client *azure_client = azure_client_open(http, &azure, &why);
    secret_free(token);
    if (!vault_client || !azure_client) {
        std::printf("%s\n", why.text);
        return 1;
    }
    azure_client_close(azure_client, on_closed, http);
    vault_client_close(vault_client, 0, on_closed, http);
    uv_run(&loop, UV_RUN_DEFAULT);
    net_global_cleanup();
    return uv_loop_close(&loop) ? 1 : 0;
}
