/* bare: a queue of callbacks by hand, as a limit to compare with: a doubly linked list whose nodes
 * lie in the caller's objects, and epoll_wait once per batch, or every 64 callbacks of a chain.
 *
 * SPDX-License-Identifier: MIT */
#include "bench.h"

#include <sys/epoll.h>

static void callback_ran(void); /* queue.h, below */
static bool chain_goes_on(void);

struct callback {
    struct callback *next, *prev;
    void (*fn)(struct callback *self);
};

enum { POLL_EVERY = 64 };

static struct callback ready = { &ready, &ready, NULL };
static struct callback *callback;
static int epoll;

static void append(struct callback *self)
{
    self->next = &ready;
    self->prev = ready.prev;
    ready.prev->next = self;
    ready.prev = self;
}

static void run_ready(unsigned most)
{
    while (ready.next != &ready && most--) {
        struct callback *first = ready.next;
        first->prev->next = first->next;
        first->next->prev = first->prev;
        first->next = NULL;
        first->fn(first);
    }
}

static void poll_kernel(void)
{
    struct epoll_event event;
    epoll_wait(epoll, &event, 1, 0);
}

static void on_batch(struct callback *self)
{
    (void)self;
    callback_ran();
}

static void on_chain(struct callback *self)
{
    if (chain_goes_on())
        append(self);
}

static void make_loop(size_t callbacks)
{
    epoll = epoll_create1(EPOLL_CLOEXEC);
    bench_check(epoll >= 0, "epoll_create1");
    callback = bench_alloc(callbacks, sizeof *callback);
    for (size_t i = 0; i < callbacks; i++)
        callback[i].fn = callbacks > 1 ? on_batch : on_chain;
}

static void turn_batch(size_t callbacks)
{
    for (size_t i = 0; i < callbacks; i++)
        append(&callback[i]);
    poll_kernel();
    run_ready((unsigned)callbacks);
}

static void run_chain(void)
{
    append(&callback[0]);
    while (ready.next != &ready) {
        run_ready(POLL_EVERY);
        poll_kernel();
    }
}

#include "queue.h"
