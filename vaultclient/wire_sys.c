/* SPDX-License-Identifier: Apache-2.0 */
/* What a server says about itself, also between the lines of an error. */
#include "vaultclient/wire.h"

#include "net/json.h"

#include <string.h>

bool vault_wire_is_behind(int status, struct text body)
{
    cleanup_with(json_clean) json_t *answer = status == 429 ? json_read_object(body, NULL) : NULL;
    const json_t *errors = json_object_get(answer, "errors");

    return status == 412 || (json_is_array(errors) && json_array_size(errors) == 0);
}

bool vault_wire_refuses_index(int status, struct text body)
{
    return status == 400 && (vault_wire_says(body, "\"X-Vault-Index\"") ||
                             vault_wire_says(body, "\"X-Vault-Inconsistent\""));
}

bool vault_wire_refuses_forwarding(int status, struct text body)
{
    return status == 400 && vault_wire_says(body, "forwarding via header X-Vault-");
}

bool vault_wire_has_no_leader(int status, struct text body)
{
    return status == 472 || status == 473 ||
           (status >= 500 && (vault_wire_says(body, "local node not active") ||
                              vault_wire_says(body, "no active Vault instance")));
}

bool vault_wire_is_sealed(int status, struct text body)
{
    return status == 501 || (status == 503 && vault_wire_says(body, "Vault is sealed"));
}

bool vault_wire_is_locked(int status, struct text body)
{
    return status == 503 && vault_wire_says(body, "API access to this namespace has been locked");
}

bool vault_wire_is_health(struct text body)
{
    cleanup_with(json_clean) json_t *answer = json_read_object(body, NULL);

    return json_is_true(json_object_get(answer, "initialized")) &&
           json_is_false(json_object_get(answer, "sealed"));
}

bool vault_wire_leader(int status, struct text body, struct wire_leader *ret)
{
    cleanup_with(json_clean) json_t *answer = status == 200 ? json_read_object(body, NULL) : NULL;
    struct text address = json_text_at(answer, "leader_address");

    if (!json_is_boolean(json_object_get(answer, "ha_enabled")))
        return false;
    *ret = (struct wire_leader){
        .is_alone = json_is_false(json_object_get(answer, "ha_enabled")),
        .is_self = json_is_true(json_object_get(answer, "is_self")),
    };
    if (address.size < sizeof ret->address && address.size)
        memcpy(ret->address, address.start, address.size);
    return true;
}
