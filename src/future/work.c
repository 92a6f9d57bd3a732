/* What spreads from a future to others, without recursion.
 *
 * SPDX-License-Identifier: MIT */
#include "future/core.h"
#include "future/node.h"

void work_add(struct gyre_future *f)
{
    struct gyre_futures *fs = f->futures;

    if (f->flags & FUTURE_AT_WORK)
        return;
    f->flags |= FUTURE_AT_WORK;
    f->next_work = NULL;
    *fs->work_end = f;
    fs->work_end = &f->next_work;
}

/* The same for one that is to be asked, before all that has settled is looked at: a future must know
 * that it is being cancelled when it hears that its input was. */
static void work_add_request(struct gyre_future *f)
{
    struct gyre_futures *fs = f->futures;

    f->flags |= FUTURE_ASK;
    if (f->flags & FUTURE_AT_WORK)
        return;
    f->flags |= FUTURE_AT_WORK;
    f->next_work = *fs->requests_end;
    *fs->requests_end = f;
    if (fs->work_end == fs->requests_end)
        fs->work_end = &f->next_work;
    fs->requests_end = &f->next_work;
}

/* Note who asks; false: there is nothing to ask, or it has been asked, or its loop is being closed and
 * will settle it. What is in force in its scope is the cause, even if an inner scope has asked first;
 * but it stays that of its own request if that came from no scope. */
static bool note_request(struct gyre_future *f, enum gyre_reason reason, uint64_t cause)
{
    if (!future_is_pending(f) || f->futures->is_closed)
        return false;
    if (f->flags & FUTURE_CANCELLING) {
        if (cause != 0 && f->note.cause != 0 && cause == f->scope->cause)
            f->note.cause = cause;
        return false;
    }
    f->flags |= FUTURE_CANCELLING;
    f->reason = (uint8_t)reason;
    f->note.cause = cause;
    return true;
}

/* The references that are held meanwhile keep a hook from freeing the future under our hands. */
static void ask(struct gyre_future *f)
{
    f->refs++;
    int err = f->kind->cancel ? f->kind->cancel(f) : 0;
    if (err == 0 && future_is_pending(f))
        future_settle_cancelled(f);
    if (--f->refs == 0)
        work_add(f);
}

void future_request(struct gyre_future *f, enum gyre_reason reason, uint64_t cause)
{
    if (note_request(f, reason, cause))
        work_add_request(f);
}

void future_request_now(struct gyre_future *f, enum gyre_reason reason, uint64_t cause)
{
    if (f->kind->is_node)
        future_request(f, reason, cause);
    else if (note_request(f, reason, cause))
        ask(f);
}

/* The last reference has gone. */
static void give_up(struct gyre_future *f)
{
    if (future_is_pending(f))
        future_request(f, GYRE_REASON_DROPPED, 0);
    else
        work_add(f);
}

void future_release(struct gyre_future *f)
{
    if (f->futures && --f->refs == 0)
        give_up(f);
}

static void tell_edges(struct gyre_future *f)
{
    while (!list_is_empty(&f->edges)) {
        struct edge *edge = container_of(f->edges.next, struct edge, link);

        edge_unlink(edge);
        node_tell(edge);
    }
}

COLD void future_report(struct gyre_future *f, struct gyre_loop *loop)
{
    struct gyre_loop_error error = {
        .size = sizeof(error),
        .kind = GYRE_ERROR_UNOBSERVED,
        .err = f->err,
        .message = f->note.message ? f->note.message : gyre_strerror(f->err),
        .site = f->site,
    };

    future_observe(f);
    loop_report(loop, &error);
}

/* The last of a future: its block. */
static void free_block_of(struct gyre_future *f)
{
    struct gyre_futures *fs = f->futures;

    fs->live--;
    if (unlikely(!block_keep(fs, f, f->size)))
        memory_free(&fs->allocator, f, f->size);
}

static void free_future(struct gyre_future *f)
{
    if (f->flags & FUTURE_LISTED)
        future_report(f, f->futures->loop);
    if (!(f->flags & FUTURE_ALIAS) && f->as.settled.drop)
        f->as.settled.drop(f->as.settled.value);
    if (f->kind->fini)
        f->kind->fini(f);
    free_block_of(f);
}

static bool is_free(const struct gyre_future *f)
{
    return f->refs == 0 && !future_is_pending(f) &&
           !(f->flags & (FUTURE_PRODUCED | FUTURE_AT_WORK | FUTURE_CALLING));
}

/* Whether it is free and free_future would call nobody but kind->fini. */
static bool is_free_quietly(const struct gyre_future *f)
{
    return is_free(f) && !(f->flags & FUTURE_LISTED) && !f->as.settled.drop;
}

void future_let_go(struct gyre_future *f)
{
    if (--f->refs > 0)
        return;
    if (!is_free_quietly(f) || (f->kind->fini && !f->kind->is_node)) {
        give_up(f);
        return;
    }
    if (f->kind->is_node)
        node_fini(f);
    free_block_of(f);
}

void future_let_go_input(struct gyre_future *f)
{
    if (!f->futures || --f->refs > 0)
        return;
    if (is_free_quietly(f) && !f->kind->fini)
        free_block_of(f);
    else
        give_up(f);
}

/* Just taken out of the list. What has settled waits until all have been asked. */
static ASIDE void work_on_request(struct gyre_future *f)
{
    struct gyre_futures *fs = f->futures;

    if (fs->requests_end == &f->next_work)
        fs->requests_end = &fs->work;
    f->flags &= (uint16_t) ~(FUTURE_ASK | FUTURE_AT_WORK);
    if (future_is_pending(f))
        ask(f);
    else
        work_add(f);
}

static void work_on(struct gyre_future *f)
{
    if (f->flags & FUTURE_ASK) {
        work_on_request(f);
        return;
    }
    if (!future_is_pending(f))
        tell_edges(f);
    f->flags &= (uint16_t)~FUTURE_AT_WORK;
    if (is_free(f))
        free_future(f);
}

void work_do(struct gyre_futures *fs)
{
    if (fs->is_working)
        return;

    fs->is_working = true;
    while (fs->work) {
        struct gyre_future *f = fs->work;

        fs->work = f->next_work;
        if (!fs->work)
            fs->work_end = &fs->work;
        work_on(f);
    }
    fs->is_working = false;
    if (unlikely(!fs->loop))
        room_maybe_free(fs);
}

void work_report_all(struct gyre_futures *fs)
{
    while (!list_is_empty(&fs->unobserved))
        future_report(container_of(fs->unobserved.next, struct gyre_future, member), fs->loop);
}
