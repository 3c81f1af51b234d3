/* SPDX-License-Identifier: Apache-2.0 */
/* The variables of the official clients. OpenBao's names hide HashiCorp's, even when they are
 * empty. */
#include "vaultclient/vaultclient.h"

#include "base/memory.h"
#include "base/moment.h"
#include "vaultclient/wire.h"

#include <stdio.h>
#include <string.h>

#define KEPT_STRINGS 8

struct vault_environment {
    char *strings[KEPT_STRINGS];
    size_t count;
    struct secret *token;
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

/* The words of Go's strconv.ParseBool. */
static bool fill_skip_verify(struct source *source, bool *setting)
{
    static const char *const words[] = {"0", "f", "F", "false", "FALSE", "False",
                                        "1", "t", "T", "true",  "TRUE",  "True"};
    const char *value = *setting ? NULL : find(source, "SKIP_VERIFY");

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

static bool fill(struct source *source, struct vault_settings *settings)
{
    return fill_string(source, "AGENT_ADDR", &settings->address) &&
           fill_string(source, "ADDR", &settings->address) &&
           fill_string(source, "NAMESPACE", &settings->namespace_path) &&
           fill_string(source, "CACERT", &settings->ca_file) &&
           fill_string(source, "CLIENT_CERT", &settings->client_cert_file) &&
           fill_string(source, "CLIENT_KEY", &settings->client_key_file) &&
           fill_string(source, "TLS_SERVER_NAME", &settings->server_name) &&
           fill_string(source, "PROXY_ADDR", &settings->proxy) &&
           fill_token(source, &settings->auth) &&
           fill_skip_verify(source, &settings->accept_any_certificate) &&
           fill_timeout(source, &settings->timeout_ms);
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
