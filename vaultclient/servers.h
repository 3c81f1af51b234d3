/* SPDX-License-Identifier: Apache-2.0 */
/* The addresses of one cluster: those that were configured, and those its servers announced. */
#ifndef VAULTCLIENT_SERVERS_H
#define VAULTCLIENT_SERVERS_H

#include "net/http.h"
#include "net/origin.h"
#include "vaultclient/vaultclient.h"

#define SERVER_LIMIT 16

struct server {
    char *address;
    struct origin origin; /* all NULL for a Unix socket */
    struct upstream *upstream;
    bool is_announced;
    bool has_answered;      /* us, and has not failed since */
    uint64_t avoided_until; /* vault_now_ms() */
};

struct servers {
    struct http *http;
    struct server *list; /* moves when one is added */
    unsigned count;      /* at most SERVER_LIMIT */
    unsigned current;    /* the one that worked last */
    bool may_be_announced;
};

must_use bool vault_servers_open(struct servers *servers, struct http *http,
                                 const struct vault_settings *settings, struct failure *why);
/* Ends what is in flight. */
void vault_servers_close(struct servers *servers);
void vault_servers_free(struct servers *servers);

/* The one to ask: the current one, or the next that is not in the set `tried` and has not failed of
 * late. SERVER_LIMIT: all are in it. */
unsigned vault_servers_next(const struct servers *servers, uint32_t tried, uint64_t now);
void vault_servers_failed(struct servers *servers, unsigned which, uint64_t now);
/* It never answered: an announced address may be good only within the cluster, and each try costs
 * whoever waits for it some seconds. */
void vault_servers_unmet(struct servers *servers, unsigned which, uint64_t now);
void vault_servers_answered(struct servers *servers, unsigned which);
/* The same, and it is asked from now on. */
void vault_servers_worked(struct servers *servers, unsigned which);

enum redirect {
    REDIRECT_TO,        /* a server we know */
    REDIRECT_TO_ITSELF, /* the same place again: it takes itself for the active node, and is not */
    REDIRECT_ELSEWHERE, /* to nobody we know */
    REDIRECT_SCHEME,    /* out of TLS, or into it: to nobody, known or not */
    REDIRECT_NOWHERE,   /* no address that may be followed or shown */
};
struct redirection {
    enum redirect to;
    unsigned server; /* TO */
    char *target;    /* TO: for the caller to free; NULL when out of memory */
    char *origin;    /* ELSEWHERE, SCHEME: to show and compare; for the caller to free */
};
/* Where `location`, in the answer of server `from` to `target`, leads. */
void vault_servers_redirect(const struct servers *servers, unsigned from, const char *target,
                            struct text location, struct redirection *ret);
/* `origin` as in a redirection. */
bool vault_servers_is_at(const struct servers *servers, unsigned which, const char *origin);
/* The server with this address, added when `from` may name it: over its own scheme, TLS with
 * verification or loopback. SERVER_LIMIT: it may not, or there is no memory. */
unsigned vault_servers_announced(struct servers *servers, unsigned from, struct text address);

#endif
