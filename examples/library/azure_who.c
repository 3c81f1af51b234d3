/* SPDX-License-Identifier: Apache-2.0 */
/* Says who regenerated the keys of a resource in the last 24 hours, as far as the Activity Log
 * knows: azure-who RESOURCE_ID
 *
 * Who we are comes from the AZURE_ variables, as with Microsoft's SDKs (azureclient.h lists them);
 * AZURE_CA_FILE and AZURE_RESOURCE_MANAGER point it at a laboratory. Compiles as C and as C++. */
#include <azureclient.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static struct azure_client *client;
static struct http *http;
static int status = 1;

static void on_client_closed(void *context)
{
    (void)context;
    http_close(http, NULL, NULL);
}

static void on_event(const struct azure_key_event *event, const struct failure *failure,
                     void *context)
{
    time_t at = event ? (time_t)(event->at / 1000) : 0;
    struct tm utc;
    char when[32];

    (void)context;
    if (failure) {
        fprintf(stderr, "azure-who: %s\n", failure->text);
    } else if (!event) {
        printf("nobody, or the log does not show it yet: it is up to 20 minutes late\n");
        status = 0;
    } else {
        strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&at, &utc));
        printf("%.*s at %s\n", TEXT_ARG(event->caller), when);
        status = 0;
    }
    azure_client_close(client, on_client_closed, NULL);
}

int main(int argc, char **argv)
{
    static struct azure_settings settings; /* all defaults */
    static struct failure why;
    struct azure_environment *environment;
    int64_t since = ((int64_t)time(NULL) - 24 * 60 * 60) * 1000;
    uv_loop_t loop;

    if (argc != 2) {
        fprintf(stderr, "usage: azure-who RESOURCE_ID\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    settings.credential.method = AZURE_CREDENTIAL_DEFAULT;
    settings.resource_manager = getenv("AZURE_RESOURCE_MANAGER");
    settings.ca_file = getenv("AZURE_CA_FILE");
    if (uv_loop_init(&loop) || !net_global_init(&why) ||
        !azure_settings_from_environment(&settings, getenv, &environment, &why)) {
        fprintf(stderr, "azure-who: %s\n", why.text);
        return 2;
    }
    http = http_open(&loop);
    if (http)
        http_use_environment_proxies(http);
    client = http ? azure_client_open(http, &settings, &why) : NULL;
    azure_environment_free(environment);
    if (!client) {
        fprintf(stderr, "azure-who: %s\n", http ? why.text : "out of memory");
        return 2;
    }
    if (!azure_who_regenerated(client, text_of(argv[1]), since, on_event, NULL))
        azure_client_close(client, on_client_closed, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    net_global_cleanup();
    return status;
}
