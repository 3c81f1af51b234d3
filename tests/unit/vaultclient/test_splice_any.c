/* SPDX-License-Identifier: Apache-2.0 */
/* Of any object whatever: one field is set, and every other byte stays as it was. */
#include "tests/support/any_json.h"
#include "tests/support/test.h"

#include "base/secret.h"
#include "vaultclient/splice.h"
#include "vaultclient/wire.h"

#include <string.h>

enum { OBJECTS = 4000, LARGE_OBJECTS = 40 };

/* Says which one it was: a seed makes the same objects again. */
static void expect_text(const struct any_json *json, unsigned number, const char *what,
                        struct text found, const struct buffer *expected)
{
    if (!text_equal(found, buffer_text(expected)))
        fail_msg("object %u: %s: found\n%.*s\nnot\n%.*s\nin\n%s", number, what, TEXT_ARG(found),
                 TEXT_ARG(buffer_text(expected)), buffer_text(&json->before).start);
}

static void expect_holds(const struct any_json *json, unsigned number, const struct buffer *object,
                         const struct buffer *expected)
{
    struct buffer plain = {.limit = 1 << 20};
    struct text raw;

    assert_true(vault_splice_member(buffer_text(object), buffer_text(&json->name), &raw));
    assert_true(vault_splice_decode(raw, &plain));
    expect_text(json, number, "the value", buffer_text(&plain), expected);
    buffer_clear(&plain);
}

static void set_the_field(const struct any_json *json, unsigned number)
{
    struct buffer out = {.limit = 8 << 20};
    struct failure why = {0};
    struct text raw;

    if (!vault_splice_check(buffer_text(&json->before), &why))
        fail_msg("object %u: %s: %s", number, why.text, buffer_text(&json->before).start);
    assert_true(vault_splice_check(buffer_text(&json->after), &why));
    assert_true(vault_splice_set(buffer_text(&json->before), buffer_text(&json->name),
                                 buffer_text(&json->new_value), &out));
    expect_text(json, number, "the object", buffer_text(&out), &json->after);
    expect_holds(json, number, &json->after, &json->new_value);
    if (json->is_added)
        assert_false(
            vault_splice_member(buffer_text(&json->before), buffer_text(&json->name), &raw));
    else
        expect_holds(json, number, &json->before, &json->old_value);
    buffer_clear(&out);
}

TEST(of_any_object_one_field_is_set_and_no_other_byte_changes)
{
    struct any_json json;

    any_json_init(&json, 1);
    for (unsigned i = 0; i < OBJECTS; i++) {
        any_json_next(&json, false);
        set_the_field(&json, i);
    }
    any_json_clear(&json);
}

TEST(of_any_object_with_large_neighbours_no_other_byte_changes)
{
    struct any_json json;

    any_json_init(&json, 2);
    for (unsigned i = 0; i < LARGE_OBJECTS; i++) {
        any_json_next(&json, true);
        set_the_field(&json, i);
    }
    any_json_clear(&json);
}

/* The whole way of a write: the server's answer in, the body of the request out. */
TEST(of_any_answer_the_fields_come_out_and_go_back_as_they_were)
{
    struct buffer answer = {.limit = 8 << 20}, body = {.limit = 8 << 20},
                  expected = {.limit = 8 << 20};
    struct wire_secret secret;
    struct any_json json;
    struct failure why = {0};

    any_json_init(&json, 3);
    for (unsigned i = 0; i < OBJECTS; i++) {
        enum vault_field_state state;
        struct secret *value;

        any_json_next(&json, i % 100 == 0);
        buffer_reset(&answer);
        buffer_append_string(&answer, "{\"request_id\":\"x\",\"data\":{\"data\":");
        buffer_append(&answer, buffer_text(&json.before));
        buffer_append_string(&answer, ",\"metadata\":{\"created_time\":\"2026-01-02T03:04:05Z\","
                                      "\"deletion_time\":\"\",\"destroyed\":false,\"version\":7}},"
                                      "\"warnings\":null}");
        if (!vault_wire_data(200, buffer_text(&answer), 7, &secret, &why))
            fail_msg("object %u: %s", i, why.text);
        expect_text(&json, i, "the fields", secret.fields, &json.before);
        assert_true(vault_wire_field(secret.fields, buffer_text(&json.name), &state, &value, &why));
        assert_int_equal(state, json.is_added ? VAULT_FIELD_ABSENT : VAULT_FIELD_PRESENT);
        if (value)
            expect_text(&json, i, "the old value", secret_reveal(value), &json.old_value);
        secret_free(value);
        buffer_reset(&body);
        buffer_reset(&expected);
        assert_true(vault_wire_write_body(7, secret.fields, buffer_text(&json.name),
                                          buffer_text(&json.new_value), &body));
        buffer_append_string(&expected, "{\"options\":{\"cas\":7},\"data\":");
        buffer_append(&expected, buffer_text(&json.after));
        buffer_append_byte(&expected, '}');
        expect_text(&json, i, "the body", buffer_text(&body), &expected);
    }
    any_json_clear(&json);
    buffer_clear(&answer);
    buffer_clear(&body);
    buffer_clear(&expected);
}

int main(void)
{
    return RUN(CASE(of_any_object_one_field_is_set_and_no_other_byte_changes),
               CASE(of_any_object_with_large_neighbours_no_other_byte_changes),
               CASE(of_any_answer_the_fields_come_out_and_go_back_as_they_were));
}
