/* SPDX-License-Identifier: Apache-2.0 */
/* What goes over the wire: paths and bodies out, answers in. Pure; no clock, no network.
 *
 * KV data answers are read with vaultclient/splice.h, so that values never enter a JSON library;
 * the rest with net/json.h. Failure texts hold the status and what the server said, the caller puts
 * the address and path before them.
 */
#ifndef VAULTCLIENT_WIRE_H
#define VAULTCLIENT_WIRE_H

#include "base/attributes.h"
#include "base/buffer.h"
#include "base/failure.h"
#include "base/secret.h"
#include "base/text.h"
#include "vaultclient/vaultclient.h"

#include <stdbool.h>
#include <stdint.h>

/* ---- wire.c: paths and errors ---------------------------------------------------------------- */

/* FAILURE_INVALID unless the mount and path are what vaultclient.h promises to take. The server is
 * never asked: it deletes "a" when told to delete "a/", and redirects "a//b". */
must_use bool vault_wire_check_key(struct vault_key key, struct failure *why);
/* Visible ASCII only, not empty: a header value and nothing that ends it. `what` names it. */
must_use bool vault_wire_check_token(struct text token, const char *what, struct failure *why);

/* "/v1/kv/data/team/app?version=3". `part` is "data", "metadata", or NULL for KV v1; `version` 0:
 * none. */
void vault_wire_target(struct buffer *out, struct vault_key key, const char *part,
                       uint32_t version);
/* "/v1/" and the percent-encoded pieces, "auth/approle/login" for example. */
void vault_wire_plain_target(struct buffer *out, const char *before, struct text middle,
                             const char *behind);

/* Turns an answer that is not the one hoped for into a failure: "403 permission denied". A server
 * text that quotes `hidden` (may be NULL) is left out. */
void vault_wire_explain(int status, struct text body, uint32_t retry_after_ms,
                        const struct secret *hidden, struct failure *why);
/* A mount in the middle of becoming KV version 2: the same request will be taken a little later. */
bool vault_wire_is_upgrading(int status, struct text body);
/* A 200 that is a wrapping token nobody asked for: a control group holds the request back. `why`
 * (DENIED) then tells accessor and path, which its approvers need. Where wrapping was asked for
 * (`wrap_ttl_s` not 0) the group's token comes all the same, and shows by the time it lives. */
bool vault_wire_is_held_back(struct text body, uint32_t wrap_ttl_s, struct failure *why);
/* Fills `out` with the body, in which asterisks stand for `secret` (NULL: none); empty when out of
 * memory. False, and `out` untouched: it is not in there. */
must_use bool vault_wire_scrub(struct text body, const struct secret *secret, struct buffer *out);
/* The same for a failure, whose text may have been quoted in another spelling. Not for secrets
 * under 8 bytes: those are words. */
void vault_wire_scrub_failure(struct failure *why, const struct secret *secret);
/* The words with which a listener for TLS answers plain HTTP. */
bool vault_wire_is_tls_port(struct text body);
/* HTML where JSON belongs, whatever the status. */
bool vault_wire_is_web_page(struct text body);
/* An error that comes from whatever stands in front of the server, and says nothing about secrets
 * or credentials. */
bool vault_wire_is_foreign(struct text body);
bool vault_wire_is_foreign_404(int status, struct text body);
/* True when one of the answer's error texts contains `part`. */
bool vault_wire_says(struct text body, const char *part);
/* A 403 whose text says that the token itself is no good (and not that a policy lacks something).
 */
bool vault_wire_says_token_is_dead(struct text body);
/* An error status behind which a write may still have happened. */
bool vault_wire_is_ambiguous(int status, struct text body);

/* ---- wire_sys.c ------------------------------------------------------------------------------ */

/* 429 with an empty list, or Vault Enterprise's 412: the server has not yet seen the state we told
 * it to have. A quota's 429 has words, and that of health has members of its own. */
bool vault_wire_is_behind(int status, struct text body);
/* It could not read the state we told it to have, or what to do when it has not: nothing was done.
 */
bool vault_wire_refuses_index(int status, struct text body);
/* We wished to be forwarded to the active node, which Vault allows only where its configuration
 * says allow_forwarding_via_header: nothing was done. */
bool vault_wire_refuses_forwarding(int status, struct text body);
/* Nobody leads the cluster, or nobody this server knows of: nothing was done. */
bool vault_wire_has_no_leader(int status, struct text body);
/* Sealed or not initialised. */
bool vault_wire_is_sealed(int status, struct text body);
/* An administrator has locked the namespace. */
bool vault_wire_is_locked(int status, struct text body);
/* The answer of sys/health, of a server that is initialised and not sealed. */
bool vault_wire_is_health(struct text body);

struct wire_leader {
    bool is_alone, is_self; /* no cluster; the server that answered leads it */
    char address[512];      /* "" when nobody leads */
};
/* The answer of sys/leader. */
must_use bool vault_wire_leader(int status, struct text body, struct wire_leader *ret);

/* ---- wire_kv.c ------------------------------------------------------------------------------- */

/* The answer of sys/internal/ui/mounts/<mount>: 1 or 2. */
must_use bool vault_wire_mount(struct text body, struct text mount, int *version,
                               struct failure *why);

/* `now` decides whether a deletion that is announced has happened. */
must_use bool vault_wire_metadata(int status, struct text body, int64_t now,
                                  struct vault_version *ret, struct failure *why);

/* The same for any version; 0: the current one. NOT_FOUND: there is no such version (any more). */
must_use bool vault_wire_metadata_of(int status, struct text body, uint32_t number, int64_t now,
                                     struct vault_version *ret, struct failure *why);

/* The same for a key that may have no version yet: its version is 0 then. */
must_use bool vault_wire_key(int status, struct text body, int64_t now, struct vault_version *ret,
                             struct failure *why);

struct wire_secret {
    struct vault_version version;
    struct text fields; /* raw JSON: an object, or null. A view into the answer */
};
/* `asked` is the version that was asked for, 0 the current one. */
must_use bool vault_wire_data(int status, struct text body, uint32_t asked, struct wire_secret *ret,
                              struct failure *why);
/* Explains a status that is no data: the ways in which a secret can be absent, and other errors. */
void vault_wire_explain_absence(int status, struct text body, struct failure *why);
must_use bool vault_wire_data_v1(int status, struct text body, struct wire_secret *ret,
                                 struct failure *why);
/* `value` (when PRESENT) is for the caller to free. */
must_use bool vault_wire_field(struct text fields, struct text field, enum vault_field_state *state,
                               struct secret **value, struct failure *why);

/* The body of a write that follows version `expected`. False: `fields` or the texts are not what
 * JSON takes, or the buffer broke. */
must_use bool vault_wire_write_body(uint32_t expected, struct text fields, struct text field,
                                    struct text value, struct buffer *out);
/* False (INVALID) when the field is there and no string. */
must_use bool vault_wire_field_takes_text(struct text fields, struct text field,
                                          struct failure *why);
/* FAILURE_AMBIGUOUS: a success that does not name the version. */
must_use bool vault_wire_written(int status, struct text body, uint32_t expected,
                                 const struct secret *hidden, struct vault_version *ret,
                                 struct failure *why);

void vault_wire_rights_body(struct vault_key key, int kv, struct buffer *out);
must_use bool vault_wire_rights(struct text body, struct vault_key key, int kv,
                                struct vault_rights *ret, struct failure *why);

/* ---- wire_list.c ----------------------------------------------------------------------------- */

/* "?list=true&after=...&limit=..." behind the folder's path. One name more than `limit` is asked
 * for, so that it shows whether there are more. */
void vault_wire_list_target(struct buffer *out, struct vault_key folder, int kv, struct text after,
                            uint32_t limit);
/* `names` is for the caller to vault_wire_names_free(). */
must_use bool vault_wire_list(int status, struct text body, struct text after, uint32_t limit,
                              struct vault_names *names, struct failure *why);
void vault_wire_names_free(struct vault_names *names);

/* ---- wire_notes.c ---------------------------------------------------------------------------- */

/* Custom metadata while it is worked on: a JSON object of strings. */
struct wire_notes {
    void *object;     /* NULL: none were read; to vault_wire_notes_clear() */
    uint32_t version; /* of the metadata */
    bool has_version; /* the server counts them, so it can compare */
};
void vault_wire_notes_clear(struct wire_notes *notes);
must_use bool vault_wire_notes(int status, struct text body, struct wire_notes *ret,
                               struct failure *why);
must_use bool vault_wire_check_note(const struct vault_note *note, struct failure *why);
/* An empty value takes the note away. */
must_use bool vault_wire_notes_set(struct wire_notes *notes, const struct vault_note *note,
                                   struct failure *why);
/* Asked when all are set, since one may go for another. */
must_use bool vault_wire_notes_fit(const struct wire_notes *notes, struct failure *why);
/* Is it there with that value, or not there when the value is empty? */
bool vault_wire_notes_hold(const struct wire_notes *notes, const struct vault_note *note);
must_use bool vault_wire_notes_body(const struct wire_notes *notes, struct buffer *out);
/* Views into `notes`, in an array to memory_free(); NULL when out of memory. */
must_use struct vault_note *vault_wire_notes_list(const struct wire_notes *notes, size_t *count);

/* ---- wire_wrapping.c: and capabilities, and audit hashes ------------------------------------- */

/* Like the path of a key, but it may end with a slash. */
must_use bool vault_wire_check_path(struct text path, struct failure *why);
must_use bool vault_wire_paths_body(const struct text *paths, size_t count, struct buffer *out);
/* Sums of enum vault_capability, in the order of `paths`. */
must_use bool vault_wire_capabilities(struct text body, const struct text *paths, size_t count,
                                      unsigned *ret, struct failure *why);

struct wire_wrapping {
    struct vault_wrapping wrapping; /* its texts are `accessor` and `path` */
    struct secret *token;
    char *accessor, *path;
};
void vault_wire_wrapping_clear(struct wire_wrapping *wrapping);
/* An answer that was asked to be wrapped. */
must_use bool vault_wire_wrapped(int status, struct text body, const struct secret *hidden,
                                 struct wire_wrapping *ret, struct failure *why);
must_use bool vault_wire_wrapping_lookup(int status, struct text body, struct wire_wrapping *ret,
                                         struct failure *why);
/* What unwrapping is answered when somebody else has done it, perhaps in the same moment. */
bool vault_wire_is_used_up(int status, struct text body);
/* The same wrapping, looked up twice? */
bool vault_wire_wrapping_same(const struct wire_wrapping *a, const struct wire_wrapping *b);
/* The JSON object that was wrapped. */
must_use bool vault_wire_unwrapped(int status, struct text body, struct secret **ret,
                                   struct failure *why);
/* What stands behind the second point of a token: the id of its namespace; empty in the root. */
struct text vault_wire_token_suffix(struct text token);
/* {"<name>":"<value>"} */
must_use bool vault_wire_member_body(struct text name, struct text value, struct buffer *out);
must_use bool vault_wire_audit_hash(int status, struct text body, const struct secret *hidden,
                                    struct buffer *out, struct failure *why);

/* ---- wire_transit.c -------------------------------------------------------------------------- */

must_use bool vault_wire_check_transit(struct vault_key key, struct failure *why);
/* "transit/<verb>/<key>" below /v1/. */
void vault_wire_transit_target(struct buffer *out, struct vault_key key, const char *verb,
                               struct text context);
/* `signature` empty: to sign. */
must_use bool vault_wire_sign_body(const struct vault_signing *signing, struct text signature,
                                   struct buffer *out);
/* `asked` is the version of the key that was asked for; 0: any. */
must_use bool vault_wire_signature(int status, struct text body, uint32_t asked,
                                   struct buffer *signature, uint32_t *version,
                                   struct failure *why);
must_use bool vault_wire_verified(int status, struct text body, bool *is_valid,
                                  struct failure *why);
/* One block to vault_wire_public_keys_free(). */
must_use bool vault_wire_public_keys(int status, struct text body, struct vault_public_keys *ret,
                                     struct failure *why);
void vault_wire_public_keys_free(struct vault_public_keys *keys);

/* ---- wire_auth.c ----------------------------------------------------------------------------- */

struct wire_token {
    struct secret *value; /* NULL in answers that do not carry it; for the caller to free */
    uint64_t lease_ms;    /* 0: never ends */
    bool is_renewable, is_batch;
    uint32_t uses; /* a log-in's: how often the token may be used; 0: as often as one likes */
};
struct wire_member {
    const char *name;
    const struct secret *value;
};
/* {"role_id":...,"secret_id":...}. False: a value is not UTF-8, or the buffer broke. */
must_use bool vault_wire_login_body(const struct wire_member *members, size_t count,
                                    struct buffer *out);
must_use bool vault_wire_login(struct text body, struct wire_token *ret, struct failure *why);
must_use bool vault_wire_lookup_self(struct text body, struct wire_token *ret, struct failure *why);
/* The milliseconds granted, or 0: only a 200 with a lease is a renewal. */
uint64_t vault_wire_renewed_ms(int status, struct text body);
/* Whoever answers so found the token bad, or its policies: 401, 403, and the 400 of
 * sys/capabilities-self for a token that is dead. */
bool vault_wire_refuses_token(int status, struct text body);
/* When a JWT says it ends, in ms; 0 when it does not say, says a time beyond the year 9999, or is
 * none. */
int64_t vault_wire_expiry(struct text jwt);
/* Refused for what was sent, as opposed to a server that could not decide. */
bool vault_wire_login_was_refused(int status, struct text body);

/* {"token":...} */
must_use bool vault_wire_token_body(const struct secret *token, struct buffer *out);
/* A wrapping token of the namespace we work in: those of others end in a suffix of their own. */
bool vault_wire_wrapping_token_fits(struct text token, bool in_namespace);
/* Was the wrapped answer made by auth/<mount>/role/<role>/secret-id? `role` NULL: of any role. */
must_use bool vault_wire_creation_path(struct text body, struct text mount, const char *role,
                                       struct failure *why);
must_use bool vault_wire_unwrapped_secret_id(struct text body, struct secret **ret,
                                             struct failure *why);

#endif
