/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens of Kubernetes and their like say when they end: one that has certainly ended is not shown
 * to the server. */
#include "tests/unit/vaultclient/scene.h"

#include "base/buffer.h"
#include "vaultclient/internal.h"

#include <stdint.h>
#include <stdio.h>
#include <time.h>

#define KUBERNETES "/v1/auth/kubernetes/login"

/* {"alg":"RS256"}.{"exp":...}: of 2001-09-09, and of 2286 */
#define EXPIRED "eyJhbGciOiJSUzI1NiJ9.eyJleHAiOjEwMDAwMDAwMDB9.c2ln"
#define LASTING "eyJhbGciOiJSUzI1NiJ9.eyJleHAiOjk5OTk5OTk5OTl9.c2ln"

TEST(a_token_of_kubernetes_that_has_expired_is_told_and_not_sent_until_its_file_is_replaced)
{
    static const enum vault_auth_method methods[] = {VAULT_AUTH_KUBERNETES, VAULT_AUTH_JWT,
                                                     VAULT_AUTH_AZURE};

    for (size_t i = 0; i < 3; i++) {
        struct scene *scene = scene_open();
        struct credential_file file = credential_file_new(EXPIRED "\n");
        struct vault_auth auth = {
            .method = methods[i], .mount = "here", .role = "web", .jwt.file = file.path};
        struct vault_outcome outcome;
        char part[160];

        LOOPBACK_SCRIPT(scene->server, "/v1/auth/here/login", LOGIN("s.one", "1200"));
        scene_begin_login(scene, &auth, 5000);
        outcome = scene_look(scene);
        snprintf(part, sizeof part,
                 " in %s has expired at 2001-09-09T01:46:40Z: its file is not kept up to date",
                 file.path);
        expect_kind(&outcome, FAILURE_INVALID, part);
        assert_int_equal(loopback_count(scene->server), 0);
        credential_file_replace(&file, LASTING);
        outcome = scene_look_until(scene, "POST /v1/auth/here/login", 1);
        expect_kind(&outcome, FAILURE_NONE, "");
        scene_close(scene);
        credential_file_remove(&file);
    }
}

/* Half an hour past its time by our clock, which nobody has confirmed: an hour off is not rare. */
TEST(a_clock_that_may_be_wrong_keeps_no_token_from_being_sent)
{
    struct scene *scene = scene_open();
    struct buffer token = {.limit = 256};
    struct credential_file file;
    struct vault_auth auth = {.method = VAULT_AUTH_KUBERNETES, .role = "web"};
    struct vault_outcome outcome;
    char claims[64];

    snprintf(claims, sizeof claims, "{\"exp\":%ld}", (long)time(NULL) - 1800);
    buffer_append_string(&token, "eyJhbGciOiJSUzI1NiJ9.");
    buffer_append_base64url(&token, text_of(claims));
    buffer_append_string(&token, ".c2ln");
    file = credential_file_new(buffer_text(&token).start);
    auth.jwt.file = file.path;
    LOOPBACK_SCRIPT(scene->server, KUBERNETES, LOGIN("s.one", "1200"));
    scene_begin_login(scene, &auth, 5000);
    outcome = scene_look(scene);
    expect_kind(&outcome, FAILURE_NONE, "");
    buffer_clear(&token);
    scene_close(scene);
    credential_file_remove(&file);
}

#define ON_NEW_YEAR(token)                                                                         \
    SAYS_WITH("200", "Date: Thu, 01 Jan 2026 00:00:00 GMT\r\n",                                    \
              "{\"auth\":{\"client_token\":\"" token "\",\"lease_duration\":2}}")
/* An hour before and after that. */
#define BEFORE_NEW_YEAR "eyJhbGciOiJSUzI1NiJ9.eyJleHAiOjE3NjcyMjIwMDB9.c2ln"
#define AFTER_NEW_YEAR  "eyJhbGciOiJSUzI1NiJ9.eyJleHAiOjE3NjcyMjkyMDB9.c2ln"

TEST(once_it_is_known_the_servers_clock_decides_what_has_expired)
{
    struct scene *scene = scene_open();
    struct credential_file file = credential_file_new(LASTING);
    struct vault_auth auth = {
        .method = VAULT_AUTH_KUBERNETES, .role = "web", .jwt.file = file.path};
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(scene->server, KUBERNETES, ON_NEW_YEAR("s.one"), ON_NEW_YEAR("s.two"));
    LOOPBACK_SCRIPT(scene->server, "/v1/auth/token/renew-self", SAYS("204", ""));
    scene_begin_login(scene, &auth, 5000);
    outcome = scene_look(scene);
    expect_kind(&outcome, FAILURE_NONE, "");
    credential_file_replace(&file, AFTER_NEW_YEAR);
    outcome = scene_look_until(scene, "POST " KUBERNETES, 2);
    expect_kind(&outcome, FAILURE_NONE, "");
    credential_file_replace(&file, BEFORE_NEW_YEAR);
    for (int i = 0; i < 500 && outcome.kind == FAILURE_NONE; i++) {
        vault_idle(&scene->loop, 10);
        outcome = scene_look(scene);
    }
    expect_kind(&outcome, FAILURE_INVALID, " has expired at 2025-12-31T23:00:00Z: ");
    assert_int_equal(scene_count(scene, "POST " KUBERNETES), 2);
    scene_close(scene);
    credential_file_remove(&file);
}

/* ---- whose clock is believed ----------------------------------------------------------------- */

static bool may_send(const struct vault_client *client, int64_t expiry_s)
{
    struct buffer token = {.limit = 256};
    struct failure why;
    char claims[64];
    bool may;

    snprintf(claims, sizeof claims, "{\"exp\":%lld}", (long long)expiry_s);
    buffer_append_string(&token, "eyJhbGciOiJSUzI1NiJ9.");
    buffer_append_base64url(&token, text_of(claims));
    buffer_append_string(&token, ".c2ln");
    may = vault_clock_allows(client, buffer_text(&token), "JWT", NULL, &why);
    buffer_clear(&token);
    return may;
}

static struct vault_client *hear(int64_t servers_time_s)
{
    static struct vault_client client;

    client =
        (struct vault_client){.their_time = servers_time_s * 1000, .their_time_at = vault_now_ms()};
    return &client;
}

/* Whoever sends nothing hears nothing: neither that the server's clock was set right, nor that it
 * was never wrong. */
TEST(a_servers_clock_is_not_believed_for_ever)
{
    int64_t now_s = time(NULL);
    struct vault_client *client = hear(now_s + 7200);

    assert_false(may_send(client, now_s + 3600));
    client->their_time_at -= 3600000;
    assert_true(may_send(client, now_s + 3600));
    /* What both clocks call long gone is, still. */
    assert_false(may_send(client, now_s - 90000));
}

/* Ours was an hour behind when it answered, and has been set right since. */
TEST(a_clock_of_ours_that_jumps_makes_no_token_expire)
{
    int64_t now_s = time(NULL);
    struct vault_client *client = hear(now_s);

    client->clock_ahead_ms = -3600000;
    assert_true(may_send(client, now_s + 1800));
    assert_false(may_send(client, now_s - 1800));
}

TEST(what_expires_beyond_all_calendars_has_not_expired)
{
    const struct vault_client *client = hear(time(NULL));

    assert_true(may_send(client, INT64_MAX / 1000 - 1));
    assert_true(may_send(client, INT64_MAX));
}

int main(void)
{
    return RUN(
        CASE(
            a_token_of_kubernetes_that_has_expired_is_told_and_not_sent_until_its_file_is_replaced),
        CASE(a_clock_that_may_be_wrong_keeps_no_token_from_being_sent),
        CASE(once_it_is_known_the_servers_clock_decides_what_has_expired),
        CASE(a_servers_clock_is_not_believed_for_ever),
        CASE(a_clock_of_ours_that_jumps_makes_no_token_expire),
        CASE(what_expires_beyond_all_calendars_has_not_expired));
}
