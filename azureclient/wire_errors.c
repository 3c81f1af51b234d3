/* SPDX-License-Identifier: Apache-2.0 */
/* Quoting what came from outside, and the errors of token requests as one plain sentence each. */
#include "azureclient/wire.h"
#include "net/json.h"

#include <string.h>

#define MESSAGE_LIMIT 300 /* bytes quoted; the rest of a failure's text is ours */
#define CODE_LIMIT    80

/* ---- quoting --------------------------------------------------------------------------------- */

static bool is_token_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '=';
}

/* The size of what looks like a JSON web token at the start of `text`, or 0. */
static size_t token_size(struct text text)
{
    size_t size = 0;

    if (!text_starts_with(text, TEXT("eyJ")))
        return 0;
    while (size < text.size && is_token_byte(text.start[size]))
        size++;
    return size >= 20 ? size : 0;
}

/* The secret as it would stand in a form, into `out`. */
static struct text encoded(const struct secret *secret, struct buffer *out)
{
    buffer_init(out, 4 * SECRET_LIMIT);
    if (secret)
        buffer_append_percent_encoded(out, secret_reveal(secret), false);
    return buffer_ok(out) ? buffer_text(out) : (struct text){0};
}

void wire_quote(struct buffer *out, struct text message, const struct secret *secret)
{
    struct text plain = secret ? secret_reveal(secret) : (struct text){0};
    struct buffer memory;
    struct text form = encoded(secret, &memory);

    for (size_t at = 0; at < message.size && buffer_ok(out);) {
        struct text rest = text_part(message, at, message.size - at);
        size_t token = token_size(rest);

        if (plain.size && text_starts_with(rest, plain)) {
            buffer_append_string(out, "[secret]");
            at += plain.size;
        } else if (form.size && text_starts_with(rest, form)) {
            buffer_append_string(out, "[secret]");
            at += form.size;
        } else if (token) {
            buffer_append_string(out, "[token]");
            at += token;
        } else {
            char c = rest.start[0];

            buffer_append_byte(out, (unsigned char)c < 0x20 || c == 0x7f ? ' ' : c);
            at++;
        }
    }
    buffer_clear(&memory);
}

/* Scrubbed whole before it is cut: half a secret would not be found. */
void wire_quote_short(struct buffer *out, struct text message, size_t limit,
                      const struct secret *secret)
{
    struct buffer whole;
    struct text text;

    buffer_init(&whole, 4 * SECRET_LIMIT);
    wire_quote(&whole, message, secret);
    text = text_trim(buffer_text(&whole));
    if (text.size && text.start[text.size - 1] == '.')
        text.size--;
    if (!buffer_ok(&whole)) {
        buffer_append_string(out, "(too long to show)");
    } else if (text.size > limit) {
        while (limit && ((unsigned char)text.start[limit] & 0xc0) == 0x80)
            limit--;
        buffer_append(out, text_part(text, 0, limit));
        buffer_append_string(out, "...");
    } else {
        buffer_append(out, text);
    }
    buffer_clear(&whole);
}

bool wire_looks_like_html(struct text body)
{
    struct text start = text_trim(text_part(body, 0, 256));

    return text_starts_with(start, TEXT("<"));
}

/* ---- Entra and IMDS -------------------------------------------------------------------------- */

struct advice {
    unsigned code;
    enum failure_kind kind;
    const char *text;
};

static const struct advice advices[] = {
    {7000215, FAILURE_DENIED, "the client secret is wrong (is it the secret's value, not its id?)"},
    {7000222, FAILURE_DENIED, "the client secret has expired"},
    {7000216, FAILURE_DENIED, "the request held no client secret or assertion"},
    {7000112, FAILURE_DENIED, "the application is disabled"},
    {700016, FAILURE_DENIED, "there is no application with this client id in this tenant"},
    {700027, FAILURE_DENIED, "the certificate is not registered for this application"},
    {700024, FAILURE_DENIED,
     "the assertion is not valid now (expired token file, or a wrong clock?)"},
    {70021, FAILURE_DENIED,
     "no federated credential of the application matches the token's issuer, subject and audience"},
    {700213, FAILURE_DENIED,
     "no federated credential of the application matches the token's subject"},
    {700211, FAILURE_DENIED,
     "no federated credential of the application matches the token's issuer"},
    {700212, FAILURE_DENIED,
     "no federated credential of the application matches the token's audience"},
    {50027, FAILURE_DENIED, "the federated token is malformed or expired"},
    {50034, FAILURE_DENIED, "the account does not exist in this tenant"},
    {53003, FAILURE_DENIED, "a Conditional Access policy forbids it"},
    {90002, FAILURE_DENIED, "there is no such tenant (is tenant_id right for this cloud?)"},
    {900023, FAILURE_DENIED, "the tenant id is neither a GUID nor a known domain"},
    {500011, FAILURE_DENIED, "the tenant does not know the audience asked for"},
    {70011, FAILURE_DENIED, "the scope asked for is not valid"},
    {1002012, FAILURE_DENIED, "the scope asked for does not end in /.default"},
    {90006, FAILURE_REMOTE, "Entra failed for a moment"},
    {90024, FAILURE_REMOTE, "Entra was interrupted for a moment"},
    {90033, FAILURE_REMOTE, "Entra is unavailable for a moment"},
};

static const struct advice *advice_for(unsigned code)
{
    for (size_t i = 0; i < sizeof(advices) / sizeof(advices[0]); i++)
        if (advices[i].code == code)
            return &advices[i];
    return NULL;
}

/* From error_codes, or else from the beginning of the description: 0 when neither tells. */
static unsigned aadsts_code(const json_t *json, struct text description)
{
    const json_t *first = json_array_get(json_at(json, "error_codes"), 0);
    size_t at = text_find(description, TEXT("AADSTS")), end;
    uint64_t code = 0;

    if (json_is_integer(first) && json_integer_value(first) > 0)
        return (unsigned)json_integer_value(first);
    if (at == SIZE_MAX)
        return 0;
    at += sizeof("AADSTS") - 1;
    end = at;
    while (end < description.size && description.start[end] >= '0' && description.start[end] <= '9')
        end++;
    return text_parse_u64(text_part(description, at, end - at), 99999999, &code) ? (unsigned)code
                                                                                 : 0;
}

/* Entra ends its sentence with a trace, a correlation id and the time. */
static struct text without_trace(struct text description)
{
    size_t at = text_find(description, TEXT("Trace ID:"));

    return text_trim(text_part(description, 0, at == SIZE_MAX ? description.size : at));
}

static void append_token_error(struct buffer *out, const json_t *json, unsigned code,
                               const struct advice *advice, const struct secret *secret)
{
    struct text description = without_trace(json_text_at(json, "error_description"));
    struct text error = json_text_at(json, "error");

    if (advice) {
        buffer_printf(out, "AADSTS%u: %s", code, advice->text);
    } else if (description.size) {
        if (!code && error.size) {
            wire_quote_short(out, error, CODE_LIMIT, secret);
            buffer_append_string(out, ": ");
        }
        wire_quote_short(out, description, MESSAGE_LIMIT, secret);
    } else if (error.size) {
        wire_quote_short(out, error, CODE_LIMIT, secret);
    } else {
        buffer_append_string(out, "no reason given");
    }
}

static enum failure_kind token_kind(int status, const struct advice *advice)
{
    if (status == 429)
        return FAILURE_THROTTLED;
    if (advice)
        return advice->kind;
    if (status == 408 || status == 410 || status >= 500)
        return FAILURE_REMOTE;
    return status >= 400 ? FAILURE_DENIED : FAILURE_PROTOCOL;
}

void wire_token_failure(int status, struct text body, const struct secret *secret,
                        struct failure *why)
{
    cleanup_with(json_clean) json_t *json = json_read_object(body, NULL);
    unsigned code = aadsts_code(json, json_text_at(json, "error_description"));
    const struct advice *advice = advice_for(code);
    struct buffer out;

    buffer_init(&out, 4096);
    buffer_printf(&out, "HTTP %d ", status);
    if (status == 410)
        buffer_append_string(&out, "the identity endpoint is being updated (up to 70 s)");
    else if (json)
        append_token_error(&out, json, code, advice, secret);
    else if (wire_looks_like_html(body))
        buffer_append_string(&out, "with a web page instead of JSON (is a proxy in between?)");
    else
        buffer_append_string(&out, "without a reason");
    failure_set(why, token_kind(status, advice), "no token: %.*s", TEXT_ARG(buffer_text(&out)));
    if (why)
        why->http_status = status;
    buffer_clear(&out);
}
