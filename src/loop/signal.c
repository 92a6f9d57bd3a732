/* Signal watchers.
 *
 * Invariant: a started watcher (signo != 0) is in l->signals; the loop's port watches a signal in
 * the process's table exactly while some watcher here does. `count` is what was taken from the port
 * and not yet told.
 *
 * SPDX-License-Identifier: MIT */
#include "loop/core.h"

#include <unistd.h>

static void signal_fire(struct gyre_call *call, void *arg)
{
    struct gyre_signal *sig = container_of(call, struct gyre_signal, call);
    unsigned count = sig->count;

    sig->count = 0;
    signal_told(sig->signo, sig->seen);
    sig->fn(sig, count, arg);
}

/* In the signal handler. */
static void notify_port(struct signal_port *port)
{
    struct gyre_loop *l = container_of(port, struct gyre_loop, port);

    inbox_request(&l->inbox, ATTENTION_SIGNAL);
}

void signal_init_port(struct gyre_loop *l)
{
    l->port = (struct signal_port){ .pid = getpid(), .notify = notify_port };
}

int gyre_signal_init(struct gyre_signal *sig, struct gyre_loop *loop, gyre_signal_fn *fn, void *arg)
{
    if (!sig || !loop || !fn)
        return -EINVAL;

    int err = watcher_init(&sig->call, loop, sig->signo != 0, signal_fire, arg);
    if (err < 0)
        return err;
    sig->fn = fn;
    sig->signo = 0;
    sig->count = 0;
    return 0;
}

static bool loop_watches(const struct gyre_loop *l, int signo)
{
    for (struct gyre_link *link = l->signals.next; link != &l->signals; link = link->next)
        if (container_of(link, struct gyre_signal, sibling)->signo == signo)
            return true;
    return false;
}

int gyre_signal_start(struct gyre_signal *sig, int signo)
{
    if (!sig)
        return -EINVAL;

    int err = watcher_enter(&sig->call);
    if (err < 0)
        return err;
    if (!signal_may_watch(signo))
        return -EINVAL;
    if (sig->signo)
        return sig->signo == signo ? -EALREADY : -EBUSY;

    struct gyre_loop *l = sig->call.loop;
    if (!loop_watches(l, signo))
        err = signal_table_add(&l->port, signo);
    if (err < 0)
        return err;
    sig->signo = signo;
    list_append(&l->signals, &sig->sibling);
    l->live += sig->call.weight;
    return 0;
}

static void detach_signal(struct gyre_loop *l, struct gyre_signal *sig)
{
    int signo = sig->signo;

    if (sig->call.state == CALL_QUEUED)
        queue_remove(&sig->call);
    list_remove(&sig->sibling);
    sig->signo = 0;
    sig->count = 0;
    l->live -= sig->call.weight;
    if (!loop_watches(l, signo))
        signal_table_remove(&l->port, signo);
}

bool gyre_signal_stop(struct gyre_signal *sig)
{
    if (!gyre_signal_is_started(sig))
        return false;

    detach_signal(sig->call.loop, sig);
    return true;
}

bool gyre_signal_is_started(const struct gyre_signal *sig)
{
    return sig && watcher_is_initialised(&sig->call) && sig->signo && watcher_may_stop(&sig->call);
}

static void set_weight_of_signal(struct gyre_signal *sig, uint8_t weight)
{
    if (sig && watcher_is_initialised(&sig->call))
        watcher_set_weight(&sig->call, weight, sig->signo ? &sig->call.loop->live : NULL);
}

void gyre_signal_ref(struct gyre_signal *sig)
{
    set_weight_of_signal(sig, 1);
}

void gyre_signal_unref(struct gyre_signal *sig)
{
    set_weight_of_signal(sig, 0);
}

void signal_collect(struct gyre_loop *l)
{
    unsigned taken[SIGNAL_COUNT] = { 0 };
    unsigned seen[SIGNAL_COUNT] = { 0 };

    for (int signo = 1; signo < SIGNAL_COUNT; signo++)
        taken[signo] = signal_take(&l->port, signo, &seen[signo]);

    for (struct gyre_link *link = l->signals.next; link != &l->signals; link = link->next) {
        struct gyre_signal *sig = container_of(link, struct gyre_signal, sibling);
        unsigned count = taken[sig->signo];

        if (count == 0)
            continue;
        sig->seen = seen[sig->signo];
        sig->count = count > UINT32_MAX - sig->count ? UINT32_MAX : sig->count + count;
        if (sig->call.state == CALL_IDLE)
            queue_append(l, &sig->call);
    }
}

void signal_close(struct gyre_loop *l)
{
    while (!list_is_empty(&l->signals))
        detach_signal(l, container_of(l->signals.next, struct gyre_signal, sibling));
}

void signal_adopt_port(struct gyre_loop *l)
{
    signal_forget(&l->port);
    for (struct gyre_link *link = l->signals.next; link != &l->signals; link = link->next) {
        struct gyre_signal *sig = container_of(link, struct gyre_signal, sibling);

        if (sig->call.state == CALL_QUEUED)
            queue_remove(&sig->call);
        sig->count = 0;
    }
    __atomic_store_n(&l->port.pid, getpid(), __ATOMIC_RELAXED);
}
