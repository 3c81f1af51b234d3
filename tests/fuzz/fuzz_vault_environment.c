/* SPDX-License-Identifier: Apache-2.0 */
/* Lines NAME=VALUE as the environment: filled in within bounds, or refused by a failure that names
 * the variable, shows no value, and leaves the settings as they were. */
#include "base/memory.h"
#include "tests/fuzz/fuzz.h"
#include "vaultclient/internal.h"

static struct text environment;

/* The first line with that name, as getenv() would tell it: up to a NUL. */
static char *get(const char *name)
{
    static char value[16385];
    struct text rest = environment, line, key;

    while (text_split(&rest, '\n', &line)) {
        struct text after = line;

        if (!text_split(&after, '=', &key) || !after.start || !text_is(key, name))
            continue;
        after = text_part(after, 0, sizeof(value) - 1);
        memcpy(value, after.start, after.size);
        value[after.size] = '\0';
        return value;
    }
    return NULL;
}

static void check_filled(const struct vault_settings *settings)
{
    struct pace pace;

    assert(settings->timeout_ms <= 86400000 && settings->max_tries <= 1001);
    assert(settings->requests_per_1000_s <= 1000000999 && settings->requests_at_once <= 1000000);
    assert(!settings->requests_per_1000_s == !settings->requests_at_once);
    assert((settings->auth.method == VAULT_AUTH_TOKEN_FILE) == !!settings->auth.token.file);
    assert(!settings->auth.token.file || !settings->auth.token.value);
    if (settings->auth.token.value)
        assert(vault_wire_check_token(secret_reveal(settings->auth.token.value), "token", NULL));
    vault_pace_init(&pace, settings);
    for (uint32_t i = 0; settings->requests_at_once && i < settings->requests_at_once && i < 8; i++)
        assert(vault_pace_take(&pace) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vault_settings settings = {.namespace_path = "kept"}, before;
    struct vault_environment *kept = (void *)&settings;
    struct failure why = {0};
    bool ok;

    environment = (struct text){(const char *)data, size};
    memcpy(&before, &settings, sizeof(before));
    ok = vault_settings_from_environment(&settings, get, &kept, &why);
    fuzz_check(ok, &why);
    assert(ok == !!kept);
    assert(strcmp(settings.namespace_path, "kept") == 0);
    if (ok) {
        check_filled(&settings);
    } else {
        assert(memcmp(&before, &settings, sizeof(before)) == 0);
        assert(why.kind == FAILURE_INVALID && !strstr(why.text, FUZZ_SECRET));
        assert(strstr(why.text, "BAO_") || strstr(why.text, "VAULT_"));
    }
    vault_environment_free(kept);
    return 0;
}
