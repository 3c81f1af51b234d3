/* SPDX-License-Identifier: Apache-2.0 */
/* The table of resources that issue keys, for the rest of this room. A further kind is a further
 * row. */
#ifndef AZURECLIENT_KEY_KINDS_H
#define AZURECLIENT_KEY_KINDS_H

#include "azureclient/azureclient.h"

struct azure_key_kind {
    const char *name;
    const char
        *type; /* below the resource group, '*' for a name: "providers/NS/workspaces/ * /..." */
    const char *api_version;
    const char *list_verb, *regenerate_verb;
    const char *list_action, *regenerate_action, *read_action; /* as in role definitions */
    struct {
        const char *name;            /* in our messages and files */
        const char *member;          /* of the list's answer */
        const char *regenerate_body; /* Azure makes the value */
    } slots[AZURE_SLOTS];
};

/* The kind that `resource_id` is one of, or NULL. Strict: no empty segment, no '.' or '..', only
 * the characters names may have; fixed words in any case. */
const struct azure_key_kind *azure_key_kind_of(struct text resource_id);
/* The index of a slot by its name (any case), or AZURE_SLOTS. */
size_t azure_key_kind_find_slot(const struct azure_key_kind *kind, struct text slot);
/* The last segment: the resource's own name. */
struct text azure_id_name(struct text resource_id);
/* The second segment: the subscription. */
struct text azure_id_subscription(struct text resource_id);

#endif
