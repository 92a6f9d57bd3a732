/* Futures: made, settled, read.
 *
 * SPDX-License-Identifier: MIT */
#include "future/core.h"

/* ---- made */

/* Nothing here and in future_new needs a stack, but for a new block. */
static inline struct gyre_future *fill_block(struct gyre_futures *fs,
                                             const struct future_kind *kind, size_t size,
                                             const void *site, void *block)
{
    struct gyre_future *f = block;

    f->futures = fs;
    f->kind = kind;
    list_init(&f->waiters);
    list_init(&f->edges);
    f->as.pending.ops = NULL;
    f->as.pending.op = NULL;
    f->note.cause = 0;
    f->site = site;
    f->err = 0;
    f->refs = 1;
    f->size = (uint32_t)size;
    f->state = GYRE_FUTURE_PENDING;
    f->reason = GYRE_REASON_NONE;
    f->flags = 0;
    scope_add(fs, f);
    fs->live++;
    return f;
}

static ASIDE struct gyre_future *fill_new_block(struct gyre_futures *fs,
                                                const struct future_kind *kind, size_t size,
                                                const void *site)
{
    void *block = memory_alloc(&fs->allocator, size);

    return block ? fill_block(fs, kind, size, site, block) : NULL;
}

struct gyre_future *future_new(struct gyre_futures *fs, const struct future_kind *kind, size_t size,
                               const void *site)
{
    size = (size + BLOCK_STEP - 1) / BLOCK_STEP * BLOCK_STEP;
    void *block = block_take(fs, size);

    if (unlikely(!block))
        return fill_new_block(fs, kind, size, site);
    return fill_block(fs, kind, size, site, block);
}

static int ask_producer(struct gyre_future *f)
{
    const struct gyre_future_ops *ops = f->as.pending.ops;

    if (!ops || (!ops->cancel && !ops->drop))
        return 0; /* the producer will come, and be told that it is too late */
    int err = ops->cancel ? ops->cancel(f, f->as.pending.op) : 0;
    if (err == 0)
        f->flags &= (uint16_t)~FUTURE_PRODUCED;
    if (!ops->cancel)
        ops->drop(f->as.pending.op);
    return err;
}

static void drop_operation(struct gyre_future *f)
{
    const struct gyre_future_ops *ops = f->as.pending.ops;

    if (!ops || !(f->flags & FUTURE_PRODUCED))
        return; /* whoever it is will come, or has come, and be told that it is too late */
    f->flags &= (uint16_t)~FUTURE_PRODUCED;
    if (ops->drop)
        ops->drop(f->as.pending.op);
}

static const struct future_kind promise_kind = {
    .name = "future",
    .cancel = ask_producer,
    .close = drop_operation,
};

bool future_is_promise(const struct gyre_future *f)
{
    return f->kind == &promise_kind;
}

struct gyre_future *gyre_future_create(struct gyre_loop *loop)
{
    int err;
    struct gyre_futures *fs = futures_of(loop, &err);

    if (unlikely(!fs))
        return future_refused(err);
    struct gyre_future *f = future_new(fs, &promise_kind, sizeof(*f), __builtin_return_address(0));
    if (unlikely(!f))
        return future_refused(-ENOMEM);
    if (unlikely(scope_is_cancelled(fs->current)))
        future_request_now(f, (enum gyre_reason)fs->current->cause_reason, fs->current->cause);
    else
        f->flags = FUTURE_PRODUCED;
    return f;
}

/* ---- references */

struct gyre_future *gyre_future_ref(struct gyre_future *f)
{
    if (!f || !f->futures)
        return f;
    if (futures_enter(f->futures) < 0)
        return NULL;
    f->refs++;
    return f;
}

void gyre_future_unref(struct gyre_future *f)
{
    if (!f || !f->futures || futures_enter(f->futures) < 0)
        return;

    struct gyre_futures *fs = f->futures;
    future_let_go(f);
    work_run(fs);
}

void gyre_future_detach(struct gyre_future *f)
{
    if (!f || !f->futures || futures_enter(f->futures) < 0)
        return;
    if (future_is_pending(f))
        f->refs--;
    else
        gyre_future_unref(f);
}

/* ---- settled */

static void wake_waiters(struct gyre_future *f)
{
    while (!list_is_empty(&f->waiters)) {
        struct gyre_call *then = container_of(f->waiters.next, struct gyre_call, link);

        if (unlikely(f->futures->is_closed))
            call_forget(then);
        else
            call_wake(then);
    }
}

void future_settle(struct gyre_future *f, enum gyre_future_state state)
{
    f->state = (uint8_t)state;
    f->scope = NULL;
    list_remove(&f->member);
    wake_waiters(f);
    if (!list_is_empty(&f->edges) || f->refs == 0)
        work_add(f);
}

void future_settle_ok(struct gyre_future *f, void *value, gyre_drop_fn *drop)
{
    f->as.settled.value = value;
    f->as.settled.drop = drop;
    future_settle(f, GYRE_FUTURE_OK);
}

void future_settle_err(struct gyre_future *f, int err, const char *message)
{
    f->as.settled.value = NULL;
    f->as.settled.drop = NULL;
    f->note.message = message;
    f->err = err;
    future_settle(f, GYRE_FUTURE_ERR);
    f->flags &= (uint16_t)~FUTURE_CANCELLING;
    if (f->flags & FUTURE_OBSERVED)
        return;
    list_append(&f->futures->unobserved, &f->member);
    f->flags |= FUTURE_LISTED;
}

void future_settle_cancelled(struct gyre_future *f)
{
    f->as.settled.value = NULL;
    f->as.settled.drop = NULL;
    future_settle(f, GYRE_FUTURE_CANCELLED);
}

void future_forward(struct gyre_future *from, struct gyre_future *to)
{
    void *value = from->as.settled.value;
    gyre_drop_fn *drop = from->as.settled.drop;

    switch ((enum gyre_future_state)from->state) {
    case GYRE_FUTURE_PENDING:
        return;
    case GYRE_FUTURE_OK:
        future_settle_ok(to, value, drop);
        to->flags |= from->flags & FUTURE_ALIAS;
        break;
    case GYRE_FUTURE_ERR:
        future_settle_err(to, from->err, from->note.message);
        to->as.settled.value = value;
        to->as.settled.drop = drop;
        future_observe(from);
        break;
    case GYRE_FUTURE_CANCELLED:
        if (!(to->flags & FUTURE_CANCELLING)) { /* else it knows better who asked it */
            to->note.cause = from->note.cause;
            to->reason = from->reason;
        }
        future_settle_cancelled(to);
        return;
    }
    if (!(from->flags & FUTURE_ALIAS) && from->futures) {
        from->as.settled.value = NULL;
        from->as.settled.drop = NULL;
    }
}

void future_observe(struct gyre_future *f)
{
    if (!f->futures)
        return;
    f->flags |= FUTURE_OBSERVED;
    if (f->flags & FUTURE_LISTED) {
        list_remove(&f->member);
        f->flags &= (uint16_t)~FUTURE_LISTED;
    }
}

/* ---- consumers */

/* The user looks at the error, on whatever thread. */
static void observe_from_outside(struct gyre_future *f)
{
    if (f->futures && futures_enter(f->futures) == 0)
        future_observe(f);
}

enum gyre_future_state gyre_future_state(const struct gyre_future *f)
{
    return f ? (enum gyre_future_state)f->state : GYRE_FUTURE_ERR;
}

int gyre_future_error(struct gyre_future *f)
{
    if (!f)
        return -EINVAL;
    switch ((enum gyre_future_state)f->state) {
    case GYRE_FUTURE_PENDING:
        return -EINPROGRESS;
    case GYRE_FUTURE_OK:
        return 0;
    case GYRE_FUTURE_ERR:
        observe_from_outside(f);
        return f->err;
    case GYRE_FUTURE_CANCELLED:
        return -ECANCELED;
    }
    return 0;
}

const char *gyre_future_message(struct gyre_future *f)
{
    int err = gyre_future_error(f);

    if (f && f->state == GYRE_FUTURE_ERR && f->note.message)
        return f->note.message;
    return gyre_strerror(err);
}

void *gyre_future_detail(struct gyre_future *f)
{
    if (!f || f->state != GYRE_FUTURE_ERR)
        return NULL;
    observe_from_outside(f);
    return f->as.settled.value;
}

/* The future whose value it is. */
static const struct gyre_future *value_holder(const struct gyre_future *f)
{
    while (f && f->flags & FUTURE_ALIAS)
        f = f->as.settled.value;
    return f && f->state == GYRE_FUTURE_OK ? f : NULL;
}

void *gyre_future_peek(const struct gyre_future *f)
{
    const struct gyre_future *holder = value_holder(f);

    return holder ? holder->as.settled.value : NULL;
}

void future_take_value(struct gyre_future *f, void **value, gyre_drop_fn **drop)
{
    struct gyre_future *holder = (struct gyre_future *)(uintptr_t)value_holder(f);

    *value = NULL;
    *drop = NULL;
    if (!holder || futures_enter(holder->futures) < 0)
        return;
    *value = holder->as.settled.value;
    *drop = holder->as.settled.drop;
    holder->as.settled.value = NULL;
    holder->as.settled.drop = NULL;
}

void *gyre_future_take(struct gyre_future *f)
{
    void *value;
    gyre_drop_fn *drop;

    future_take_value(f, &value, &drop);
    return value;
}

int gyre_future_on_done(struct gyre_future *f, struct gyre_call *then)
{
    if (!f || !then)
        return -EINVAL;
    if (!f->futures)
        return gyre_call_start(then); /* a constant failure, which knows no loop */
    if (f->futures->is_closed)
        return -ESHUTDOWN;

    int err = call_wait(then, f->futures->loop, &f->waiters);
    if (err == 0 && !future_is_pending(f))
        call_wake(then);
    return err;
}

bool gyre_future_cancel(struct gyre_future *f)
{
    if (!f || !f->futures || futures_enter(f->futures) < 0)
        return false;
    if (!future_is_pending(f)) {
        future_observe(f);
        return false;
    }

    struct gyre_futures *fs = f->futures;
    future_request_now(f, GYRE_REASON_REQUEST, 0);
    work_run(fs);
    return true;
}

bool gyre_future_is_cancelling(const struct gyre_future *f)
{
    return f && future_is_pending(f) && f->flags & FUTURE_CANCELLING;
}

enum gyre_reason gyre_future_reason(const struct gyre_future *f)
{
    return f && (gyre_future_is_cancelling(f) || f->state == GYRE_FUTURE_CANCELLED)
               ? (enum gyre_reason)f->reason
               : GYRE_REASON_NONE;
}

void gyre_future_ignore_error(struct gyre_future *f)
{
    if (f)
        observe_from_outside(f);
}

/* ---- producers */

/* Whether its producer may do something to `f` now: 0, -EALREADY or why not. */
static int producer_enter(const struct gyre_future *f)
{
    if (!f->futures)
        return -EALREADY;
    int err = futures_enter(f->futures);
    if (err < 0)
        return err;
    if (f->kind != &promise_kind)
        return -EINVAL;
    return future_is_pending(f) ? 0 : -EALREADY;
}

int gyre_future_set_cancel(struct gyre_future *f, const struct gyre_future_ops *ops, void *op)
{
    int err = f && ops ? producer_enter(f) : -EINVAL;

    if (err < 0)
        return err;
    f->as.pending.ops = ops;
    f->as.pending.op = op;
    return 0;
}

/* The producer leaves a settled future. */
static void end_production(struct gyre_future *f)
{
    if (!f->futures)
        return;

    struct gyre_futures *fs = f->futures;
    f->flags &= (uint16_t)~FUTURE_PRODUCED;
    if (f->refs == 0)
        work_add(f);
    work_run(fs);
}

/* What producer_enter refused: if only since it comes too late, drop what it brings. */
static COLD int refuse_producer(struct gyre_future *f, int err, void *value, gyre_drop_fn *drop)
{
    if (err != -EALREADY)
        return err;
    if (drop)
        drop(value);
    end_production(f);
    return err;
}

int gyre_future_resolve(struct gyre_future *f, void *value, gyre_drop_fn *drop)
{
    int err = f ? producer_enter(f) : -EINVAL;

    if (unlikely(err < 0))
        return refuse_producer(f, err, value, drop);
    struct gyre_futures *fs = f->futures;
    f->flags &= (uint16_t)~FUTURE_PRODUCED;
    future_settle_ok(f, value, drop);
    work_run(fs);
    return 0;
}

int gyre_future_fail_with(struct gyre_future *f, int err, const char *message, void *detail,
                          gyre_drop_fn *drop)
{
    int refusal = f && err < 0 ? producer_enter(f) : -EINVAL;

    if (refusal < 0)
        return refuse_producer(f, refusal, detail, drop);
    future_settle_err(f, err, message);
    f->as.settled.value = detail;
    f->as.settled.drop = drop;
    end_production(f);
    return 0;
}

int gyre_future_fail(struct gyre_future *f, int err)
{
    return gyre_future_fail_with(f, err, NULL, NULL, NULL);
}

void gyre_future_abandon(struct gyre_future *f)
{
    int err = f ? producer_enter(f) : -EINVAL;

    if (err == 0 && f->flags & FUTURE_CANCELLING)
        future_settle_cancelled(f);
    else if (err == 0)
        future_settle_err(f, -EOWNERDEAD, "its producer gave up");
    if (err == 0 || err == -EALREADY)
        end_production(f);
}
