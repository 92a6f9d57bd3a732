/* Memory and system calls that fail, one after the other, under everything that makes a future. Nothing
 * may be lost or leaked, and the same call must work once the fault is over.
 *
 * SPDX-License-Identifier: MIT */
#include "promise.h"

#include "support/fault.h"

#include <signal.h>

enum { SIGNO = SIGUSR2, INPUTS = 20 }; /* so many that the blocks of combinators are not kept */

static int fds[2];
static struct gyre_future *inputs[INPUTS];
static struct parcel parcels[INPUTS];

/* ------------------------------------------------------------------ everything that makes one */

static int map_to_itself(void **value, gyre_drop_fn **drop, void *arg)
{
    (void)value;
    (void)drop;
    (void)arg;
    return 0;
}

static struct gyre_future *start_sleep(size_t index, void *arg)
{
    return gyre_sleep(arg, index);
}

static struct gyre_future *start_next(struct gyre_future *done, void *arg)
{
    (void)done;
    return gyre_sleep(arg, 1);
}

/* What a constructor does with inputs[0], or all of them. */
enum takes { NONE, ONE, ALL, LOOKS };

static struct gyre_future *make_promise_future(struct gyre_loop *l)
{
    return gyre_future_create(l);
}

static struct gyre_future *make_sleep(struct gyre_loop *l)
{
    return gyre_sleep(l, 1);
}

static struct gyre_future *make_sleep_until(struct gyre_loop *l)
{
    return gyre_sleep_until(l, 1);
}

static struct gyre_future *make_ready(struct gyre_loop *l)
{
    return gyre_io_ready(l, fds[1], GYRE_WRITE);
}

static struct gyre_future *make_signal(struct gyre_loop *l)
{
    return gyre_signal_next(l, SIGNO);
}

static struct gyre_future *make_all(struct gyre_loop *l)
{
    return gyre_all(l, INPUTS, inputs);
}

static struct gyre_future *make_settled(struct gyre_loop *l)
{
    return gyre_settled(l, INPUTS, inputs);
}

static struct gyre_future *make_race(struct gyre_loop *l)
{
    return gyre_race(l, INPUTS, inputs);
}

static struct gyre_future *make_wait(struct gyre_loop *l)
{
    return gyre_wait(l, GYRE_WAIT_ALL, INPUTS, inputs, 1);
}

static struct gyre_future *make_completions(struct gyre_loop *l)
{
    return gyre_completions(l, INPUTS, inputs);
}

static struct gyre_future *make_within(struct gyre_loop *l)
{
    (void)l;
    return gyre_within(inputs[0], 1);
}

static struct gyre_future *make_within_until(struct gyre_loop *l)
{
    return gyre_within_until(inputs[0], gyre_loop_now(l) + 1);
}

static struct gyre_future *make_shield(struct gyre_loop *l)
{
    (void)l;
    return gyre_shield(inputs[0]);
}

static struct gyre_future *make_then(struct gyre_loop *l)
{
    (void)l;
    return gyre_then(inputs[0], map_to_itself, NULL);
}

static struct gyre_future *make_then_start(struct gyre_loop *l)
{
    return gyre_then_start(inputs[0], start_next, l);
}

static struct gyre_future *make_map(struct gyre_loop *l)
{
    return gyre_map_limit(l, GYRE_MAP_ALL, INPUTS, 3, start_sleep, l);
}

static const struct constructor {
    const char *name;
    struct gyre_future *(*make)(struct gyre_loop *l);
    enum takes takes;
} constructors[] = {
    { "gyre_future_create", make_promise_future, NONE },
    { "gyre_sleep", make_sleep, NONE },
    { "gyre_sleep_until", make_sleep_until, NONE },
    { "gyre_io_ready", make_ready, NONE },
    { "gyre_signal_next", make_signal, NONE },
    { "gyre_map_limit", make_map, NONE },
    { "gyre_all", make_all, ALL },
    { "gyre_settled", make_settled, ALL },
    { "gyre_race", make_race, ALL },
    { "gyre_wait", make_wait, LOOKS },
    { "gyre_completions", make_completions, LOOKS },
    { "gyre_within", make_within, ONE },
    { "gyre_within_until", make_within_until, ONE },
    { "gyre_shield", make_shield, ONE },
    { "gyre_then", make_then, ONE },
    { "gyre_then_start", make_then_start, ONE },
};

/* ------------------------------------------------------------------ each with no memory */

static bool takes_input(const struct constructor *c, int i)
{
    return c->takes == ALL || (c->takes == ONE && i == 0);
}

/* Inputs that are pending, but for every third, which has a value. */
static void make_inputs(struct fixture *f)
{
    memset(parcels, 0, sizeof(parcels));
    for (int i = 0; i < INPUTS; i++) {
        inputs[i] = make_promise(f, i, 0)->f;
        if (i % 3 == 1)
            assert_int_equal(settle(inputs[i], WAY_RESOLVE, &parcels[i]), 0);
    }
}

/* What was taken over is cancelled and released; what was not is as it was. */
static void assert_inputs_survived(const struct constructor *c)
{
    for (int i = 0; i < INPUTS; i++) {
        assert_int_equal(promises[i].asked, takes_input(c, i) && i % 3 != 1);
        assert_int_equal(parcels[i].drops, takes_input(c, i) && i % 3 == 1);
    }
}

static void release_inputs(const struct constructor *c)
{
    for (int i = 0; i < INPUTS; i++)
        if (!takes_input(c, i))
            gyre_future_unref(inputs[i]);
}

/* On a loop of its own, so that no block is there for its use. The n-th allocation of the call fails;
 * whether it did. */
static bool construct_without_memory(struct fixture *f, const struct constructor *c, unsigned n)
{
    if (c->takes != NONE)
        make_inputs(f);
    fail_allocation(n, false);
    struct gyre_future *made = c->make(f->loop);
    bool failed = fault_fired();
    disarm_faults();

    assert_non_null(made);
    if (failed) {
        assert_int_equal(gyre_future_state(made), GYRE_FUTURE_ERR);
        assert_int_equal(gyre_future_error(made), -ENOMEM);
        assert_false(gyre_loop_is_alive(f->loop));
        if (c->takes != NONE)
            assert_inputs_survived(c);
    }
    gyre_future_unref(made);
    if (c->takes != NONE)
        release_inputs(c);
    if (c->make == make_promise_future && !failed)
        gyre_future_abandon(made);
    return failed;
}

/* Begin with a loop that has made no future. */
static bool construct_anew(const struct constructor *c, unsigned n)
{
    struct fixture fresh = { .loop = NULL };
    struct gyre_loop_options opt = test_options();
    size_t before = live_bytes();
    int descriptors = count_fds();

    assert_int_equal(gyre_test_loop_create(&opt, &fresh.loop), 0);
    bool failed = construct_without_memory(&fresh, c, n);
    if (failed)
        assert_false(construct_without_memory(&fresh, c, UINT32_MAX));
    assert_int_equal(gyre_loop_destroy(fresh.loop), 0);
    assert_int_equal(live_bytes(), before);
    assert_int_equal(count_fds(), descriptors);
    return failed;
}

static void constructor_without_memory_fails_and_can_be_called_again(void **state)
{
    make_pipe(fixture_of(state), fds);
    for (size_t i = 0; i < ARRAY_LEN(constructors); i++) {
        unsigned n = 1;

        while (construct_anew(&constructors[i], n))
            n++;
        assert_in_range(n, 2, 10); /* at least one allocation was made to fail */
    }
}

static void completions_next_without_memory_loses_nothing(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_future *input = make_bare_promise(f, 0)->f;
    struct gyre_future *completions = gyre_completions(f->loop, 1, &input);

    assert_int_equal(gyre_future_resolve(input, NULL, NULL), 0);
    fail_allocation(1, false);
    assert_int_equal(gyre_future_error(gyre_completions_next(completions)), -ENOMEM);
    struct gyre_future *next = gyre_completions_next(completions);
    assert_ptr_equal(gyre_future_peek(next), input);
    gyre_future_unref(next);
    gyre_future_unref(completions);
    gyre_future_unref(input);
}

static void scope_without_memory_is_not_made(void **state)
{
    struct gyre_loop_options opt = test_options();
    struct gyre_scope scope = { 0 };
    struct gyre_loop *loop;

    (void)state;
    assert_int_equal(gyre_test_loop_create(&opt, &loop), 0);
    fail_allocation(1, false);
    assert_int_equal(gyre_scope_init(&scope, loop, NULL), -ENOMEM);
    assert_int_equal(gyre_scope_enter(&scope), GYRE_EUNINIT);
    assert_int_equal(gyre_scope_init(&scope, loop, NULL), 0);
    gyre_scope_fini(&scope);
    assert_int_equal(gyre_loop_destroy(loop), 0);
}

static struct gyre_future *start_child(void *arg)
{
    return arg;
}

/* Refused, a child stays the caller's. */
static void group_without_memory_takes_nothing(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_future *child = make_promise(f, 0, 0)->f;
    struct gyre_group *group = NULL;

    fail_allocation(1, false);
    assert_int_equal(gyre_group_create(f->loop, 0, &group), -ENOMEM);
    assert_null(group);
    assert_int_equal(gyre_group_create(f->loop, 0, &group), 0);
    fail_allocation(1, false);
    assert_int_equal(gyre_group_add(group, child), -ENOMEM);
    fail_allocation(1, false);
    assert_int_equal(gyre_group_spawn(group, start_child, drop_parcel, child), -ENOMEM);
    assert_int_equal(gyre_group_count(group), 0);
    assert_int_equal(promises[0].asked, 0);
    assert_int_equal(gyre_group_add(group, child), 0);
    gyre_group_unref(group);
    assert_int_equal(promises[0].asked, 1);
}

/* ------------------------------------------------------------------ what must not need memory */

static int undo(struct gyre_future *f, void *op)
{
    (void)f;
    (void)op;
    return 0;
}

static const struct gyre_future_ops undo_ops = { .cancel = undo };

/* Start the i-th of the constructors, over inputs that nobody else refers to. */
static struct gyre_future *construct(struct fixture *f, size_t i)
{
    for (int input = 0; input < INPUTS && constructors[i].takes != NONE; input++) {
        inputs[input] = gyre_future_create(f->loop);
        assert_int_equal(gyre_future_set_cancel(inputs[input], &undo_ops, NULL), 0);
    }
    struct gyre_future *made = constructors[i].make(f->loop);
    if (constructors[i].takes != NONE)
        release_inputs(&constructors[i]);
    return made;
}

/* Everything there is, pending; then no memory at all until it has been put away. */
static void cancel_settle_and_close_need_no_memory(void **state)
{
    struct fixture *f = fixture_of(state);

    make_pipe(f, fds);
    make_items(f, (int)ARRAY_LEN(constructors));
    for (int closes = 0; closes < 2; closes++) {
        struct gyre_future *made[ARRAY_LEN(constructors)];

        for (size_t i = 0; i < ARRAY_LEN(constructors); i++) {
            made[i] = construct(f, i);
            wait_for(made[i], (int)i);
        }
        fail_allocation(1, true);
        if (closes)
            assert_int_equal(gyre_loop_close(f->loop), 0);
        for (size_t i = 0; i < ARRAY_LEN(constructors); i++) {
            (void)gyre_future_cancel(made[i]);
            assert_int_not_equal(gyre_future_state(made[i]), GYRE_FUTURE_PENDING);
        }
        gyre_future_abandon(made[0]);
        for (size_t i = 0; i < ARRAY_LEN(constructors); i++)
            gyre_future_unref(made[i]);
        if (!closes)
            assert_int_equal(run_ready(f), ARRAY_LEN(constructors));
        disarm_faults();
    }
    assert_int_equal(f->trace_count, ARRAY_LEN(constructors));
}

/* ------------------------------------------------------------------ system calls */

/* The n-th of the call fails; whether one did. */
static bool start_with_fault(struct gyre_future *(*make)(struct gyre_loop *l), unsigned n)
{
    struct gyre_loop_options opt = test_options();
    struct gyre_loop *loop;
    int descriptors = count_fds();

    assert_int_equal(gyre_test_loop_create(&opt, &loop), 0);
    fail_syscall(n, EIO, false);
    struct gyre_future *f = make(loop);
    bool failed = fault_fired();
    disarm_faults();

    /* Some faults are made good on the way, as a change that is tried in another form. */
    if (gyre_future_state(f) == GYRE_FUTURE_ERR) {
        assert_true(failed);
        assert_int_equal(gyre_future_error(f), -EIO);
        assert_false(gyre_loop_is_alive(loop));
    } else {
        assert_int_equal(gyre_future_state(f), GYRE_FUTURE_PENDING);
    }
    gyre_future_unref(f);
    f = make(loop);
    assert_int_equal(gyre_future_error(f), -EINPROGRESS);
    gyre_future_unref(f);
    assert_int_equal(gyre_loop_destroy(loop), 0);
    assert_int_equal(count_fds(), descriptors);
    return failed;
}

static void operation_fails_with_its_system_call_and_can_be_started_again(void **state)
{
    static struct gyre_future *(*const makes[])(struct gyre_loop * l) = { make_ready, make_signal };

    make_pipe(fixture_of(state), fds);
    for (size_t i = 0; i < ARRAY_LEN(makes); i++) {
        unsigned n = 1;

        while (start_with_fault(makes[i], n))
            n++;
        assert_in_range(n, 2, 20); /* at least one call was made to fail */
    }
}

/* Whatever the system says: the future is cancelled, and nothing is left started. */
static void cancel_does_not_fail_with_its_system_calls(void **state)
{
    struct fixture *f = fixture_of(state);

    make_pipe(f, fds);
    struct gyre_future *made[] = { make_ready(f->loop), make_signal(f->loop) };
    fail_syscall(1, EIO, true);
    for (size_t i = 0; i < ARRAY_LEN(made); i++) {
        assert_true(gyre_future_cancel(made[i]));
        assert_cancelled(made[i], GYRE_REASON_REQUEST);
        gyre_future_unref(made[i]);
    }
    disarm_faults();
    assert_false(gyre_loop_is_alive(f->loop));
    assert_ptr_not_equal(signal(SIGNO, SIG_DFL), SIG_ERR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FUTURE_TEST(constructor_without_memory_fails_and_can_be_called_again),
        FUTURE_TEST(completions_next_without_memory_loses_nothing),
        FUTURE_TEST(scope_without_memory_is_not_made),
        FUTURE_TEST(group_without_memory_takes_nothing),
        FUTURE_TEST(cancel_settle_and_close_need_no_memory),
        FUTURE_TEST(operation_fails_with_its_system_call_and_can_be_started_again),
        FUTURE_TEST(cancel_does_not_fail_with_its_system_calls),
    };

    return cmocka_run_group_tests_name("future_fault", tests, NULL, NULL);
}
