/* SPDX-License-Identifier: Apache-2.0 */
/* A name server that does not answer must not hold up the loop: libcurl asks it in a thread, and
 * would wait for that thread when a transfer is given up. The program's own getaddrinfo() stands in
 * front of the C library's here, and takes its time. */
#include "http_fixture.h"

#include <netdb.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#define NAME_MS 2000

static atomic_uint asked, told;

__attribute__((visibility("default"))) int getaddrinfo(const char *restrict name,
                                                       const char *restrict service,
                                                       const struct addrinfo *restrict hints,
                                                       struct addrinfo **restrict ret)
{
    (void)name, (void)service, (void)hints;
    *ret = NULL;
    asked++;
    usleep(NAME_MS * 1000);
    told++;
    return EAI_AGAIN;
}

static struct upstream *open_slow(struct fixture *fixture)
{
    fixture_open(fixture);
    asked = told = 0;
    return fixture_upstream(
        fixture,
        (struct upstream_settings){.origin = "https://slow.test", .name = "slow", .proxy = ""});
}

/* The threads end by themselves, and take their memory with them. */
static void wait_for_names(void)
{
    while (told < asked)
        usleep(10000);
    usleep(50000);
}

TEST(a_deadline_does_not_wait_for_the_name_server)
{
    struct fixture f;
    struct upstream *slow = open_slow(&f);
    uint64_t began = uv_hrtime();
    struct seen seen = {0};

    fixture_send(slow, (struct http_request){.target = "/", .deadline_ms = 300}, &seen);
    fixture_wait(&f, &seen);
    assert_int_equal(seen.failure.kind, FAILURE_TIMEOUT);
    assert_non_null(strstr(seen.failure.text, "timed out after 300 ms connecting"));
    assert_true((uv_hrtime() - began) / 1000000 < NAME_MS / 2);
    fixture_close(&f);
    assert_true((uv_hrtime() - began) / 1000000 < NAME_MS / 2);
    assert_int_equal(told, 0);
    wait_for_names();
    assert_int_equal(asked, 1);
}

TEST(closing_does_not_wait_for_the_name_server)
{
    struct fixture f;
    struct upstream *slow = open_slow(&f);
    uint64_t began = uv_hrtime();
    struct seen seen = {0};

    fixture_send(slow, (struct http_request){.target = "/"}, &seen);
    fixture_idle(&f, 100);
    fixture_close(&f);
    assert_int_equal(seen.failure.kind, FAILURE_CANCELED);
    assert_true((uv_hrtime() - began) / 1000000 < NAME_MS / 2);
    wait_for_names();
    assert_int_equal(asked, 1);
}

int main(void)
{
    struct failure why;

    if (!net_global_init(&why))
        return 1;
    return RUN(CASE(a_deadline_does_not_wait_for_the_name_server),
               CASE(closing_does_not_wait_for_the_name_server));
}
