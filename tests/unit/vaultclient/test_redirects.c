/* SPDX-License-Identifier: Apache-2.0 */
/* Redirects: at most one, within the cluster, and never taken for a success. */
#include "cluster_scene.h"
#include "tests/support/loopback_tls.h"

#include <stdlib.h>

/* For what cannot succeed, and is tried until its time is over. */
enum { SHORT_MS = 700 };

TEST(a_redirect_to_another_configured_address_is_followed_with_method_body_and_token)
{
    struct pair *pair = pair_open();
    struct vault_outcome outcome;
    const char *request;

    pair_redirects(pair, 0, pair->scene->server, loopback_origin(pair->second));
    LOOPBACK_SCRIPT(pair->second, DATA_PATH, WRITTEN("1"), WRITTEN("1"));
    pair_client(pair, true, (struct vault_settings){0});
    outcome = pair_create(pair);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_int_equal(count_at(pair->scene->server, WRITE), 1);
    assert_int_equal(count_at(pair->second, WRITE), 1);
    request = loopback_request(pair->second, 0);
    assert_non_null(strstr(request, "\r\nX-Vault-Token: s.given\r\n"));
    assert_non_null(strstr(request, "\"k\":\"new\""));
    /* The next one goes there straight away. */
    outcome = pair_create(pair);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_int_equal(count_at(pair->scene->server, WRITE), 1);
    pair_close(pair);
}

TEST(the_leader_that_a_server_names_is_followed_to)
{
    struct pair *pair = pair_open();
    struct vault_outcome outcome;

    pair_redirects(pair, 0, pair->scene->server, loopback_origin(pair->second));
    pair_names_leader(pair, 1, pair->scene->server, loopback_origin(pair->second));
    LOOPBACK_SCRIPT(pair->second, DATA_PATH, WRITTEN("1"));
    pair_client(pair, false, (struct vault_settings){0});
    outcome = pair_create(pair);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_int_equal(count_at(pair->second, WRITE), 1);
    /* Who leads is asked without a token. */
    assert_null(strstr(scene_request(pair->scene, LEADER, 0), "X-Vault-Token"));
    pair_close(pair);
}

static void expect_stays(struct pair *pair, struct vault_settings settings, const char *part)
{
    struct vault_outcome outcome;

    pair_redirects(pair, 0, pair->scene->server, loopback_origin(pair->second));
    pair_client(pair, false, settings);
    outcome = pair_create(pair);
    if (part)
        expect_kind(&outcome, FAILURE_REMOTE, part);
    assert_true(failure_is_temporary(outcome.kind));
    assert_int_equal(loopback_count(pair->second), 0);
    pair_close(pair);
}

TEST(nobody_else_is_followed_to_and_the_token_stays_here)
{
    struct pair *pair = pair_open();

    expect_stays(pair, (struct vault_settings){0},
                 "which is none of the addresses that were configured, nor the leader");
    pair = pair_open();
    /* Named and dead: whichever of the two was asked last, it is in its words. */
    pair_names_leader(pair, 1, pair->scene->server, "http://127.0.0.1:1");
    expect_stays(pair, (struct vault_settings){.timeout_ms = SHORT_MS}, NULL);
    pair = pair_open();
    pair_names_leader(pair, 1, pair->scene->server, loopback_origin(pair->second));
    expect_stays(pair, (struct vault_settings){.stays_put = true}, "pointed to http://127.0.0.1");
    /* A certificate nobody verified vouches for nobody. */
    pair = pair_open();
    pair_names_leader(pair, 1, pair->scene->server, loopback_origin(pair->second));
    expect_stays(pair,
                 (struct vault_settings){.accept_any_certificate = true, .timeout_ms = SHORT_MS},
                 "no active node");
}

/* A server with TLS, beside the pair's, which have none. */
struct tls {
    struct pair *pair;
    struct loopback *server;
    char folder[32], ca[64];
};

static struct tls tls_open(void)
{
    struct tls tls = {.pair = pair_open(), .folder = "/tmp/keydrift-vault-XXXXXX"};
    char cert[64], key[64];

    assert_non_null(mkdtemp(tls.folder));
    loopback_make_certificates(tls.folder);
    snprintf(cert, sizeof cert, "%s/server.pem", tls.folder);
    snprintf(key, sizeof key, "%s/server.key", tls.folder);
    snprintf(tls.ca, sizeof tls.ca, "%s/ca.pem", tls.folder);
    tls.server = loopback_open(&tls.pair->scene->loop,
                               &(struct loopback_settings){.cert_file = cert, .key_file = key});
    LOOPBACK_SCRIPT(tls.server, LOOKUP_PATH, LOOKUP_OK);
    LOOPBACK_SCRIPT(tls.server, MOUNT_PATH, MOUNT_V2);
    return tls;
}

static void tls_close(struct tls *tls)
{
    char command[80];

    loopback_close(tls->server);
    pair_close(tls->pair);
    snprintf(command, sizeof command, "rm -r %s", tls->folder);
    assert_int_equal(system(command), 0);
}

/* Neither a configured address without TLS nor one that is named as the leader. */
TEST(a_redirect_from_tls_to_plain_http_is_not_followed)
{
    for (int knows_it = 0; knows_it < 2; knows_it++) {
        struct tls tls = tls_open();
        struct vault_outcome outcome;

        pair_redirects(tls.pair, 0, tls.server, loopback_origin(tls.pair->second));
        pair_names_leader(tls.pair, 1, tls.server, loopback_origin(tls.pair->second));
        pair_client(
            tls.pair, knows_it,
            (struct vault_settings){.address = loopback_origin(tls.server), .ca_file = tls.ca});
        outcome = pair_create(tls.pair);
        expect_kind(&outcome, FAILURE_REMOTE, "no active node");
        expect_kind(&outcome, FAILURE_REMOTE, loopback_origin(tls.pair->second));
        expect_kind(&outcome, FAILURE_REMOTE, ", over another scheme, which is not followed");
        assert_int_equal(loopback_count(tls.pair->second), 0);
        assert_int_equal(count_at(tls.server, WRITE), 1);
        tls_close(&tls);
    }
}

TEST(a_redirect_from_plain_http_to_tls_is_not_followed_either)
{
    struct tls tls = tls_open();
    struct pair *pair = tls.pair;
    struct vault_outcome outcome;
    const char *more[] = {loopback_origin(tls.server)};

    pair_redirects(pair, 0, pair->scene->server, loopback_origin(tls.server));
    scene_open_client(pair->scene, (struct vault_settings){.more_addresses = more,
                                                           .more_address_count = 1,
                                                           .ca_file = tls.ca,
                                                           .timeout_ms = 20000});
    outcome = pair_create(pair);
    expect_kind(&outcome, FAILURE_REMOTE, ", over another scheme, which is not followed");
    assert_int_equal(loopback_count(tls.server), 0);
    tls_close(&tls);
}

TEST(a_decisive_read_over_tls_does_not_go_to_a_leader_without_it)
{
    for (int knows_it = 0; knows_it < 2; knows_it++) {
        struct tls tls = tls_open();
        struct vault_outcome outcome = {0};

        LOOPBACK_SCRIPT(tls.server, DATA_PATH, DATA("{\"k\":\"over TLS\"}", "1"));
        pair_names_leader(tls.pair, 1, tls.server, loopback_origin(tls.pair->second));
        pair_client(
            tls.pair, knows_it,
            (struct vault_settings){.address = loopback_origin(tls.server), .ca_file = tls.ca});
        assert_non_null(vault_read_field(tls.pair->scene->client, vault_key_of("a"), TEXT("k"), 0,
                                         VAULT_DECISIVE, vault_on_field, &outcome));
        vault_wait(&tls.pair->scene->loop, &outcome);
        expect_kind(&outcome, FAILURE_NONE, "");
        assert_string_equal(outcome.value, "over TLS");
        assert_int_equal(count_at(tls.server, LEADER), 1);
        assert_int_equal(loopback_count(tls.pair->second), 0);
        tls_close(&tls);
    }
}

TEST(trap_2_a_leader_that_redirects_writes_to_itself_is_no_leader)
{
    struct pair *pair = pair_open();
    struct vault_outcome outcome;

    pair_redirects(pair, 0, pair->scene->server, loopback_origin(pair->scene->server));
    pair_client(pair, false, (struct vault_settings){.timeout_ms = SHORT_MS});
    outcome = pair_create(pair);
    expect_kind(&outcome, FAILURE_REMOTE, "it answered 307 and pointed to itself");
    pair_close(pair);

    pair = pair_open();
    pair_redirects(pair, 0, pair->scene->server, loopback_origin(pair->scene->server));
    LOOPBACK_SCRIPT(pair->second, DATA_PATH, WRITTEN("1"));
    pair_client(pair, true, (struct vault_settings){0});
    outcome = pair_create(pair);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_int_equal(count_at(pair->second, WRITE), 1);
    pair_close(pair);
}

TEST(trap_10_a_write_that_ends_in_a_second_redirect_is_a_failure)
{
    struct pair *pair = pair_open();
    struct vault_outcome outcome;

    pair_redirects(pair, 0, pair->scene->server, loopback_origin(pair->second));
    pair_redirects(pair, 1, pair->second, loopback_origin(pair->scene->server));
    pair_client(pair, true, (struct vault_settings){.timeout_ms = SHORT_MS});
    outcome = pair_create(pair);
    expect_kind(&outcome, FAILURE_REMOTE, "after a first redirect");
    pair_close(pair);
}

/* For as long as nobody else was elected. */
TEST(a_write_outlives_a_leader_that_died_while_the_standby_still_points_to_it)
{
    struct pair *pair = pair_open();
    const char *more[] = {"http://127.0.0.1:1"};
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(pair->scene->server, DATA_PATH,
                    SAYS_WITH("307", "Location: http://127.0.0.1:1" DATA_PATH "\r\n", ""),
                    SAYS_WITH("307", "Location: http://127.0.0.1:1" DATA_PATH "\r\n", ""),
                    WRITTEN("1"));
    scene_open_client(pair->scene, (struct vault_settings){.more_addresses = more,
                                                           .more_address_count = 1,
                                                           .timeout_ms = 20000});
    outcome = pair_create(pair);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_int_equal(count_at(pair->scene->server, WRITE), 3);
    pair_close(pair);
}

TEST(only_307_and_308_are_followed)
{
    static const char *const lines[] = {"301", "302", "303"};

    for (size_t i = 0; i < 3; i++) {
        struct pair *pair = pair_open();
        struct vault_outcome outcome;

        snprintf(pair->text[0], sizeof pair->text[0],
                 "HTTP/1.1 %s x\r\nLocation: %s/v1/kv/data/a\r\n\r\n", lines[i],
                 loopback_origin(pair->second));
        pair->steps[0] = (struct loopback_step){.act = LOOPBACK_LAST, .bytes = pair->text[0]};
        loopback_script(pair->scene->server, DATA_PATH, &pair->steps[0], 1);
        pair_client(pair, true, (struct vault_settings){0});
        outcome = pair_create(pair);
        expect_kind(&outcome, FAILURE_REMOTE, "no active node");
        assert_int_equal(outcome.failure.http_status, 301 + (int)i);
        assert_int_equal(count_at(pair->second, WRITE), 0);
        pair_close(pair);
    }
}

int main(void)
{
    return RUN(
        CASE(a_redirect_to_another_configured_address_is_followed_with_method_body_and_token),
        CASE(the_leader_that_a_server_names_is_followed_to),
        CASE(nobody_else_is_followed_to_and_the_token_stays_here),
        CASE(a_redirect_from_tls_to_plain_http_is_not_followed),
        CASE(a_redirect_from_plain_http_to_tls_is_not_followed_either),
        CASE(a_decisive_read_over_tls_does_not_go_to_a_leader_without_it),
        CASE(trap_2_a_leader_that_redirects_writes_to_itself_is_no_leader),
        CASE(trap_10_a_write_that_ends_in_a_second_redirect_is_a_failure),
        CASE(a_write_outlives_a_leader_that_died_while_the_standby_still_points_to_it),
        CASE(only_307_and_308_are_followed));
}
