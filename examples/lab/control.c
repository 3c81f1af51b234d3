/* SPDX-License-Identifier: Apache-2.0 */
/* The control listener: look at the keys, do what a person does in the portal, break things, and
 * see what was asked. Its own calls are not recorded and meet no faults. */
#include "examples/lab/lab.h"

#include <stdio.h>
#include <stdlib.h>

#define ALERTS_KEPT 1000

static void reply(struct server_call *call, int status, json_t *json)
{
    char *body = json ? json_dump_short(json) : NULL;

    json_decref(json);
    server_reply_json(call, body ? status : 500,
                      body ? text_of(body) : TEXT("{\"error\":\"out of memory\"}"));
    free(body);
}

static void refuse(struct server_call *call, int status, const char *text)
{
    reply(call, status, json_pack("{s:s}", "error", text));
}

static void keys(struct lab *lab, struct server_call *call)
{
    json_t *all = json_object();

    for (size_t i = 0; i < lab->world.count; i++) {
        const struct endpoint *endpoint = &lab->world.endpoints[i];

        json_object_set_new(all, endpoint->id,
                            json_pack("{s:s, s:s}", slot_names[0], endpoint->keys[0], slot_names[1],
                                      endpoint->keys[1]));
    }
    reply(call, 200, all);
}

static struct endpoint *endpoint_of(struct lab *lab, struct text name)
{
    struct segments segments;

    if (!text_starts_with(name, TEXT("/")))
        return world_find(&lab->world, name);
    segments = segments_of(name);
    return segments.count == 10 ? world_find(&lab->world, segments.part[9]) : NULL;
}

static void regenerate(struct lab *lab, struct server_call *call, const json_t *body)
{
    struct text name = json_text_at(body, "endpoint"), caller = json_text_at(body, "caller");
    struct endpoint *endpoint = endpoint_of(lab, name);
    struct text word = json_text_at(body, "slot");
    int slot = word.start ? slot_of(word) : 0;
    struct change *change;
    char at[TIMESTAMP_SIZE];

    if (!endpoint) {
        refuse(call, 404, "no such endpoint");
        return;
    }
    if (slot < 0) {
        refuse(call, 400, "\"slot\" is primary or secondary");
        return;
    }
    change = world_regenerate(&lab->world, endpoint, slot, TEXT(""), now_ms());
    if (!change) {
        refuse(call, 500, "out of memory");
        return;
    }
    snprintf(change->caller, sizeof(change->caller), "%.*s",
             TEXT_ARG(caller.size ? caller : TEXT("somebody@example.org")));
    guid_new(change->client_request_id);
    activity_log_add(lab->world.log, change, false);
    world_settle(&lab->world, now_ms());
    timestamp_at(change->due_at, at);
    reply(call, 200,
          json_pack("{s:s, s:s, s:s, s:s}", "endpoint", endpoint->name, "slot", slot_names[slot],
                    "caller", change->caller, "at", at));
}

static void fault(struct lab *lab, struct server_call *call, const json_t *body)
{
    struct failure why = {0};

    if (fault_arm(&lab->faults, body, &why))
        reply(call, 200, json_pack("{s:b}", "armed", 1));
    else
        refuse(call, 400, why.text);
}

static void requests(struct lab *lab, struct server_call *call, struct text query)
{
    char *text = server_parameter(query, "since", false);
    uint64_t since = 0;

    if (text && !text_parse_u64(text_of(text), UINT64_MAX, &since))
        refuse(call, 400, "\"since\" is the number of a request");
    else
        reply(call, 200, requests_since(&lab->requests, since));
    free(text);
}

/* A receiver for keydrift's webhook alerts, so that a newcomer needs none. */
static void take_alert(struct lab *lab, struct server_call *call, const json_t *body)
{
    while (json_array_size(lab->alerts) >= ALERTS_KEPT)
        json_array_remove(lab->alerts, 0);
    if (json_array_append_new(lab->alerts, json_deep_copy(body)) == 0)
        server_reply(call, 204, NULL, 0, TEXT(""));
    else
        refuse(call, 500, "out of memory");
}

/* A token of the workload's issuer, as it should be or as it should not. */
static void federated_token(struct lab *lab, struct server_call *call, const json_t *body)
{
    struct text subject = json_text_at(body, "subject"), audience = json_text_at(body, "audience");
    char *token =
        federation_token(lab, &(struct federation_wish){
                                  .subject = subject.start ? subject : TEXT(FEDERATION_SUBJECT),
                                  .audience = audience.start ? audience : TEXT(FEDERATION_AUDIENCE),
                                  .lifetime_s = json_integer_at(body, "expires_in", 3600),
                              });

    reply(call, 200, token ? json_pack("{s:s}", "token", token) : NULL);
    free(token);
}

static void with_body(struct lab *lab, struct server_call *call, struct text body,
                      void (*act)(struct lab *, struct server_call *, const json_t *))
{
    struct failure why = {0};
    json_t *json = json_read_object(body, &why);

    if (json)
        act(lab, call, json);
    else
        refuse(call, 400, why.text);
    json_decref(json);
}

void control_handle(struct lab *lab, struct server_call *call, const struct server_request *request)
{
    struct text method = request->method, path = request->path;

    world_settle(&lab->world, now_ms());
    if (text_is(path, "/keys") && text_is(method, "GET")) {
        keys(lab, call);
    } else if (text_is(path, "/regenerate") && text_is(method, "POST")) {
        with_body(lab, call, request->body, regenerate);
    } else if (text_is(path, "/fault") && text_is(method, "POST")) {
        with_body(lab, call, request->body, fault);
    } else if (text_is(path, "/fault") && text_is(method, "DELETE")) {
        faults_clear(&lab->faults);
        world_release(&lab->world);
        world_settle(&lab->world, now_ms());
        server_reply(call, 204, NULL, 0, TEXT(""));
    } else if (text_is(path, "/requests") && text_is(method, "GET")) {
        requests(lab, call, request->query);
    } else if (text_is(path, "/federated-token") && text_is(method, "POST")) {
        with_body(lab, call, request->body, federated_token);
    } else if (text_is(path, "/alerts") && text_is(method, "POST")) {
        with_body(lab, call, request->body, take_alert);
    } else if (text_is(path, "/alerts") && text_is(method, "GET")) {
        reply(call, 200, json_pack("{s:O}", "alerts", lab->alerts));
    } else {
        refuse(call, 404,
               "the calls are GET /keys, POST /regenerate, POST /fault, DELETE /fault, "
               "POST /federated-token, GET /requests?since=N, POST /alerts and GET /alerts");
    }
}
