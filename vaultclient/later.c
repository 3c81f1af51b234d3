/* SPDX-License-Identifier: Apache-2.0 */
/* One timer for everything that has to wait: the list is sorted by due time. */
#include "vaultclient/internal.h"

uint64_t vault_now_ms(void)
{
    return uv_hrtime() / 1000000;
}

static void on_timer(uv_timer_t *timer);

static void arm(struct laters *laters)
{
    const struct later *first = TAILQ_FIRST(&laters->list);
    uint64_t now = vault_now_ms();

    if (!first) {
        uv_timer_stop(&laters->timer);
        return;
    }
    /* uv_timer_start() counts from the loop's cached time, which may lie far back. */
    uv_update_time(laters->timer.loop);
    /* At least 1: before libuv 1.48 a zero timer set from a timer callback starves the loop. */
    uv_timer_start(&laters->timer, on_timer, first->due > now ? first->due - now : 1, 0);
}

void vault_later_clear(struct laters *laters, struct later *later)
{
    if (!later->is_set)
        return;
    TAILQ_REMOVE(&laters->list, later, link);
    later->is_set = false;
}

static void on_timer(uv_timer_t *timer)
{
    struct laters *laters = (struct laters *)timer;
    uint64_t now = vault_now_ms();
    struct later *later;

    /* What is set meanwhile is due after `now`, so this ends. */
    while ((later = TAILQ_FIRST(&laters->list)) && later->due <= now) {
        vault_later_clear(laters, later);
        later->run(later);
    }
    arm(laters);
}

void vault_laters_open(struct laters *laters, uv_loop_t *loop, void *owner)
{
    TAILQ_INIT(&laters->list);
    uv_timer_init(loop, &laters->timer);
    laters->timer.data = owner;
}

void vault_later_set(struct laters *laters, struct later *later, uint64_t delay_ms,
                     void (*run)(struct later *later))
{
    struct later *before;

    vault_later_clear(laters, later);
    later->due = vault_now_ms() + (delay_ms ? delay_ms : 1);
    later->run = run;
    later->is_set = true;
    TAILQ_FOREACH_REVERSE(before, &laters->list, later_list, link)
    if (before->due <= later->due)
        break;
    if (before)
        TAILQ_INSERT_AFTER(&laters->list, before, later, link);
    else
        TAILQ_INSERT_HEAD(&laters->list, later, link);
    arm(laters);
}
