/* SPDX-License-Identifier: Apache-2.0 */
/* A mount of KV version 1: no versions, no check-and-set. A request in the form of version 2 is
 * taken at its word: "data/x" is just a path, and the fields "options" and "data" are stored. */
#include "examples/lab/lab.h"

#define LEASE_S 2764800

static void write_secret(struct vault_call *call, struct kv_mount *mount, struct text path)
{
    struct kv_secret *secret;

    if (!call->body || json_object_size(call->body) == 0) {
        vault_error(call, 400, "missing data fields");
        return;
    }
    secret = kv_find_or_add(mount, path);
    if (!secret) {
        vault_error(call, 500, "internal error");
        return;
    }
    json_decref(secret->plain);
    secret->plain = kv_as_stored(call->body, 1);
    vault_no_content(call);
}

void kv_v1_handle(struct vault_call *call, struct kv_mount *mount, struct text path)
{
    struct kv_secret *secret = kv_find(mount, path);

    if (vault_method_is(call, "LIST")) {
        kv_v1_list_handle(call, mount, path);
    } else if (vault_method_is(call, "GET")) {
        if (!vault_may(call, "read"))
            vault_denied(call);
        else if (secret)
            vault_reply_lease(call, json_incref(secret->plain), LEASE_S);
        else
            vault_error(call, 404, NULL);
    } else if (vault_method_is(call, "POST")) {
        if (vault_may(call, secret ? "update" : "create"))
            write_secret(call, mount, path);
        else
            vault_denied(call);
    } else if (vault_method_is(call, "DELETE")) {
        if (!vault_may(call, "delete")) {
            vault_denied(call);
            return;
        }
        if (secret)
            kv_remove(mount, secret);
        vault_no_content(call);
    } else {
        vault_error(call, 405, "1 error occurred:\n\t* unsupported operation\n\n");
    }
}
