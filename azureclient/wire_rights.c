/* SPDX-License-Identifier: Apache-2.0 */
/* The lists of Microsoft.Authorization, read and judged. See the header. */
#include "azureclient/wire_rights.h"

#include "base/memory.h"

#include <stdio.h>

#define TEXT_LIMIT 512 /* of a name or a scope that is told */
#define EVERYONE   "00000000-0000-0000-0000-000000000000"

bool rights_init(struct rights *rights)
{
    rights->assignments = json_array();
    rights->denials = json_array();
    rights->roles = json_object();
    return rights->assignments && rights->denials && rights->roles;
}

void rights_clear(struct rights *rights)
{
    json_decref(rights->assignments);
    json_decref(rights->denials);
    json_decref(rights->roles);
    memory_free(rights->regenerators);
    memory_free(rights->told_denials);
    memory_free(rights->principals);
    *rights = (struct rights){0};
}

/* ---- actions and scopes ---------------------------------------------------------------------- */

static bool names_action(const json_t *patterns, const char *action)
{
    const json_t *pattern;
    size_t i;

    json_array_foreach (patterns, i, pattern) {
        struct text text = {json_string_value(pattern), json_string_length(pattern)};

        if (text.start && text_matches(text_of(action), text))
            return true;
    }
    return false;
}

static bool permits(const json_t *permission, const char *action)
{
    return names_action(json_at(permission, "actions"), action) &&
           !names_action(json_at(permission, "notActions"), action);
}

static bool any_permits(const json_t *permissions, const char *action)
{
    const json_t *permission;
    size_t i;

    json_array_foreach (permissions, i, permission) {
        if (permits(permission, action))
            return true;
    }
    return false;
}

/* Whether what is assigned at `scope` holds for the resource. What a management group is above, its
 * id does not say; the list was asked for no others. */
static bool is_above(struct text scope, struct text resource_id)
{
    struct text rest;

    if (text_is(scope, "/") ||
        text_starts_with_ignoring_case(scope,
                                       TEXT("/providers/Microsoft.Management/managementGroups/")))
        return true;
    if (!scope.size || !text_starts_with_ignoring_case(resource_id, scope))
        return false;
    rest = text_part(resource_id, scope.size, resource_id.size);
    return rest.size == 0 || rest.start[0] == '/';
}

/* ---- pages ----------------------------------------------------------------------------------- */

/* The list of a page, NULL with `why`; `json` owns it. */
static const json_t *list_of(struct text body, const char *what, json_t **json, char **next,
                             struct failure *why)
{
    const json_t *list, *item;
    struct text link;
    size_t i;

    *next = NULL;
    *json = json_read_object(body, why);
    if (!*json) {
        failure_prefix(why, "the list of %s", what);
        return NULL;
    }
    list = json_at(*json, "value");
    if (!json_is_array(list)) {
        failure_set(why, FAILURE_PROTOCOL, "the list of %s is none", what);
        return NULL;
    }
    json_array_foreach (list, i, item) {
        if (!json_is_object(item)) {
            failure_set(why, FAILURE_PROTOCOL, "the list of %s holds something else", what);
            return NULL;
        }
    }
    link = json_text_at(*json, "nextLink");
    if (link.size && !(*next = text_copy(link))) {
        failure_out_of_memory(why);
        return NULL;
    }
    return list;
}

bool rights_take_permissions(struct rights *rights, struct text body, char **next,
                             struct failure *why)
{
    cleanup_with(json_clean) json_t *json = NULL;
    const json_t *list = list_of(body, "permissions", &json, next, why);

    for (size_t i = 0; list && i < RIGHTS; i++)
        if (rights->actions[i] && any_permits(list, rights->actions[i]))
            rights->granted[i] = true;
    return list;
}

/* Keeps one that matters. On failure the page's link is of no use any more. */
static bool keep(json_t *kept, json_t *item, const char *what, char **next, struct failure *why)
{
    if (json_array_size(kept) < RIGHTS_ITEM_LIMIT && json_array_append(kept, item) == 0)
        return true;
    memory_free(*next);
    *next = NULL;
    if (json_array_size(kept) < RIGHTS_ITEM_LIMIT)
        return failure_out_of_memory(why);
    return failure_set(why, FAILURE_TOO_LARGE, "there are more than %d %s", RIGHTS_ITEM_LIMIT,
                       what);
}

/* One that is only written to the log bars nobody (denyAssignmentEffect, since 2024-07-01-preview).
 */
static bool denial_matters(const struct rights *rights, const json_t *item)
{
    struct text scope = json_text_at(item, "properties.scope");
    const json_t *permissions = json_at(item, "properties.permissions");

    if (!is_above(scope, rights->resource_id) ||
        text_equal_ignoring_case(json_text_at(item, "properties.denyAssignmentEffect"),
                                 TEXT("audit")))
        return false;
    if (json_boolean_at(item, "properties.doNotApplyToChildScopes", false) &&
        !text_equal_ignoring_case(scope, rights->resource_id))
        return false;
    for (size_t i = 0; i < RIGHTS; i++)
        if (rights->actions[i] && any_permits(permissions, rights->actions[i]))
            return true;
    return false;
}

bool rights_take_denials(struct rights *rights, struct text body, char **next, struct failure *why)
{
    cleanup_with(json_clean) json_t *json = NULL;
    const json_t *list = list_of(body, "deny assignments", &json, next, why);
    json_t *item;
    size_t i;

    json_array_foreach (list, i, item) {
        if (denial_matters(rights, item) &&
            !keep(rights->denials, item, "deny assignments", next, why))
            return false;
    }
    return list;
}

/* The GUID at the end of a roleDefinitionId, in lower case. */
static bool role_of(const json_t *assignment, char id[RIGHTS_ID_SIZE])
{
    struct text rest = json_text_at(assignment, "properties.roleDefinitionId"), part, last = {0};

    while (text_split(&rest, '/', &part))
        last = part;
    if (last.size != RIGHTS_ID_SIZE - 1)
        return false;
    for (size_t i = 0; i < last.size; i++) {
        char c = last.start[i];

        id[i] = c >= 'A' && c <= 'F' ? (char)(c - 'A' + 'a') : c;
        if (c != '-' && !(id[i] >= '0' && id[i] <= '9') && !(id[i] >= 'a' && id[i] <= 'f'))
            return false;
    }
    id[last.size] = '\0';
    return true;
}

bool rights_take_assignments(struct rights *rights, struct text body, char **next,
                             struct failure *why)
{
    cleanup_with(json_clean) json_t *json = NULL;
    const json_t *list = list_of(body, "role assignments", &json, next, why);
    char role[RIGHTS_ID_SIZE];
    json_t *item;
    size_t i;

    json_array_foreach (list, i, item) {
        if (!is_above(json_text_at(item, "properties.scope"), rights->resource_id))
            continue;
        if (!json_text_at(item, "properties.principalId").size || !role_of(item, role)) {
            memory_free(*next);
            *next = NULL;
            return failure_set(why, FAILURE_PROTOCOL,
                               "a role assignment names no role or nobody who has it");
        }
        if (!keep(rights->assignments, item, "role assignments", next, why))
            return false;
    }
    return list;
}

/* ---- roles ----------------------------------------------------------------------------------- */

bool rights_next_role(const struct rights *rights, char id[RIGHTS_ID_SIZE])
{
    const json_t *item;
    size_t i;

    if (json_object_size(rights->roles) >= RIGHTS_ROLE_LIMIT)
        return false;
    json_array_foreach (rights->assignments, i, item) {
        if (role_of(item, id) && !json_object_get(rights->roles, id))
            return true;
    }
    return false;
}

bool rights_take_role(struct rights *rights, const char *id, struct text body, struct failure *why)
{
    cleanup_with(json_clean) json_t *json = json_read_object(body, why);
    const json_t *permissions = json_at(json, "properties.permissions");
    json_t *role;

    if (!json) {
        failure_prefix(why, "a role definition");
        return false;
    }
    if (!json_is_array(permissions))
        return failure_set(why, FAILURE_PROTOCOL, "a role definition has no permissions");
    role = json_object();
    if (!role || !json_set_text(role, "name", json_text_at(json, "properties.roleName")) ||
        json_object_set_new(
            role, "regenerates",
            json_boolean(any_permits(permissions, rights->actions[RIGHT_REGENERATE]))) != 0) {
        json_decref(role);
        return failure_out_of_memory(why);
    }
    return json_object_set_new(rights->roles, id, role) == 0 || failure_out_of_memory(why);
}

bool rights_skip_role(struct rights *rights, const char *id)
{
    return json_object_set_new(rights->roles, id, json_null()) == 0;
}

/* ---- denials --------------------------------------------------------------------------------- */

static bool is_group(struct text type)
{
    return text_ends_with(type, TEXT("Group"));
}

static bool is_everyone(const json_t *principal)
{
    return text_is(json_text_at(principal, "id"), EVERYONE);
}

/* Whether `who` is among `principals`. Not seen: who is in a group; which of them we are, when our
 * id is not known. */
static enum azure_seen is_among(const json_t *principals, const struct azure_principal *who)
{
    enum azure_seen among = AZURE_NO;
    const json_t *principal;
    size_t i;

    json_array_foreach (principals, i, principal) {
        if (is_everyone(principal) ||
            (who->id.size && text_equal_ignoring_case(json_text_at(principal, "id"), who->id)))
            return AZURE_YES;
        if (!who->id.size || is_group(json_text_at(principal, "type")))
            among = AZURE_NOT_SEEN;
    }
    return among;
}

/* Of a group, one who is left out may be in it. That we may be matters to nobody else. */
static enum azure_seen is_left_out(const json_t *excluded, const struct azure_principal *who,
                                   struct text own_id)
{
    enum azure_seen among = is_among(excluded, who);
    const json_t *principal;
    size_t i;

    if (among != AZURE_NO || !is_group(who->type))
        return among;
    json_array_foreach (excluded, i, principal) {
        if (!own_id.size || !text_equal_ignoring_case(json_text_at(principal, "id"), own_id))
            return AZURE_NOT_SEEN;
    }
    return AZURE_NO;
}

static enum azure_seen denial_bars(const json_t *denial, const struct azure_principal *who,
                                   struct text own_id)
{
    enum azure_seen is_meant = is_among(json_at(denial, "properties.principals"), who);
    enum azure_seen is_excluded =
        is_left_out(json_at(denial, "properties.excludePrincipals"), who, own_id);

    if (is_meant == AZURE_NO || is_excluded == AZURE_YES)
        return AZURE_NO;
    if (is_meant == AZURE_NOT_SEEN || is_excluded == AZURE_NOT_SEEN ||
        json_text_at(denial, "properties.condition").size)
        return AZURE_NOT_SEEN;
    return AZURE_YES;
}

static bool denial_is_of(const json_t *denial, const char *action)
{
    return any_permits(json_at(denial, "properties.permissions"), action);
}

static enum azure_seen is_barred(const struct rights *rights, const char *action,
                                 const struct azure_principal *who, struct text own_id)
{
    enum azure_seen barred = AZURE_NO;
    const json_t *denial;
    size_t i;

    json_array_foreach (rights->denials, i, denial) {
        enum azure_seen bars =
            denial_is_of(denial, action) ? denial_bars(denial, who, own_id) : AZURE_NO;

        if (bars == AZURE_YES)
            return AZURE_YES;
        if (bars == AZURE_NOT_SEEN)
            barred = AZURE_NOT_SEEN;
    }
    return barred;
}

/* ---- what is told ---------------------------------------------------------------------------- */

/* Names are their owners' choice; one that would break a line or fill a page is not shown. */
static struct text tellable(struct text text)
{
    if (!text.start)
        return TEXT("");
    return text.size <= TEXT_LIMIT && text_is_printable(text) ? text : TEXT("(unreadable)");
}

static struct azure_principal principal_of(const json_t *json, const char *id, const char *type)
{
    return (struct azure_principal){tellable(json_text_at(json, id)),
                                    tellable(json_text_at(json, type))};
}

static enum azure_seen own_right(const struct rights *rights, enum right right,
                                 const struct azure_posture *posture)
{
    const struct azure_principal self = {.id = posture->own_id};

    if (!rights->actions[right])
        return AZURE_NO;
    if (posture->permissions_not_seen.size)
        return AZURE_NOT_SEEN;
    if (!rights->granted[right])
        return AZURE_NO;
    switch (is_barred(rights, rights->actions[right], &self, self.id)) {
    case AZURE_YES:
        return AZURE_NO;
    case AZURE_NOT_SEEN:
        return AZURE_NOT_SEEN;
    case AZURE_NO:
        break;
    }
    return AZURE_YES;
}

static bool tell_regenerators(struct rights *rights, struct azure_posture *ret)
{
    size_t count = json_array_size(rights->assignments), i;
    const char *action = rights->actions[RIGHT_REGENERATE];
    const json_t *item;

    if (!count || !action || ret->assignments_not_seen.size)
        return true;
    rights->regenerators = memory_zeroed(count, sizeof(*rights->regenerators));
    if (!rights->regenerators)
        return false;
    json_array_foreach (rights->assignments, i, item) {
        struct azure_regenerator *told = &rights->regenerators[ret->regenerator_count];
        char id[RIGHTS_ID_SIZE];
        const json_t *role = role_of(item, id) ? json_object_get(rights->roles, id) : NULL;

        if (json_is_object(role) && !json_boolean_at(role, "regenerates", false))
            continue;
        *told = (struct azure_regenerator){
            .who = principal_of(item, "properties.principalId", "properties.principalType"),
            .role = tellable(json_text_at(role, "name")),
            .scope = tellable(json_text_at(item, "properties.scope")),
            .is_granted = json_is_object(role) && !json_text_at(item, "properties.condition").size
                              ? AZURE_YES
                              : AZURE_NOT_SEEN,
        };
        told->is_barred = ret->denials_not_seen.size
                              ? AZURE_NOT_SEEN
                              : is_barred(rights, action, &told->who, ret->own_id);
        ret->regenerator_count++;
    }
    ret->regenerators = rights->regenerators;
    return true;
}

static size_t add_principals(struct azure_principal *at, const json_t *list)
{
    const json_t *principal;
    size_t i;

    json_array_foreach (list, i, principal)
        at[i] = principal_of(principal, "id", "type");
    return json_array_size(list);
}

static struct azure_denial denial_told(const json_t *item, struct azure_principal **free_places)
{
    struct azure_denial told = {
        .name = tellable(json_text_at(item, "properties.denyAssignmentName")),
        .scope = tellable(json_text_at(item, "properties.scope")),
        .has_condition = json_text_at(item, "properties.condition").size,
        .principals = *free_places,
    };
    const json_t *principal;
    size_t i;

    json_array_foreach (json_at(item, "properties.principals"), i, principal) {
        if (is_everyone(principal))
            told.is_for_everyone = true;
    }
    told.principal_count = add_principals(*free_places, json_at(item, "properties.principals"));
    *free_places += told.principal_count;
    told.excluded = *free_places;
    told.excluded_count =
        add_principals(*free_places, json_at(item, "properties.excludePrincipals"));
    *free_places += told.excluded_count;
    return told;
}

static bool tell_denials(struct rights *rights, struct azure_posture *ret)
{
    size_t count = json_array_size(rights->denials), principals = 1, i;
    const char *action = rights->actions[RIGHT_REGENERATE];
    struct azure_principal *place;
    const json_t *item;

    if (!count || !action || ret->denials_not_seen.size)
        return true;
    json_array_foreach (rights->denials, i, item)
        principals += json_array_size(json_at(item, "properties.principals")) +
                      json_array_size(json_at(item, "properties.excludePrincipals"));
    rights->told_denials = memory_zeroed(count, sizeof(*rights->told_denials));
    rights->principals = place = memory_zeroed(principals, sizeof(*rights->principals));
    if (!rights->told_denials || !rights->principals)
        return false;
    json_array_foreach (rights->denials, i, item) {
        if (denial_is_of(item, action))
            rights->told_denials[ret->denial_count++] = denial_told(item, &place);
    }
    ret->denials = rights->told_denials;
    return true;
}

/* Without our own id one of them may be us, but not two. */
static enum azure_seen others_may(const struct azure_posture *posture)
{
    enum azure_seen others = posture->assignments_not_seen.size ? AZURE_NOT_SEEN : AZURE_NO;
    struct text first = {0};

    for (size_t i = 0; i < posture->regenerator_count; i++) {
        const struct azure_regenerator *one = &posture->regenerators[i];

        if (one->is_barred == AZURE_YES ||
            (posture->own_id.size && text_equal_ignoring_case(one->who.id, posture->own_id)))
            continue;
        others = AZURE_NOT_SEEN;
        if (one->is_granted != AZURE_YES || one->is_barred != AZURE_NO)
            continue;
        if (posture->own_id.size || (first.size && !text_equal_ignoring_case(first, one->who.id)))
            return AZURE_YES;
        first = one->who.id;
    }
    return others;
}

bool rights_judge(struct rights *rights, struct azure_posture *ret)
{
    ret->may_read = own_right(rights, RIGHT_READ, ret);
    ret->may_list_keys = own_right(rights, RIGHT_LIST_KEYS, ret);
    ret->may_regenerate = own_right(rights, RIGHT_REGENERATE, ret);
    if (!tell_regenerators(rights, ret) || !tell_denials(rights, ret))
        return false;
    ret->others_may_regenerate = rights->actions[RIGHT_REGENERATE] ? others_may(ret) : AZURE_NO;
    return true;
}
