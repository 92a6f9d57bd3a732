/* A gate that holds threads until the test opens it: how tests know where a worker is, without
 * sleeping.
 *
 * Gates are static, so that a worker which a failed test leaves behind still finds one.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_TEST_GATE_H
#define GYRE_TEST_GATE_H

#include <pthread.h>
#include <stdbool.h>

struct gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int came; /* so many have come to it, held or not, since it was closed */
    bool is_open;
};

#define GATE_INIT                                                               \
    {                                                                           \
        .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER, \
    }

/* Come to the gate, and wait until it is open. */
static inline void gate_pass(struct gate *gate)
{
    (void)pthread_mutex_lock(&gate->lock);
    gate->came++;
    (void)pthread_cond_broadcast(&gate->changed);
    while (!gate->is_open)
        (void)pthread_cond_wait(&gate->changed, &gate->lock);
    (void)pthread_mutex_unlock(&gate->lock);
}

/* Wait until `count` have come. */
static inline void gate_await(struct gate *gate, int count)
{
    (void)pthread_mutex_lock(&gate->lock);
    while (gate->came < count)
        (void)pthread_cond_wait(&gate->changed, &gate->lock);
    (void)pthread_mutex_unlock(&gate->lock);
}

static inline int gate_came(struct gate *gate)
{
    (void)pthread_mutex_lock(&gate->lock);
    int came = gate->came;
    (void)pthread_mutex_unlock(&gate->lock);
    return came;
}

static inline void gate_set(struct gate *gate, bool is_open)
{
    (void)pthread_mutex_lock(&gate->lock);
    gate->is_open = is_open;
    if (!is_open)
        gate->came = 0;
    (void)pthread_cond_broadcast(&gate->changed);
    (void)pthread_mutex_unlock(&gate->lock);
}

static inline void gate_open(struct gate *gate)
{
    gate_set(gate, true);
}

static inline void gate_close(struct gate *gate)
{
    gate_set(gate, false);
}

#endif
