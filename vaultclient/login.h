/* SPDX-License-Identifier: Apache-2.0 */
/* A way to log in is a row of a table: what is sent, where each piece of it comes from, and what a
 * refusal most likely means. login.c does the same for every row. */
#ifndef VAULTCLIENT_LOGIN_H
#define VAULTCLIENT_LOGIN_H

#include "vaultclient/internal.h"

struct login_member {
    const char *name;    /* in the body; NULL: not sent, or the last part of the path */
    const char *what;    /* for people */
    const char *missing; /* the failure without it; NULL: it may be absent */
    size_t at;           /* in struct vault_auth: of a vault_value, or of a plain string */
    bool is_plain;       /* a plain string: no secret */
    bool is_in_path;
    bool is_free;      /* may hold blanks and letters beyond ASCII */
    bool is_removable; /* its file may be removed after reading */
    bool is_fetchable; /* `identity` may stand in for it */
    bool is_jwt;
    const char *default_file;
};

/* Fits a refusal with this status (0: any) whose text contains `says` (NULL: any). */
struct login_hint {
    int status;
    const char *says, *means;
};

struct login_method {
    const char *name; /* also the default mount */
    bool is_given;    /* a token: looked up instead of obtained */
    bool needs_file;  /* the first member is of no use without its file */
    bool needs_certificate;
    bool is_lockable;    /* five failures, and the server refuses what is right, too */
    const char *subject; /* what a refusal calls its first plain member: "role" */
    const char *unnamed; /* what it says without one; NULL: nothing */
    struct login_member members[CREDENTIALS];
    const struct login_hint *hints; /* the last one fits always */
};

/* By enum vault_auth_method; NULL for a number that is none. */
const struct login_method *vault_login_method(enum vault_auth_method method);
/* What a refusal most likely means. */
const char *vault_login_hint(const struct login_method *method, int status, struct text body);

/* ---- account.c ------------------------------------------------------------------------------- */

/* Is there a value, or a file that may hold one? */
bool vault_credential_is_set(const struct credential *credential);
/* The n-th value, or what its file holds now. */
must_use struct secret *vault_credential_read(struct account *account, size_t n,
                                              struct failure *why);
/* The n-th member of the method, NULL behind the last. */
const struct login_member *vault_account_member(const struct account *account, size_t n);

/* ---- login.c --------------------------------------------------------------------------------- */

struct login {
    struct vault_client *client;
    const struct login_method *method;
    struct secret *values[CREDENTIALS]; /* as the method's members; NULL: absent */
    struct operation *fetching;         /* of the identity */
    struct later late;                  /* the fetch takes too long */
    bool is_late;
    uint64_t deadline;
};

/* Each ends the login. */
void vault_login_fail(struct login *login, bool is_refusal, struct failure *why);
void vault_login_fail_to_send(struct login *login);
/* What the server thought of it, with the address and path before it. */
void vault_login_fail_with_answer(struct login *login, const char *method, const char *target,
                                  const struct http_answer *answer);
/* Clears `target` and `body` (NULL: none). `hidden` of the plan is set. False: out of memory. */
must_use bool vault_login_send(struct login *login, struct request_plan plan, struct buffer *target,
                               struct buffer *body, request_done *done);
/* Shows all values to the server, for a token. False: out of memory. */
must_use bool vault_login_present(struct login *login);

/* ---- login_wrapped.c ------------------------------------------------------------------------- */

/* The second value is a wrapping token: take the secret id out of it, then go on with that. */
must_use bool vault_login_unwrap(struct login *login, struct failure *why);

#endif
