/* SPDX-License-Identifier: Apache-2.0 */
/* Whom the HTTP client trusts, and what it shows of itself. */
#include "http_fixture.h"
#include "tests/support/loopback_tls.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void open_tls(struct fixture *f, const char *cert, struct upstream_settings settings)
{
    char cert_file[128], key_file[128];
    struct loopback_settings server = {.cert_file = cert_file, .key_file = key_file};

    snprintf(cert_file, sizeof(cert_file), "%s/%s.pem", fixture_folder(), cert);
    snprintf(key_file, sizeof(key_file), "%s/%s.key", fixture_folder(), cert);
    fixture_open_with(f, &server, settings);
    LOOPBACK_SCRIPT(f->server, "/", {.bytes = OK_ANSWER});
    LOOPBACK_SCRIPT(f->server, "/hang", {.act = LOOPBACK_HANG});
    LOOPBACK_SCRIPT(f->server, "/last",
                    {.act = LOOPBACK_LAST, .bytes = "HTTP/1.1 200 OK\r\n\r\nbye"});
}

static void expect_untrusted(const char *cert, struct upstream_settings settings, const char *words)
{
    struct fixture f;
    struct seen seen = {0};

    open_tls(&f, cert, settings);
    fixture_ask(&f, (struct http_request){.target = "/", .method = "POST"}, &seen);
    assert_string_equal(failure_kind_name(seen.failure.kind), failure_kind_name(FAILURE_NETWORK));
    if (!strstr(seen.failure.text, words))
        assert_string_equal(seen.failure.text, words);
    assert_int_equal(loopback_count(f.server), 0);
    fixture_close(&f);
}

TEST(the_named_ca_is_trusted)
{
    struct fixture f;
    struct seen seen = {0};

    open_tls(&f, "server", (struct upstream_settings){.ca_file = fixture_path("ca.pem")});
    fixture_ask(&f, (struct http_request){.target = "/"}, &seen);
    assert_string_equal(seen.failure.text, "");
    assert_string_equal(seen.body, "ok");
    fixture_close(&f);
}

TEST(the_systems_roots_do_not_trust_a_private_ca)
{
    expect_untrusted("server", (struct upstream_settings){0}, "certificate is not trusted");
    expect_untrusted("server", (struct upstream_settings){0}, "/etc/");
}

TEST(a_ca_file_replaces_the_systems_roots_and_is_named)
{
    expect_untrusted("server", (struct upstream_settings){.ca_file = fixture_path("stranger.pem")},
                     fixture_path("stranger.pem"));
}

TEST(a_stranger_is_not_trusted)
{
    expect_untrusted("stranger", (struct upstream_settings){.ca_file = fixture_path("ca.pem")},
                     "self-signed certificate");
}

TEST(an_expired_certificate_is_said_so)
{
    expect_untrusted("expired", (struct upstream_settings){.ca_file = fixture_path("ca.pem")},
                     "certificate has expired, if this machine's clock is right (20");
}

TEST(a_certificate_for_another_name_is_said_so)
{
    expect_untrusted("other", (struct upstream_settings){.ca_file = fixture_path("ca.pem")},
                     "its certificate is not for the name 127.0.0.1");
}

TEST(accept_any_certificate_is_for_who_asked)
{
    static const char *const certs[] = {"other", "expired", "stranger"};

    for (size_t i = 0; i < 3; i++) {
        struct fixture f;
        struct seen seen = {0};

        open_tls(&f, certs[i], (struct upstream_settings){.accept_any_certificate = true});
        fixture_ask(&f, (struct http_request){.target = "/"}, &seen);
        assert_int_equal(seen.status, 200);
        fixture_close(&f);
    }
}

TEST(the_server_name_is_sent_and_verified_instead_of_the_host)
{
    struct fixture f;
    struct seen seen = {0};
    char host[64];

    open_tls(
        &f, "other",
        (struct upstream_settings){.ca_file = fixture_path("ca.pem"), .server_name = "Other.test"});
    fixture_ask(&f, (struct http_request){.target = "/"}, &seen);
    assert_string_equal(seen.failure.text, "");
    assert_int_equal(seen.status, 200);
    assert_string_equal(loopback_server_name(f.server), "other.test");
    snprintf(host, sizeof(host), "\r\nHost: 127.0.0.1:%d\r\n", loopback_port(f.server));
    assert_non_null(strstr(loopback_request(f.server, 0), host));
    fixture_close(&f);
    expect_untrusted(
        "server",
        (struct upstream_settings){.ca_file = fixture_path("ca.pem"), .server_name = "other.test"},
        "not for the name other.test");
}

TEST(http2_is_offered)
{
    struct fixture f;
    struct seen seen = {0};

    open_tls(&f, "server", (struct upstream_settings){.ca_file = fixture_path("ca.pem")});
    fixture_ask(&f, (struct http_request){.target = "/"}, &seen);
    assert_string_equal(loopback_alpn(f.server), "h2,http/1.1");
    fixture_close(&f);
}

TEST(tls_older_than_1_2_is_refused)
{
    struct fixture f;
    struct seen seen = {0};
    struct loopback_settings server = {.cert_file = fixture_path("server.pem"),
                                       .key_file = fixture_path("server.key"),
                                       .tls_1_1_only = true};

    fixture_open_with(&f, &server, (struct upstream_settings){.ca_file = fixture_path("ca.pem")});
    fixture_ask(&f, (struct http_request){.target = "/"}, &seen);
    assert_int_equal(seen.failure.kind, FAILURE_NETWORK);
    assert_non_null(strstr(seen.failure.text, "TLS failed"));
    fixture_close(&f);
}

TEST(https_to_a_plain_port_is_said_so)
{
    struct fixture f;
    struct seen seen = {0};
    char origin[64];

    fixture_open(&f);
    snprintf(origin, sizeof(origin), "https://127.0.0.1:%d", loopback_port(f.server));
    loopback_script(f.server, "/", &(struct loopback_step){.bytes = OK_ANSWER}, 1);
    f.upstream = fixture_upstream(&f, (struct upstream_settings){.origin = origin});
    fixture_ask(&f, (struct http_request){.target = "/", .deadline_ms = 300}, &seen);
    assert_true(seen.failure.kind == FAILURE_TIMEOUT || seen.failure.kind == FAILURE_NETWORK);
    fixture_close(&f);
}

static void with_client_certificate(const char *name, struct seen *seen)
{
    struct fixture f;
    char cert[128], key[128];
    struct loopback_settings server = {.cert_file = fixture_path("server.pem"),
                                       .key_file = fixture_path("server.key"),
                                       .client_ca_file = fixture_path("ca.pem")};
    struct upstream_settings settings = {.ca_file = server.client_ca_file};

    if (name) {
        snprintf(cert, sizeof(cert), "%s/%s.pem", fixture_folder(), name);
        snprintf(key, sizeof(key), "%s/%s.key", fixture_folder(), name);
        settings.client_cert_file = cert;
        settings.client_key_file = key;
    }
    fixture_open_with(&f, &server, settings);
    LOOPBACK_SCRIPT(f.server, "/", {.bytes = OK_ANSWER});
    fixture_ask(&f, (struct http_request){.target = "/"}, seen);
    fixture_close(&f);
}

TEST(the_client_certificate_is_shown)
{
    struct seen with = {0}, without = {0};

    with_client_certificate("client", &with);
    assert_int_equal(with.status, 200);
    with_client_certificate(NULL, &without);
    assert_int_equal(without.failure.kind, FAILURE_NETWORK);
    assert_non_null(strstr(without.failure.text, "it wants another client certificate"));
}

static void expect_unopened(struct upstream_settings settings, const char *part)
{
    struct fixture f;
    struct failure why = {0};

    fixture_open(&f);
    settings.origin = "https://127.0.0.1:1";
    assert_null(upstream_open(f.http, &settings, &why));
    assert_int_equal(why.kind, FAILURE_INVALID);
    if (!strstr(why.text, part))
        assert_string_equal(why.text, part);
    fixture_close(&f);
}

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(fixture_path(name), "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static char *contents(const char *name)
{
    static char memory[2][8192];
    static unsigned turn;
    char *text = memory[turn++ % 2];
    FILE *file = fopen(fixture_path(name), "r");

    assert_non_null(file);
    text[fread(text, 1, sizeof memory[0] - 1, file)] = '\0';
    fclose(file);
    return text;
}

static void write_locked_key(const char *name)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    FILE *file = fopen(fixture_path(name), "w");
    unsigned char passphrase[] = "pass";

    assert_non_null(file);
    assert_int_equal(PEM_write_PrivateKey(file, key, EVP_aes_128_cbc(), passphrase, 4, NULL, NULL),
                     1);
    fclose(file);
    EVP_PKEY_free(key);
}

static void expect_useless(const char *cert, const char *key, const char *part)
{
    expect_unopened((struct upstream_settings){.ca_file = fixture_path("ca.pem"),
                                               .client_cert_file = fixture_path(cert),
                                               .client_key_file = fixture_path(key)},
                    part);
}

TEST(a_client_certificate_that_cannot_serve_is_refused_before_anything_is_sent)
{
    write_locked_key("locked.key");
    write_file("cut.key", "-----BEGIN PRIVATE KEY-----\nTUlJ\n");
    write_file("cut.pem", "-----BEGIN CERTIFICATE-----\nTUlJ\n");
    expect_useless("client.pem", "stranger.key", "stranger.key is not the key of the client cert");
    expect_useless("client.pem", "locked.key", "locked.key is locked by a passphrase");
    expect_useless("client.pem", "cut.key", "cut.key cannot be read");
    expect_useless("cut.pem", "client.key", "cut.pem cannot be read");
    expect_useless("expired.pem", "expired.key",
                   "expired.pem has expired, if this machine's clock is right");
    unlink(fixture_path("cut.pem"));
}

/* OpenSSL asks at the terminal unless it is given another way. */
TEST(a_key_that_is_replaced_by_a_locked_one_is_a_failure_and_no_question)
{
    struct fixture f;
    struct seen seen = {0};
    struct upstream_settings settings = {.ca_file = fixture_path("ca.pem"),
                                         .client_cert_file = fixture_path("client.pem"),
                                         .client_key_file = fixture_path("mine.key")};

    write_file("mine.key", contents("client.key"));
    open_tls(&f, "server", settings);
    write_locked_key("mine.key");
    fixture_ask(&f, (struct http_request){.target = "/", .retry = HTTP_RETRY_SAFE}, &seen);
    assert_int_equal(seen.failure.kind, FAILURE_INVALID);
    assert_non_null(strstr(seen.failure.text, fixture_path("client.pem")));
    fixture_close(&f);
}

TEST(a_file_that_cannot_be_what_it_is_given_for_is_refused_before_anything_is_sent)
{
    const char *client = fixture_path("client.pem"), *key = fixture_path("client.key");

    write_file("empty.pem", "");
    expect_unopened((struct upstream_settings){.ca_file = fixture_path("empty.pem")},
                    "empty.pem is empty");
    expect_unopened((struct upstream_settings){.ca_file = fixture_folder()}, "is a folder");
    expect_unopened((struct upstream_settings){.ca_file = key}, "holds no certificate (PEM)");
    expect_unopened((struct upstream_settings){.ca_file = fixture_path("none")},
                    "none cannot be read: No such file");
    expect_unopened((struct upstream_settings){.ca_folder = fixture_path("none")},
                    "the CA folder ");
    expect_unopened((struct upstream_settings){.ca_pem = TEXT("x")},
                    "given as text hold none (PEM)");
    expect_unopened(
        (struct upstream_settings){.client_cert_file = client, .client_key_file = client},
        "the client key ");
    expect_unopened((struct upstream_settings){.client_cert_file = key, .client_key_file = key},
                    "the client certificate ");
    expect_unopened((struct upstream_settings){.client_cert_pem = TEXT("x")}, "belong together");
}

static void expect_trusted(struct upstream_settings settings)
{
    struct fixture f;
    struct seen seen = {0};

    open_tls(&f, "server", settings);
    fixture_ask(&f, (struct http_request){.target = "/"}, &seen);
    assert_string_equal(seen.failure.text, "");
    fixture_close(&f);
}

TEST(a_ca_is_taken_from_a_file_a_folder_or_text_and_from_all_of_them_together)
{
    const char *stranger = fixture_path("stranger.pem");
    char *ca = contents("ca.pem");

    expect_trusted((struct upstream_settings){.ca_folder = fixture_folder()});
    expect_trusted((struct upstream_settings){.ca_pem = text_of(ca)});
    expect_trusted((struct upstream_settings){.ca_file = stranger, .ca_pem = text_of(ca)});
    expect_untrusted("server",
                     (struct upstream_settings){.ca_pem = text_of(contents("stranger.pem"))},
                     "one of the given CA certificates");
}

TEST(a_client_certificate_may_be_text_and_goes_to_the_servers_opened_alike)
{
    struct fixture f;
    struct seen seen = {0}, again = {0};
    struct failure why = {0};
    struct secret *key = secret_new(text_of(contents("client.key")));
    struct loopback_settings server = {.cert_file = fixture_path("server.pem"),
                                       .key_file = fixture_path("server.key"),
                                       .client_ca_file = fixture_path("ca.pem")};
    struct upstream *alike;

    fixture_open_with(&f, &server,
                      (struct upstream_settings){.ca_pem = text_of(contents("ca.pem")),
                                                 .client_cert_pem = text_of(contents("client.pem")),
                                                 .client_key_pem = key,
                                                 .server_name = "localhost"});
    secret_free(key);
    LOOPBACK_SCRIPT(f.server, "/", {.act = LOOPBACK_LAST, .bytes = OK_ANSWER});
    fixture_ask(&f, (struct http_request){.target = "/"}, &seen);
    assert_string_equal(seen.failure.text, "");
    alike = upstream_open_like(f.upstream, loopback_origin(f.server), "the other", &why);
    assert_string_equal(why.text, "");
    fixture_send(alike, (struct http_request){.target = "/"}, &again);
    fixture_wait(&f, &again);
    assert_string_equal(again.failure.text, "");
    assert_string_equal(loopback_server_name(f.server), "localhost");
    upstream_close(alike);
    fixture_close(&f);
}

TEST(an_answer_is_final_for_who_asked_for_that)
{
    struct fixture f;
    struct seen seen = {0};

    open_tls(&f, "server", (struct upstream_settings){.ca_file = fixture_path("ca.pem")});
    LOOPBACK_SCRIPT(f.server, "/busy", {.bytes = STATUS("503 Busy")}, {.bytes = OK_ANSWER});
    fixture_ask(
        &f,
        (struct http_request){.target = "/busy", .retry = HTTP_RETRY_SAFE, .answers_end_it = true},
        &seen);
    assert_int_equal(seen.status, 503);
    fixture_close(&f);
}

TEST(tls_sessions_are_resumed_by_new_connections)
{
    struct fixture f;
    struct seen first = {0}, second = {0};

    open_tls(&f, "server", (struct upstream_settings){.ca_file = fixture_path("ca.pem")});
    fixture_ask(&f, (struct http_request){.target = "/last"}, &first);
    assert_string_equal(first.body, "bye");
    fixture_ask(&f, (struct http_request){.target = "/last"}, &second);
    assert_string_equal(second.body, "bye");
    assert_int_equal(loopback_accepted(f.server), 2);
    assert_int_equal(loopback_resumed(f.server), 1);
    fixture_close(&f);
}

TEST(a_silent_request_does_not_hold_up_the_next_over_tls)
{
    struct fixture f;
    struct seen silent = {0}, seen = {0};

    open_tls(&f, "server", (struct upstream_settings){.ca_file = fixture_path("ca.pem")});
    fixture_get(&f, "/hang", &silent);
    fixture_get(&f, "/", &seen);
    fixture_wait(&f, &seen);
    assert_int_equal(seen.status, 200);
    assert_int_equal(silent.calls, 0);
    fixture_close(&f);
}

int main(void)
{
    struct failure why;
    int failed;

    if (!net_global_init(&why))
        return 1;
    loopback_make_certificates(fixture_folder());
    failed = RUN(
        CASE(the_named_ca_is_trusted), CASE(the_systems_roots_do_not_trust_a_private_ca),
        CASE(a_ca_file_replaces_the_systems_roots_and_is_named), CASE(a_stranger_is_not_trusted),
        CASE(an_expired_certificate_is_said_so), CASE(a_certificate_for_another_name_is_said_so),
        CASE(accept_any_certificate_is_for_who_asked),
        CASE(the_server_name_is_sent_and_verified_instead_of_the_host), CASE(http2_is_offered),
        CASE(tls_older_than_1_2_is_refused), CASE(https_to_a_plain_port_is_said_so),
        CASE(the_client_certificate_is_shown),
        CASE(a_client_certificate_that_cannot_serve_is_refused_before_anything_is_sent),
        CASE(a_key_that_is_replaced_by_a_locked_one_is_a_failure_and_no_question),
        CASE(a_file_that_cannot_be_what_it_is_given_for_is_refused_before_anything_is_sent),
        CASE(a_ca_is_taken_from_a_file_a_folder_or_text_and_from_all_of_them_together),
        CASE(a_client_certificate_may_be_text_and_goes_to_the_servers_opened_alike),
        CASE(an_answer_is_final_for_who_asked_for_that),
        CASE(tls_sessions_are_resumed_by_new_connections),
        CASE(a_silent_request_does_not_hold_up_the_next_over_tls));
    fixture_folder_remove();
    return failed;
}
