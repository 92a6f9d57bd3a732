/* Random programs of timers against a model: an array that is searched from end to end.
 *
 * The model knows when and in which order each timer must fire, also for what is done inside
 * callbacks: started, moved, stopped, freed and made anew. It is asked in every callback, and
 * compared after every operation. The clock is virtual: it is advanced, it jumps over deadlines, it
 * is left to run_once.
 *
 * SPDX-License-Identifier: MIT */
#include "model/seeds.h"

#include "loop/core.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

enum {
    SIZE_MAX_TIMERS = 48,
    EXACT = 16,            /* up to so many timers, wheel_next has to be exact */
    STEPS_PER_LOOP = 250,  /* then a new loop begins, at another time */
    FUEL = 40,             /* operations in callbacks per step */
    PERIODS_PER_STEP = 30, /* how often a periodic timer may fire in one step, about */
};

enum place { IDLE, ARMED, DUE };

struct model_timer {
    struct gyre_timer *timer; /* a block of its own, so that a late access is seen */
    int id;
    enum place place;
    bool unref;
    uint32_t missed;
    uint64_t deadline;
    uint64_t seq; /* of the latest start; in the order they become due, while DUE */
    uint64_t interval;
};

static struct model_timer timers[SIZE_MAX_TIMERS];
static int size;
static struct fixture *fixture;
static struct gyre_loop *loop;
static struct random rnd;
static uint64_t now;
static uint64_t end; /* of what the clock may reach in this step */
static uint64_t next_seq;
static uint64_t least_interval; /* for periodic timers started in this step */
static int fuel;
static int fired; /* in this step */

/* ------------------------------------------------------------------ the model */

static bool comes_before(const struct model_timer *a, const struct model_timer *b)
{
    return a->deadline != b->deadline ? a->deadline < b->deadline : a->seq < b->seq;
}

/* The first of those in `place` with a deadline of at most `limit`; NULL: none. */
static struct model_timer *first_of(enum place place, uint64_t limit)
{
    struct model_timer *first = NULL;

    for (int i = 0; i < size; i++)
        if (timers[i].place == place && timers[i].deadline <= limit &&
            (!first || comes_before(&timers[i], first)))
            first = &timers[i];
    return first;
}

static uint64_t earliest_deadline(void)
{
    struct model_timer *first = first_of(ARMED, GYRE_NEVER);

    return first ? first->deadline : GYRE_NEVER;
}

static bool is_due(const struct model_timer *t, uint64_t time)
{
    return t->place == ARMED && t->deadline <= time && t->deadline != GYRE_NEVER;
}

static bool any_is_due(uint64_t time)
{
    for (int i = 0; i < size; i++)
        if (is_due(&timers[i], time))
            return true;
    return false;
}

static bool model_is_alive(void)
{
    for (int i = 0; i < size; i++)
        if (timers[i].place != IDLE && !timers[i].unref)
            return true;
    return false;
}

/* What is due now becomes the batch, in which the order is that of (deadline, seq). */
static void collect_due(void)
{
    for (int i = 0; i < size; i++)
        if (is_due(&timers[i], now))
            timers[i].place = DUE;
}

/* The timer that must fire next. A new batch begins when the last is through: at this moment if
 * anything is due, else at the next deadline. */
static struct model_timer *expect_next(void)
{
    if (!first_of(DUE, GYRE_NEVER)) {
        if (!any_is_due(now))
            now = earliest_deadline();
        assert_true(now <= end);
        collect_due();
    }
    return first_of(DUE, GYRE_NEVER);
}

static void model_start(struct model_timer *t, uint64_t deadline, uint64_t interval)
{
    t->place = ARMED;
    t->deadline = deadline;
    t->interval = interval;
    t->seq = next_seq++;
}

static uint64_t saturating_sum(uint64_t a, uint64_t b)
{
    return a + b < a ? GYRE_NEVER : a + b;
}

/* The deadlines of a series are a whole number of intervals apart; the first one after now is
 * next. */
static void model_fire(struct model_timer *t)
{
    t->place = IDLE;
    if (t->interval == 0)
        return;

    uint64_t periods = (now - t->deadline) / t->interval;
    t->missed = periods > UINT32_MAX ? UINT32_MAX : (uint32_t)periods;
    model_start(t, saturating_sum(t->deadline + periods * t->interval, t->interval), t->interval);
}

/* ------------------------------------------------------------------ comparison */

static void compare_timer(const struct model_timer *t)
{
    assert_int_equal(gyre_timer_is_started(t->timer), t->place != IDLE);
    assert_true(gyre_timer_deadline(t->timer) == (t->place == IDLE ? GYRE_NEVER : t->deadline));
    assert_true(gyre_timer_missed(t->timer) == t->missed);
}

static void compare(void)
{
    assert_true(wheel_check(&loop->wheel));
    assert_true(gyre_loop_clock(loop) == now);
    assert_int_equal(gyre_loop_is_alive(loop), model_is_alive());
    for (int i = 0; i < size; i++)
        compare_timer(&timers[i]);

    /* Not always: asking changes what the wheel remembers. */
    if (random_chance(&rnd, 50))
        return;
    if (size <= EXACT)
        assert_true(wheel_next(&loop->wheel) == earliest_deadline());
    else
        assert_true(wheel_next(&loop->wheel) <= earliest_deadline());
}

/* ------------------------------------------------------------------ operations */

static void timer_fired(struct gyre_timer *timer, void *arg);

static void make_timer(struct model_timer *t)
{
    t->timer = calloc(1, sizeof(*t->timer));
    assert_non_null(t->timer);
    assert_int_equal(gyre_timer_init(t->timer, loop, timer_fired, t), 0);
    t->place = IDLE;
    t->missed = 0;
    t->unref = false;
}

static void remake_timer(struct model_timer *t)
{
    assert_int_equal(gyre_timer_stop(t->timer), t->place != IDLE);
    memset(t->timer, 0xDD, sizeof(*t->timer));
    free(t->timer);
    make_timer(t);
}

static void init_again(struct model_timer *t)
{
    int err = gyre_timer_init(t->timer, loop, timer_fired, t);

    assert_int_equal(err, t->place == IDLE ? 0 : -EBUSY);
    if (err == 0) {
        t->unref = false;
        t->missed = 0;
    }
}

/* A moment that is interesting: near, at a border of buckets, somebody else's, far, or never. */
static uint64_t random_moment(void)
{
    unsigned shift = (unsigned)random_below(&rnd, 50);

    switch (random_below(&rnd, 7)) {
    case 0:
        return saturating_sum(now, random_below(&rnd, 4));
    case 1:
        return saturating_sum(now, random_below(&rnd, (uint64_t)8 << WHEEL_TICK_BITS));
    case 2:
        return saturating_sum((now >> shift << shift) - 1 + random_below(&rnd, 3),
                              (uint64_t)1 << shift);
    case 3:
        return timers[random_index(&rnd, size)].deadline;
    case 4:
        return random_chance(&rnd, 20) ? GYRE_NEVER : saturating_sum(now, GYRE_S(1));
    default:
        return saturating_sum(now, random_magnitude(&rnd) >> 8);
    }
}

static void start_once(struct model_timer *t)
{
    uint64_t moment = random_moment();

    if (random_chance(&rnd, 50)) {
        if (random_chance(&rnd, 10))
            moment = random_below(&rnd, now); /* past */
        assert_int_equal(gyre_timer_start_at(t->timer, moment), 0);
        model_start(t, moment, 0);
    } else {
        uint64_t delay = moment > now ? moment - now : 0;

        assert_int_equal(gyre_timer_start(t->timer, delay), 0);
        model_start(t, saturating_sum(now, delay), 0);
    }
}

static void start_series(struct model_timer *t)
{
    uint64_t interval = saturating_sum(least_interval, random_magnitude(&rnd) >> 10);

    assert_int_equal(gyre_timer_start_every(t->timer, interval), 0);
    t->missed = 0;
    model_start(t, saturating_sum(now, interval), interval);
}

static void stop(struct model_timer *t)
{
    assert_int_equal(gyre_timer_stop(t->timer), t->place != IDLE);
    t->place = IDLE;
}

static void change_ref(struct model_timer *t)
{
    t->unref = random_chance(&rnd, 50);
    if (t->unref)
        gyre_timer_unref(t->timer);
    else
        gyre_timer_ref(t->timer);
}

static void random_operation(void)
{
    struct model_timer *t = &timers[random_index(&rnd, size)];
    uint64_t dice = random_below(&rnd, 100);

    if (dice < 50)
        start_once(t);
    else if (dice < 58)
        start_series(t);
    else if (dice < 80)
        stop(t);
    else if (dice < 88)
        remake_timer(t);
    else if (dice < 92)
        init_again(t);
    else
        change_ref(t);
    compare();
}

static void timer_fired(struct gyre_timer *timer, void *arg)
{
    struct model_timer *t = arg;
    struct model_timer *expected = expect_next();

    assert_non_null(expected);
    assert_int_equal(t->id, expected->id);
    assert_ptr_equal(timer, t->timer);
    assert_true(gyre_loop_now(loop) == now);
    model_fire(t);
    fired++;
    compare();
    while (fuel > 0 && random_chance(&rnd, 60)) {
        fuel--;
        random_operation();
    }
}

/* ------------------------------------------------------------------ time */

/* Not so far that some periodic timer would fire for ages. */
static uint64_t random_duration(void)
{
    uint64_t duration = random_magnitude(&rnd) >> 6;

    if (random_chance(&rnd, 40))
        duration = earliest_deadline() - now + random_below(&rnd, 3) - 1;
    for (int i = 0; i < size; i++)
        if (timers[i].place == ARMED && timers[i].interval > 0 &&
            duration / PERIODS_PER_STEP > timers[i].interval)
            duration = timers[i].interval * PERIODS_PER_STEP;
    return duration >= GYRE_NEVER - now ? (GYRE_NEVER - now) / 2 : duration;
}

static void begin_step(uint64_t duration)
{
    end = now + duration;
    least_interval = duration / PERIODS_PER_STEP + 1;
    fuel = FUEL;
    fired = 0;
}

static void end_step(int ran)
{
    assert_int_equal(ran, fired);
    assert_null(first_of(DUE, GYRE_NEVER));
    least_interval = 1;
    compare();
}

static void advance_clock(void)
{
    uint64_t duration = random_duration();

    begin_step(duration);
    int ran = gyre_test_advance(loop, duration);
    now = end;
    assert_false(any_is_due(now));
    end_step(ran);
}

/* As after a suspend: all that became due meanwhile is due at once. */
static void jump(void)
{
    uint64_t duration = random_duration();

    begin_step(duration);
    now = end;
    loop->virtual_now = now;
    int ran = gyre_test_advance(loop, 0);
    assert_false(any_is_due(now));
    end_step(ran);
}

/* One tick that may sleep: the clock jumps to the next deadline, unless something is due
 * already. */
static void run_one_tick(void)
{
    uint64_t duration = random_duration();
    bool may_jump = model_is_alive() && !any_is_due(now);

    begin_step(may_jump ? duration : 0);
    if (may_jump)
        end = earliest_deadline() < end ? earliest_deadline() : end;
    assert_int_equal(gyre_test_autojump(loop, true), 0);
    int ran = gyre_loop_run_once(loop, duration);
    assert_int_equal(gyre_test_autojump(loop, false), 0);
    now = end;
    end_step(ran);
}

/* ------------------------------------------------------------------ a game */

/* Loops begin at moments of all sizes. */
static void begin_loop(void)
{
    struct gyre_loop_options opt = test_options();

    assert_int_equal(gyre_loop_destroy(fixture->loop), 0);
    fixture->loop = NULL;
    assert_int_equal(gyre_test_loop_create(&opt, &fixture->loop), 0);
    loop = fixture->loop;
    now = gyre_loop_now(loop);
    size = 2 + random_index(&rnd, random_chance(&rnd, 50) ? EXACT - 1 : SIZE_MAX_TIMERS - 1);
    for (int i = 0; i < size; i++) {
        timers[i] = (struct model_timer){ .id = i };
        make_timer(&timers[i]);
    }
    if (random_chance(&rnd, 50)) {
        now += random_magnitude(&rnd) / 2;
        loop->virtual_now = now;
    }
}

static void end_loop(void)
{
    if (random_chance(&rnd, 50))
        assert_int_equal(gyre_loop_close(loop), 0);
    else
        for (int i = 0; i < size; i++)
            stop(&timers[i]);
    for (int i = 0; i < size; i++) {
        assert_false(gyre_timer_is_started(timers[i].timer));
        free(timers[i].timer);
    }
}

static void random_step(void)
{
    uint64_t dice = random_below(&rnd, 100);

    if (dice < 70)
        random_operation();
    else if (dice < 85)
        advance_clock();
    else if (dice < 90)
        jump();
    else
        run_one_tick();
}

static void play(struct fixture *f, uint64_t seed, uint64_t steps)
{
    fixture = f;
    f->wait_limit = ULONG_MAX; /* each deadline is a tick */
    rnd = (struct random){ .state = seed };
    for (uint64_t step = 0; step < steps; step++) {
        if (step % STEPS_PER_LOOP == 0)
            begin_loop();
        random_step();
        if ((step + 1) % STEPS_PER_LOOP == 0 || step + 1 == steps)
            end_loop();
    }
}

/* C1, C3, C6, C8, C9, C10, C14, B2 */
static void timers_agree_with_the_model_for_fixed_seeds(void **state)
{
    play_fixed_seeds(state, play, 4000);
}

static void timers_agree_with_the_model_for_a_new_seed(void **state)
{
    play_new_seed(state, play, 4000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(timers_agree_with_the_model_for_fixed_seeds, setup_virtual,
                                        teardown),
        cmocka_unit_test_setup_teardown(timers_agree_with_the_model_for_a_new_seed, setup_virtual,
                                        teardown),
    };

    return cmocka_run_group_tests_name("timer_model", tests, NULL, NULL);
}
