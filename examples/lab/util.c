/* SPDX-License-Identifier: Apache-2.0 */
/* The small things every service of the lab needs: time, chance, names, JSON text. */
#include "examples/lab/lab.h"

#include "base/moment.h"

#include <math.h>
#include <openssl/rand.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const char *const target_names[TARGETS] = {"entra", "imds", "arm", "scoring", "vault", "activity"};

int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void timestamp_of(time_t seconds, long nanoseconds, char out[TIMESTAMP_SIZE])
{
    struct tm parts;
    size_t size;

    gmtime_r(&seconds, &parts);
    size = strftime(out, TIMESTAMP_SIZE, "%Y-%m-%dT%H:%M:%S", &parts);
    if (nanoseconds > 0) {
        size += (size_t)snprintf(out + size, TIMESTAMP_SIZE - size, ".%09ld", nanoseconds);
        while (out[size - 1] == '0')
            size--;
    }
    snprintf(out + size, TIMESTAMP_SIZE - size, "Z");
}

void timestamp_now(char out[TIMESTAMP_SIZE])
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    timestamp_of(now.tv_sec, now.tv_nsec, out);
}

void timestamp_later(const char *timestamp, int64_t seconds, char out[TIMESTAMP_SIZE])
{
    struct tm parts = {0};
    const char *rest = strptime(timestamp, "%Y-%m-%dT%H:%M:%S", &parts);
    size_t size;

    parts.tm_sec = (int)(parts.tm_sec + seconds);
    timegm(&parts);
    size = strftime(out, TIMESTAMP_SIZE, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(out + size, TIMESTAMP_SIZE - size, "%s", rest ? rest : "Z");
}

void timestamp_at(int64_t at_ms, char out[TIMESTAMP_SIZE])
{
    timestamp_of((time_t)(at_ms / 1000), (long)(at_ms % 1000) * 1000000, out);
}

void local_time_at(int64_t seconds, char *out, size_t size)
{
    time_t at = (time_t)seconds;
    struct tm parts;

    localtime_r(&at, &parts);
    strftime(out, size, "%Y-%m-%d %H:%M:%S.000000", &parts);
}

static void random_bytes(uint8_t *bytes, size_t size)
{
    /* Without chance there is no lab. */
    if (RAND_bytes(bytes, (int)size) != 1)
        abort();
}

void guid_new(char out[GUID_SIZE])
{
    uint8_t b[16];

    random_bytes(b, sizeof(b));
    b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
    b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
    snprintf(out, GUID_SIZE, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
             b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13],
             b[14], b[15]);
}

void random_alphanumeric(char *out, size_t size)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    size_t at = 0;

    while (at + 1 < size) {
        uint8_t byte;

        random_bytes(&byte, 1);
        if (byte < 248) /* 4 * 62: no letter is likelier than another */
            out[at++] = alphabet[byte % 62];
    }
    out[at] = '\0';
}

char *format_new(const char *format, ...)
{
    va_list arguments;
    char *text = NULL;
    int size;

    va_start(arguments, format);
    size = vasprintf(&text, format, arguments);
    va_end(arguments);
    return size < 0 ? NULL : text;
}

struct segments segments_of(struct text path)
{
    struct segments segments = {0};
    struct text rest = text_part(path, path.size && path.start[0] == '/' ? 1 : 0, path.size);
    struct text part;

    while (text_split(&rest, '/', &part)) {
        if (segments.count == SEGMENTS_MAX) {
            segments.count++;
            break;
        }
        segments.part[segments.count++] = part;
    }
    return segments;
}

bool segment_is(const struct segments *segments, size_t index, const char *word)
{
    return index < segments->count && index < SEGMENTS_MAX &&
           text_equal_ignoring_case(segments->part[index], text_of(word));
}

static int name_compare(const void *a, const void *b)
{
    const char *const *left = a, *const *right = b;

    return strcmp(*left, *right);
}

const char **json_names(const json_t *object)
{
    const char **names = calloc(json_object_size(object) + 1, sizeof(*names)), *name;
    size_t count = 0;
    json_t *value;

    if (!names)
        return NULL;
    json_object_foreach ((json_t *)(uintptr_t)object, name, value) {
        names[count++] = name;
    }
    qsort(names, count, sizeof(*names), name_compare);
    return names;
}

/* Whether 15 digits say every real number in there exactly. */
static bool is_short(const json_t *json)
{
    const char *name;
    json_t *member;
    size_t index;

    if (json_is_real(json)) {
        char text[40];

        snprintf(text, sizeof(text), "%.15g", json_real_value(json));
        return fabs(strtod(text, NULL) - json_real_value(json)) <= 0.0;
    }
    if (json_is_object(json)) {
        json_object_foreach ((json_t *)(uintptr_t)json, name, member) {
            if (!is_short(member))
                return false;
        }
    }
    json_array_foreach (json, index, member) {
        if (!is_short(member))
            return false;
    }
    return true;
}

char *json_dump_short(const json_t *json)
{
    return json_dumps(json,
                      JSON_COMPACT | JSON_ENCODE_ANY |
                          (is_short(json) ? JSON_REAL_PRECISION(15) : JSON_REAL_PRECISION(17)));
}
