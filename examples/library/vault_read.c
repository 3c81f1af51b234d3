/* SPDX-License-Identifier: Apache-2.0 */
/* Reads one field of a secret and prints it: vault-read MOUNT PATH FIELD
 *
 * Address, trust and token come from the variables that the official clients read (VAULT_ADDR,
 * VAULT_TOKEN, VAULT_CACERT ... or their BAO_ twins). Compiles as C and as C++. */
#include <vaultclient.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static struct vault_client *client;
static struct http *http;
static int status = 1;

static void on_client_closed(void *context)
{
    (void)context;
    http_close(http, NULL, NULL);
}

static void on_field(const struct vault_field *field, const struct failure *failure, void *context)
{
    const char *name = (const char *)context;
    struct text value;

    if (failure) {
        fprintf(stderr, "vault-read: %s\n", failure->text);
    } else if (field->state != VAULT_FIELD_PRESENT) {
        fprintf(stderr, "vault-read: there is no text in the field \"%s\"\n", name);
    } else {
        value = secret_reveal(field->value);
        fwrite(value.start, 1, value.size, stdout);
        status = 0;
    }
    vault_client_close(client, 1000, on_client_closed, NULL);
}

int main(int argc, char **argv)
{
    static struct vault_settings settings; /* all defaults */
    static struct failure why;
    struct vault_environment *environment;
    struct vault_key key;
    uv_loop_t loop;

    if (argc != 4) {
        fprintf(stderr, "usage: vault-read MOUNT PATH FIELD\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    key.mount = text_of(argv[1]);
    key.path = text_of(argv[2]);
    if (uv_loop_init(&loop) || !net_global_init(&why) ||
        !vault_settings_from_environment(&settings, getenv, &environment, &why)) {
        fprintf(stderr, "vault-read: %s\n", why.text);
        return 2;
    }
    http = http_open(&loop);
    if (http)
        http_use_environment_proxies(http);
    client = http ? vault_client_open(http, &settings, &why) : NULL;
    vault_environment_free(environment);
    if (!client) {
        fprintf(stderr, "vault-read: %s\n", http ? why.text : "out of memory");
        return 2;
    }
    if (!vault_read_field(client, key, text_of(argv[3]), 0, 0, on_field, argv[3]))
        vault_client_close(client, 1000, on_client_closed, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    net_global_cleanup();
    return status;
}
