/* SPDX-License-Identifier: Apache-2.0 */
/* The ways to write, what they never write over, and mounts that cannot be asked for. */
#include "tests/unit/vaultclient/scene.h"

#include <string.h>

#define READ  "GET /v1/kv/data/a"
#define PATCH "PATCH /v1/kv/data/a"
#define POST  "POST /v1/kv/data/a"
#define ASK   "POST /v1/sys/capabilities-self"
#define MAY(words)                                                                                 \
    SAYS("200", "{\"data\":{\"kv/data/a\":[" words "],\"kv/metadata/a\":[\"read\"]}}")

static struct vault_outcome set_a(struct scene *scene, enum vault_write_way way, uint32_t after)
{
    return vault_set_field_by(&scene->loop, scene->client, way, "a", "k", "new",
                              &(struct vault_version){.version = after});
}

/* ---- ways ------------------------------------------------------------------------------------ */

TEST(a_patch_carries_nothing_but_the_field)
{
    struct scene *scene = scene_with_token();
    struct vault_outcome outcome;
    const char *request;

    LOOPBACK_SCRIPT(scene->server, "/v1/kv/data/a", DATA("{\"k\":\"old\",\"n\":1.10}", "4"),
                    WRITTEN("5"));
    outcome = set_a(scene, VAULT_WRITE_PATCH, 4);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_int_equal(outcome.version.version, 5);
    request = scene_request(scene, PATCH, 0);
    assert_non_null(strstr(request, "\r\nContent-Type: application/merge-patch+json\r\n"));
    assert_non_null(strstr(request, "\r\n\r\n{\"options\":{\"cas\":4},\"data\":{\"k\":\"new\"}}"));
    scene_close(scene);
}

TEST(the_token_is_asked_which_way_it_may)
{
    static const struct {
        struct loopback_step may;
        unsigned patches;
    } cases[] = {
        {MAY("\"read\",\"patch\""), 1},      {MAY("\"root\""), 1},
        {MAY("\"read\",\"update\""), 0},     {DENIES, 0},
        {SAYS("400", "{\"errors\":[]}"), 0},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct scene *scene = scene_with_token();
        struct vault_outcome outcome;

        loopback_script(scene->server, "/v1/sys/capabilities-self", &cases[i].may, 1);
        LOOPBACK_SCRIPT(scene->server, "/v1/kv/data/a", DATA("{\"k\":\"old\",\"n\":1.10}", "4"),
                        WRITTEN("5"));
        outcome = set_a(scene, VAULT_WRITE_EITHER, 4);
        expect_kind(&outcome, FAILURE_NONE, "");
        assert_int_equal(scene_count(scene, PATCH), cases[i].patches);
        assert_int_equal(scene_count(scene, POST), 1 - cases[i].patches);
        scene_close(scene);
    }
}

TEST(the_first_version_is_never_a_patch)
{
    struct scene *scene = scene_with_token();
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(scene->server, "/v1/kv/data/a", WRITTEN("1"));
    outcome = set_a(scene, VAULT_WRITE_PATCH, 0);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_int_equal(scene_count(scene, POST), 1);
    assert_int_equal(scene_count(scene, ASK), 0);
    scene_close(scene);
}

TEST(a_patch_that_fails_says_why)
{
    static const struct {
        struct loopback_step step;
        enum failure_kind kind;
        const char *part;
    } cases[] = {
        {SAYS_WITH("404", "Content-Type: application/json", ""), FAILURE_CONFLICT,
         "removed after it was read"},
        {SAYS("404", "{\"data\":{\"version\":4,\"created_time\":\"2026-01-02T03:04:05Z\","
                     "\"deletion_time\":\"2026-01-02T03:04:06Z\",\"destroyed\":false}}"),
         FAILURE_DELETED, "version 4 was deleted"},
        {SAYS("400",
              "{\"errors\":[\"check-and-set parameter did not match the current version\"]}"),
         FAILURE_CONFLICT, "check-and-set"},
        {DENIES, FAILURE_DENIED, "its policies do not allow this"},
        {SAYS("500", "{\"errors\":[\"1 error occurred:\\n\\t* resource does not exist\\n\\n\"]}"),
         FAILURE_REMOTE, "resource does not exist"},
        {SAYS("405", "{\"errors\":[\"unsupported operation\"]}"), FAILURE_PROTOCOL, "405"},
        {SAYS("204", ""), FAILURE_PROTOCOL, "no KV version 2 mount"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct loopback_step steps[2] = {DATA("{\"k\":\"old\"}", "4")};
        struct scene *scene = scene_with_token();
        struct vault_outcome outcome;

        steps[1] = cases[i].step;
        loopback_script(scene->server, "/v1/kv/data/a", steps, 2);
        outcome = set_a(scene, VAULT_WRITE_PATCH, 4);
        expect_kind(&outcome, cases[i].kind, cases[i].part);
        assert_int_equal(scene_count(scene, PATCH), 1);
        assert_int_equal(scene_count(scene, READ), 1);
        scene_close(scene);
    }
}

TEST(a_lost_patch_is_settled_by_reading_back)
{
    struct scene *scene = scene_with_token();
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(scene->server, "/v1/kv/data/a", DATA("{\"k\":\"old\"}", "4"), CLOSES,
                    DATA("{\"k\":\"new\"}", "5"));
    outcome = set_a(scene, VAULT_WRITE_PATCH, 4);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_int_equal(outcome.version.version, 5);
    assert_int_equal(scene_count(scene, PATCH), 1);
    scene_close(scene);
}

/* 200 with "data": null is a live version. */
TEST(trap_9_a_secret_of_null_cannot_be_patched)
{
    struct scene *scene = scene_with_token();
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(scene->server, "/v1/kv/data/a", DATA("null", "4"));
    outcome = set_a(scene, VAULT_WRITE_PATCH, 4);
    expect_kind(&outcome, FAILURE_INVALID, "no merge patch");
    assert_int_equal(scene_count(scene, PATCH), 0);
    scene_close(scene);

    scene = scene_with_token();
    LOOPBACK_SCRIPT(scene->server, "/v1/sys/capabilities-self", MAY("\"patch\""));
    LOOPBACK_SCRIPT(scene->server, "/v1/kv/data/a", DATA("null", "4"), WRITTEN("5"));
    outcome = set_a(scene, VAULT_WRITE_EITHER, 4);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_int_equal(scene_count(scene, POST), 1);
    scene_close(scene);
}

/* ---- what is never written over ---------------------------------------------------------------
 */

TEST(a_field_that_is_no_string_is_left_alone)
{
    static const struct {
        struct loopback_step step;
        const char *part;
    } cases[] = {
        {DATA("{\"k\":12}", "4"), "holds a number"},   {DATA("{\"k\":-1.5e3}", "4"), "a number"},
        {DATA("{\"k\":{\"x\":1}}", "4"), "an object"}, {DATA("{\"k\":[]}", "4"), "a list"},
        {DATA("{\"k\":null}", "4"), "holds null"},     {DATA("{\"k\":true}", "4"), "holds true"},
        {DATA("{\"k\":false}", "4"), "holds false"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (enum vault_write_way way = 0; way <= VAULT_WRITE_PATCH; way++) {
            struct scene *scene = scene_with_token();
            struct vault_outcome outcome;

            loopback_script(scene->server, "/v1/kv/data/a", &cases[i].step, 1);
            outcome = set_a(scene, way, 4);
            expect_kind(&outcome, FAILURE_INVALID, cases[i].part);
            assert_int_equal(scene_count(scene, POST) + scene_count(scene, PATCH), 0);
            scene_close(scene);
        }
    }
}

/* U+00E9, and e with U+0301: two names, and neither is the other's. */
TEST(names_that_differ_by_normal_form_are_two_names)
{
    struct scene *scene = scene_with_token();
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(scene->server, "/v1/kv/data/a",
                    DATA("{\"e\xcc\x81\":\"two\",\"\xc3\xa9\":\"one\"}", "4"),
                    DATA("{\"e\xcc\x81\":\"two\",\"\xc3\xa9\":\"one\"}", "4"), WRITTEN("5"));
    outcome = vault_field_of(&scene->loop, scene->client, "a", "\xc3\xa9", 0);
    assert_string_equal(outcome.value, "one");
    outcome = vault_set_field(&scene->loop, scene->client, "a", "e\xcc\x81", "new",
                              &(struct vault_version){.version = 4});
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_non_null(strstr(scene_request(scene, POST, 0),
                           "\"data\":{\"e\xcc\x81\":\"new\",\"\xc3\xa9\":\"one\"}}"));
    scene_close(scene);
}

TEST(a_secret_without_fields_gets_its_first)
{
    struct scene *scene = scene_with_token();
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(scene->server, "/v1/kv/data/a", DATA("{}", "1"), DATA("{}", "1"), WRITTEN("2"));
    outcome = vault_field_of(&scene->loop, scene->client, "a", "k", 0);
    assert_int_equal(outcome.state, VAULT_FIELD_ABSENT);
    outcome = set_a(scene, VAULT_WRITE_MODIFY, 1);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_non_null(strstr(scene_request(scene, POST, 0), "\"data\":{\"k\":\"new\"}}"));
    scene_close(scene);
}

/* HashiCorp Vault says 301 to paths it finds odd, also to writes; whoever follows turns them into
 * reads, and calls what they answer a success. */
TEST(trap_a_change_never_follows_a_301_not_even_below_the_same_address)
{
    static const struct loopback_step moved = SAYS_WITH("301", "Location: /v1/kv/data/b", "");
    static const struct loopback_step there =
        SAYS("200", "{\"data\":{\"created_time\":\"2026-01-02T03:04:05Z\",\"current_version\":1,"
                    "\"custom_metadata\":null,\"versions\":{\"1\":{\"created_time\":"
                    "\"2026-01-02T03:04:05Z\",\"deletion_time\":\"\",\"destroyed\":false}}}}");
    static const char *const targets[] = {"/v1/kv/data/a", "/v1/kv/delete/a", "/v1/kv/metadata/a"};
    struct loopback_step steps[3][2] = {
        {DATA("{\"k\":\"old\"}", "1"), moved}, {moved, moved}, {there, moved}};

    for (unsigned i = 0; i < 6; i++) {
        struct scene *scene = scene_with_token();
        struct vault_outcome outcome;
        unsigned requests;

        /* The first write reads nothing before. */
        for (unsigned n = 0; n < 3; n++)
            loopback_script(scene->server, targets[n], steps[n] + (i == 0), 2 - (i == 0));
        LOOPBACK_SCRIPT(scene->server, "/v1/kv/data/b", WRITTEN("1"));
        if (i < 3)
            outcome = set_a(scene, i == 2 ? VAULT_WRITE_PATCH : VAULT_WRITE_MODIFY, i > 0);
        else if (i < 5)
            outcome = vault_remove_of(&scene->loop, scene->client,
                                      i == 3 ? VAULT_DELETE_VERSION : VAULT_REMOVE_SECRET, "a",
                                      i == 3, NULL);
        else
            outcome = vault_set_note(&scene->loop, scene->client, "a", "who", "me");
        requests = loopback_count(scene->server);
        expect_kind(&outcome, FAILURE_REMOTE, "it answered 301");
        assert_null(strstr(loopback_request(scene->server, requests - 1), "GET "));
        assert_int_equal(scene_count(scene, "GET /v1/kv/data/b"), 0);
        assert_int_equal(scene_count(scene, "POST /v1/kv/data/b"), 0);
        scene_close(scene);
    }
}

/* ---- mounts ---------------------------------------------------------------------------------- */

#define UI_DENIES                                                                                  \
    SAYS("403", "{\"errors\":[\"preflight capability check returned 403, please ensure client's "  \
                "policies grant access to path \\\"kv/\\\"\"]}")

static struct scene *scene_with_mount(int kv)
{
    struct scene *scene = scene_open();
    struct secret *token = secret_new(TEXT("s.given"));
    struct vault_mount mount = {"kv", kv};
    struct vault_settings settings = {
        .address = loopback_origin(scene->server),
        .proxy = "",
        .timeout_ms = 5000,
        .auth = {.method = VAULT_AUTH_TOKEN, .token.value = token},
        .mounts = &mount,
        .mount_count = 1,
    };
    struct failure why = {0};

    LOOPBACK_SCRIPT(scene->server, LOOKUP_PATH, LOOKUP_OK);
    scene->client = vault_client_open(scene->http, &settings, &why);
    assert_string_equal(why.text, "");
    secret_free(token);
    return scene;
}

TEST(a_mount_that_is_known_is_not_asked_for_by_reads)
{
    struct scene *scene = scene_with_mount(2);
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(scene->server, "/v1/kv/data/a", DATA("{\"k\":\"v\"}", "3"));
    outcome = vault_field_of(&scene->loop, scene->client, "a", "k", 0);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_int_equal(scene_count(scene, "GET " MOUNT_PATH), 0);
    scene_close(scene);

    scene = scene_with_mount(1);
    LOOPBACK_SCRIPT(scene->server, "/v1/kv/a", SAYS("200", "{\"data\":{\"k\":\"v1\"}}"));
    outcome = vault_field_of(&scene->loop, scene->client, "a", "k", 0);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_string_equal(outcome.value, "v1");
    assert_int_equal(scene_count(scene, "GET " MOUNT_PATH), 0);
    scene_close(scene);
}

TEST(rights_are_told_without_a_word_about_the_mount_too)
{
    struct scene *scene = scene_open();
    struct secret *token = secret_new(TEXT("s.given"));
    struct vault_auth auth = {.method = VAULT_AUTH_TOKEN, .token.value = token};
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(scene->server, LOOKUP_PATH, LOOKUP_OK);
    LOOPBACK_SCRIPT(scene->server, MOUNT_PATH, UI_DENIES);
    LOOPBACK_SCRIPT(
        scene->server, "/v1/sys/capabilities-self",
        SAYS("200", "{\"data\":{\"kv/data/a\":[\"deny\"],\"kv/metadata/a\":[\"deny\"]}}"));
    scene->client = scene_client(scene, &auth, NULL, 5000);
    outcome = vault_rights_of(&scene->loop, scene->client, "a");
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_true(outcome.rights.is_mount_unknown);
    assert_false(outcome.rights.may_read_data || outcome.rights.may_read_metadata);
    secret_free(token);
    scene_close(scene);
}

TEST(a_token_that_may_not_ask_writes_as_the_settings_say)
{
    struct scene *scene = scene_with_mount(2);
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(scene->server, MOUNT_PATH, UI_DENIES);
    LOOPBACK_SCRIPT(scene->server, "/v1/kv/data/a", DATA("{\"k\":\"v\"}", "3"), WRITTEN("4"));
    LOOPBACK_SCRIPT(scene->server, "/v1/kv/metadata/b", ABSENT);
    outcome = set_a(scene, VAULT_WRITE_MODIFY, 3);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_int_equal(scene_count(scene, "GET " MOUNT_PATH), 1);
    /* It is known now that asking is in vain. */
    vault_metadata_of(&scene->loop, scene->client, "b");
    vault_metadata_of(&scene->loop, scene->client, "b");
    assert_int_equal(scene_count(scene, "GET " MOUNT_PATH), 1);
    scene_close(scene);
}

TEST(a_server_that_contradicts_the_settings_is_not_written_to)
{
    struct scene *scene = scene_with_mount(2);
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(
        scene->server, MOUNT_PATH,
        SAYS("200",
             "{\"data\":{\"path\":\"kv/\",\"type\":\"kv\",\"options\":{\"version\":\"1\"}}}"));
    outcome = set_a(scene, VAULT_WRITE_MODIFY, 3);
    expect_kind(&outcome, FAILURE_INVALID,
                "set to KV version 2, and the server says it is version 1");
    assert_int_equal(scene_count(scene, POST), 0);
    scene_close(scene);
}

TEST(trap_nobody_knowing_better_does_not_make_it_version_1)
{
    struct scene *scene = scene_open();
    struct secret *token = secret_new(TEXT("s.given"));
    struct vault_auth auth = {.method = VAULT_AUTH_TOKEN, .token.value = token};
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(scene->server, LOOKUP_PATH, LOOKUP_OK);
    LOOPBACK_SCRIPT(scene->server, MOUNT_PATH, UI_DENIES);
    scene->client = scene_client(scene, &auth, NULL, 5000);
    outcome = vault_field_of(&scene->loop, scene->client, "a", "k", 0);
    expect_kind(&outcome, FAILURE_DENIED, "say which KV version the mount is");
    assert_int_equal(scene_count(scene, "GET /v1/kv/"), 0);
    secret_free(token);
    scene_close(scene);
}

TEST(mount_settings_that_make_no_sense_are_refused)
{
    static const struct vault_mount bad[] = {
        {"kv", 3}, {"kv", 0}, {"kv/", 2}, {"", 1}, {"../x", 2}};
    struct scene *scene = scene_open();
    struct secret *token = secret_new(TEXT("s.given"));

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct vault_settings settings = {
            .address = loopback_origin(scene->server),
            .auth = {.method = VAULT_AUTH_TOKEN, .token.value = token},
            .mounts = &bad[i],
            .mount_count = 1,
        };
        struct failure why = {0};

        assert_null(vault_client_open(scene->http, &settings, &why));
        assert_int_equal(why.kind, FAILURE_INVALID);
    }
    secret_free(token);
    scene_close(scene);
}

int main(void)
{
    return RUN(CASE(a_patch_carries_nothing_but_the_field),
               CASE(the_token_is_asked_which_way_it_may), CASE(the_first_version_is_never_a_patch),
               CASE(a_patch_that_fails_says_why), CASE(a_lost_patch_is_settled_by_reading_back),
               CASE(trap_9_a_secret_of_null_cannot_be_patched),
               CASE(a_field_that_is_no_string_is_left_alone),
               CASE(names_that_differ_by_normal_form_are_two_names),
               CASE(a_secret_without_fields_gets_its_first),
               CASE(trap_a_change_never_follows_a_301_not_even_below_the_same_address),
               CASE(a_mount_that_is_known_is_not_asked_for_by_reads),
               CASE(rights_are_told_without_a_word_about_the_mount_too),
               CASE(a_token_that_may_not_ask_writes_as_the_settings_say),
               CASE(a_server_that_contradicts_the_settings_is_not_written_to),
               CASE(trap_nobody_knowing_better_does_not_make_it_version_1),
               CASE(mount_settings_that_make_no_sense_are_refused));
}
