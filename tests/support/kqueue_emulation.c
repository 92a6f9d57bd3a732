/* An EMULATION of kqueue and kevent over epoll, so that the kqueue poller can be tested on Linux.
 *
 * It does what the manuals of the BSDs say about the calls this poller makes, and nothing else. It
 * shows that the poller keeps its contract with a kernel that behaves so. It is no proof that a
 * BSD or macOS does.
 *
 * A kqueue is an epoll descriptor, so it can be polled. A knote is a (descriptor, filter) pair; the
 * two of one descriptor share its registration in epoll, which tells when to look. What is reported
 * is decided by poll(2) when it is fetched, as a BSD runs the filter again at that moment. Fetched
 * is in the order of activation, so a full event list starves nobody.
 *
 * On purpose like the strictest of the originals: deleting what is not there is ENOENT; adding does
 * not change EV_CLEAR of a knote nor restart a timer that is there; a pipe without reader cannot be
 * watched for writing (EPIPE, no knote); a timer of length 0 is EINVAL; closing a descriptor ends
 * its knotes, though a duplicate lives; a child of fork has no kqueue.
 *
 * Unlike them: a call either changes or fetches; `data` is filled for timers only; fflags says that
 * a socket has an error by EIO, for on Linux to read the error is to clear it; a descriptor that is
 * closed and made again of the same open file keeps its knotes; regular files cannot be watched;
 * with EV_CLEAR the event of one filter may repeat that of the other.
 *
 * SPDX-License-Identifier: MIT */
#include "kqueue_notes.h"

#include "base/list.h"
#include "base/util.h"
#include "os/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

enum { GATHER = 256 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct gyre_link registry = { &registry, &registry };

/* ------------------------------------------------------------------ kqueues */

static void close_timers(struct kq *kq)
{
    for (struct gyre_link *at = kq->timers.next; at != &kq->timers; at = at->next)
        (void)close(container_of(at, struct knote, timer)->timer_fd);
}

static void free_kq(struct kq *kq)
{
    close_timers(kq);
    while (!list_is_empty(&kq->timers))
        free(container_of(list_pop(&kq->timers), struct knote, timer));
    for (int i = 0; i < kq->places; i++)
        free(kq->watches[i]);
    free(kq->watches);
    free(kq);
}

static void lock_registry(void)
{
    (void)pthread_mutex_lock(&lock);
}

static void unlock_registry(void)
{
    (void)pthread_mutex_unlock(&lock);
}

/* The memory stays: another thread of the parent may have been inside malloc. */
static void close_all_in_child(void)
{
    for (struct gyre_link *at = registry.next; at != &registry; at = at->next) {
        struct kq *kq = container_of(at, struct kq, registry);
        if (kq->fd < 0)
            continue;
        close_timers(kq);
        (void)close(kq->fd);
        kq->fd = -1;
    }
    unlock_registry();
}

static void register_fork_handlers(void)
{
    (void)pthread_atfork(lock_registry, unlock_registry, close_all_in_child);
}

/* The kqueue of that number, taken out of the registry if `take`; NULL if there is none. */
static struct kq *find_kq(int fd, bool take)
{
    struct kq *found = NULL;

    if (fd < 0)
        return NULL;
    lock_registry();
    for (struct gyre_link *at = registry.next; at != &registry && !found; at = at->next) {
        struct kq *kq = container_of(at, struct kq, registry);
        if (kq->fd == fd)
            found = kq;
    }
    if (found && take)
        list_remove(&found->registry);
    unlock_registry();
    return found;
}

static int emulated_kqueue(void)
{
    int fd = epoll_create1(EPOLL_CLOEXEC);
    struct kq *stale = find_kq(fd, true); /* closed behind our back */
    struct kq *kq;

    if (stale)
        free_kq(stale);
    if (fd < 0)
        return -1;
    kq = calloc(1, sizeof(*kq));
    if (!kq) {
        (void)close(fd);
        errno = ENOMEM;
        return -1;
    }

    kq->fd = fd;
    list_init(&kq->timers);
    list_init(&kq->ready);
    (void)pthread_once(&once, register_fork_handlers);
    lock_registry();
    list_append(&registry, &kq->registry);
    unlock_registry();
    return fd;
}

static int emulated_close(int fd)
{
    struct kq *kq = find_kq(fd, true);

    if (kq)
        free_kq(kq);
    return close(fd);
}

/* ------------------------------------------------------------------ fetching */

/* Ghosts are reports of a file that lives on in a duplicate of a number that was closed. They can
 * only be silenced by a new epoll set, which takes the number of the old one. */
static void rebuild(struct kq *kq)
{
    int fresh = epoll_create1(EPOLL_CLOEXEC);
    int old = kq->fd;

    if (fresh < 0)
        return;

    for (int fd = 0; fd < kq->places; fd++) {
        struct watch *watch = kq->watches[fd];
        if (!watch || !watch->registered)
            continue;
        struct epoll_event event = kq_interest(watch, fd);
        if (!kq_is_same_file(kq, fd) || epoll_ctl(fresh, EPOLL_CTL_ADD, fd, &event) < 0)
            kq_forget(watch);
    }
    for (struct gyre_link *at = kq->timers.next; at != &kq->timers; at = at->next) {
        int fd = container_of(at, struct knote, timer)->timer_fd;
        struct epoll_event event = { .events = EPOLLIN, .data.u64 = KQ_TIMER | (uint32_t)fd };
        (void)epoll_ctl(fresh, EPOLL_CTL_ADD, fd, &event);
    }
    (void)dup3(fresh, old, O_CLOEXEC);
    (void)close(fresh);
}

/* Queue the knotes of what epoll reports. Returns false if that was a ghost. */
static bool gather_one(struct kq *kq, uint64_t data)
{
    if (data & KQ_TIMER) {
        struct knote *note = kq_find_timer(kq, (int)(uint32_t)data);
        if (note)
            kq_enqueue(kq, note);
        return true;
    }

    int fd = (int)(uint32_t)data;
    struct watch *watch = kq_find_watch(kq, fd);
    if (!watch || !watch->registered || watch->serial != data >> 32)
        return false;
    if (!kq_is_same_file(kq, fd)) {
        kq_forget(watch);
        return false;
    }
    kq_enqueue(kq, &watch->notes[0]);
    kq_enqueue(kq, &watch->notes[1]);
    return true;
}

static int gather(struct kq *kq)
{
    struct epoll_event events[GATHER];
    int n = epoll_wait(kq->fd, events, GATHER, 0);
    bool ghost = false;

    for (int i = 0; i < n; i++)
        if (!gather_one(kq, events[i].data.u64))
            ghost = true;
    if (ghost)
        rebuild(kq);
    return n;
}

/* Run the filter: whether there is anything to report, and what. */
static bool run_filter(const struct knote *note, struct kevent *record)
{
    bool reading = note->what.filter == EVFILT_READ;
    int fd = (int)note->what.ident;
    short ready = kq_poll(fd, reading ? POLLIN | POLLRDHUP : POLLOUT);

    if (ready == 0 || ready & POLLNVAL)
        return false;

    *record = note->what;
    if (ready & (POLLHUP | POLLRDHUP) || (ready & POLLERR && kq_is_pipe(fd)))
        record->flags |= EV_EOF;
    if (record->flags & EV_EOF && ready & POLLERR && !kq_is_pipe(fd))
        record->fflags = EIO;
    return true;
}

static bool run_timer(struct knote *note, struct kevent *record)
{
    uint64_t times;

    if (read(note->timer_fd, &times, sizeof(times)) < 0)
        return false;

    *record = note->what;
    record->data = (int64_t)times;
    if (note->what.flags & EV_ONESHOT)
        kq_delete_timer(note);
    return true;
}

static int fetch(struct kq *kq, struct kevent *records, int max)
{
    int n = 0;

    while (n < max && !list_is_empty(&kq->ready)) {
        struct knote *note = container_of(kq->ready.next, struct knote, ready);
        kq_dequeue(note);
        if (note->what.filter == EVFILT_TIMER)
            n += run_timer(note, &records[n]);
        else
            n += run_filter(note, &records[n]);
    }
    return n;
}

static struct timespec remaining(const struct timespec *end)
{
    struct timespec left, now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    left.tv_sec = end->tv_sec - now.tv_sec;
    left.tv_nsec = end->tv_nsec - now.tv_nsec;
    if (left.tv_nsec < 0) {
        left.tv_sec--;
        left.tv_nsec += 1000000000;
    }
    if (left.tv_sec < 0)
        left = (struct timespec){ 0 };
    return left;
}

static struct timespec end_of(const struct timespec *timeout)
{
    struct timespec end;

    (void)clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += timeout->tv_sec;
    end.tv_nsec += timeout->tv_nsec;
    if (end.tv_nsec >= 1000000000) {
        end.tv_sec++;
        end.tv_nsec -= 1000000000;
    }
    return end;
}

static int wait_and_fetch(struct kq *kq, struct kevent *records, int max,
                          const struct timespec *timeout)
{
    struct pollfd self = { .fd = kq->fd, .events = POLLIN };
    struct timespec end = { 0 };
    struct timespec left;

    if (timeout)
        end = end_of(timeout);
    for (;;) {
        if (gather(kq) < 0)
            return -1;
        int n = fetch(kq, records, max);
        if (n > 0)
            return n;
        if (timeout)
            left = remaining(&end);
        n = ppoll(&self, 1, timeout ? &left : NULL, NULL);
        if (n <= 0)
            return n;
    }
}

static int emulated_kevent(int fd, const struct kevent *changes, int change_count,
                           struct kevent *events, int event_count, const struct timespec *timeout)
{
    struct kq *kq = find_kq(fd, false);
    int err = 0;

    if (!kq)
        err = EBADF;
    else if (change_count > 0 && event_count > 0)
        err = ENOTSUP;
    else if (timeout && (timeout->tv_sec < 0 || timeout->tv_sec > 86400 || timeout->tv_nsec < 0 ||
                         timeout->tv_nsec >= 1000000000))
        err = EINVAL;

    for (int i = 0; i < change_count && !err; i++)
        err = kq_change(kq, &changes[i]);
    if (err) {
        errno = err;
        return -1;
    }
    return event_count > 0 ? wait_and_fetch(kq, events, event_count, timeout) : 0;
}

/* Linked into a program, the emulation is in place before main. Tests that replace `sys` themselves
 * begin with a copy of what they find there. */
__attribute__((constructor)) static void install(void)
{
    static struct sys_table table;

    table = *sys;
    table.kqueue = emulated_kqueue;
    table.kevent = emulated_kevent;
    table.close = emulated_close;
    sys = &table;
}
