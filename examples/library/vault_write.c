/* SPDX-License-Identifier: Apache-2.0 */
/* Replaces one field of a secret, and nothing else, unless somebody else was quicker:
 *
 *     printf %s "$value" | vault-write MOUNT PATH FIELD
 *
 * The value comes from standard input, so that no process list shows it. The write carries the
 * version that was current when we looked (check-and-set), so two writers cannot undo each other's
 * work. Compiles as C and as C++. */
#include <vaultclient.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct vault_client *client;
static struct http *http;
static struct vault_write change;
static int status = 1;

static void on_client_closed(void *context)
{
    (void)context;
    http_close(http, NULL, NULL);
}

static void finish(const struct failure *failure)
{
    if (failure)
        fprintf(stderr, "vault-write: %s\n", failure->text);
    vault_client_close(client, 1000, on_client_closed, NULL);
}

static void on_written(const struct vault_version *version, const struct failure *failure,
                       void *context)
{
    (void)context;
    if (!failure) {
        printf("version %u\n", (unsigned)version->version);
        status = 0;
    }
    finish(failure);
}

/* A key that does not exist yet is written as its first version. */
static void on_metadata(const struct vault_version *version, const struct failure *failure,
                        void *context)
{
    (void)context;
    if (failure && failure->kind != FAILURE_NOT_FOUND) {
        finish(failure);
        return;
    }
    if (!failure) {
        change.expected = version->version;
        change.expected_created_at = version->created_at;
        change.expected_created_ns = version->created_ns;
    }
    if (!vault_write_field(client, &change, 0, on_written, NULL))
        finish(NULL);
}

static struct secret *read_value(void)
{
    static char bytes[65536];
    struct text value;
    struct secret *secret;

    value.start = bytes;
    value.size = fread(bytes, 1, sizeof bytes, stdin);
    secret = feof(stdin) ? secret_new(value) : NULL;
    explicit_bzero(bytes, sizeof bytes);
    return secret;
}

int main(int argc, char **argv)
{
    static struct vault_settings settings; /* all defaults */
    static struct failure why;
    struct vault_environment *environment;
    struct secret *value;
    uv_loop_t loop;

    if (argc != 4) {
        fprintf(stderr, "usage: vault-write MOUNT PATH FIELD <VALUE\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    if (uv_loop_init(&loop) || !net_global_init(&why) ||
        !vault_settings_from_environment(&settings, getenv, &environment, &why)) {
        fprintf(stderr, "vault-write: %s\n", why.text);
        return 2;
    }
    value = read_value();
    http = http_open(&loop);
    if (http)
        http_use_environment_proxies(http);
    client = http && value ? vault_client_open(http, &settings, &why) : NULL;
    vault_environment_free(environment);
    if (!client) {
        fprintf(stderr, "vault-write: %s\n", why.kind ? why.text : "no memory, or over 64 KiB");
        return 2;
    }
    change.key.mount = text_of(argv[1]);
    change.key.path = text_of(argv[2]);
    change.field = text_of(argv[3]);
    change.value = value;
    if (!vault_read_metadata(client, change.key, 0, on_metadata, NULL))
        finish(NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    secret_free(value);
    net_global_cleanup();
    return status;
}
