/* SPDX-License-Identifier: Apache-2.0 */
/* Several addresses of one cluster: which one is asked, and what goes elsewhere when it fails. */
#include "cluster_scene.h"

#include <stdlib.h>
#include <unistd.h>

TEST(the_first_address_is_asked_while_it_works)
{
    struct pair *pair = pair_open();
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(pair->scene->server, DATA_PATH, DATA("{\"k\":\"v\"}", "1"));
    pair_client(pair, true, (struct vault_settings){0});
    for (int i = 0; i < 3; i++) {
        outcome = pair_read(pair);
        expect_kind(&outcome, FAILURE_NONE, "");
    }
    assert_int_equal(loopback_count(pair->second), 0);
    pair_close(pair);
}

static void expect_second(const struct loopback_step *first, uint32_t timeout_ms)
{
    struct pair *pair = pair_open();
    struct vault_outcome outcome;
    unsigned asked;

    loopback_script(pair->scene->server, DATA_PATH, first, 1);
    LOOPBACK_SCRIPT(pair->second, DATA_PATH, DATA("{\"k\":\"second\"}", "1"));
    pair_client(pair, true, (struct vault_settings){.timeout_ms = timeout_ms});
    outcome = pair_read(pair);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_string_equal(outcome.value, "second");
    /* And it sticks to the one that works. */
    asked = loopback_count(pair->scene->server);
    outcome = pair_read(pair);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_int_equal(loopback_count(pair->scene->server), asked);
    assert_int_equal(count_at(pair->second, READ), 2);
    pair_close(pair);
}

TEST(another_address_is_asked_when_one_is_sealed_leaderless_broken_or_silent)
{
    static const struct loopback_step sealed = SEALED, leaderless = LEADERLESS,
                                      uninitialised = SAYS("501", "{\"errors\":[]}"),
                                      broken = SAYS("502", "<html>bad gateway</html>"),
                                      closes = CLOSES, hangs = HANGS;

    expect_second(&sealed, 20000);
    expect_second(&leaderless, 20000);
    expect_second(&uninitialised, 20000);
    expect_second(&broken, 20000);
    expect_second(&closes, 20000);
    expect_second(&hangs, 3000);
}

TEST(a_request_that_never_left_goes_to_the_next_address_also_a_write)
{
    struct pair *pair = pair_open();
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(pair->second, DATA_PATH, WRITTEN("1"));
    pair_client(pair, true, (struct vault_settings){.address = "http://127.0.0.1:1"});
    outcome = pair_create(pair);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_int_equal(count_at(pair->second, WRITE), 1);
    pair_close(pair);
}

TEST(a_write_whose_answer_was_lost_is_read_back_elsewhere_and_not_repeated)
{
    struct pair *pair = pair_open();
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(pair->scene->server, DATA_PATH, CLOSES);
    LOOPBACK_SCRIPT(pair->second, DATA_PATH, DATA("{\"k\":\"new\"}", "1"));
    pair_client(pair, true, (struct vault_settings){0});
    outcome = pair_create(pair);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_int_equal(count_at(pair->scene->server, WRITE), 1);
    assert_int_equal(count_at(pair->second, WRITE), 0);
    assert_int_equal(count_at(pair->second, READ), 1);
    pair_close(pair);
}

TEST(a_write_that_two_servers_left_open_is_ambiguous)
{
    struct pair *pair = pair_open();
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(pair->scene->server, DATA_PATH,
                    SAYS("500", "{\"errors\":[\"failed to write: leadership lost while committing "
                                "log\"]}"));
    LOOPBACK_SCRIPT(pair->second, DATA_PATH, LEADERLESS);
    pair_client(pair, true, (struct vault_settings){.timeout_ms = 1000, .max_tries = 1});
    outcome = pair_create(pair);
    expect_kind(&outcome, FAILURE_AMBIGUOUS, "version 1 may or may not have been written");
    assert_int_equal(count_at(pair->scene->server, WRITE) + count_at(pair->second, WRITE), 1);
    pair_close(pair);
}

TEST(when_no_address_works_the_failure_is_that_of_one_of_them)
{
    struct pair *pair = pair_open();
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(pair->second, LOOKUP_PATH, SEALED);
    LOOPBACK_SCRIPT(pair->second, DATA_PATH, SEALED);
    pair_client(pair, true,
                (struct vault_settings){.address = "http://127.0.0.1:1", .max_tries = 1});
    outcome = pair_read(pair);
    assert_int_equal(outcome.times, 1);
    assert_true(outcome.kind == FAILURE_REMOTE || outcome.kind == FAILURE_NETWORK);
    assert_string_equal(vault_client_address(pair->scene->client), "http://127.0.0.1:1");
    pair_close(pair);
}

TEST(a_unix_socket_is_an_address_like_any_other)
{
    char folder[] = "/tmp/keydrift-vault-XXXXXX", path[64], address[80];
    struct scene *scene = scene_open();
    const char *more[] = {loopback_origin(scene->server)};
    struct loopback *server;
    struct vault_outcome outcome;

    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/s", folder);
    snprintf(address, sizeof address, "unix://%s", path);
    server = loopback_open(&scene->loop, &(struct loopback_settings){.unix_path = path});
    LOOPBACK_SCRIPT(server, LOOKUP_PATH, LOOKUP_OK);
    LOOPBACK_SCRIPT(server, MOUNT_PATH, MOUNT_V2);
    LOOPBACK_SCRIPT(server, DATA_PATH, DATA("{\"k\":\"socket\"}", "1"), SEALED);
    LOOPBACK_SCRIPT(scene->server, DATA_PATH, DATA("{\"k\":\"port\"}", "1"));
    scene_open_client(scene, (struct vault_settings){.address = address,
                                                     .more_addresses = more,
                                                     .more_address_count = 1,
                                                     .timeout_ms = 20000});
    outcome = vault_field_of(&scene->loop, scene->client, "a", "k", 0);
    assert_string_equal(outcome.value, "socket");
    assert_non_null(strstr(loopback_request(server, 0), "\r\nX-Vault-Request: true\r\n"));
    outcome = vault_field_of(&scene->loop, scene->client, "a", "k", 0);
    assert_string_equal(outcome.value, "port");
    loopback_close(server);
    scene_close(scene);
    unlink(path);
    assert_int_equal(rmdir(folder), 0);
}

TEST(addresses_that_make_no_sense_are_named)
{
    static const char *const bad[] = {"http://vault.example:8200", "https://a@b.example", "vault",
                                      "https://a.example/?x=1"};
    struct scene *scene = scene_open();
    struct secret *token = secret_new(TEXT("s.given"));
    struct failure why;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct vault_settings settings = {.address = "http://127.0.0.1:1",
                                          .more_addresses = &bad[i],
                                          .more_address_count = 1,
                                          .auth.token.value = token};

        assert_null(vault_client_open(scene->http, &settings, &why));
        assert_int_equal(why.kind, FAILURE_INVALID);
        if (!strstr(why.text, i == 1 ? "holds an \"@\"" : bad[i]))
            assert_string_equal(why.text, bad[i]);
    }
    secret_free(token);
    scene_close(scene);
}

int main(void)
{
    return RUN(CASE(the_first_address_is_asked_while_it_works),
               CASE(another_address_is_asked_when_one_is_sealed_leaderless_broken_or_silent),
               CASE(a_request_that_never_left_goes_to_the_next_address_also_a_write),
               CASE(a_write_whose_answer_was_lost_is_read_back_elsewhere_and_not_repeated),
               CASE(a_write_that_two_servers_left_open_is_ambiguous),
               CASE(when_no_address_works_the_failure_is_that_of_one_of_them),
               CASE(a_unix_socket_is_an_address_like_any_other),
               CASE(addresses_that_make_no_sense_are_named));
}
