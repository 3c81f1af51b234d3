/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/adapters/open_azure.h"

#include "agent/adapters/config.h"

#include <stdlib.h>

static const enum azure_credential_method methods[] = {
    [CONFIG_AZURE_DEFAULT] = AZURE_CREDENTIAL_DEFAULT,
    [CONFIG_AZURE_CLIENT_SECRET] = AZURE_CREDENTIAL_CLIENT_SECRET,
    [CONFIG_AZURE_WORKLOAD_IDENTITY] = AZURE_CREDENTIAL_WORKLOAD_IDENTITY,
    [CONFIG_AZURE_MANAGED_IDENTITY] = AZURE_CREDENTIAL_MANAGED_IDENTITY,
    [CONFIG_AZURE_CLIENT_CERTIFICATE] = AZURE_CREDENTIAL_CLIENT_CERTIFICATE,
    [CONFIG_AZURE_CLI] = AZURE_CREDENTIAL_AZURE_CLI,
};

static bool fill_cloud(const struct config_azure *config, struct azure_settings *settings,
                       struct failure *why)
{
    if (config->cloud && !azure_cloud_named(text_of(config->cloud), settings))
        return failure_set(why, FAILURE_INVALID, "azure.cloud: no cloud \"%s\"", config->cloud);
    if (config->resource_manager)
        settings->resource_manager = config->resource_manager;
    if (config->authority)
        settings->authority = config->authority;
    settings->audience = config->audience;
    settings->ca_file = config->ca_file;
    settings->timeout_ms = (uint32_t)config->timeout_ms;
    return true;
}

/* A file is read by the client whenever it signs in; other places are read now. */
static bool value_of(const struct config_secret *place, const char *what, struct secret **kept,
                     const char **file, struct failure *why)
{
    if (place->place == CONFIG_NOWHERE)
        return true;
    if (place->place == CONFIG_FILE) {
        *file = place->name;
        return true;
    }
    *kept = config_secret_read(place, what, why);
    return *kept != NULL;
}

static struct azure_client *open_with(struct http *http, struct azure_settings *settings,
                                      struct failure *why)
{
    struct azure_environment *environment = NULL;
    struct azure_client *client = NULL;

    if (azure_settings_from_environment(settings, getenv, &environment, why))
        client = azure_client_open(http, settings, why);
    azure_environment_free(environment);
    return client;
}

struct azure_client *open_azure(struct http *http, const struct config_azure *config,
                                struct failure *why)
{
    cleanup_with(secret_clean) struct secret *client_secret = NULL, *password = NULL;
    struct azure_settings settings = {0};
    struct azure_credential *credential = &settings.credential;

    if (!fill_cloud(config, &settings, why))
        return NULL;
    *credential = (struct azure_credential){
        .method = methods[config->method],
        .tenant_id = config->tenant_id,
        .client_id = config->client_id,
        .certificate_file = config->certificate_file,
        .certificate_key_file = config->certificate_key_file,
        .send_certificate_chain = config->send_certificate_chain,
        .federated_token_file = config->federated_token_file,
        .object_id = config->object_id,
        .identity_resource_id = config->identity_resource_id,
        .imds_url = config->imds_url,
    };
    if (!value_of(&config->client_secret, "azure.credential.client_secret", &client_secret,
                  &credential->client_secret_file, why) ||
        !value_of(&config->certificate_password, "azure.credential.certificate_password", &password,
                  &credential->certificate_password_file, why))
        return NULL;
    credential->client_secret = client_secret;
    credential->certificate_password = password;
    return open_with(http, &settings, why);
}

struct azure_client *open_azure_identity(struct http *http, const struct config_azure *config,
                                         const char *audience, struct failure *why)
{
    struct azure_settings settings = {0};

    if (!fill_cloud(config, &settings, why))
        return NULL;
    settings.audience = audience;
    settings.credential.method = AZURE_CREDENTIAL_MANAGED_IDENTITY;
    if (config->method == CONFIG_AZURE_MANAGED_IDENTITY) {
        settings.credential.client_id = config->client_id;
        settings.credential.object_id = config->object_id;
        settings.credential.identity_resource_id = config->identity_resource_id;
    }
    settings.credential.imds_url = config->imds_url;
    return open_with(http, &settings, why);
}
