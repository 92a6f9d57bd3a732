/* gyre_wait: looking on until a condition holds or the time is over.
 *
 * SPDX-License-Identifier: MIT */
#include "future/node.h"

struct wait {
    struct node node;
    enum gyre_wait_mode mode;
    struct gyre_timer timer;
};

static void end_wait(struct wait *wait)
{
    (void)gyre_timer_stop(&wait->timer);
    node_detach(&wait->node);
    future_settle_ok(&wait->node.f, NULL, NULL);
}

static void wait_told(struct node *node, struct edge *edge)
{
    struct wait *wait = container_of(node, struct wait, node);
    bool is_over = node->left == 0;

    switch (wait->mode) {
    case GYRE_WAIT_ALL:
        break;
    case GYRE_WAIT_FIRST:
        is_over = true;
        break;
    case GYRE_WAIT_FIRST_ERROR:
        is_over = is_over || edge->source->state == GYRE_FUTURE_ERR;
        break;
    }
    if (is_over)
        end_wait(wait);
}

static int cancel_wait(struct gyre_future *f)
{
    struct wait *wait = container_of(node_of(f), struct wait, node);

    (void)gyre_timer_stop(&wait->timer);
    return node_cancel_by_detaching(f);
}

static void wait_timed_out(struct gyre_timer *timer, void *arg)
{
    struct wait *wait = arg;
    struct gyre_futures *fs = wait->node.f.futures;

    (void)timer;
    end_wait(wait);
    work_run(fs);
}

static const struct node_kind wait_kind = {
    .future = { .name = "wait", .is_node = true, .cancel = cancel_wait, .fini = node_fini },
    .owns = false,
    .told = wait_told,
};

struct gyre_future *gyre_wait(struct gyre_loop *loop, enum gyre_wait_mode mode, size_t count,
                              struct gyre_future *const *futures, uint64_t timeout)
{
    int err;
    struct gyre_futures *fs = futures_of(loop, &err);

    if (!fs)
        return future_refused(err);
    if (count == 0 || (unsigned)mode > GYRE_WAIT_FIRST_ERROR)
        return future_refused(-EINVAL);
    err = node_check(fs, false, count, futures);
    if (err < 0)
        return future_refused(err);

    struct node *node =
        node_new(fs, &wait_kind, sizeof(struct wait), count, false, __builtin_return_address(0));
    if (!node)
        return future_refused(-ENOMEM);
    struct wait *wait = container_of(node, struct wait, node);
    wait->mode = mode;
    timer_prepare(&wait->timer, loop, wait_timed_out, wait);
    if (timeout != GYRE_NEVER)
        (void)gyre_timer_start(&wait->timer, timeout);
    node_connect_all(node, futures);
    node_begin(node);
    return &node->f;
}
