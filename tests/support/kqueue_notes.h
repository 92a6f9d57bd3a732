/* The knotes of the kqueue emulation; see kqueue_emulation.c.
 *
 * Invariant: a knote is in kq->ready exactly while `queued`, and only if it is present. The watch
 * of a descriptor is in epoll, with its present serial, exactly while it is `registered`.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_TEST_KQUEUE_NOTES_H
#define GYRE_TEST_KQUEUE_NOTES_H

#include "gyre/loop.h"

#include <sys/epoll.h>
#include <sys/event.h>

/* In epoll's data: a timer and its descriptor, or the serial and the number of a watched one. */
#define KQ_TIMER (UINT64_C(1) << 63)

struct knote {
    struct gyre_link ready; /* in kq->ready while `queued` */
    struct gyre_link timer; /* in kq->timers, if it is one */
    struct kevent what;     /* as it was added */
    int timer_fd;
    bool present;
    bool queued;
};

/* A descriptor number with its two knotes; in epoll while one of them is present. */
struct watch {
    uint32_t serial; /* another one each time it enters epoll; a ghost shows an old one */
    bool registered;
    struct knote notes[2]; /* READ, WRITE */
};

struct kq {
    struct gyre_link registry;
    int fd;
    uint32_t serial;
    struct watch **watches; /* by descriptor */
    int places;
    struct gyre_link timers;
    struct gyre_link ready;
};

/* Carry out one element of a change list. Returns a positive errno, or 0. */
int kq_change(struct kq *kq, const struct kevent *change);

void kq_enqueue(struct kq *kq, struct knote *note);
void kq_dequeue(struct knote *note);

struct watch *kq_find_watch(const struct kq *kq, int fd);

/* What epoll is to be told of the descriptor. */
struct epoll_event kq_interest(const struct watch *watch, int fd);

/* Drop both knotes, without telling epoll. */
void kq_forget(struct watch *watch);

/* Whether `fd` is still the file that is in epoll under this number: only then is adding it again
 * EEXIST. */
bool kq_is_same_file(const struct kq *kq, int fd);

struct knote *kq_find_timer(struct kq *kq, int timer_fd);
void kq_delete_timer(struct knote *note);

/* What poll(2) says now of `events` on `fd`. */
short kq_poll(int fd, short events);
bool kq_is_pipe(int fd);

#endif
