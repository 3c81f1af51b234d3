/* SPDX-License-Identifier: Apache-2.0 */
/* Reads and writes secrets of a HashiCorp Vault or OpenBao server, on a libuv loop.
 *
 * One client is one server (or cluster) seen with one login; it serves one loop and is called only
 * from that loop's thread. It logs in when it first needs to, renews its token at about two thirds
 * of its life, and logs in again when renewal ends: many waiters, one login. It never logs, and
 * reads the environment only when asked to: vault_settings_from_environment(), and
 * http_use_environment_proxies().
 *
 * Every operation keeps the promise of struct operation: `done` exactly once, from the loop, never
 * before the starting function has returned. What it is given to start with is copied before that.
 * On success `failure` is NULL, otherwise the result is (a count 0, a bool false); both die with
 * `done`. NULL in place of an operation: `done` will not run, for want of memory or because the
 * client is closing. A `done` is never NULL; it may start operations, cancel others, and close the
 * client. A struct that is all zeros has its defaults; times are milliseconds since 1970 (UTC), and
 * durations have their unit in their name.
 *
 * Any operation may end with CANCELED, TIMEOUT (`timeout_ms` of the settings is over), NETWORK,
 * THROTTLED, DENIED, REMOTE, PROTOCOL, TOO_LARGE, INVALID or INTERNAL (out of memory); what else
 * one can end with stands at it. The kinds as used here:
 *
 *   CANCELED    by the program; what was to be changed may have been changed all the same
 *   DENIED      403 and refused log-ins; the text names path, method and the likely mistake
 *   NOT_FOUND   no such secret or version
 *   DELETED     and DESTROYED: its current version is gone
 *   CONFLICT    check-and-set did not match
 *   AMBIGUOUS   a write that may have happened, and reading back could not settle it
 *   REMOTE      sealed, not initialised, no active node, a mount that is not there (for a moment
 *               after it was unsealed a server knows none), a namespace that is locked, a copy that
 *               stays behind, 5xx
 *   THROTTLED   429 of a quota
 *   PROTOCOL    HTML, broken or contradictory JSON, wrong engine
 *   INVALID     a path or value we refuse; no such namespace
 *
 * Sources: the HTTP API documentation of both products, for each operation what it names, and what
 * OpenBao 2.6.1 and 2.7.2 were seen to answer.
 */
#ifndef VAULTCLIENT_H
#define VAULTCLIENT_H

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

struct vault_client;

/* "1.2.3": of the library that runs; VAULTCLIENT_VERSION is the header's. Lives for ever. */
const char *vault_client_version(void);

/* ---- settings -------------------------------------------------------------------------------- */

/* How to log in. What each needs stands behind it; `mount` may be set for all but the first two. A
 * refused log-in is not tried again for 1, 5, then 20 minutes (five failures would lock an AppRole
 * or a user), unless a file with a credential has changed meanwhile. */
enum vault_auth_method {
    VAULT_AUTH_TOKEN,      /* `token`: given to us, so never revoked by us */
    VAULT_AUTH_TOKEN_FILE, /* `token`.file: read at each login, and again when it was replaced */
    VAULT_AUTH_APPROLE,    /* `role_id`, and `secret_id` unless the role needs none */
    VAULT_AUTH_KUBERNETES, /* `role`, and `jwt`: default the file where a pod finds its service
                              account's token */
    VAULT_AUTH_JWT,        /* `role` (none: the mount's default role) and `jwt` */
    VAULT_AUTH_CERT,     /* the client certificate of the settings; `role` (none: any that fits) */
    VAULT_AUTH_USERPASS, /* `username` and `password` */
    VAULT_AUTH_AZURE,    /* `role`, `jwt`, and the members azure_... ; HashiCorp Vault only */
};

/* A value or the file that holds it (read at each login; one trailing newline is dropped). */
struct vault_value {
    const struct secret *value;
    const char *file;
};

/* Whoever can get the `jwt` of a log-in: a managed identity's token from Azure, for example. Asked
 * at each login when `jwt` has neither value nor file. `fetch` keeps the promise of
 * struct operation; its operation is canceled when the login runs out of time or the client closes,
 * and the close waits for its `done`. `token` or `failure` is NULL; both die with the call. */
typedef void vault_identity_done(const struct secret *token, const struct failure *failure,
                                 void *context);
struct vault_identity {
    struct operation *(*fetch)(void *owner, vault_identity_done *done, void *context);
    void *owner; /* outlives the client */
};

struct vault_auth {
    enum vault_auth_method method;
    const char *mount;        /* default: the method's name, e.g. "approle" */
    struct vault_value token; /* TOKEN: value; TOKEN_FILE: file */
    struct vault_value role_id;
    struct vault_value secret_id; /* may be absent where the role needs none */
    bool secret_id_is_wrapped;    /* it is a wrapping token: its creation path is checked
                                     (auth/<mount>/role/<role_name>/secret-id), then unwrapped once */
    bool secret_id_is_removed;    /* its file is deleted once it was read, and what it held kept in
                                     memory; a file that comes later is read, and deleted, too */
    bool secret_id_is_spared; /* a rehearsal, after which somebody else logs in with it: its file
                                 stays; a wrapped one is looked up and not unwrapped, so that the
                                 log-in ends there, with INVALID */
    const char *role_name;    /* for that check; NULL accepts any role of the mount */
    const char *role;
    struct vault_value jwt;
    struct vault_identity identity; /* instead of `jwt` */
    const char *username;
    struct vault_value password;
    const char *azure_subscription_id, *azure_resource_group_name; /* of the machine we run on; */
    const char *azure_vm_name, *azure_vmss_name;                   /* one of the two names */
};

/* What is known of a mount without asking: "kv" is KV version 2. Needed where the token may not ask
 * (sys/internal/ui/mounts is open to whoever has any right below the mount, unless a proxy
 * closes it). Reads believe it; before each write the server is asked all the same, and one
 * that says otherwise makes the write INVALID; one that will not say is taken for what stands here.
 * Never is a mount taken for version 1 because nobody knew better. */
struct vault_mount {
    const char *name;
    int kv; /* 1 or 2 */
};

/* Copied by vault_client_open(). NULL or 0: the default. */
struct vault_settings {
    const char *address; /* "https://host:8200", "http://" for loopback only, "unix:///path" */
    const char *const *more_addresses; /* of the same cluster. The one that worked last is asked;
                                          the next one when that cannot be reached, is sealed, or
                                          knows no active node */
    unsigned more_address_count;       /* up to 15 */
    bool stays_put;                    /* follow no redirect. Else: at most one, by 307 or 308, to
                                          one of these addresses, or to the leader that a server
                                          whose certificate was verified names in sys/leader, and
                                          never out of TLS or into it. Log-ins and all about
                                          wrapping go to that leader unasked: a standby refuses a
                                          secret id or wrapping token that was just made */
    const char *namespace_path;
    const char *ca_file;   /* PEM; with the two below in place of the system's roots */
    const char *ca_folder; /* the PEM files in it */
    struct text ca_pem;    /* certificates themselves */
    const char *client_cert_file, *client_key_file;
    struct text client_cert_pem; /* the same as text */
    const struct secret *client_key_pem;
    const char *server_name; /* expected in the certificate, instead of the address's host */
    const char *proxy;       /* URL; "": none; NULL: none either, unless
                                http_use_environment_proxies() was called */
    bool accept_any_certificate;
    uint32_t timeout_ms;          /* one operation with all its retries; default 30,000 */
    unsigned max_in_flight;       /* default 16 */
    uint32_t requests_per_1000_s; /* not to be exceeded; 0: no limit of our own */
    uint32_t requests_at_once;    /* how many of them may go out together; default 1 */
    unsigned max_tries; /* of one request; default 4. While no node is active it is asked again
                           until `timeout_ms` is over, unless this is 1 */
    struct vault_auth auth;
    const struct vault_mount *mounts;
    size_t mount_count;
};

/* Fills what is still unset in `settings` from BAO_* and, where a BAO_ variable is absent, VAULT_*:
 * ADDR AGENT_ADDR TOKEN TOKEN_PATH NAMESPACE CACERT CAPATH CACERT_BYTES CLIENT_CERT CLIENT_KEY
 * CLIENT_CERT_BYTES CLIENT_KEY_BYTES TLS_SERVER_NAME SKIP_VERIFY CLIENT_TIMEOUT MAX_RETRIES
 * RATE_LIMIT PROXY_ADDR HTTP_PROXY DISABLE_REDIRECTS. WRAP_TTL and HEADERS are refused, and
 * SRV_LOOKUP where the address names no port: to go on without them would be wrong. A present but
 * empty BAO_ variable counts as "not set" and hides its VAULT_ twin. HTTPS_PROXY and its like are
 * not among them: http_use_environment_proxies(). `get` is getenv() in programs.
 * The strings it allocates live in `*kept`, as long as `settings` needs them: until
 * vault_client_open() has returned, then vault_environment_free() frees them. False: INVALID names
 * the variable with the bad value, or INTERNAL; `settings` is untouched and `*kept` NULL. Source:
 * the documentation of "vault" and "bao", "Environment variables". */
struct vault_environment;
must_use bool vault_settings_from_environment(struct vault_settings *settings,
                                              char *(*get)(const char *name),
                                              struct vault_environment **kept, struct failure *why);
/* NULL is fine. Always returns NULL. */
struct vault_environment *vault_environment_free(struct vault_environment *kept);

/* ---- life ------------------------------------------------------------------------------------ */

/* `http` must outlive the client: http_close() comes after `closed`. NULL with `why` (which may be
 * NULL): INVALID, settings that make no sense, a file that is not there or is none; INTERNAL, out
 * of memory. Reads the files of certificates, sends nothing yet. */
struct vault_client *vault_client_open(struct http *http, const struct vault_settings *settings,
                                       struct failure *why);
/* Once, at any time, also from inside a `done`. Ends what is in flight with CANCELED. A token the
 * client obtained by logging in is revoked (auth/token/revoke-self), with at most `grace_ms` spent
 * on it, 0: it is left to expire; a token given to it never is. `closed` (may be NULL) runs from
 * the loop, after every `done`; then the client is gone. */
void vault_client_close(struct vault_client *client, uint32_t grace_ms,
                        void (*closed)(void *context), void *context);
/* "https://host:8200", without anything secret. Lives as long as the client. */
const char *vault_client_address(const struct vault_client *client);

/* ---- secrets (KV version 1 and 2, told apart by asking the server once per mount) ------------ */

/* The `lane` of an operation is a number of the program's own choice, 0 if it does not care: where
 * operations have to wait for their turn (`max_in_flight`), lanes are served in turn, and within
 * one, first come, first served. So a thousand operations of one user do not hold up the one of
 * another. Added to the lane of a read, this makes the read decisive: no standby may answer it from
 * a copy that is older than what this client was told before. Where the server tells how far it has
 * come (X-Vault-Index: OpenBao 2.7 on raft, Vault Enterprise) that is sent back with the wish to be
 * forwarded to the active node; elsewhere the node that sys/leader names is asked, when it may be
 * (see `stays_put`). Vault refuses such a wish unless it is configured otherwise: the client then
 * wishes no more. What a change rests on is read so always. A leader that was cut off from its
 * cluster, or what is left of a cluster without a majority, answers all the same, with old data and
 * status 200: only a write notices. */
#define VAULT_DECISIVE 0x80000000u

/* One key of a mount. `mount` "kv", `path` "team/app"; no leading or trailing slash, no empty
 * segment, no "." or "..", no control character, no "?", nothing that looks percent-encoded ("%2f",
 * "%2e"), well-formed UTF-8: anything else is INVALID, each in words of its own. Names that differ
 * only by Unicode normal form are different names. */
struct vault_key {
    struct text mount, path;
};

struct vault_version {
    int kv;                 /* 1 or 2 */
    uint32_t version;       /* KV v2: 1 and up. KV v1 has none: 0 */
    int64_t created_at;     /* of this version, ms; 0 for KV v1 */
    int64_t created_ns;     /* its sub-millisecond rest, so that equal means equal */
    int64_t key_created_at; /* of the key, when known (metadata); 0 otherwise */
    int64_t key_created_ns;
    bool is_deleted, is_destroyed;
};

/* KV v2: GET metadata, no value travels. KV v1 has no metadata: `version` then has kv 1 and version
 * 0. A deleted or destroyed current version is a success with the flag set. A key without any
 * version, or none at all: NOT_FOUND. Source: GET <mount>/metadata/<path>. */
typedef void vault_metadata_done(const struct vault_version *version, const struct failure *failure,
                                 void *context);
struct operation *vault_read_metadata(struct vault_client *client, struct vault_key key,
                                      unsigned lane, vault_metadata_done *done, void *context);

enum vault_field_state {
    VAULT_FIELD_PRESENT, /* a string: `value` holds it */
    VAULT_FIELD_ABSENT,
    VAULT_FIELD_NOT_A_STRING,
};

struct vault_field {
    struct vault_version version;
    enum vault_field_state state;
    const struct secret *value; /* only when PRESENT */
};

/* One field of one version; `version` 0 means the current one (always for KV v1). NOT_FOUND: no
 * such secret or version; DELETED, DESTROYED: that version is. A field that is not there is a
 * success that says so. Source: GET <mount>/data/<path>?version=, of KV v1 <mount>/<path>. */
typedef void vault_field_done(const struct vault_field *field, const struct failure *failure,
                              void *context);
struct operation *vault_read_field(struct vault_client *client, struct vault_key key,
                                   struct text field, uint32_t version, unsigned lane,
                                   vault_field_done *done, void *context);

/* How a field is set. By MODIFY the whole secret is sent, with the one field changed; a secret of
 * about 500 text fields and more is refused then (INVALID). By PATCH (RFC 7396) only that field is
 * sent, which needs the capability "patch". EITHER asks whether the token has it. Both are
 * protected by check-and-set, and by both every other field stays what it was. A field that is to
 * be changed must be absent or a string: one that is a number, an object or null is INVALID, and
 * nothing is written. */
enum vault_write_way { VAULT_WRITE_MODIFY, VAULT_WRITE_PATCH, VAULT_WRITE_EITHER };

/* Sets one string field and keeps the others, with their JSON types, exactly as the server tells
 * them. KV v2 only, by check-and-set: `expected` is the version the caller's decision rests on (0:
 * the key must not exist) and, when `expected_created_at` is not 0, its created time too, since a
 * deleted and recreated key counts from 1 again. A field that already has this value is written all
 * the same. Siblings are read from version `expected`. CONFLICT: nothing was written by us. A lost
 * answer is settled by reading back: success if the next version holds the value, CONFLICT if it
 * holds another, AMBIGUOUS if that cannot be told. KV v1 has no check-and-set: INVALID. What no
 * check-and-set tells: a version that somebody deletes after we have read it keeps its number, and
 * by MODIFY the new one follows it all the same; a PATCH is DELETED then. Source: POST and PATCH
 * <mount>/data/<path>. */
struct vault_write {
    struct vault_key key;
    struct text field;
    const struct secret *value;
    uint32_t expected;
    int64_t expected_created_at, expected_created_ns;
    enum vault_write_way way; /* the first version is always written by MODIFY */
};
/* `version` is the one that was written. */
typedef void vault_write_done(const struct vault_version *version, const struct failure *failure,
                              void *context);
struct operation *vault_write_field(struct vault_client *client, const struct vault_write *write,
                                    unsigned lane, vault_write_done *done, void *context);

/* ---- rights ---------------------------------------------------------------------------------- */

/* May this token read and update (or create) the data of `key`, and read its metadata? Asked with
 * sys/capabilities-self; never tried out. */
struct vault_rights {
    bool may_read_data, may_read_metadata, may_create, may_update, may_patch;
    bool is_mount_unknown; /* the server would not say what the mount is: there is none, or the
                              token has no right below it. The rest is then as for KV v2 */
};
typedef void vault_rights_done(const struct vault_rights *rights, const struct failure *failure,
                               void *context);
struct operation *vault_read_rights(struct vault_client *client, struct vault_key key,
                                    vault_rights_done *done, void *context);

/* ---- lists ----------------------------------------------------------------------------------- */

/* Names right below a folder, sorted by their bytes; those of folders end with a slash, and "a" and
 * "a/" may both be there. A key all of whose versions are deleted is listed like any other. */
struct vault_names {
    const struct text *names;
    size_t count;
    bool has_more; /* ask again with `after` the last of these */
};
/* `folder`.path may be empty: the mount itself. At most `limit` names (0: as many as an answer of 8
 * MiB holds; TOO_LARGE beyond), none up to and including `after` (empty: from the beginning). Where
 * the server knows no pages (KV v1, HashiCorp Vault) it sends all and the rest is left out here.
 * NOT_FOUND: nothing lies there; with `after`, the end is a success without names. Source: LIST
 * <mount>/metadata/<path>, sent as GET with ?list=true. */
struct vault_listing {
    struct vault_key folder;
    struct text after;
    uint32_t limit;
};
typedef void vault_list_done(const struct vault_names *names, const struct failure *failure,
                             void *context);
struct operation *vault_list(struct vault_client *client, const struct vault_listing *listing,
                             unsigned lane, vault_list_done *done, void *context);

/* ---- deleting -------------------------------------------------------------------------------- */

enum vault_removal_kind {
    VAULT_DELETE_VERSION,   /* can be undone */
    VAULT_UNDELETE_VERSION, /* does that; DESTROYED when it is too late */
    VAULT_DESTROY_VERSION,  /* cannot be undone */
    VAULT_REMOVE_SECRET,    /* all versions and the metadata; on KV v1 the only one there is */
};
/* The server answers all of these with 204, also for what never existed, and protects none by
 * check-and-set. So the metadata (KV v1: the secret) is read before and after: NOT_FOUND when there
 * is no such secret or version, CONFLICT when it is not the expected one any more, success without
 * a request when there is nothing left to do, and else only when the metadata then shows it.
 * AMBIGUOUS: the answer was lost and reading could not settle it. Between reading and deleting
 * somebody else may still write: of a version nothing is lost by that, of a secret that is removed,
 * all. Source: POST <mount>/delete/, undelete/ and destroy/<path>, DELETE <mount>/metadata/<path>.
 */
struct vault_removal {
    enum vault_removal_kind kind;
    struct vault_key key;
    uint32_t version; /* 1 and up; of REMOVE_SECRET, 0 */
    /* When not 0: of that version, or of REMOVE_SECRET the key's own. */
    int64_t expected_created_at, expected_created_ns;
};
/* `version`: as it is afterwards; of REMOVE_SECRET, the current one as it was before (its version 0
 * when there was none). */
struct operation *vault_remove(struct vault_client *client, const struct vault_removal *removal,
                               unsigned lane, vault_metadata_done *done, void *context);

/* ---- notes (custom metadata) ----------------------------------------------------------------- */

/* What people and programs keep beside a secret of KV v2: who wrote it, and why. Anybody who may
 * read the metadata reads them, and audit logs show them in clear: never put a secret there. */
struct vault_note {
    struct text name, value; /* 1 to 128 and 1 to 512 printable bytes; at most 64 of them */
};
struct vault_notes {
    const struct vault_note *notes;
    size_t count;
    uint32_t metadata_version; /* counts their changes, where the server does (OpenBao); else 0 */
};
typedef void vault_notes_done(const struct vault_notes *notes, const struct failure *failure,
                              void *context);
struct operation *vault_read_notes(struct vault_client *client, struct vault_key key, unsigned lane,
                                   vault_notes_done *done, void *context);
/* Both are of KV v2 alone (else INVALID). Source: GET and POST <mount>/metadata/<path>.
 *
 * Sets these and keeps the others; a note whose value is empty is taken away. Protected by the
 * metadata's own check-and-set where the server has it (else somebody's change in the same moment
 * may be lost), and read back. NOT_FOUND: no such secret, and none was made. `done` gets all. */
struct operation *vault_write_notes(struct vault_client *client, struct vault_key key,
                                    const struct vault_note *notes, size_t count, unsigned lane,
                                    vault_notes_done *done, void *context);

/* ---- capabilities ---------------------------------------------------------------------------- */

/* What a token may do with a path, as a sum of these; root may do all. */
enum vault_capability {
    VAULT_MAY_CREATE = 1,
    VAULT_MAY_READ = 2,
    VAULT_MAY_UPDATE = 4,
    VAULT_MAY_DELETE = 8,
    VAULT_MAY_LIST = 16,
    VAULT_MAY_PATCH = 32,
    VAULT_MAY_SUDO = 64,
    VAULT_MAY_ALL = 127,
};
/* Of each path that was asked about, in that order. Control groups do not show
 * (sys/capabilities-self knows nothing of them). */
typedef void vault_capabilities_done(const unsigned *capabilities, size_t count,
                                     const struct failure *failure, void *context);
/* Paths as they stand behind /v1/: "kv/data/app", "kv/metadata/app/" for a list. 1 to 256 of them.
 * Source: POST sys/capabilities-self. */
struct operation *vault_read_capabilities(struct vault_client *client, const struct text *paths,
                                          size_t count, unsigned lane,
                                          vault_capabilities_done *done, void *context);

/* ---- response wrapping ----------------------------------------------------------------------- */

/* A wrapping token holds one answer for whoever unwraps it first. Any other request that is made
 * with it destroys it. */
struct vault_wrapping {
    struct text creation_path; /* what made it: "transit/sign/approval". Names no namespace */
    int64_t created_at;
    uint32_t ttl_s;
    const struct secret *token; /* these two only when it was just made; else NULL and empty */
    struct text accessor;
};
typedef void vault_wrapping_done(const struct vault_wrapping *wrapping,
                                 const struct failure *failure, void *context);
/* Wraps {"<name>": value} for `ttl_s` seconds, at least 1; its creation path is
 * "sys/wrapping/wrap", as for anybody who does that. AMBIGUOUS: the answer was lost, and with it
 * the token. Source: POST sys/wrapping/wrap. */
struct operation *vault_wrap(struct vault_client *client, struct text name,
                             const struct secret *value, uint32_t ttl_s, unsigned lane,
                             vault_wrapping_done *done, void *context);
/* Uses nothing up. DENIED: it was used, has expired or never was. Source: POST
 * sys/wrapping/lookup. */
struct operation *vault_lookup_wrapping(struct vault_client *client, const struct secret *token,
                                        unsigned lane, vault_wrapping_done *done, void *context);

/* What must be true of a wrapping token before it is used up. */
struct vault_unwrapping {
    const struct secret *token;
    struct text creation_path; /* exactly this */
    int64_t created_after;     /* ms; 0: whenever */
    uint32_t max_ttl_s;        /* 0: any */
};
/* Looks it up, compares, and unwraps it once, never twice. A token of another namespace than the
 * client's is refused unseen, since its creation path would look the same. `data` is the JSON
 * object that was wrapped. DENIED: one of these is not so, or it was used between looking and
 * unwrapping, which is an alarm. When the answer is lost it is looked up once more: NETWORK, it was
 * not used and is still good; AMBIGUOUS, it is used up or nobody can tell, and another has to be
 * asked for. Source: POST sys/wrapping/lookup and unwrap. */
typedef void vault_unwrap_done(const struct secret *data, const struct vault_wrapping *wrapping,
                               const struct failure *failure, void *context);
struct operation *vault_unwrap(struct vault_client *client,
                               const struct vault_unwrapping *unwrapping, unsigned lane,
                               vault_unwrap_done *done, void *context);

/* ---- transit: signatures --------------------------------------------------------------------- */

/* `key`.path is the name of a key of the transit mount `key`.mount. */
struct vault_signing {
    struct vault_key key;
    struct text input;    /* any bytes; not hashed before */
    struct text context;  /* for derived keys only; empty: none */
    uint32_t key_version; /* 0: the newest */
    uint32_t
        wrap_ttl_s; /* the signature comes wrapped, for somebody else to unwrap; 0: it does not */
};
struct vault_signature {
    uint32_t key_version;                  /* 0 when it is wrapped */
    struct text signature;                 /* "vault:v1:<base64>"; empty when it is wrapped */
    const struct vault_wrapping *wrapping; /* NULL unless it is wrapped */
};
/* NOT_FOUND: no such key. Source: POST <mount>/sign/<name>. */
typedef void vault_sign_done(const struct vault_signature *signature, const struct failure *failure,
                             void *context);
struct operation *vault_sign(struct vault_client *client, const struct vault_signing *signing,
                             unsigned lane, vault_sign_done *done, void *context);

/* Asks the server; with the public key one can also tell offline. Garbage behind the prefix is not
 * valid; without a prefix it is INVALID. Of `signing`, `key_version` and `wrap_ttl_s` do not count.
 * Source: POST <mount>/verify/<name>. */
typedef void vault_verify_done(bool is_valid, const struct failure *failure, void *context);
struct operation *vault_verify(struct vault_client *client, const struct vault_signing *signing,
                               struct text signature, unsigned lane, vault_verify_done *done,
                               void *context);

struct vault_public_key {
    uint32_t version;
    struct text key; /* ed25519: base64 of its 32 bytes; others: PEM */
    int64_t created_at;
};
struct vault_public_keys {
    struct text type; /* "ed25519" */
    uint32_t latest_version;
    const struct vault_public_key *keys; /* by version, upwards */
    size_t count;
};
typedef void vault_public_keys_done(const struct vault_public_keys *keys,
                                    const struct failure *failure, void *context);
/* NOT_FOUND: no such key. INVALID: it has no public half. Source: GET <mount>/keys/<name>. */
struct operation *vault_read_public_keys(struct vault_client *client, struct vault_key key,
                                         struct text context_of_key, unsigned lane,
                                         vault_public_keys_done *done, void *context);

/* ---- audit logs ------------------------------------------------------------------------------ */

/* What stands for `value` in the log of that audit device: "hmac-sha256:<hex>". To find a key's
 * uses there. Numbers and field names are logged in clear, by the way. Source: POST
 * sys/audit-hash/<device>. */
typedef void vault_audit_hash_done(struct text hash, const struct failure *failure, void *context);
struct operation *vault_audit_hash(struct vault_client *client, struct text device,
                                   const struct secret *value, unsigned lane,
                                   vault_audit_hash_done *done, void *context);

#pragma GCC visibility pop

#endif
