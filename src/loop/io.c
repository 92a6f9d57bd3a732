/* Watchers of file descriptors.
 *
 * Invariant: a started watcher (wanted != 0) is in the list of its descriptor's slot; it is in the
 * queue exactly while `ready` is not 0. A watcher that was stopped because its file is gone is only
 * in the queue, until it has been told.
 *
 * SPDX-License-Identifier: MIT */
#include "loop/core.h"
#include "os/sys.h"

enum { ASKABLE = GYRE_READ | GYRE_WRITE, HINTS = GYRE_HANGUP | GYRE_ERROR };

static void io_fire(struct gyre_call *call, void *arg)
{
    struct gyre_io *io = container_of(call, struct gyre_io, call);
    unsigned events = io->ready;

    io->ready = 0;
    io->fn(io, events, arg);
}

static bool is_started_or_queued(const struct gyre_io *io)
{
    return io->wanted || io->call.state != CALL_IDLE;
}

int gyre_io_init(struct gyre_io *io, struct gyre_loop *loop, gyre_io_fn *fn, void *arg)
{
    if (!io || !loop || !fn)
        return -EINVAL;

    int err = watcher_init(&io->call, loop, is_started_or_queued(io), io_fire, arg);
    if (err < 0)
        return err;
    io->fn = fn;
    io->fd = -1;
    io->wanted = 0;
    io->ready = 0;
    return 0;
}

/* Forget collected events but for those in `kept`. */
static void keep_ready(struct gyre_io *io, unsigned kept)
{
    io->ready = (uint8_t)(io->ready & kept);
    if (io->ready == 0 && io->call.state == CALL_QUEUED)
        queue_remove(&io->call);
}

/* Those that read come before those that only write, else the later start comes last. */
static void link_sibling(struct fd_slot *slot, struct gyre_io *io)
{
    struct gyre_link *at = &slot->watchers;

    if (io->wanted & GYRE_READ)
        for (at = at->next; at != &slot->watchers; at = at->next)
            if (!(container_of(at, struct gyre_io, sibling)->wanted & GYRE_READ))
                break;
    list_insert_before(at, &io->sibling);
}

static int find_slot(struct gyre_loop *l, int fd, struct fd_slot **slot)
{
    *slot = fd_table_find(&l->fds, fd);
    if (*slot)
        return 0;

    /* No memory for a number that is no file: it might be 2^31 - 1. */
    if (sys->is_open(fd) < 0)
        return -errno;
    int err = fd_table_reserve(&l->fds, &l->allocator, fd);
    if (err < 0)
        return err;
    *slot = fd_table_find(&l->fds, fd);
    return 0;
}

static int add_watcher(struct gyre_io *io, int fd, unsigned events)
{
    struct gyre_loop *l = io->call.loop;
    struct fd_slot *slot;
    int err = find_slot(l, fd, &slot);

    if (err == 0)
        err = interest_add(l, slot, fd, events);
    if (err < 0)
        return err;

    keep_ready(io, 0);
    io->fd = fd;
    io->wanted = (uint8_t)events;
    link_sibling(slot, io);
    l->live += io->call.weight;
    return 0;
}

static void change_watcher(struct gyre_io *io, unsigned events)
{
    struct gyre_loop *l = io->call.loop;
    struct fd_slot *slot = fd_table_find(&l->fds, io->fd);
    unsigned kept = io->ready & events;

    /* A hang-up alone would be no news to a watcher that no longer asks for what it came with. */
    keep_ready(io, kept ? events | HINTS : 0);
    if (io->wanted == events)
        return;

    bool moves = (io->wanted ^ events) & GYRE_READ;
    io->wanted = (uint8_t)events;
    if (moves) {
        list_remove(&io->sibling);
        link_sibling(slot, io);
    }
    interest_update(l, slot, io->fd);
}

int gyre_io_start(struct gyre_io *io, int fd, unsigned events)
{
    if (!io)
        return -EINVAL;

    int err = watcher_enter(&io->call);
    if (unlikely(err < 0))
        return err;
    if (fd < 0)
        return -EBADF;
    if (events == 0 || events & ~(unsigned)ASKABLE)
        return -EINVAL;
    if (!io->wanted)
        return add_watcher(io, fd, events);
    if (io->fd != fd)
        return -EBUSY;
    change_watcher(io, events);
    return 0;
}

/* Take a started watcher off its descriptor; its place in the queue is not touched. */
static void detach(struct gyre_loop *l, struct gyre_io *io)
{
    list_remove(&io->sibling);
    io->wanted = 0;
    l->live -= io->call.weight;
}

bool gyre_io_stop(struct gyre_io *io)
{
    if (!io || !watcher_is_initialised(&io->call) || !is_started_or_queued(io) ||
        !watcher_may_stop(&io->call))
        return false;

    struct gyre_loop *l = io->call.loop;
    keep_ready(io, 0);
    if (io->wanted) {
        detach(l, io);
        interest_update(l, fd_table_find(&l->fds, io->fd), io->fd);
    }
    return true;
}

bool gyre_io_is_started(const struct gyre_io *io)
{
    return io && watcher_is_initialised(&io->call) && io->wanted && watcher_may_stop(&io->call);
}

int gyre_io_fd(const struct gyre_io *io)
{
    return gyre_io_is_started(io) ? io->fd : -1;
}

unsigned gyre_io_events(const struct gyre_io *io)
{
    return gyre_io_is_started(io) ? io->wanted : 0;
}

static void set_weight_of_io(struct gyre_io *io, uint8_t weight)
{
    if (io && watcher_is_initialised(&io->call))
        watcher_set_weight(&io->call, weight, io->wanted ? &io->call.loop->live : NULL);
}

void gyre_io_ref(struct gyre_io *io)
{
    set_weight_of_io(io, 1);
}

void gyre_io_unref(struct gyre_io *io)
{
    set_weight_of_io(io, 0);
}

/* ---- what the kernel reports */

static inline void add_ready(struct gyre_loop *l, struct gyre_io *io, unsigned events)
{
    io->ready = (uint8_t)(io->ready | events);
    if (io->call.state == CALL_IDLE)
        queue_append(l, &io->call);
}

void io_deliver(struct gyre_loop *l, const struct poller_event *event)
{
    int fd = (int)(uint32_t)event->key;
    struct fd_slot *slot = fd_table_find(&l->fds, fd);

    if (unlikely(!slot || fd_key(slot->generation, fd) != event->key || slot->wanted == 0)) {
        l->ghosts++;
        return;
    }
    if (unlikely(event->events & POLLER_GONE)) {
        slot->told = 0;
        io_gone(l, slot, fd);
        return;
    }

    unsigned hints = event->events & HINTS;
    struct gyre_link *next;
    for (struct gyre_link *link = slot->watchers.next; link != &slot->watchers; link = next) {
        struct gyre_io *io = container_of(link, struct gyre_io, sibling);
        unsigned events = hints ? io->wanted | hints : event->events & io->wanted;

        next = link->next;
        if (events)
            add_ready(l, io, events);
    }
}

void io_gone(struct gyre_loop *l, struct fd_slot *slot, int fd)
{
    while (!list_is_empty(&slot->watchers)) {
        struct gyre_io *io = container_of(slot->watchers.next, struct gyre_io, sibling);

        detach(l, io);
        keep_ready(io, 0);
        io->ready = GYRE_GONE;
        queue_append(l, &io->call);
    }
    interest_update(l, slot, fd);
}

void io_refused(struct gyre_loop *l, struct fd_slot *slot)
{
    for (struct gyre_link *link = slot->watchers.next; link != &slot->watchers; link = link->next) {
        struct gyre_io *io = container_of(link, struct gyre_io, sibling);

        add_ready(l, io, io->wanted | (unsigned)GYRE_ERROR);
    }
}

void io_close(struct gyre_loop *l)
{
    for (int fd = 0; fd < fd_table_limit(&l->fds); fd++) {
        struct fd_slot *slot = fd_table_find(&l->fds, fd);

        while (slot && !list_is_empty(&slot->watchers)) {
            struct gyre_io *io = container_of(slot->watchers.next, struct gyre_io, sibling);

            detach(l, io);
            keep_ready(io, 0);
        }
    }
    fd_table_fini(&l->fds, &l->allocator);
}
