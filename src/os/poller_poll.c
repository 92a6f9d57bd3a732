/* The poller for every system: poll(2).
 *
 * Invariant: fds[0 .. count) and keys[0 .. count) describe the set, in no order, and
 * place[fds[i].fd] == i; every other entry of place is -1. place has `places` entries.
 *
 * SPDX-License-Identifier: MIT */
#include "base/memory.h"
#include "os/clock.h"
#include "os/poller.h"
#include "os/sys.h"

#include <errno.h>
#include <limits.h>

static int poll_open(struct poller *p, const struct poller_ops *ops)
{
    (void)ops;
    p->u.poll.fds = NULL;
    p->u.poll.keys = NULL;
    p->u.poll.place = NULL;
    p->u.poll.count = 0;
    p->u.poll.capacity = 0;
    p->u.poll.places = 0;
    p->u.poll.next = 0;
    return 0;
}

static void poll_close(struct poller *p)
{
    size_t capacity = (size_t)p->u.poll.capacity;

    memory_free(p->allocator, p->u.poll.fds, capacity * sizeof(struct pollfd));
    memory_free(p->allocator, p->u.poll.keys, capacity * sizeof(uint64_t));
    memory_free(p->allocator, p->u.poll.place, (size_t)p->u.poll.places * sizeof(int));
    (void)poll_open(p, p->ops);
}

/* Room for `size` entries. The array whose growth can be undone, by freeing the new one, goes
 * first: if the other cannot grow, both are as `capacity` says. */
static int grow_entries(struct poller *p, size_t size)
{
    size_t old = (size_t)p->u.poll.capacity;

    uint64_t *keys = memory_resize(p->allocator, NULL, 0, size, sizeof(*keys));
    if (!keys)
        return -ENOMEM;
    struct pollfd *fds = memory_resize(p->allocator, p->u.poll.fds, old, size, sizeof(*fds));
    if (!fds) {
        memory_free(p->allocator, keys, size * sizeof(*keys));
        return -ENOMEM;
    }

    for (size_t i = 0; i < old; i++)
        keys[i] = p->u.poll.keys[i];
    memory_free(p->allocator, p->u.poll.keys, old * sizeof(*keys));
    p->u.poll.keys = keys;
    p->u.poll.fds = fds;
    p->u.poll.capacity = (int)size;
    return 0;
}

static int grow_places(struct poller *p, size_t size)
{
    size_t old = (size_t)p->u.poll.places;

    int *place = memory_resize(p->allocator, p->u.poll.place, old, size, sizeof(*place));
    if (!place)
        return -ENOMEM;
    for (size_t i = old; i < size; i++)
        place[i] = -1;
    p->u.poll.place = place;
    p->u.poll.places = (int)size;
    return 0;
}

/* The smallest size that serves for `needed`, when an array of `size` is doubled again and again.
 */
static size_t doubled(int size, int needed)
{
    size_t result = size ? (size_t)size : 16;

    while (result < (size_t)needed)
        result *= 2;
    return result < INT_MAX ? result : INT_MAX;
}

static int poll_reserve(struct poller *p, int capacity)
{
    int err = 0;

    if (capacity > p->u.poll.places)
        err = grow_places(p, doubled(p->u.poll.places, capacity));
    if (err == 0 && capacity >= p->u.poll.capacity) /* one more: the loop's own wake-up */
        err = grow_entries(
            p, doubled(p->u.poll.capacity, capacity < INT_MAX ? capacity + 1 : capacity));
    return err;
}

static int find_entry(const struct poller *p, int fd)
{
    return fd < p->u.poll.places ? p->u.poll.place[fd] : -1;
}

static int add_entry(struct poller *p, int fd)
{
    if (fd >= p->u.poll.places && grow_places(p, doubled(p->u.poll.places, fd + 1)) < 0)
        return -ENOMEM;

    int count = p->u.poll.count + 1;
    if (count > p->u.poll.capacity && grow_entries(p, doubled(p->u.poll.capacity, count)) < 0)
        return -ENOMEM;

    int index = p->u.poll.count++;
    p->u.poll.place[fd] = index;
    p->u.poll.fds[index].fd = fd;
    return index;
}

/* The last entry fills the hole. */
static void remove_entry(struct poller *p, int index)
{
    struct pollfd *fds = p->u.poll.fds;
    int last = --p->u.poll.count;

    p->u.poll.place[fds[index].fd] = -1;
    if (index == last)
        return;
    fds[index] = fds[last];
    p->u.poll.keys[index] = p->u.poll.keys[last];
    p->u.poll.place[fds[index].fd] = index;
}

static int poll_set(struct poller *p, int fd, uint64_t key, unsigned old, unsigned events)
{
    int index = find_entry(p, fd);

    (void)old;
    if (events == 0) {
        if (index >= 0)
            remove_entry(p, index);
        return 0;
    }

    if (sys->is_open(fd) < 0)
        return -errno; /* poll would tell so later, and not to the caller */
    if (index < 0)
        index = add_entry(p, fd);
    if (index < 0)
        return index;

    short wanted = 0;
    if (events & POLLER_READ)
        wanted |= POLLIN;
    if (events & POLLER_WRITE)
        wanted |= POLLOUT;
    p->u.poll.fds[index].events = wanted;
    p->u.poll.fds[index].revents = 0;
    p->u.poll.keys[index] = key;
    return 0;
}

static unsigned events_of_poll(short revents)
{
    unsigned events = 0;

    if (revents & POLLIN)
        events |= POLLER_READ;
    if (revents & POLLOUT)
        events |= POLLER_WRITE;
    if (revents & POLLHUP)
        events |= POLLER_HANGUP;
    if (revents & POLLERR)
        events |= POLLER_ERROR;
    return events;
}

/* Copy reports, going once around from where the last full batch ended. */
static int copy_reports(struct poller *p, struct poller_event *out, int max)
{
    int count = p->u.poll.count;
    int filled = 0;

    for (int i = 0; i < count && filled < max; i++) {
        int index = (p->u.poll.next + i) % count;
        short revents = p->u.poll.fds[index].revents;

        if (revents == 0)
            continue;
        out[filled].key = p->u.poll.keys[index];
        out[filled++].events = revents & POLLNVAL ? POLLER_GONE : events_of_poll(revents);
        if (filled == max)
            p->u.poll.next = (index + 1) % count;
    }
    return filled;
}

/* Left in the set, a closed descriptor would be reported for ever. */
static void remove_gone(struct poller *p, const struct poller_event *events, int count)
{
    for (int i = 0; i < count; i++)
        if (events[i].events == POLLER_GONE)
            remove_entry(p, p->u.poll.place[(uint32_t)events[i].key]);
}

static int poll_collect(struct poller *p, uint64_t timeout, struct poller_event *out, int max)
{
    int n = sys->poll(p->u.poll.fds, (nfds_t)p->u.poll.count, clock_to_ms(timeout));

    if (n < 0)
        return errno == EINTR ? 0 : -errno;
    if (n == 0)
        return 0;

    int filled = copy_reports(p, out, max);
    remove_gone(p, out, filled);
    return filled;
}

static int poll_fd(const struct poller *p)
{
    (void)p;
    return -ENOTSUP;
}

static int poll_alarm(struct poller *p, uint64_t delay)
{
    (void)p;
    (void)delay;
    return -ENOTSUP;
}

const struct poller_ops poller_poll = {
    .name = "poll",
    .edge = false,
    .open = poll_open,
    .close = poll_close,
    .reserve = poll_reserve,
    .set = poll_set,
    .wait = poll_collect,
    .fd = poll_fd,
    .alarm = poll_alarm,
};
