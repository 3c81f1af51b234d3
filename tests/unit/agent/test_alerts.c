/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/adapters/alert_alertmanager.h"
#include "agent/adapters/alert_webhook.h"
#include "net/json.h"
#include "tests/support/test.h"
#include "tests/unit/agent/desk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct desk desk;

struct outcome {
    bool is_done;
    unsigned times;
    struct failure failure;
};

static void on_delivered(const struct failure *failure, void *context)
{
    struct outcome *outcome = context;

    outcome->is_done = true;
    outcome->times++;
    if (failure)
        outcome->failure = *failure;
}

#define BODY                                                                                       \
    "{\"schema\":1,\"event\":\"firing\",\"dedup_key\":\"keydrift/nachet/"                          \
    "i1\",\"binding\":\"nachet\","                                                                 \
    "\"verdict\":\"stale\",\"why\":\"equals none\",\"regenerated\":{\"by\":\"ana@example.org\","   \
    "\"at\":\"2026-01-01T00:00:00Z\"},\"plan_id\":null,\"next\":\"keydrift plan nachet\"}"

static struct alert an_alert(enum alert_event event)
{
    return (struct alert){
        .event = event,
        .id = TEXT("2f0b8a52-0000-4000-8000-000000000001"),
        .dedup_key = TEXT("keydrift/nachet/i1"),
        .body = TEXT(BODY),
        .created_at = INT64_C(1767225600000),
        .starts_at = INT64_C(1767225600000),
        .expires_at = INT64_C(1767225900000),
    };
}

static struct outcome deliver(struct alert_sink *sink, enum alert_event event)
{
    struct alert alert = an_alert(event);
    struct outcome outcome = {0};

    assert_non_null(sink->deliver(sink, &alert, on_delivered, &outcome));
    assert_int_equal(outcome.times, 0);
    desk_wait(&desk, &outcome.is_done);
    desk_run(&desk, 1);
    assert_int_equal(outcome.times, 1);
    return outcome;
}

static struct alert_sink *webhook_at(const char *path, const char *secret)
{
    struct secret *signing = secret ? secret_new(text_of(secret)) : NULL;
    struct failure why = {0};
    struct alert_sink *sink;
    char url[200];

    snprintf(url, sizeof(url), "%s%s", desk.origin, path);
    sink = alert_webhook_open(desk.http, url, signing, NULL, &why);
    assert_string_equal(why.text, "");
    assert_non_null(sink);
    secret_free(signing);
    return sink;
}

static struct alert_sink *alertmanager_at(const char *path)
{
    struct failure why = {0};
    struct alert_sink *sink;
    char url[200];

    snprintf(url, sizeof(url), "%s%s", desk.origin, path);
    sink = alert_alertmanager_open(desk.http, url, NULL, &why);
    assert_string_equal(why.text, "");
    assert_non_null(sink);
    return sink;
}

/* ---- names ----------------------------------------------------------------------------------- */

TEST(every_event_has_its_word)
{
    static const char *const words[] = {"firing",   "repeated", "acknowledged",
                                        "resolved", "blind",    "seeing"};

    for (unsigned event = 0; event < ALERT_EVENTS; event++)
        assert_string_equal(alert_event_name((enum alert_event)event), words[event]);
    assert_string_equal(alert_event_name(ALERT_EVENTS), "unknown");
}

/* ---- signature ------------------------------------------------------------------------------- */

static void check_vector(const char *written)
{
    struct secret *secret = secret_new(text_of(written));
    struct failure why;
    struct secret *key = alert_webhook_key(secret, &why);
    struct buffer out;

    assert_non_null(key);
    buffer_init(&out, 1000);
    assert_true(alert_webhook_sign(key, TEXT("msg_p5jXN8AQM9LWM0D4loKWxJek"), 1614265330,
                                   TEXT("{\"test\": 2432232314}"), &out));
    assert_string_equal(out.start, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    buffer_clear(&out);
    secret_free(key);
    secret_free(secret);
}

TEST(the_signature_is_that_of_the_standard_webhooks_test_vector)
{
    check_vector("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    check_vector("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    check_vector("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n");
}

TEST(a_signing_secret_that_is_not_base64_is_refused_without_showing_it)
{
    static const char *const bad[] = {"whsec_canary!", "whsec_", "", "can ary"};

    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct secret *secret = secret_new(text_of(bad[i]));
        struct failure why;

        assert_null(alert_webhook_key(secret, &why));
        assert_int_equal(why.kind, FAILURE_INVALID);
        assert_null(strstr(why.text, "canary"));
        secret_free(secret);
    }
}

/* ---- webhook --------------------------------------------------------------------------------- */

TEST(a_webhook_gets_the_body_as_it_is_signed_with_the_time_of_the_attempt)
{
    struct secret *secret = secret_new(TEXT("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")), *key;
    const struct desk_request *request;
    struct alert_sink *sink;
    struct buffer expected;
    struct failure why;
    int64_t timestamp;

    desk_open(&desk);
    sink = webhook_at("/hooks/T1?token=x%20y", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    desk_answer(&desk, "POST /hooks/T1?token=x%20y", 204, NULL, NULL);
    assert_int_equal(deliver(sink, ALERT_FIRING).failure.kind, FAILURE_NONE);
    assert_int_equal(desk.request_count, 1);
    request = desk_last(&desk, "POST /hooks/T1?token=x%20y");
    assert_string_equal(request->body, BODY);
    assert_string_equal(request->content_type, "application/json");
    assert_string_equal(request->webhook_id, "2f0b8a52-0000-4000-8000-000000000001");
    timestamp = atoll(request->webhook_timestamp);
    assert_in_range((uint64_t)(time(NULL) - timestamp), 0, 5);
    key = alert_webhook_key(secret, &why);
    buffer_init(&expected, 1000);
    assert_true(
        alert_webhook_sign(key, text_of(request->webhook_id), timestamp, TEXT(BODY), &expected));
    assert_string_equal(request->webhook_signature, expected.start);
    buffer_clear(&expected);
    secret_free(key);
    secret_free(secret);
    alert_webhook_close(sink);
    desk_close(&desk);
}

TEST(without_a_secret_there_is_no_signature)
{
    struct alert_sink *sink;

    desk_open(&desk);
    sink = webhook_at("", NULL);
    desk_answer(&desk, "POST /", 200, "ok", NULL);
    assert_int_equal(deliver(sink, ALERT_RESOLVED).failure.kind, FAILURE_NONE);
    assert_null(desk_last(&desk, "POST /")->webhook_signature);
    assert_non_null(desk_last(&desk, "POST /")->webhook_id);
    alert_webhook_close(sink);
    desk_close(&desk);
}

TEST(only_what_nobody_can_repair_is_refused_for_good)
{
    static const struct {
        int status;
        enum failure_kind kind;
    } rows[] = {
        {410, FAILURE_INVALID}, {413, FAILURE_INVALID}, {422, FAILURE_INVALID},
        {400, FAILURE_REMOTE},  {401, FAILURE_REMOTE},  {403, FAILURE_REMOTE},
        {404, FAILURE_REMOTE},  {408, FAILURE_REMOTE},  {425, FAILURE_REMOTE},
        {500, FAILURE_REMOTE},  {302, FAILURE_REMOTE},  {429, FAILURE_THROTTLED},
    };
    struct alert_sink *sink;
    char status[16];

    desk_open(&desk);
    sink = webhook_at("/secret-path", NULL);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct outcome outcome;

        desk_answer(&desk, "POST /secret-path", rows[i].status, "secret-path",
                    "Location: /elsewhere");
        outcome = deliver(sink, ALERT_FIRING);
        assert_int_equal(outcome.failure.kind, rows[i].kind);
        assert_int_equal(outcome.failure.http_status, rows[i].status);
        snprintf(status, sizeof(status), "HTTP %d", rows[i].status);
        assert_non_null(strstr(outcome.failure.text, status));
        assert_non_null(strstr(outcome.failure.text, desk.origin));
        assert_null(strstr(outcome.failure.text, "secret-path"));
    }
    assert_int_equal(desk.request_count, sizeof(rows) / sizeof(*rows)); /* one try each */
    assert_int_equal(desk_count(&desk, "POST /elsewhere"), 0);
    alert_webhook_close(sink);
    desk_close(&desk);
}

TEST(the_receivers_wish_to_wait_is_passed_on)
{
    struct alert_sink *sink;
    struct outcome outcome;

    desk_open(&desk);
    sink = webhook_at("/", NULL);
    desk_answer(&desk, "POST /", 503, NULL, "Retry-After: 7");
    outcome = deliver(sink, ALERT_FIRING);
    assert_int_equal(outcome.failure.kind, FAILURE_REMOTE);
    assert_int_equal(outcome.failure.retry_after_ms, 7000);
    assert_int_equal(desk.request_count, 1);
    alert_webhook_close(sink);
    desk_close(&desk);
}

TEST(a_name_shows_the_origin_and_tells_two_paths_apart)
{
    struct alert_sink *plain, *one, *other, *again, *query;

    desk_open(&desk);
    plain = webhook_at("/", NULL);
    one = webhook_at("/canary-1", NULL);
    other = webhook_at("/canary-2", NULL);
    again = webhook_at("/canary-1", NULL);
    query = webhook_at("?canary=1", NULL);
    assert_string_equal(plain->name + strlen("webhook "), desk.origin);
    assert_string_equal(one->name, again->name);
    assert_string_not_equal(one->name, other->name);
    assert_string_not_equal(one->name, query->name);
    assert_int_equal(strlen(one->name), strlen("webhook ") + strlen(desk.origin) + 11);
    assert_null(strstr(one->name, "canary"));
    assert_null(strstr(query->name, "canary"));
    alert_webhook_close(plain);
    alert_webhook_close(one);
    alert_webhook_close(other);
    alert_webhook_close(again);
    alert_webhook_close(query);
    desk_close(&desk);
}

TEST(an_unusable_url_is_refused_without_showing_it)
{
    static const char *const bad[] = {
        "canary",
        "https://ana:canary@example.org/",
        "https://example.org/canary#x",
        "https://example.org/can ary",
        "https://example.org/canary\n",
        "ftp://example.org/canary",
        "",
    };

    desk_open(&desk);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct failure why = {0};

        assert_null(alert_webhook_open(desk.http, bad[i], NULL, NULL, &why));
        assert_int_equal(why.kind, FAILURE_INVALID);
        assert_null(strstr(why.text, "canary"));
        assert_null(strstr(why.text, "can ary"));
    }
    desk_close(&desk);
}

TEST(a_delivery_can_be_canceled_and_a_sink_closed_under_it)
{
    struct alert alert = an_alert(ALERT_FIRING);
    struct outcome canceled = {0}, closed = {0};
    struct operation *operation;
    struct alert_sink *sink;

    desk_open(&desk);
    sink = webhook_at("/", NULL);
    desk_answer(&desk, "POST /", 0, NULL, NULL);
    operation = sink->deliver(sink, &alert, on_delivered, &canceled);
    desk_run(&desk, 20);
    operation_cancel(operation);
    assert_int_equal(canceled.times, 0);
    desk_wait(&desk, &canceled.is_done);
    assert_int_equal(canceled.failure.kind, FAILURE_CANCELED);
    assert_non_null(sink->deliver(sink, &alert, on_delivered, &closed));
    alert_webhook_close(sink);
    desk_wait(&desk, &closed.is_done);
    assert_int_equal(closed.failure.kind, FAILURE_CANCELED);
    desk_close(&desk);
}

TEST(a_receiver_nobody_runs_is_a_temporary_failure)
{
    struct failure why = {0};
    struct alert_sink *sink;
    struct outcome outcome;

    desk_open(&desk);
    sink = alert_webhook_open(desk.http, "http://127.0.0.1:1/canary", NULL, NULL, &why);
    outcome = deliver(sink, ALERT_FIRING);
    assert_int_equal(outcome.failure.kind, FAILURE_NETWORK);
    assert_null(strstr(outcome.failure.text, "canary"));
    alert_webhook_close(sink);
    desk_close(&desk);
}

/* ---- Alertmanager ---------------------------------------------------------------------------- */

static json_t *posted(enum alert_event event, int64_t now)
{
    struct alert alert = an_alert(event);
    struct failure why;
    struct buffer out;
    json_t *list, *one;

    buffer_init(&out, 1 << 16);
    assert_true(alert_alertmanager_body(&alert, now, &out));
    list = json_read(buffer_text(&out), &why);
    assert_int_equal(json_array_size(list), 1);
    one = json_incref(json_array_get(list, 0));
    json_decref(list);
    buffer_clear(&out);
    return one;
}

static void assert_member(const json_t *json, const char *path, const char *expected)
{
    char *text = text_copy(json_text_at(json, path));

    assert_string_equal(text, expected);
    free(text);
}

TEST(an_incident_keeps_its_labels_from_the_first_alert_to_the_last)
{
    json_t *firing = posted(ALERT_FIRING, 1), *repeated = posted(ALERT_REPEATED, 2),
           *resolved = posted(ALERT_RESOLVED, INT64_C(1767225700000));

    assert_true(json_equal(json_at(firing, "labels"), json_at(repeated, "labels")));
    assert_true(json_equal(json_at(firing, "labels"), json_at(resolved, "labels")));
    assert_int_equal(json_object_size(json_at(firing, "labels")), 4);
    assert_member(firing, "labels.alertname", "KeydriftDrift");
    assert_member(firing, "labels.severity", "critical");
    assert_member(firing, "labels.binding", "nachet");
    assert_member(firing, "labels.dedup_key", "keydrift/nachet/i1");
    json_decref(firing);
    json_decref(repeated);
    json_decref(resolved);
}

TEST(blind_and_seeing_share_labels_of_their_own)
{
    json_t *blind = posted(ALERT_BLIND, 1), *seeing = posted(ALERT_SEEING, INT64_C(1767225700000));

    assert_true(json_equal(json_at(blind, "labels"), json_at(seeing, "labels")));
    assert_member(blind, "labels.alertname", "KeydriftBlind");
    assert_member(blind, "labels.severity", "warning");
    assert_member(seeing, "endsAt", "2026-01-01T00:01:40Z");
    json_decref(blind);
    json_decref(seeing);
}

TEST(a_firing_alert_ends_when_it_expires_and_a_resolved_one_now)
{
    json_t *firing = posted(ALERT_FIRING, 1);
    json_t *resolved = posted(ALERT_RESOLVED, INT64_C(1767225700000));
    json_t *early = posted(ALERT_RESOLVED, INT64_C(1767225500000));

    assert_member(firing, "startsAt", "2026-01-01T00:00:00Z");
    assert_member(firing, "endsAt", "2026-01-01T00:05:00Z");
    assert_member(resolved, "startsAt", "2026-01-01T00:00:00Z");
    assert_member(resolved, "endsAt", "2026-01-01T00:01:40Z");
    assert_member(early, "startsAt", "2025-12-31T23:58:20Z"); /* never after its end */
    json_decref(firing);
    json_decref(resolved);
    json_decref(early);
}

TEST(annotations_say_what_to_know_and_what_to_do)
{
    json_t *firing = posted(ALERT_FIRING, 1);

    assert_member(firing, "annotations.summary", "the copied key of nachet: stale");
    assert_member(firing, "annotations.description", "equals none");
    assert_member(firing, "annotations.verdict", "stale");
    assert_member(firing, "annotations.next", "keydrift plan nachet");
    assert_member(firing, "annotations.regenerated_by", "ana@example.org");
    assert_null(json_at(firing, "annotations.plan_id")); /* values must be texts */
    json_decref(firing);
}

TEST(an_alert_whose_body_cannot_be_read_is_told_all_the_same)
{
    struct alert alert = an_alert(ALERT_FIRING);
    struct buffer out;

    alert.body = TEXT("{broken");
    buffer_init(&out, 1 << 16);
    assert_true(alert_alertmanager_body(&alert, 1, &out));
    assert_non_null(strstr(out.start, "\"dedup_key\":\"keydrift/nachet/i1\""));
    assert_null(strstr(out.start, "null"));
    buffer_clear(&out);
}

TEST(alertmanager_is_posted_to_below_its_base_path)
{
    struct alert_sink *sink, *based;

    desk_open(&desk);
    sink = alertmanager_at("/");
    based = alertmanager_at("/am/");
    desk_answer(&desk, "POST /api/v2/alerts", 200, NULL, NULL);
    desk_answer(&desk, "POST /am/api/v2/alerts", 200, NULL, NULL);
    assert_int_equal(sink->refresh_ms, 60000);
    assert_int_equal(deliver(sink, ALERT_FIRING).failure.kind, FAILURE_NONE);
    assert_int_equal(deliver(based, ALERT_RESOLVED).failure.kind, FAILURE_NONE);
    assert_string_equal(desk_last(&desk, "POST /api/v2/alerts")->content_type, "application/json");
    assert_int_equal(desk_count(&desk, "POST /am/api/v2/alerts"), 1);
    assert_memory_equal(desk_last(&desk, "POST /api")->body, "[{\"labels\":", 11);
    alert_alertmanager_close(sink);
    alert_alertmanager_close(based);
    desk_close(&desk);
}

TEST(what_alertmanager_says_against_an_alert_is_in_the_failure)
{
    struct alert_sink *sink;
    struct outcome outcome;

    desk_open(&desk);
    sink = alertmanager_at("");
    desk_answer(&desk, "POST /api/v2/alerts", 400, "\"start time must be before end time\"\n",
                NULL);
    outcome = deliver(sink, ALERT_FIRING);
    assert_int_equal(outcome.failure.kind, FAILURE_INVALID);
    assert_non_null(strstr(outcome.failure.text, "HTTP 400 Bad Request"));
    assert_non_null(strstr(outcome.failure.text, "start time must be before end time"));
    desk_answer(&desk, "POST /api/v2/alerts", 404, "no", NULL);
    assert_int_equal(deliver(sink, ALERT_FIRING).failure.kind, FAILURE_REMOTE);
    alert_alertmanager_close(sink);
    desk_close(&desk);
}

int main(void)
{
    return RUN(CASE(every_event_has_its_word),
               CASE(the_signature_is_that_of_the_standard_webhooks_test_vector),
               CASE(a_signing_secret_that_is_not_base64_is_refused_without_showing_it),
               CASE(a_webhook_gets_the_body_as_it_is_signed_with_the_time_of_the_attempt),
               CASE(without_a_secret_there_is_no_signature),
               CASE(only_what_nobody_can_repair_is_refused_for_good),
               CASE(the_receivers_wish_to_wait_is_passed_on),
               CASE(a_name_shows_the_origin_and_tells_two_paths_apart),
               CASE(an_unusable_url_is_refused_without_showing_it),
               CASE(a_delivery_can_be_canceled_and_a_sink_closed_under_it),
               CASE(a_receiver_nobody_runs_is_a_temporary_failure),
               CASE(an_incident_keeps_its_labels_from_the_first_alert_to_the_last),
               CASE(blind_and_seeing_share_labels_of_their_own),
               CASE(a_firing_alert_ends_when_it_expires_and_a_resolved_one_now),
               CASE(annotations_say_what_to_know_and_what_to_do),
               CASE(an_alert_whose_body_cannot_be_read_is_told_all_the_same),
               CASE(alertmanager_is_posted_to_below_its_base_path),
               CASE(what_alertmanager_says_against_an_alert_is_in_the_failure));
}
