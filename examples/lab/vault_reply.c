/* SPDX-License-Identifier: Apache-2.0 */
/* The forms of Vault's answers, and response wrapping, which is a matter of form as well: a
 * successful answer is put aside and a one-time token is handed out for it. */
#include "examples/lab/lab.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *envelope(json_t *data, int64_t lease_s, json_t *wrap_info, const char *warning,
                        json_t *auth)
{
    char id[GUID_SIZE];
    json_t *warnings = warning ? json_pack("[s]", warning) : json_null();

    guid_new(id);
    return json_pack("{s:s, s:s, s:b, s:I, s:o, s:o, s:o, s:o}", "request_id", wrap_info ? "" : id,
                     "lease_id", "", "renewable", 0, "lease_duration", (json_int_t)lease_s, "data",
                     data ? data : json_null(), "wrap_info", wrap_info ? wrap_info : json_null(),
                     "warnings", warnings, "auth", auth ? auth : json_null());
}

bool vault_seconds(struct text text, int64_t *ret)
{
    static const struct {
        char unit;
        int64_t seconds;
    } units[] = {{'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}};
    int64_t total = 0;
    uint64_t number;

    if (text_parse_u64(text, 315360000, &number)) {
        *ret = (int64_t)number;
        return true;
    }
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        const char *unit = text.size ? memchr(text.start, units[i].unit, text.size) : NULL;
        size_t digits = unit ? (size_t)(unit - text.start) : 0;

        if (!unit)
            continue;
        if (!text_parse_u64(text_part(text, 0, digits), 315360000, &number))
            return false;
        total += (int64_t)number * units[i].seconds;
        text = text_part(text, digits + 1, text.size);
    }
    if (text.size)
        return false;
    *ret = total;
    return true;
}

static json_t *wrap(struct vault_call *call, const char *body, int64_t ttl_s)
{
    struct vault_token *token = vault_token_new(call->vault, "wrapping", "", ttl_s, ttl_s);
    char created[TIMESTAMP_SIZE];

    if (!token)
        return NULL;
    token->wrapped_body = strdup(body);
    token->creation_path = text_copy(call->path);
    if (!token->wrapped_body || !token->creation_path) {
        vault_token_drop(token);
        return NULL;
    }
    timestamp_at(token->created_at, created);
    return json_pack("{s:s, s:s, s:I, s:s, s:s}", "token", token->id, "accessor", token->accessor,
                     "ttl", (json_int_t)ttl_s, "creation_time", created, "creation_path",
                     token->creation_path);
}

/* As Go writes them: no more digits than it takes to read the same number again, and an exponent
 * only for what is very small or very large. */
static void append_real(struct buffer *out, double value)
{
    bool is_plain = value == 0.0 || (fabs(value) >= 1e-6 && fabs(value) < 1e21);
    int digits = 1, exponent;
    char text[40], *e;

    do
        snprintf(text, sizeof(text), "%.*e", digits - 1, value);
    while (strtod(text, NULL) != value && ++digits < 18);
    e = strchr(text, 'e');
    exponent = (int)strtol(e + 1, NULL, 10);
    if (!is_plain) {
        buffer_printf(out, "%.*se%s%d", (int)(e - text), text, exponent < 0 ? "" : "+", exponent);
    } else if (exponent < digits) {
        buffer_printf(out, "%.*f", digits - 1 - exponent, value);
    } else {
        for (const char *digit = text; digit < e; digit++)
            buffer_append(out, (struct text){digit, *digit != '.'});
        for (; exponent >= digits; exponent--)
            buffer_append_byte(out, '0');
    }
}

/* Behind the number, which an integer is copied as it stands. */
static size_t append_number(struct buffer *out, struct text json)
{
    size_t size = 0;

    while (size < json.size && memchr("+-.eE0123456789", json.start[size], 15))
        size++;
    json.size = size;
    if (memchr(json.start, '.', size) || memchr(json.start, 'e', size))
        append_real(out, strtod(json.start, NULL));
    else
        buffer_append(out, json);
    return size;
}

/* In a string Go escapes what browsers might take for markup. Its size is told. */
static size_t append_in_string(struct buffer *out, struct text json)
{
    char c = json.start[0];

    if (text_starts_with(json, TEXT("\xe2\x80\xa8")) ||
        text_starts_with(json, TEXT("\xe2\x80\xa9"))) {
        buffer_append_string(out, json.start[2] == '\xa8' ? "\\u2028" : "\\u2029");
        return 3;
    }
    if (c == '<' || c == '>' || c == '&')
        buffer_printf(out, "\\u%04x", (unsigned)c);
    else
        buffer_append(out, text_part(json, 0, c == '\\' ? 2 : 1));
    return c == '\\' ? 2 : 1;
}

/* To free(), or NULL. */
static char *dump_like_go(const json_t *json)
{
    char *plain = json ? json_dump_short(json) : NULL;
    struct text text = text_of(plain);
    bool is_string = false;
    struct buffer out;

    buffer_init(&out, text.size * 20 + 16);
    for (size_t i = 0; i < text.size;) {
        struct text rest = text_part(text, i, text.size);
        char c = text.start[i];

        is_string = is_string != (c == '"');
        if (is_string)
            i += append_in_string(&out, rest);
        else if (c == '-' || (c >= '0' && c <= '9'))
            i += append_number(&out, rest);
        else
            buffer_append_byte(&out, c), i++;
    }
    free(plain);
    if (plain && buffer_ok(&out))
        return buffer_take(&out);
    buffer_clear(&out);
    return NULL;
}

void vault_reply_json(struct vault_call *call, int status, json_t *json)
{
    struct text wish = server_header(call->exchange->request, "X-Vault-Wrap-TTL");
    char *body = dump_like_go(json);
    char text[128];
    int64_t ttl_s = 0;

    json_decref(json);
    if (wish.start && !vault_seconds(text_trim(wish), &ttl_s)) {
        snprintf(text, sizeof(text),
                 "error parsing X-Vault-Wrap-TTL header: time: invalid duration \"%.*s\"",
                 TEXT_ARG(wish));
        vault_error(call, 400, text);
    } else if (body && status == 200 && ttl_s > 0) {
        exchange_reply_json(call->exchange, 200, NULL, 0,
                            envelope(NULL, 0, wrap(call, body, ttl_s), NULL, NULL));
    } else {
        const struct server_header headers[] = {
            {TEXT("Content-Type"), TEXT("application/json")},
            {TEXT("Strict-Transport-Security"), TEXT("max-age=31536000; includeSubDomains")},
        };

        exchange_reply(call->exchange, body ? status : 500, headers, 2, text_of(body));
    }
    free(body);
}

void vault_reply_data(struct vault_call *call, int status, json_t *data, const char *warning)
{
    vault_reply_json(call, status, envelope(data, 0, NULL, warning, NULL));
}

void vault_reply_lease(struct vault_call *call, json_t *data, int64_t lease_s)
{
    vault_reply_json(call, 200, envelope(data, lease_s, NULL, NULL, NULL));
}

void vault_reply_auth(struct vault_call *call, json_t *auth, const char *warning)
{
    vault_reply_json(call, 200, envelope(NULL, 0, NULL, warning, auth));
}

void vault_error(struct vault_call *call, int status, const char *text)
{
    exchange_reply_json(call->exchange, status, NULL, 0,
                        text ? json_pack("{s:[s]}", "errors", text)
                             : json_pack("{s:[]}", "errors"));
}

void vault_no_content(struct vault_call *call)
{
    exchange_reply(call->exchange, 204, NULL, 0, TEXT(""));
}

void vault_denied(struct vault_call *call)
{
    vault_error(call, 403, "1 error occurred:\n\t* permission denied\n\n");
}

void vault_no_token(struct vault_call *call)
{
    vault_error(call, 403, "permission denied");
}

static void unwrap(struct vault_call *call)
{
    struct text named = json_text_at(call->body, "token");
    struct vault_token *token = named.size ? vault_token_find(call->vault, named) : call->token;

    if (named.size && !call->token) {
        vault_no_token(call);
    } else if (!token || !token->wrapped_body) {
        vault_error(call, 400, "wrapping token is not valid or does not exist");
    } else {
        const struct server_header type = {TEXT("Content-Type"), TEXT("application/json")};
        char *body = token->wrapped_body;

        /* Gone before the answer leaves: nobody unwraps twice. */
        token->wrapped_body = NULL;
        vault_token_drop(token);
        call->token = NULL;
        exchange_reply(call->exchange, 200, &type, 1, text_of(body));
        free(body);
    }
}

static void lookup(struct vault_call *call)
{
    struct text named = json_text_at(call->body, "token");
    const struct vault_token *token = vault_token_find(call->vault, named);
    char created[TIMESTAMP_SIZE];

    if (!named.size) {
        vault_error(call, 403, "error validating wrapping token: token is empty");
    } else if (!token || !token->wrapped_body) {
        vault_error(call, 400, "wrapping token is not valid or does not exist");
    } else {
        timestamp_at(token->created_at, created);
        vault_reply_data(call, 200,
                         json_pack("{s:s, s:s, s:I}", "creation_path", token->creation_path,
                                   "creation_time", created, "creation_ttl",
                                   (json_int_t)token->ttl_s),
                         NULL);
    }
}

void vault_wrapping_handle(struct vault_call *call)
{
    if (!vault_method_is(call, "POST"))
        vault_error(call, 405, NULL);
    else if (text_is(call->path, "sys/wrapping/unwrap"))
        unwrap(call);
    else if (text_is(call->path, "sys/wrapping/lookup"))
        lookup(call);
    else if (!call->token)
        vault_no_token(call);
    else
        vault_reply_data(call, 200, json_incref(call->body), NULL);
}
