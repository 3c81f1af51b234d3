/* SPDX-License-Identifier: Apache-2.0 */
/* Dates are checked against a calendar that only knows how to go to the next day. */
#include "base/moment.h"

#include "tests/unit/base/assert_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define DAY_MS       INT64_C(86400000)
#define UNTOUCHED    INT64_C(-4711)
#define LAST_INSTANT INT64_C(253402300799999)

static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
static const char *const weekdays[] = {"Thursday", "Friday",  "Saturday", "Sunday",
                                       "Monday",   "Tuesday", "Wednesday"};

struct date {
    unsigned year, month, day;
    int64_t days; /* since 1970-01-01 */
};

static void next_day(struct date *date)
{
    static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = date->year % 400 == 0 || (date->year % 4 == 0 && date->year % 100 != 0);

    date->days++;
    if (date->day++ < (date->month == 2 && is_leap ? 29 : days[date->month - 1]))
        return;
    date->day = 1;
    if (date->month++ < 12)
        return;
    date->month = 1;
    date->year++;
}

/* All days to 2110, later those around the ends of February and of the year. */
static bool is_worth_a_look(const struct date *date)
{
    return date->year <= 2110 || date->year >= 9990 ||
           (date->day >= 28 && (date->month == 2 || date->month == 12)) ||
           (date->day == 1 && (date->month == 1 || date->month == 3));
}

TEST(every_day_from_1970_to_9999_has_its_instant)
{
    struct date date = {1970, 1, 1, 0};
    char expected[64], formatted[INSTANT_SIZE];

    for (; date.year < 10000; next_day(&date)) {
        int64_t instant = UNTOUCHED;

        if (!is_worth_a_look(&date))
            continue;
        snprintf(expected, sizeof(expected), "%04u-%02u-%02uT23:59:59Z", date.year, date.month,
                 date.day);
        assert_true(instant_parse(text_of(expected), &instant));
        assert_true(instant == date.days * DAY_MS + DAY_MS - 1000);
        instant_format(instant, formatted);
        assert_string_equal(formatted, expected);
        expected[10] = '\0';
        instant_format(date.days * DAY_MS, formatted);
        assert_memory_equal(formatted, expected, 10);
        assert_string_equal(formatted + 10, "T00:00:00Z");
    }
    assert_true(date.days * DAY_MS == LAST_INSTANT + 1);
}

TEST(every_second_of_a_day_has_its_instant)
{
    char expected[64], formatted[INSTANT_SIZE];

    for (int64_t second = 0; second < 86400; second += 7) {
        int64_t instant = UNTOUCHED, ms = second % 1000;

        snprintf(expected, sizeof(expected), "2026-01-01T%02d:%02d:%02d.%03dZ", (int)second / 3600,
                 (int)second / 60 % 60, (int)second % 60, (int)ms);
        assert_true(instant_parse(text_of(expected), &instant));
        assert_true(instant == INT64_C(1767225600000) + second * 1000 + ms);
        instant_format(instant, formatted);
        if (ms == 0)
            strcpy(expected + 19, "Z");
        assert_string_equal(formatted, expected);
    }
}

TEST(rfc_3339_is_read_in_all_its_forms)
{
    static const struct {
        const char *text;
        int64_t expected;
    } table[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1985-04-12T23:20:50.52Z", INT64_C(482196050520)},
        {"1996-12-19T16:39:57-08:00", INT64_C(851042397000)},
        {"1996-12-20T00:39:57Z", INT64_C(851042397000)},
        {"1990-12-31T23:59:60Z", INT64_C(662688000000)},
        {"1990-12-31T15:59:60-08:00", INT64_C(662688000000)},
        {"1990-12-31T23:59:60.999Z", INT64_C(662688000999)},
        {"1937-01-01T12:00:27.87+00:20", UNTOUCHED},
        {"2026-01-01t00:00:00z", INT64_C(1767225600000)},
        {"2026-01-01T00:00:00+00:00", INT64_C(1767225600000)},
        {"2026-01-01T00:00:00-00:00", INT64_C(1767225600000)},
        {"2026-01-01T00:00:00.1Z", INT64_C(1767225600100)},
        {"2026-01-01T00:00:00.12Z", INT64_C(1767225600120)},
        {"2026-01-01T00:00:00.1239Z", INT64_C(1767225600123)},
        {"2026-01-01T00:00:00.999999999Z", INT64_C(1767225600999)},
        {"2026-01-01T00:00:00.00000000000000000000000000000000000001Z", INT64_C(1767225600000)},
        {"2026-01-01T05:45:00.5+05:45", INT64_C(1767225600500)},
        {"2025-12-31T00:01:00-23:59", INT64_C(1767225600000)},
        {"2026-01-01T23:59:00+23:59", INT64_C(1767225600000)},
        {"1969-12-31T23:00:00-01:00", 0},
        {"9999-12-31T23:59:59.999Z", LAST_INSTANT},
        {"2000-02-29T00:00:00Z", INT64_C(951782400000)},
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        int64_t instant = UNTOUCHED;

        assert_int_equal(instant_parse(text_of(table[i].text), &instant),
                         table[i].expected != UNTOUCHED);
        if (instant != table[i].expected)
            fail_msg("%s is %" PRId64, table[i].text, instant);
    }
}

TEST(what_is_no_instant_is_refused)
{
    static const char *const table[] = {
        "",
        "2026",
        "2026-01-01",
        "2026-01-01T00:00:00",
        "2026-01-01 00:00:00Z",
        "2026-01-01T00:00Z",
        "2026-01-01T00:00:00.Z",
        "2026-01-01T00:00:00,5Z",
        "2026-01-01T00:00:00ZZ",
        "2026-01-01T00:00:00Z ",
        " 2026-01-01T00:00:00Z",
        "2026-1-01T00:00:00Z",
        "+2026-01-01T00:00:00Z",
        "02026-01-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-01-32T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "2024-02-30T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z",
        "2026-01-01T00:00:61Z",
        "2026-01-01T00:00:60Z",
        "1990-12-31T23:59:60-08:00",
        "2026-01-01T00:00:00+24:00",
        "2026-01-01T00:00:00+00:60",
        "2026-01-01T00:00:00+0000",
        "2026-01-01T00:00:00+00",
        "2026-01-01T00:00:00+",
        "2026-01-01T00:00:00\xe2\x88\x92-01:00",
        "1969-12-31T23:59:59Z",
        "1970-01-01T00:00:00+00:01",
        "0000-01-01T00:00:00Z",
        "9999-12-31T23:59:59-00:01",
        "9999-12-31T23:59:60Z",
        "-026-01-01T00:00:00Z",
        "2026-01-01T-1:00:00Z",
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        int64_t instant = UNTOUCHED;

        if (instant_parse(text_of(table[i]), &instant))
            fail_msg("%s is accepted", table[i]);
        assert_true(instant == UNTOUCHED);
    }
    assert_false(instant_parse((struct text){NULL, 0}, &(int64_t){0}));
}

TEST(every_beginning_of_an_instant_is_refused)
{
    struct text text = TEXT("2026-01-01T00:00:00.123+01:00");
    int64_t instant;

    for (size_t size = 0; size < text.size; size++)
        assert_false(instant_parse(text_part(text, 0, size), &instant));
    assert_true(instant_parse(text, &instant));
}

TEST(instants_outside_four_digit_years_are_written_as_the_nearest)
{
    static const struct {
        int64_t instant;
        const char *expected;
    } table[] = {
        {0, "1970-01-01T00:00:00Z"},
        {1, "1970-01-01T00:00:00.001Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {-1000, "1969-12-31T23:59:59Z"},
        {-DAY_MS, "1969-12-31T00:00:00Z"},
        {-DAY_MS - 1, "1969-12-30T23:59:59.999Z"},
        {-INT64_C(719468) * DAY_MS, "0000-03-01T00:00:00Z"},
        {-INT64_C(719469) * DAY_MS, "0000-02-29T00:00:00Z"},
        {-INT64_C(719528) * DAY_MS, "0000-01-01T00:00:00Z"},
        {-INT64_C(719528) * DAY_MS - 1, "0000-01-01T00:00:00Z"},
        {INT64_MIN, "0000-01-01T00:00:00Z"},
        {LAST_INSTANT, "9999-12-31T23:59:59.999Z"},
        {LAST_INSTANT + 1, "9999-12-31T23:59:59.999Z"},
        {INT64_MAX, "9999-12-31T23:59:59.999Z"},
    };
    char formatted[INSTANT_SIZE];

    for (size_t i = 0; i < COUNT(table); i++) {
        instant_format(table[i].instant, formatted);
        assert_string_equal(formatted, table[i].expected);
    }
}

TEST(every_day_is_read_in_all_three_http_forms)
{
    struct date date = {1970, 1, 1, 0};
    char text[64];

    for (; date.year < 2070; next_day(&date)) {
        const char *weekday = weekdays[date.days % 7], *month = months[date.month - 1];
        int64_t expected = date.days * DAY_MS + 3723000, instant = UNTOUCHED;

        snprintf(text, sizeof(text), "%.3s, %02u %s %u 01:02:03 GMT", weekday, date.day, month,
                 date.year);
        assert_true(instant_parse_http(text_of(text), &instant));
        assert_true(instant == expected);

        instant = UNTOUCHED;
        snprintf(text, sizeof(text), "%s, %02u-%s-%02u 01:02:03 GMT", weekday, date.day, month,
                 date.year % 100);
        assert_true(instant_parse_http(text_of(text), &instant));
        assert_true(instant == expected);

        instant = UNTOUCHED;
        snprintf(text, sizeof(text), "%.3s %s %2u 01:02:03 %u", weekday, month, date.day,
                 date.year);
        assert_true(instant_parse_http(text_of(text), &instant));
        assert_true(instant == expected);
    }
}

TEST(the_http_dates_of_the_rfc_are_one_instant)
{
    static const char *const table[] = {
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        int64_t instant = UNTOUCHED;

        assert_true(instant_parse_http(text_of(table[i]), &instant));
        assert_true(instant == INT64_C(784111777000));
    }
}

TEST(what_is_no_http_date_is_refused)
{
    static const char *const table[] = {
        "",
        "120",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        "Sun, 06 Nov 1994 08:49:37 +0000",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Sun, 06 nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun 06 Nov 1994 08:49:37 GMT",
        "Son, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37",
        "Sun, 06-Nov-94 08:49:37 GMT",
        "Sun Nov 6 08:49:37 1994",
        "Sun Nov   6 08:49:37 1994",
        "Sun Nov  6 08:49:37 1994 GMT",
        "Sun Nov  6 08:49:37 94",
        "Sun, 06 Nov 1969 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:49:37 GMT",
        "1994-11-06T08:49:37Z",
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        int64_t instant = UNTOUCHED;

        if (instant_parse_http(text_of(table[i]), &instant))
            fail_msg("%s is accepted", table[i]);
        assert_true(instant == UNTOUCHED);
    }
}

TEST(durations_are_read_and_written_in_one_form)
{
    static const struct {
        const char *text;
        uint64_t ms;
        const char *formatted; /* NULL: as `text` */
    } table[] = {
        {"0s", 0, NULL},
        {"0d", 0, "0s"},
        {"250ms", 250, NULL},
        {"90s", 90000, "1m30s"},
        {"1h30m", 5400000, NULL},
        {"90m", 5400000, "1h30m"},
        {"2d", 172800000, NULL},
        {"1d2h3m4s5ms", 93784005, NULL},
        {"1m1ms", 60001, NULL},
        {"1000ms", 1000, "1s"},
        {"007s", 7000, "7s"},
        {"24h", 86400000, "1d"},
        {"1d24h", 172800000, "2d"},
        {"3653d", UINT64_C(315619200000), NULL},
        {"3652d24h", UINT64_C(315619200000), "3653d"},
        {"315619200000ms", UINT64_C(315619200000), "3653d"},
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        char formatted[DURATION_SIZE];
        uint64_t ms = 4711;

        assert_true(duration_parse(text_of(table[i].text), &ms, NULL));
        assert_true(ms == table[i].ms);
        duration_format(ms, formatted);
        assert_string_equal(formatted, table[i].formatted ? table[i].formatted : table[i].text);
    }
}

TEST(what_is_no_duration_is_refused_with_a_reason)
{
    static const struct {
        const char *text, *why;
    } table[] = {
        {"", "\"\" is not a duration: write one like 90s or 1h30m"},
        {"s", "\"s\" is not a duration: write one like 90s or 1h30m"},
        {"-5s", "\"-5s\" is not a duration: write one like 90s or 1h30m"},
        {" 5s", "\" 5s\" is not a duration: write one like 90s or 1h30m"},
        {"90", "\"90\" lacks a unit: write one like 90s or 1h30m"},
        {"0", "\"0\" lacks a unit: write one like 90s or 1h30m"},
        {"1h30", "\"1h30\" lacks a unit: write one like 90s or 1h30m"},
        {"5 s", "\"5 s\" has an unknown unit: there are d, h, m, s and ms"},
        {"5S", "\"5S\" has an unknown unit: there are d, h, m, s and ms"},
        {"5min", "\"5min\" has an unknown unit: there are d, h, m, s and ms"},
        {"1.5h", "\"1.5h\" has an unknown unit: there are d, h, m, s and ms"},
        {"5s ", "\"5s \" has an unknown unit: there are d, h, m, s and ms"},
        {"1h1h", "\"1h1h\" has its units out of order: write d, h, m, s, ms, each once"},
        {"30m1h", "\"30m1h\" has its units out of order: write d, h, m, s, ms, each once"},
        {"1ms1s", "\"1ms1s\" has its units out of order: write d, h, m, s, ms, each once"},
        {"3654d", "\"3654d\" is over 10 years"},
        {"3653d1ms", "\"3653d1ms\" is over 10 years"},
        {"99999999999999999999d", "\"99999999999999999999d\" is over 10 years"},
        {"18446744073709551616ms", "\"18446744073709551616ms\" is over 10 years"},
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        struct failure why = {0};
        uint64_t ms = 4711;

        assert_false(duration_parse(text_of(table[i].text), &ms, &why));
        assert_int_equal(ms, 4711);
        assert_int_equal(why.kind, FAILURE_INVALID);
        assert_string_equal(why.text, table[i].why);
    }
}

TEST(the_longest_duration_fits)
{
    char formatted[DURATION_SIZE];

    duration_format(UINT64_MAX, formatted);
    assert_string_equal(formatted, "213503982334d14h25m51s615ms");
}

int main(void)
{
    return RUN(CASE(every_day_from_1970_to_9999_has_its_instant),
               CASE(every_second_of_a_day_has_its_instant), CASE(rfc_3339_is_read_in_all_its_forms),
               CASE(what_is_no_instant_is_refused), CASE(every_beginning_of_an_instant_is_refused),
               CASE(instants_outside_four_digit_years_are_written_as_the_nearest),
               CASE(every_day_is_read_in_all_three_http_forms),
               CASE(the_http_dates_of_the_rfc_are_one_instant),
               CASE(what_is_no_http_date_is_refused),
               CASE(durations_are_read_and_written_in_one_form),
               CASE(what_is_no_duration_is_refused_with_a_reason), CASE(the_longest_duration_fits));
}
