/* See fault.h.
 *
 * SPDX-License-Identifier: MIT */
#include "support/fault_core.h"

#include "os/thread.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ faults */

static struct fault memory_fault;
static struct fault any_fault;
static struct fault call_faults[SYS_KINDS];
static bool fired;
static unsigned met_by = SYS_KINDS;

void fault_disarm(struct fault *fault)
{
    __atomic_store_n(&fault->left, 0, __ATOMIC_SEQ_CST);
}

void fault_arm(struct fault *fault, unsigned n, int err, bool forever)
{
    fault_disarm(fault);
    __atomic_store_n(&fault->err, err, __ATOMIC_SEQ_CST);
    __atomic_store_n(&fault->forever, forever, __ATOMIC_SEQ_CST);
    __atomic_store_n(&fired, false, __ATOMIC_SEQ_CST);
    __atomic_store_n(&met_by, SYS_KINDS, __ATOMIC_SEQ_CST);
    __atomic_store_n(&fault->left, n, __ATOMIC_SEQ_CST);
}

bool fault_strikes(struct fault *fault)
{
    unsigned left = __atomic_load_n(&fault->left, __ATOMIC_SEQ_CST);

    while (left > 0) {
        bool stays = left == 1 && __atomic_load_n(&fault->forever, __ATOMIC_SEQ_CST);
        unsigned rest = stays ? 1 : left - 1;

        if (!__atomic_compare_exchange_n(&fault->left, &left, rest, false, __ATOMIC_SEQ_CST,
                                         __ATOMIC_SEQ_CST))
            continue;
        if (left == 1)
            __atomic_store_n(&fired, true, __ATOMIC_SEQ_CST);
        return left == 1;
    }
    return false;
}

bool fault_is_armed(const struct fault *fault)
{
    return __atomic_load_n(&fault->left, __ATOMIC_SEQ_CST) > 0;
}

bool fault_fired(void)
{
    return __atomic_load_n(&fired, __ATOMIC_SEQ_CST);
}

enum sys_call fault_met_by(void)
{
    return (enum sys_call)__atomic_load_n(&met_by, __ATOMIC_SEQ_CST);
}

bool fault_armed(void)
{
    bool armed = fault_is_armed(&memory_fault) || fault_is_armed(&any_fault) || fault_files_armed();

    for (int i = 0; i < SYS_KINDS; i++)
        armed = armed || fault_is_armed(&call_faults[i]);
    return armed;
}

void disarm_faults(void)
{
    fault_disarm(&memory_fault);
    fault_disarm(&any_fault);
    fault_disarm_files();
    for (int i = 0; i < SYS_KINDS; i++)
        fault_disarm(&call_faults[i]);
}

void fail_allocation(unsigned n, bool forever)
{
    fault_arm(&memory_fault, n, ENOMEM, forever);
}

void fail_syscall(unsigned n, int err, bool forever)
{
    fault_arm(&any_fault, n, err, forever);
}

void fail_call(enum sys_call which, unsigned n, int err, bool forever)
{
    fault_arm(&call_faults[which], n, err, forever);
}

/* ------------------------------------------------------------------ memory */

enum { FRESH = 0xa5, FREED = 0xdd };

/* In front of every block. */
union header {
    size_t size;
    max_align_t align;
};

static size_t bytes;
static unsigned long allocation_count;

size_t live_bytes(void)
{
    return __atomic_load_n(&bytes, __ATOMIC_SEQ_CST);
}

unsigned long allocations(void)
{
    return __atomic_load_n(&allocation_count, __ATOMIC_SEQ_CST);
}

static void *make_block(size_t size)
{
    union header *block = malloc(sizeof(*block) + size);

    if (!block)
        return NULL;
    block->size = size;
    memset(block + 1, FRESH, size);
    __atomic_add_fetch(&bytes, size, __ATOMIC_SEQ_CST);
    return block + 1;
}

static void give_back(void *memory, size_t size)
{
    union header *block = (union header *)memory - 1;

    if (block->size != size) {
        fprintf(stderr, "a block of %zu bytes was given back as %zu\n", block->size, size);
        abort();
    }
    memset(block, FREED, sizeof(*block) + size);
    __atomic_sub_fetch(&bytes, size, __ATOMIC_SEQ_CST);
    free(block);
}

static bool may_allocate(void)
{
    __atomic_add_fetch(&allocation_count, 1, __ATOMIC_SEQ_CST);
    return !fault_strikes(&memory_fault);
}

static void *counting_alloc(void *ctx, size_t size)
{
    (void)ctx;
    return may_allocate() ? make_block(size) : NULL;
}

static void *counting_realloc(void *ctx, void *block, size_t old, size_t size)
{
    (void)ctx;
    if (!may_allocate())
        return NULL;

    void *fresh = make_block(size);
    if (!fresh)
        return NULL;
    if (block) {
        memcpy(fresh, block, old < size ? old : size);
        give_back(block, old);
    }
    return fresh;
}

static void counting_free(void *ctx, void *block, size_t size)
{
    (void)ctx;
    if (block)
        give_back(block, size);
    errno = EDOM; /* as any function may do that succeeds */
}

const struct gyre_allocator test_allocator = {
    .alloc = counting_alloc,
    .realloc = counting_realloc,
    .free = counting_free,
};

/* ------------------------------------------------------------------ system calls */

static const struct sys_table *below; /* the table that does the work */
static unsigned long counts[SYS_KINDS];
static THREAD_LOCAL void (*wait_hook)(void *arg);
static THREAD_LOCAL void *wait_hook_arg;

unsigned long sys_calls(enum sys_call which)
{
    return __atomic_load_n(&counts[which], __ATOMIC_SEQ_CST);
}

unsigned long all_sys_calls(void)
{
    unsigned long sum = 0;

    for (int i = 0; i < SYS_CLOCK_GETTIME; i++)
        sum += sys_calls((enum sys_call)i);
    return sum;
}

bool fault_strikes_call(struct fault *fault, enum sys_call which)
{
    unsigned nobody = SYS_KINDS;

    if (!fault_strikes(fault))
        return false;
    (void)__atomic_compare_exchange_n(&met_by, &nobody, which, false, __ATOMIC_SEQ_CST,
                                      __ATOMIC_SEQ_CST);
    errno = __atomic_load_n(&fault->err, __ATOMIC_SEQ_CST);
    return true;
}

bool fault_refuses(enum sys_call which)
{
    __atomic_add_fetch(&counts[which], 1, __ATOMIC_SEQ_CST);
    if (fault_strikes_call(&call_faults[which], which))
        return true;
    return which < SYS_CLOSE && fault_strikes_call(&any_fault, which);
}

void at_next_wait(void (*fn)(void *arg), void *arg)
{
    wait_hook_arg = arg;
    wait_hook = fn;
}

static bool refuses_wait(enum sys_call which)
{
    void (*hook)(void *arg) = wait_hook;

    wait_hook = NULL;
    if (hook)
        hook(wait_hook_arg);
    __atomic_add_fetch(&counts[SYS_WAIT], 1, __ATOMIC_SEQ_CST);
    return fault_refuses(which) || fault_strikes_call(&call_faults[SYS_WAIT], which);
}

static ssize_t count_read(int fd, void *buf, size_t size)
{
    return fault_refuses(SYS_READ) ? -1 : below->read(fd, buf, size);
}

static ssize_t count_write(int fd, const void *buf, size_t size)
{
    return fault_refuses(SYS_WRITE) ? -1 : below->write(fd, buf, size);
}

/* Also when it is to fail: the number is free again after any close. */
static int count_close(int fd)
{
    int result = below->close(fd);

    return fault_refuses(SYS_CLOSE) ? -1 : result;
}

static int count_is_open(int fd)
{
    return fault_refuses(SYS_IS_OPEN) ? -1 : below->is_open(fd);
}

static int count_wake_pair(int fds[2])
{
    return fault_refuses(SYS_WAKE_PAIR) ? -1 : below->wake_pair(fds);
}

static int count_poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
    return refuses_wait(SYS_POLL) ? -1 : below->poll(fds, count, timeout_ms);
}

static int count_sigaction(int signo, const struct sigaction *act, struct sigaction *old)
{
    return fault_refuses(SYS_SIGACTION) ? -1 : below->sigaction(signo, act, old);
}

static int count_clock_gettime(clockid_t clock, struct timespec *ts)
{
    __atomic_add_fetch(&counts[SYS_CLOCK_GETTIME], 1, __ATOMIC_SEQ_CST);
    return below->clock_gettime(clock, ts);
}

static int count_thread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*main)(void *),
                               void *arg)
{
    return fault_refuses(SYS_THREAD_CREATE) ? errno : below->thread_create(thread, attr, main, arg);
}

static int count_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                             struct addrinfo **list)
{
    return fault_refuses(SYS_GETADDRINFO) ? EAI_SYSTEM
                                          : below->getaddrinfo(host, service, hints, list);
}

static void count_freeaddrinfo(struct addrinfo *list)
{
    below->freeaddrinfo(list);
}

static int count_getnameinfo(const struct sockaddr *address, socklen_t size, char *host,
                             socklen_t host_size, char *service, socklen_t service_size, int flags)
{
    if (fault_refuses(SYS_GETNAMEINFO))
        return EAI_SYSTEM;
    return below->getnameinfo(address, size, host, host_size, service, service_size, flags);
}

static int count_timer_slack(uint64_t ns)
{
    return fault_refuses(SYS_TIMER_SLACK) ? -1 : below->timer_slack(ns);
}

#ifdef __linux__
static int count_epoll_create(void)
{
    return fault_refuses(SYS_EPOLL_CREATE) ? -1 : below->epoll_create();
}

static int count_epoll_ctl(int epfd, int op, int fd, struct epoll_event *event)
{
    return fault_refuses(SYS_EPOLL_CTL) ? -1 : below->epoll_ctl(epfd, op, fd, event);
}

static int count_epoll_wait(int epfd, struct epoll_event *events, int max, int timeout_ms)
{
    return refuses_wait(SYS_EPOLL_WAIT) ? -1 : below->epoll_wait(epfd, events, max, timeout_ms);
}

/* Where the kernel has no such call, as under valgrind, it counts as not made: another follows. */
static int count_epoll_pwait2(int epfd, struct epoll_event *events, int max, uint64_t timeout_ns)
{
    if (refuses_wait(SYS_EPOLL_PWAIT2))
        return -1;

    int n = below->epoll_pwait2(epfd, events, max, timeout_ns);
    if (n < 0 && errno == ENOSYS) {
        __atomic_sub_fetch(&counts[SYS_EPOLL_PWAIT2], 1, __ATOMIC_SEQ_CST);
        __atomic_sub_fetch(&counts[SYS_WAIT], 1, __ATOMIC_SEQ_CST);
    }
    return n;
}

static int count_timerfd_create(void)
{
    return fault_refuses(SYS_TIMERFD_CREATE) ? -1 : below->timerfd_create();
}

static int count_timerfd_settime(int fd, uint64_t delay_ns)
{
    return fault_refuses(SYS_TIMERFD_SETTIME) ? -1 : below->timerfd_settime(fd, delay_ns);
}
#endif

#ifdef GYRE_HAVE_KQUEUE
static int count_kqueue(void)
{
    return fault_refuses(SYS_KQUEUE) ? -1 : below->kqueue();
}

static int count_kevent(int kq, const struct kevent *changes, int change_count,
                        struct kevent *events, int event_count, const struct timespec *timeout)
{
    if (event_count > 0 ? refuses_wait(SYS_KEVENT) : fault_refuses(SYS_KEVENT))
        return -1;
    return below->kevent(kq, changes, change_count, events, event_count, timeout);
}
#endif

static struct sys_table counting_calls = {
    .read = count_read,
    .write = count_write,
    .close = count_close,
    .is_open = count_is_open,
    .wake_pair = count_wake_pair,
    .poll = count_poll,
    .sigaction = count_sigaction,
    .clock_gettime = count_clock_gettime,
    .timer_slack = count_timer_slack,
    .thread_create = count_thread_create,
    .getaddrinfo = count_getaddrinfo,
    .freeaddrinfo = count_freeaddrinfo,
    .getnameinfo = count_getnameinfo,
#ifdef __linux__
    .epoll_create = count_epoll_create,
    .epoll_ctl = count_epoll_ctl,
    .epoll_wait = count_epoll_wait,
    .epoll_pwait2 = count_epoll_pwait2,
    .timerfd_create = count_timerfd_create,
    .timerfd_settime = count_timerfd_settime,
#endif
#ifdef GYRE_HAVE_KQUEUE
    .kqueue = count_kqueue,
    .kevent = count_kevent,
#endif
};

void fault_install(void)
{
    disarm_faults();
    at_next_wait(NULL, NULL);
    fault_reset_files();
    memset(counts, 0, sizeof(counts));
    fired = false;
    if (below)
        return;
    below = sys;
    fault_fill_files(&counting_calls, below);
    sys = &counting_calls;
}

void fault_remove(void)
{
    disarm_faults();
    if (!below)
        return;
    sys = below;
    below = NULL;
}
