/* SPDX-License-Identifier: Apache-2.0 */
/* The key operations of every row of the table: list, regenerate, and what stands for it where
 * there is no such operation (query keys of Search, keys of Functions, policies of IoT). */
#include "examples/lab/arm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_SIZE 2 /* of the lists that come in pages: small, so that there are pages */

static int64_t due_at(const struct arm_call *call, enum style style)
{
    return style == STYLE_SYNC ? now_ms()
                               : now_ms() + (int64_t)call->lab->options.operation_time_ms;
}

/* A page of {"value": [...]}, takes `json`. */
static void reply_paged(struct arm_call *call, json_t *json)
{
    struct exchange *exchange = call->exchange;
    char *token = server_parameter(exchange->request->query, "$skiptoken", true);
    json_t *value = json_object_get(json, "value"), *page = json_array();
    size_t count = json_array_size(value);
    uint64_t from = 0;
    bool is_good = !token || (strncmp(token, "page=", 5) == 0 &&
                              text_parse_u64(text_of(token + 5), count, &from));

    for (size_t i = from; i < count && i < from + PAGE_SIZE; i++)
        json_array_append(page, json_array_get(value, i));
    json_object_set_new(json, "value", page);
    if (from + PAGE_SIZE < count)
        json_object_set_new(json, "nextLink",
                            json_sprintf("https://%.*s%s?api-version=%s&%%24skiptoken=page%%3D%zu",
                                         TEXT_ARG(server_header(exchange->request, "Host")),
                                         exchange->path, call->version, (size_t)from + PAGE_SIZE));
    free(token);
    if (is_good) {
        arm_reply(exchange, 200, NULL, 0, json);
        return;
    }
    json_decref(json);
    arm_error(exchange, 400, "InvalidSkipToken", "The $skiptoken is not one of this list.");
}

/* False, and the call answered, for an endpoint that takes no keys. */
static bool has_keys(struct arm_call *call)
{
    if (endpoint_has_keys(call->resource))
        return true;
    arm_error(call->exchange, 400, "UserError",
              "Key authentication is not enabled for the endpoint '%s'.", call->resource->name);
    return false;
}

void arm_list_keys(struct arm_call *call)
{
    const struct exchange *exchange = call->exchange;
    enum shape shape = call->source->shape;
    char *expand = server_parameter(exchange->request->query, "$expand", true);
    unsigned flags = exchange->is_stale ? KEYS_STALE : 0;
    struct deed deed = arm_deed(call);
    json_t *json;

    if (!has_keys(call)) {
        free(expand);
        return;
    }
    if (expand && text_equal_ignoring_case(text_of(expand), TEXT("kerb")))
        flags |= KEYS_KERBEROS;
    free(expand);
    activity_log_add(call->lab->world.log, &deed, EVENT_STARTED, now_ms());
    activity_log_add(call->lab->world.log, &deed, EVENT_SUCCEEDED, now_ms());
    json = keys_json(call->resource, flags);
    if (json && (shape == SHAPE_API_KEYS || shape == SHAPE_QUERY_KEYS))
        reply_paged(call, json);
    else
        arm_reply(call->exchange, json ? 200 : 500, NULL, 0, json);
}

/* Marks the keys that the request means; `slots` stays empty when it means none. "Salt" of SignalR
 * is a word that means no key, and is taken. */
static bool choose(const struct arm_call *call, const json_t *body, bool slots[SLOTS_MAX])
{
    const struct source *source = call->source;
    const struct segments *segments = &call->segments;
    struct text word = {0};
    bool is_good = false;

    if (source->choice == CHOICE_MEMBER)
        word = json_text_at(body, source->word_member);
    else if (source->choice == CHOICE_PATH)
        word = segments->part[segments->count - 1];
    else if (source->choice == CHOICE_ID)
        word = json_text_at(body, "id");
    for (int i = 0; i < SLOTS_MAX && source->slots[i].name; i++) {
        const struct source_slot *slot = &source->slots[i];
        char id[17];

        api_key_id(resource_key(call->resource, i, false), id);
        if (source->choice == CHOICE_LAST || source->choice == CHOICE_ALL)
            slots[i] = slot->word != NULL;
        else if (source->choice == CHOICE_ID)
            slots[i] = text_is(word, id);
        else
            slots[i] = slot->word && text_equal_ignoring_case(word, text_of(slot->word));
        is_good = is_good || slots[i];
    }
    return is_good || (text_equal_ignoring_case(word, TEXT("Salt")) &&
                       text_equal(source_provider(source), TEXT("Microsoft.SignalRService")));
}

static void refuse_choice(struct arm_call *call)
{
    const struct source *source = call->source;
    char words[256] = "";
    size_t size = 0;

    for (int i = 0; i < SLOTS_MAX && source->slots[i].name; i++) {
        if (source->slots[i].word)
            size += (size_t)snprintf(words + size, sizeof(words) - size, "%s'%s'", size ? ", " : "",
                                     source->slots[i].word);
    }
    if (source->choice == CHOICE_ID)
        arm_error(call->exchange, 400, "InvalidRequest",
                  "The request is invalid: id must be that of a key.");
    else
        arm_error(call->exchange, 400,
                  strncmp(source->type, LAB_PROVIDER, strlen(LAB_PROVIDER)) == 0 ? "UserError"
                                                                                 : "BadRequest",
                  "The request is invalid: %s must be one of %s.",
                  source->word_member ? source->word_member : "the last part of the path", words);
}

static enum style style_of(const struct arm_call *call)
{
    int wish = call->lab->modes.style;

    return wish >= 0 ? (enum style)wish : call->source->style;
}

/* One of the keys is that value already. */
static bool is_same(const struct change *plan, const char *value)
{
    for (int i = 0; i < SLOTS_MAX; i++) {
        if (plan->slots[i] && strcmp(resource_key(plan->resource, i, false), value) == 0)
            return true;
    }
    return false;
}

static void begin(struct arm_call *call, const struct change *plan, enum style style)
{
    struct world *world = &call->lab->world;
    struct change *change = world_begin(world, plan);

    if (!change) {
        arm_out_of_memory(call->exchange);
        return;
    }
    if (style != STYLE_SYNC) {
        activity_log_add(world->log, &change->deed, EVENT_ACCEPTED, change->started_at);
        arm_accepted(call, change, style, 202,
                     call->source->is_accepted_with_body ? json_object() : NULL);
        return;
    }
    world_settle(world, now_ms());
    arm_reply(call->exchange, 200, NULL, 0, regenerate_result(change));
}

void arm_regenerate(struct arm_call *call)
{
    const struct source *source = call->source;
    json_t *body = json_read_object(call->exchange->request->body, NULL);
    struct text value = {0};
    enum style style = style_of(call);
    struct change plan = {
        .kind = CHANGE_KEY,
        .resource = call->resource,
        .deed = arm_deed(call),
        .due_at = due_at(call, style),
    };

    if (style != STYLE_SYNC)
        plan.fate = arm_fate(call);
    if (source->value_member)
        value = json_text_at(body, source->value_member);
    if (!has_keys(call)) {
        json_decref(body);
        return;
    }
    if (!choose(call, body, plan.slots)) {
        refuse_choice(call);
    } else if (value.size >= sizeof(plan.value)) {
        arm_error(call->exchange, 400, "UserError", "The request is invalid: %s is too long.",
                  source->value_member);
    } else if (call->resource->pending) {
        arm_error(call->exchange, 409, "Conflict",
                  "Another operation is in progress on '%s'. Wait until it has finished.",
                  call->resource->name);
    } else {
        snprintf(plan.value, sizeof(plan.value), "%.*s", TEXT_ARG(value));
        if (call->lab->modes.ignores_equal && is_same(&plan, plan.value))
            plan.value[0] = '\0';
        begin(call, &plan, style);
    }
    json_decref(body);
}

static void reply_done(struct arm_call *call, int status, json_t *json)
{
    struct deed deed = arm_deed(call);

    activity_log_add(call->lab->world.log, &deed, EVENT_STARTED, now_ms());
    activity_log_add(call->lab->world.log, &deed, EVENT_SUCCEEDED, now_ms());
    arm_reply(call->exchange, status, NULL, 0, json);
}

void arm_query_key_create(struct arm_call *call)
{
    struct text name = call->segments.part[call->segments.count - 1];
    struct resource *resource = call->resource;
    int slot;

    if (!name.size || resource_slot(resource, name) >= 0) {
        arm_error(call->exchange, 409, "Conflict", "A query key of that name exists.");
    } else if (!resource_set_key(&call->lab->world, resource, name, (struct text){0})) {
        arm_out_of_memory(call->exchange);
    } else {
        slot = resource_slot(resource, name);
        reply_done(call, 200,
                   json_pack("{s:s, s:s}", "name", resource->keys[slot].name, "key",
                             resource->keys[slot].value));
    }
}

void arm_query_key_delete(struct arm_call *call)
{
    struct text key = call->segments.part[call->segments.count - 1];
    struct resource *resource = call->resource;

    for (size_t i = 0; i < resource->key_count; i++) {
        if (!text_equal(key, text_of(resource->keys[i].value)))
            continue;
        resource_remove_key(resource, (int)i);
        reply_done(call, 200, NULL);
        return;
    }
    arm_reply(call->exchange, 404, NULL, 0, NULL);
}

/* "functionKeys/NAME" of host keys, NAME of one function's; false: not the path of a key. */
static bool function_key_name(const struct arm_call *call, char *out, size_t size)
{
    const struct segments *segments = &call->segments;
    struct text name = segments->part[segments->count - 1];
    struct text group = segments->part[segments->count - 2];

    if (call->source->shape == SHAPE_FUNCTION_KEYS)
        return snprintf(out, size, "%.*s", TEXT_ARG(name)) > 0;
    if (text_equal_ignoring_case(group, TEXT("masterKey")))
        return snprintf(out, size, "masterKey") > 0;
    if (text_equal_ignoring_case(group, TEXT("functionKeys")))
        return snprintf(out, size, "functionKeys/%.*s", TEXT_ARG(name)) > 0;
    if (text_equal_ignoring_case(group, TEXT("systemKeys")))
        return snprintf(out, size, "systemKeys/%.*s", TEXT_ARG(name)) > 0;
    return false;
}

void arm_function_key_set(struct arm_call *call)
{
    json_t *body = json_read_object(call->exchange->request->body, NULL);
    struct text value = json_text_at(body, "value");
    struct resource *resource = call->resource;
    char name[256];
    bool is_new;

    if (!body || !function_key_name(call, name, sizeof(name))) {
        arm_error(call->exchange, 400, "BadRequest",
                  "The path is that of a functionKeys, systemKeys or masterKey, and the body is "
                  "{\"name\", \"value\"}.");
    } else {
        is_new = resource_slot(resource, text_of(name)) < 0;
        resource_forget_before(resource);
        if (resource_set_key(&call->lab->world, resource, text_of(name), value)) {
            int slot = resource_slot(resource, text_of(name));

            reply_done(call, is_new ? 201 : 200,
                       json_pack("{s:s%, s:s}", "name",
                                 call->segments.part[call->segments.count - 1].start,
                                 call->segments.part[call->segments.count - 1].size, "value",
                                 resource->keys[slot].value));
        } else {
            arm_out_of_memory(call->exchange);
        }
    }
    json_decref(body);
}

void arm_function_key_delete(struct arm_call *call)
{
    char name[256];
    int slot = -1;

    if (function_key_name(call, name, sizeof(name)))
        slot = resource_slot(call->resource, text_of(name));
    if (slot < 0 || strcmp(name, "masterKey") == 0) {
        arm_reply(call->exchange, 404, NULL, 0, NULL);
        return;
    }
    resource_remove_key(call->resource, slot);
    reply_done(call, 204, NULL);
}

/* The whole hub is put back, with other keys in its policies: properties.authorizationPolicies[] of
 * {"keyName", "primaryKey", "secondaryKey", "rights"}. A key that is not given stays. */
void arm_policies_put(struct arm_call *call)
{
    json_t *body = json_read_object(call->exchange->request->body, NULL);
    const json_t *policies = json_at(body, "properties.authorizationPolicies"), *policy;
    struct text match = server_header(call->exchange->request, "If-Match");
    struct resource *resource = call->resource;
    char etag[17], name[64];
    size_t i;

    /* "IotHubKeys/{name}/listkeys" */
    snprintf(name, sizeof(name), "%.*s",
             TEXT_ARG(segments_of(text_of(call->source->list)).part[1]));
    api_key_id(resource_key(resource, 0, false), etag);
    if (!body || !json_text_at(body, "location").start) {
        arm_error(call->exchange, 400, "LocationRequired",
                  "The location property is required for this definition.");
    } else if (match.size && !text_is(match, "*") && text_find(match, text_of(etag)) == SIZE_MAX) {
        arm_error(call->exchange, 412, "PreconditionFailed",
                  "The etag of the resource is another one.");
    } else {
        resource_forget_before(resource);
        json_array_foreach (policies, i, policy) {
            static const char *const members[] = {"primaryKey", "secondaryKey"};

            for (int slot = 0; slot < 2; slot++) {
                struct text value = json_text_at(policy, members[slot]);

                if (value.size && text_is(json_text_at(policy, "keyName"), name))
                    resource_set_key(&call->lab->world, resource,
                                     text_of(resource->keys[slot].name), value);
            }
        }
        reply_done(call, 200, resource_json(call, resource));
    }
    json_decref(body);
}
