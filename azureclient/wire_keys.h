/* SPDX-License-Identifier: Apache-2.0 */
/* What the lists of keys say, in the shapes of the table (key_kinds.h). Pure. */
#ifndef AZURECLIENT_WIRE_KEYS_H
#define AZURECLIENT_WIRE_KEYS_H

#include "azureclient/azureclient.h"

/* Two arrays of `count`. Of a kind with slots: one place for each, filled page by page. Zeroed
 * memory is a valid empty list. */
struct key_list {
    size_t count;
    char **names;
    struct secret **values;
};

void key_list_clear(struct key_list *list);
/* Takes in one page. `next` (to memory_free()) is the address of the next page, or NULL. On false
 * the list is for nothing but key_list_clear(). */
must_use bool wire_keys_page(const struct azure_key_kind *kind, struct text body,
                             struct key_list *list, char **next, struct failure *why);
/* After the last page: every slot has its key, and no two are the same. */
must_use bool wire_keys_end(const struct azure_key_kind *kind, const struct key_list *list,
                            struct failure *why);

/* The body that regenerates a slot of a kind that regenerates by id, to memory_free(). NULL with
 * failure kind 0: this page does not hold it. */
must_use char *wire_regenerate_body(const struct azure_key_kind *kind, size_t slot,
                                    struct text body, char **next, struct failure *why);

#endif
