/* SPDX-License-Identifier: Apache-2.0 */
/* Says which keys a resource has, and how long they are: azure-keys KIND RESOURCE_ID
 *
 * Who we are comes from the AZURE_ variables, as with Microsoft's SDKs (azureclient.h lists them);
 * AZURE_CA_FILE and AZURE_RESOURCE_MANAGER point it at a laboratory. Compiles as C and as C++. */
#include <azureclient.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static struct azure_client *client;
static struct http *http;
static int status = 1;

static void on_client_closed(void *context)
{
    (void)context;
    http_close(http, NULL, NULL);
}

static void on_keys(const struct azure_keys *keys, const struct failure *failure, void *context)
{
    (void)context;
    if (failure) {
        fprintf(stderr, "azure-keys: %s\n", failure->text);
    } else {
        for (size_t i = 0; i < keys->count; i++)
            printf("%s: %zu bytes\n", keys->slots[i], secret_reveal(keys->keys[i]).size);
        status = 0;
    }
    azure_client_close(client, on_client_closed, NULL);
}

static const struct azure_key_kind *kind_named(const char *name)
{
    const struct azure_key_kind *kind = azure_key_kind_named(text_of(name));

    if (!kind) {
        fprintf(stderr, "azure-keys: \"%s\" is no kind of key source; there are:\n", name);
        for (size_t i = 0; azure_key_kind_at(i); i++)
            fprintf(stderr, "  %s\n", azure_key_kind_at(i));
    }
    return kind;
}

int main(int argc, char **argv)
{
    static struct azure_settings settings; /* all defaults */
    static struct failure why;
    struct azure_environment *environment;
    const struct azure_key_kind *kind;
    uv_loop_t loop;

    if (argc != 3) {
        fprintf(stderr, "usage: azure-keys KIND RESOURCE_ID\n");
        return 2;
    }
    kind = kind_named(argv[1]);
    if (!kind)
        return 2;
    signal(SIGPIPE, SIG_IGN);
    settings.credential.method = AZURE_CREDENTIAL_DEFAULT;
    settings.resource_manager = getenv("AZURE_RESOURCE_MANAGER");
    settings.ca_file = getenv("AZURE_CA_FILE");
    if (uv_loop_init(&loop) || !net_global_init(&why) ||
        !azure_settings_from_environment(&settings, getenv, &environment, &why)) {
        fprintf(stderr, "azure-keys: %s\n", why.text);
        return 2;
    }
    http = http_open(&loop);
    if (http)
        http_use_environment_proxies(http);
    client = http ? azure_client_open(http, &settings, &why) : NULL;
    azure_environment_free(environment);
    if (!client) {
        fprintf(stderr, "azure-keys: %s\n", http ? why.text : "out of memory");
        return 2;
    }
    if (!azure_list_keys(client, kind, text_of(argv[2]), 0, on_keys, NULL))
        azure_client_close(client, on_client_closed, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    net_global_cleanup();
    return status;
}
