/* SPDX-License-Identifier: Apache-2.0 */
/* How the parts of the client see each other. From the bottom up:
 *
 *   later.c        things to do on a later turn of the loop, behind one timer
 *   addresses.c    the servers of the cluster: which to ask, where a redirect may lead (servers.h)
 *   consistency.c  how far the cluster had come; clock.c: how wrong our clock is
 *   request.c      one request: wait for a token, choose a server, send (request.h, with
 *                  request_answer.c, course.c and errand.c)
 *   token.c        the token's life: who waits for it, when it is renewed, when we may log in again
 *   account.c      what we log in with
 *   login.c        one log-in, whatever the method (login.h, login_methods.c, login_wrapped.c)
 *   mount.c        which KV version a mount is, asked once for many
 *   call.c         what the public operations on a key share
 *   kv_*.c         secrets; transit.c, wrapping.c, capabilities.c, audit_hash.c: other engines
 *   client.c       the client's life
 *
 * Every request and every call tells its end exactly once, from the loop: what is known at once is
 * told through later.c.
 */
#ifndef VAULTCLIENT_INTERNAL_H
#define VAULTCLIENT_INTERNAL_H

#include "net/http.h"
#include "vaultclient/servers.h"
#include "vaultclient/vaultclient.h"
#include "vaultclient/wire.h"

#include <sys/queue.h>
#include <sys/stat.h>
#include <uv.h>

/* ---- later.c --------------------------------------------------------------------------------- */

struct later {
    TAILQ_ENTRY(later) link;
    uint64_t due; /* vault_now_ms() */
    bool is_set;
    void (*run)(struct later *later);
};

struct laters {
    uv_timer_t timer;
    TAILQ_HEAD(later_list, later) list;
};

/* Milliseconds of a clock that never jumps. */
uint64_t vault_now_ms(void);
void vault_laters_open(struct laters *laters, uv_loop_t *loop, void *owner);
/* Runs `run` once, from the loop, after `delay_ms` (at least 1); replaces an earlier setting. */
void vault_later_set(struct laters *laters, struct later *later, uint64_t delay_ms,
                     void (*run)(struct later *later));
void vault_later_clear(struct laters *laters, struct later *later);

/* ---- request.c ------------------------------------------------------------------------------- */

/* Copied by vault_request_send(). */
struct request_plan {
    const char *method;
    const char *target;
    struct text body;           /* start NULL: none */
    const struct secret *token; /* sent instead of the client's own */
    bool is_anonymous;          /* no token at all: a log-in, or a question about a token */
    bool is_farewell;           /* allowed while the client closes */
    enum http_retry retry;
    size_t max_answer;
    const char *content_type; /* of the body, when it is not plain JSON; a constant */
    uint32_t wrap_ttl_s;      /* the answer is to be wrapped for so long; 0: not */
    uint64_t deadline;        /* vault_now_ms() */
    bool is_decisive;         /* no standby may answer from an old copy */
    uint32_t pause_ms;        /* before it begins */
    unsigned lane;
    const struct secret *hidden; /* never to be shown when a server quotes it; lives as long */
};

/* On success `failure` is NULL and `answer` has any status but a 3xx, and with the client's own
 * token no 401 or 403 either. Failure texts begin with the server and the path. While a mount is
 * being upgraded to KV version 2 the request waits and is sent again: nothing of it has happened.
 */
typedef void request_done(const struct http_answer *answer, const struct failure *failure,
                          void *context);
struct request;
/* NULL only when out of memory or closing: see vault_request_missing(). */
struct request *vault_request_send(struct vault_client *client, const struct request_plan *plan,
                                   request_done *done, void *context);
void vault_request_cancel(struct request *request); /* NULL is fine */
/* All of them. */
void vault_requests_cancel(struct vault_client *client);
/* Why vault_request_send() returned NULL. */
struct failure vault_request_missing(const struct vault_client *client);
/* "vault https://...: GET kv/data/app: " before the text. */
void vault_request_prefix(const struct vault_client *client, const char *method, const char *target,
                          struct failure *why);

/* From token.c: there is a token now, or there will be none. */
void vault_requests_go_on(struct vault_client *client);
/* From token.c: the token that was refused is alive (so a policy said no), dead, or nobody can
 * tell. */
enum token_health { TOKEN_ALIVE, TOKEN_DEAD, TOKEN_UNCLEAR };
void vault_requests_judge(struct vault_client *client, enum token_health health);

/* ---- consistency.c, clock.c ------------------------------------------------------------------ */

void vault_index_take(struct vault_client *client, const struct http_answer *answer);
/* The server refuses it: the next one it tells is taken, older or not. */
void vault_index_drop(struct vault_client *client);
/* Writes up to two headers of a decisive request: the index, if it is to be sent, and the wish to
 * be forwarded; returns how many. They live until the next answer. */
size_t vault_index_headers(const struct vault_client *client, bool sends_index,
                           struct http_header *headers);
void vault_clock_take(struct vault_client *client, const struct http_answer *answer);
/* False when `jwt` has certainly expired: by the server's clock as of the last hour, or long ago by
 * ours. */
must_use bool vault_clock_allows(const struct vault_client *client, struct text jwt,
                                 const char *what, const char *file, struct failure *why);
/* Says so when a refusal may come from a clock that is wrong. */
void vault_clock_hint(const struct vault_client *client, struct failure *why);

/* ---- pace.c ---------------------------------------------------------------------------------- */

struct pace {
    uint32_t rate; /* 0: no limit */
    int64_t level, limit;
    uint64_t filled_at;
};
void vault_pace_init(struct pace *pace, const struct vault_settings *settings);
/* How long to wait before the next request goes out: its place is taken. */
uint32_t vault_pace_take(struct pace *pace);

/* ---- token.c --------------------------------------------------------------------------------- */

struct login;

struct token {
    struct secret *value; /* NULL: none */
    unsigned generation;  /* counts values: a refusal of an older one says nothing about this one */
    bool is_ours; /* obtained by logging in, so revoked at the end; batch tokens cannot be */
    bool is_renewable, is_limited;
    bool is_proved;                /* it has been accepted since its log-in */
    uint32_t uses_left, uses_kept; /* of a limited one */
    uint64_t born_at;              /* vault_now_ms() */
    uint64_t expires_at;           /* vault_now_ms(); 0: never */
    uint64_t longest_lease_ms;
    struct later chore; /* the next renewal or log-in */
    bool chore_is_login;
    unsigned renewal_faults; /* in a row, of the temporary kind */
    struct request *renewal, *lookup;
    struct login *login;       /* under way */
    unsigned refusals;         /* log-ins in a row that were refused: five would lock the role */
    unsigned faults;           /* log-ins in a row that failed otherwise */
    unsigned young_deaths;     /* tokens in a row that died soon after their log-in */
    unsigned doubted;          /* the generation that `lookup` asks about */
    enum token_health verdict; /* the last answer to that, and when; 0: none for this token */
    uint64_t judged_at;
    uint64_t not_before;       /* no log-in until then */
    struct failure failure;    /* of the last log-in */
    uint64_t looked_at;        /* when files were last looked at */
    struct timespec file_time; /* of the token file that was read */
    ino_t file_inode;
};

void vault_token_close(struct vault_client *client);
enum token_answer { TOKEN_READY, TOKEN_SOON, TOKEN_REFUSED };
/* REFUSED fills `why`; after SOON comes vault_requests_go_on(). */
enum token_answer vault_token_need(struct vault_client *client, struct failure *why);
/* The token of that generation was shown to the server so many times. */
void vault_token_spend(struct vault_client *client, unsigned generation, unsigned times);
/* The server refused the token of that generation: finds out whether it is still alive, by one
 * question for all who doubt; an answer of late stands, a long one when the refusal does not say
 * that the token itself is bad. False when it is already replaced: just send again. True:
 * vault_requests_judge() follows, or has run. */
must_use bool vault_token_doubt(struct vault_client *client, unsigned generation, bool says_dead,
                                uint64_t deadline);

/* From login.c, exactly one of them after vault_login_start(). `token->value` changes hands. */
void vault_token_logged_in(struct vault_client *client, const struct wire_token *token);
void vault_token_login_failed(struct vault_client *client, bool is_refusal,
                              const struct failure *failure);
/* How long no log-in is made after one that is refused now, if nothing changes meanwhile. */
unsigned vault_token_silence_minutes(const struct vault_client *client);
/* A request with the token of that generation was not refused for it. */
void vault_token_proved(struct vault_client *client, unsigned generation);

/* ---- account.c ------------------------------------------------------------------------------- */

#define CREDENTIALS 6

/* What the client logs in with: its own copies of `struct vault_auth`, in the order of the method's
 * members (login.h). */
struct credential {
    struct secret *value;
    char *file;
    struct secret *kept;    /* what the file held before it was removed */
    struct secret *refused; /* what the last refused log-in tried */
};
struct account {
    const struct login_method *method;
    char *mount, *role_name;
    struct credential credentials[CREDENTIALS];
    struct vault_identity identity;
    bool is_wrapped, is_removed, is_spared;
    struct secret *unwrapped;       /* the secret id, once its wrapping was taken off */
    struct secret *wrapper;         /* the wrapping token that was used up for it, or in vain */
    struct failure wrapper_failure; /* why it was in vain; kind 0: it was not */
};

must_use bool vault_account_init(struct account *account, const struct vault_settings *settings,
                                 struct failure *why);
void vault_account_clear(struct account *account);
/* Whether a new token can be had: false when all we have is a token that was given to us. */
bool vault_account_can_login(const struct account *account);
/* The file of a given token, or NULL. */
const char *vault_account_token_file(const struct account *account);
/* Has a file with a credential changed since a log-in was refused? */
bool vault_account_has_news(const struct account *account);

/* ---- login.c --------------------------------------------------------------------------------- */

/* False with `why` when it cannot even begin: nothing is called then. */
must_use bool vault_login_start(struct vault_client *client, struct failure *why);
/* Stops what vault_requests_cancel() does not reach. */
void vault_login_cancel(struct vault_client *client);
/* ` as role "x"`: who logs in, where that is no secret. */
void vault_login_name_subject(const struct vault_client *client, struct buffer *out);

/* ---- mount.c --------------------------------------------------------------------------------- */

struct mount {
    LIST_ENTRY(mount) link;
    int kv;           /* 1, 2; 0: not known */
    int configured;   /* the same, as the settings say */
    bool may_not_ask; /* the server would not tell, so that the settings have to do */
    struct request *asking;
    LIST_HEAD(, mount_wait) waits;
    struct vault_client *client;
    struct failure failure; /* of the last question */
    char name[];
};
struct mount_wait {
    LIST_ENTRY(mount_wait) link;
    struct later later;
    struct mount *mount;
    struct vault_client *client;
    bool is_waiting, is_canceled;
    int kv; /* what is to be told: the mount may be forgotten meanwhile */
    void (*done)(struct mount_wait *wait, int kv, const struct failure *failure);
};

/* Takes over what the settings say. */
must_use bool vault_mounts_init(struct vault_client *client, const struct vault_settings *settings,
                                struct failure *why);
/* What is known already: 1, 2, or 0. */
int vault_mount_version(struct vault_client *client, struct text name);
/* Tells later which KV version it is; asks anew when `is_fresh`, else only when it is not known
 * yet. False: out of memory, and nothing will be told. */
must_use bool vault_mount_learn(struct vault_client *client, struct text name, bool is_fresh,
                                unsigned lane, struct mount_wait *wait,
                                void (*done)(struct mount_wait *wait, int kv,
                                             const struct failure *failure));
void vault_mount_cancel(struct mount_wait *wait);
/* After an answer that does not fit: the next one asks again. */
void vault_mount_forget(struct vault_client *client, struct text name);
void vault_mounts_free(struct vault_client *client);

/* ---- call.c ---------------------------------------------------------------------------------- */

/* A secret is about 1 MB at most; `<` and its like travel as six bytes. */
#define DATA_LIMIT ((size_t)8 << 20)
/* How often a change is looked for that should show, and the pause before the n-th time, from 0: a
 * standby may lag behind by a fraction of a second. */
#define READ_BACKS 3
uint32_t vault_read_back_pause_ms(unsigned n);
/* Copies `text` to `*memory` and moves that behind it. */
struct text vault_keep_text(char **memory, struct text text);

/* One public operation on a key: first the mount, then requests, one at a time. The first member of
 * the operation's own struct, which lies at the start of one allocation together with the names. */
struct call {
    struct operation operation;
    struct vault_client *client;
    struct mount_wait wait;
    struct request *request;
    uint64_t deadline;
    unsigned lane;
    bool is_decisive;
    bool is_canceled, is_starting;
    bool is_folder;       /* its path may be empty: the mount itself */
    bool needs_no_mount;  /* goes on with `kv` 0 when the token may not ask for it */
    struct vault_key key; /* the call's own copies */
    struct text field;
    int kv;
    uint32_t wrap_ttl_s;         /* of the request that is under way */
    const struct secret *hidden; /* that was sent, beside the token; NULL: none */
    request_done *answered;
    struct failure failure;        /* found before anything was sent */
    void (*go)(struct call *call); /* the mount is known */
    void (*end)(struct call *call,
                const struct failure *failure); /* tells; then the call is freed */
};

/* `size` of the whole struct; NULL when out of memory or closing. Names are copied and checked: a
 * bad one ends the call. */
void *vault_call_new(struct vault_client *client, size_t size, struct vault_key key,
                     struct text field, unsigned lane);
/* Starts with the question for the mount (anew when `is_fresh`). False: out of memory, the call is
 * gone. */
must_use bool vault_call_start(struct call *call, bool is_fresh);
/* Starts without that question, for a path that is no secret; it is checked all the same. */
void vault_call_start_bare(struct call *call);
/* Sends; ends the call when that is impossible or it was canceled meanwhile. Takes and clears
 * `target` and `body` (NULL: none). Deadline and lane are the call's, all else the plan's. An
 * answer that a control group holds back is a failure. */
void vault_call_send(struct call *call, struct request_plan plan, struct buffer *target,
                     struct buffer *body, request_done *done);
/* Ends with what the wire functions made of `answer` (NULL: of none); puts server and path before
 * it. */
void vault_call_refuse(struct call *call, const struct http_answer *answer, struct failure *why);
/* The server's clock, which decided about deletions, at the end of the second it names; ours when
 * it does not tell. */
int64_t vault_answer_time(const struct http_answer *answer);
/* Tells and frees. `failure` NULL: success. */
void vault_call_end(struct call *call, const struct failure *failure);

/* ---- client.c -------------------------------------------------------------------------------- */

struct vault_client {
    struct http *http;
    struct servers servers;
    const char *address; /* the first of them: what the cluster is called */
    char *namespace_path;
    bool has_namespaces;    /* the server is known to heed the one we ask for */
    bool forwards_nobody;   /* whoever wishes to be forwarded is refused there */
    char *index;            /* X-Vault-Index as it came last; NULL: never */
    unsigned leader;        /* SERVER_LIMIT: none that we may ask */
    uint64_t leader_until;  /* vault_now_ms(): so long that is believed */
    int64_t clock_ahead_ms; /* of the server's, as of its last answer */
    int64_t their_time;     /* as it said then, in ms; 0: never */
    uint64_t their_time_at; /* vault_now_ms() */
    struct pace pace;
    bool stays_put;     /* follows no redirect */
    unsigned max_tries; /* 0: as many as net/http.h says */
    uint32_t timeout_ms;
    struct laters laters;
    TAILQ_HEAD(, request) requests;
    LIST_HEAD(, mount) mounts;
    struct account account;
    struct token token;
    size_t calls; /* that have not ended */
    bool is_closing;
    struct later closing;
    uint32_t grace_ms;
    void (*closed)(void *context);
    void *closed_context;
};

/* From request.c, after each end: goes on closing when that was the last. */
void vault_client_close_step(struct vault_client *client);

#endif
