/* Faults on demand: an allocator and a table of system calls that count and can fail.
 *
 * A fault is armed for the n-th call from now, the first being 1, either for it alone or for it and
 * all later ones; 0 disarms. The faults of allocations, of system calls in general and of each kind
 * of system call are armed and count independently. Calls may come from any thread and from signal
 * handlers; faults are armed by the test's own thread.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_TEST_FAULT_H
#define GYRE_TEST_FAULT_H

#include "gyre/base.h"

enum sys_call {
    /* These may fail, and fail_syscall counts them. */
    SYS_READ,
    SYS_WRITE,
    SYS_WAKE_PAIR,
    SYS_POLL,
    SYS_EPOLL_CREATE,
    SYS_EPOLL_CTL,
    SYS_EPOLL_WAIT,
    SYS_EPOLL_PWAIT2,
    SYS_TIMERFD_CREATE,
    SYS_TIMERFD_SETTIME,
    SYS_SIGACTION,
    SYS_IS_OPEN,
    SYS_KQUEUE,
    SYS_KEVENT,
    SYS_THREAD_CREATE,
    SYS_GETADDRINFO,
    SYS_GETNAMEINFO,

    /* Files: also counted by fail_file_call. */
    SYS_FILE_READ,
    SYS_FILE_WRITE,
    SYS_PREAD,
    SYS_PWRITE,
    SYS_COPY_RANGE,
    SYS_OPEN_AT,
    SYS_FILE_CLOSE,
    SYS_SYNC,
    SYS_FSTAT,
    SYS_STAT_AT,
    SYS_RENAME_AT,
    SYS_UNLINK_AT,
    SYS_MKDIR_AT,
    SYS_OPEN_DIR,
    SYS_READ_DIR,
    SYS_CLOSE_DIR,

    /* These are counted, and fail only by fail_call; clock_gettime never fails. */
    SYS_CLOSE,
    SYS_TIMER_SLACK,
    SYS_CLOCK_GETTIME,

    SYS_WAIT, /* whichever of them is a poller's wait */
    SYS_KINDS,
};

/* Install the counting table of system calls over the one in use, and take it away again. Both
 * disarm all faults; the first begins all counts at 0. */
void fault_install(void);
void fault_remove(void);

/* ---- memory */

/* Counts what is alive, fills new and freed memory with rubbish, moves every block at realloc, changes
 * errno when one is freed, and aborts the program when a block is given back with a size that is not
 * its own. */
extern const struct gyre_allocator test_allocator;

size_t live_bytes(void);
unsigned long allocations(void); /* calls of alloc and realloc so far */
void fail_allocation(unsigned n, bool forever);

/* ---- system calls */

void fail_syscall(unsigned n, int err, bool forever);
void fail_call(enum sys_call which, unsigned n, int err, bool forever);

/* Only calls for files count, whichever thread makes them. */
void fail_file_call(unsigned n, int err, bool forever);

/* Let reads and writes of files, and copies inside the kernel, move at most so many bytes at a time.
 * 0: as many as they are asked to. */
void shorten_transfers(size_t most);

/* Let directories not tell the types of their entries, as some file systems do not. */
void hide_entry_types(bool on);

/* Call fn(arg) once, before the n-th call from now of one kind for files, on the thread that makes
 * it. */
void at_file_call(enum sys_call which, unsigned n, void (*fn)(void *arg), void *arg);

/* How many calls of one kind, or of all but clock_gettime, came since setup. */
unsigned long sys_calls(enum sys_call which);
unsigned long all_sys_calls(void);

/* Call fn(arg) once at the next wait of a poller, before the kernel is asked: the moment when another
 * thread or a signal can come between the loop's last look and its sleep. Only for waits of the
 * calling thread. NULL: nothing. */
void at_next_wait(void (*fn)(void *arg), void *arg);

/* ---- faults */

/* Whether any has been met since the last one was armed. */
bool fault_fired(void);

/* The kind of system call that met one first since then; SYS_KINDS: none did. */
enum sys_call fault_met_by(void);

/* Whether any waits to be met, or to be met again. */
bool fault_armed(void);

void disarm_faults(void);

#endif
