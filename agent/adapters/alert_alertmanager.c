/* SPDX-License-Identifier: Apache-2.0 */
/* Alertmanager tells alerts apart by their labels, so labels hold only what an incident keeps from
 * its first alert to its last; everything that may change is an annotation. */
#include "agent/adapters/alert_alertmanager.h"

#include "agent/adapters/alert_receiver.h"
#include "base/memory.h"
#include "base/moment.h"
#include "net/json.h"

#include <time.h>

#define REFRESH_MS 60000
#define BODY_LIMIT ((size_t)1 << 20)

struct alertmanager {
    struct alert_sink port; /* first */
    struct alert_receiver receiver;
};

/* ---- the body -------------------------------------------------------------------------------- */

static bool is_blindness(enum alert_event event)
{
    return event == ALERT_BLIND || event == ALERT_SEEING;
}

static bool is_over(enum alert_event event)
{
    return event == ALERT_RESOLVED || event == ALERT_SEEING;
}

static void add_text(json_t *object, const char *name, struct text value)
{
    if (value.size)
        json_set_text(object, name, value);
}

static json_t *labels_of(const struct alert *alert, const json_t *body)
{
    bool blind = is_blindness(alert->event);
    json_t *labels = json_pack("{s:s,s:s}", "alertname", blind ? "KeydriftBlind" : "KeydriftDrift",
                               "severity", blind ? "warning" : "critical");

    if (!labels)
        return NULL;
    add_text(labels, "dedup_key", alert->dedup_key);
    add_text(labels, "binding", json_text_at(body, "binding"));
    return labels;
}

static void add_summary(json_t *annotations, const struct alert *alert, const json_t *body)
{
    struct text binding = json_text_at(body, "binding"), verdict = json_text_at(body, "verdict");
    struct buffer summary;

    buffer_init(&summary, 4096);
    if (alert->event == ALERT_BLIND)
        buffer_printf(&summary, "keydrift cannot see whether the copied key of %.*s still works",
                      TEXT_ARG(binding));
    else if (alert->event == ALERT_SEEING)
        buffer_printf(&summary, "keydrift sees both sides of %.*s again", TEXT_ARG(binding));
    else
        buffer_printf(&summary, "the copied key of %.*s: %.*s", TEXT_ARG(binding),
                      TEXT_ARG(verdict));
    add_text(annotations, "summary", buffer_text(&summary));
    buffer_clear(&summary);
}

static json_t *annotations_of(const struct alert *alert, const json_t *body)
{
    static const struct {
        const char *name, *path;
    } rows[] = {
        {"description", "why"},
        {"why", "why"},
        {"next", "next"},
        {"verdict", "verdict"},
        {"since", "since"},
        {"regenerated_by", "regenerated.by"},
        {"regenerated_at", "regenerated.at"},
        {"callers", "callers.reason"},
        {"incident", "incident"},
        {"plan_id", "plan_id"},
    };
    json_t *annotations = json_pack("{s:s}", "event", alert_event_name(alert->event));

    if (!annotations)
        return NULL;
    add_summary(annotations, alert, body);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        add_text(annotations, rows[i].name, json_text_at(body, rows[i].path));
    return annotations;
}

static bool set_instant(json_t *object, const char *name, int64_t at)
{
    char text[INSTANT_SIZE];

    instant_format(at, text);
    return json_set_text(object, name, text_of(text));
}

static json_t *document_of(const struct alert *alert, const json_t *body, int64_t now)
{
    json_t *labels = labels_of(alert, body), *annotations = annotations_of(alert, body);
    json_t *one = json_pack("{s:o,s:o}", "labels", labels, "annotations", annotations);
    int64_t ends_at = is_over(alert->event) ? now : alert->expires_at;
    int64_t starts_at = alert->starts_at < ends_at ? alert->starts_at : ends_at;

    /* One that ends before it starts is refused. */
    if (!one || (starts_at && !set_instant(one, "startsAt", starts_at)) ||
        (ends_at && !set_instant(one, "endsAt", ends_at))) {
        json_decref(one);
        return NULL;
    }
    return json_pack("[o]", one);
}

bool alert_alertmanager_body(const struct alert *alert, int64_t now, struct buffer *out)
{
    struct failure ignored;
    /* A body nobody can read is no reason to be silent: the labels alone say enough to wake
     * somebody. */
    json_t *body = json_read_object(alert->body, &ignored);
    json_t *document = document_of(alert, body, now);
    bool ok = document && json_write(document, false, out);

    json_decref(document);
    json_decref(body);
    return ok;
}

/* ---- delivery -------------------------------------------------------------------------------- */

/* Its own words for an alert that makes no sense to it. */
static bool is_refusal(int status)
{
    return status == 400 || status == 410 || status == 413 || status == 422;
}

static struct operation *deliver(struct alert_sink *self, const struct alert *alert,
                                 operation_done *done, void *context)
{
    struct alertmanager *alertmanager = (struct alertmanager *)self;
    struct http_header type = {"Content-Type", TEXT("application/json"), NULL};
    struct operation *operation = NULL;
    struct timespec now;
    struct buffer body;

    clock_gettime(CLOCK_REALTIME, &now);
    buffer_init(&body, BODY_LIMIT);
    if (alert_alertmanager_body(alert, (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000, &body))
        operation = alert_receiver_post(&alertmanager->receiver, &type, 1, buffer_text(&body), done,
                                        context);
    buffer_clear(&body);
    return operation;
}

/* ---- life ------------------------------------------------------------------------------------ */

struct alert_sink *alert_alertmanager_close(struct alert_sink *sink)
{
    struct alertmanager *alertmanager = (struct alertmanager *)sink;

    if (!alertmanager)
        return NULL;
    alert_receiver_close(&alertmanager->receiver);
    memory_free(alertmanager);
    return NULL;
}

struct alert_sink *alert_alertmanager_open(struct http *http, const char *url, const char *ca_file,
                                           struct failure *why)
{
    struct alertmanager *alertmanager = memory_zeroed(1, sizeof(*alertmanager));

    if (!alertmanager) {
        failure_out_of_memory(why);
        return NULL;
    }
    if (!alert_receiver_open(&alertmanager->receiver, http, "alertmanager", url, "/api/v2/alerts",
                             ca_file, why)) {
        memory_free(alertmanager);
        return NULL;
    }
    alertmanager->receiver.is_refusal = is_refusal;
    alertmanager->receiver.quotes_answers = true;
    alertmanager->port = (struct alert_sink){
        .refresh_ms = REFRESH_MS, .name = alertmanager->receiver.name, .deliver = deliver};
    return &alertmanager->port;
}
