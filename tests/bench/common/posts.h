/* The workloads between threads, the same text for every library.
 *
 * post: producers hand messages to one loop, as fast as they can, each from a ring of its own; a
 * producer whose ring is used up yields until half of it has arrived. The loop has a processor to
 * itself.
 * pingpong: two loops in two threads hand one message to and fro, both on one processor (which shows
 * what it costs), or on one each (which shows how long a sleeping processor takes to wake up).
 *
 * Included at the end of each library's post file, which has defined before:
 *
 *     struct side                 a loop that receives messages
 *     struct message              what is handed over; has a member `producer`
 *     side_open(side), side_run(side), side_close(side)
 *                                 called in the thread of the loop; run until side_stop
 *     side_stop(side)             called inside arrived
 *     message_init(message, to)   `to` is an open side; it is called once, for any number of sends
 *     message_send(message)       any thread
 *
 * and calls arrived(message), which it has declared, for each message on the loop's thread. After
 * side_run has returned more messages may have been sent; side_close drops them.
 *
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_POSTS_H
#define BENCH_POSTS_H

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

enum { RING = 1 << 12, TRIPS = 1 << 6, PRODUCERS = 2, CACHE_LINE = 64 };

struct producer {
    struct message *ring;
    pthread_t thread;
    _Alignas(2 * CACHE_LINE) atomic_ulong arrived; /* written by the loop's thread */
};

static struct producer producers[PRODUCERS];
static struct side here, there;
static struct message ping, pong;
static unsigned long arrivals;
static uint64_t post_begin, post_end;
static atomic_bool post_over;

/* Wait until at least half of the ring is free; returns how many messages have arrived. */
static unsigned long await_room(struct producer *p, unsigned long sent)
{
    unsigned long seen = atomic_load_explicit(&p->arrived, memory_order_acquire);

    while (sent - seen > RING / 2 && !atomic_load_explicit(&post_over, memory_order_relaxed)) {
        sched_yield();
        seen = atomic_load_explicit(&p->arrived, memory_order_acquire);
    }
    return seen;
}

static void *produce(void *arg)
{
    struct producer *p = arg;
    unsigned long sent = 0, seen = 0;

    bench_pin(OTHER_PROCESSORS);
    while (!atomic_load_explicit(&post_over, memory_order_relaxed)) {
        if (sent - seen == RING)
            seen = await_room(p, sent);
        else
            message_send(&p->ring[sent++ % RING]);
    }
    return NULL;
}

static void post_arrived(struct message *message)
{
    struct producer *p = message->producer;
    unsigned long count = atomic_load_explicit(&p->arrived, memory_order_relaxed);

    bench_check(message == &p->ring[count % RING], "messages out of order");
    atomic_store_explicit(&p->arrived, count + 1, memory_order_release);
    if (post_end || ++arrivals % RING)
        return;

    uint64_t now = bench_wall();
    if (arrivals == RING) {
        post_begin = now;
    } else if (now - post_begin >= bench_budget()) {
        post_end = now;
        atomic_store(&post_over, true);
        side_stop(&here);
    }
}

void run_post(const unsigned long *arg)
{
    bench_pin(FIRST_PROCESSOR);
    side_open(&here);
    for (size_t i = 0; i < arg[0]; i++) {
        struct producer *p = &producers[i];
        p->ring = bench_alloc(RING, sizeof *p->ring);
        for (size_t j = 0; j < RING; j++) {
            message_init(&p->ring[j], &here);
            p->ring[j].producer = p;
        }
    }
    for (size_t i = 0; i < arg[0]; i++)
        bench_check(!pthread_create(&producers[i].thread, NULL, produce, &producers[i]), "thread");

    side_run(&here);
    for (size_t i = 0; i < arg[0]; i++)
        pthread_join(producers[i].thread, NULL);
    side_close(&here);

    double seconds = (double)(post_end - post_begin) * 1e-9;
    bench_report("rate", (double)(arrivals - RING) / seconds * 1e-6, "M/s");
}

static pthread_barrier_t both_open, both_done;

static void *play_there(void *arg)
{
    const unsigned long *processors = arg;

    bench_pin(*processors > 1 ? LAST_PROCESSOR : FIRST_PROCESSOR);
    side_open(&there);
    message_init(&ping, &there);
    pthread_barrier_wait(&both_open);
    side_run(&there);
    pthread_barrier_wait(&both_done);
    side_close(&there);
    return NULL;
}

static void ping_arrived(void)
{
    bool over = atomic_load(&post_over);

    message_send(&pong);
    if (over)
        side_stop(&there);
}

static void pong_arrived(void)
{
    if (atomic_load(&post_over)) {
        side_stop(&here);
        return;
    }
    if (++arrivals % TRIPS == 0) {
        uint64_t now = bench_wall();
        if (arrivals == TRIPS)
            post_begin = now;
        if (now - post_begin >= bench_budget()) {
            post_end = now;
            atomic_store(&post_over, true);
        }
    }
    message_send(&ping);
}

void run_pingpong(const unsigned long *arg)
{
    unsigned long processors = arg[0];
    pthread_t thread;

    bench_pin(FIRST_PROCESSOR);
    pthread_barrier_init(&both_open, NULL, 2);
    pthread_barrier_init(&both_done, NULL, 2);
    side_open(&here);
    message_init(&pong, &here);
    bench_check(!pthread_create(&thread, NULL, play_there, &processors), "thread");

    pthread_barrier_wait(&both_open);
    message_send(&ping);
    side_run(&here);
    pthread_barrier_wait(&both_done);
    pthread_join(thread, NULL);
    side_close(&here);

    bench_report("trip", (double)(post_end - post_begin) / (double)(arrivals - TRIPS), "ns");
}

static void arrived(struct message *message)
{
    if (message->producer)
        post_arrived(message);
    else if (message == &ping)
        ping_arrived();
    else
        pong_arrived();
}

#endif
