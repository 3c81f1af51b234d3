/* SPDX-License-Identifier: Apache-2.0 */
/* Reading query strings and forms. */
#include "tests/support/test.h"

#include "net/server.h"

#include <stdlib.h>
#include <string.h>

TEST(parameters_are_found_and_decoded)
{
    static const struct {
        const char *query, *name, *value; /* NULL: absent */
        bool any_case;
    } cases[] = {
        {"a=1&b=2", "a", "1", false},
        {"a=1&b=2", "b", "2", false},
        {"a=1&b=2", "c", NULL, false},
        {"a=1&a=2", "a", "1", false},
        {"ab=1&b=2", "b", "2", false},
        {"a=", "a", "", false},
        {"a", "a", "", false},
        {"a&b", "b", "", false},
        {"", "a", NULL, false},
        {"&&a=1&&", "a", "1", false},
        {"a=b=c", "a", "b=c", false},
        {"a=x+y%20z%2Bw", "a", "x y z+w", false},
        {"a=%C3%A9", "a", "\xc3\xa9", false},
        {"a=%26b%3D1", "a", "&b=1", false},
        {"a+b=1", "a b", "1", false},
        {"%61=1", "a", "1", false},
        {"api-version=2024", "API-Version", NULL, false},
        {"api-version=2024", "API-Version", "2024", true},
        {"$filter=x", "$filter", "x", false},
        {"%24filter=x", "$filter", "x", false},
        {"a=%", "a", NULL, false},
        {"a=%4", "a", NULL, false},
        {"a=%zz", "a", NULL, false},
        {"a=b%00c", "a", NULL, false},
        {"%zz=1&a=2", "a", "2", false},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *value = server_parameter(text_of(cases[i].query), cases[i].name, cases[i].any_case);

        if (!value != !cases[i].value || (value && strcmp(value, cases[i].value) != 0))
            fail_msg("%s of \"%s\" is \"%s\"", cases[i].name, cases[i].query,
                     value ? value : "(absent)");
        free(value);
    }
}

TEST(no_query_has_no_parameters)
{
    assert_null(server_parameter((struct text){NULL, 0}, "a", false));
}

TEST(statuses_have_their_words)
{
    assert_string_equal(http_status_phrase(200), "OK");
    assert_string_equal(http_status_phrase(404), "Not Found");
    assert_string_equal(http_status_phrase(429), "Too Many Requests");
    assert_string_equal(http_status_phrase(503), "Service Unavailable");
    assert_string_equal(http_status_phrase(299), "Unknown");
}

int main(void)
{
    return RUN(CASE(parameters_are_found_and_decoded), CASE(no_query_has_no_parameters),
               CASE(statuses_have_their_words));
}
