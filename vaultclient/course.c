/* SPDX-License-Identifier: Apache-2.0 */
/* What an answer, or the lack of one, leads to: it is the outcome, or the request goes on, to the
 * same server or another. The question behind each line: may the server have acted? A request that
 * changes something is repeated only where it certainly has not. */
#include "vaultclient/request.h"

static bool is_broken_for_now(int status)
{
    return status == 408 || status == 500 || status == 502 || status == 503 || status == 504;
}

static enum course course_of_status(const struct http_answer *answer, enum http_retry retry,
                                    bool has_others)
{
    int status = answer->status;

    if (status >= 300 && status < 400)
        return COURSE_REDIRECT;
    if (status < 400)
        return COURSE_TELL;
    if (vault_wire_is_behind(status, answer->body))
        return COURSE_BEHIND;
    if (vault_wire_refuses_index(status, answer->body))
        return COURSE_WITHOUT_INDEX;
    if (vault_wire_refuses_forwarding(status, answer->body))
        return COURSE_UNFORWARDED;
    if (retry == HTTP_RETRY_NEVER)
        return COURSE_TELL;
    if (vault_wire_has_no_leader(status, answer->body))
        return COURSE_NO_LEADER;
    if (vault_wire_is_sealed(status, answer->body))
        return has_others ? COURSE_ELSEWHERE : COURSE_TELL;
    if (vault_wire_is_locked(status, answer->body))
        return COURSE_TELL;
    if (status == 429 || (status == 503 && http_answer_retry_after_ms(answer)))
        return COURSE_AGAIN;
    if (retry == HTTP_RETRY_SAFE && is_broken_for_now(status))
        return has_others ? COURSE_ELSEWHERE : COURSE_AGAIN;
    return COURSE_TELL;
}

enum course vault_course(const struct http_answer *answer, const struct failure *failure,
                         enum http_retry retry, bool has_others)
{
    if (!failure)
        return course_of_status(answer, retry, has_others);
    /* AMBIGUOUS is a kind of its own: with these two nothing was sent, or nothing is changed. */
    if (has_others && retry != HTTP_RETRY_NEVER &&
        (failure->kind == FAILURE_NETWORK || failure->kind == FAILURE_TIMEOUT))
        return COURSE_ELSEWHERE;
    return COURSE_TELL;
}
