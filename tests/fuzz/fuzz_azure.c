/* SPDX-License-Identifier: Apache-2.0 */
/* A status and a body, as an answer of Entra, of Azure Resource Manager and of the Activity Log:
 * believed or refused with a reason that shows no secret. */
#include "azureclient/key_kinds.h"
#include "azureclient/wire.h"
#include "azureclient/wire_events.h"
#include "azureclient/wire_keys.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

#define NOW INT64_C(1767225600000)

static void try_token(int status, struct text body, const struct secret *sent)
{
    struct failure why = {0};
    struct wire_token token = {0};
    bool ok = wire_token(body, NOW, &token, &why);

    fuzz_check(ok, &why);
    assert(ok == !!token.value);
    if (ok) {
        assert(token.refresh_ms < token.lifetime_ms);
        assert(text_is_printable(secret_reveal(token.value)));
    }
    secret_free(token.value);
    why = (struct failure){0};
    wire_token_failure(status, body, sent, &why);
    fuzz_check_hidden(&why);
}

static void try_arm(int status, struct text body, const struct secret *sent)
{
    struct failure why = {0};
    enum wire_state state = WIRE_RUNNING;
    bool ok;

    wire_arm_failure(status, body, sent, &why);
    fuzz_check_hidden(&why);
    assert(why.http_status == status);
    why = (struct failure){0};
    ok = wire_operation(body, sent, &state, &why);
    fuzz_check(ok && state != WIRE_FAILED && state != WIRE_CANCELED, &why);
    assert(!strstr(why.text, FUZZ_SECRET));
}

static void try_keys(struct text body)
{
    const struct azure_key_kind *kind;

    for (size_t i = 0; (kind = azure_key_kind_row(i)); i++) {
        size_t slots = azure_key_kind_slots(kind);
        struct key_list list = {0};
        struct failure why = {0};
        char *next = NULL, *made;
        bool ok = wire_keys_page(kind, body, &list, &next, &why);

        ok = ok && wire_keys_end(kind, &list, &why);
        fuzz_check(ok, &why);
        assert(!ok || !slots || list.count == slots);
        for (size_t key = 0; ok && key < list.count; key++)
            assert(list.names[key] && secret_reveal(list.values[key]).size > 0);
        key_list_clear(&list);
        free(next);
        if (!kind->regenerates_by_id)
            continue;
        why = (struct failure){0};
        made = wire_regenerate_body(kind, 0, body, &next, &why);
        assert(!!made + !!next + !!why.kind == 1);
        free(made);
        free(next);
    }
}

/* What was put into a connection string is found there again. */
static void try_inside(const struct azure_key_kind *kind, const struct secret *value)
{
    struct failure why = {0};
    struct secret *key = azure_key_inside(kind, value, &why), *made, *again;

    fuzz_check(key, &why);
    made = key ? azure_key_replace_inside(kind, value, key, NULL) : NULL;
    assert(!made || secret_equal(made, value));
    secret_free(made);
    made = key ? secret_new(TEXT("fresh+/==")) : NULL;
    again = made ? azure_key_replace_inside(kind, value, made, NULL) : NULL;
    secret_free(key);
    key = again ? azure_key_inside(kind, again, NULL) : NULL;
    assert(!again || secret_equal(key, made));
    secret_free(key);
    secret_free(again);
    secret_free(made);
}

static void try_connection_strings(struct text body)
{
    struct secret *value = secret_new(body);
    const struct azure_key_kind *kind;

    for (size_t i = 0; value && (kind = azure_key_kind_row(i)); i++)
        if (kind->inside)
            try_inside(kind, value);
    secret_free(value);
}

static bool is_tellable(struct text text)
{
    return text_is_utf8(text) && text_is_printable(text);
}

static void try_events(struct text body)
{
    struct event_search search = {
        .resource_id = TEXT("/subscriptions/s/resourceGroups/g/providers/p/e"),
        .action = TEXT("p/e/regenerateKeys/action"),
    };
    struct azure_key_event event, again;
    struct failure why = {0};
    char *next = NULL;
    bool ok = event_search_page(&search, body, &next, &why);

    fuzz_check(ok, &why);
    free(next);
    if (ok && event_search_newest(&search, &event)) {
        assert(is_tellable(event.caller) && is_tellable(event.client_address));
        assert(is_tellable(event.client_request_id) && is_tellable(event.slot));
        assert(event.at >= 0);
        /* A page that comes twice tells nothing new. */
        assert(event_search_page(&search, body, &next, NULL));
        free(next);
        assert(event_search_newest(&search, &again) && again.at == event.at);
    }
    event_search_clear(&search);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct secret *sent = secret_new(TEXT(FUZZ_SECRET));
    struct text body = {(const char *)data, size};
    struct text line = fuzz_line(&body);
    uint64_t status = 200;

    assert(sent);
    (void)!text_parse_u64(line, 599, &status);
    try_token((int)status, body, sent);
    try_arm((int)status, body, sent);
    try_keys(body);
    try_connection_strings(body);
    try_events(body);
    secret_free(sent);
    return 0;
}
