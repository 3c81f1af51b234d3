/* SPDX-License-Identifier: Apache-2.0 */
/* Every cell of the incident table, and the page that draws it.
 *
 *     test_core_incident PAGE            tests
 *     test_core_incident --write PAGE    draws the page's diagram anew
 */
#include "agent/core/incident.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *page_path;

#define H INCIDENT_HEALTHY
#define S INCIDENT_SUSPECTED
#define O INCIDENT_OPEN
#define R INCIDENT_REPAIRING
#define V INCIDENT_RECOVERING
#define N INCIDENT_NEEDS_HUMAN

#define SOON   ACTION_CHECK_SOON
#define NOTE   ACTION_NOTE
#define AGAIN  ACTION_ALERT_REPEATED
#define OVER   (ACTION_ALERT_RESOLVED | NOTE)
#define FAILS  (ACTION_OPEN | ACTION_ALERT_FIRING | NOTE)
#define BREAKS (FAILS | ACTION_FIND_CULPRIT | ACTION_PROPOSE)

/* clang-format off */
/* By event and then by state, the other way round than the code, so that neither was copied. */
static const struct incident_step expected[INCIDENT_EVENTS][INCIDENT_STATES] = {
    /*                             healthy      suspected    open                 repairing         recovering        needs_human */
    [EVENT_IN_SYNC] =           {{H, 0},      {H, 0},      {V, SOON | NOTE},    {R, 0},           {V, SOON},        {V, SOON | NOTE}},
    [EVENT_IN_SYNC_CONFIRMED] = {{H, 0},      {H, 0},      {H, OVER},           {R, 0},           {H, OVER},        {H, OVER}},
    [EVENT_DRIFT] =             {{S, SOON},   {S, SOON},   {O, 0},              {R, 0},           {O, NOTE},        {N, 0}},
    [EVENT_DRIFT_CONFIRMED] =   {{O, BREAKS}, {O, BREAKS}, {O, 0},              {R, 0},           {O, NOTE},        {N, 0}},
    [EVENT_UNKNOWN] =           {{H, 0},      {S, 0},      {O, 0},              {R, 0},           {V, 0},           {N, 0}},
    [EVENT_REPEAT_DUE] =        {{H, 0},      {S, 0},      {O, AGAIN},          {R, 0},           {V, 0},           {N, AGAIN}},
    [EVENT_REPAIR_STARTED] =    {{H, 0},      {S, 0},      {R, 0},              {R, 0},           {R, 0},           {R, 0}},
    [EVENT_REPAIR_SUCCEEDED] =  {{H, SOON},   {S, SOON},   {V, SOON},           {V, SOON},        {V, SOON},        {V, SOON}},
    [EVENT_REPAIR_FAILED] =     {{N, FAILS},  {N, FAILS},  {N, AGAIN | NOTE},   {N, AGAIN | NOTE},{N, AGAIN | NOTE},{N, AGAIN | NOTE}},
    [EVENT_REPAIR_STUCK] =      {{R, FAILS},  {R, FAILS},  {R, AGAIN | NOTE},   {R, AGAIN | NOTE},{R, AGAIN | NOTE},{R, AGAIN | NOTE}},
};
/* clang-format on */

TEST(every_cell_of_the_table_is_as_written_here)
{
    for (unsigned event = 0; event < INCIDENT_EVENTS; event++)
        for (unsigned state = 0; state < INCIDENT_STATES; state++) {
            struct incident_step step =
                incident_step((enum incident_state)state, (enum incident_event)event);

            if (step.next != expected[event][state].next ||
                step.actions != expected[event][state].actions)
                fail_msg("%s + %s leads to %s with actions %#x",
                         incident_state_name((enum incident_state)state),
                         incident_event_name((enum incident_event)event),
                         incident_state_name(step.next), step.actions);
        }
}

static bool has_record(enum incident_state state)
{
    return state != H && state != S;
}

TEST(a_record_is_opened_once_and_closed_once)
{
    for (unsigned event = 0; event < INCIDENT_EVENTS; event++)
        for (unsigned state = 0; state < INCIDENT_STATES; state++) {
            struct incident_step step =
                incident_step((enum incident_state)state, (enum incident_event)event);
            bool before = has_record((enum incident_state)state), after = has_record(step.next);

            assert_int_equal(!!(step.actions & ACTION_OPEN), !before && after);
            assert_int_equal(!!(step.actions & ACTION_ALERT_FIRING), !before && after);
            assert_int_equal(!!(step.actions & ACTION_ALERT_RESOLVED), before && !after);
            if (step.actions & (ACTION_ALERT_REPEATED | ACTION_NOTE))
                assert_true(before || after);
        }
}

TEST(names_lead_back_to_their_states)
{
    enum incident_state parsed = INCIDENT_HEALTHY;

    for (unsigned state = 0; state < INCIDENT_STATES; state++) {
        assert_true(incident_state_parse(text_of(incident_state_name((enum incident_state)state)),
                                         &parsed));
        assert_int_equal(parsed, state);
    }
    assert_false(incident_state_parse(TEXT("closed"), &parsed));
}

/* ---- the page -------------------------------------------------------------------------------- */

#define FENCE_OPEN "```mermaid\n"
#define FENCE_END  "```\n"

static bool read_page(const char *path, struct buffer *page)
{
    FILE *file = fopen(path, "r");
    char part[4096];
    size_t size;

    if (!file)
        return false;
    while ((size = fread(part, 1, sizeof(part), file)) > 0)
        buffer_append(page, (struct text){part, size});
    fclose(file);
    return buffer_ok(page) && page->size;
}

/* What is between the fences; false when there is no such, or more than one. */
static bool find_diagram(struct text page, size_t *start, size_t *end)
{
    size_t open = text_find(page, TEXT(FENCE_OPEN)), length;

    if (open == SIZE_MAX)
        return false;
    *start = open + strlen(FENCE_OPEN);
    length = text_find(text_part(page, *start, page.size), TEXT(FENCE_END));
    if (length == SIZE_MAX)
        return false;
    *end = *start + length;
    return text_find(text_part(page, *end, page.size), TEXT(FENCE_OPEN)) == SIZE_MAX;
}

TEST(the_page_has_the_diagram_of_the_table)
{
    struct buffer page, drawn;
    size_t start = 0, end = 0;

    buffer_init(&page, 1 << 20);
    buffer_init(&drawn, 1 << 16);
    assert_non_null(page_path);
    assert_true(read_page(page_path, &page));
    assert_true(find_diagram(buffer_text(&page), &start, &end));
    assert_true(incident_diagram(&drawn));
    page.start[end] = '\0';
    assert_string_equal(page.start + start, drawn.start);
    buffer_clear(&page);
    buffer_clear(&drawn);
}

TEST(the_diagram_draws_what_does_something_and_nothing_else)
{
    struct buffer drawn;

    buffer_init(&drawn, 1 << 16);
    assert_true(incident_diagram(&drawn));
    assert_non_null(strstr(drawn.start, "    [*] --> healthy\n"));
    assert_non_null(strstr(drawn.start, "    suspected --> open: drift_confirmed / open_incident, "
                                        "alert_firing, find_culprit, propose, note\n"));
    assert_non_null(strstr(drawn.start, "    open --> repairing: repair_started\n"));
    assert_null(strstr(drawn.start, "healthy --> healthy: in_sync\n"));
    assert_null(strstr(drawn.start, ": unknown"));
    buffer_clear(&drawn);
}

static int write_page(const char *path)
{
    struct buffer page, anew;
    size_t start = 0, end = 0;
    bool is_written = false;
    FILE *file;

    buffer_init(&page, 1 << 20);
    buffer_init(&anew, 1 << 20);
    if (read_page(path, &page) && find_diagram(buffer_text(&page), &start, &end)) {
        buffer_append(&anew, text_part(buffer_text(&page), 0, start));
        incident_diagram(&anew);
        buffer_append(&anew, text_part(buffer_text(&page), end, page.size));
        file = buffer_ok(&anew) ? fopen(path, "w") : NULL;
        is_written = file && fwrite(anew.start, 1, anew.size, file) == anew.size;
        is_written = file && fclose(file) == 0 && is_written;
    }
    if (!is_written)
        fprintf(stderr, "%s: could not be written, or has not one mermaid block\n", path);
    buffer_clear(&page);
    buffer_clear(&anew);
    return is_written ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int count, char **arguments)
{
    if (count == 3 && strcmp(arguments[1], "--write") == 0)
        return write_page(arguments[2]);
    page_path = count == 2 ? arguments[1] : NULL;
    return RUN(CASE(every_cell_of_the_table_is_as_written_here),
               CASE(a_record_is_opened_once_and_closed_once), CASE(names_lead_back_to_their_states),
               CASE(the_page_has_the_diagram_of_the_table),
               CASE(the_diagram_draws_what_does_something_and_nothing_else));
}
