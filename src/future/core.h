/* A future from inside, and the state that all futures of a loop share.
 *
 * Invariants: a pending future is in the list `operations` of exactly one scope, a settled one in
 * none; then `member` holds it in the list of failures of its group, or of those that nobody has
 * looked at (FUTURE_LISTED), or nowhere. Its block is freed when it is settled, has no references,
 * its producer's side has ended and no function of the user's runs for it. `as.pending` is valid
 * while it is pending, and at the close of the loop until kind->close has been called, `as.settled`
 * after.
 *
 * Everything that spreads from one future to others (telling those made of it, asking their inputs
 * to stop, freeing them) goes through one list, `work`, first in first out but for requests, which come
 * before the rest: nothing recurses, and a future is in it at most once. FUTURE_AT_WORK keeps its
 * block, from when it is put there until its turn is over; of a request, until its turn comes.
 *
 * The constant futures that refused calls return have no `futures`; nothing is ever written to them.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_FUTURE_CORE_H
#define GYRE_FUTURE_CORE_H

#include "base/list.h"
#include "base/memory.h"
#include "base/util.h"
#include "gyre/future.h"
#include "gyre/scope.h"
#include "loop/attach.h"

#include <assert.h>
#include <errno.h>

enum future_flags {
    FUTURE_PRODUCED = 1 << 0,   /* made by gyre_future_create; the producer's side has not ended */
    FUTURE_CANCELLING = 1 << 1, /* it has been asked to be undone */
    FUTURE_OWNED = 1 << 2,      /* another future or a group has taken it over */
    FUTURE_OBSERVED = 1 << 3,   /* its error has been looked at */
    FUTURE_LISTED = 1 << 4,     /* in the list of errors that nobody has looked at */
    FUTURE_AT_WORK = 1 << 5,    /* in the list, or its turn has come */
    FUTURE_ASK = 1 << 6,        /* the work: call kind->cancel */
    FUTURE_MARKED = 1 << 7,     /* an input of the node under construction */
    FUTURE_ALIAS = 1 << 8,      /* its value is that of the future as.settled.value */
    FUTURE_CALLING = 1 << 9,    /* a function of the user's runs for it */
    FUTURE_DECIDED = 1 << 10,   /* a node that has cancelled its inputs as siblings */
    FUTURE_HELD = 1 << 11,      /* a shield kept `reason` and `note.cause` from it, its owner's */
};

struct gyre_future;

/* What kinds of futures differ in. All functions may be NULL. */
struct future_kind {
    const char *name;
    bool is_node;    /* a struct node */
    bool owns_scope; /* the scope it is in, and is not asked when that alone is cancelled */

    /* Undo it: 0, it is to become cancelled; -EINPROGRESS, it will settle later. It may also have
     * settled it. NULL: 0. */
    int (*cancel)(struct gyre_future *f);

    /* The loop has been closed, and the future with it: give back what does not belong to the
     * loop. */
    void (*close)(struct gyre_future *f);

    /* The block is about to be freed. */
    void (*fini)(struct gyre_future *f);
};

struct gyre_future {
    struct gyre_futures *futures;
    const struct future_kind *kind;
    struct gyre_link waiters; /* gyre_call.link */
    struct gyre_link edges;   /* edge.link */
    struct gyre_link member;
    struct gyre_scope *scope; /* NULL once settled */
    union {
        struct {
            const struct gyre_future_ops *ops; /* of a future made by gyre_future_create */
            void *op;
        } pending;
        struct {
            void *value; /* or the detail of an error */
            gyre_drop_fn *drop;
        } settled;
    } as;
    union {
        uint64_t cause;      /* the scope that asked it to be undone; 0: none did */
        const char *message; /* of an error */
    } note;
    const void *site;
    struct gyre_future *next_work;
    int err;
    uint32_t refs;
    uint32_t size; /* of the block */
    uint8_t state;
    uint8_t reason;
    uint16_t flags;
};

static_assert(sizeof(struct gyre_future) <= 128, "a future has at most 128 bytes");

enum {
    BLOCK_STEP = 64,              /* the size of every block is a multiple of this */
    BLOCK_CLASSES = 12,           /* blocks up to 12 * 64 bytes are kept for their next use */
    FREE_SIZE_LIMIT = 512 * 1024, /* but not more of them than this */
};

struct block {
    struct block *next;
};

struct gyre_futures {
    struct room room;
    struct gyre_loop *loop; /* NULL: destroyed */
    bool is_closed;
    bool is_working;
    bool has_shields; /* some scope was shielded once */
    struct gyre_future *work;
    struct gyre_future **work_end;
    struct gyre_future **requests_end; /* in `work`: they come first */
    struct gyre_scope *current;
    struct gyre_scope *base;    /* the one that was current when this callback began */
    struct gyre_scope *outside; /* the current one of whoever runs the loop; else the root */
    struct block *blocks[BLOCK_CLASSES + 1]; /* by size / BLOCK_STEP */
    size_t free_size;                        /* of all blocks there */
    size_t live;                             /* futures whose block is not freed */
    uint64_t next_id;                        /* of a scope */
    struct gyre_link unobserved;
    struct gyre_link signals; /* of signal_next.c */
    struct gyre_scope root;
    struct gyre_allocator allocator;
};

/* ---- room.c */

/* Attach futures to a loop, at the first use; NULL: refused, and futures_error says why. */
struct gyre_futures *futures_attach(struct gyre_loop *loop);
int futures_error(struct gyre_loop *loop);

/* The futures of a loop. NULL: `err` says why not. */
static inline struct gyre_futures *futures_of(struct gyre_loop *loop, int *err)
{
    struct room *room = likely(loop) ? loop_room(loop, ROOM_FUTURE) : NULL;
    struct gyre_futures *fs =
        likely(room) ? container_of(room, struct gyre_futures, room) : futures_attach(loop);

    if (unlikely(!fs))
        *err = futures_error(loop);
    return fs;
}

/* Whether the calling thread may change futures: 0 or why not. On a closed loop it may: what it
 * finds is settled, or about to be. */
static inline int futures_enter(const struct gyre_futures *fs)
{
    return unlikely(fs->is_closed) ? 0 : loop_check(fs->loop);
}

/* The constant future that has failed with `err`; another code gives that of -EINVAL. */
struct gyre_future *future_refused(int err);

/* Free the room if its loop and all its futures are gone. */
void room_maybe_free(struct gyre_futures *fs);

/* ---- blocks */

/* A kept block for a future, not cleared; NULL: there is none of this size. */
static inline void *block_take(struct gyre_futures *fs, size_t size)
{
    size_t class = size / BLOCK_STEP;
    struct block *block = class <= BLOCK_CLASSES ? fs->blocks[class] : NULL;

    if (unlikely(!block))
        return NULL;
    fs->blocks[class] = block->next;
    fs->free_size -= size;
    return block;
}

/* Whether it was kept; else it is to be given back to the allocator. */
static inline bool block_keep(struct gyre_futures *fs, void *memory, size_t size)
{
    size_t class = size / BLOCK_STEP;
    struct block *block = memory;

    if (unlikely(class > BLOCK_CLASSES || fs->is_closed || fs->free_size >= FREE_SIZE_LIMIT))
        return false;
    block->next = fs->blocks[class];
    fs->blocks[class] = block;
    fs->free_size += size;
    return true;
}

/* ---- future.c */

/* A pending future at the begin of a block of `size` bytes, in the current scope, with one
 * reference. NULL: no memory. */
struct gyre_future *future_new(struct gyre_futures *fs, const struct future_kind *kind, size_t size,
                               const void *site);

/* The funnel: the only way out of PENDING. The value, error or reason is set by one of the functions
 * below it. */
void future_settle(struct gyre_future *f, enum gyre_future_state state);
void future_settle_ok(struct gyre_future *f, void *value, gyre_drop_fn *drop);
void future_settle_err(struct gyre_future *f, int err, const char *message);
void future_settle_cancelled(struct gyre_future *f);

/* Whether it was made by gyre_future_create. */
bool future_is_promise(const struct gyre_future *f);

/* Settle `to` as `from` has been settled, whose value or detail moves over. */
void future_forward(struct gyre_future *from, struct gyre_future *to);

/* Take the value out, and the function that drops it. */
void future_take_value(struct gyre_future *f, void **value, gyre_drop_fn **drop);

/* Its error has been looked at. Asks no questions: the child of a fork in a hook of the user's must
 * be able to finish what it is in the middle of. */
void future_observe(struct gyre_future *f);

static inline bool future_is_pending(const struct gyre_future *f)
{
    return f->state == GYRE_FUTURE_PENDING;
}

/* ---- work.c: what spreads */

/* Ask a future to be undone, if it is pending and has not been asked: when the work is done. `cause`
 * is the id of the scope that asks. */
void future_request(struct gyre_future *f, enum gyre_reason reason, uint64_t cause);

/* The same at once, but for a node, and for the futures made of it. */
void future_request_now(struct gyre_future *f, enum gyre_reason reason, uint64_t cause);

/* Look at it when the work is done: it has settled, or somebody has left it, so its edges may have to be
 * told, and its block to be freed. */
void work_add(struct gyre_future *f);

/* Give a reference back, and do what that entails when the work is done. */
void future_release(struct gyre_future *f);

/* The same for one that is not looked at any more: freed at once, if that entails nothing else but to
 * let go of its inputs. */
void future_let_go(struct gyre_future *f);

/* The same for an input of what is being freed: freed at once only if it has no inputs itself, else this
 * would recurse. */
void future_let_go_input(struct gyre_future *f);

/* Around a function of the user's that runs for `f`: keeps its block. That is not a reference: if the
 * last one goes meanwhile the future is cancelled at once, and if there was none it is detached.
 * False: further up the stack another one runs, whose end it is that counts. */
static inline bool future_begin_call(struct gyre_future *f)
{
    bool is_first = !(f->flags & FUTURE_CALLING);

    f->flags |= FUTURE_CALLING;
    return is_first;
}

static inline void future_end_call(struct gyre_future *f)
{
    f->flags &= (uint16_t)~FUTURE_CALLING;
    if (f->refs == 0)
        work_add(f);
}

/* Tell the loop's error hook, which counts as looking at the error. */
void future_report(struct gyre_future *f, struct gyre_loop *loop);

/* Report every error that nobody has looked at. */
void work_report_all(struct gyre_futures *fs);

/* Do all work, unless that is being done further up the stack, and free the room if it was the last.
 */
void work_do(struct gyre_futures *fs);

/* The same if it may be needed. At the end of everything that is called from outside and has settled,
 * asked or released. */
static inline void work_run(struct gyre_futures *fs)
{
    if (fs->work || unlikely(!fs->loop))
        work_do(fs);
}

/* ---- signal_next.c */

/* The loop is closed, and nobody waits any more. */
void signals_close(struct gyre_futures *fs);

/* ---- scope.c */

void scope_init_root(struct gyre_futures *fs);

/* Put a new future into the current scope. */
static inline void scope_add(struct gyre_futures *fs, struct gyre_future *f)
{
    f->scope = fs->current;
    list_append(&fs->current->operations, &f->member);
}

/* Move a pending future to another scope. */
static inline void scope_move(struct gyre_future *f, struct gyre_scope *scope)
{
    list_remove(&f->member);
    f->scope = scope;
    list_append(&scope->operations, &f->member);
}

static inline bool scope_is_cancelled(const struct gyre_scope *scope)
{
    return scope->cause_reason != GYRE_REASON_NONE;
}

/* Cancel a scope and do the work. False: it was cancelled, or closed with the loop. */
bool scope_cancel_for(struct gyre_scope *scope, enum gyre_reason reason);

/* Whether a shield around `inner` keeps out what comes from `outer`. */
bool scope_is_shielded_from(const struct gyre_scope *inner, const struct gyre_scope *outer);

/* The next scope in a walk through the tree below `top`, which comes first; NULL after the last. */
struct gyre_scope *scope_next(const struct gyre_scope *top, struct gyre_scope *scope);

/* The loop is closed: move all operations to the root, and make all other scopes unused. */
void scope_close_all(struct gyre_futures *fs);

/* From the loop's queue: make a scope current while a function of the user's runs, and afterwards
 * the root, whatever that function has entered. */
static inline void scope_switch(struct gyre_futures *fs, struct gyre_scope *scope)
{
    fs->base = scope;
    fs->current = scope;
}

/* Callbacks begin in the root scope, and whoever runs the loop finds the current one again. */
void scope_begin_run(struct gyre_futures *fs);
void scope_end_run(struct gyre_futures *fs);

#endif
