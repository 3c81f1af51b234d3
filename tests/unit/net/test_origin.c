/* SPDX-License-Identifier: Apache-2.0 */
/* Origins, and which proxy the environment asks for. */
#include "http_fixture.h"
#include "net/origin.h"
#include "net/proxy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct origin parse(const char *url)
{
    struct origin origin = {0};
    struct failure why = {0};

    assert_true(origin_parse(url, &origin, &why));
    return origin;
}

TEST(an_origin_is_taken_apart)
{
    struct origin origin = parse("HTTPS://Vault.Example/base//");
    char *string;

    assert_string_equal(origin.scheme, "https");
    assert_string_equal(origin.host, "vault.example");
    assert_string_equal(origin.port, "443");
    assert_string_equal(origin.base_path, "/base");
    string = origin_string(&origin);
    assert_string_equal(string, "https://vault.example");
    free(string);
    origin_clear(&origin);
    origin = parse("http://[::1]:8200");
    assert_string_equal(origin.host, "[::1]");
    assert_string_equal(origin.base_path, "");
    string = origin_authority(&origin);
    assert_string_equal(string, "[::1]:8200");
    free(string);
    origin_clear(&origin);
}

TEST(a_host_is_decoded_once_and_never_again)
{
    struct origin from = parse("https://vault%2Eexample"), there;
    struct failure why;

    assert_string_equal(from.host, "vault.example");
    assert_false(origin_parse("https://vault%252Eexample", &there, &why));
    assert_int_equal(why.kind, FAILURE_INVALID);
    assert_false(origin_parse("https://1%327.1", &there, &why));
    assert_int_equal(why.kind, FAILURE_INVALID);
    assert_false(
        origin_resolve(&from, "", "/v1/x", TEXT("//vault%252Eexample/v1/x"), &there, &why));
    assert_int_equal(why.kind, FAILURE_PROTOCOL);
    origin_clear(&from);
}

TEST(only_this_machine_is_loopback)
{
    static const char *const near[] = {"http://localhost", "http://127.0.0.1:1", "http://127.8.8.8",
                                       "http://[::1]", "http://vault.localhost"};
    static const char *const far[] = {"http://127.0.0.1.example", "http://localhost.example",
                                      "http://128.0.0.1", "http://[::2]", "http://notlocalhost"};

    for (size_t i = 0; i < 5; i++) {
        struct origin a = parse(near[i]), b = parse(far[i]);

        assert_true(origin_is_loopback(&a));
        assert_false(origin_is_loopback(&b));
        origin_clear(&a);
        origin_clear(&b);
    }
}

static bool excluded(const char *no_proxy, const char *url)
{
    struct origin origin = parse(url);
    bool is = proxy_is_excluded(text_of(no_proxy), &origin);

    origin_clear(&origin);
    return is;
}

TEST(no_proxy_is_understood)
{
    assert_true(excluded("*", "https://a.example"));
    assert_true(excluded("b, A.example ,c", "https://a.example"));
    assert_true(excluded("example", "https://a.example"));
    assert_true(excluded(".example", "https://a.example"));
    assert_true(excluded("*.example", "https://a.example"));
    assert_true(excluded("a.example:443", "https://a.example"));
    assert_true(excluded("10.0.0.0/8", "https://10.20.30.40"));
    assert_true(excluded("10.20.30.40", "https://10.20.30.40"));
    assert_true(excluded("fd00::1", "https://[fd00::1]"));
    assert_true(excluded("[fd00::1]:8200", "https://[fd00::1]:8200"));
    assert_false(excluded("", "https://a.example"));
    assert_false(excluded(",, ,", "https://a.example"));
    assert_false(excluded("xample", "https://a.example"));
    assert_false(excluded("b.a.example", "https://a.example"));
    assert_false(excluded("a.example:80", "https://a.example"));
    assert_false(excluded("10.0.0.0/8", "https://11.0.0.1"));
    assert_false(excluded("10.0.0.0/33", "https://10.0.0.1"));
    assert_false(excluded("10.0.0.0/8", "https://10.example"));
    assert_false(excluded(".", "https://a.example"));
}

static void clear_environment(void)
{
    static const char *const names[] = {"http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY",
                                        "all_proxy",  "ALL_PROXY",  "no_proxy",    "NO_PROXY"};

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        unsetenv(names[i]);
}

static void expect_proxy(const char *url, const char *proxy)
{
    struct origin origin = parse(url);

    assert_string_equal(proxy_from_environment(&origin), proxy);
    origin_clear(&origin);
}

TEST(the_environment_names_the_proxy)
{
    clear_environment();
    expect_proxy("https://a.example", "");
    setenv("HTTPS_PROXY", "http://p:1", 1);
    setenv("http_proxy", "http://p:2", 1);
    setenv("NO_PROXY", "direct.example", 1);
    expect_proxy("https://a.example", "http://p:1");
    expect_proxy("http://a.example", "http://p:2");
    expect_proxy("https://direct.example", "");
    expect_proxy("https://localhost:8200", "");
    setenv("https_proxy", "http://p:3", 1);
    expect_proxy("https://a.example", "http://p:3");
    clear_environment();
    setenv("ALL_PROXY", "http://p:4", 1);
    expect_proxy("https://a.example", "http://p:4");
    clear_environment();
}

TEST(the_environment_is_not_asked_for_a_proxy_by_itself)
{
    struct fixture f;
    struct seen seen = {0};
    struct upstream_settings settings = {.origin = "http://vault.invalid", .allow_plain = true};

    fixture_open(&f);
    setenv("HTTP_PROXY", loopback_origin(f.server), 1);
    f.upstream = fixture_upstream(&f, settings);
    clear_environment();
    fixture_ask(&f, (struct http_request){.target = "/x"}, &seen);
    assert_non_null(strstr(seen.failure.text, "unknown host vault.invalid"));
    assert_int_equal(loopback_count(f.server), 0);
    fixture_close(&f);
}

TEST(requests_go_through_the_proxy)
{
    struct fixture f;
    struct seen seen = {0}, direct = {0}, refused = {0};
    struct upstream_settings settings = {.origin = "http://vault.invalid", .allow_plain = true};

    clear_environment();
    fixture_open(&f);
    LOOPBACK_SCRIPT(f.server, "http://vault.invalid/x", {.bytes = OK_ANSWER});
    setenv("HTTP_PROXY", loopback_origin(f.server), 1);
    http_use_environment_proxies(f.http);
    f.upstream = fixture_upstream(&f, settings);
    clear_environment();
    fixture_ask(&f, (struct http_request){.target = "/x"}, &seen);
    assert_int_equal(seen.status, 200);
    settings.proxy = ""; /* none, whatever the environment says */
    setenv("HTTP_PROXY", loopback_origin(f.server), 1);
    f.upstream = fixture_upstream(&f, settings);
    fixture_ask(&f, (struct http_request){.target = "/x"}, &direct);
    assert_non_null(strstr(direct.failure.text, "unknown host vault.invalid"));
    clear_environment();
    settings.proxy = "http://127.0.0.1:1";
    f.upstream = fixture_upstream(&f, settings);
    fixture_ask(&f, (struct http_request){.target = "/x"}, &refused);
    assert_non_null(strstr(refused.failure.text, "through the proxy"));
    assert_int_equal(loopback_count(f.server), 1);
    fixture_close(&f);
}

int main(void)
{
    struct failure why;

    if (!net_global_init(&why))
        return 1;
    return RUN(CASE(an_origin_is_taken_apart), CASE(a_host_is_decoded_once_and_never_again),
               CASE(only_this_machine_is_loopback), CASE(no_proxy_is_understood),
               CASE(the_environment_names_the_proxy),
               CASE(the_environment_is_not_asked_for_a_proxy_by_itself),
               CASE(requests_go_through_the_proxy));
}
