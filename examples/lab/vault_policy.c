/* SPDX-License-Identifier: Apache-2.0 */
/* Two kinds of tokens: root may do everything, every other one has the policies "default" and
 * "keydrift", which are this table. Whatever lies below "forbidden/" is denied to them, for tests
 * of a 403. */
#include "examples/lab/lab.h"

static const struct {
    const char *pattern, *capabilities; /* the first match decides */
} policy[] = {
    {"kv/data/forbidden/*", "deny"},
    {"kv/metadata/forbidden/*", "deny"},
    {"kv/*", "create delete list patch read update"},
    {"kv1/*", "create delete list read update"},
    {"auth/token/lookup-self", "read"},
    {"auth/token/renew-self", "update"},
    {"auth/token/revoke-self", "update"},
    {"sys/capabilities-self", "update"},
    {"sys/internal/ui/mounts/*", "read"},
    {"sys/wrapping/*", "update"},
};

static struct text words_for(const struct vault_token *token, struct text path)
{
    if (token->is_root)
        return TEXT("root");
    for (size_t i = 0; i < sizeof(policy) / sizeof(policy[0]); i++) {
        if (text_matches(path, text_of(policy[i].pattern)))
            return text_of(policy[i].capabilities);
    }
    return TEXT("deny");
}

json_t *vault_capabilities(const struct vault_token *token, struct text path)
{
    struct text rest = words_for(token, path), word;
    json_t *list = json_array();

    while (list && text_split(&rest, ' ', &word))
        json_array_append_new(list, json_stringn(word.start, word.size));
    return list;
}

bool vault_may(const struct vault_call *call, const char *capability)
{
    struct text rest, word;

    if (!call->token)
        return false;
    rest = words_for(call->token, call->path);
    while (text_split(&rest, ' ', &word)) {
        if (text_is(word, capability) || text_is(word, "root"))
            return true;
    }
    return false;
}
