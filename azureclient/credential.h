/* SPDX-License-Identifier: Apache-2.0 */
/* How each way to sign in asks for a token; what its files share.
 *
 *   credential.c        the copy of the settings, and the table of methods
 *   credential_entra.c  client secret, client certificate, workload identity: a form to Entra
 *   certificate.c       a certificate and its key from PEM or PKCS#12
 *   assertion.c         the JSON web token signed with that key
 *   managed_identity.c  the six kinds of managed identity: a request to something on this machine
 *   azure_cli.c         "az", a process
 *   credential_file.c   files with secrets in them
 *
 * A method says what it lacks, and makes a request; sending it, and what the answer leads to, is
 * token_try.c's. Files are read for each request, since others replace them while we run.
 */
#ifndef AZURECLIENT_CREDENTIAL_H
#define AZURECLIENT_CREDENTIAL_H

#include "azureclient/azureclient.h"
#include "base/buffer.h"
#include "net/http.h"

#include <uv.h>

/* ---- credential.c ---------------------------------------------------------------------------- */

/* Who gives the tokens; one upstream for each of the first two. */
enum token_issuer { ISSUER_ENTRA, ISSUER_IDENTITY, ISSUER_CLI };
#define ISSUER_UPSTREAMS 2

struct identity_kind;

/* The copy of the owner's settings. */
struct credential {
    unsigned first, end; /* the methods that may be tried, in this order */
    char *tenant_id, *client_id, *client_secret_file, *federated_token_file;
    char *certificate_file, *certificate_key_file, *certificate_password_file;
    struct secret *client_secret, *certificate_password;
    bool send_certificate_chain, sign_with_rs256;
    char *authority; /* the origin of Entra */
    char *audience;
    const struct identity_kind *identity;
    char *identity_origin, *identity_path, *identity_thumbprint;
    char *identity_parameter, *identity_id; /* who is asked for; NULL: whoever is there */
    bool identity_is_unknown_there;         /* the kind has no name for such an id */
    struct secret *identity_secret;
    const char *arc_directory; /* where its challenges may lead */
    char **cli_environment;
    uint32_t probe_ms;
};

struct token_request {
    const char *method;
    struct buffer target, body; /* wiped when cleared */
    struct http_header headers[4];
    size_t header_count;
    struct secret *sent; /* what must not be quoted back; headers may point to it */
};

/* What came up since the settings were made. */
struct token_occasion {
    int64_t now_at;
    struct text claims;             /* JSON that ARM asked for, or empty */
    const struct secret *challenge; /* Azure Arc: the contents of the file it named, or NULL */
};

/* False: the settings lack what the method needs. */
must_use bool credential_init(struct credential *credential, const struct azure_settings *settings,
                              struct failure *why);
void credential_clear(struct credential *credential);
bool credential_is_chain(const struct credential *credential);
const char *credential_name(unsigned method);
enum token_issuer credential_issuer(unsigned method);
/* Its address, for failures. */
const char *credential_issuer_name(const struct credential *credential, unsigned method);
/* "a tenant id": the first thing the method needs and has not; NULL when it has all. */
const char *credential_lacks(const struct credential *credential, unsigned method);
/* Not for the Azure CLI. */
must_use bool credential_request(const struct credential *credential, unsigned method,
                                 const struct token_occasion *occasion, struct token_request *ret,
                                 struct failure *why);
void token_request_clear(struct token_request *request);
void token_request_header(struct token_request *request, const char *name, struct text value,
                          const struct secret *secret);

/* ---- credential_entra.c ---------------------------------------------------------------------- */

const char *client_secret_lacks(const struct credential *credential);
const char *client_certificate_lacks(const struct credential *credential);
const char *workload_identity_lacks(const struct credential *credential);
bool client_secret_request(const struct credential *credential,
                           const struct token_occasion *occasion, struct token_request *ret,
                           struct failure *why);
bool client_certificate_request(const struct credential *credential,
                                const struct token_occasion *occasion, struct token_request *ret,
                                struct failure *why);
bool workload_identity_request(const struct credential *credential,
                               const struct token_occasion *occasion, struct token_request *ret,
                               struct failure *why);

/* ---- managed_identity.c ---------------------------------------------------------------------- */

/* Where it may be tried: finds the kind, and fills the identity_ fields. */
must_use bool managed_identity_init(struct credential *credential,
                                    const struct azure_credential *from, struct failure *why);
const char *managed_identity_lacks(const struct credential *credential);
bool managed_identity_request(const struct credential *credential,
                              const struct token_occasion *occasion, struct token_request *ret,
                              struct failure *why);
/* Whether one has to ask to know that it is there: IMDS. It also answers 404 and 410 while it is
 * being set up or updated. */
bool managed_identity_is_imds(const struct credential *credential);
/* Azure Arc answers the first request with 401 and the name of a file only its users can read. The
 * contents, or NULL with the reason why that is not followed. */
must_use struct secret *managed_identity_challenge(const struct credential *credential,
                                                   struct text www_authenticate,
                                                   struct failure *why);
bool managed_identity_challenges(const struct credential *credential);
/* False: it answered for another identity than the one asked for. */
must_use bool managed_identity_is_asked_one(const struct credential *credential, struct text answer,
                                            struct failure *why);

/* ---- azure_cli.c ----------------------------------------------------------------------------- */

/* What az printed, or the failure; `output` dies with the call and is wiped. */
typedef void azure_cli_done(struct text output, const struct failure *failure, void *context);
/* "az account get-access-token": an argument vector, no shell, an environment of its own; killed
 * with its children after `timeout_ms`. NULL when out of memory. */
struct operation *azure_cli_start(uv_loop_t *loop, const struct credential *credential,
                                  uint64_t timeout_ms, azure_cli_done *done, void *context);

/* ---- credential_file.c ----------------------------------------------------------------------- */

#define CREDENTIAL_FILE_LIMIT ((size_t)64 << 10)

/* Appends the contents; `what` names the file in failures. */
must_use bool credential_read_file(const char *path, const char *what, struct buffer *out,
                                   struct failure *why);
/* The same of a file that is open. */
must_use bool credential_read_open(int fd, const char *path, const char *what, struct buffer *out,
                                   struct failure *why);
/* The contents without white space at their ends: editors and Kubernetes leave a newline. */
must_use struct secret *credential_read_secret(const char *path, const char *what,
                                               struct failure *why);

#endif
