/* Every interleaving of a few threads, tried one by one, over the real source.
 *
 * A source file that is included after this header runs its atomic operations through the explorer:
 * each is a step, and between two steps any thread may run. The explorer goes through all
 * schedules, depth first, and enters no state twice, so a check that holds in the end holds in
 * every schedule.
 *
 * The threads are plain functions. A step of one runs the function from its beginning: operations
 * that it did before only return what they returned then, with the memory as it was; then comes one
 * operation that is new, the code up to the next, and a jump out of the function. So nothing has to
 * be known about stacks. It follows that threads may not have effects outside the memory given to
 * explore_memory, that they must be deterministic, and that memory is sequentially consistent here:
 * it is for the ThreadSanitizer to find plain accesses that race.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_MODEL_EXPLORE_H
#define GYRE_MODEL_EXPLORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef void explore_thread(void);

/* A description of what is wrong, or NULL. */
typedef const char *explore_check(void);

/* Forget all memory; add memory that the threads share or change. */
void explore_reset(void);
void explore_memory(void *at, size_t size);

/* Atomic operations on this are steps; all others are as good as plain code. That is right for
 * words which no two of the threads use. */
void explore_shared(void *at, size_t size);

/* Run `count` threads in every order. `check` is called whenever none can go on. Returns what it
 * said first, and prints the schedule that led there if `is_loud`; NULL: nothing is ever wrong.
 * Leaves the memory as it was. */
const char *explore(explore_thread *const *threads, int count, explore_check *check, bool is_loud);

/* How many states the latest search came through. */
unsigned long explore_states(void);

/* Within `check`: whether thread number `i` has returned. */
bool explore_has_returned(int i);

/* ---- for the threads */

/* What this thread has seen so far no longer matters to what it will do, except for `place`: states
 * that differ in nothing else are one. */
void explore_forget(uint64_t place);

/* An operation: `if (!explore_replayed(&v)) { do it; explore_did(v = result); }` */
bool explore_replayed(uint64_t *value);
void explore_did(uint64_t value);

/* Instead of doing the operation: it cannot be done now. Does not return. */
void explore_block(void);

/* A pause of somebody who polls: lasts until something has changed. */
int explore_yield(void);

/* ---- the atomic builtins */

bool explore_is_shared(const void *at);

#define EXPLORE_TYPE(at)      __typeof__(*(at))
#define EXPLORE_AS(at, value) ((EXPLORE_TYPE(at))(uintptr_t)(value))
#define EXPLORE_WORD(value)   ((uint64_t)(uintptr_t)(value))

/* Do `action`, which sees the value before as `old_`; gives that value. */
#define EXPLORE_OP(at, action)                        \
    ({                                                \
        bool is_step_ = explore_is_shared(at);        \
        uint64_t seen_;                               \
        if (!is_step_ || !explore_replayed(&seen_)) { \
            EXPLORE_TYPE(at) old_ = *(at);            \
            seen_ = EXPLORE_WORD(old_);               \
            action;                                   \
            if (is_step_)                             \
                explore_did(seen_);                   \
        }                                             \
        EXPLORE_AS(at, seen_);                        \
    })

static inline uint64_t explore_sum(uint64_t a, uint64_t b)
{
    return a + b;
}

#define __atomic_load_n(at, order)            EXPLORE_OP(at, (void)old_)
#define __atomic_exchange_n(at, value, order) EXPLORE_OP(at, *(at) = (value))
#define __atomic_store_n(at, value, order)    ((void)EXPLORE_OP(at, *(at) = (value)))
#define __atomic_fetch_or(at, value, order)   ((void)0, EXPLORE_OP(at, *(at) = old_ | (value)))
#define __atomic_fetch_and(at, value, order)  ((void)0, EXPLORE_OP(at, *(at) = old_ & (value)))
#define __atomic_add_fetch(at, value, order) \
    explore_sum(EXPLORE_OP(at, *(at) = old_ + (value)), value)
#define __atomic_sub_fetch(at, value, order) \
    explore_sum(EXPLORE_OP(at, *(at) = old_ - (value)), (uint64_t)0 - (value))

#define __atomic_compare_exchange_n(at, expected, value, weak, order, order_if_not)          \
    ({                                                                                       \
        EXPLORE_TYPE(at) *expected_ = (expected);                                            \
        EXPLORE_TYPE(at) met_ = EXPLORE_OP(at, *(at) = old_ == *expected_ ? (value) : old_); \
        bool same_ = met_ == *expected_;                                                     \
        *expected_ = met_;                                                                   \
        same_;                                                                               \
    })

#define sched_yield explore_yield

#endif
