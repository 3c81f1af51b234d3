/* SPDX-License-Identifier: Apache-2.0 */
/* Resources as GET shows them: the members all have, and over them what the table says. */
#include "examples/lab/arm.h"

#include <stdlib.h>

static void lay_over(json_t *json, const struct resource *resource)
{
    char *text = source_expand(resource->source->shown, resource, NULL);
    json_t *more = text ? json_loads(text, 0, NULL) : NULL;

    json_object_update(json, more);
    json_decref(more);
    free(text);
}

json_t *resource_json(const struct arm_call *call, const struct resource *resource)
{
    const struct source *source = resource->source;
    json_t *json;

    if (source == SOURCE_ENDPOINT)
        return endpoint_json(call, resource);
    json = json_pack("{s:s, s:s, s:s}", "id", resource->id, "name", resource->name, "type",
                     source->type);
    if (json && source->is_regional)
        json_object_update_new(json, json_pack("{s:s, s:{}}", "location", LAB_LOCATION, "tags"));
    if (json && source->shown)
        lay_over(json, resource);
    if (json && source->has_policies) {
        char etag[17];

        api_key_id(resource_key(resource, 0, false), etag);
        json_object_set_new(json, "etag", json_string(etag));
    }
    return json;
}

void arm_show(struct arm_call *call)
{
    json_t *value;

    if (call->resource) {
        arm_reply(call->exchange, 200, NULL, 0, resource_json(call, call->resource));
        return;
    }
    value = json_array();
    for (struct resource **other = call->lab->world.others; *other; other++) {
        if ((*other)->source == call->source)
            json_array_append_new(value, resource_json(call, *other));
    }
    arm_reply(call->exchange, 200, NULL, 0, json_pack("{s:o}", "value", value));
}
