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
#include "tests/bench/bench.h"
#include "vaultclient/vaultclient.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IN_FLIGHT 16

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
    struct secret *token = secret_new(text_of(bench_lab("vault_token")));
    struct secret *client_secret = secret_new(text_of(bench_lab("client_secret")));
    struct secret *key = fingerprint_key_random();
    struct vault_settings vault = {.address = bench_lab("vault_url"),
                                   .ca_file = bench_lab("ca_file"),
                                   .auth = {.method = VAULT_AUTH_TOKEN, .token.value = token}};
    struct azure_settings azure = {
        .resource_manager = bench_lab("arm_url"),
        .authority = bench_lab("authority_url"),
        .ca_file = bench_lab("ca_file"),
        .credential = {.method = AZURE_CREDENTIAL_CLIENT_SECRET,
                       .tenant_id = bench_lab("tenant"),
                       .client_id = bench_lab("client_id"),
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
        ours->sources[i] = azure_source_new(ours->azure, ours->fingerprinter, ours->clock,
                                            azure_key_kind_named(TEXT("azureml-online-endpoint")),
                                            bench_resource_id(), i);
        ours->copies[i] = vault_copy_new(ours->vault, ours->fingerprinter, NULL, "kv",
                                         "nachet/backend", "NACHET_MODEL_ENDPOINT_ACCESS_KEY", i);
    }
    secret_free(token);
    secret_free(client_secret);
    secret_free(key);
}

static double ours_run(struct ours *ours, unsigned checks)
{
    struct check running[IN_FLIGHT];
    double before = bench_cpu_seconds();

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
    return bench_cpu_seconds() - before;
}

/* ---------------------------------------------------------------------------------------------- */

int main(int argc, char **argv)
{
    unsigned checks = argc > 2 ? (unsigned)atoi(argv[2]) : 2000;
    unsigned rounds = argc > 3 ? (unsigned)atoi(argv[3]) : 7;
    struct bare_request requests[2] = {{.is_post = true}, {0}};
    char list_url[1024], metadata_url[1024], token[256];
    struct failure why = {0};
    struct ours ours = {0};
    double ratios[64];
    CURLM *multi;

    signal(SIGPIPE, SIG_IGN);
    if (argc < 2 || checks == 0 || rounds == 0 || rounds > 64 || !net_global_init(&why))
        return 2;
    bench_lab_open(argv[1]);
    snprintf(list_url, sizeof(list_url), "%s%s/listKeys?api-version=2024-04-01",
             bench_lab("arm_url"), bench_resource_id());
    snprintf(metadata_url, sizeof(metadata_url), "%s/v1/kv/metadata/nachet/backend",
             bench_lab("vault_url"));
    snprintf(token, sizeof(token), "X-Vault-Token: %s", bench_lab("vault_token"));
    requests[0].url = list_url;
    requests[0].headers = bare_bearer();
    requests[1].url = metadata_url;
    requests[1].headers =
        curl_slist_append(curl_slist_append(NULL, token), "X-Vault-Request: true");
    multi = curl_multi_init();
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, 64L);
    ours_open(&ours);
    ours_run(&ours, checks / 10 + 1);
    bare_run(multi, requests, 2, checks / 5 + 2, 2 * IN_FLIGHT);
    for (unsigned i = 0; i < rounds; i++) {
        double a = ours_run(&ours, checks);
        double b = bare_run(multi, requests, 2, 2 * checks, 2 * IN_FLIGHT);

        ratios[i] = b / a;
        printf("  round %u: ours %.0f checks/s of CPU, bare libcurl %.0f, ratio %.2f\n", i + 1,
               checks / a, checks / b, ratios[i]);
    }
    bench_tell("checks per CPU second, ours / bare libcurl", ratios, rounds, "0.8");
    return 0;
}
