/* SPDX-License-Identifier: Apache-2.0 */
/* What a library must not do behind its program's back: read the environment, write anywhere, touch
 * signals, leave keys lying about. All of it is looked at over one life of a client, with TLS, a
 * log-in, a read, a write and several failures in it. */
#include "tests/support/loopback_tls.h"
#include "tests/unit/vaultclient/scene.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

extern char **environ;

/* ---- the environment, as all libraries of this process see it -------------------------------- */

static char asked[64][48]; /* which variables, each once */
static unsigned asked_count;
static bool is_noting;

static char *find(const char *name)
{
    size_t size = strlen(name);

    for (char **entry = environ; *entry; entry++)
        if (strncmp(*entry, name, size) == 0 && (*entry)[size] == '=')
            return *entry + size + 1;
    return NULL;
}

static void note(const char *name)
{
    for (unsigned i = 0; i < asked_count; i++)
        if (strcmp(asked[i], name) == 0)
            return;
    if (is_noting && asked_count < sizeof asked / sizeof *asked)
        snprintf(asked[asked_count++], sizeof *asked, "%s", name);
}

#pragma GCC visibility push(default)

char *getenv(const char *name)
{
    note(name);
    return find(name);
}

char *secure_getenv(const char *name)
{
    note(name);
    return find(name);
}

#pragma GCC visibility pop

/* ---- one life -------------------------------------------------------------------------------- */

struct life {
    char folder[40], ca[64], keys[64], said[64];
    struct sigaction before[NSIG], after[NSIG];
    long long said_bytes;
};

static void look_at_signals(struct sigaction *actions)
{
    for (int number = 1; number < NSIG; number++)
        sigaction(number, NULL, &actions[number]);
}

static void run_client(struct scene *scene, const char *ca)
{
    struct secret *role = secret_new(TEXT("role-1")), *secret = secret_new(TEXT("secret-1"));
    struct vault_settings settings = {
        .address = loopback_origin(scene->server),
        .ca_file = ca,
        .timeout_ms = 9000,
        .auth = {.method = VAULT_AUTH_APPROLE, .role_id.value = role, .secret_id.value = secret}};
    struct failure why = {0};
    struct vault_outcome outcome;

    scene->client = vault_client_open(scene->http, &settings, &why);
    assert_string_equal(why.text, "");
    outcome = vault_field_of(&scene->loop, scene->client, "a", "k", 0);
    expect_kind(&outcome, FAILURE_NONE, "");
    outcome = vault_set_field(&scene->loop, scene->client, "a", "k", "new", &outcome.version);
    expect_kind(&outcome, FAILURE_NONE, "");
    outcome = vault_field_of(&scene->loop, scene->client, "../a", "k", 0);
    expect_kind(&outcome, FAILURE_INVALID, "");
    outcome = vault_field_of(&scene->loop, scene->client, "denied", "k", 0);
    expect_kind(&outcome, FAILURE_DENIED, "");
    outcome = vault_field_of(&scene->loop, scene->client, "broken", "k", 0);
    expect_kind(&outcome, FAILURE_PROTOCOL, "");
    secret_free(role);
    secret_free(secret);
}

static void script(struct loopback *server)
{
    LOOPBACK_SCRIPT(server, LOGIN_PATH, LOGIN("s.fresh", "3600"));
    LOOPBACK_SCRIPT(server, LOOKUP_PATH, LOOKUP_OK);
    LOOPBACK_SCRIPT(server, MOUNT_PATH, MOUNT_V2);
    LOOPBACK_SCRIPT(server, "/v1/kv/data/a", DATA("{\"k\":\"old\"}", "1"),
                    DATA("{\"k\":\"old\"}", "1"), WRITTEN("2"));
    LOOPBACK_SCRIPT(server, "/v1/kv/data/denied", DENIES);
    LOOPBACK_SCRIPT(server, "/v1/kv/data/broken", SAYS("200", "{\"data\":"));
    LOOPBACK_SCRIPT(server, "/v1/auth/token/revoke-self", SAYS("204", ""));
}

static void live(struct life *life)
{
    char cert[64], key[64];
    struct stat status;
    struct scene *scene;
    int said, out = dup(STDOUT_FILENO), error = dup(STDERR_FILENO);

    *life = (struct life){.folder = "/tmp/keydrift-manners-XXXXXX"};
    assert_non_null(mkdtemp(life->folder));
    loopback_make_certificates(life->folder);
    snprintf(cert, sizeof cert, "%s/server.pem", life->folder);
    snprintf(key, sizeof key, "%s/server.key", life->folder);
    snprintf(life->ca, sizeof life->ca, "%s/ca.pem", life->folder);
    snprintf(life->keys, sizeof life->keys, "%s/keys", life->folder);
    snprintf(life->said, sizeof life->said, "%s/said", life->folder);
    setenv("SSLKEYLOGFILE", life->keys, 1);
    setenv("HTTPS_PROXY", "http://127.0.0.1:1", 1);
    setenv("SSL_CERT_FILE", "/nowhere", 1);
    setenv("VAULT_TOKEN", "s.canary", 1);
    look_at_signals(life->before);
    said = open(life->said, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    fflush(stdout);
    dup2(said, STDOUT_FILENO);
    dup2(said, STDERR_FILENO);
    is_noting = true;
    scene = scene_open();
    loopback_close(scene->server);
    scene->server = loopback_open(&scene->loop,
                                  &(struct loopback_settings){.cert_file = cert, .key_file = key});
    script(scene->server);
    run_client(scene, life->ca);
    scene_close(scene);
    is_noting = false;
    fflush(stdout);
    dup2(out, STDOUT_FILENO);
    dup2(error, STDERR_FILENO);
    fstat(said, &status);
    life->said_bytes = status.st_size;
    close(said);
    close(out);
    close(error);
    look_at_signals(life->after);
}

/* ---- what it left behind --------------------------------------------------------------------- */

static struct life life;

/* Only what the libraries below ask in every program that they are part of. */
TEST(nothing_of_the_environment_is_read_unless_asked)
{
    static const char *const theirs[] = {"OPENSSL_", "SSLKEYLOGFILE", "UV_", "QLOGDIR"};

    for (unsigned i = 0; i < asked_count; i++) {
        bool is_theirs = false;

        for (size_t j = 0; j < sizeof theirs / sizeof *theirs; j++)
            is_theirs = is_theirs || strncmp(asked[i], theirs[j], strlen(theirs[j])) == 0;
        if (!is_theirs)
            fail_msg("%s was asked for", asked[i]);
    }
    /* So it was our getenv() that they called. */
    assert_true(asked_count > 0);
}

TEST(no_key_of_a_connection_goes_to_a_file)
{
    struct stat status = {0};

    assert_true(stat(life.keys, &status) < 0 || status.st_size == 0);
}

TEST(nothing_is_written_to_the_terminal)
{
    assert_int_equal(life.said_bytes, 0);
}

TEST(signals_are_as_they_were)
{
    for (int number = 1; number < NSIG; number++)
        assert_ptr_equal(life.before[number].sa_handler, life.after[number].sa_handler);
}

int main(void)
{
    char command[64];
    int failed;

    signal(SIGPIPE, SIG_IGN); /* as the program has to */
    live(&life);
    failed = RUN(CASE(nothing_of_the_environment_is_read_unless_asked),
                 CASE(no_key_of_a_connection_goes_to_a_file),
                 CASE(nothing_is_written_to_the_terminal), CASE(signals_are_as_they_were));
    snprintf(command, sizeof command, "rm -r %s", life.folder);
    return system(command) == 0 ? failed : 1;
}
