/* SPDX-License-Identifier: Apache-2.0 */
/* Both libraries in one C++ program: their headers get along, and so do their insides. What one
 * takes from the program's allocator the other may give back. */
#include <azureclient.h>
#include <vaultclient.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>

static const std::size_t MARK = 16;
static std::atomic<long> held;

static void *allocate(std::size_t size)
{
    char *memory = static_cast<char *>(std::malloc(size + MARK));

    if (!memory)
        return nullptr;
    held++;
    std::memset(memory, 'm', MARK);
    return memory + MARK;
}

/* What is not ours has no mark in front. */
static void release(void *memory)
{
    char *start = static_cast<char *>(memory) - MARK;

    if (start[0] != 'm' || start[MARK - 1] != 'm')
        std::abort();
    held--;
    start[0] = start[MARK - 1] = '-';
    std::free(start);
}

static void *reallocate(void *memory, std::size_t size)
{
    if (!memory)
        return allocate(size);
    return static_cast<char *>(std::realloc(static_cast<char *>(memory) - MARK, size + MARK)) + MARK;
}

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
    struct memory_functions functions = {allocate, reallocate, release};
    struct failure why = {};
    uv_loop_t loop;

    memory_use(&functions);
    uv_loop_init(&loop);
    if (!net_global_init(&why))
        return 1;
    struct secret *token = secret_new(TEXT("s.not-a-token"));
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
    std::printf("%s\n", held > 40 ? "in the program's memory" : "in memory of their own");
    uv_run(&loop, UV_RUN_DEFAULT);
    net_global_cleanup();
    std::printf("%ld blocks held\n", held.load());
    return uv_loop_close(&loop) ? 1 : 0;
}
