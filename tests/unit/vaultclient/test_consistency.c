/* SPDX-License-Identifier: Apache-2.0 */
/* Decisive reads: what is sent so that no standby answers from an old copy. */
#include "cluster_scene.h"
#include "vaultclient/internal.h"

/* base64 of {"cluster":"c","value":"9"}, of "10", and of another cluster's "1" */
#define INDEX_9     "eyJjbHVzdGVyIjoiYyIsInZhbHVlIjoiOSJ9"
#define INDEX_10    "eyJjbHVzdGVyIjoiYyIsInZhbHVlIjoiMTAifQ=="
#define INDEX_OTHER "eyJjbHVzdGVyIjoiZCIsInZhbHVlIjoiMSJ9"

#define DATA_AT(index)                                                                             \
    SAYS_WITH("200", "X-Vault-Index: " index "\r\n",                                               \
              "{\"data\":{\"data\":{\"k\":\"v\"},\"metadata\":" VERSION("1") "}}")

static struct vault_outcome read_decisively(struct pair *pair)
{
    struct vault_outcome outcome = {0};

    assert_non_null(vault_read_field(pair->scene->client, vault_key_of("a"), TEXT("k"), 0,
                                     3 | VAULT_DECISIVE, vault_on_field, &outcome));
    vault_wait(&pair->scene->loop, &outcome);
    return outcome;
}

static void expect_header(const struct pair *pair, unsigned n, const char *line)
{
    if (!strstr(scene_request(pair->scene, READ, n), line))
        assert_string_equal(scene_request(pair->scene, READ, n), line);
}

TEST(the_last_index_goes_with_a_decisive_read_and_never_alone)
{
    struct pair *pair = pair_open();
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(pair->scene->server, DATA_PATH, DATA_AT(INDEX_10), DATA_AT(INDEX_10));
    pair_client(pair, false, (struct vault_settings){0});
    outcome = pair_read(pair);
    expect_kind(&outcome, FAILURE_NONE, "");
    outcome = read_decisively(pair);
    expect_kind(&outcome, FAILURE_NONE, "");
    outcome = pair_read(pair);
    expect_kind(&outcome, FAILURE_NONE, "");
    expect_header(pair, 1, "\r\nX-Vault-Index: " INDEX_10 "\r\n");
    expect_header(pair, 1, "\r\nX-Vault-Inconsistent: forward-active-node\r\n");
    assert_null(strstr(scene_request(pair->scene, READ, 0), "X-Vault-In"));
    assert_null(strstr(scene_request(pair->scene, READ, 2), "X-Vault-In"));
    assert_int_equal(scene_count(pair->scene, LEADER), 0);
    pair_close(pair);
}

TEST(what_a_standby_tells_of_its_own_place_does_not_set_us_back)
{
    struct pair *pair = pair_open();
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(pair->scene->server, DATA_PATH, DATA_AT(INDEX_10), DATA_AT(INDEX_9),
                    DATA_AT(INDEX_OTHER), DATA_AT("not!base64"), DATA_AT(INDEX_9));
    pair_client(pair, false, (struct vault_settings){0});
    for (int i = 0; i < 5; i++) {
        outcome = read_decisively(pair);
        expect_kind(&outcome, FAILURE_NONE, "");
    }
    expect_header(pair, 2, "\r\nX-Vault-Index: " INDEX_10 "\r\n");
    /* Another cluster, or a form we cannot compare: the last one stands. */
    expect_header(pair, 3, "\r\nX-Vault-Index: " INDEX_OTHER "\r\n");
    expect_header(pair, 4, "\r\nX-Vault-Index: not!base64\r\n");
    pair_close(pair);
}

TEST(an_index_that_no_header_may_hold_is_not_kept)
{
    struct pair *pair = pair_open();
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(pair->scene->server, DATA_PATH, DATA_AT(INDEX_9), DATA_AT("a\x01\x02"),
                    DATA_AT("a b"), DATA_AT(INDEX_10));
    pair_client(pair, false, (struct vault_settings){0});
    for (int i = 0; i < 4; i++) {
        outcome = read_decisively(pair);
        expect_kind(&outcome, FAILURE_NONE, "");
    }
    expect_header(pair, 3, "\r\nX-Vault-Index: " INDEX_9 "\r\n");
    pair_close(pair);
}

#define REFUSAL                                                                                    \
    "HTTP/1.1 400 x\r\n\r\n{\"errors\":[\"failed to decode \\\"X-Vault-Index\\\" header\"]}"
#define REFUSES_INDEX                                                                              \
    {                                                                                              \
        .act = LOOPBACK_LAST, .bytes = REFUSAL                                                     \
    }

static void expect_no_index(const struct pair *pair, unsigned n)
{
    expect_header(pair, n, "\r\nX-Vault-Forward: active-node\r\n");
    assert_null(strstr(scene_request(pair->scene, READ, n), "X-Vault-In"));
}

TEST(an_index_that_the_server_itself_refuses_is_dropped_and_the_read_asked_once_more)
{
    struct pair *pair = pair_open();
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(pair->scene->server, DATA_PATH, DATA_AT("garbage"), REFUSES_INDEX,
                    DATA("{\"k\":\"v\"}", "1"), DATA_AT(INDEX_9), DATA_AT(INDEX_9));
    pair_client(pair, false, (struct vault_settings){.max_tries = 1});
    for (int i = 0; i < 4; i++) {
        outcome = read_decisively(pair);
        expect_kind(&outcome, FAILURE_NONE, "");
    }
    expect_header(pair, 1, "\r\nX-Vault-Index: garbage\r\n");
    expect_no_index(pair, 2);
    expect_no_index(pair, 3);
    expect_header(pair, 4, "\r\nX-Vault-Index: " INDEX_9 "\r\n");
    pair_close(pair);
}

TEST(a_wish_to_be_forwarded_that_the_server_does_not_know_is_dropped_too)
{
    struct pair *pair = pair_open();
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(
        pair->scene->server, DATA_PATH, DATA_AT(INDEX_9),
        SAYS("400", "{\"errors\":[\"unknown value for \\\"X-Vault-Inconsistent\\\" header\"]}"),
        DATA("{\"k\":\"v\"}", "1"));
    pair_client(pair, false, (struct vault_settings){0});
    outcome = pair_read(pair);
    outcome = read_decisively(pair);
    expect_kind(&outcome, FAILURE_NONE, "");
    expect_no_index(pair, 2);
    pair_close(pair);
}

/* The other read brings the next index while the answer to the second try is awaited. */
TEST(a_server_that_refuses_every_index_it_hands_out_is_asked_twice_and_no_more)
{
    static const struct loopback_step other[] = {
        {.act = LOOPBACK_LAST,
         .delay_ms = 50,
         .bytes = "HTTP/1.1 200 x\r\nX-Vault-Index: rubbish\r\n\r\n{}"}};
    static const struct loopback_step late[] = {
        DATA_AT("garbage"),
        REFUSES_INDEX,
        {.act = LOOPBACK_LAST, .delay_ms = 400, .bytes = REFUSAL},
        {.act = LOOPBACK_LAST, .bytes = REFUSAL}};
    struct pair *pair = pair_open();
    struct vault_outcome outcome, aside = {0};

    loopback_script(pair->scene->server, DATA_PATH, late, 4);
    loopback_script(pair->scene->server, LOOK_PATH, other, 1);
    pair_client(pair, false, (struct vault_settings){0});
    outcome = pair_read(pair);
    assert_non_null(
        vault_read_metadata(pair->scene->client, vault_key_of("a"), 3, vault_on_metadata, &aside));
    outcome = read_decisively(pair);
    expect_kind(&outcome, FAILURE_INVALID, "400 failed to decode \"X-Vault-Index\" header");
    vault_wait(&pair->scene->loop, &aside);
    assert_int_equal(scene_count(pair->scene, READ), 3);
    /* And so it is with each read, by itself. */
    outcome = read_decisively(pair);
    expect_kind(&outcome, FAILURE_INVALID, "400 failed to decode \"X-Vault-Index\" header");
    assert_int_equal(scene_count(pair->scene, READ), 5);
    pair_close(pair);
}

TEST(a_write_whose_index_is_refused_is_sent_once_more_and_done_once)
{
    struct pair *pair = pair_open();
    struct vault_version first = {.version = 1};
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(pair->scene->server, DATA_PATH, DATA_AT("garbage"), REFUSES_INDEX,
                    DATA_AT("rubbish"), REFUSES_INDEX, WRITTEN("2"));
    pair_client(pair, false, (struct vault_settings){0});
    outcome = pair_read(pair);
    outcome = vault_set_field(&pair->scene->loop, pair->scene->client, "a", "k", "new", &first);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_int_equal(scene_count(pair->scene, WRITE), 2);
    pair_close(pair);
}

/* ---- where nobody is forwarded on demand ----------------------------------------------------- */

#define FORWARDS_NOBODY(header)                                                                    \
    SAYS("400", "{\"errors\":[\"forwarding via header " header " disabled in configuration\"]}")

/* Vault as it is unless it is configured otherwise: it says so to writes and reads alike. */
TEST(trap_vault_refuses_whoever_wishes_to_be_forwarded_so_the_wish_is_dropped)
{
    struct pair *pair = pair_open();
    struct vault_version first = {.version = 1};
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(pair->scene->server, DATA_PATH, FORWARDS_NOBODY("X-Vault-Forward"),
                    DATA("{\"k\":\"v\"}", "1"), DATA("{\"k\":\"v\"}", "1"), WRITTEN("2"));
    pair_client(pair, false, (struct vault_settings){.max_tries = 1});
    outcome = read_decisively(pair);
    expect_kind(&outcome, FAILURE_NONE, "");
    outcome = vault_set_field(&pair->scene->loop, pair->scene->client, "a", "k", "new", &first);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_int_equal(scene_count(pair->scene, READ), 3);
    assert_int_equal(scene_count(pair->scene, WRITE), 1);
    expect_header(pair, 0, "\r\nX-Vault-Forward: active-node\r\n");
    for (unsigned i = 1; i < 3; i++)
        assert_null(strstr(scene_request(pair->scene, READ, i), "X-Vault-Forward"));
    assert_null(strstr(scene_request(pair->scene, WRITE, 0), "X-Vault-Forward"));
    pair_close(pair);
}

/* Then the index goes alone, and a copy that is behind says 412 until it has caught up. */
TEST(an_index_goes_alone_where_nobody_is_forwarded)
{
    struct pair *pair = pair_open();
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(pair->scene->server, DATA_PATH, DATA_AT(INDEX_9),
                    FORWARDS_NOBODY("X-Vault-Inconsistent=forward-active-node"),
                    SAYS("412", "{\"errors\":[\"required index state not present\"]}"),
                    DATA_AT(INDEX_10));
    pair_client(pair, false, (struct vault_settings){0});
    outcome = pair_read(pair);
    outcome = read_decisively(pair);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_int_equal(scene_count(pair->scene, READ), 4);
    for (unsigned i = 2; i < 4; i++) {
        expect_header(pair, i, "\r\nX-Vault-Index: " INDEX_9 "\r\n");
        assert_null(strstr(scene_request(pair->scene, READ, i), "X-Vault-Inconsistent"));
    }
    pair_close(pair);
}

TEST(whoever_refuses_a_wish_that_was_not_sent_is_believed)
{
    struct pair *pair = pair_open();
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(pair->scene->server, DATA_PATH, FORWARDS_NOBODY("X-Vault-Forward"));
    pair_client(pair, false, (struct vault_settings){0});
    outcome = read_decisively(pair);
    expect_kind(&outcome, FAILURE_INVALID, "disabled in configuration");
    assert_int_equal(scene_count(pair->scene, READ), 2);
    pair_close(pair);
}

TEST(what_a_write_rests_on_is_read_decisively)
{
    struct pair *pair = pair_open();
    struct vault_version first = {.version = 1};
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(pair->scene->server, DATA_PATH, DATA_AT(INDEX_9), DATA_AT(INDEX_9),
                    WRITTEN("2"));
    pair_client(pair, false, (struct vault_settings){0});
    outcome = pair_read(pair);
    expect_kind(&outcome, FAILURE_NONE, "");
    outcome = vault_set_field(&pair->scene->loop, pair->scene->client, "a", "k", "new", &first);
    expect_kind(&outcome, FAILURE_NONE, "");
    expect_header(pair, 1, "\r\nX-Vault-Index: " INDEX_9 "\r\n");
    pair_close(pair);
}

static void second_leads(struct pair *pair)
{
    pair_names_leader(pair, 0, pair->scene->server, loopback_origin(pair->second));
    LOOPBACK_SCRIPT(pair->second, LEADER_PATH,
                    SAYS("200", "{\"ha_enabled\":true,\"is_self\":true}"));
}

TEST(without_an_index_the_node_that_leads_is_asked)
{
    struct pair *pair = pair_open();
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(pair->scene->server, DATA_PATH, DATA("{\"k\":\"old\"}", "1"));
    LOOPBACK_SCRIPT(pair->second, DATA_PATH, DATA("{\"k\":\"new\"}", "2"));
    second_leads(pair);
    pair_client(pair, false, (struct vault_settings){0});
    outcome = pair_read(pair);
    assert_string_equal(outcome.value, "old");
    outcome = read_decisively(pair);
    assert_string_equal(outcome.value, "new");
    /* It was met before, without the token, and all else stays where it was. */
    assert_int_equal(count_at(pair->second, LEADER), 1);
    assert_null(strstr(loopback_request(pair->second, 0), "s.given"));
    outcome = pair_read(pair);
    assert_string_equal(outcome.value, "old");
    pair_close(pair);
}

/* Within the cluster its address may be good. What has only one try is not tried there. */
TEST(a_leader_that_does_not_answer_us_is_not_gone_to)
{
    static const struct loopback_step silent = HANGS, closes = CLOSES, sealed = SEALED,
                                      other = SAYS("200", "<html>hello</html>");
    const struct loopback_step *const steps[] = {&silent, &closes, &sealed, &other};

    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct pair *pair = pair_open();
        struct vault_outcome outcome;

        pair_names_leader(pair, 0, pair->scene->server, loopback_origin(pair->second));
        loopback_script(pair->second, LEADER_PATH, steps[i], 1);
        LOOPBACK_SCRIPT(pair->scene->server, DATA_PATH, DATA("{\"k\":\"v\"}", "1"));
        pair_client(pair, false, (struct vault_settings){.timeout_ms = 6000});
        outcome = read_decisively(pair);
        expect_kind(&outcome, FAILURE_NONE, "");
        assert_int_equal(count_at(pair->second, READ), 0);
        /* And not asked again and again. */
        outcome = read_decisively(pair);
        expect_kind(&outcome, FAILURE_NONE, "");
        assert_int_equal(count_at(pair->second, LEADER), 1);
        /* Nor soon: it may be an address that is good only within the cluster. */
        assert_true(pair->scene->client->servers.list[1].avoided_until > vault_now_ms() + 30000);
        pair_close(pair);
    }
}

TEST(a_leader_that_cannot_be_asked_does_not_keep_the_read_from_being_answered)
{
    struct pair *pair = pair_open();
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(pair->scene->server, DATA_PATH, DATA("{\"k\":\"v\"}", "1"));
    pair_names_leader(pair, 0, pair->scene->server, "https://10.0.0.1:8200");
    pair_client(pair, false, (struct vault_settings){0});
    outcome = read_decisively(pair);
    expect_kind(&outcome, FAILURE_NONE, "");
    expect_header(pair, 0, "\r\nX-Vault-Forward: active-node\r\n");
    pair_close(pair);
    /* Named, reachable by the rules, and dead. */
    pair = pair_open();
    LOOPBACK_SCRIPT(pair->scene->server, DATA_PATH, DATA("{\"k\":\"v\"}", "1"));
    pair_names_leader(pair, 0, pair->scene->server, "http://127.0.0.1:1");
    pair_client(pair, false, (struct vault_settings){0});
    outcome = read_decisively(pair);
    expect_kind(&outcome, FAILURE_NONE, "");
    pair_close(pair);
}

TEST(a_server_without_a_cluster_is_asked_once_who_leads)
{
    struct pair *pair = pair_open();
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(pair->scene->server, DATA_PATH, DATA("{\"k\":\"v\"}", "1"));
    LOOPBACK_SCRIPT(pair->scene->server, LEADER_PATH, SAYS("200", "{\"ha_enabled\":false}"));
    pair_client(pair, false, (struct vault_settings){0});
    for (int i = 0; i < 4; i++) {
        outcome = read_decisively(pair);
        expect_kind(&outcome, FAILURE_NONE, "");
    }
    assert_int_equal(scene_count(pair->scene, LEADER), 1);
    pair_close(pair);
}

/* ---- what was just made ---------------------------------------------------------------------- */

#define REFUSES_LOGIN SAYS("400", "{\"errors\":[\"invalid role or secret ID\"]}")

static void open_with_role(struct pair *pair)
{
    struct secret *role = secret_new(TEXT("role-1")), *secret = secret_new(TEXT("secret-1"));
    struct vault_auth auth = {
        .method = VAULT_AUTH_APPROLE, .role_id.value = role, .secret_id.value = secret};

    LOOPBACK_SCRIPT(pair->scene->server, MOUNT_PATH, MOUNT_V2);
    LOOPBACK_SCRIPT(pair->scene->server, DATA_PATH, DATA("{\"k\":\"v\"}", "1"));
    pair->scene->client = scene_client(pair->scene, &auth, NULL, 20000);
    secret_free(role);
    secret_free(secret);
}

TEST(a_log_in_goes_to_the_node_that_leads_since_standbys_refuse_a_new_secret_id)
{
    struct pair *pair = pair_open();
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(pair->scene->server, LOGIN_PATH, REFUSES_LOGIN);
    LOOPBACK_SCRIPT(pair->second, LOGIN_PATH, LOGIN("s.new", "3600"));
    second_leads(pair);
    open_with_role(pair);
    outcome = pair_read(pair);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_int_equal(scene_count(pair->scene, "POST " LOGIN_PATH), 0);
    assert_int_equal(count_at(pair->second, "POST " LOGIN_PATH), 1);
    pair_close(pair);
}

TEST(a_log_in_goes_where_it_can_when_the_leader_cannot_be_asked)
{
    struct pair *pair = pair_open();
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(pair->scene->server, LOGIN_PATH, LOGIN("s.new", "3600"));
    pair_names_leader(pair, 0, pair->scene->server, "http://127.0.0.1:1");
    open_with_role(pair);
    outcome = pair_read(pair);
    expect_kind(&outcome, FAILURE_NONE, "");
    pair_close(pair);
}

/* A single address, where nothing else bounds the question: what is asked for has time left. */
TEST(a_question_who_leads_that_is_not_answered_keeps_no_log_in_from_being_made)
{
    struct pair *pair = pair_open();
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(pair->scene->server, LOGIN_PATH, LOGIN("s.new", "3600"));
    LOOPBACK_SCRIPT(pair->scene->server, LEADER_PATH, HANGS);
    open_with_role(pair);
    outcome = pair_read(pair);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_int_equal(scene_count(pair->scene, LEADER), 1);
    pair_close(pair);
}

/* As busy standbys do, for some milliseconds. */
TEST(a_standby_that_has_not_heard_of_a_new_token_is_no_reason_to_doubt_it)
{
    struct pair *pair = pair_open();
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(pair->scene->server, DATA_PATH, DEAD_TOKEN, DATA("{\"k\":\"copy\"}", "1"));
    LOOPBACK_SCRIPT(pair->second, DATA_PATH, DATA("{\"k\":\"v\"}", "1"));
    second_leads(pair);
    pair_client(pair, false, (struct vault_settings){0});
    outcome = pair_read(pair);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_string_equal(outcome.value, "v");
    /* Both at the leader: whether it lives, and the read. And no more than that. */
    assert_int_equal(count_at(pair->second, "GET " LOOKUP_PATH), 1);
    assert_int_equal(count_at(pair->second, READ), 1);
    outcome = pair_read(pair);
    assert_string_equal(outcome.value, "copy");
    pair_close(pair);
}

TEST(a_token_that_the_leader_refuses_the_same_is_denied_after_one_more_try)
{
    struct pair *pair = pair_open();
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(pair->scene->server, DATA_PATH, DEAD_TOKEN);
    LOOPBACK_SCRIPT(pair->second, DATA_PATH, DEAD_TOKEN);
    second_leads(pair);
    pair_client(pair, false, (struct vault_settings){0});
    outcome = pair_read(pair);
    expect_kind(&outcome, FAILURE_DENIED, "the token is valid");
    assert_int_equal(scene_count(pair->scene, READ), 1);
    assert_int_equal(count_at(pair->second, READ), 1);
    pair_close(pair);
}

static void on_wrapping(const struct vault_wrapping *wrapping, const struct failure *failure,
                        void *context)
{
    struct vault_outcome *outcome = context;

    outcome->times++;
    if (failure)
        outcome->failure = *failure;
    else
        snprintf(outcome->value, sizeof outcome->value, "%.*s", TEXT_ARG(wrapping->creation_path));
    outcome->kind = outcome->failure.kind;
}

TEST(what_is_wrapped_goes_to_the_node_that_leads_and_so_does_every_question_about_it)
{
    static const struct loopback_step
        wrapped =
            SAYS("200", "{\"data\":null,\"wrap_info\":{\"token\":\"s.wrap\",\"accessor\":\"a\","
                        "\"ttl\":60,\"creation_time\":\"2026-01-02T03:04:05Z\","
                        "\"creation_path\":\"sys/wrapping/wrap\"}}"),
        found = SAYS("200", "{\"data\":{\"creation_path\":\"sys/wrapping/wrap\","
                            "\"creation_time\":\"2026-01-02T03:04:05Z\",\"creation_ttl\":60}}"),
        unable = SAYS("500", "{\"errors\":[\"internal error\"]}"),
        unknown = SAYS("400", "{\"errors\":[\"wrapping token is not valid or does not exist\"]}");
    struct pair *pair = pair_open();
    struct secret *secret = secret_new(TEXT("s.wrap"));
    struct vault_outcome made = {0}, looked = {0};

    loopback_script(pair->scene->server, "/v1/sys/wrapping/wrap", &unable, 1);
    loopback_script(pair->scene->server, "/v1/sys/wrapping/lookup", &unknown, 1);
    loopback_script(pair->second, "/v1/sys/wrapping/wrap", &wrapped, 1);
    loopback_script(pair->second, "/v1/sys/wrapping/lookup", &found, 1);
    second_leads(pair);
    pair_client(pair, false, (struct vault_settings){0});
    assert_non_null(vault_wrap(pair->scene->client, TEXT("k"), secret, 60, 0, on_wrapping, &made));
    vault_wait(&pair->scene->loop, &made);
    expect_kind(&made, FAILURE_NONE, "");
    assert_non_null(vault_lookup_wrapping(pair->scene->client, secret, 0, on_wrapping, &looked));
    vault_wait(&pair->scene->loop, &looked);
    expect_kind(&looked, FAILURE_NONE, "");
    assert_string_equal(looked.value, "sys/wrapping/wrap");
    assert_int_equal(scene_count(pair->scene, "POST /v1/sys/wrapping"), 0);
    secret_free(secret);
    pair_close(pair);
}

int main(void)
{
    return RUN(
        CASE(the_last_index_goes_with_a_decisive_read_and_never_alone),
        CASE(what_a_standby_tells_of_its_own_place_does_not_set_us_back),
        CASE(an_index_that_no_header_may_hold_is_not_kept),
        CASE(an_index_that_the_server_itself_refuses_is_dropped_and_the_read_asked_once_more),
        CASE(a_wish_to_be_forwarded_that_the_server_does_not_know_is_dropped_too),
        CASE(a_server_that_refuses_every_index_it_hands_out_is_asked_twice_and_no_more),
        CASE(a_write_whose_index_is_refused_is_sent_once_more_and_done_once),
        CASE(trap_vault_refuses_whoever_wishes_to_be_forwarded_so_the_wish_is_dropped),
        CASE(an_index_goes_alone_where_nobody_is_forwarded),
        CASE(whoever_refuses_a_wish_that_was_not_sent_is_believed),
        CASE(what_a_write_rests_on_is_read_decisively),
        CASE(without_an_index_the_node_that_leads_is_asked),
        CASE(a_leader_that_does_not_answer_us_is_not_gone_to),
        CASE(a_leader_that_cannot_be_asked_does_not_keep_the_read_from_being_answered),
        CASE(a_server_without_a_cluster_is_asked_once_who_leads),
        CASE(a_log_in_goes_to_the_node_that_leads_since_standbys_refuse_a_new_secret_id),
        CASE(a_log_in_goes_where_it_can_when_the_leader_cannot_be_asked),
        CASE(a_question_who_leads_that_is_not_answered_keeps_no_log_in_from_being_made),
        CASE(a_standby_that_has_not_heard_of_a_new_token_is_no_reason_to_doubt_it),
        CASE(a_token_that_the_leader_refuses_the_same_is_denied_after_one_more_try),
        CASE(what_is_wrapped_goes_to_the_node_that_leads_and_so_does_every_question_about_it));
}
