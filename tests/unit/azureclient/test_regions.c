/* SPDX-License-Identifier: Apache-2.0 */
/* An operation that Azure hands to one of its regions is followed there, with our token and the
 * region's own certificate checked; and to no other name.
 *
 * The names are real, so everything goes through a proxy that leads each of them to one server on
 * loopback; its certificate is for the names of the public cloud. */
#include "azureclient/azureclient.h"
#include "net/http.h"
#include "tests/support/loopback.h"
#include "tests/support/test.h"
#include "tests/support/turn.h"
#include "tests/unit/azureclient/certificates.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COSMOS                                                                                     \
    "/subscriptions/00000000-1111-2222-3333-444444444444/resourceGroups/rg/providers/"             \
    "Microsoft.DocumentDB/databaseAccounts/co"
#define JSON(status, headers, size, body)                                                          \
    "HTTP/1.1 " status "\r\n" headers "Content-Length: " size "\r\n\r\n" body

/* ---- the proxy ------------------------------------------------------------------------------- */

/* One side of a tunnel; `other` is the side that what it reads goes to. */
struct side {
    uv_tcp_t tcp;
    struct side *other;
    char bytes[16384]; /* what is being written to the other side */
    uv_write_t write;  /* of what the other side has read */
    char head[512];    /* of the client's side, until the tunnel stands */
    size_t head_size;
    bool is_tunnel;
};

static struct {
    uv_loop_t loop;
    uv_tcp_t listener;
    struct loopback *tls, *plain;
    struct http *http;
    struct azure_client *client;
    char names[256]; /* that were asked for, one after the other */
    bool is_done, is_late;
    unsigned done_count;
    struct failure failure;
} it;

static void on_side_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void side_close(struct side *side)
{
    if (side && !uv_is_closing((uv_handle_t *)&side->tcp))
        uv_close((uv_handle_t *)&side->tcp, on_side_closed);
}

static void tunnel_close(struct side *side)
{
    struct side *other = side->other;

    if (other)
        other->other = NULL;
    side->other = NULL;
    side_close(other);
    side_close(side);
}

static void on_bytes(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer);

static void on_room(uv_handle_t *handle, size_t unused, uv_buf_t *buffer)
{
    struct side *side = handle->data;

    (void)unused;
    *buffer = side->is_tunnel ? uv_buf_init(side->bytes, sizeof(side->bytes))
                              : uv_buf_init(side->head + side->head_size,
                                            (unsigned)(sizeof(side->head) - 1 - side->head_size));
}

static void on_passed_on(uv_write_t *write, int status)
{
    struct side *to = write->data;

    if (status < 0 || !to->other)
        tunnel_close(to);
    else
        uv_read_start((uv_stream_t *)&to->other->tcp, on_room, on_bytes);
}

/* `bytes` live in `side`, which reads no more until they are gone. */
static void pass_on(struct side *side, struct side *to, const char *bytes, size_t size)
{
    uv_buf_t buffer = uv_buf_init((char *)(uintptr_t)bytes, (unsigned)size);

    uv_read_stop((uv_stream_t *)&side->tcp);
    to->write.data = to;
    if (uv_write(&to->write, (uv_stream_t *)&to->tcp, &buffer, 1, on_passed_on))
        tunnel_close(side);
}

static struct side *side_new(void)
{
    struct side *side = calloc(1, sizeof(*side));

    assert_non_null(side);
    uv_tcp_init(&it.loop, &side->tcp);
    side->tcp.data = side;
    return side;
}

static void on_connected(uv_connect_t *connect, int status)
{
    struct side *server = connect->data, *client = server->other;
    static const char established[] = "HTTP/1.1 200 Connection established\r\n\r\n";

    free(connect);
    if (status < 0 || !client) {
        tunnel_close(server);
        return;
    }
    client->is_tunnel = server->is_tunnel = true;
    uv_read_start((uv_stream_t *)&client->tcp, on_room, on_bytes);
    pass_on(server, client, established, sizeof(established) - 1);
}

static void open_tunnel(struct side *client)
{
    uv_connect_t *connect = calloc(1, sizeof(*connect));
    struct side *server = side_new();
    struct sockaddr_in address;
    size_t known = strlen(it.names);

    client->head[strcspn(client->head, "\r")] = 0;
    snprintf(it.names + known, sizeof(it.names) - known, "%s\n", client->head);
    uv_read_stop((uv_stream_t *)&client->tcp);
    server->other = client;
    client->other = server;
    assert_non_null(connect);
    connect->data = server;
    uv_ip4_addr("127.0.0.1", loopback_port(it.tls), &address);
    uv_tcp_connect(connect, &server->tcp, (const struct sockaddr *)&address, on_connected);
}

static void on_bytes(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer)
{
    struct side *side = stream->data;

    if (size < 0) {
        tunnel_close(side);
    } else if (side->is_tunnel && size) {
        pass_on(side, side->other, buffer->base, (size_t)size);
    } else {
        side->head_size += (size_t)size;
        side->head[side->head_size] = 0;
        if (strstr(side->head, "\r\n\r\n"))
            open_tunnel(side);
    }
}

static void on_visitor(uv_stream_t *listener, int status)
{
    struct side *client = side_new();

    (void)status;
    uv_accept(listener, (uv_stream_t *)&client->tcp);
    uv_read_start((uv_stream_t *)&client->tcp, on_room, on_bytes);
}

static void proxy_open(void)
{
    struct sockaddr_in address;
    int size = sizeof(address);
    char url[64];

    uv_ip4_addr("127.0.0.1", 0, &address);
    uv_tcp_init(&it.loop, &it.listener);
    assert_int_equal(uv_tcp_bind(&it.listener, (const struct sockaddr *)&address, 0), 0);
    assert_int_equal(uv_listen((uv_stream_t *)&it.listener, 16, on_visitor), 0);
    uv_tcp_getsockname(&it.listener, (struct sockaddr *)&address, &size);
    snprintf(url, sizeof(url), "http://127.0.0.1:%u", ntohs(address.sin_port));
    setenv("HTTPS_PROXY", url, 1);
    setenv("NO_PROXY", "127.0.0.1", 1);
    unsetenv("https_proxy");
    unsetenv("no_proxy");
}

/* ---- the certificate ------------------------------------------------------------------------- */

static char folder[64], certificate_file[96], key_file[96];

/* For the public cloud and its regions, by itself: also what we trust. */
static void make_certificate(void)
{
    EVP_PKEY *key = certificates_ec_key();
    X509 *certificate = certificates_make(key, NULL, NULL, -3600, 3600);
    X509V3_CTX context;
    X509_EXTENSION *names;
    FILE *file;

    X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
    names = X509V3_EXT_conf_nid(NULL, &context, NID_subject_alt_name,
                                "DNS:management.azure.com,DNS:*.management.azure.com");
    X509_set_version(certificate, X509_VERSION_3);
    X509_add_ext(certificate, names, -1);
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    X509_EXTENSION_free(names);
    snprintf(folder, sizeof(folder), "/tmp/keydrift-regions-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(certificate_file, sizeof(certificate_file), "%s/server.pem", folder);
    snprintf(key_file, sizeof(key_file), "%s/server.key", folder);
    file = fopen(certificate_file, "w");
    assert_true(file && PEM_write_X509(file, certificate));
    fclose(file);
    certificates_write(key_file, "");
    certificates_add_key(key_file, key, NULL);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

/* ---- a run ----------------------------------------------------------------------------------- */

static void open_scene(void)
{
    struct loopback_settings tls = {.cert_file = certificate_file, .key_file = key_file};
    struct azure_settings settings = {.ca_file = certificate_file, .timeout_ms = 9000};
    struct secret *secret = secret_new(TEXT("canary-client"));
    struct failure why;

    memset(&it, 0, sizeof(it));
    assert_true(net_global_init(&why));
    uv_loop_init(&it.loop);
    it.tls = loopback_open(&it.loop, &tls);
    it.plain = loopback_open(&it.loop, &(struct loopback_settings){0});
    LOOPBACK_SCRIPT(it.plain, "/t/oauth2/v2.0/token",
                    {.bytes = JSON("200 OK", "Content-Type: application/json\r\n", "47",
                                   "{\"access_token\":\"canary-1\",\"expires_in\":\"3600\"}")});
    proxy_open();
    it.http = http_open(&it.loop);
    http_use_environment_proxies(it.http);
    settings.authority = loopback_origin(it.plain);
    settings.credential = (struct azure_credential){.method = AZURE_CREDENTIAL_CLIENT_SECRET,
                                                    .tenant_id = "t",
                                                    .client_id = "c",
                                                    .client_secret = secret};
    it.client = azure_client_open(it.http, &settings, &why);
    assert_non_null(it.client);
    secret_free(secret);
}

static void on_late(uv_timer_t *timer)
{
    (void)timer;
    it.is_late = true;
}

static void wait_until_done(void)
{
    uv_timer_t guard;

    uv_timer_init(&it.loop, &guard);
    uv_timer_start(&guard, on_late, 20000, 0);
    while (!it.is_done && !it.is_late)
        loop_turn(&it.loop);
    uv_close((uv_handle_t *)&guard, NULL);
    uv_run(&it.loop, UV_RUN_NOWAIT);
    assert_false(it.is_late);
    it.is_done = false;
}

static void on_end(const struct failure *failure, void *context)
{
    (void)context;
    it.is_done = true;
    it.done_count++;
    it.failure = failure ? *failure : (struct failure){0};
}

static void on_closed(void *context)
{
    (void)context;
    it.is_done = true;
}

static void close_scene(void)
{
    azure_client_close(it.client, on_closed, NULL);
    wait_until_done();
    http_close(it.http, on_closed, NULL);
    wait_until_done();
    uv_close((uv_handle_t *)&it.listener, NULL);
    loopback_close(it.tls);
    loopback_close(it.plain);
    uv_run(&it.loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&it.loop), 0);
    net_global_cleanup();
}

static void regenerate(void)
{
    assert_non_null(azure_regenerate_key(it.client, azure_key_kind_named(TEXT("cosmos-db")),
                                         TEXT(COSMOS), TEXT("primary"), TEXT("request-1"), 9000,
                                         on_end, NULL));
    wait_until_done();
    assert_int_equal(it.done_count, 1);
}

TEST(an_operation_is_followed_on_the_region_it_was_handed_to)
{
    open_scene();
    LOOPBACK_SCRIPT(
        it.tls, COSMOS "/regenerateKey",
        {.bytes = JSON(
             "202 Accepted",
             "Location: https://centraluseuap.management.azure.com/subscriptions/s/status?v=1\r\n"
             "Azure-AsyncOperation: "
             "https://centraluseuap.management.azure.com/subscriptions/s/status?v=1\r\n"
             "retry-after-ms: 1\r\n",
             "0", "")});
    LOOPBACK_SCRIPT(
        it.tls, "/subscriptions/s/status",
        {.bytes = JSON("200 OK", "retry-after-ms: 1\r\n", "22", "{\"status\":\"Dequeued\"} ")},
        {.bytes = JSON("200 OK", "", "22", "{\"status\":\"Succeeded\"}")});
    regenerate();
    if (it.failure.kind)
        fail_msg("%s", it.failure.text);
    assert_int_equal(loopback_count(it.tls), 3);
    assert_non_null(strstr(loopback_request(it.tls, 0), "Host: management.azure.com\r\n"));
    assert_non_null(
        strstr(loopback_request(it.tls, 1), "Host: centraluseuap.management.azure.com\r\n"));
    assert_non_null(strstr(loopback_request(it.tls, 2), "Authorization: Bearer canary-1\r\n"));
    assert_string_equal(it.names, "CONNECT management.azure.com:443 HTTP/1.1\n"
                                  "CONNECT centraluseuap.management.azure.com:443 HTTP/1.1\n");
    close_scene();
}

TEST(another_name_is_not_even_connected_to)
{
    open_scene();
    LOOPBACK_SCRIPT(
        it.tls, COSMOS "/regenerateKey",
        {.bytes = JSON("202 Accepted",
                       "Azure-AsyncOperation: "
                       "https://management.azure.com.evil.example/subscriptions/s/status\r\n",
                       "0", "")});
    regenerate();
    assert_int_equal(it.failure.kind, FAILURE_AMBIGUOUS);
    assert_non_null(strstr(it.failure.text, "leads to https://management.azure.com.evil.example "
                                            "instead of https://management.azure.com"));
    assert_string_equal(it.names, "CONNECT management.azure.com:443 HTTP/1.1\n");
    close_scene();
}

int main(void)
{
    int failed;

    make_certificate();
    failed = RUN(CASE(an_operation_is_followed_on_the_region_it_was_handed_to),
                 CASE(another_name_is_not_even_connected_to));
    unlink(certificate_file);
    unlink(key_file);
    rmdir(folder);
    return failed;
}
