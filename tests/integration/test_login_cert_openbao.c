/* SPDX-License-Identifier: Apache-2.0 */
/* Logging in to a real OpenBao with certificates and passwords, and the lock-out. */
#include "openbao_scene.h"
#include "tests/support/loopback_tls.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct vault_outcome look_with(struct scene *scene, const struct vault_auth *auth)
{
    struct vault_client *client = open_client(scene, auth, NULL);
    struct vault_outcome outcome = vault_rights_of(&scene->loop, client, "x");

    vault_shut(&scene->loop, client, 2000);
    return outcome;
}

/* ---- certificates ---------------------------------------------------------------------------- */

struct certificates {
    char folder[40], file[64], key_file[64];
};

static struct certificates certificates_new(const char *name)
{
    struct certificates made = {.folder = "/tmp/keydrift-cert-XXXXXX"};

    assert_non_null(mkdtemp(made.folder));
    loopback_make_certificates(made.folder);
    snprintf(made.file, sizeof made.file, "%s/%s.pem", made.folder, name);
    snprintf(made.key_file, sizeof made.key_file, "%s/%s.key", made.folder, name);
    return made;
}

static void certificates_remove(const struct certificates *made)
{
    static const char *const names[] = {"ca", "server", "other", "expired", "client", "stranger"};
    char path[80];

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s.pem", made->folder, names[i]);
        unlink(path);
        snprintf(path, sizeof path, "%s/%s.key", made->folder, names[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(made->folder), 0);
}

/* A role "host" of the mount that trusts the CA. */
static void mount_cert(struct scene *scene, const char *mount, const struct certificates *made,
                       const char *ttl)
{
    char path[80], body[4096], ca[2048], *to = body;
    FILE *file;

    snprintf(path, sizeof path, "sys/auth/%s", mount);
    administer(scene, "POST", path, "{\"type\":\"cert\"}");
    snprintf(path, sizeof path, "%s/ca.pem", made->folder);
    file = fopen(path, "r");
    assert_non_null(file);
    ca[fread(ca, 1, sizeof ca - 1, file)] = '\0';
    fclose(file);
    to += sprintf(to, "{\"token_policies\":\"keydrift\",\"token_ttl\":\"%s\",\"certificate\":\"",
                  ttl);
    for (const char *c = ca; *c; c++)
        to += *c == '\n' ? sprintf(to, "\\n") : sprintf(to, "%c", *c);
    sprintf(to, "\"}");
    snprintf(path, sizeof path, "auth/%s/certs/host", mount);
    administer(scene, "POST", path, body);
}

static struct vault_client *open_with_certificate(struct scene *scene, const char *mount,
                                                  const struct certificates *made, const char *role)
{
    struct vault_settings settings = {
        .address = given("OPENBAO_ADDR"),
        .ca_file = given("OPENBAO_CACERT"),
        .client_cert_file = made->file,
        .client_key_file = made->key_file,
        .timeout_ms = 10000,
        .auth = {.method = VAULT_AUTH_CERT, .mount = mount, .role = role},
    };
    struct failure why = {0};
    struct vault_client *client = vault_client_open(scene->http, &settings, &why);

    assert_string_equal(why.text, "");
    assert_non_null(client);
    return client;
}

TEST(a_certificate_logs_in_and_renews_with_or_without_a_role)
{
    struct scene *scene = scene_open();
    struct certificates made = certificates_new("client");
    static const char *const roles[] = {"host", NULL};
    struct vault_client *clients[2];

    mount_cert(scene, "cert", &made, "2s");
    for (size_t i = 0; i < 2; i++)
        clients[i] = open_with_certificate(scene, NULL, &made, roles[i]);
    for (int i = 0; i < 6; i++) {
        for (size_t j = 0; j < 2; j++) {
            struct vault_outcome outcome = vault_rights_of(&scene->loop, clients[j], "x");

            expect_kind(&outcome, FAILURE_NONE, "");
        }
        vault_idle(&scene->loop, 500);
    }
    for (size_t i = 0; i < 2; i++)
        vault_shut(&scene->loop, clients[i], 2000);
    certificates_remove(&made);
    scene_close(scene);
}

TEST(a_certificate_that_nobody_trusts_is_told_so)
{
    struct scene *scene = scene_open();
    struct certificates made = certificates_new("stranger");
    struct vault_client *client;
    struct vault_outcome outcome;

    mount_cert(scene, "cert2", &made, "2m");
    client = open_with_certificate(scene, "cert2", &made, "host");
    outcome = vault_rights_of(&scene->loop, client, "x");
    expect_kind(&outcome, FAILURE_DENIED,
                "POST auth/cert2/login: log-in as role \"host\" refused: 400");
    expect_kind(&outcome, FAILURE_DENIED, "certificate");
    vault_shut(&scene->loop, client, 2000);
    certificates_remove(&made);
    scene_close(scene);
}

/* The renewals answer 204 from then on, and nothing is renewed: a client that took that for a
 * success would work with a dead token. Ours asks for a new one, and is told that the role is gone.
 */
TEST(trap_4_renewals_that_answer_204_lead_to_a_login)
{
    struct scene *scene = scene_open();
    struct certificates made = certificates_new("client");
    struct vault_client *client;
    struct vault_outcome outcome;

    mount_cert(scene, "cert3", &made, "3s");
    client = open_with_certificate(scene, "cert3", &made, "host");
    outcome = vault_rights_of(&scene->loop, client, "x");
    expect_kind(&outcome, FAILURE_NONE, "");
    administer(scene, "DELETE", "auth/cert3/certs/host", NULL);
    for (int i = 0; i < 400 && outcome.kind == FAILURE_NONE; i++) {
        vault_idle(&scene->loop, 50);
        outcome = vault_rights_of(&scene->loop, client, "x");
    }
    expect_kind(&outcome, FAILURE_DENIED, "auth/cert3/login: log-in as role \"host\" refused: 400");
    vault_shut(&scene->loop, client, 2000);
    certificates_remove(&made);
    scene_close(scene);
}

/* ---- passwords ------------------------------------------------------------------------------- */

static struct vault_auth user(const char *name, const struct secret *password)
{
    return (struct vault_auth){
        .method = VAULT_AUTH_USERPASS, .username = name, .password.value = password};
}

TEST(trap_3_a_user_logs_in_and_a_wrong_password_never_locks_the_user)
{
    struct scene *scene = scene_open();
    struct secret *right = secret_new(TEXT("two words \"\xc3\xa4\"")),
                  *wrong = secret_new(TEXT("x"));
    struct vault_auth auth = user("ann", right), bad = user("ann", wrong);
    struct vault_client *client;
    struct vault_outcome outcome;

    administer(scene, "POST", "sys/auth/userpass", "{\"type\":\"userpass\"}");
    administer(scene, "POST", "auth/userpass/users/ann",
               "{\"password\":\"two words \\\"\xc3\xa4\\\"\",\"token_policies\":\"keydrift\"}");
    outcome = look_with(scene, &auth);
    expect_kind(&outcome, FAILURE_NONE, "");
    client = open_client(scene, &bad, NULL);
    for (int i = 0; i < 20; i++) {
        outcome = vault_rights_of(&scene->loop, client, "x");
        expect_kind(&outcome, FAILURE_DENIED,
                    "POST auth/userpass/login/ann: log-in as user \"ann\" refused: 400");
    }
    vault_shut(&scene->loop, client, 100);
    outcome = look_with(scene, &auth);
    expect_kind(&outcome, FAILURE_NONE, "");
    secret_free(right);
    secret_free(wrong);
    scene_close(scene);
}

/* The server writes names small: whatever the spelling, it is one user with one count of failures.
 * Vault has a count for each spelling. */
TEST(a_user_is_one_however_the_name_is_spelled_also_when_locked)
{
    static const char *const spellings[] = {"Bea", "BEA", "bea", "bEA", "beA"};
    struct scene *scene = scene_open();
    struct secret *password = secret_new(TEXT("pass-phrase"));
    struct vault_auth auth = user("BeA", password);
    struct vault_outcome outcome;
    char path[64];

    administer(scene, "POST", "sys/auth/people", "{\"type\":\"userpass\"}");
    administer(scene, "POST", "auth/people/users/Bea",
               "{\"password\":\"pass-phrase\",\"token_policies\":\"keydrift\"}");
    auth.mount = "people";
    outcome = look_with(scene, &auth);
    expect_kind(&outcome, FAILURE_NONE, "");
    for (int i = 0; i < 5; i++) {
        struct admin_answer answer;

        snprintf(path, sizeof path, "auth/people/login/%s", spellings[i]);
        answer = administer_as(scene, "", NULL, "POST", path, "{\"password\":\"x\"}");
        assert_int_equal(answer.status, 400);
        free(answer.body);
    }
    outcome = look_with(scene, &auth);
    if (server_is_vault()) {
        expect_body(scene, "sys/locked-users", "\"total\":0");
        expect_kind(&outcome, FAILURE_NONE, "");
        secret_free(password);
        scene_close(scene);
        return;
    }
    expect_body(scene, "sys/locked-users", "\"alias_identifiers\":[\"bea\"]");
    expect_kind(
        &outcome, FAILURE_DENIED,
        "POST auth/people/login/BeA: log-in as user \"BeA\" (\"bea\" to the server) refused: "
        "403 permission denied");
    expect_kind(&outcome, FAILURE_DENIED, "a user locked for minutes after failed log-ins");
    secret_free(password);
    scene_close(scene);
}

/* After trap_3_a_user_logs_in_and_a_wrong_password_never_locks_the_user, which made the mount. */
TEST(a_user_that_is_bound_to_other_addresses_or_cannot_be_is_told_so)
{
    static const struct {
        const char *name, *part;
    } cases[] = {
        {"bound", "or token_bound_cidrs without this machine's address"},
        {"two words", ": another method is mounted there, or no user's name can hold such a "
                      "character"},
    };
    struct scene *scene = scene_open();
    struct secret *password = secret_new(TEXT("pass-phrase"));

    administer(scene, "POST", "auth/userpass/users/bound",
               "{\"password\":\"pass-phrase\",\"token_bound_cidrs\":\"10.0.0.0/8\"}");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct vault_auth auth = user(cases[i].name, password);
        struct vault_outcome outcome = look_with(scene, &auth);

        expect_kind(&outcome, FAILURE_DENIED, cases[i].part);
        expect_kind(&outcome, FAILURE_DENIED, cases[i].name);
    }
    secret_free(password);
    scene_close(scene);
}

/* ---- the lock-out ---------------------------------------------------------------------------- */

/* The trap that the silence after a refusal keeps clear of: five failures, of anybody's. */
TEST(trap_3_a_role_that_others_have_locked_is_told_as_such)
{
    struct scene *scene = scene_open();
    char *role_id = make_role(scene, "locked", "{\"token_policies\":\"keydrift\"}");
    char *secret_id = make_secret_id(scene, "locked"), body[256];
    struct vault_client *client;
    struct vault_outcome outcome;

    snprintf(body, sizeof body, "{\"role_id\":\"%s\",\"secret_id\":\"wrong\"}", role_id);
    for (int i = 0; i < 5; i++) {
        struct admin_answer answer =
            administer_as(scene, "", NULL, "POST", "auth/approle/login", body);

        assert_int_equal(answer.status, 400);
        free(answer.body);
    }
    client = open_with_role(scene, role_id, secret_id, false);
    outcome = vault_rights_of(&scene->loop, client, "x");
    expect_kind(&outcome, FAILURE_DENIED, "refused: 403 permission denied");
    expect_kind(&outcome, FAILURE_DENIED, "a role locked for minutes after failed log-ins");
    vault_shut(&scene->loop, client, 100);
    free(role_id);
    free(secret_id);
    scene_close(scene);
}

int main(void)
{
    return RUN(CASE(a_certificate_logs_in_and_renews_with_or_without_a_role),
               CASE(a_certificate_that_nobody_trusts_is_told_so),
               CASE(trap_4_renewals_that_answer_204_lead_to_a_login),
               CASE(trap_3_a_user_logs_in_and_a_wrong_password_never_locks_the_user),
               CASE(a_user_is_one_however_the_name_is_spelled_also_when_locked),
               CASE(a_user_that_is_bound_to_other_addresses_or_cannot_be_is_told_so),
               CASE(trap_3_a_role_that_others_have_locked_is_told_as_such));
}
