/* SPDX-License-Identifier: Apache-2.0 */
/* Deliveries of Event Grid: text in, events out. The JSON lives as long as the delivery, whose
 * texts are views into it.
 *
 * Both schemas hold the same `data`; only the names of what is around it differ. */
#include "azureclient/key_kinds.h"
#include "azureclient/wire_events.h"
#include "base/memory.h"
#include "base/moment.h"
#include "net/json.h"

#define BODY_LIMIT ((size_t)1 << 20)
#define CODE_LIMIT 256
#define VALIDATION "Microsoft.EventGrid.SubscriptionValidationEvent"

struct delivery {
    struct azure_grid_delivery told; /* first: what the caller holds */
    json_t *json;
    struct azure_grid_event *events;
};

/* ---- one event ------------------------------------------------------------------------------- */

struct envelope {
    struct text type;
    int64_t at;
    const json_t *data;
};

static bool read_envelope(const json_t *event, struct envelope *ret, struct failure *why)
{
    bool is_cloud = json_at(event, "specversion");
    struct text version = json_text_at(event, "specversion"), id, time;
    const char *type = is_cloud ? "type" : "eventType", *at = is_cloud ? "time" : "eventTime";

    if (!json_is_object(event))
        return failure_set(why, FAILURE_PROTOCOL, "the delivery holds something that is no event");
    if (is_cloud && !text_is(version, "1.0"))
        return failure_set(why, FAILURE_PROTOCOL, "the event is not of CloudEvents 1.0");
    if (!json_need_text(event, "id", &id, why) || !json_need_text(event, type, &ret->type, why) ||
        !json_need_text(event, at, &time, why))
        return false;
    if (!instant_parse(time, &ret->at))
        return failure_set(why, FAILURE_PROTOCOL, "the event's time is none");
    ret->data = json_at(event, "data");
    if (!json_is_object(ret->data))
        return failure_set(why, FAILURE_PROTOCOL, "the event has no data");
    return true;
}

/* False for one that is of no regeneration we know. */
static bool take_key_event(const struct envelope *envelope, struct azure_grid_event *ret)
{
    static const struct {
        const char *type;
        bool has_failed;
    } types[] = {
        {"Microsoft.Resources.ResourceActionSuccess", false},
        {"Microsoft.Resources.ResourceActionFailure", true},
        {"Microsoft.Resources.ResourceActionCancel", true},
    };
    struct text id = json_text_at(envelope->data, "resourceUri");
    struct text operation = json_text_at(envelope->data, "operationName");
    const struct azure_key_kind *kind = azure_key_kind_of(id);
    const struct key_place *place = kind ? azure_key_place_of(kind, id) : NULL;

    if (!place || !place->regenerate_action ||
        !text_equal_ignoring_case(operation, text_of(place->regenerate_action)))
        return false;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (!text_equal_ignoring_case(envelope->type, text_of(types[i].type)))
            continue;
        *ret = (struct azure_grid_event){
            .kind = kind,
            .resource_id = id,
            .has_failed = types[i].has_failed,
            .event = {.slot = TEXT(""), .at = envelope->at},
        };
        event_actor(envelope->data, &ret->event);
        return true;
    }
    return false;
}

/* ---- a delivery ------------------------------------------------------------------------------ */

/* Event Grid sends it alone. */
static bool take_validation(struct delivery *delivery, const struct envelope *envelope,
                            size_t count, struct failure *why)
{
    struct text code = json_text_at(envelope->data, "validationCode");

    if (count != 1 || !code.size || code.size > CODE_LIMIT || !text_is_printable(code))
        return failure_set(why, FAILURE_PROTOCOL,
                           "the handshake of the event subscription makes no sense");
    delivery->told.validation_code = code;
    return true;
}

static bool take(struct delivery *delivery, const json_t *event, size_t count, struct failure *why)
{
    struct envelope envelope;

    if (!read_envelope(event, &envelope, why))
        return false;
    if (text_equal_ignoring_case(envelope.type, TEXT(VALIDATION)))
        return take_validation(delivery, &envelope, count, why);
    if (take_key_event(&envelope, &delivery->events[delivery->told.count]))
        delivery->told.count++;
    else
        delivery->told.skipped++;
    return true;
}

static bool take_all(struct delivery *delivery, struct failure *why)
{
    bool is_list = json_is_array(delivery->json);
    size_t count = is_list ? json_array_size(delivery->json) : 1;

    if (count == 0)
        return failure_set(why, FAILURE_PROTOCOL, "the delivery holds no event");
    if (!is_list && !json_at(delivery->json, "specversion"))
        return failure_set(why, FAILURE_PROTOCOL,
                           "the delivery is neither a list nor a CloudEvent");
    delivery->events = memory_zeroed(count, sizeof(*delivery->events));
    if (!delivery->events)
        return failure_out_of_memory(why);
    delivery->told.events = delivery->events;
    for (size_t i = 0; i < count; i++) {
        const json_t *event = is_list ? json_array_get(delivery->json, i) : delivery->json;

        if (!take(delivery, event, count, why))
            return false;
    }
    return true;
}

struct azure_grid_delivery *azure_grid_read(struct text body, struct failure *why)
{
    struct delivery *delivery;

    if (body.size > BODY_LIMIT) {
        failure_set(why, FAILURE_TOO_LARGE, "the delivery is over 1 MiB");
        return NULL;
    }
    delivery = memory_zeroed(1, sizeof(*delivery));
    if (!delivery) {
        failure_out_of_memory(why);
        return NULL;
    }
    delivery->json = json_read(body, why);
    if (delivery->json && take_all(delivery, why))
        return &delivery->told;
    azure_grid_free(&delivery->told);
    return NULL;
}

struct azure_grid_delivery *azure_grid_free(struct azure_grid_delivery *told)
{
    struct delivery *delivery = (struct delivery *)told;

    if (!delivery)
        return NULL;
    json_decref(delivery->json);
    memory_free(delivery->events);
    memory_free(delivery);
    return NULL;
}

/* ---- handshakes ------------------------------------------------------------------------------ */

char *azure_grid_validation_answer(const struct azure_grid_delivery *delivery)
{
    cleanup_with(json_clean) json_t *json = json_object();

    if (!json || !json_set_text(json, "validationResponse", delivery->validation_code))
        return NULL;
    return json_write_string(json, false);
}

bool azure_grid_is_from(struct text request_origin, struct text expected)
{
    return expected.size && text_equal_ignoring_case(text_trim(request_origin), expected);
}
