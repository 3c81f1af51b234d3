/* SPDX-License-Identifier: Apache-2.0 */
/* The addresses of one cluster. Requests go to the one that worked last; another is tried when that
 * one cannot be reached, is sealed, or knows no active node. A token goes to configured addresses,
 * and to those that a server of the cluster, whose certificate was verified, names as its leader.
 */
#include "vaultclient/internal.h"

#include "base/memory.h"

#include <stdio.h>
#include <string.h>

#define DEFAULT_ADDRESS "https://127.0.0.1:8200"
#define AVOIDED_MS      5000
#define UNMET_MS        60000

/* ---- opening --------------------------------------------------------------------------------- */

static bool copy_address(struct server *server, const char *given, struct failure *why)
{
    struct text address = text_of(given && *given ? given : DEFAULT_ADDRESS);

    while (text_ends_with(address, TEXT("/")))
        address.size--;
    if (text_contains_byte(address, '@'))
        return failure_set(
            why, FAILURE_INVALID,
            "the address of Vault holds an \"@\": no user name or password goes there");
    server->address = text_copy(address);
    return server->address || failure_out_of_memory(why);
}

static const char *socket_of(const struct server *server)
{
    return text_starts_with(text_of(server->address), TEXT("unix://"))
               ? server->address + sizeof("unix://") - 1
               : NULL;
}

static bool open_upstream(struct servers *servers, struct server *server,
                          const struct vault_settings *settings, struct failure *why)
{
    cleanup_with(buffer_clear) struct buffer name = {.limit = 2048};
    struct upstream_settings upstream = {
        .origin = socket_of(server) ? "http://localhost" : server->address,
        .unix_socket = socket_of(server),
        .ca_file = settings->ca_file,
        .ca_folder = settings->ca_folder,
        .ca_pem = settings->ca_pem,
        .client_cert_file = settings->client_cert_file,
        .client_key_file = settings->client_key_file,
        .client_cert_pem = settings->client_cert_pem,
        .client_key_pem = settings->client_key_pem,
        .server_name = settings->server_name,
        .proxy = settings->proxy,
        .max_in_flight = settings->max_in_flight,
        .accept_any_certificate = settings->accept_any_certificate,
    };

    buffer_printf(&name, "vault %s", server->address);
    upstream.name = buffer_text(&name).start;
    if (!socket_of(server) && !origin_parse(server->address, &server->origin, why)) {
        failure_prefix(why, "vault %s", server->address);
        return false;
    }
    server->upstream = upstream_open(servers->http, &upstream, why);
    return server->upstream != NULL;
}

/* An empty place at the end of the list; NULL when out of memory. */
static struct server *grow(struct servers *servers)
{
    struct server *list = memory_resize_array(servers->list, servers->count + 1, sizeof *list);

    if (!list)
        return NULL;
    servers->list = list;
    list[servers->count] = (struct server){0};
    return &list[servers->count++];
}

static bool add(struct servers *servers, const char *address, const struct vault_settings *settings,
                struct failure *why)
{
    struct server *server;

    if (servers->count == SERVER_LIMIT)
        return failure_set(why, FAILURE_INVALID, "more than %d addresses of Vault", SERVER_LIMIT);
    server = grow(servers);
    if (!server)
        return failure_out_of_memory(why);
    return copy_address(server, address, why) && open_upstream(servers, server, settings, why);
}

bool vault_servers_open(struct servers *servers, struct http *http,
                        const struct vault_settings *settings, struct failure *why)
{
    servers->http = http;
    servers->may_be_announced = !settings->accept_any_certificate && !settings->stays_put;
    if (!settings->client_cert_file != !settings->client_key_file)
        return failure_set(why, FAILURE_INVALID,
                           "a client certificate needs its key, and the key its certificate");
    if (!add(servers, settings->address, settings, why))
        return false;
    for (unsigned i = 0; i < settings->more_address_count; i++)
        if (!add(servers, settings->more_addresses[i], settings, why))
            return false;
    return true;
}

void vault_servers_close(struct servers *servers)
{
    for (unsigned i = 0; i < servers->count; i++) {
        upstream_close(servers->list[i].upstream);
        servers->list[i].upstream = NULL;
    }
}

void vault_servers_free(struct servers *servers)
{
    vault_servers_close(servers);
    for (unsigned i = 0; i < servers->count; i++) {
        origin_clear(&servers->list[i].origin);
        memory_free(servers->list[i].address);
    }
    memory_free(servers->list);
}

/* ---- choosing -------------------------------------------------------------------------------- */

unsigned vault_servers_next(const struct servers *servers, uint32_t tried, uint64_t now)
{
    unsigned fallback = SERVER_LIMIT;

    for (unsigned i = 0; i < servers->count; i++) {
        unsigned which = (servers->current + i) % servers->count;

        if (tried & UINT32_C(1) << which)
            continue;
        if (servers->list[which].avoided_until <= now)
            return which;
        if (fallback == SERVER_LIMIT)
            fallback = which;
    }
    return fallback;
}

void vault_servers_failed(struct servers *servers, unsigned which, uint64_t now)
{
    servers->list[which].avoided_until = now + AVOIDED_MS;
    servers->list[which].has_answered = false;
}

void vault_servers_unmet(struct servers *servers, unsigned which, uint64_t now)
{
    struct server *server = &servers->list[which];

    server->avoided_until = now + (server->is_announced ? UNMET_MS : AVOIDED_MS);
}

void vault_servers_answered(struct servers *servers, unsigned which)
{
    servers->list[which].avoided_until = 0;
    servers->list[which].has_answered = true;
}

void vault_servers_worked(struct servers *servers, unsigned which)
{
    vault_servers_answered(servers, which);
    servers->current = which;
}

/* ---- redirects ------------------------------------------------------------------------------- */

/* What was said over TLS is not said again without, whatever a server asks. */
static bool same_scheme(const struct origin *a, const struct origin *b)
{
    return origin_is_tls(a) == origin_is_tls(b);
}

static unsigned find(const struct servers *servers, const struct origin *origin)
{
    for (unsigned i = 0; i < servers->count; i++)
        if (servers->list[i].origin.host && origin_equal(&servers->list[i].origin, origin))
            return i;
    return SERVER_LIMIT;
}

/* The target below the server's base path; NULL when it is not below it, or out of memory. */
static char *target_below(const struct origin *base, const struct origin *to)
{
    cleanup_with(buffer_clear) struct buffer target = {.limit = 65536};
    struct text path = text_of(to->base_path);

    if (!text_starts_with(path, text_of(base->base_path)))
        return NULL;
    buffer_append(&target, text_part(path, strlen(base->base_path), SIZE_MAX));
    if (*to->query)
        buffer_printf(&target, "?%s", to->query);
    return text_starts_with(buffer_text(&target), TEXT("/")) ? buffer_take(&target) : NULL;
}

void vault_servers_redirect(const struct servers *servers, unsigned from, const char *target,
                            struct text location, struct redirection *ret)
{
    const struct server *server = &servers->list[from];
    cleanup_with(origin_clear) struct origin to = {0};
    struct failure why;

    *ret = (struct redirection){.to = REDIRECT_NOWHERE};
    if (!location.size || !server->origin.host ||
        !origin_resolve(&server->origin, server->origin.base_path, target, location, &to, &why))
        return;
    ret->server = find(servers, &to);
    if (!same_scheme(&server->origin, &to))
        ret->to = REDIRECT_SCHEME;
    else if (ret->server == SERVER_LIMIT)
        ret->to = REDIRECT_ELSEWHERE;
    if (ret->to != REDIRECT_NOWHERE) {
        ret->origin = origin_string(&to);
        return;
    }
    ret->target = target_below(&servers->list[ret->server].origin, &to);
    if (!ret->target)
        return;
    ret->to =
        ret->server == from && strcmp(ret->target, target) == 0 ? REDIRECT_TO_ITSELF : REDIRECT_TO;
}

/* A free place, or that of an announced server nobody is talking to. */
static struct server *place(struct servers *servers)
{
    if (servers->count < SERVER_LIMIT)
        return grow(servers);
    for (unsigned i = 0; i < servers->count; i++) {
        struct server *server = &servers->list[i];
        unsigned in_flight, waiting;

        upstream_load(server->upstream, &in_flight, &waiting);
        if (server->is_announced && i != servers->current && !in_flight && !waiting) {
            upstream_close(server->upstream);
            origin_clear(&server->origin);
            memory_free(server->address);
            return server;
        }
    }
    return NULL;
}

bool vault_servers_is_at(const struct servers *servers, unsigned which, const char *origin)
{
    char *own = origin_string(&servers->list[which].origin);
    bool is_at = own && origin && strcmp(own, origin) == 0;

    memory_free(own);
    return is_at;
}

unsigned vault_servers_announced(struct servers *servers, unsigned from, struct text address)
{
    const struct server *witness = &servers->list[from];
    char *copy = text_copy(address), name[256];
    struct upstream *upstream = NULL;
    struct origin origin = {0};
    struct server *server;
    struct failure why;
    unsigned known = SERVER_LIMIT;

    if (!copy || !witness->origin.host || !origin_parse(copy, &origin, &why) ||
        !same_scheme(&witness->origin, &origin))
        goto out;
    known = find(servers, &origin);
    if (known != SERVER_LIMIT || !servers->may_be_announced ||
        (!origin_is_tls(&origin) && !origin_is_loopback(&origin)))
        goto out;
    snprintf(name, sizeof name, "vault %s", copy);
    upstream = upstream_open_like(witness->upstream, copy, name, &why);
    server = upstream ? place(servers) : NULL;
    if (!server) {
        upstream_close(upstream);
        goto out;
    }
    *server = (struct server){
        .address = copy, .origin = origin, .upstream = upstream, .is_announced = true};
    return (unsigned)(server - servers->list);
out:
    origin_clear(&origin);
    memory_free(copy);
    return known;
}
