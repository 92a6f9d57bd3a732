/* gyre/loop.h: the reactor. One thread, one loop, one queue of callbacks; timers, file
 * descriptors, signals and other threads feed the queue.
 *
 *     static void on_timer(struct gyre_timer *timer, void *arg)
 *     {
 *         (void)timer;
 *         puts(arg);
 *     }
 *
 *     struct gyre_loop *loop;
 *     struct gyre_timer timer = { 0 };
 *     if (gyre_loop_create(NULL, &loop) < 0)
 *         return 1;
 *     gyre_timer_init(&timer, loop, on_timer, "half a second later");
 *     gyre_timer_start(&timer, GYRE_MS(500));
 *     gyre_loop_run(loop);
 *     gyre_loop_destroy(loop);
 *
 * WATCHERS. gyre_call, gyre_timer, gyre_io, gyre_signal, gyre_async and gyre_post live in your
 * memory, usually inside your own object. Their members are private. `init` ties one to its loop,
 * function and argument; `start` (or `send`) arms it; `stop` disarms it. For all of them:
 *
 * - A callback never runs inside the call that registered it: it runs from the loop's queue.
 * - When `stop` returns on the loop's thread, the callback will not run, even if its event had been
 *   collected already, and the memory is yours: free it, reuse it, let it go out of scope. This
 *   holds in every callback, also in the watcher's own. There is no close callback.
 * - stop returns true if it prevented something, false if there was nothing to prevent: the watcher
 *   is not started, was only zeroed, or its loop has been closed or destroyed since. (A one-shot
 *   timer, a call and a post are no longer started while their callback runs.)
 * - start on a started watcher moves a timer, changes the events of an io (-EBUSY for another fd),
 *   and is refused for the others: -EALREADY, for a signal -EBUSY if it watches another one.
 * - Before its first `init` a watcher is zeroed: `= { 0 }` (in C++ `{}`), calloc, or static. That
 *   is how init can refuse a second init of a started watcher. A stopped one may be started or
 *   initialised again as it is.
 * - A started watcher keeps gyre_loop_run running, unless you `unref` it: then it works as before
 *   but does not keep the loop alive. ref and unref may be called at any time after init, on the
 *   loop's thread, and count nothing: the last call decides. init begins with ref.
 * - A started watcher must not be moved, overwritten or freed; stop it first. gyre cannot notice if
 *   you do not: the loop would then run on memory that is no longer what it was.
 *
 * THREADS. A loop and its watchers belong to one thread, the one that created the loop (or adopted
 * it, see gyre_loop_adopt). Every function here must be called on it, except those that say "any
 * thread". Another thread gets -EPERM and nothing happens; of the functions that return bool it
 * gets false, so a stop that is refused leaves the watcher started; ref and unref do nothing. The
 * same holds in a forked child until gyre_loop_after_fork.
 *
 * ERRORS that any int function on a loop or a watcher may return, and which changed nothing:
 * -EINVAL an argument is NULL or out of its bounds; -EPERM the wrong thread; -ESHUTDOWN the loop is
 * closed; -EOWNERDEAD this process is a child made by fork and the loop is the parent's;
 * GYRE_EUNINIT the watcher was not initialised. Only further codes are named at each function.
 *
 * ORDER. One round of the loop, a tick: wait for the kernel (not at all if something is queued),
 * read the clock once, then append to the queue: fd events, signals, posts of other threads in the
 * order they were posted, due timers by (deadline, order of start). Then run what is queued, first
 * in first out; what those callbacks queue waits for the next tick. While the queue is not empty
 * the kernel is asked after 64 callbacks at the end of a tick, and within a long tick every 1024,
 * so that neither a chain of callbacks nor a hot descriptor starves anything.
 *
 * COST. O(1) and no allocation unless said otherwise.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_LOOP_H
#define GYRE_LOOP_H

#include "gyre/base.h"

#ifdef __cplusplus
extern "C" {
#endif

struct gyre_loop;
struct gyre_call;
struct gyre_timer;
struct gyre_io;
struct gyre_signal;
struct gyre_async;
struct gyre_post;

/* ------------------------------------------------------------------ callbacks */

/* Each gets its watcher and the `arg` of its init. `events` are bits of enum gyre_events, `count`
 * is the number of deliveries since the last call. */
typedef void gyre_call_fn(struct gyre_call *call, void *arg);
typedef void gyre_timer_fn(struct gyre_timer *timer, void *arg);
typedef void gyre_io_fn(struct gyre_io *io, unsigned events, void *arg);
typedef void gyre_signal_fn(struct gyre_signal *sig, unsigned count, void *arg);
typedef void gyre_async_fn(struct gyre_async *async, void *arg);
typedef void gyre_post_fn(struct gyre_post *post, void *arg);

/* A function of the conveniences, and the destructor of an argument. */
typedef void gyre_fn(void *arg);
typedef void gyre_drop_fn(void *arg);

/* ------------------------------------------------------------------ the life of a loop */

/* How to make a loop. Zero what you do not set, and set `size` to sizeof(struct
 * gyre_loop_options): members added later then keep their defaults. */
struct gyre_loop_options {
    size_t size;

    /* "epoll" or "epoll_wait" (the same with millisecond waits) on Linux, "kqueue" on the BSDs and
     * macOS, "poll" anywhere. NULL: the environment variable GYRE_POLLER, or the best there is. */
    const char *poller;

    /* Copied; NULL: malloc, realloc and free. */
    const struct gyre_allocator *allocator;

    /* Make room for file descriptors below this number, so that gyre_io_start on them cannot
     * fail for lack of memory. 0: room is made as they come. */
    unsigned fd_capacity;

    /* Linux: how late, in nanoseconds, the kernel may wake this thread to save power
     * (PR_SET_TIMERSLACK of the creating or adopting thread, which keeps it). 0: leave it (usually
     * 50 us). Others ignore it. */
    uint64_t timer_slack;
};

/* Make a loop, owned by the calling thread.
 *
 * Ownership:  `out` receives the loop; end it with gyre_loop_destroy. `opt` may be NULL and is not
 *             kept.
 * Thread:     any; the loop then belongs to it.
 * Errors:     -ENOMEM, -EMFILE, -ENFILE; GYRE_EPOLLER no poller of that name here, in the options
 *             or in GYRE_POLLER; -EINVAL opt->size is 0, or opt sets a member that this version
 *             does not know. `out` is written on success only.
 * Cost:       about 30 KiB, and 5 KiB for each 128 descriptor numbers once one of them is watched;
 *             two or three descriptors of its own, one more once gyre_loop_fd is used, all
 *             close-on-exec.
 * Source:     loop/loop.c; tests: loop_test.c.
 */
GYRE_API int gyre_loop_create(const struct gyre_loop_options *opt, struct gyre_loop **out);

/* How gyre_loop_run and gyre_loop_run_while ended. */
enum gyre_run {
    GYRE_RUN_DONE = 0,    /* nothing keeps the loop alive, or the condition became false */
    GYRE_RUN_STOPPED = 1, /* gyre_loop_stop */
};

/* Run callbacks until gyre_loop_stop, or until nothing keeps the loop alive: no started watcher
 * (but for unref'ed ones), nothing queued, nothing posted.
 *
 * After gyre_loop_stop the tick under way is finished: what was queued when it began runs, what
 * that queues stays queued for the next run. A stop that came before the run lets it do one tick
 * without waiting. A loop may be run again and again.
 *
 * Re-entrancy: not inside a callback of this or any other loop on this thread: -EBUSY.
 * Errors:     returns GYRE_RUN_DONE or GYRE_RUN_STOPPED; -EBUSY; -EDEADLK on a test loop whose
 *             clock nobody would advance (see gyre/test.h); the kernel's error if it refuses to
 *             wait, which says that somebody closed the loop's own descriptors.
 * Blocks:     yes; an idle loop makes no system call but the one it sleeps in.
 * Source:     loop/tick.c; tests: run_test.c, tick_test.c, stop_test.c, fairness_test.c.
 */
GYRE_API int gyre_loop_run(struct gyre_loop *loop);

/* Run one tick: wait at most `max_wait` for something to happen, collect it, run it.
 *
 * Waits only if nothing is queued and something keeps the loop alive. GYRE_NEVER: as long as it
 * takes; 0: do not wait. The kernel is asked in any case. A pending gyre_loop_stop keeps it from
 * waiting and stays pending for gyre_loop_run.
 *
 * Errors:     returns the number of callbacks run, at least 0; else as gyre_loop_run.
 */
GYRE_API int gyre_loop_run_once(struct gyre_loop *loop, uint64_t max_wait);

/* Whether to go on; see gyre_loop_run_while. */
typedef bool gyre_while_fn(void *arg);

/* Run while `pending(arg)` is true. It is asked before the first tick and after every tick, so it
 * should be cheap.
 *
 * Errors:     GYRE_RUN_DONE: it returned false (a pending stop stays pending); GYRE_RUN_STOPPED:
 *             gyre_loop_stop; -EDEADLK: it is still true, but nothing keeps the loop alive, so that
 *             it can never become false; else as gyre_loop_run.
 * Re-entrancy: `pending` may start and stop watchers, but not run the loop.
 */
GYRE_API int gyre_loop_run_while(struct gyre_loop *loop, gyre_while_fn *pending, void *arg);

/* End the run under way at the end of its tick: gyre_loop_run, gyre_loop_run_while,
 * gyre_loop_shutdown or gyre_test_advance; if there is none, the next one, after one tick without
 * waiting. gyre_loop_run_once only does not wait, and leaves it pending.
 *
 * Thread:     any thread and signal handlers. Never fails, NULL is ignored; no effect on a closed
 *             loop.
 */
GYRE_API void gyre_loop_stop(struct gyre_loop *loop);

/* Let the loop finish: cancel every future (the root scope, for good; see gyre/scope.h), then run
 * until nothing keeps the loop alive or `deadline` (loop time) has come.
 *
 * Watchers are not touched: stop your listeners first; connections then drain under the deadline.
 * gyre_loop_stop ends it early. The loop stays open: gyre_loop_close or gyre_loop_destroy comes
 * next, or another run; where no futures are used this is also how to run a loop for a given time.
 *
 * Errors:     returns 0 when all is settled, else how many watchers still keep the loop alive,
 *             whether it was the deadline or gyre_loop_stop that ended it; all waiting posts count
 *             as one, and a watcher whose event waits in the queue once more. Futures of
 *             gyre_future_create that are still pending count too, but are not waited for. Otherwise as
 *             gyre_loop_run.
 * Units:      an absolute time; outside callbacks count from gyre_loop_clock, gyre_loop_now may be
 *             long ago. GYRE_NEVER waits as long as it takes; a time in the past collects and runs
 *             one tick.
 */
GYRE_API int gyre_loop_shutdown(struct gyre_loop *loop, uint64_t deadline);

/* End the loop, hard: no callback runs any more, the poller is closed.
 *
 * In this order: queued calls, timers, fd watchers, signals (dispositions restored) and asyncs are
 * stopped; then what other threads posted is dropped, in the order it was posted: the `drop`
 * function of each gyre_post and gyre_call_soon_threadsafe runs exactly once. Your watchers are
 * left as if you had stopped them; your descriptors stay open. A gyre_post_send, gyre_async_send or
 * gyre_call_soon_threadsafe that comes later gets -ESHUTDOWN, one that comes at the same time is
 * either refused so or accepted and dropped. The memory of the loop and the descriptor that other
 * threads wake it by stay until gyre_loop_destroy.
 *
 * Re-entrancy: `drop` functions may stop watchers; starting one is refused.
 * Errors:     -EBUSY inside a callback of this loop; 0 if it was closed before. Works on any thread
 *             of a forked child, where it leaves the parent's loop untouched; -EBUSY there if the
 *             loop was running at the moment of the fork and the child has not returned from its
 *             callback.
 * Blocks:     while a gyre_work of this loop, or a job that borrows memory, runs on a pool.
 * Cost:       O(everything started).
 */
GYRE_API int gyre_loop_close(struct gyre_loop *loop);

/* Close the loop if that has not been done, and free it. NULL is ignored.
 *
 * No thread may be inside, or come later with, a call on this loop: end or join them between
 * gyre_loop_close and this.
 *
 * Errors:     as gyre_loop_close; the loop is then not freed.
 */
GYRE_API int gyre_loop_destroy(struct gyre_loop *loop);

/* Make the calling thread the loop's thread. The former one must have finished with it.
 *
 * For programs that create a loop in one thread and run it in another. All watchers come along.
 *
 * Thread:     any, but what the former one did must happen before it: by a join, a mutex or the
 *             start of the thread.
 * Errors:     -EBUSY the loop is running.
 */
GYRE_API int gyre_loop_adopt(struct gyre_loop *loop);

/* In a child made by fork: take the loop over.
 *
 * Everything stays registered (timers, descriptors, signals, what was queued or posted), on kernel
 * objects of the child's own; the parent's loop does not notice. The calling thread becomes the
 * loop's thread. Signals that the parent had received but not dispatched are forgotten here. A
 * child that wants none of it calls gyre_loop_destroy instead. Until one of the two, every other
 * call on the loop is refused with -EOWNERDEAD, and the handlers of watched signals do nothing: a
 * SIGTERM does not end such a child. One that only calls exec or _exit needs neither.
 *
 * Errors:     0 also when the process is not such a child; -EBUSY inside a callback, or another
 *             thread of the parent was running the loop at the moment of the fork; -ENOMEM,
 *             -EMFILE, -ENFILE: the loop stays unusable and the call may be repeated. A descriptor
 *             that was closed meanwhile has its watchers stopped.
 * Cost:       two system calls per watched descriptor.
 */
GYRE_API int gyre_loop_after_fork(struct gyre_loop *loop);

/* What has gone wrong without anybody to return it to. */
enum gyre_loop_error_kind {
    GYRE_ERROR_UNOBSERVED = 1, /* a future failed, and nobody looked (see gyre/future.h) */
};

struct gyre_loop_error {
    size_t size; /* of this struct: more members may come */
    enum gyre_loop_error_kind kind;
    int err;
    const char *message;
    const void *site; /* where in the program the future was made: addr2line -e program ADDRESS */
};

typedef void gyre_error_fn(struct gyre_loop *loop, const struct gyre_loop_error *error, void *arg);

/* Have `fn` told such errors instead of a line on standard error; NULL: that line again.
 *
 * It runs on the loop's thread, inside the call that noticed, and may start watchers but not run
 * the loop.
 *
 * Ownership:  `error` is for the duration of the call.
 * Source:     loop/attach.c; tests: report_test.c.
 */
GYRE_API int gyre_loop_on_error(struct gyre_loop *loop, gyre_error_fn *fn, void *arg);

/* The time of this tick, in nanoseconds of the monotonic clock: read once, when the kernel last
 * returned; before the first tick, when the loop was made. What a callback needs for deadlines:
 * gyre_timer_start_at(t, gyre_time_add(gyre_loop_now(l), delay)) costs no clock reading.
 *
 * Thread:     the loop's, which is not checked; others use gyre_loop_clock. Never fails; 0 for
 *             NULL.
 */
GYRE_API uint64_t gyre_loop_now(const struct gyre_loop *loop);

/* The clock itself, read now: later than gyre_loop_now by what this tick's callbacks have taken. On
 * a test loop, its virtual time.
 *
 * Thread:     any. Never fails; 0 for NULL. Cost: one clock reading, about 25 ns.
 */
GYRE_API uint64_t gyre_loop_clock(const struct gyre_loop *loop);

/* Whether anything keeps the loop alive: what gyre_loop_run asks before each tick. False on a
 * closed loop, on another thread, in a forked child before gyre_loop_after_fork, and for NULL.
 */
GYRE_API bool gyre_loop_is_alive(const struct gyre_loop *loop);

/* The name of the loop's poller: "epoll", "epoll_wait", "kqueue", "poll".
 *
 * Ownership:  a constant string. Thread: any. "none" for NULL.
 */
GYRE_API const char *gyre_loop_poller(const struct gyre_loop *loop);

/* One descriptor to watch for readability in somebody else's event loop: it is readable whenever
 * there is anything for gyre_loop_run_once(loop, 0) to do, timers included.
 *
 * From the first call on, the loop keeps the descriptor up to date, also for what is started
 * outside its callbacks. Watch it level-triggered, and call gyre_loop_run_once(loop, 0) when it is
 * readable; one tick may leave it readable.
 *
 * Ownership:  the loop's; do not read, write or close it. Closed by gyre_loop_close; replaced by
 *             gyre_loop_after_fork.
 * Errors:     -ENOTSUP with the poller "poll" and on a test loop; -EMFILE, -ENFILE, -ENOMEM.
 * Cost:       from then on one system call more per tick that changes the next deadline.
 * Source:     loop/foreign.c; tests: foreign_test.c.
 */
GYRE_API int gyre_loop_fd(struct gyre_loop *loop);

/* ------------------------------------------------------------------ private parts of watchers */

struct gyre_link {
    struct gyre_link *next, *prev;
};

/* What the queue holds. Every other watcher begins with one. */
struct gyre_call {
    gyre_call_fn *fn;
    void *arg;
    struct gyre_link link;
    struct gyre_loop *loop;
    uint32_t tag;
    uint8_t state;
    uint8_t weight;
    uint8_t repeats;
    uint8_t sent;
};

struct gyre_timer {
    struct gyre_call call;
    uint64_t deadline;
    union {
        uint64_t due;
        struct gyre_timer *child;
        struct gyre_timer *later;
    } place;
    uint64_t seq;
    gyre_timer_fn *fn;
    uint64_t interval;
    uint32_t missed;
    uint32_t spare;
};

struct gyre_io {
    struct gyre_call call;
    struct gyre_link sibling;
    gyre_io_fn *fn;
    int fd;
    uint8_t wanted;
    uint8_t ready;
    uint8_t spare[2];
};

struct gyre_signal {
    struct gyre_call call;
    struct gyre_link sibling;
    gyre_signal_fn *fn;
    int signo;
    unsigned count;
    unsigned seen;
    unsigned spare;
};

struct gyre_async {
    struct gyre_call call;
    struct gyre_link sibling;
    gyre_async_fn *fn;
};

struct gyre_post {
    struct gyre_call call;
    gyre_post_fn *fn;
    gyre_drop_fn *drop;
};

/* ------------------------------------------------------------------ calls: soon */

/* Tie `call` to a loop, function and argument.
 *
 * Errors:     -EBUSY it is started (queued).
 * Source:     loop/call.c; tests: call_test.c.
 */
GYRE_API int gyre_call_init(struct gyre_call *call, struct gyre_loop *loop, gyre_call_fn *fn,
                            void *arg);

/* Queue it: it runs once, after everything that is queued already.
 *
 * From a callback it runs in the next tick; it may start itself again for ever without starving
 * anything.
 *
 * Errors:     -EALREADY it is queued; it keeps its place. Never -ENOMEM.
 */
GYRE_API int gyre_call_start(struct gyre_call *call);
GYRE_API bool gyre_call_stop(struct gyre_call *call);
GYRE_API bool gyre_call_is_started(const struct gyre_call *call);
GYRE_API void gyre_call_ref(struct gyre_call *call);
GYRE_API void gyre_call_unref(struct gyre_call *call);

/* Run `fn(arg)` soon, once. The node is the loop's, so there is nothing to stop; it keeps the loop
 * alive until it has run.
 *
 * Ownership:  `arg` stays yours; if the loop is closed first, fn does not run, and nobody frees it
 *             but you.
 * Errors:     -ENOMEM.
 * Cost:       nodes are kept and used again: no allocation once warm.
 * Source:     loop/soon.c; tests: soon_test.c.
 */
GYRE_API int gyre_call_soon(struct gyre_loop *loop, gyre_fn *fn, void *arg);

/* The same after `delay`, as gyre_timer_start. */
GYRE_API int gyre_call_later(struct gyre_loop *loop, uint64_t delay, gyre_fn *fn, void *arg);

/* The same at `deadline`, as gyre_timer_start_at. */
GYRE_API int gyre_call_at(struct gyre_loop *loop, uint64_t deadline, gyre_fn *fn, void *arg);

/* ------------------------------------------------------------------ timers */

/* Tie `timer` to a loop, function and argument.
 *
 * Errors:     -EBUSY it is started.
 * Source:     loop/timer.c; tests: timer_test.c.
 */
GYRE_API int gyre_timer_init(struct gyre_timer *timer, struct gyre_loop *loop, gyre_timer_fn *fn,
                             void *arg);

/* Fire once, `delay` from now; now is read from the clock, so that a callback that has been
 * computing for a while does not shorten the delay.
 *
 * Never early. Timers with equal deadlines fire in the order they were started. A started timer is
 * moved, and fires once; a repeating one becomes one-shot.
 *
 * Re-entrancy: in any callback, also the timer's own; it fires in a later tick even with delay 0.
 * Errors:     never -ENOMEM.
 * Units:      ns; a sum beyond 2^64 is GYRE_NEVER: started, keeps the loop alive, never fires.
 * Cost:       one clock reading; O(1). Moving a timer to a later time is a store: the usual
 *             idle timeout, pushed back at each request, costs no more.
 */
GYRE_API int gyre_timer_start(struct gyre_timer *timer, uint64_t delay);

/* Fire once at `deadline`, a time of gyre_loop_now's clock. One in the past is due at once, in its
 * order among those that are. Reads no clock. Otherwise as gyre_timer_start.
 */
GYRE_API int gyre_timer_start_at(struct gyre_timer *timer, uint64_t deadline);

/* Fire every `interval`, first one interval from now.
 *
 * The deadlines lie a whole number of intervals after the start, whatever the callbacks take.
 * Periods that were missed because the loop was busy are skipped, never made up in a burst;
 * gyre_timer_missed tells how many. The timer is armed for its next period before its callback
 * runs, so stopping or restarting it there works.
 *
 * Errors:     -EINVAL interval is 0.
 */
GYRE_API int gyre_timer_start_every(struct gyre_timer *timer, uint64_t interval);
GYRE_API bool gyre_timer_stop(struct gyre_timer *timer);
GYRE_API bool gyre_timer_is_started(const struct gyre_timer *timer);

/* When it will fire next; GYRE_NEVER if it is not started. Never fails. */
GYRE_API uint64_t gyre_timer_deadline(const struct gyre_timer *timer);

/* How many periods were skipped just before the latest callback of a periodic timer. Counts up to
 * 2^32 - 1. Never fails. */
GYRE_API uint32_t gyre_timer_missed(const struct gyre_timer *timer);
GYRE_API void gyre_timer_ref(struct gyre_timer *timer);
GYRE_API void gyre_timer_unref(struct gyre_timer *timer);

/* ------------------------------------------------------------------ file descriptors */

enum gyre_events {
    GYRE_READ = 1,   /* a read, accept or receive would not block */
    GYRE_WRITE = 2,  /* a write would not block, a connect has ended */
    GYRE_HANGUP = 4, /* the peer is gone in both directions; unread data may remain: read until 0
                        or an error. (Half closed: GYRE_READ, and the read returns 0.) */
    GYRE_ERROR = 8,  /* an error is pending: the next read or write tells it */
    GYRE_GONE = 16,  /* the descriptor was closed while watched; the watcher has been stopped, and
                        the number may be another file's: do not read, write or close it */
};

/* Tie `io` to a loop, function and argument.
 *
 * Errors:     -EBUSY it is started.
 * Source:     loop/io.c; tests: io_test.c.
 */
GYRE_API int gyre_io_init(struct gyre_io *io, struct gyre_loop *loop, gyre_io_fn *fn, void *arg);

/* Watch `fd` for `events`, GYRE_READ or GYRE_WRITE or both, until stopped. Level-triggered: the
 * callback is repeated as long as the descriptor is ready.
 *
 * The callback gets the events that you asked for and that have come. At a hang-up or an error it
 * gets all you asked for (GYRE_WRITE, if that was all), with GYRE_HANGUP or GYRE_ERROR as a hint,
 * so that code which just reads or writes learns the rest from the result. Be ready for EAGAIN:
 * somebody else may have read in between. Any number of watchers, also of several loops, may watch
 * one descriptor; on one loop those for reading run before those for writing only, otherwise in the
 * order they were started.
 *
 * On a started watcher of the same fd it changes the events; events that were collected and are no
 * longer asked for are forgotten. With another fd it is refused: stop first.
 *
 * Stop every watcher of a descriptor before you close(2) it; then the number may be used for a new
 * file at once, and never sees an event of the old one. If you forget, nobody is called for the
 * closed file: its watcher waits for ever (epoll, kqueue) or gets GYRE_GONE (poll). But once the
 * number is a new file and that is watched too, the forgotten watcher is called for the new file:
 * gyre cannot tell the two apart.
 *
 * gyre leaves SIGPIPE alone: a write to a peer that is gone kills the process, unless you ignore
 * the signal or send with MSG_NOSIGNAL.
 *
 * Ownership:  fd stays yours. It should be non-blocking; gyre neither checks nor changes it.
 * Errors:     -EBADF fd is negative or not open; -EINVAL events is 0 (to pause, stop it) or has
 *             other bits; -EBUSY it watches another fd; -EPERM also: the kernel cannot watch this
 *             kind of file (a regular file, with epoll; poll can); -ENOMEM; -ENOSPC the user's
 *             limit of watched descriptors.
 * Cost:       one system call for each watcher that is started on an fd, and for the last that
 *             stops; a change of events waits for the end of the tick and costs one, or none if it
 *             was undone.
 */
GYRE_API int gyre_io_start(struct gyre_io *io, int fd, unsigned events);
GYRE_API bool gyre_io_stop(struct gyre_io *io);
GYRE_API bool gyre_io_is_started(const struct gyre_io *io);

/* The descriptor it watches, -1 if it is not started. */
GYRE_API int gyre_io_fd(const struct gyre_io *io);

/* The events it asked for, 0 if it is not started. */
GYRE_API unsigned gyre_io_events(const struct gyre_io *io);
GYRE_API void gyre_io_ref(struct gyre_io *io);
GYRE_API void gyre_io_unref(struct gyre_io *io);

/* ------------------------------------------------------------------ signals */

/* Tie `sig` to a loop, function and argument.
 *
 * Errors:     -EBUSY it is started.
 * Source:     loop/signal.c, os/signal_table.c; tests: signal_test.c.
 */
GYRE_API int gyre_signal_init(struct gyre_signal *sig, struct gyre_loop *loop, gyre_signal_fn *fn,
                              void *arg);

/* Watch for signal `signo`.
 *
 * The callback runs on the loop, as any other, in the first tick after the delivery, with the
 * number of deliveries since the last callback, at least 1 (the kernel may itself merge several).
 * Any number of watchers in any number of loops may watch one signal, and each hears of each
 * delivery. With the first watcher in the process gyre installs its handler (SA_RESTART); when the
 * last one stops it restores what was there before, and if a delivery had not been dispatched yet
 * it raises the signal again, so that none is lost.
 *
 * A signal that is blocked in every thread is not delivered; gyre does not unblock it. Leave the
 * disposition of a watched signal alone. Like every handler, gyre's hears of several SIGCHLD at
 * once: reap with waitpid(-1, ..., WNOHANG) until there are no more.
 *
 * The watchers by which a program is told to end are usually unref'ed: they should not keep the
 * loop running when all else is done.
 *
 * The table of signals is the one thing in the library that is shared by the whole process.
 *
 * Errors:     -EINVAL no such signal, or SIGKILL or SIGSTOP, or one that reports a fault of the
 *             program itself: SIGSEGV, SIGBUS, SIGFPE, SIGILL; -EBUSY it watches another signal;
 *             -EALREADY it watches this one.
 * Cost:       a few system calls for the first and the last watcher of a signal in the process.
 */
GYRE_API int gyre_signal_start(struct gyre_signal *sig, int signo);
GYRE_API bool gyre_signal_stop(struct gyre_signal *sig);
GYRE_API bool gyre_signal_is_started(const struct gyre_signal *sig);
GYRE_API void gyre_signal_ref(struct gyre_signal *sig);
GYRE_API void gyre_signal_unref(struct gyre_signal *sig);

/* ------------------------------------------------------------------ other threads */

/* Tie `async` to a loop, function and argument.
 *
 * Errors:     -EBUSY it is started.
 * Source:     loop/async.c; tests: async_test.c.
 */
GYRE_API int gyre_async_init(struct gyre_async *async, struct gyre_loop *loop, gyre_async_fn *fn,
                             void *arg);

/* Arm it: from now on it can be sent. A started async keeps the loop alive: somebody outside may
 * have news.
 *
 * Errors:     -EALREADY it is started.
 */
GYRE_API int gyre_async_start(struct gyre_async *async);

/* Run the callback on the loop soon. Any number of sends before it begins make one call of it; one
 * that comes after it has begun makes another. What a sender wrote before its send is visible to
 * that call.
 *
 * Thread:     any thread and signal handlers, errno kept.
 * Errors:     -EINVAL it is NULL or not started; -ESHUTDOWN the loop is closed; -EOWNERDEAD.
 * Cost:       an atomic operation or two; a system call only if the loop sleeps.
 */
GYRE_API int gyre_async_send(struct gyre_async *async);

/* As every stop. A send that another thread is in the middle of is waited for (it takes a few
 * instructions); make sure that no thread begins one later before you free the memory.
 */
GYRE_API bool gyre_async_stop(struct gyre_async *async);
GYRE_API bool gyre_async_is_started(const struct gyre_async *async);
GYRE_API void gyre_async_ref(struct gyre_async *async);
GYRE_API void gyre_async_unref(struct gyre_async *async);

/* Tie `post` to a loop, function and argument. `drop` may be NULL.
 *
 * Thread:     any, as long as only one uses the node.
 * Errors:     -EBUSY it is sent and has not run. Needs no open loop.
 * Source:     loop/post.c; tests: post_test.c, inbox_test.c.
 */
GYRE_API int gyre_post_init(struct gyre_post *post, struct gyre_loop *loop, gyre_post_fn *fn,
                            gyre_drop_fn *drop, void *arg);

/* Hand `post` to the loop: `fn(post, arg)` runs there once, in the order of posting among the posts
 * of all threads. What the sender wrote before is visible to it.
 *
 * An accepted post keeps the loop alive until it has run; one that some thread is still going to
 * send does not. While threads are at work for a loop keep a gyre_async started, or gyre_loop_run
 * may return before they report.
 *
 * Ownership:  once it is accepted, the node is the loop's until fn or drop begins: exactly one of
 *             them runs, drop(arg) if the loop is closed first. Refused, it stays yours.
 * Thread:     any thread and signal handlers, errno kept.
 * Errors:     -EALREADY it is sent and has not run; -ESHUTDOWN the loop is closed; -EOWNERDEAD.
 * Cost:       one atomic operation; a system call only if the loop sleeps, and then only for the
 *             first of many posts.
 */
GYRE_API int gyre_post_send(struct gyre_post *post);

/* As every stop: the post will not run, and drop does not either. For the loop's thread, when no
 * other thread can be sending this node. */
GYRE_API bool gyre_post_stop(struct gyre_post *post);

/* gyre_call_soon from any thread.
 *
 * Ownership:  accepted, `arg` is the loop's until exactly one of fn and drop runs: drop(arg), which
 *             may be NULL, if the loop is closed first. Refused, it stays yours, and neither runs.
 * Thread:     any thread, not signal handlers: it allocates, with the loop's allocator.
 * Errors:     -ENOMEM; -ESHUTDOWN; -EOWNERDEAD.
 * Cost:       one allocation, freed on the loop's thread; else as gyre_post_send.
 * Source:     loop/soon.c; tests: soon_test.c.
 */
GYRE_API int gyre_call_soon_threadsafe(struct gyre_loop *loop, gyre_fn *fn, gyre_drop_fn *drop,
                                       void *arg);

#ifdef __cplusplus
}
#endif

#endif
