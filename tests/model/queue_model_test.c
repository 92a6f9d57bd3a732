/* Random programs of calls, posts, due timers and call_soon against the model of queue_model.h,
 * also of what callbacks start, stop, free and make anew. At the end of each loop everything that
 * was accepted has run, was stopped, or is dropped.
 *
 * SPDX-License-Identifier: MIT */
#include "model/queue_model.h"

#include <errno.h>
#include <limits.h>

enum {
    STEPS_PER_LOOP = 200,
    FUEL = 200, /* operations in callbacks per step */
};

static struct fixture *fixture;
static struct random rnd;
static int next_soon;
static int fuel;

/* ------------------------------------------------------------------ comparison */

static bool is_started(const struct model_watcher *w)
{
    return w->kind == TIMER ? gyre_timer_is_started(&w->as->timer)
                            : gyre_call_is_started(&w->as->call);
}

static void compare(void)
{
    assert_int_equal(loop->live_timers, count_live_timers());
    assert_int_equal(gyre_loop_is_alive(loop), model_is_alive());
    for (int i = 0; i < WATCHERS; i++)
        if (watchers[i].kind != POST) /* there is no gyre_post_is_started */
            assert_int_equal(is_started(&watchers[i]), is_pending(&watchers[i]));
}

/* ------------------------------------------------------------------ callbacks */

static void random_operations(void);

static void call_ran(struct gyre_call *call, void *arg)
{
    struct model_watcher *w = arg;

    assert_ptr_equal(call, &w->as->call);
    check_turn(w->id);
    random_operations();
}

static void timer_ran(struct gyre_timer *timer, void *arg)
{
    struct model_watcher *w = arg;

    assert_ptr_equal(timer, &w->as->timer);
    check_turn(w->id);
    random_operations();
}

static void post_ran(struct gyre_post *post, void *arg)
{
    struct model_watcher *w = arg;

    assert_ptr_equal(post, &w->as->post);
    check_turn(w->id);
    random_operations();
}

static void soon_ran(void *arg)
{
    check_turn((int)(intptr_t)arg);
    random_operations();
}

/* Posts and what came by call_soon_threadsafe, the only ones with a number beyond the watchers'. */
static bool has_drop(int id)
{
    return id >= WATCHERS || (id >= CALLS && id < CALLS + POSTS);
}

/* At close: in the order in which they would have run; everything else is forgotten. */
static void check_drop(int id)
{
    while (ready.count > 0 && !has_drop(ready.id[0]))
        take(&ready, ready.id[0]);
    assert_true(ready.count > 0);
    assert_int_equal(ready.id[0], id);
    take(&ready, id);
}

static void post_dropped(void *arg)
{
    struct model_watcher *w = arg;

    check_drop(w->id);
}

static void soon_dropped(void *arg)
{
    check_drop((int)(intptr_t)arg);
}

/* ------------------------------------------------------------------ operations */

static void init_watcher(struct model_watcher *w)
{
    int err;

    if (w->kind == CALL)
        err = gyre_call_init(&w->as->call, loop, call_ran, w);
    else if (w->kind == TIMER)
        err = gyre_timer_init(&w->as->timer, loop, timer_ran, w);
    else
        err = gyre_post_init(&w->as->post, loop, post_ran, post_dropped, w);
    assert_int_equal(err, is_pending(w) ? -EBUSY : 0);
    if (err == 0)
        w->unref = false;
}

static void make_watcher(struct model_watcher *w)
{
    w->as = calloc(1, sizeof(*w->as));
    assert_non_null(w->as);
    init_watcher(w);
}

/* Whatever it is and wherever it was, afterwards it is nowhere. */
static void stop(struct model_watcher *w)
{
    bool was_pending = is_pending(w);
    bool stopped;

    if (w->kind == CALL)
        stopped = gyre_call_stop(&w->as->call);
    else if (w->kind == TIMER)
        stopped = gyre_timer_stop(&w->as->timer);
    else
        stopped = gyre_post_stop(&w->as->post);
    assert_int_equal(stopped, was_pending);
    if (find(&mail, w->id) >= 0) /* it looked for it there, which empties the mail */
        append_all(&ready, &mail);
    take(&ready, w->id);
    take(&batch, w->id);
    w->deadline = GYRE_NEVER;
}

static void remake(struct model_watcher *w)
{
    stop(w);
    memset(w->as, 0xDD, sizeof(*w->as));
    free(w->as);
    make_watcher(w);
}

static void start_timer(struct model_watcher *w)
{
    uint64_t delay = random_below(&rnd, 3);

    if (random_chance(&rnd, 50))
        assert_int_equal(gyre_timer_start(&w->as->timer, delay), 0);
    else
        assert_int_equal(gyre_timer_start_at(&w->as->timer, now + delay), 0);
    take(&ready, w->id);
    take(&batch, w->id);
    w->deadline = now + delay;
    w->seq = next_seq++;
}

static void start(struct model_watcher *w)
{
    int expected = is_pending(w) ? -EALREADY : 0;

    if (w->kind == TIMER) {
        start_timer(w);
    } else if (w->kind == CALL) {
        assert_int_equal(gyre_call_start(&w->as->call), expected);
        if (expected == 0)
            append(&ready, w->id);
    } else {
        assert_int_equal(gyre_post_send(&w->as->post), expected);
        if (expected == 0)
            append(&mail, w->id);
    }
}

static void change_ref(struct model_watcher *w)
{
    if (w->kind == POST)
        return;
    w->unref = random_chance(&rnd, 50);
    if (w->kind == CALL)
        (w->unref ? gyre_call_unref : gyre_call_ref)(&w->as->call);
    else
        (w->unref ? gyre_timer_unref : gyre_timer_ref)(&w->as->timer);
}

static void call_soon(void)
{
    int id = -next_soon++;

    assert_int_equal(gyre_call_soon(loop, soon_ran, (void *)(intptr_t)id), 0);
    append(&ready, id);
}

/* From the loop's thread it keeps the order of the program, behind the mail that is there. */
static void call_soon_threadsafe(void)
{
    int id = next_soon++;

    assert_int_equal(gyre_call_soon_threadsafe(loop, soon_ran, soon_dropped, (void *)(intptr_t)id),
                     0);
    append_all(&ready, &mail);
    append(&ready, id);
}

static void random_operation(void)
{
    struct model_watcher *w = &watchers[random_index(&rnd, WATCHERS)];
    uint64_t dice = random_below(&rnd, 100);

    if (dice < 45)
        start(w);
    else if (dice < 65)
        stop(w);
    else if (dice < 73)
        remake(w);
    else if (dice < 76)
        init_watcher(w);
    else if (dice < 84)
        change_ref(w);
    else if (dice < 93)
        call_soon();
    else
        call_soon_threadsafe();
    compare();
}

static void random_operations(void)
{
    while (fuel > 0 && random_chance(&rnd, 65)) {
        fuel--;
        random_operation();
    }
    if (skips_kernel && random_chance(&rnd, 3)) {
        gyre_loop_stop(loop);
        stop_requested = true;
    }
}

/* ------------------------------------------------------------------ running */

static void begin_step(uint64_t duration)
{
    fuel = FUEL;
    fired = 0;
    end = now + duration;
}

static void run_one_tick(void)
{
    begin_step(0);
    int count = gyre_loop_run_once(loop, 0);
    if (fired == 0) {
        collect();
        assert_int_equal(ready.count, 0);
    }
    assert_int_equal(count, fired);
    assert_int_equal(batch.count, 0);
    compare();
}

static void advance_clock(void)
{
    uint64_t duration = random_below(&rnd, 4);

    begin_step(duration);
    int count = gyre_test_advance(loop, duration);
    assert_int_equal(count, fired);
    now = end;
    assert_int_equal(ready.count + batch.count + mail.count, 0);
    assert_true(!first_timer() || first_timer()->deadline > now);
    compare();
}

/* Until stopped, until nothing keeps it alive, or until only timers do, which this clock never
 * reaches. */
static void run(void)
{
    begin_step(0);
    skips_kernel = true;
    stop_requested = false;
    int how = gyre_loop_run(loop);
    skips_kernel = false;
    assert_int_equal(batch.count, 0);
    assert_int_equal(how == GYRE_RUN_STOPPED, stop_requested);
    assert_int_equal(how == GYRE_RUN_DONE, !stop_requested && !model_is_alive());
    if (how == -EDEADLK) {
        assert_int_equal(ready.count + mail.count, 0);
        assert_true(first_timer()->deadline > now);
    }
    compare();
}

/* ------------------------------------------------------------------ a game */

static void begin_loop(void)
{
    struct gyre_loop_options opt = test_options();

    assert_int_equal(gyre_loop_destroy(fixture->loop), 0);
    fixture->loop = NULL;
    assert_int_equal(gyre_test_loop_create(&opt, &fixture->loop), 0);
    loop = fixture->loop;
    now = gyre_loop_now(loop);
    next_soon = WATCHERS;
    ready.count = 0;
    mail.count = 0;
    for (int i = 0; i < WATCHERS; i++) {
        enum kind kind = i < CALLS ? CALL : i < CALLS + POSTS ? POST : TIMER;

        watchers[i] = (struct model_watcher){ .id = i, .kind = kind, .deadline = GYRE_NEVER };
        make_watcher(&watchers[i]);
    }
}

static void end_loop(void)
{
    append_all(&ready, &mail);
    assert_int_equal(gyre_loop_close(loop), 0);
    for (int i = 0; i < ready.count; i++)
        assert_false(has_drop(ready.id[i])); /* check_drop took these */
    for (int i = 0; i < WATCHERS; i++)
        free(watchers[i].as);
}

static void random_step(void)
{
    uint64_t dice = random_below(&rnd, 100);

    if (dice < 70)
        random_operation();
    else if (dice < 82)
        run_one_tick();
    else if (dice < 91)
        advance_clock();
    else
        run();
}

static void play(struct fixture *f, uint64_t seed, uint64_t steps)
{
    fixture = f;
    f->wait_limit = ULONG_MAX; /* every step asks the kernel */
    rnd = (struct random){ .state = seed };
    for (uint64_t step = 0; step < steps; step++) {
        if (step % STEPS_PER_LOOP == 0)
            begin_loop();
        random_step();
        if ((step + 1) % STEPS_PER_LOOP == 0 || step + 1 == steps)
            end_loop();
    }
}

/* B2, B3, D11, I-2, K-3 */
static void queue_agrees_with_the_model_for_fixed_seeds(void **state)
{
    play_fixed_seeds(state, play, 4000);
}

static void queue_agrees_with_the_model_for_a_new_seed(void **state)
{
    play_new_seed(state, play, 4000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(queue_agrees_with_the_model_for_fixed_seeds, setup_virtual,
                                        teardown),
        cmocka_unit_test_setup_teardown(queue_agrees_with_the_model_for_a_new_seed, setup_virtual,
                                        teardown),
    };

    return cmocka_run_group_tests_name("queue_model", tests, NULL, NULL);
}
