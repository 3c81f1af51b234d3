/* SPDX-License-Identifier: Apache-2.0 */
/* One server as it is: sealed, without a leader, behind, busy, slow, or something else entirely. */
#include "scene.h"

#include <string.h>

#define READ  "GET /v1/kv/data/a"
#define WRITE "POST /v1/kv/data/a"

#define LEADERLESS                                                                                 \
    SAYS("500", "{\"errors\":[\"local node not active but active cluster node not found\"]}")
#define INSTANCELESS SAYS("503", "{\"errors\":[\"no active Vault instance found\"]}")
#define BEHIND       SAYS_WITH("429", "Retry-After: 1\r\n", "{\"errors\":[]}")
#define SLOWLY_BEHIND                                                                              \
    {                                                                                              \
        .act = LOOPBACK_LAST, .delay_ms = 30, .bytes = "HTTP/1.1 429 x\r\n\r\n{\"errors\":[]}"     \
    }
#define OVER_QUOTA(headers)                                                                        \
    SAYS_WITH("429", headers,                                                                      \
              "{\"errors\":[\"request path \\\"kv/data/a\\\": rate limit quota exceeded\"]}")

static struct vault_outcome read_a(struct scene *scene)
{
    return vault_field_of(&scene->loop, scene->client, "a", "k", 0);
}

static struct vault_outcome create_a(struct scene *scene)
{
    struct vault_version none = {0};

    return vault_set_field(&scene->loop, scene->client, "a", "k", "new", &none);
}

static struct scene *scene_within(uint32_t timeout_ms)
{
    struct scene *scene = scene_open();

    scene_open_client(scene, (struct vault_settings){.timeout_ms = timeout_ms});
    return scene;
}

/* `times`: how often it is asked, 0: however often. */
static void expect_read(struct scene *scene, enum failure_kind kind, const char *part,
                        unsigned times, const struct loopback_step *steps, size_t count)
{
    struct vault_outcome outcome;

    loopback_script(scene->server, "/v1/kv/data/a", steps, count);
    outcome = read_a(scene);
    expect_kind(&outcome, kind, part);
    if (times)
        assert_int_equal(scene_count(scene, READ), times);
    scene_close(scene);
}

#define EXPECT_READ(scene, kind, part, times, ...)                                                 \
    do {                                                                                           \
        static const struct loopback_step steps_[] = {__VA_ARGS__};                                \
        expect_read(scene, kind, part, times, steps_, sizeof steps_ / sizeof *steps_);             \
    } while (0)

TEST(a_sealed_uninitialised_or_locked_server_is_not_asked_again_and_again)
{
    EXPECT_READ(scene_with_token(), FAILURE_REMOTE, "503 Vault is sealed; somebody has to unseal",
                1, SAYS("503", "{\"errors\":[\"Vault is sealed\"]}"));
    EXPECT_READ(scene_with_token(), FAILURE_REMOTE, "Vault is not initialised", 1,
                SAYS("501", "{\"errors\":[]}"));
    EXPECT_READ(scene_with_token(), FAILURE_REMOTE, "only an administrator of Vault can unlock", 1,
                SAYS("503", "{\"errors\":[\"API access to this namespace has been locked by an "
                            "administrator - \\\"ns1/\\\" must be unlocked to gain access.\"]}"));
}

TEST(a_request_outlives_an_election)
{
    struct scene *scene = scene_within(30000);
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(scene->server, "/v1/kv/data/a", LEADERLESS, INSTANCELESS, LEADERLESS,
                    WRITTEN("1"), INSTANCELESS, DATA("{\"k\":\"v\"}", "1"));
    outcome = create_a(scene);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_int_equal(outcome.version.version, 1);
    assert_int_equal(scene_count(scene, WRITE), 4);
    outcome = read_a(scene);
    expect_kind(&outcome, FAILURE_NONE, "");
    scene_close(scene);
}

TEST(without_a_leader_a_write_fails_and_is_not_called_ambiguous)
{
    struct scene *scene = scene_within(700);
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(scene->server, "/v1/kv/data/a", LEADERLESS);
    outcome = create_a(scene);
    expect_kind(&outcome, FAILURE_REMOTE, "500 local node not active");
    assert_int_equal(scene_count(scene, READ), 0);
    scene_close(scene);
}

/* Each of them asks for a second's wait; all together would take longer than there is time. */
TEST(trap_1_429_with_an_empty_list_is_an_index_not_met_and_asked_again_within_milliseconds)
{
    EXPECT_READ(scene_within(10000), FAILURE_NONE, "", 13, BEHIND, BEHIND, BEHIND, BEHIND, BEHIND,
                BEHIND, BEHIND, BEHIND, BEHIND, BEHIND, BEHIND, BEHIND, DATA("{\"k\":\"v\"}", "1"));
    EXPECT_READ(scene_within(10000), FAILURE_NONE, "", 2,
                SAYS("412", "{\"errors\":[\"required index state not present\"]}"),
                DATA("{\"k\":\"v\"}", "1"));
}

/* Nor as a time-out: no try begins that has no time left to be answered. */
TEST(a_copy_that_stays_behind_is_told_as_such_and_not_as_a_quota)
{
    for (int i = 0; i < 5; i++)
        EXPECT_READ(scene_within(300), FAILURE_REMOTE, "429: this server's copy is behind", 0,
                    SLOWLY_BEHIND);
}

TEST(a_quota_is_waited_for_even_when_it_names_no_time)
{
    struct scene *scene;

    EXPECT_READ(scene_within(10000), FAILURE_NONE, "", 2, OVER_QUOTA("Retry-After: 0\r\n"),
                DATA("{\"k\":\"v\"}", "1"));
    EXPECT_READ(scene_within(10000), FAILURE_NONE, "", 2,
                OVER_QUOTA("X-Ratelimit-Remaining: 0\r\nX-Ratelimit-Reset: 1\r\n"),
                DATA("{\"k\":\"v\"}", "1"));
    scene = scene_open();
    scene_open_client(scene, (struct vault_settings){.timeout_ms = 10000, .max_tries = 2});
    EXPECT_READ(scene, FAILURE_THROTTLED, "429 request path \"kv/data/a\": rate", 2,
                OVER_QUOTA("Retry-After: 0\r\n"));
    /* Longer than there is time: it is told at once, with the wait. */
    EXPECT_READ(scene_within(5000), FAILURE_THROTTLED, "quota exceeded", 1,
                OVER_QUOTA("Retry-After: 60\r\n"));
    EXPECT_READ(scene_within(5000), FAILURE_THROTTLED, "quota exceeded", 1,
                OVER_QUOTA("X-Ratelimit-Remaining: 0\r\nX-Ratelimit-Reset: 60\r\n"));
}

TEST(max_tries_of_one_means_one)
{
    struct scene *scene = scene_open();
    struct vault_outcome outcome;

    scene_open_client(scene, (struct vault_settings){.timeout_ms = 5000, .max_tries = 1});
    LOOPBACK_SCRIPT(scene->server, "/v1/kv/data/a", OVER_QUOTA("Retry-After: 0\r\n"), LEADERLESS);
    outcome = read_a(scene);
    expect_kind(&outcome, FAILURE_THROTTLED, "");
    outcome = read_a(scene);
    expect_kind(&outcome, FAILURE_REMOTE, "local node not active");
    assert_int_equal(scene_count(scene, READ), 2);
    scene_close(scene);
}

TEST(states_that_only_other_products_know_are_named)
{
    EXPECT_READ(scene_within(300), FAILURE_REMOTE, "472: this server is a disaster-recovery", 0,
                SAYS("472", "{\"errors\":[]}"));
    EXPECT_READ(scene_within(300), FAILURE_REMOTE, "473: this server is a performance standby", 0,
                SAYS("473", "{\"errors\":[]}"));
    EXPECT_READ(scene_with_token(), FAILURE_REMOTE, "not in Vault's words: maintenance", 4,
                SAYS("503", "down for maintenance"));
    EXPECT_READ(scene_with_token(), FAILURE_PROTOCOL, "503 with a web page instead of JSON", 4,
                SAYS("503", "<html>down</html>"));
    EXPECT_READ(scene_with_token(), FAILURE_NONE, "", 2, SAYS("503", "<html>down</html>"),
                DATA("{\"k\":\"v\"}", "1"));
}

TEST(a_half_answer_is_no_answer)
{
    static const struct loopback_step half = {
        .act = LOOPBACK_LAST,
        .bytes = "HTTP/1.1 200 x\r\nContent-Length: 500\r\n\r\n{\"data\":{\"data\":{\"k\":\"v\"}"};
    struct scene *scene = scene_with_token();
    struct vault_outcome outcome;

    loopback_script(scene->server, "/v1/kv/data/a", &half, 1);
    outcome = read_a(scene);
    expect_kind(&outcome, FAILURE_NETWORK, "the answer was cut short");
    scene_close(scene);
}

TEST(a_slow_answer_is_waited_for_and_silence_is_not)
{
    static const struct loopback_step slow = {
        .act = LOOPBACK_DRIP,
        .delay_ms = 2,
        .bytes = "HTTP/1.1 200 x\r\n\r\n{\"data\":{\"data\":{\"k\":\"v\"},\"metadata\":" VERSION(
            "1") "}}"};
    struct scene *scene = scene_within(20000);
    struct vault_outcome outcome;

    loopback_script(scene->server, "/v1/kv/data/a", &slow, 1);
    outcome = read_a(scene);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_string_equal(outcome.value, "v");
    scene_close(scene);
    EXPECT_READ(scene_within(300), FAILURE_TIMEOUT, "timed out", 0, HANGS);
}

TEST(every_request_carries_what_a_proxys_listener_demands)
{
    struct scene *scene = scene_with_token();
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(scene->server, "/v1/kv/data/a", WRITTEN("1"), DATA("{\"k\":\"v\"}", "1"));
    outcome = create_a(scene);
    expect_kind(&outcome, FAILURE_NONE, "");
    outcome = read_a(scene);
    expect_kind(&outcome, FAILURE_NONE, "");
    for (unsigned i = 0; i < loopback_count(scene->server); i++)
        assert_non_null(
            strstr(loopback_request(scene->server, i), "\r\nX-Vault-Request: true\r\n"));
    scene_close(scene);
}

/* Without the limit all would go out at once. */
TEST(no_more_requests_go_out_than_the_limit_allows)
{
    struct scene *scene = scene_open();
    struct vault_outcome outcome;
    uint64_t began = uv_hrtime();

    scene_open_client(scene, (struct vault_settings){.timeout_ms = 20000,
                                                     .requests_per_1000_s = 20000,
                                                     .requests_at_once = 2});
    LOOPBACK_SCRIPT(scene->server, "/v1/kv/data/a", DATA("{\"k\":\"v\"}", "1"));
    for (int i = 0; i < 10; i++) {
        outcome = read_a(scene);
        expect_kind(&outcome, FAILURE_NONE, "");
    }
    /* Twelve with the look-up and the mount: two at once, ten at 50 ms each. */
    assert_int_equal(loopback_count(scene->server), 12);
    assert_true(uv_hrtime() - began >= UINT64_C(490000000));
    scene_close(scene);
}

/* ---- namespaces ------------------------------------------------------------------------------ */

#define HEALTH_PATH "/v1/sys/health"
#define HEALTHY                                                                                    \
    SAYS("200", "{\"initialized\":true,\"sealed\":false,\"standby\":false,\"version\":\"1.14."     \
                "0\"}")

static struct vault_outcome read_in_namespace(struct scene *scene)
{
    scene_open_client(scene, (struct vault_settings){.timeout_ms = 5000, .namespace_path = "ns1"});
    LOOPBACK_SCRIPT(scene->server, "/v1/kv/data/a", DATA("{\"k\":\"of the root\"}", "1"));
    return read_a(scene);
}

TEST(trap_12_a_server_that_ignores_the_namespace_is_not_read_from)
{
    /* Vault 1.14.0 and 1.14.1. The header is but an echo of ours. */
    static const struct loopback_step servers[][2] = {
        {HEALTHY, SAYS("404", "{\"errors\":[\"no handler for route\"]}")},
        {SAYS_WITH("200", "X-Vault-Namespace: ns1\r\n",
                   "{\"initialized\":true,\"sealed\":false,\"standby\":false}"),
         SAYS("403", "{\"errors\":[\"permission denied\"]}")},
    };

    for (size_t i = 0; i < sizeof servers / sizeof *servers; i++) {
        struct scene *scene = scene_open();
        struct vault_outcome outcome;

        loopback_script(scene->server, HEALTH_PATH, &servers[i][0], 1);
        loopback_script(scene->server, "/v1/ns1/sys/internal/ui/mounts", &servers[i][1], 1);
        outcome = read_in_namespace(scene);
        expect_kind(&outcome, FAILURE_INVALID, "this server knows no namespaces");
        assert_int_equal(scene_count(scene, READ), 0);
        /* The token stayed with us, too. */
        for (unsigned j = 0; j < loopback_count(scene->server); j++)
            assert_null(strstr(loopback_request(scene->server, j), "s.given"));
        scene_close(scene);
    }
}

/* While the health cannot be had, the request would be answered. */
TEST(trap_12_a_quota_or_a_gateway_in_trouble_proves_no_namespace)
{
    static const struct loopback_step quota[] = {OVER_QUOTA("Retry-After: 0\r\n"), HEALTHY},
                                      gateway[] = {SAYS("502", "<html>bad gateway</html>")},
                                      recovers[] = {SAYS("503", "down for maintenance"),
                                                    SAYS("400",
                                                         "{\"errors\":[\"operation unavailable in "
                                                         "namespaces\"]}")};
    struct scene *scene = scene_open();
    struct vault_outcome outcome;

    loopback_script(scene->server, HEALTH_PATH, quota, 2);
    LOOPBACK_SCRIPT(scene->server, "/v1/ns1/sys/internal/ui/mounts",
                    SAYS("404", "{\"errors\":[\"no handler for route\"]}"));
    outcome = read_in_namespace(scene);
    expect_kind(&outcome, FAILURE_INVALID, "this server knows no namespaces");
    assert_int_equal(scene_count(scene, READ), 0);
    scene_close(scene);

    scene = scene_open();
    loopback_script(scene->server, HEALTH_PATH, gateway, 1);
    outcome = read_in_namespace(scene);
    expect_kind(&outcome, FAILURE_PROTOCOL, "502 with a web page instead of JSON");
    assert_int_equal(scene_count(scene, READ), 0);
    scene_close(scene);

    scene = scene_open();
    loopback_script(scene->server, HEALTH_PATH, recovers, 2);
    outcome = read_in_namespace(scene);
    expect_kind(&outcome, FAILURE_NONE, "");
    scene_close(scene);
}

TEST(a_sealed_server_is_called_sealed_in_a_namespace_too)
{
    struct scene *scene = scene_open();
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(scene->server, HEALTH_PATH,
                    SAYS("503", "{\"initialized\":true,\"sealed\":true,\"standby\":true}"));
    LOOPBACK_SCRIPT(scene->server, LOOKUP_PATH, SAYS("503", "{\"errors\":[\"Vault is sealed\"]}"));
    outcome = read_in_namespace(scene);
    expect_kind(&outcome, FAILURE_REMOTE, "503 Vault is sealed; somebody has to unseal");
    scene_close(scene);
}

TEST(a_namespace_is_verified_once)
{
    struct scene *scene = scene_open();
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(scene->server, HEALTH_PATH,
                    SAYS("400", "{\"errors\":[\"operation unavailable in namespaces\"]}"));
    outcome = read_in_namespace(scene);
    expect_kind(&outcome, FAILURE_NONE, "");
    outcome = read_a(scene);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_int_equal(scene_count(scene, "GET " HEALTH_PATH), 1);
    assert_non_null(strstr(scene_request(scene, READ, 0), "\r\nX-Vault-Namespace: ns1\r\n"));
    scene_close(scene);
}

TEST(a_server_that_tells_its_health_in_namespaces_is_asked_for_one)
{
    /* 429 is the health of a standby, 473 that of a performance standby of Vault Enterprise. */
    static const struct loopback_step steps[] = {
        HEALTHY, SAYS("429", "{\"initialized\":true,\"sealed\":false,\"standby\":true}"),
        SAYS("473", "{\"initialized\":true,\"sealed\":false,\"standby\":true}")};

    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct scene *scene = scene_open();
        struct vault_outcome outcome;

        loopback_script(scene->server, HEALTH_PATH, &steps[i], 1);
        LOOPBACK_SCRIPT(scene->server, "/v1/ns1/sys/internal/ui/mounts",
                        SAYS("200", "{\"data\":{\"auth\":{},\"secret\":{}}}"));
        outcome = read_in_namespace(scene);
        expect_kind(&outcome, FAILURE_NONE, "");
        assert_int_equal(scene_count(scene, "GET /v1/ns1/sys/internal/ui/mounts"), 1);
        scene_close(scene);
    }
}

/* ---- clocks ---------------------------------------------------------------------------------- */

TEST(a_clock_that_is_an_hour_off_is_said_along_with_a_refusal)
{
    struct scene *scene = scene_open();
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(scene->server, LOOKUP_PATH,
                    SAYS_WITH("403", "Date: Thu, 01 Jan 2026 00:00:00 GMT\r\n",
                              "{\"errors\":[\"permission denied\"]}"));
    scene_open_client(scene, (struct vault_settings){.timeout_ms = 5000});
    outcome = read_a(scene);
    expect_kind(&outcome, FAILURE_DENIED, "(this machine's clock is ");
    expect_kind(&outcome, FAILURE_DENIED, " ahead of the server's)");
    scene_close(scene);
}

int main(void)
{
    return RUN(
        CASE(a_sealed_uninitialised_or_locked_server_is_not_asked_again_and_again),
        CASE(a_request_outlives_an_election),
        CASE(without_a_leader_a_write_fails_and_is_not_called_ambiguous),
        CASE(trap_1_429_with_an_empty_list_is_an_index_not_met_and_asked_again_within_milliseconds),
        CASE(a_copy_that_stays_behind_is_told_as_such_and_not_as_a_quota),
        CASE(a_quota_is_waited_for_even_when_it_names_no_time), CASE(max_tries_of_one_means_one),
        CASE(states_that_only_other_products_know_are_named), CASE(a_half_answer_is_no_answer),
        CASE(a_slow_answer_is_waited_for_and_silence_is_not),
        CASE(no_more_requests_go_out_than_the_limit_allows),
        CASE(every_request_carries_what_a_proxys_listener_demands),
        CASE(trap_12_a_server_that_ignores_the_namespace_is_not_read_from),
        CASE(trap_12_a_quota_or_a_gateway_in_trouble_proves_no_namespace),
        CASE(a_sealed_server_is_called_sealed_in_a_namespace_too),
        CASE(a_namespace_is_verified_once),
        CASE(a_server_that_tells_its_health_in_namespaces_is_asked_for_one),
        CASE(a_clock_that_is_an_hour_off_is_said_along_with_a_refusal));
}
