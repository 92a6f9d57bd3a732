/* Tests that fork.
 *
 * What runs in a child must not end by an assertion, which would go on with the next test. It says what
 * failed on the standard error, and by its exit status.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_TEST_CHILD_H
#define GYRE_TEST_CHILD_H

#include "base/util.h"
#include "support/kinds.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(condition)                                                           \
    do {                                                                           \
        if (!(condition)) {                                                        \
            fprintf(stderr, "child: %s:%d: %s\n", __FILE__, __LINE__, #condition); \
            return 1;                                                              \
        }                                                                          \
    } while (0)

static inline void assert_child_succeeds(pid_t pid)
{
    int status;

    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static inline void in_child(struct kinds *k, int (*body)(struct kinds *k))
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(body(k));
    assert_child_succeeds(pid);
}

static inline void start_all(struct kinds *k)
{
    for (enum kind kind = 0; kind < KIND_COUNT; kind++)
        assert_int_equal(kinds_start(k, kind), 0);
}

/* Fire what is started and not due yet, and see everything run; those of `start_all` in any case. */
static inline int all_run(struct kinds *k)
{
    static const enum kind sleeping[] = { KIND_TIMER, KIND_IO, KIND_SIGNAL, KIND_ASYNC };
    bool seen[KIND_COUNT] = { false };

    for (size_t i = 0; i < ARRAY_LEN(sleeping); i++)
        kinds_fire(k, sleeping[i]);
    k->f->trace_count = 0;
    (void)run_ready(k->f);
    for (int i = 0; i < k->f->trace_count; i++)
        seen[k->f->trace[i]] = true;
    CHECK(k->f->trace_count == KIND_COUNT - 1); /* all but the one of an hour later */
    for (enum kind kind = 0; kind < KIND_COUNT; kind++)
        CHECK(seen[kind] || kind == KIND_LATER);
    return 0;
}

#endif
