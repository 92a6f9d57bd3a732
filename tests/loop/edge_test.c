/* Corners where two features meet: destroy in a drop function, errno and a full wake-up, a post that is
 * used again as soon as it may be, reserved room and high numbers, closed files, failed rebuilds, and
 * jumping clocks with threads.
 *
 * SPDX-License-Identifier: MIT */
#include "watch.h"

#include "loop/core.h"
#include "support/fault.h"
#include "support/kinds.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>

enum { BOTH = GYRE_READ | GYRE_WRITE };

static struct watch a, b;

/* ------------------------------------------------------------------ destroy in a drop function */

struct dropped {
    struct gyre_loop *loop;
    int drops;
    int err;
};

static void destroy_in_drop(void *arg)
{
    struct dropped *d = arg;

    d->drops++;
    d->err = gyre_loop_destroy(d->loop);
}

static void never(struct gyre_post *post, void *arg)
{
    (void)post;
    (void)arg;
    fail();
}

/* D11 */
static void destroy_in_a_drop_function_of_close_is_refused(void **state)
{
    struct fixture *f = fixture_of(state);
    struct dropped d = { .loop = f->loop };
    struct gyre_post post = { 0 };

    assert_int_equal(gyre_post_init(&post, f->loop, never, destroy_in_drop, &d), 0);
    assert_int_equal(gyre_post_send(&post), 0);
    assert_int_equal(gyre_loop_close(f->loop), 0);
    assert_int_equal(d.drops, 1);
    assert_int_equal(d.err, -EBUSY);
    assert_int_equal(gyre_loop_destroy(f->loop), 0);
    f->loop = NULL;
}

/* D11 */
static void destroy_in_a_drop_function_of_destroy_is_refused(void **state)
{
    struct fixture *f = fixture_of(state);
    struct dropped d = { .loop = f->loop };
    struct gyre_post post = { 0 };

    assert_int_equal(gyre_post_init(&post, f->loop, never, destroy_in_drop, &d), 0);
    assert_int_equal(gyre_post_send(&post), 0);
    assert_int_equal(gyre_loop_destroy(f->loop), 0);
    f->loop = NULL;
    assert_int_equal(d.drops, 1);
    assert_int_equal(d.err, -EBUSY);
}

/* ------------------------------------------------------------------ errno */

static int send_post(struct kinds *k)
{
    return gyre_post_send(&k->post);
}

static int send_async(struct kinds *k)
{
    return gyre_async_send(&k->async);
}

static int stop(struct kinds *k)
{
    gyre_loop_stop(k->f->loop);
    return 0;
}

/* Wake a sleeping loop whose wake-up is full. */
static void assert_keeps_errno(struct kinds *k, int (*wake)(struct kinds *k))
{
    assert_true(inbox_sleep(&k->f->loop->inbox));
    fail_call(SYS_WRITE, 1, EAGAIN, false);
    errno = ENOTTY;
    int err = wake(k);
    int kept = errno;
    assert_true(fault_fired());
    assert_int_equal(err, 0);
    assert_int_equal(kept, ENOTTY);
}

/* E2 */
static void post_to_a_loop_whose_wake_up_is_full_keeps_errno(void **state)
{
    struct kinds *k = kinds_init(fixture_of(state));

    assert_keeps_errno(k, send_post);
    assert_int_equal(run_ready(k->f), 1);
}

/* E2 */
static void async_to_a_loop_whose_wake_up_is_full_keeps_errno(void **state)
{
    struct kinds *k = kinds_init(fixture_of(state));

    assert_int_equal(kinds_start(k, KIND_ASYNC), 0);
    assert_keeps_errno(k, send_async);
    assert_int_equal(run_ready(k->f), 1);
    kinds_stop_all(k);
}

/* E2 */
static void stop_of_a_loop_whose_wake_up_is_full_keeps_errno(void **state)
{
    struct kinds *k = kinds_init(fixture_of(state));

    assert_keeps_errno(k, stop);
    assert_int_equal(gyre_loop_run(k->f->loop), GYRE_RUN_STOPPED);
}

/* ------------------------------------------------------------------ a post that is used again */

enum { FIRST = 1, SECOND };

static void second_fn(struct gyre_post *post, void *arg)
{
    (void)post;
    record(arg, SECOND);
}

static void become_second(struct gyre_post *post, void *arg)
{
    struct fixture *f = arg;

    record(f, FIRST);
    assert_int_equal(gyre_post_init(post, f->loop, second_fn, NULL, f), 0);
    assert_int_equal(gyre_post_send(post), 0);
}

static void post_initialised_again_in_its_callback_runs_the_new_function(void **state)
{
    struct fixture *f = fixture_of(state);
    struct gyre_post post = { 0 };

    assert_int_equal(gyre_post_init(&post, f->loop, become_second, NULL, f), 0);
    assert_int_equal(gyre_post_send(&post), 0);
    assert_int_equal(run_ready(f), 2);
    ASSERT_TRACE(f, FIRST, SECOND);
}

enum { REUSES = 3000 };

struct reuse {
    struct gyre_loop *loop;
    struct gyre_post post;
    int ran, mixed;
};

static struct reuse reuse;
static char even_arg, odd_arg;

static void even_fn(struct gyre_post *post, void *arg)
{
    (void)post;
    reuse.ran++;
    reuse.mixed += arg != &even_arg;
}

static void odd_fn(struct gyre_post *post, void *arg)
{
    (void)post;
    reuse.ran++;
    reuse.mixed += arg != &odd_arg;
}

static void *use_again_and_again(void *unused)
{
    for (int i = 0; i < REUSES; i++) {
        while (gyre_post_init(&reuse.post, reuse.loop, i & 1 ? odd_fn : even_fn, NULL,
                              i & 1 ? &odd_arg : &even_arg) == -EBUSY)
            (void)sched_yield();
        assert_int_equal(gyre_post_send(&reuse.post), 0);
    }
    return unused;
}

/* The node belongs to its sender again before fn is called. A mixture is rare; the thread sanitizer
 * sees any touch of the node that comes too late. */
static void post_used_again_by_its_thread_is_called_with_what_belongs_together(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);
    pthread_t sender;

    reuse = (struct reuse){ .loop = f->loop };
    f->wait_limit = 10 * REUSES;
    assert_int_equal(kinds_start(k, KIND_ASYNC), 0); /* so that the loop waits */
    assert_int_equal(pthread_create(&sender, NULL, use_again_and_again, NULL), 0);
    while (reuse.ran < REUSES)
        assert_true(gyre_loop_run_once(f->loop, GYRE_MS(100)) >= 0);
    pthread_join(sender, NULL);
    assert_int_equal(reuse.mixed, 0);
    kinds_stop_all(k);
}

/* ------------------------------------------------------------------ descriptors */

enum { CAPACITY = 64 };

static void ignore_io(struct gyre_io *io, unsigned events, void *arg)
{
    (void)io;
    (void)events;
    (void)arg;
}

/* K1: all numbers below the capacity are taken, so the loop's own are above. */
static void reserved_room_is_not_used_up_by_the_loops_own_descriptors(void **state)
{
    struct fixture *f = fixture_of(state);
    static struct gyre_io io[CAPACITY];
    struct gyre_loop_options opt = test_options();
    int fds[2];

    make_pipe(f, fds);
    while (own_fd(f, fcntl(fds[0], F_DUPFD_CLOEXEC, 0)) < CAPACITY - 1)
        ;
    opt.fd_capacity = CAPACITY;
    assert_int_equal(gyre_loop_create(&opt, &f->loop), 0);
    assert_true(f->loop->inbox.wake.read_fd >= CAPACITY);
    fail_allocation(1, true);
    for (int fd = 0; fd < CAPACITY; fd++) {
        io[fd] = (struct gyre_io){ 0 };
        assert_int_equal(gyre_io_init(&io[fd], f->loop, ignore_io, NULL), 0);
        int err = gyre_io_start(&io[fd], fd, GYRE_READ);
        assert_true(err == 0 || err == -EPERM); /* a standard stream may be a regular file */
    }
    disarm_faults();
}

/* B8 */
static void second_watcher_of_a_closed_file_is_refused(void **state)
{
    struct fixture *f = fixture_of(state);
    int fds[2];

    make_pipe(f, fds);
    int number = fds[0];
    watch_start(f, &a, 1, number, GYRE_READ);
    watch_init(f, &b, 2);
    close_fd(f, &fds[0]);
    assert_int_equal(gyre_io_start(&b.io, number, GYRE_READ), -EBADF);
    assert_false(gyre_io_is_started(&b.io));
    watch_stop(&a);
}

/* ------------------------------------------------------------------ rebuilds */

static const struct poller_ops *real_ops;
static struct poller_ops refusing_ops;
static int refused_fd, refusals;

static int refuse_one(struct poller *p, int fd, uint64_t key, unsigned old, unsigned events)
{
    if (fd != refused_fd)
        return real_ops->set(p, fd, key, old, events);
    refusals++;
    return -ENOMEM;
}

/* Make a new kernel set, which is given up when `fd` is to go into it. */
static void fail_rebuild_at(struct gyre_loop *loop, int fd)
{
    real_ops = loop->poller.ops;
    refusing_ops = *real_ops;
    refusing_ops.set = refuse_one;
    refused_fd = fd;
    refusals = 0;
    loop->poller.ops = &refusing_ops;
    interest_rebuild(loop);
    loop->poller.ops = real_ops;
    assert_int_equal(refusals, 1);
}

/* What only the discarded set was told does not count as told. */
static void rebuild_that_fails_half_way_keeps_what_is_still_to_be_told(void **state)
{
    struct fixture *f = fixture_of(state);
    int pair[2], pipe[2];

    make_pair(f, pair);
    make_pipe(f, pipe);
    assert_true(pair[0] < pipe[0]);
    watch_start(f, &a, 1, pair[0], GYRE_READ);
    watch_start(f, &b, 2, pipe[0], GYRE_READ);
    watch_change(&a, BOTH);
    fail_rebuild_at(f->loop, pipe[0]);
    watch_change(&a, GYRE_READ);
    watch_change(&a, BOTH);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    assert_int_equal(a.calls, 1);
    assert_int_equal(a.events, GYRE_WRITE);
    watch_stop(&a);
    watch_stop(&b);
}

/* ------------------------------------------------------------------ a clock that jumps */

/* While another thread may send at any moment the clock does not jump, and nobody else moves it. */
static void shutdown_with_a_started_async_does_not_wait_for_a_jump(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);
    uint64_t now = gyre_loop_clock(f->loop);

    assert_int_equal(kinds_start(k, KIND_ASYNC), 0);
    assert_int_equal(gyre_test_autojump(f->loop, true), 0);
    assert_int_equal(gyre_loop_shutdown(f->loop, now + GYRE_MS(10)), -EDEADLK);
    assert_true(gyre_loop_clock(f->loop) == now);
    kinds_stop_all(k);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(destroy_in_a_drop_function_of_close_is_refused),
        TEST(destroy_in_a_drop_function_of_destroy_is_refused),
        TEST(post_to_a_loop_whose_wake_up_is_full_keeps_errno),
        TEST(async_to_a_loop_whose_wake_up_is_full_keeps_errno),
        TEST(stop_of_a_loop_whose_wake_up_is_full_keeps_errno),
        TEST(post_initialised_again_in_its_callback_runs_the_new_function),
        TEST(post_used_again_by_its_thread_is_called_with_what_belongs_together),
        cmocka_unit_test_setup_teardown(reserved_room_is_not_used_up_by_the_loops_own_descriptors,
                                        setup_bare, teardown),
        TEST(second_watcher_of_a_closed_file_is_refused),
        TEST(rebuild_that_fails_half_way_keeps_what_is_still_to_be_told),
        cmocka_unit_test_setup_teardown(shutdown_with_a_started_async_does_not_wait_for_a_jump,
                                        setup_virtual, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
