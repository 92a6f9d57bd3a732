/* The table of signals.
 *
 * Invariant: a signal's handler is ours exactly while some port watches it. `ports` is walked by
 * handlers without a lock, so nodes are published whole, and unlinked ones are left alone until no
 * handler runs. `table_lock` orders everything else; whoever holds it has all signals blocked, so
 * that no handler can interrupt the holder and no holder waits for itself.
 *
 * SPDX-License-Identifier: MIT */
#include "os/signal_table.h"
#include "os/sys.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;
static sigset_t lock_mask; /* the mask of the thread that holds the lock */
static struct signal_port *ports;
static unsigned handlers_running;

static struct signal_entry {
    unsigned port_count;
    struct sigaction previous;
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
    /* Handlers that ran in other threads of the parent do not run here. */
    __atomic_store_n(&handlers_running, 0, __ATOMIC_SEQ_CST);
    signal_table_unlock();
}

static void handle_signal(int signo)
{
    int saved = errno;
    pid_t pid = getpid();

    __atomic_add_fetch(&handlers_running, 1, __ATOMIC_SEQ_CST);
    struct signal_port *port = __atomic_load_n(&ports, __ATOMIC_SEQ_CST);
    for (; port; port = __atomic_load_n(&port->next, __ATOMIC_SEQ_CST)) {
        if (__atomic_load_n(&port->pid, __ATOMIC_RELAXED) != pid ||
            !__atomic_load_n(&port->watched[signo], __ATOMIC_RELAXED))
            continue;
        __atomic_add_fetch(&port->count[signo], 1, __ATOMIC_SEQ_CST);
        port->notify(port);
    }
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

    while (__atomic_load_n(&handlers_running, __ATOMIC_SEQ_CST) > 0)
        (void)sched_yield();
}

static int install_handler(int signo)
{
    struct sigaction action = { .sa_flags = SA_RESTART };
    struct sigaction previous;

    action.sa_handler = handle_signal;
    sigfillset(&action.sa_mask);
    if (sys->sigaction(signo, &action, &previous) < 0)
        return -errno;

    /* Ours is still there if it could not be taken out the last time. */
    if (previous.sa_handler != handle_signal)
        signal_entries[signo].previous = previous;
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
    }
    signal_table_unlock();
    return err;
}

void signal_table_remove(struct signal_port *port, int signo, bool owed)
{
    struct signal_entry *entry = &signal_entries[signo];
    pid_t pid = port->pid;

    signal_table_lock();
    bool last = --entry->port_count == 0;
    if (last)
        (void)sys->sigaction(signo, &entry->previous, NULL);
    __atomic_store_n(&port->watched[signo], 0, __ATOMIC_RELAXED);
    if (!port_watches_any(port))
        unlink_port(port);
    if (signal_take(port, signo) > 0)
        owed = true;
    signal_table_unlock();

    if (last && owed && pid == getpid())
        (void)kill(pid, signo);
}

unsigned signal_take(struct signal_port *port, int signo)
{
    if (__atomic_load_n(&port->count[signo], __ATOMIC_SEQ_CST) == 0)
        return 0;
    return __atomic_exchange_n(&port->count[signo], 0, __ATOMIC_SEQ_CST);
}
