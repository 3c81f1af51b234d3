/* SPDX-License-Identifier: Apache-2.0 */
/* Origins, taken apart by libcurl's own URL parser: two parsers that disagree are how credentials
 * end up at the wrong place. */
#include "net/origin.h"

#include "base/buffer.h"
#include "base/memory.h"

#include <ctype.h>
#include <curl/curl.h>
#include <string.h>

#define URL_LIMIT 16384

static void url_clean(CURLU **url)
{
    curl_url_cleanup(*url);
}

/* A copy in memory of our own; "" for a part that is not there. */
static char *part_of(CURLU *url, CURLUPart part, unsigned flags)
{
    char *theirs = NULL, *ours;
    CURLUcode code = curl_url_get(url, part, &theirs, flags);

    if (code == CURLUE_OUT_OF_MEMORY)
        return NULL;
    ours = text_copy(text_of(code == CURLUE_OK ? theirs : ""));
    curl_free(theirs);
    return ours;
}

static bool has_part(CURLU *url, CURLUPart part)
{
    char *theirs = NULL;
    bool has = curl_url_get(url, part, &theirs, 0) == CURLUE_OK;

    curl_free(theirs);
    return has;
}

static void lower(char *string)
{
    for (; *string; string++)
        *string = (char)tolower((unsigned char)*string);
}

/* libcurl decodes a host and completes an address when it reads them, and would again when it
 * connects: to another place than the one that was looked at. So a host must read as itself. */
static bool check_host(const struct origin *origin, struct failure *why)
{
    cleanup_with(url_clean) CURLU *url = curl_url();
    char *string = origin_string(origin), *host = NULL;
    bool is_same;

    if (url && string && curl_url_set(url, CURLUPART_URL, string, 0) != CURLUE_OUT_OF_MEMORY)
        host = part_of(url, CURLUPART_HOST, 0);
    memory_free(string);
    if (!host)
        return failure_out_of_memory(why);
    lower(host);
    is_same = strcmp(host, origin->host) == 0;
    memory_free(host);
    return is_same ||
           failure_set(why, FAILURE_INVALID, "the address must not hold a host in disguise");
}

static bool take_parts(CURLU *url, struct origin *ret, struct failure *why)
{
    struct origin origin = {
        .scheme = part_of(url, CURLUPART_SCHEME, 0),
        .host = part_of(url, CURLUPART_HOST, 0),
        .port = part_of(url, CURLUPART_PORT, CURLU_DEFAULT_PORT),
        .base_path = part_of(url, CURLUPART_PATH, 0),
        .query = part_of(url, CURLUPART_QUERY, 0),
    };

    if (!origin.scheme || !origin.host || !origin.port || !origin.base_path || !origin.query) {
        origin_clear(&origin);
        return failure_out_of_memory(why);
    }
    lower(origin.scheme);
    lower(origin.host);
    if (strcmp(origin.scheme, "http") != 0 && strcmp(origin.scheme, "https") != 0) {
        failure_set(why, FAILURE_INVALID, "the address must begin with https:// or http://");
        origin_clear(&origin);
        return false;
    }
    if (has_part(url, CURLUPART_USER) || has_part(url, CURLUPART_PASSWORD)) {
        failure_set(why, FAILURE_INVALID, "the address must not hold a user or password");
        origin_clear(&origin);
        return false;
    }
    if (!check_host(&origin, why)) {
        origin_clear(&origin);
        return false;
    }
    *ret = origin;
    return true;
}

bool origin_parse(const char *text, struct origin *ret, struct failure *why)
{
    cleanup_with(url_clean) CURLU *url = curl_url();
    CURLUcode code;
    size_t size;

    if (!url)
        return failure_out_of_memory(why);
    if (!text || !text_is_printable(text_of(text)))
        return failure_set(why, FAILURE_INVALID, "not a usable address");
    code = curl_url_set(url, CURLUPART_URL, text, CURLU_PATH_AS_IS | CURLU_NON_SUPPORT_SCHEME);
    if (code == CURLUE_OUT_OF_MEMORY)
        return failure_out_of_memory(why);
    if (code != CURLUE_OK)
        return failure_set(why, FAILURE_INVALID, "not a usable address: %s",
                           curl_url_strerror(code));
    if (has_part(url, CURLUPART_QUERY) || has_part(url, CURLUPART_FRAGMENT))
        return failure_set(why, FAILURE_INVALID, "the address must not hold '?' or '#'");
    if (!take_parts(url, ret, why))
        return false;
    size = strlen(ret->base_path);
    while (size && ret->base_path[size - 1] == '/')
        ret->base_path[--size] = '\0';
    return true;
}

bool origin_resolve(const struct origin *from, const char *base_path, const char *target,
                    struct text location, struct origin *ret, struct failure *why)
{
    cleanup_with(url_clean) CURLU *url = curl_url();
    cleanup_with(buffer_clear) struct buffer base = {.limit = URL_LIMIT};
    cleanup_with(buffer_clear) struct buffer place = {.limit = URL_LIMIT};
    CURLUcode code;

    buffer_printf(&base, "%s://%s:%s%s%s", from->scheme, from->host, from->port, base_path, target);
    buffer_append(&place, location);
    if (!url || !buffer_ok(&base))
        return failure_out_of_memory(why);
    if (!location.size || !buffer_ok(&place) || !text_is_printable(location))
        return failure_set(why, FAILURE_PROTOCOL, "redirected to no usable place");
    code = curl_url_set(url, CURLUPART_URL, base.start, CURLU_PATH_AS_IS);
    if (code == CURLUE_OK)
        code = curl_url_set(url, CURLUPART_URL, place.start,
                            CURLU_PATH_AS_IS | CURLU_NON_SUPPORT_SCHEME | CURLU_URLENCODE);
    if (code == CURLUE_OUT_OF_MEMORY)
        return failure_out_of_memory(why);
    if (code != CURLUE_OK)
        return failure_set(why, FAILURE_PROTOCOL, "redirected to no usable place: %s",
                           curl_url_strerror(code));
    if (take_parts(url, ret, why))
        return true;
    if (why && why->kind == FAILURE_INVALID)
        failure_set(why, FAILURE_PROTOCOL, "redirected to a place that is not followed");
    return false;
}

void origin_clear(struct origin *origin)
{
    memory_free(origin->scheme);
    memory_free(origin->host);
    memory_free(origin->port);
    memory_free(origin->base_path);
    memory_free(origin->query);
    *origin = (struct origin){0};
}

bool origin_equal(const struct origin *a, const struct origin *b)
{
    return !strcmp(a->scheme, b->scheme) && !strcmp(a->host, b->host) && !strcmp(a->port, b->port);
}

bool origin_is_tls(const struct origin *origin)
{
    return strcmp(origin->scheme, "https") == 0;
}

bool origin_is_loopback(const struct origin *origin)
{
    struct text host = text_of(origin->host);

    /* "127.evil.example" is a name, not an address. */
    bool is_address = host.size == strspn(origin->host, "0123456789.");

    return (is_address && text_starts_with(host, TEXT("127."))) || text_is(host, "localhost") ||
           text_ends_with(host, TEXT(".localhost")) || text_is(host, "[::1]");
}

static char *format(const struct origin *origin, bool with_scheme)
{
    struct buffer out = {.limit = URL_LIMIT};
    bool is_default = !strcmp(origin->port, origin_is_tls(origin) ? "443" : "80");
    char *string;

    if (with_scheme)
        buffer_printf(&out, "%s://", origin->scheme);
    buffer_append_string(&out, origin->host);
    if (!is_default)
        buffer_printf(&out, ":%s", origin->port);
    string = buffer_take(&out);
    buffer_clear(&out);
    return string;
}

char *origin_string(const struct origin *origin)
{
    return format(origin, true);
}

char *origin_authority(const struct origin *origin)
{
    return format(origin, false);
}
