/* SPDX-License-Identifier: Apache-2.0 */
/* The ids of resources.
 *
 * An id becomes part of a URL that is sent with a credential, so it is taken apart and checked
 * segment by segment, and never built from a part that could change its shape. Azure reads ids in
 * any case, and so do we; they are sent as they were given. */
#include "azureclient/key_kinds.h"
#include "base/buffer.h"

#define SHOWN 160 /* bytes of an id in a message */

/* ---- names ----------------------------------------------------------------------------------- */

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

/* Of any other resource. */
static bool is_name(struct text name)
{
    return is_made_of(name, "-_.()~", 1, 128) && !text_is(name, ".") && !text_is(name, "..");
}

#define A_SUBSCRIPTION   "a GUID like 00000000-1111-2222-3333-444444444444"
#define A_RESOURCE_GROUP "1 to 90 letters, digits, - _ . ( ), not ending with a dot"

char *azure_endpoint_id(struct text subscription, struct text resource_group, struct text workspace,
                        struct text endpoint, struct failure *why)
{
    const struct {
        struct text name;
        bool is_fine;
        const char *what, *rule;
    } parts[] = {
        {subscription, is_guid(subscription), "a subscription", A_SUBSCRIPTION},
        {resource_group, is_resource_group(resource_group), "a resource group", A_RESOURCE_GROUP},
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
    buffer_clear(&id);
    if (!taken)
        failure_out_of_memory(why);
    return taken;
}

/* ---- taking an id apart ---------------------------------------------------------------------- */

static bool refuse(struct text id, struct failure *why, const char *what)
{
    return failure_set(why, FAILURE_INVALID, "\"%.*s\" is no resource id: %s",
                       TEXT_ARG(text_part(id, 0, SHOWN)), what);
}

/* The part from the namespace on, when all before it is as it must be. */
static bool id_begins_well(struct text id, struct text *ret, struct failure *why)
{
    struct text rest = id, part;

    if (!id.size)
        return failure_set(why, FAILURE_INVALID, "the resource id is empty");
    if (text_find(id, TEXT("://")) != SIZE_MAX)
        return refuse(id, why, "it is an address; leave out what stands before /subscriptions/");
    if (text_contains_byte(id, '?') || text_contains_byte(id, '#'))
        return refuse(id, why, "it holds a query; leave out everything from the ? on");
    if (id.start[0] != '/')
        return refuse(id, why, "the slash at its start is missing (/subscriptions/...)");
    if (id.start[id.size - 1] == '/')
        return refuse(id, why, "it ends with a slash");
    if (text_find(id, TEXT("//")) != SIZE_MAX)
        return refuse(id, why, "it holds two slashes in a row: a name is missing");
    rest = text_part(id, 1, id.size);
    if (!text_split(&rest, '/', &part) || !text_equal_ignoring_case(part, TEXT("subscriptions")))
        return refuse(id, why, "it does not begin with /subscriptions/");
    if (!text_split(&rest, '/', &part) || !is_guid(part))
        return refuse(id, why, "what follows /subscriptions/ is not " A_SUBSCRIPTION);
    if (!text_split(&rest, '/', &part) || !text_equal_ignoring_case(part, TEXT("resourceGroups")))
        return refuse(id, why, "/resourceGroups/ does not follow the subscription");
    if (!text_split(&rest, '/', &part) || !is_resource_group(part))
        return refuse(id, why, "what follows /resourceGroups/ is not " A_RESOURCE_GROUP);
    if (!text_split(&rest, '/', &part) || !text_equal_ignoring_case(part, TEXT("providers")))
        return refuse(id, why, "/providers/ does not follow the resource group");
    if (!rest.start)
        return refuse(id, why, "it ends after /providers/");
    *ret = rest;
    return true;
}

static bool is_of_type(struct text rest, const char *type)
{
    struct text words = text_of(type), word, part;

    if (!text_split(&words, '/', &word) || !text_split(&rest, '/', &part) ||
        !text_equal_ignoring_case(part, word))
        return false;
    while (text_split(&words, '/', &word))
        if (!text_split(&rest, '/', &part) || !text_equal_ignoring_case(part, word) ||
            !text_split(&rest, '/', &part) || !is_name(part))
            return false;
    return !rest.start;
}

const struct key_place *azure_key_place_of(const struct azure_key_kind *kind,
                                           struct text resource_id)
{
    struct text rest;

    if (!id_begins_well(resource_id, &rest, NULL))
        return NULL;
    for (size_t i = 0; i < KEY_PLACES && kind->places[i].type; i++)
        if (is_of_type(rest, kind->places[i].type))
            return &kind->places[i];
    return NULL;
}

const struct azure_key_kind *azure_key_kind_of(struct text resource_id)
{
    const struct azure_key_kind *kind;

    for (size_t i = 0; (kind = azure_key_kind_row(i)); i++)
        if (azure_key_place_of(kind, resource_id))
            return kind;
    return NULL;
}

/* ---- what is wrong with an id ---------------------------------------------------------------- */

/* "Microsoft.Storage/storageAccounts" of ".../Microsoft.Storage/storageAccounts/name". False when a
 * name is missing at its end or cannot be one. */
static bool take_type(struct text id, struct text rest, struct buffer *type, struct failure *why)
{
    struct text part;

    if (text_split(&rest, '/', &part))
        buffer_append(type, part);
    if (!rest.start)
        return refuse(id, why, "it ends after the provider's name");
    while (text_split(&rest, '/', &part)) {
        buffer_append_byte(type, '/');
        buffer_append(type, part);
        if (!text_split(&rest, '/', &part))
            return failure_set(why, FAILURE_INVALID,
                               "\"%.*s\" is no resource id: it ends with a type, not with a name",
                               TEXT_ARG(text_part(id, 0, SHOWN)));
        if (!is_name(part))
            return failure_set(why, FAILURE_INVALID, "\"%.*s\" cannot be the name of a resource",
                               TEXT_ARG(text_part(part, 0, SHOWN)));
    }
    return buffer_ok(type) || failure_out_of_memory(why);
}

static struct text provider_of(struct text type)
{
    struct text provider = {0};

    return text_split(&type, '/', &provider) ? provider : type;
}

static void append_once(struct buffer *list, struct text word)
{
    struct text rest = buffer_text(list), known;

    while (text_split(&rest, ',', &known))
        if (text_equal(text_trim(known), word))
            return;
    buffer_append_string(list, list->size ? ", " : "");
    buffer_append(list, word);
}

static void append_types(struct buffer *list, struct text provider)
{
    const struct azure_key_kind *kind;

    for (size_t i = 0; (kind = azure_key_kind_row(i)); i++)
        for (size_t j = 0; j < KEY_PLACES && kind->places[j].type; j++)
            if (text_equal_ignoring_case(provider_of(text_of(kind->places[j].type)), provider))
                append_once(list, text_of(kind->places[j].type));
}

static void append_providers(struct buffer *list)
{
    const struct azure_key_kind *kind;

    for (size_t i = 0; (kind = azure_key_kind_row(i)); i++) {
        struct text known = provider_of(text_of(kind->places[0].type));

        append_once(list, text_part(known, sizeof("Microsoft.") - 1, known.size));
    }
}

/* The types of the same provider that are known; of a provider nobody here knows: the providers. */
static void unknown_type(struct text type, struct failure *why)
{
    const char *what = "known are";
    struct buffer list;

    buffer_init(&list, 4096);
    append_types(&list, provider_of(type));
    if (!list.size) {
        append_providers(&list);
        what = "known of Microsoft are";
    }
    failure_set(why, FAILURE_INVALID, "no keys are known of %.*s; %s %.*s",
                TEXT_ARG(text_part(type, 0, 80)), what, TEXT_ARG(buffer_text(&list)));
    buffer_clear(&list);
}

void azure_id_failure(struct text resource_id, const struct azure_key_kind *kind,
                      struct failure *why)
{
    struct text rest;
    struct buffer type;

    if (!id_begins_well(resource_id, &rest, why))
        return;
    buffer_init(&type, 4096);
    if (take_type(resource_id, rest, &type, why)) {
        if (kind)
            failure_set(why, FAILURE_INVALID, "\"%.*s\" is no %s: it is of type %.*s, not %s",
                        TEXT_ARG(text_part(resource_id, 0, SHOWN)), kind->name,
                        TEXT_ARG(text_part(buffer_text(&type), 0, 80)), kind->places[0].type);
        else
            unknown_type(buffer_text(&type), why);
    }
    buffer_clear(&type);
}

const struct azure_key_kind *azure_key_kind_of_id(struct text resource_id, struct failure *why)
{
    const struct azure_key_kind *kind = azure_key_kind_of(resource_id);

    if (!kind) {
        azure_id_failure(resource_id, NULL, why);
    } else if (kind->no_source) {
        failure_set(why, FAILURE_INVALID, "%.*s cannot be watched: %s",
                    TEXT_ARG(azure_id_name(resource_id)), kind->no_source);
        kind = NULL;
    }
    return kind;
}

/* ---- parts ----------------------------------------------------------------------------------- */

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
