/* SPDX-License-Identifier: Apache-2.0 */
/* The table of key sources: one row for each kind of resource whose keys ARM can list. A further
 * kind is a further row (sources.c); how its answers look is one of few shapes (arm_keys_json.c).
 *
 * In texts of the table "$0", "$1" ... stand for the resource's names from left to right, "$K" for
 * a key. Sources of the protocol facts: Microsoft's OpenAPI files of the version in `version`.
 */
#ifndef EXAMPLES_LAB_SOURCES_H
#define EXAMPLES_LAB_SOURCES_H

#include "examples/lab/lab.h"

enum alphabet { ALPHABET_ALNUM, ALPHABET_HEX, ALPHABET_BASE64, ALPHABET_BASE64URL };

/* How the keys of a service look. */
struct key_form {
    enum alphabet alphabet;
    unsigned size; /* letters, or, for the last two, bytes before encoding */
};

/* How keys are shown by the list operation. */
enum shape {
    SHAPE_MEMBERS,      /* {"primaryKey": ..., "secondaryKey": ...} */
    SHAPE_STORAGE,      /* {"keys": [{"keyName", "value", ...}]} */
    SHAPE_PASSWORDS,    /* {"username", "passwords": [{"name", "value"}]} */
    SHAPE_API_KEYS,     /* {"value": [{"id", "name", "value", ...}]} */
    SHAPE_QUERY_KEYS,   /* {"value": [{"name", "key"}]} */
    SHAPE_HOST_KEYS,    /* {"masterKey", "functionKeys": {}, "systemKeys": {}} */
    SHAPE_FUNCTION_KEYS /* {"properties": {"default": ...}} */
};

/* How the regenerate operation is told which key. */
enum choice {
    CHOICE_NONE,   /* there is no such operation */
    CHOICE_MEMBER, /* a member of the body */
    CHOICE_PATH,   /* the last segment of the path */
    CHOICE_ID,     /* "id" in the body: of the key's value, so it changes with it */
    CHOICE_LAST,   /* it always means the last key of the row */
    CHOICE_ALL     /* it means all keys */
};

/* How it answers. */
enum style {
    STYLE_SYNC,     /* 200 with its result */
    STYLE_BOTH,     /* 202 with Location and Azure-AsyncOperation */
    STYLE_SAME,     /* the same, and both are the status */
    STYLE_LOCATION, /* 202 with Location only */
    STYLE_STATUS,   /* 202 with Azure-AsyncOperation only */
    STYLES
};

enum result { RESULT_KEYS, RESULT_NOTHING, RESULT_ONE_KEY, RESULT_PASSWORD };

struct source_slot {
    const char *name;  /* what we call it: "primary" */
    const char *word;  /* in a request: "PrimaryKey"; NULL: cannot be regenerated */
    const char *shown; /* member of an answer: "primaryKey"; NULL: not shown */
};

struct source {
    const char *kind;    /* "storage-account" */
    const char *type;    /* "Microsoft.Storage/storageAccounts" */
    const char *names;   /* of the lab's one: "nachetstore/uploader" */
    const char *version; /* of the OpenAPI file that was read */
    const char *since;   /* no version before this one is taken */
    /* Behind the resource's id; "*" is any one segment. The action is what a role must allow, NULL:
     * the same. */
    const char *list, *list_action, *regenerate, *regenerate_action;
    enum choice choice;
    const char *word_member, *value_member; /* of the body: which key, and (or NULL) its value */
    struct source_slot slots[SLOTS_MAX];
    struct key_form form;
    enum shape shape;
    enum style style;
    enum result result;
    const char *connection;       /* a connection string, or NULL */
    const char *beside;           /* what stands beside the keys: JSON of an object, or NULL */
    const char *shown;            /* GET: JSON of an object that is laid over the common members */
    const char *status, *results; /* ".../locations/L/{status}/{operation}" */
    bool is_regional;             /* has a "location" */
    bool has_policies;            /* its keys are set by a PUT of the whole resource */
    bool is_accepted_with_body;   /* its 202 has one: an empty object */
};

extern const struct source sources[];
extern const size_t source_count;
/* The row of Azure ML online endpoints: the first. */
#define SOURCE_ENDPOINT (&sources[0])

/* "Microsoft.Storage" of a type. */
struct text source_provider(const struct source *source);
/* The id of the lab's resource of this row; `name` NULL: the row's own. To free(). */
must_use char *source_resource_id(const struct source *source, const char *name);
/* A text of the table with its "$0" and "$K" replaced; to free(), NULL when out of memory. */
must_use char *source_expand(const char *pattern, const struct resource *resource, const char *key);

/* Fresh key material, the same for the same five things; to free(), NULL when out of memory. */
must_use char *key_make(const struct key_form *form, const uint8_t seed[32], const char *id,
                        const char *name, unsigned generation);

#endif
