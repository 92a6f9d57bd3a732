/* The model of descriptors and their watchers: socket pairs whose bytes are counted, watchers with
 * what they asked for, and from both what each of them must be told.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_TEST_IO_MODEL_H
#define GYRE_TEST_IO_MODEL_H

#include "loop/core.h"
#include "model/seeds.h"

#include <stdio.h>
#include <string.h>
#ifdef __linux__
#include <sys/epoll.h>
#endif

enum {
    ENDS = 12, /* sockets; the peer of i is i ^ 1 */
    WATCHERS = 20,
    STARVED = 1000, /* ticks after which a poller that reports a few at a time should have */
};

/* What waits to be read at an end. One byte leaves its peer writable, a full buffer does not. */
enum filling { EMPTY, SOME, FULL };

struct model_end {
    int fd; /* -1: closed */
    enum filling filling;
    bool hung_up; /* its peer is closed */
};

struct model_io {
    int id;
    struct gyre_io *io; /* a block of its own, so that a late access is seen */
    int end;            /* -1: not started */
    unsigned wanted;
    bool unref;
    uint64_t seq; /* of the start, or of the change that moved it among the readers or writers */

    /* In this tick: what it is to be told, 0 nothing, and its place among those of its
     * descriptor. */
    unsigned due;
    int due_end;
    int due_rank;
    int starved; /* ticks in which it was due and was not told */
};

static struct model_end ends[ENDS];
static struct model_io watchers[WATCHERS];

static inline bool is_writable(int end)
{
    return ends[end].hung_up || ends[end ^ 1].filling != FULL;
}

static inline bool is_readable(int end)
{
    return ends[end].hung_up || ends[end].filling != EMPTY;
}

static inline unsigned union_of(int end)
{
    unsigned events = 0;

    for (int i = 0; i < WATCHERS; i++)
        if (watchers[i].end == end)
            events |= watchers[i].wanted;
    return events;
}

static inline unsigned events_due(const struct model_io *w)
{
    unsigned ready = 0;

    if (w->end < 0)
        return 0;
    if (ends[w->end].hung_up)
        return w->wanted | GYRE_HANGUP;
    if (is_readable(w->end))
        ready |= GYRE_READ;
    if (is_writable(w->end))
        ready |= GYRE_WRITE;
    return ready & w->wanted;
}

/* Readers come before those that only write, else the earlier start comes first. */
static inline bool comes_before(const struct model_io *a, const struct model_io *b)
{
    bool a_reads = a->wanted & GYRE_READ;
    bool b_reads = b->wanted & GYRE_READ;

    return a_reads != b_reads ? a_reads : a->seq < b->seq;
}

static inline int rank_of(const struct model_io *w)
{
    int rank = 0;

    for (int i = 0; i < WATCHERS; i++)
        rank += watchers[i].end == w->end && comes_before(&watchers[i], w);
    return rank;
}

/* The kernel is asked now. */
static inline void model_collect(void)
{
    for (int i = 0; i < WATCHERS; i++) {
        struct model_io *w = &watchers[i];

        w->due = events_due(w);
        w->due_end = w->end;
        w->due_rank = rank_of(w);
    }
}

/* Whether another watcher of the same descriptor must be told before. */
static inline bool is_overtaking(const struct model_io *w)
{
    for (int i = 0; i < WATCHERS; i++)
        if (watchers[i].due && watchers[i].due_end == w->due_end &&
            watchers[i].due_rank < w->due_rank)
            return true;
    return false;
}

static inline size_t count_live(void)
{
    size_t count = 0;

    for (int i = 0; i < WATCHERS; i++)
        count += watchers[i].end >= 0 && !watchers[i].unref;
    return count;
}

#ifdef __linux__

enum { FD_LIMIT = 1024 };

/* What an epoll set should hold, by descriptor. */
static inline void expect_epoll_set(uint32_t *expected)
{
    memset(expected, 0, FD_LIMIT * sizeof(*expected));
    for (int i = 0; i < ENDS; i++) {
        unsigned wanted = union_of(i);

        if (wanted & GYRE_READ)
            expected[ends[i].fd] |= EPOLLIN;
        if (wanted & GYRE_WRITE)
            expected[ends[i].fd] |= EPOLLOUT;
    }
}

/* What it does hold, says /proc; all but the loop's own wake-up must be the model's. */
static inline void compare_with_epoll_set(const struct gyre_loop *loop)
{
    uint32_t expected[FD_LIMIT];
    char line[256];
    int fd;
    unsigned events;

    expect_epoll_set(expected);
    snprintf(line, sizeof(line), "/proc/self/fdinfo/%d", loop->poller.u.epoll.fd);
    FILE *info = fopen(line, "r");
    assert_non_null(info);
    while (fgets(line, sizeof(line), info)) {
        if (sscanf(line, "tfd: %d events: %x", &fd, &events) != 2 || fd == loop->inbox.wake.read_fd)
            continue;
        assert_in_range(fd, 0, FD_LIMIT - 1);
        assert_int_equal(events & (EPOLLIN | EPOLLOUT), expected[fd]);
        expected[fd] = 0;
    }
    fclose(info);
    for (fd = 0; fd < FD_LIMIT; fd++)
        assert_int_equal(expected[fd], 0);
}

#else

static inline void compare_with_epoll_set(const struct gyre_loop *loop)
{
    (void)loop;
}

#endif

#endif
