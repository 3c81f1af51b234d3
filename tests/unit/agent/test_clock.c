/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/adapters/uv_clock.h"
#include "tests/support/test.h"

#include <stdlib.h>
#include <time.h>

#define MANY 200

struct scene {
    uv_loop_t loop;
    struct clock *clock;
    bool is_closed;
};

struct waiting {
    struct scene *scene;
    struct operation *operation, *cancel_in_done;
    unsigned count;
    bool is_canceled, closes, again;
    uint64_t started_ns, waited_ns;
    unsigned order, *next_order;
};

static void on_closed(void *context)
{
    ((struct scene *)context)->is_closed = true;
}

static void scene_open(struct scene *scene)
{
    *scene = (struct scene){0};
    assert_int_equal(uv_loop_init(&scene->loop), 0);
    scene->clock = uv_clock_open(&scene->loop);
    assert_non_null(scene->clock);
}

static void scene_end(struct scene *scene)
{
    if (!scene->is_closed)
        uv_clock_close(scene->clock, on_closed, scene);
    uv_run(&scene->loop, UV_RUN_DEFAULT);
    assert_true(scene->is_closed);
    assert_int_equal(uv_loop_close(&scene->loop), 0);
}

static void start(struct waiting *waiting, struct scene *scene, uint64_t ms);

static void on_done(const struct failure *failure, void *context)
{
    struct waiting *waiting = context;

    waiting->count++;
    waiting->waited_ns = uv_hrtime() - waiting->started_ns;
    waiting->is_canceled = failure && failure->kind == FAILURE_CANCELED;
    if (waiting->next_order)
        waiting->order = (*waiting->next_order)++;
    operation_cancel(waiting->operation); /* already finishing */
    operation_cancel(waiting->cancel_in_done);
    if (waiting->again) {
        waiting->again = false;
        start(waiting, waiting->scene, 0);
    }
    if (waiting->closes)
        uv_clock_close(waiting->scene->clock, on_closed, waiting->scene);
}

static void start(struct waiting *waiting, struct scene *scene, uint64_t ms)
{
    unsigned before = waiting->count;

    waiting->scene = scene;
    waiting->started_ns = uv_hrtime();
    waiting->operation = scene->clock->after(scene->clock, ms, on_done, waiting);
    assert_non_null(waiting->operation);
    assert_int_equal(waiting->count, before);
}

TEST(done_runs_once_and_not_before_its_time_even_when_the_loop_was_busy)
{
    struct scene scene;
    struct waiting waiting = {0};
    struct timespec busy = {.tv_nsec = 30000000};

    scene_open(&scene);
    uv_update_time(&scene.loop);
    nanosleep(&busy, NULL);
    start(&waiting, &scene, 20);
    uv_run(&scene.loop, UV_RUN_DEFAULT);
    assert_int_equal(waiting.count, 1);
    assert_false(waiting.is_canceled);
    assert_true(waiting.waited_ns >= 20000000);
    scene_end(&scene);
}

TEST(who_waits_shorter_is_told_first)
{
    struct scene scene;
    struct waiting waiting[MANY] = {{0}};
    unsigned next_order = 0;
    uint32_t seed = 1;
    unsigned ms[MANY];

    scene_open(&scene);
    for (size_t i = 0; i < MANY; i++) {
        seed = seed * 1103515245 + 12345;
        ms[i] = 1 + (seed >> 16) % 8 * 10;
        waiting[i].next_order = &next_order;
        start(&waiting[i], &scene, ms[i]);
    }
    uv_run(&scene.loop, UV_RUN_DEFAULT);
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(waiting[i].count, 1);
        for (size_t j = 0; j < i; j++)
            assert_true(ms[i] < ms[j] ? waiting[i].order < waiting[j].order
                                      : waiting[i].order > waiting[j].order);
    }
    scene_end(&scene);
}

TEST(canceling_tells_soon_and_once)
{
    struct scene scene;
    struct waiting waiting[3] = {{0}};

    scene_open(&scene);
    for (size_t i = 0; i < 3; i++)
        start(&waiting[i], &scene, i == 1 ? 3600000 : 20);
    operation_cancel(waiting[1].operation);
    operation_cancel(waiting[1].operation);
    assert_int_equal(waiting[1].count, 0);
    uv_run(&scene.loop, UV_RUN_DEFAULT);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(waiting[i].count, 1);
        assert_int_equal(waiting[i].is_canceled, i == 1);
    }
    scene_end(&scene);
}

TEST(one_may_cancel_another_from_inside_done)
{
    struct scene scene;
    struct waiting first = {0}, other = {0};

    scene_open(&scene);
    start(&other, &scene, 3600000);
    first.cancel_in_done = other.operation;
    start(&first, &scene, 1);
    uv_run(&scene.loop, UV_RUN_DEFAULT);
    assert_int_equal(first.count, 1);
    assert_int_equal(other.count, 1);
    assert_true(other.is_canceled);
    scene_end(&scene);
}

static void on_prepare(uv_prepare_t *prepare)
{
    ++*(unsigned *)prepare->data;
}

TEST(waiting_for_nothing_from_inside_done_takes_a_turn_of_the_loop)
{
    struct scene scene;
    struct waiting waiting = {.again = true};
    unsigned turns = 0, before;
    uv_prepare_t prepare;

    scene_open(&scene);
    uv_prepare_init(&scene.loop, &prepare);
    prepare.data = &turns;
    uv_prepare_start(&prepare, on_prepare);
    uv_unref((uv_handle_t *)&prepare);
    start(&waiting, &scene, 0);
    while (waiting.count < 1)
        uv_run(&scene.loop, UV_RUN_ONCE);
    assert_int_equal(waiting.count, 1);
    before = turns;
    while (waiting.count < 2)
        uv_run(&scene.loop, UV_RUN_ONCE);
    assert_true(turns > before);
    uv_close((uv_handle_t *)&prepare, NULL);
    scene_end(&scene);
}

TEST(closing_tells_everybody_in_their_order_and_accepts_nothing_new)
{
    struct scene scene;
    struct waiting waiting[20] = {{0}};
    unsigned next_order = 0;

    scene_open(&scene);
    for (size_t i = 0; i < 20; i++) {
        waiting[i].next_order = &next_order;
        start(&waiting[i], &scene, 100000 - i * 1000);
    }
    uv_clock_close(scene.clock, on_closed, &scene);
    assert_false(scene.is_closed);
    assert_null(scene.clock->after(scene.clock, 1, on_done, &waiting[0]));
    uv_run(&scene.loop, UV_RUN_DEFAULT);
    for (size_t i = 0; i < 20; i++) {
        assert_int_equal(waiting[i].count, 1);
        assert_true(waiting[i].is_canceled);
        assert_int_equal(waiting[i].order, i);
    }
    scene_end(&scene);
}

TEST(a_clock_may_be_closed_from_inside_done)
{
    for (int others = 0; others < 3; others++) {
        struct scene scene;
        struct waiting closing = {.closes = true}, other[2] = {{0}};

        scene_open(&scene);
        start(&closing, &scene, 1);
        for (int i = 0; i < others; i++)
            start(&other[i], &scene, 1 + (uint64_t)i * 5000);
        uv_run(&scene.loop, UV_RUN_DEFAULT);
        assert_int_equal(closing.count, 1);
        for (int i = 0; i < others; i++)
            assert_int_equal(other[i].count, 1);
        scene_end(&scene);
    }
}

TEST(a_clock_nobody_waits_on_does_not_keep_the_loop)
{
    struct scene scene;

    scene_open(&scene);
    assert_int_equal(uv_run(&scene.loop, UV_RUN_DEFAULT), 0);
    scene_end(&scene);
}

TEST(a_wait_without_end_can_be_canceled)
{
    struct scene scene;
    struct waiting waiting = {0};

    scene_open(&scene);
    start(&waiting, &scene, UINT64_MAX);
    uv_run(&scene.loop, UV_RUN_NOWAIT);
    assert_int_equal(waiting.count, 0);
    operation_cancel(waiting.operation);
    uv_run(&scene.loop, UV_RUN_DEFAULT);
    assert_int_equal(waiting.count, 1);
    scene_end(&scene);
}

TEST(now_is_the_time_of_day_and_random_bits_differ)
{
    struct scene scene;
    int64_t before = (int64_t)time(NULL) * 1000, now;
    uint32_t all = 0;

    scene_open(&scene);
    now = scene.clock->now(scene.clock);
    assert_true(now >= before && now < before + 60000);
    for (int i = 0; i < 64; i++)
        all |= scene.clock->random(scene.clock);
    assert_int_equal(all, UINT32_MAX);
    scene_end(&scene);
}

int main(void)
{
    return RUN(CASE(done_runs_once_and_not_before_its_time_even_when_the_loop_was_busy),
               CASE(who_waits_shorter_is_told_first), CASE(canceling_tells_soon_and_once),
               CASE(one_may_cancel_another_from_inside_done),
               CASE(waiting_for_nothing_from_inside_done_takes_a_turn_of_the_loop),
               CASE(closing_tells_everybody_in_their_order_and_accepts_nothing_new),
               CASE(a_clock_may_be_closed_from_inside_done),
               CASE(a_clock_nobody_waits_on_does_not_keep_the_loop),
               CASE(a_wait_without_end_can_be_canceled),
               CASE(now_is_the_time_of_day_and_random_bits_differ));
}
