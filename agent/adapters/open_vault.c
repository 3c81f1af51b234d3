/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/adapters/open_vault.h"

#include "agent/adapters/config.h"
#include "base/memory.h"

#include <stdlib.h>

struct kept {
    struct secret *token, *role_id, *secret_id, *jwt, *password;
    struct vault_mount *mounts;
};

static void kept_clean(struct kept *kept)
{
    secret_free(kept->token);
    secret_free(kept->role_id);
    secret_free(kept->secret_id);
    secret_free(kept->jwt);
    secret_free(kept->password);
    memory_free(kept->mounts);
}

/* A file is read by the client whenever it logs in; other places are read now. */
static bool value_of(const struct config_secret *place, const char *what, struct secret **kept,
                     struct vault_value *value, struct failure *why)
{
    if (place->place == CONFIG_NOWHERE)
        return true;
    if (place->place == CONFIG_FILE) {
        value->file = place->name;
        return true;
    }
    *kept = config_secret_read(place, what, why);
    value->value = *kept;
    return *kept != NULL;
}

static bool fill_auth(const struct config_vault *config, struct vault_auth *auth, struct kept *kept,
                      struct failure *why)
{
    static const enum vault_auth_method methods[] = {
        [CONFIG_VAULT_TOKEN] = VAULT_AUTH_TOKEN,
        [CONFIG_VAULT_TOKEN_FILE] = VAULT_AUTH_TOKEN_FILE,
        [CONFIG_VAULT_APPROLE] = VAULT_AUTH_APPROLE,
        [CONFIG_VAULT_KUBERNETES] = VAULT_AUTH_KUBERNETES,
        [CONFIG_VAULT_JWT] = VAULT_AUTH_JWT,
        [CONFIG_VAULT_CERT] = VAULT_AUTH_CERT,
        [CONFIG_VAULT_USERPASS] = VAULT_AUTH_USERPASS,
        [CONFIG_VAULT_AZURE] = VAULT_AUTH_AZURE,
    };

    if (!config->has_auth)
        return true; /* the environment's token */
    auth->method = methods[config->method];
    auth->mount = config->mount;
    auth->role = config->role;
    auth->role_name = config->role;
    auth->secret_id_is_wrapped = config->secret_id_is_wrapped;
    auth->secret_id_is_removed = config->secret_id_is_removed;
    auth->secret_id_is_spared = config->secret_id_is_spared;
    auth->token.file = config->token_file;
    auth->jwt.file = config->token_path;
    auth->username = config->username;
    auth->azure_subscription_id = config->subscription_id;
    auth->azure_resource_group_name = config->resource_group_name;
    auth->azure_vm_name = config->vm_name;
    auth->azure_vmss_name = config->vmss_name;
    if (config->role_id_text) {
        kept->role_id = secret_new(text_of(config->role_id_text));
        auth->role_id.value = kept->role_id;
        if (!kept->role_id)
            return failure_out_of_memory(why);
    }
    return value_of(&config->token, "vault.auth.token", &kept->token, &auth->token, why) &&
           value_of(&config->role_id, "vault.auth.role_id", &kept->role_id, &auth->role_id, why) &&
           value_of(&config->secret_id, "vault.auth.secret_id", &kept->secret_id, &auth->secret_id,
                    why) &&
           value_of(&config->jwt, "vault.auth.jwt", &kept->jwt, &auth->jwt, why) &&
           value_of(&config->password, "vault.auth.password", &kept->password, &auth->password,
                    why);
}

/* What the bindings say of their mounts. */
static bool fill_mounts(const struct config *config, struct vault_settings *settings,
                        struct kept *kept, struct failure *why)
{
    size_t room = config->binding_count ? config->binding_count : 1, count = 0;

    kept->mounts = memory_zeroed(room, sizeof(*kept->mounts));
    if (!kept->mounts)
        return failure_out_of_memory(why);
    for (size_t i = 0; i < config->binding_count; i++)
        if (config->bindings[i].kv_version)
            kept->mounts[count++] = (struct vault_mount){config->bindings[i].mount,
                                                         (int)config->bindings[i].kv_version};
    settings->mounts = kept->mounts;
    settings->mount_count = count;
    return true;
}

struct vault_client *open_vault(struct http *http, const struct config *config,
                                struct vault_identity identity, struct failure *why)
{
    const struct config_vault *vault = &config->vault;
    cleanup_with(kept_clean) struct kept kept = {0};
    struct vault_environment *environment = NULL;
    struct vault_client *client = NULL;
    struct vault_settings settings = {
        .address = vault->address,
        .more_addresses = (const char *const *)vault->more_addresses,
        .more_address_count = (unsigned)vault->more_address_count,
        .stays_put = !vault->follows_redirects,
        .namespace_path = vault->namespace_path,
        .ca_file = vault->ca_file,
        .ca_folder = vault->ca_folder,
        .client_cert_file = vault->client_cert_file,
        .client_key_file = vault->client_key_file,
        .server_name = vault->server_name,
        .timeout_ms = (uint32_t)vault->timeout_ms,
    };

    /* Elsewhere it would stand in for the file in which a pod finds its token. */
    if (vault->has_auth && vault->method == CONFIG_VAULT_AZURE)
        settings.auth.identity = identity;
    if (fill_auth(vault, &settings.auth, &kept, why) &&
        fill_mounts(config, &settings, &kept, why) &&
        vault_settings_from_environment(&settings, getenv, &environment, why))
        client = vault_client_open(http, &settings, why);
    vault_environment_free(environment);
    return client;
}
