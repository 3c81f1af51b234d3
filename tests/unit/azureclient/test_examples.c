/* SPDX-License-Identifier: Apache-2.0 */
/* The answers in Microsoft's own example files, replayed to the client: each is understood, or
 * refused for a reason that stands here.
 *
 * The OpenAPI files say which operation an example is of; the table of key kinds says what the
 * client calls it. Names in paths are ours (the examples' are often placeholders that could be no
 * names), so is the host in the addresses they hand out; bodies and headers are theirs. The files
 * are no part of this tree: without them everything is skipped. */
#include "azureclient/key_kinds.h"
#include "base/memory.h"
#include "net/json.h"
#include "tests/support/test.h"
#include "tests/unit/azureclient/fake_azure.h"
#include "tests/unit/azureclient/microsoft_examples.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define TOKEN                                                                                      \
    {                                                                                              \
        "POST /token", 200, FAKE_TOKEN                                                             \
    }

/* What this client does not ask, of everything that has to do with keys. */
static const struct {
    const char *path, *why;
} not_asked[] = {
    {"*/disasterRecoveryConfigs/*", "an alias tells the keys of the namespace it stands for"},
    {"*/databaseAccounts/*/listConnectionStrings", "they hold the keys of listKeys"},
    {"*/databaseAccounts/*/readonlykeys", "listKeys tells these too"},
    {"*/registries/*/generateCredentials", "of a token, which is no credential of the registry"},
    {"*/localUsers/*/regeneratePassword", "a password is told once and cannot be listed"},
    {"*/workspaces/*/regenerateSharedKey", "it replaces both keys at once"},
    {"*/IotHubs/*/listkeys", "of all policies; a source is one policy"},
    {"*/provisioningServices/*/listkeys", "of all policies; a source is one policy"},
    {"*/searchServices/*/createQueryKey/*", "query keys are not regenerated"},
    {"*Endpoints/*/token", "tokens are no keys"},
    {"*/workspaces/*/listKeys", "of an Azure ML workspace: keys of its other resources"},
    {"*/workspaces/*/resyncKeys", "of an Azure ML workspace: keys of its other resources"},
    {"*/workspaces/*/listNotebookKeys", "of an Azure ML workspace: keys of its other resources"},
    {"*/workspaces/*/listStorageAccountKeys", "of an Azure ML workspace: keys of its storage"},
    {"*/datastores/*/listSecrets", "of a datastore: keys of its storage"},
};

/* What is refused, of what is asked. */
static const struct {
    const char *file, *words, *why;
} refused[] = {
    {"SignalR_ListKeys.json", "no primary key", "an empty object: it has no keys"},
    {"WebPubSub_ListKeys.json", "no primary key", "an empty object: it has no keys"},
    {"regenerateKeys.json", "names no operation",
     "202 without a place to look: its end is unknown"},
    {"Topics_RegenerateKey.json", "names no operation", "202 without a place to look"},
    {"StorageAccountRegenerateKerbKey.json", "has no key \"kerb1\"",
     "for Kerberos: no key that callers send"},
};

/* Both keys are one placeholder, "string". Told apart, they must be understood. */
#define ONE_PLACEHOLDER "the same value as"

static struct {
    unsigned understood, told_apart, refused, not_asked, wrong;
    struct fake fake;
} it;

/* ---- outcomes -------------------------------------------------------------------------------- */

static void wrong(const struct example *example, const char *what)
{
    it.wrong++;
    print_error("%s: %s: %s\n", example->file, example->path, what);
}

static bool is_refused_for_a_reason(const struct example *example, const char *text)
{
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        if (text_ends_with(text_of(example->file), text_of(refused[i].file)) &&
            strstr(text, refused[i].words))
            return true;
    return false;
}

static void conclude(const struct example *example)
{
    if (!it.fake.failure.kind)
        it.understood++;
    else if (is_refused_for_a_reason(example, it.fake.failure.text))
        it.refused++;
    else
        wrong(example, it.fake.failure.text);
}

/* ---- the client's side of an operation ------------------------------------------------------- */

struct call {
    const struct azure_key_kind *kind;
    char id[600];
    const char *verb; /* behind the id, with what follows it */
    bool regenerates;
};

static bool ask_as(struct call *call, const char *path, const struct key_place *place,
                   const char *verb)
{
    char part[100];
    const char *at;

    snprintf(part, sizeof(part), "/%s", verb ? verb : "/");
    at = strcasestr(path, part);
    if (!at || (at[strlen(part)] && at[strlen(part)] != '/'))
        return false;
    snprintf(call->id, sizeof(call->id), "%.*s", (int)(at - path), path);
    call->verb = at;
    return azure_key_place_of(call->kind, text_of(call->id)) == place;
}

/* False: the client never asks this. */
static bool call_of(const char *path, struct call *call)
{
    for (size_t i = 0; (call->kind = azure_key_kind_row(i)); i++) {
        for (size_t j = 0; j < KEY_PLACES && call->kind->places[j].type; j++) {
            const struct key_place *place = &call->kind->places[j];

            call->regenerates = !ask_as(call, path, place, place->list_verb);
            if (!call->regenerates || ask_as(call, path, place, place->regenerate_verb))
                return true;
        }
    }
    return false;
}

static bool is_left_out(const char *path)
{
    for (size_t i = 0; i < sizeof(not_asked) / sizeof(not_asked[0]); i++)
        if (text_matches(text_of(path), text_of(not_asked[i].path)))
            return true;
    return false;
}

/* ---- lists of keys --------------------------------------------------------------------------- */

/* Every string another one, but names. */
static void tell_apart(json_t *json, const char *name_member, unsigned *number)
{
    const char *name;
    json_t *value;
    size_t i;

    json_array_foreach (json, i, value) {
        tell_apart(value, name_member, number);
    }
    json_object_foreach (json, name, value) {
        char text[40];

        snprintf(text, sizeof(text), "value %u", ++*number);
        if (!json_is_string(value))
            tell_apart(value, name_member, number);
        else if (!name_member || strcmp(name, name_member) != 0)
            json_string_set(value, text);
    }
}

static bool has_string(const json_t *json, const char *text)
{
    const char *name;
    json_t *value;
    size_t i;

    if (json_is_string(json))
        return strcmp(json_string_value(json), text) == 0;
    json_array_foreach (json, i, value) {
        if (has_string(value, text))
            return true;
    }
    json_object_foreach ((json_t *)(uintptr_t)json, name, value) {
        if (has_string(value, text))
            return true;
    }
    return false;
}

static void list(const struct call *call, const json_t *body)
{
    char *text = json_write_string(body, false), where[200];

    snprintf(where, sizeof(where), "POST %s", call->verb);
    FAKE_OPEN(&it.fake, TOKEN, {where, 200, text},
              {"GET /name1", 200, "{\"properties\":{\"authMode\":\"Key\"}}"});
    it.fake.is_done = false;
    assert_non_null(
        azure_list_keys(it.fake.client, call->kind, text_of(call->id), 0, fake_on_keys, &it.fake));
    fake_wait(&it.fake);
    fake_close(&it.fake);
    memory_free(text);
}

/* Each key that was told is a string of the body, and none is lacking. */
static void check_keys(const struct example *example, const struct call *call, const json_t *body)
{
    size_t slots = azure_key_kind_slots(call->kind);

    if (it.fake.key_count != (slots ? slots : json_array_size(json_object_get(body, "value"))))
        wrong(example, "another number of keys");
    for (size_t i = 0; i < it.fake.key_count; i++)
        if (!has_string(body, strchr(it.fake.keys[i], '=') + 1))
            wrong(example, it.fake.keys[i]);
}

static void replay_list(const struct example *example, const struct call *call)
{
    json_t *body =
        json_deep_copy(json_object_get(json_object_get(example->responses, "200"), "body"));
    unsigned number = 0;

    list(call, body);
    if (it.fake.failure.kind && strstr(it.fake.failure.text, ONE_PLACEHOLDER)) {
        tell_apart(body, call->kind->name_member, &number);
        list(call, body);
        it.told_apart++;
    }
    conclude(example);
    if (!it.fake.failure.kind)
        check_keys(example, call, body);
    json_decref(body);
}

/* ---- regenerations --------------------------------------------------------------------------- */

/* The example's body, without the value of the caller's choice; NULL: none. A new reference. */
static json_t *body_asked_for(const struct example *example)
{
    const char *name;
    json_t *value;

    json_object_foreach ((json_t *)(uintptr_t)example->parameters, name, value) {
        if (json_is_object(value)) {
            json_t *body = json_deep_copy(value);

            json_object_del(body, "keyValue");
            return body;
        }
    }
    return NULL;
}

static bool is_body(const char *text, const json_t *body)
{
    json_t *json = text && *text ? json_loads(text, 0, NULL) : NULL;
    bool is_same = json ? body && json_equal(json, body) : !body;

    json_decref(json);
    return is_same;
}

/* The slot that the example regenerates; or the word in its body, which then is none. */
static const char *slot_asked_for(const struct call *call, const json_t *body)
{
    const char *name, *tail = strrchr(call->verb, '/') + 1;
    json_t *value;

    for (size_t i = 0; i < azure_key_kind_slots(call->kind); i++) {
        const char *path = call->kind->slots[i].regenerate_path;

        if (call->kind->regenerates_by_id || (path && strcmp(path, tail) == 0) ||
            (!path && is_body(call->kind->slots[i].regenerate_body, body)))
            return call->kind->slots[i].name;
    }
    json_object_foreach ((json_t *)(uintptr_t)body, name, value) {
        return json_string_value(value);
    }
    return "";
}

/* "Name: address" with our host; `path` gets the address's path as a step wants it. */
static void append_address(struct buffer *headers, const char *name, const char *address,
                           char path[400])
{
    const char *rest = strchr(address + sizeof("https://") - 1, '/');

    buffer_printf(headers, "%s: {origin}%s\n", name, rest);
    snprintf(path, 400, "GET %.*s", (int)strcspn(rest, "?"), rest);
}

static void regenerate(const struct example *example, const struct call *call, int status,
                       const json_t *answer)
{
    /* App Configuration regenerates by the id that the list gives. */
    static const char by_id[] =
        "{\"value\":[{\"name\":\"Primary\",\"id\":\"439AD01B4BE67DB1\",\"value\":\"a\"}]}";
    char where[200], status_path[400] = "GET nothing", result_path[400] = "GET nothing";
    json_t *body = body_asked_for(example), *value;
    const json_t *answer_body = json_object_get(answer, "body");
    char *text = answer_body ? json_write_string(answer_body, false) : NULL;
    char *lines;
    struct buffer headers;
    const char *name;

    buffer_init(&headers, 8192);
    buffer_append_string(&headers, "Retry-After: 0\n");
    json_object_foreach (json_object_get(answer, "headers"), name, value) {
        append_address(&headers, name, json_string_value(value),
                       strcasecmp(name, "location") == 0 ? result_path : status_path);
    }
    snprintf(where, sizeof(where), "POST %s", call->verb);
    lines = buffer_take(&headers);
    FAKE_OPEN(&it.fake, TOKEN, {where, status, text, lines}, {"POST /listKeys", 200, by_id},
              {status_path, 200, "{\"status\":\"Succeeded\"}"}, {result_path, 200, "{}"});
    it.fake.is_done = false;
    assert_non_null(azure_regenerate_key(
        it.fake.client, call->kind, text_of(call->id), text_of(slot_asked_for(call, body)),
        TEXT("6b1f2a3c-0000-4000-8000-000000000001"), 5000, fake_on_end, &it.fake));
    fake_wait(&it.fake);
    conclude(example);
    if (!it.fake.failure.kind && !is_body(fake_last(&it.fake, where)->body, body))
        wrong(example, "another body was sent");
    fake_close(&it.fake);
    memory_free(lines);
    json_decref(body);
    memory_free(text);
}

static void replay_regeneration(const struct example *example, const struct call *call)
{
    const char *status;
    json_t *answer;

    json_object_foreach ((json_t *)(uintptr_t)example->responses, status, answer) {
        regenerate(example, call, atoi(status), answer);
    }
}

/* ---- what there is to replay ----------------------------------------------------------------- */

static void replay_post(const struct example *example)
{
    struct call call;

    if (!call_of(example->path, &call)) {
        it.not_asked++;
        if (!is_left_out(example->path))
            wrong(example, "this client never asks it, and nobody said why");
    } else if (call.regenerates) {
        replay_regeneration(example, &call);
    } else {
        replay_list(example, &call);
    }
}

static bool is_endpoint(const char *path)
{
    return text_matches(text_of(path), TEXT("*/workspaces/*Endpoints/name1")) &&
           !strstr(path, "/deployments");
}

static void on_endpoint(const struct azure_endpoint *endpoint, const struct failure *failure,
                        void *context)
{
    (void)context;
    it.fake.is_done = true;
    it.fake.failure = failure ? *failure : (struct failure){0};
    if (!endpoint)
        return;
    snprintf(it.fake.text[0], sizeof(it.fake.text[0]), "%.*s", TEXT_ARG(endpoint->scoring_uri));
    snprintf(it.fake.text[1], sizeof(it.fake.text[1]), "%.*s", TEXT_ARG(endpoint->auth_mode));
}

static void replay_endpoint(const struct example *example)
{
    const json_t *body = json_object_get(json_object_get(example->responses, "200"), "body");
    struct text uri = json_text_at(body, "properties.scoringUri");
    char *text = json_write_string(body, false);

    FAKE_OPEN(&it.fake, TOKEN, {"GET /name1", 200, text});
    assert_non_null(azure_get_endpoint(it.fake.client, text_of(example->path), on_endpoint, NULL));
    fake_wait(&it.fake);
    fake_close(&it.fake);
    conclude(example);
    if (!uri.size)
        uri = json_text_at(body, "properties.inferenceEndpoint.uri");
    if (!it.fake.failure.kind &&
        (!text_is(uri, it.fake.text[0]) ||
         !text_is(json_text_at(body, "properties.authMode"), it.fake.text[1])))
        wrong(example, "another address or authMode");
    memory_free(text);
}

/* The events in there are of no keys: nobody regenerated ours. The next page is made to be here. */
static void replay_events(const struct example *example)
{
    json_t *body =
        json_deep_copy(json_object_get(json_object_get(example->responses, "200"), "body"));
    char *text;

    if (json_object_get(body, "nextLink"))
        json_object_set_new(body, "nextLink", json_string("{origin}/next"));
    text = json_write_string(body, false);
    FAKE_OPEN(&it.fake, TOKEN, {"GET /values", 200, text}, {"GET /next", 200, "{\"value\":[]}"});
    fake_who(&it.fake, NULL);
    fake_close(&it.fake);
    conclude(example);
    if (it.fake.has_event)
        wrong(example, "an event of another resource was taken for ours");
    memory_free(text);
    json_decref(body);
}

static void on_posture(const struct azure_posture *posture, const struct failure *failure,
                       void *context)
{
    (void)context;
    it.fake.is_done = true;
    it.fake.failure = failure ? *failure : (struct failure){0};
    if (posture && posture->permissions_not_seen.size)
        failure_set(&it.fake.failure, FAILURE_PROTOCOL, "%.*s",
                    TEXT_ARG(posture->permissions_not_seen));
    if (posture && posture->denials_not_seen.size)
        failure_set(&it.fake.failure, FAILURE_PROTOCOL, "%.*s",
                    TEXT_ARG(posture->denials_not_seen));
}

/* The list of the example is as it says, the others are empty. */
static void replay_rights(const struct example *example)
{
    json_t *body =
        json_deep_copy(json_object_get(json_object_get(example->responses, "200"), "body"));
    char *text, where[100];

    if (json_object_get(body, "nextLink"))
        json_object_set_new(body, "nextLink", json_string("{origin}/next"));
    text = json_write_string(body, false);
    snprintf(where, sizeof(where), "GET %s", strrchr(example->path, '/'));
    FAKE_OPEN(&it.fake, TOKEN, {where, 200, text}, {"GET ", 200, "{\"value\":[]}"});
    it.fake.is_done = false;
    assert_non_null(azure_read_posture(it.fake.client,
                                       azure_key_kind_named(TEXT("azureml-online-endpoint")),
                                       TEXT(FAKE_ID), on_posture, NULL));
    fake_wait(&it.fake);
    fake_close(&it.fake);
    conclude(example);
    memory_free(text);
    json_decref(body);
}

static void replay_get(const struct example *example)
{
    struct text path = text_of(example->path);

    if (is_endpoint(example->path))
        replay_endpoint(example);
    else if (text_ends_with(path, TEXT("/eventtypes/management/values")) &&
             text_starts_with(path, TEXT("/subscriptions/")))
        replay_events(example);
    else if (text_ends_with(path, TEXT("/Microsoft.Authorization/permissions")) ||
             text_ends_with(path, TEXT("/Microsoft.Authorization/denyAssignments")))
        replay_rights(example);
}

TEST(every_example_of_a_list_or_a_regeneration_is_understood_or_refused_for_a_reason)
{
    examples_each("post", replay_post);
    assert_int_equal(it.wrong, 0);
    assert_true(it.understood >= 50);
}

TEST(every_example_of_an_endpoint_or_of_events_is_understood_or_refused_for_a_reason)
{
    unsigned before = it.understood;

    examples_each("get", replay_get);
    assert_int_equal(it.wrong, 0);
    assert_true(it.understood > before);
}

/* ---- whether there are any ------------------------------------------------------------------- */

static int close_up(void **unused)
{
    (void)unused;
    print_message(
        "# counted: %u answers of Microsoft's examples replayed: %u understood (%u once their one "
        "placeholder was two), %u refused for a stated reason; %u operations never asked\n",
        it.understood + it.refused, it.understood, it.told_apart, it.refused, it.not_asked);
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest cases[] = {
        CASE(every_example_of_a_list_or_a_regeneration_is_understood_or_refused_for_a_reason),
        CASE(every_example_of_an_endpoint_or_of_events_is_understood_or_refused_for_a_reason),
    };
    const char *contracts = getenv("KEYDRIFT_CONTRACTS");
    char path[4096];
    int failed;

    snprintf(path, sizeof(path), "%s/azure/spec", contracts ? contracts : argc > 1 ? argv[1] : "");
    if (!examples_open(path)) {
        printf("1..0 # SKIP no %s: Microsoft's OpenAPI files are not here\n", path);
        return 0;
    }
    signal(SIGPIPE, SIG_IGN);
    if (!net_global_init(NULL)) /* also what json is made of */
        return 1;
    failed = cmocka_run_group_tests_name(__FILE__, cases, NULL, close_up);
    examples_close();
    net_global_cleanup();
    return failed;
}
