/* SPDX-License-Identifier: Apache-2.0 */
/* Instants and durations as plain arithmetic on the Gregorian calendar: no time zone, no locale, no
 * global state. Years are counted from March inside, so that the leap day is the last of its year.
 */
#include "base/moment.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MS_A_SECOND INT64_C(1000)
#define MS_A_MINUTE (60 * MS_A_SECOND)
#define MS_AN_HOUR  (60 * MS_A_MINUTE)
#define MS_A_DAY    (24 * MS_AN_HOUR)

#define INSTANT_MIN  (-INT64_C(719528) * MS_A_DAY)     /* 0000-01-01T00:00:00.000Z */
#define INSTANT_MAX  (INT64_C(2932897) * MS_A_DAY - 1) /* 9999-12-31T23:59:59.999Z */
#define DURATION_MAX ((uint64_t)(3653 * MS_A_DAY))     /* 10 years with their leap days */

#define DAYS_IN_400_YEARS     146097
#define DAYS_TO_1970_FROM_MAR 719468 /* from 0000-03-01 to 1970-01-01 */

struct calendar {
    unsigned year, month, day, hour, minute, second, millisecond;
};

static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
static const char *const weekdays[] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                       "Friday", "Saturday", "Sunday"};

static unsigned days_in_month(unsigned year, unsigned month)
{
    static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    return month == 2 && is_leap ? 29 : days[month - 1];
}

/* The first day of a month counted from March is (153 * month + 2) / 5 days into the year. Right
 * from 0000-03-01 on, which is early enough: nothing before 1970 is accepted. */
static int64_t days_since_1970(unsigned year, unsigned month, unsigned day)
{
    int64_t from_march = month > 2 ? month - 3 : month + 9;
    int64_t years = (int64_t)year - (month <= 2);
    int64_t leap_days = years / 4 - years / 100 + years / 400;

    return years * 365 + leap_days + (153 * from_march + 2) / 5 + day - 1 - DAYS_TO_1970_FROM_MAR;
}

static void calendar_set_date(struct calendar *calendar, int64_t days)
{
    int64_t from_march_0 = days + DAYS_TO_1970_FROM_MAR;
    int64_t era = (from_march_0 < 0 ? from_march_0 - DAYS_IN_400_YEARS + 1 : from_march_0) /
                  DAYS_IN_400_YEARS;
    int64_t day_of_era = from_march_0 - era * DAYS_IN_400_YEARS;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t from_march = (5 * day_of_year + 2) / 153;

    calendar->day = (unsigned)(day_of_year - (153 * from_march + 2) / 5 + 1);
    calendar->month = (unsigned)(from_march < 10 ? from_march + 3 : from_march - 9);
    calendar->year = (unsigned)(era * 400 + year_of_era + (calendar->month <= 2));
}

/* Second 60 is a leap second: only the last of a day may be one, and it is the next day's first. */
static bool calendar_instant(const struct calendar *calendar, int64_t offset_ms, int64_t *ret)
{
    int64_t instant;

    if (calendar->month < 1 || calendar->month > 12 || calendar->day < 1 ||
        calendar->day > days_in_month(calendar->year, calendar->month) || calendar->hour > 23 ||
        calendar->minute > 59 || calendar->second > 60)
        return false;
    instant = days_since_1970(calendar->year, calendar->month, calendar->day) * MS_A_DAY +
              calendar->hour * MS_AN_HOUR + calendar->minute * MS_A_MINUTE +
              calendar->second * MS_A_SECOND + calendar->millisecond - offset_ms;
    if (instant < 0 || instant > INSTANT_MAX)
        return false;
    if (calendar->second == 60 && instant % MS_A_DAY >= MS_A_SECOND)
        return false;
    *ret = instant;
    return true;
}

/* The take_ functions move `rest` behind what they found and leave it alone otherwise. */

static bool take_number(struct text *rest, size_t digits, unsigned *ret)
{
    uint64_t value;

    if (rest->size < digits || !text_parse_u64(text_part(*rest, 0, digits), UINT32_MAX, &value))
        return false;
    *ret = (unsigned)value;
    *rest = text_part(*rest, digits, rest->size);
    return true;
}

static bool take(struct text *rest, const char *string)
{
    struct text expected = text_of(string);

    if (!text_starts_with(*rest, expected))
        return false;
    *rest = text_part(*rest, expected.size, rest->size);
    return true;
}

static bool take_clock(struct text *rest, struct calendar *calendar)
{
    return take_number(rest, 2, &calendar->hour) && take(rest, ":") &&
           take_number(rest, 2, &calendar->minute) && take(rest, ":") &&
           take_number(rest, 2, &calendar->second);
}

static bool take_month_name(struct text *rest, unsigned *month)
{
    for (unsigned i = 0; i < 12; i++) {
        if (!take(rest, months[i]))
            continue;
        *month = i + 1;
        return true;
    }
    return false;
}

/* Any weekday: whether it is the right one for its date is not our business. */
static bool take_weekday(struct text *rest, size_t letters)
{
    for (size_t i = 0; i < 7; i++) {
        struct text name = text_part(text_of(weekdays[i]), 0, letters);

        if (!text_starts_with(*rest, name))
            continue;
        *rest = text_part(*rest, name.size, rest->size);
        return true;
    }
    return false;
}

/* No fraction is one too. Digits after the third are dropped. */
static bool take_fraction(struct text *rest, unsigned *millisecond)
{
    unsigned weight = 100, digit;
    bool any = false;

    *millisecond = 0;
    if (!take(rest, "."))
        return true;
    for (; take_number(rest, 1, &digit); weight /= 10) {
        *millisecond += digit * weight;
        any = true;
    }
    return any;
}

static bool take_offset(struct text *rest, int64_t *offset_ms)
{
    unsigned hours, minutes;
    bool is_west;

    *offset_ms = 0;
    if (take(rest, "Z") || take(rest, "z"))
        return true;
    is_west = take(rest, "-");
    if ((!is_west && !take(rest, "+")) || !take_number(rest, 2, &hours) || !take(rest, ":") ||
        !take_number(rest, 2, &minutes) || hours > 23 || minutes > 59)
        return false;
    *offset_ms = hours * MS_AN_HOUR + minutes * MS_A_MINUTE;
    if (is_west)
        *offset_ms = -*offset_ms;
    return true;
}

bool instant_parse(struct text text, int64_t *ret)
{
    struct calendar calendar = {0};
    int64_t offset_ms;

    return take_number(&text, 4, &calendar.year) && take(&text, "-") &&
           take_number(&text, 2, &calendar.month) && take(&text, "-") &&
           take_number(&text, 2, &calendar.day) && (take(&text, "T") || take(&text, "t")) &&
           take_clock(&text, &calendar) && take_fraction(&text, &calendar.millisecond) &&
           take_offset(&text, &offset_ms) && text.size == 0 &&
           calendar_instant(&calendar, offset_ms, ret);
}

void instant_format(int64_t instant, char out[INSTANT_SIZE])
{
    struct calendar calendar;
    int64_t days, in_day;
    int size;

    /* What four digits cannot say becomes the nearest they can. */
    if (instant < INSTANT_MIN)
        instant = INSTANT_MIN;
    if (instant > INSTANT_MAX)
        instant = INSTANT_MAX;
    in_day = (instant % MS_A_DAY + MS_A_DAY) % MS_A_DAY;
    days = (instant - in_day) / MS_A_DAY;
    calendar_set_date(&calendar, days);
    size = snprintf(out, INSTANT_SIZE, "%04u-%02u-%02uT%02u:%02u:%02u", calendar.year % 10000,
                    calendar.month, calendar.day, (unsigned)(in_day / MS_AN_HOUR),
                    (unsigned)(in_day / MS_A_MINUTE % 60), (unsigned)(in_day / MS_A_SECOND % 60));
    if (in_day % MS_A_SECOND)
        size += snprintf(out + size, INSTANT_SIZE - (size_t)size, ".%03u",
                         (unsigned)(in_day % MS_A_SECOND));
    snprintf(out + size, INSTANT_SIZE - (size_t)size, "Z");
}

/* "Sun, 06 Nov 1994 08:49:37 GMT" */
static bool parse_imf_fixdate(struct text text, int64_t *ret)
{
    struct calendar calendar = {0};

    return take_weekday(&text, 3) && take(&text, ", ") && take_number(&text, 2, &calendar.day) &&
           take(&text, " ") && take_month_name(&text, &calendar.month) && take(&text, " ") &&
           take_number(&text, 4, &calendar.year) && take(&text, " ") &&
           take_clock(&text, &calendar) && text_is(text, " GMT") &&
           calendar_instant(&calendar, 0, ret);
}

/* "Sunday, 06-Nov-94 08:49:37 GMT". RFC 9110 has the century depend on today; nobody asks a clock
 * here, so the two digits mean 1970 to 2069. */
static bool parse_rfc850(struct text text, int64_t *ret)
{
    struct calendar calendar = {0};

    if (!take_weekday(&text, SIZE_MAX) || !take(&text, ", ") ||
        !take_number(&text, 2, &calendar.day) || !take(&text, "-") ||
        !take_month_name(&text, &calendar.month) || !take(&text, "-") ||
        !take_number(&text, 2, &calendar.year) || !take(&text, " ") ||
        !take_clock(&text, &calendar) || !text_is(text, " GMT"))
        return false;
    calendar.year += calendar.year < 70 ? 2000 : 1900;
    return calendar_instant(&calendar, 0, ret);
}

/* "Sun Nov  6 08:49:37 1994" */
static bool parse_asctime(struct text text, int64_t *ret)
{
    struct calendar calendar = {0};

    return take_weekday(&text, 3) && take(&text, " ") && take_month_name(&text, &calendar.month) &&
           take(&text, " ") && take_number(&text, take(&text, " ") ? 1 : 2, &calendar.day) &&
           take(&text, " ") && take_clock(&text, &calendar) && take(&text, " ") &&
           take_number(&text, 4, &calendar.year) && text.size == 0 &&
           calendar_instant(&calendar, 0, ret);
}

bool instant_parse_http(struct text text, int64_t *ret)
{
    return parse_imf_fixdate(text, ret) || parse_rfc850(text, ret) || parse_asctime(text, ret);
}

static const struct {
    const char *name;
    uint64_t ms;
} units[] = {
    {"d", (uint64_t)MS_A_DAY},
    {"h", (uint64_t)MS_AN_HOUR},
    {"m", (uint64_t)MS_A_MINUTE},
    {"s", (uint64_t)MS_A_SECOND},
    {"ms", 1},
};
#define UNITS (sizeof(units) / sizeof(units[0]))

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static struct text take_while(struct text *rest, bool digits)
{
    struct text taken = {rest->start, 0};

    while (taken.size < rest->size && is_digit(rest->start[taken.size]) == digits)
        taken.size++;
    *rest = text_part(*rest, taken.size, rest->size);
    return taken;
}

static bool refuse(struct text text, const char *what, struct failure *why)
{
    text = text_part(text, 0, 40);
    return failure_set(why, FAILURE_INVALID, "\"%.*s\" %s", TEXT_ARG(text), what);
}

bool duration_parse(struct text text, uint64_t *ret, struct failure *why)
{
    struct text rest = text;
    uint64_t total = 0;
    size_t next = 0;

    if (text.size == 0)
        return refuse(text, "is not a duration: write one like 90s or 1h30m", why);
    while (rest.size) {
        struct text number = take_while(&rest, true), name = take_while(&rest, false);
        uint64_t count;
        size_t unit = 0;

        if (number.size == 0)
            return refuse(text, "is not a duration: write one like 90s or 1h30m", why);
        if (name.size == 0)
            return refuse(text, "lacks a unit: write one like 90s or 1h30m", why);
        while (unit < UNITS && !text_is(name, units[unit].name))
            unit++;
        if (unit == UNITS)
            return refuse(text, "has an unknown unit: there are d, h, m, s and ms", why);
        if (unit < next)
            return refuse(text, "has its units out of order: write d, h, m, s, ms, each once", why);
        if (!text_parse_u64(number, (DURATION_MAX - total) / units[unit].ms, &count))
            return refuse(text, "is over 10 years", why);
        total += count * units[unit].ms;
        next = unit + 1;
    }
    *ret = total;
    return true;
}

void duration_format(uint64_t duration_ms, char out[DURATION_SIZE])
{
    size_t size = 0;

    if (duration_ms == 0) {
        memcpy(out, "0s", sizeof("0s"));
        return;
    }
    for (size_t i = 0; i < UNITS; i++) {
        uint64_t count = duration_ms / units[i].ms;

        duration_ms %= units[i].ms;
        if (count)
            size += (size_t)snprintf(out + size, DURATION_SIZE - size, "%" PRIu64 "%s", count,
                                     units[i].name);
    }
}
