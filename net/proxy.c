/* SPDX-License-Identifier: Apache-2.0 */
/* Which proxy the environment asks for. Decided here and not by libcurl, because under a server
 * name of its own the host libcurl sees is not the host the user wrote in NO_PROXY. */
#include "net/proxy.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

static const char *variable(const char *lower, const char *upper)
{
    const char *value = getenv(lower);

    if (!value || !*value)
        value = getenv(upper);
    return value ? value : "";
}

/* "10.0.0.0/8" */
static bool is_in_network(struct text network, const char *host)
{
    struct text rest = network, base, bits_text;
    struct in_addr a, b;
    char address[INET_ADDRSTRLEN];
    uint64_t bits;

    if (!text_split(&rest, '/', &base) || base.size >= sizeof(address))
        return false;
    bits_text = rest;
    memcpy(address, base.start, base.size);
    address[base.size] = '\0';
    if (!text_parse_u64(bits_text, 32, &bits) || inet_pton(AF_INET, address, &a) != 1 ||
        inet_pton(AF_INET, host, &b) != 1)
        return false;
    return !bits || (ntohl(a.s_addr) ^ ntohl(b.s_addr)) >> (32 - bits) == 0;
}

static bool matches(struct text entry, const struct origin *origin)
{
    struct text host = text_of(origin->host);
    size_t colon = entry.size;

    while (colon && entry.start[colon - 1] >= '0' && entry.start[colon - 1] <= '9')
        colon--;
    /* A port behind a name or a bracketed address; a bare IPv6 address has more than one colon. */
    if (colon && colon < entry.size && entry.start[colon - 1] == ':' &&
        (entry.start[0] == '[' || text_find(entry, TEXT(":")) == colon - 1)) {
        if (!text_is(text_part(entry, colon, entry.size), origin->port))
            return false;
        entry = text_part(entry, 0, colon - 1);
    }
    if (text_starts_with(host, TEXT("[")) && !text_starts_with(entry, TEXT("[")))
        host = text_part(host, 1, host.size - 2);
    if (text_starts_with(entry, TEXT("*.")))
        entry = text_part(entry, 1, entry.size);
    if (text_starts_with(entry, TEXT(".")))
        entry = text_part(entry, 1, entry.size);
    if (!entry.size)
        return false;
    if (text_equal_ignoring_case(entry, host) || is_in_network(entry, origin->host))
        return true;
    return host.size > entry.size && host.start[host.size - entry.size - 1] == '.' &&
           text_equal_ignoring_case(entry, text_part(host, host.size - entry.size, entry.size));
}

bool proxy_is_excluded(struct text no_proxy, const struct origin *origin)
{
    struct text entry;

    while (text_split(&no_proxy, ',', &entry)) {
        entry = text_trim(entry);
        if (text_is(entry, "*") || matches(entry, origin))
            return true;
    }
    return false;
}

const char *proxy_from_environment(const struct origin *origin)
{
    const char *proxy = origin_is_tls(origin) ? variable("https_proxy", "HTTPS_PROXY")
                                              : variable("http_proxy", "HTTP_PROXY");

    if (!*proxy)
        proxy = variable("all_proxy", "ALL_PROXY");
    if (!*proxy || origin_is_loopback(origin))
        return "";
    return proxy_is_excluded(text_of(variable("no_proxy", "NO_PROXY")), origin) ? "" : proxy;
}
