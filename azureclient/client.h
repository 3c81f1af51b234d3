/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the client: what its files share.
 *
 *   client.c      life: opening, and closing once nothing is left in flight
 *   task.c        one operation: its deadline, its pauses, and the one place where its end is told
 *   credential.h  how each method asks for a token
 *   token.c       the token we have, and the one request for the next that all wait for
 *   token_try.c   that request: method after method, try after try
 *   arm.c         one authenticated call to Azure Resource Manager
 *   quota.c       how many more calls Azure Resource Manager says it will take
 *   keys.c, endpoint.c, regenerate.c, operation_poll.c, activity.c, posture.c, score.c   the
 *                 operations
 *
 * A task is a chain of steps, one at a time: waiting for a token, an exchange, a pause. Each step
 * ends in a callback from the loop, so the end may be told right there; only what ends without a
 * step (a cancellation, a request that makes no sense) is told from the task's timer.
 */
#ifndef AZURECLIENT_CLIENT_H
#define AZURECLIENT_CLIENT_H

#include "azureclient/azureclient.h"
#include "azureclient/credential.h"
#include "base/buffer.h"
#include "net/http.h"

#include <sys/queue.h>
#include <uv.h>

#define DEFAULT_TIMEOUT_MS 30000

/* ---- task.c ---------------------------------------------------------------------------------- */

struct azure_task;
struct wire_token;

/* What a step brought; `answer` or `failure`, as in http_done. */
typedef void task_step(struct azure_task *task, const struct http_answer *answer,
                       const struct failure *failure);

struct azure_task {
    struct operation operation; /* first: what the owner holds */
    TAILQ_ENTRY(azure_task) link;
    struct azure_client *client;
    /* Tells the owner; `failure` is NULL on success. Nothing of the task is used after it. */
    void (*tell)(struct azure_task *task, const struct failure *failure);
    void (*release)(
        struct azure_task *task); /* of what the operation added; the task is freed after */
    uint64_t ends_at;             /* uv_now() */
    uv_timer_t timer;
    void (*on_time)(struct azure_task *task);
    struct operation *exchange; /* in flight, or NULL */
    task_step *then;
    bool is_over;
    struct failure failure; /* how it ended, once it is over; kind 0: well */

    /* token.c: waiting for a token */
    bool is_waiting;
    unsigned round;
    TAILQ_ENTRY(azure_task) waiting_link;
    void (*on_token)(struct azure_task *task, const struct failure *failure);

    /* arm.c: the call under way */
    struct {
        char *target, *body;
        const char *method;
        const char *origin; /* NULL: the Resource Manager of the settings */
        char request_id[64];
        enum http_retry retry;
        unsigned lane;
        unsigned token_serial; /* of the token it went out with */
        bool tries_again_after_401;
        bool is_page;
        bool answers_challenge; /* with the token it goes out with */
        size_t max_answer;
        task_step *then;
    } arm;
    struct operation_poll *poll; /* operation_poll.c: the owner's, when it follows one */
};

/* A task of `size` bytes, zeroed, its struct azure_task first; NULL when out of memory or closing.
 */
struct azure_task *task_new(struct azure_client *client, size_t size, uint32_t timeout_ms);
/* Until its deadline; at least 1. */
uint32_t task_remaining_ms(const struct azure_task *task);
bool task_is_late(const struct azure_task *task);
/* Runs `on_time` after that time, or at the deadline when that is sooner. */
void task_pause(struct azure_task *task, uint64_t pause_ms,
                void (*on_time)(struct azure_task *task));
/* Sends; `then` runs unless the task is over by that time. */
void task_send(struct azure_task *task, struct upstream *upstream,
               const struct http_request *request, task_step *then);
/* Ends it, NULL for well: tells the owner now. Only from a callback of the loop. */
void task_end(struct azure_task *task, const struct failure *failure);
/* The same on a later turn of the loop; for starting functions. */
void task_end_later(struct azure_task *task, const struct failure *failure);

/* ---- token.c --------------------------------------------------------------------------------- */

struct tokens {
    struct azure_client *client;
    struct secret *value; /* NULL: none */
    unsigned serial;      /* of `value` */
    uint64_t refresh_at, expires_at;
    TAILQ_HEAD(, azure_task) waiting;
    unsigned round;
    uv_timer_t timer; /* a pause before the next try, or a failure to be told */
    struct operation *exchange;
    struct failure failure;
    uint64_t ends_at;
    unsigned faults;      /* refreshes in a row that failed */
    unsigned refusals;    /* tokens in a row that ARM refused */
    uint64_t not_before;  /* no refresh until then: `failure` is told instead */
    struct buffer claims; /* JSON that ARM asked for, for the next request; empty: none */
    bool is_refreshing;

    /* token_try.c: the refresh under way */
    unsigned method;          /* of the credential's; the one that worked, once one has */
    bool has_worked;          /* so no other is tried any more */
    struct buffer refused;    /* a chain: why the methods before this one gave none */
    struct secret *sent;      /* what must not be quoted back */
    struct secret *challenge; /* Azure Arc: the contents of the file it named */
    unsigned tries;
    uint64_t asked_at;
};

void tokens_init(struct tokens *tokens, struct azure_client *client);
/* Ends a refresh under way; tokens_is_idle() once it is gone. */
void tokens_stop(struct tokens *tokens);
bool tokens_is_idle(const struct tokens *tokens);
void tokens_clear(struct tokens *tokens);
/* Who gives them, for failures. */
const char *tokens_issuer(const struct tokens *tokens);
/* The token to use now, or NULL: then wait for one. */
const struct secret *tokens_current(const struct tokens *tokens, unsigned *serial);
/* `on_token` runs from the loop. Any number wait for one request. */
void tokens_wait(struct tokens *tokens, struct azure_task *task,
                 void (*on_token)(struct azure_task *task, const struct failure *failure));
/* A waiter that no longer waits changes nothing for the others. */
void tokens_forget(struct tokens *tokens, struct azure_task *task);
/* ARM refused this one. Nothing happens when it has been replaced already. False when another one
 * is not worth a try now: it would be one of many. */
bool tokens_drop(struct tokens *tokens, unsigned serial);
/* The WWW-Authenticate header it was refused with, before tokens_drop(): the claims it may ask for
 * go out with the next request. False: it asks for none. */
bool tokens_challenged(struct tokens *tokens, unsigned serial, struct text header);
/* The failure when the token that answered the challenge is challenged too. */
void tokens_challenged_again(const struct tokens *tokens, struct failure *why);
/* ARM took this one. */
void tokens_accepted(struct tokens *tokens, unsigned serial);

/* For token_try.c: how the refresh under way ended. A fault is of the issuer's doing, so that
 * asking again at once would be of no use. */
void tokens_take(struct tokens *tokens, const struct wire_token *token);
void tokens_fail(struct tokens *tokens, const struct failure *failure, bool is_fault);

/* ---- token_try.c ----------------------------------------------------------------------------- */

/* Ends in tokens_take() or tokens_fail(). */
void token_try_begin(struct tokens *tokens);

/* ---- arm.c ----------------------------------------------------------------------------------- */

struct arm_request {
    const char *method;     /* a literal */
    const char *origin;     /* lives as long as the call; NULL: the settings' */
    struct text target;     /* below the origin */
    const char *body;       /* JSON, or NULL */
    struct text request_id; /* empty: none */
    enum http_retry retry;
    unsigned lane;
    bool once;    /* not even again with a fresh token */
    bool is_page; /* a GET that may become a POST when that is not allowed */
    size_t max_answer;
};

/* One call, with a token fetched when needed and once more with a fresh one after a 401. `then`
 * gets any answer, whatever its status. May be called from a starting function. */
void arm_send(struct azure_task *task, const struct arm_request *request, task_step *then);
/* The target of `verb` (may be "") on a resource. False when out of memory. */
must_use bool arm_append_target(struct buffer *out, struct text id, const char *verb,
                                const char *version);
/* A call without a body, of `verb` (may be "") on a resource. From a starting function too. */
void arm_send_simple(struct azure_task *task, const char *method, struct text id, const char *verb,
                     const char *version, unsigned lane, task_step *then);
/* The GET of the next page, which must be at the same place; `pages` had been read before. False:
 * it is elsewhere, or one of too many. */
must_use bool arm_send_page(struct azure_task *task, struct text next, unsigned pages,
                            task_step *then, struct failure *why);
/* The failure an answer is, beginning with `doing`, with the missing action named for a 403. */
void arm_failure(struct azure_task *task, const struct http_answer *answer, const char *doing,
                 struct text resource_id, const char *action, struct failure *ret);
/* What the answer itself says, with the id that Azure's support asks for, in a length that leaves
 * room for `taken` bytes before it. */
void arm_sentence(struct azure_task *task, const struct http_answer *answer, size_t taken,
                  struct failure *ret);
/* The same for an exchange that brought none. */
void arm_no_answer(const struct failure *failure, const char *doing, struct text resource_id,
                   struct failure *ret);
/* The token the call went out with may have been replaced; this is the best we have for hiding it.
 */
const struct secret *arm_token(const struct azure_task *task);

/* ---- operation_poll.c ------------------------------------------------------------------------ */

/* Follows what a regeneration's accepted POST started. `ended` gets NULL, or the failure: REMOTE
 * when Azure says it failed, AMBIGUOUS when its end could not be seen. */
struct operation_poll {
    /* What Azure-AsyncOperation and Location name. Without an origin it is on the Resource Manager
     * of the settings, else on a region of it; without a target the header was not given. */
    struct poll_place {
        char *origin, *target;
    } status, result;
    bool ends_at_result; /* the kind's specification wants one GET of Location at the end */
    bool is_final;       /* this is it */
    void (*ended)(struct azure_task *task, const struct failure *failure);
};

/* `poll` lives as long as the task. Only from a callback of the loop. */
void operation_poll_start(struct azure_task *task, struct operation_poll *poll,
                          const struct http_answer *accepted);
void operation_poll_clear(struct operation_poll *poll);

/* ---- quota.c --------------------------------------------------------------------------------- */

#define QUOTA_LIMIT 64

/* What was last said of each subscription; of those not asked for longest nothing is kept. */
struct quotas {
    struct azure_quota rows[QUOTA_LIMIT];
    char subscriptions[QUOTA_LIMIT][40];
    unsigned count;
};

/* Takes in the x-ms-ratelimit-remaining-... headers of an answer to a call below `target`. */
void quotas_note(struct quotas *quotas, struct text target, const struct http_answer *answer,
                 int64_t now_at);

/* ---- client.c -------------------------------------------------------------------------------- */

struct scorer {
    TAILQ_ENTRY(scorer) link;
    char *origin;
    struct upstream *upstream;
};
TAILQ_HEAD(scorers, scorer);

struct azure_client {
    struct http *http;
    uv_loop_t *loop;
    struct upstream *arm;
    struct upstream *issuers[ISSUER_UPSTREAMS]; /* NULL: not needed */
    char *arm_origin, *ca_file;
    struct quotas quotas;
    uint32_t timeout_ms;
    unsigned max_in_flight;
    struct credential credential;
    struct tokens tokens;
    TAILQ_HEAD(, azure_task) tasks;
    unsigned task_count;    /* until their timers are closed */
    struct scorers scorers; /* one upstream for each origin that was called */
    unsigned scorer_count;
    bool is_closing, is_settled;
    uv_timer_t settle;
    void (*closed)(void *context);
    void *closed_context;
};

/* score.c */
void scorers_close(struct azure_client *client);
/* The upstream of another origin than the settings', opened when first needed. */
struct upstream *client_upstream(struct azure_client *client, const char *origin,
                                 struct failure *why);
/* Milliseconds since 1970, for what Azure dates. */
int64_t client_wall_clock(void);
/* Finishes closing when nothing is left. */
void client_settle(struct azure_client *client);

#endif
