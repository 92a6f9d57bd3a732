/* Reports that a kernel may make and seldom does: of the past, of nobody, twice, with every hint at
 * once.
 *
 * SPDX-License-Identifier: MIT */
#include "watch.h"

#include "loop/core.h"
#include "support/script_poller.h"

#include <errno.h>

static struct watch a, b;

enum { BOTH = GYRE_READ | GYRE_WRITE };

/* Watch a descriptor that is not ready; return the key of it. */
static uint64_t watch_quiet(struct fixture *f, struct watch *w, int id)
{
    int fds[2];

    make_pair(f, fds);
    watch_start(f, w, id, fds[0], GYRE_READ);
    return script_key(fds[0]);
}

static void reported_event_is_delivered(void **state)
{
    struct fixture *f = fixture_of(state);
    uint64_t key = watch_quiet(f, &a, 1);

    script_push(key, POLLER_READ);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    assert_int_equal(a.events, GYRE_READ);
}

static void event_nobody_asked_for_calls_nobody(void **state)
{
    struct fixture *f = fixture_of(state);
    uint64_t key = watch_quiet(f, &a, 1);

    script_push(key, POLLER_WRITE);
    script_push(key, 0);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 0);
    assert_int_equal(f->loop->ghosts, 0);
}

/* A1, A9 */
static void report_of_an_earlier_watch_is_dropped(void **state)
{
    struct fixture *f = fixture_of(state);
    uint64_t key = watch_quiet(f, &a, 1);
    int fd = gyre_io_fd(&a.io);

    watch_stop(&a);
    watch_start(f, &a, 1, fd, GYRE_READ);
    assert_int_not_equal(script_key(fd), key);
    script_push(key, POLLER_READ | POLLER_HANGUP);
    script_push(key, POLLER_GONE);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 0);
    assert_int_equal(f->loop->ghosts, 2);
    assert_true(gyre_io_is_started(&a.io));
}

static void report_of_a_stopped_watch_is_dropped(void **state)
{
    struct fixture *f = fixture_of(state);
    uint64_t key = watch_quiet(f, &a, 1);

    watch_stop(&a);
    script_push(key, POLLER_READ);
    script_push(key + (UINT64_C(1) << 32), POLLER_READ);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 0);
    assert_int_equal(f->loop->ghosts, 2);
}

static void report_of_an_unknown_number_is_dropped(void **state)
{
    struct fixture *f = fixture_of(state);

    watch_quiet(f, &a, 1);
    script_push(100000, POLLER_READ);
    script_push(INT32_MAX, POLLER_GONE);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 0);
    assert_int_equal(f->loop->ghosts, 2);
}

/* A2 */
static void set_is_made_anew_after_a_few_reports_of_the_past(void **state)
{
    struct fixture *f = fixture_of(state);
    uint64_t key = watch_quiet(f, &a, 1);
    const void *old_set = f->loop->poller.u.script;

    for (int i = 0; i < 3; i++)
        script_push(key + (UINT64_C(1) << 32), POLLER_READ);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 0);
    assert_ptr_not_equal(f->loop->poller.u.script, old_set);
    assert_int_equal(f->loop->ghosts, 0);
    script_push(key, POLLER_READ);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
}

/* H-1, H-2 */
static void hints_alone_mean_all_that_was_asked_for(void **state)
{
    struct fixture *f = fixture_of(state);
    uint64_t key = watch_quiet(f, &a, 1);

    watch_start(f, &b, 2, gyre_io_fd(&a.io), BOTH);
    script_push(key, POLLER_HANGUP);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 2);
    assert_int_equal(a.events, GYRE_READ | GYRE_HANGUP);
    assert_int_equal(b.events, BOTH | GYRE_HANGUP);
    script_push(key, POLLER_ERROR);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 2);
    assert_int_equal(a.events, GYRE_READ | GYRE_ERROR);
    script_push(key, POLLER_WRITE | POLLER_ERROR | POLLER_HANGUP);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 2);
    assert_int_equal(a.events, GYRE_READ | GYRE_HANGUP | GYRE_ERROR);
    assert_int_equal(b.events, BOTH | GYRE_HANGUP | GYRE_ERROR);
}

static void reports_of_one_batch_are_merged(void **state)
{
    struct fixture *f = fixture_of(state);
    uint64_t key = watch_quiet(f, &a, 1);

    watch_change(&a, BOTH);
    script_push(key, POLLER_READ);
    script_push(key, POLLER_READ);
    script_push(key, POLLER_WRITE);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    assert_int_equal(a.events, BOTH);
}

static void gone_after_an_event_of_the_same_batch_is_all_that_is_told(void **state)
{
    struct fixture *f = fixture_of(state);
    uint64_t key = watch_quiet(f, &a, 1);

    script_push(key, POLLER_READ);
    script_push(key, POLLER_GONE);
    script_push(key, POLLER_READ);
    assert_int_equal(gyre_loop_run_once(f->loop, 0), 1);
    assert_int_equal(a.events, GYRE_GONE);
    assert_false(gyre_io_is_started(&a.io));
}

/* Until the poller says more, a wait that ended early is nothing but a tick. */
static void early_ends_of_waits_do_no_harm(void **state)
{
    struct fixture *f = fixture_of(state);

    watch_quiet(f, &a, 1);
    script_repeat(3);
    assert_in_range(waits_during(f, GYRE_MS(20)), 1, 100);
    assert_int_equal(a.calls, 0);
}

#define IO_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IO_TEST(reported_event_is_delivered),
        IO_TEST(event_nobody_asked_for_calls_nobody),
        IO_TEST(report_of_an_earlier_watch_is_dropped),
        IO_TEST(report_of_a_stopped_watch_is_dropped),
        IO_TEST(report_of_an_unknown_number_is_dropped),
        IO_TEST(set_is_made_anew_after_a_few_reports_of_the_past),
        IO_TEST(hints_alone_mean_all_that_was_asked_for),
        IO_TEST(reports_of_one_batch_are_merged),
        IO_TEST(gone_after_an_event_of_the_same_batch_is_all_that_is_told),
        IO_TEST(early_ends_of_waits_do_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
