/* SPDX-License-Identifier: Apache-2.0 */
/* The body goes out as it came. Each attempt is signed anew: its time is in the signature, its id
 * is the alert's and stays, so that a receiver can tell a repeated delivery. */
#include "agent/adapters/alert_webhook.h"

#include "agent/adapters/alert_receiver.h"
#include "base/memory.h"

#include <inttypes.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define KEY_LIMIT 4096

struct webhook {
    struct alert_sink port; /* first */
    struct alert_receiver receiver;
    struct secret *key; /* NULL: unsigned */
};

/* ---- signature ------------------------------------------------------------------------------- */

struct secret *alert_webhook_key(const struct secret *signing_secret, struct failure *why)
{
    struct text text = text_trim(secret_reveal(signing_secret)), prefix = TEXT("whsec_");
    struct secret *key = NULL;
    struct buffer bytes;

    if (text_starts_with(text, prefix))
        text = text_part(text, prefix.size, text.size);
    buffer_init(&bytes, KEY_LIMIT);
    if (!buffer_append_base64_decoded(&bytes, text) || !bytes.size)
        failure_set(why, FAILURE_INVALID,
                    "the signing secret is not \"whsec_\" and base64, nor base64 alone");
    else if (!(key = secret_new(buffer_text(&bytes))))
        failure_out_of_memory(why);
    buffer_clear(&bytes);
    return key;
}

bool alert_webhook_sign(const struct secret *key, struct text id, int64_t timestamp,
                        struct text body, struct buffer *out)
{
    struct text bytes = secret_reveal(key);
    unsigned char digest[EVP_MAX_MD_SIZE];
    struct buffer content;
    unsigned size = 0;
    bool ok;

    buffer_init(&content, id.size + body.size + 64);
    buffer_printf(&content, "%.*s.%" PRId64 ".", TEXT_ARG(id), timestamp);
    ok = buffer_append(&content, body) &&
         HMAC(EVP_sha256(), bytes.start, (int)bytes.size, (const unsigned char *)content.start,
              content.size, digest, &size);
    buffer_clear(&content);
    return ok && buffer_append_string(out, "v1,") &&
           buffer_append_base64(out, (struct text){(const char *)digest, size});
}

/* ---- delivery -------------------------------------------------------------------------------- */

/* Gone for good, too large, or not what it takes: no person will make it take this very alert. */
static bool is_refusal(int status)
{
    return status == 410 || status == 413 || status == 422;
}

static struct operation *deliver(struct alert_sink *self, const struct alert *alert,
                                 operation_done *done, void *context)
{
    struct webhook *webhook = (struct webhook *)self;
    int64_t now = time(NULL);
    struct operation *operation = NULL;
    struct buffer signature;
    char timestamp[24];

    snprintf(timestamp, sizeof(timestamp), "%" PRId64, now);
    buffer_init(&signature, 128);
    if (!webhook->key ||
        alert_webhook_sign(webhook->key, alert->id, now, alert->body, &signature)) {
        struct http_header headers[] = {
            {"Content-Type", TEXT("application/json"), NULL},
            {"webhook-id", alert->id, NULL},
            {"webhook-timestamp", text_of(timestamp), NULL},
            {"webhook-signature", buffer_text(&signature), NULL},
        };

        operation = alert_receiver_post(&webhook->receiver, headers, webhook->key ? 4 : 3,
                                        alert->body, done, context);
    }
    buffer_clear(&signature);
    return operation;
}

/* ---- life ------------------------------------------------------------------------------------ */

struct alert_sink *alert_webhook_close(struct alert_sink *sink)
{
    struct webhook *webhook = (struct webhook *)sink;

    if (!webhook)
        return NULL;
    alert_receiver_close(&webhook->receiver);
    secret_free(webhook->key);
    memory_free(webhook);
    return NULL;
}

struct alert_sink *alert_webhook_open(struct http *http, const char *url,
                                      const struct secret *signing_secret, const char *ca_file,
                                      struct failure *why)
{
    struct webhook *webhook = memory_zeroed(1, sizeof(*webhook));

    if (!webhook) {
        failure_out_of_memory(why);
        return NULL;
    }
    if (!alert_receiver_open(&webhook->receiver, http, "webhook", url, "", ca_file, why)) {
        memory_free(webhook);
        return NULL;
    }
    if (signing_secret && !(webhook->key = alert_webhook_key(signing_secret, why))) {
        failure_prefix(why, "%s", webhook->receiver.name);
        alert_webhook_close(&webhook->port);
        return NULL;
    }
    webhook->receiver.is_refusal = is_refusal;
    webhook->port = (struct alert_sink){.name = webhook->receiver.name, .deliver = deliver};
    return &webhook->port;
}
