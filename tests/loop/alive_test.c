/* What keeps a loop alive: everything that is started, queued or posted, but for what is unref'ed.
 *
 * SPDX-License-Identifier: MIT */
#include "support/kinds.h"

static void fresh_loop_is_not_alive(void **state)
{
    struct fixture *f = fixture_of(state);

    assert_false(gyre_loop_is_alive(f->loop));
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_DONE);
}

static void every_started_watcher_keeps_it_alive(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    for (enum kind kind = 0; kind < KIND_WATCHERS; kind++) {
        assert_false(gyre_loop_is_alive(f->loop));
        assert_int_equal(kinds_start(k, kind), 0);
        assert_true(gyre_loop_is_alive(f->loop));
        assert_true(kinds_stop(k, kind));
    }
    assert_false(gyre_loop_is_alive(f->loop));
}

static void everything_that_is_queued_keeps_it_alive_until_it_ran(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    for (enum kind kind = KIND_SOON; kind < KIND_COUNT; kind++) {
        kinds_fire(k, kind);
        assert_true(gyre_loop_is_alive(f->loop));
        assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_DONE);
        assert_false(gyre_loop_is_alive(f->loop));
    }
    ASSERT_TRACE(f, KIND_SOON, KIND_LATER, KIND_REMOTE);
}

static void unrefed_watcher_does_not_keep_it_alive(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    for (enum kind kind = 0; kind < KIND_POST; kind++) {
        assert_int_equal(kinds_start(k, kind), 0);
        kinds_unref(k, kind);
        kinds_unref(k, kind);
        assert_false(gyre_loop_is_alive(f->loop));
        kinds_ref(k, kind);
        kinds_ref(k, kind);
        assert_true(gyre_loop_is_alive(f->loop));
        kinds_unref(k, kind);
        assert_true(kinds_stop(k, kind));
        kinds_ref(k, kind);
        assert_false(gyre_loop_is_alive(f->loop));
    }
}

static void unref_before_the_start_counts(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    for (enum kind kind = 0; kind < KIND_POST; kind++) {
        kinds_unref(k, kind);
        assert_int_equal(kinds_start(k, kind), 0);
        assert_false(gyre_loop_is_alive(f->loop));
        assert_true(kinds_stop(k, kind));
        assert_int_equal(kinds_init_one(k, kind, f->loop), 0);
        assert_int_equal(kinds_start(k, kind), 0);
        assert_true(gyre_loop_is_alive(f->loop)); /* init begins with ref */
        assert_true(kinds_stop(k, kind));
    }
}

/* Collected but not yet run: counted as it was when it was started, and once. */
static void ref_and_unref_count_right_in_the_queue(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    for (enum kind kind = 0; kind < KIND_POST; kind++) {
        kinds_fire(k, kind);
        kinds_unref(k, kind);
        assert_int_equal(run_ready(f), 1);
        kinds_ref(k, kind);
        (void)kinds_stop(k, kind);
        assert_false(gyre_loop_is_alive(f->loop));
    }
    ASSERT_TRACE(f, KIND_CALL, KIND_TIMER, KIND_IO, KIND_SIGNAL, KIND_ASYNC);
}

static void closed_loop_is_not_alive(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    assert_int_equal(kinds_start(k, KIND_TIMER), 0);
    assert_int_equal(gyre_loop_close(f->loop), 0);
    assert_false(gyre_loop_is_alive(f->loop));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(fresh_loop_is_not_alive),
        TEST(every_started_watcher_keeps_it_alive),
        TEST(everything_that_is_queued_keeps_it_alive_until_it_ran),
        TEST(unrefed_watcher_does_not_keep_it_alive),
        TEST(unref_before_the_start_counts),
        TEST(ref_and_unref_count_right_in_the_queue),
        TEST(closed_loop_is_not_alive),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
