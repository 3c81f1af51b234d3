/* SPDX-License-Identifier: Apache-2.0 */
/* One call to a scoring endpoint with a given key, and what its answer says about that key.
 *
 * The gateway looks at the key before anything else, so an error of a later stage means that the
 * key is good; but an ingress in front of it looks at no key, and its 404 and 413 look the same, so
 * it must be Azure ML's. Only the gateway's own words for a wrong key prove one. */
#include "azureclient/client.h"
#include "azureclient/wire.h"
#include "base/memory.h"

#include <stdio.h>
#include <string.h>

#define SCORER_LIMIT ((unsigned)256)
#define ANSWER_LIMIT ((size_t)16 << 20)

struct score {
    struct azure_task task;
    struct secret *key;
    char *origin;
    struct azure_score result;
    char reason[600], model_status[16], model_reason[200], request_id[80];
    azure_score_done *done;
    void *context;
};

static void score_tell(struct azure_task *task, const struct failure *failure)
{
    struct score *score = (struct score *)task;

    score->result.reason = text_of(score->reason);
    score->done(failure ? NULL : &score->result, failure, score->context);
}

static void score_release(struct azure_task *task)
{
    struct score *score = (struct score *)task;

    secret_free(score->key);
    memory_free(score->origin);
}

/* ---- what an answer means -------------------------------------------------------------------- */

/* What an answer of this status proves of the key. */
enum proof {
    PROVES_NOTHING,
    PROVES_IF_AZURES, /* that it is good, unless something in front of the endpoint answered */
    PROVES_GOOD,
};

/* As Microsoft's troubleshooting page and the gateway's own words have it. */
static const struct meaning {
    int status;
    enum proof proof;
    const char *text;
} meanings[] = {
    {400, PROVES_IF_AZURES, "the model refused the input"},
    {401, PROVES_NOTHING, "a credential was refused, but not in the endpoint's words for a key"},
    {403, PROVES_NOTHING,
     "access was refused, as by a network rule; it says nothing about the key"},
    {404, PROVES_IF_AZURES, "no deployment gets traffic, or the path is wrong"},
    {408, PROVES_IF_AZURES, "the model took too long"},
    {409, PROVES_NOTHING, "an operation on the endpoint is under way"},
    {413, PROVES_IF_AZURES, "the input is too large"},
    {415, PROVES_IF_AZURES, "the content type is not the model's"},
    {422, PROVES_IF_AZURES, "the model could not process the input"},
    {424, PROVES_GOOD, "the model failed"},
    {429, PROVES_IF_AZURES, "too many requests wait at the endpoint"},
    {500, PROVES_NOTHING, "the endpoint failed"},
    {502, PROVES_NOTHING,
     "the endpoint could not be reached behind its gateway, or its model failed"},
    {503, PROVES_NOTHING, "the endpoint is not ready, or has too much to do"},
    {504, PROVES_NOTHING, "the endpoint did not answer its gateway in time"},
};

/* What Azure ML's gateway and its inference server put into their answers, and nobody else. */
static const char *const signs[] = {
    "ms-azureml-model-error-statuscode",
    "ms-azureml-model-error-reason",
    "ms-azureml-model-time",
    "azureml-model-deployment",
};

static bool is_azures(const struct http_answer *answer)
{
    for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
        if (http_answer_header(answer, signs[i]).start)
            return true;
    return false;
}

static enum azure_score_result judge(const struct http_answer *answer, const char **text,
                                     const char **doubt)
{
    bool names_wrong_key = text_find(answer->body, TEXT("key_auth_access_denied")) != SIZE_MAX;
    bool names_bad_header =
        text_find(answer->body, TEXT("key_auth_bad_header_forbidden")) != SIZE_MAX;

    *text = "says nothing about the key";
    *doubt = "";
    if (answer->status >= 200 && answer->status < 300 && wire_looks_like_html(answer->body) &&
        !is_azures(answer)) {
        *text = "a web page came instead of a model's answer; it says nothing about the key";
        return AZURE_SCORE_UNDECIDED;
    }
    if (answer->status >= 200 && answer->status < 300) {
        *text = "the call was answered";
        return AZURE_SCORE_OK;
    }
    if (answer->status == 401 && names_wrong_key) {
        *text = "the endpoint does not know this key (key_auth_access_denied)";
        return AZURE_SCORE_KEY_REFUSED;
    }
    if (answer->status == 403 && names_bad_header) {
        *text = "the endpoint takes this for no key at all (key_auth_bad_header_forbidden)";
        return AZURE_SCORE_KEY_REFUSED;
    }
    for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++) {
        if (meanings[i].status != answer->status)
            continue;
        *text = meanings[i].text;
        if (meanings[i].proof == PROVES_NOTHING)
            return AZURE_SCORE_UNDECIDED;
        if (meanings[i].proof == PROVES_GOOD || is_azures(answer))
            return AZURE_SCORE_KEY_ACCEPTED_CALL_FAILED;
        *doubt = "; nothing shows that Azure ML said so and not a proxy before it, so it says "
                 "nothing about the key";
    }
    return AZURE_SCORE_UNDECIDED;
}

/* A header as it may be shown, without the key. */
static struct text shown(const struct score *score, const struct http_answer *answer,
                         const char *name, char *out, size_t size)
{
    struct buffer quoted;

    buffer_init(&quoted, 4 * SECRET_LIMIT);
    wire_quote(&quoted, http_answer_header(answer, name), score->key);
    snprintf(out, size, "%.*s", TEXT_ARG(buffer_text(&quoted)));
    buffer_clear(&quoted);
    return text_of(out);
}

static void explain(struct score *score, const struct http_answer *answer, const char *text,
                    const char *doubt)
{
    struct azure_score *result = &score->result;

    result->model_status = shown(score, answer, "ms-azureml-model-error-statuscode",
                                 score->model_status, sizeof(score->model_status));
    result->model_reason = shown(score, answer, "ms-azureml-model-error-reason",
                                 score->model_reason, sizeof(score->model_reason));
    result->request_id =
        shown(score, answer, "x-ms-request-id", score->request_id, sizeof(score->request_id));
    snprintf(score->reason, sizeof(score->reason), "HTTP %d: %s%s%s%s%s%s%s%s", answer->status,
             text, doubt, score->model_status[0] || score->model_reason[0] ? " (model:" : "",
             score->model_status[0] ? " status " : "", score->model_status,
             score->model_reason[0] ? " " : "", score->model_reason,
             score->model_status[0] || score->model_reason[0] ? ")" : "");
}

static void on_score(struct azure_task *task, const struct http_answer *answer,
                     const struct failure *failure)
{
    struct score *score = (struct score *)task;
    const char *text, *doubt;

    if (!failure) {
        score->result.http_status = answer->status;
        score->result.result = judge(answer, &text, &doubt);
        explain(score, answer, text, doubt);
        task_end(task, NULL);
        return;
    }
    task_end(task, failure);
}

/* ---- whom to call ---------------------------------------------------------------------------- */

static void scorer_free(struct azure_client *client, struct scorer *scorer)
{
    TAILQ_REMOVE(&client->scorers, scorer, link);
    client->scorer_count--;
    upstream_close(scorer->upstream);
    memory_free(scorer->origin);
    memory_free(scorer);
}

/* Makes room by forgetting the one that was not used for longest. */
static void forget_one(struct azure_client *client)
{
    struct scorer *scorer;
    unsigned in_flight, waiting;

    if (client->scorer_count < SCORER_LIMIT)
        return;
    TAILQ_FOREACH (scorer, &client->scorers, link) {
        upstream_load(scorer->upstream, &in_flight, &waiting);
        if (in_flight || waiting)
            continue;
        scorer_free(client, scorer);
        return;
    }
}

static struct scorer *scorer_new(struct azure_client *client, const char *origin,
                                 struct failure *why)
{
    struct scorer *scorer = memory_zeroed(1, sizeof(*scorer));
    struct upstream_settings settings = {
        .origin = origin,
        .ca_file = client->ca_file,
        .max_in_flight = client->max_in_flight,
    };

    if (!scorer || !(scorer->origin = memory_string(origin))) {
        failure_out_of_memory(why);
        memory_free(scorer);
        return NULL;
    }
    scorer->upstream = upstream_open(client->http, &settings, why);
    if (!scorer->upstream) {
        memory_free(scorer->origin);
        memory_free(scorer);
        return NULL;
    }
    TAILQ_INSERT_TAIL(&client->scorers, scorer, link);
    client->scorer_count++;
    return scorer;
}

struct upstream *client_upstream(struct azure_client *client, const char *origin,
                                 struct failure *why)
{
    struct scorer *scorer;

    TAILQ_FOREACH (scorer, &client->scorers, link) {
        if (!text_equal_ignoring_case(text_of(scorer->origin), text_of(origin)))
            continue;
        TAILQ_REMOVE(&client->scorers, scorer, link);
        TAILQ_INSERT_TAIL(&client->scorers, scorer, link);
        return scorer->upstream;
    }
    forget_one(client);
    scorer = scorer_new(client, origin, why);
    return scorer ? scorer->upstream : NULL;
}

void scorers_close(struct azure_client *client)
{
    struct scorer *scorer;

    while ((scorer = TAILQ_FIRST(&client->scorers)))
        scorer_free(client, scorer);
}

/* ---- the call -------------------------------------------------------------------------------- */

static bool send_score(struct score *score, struct text uri, struct text body,
                       struct text content_type, struct failure *why)
{
    const struct http_header headers[] = {
        {"Authorization", TEXT("Bearer "), score->key},
        {"Content-Type", content_type.size ? content_type : TEXT("application/json"), NULL},
    };
    struct http_request request = {
        .method = "POST",
        .headers = headers,
        .header_count = 2,
        .body = body.size ? body : TEXT("{}"),
        .deadline_ms = task_remaining_ms(&score->task),
        .max_answer = ANSWER_LIMIT,
        .retry = HTTP_RETRY_SAFE, /* a scoring call changes nothing: no failure is ambiguous */
        .max_tries = 1,
    };
    struct text origin, target;
    struct upstream *upstream;
    struct buffer path;

    if (!wire_split_url(uri, &origin, &target))
        return failure_set(why, FAILURE_INVALID, "the scoring URI is not a URL we can call");
    score->origin = text_copy(origin);
    if (!score->key || !score->origin)
        return failure_out_of_memory(why);
    upstream = client_upstream(score->task.client, score->origin, why);
    if (!upstream)
        return false;
    buffer_init(&path, 8192);
    buffer_append_string(&path, target.size && target.start[0] == '/' ? "" : "/");
    buffer_append(&path, target);
    request.target = path.start;
    if (buffer_ok(&path))
        task_send(&score->task, upstream, &request, on_score);
    else
        failure_set(why, FAILURE_INVALID, "the scoring URI is too long");
    buffer_clear(&path);
    return score->task.exchange || score->task.is_over;
}

struct operation *azure_score(struct azure_client *client, struct text scoring_uri,
                              const struct secret *key, struct text body, struct text content_type,
                              uint32_t deadline_ms, azure_score_done *done, void *context)
{
    struct azure_task *task =
        task_new(client, sizeof(struct score), deadline_ms ? deadline_ms : client->timeout_ms);
    struct score *score = (struct score *)task;
    struct failure why;

    if (!task)
        return NULL;
    task->tell = score_tell;
    task->release = score_release;
    score->done = done;
    score->context = context;
    score->key = secret_copy(key);
    if (!send_score(score, scoring_uri, body, content_type, &why))
        task_end_later(task, &why);
    return &task->operation;
}
