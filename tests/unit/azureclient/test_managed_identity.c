/* SPDX-License-Identifier: Apache-2.0 */
/* The six kinds of managed identity: how each is recognised, what it is asked, and whom it knows.
 */
#include "azureclient/client.h"
#include "base/moment.h"
#include "tests/support/test.h"
#include "tests/unit/azureclient/certificates.h"
#include "tests/unit/azureclient/fake_azure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define HEADER       "canary-identity-header"
#define RESOURCE     "/subscriptions/s/id 1"
#define THUMBPRINT   "00112233445566778899AABBCCDDEEFF00112233"
#define ANSWER       "{\"access_token\":\"canary-TOKEN-1\",\"expires_in\":\"86400\"}"
#define KEYS                                                                                       \
    {                                                                                              \
        "POST /listKeys", 200, "{\"primaryKey\":\"canary-a\",\"secondaryKey\":\"canary-b\"}"       \
    }

static struct fake fake;
static struct azure_credential given;
static struct secret *header;
static char endpoint[128], dir[64], challenge[128], realm[256], link_file[128];

/* The identity's endpoint is at the fake, whose address is known only now. */
static void by_managed_identity(struct azure_settings *settings, struct fake *unused)
{
    struct azure_credential *credential = &settings->credential;

    (void)unused;
    *credential = given;
    credential->method = AZURE_CREDENTIAL_MANAGED_IDENTITY;
    snprintf(endpoint, sizeof(endpoint), "%s/some/msi", settings->authority);
    if (given.identity_endpoint)
        credential->identity_endpoint = endpoint;
    if (given.msi_endpoint)
        credential->msi_endpoint = endpoint;
    if (!given.identity_endpoint && !given.msi_endpoint)
        credential->imds_url = settings->authority;
}

static void open_with(const struct fake_step *steps, size_t count)
{
    fake_open(&fake, steps, count, by_managed_identity);
    fake.client->credential.arc_directory = dir;
}

/* ---- what is asked --------------------------------------------------------------------------- */

#define CLIENT      .client_id = "app 1"
#define OBJECT      .object_id = "obj-1"
#define RESOURCE_ID .identity_resource_id = RESOURCE

enum { IMDS, APP, FABRIC, ML, SHELL };

static void make(int kind)
{
    given.identity_endpoint = kind == APP || kind == FABRIC ? "x" : NULL;
    given.identity_header = kind == APP || kind == FABRIC ? header : NULL;
    given.identity_server_thumbprint = kind == FABRIC ? THUMBPRINT : NULL;
    given.msi_endpoint = kind == ML || kind == SHELL ? "x" : NULL;
    given.msi_secret = kind == ML ? header : NULL;
}

TEST(each_kind_is_asked_as_it_wants_to_be)
{
    static const struct {
        int kind;
        struct azure_credential ids;
        const char *where, *query; /* after "resource=..." */
        const char *version, *metadata, *secret;
    } cases[] = {
        {IMDS, {0}, "GET /metadata/identity/oauth2/token", "", "2018-02-01", "true", NULL},
        {IMDS, {CLIENT}, "GET /token", "&client_id=app%201", "2018-02-01", "true", NULL},
        {IMDS, {OBJECT}, "GET /token", "&object_id=obj-1", "2018-02-01", "true", NULL},
        {IMDS,
         {RESOURCE_ID, CLIENT},
         "GET /token",
         "&msi_res_id=%2Fsubscriptions%2Fs%2Fid%201",
         "2018-02-01",
         "true",
         NULL},
        {APP, {0}, "GET /some/msi", "", "2019-08-01", NULL, HEADER},
        {APP, {CLIENT}, "GET /some/msi", "&client_id=app%201", "2019-08-01", NULL, HEADER},
        {APP, {OBJECT}, "GET /some/msi", "&principal_id=obj-1", "2019-08-01", NULL, HEADER},
        {APP,
         {RESOURCE_ID},
         "GET /some/msi",
         "&mi_res_id=%2Fsubscriptions%2Fs%2Fid%201",
         "2019-08-01",
         NULL,
         HEADER},
        {FABRIC, {0}, "GET /some/msi", "", "2019-07-01-preview", NULL, HEADER},
        {ML, {0}, "GET /some/msi", "", "2017-09-01", "true", HEADER},
        {ML, {CLIENT}, "GET /some/msi", "&clientid=app%201", "2017-09-01", "true", HEADER},
        {ML, {.ml_client_id = "d"}, "GET /some/msi", "&clientid=d", "2017-09-01", "true", HEADER},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct fake_step steps[] = {{cases[i].where, 200, ANSWER}, KEYS};
        const struct fake_request *request;
        char expected[400];

        given = cases[i].ids;
        make(cases[i].kind);
        open_with(steps, COUNT(steps));
        fake_list_keys(&fake);
        fake_assert_ok(&fake);
        request = fake_last(&fake, cases[i].where);
        snprintf(expected, sizeof(expected),
                 "api-version=%s&resource=http%%3A%%2F%%2F127.0.0.1%%3A%s%s", cases[i].version,
                 strrchr(fake.origin, ':') + 1, cases[i].query);
        assert_string_equal(request->query, expected);
        assert_string_equal(request->metadata, cases[i].metadata ? cases[i].metadata : "");
        assert_string_equal(request->secret_header, cases[i].secret ? cases[i].secret : "");
        assert_string_equal(request->authorization, "");
        assert_string_equal(fake_last(&fake, "POST /listKeys")->authorization,
                            "Bearer canary-TOKEN-1");
        fake_close(&fake);
    }
}

TEST(cloud_shell_is_asked_with_a_form)
{
    struct fake_step steps[] = {{"POST /some/msi", 200, ANSWER}, KEYS};
    const struct fake_request *request;

    given = (struct azure_credential){0};
    make(SHELL);
    open_with(steps, COUNT(steps));
    fake_list_keys(&fake);
    fake_assert_ok(&fake);
    request = fake_last(&fake, "POST /some/msi");
    assert_true(text_starts_with(text_of(request->body), TEXT("resource=http%3A%2F%2F127.0.0.1")));
    assert_string_equal(request->query, "");
    assert_string_equal(request->metadata, "true");
    fake_close(&fake);
}

TEST(an_id_that_a_kind_does_not_know_is_refused_and_not_left_out)
{
    static const struct {
        int kind;
        struct azure_credential ids;
        const char *words;
    } cases[] = {
        {SHELL, {CLIENT}, "Cloud Shell has one identity only"},
        {FABRIC, {OBJECT}, "Service Fabric has one identity only"},
        {ML, {OBJECT}, "needs a client id"},
        {ML, {RESOURCE_ID}, "needs a client id"},
        {IMDS, {OBJECT, RESOURCE_ID}, "object_id and identity_resource_id are both set"},
    };
    struct fake_step steps[] = {KEYS};

    given = (struct azure_credential){0};
    make(IMDS);
    open_with(steps, COUNT(steps));
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct azure_settings settings = {.resource_manager = fake.origin,
                                          .authority = fake.origin};
        struct failure why = {0};

        given = cases[i].ids;
        make(cases[i].kind);
        by_managed_identity(&settings, &fake);
        assert_null(azure_client_open(fake.http, &settings, &why));
        if (why.kind != FAILURE_INVALID || !strstr(why.text, cases[i].words))
            fail_msg("%zu: %s", i, why.text);
    }
    fake_close(&fake);
}

TEST(an_address_that_is_none_is_refused)
{
    static const char *const bad[] = {"169.254.169.254", "http://", "http://host/msi?a=b",
                                      "ftp://host", "http://u:canary@host/"};
    struct fake_step steps[] = {KEYS};

    given = (struct azure_credential){0};
    make(IMDS);
    open_with(steps, COUNT(steps));
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct azure_settings settings = {
            .credential = {.method = AZURE_CREDENTIAL_MANAGED_IDENTITY, .msi_endpoint = bad[i]}};
        struct failure why = {0};

        assert_null(azure_client_open(fake.http, &settings, &why));
        assert_int_equal(why.kind, FAILURE_INVALID);
        if (!strstr(why.text, "the address of the managed identity") || strstr(why.text, "canary"))
            fail_msg("%s", why.text);
    }
    fake_close(&fake);
}

/* ---- Service Fabric -------------------------------------------------------------------------- */

static struct {
    char cert[4096], key[4096], thumbprint[41], endpoint[64];
    struct server *server;
    unsigned calls;
} fabric;

static void read_pem(const char *file, char *out, size_t size)
{
    FILE *stream = fopen(file, "r");

    assert_non_null(stream);
    out[fread(out, 1, size - 1, stream)] = '\0';
    fclose(stream);
}

/* Expired, signed by itself and for no name: all that matters is that it is this one. */
static void make_fabric_certificate(void)
{
    EVP_PKEY *key = certificates_ec_key();
    X509 *certificate = certificates_make(key, NULL, NULL, -9999, -999);
    unsigned char digest[EVP_MAX_MD_SIZE];

    certificates_write(challenge, "");
    certificates_add(challenge, certificate);
    read_pem(challenge, fabric.cert, sizeof(fabric.cert));
    certificates_write(challenge, "");
    certificates_add_key(challenge, key, NULL);
    read_pem(challenge, fabric.key, sizeof(fabric.key));
    assert_int_equal(X509_digest(certificate, EVP_sha1(), digest, NULL), 1);
    hex_encode(digest, 20, fabric.thumbprint);
    fabric.calls = 0;
    X509_free(certificate);
    EVP_PKEY_free(key);
}

static void on_fabric_call(struct server_call *call, const struct server_request *request,
                           void *context)
{
    (void)context;
    fabric.calls++;
    assert_true(text_is(server_header(request, "secret"), HEADER));
    server_reply(call, 200, NULL, 0, TEXT(ANSWER));
}

static void by_service_fabric(struct azure_settings *settings, struct fake *its)
{
    struct server_settings tls = {.listen = "127.0.0.1:0",
                                  .tls_cert_pem = fabric.cert,
                                  .tls_key_pem = fabric.key,
                                  .on_call = on_fabric_call};

    fabric.server = server_open(&its->loop, &tls, NULL);
    assert_non_null(fabric.server);
    snprintf(fabric.endpoint, sizeof(fabric.endpoint), "https://127.0.0.1:%u/some/msi",
             server_port(fabric.server));
    settings->credential = (struct azure_credential){
        .method = AZURE_CREDENTIAL_MANAGED_IDENTITY,
        .identity_endpoint = fabric.endpoint,
        .identity_header = header,
        .identity_server_thumbprint = fabric.thumbprint,
    };
    settings->timeout_ms = 9000;
}

TEST(service_fabric_is_known_by_its_certificate_alone)
{
    struct fake_step steps[] = {KEYS};

    make_fabric_certificate();
    fake_open(&fake, steps, COUNT(steps), by_service_fabric);
    fake_list_keys(&fake);
    fake_assert_ok(&fake);
    fake.client->tokens.refresh_at = fake.client->tokens.expires_at = 0;
    fake_list_keys(&fake);
    fake_assert_ok(&fake);
    assert_int_equal(fabric.calls, 2);
    server_close(fabric.server, NULL, NULL);
    fake_close(&fake);
}

TEST(service_fabric_with_another_certificate_gets_no_secret)
{
    struct fake_step steps[] = {KEYS};

    make_fabric_certificate();
    fabric.thumbprint[0] = fabric.thumbprint[0] == '0' ? '1' : '0';
    fake_open(&fake, steps, COUNT(steps), by_service_fabric);
    fake_list_keys(&fake);
    FAKE_FAILED(&fake, FAILURE_NETWORK, "not the one whose thumbprint was given");
    assert_int_equal(fabric.calls, 0);
    server_close(fabric.server, NULL, NULL);
    fake_close(&fake);
}

/* ---- the answer ------------------------------------------------------------------------------ */

TEST(all_forms_of_an_expiry_are_understood)
{
    static char body[300];
    int64_t now_s = time(NULL);
    char date[INSTANT_SIZE];

    instant_format((now_s + 40000) * 1000, date);
    for (int form = 0; form < 4; form++) {
        struct fake_step steps[] = {{"GET /some/msi", 200, body}, KEYS};
        uint64_t left_ms;

        given = (struct azure_credential){0};
        make(APP);
        snprintf(body, sizeof(body), "{\"access_token\":\"canary\",\"expires_on\":");
        if (form == 0)
            snprintf(body + strlen(body), 60, "\"%lld\"}", (long long)now_s + 40000);
        else if (form == 1)
            snprintf(body + strlen(body), 60, "%lld}", (long long)now_s + 40000);
        else if (form == 2)
            snprintf(body + strlen(body), 60, "\"%s\"}", date);
        else
            snprintf(body + strlen(body), 60, "\"1\",\"expires_in\":\"40000\"}");
        open_with(steps, COUNT(steps));
        fake_list_keys(&fake);
        fake_assert_ok(&fake);
        left_ms = fake.client->tokens.expires_at - uv_now(&fake.loop);
        assert_in_range(left_ms, 39000000, 40002000);
        /* More than two hours: the next one is asked for after half of it. */
        assert_in_range(fake.client->tokens.refresh_at - uv_now(&fake.loop), 19000000, 20002000);
        fake_close(&fake);
    }
}

TEST(what_is_sent_to_it_is_never_quoted)
{
    struct fake_step steps[] = {{"GET /some/msi", 403,
                                 "{\"error\":\"x\",\"error_description\":\"not " HEADER
                                 " please\"}"}};

    given = (struct azure_credential){0};
    make(APP);
    open_with(steps, COUNT(steps));
    fake_list_keys(&fake);
    FAKE_FAILED(&fake, FAILURE_DENIED, "HTTP 403", "not [secret] please");
    fake_close(&fake);
}

/* ---- Azure Arc ------------------------------------------------------------------------------- */

#define ARC_ASKS                                                                                   \
    {                                                                                              \
        "GET /some/msi", 401, NULL, realm, .times = 1                                              \
    }
#define ARC_ANSWERS(id)                                                                            \
    {                                                                                              \
        "GET /some/msi", 200,                                                                      \
            "{\"access_token\":\"canary-TOKEN-1\",\"expires_in\":\"86400\"" id "}"                 \
    }

static void start_arc(const char *path)
{
    given.identity_endpoint = given.imds_endpoint = "x";
    given.identity_header = NULL;
    given.msi_endpoint = NULL;
    snprintf(realm, sizeof(realm), "WWW-Authenticate: Basic realm=%s", path);
}

TEST(arc_is_answered_with_the_contents_of_the_file_it_names)
{
    struct fake_step steps[] = {ARC_ASKS, ARC_ANSWERS(""), KEYS};

    given = (struct azure_credential){0};
    start_arc(challenge);
    certificates_write(challenge, "canary-challenge\n");
    open_with(steps, COUNT(steps));
    fake_list_keys(&fake);
    fake_assert_ok(&fake);
    assert_int_equal(fake_count(&fake, "GET /some/msi"), 2);
    assert_string_equal(fake.requests[0].authorization, "");
    assert_string_equal(fake.requests[0].metadata, "true");
    assert_string_equal(fake.requests[1].authorization, "Basic canary-challenge");
    assert_string_equal(fake.requests[1].metadata, "true");
    assert_true(text_starts_with(text_of(fake.requests[1].query), TEXT("api-version=2020-06-01&")));
    fake_close(&fake);
}

static void assert_not_followed(void)
{
    struct fake_step steps[] = {ARC_ASKS};

    open_with(steps, COUNT(steps));
    fake_list_keys(&fake);
    FAKE_FAILED(&fake, FAILURE_PROTOCOL, "does not name a .key file in", dir);
    assert_int_equal(fake_count(&fake, "GET /some/msi"), 1);
    fake_close(&fake);
}

TEST(arc_is_not_followed_elsewhere)
{
    static const char *const names[] = {"/x.txt", "/../x.key", "/a/x.key", ".key", "/.key", ""};
    char path[200];

    given = (struct azure_credential){0};
    for (size_t i = 0; i < COUNT(names); i++) {
        snprintf(path, sizeof(path), "%s%s", dir, names[i]);
        start_arc(path);
        assert_not_followed();
    }
    start_arc("/etc/passwd");
    assert_not_followed();
    start_arc("");
    assert_not_followed();
    strcpy(realm, "WWW-Authenticate: Bearer");
    assert_not_followed();
}

static void assert_arc_fails(enum failure_kind kind, const char *words)
{
    struct fake_step steps[] = {ARC_ASKS, ARC_ANSWERS("")};

    open_with(steps, COUNT(steps));
    fake_list_keys(&fake);
    FAKE_FAILED(&fake, kind, words);
    assert_int_equal(fake_count(&fake, "GET /some/msi"), 1);
    fake_close(&fake);
}

TEST(arc_s_file_must_be_a_small_file_and_no_link)
{
    static char large[5000];

    given = (struct azure_credential){0};
    memset(large, 'x', sizeof(large) - 1);
    start_arc(challenge);
    certificates_write(challenge, large);
    assert_arc_fails(FAILURE_PROTOCOL, "at most 4096 bytes");
    unlink(challenge);
    assert_arc_fails(FAILURE_INVALID, "No such file");
    certificates_write(challenge, "x");
    start_arc(link_file);
    assert_int_equal(symlink(challenge, link_file), 0);
    assert_arc_fails(FAILURE_INVALID, "cannot read");
    unlink(link_file);
}

TEST(arc_may_ask_once)
{
    struct fake_step steps[] = {{"GET /some/msi", 401, NULL, realm}};

    given = (struct azure_credential){0};
    start_arc(challenge);
    certificates_write(challenge, "canary-challenge\n");
    open_with(steps, COUNT(steps));
    fake_list_keys(&fake);
    FAKE_FAILED(&fake, FAILURE_DENIED, "HTTP 401");
    assert_int_equal(fake_count(&fake, "GET /some/msi"), 2);
    fake_close(&fake);
}

TEST(arc_must_answer_for_the_identity_asked_for)
{
    struct fake_step other[] = {ARC_ASKS, ARC_ANSWERS(",\"client_id\":\"app-2\""), KEYS};
    struct fake_step none[] = {ARC_ASKS, ARC_ANSWERS(""), KEYS};
    struct fake_step same[] = {ARC_ASKS, ARC_ANSWERS(",\"client_id\":\"APP 1\""), KEYS};

    given = (struct azure_credential){CLIENT};
    start_arc(challenge);
    certificates_write(challenge, "canary-challenge\n");
    open_with(other, COUNT(other));
    fake_list_keys(&fake);
    FAKE_FAILED(&fake, FAILURE_PROTOCOL, "another identity than the one asked for");
    fake_close(&fake);
    open_with(none, COUNT(none));
    fake_list_keys(&fake);
    FAKE_FAILED(&fake, FAILURE_PROTOCOL, "another identity than the one asked for");
    fake_close(&fake);
    open_with(same, COUNT(same));
    fake_list_keys(&fake);
    fake_assert_ok(&fake);
    fake_close(&fake);
}

int main(void)
{
    int failed;

    strcpy(dir, "/tmp/azureclient-test-XXXXXX");
    if (!mkdtemp(dir))
        return 1;
    snprintf(challenge, sizeof(challenge), "%s/x.key", dir);
    snprintf(link_file, sizeof(link_file), "%s/link.key", dir);
    header = secret_new(TEXT(HEADER));
    failed =
        RUN(CASE(each_kind_is_asked_as_it_wants_to_be), CASE(cloud_shell_is_asked_with_a_form),
            CASE(an_id_that_a_kind_does_not_know_is_refused_and_not_left_out),
            CASE(an_address_that_is_none_is_refused), CASE(all_forms_of_an_expiry_are_understood),
            CASE(service_fabric_is_known_by_its_certificate_alone),
            CASE(service_fabric_with_another_certificate_gets_no_secret),
            CASE(what_is_sent_to_it_is_never_quoted),
            CASE(arc_is_answered_with_the_contents_of_the_file_it_names),
            CASE(arc_is_not_followed_elsewhere), CASE(arc_s_file_must_be_a_small_file_and_no_link),
            CASE(arc_may_ask_once), CASE(arc_must_answer_for_the_identity_asked_for));
    unlink(challenge);
    rmdir(dir);
    secret_free(header);
    return failed;
}
