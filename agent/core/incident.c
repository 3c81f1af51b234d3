/* SPDX-License-Identifier: Apache-2.0 */
/* The table is the machine; everything else here looks it up or prints it. */
#include "agent/core/incident.h"

#define OPENS                                                                                      \
    (ACTION_OPEN | ACTION_ALERT_FIRING | ACTION_FIND_CULPRIT | ACTION_PROPOSE | ACTION_NOTE)
#define OPENS_STUCK (ACTION_OPEN | ACTION_ALERT_FIRING | ACTION_NOTE)
#define STUCK       (ACTION_ALERT_REPEATED | ACTION_NOTE)
#define RESOLVES    (ACTION_ALERT_RESOLVED | ACTION_NOTE)
#define LOOKS_WELL  (ACTION_CHECK_SOON | ACTION_NOTE)

/* Where `confirm` is 1 the first read is a confirmed one, so every state answers those too. The
 * executor writes its own steps into the timeline; only what it cannot say is noted here. */
static const struct incident_step table[INCIDENT_STATES][INCIDENT_EVENTS] = {
    [INCIDENT_HEALTHY] =
        {
            [EVENT_IN_SYNC] = {INCIDENT_HEALTHY, 0},
            [EVENT_IN_SYNC_CONFIRMED] = {INCIDENT_HEALTHY, 0},
            [EVENT_DRIFT] = {INCIDENT_SUSPECTED, ACTION_CHECK_SOON},
            [EVENT_DRIFT_CONFIRMED] = {INCIDENT_OPEN, OPENS},
            [EVENT_UNKNOWN] = {INCIDENT_HEALTHY, 0},
            [EVENT_REPEAT_DUE] = {INCIDENT_HEALTHY, 0},
            /* A rotation of a healthy binding is no incident, and drift during it still counts. */
            [EVENT_REPAIR_STARTED] = {INCIDENT_HEALTHY, 0},
            [EVENT_REPAIR_SUCCEEDED] = {INCIDENT_HEALTHY, ACTION_CHECK_SOON},
            /* A rotation that stopped half-way is one, even while the old key still works. */
            [EVENT_REPAIR_FAILED] = {INCIDENT_NEEDS_HUMAN, OPENS_STUCK},
            /* The copy may still work: reads say nothing of a change that is half done. */
            [EVENT_REPAIR_STUCK] = {INCIDENT_REPAIRING, OPENS_STUCK},
        },
    [INCIDENT_SUSPECTED] =
        {
            [EVENT_IN_SYNC] = {INCIDENT_HEALTHY, 0},
            [EVENT_IN_SYNC_CONFIRMED] = {INCIDENT_HEALTHY, 0},
            [EVENT_DRIFT] = {INCIDENT_SUSPECTED, ACTION_CHECK_SOON},
            [EVENT_DRIFT_CONFIRMED] = {INCIDENT_OPEN, OPENS},
            /* No check soon: what cannot be read is not asked faster. */
            [EVENT_UNKNOWN] = {INCIDENT_SUSPECTED, 0},
            [EVENT_REPEAT_DUE] = {INCIDENT_SUSPECTED, 0},
            /* There is no record to repair yet; the reads go on and decide. */
            [EVENT_REPAIR_STARTED] = {INCIDENT_SUSPECTED, 0},
            [EVENT_REPAIR_SUCCEEDED] = {INCIDENT_SUSPECTED, ACTION_CHECK_SOON},
            [EVENT_REPAIR_FAILED] = {INCIDENT_NEEDS_HUMAN, OPENS_STUCK},
            [EVENT_REPAIR_STUCK] = {INCIDENT_REPAIRING, OPENS_STUCK},
        },
    [INCIDENT_OPEN] =
        {
            [EVENT_IN_SYNC] = {INCIDENT_RECOVERING, LOOKS_WELL},
            [EVENT_IN_SYNC_CONFIRMED] = {INCIDENT_HEALTHY, RESOLVES},
            [EVENT_DRIFT] = {INCIDENT_OPEN, 0},
            [EVENT_DRIFT_CONFIRMED] = {INCIDENT_OPEN, 0},
            [EVENT_UNKNOWN] = {INCIDENT_OPEN, 0},
            [EVENT_REPEAT_DUE] = {INCIDENT_OPEN, ACTION_ALERT_REPEATED},
            [EVENT_REPAIR_STARTED] = {INCIDENT_REPAIRING, 0},
            /* A repair that began while this was healthy or suspected ends here. */
            [EVENT_REPAIR_SUCCEEDED] = {INCIDENT_RECOVERING, ACTION_CHECK_SOON},
            [EVENT_REPAIR_FAILED] = {INCIDENT_NEEDS_HUMAN, STUCK},
            [EVENT_REPAIR_STUCK] = {INCIDENT_REPAIRING, STUCK},
        },
    [INCIDENT_REPAIRING] =
        {
            /* Both sides are being changed: what is read meanwhile proves nothing. */
            [EVENT_IN_SYNC] = {INCIDENT_REPAIRING, 0},
            [EVENT_IN_SYNC_CONFIRMED] = {INCIDENT_REPAIRING, 0},
            [EVENT_DRIFT] = {INCIDENT_REPAIRING, 0},
            [EVENT_DRIFT_CONFIRMED] = {INCIDENT_REPAIRING, 0},
            [EVENT_UNKNOWN] = {INCIDENT_REPAIRING, 0},
            [EVENT_REPEAT_DUE] = {INCIDENT_REPAIRING, 0},
            /* Again, after a restart in the middle. */
            [EVENT_REPAIR_STARTED] = {INCIDENT_REPAIRING, 0},
            [EVENT_REPAIR_SUCCEEDED] = {INCIDENT_RECOVERING, ACTION_CHECK_SOON},
            [EVENT_REPAIR_FAILED] = {INCIDENT_NEEDS_HUMAN, STUCK},
            [EVENT_REPAIR_STUCK] = {INCIDENT_REPAIRING, STUCK},
        },
    [INCIDENT_RECOVERING] =
        {
            [EVENT_IN_SYNC] = {INCIDENT_RECOVERING, ACTION_CHECK_SOON},
            [EVENT_IN_SYNC_CONFIRMED] = {INCIDENT_HEALTHY, RESOLVES},
            /* The same incident: it was never resolved, so its alert still fires. */
            [EVENT_DRIFT] = {INCIDENT_OPEN, ACTION_NOTE},
            [EVENT_DRIFT_CONFIRMED] = {INCIDENT_OPEN, ACTION_NOTE},
            [EVENT_UNKNOWN] = {INCIDENT_RECOVERING, 0},
            [EVENT_REPEAT_DUE] = {INCIDENT_RECOVERING, 0},
            [EVENT_REPAIR_STARTED] = {INCIDENT_REPAIRING, 0},
            [EVENT_REPAIR_SUCCEEDED] = {INCIDENT_RECOVERING, ACTION_CHECK_SOON},
            [EVENT_REPAIR_FAILED] = {INCIDENT_NEEDS_HUMAN, STUCK},
            [EVENT_REPAIR_STUCK] = {INCIDENT_REPAIRING, STUCK},
        },
    [INCIDENT_NEEDS_HUMAN] =
        {
            /* The person repaired it, by whatever means. */
            [EVENT_IN_SYNC] = {INCIDENT_RECOVERING, LOOKS_WELL},
            [EVENT_IN_SYNC_CONFIRMED] = {INCIDENT_HEALTHY, RESOLVES},
            [EVENT_DRIFT] = {INCIDENT_NEEDS_HUMAN, 0},
            [EVENT_DRIFT_CONFIRMED] = {INCIDENT_NEEDS_HUMAN, 0},
            [EVENT_UNKNOWN] = {INCIDENT_NEEDS_HUMAN, 0},
            [EVENT_REPEAT_DUE] = {INCIDENT_NEEDS_HUMAN, ACTION_ALERT_REPEATED},
            [EVENT_REPAIR_STARTED] = {INCIDENT_REPAIRING, 0},
            [EVENT_REPAIR_SUCCEEDED] = {INCIDENT_RECOVERING, ACTION_CHECK_SOON},
            [EVENT_REPAIR_FAILED] = {INCIDENT_NEEDS_HUMAN, STUCK},
            [EVENT_REPAIR_STUCK] = {INCIDENT_REPAIRING, STUCK},
        },
};

static const char *const state_names[INCIDENT_STATES] = {
    [INCIDENT_HEALTHY] = "healthy",
    [INCIDENT_SUSPECTED] = "suspected",
    [INCIDENT_OPEN] = "open",
    [INCIDENT_REPAIRING] = "repairing",
    [INCIDENT_RECOVERING] = "recovering",
    [INCIDENT_NEEDS_HUMAN] = "needs_human",
};

static const char *const event_names[INCIDENT_EVENTS] = {
    [EVENT_IN_SYNC] = "in_sync",
    [EVENT_IN_SYNC_CONFIRMED] = "in_sync_confirmed",
    [EVENT_DRIFT] = "drift",
    [EVENT_DRIFT_CONFIRMED] = "drift_confirmed",
    [EVENT_UNKNOWN] = "unknown",
    [EVENT_REPEAT_DUE] = "repeat_due",
    [EVENT_REPAIR_STARTED] = "repair_started",
    [EVENT_REPAIR_SUCCEEDED] = "repair_succeeded",
    [EVENT_REPAIR_FAILED] = "repair_failed",
    [EVENT_REPAIR_STUCK] = "repair_stuck",
};

static const struct {
    enum incident_action action;
    const char *name;
} actions[] = {
    {ACTION_CHECK_SOON, "check_soon"},
    {ACTION_OPEN, "open_incident"},
    {ACTION_ALERT_FIRING, "alert_firing"},
    {ACTION_ALERT_REPEATED, "alert_repeated"},
    {ACTION_ALERT_RESOLVED, "alert_resolved"},
    {ACTION_FIND_CULPRIT, "find_culprit"},
    {ACTION_PROPOSE, "propose"},
    {ACTION_NOTE, "note"},
};
#define ACTIONS (sizeof(actions) / sizeof(*actions))

struct incident_step incident_step(enum incident_state state, enum incident_event event)
{
    return table[state][event];
}

const char *incident_state_name(enum incident_state state)
{
    return (unsigned)state < INCIDENT_STATES ? state_names[state] : "unknown";
}

const char *incident_event_name(enum incident_event event)
{
    return (unsigned)event < INCIDENT_EVENTS ? event_names[event] : "unknown";
}

bool incident_state_parse(struct text name, enum incident_state *ret)
{
    for (unsigned state = 0; state < INCIDENT_STATES; state++) {
        if (!text_is(name, state_names[state]))
            continue;
        *ret = (enum incident_state)state;
        return true;
    }
    return false;
}

static void draw_step(unsigned state, unsigned event, struct buffer *out)
{
    const struct incident_step *step = &table[state][event];
    const char *separator = " / ";

    if (step->next == state && !step->actions)
        return;
    buffer_printf(out, "    %s --> %s: %s", state_names[state], state_names[step->next],
                  event_names[event]);
    for (size_t i = 0; i < ACTIONS; i++) {
        if (!(step->actions & actions[i].action))
            continue;
        buffer_printf(out, "%s%s", separator, actions[i].name);
        separator = ", ";
    }
    buffer_append_byte(out, '\n');
}

bool incident_diagram(struct buffer *out)
{
    buffer_printf(out, "stateDiagram-v2\n    [*] --> %s\n", state_names[INCIDENT_HEALTHY]);
    for (unsigned state = 0; state < INCIDENT_STATES; state++)
        for (unsigned event = 0; event < INCIDENT_EVENTS; event++)
            draw_step(state, event, out);
    return buffer_ok(out);
}
