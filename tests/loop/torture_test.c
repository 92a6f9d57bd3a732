/* Torture: everything once, with the first allocation failing, then the second, and so on until none is
 * left; then with that one and all later ones failing; then the same with system calls. Each time
 * somebody must be told, nothing may leak, and the loop must be as good as new when the fault is over.
 *
 * SPDX-License-Identifier: MIT */
#include "support/fixture.h"

#include "support/fault.h"
#include "support/kinds.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { FAR_FD = 900 }; /* in a page of its own of the table of descriptors */

static struct gyre_io writer, far_reader;
static int far_fds[2];
static int first_error;
static unsigned error_events;

static void note(int err)
{
    if (err < 0 && first_error == 0)
        first_error = err;
}

static void on_extra(struct gyre_io *io, unsigned events, void *arg)
{
    (void)arg;
    error_events |= events;
    if (io == &writer)
        (void)gyre_io_stop(io);
    else
        (void)drain(far_fds[0]);
}

static void ignore(void *arg)
{
    (void)arg;
}

/* ------------------------------------------------------------------ what a round leaves behind */

struct leftovers {
    int fds;
    size_t bytes;
};

static struct leftovers count_leftovers(void)
{
    return (struct leftovers){ .fds = count_fds(), .bytes = live_bytes() };
}

static void assert_nothing_left(struct leftovers before)
{
    assert_int_equal(count_fds(), before.fds);
    assert_true(live_bytes() == before.bytes);
}

/* A far descriptor, and the kinds with their pair, without a loop. */
static struct kinds *prepare(struct fixture *f)
{
    int fds[2];

    f->wait_limit = UINT32_MAX;
    f->loop = make_loop();
    struct kinds *k = kinds_init(f);
    assert_int_equal(gyre_loop_destroy(f->loop), 0);
    f->loop = NULL;
    make_pair(f, fds);
    far_fds[0] = own_fd(f, fcntl(fds[0], F_DUPFD_CLOEXEC, FAR_FD));
    far_fds[1] = fds[1];
    return k;
}

/* ------------------------------------------------------------------ everything */

static void start_everything(struct kinds *k)
{
    int fd = gyre_loop_fd(k->f->loop);

    note(fd == -ENOTSUP ? 0 : fd);
    for (enum kind kind = 0; kind < KIND_COUNT; kind++) {
        assert_int_equal(kinds_init_one(k, kind, k->f->loop), 0);
        note(kinds_start(k, kind));
    }
    memset(&writer, 0, sizeof(writer));
    memset(&far_reader, 0, sizeof(far_reader));
    assert_int_equal(gyre_io_init(&writer, k->f->loop, on_extra, NULL), 0);
    assert_int_equal(gyre_io_init(&far_reader, k->f->loop, on_extra, NULL), 0);
    note(gyre_io_start(&writer, k->fds[0], GYRE_WRITE));
    note(gyre_io_start(&far_reader, far_fds[0], GYRE_READ));
}

static void make_everything_due(struct kinds *k)
{
    put(k->fds[1], "x");
    put(far_fds[1], "x");
    assert_int_equal(raise(KIND_SIGNO), 0);
    assert_int_equal(gyre_timer_start(&k->timer, 0), 0);
    if (kinds_is_started(k, KIND_ASYNC))
        assert_int_equal(gyre_async_send(&k->async), 0);
}

static void run_a_little(struct kinds *k)
{
    for (int i = 0; i < 4; i++)
        note(gyre_loop_run_once(k->f->loop, 0));
    assert_int_equal(gyre_timer_start(&k->timer, GYRE_US(10)), 0);
    note(gyre_loop_run_once(k->f->loop, GYRE_MS(1)));
}

static void change_everything(struct kinds *k)
{
    if (kinds_is_started(k, KIND_IO))
        note(gyre_io_start(&k->io, k->fds[0], GYRE_READ | GYRE_WRITE));
    for (int i = 0; i < 3; i++) {
        note(gyre_call_soon(k->f->loop, ignore, NULL));
        note(gyre_call_later(k->f->loop, 0, ignore, NULL));
        note(gyre_call_soon_threadsafe(k->f->loop, ignore, NULL, NULL));
    }
    note(gyre_loop_run_once(k->f->loop, 0));
    note(gyre_loop_shutdown(k->f->loop, 0));
}

static void stop_everything(struct kinds *k)
{
    kinds_stop_all(k);
    (void)gyre_io_stop(&writer);
    (void)gyre_io_stop(&far_reader);
}

static void do_everything(struct kinds *k)
{
    struct gyre_loop_options opt = test_options();

    first_error = 0;
    error_events = 0;
    k->io_events = 0;
    k->f->loop = NULL;
    note(gyre_loop_create(&opt, &k->f->loop));
    if (first_error)
        return;
    start_everything(k);
    make_everything_due(k);
    run_a_little(k);
    change_everything(k);
    stop_everything(k);
}

/* Once more, without faults, all of it. */
static void assert_usable(struct kinds *k)
{
    (void)run_ready(k->f);
    (void)drain(k->fds[0]);
    k->f->trace_count = 0;
    for (enum kind kind = 0; kind < KIND_COUNT; kind++) {
        assert_int_equal(kinds_init_one(k, kind, k->f->loop), 0);
        kinds_fire(k, kind);
    }
    assert_int_equal(run_ready(k->f), KIND_COUNT);
    kinds_stop_all(k);
}

/* After do_everything, the faults disarmed. */
static void assert_recovered(struct kinds *k, struct leftovers before)
{
    if (k->f->loop) {
        assert_usable(k);
        assert_int_equal(gyre_loop_destroy(k->f->loop), 0);
        k->f->loop = NULL;
    }
    (void)drain(k->fds[0]);
    (void)drain(far_fds[0]);
    k->f->trace_count = 0;
    assert_nothing_left(before);
}

/* K1, K2, K10 */
static void every_failing_allocation_is_reported_and_survived(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = prepare(f);
    struct leftovers before = count_leftovers();

    for (int forever = 0; forever < 2; forever++) {
        bool fired = true;

        for (unsigned n = 1; fired; n++) {
            fail_allocation(n, forever);
            do_everything(k);
            fired = fault_fired();
            disarm_faults();
            assert_int_equal(first_error, fired ? -ENOMEM : 0);
            assert_recovered(k, before);
        }
    }
}

/* Where nobody need be told: what is taken away is away, and what is only faster is done otherwise. */
static bool may_be_silent(enum sys_call call)
{
    switch (call) {
    case SYS_EPOLL_PWAIT2:    /* the older call is used */
    case SYS_TIMERFD_SETTIME: /* the foreign loop runs us too often */
    case SYS_SIGACTION:       /* at restoring: the handler stays, with nobody to tell */
    case SYS_EPOLL_CTL:       /* at removing */
    case SYS_KEVENT:          /* at removing, and tried again one by one */
        return true;
    default:
        return false;
    }
}

/* K1, K2, K10 */
static void every_failing_system_call_is_reported_and_survived(void **state)
{
    static const int errors[] = { ENOMEM, EPERM };
    struct fixture *f = fixture_of(state);
    struct kinds *k = prepare(f);
    struct leftovers before = count_leftovers();

    for (int way = 0; way < 4; way++) {
        bool fired = true;

        for (unsigned n = 1; fired; n++) {
            fail_syscall(n, errors[way / 2], way % 2);
            do_everything(k);
            fired = fault_fired();
            disarm_faults();
            if (f->loop)
                note(gyre_loop_run_once(f->loop, 0)); /* of a wake-up it is told afterwards */
            bool told = first_error < 0 || (error_events | k->io_events) & GYRE_ERROR;
            assert_true(told || !fired || may_be_silent(fault_met_by()));
            assert_recovered(k, before);
        }
        assert_int_equal(first_error, 0);
    }
}

/* E10: a signal may end any call at any time. */
static void every_interrupted_system_call_is_repeated_or_harmless(void **state)
{
    static const enum sys_call interrupted[] = { SYS_READ, SYS_WRITE, SYS_EPOLL_WAIT,
                                                 SYS_EPOLL_PWAIT2, SYS_POLL };
    struct fixture *f = fixture_of(state);
    struct kinds *k = prepare(f);
    struct leftovers before = count_leftovers();

    for (size_t i = 0; i < sizeof(interrupted) / sizeof(interrupted[0]); i++) {
        bool fired = true;

        for (unsigned n = 1; fired; n++) {
            fail_call(interrupted[i], n, EINTR, false);
            do_everything(k);
            fired = fault_fired();
            disarm_faults();
            assert_int_equal(first_error, 0);
            assert_recovered(k, before);
        }
    }
}

/* ------------------------------------------------------------------ making a loop */

static void assert_create_fails_cleanly(int err, struct leftovers before)
{
    struct gyre_loop_options opt = test_options();
    struct gyre_loop *marker = (struct gyre_loop *)(void *)&opt;
    struct gyre_loop *loop = marker;

    opt.fd_capacity = 1000;
    int got = gyre_loop_create(&opt, &loop);
    bool fired = fault_fired();

    disarm_faults();
    if (fault_met_by() == SYS_KEVENT && got == 0)
        fired = false; /* changes are tried again one by one */
    assert_int_equal(got, fired ? err : 0);
    if (got == 0)
        assert_int_equal(gyre_loop_destroy(loop), 0);
    else
        assert_ptr_equal(loop, marker);
    assert_nothing_left(before);
}

/* B8, K1, K2 */
static void loop_is_made_wholly_or_not_at_all(void **state)
{
    struct leftovers before = count_leftovers();

    (void)state;
    for (int forever = 0; forever < 2; forever++) {
        for (unsigned n = 1; n <= 20; n++) {
            fail_allocation(n, forever);
            assert_create_fails_cleanly(-ENOMEM, before);
            fail_syscall(n, EMFILE, forever);
            assert_create_fails_cleanly(-EMFILE, before);
        }
    }
}

/* ------------------------------------------------------------------ starting a watcher */

static void *memory_of(struct kinds *k, enum kind kind, size_t *size)
{
    switch (kind) {
    case KIND_CALL:
        *size = sizeof(k->call);
        return &k->call;
    case KIND_TIMER:
        *size = sizeof(k->timer);
        return &k->timer;
    case KIND_IO:
        *size = sizeof(k->io);
        return &k->io;
    case KIND_SIGNAL:
        *size = sizeof(k->sig);
        return &k->sig;
    case KIND_ASYNC:
        *size = sizeof(k->async);
        return &k->async;
    default:
        *size = sizeof(k->post);
        return &k->post;
    }
}

/* Whether the fault was met; the memory of what failed to start is overwritten: nobody may know it. */
static bool start_under_fault(struct kinds *k, enum kind kind, bool *failed)
{
    size_t size;
    void *memory = memory_of(k, kind, &size);

    assert_int_equal(kinds_init_one(k, kind, k->f->loop), 0);
    int err = kinds_start(k, kind);
    bool fired = fault_fired();

    disarm_faults();
    *failed = err < 0;
    if (!*failed) {
        assert_true(kinds_stop(k, kind));
        return fired;
    }
    memset(memory, 0xdd, size);
    for (int i = 0; i < 3; i++)
        assert_int_equal(gyre_loop_run_once(k->f->loop, 0), 0);
    assert_false(gyre_loop_is_alive(k->f->loop));
    memset(memory, 0, size);
    return fired;
}

/* B8, D26 of the scheduler */
static void failed_start_leaves_no_trace(void **state)
{
    struct fixture *f = fixture_of(state);
    struct kinds *k = prepare(f);

    for (enum kind kind = 0; kind < KIND_WATCHERS; kind++) {
        bool fired = true, failed;

        for (unsigned n = 1; fired; n++) {
            f->loop = make_loop();
            fail_allocation(n, false);
            fired = start_under_fault(k, kind, &failed);
            assert_true(failed == fired);
            fail_syscall(n, EMFILE, true);
            fired = start_under_fault(k, kind, &failed) || fired;
            assert_int_equal(gyre_loop_destroy(f->loop), 0);
        }
    }
    f->loop = NULL;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_bare, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_failing_allocation_is_reported_and_survived),
        TEST(every_failing_system_call_is_reported_and_survived),
        TEST(every_interrupted_system_call_is_repeated_or_harmless),
        TEST(loop_is_made_wholly_or_not_at_all),
        TEST(failed_start_leaves_no_trace),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
