/* SPDX-License-Identifier: Apache-2.0 */
/* The verdict is looked up, not computed: what the copy is, against how it compares with the
 * source. */
#include "agent/core/verdict.h"

/* How the copy's value stands to the keys the source issues. */
enum comparison {
    NOT_COMPARABLE, /* one of the two values is not there to be compared */
    EQUALS_NONE,
    EQUALS_WANTED, /* the pinned slot, or any where none is pinned */
    EQUALS_OTHER,
    COMPARISONS
};

static const enum verdict verdicts[][COMPARISONS] = {
    /*                   NOT_COMPARABLE     EQUALS_NONE        EQUALS_WANTED      EQUALS_OTHER */
    [COPY_UNKNOWN] = {VERDICT_UNKNOWN, VERDICT_UNKNOWN, VERDICT_UNKNOWN, VERDICT_UNKNOWN},
    [COPY_PRESENT] = {VERDICT_UNKNOWN, VERDICT_STALE, VERDICT_MATCH, VERDICT_WRONG_SLOT},
    [COPY_NO_SECRET] = {VERDICT_MISSING, VERDICT_MISSING, VERDICT_MISSING, VERDICT_MISSING},
    [COPY_NO_FIELD] = {VERDICT_MISSING, VERDICT_MISSING, VERDICT_MISSING, VERDICT_MISSING},
    [COPY_DELETED] = {VERDICT_DELETED, VERDICT_DELETED, VERDICT_DELETED, VERDICT_DELETED},
    [COPY_DESTROYED] = {VERDICT_DESTROYED, VERDICT_DESTROYED, VERDICT_DESTROYED, VERDICT_DESTROYED},
};

static const struct {
    const char *name;
    int in_sync;
} properties[VERDICTS] = {
    [VERDICT_MATCH] = {"match", 1},      [VERDICT_WRONG_SLOT] = {"wrong_slot", 0},
    [VERDICT_STALE] = {"stale", 0},      [VERDICT_MISSING] = {"missing", 0},
    [VERDICT_DELETED] = {"deleted", 0},  [VERDICT_DESTROYED] = {"destroyed", 0},
    [VERDICT_UNKNOWN] = {"unknown", -1},
};

/* A source that answers without a single key told us nothing to compare with. */
static bool is_comparable(const struct source_fact *source, const struct copy_fact *copy)
{
    return source->is_known && source->slot_count > 0 && copy->state == COPY_PRESENT;
}

static bool holds(const struct source_fact *source, size_t slot, const struct copy_fact *copy)
{
    return fingerprint_equal(&source->slots[slot], &copy->value);
}

static int find_slot(const struct source_fact *source, const struct copy_fact *copy, int pinned)
{
    if (pinned >= 0 && (size_t)pinned < source->slot_count && holds(source, (size_t)pinned, copy))
        return pinned;
    for (size_t i = 0; i < source->slot_count; i++)
        if (holds(source, i, copy))
            return (int)i;
    return ANY_SLOT;
}

struct judgement judge(const struct source_fact *source, const struct copy_fact *copy, int pinned)
{
    struct judgement judgement = {.matched_slot = ANY_SLOT};
    enum comparison comparison = NOT_COMPARABLE;

    if (is_comparable(source, copy)) {
        judgement.matched_slot = find_slot(source, copy, pinned);
        if (judgement.matched_slot == ANY_SLOT)
            comparison = EQUALS_NONE;
        else if (pinned == ANY_SLOT || pinned == judgement.matched_slot)
            comparison = EQUALS_WANTED;
        else
            comparison = EQUALS_OTHER;
    }
    judgement.verdict = verdicts[copy->state][comparison];
    return judgement;
}

const char *verdict_name(enum verdict verdict)
{
    return (unsigned)verdict < VERDICTS ? properties[verdict].name : "unknown";
}

bool verdict_parse(struct text name, enum verdict *ret)
{
    for (unsigned verdict = 0; verdict < VERDICTS; verdict++) {
        if (!text_is(name, properties[verdict].name))
            continue;
        *ret = (enum verdict)verdict;
        return true;
    }
    return false;
}

int verdict_in_sync(enum verdict verdict)
{
    return (unsigned)verdict < VERDICTS ? properties[verdict].in_sync : -1;
}

/* ---- the sentence ---------------------------------------------------------------------------- */

static const char *slot_name(const struct source_fact *source, int slot)
{
    if (slot < 0 || (size_t)slot >= source->slot_count || !source->slot_names[slot])
        return "(none of this name)";
    return source->slot_names[slot];
}

static void explain_match(const struct source_fact *source, int slot, int pinned,
                          struct buffer *out)
{
    buffer_printf(out, "the copy in Vault equals the source's %s key%s: callers are served",
                  slot_name(source, slot), pinned == ANY_SLOT ? "" : ", as pinned");
}

static void explain_wrong_slot(const struct source_fact *source, int slot, int pinned,
                               struct buffer *out)
{
    buffer_printf(out,
                  "the copy in Vault equals the source's %s key, but this binding pins %s: callers "
                  "are served until %s is regenerated",
                  slot_name(source, slot), slot_name(source, pinned), slot_name(source, slot));
}

static void explain_stale(const struct source_fact *source, const struct copy_fact *copy,
                          struct buffer *out)
{
    char shown[FINGERPRINT_SHOWN];

    fingerprint_show(&copy->value, shown);
    buffer_append_string(out, "the copy in Vault (");
    if (copy->version.number)
        buffer_printf(out, "version %u, ", copy->version.number);
    buffer_printf(out, "fingerprint %s) equals none of the source's keys (", shown);
    for (size_t i = 0; i < source->slot_count; i++) {
        fingerprint_show(&source->slots[i], shown);
        buffer_printf(out, "%s%s %s", i ? ", " : "", slot_name(source, (int)i), shown);
    }
    buffer_append_string(out, "): callers get 401");
}

static void explain_missing(const struct copy_fact *copy, struct buffer *out)
{
    if (copy->state == COPY_NO_SECRET)
        buffer_append_string(out, "Vault has no secret at the copy's path");
    else if (copy->why)
        buffer_printf(out, "the secret in Vault has no usable field (%s)", copy->why);
    else
        buffer_append_string(out, "the secret in Vault lacks the copy's field");
    buffer_append_string(out, ": callers find no key");
}

static void explain_gone(const struct copy_fact *copy, const char *what, struct buffer *out)
{
    buffer_printf(out, "the current version (%u) of the copy was %s: callers find no key",
                  copy->version.number, what);
}

static void explain_unseen(const char *side, int64_t at, const char *why, struct buffer *out)
{
    if (why)
        buffer_printf(out, "%s could not be read (%s)", side, why);
    else
        buffer_printf(out, "%s %s", side, at ? "could not be read" : "has not been read yet");
}

static void explain_unknown(const struct source_fact *source, const struct copy_fact *copy,
                            struct buffer *out)
{
    bool is_source_seen = source->is_known && source->slot_count > 0;

    if (source->is_known && source->slot_count == 0)
        buffer_append_string(out, "the source answered without any key");
    else if (!is_source_seen)
        explain_unseen("the source", source->at, source->why, out);
    if (copy->state == COPY_UNKNOWN) {
        if (!is_source_seen)
            buffer_append_string(out, " and ");
        explain_unseen("the copy in Vault", copy->at, copy->why, out);
    }
    buffer_append_string(out, ": what callers get is not known");
}

bool judgement_explain(const struct judgement *judgement, const struct source_fact *source,
                       const struct copy_fact *copy, int pinned, struct buffer *out)
{
    switch (judgement->verdict) {
    case VERDICT_MATCH:
        explain_match(source, judgement->matched_slot, pinned, out);
        break;
    case VERDICT_WRONG_SLOT:
        explain_wrong_slot(source, judgement->matched_slot, pinned, out);
        break;
    case VERDICT_STALE:
        explain_stale(source, copy, out);
        break;
    case VERDICT_MISSING:
        explain_missing(copy, out);
        break;
    case VERDICT_DELETED:
        explain_gone(copy, "deleted and can be undeleted", out);
        break;
    case VERDICT_DESTROYED:
        explain_gone(copy, "destroyed and cannot come back", out);
        break;
    case VERDICT_UNKNOWN:
    case VERDICTS:
        explain_unknown(source, copy, out);
        break;
    }
    return buffer_ok(out);
}
