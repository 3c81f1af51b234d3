/* SPDX-License-Identifier: Apache-2.0 */
/* Who may do what to one resource, from the lists of Microsoft.Authorization (2022-04-01). Pure.
 *
 * A role grants its actions less its own notActions; what another role grants stays granted. A deny
 * assignment beats every role. Of the lists only what can matter here is kept: what is assigned at
 * the resource or above it, and denials of one of the actions asked about. What cannot be told from
 * ids alone, such as who is in a group, is "not seen" and never "no". */
#ifndef AZURECLIENT_WIRE_RIGHTS_H
#define AZURECLIENT_WIRE_RIGHTS_H

#include "azureclient/azureclient.h"
#include "net/json.h"

#define RIGHTS_ID_SIZE    37   /* of a role definition: a GUID and NUL */
#define RIGHTS_ITEM_LIMIT 5000 /* assignments; Azure allows 4,000 in a subscription */
#define RIGHTS_ROLE_LIMIT                                                                          \
    64 /* different roles that are looked at; those of others are not seen                         \
        */

enum right { RIGHT_READ, RIGHT_LIST_KEYS, RIGHT_REGENERATE, RIGHTS };

struct rights {
    struct text resource_id;
    const char *actions[RIGHTS]; /* NULL: Azure has no such operation */
    bool granted[RIGHTS];        /* to ourselves, by a role */
    json_t *assignments, *denials, *roles;
    /* What rights_judge() tells. */
    struct azure_regenerator *regenerators;
    struct azure_denial *told_denials;
    struct azure_principal *principals;
};

must_use bool rights_init(struct rights *rights);
void rights_clear(struct rights *rights);

/* Each takes in one page. `next` (to memory_free()) is the address of the next page, or NULL. */
typedef bool rights_page(struct rights *rights, struct text body, char **next, struct failure *why);
rights_page rights_take_permissions, rights_take_denials, rights_take_assignments;

/* A role that was assigned and not yet looked at; false: there is none, or one of too many. */
bool rights_next_role(const struct rights *rights, char id[RIGHTS_ID_SIZE]);
must_use bool rights_take_role(struct rights *rights, const char *id, struct text body,
                               struct failure *why);
/* Its definition may not be read. */
must_use bool rights_skip_role(struct rights *rights, const char *id);

/* Fills `ret`, whose ..._not_seen and own_id are set, with the facts; they live as long as
 * `rights`. False when out of memory. */
must_use bool rights_judge(struct rights *rights, struct azure_posture *ret);

#endif
