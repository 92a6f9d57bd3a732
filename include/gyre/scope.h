/* gyre/scope.h: cancel scopes, which stop many operations at once, and groups, which own what runs
 * in them.
 *
 *     struct gyre_loop *loop;
 *     struct gyre_scope scope = { 0 };
 *     if (gyre_loop_create(NULL, &loop) < 0 || gyre_scope_init(&scope, loop, NULL) < 0)
 *         return 1;
 *     gyre_scope_set_deadline(&scope, gyre_time_add(gyre_loop_clock(loop), GYRE_MS(20)));
 *     gyre_scope_enter(&scope);
 *     struct gyre_future *sleep = gyre_sleep(loop, GYRE_S(30)); // and whatever else belongs to it
 *     gyre_scope_leave(&scope);
 *     gyre_loop_run(loop);
 *     puts(gyre_scope_caused(&scope, sleep) ? "out of time" : "slept");
 *     gyre_future_unref(sleep);
 *     gyre_scope_fini(&scope);
 *     gyre_loop_destroy(loop);
 *
 * SCOPES. Every pending future is in one scope: the one that was current when it was made, at first
 * the root scope of the loop. Scopes form a tree below it. A scope that has been cancelled stays
 * cancelled, with the first reason it was given: every operation in it, and in the scopes below it,
 * is asked once to be undone, and one that is started in it later is cancelled from the start and
 * does nothing. A shielded scope does not hear of what happens above it.
 *
 * A shield also holds against owners. If a future made of others is outside of it and has an input
 * inside, that input does not hear of a gyre_all that is cancelled, of a gyre_within whose time is
 * over, of a gyre_race that is decided, of a group that is cancelled. The owner waits for it, and its
 * result counts, so cleaning up in a shielded scope is safe whoever owns it. You can still cancel the
 * shielded scope itself, and an operation in it: with gyre_future_cancel, or by giving back its last
 * reference. Once the shield is taken away, or the scope ends, what was kept out comes in.
 *
 * A cancelled future remembers which scope cancelled it: the outermost cancelled one that it is in,
 * else the one that cancelled its owner. Only the code that made that scope should handle the
 * cancellation (gyre_scope_caused), all others return the future unchanged.
 *
 * Put enter and leave around the calls that start operations, inside one callback. A callback begins
 * in the root scope, whatever was entered where the loop is run, unless its description names another
 * one. A scope that it does not leave stays entered for the callbacks after it, until one begins in
 * a scope of its own or the run returns. Then the scope is current again that was before the run.
 *
 * GROUPS. A group is a scope that owns its children, and a future, its join, which is settled when
 * the last of them has finished, cleanup included. So nothing that was started can get lost, and no
 * error either.
 *
 * Threads and errors are as in gyre/loop.h and gyre/future.h.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_SCOPE_H
#define GYRE_SCOPE_H

#include "gyre/future.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------------ scopes */

/* In your memory, usually inside your own object; its members are private. Zero it before the first
 * init, and do not move it between init and fini. */
struct gyre_scope {
    struct gyre_timer timer;
    struct gyre_link sibling;
    struct gyre_link children;
    struct gyre_link operations;
    struct gyre_scope *parent;
    struct gyre_scope *outer;
    struct gyre_futures *futures;
    uint64_t id;
    uint64_t cause;
    uint32_t tag;
    uint8_t reason;
    uint8_t cause_reason;
    bool is_shielded;
    bool spare;
};

/* Make a scope below `parent`; NULL: below the current scope. Below a cancelled one it is cancelled
 * from the start.
 *
 * Ownership:  `scope` is yours and must last until gyre_scope_fini. `parent` must be initialised, and
 *             may end first.
 * Errors:     -EBUSY it is in use; -EXDEV parent belongs to another loop; -ENOMEM only for the first
 *             use of futures or scopes on this loop.
 * Source:     future/scope.c; tests: scope_test.c.
 */
GYRE_API int gyre_scope_init(struct gyre_scope *scope, struct gyre_loop *loop,
                             struct gyre_scope *parent);

/* End it: the memory is yours. What is still pending in it, and the scopes below it, move to its
 * parent; cancel it first if they should not go on. If it is entered it is left. Does nothing to a
 * scope that was only zeroed, and NULL is ignored.
 *
 * Cost:       O(what is in it); of one that is cancelled or shielded, O(what is in it and below), so
 *             end a deep chain of those from the inside out.
 */
GYRE_API void gyre_scope_fini(struct gyre_scope *scope);

/* Make it the current scope. Those entered in between must be left before this one.
 *
 * Errors:     -EALREADY it is entered already, here or where the loop is run, or the callback began
 *             in it.
 */
GYRE_API int gyre_scope_enter(struct gyre_scope *scope);

/* Make the scope current again that was when this one was entered.
 *
 * Errors:     -EINVAL it is not the current scope, or the callback began in it.
 */
GYRE_API int gyre_scope_leave(struct gyre_scope *scope);

/* Cancel it: ask every operation in it and below it to be undone, in the order in which they were
 * started, those of a scope before those of the scopes below it. Most are cancelled when this
 * returns.
 *
 * Returns true if this call cancelled it, false if it has been before, or is not a scope.
 * Re-entrancy: anywhere, also in its own operations' hooks.
 * Cost:       O(what is in it).
 */
GYRE_API bool gyre_scope_cancel(struct gyre_scope *scope);

/* Cancel it at `deadline` (loop time), for GYRE_REASON_TIMEOUT; GYRE_NEVER: not. One that is past
 * cancels it at once. May be moved as long as it is not cancelled. A deadline keeps the loop alive
 * as a timer does.
 *
 * Errors:     -EALREADY it is cancelled.
 */
GYRE_API int gyre_scope_set_deadline(struct gyre_scope *scope, uint64_t deadline);

/* The earliest deadline of the scope and those above it, up to one that is shielded; GYRE_NEVER if
 * there is none. */
GYRE_API uint64_t gyre_scope_deadline(const struct gyre_scope *scope);

/* Shield it, or not, from what is outside of it. Taking the shield away from a scope whose parent is
 * cancelled cancels it. A shielded scope should have a deadline of its own.
 *
 * Errors:     none but the common ones.
 * Cost:       taking it away, O(what is in it and below). Once a loop has had a shield, asking an
 *             input that is in another scope costs O(depth of both).
 */
GYRE_API int gyre_scope_set_shield(struct gyre_scope *scope, bool is_shielded);

/* Whether what is started in it is cancelled at once: because it was cancelled itself, or through
 * those above it. */
GYRE_API bool gyre_scope_is_cancelled(const struct gyre_scope *scope);

/* Why; GYRE_REASON_NONE if it is not cancelled. */
GYRE_API enum gyre_reason gyre_scope_reason(const struct gyre_scope *scope);

/* Whether `f` was cancelled, or is being, by this scope, rather than by another one or for itself. */
GYRE_API bool gyre_scope_caused(const struct gyre_scope *scope, const struct gyre_future *f);

/* ------------------------------------------------------------------ groups */

struct gyre_group;

enum gyre_group_flags {
    GYRE_GROUP_SUPERVISE = 1, /* a child that fails does not cancel the others */
    GYRE_GROUP_REPORT = 2,    /* nor fail the group: its error goes to the loop's error hook, unless
                                 somebody has looked at it, or ignores it */
};

/* Make a group, with a scope of its own below the current one.
 *
 * Ownership:  `out` receives it, on success only; end it with gyre_group_unref.
 * Errors:     -EINVAL unknown flags; -ENOMEM. In a cancelled scope it is made, and cancelled.
 * Source:     future/group.c; tests: group_test.c.
 */
GYRE_API int gyre_group_create(struct gyre_loop *loop, unsigned flags, struct gyre_group **out);

/* Give the group up. If nobody holds its join its children are cancelled; its memory lasts until they
 * have finished. NULL is ignored. */
GYRE_API void gyre_group_unref(struct gyre_group *group);

/* Start a child: start(arg) runs from the loop's queue, with the group's scope current, and returns
 * the future to wait for. NULL: it has finished. One that cannot be taken over, as in
 * gyre_group_add, stays yours, and the child has failed. */
typedef struct gyre_future *gyre_child_fn(void *arg);

/* Add a child that will be started soon. It is started also if the group is cancelled by then, so
 * that the argument can be taken care of: what it starts is then cancelled at once.
 *
 * Ownership:  accepted, `arg` is the group's until exactly one of start and drop runs: drop(arg),
 *             which may be NULL, if the loop is closed first. Refused, it stays yours.
 * Errors:     -EINVAL the group has ended: its join is settled; -ENOMEM.
 */
GYRE_API int gyre_group_spawn(struct gyre_group *group, gyre_child_fn *start, gyre_drop_fn *drop,
                              void *arg);

/* Add a child that has been started already; its reference is taken over. In a cancelled group it is
 * cancelled.
 *
 * Errors:     -EINVAL as gyre_group_spawn; -EXDEV it is another loop's; -EBUSY it has an owner
 *             already; -EDEADLK it is the group's own join, or made of it (a longer way round is
 *             not noticed, and neither ever ends); -ENOMEM. The reference is then still yours.
 */
GYRE_API int gyre_group_add(struct gyre_group *group, struct gyre_future *child);

/* Wait for the group: the future is settled when no child is left; children may go on adding
 * children until then. Once asked for, a group without children has ended.
 *
 * What it becomes:
 *   a child failed                               fails with the first error; gyre_future_failure has
 *                                                all that nobody has taken, in order
 *   else gyre_future_cancel of the join          cancelled
 *   else a scope above was cancelled             cancelled
 *   else the deadline of the group's own scope   fails with -ETIMEDOUT
 *   else, also after gyre_group_cancel           OK
 *
 * Unless the group supervises, the first error cancels the group's scope (GYRE_REASON_SIBLING).
 * Children that are cancelled are no errors.
 *
 * Ownership:  returns a reference, each time to the same future. Cancelling it cancels the group.
 */
GYRE_API struct gyre_future *gyre_group_join(struct gyre_group *group);

/* Cancel all children, and whatever is added later. As gyre_scope_cancel on its scope. */
GYRE_API bool gyre_group_cancel(struct gyre_group *group);

/* Its scope, for a deadline or a shield; it ends with the group. A shield is around the join, too: a
 * future made of the join cannot cancel the group then, but gyre_future_cancel of the join can.
 * Borrowed, as long as you hold the group. */
GYRE_API struct gyre_scope *gyre_group_scope(struct gyre_group *group);

/* How many children have not finished. 0 for NULL. */
GYRE_API size_t gyre_group_count(const struct gyre_group *group);

/* Take the oldest error out of the group's list: a future that failed, and its reference is yours.
 * NULL: there is none. The join fails with the first error all the same.
 *
 * A group that supervises for years keeps all errors until somebody takes them; let it report them
 * (GYRE_GROUP_REPORT) if nobody will. */
GYRE_API struct gyre_future *gyre_group_take_failure(struct gyre_group *group);

#ifdef __cplusplus
}
#endif

#endif
