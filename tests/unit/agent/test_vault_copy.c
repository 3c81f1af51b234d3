/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"
#include "tests/unit/agent/copy_scene.h"

#include <stdio.h>
#include <string.h>

static void on_written(const struct copy_version *version, const struct failure *failure,
                       void *context)
{
    struct outcome *outcome = context;

    told(outcome, version, failure);
    if (version)
        outcome->written = *version;
}

/* ---- what is read ---------------------------------------------------------------------------- */

TEST(the_value_travels_once_per_version)
{
    struct outcome first, second, third;

    open_scene(2);
    version_is(3, 5, "canary-a");
    first = read_it(false);
    assert_int_equal(first.fact.state, COPY_PRESENT);
    assert_int_equal(first.fact.version.number, 3);
    assert_true(first.fact.version.created_at == INT64_C(1767225605123));
    assert_int_equal(first.fact.version.created_ns, 456789);
    assert_string_equal(first.value, "canary-a");
    assert_true(first.fact.at > INT64_C(1767225605123));
    second = read_it(false);
    assert_int_equal(second.fact.state, COPY_PRESENT);
    assert_true(fingerprint_equal(&first.fact.value, &second.fact.value));
    assert_string_equal(second.value, "");
    assert_int_equal(desk_count(&desk, METADATA), 2);
    assert_int_equal(desk_count(&desk, DATA), 1);
    version_is(4, 6, "canary-b");
    third = read_it(false);
    assert_string_equal(third.value, "canary-b");
    assert_false(fingerprint_equal(&first.fact.value, &third.fact.value));
    close_scene();
}

TEST(a_decisive_read_always_brings_the_value)
{
    open_scene(2);
    version_is(3, 5, "canary-a");
    read_it(false);
    assert_string_equal(read_it(true).value, "canary-a");
    assert_int_equal(desk_count(&desk, METADATA), 2);
    assert_int_equal(desk_count(&desk, DATA "?version=3"), 2);
    close_scene();
}

TEST(a_secret_made_anew_counts_from_one_again_and_is_news)
{
    struct outcome outcome;

    open_scene(2);
    version_is(3, 5, "canary-a");
    read_it(false);
    version_is(3, 9, "canary-b"); /* the same number, another time */
    assert_string_equal(read_it(false).value, "canary-b");
    version_is(1, 20, "canary-c");
    outcome = read_it(false);
    assert_int_equal(outcome.fact.version.number, 1);
    assert_string_equal(outcome.value, "canary-c");
    close_scene();
}

TEST(what_is_not_there_is_a_fact)
{
    struct outcome outcome;

    open_scene(2);
    outcome = read_it(false);
    assert_int_equal(outcome.fact.state, COPY_NO_SECRET);
    assert_int_equal(outcome.fact.version.number, 0);

    metadata_is(3, 5, "2026-01-01T00:00:06Z", false);
    outcome = read_it(true);
    assert_int_equal(outcome.fact.state, COPY_DELETED);
    assert_int_equal(outcome.fact.version.number, 3);

    version_is(3, 5, "canary-undeleted");
    assert_string_equal(read_it(false).value, "canary-undeleted");

    metadata_is(3, 5, "", true);
    assert_int_equal(read_it(false).fact.state, COPY_DESTROYED);

    metadata_is(4, 8, "", false);
    data_is(4, 8, "\"other\":\"canary\"");
    outcome = read_it(false);
    assert_int_equal(outcome.fact.state, COPY_NO_FIELD);
    assert_string_equal(outcome.why, "");

    metadata_is(5, 9, "", false);
    data_is(5, 9, "\"api_key\":{\"canary\":1}");
    outcome = read_it(false);
    assert_int_equal(outcome.fact.state, COPY_NO_FIELD);
    assert_string_equal(outcome.why, "it is there, but not a string");
    outcome = read_it(false); /* out of memory: the same */
    assert_int_equal(outcome.fact.state, COPY_NO_FIELD);
    assert_string_equal(outcome.why, "it is there, but not a string");
    assert_int_equal(desk_count(&desk, DATA "?version=5"), 1);
    close_scene();
}

TEST(a_version_deleted_between_the_two_questions_is_deleted)
{
    open_scene(2);
    metadata_is(3, 5, "", false);
    desk_answer(&desk, DATA "?version=3", 404,
                "{\"data\":{\"data\":null,\"metadata\":{\"version\":3,\"created_time\":"
                "\"2026-01-01T00:00:05.123456789Z\",\"deletion_time\":\"2026-01-01T00:01:00Z\","
                "\"destroyed\":false}}}",
                NULL);
    assert_int_equal(read_it(false).fact.state, COPY_DELETED);
    close_scene();
}

TEST(a_failure_is_no_fact_and_forgets_nothing)
{
    struct outcome outcome;

    open_scene(2);
    version_is(3, 5, "canary-a");
    read_it(false);
    desk_answer(&desk, METADATA, 403, "{\"errors\":[\"permission denied\"]}", NULL);
    outcome = read_it(false);
    assert_int_equal(outcome.failure.kind, FAILURE_DENIED);
    version_is(3, 5, "canary-a");
    assert_int_equal(read_it(false).fact.state, COPY_PRESENT);
    assert_int_equal(desk_count(&desk, DATA), 1);
    close_scene();
}

/* ---- replicas -------------------------------------------------------------------------------- */

static void assert_stale(bool decisive)
{
    struct outcome outcome = read_it(decisive);

    assert_int_equal(outcome.failure.kind, FAILURE_REMOTE);
    assert_non_null(strstr(outcome.failure.text, "a stale replica answered"));
    assert_non_null(strstr(outcome.failure.text, "kv/team/app"));
}

TEST(an_older_version_than_was_seen_is_no_news)
{
    open_scene(2);
    version_is(4, 8, "canary-new");
    read_it(false);
    version_is(3, 5, "canary-old");
    assert_stale(false);
    assert_stale(true);
    assert_int_equal(desk_count(&desk, DATA "?version=3"), 0);
    version_is(4, 8, "canary-new");
    assert_int_equal(read_it(false).fact.version.number, 4);
    close_scene();
}

TEST(a_destroyed_version_does_not_come_back)
{
    open_scene(2);
    metadata_is(3, 5, "", true);
    assert_int_equal(read_it(false).fact.state, COPY_DESTROYED);
    version_is(3, 5, "canary");
    assert_stale(false);
    close_scene();
}

TEST(metadata_and_value_of_two_versions_are_asked_for_again_then_refused)
{
    struct outcome outcome;

    open_scene(2);
    metadata_is(3, 5, "", false);
    data_is(3, 7, "\"api_key\":\"canary\"");
    outcome = read_it(false);
    assert_int_equal(outcome.failure.kind, FAILURE_REMOTE);
    assert_non_null(strstr(outcome.failure.text, "its metadata tell version 3"));
    assert_int_equal(desk_count(&desk, METADATA), 2);
    assert_int_equal(desk_count(&desk, DATA), 2);

    desk_answer(&desk, DATA "?version=3", 404, "{\"errors\":[]}", NULL);
    outcome = read_it(false);
    assert_int_equal(outcome.failure.kind, FAILURE_REMOTE);
    assert_non_null(strstr(outcome.failure.text, "there is no such version"));
    close_scene();
}

/* ---- KV version 1 ---------------------------------------------------------------------------- */

TEST(kv_1_has_no_versions_so_the_value_is_read_each_time)
{
    struct outcome outcome;

    open_scene(1);
    desk_answer(&desk, "GET /v1/kv/team/app", 200, "{\"data\":{\"api_key\":\"canary-a\"}}", NULL);
    outcome = read_it(false);
    assert_int_equal(outcome.fact.state, COPY_PRESENT);
    assert_int_equal(outcome.fact.version.number, 0);
    assert_string_equal(outcome.value, "canary-a");
    desk_answer(&desk, "GET /v1/kv/team/app", 200, "{\"data\":{\"api_key\":\"canary-b\"}}", NULL);
    assert_string_equal(read_it(false).value, "canary-b");
    desk_answer(&desk, "GET /v1/kv/team/app", 404, "{\"errors\":[]}", NULL);
    assert_int_equal(read_it(false).fact.state, COPY_NO_SECRET);
    close_scene();
}

/* ---- write ----------------------------------------------------------------------------------- */

TEST(a_write_rests_on_the_version_that_was_seen_and_older_ones_are_stale_from_then_on)
{
    struct secret *value = secret_new(TEXT("canary-new"));
    struct outcome outcome = {0};
    struct copy_version expected;

    open_scene(2);
    version_is(3, 5, "canary-old");
    expected = read_it(true).fact.version;
    desk_answer(&desk, "POST /v1/kv/data/team/app", 200,
                "{\"data\":{\"version\":4,\"created_time\":\"2026-01-01T00:00:30Z\","
                "\"deletion_time\":\"\",\"destroyed\":false}}",
                NULL);
    desk_answer(&desk, "PUT /v1/kv/data/team/app", 200,
                "{\"data\":{\"version\":4,\"created_time\":\"2026-01-01T00:00:30Z\","
                "\"deletion_time\":\"\",\"destroyed\":false}}",
                NULL);
    assert_non_null(copy->write(copy, value, &expected, on_written, &outcome));
    desk_wait(&desk, &outcome.is_done);
    assert_string_equal(outcome.failure.text, "");
    assert_int_equal(outcome.written.number, 4);
    assert_stale(true);

    /* Nothing was written for somebody who saw another version of that number. */
    memset(&outcome, 0, sizeof(outcome));
    expected.created_ns++;
    version_is(3, 5, "canary-old");
    assert_non_null(copy->write(copy, value, &expected, on_written, &outcome));
    desk_wait(&desk, &outcome.is_done);
    assert_int_equal(outcome.failure.kind, FAILURE_CONFLICT);
    secret_free(value);
    close_scene();
}

#define CONNECTION(key) "AccountName=a;AccountKey=" key ";EndpointSuffix=s"

TEST(of_a_connection_string_the_key_inside_is_the_copy_and_writing_replaces_only_that)
{
    struct secret *value = secret_new(TEXT("canary-new"));
    struct outcome outcome = {0}, plain;
    struct copy_version expected;

    open_scene(2);
    version_is(2, 4, "canary-old");
    plain = read_it(true);
    version_is(3, 5, CONNECTION("canary-old"));
    outcome = read_it(true);
    assert_string_equal(outcome.value, "canary-old");
    assert_true(fingerprint_equal(&outcome.fact.value, &plain.fact.value));
    expected = outcome.fact.version;
    memset(&outcome, 0, sizeof(outcome));
    for (unsigned i = 0; i < 2; i++)
        desk_answer(&desk, i ? "PUT /v1/kv/data/team/app" : "POST /v1/kv/data/team/app", 200,
                    "{\"data\":{\"version\":4,\"created_time\":\"2026-01-01T00:00:30Z\","
                    "\"deletion_time\":\"\",\"destroyed\":false}}",
                    NULL);
    assert_non_null(copy->write(copy, value, &expected, on_written, &outcome));
    desk_wait(&desk, &outcome.is_done);
    assert_string_equal(outcome.failure.text, "");
    assert_non_null(
        strstr(desk_last(&desk, "POST /v1/kv/data/team/app")->body, CONNECTION("canary-new")));
    secret_free(value);
    close_scene();
}

/* ---- several at once, canceled, closed ------------------------------------------------------- */

TEST(several_reads_at_once_each_get_their_answer)
{
    struct outcome outcomes[5] = {0};

    open_scene(2);
    version_is(3, 5, "canary-a");
    for (size_t i = 0; i < 5; i++)
        assert_non_null(copy->read(copy, i % 2, on_read, &outcomes[i]));
    for (size_t i = 0; i < 5; i++) {
        desk_wait(&desk, &outcomes[i].is_done);
        assert_int_equal(outcomes[i].fact.state, COPY_PRESENT);
        assert_int_equal(outcomes[i].times, 1);
    }
    close_scene();
}

TEST(a_read_can_be_canceled_at_each_of_its_steps)
{
    static const char *const hanging[] = {MOUNTS, METADATA, DATA "?version=3"};

    for (size_t i = 0; i < sizeof(hanging) / sizeof(*hanging); i++) {
        struct outcome outcome = {0};
        struct operation *operation;

        open_scene(2);
        version_is(3, 5, "canary-a");
        desk_answer(&desk, hanging[i], 0, NULL, NULL);
        operation = copy->read(copy, false, on_read, &outcome);
        while (!desk_count(&desk, hanging[i]))
            desk_run(&desk, 5);
        operation_cancel(operation);
        operation_cancel(operation);
        assert_int_equal(outcome.times, 0);
        desk_wait(&desk, &outcome.is_done);
        assert_int_equal(outcome.failure.kind, FAILURE_CANCELED);
        assert_int_equal(outcome.times, 1);
        close_scene();
    }
}

TEST(a_read_ends_with_its_client_and_none_begins_after)
{
    struct outcome outcome = {0};

    open_scene(2);
    desk_answer(&desk, METADATA, 0, NULL, NULL);
    assert_non_null(copy->read(copy, false, on_read, &outcome));
    desk_run(&desk, 30);
    close_client();
    assert_int_equal(outcome.times, 1);
    assert_int_equal(outcome.failure.kind, FAILURE_CANCELED);
    vault_copy_free(copy);
    fingerprinter_free(fingerprinter);
    desk_close(&desk);
}

int main(void)
{
    return RUN(
        CASE(the_value_travels_once_per_version), CASE(a_decisive_read_always_brings_the_value),
        CASE(a_secret_made_anew_counts_from_one_again_and_is_news),
        CASE(what_is_not_there_is_a_fact),
        CASE(a_version_deleted_between_the_two_questions_is_deleted),
        CASE(a_failure_is_no_fact_and_forgets_nothing),
        CASE(an_older_version_than_was_seen_is_no_news),
        CASE(a_destroyed_version_does_not_come_back),
        CASE(metadata_and_value_of_two_versions_are_asked_for_again_then_refused),
        CASE(kv_1_has_no_versions_so_the_value_is_read_each_time),
        CASE(a_write_rests_on_the_version_that_was_seen_and_older_ones_are_stale_from_then_on),
        CASE(of_a_connection_string_the_key_inside_is_the_copy_and_writing_replaces_only_that),

        CASE(several_reads_at_once_each_get_their_answer),
        CASE(a_read_can_be_canceled_at_each_of_its_steps),
        CASE(a_read_ends_with_its_client_and_none_begins_after));
}
