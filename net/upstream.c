/* SPDX-License-Identifier: Apache-2.0 */
/* One server as we know it: where it is, whom we trust, and how many exchanges it may have in
 * flight. What does not fit waits in our own lanes; inside libcurl it would spend its time limit
 * waiting. */
#include "base/memory.h"
#include "net/alloc.h"
#include "net/client.h"
#include "net/proxy.h"
#include "net/trust.h"

#include <ctype.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_IN_FLIGHT   16
#define DEFAULT_CONNECTIONS 4

/* ---- settings -------------------------------------------------------------------------------- */

/* One file, and not libcurl's folder of certificates: that would be parsed for every connection. */
static const char *system_roots(void)
{
    static const char *const files[] = {
        "/etc/ssl/certs/ca-certificates.crt",                /* Debian, Arch */
        "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", /* Fedora       */
        "/etc/pki/tls/certs/ca-bundle.crt",                  /* older ones   */
        "/etc/ssl/ca-bundle.pem",                            /* SUSE         */
        "/etc/ssl/cert.pem",                                 /* Alpine       */
    };

    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
        if (access(files[i], R_OK) == 0)
            return files[i];
    }
    return NULL;
}

static bool copy(const char *from, char **ret, struct failure *why)
{
    if (!from)
        return true;
    *ret = wiping_strdup(from);
    return *ret || failure_out_of_memory(why);
}

static bool set_place(struct upstream *upstream, const struct upstream_settings *settings,
                      struct failure *why)
{
    const struct origin *origin = &upstream->origin;

    if (!origin_parse(settings->origin, &upstream->origin, why))
        return false;
    if (!origin_is_tls(origin) && !origin_is_loopback(origin) && !settings->unix_socket &&
        !settings->allow_plain)
        return failure_set(why, FAILURE_INVALID, "http:// is for this machine only, use https://");
    if (settings->unix_socket)
        return copy(settings->unix_socket, &upstream->unix_socket, why) &&
               copy("", &upstream->proxy, why);
    if (settings->proxy || !upstream->http->uses_environment)
        return copy(settings->proxy ? settings->proxy : "", &upstream->proxy, why);
    return copy(proxy_from_environment(origin), &upstream->proxy, why);
}

/* libcurl verifies the host of the URL and sends it as SNI, so the server name becomes that host,
 * and the connection is led to where the origin is. */
static bool set_name(struct upstream *upstream, const char *server_name, struct failure *why)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789.-_";
    struct origin *from = &upstream->origin, *to = &upstream->verified;
    cleanup_with(buffer_clear) struct buffer line = {.limit = 4096};
    char *authority;

    *to = (struct origin){
        .scheme = text_copy(text_of(from->scheme)),
        .host = text_copy(text_of(server_name ? server_name : from->host)),
        .port = text_copy(text_of(from->port)),
        .base_path = text_copy(text_of(from->base_path)),
    };
    if (!to->scheme || !to->host || !to->port || !to->base_path)
        return failure_out_of_memory(why);
    if (!server_name)
        return true;
    for (char *letter = to->host; *letter; letter++)
        *letter = (char)tolower((unsigned char)*letter);
    if (!*to->host || to->host[strspn(to->host, allowed)])
        return failure_set(why, FAILURE_INVALID, "the server name is not a host name");
    authority = origin_authority(from);
    if (!authority)
        return failure_out_of_memory(why);
    buffer_printf(&line, "Host: %s", authority);
    memory_free(authority);
    if (!buffer_ok(&line) || !copy(line.start, &upstream->host_line, why))
        return failure_out_of_memory(why);
    buffer_reset(&line);
    if (!buffer_printf(&line, "%s:%s:%s:%s", to->host, to->port, from->host, from->port))
        return failure_out_of_memory(why);
    upstream->connect_to = curl_slist_append(NULL, line.start);
    return upstream->connect_to || failure_out_of_memory(why);
}

static bool set_roots(struct upstream *upstream, const struct upstream_settings *settings,
                      struct failure *why)
{
    const char *file = settings->ca_file;

    if (settings->accept_any_certificate || upstream->is_pinned)
        return true;
    if (settings->ca_folder || settings->ca_pem.size)
        return trust_gather(file, settings->ca_folder, settings->ca_pem, &upstream->ca_pem, why);
    if (file)
        return trust_check_certificate_file("the CA file", file, why) &&
               copy(file, &upstream->ca_file, why);
    file = system_roots();
    if (!file)
        return failure_set(why, FAILURE_INVALID,
                           "this system has no file of trusted certificates, name a CA file");
    return copy(file, &upstream->ca_file, why);
}

static bool set_certificate(struct upstream *upstream, const struct upstream_settings *settings,
                            struct failure *why)
{
    const char *cert = settings->client_cert_file, *key = settings->client_key_file;

    if (settings->client_cert_pem.size) {
        upstream->client_cert_pem = text_copy(settings->client_cert_pem);
        upstream->client_key_pem = secret_copy(settings->client_key_pem);
        if (!upstream->client_cert_pem || !upstream->client_key_pem)
            return failure_out_of_memory(why);
        return trust_check_pair(settings->client_cert_pem, secret_reveal(settings->client_key_pem),
                                why);
    }
    if (!cert)
        return true;
    return trust_check_pair_of_files(cert, key, why) &&
           copy(cert, &upstream->client_cert_file, why) &&
           copy(key, &upstream->client_key_file, why);
}

static bool set_pin(struct upstream *upstream, const char *thumbprint, struct failure *why)
{
    if (!thumbprint)
        return true;
    upstream->is_pinned =
        hex_decode(text_of(thumbprint), upstream->pinned, sizeof(upstream->pinned));
    return upstream->is_pinned ||
           failure_set(why, FAILURE_INVALID,
                       "the thumbprint of its certificate is not 40 hex digits (SHA-1)");
}

static bool set_trust(struct upstream *upstream, const struct upstream_settings *settings,
                      struct failure *why)
{
    if (!settings->client_cert_file != !settings->client_key_file ||
        !settings->client_cert_pem.size != !settings->client_key_pem)
        return failure_set(why, FAILURE_INVALID,
                           "a client certificate and its key belong together, one is missing");
    upstream->accept_any_certificate = settings->accept_any_certificate;
    if (!set_pin(upstream, settings->pinned_certificate, why))
        return false;
    if (!origin_is_tls(&upstream->origin))
        return true;
    return set_roots(upstream, settings, why) && set_certificate(upstream, settings, why);
}

static bool set_manners(struct upstream *upstream, const struct upstream_settings *settings,
                        struct failure *why)
{
    const char *user_agent = settings->user_agent;

    upstream->max_in_flight = settings->max_in_flight ? settings->max_in_flight : DEFAULT_IN_FLIGHT;
    upstream->max_connections =
        settings->max_connections ? settings->max_connections : DEFAULT_CONNECTIONS;
    return copy(user_agent ? user_agent : "keydrift/" KEYDRIFT_VERSION, &upstream->user_agent, why);
}

static bool set_label(struct upstream *upstream, const char *name, struct failure *why)
{
    char *origin;
    bool ok;

    if (name)
        return copy(name, &upstream->name, why);
    origin = origin_string(&upstream->origin);
    ok = origin ? copy(origin, &upstream->name, why) : failure_out_of_memory(why);
    memory_free(origin);
    return ok;
}

/* ---- life ------------------------------------------------------------------------------------ */

static void upstream_free(struct upstream *upstream)
{
    origin_clear(&upstream->origin);
    origin_clear(&upstream->verified);
    curl_slist_free_all(upstream->connect_to);
    wiping_free(upstream->host_line);
    wiping_free(upstream->name);
    wiping_free(upstream->unix_socket);
    wiping_free(upstream->ca_file);
    wiping_free(upstream->client_cert_file);
    wiping_free(upstream->client_key_file);
    buffer_clear(&upstream->ca_pem);
    memory_free(upstream->client_cert_pem);
    secret_free(upstream->client_key_pem);
    wiping_free(upstream->proxy);
    wiping_free(upstream->user_agent);
    wiping_free(upstream);
}

struct upstream *upstream_open(struct http *http, const struct upstream_settings *settings,
                               struct failure *why)
{
    struct upstream *upstream = wiping_calloc(1, sizeof(*upstream));
    bool ok;

    if (!upstream) {
        failure_out_of_memory(why);
        return NULL;
    }
    upstream->http = http;
    upstream->allow_plain = settings->allow_plain;
    lanes_init(&upstream->lanes);
    LIST_INIT(&upstream->exchanges);
    ok = set_place(upstream, settings, why) && set_label(upstream, settings->name, why) &&
         set_name(upstream, origin_is_tls(&upstream->origin) ? settings->server_name : NULL, why) &&
         set_trust(upstream, settings, why) && set_manners(upstream, settings, why);
    if (!ok) {
        if (settings->name || upstream->name)
            failure_prefix(why, "%s", settings->name ? settings->name : upstream->name);
        upstream_free(upstream);
        return NULL;
    }
    LIST_INSERT_HEAD(&http->upstreams, upstream, sibling);
    http_update_limits(http);
    return upstream;
}

struct upstream *upstream_open_like(const struct upstream *model, const char *origin,
                                    const char *name, struct failure *why)
{
    struct upstream_settings settings = {
        .origin = origin,
        .name = name,
        .ca_file = model->ca_pem.size ? NULL : model->ca_file,
        .ca_pem = {model->ca_pem.start, model->ca_pem.size},
        .client_cert_file = model->client_cert_file,
        .client_key_file = model->client_key_file,
        .client_cert_pem = text_of(model->client_cert_pem ? model->client_cert_pem : ""),
        .client_key_pem = model->client_key_pem,
        .server_name = model->host_line ? model->verified.host : NULL,
        .proxy = model->proxy,
        .user_agent = model->user_agent,
        .max_in_flight = model->max_in_flight,
        .max_connections = model->max_connections,
        .allow_plain = model->allow_plain,
        .accept_any_certificate = model->accept_any_certificate,
    };

    return upstream_open(model->http, &settings, why);
}

void upstream_close(struct upstream *upstream)
{
    struct exchange *exchange;
    struct http *http;

    if (!upstream || upstream->is_closing)
        return;
    http = upstream->http;
    upstream->is_closing = true;
    LIST_REMOVE(upstream, sibling);
    LIST_FOREACH (exchange, &upstream->exchanges, sibling) {
        exchange_end(exchange, ENDING_CLOSED);
    }
    http_update_limits(http);
    upstream_release(upstream);
}

void upstream_release(struct upstream *upstream)
{
    if (upstream->is_closing && LIST_EMPTY(&upstream->exchanges))
        upstream_free(upstream);
}

void upstream_load(const struct upstream *upstream, unsigned *in_flight, unsigned *waiting)
{
    *in_flight = upstream->in_flight;
    *waiting = upstream->lanes.waiting;
}

/* ---- in flight ------------------------------------------------------------------------------- */

void upstream_learn(struct upstream *upstream, CURL *easy)
{
    long version = 0;

    if (curl_easy_getinfo(easy, CURLINFO_HTTP_VERSION, &version) == CURLE_OK)
        upstream->speaks_http2 = version == CURL_HTTP_VERSION_2_0;
}

/* Only HTTP/2 carries more than one exchange on a connection. */
static unsigned limit(const struct upstream *upstream)
{
    if (upstream->speaks_http2 || upstream->max_in_flight < upstream->max_connections)
        return upstream->max_in_flight;
    return upstream->max_connections;
}

void upstream_pump(struct upstream *upstream)
{
    struct exchange *exchange;

    while (upstream->in_flight < limit(upstream) && (exchange = lanes_next(&upstream->lanes)))
        exchange_start(exchange);
}
