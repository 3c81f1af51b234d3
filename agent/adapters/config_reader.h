/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the reader: from a node of the tree and a row of the table to a field of the struct.
 * Every function reports what is wrong and goes on; a field it could not fill stays zero. */
#ifndef AGENT_ADAPTERS_CONFIG_READER_H
#define AGENT_ADAPTERS_CONFIG_READER_H

#include "agent/adapters/config_table.h"
#include "agent/adapters/config_tree.h"

struct reader {
    struct report *report;
    struct pool *pool;  /* of the configuration: what is kept */
    const char *folder; /* absolute, of the file */
};

/* Fills what `table` describes in `base`. `node` may be NULL: then defaults only. */
void read_map(struct reader *reader, const struct config_table *table,
              const struct config_node *node, void *base);

/* One value that is no map and no list of maps. `base` is what the key's offsets count from. */
void read_value(struct reader *reader, const struct config_key *key, const struct config_node *node,
                void *base);

/* The values that name something outside the file (config_place.c). */
void read_path(struct reader *reader, const struct config_key *key, const struct config_node *node,
               char **ret);
void read_url(struct reader *reader, const struct config_key *key, const struct config_node *node,
              char **ret);
void read_state(struct reader *reader, const struct config_node *node, char **ret);
void read_socket(struct reader *reader, const struct config_node *node, char **ret);
void read_secret(struct reader *reader, const struct config_node *node, struct config_secret *ret);
void read_public_key(struct reader *reader, const struct config_node *node, uint8_t ret[32]);

/* A copy in the pool, or NULL and a report. */
char *keep(struct reader *reader, struct text text);
/* A scalar text that is not empty; otherwise reports what was found and that `expected` was. */
must_use bool need_text(struct reader *reader, const struct config_node *node, const char *expected,
                        struct text *ret);

/* The rules that concern more than one key (config_check.c). Fills in what follows from several. */
void check_whole(struct reader *reader, const struct config_node *top, struct config *config);
/* The same for one binding's source and slot (config_source.c). */
void resolve_source(struct reader *reader, const struct config_node *node,
                    struct config_binding *binding);

/* What stands in the way of `text` being an Ed25519 public key; NULL when nothing does. */
const char *public_key_parse(struct text text, uint8_t ret[32]);

/* `name` as the file has it: itself when absolute, otherwise below the folder. */
char *path_below(struct reader *reader, struct text name);

/* ---- "did you mean" -------------------------------------------------------------------------- */

struct hint {
    struct text found;
    const char *nearest;
    size_t distance;
    char known[400];
    size_t size;
};
void hint_offer(struct hint *hint, const char *name);
/* `; did you mean "x"?` when one is near, otherwise "; known here: ...". */
const char *hint_text(struct hint *hint, char out[512]);

#endif
