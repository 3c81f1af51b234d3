/* SPDX-License-Identifier: Apache-2.0 */
/* Logging in to a real OpenBao with tokens of the tests' own: the jwt method, which knows our
 * public key, and the kubernetes method, which has them confirmed by an API server that is a part
 * of this test. */
#include "openbao_scene.h"
#include "tests/support/jwt.h"
#include "tests/support/loopback.h"
#include "tests/support/loopback_tls.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static EVP_PKEY *key, *other_key;

static struct secret *secret_of(char *string)
{
    struct secret *secret = secret_new(text_of(string));

    free(string);
    return secret;
}

static char *read_whole(const char *path, char *out, size_t size)
{
    FILE *file = fopen(path, "r");

    assert_non_null(file);
    out[fread(out, 1, size - 1, file)] = '\0';
    fclose(file);
    return out;
}

/* One look with a client of its own. */
static struct vault_outcome look_with(struct scene *scene, const struct vault_auth *auth,
                                      const char *namespace_path)
{
    struct vault_client *client = open_client(scene, auth, namespace_path);
    struct vault_outcome outcome = vault_rights_of(&scene->loop, client, "x");

    vault_shut(&scene->loop, client, 2000);
    return outcome;
}

/* ---- jwt ------------------------------------------------------------------------------------- */

/* `mount` with the namespace before it. */
static void mount_jwt(struct scene *scene, const char *namespace_path, const char *mount)
{
    char path[128], body[4096], *public_key = jwt_public_key(key);

    snprintf(path, sizeof path, "%ssys/auth/%s", namespace_path, mount);
    administer(scene, "POST", path, "{\"type\":\"jwt\"}");
    snprintf(path, sizeof path, "%sauth/%s/config", namespace_path, mount);
    snprintf(body, sizeof body, "{\"jwt_validation_pubkeys\":[\"%s\"],\"bound_issuer\":\"tests\"}",
             public_key);
    administer(scene, "POST", path, body);
    snprintf(path, sizeof path, "%sauth/%s/role/web", namespace_path, mount);
    administer(scene, "POST", path,
               "{\"role_type\":\"jwt\",\"user_claim\":\"sub\",\"bound_audiences\":[\"vault\"],"
               "\"bound_claims\":{\"env\":\"prod\"},\"token_policies\":\"keydrift\"}");
    free(public_key);
}

static struct secret *token_with(EVP_PKEY *signer, const char *claims, long lives_s)
{
    char all[512];
    long now = (long)time(NULL);

    snprintf(all, sizeof all, "{\"sub\":\"me\",\"iat\":%ld,\"nbf\":%ld,\"exp\":%ld,%s}", now - 3600,
             now - 3600, now + lives_s, claims);
    return secret_of(jwt_sign(signer, all));
}

TEST(a_jwt_logs_in_at_any_mount_and_in_any_namespace)
{
    struct scene *scene = scene_open();
    struct secret *jwt =
        token_with(key, "\"iss\":\"tests\",\"aud\":\"vault\",\"env\":\"prod\"", 600);
    struct vault_auth auth = {.method = VAULT_AUTH_JWT, .role = "web", .jwt.value = jwt};
    struct vault_outcome outcome;

    mount_jwt(scene, "", "jwt");
    outcome = look_with(scene, &auth, NULL);
    expect_kind(&outcome, FAILURE_NONE, "");
    auth.mount = "ci/east";
    if (has_namespaces(scene)) {
        administer(scene, "POST", "sys/namespaces/team", "{}");
        mount_jwt(scene, "team/", "ci/east");
        administer(scene, "POST", "team/sys/mounts/kv",
                   "{\"type\":\"kv\",\"options\":{\"version\":\"2\"}}");
        administer(scene, "POST", "team/sys/policies/acl/keydrift",
                   "{\"policy\":\"path \\\"kv/*\\\" { capabilities = [\\\"read\\\"] }\"}");
        outcome = look_with(scene, &auth, "team");
        expect_kind(&outcome, FAILURE_NONE, "");
    } else {
        mount_jwt(scene, "", "ci/west");
        auth.mount = "ci/west";
        outcome = look_with(scene, &auth, NULL);
        expect_kind(&outcome, FAILURE_NONE, "");
        outcome = look_with(scene, &auth, "team");
        expect_kind(&outcome, FAILURE_INVALID, "this server knows no namespaces");
        auth.mount = "ci/east";
    }
    outcome = look_with(scene, &auth, NULL);
    expect_kind(&outcome, FAILURE_DENIED,
                "auth/ci/east/login: log-in as role \"web\" refused: 403");
    expect_kind(&outcome, FAILURE_DENIED, "no such auth mount");
    secret_free(jwt);
    scene_close(scene);
}

/* After a_jwt_logs_in_at_any_mount_and_in_any_namespace, which made the mount. */
TEST(a_refused_jwt_says_what_is_wrong_with_it)
{
    static const struct {
        const char *claims;
        long lives_s;
        bool is_foreign;
        const char *role, *part;
    } cases[] = {
        {"\"iss\":\"tests\",\"aud\":\"vault\",\"env\":\"prod\"", -1800, false, "web",
         "the token has expired"},
        {"\"iss\":\"tests\",\"aud\":\"vault\",\"env\":\"prod\"", 600, true, "web",
         "does not know the key"},
        {"\"iss\":\"other\",\"aud\":\"vault\",\"env\":\"prod\"", 600, false, "web", "bound_issuer"},
        {"\"iss\":\"tests\",\"aud\":\"other\",\"env\":\"prod\"", 600, false, "web",
         "bound_audiences"},
        {"\"iss\":\"tests\",\"aud\":\"vault\",\"env\":\"test\"", 600, false, "web",
         "not those the role is bound to"},
        {"\"iss\":\"tests\",\"aud\":\"vault\",\"env\":\"prod\"", 600, false, "absent",
         "no such role"},
    };
    struct vault_outcome outcome;
    struct vault_auth none = {.method = VAULT_AUTH_JWT};
    struct secret *garbage = secret_new(TEXT("garbage"));
    struct scene *scene = scene_open();

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct secret *jwt =
            token_with(cases[i].is_foreign ? other_key : key, cases[i].claims, cases[i].lives_s);
        struct vault_auth auth = {
            .method = VAULT_AUTH_JWT, .role = cases[i].role, .jwt.value = jwt};
        char part[64];

        outcome = look_with(scene, &auth, NULL);
        snprintf(part, sizeof part, "POST auth/jwt/login: log-in as role \"%s\" refused: 400",
                 cases[i].role);
        expect_kind(&outcome, FAILURE_DENIED, part);
        expect_kind(&outcome, FAILURE_DENIED, cases[i].part);
        secret_free(jwt);
    }
    none.jwt.value = garbage;
    outcome = look_with(scene, &none, NULL);
    expect_kind(&outcome, FAILURE_DENIED, "log-in as the default role refused: 400 missing role");
    none.role = "web";
    outcome = look_with(scene, &none, NULL);
    expect_kind(&outcome, FAILURE_DENIED, "what was given is no JWT");
    secret_free(garbage);
    scene_close(scene);
}

/* ---- kubernetes ------------------------------------------------------------------------------ */

#define REVIEWS "/apis/authentication.k8s.io/v1/tokenreviews"
#define API_ANSWERS(status, body)                                                                  \
    {                                                                                              \
        .act = LOOPBACK_LAST,                                                                      \
        .bytes = "HTTP/1.1 " status " x\r\nContent-Type: application/json\r\n\r\n" body            \
    }
#define CONFIRMS                                                                                   \
    API_ANSWERS("201", "{\"kind\":\"TokenReview\",\"apiVersion\":\"authentication.k8s.io/v1\","    \
                       "\"status\":{\"authenticated\":true,\"audiences\":[\"vault\"],\"user\":{"   \
                       "\"username\":\"system:serviceaccount:prod:keydrift\",\"uid\":\"u-1\","     \
                       "\"groups\":[\"system:serviceaccounts\"]}}}")

struct cluster {
    struct loopback *api;
    char folder[40];
};

static struct cluster cluster_open(struct scene *scene, const char *mount)
{
    struct cluster cluster = {.folder = "/tmp/keydrift-k8s-XXXXXX"};
    struct loopback_settings settings = {0};
    char cert[80], private[80], path[128], ca[2048], body[4096], *to = body;

    assert_non_null(mkdtemp(cluster.folder));
    loopback_make_certificates(cluster.folder);
    snprintf(cert, sizeof cert, "%s/server.pem", cluster.folder);
    snprintf(private, sizeof private, "%s/server.key", cluster.folder);
    settings.cert_file = cert;
    settings.key_file = private;
    cluster.api = loopback_open(&scene->loop, &settings);
    snprintf(path, sizeof path, "sys/auth/%s", mount);
    administer(scene, "POST", path, "{\"type\":\"kubernetes\"}");
    snprintf(path, sizeof path, "%s/ca.pem", cluster.folder);
    to += sprintf(to,
                  "{\"kubernetes_host\":\"%s\",\"disable_local_ca_jwt\":true,"
                  "\"kubernetes_ca_cert\":\"",
                  loopback_origin(cluster.api));
    for (const char *c = read_whole(path, ca, sizeof ca); *c; c++)
        to += *c == '\n' ? sprintf(to, "\\n") : sprintf(to, "%c", *c);
    sprintf(to, "\"}");
    snprintf(path, sizeof path, "auth/%s/config", mount);
    administer(scene, "POST", path, body);
    snprintf(path, sizeof path, "auth/%s/role/web", mount);
    administer(scene, "POST", path,
               "{\"bound_service_account_names\":\"keydrift\",\"audience\":\"vault\","
               "\"bound_service_account_namespaces\":\"prod\",\"token_policies\":\"keydrift\","
               "\"token_ttl\":\"2s\",\"token_max_ttl\":\"2s\"}");
    return cluster;
}

static void cluster_close(struct cluster *cluster)
{
    static const char *const names[] = {"ca", "server", "other", "expired", "client", "stranger"};
    char path[80];

    loopback_close(cluster->api);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s.pem", cluster->folder, names[i]);
        unlink(path);
        snprintf(path, sizeof path, "%s/%s.key", cluster->folder, names[i]);
        unlink(path);
    }
    snprintf(path, sizeof path, "%s/token", cluster->folder);
    unlink(path);
    assert_int_equal(rmdir(cluster->folder), 0);
}

/* A projected service account token. */
static char *pod_token(const char *namespace_path, const char *name, const char *audience,
                       long lives_s)
{
    char claims[1024];
    long now = (long)time(NULL);

    snprintf(claims, sizeof claims,
             "{\"iss\":\"https://kubernetes.default.svc\",\"aud\":[\"%s\"],\"iat\":%ld,"
             "\"nbf\":%ld,\"exp\":%ld,\"sub\":\"system:serviceaccount:%s:%s\","
             "\"kubernetes.io\":{\"namespace\":\"%s\",\"serviceaccount\":{\"name\":\"%s\","
             "\"uid\":\"u-1\"}}}",
             audience, now - 3600, now - 3600, now + lives_s, namespace_path, name, namespace_path,
             name);
    return jwt_sign(key, claims);
}

static void project(const struct cluster *cluster, const char *token, char path[80])
{
    char next[80];
    FILE *file;

    snprintf(path, 80, "%s/token", cluster->folder);
    snprintf(next, sizeof next, "%s/next", cluster->folder);
    file = fopen(next, "w");
    assert_non_null(file);
    fprintf(file, "%s\n", token);
    fclose(file);
    assert_int_equal(rename(next, path), 0);
}

TEST(a_pod_logs_in_with_its_projected_token_which_is_read_again_each_time)
{
    struct scene *scene = scene_open();
    struct cluster cluster = cluster_open(scene, "kubernetes");
    char *first = pod_token("prod", "keydrift", "vault", 600);
    char *second = pod_token("prod", "keydrift", "vault", 700);
    char path[80];
    struct vault_auth auth = {.method = VAULT_AUTH_KUBERNETES, .role = "web", .jwt.file = path};
    struct vault_client *client;
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(cluster.api, REVIEWS, CONFIRMS);
    project(&cluster, first, path);
    client = open_client(scene, &auth, NULL);
    outcome = vault_rights_of(&scene->loop, client, "x");
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_non_null(strstr(loopback_request(cluster.api, 0), first));
    project(&cluster, second, path);
    /* The token lives two seconds at most, so a log-in follows. A renewal before it has the server
     * ask again about the token it was given first. */
    while (!strstr(loopback_request(cluster.api, loopback_count(cluster.api) - 1), second))
        vault_idle(&scene->loop, 10);
    outcome = vault_rights_of(&scene->loop, client, "x");
    expect_kind(&outcome, FAILURE_NONE, "");
    vault_shut(&scene->loop, client, 2000);
    free(first);
    free(second);
    cluster_close(&cluster);
    scene_close(scene);
}

TEST(a_refused_pod_is_told_which_claim_is_wrong_and_kubernetes_is_not_asked)
{
    static const struct {
        const char *namespace_path, *name, *audience;
        long lives_s;
        const char *part;
    } cases[] = {
        {"prod", "keydrift", "vault", -1800, "the service account's token has expired"},
        {"prod", "keydrift", "other", 600, "another audience than the role's"},
        {"prod", "other", "vault", 600, "not bound to this service account"},
        {"test", "keydrift", "vault", 600, "not bound to this service account's namespace"},
    };
    struct scene *scene = scene_open();
    struct cluster cluster = cluster_open(scene, "k8s");

    LOOPBACK_SCRIPT(cluster.api, REVIEWS, CONFIRMS);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct secret *jwt = secret_of(
            pod_token(cases[i].namespace_path, cases[i].name, cases[i].audience, cases[i].lives_s));
        struct vault_auth auth = {
            .method = VAULT_AUTH_KUBERNETES, .mount = "k8s", .role = "web", .jwt.value = jwt};
        struct vault_outcome outcome = look_with(scene, &auth, NULL);

        expect_kind(&outcome, FAILURE_DENIED,
                    "POST auth/k8s/login: log-in as role \"web\" refused: 403");
        expect_kind(&outcome, FAILURE_DENIED, cases[i].part);
        secret_free(jwt);
    }
    assert_int_equal(loopback_count(cluster.api), 0);
    cluster_close(&cluster);
    scene_close(scene);
}

/* All four are the same 403 "permission denied" for a client. */
TEST(a_pod_that_kubernetes_does_not_confirm_is_told_where_to_look)
{
    static const struct loopback_step answers[] = {
        API_ANSWERS("401", "{\"kind\":\"Status\",\"status\":\"Failure\",\"code\":401}"),
        API_ANSWERS("500", "{\"kind\":\"Status\",\"status\":\"Failure\",\"code\":500}"),
        API_ANSWERS("201", "{\"kind\":\"TokenReview\",\"apiVersion\":\"authentication.k8s.io/v1\","
                           "\"status\":{\"authenticated\":false,\"error\":\"no\"}}"),
        {.act = LOOPBACK_CLOSE},
    };
    static const char *const mounts[] = {"k401", "k500", "kno", "kdown"};
    struct scene *scene = scene_open();

    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct cluster cluster = cluster_open(scene, mounts[i]);
        struct secret *jwt = secret_of(pod_token("prod", "keydrift", "vault", 600));
        struct vault_auth auth = {
            .method = VAULT_AUTH_KUBERNETES, .mount = mounts[i], .role = "web", .jwt.value = jwt};
        struct vault_outcome outcome;

        loopback_script(cluster.api, REVIEWS, &answers[i], 1);
        outcome = look_with(scene, &auth, NULL);
        expect_kind(&outcome, FAILURE_DENIED, "refused: 403 permission denied: ");
        expect_kind(&outcome, FAILURE_DENIED, "no confirmation of the token by Kubernetes");
        auth.role = "absent";
        outcome = look_with(scene, &auth, NULL);
        expect_kind(&outcome, FAILURE_DENIED, "the server has no such role");
        secret_free(jwt);
        cluster_close(&cluster);
    }
    scene_close(scene);
}

TEST(a_mount_that_nobody_has_configured_is_told_as_that)
{
    static const struct {
        enum vault_auth_method method;
        const char *mount, *type;
    } cases[] = {{VAULT_AUTH_JWT, "bare-jwt", "{\"type\":\"jwt\"}"},
                 {VAULT_AUTH_KUBERNETES, "bare-k8s", "{\"type\":\"kubernetes\"}"}};
    struct secret *jwt = secret_of(pod_token("prod", "keydrift", "vault", 600));
    struct scene *scene = scene_open();

    for (size_t i = 0; i < 2; i++) {
        struct vault_auth auth = {
            .method = cases[i].method, .mount = cases[i].mount, .role = "web", .jwt.value = jwt};
        struct vault_outcome outcome;
        char path[64];

        snprintf(path, sizeof path, "sys/auth/%s", cases[i].mount);
        administer(scene, "POST", path, cases[i].type);
        snprintf(path, sizeof path, "auth/%s/role/web", cases[i].mount);
        if (cases[i].method == VAULT_AUTH_KUBERNETES)
            administer(scene, "POST", path,
                       "{\"bound_service_account_names\":\"keydrift\","
                       "\"bound_service_account_namespaces\":\"prod\"}");
        outcome = look_with(scene, &auth, NULL);
        expect_kind(&outcome, FAILURE_DENIED, "log-in as role \"web\" refused: ");
        expect_kind(&outcome, FAILURE_DENIED, "nobody has configured this mount yet");
    }
    secret_free(jwt);
    scene_close(scene);
}

int main(void)
{
    int status;

    key = jwt_key_new();
    other_key = jwt_key_new();
    status = RUN(CASE(a_jwt_logs_in_at_any_mount_and_in_any_namespace),
                 CASE(a_refused_jwt_says_what_is_wrong_with_it),
                 CASE(a_pod_logs_in_with_its_projected_token_which_is_read_again_each_time),
                 CASE(a_refused_pod_is_told_which_claim_is_wrong_and_kubernetes_is_not_asked),
                 CASE(a_pod_that_kubernetes_does_not_confirm_is_told_where_to_look),
                 CASE(a_mount_that_nobody_has_configured_is_told_as_that));
    EVP_PKEY_free(key);
    EVP_PKEY_free(other_key);
    return status;
}
