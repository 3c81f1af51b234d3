/* SPDX-License-Identifier: Apache-2.0 */
/* What bad input gets: a failure of its own, and a server on which nothing has changed. The
 * administrator reads before and after, and what stands there must be the same, byte for byte. */
#include "openbao_scene.h"

#include "base/buffer.h"
#include "net/json.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAYS     3
#define REMOVALS 4

static void append_data(struct scene *scene, const char *path, struct buffer *out)
{
    struct admin_answer answer =
        administer_as(scene, given("OPENBAO_ROOT_TOKEN"), NULL, "GET", path, NULL);
    json_t *json = json_read(text_of(answer.body), NULL);
    char *data = json_dumps(json_object_get(json, "data"), JSON_ENCODE_ANY | JSON_COMPACT);

    buffer_printf(out, "%d %s\n", answer.status, data ? data : "");
    free(data);
    json_decref(json);
    free(answer.body);
}

/* All that can be known of the secret "kv/data/<path>", and the names of all others; to
 * memory_free(). */
static char *state_of(struct scene *scene, const char *path)
{
    struct buffer out = {.limit = 16 << 20};
    char target[128];

    snprintf(target, sizeof target, "kv/data/%s", path);
    append_data(scene, target, &out);
    snprintf(target, sizeof target, "kv/metadata/%s", path);
    append_data(scene, target, &out);
    append_data(scene, "kv/metadata/?list=true", &out);
    append_data(scene, "kv/metadata/bad/?list=true", &out);
    append_data(scene, "kv1/?list=true", &out);
    assert_true(buffer_ok(&out));
    return buffer_take(&out);
}

static void expect_state(struct scene *scene, const char *path, char *before)
{
    char *after = state_of(scene, path);

    assert_string_equal(before, after);
    memory_free(after);
    memory_free(before);
}

/* Every operation that could change something, once. */
static void try_all(struct scene *scene, struct vault_key key, enum failure_kind kind,
                    const char *part)
{
    struct secret *value = secret_new(TEXT("new"));
    struct vault_note note = {TEXT("who"), TEXT("me")};
    struct vault_outcome outcomes[2 + WAYS + REMOVALS + 2] = {0};
    struct vault_outcome *outcome = outcomes;

    assert_non_null(
        vault_read_field(scene->client, key, TEXT("k"), 0, 0, vault_on_field, outcome++));
    assert_non_null(vault_read_metadata(scene->client, key, 0, vault_on_metadata, outcome++));
    for (unsigned i = 0; i < WAYS; i++) {
        struct vault_write write = {
            .key = key, .field = TEXT("k"), .value = value, .expected = i ? 1 : 0, .way = i};

        assert_non_null(vault_write_field(scene->client, &write, 0, vault_on_metadata, outcome++));
    }
    for (unsigned i = 0; i < REMOVALS; i++) {
        struct vault_removal removal = {
            .kind = i, .key = key, .version = i == VAULT_REMOVE_SECRET ? 0 : 1};

        assert_non_null(vault_remove(scene->client, &removal, 0, vault_on_metadata, outcome++));
    }
    assert_non_null(vault_write_notes(scene->client, key, &note, 1, 0, vault_on_notes, outcome++));
    assert_non_null(vault_read_notes(scene->client, key, 0, vault_on_notes, outcome++));
    secret_free(value);
    for (size_t i = 0; i < sizeof outcomes / sizeof *outcomes; i++) {
        vault_wait(&scene->loop, &outcomes[i]);
        expect_kind(&outcomes[i], kind, part);
    }
}

/* ---- paths ----------------------------------------------------------------------------------- */

TEST(a_path_with_dots_nul_empty_segments_an_encoded_slash_or_a_query_changes_nothing)
{
    /* Each stands for "bad/a" to somebody: a server, a proxy, a person. */
    const struct {
        struct text path;
        const char *part;
    } paths[] = {
        {TEXT("bad/x/../a"), "has a part \"..\""},
        {TEXT("../kv/bad/a"), "has a part \"..\""},
        {TEXT("bad/./a"), "has a part \".\""},
        {TEXT("bad/a\0b"), "holds a NUL character"},
        {TEXT("bad/a\0"), "holds a NUL character"},
        {TEXT("bad//a"), "has an empty part"},
        {TEXT("/bad/a"), "without slashes at its ends"},
        {TEXT("bad/a/"), "without slashes at its ends"},
        {TEXT("bad%2fa"), "holds an encoded slash or point"},
        {TEXT("bad%2Fa"), "holds an encoded slash or point"},
        {TEXT("bad/x/%2e%2E/a"), "holds an encoded slash or point"},
        {TEXT("bad/a?version=1"), "a query does not belong there"},
        {TEXT("bad/a\n"), "holds a control character"},
        {TEXT("bad/a\xff"), "is not UTF-8"},
        {TEXT(""), "the path is empty"},
    };
    struct scene *scene = scene_open();
    char *before;

    administer(scene, "POST", "kv/data/bad/a", "{\"data\":{\"k\":\"old\"}}");
    before = state_of(scene, "bad/a");
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        try_all(scene, (struct vault_key){TEXT("kv"), paths[i].path}, FAILURE_INVALID,
                paths[i].part);
    expect_state(scene, "bad/a", before);
    scene_close(scene);
}

TEST(a_mount_with_dots_nul_empty_segments_an_encoded_slash_or_a_query_changes_nothing)
{
    const struct {
        struct text mount;
        const char *part;
    } mounts[] = {
        {TEXT("x/../kv"), "the mount \"x/../kv\" has a part \"..\""},
        {TEXT("kv\0"), "the mount holds a NUL character"},
        {TEXT("kv/"), "the mount \"kv/\" is written without slashes at its ends"},
        {TEXT("x//kv"), "the mount \"x//kv\" has an empty part"},
        {TEXT("x%2fkv"), "the mount \"x%2fkv\" holds an encoded slash or point"},
        {TEXT("kv?x"), "the mount \"kv?x\" holds a question mark"},
        {TEXT(""), "the mount is empty"},
    };
    struct scene *scene = scene_open();
    char *before;

    administer(scene, "POST", "kv/data/bad/a", "{\"data\":{\"k\":\"old\"}}");
    before = state_of(scene, "bad/a");
    for (size_t i = 0; i < sizeof mounts / sizeof *mounts; i++)
        try_all(scene, (struct vault_key){mounts[i].mount, TEXT("bad/a")}, FAILURE_INVALID,
                mounts[i].part);
    expect_state(scene, "bad/a", before);
    scene_close(scene);
}

/* Names that only look odd are names: what is written is read back, and no other secret moves. */
TEST(a_path_that_only_looks_odd_is_a_path)
{
    static const char *const odd[] = {"bad/..a",   "bad/a..", "bad/...", "bad/a#b",  "bad/a%25",
                                      "bad/a&b=c", "bad/a;b", "bad/a+b", "bad/\"a\\"};
    struct scene *scene = scene_open();
    struct vault_version none = {0};

    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        struct vault_outcome outcome =
            vault_set_field(&scene->loop, scene->client, odd[i], "k", odd[i], &none);

        expect_kind(&outcome, FAILURE_NONE, "");
    }
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        struct vault_outcome outcome = vault_field_of(&scene->loop, scene->client, odd[i], "k", 0);

        expect_kind(&outcome, FAILURE_NONE, "");
        assert_string_equal(outcome.value, odd[i]);
    }
    scene_close(scene);
}

/* ---- mounts ---------------------------------------------------------------------------------- */

TEST(a_mount_that_is_not_kv_changes_nothing)
{
    const struct {
        struct text mount;
        enum failure_kind kind;
        const char *part;
    } mounts[] = {
        {TEXT("cubbyhole"), FAILURE_INVALID,
         "the mount \"cubbyhole\" is a \"cubbyhole\" engine, not KV"},
        {TEXT("sys"), FAILURE_INVALID, "the mount \"sys\" is a \"system\" engine, not KV"},
        {TEXT("identity"), FAILURE_INVALID,
         "the mount \"identity\" is a \"identity\" engine, not KV"},
        {TEXT("kv/data"), FAILURE_INVALID, "the mount there is \"kv\", not \"kv/data\""},
        {TEXT("nowhere"), FAILURE_DENIED, "no mount \"nowhere\""},
    };
    struct scene *scene = scene_open();
    char *before;

    administer(scene, "POST", "kv/data/bad/a", "{\"data\":{\"k\":\"old\"}}");
    before = state_of(scene, "bad/a");
    for (size_t i = 0; i < sizeof mounts / sizeof *mounts; i++)
        try_all(scene, (struct vault_key){mounts[i].mount, TEXT("bad/a")}, mounts[i].kind,
                mounts[i].part);
    expect_state(scene, "bad/a", before);
    scene_close(scene);
}

/* ---- fields ---------------------------------------------------------------------------------- */

TEST(a_field_that_is_a_number_object_list_boolean_or_null_is_left_alone)
{
    static const struct {
        const char *field, *part;
    } kinds[] = {
        {"number", "holds a number, not a string: nothing was written"},
        {"fraction", "holds a number, not a string: nothing was written"},
        {"object", "holds an object, not a string: nothing was written"},
        {"list", "holds a list, not a string: nothing was written"},
        {"yes", "holds true, not a string: nothing was written"},
        {"no", "holds false, not a string: nothing was written"},
        {"null", "holds null, not a string: nothing was written"},
    };
    struct scene *scene = scene_open();
    struct vault_version one = {.version = 1};
    char *before;

    administer(scene, "POST", "kv/data/bad/kinds",
               "{\"data\":{\"number\":1,\"fraction\":-0.5,\"object\":{\"k\":\"v\"},"
               "\"list\":[\"v\"],\"yes\":true,\"no\":false,\"null\":null,\"k\":\"v\"}}");
    before = state_of(scene, "bad/kinds");
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct vault_outcome outcome =
            vault_field_of(&scene->loop, scene->client, "bad/kinds", kinds[i].field, 0);

        expect_kind(&outcome, FAILURE_NONE, "");
        assert_int_equal(outcome.state, VAULT_FIELD_NOT_A_STRING);
        for (enum vault_write_way way = 0; way < WAYS; way++) {
            outcome = vault_set_field_by(&scene->loop, scene->client, way, "bad/kinds",
                                         kinds[i].field, "new", &one);
            expect_kind(&outcome, FAILURE_INVALID, kinds[i].part);
        }
    }
    expect_state(scene, "bad/kinds", before);
    scene_close(scene);
}

TEST(a_value_or_field_that_json_cannot_carry_is_not_sent)
{
    const struct {
        struct text field, value;
        const char *part;
    } cases[] = {
        {TEXT("k"), TEXT(""), "the value to write is empty"},
        {TEXT("k"), TEXT("a\0b"), "holds a NUL character"},
        {TEXT("k"), TEXT("\xff"), "is not UTF-8"},
        {TEXT("k"), TEXT("\xed\xa0\x80"), "is not UTF-8"}, /* half a surrogate pair */
        {TEXT(""), TEXT("v"), "the name of the field is empty"},
        {TEXT("\xc3"), TEXT("v"), "or is not UTF-8"},
        {TEXT("a\0b"), TEXT("v"), "holds a control character"},
    };
    struct scene *scene = scene_open();
    char *before;

    administer(scene, "POST", "kv/data/bad/carry", "{\"data\":{\"k\":\"old\"}}");
    before = state_of(scene, "bad/carry");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct secret *value = secret_new(cases[i].value);

        for (enum vault_write_way way = 0; way < WAYS; way++) {
            struct vault_write write = {.key = vault_key_of("bad/carry"),
                                        .field = cases[i].field,
                                        .value = value,
                                        .expected = 1,
                                        .way = way};
            struct vault_outcome outcome = {0};

            assert_non_null(
                vault_write_field(scene->client, &write, 0, vault_on_metadata, &outcome));
            vault_wait(&scene->loop, &outcome);
            expect_kind(&outcome, FAILURE_INVALID, cases[i].part);
        }
        secret_free(value);
    }
    expect_state(scene, "bad/carry", before);
    scene_close(scene);
}

/* ---- secrets --------------------------------------------------------------------------------- */

TEST(a_secret_of_0_fields_lacks_every_field_and_takes_its_first)
{
    struct scene *scene = scene_open();
    struct vault_outcome outcome;

    for (enum vault_write_way way = 0; way < WAYS; way++) {
        char path[32], target[48];

        snprintf(path, sizeof path, "bad/zero%u", (unsigned)way);
        snprintf(target, sizeof target, "kv/data/%s", path);
        administer(scene, "POST", target, "{\"data\":{}}");
        outcome = vault_field_of(&scene->loop, scene->client, path, "k", 0);
        expect_kind(&outcome, FAILURE_NONE, "");
        assert_int_equal(outcome.state, VAULT_FIELD_ABSENT);
        outcome = vault_set_field_by(&scene->loop, scene->client, way, path, "k", "first",
                                     &outcome.version);
        expect_kind(&outcome, FAILURE_NONE, "");
        assert_int_equal(outcome.version.version, 2);
        expect_body(scene, target, "\"data\":{\"data\":{\"k\":\"first\"},");
    }
    scene_close(scene);
}

/* 200, and a live version all the same: no merge patch can change it. */
TEST(trap_9_a_secret_of_null_is_not_patched_and_otherwise_written)
{
    struct scene *scene = scene_open();
    struct vault_version one = {.version = 1};
    struct vault_outcome outcome;
    char *before;

    administer(scene, "POST", "kv/data/bad/null", "{\"data\":null}");
    before = state_of(scene, "bad/null");
    outcome = vault_field_of(&scene->loop, scene->client, "bad/null", "k", 0);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_int_equal(outcome.state, VAULT_FIELD_ABSENT);
    outcome = vault_set_field_by(&scene->loop, scene->client, VAULT_WRITE_PATCH, "bad/null", "k",
                                 "new", &one);
    expect_kind(&outcome, FAILURE_INVALID, "no merge patch can change");
    expect_state(scene, "bad/null", before);
    outcome = vault_set_field_by(&scene->loop, scene->client, VAULT_WRITE_EITHER, "bad/null", "k",
                                 "new", &one);
    expect_kind(&outcome, FAILURE_NONE, "");
    expect_body(scene, "kv/data/bad/null", "\"data\":{\"data\":{\"k\":\"new\"},");
    scene_close(scene);
}

static void note_size(const struct vault_field *field, const struct failure *failure, void *context)
{
    assert_null(failure);
    assert_int_equal(field->state, VAULT_FIELD_PRESENT);
    *(size_t *)context = secret_reveal(field->value).size;
}

static void write_secret_of(struct scene *scene, const char *path, const char *field, size_t size)
{
    struct buffer body = {.limit = 16 << 20};

    buffer_printf(&body, "{\"data\":{\"small\":\"v\",\"%s\":\"", field);
    for (size_t i = 0; i < size; i++)
        buffer_append_byte(&body, 'x');
    buffer_append_string(&body, "\"}}");
    administer(scene, "POST", path, buffer_text(&body).start);
    buffer_clear(&body);
}

TEST(a_secret_of_1_mib_is_read_and_written_whole)
{
    struct scene *scene = scene_open();
    struct vault_version none = {0};
    struct vault_outcome outcome;
    size_t size = 0;
    char *value = malloc(SECRET_LIMIT + 1);

    assert_non_null(value);
    memset(value, 'x', SECRET_LIMIT);
    value[SECRET_LIMIT] = '\0';
    outcome = vault_set_field(&scene->loop, scene->client, "bad/large", "k", value, &none);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_non_null(vault_read_field(scene->client, vault_key_of("bad/large"), TEXT("k"), 0, 0,
                                     note_size, &size));
    while (!size)
        vault_idle(&scene->loop, 1);
    assert_int_equal(size, SECRET_LIMIT);
    /* A neighbour of that size is no obstacle either. */
    for (enum vault_write_way way = 0; way < WAYS; way++) {
        outcome = vault_set_field_by(&scene->loop, scene->client, way, "bad/large", "small", "v",
                                     &outcome.version);
        expect_kind(&outcome, FAILURE_NONE, "");
        assert_int_equal(outcome.version.version, 2 + (unsigned)way);
    }
    outcome = vault_field_of(&scene->loop, scene->client, "bad/large", "small", 0);
    assert_string_equal(outcome.value, "v");
    free(value);
    scene_close(scene);
}

TEST(a_field_of_more_than_1_mib_is_called_too_large_and_harms_no_other)
{
    struct scene *scene = scene_open();
    struct vault_outcome outcome;

    write_secret_of(scene, "kv/data/bad/larger", "k", SECRET_LIMIT + 1);
    outcome = vault_field_of(&scene->loop, scene->client, "bad/larger", "k", 0);
    expect_kind(&outcome, FAILURE_TOO_LARGE, "larger than 1048576 bytes");
    outcome = vault_set_field(&scene->loop, scene->client, "bad/larger", "small", "w",
                              &(struct vault_version){.version = 1});
    expect_kind(&outcome, FAILURE_NONE, "");
    outcome = vault_field_of(&scene->loop, scene->client, "bad/larger", "small", 0);
    assert_string_equal(outcome.value, "w");
    scene_close(scene);
}

TEST(a_secret_of_more_than_8_mib_is_called_too_large_and_not_written_to)
{
    struct scene *scene = scene_open();
    struct vault_version one = {.version = 1};
    struct vault_outcome outcome;

    write_secret_of(scene, "kv/data/bad/huge", "k", 8 << 20);
    outcome = vault_field_of(&scene->loop, scene->client, "bad/huge", "small", 0);
    expect_kind(&outcome, FAILURE_TOO_LARGE, "larger than 8388608 bytes");
    for (enum vault_write_way way = 0; way < WAYS; way++) {
        outcome =
            vault_set_field_by(&scene->loop, scene->client, way, "bad/huge", "small", "w", &one);
        expect_kind(&outcome, FAILURE_TOO_LARGE, "larger than 8388608 bytes");
    }
    outcome = vault_metadata_of(&scene->loop, scene->client, "bad/huge");
    assert_int_equal(outcome.version.version, 1);
    administer(scene, "DELETE", "kv/metadata/bad/huge", NULL);
    scene_close(scene);
}

/* U+00E9, and e with U+0301. */
TEST(names_that_differ_only_by_unicode_normal_form_are_two)
{
    struct scene *scene = scene_open();
    struct vault_version none = {0};
    struct vault_outcome outcome;

    for (enum vault_write_way way = 0; way < WAYS; way++) {
        struct vault_version after = {.version = 1 + (uint32_t)way};

        if (way == 0)
            administer(scene, "POST", "kv/data/bad/forms",
                       "{\"data\":{\"\xc3\xa9\":\"one\",\"e\xcc\x81\":\"two\"}}");
        outcome = vault_set_field_by(&scene->loop, scene->client, way, "bad/forms", "e\xcc\x81",
                                     "new", &after);
        expect_kind(&outcome, FAILURE_NONE, "");
        outcome = vault_field_of(&scene->loop, scene->client, "bad/forms", "\xc3\xa9", 0);
        assert_string_equal(outcome.value, "one");
        outcome = vault_field_of(&scene->loop, scene->client, "bad/forms", "e\xcc\x81", 0);
        assert_string_equal(outcome.value, "new");
        expect_body(scene, "kv/data/bad/forms",
                    "\"data\":{\"data\":{\"e\xcc\x81\":\"new\",\"\xc3\xa9\":\"one\"}");
    }
    /* Secrets too. */
    outcome = vault_set_field(&scene->loop, scene->client, "bad/form-\xc3\xa9", "k", "one", &none);
    expect_kind(&outcome, FAILURE_NONE, "");
    outcome = vault_metadata_of(&scene->loop, scene->client, "bad/form-e\xcc\x81");
    expect_kind(&outcome, FAILURE_NOT_FOUND, "");
    outcome = vault_set_field(&scene->loop, scene->client, "bad/form-e\xcc\x81", "k", "two", &none);
    expect_kind(&outcome, FAILURE_NONE, "");
    outcome = vault_field_of(&scene->loop, scene->client, "bad/form-\xc3\xa9", "k", 0);
    assert_string_equal(outcome.value, "one");
    scene_close(scene);
}

int main(void)
{
    return RUN(
        CASE(a_path_with_dots_nul_empty_segments_an_encoded_slash_or_a_query_changes_nothing),
        CASE(a_mount_with_dots_nul_empty_segments_an_encoded_slash_or_a_query_changes_nothing),
        CASE(a_path_that_only_looks_odd_is_a_path), CASE(a_mount_that_is_not_kv_changes_nothing),
        CASE(a_field_that_is_a_number_object_list_boolean_or_null_is_left_alone),
        CASE(a_value_or_field_that_json_cannot_carry_is_not_sent),
        CASE(a_secret_of_0_fields_lacks_every_field_and_takes_its_first),
        CASE(trap_9_a_secret_of_null_is_not_patched_and_otherwise_written),
        CASE(a_secret_of_1_mib_is_read_and_written_whole),
        CASE(a_field_of_more_than_1_mib_is_called_too_large_and_harms_no_other),
        CASE(a_secret_of_more_than_8_mib_is_called_too_large_and_not_written_to),
        CASE(names_that_differ_only_by_unicode_normal_form_are_two));
}
