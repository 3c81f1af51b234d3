/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the lab's Azure Resource Manager share. The way of a request: token, quota,
 * api-version, subscription (arm.c); then either the Activity Log, the authorization API, an
 * operation's status, or a resource, whose operation is looked up in the table, whose action the
 * caller must be allowed, and which must exist (arm_resources.c). */
#ifndef EXAMPLES_LAB_ARM_H
#define EXAMPLES_LAB_ARM_H

#include "examples/lab/sources.h"

struct arm_call {
    struct exchange *exchange;
    struct lab *lab;
    const char *version;
    struct segments segments;
    const struct source *source;
    struct resource *resource; /* NULL for a list, and for what a PUT is about to make */
    const char *action;        /* "Microsoft.Storage/storageAccounts/listKeys/action" */
};

/* ARM's error envelope, as arm_error() in lab.h; these are common ones. */
void arm_not_allowed(struct exchange *exchange);
void arm_out_of_memory(struct exchange *exchange);

/* Whatever lies below a resource group (arm_resources.c). */
void arm_resources_handle(struct arm_call *call);
/* False, and the call answered, unless the caller may do it there. */
must_use bool arm_may(struct arm_call *call, struct text scope, const char *action);
/* What the log will tell of this call. */
struct deed arm_deed(const struct arm_call *call);
/* What a fault will make of the operation that this call starts. */
enum change_fate arm_fate(const struct arm_call *call);

/* Keys (arm_keys.c) and how they are shown (arm_keys_json.c). */
void arm_list_keys(struct arm_call *call);
void arm_regenerate(struct arm_call *call);
void arm_query_key_create(struct arm_call *call);
void arm_query_key_delete(struct arm_call *call);
void arm_function_key_set(struct arm_call *call);
void arm_function_key_delete(struct arm_call *call);
void arm_policies_put(struct arm_call *call);
enum { KEYS_STALE = 1, KEYS_KERBEROS = 2 };
must_use json_t *keys_json(const struct resource *resource, unsigned flags);
must_use json_t *api_key_json(const struct resource *resource, int slot, bool is_stale);
/* An id that changes with the key. */
void api_key_id(const char *value, char out[17]);
/* The answer of a regeneration that has ended; NULL: no body. */
must_use json_t *regenerate_result(const struct change *change);

/* Resources as GET shows them (arm_show.c). */
must_use json_t *resource_json(const struct arm_call *call, const struct resource *resource);
void arm_show(struct arm_call *call);

/* Azure ML online endpoints (arm_endpoints.c). */
must_use json_t *endpoint_json(const struct arm_call *call, const struct resource *endpoint);
/* True for every resource but an endpoint that takes tokens. */
bool endpoint_has_keys(const struct resource *resource);
void arm_endpoints_list(struct arm_call *call);
void arm_endpoint_put(struct arm_call *call);
void arm_endpoint_patch(struct arm_call *call);
void arm_endpoint_delete(struct arm_call *call);
void arm_endpoint_token(struct arm_call *call);
void arm_deployments_list(struct arm_call *call);
void arm_deployment_get(struct arm_call *call);

/* Operations under way (arm_operations.c). */
/* The Activity Log (activity.c). */
void arm_activity_handle(struct arm_call *call);

void arm_operation_handle(struct arm_call *call);
/* 202, or 201 with the resource when `json` is given, with the headers of that style. */
void arm_accepted(struct arm_call *call, const struct change *change, enum style style, int status,
                  json_t *json);

/* Roles, deny assignments and the API that shows them. */
enum verdict { VERDICT_ALLOWED, VERDICT_NOT_GRANTED, VERDICT_DENIED };
enum verdict rights_judge(const struct rights *rights, const char *principal, struct text scope,
                          const char *action);
/* The name of the deny assignment behind VERDICT_DENIED, or "". */
const char *rights_deny_name(const struct rights *rights, const char *principal, struct text scope,
                             const char *action);
must_use json_t *rights_permissions(const struct rights *rights, const char *principal,
                                    struct text scope);
must_use json_t *rights_assignments(const struct rights *rights, struct text scope,
                                    const char *principal);
must_use json_t *rights_definitions(void);
must_use json_t *rights_denials(const struct rights *rights, struct text scope);
void arm_authorization_handle(struct arm_call *call, size_t provider_at);

/* Counts a request against its bucket. */
struct quota_reading quota_take(struct quota *quota, const char *principal, struct text method);

#endif
