/* SPDX-License-Identifier: Apache-2.0 */
/* keydrift-lab: Azure and Vault in one process, small and honest, so that nobody needs an account
 * to try keydrift or to test it.
 *
 * The idea: a listener turns each request into a `struct exchange`, which is recorded, may be
 * spoilt by a fault, and is answered exactly once through exchange_reply(). The services (entra,
 * imds, arm, activity, scoring, vault) only look at the exchange and at the world. Nothing here is
 * meant to be safe: it tells its keys to whoever asks its control listener, which is why it binds
 * loopback only.
 */
#ifndef EXAMPLES_LAB_LAB_H
#define EXAMPLES_LAB_LAB_H

#include "base/buffer.h"
#include "base/failure.h"
#include "base/text.h"
#include "examples/lab/vault.h"
#include "net/json.h"
#include "net/server.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/queue.h>
#include <uv.h>

#define LAB_TENANT         "72f9a1d0-0b5e-4c5a-9f43-1f2c5a7d1001"
#define LAB_CLIENT_ID      "0b9c33f4-6f0e-4c8b-8f0d-5b6f5a7d1002"
#define LAB_OBJECT_ID      "4e1f6a3c-2a57-4f6e-9d7b-3c8e5a7d1003"
#define LAB_SUBSCRIPTION   "9d5c1b7e-8a46-4d0f-b2c3-7e1f5a7d1004"
#define LAB_RESOURCE_GROUP "nachet-rg"
#define LAB_WORKSPACE      "nachet-ml"
#define LAB_LOCATION       "canadacentral"
#define LAB_ENDPOINT       "nachet-swin"
#define LAB_PROVIDER       "Microsoft.MachineLearningServices"
#define LAB_ROLE           "keydrift"
#define LAB_IDENTITY_ID                                                                            \
    "/subscriptions/" LAB_SUBSCRIPTION "/resourceGroups/" LAB_RESOURCE_GROUP                       \
    "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/keydrift"

#define LAB_MAX_BODY   ((size_t)8 << 20)
#define VAULT_MAX_BODY ((size_t)32 << 20)
#define SLOTS_MAX      4 /* keys a regeneration can name */
#define REQUESTS_KEPT  20000

struct lab;
struct exchange;

enum target {
    TARGET_ENTRA,
    TARGET_IMDS,
    TARGET_ARM,
    TARGET_SCORING,
    TARGET_VAULT,
    TARGET_ACTIVITY, /* lives on the ARM listener */
    TARGETS
};

extern const char *const target_names[TARGETS];

/* ---- time, chance, names (util.c) ------------------------------------------------------------ */

int64_t now_ms(void);
/* RFC 3339, UTC, up to nine fraction digits, trailing zeros dropped. */
void timestamp_now(char out[TIMESTAMP_SIZE]);
void timestamp_at(int64_t at_ms, char out[TIMESTAMP_SIZE]);
/* `timestamp` (one of the above) and so many seconds, at most a year or so. */
void timestamp_later(const char *timestamp, int64_t seconds, char out[TIMESTAMP_SIZE]);
/* "2026-01-01 00:00:00.000000" in the local time zone. */
void local_time_at(int64_t seconds, char *out, size_t size);
void guid_new(char out[GUID_SIZE]);
/* `size` - 1 random letters and digits, and NUL. */
void random_alphanumeric(char *out, size_t size);
/* snprintf() into fresh memory to free(), or NULL. */
must_use char *format_new(const char *format, ...) printf_like(1, 2);

#define SEGMENTS_MAX 16
struct segments {
    struct text part[SEGMENTS_MAX];
    size_t count; /* SEGMENTS_MAX + 1 when there were more */
};
/* Of "/a/b": "a", "b". A trailing slash gives an empty last part. */
struct segments segments_of(struct text path);
bool segment_is(const struct segments *segments, size_t index,
                const char *word); /* ignoring case */

/* The names of an object in order, NULL at the end; to free(). NULL when out of memory. */
must_use const char **json_names(const json_t *object);
/* Compact; real numbers as short as they can be without loss. NULL when out of memory. */
must_use char *json_dump_short(const json_t *json);

/* ---- the world (world.c): resources, their keys, changes under way --------------------------- */

struct source; /* one row of the table of key sources: sources.h */

struct key {
    char *name;           /* "primary", "functionKeys/default" */
    char *value, *before; /* `before`: just before the resource's last regeneration */
    unsigned generation;
    int64_t changed_at; /* 0: as it was born */
};

/* Whatever holds keys: an online endpoint, or the one resource of another row of the table. */
struct resource {
    const struct source *source;
    char *name, *id; /* `id`: the ARM resource id */
    struct key *keys;
    size_t key_count;
    const struct change *pending; /* ARM's: one at a time */
    char *copy_path, *copy_field; /* where the lab's Vault has a copy; NULL: nowhere */
    json_t *settings;             /* what PUT and PATCH made of it; NULL: as it was born */
    bool is_gone;                 /* deleted; kept, as events and operations point to it */
};

/* Who did something, as the Activity Log tells it. */
struct actor {
    char caller[256];                  /* a user's name, or the object id of a program */
    char object_id[64], client_id[64]; /* empty for a person */
    char address[46];
    char request_id[128], correlation_id[128]; /* `request_id` empty: the client sent none */
};

/* What the Activity Log tells of. */
struct deed {
    const char *resource_id, *resource_type; /* live as long as the lab */
    char action[160];                        /* ".../onlineEndpoints/regenerateKeys/action" */
    char method[8];
    struct actor actor;
};

enum change_kind { CHANGE_KEY, CHANGE_CREATE, CHANGE_UPDATE, CHANGE_DELETE };
/* What becomes of a change when its time has come. */
enum change_fate { CHANGE_SUCCEEDS, CHANGE_FAILS, CHANGE_HANGS };

/* Under way until `due_at`, then over, and kept for whoever polls it. */
struct change {
    SLIST_ENTRY(change) link;
    TAILQ_ENTRY(change) due_link;
    char id[GUID_SIZE];
    enum change_kind kind;
    enum change_fate fate;
    struct deed deed;
    struct resource *resource;
    bool slots[SLOTS_MAX]; /* of a CHANGE_KEY: which keys */
    char value[256];       /* empty: a fresh one */
    int64_t started_at, due_at;
    bool is_over;
};

struct world {
    struct resource **endpoints; /* the online endpoints, sorted by name */
    size_t count, capacity;
    struct resource *first;   /* the one that lab.json names */
    struct resource **others; /* one of each other row of the table, NULL at the end */
    struct resource **gone;   /* deleted ones */
    size_t gone_count;
    SLIST_HEAD(, change) changes;
    TAILQ_HEAD(, change) due;
    uint8_t seed[32];
    struct activity_log *log;
};

/* Takes names that are valid and differ; `seed` NULL: keys nobody knows before. False when out of
 * memory. */
must_use bool world_init(struct world *world, char *const *names, size_t count,
                         const uint64_t *seed);
void world_clear(struct world *world);
/* An online endpoint; NULL: there is none of that name. */
struct resource *world_find(const struct world *world, struct text name);
/* A resource by its id in any case, or an online endpoint by its name, and the index of its key of
 * that name (start NULL: its first). `slot` is -1 when the resource has no such key. */
struct resource *world_find_key(const struct world *world, struct text id, struct text name,
                                int *slot);
/* A new online endpoint, or NULL when out of memory. */
struct resource *world_add_endpoint(struct world *world, const char *name);
void world_remove_endpoint(struct world *world, struct resource *resource);

/* The index of a key by its name, ignoring case; -1: there is none. */
int resource_slot(const struct resource *resource, struct text name);
/* As it is, or as it was before the last regeneration. */
const char *resource_key(const struct resource *resource, int slot, bool is_stale);
/* Sets one key, or makes a new one; an empty `value` is a fresh one. False when out of memory. */
bool resource_set_key(struct world *world, struct resource *resource, struct text name,
                      struct text value);
/* What a regeneration does not set was before it what it is now. */
void resource_forget_before(struct resource *resource);
void resource_remove_key(struct resource *resource, int slot);

/* Starts a change whose kind and resource are set in `plan`; it takes effect in the first
 * world_settle() at or after `plan->due_at`, and the log is told of its start and its end. NULL
 * when out of memory. */
struct change *world_begin(struct world *world, const struct change *plan);
const struct change *world_change(const struct world *world, struct text id);
void world_settle(struct world *world, int64_t now);
/* What hangs may go on. */
void world_release(struct world *world);
bool endpoint_name_is_valid(struct text name);

/* ---- certificates and tokens (pki.c, jwt.c) -------------------------------------------------- */

struct pki {
    char *ca_pem;
    char *server_pem, *server_key_pem;
    char server_thumbprint[41]; /* SHA-1, as hex digits */
    char *client_pem; /* key and self-signed certificate, known to Entra by its thumbprint */
    struct buffer client_p12; /* the same as PKCS#12 */
    char *named_client_pem;   /* known only by its subject and issuer */
    X509 *ca, *client, *named_client;
    EVP_PKEY *signer;     /* signs the access tokens */
    EVP_PKEY *federation; /* signs the tokens of workloads */
    char signer_id[17], federation_id[17];
};
must_use bool pki_init(struct pki *pki, const char *p12_password, struct failure *why);
void pki_clear(struct pki *pki);

/* A token of anybody's (jwt.c), as it was read: nothing is believed yet. */
struct jwt {
    json_t *header, *claims;
    struct text signed_part; /* in the token */
    struct buffer signature;
};
must_use bool jwt_read(struct text token, struct jwt *ret);
void jwt_clear(struct jwt *jwt);
/* By the algorithm of its header, RS256 or PS256, and this RSA key. */
bool jwt_is_signed_by(const struct jwt *jwt, EVP_PKEY *key);
/* With RS256; takes the claims. NULL when out of memory. */
must_use char *jwt_sign(EVP_PKEY *key, const char *key_id, json_t *claims);
/* The public key as a JWK, or NULL. */
must_use json_t *jwt_jwk(EVP_PKEY *key, const char *key_id);

/* Access tokens (access_token.c). Times are seconds. */
struct token_claims {
    char audience[256], client_id[64], object_id[64], tenant[64];
    int64_t not_before, expires_at;
    int64_t answers_challenge; /* the time in the claims its request carried; 0: none */
};
struct access_token_wish {
    const char *issuer, *client_id;
    struct text audience;
    int64_t now_s, lifetime_s;
    bool is_expired;      /* made with a lifetime that has passed */
    const json_t *claims; /* what the request asked for; may be NULL */
};
/* To free(), or NULL. */
must_use char *access_token_issue(const struct pki *pki, const struct access_token_wish *wish);
/* Signature and form only: what the claims mean is for the caller. */
must_use bool access_token_read(const struct pki *pki, struct text token, struct token_claims *ret);
/* Whom a token may be for at ARM: our own address by any loopback name, or a cloud's. */
bool arm_audience_is_ours(const struct lab *lab, struct text audience);
/* Whether the tenant knows a resource of that name. */
bool audience_exists(const struct lab *lab, struct text audience);

/* Workload identity (federation.c): an issuer of our own, and the one subject that Entra trusts. */
#define FEDERATION_ISSUER_SIZE 64
#define FEDERATION_SUBJECT     "system:serviceaccount:keydrift:keydrift"
#define FEDERATION_AUDIENCE    "api://AzureADTokenExchange"
void federation_issuer(const struct lab *lab, char out[FEDERATION_ISSUER_SIZE]);
struct federation_wish {
    struct text subject, audience;
    int64_t lifetime_s; /* not positive: it has expired, so long ago */
};
/* To free(), or NULL. */
must_use char *federation_token(const struct lab *lab, const struct federation_wish *wish);
/* Answers the exchange and returns true when it is about the issuer's documents. */
must_use bool federation_handle(struct exchange *exchange, const struct segments *segments);

/* A connected server's challenge (arc.c): files in ARC_DIRECTORY below the lab's. */
#define ARC_DIRECTORY  "arc"
#define ARC_CHALLENGES 16 /* outstanding at most; the oldest goes first */
struct arc_challenge {
    char id[GUID_SIZE]; /* empty: unused */
    char secret[65];
};
/* Answers the exchange and returns false unless the request holds what an outstanding challenge
 * asked for. */
must_use bool arc_is_let_in(struct exchange *exchange);
void arc_clear(struct lab *lab);

/* Whether an assertion proves that it comes from the client (assertion.c); otherwise answers the
 * exchange. */
must_use bool assertion_proves(struct exchange *exchange, const char *client_id,
                               struct text assertion);

/* Entra's refusals (entra_error.c): ends the exchange with the status that goes with `code`. */
void entra_error(struct exchange *exchange, int code, const char *format, ...) printf_like(3, 4);
must_use json_t *entra_error_json(const struct exchange *exchange, int code, const char *sentence);
int entra_error_status(int code); /* 0: a number we do not know */

/* Answers the exchange and returns true when it asks for the addresses of this cloud
 * (cloud_metadata.c). */
must_use bool cloud_metadata_handle(struct exchange *exchange);

/* Takes the token of a request to ARM and fills exchange->claims; otherwise answers the exchange
 * and returns false (bearer.c). */
must_use bool bearer_accept(struct exchange *exchange);

/* ---- faults (fault.c) ------------------------------------------------------------------------ */

enum fault_kind {
    FAULT_NONE,
    FAULT_STATUS,
    FAULT_RESET,
    FAULT_DELAY,
    FAULT_HANG,
    FAULT_TRUNCATE,
    FAULT_GARBAGE,
    FAULT_STALE,
    FAULT_REDIRECT,
    FAULT_OPERATION_FAILED, /* an operation that starts now will fail, */
    FAULT_OPERATION_HANGS,  /* or will not end before DELETE /fault */
    FAULT_SEALED,
    FAULT_STANDBY,
    FAULT_TOKEN_EXPIRED,    /* issuers: tokens that have expired; others: every token has */
    FAULT_CLAIMS_CHALLENGE, /* a token is taken only if its request answered the challenge */
    FAULT_CLOCK_SKEW,
    FAULT_KINDS
};

struct fault {
    SLIST_ENTRY(fault) link;
    enum target target;
    enum fault_kind kind;
    int status;
    int64_t retry_after; /* seconds; -1: no header */
    uint64_t delay_ms;
    int64_t skew_s;   /* what the server's clock is ahead */
    int64_t armed_at; /* seconds */
    int aadsts;       /* Entra's number; 0: the usual one */
    char code[64];    /* ARM's, the Activity Log's, the metadata service's; empty: the usual one */
    char location[256]; /* of a redirect; empty: another listener of ours */
    bool is_after;      /* act first, then misbehave: the answer is lost, the deed is done */
    uint64_t left;      /* 0: until removed */
    char *path, *method;
};
SLIST_HEAD(faults, fault);

/* False with a sentence for the caller of POST /fault. */
must_use bool fault_arm(struct faults *faults, const json_t *wish, struct failure *why);
void faults_clear(struct faults *faults);
/* The fault this request meets, by value; kind NONE when it meets none. Its patterns are not kept.
 */
struct fault fault_take(struct faults *faults, enum target target, struct text method,
                        struct text path);
/* What becomes of an operation that this request to ARM starts: FAULT_OPERATION_FAILED, _HANGS or
 * FAULT_NONE. Apart from fault_take(), so that only requests that do start one use it up. */
enum fault_kind fault_take_operation(struct faults *faults, struct text method, struct text path);
/* The kinds and the targets by their names (fault_kinds.c). */
const char *fault_kind_name(enum fault_kind kind);
must_use bool fault_target_read(struct text name, enum target *ret, struct failure *why);
must_use bool fault_kind_read(struct text name, enum target target, enum fault_kind *ret,
                              struct failure *why);
/* Whether a request shows the fault at all; where it would not, its times are not used up. */
bool fault_shows(enum fault_kind kind, enum target target, struct text method, struct text path);

/* ---- requests and their answers (requests.c, exchange.c) ------------------------------------- */

struct record {
    uint64_t number; /* 0: unused */
    int64_t at;
    enum target target;
    char *method, *path;
    int status; /* 0: no answer (yet) */
    enum fault_kind fault;
    char caller[64];
};
struct requests {
    struct record *records; /* a ring of REQUESTS_KEPT */
    uint64_t last;
};
must_use bool requests_init(struct requests *requests);
void requests_clear(struct requests *requests);
/* NULL only when the number has left the ring. */
struct record *requests_find(struct requests *requests, uint64_t number);
/* The number of the new record. */
uint64_t requests_add(struct requests *requests, enum target target, struct text method,
                      struct text path);
must_use json_t *requests_since(struct requests *requests, uint64_t since);

/* What ARM's quota says after a request. */
struct quota_reading {
    const char *kind; /* "reads", "writes", "deletes" */
    long remaining, remaining_globally;
    long retry_after; /* seconds; 0: go on */
};

struct exchange {
    LIST_ENTRY(exchange) link;
    struct lab *lab;
    struct server_call *call;
    const struct server_request *request;
    enum target target;
    uint64_t number;
    char *path;                 /* percent-decoded */
    struct token_claims claims; /* of ARM's callers, once bearer_accept() has taken them */
    char correlation_id[128];   /* ARM's: the caller's own, or made */
    struct quota_reading quota; /* ARM's; `kind` NULL: not counted */
    struct fault fault;
    bool is_stale;
    void (*handle)(struct exchange *exchange);
    uv_timer_t timer;
    /* What a delayed answer will be, when the deed comes before the delay. */
    int held_status;
    struct server_header *held_headers;
    size_t held_header_count;
    char *held_body;
    size_t held_body_size;
};

/* Takes a request from a listener: records it, meets faults, calls `handle`. */
void exchange_begin(struct lab *lab, enum target target, struct server_call *call,
                    const struct server_request *request, void (*handle)(struct exchange *));
/* Each of these ends the exchange. Texts are copied. */
void exchange_reply(struct exchange *exchange, int status, const struct server_header *headers,
                    size_t count, struct text body);
/* Takes `json`; NULL becomes a 500. `headers` need no Content-Type. */
void exchange_reply_json(struct exchange *exchange, int status, const struct server_header *headers,
                         size_t count, json_t *json);
void exchange_reply_text(struct exchange *exchange, int status, const char *text);
/* Whoever asked, for /requests: a name or an id, never a secret. */
void exchange_caller(struct exchange *exchange, struct text caller);
bool exchange_method_is(const struct exchange *exchange, const char *method);
/* What the service that was asked takes for the time, in seconds. */
int64_t exchange_now_s(const struct exchange *exchange);
/* To be asked when a request to ARM starts an operation: what shall become of it. */
enum fault_kind exchange_operation_fault(struct exchange *exchange);
/* Ends whatever waits for a timer. */
void exchanges_drop(struct lab *lab);

/* ---- what was said, for a test (recording.c) ------------------------------------------------- */

/* Into a file of its own in the directory that KEYDRIFT_LAB_RECORD names, if it names one. */
must_use bool recording_open(struct lab *lab, struct failure *why);
void recording_close(struct lab *lab);
/* Before the answer goes out; status 0: none will. */
void recording_add(struct exchange *exchange, int status, const struct server_header *headers,
                   size_t count, struct text body);

/* ---- the services: each answers every exchange it is given ----------------------------------- */

void entra_handle(struct exchange *exchange);
void imds_handle(struct exchange *exchange);
void arm_handle(struct exchange *exchange); /* and the Activity Log */
void scoring_handle(struct exchange *exchange);
void vault_handle(struct exchange *exchange);
void control_handle(struct lab *lab, struct server_call *call,
                    const struct server_request *request);

/* The body a service would send with this status when it fails; `type` gets its Content-Type. To
 * free(). */
must_use char *fault_body(const struct exchange *exchange, const char **type);
/* How an answer leaves that is spoilt on its way (fault_answer.c): ends the call. */
void fault_answer_send(struct exchange *exchange, int status, const struct server_header *headers,
                       size_t count, struct text body);
/* Another origin than the one that was asked: "https://host:port". */
void fault_foreign_origin(const struct exchange *exchange, char *out, size_t size);

/* ARM's error envelope with ARM's headers. */
void arm_error(struct exchange *exchange, int status, const char *code, const char *format, ...)
    printf_like(4, 5);
void arm_reply(struct exchange *exchange, int status, const struct server_header *headers,
               size_t count, json_t *json);
#define ARM_HEADERS_MAX 16
/* ARM's part of the control listener; `json` is the answer, or NULL with `why` (arm_orders.c). */
json_t *arm_roles_order(struct lab *lab, const json_t *order, struct failure *why);
json_t *arm_quota_order(struct lab *lab, const json_t *order, struct failure *why);
json_t *arm_modes_order(struct lab *lab, const json_t *order, struct failure *why);
json_t *arm_regenerate_order(struct lab *lab, const json_t *order, int *status,
                             struct failure *why);
/* {"<resource id>": {"<key>": "...", ...}, ...} */
json_t *arm_keys(const struct lab *lab);

/* Activity Log (activity.c). */
struct activity_log;
enum event_status { EVENT_STARTED, EVENT_ACCEPTED, EVENT_SUCCEEDED, EVENT_FAILED };
must_use struct activity_log *activity_log_new(uint64_t delay_ms);
void activity_log_free(struct activity_log *log);
void activity_log_add(struct activity_log *log, const struct deed *deed, enum event_status status,
                      int64_t at);

/* Who may do what at ARM (arm_rights.c), and how often (arm_quota.c). */
struct rights;
must_use struct rights *rights_new(void);
void rights_free(struct rights *rights);
struct quota;
must_use struct quota *quota_new(void);
void quota_free(struct quota *quota);

/* ---- the whole (main.c, options.c, files.c) -------------------------------------------------- */

struct lab_options {
    char *directory, *config_file;
    long endpoints; /* 0: not given */
    bool has_seed;
    uint64_t seed, activity_delay_ms, operation_time_ms;
    uint64_t token_lifetime_ms; /* 0: what each issuer gives by itself */
};

enum listener {
    LISTENER_ENTRA,
    LISTENER_IMDS,
    LISTENER_FABRIC, /* a managed identity's endpoint too, with TLS */
    LISTENER_ARM,
    LISTENER_SCORING,
    LISTENER_VAULT,
    LISTENER_CONTROL,
    LISTENERS
};

struct lab {
    uv_loop_t loop;
    struct lab_options options;
    struct pki pki;
    struct world world;
    struct vault vault;
    struct faults faults;
    struct requests requests;
    FILE *recording; /* NULL: nobody listens */
    struct rights *rights;
    struct quota *quota;
    struct arm_modes {
        int style;          /* enum style for every regeneration; -1: as the table says */
        bool ignores_equal; /* a keyValue that is the key already counts as none */
    } modes;
    json_t *alerts; /* what POST /alerts of the control listener was given; the last few */
    LIST_HEAD(, exchange) exchanges;
    struct server *servers[LISTENERS];
    struct listener_context {
        struct lab *lab;
        enum listener listener;
    } contexts[LISTENERS];
    uv_signal_t interrupt, terminate;
    bool is_closing;
    char client_secret[41], expired_secret[41], p12_password[21];
    char identity_header[33]; /* what an app must send to be given its managed identity's tokens */
    struct arc_challenge arc[ARC_CHALLENGES];
    size_t arc_next;
    char vault_token[32], secret_id[GUID_SIZE];
};

enum options_outcome {
    OPTIONS_RUN,
    OPTIONS_DONE, /* --help, --version: exit 0 */
    OPTIONS_WRONG /* said why on standard error: exit 2 */
};
enum options_outcome options_read(struct lab_options *options, int argc, const char **argv);
void options_clear(struct lab_options *options);

/* Names of endpoints for `options`, to free() one by one; NULL with `why`. */
must_use char **files_endpoint_names(const struct lab_options *options, size_t *count,
                                     struct failure *why);
/* Makes a directory below the lab's, if it is not there yet. */
must_use bool files_directory(const struct lab *lab, const char *name, struct failure *why);
/* Makes the directory and turns options.directory into an absolute path; false with `why` when it
 * cannot be used. */
must_use bool files_prepare(struct lab_options *options, struct failure *why);
must_use bool files_write(const struct lab *lab, struct failure *why);
/* One file in the lab's directory, for its owner only; `mode` 0600 or, to be run, 0700. */
must_use bool files_put(const struct lab *lab, const char *name, struct text text, unsigned mode,
                        struct failure *why);
/* What is needed to log in (identity_files.c): the files, and their names for lab.json. */
must_use bool identity_files_write(const struct lab *lab, struct failure *why);
void identity_facts(const struct lab *lab, json_t *json);
/* The script that stands in for Azure's command line (az_shim.c); to free(), or NULL. */
must_use char *az_shim(const struct lab *lab);

#endif
