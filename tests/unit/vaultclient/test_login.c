/* SPDX-License-Identifier: Apache-2.0 */
/* Every way to log in: what is sent, and what a refusal is made of. */
#include "tests/unit/vaultclient/scene.h"

#include <string.h>

static struct secret *jwt, *password;

/* A client with any certificate, which plain HTTP never shows. */
static struct scene *scene_with(const struct vault_auth *auth)
{
    struct scene *scene = scene_open();
    struct vault_settings settings = {
        .address = loopback_origin(scene->server),
        .proxy = "",
        .timeout_ms = 5000,
        .auth = *auth,
    };
    struct failure why = {0};

    if (auth->method == VAULT_AUTH_CERT)
        settings.client_cert_file = settings.client_key_file = "/dev/null";
    LOOPBACK_SCRIPT(scene->server, MOUNT_PATH, MOUNT_V2);
    LOOPBACK_SCRIPT(scene->server, LOOK_PATH, LOOK_OK);
    scene->client = vault_client_open(scene->http, &settings, &why);
    assert_string_equal(why.text, "");
    return scene;
}

/* ---- what is sent ---------------------------------------------------------------------------- */

TEST(every_method_sends_what_the_server_wants)
{
    const struct {
        struct vault_auth auth;
        const char *path, *body;
    } cases[] = {
        {{.method = VAULT_AUTH_KUBERNETES, .role = "web", .jwt.value = jwt},
         "/v1/auth/kubernetes/login",
         "{\"role\":\"web\",\"jwt\":\"a.b.c\"}"},
        {{.method = VAULT_AUTH_KUBERNETES, .mount = "k8s/east", .role = "web", .jwt.value = jwt},
         "/v1/auth/k8s/east/login",
         "{\"role\":\"web\",\"jwt\":\"a.b.c\"}"},
        {{.method = VAULT_AUTH_JWT, .role = "ci", .jwt.value = jwt},
         "/v1/auth/jwt/login",
         "{\"role\":\"ci\",\"jwt\":\"a.b.c\"}"},
        {{.method = VAULT_AUTH_JWT, .jwt.value = jwt}, "/v1/auth/jwt/login", "{\"jwt\":\"a.b.c\"}"},
        {{.method = VAULT_AUTH_CERT, .role = "host"}, "/v1/auth/cert/login", "{\"name\":\"host\"}"},
        {{.method = VAULT_AUTH_CERT}, "/v1/auth/cert/login", "{}"},
        {{.method = VAULT_AUTH_USERPASS, .username = "ann", .password.value = password},
         "/v1/auth/userpass/login/ann",
         "{\"password\":\"two words \\\"\xc3\xa4\\\"\"}"},
        {{.method = VAULT_AUTH_USERPASS, .username = "a b?", .password.value = password},
         "/v1/auth/userpass/login/a%20b%3F",
         "{\"password\":\"two words \\\"\xc3\xa4\\\"\"}"},
        {{.method = VAULT_AUTH_AZURE, .role = "vm", .jwt.value = jwt},
         "/v1/auth/azure/login",
         "{\"role\":\"vm\",\"jwt\":\"a.b.c\"}"},
        {{.method = VAULT_AUTH_AZURE,
          .role = "vm",
          .jwt.value = jwt,
          .azure_subscription_id = "sub",
          .azure_resource_group_name = "group",
          .azure_vm_name = "machine",
          .azure_vmss_name = "set"},
         "/v1/auth/azure/login",
         "{\"role\":\"vm\",\"jwt\":\"a.b.c\",\"subscription_id\":\"sub\","
         "\"resource_group_name\":\"group\",\"vm_name\":\"machine\",\"vmss_name\":\"set\"}"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        static const struct loopback_step login = LOGIN("s.one", "1200");
        struct scene *scene = scene_with(&cases[i].auth);
        struct vault_outcome outcome;
        const char *request;

        loopback_script(scene->server, cases[i].path, &login, 1);
        outcome = scene_look(scene);
        expect_kind(&outcome, FAILURE_NONE, "");
        request = scene_request(scene, "POST /v1/auth/", 0);
        assert_memory_equal(request + 5, cases[i].path, strlen(cases[i].path));
        assert_string_equal(strstr(request, "\r\n\r\n") + 4, cases[i].body);
        assert_null(strstr(request, "X-Vault-Token"));
        assert_non_null(
            strstr(scene_request(scene, "GET /v1/kv/metadata/a", 0), "X-Vault-Token: s.one"));
        scene_close(scene);
    }
}

TEST(a_login_goes_to_the_namespace_of_the_client)
{
    struct scene *scene = scene_open();
    struct vault_auth auth = {.method = VAULT_AUTH_JWT, .role = "ci", .jwt.value = jwt};
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(scene->server, "/v1/auth/jwt/login", LOGIN("s.one.AbCdE", "1200"));
    LOOPBACK_SCRIPT(scene->server, MOUNT_PATH, MOUNT_V2);
    LOOPBACK_SCRIPT(scene->server, LOOK_PATH, LOOK_OK);
    scene->client = scene_client(scene, &auth, "team/a", 5000);
    outcome = scene_look(scene);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_non_null(strstr(scene_request(scene, "POST /v1/auth/jwt/login", 0),
                           "X-Vault-Namespace: team/a\r\n"));
    scene_close(scene);
}

/* ---- refusals -------------------------------------------------------------------------------- */

static const struct vault_auth *auth_of(enum vault_auth_method method)
{
    static struct vault_auth auth;

    auth = (struct vault_auth){
        .method = method,
        .role = "web",
        .role_name = "web",
        .jwt.value = jwt,
        .username = "ann",
        .password.value = password,
        .role_id.value = jwt,
        .secret_id.value = password,
    };
    if (method == VAULT_AUTH_APPROLE)
        auth.secret_id.value = jwt;
    return &auth;
}

TEST(a_refusal_names_the_role_the_mount_and_the_likely_mistake)
{
#define REFUSES(status, text) SAYS(status, "{\"errors\":[\"" text "\"]}")
    static const struct {
        enum vault_auth_method method;
        const char *mount, *subject;
        struct loopback_step answer;
        const char *hint;
    } cases[] = {
        {VAULT_AUTH_APPROLE, "approle", "role \"web\"", REFUSES("400", "invalid role or secret ID"),
         "wrong, expired or used up; next log-in in up to 1 minute, since five failures"},
        /* HashiCorp Vault's own answers to wrong credentials: a 500 is no outage here. */
        {VAULT_AUTH_APPROLE, "approle", "role \"web\"", REFUSES("500", "invalid secret id"),
         ": the secret id is wrong, expired or used up; next log-in in up to 1 minute, since five"},
        {VAULT_AUTH_APPROLE, "approle", "role \"web\"", REFUSES("400", "invalid role ID"),
         "the mount has no role of this id"},
        {VAULT_AUTH_APPROLE, "approle", "role \"web\"", REFUSES("403", "permission denied"),
         "no such auth mount, one of another method, or a role locked for minutes after failed"},
        {VAULT_AUTH_APPROLE, "approle", "role \"web\"",
         REFUSES("400", "source address \\\"10.0.0.1\\\" unauthorized through CIDR restrictions on "
                        "the secret ID"),
         "this machine's address is not among those that the secret id was made for"},
        {VAULT_AUTH_APPROLE, "approle", "role \"web\"",
         REFUSES("400", "source address \\\"10.0.0.1\\\" unauthorized by CIDR restrictions on the "
                        "role: %!w(<nil>)"),
         "this machine's address is not among the role's secret_id_bound_cidrs"},
        {VAULT_AUTH_KUBERNETES, "kubernetes", "role \"web\"",
         REFUSES("403", "invalid expiration time (exp) claim: token is expired"),
         "the service account's token has expired"},
        {VAULT_AUTH_KUBERNETES, "kubernetes", "role \"web\"",
         REFUSES("403", "invalid audience (aud) claim: audience claim does not match"),
         "another audience than the role's"},
        {VAULT_AUTH_KUBERNETES, "kubernetes", "role \"web\"",
         REFUSES("403", "service account name not authorized"),
         "not bound to this service account"},
        {VAULT_AUTH_KUBERNETES, "kubernetes", "role \"web\"",
         REFUSES("403", "namespace not authorized"),
         "not bound to this service account's namespace"},
        {VAULT_AUTH_KUBERNETES, "kubernetes", "role \"web\"", REFUSES("403", "permission denied"),
         ", no confirmation of the token by Kubernetes"},
        {VAULT_AUTH_KUBERNETES, "kubernetes", "role \"web\"",
         REFUSES("400", "invalid role name \\\"web\\\""), "the server has no such role"},
        {VAULT_AUTH_JWT, "jwt", "role \"web\"",
         REFUSES("400", "error validating token: error verifying token signature: no known key"),
         "does not know the key"},
        {VAULT_AUTH_JWT, "jwt", "role \"web\"",
         REFUSES("400", "error validating token: invalid expiration time (exp) claim: token is "
                        "expired"),
         "the token has expired"},
        {VAULT_AUTH_JWT, "jwt", "role \"web\"",
         REFUSES("400", "error validating token: invalid issuer (iss) claim"), "bound_issuer"},
        {VAULT_AUTH_JWT, "jwt", "role \"web\"",
         REFUSES("400", "error validating token: invalid audience (aud) claim"), "bound_audiences"},
        {VAULT_AUTH_JWT, "jwt", "role \"web\"",
         REFUSES("400", "error validating claims: claim \\\"env\\\" does not match any associated "
                        "bound claim values"),
         "not those the role is bound to"},
        {VAULT_AUTH_JWT, "jwt", "role \"web\"",
         REFUSES("400", "role \\\"web\\\" could not be found"), "the server has no such role"},
        {VAULT_AUTH_JWT, "jwt", "role \"web\"", REFUSES("403", "permission denied"),
         "no such auth mount, one of another method, or token_bound_cidrs without this machine's"},
        {VAULT_AUTH_KUBERNETES, "kubernetes", "role \"web\"",
         REFUSES("500", "could not load backend configuration"),
         "nobody has configured this mount yet"},
        {VAULT_AUTH_JWT, "jwt", "role \"web\"", REFUSES("400", "could not load configuration"),
         "nobody has configured this mount yet"},
        {VAULT_AUTH_JWT, "jwt", "role \"web\"",
         REFUSES("400", "error validating token: error verifying token signature: "
                        "go-jose/go-jose: compact JWS format must have three parts"),
         "what was given is no JWT"},
        {VAULT_AUTH_JWT, "jwt", "role \"web\"", REFUSES("400", "missing role"),
         "the mount has no default role"},
        {VAULT_AUTH_CERT, "cert", "role \"web\"", REFUSES("403", "permission denied"),
         "token_bound_cidrs"},
        {VAULT_AUTH_CERT, "cert", "role \"web\"", REFUSES("400", "no client certificate found"),
         "the certificate did not reach the server"},
        {VAULT_AUTH_CERT, "cert", "role \"web\"",
         REFUSES("400", "no chain matching all constraints could be found for this login "
                        "certificate"),
         "no role accepts this certificate's authority"},
        {VAULT_AUTH_CERT, "cert", "role \"web\"",
         REFUSES("400", "invalid certificate or no client certificate supplied"),
         "not one that a role of this mount trusts"},
        {VAULT_AUTH_USERPASS, "userpass", "user \"ann\"",
         REFUSES("400", "invalid username or password"), "the user name or the password is wrong"},
        {VAULT_AUTH_USERPASS, "userpass", "user \"ann\"",
         REFUSES("500", "invalid username or password"), "the user name or the password is wrong"},
        {VAULT_AUTH_USERPASS, "userpass", "user \"ann\"",
         REFUSES("500", "failed to determine alias name from login request"),
         "or no user's name can hold such a character"},
        {VAULT_AUTH_USERPASS, "userpass", "user \"ann\"", REFUSES("403", "permission denied"),
         ", a user locked for minutes after failed log-ins, or token_bound_cidrs without this"},
        {VAULT_AUTH_USERPASS, "userpass", "user \"ann\"", REFUSES("404", "unsupported path"),
         "or no user's name can hold such a character"},
        {VAULT_AUTH_AZURE, "azure", "role \"web\"", REFUSES("403", "permission denied"),
         "OpenBao has no azure method"},
        {VAULT_AUTH_AZURE, "azure", "role \"web\"",
         REFUSES("400", "service principal not authorized: 1"), "not bound to this identity"},
        {VAULT_AUTH_JWT, "jwt", "role \"web\"",
         REFUSES("405", "1 error occurred:\\n\\t* unsupported operation\\n\\n"),
         "another method is mounted there"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct scene *scene = scene_with(auth_of(cases[i].method));
        struct vault_outcome outcome;
        char path[64], part[128];

        snprintf(path, sizeof path, "/v1/auth/%s/login%s", cases[i].mount,
                 cases[i].method == VAULT_AUTH_USERPASS ? "/ann" : "");
        loopback_script(scene->server, path, &cases[i].answer, 1);
        outcome = scene_look(scene);
        snprintf(part, sizeof part, "POST %s: log-in as %s refused: ", path + 4, cases[i].subject);
        expect_kind(&outcome, FAILURE_DENIED, part);
        expect_kind(&outcome, FAILURE_DENIED, cases[i].hint);
        assert_null(strstr(outcome.failure.text, "a.b.c"));
        assert_true(outcome.failure.http_status >= 400);
        scene_close(scene);
    }
}

TEST(a_login_without_a_named_role_says_whose_place_it_took)
{
    static const struct {
        enum vault_auth_method method;
        const char *path, *part;
    } cases[] = {
        {VAULT_AUTH_JWT, "/v1/auth/jwt/login", "log-in as the default role refused: 400"},
        {VAULT_AUTH_CERT, "/v1/auth/cert/login", "log-in as any role refused: 400"},
    };
    static const struct loopback_step refusal = REFUSES("400", "no");

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct vault_auth auth = *auth_of(cases[i].method);
        struct vault_outcome outcome;
        struct scene *scene;

        auth.role = auth.role_name = NULL;
        scene = scene_with(&auth);
        loopback_script(scene->server, cases[i].path, &refusal, 1);
        outcome = scene_look(scene);
        expect_kind(&outcome, FAILURE_DENIED, cases[i].part);
        scene_close(scene);
    }
}

TEST(a_given_token_that_is_refused_is_no_log_in)
{
    static const enum vault_auth_method methods[] = {VAULT_AUTH_TOKEN, VAULT_AUTH_TOKEN_FILE};
    struct credential_file file = credential_file_new("a.b.c");

    for (size_t i = 0; i < 2; i++) {
        struct vault_auth auth = {.method = methods[i], .token.value = i ? NULL : jwt};
        struct vault_outcome outcome;
        struct scene *scene;

        if (i)
            auth.token.file = file.path;
        scene = scene_with(&auth);
        LOOPBACK_SCRIPT(scene->server, LOOKUP_PATH, DEAD_TOKEN);
        outcome = scene_look(scene);
        expect_kind(&outcome, FAILURE_DENIED,
                    "GET auth/token/lookup-self: token refused: 403 permission denied: it is "
                    "unknown, expired, revoked or used up, or bound to other addresses");
        assert_null(strstr(outcome.failure.text, "next log-in"));
        scene_close(scene);
    }
    credential_file_remove(&file);
}

/* Five would lock it: the second is minutes after the first. */
TEST(no_method_repeats_a_refused_login)
{
    static const enum vault_auth_method methods[] = {
        VAULT_AUTH_APPROLE, VAULT_AUTH_KUBERNETES, VAULT_AUTH_JWT,
        VAULT_AUTH_CERT,    VAULT_AUTH_USERPASS,   VAULT_AUTH_AZURE,
    };
    static const struct loopback_step refusal = REFUSES("400", "no");

    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        struct scene *scene = scene_with(auth_of(methods[i]));

        loopback_script(scene->server, "/v1/auth/approle/login", &refusal, 1);
        loopback_script(scene->server, "/v1/auth/kubernetes/login", &refusal, 1);
        loopback_script(scene->server, "/v1/auth/jwt/login", &refusal, 1);
        loopback_script(scene->server, "/v1/auth/cert/login", &refusal, 1);
        loopback_script(scene->server, "/v1/auth/userpass/login/ann", &refusal, 1);
        loopback_script(scene->server, "/v1/auth/azure/login", &refusal, 1);
        for (int j = 0; j < 8; j++) {
            struct vault_outcome outcome = scene_look(scene);

            expect_kind(&outcome, FAILURE_DENIED, "refused: 400 no: ");
        }
        assert_int_equal(scene_count(scene, "POST /v1/auth/"), 1);
        scene_close(scene);
    }
}

/* A 404 in the server's own words comes from one that is only just unsealed, or from a namespace
 * that does not exist: nobody's credential was judged. */
TEST(a_404_is_no_refusal)
{
    static const struct loopback_step answers[] = {
        REFUSES("404", "no handler for route \\\"auth/jwt/login\\\". route entry not found."),
        REFUSES("404", "namespace not found"),
    };

    for (size_t i = 0; i < 2; i++) {
        struct scene *scene = scene_with(auth_of(VAULT_AUTH_JWT));
        struct vault_outcome outcome;

        loopback_script(scene->server, "/v1/auth/jwt/login", &answers[i], 1);
        outcome = scene_look(scene);
        assert_int_not_equal(outcome.kind, FAILURE_DENIED);
        assert_null(strstr(outcome.failure.text, "refused"));
        /* The pauses between the log-ins are of the short kind. */
        for (int j = 0; j < 500 && scene_count(scene, "POST /v1/auth/jwt/login") < 2; j++) {
            vault_idle(&scene->loop, 10);
            outcome = scene_look(scene);
        }
        assert_int_equal(scene_count(scene, "POST /v1/auth/jwt/login"), 2);
        scene_close(scene);
    }
}

TEST(a_login_whose_answer_is_lost_leaves_no_change_in_doubt)
{
    struct scene *scene = scene_with_role();
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(scene->server, LOGIN_PATH, CLOSES);
    outcome = scene_look(scene);
    expect_kind(&outcome, FAILURE_NETWORK, "before an answer");
    assert_null(strstr(outcome.failure.text, "may or may not"));
    scene_close(scene);
}

TEST(a_refusal_that_quotes_what_was_sent_is_not_shown)
{
    static const struct {
        enum vault_auth_method method;
        const char *path;
        struct loopback_step answer;
    } cases[] = {
        {VAULT_AUTH_JWT, "/v1/auth/jwt/login", REFUSES("400", "error validating token: a.b.c")},
        {VAULT_AUTH_USERPASS, "/v1/auth/userpass/login/ann",
         REFUSES("400", "wrong: two words \\\"\xc3\xa4\\\"")},
        {VAULT_AUTH_APPROLE, "/v1/auth/approle/login", REFUSES("400", "unknown role a.b.c")},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct scene *scene = scene_with(auth_of(cases[i].method));
        struct vault_outcome outcome;

        loopback_script(scene->server, cases[i].path, &cases[i].answer, 1);
        outcome = scene_look(scene);
        expect_kind(&outcome, FAILURE_DENIED, "quotes a secret");
        assert_null(strstr(outcome.failure.text, "a.b.c"));
        assert_null(strstr(outcome.failure.text, "two words"));
        scene_close(scene);
    }
}

TEST(a_login_that_wants_a_second_factor_is_told_so_and_not_repeated)
{
    struct scene *scene = scene_with(auth_of(VAULT_AUTH_USERPASS));

    LOOPBACK_SCRIPT(scene->server, "/v1/auth/userpass/login/ann",
                    SAYS("200", "{\"auth\":{\"client_token\":\"\",\"mfa_requirement\":{}}}"));
    for (int i = 0; i < 3; i++) {
        struct vault_outcome outcome = scene_look(scene);

        expect_kind(&outcome, FAILURE_DENIED, "second factor");
    }
    assert_int_equal(scene_count(scene, "POST /v1/auth/"), 1);
    scene_close(scene);
}

/* ---- settings -------------------------------------------------------------------------------- */

TEST(what_is_missing_or_senseless_is_told_before_anything_is_sent)
{
    const struct {
        struct vault_auth auth;
        const char *part;
    } cases[] = {
        {{.method = VAULT_AUTH_TOKEN}, "there is no Vault token"},
        {{.method = VAULT_AUTH_TOKEN_FILE}, "the token file has no name"},
        {{.method = VAULT_AUTH_TOKEN_FILE, .token.value = jwt}, "the token file has no name"},
        {{.method = VAULT_AUTH_APPROLE}, "needs a role id"},
        {{.method = VAULT_AUTH_APPROLE, .role_id.value = jwt, .secret_id_is_wrapped = true},
         "no wrapped secret id"},
        {{.method = VAULT_AUTH_APPROLE,
          .role_id.value = jwt,
          .secret_id.value = jwt,
          .secret_id_is_removed = true},
         "no file of a secret id"},
        {{.method = VAULT_AUTH_KUBERNETES}, "needs a role"},
        {{.method = VAULT_AUTH_KUBERNETES, .role = ""}, "the role is empty"},
        {{.method = VAULT_AUTH_KUBERNETES, .role = "a\nb"}, "control character"},
        {{.method = VAULT_AUTH_KUBERNETES, .role = "a", .mount = "a//b"}, "the mount"},
        {{.method = VAULT_AUTH_JWT, .role = "a"}, "needs a token"},
        {{.method = VAULT_AUTH_CERT}, "needs a client certificate"},
        {{.method = VAULT_AUTH_USERPASS, .password.value = password}, "needs a user name"},
        {{.method = VAULT_AUTH_USERPASS, .username = "ann"}, "needs a password"},
        {{.method = VAULT_AUTH_USERPASS, .username = "../x", .password.value = password},
         "the user name holds"},
        {{.method = VAULT_AUTH_USERPASS, .username = "..", .password.value = password},
         "the user name holds"},
        {{.method = VAULT_AUTH_AZURE, .role = "vm"}, "needs a managed identity's token"},
        {{.method = (enum vault_auth_method)99}, "unknown way to log in"},
    };
    struct scene *scene = scene_open();

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct vault_settings settings = {
            .address = loopback_origin(scene->server), .proxy = "", .auth = cases[i].auth};
        struct failure why = {0};

        assert_null(vault_client_open(scene->http, &settings, &why));
        assert_int_equal(why.kind, FAILURE_INVALID);
        if (!strstr(why.text, cases[i].part))
            fail_msg("%zu: %s", i, why.text);
    }
    scene_close(scene);
}

int main(void)
{
    int status;

    jwt = secret_new(TEXT("a.b.c"));
    password = secret_new(TEXT("two words \"\xc3\xa4\""));
    status = RUN(CASE(every_method_sends_what_the_server_wants),
                 CASE(a_login_goes_to_the_namespace_of_the_client),
                 CASE(a_refusal_names_the_role_the_mount_and_the_likely_mistake),
                 CASE(a_login_without_a_named_role_says_whose_place_it_took),
                 CASE(a_given_token_that_is_refused_is_no_log_in),
                 CASE(no_method_repeats_a_refused_login), CASE(a_404_is_no_refusal),
                 CASE(a_login_whose_answer_is_lost_leaves_no_change_in_doubt),
                 CASE(a_refusal_that_quotes_what_was_sent_is_not_shown),
                 CASE(a_login_that_wants_a_second_factor_is_told_so_and_not_repeated),
                 CASE(what_is_missing_or_senseless_is_told_before_anything_is_sent));
    secret_free(jwt);
    secret_free(password);
    return status;
}
