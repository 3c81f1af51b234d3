/* SPDX-License-Identifier: Apache-2.0 */
/* The client through a real `bao proxy` on a Unix socket, which answers 412 to whoever does not say
 * that the request is meant for it. */
#include "openbao_scene.h"
#include "tests/support/test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void write_config(const char *path, const char *socket)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fprintf(file,
            "vault { address = \"%s\" ca_cert = \"%s\" }\n"
            "listener \"unix\" { address = \"%s\" tls_disable = true require_request_header = true "
            "}\n",
            given("OPENBAO_ADDR"), given("OPENBAO_CACERT"), socket);
    fclose(file);
}

static pid_t start_proxy(const char *config, const char *log)
{
    char option[300];
    pid_t pid;

    snprintf(option, sizeof option, "-config=%s", config);
    pid = fork();
    assert_true(pid >= 0);
    if (pid)
        return pid;
    /* It ends with us, has a home of its own, and puts nothing on our TAP. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || !freopen(log, "w", stdout) ||
        dup2(STDOUT_FILENO, STDERR_FILENO) < 0)
        _exit(126);
    setenv("HOME", given("OPENBAO_DIR"), 1);
    execl(given("OPENBAO_BIN"), "bao", "proxy", option, (char *)NULL);
    _exit(127);
}

TEST(a_proxy_on_a_unix_socket_is_read_and_written_through)
{
    struct scene *scene = scene_open();
    struct secret *token = secret_new(text_of(given("OPENBAO_ROOT_TOKEN")));
    char config[200], socket[200], log[200], address[220];
    struct vault_settings settings = {
        .address = address, .timeout_ms = 30000, .auth.token.value = token};
    struct vault_version none = {0};
    struct failure why = {0};
    struct vault_outcome outcome;
    struct vault_client *client;
    pid_t proxy;

    snprintf(config, sizeof config, "%s/proxy.hcl", given("OPENBAO_DIR"));
    snprintf(socket, sizeof socket, "%s/proxy.sock", given("OPENBAO_DIR"));
    snprintf(log, sizeof log, "%s/proxy.log", given("OPENBAO_DIR"));
    snprintf(address, sizeof address, "unix://%s", socket);
    write_config(config, socket);
    proxy = start_proxy(config, log);
    client = vault_client_open(scene->http, &settings, &why);
    assert_string_equal(why.text, "");
    secret_free(token);

    while (access(socket, F_OK) != 0) {
        assert_int_equal(waitpid(proxy, NULL, WNOHANG), 0);
        vault_idle(&scene->loop, 10);
    }
    outcome = vault_set_field(&scene->loop, client, "proxy/a", "k", "through it", &none);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_int_equal(outcome.version.version, 1);
    outcome = vault_field_of(&scene->loop, client, "proxy/a", "k", 0);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_string_equal(outcome.value, "through it");
    outcome = vault_set_field(&scene->loop, client, "proxy/a", "k", "again", &none);
    expect_kind(&outcome, FAILURE_CONFLICT, "check-and-set");

    kill(proxy, SIGKILL);
    assert_int_equal(waitpid(proxy, NULL, 0), proxy);
    outcome = vault_field_of(&scene->loop, client, "proxy/a", "k", 0);
    expect_kind(&outcome, FAILURE_NETWORK, socket);
    vault_shut(&scene->loop, client, 100);
    scene_close(scene);
}

int main(void)
{
    alarm(100); /* a proxy that never comes up is a failure, not a wait */
    return RUN(CASE(a_proxy_on_a_unix_socket_is_read_and_written_through));
}
