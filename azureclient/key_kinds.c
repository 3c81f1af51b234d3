/* SPDX-License-Identifier: Apache-2.0 */
/* One row for each kind of resource that issues keys, and the ids of those resources.
 *
 * An id becomes part of a URL that is sent with a credential, so it is taken apart and checked
 * segment by segment, and never built from a part that could change its shape. */
#include "azureclient/key_kinds.h"

#include "base/buffer.h"

#define AML "Microsoft.MachineLearningServices/workspaces/onlineEndpoints"

static const struct azure_key_kind kinds[] = {
    {
        .name = "azureml-online-endpoint",
        .type = "providers/Microsoft.MachineLearningServices/workspaces/*/onlineEndpoints/*",
        .api_version = "2024-04-01",
        .list_verb = "listKeys",
        .regenerate_verb = "regenerateKeys",
        .list_action = AML "/listKeys/action",
        .regenerate_action = AML "/regenerateKeys/action",
        .read_action = AML "/read",
        .slots =
            {
                {"primary", "primaryKey", "{\"keyType\":\"Primary\"}"},
                {"secondary", "secondaryKey", "{\"keyType\":\"Secondary\"}"},
            },
    },
};

#define KIND_COUNT (sizeof(kinds) / sizeof(kinds[0]))

const struct azure_key_kind *azure_key_kind_named(struct text name)
{
    for (size_t i = 0; i < KIND_COUNT; i++)
        if (text_is(name, kinds[i].name))
            return &kinds[i];
    return NULL;
}

const char *azure_key_kind_name(const struct azure_key_kind *kind)
{
    return kind->name;
}

const char *azure_key_kind_slot(const struct azure_key_kind *kind, size_t index)
{
    return index < AZURE_SLOTS ? kind->slots[index].name : NULL;
}

const char *azure_key_kind_at(size_t index)
{
    return index < KIND_COUNT ? kinds[index].name : NULL;
}

size_t azure_key_kind_find_slot(const struct azure_key_kind *kind, struct text slot)
{
    size_t i = 0;

    while (i < AZURE_SLOTS && !text_equal_ignoring_case(slot, text_of(kind->slots[i].name)))
        i++;
    return i;
}

/* ---- resource ids ---------------------------------------------------------------------------- */

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Only letters, digits and the bytes of `more`, and a size within the two. */
static bool is_made_of(struct text name, const char *more, size_t least, size_t most)
{
    if (name.size < least || name.size > most)
        return false;
    for (size_t i = 0; i < name.size; i++)
        if (!is_letter(name.start[i]) && !is_digit(name.start[i]) &&
            !text_contains_byte(text_of(more), name.start[i]))
            return false;
    return true;
}

static bool is_guid(struct text name)
{
    if (name.size != 36)
        return false;
    for (size_t i = 0; i < name.size; i++) {
        char c = name.start[i];
        bool is_dash_place = i == 8 || i == 13 || i == 18 || i == 23;

        if (is_dash_place ? c != '-'
                          : !is_digit(c) && !(c >= 'a' && c <= 'f') && !(c >= 'A' && c <= 'F'))
            return false;
    }
    return true;
}

static bool is_resource_group(struct text name)
{
    return is_made_of(name, "-_.()", 1, 90) && name.start[name.size - 1] != '.';
}

static bool is_workspace(struct text name)
{
    return is_made_of(name, "-_", 3, 33) && name.start[0] != '-' && name.start[0] != '_';
}

static bool is_endpoint(struct text name)
{
    return is_made_of(name, "-", 1, 32) && is_letter(name.start[0]) &&
           name.start[name.size - 1] != '-';
}

char *azure_endpoint_id(struct text subscription, struct text resource_group, struct text workspace,
                        struct text endpoint, struct failure *why)
{
    const struct {
        struct text name;
        bool is_fine;
        const char *what, *rule;
    } parts[] = {
        {subscription, is_guid(subscription), "a subscription",
         "a GUID like 00000000-1111-2222-3333-444444444444"},
        {resource_group, is_resource_group(resource_group), "a resource group",
         "1 to 90 letters, digits, - _ . ( ), not ending with a dot"},
        {workspace, is_workspace(workspace), "a workspace",
         "3 to 33 letters, digits, - _, beginning with a letter or digit"},
        {endpoint, is_endpoint(endpoint), "an endpoint",
         "1 to 32 letters, digits, -, beginning with a letter, not ending with a dash"},
    };
    struct buffer id;
    char *taken;

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (parts[i].is_fine)
            continue;
        failure_set(why, FAILURE_INVALID, "\"%.*s\" cannot be %s: %s", TEXT_ARG(parts[i].name),
                    parts[i].what, parts[i].rule);
        return NULL;
    }
    buffer_init(&id, 1024);
    buffer_printf(&id,
                  "/subscriptions/%.*s/resourceGroups/%.*s/providers/"
                  "Microsoft.MachineLearningServices/workspaces/%.*s/onlineEndpoints/%.*s",
                  TEXT_ARG(subscription), TEXT_ARG(resource_group), TEXT_ARG(workspace),
                  TEXT_ARG(endpoint));
    taken = buffer_take(&id);
    if (!taken)
        failure_out_of_memory(why);
    return taken;
}

/* A segment at a '*' of the pattern. */
static bool is_name(struct text name)
{
    return is_made_of(name, "-_.()", 1, 128) && !text_is(name, ".") && !text_is(name, "..");
}

static bool id_is_of(struct text id, const struct azure_key_kind *kind)
{
    struct text part, words = text_of(kind->type), word;

    if (!text_split(&id, '/', &part) || part.size || !text_split(&id, '/', &part) ||
        !text_equal_ignoring_case(part, TEXT("subscriptions")) || !text_split(&id, '/', &part) ||
        !is_guid(part) || !text_split(&id, '/', &part) ||
        !text_equal_ignoring_case(part, TEXT("resourceGroups")) || !text_split(&id, '/', &part) ||
        !is_resource_group(part))
        return false;
    while (text_split(&words, '/', &word)) {
        if (!text_split(&id, '/', &part))
            return false;
        if (text_is(word, "*") ? !is_name(part) : !text_equal_ignoring_case(part, word))
            return false;
    }
    return !text_split(&id, '/', &part);
}

const struct azure_key_kind *azure_key_kind_of(struct text resource_id)
{
    for (size_t i = 0; i < KIND_COUNT; i++)
        if (id_is_of(resource_id, &kinds[i]))
            return &kinds[i];
    return NULL;
}

struct text azure_id_name(struct text resource_id)
{
    struct text part = resource_id;

    while (text_split(&resource_id, '/', &part))
        continue;
    return part;
}

struct text azure_id_subscription(struct text resource_id)
{
    struct text part = {0};

    for (int i = 0; i < 3; i++)
        if (!text_split(&resource_id, '/', &part))
            return (struct text){0};
    return part;
}
