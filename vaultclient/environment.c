/* SPDX-License-Identifier: Apache-2.0 */
/* The variables of the official clients. OpenBao's names hide HashiCorp's, even when they are
 * empty. */
#include "vaultclient/vaultclient.h"

#include "base/memory.h"
#include "base/moment.h"
#include "vaultclient/wire.h"

#include <stdio.h>
#include <string.h>

#define KEPT_STRINGS 16

struct vault_environment {
    char *strings[KEPT_STRINGS];
    size_t count;
    struct secret *token, *client_key;
};

struct source {
    char *(*get)(const char *name);
    struct vault_environment *kept;
    char name[48]; /* of the variable found last */
    struct failure *why;
};

struct vault_environment *vault_environment_free(struct vault_environment *kept)
{
    if (!kept)
        return NULL;
    for (size_t i = 0; i < kept->count; i++)
        memory_free(kept->strings[i]);
    secret_free(kept->token);
    secret_free(kept->client_key);
    memory_free(kept);
    return NULL;
}

/* NULL when it is absent or empty. */
static const char *find(struct source *source, const char *suffix)
{
    const char *value;

    snprintf(source->name, sizeof source->name, "BAO_%s", suffix);
    value = source->get(source->name);
    if (!value) {
        snprintf(source->name, sizeof source->name, "VAULT_%s", suffix);
        value = source->get(source->name);
    }
    return value && *value ? value : NULL;
}

static bool fill_string(struct source *source, const char *suffix, const char **setting)
{
    const char *value;
    char *copy;

    if (*setting || !(value = find(source, suffix)))
        return true;
    copy = memory_string(value);
    if (!copy)
        return failure_out_of_memory(source->why);
    source->kept->strings[source->kept->count++] = copy;
    *setting = copy;
    return true;
}

static bool fill_text(struct source *source, const char *suffix, struct text *setting)
{
    const char *copy = NULL;

    if (!fill_string(source, suffix, &copy))
        return false;
    if (copy)
        *setting = text_of(copy);
    return true;
}

/* Where something is configured the environment adds nothing to it. */
static bool fill_roots(struct source *source, struct vault_settings *settings)
{
    if (settings->ca_file || settings->ca_folder || settings->ca_pem.size)
        return true;
    return fill_string(source, "CACERT", &settings->ca_file) &&
           fill_string(source, "CAPATH", &settings->ca_folder) &&
           fill_text(source, "CACERT_BYTES", &settings->ca_pem);
}

static bool fill_client_key(struct source *source, struct vault_settings *settings)
{
    const char *value = find(source, "CLIENT_KEY_BYTES");

    if (!value)
        return true;
    source->kept->client_key = secret_new(text_of(value));
    settings->client_key_pem = source->kept->client_key;
    return settings->client_key_pem || failure_out_of_memory(source->why);
}

static bool fill_certificate(struct source *source, struct vault_settings *settings)
{
    if (settings->client_cert_file || settings->client_key_file || settings->client_key_pem)
        return true;
    return fill_string(source, "CLIENT_CERT", &settings->client_cert_file) &&
           fill_string(source, "CLIENT_KEY", &settings->client_key_file) &&
           fill_text(source, "CLIENT_CERT_BYTES", &settings->client_cert_pem) &&
           fill_client_key(source, settings);
}

static bool fill_token(struct source *source, struct vault_auth *auth)
{
    const char *value;

    if (auth->method != VAULT_AUTH_TOKEN || auth->token.value || auth->token.file ||
        !(value = find(source, "TOKEN")))
        return true;
    if (!vault_wire_check_token(text_of(value), "token", source->why)) {
        failure_prefix(source->why, "%s", source->name);
        return false;
    }
    source->kept->token = secret_new(text_of(value));
    auth->token.value = source->kept->token;
    return auth->token.value || failure_out_of_memory(source->why);
}

/* Where the command line keeps a token; one that is given comes first. */
static bool fill_token_path(struct source *source, struct vault_auth *auth)
{
    if (auth->method != VAULT_AUTH_TOKEN || auth->token.value || auth->token.file)
        return true;
    if (!fill_string(source, "TOKEN_PATH", &auth->token.file))
        return false;
    if (auth->token.file)
        auth->method = VAULT_AUTH_TOKEN_FILE;
    return true;
}

/* The words of Go's strconv.ParseBool. */
static bool fill_switch(struct source *source, const char *suffix, bool *setting)
{
    static const char *const words[] = {"0", "f", "F", "false", "FALSE", "False",
                                        "1", "t", "T", "true",  "TRUE",  "True"};
    const char *value = *setting ? NULL : find(source, suffix);

    if (!value)
        return true;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(words[i], value) == 0) {
            *setting = i >= 6;
            return true;
        }
    }
    return failure_set(source->why, FAILURE_INVALID, "%s is neither \"true\" nor \"false\"",
                       source->name);
}

/* Seconds, or a duration with units. */
static bool fill_timeout(struct source *source, uint32_t *setting)
{
    const char *value = *setting ? NULL : find(source, "CLIENT_TIMEOUT");
    uint64_t timeout_ms;

    if (!value)
        return true;
    if (text_parse_u64(text_of(value), 86400, &timeout_ms))
        timeout_ms *= 1000;
    else if (!duration_parse(text_of(value), &timeout_ms, NULL))
        timeout_ms = 0;
    if (timeout_ms == 0 || timeout_ms > 86400000)
        return failure_set(source->why, FAILURE_INVALID,
                           "%s is not a number of seconds or a duration like \"30s\", up to a day",
                           source->name);
    *setting = (uint32_t)timeout_ms;
    return true;
}

static bool fill_tries(struct source *source, unsigned *setting)
{
    const char *value = *setting ? NULL : find(source, "MAX_RETRIES");
    uint64_t retries;

    if (!value)
        return true;
    if (!text_parse_u64(text_of(value), 1000, &retries))
        return failure_set(source->why, FAILURE_INVALID, "%s is not a number from 0 to 1000",
                           source->name);
    *setting = (unsigned)retries + 1;
    return true;
}

/* "10", "0.5", "10:20": a rate per second, and how many at once. */
static bool parse_rate(struct text value, uint32_t *per_1000_s, uint32_t *burst)
{
    struct text whole, fraction;
    uint64_t number, thousandths = 0, at_once = 0;

    if (!text_split(&value, ':', &whole))
        return false;
    if (value.start && (!text_parse_u64(value, 1000000, &at_once) || !at_once))
        return false;
    fraction = whole;
    text_split(&fraction, '.', &whole);
    if (!text_parse_u64(whole, 1000000, &number) || fraction.size > 3)
        return false;
    if (fraction.start && !text_parse_u64(fraction, 999, &thousandths))
        return false;
    for (size_t i = fraction.size; i < 3; i++)
        thousandths *= 10;
    *per_1000_s = (uint32_t)(number * 1000 + thousandths);
    *burst = at_once ? (uint32_t)at_once : (uint32_t)(number ? number : 1);
    return *per_1000_s > 0;
}

static bool fill_rate(struct source *source, struct vault_settings *settings)
{
    const char *value = settings->requests_per_1000_s ? NULL : find(source, "RATE_LIMIT");

    if (!value ||
        parse_rate(text_of(value), &settings->requests_per_1000_s, &settings->requests_at_once))
        return true;
    return failure_set(source->why, FAILURE_INVALID,
                       "%s is not \"rate\" or \"rate:burst\", with the rate per second",
                       source->name);
}

static bool has_port(struct text address)
{
    size_t scheme = text_find(address, TEXT("://")), bracket;
    struct text rest;

    if (scheme != SIZE_MAX)
        address = text_part(address, scheme + 3, SIZE_MAX);
    rest = address;
    text_split(&rest, '/', &address);
    bracket = text_find(address, TEXT("]"));
    if (bracket != SIZE_MAX)
        address = text_part(address, bracket + 1, SIZE_MAX);
    return text_contains_byte(address, ':');
}

/* What we do not do, and what goes on as if it had not been asked for would be wrong. */
static bool refuse_others(struct source *source, const struct vault_settings *settings)
{
    bool looks_up = false;

    if (find(source, "WRAP_TTL"))
        return failure_set(source->why, FAILURE_INVALID,
                           "%s is set: each answer would be a wrapping token in place of what was "
                           "asked for; it is not to be set here",
                           source->name);
    if (find(source, "HEADERS"))
        return failure_set(source->why, FAILURE_INVALID,
                           "%s is set: headers of one's own are not sent, and what stands behind "
                           "them may not work without; it is not to be set here",
                           source->name);
    if (!fill_switch(source, "SRV_LOOKUP", &looks_up))
        return false;
    if (looks_up && settings->address && !has_port(text_of(settings->address)) &&
        !text_starts_with(text_of(settings->address), TEXT("unix:")))
        return failure_set(source->why, FAILURE_INVALID,
                           "%s is set and the address names no port: SRV records are not looked "
                           "up, so the port has to be written down",
                           source->name);
    return true;
}

static bool fill(struct source *source, struct vault_settings *settings)
{
    return fill_string(source, "AGENT_ADDR", &settings->address) &&
           fill_string(source, "ADDR", &settings->address) &&
           fill_string(source, "NAMESPACE", &settings->namespace_path) &&
           fill_roots(source, settings) && fill_certificate(source, settings) &&
           fill_string(source, "TLS_SERVER_NAME", &settings->server_name) &&
           fill_string(source, "PROXY_ADDR", &settings->proxy) &&
           fill_string(source, "HTTP_PROXY", &settings->proxy) &&
           fill_token(source, &settings->auth) && fill_token_path(source, &settings->auth) &&
           fill_switch(source, "SKIP_VERIFY", &settings->accept_any_certificate) &&
           fill_switch(source, "DISABLE_REDIRECTS", &settings->stays_put) &&
           fill_timeout(source, &settings->timeout_ms) &&
           fill_tries(source, &settings->max_tries) && fill_rate(source, settings) &&
           refuse_others(source, settings);
}

bool vault_settings_from_environment(struct vault_settings *settings,
                                     char *(*get)(const char *name),
                                     struct vault_environment **kept, struct failure *why)
{
    struct source source = {.get = get, .kept = memory_zeroed(1, sizeof *source.kept), .why = why};
    struct vault_settings filled = *settings;

    *kept = NULL;
    if (!source.kept)
        return failure_out_of_memory(why);
    if (!fill(&source, &filled)) {
        vault_environment_free(source.kept);
        return false;
    }
    *settings = filled;
    *kept = source.kept;
    return true;
}
