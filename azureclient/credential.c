/* SPDX-License-Identifier: Apache-2.0 */
/* The copy of the owner's settings, and the table of the methods. */
#include "azureclient/credential.h"
#include "base/memory.h"

#include <string.h>

#define TARGET_LIMIT ((size_t)8 << 10)
#define PROBE_MS     1000 /* Microsoft's libraries wait as long for IMDS */

struct credential_method {
    const char *name;
    enum token_issuer issuer;
    const char *(*lacks)(const struct credential *credential);
    bool (*request)(const struct credential *credential, const struct token_occasion *occasion,
                    struct token_request *ret, struct failure *why);
};

static const char *lacks_nothing(const struct credential *credential)
{
    (void)credential;
    return NULL;
}

static const struct credential_method methods[] = {
    [AZURE_CREDENTIAL_CLIENT_SECRET] = {"client secret", ISSUER_ENTRA, client_secret_lacks,
                                        client_secret_request},
    [AZURE_CREDENTIAL_CLIENT_CERTIFICATE] = {"client certificate", ISSUER_ENTRA,
                                             client_certificate_lacks, client_certificate_request},
    [AZURE_CREDENTIAL_WORKLOAD_IDENTITY] = {"workload identity", ISSUER_ENTRA,
                                            workload_identity_lacks, workload_identity_request},
    [AZURE_CREDENTIAL_MANAGED_IDENTITY] = {"managed identity", ISSUER_IDENTITY,
                                           managed_identity_lacks, managed_identity_request},
    [AZURE_CREDENTIAL_AZURE_CLI] = {"Azure CLI", ISSUER_CLI, lacks_nothing, NULL},
};

/* ---- what the table says --------------------------------------------------------------------- */

bool credential_is_chain(const struct credential *credential)
{
    return credential->end - credential->first > 1;
}

const char *credential_name(unsigned method)
{
    return methods[method].name;
}

enum token_issuer credential_issuer(unsigned method)
{
    return methods[method].issuer;
}

const char *credential_issuer_name(const struct credential *credential, unsigned method)
{
    switch (methods[method].issuer) {
    case ISSUER_ENTRA:
        return credential->authority;
    case ISSUER_IDENTITY:
        return credential->identity_origin;
    case ISSUER_CLI:
        break;
    }
    return "the Azure CLI";
}

const char *credential_lacks(const struct credential *credential, unsigned method)
{
    return methods[method].lacks(credential);
}

/* ---- life ------------------------------------------------------------------------------------ */

/* NULL and "" are both "not given". */
static bool copy(const char *from, char **to)
{
    if (!from || !*from)
        return true;
    *to = memory_string(from);
    return *to;
}

static bool copy_secret(const struct secret *from, struct secret **to)
{
    if (from)
        *to = secret_copy(from);
    return !from || *to;
}

/* Without a slash at its end. */
static bool copy_url(const char *from, const char *fallback, char **to)
{
    struct text url = text_of(from && *from ? from : fallback);

    while (url.size && url.start[url.size - 1] == '/')
        url.size--;
    *to = text_copy(url);
    return *to;
}

/* With a time zone of ours: az prints local times. */
static bool copy_environment(const char *const *from, char ***to)
{
    static const char *const bare[] = {"PATH=/usr/local/bin:/usr/bin:/bin", NULL};
    size_t count = 0, kept = 0;

    from = from ? from : bare;
    while (from[count])
        count++;
    *to = memory_zeroed(count + 2, sizeof(**to));
    if (!*to || !((*to)[kept++] = memory_string("TZ=UTC0")))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!text_starts_with(text_of(from[i]), TEXT("TZ=")) &&
            !((*to)[kept++] = memory_string(from[i])))
            return false;
    return true;
}

static bool copy_all(struct credential *credential, const struct azure_settings *settings)
{
    const struct azure_credential *from = &settings->credential;

    credential->send_certificate_chain = from->send_certificate_chain;
    credential->sign_with_rs256 = from->sign_with_rs256;
    return copy(from->tenant_id, &credential->tenant_id) &&
           copy(from->client_id, &credential->client_id) &&
           copy(from->client_secret_file, &credential->client_secret_file) &&
           copy(from->certificate_file, &credential->certificate_file) &&
           copy(from->certificate_key_file, &credential->certificate_key_file) &&
           copy(from->certificate_password_file, &credential->certificate_password_file) &&
           copy(from->federated_token_file, &credential->federated_token_file) &&
           copy_secret(from->client_secret, &credential->client_secret) &&
           copy_secret(from->certificate_password, &credential->certificate_password) &&
           copy_environment(from->cli_environment, &credential->cli_environment) &&
           copy_url(settings->authority, "https://login.microsoftonline.com",
                    &credential->authority) &&
           copy_url(settings->audience ? settings->audience : settings->resource_manager,
                    "https://management.azure.com", &credential->audience);
}

/* It becomes a segment of a URL, and an argument of az. */
static bool is_tenant(const char *tenant)
{
    return strspn(tenant, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") ==
               strlen(tenant) &&
           !strstr(tenant, "..") && tenant[0] != '.' && tenant[0] != '-';
}

static bool check(const struct credential *credential, struct failure *why)
{
    const char *lacks;

    if (credential->tenant_id && !is_tenant(credential->tenant_id))
        return failure_set(why, FAILURE_INVALID, "\"%s\" cannot be a tenant: a GUID or a domain",
                           credential->tenant_id);
    if (credential->audience[0] == '-')
        return failure_set(why, FAILURE_INVALID, "\"%s\" cannot be an audience: a URL",
                           credential->audience);
    if (credential_is_chain(credential))
        return true;
    lacks = credential_lacks(credential, credential->first);
    return !lacks || failure_set(why, FAILURE_INVALID, "signing in to Azure by %s needs %s",
                                 credential_name(credential->first), lacks);
}

/* Which methods may be tried, by Microsoft's names for them. */
static bool choose(struct credential *credential, const struct azure_credential *from,
                   struct failure *why)
{
    static const struct {
        const char *name;
        unsigned first, end;
    } choices[] = {
        {"", 0, AZURE_CREDENTIAL_DEFAULT},
        {"prod", 0, AZURE_CREDENTIAL_AZURE_CLI},
        {"dev", AZURE_CREDENTIAL_AZURE_CLI, AZURE_CREDENTIAL_DEFAULT},
        {"EnvironmentCredential", 0, AZURE_CREDENTIAL_WORKLOAD_IDENTITY},
        {"WorkloadIdentityCredential", AZURE_CREDENTIAL_WORKLOAD_IDENTITY,
         AZURE_CREDENTIAL_MANAGED_IDENTITY},
        {"ManagedIdentityCredential", AZURE_CREDENTIAL_MANAGED_IDENTITY,
         AZURE_CREDENTIAL_AZURE_CLI},
        {"AzureCliCredential", AZURE_CREDENTIAL_AZURE_CLI, AZURE_CREDENTIAL_DEFAULT},
    };
    struct text name = text_of(from->token_credentials);

    credential->first = from->method;
    credential->end = from->method + 1;
    if (from->method != AZURE_CREDENTIAL_DEFAULT)
        return true;
    for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++) {
        if (!text_equal_ignoring_case(name, text_of(choices[i].name)))
            continue;
        credential->first = choices[i].first;
        credential->end = choices[i].end;
        return true;
    }
    return failure_set(why, FAILURE_INVALID,
                       "AZURE_TOKEN_CREDENTIALS \"%.*s\" is not known here: prod, dev, "
                       "EnvironmentCredential, WorkloadIdentityCredential, "
                       "ManagedIdentityCredential or AzureCliCredential",
                       TEXT_ARG(name));
}

bool credential_init(struct credential *credential, const struct azure_settings *settings,
                     struct failure *why)
{
    const struct azure_credential *from = &settings->credential;

    *credential = (struct credential){.probe_ms = PROBE_MS};
    if (!choose(credential, from, why))
        return false;
    if (!copy_all(credential, settings)) {
        failure_out_of_memory(why);
        goto fail;
    }
    if (!managed_identity_init(credential, from, why) || !check(credential, why))
        goto fail;
    return true;
fail:
    credential_clear(credential);
    return false;
}

void credential_clear(struct credential *credential)
{
    memory_free(credential->tenant_id);
    memory_free(credential->client_id);
    memory_free(credential->client_secret_file);
    memory_free(credential->certificate_file);
    memory_free(credential->certificate_key_file);
    memory_free(credential->certificate_password_file);
    memory_free(credential->federated_token_file);
    memory_free(credential->authority);
    memory_free(credential->audience);
    memory_free(credential->identity_origin);
    memory_free(credential->identity_path);
    memory_free(credential->identity_thumbprint);
    memory_free(credential->identity_parameter);
    memory_free(credential->identity_id);
    for (size_t i = 0; credential->cli_environment && credential->cli_environment[i]; i++)
        memory_free(credential->cli_environment[i]);
    memory_free(credential->cli_environment);
    secret_free(credential->client_secret);
    secret_free(credential->certificate_password);
    secret_free(credential->identity_secret);
    *credential = (struct credential){0};
}

/* ---- requests -------------------------------------------------------------------------------- */

bool credential_request(const struct credential *credential, unsigned method,
                        const struct token_occasion *occasion, struct token_request *ret,
                        struct failure *why)
{
    *ret = (struct token_request){0};
    buffer_init(&ret->target, TARGET_LIMIT);
    buffer_init(&ret->body, 8 * CREDENTIAL_FILE_LIMIT);
    token_request_header(ret, "Accept", TEXT("application/json"), NULL);
    if (!methods[method].request(credential, occasion, ret, why)) {
        token_request_clear(ret);
        return false;
    }
    if (buffer_ok(&ret->target) && buffer_ok(&ret->body))
        return true;
    token_request_clear(ret);
    return failure_set(why, FAILURE_INVALID, "the token request is too large");
}

void token_request_clear(struct token_request *request)
{
    buffer_clear(&request->target);
    buffer_clear(&request->body);
    request->sent = secret_free(request->sent);
}

void token_request_header(struct token_request *request, const char *name, struct text value,
                          const struct secret *secret)
{
    request->headers[request->header_count++] = (struct http_header){name, value, secret};
}
