/* SPDX-License-Identifier: Apache-2.0 */
/* A name server that does not answer must not hold up the loop: libcurl asks it in a thread, and
 * would wait for that thread when a transfer is given up. The program's own getaddrinfo() stands in
 * front of the C library's here, and takes until the test lets it go. */
#include "http_fixture.h"

#include <netdb.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

static atomic_uint asked, told;
static atomic_bool may_tell;

__attribute__((visibility("default"))) int getaddrinfo(const char *restrict name,
                                                       const char *restrict service,
                                                       const struct addrinfo *restrict hints,
                                                       struct addrinfo **restrict ret)
{
    (void)name, (void)service, (void)hints;
    *ret = NULL;
    asked++;
    while (!may_tell)
        usleep(1000);
    told++;
    return EAI_AGAIN;
}

static struct upstream *open_slow(struct fixture *fixture)
{
    fixture_open(fixture);
    asked = told = 0;
    may_tell = false;
    return fixture_upstream(
        fixture,
        (struct upstream_settings){.origin = "https://slow.test", .name = "slow", .proxy = ""});
}

/* The threads end by themselves, and take their memory with them. */
static void wait_for_names(void)
{
    assert_int_equal(told, 0);
    may_tell = true;
    while (told < asked)
        usleep(10000);
    usleep(50000);
}

TEST(a_deadline_does_not_wait_for_the_name_server)
{
    struct fixture f;
    struct upstream *slow = open_slow(&f);
    struct seen seen = {0};

    fixture_send(slow, (struct http_request){.target = "/", .deadline_ms = 300}, &seen);
    fixture_wait(&f, &seen);
    assert_int_equal(seen.failure.kind, FAILURE_TIMEOUT);
    assert_non_null(strstr(seen.failure.text, "timed out after 300 ms connecting"));
    fixture_close(&f);
    wait_for_names();
    assert_int_equal(asked, 1);
}

TEST(closing_does_not_wait_for_the_name_server)
{
    struct fixture f;
    struct upstream *slow = open_slow(&f);
    struct seen seen = {0};

    fixture_send(slow, (struct http_request){.target = "/"}, &seen);
    while (!asked)
        fixture_idle(&f, 10);
    fixture_close(&f);
    assert_int_equal(seen.failure.kind, FAILURE_CANCELED);
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
