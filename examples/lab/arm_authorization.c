/* SPDX-License-Identifier: Apache-2.0 */
/* The authorization API at any scope: the caller's own permissions, role assignments and
 * definitions, deny assignments. It shows; orders to the control listener change. */
#include "examples/lab/arm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct filter {
    char principal[64], name[80];
    bool is_at_scope;
};

/* The quoted value of "name eq '...'" or of "name('...')"; false: something else. */
static bool take_quoted(struct text clause, const char *before, const char *after, char *out,
                        size_t size)
{
    struct text start = text_of(before), end = text_of(after);

    if (!text_starts_with_ignoring_case(clause, start) || !text_ends_with(clause, end) ||
        clause.size < start.size + end.size)
        return false;
    clause = text_part(clause, start.size, clause.size - start.size - end.size);
    snprintf(out, size, "%.*s", TEXT_ARG(clause));
    return true;
}

static bool clause_read(struct text clause, struct filter *filter)
{
    if (text_equal_ignoring_case(clause, TEXT("atScope()"))) {
        filter->is_at_scope = true;
        return true;
    }
    return text_equal_ignoring_case(clause, TEXT("atScopeAndBelow()")) ||
           take_quoted(clause, "principalId eq '", "'", filter->principal,
                       sizeof(filter->principal)) ||
           take_quoted(clause, "assignedTo('", "')", filter->principal,
                       sizeof(filter->principal)) ||
           take_quoted(clause, "roleName eq '", "'", filter->name, sizeof(filter->name)) ||
           take_quoted(clause, "denyAssignmentName eq '", "'", filter->name, sizeof(filter->name));
}

static bool filter_read(const char *text, struct filter *filter)
{
    struct text rest = text_of(text);
    const struct text word = TEXT(" and ");

    while (rest.size) {
        size_t end = text_find(rest, word);

        if (!clause_read(text_trim(text_part(rest, 0, end)), filter))
            return false;
        rest = end == SIZE_MAX ? text_part(rest, rest.size, 0)
                               : text_part(rest, end + word.size, rest.size);
    }
    return true;
}

static bool is_wanted(const json_t *item, const struct filter *filter, struct text scope)
{
    struct text name = json_text_at(item, "properties.roleName");
    struct text at = json_text_at(item, "properties.scope");

    if (!name.start)
        name = json_text_at(item, "properties.denyAssignmentName");
    if (filter->name[0] && !text_equal_ignoring_case(name, text_of(filter->name)))
        return false;
    return !filter->is_at_scope || !at.start || text_starts_with_ignoring_case(scope, at);
}

/* Takes `all`. */
static json_t *filtered(json_t *all, const struct filter *filter, struct text scope)
{
    json_t *value = json_array(), *item;
    size_t i;

    json_array_foreach (all, i, item) {
        if (is_wanted(item, filter, scope))
            json_array_append(value, item);
    }
    json_decref(all);
    return json_pack("{s:o}", "value", value);
}

static json_t *all_of(const struct arm_call *call, struct text type, struct text scope,
                      const struct filter *filter)
{
    const struct rights *rights = call->lab->rights;

    if (text_equal_ignoring_case(type, TEXT("permissions")))
        return rights_permissions(rights, call->exchange->claims.object_id, scope);
    if (text_equal_ignoring_case(type, TEXT("roleAssignments")))
        return rights_assignments(rights, scope, filter->principal[0] ? filter->principal : NULL);
    if (text_equal_ignoring_case(type, TEXT("roleDefinitions")))
        return rights_definitions();
    if (text_equal_ignoring_case(type, TEXT("denyAssignments")))
        return rights_denials(rights, scope);
    return NULL;
}

/* Takes `all`; answers with the one of that name. */
static void reply_one(struct arm_call *call, json_t *all, struct text name)
{
    json_t *item;
    size_t i;

    json_array_foreach (all, i, item) {
        if (text_equal_ignoring_case(name, json_text_at(item, "name"))) {
            arm_reply(call->exchange, 200, NULL, 0, json_incref(item));
            json_decref(all);
            return;
        }
    }
    json_decref(all);
    arm_error(call->exchange, 404, "NotFound", "There is no '%.*s' at this scope.", TEXT_ARG(name));
}

static void answer(struct arm_call *call, struct text scope, struct text type, struct text name,
                   const struct filter *filter)
{
    json_t *all = all_of(call, type, scope, filter);

    if (!all)
        arm_error(call->exchange, 404, "InvalidResourceType",
                  "The resource type could not be found in the namespace "
                  "'Microsoft.Authorization' for api version '%s'.",
                  call->version);
    else if (name.size)
        reply_one(call, all, name);
    else
        arm_reply(call->exchange, 200, NULL, 0, filtered(all, filter, scope));
}

void arm_authorization_handle(struct arm_call *call, size_t provider_at)
{
    const struct segments *segments = &call->segments;
    struct text path = text_of(call->exchange->path), type = {0}, name = {0}, scope;
    char *text = server_parameter(call->exchange->request->query, "$filter", true);
    struct filter filter = {0};
    char action[128];

    if (segments->count > provider_at + 1)
        type = segments->part[provider_at + 1];
    if (segments->count > provider_at + 2)
        name = segments->part[provider_at + 2];
    scope = text_part(
        path, 0, (size_t)(segments->part[provider_at].start - path.start) - strlen("/providers/"));
    snprintf(action, sizeof(action), "Microsoft.Authorization/%.*s/read", TEXT_ARG(type));
    call->action = action;
    if (!exchange_method_is(call->exchange, "GET"))
        arm_not_allowed(call->exchange);
    else if (text && !filter_read(text, &filter))
        arm_error(call->exchange, 400, "UnsupportedQuery",
                  "The filter '%s' is not supported. Supported filters are either 'atScope()' or "
                  "'principalId eq '{value}'' or 'assignedTo('{value}')'.",
                  text);
    else if (arm_may(call, scope, action))
        answer(call, scope, type, name, &filter);
    free(text);
}
