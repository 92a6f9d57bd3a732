/* The pools of a loop: which it uses, what it has given them, and what becomes of that when it is
 * closed or the process forks.
 *
 * SPDX-License-Identifier: MIT */
#include "base/memory.h"
#include "os/thread.h"
#include "pool/core.h"

enum { RESOLVER_THREADS = 4 };

static struct pools *pools_of_room(struct room *room)
{
    return container_of(room, struct pools, room);
}

/* With the lock held: nothing of a closed loop's runs any more. The caller has a reference to the
 * pool. */
static void free_user(struct gyre_pool_user *user)
{
    struct gyre_allocator allocator = user->allocator;

    user->pool->refs--;
    memory_free(&allocator, user, sizeof(*user));
}

void pool_user_orphan_ended(struct gyre_pool_user *user)
{
    if (--user->orphans == 0)
        free_user(user);
}

/* ---- the loop is closed */

/* Take everything the loop has given to a pool back, with the lock held. What has not begun, or has
 * ended, goes to `dead`; running jobs are left alone; what runs and has to be waited for goes to
 * `running`. All at once: whoever waits lets go of the lock, and workers take what is queued and end
 * what runs meanwhile. */
static void recall_works(struct gyre_pool_user *user, struct gyre_link *dead,
                         struct gyre_link *running)
{
    user_close(user);
    while (!list_is_empty(&user->works)) {
        struct gyre_work *work = container_of(list_pop(&user->works), struct gyre_work, sibling);

        work_tell_cancelled(work);
        if (work_unqueue(work) || work_state_of(work) == WORK_ENDED || !call_is_lent(&work->call))
            list_append(dead, &work->sibling);
        else if (work_is_awaited(work))
            list_append(running, &work->sibling);
        else
            user->orphans++;
    }
}

/* Wait for those, and until no worker is about to wake the loop. */
static void await_works(struct gyre_pool_user *user, struct gyre_link *dead,
                        struct gyre_link *running)
{
    struct gyre_pool *pool = user->pool;

    pool->waiting_for_end++;
    while (user->wakers > 0)
        (void)worker_cond_wait(&pool->work_ended, &pool->lock, GYRE_NEVER);
    while (!list_is_empty(running)) {
        struct gyre_work *work = container_of(running->next, struct gyre_work, sibling);

        while (work_state_of(work) != WORK_ENDED)
            (void)worker_cond_wait(&pool->work_ended, &pool->lock, GYRE_NEVER);
        list_remove(&work->sibling);
        list_append(dead, &work->sibling);
    }
    pool->waiting_for_end--;
}

static void bury(struct gyre_link *dead)
{
    while (!list_is_empty(dead)) {
        struct gyre_work *work = container_of(list_pop(dead), struct gyre_work, sibling);

        call_lose(&work->call);
        if (work_is_ours(work)) {
            work_lost(work);
            continue;
        }
        work_set_state(work, WORK_IDLE);
        work->user = NULL;
    }
}

static void close_user(struct gyre_pool_user *user)
{
    struct gyre_pool *pool = user->pool;
    struct gyre_link dead, running;

    list_init(&dead);
    list_init(&running);
    list_remove(&user->in_loop);
    pool_lock(pool);
    pool->refs++;
    user->orphans = 1; /* ourselves */
    recall_works(user, &dead, &running);
    pool_tell_waiters(pool);
    await_works(user, &dead, &running);
    pool_unlock(pool);
    bury(&dead);
    pool_lock(pool);
    pool_user_orphan_ended(user);
    pool_unref_and_unlock(pool);
}

/* In a child: the pool has no threads here, and its lock may be held for ever. */
static void forget_user(struct gyre_pool_user *user)
{
    struct gyre_allocator allocator = user->allocator;
    struct gyre_link dead;

    list_init(&dead);
    list_splice(&dead, &user->works);
    bury(&dead);
    list_remove(&user->in_loop);
    memory_free(&allocator, user, sizeof(*user));
}

static struct gyre_pool_user *first_user(const struct pools *pools)
{
    return container_of(pools->users.next, struct gyre_pool_user, in_loop);
}

static void destroy_own_pools(struct pools *pools)
{
    (void)pool_destroy(pools->own, 0);
    (void)pool_destroy(pools->resolver, 0);
    pools->own = NULL;
    pools->resolver = NULL;
}

static void close_pools(struct room *room)
{
    struct pools *pools = pools_of_room(room);

    loop_calls_end(&pools->calls); /* first: one may be made by a work that is waited for */
    while (!list_is_empty(&pools->users)) {
        if (first_user(pools)->forks != thread_forks)
            forget_user(first_user(pools));
        else
            close_user(first_user(pools));
    }
    destroy_own_pools(pools);
}

/* ---- jobs have ended */

static void collect_pools(struct room *room)
{
    struct pools *pools = pools_of_room(room);

    for (struct gyre_link *link = pools->users.next; link != &pools->users; link = link->next)
        user_collect(container_of(link, struct gyre_pool_user, in_loop));
}

/* ---- the process has forked */

/* End what will never come home in this process. */
static void end_lost_works(struct gyre_pool_user *user)
{
    for (struct gyre_link *link = user->works.next; link != &user->works; link = link->next) {
        struct gyre_work *work = container_of(link, struct gyre_work, sibling);

        if (call_is_queued(&work->call))
            continue;
        work->status = -EOWNERDEAD;
        call_queue(&work->call);
    }
}

static void fork_pools(struct room *room)
{
    struct pools *pools = pools_of_room(room);

    loop_calls_end(&pools->calls);
    collect_pools(room);
    for (struct gyre_link *link = pools->users.next; link != &pools->users; link = link->next)
        end_lost_works(container_of(link, struct gyre_pool_user, in_loop));
    destroy_own_pools(pools);
}

/* ---- attached to the loop */

static void cancel_pools(struct room *room)
{
    (void)room; /* futures are cancelled by their own room, works in the user's memory are his */
}

static size_t count_pools(const struct room *room)
{
    (void)room; /* loop_hold has counted them */
    return 0;
}

static void destroy_pools(struct room *room)
{
    struct pools *pools = pools_of_room(room);
    struct gyre_allocator allocator = *loop_allocator(pools->loop);

    memory_free(&allocator, pools, sizeof(*pools));
}

static const struct room_ops pool_room_ops = {
    .cancel = cancel_pools,
    .count = count_pools,
    .collect = collect_pools,
    .after_fork = fork_pools,
    .close = close_pools,
    .destroy = destroy_pools,
};

struct pools *pools_of(struct gyre_loop *loop)
{
    struct room *room = loop_room(loop, ROOM_POOL);

    if (likely(room))
        return pools_of_room(room);
    if (loop_check(loop) < 0)
        return NULL;
    struct pools *pools = memory_alloc(loop_allocator(loop), sizeof(*pools));
    if (!pools)
        return NULL;
    *pools = (struct pools){ .room.ops = &pool_room_ops, .loop = loop };
    list_init(&pools->users);
    list_init(&pools->calls);
    loop_attach(loop, ROOM_POOL, &pools->room);
    return pools;
}

/* Why there are none. */
static int pools_refusal(struct gyre_loop *loop)
{
    int err = loop_check(loop);

    return err < 0 ? err : -ENOMEM;
}

/* ---- finding */

/* Keep nothing of pools that are gone: a loop may see many in its life. */
static void forget_gone_pools(struct pools *pools)
{
    struct gyre_link *next;

    for (struct gyre_link *link = pools->users.next; link != &pools->users; link = next) {
        struct gyre_pool_user *user = container_of(link, struct gyre_pool_user, in_loop);
        struct gyre_pool *pool = user->pool;

        next = link->next;
        if (user->forks != thread_forks || !list_is_empty(&user->works))
            continue;
        pool_lock(pool);
        pool->refs++;
        if (pool->is_alone && user->wakers == 0) {
            list_remove(link);
            free_user(user);
        }
        pool_unref_and_unlock(pool);
    }
}

static struct gyre_pool_user *add_user(struct pools *pools, struct gyre_pool *pool)
{
    struct gyre_pool_user *user = memory_alloc(&pool->allocator, sizeof(*user));

    forget_gone_pools(pools);
    if (!user)
        return NULL;
    *user = (struct gyre_pool_user){
        .pool = pool, .loop = pools->loop, .allocator = pool->allocator, .forks = pool->forks
    };
    list_init(&user->works);
    user->ended.head = MAILBOX_IDLE;
    list_append(&pools->users, &user->in_loop);
    pool_lock(pool);
    pool->refs++;
    pool_unlock(pool);
    return user;
}

static int create_own_pool(const struct gyre_pool_options *opt, struct gyre_pool **pool)
{
    int err = gyre_pool_create(opt, pool);

    if (err == 0)
        (*pool)->is_of_loop = true;
    return err;
}

static int find_own_pool(struct pools *pools, struct gyre_pool **pool)
{
    int err = pools->own ? 0 : create_own_pool(NULL, &pools->own);

    *pool = pools->own;
    return err;
}

static struct gyre_pool_user *known_user(const struct pools *pools, const struct gyre_pool *pool)
{
    for (struct gyre_link *link = pools->users.next; link != &pools->users; link = link->next) {
        struct gyre_pool_user *user = container_of(link, struct gyre_pool_user, in_loop);

        if (user->pool == pool && user->forks == thread_forks)
            return user;
    }
    return NULL;
}

int pool_user_find(struct gyre_loop *loop, struct gyre_pool *pool, struct gyre_pool_user **user)
{
    if (!loop)
        return -EINVAL;
    struct pools *pools = pools_of(loop);
    if (!pools)
        return pools_refusal(loop);
    int err = pool ? 0 : find_own_pool(pools, &pool);
    if (err < 0)
        return err;
    if (pool->forks != thread_forks)
        return -EOWNERDEAD;

    *user = known_user(pools, pool);
    if (unlikely(!*user))
        *user = add_user(pools, pool);
    return *user ? 0 : -ENOMEM;
}

int resolver_find(struct gyre_loop *loop, struct gyre_pool **pool, struct gyre_allocator *allocator)
{
    static const struct gyre_pool_options opt = { .size = sizeof(opt),
                                                  .max_threads = RESOLVER_THREADS,
                                                  .name = "gyre-resolver" };
    struct pools *pools = loop ? pools_of(loop) : NULL;
    int err = 0;

    if (!pools)
        return loop ? pools_refusal(loop) : -EINVAL;
    if (!*pool) {
        if (!pools->resolver)
            err = create_own_pool(&opt, &pools->resolver);
        *pool = pools->resolver;
    }
    if (err == 0)
        *allocator = (*pool)->allocator;
    return err;
}

struct gyre_pool *gyre_loop_pool(struct gyre_loop *loop)
{
    struct gyre_pool *pool;
    struct pools *pools = loop ? pools_of(loop) : NULL;

    return pools && find_own_pool(pools, &pool) == 0 ? pool : NULL;
}
