/* The table of signals.
 *
 * Invariant: a signal's handler is ours exactly while some port watches it. `ports` is walked by
 * handlers without a lock, so nodes are published whole, and unlinked ones are left alone until no
 * handler runs. `table_lock` orders everything else; whoever holds it has all signals blocked, so
 * that no handler can interrupt the holder and no holder waits for itself.
 *
 * `delivered` is advanced after the counts of the ports, so whoever reads it and takes a count then
 * has taken all deliveries up to it. `told` is such a number, the latest whose deliveries a
 * callback got.
 *
 * SPDX-License-Identifier: MIT */
#include "os/signal_table.h"
#include "os/sys.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

enum { TAKE_TRIES = 100 };

static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;
static sigset_t lock_mask; /* the mask of the thread that holds the lock */
static struct signal_port *ports;
static unsigned handlers_running;

static struct signal_entry {
    unsigned port_count;
    struct sigaction previous;
    unsigned delivered;
    unsigned told;
} signal_entries[SIGNAL_COUNT];

void signal_table_lock(void)
{
    sigset_t all, old;

    sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &old);
    (void)pthread_mutex_lock(&table_lock);
    lock_mask = old;
}

void signal_table_unlock(void)
{
    sigset_t old = lock_mask;

    (void)pthread_mutex_unlock(&table_lock);
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void signal_table_forked(void)
{
    /* Handlers that ran in other threads of the parent do not run here, and what was delivered
     * there is none of ours. */
    __atomic_store_n(&handlers_running, 0, __ATOMIC_SEQ_CST);
    for (int signo = 1; signo < SIGNAL_COUNT; signo++)
        signal_entries[signo].told = signal_entries[signo].delivered;
    signal_table_unlock();
}

static void handle_signal(int signo)
{
    int saved = errno;
    pid_t pid = getpid();
    unsigned heard = 0;

    __atomic_add_fetch(&handlers_running, 1, __ATOMIC_SEQ_CST);
    struct signal_port *port = __atomic_load_n(&ports, __ATOMIC_SEQ_CST);
    for (; port; port = __atomic_load_n(&port->next, __ATOMIC_SEQ_CST)) {
        if (__atomic_load_n(&port->pid, __ATOMIC_RELAXED) != pid ||
            !__atomic_load_n(&port->watched[signo], __ATOMIC_RELAXED))
            continue;
        __atomic_add_fetch(&port->count[signo], 1, __ATOMIC_SEQ_CST);
        port->notify(port);
        heard = 1;
    }
    __atomic_add_fetch(&signal_entries[signo].delivered, heard, __ATOMIC_SEQ_CST);
    __atomic_sub_fetch(&handlers_running, 1, __ATOMIC_SEQ_CST);
    errno = saved;
}

bool signal_may_watch(int signo)
{
    switch (signo) {
    case SIGKILL:
    case SIGSTOP:
    case SIGSEGV:
    case SIGBUS:
    case SIGFPE:
    case SIGILL:
        return false;
    default:
        return signo > 0 && signo < SIGNAL_COUNT;
    }
}

static bool port_watches_any(const struct signal_port *port)
{
    for (int signo = 1; signo < SIGNAL_COUNT; signo++)
        if (port->watched[signo])
            return true;
    return false;
}

static void link_port(struct signal_port *port)
{
    port->next = ports;
    __atomic_store_n(&ports, port, __ATOMIC_SEQ_CST);
}

static void unlink_port(struct signal_port *port)
{
    struct signal_port **link = &ports;

    while (*link != port)
        link = &(*link)->next;
    __atomic_store_n(link, port->next, __ATOMIC_SEQ_CST);
}

/* After it no handler looks at what was taken from its sight before. */
static void wait_for_handlers(void)
{
    while (__atomic_load_n(&handlers_running, __ATOMIC_SEQ_CST) > 0)
        (void)sched_yield();
}

static int install_handler(int signo)
{
    struct signal_entry *entry = &signal_entries[signo];
    struct sigaction action = { .sa_flags = SA_RESTART };
    struct sigaction previous;

    action.sa_handler = handle_signal;
    sigfillset(&action.sa_mask);
    entry->told = __atomic_load_n(&entry->delivered, __ATOMIC_SEQ_CST);
    if (sys->sigaction(signo, &action, &previous) < 0)
        return -errno;

    /* Ours is still there if it could not be taken out the last time. */
    if (previous.sa_handler != handle_signal)
        entry->previous = previous;
    return 0;
}

int signal_table_add(struct signal_port *port, int signo)
{
    int err = 0;

    signal_table_lock();
    if (!port_watches_any(port))
        link_port(port);
    __atomic_store_n(&port->watched[signo], 1, __ATOMIC_RELAXED);
    if (signal_entries[signo].port_count == 0)
        err = install_handler(signo);
    if (err == 0) {
        signal_entries[signo].port_count++;
    } else {
        __atomic_store_n(&port->watched[signo], 0, __ATOMIC_RELAXED);
        if (!port_watches_any(port))
            unlink_port(port);
        wait_for_handlers();
    }
    signal_table_unlock();
    return err;
}

void signal_table_remove(struct signal_port *port, int signo)
{
    struct signal_entry *entry = &signal_entries[signo];

    signal_table_lock();
    bool is_last = --entry->port_count == 0;
    if (is_last) {
        (void)sys->sigaction(signo, &entry->previous, NULL);
        wait_for_handlers(); /* those that have begun still find the port */
    }
    __atomic_store_n(&port->watched[signo], 0, __ATOMIC_SEQ_CST);
    if (!port_watches_any(port))
        unlink_port(port);
    wait_for_handlers();
    __atomic_store_n(&port->count[signo], 0, __ATOMIC_SEQ_CST);
    bool is_owed = is_last && __atomic_load_n(&entry->told, __ATOMIC_SEQ_CST) !=
                                  __atomic_load_n(&entry->delivered, __ATOMIC_SEQ_CST);
    signal_table_unlock();

    if (is_owed)
        (void)kill(getpid(), signo);
}

unsigned signal_take(struct signal_port *port, int signo, unsigned *seen)
{
    const struct signal_entry *entry = &signal_entries[signo];
    unsigned taken = 0;

    *seen = __atomic_load_n(&entry->delivered, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&port->count[signo], __ATOMIC_SEQ_CST) == 0)
        return 0;

    /* What was taken and what was seen belong together if no handler is between its two additions,
     * and none came in the meantime. Should that never be so, a delivery that was told may be
     * raised again. */
    for (int i = 0; i < TAKE_TRIES; i++) {
        *seen = __atomic_load_n(&entry->delivered, __ATOMIC_SEQ_CST);
        taken += __atomic_exchange_n(&port->count[signo], 0, __ATOMIC_SEQ_CST);
        if (__atomic_load_n(&handlers_running, __ATOMIC_SEQ_CST) > 0)
            (void)sched_yield();
        else if (__atomic_load_n(&entry->delivered, __ATOMIC_SEQ_CST) == *seen)
            break;
    }
    return taken;
}

/* Several loops may tell at once; the latest counts. */
void signal_told(int signo, unsigned seen)
{
    unsigned *told = &signal_entries[signo].told;
    unsigned before = __atomic_load_n(told, __ATOMIC_SEQ_CST);

    while ((int)(seen - before) > 0)
        if (__atomic_compare_exchange_n(told, &before, seen, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST))
            return;
}

void signal_forget(struct signal_port *port)
{
    for (int signo = 1; signo < SIGNAL_COUNT; signo++)
        __atomic_store_n(&port->count[signo], 0, __ATOMIC_SEQ_CST);
}
