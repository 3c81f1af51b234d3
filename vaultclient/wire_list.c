/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of names. Servers that know pages send one, the others everything: what is asked for is cut
 * out here either way, so that callers need not know which it was. */
#include "vaultclient/wire.h"

#include "base/memory.h"
#include "net/json.h"

#include <stdlib.h>
#include <string.h>

void vault_wire_list_target(struct buffer *out, struct vault_key folder, int kv, struct text after,
                            uint32_t limit)
{
    buffer_append_string(out, "/v1/");
    buffer_append_percent_encoded(out, folder.mount, true);
    buffer_append_string(out, kv == 2 ? "/metadata/" : "/");
    if (folder.path.size) {
        buffer_append_percent_encoded(out, folder.path, true);
        buffer_append_byte(out, '/');
    }
    buffer_append_string(out, "?list=true");
    if (kv != 2)
        return;
    if (after.size) {
        buffer_append_string(out, "&after=");
        buffer_append_percent_encoded(out, after, false);
    }
    if (limit && limit < INT32_MAX)
        buffer_printf(out, "&limit=%u", limit + 1);
}

static int compare(const void *left, const void *right)
{
    return text_compare(*(const struct text *)left, *(const struct text *)right);
}

/* One block: the array, and behind it the bytes of all names. */
static bool copy_names(const json_t *keys, struct text after, struct vault_names *ret,
                       struct failure *why)
{
    size_t count = json_array_size(keys), bytes = 0, i;
    const json_t *key;
    struct text *names;
    char *at;

    json_array_foreach (keys, i, key) {
        if (!json_is_string(key) || json_string_length(key) == 0)
            return failure_set(why, FAILURE_PROTOCOL, "the list holds something that is no name");
        bytes += json_string_length(key);
    }
    names = memory_allocate((count + 1) * sizeof *names + bytes);
    if (!names)
        return failure_out_of_memory(why);
    at = (char *)(names + count + 1);
    count = 0;
    json_array_foreach (keys, i, key) {
        struct text name = {at, json_string_length(key)};

        memcpy(at, json_string_value(key), name.size);
        if (after.size && text_compare(name, after) <= 0)
            continue;
        names[count++] = name;
        at += name.size;
    }
    qsort(names, count, sizeof *names, compare);
    *ret = (struct vault_names){.names = names, .count = count};
    return true;
}

bool vault_wire_list(int status, struct text body, struct text after, uint32_t limit,
                     struct vault_names *names, struct failure *why)
{
    json_t *answer cleanup_with(json_clean) = NULL;
    const json_t *keys;

    if (status != 200) {
        struct failure absence;

        vault_wire_explain_absence(status, body, &absence);
        if (absence.kind != FAILURE_NOT_FOUND) {
            *why = absence;
            return false;
        }
        *names = (struct vault_names){.count = 0};
        return after.size || failure_set(why, FAILURE_NOT_FOUND, "404 nothing lies there");
    }
    answer = json_read_object(body, why);
    if (!answer)
        return false;
    keys = json_at(answer, "data.keys");
    if (!json_is_array(keys))
        return failure_set(why, FAILURE_PROTOCOL, "the answer is no list of names");
    if (!copy_names(keys, after, names, why))
        return false;
    names->has_more = limit && names->count > limit;
    if (names->has_more)
        names->count = limit;
    return true;
}

void vault_wire_names_free(struct vault_names *names)
{
    memory_free((void *)(uintptr_t)names->names);
    *names = (struct vault_names){.count = 0};
}
