/* SPDX-License-Identifier: Apache-2.0 */
/* Full checks per second of CPU, beside a bare libcurl loop that makes the same requests.
 *
 * A full check: list the keys at Azure, read the secret's metadata in Vault, fingerprint, judge.
 * The bare loop sends the same two requests with the same headers over kept-alive connections and
 * throws the answers away: what libcurl itself costs. Both run against the same lab, in turn, and
 * only this process's own CPU time counts. Usage: bench_checks LAB_DIR CHECKS ROUNDS    (LAB_DIR:
 * of a running keydrift-lab)
 */
#include "agent/adapters/azure_source.h"
#include "agent/adapters/fingerprinter.h"
#include "agent/adapters/uv_clock.h"
#include "agent/adapters/vault_copy.h"
#include "agent/core/verdict.h"
#include "azureclient/azureclient.h"
#include "net/http.h"
#include "net/json.h"
#include "vaultclient/vaultclient.h"

#include <curl/curl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define IN_FLIGHT 16

static json_t *lab;
static char resource_id[512], ca_file[512];

static double cpu_seconds(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static const char *lab_value(const char *name)
{
    const char *value = json_string_value(json_object_get(lab, name));

    if (!value) {
        fprintf(stderr, "bench_checks: lab.json has no %s\n", name);
        exit(2);
    }
    return value;
}

/* ---- ours ------------------------------------------------------------------------------------ */

struct ours {
    uv_loop_t loop;
    struct http *http;
    struct vault_client *vault;
    struct azure_client *azure;
    struct clock *clock;
    struct fingerprinter *fingerprinter;
    struct key_source *sources[IN_FLIGHT];
    struct secret_copy *copies[IN_FLIGHT];
    unsigned left, matches;
};

struct check {
    struct ours *ours;
    unsigned place, pending;
    struct source_fact source;
    struct copy_fact copy;
};

static void check_next(struct check *check);

static void side_done(struct check *check)
{
    if (--check->pending)
        return;
    if (judge(&check->source, &check->copy, ANY_SLOT).verdict == VERDICT_MATCH)
        check->ours->matches++;
    check_next(check);
}

static void on_source(const struct source_keys *keys, const struct failure *failure, void *context)
{
    struct check *check = context;

    if (failure)
        fprintf(stderr, "%s\n", failure->text);
    else
        check->source = *keys->fact;
    side_done(check);
}

static void on_copy(const struct copy_fact *fact, const struct secret *value,
                    const struct failure *failure, void *context)
{
    struct check *check = context;

    (void)value;
    if (failure)
        fprintf(stderr, "%s\n", failure->text);
    else
        check->copy = *fact;
    side_done(check);
}

static void check_next(struct check *check)
{
    struct ours *ours = check->ours;
    struct key_source *source = ours->sources[check->place];
    struct secret_copy *copy = ours->copies[check->place];

    if (ours->left == 0)
        return;
    ours->left--;
    memset(&check->source, 0, sizeof(check->source));
    memset(&check->copy, 0, sizeof(check->copy));
    check->pending = 2;
    if (!source->list(source, 0, on_source, check) || !copy->read(copy, false, on_copy, check))
        abort();
}

static void ours_open(struct ours *ours)
{
    struct failure why = {0};
    struct secret *token = secret_new(text_of(lab_value("vault_token")));
    struct secret *client_secret = secret_new(text_of(lab_value("client_secret")));
    struct secret *key = fingerprint_key_random();
    struct vault_settings vault = {.address = lab_value("vault_url"),
                                   .ca_file = ca_file,
                                   .auth = {.method = VAULT_AUTH_TOKEN, .token.value = token}};
    struct azure_settings azure = {
        .resource_manager = lab_value("arm_url"),
        .authority = lab_value("authority_url"),
        .ca_file = ca_file,
        .credential = {.method = AZURE_CREDENTIAL_CLIENT_SECRET,
                       .tenant_id = lab_value("tenant"),
                       .client_id = lab_value("client_id"),
                       .client_secret = client_secret},
    };

    uv_loop_init(&ours->loop);
    ours->http = http_open(&ours->loop);
    ours->clock = uv_clock_open(&ours->loop);
    ours->fingerprinter = fingerprinter_new(key);
    ours->vault = vault_client_open(ours->http, &vault, &why);
    ours->azure = azure_client_open(ours->http, &azure, &why);
    if (!ours->vault || !ours->azure) {
        fprintf(stderr, "bench_checks: %s\n", why.text);
        exit(2);
    }
    for (unsigned i = 0; i < IN_FLIGHT; i++) {
        ours->sources[i] =
            azure_source_new(ours->azure, ours->fingerprinter, ours->clock,
                             azure_key_kind_named(TEXT("azureml-online-endpoint")), resource_id, i);
        ours->copies[i] = vault_copy_new(ours->vault, ours->fingerprinter, "kv", "nachet/backend",
                                         "NACHET_MODEL_ENDPOINT_ACCESS_KEY", i);
    }
    secret_free(token);
    secret_free(client_secret);
    secret_free(key);
}

static double ours_run(struct ours *ours, unsigned checks)
{
    struct check running[IN_FLIGHT];
    double before = cpu_seconds();

    ours->left = checks;
    ours->matches = 0;
    for (unsigned i = 0; i < IN_FLIGHT; i++) {
        running[i] = (struct check){.ours = ours, .place = i};
        check_next(&running[i]);
    }
    /* Kept-alive connections keep the loop busy, so its end is counted, not awaited. */
    for (;;) {
        unsigned busy = 0;

        for (unsigned i = 0; i < IN_FLIGHT; i++)
            busy += running[i].pending;
        if (!busy && !ours->left)
            break;
        uv_run(&ours->loop, UV_RUN_ONCE);
    }
    if (ours->matches != checks)
        fprintf(stderr, "bench_checks: %u of %u checks matched\n", ours->matches, checks);
    return cpu_seconds() - before;
}

/* ---- bare libcurl ---------------------------------------------------------------------------- */

static size_t discard(char *data, size_t unit, size_t count, void *context)
{
    (void)data;
    (void)context;
    return unit * count;
}

static size_t keep(char *data, size_t unit, size_t count, void *context)
{
    return buffer_append(context, (struct text){data, unit * count}) ? unit * count : 0;
}

static void common(CURL *easy, const char *url, struct curl_slist *headers)
{
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file);
    curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, discard);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 30000L);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
}

static struct curl_slist *bearer_header(void)
{
    struct buffer url, form, answer, header;
    struct curl_slist *list;
    CURL *easy = curl_easy_init();
    json_t *json;

    buffer_init(&url, 1024);
    buffer_init(&form, 4096);
    buffer_init(&answer, 65536);
    buffer_init(&header, 65536);
    buffer_printf(&url, "%s/%s/oauth2/v2.0/token", lab_value("authority_url"), lab_value("tenant"));
    buffer_printf(&form,
                  "grant_type=client_credentials&client_id=%s&client_secret=%s&scope=%s/.default",
                  lab_value("client_id"), lab_value("client_secret"), lab_value("arm_url"));
    common(easy, url.start, NULL);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, form.start);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, keep);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &answer);
    curl_easy_perform(easy);
    json = json_read_object(buffer_text(&answer), NULL);
    buffer_printf(&header, "Authorization: Bearer %.*s",
                  TEXT_ARG(json_text_at(json, "access_token")));
    list = curl_slist_append(NULL, header.start);
    json_decref(json);
    curl_easy_cleanup(easy);
    buffer_clear(&url);
    buffer_clear(&form);
    buffer_clear(&answer);
    buffer_clear(&header);
    return list;
}

struct bare {
    CURLM *multi;
    char list_url[1024], metadata_url[1024];
    struct curl_slist *arm, *vault;
};

static void bare_open(struct bare *bare)
{
    char token[256];

    bare->multi = curl_multi_init();
    curl_multi_setopt(bare->multi, CURLMOPT_MAXCONNECTS, 64L);
    snprintf(bare->list_url, sizeof(bare->list_url), "%s%s/listKeys?api-version=2024-04-01",
             lab_value("arm_url"), resource_id);
    snprintf(bare->metadata_url, sizeof(bare->metadata_url), "%s/v1/kv/metadata/nachet/backend",
             lab_value("vault_url"));
    snprintf(token, sizeof(token), "X-Vault-Token: %s", lab_value("vault_token"));
    bare->arm = bearer_header();
    bare->vault = curl_slist_append(curl_slist_append(NULL, token), "X-Vault-Request: true");
}

static CURL *bare_request(struct bare *bare, bool is_list)
{
    CURL *easy = curl_easy_init();

    common(easy, is_list ? bare->list_url : bare->metadata_url, is_list ? bare->arm : bare->vault);
    if (is_list)
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, 0L);
    if (is_list)
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
    return easy;
}

/* As many in flight as ours has: IN_FLIGHT checks of two requests each. */
static double bare_run(struct bare *bare, unsigned checks)
{
    unsigned total = 2 * checks, started = 0, ended = 0;
    double before = cpu_seconds();

    while (ended < total) {
        CURLMsg *message;
        int running, left;

        while (started < total && started - ended < 2 * IN_FLIGHT)
            curl_multi_add_handle(bare->multi, bare_request(bare, started++ % 2));
        curl_multi_perform(bare->multi, &running);
        while ((message = curl_multi_info_read(bare->multi, &left))) {
            CURL *easy = message->easy_handle;

            if (message->data.result != CURLE_OK)
                fprintf(stderr, "bare: %s\n", curl_easy_strerror(message->data.result));
            curl_multi_remove_handle(bare->multi, easy);
            curl_easy_cleanup(easy);
            ended++;
        }
        if (ended < total)
            curl_multi_poll(bare->multi, NULL, 0, 1000, NULL);
    }
    return cpu_seconds() - before;
}

/* ---------------------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    unsigned checks = argc > 2 ? (unsigned)atoi(argv[2]) : 2000;
    unsigned rounds = argc > 3 ? (unsigned)atoi(argv[3]) : 7;
    struct failure why = {0};
    struct ours ours = {0};
    struct bare bare = {0};
    double ratios[64];
    char path[600];

    signal(SIGPIPE, SIG_IGN);
    if (argc < 2 || checks == 0 || rounds == 0 || rounds > 64 || !net_global_init(&why))
        return 2;
    snprintf(path, sizeof(path), "%s/lab.json", argv[1]);
    lab = json_load_file(path, 0, NULL);
    snprintf(ca_file, sizeof(ca_file), "%s/ca.pem", argv[1]);
    snprintf(resource_id, sizeof(resource_id),
             "/subscriptions/%s/resourceGroups/%s/providers/Microsoft.MachineLearningServices/"
             "workspaces/%s/onlineEndpoints/%s",
             lab_value("subscription"), lab_value("resource_group"), lab_value("workspace"),
             lab_value("endpoint"));
    ours_open(&ours);
    bare_open(&bare);
    ours_run(&ours, checks / 10 + 1);
    bare_run(&bare, checks / 10 + 1);
    for (unsigned i = 0; i < rounds; i++) {
        double a = ours_run(&ours, checks), b = bare_run(&bare, checks);

        ratios[i] = b / a;
        printf("  round %u: ours %.0f checks/s of CPU, bare libcurl %.0f, ratio %.2f\n", i + 1,
               checks / a, checks / b, ratios[i]);
    }
    qsort(ratios, rounds, sizeof(*ratios), compare);
    printf(
        "checks per CPU second, ours / bare libcurl: median %.2f (min %.2f, max %.2f; goal 0.8)\n",
        ratios[rounds / 2], ratios[0], ratios[rounds - 1]);
    return 0;
}
