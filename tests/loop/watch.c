/* See watch.h.
 *
 * SPDX-License-Identifier: MIT */
#include "watch.h"

#include "support/fault.h"
#include "support/script_poller.h"

#include <string.h>

static void on_io(struct gyre_io *io, unsigned events, void *arg)
{
    struct watch *w = arg;

    assert_ptr_equal(io, &w->io);
    record(w->f, w->id);
    w->calls++;
    w->events = events;
    if (w->then)
        w->then(w);
}

void watch_init(struct fixture *f, struct watch *w, int id)
{
    memset(w, 0, sizeof(*w));
    w->f = f;
    w->id = id;
    assert_int_equal(gyre_io_init(&w->io, f->loop, on_io, w), 0);
}

void watch_start(struct fixture *f, struct watch *w, int id, int fd, unsigned events)
{
    watch_init(f, w, id);
    assert_int_equal(gyre_io_start(&w->io, fd, events), 0);
}

void watch_change(struct watch *w, unsigned events)
{
    assert_int_equal(gyre_io_start(&w->io, gyre_io_fd(&w->io), events), 0);
}

void watch_stop(struct watch *w)
{
    assert_true(gyre_io_stop(&w->io));
}

void watch_drain(struct watch *w)
{
    drain(gyre_io_fd(&w->io));
}

void watch_until_called(struct watch *w)
{
    int calls = w->calls;

    for (int i = 0; i < 100 && w->calls == calls; i++)
        assert_return_code(gyre_loop_run_once(w->f->loop, GYRE_MS(100)), 0);
    assert_int_not_equal(w->calls, calls);
}

static void end_of_time(struct gyre_timer *timer, void *arg)
{
    (void)arg;
    gyre_loop_stop(timer->call.loop);
}

unsigned long waits_during(struct fixture *f, uint64_t duration)
{
    static struct gyre_timer timer;
    unsigned long before = sys_calls(SYS_WAIT);

    memset(&timer, 0, sizeof(timer));
    assert_int_equal(gyre_timer_init(&timer, f->loop, end_of_time, NULL), 0);
    assert_int_equal(gyre_timer_start(&timer, duration), 0);
    assert_int_equal(gyre_loop_run(f->loop), GYRE_RUN_STOPPED);
    return sys_calls(SYS_WAIT) - before;
}

void watch_report_together(struct watch *w, int count, unsigned events)
{
    for (int i = 0; i < count && poller_is(w[i].f, "script"); i++)
        script_push(script_key(gyre_io_fd(&w[i].io)), events);
}
