/* SPDX-License-Identifier: Apache-2.0 */
/* What we log in with: values of our own, or files that are read when needed, since whoever rotates
 * a credential replaces its file. */
#include "vaultclient/internal.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define FILE_LIMIT 65536

static bool credential_init(struct credential *credential, const struct vault_value *given)
{
    if (given->value && !(credential->value = secret_copy(given->value)))
        return false;
    return !given->file || (credential->file = memory_string(given->file));
}

static void credential_clear(struct credential *credential)
{
    credential->value = secret_free(credential->value);
    memory_free(credential->file);
    credential->file = NULL;
}

bool vault_credential_is_set(const struct credential *credential)
{
    return credential->value || credential->file;
}

static struct text without_newline(struct text text)
{
    if (text_ends_with(text, TEXT("\n")))
        text.size--;
    if (text_ends_with(text, TEXT("\r")))
        text.size--;
    return text;
}

static struct secret *read_file(const char *path, const char *what, struct failure *why)
{
    char bytes[FILE_LIMIT];
    struct secret *secret = NULL;
    struct text text = {bytes, 0};
    ssize_t size = 0;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    while (file >= 0 && text.size < sizeof bytes &&
           (size = read(file, bytes + text.size, sizeof bytes - text.size)) > 0)
        text.size += (size_t)size;
    if (file < 0 || size < 0)
        failure_set(why, FAILURE_INVALID, "cannot read the %s from %s: %s", what, path,
                    strerror(errno));
    else if (text.size == sizeof bytes)
        failure_set(why, FAILURE_INVALID, "%s is too large to hold a %s", path, what);
    else if (!vault_wire_check_token(without_newline(text), what, why))
        failure_prefix(why, "%s", path);
    else if (!(secret = secret_new(without_newline(text))))
        failure_out_of_memory(why);
    if (file >= 0)
        close(file);
    wipe(bytes, text.size);
    return secret;
}

struct secret *vault_credential_read(const struct credential *credential, const char *what,
                                     struct failure *why)
{
    struct secret *copy;

    if (credential->file && !credential->value)
        return read_file(credential->file, what, why);
    if (!credential->value) {
        failure_set(why, FAILURE_INVALID, "there is no %s to log in with", what);
        return NULL;
    }
    if (!vault_wire_check_token(secret_reveal(credential->value), what, why))
        return NULL;
    copy = secret_copy(credential->value);
    if (!copy)
        failure_out_of_memory(why);
    return copy;
}

bool vault_account_init(struct account *account, const struct vault_auth *auth, struct failure *why)
{
    const char *mount = auth->mount ? auth->mount : "approle";

    account->method = auth->method;
    account->is_wrapped = auth->secret_id_is_wrapped;
    account->mount = memory_string(mount);
    account->role_name = auth->role_name ? memory_string(auth->role_name) : NULL;
    if (!account->mount || !account->role_name != !auth->role_name ||
        !credential_init(&account->token, &auth->token) ||
        !credential_init(&account->role_id, &auth->role_id) ||
        !credential_init(&account->secret_id, &auth->secret_id))
        return failure_out_of_memory(why);
    switch (auth->method) {
    case VAULT_AUTH_TOKEN:
        if (vault_credential_is_set(&account->token))
            return true;
        return failure_set(
            why, FAILURE_INVALID,
            "there is no Vault token: set VAULT_TOKEN, or configure a way to log in");
    case VAULT_AUTH_TOKEN_FILE:
        return account->token.file ||
               failure_set(why, FAILURE_INVALID, "the token file has no name");
    case VAULT_AUTH_APPROLE:
        if (!vault_credential_is_set(&account->role_id))
            return failure_set(why, FAILURE_INVALID, "AppRole needs a role id");
        if (account->is_wrapped && !vault_credential_is_set(&account->secret_id))
            return failure_set(why, FAILURE_INVALID, "there is no wrapped secret id");
        return vault_wire_check_key((struct vault_key){text_of(account->mount), TEXT("login")},
                                    why);
    }
    return failure_set(why, FAILURE_INVALID, "unknown way to log in");
}

void vault_account_clear(struct account *account)
{
    credential_clear(&account->token);
    credential_clear(&account->role_id);
    credential_clear(&account->secret_id);
    account->unwrapped = secret_free(account->unwrapped);
    account->wrapper = secret_free(account->wrapper);
    account->refused_role_id = secret_free(account->refused_role_id);
    account->refused_secret_id = secret_free(account->refused_secret_id);
    memory_free(account->mount);
    memory_free(account->role_name);
}

static bool has_changed(const struct credential *credential, const struct secret *before)
{
    struct secret *now;
    bool changed;

    if (!credential->file || credential->value || !before)
        return false;
    now = read_file(credential->file, "credential", NULL);
    changed = now && !secret_equal(now, before);
    secret_free(now);
    return changed;
}

bool vault_account_has_news(const struct account *account)
{
    return has_changed(&account->role_id, account->refused_role_id) ||
           has_changed(&account->secret_id,
                       account->is_wrapped ? account->wrapper : account->refused_secret_id);
}
