/* SPDX-License-Identifier: Apache-2.0 */
/* The table of resources that issue keys, and their ids, for the rest of this room. A further kind
 * is a further row. */
#ifndef AZURECLIENT_KEY_KINDS_H
#define AZURECLIENT_KEY_KINDS_H

#include "azureclient/azureclient.h"

#define KEY_PLACES 3
#define KEY_NAMES  2

/* Where a kind's resources are, and what is called there. */
struct key_place {
    const char *type; /* "Microsoft.Storage/storageAccounts/localUsers": each word but the first
                         names a collection, a name follows each in an id */
    const char *list_verb;       /* behind the id, in the spelling of the specification */
    const char *regenerate_verb; /* NULL: there is none */
    const char *list_action, *regenerate_action, *read_action; /* as in role definitions */
};

/* How the list tells its keys. */
enum key_shape {
    KEYS_MEMBERS, /* a member for each slot */
    KEYS_ARRAY,   /* an array of objects with a name and a value */
    KEYS_MAPS,    /* members whose names are the keys' names */
};

/* What is asked last of an asynchronous regeneration ("final-state-via"). */
enum key_final {
    FINAL_STATUS,   /* nothing: the status monitor's word is the end; also where nothing is said */
    FINAL_LOCATION, /* Location, once */
};

struct azure_key_kind {
    const char *name, *api_version;
    struct key_place places[KEY_PLACES];
    /* Empty for a kind whose keys have whatever names the answer gives. */
    struct {
        const char *name;            /* in our messages and files */
        const char *member;          /* of the list's answer; of an array: the element's name */
        const char *regenerate_body; /* Azure makes the value; NULL: none, or made of the id */
        const char *regenerate_path; /* behind the verb; NULL: nothing */
    } slots[AZURE_SLOTS];
    enum key_shape shape;
    const char *array, *name_member, *value_member; /* of KEYS_ARRAY */
    const char *passed_over[KEY_NAMES];             /* elements that are no slots of ours */
    const char *maps[KEY_NAMES];                    /* of KEYS_MAPS: "functionKeys" */
    const char *single;        /* of KEYS_MAPS: a key beside them; with neither: "properties" */
    bool is_paged;             /* nextLink */
    bool regenerates_by_id;    /* the body is {"id": the element's id} */
    bool has_auth_mode;        /* properties.authMode says whether there are keys at all */
    enum key_final final;      /* of an asynchronous regeneration */
    const char *no_source;     /* why it cannot be watched; NULL: it can */
    const char *no_regenerate; /* why no key can be regenerated alone; NULL: it can */
    const char *inside;        /* the key's name in a connection string; NULL: there is none */
    char separator;            /* between the parts of one */
    const char *no_replace;    /* why a key inside cannot be replaced; NULL: it can */
};

/* ---- key_kinds.c ----------------------------------------------------------------------------- */

/* The row itself; NULL past the last. */
const struct azure_key_kind *azure_key_kind_row(size_t index);
/* 0 for a kind with open names. */
size_t azure_key_kind_slots(const struct azure_key_kind *kind);
/* The index of a slot by its name (any case), or AZURE_SLOTS. */
size_t azure_key_kind_find_slot(const struct azure_key_kind *kind, struct text slot);

/* ---- resource_id.c --------------------------------------------------------------------------- */

/* The first kind that `resource_id` is one of, or NULL. Strict: no empty segment, no '.' or '..',
 * only the characters names may have; fixed words in any case. */
const struct azure_key_kind *azure_key_kind_of(struct text resource_id);
/* Which of the kind's places the id is in; NULL: it is of another type. */
const struct key_place *azure_key_place_of(const struct azure_key_kind *kind,
                                           struct text resource_id);
/* Why `resource_id` is no id of `kind` (NULL: of none we know). */
void azure_id_failure(struct text resource_id, const struct azure_key_kind *kind,
                      struct failure *why);
/* The last segment: the resource's own name. */
struct text azure_id_name(struct text resource_id);
/* The second segment: the subscription. */
struct text azure_id_subscription(struct text resource_id);

#endif
