/* SPDX-License-Identifier: Apache-2.0 */
/* Settings from the AZURE_ variables that Microsoft's own libraries read. An empty variable is an
 * unset one, as it is for them. */
#include "azureclient/azureclient.h"
#include "azureclient/wire.h"
#include "base/memory.h"

#include <string.h>

struct azure_environment {
    char *tenant_id, *client_id, *federated_token_file, *authority, *imds_url;
    struct secret *client_secret;
};

struct azure_environment *azure_environment_free(struct azure_environment *kept)
{
    if (!kept)
        return NULL;
    memory_free(kept->tenant_id);
    memory_free(kept->client_id);
    memory_free(kept->federated_token_file);
    memory_free(kept->authority);
    memory_free(kept->imds_url);
    secret_free(kept->client_secret);
    memory_free(kept);
    return NULL;
}

/* Leaves a setting that is there alone. */
static bool fill(const char **setting, const char *value, char **kept, struct failure *why)
{
    if (*setting || !value || !*value)
        return true;
    *kept = memory_string(value);
    *setting = *kept;
    return *kept || failure_out_of_memory(why);
}

static bool fill_url(const char **setting, char *(*get)(const char *name), const char *name,
                     char **kept, struct failure *why)
{
    const char *value = get(name);
    struct text origin, target;

    if (!*setting && value && *value && !wire_split_url(text_of(value), &origin, &target))
        return failure_set(why, FAILURE_INVALID, "%s is not a URL like https://host[:port]", name);
    return fill(setting, value, kept, why);
}

static bool fill_secret(struct azure_credential *credential, const char *value,
                        struct azure_environment *kept, struct failure *why)
{
    if (credential->client_secret || credential->client_secret_file || !value || !*value)
        return true;
    kept->client_secret = secret_new(text_of(value));
    credential->client_secret = kept->client_secret;
    return kept->client_secret || failure_out_of_memory(why);
}

bool azure_settings_from_environment(struct azure_settings *settings,
                                     char *(*get)(const char *name),
                                     struct azure_environment **kept, struct failure *why)
{
    struct azure_environment *fresh = memory_zeroed(1, sizeof(*fresh));
    struct azure_settings filled = *settings;
    struct azure_credential *credential = &filled.credential;

    if (!fresh)
        return failure_out_of_memory(why);
    if (!fill(&credential->tenant_id, get("AZURE_TENANT_ID"), &fresh->tenant_id, why) ||
        !fill(&credential->client_id, get("AZURE_CLIENT_ID"), &fresh->client_id, why) ||
        !fill_secret(credential, get("AZURE_CLIENT_SECRET"), fresh, why) ||
        !fill(&credential->federated_token_file, get("AZURE_FEDERATED_TOKEN_FILE"),
              &fresh->federated_token_file, why) ||
        !fill_url(&filled.authority, get, "AZURE_AUTHORITY_HOST", &fresh->authority, why) ||
        !fill_url(&credential->imds_url, get, "AZURE_POD_IDENTITY_AUTHORITY_HOST", &fresh->imds_url,
                  why)) {
        azure_environment_free(fresh);
        return false;
    }
    *settings = filled;
    *kept = fresh;
    return true;
}
