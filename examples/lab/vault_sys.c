/* SPDX-License-Identifier: Apache-2.0 */
/* The Vault listener: what a request means before any secret is touched (namespace, method, body,
 * token), the sys/ calls, and the way to logins and mounts. */
#include "examples/lab/lab.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERSION     "2.7.2"
#define STRINGS_MAX 1000 /* in one request, names included */

bool vault_init(struct vault *vault, char *root_token, size_t size)
{
    struct vault_token *root;

    *vault = (struct vault){.role_ttl_s = 3600, .role_max_ttl_s = 4 * 3600};
    LIST_INIT(&vault->tokens);
    SLIST_INIT(&vault->secret_ids);
    vault->mounts[0] = (struct kv_mount){.name = "kv", .version = 2};
    vault->mounts[1] = (struct kv_mount){.name = "kv1", .version = 1};
    guid_new(vault->role_id);
    guid_new(vault->cluster_id);
    root = vault_token_new(vault, "root", "auth/token/root", 0, 0);
    if (!root)
        return false;
    root->is_root = true;
    snprintf(root_token, size, "%s", root->id);
    return true;
}

void vault_clear(struct vault *vault)
{
    struct vault_token *token;

    while ((token = LIST_FIRST(&vault->tokens)))
        vault_token_drop(token);
    vault_secret_ids_clear(vault);
    for (size_t i = 0; i < KV_MOUNTS; i++)
        kv_clear(&vault->mounts[i]);
}

bool vault_method_is(const struct vault_call *call, const char *method)
{
    return text_is(call->method, method);
}

/* A fault makes 127.0.0.1 a standby; "localhost" is then its active node. */
static bool is_standby(const struct vault_call *call)
{
    return call->exchange->fault.kind == FAULT_STANDBY &&
           !text_starts_with_ignoring_case(server_header(call->exchange->request, "Host"),
                                           TEXT("localhost"));
}

static bool is_sealed(const struct vault_call *call)
{
    return call->exchange->fault.kind == FAULT_SEALED;
}

/* A sealed server does not know what cluster it is of. */
static json_t *with_cluster(struct vault_call *call, json_t *json)
{
    if (json && !is_sealed(call))
        json_object_update_new(json, json_pack("{s:s, s:s}", "cluster_name", "keydrift-lab",
                                               "cluster_id", call->vault->cluster_id));
    return json;
}

static int health_status(struct vault_call *call)
{
    char *wish = server_parameter(call->exchange->request->query, "standbyok", false);
    bool is_standby_good = wish && strcmp(wish, "false") != 0;

    free(wish);
    if (is_sealed(call))
        return 503;
    return is_standby(call) && !is_standby_good ? 429 : 200;
}

static void health(struct vault_call *call)
{
    const char *mode = is_sealed(call) ? "unknown" : "disabled";
    json_t *json = json_pack("{s:b, s:b, s:b, s:b, s:s, s:s, s:I, s:s}", "initialized", 1, "sealed",
                             is_sealed(call), "standby", is_sealed(call) || is_standby(call),
                             "performance_standby", 0, "replication_performance_mode", mode,
                             "replication_dr_mode", mode, "server_time_utc",
                             (json_int_t)exchange_now_s(call->exchange), "version", VERSION);

    exchange_reply_json(call->exchange, health_status(call), NULL, 0, with_cluster(call, json));
}

static void seal_status(struct vault_call *call)
{
    json_t *json = json_pack("{s:s, s:b, s:b, s:i, s:i, s:i, s:s, s:b, s:s, s:b, s:s}", "type",
                             "shamir", "initialized", 1, "sealed", is_sealed(call), "t", 1, "n", 1,
                             "progress", 0, "nonce", "", "recovery_seal", 0, "version", VERSION,
                             "migration", 0, "storage_type", "inmem");

    exchange_reply_json(call->exchange, 200, NULL, 0, with_cluster(call, json));
}

static json_t *active_address(struct vault_call *call, const char *rest)
{
    unsigned port = server_port(call->exchange->lab->servers[LISTENER_VAULT]);

    return json_sprintf("https://localhost:%u%s", port, rest);
}

static void leader(struct vault_call *call)
{
    json_t *json = json_pack("{s:b}", "ha_enabled", call->exchange->fault.kind == FAULT_STANDBY);

    if (json && call->exchange->fault.kind == FAULT_STANDBY)
        json_object_update_new(
            json, json_pack("{s:b, s:s, s:o, s:o}", "is_self", !is_standby(call), "active_time",
                            is_standby(call) ? "0001-01-01T00:00:00Z" : "2026-01-01T00:00:00Z",
                            "leader_address", active_address(call, ""), "leader_cluster_address",
                            active_address(call, "")));
    exchange_reply_json(call->exchange, 200, NULL, 0, json);
}

/* A standby reads for itself and hands writes on to the active node, unless it is told not to. */
static bool redirects(struct vault_call *call)
{
    struct text wish = server_header(call->exchange->request, "X-Vault-No-Request-Forwarding");
    struct server_header location = {TEXT("Location"), {0}};
    json_t *address;

    if (!is_standby(call) || !text_equal_ignoring_case(wish, TEXT("true")) ||
        text_is(call->method, "GET") || text_is(call->method, "HEAD") ||
        text_is(call->method, "LIST") || text_starts_with(call->path, TEXT("sys/")))
        return false;
    address = active_address(call, call->exchange->path);
    location.value = text_of(json_string_value(address));
    exchange_reply(call->exchange, 307, &location, 1, TEXT(""));
    json_decref(address);
    return true;
}

/* The engines that every server has beside those for secrets. */
static const char *engine_of(struct text path)
{
    static const struct {
        const char *mount, *type;
    } engines[] = {{"sys", "system"}, {"cubbyhole", "cubbyhole"}, {"identity", "identity"}};
    struct text rest = path, first = {0};

    if (!text_split(&rest, '/', &first))
        return NULL;
    for (size_t i = 0; i < sizeof(engines) / sizeof(engines[0]); i++) {
        if (text_is(first, engines[i].mount))
            return engines[i].type;
    }
    return NULL;
}

static void reply_mount(struct vault_call *call, const char *name, const char *type,
                        json_t *options, const char *accessor)
{
    char path[32];

    snprintf(path, sizeof(path), "%s/", name);
    vault_reply_data(call, 200,
                     json_pack("{s:s, s:s, s:s, s:o, s:s, s:b, s:b, s:s}", "path", path, "type",
                               type, "description", "", "options", options, "accessor", accessor,
                               "local", 0, "seal_wrap", 0, "uuid", call->vault->cluster_id),
                     NULL);
}

static void mounts(struct vault_call *call)
{
    const struct text start = TEXT("sys/internal/ui/mounts/");
    struct text path = text_part(call->path, start.size, call->path.size);
    const struct kv_mount *mount = kv_mount_of(call->vault, path);
    const char *engine = engine_of(path);
    char text[1024], version[2] = {0};

    if (!call->token) {
        vault_no_token(call);
        return;
    }
    while (text_ends_with(path, TEXT("/")))
        path.size--;
    if (engine) {
        reply_mount(call, strcmp(engine, "system") == 0 ? "sys" : engine, engine, json_null(),
                    "engine_9c0d1e2f");
        return;
    }
    if (!mount) {
        snprintf(text, sizeof(text),
                 "preflight capability check returned 403, please ensure client's policies grant "
                 "access to path \"%.*s/\"",
                 TEXT_ARG(path));
        vault_error(call, 403, text);
        return;
    }
    version[0] = (char)('0' + mount->version);
    reply_mount(call, mount->name, "kv", json_pack("{s:s}", "version", version),
                mount->version == 2 ? "kv_1a2b3c4d" : "kv_5e6f7a8b");
}

static void capabilities_self(struct vault_call *call)
{
    const json_t *paths = json_object_get(call->body, "paths");
    json_t *data, *all, *path;
    size_t index;

    if (!call->token) {
        vault_no_token(call);
        return;
    }
    if (!json_is_array(paths) || json_array_size(paths) == 0) {
        vault_error(call, 400, "paths must be supplied");
        return;
    }
    data = json_object();
    json_array_foreach (paths, index, path) {
        struct text text = text_of(json_string_value(path));

        if (json_is_string(path))
            json_object_set_new(data, json_string_value(path),
                                vault_capabilities(call->token, text));
    }
    if (json_array_size(paths) == 1)
        json_object_set(data, "capabilities",
                        json_object_get(data, json_string_value(json_array_get(paths, 0))));
    /* The real answer says it twice: in `data`, and at the top. */
    all = json_deep_copy(data);
    json_object_set_new(all, "data", data);
    vault_reply_json(call, 200, all);
}

/* Every token that came from a path below `prefix`. */
static void revoke_prefix(struct vault_call *call, struct text prefix)
{
    struct vault_token *token, *next;

    for (token = LIST_FIRST(&call->vault->tokens); token; token = next) {
        next = LIST_NEXT(token, link);
        if (token != call->token && text_starts_with(text_of(token->path), prefix))
            vault_token_drop(token);
    }
    vault_no_content(call);
}

static void sys(struct vault_call *call)
{
    const struct text revoke = TEXT("sys/leases/revoke-prefix/");

    if (text_is(call->path, "sys/health"))
        health(call);
    else if (text_is(call->path, "sys/seal-status"))
        seal_status(call);
    else if (is_sealed(call))
        vault_error(call, 503, "Vault is sealed");
    else if (text_is(call->path, "sys/leader"))
        leader(call);
    else if (text_starts_with(call->path, TEXT("sys/internal/ui/mounts/")) &&
             vault_method_is(call, "GET"))
        mounts(call);
    else if (text_is(call->path, "sys/capabilities-self") && vault_method_is(call, "POST"))
        capabilities_self(call);
    else if (text_is(call->path, "sys/wrapping/lookup") ||
             text_is(call->path, "sys/wrapping/unwrap") || text_is(call->path, "sys/wrapping/wrap"))
        vault_wrapping_handle(call);
    else if (!call->token)
        vault_no_token(call);
    else if (!call->token->is_root)
        vault_denied(call);
    else if (text_starts_with(call->path, revoke) && vault_method_is(call, "POST"))
        revoke_prefix(call, text_part(call->path, revoke.size, call->path.size));
    else
        vault_error(call, 404, "1 error occurred:\n\t* unsupported path\n\n");
}

static void secrets(struct vault_call *call)
{
    struct kv_mount *mount = kv_mount_of(call->vault, call->path);
    struct text rest;
    char text[1024];

    if (!call->token) {
        vault_no_token(call);
        return;
    }
    if (!mount) {
        if (!call->token->is_root) {
            vault_denied(call);
            return;
        }
        snprintf(text, sizeof(text), "no handler for route \"%.*s\". route entry not found.",
                 TEXT_ARG(call->path));
        vault_error(call, 404, text);
        return;
    }
    rest = text_part(call->path, strlen(mount->name) + 1, call->path.size);
    if (mount->version == 2)
        kv_v2_handle(call, mount, rest);
    else
        kv_v1_handle(call, mount, rest);
}

/* Any authenticated request but an unwrap spends a wrapping token. */
static void spend_wrapping_token(struct vault_call *call)
{
    bool is_harmless =
        text_is(call->path, "sys/wrapping/unwrap") || text_is(call->path, "sys/wrapping/lookup") ||
        text_is(call->path, "sys/health") || text_is(call->path, "sys/seal-status") ||
        text_is(call->path, "sys/leader") || text_ends_with(call->path, TEXT("/login"));

    if (!call->token || !call->token->wrapped_body)
        return;
    if (text_starts_with(call->path, TEXT("sys/internal/ui/mounts/"))) {
        call->token = NULL;
    } else if (!is_harmless) {
        vault_token_drop(call->token);
        call->token = NULL;
    }
}

static struct vault_token *token_of(struct vault_call *call)
{
    const struct server_request *request = call->exchange->request;
    struct text given = server_header(request, "X-Vault-Token");
    struct text bearer = server_header(request, "Authorization");
    const struct text scheme = TEXT("Bearer ");

    if (!given.start && text_starts_with_ignoring_case(bearer, scheme))
        given = text_part(bearer, scheme.size, bearer.size);
    return vault_token_find(call->vault, text_trim(given));
}

static size_t count_strings(const json_t *json)
{
    size_t count = json_is_string(json), index;
    const char *name;
    const json_t *member;

    json_object_foreach ((json_t *)(uintptr_t)json, name, member)
        count += 1 + count_strings(member);
    json_array_foreach ((json_t *)(uintptr_t)json, index, member)
        count += count_strings(member);
    return count;
}

/* Whole numbers too, however long they are: then all are read as reals, but for the one that counts
 * versions. */
static json_t *read_body(struct text body, json_error_t *error)
{
    json_t *json = json_loadb(body.start, body.size, JSON_ALLOW_NUL, error), *options;
    double cas;

    if (json || json_error_code(error) != json_error_numeric_overflow)
        return json;
    json = json_loadb(body.start, body.size, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, error);
    options = json_object_get(json, "options");
    cas = json_real_value(json_object_get(options, "cas"));
    if (json_is_real(json_object_get(options, "cas")) && fabs(cas) < UINT32_MAX)
        json_object_set_new(options, "cas", json_integer((json_int_t)cas));
    return json;
}

/* Answers the exchange and returns false when the request cannot be meant. */
static bool request_makes_sense(struct vault_call *call)
{
    const struct server_request *request = call->exchange->request;
    struct text name = text_trim(server_header(request, "X-Vault-Namespace"));
    char *list = server_parameter(request->query, "list", false);
    bool is_good = true;
    json_error_t error = {.line = 1, .column = 1};
    char text[256];

    while (text_starts_with(name, TEXT("/")))
        name = text_part(name, 1, name.size);
    while (text_ends_with(name, TEXT("/")))
        name.size--;
    call->method = request->method;
    if (text_is(call->method, "PUT"))
        call->method = TEXT("POST");
    if (list && text_is(call->method, "GET") && strcmp(list, "true") == 0)
        call->method = TEXT("LIST");
    if (name.size && !text_is(name, "root")) {
        is_good = false;
        if (text_is(call->path, "sys/health"))
            vault_error(call, 400, "operation unavailable in namespaces");
        else
            vault_error(call, 404, "namespace not found");
    } else if (list && text_is(call->method, "GET") && strcmp(list, "false") != 0) {
        is_good = false;
        vault_error(call, 400, NULL);
    } else if (text_is(call->method, "HEAD") && !text_is(call->path, "sys/health")) {
        is_good = false;
        vault_error(call, 405, NULL);
    } else if (text_find(call->path, TEXT("/../")) != SIZE_MAX ||
               text_ends_with(call->path, TEXT("/.."))) {
        is_good = false;
        vault_error(call, 400, "relative paths not supported");
    } else if (request->body.size) {
        call->body = read_body(request->body, &error);
        is_good = json_is_object(call->body);
        if (!is_good) {
            snprintf(text, sizeof(text), "failed to decode JSON input: line %d, column %d",
                     error.line, error.column);
            vault_error(call, 400, text);
        } else if (count_strings(call->body) > STRINGS_MAX) {
            is_good = false;
            vault_error(call, 400,
                        "refused JSON input due to high complexity: exceeded maximum number of "
                        "strings");
        }
    }
    free(list);
    return is_good;
}

void vault_handle(struct exchange *exchange)
{
    const struct text start = TEXT("/v1/");
    struct text path = text_of(exchange->path);
    struct vault_call call = {
        .exchange = exchange,
        .vault = &exchange->lab->vault,
        .path = text_part(path, start.size, path.size),
    };

    if (!text_starts_with(path, start)) {
        exchange_reply_text(exchange, 404, "404 page not found\n");
        return;
    }
    if (request_makes_sense(&call)) {
        call.token = exchange->fault.kind == FAULT_TOKEN_EXPIRED ? NULL : token_of(&call);
        exchange_caller(exchange, text_of(call.token ? call.token->display_name : ""));
        spend_wrapping_token(&call);
        if (text_starts_with(call.path, TEXT("sys/")))
            sys(&call);
        else if (is_sealed(&call))
            vault_error(&call, 503, "Vault is sealed");
        else if (redirects(&call))
            ; /* has answered */
        else if (text_starts_with(call.path, TEXT("auth/")))
            vault_auth_handle(&call);
        else
            secrets(&call);
    }
    json_decref(call.body);
}
