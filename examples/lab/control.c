/* SPDX-License-Identifier: Apache-2.0 */
/* The control listener: look at the keys, do what a person does in the portal, break things, and
 * see what was asked. Its own calls are not recorded and meet no faults. */
#include "examples/lab/lab.h"

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

static void regenerate(struct lab *lab, struct server_call *call, const json_t *body)
{
    struct failure why = {0};
    int status = 500;
    json_t *json = arm_regenerate_order(lab, body, &status, &why);

    if (json)
        reply(call, status, json);
    else
        refuse(call, status, why.text);
}

/* Orders whose answer is a picture of what holds from now on. */
static void order(struct lab *lab, struct server_call *call, const json_t *body,
                  json_t *(*obey)(struct lab *, const json_t *, struct failure *))
{
    struct failure why = {0};
    json_t *json = obey(lab, body, &why);

    if (json)
        reply(call, 200, json);
    else
        refuse(call, 400, why.text);
}

static void roles(struct lab *lab, struct server_call *call, const json_t *body)
{
    order(lab, call, body, arm_roles_order);
}

static void quota(struct lab *lab, struct server_call *call, const json_t *body)
{
    order(lab, call, body, arm_quota_order);
}

static void modes(struct lab *lab, struct server_call *call, const json_t *body)
{
    order(lab, call, body, arm_modes_order);
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
        reply(call, 200, arm_keys(lab));
    } else if (text_is(path, "/regenerate") && text_is(method, "POST")) {
        with_body(lab, call, request->body, regenerate);
    } else if (text_is(path, "/roles") && text_is(method, "POST")) {
        with_body(lab, call, request->body, roles);
    } else if (text_is(path, "/quota") && text_is(method, "POST")) {
        with_body(lab, call, request->body, quota);
    } else if (text_is(path, "/modes") && text_is(method, "POST")) {
        with_body(lab, call, request->body, modes);
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
               "the calls are GET /keys, POST /regenerate, POST /roles, POST /quota, POST /modes, "
               "POST /fault, DELETE /fault, POST /federated-token, GET /requests?since=N, POST "
               "/alerts and GET /alerts");
    }
}
