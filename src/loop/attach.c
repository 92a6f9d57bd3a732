/* The rooms above the loop, and its error hook.
 *
 * SPDX-License-Identifier: MIT */
#include "loop/attach.h"
#include "loop/core.h"

#include <stdio.h>

void loop_attach(struct gyre_loop *l, enum room_number number, struct room *room)
{
    l->head.rooms[number] = room;
    if (l->is_shut)
        room->ops->cancel(room);
}

bool loop_is_own(const struct gyre_loop *l)
{
    return loop_is_on_thread(l);
}

uint64_t loop_time(const struct gyre_loop *l)
{
    return l->is_running && !l->is_virtual ? l->now : clock_now();
}

const struct gyre_allocator *loop_allocator(const struct gyre_loop *l)
{
    return &l->allocator;
}

void rooms_begin_run(struct gyre_loop *l)
{
    for (int i = 0; i < ROOM_COUNT; i++)
        if (l->head.rooms[i] && l->head.rooms[i]->ops->begin_run)
            l->head.rooms[i]->ops->begin_run(l->head.rooms[i]);
}

void rooms_end_run(struct gyre_loop *l)
{
    for (int i = 0; i < ROOM_COUNT; i++)
        if (l->head.rooms[i] && l->head.rooms[i]->ops->end_run)
            l->head.rooms[i]->ops->end_run(l->head.rooms[i]);
}

void rooms_cancel(struct gyre_loop *l)
{
    l->is_shut = true;
    for (int i = 0; i < ROOM_COUNT; i++)
        if (l->head.rooms[i])
            l->head.rooms[i]->ops->cancel(l->head.rooms[i]);
}

size_t rooms_count(const struct gyre_loop *l)
{
    size_t count = 0;

    for (int i = 0; i < ROOM_COUNT; i++)
        if (l->head.rooms[i])
            count += l->head.rooms[i]->ops->count(l->head.rooms[i]);
    return count;
}

void rooms_collect(struct gyre_loop *l)
{
    for (int i = 0; i < ROOM_COUNT; i++)
        if (l->head.rooms[i] && l->head.rooms[i]->ops->collect)
            l->head.rooms[i]->ops->collect(l->head.rooms[i]);
}

void rooms_after_fork(struct gyre_loop *l)
{
    for (int i = 0; i < ROOM_COUNT; i++)
        if (l->head.rooms[i] && l->head.rooms[i]->ops->after_fork)
            l->head.rooms[i]->ops->after_fork(l->head.rooms[i]);
}

void rooms_end(struct gyre_loop *l)
{
    for (int i = ROOM_COUNT - 1; i >= 0; i--)
        if (l->head.rooms[i] && l->head.rooms[i]->ops->end)
            l->head.rooms[i]->ops->end(l->head.rooms[i]);
}

/* The upper ones first: they use the lower ones. */
void rooms_close(struct gyre_loop *l)
{
    for (int i = ROOM_COUNT - 1; i >= 0; i--)
        if (l->head.rooms[i])
            l->head.rooms[i]->ops->close(l->head.rooms[i]);
}

void rooms_destroy(struct gyre_loop *l)
{
    for (int i = ROOM_COUNT - 1; i >= 0; i--)
        if (l->head.rooms[i])
            l->head.rooms[i]->ops->destroy(l->head.rooms[i]);
}

void loop_hold(struct gyre_loop *l)
{
    l->live_asyncs++;
}

void loop_unhold(struct gyre_loop *l)
{
    l->live_asyncs--;
}

void loop_append(struct gyre_loop *l, struct gyre_link *list)
{
    mail_collect(l);
    queue_append_reversed(l, list);
}

bool loop_call_for(struct gyre_loop *l)
{
    return inbox_set_request(&l->inbox, ATTENTION_ROOMS);
}

void loop_wake(struct gyre_loop *l)
{
    inbox_send_wake(&l->inbox);
}

/* ---- the error hook */

static void print_error(struct gyre_loop *loop, const struct gyre_loop_error *error, void *arg)
{
    (void)loop;
    (void)arg;
    fprintf(stderr, "gyre: nobody looked at the error of a future made at %p: %s (%s)\n",
            error->site, error->message, gyre_errname(error->err));
}

int gyre_loop_on_error(struct gyre_loop *loop, gyre_error_fn *fn, void *arg)
{
    int err = loop ? loop_check(loop) : -EINVAL;

    if (err < 0)
        return err;
    loop->error_fn = fn;
    loop->error_arg = arg;
    return 0;
}

void loop_report(struct gyre_loop *l, const struct gyre_loop_error *error)
{
    gyre_error_fn *fn = l->error_fn ? l->error_fn : print_error;

    fn(l, error, l->error_arg);
}
