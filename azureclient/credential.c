/* SPDX-License-Identifier: Apache-2.0 */
/* How each method asks for a token: a table of methods, each a check of what it needs and the
 * request it makes. Files are read for each request, since others replace them while we run. */
#include "azureclient/client.h"
#include "azureclient/wire.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define FILE_LIMIT   ((size_t)64 << 10)
#define TARGET_LIMIT ((size_t)8 << 10)
#define ASSERTION    "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

struct credential_method {
    const char *name, *needs;
    bool is_imds;
    bool (*is_complete)(const struct credential *credential);
    bool (*request)(const struct credential *credential, struct token_request *ret,
                    struct failure *why);
};

/* ---- files ----------------------------------------------------------------------------------- */

static bool read_all(int fd, struct buffer *out)
{
    char part[4096];
    ssize_t size;

    while ((size = read(fd, part, sizeof(part))) > 0)
        buffer_append(out, (struct text){part, (size_t)size});
    wipe(part, sizeof(part));
    return size == 0;
}

/* The file's contents without white space at its ends: editors and Kubernetes leave a newline. */
static struct secret *read_secret(const char *path, const char *what, struct failure *why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct secret *secret = NULL;
    struct buffer contents;
    struct text value;

    if (fd < 0) {
        failure_set(why, FAILURE_INVALID, "cannot read the %s %s: %s", what, path, strerror(errno));
        return NULL;
    }
    buffer_init(&contents, FILE_LIMIT);
    if (!read_all(fd, &contents)) {
        failure_set(why, FAILURE_INVALID, "cannot read the %s %s: %s", what, path, strerror(errno));
        goto out;
    }
    value = text_trim(buffer_text(&contents));
    if (!buffer_ok(&contents))
        failure_set(why, FAILURE_INVALID, "the %s %s is larger than 64 KiB", what, path);
    else if (!value.size)
        failure_set(why, FAILURE_INVALID, "the %s %s is empty", what, path);
    else if (!(secret = secret_new(value)))
        failure_out_of_memory(why);
out:
    buffer_clear(&contents);
    close(fd);
    return secret;
}

/* ---- Entra ----------------------------------------------------------------------------------- */

static void append_field(struct buffer *form, const char *name, struct text value)
{
    if (form->size)
        buffer_append_byte(form, '&');
    buffer_append_string(form, name);
    buffer_append_byte(form, '=');
    buffer_append_percent_encoded(form, value, false);
}

static void begin_entra(const struct credential *credential, struct token_request *ret)
{
    struct buffer scope;

    buffer_init(&scope, TARGET_LIMIT);
    buffer_printf(&scope, "%s/.default", credential->audience);
    buffer_printf(&ret->target, "/%s/oauth2/v2.0/token", credential->tenant_id);
    append_field(&ret->body, "client_id", text_of(credential->client_id));
    append_field(&ret->body, "grant_type", TEXT("client_credentials"));
    append_field(&ret->body, "scope", buffer_text(&scope));
    ret->is_form = true;
    buffer_clear(&scope);
}

static bool has_client_secret(const struct credential *credential)
{
    return credential->tenant_id && credential->client_id &&
           (credential->client_secret || credential->client_secret_file);
}

static bool request_by_client_secret(const struct credential *credential, struct token_request *ret,
                                     struct failure *why)
{
    ret->sent = credential->client_secret
                    ? secret_copy(credential->client_secret)
                    : read_secret(credential->client_secret_file, "client secret file", why);
    if (!ret->sent)
        return !credential->client_secret ? false : failure_out_of_memory(why);
    begin_entra(credential, ret);
    append_field(&ret->body, "client_secret", secret_reveal(ret->sent));
    return true;
}

static bool has_federated_token(const struct credential *credential)
{
    return credential->tenant_id && credential->client_id && credential->federated_token_file;
}

static bool request_by_federated_token(const struct credential *credential,
                                       struct token_request *ret, struct failure *why)
{
    ret->sent = read_secret(credential->federated_token_file, "federated token file", why);
    if (!ret->sent)
        return false;
    begin_entra(credential, ret);
    append_field(&ret->body, "client_assertion_type", TEXT(ASSERTION));
    append_field(&ret->body, "client_assertion", secret_reveal(ret->sent));
    return true;
}

/* ---- IMDS ------------------------------------------------------------------------------------ */

static bool needs_nothing(const struct credential *credential)
{
    (void)credential;
    return true;
}

static bool request_by_managed_identity(const struct credential *credential,
                                        struct token_request *ret, struct failure *why)
{
    (void)why;
    buffer_append_string(&ret->target,
                         "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=");
    buffer_append_percent_encoded(&ret->target, text_of(credential->audience), false);
    if (credential->client_id) {
        buffer_append_string(&ret->target, "&client_id=");
        buffer_append_percent_encoded(&ret->target, text_of(credential->client_id), false);
    }
    ret->is_imds = true;
    return true;
}

/* ---- the table ------------------------------------------------------------------------------- */

static const struct credential_method methods[] = {
    [AZURE_CREDENTIAL_CLIENT_SECRET] =
        {"client secret", "a tenant id, a client id and a client secret (or its file)", false,
         has_client_secret, request_by_client_secret},
    [AZURE_CREDENTIAL_WORKLOAD_IDENTITY] = {"workload identity",
                                            "a tenant id, a client id and a federated token file",
                                            false, has_federated_token, request_by_federated_token},
    [AZURE_CREDENTIAL_MANAGED_IDENTITY] = {"managed identity", "nothing", true, needs_nothing,
                                           request_by_managed_identity},
};

static const struct credential_method *choose(const struct credential *credential)
{
    const struct credential_method *method = methods;

    while (!method->is_complete(credential))
        method++;
    return method;
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

/* Without a slash at its end. */
static bool copy_url(const char *from, const char *fallback, char **to)
{
    struct text url = text_of(from && *from ? from : fallback);

    while (url.size && url.start[url.size - 1] == '/')
        url.size--;
    *to = text_copy(url);
    return *to;
}

/* It becomes a segment of a URL. */
static bool is_tenant(const char *tenant)
{
    return strspn(tenant, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") ==
               strlen(tenant) &&
           !strstr(tenant, "..") && tenant[0] != '.';
}

static bool copy_all(struct credential *credential, const struct azure_settings *settings,
                     struct failure *why)
{
    const struct azure_credential *from = &settings->credential;

    if (!copy(from->tenant_id, &credential->tenant_id) ||
        !copy(from->client_id, &credential->client_id) ||
        !copy(from->client_secret_file, &credential->client_secret_file) ||
        !copy(from->federated_token_file, &credential->federated_token_file) ||
        !copy_url(settings->audience ? settings->audience : settings->resource_manager,
                  "https://management.azure.com", &credential->audience))
        return failure_out_of_memory(why);
    if (from->client_secret && !(credential->client_secret = secret_copy(from->client_secret)))
        return failure_out_of_memory(why);
    return true;
}

bool credential_init(struct credential *credential, const struct azure_settings *settings,
                     struct failure *why)
{
    const struct azure_credential *from = &settings->credential;

    *credential = (struct credential){0};
    if (!copy_all(credential, settings, why))
        goto fail;
    if (credential->tenant_id && !is_tenant(credential->tenant_id)) {
        failure_set(why, FAILURE_INVALID, "\"%s\" cannot be a tenant: a GUID or a domain",
                    credential->tenant_id);
        goto fail;
    }
    credential->method =
        from->method == AZURE_CREDENTIAL_DEFAULT ? choose(credential) : &methods[from->method];
    if (!credential->method->is_complete(credential)) {
        failure_set(why, FAILURE_INVALID, "signing in to Azure by %s needs %s",
                    credential->method->name, credential->method->needs);
        goto fail;
    }
    if (!(credential->method->is_imds
              ? copy_url(from->imds_url, "http://169.254.169.254", &credential->authority)
              : copy_url(settings->authority, "https://login.microsoftonline.com",
                         &credential->authority))) {
        failure_out_of_memory(why);
        goto fail;
    }
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
    memory_free(credential->federated_token_file);
    memory_free(credential->authority);
    memory_free(credential->audience);
    secret_free(credential->client_secret);
    *credential = (struct credential){0};
}

bool credential_is_imds(const struct credential *credential)
{
    return credential->method->is_imds;
}

bool credential_request(const struct credential *credential, struct token_request *ret,
                        struct failure *why)
{
    *ret = (struct token_request){0};
    buffer_init(&ret->target, TARGET_LIMIT);
    buffer_init(&ret->body, 4 * FILE_LIMIT);
    if (!credential->method->request(credential, ret, why)) {
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
