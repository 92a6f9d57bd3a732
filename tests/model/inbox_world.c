/* See inbox_world.h.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model/no_trail.h"

#include "gyre/loop.h"
#include "gyre/test.h"
#include "os/sys.h"

#include "model/inbox_world.h"

/* From here on atomic operations are steps. */
#include "model/explore.h"

/* One mutex is enough: the library never holds two. */
static bool is_locked;

static int world_lock(void)
{
    uint64_t seen;

    if (!explore_replayed(&seen)) {
        if (is_locked)
            explore_block();
        is_locked = true;
        explore_did(0);
    }
    return 0;
}

static int world_unlock(void)
{
    uint64_t seen;

    if (!explore_replayed(&seen)) {
        is_locked = false;
        explore_did(0);
    }
    return 0;
}

static int world_mask(const sigset_t *mask, sigset_t *old)
{
    if (old)
        *old = *mask;
    return 0;
}

#define pthread_mutex_lock(mutex)       ((void)(mutex), world_lock())
#define pthread_mutex_unlock(mutex)     ((void)(mutex), world_unlock())
#define pthread_sigmask(how, mask, old) world_mask(mask, old)
#define kill(pid, signo)                ((void)(pid), (void)(signo), world_signals.raised++, 0)

struct world_signals world_signals;

#include "base/error.c"
#include "base/memory.c"
#include "base/options.c"
#include "os/poller.c"
#include "os/signal_table.c"
#include "os/thread.c"
#include "os/wake.c"

#include "loop/inbox.c"

/* ------------------------------------------------------------------ mistakes */

enum mistake mistake;

static bool mistaken_sleep(struct inbox *in)
{
    return mistake == MARK_AFTER_LOOK ? mailbox_head(&in->box) == NULL : inbox_sleep(in);
}

static void mistaken_request(struct inbox *in, unsigned bit)
{
    if (mistake != WAKE_BEFORE_BIT) {
        inbox_request(in, bit);
        return;
    }
    inbox_wake(in);
    __atomic_fetch_or(&in->attention, bit, __ATOMIC_SEQ_CST);
}

static struct gyre_link *mistaken_take(struct inbox *in)
{
    if (mistake != TORN_TAKE)
        return inbox_take(in);

    struct gyre_link *head = mailbox_head(&in->box);
    if (head == NULL || head == MAILBOX_CLOSED)
        return NULL;
    __atomic_store_n(&in->box.head, NULL, __ATOMIC_SEQ_CST);
    return head == MAILBOX_IDLE ? NULL : head;
}

static struct gyre_link *mistaken_close(struct inbox *in)
{
    if (mistake != TORN_CLOSE)
        return inbox_close(in);

    struct gyre_link *head = mailbox_head(&in->box);
    __atomic_store_n(&in->box.head, MAILBOX_CLOSED, __ATOMIC_SEQ_CST);
    return head == MAILBOX_IDLE ? NULL : head;
}

static unsigned mistaken_signal_take(struct signal_port *port, int signo, unsigned *seen)
{
    if (mistake != HASTY_TAKE)
        return signal_take(port, signo, seen);

    *seen = __atomic_load_n(&signal_entries[signo].delivered, __ATOMIC_SEQ_CST);
    return __atomic_exchange_n(&port->count[signo], 0, __ATOMIC_SEQ_CST);
}

#define signal_take   mistaken_signal_take
#define inbox_sleep   mistaken_sleep
#define inbox_request mistaken_request
#define inbox_take    mistaken_take
#define inbox_close   mistaken_close

#include "loop/access.c"
#include "loop/async.c"
#include "loop/attach.c"
#include "loop/call.c"
#include "loop/fd_table.c"
#include "loop/foreign.c"
#include "loop/fork.c"
#include "loop/interest.c"
#include "loop/io.c"
#include "loop/loop.c"
#include "loop/post.c"
#include "loop/signal.c"
#include "loop/soon.c"
#include "loop/testclock.c"
#include "loop/tick.c"
#include "loop/timer.c"
#include "loop/timer_heap.c"
#include "loop/wheel.c"

#undef inbox_sleep

static void fire_async_late(struct gyre_call *call, void *arg)
{
    struct gyre_async *async = container_of(call, struct gyre_async, call);

    async->fn(async, arg);
    store_state(async, ASYNC_ARMED);
}

/* ------------------------------------------------------------------ the kernel */

static struct gyre_loop *the_loop;
static bool is_signalled; /* the wake-up is readable, or its edge has not been seen */
static uint64_t wake_key;
static bool has_edges;  /* what the poller is like */
static bool is_handled; /* signals call the library's handler */

static ssize_t world_write(int fd, const void *buf, size_t size)
{
    uint64_t seen;

    (void)fd;
    (void)buf;
    if (!explore_replayed(&seen)) {
        is_signalled = true;
        explore_did(0);
    }
    return (ssize_t)size;
}

static ssize_t world_read(int fd, void *buf, size_t size)
{
    uint64_t seen;

    (void)fd;
    (void)buf;
    (void)size;
    if (!explore_replayed(&seen)) {
        seen = is_signalled;
        is_signalled = false;
        explore_did(seen);
    }
    if (seen)
        return 8;
    errno = EAGAIN;
    return -1;
}

static int world_close(int fd)
{
    (void)fd;
    return 0;
}

static int world_wake_pair(int fds[2])
{
    fds[0] = fds[1] = 3;
    return 0;
}

static int world_sigaction(int signo, const struct sigaction *act, struct sigaction *old)
{
    (void)signo;
    if (old)
        *old = (struct sigaction){ .sa_flags = 0 };
    __atomic_store_n(&is_handled, act->sa_handler == handle_signal, __ATOMIC_SEQ_CST);
    return 0;
}

static int world_clock(clockid_t clock, struct timespec *ts)
{
    (void)clock;
    *ts = (struct timespec){ .tv_sec = 1 };
    return 0;
}

const struct sys_table sys_real = {
    .read = world_read,
    .write = world_write,
    .close = world_close,
    .is_open = world_close,
    .wake_pair = world_wake_pair,
    .sigaction = world_sigaction,
    .clock_gettime = world_clock,
};
const struct sys_table *sys = &sys_real;

static int world_open(struct poller *p, const struct poller_ops *ops)
{
    (void)p;
    (void)ops;
    return 0;
}

static void world_end(struct poller *p)
{
    (void)p;
}

static int world_set(struct poller *p, int fd, uint64_t key, unsigned old, unsigned events)
{
    (void)p;
    (void)fd;
    (void)old;
    (void)events;
    wake_key = key;
    return 0;
}

static int world_wait(struct poller *p, uint64_t timeout, struct poller_event *out, int max)
{
    uint64_t seen;

    (void)p;
    (void)max;
    if (timeout > 0 && mistake == MARK_AFTER_LOOK)
        (void)inbox_sleep(&the_loop->inbox);
    if (!explore_replayed(&seen)) {
        if (timeout > 0 && !is_signalled)
            explore_block();
        seen = is_signalled;
        if (has_edges)
            is_signalled = false;
        explore_did(seen);
    }
    explore_forget(seen); /* the rest of a tick sees only what lies in memory */
    if (seen)
        *out = (struct poller_event){ .key = wake_key, .events = POLLER_READ };
    return (int)seen;
}

static const struct poller_ops edge_poller = {
    .name = "edge",
    .edge = true,
    .open = world_open,
    .close = world_end,
    .set = world_set,
    .wait = world_wait,
};

static const struct poller_ops level_poller = {
    .name = "level",
    .edge = false,
    .open = world_open,
    .close = world_end,
    .set = world_set,
    .wait = world_wait,
};

const struct poller_ops *const poller_list[] = { &edge_poller, &level_poller, NULL };

/* ------------------------------------------------------------------ */

void world_begin(void)
{
    is_signalled = false;
    explore_reset();
    explore_memory(&thread_running, sizeof(thread_running));
    explore_memory(&is_signalled, sizeof(is_signalled));
}

struct gyre_loop *world_make(const char *poller)
{
    struct gyre_loop_options opt = { .size = sizeof(opt), .poller = poller };

    if (gyre_loop_create(&opt, &the_loop) < 0)
        return NULL;
    has_edges = the_loop->poller.ops->edge;

    explore_memory(the_loop,
                   offsetof(struct gyre_loop, port)); /* the wheel is never changed here */
    explore_memory(&the_loop->inbox, sizeof(the_loop->inbox));
    explore_shared(&the_loop->inbox.box.head, sizeof(the_loop->inbox.box.head));
    explore_shared(&the_loop->inbox.attention, sizeof(the_loop->inbox.attention));
    return the_loop;
}

void world_share_async(struct gyre_async *async)
{
    if (mistake == LATE_ARMING)
        async->call.fn = fire_async_late;
    explore_memory(async, sizeof(*async));
    explore_shared(&async->call.sent, sizeof(async->call.sent));
}

void world_share_signal(struct gyre_loop *loop, int signo)
{
    struct signal_port *port = &loop->port;

    explore_memory(port, sizeof(*port));
    explore_shared(&port->count[signo], sizeof(port->count[signo]));
    if (port->next) /* another loop's, and what both use is known */
        return;
    explore_memory(&ports, sizeof(ports));
    explore_memory(&handlers_running, sizeof(handlers_running));
    explore_memory(&signal_entries[signo], sizeof(signal_entries[signo]));
    explore_memory(&world_signals, sizeof(world_signals));
    explore_memory(&is_handled, sizeof(is_handled));
    explore_memory(&is_locked, sizeof(is_locked));
}

void world_share_table(struct gyre_loop *loop, int signo)
{
    struct signal_port *port = &loop->port;

    explore_shared(&port->next, sizeof(port->next));
    explore_shared(&port->watched[signo], sizeof(port->watched[signo]));
    if (port->next)
        return;
    explore_shared(&ports, sizeof(ports));
    explore_shared(&handlers_running, sizeof(handlers_running));
    explore_shared(&signal_entries[signo], sizeof(signal_entries[signo]));
    explore_shared(&is_handled, sizeof(is_handled));
}

/* No program can see a handler that the kernel has chosen and that has not begun; here it counts as
 * running from that moment. */
void world_signal(int signo)
{
    uint64_t seen;

    if (!explore_replayed(&seen)) {
        seen = is_handled;
        handlers_running += (unsigned)seen;
        explore_did(seen);
    }
    if (!seen) {
        world_signals.left_alone++;
        return;
    }
    world_signals.handled++;
    handle_signal(signo);
    (void)__atomic_sub_fetch(&handlers_running, 1, __ATOMIC_SEQ_CST);
}
