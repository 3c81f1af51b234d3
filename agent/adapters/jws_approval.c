/* SPDX-License-Identifier: Apache-2.0 */
/* A token is refused at the first thing that is not exactly as we make it. The payload is not read
 * before the signature over it holds. */
#include "agent/adapters/jws_approval.h"

#include "agent/adapters/approver_keys.h"
#include "agent/adapters/jws.h"
#include "base/memory.h"
#include "net/json.h"

#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#define TYPE          "keydrift-approval+jwt"
#define NAME_LIMIT    64
#define ID_BYTES      16 /* random bytes of a token's id */
#define ID_ENCODED    22
#define LAST_SECOND_S ((int64_t)253402300799) /* of the year 9999 */

/* ---- verifying ------------------------------------------------------------------------------- */

static bool refuse(struct failure *why, const char *reason)
{
    return failure_set(why, FAILURE_DENIED, "this approval is refused: %s", reason);
}

static json_t *read_part(struct text part, struct failure *why)
{
    struct buffer bytes;
    json_t *json = NULL;

    buffer_init(&bytes, APPROVAL_TOKEN_LIMIT);
    if (jws_decode(part, &bytes))
        json = json_read_object(buffer_text(&bytes), NULL);
    buffer_clear(&bytes);
    if (!json)
        refuse(why, "it is not JSON in base64url");
    return json;
}

/* `name` is a string of the object. */
static bool has_text(const json_t *object, const char *name, struct text *ret)
{
    *ret = json_text_at(object, name);
    return ret->start != NULL;
}

static bool has_second(const json_t *object, const char *name, int64_t *ret)
{
    *ret = json_integer_at(object, name, 0);
    return *ret > 0 && *ret <= LAST_SECOND_S;
}

static const struct approver *find_approver(const json_t *header, const struct approver *approvers,
                                            size_t count, struct failure *why)
{
    struct text algorithm, type, key_id;

    if (json_object_size(header) != 3 || !has_text(header, "alg", &algorithm) ||
        !has_text(header, "typ", &type) || !has_text(header, "kid", &key_id)) {
        refuse(why, "its header must have exactly alg, typ and kid");
        return NULL;
    }
    if (!text_is(algorithm, "EdDSA")) {
        refuse(why, "it is not signed with EdDSA");
        return NULL;
    }
    if (!text_is(type, TYPE)) {
        refuse(why, "it is a token for something else");
        return NULL;
    }
    for (size_t i = 0; i < count; i++)
        if (text_is(key_id, approvers[i].name))
            return &approvers[i];
    refuse(why, "the configuration knows no approver of that name");
    return NULL;
}

static bool is_plan_id(struct text text)
{
    for (size_t i = 0; i < text.size; i++)
        if (!((text.start[i] >= '0' && text.start[i] <= '9') ||
              (text.start[i] >= 'a' && text.start[i] <= 'f')))
            return false;
    return text.size == PLAN_ID_SIZE - 1;
}

static bool is_token_id(struct text text)
{
    struct buffer bytes;
    bool ok;

    buffer_init(&bytes, ID_BYTES);
    ok = text.size == ID_ENCODED && jws_decode(text, &bytes) && bytes.size == ID_BYTES;
    buffer_clear(&bytes);
    return ok;
}

static bool read_payload(const json_t *payload, const struct approver *approver,
                         struct approval *ret, struct failure *why)
{
    if (json_object_size(payload) != 5 || !has_text(payload, "plan", &ret->plan_id) ||
        !has_text(payload, "sub", &ret->approver) || !has_text(payload, "jti", &ret->token_id) ||
        !json_is_integer(json_at(payload, "iat")) || !json_is_integer(json_at(payload, "exp")))
        return refuse(why, "it must have exactly plan, sub, jti, iat and exp");
    if (!text_is(ret->approver, approver->name))
        return refuse(why, "who approves is not whose key it names");
    if (!is_plan_id(ret->plan_id))
        return refuse(why, "it names no plan");
    if (!is_token_id(ret->token_id))
        return refuse(why, "its id is not one of ours");
    if (!has_second(payload, "iat", &ret->issued_at) ||
        !has_second(payload, "exp", &ret->expires_at) || ret->issued_at >= ret->expires_at)
        return refuse(why, "it does not say from when to when it is valid");
    ret->issued_at *= 1000;
    ret->expires_at *= 1000;
    return true;
}

/* Moves the texts from the JSON to `kept`, all at once so that they stand still. */
static bool keep(struct approval *approval, struct buffer *kept, struct failure *why)
{
    struct text *const texts[] = {&approval->approver, &approval->plan_id, &approval->token_id};
    size_t at = kept->size;

    for (size_t i = 0; i < 3; i++)
        buffer_append(kept, *texts[i]);
    if (!buffer_ok(kept))
        return failure_out_of_memory(why);
    for (size_t i = 0; i < 3; i++) {
        *texts[i] = text_part(buffer_text(kept), at, texts[i]->size);
        at += texts[i]->size;
    }
    return true;
}

static bool verify(struct approvals *self, struct text token, const struct approver *approvers,
                   size_t count, struct buffer *kept, struct approval *ret, struct failure *why)
{
    json_t *header cleanup_with(json_clean) = NULL, *payload cleanup_with(json_clean) = NULL;
    const struct approver *approver;
    struct approval approval = {0};
    struct jws jws;

    (void)self;
    if (token.size > APPROVAL_TOKEN_LIMIT)
        return refuse(why, "it is too long");
    if (!jws_split(token, &jws))
        return refuse(why, "it is not three parts of base64url (was all of it copied?)");
    if (!(header = read_part(jws.header, why)) ||
        !(approver = find_approver(header, approvers, count, why)))
        return false;
    if (!jws_verify(&jws, approver->public_key))
        return refuse(why, "its signature does not hold with the key the configuration has for "
                           "this approver");
    if (!(payload = read_part(jws.payload, why)) ||
        !read_payload(payload, approver, &approval, why) || !keep(&approval, kept, why))
        return false;
    *ret = approval;
    return true;
}

/* ---- signing --------------------------------------------------------------------------------- */

static bool write_header(struct text approver, struct buffer *out)
{
    json_t *json cleanup_with(json_clean) = json_object();

    return json && json_set_text(json, "alg", TEXT("EdDSA")) &&
           json_set_text(json, "typ", TEXT(TYPE)) && json_set_text(json, "kid", approver) &&
           json_write(json, false, out);
}

static bool write_payload(struct text approver, struct text plan_id, int64_t issued_s,
                          int64_t expires_s, struct buffer *out)
{
    json_t *json cleanup_with(json_clean) = json_object();
    uint8_t bytes[ID_BYTES];
    struct buffer id;
    bool ok;

    if (RAND_bytes(bytes, sizeof(bytes)) != 1)
        return false;
    buffer_init(&id, ID_ENCODED);
    ok = buffer_append_base64url(&id, (struct text){(const char *)bytes, sizeof(bytes)}) && json &&
         json_set_text(json, "plan", plan_id) && json_set_text(json, "sub", approver) &&
         json_set_text(json, "jti", buffer_text(&id)) &&
         json_object_set_new(json, "iat", json_integer(issued_s)) == 0 &&
         json_object_set_new(json, "exp", json_integer(expires_s)) == 0 &&
         json_write(json, false, out);
    buffer_clear(&id);
    return ok;
}

static bool check_request(struct text approver, struct text plan_id, int64_t now, uint64_t life_ms,
                          struct failure *why)
{
    if (!approver.size || approver.size > NAME_LIMIT || !text_is_utf8(approver) ||
        !text_is_printable(approver))
        return failure_set(why, FAILURE_INVALID, "an approver's name has 1 to %d printable bytes",
                           NAME_LIMIT);
    if (!is_plan_id(plan_id))
        return failure_set(why, FAILURE_INVALID,
                           "\"%.*s\" is not a plan id: expected 64 lower-case hex digits",
                           TEXT_ARG(plan_id));
    if (life_ms < 1000 || life_ms > APPROVAL_LIFE_MAX_MS)
        return failure_set(why, FAILURE_INVALID,
                           "an approval is valid for at least a second and at most 7 days");
    if (now < 1000 || now / 1000 > LAST_SECOND_S - APPROVAL_LIFE_MAX_MS / 1000)
        return failure_set(why, FAILURE_INTERNAL, "the clock of this computer is wrong");
    return true;
}

bool approval_sign(const char *key_file, struct text approver, struct text plan_id, int64_t now,
                   uint64_t life_ms, struct buffer *token, struct failure *why)
{
    struct buffer header, payload;
    EVP_PKEY *key;
    bool ok;

    if (!check_request(approver, plan_id, now, life_ms, why) ||
        !(key = approver_key_read(key_file, why)))
        return false;
    buffer_init(&header, APPROVAL_TOKEN_LIMIT);
    buffer_init(&payload, APPROVAL_TOKEN_LIMIT);
    ok = write_header(approver, &header) &&
         write_payload(approver, plan_id, now / 1000, now / 1000 + (int64_t)(life_ms / 1000),
                       &payload) &&
         jws_sign(key, buffer_text(&header), buffer_text(&payload), token);
    if (!ok)
        failure_set(why, FAILURE_INTERNAL, "cannot sign: out of memory or of random numbers");
    buffer_clear(&header);
    buffer_clear(&payload);
    EVP_PKEY_free(key);
    return ok;
}

/* ---- the port -------------------------------------------------------------------------------- */

static bool digest(struct approvals *self, struct text bytes, char out[PLAN_ID_SIZE])
{
    uint8_t hash[32];

    (void)self;
    if (!EVP_Digest(bytes.start, bytes.size, hash, NULL, EVP_sha256(), NULL))
        return false;
    hex_encode(hash, sizeof(hash), out);
    return true;
}

/* RFC 9562, 5.4. */
static bool guid(struct approvals *self, char out[37])
{
    static const size_t ends[] = {8, 12, 16, 20, 32};
    uint8_t bytes[16];
    char hex[33];
    size_t from = 0;

    (void)self;
    if (RAND_bytes(bytes, sizeof(bytes)) != 1)
        return false;
    bytes[6] = (uint8_t)((bytes[6] & 0x0f) | 0x40);
    bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80);
    hex_encode(bytes, sizeof(bytes), hex);
    for (size_t i = 0; i < 5; i++) {
        memcpy(out, hex + from, ends[i] - from);
        out += ends[i] - from;
        *out++ = i < 4 ? '-' : '\0';
        from = ends[i];
    }
    return true;
}

struct approvals *approvals_openssl_new(void)
{
    struct approvals *approvals = memory_zeroed(1, sizeof(*approvals));

    if (approvals)
        *approvals = (struct approvals){verify, digest, guid};
    return approvals;
}

struct approvals *approvals_openssl_free(struct approvals *approvals)
{
    memory_free(approvals);
    return NULL;
}
