/* SPDX-License-Identifier: Apache-2.0 */
/* One request, as the files that carry it see it:
 *
 *   request.c         its life: wait for a token, choose a server, send
 *   request_answer.c  what an answer leads to
 *   course.c          the rule behind that
 *   errand.c          questions asked on its behalf: who leads, are there namespaces
 */
#ifndef VAULTCLIENT_REQUEST_H
#define VAULTCLIENT_REQUEST_H

#include "vaultclient/internal.h"

struct request {
    TAILQ_ENTRY(request) link;
    struct vault_client *client;
    enum { PAUSING, WAITING, SENDING, JUDGING, ENDING } step;
    struct later later;
    struct operation *exchange;
    struct request_plan plan; /* its texts point into the two below */
    char *method, *target;
    char *redirected_target; /* NULL: not redirected in this try */
    struct buffer body;
    struct secret *token;
    unsigned generation; /* of the token that was sent */
    unsigned server;     /* that was asked last */
    uint32_t tried;      /* those that could not help, in this round */
    unsigned pauses;     /* rounds that ended with a pause for the sake of a server in trouble */
    unsigned behinds;    /* how often a server was behind */
    unsigned elections;  /* rounds that found no leader */
    unsigned upgrades;   /* how often the mount was found in the middle of an upgrade */
    bool is_led;         /* `server` was chosen by a redirect or because it leads */
    bool has_asked_leader, has_asked_namespace;
    bool has_place; /* under the limit of how many go out */
    bool is_canceled, had_second_token, index_was_refused, forwarding_was_refused;
    bool was_called_dead;           /* the token, by the last refusal */
    struct redirection redirection; /* that sys/leader is asked about */
    struct failure failure;
    request_done *done;
    void *context;
};

/* ---- request.c ------------------------------------------------------------------------------- */

/* Sends it now, or what has to come before. */
void vault_request_go_on(struct request *request);
void vault_request_pause(struct request *request, uint32_t pause_ms);
/* Tells and frees. */
void vault_request_end(struct request *request, const struct http_answer *answer,
                       const struct failure *failure);
/* With `request->failure`: server and path are put before it. */
void vault_request_fail(struct request *request);
/* The same on a later turn of the loop, and as it is. */
void vault_request_end_later(struct request *request);
bool vault_request_uses_own_token(const struct request *request);
/* How far the cluster had come goes along. */
bool vault_request_sends_index(const struct request *request);
/* The time of the request ends before that, or so soon after that another try would hardly be
 * answered: its time-out would hide why it was made, and leave open what became of a write. */
bool vault_request_is_late(const struct request *request, uint32_t pause_ms);

/* ---- request_answer.c ------------------------------------------------------------------------ */

void vault_request_on_answer(const struct http_answer *answer, const struct failure *failure,
                             void *context);
/* No active node is to be found through `request->server`; the failure says why. */
void vault_request_without_leader(struct request *request);

/* ---- course.c -------------------------------------------------------------------------------- */

enum course {
    COURSE_TELL,          /* it is the outcome */
    COURSE_AGAIN,         /* after a pause: the server is busy or in trouble */
    COURSE_BEHIND,        /* after a moment: it has not seen what we have */
    COURSE_WITHOUT_INDEX, /* at once: it cannot read how far we have seen it come */
    COURSE_UNFORWARDED,   /* at once: it lets nobody choose to be forwarded */
    COURSE_ELSEWHERE, /* to another server: this one cannot be reached, is sealed, is in trouble */
    COURSE_NO_LEADER, /* to another server, and again when none knows a leader */
    COURSE_REDIRECT,
};
enum course vault_course(const struct http_answer *answer, const struct failure *failure,
                         enum http_retry retry, bool has_others);

/* ---- errand.c -------------------------------------------------------------------------------- */

/* Asks what must be known before the request may go out, when anything must. The request goes on,
 * or ends, when it is known. False: there is nothing to ask. */
must_use bool vault_errand_before(struct request *request);
/* Asks who leads, before a redirect to nobody we know is followed. False: out of memory. */
must_use bool vault_errand_about_redirect(struct request *request);

#endif
