/* SPDX-License-Identifier: Apache-2.0 */
/* What the control listener does to ARM's world: shows keys, regenerates them as a person in the
 * portal would, and chooses between manners that ARM's rules leave open. */
#include "examples/lab/arm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add_keys(json_t *all, const struct resource *resource)
{
    json_t *keys = json_object_get(all, resource->id);

    if (!keys) {
        keys = json_object();
        json_object_set_new(all, resource->id, keys);
    }
    for (size_t i = 0; i < resource->key_count; i++)
        json_object_set_new(keys, resource->keys[i].name, json_string(resource->keys[i].value));
}

json_t *arm_keys(const struct lab *lab)
{
    json_t *all = json_object();

    for (size_t i = 0; all && i < lab->world.count; i++)
        add_keys(all, lab->world.endpoints[i]);
    for (struct resource **other = lab->world.others; all && *other; other++)
        add_keys(all, *other);
    return all;
}

static struct text text_or(struct text text, const char *fallback)
{
    return text.size ? text : text_of(fallback);
}

static struct deed deed_of(const struct resource *resource, const json_t *order)
{
    const struct source *source = resource->source;
    struct deed deed = {
        .resource_id = resource->id, .resource_type = source->type, .method = "POST"};
    struct actor *actor = &deed.actor;
    const char *action = source->regenerate_action ? source->regenerate_action : source->regenerate;

    if (action)
        snprintf(deed.action, sizeof(deed.action), "%s/%s/action", source->type, action);
    else
        snprintf(deed.action, sizeof(deed.action), "%s/write", source->type);
    snprintf(actor->caller, sizeof(actor->caller), "%.*s",
             TEXT_ARG(text_or(json_text_at(order, "caller"), "somebody@example.org")));
    snprintf(actor->address, sizeof(actor->address), "%.*s",
             TEXT_ARG(text_or(json_text_at(order, "address"), "192.0.2.10")));
    guid_new(actor->correlation_id);
    /* The portal sends one with each request; other clients may send none. */
    if (!json_is_null(json_object_get(order, "client_request_id")))
        guid_new(actor->request_id);
    return deed;
}

json_t *arm_regenerate_order(struct lab *lab, const json_t *order, int *status, struct failure *why)
{
    struct text name = text_or(json_text_at(order, "resource"), "");
    struct resource *resource;
    struct change plan = {.kind = CHANGE_KEY, .due_at = now_ms()}, *change;
    char at[TIMESTAMP_SIZE];
    int slot;

    if (!name.size)
        name = json_text_at(order, "endpoint");
    resource = world_find_key(&lab->world, name, json_text_at(order, "slot"), &slot);
    if (!resource || slot < 0 || slot >= SLOTS_MAX) {
        *status = resource ? 400 : 404;
        failure_set(why, FAILURE_INVALID,
                    resource ? "\"slot\" is the name of a key, as in GET /keys: primary or "
                               "secondary of an endpoint"
                             : "no such endpoint, and no such resource");
        return NULL;
    }
    plan.resource = resource;
    plan.slots[slot] = true;
    plan.deed = deed_of(resource, order);
    change = world_begin(&lab->world, &plan);
    *status = change ? 200 : 500;
    if (!change) {
        failure_out_of_memory(why);
        return NULL;
    }
    world_settle(&lab->world, now_ms());
    timestamp_at(change->due_at, at);
    return json_pack("{s:s, s:s, s:s, s:s, s:s}", "endpoint", resource->name, "resource",
                     resource->id, "slot", resource->keys[slot].name, "caller",
                     change->deed.actor.caller, "at", at);
}

json_t *arm_modes_order(struct lab *lab, const json_t *order, struct failure *why)
{
    static const char *const styles[STYLES] = {"sync", "both", "same", "location", "status"};
    struct text style = json_text_at(order, "operation"), value = json_text_at(order, "key_value");
    int found = style.start && !text_is(style, "table") ? -2 : -1;

    for (int i = 0; i < STYLES; i++) {
        if (text_is(style, styles[i]))
            found = i;
    }
    if (found == -2 || (value.start && !text_is(value, "honour") && !text_is(value, "ignore"))) {
        failure_set(
            why, FAILURE_INVALID,
            "\"operation\" is table, sync, both, same, location or status; \"key_value\" is "
            "honour or ignore");
        return NULL;
    }
    if (style.start)
        lab->modes.style = found;
    if (value.start)
        lab->modes.ignores_equal = text_is(value, "ignore");
    return json_pack("{s:s, s:s}", "operation",
                     lab->modes.style < 0 ? "table" : styles[lab->modes.style], "key_value",
                     lab->modes.ignores_equal ? "ignore" : "honour");
}
