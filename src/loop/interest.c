/* Interest: what the kernel is told about watched descriptors.
 *
 * The first watcher of a descriptor, and each further one, is told to the kernel at once, so that
 * an error reaches the caller; so is the end of the last one, before the caller closes the file.
 * All other changes wait in fd_table.changed for the next look at the kernel, and many cancel out.
 *
 * SPDX-License-Identifier: MIT */
#include "loop/core.h"
#include "os/sys.h"

static int tell(struct poller *p, struct fd_slot *slot, int fd, unsigned old, unsigned events)
{
    return p->ops->set(p, fd, fd_key(slot->generation, fd), old, events);
}

static void unmark(struct fd_slot *slot)
{
    if (slot->is_changed) {
        list_remove(&slot->change);
        slot->is_changed = false;
    }
}

int interest_add(struct gyre_loop *l, struct fd_slot *slot, int fd, unsigned events)
{
    unsigned wanted = slot->wanted | events;
    int err = tell(&l->poller, slot, fd, slot->told, wanted);

    if (err < 0)
        return err;
    slot->wanted = (uint8_t)wanted;
    slot->told = (uint8_t)wanted;
    unmark(slot);
    return 0;
}

static void forget(struct gyre_loop *l, struct fd_slot *slot, int fd)
{
    /* Told nothing, the poller may know another file by that number: one of the loop's own. */
    if (slot->told)
        (void)tell(&l->poller, slot, fd, slot->told, 0);
    unmark(slot);
    slot->wanted = 0;
    slot->told = 0;
    if (++slot->generation == FD_WAKE_GENERATION)
        slot->generation = 0;
}

void interest_update(struct gyre_loop *l, struct fd_slot *slot, int fd)
{
    unsigned wanted = 0;

    for (struct gyre_link *link = slot->watchers.next; link != &slot->watchers; link = link->next)
        wanted |= container_of(link, struct gyre_io, sibling)->wanted;
    if (wanted == 0) {
        forget(l, slot, fd);
        return;
    }

    slot->wanted = (uint8_t)wanted;
    if (wanted == slot->told) {
        unmark(slot);
    } else if (!slot->is_changed) {
        slot->is_changed = true;
        list_append(&l->fds.changed, &slot->change);
    }
}

static int fd_of(const struct fd_slot *slot)
{
    return container_of(slot->watchers.next, struct gyre_io, sibling)->fd;
}

void interest_flush(struct gyre_loop *l)
{
    struct gyre_link again;

    list_init(&again);
    while (!list_is_empty(&l->fds.changed)) {
        struct fd_slot *slot = container_of(l->fds.changed.next, struct fd_slot, change);
        int fd = fd_of(slot);
        int err = tell(&l->poller, slot, fd, slot->told, slot->wanted);

        unmark(slot);
        if (err == 0) {
            slot->told = slot->wanted;
        } else if (err == -EBADF) {
            io_gone(l, slot, fd);
        } else {
            /* The kernel is short of something. Until it takes the change, the watchers are called
             * in every tick: they find out by trying. */
            io_refused(l, slot);
            slot->is_changed = true;
            list_append(&again, &slot->change);
        }
    }
    list_splice(&l->fds.changed, &again);
}

int interest_watch_wake(struct gyre_loop *l, struct poller *p)
{
    int fd = l->inbox.wake.read_fd;

    return p->ops->set(p, fd, fd_key(FD_WAKE_GENERATION, fd), 0, POLLER_READ | POLLER_EDGE);
}

void interest_find_closed(struct gyre_loop *l)
{
    for (int fd = 0; fd < fd_table_limit(&l->fds); fd++) {
        struct fd_slot *slot = fd_table_find(&l->fds, fd);

        if (slot && slot->wanted && sys->is_open(fd) < 0)
            slot->told = 0;
    }
}

/* Tell `p` of every watched descriptor but those that are closed. */
static int tell_all(struct gyre_loop *l, struct poller *p)
{
    for (int fd = 0; fd < fd_table_limit(&l->fds); fd++) {
        struct fd_slot *slot = fd_table_find(&l->fds, fd);

        if (!slot || slot->wanted == 0 || slot->told == 0)
            continue;
        int err = tell(p, slot, fd, 0, slot->wanted);
        if (err < 0 && err != -EBADF)
            return err;
        if (err < 0)
            slot->told = 0;
    }
    return 0;
}

void interest_drop_closed(struct gyre_loop *l)
{
    for (int fd = 0; fd < fd_table_limit(&l->fds); fd++) {
        struct fd_slot *slot = fd_table_find(&l->fds, fd);

        if (!slot || slot->wanted == 0)
            continue;
        unmark(slot);
        if (slot->told == 0)
            io_gone(l, slot, fd);
        else
            slot->told = slot->wanted;
    }
}

int interest_move(struct gyre_loop *l, struct poller *p)
{
    int err = l->fd_capacity && p->ops->reserve ? p->ops->reserve(p, l->fd_capacity) : 0;

    if (err == 0)
        err = interest_watch_wake(l, p);
    if (err == 0)
        err = tell_all(l, p);
    return err;
}

void interest_rebuild(struct gyre_loop *l)
{
    struct poller fresh = { .ops = l->poller.ops, .allocator = l->poller.allocator };

    l->ghosts = 0;
    if (l->is_foreign) /* the other loop watches the old set, and would not learn of a new one */
        return;
    interest_find_closed(l);
    if (fresh.ops->open(&fresh, fresh.ops) < 0)
        return;
    if (interest_move(l, &fresh) < 0) {
        fresh.ops->close(&fresh);
        return;
    }
    l->poller.ops->close(&l->poller);
    l->poller.u = fresh.u; /* `ops` may be read by any thread */
    interest_drop_closed(l);
}
