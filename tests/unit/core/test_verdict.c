/* SPDX-License-Identifier: Apache-2.0 */
/* Every kind of copy against every kind of source and pin; then the sentences. */
#include "agent/core/verdict.h"
#include "tests/support/test.h"
#include "tests/unit/core/facts.h"

#define PRIMARY   0
#define SECONDARY 1

TEST(a_present_copy_is_judged_by_the_slot_it_equals)
{
    static const struct {
        int primary, secondary, copy, pinned;
        enum verdict verdict;
        int matched;
    } cases[] = {
        {1, 2, 1, ANY_SLOT, VERDICT_MATCH, PRIMARY},
        {1, 2, 2, ANY_SLOT, VERDICT_MATCH, SECONDARY},
        {1, 2, 3, ANY_SLOT, VERDICT_STALE, ANY_SLOT},
        {1, 1, 1, ANY_SLOT, VERDICT_MATCH, PRIMARY},
        {1, 2, 1, PRIMARY, VERDICT_MATCH, PRIMARY},
        {1, 2, 2, PRIMARY, VERDICT_WRONG_SLOT, SECONDARY},
        {1, 2, 3, PRIMARY, VERDICT_STALE, ANY_SLOT},
        {1, 2, 1, SECONDARY, VERDICT_WRONG_SLOT, PRIMARY},
        {1, 2, 2, SECONDARY, VERDICT_MATCH, SECONDARY},
        {1, 1, 1, SECONDARY, VERDICT_MATCH, SECONDARY},
        {1, 2, 1, 2, VERDICT_WRONG_SLOT, PRIMARY}, /* pins what the source does not have */
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct source_fact source = source_of(cases[i].primary, cases[i].secondary);
        struct copy_fact copy = copy_of(cases[i].copy);
        struct judgement judgement = judge(&source, &copy, cases[i].pinned);

        assert_int_equal(judgement.verdict, cases[i].verdict);
        assert_int_equal(judgement.matched_slot, cases[i].matched);
    }
}

TEST(a_copy_without_a_value_is_that_whatever_the_source_says)
{
    static const struct {
        enum copy_state state;
        enum verdict verdict;
    } cases[] = {
        {COPY_UNKNOWN, VERDICT_UNKNOWN},     {COPY_NO_SECRET, VERDICT_MISSING},
        {COPY_NO_FIELD, VERDICT_MISSING},    {COPY_DELETED, VERDICT_DELETED},
        {COPY_DESTROYED, VERDICT_DESTROYED},
    };
    /* The second source issues the very zeros that an absent value is made of. */
    const struct source_fact sources[] = {source_of(1, 2), source_of(0, 0), source_unknown("503")};

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct copy_fact copy = copy_without_value(cases[i].state);

        for (size_t j = 0; j < sizeof(sources) / sizeof(*sources); j++)
            for (int pinned = ANY_SLOT; pinned < 2; pinned++) {
                struct judgement judgement = judge(&sources[j], &copy, pinned);

                assert_int_equal(judgement.verdict, cases[i].verdict);
                assert_int_equal(judgement.matched_slot, ANY_SLOT);
            }
    }
}

TEST(what_could_not_be_read_is_never_in_sync_and_never_drift)
{
    struct source_fact source = source_unknown("503"), empty = source_of(1, 2);
    struct copy_fact copy = copy_of(0); /* equals the zeros of a source that was not read */

    source.slot_count = 2;
    empty.slot_count = 0;
    for (int pinned = ANY_SLOT; pinned < 2; pinned++) {
        assert_int_equal(judge(&source, &copy, pinned).verdict, VERDICT_UNKNOWN);
        assert_int_equal(judge(&source, &copy, pinned).matched_slot, ANY_SLOT);
        assert_int_equal(judge(&empty, &copy, pinned).verdict, VERDICT_UNKNOWN);
    }
}

TEST(a_verdict_has_a_word_that_leads_back)
{
    enum verdict parsed = VERDICT_MATCH;

    for (unsigned verdict = 0; verdict < VERDICTS; verdict++) {
        assert_true(verdict_parse(text_of(verdict_name((enum verdict)verdict)), &parsed));
        assert_int_equal(parsed, verdict);
    }
    assert_string_equal(verdict_name(VERDICT_WRONG_SLOT), "wrong_slot");
    assert_false(verdict_parse(TEXT("Match"), &parsed));
    assert_false(verdict_parse(TEXT(""), &parsed));
}

TEST(only_a_match_is_in_sync)
{
    for (unsigned verdict = 0; verdict < VERDICTS; verdict++)
        assert_int_equal(verdict_in_sync((enum verdict)verdict), verdict == VERDICT_MATCH     ? 1
                                                                 : verdict == VERDICT_UNKNOWN ? -1
                                                                                              : 0);
}

/* ---- sentences ------------------------------------------------------------------------------- */

static void explains(struct source_fact source, struct copy_fact copy, int pinned,
                     const char *expected)
{
    struct judgement judgement = judge(&source, &copy, pinned);
    struct buffer out;

    buffer_init(&out, 1000);
    assert_true(judgement_explain(&judgement, &source, &copy, pinned, &out));
    assert_string_equal(out.start, expected);
    buffer_clear(&out);
}

TEST(a_sentence_says_what_callers_get)
{
    explains(source_of(1, 2), copy_of(1), ANY_SLOT,
             "the copy in Vault equals the source's primary key: callers are served");
    explains(source_of(1, 2), copy_of(2), SECONDARY,
             "the copy in Vault equals the source's secondary key, as pinned: callers are served");
    explains(source_of(1, 2), copy_of(2), PRIMARY,
             "the copy in Vault equals the source's secondary key, but this binding pins primary: "
             "callers are served until secondary is regenerated");
    explains(source_of(1, 2), copy_of(3), ANY_SLOT,
             "the copy in Vault (version 7, fingerprint 030303030303) equals none of the source's "
             "keys (primary 010101010101, secondary 020202020202): callers get 401");
    explains(source_of(1, 2), copy_without_value(COPY_NO_SECRET), ANY_SLOT,
             "Vault has no secret at the copy's path: callers find no key");
    explains(source_of(1, 2), copy_without_value(COPY_NO_FIELD), ANY_SLOT,
             "the secret in Vault lacks the copy's field: callers find no key");
    explains(source_of(1, 2), copy_without_value(COPY_DELETED), ANY_SLOT,
             "the current version (7) of the copy was deleted and can be undeleted: callers find "
             "no key");
    explains(source_of(1, 2), copy_without_value(COPY_DESTROYED), ANY_SLOT,
             "the current version (7) of the copy was destroyed and cannot come back: callers find "
             "no key");
}

TEST(a_copy_without_versions_is_explained_without_one)
{
    struct copy_fact copy = copy_of(3);

    copy.version = (struct copy_version){0};
    explains(source_of(1, 2), copy, ANY_SLOT,
             "the copy in Vault (fingerprint 030303030303) equals none of the source's keys "
             "(primary 010101010101, secondary 020202020202): callers get 401");
}

TEST(a_field_that_is_no_string_says_so)
{
    struct copy_fact copy = copy_without_value(COPY_NO_FIELD);

    copy.why = "api_key is a number";
    explains(source_of(1, 2), copy, ANY_SLOT,
             "the secret in Vault has no usable field (api_key is a number): callers find no key");
}

TEST(a_sentence_names_the_side_that_could_not_be_read)
{
    struct copy_fact sealed = copy_without_value(COPY_UNKNOWN);
    struct source_fact empty = source_of(1, 2), unasked = {0};
    struct copy_fact unread = {0};

    sealed.why = "503: Vault is sealed";
    empty.slot_count = 0;
    explains(source_unknown("429"), copy_of(1), ANY_SLOT,
             "the source could not be read (429): what callers get is not known");
    explains(source_of(1, 2), sealed, ANY_SLOT,
             "the copy in Vault could not be read (503: Vault is sealed): what callers get is not "
             "known");
    explains(source_unknown("429"), sealed, ANY_SLOT,
             "the source could not be read (429) and the copy in Vault could not be read (503: "
             "Vault is sealed): what callers get is not known");
    explains(empty, copy_of(1), ANY_SLOT,
             "the source answered without any key: what callers get is not known");
    explains(unasked, unread, ANY_SLOT,
             "the source has not been read yet and the copy in Vault has not been read yet: what "
             "callers get is not known");
}

TEST(a_sentence_that_does_not_fit_is_a_failure)
{
    struct source_fact source = source_of(1, 2);
    struct copy_fact copy = copy_of(1);
    struct judgement judgement = judge(&source, &copy, ANY_SLOT);
    struct buffer out;

    buffer_init(&out, 10);
    assert_false(judgement_explain(&judgement, &source, &copy, ANY_SLOT, &out));
    buffer_clear(&out);
}

int main(void)
{
    return RUN(CASE(a_present_copy_is_judged_by_the_slot_it_equals),
               CASE(a_copy_without_a_value_is_that_whatever_the_source_says),
               CASE(what_could_not_be_read_is_never_in_sync_and_never_drift),
               CASE(a_verdict_has_a_word_that_leads_back), CASE(only_a_match_is_in_sync),
               CASE(a_sentence_says_what_callers_get),
               CASE(a_copy_without_versions_is_explained_without_one),
               CASE(a_field_that_is_no_string_says_so),
               CASE(a_sentence_names_the_side_that_could_not_be_read),
               CASE(a_sentence_that_does_not_fit_is_a_failure));
}
