/* SPDX-License-Identifier: Apache-2.0 */
/* Paths out, answers in: the tables behind the client. */
#include "tests/support/test.h"

#include "vaultclient/wire.h"

#include <string.h>

static struct vault_key key_of(const char *mount, const char *path)
{
    return (struct vault_key){text_of(mount), text_of(path)};
}

static void expect_target(const char *mount, const char *part, const char *path, uint32_t version,
                          const char *expected)
{
    struct buffer out = {.limit = 4096};

    vault_wire_target(&out, key_of(mount, path), part, version);
    assert_string_equal(buffer_text(&out).start, expected);
    buffer_clear(&out);
}

TEST(targets_are_encoded_segment_by_segment)
{
    expect_target("kv", "data", "team/app", 0, "/v1/kv/data/team/app");
    expect_target("kv", "data", "team/app", 3, "/v1/kv/data/team/app?version=3");
    expect_target("a/kv", "metadata", "x", 0, "/v1/a/kv/metadata/x");
    expect_target("kv1", NULL, "x", 0, "/v1/kv1/x");
    expect_target("kv", "data", "a b?c#d%2F\xc3\xa4", 0, "/v1/kv/data/a%20b%3Fc%23d%252F%C3%A4");
}

TEST(keys_are_checked_before_they_are_sent)
{
    struct failure why;

    assert_true(vault_wire_check_key(key_of("kv", "a/b.c/...x"), &why));
    assert_true(vault_wire_check_key(key_of("kv", "a."), &why));
    assert_false(vault_wire_check_key(key_of("kv/", "a"), &why));
    assert_int_equal(why.kind, FAILURE_INVALID);
    assert_non_null(strstr(why.text, "the mount"));
    assert_false(vault_wire_check_key(key_of("kv", "a/"), &why));
    assert_non_null(strstr(why.text, "the path"));
    assert_false(vault_wire_check_key(key_of("kv", "a/./b"), &why));
    assert_false(vault_wire_check_key(key_of("kv", "a\x7f"), &why));
    assert_false(vault_wire_check_key(key_of("", "a"), &why));
}

TEST(each_bad_path_has_a_failure_of_its_own)
{
    static const struct {
        struct text path;
        const char *part;
    } cases[] = {
        {{"", 0}, "the path is empty"},
        {{"a\0b", 3}, "the path holds a NUL character"},
        {{"a\xff", 2}, "the path is not UTF-8"},
        {{"a\nb", 3}, "the path holds a control character"},
        {{"a/../b", 6}, "has a part \"..\""},
        {{"./a", 3}, "has a part \".\""},
        {{"a//b", 4}, "has an empty part"},
        {{"a/", 2}, "without slashes at its ends"},
        {{"/a", 2}, "without slashes at its ends"},
        {{"a%2fb", 5}, "holds an encoded slash or point"},
        {{"%2E%2e/a", 8}, "holds an encoded slash or point"},
        {{"a?version=1", 11}, "a query does not belong there"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct vault_key key = {TEXT("kv"), cases[i].path};
        struct failure why = {0};

        assert_false(vault_wire_check_key(key, &why));
        assert_int_equal(why.kind, FAILURE_INVALID);
        if (!strstr(why.text, cases[i].part))
            fail_msg("%zu: %s", i, why.text);
    }
    assert_true(vault_wire_check_key(key_of("kv", "50%25/\xc3\xa4 #.x"), &(struct failure){0}));
}

/* ---- errors ---------------------------------------------------------------------------------- */

TEST(every_status_has_its_kind)
{
    static const struct {
        int status;
        const char *body;
        enum failure_kind kind;
        const char *part;
    } cases[] = {
        {400, "{\"errors\":[\"check-and-set parameter did not match the current version\"]}",
         FAILURE_CONFLICT, "400 check-and-set"},
        {400, "{\"errors\":[\"Upgrading from non-versioned to versioned data.\"]}", FAILURE_REMOTE,
         "Upgrading"},
        {400, "", FAILURE_INVALID, "400 without a word why"},
        {401, "{}", FAILURE_DENIED, "401"},
        {403, "{\"errors\":[\"1 error occurred:\\n\\t* permission denied\\n\\n\"]}", FAILURE_DENIED,
         "403 permission denied"},
        {404, "{\"errors\":[\"no handler for route \\\"x/y\\\"\"]}", FAILURE_REMOTE,
         "there is no such mount, or not yet"},
        {404, "{\"errors\":[\"1 error occurred:\\n\\t* unsupported path\\n\\n\"]}",
         FAILURE_PROTOCOL, "404 unsupported path"},
        {404, "{\"errors\":[]}", FAILURE_NOT_FOUND, "404 without a word why"},
        {404, "default backend - 404", FAILURE_PROTOCOL, "not in Vault's words"},
        {405, "{\"errors\":[]}", FAILURE_PROTOCOL, "405"},
        {412, "{\"errors\":[]}", FAILURE_REMOTE, "412"},
        {413, "{\"errors\":[\"http: request body too large\"]}", FAILURE_INVALID, "too large"},
        {429, "{\"errors\":[\"rate limit quota exceeded\"]}", FAILURE_THROTTLED, "429 rate limit"},
        {500, "{\"errors\":[\"internal\"]}", FAILURE_REMOTE, "500 internal"},
        {501, "{\"errors\":[]}", FAILURE_REMOTE, "not initialised"},
        {503, "{\"errors\":[\"Vault is sealed\"]}", FAILURE_REMOTE, "503 Vault is sealed"},
        {502, "<html>Bad gateway</html>", FAILURE_PROTOCOL, "web page"},
        {503, "upstream connect error", FAILURE_REMOTE, "503, but not in Vault's words"},
        {202, "{}", FAILURE_PROTOCOL, "202"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct failure why = {0};

        vault_wire_explain(cases[i].status, text_of(cases[i].body), 7, NULL, &why);
        if (why.kind != cases[i].kind || !strstr(why.text, cases[i].part))
            fail_msg("%d: %s: %s", cases[i].status, failure_kind_name(why.kind), why.text);
        assert_int_equal(why.http_status, cases[i].status);
    }
}

TEST(a_servers_text_that_quotes_a_secret_is_not_shown)
{
    struct secret *secret = secret_new(TEXT("hunter2"));
    struct failure why;

    vault_wire_explain(400, TEXT("{\"errors\":[\"cannot parse 'hunter2'\"]}"), 0, secret, &why);
    assert_null(strstr(why.text, "hunter2"));
    vault_wire_explain(400, TEXT("{\"errors\":[\"cannot parse it\"]}"), 0, secret, &why);
    assert_non_null(strstr(why.text, "cannot parse it"));
    secret_free(secret);
}

TEST(a_policys_no_is_told_from_a_dead_token)
{
    assert_true(vault_wire_says_token_is_dead(TEXT("{\"errors\":[\"permission denied\"]}")));
    assert_true(vault_wire_says_token_is_dead(
        TEXT("{\"errors\":[\"2 errors occurred:\\n\\t* permission denied\\n\\t* invalid "
             "token\\n\\n\"]}")));
    assert_false(vault_wire_says_token_is_dead(
        TEXT("{\"errors\":[\"1 error occurred:\\n\\t* permission denied\\n\\n\"]}")));
    assert_false(vault_wire_says_token_is_dead(TEXT("{\"errors\":[]}")));
    assert_false(vault_wire_says_token_is_dead(TEXT("")));
}

TEST(only_some_failures_leave_a_write_open)
{
    struct text lost =
        TEXT("{\"errors\":[\"failed to write: leadership lost while committing log\"]}");

    assert_true(vault_wire_is_ambiguous(500, lost));
    assert_true(vault_wire_is_ambiguous(500, TEXT("{\"errors\":[\"transaction commit failed\"]}")));
    assert_true(vault_wire_is_ambiguous(502, TEXT("")));
    assert_true(vault_wire_is_ambiguous(504, TEXT("")));
    assert_false(vault_wire_is_ambiguous(501, TEXT("")));
    assert_false(vault_wire_is_ambiguous(400, TEXT("")));
    assert_false(vault_wire_is_ambiguous(503, TEXT("{\"errors\":[\"Vault is sealed\"]}")));
    assert_false(
        vault_wire_is_ambiguous(503, TEXT("{\"errors\":[\"no active Vault instance found\"]}")));
}

TEST(trap_1_the_three_kinds_of_429_are_told_apart)
{
    struct text behind = TEXT("{\"errors\":[]}"),
                quota =
                    TEXT("{\"errors\":[\"request path \\\"kv\\\": rate limit quota exceeded\"]}"),
                standby = TEXT("{\"initialized\":true,\"sealed\":false,\"standby\":true}");

    assert_true(vault_wire_is_behind(429, behind));
    assert_false(vault_wire_is_behind(429, quota));
    assert_false(vault_wire_is_behind(429, standby));
    assert_false(vault_wire_is_behind(429, TEXT("")));
    assert_true(vault_wire_is_behind(412, quota));
    assert_true(vault_wire_is_health(standby));
    assert_false(vault_wire_is_health(behind));
    assert_false(vault_wire_is_health(quota));
}

/* ---- KV -------------------------------------------------------------------------------------- */

static void expect_mount(const char *body, int kv, const char *part)
{
    struct failure why = {0};
    int version = 0;
    bool ok = vault_wire_mount(text_of(body), TEXT("kv"), &version, &why);

    assert_int_equal(ok, kv != 0);
    assert_int_equal(version, kv);
    assert_non_null(strstr(why.text, part));
}

TEST(the_kv_version_is_read_and_never_guessed)
{
    expect_mount("{\"data\":{\"path\":\"kv/\",\"type\":\"kv\",\"options\":{\"version\":\"2\"}}}", 2,
                 "");
    expect_mount("{\"data\":{\"path\":\"kv/\",\"type\":\"kv\",\"options\":{\"version\":\"1\"}}}", 1,
                 "");
    expect_mount("{\"data\":{\"path\":\"kv/\",\"type\":\"kv\",\"options\":{\"version\":\"\"}}}", 1,
                 "");
    expect_mount("{\"data\":{\"path\":\"kv/\",\"type\":\"kv\",\"options\":{}}}", 1, "");
    expect_mount("{\"data\":{\"path\":\"kv/\",\"type\":\"kv\",\"options\":null}}", 1, "");
    expect_mount("{\"data\":{\"path\":\"kv/\",\"type\":\"kv\",\"options\":{\"version\":\"3\"}}}", 0,
                 "version \"3\"");
    expect_mount("{\"data\":{\"path\":\"kv/\",\"type\":\"transit\"}}", 0, "not KV");
    expect_mount("{\"data\":{\"path\":\"kv/team/\",\"type\":\"kv\"}}", 0, "is \"kv/team\"");
    expect_mount("{\"data\":{}}", 0, "data.path");
    expect_mount("[]", 0, "object");
}

#define METADATA(current, versions)                                                                \
    "{\"data\":{\"created_time\":\"2026-01-02T03:04:05.5Z\",\"current_version\":" current          \
    ",\"versions\":" versions "}}"

static bool read_metadata(const char *body, int64_t now, struct vault_version *version,
                          struct failure *why)
{
    *why = (struct failure){0};
    return vault_wire_metadata(200, text_of(body), now, version, why);
}

TEST(metadata_tells_when_and_whether)
{
    struct vault_version version;
    struct failure why;

    assert_true(read_metadata(METADATA("2", "{\"2\":{\"created_time\":\"2026-01-02T03:04:06Z\","
                                            "\"deletion_time\":\"\",\"destroyed\":false}}"),
                              0, &version, &why));
    assert_int_equal(version.version, 2);
    assert_int_equal(version.key_created_at, 1767323045500);
    assert_int_equal(version.key_created_ns, 0);
    assert_int_equal(version.created_at, 1767323046000);
    assert_false(version.is_deleted || version.is_destroyed);

    assert_true(read_metadata(METADATA("2", "{\"2\":{\"created_time\":\"2026-01-02T03:04:06Z\","
                                            "\"deletion_time\":\"2026-01-02T03:04:07.000000001Z\","
                                            "\"destroyed\":true}}"),
                              1767323047000, &version, &why));
    assert_true(version.is_deleted && version.is_destroyed);
    assert_true(read_metadata(METADATA("2", "{\"2\":{\"created_time\":\"2026-01-02T03:04:06Z\","
                                            "\"deletion_time\":\"2026-01-02T03:04:07Z\"}}"),
                              1767323046999, &version, &why));
    assert_false(version.is_deleted);
}

TEST(metadata_that_contradicts_itself_is_refused)
{
    struct vault_version version;
    struct failure why;

    assert_false(read_metadata(METADATA("2", "{\"1\":{\"created_time\":\"2026-01-02T03:04:06Z\"}}"),
                               0, &version, &why));
    assert_int_equal(why.kind, FAILURE_PROTOCOL);
    assert_false(read_metadata(METADATA("0", "{}"), 0, &version, &why));
    assert_int_equal(why.kind, FAILURE_NOT_FOUND);
    assert_false(read_metadata(METADATA("-1", "{}"), 0, &version, &why));
    assert_int_equal(why.kind, FAILURE_PROTOCOL);
    assert_false(read_metadata(METADATA("\"2\"", "{}"), 0, &version, &why));
    assert_int_equal(why.kind, FAILURE_PROTOCOL);
    assert_false(read_metadata(METADATA("1", "{\"1\":{\"created_time\":\"yesterday\"}}"), 0,
                               &version, &why));
    assert_non_null(strstr(why.text, "expected a time at"));
}

static int64_t nanoseconds_of(const char *time)
{
    struct buffer body = {.limit = 1024};
    struct wire_secret secret = {0};
    struct failure why;

    buffer_printf(&body,
                  "{\"data\":{\"data\":{},\"metadata\":{\"version\":1,\"created_time\":\"%s\"}}}",
                  time);
    if (!vault_wire_data(200, buffer_text(&body), 0, &secret, &why))
        secret.version.created_ns = -1;
    buffer_clear(&body);
    return secret.version.created_ns;
}

TEST(no_digit_of_a_time_is_lost)
{
    assert_int_equal(nanoseconds_of("2026-01-02T03:04:05.123456789Z"), 456789);
    assert_int_equal(nanoseconds_of("2026-01-02T03:04:05.1234Z"), 400000);
    assert_int_equal(nanoseconds_of("2026-01-02T03:04:05.12Z"), 0);
    assert_int_equal(nanoseconds_of("2026-01-02T03:04:05Z"), 0);
    assert_int_equal(nanoseconds_of("2026-01-02T03:04:05.000000001+00:00"), 1);
    assert_int_equal(nanoseconds_of(""), -1);
}

#define GONE(deletion, destroyed)                                                                  \
    "{\"data\":{\"data\":null,\"metadata\":{\"version\":2,\"created_time\":"                       \
    "\"2026-01-02T03:04:05Z\",\"deletion_time\":\"" deletion "\",\"destroyed\":" destroyed "}}}"

TEST(the_five_kinds_of_absence_are_told_apart)
{
    static const struct {
        const char *body;
        enum failure_kind kind;
        const char *part;
    } cases[] = {
        {"{\"errors\":[]}", FAILURE_NOT_FOUND, "no such secret or version"},
        {GONE("2026-01-02T03:04:06Z", "false"), FAILURE_DELETED, "deleted at 2026-01-02T03:04:06Z"},
        {GONE("", "true"), FAILURE_DESTROYED, "version 2 was destroyed"},
        {GONE("2026-01-02T03:04:06Z", "true"), FAILURE_DESTROYED, "version 2"},
        {"{\"data\":null,\"warnings\":[\"Invalid path for a versioned K/V secrets engine.\"]}",
         FAILURE_PROTOCOL, "not the KV version"},
        {"{\"errors\":[\"no handler for route \\\"x/y\\\". route entry not found.\"]}",
         FAILURE_REMOTE, "no handler for route"},
        {"{\"errors\":[\"1 error occurred:\\n\\t* unsupported path\\n\\n\"]}", FAILURE_PROTOCOL,
         "unsupported path"},
        /* Traefik's, Kong's, and nobody's words, when the server is not behind them for a while. */
        {"404 page not found\n", FAILURE_PROTOCOL, "not in Vault's words"},
        {"{\"message\":\"no Route matched with those values\"}", FAILURE_PROTOCOL,
         "not in Vault's words"},
        {"{\"errors\":\"no\"}", FAILURE_PROTOCOL, "not in Vault's words"},
        {"", FAILURE_PROTOCOL, "not in Vault's words"},
        {"<html>", FAILURE_PROTOCOL, "web page"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct failure why = {0};
        struct wire_secret secret;

        assert_false(vault_wire_data(404, text_of(cases[i].body), 0, &secret, &why));
        if (why.kind != cases[i].kind || !strstr(why.text, cases[i].part))
            fail_msg("%s: %s: %s", cases[i].body, failure_kind_name(why.kind), why.text);
    }
}

TEST(rights_are_read_for_exactly_the_paths_asked_about)
{
    struct vault_key key = key_of("kv", "te.am/a");
    struct buffer body = {.limit = 1024};
    struct vault_rights rights;
    struct failure why;

    vault_wire_rights_body(key, 2, &body);
    assert_string_equal(buffer_text(&body).start,
                        "{\"paths\":[\"kv/data/te.am/a\",\"kv/metadata/te.am/a\"]}");
    buffer_clear(&body);
    assert_true(vault_wire_rights(TEXT("{\"data\":{\"kv/data/te.am/a\":[\"read\",\"update\"],"
                                       "\"kv/metadata/te.am/a\":[\"deny\"]}}"),
                                  key, 2, &rights, &why));
    assert_true(rights.may_read_data && rights.may_update);
    assert_false(rights.may_create || rights.may_read_metadata);
    assert_true(vault_wire_rights(
        TEXT("{\"data\":{\"kv/data/te.am/a\":[\"root\"],\"kv/metadata/te.am/a\":[\"root\"]}}"), key,
        2, &rights, &why));
    assert_true(rights.may_read_data && rights.may_update && rights.may_create &&
                rights.may_read_metadata);
    assert_false(vault_wire_rights(TEXT("{\"data\":{\"kv/data/other\":[\"root\"]}}"), key, 2,
                                   &rights, &why));
    assert_int_equal(why.kind, FAILURE_PROTOCOL);
}

/* ---- log-in ---------------------------------------------------------------------------------- */

TEST(only_a_200_with_a_lease_is_a_renewal)
{
    assert_int_equal(vault_wire_renewed_ms(200, TEXT("{\"auth\":{\"lease_duration\":30}}")), 30000);
    assert_int_equal(vault_wire_renewed_ms(200, TEXT("{\"auth\":{\"lease_duration\":0}}")), 0);
    assert_int_equal(vault_wire_renewed_ms(200, TEXT("{\"auth\":{\"lease_duration\":-5}}")), 0);
    assert_int_equal(vault_wire_renewed_ms(200, TEXT("{\"auth\":null}")), 0);
    assert_int_equal(vault_wire_renewed_ms(200, TEXT("")), 0);
    assert_int_equal(vault_wire_renewed_ms(204, TEXT("")), 0);
    assert_int_equal(vault_wire_renewed_ms(500, TEXT("{\"auth\":{\"lease_duration\":30}}")), 0);
}

TEST(a_login_gives_a_token_that_fits_a_header)
{
    struct wire_token token;
    struct failure why;

    assert_true(vault_wire_login(
        TEXT("{\"auth\":{\"client_token\":\"s.x\",\"lease_duration\":60,\"renewable\":true}}"),
        &token, &why));
    assert_true(text_is(secret_reveal(token.value), "s.x"));
    assert_int_equal(token.lease_ms, 60000);
    assert_true(token.is_renewable);
    secret_free(token.value);
    assert_false(
        vault_wire_login(TEXT("{\"auth\":{\"client_token\":\"s.x\\r\\nEvil: 1\"}}"), &token, &why));
    assert_null(strstr(why.text, "Evil"));
    assert_false(vault_wire_login(TEXT("{\"auth\":{\"client_token\":\"\"}}"), &token, &why));
    assert_false(vault_wire_login(TEXT("{\"auth\":null}"), &token, &why));
    assert_int_equal(why.kind, FAILURE_PROTOCOL);
    assert_false(vault_wire_login(
        TEXT("{\"auth\":{\"client_token\":\"\",\"mfa_requirement\":{\"mfa_request_id\":\"x\"}}}"),
        &token, &why));
    assert_int_equal(why.kind, FAILURE_DENIED);
}

TEST(a_login_tells_how_often_and_in_which_way_its_token_may_be_used)
{
    static const struct {
        const char *body;
        bool is_renewable, is_batch;
        uint32_t uses;
        uint64_t lease_ms;
    } cases[] = {
        {"{\"auth\":{\"client_token\":\"s.a\",\"lease_duration\":60,\"renewable\":true,"
         "\"token_type\":\"service\",\"num_uses\":3}}",
         true, false, 3, 60000},
        {"{\"auth\":{\"client_token\":\"b.a\",\"lease_duration\":60,\"renewable\":false,"
         "\"token_type\":\"batch\",\"num_uses\":0}}",
         false, true, 0, 60000},
        {"{\"auth\":{\"client_token\":\"s.a\",\"num_uses\":-1}}", false, false, 0, 0},
        {"{\"auth\":{\"client_token\":\"s.a\",\"num_uses\":\"3\",\"token_type\":7}}", false, false,
         0, 0},
        {"{\"auth\":{\"client_token\":\"s.a\",\"num_uses\":99999999999}}", false, false, 0, 0},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct wire_token token;
        struct failure why;

        assert_true(vault_wire_login(text_of(cases[i].body), &token, &why));
        assert_int_equal(token.is_renewable, cases[i].is_renewable);
        assert_int_equal(token.is_batch, cases[i].is_batch);
        assert_int_equal(token.uses, cases[i].uses);
        assert_int_equal(token.lease_ms, cases[i].lease_ms);
        secret_free(token.value);
    }
}

TEST(a_refused_login_is_told_from_a_server_that_could_not_decide)
{
    static const struct {
        int status;
        const char *body;
        bool is_refusal;
    } cases[] = {
        {400, "{\"errors\":[\"invalid role or secret ID\"]}", true},
        {403, "{\"errors\":[\"permission denied\"]}", true},
        {405, "{\"errors\":[\"unsupported operation\"]}", true},
        {404, "{\"errors\":[]}", true},
        {500, "{\"errors\":[\"invalid username or password\"]}", true},
        {500, "{\"errors\":[\"internal error\"]}", false},
        {404, "default backend", false},
        {404, "{\"errors\":[\"namespace not found\"]}", false},
        {404, "{\"errors\":[\"no handler for route \\\"auth/x/login\\\"\"]}", false},
        {412, "{\"errors\":[]}", false},
        {429, "{\"errors\":[]}", false},
        {503, "{\"errors\":[\"Vault is sealed\"]}", false},
        {400, "Client sent an HTTP request to an HTTPS server.\n", false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(vault_wire_login_was_refused(cases[i].status, text_of(cases[i].body)),
                         cases[i].is_refusal);
}

TEST(a_secret_is_struck_out_wherever_it_stands)
{
    struct secret *secret = secret_new(TEXT("s.one"));
    struct buffer out = {.limit = 0};

    assert_false(vault_wire_scrub(TEXT("nothing here"), secret, &out));
    assert_false(vault_wire_scrub(TEXT("s.one"), NULL, &out));
    assert_true(vault_wire_scrub(TEXT("s.one s.ones.one, s.on"), secret, &out));
    assert_string_equal(buffer_text(&out).start, "***** **********, s.on");
    buffer_clear(&out);
    secret_free(secret);
}

TEST(a_failure_is_cleared_of_a_secret_but_not_of_words)
{
    struct secret *secret = secret_new(TEXT("s.secret/7")), *word = secret_new(TEXT("root"));
    struct failure why;

    failure_set(&why, FAILURE_DENIED, "403 s.secret/7s.secret/7, root s.secret");
    vault_wire_scrub_failure(&why, secret);
    vault_wire_scrub_failure(&why, word);
    vault_wire_scrub_failure(&why, NULL);
    assert_string_equal(why.text, "403 ********************, root s.secret");
    assert_int_equal(why.kind, FAILURE_DENIED);
    secret_free(secret);
    secret_free(word);
}

TEST(a_wrapping_token_belongs_to_our_namespace)
{
    assert_true(vault_wire_wrapping_token_fits(TEXT("s.abc"), false));
    assert_true(vault_wire_wrapping_token_fits(TEXT("hvs.abc-_"), false));
    assert_false(vault_wire_wrapping_token_fits(TEXT("s.abc.ns1id"), false));
    assert_true(vault_wire_wrapping_token_fits(TEXT("s.abc.ns1id"), true));
    assert_false(vault_wire_wrapping_token_fits(TEXT("s.abc"), true));
    assert_false(vault_wire_wrapping_token_fits(TEXT("abc"), false));
}

int main(void)
{
    return RUN(
        CASE(targets_are_encoded_segment_by_segment), CASE(keys_are_checked_before_they_are_sent),
        CASE(each_bad_path_has_a_failure_of_its_own), CASE(every_status_has_its_kind),
        CASE(a_servers_text_that_quotes_a_secret_is_not_shown),
        CASE(a_policys_no_is_told_from_a_dead_token), CASE(only_some_failures_leave_a_write_open),
        CASE(trap_1_the_three_kinds_of_429_are_told_apart),
        CASE(the_kv_version_is_read_and_never_guessed), CASE(metadata_tells_when_and_whether),
        CASE(metadata_that_contradicts_itself_is_refused), CASE(no_digit_of_a_time_is_lost),
        CASE(the_five_kinds_of_absence_are_told_apart),
        CASE(rights_are_read_for_exactly_the_paths_asked_about),
        CASE(only_a_200_with_a_lease_is_a_renewal), CASE(a_login_gives_a_token_that_fits_a_header),
        CASE(a_login_tells_how_often_and_in_which_way_its_token_may_be_used),
        CASE(a_refused_login_is_told_from_a_server_that_could_not_decide),
        CASE(a_secret_is_struck_out_wherever_it_stands),
        CASE(a_failure_is_cleared_of_a_secret_but_not_of_words),
        CASE(a_wrapping_token_belongs_to_our_namespace));
}
