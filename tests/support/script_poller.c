/* See script_poller.h.
 *
 * Invariant: entries[fd].events is what fd is watched for, 0 if it is not; entries and polled have
 * `limit` elements each.
 *
 * SPDX-License-Identifier: MIT */
#include "support/script_poller.h"

#include "base/memory.h"
#include "os/clock.h"
#include "os/sys.h"
#include "os/thread.h"

#include <errno.h>
#include <stdlib.h>

enum { BATCH_MAX = 4, PUSHED_MAX = 64 };

/* In the key of what wakes the loop. */
#define WAKE_GENERATION UINT32_MAX

struct script_entry {
    uint64_t key;
    unsigned events;
};

struct script {
    struct script_entry *entries;
    struct pollfd *polled; /* room for a wait */
    size_t limit;
    struct poller_event reported[BATCH_MAX + 1]; /* by the wait before */
    int reported_count;
    unsigned waits;
};

/* Each thread has a script of its own. */
static THREAD_LOCAL struct script *latest;
static THREAD_LOCAL struct poller_event pushed[PUSHED_MAX];
static THREAD_LOCAL int pushed_count;
static THREAD_LOCAL uint32_t random_state = 1;
static THREAD_LOCAL unsigned repeat_every;

void script_seed(uint32_t seed)
{
    random_state = seed ? seed : 1;
}

void script_repeat(unsigned n)
{
    repeat_every = n;
}

void script_push(uint64_t key, unsigned events)
{
    if (pushed_count == PUSHED_MAX)
        abort();
    pushed[pushed_count++] = (struct poller_event){ .key = key, .events = events };
}

static uint64_t key_in(const struct script *script, int fd)
{
    if ((size_t)fd >= script->limit || script->entries[fd].events == 0)
        return 0;
    return script->entries[fd].key;
}

uint64_t script_key(int fd)
{
    return latest ? key_in(latest, fd) : 0;
}

/* A number below `limit`: xorshift. */
static unsigned any_below(unsigned limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state % limit;
}

static int script_open(struct poller *p, const struct poller_ops *ops)
{
    const char *seed = getenv("GYRE_SCRIPT_SEED");
    struct script *script = memory_alloc(p->allocator, sizeof(*script));

    (void)ops;
    if (!script)
        return -ENOMEM;
    *script = (struct script){ .limit = 0 };
    p->u.script = script;
    latest = script;
    pushed_count = 0;
    repeat_every = 0;
    script_seed(seed ? (uint32_t)strtoul(seed, NULL, 10) : 1);
    return 0;
}

static void script_close(struct poller *p)
{
    struct script *script = p->u.script;

    memory_free(p->allocator, script->entries, script->limit * sizeof(*script->entries));
    memory_free(p->allocator, script->polled, script->limit * sizeof(*script->polled));
    if (latest == script)
        latest = NULL;
    memory_free(p->allocator, script, sizeof(*script));
}

static int grow(struct poller *p, struct script *script, int fd)
{
    size_t limit = script->limit ? script->limit : 16;

    while (limit <= (size_t)fd)
        limit *= 2;

    struct pollfd *polled = memory_alloc(p->allocator, limit * sizeof(*polled));
    if (!polled)
        return -ENOMEM;
    struct script_entry *entries =
        memory_resize(p->allocator, script->entries, script->limit, limit, sizeof(*entries));
    if (!entries) {
        memory_free(p->allocator, polled, limit * sizeof(*polled));
        return -ENOMEM;
    }
    memory_free(p->allocator, script->polled, script->limit * sizeof(*polled));
    script->polled = polled;
    script->entries = entries;
    script->limit = limit;
    return 0;
}

static int script_reserve(struct poller *p, int capacity)
{
    struct script *script = p->u.script;

    return (size_t)capacity > script->limit ? grow(p, script, capacity - 1) : 0;
}

static int script_set(struct poller *p, int fd, uint64_t key, unsigned old, unsigned events)
{
    struct script *script = p->u.script;

    (void)old;
    if (events == 0) {
        if ((size_t)fd < script->limit)
            script->entries[fd].events = 0;
        return 0;
    }
    if (sys->is_open(fd) < 0)
        return -errno;
    if ((size_t)fd >= script->limit && grow(p, script, fd) < 0)
        return -ENOMEM;
    script->entries[fd] = (struct script_entry){ .key = key, .events = events };
    return 0;
}

/* ------------------------------------------------------------------ waiting */

static nfds_t fill_polled(struct script *script)
{
    nfds_t count = 0;

    for (size_t fd = 0; fd < script->limit; fd++) {
        unsigned events = script->entries[fd].events;

        if (events == 0)
            continue;
        script->polled[count].fd = (int)fd;
        script->polled[count].revents = 0;
        script->polled[count++].events =
            (short)((events & POLLER_READ ? POLLIN : 0) | (events & POLLER_WRITE ? POLLOUT : 0));
    }
    return count;
}

static void shuffle(struct pollfd *fds, nfds_t count)
{
    for (nfds_t i = count; i > 1; i--) {
        nfds_t other = any_below((unsigned)i);
        struct pollfd swapped = fds[i - 1];

        fds[i - 1] = fds[other];
        fds[other] = swapped;
    }
}

static unsigned translate(short revents)
{
    unsigned events = 0;

    if (revents & POLLNVAL)
        return POLLER_GONE;
    if (revents & POLLIN)
        events |= POLLER_READ;
    if (revents & POLLOUT)
        events |= POLLER_WRITE;
    if (revents & POLLHUP)
        events |= POLLER_HANGUP;
    if (revents & POLLERR)
        events |= POLLER_ERROR;
    return events;
}

/* At most `some` of what is ready, and the loop's own wake-up: alone it would look like a wait after
 * which nothing is left to do. */
static int report(struct script *script, nfds_t count, struct poller_event *out, int max, int some)
{
    int filled = 0;

    for (nfds_t i = 0; i < count && filled < max; i++) {
        struct script_entry *entry = &script->entries[script->polled[i].fd];
        unsigned events = translate(script->polled[i].revents);

        if (events == 0 || (entry->key >> 32 != WAKE_GENERATION && some-- <= 0))
            continue;
        out[filled++] = (struct poller_event){ .key = entry->key, .events = events };
        if (events == POLLER_GONE)
            entry->events = 0;
    }
    return filled;
}

static bool contains(const struct poller_event *events, int count, uint64_t key)
{
    for (int i = 0; i < count; i++)
        if (events[i].key == key)
            return true;
    return false;
}

/* Report once more what the wait before reported, as far as it is still asked for. */
static int repeat(struct script *script, struct poller_event *out, int filled, int max)
{
    for (int i = 0; i < script->reported_count && filled < max; i++) {
        struct poller_event event = script->reported[i];

        if (key_in(script, (int)(uint32_t)event.key) == event.key &&
            !contains(out, filled, event.key))
            out[filled++] = event;
    }
    return filled;
}

static int take_pushed(struct poller_event *out, int max)
{
    int count = pushed_count < max ? pushed_count : max;

    for (int i = 0; i < count; i++)
        out[i] = pushed[i];
    pushed_count = 0;
    return count;
}

static int script_wait(struct poller *p, uint64_t timeout, struct poller_event *out, int max)
{
    struct script *script = p->u.script;

    if (pushed_count > 0)
        return take_pushed(out, max);
    if (timeout > 0 && any_below(8) == 0)
        timeout = 0;

    nfds_t count = fill_polled(script);
    if (sys->poll(script->polled, count, clock_to_ms(timeout)) < 0)
        return errno == EINTR ? 0 : -errno;

    int some = 1 + (int)any_below(BATCH_MAX);
    shuffle(script->polled, count);
    int filled = report(script, count, out, max, some);
    if (repeat_every > 0 && ++script->waits % repeat_every == 0)
        return repeat(script, out, filled, max);

    script->reported_count = filled;
    for (int i = 0; i < filled; i++)
        script->reported[i] = out[i];
    return filled;
}

static int script_fd(const struct poller *p)
{
    (void)p;
    return -ENOTSUP;
}

static int script_alarm(struct poller *p, uint64_t delay)
{
    (void)p;
    (void)delay;
    return -ENOTSUP;
}

const struct poller_ops poller_script = {
    .name = "script",
    .edge = false,
    .open = script_open,
    .close = script_close,
    .reserve = script_reserve,
    .set = script_set,
    .wait = script_wait,
    .fd = script_fd,
    .alarm = script_alarm,
};
