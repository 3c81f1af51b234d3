/* SPDX-License-Identifier: Apache-2.0 */
/* The lab's Vault: a KV of version 2 at kv/ and one of version 1 at kv1/, tokens, AppRole and
 * response wrapping, with the answers that OpenBao 2.7.2 was seen to give. */
#ifndef EXAMPLES_LAB_VAULT_H
#define EXAMPLES_LAB_VAULT_H

#include "base/attributes.h"
#include "base/text.h"
#include "net/json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#define GUID_SIZE      37
#define TIMESTAMP_SIZE 36 /* "2026-01-01T00:00:00.123456789Z" and room */

struct exchange;

struct vault_token {
    LIST_ENTRY(vault_token) link;
    char id[32], accessor[32];
    const char *display_name, *path; /* "approle", "auth/approle/login" */
    bool is_root, is_renewable;
    int64_t created_at, expires_at; /* ms; expires_at 0: never */
    int64_t ttl_s, max_ttl_s;       /* 0: no limit */
    /* A wrapping token: what it wraps. */
    char *wrapped_body, *creation_path;
};

struct kv_version {
    char created_time[TIMESTAMP_SIZE], deletion_time[TIMESTAMP_SIZE];
    bool is_destroyed, is_pruned;
    json_t *data; /* an object or null */
};
struct kv_secret {
    char *path;
    char created_time[TIMESTAMP_SIZE], updated_time[TIMESTAMP_SIZE];
    struct kv_version *versions; /* [0] is version 1 */
    unsigned current, max_versions, metadata_version;
    int64_t delete_after_s; /* 0: never */
    bool cas_required, metadata_cas_required;
    json_t *custom_metadata;
    json_t *plain; /* the fields, on a mount of version 1 */
};
struct kv_mount {
    const char *name;
    int version;
    struct kv_secret **secrets; /* sorted by path */
    size_t count, capacity;
};
#define KV_MOUNTS 2

struct vault {
    struct kv_mount mounts[KV_MOUNTS];
    LIST_HEAD(, vault_token) tokens;
    SLIST_HEAD(, secret_id) secret_ids;
    char role_id[GUID_SIZE], cluster_id[GUID_SIZE];
    int64_t role_ttl_s, role_max_ttl_s;
    unsigned failed_logins;
    int64_t locked_until;
};

struct vault_call {
    struct exchange *exchange;
    struct vault *vault;
    struct vault_token *token; /* NULL: none, or none we know */
    struct text path;          /* without "/v1/" */
    struct text method;        /* PUT is POST; GET with list=true is LIST */
    json_t *body;              /* an object, or NULL when there is none */
};

must_use bool vault_init(struct vault *vault, char *root_token, size_t size);
void vault_clear(struct vault *vault);
bool vault_method_is(const struct vault_call *call, const char *method);

/* Answers (vault_reply.c). Each ends the call's exchange; the call itself stays its caller's.
 * `data` and `auth` are taken; NULL is null. A 200 is wrapped when the request asks for it. */
void vault_reply_data(struct vault_call *call, int status, json_t *data, const char *warning);
void vault_reply_lease(struct vault_call *call, json_t *data, int64_t lease_s);
void vault_reply_auth(struct vault_call *call, json_t *auth, const char *warning);
void vault_reply_json(struct vault_call *call, int status, json_t *json);
void vault_error(struct vault_call *call, int status, const char *text); /* NULL: an empty list */
void vault_no_content(struct vault_call *call);
void vault_denied(struct vault_call *call);          /* by policy */
void vault_no_token(struct vault_call *call);        /* no token, or a dead one */
void vault_wrapping_handle(struct vault_call *call); /* sys/wrapping/... */
/* "60", "90s", "1h30m", "1d", or the number 60. */
must_use bool vault_seconds(struct text text, int64_t *ret);

/* Who may do what (vault_policy.c). Words as of sys/capabilities-self, sorted. */
must_use json_t *vault_capabilities(const struct vault_token *token, struct text path);
bool vault_may(const struct vault_call *call, const char *capability);

/* Logins and tokens (vault_auth.c). */
struct vault_token *vault_token_find(struct vault *vault, struct text id);
must_use struct vault_token *vault_token_new(struct vault *vault, const char *display_name,
                                             const char *path, int64_t ttl_s, int64_t max_ttl_s);
void vault_token_drop(struct vault_token *token);
void vault_auth_handle(struct vault_call *call); /* auth/... */
void vault_secret_ids_clear(struct vault *vault);
/* A secret id for the role, as the API gives them out; false when out of memory. */
must_use bool vault_secret_id_new(struct vault *vault, char out[GUID_SIZE]);

/* Secrets (kv_store.c, kv_v2.c, kv_v1.c). */
struct kv_mount *kv_mount_of(struct vault *vault, struct text path);
struct kv_secret *kv_find(const struct kv_mount *mount, struct text path);
must_use struct kv_secret *kv_find_or_add(struct kv_mount *mount, struct text path);
void kv_remove(struct kv_mount *mount, struct kv_secret *secret);
/* A new version; takes `data`, which may be any JSON. False when out of memory. */
must_use bool kv_write(struct kv_secret *secret, json_t *data);
/* The names right below `prefix`, folders with a slash; NULL when there are none. */
must_use json_t *kv_list(const struct kv_mount *mount, struct text prefix);
void kv_clear(struct kv_mount *mount);
/* LIST of either version (kv_list.c). */
void kv_list_handle(struct vault_call *call, const struct kv_mount *mount, struct text path,
                    bool is_detailed);
void kv_v1_list_handle(struct vault_call *call, const struct kv_mount *mount, struct text path);
/* `current`: as of which version; the lab can pretend that the last write has not arrived yet. */
must_use json_t *kv_metadata_json(const struct kv_secret *secret, unsigned current);
/* What the request makes of custom metadata (kv_custom.c): a new reference in `ret`, NULL for none.
 * False: the call was answered. */
must_use bool kv_custom_change(struct vault_call *call, struct json_t *old, bool is_patch,
                               json_t **ret);
/* Content-Type fits a merge patch; else the call was answered (kv_v2.c). */
must_use bool kv_takes_patch(struct vault_call *call);
/* What the engine of that version makes of it: names in order, numbers as it keeps them. A copy. */
must_use json_t *kv_as_stored(json_t *json, int version);
void kv_v1_handle(struct vault_call *call, struct kv_mount *mount, struct text path);
void kv_v2_handle(struct vault_call *call, struct kv_mount *mount, struct text path);
void kv_metadata_handle(struct vault_call *call, struct kv_mount *mount, struct text path);
/* Sets version 1 of a secret of mount "kv"; takes `data`. */
must_use bool kv_seed(struct vault *vault, const char *path, json_t *data);
/* Deleted, with a time that has come. */
bool kv_is_deleted(const struct kv_version *version);

#endif
