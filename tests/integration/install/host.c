/* SPDX-License-Identifier: Apache-2.0 */
/* A program with a life of its own that loads the library as a plug-in, twice, and then goes on: it
 * uses libcurl and jansson itself, handles SIGPIPE, and has functions that are called as some
 * inside the library are.
 *
 *     host LIBRARY     (the server: OPENBAO_ADDR, OPENBAO_CACERT, OPENBAO_ROOT_TOKEN)
 */
#include <vaultclient.h>

#include <curl/curl.h>
#include <dlfcn.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static unsigned mistaken; /* calls of ours that were meant for the library's */

void wipe(void *memory, size_t size);
void hex_encode(const unsigned char *bytes, size_t size, char *out);
void failure_prefix(void);
size_t wiping_refusals(void);

void wipe(void *memory, size_t size)
{
    (void)memory, (void)size;
    mistaken++;
}

void hex_encode(const unsigned char *bytes, size_t size, char *out)
{
    (void)bytes, (void)size, (void)out;
    mistaken++;
}

void failure_prefix(void)
{
    mistaken++;
}

size_t wiping_refusals(void)
{
    return ++mistaken;
}

static void on_pipe(int number)
{
    (void)number;
}

/* What the library shows, as far as it is needed. */
#define NEEDED(function)                                                                           \
    function(net_global_init) function(net_global_cleanup) function(http_open)                     \
        function(http_close) function(vault_client_open) function(vault_client_close)              \
            function(vault_client_version) function(vault_read_field) function(secret_new)         \
                function(secret_free) function(text_of)
#define MEMBER(name) __typeof__(name) *name;
#define FIND(name)   *(void **)&it.name = dlsym(library, #name);

static struct {
    NEEDED(MEMBER)
    struct http *http;
    struct vault_client *client;
    enum failure_kind kind;
} it;

static void on_client_closed(void *context)
{
    (void)context;
    it.http_close(it.http, NULL, NULL);
}

static void on_field(const struct vault_field *field, const struct failure *failure, void *context)
{
    (void)field;
    (void)context;
    it.kind = failure ? failure->kind : FAILURE_NONE;
    it.vault_client_close(it.client, 0, on_client_closed, NULL);
}

static int read_once(const char *path, uv_loop_t *loop)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    struct vault_settings settings = {0};
    struct vault_key key;
    struct secret *token;
    json_t *made_meanwhile;

    if (!library)
        return 1;
    NEEDED(FIND)
    if (!it.net_global_init(NULL))
        return 1;
    made_meanwhile = json_pack("{s:s}", "made", "meanwhile");
    token = it.secret_new(it.text_of(getenv("OPENBAO_ROOT_TOKEN")));
    settings.address = getenv("OPENBAO_ADDR");
    settings.ca_file = getenv("OPENBAO_CACERT");
    settings.auth.token.value = token;
    it.http = it.http_open(loop);
    it.client = it.vault_client_open(it.http, &settings, NULL);
    it.secret_free(token);
    key.mount = it.text_of("kv");
    key.path = it.text_of("no/such");
    it.vault_read_field(it.client, key, it.text_of("k"), 0, 0, on_field, NULL);
    uv_run(loop, UV_RUN_DEFAULT);
    it.net_global_cleanup();
    dlclose(library);
    json_decref(made_meanwhile);
    return it.kind == FAILURE_NOT_FOUND ? 0 : 1;
}

static CURLcode ask(CURL *easy)
{
    curl_easy_setopt(easy, CURLOPT_URL, getenv("OPENBAO_ADDR"));
    curl_easy_setopt(easy, CURLOPT_CAINFO, getenv("OPENBAO_CACERT"));
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    return curl_easy_perform(easy);
}

int main(int count, char **arguments)
{
    struct sigaction action = {.sa_handler = on_pipe};
    json_t *made_before = json_pack("{s:s}", "made", "before");
    uv_loop_t loop;
    CURL *easy;
    int failed;

    sigaction(SIGPIPE, &action, NULL);
    curl_global_init(CURL_GLOBAL_ALL);
    easy = curl_easy_init();
    uv_loop_init(&loop);
    failed = count != 2 || read_once(arguments[1], &loop) || read_once(arguments[1], &loop);
    json_decref(made_before);
    failed = failed || ask(easy) != CURLE_OK;
    curl_easy_cleanup(easy);
    curl_global_cleanup();
    sigaction(SIGPIPE, NULL, &action);
    printf("%s, %s, %u calls mistaken, version %s\n", failed ? "failed" : "read twice",
           action.sa_handler == on_pipe ? "SIGPIPE as it was" : "SIGPIPE changed", mistaken,
           it.vault_client_version ? it.vault_client_version() : "?");
    return uv_loop_close(&loop) ? 1 : failed;
}
