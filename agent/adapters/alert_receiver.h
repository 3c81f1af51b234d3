/* SPDX-License-Identifier: Apache-2.0 */
/* What the sinks that speak HTTP share: where their receiver is, what to call it, and what its
 * answers mean. A receiver's URL may be a secret, so only its origin is ever shown. */
#ifndef AGENT_ADAPTERS_ALERT_RECEIVER_H
#define AGENT_ADAPTERS_ALERT_RECEIVER_H

#include "net/http.h"

struct alert_receiver {
    char *name;   /* "webhook https://hooks.example:8443 (1a2b3c4d)": the digits tell URLs of one
                     origin   apart, they are the first of the URL's SHA-256 */
    char *target; /* path and query */
    struct upstream *upstream;
    bool (*is_refusal)(int status); /* it will never take this alert, whoever repairs what */
    bool quotes_answers; /* its error texts are worth reading, and show nothing of ours */
};

/* `kind` begins the name, `below` is added to the URL's path ("" for nothing). Nothing to clear on
 * false. */
must_use bool alert_receiver_open(struct alert_receiver *receiver, struct http *http,
                                  const char *kind, const char *url, const char *below,
                                  const char *ca_file, struct failure *why);
/* What is in flight there ends with CANCELED. */
void alert_receiver_close(struct alert_receiver *receiver);

/* One POST, one try: success is a 2xx. No redirect is followed. NULL when out of memory. */
struct operation *alert_receiver_post(struct alert_receiver *receiver,
                                      const struct http_header *headers, size_t header_count,
                                      struct text body, operation_done *done, void *context);

#endif
