/* SPDX-License-Identifier: Apache-2.0 */
/* The client against the lab: two implementations of the same documents, over TLS, must agree. */
#include "azureclient/key_kinds.h"
#include "net/json.h"
#include "tests/support/test.h"
#include "tests/unit/azureclient/lab_bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQUEST_ID "6b1f2a3c-0000-4000-8000-000000000001"

static struct {
    struct lab_bench bench;
    size_t key_count;
    char keys[8][200], scoring_uri[300], auth_mode[40], caller[200], request_id[80];
    bool has_event;
    enum azure_score_result score;
} it;

static const struct azure_key_kind *kind(void)
{
    return azure_key_kind_named(TEXT("azureml-online-endpoint"));
}

static void wait_done(void)
{
    lab_wait(&it.bench);
}

static void note(const struct failure *failure)
{
    lab_note(&it.bench, failure);
}

static void assert_ok(void)
{
    if (it.bench.failure.kind)
        fail_msg("%s: %s", failure_kind_name(it.bench.failure.kind), it.bench.failure.text);
}

static const char *about(const char *name)
{
    return lab_about(&it.bench, name);
}

static void on_keys(const struct azure_keys *keys, const struct failure *failure, void *context)
{
    (void)context;
    note(failure);
    it.key_count = keys ? keys->count : 0;
    for (size_t i = 0; i < it.key_count && i < 8; i++)
        snprintf(it.keys[i], sizeof(it.keys[i]), "%.*s", TEXT_ARG(secret_reveal(keys->keys[i])));
}

static void on_endpoint(const struct azure_endpoint *endpoint, const struct failure *failure,
                        void *context)
{
    (void)context;
    note(failure);
    if (!endpoint)
        return;
    snprintf(it.scoring_uri, sizeof(it.scoring_uri), "%.*s", TEXT_ARG(endpoint->scoring_uri));
    snprintf(it.auth_mode, sizeof(it.auth_mode), "%.*s", TEXT_ARG(endpoint->auth_mode));
}

static void on_end(const struct failure *failure, void *context)
{
    (void)context;
    note(failure);
}

static void on_who(const struct azure_key_event *event, const struct failure *failure,
                   void *context)
{
    (void)context;
    note(failure);
    it.has_event = event;
    if (!event)
        return;
    snprintf(it.caller, sizeof(it.caller), "%.*s", TEXT_ARG(event->caller));
    snprintf(it.request_id, sizeof(it.request_id), "%.*s", TEXT_ARG(event->client_request_id));
}

static void on_score(const struct azure_score *score, const struct failure *failure, void *context)
{
    (void)context;
    note(failure);
    if (score)
        it.score = score->result;
}

/* ---- a client for each case ------------------------------------------------------------------ */

static void open_client(struct azure_credential credential)
{
    lab_client_open_as(&it.bench, credential, 0);
}

static void open_by_secret(void)
{
    lab_client_open(&it.bench, 0);
}

static void close_client(void)
{
    lab_client_close(&it.bench);
}

static void list_keys(void)
{
    assert_non_null(
        azure_list_keys(it.bench.client, kind(), text_of(it.bench.id), 0, on_keys, NULL));
    wait_done();
}

static void score(const char *key)
{
    struct secret *secret = secret_new(text_of(key));

    assert_non_null(azure_score(it.bench.client, text_of(it.scoring_uri), secret, (struct text){0},
                                (struct text){0}, 5000, on_score, NULL));
    wait_done();
    assert_ok();
    secret_free(secret);
}

static void get_endpoint(void)
{
    azure_get_endpoint(it.bench.client, text_of(it.bench.id), on_endpoint, NULL);
    wait_done();
    assert_ok();
}

/* ---- cases ----------------------------------------------------------------------------------- */

TEST(three_ways_of_signing_in_list_the_same_keys)
{
    char first[200];

    open_by_secret();
    list_keys();
    assert_ok();
    strcpy(first, it.keys[0]);
    assert_string_not_equal(first, it.keys[1]);
    close_client();

    open_client((struct azure_credential){.method = AZURE_CREDENTIAL_WORKLOAD_IDENTITY,
                                          .federated_token_file = about("federated_token_file")});
    list_keys();
    assert_ok();
    assert_string_equal(it.keys[0], first);
    close_client();

    open_client((struct azure_credential){.method = AZURE_CREDENTIAL_MANAGED_IDENTITY});
    list_keys();
    assert_ok();
    assert_string_equal(it.keys[0], first);
    close_client();
}

TEST(a_wrong_secret_is_explained)
{
    struct secret *wrong = secret_new(TEXT("canary-wrong"));

    open_client((struct azure_credential){.client_secret = wrong});
    list_keys();
    assert_int_equal(it.bench.failure.kind, FAILURE_DENIED);
    assert_non_null(strstr(it.bench.failure.text, "AADSTS7000215: the client secret is wrong"));
    close_client();
    secret_free(wrong);
}

TEST(an_unknown_endpoint_is_not_found)
{
    char *id = azure_endpoint_id(text_of(about("subscription")), text_of(about("resource_group")),
                                 text_of(about("workspace")), TEXT("nobody"), NULL);

    open_by_secret();
    azure_list_keys(it.bench.client, kind(), text_of(id), 0, on_keys, NULL);
    wait_done();
    assert_int_equal(it.bench.failure.kind, FAILURE_NOT_FOUND);
    close_client();
    free(id);
}

TEST(a_key_works_until_it_is_regenerated_and_the_log_says_who_did_it)
{
    char before[AZURE_SLOTS][200];

    open_by_secret();
    get_endpoint();
    assert_string_equal(it.auth_mode, "Key");
    list_keys();
    memcpy(before, it.keys, sizeof(before));
    score(before[1]);
    assert_int_equal(it.score, AZURE_SCORE_OK);
    azure_regenerate_key(it.bench.client, kind(), text_of(it.bench.id), TEXT("secondary"),
                         TEXT(REQUEST_ID), 0, on_end, NULL);
    wait_done();
    assert_ok();
    list_keys();
    assert_string_equal(it.keys[0], before[0]);
    assert_string_not_equal(it.keys[1], before[1]);
    score(before[1]);
    assert_int_equal(it.score, AZURE_SCORE_KEY_REFUSED);
    score(it.keys[1]);
    assert_int_equal(it.score, AZURE_SCORE_OK);
    azure_find_request(it.bench.client, text_of(it.bench.id), TEXT(REQUEST_ID), 0, on_who, NULL);
    wait_done();
    assert_ok();
    assert_true(it.has_event);
    assert_string_equal(it.request_id, REQUEST_ID);
    assert_int_not_equal(it.caller[0], 0);
    azure_find_request(it.bench.client, text_of(it.bench.id), TEXT("other"), 0, on_who, NULL);
    wait_done();
    assert_ok();
    assert_false(it.has_event);
    close_client();
}

static int set_up(void **unused)
{
    (void)unused;
    lab_bench_open(&it.bench);
    return 0;
}

static int tear_down(void **unused)
{
    (void)unused;
    lab_bench_close(&it.bench);
    return 0;
}

/* ---- every kind of key source ---------------------------------------------------------------- */

#define SOURCES 60

/* One resource of the lab, and what is regenerated of it in this round. */
struct source {
    const struct azure_key_kind *of;
    char id[400];
    const char *slot;
    size_t count;
    char before[8][200], after[8][200];
};

static struct source sources[SOURCES];
static size_t source_count;
static unsigned pending;

/* A policy of an IoT service is a resource here; in the lab's list only the service is. */
static void add_source(const struct azure_key_kind *of, const char *id)
{
    struct source *source = &sources[source_count];
    const char *policy = "";

    if (strcmp(of->name, "iot-hub-policy") == 0)
        policy = "/IotHubKeys/iothubowner";
    else if (strcmp(of->name, "iot-dps-policy") == 0)
        policy = "/keys/provisioningserviceowner";
    snprintf(source->id, sizeof(source->id), "%s%s", id, policy);
    if (!azure_key_place_of(of, text_of(source->id)) || of->no_source)
        return;
    source->of = of;
    source_count++;
    assert_true(source_count < SOURCES);
}

static void add_sources_of(const struct azure_key_kind *of)
{
    size_t known = source_count;
    const char *type;
    json_t *id;

    json_object_foreach (json_object_get(it.bench.about, "resources"), type, id) {
        add_source(of, json_string_value(id));
    }
    if (source_count == known && !of->no_source)
        fail_msg("the lab holds no %s", of->name);
}

static void list_source(struct source *source, char keys[8][200])
{
    memset(it.keys, 0, sizeof(it.keys));
    assert_non_null(
        azure_list_keys(it.bench.client, source->of, text_of(source->id), 0, on_keys, NULL));
    wait_done();
    if (it.bench.failure.kind)
        fail_msg("%s: %s", source->of->name, it.bench.failure.text);
    assert_true(it.key_count > 0);
    source->count = it.key_count;
    memcpy(keys, it.keys, sizeof(it.keys));
}

static void on_source_end(const struct failure *failure, void *context)
{
    struct source *source = context;

    if (failure)
        fail_msg("%s, %s: %s", source->of->name, source->slot, failure->text);
    it.bench.is_done = --pending == 0;
}

/* All at the same time: many take a second of waiting. */
static void regenerate_all(size_t slot)
{
    for (size_t i = 0; i < source_count; i++) {
        struct source *source = &sources[i];

        source->slot = azure_key_kind_slot(source->of, slot);
        if (!source->slot ||
            !azure_key_kind_can_regenerate(source->of, text_of(source->slot), NULL)) {
            source->slot = NULL;
            continue;
        }
        pending++;
        assert_non_null(azure_regenerate_key(it.bench.client, source->of, text_of(source->id),
                                             text_of(source->slot), TEXT(REQUEST_ID), 0,
                                             on_source_end, source));
    }
    assert_true(pending > 0);
    wait_done();
}

static void assert_only(const struct source *source, size_t slot)
{
    for (size_t i = 0; i < source->count; i++) {
        bool has_changed = strcmp(source->before[i], source->after[i]) != 0;

        if (has_changed != (source->slot && i == slot))
            fail_msg("%s: key %zu %s when %s was regenerated", source->of->name, i,
                     has_changed ? "changed" : "stayed", source->slot ? source->slot : "nothing");
    }
}

TEST(every_kind_is_listed_and_each_of_its_keys_regenerated_alone)
{
    const struct azure_key_kind *of;

    open_by_secret();
    for (size_t i = 0; (of = azure_key_kind_row(i)); i++)
        add_sources_of(of);
    for (size_t slot = 0; slot < AZURE_SLOTS; slot++) {
        for (size_t i = 0; i < source_count; i++)
            list_source(&sources[i], sources[i].before);
        regenerate_all(slot);
        for (size_t i = 0; i < source_count; i++) {
            list_source(&sources[i], sources[i].after);
            assert_only(&sources[i], slot);
        }
    }
    close_client();
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(three_ways_of_signing_in_list_the_same_keys),
        CASE(a_wrong_secret_is_explained),
        CASE(an_unknown_endpoint_is_not_found),
        CASE(a_key_works_until_it_is_regenerated_and_the_log_says_who_did_it),
        CASE(every_kind_is_listed_and_each_of_its_keys_regenerated_alone),
    };

    return cmocka_run_group_tests_name(__FILE__, cases, set_up, tear_down);
}
