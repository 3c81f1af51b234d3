/* SPDX-License-Identifier: Apache-2.0 */
/* What the benchmarks share: the lab they run against, the bare libcurl loop they are measured
 * beside, and medians of ratios. */
#ifndef TESTS_BENCH_BENCH_H
#define TESTS_BENCH_BENCH_H

#include <curl/curl.h>
#include <stdbool.h>

/* ---- the lab --------------------------------------------------------------------------------- */

/* Reads lab.json of a running keydrift-lab; ends the program when it cannot. */
void bench_lab_open(const char *directory);
const char *bench_lab(const char *name);
const char *bench_resource_id(void);
void bench_lab_close(void);

/* ---- the bare loop --------------------------------------------------------------------------- */

/* Kept-alive connections, answers thrown away: what libcurl itself costs. */
struct bare_request {
    const char *url;
    struct curl_slist *headers;
    bool is_post; /* without a body */
};
/* A token of the lab, as a header to free with curl_slist_free_all(). */
struct curl_slist *bare_bearer(void);
/* The requests in turn, `total` in all, so many in flight; CPU seconds. */
double bare_run(CURLM *multi, const struct bare_request *requests, unsigned kinds, unsigned total,
                unsigned in_flight);
/* One handle, ready for a multi handle or to be performed. */
CURL *bare_easy(const struct bare_request *request);

/* ---- figures --------------------------------------------------------------------------------- */

double bench_cpu_seconds(void);
/* Sorts them. */
double bench_quantile(double *values, unsigned count, double quantile);
/* "NAME: median 0.93 (min 0.90, max 0.95; goal 0.85)" */
void bench_tell(const char *name, double *ratios, unsigned count, const char *goal);

#endif
