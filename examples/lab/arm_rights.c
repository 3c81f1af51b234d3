/* SPDX-License-Identifier: Apache-2.0 */
/* Who may do what: roles, their assignments, and deny assignments, judged as ARM judges them. A
 * NotAction takes something out of its own role only; a deny assignment beats every role. */
#include "examples/lab/arm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SUBSCRIPTION_SCOPE "/subscriptions/" LAB_SUBSCRIPTION
#define ACTIONS_MAX        6
#define ANA_OBJECT_ID      "6a2e8f10-9b3d-4c57-8e21-5d0c5a7d1005"
#define TEAM_OBJECT_ID     "b7d1c3e5-2f48-4a69-9c0b-1e3d5a7d1006"
#define EVERYONE           "00000000-0000-0000-0000-000000000000"

static const struct role {
    const char *name, *id, *description;
    bool is_custom;
    const char *actions[ACTIONS_MAX], *not_actions[ACTIONS_MAX];
} roles[] = {
    {"Owner",
     "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
     "Grants full access to manage all resources.",
     false,
     {"*"},
     {NULL}},
    {"Contributor",
     "b24988ac-6180-42a0-ab88-20f7382dd24c",
     "Grants full access to manage all resources, but not to assign roles.",
     false,
     {"*"},
     {"Microsoft.Authorization/*/Delete", "Microsoft.Authorization/*/Write",
      "Microsoft.Authorization/elevateAccess/Action"}},
    {"Reader",
     "acdd72a7-3385-48ef-bd42-f606fba81ae7",
     "View all resources, but does not allow you to make any changes.",
     false,
     {"*/read"},
     {NULL}},
    {"AzureML Data Scientist",
     "f6c7c914-8db3-469d-8ca1-694a8f32e121",
     "Can perform all actions within a workspace, except for creating or deleting compute.",
     false,
     {LAB_PROVIDER "/workspaces/*/read", LAB_PROVIDER "/workspaces/*/action",
      LAB_PROVIDER "/workspaces/*/delete", LAB_PROVIDER "/workspaces/*/write"},
     {LAB_PROVIDER "/workspaces/delete", LAB_PROVIDER "/workspaces/write",
      LAB_PROVIDER "/workspaces/computes/*/write"}},
    {"Key Watcher",
     "3d5b7f91-1c2e-4a60-8f4d-0a1b5a7d1007",
     "Sees endpoints, their keys and the Activity Log, and changes nothing.",
     true,
     {LAB_PROVIDER "/workspaces/read", LAB_PROVIDER "/workspaces/onlineEndpoints/read",
      LAB_PROVIDER "/workspaces/onlineEndpoints/listKeys/action",
      "Microsoft.Insights/eventtypes/values/read", "Microsoft.Authorization/*/read"},
     {NULL}},
    {"Key Rotator",
     "4e6c8fa2-2d3f-4b71-9a5e-1b2c5a7d1008",
     "The Key Watcher who may also regenerate.",
     true,
     {LAB_PROVIDER "/workspaces/read", LAB_PROVIDER "/workspaces/onlineEndpoints/read",
      LAB_PROVIDER "/workspaces/onlineEndpoints/listKeys/action",
      LAB_PROVIDER "/workspaces/onlineEndpoints/regenerateKeys/action",
      "Microsoft.Insights/eventtypes/values/read", "Microsoft.Authorization/*/read"},
     {NULL}},
};
#define ROLES (sizeof(roles) / sizeof(roles[0]))

struct grant {
    TAILQ_ENTRY(grant) link;
    const struct role *role;
    char id[GUID_SIZE], principal[64], principal_type[20];
    char *scope;
    int64_t effective_at;
};

struct denial {
    TAILQ_ENTRY(denial) link;
    char id[GUID_SIZE], name[80], principal[64], except[64];
    char *action, *scope;
};

struct rights {
    TAILQ_HEAD(, grant) grants;
    TAILQ_HEAD(, denial) denials;
};

static void grant_free(struct rights *rights, struct grant *grant)
{
    TAILQ_REMOVE(&rights->grants, grant, link);
    free(grant->scope);
    free(grant);
}

static void denial_free(struct rights *rights, struct denial *denial)
{
    TAILQ_REMOVE(&rights->denials, denial, link);
    free(denial->action);
    free(denial->scope);
    free(denial);
}

static void rights_clear(struct rights *rights)
{
    while (!TAILQ_EMPTY(&rights->grants))
        grant_free(rights, TAILQ_FIRST(&rights->grants));
    while (!TAILQ_EMPTY(&rights->denials))
        denial_free(rights, TAILQ_FIRST(&rights->denials));
}

static const struct role *role_find(struct text name)
{
    for (size_t i = 0; i < ROLES; i++) {
        if (text_equal_ignoring_case(name, text_of(roles[i].name)) ||
            text_equal_ignoring_case(name, text_of(roles[i].id)))
            return &roles[i];
    }
    return NULL;
}

static bool rights_grant(struct rights *rights, const struct role *role, struct text principal,
                         const char *type, struct text scope, int64_t effective_at)
{
    struct grant *grant = calloc(1, sizeof(*grant));

    if (!grant)
        return false;
    guid_new(grant->id);
    grant->role = role;
    grant->scope = text_copy(scope);
    grant->effective_at = effective_at;
    snprintf(grant->principal, sizeof(grant->principal), "%.*s", TEXT_ARG(principal));
    snprintf(grant->principal_type, sizeof(grant->principal_type), "%s", type);
    TAILQ_INSERT_TAIL(&rights->grants, grant, link);
    return grant->scope != NULL;
}

/* The lab's program, and two others that could regenerate a key too. */
static bool grant_first(struct rights *rights)
{
    const struct text scope = TEXT(SUBSCRIPTION_SCOPE);

    return rights_grant(rights, role_find(TEXT("Contributor")), TEXT(LAB_OBJECT_ID),
                        "ServicePrincipal", scope, 0) &&
           rights_grant(rights, role_find(TEXT("Owner")), TEXT(ANA_OBJECT_ID), "User", scope, 0) &&
           rights_grant(rights, role_find(TEXT("AzureML Data Scientist")), TEXT(TEAM_OBJECT_ID),
                        "Group", TEXT(SUBSCRIPTION_SCOPE "/resourceGroups/" LAB_RESOURCE_GROUP), 0);
}

struct rights *rights_new(void)
{
    struct rights *rights = calloc(1, sizeof(*rights));

    if (!rights)
        return NULL;
    TAILQ_INIT(&rights->grants);
    TAILQ_INIT(&rights->denials);
    if (grant_first(rights))
        return rights;
    rights_free(rights);
    return NULL;
}

void rights_free(struct rights *rights)
{
    if (!rights)
        return;
    rights_clear(rights);
    free(rights);
}

/* Whether `scope` is at or below `above`. */
static bool is_below(struct text scope, const char *above)
{
    struct text upper = text_of(above), next;

    if (!text_starts_with_ignoring_case(scope, upper))
        return false;
    next = text_part(scope, upper.size, scope.size);
    return next.size == 0 || next.start[0] == '/';
}

static bool matches_any(const char *action, const char *const patterns[ACTIONS_MAX])
{
    for (int i = 0; i < ACTIONS_MAX && patterns[i]; i++) {
        if (text_matches(text_of(action), text_of(patterns[i])))
            return true;
    }
    return false;
}

static bool is_granted(const struct rights *rights, const char *principal, struct text scope,
                       const char *action)
{
    const struct grant *grant;
    int64_t now = now_ms();

    TAILQ_FOREACH (grant, &rights->grants, link) {
        if (text_equal_ignoring_case(text_of(principal), text_of(grant->principal)) &&
            grant->effective_at <= now && is_below(scope, grant->scope) &&
            matches_any(action, grant->role->actions) &&
            !matches_any(action, grant->role->not_actions))
            return true;
    }
    return false;
}

static const struct denial *denial_of(const struct rights *rights, const char *principal,
                                      struct text scope, const char *action)
{
    const struct denial *denial;
    struct text who = text_of(principal);

    TAILQ_FOREACH (denial, &rights->denials, link) {
        bool is_meant = strcmp(denial->principal, EVERYONE) == 0 ||
                        text_equal_ignoring_case(who, text_of(denial->principal));

        if (is_meant && !text_equal_ignoring_case(who, text_of(denial->except)) &&
            is_below(scope, denial->scope) &&
            text_matches(text_of(action), text_of(denial->action)))
            return denial;
    }
    return NULL;
}

enum verdict rights_judge(const struct rights *rights, const char *principal, struct text scope,
                          const char *action)
{
    if (denial_of(rights, principal, scope, action))
        return VERDICT_DENIED;
    return is_granted(rights, principal, scope, action) ? VERDICT_ALLOWED : VERDICT_NOT_GRANTED;
}

const char *rights_deny_name(const struct rights *rights, const char *principal, struct text scope,
                             const char *action)
{
    const struct denial *denial = denial_of(rights, principal, scope, action);

    return denial ? denial->name : "";
}

static json_t *strings(const char *const list[ACTIONS_MAX])
{
    json_t *json = json_array();

    for (int i = 0; i < ACTIONS_MAX && list[i]; i++)
        json_array_append_new(json, json_string(list[i]));
    return json;
}

static json_t *permission_json(const struct role *role)
{
    return json_pack("{s:o, s:o, s:[], s:[]}", "actions", strings(role->actions), "notActions",
                     strings(role->not_actions), "dataActions", "notDataActions");
}

json_t *rights_permissions(const struct rights *rights, const char *principal, struct text scope)
{
    const struct grant *grant;
    json_t *value = json_array();

    TAILQ_FOREACH (grant, &rights->grants, link) {
        if (text_equal_ignoring_case(text_of(principal), text_of(grant->principal)) &&
            grant->effective_at <= now_ms() && is_below(scope, grant->scope))
            json_array_append_new(value, permission_json(grant->role));
    }
    return value;
}

static json_t *role_id(const struct role *role)
{
    return json_sprintf(SUBSCRIPTION_SCOPE "/providers/Microsoft.Authorization/roleDefinitions/%s",
                        role->id);
}

/* At the scope, above it, and below it: as without $filter. */
json_t *rights_assignments(const struct rights *rights, struct text scope, const char *principal)
{
    const struct grant *grant;
    json_t *value = json_array();

    TAILQ_FOREACH (grant, &rights->grants, link) {
        bool is_wanted =
            !principal || text_equal_ignoring_case(text_of(principal), text_of(grant->principal));
        char *at = text_copy(scope);

        if (at && is_wanted &&
            (is_below(scope, grant->scope) || is_below(text_of(grant->scope), at)))
            json_array_append_new(
                value,
                json_pack("{s:o, s:s, s:s, s:{s:o, s:s, s:s, s:s, s:n, s:s, s:s, s:s, s:s}}", "id",
                          json_sprintf("%s/providers/Microsoft.Authorization/roleAssignments/%s",
                                       grant->scope, grant->id),
                          "type", "Microsoft.Authorization/roleAssignments", "name", grant->id,
                          "properties", "roleDefinitionId", role_id(grant->role), "principalId",
                          grant->principal, "principalType", grant->principal_type, "scope",
                          grant->scope, "condition", "createdOn", "2024-01-15T14:02:11.1234567Z",
                          "updatedOn", "2024-01-15T14:02:11.1234567Z", "createdBy", ANA_OBJECT_ID,
                          "updatedBy", ANA_OBJECT_ID));
        free(at);
    }
    return value;
}

json_t *rights_definitions(void)
{
    json_t *value = json_array();

    for (size_t i = 0; i < ROLES; i++) {
        const struct role *role = &roles[i];

        json_array_append_new(
            value, json_pack("{s:o, s:s, s:s, s:{s:s, s:s, s:s, s:[s], s:[o]}}", "id",
                             role_id(role), "type", "Microsoft.Authorization/roleDefinitions",
                             "name", role->id, "properties", "roleName", role->name, "type",
                             role->is_custom ? "CustomRole" : "BuiltInRole", "description",
                             role->description, "assignableScopes",
                             role->is_custom ? SUBSCRIPTION_SCOPE : "/", "permissions",
                             permission_json(role)));
    }
    return value;
}

static json_t *denial_json(const struct denial *denial)
{
    bool is_everyone = strcmp(denial->principal, EVERYONE) == 0;
    json_t *except = json_array();

    if (denial->except[0])
        json_array_append_new(
            except, json_pack("{s:s, s:s}", "id", denial->except, "type", "ServicePrincipal"));
    return json_pack("{s:o, s:s, s:s, s:{s:s, s:s, s:[{s:[s], s:[], s:[], s:[]}], s:s, s:b, "
                     "s:[{s:s, s:s}], s:o, s:b}}",
                     "id",
                     json_sprintf("%s/providers/Microsoft.Authorization/denyAssignments/%s",
                                  denial->scope, denial->id),
                     "type", "Microsoft.Authorization/denyAssignments", "name", denial->id,
                     "properties", "denyAssignmentName", denial->name, "description", "",
                     "permissions", "actions", denial->action, "notActions", "dataActions",
                     "notDataActions", "scope", denial->scope, "doNotApplyToChildScopes", 0,
                     "principals", "id", denial->principal, "type",
                     is_everyone ? "SystemDefined" : "ServicePrincipal", "excludePrincipals",
                     except, "isSystemProtected", 0);
}

json_t *rights_denials(const struct rights *rights, struct text scope)
{
    const struct denial *denial;
    json_t *value = json_array();

    TAILQ_FOREACH (denial, &rights->denials, link) {
        if (is_below(scope, denial->scope))
            json_array_append_new(value, denial_json(denial));
    }
    return value;
}

static bool grant_order(struct rights *rights, const json_t *order, struct text principal,
                        struct text scope, struct failure *why)
{
    struct text type = json_text_at(order, "type");
    const struct role *role = role_find(json_text_at(order, "grant"));
    char type_text[20];

    if (!role)
        return failure_set(why, FAILURE_INVALID,
                           "\"grant\" is Owner, Contributor, Reader, AzureML Data Scientist, Key "
                           "Watcher or Key Rotator");
    snprintf(type_text, sizeof(type_text), "%.*s",
             TEXT_ARG(type.size ? type : TEXT("ServicePrincipal")));
    return rights_grant(rights, role, principal, type_text, scope,
                        now_ms() + json_integer_at(order, "after_ms", 0)) ||
           failure_out_of_memory(why);
}

static bool revoke_order(struct rights *rights, const json_t *order, struct text principal,
                         struct failure *why)
{
    struct text name = json_text_at(order, "revoke");
    const struct role *role = role_find(name);
    struct grant *grant = TAILQ_FIRST(&rights->grants);

    if (!role && !text_is(name, "*"))
        return failure_set(why, FAILURE_INVALID, "\"revoke\" is the name of a role, or *");
    while (grant) {
        struct grant *next = TAILQ_NEXT(grant, link);

        if ((!role || grant->role == role) &&
            text_equal_ignoring_case(principal, text_of(grant->principal)))
            grant_free(rights, grant);
        grant = next;
    }
    return true;
}

static bool deny_order(struct rights *rights, const json_t *order, struct text scope,
                       struct failure *why)
{
    struct text principal = json_text_at(order, "principal"), name = json_text_at(order, "name");
    struct denial *denial = calloc(1, sizeof(*denial));

    if (!denial)
        return failure_out_of_memory(why);
    guid_new(denial->id);
    denial->action = text_copy(json_text_at(order, "deny"));
    denial->scope = text_copy(scope);
    snprintf(denial->name, sizeof(denial->name), "%.*s",
             TEXT_ARG(name.size ? name : TEXT("Only keydrift rotates keys")));
    snprintf(denial->principal, sizeof(denial->principal), "%.*s",
             TEXT_ARG(principal.size ? principal : TEXT(EVERYONE)));
    snprintf(denial->except, sizeof(denial->except), "%.*s",
             TEXT_ARG(json_text_at(order, "except")));
    TAILQ_INSERT_TAIL(&rights->denials, denial, link);
    return (denial->action && denial->scope) || failure_out_of_memory(why);
}

json_t *arm_roles_order(struct lab *lab, const json_t *order, struct failure *why)
{
    struct rights *rights = lab->rights;
    struct text principal = json_text_at(order, "principal"), scope = json_text_at(order, "scope");
    bool is_good;

    if (!principal.size)
        principal = TEXT(LAB_OBJECT_ID);
    if (!scope.size)
        scope = TEXT(SUBSCRIPTION_SCOPE);
    if (json_text_at(order, "grant").start) {
        is_good = grant_order(rights, order, principal, scope, why);
    } else if (json_text_at(order, "revoke").start) {
        is_good = revoke_order(rights, order, principal, why);
    } else if (json_text_at(order, "deny").start) {
        is_good = deny_order(rights, order, scope, why);
    } else if (json_boolean_at(order, "reset", false)) {
        rights_clear(rights);
        is_good = grant_first(rights) || failure_out_of_memory(why);
    } else {
        is_good = failure_set(why, FAILURE_INVALID,
                              "an order is \"grant\", \"revoke\", \"deny\" or \"reset\"");
    }
    return is_good ? json_pack("{s:o, s:o}", "assignments",
                               rights_assignments(rights, TEXT(SUBSCRIPTION_SCOPE), NULL),
                               "denials", rights_denials(rights, scope))
                   : NULL;
}
