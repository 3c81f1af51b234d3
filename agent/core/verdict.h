/* SPDX-License-Identifier: Apache-2.0 */
/* What the facts say about a binding: one table from (source, copy, pinned slot) to a verdict. */
#ifndef AGENT_CORE_VERDICT_H
#define AGENT_CORE_VERDICT_H

#include "agent/core/fact.h"
#include "base/buffer.h"

enum verdict {
    VERDICT_MATCH,
    VERDICT_WRONG_SLOT,
    VERDICT_STALE,
    VERDICT_MISSING,
    VERDICT_DELETED,
    VERDICT_DESTROYED,
    VERDICT_UNKNOWN,
    VERDICTS
};

struct judgement {
    enum verdict verdict;
    int matched_slot; /* index, or ANY_SLOT when the copy equals none (or cannot be compared) */
};

/* `pinned` is a slot index or ANY_SLOT. Unknown on either side is UNKNOWN, except that a copy known
 * to be missing, deleted or destroyed is that, whatever the source says. With ANY_SLOT and both
 * slots equal to the copy the first one is named. */
struct judgement judge(const struct source_fact *source, const struct copy_fact *copy, int pinned);

const char *verdict_name(enum verdict verdict); /* "match", "wrong_slot" ... */
must_use bool verdict_parse(struct text name, enum verdict *ret);
/* 1 in sync, 0 not, -1 unknown. */
int verdict_in_sync(enum verdict verdict);

/* One sentence for a person: what is so, which side says it, what callers get. */
bool judgement_explain(const struct judgement *judgement, const struct source_fact *source,
                       const struct copy_fact *copy, int pinned, struct buffer *out);

#endif
