/* SPDX-License-Identifier: Apache-2.0 */
/* Of any secret whatever: the client sets one field, and the server then holds what it would hold
 * had an administrator written the whole secret with nothing but that changed. So number types, the
 * order of names, Unicode and large values are what the server makes of them, and nobody else. */
#include "openbao_scene.h"

#include "tests/support/any_json.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SECRETS = 60 };

static void write_it(struct scene *scene, const char *path, const struct buffer *fields)
{
    struct buffer body = {.limit = 16 << 20};

    buffer_append_string(&body, "{\"data\":");
    buffer_append(&body, buffer_text(fields));
    buffer_append_byte(&body, '}');
    administer(scene, "POST", path, buffer_text(&body).start);
    buffer_clear(&body);
}

/* The server's own text of the fields, to free(). */
static char *fields_of(struct scene *scene, const char *path)
{
    static const char begin[] = "\"data\":{\"data\":", end[] = ",\"metadata\":{\"created_time\":";
    struct admin_answer answer =
        administer_as(scene, given("OPENBAO_ROOT_TOKEN"), NULL, "GET", path, NULL);
    char *from = strstr(answer.body, begin), *to, *fields;
    size_t last = SIZE_MAX;

    assert_int_equal(answer.status, 200);
    assert_non_null(from);
    from += sizeof begin - 1;
    /* The last of them: a field may look like that too. */
    for (to = from; (to = strstr(to, end)); to++)
        last = (size_t)(to - from);
    assert_true(last != SIZE_MAX);
    fields = text_copy((struct text){from, last});
    free(answer.body);
    return fields;
}

static void note_value(const struct vault_field *field, const struct failure *failure,
                       void *context)
{
    struct vault_outcome *outcome = context;

    if (failure)
        fail_msg("%s", failure->text);
    outcome->times++;
    outcome->state = field->state;
    if (field->value)
        outcome->count = secret_reveal(field->value).size;
}

/* Its size is enough here: what it holds is compared on the server. */
static void expect_field(struct scene *scene, const char *path, const struct buffer *name,
                         const struct buffer *value)
{
    struct vault_outcome outcome = {0};

    assert_non_null(vault_read_field(scene->client, vault_key_of(path), buffer_text(name), 0, 0,
                                     note_value, &outcome));
    vault_wait(&scene->loop, &outcome);
    assert_int_equal(outcome.state, value ? VAULT_FIELD_PRESENT : VAULT_FIELD_ABSENT);
    assert_int_equal(outcome.count, value ? value->size : 0);
}

static void set_the_field(struct scene *scene, const struct any_json *json, unsigned number)
{
    enum vault_write_way way = number % 3;
    struct secret *value = secret_new(buffer_text(&json->new_value));
    struct vault_write write = {
        .field = buffer_text(&json->name), .value = value, .expected = 1, .way = way};
    struct vault_outcome outcome = {0};
    char ours[32], target[48], theirs[48];
    char *found, *expected;

    snprintf(ours, sizeof ours, "any/%u", number);
    snprintf(target, sizeof target, "kv/data/%s", ours);
    snprintf(theirs, sizeof theirs, "kv/data/expected/%u", number);
    write_it(scene, target, &json->before);
    write_it(scene, theirs, &json->after);
    expect_field(scene, ours, &json->name, json->is_added ? NULL : &json->old_value);
    write.key = vault_key_of(ours);
    assert_non_null(vault_write_field(scene->client, &write, 0, vault_on_metadata, &outcome));
    secret_free(value);
    vault_wait(&scene->loop, &outcome);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_int_equal(outcome.version.version, 2);
    expect_field(scene, ours, &json->name, &json->new_value);
    found = fields_of(scene, target);
    expected = fields_of(scene, theirs);
    if (strcmp(found, expected) != 0)
        fail_msg("secret %u, way %u: found\n%s\nnot\n%s\nof\n%s", number, way, found, expected,
                 buffer_text(&json->before).start);
    free(found);
    free(expected);
}

TEST(number_types_key_order_unicode_and_large_siblings_survive_a_write_of_any_secret)
{
    struct scene *scene = scene_open();
    struct any_json json;

    any_json_init(&json, 4);
    for (unsigned i = 0; i < SECRETS; i++) {
        any_json_next(&json, i % 6 == 5);
        set_the_field(scene, &json, i);
    }
    any_json_clear(&json);
    scene_close(scene);
}

int main(void)
{
    return RUN(
        CASE(number_types_key_order_unicode_and_large_siblings_survive_a_write_of_any_secret));
}
