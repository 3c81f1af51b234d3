/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/bench.h"

#include "base/buffer.h"
#include "net/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

static json_t *lab;
static char resource_id[512];

/* ---- the lab --------------------------------------------------------------------------------- */

void bench_lab_open(const char *directory)
{
    char path[600];

    snprintf(path, sizeof(path), "%s/lab.json", directory);
    lab = json_load_file(path, 0, NULL);
    if (!lab) {
        fprintf(stderr, "bench: cannot read %s\n", path);
        exit(2);
    }
    snprintf(resource_id, sizeof(resource_id),
             "/subscriptions/%s/resourceGroups/%s/providers/Microsoft.MachineLearningServices/"
             "workspaces/%s/onlineEndpoints/%s",
             bench_lab("subscription"), bench_lab("resource_group"), bench_lab("workspace"),
             bench_lab("endpoint"));
}

const char *bench_lab(const char *name)
{
    const char *value = json_string_value(json_object_get(lab, name));

    if (!value) {
        fprintf(stderr, "bench: lab.json has no %s\n", name);
        exit(2);
    }
    return value;
}

const char *bench_resource_id(void)
{
    return resource_id;
}

void bench_lab_close(void)
{
    json_decref(lab);
}

/* ---- the bare loop --------------------------------------------------------------------------- */

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

CURL *bare_easy(const struct bare_request *request)
{
    CURL *easy = curl_easy_init();

    curl_easy_setopt(easy, CURLOPT_URL, request->url);
    curl_easy_setopt(easy, CURLOPT_CAINFO, bench_lab("ca_file"));
    curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, request->headers);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, discard);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 30000L);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    if (request->is_post) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, 0L);
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
    }
    return easy;
}

struct curl_slist *bare_bearer(void)
{
    struct buffer url, form, answer, header;
    struct curl_slist *list;
    struct bare_request request = {0};
    CURL *easy;
    json_t *json;

    buffer_init(&url, 1024);
    buffer_init(&form, 4096);
    buffer_init(&answer, 65536);
    buffer_init(&header, 65536);
    buffer_printf(&url, "%s/%s/oauth2/v2.0/token", bench_lab("authority_url"), bench_lab("tenant"));
    buffer_printf(&form,
                  "grant_type=client_credentials&client_id=%s&client_secret=%s&scope=%s/.default",
                  bench_lab("client_id"), bench_lab("client_secret"), bench_lab("arm_url"));
    request.url = url.start;
    easy = bare_easy(&request);
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

double bare_run(CURLM *multi, const struct bare_request *requests, unsigned kinds, unsigned total,
                unsigned in_flight)
{
    unsigned started = 0, ended = 0;
    double before = bench_cpu_seconds();

    while (ended < total) {
        CURLMsg *message;
        int running, left;

        while (started < total && started - ended < in_flight)
            curl_multi_add_handle(multi, bare_easy(&requests[started++ % kinds]));
        curl_multi_perform(multi, &running);
        while ((message = curl_multi_info_read(multi, &left))) {
            CURL *easy = message->easy_handle;

            if (message->data.result != CURLE_OK)
                fprintf(stderr, "bare: %s\n", curl_easy_strerror(message->data.result));
            curl_multi_remove_handle(multi, easy);
            curl_easy_cleanup(easy);
            ended++;
        }
        if (running && (started == total || started - ended == in_flight))
            curl_multi_poll(multi, NULL, 0, 1000, NULL);
    }
    return bench_cpu_seconds() - before;
}

/* ---- figures --------------------------------------------------------------------------------- */

double bench_cpu_seconds(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

double bench_quantile(double *values, unsigned count, double quantile)
{
    unsigned place = (unsigned)(quantile * count);

    qsort(values, count, sizeof(*values), compare);
    return values[place < count ? place : count - 1];
}

void bench_tell(const char *name, double *ratios, unsigned count, const char *goal)
{
    double median = bench_quantile(ratios, count, 0.5);

    printf("%s: median %.2f (min %.2f, max %.2f; goal %s)\n", name, median, ratios[0],
           ratios[count - 1], goal);
}
