/* SPDX-License-Identifier: Apache-2.0 */
/* Why something failed: by value, no allocation, no global "last error".
 *
 * `kind` is what a policy needs to decide, `text` what a person needs to act. `text` never holds a
 * secret: build it from names and from what a service answered, never from what was sent.
 */
#ifndef BASE_FAILURE_H
#define BASE_FAILURE_H

#include "base/attributes.h"

#include <stdbool.h>
#include <stdint.h>

#pragma GCC visibility push(default)

enum failure_kind {
    FAILURE_NONE,
    FAILURE_CANCELED,  /* by us */
    FAILURE_TIMEOUT,   /* no answer in time */
    FAILURE_NETWORK,   /* no connection, TLS refused, or broken off */
    FAILURE_THROTTLED, /* asked to slow down; see retry_after_ms */
    FAILURE_DENIED,    /* 401, 403: the other side knows us not, or not enough */
    FAILURE_NOT_FOUND,
    FAILURE_DELETED,   /* there is such a thing, but its current version was deleted */
    FAILURE_DESTROYED, /* the same, and it cannot come back */
    FAILURE_CONFLICT,  /* the other side has moved on: CAS mismatch, 409 */
    FAILURE_AMBIGUOUS, /* a change may or may not have happened; look before you repeat */
    FAILURE_REMOTE,    /* the other side failed or is not ready: 5xx, sealed */
    FAILURE_PROTOCOL,  /* an answer we refuse to believe */
    FAILURE_TOO_LARGE, /* an answer over its cap */
    FAILURE_INVALID,   /* what we were asked to do makes no sense as it stands */
    FAILURE_INTERNAL,  /* out of memory, disk, or a fault of our own */
    FAILURE_KINDS
};

/* How far a request came before its network failed or its time was over. */
enum failure_stage {
    STAGE_NONE,    /* of another kind of failure, or not known */
    STAGE_NAME,    /* the host's name could not be resolved */
    STAGE_CONNECT, /* nobody listens there, or there is no way to it */
    STAGE_TLS,     /* the handshake failed, or the certificate is not trusted */
    STAGE_ANSWER,  /* it was sent, and no whole answer came back */
};

struct failure {
    enum failure_kind kind;
    enum failure_stage stage; /* of NETWORK and TIMEOUT */
    int http_status;          /* 0 when no HTTP answer is behind it */
    uint32_t retry_after_ms;  /* 0 when the other side named no time */
    char text[400];           /* one line of UTF-8, no newline at the end; cut with "..." */
};

/* Fills `why` (which may be NULL) and returns false, so that `return failure_set(...)` reads well.
 * Control characters in the result become spaces, bytes that are not UTF-8 question marks. */
bool failure_set(struct failure *why, enum failure_kind kind, const char *format, ...)
    printf_like(3, 4);

/* Worth another try later without anybody changing anything. */
bool failure_is_temporary(enum failure_kind kind);
/* "timeout", "denied" ...: stable words for JSON and logs. */
const char *failure_kind_name(enum failure_kind kind);

#pragma GCC visibility pop

/* Puts "prefix: " before the text. */
void failure_prefix(struct failure *why, const char *format, ...) printf_like(2, 3);
bool failure_out_of_memory(struct failure *why);

#endif
