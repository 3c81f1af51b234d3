/* SPDX-License-Identifier: Apache-2.0 */
/* A status, two texts (a name and a value), and a body, as an answer about a secret: its versions,
 * its neighbours in a list, its notes, its fields. What is believed is within its bounds, and what
 * we would send back is JSON that keeps everything but the one thing that was to change. */
#include "base/memory.h"
#include "net/json.h"
#include "tests/fuzz/fuzz.h"
#include "vaultclient/splice.h"
#include "vaultclient/wire.h"

enum { LIMIT = 1 << 20, NOW = 1767225600 };

static void check_version(const struct vault_version *version)
{
    assert(version->kv == 2);
    assert(version->created_ns >= 0 && version->created_ns < 1000000);
    assert(version->key_created_ns >= 0 && version->key_created_ns < 1000000);
}

static void try_versions(int status, struct text body)
{
    static const uint32_t asked[] = {0, 1, 2, UINT32_MAX};
    struct vault_version version, current;
    struct failure why;
    bool ok;

    for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
        why = (struct failure){0};
        ok = vault_wire_metadata_of(status, body, asked[i], INT64_C(1000) * NOW, &version, &why);
        fuzz_check(ok, &why);
        if (ok) {
            check_version(&version);
            assert(version.version >= 1 && (!asked[i] || version.version == asked[i]));
        }
    }
    why = (struct failure){0};
    ok = vault_wire_key(status, body, INT64_C(1000) * NOW, &version, &why);
    fuzz_check(ok, &why);
    if (!ok)
        return;
    check_version(&version);
    /* A key without a version is one of which no version is told. */
    ok = vault_wire_metadata(status, body, INT64_C(1000) * NOW, &current, &why);
    assert(ok == (version.version > 0));
    assert(!ok || (current.key_created_at == version.key_created_at &&
                   current.key_created_ns == version.key_created_ns));
}

static void check_folder(struct text path, struct text after)
{
    struct vault_key folder = {TEXT("kv"), path};
    struct buffer target = {.limit = LIMIT};
    struct text text, query;

    if (path.size && !vault_wire_check_key(folder, NULL))
        return;
    vault_wire_list_target(&target, folder, 2, after, 7);
    text = buffer_text(&target);
    assert(text_starts_with(text, TEXT("/v1/kv/metadata/")));
    query = text_part(text, text_find(text, TEXT("?")), SIZE_MAX);
    assert(text_starts_with(query, TEXT("?list=true")) && text_ends_with(query, TEXT("&limit=8")));
    text.size -= query.size;
    assert(text_ends_with(text, TEXT("/")) && text_find(text, TEXT("//")) == SIZE_MAX);
    assert(text_find(text, TEXT("/../")) == SIZE_MAX && text_find(text, TEXT("/./")) == SIZE_MAX);
    assert((text_find(query, TEXT("&after=")) != SIZE_MAX) == (after.size > 0));
    buffer_clear(&target);
}

static void try_list(int status, struct text after, struct text body)
{
    static const uint32_t limits[] = {0, 1, 3};

    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        struct vault_names names = {0};
        struct failure why = {0};
        bool ok = vault_wire_list(status, body, after, limits[i], &names, &why);

        fuzz_check(ok, &why);
        assert(ok || !names.names);
        assert(!names.has_more || names.count == limits[i]);
        assert(!limits[i] || names.count <= limits[i]);
        for (size_t n = 0; n < names.count; n++) {
            assert(names.names[n].size && text_is_utf8(names.names[n]));
            assert(!after.size || text_compare(names.names[n], after) > 0);
            assert(n == 0 || text_compare(names.names[n - 1], names.names[n]) <= 0);
        }
        vault_wire_names_free(&names);
    }
}

/* Every note of before is there, but the one that was set. */
static void check_notes_body(const struct wire_notes *before, const struct wire_notes *after,
                             const struct vault_note *note)
{
    struct buffer body = {.limit = LIMIT};
    struct vault_note *list;
    struct failure why = {0};
    json_t *json, *custom;
    size_t count;

    assert(vault_wire_notes_body(after, &body));
    json = json_read_object(buffer_text(&body), &why);
    assert(json);
    custom = json_object_get(json, "custom_metadata");
    assert(json_equal(custom, after->object));
    assert(json_integer_at(json, "metadata_cas", -1) ==
           (after->has_version ? (int64_t)after->version : -1));
    list = vault_wire_notes_list(before, &count);
    assert(list);
    for (size_t i = 0; i < count; i++)
        assert(text_equal(list[i].name, note->name) || vault_wire_notes_hold(after, &list[i]));
    assert(json_object_size(custom) + 1 >= count);
    memory_free(list);
    json_decref(json);
    buffer_clear(&body);
}

static void try_notes(int status, struct text name, struct text value, struct text body)
{
    struct vault_note note = {name, value};
    struct wire_notes before = {0}, after = {0};
    struct failure why = {0};
    bool ok = vault_wire_notes(status, body, &before, &why);

    fuzz_check(ok, &why);
    assert(ok == !!before.object);
    if (!ok)
        return;
    assert(vault_wire_notes(status, body, &after, NULL));
    ok = vault_wire_check_note(&note, &why);
    fuzz_check(ok, &why);
    if (ok) {
        ok = vault_wire_notes_set(&after, &note, &why);
        fuzz_check(ok, &why);
        assert(ok);
        ok = vault_wire_notes_fit(&after, &why);
        fuzz_check(ok, &why);
        assert(ok == (json_object_size(after.object) <= 64));
        assert(vault_wire_notes_hold(&after, &note));
        check_notes_body(&before, &after, &note);
    }
    vault_wire_notes_clear(&before);
    vault_wire_notes_clear(&after);
}

/* The neighbours of `field` stand in `written` as they stood in `fields`. */
static void check_neighbours(struct text fields, struct text field, struct text written)
{
    json_t *json = json_read_object(fields, NULL), *value;
    struct text old, new;
    const char *name;

    json_object_foreach (json, name, value) {
        assert(vault_splice_member(fields, text_of(name), &old));
        assert(vault_splice_member(written, text_of(name), &new));
        assert(text_is(field, name) || text_equal(old, new));
    }
    json_decref(json);
}

static void check_write(struct text fields, struct text field, struct text value)
{
    struct buffer body = {.limit = LIMIT}, plain = {.limit = LIMIT};
    struct text options, cas, data, written;

    if (vault_wire_write_body(41, fields, field, value, &body)) {
        assert(vault_splice_check(buffer_text(&body), NULL));
        assert(vault_splice_member(buffer_text(&body), TEXT("options"), &options));
        assert(vault_splice_member(options, TEXT("cas"), &cas) && text_is(cas, "41"));
        assert(vault_splice_member(buffer_text(&body), TEXT("data"), &data));
        assert(vault_splice_member(data, field, &written));
        assert(vault_splice_decode(written, &plain) && text_equal(buffer_text(&plain), value));
        check_neighbours(fields, field, data);
    } else {
        assert(!text_is_utf8(field) || !text_is_utf8(value));
    }
    buffer_clear(&body);
    buffer_clear(&plain);
}

static void try_fields(int status, struct text field, struct text value, struct text body)
{
    struct wire_secret found;
    struct failure why = {0};

    if (vault_wire_data(status, body, 0, &found, &why)) {
        bool ok = vault_wire_field_takes_text(found.fields, field, &why);

        fuzz_check(ok, &why);
        if (ok)
            check_write(found.fields, field, value);
    }
    check_write(TEXT("{}"), field, value); /* as a merge patch */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text body = {(const char *)data, size};
    struct text line = fuzz_line(&body), name = fuzz_line(&body), value = fuzz_line(&body);
    uint64_t status = 200;

    (void)!text_parse_u64(line, 599, &status);
    try_versions((int)status, body);
    check_folder(name, value);
    try_list((int)status, name, body);
    try_notes((int)status, name, value, body);
    try_fields((int)status, name, value, body);
    return 0;
}
