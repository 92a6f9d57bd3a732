/* The queue between threads that users of libuv, libev and libevent write for themselves, since these
 * libraries only wake a loop: a list and a mutex, held for a few instructions. Only the message that
 * finds the list empty has to wake the loop; the loop takes the whole list at once. As in gyre, a
 * message says which function is to be called.
 *
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_INBOX_H
#define BENCH_INBOX_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

struct side;

struct message {
    struct message *next;
    struct side *to;
    void (*fn)(struct message *self);
    void *producer;
};

struct inbox {
    pthread_mutex_t lock;
    struct message *first, **end;
};

static inline void inbox_init(struct inbox *inbox)
{
    pthread_mutex_init(&inbox->lock, NULL);
    inbox->first = NULL;
    inbox->end = &inbox->first;
}

/* Returns whether it was empty: then the loop must be woken. */
static inline bool inbox_put(struct inbox *inbox, struct message *message)
{
    message->next = NULL;
    pthread_mutex_lock(&inbox->lock);
    bool was_empty = !inbox->first;
    *inbox->end = message;
    inbox->end = &message->next;
    pthread_mutex_unlock(&inbox->lock);
    return was_empty;
}

static inline struct message *inbox_take(struct inbox *inbox)
{
    pthread_mutex_lock(&inbox->lock);
    struct message *first = inbox->first;
    inbox->first = NULL;
    inbox->end = &inbox->first;
    pthread_mutex_unlock(&inbox->lock);
    return first;
}

static inline void inbox_run(struct inbox *inbox)
{
    struct message *next;

    for (struct message *m = inbox_take(inbox); m; m = next) {
        next = m->next;
        m->fn(m);
    }
}

#endif
