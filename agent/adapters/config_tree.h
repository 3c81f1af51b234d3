/* SPDX-License-Identifier: Apache-2.0 */
/* The YAML of a configuration file as a tree with positions. Anchors, aliases, tags, duplicate keys
 * and second documents are refused here, so that nothing in the file means more than it shows. */
#ifndef AGENT_ADAPTERS_CONFIG_TREE_H
#define AGENT_ADAPTERS_CONFIG_TREE_H

#include "agent/adapters/config_pool.h"
#include "agent/adapters/config_report.h"

#define TREE_DEPTH 32
#define TREE_NODES ((size_t)500000)

enum node_kind {
    NODE_SCALAR,
    NODE_MAP,
    NODE_LIST,
    NODE_REFUSED, /* an alias, already reported: nobody looks at it */
};

struct config_node {
    enum node_kind kind;
    bool is_plain; /* a scalar without quotes: may be a number, a boolean or nothing */
    struct report_place place, key_place;
    struct text key;  /* in a map */
    struct text text; /* of a scalar; NUL-terminated */
    size_t index, count;
    struct config_node *up, *first, *last, *next;
};

/* NULL when the tree could not be made: `report` says why. Lives in `pool`. The top is a map. */
must_use struct config_node *tree_read(struct text yaml, struct pool *pool, struct report *report);

/* The first with this key; NULL when `map` is NULL, no map, or has none. */
const struct config_node *node_at(const struct config_node *map, const char *key);

/* Plain scalars as the YAML 1.2 core schema reads them. */
bool node_is_null(const struct config_node *node);
bool node_is_boolean(const struct config_node *node, bool *ret);
bool node_is_number(const struct config_node *node);
/* A scalar that is none of these. */
bool node_is_text(const struct config_node *node);

/* "error: bindings[0].interval: ..." at the node. */
void node_error(struct report *report, const struct config_node *node, const char *format, ...)
    printf_like(3, 4);
void node_warning(struct report *report, const struct config_node *node, const char *format, ...)
    printf_like(3, 4);
/* At its key, as far as it has one. */
void node_key_error(struct report *report, const struct config_node *node, const char *format, ...)
    printf_like(3, 4);

#define NODE_FOUND_SIZE 80
/* "the number 12", "a map", "a text": with the words of a text only where `may_quote`. */
const char *node_found(const struct config_node *node, bool may_quote, char out[NODE_FOUND_SIZE]);

#endif
