/* SPDX-License-Identifier: Apache-2.0 */
/* A member's name, a new value, and a document: the changed document is as strict as before, holds
 * the value, and every other byte of it is where it was. */
#include "net/json.h"
#include "tests/fuzz/fuzz.h"
#include "vaultclient/splice.h"

enum { LIMIT = 1 << 20 };

static void check_encoded(struct text text)
{
    struct buffer encoded = {.limit = LIMIT}, decoded = {.limit = LIMIT};

    if (vault_splice_encode(text, &encoded)) {
        assert(vault_splice_check(buffer_text(&encoded), NULL));
        assert(vault_splice_decode(buffer_text(&encoded), &decoded));
        assert(text_equal(buffer_text(&decoded), text));
    } else {
        assert(!text_is_utf8(text));
    }
    buffer_clear(&encoded);
    buffer_clear(&decoded);
}

/* Every member the library finds is found here, and a string decodes to the same bytes. */
static void check_members(const json_t *json, struct text before, struct text after,
                          struct text changed)
{
    struct buffer decoded = {.limit = LIMIT};
    struct text old, kept;
    const char *name;
    json_t *value;

    json_object_foreach ((json_t *)(uintptr_t)json, name, value) {
        assert(vault_splice_member(before, text_of(name), &old));
        assert(vault_splice_check(old, NULL));
        buffer_reset(&decoded);
        assert(vault_splice_decode(old, &decoded) == json_is_string(value));
        assert(!json_is_string(value) ||
               text_equal(buffer_text(&decoded),
                          (struct text){json_string_value(value), json_string_length(value)}));
        assert(vault_splice_member(after, text_of(name), &kept));
        assert(text_is(changed, name) || text_equal(old, kept));
    }
    buffer_clear(&decoded);
}

static void check_set(struct text object, struct text name, struct text value)
{
    struct buffer changed = {.limit = LIMIT}, decoded = {.limit = LIMIT};
    struct text before = text_trim(object), after, old, new;
    json_t *json;
    size_t head, tail;

    if (!vault_splice_set(object, name, value, &changed)) {
        assert((!text_starts_with(before, TEXT("{")) && !text_is(before, "null")) ||
               !text_is_utf8(name) || !text_is_utf8(value));
        buffer_clear(&changed);
        return;
    }
    after = buffer_text(&changed);
    assert(vault_splice_check(after, NULL));
    assert(vault_splice_member(after, name, &new) && vault_splice_decode(new, &decoded));
    assert(text_equal(buffer_text(&decoded), value));
    if (vault_splice_member(before, name, &old)) {
        head = (size_t)(old.start - before.start);
        tail = before.size - head - old.size;
    } else {
        head = text_is(before, "null") ? 0 : before.size - 1;
        tail = 1;
    }
    assert(text_equal(text_part(before, 0, head), text_part(after, 0, head)));
    if (head)
        assert(text_equal(text_part(before, before.size - tail, tail),
                          text_part(after, after.size - tail, tail)));
    json = json_read(before, NULL);
    check_members(json, before, after, name);
    json_decref(json);
    buffer_clear(&changed);
    buffer_clear(&decoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text rest = {(const char *)data, size};
    struct text name = fuzz_line(&rest), value = fuzz_line(&rest);
    struct failure why = {0};
    bool ok = vault_splice_check(rest, &why);

    fuzz_check(ok, &why);
    check_encoded(value);
    if (ok)
        check_set(rest, name, value);
    return 0;
}
