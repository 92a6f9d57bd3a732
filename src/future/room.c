/* The futures of a loop as a whole: attached at the first use, closed with the loop, freed with the
 * last future.
 *
 * SPDX-License-Identifier: MIT */
#include "future/node.h"

/* ---- futures that refused calls return */

#define REFUSED(code)                                                     \
    {                                                                     \
        .state = GYRE_FUTURE_ERR, .err = (code), .flags = FUTURE_OBSERVED \
    }

static const struct gyre_future refused[] = {
    REFUSED(-EINVAL), REFUSED(-ENOMEM),     REFUSED(-EPERM), REFUSED(-ESHUTDOWN),
    REFUSED(-EXDEV),  REFUSED(-EOWNERDEAD), REFUSED(-EBUSY), REFUSED(-EDEADLK),
};

struct gyre_future *future_refused(int err)
{
    size_t i = ARRAY_LEN(refused) - 1;

    while (i > 0 && refused[i].err != err)
        i--;
    /* Everybody asks for `futures` before he writes. */
    return (struct gyre_future *)(uintptr_t)&refused[i];
}

/* ---- its life */

static void free_blocks(struct gyre_futures *fs)
{
    for (size_t class = 0; class <= BLOCK_CLASSES; class ++) {
        while (fs->blocks[class]) {
            struct block *block = fs->blocks[class];

            fs->blocks[class] = block->next;
            memory_free(&fs->allocator, block, class * BLOCK_STEP);
        }
    }
}

static void free_room(struct gyre_futures *fs)
{
    struct gyre_allocator allocator = fs->allocator;

    memory_free(&allocator, fs, sizeof(*fs));
}

void room_maybe_free(struct gyre_futures *fs)
{
    if (unlikely(!fs->loop) && fs->live == 0 && !fs->is_working)
        free_room(fs);
}

static struct gyre_futures *futures_of_room(const struct room *room)
{
    return container_of((uintptr_t)room, struct gyre_futures, room);
}

static void begin_run(struct room *room)
{
    scope_begin_run(futures_of_room(room));
}

static void end_run(struct room *room)
{
    scope_end_run(futures_of_room(room));
}

static void cancel_root(struct room *room)
{
    (void)scope_cancel_for(&futures_of_room(room)->root, GYRE_REASON_SHUTDOWN);
}

/* Futures whose producer is the user and has not come. */
static size_t count_promises(const struct room *room)
{
    struct gyre_futures *fs = futures_of_room(room);
    size_t count = 0;

    for (struct gyre_scope *s = &fs->root; s; s = scope_next(&fs->root, s))
        for (struct gyre_link *link = s->operations.next; link != &s->operations; link = link->next)
            count += future_is_promise(container_of(link, struct gyre_future, member));
    return count;
}

/* Settle a pending future without telling those made of it, which are settled the same way. */
static void settle_closed(struct gyre_future *f, struct gyre_link *closed)
{
    f->refs++;
    if (f->kind->is_node)
        node_detach(node_of(f)); /* an input that has settled may not have told it yet */
    while (!list_is_empty(&f->edges))
        edge_unlink(container_of(f->edges.next, struct edge, link));
    f->reason = GYRE_REASON_CLOSED;
    f->note.cause = 0;
    future_settle(f, GYRE_FUTURE_CANCELLED);
    list_append(closed, &f->member);
}

static void finish_closed(struct gyre_future *f)
{
    if (f->kind->close)
        f->kind->close(f);
    f->as.settled.value = NULL;
    f->as.settled.drop = NULL;
    future_release(f);
}

/* The drop functions of posts may still settle futures and give them back. */
static void refuse_more(struct room *room)
{
    futures_of_room(room)->is_closed = true;
}

/* All are settled before the first drop function of the user's runs: whatever that does to others, no
 * cancel hook is called any more. */
static void close_futures(struct room *room)
{
    struct gyre_futures *fs = futures_of_room(room);
    struct gyre_link *pending = &fs->root.operations;
    struct gyre_link closed;

    scope_close_all(fs);
    list_init(&closed);
    while (!list_is_empty(pending))
        settle_closed(container_of(pending->next, struct gyre_future, member), &closed);
    while (!list_is_empty(&closed))
        finish_closed(container_of(list_pop(&closed), struct gyre_future, member));
    work_report_all(fs);
    work_run(fs);
    signals_close(fs);
    free_blocks(fs);
}

static void leave_loop(struct room *room)
{
    struct gyre_futures *fs = futures_of_room(room);

    fs->loop = NULL;
    room_maybe_free(fs);
}

static const struct room_ops future_room_ops = {
    .begin_run = begin_run,
    .end_run = end_run,
    .cancel = cancel_root,
    .count = count_promises,
    .end = refuse_more,
    .close = close_futures,
    .destroy = leave_loop,
};

struct gyre_futures *futures_attach(struct gyre_loop *loop)
{
    if (!loop || loop_check(loop) < 0)
        return NULL;

    const struct gyre_allocator *allocator = loop_allocator(loop);
    struct gyre_futures *fs = memory_alloc(allocator, sizeof(*fs));
    if (!fs)
        return NULL;
    *fs = (struct gyre_futures){
        .room.ops = &future_room_ops,
        .loop = loop,
        .allocator = *allocator,
        .next_id = 1,
    };
    fs->work_end = &fs->work;
    fs->requests_end = &fs->work;
    list_init(&fs->unobserved);
    list_init(&fs->signals);
    scope_init_root(fs);
    loop_attach(loop, ROOM_FUTURE, &fs->room);
    return fs;
}

int futures_error(struct gyre_loop *loop)
{
    int err = loop ? loop_check(loop) : -EINVAL;

    return err < 0 ? err : -ENOMEM;
}
