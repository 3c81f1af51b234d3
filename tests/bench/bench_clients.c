/* SPDX-License-Identifier: Apache-2.0 */
/* What vaultclient and azureclient cost beside a bare libcurl loop that makes the same requests to
 * the same lab, in turn, in one process.
 *
 *   reads, lists   operations per second of this process's CPU
 *   latency        one at a time: what an operation takes longer than the bare request
 *   memory         bytes of an idle client; of an operation that waits for its answer, beyond what
 *                  libcurl has for a bare request in the same state
 *   waiters        token requests for 10,000 operations started at once
 *
 * Usage: bench_clients LAB_DIR OPERATIONS ROUNDS */
#include "azureclient/azureclient.h"
#include "base/memory.h"
#include "net/http.h"
#include "tests/bench/bench.h"
#include "vaultclient/vaultclient.h"

#include <arpa/inet.h>
#include <malloc.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define IN_FLIGHT 16
#define WAITING   4 /* as many as there are connections over HTTP/1.1 */
#define WAITERS   10000

static uv_loop_t loop;
static struct http *http;
static struct vault_client *vault;
static struct azure_client *azure;
static unsigned failures;

/* ---- memory is counted ----------------------------------------------------------------------- */

static size_t held;

static void *counting_allocate(size_t size)
{
    void *memory = malloc(size);

    held += memory ? malloc_usable_size(memory) : 0;
    return memory;
}

static void *counting_resize(void *memory, size_t size)
{
    size_t before = memory ? malloc_usable_size(memory) : 0;
    void *moved = realloc(memory, size);

    if (moved)
        held += malloc_usable_size(moved) - before;
    return moved;
}

static void counting_release(void *memory)
{
    held -= malloc_usable_size(memory);
    free(memory);
}

/* ---- operations ------------------------------------------------------------------------------ */

struct work {
    bool is_vault;
    unsigned left, running;
};

static void start_next(struct work *work);

static void ended(struct work *work, const struct failure *failure)
{
    if (failure && failures++ == 0)
        fprintf(stderr, "bench: %s\n", failure->text);
    work->running--;
    start_next(work);
}

static void on_field(const struct vault_field *field, const struct failure *failure, void *context)
{
    (void)field;
    ended(context, failure);
}

static void on_keys(const struct azure_keys *keys, const struct failure *failure, void *context)
{
    (void)keys;
    ended(context, failure);
}

static struct operation *start(struct vault_client *with_vault, struct azure_client *with_azure,
                               struct work *work)
{
    struct vault_key key = {TEXT("kv"), TEXT("nachet/backend")};

    if (work->is_vault)
        return vault_read_field(with_vault, key, TEXT("NACHET_MODEL_ENDPOINT_ACCESS_KEY"), 0, 0,
                                on_field, work);
    return azure_list_keys(with_azure, azure_key_kind_named(TEXT("azureml-online-endpoint")),
                           text_of(bench_resource_id()), 0, on_keys, work);
}

static void start_next(struct work *work)
{
    if (work->left == 0)
        return;
    work->left--;
    work->running++;
    if (!start(vault, azure, work))
        abort();
}

static double run(bool is_vault, unsigned total, unsigned in_flight)
{
    struct work work = {.is_vault = is_vault, .left = total};
    double before = bench_cpu_seconds();

    for (unsigned i = 0; i < in_flight; i++)
        start_next(&work);
    while (work.running)
        uv_run(&loop, UV_RUN_ONCE);
    return bench_cpu_seconds() - before;
}

static struct vault_client *open_vault(const char *address)
{
    struct secret *token = secret_new(text_of(bench_lab("vault_token")));
    struct vault_settings settings = {.address = address,
                                      .ca_file = bench_lab("ca_file"),
                                      .auth = {.method = VAULT_AUTH_TOKEN, .token.value = token}};
    struct failure why = {0};
    struct vault_client *client = vault_client_open(http, &settings, &why);

    secret_free(token);
    if (!client) {
        fprintf(stderr, "bench: %s\n", why.text);
        exit(2);
    }
    return client;
}

static struct azure_client *open_azure(void)
{
    struct secret *client_secret = secret_new(text_of(bench_lab("client_secret")));
    struct azure_settings settings = {
        .resource_manager = bench_lab("arm_url"),
        .authority = bench_lab("authority_url"),
        .ca_file = bench_lab("ca_file"),
        .timeout_ms = 120000,
        .credential = {.method = AZURE_CREDENTIAL_CLIENT_SECRET,
                       .tenant_id = bench_lab("tenant"),
                       .client_id = bench_lab("client_id"),
                       .client_secret = client_secret},
    };
    struct failure why = {0};
    struct azure_client *client = azure_client_open(http, &settings, &why);

    secret_free(client_secret);
    if (!client) {
        fprintf(stderr, "bench: %s\n", why.text);
        exit(2);
    }
    return client;
}

/* ---- the figures ----------------------------------------------------------------------------- */

static void compare_cpu(bool is_vault, CURLM *multi, const struct bare_request *request,
                        unsigned count, unsigned rounds)
{
    double ratios[64];

    run(is_vault, count / 10 + 1, IN_FLIGHT);
    bare_run(multi, request, 1, count / 10 + 1, IN_FLIGHT);
    for (unsigned i = 0; i < rounds; i++) {
        double a = run(is_vault, count, IN_FLIGHT);

        ratios[i] = bare_run(multi, request, 1, count, IN_FLIGHT) / a;
    }
    bench_tell(is_vault ? "Vault reads per CPU second, ours / bare libcurl"
                        : "key lists per CPU second, ours / bare libcurl",
               ratios, rounds, "0.85");
}

/* Ours and bare in turn, so that both see the same machine. */
static void compare_latency(const struct bare_request *request, unsigned count)
{
    double *ours = calloc(count, sizeof(*ours)), *bare = calloc(count, sizeof(*bare));
    CURL *easy = bare_easy(request);

    for (unsigned i = 0; i < count; i++) {
        uint64_t begin = uv_hrtime(), middle;

        run(true, 1, 1);
        middle = uv_hrtime();
        curl_easy_perform(easy);
        ours[i] = (double)(middle - begin) / 1e3;
        bare[i] = (double)(uv_hrtime() - middle) / 1e3;
    }
    for (unsigned i = 0; i < 2; i++) {
        double quantile = i ? 0.99 : 0.5, a = bench_quantile(ours, count, quantile);
        double b = bench_quantile(bare, count, quantile);

        printf("  one Vault read, p%.0f: ours %.0f us, bare libcurl %.0f us, added %.0f us (goal "
               "50)\n",
               quantile * 100, a, b, a - b);
    }
    curl_easy_cleanup(easy);
    free(ours);
    free(bare);
}

/* Takes connections and answers when told to, if ever. */
static int open_mute_server(char *address, size_t size)
{
    struct sockaddr_in place = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(place);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (bind(listener, (struct sockaddr *)&place, length) || listen(listener, WAITING * 2) ||
        getsockname(listener, (struct sockaddr *)&place, &length))
        abort();
    snprintf(address, size, "http://127.0.0.1:%u", ntohs(place.sin_port));
    return listener;
}

static void idle(void)
{
    for (unsigned i = 0; i < 50; i++) {
        uv_run(&loop, UV_RUN_NOWAIT);
        usleep(2000);
    }
}

/* Every client first asks how long its token lives and which version a mount is: that is answered,
 * and nothing else. */
static void answer_once(int listener)
{
    static const char lifetime[] = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
                                   "{\"data\":{\"ttl\":0,\"renewable\":false}}";
    static const char version[] =
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
        "{\"data\":{\"path\":\"kv/\",\"type\":\"kv\",\"options\":{\"version\":\"2\"}}}";
    char request[4096] = "";
    int connection = accept(listener, NULL, NULL);

    if (read(connection, request, sizeof(request) - 1) <= 0)
        abort();
    if (strstr(request, "lookup-self"))
        (void)!write(connection, lifetime, sizeof(lifetime) - 1);
    else
        (void)!write(connection, version, sizeof(version) - 1);
    close(connection);
}

static void tell_memory(void)
{
    char address[64], url[128];
    int listener = open_mute_server(address, sizeof(address)), running;
    struct work work = {.is_vault = true};
    size_t before, ours;
    struct vault_client *client = open_vault(address);
    CURLM *multi = curl_multi_init();
    CURL *easies[WAITING];

    before = held;
    for (; work.running < WAITING; work.running++) {
        if (!start(client, NULL, &work))
            abort();
        if (work.running > 0)
            continue;
        for (unsigned i = 0; i < 2; i++) {
            idle();
            answer_once(listener);
        }
        idle();
    }
    idle();
    ours = held - before;

    before = held;
    snprintf(url, sizeof(url), "%s/v1/kv/data/nachet/backend", address);
    for (unsigned i = 0; i < WAITING; i++) {
        easies[i] = bare_easy(&(struct bare_request){.url = url});
        curl_multi_add_handle(multi, easies[i]);
    }
    for (unsigned i = 0; i < 50; i++) {
        curl_multi_perform(multi, &running);
        usleep(2000);
    }
    printf("  an operation in flight: %zu bytes, a bare libcurl request: %zu (goal: at most 4096 "
           "more)\n",
           ours / WAITING, (held - before) / WAITING);
    for (unsigned i = 0; i < WAITING; i++) {
        curl_multi_remove_handle(multi, easies[i]);
        curl_easy_cleanup(easies[i]);
    }
    curl_multi_cleanup(multi);
    close(listener);
    failures = 1; /* those that are canceled now are not worth a word */
    vault_client_close(client, 0, NULL, NULL);
    while (work.running)
        uv_run(&loop, UV_RUN_ONCE);
    failures = 0;
}

/* The lab counts the token requests: run.py asks it. */
static void wait_together(void)
{
    struct azure_client *fresh = open_azure();
    struct work work = {0};

    for (; work.running < WAITERS; work.running++)
        if (!start(NULL, fresh, &work))
            abort();
    while (work.running)
        uv_run(&loop, UV_RUN_ONCE);
    azure_client_close(fresh, NULL, NULL);
    printf("  %d key lists started at once, %u of them failed\n", WAITERS, failures);
}

int main(int argc, char **argv)
{
    static const struct memory_functions counting = {counting_allocate, counting_resize,
                                                     counting_release};
    unsigned count = argc > 2 ? (unsigned)atoi(argv[2]) : 2000;
    unsigned rounds = argc > 3 ? (unsigned)atoi(argv[3]) : 7;
    char read_url[512], list_url[1024], token[256];
    struct bare_request reads = {.url = read_url}, lists = {.url = list_url, .is_post = true};
    struct failure why = {0};
    size_t idle_bytes;
    CURLM *multi;

    signal(SIGPIPE, SIG_IGN);
    memory_use(&counting);
    if (argc < 2 || count == 0 || rounds == 0 || rounds > 64 || !net_global_init(&why))
        return 2;
    uv_loop_init(&loop);
    http = http_open(&loop);
    bench_lab_open(argv[1]);
    if (argc > 4 && strcmp(argv[4], "waiters") == 0) {
        wait_together();
        return failures > 0;
    }
    snprintf(read_url, sizeof(read_url), "%s/v1/kv/data/nachet/backend", bench_lab("vault_url"));
    snprintf(list_url, sizeof(list_url), "%s%s/listKeys?api-version=2024-04-01",
             bench_lab("arm_url"), bench_resource_id());
    snprintf(token, sizeof(token), "X-Vault-Token: %s", bench_lab("vault_token"));
    reads.headers = curl_slist_append(curl_slist_append(NULL, token), "X-Vault-Request: true");
    lists.headers = bare_bearer();
    multi = curl_multi_init();
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, 64L);
    idle_bytes = held;
    vault = open_vault(bench_lab("vault_url"));
    printf("  an idle Vault client: %zu bytes (goal 4096)\n", held - idle_bytes);
    azure = open_azure();
    compare_cpu(true, multi, &reads, count, rounds);
    compare_cpu(false, multi, &lists, count, rounds);
    compare_latency(&reads, count);
    tell_memory();
    return failures > 0;
}
