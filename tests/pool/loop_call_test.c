/* gyre_loop_call: what the caller gets, and who lets go of what when he or the loop leaves early.
 *
 * SPDX-License-Identifier: MIT */
#include "caller.h"
#include "loop/core.h"

static struct gyre_future *promise; /* what keep_promise has returned; the test holds a reference */
static int calls;                   /* of the functions below; atomic */
static int drops;

static int call_setup(void **state)
{
    promise = NULL;
    calls = drops = 0;
    return caller_setup(state);
}

#define CALL_TEST(name) cmocka_unit_test_setup_teardown(name, call_setup, pool_teardown)

static void drop_value(void *value)
{
    (void)value;
    drops++;
}

static void note_call(void)
{
    __atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST);
}

static struct gyre_future *do_at_once(struct gyre_loop *loop, void *arg)
{
    (void)loop;
    (void)arg;
    note_call();
    return NULL;
}

/* A future that the test settles. */
static struct gyre_future *keep_promise(struct gyre_loop *loop, void *arg)
{
    (void)arg;
    note_call();
    promise = gyre_future_create(loop);
    return gyre_future_ref(promise);
}

static struct gyre_future *resolve_with(struct gyre_loop *loop, void *arg)
{
    struct gyre_future *f = gyre_future_create(loop);

    note_call();
    (void)gyre_future_resolve(f, arg, drop_value);
    return f;
}

/* Run the loop until the call has begun. */
static void serve_until_begun(struct caller *c)
{
    while (__atomic_load_n(&calls, __ATOMIC_SEQ_CST) == 0)
        assert_return_code(gyre_loop_run_once(c->loop, GYRE_NEVER), 0);
}

static void release_promise(void)
{
    gyre_future_abandon(promise); /* ends the producer's side, if nobody has */
    gyre_future_unref(promise);
    promise = NULL;
}

/* ------------------------------------------------------------------ outcomes */

static void call_that_is_done_at_once_returns_zero(void **state)
{
    struct caller c = { .loop = fixture_of(state)->loop, .fn = do_at_once, .timeout = GYRE_NEVER };

    c.value = &c;
    start_caller(&c);
    assert_int_equal(serve_caller(&c), 0);
    assert_null(c.value);
    assert_int_equal(calls, 1);
}

static void value_of_the_future_is_the_callers(void **state)
{
    struct fixture *f = fixture_of(state);
    struct caller c = { .loop = f->loop, .fn = resolve_with, .arg = f, .timeout = GYRE_NEVER };

    start_caller(&c);
    assert_int_equal(serve_caller(&c), 0);
    assert_ptr_equal(c.value, f);
    assert_int_equal(drops, 0);
}

static void value_that_the_caller_does_not_want_is_dropped(void **state)
{
    struct fixture *f = fixture_of(state);
    struct caller c = {
        .loop = f->loop, .fn = resolve_with, .arg = f, .timeout = GYRE_NEVER, .wants_no_value = true
    };

    start_caller(&c);
    assert_int_equal(serve_caller(&c), 0);
    (void)run_ready(f);
    assert_int_equal(drops, 1);
}

static void caller_waits_until_the_future_is_settled(void **state)
{
    struct fixture *f = fixture_of(state);
    struct caller c = { .loop = f->loop, .fn = keep_promise, .timeout = GYRE_NEVER };

    start_caller(&c);
    serve_until_begun(&c);
    (void)run_ready(f);
    assert_false(__atomic_load_n(&c.has_returned, __ATOMIC_SEQ_CST));
    assert_int_equal(gyre_future_resolve(promise, &c, NULL), 0);
    assert_int_equal(serve_caller(&c), 0);
    assert_ptr_equal(c.value, &c);
    release_promise();
}

static void error_of_the_future_is_the_callers(void **state)
{
    struct fixture *f = fixture_of(state);
    struct caller c = { .loop = f->loop, .fn = keep_promise, .timeout = GYRE_NEVER };

    c.value = f;
    start_caller(&c);
    serve_until_begun(&c);
    assert_int_equal(gyre_future_fail(promise, -EIO), 0);
    assert_int_equal(serve_caller(&c), -EIO);
    assert_ptr_equal(c.value, f); /* untouched */
    release_promise();
}

static void cancelled_future_is_told_as_such(void **state)
{
    struct fixture *f = fixture_of(state);
    struct caller c = { .loop = f->loop, .fn = keep_promise, .timeout = GYRE_NEVER };

    start_caller(&c);
    serve_until_begun(&c);
    assert_true(gyre_future_cancel(promise));
    assert_int_equal(serve_caller(&c), -ECANCELED);
    release_promise();
}

static struct gyre_future *be_refused(struct gyre_loop *loop, void *arg)
{
    (void)arg;
    return gyre_io_ready(loop, -1, GYRE_READ);
}

static void refusal_of_an_operation_is_the_callers(void **state)
{
    struct caller c = { .loop = fixture_of(state)->loop, .fn = be_refused, .timeout = GYRE_NEVER };

    start_caller(&c);
    assert_int_equal(serve_caller(&c), -EBADF);
}

static struct gyre_future *start_elsewhere(struct gyre_loop *loop, void *arg)
{
    (void)loop;
    return gyre_sleep(arg, GYRE_S(5));
}

static void future_of_another_loop_is_refused(void **state)
{
    struct gyre_loop *other = make_loop();
    struct caller c = {
        .loop = fixture_of(state)->loop, .fn = start_elsewhere, .arg = other, .timeout = GYRE_NEVER
    };

    start_caller(&c);
    assert_int_equal(serve_caller(&c), -EXDEV);
    assert_false(gyre_loop_is_alive(other)); /* its reference was given back: cancelled */
    assert_int_equal(gyre_loop_destroy(other), 0);
}

/* ------------------------------------------------------------------ refusals */

static void loops_own_thread_is_refused(void **state)
{
    struct fixture *f = fixture_of(state);

    assert_int_equal(gyre_loop_call(f->loop, do_at_once, NULL, 0, NULL), -EDEADLK);
    assert_int_equal(gyre_loop_call(NULL, do_at_once, NULL, 0, NULL), -EINVAL);
    assert_int_equal(gyre_loop_call(f->loop, NULL, NULL, 0, NULL), -EINVAL);
    (void)run_ready(f);
    assert_int_equal(calls, 0);
}

static void closed_loop_refuses(void **state)
{
    struct fixture *f = fixture_of(state);
    struct caller c = { .loop = f->loop, .fn = do_at_once, .timeout = GYRE_NEVER };

    assert_int_equal(gyre_loop_close(f->loop), 0);
    start_caller(&c);
    assert_int_equal(join_caller(&c), -ESHUTDOWN);
    assert_int_equal(calls, 0);
}

/* ------------------------------------------------------------------ out of time */

static void call_that_does_not_begin_in_time_never_does(void **state)
{
    struct fixture *f = fixture_of(state);
    struct caller c = { .loop = f->loop, .fn = do_at_once, .timeout = GYRE_MS(1) };

    start_caller(&c);
    assert_int_equal(join_caller(&c), -ETIMEDOUT);
    (void)run_ready(f);
    assert_int_equal(calls, 0);
}

static void future_of_a_caller_who_left_is_cancelled(void **state)
{
    struct fixture *f = fixture_of(state);
    struct caller c = { .loop = f->loop, .fn = keep_promise, .timeout = GYRE_MS(50) };

    start_caller(&c);
    while (gyre_future_state(promise) != GYRE_FUTURE_CANCELLED &&
           !__atomic_load_n(&c.has_returned, __ATOMIC_SEQ_CST))
        assert_return_code(gyre_loop_run_once(f->loop, GYRE_NEVER), 0);
    assert_int_equal(join_caller(&c), -ETIMEDOUT);
    (void)run_ready(f);
    if (calls == 0)
        skip(); /* the machine was so slow that it never began */
    assert_int_equal(gyre_future_state(promise), GYRE_FUTURE_CANCELLED);
    release_promise();
}

static bool caller_left_early;

/* Longer than the caller wants to wait. */
static struct gyre_future *take_time(struct gyre_loop *loop, void *arg)
{
    static const struct timespec moment = { .tv_nsec = 1000000 };
    struct caller *c = arg;

    note_call();
    for (int i = 0; i < 60 && !__atomic_load_n(&c->has_returned, __ATOMIC_SEQ_CST); i++)
        nanosleep(&moment, NULL);
    caller_left_early = __atomic_load_n(&c->has_returned, __ATOMIC_SEQ_CST);
    return keep_promise(loop, arg);
}

/* Its argument is often on his stack. */
static void caller_does_not_leave_while_the_function_runs(void **state)
{
    struct fixture *f = fixture_of(state);
    struct caller c = { .loop = f->loop, .fn = take_time, .timeout = GYRE_MS(10) };

    c.arg = &c;
    start_caller(&c);
    assert_int_equal(serve_caller(&c), -ETIMEDOUT);
    (void)run_ready(f);
    if (calls == 0)
        skip();
    assert_false(caller_left_early);
    assert_int_equal(gyre_future_state(promise), GYRE_FUTURE_CANCELLED);
    release_promise();
}

static struct gyre_future *take_time_and_be_done(struct gyre_loop *loop, void *arg)
{
    gyre_future_unref(take_time(loop, arg));
    (void)gyre_future_resolve(promise, NULL, NULL);
    release_promise();
    return NULL;
}

static void what_is_done_when_the_function_returns_is_not_too_late(void **state)
{
    struct fixture *f = fixture_of(state);
    struct caller c = { .loop = f->loop, .fn = take_time_and_be_done, .timeout = GYRE_MS(10) };

    c.arg = &c;
    start_caller(&c);
    int err = serve_caller(&c);
    if (calls == 0)
        skip();
    assert_int_equal(err, 0);
}

static int cancel_takes_time(struct gyre_future *future, void *op)
{
    (void)future;
    (void)op;
    return -EINPROGRESS;
}

static struct gyre_future *keep_stubborn_promise(struct gyre_loop *loop, void *arg)
{
    static const struct gyre_future_ops ops = { .cancel = cancel_takes_time };
    struct gyre_future *future = keep_promise(loop, arg);

    (void)gyre_future_set_cancel(future, &ops, NULL);
    return future;
}

static void value_that_comes_after_the_caller_left_is_dropped(void **state)
{
    struct fixture *f = fixture_of(state);
    struct caller c = { .loop = f->loop, .fn = keep_stubborn_promise, .timeout = GYRE_MS(50) };

    start_caller(&c);
    assert_int_equal(serve_caller(&c), -ETIMEDOUT);
    (void)run_ready(f);
    if (calls == 0)
        skip();
    assert_true(gyre_future_is_cancelling(promise));
    assert_int_equal(gyre_future_resolve(promise, f, drop_value), 0);
    release_promise();
    (void)run_ready(f);
    assert_int_equal(drops, 1);
}

static void loop_may_be_closed_after_the_caller_left(void **state)
{
    struct fixture *f = fixture_of(state);
    struct caller c = { .loop = f->loop, .fn = keep_stubborn_promise, .timeout = GYRE_MS(50) };

    start_caller(&c);
    while (__atomic_load_n(&calls, __ATOMIC_SEQ_CST) == 0 &&
           !__atomic_load_n(&c.has_returned, __ATOMIC_SEQ_CST))
        assert_return_code(gyre_loop_run_once(f->loop, GYRE_NEVER), 0);
    assert_int_equal(join_caller(&c), -ETIMEDOUT); /* his post is in the inbox */
    assert_int_equal(gyre_loop_close(f->loop), 0);
    release_promise();
}

/* ------------------------------------------------------------------ the loop ends */

static void close_tells_the_caller_whose_call_has_not_begun(void **state)
{
    struct fixture *f = fixture_of(state);
    struct caller c = { .loop = f->loop, .fn = do_at_once, .timeout = GYRE_NEVER };

    start_caller(&c);
    while (!inbox_has_mail(&f->loop->inbox))
        (void)sched_yield();
    assert_int_equal(gyre_loop_close(f->loop), 0);
    assert_int_equal(join_caller(&c), -ESHUTDOWN);
    assert_int_equal(calls, 0);
}

static void close_tells_the_caller_whose_call_has_begun(void **state)
{
    struct fixture *f = fixture_of(state);
    struct caller c = { .loop = f->loop, .fn = keep_promise, .timeout = GYRE_NEVER };

    start_caller(&c);
    serve_until_begun(&c);
    assert_int_equal(gyre_loop_close(f->loop), 0);
    assert_int_equal(join_caller(&c), -ESHUTDOWN);
    assert_int_equal(gyre_future_reason(promise), GYRE_REASON_CLOSED);
    release_promise();
}

/* The caller's outcome is queued, and would be told in the next tick. */
static void close_tells_the_caller_whose_future_was_just_settled(void **state)
{
    struct fixture *f = fixture_of(state);
    struct caller c = { .loop = f->loop, .fn = keep_promise, .timeout = GYRE_NEVER };

    start_caller(&c);
    serve_until_begun(&c);
    assert_int_equal(gyre_future_resolve(promise, f, drop_value), 0);
    assert_int_equal(gyre_loop_close(f->loop), 0);
    assert_int_equal(join_caller(&c), -ESHUTDOWN);
    release_promise();
    assert_int_equal(drops, 1);
}

static void shutdown_cancels_what_a_call_has_begun(void **state)
{
    struct fixture *f = fixture_of(state);
    struct caller c = { .loop = f->loop, .fn = keep_promise, .timeout = GYRE_NEVER };

    start_caller(&c);
    serve_until_begun(&c);
    gyre_async_stop(&bell);
    assert_int_equal(gyre_loop_shutdown(f->loop, GYRE_NEVER), 0);
    assert_int_equal(join_caller(&c), -ECANCELED);
    release_promise();
}

static void call_that_begins_after_shutdown_is_cancelled(void **state)
{
    struct fixture *f = fixture_of(state);
    struct caller c = { .loop = f->loop, .fn = keep_promise, .timeout = GYRE_NEVER };

    gyre_future_unref(gyre_sleep(f->loop, 0)); /* what shutdown cancels is there */
    gyre_async_stop(&bell);
    assert_int_equal(gyre_loop_shutdown(f->loop, GYRE_NEVER), 0);
    assert_int_equal(gyre_async_start(&bell), 0);
    start_caller(&c);
    assert_int_equal(serve_caller(&c), -ECANCELED);
    release_promise();
}

/* ------------------------------------------------------------------ workers as callers */

static int err_of_worker;

static void call_from_worker(struct task *task)
{
    err_of_worker = gyre_loop_call(task->f->loop, keep_promise, NULL, GYRE_NEVER, NULL);
}

static void worker_may_call_into_the_loop_of_its_work(void **state)
{
    struct fixture *f = fixture_of(state);

    (void)submit(f, 0, call_from_worker);
    while (!promise)
        assert_return_code(gyre_loop_run_once(f->loop, GYRE_NEVER), 0);
    assert_int_equal(gyre_future_resolve(promise, NULL, NULL), 0);
    gyre_async_stop(&bell);
    run_all(f);
    assert_int_equal(err_of_worker, 0);
    release_promise();
}

/* The close waits for the work, and the work for the loop. */
static void close_frees_a_worker_that_waits_for_the_loop(void **state)
{
    struct fixture *f = fixture_of(state);

    (void)submit(f, 0, call_from_worker);
    while (!promise)
        assert_return_code(gyre_loop_run_once(f->loop, GYRE_NEVER), 0);
    assert_int_equal(gyre_loop_close(f->loop), 0);
    assert_int_equal(err_of_worker, -ESHUTDOWN);
    release_promise();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CALL_TEST(call_that_is_done_at_once_returns_zero),
        CALL_TEST(value_of_the_future_is_the_callers),
        CALL_TEST(value_that_the_caller_does_not_want_is_dropped),
        CALL_TEST(caller_waits_until_the_future_is_settled),
        CALL_TEST(error_of_the_future_is_the_callers),
        CALL_TEST(cancelled_future_is_told_as_such),
        CALL_TEST(refusal_of_an_operation_is_the_callers),
        CALL_TEST(future_of_another_loop_is_refused),
        CALL_TEST(loops_own_thread_is_refused),
        CALL_TEST(closed_loop_refuses),
        CALL_TEST(call_that_does_not_begin_in_time_never_does),
        CALL_TEST(future_of_a_caller_who_left_is_cancelled),
        CALL_TEST(caller_does_not_leave_while_the_function_runs),
        CALL_TEST(what_is_done_when_the_function_returns_is_not_too_late),
        CALL_TEST(value_that_comes_after_the_caller_left_is_dropped),
        CALL_TEST(loop_may_be_closed_after_the_caller_left),
        CALL_TEST(close_tells_the_caller_whose_call_has_not_begun),
        CALL_TEST(close_tells_the_caller_whose_call_has_begun),
        CALL_TEST(close_tells_the_caller_whose_future_was_just_settled),
        CALL_TEST(shutdown_cancels_what_a_call_has_begun),
        CALL_TEST(call_that_begins_after_shutdown_is_cancelled),
        CALL_TEST(worker_may_call_into_the_loop_of_its_work),
        CALL_TEST(close_frees_a_worker_that_waits_for_the_loop),
    };

    return cmocka_run_group_tests_name("loop call", tests, NULL, NULL);
}
