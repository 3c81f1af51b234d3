/* SPDX-License-Identifier: Apache-2.0 */
/* A caller's call with a given key: where to is asked of Azure first, and remembered for a while.
 */
#include "agent/adapters/azure_source_internal.h"

#include "base/memory.h"

#define SCORING_URI_LIFE_MS 600000
#define SCORE_DEADLINE_MS   10000

struct probing {
    struct operation operation; /* first */
    struct azure_source *source;
    struct operation *under_way; /* NULL only inside our own callbacks */
    bool is_canceled;
    struct secret *key;
    char *body, *content_type;
    source_probe_done *done;
    void *context;
};

static void probing_free(struct probing *probing)
{
    secret_free(probing->key);
    memory_free(probing->body);
    memory_free(probing->content_type);
    memory_free(probing);
}

static void end(struct probing *probing, const struct probe *probe, const struct failure *failure)
{
    probing->source->in_flight--;
    probing->done(failure ? NULL : probe, failure, probing->context);
    probing_free(probing);
}

static void fail(struct probing *probing, const struct failure *failure)
{
    struct failure canceled;

    failure_set(&canceled, FAILURE_CANCELED, "canceled");
    end(probing, NULL, probing->is_canceled ? &canceled : failure);
}

static void forget_scoring_uri(struct azure_source *source)
{
    memory_free(source->scoring_uri);
    source->scoring_uri = NULL;
}

static void on_score(const struct azure_score *score, const struct failure *failure, void *context)
{
    static const enum probe_result results[] = {
        [AZURE_SCORE_OK] = PROBE_WORKS,
        [AZURE_SCORE_KEY_REFUSED] = PROBE_REFUSED,
        [AZURE_SCORE_KEY_ACCEPTED_CALL_FAILED] = PROBE_ACCEPTED,
        [AZURE_SCORE_UNDECIDED] = PROBE_UNDECIDED,
    };
    struct probing *probing = context;
    struct probe probe;

    probing->under_way = NULL;
    /* It may be the wrong place by now. */
    if (failure || score->result == AZURE_SCORE_UNDECIDED)
        forget_scoring_uri(probing->source);
    if (failure) {
        fail(probing, failure);
        return;
    }
    probe = (struct probe){results[score->result], score->http_status, score->reason};
    end(probing, &probe, NULL);
}

static bool call_endpoint(struct probing *probing)
{
    struct azure_source *source = probing->source;

    probing->under_way = azure_score(source->client, text_of(source->scoring_uri), probing->key,
                                     text_of(probing->body), text_of(probing->content_type),
                                     SCORE_DEADLINE_MS, on_score, probing);
    return probing->under_way != NULL;
}

static bool take_scoring_uri(struct azure_source *source, const struct azure_endpoint *endpoint,
                             struct failure *why)
{
    if (!text_equal_ignoring_case(endpoint->auth_mode, TEXT("Key")))
        return failure_set(why, FAILURE_INVALID,
                           "the endpoint's authMode is %.*s, not Key: callers do not use its keys, "
                           "so there is nothing to try",
                           TEXT_ARG(endpoint->auth_mode));
    if (!endpoint->scoring_uri.size)
        return failure_set(why, FAILURE_REMOTE,
                           "the endpoint has no scoring URI (its provisioning state is \"%.*s\")",
                           TEXT_ARG(endpoint->provisioning_state));
    forget_scoring_uri(source);
    source->scoring_uri = text_copy(endpoint->scoring_uri);
    source->scoring_asked_at = source->clock->now(source->clock);
    return source->scoring_uri || failure_out_of_memory(why);
}

static void on_endpoint(const struct azure_endpoint *endpoint, const struct failure *failure,
                        void *context)
{
    struct probing *probing = context;
    struct failure why;

    probing->under_way = NULL;
    if (failure) {
        fail(probing, failure);
        return;
    }
    if (!take_scoring_uri(probing->source, endpoint, &why)) {
        fail(probing, &why);
        return;
    }
    if (probing->is_canceled || !call_endpoint(probing)) {
        failure_out_of_memory(&why);
        fail(probing, &why);
    }
}

static bool ask_endpoint(struct probing *probing)
{
    struct azure_source *source = probing->source;

    probing->under_way =
        azure_get_endpoint(source->client, text_of(source->id), on_endpoint, probing);
    return probing->under_way != NULL;
}

static bool knows_scoring_uri(struct azure_source *source)
{
    int64_t age_ms = source->clock->now(source->clock) - source->scoring_asked_at;

    return source->scoring_uri && age_ms >= 0 && age_ms < SCORING_URI_LIFE_MS;
}

static void on_cancel(struct operation *operation)
{
    struct probing *probing = (struct probing *)operation;

    probing->is_canceled = true;
    operation_cancel(probing->under_way);
}

struct operation *azure_source_probe(struct key_source *self, const struct secret *key,
                                     struct text body, struct text content_type,
                                     source_probe_done *done, void *context)
{
    struct azure_source *source = (struct azure_source *)self;
    struct probing *probing = memory_zeroed(1, sizeof(*probing));
    bool ok;

    if (!probing)
        return NULL;
    probing->operation.cancel = on_cancel;
    probing->source = source;
    probing->key = secret_copy(key);
    probing->body = text_copy(body);
    probing->content_type = text_copy(content_type);
    probing->done = done;
    probing->context = context;
    ok = probing->key && probing->body && probing->content_type;
    if (ok)
        ok = knows_scoring_uri(source) ? call_endpoint(probing) : ask_endpoint(probing);
    if (!ok) {
        probing_free(probing);
        return NULL;
    }
    source->in_flight++;
    return &probing->operation;
}
