/* The knotes of the kqueue emulation: adding and deleting them; see kqueue_emulation.c.
 *
 * SPDX-License-Identifier: MIT */
#include "kqueue_notes.h"

#include "base/list.h"
#include "base/util.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* ------------------------------------------------------------------ the queue of the ready */

void kq_enqueue(struct kq *kq, struct knote *note)
{
    if (note->queued || !note->present)
        return;
    note->queued = true;
    list_append(&kq->ready, &note->ready);
}

void kq_dequeue(struct knote *note)
{
    if (note->queued)
        list_remove(&note->ready);
    note->queued = false;
}

/* ------------------------------------------------------------------ descriptors */

struct watch *kq_find_watch(const struct kq *kq, int fd)
{
    return fd >= 0 && fd < kq->places ? kq->watches[fd] : NULL;
}

static struct watch *make_watch(struct kq *kq, int fd)
{
    if (fd >= kq->places) {
        int places = fd + fd / 2 + 16;
        struct watch **grown = realloc(kq->watches, (size_t)places * sizeof(struct watch *));
        if (!grown)
            return NULL;
        memset(grown + kq->places, 0, (size_t)(places - kq->places) * sizeof(struct watch *));
        kq->watches = grown;
        kq->places = places;
    }
    if (!kq->watches[fd])
        kq->watches[fd] = calloc(1, sizeof(struct watch));
    return kq->watches[fd];
}

struct epoll_event kq_interest(const struct watch *watch, int fd)
{
    struct epoll_event event = { .data.u64 = (uint64_t)watch->serial << 32 | (uint32_t)fd };

    if (watch->notes[0].present)
        event.events |= EPOLLIN | EPOLLRDHUP;
    if (watch->notes[1].present)
        event.events |= EPOLLOUT;
    for (int i = 0; i < 2; i++)
        if (watch->notes[i].present && watch->notes[i].what.flags & EV_CLEAR)
            event.events |= EPOLLET;
    return event;
}

/* Bring epoll in step with the knotes. Returns a positive errno. */
static int update(struct kq *kq, struct watch *watch, int fd)
{
    bool wanted = watch->notes[0].present || watch->notes[1].present;
    bool had = watch->registered;

    if (wanted && !had)
        watch->serial = ++kq->serial & 0x7fffffff;

    struct epoll_event event = kq_interest(watch, fd);
    int op = !wanted ? EPOLL_CTL_DEL : had ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    watch->registered = wanted;
    if (!wanted && !had)
        return 0;
    return epoll_ctl(kq->fd, op, fd, &event) < 0 ? errno : 0;
}

void kq_forget(struct watch *watch)
{
    watch->registered = false;
    for (int i = 0; i < 2; i++) {
        kq_dequeue(&watch->notes[i]);
        watch->notes[i].present = false;
    }
}

bool kq_is_same_file(const struct kq *kq, int fd)
{
    struct epoll_event none = { 0 };

    if (epoll_ctl(kq->fd, EPOLL_CTL_ADD, fd, &none) < 0)
        return errno == EEXIST;
    (void)epoll_ctl(kq->fd, EPOLL_CTL_DEL, fd, &none);
    return false;
}

short kq_poll(int fd, short events)
{
    struct pollfd one = { .fd = fd, .events = events };

    return poll(&one, 1, 0) > 0 ? one.revents : 0;
}

bool kq_is_pipe(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode);
}

static int delete_filter(struct kq *kq, struct watch *watch, int fd, struct knote *note)
{
    if (!note->present)
        return ENOENT;

    kq_dequeue(note);
    note->present = false;
    return update(kq, watch, fd);
}

static int add_filter(struct kq *kq, struct watch *watch, int fd, struct knote *note,
                      const struct kevent *change)
{
    bool had = note->present;

    if (!had && change->filter == EVFILT_WRITE && kq_is_pipe(fd) && (kq_poll(fd, 0) & POLLERR))
        return EPIPE;
    if (had) {
        note->what.udata = change->udata;
        return update(kq, watch, fd);
    }

    note->what = *change;
    note->present = true;
    int err = update(kq, watch, fd);
    if (err) {
        note->present = false;
        watch->registered = watch->notes[0].present || watch->notes[1].present;
    }
    return err == EPERM ? EINVAL : err;
}

static int change_filter(struct kq *kq, const struct kevent *change)
{
    int fd = (int)change->ident;
    struct watch *watch = kq_find_watch(kq, fd);

    if (watch && watch->registered && !kq_is_same_file(kq, fd))
        kq_forget(watch);
    if (fcntl(fd, F_GETFD) < 0)
        return EBADF;

    if (change->flags & EV_ADD)
        watch = make_watch(kq, fd);
    if (!watch)
        return change->flags & EV_ADD ? ENOMEM : ENOENT;

    struct knote *note = &watch->notes[change->filter == EVFILT_WRITE];
    if (change->flags & EV_DELETE)
        return delete_filter(kq, watch, fd, note);
    return add_filter(kq, watch, fd, note, change);
}

/* ------------------------------------------------------------------ timers */

static struct knote *find_timer(struct kq *kq, uintptr_t ident)
{
    for (struct gyre_link *at = kq->timers.next; at != &kq->timers; at = at->next) {
        struct knote *note = container_of(at, struct knote, timer);
        if (note->what.ident == ident)
            return note;
    }
    return NULL;
}

struct knote *kq_find_timer(struct kq *kq, int fd)
{
    for (struct gyre_link *at = kq->timers.next; at != &kq->timers; at = at->next) {
        struct knote *note = container_of(at, struct knote, timer);
        if (note->timer_fd == fd)
            return note;
    }
    return NULL;
}

void kq_delete_timer(struct knote *note)
{
    kq_dequeue(note);
    list_remove(&note->timer);
    (void)close(note->timer_fd);
    free(note);
}

static int start_timer(struct kq *kq, struct knote *note)
{
    int64_t unit = note->what.fflags & NOTE_NSECONDS ? 1 : 1000000;
    struct timespec length = {
        .tv_sec = (time_t)(note->what.data / (1000000000 / unit)),
        .tv_nsec = (long)(note->what.data % (1000000000 / unit) * unit),
    };
    struct itimerspec times = { .it_value = length };
    struct epoll_event event = { .events = EPOLLIN };

    if (!(note->what.flags & EV_ONESHOT))
        times.it_interval = length;
    event.data.u64 = KQ_TIMER | (uint32_t)note->timer_fd;
    if (timerfd_settime(note->timer_fd, 0, &times, NULL) < 0)
        return errno;
    return epoll_ctl(kq->fd, EPOLL_CTL_ADD, note->timer_fd, &event) < 0 ? errno : 0;
}

static int add_timer(struct kq *kq, const struct kevent *change)
{
    struct knote *note;
    int fd;

    if (change->data <= 0)
        return EINVAL;
    fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (fd < 0)
        return errno;
    note = calloc(1, sizeof(*note));
    if (!note) {
        (void)close(fd);
        return ENOMEM;
    }

    note->what = *change;
    note->timer_fd = fd;
    note->present = true;
    list_append(&kq->timers, &note->timer);
    int err = start_timer(kq, note);
    if (err)
        kq_delete_timer(note);
    return err;
}

static int change_timer(struct kq *kq, const struct kevent *change)
{
    struct knote *note = find_timer(kq, change->ident);

    if (change->flags & EV_ADD) {
        if (!note)
            return add_timer(kq, change);
        note->what.udata = change->udata;
        return 0;
    }
    if (!note)
        return ENOENT;
    kq_delete_timer(note);
    return 0;
}

int kq_change(struct kq *kq, const struct kevent *change)
{
    if (change->filter == EVFILT_TIMER)
        return change_timer(kq, change);
    if (change->filter == EVFILT_READ || change->filter == EVFILT_WRITE)
        return change_filter(kq, change);
    return EINVAL;
}
