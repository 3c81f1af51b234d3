/* SPDX-License-Identifier: Apache-2.0 */
/* What follows from a row of the table: its provider, the id of its resource, and its texts with
 * the resource's names put in. */
#include "examples/lab/sources.h"

struct text source_provider(const struct source *source)
{
    struct text type = text_of(source->type);

    return text_part(type, 0, text_find(type, TEXT("/")));
}

char *source_resource_id(const struct source *source, const char *name)
{
    struct text types = text_of(source->type), names = text_of(source->names), part;
    struct buffer id;

    buffer_init(&id, 1024);
    text_split(&types, '/', &part);
    buffer_printf(&id,
                  "/subscriptions/" LAB_SUBSCRIPTION "/resourceGroups/" LAB_RESOURCE_GROUP
                  "/providers/%.*s",
                  TEXT_ARG(part));
    while (text_split(&types, '/', &part)) {
        buffer_printf(&id, "/%.*s", TEXT_ARG(part));
        if (text_split(&names, '/', &part)) {
            bool is_last = !types.start;

            buffer_append_byte(&id, '/');
            buffer_append(&id, is_last && name ? text_of(name) : part);
        }
    }
    return buffer_take(&id);
}

static struct text name_at(const struct resource *resource, size_t index)
{
    struct segments segments = segments_of(text_of(resource->id));

    /* subscriptions/S/resourceGroups/G/providers/P/type/name/type/name */
    return segments.part[7 + 2 * index];
}

char *source_expand(const char *pattern, const struct resource *resource, const char *key)
{
    struct buffer out;

    buffer_init(&out, 8192);
    for (const char *c = pattern; *c; c++) {
        if (*c == '$' && c[1] == 'K' && key) {
            buffer_append_string(&out, key);
            c++;
        } else if (*c == '$' && c[1] >= '0' && c[1] <= '3') {
            buffer_append(&out, name_at(resource, (size_t)(c[1] - '0')));
            c++;
        } else {
            buffer_append_byte(&out, *c);
        }
    }
    return buffer_take(&out);
}
