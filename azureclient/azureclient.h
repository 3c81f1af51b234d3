/* SPDX-License-Identifier: Apache-2.0 */
/* Reads and regenerates keys that Azure services issue, on a libuv loop: Entra tokens, Azure
 * Resource Manager (ARM), the Activity Log, and calls to an Azure ML scoring endpoint.
 *
 * One client is one identity in one cloud; it serves one loop and is called only from that loop's
 * thread. Tokens are fetched when first needed, kept until shortly before they expire, and fetched
 * once for any number of waiters. It never logs and never reads the environment unless told to
 * (azure_settings_from_environment(), http_use_environment_proxies()).
 *
 * The promise is that of struct operation: `done` exactly once, from the loop, never before the
 * starting function has returned. What a `done` is given dies with the call.
 *
 * Failure kinds as in enum failure_kind: DENIED (401, 403: the text names the identity's missing
 * action; a lock), NOT_FOUND, THROTTLED (429, with retry_after_ms), CONFLICT (409), REMOTE (5xx,
 * failed operation), AMBIGUOUS (a regenerate whose answer was lost), INVALID (what was asked for
 * makes no sense: an id of an unknown type, a provider the subscription has not registered),
 * PROTOCOL, TIMEOUT, NETWORK. ARM and Entra error bodies become one plain sentence that keeps their
 * code, ends with the correlation id that Azure's support asks for, and says what to do where the
 * code alone would mislead. Sources: Microsoft's OpenAPI files (the api-versions of the table of
 * key sources in README.md, 2015-04-01 of Microsoft.Insights) and the ARM RPC documents.
 */
#ifndef AZURECLIENT_H
#define AZURECLIENT_H

#include "base/attributes.h"
#include "base/failure.h"
#include "base/memory.h"
#include "base/operation.h"
#include "base/secret.h"
#include "base/text.h"
#include "net/life.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(default)

struct azure_client;

/* "1.2.3": of the library that runs; AZURECLIENT_VERSION is the header's. Lives for ever. */
const char *azure_client_version(void);

/* ---- settings -------------------------------------------------------------------------------- */

/* The default is the first of those before it that is there, as Microsoft's DefaultAzureCredential:
 * a client secret, certificate or federated token that is set is used, and its refusal is final.
 * Without one, a managed identity when the machine has it (IMDS is given a second to answer), else
 * the Azure CLI. The one that worked is kept. When none does, the failure says of each why.
 * Developers' tools besides the CLI (Visual Studio Code, PowerShell, azd, broker) are not asked. */
enum azure_credential_method {
    AZURE_CREDENTIAL_CLIENT_SECRET,
    AZURE_CREDENTIAL_CLIENT_CERTIFICATE, /* an assertion signed with the certificate's key */
    AZURE_CREDENTIAL_WORKLOAD_IDENTITY,  /* a projected service-account token */
    AZURE_CREDENTIAL_MANAGED_IDENTITY,   /* of the machine we run on: see below */
    AZURE_CREDENTIAL_AZURE_CLI, /* whoever has signed in with "az login"; starts "az", so that libuv
                                   takes over SIGCHLD */
    AZURE_CREDENTIAL_DEFAULT,
};

/* Every file is read again for each token request, so that it may be replaced at any time. */
struct azure_credential {
    enum azure_credential_method method;
    const char *tenant_id; /* a GUID or a domain; optional for the Azure CLI */
    const char *client_id; /* of the application; optional for a managed identity */

    const struct secret *client_secret;
    const char *client_secret_file; /* instead */

    const char *certificate_file;     /* PEM (certificate, its key, and perhaps a chain) or PKCS#12;
                                         the key must be RSA */
    const char *certificate_key_file; /* PEM; when the key is in a file of its own */
    const struct secret *certificate_password; /* of the PKCS#12 file or the encrypted key */
    const char *certificate_password_file;     /* instead */
    bool send_certificate_chain; /* "x5c", for applications that trust a subject name and issuer */
    bool sign_with_rs256;        /* instead of PS256 */

    const char *federated_token_file;

    /* A managed identity. Which of the six kinds of it is decided as Microsoft's libraries do, by
     * what is set: Service Fabric (identity_endpoint, identity_header and
     * identity_server_thumbprint), App Service (the first two), Azure ML (msi_endpoint and
     * msi_secret), Cloud Shell (msi_endpoint), Azure Arc (identity_endpoint and imds_endpoint, or
     * its agent is installed), else IMDS. An identity assigned by the user is named by one of
     * client_id, object_id and identity_resource_id; Cloud Shell and Service Fabric know none,
     * Azure ML only the first. */
    const char *object_id, *identity_resource_id;
    const char *imds_url; /* default "http://169.254.169.254" */
    const char *identity_endpoint, *imds_endpoint, *msi_endpoint;
    const struct secret *identity_header, *msi_secret;
    const char *identity_server_thumbprint; /* SHA-1 of the server's certificate, in hex */
    const char *ml_client_id;               /* Azure ML: used when client_id is not set */

    /* Narrows AZURE_CREDENTIAL_DEFAULT down, in any case: "prod" (all but the CLI), "dev" (the
     * CLI), or one of EnvironmentCredential (the first two), WorkloadIdentityCredential,
     * ManagedIdentityCredential (without asking first whether it is there), AzureCliCredential. */
    const char *token_credentials;

    /* The environment "az" runs in, "NAME=value" and NULL at the end; PATH decides which az. Never
     * ours as a whole. NULL: the system's usual PATH and nothing else, so az finds no login. TZ is
     * always UTC0, since az prints local times. */
    const char *const *cli_environment;
};

/* Copied by azure_client_open(). NULL or 0: the default. */
struct azure_settings {
    const char *resource_manager; /* default "https://management.azure.com" */
    const char *authority;        /* default "https://login.microsoftonline.com" */
    const char *audience;   /* default: resource_manager; the scope is "<audience>/.default" */
    const char *ca_file;    /* for all three, the scoring calls too */
    uint32_t timeout_ms;    /* one operation with all its retries; default 30,000 */
    unsigned max_in_flight; /* per upstream; default 16 */
    struct azure_credential credential;
};

/* Fills what is still unset in `settings` from the variables that Microsoft's libraries read:
 *   AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET, AZURE_CLIENT_CERTIFICATE_PATH,
 *   AZURE_CLIENT_CERTIFICATE_PASSWORD, AZURE_CLIENT_SEND_CERTIFICATE_CHAIN ("true" or "1"),
 *   AZURE_FEDERATED_TOKEN_FILE, AZURE_AUTHORITY_HOST, AZURE_TOKEN_CREDENTIALS;
 *   unless imds_url or another address of a managed identity is set:
 *   AZURE_POD_IDENTITY_AUTHORITY_HOST, IDENTITY_ENDPOINT, IDENTITY_HEADER,
 *   IDENTITY_SERVER_THUMBPRINT, IMDS_ENDPOINT, MSI_ENDPOINT, MSI_SECRET,
 *   DEFAULT_IDENTITY_CLIENT_ID;
 *   and for "az": PATH, HOME, AZURE_CONFIG_DIR, HTTPS_PROXY, HTTP_PROXY, NO_PROXY (and in lower
 *   case), REQUESTS_CA_BUNDLE.
 * `get` is getenv() in programs. What it allocates lives in `*kept`. */
struct azure_environment;
must_use bool azure_settings_from_environment(struct azure_settings *settings,
                                              char *(*get)(const char *name),
                                              struct azure_environment **kept, struct failure *why);
struct azure_environment *azure_environment_free(struct azure_environment *kept); /* returns NULL */

/* "public", "usgovernment", "china": sets resource_manager and authority; false for another word.
 */
must_use bool azure_cloud_named(struct text name, struct azure_settings *settings);

/* ---- life ------------------------------------------------------------------------------------ */

struct azure_client *azure_client_open(struct http *http, const struct azure_settings *settings,
                                       struct failure *why);
/* Ends what is in flight with CANCELED; `closed` (may be NULL) runs last. */
void azure_client_close(struct azure_client *client, void (*closed)(void *context), void *context);

/* The token that the client would use now, for `audience` of its settings: for a service that wants
 * to see it, such as Vault's log-in method "azure". Fetched when there is none. */
typedef void azure_token_done(const struct secret *token, const struct failure *failure,
                              void *context);
struct operation *azure_read_token(struct azure_client *client, azure_token_done *done,
                                   void *context);

/* ---- key sources ----------------------------------------------------------------------------- */

/* A kind of resource that issues keys; one row of a table (key_kinds.c, shown in README.md). */
struct azure_key_kind;
/* "azureml-online-endpoint"; NULL for an unknown name. */
const struct azure_key_kind *azure_key_kind_named(struct text name);
const char *azure_key_kind_name(const struct azure_key_kind *kind);
/* "Microsoft.MachineLearningServices/workspaces/onlineEndpoints": the ARM type. */
const char *azure_key_kind_type(const struct azure_key_kind *kind);
/* The slots: "primary", "secondary", or as Azure calls them: "key1", "password2". NULL past the
 * last, so at once for a kind whose keys have names of their owner's choice. */
const char *azure_key_kind_slot(const struct azure_key_kind *kind, size_t index);
/* The kind's names in the table, for messages; NULL past the last. */
const char *azure_key_kind_at(size_t index);
/* False with INVALID and the reason: no such slot, or a kind whose keys Azure cannot make anew one
 * at a time. */
must_use bool azure_key_kind_can_regenerate(const struct azure_key_kind *kind, struct text slot,
                                            struct failure *why);
/* The slot that callers can be moved to while `slot` is regenerated: it opens the same (a read-only
 * key has a read-only partner). NULL: there is none. */
const char *azure_key_kind_partner(const struct azure_key_kind *kind, struct text slot);
/* The kind that an ARM id is of, its fixed words in any case. NULL with INVALID: it is no id (and
 * what is wrong with it), of a type whose keys are not known here (and which are), or of one that
 * cannot be watched (a batch endpoint: its callers bring Entra tokens). Where two kinds have one
 * type (the admin and the query keys of a search service) it is the first of the table. */
const struct azure_key_kind *azure_key_kind_of_id(struct text resource_id, struct failure *why);

/* The key inside a connection string of that kind, a copy: compare that with the keys, not the
 * string. NULL with INVALID when `value` holds none (then it may be a key as it is), holds two, or
 * the kind has no connection strings. */
must_use struct secret *azure_key_inside(const struct azure_key_kind *kind,
                                         const struct secret *value, struct failure *why);
/* The same string with another key in it, nothing else changed. INVALID also where that is not
 * enough: in one of app-configuration an Id belongs to the key. */
must_use struct secret *azure_key_replace_inside(const struct azure_key_kind *kind,
                                                 const struct secret *old_value,
                                                 const struct secret *new_key, struct failure *why);

/* "/subscriptions/S/resourceGroups/G/providers/Microsoft.MachineLearningServices/workspaces/W/
 * onlineEndpoints/E" to memory_free(), or NULL with INVALID when a part could not be a name there.
 */
must_use char *azure_endpoint_id(struct text subscription, struct text resource_group,
                                 struct text workspace, struct text endpoint, struct failure *why);

#define AZURE_SLOTS 4 /* the most a kind has: cosmos-db, app-configuration */

/* Of a kind with slots: each slot, in the table's order. A null, empty, missing or further key, one
 * that comes twice, and two slots with the same key are PROTOCOL: what the answer says cannot be
 * what it is. Of a kind without: what Azure gave, under its names ("functionKeys.default"). */
struct azure_keys {
    size_t count;
    const char *const *slots;         /* their names */
    const struct secret *const *keys; /* never NULL */
};
typedef void azure_keys_done(const struct azure_keys *keys, const struct failure *failure,
                             void *context);
/* POST listKeys, page by page where there are pages. INVALID: an Azure ML endpoint whose authMode
 * says that its callers bring tokens, not keys. */
struct operation *azure_list_keys(struct azure_client *client, const struct azure_key_kind *kind,
                                  struct text resource_id, unsigned lane, azure_keys_done *done,
                                  void *context);

struct azure_endpoint {
    struct text scoring_uri;        /* may be empty */
    struct text auth_mode;          /* "Key", "AMLToken", "AADToken", in Azure's spelling */
    struct text provisioning_state; /* "Succeeded" ... */
    struct text location;
};
typedef void azure_endpoint_done(const struct azure_endpoint *endpoint,
                                 const struct failure *failure, void *context);
/* Of Azure ML: online, serverless, batch. */
struct operation *azure_get_endpoint(struct azure_client *client, struct text resource_id,
                                     azure_endpoint_done *done, void *context);

/* How many more requests Azure Resource Manager would take, as its last answer about a subscription
 * said (x-ms-ratelimit-remaining-...). Limits are per subscription, region, identity and kind of
 * request, and what a region counts it alone knows: a hint for how fast to go on, no promise. A
 * POST that lists keys most likely counts as a write. */
struct azure_quota {
    int64_t at;                     /* ms since 1970; 0: nothing was said yet */
    int64_t reads, writes, deletes; /* -1: not said, here and below */
    int64_t global_reads, global_writes, global_deletes; /* of all identities together */
    int64_t tenant_reads, tenant_writes;
    int64_t resource; /* the scarcest that the resource's own service names */
};
void azure_client_quota(const struct azure_client *client, struct text subscription,
                        struct azure_quota *ret);

/* POST regenerateKeys, then the operation it starts followed to its end (Azure-AsyncOperation, then
 * Location where the kind's specification says so; only on the configured ARM host, or on a region
 * of it in the public clouds: https://centraluseuap.management.azure.com). The POST goes out at
 * most once, whatever happens, with `request_id` (a GUID, for the Activity Log) as
 * x-ms-client-request-id: a 429 or a connection that was never made may be tried again, nothing
 * else. AMBIGUOUS: list the keys to see. Azure makes the new key; list the keys to learn it.
 * INVALID and nothing sent: as azure_key_kind_can_regenerate(). `deadline_ms` bounds the whole,
 * polling included (0: 5 minutes). */
struct operation *azure_regenerate_key(struct azure_client *client,
                                       const struct azure_key_kind *kind, struct text resource_id,
                                       struct text slot, struct text request_id,
                                       uint32_t deadline_ms, operation_done *done, void *context);

/* ---- who did it ------------------------------------------------------------------------------ */

/* What is told of a regeneration. Ours are told from others' by the ids of our own requests alone:
 * an event whose client_request_id is empty, or none that we recorded, is not ours, whoever the
 * caller is. */
struct azure_key_event {
    struct text caller;         /* "ana@example.org", or an application's object id */
    struct text name;           /* "Ana Example"; empty when not said, as are all below */
    struct text application_id; /* the client id of the program that was used */
    struct text client_address;
    struct text client_request_id; /* compare with the ids of our own regenerations */
    struct text slot;              /* where the log keeps the request */
    int64_t at;
};
typedef void azure_who_done(const struct azure_key_event *event, const struct failure *failure,
                            void *context);
/* The newest successful (or at least accepted) regeneration of the resource's keys since `since_at`
 * in the Activity Log. `event` is NULL on success when there is none yet: the log shows events 3 to
 * 20 minutes late, so ask again, for as long as the answer matters. It keeps 90 days; what began
 * before is not asked for. INVALID: a resource whose keys no operation regenerates, so that the log
 * cannot name it. */
struct operation *azure_who_regenerated(struct azure_client *client, struct text resource_id,
                                        int64_t since_at, azure_who_done *done, void *context);
/* The same, for the event with this client request id only. INVALID when it is empty. */
struct operation *azure_find_request(struct azure_client *client, struct text resource_id,
                                     struct text request_id, int64_t since_at, azure_who_done *done,
                                     void *context);

/* ---- Event Grid ------------------------------------------------------------------------------ */

/* What a webhook of an Event Grid subscription is sent about a whole Azure subscription, seconds
 * after it happened: for whoever runs a server. Nothing here listens, and a delivery proves nothing
 * of its own: take it as a reason to look. */
struct azure_grid_event {
    const struct azure_key_kind *kind;
    struct text resource_id;
    bool has_failed; /* refused, failed or cancelled: no key was made */
    struct azure_key_event event;
};

/* One POST: either the handshake of a new subscription or events. */
struct azure_grid_delivery {
    struct text validation_code;           /* empty: none. Otherwise answer 200 with
                                              azure_grid_validation_answer() */
    const struct azure_grid_event *events; /* regenerations of keys that the table knows */
    size_t count;
    size_t skipped; /* any other event: also each of our own lists of keys makes one */
};
/* Reads a body in the Event Grid schema (an array) or in that of CloudEvents 1.0 (one, or an
 * array), of at most 1 MiB, Event Grid's own limit. Strict: PROTOCOL for a body with anything else
 * in it, so answer 400. NULL with `why`. To azure_grid_free(). */
must_use struct azure_grid_delivery *azure_grid_read(struct text body, struct failure *why);
struct azure_grid_delivery *azure_grid_free(
    struct azure_grid_delivery *delivery); /* returns NULL */
/* The JSON that proves that the webhook is ours, to memory_free(); NULL when out of memory. */
must_use char *azure_grid_validation_answer(const struct azure_grid_delivery *delivery);
/* The handshake of CloudEvents: an OPTIONS request whose header WebHook-Request-Origin names who
 * wants to deliver. True when it is `expected` ("eventgrid.azure.net"): answer 200 with that in
 * WebHook-Allowed-Origin, and with "*" in WebHook-Allowed-Rate. Otherwise answer without them. */
must_use bool azure_grid_is_from(struct text request_origin, struct text expected);

/* ---- posture --------------------------------------------------------------------------------- */

/* A fact, or that it could not be seen, which is never a "no". */
enum azure_seen { AZURE_NOT_SEEN, AZURE_NO, AZURE_YES };

struct azure_principal {
    struct text id;   /* the object id in Entra; only zeros: everyone */
    struct text type; /* "User", "Group", "ServicePrincipal" ... */
};

/* A role assignment at the resource or above it. */
struct azure_regenerator {
    struct azure_principal who;
    struct text role;           /* its name; empty when the definition was not seen */
    struct text scope;          /* where it was assigned */
    enum azure_seen is_granted; /* AZURE_YES: the role's actions less its notActions include it;
                                   AZURE_NOT_SEEN: the role was not seen, or there is a condition */
    enum azure_seen is_barred;  /* by a deny assignment, which beats every role; of a group: all
                                   in it, but perhaps us */
};

/* A deny assignment that holds for the resource and for regenerating its keys. */
struct azure_denial {
    struct text name, scope;
    bool is_for_everyone; /* but the excluded */
    bool has_condition;
    const struct azure_principal *principals, *excluded;
    size_t principal_count, excluded_count;
};

/* Of each list that could not be seen (403, or longer than can be true) the sentence that says why;
 * empty for one that was seen. */
struct azure_posture {
    struct text own_id; /* the object id in our token; empty when it names none */
    /* By roles, less what deny assignments bar (where those were seen). */
    enum azure_seen may_read, may_list_keys, may_regenerate;
    struct text permissions_not_seen;
    /* Anybody but us. A group counts as others, since who is in it is not seen. */
    enum azure_seen others_may_regenerate;
    const struct azure_regenerator *regenerators; /* ourselves among them */
    size_t regenerator_count;
    struct text assignments_not_seen;
    const struct azure_denial *denials;
    size_t denial_count;
    struct text denials_not_seen;
};
typedef void azure_posture_done(const struct azure_posture *posture, const struct failure *failure,
                                void *context);
/* Who may read the resource, list its keys, and regenerate them: GETs of Microsoft.Authorization,
 * 2022-04-01, permissions, denyAssignments and roleAssignments at the resource, and each role
 * definition once. Needs Microsoft.Authorization/.../read (Reader has it); role assignments
 * are not asked for of a kind whose keys no operation regenerates. What anybody was granted or lost
 * minutes ago may not show yet. Whoever may write the resource as a whole may set its keys with a
 * PUT; that is another right and not told here. */
struct operation *azure_read_posture(struct azure_client *client, const struct azure_key_kind *kind,
                                     struct text resource_id, azure_posture_done *done,
                                     void *context);

/* ---- what callers see ------------------------------------------------------------------------ */

enum azure_score_result {
    AZURE_SCORE_OK,                       /* 2xx, and no proxy's web page */
    AZURE_SCORE_KEY_REFUSED,              /* 401 with key_auth_access_denied, 403 with
                                             key_auth_bad_header_forbidden */
    AZURE_SCORE_KEY_ACCEPTED_CALL_FAILED, /* 424; and 400 404 408 413 415 422 429 with a header of
                                             Azure ML's in the answer (ms-azureml-model-...,
                                             azureml-model-deployment): a proxy in front of the
                                             endpoint gives some of these without looking at a
                                             key */
    AZURE_SCORE_UNDECIDED,                /* any other answer: says nothing of the key */
};
struct azure_score {
    enum azure_score_result result;
    int http_status;
    struct text reason;       /* one sentence, from all that is below */
    struct text model_status; /* ms-azureml-model-error-statuscode; empty when not said, as below */
    struct text model_reason; /* ms-azureml-model-error-reason */
    struct text request_id;   /* x-ms-request-id, for Azure's support */
};
/* One POST with this key; `body` may be empty ("{}" is sent) and of any size and content type
 * (default application/json). `failure` only when there was no answer: NETWORK, whose stage (and
 * text) tells an unknown host, a refused connection, TLS and a broken connection apart, or TIMEOUT.
 * `deadline_ms` 0: the settings'. Retries nothing but a kept-alive connection that turned out to be
 * dead. The scoring URI must be https, or http on loopback. */
typedef void azure_score_done(const struct azure_score *score, const struct failure *failure,
                              void *context);
struct operation *azure_score(struct azure_client *client, struct text scoring_uri,
                              const struct secret *key, struct text body, struct text content_type,
                              uint32_t deadline_ms, azure_score_done *done, void *context);

#pragma GCC visibility pop

#endif
