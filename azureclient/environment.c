/* SPDX-License-Identifier: Apache-2.0 */
/* Settings from the variables that Microsoft's own libraries read: one table, a row for each. An
 * empty variable is an unset one, as it is for them. */
#include "azureclient/azureclient.h"
#include "azureclient/wire.h"
#include "base/memory.h"

#include <string.h>

/* What az may need of our environment: where it is, where its login is, how to get out. */
static const char *const for_cli[] = {
    "PATH",     "HOME",     "AZURE_CONFIG_DIR",   "HTTPS_PROXY", "https_proxy",
    "NO_PROXY", "no_proxy", "REQUESTS_CA_BUNDLE", "HTTP_PROXY",  "http_proxy",
};
#define FOR_CLI (sizeof(for_cli) / sizeof(for_cli[0]))

struct azure_environment {
    char *strings[16];
    size_t string_count;
    struct secret *secrets[4];
    size_t secret_count;
    char *cli[FOR_CLI + 1]; /* NULL at the end */
};

struct azure_environment *azure_environment_free(struct azure_environment *kept)
{
    if (!kept)
        return NULL;
    for (size_t i = 0; i < kept->string_count; i++)
        memory_free(kept->strings[i]);
    for (size_t i = 0; i < kept->secret_count; i++)
        secret_free(kept->secrets[i]);
    for (size_t i = 0; i < FOR_CLI; i++)
        memory_free(kept->cli[i]);
    memory_free(kept);
    return NULL;
}

/* ---- one variable ---------------------------------------------------------------------------- */

struct filling {
    char *(*get)(const char *name);
    struct azure_environment *kept;
    struct failure *why;
};

static const char *value_of(const struct filling *filling, const char *name)
{
    const char *value = filling->get(name);

    return value && *value ? value : NULL;
}

/* Leaves a setting that is there alone. */
static bool fill(struct filling *filling, const char **setting, const char *name)
{
    const char *value = value_of(filling, name);
    char *copy;

    if (*setting || !value)
        return true;
    copy = memory_string(value);
    if (!copy)
        return failure_out_of_memory(filling->why);
    filling->kept->strings[filling->kept->string_count++] = copy;
    *setting = copy;
    return true;
}

static bool fill_url(struct filling *filling, const char **setting, const char *name)
{
    const char *value = value_of(filling, name);
    struct text origin, target;

    if (!*setting && value && !wire_split_url(text_of(value), &origin, &target))
        return failure_set(filling->why, FAILURE_INVALID,
                           "%s is not a URL like https://host[:port]", name);
    return fill(filling, setting, name);
}

static bool fill_secret(struct filling *filling, const struct secret **setting, const char *name)
{
    const char *value = value_of(filling, name);
    struct secret *secret;

    if (*setting || !value)
        return true;
    secret = secret_new(text_of(value));
    if (!secret)
        return failure_out_of_memory(filling->why);
    filling->kept->secrets[filling->kept->secret_count++] = secret;
    *setting = secret;
    return true;
}

/* ---- groups of them -------------------------------------------------------------------------- */

static bool fill_application(struct filling *filling, struct azure_credential *credential)
{
    bool had_certificate = credential->certificate_file;
    const char *chain;

    if (!fill(filling, &credential->tenant_id, "AZURE_TENANT_ID") ||
        !fill(filling, &credential->client_id, "AZURE_CLIENT_ID") ||
        !fill(filling, &credential->federated_token_file, "AZURE_FEDERATED_TOKEN_FILE") ||
        !fill(filling, &credential->token_credentials, "AZURE_TOKEN_CREDENTIALS") ||
        !fill(filling, &credential->certificate_file, "AZURE_CLIENT_CERTIFICATE_PATH"))
        return false;
    if (!credential->client_secret_file &&
        !fill_secret(filling, &credential->client_secret, "AZURE_CLIENT_SECRET"))
        return false;
    /* The password and the chain are of the certificate the environment names, of no other. */
    if (had_certificate)
        return true;
    chain = value_of(filling, "AZURE_CLIENT_SEND_CERTIFICATE_CHAIN");
    if (chain && (!strcmp(chain, "1") || text_equal_ignoring_case(text_of(chain), TEXT("true"))))
        credential->send_certificate_chain = true;
    return credential->certificate_password_file ||
           fill_secret(filling, &credential->certificate_password,
                       "AZURE_CLIENT_CERTIFICATE_PASSWORD");
}

/* Whoever says where the identity is does not want the machine's other ideas about it. */
static bool fill_identity(struct filling *filling, struct azure_credential *credential)
{
    if (credential->imds_url || credential->identity_endpoint || credential->msi_endpoint)
        return true;
    return fill_url(filling, &credential->imds_url, "AZURE_POD_IDENTITY_AUTHORITY_HOST") &&
           fill_url(filling, &credential->identity_endpoint, "IDENTITY_ENDPOINT") &&
           fill_url(filling, &credential->imds_endpoint, "IMDS_ENDPOINT") &&
           fill_url(filling, &credential->msi_endpoint, "MSI_ENDPOINT") &&
           fill_secret(filling, &credential->identity_header, "IDENTITY_HEADER") &&
           fill_secret(filling, &credential->msi_secret, "MSI_SECRET") &&
           fill(filling, &credential->identity_server_thumbprint, "IDENTITY_SERVER_THUMBPRINT") &&
           fill(filling, &credential->ml_client_id, "DEFAULT_IDENTITY_CLIENT_ID");
}

static bool fill_cli(struct filling *filling, struct azure_credential *credential)
{
    char **cli = filling->kept->cli;
    const char *value;
    size_t count = 0;

    if (credential->cli_environment)
        return true;
    for (size_t i = 0; i < FOR_CLI; i++) {
        value = value_of(filling, for_cli[i]);
        if (value && !(cli[count++] = memory_print("%s=%s", for_cli[i], value)))
            return failure_out_of_memory(filling->why);
    }
    credential->cli_environment = (const char *const *)cli;
    return true;
}

bool azure_settings_from_environment(struct azure_settings *settings,
                                     char *(*get)(const char *name),
                                     struct azure_environment **kept, struct failure *why)
{
    struct azure_settings filled = *settings;
    struct filling filling = {get, memory_zeroed(1, sizeof(struct azure_environment)), why};

    if (!filling.kept)
        return failure_out_of_memory(why);
    if (!fill_application(&filling, &filled.credential) ||
        !fill_url(&filling, &filled.authority, "AZURE_AUTHORITY_HOST") ||
        !fill_identity(&filling, &filled.credential) || !fill_cli(&filling, &filled.credential)) {
        azure_environment_free(filling.kept);
        return false;
    }
    *settings = filled;
    *kept = filling.kept;
    return true;
}
