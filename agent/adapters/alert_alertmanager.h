/* SPDX-License-Identifier: Apache-2.0 */
/* Alerts for Prometheus' Alertmanager (API v2). It knows no "resolved": an alert is over when its
 * `endsAt` has passed, so a firing one is told again before that, and a resolved one ends now. */
#ifndef AGENT_ADAPTERS_ALERT_ALERTMANAGER_H
#define AGENT_ADAPTERS_ALERT_ALERTMANAGER_H

#include "agent/ports/alert_sink.h"
#include "base/buffer.h"
#include "net/http.h"

/* `url` may have a base path: alerts go to `url`/api/v2/alerts. NULL with `why`. */
must_use struct alert_sink *alert_alertmanager_open(struct http *http, const char *url,
                                                    const char *ca_file, struct failure *why);
/* What is in flight ends with CANCELED. NULL is fine. Always returns NULL. */
struct alert_sink *alert_alertmanager_close(struct alert_sink *sink);

/* What is posted for `alert` at the instant `now`. False when out of memory. */
must_use bool alert_alertmanager_body(const struct alert *alert, int64_t now, struct buffer *out);

#endif
