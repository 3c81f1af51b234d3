/* SPDX-License-Identifier: Apache-2.0 */
/* The errors of Azure Resource Manager become one plain sentence each.
 *
 * There are several dialects: {"error":{...}} with nested details or innererror, a bare
 * {code,message}, OData's message that is an object, Azure ML's reason hidden in additionalInfo,
 * and whatever a proxy puts in between. The code is kept in all of them, since that is what people
 * search for; the text of bodies nobody understands is not shown at all. */
#include "azureclient/wire.h"
#include "net/json.h"

#include <string.h>

#define MESSAGE_LIMIT 300 /* bytes quoted; the rest of a failure's text is ours */
#define CODE_LIMIT    80
#define DEPTH_LIMIT   8
#define WORTH_SHOWING 24 /* bytes of a message; fewer say nothing */

/* ---- kinds ----------------------------------------------------------------------------------- */

enum failure_kind wire_kind_of_status(int status)
{
    switch (status) {
    case 401:
    case 403:
        return FAILURE_DENIED;
    case 404:
    case 410:
        return FAILURE_NOT_FOUND;
    case 409:
    case 412:
        return FAILURE_CONFLICT;
    case 429:
        return FAILURE_THROTTLED;
    case 408:
        return FAILURE_REMOTE;
    default:
        break;
    }
    if (status >= 500)
        return FAILURE_REMOTE;
    return status >= 400 ? FAILURE_INVALID : FAILURE_PROTOCOL;
}

/* Codes that mean more than their status says. */
static const struct arm_code {
    const char *code;
    enum failure_kind kind; /* 0: as the status */
    const char *advice;
} codes[] = {
    {"AuthorizationFailed", 0, "a new role assignment can take 10 minutes to work, seldom 30"},
    {"LinkedAuthorizationFailed", 0,
     "a new role assignment can take 10 minutes to work, seldom 30"},
    {"DenyAssignmentAuthorizationFailed", 0, "a deny assignment forbids it, whatever the roles"},
    {"RequestDisallowedByPolicy", 0, "an Azure Policy forbids it"},
    {"ScopeLocked", FAILURE_DENIED,
     "a lock on the resource, its group or its subscription forbids it"},
    {"ReadOnlyDisabledSubscription", FAILURE_DENIED, "the subscription is disabled"},
    {"MissingSubscriptionRegistration", FAILURE_INVALID,
     "the subscription has not registered this resource provider: az provider register"},
    {"NoRegisteredProviderFound", FAILURE_INVALID,
     "this cloud or region does not know the type at this api-version"},
    {"InvalidResourceType", FAILURE_INVALID,
     "this cloud or region does not know the type at this api-version"},
    {"InvalidApiVersionParameter", FAILURE_INVALID, "this cloud does not know this api-version"},
    {"SubscriptionNotFound", FAILURE_NOT_FOUND,
     "there is no such subscription, or the identity is of another tenant"},
    {"InvalidSubscriptionId", FAILURE_INVALID, NULL},
    {"ResourceGroupNotFound", FAILURE_NOT_FOUND, NULL},
    {"ResourceNotFound", FAILURE_NOT_FOUND, NULL},
    {"ParentResourceNotFound", FAILURE_NOT_FOUND, "what it belongs to does not exist"},
    {"InvalidAuthenticationTokenTenant", 0, "the identity is of another tenant than the resource"},
    {"InvalidAuthenticationTokenAudience", 0, "the token is for another cloud or audience"},
};

static const struct arm_code *code_named(struct text name)
{
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        if (text_equal_ignoring_case(name, text_of(codes[i].code)))
            return &codes[i];
    return NULL;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* A member by either of its spellings. */
static struct text member(const json_t *json, const char *name, const char *other)
{
    struct text text = json_text_at(json, name);

    return text.size ? text : json_text_at(json, other);
}

static struct text code_of(const json_t *error)
{
    return member(error, "code", "Code");
}

/* OData says {"message":{"lang":"en-us","value":"..."}}. */
static struct text message_of(const json_t *error)
{
    struct text message = member(error, "message", "Message");

    return message.size ? message : json_text_at(error, "message.value");
}

static bool says_something(const json_t *error)
{
    return json_is_object(error) && (code_of(error).size || message_of(error).size);
}

/* {"error":{...}}, {"odata.error":{...}}, or bare. */
static const json_t *error_in(const json_t *json)
{
    static const char *const names[] = {"error", "Error", "odata.error"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (json_is_object(json_object_get(json, names[i])))
            return json_object_get(json, names[i]);
    return json;
}

static const json_t *next_inner(const json_t *error)
{
    static const char *const names[] = {"innererror", "innerError", "InnerError"};
    const json_t *details = json_object_get(error, "details"), *detail;
    size_t i;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (json_is_object(json_object_get(error, names[i])))
            return json_object_get(error, names[i]);
    json_array_foreach (details, i, detail) {
        if (says_something(detail))
            return detail;
    }
    return NULL;
}

/* The deepest that says anything: on the way down there may be levels that do not. */
static const json_t *innermost(const json_t *error)
{
    const json_t *found = error, *next = next_inner(error);

    for (int depth = 0; depth < DEPTH_LIMIT && next; depth++) {
        if (says_something(next))
            found = next;
        next = next_inner(next);
    }
    return found;
}

/* AML keeps its true reason in additionalInfo:
 * [{"type":"InnerError","info":{"value":{"code":...,"innerError":{...}}}}]. */
static const json_t *additional(const json_t *error)
{
    const json_t *list = json_object_get(error, "additionalInfo"), *item;
    size_t i;

    json_array_foreach (list, i, item) {
        if (text_is(json_text_at(item, "type"), "InnerError"))
            return innermost(json_at(item, "info.value"));
    }
    return NULL;
}

/* ---- telling --------------------------------------------------------------------------------- */

static void append_code_and_message(struct buffer *out, const json_t *error, size_t limit,
                                    const struct secret *secret)
{
    struct text code = code_of(error), message = message_of(error);

    if (code.size)
        wire_quote_short(out, code, CODE_LIMIT, secret);
    if (!message.size || limit < WORTH_SHOWING)
        return;
    buffer_append_string(out, code.size ? ": " : "");
    wire_quote_short(out, message, limit, secret);
}

static void append_inner(struct buffer *out, const json_t *inner, size_t limit,
                         const struct secret *secret)
{
    buffer_append_string(out, " (");
    append_code_and_message(out, inner, limit, secret);
    buffer_append_string(out, ")");
}

static bool tells_more(const json_t *inner, const json_t *error)
{
    struct text message = message_of(inner);

    return inner && inner != error &&
           (message.size ? !text_equal(message, message_of(error))
                         : code_of(inner).size && !text_equal(code_of(inner), code_of(error)));
}

/* When room is short the inner message goes first: of both, the outer was written for people. */
static void append_error(struct buffer *out, const json_t *error, size_t limit,
                         const struct secret *secret)
{
    const json_t *inner = innermost(error), *hidden = additional(error);
    size_t outer_size = message_of(error).size < limit ? message_of(error).size : limit;

    append_code_and_message(out, error, limit, secret);
    if (!tells_more(inner, error))
        inner = hidden;
    if (tells_more(inner, error))
        append_inner(out, inner, limit - outer_size, secret);
}

void wire_arm_sentence(const struct arm_error *error, const struct secret *secret, size_t room,
                       struct failure *why)
{
    cleanup_with(json_clean) json_t *json = json_read_object(error->body, NULL);
    const json_t *found = error_in(json);
    const struct arm_code *code = code_named(code_of(found));
    const char *advice = code && code->advice ? code->advice : NULL;
    size_t taken = error->support.size + (advice ? strlen(advice) : 0) + code_of(found).size + 24;
    enum failure_kind kind = error->status ? wire_kind_of_status(error->status) : FAILURE_REMOTE;
    struct buffer out;

    buffer_init(&out, 8192);
    if (error->status)
        buffer_printf(&out, "HTTP %d ", error->status);
    if (says_something(found))
        append_error(&out, found, taken < room ? room - taken : 0, secret);
    else if (wire_looks_like_html(error->body))
        buffer_append_string(&out, "with a web page instead of JSON (is a proxy in between?)");
    else
        buffer_append_string(&out, error->status ? "without a reason" : "no reason given");
    if (advice)
        buffer_printf(&out, "; %s", advice);
    if (error->support.size)
        buffer_printf(&out, " [%.*s]", TEXT_ARG(error->support));
    failure_set(why, code && code->kind && error->status ? code->kind : kind, "%.*s",
                TEXT_ARG(buffer_text(&out)));
    if (why)
        why->http_status = error->status;
    buffer_clear(&out);
}

void wire_arm_failure(int status, struct text body, const struct secret *secret,
                      struct failure *why)
{
    const struct arm_error error = {.status = status, .body = body};

    wire_arm_sentence(&error, secret, MESSAGE_LIMIT + CODE_LIMIT, why);
}
