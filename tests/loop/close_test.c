/* The end of a loop: what close stops, in which order, what is dropped, and what stays the user's. Also
 * handing a loop to another thread.
 *
 * SPDX-License-Identifier: MIT */
#include "support/fixture.h"

#include "base/util.h"
#include "loop/core.h"
#include "support/fault.h"
#include "support/kinds.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static void start_all(struct kinds *k)
{
    for (enum kind kind = 0; kind < KIND_COUNT; kind++)
        assert_int_equal(kinds_start(k, kind), 0);
}

static void fire_all(struct kinds *k)
{
    for (enum kind kind = 0; kind < KIND_COUNT; kind++)
        kinds_fire(k, kind);
}

/* K3 */
static void close_drops_what_was_posted_and_runs_nothing_else(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    start_all(k);
    assert_int_equal(gyre_loop_close(f->loop), 0);
    ASSERT_TRACE(f, KIND_DROPPED + KIND_POST, KIND_DROPPED + KIND_REMOTE);
}

/* K3: the same with everything due, and collected, but not run. */
static void close_drops_what_was_collected(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    fire_all(k);
    fail_call(SYS_WAIT, 1, EIO, false);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), -EIO);
    assert_int_equal(gyre_loop_close(f->loop), 0);
    ASSERT_TRACE(f, KIND_DROPPED + KIND_POST, KIND_DROPPED + KIND_REMOTE);
}

static void close_leaves_watchers_as_if_stopped(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);
    struct gyre_loop *other = make_loop();

    start_all(k);
    assert_int_equal(gyre_loop_close(f->loop), 0);
    for (enum kind kind = 0; kind < KIND_WATCHERS; kind++) {
        assert_false(kinds_is_started(k, kind));
        assert_false(kinds_stop(k, kind));
        assert_int_equal(kinds_init_one(k, kind, other), 0);
        assert_int_equal(kinds_start(k, kind), 0);
        assert_true(kinds_stop(k, kind));
    }
    assert_true(gyre_timer_deadline(&k->timer) == GYRE_NEVER);
    assert_int_equal(gyre_io_fd(&k->io), -1);
    assert_int_equal(gyre_loop_destroy(other), 0);
}

/* After the loop is gone its watchers are plain memory. */
static void watchers_of_a_destroyed_loop_can_move_to_another(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    start_all(k);
    assert_int_equal(gyre_loop_destroy(f->loop), 0);
    f->loop = make_loop();
    f->trace_count = 0;
    for (enum kind kind = 0; kind < KIND_WATCHERS; kind++) {
        assert_int_equal(kinds_init_one(k, kind, f->loop), 0);
        kinds_fire(k, kind);
    }
    assert_int_equal(run_ready(f), KIND_WATCHERS);
    kinds_stop_all(k);
}

/* Their loop is gone, and they know it only by not being started. */
static void watchers_of_a_destroyed_loop_can_still_be_stopped(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    start_all(k);
    assert_int_equal(gyre_loop_destroy(f->loop), 0);
    f->loop = NULL;
    for (enum kind kind = 0; kind < KIND_WATCHERS; kind++) {
        assert_false(kinds_is_started(k, kind));
        assert_false(kinds_stop(k, kind));
    }
    assert_true(gyre_timer_deadline(&k->timer) == GYRE_NEVER);
    assert_int_equal(gyre_io_fd(&k->io), -1);
    assert_int_equal(gyre_io_events(&k->io), 0);
}

static void descriptors_of_the_user_stay_open(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    start_all(k);
    assert_int_equal(gyre_loop_close(f->loop), 0);
    assert_true(fcntl(k->fds[0], F_GETFD) >= 0);
    assert_true(fcntl(k->fds[1], F_GETFD) >= 0);
}

/* What other threads wake the loop by stays open: one of them may be about to write to it. */
static void poller_is_closed_by_close_and_the_rest_by_destroy(void **state)
{
    struct fixture *f = fixture_of(state);
    int wakes = f->loop->inbox.wake.read_fd == f->loop->inbox.wake.write_fd ? 1 : 2;

    assert_int_equal(gyre_loop_close(f->loop), 0);
    assert_int_equal(count_fds(), f->fds_before + wakes);
    assert_int_equal(gyre_loop_destroy(f->loop), 0);
    assert_int_equal(count_fds(), f->fds_before);
    f->loop = NULL;
}

/* E8 */
static void close_restores_the_disposition(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);
    struct sigaction before, after;

    assert_int_equal(sigaction(KIND_SIGNO, NULL, &before), 0);
    assert_int_equal(kinds_start(k, KIND_SIGNAL), 0);
    assert_int_equal(gyre_loop_close(f->loop), 0);
    assert_int_equal(sigaction(KIND_SIGNO, NULL, &after), 0);
    assert_ptr_equal(after.sa_handler, before.sa_handler);
    assert_int_equal(after.sa_flags, before.sa_flags);
}

static void close_may_be_repeated(void **state)
{
    struct fixture *f = fixture_of(state);

    assert_int_equal(gyre_loop_close(f->loop), 0);
    assert_int_equal(gyre_loop_close(f->loop), 0);
}

/* ------------------------------------------------------------------ drop functions */

/* By then everything is stopped, and nothing can be started. */
static void try_everything(struct kinds *k, enum kind dropped)
{
    (void)dropped;
    for (enum kind kind = 0; kind < KIND_COUNT; kind++) {
        assert_int_equal(kinds_start(k, kind), -ESHUTDOWN);
        assert_false(kinds_is_started(k, kind));
        assert_false(kinds_stop(k, kind));
    }
    assert_int_equal(gyre_async_send(&k->async), -ESHUTDOWN);
    assert_int_equal(gyre_loop_run(k->f->loop), -ESHUTDOWN);
    assert_int_equal(gyre_loop_run_once(k->f->loop, 0), -ESHUTDOWN);
    assert_int_equal(gyre_loop_fd(k->f->loop), -ESHUTDOWN);
    assert_int_equal(gyre_loop_close(k->f->loop), 0);
    assert_false(gyre_loop_is_alive(k->f->loop));
}

/* D11 */
static void drop_finds_everything_stopped_and_starts_nothing(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    start_all(k);
    k->inside = try_everything;
    assert_int_equal(gyre_loop_close(f->loop), 0);
    ASSERT_TRACE(f, KIND_DROPPED + KIND_POST, KIND_DROPPED + KIND_REMOTE);
}

struct parcel {
    struct gyre_post post;
    struct fixture *f;
    int id;
};

static void parcel_ran(struct gyre_post *post, void *arg)
{
    struct parcel *parcel = container_of(post, struct parcel, post);

    assert_ptr_equal(arg, parcel);
    record(parcel->f, parcel->id);
    free(parcel);
}

static void parcel_dropped(void *arg)
{
    struct parcel *parcel = arg;

    record(parcel->f, -parcel->id);
    free(parcel);
}

static struct parcel *make_parcel(struct fixture *f, int id)
{
    struct parcel *parcel = calloc(1, sizeof(*parcel));

    assert_non_null(parcel);
    parcel->f = f;
    parcel->id = id;
    assert_int_equal(gyre_post_init(&parcel->post, f->loop, parcel_ran, parcel_dropped, parcel), 0);
    assert_int_equal(gyre_post_send(&parcel->post), 0);
    return parcel;
}

static struct fixture *remote_fixture;

static void remote_dropped(void *arg)
{
    record(remote_fixture, -(int)(intptr_t)arg);
}

static void remote_ran(void *arg)
{
    record(remote_fixture, (int)(intptr_t)arg);
}

static void send_remote(struct fixture *f, int id)
{
    remote_fixture = f;
    assert_int_equal(
        gyre_call_soon_threadsafe(f->loop, remote_ran, remote_dropped, (void *)(intptr_t)id), 0);
}

/* K3: those in the inbox and those on their way to the queue, in one order; each may free its node. */
static void posts_are_dropped_in_the_order_of_posting(void **state)
{
    struct fixture *f = fixture_of(state);

    make_parcel(f, 1);
    make_parcel(f, 2);
    send_remote(f, 3);
    fail_call(SYS_WAIT, 1, EIO, false);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), -EIO); /* collects, runs nothing */
    make_parcel(f, 4);
    send_remote(f, 5);
    make_parcel(f, 6);
    assert_int_equal(gyre_loop_close(f->loop), 0);
    ASSERT_TRACE(f, -1, -2, -3, -4, -5, -6);
}

static void post_may_have_no_drop_function(void **state)
{
    struct fixture *f = fixture_of(state);
    static struct gyre_post post;

    memset(&post, 0, sizeof(post));
    assert_int_equal(gyre_post_init(&post, f->loop, parcel_ran, NULL, NULL), 0);
    assert_int_equal(gyre_post_send(&post), 0);
    assert_int_equal(gyre_call_soon_threadsafe(f->loop, remote_ran, NULL, NULL), 0);
    assert_int_equal(gyre_loop_close(f->loop), 0);
    assert_int_equal(gyre_post_send(&post), -ESHUTDOWN); /* it is ours again */
}

/* D11: what comes later is refused, and stays the sender's. */
static void nothing_is_accepted_after_close(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    assert_int_equal(kinds_start(k, KIND_ASYNC), 0);
    assert_int_equal(gyre_loop_close(f->loop), 0);
    for (enum kind kind = 0; kind < KIND_COUNT; kind++)
        assert_int_equal(kinds_start(k, kind), -ESHUTDOWN);
    assert_int_equal(gyre_async_send(&k->async), -ESHUTDOWN);
    assert_int_equal(f->trace_count, 0);
}

/* K3 */
static void destroy_frees_all_that_is_pending(void **state)
{
    struct fixture *f = fixture_of(state);

    for (int i = 1; i <= 1000; i++) {
        make_parcel(f, i);
        send_remote(f, i);
        assert_int_equal(gyre_call_soon(f->loop, remote_ran, NULL), 0);
        assert_int_equal(gyre_call_later(f->loop, (uint64_t)i * GYRE_MS(7), remote_ran, NULL), 0);
    }
    assert_int_equal(gyre_loop_destroy(f->loop), 0);
    f->loop = NULL;
    assert_int_equal(f->trace_count, 2000);
}

/* K3: nodes that were used, in the loop's lists of free ones, beyond what these may hold. */
static void destroy_frees_used_nodes(void **state)
{
    struct fixture *f = fixture_of(state);

    remote_fixture = f;
    for (int i = 0; i < 1500; i++) {
        assert_int_equal(gyre_call_soon(f->loop, remote_ran, NULL), 0);
        assert_int_equal(gyre_call_later(f->loop, 0, remote_ran, NULL), 0);
    }
    assert_int_equal(run_ready(f), 3000);
    assert_int_equal(gyre_loop_destroy(f->loop), 0);
    f->loop = NULL;
}

/* K11: whatever the system says when things are put away, it is put away. */
static void close_cannot_fail(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);
    struct sigaction action = { .sa_handler = SIG_DFL };

    start_all(k);
    fail_syscall(1, EIO, true);
    fail_call(SYS_CLOSE, 1, EIO, true);
    fail_allocation(1, true);
    assert_int_equal(gyre_loop_destroy(f->loop), 0);
    disarm_faults();
    f->loop = NULL;
    assert_int_equal(sigaction(KIND_SIGNO, &action, NULL), 0);
    ASSERT_TRACE(f, KIND_DROPPED + KIND_POST, KIND_DROPPED + KIND_REMOTE);
}

/* ------------------------------------------------------------------ another thread */

struct handover {
    struct fixture *f;
    struct kinds *k;
    int adopted;
    int ran;
};

static void *adopt_and_run(void *arg)
{
    struct handover *h = arg;

    h->adopted = gyre_loop_adopt(h->f->loop);
    h->ran = gyre_loop_run(h->f->loop);
    return NULL;
}

static void stop_it(struct kinds *k, enum kind kind)
{
    (void)kinds_stop(k, kind);
}

static void adopted_loop_runs_what_was_started_before(void **state)
{
    struct fixture *f = fixture_of(state);
    struct handover h = { .f = f, .k = kinds_init(f) };
    pthread_t thread;

    h.k->inside = stop_it;
    fire_all(h.k);
    assert_int_equal(pthread_create(&thread, NULL, adopt_and_run, &h), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(h.adopted, 0);
    assert_int_equal(h.ran, GYRE_RUN_DONE);
    assert_int_equal(f->trace_count, KIND_COUNT);
    assert_int_equal(gyre_loop_run(f->loop), -EPERM); /* it is no longer ours */
    assert_int_equal(gyre_loop_close(f->loop), -EPERM);
    assert_int_equal(gyre_loop_adopt(f->loop), 0);
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_DONE);
}

static void adopting_ones_own_loop_changes_nothing(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = kinds_init(f);

    kinds_fire(k, KIND_CALL);
    assert_int_equal(gyre_loop_adopt(f->loop), 0);
    assert_int_equal(run_ready(f), 1);
}

static void closed_loop_cannot_be_adopted(void **state)
{
    struct fixture *f = fixture_of(state);

    assert_int_equal(gyre_loop_adopt(NULL), -EINVAL);
    assert_int_equal(gyre_loop_close(f->loop), 0);
    assert_int_equal(gyre_loop_adopt(f->loop), -ESHUTDOWN);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(close_drops_what_was_posted_and_runs_nothing_else),
        TEST(close_drops_what_was_collected),
        TEST(close_leaves_watchers_as_if_stopped),
        TEST(watchers_of_a_destroyed_loop_can_move_to_another),
        TEST(watchers_of_a_destroyed_loop_can_still_be_stopped),
        TEST(descriptors_of_the_user_stay_open),
        TEST(poller_is_closed_by_close_and_the_rest_by_destroy),
        TEST(close_restores_the_disposition),
        TEST(close_may_be_repeated),
        TEST(drop_finds_everything_stopped_and_starts_nothing),
        TEST(posts_are_dropped_in_the_order_of_posting),
        TEST(post_may_have_no_drop_function),
        TEST(nothing_is_accepted_after_close),
        TEST(destroy_frees_all_that_is_pending),
        TEST(destroy_frees_used_nodes),
        TEST(close_cannot_fail),
        TEST(adopted_loop_runs_what_was_started_before),
        TEST(adopting_ones_own_loop_changes_nothing),
        TEST(closed_loop_cannot_be_adopted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
