/* gyre/future.h: results that come later. An operation returns a future; it is settled exactly
 * once, with a value, an error or a cancellation, and can be waited for, combined, limited in time
 * and cancelled.
 *
 *     static void on_slept(struct gyre_call *call, void *arg)
 *     {
 *         struct gyre_future *sleep = arg;
 *         (void)call;
 *         puts(gyre_future_error(sleep) == 0 ? "slept" : "cancelled");
 *         gyre_future_unref(sleep);
 *     }
 *
 *     struct gyre_loop *loop;
 *     struct gyre_call then = { 0 };
 *     if (gyre_loop_create(NULL, &loop) < 0)
 *         return 1;
 *     struct gyre_future *sleep = gyre_sleep(loop, GYRE_MS(20));
 *     gyre_call_init(&then, loop, on_slept, sleep);
 *     gyre_future_on_done(sleep, &then);
 *     gyre_loop_run(loop);
 *     gyre_loop_destroy(loop);
 *
 * THE TWO SIDES. Whoever waits for the result is a consumer and holds a reference: the function
 * that returned the future gave it one. Whoever brings the result is the producer. Operations of
 * this library are their own producers; for a future of gyre_future_create the producer is you, and
 * your side ends with gyre_future_resolve, gyre_future_fail or gyre_future_abandon.
 *
 * - A future is settled once. A producer that comes too late gets -EALREADY, and its value is
 *   dropped all the same: whatever happens, a value is taken or dropped exactly once.
 * - Completion beats cancellation: if the thing was done, the future is OK, and a cancel that comes
 *   later changes nothing. If cancel wins, nothing was done.
 * - When the last reference to a pending future goes, nobody can see the result any more, and the
 *   operation is cancelled. To let it go on alone, gyre_future_detach it.
 * - An error that nobody looked at is reported, once, to the loop's error hook
 *   (gyre_loop_on_error) when the last reference goes or the loop is closed. Looked at means:
 *   gyre_future_error, gyre_future_message or gyre_future_detail was called, or the error became
 *   that of another future. Cancellations and values are not reported.
 *
 * FUNCTIONS THAT RETURN A FUTURE never return NULL, and give you a reference. If the call itself is
 * refused (an argument, the wrong thread, a closed loop, no memory) they return a future that has
 * failed with the code named under ERRORS in gyre/loop.h, or -ENOMEM, and nothing was started. Such
 * a future belongs to no loop and is never reported; use it like any other. An operation that could
 * not be started for its own reasons (a bad descriptor) is an ordinary future that has failed.
 *
 * ORDER. Continuations always run from the loop's queue, never inside the call that settles, in
 * the order in which they were registered. Futures made of other futures (gyre_all and so on) are
 * settled at once with the last of those, before anything else can happen, however deep they are
 * nested; the continuations of a future are queued before those of futures made of it. When several
 * futures are cancelled together, all of them are asked to stop before any is told what became of
 * its inputs. A cancel hook or drop function of yours that runs inside one of these calls may use
 * every function here, but its effects on futures made of others wait until the outer call ends.
 *
 * THREADS AND ERRORS are as in gyre/loop.h: all is for the loop's thread. Functions that only look
 * at a future do not check that, and must not be called on another one. On a closed loop every
 * future is settled; it can still be read, taken and unref'ed, also after gyre_loop_destroy. A
 * thread that has a result posts it to the loop (gyre_post_send), and the callback resolves; if the
 * loop is closed first the drop function of the post may do so, or gyre_future_abandon.
 *
 * COST. Blocks are kept and used again: no allocation once warm, but for combinators of more than a
 * dozen inputs. A plain future takes 128 bytes. O(1), but for futures made of many, which cost O(inputs) to
 * make, to cancel and to free; nothing recurses.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_FUTURE_H
#define GYRE_FUTURE_H

#include "gyre/loop.h"

#ifdef __cplusplus
extern "C" {
#endif

struct gyre_future;

enum gyre_future_state {
    GYRE_FUTURE_PENDING,
    GYRE_FUTURE_OK,
    GYRE_FUTURE_ERR,
    GYRE_FUTURE_CANCELLED,
};

/* Why something was cancelled. The first reason is kept, except that GYRE_REASON_CLOSED replaces any. */
enum gyre_reason {
    GYRE_REASON_NONE,     /* it was not */
    GYRE_REASON_REQUEST,  /* gyre_future_cancel, gyre_scope_cancel */
    GYRE_REASON_TIMEOUT,  /* the deadline of a scope, or of a gyre_within around it */
    GYRE_REASON_SIBLING,  /* another one of its gyre_all, gyre_race or group decided the matter */
    GYRE_REASON_DROPPED,  /* its last reference went */
    GYRE_REASON_SHUTDOWN, /* gyre_loop_shutdown */
    GYRE_REASON_CLOSED,   /* gyre_loop_close */
};

/* ------------------------------------------------------------------ consumers */

/* One more reference; returns `f`, or NULL if it was refused: on the wrong thread. NULL is allowed.
 *
 * Source:     future/future.c; tests: future_test.c, drop_test.c.
 */
GYRE_API struct gyre_future *gyre_future_ref(struct gyre_future *f);

/* Give a reference back; NULL is ignored. With the last one a pending future is cancelled, a value
 * that nobody took is dropped, an error that nobody looked at is reported.
 *
 * Thread:     the loop's; on another one it does nothing.
 */
GYRE_API void gyre_future_unref(struct gyre_future *f);

/* Give a reference back without cancelling: the operation goes on. If nobody holds another
 * reference, its value is dropped in the end, and its error reported. NULL is ignored. */
GYRE_API void gyre_future_detach(struct gyre_future *f);

/* Never fails; for NULL GYRE_FUTURE_ERR. */
GYRE_API enum gyre_future_state gyre_future_state(const struct gyre_future *f);

/* 0 if it is OK, the error if it failed, -ECANCELED if it was cancelled, -EINPROGRESS while it is
 * pending, -EINVAL for NULL. Counts as looking at the error. */
GYRE_API int gyre_future_error(struct gyre_future *f);

/* The error in words: what the producer said, else gyre_strerror(gyre_future_error(f)).
 *
 * Ownership:  a constant string, as long as the producer's is. Never NULL.
 */
GYRE_API const char *gyre_future_message(struct gyre_future *f);

/* What the producer attached to the error, NULL if nothing. It stays the future's, as long as you
 * hold a reference. */
GYRE_API void *gyre_future_detail(struct gyre_future *f);

/* The value; NULL unless the future is OK, and after take. It stays the future's, as long as you
 * hold a reference. Numbers come as (void *)(intptr_t)number. */
GYRE_API void *gyre_future_peek(const struct gyre_future *f);

/* The value, which is yours from now on and will not be dropped. The second time, NULL. */
GYRE_API void *gyre_future_take(struct gyre_future *f);

/* Queue `then` when `f` is settled, at once if it is already. Any number of calls may wait for a
 * future; they are queued in the order in which they were registered, each once.
 *
 * gyre_call_stop takes it back, before and after the future is settled. A waiting call counts as
 * started, but does not keep the loop alive: what the future stands for does.
 *
 * Ownership:  `then` is yours, as with gyre_call_start; it keeps no reference to `f`, so hold one as
 *             long as its function wants to look at f. If the last reference goes, f is cancelled
 *             and `then` runs nevertheless: stop it first. If the loop is closed it does not run.
 * Errors:     -EALREADY `then` is started; -EXDEV it belongs to another loop. Never -ENOMEM.
 */
GYRE_API int gyre_future_on_done(struct gyre_future *f, struct gyre_call *then);

/* Ask for the operation to be undone. Returns true while the future is pending, also the second
 * time, false if it is settled.
 *
 * Most operations are undone when this returns, and the future is cancelled then. Others need time,
 * and settle later, perhaps OK: gyre_future_is_cancelling tells. A future made of others is
 * cancelled when all of those have settled. Cancelling a future that has failed says that you do
 * not care about its error.
 */
GYRE_API bool gyre_future_cancel(struct gyre_future *f);

/* Whether it is pending and has been asked to be undone. */
GYRE_API bool gyre_future_is_cancelling(const struct gyre_future *f);

/* Why it was cancelled, or is being; GYRE_REASON_NONE if it was not. */
GYRE_API enum gyre_reason gyre_future_reason(const struct gyre_future *f);

/* Never report an error of this future. */
GYRE_API void gyre_future_ignore_error(struct gyre_future *f);

/* Run the loop until `f` is settled.
 *
 * Errors:     GYRE_RUN_DONE: it is settled; GYRE_RUN_STOPPED: gyre_loop_stop; -EDEADLK: nothing
 *             keeps the loop alive that could settle it; -EXDEV: it belongs to another loop; else
 *             as gyre_loop_run.
 * Source:     future/run.c; tests: run_until_test.c.
 */
GYRE_API int gyre_loop_run_until(struct gyre_loop *loop, struct gyre_future *f);

/* ------------------------------------------------------------------ producers */

/* What a producer can be told. Both functions get the `op` of gyre_future_set_cancel; either may be
 * NULL. The struct must outlive the future; usually it is a static const.
 *
 * `op` is yours to free when you resolve, fail or abandon, or return 0 from cancel. In the other cases
 * drop gets it: the loop is closed, or the future is cancelled and there is no cancel function. */
struct gyre_future_ops {
    /* Undo the operation. Return 0 if it is undone: the future is then cancelled, your side of it
     * has ended, and you must not touch it any more. Return -EINPROGRESS if that takes time: you
     * will resolve, fail or abandon it later. Called at most once, never after the future is
     * settled. It may also resolve or fail the future itself, and then returns 0. Any other error is
     * taken for -EINPROGRESS. NULL: it counts as undone, and drop, if there is one, is called. */
    int (*cancel)(struct gyre_future *f, void *op);

    /* The loop was closed with the operation under way: free `op`, having stopped the gyre_calls in
     * it that wait for futures. The future is settled and your side of it has ended. */
    void (*drop)(void *op);
};

/* A pending future for you to settle. The reference is for the consumer, usually whom your function
 * returns it to; your side of it needs none.
 *
 * It does not keep the loop alive while it is pending: the watcher that will settle it does. If a
 * thread will, keep a gyre_async started meanwhile.
 *
 * If the result is not pending, because there is no memory or the current scope is cancelled, then
 * start nothing, and return it: you have no side to end.
 *
 * Without gyre_future_set_cancel a future can be cancelled nevertheless: it is settled at once, and
 * when you come with the result you get -EALREADY. If whoever cancels has to wait for you, set a
 * hook that returns -EINPROGRESS.
 *
 * Source:     future/future.c; tests: future_test.c.
 */
GYRE_API struct gyre_future *gyre_future_create(struct gyre_loop *loop);

/* Set, or set anew, how the producer is told to stop.
 *
 * Errors:     -EALREADY it is settled.
 */
GYRE_API int gyre_future_set_cancel(struct gyre_future *f, const struct gyre_future_ops *ops,
                                    void *op);

/* Settle it with a value; ends your side, also when it comes too late.
 *
 * Ownership:  the value goes to the future, also with -EALREADY: `drop`, which may be NULL, is then
 *             called before this returns. Refused for another reason, it stays yours, and so does
 *             your side of the future.
 * Errors:     -EALREADY it is settled; -EINVAL it was not made by gyre_future_create.
 */
GYRE_API int gyre_future_resolve(struct gyre_future *f, void *value, gyre_drop_fn *drop);

/* Settle it with an error, a negative number; ends your side, also when it comes too late. With
 * -ECANCELED it has failed, too: only gyre_future_state tells that from a cancellation.
 *
 * Errors:     -EALREADY it is settled; -EINVAL err is not negative.
 */
GYRE_API int gyre_future_fail(struct gyre_future *f, int err);

/* The same with words, a string that outlives the future, and with a detail that it will drop, as
 * gyre_future_resolve does a value; both may be NULL. */
GYRE_API int gyre_future_fail_with(struct gyre_future *f, int err, const char *message,
                                   void *detail, gyre_drop_fn *drop);

/* End your side without a result: a pending future fails with -EOWNERDEAD, one that is being
 * cancelled becomes cancelled. Never fails. */
GYRE_API void gyre_future_abandon(struct gyre_future *f);

/* ------------------------------------------------------------------ operations */

/* OK after `delay`, as gyre_timer_start; at `deadline`, as gyre_timer_start_at.
 *
 * Source:     future/operation.c; tests: operation_test.c.
 */
GYRE_API struct gyre_future *gyre_sleep(struct gyre_loop *loop, uint64_t delay);
GYRE_API struct gyre_future *gyre_sleep_until(struct gyre_loop *loop, uint64_t deadline);

/* OK when `fd` is ready for one of `events`, as gyre_io_start; the value is the events that the
 * callback of a watcher would get, as a number. Nothing is read. Fails with -EBADF if the
 * descriptor is closed meanwhile and the poller notices (GYRE_GONE).
 *
 * Errors:     fails as gyre_io_start.
 * Cost:       two system calls each time; what is waited for again and again is cheaper with a
 *             gyre_io of your own.
 */
GYRE_API struct gyre_future *gyre_io_ready(struct gyre_loop *loop, int fd, unsigned events);

/* OK with the next delivery of `signo`, as gyre_signal_start; the value is the number of deliveries,
 * (uintptr_t)gyre_future_peek(f). Each of several that wait gets it.
 *
 * From the first call for a signal on, the loop keeps gyre's handler for it, so that a signal which
 * comes between two calls neither is lost nor ends the process: the next call finds it. It keeps
 * the handler until gyre_signal_forget, or until it is closed. Only a pending future keeps the loop
 * alive.
 *
 * Errors:     fails as gyre_signal_start, and for -ENOMEM.
 * Source:     future/signal_next.c; tests: signal_next_test.c.
 */
GYRE_API struct gyre_future *gyre_signal_next(struct gyre_loop *loop, int signo);

/* Stop listening to a signal that gyre_signal_next was called for.
 *
 * Errors:     -ENOENT it was not; -EBUSY one of the futures is pending.
 */
GYRE_API int gyre_signal_forget(struct gyre_loop *loop, int signo);

/* ------------------------------------------------------------------ futures made of others
 *
 * Each takes over the references it is given, and owns its inputs from then on: when it is cancelled
 * it cancels them. It does not reach through a shield (gyre/scope.h): an input behind one goes on, and
 * it waits for that. gyre_wait and gyre_completions only look on, and take nothing.
 *
 * A call that is refused (-EINVAL; -EXDEV a future of another loop; -EBUSY one that has an owner
 * already, which is not freed yet) leaves the references with you. Without memory (-ENOMEM) the inputs
 * are cancelled and released.
 *
 * The value of the one input that becomes the result moves to it (gyre_race, gyre_within, and what
 * gyre_then and its like have started): the input is then OK without a value. gyre_all, gyre_settled,
 * gyre_map_limit and gyre_wait have no value of their own.
 *
 * An input may be given twice: it then needs only one reference, and counts once. The futures in
 * the array are copied, not the array kept. All inputs may be settled already.
 *
 * Source:     future/node.c, future/combine.c; tests: combine_test.c.
 */

/* All of them. OK when all are OK; look at each with gyre_future_at. When one fails or is
 * cancelled, the others are cancelled, in order, and when the last one has settled it fails with
 * the first error; gyre_future_failure has them all. Without inputs it is OK.
 *
 * It is cancelled if it was asked to be and none of the inputs failed; an input that somebody else
 * cancelled is a failure, -ECANCELED.
 */
GYRE_API struct gyre_future *gyre_all(struct gyre_loop *loop, size_t count,
                                      struct gyre_future *const *futures);

/* All of them, whatever becomes of each: OK when the last one has settled; look at each with
 * gyre_future_at. An error that you do not look at is reported. It is cancelled if it was asked to
 * be and an input was cancelled. */
GYRE_API struct gyre_future *gyre_settled(struct gyre_loop *loop, size_t count,
                                          struct gyre_future *const *futures);

/* The first that is OK: its value is the result, the others are cancelled, and it settles when the
 * last one has. One that fails does not end the race; if all do, it fails with the first error. If it
 * was asked to be cancelled and an input was, it is cancelled. Without inputs it fails: -EINVAL. */
GYRE_API struct gyre_future *gyre_race(struct gyre_loop *loop, size_t count,
                                       struct gyre_future *const *futures);

enum gyre_wait_mode {
    GYRE_WAIT_ALL,         /* until all are settled */
    GYRE_WAIT_FIRST,       /* until one is */
    GYRE_WAIT_FIRST_ERROR, /* until one has failed, or all are settled */
};

/* Wait, at most `timeout`, without touching them: OK when the condition holds or the time is over;
 * gyre_future_state of each tells which. It holds references of its own as long as it is there.
 * Cancelling it cancels none of them. GYRE_NEVER: without limit. Without inputs it fails: -EINVAL. */
GYRE_API struct gyre_future *gyre_wait(struct gyre_loop *loop, enum gyre_wait_mode mode,
                                       size_t count, struct gyre_future *const *futures,
                                       uint64_t timeout);

/* Look at them in the order in which they settle: gyre_completions_next, called again and again,
 * each time returns a future whose value is the next one of `futures` that has settled (a struct
 * gyre_future *, borrowed from this object), and after the last one fails with -ENOENT.
 *
 * The object itself is OK when all are settled; unref it when you are done. Several nexts may wait
 * at once and are served in order; one that is cancelled loses nothing.
 *
 * Source:     future/completions.c; tests: completions_test.c.
 */
GYRE_API struct gyre_future *gyre_completions(struct gyre_loop *loop, size_t count,
                                              struct gyre_future *const *futures);
GYRE_API struct gyre_future *gyre_completions_next(struct gyre_future *completions);

/* `f`, but at most for `delay`: then it is cancelled, and this settles when `f` has. If that was
 * cancelled, it fails with -ETIMEDOUT; if it completed after all, or failed, that is the result. A
 * cancellation from outside is a cancellation, not a timeout. With 0 only a future that is settled
 * already gets through. GYRE_NEVER: no limit.
 *
 * Cost:       one clock reading; gyre_within_until takes a deadline of loop time, and none.
 * Source:     future/within.c; tests: within_test.c.
 */
GYRE_API struct gyre_future *gyre_within(struct gyre_future *f, uint64_t delay);
GYRE_API struct gyre_future *gyre_within_until(struct gyre_future *f, uint64_t deadline);

/* The outcome of `f`, but cancelling this does not cancel `f`, which then goes on, detached. Hold a
 * reference of your own to `f` to look at it later. Its value can be seen from both, and taken
 * once.
 *
 * Source:     future/shield.c; tests: shield_test.c.
 */
GYRE_API struct gyre_future *gyre_shield(struct gyre_future *f);

/* Turn a value into another: `*value` with its drop function comes in, yours from now on, and what
 * stands there when you return 0 is the result. Return an error, and the result is that error;
 * what stands there then is dropped. */
typedef int gyre_map_fn(void **value, gyre_drop_fn **drop, void *arg);

/* When `f` is OK, run map from the loop's queue, in the scope in which this was made, and settle with
 * its result. If `f` fails or is cancelled, this ends the same way, and map does not run.
 *
 * Ownership:  `arg` stays yours; it must last until the result is settled.
 * Source:     future/then.c; tests: then_test.c.
 */
GYRE_API struct gyre_future *gyre_then(struct gyre_future *f, gyre_map_fn *map, void *arg);

/* Start the next operation. The reference of the future you return is taken over, and its outcome is
 * the result. Return `done` itself, which is only borrowed, to pass on what became of that. NULL: the
 * result is OK, without a value. Runs in the scope in which the result was made.
 *
 * What cannot be taken over stays yours, and the result fails: -EXDEV it is another loop's, -EBUSY it
 * has an owner already, -EDEADLK it waits for the result, so neither would ever settle. The last is
 * noticed of the result itself, of a future made of it, and of the join of the group whose child it
 * is; a longer way round is not. */
typedef struct gyre_future *gyre_next_fn(struct gyre_future *done, void *arg);

/* The same with a function that itself returns a future.
 *
 * It keeps `f` until it is freed itself, so a chain that grows for ever is a leak: use gyre_repeat. */
GYRE_API struct gyre_future *gyre_then_start(struct gyre_future *f, gyre_next_fn *next, void *arg);

/* The same whatever becomes of `f`: next runs also if it has failed or was cancelled, and if this is
 * cancelled itself, which cancels `f` first. For a second try, or to clean up.
 *
 * What next returns is the result, so returning NULL turns a cancellation into OK; return `done` to
 * pass it on. If this has been cancelled, so is what next starts, at once, as it would be in a
 * cancelled scope: to clean up slowly, start that in a shielded one. next does not run if the loop is
 * closed, nor if the future that this returns has failed already (no memory, a refused call): look at
 * the state, and clean up yourself then. */
GYRE_API struct gyre_future *gyre_after(struct gyre_future *f, gyre_next_fn *next, void *arg);

/* One operation after the other: next(done, arg) is called from the loop's queue, at first with NULL
 * and then each time the future that it returned is OK, until it returns NULL: then this is OK. If
 * one of them fails or is cancelled, this ends the same way. If it returns `done` it is called with
 * that again.
 *
 * Source:     future/repeat.c; tests: repeat_test.c.
 */
GYRE_API struct gyre_future *gyre_repeat(struct gyre_loop *loop, gyre_next_fn *next, void *arg);

/* Start number `index` of a list; the reference of the future you return is taken over, as with
 * gyre_next_fn. NULL: there is nothing to wait for. */
typedef struct gyre_future *gyre_start_fn(size_t index, void *arg);

enum gyre_map_mode {
    GYRE_MAP_ALL, /* as gyre_all: the first failure cancels the others, the rest is not started */
    GYRE_MAP_SETTLED, /* as gyre_settled: each has its outcome */
};

/* Run `count` operations, at most `limit` at a time, and collect them in order: start(index, arg)
 * is called for each index in turn, from the loop's queue, in the scope in which this was called.
 * gyre_future_at(result, index) is the one it returned, NULL if it was not started.
 *
 * Errors:     -EINVAL limit is 0.
 * Source:     future/map.c; tests: map_test.c.
 */
GYRE_API struct gyre_future *gyre_map_limit(struct gyre_loop *loop, enum gyre_map_mode mode,
                                            size_t count, size_t limit, gyre_start_fn *start,
                                            void *arg);

/* How many inputs it was made of, and each of them; 0 and NULL for a future that is not made of
 * others. With gyre_then_start and its like the second is what `next` has returned, NULL before.
 *
 * Ownership:  borrowed, as long as you hold a reference to `f`; gyre_future_ref keeps one.
 */
GYRE_API size_t gyre_future_count(const struct gyre_future *f);
GYRE_API struct gyre_future *gyre_future_at(const struct gyre_future *f, size_t index);

/* Its inputs, or the children of a group, that have failed or were cancelled by others, in the order
 * in which that happened; NULL after the last. For gyre_all, gyre_settled, gyre_race,
 * gyre_map_limit and gyre_group_join. Borrowed. */
GYRE_API struct gyre_future *gyre_future_failure(const struct gyre_future *f, size_t nth);

#ifdef __cplusplus
}
#endif

#endif
