/* SPDX-License-Identifier: Apache-2.0 */
/* Fingerprints, versions and slots. */
#include "agent/core/fact.h"
#include "tests/support/test.h"
#include "tests/unit/core/facts.h"

TEST(a_fingerprint_is_shown_by_its_first_twelve_digits)
{
    struct fingerprint fingerprint = {.bytes = {0x3f, 0xa9, 0x00, 0xc4, 0x12, 0xff, 0x77}};
    char shown[FINGERPRINT_SHOWN];

    fingerprint_show(&fingerprint, shown);
    assert_string_equal(shown, "3fa900c412ff");
}

TEST(a_fingerprint_survives_its_hex_form)
{
    struct fingerprint fingerprint = key(0xab), parsed = key(0);
    char hex[FINGERPRINT_HEX];

    fingerprint.bytes[31] = 1;
    fingerprint_hex(&fingerprint, hex);
    assert_int_equal(strlen(hex), 64);
    assert_true(fingerprint_parse(text_of(hex), &parsed));
    assert_true(fingerprint_equal(&fingerprint, &parsed));
}

TEST(a_malformed_fingerprint_is_refused_and_changes_nothing)
{
    struct fingerprint parsed = key(5), five = key(5);
    char hex[FINGERPRINT_HEX];

    fingerprint_hex(&five, hex);
    assert_false(fingerprint_parse(TEXT(""), &parsed));
    assert_false(fingerprint_parse(text_part(text_of(hex), 0, 62), &parsed));
    hex[40] = 'g';
    assert_false(fingerprint_parse(text_of(hex), &parsed));
    assert_true(fingerprint_equal(&parsed, &five));
}

TEST(fingerprints_differ_in_any_byte)
{
    for (size_t i = 0; i < FINGERPRINT_BYTES; i++) {
        struct fingerprint a = key(9), b = key(9);

        b.bytes[i] ^= 1;
        assert_false(fingerprint_equal(&a, &b));
    }
}

TEST(versions_are_equal_only_with_their_created_time)
{
    struct copy_version a = {7, 500, 123};

    assert_true(copy_version_equal(&a, &(struct copy_version){7, 500, 123}));
    assert_false(copy_version_equal(&a, &(struct copy_version){8, 500, 123}));
    assert_false(copy_version_equal(&a, &(struct copy_version){7, 501, 123}));
    assert_false(copy_version_equal(&a, &(struct copy_version){7, 500, 124}));
}

TEST(only_what_is_older_by_number_and_time_is_older)
{
    static const struct {
        struct copy_version seen, now;
        bool is_older;
    } cases[] = {
        {{7, 500, 0}, {6, 400, 0}, true},  /* a stale replica */
        {{7, 500, 0}, {7, 500, 0}, false}, /* the same */
        {{7, 500, 0}, {8, 600, 0}, false}, /* news */
        {{7, 500, 0}, {1, 600, 0}, false}, /* deleted and made anew */
        {{7, 500, 0}, {8, 499, 0}, false}, /* written under a clock that is behind */
        {{1, 600, 9}, {1, 600, 8}, true},  /* made anew twice: the nanoseconds tell */
        {{7, 500, 0}, {0, 0, 0}, false},   /* gone is no old version */
        {{0, 0, 0}, {1, 1, 0}, false},     /* the first */
        {{7, 0, 0}, {6, 0, 0}, true},      /* no times known */
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_int_equal(copy_version_is_older(&cases[i].now, &cases[i].seen), cases[i].is_older);
}

TEST(a_slot_is_found_by_its_exact_name)
{
    struct source_fact source = source_of(1, 2);

    assert_int_equal(source_slot_named(&source, TEXT("primary")), 0);
    assert_int_equal(source_slot_named(&source, TEXT("secondary")), 1);
    assert_int_equal(source_slot_named(&source, TEXT("Primary")), ANY_SLOT);
    assert_int_equal(source_slot_named(&source, TEXT("")), ANY_SLOT);
    source.slot_count = 1;
    assert_int_equal(source_slot_named(&source, TEXT("secondary")), ANY_SLOT);
}

TEST(a_state_of_a_copy_has_a_word_that_leads_back)
{
    enum copy_state parsed = COPY_PRESENT;

    for (unsigned state = COPY_UNKNOWN; state <= COPY_DESTROYED; state++) {
        assert_true(copy_state_parse(text_of(copy_state_name((enum copy_state)state)), &parsed));
        assert_int_equal(parsed, state);
    }
    assert_false(copy_state_parse(TEXT("gone"), &parsed));
    assert_int_equal(parsed, COPY_DESTROYED);
}

int main(void)
{
    return RUN(CASE(a_fingerprint_is_shown_by_its_first_twelve_digits),
               CASE(a_fingerprint_survives_its_hex_form),
               CASE(a_malformed_fingerprint_is_refused_and_changes_nothing),
               CASE(fingerprints_differ_in_any_byte),
               CASE(versions_are_equal_only_with_their_created_time),
               CASE(only_what_is_older_by_number_and_time_is_older),
               CASE(a_slot_is_found_by_its_exact_name),
               CASE(a_state_of_a_copy_has_a_word_that_leads_back));
}
