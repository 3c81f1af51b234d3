/* SPDX-License-Identifier: Apache-2.0 */
/* Alerts as webhooks, signed by the Standard Webhooks convention (version 1, HMAC-SHA256). */
#ifndef AGENT_ADAPTERS_ALERT_WEBHOOK_H
#define AGENT_ADAPTERS_ALERT_WEBHOOK_H

#include "agent/ports/alert_sink.h"
#include "base/buffer.h"
#include "net/http.h"

/* `signing_secret` is "whsec_<base64>" or the base64 alone; NULL: deliveries are not signed. It is
 * copied, the rest too. NULL with `why`. */
must_use struct alert_sink *alert_webhook_open(struct http *http, const char *url,
                                               const struct secret *signing_secret,
                                               const char *ca_file, struct failure *why);
/* What is in flight ends with CANCELED. NULL is fine. Always returns NULL. */
struct alert_sink *alert_webhook_close(struct alert_sink *sink);

/* The key in a signing secret; NULL with INVALID, which does not show it. */
must_use struct secret *alert_webhook_key(const struct secret *signing_secret, struct failure *why);
/* "v1,<base64>" of an id, the seconds since 1970 of the attempt, and a body. False when out of
 * memory. */
must_use bool alert_webhook_sign(const struct secret *key, struct text id, int64_t timestamp,
                                 struct text body, struct buffer *out);

#endif
