/* Threads that call into a loop (gyre_loop_call), for the tests of that.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_TEST_CALLER_H
#define GYRE_TEST_CALLER_H

#include "tasks.h"

struct caller {
    pthread_t thread;
    struct gyre_loop *loop;
    gyre_loop_call_fn *fn;
    void *arg;
    uint64_t timeout;
    bool wants_no_value;
    int err;
    void *value;
    bool has_returned; /* atomic */
};

/* Started, it keeps the loop alive; a caller who returns sends it. */
static struct gyre_async bell;

static inline void on_bell(struct gyre_async *async, void *arg)
{
    (void)async;
    (void)arg;
}

static inline int caller_setup(void **state)
{
    if (pool_setup(state) < 0)
        return -1;
    memset(&bell, 0, sizeof(bell));
    if (gyre_async_init(&bell, fixture_of(state)->loop, on_bell, NULL) < 0)
        return -1;
    return gyre_async_start(&bell);
}

#define CALLER_TEST(name) cmocka_unit_test_setup_teardown(name, caller_setup, pool_teardown)

static inline void *call_into_loop(void *arg)
{
    struct caller *c = arg;

    c->err =
        gyre_loop_call(c->loop, c->fn, c->arg, c->timeout, c->wants_no_value ? NULL : &c->value);
    __atomic_store_n(&c->has_returned, true, __ATOMIC_SEQ_CST);
    (void)gyre_async_send(&bell);
    return NULL;
}

/* Have a thread make the call that `c` describes, which begins with the loop, function and argument. */
static inline void start_caller(struct caller *c)
{
    assert_int_equal(pthread_create(&c->thread, NULL, call_into_loop, c), 0);
}

/* Wait for the thread without running the loop; the result of its call. */
static inline int join_caller(struct caller *c)
{
    assert_int_equal(pthread_join(c->thread, NULL), 0);
    return c->err;
}

/* Run the loop until it has returned; the result of its call. */
static inline int serve_caller(struct caller *c)
{
    while (!__atomic_load_n(&c->has_returned, __ATOMIC_SEQ_CST))
        assert_return_code(gyre_loop_run_once(c->loop, GYRE_NEVER), 0);
    return join_caller(c);
}

#endif
