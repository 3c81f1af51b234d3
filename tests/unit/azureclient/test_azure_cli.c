/* SPDX-License-Identifier: Apache-2.0 */
/* The Azure CLI as a source of tokens, played by a script of that name on a PATH of its own. */
#include "azureclient/client.h"
#include "tests/support/test.h"
#include "tests/unit/azureclient/fake_azure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define TOKEN(more)  "echo '{\"accessToken\":\"canary-TOKEN-1\"," more "}'\n"
#define LASTING      TOKEN("\"expires_on\":4102444800,\"tokenType\":\"Bearer\"")

static const struct fake_step steps[] = {
    {"POST /listKeys", 200, "{\"primaryKey\":\"canary-a\",\"secondaryKey\":\"canary-b\"}"},
};

static struct fake fake;
static char dir[64], az[128], note[128], path[256];
static const char *environment[4];
static const char *tenant, *audience;
static uint32_t timeout_ms;

static void by_cli(struct azure_settings *settings, struct fake *unused)
{
    (void)unused;
    settings->credential = (struct azure_credential){
        .method = AZURE_CREDENTIAL_AZURE_CLI, .tenant_id = tenant, .cli_environment = environment};
    settings->audience = audience;
    settings->timeout_ms = timeout_ms;
}

static void start(const char *script)
{
    FILE *file = fopen(az, "w");

    assert_non_null(file);
    fprintf(file, "#!/bin/sh\n%s", script);
    fclose(file);
    assert_int_equal(chmod(az, 0700), 0);
    unlink(note);
    snprintf(path, sizeof(path), "PATH=%s:/usr/bin:/bin", dir);
    environment[0] = path;
    environment[1] = environment[2] = NULL;
    tenant = NULL;
    audience = "https://management.example";
    timeout_ms = 9000;
}

static void open_client(void)
{
    fake_open(&fake, steps, COUNT(steps), by_cli);
}

static char *noted(void)
{
    static char text[4096];
    FILE *file = fopen(note, "r");

    assert_non_null(file);
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    return text;
}

static void assert_signed_in(void)
{
    open_client();
    fake_list_keys(&fake);
    fake_assert_ok(&fake);
    assert_string_equal(fake_last(&fake, "POST /listKeys")->authorization, "Bearer canary-TOKEN-1");
}

static void assert_refused(enum failure_kind kind, const char *words)
{
    open_client();
    fake_list_keys(&fake);
    FAKE_FAILED(&fake, kind, "cannot list the keys of swin", words);
    assert_int_equal(fake.request_count, 0);
    fake_close(&fake);
}

/* ---- how it is run --------------------------------------------------------------------------- */

TEST(az_is_run_with_a_vector_of_arguments)
{
    start("for a in \"$@\"; do echo \"<$a>\"; done > \"$(dirname \"$0\")/note\"\n" LASTING);
    assert_signed_in();
    assert_string_equal(noted(), "<account>\n<get-access-token>\n<--output>\n<json>\n<--resource>\n"
                                 "<https://management.example>\n");
    fake_close(&fake);
    tenant = "contoso.example";
    audience = "https://x/;touch pwned $(touch pwned) 'a' \"b\"";
    assert_signed_in();
    assert_string_equal(noted(), "<account>\n<get-access-token>\n<--output>\n<json>\n<--resource>\n"
                                 "<https://x/;touch pwned $(touch pwned) 'a' \"b\">\n"
                                 "<--tenant>\n<contoso.example>\n");
    fake_close(&fake);
}

TEST(az_gets_the_environment_it_is_given_and_not_ours)
{
    setenv("CANARY", "canary", 1);
    start("{ env; pwd; } > \"$(dirname \"$0\")/note\"\n" LASTING);
    environment[1] = "HOME=/home/somebody";
    environment[2] = "TZ=Asia/Tokyo";
    assert_signed_in();
    unsetenv("CANARY");
    assert_null(strcasestr(noted(), "canary"));
    assert_non_null(strstr(noted(), "HOME=/home/somebody\n"));
    assert_non_null(strstr(noted(), "TZ=UTC0\n"));
    assert_null(strstr(noted(), "Tokyo"));
    assert_non_null(strstr(noted(), "\n/"));
    fake_close(&fake);
}

TEST(az_reads_nothing_from_our_input)
{
    start("cat > \"$(dirname \"$0\")/note\"\n" LASTING);
    assert_signed_in();
    assert_string_equal(noted(), "");
    fake_close(&fake);
}

TEST(an_argument_that_would_be_an_option_is_refused)
{
    struct azure_settings settings = {
        .credential = {.method = AZURE_CREDENTIAL_AZURE_CLI, .tenant_id = "--debug"}};
    struct failure why = {0};

    start(LASTING);
    open_client();
    assert_null(azure_client_open(fake.http, &settings, &why));
    assert_non_null(strstr(why.text, "cannot be a tenant"));
    settings.credential.tenant_id = NULL;
    settings.audience = "--debug";
    assert_null(azure_client_open(fake.http, &settings, &why));
    assert_non_null(strstr(why.text, "cannot be an audience"));
    fake_close(&fake);
}

/* ---- what it prints -------------------------------------------------------------------------- */

TEST(the_expiry_is_the_one_az_names_in_either_form)
{
    start("echo \"{\\\"accessToken\\\":\\\"canary-TOKEN-1\\\",\\\"expiresOn\\\":"
          "\\\"$(date -d '+2 hours' '+%Y-%m-%d %H:%M:%S.123456')\\\"}\"\n");
    environment[1] = "TZ=Asia/Tokyo";
    assert_signed_in();
    assert_in_range(fake.client->tokens.expires_at - uv_now(&fake.loop), 7100000, 7202000);
    fake_close(&fake);
    start("echo \"{\\\"accessToken\\\":\\\"canary-TOKEN-1\\\",\\\"expiresOn\\\":\\\"x\\\","
          "\\\"expires_on\\\":$(($(date +%s) + 7200))}\"\n");
    assert_signed_in();
    assert_in_range(fake.client->tokens.expires_at - uv_now(&fake.loop), 7100000, 7202000);
    fake_close(&fake);
}

TEST(output_that_is_no_token_is_refused)
{
    static const struct {
        const char *script, *words;
        enum failure_kind kind;
    } cases[] = {
        {"", "no JSON object", FAILURE_PROTOCOL},
        {"echo canary", "no JSON object", FAILURE_PROTOCOL},
        {"echo '[1]'", "no JSON object", FAILURE_PROTOCOL},
        {"echo '{\"accessToken\":\"canary\"}'", "when its token expires", FAILURE_PROTOCOL},
        {"echo '{\"accessToken\":7,\"expires_on\":4102444800}'", "no accessToken",
         FAILURE_PROTOCOL},
        {TOKEN("\"expires_on\":1000"), "already expired", FAILURE_PROTOCOL},
        {TOKEN("\"expiresOn\":\"2001-01-01 00:00:00.000000\""), "already expired",
         FAILURE_PROTOCOL},
        {"echo '{\"accessToken\":\"canary a b\",\"expires_on\":4102444800}'", "is not a token",
         FAILURE_PROTOCOL},
        {"yes canary | head -c 400000", "more than a token can need", FAILURE_TOO_LARGE},
        {"yes canary | head -c 400000 >&2", "more than a token can need", FAILURE_TOO_LARGE},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        start(cases[i].script);
        assert_refused(cases[i].kind, cases[i].words);
    }
}

/* ---- when it does not work ------------------------------------------------------------------- */

TEST(az_that_is_not_there_or_not_for_us_is_said)
{
    start(LASTING);
    unlink(az);
    environment[0] = "PATH=/nonexistent";
    assert_refused(FAILURE_INVALID, "az is not installed");
    start(LASTING);
    snprintf(path, sizeof(path), "PATH=%s", dir);
    chmod(az, 0600);
    assert_refused(FAILURE_INVALID, "az cannot be started: permission denied");
}

TEST(nobody_logged_in_is_said)
{
    start("echo \"ERROR: Please run 'az login' to setup account.\" >&2; exit 1\n");
    assert_refused(FAILURE_DENIED, "nobody is logged in to az: run \"az login\"");
}

TEST(another_failure_is_quoted_in_one_line_without_a_token)
{
    start("printf 'ERROR: bad \\033[31mthing eyJhbGciOiJub25lIn0.eyJjYW5hcnkiOjF9.x\\nsecond\\n' "
          ">&2; exit 3\n");
    open_client();
    fake_list_keys(&fake);
    FAKE_FAILED(&fake, FAILURE_DENIED, "az ended with status 3: ERROR: bad", "thing [token]");
    assert_null(strstr(fake.failure.text, "second"));
    assert_null(strchr(fake.failure.text, '\033'));
    fake_close(&fake);
    start("exit 4\n");
    assert_refused(FAILURE_DENIED, "az ended with status 4");
    start("kill -9 $$\n");
    assert_refused(FAILURE_REMOTE, "az was ended by signal 9");
}

TEST(what_a_failing_az_prints_is_no_token)
{
    start(LASTING "exit 1\n");
    assert_refused(FAILURE_DENIED, "az ended with status 1");
}

TEST(az_that_takes_too_long_is_ended)
{
    start("sleep 1000\n");
    timeout_ms = 200;
    open_client();
    fake_list_keys(&fake);
    FAKE_FAILED(&fake, FAILURE_TIMEOUT, "cannot list the keys of swin");
    fake_close(&fake);
}

static bool is_alive(int pid)
{
    char file[64], line[256] = "";
    FILE *stat;

    snprintf(file, sizeof(file), "/proc/%d/stat", pid);
    stat = fopen(file, "r");
    if (!stat)
        return false;
    if (!fgets(line, sizeof(line), stat))
        line[0] = '\0';
    fclose(stat);
    return line[0] && !strstr(line, ") Z ");
}

TEST(closing_ends_az_and_its_children)
{
    int parent, child;

    start("sleep 1000 &\necho \"$$ $!\" > \"$(dirname \"$0\")/note.new\"\n"
          "mv \"$(dirname \"$0\")/note.new\" \"$(dirname \"$0\")/note\"\nwait\n");
    open_client();
    azure_list_keys(fake.client, azure_key_kind_named(TEXT("azureml-online-endpoint")),
                    TEXT(FAKE_ID), 0, fake_on_keys, &fake);
    while (access(note, F_OK))
        fake_run(&fake, 10);
    assert_int_equal(sscanf(noted(), "%d %d", &parent, &child), 2);
    fake_close(&fake);
    assert_int_equal(fake.kind_count[FAILURE_CANCELED], 1);
    while (is_alive(parent) || is_alive(child))
        usleep(1000);
}

TEST(one_az_serves_all_who_wait_and_is_not_run_again_at_once)
{
    const struct azure_key_kind *kind = azure_key_kind_named(TEXT("azureml-online-endpoint"));

    start("echo x >> \"$(dirname \"$0\")/note\"\nexit 5\n");
    open_client();
    for (int i = 0; i < 20; i++)
        azure_list_keys(fake.client, kind, TEXT(FAKE_ID), 0, fake_on_keys, &fake);
    while (fake.done_count < 20) {
        fake.is_done = false;
        fake_wait(&fake);
    }
    assert_int_equal(fake.kind_count[FAILURE_DENIED], 20);
    fake.client->tokens.not_before += 60000; /* the pause, for a busy machine too */
    fake_list_keys(&fake);
    assert_string_equal(noted(), "x\n");
    fake_close(&fake);
}

int main(void)
{
    int failed;

    strcpy(dir, "/tmp/azureclient-test-XXXXXX");
    if (!mkdtemp(dir))
        return 1;
    snprintf(az, sizeof(az), "%s/az", dir);
    snprintf(note, sizeof(note), "%s/note", dir);
    failed = RUN(
        CASE(az_is_run_with_a_vector_of_arguments),
        CASE(az_gets_the_environment_it_is_given_and_not_ours),
        CASE(az_reads_nothing_from_our_input), CASE(an_argument_that_would_be_an_option_is_refused),
        CASE(the_expiry_is_the_one_az_names_in_either_form),
        CASE(output_that_is_no_token_is_refused), CASE(az_that_is_not_there_or_not_for_us_is_said),
        CASE(nobody_logged_in_is_said), CASE(another_failure_is_quoted_in_one_line_without_a_token),
        CASE(what_a_failing_az_prints_is_no_token), CASE(az_that_takes_too_long_is_ended),
        CASE(closing_ends_az_and_its_children),
        CASE(one_az_serves_all_who_wait_and_is_not_run_again_at_once));
    unlink(az);
    unlink(note);
    rmdir(dir);
    return failed;
}
