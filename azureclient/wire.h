/* SPDX-License-Identifier: Apache-2.0 */
/* What Azure's answers mean. Pure: text in, values and plain sentences out; nothing here sends,
 * waits or asks a clock. Sentences quote a service's code and message, never a body as it came, and
 * what the caller names as secret is cut out of them before anything is shortened. */
#ifndef AZURECLIENT_WIRE_H
#define AZURECLIENT_WIRE_H

#include "azureclient/azureclient.h"
#include "base/buffer.h"

/* ---- tokens ---------------------------------------------------------------------------------- */

struct wire_token {
    struct secret *value; /* the caller's to free */
    uint64_t lifetime_ms; /* from when it was asked for */
    uint64_t refresh_ms;  /* when to get the next one: always before the end of its life */
};
/* The answer of Entra or of a managed identity: expires_in (or expires_on, read against `now_at`)
 * and refresh_in may be numbers or numeric strings, expires_on also an RFC 3339 date. */
must_use bool wire_token(struct text body, int64_t now_at, struct wire_token *ret,
                         struct failure *why);
/* The Azure CLI's: accessToken, with expires_on in seconds since 1970, or expiresOn as a date
 * without a zone, which is read as UTC (the CLI is run so). */
must_use bool wire_cli_token(struct text output, int64_t now_at, struct wire_token *ret,
                             struct failure *why);
/* The instant a JSON web token names in `exp`, without verifying anything; 0 when it is none, or
 * names none. */
int64_t wire_expiry(struct text token);
/* The object id in Entra (`oid`) that a JSON web token names, without verifying anything; false,
 * and `ret` empty, when it is none, names none, or names something that is no id. */
bool wire_object_id(struct text token, char ret[64]);
/* Of a WWW-Authenticate header: the claims of a continuous access evaluation challenge, joined with
 * the capability to be challenged so ("cp1"), as JSON. False, and `out` as it was, for any other
 * header. */
bool wire_claims(struct text header, struct buffer *out);
/* A refused token request: AADSTS codes become advice. `secret` (may be NULL) is what was sent. */
void wire_token_failure(int status, struct text body, const struct secret *secret,
                        struct failure *why);

/* ---- Azure Resource Manager ------------------------------------------------------------------ */

/* "HTTP 404 ResourceNotFound: ...": the kind from the status, the code and message from the body,
 * in whichever of its dialects. Status 0: the error stands in the state of an operation. */
void wire_arm_failure(int status, struct text body, const struct secret *secret,
                      struct failure *why);
enum failure_kind wire_kind_of_status(int status);

/* The same from all that is known of an answer, with a message as long as `room` for the whole lets
 * it be, advice where a code means more than it says, and the id that Azure's support asks for. */
struct arm_error {
    int status;
    struct text body;
    struct text support; /* "correlation id 0f0f..."; empty: none */
};
void wire_arm_sentence(const struct arm_error *error, const struct secret *secret, size_t room,
                       struct failure *why);

/* An endpoint of Azure ML whose callers bring tokens instead of keys: `mode` is the word for it. */
bool wire_takes_tokens(struct text body, char *mode, size_t size);

enum wire_state { WIRE_RUNNING, WIRE_SUCCEEDED, WIRE_FAILED, WIRE_CANCELED };
/* A status monitor's answer. On WIRE_FAILED and WIRE_CANCELED `reason` holds the sentence; on false
 * it says why the answer cannot be believed. */
must_use bool wire_operation(struct text body, const struct secret *secret, enum wire_state *ret,
                             struct failure *reason);

/* The path and query of an absolute `url`, when it is on the very `origin` ("https://host:port",
 * host in any case, default ports filled in); the empty text with start NULL otherwise. */
struct text wire_target_on(struct text origin, struct text url);
/* The same for the address of an operation, which may also be on a region of the Resource Manager
 * of a public cloud ("https://centraluseuap.management.azure.com"): then `region` is its origin,
 * otherwise its start is NULL. */
must_use bool wire_operation_at(struct text origin, struct text url, struct text *region,
                                struct text *target);
/* Cuts "https://host[:port]" from a URL; false for user info, a fragment, another scheme, an empty
 * host, or bytes that belong in no URL. `target` begins with '/' or '?', or is empty. */
must_use bool wire_split_url(struct text url, struct text *origin, struct text *target);

/* ---- text that came from outside ------------------------------------------------------------- */

/* Appends `message` in one line without `secret` and without anything that looks like a token. */
void wire_quote(struct buffer *out, struct text message, const struct secret *secret);
/* The same in at most `limit` bytes and without its end stop. */
void wire_quote_short(struct buffer *out, struct text message, size_t limit,
                      const struct secret *secret);
bool wire_looks_like_html(struct text body);

#endif
