/* SPDX-License-Identifier: Apache-2.0 */
/* Paths on their way out, error answers on their way in. */
#include "vaultclient/wire.h"

#include "net/json.h"

#include <stdio.h>
#include <string.h>

/* ---- paths ----------------------------------------------------------------------------------- */

/* `part`, without regard to case. */
static bool contains_escape(struct text path, const char *part)
{
    for (size_t i = 0; i + 3 <= path.size; i++)
        if (text_equal_ignoring_case(text_part(path, i, 3), text_of(part)))
            return true;
    return false;
}

static bool check_segments(struct text path, const char *what, struct failure *why)
{
    struct text rest = path, segment;

    if (text_starts_with(path, TEXT("/")) || text_ends_with(path, TEXT("/")))
        return failure_set(why, FAILURE_INVALID,
                           "the %s \"%.*s\" is written without slashes at its ends", what,
                           TEXT_ARG(path));
    while (text_split(&rest, '/', &segment)) {
        if (!segment.size)
            return failure_set(why, FAILURE_INVALID, "the %s \"%.*s\" has an empty part", what,
                               TEXT_ARG(path));
        if (text_is(segment, ".") || text_is(segment, ".."))
            return failure_set(why, FAILURE_INVALID, "the %s \"%.*s\" has a part \"%.*s\"", what,
                               TEXT_ARG(path), TEXT_ARG(segment));
    }
    return true;
}

static bool check_path(struct text path, const char *what, struct failure *why)
{
    if (!path.size)
        return failure_set(why, FAILURE_INVALID, "the %s is empty", what);
    if (path.size > 1024)
        return failure_set(why, FAILURE_INVALID, "the %s is longer than 1024 bytes", what);
    if (text_contains_byte(path, '\0'))
        return failure_set(why, FAILURE_INVALID, "the %s holds a NUL character", what);
    if (!text_is_utf8(path))
        return failure_set(why, FAILURE_INVALID, "the %s is not UTF-8", what);
    if (!text_is_printable(path))
        return failure_set(why, FAILURE_INVALID, "the %s holds a control character", what);
    if (contains_escape(path, "%2f") || contains_escape(path, "%2e"))
        return failure_set(why, FAILURE_INVALID,
                           "the %s \"%.*s\" holds an encoded slash or point: it is written as it "
                           "is, and encoded on its way",
                           what, TEXT_ARG(path));
    if (text_contains_byte(path, '?'))
        return failure_set(why, FAILURE_INVALID,
                           "the %s \"%.*s\" holds a question mark: a query does not belong there",
                           what, TEXT_ARG(path));
    return check_segments(path, what, why);
}

bool vault_wire_check_key(struct vault_key key, struct failure *why)
{
    return check_path(key.mount, "mount", why) && check_path(key.path, "path", why);
}

bool vault_wire_check_token(struct text token, const char *what, struct failure *why)
{
    if (!token.size)
        return failure_set(why, FAILURE_INVALID, "the %s is empty", what);
    if (text_starts_with(token, TEXT("\xef\xbb\xbf")))
        return failure_set(why, FAILURE_INVALID,
                           "the %s begins with a byte order mark, which an editor has put there",
                           what);
    if (text_contains_byte(token, '\n') || text_contains_byte(token, '\r'))
        return failure_set(why, FAILURE_INVALID, "the %s has more than one line", what);
    if (text_contains_byte(token, ' ') || text_contains_byte(token, '\t'))
        return failure_set(why, FAILURE_INVALID, "the %s holds a blank", what);
    for (size_t i = 0; i < token.size; i++)
        if (token.start[i] <= ' ' || token.start[i] > '~')
            return failure_set(why, FAILURE_INVALID,
                               "the %s holds a control character or one beyond ASCII", what);
    return true;
}

bool vault_wire_check_path(struct text path, struct failure *why)
{
    if (text_ends_with(path, TEXT("/")))
        path.size--;
    return check_path(path, "path", why);
}

void vault_wire_target(struct buffer *out, struct vault_key key, const char *part, uint32_t version)
{
    buffer_append_string(out, "/v1/");
    buffer_append_percent_encoded(out, key.mount, true);
    if (part)
        buffer_printf(out, "/%s", part);
    buffer_append_byte(out, '/');
    buffer_append_percent_encoded(out, key.path, true);
    if (version)
        buffer_printf(out, "?version=%u", version);
}

void vault_wire_plain_target(struct buffer *out, const char *before, struct text middle,
                             const char *behind)
{
    buffer_printf(out, "/v1/%s", before);
    buffer_append_percent_encoded(out, middle, true);
    buffer_append_string(out, behind);
}

/* ---- errors ---------------------------------------------------------------------------------- */

#define TOO_LARGE "value being too large"
#define NO_MOUNT  "no handler for route"

/* The member "errors", when the body is such an answer. */
static json_t *errors_of(struct text body)
{
    json_t *answer = json_read_object(body, NULL);
    json_t *errors = answer ? json_incref(json_object_get(answer, "errors")) : NULL;

    json_decref(answer);
    return errors;
}

bool vault_wire_says(struct text body, const char *part)
{
    json_t *errors = errors_of(body), *error;
    bool found = false;
    size_t i;

    json_array_foreach (errors, i, error) {
        struct text text = {json_string_value(error), json_string_length(error)};

        found = found || (text.start && text_find(text, text_of(part)) != SIZE_MAX);
    }
    json_decref(errors);
    return found;
}

bool vault_wire_says_token_is_dead(struct text body)
{
    json_t *errors = errors_of(body);
    const char *first = json_string_value(json_array_get(errors, 0));
    bool is_bare = first && strcmp(first, "permission denied") == 0;

    json_decref(errors);
    return is_bare || vault_wire_says(body, "invalid token") || vault_wire_says(body, "bad token");
}

bool vault_wire_is_upgrading(int status, struct text body)
{
    return status == 400 && vault_wire_says(body, "Upgrading from non-versioned");
}

bool vault_wire_is_ambiguous(int status, struct text body)
{
    if (status < 500 || status == 501)
        return false;
    return !vault_wire_says(body, "sealed") && !vault_wire_says(body, "local node not active") &&
           !vault_wire_says(body, "no active Vault instance") &&
           !vault_wire_says(body, TOO_LARGE) && !vault_wire_says(body, "resource does not exist") &&
           !vault_wire_says(body, "API access to this namespace has been locked");
}

/* Every error of the server itself is a list, if an empty one. */
bool vault_wire_is_foreign(struct text body)
{
    json_t *errors = errors_of(body);
    bool is_list = json_is_array(errors);

    json_decref(errors);
    return !is_list;
}

bool vault_wire_is_foreign_404(int status, struct text body)
{
    return status == 404 && vault_wire_is_foreign(body);
}

bool vault_wire_is_held_back(struct text body, uint32_t wrap_ttl_s, struct failure *why)
{
    json_t *answer cleanup_with(json_clean) = NULL;
    const json_t *info;
    struct text accessor, path;

    /* Cheap, and in nearly every case enough. */
    if (text_find(body, TEXT("\"wrap_info\":{")) == SIZE_MAX ||
        !(answer = json_read_object(body, NULL)))
        return false;
    info = json_object_get(answer, "wrap_info");
    if (!json_is_object(info) || json_is_object(json_object_get(answer, "data")) ||
        json_is_object(json_object_get(answer, "auth")) ||
        (wrap_ttl_s && json_integer_at(info, "ttl", -1) == (int64_t)wrap_ttl_s))
        return false;
    accessor = json_text_at(info, "accessor");
    path = json_text_at(info, "creation_path");
    failure_set(why, FAILURE_DENIED,
                "pending approval: a control group of the server holds the request back until its "
                "approvers agree, which this program does not wait for; nothing was read or "
                "written (accessor \"%.*s\", path \"%.*s\", for %lld seconds)",
                TEXT_ARG(accessor), TEXT_ARG(path), (long long)json_integer_at(info, "ttl", 0));
    why->http_status = 200;
    return true;
}

bool vault_wire_is_tls_port(struct text body)
{
    return text_starts_with(body, TEXT("Client sent an HTTP request to an HTTPS server"));
}

bool vault_wire_is_web_page(struct text body)
{
    return text_starts_with(text_trim(body), TEXT("<"));
}

/* The first error in plain form, "" when there is none or it must not be shown. */
static void copy_error(struct text body, const struct secret *hidden, char *out, size_t size)
{
    json_t *errors = errors_of(body), *first = json_array_get(errors, 0);
    struct text text = {json_string_value(first), json_string_length(first)};
    struct text prefix = TEXT("1 error occurred:\n\t* ");

    out[0] = '\0';
    if (text.start && hidden && text_find(text, secret_reveal(hidden)) != SIZE_MAX)
        text = TEXT("(what the server said quotes a secret and is not shown)");
    if (text_starts_with(text, prefix))
        text = text_part(text, prefix.size, SIZE_MAX);
    text = text_trim(text);
    if (text.size)
        snprintf(out, size, " %.*s", TEXT_ARG(text));
    json_decref(errors);
}

/* Only an empty list says that something is not there; with words, it is about the way to it. */
static enum failure_kind kind_of_404(struct text body)
{
    if (vault_wire_says(body, "namespace not found"))
        return FAILURE_INVALID;
    if (vault_wire_says(body, NO_MOUNT))
        return FAILURE_REMOTE;
    return vault_wire_says(body, "") ? FAILURE_PROTOCOL : FAILURE_NOT_FOUND;
}

static enum failure_kind kind_of(int status, struct text body)
{
    switch (status) {
    case 400:
        if (vault_wire_says(body, "check-and-set parameter did not match"))
            return FAILURE_CONFLICT;
        if (vault_wire_says(body, "metadata check-and-set parameter does not match"))
            return FAILURE_CONFLICT;
        return vault_wire_is_upgrading(status, body) ? FAILURE_REMOTE : FAILURE_INVALID;
    case 401:
    case 403:
        return FAILURE_DENIED;
    case 404:
        return kind_of_404(body);
    case 413:
        return FAILURE_INVALID;
    case 412:
    case 472:
    case 473:
        return FAILURE_REMOTE;
    case 429:
        return FAILURE_THROTTLED;
    case 500:
        return vault_wire_says(body, TOO_LARGE) ? FAILURE_INVALID : FAILURE_REMOTE;
    default:
        return status >= 500 ? FAILURE_REMOTE : FAILURE_PROTOCOL;
    }
}

/* What the server's own words leave out. */
static const char *advice(struct text body)
{
    static const struct {
        const char *says, *advice;
    } table[] = {
        {TOO_LARGE, "; the secret is larger than the server's storage takes (about 1 MB unless it "
                    "is set otherwise): no repetition helps"},
        {"refused JSON input due to high complexity",
         "; one request may hold about 499 text fields: a secret with more can only be changed by "
         "a merge patch, which needs the capability \"patch\""},
        {NO_MOUNT,
         "; there is no such mount, or not yet: for a moment after it was unsealed a server "
         "knows none"},
        {"API access to this namespace has been locked",
         "; only an administrator of Vault can unlock it"},
        {"Vault is sealed", "; somebody has to unseal it"},
        {"check-and-set parameter required", "; the mount or the secret demands check-and-set"},
    };

    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (vault_wire_says(body, table[i].says))
            return table[i].advice;
    return "";
}

void vault_wire_explain(int status, struct text body, uint32_t retry_after_ms,
                        const struct secret *hidden, struct failure *why)
{
    char said[256];

    if (vault_wire_is_web_page(body)) {
        failure_set(
            why, FAILURE_PROTOCOL,
            "answered %d with a web page instead of JSON: a proxy or a login page stands in "
            "between, or the address is not Vault's",
            status);
        why->http_status = status;
        return;
    }
    copy_error(body, hidden, said, sizeof said);
    if (vault_wire_is_tls_port(body))
        failure_set(why, FAILURE_PROTOCOL,
                    "answered %d: TLS is spoken there, so the address begins with https://",
                    status);
    else if (vault_wire_is_foreign_404(status, body))
        failure_set(why, FAILURE_PROTOCOL,
                    "answered 404, but not in Vault's words: a proxy stands in between, or the "
                    "address is not Vault's");
    else if ((status == 401 || status == 403) && vault_wire_is_foreign(body))
        failure_set(why, FAILURE_DENIED,
                    "answered %d, but not in Vault's words: a proxy stands in between and refuses "
                    "it, or the address is not Vault's",
                    status);
    else if (status == 501)
        failure_set(why, FAILURE_REMOTE, "501%s Vault is not initialised", said);
    else if (vault_wire_is_behind(status, body))
        failure_set(why, FAILURE_REMOTE,
                    "%d: this server's copy is behind what the cluster told before, and stays so",
                    status);
    else if (status == 472 || status == 473)
        failure_set(why, FAILURE_REMOTE, "%d%s: this server is a %s and passes nothing on", status,
                    said, status == 472 ? "disaster-recovery secondary" : "performance standby");
    else if (status == 503 && !said[0])
        failure_set(why, FAILURE_REMOTE,
                    "503, but not in Vault's words: maintenance, or nothing behind a proxy");
    else if (status == 200 || status == 204)
        failure_set(why, FAILURE_PROTOCOL, "answered %d, which makes no sense here", status);
    else
        failure_set(why, kind_of(status, body), "%d%s%s", status,
                    said[0] ? said : " without a word why", advice(body));
    why->http_status = status;
    why->retry_after_ms = retry_after_ms;
}
