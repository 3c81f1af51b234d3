/* SPDX-License-Identifier: Apache-2.0 */
/* What a binding says of its source: one of the client's kinds, an id or the names that make one,
 * and a slot that the kind has. Values that were refused before are passed over. */
#include "agent/adapters/config_reader.h"

#include "azureclient/azureclient.h"

#include <stddef.h>

static const struct azure_key_kind *kind_of(struct reader *reader, const struct config_node *source,
                                            const struct config_binding *binding)
{
    const struct config_node *node = node_at(source, "kind");
    const struct azure_key_kind *kind;
    struct hint hint = {.found = text_of(binding->kind)};
    char text[512];

    if (!binding->kind || !node)
        return NULL;
    kind = azure_key_kind_named(hint.found);
    if (kind && azure_key_kind_slot(kind, 0))
        return kind;
    for (size_t i = 0; azure_key_kind_at(i); i++)
        if (azure_key_kind_slot(azure_key_kind_named(text_of(azure_key_kind_at(i))), 0))
            hint_offer(&hint, azure_key_kind_at(i));
    if (kind)
        node_error(reader->report, node,
                   "the keys of \"%s\" have names of their owner's choice: they can be listed, but "
                   "not watched yet",
                   binding->kind);
    else
        node_error(reader->report, node, "found the text \"%s\", expected a kind of source%s",
                   binding->kind, hint_text(&hint, text));
    return NULL;
}

/* Where the id is not given, the four names of an online endpoint are. */
static void check_names(struct reader *reader, const struct config_node *source,
                        const struct config_binding *binding, const struct azure_key_kind *kind)
{
    static const struct {
        const char *name, *what;
        size_t at;
    } names[] = {
        {"subscription", "Its subscription id.", offsetof(struct config_binding, subscription)},
        {"resource_group", "Its resource group.", offsetof(struct config_binding, resource_group)},
        {"workspace", "Its Azure ML workspace.", offsetof(struct config_binding, workspace)},
        {"endpoint", "The online endpoint.", offsetof(struct config_binding, endpoint)},
    };
    bool takes_names =
        text_is(text_of(azure_key_kind_name(kind)), "azureml-online-endpoint") && !binding->id;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const struct config_node *node = node_at(source, names[i].name);

        if (takes_names && !node)
            node_key_error(reader->report, source, "missing key \"%s\": %s", names[i].name,
                           names[i].what);
        else if (!takes_names && node)
            node_key_error(reader->report, node, "%s",
                           binding->id ? "not used beside \"id\""
                                       : "only an azureml-online-endpoint is named so: give its "
                                         "\"id\" instead");
    }
    if (!takes_names && !node_at(source, "id"))
        node_key_error(reader->report, source, "missing key \"id\": Its Azure resource id.");
}

static void check_id(struct reader *reader, const struct config_node *source,
                     const struct config_binding *binding, const struct azure_key_kind *kind)
{
    struct failure why = {0};
    const struct azure_key_kind *found;

    if (!binding->id)
        return;
    found = azure_key_kind_of_id(text_of(binding->id), &why);
    if (!found)
        node_error(reader->report, node_at(source, "id"), "%s", why.text);
    else if (!text_equal(text_of(azure_key_kind_type(found)), text_of(azure_key_kind_type(kind))))
        node_error(reader->report, node_at(source, "id"), "this is the id of a %s, not of a %s",
                   azure_key_kind_name(found), azure_key_kind_name(kind));
}

static void resolve_slot(struct reader *reader, const struct config_node *node,
                         struct config_binding *binding, const struct azure_key_kind *kind)
{
    struct hint hint = {.found = text_of(binding->slot_word)};
    char text[512];

    binding->slot = ANY_SLOT;
    if (!binding->slot_word || !kind || text_is(hint.found, "any"))
        return;
    hint_offer(&hint, "any");
    for (size_t i = 0; azure_key_kind_slot(kind, i); i++) {
        const char *slot = azure_key_kind_slot(kind, i);

        hint_offer(&hint, slot);
        if (text_equal_ignoring_case(hint.found, text_of(slot)))
            binding->slot = (int)i;
    }
    if (binding->slot == ANY_SLOT)
        node_error(reader->report, node_at(node, "slot"),
                   "found the text \"%s\", expected a slot%s", binding->slot_word,
                   hint_text(&hint, text));
}

void resolve_source(struct reader *reader, const struct config_node *node,
                    struct config_binding *binding)
{
    const struct config_node *source = node_at(node, "source");
    const struct azure_key_kind *kind = kind_of(reader, source, binding);

    resolve_slot(reader, node, binding, kind);
    if (!kind)
        return;
    check_names(reader, source, binding, kind);
    check_id(reader, source, binding, kind);
}
