/* SPDX-License-Identifier: Apache-2.0 */
/* The fair queue: each lane is first come first served, and the lanes take turns, so that one owner
 * with a thousand requests delays another owner's single one by a single request. */
#include "net/client.h"

#include "base/memory.h"

void lanes_init(struct lanes *lanes)
{
    TAILQ_INIT(&lanes->turns);
    for (size_t i = 0; i < LANE_BUCKETS; i++)
        LIST_INIT(&lanes->buckets[i]);
    lanes->waiting = 0;
}

/* The lane of that number, made when nobody waits there yet. */
static struct lane *lane_for(struct lanes *lanes, unsigned number)
{
    struct lane *lane;

    LIST_FOREACH (lane, &lanes->buckets[number % LANE_BUCKETS], sibling) {
        if (lane->number == number)
            return lane;
    }
    lane = memory_zeroed(1, sizeof(*lane));
    if (!lane)
        return NULL;
    lane->number = number;
    TAILQ_INIT(&lane->waiting);
    LIST_INSERT_HEAD(&lanes->buckets[number % LANE_BUCKETS], lane, sibling);
    TAILQ_INSERT_TAIL(&lanes->turns, lane, turn);
    return lane;
}

bool lanes_add(struct lanes *lanes, struct exchange *exchange, bool in_front)
{
    struct lane *lane = lane_for(lanes, exchange->request.lane);

    if (!lane)
        return false;
    if (in_front)
        TAILQ_INSERT_HEAD(&lane->waiting, exchange, link);
    else
        TAILQ_INSERT_TAIL(&lane->waiting, exchange, link);
    exchange->lane = lane;
    lanes->waiting++;
    return true;
}

void lanes_remove(struct lanes *lanes, struct exchange *exchange)
{
    struct lane *lane = exchange->lane;

    TAILQ_REMOVE(&lane->waiting, exchange, link);
    exchange->lane = NULL;
    lanes->waiting--;
    if (!TAILQ_EMPTY(&lane->waiting))
        return;
    TAILQ_REMOVE(&lanes->turns, lane, turn);
    LIST_REMOVE(lane, sibling);
    memory_free(lane);
}

struct exchange *lanes_next(struct lanes *lanes)
{
    struct lane *lane = TAILQ_FIRST(&lanes->turns);
    struct exchange *exchange;

    if (!lane)
        return NULL;
    exchange = TAILQ_FIRST(&lane->waiting);
    TAILQ_REMOVE(&lanes->turns, lane, turn);
    TAILQ_INSERT_TAIL(&lanes->turns, lane, turn);
    lanes_remove(lanes, exchange);
    return exchange;
}
