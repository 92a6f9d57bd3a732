/* gyre_loop_shutdown: stops that came before it, and clocks that stand still.
 *
 * SPDX-License-Identifier: MIT */
#include "support/fixture.h"

#include <errno.h>

static void ignore_io(struct gyre_io *io, unsigned events, void *arg)
{
    (void)io;
    (void)events;
    (void)arg;
}

static void ignore_call(struct gyre_call *call, void *arg)
{
    (void)call;
    (void)arg;
}

/* A started watcher whose event will not come. */
static void wait_for_nothing(struct fixture *f, struct gyre_io *io)
{
    int fds[2];

    make_pipe(f, fds);
    assert_int_equal(gyre_io_init(io, f->loop, ignore_io, NULL), 0);
    assert_int_equal(gyre_io_start(io, fds[0], GYRE_READ), 0);
}

static void stop_before_shutdown_is_used_up_though_nothing_is_alive(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_call call = { 0 };

    gyre_loop_stop(f->loop);
    assert_int_equal(gyre_loop_shutdown(f->loop, GYRE_NEVER), 0);
    assert_int_equal(gyre_call_init(&call, f->loop, ignore_call, NULL), 0);
    assert_int_equal(gyre_call_start(&call), 0);
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_DONE);
}

static void shutdown_does_not_wait_for_a_deadline_that_cannot_come(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_io io = { 0 };
    uint64_t now = gyre_loop_clock(f->loop);

    wait_for_nothing(f, &io);
    assert_int_equal(gyre_loop_shutdown(f->loop, now + GYRE_S(5)), -EDEADLK);
    assert_true(gyre_loop_clock(f->loop) == now);
    gyre_io_stop(&io);
}

static void shutdown_jumps_to_its_deadline(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_io io = { 0 };
    uint64_t deadline = gyre_time_add(gyre_loop_clock(f->loop), GYRE_S(5));

    wait_for_nothing(f, &io);
    assert_int_equal(gyre_test_autojump(f->loop, true), 0);
    assert_int_equal(gyre_loop_shutdown(f->loop, deadline), 1);
    assert_true(gyre_loop_clock(f->loop) == deadline);
    gyre_io_stop(&io);
}

static void time_add_stops_at_never(void **state)
{
    (void)state;
    assert_true(gyre_time_add(5, 7) == 12);
    assert_true(gyre_time_add(5, GYRE_NEVER) == GYRE_NEVER);
    assert_true(gyre_time_add(GYRE_NEVER - 1, 1) == GYRE_NEVER);
    assert_true(gyre_time_add(GYRE_NEVER - 1, 0) == GYRE_NEVER - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(stop_before_shutdown_is_used_up_though_nothing_is_alive,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(shutdown_does_not_wait_for_a_deadline_that_cannot_come,
                                        setup_virtual, teardown),
        cmocka_unit_test_setup_teardown(shutdown_jumps_to_its_deadline, setup_virtual, teardown),
        cmocka_unit_test(time_add_stops_at_never),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
