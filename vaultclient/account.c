/* SPDX-License-Identifier: Apache-2.0 */
/* What we log in with: values of our own, or files that are read when needed, since whoever rotates
 * a credential replaces its file. */
#include "vaultclient/login.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define FILE_LIMIT 65536

const struct login_member *vault_account_member(const struct account *account, size_t n)
{
    const struct login_member *members = account->method->members;

    return n < CREDENTIALS && members[n].what ? &members[n] : NULL;
}

bool vault_credential_is_set(const struct credential *credential)
{
    return credential->value || credential->file;
}

bool vault_account_can_login(const struct account *account)
{
    return !account->method->is_given;
}

const char *vault_account_token_file(const struct account *account)
{
    return account->method->needs_file ? account->credentials[0].file : NULL;
}

/* ---- files ----------------------------------------------------------------------------------- */

static struct text without_newline(struct text text)
{
    if (text_ends_with(text, TEXT("\n")))
        text.size--;
    if (text_ends_with(text, TEXT("\r")))
        text.size--;
    return text;
}

static bool check_value(struct text value, const struct login_member *member, struct failure *why)
{
    if (!member->is_free && !member->is_plain)
        return vault_wire_check_token(value, member->what, why);
    if (!value.size)
        return failure_set(why, FAILURE_INVALID, "the %s is empty", member->what);
    return (text_is_utf8(value) && text_is_printable(value)) ||
           failure_set(why, FAILURE_INVALID, "the %s holds a control character or is not UTF-8",
                       member->what);
}

/* Only the very file that was read: one that has taken its place meanwhile is still wanted. */
static bool remove_file(const char *path, int file, const char *what, struct failure *why)
{
    struct stat read, there;

    if (fstat(file, &read) != 0 || lstat(path, &there) != 0 || read.st_ino != there.st_ino ||
        read.st_dev != there.st_dev || unlink(path) == 0)
        return true;
    return failure_set(why, FAILURE_INVALID,
                       "cannot remove %s after the %s was read, as demanded: %s", path, what,
                       strerror(errno));
}

static struct secret *read_file(const char *path, const struct login_member *member, bool removes,
                                struct failure *why)
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
        failure_set(why, FAILURE_INVALID, "cannot read the %s from %s: %s", member->what, path,
                    strerror(errno));
    else if (text.size == sizeof bytes)
        failure_set(why, FAILURE_INVALID, "%s is too large to hold a %s", path, member->what);
    else if (!check_value(without_newline(text), member, why))
        failure_prefix(why, "%s", path);
    else if (!(secret = secret_new(without_newline(text))))
        failure_out_of_memory(why);
    else if (removes && !remove_file(path, file, member->what, why))
        secret = secret_free(secret);
    if (file >= 0)
        close(file);
    wipe(bytes, text.size);
    return secret;
}

static struct secret *copy_of(const struct secret *secret, struct failure *why)
{
    struct secret *copy = secret_copy(secret);

    if (!copy)
        failure_out_of_memory(why);
    return copy;
}

static struct secret *read_and_remove(struct credential *credential,
                                      const struct login_member *member, struct failure *why)
{
    struct secret *secret;

    if (credential->kept && access(credential->file, F_OK) != 0 && errno == ENOENT)
        return copy_of(credential->kept, why);
    secret = read_file(credential->file, member, true, why);
    if (!secret)
        return NULL;
    secret_free(credential->kept);
    credential->kept = secret;
    return copy_of(secret, why);
}

struct secret *vault_credential_read(struct account *account, size_t n, struct failure *why)
{
    struct credential *credential = &account->credentials[n];
    const struct login_member *member = vault_account_member(account, n);

    if (credential->value)
        return check_value(secret_reveal(credential->value), member, why)
                   ? copy_of(credential->value, why)
                   : NULL;
    if (account->is_removed && member->is_removable)
        return read_and_remove(credential, member, why);
    return read_file(credential->file, member, false, why);
}

static bool has_changed(const struct credential *credential, const struct login_member *member,
                        const struct secret *before)
{
    struct secret *now;
    bool changed;

    if (!credential->file || credential->value || !before)
        return false;
    now = read_file(credential->file, member, false, NULL);
    changed = now && !secret_equal(now, before);
    secret_free(now);
    return changed;
}

bool vault_account_has_news(const struct account *account)
{
    const struct login_member *member;

    for (size_t i = 0; (member = vault_account_member(account, i)); i++) {
        const struct credential *credential = &account->credentials[i];

        if (has_changed(credential, member,
                        account->is_wrapped && i == 1 ? account->wrapper : credential->refused))
            return true;
    }
    return false;
}

/* ---- life ------------------------------------------------------------------------------------ */

static bool copy_plain(struct credential *credential, const struct login_member *member,
                       const char *given, struct failure *why)
{
    struct text text = text_of(given);

    if (!given)
        return true;
    if (!check_value(text, member, why))
        return false;
    if (member->is_in_path &&
        (text_contains_byte(text, '/') || text_is(text, ".") || text_is(text, "..")))
        return failure_set(why, FAILURE_INVALID, "the %s holds a \"/\" or is \".\" or \"..\"",
                           member->what);
    credential->value = secret_new(text);
    return credential->value || failure_out_of_memory(why);
}

static bool copy_value(struct credential *credential, const struct vault_value *given,
                       struct failure *why)
{
    if (given->value && !(credential->value = secret_copy(given->value)))
        return failure_out_of_memory(why);
    if (given->file && !(credential->file = memory_string(given->file)))
        return failure_out_of_memory(why);
    return true;
}

static bool init_credential(struct account *account, size_t n, const struct vault_auth *auth,
                            struct failure *why)
{
    const struct login_member *member = vault_account_member(account, n);
    struct credential *credential = &account->credentials[n];
    const char *place = (const char *)auth + member->at;
    bool is_fetched = member->is_fetchable && account->identity.fetch;

    if (member->is_plain ? !copy_plain(credential, member, *(const char *const *)place, why)
                         : !copy_value(credential, (const struct vault_value *)place, why))
        return false;
    if (!vault_credential_is_set(credential) && !is_fetched && member->default_file &&
        !(credential->file = memory_string(member->default_file)))
        return failure_out_of_memory(why);
    if (member->missing && !vault_credential_is_set(credential) && !is_fetched)
        return failure_set(why, FAILURE_INVALID, "%s", member->missing);
    return true;
}

/* What one credential alone does not show. */
static bool check_account(const struct account *account, const struct vault_settings *settings,
                          struct failure *why)
{
    const struct login_method *method = account->method;

    if (method->needs_file && !account->credentials[0].file)
        return failure_set(why, FAILURE_INVALID, "%s", method->members[0].missing);
    if (method->needs_certificate && !settings->client_cert_file)
        return failure_set(why, FAILURE_INVALID,
                           "the certificate log-in needs a client certificate and its key");
    if (account->is_wrapped && !vault_credential_is_set(&account->credentials[1]))
        return failure_set(why, FAILURE_INVALID, "there is no wrapped secret id");
    if (account->is_removed && !account->credentials[1].file)
        return failure_set(why, FAILURE_INVALID, "there is no file of a secret id to remove");
    return vault_wire_check_key((struct vault_key){text_of(account->mount), TEXT("login")}, why);
}

bool vault_account_init(struct account *account, const struct vault_settings *settings,
                        struct failure *why)
{
    const struct vault_auth *auth = &settings->auth;

    account->method = vault_login_method(auth->method);
    if (!account->method)
        return failure_set(why, FAILURE_INVALID, "unknown way to log in");
    account->mount = memory_string(auth->mount ? auth->mount : account->method->name);
    account->role_name = auth->role_name ? memory_string(auth->role_name) : NULL;
    account->identity = auth->identity;
    account->is_wrapped = auth->method == VAULT_AUTH_APPROLE && auth->secret_id_is_wrapped;
    account->is_spared = auth->secret_id_is_spared;
    account->is_removed =
        auth->method == VAULT_AUTH_APPROLE && auth->secret_id_is_removed && !account->is_spared;
    if (!account->mount || !account->role_name != !auth->role_name)
        return failure_out_of_memory(why);
    for (size_t i = 0; vault_account_member(account, i); i++)
        if (!init_credential(account, i, auth, why))
            return false;
    return check_account(account, settings, why);
}

void vault_account_clear(struct account *account)
{
    for (size_t i = 0; i < CREDENTIALS; i++) {
        struct credential *credential = &account->credentials[i];

        secret_free(credential->value);
        secret_free(credential->kept);
        secret_free(credential->refused);
        memory_free(credential->file);
    }
    account->unwrapped = secret_free(account->unwrapped);
    account->wrapper = secret_free(account->wrapper);
    memory_free(account->mount);
    memory_free(account->role_name);
}
