/* SPDX-License-Identifier: Apache-2.0 */
/* Custom metadata: read from the metadata of a secret, changed, and sent back whole, since a POST
 * replaces all of it. */
#include "vaultclient/wire.h"

#include "base/memory.h"
#include "net/json.h"

#define NOTES_MAX       64
#define NAME_MAX_BYTES  128
#define VALUE_MAX_BYTES 512

void vault_wire_notes_clear(struct wire_notes *notes)
{
    json_decref(notes->object);
    *notes = (struct wire_notes){.object = NULL};
}

bool vault_wire_notes(int status, struct text body, struct wire_notes *ret, struct failure *why)
{
    json_t *answer cleanup_with(json_clean) = NULL, *custom;
    const char *name;
    json_t *value;
    int64_t version;

    if (status != 200) {
        vault_wire_explain_absence(status, body, why);
        return false;
    }
    answer = json_read_object(body, why);
    if (!answer)
        return false;
    if (!json_is_object(json_at(answer, "data.versions")))
        return failure_set(why, FAILURE_PROTOCOL, "the answer is no metadata of a secret");
    version = json_integer_at(answer, "data.current_metadata_version", -1);
    custom = json_at(answer, "data.custom_metadata");
    json_object_foreach (custom, name, value)
        if (!json_is_string(value))
            return failure_set(why, FAILURE_PROTOCOL, "a note of the metadata is not a string");
    *ret = (struct wire_notes){
        .object = json_is_object(custom) ? json_incref(custom) : json_object(),
        .version = version > 0 && version <= UINT32_MAX ? (uint32_t)version : 0,
        .has_version = version >= 0,
    };
    return ret->object || failure_out_of_memory(why);
}

bool vault_wire_check_note(const struct vault_note *note, struct failure *why)
{
    if (!note->name.size || note->name.size > NAME_MAX_BYTES || !text_is_utf8(note->name) ||
        !text_is_printable(note->name))
        return failure_set(why, FAILURE_INVALID,
                           "the name of a note has 1 to %d printable bytes of UTF-8",
                           NAME_MAX_BYTES);
    if (note->value.size > VALUE_MAX_BYTES || !text_is_utf8(note->value) ||
        !text_is_printable(note->value))
        return failure_set(why, FAILURE_INVALID,
                           "the note \"%.*s\" has at most %d printable bytes of UTF-8",
                           TEXT_ARG(note->name), VALUE_MAX_BYTES);
    return true;
}

bool vault_wire_notes_set(struct wire_notes *notes, const struct vault_note *note,
                          struct failure *why)
{
    char *name = text_copy(note->name);
    bool ok = name != NULL;

    if (ok && note->value.size)
        ok = json_set_text(notes->object, name, note->value);
    else if (ok)
        json_object_del(notes->object, name);
    memory_free(name);
    return ok || failure_out_of_memory(why);
}

bool vault_wire_notes_fit(const struct wire_notes *notes, struct failure *why)
{
    return json_object_size(notes->object) <= NOTES_MAX ||
           failure_set(why, FAILURE_INVALID, "a secret has at most %d notes", NOTES_MAX);
}

bool vault_wire_notes_hold(const struct wire_notes *notes, const struct vault_note *note)
{
    const char *name;
    json_t *value;

    json_object_foreach ((json_t *)notes->object, name, value)
        if (text_is(note->name, name))
            return text_equal(note->value,
                              (struct text){json_string_value(value), json_string_length(value)});
    return note->value.size == 0;
}

bool vault_wire_notes_body(const struct wire_notes *notes, struct buffer *out)
{
    buffer_append_byte(out, '{');
    if (notes->has_version)
        buffer_printf(out, "\"metadata_cas\":%u,", notes->version);
    buffer_append_string(out, "\"custom_metadata\":");
    return json_write(notes->object, false, out) && buffer_append_byte(out, '}');
}

struct vault_note *vault_wire_notes_list(const struct wire_notes *notes, size_t *count)
{
    struct vault_note *list =
        memory_zeroed(json_object_size(notes->object) + 1, sizeof(struct vault_note));
    const char *name;
    json_t *value;

    *count = 0;
    if (!list)
        return NULL;
    json_object_foreach ((json_t *)notes->object, name, value)
        list[(*count)++] = (struct vault_note){
            text_of(name), {json_string_value(value), json_string_length(value)}};
    return list;
}
