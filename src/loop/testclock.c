/* Virtual time: a clock that stands still until a test advances it.
 *
 * SPDX-License-Identifier: MIT */
#include "gyre/test.h"
#include "loop/core.h"

/* A loop that is still busy after so many ticks at one moment will never be done. */
enum { TICKS_PER_MOMENT = 100000 };

uint64_t loop_virtual_clock(const struct gyre_loop *l)
{
    return __atomic_load_n(&l->virtual_now, __ATOMIC_RELAXED);
}

static void set_clock(struct gyre_loop *l, uint64_t now)
{
    __atomic_store_n(&l->virtual_now, now, __ATOMIC_RELAXED);
    l->now = now;
}

bool testclock_may_jump(const struct gyre_loop *l)
{
    return l->autojump && l->live_asyncs == 0;
}

bool testclock_jump(struct gyre_loop *l, uint64_t max_wait)
{
    uint64_t deadline = wheel_first_deadline(&l->wheel);
    uint64_t limit = gyre_time_add(l->virtual_now, max_wait);

    if (!testclock_may_jump(l))
        return false;
    if (deadline > limit)
        deadline = limit;
    if (deadline == GYRE_NEVER)
        return false;
    if (deadline > l->virtual_now)
        set_clock(l, deadline);
    return true;
}

int gyre_test_loop_create(const struct gyre_loop_options *opt, struct gyre_loop **out)
{
    int err = gyre_loop_create(opt, out);

    if (err < 0)
        return err;
    (*out)->is_virtual = true;
    set_clock(*out, GYRE_S(1));
    wheel_init(&(*out)->wheel, GYRE_S(1));
    return 0;
}

/* Run until nothing is ready at this moment. Adds the number of callbacks to `count`. */
static int settle(struct gyre_loop *l, int *count)
{
    for (int i = 0; i < TICKS_PER_MOMENT; i++) {
        int ran = loop_tick_now(l);

        if (ran < 0)
            return ran;
        *count += ran;
        if (ran == 0 && list_is_empty(l->ready))
            return 0;
        if (inbox_attention(&l->inbox) & ATTENTION_STOP)
            return 0;
    }
    return -EDEADLK;
}

static int advance(struct gyre_loop *l, uint64_t end)
{
    int count = 0;

    for (;;) {
        int err = settle(l, &count);
        if (err < 0)
            return err;
        if (inbox_take_request(&l->inbox, ATTENTION_STOP))
            return count;
        if (l->virtual_now == end)
            return count;

        uint64_t deadline = wheel_first_deadline(&l->wheel);
        set_clock(l, deadline < end ? deadline : end);
    }
}

int gyre_test_advance(struct gyre_loop *loop, uint64_t duration)
{
    int err = loop_begin_run(loop);

    if (err < 0)
        return err;
    if (!loop->is_virtual || duration > GYRE_NEVER - loop->virtual_now)
        err = -EINVAL;
    else
        err = advance(loop, loop->virtual_now + duration);
    loop_end_run(loop);
    return err;
}

int gyre_test_autojump(struct gyre_loop *loop, bool on)
{
    if (!loop)
        return -EINVAL;
    int err = loop_check(loop);
    if (err < 0)
        return err;
    if (!loop->is_virtual)
        return -EINVAL;
    loop->autojump = on;
    return 0;
}
