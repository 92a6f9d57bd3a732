/* Which loops of the process want which signals: the one table in the library that all loops share.
 *
 * A loop takes part through a port. The handler counts a delivery in every port that watches the
 * signal and calls its `notify`; what it touches is atomic, and a port is not let go while a
 * handler may be looking at it.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_SIGNAL_TABLE_H
#define GYRE_SIGNAL_TABLE_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#ifdef _NSIG
#define SIGNAL_COUNT _NSIG
#else
#define SIGNAL_COUNT NSIG
#endif

struct signal_port {
    struct signal_port *next;
    pid_t pid; /* deliveries to a forked child are not this port's */
    unsigned char watched[SIGNAL_COUNT];
    unsigned count[SIGNAL_COUNT];         /* not yet taken */
    void (*notify)(struct signal_port *); /* async-signal-safe */
};

/* Whether `signo` may be watched at all. */
bool signal_may_watch(int signo);

/* Let `port` hear of `signo`. The first port in the process installs the handler. 0 or -errno. */
int signal_table_add(struct signal_port *port, int signo);

/* Undo it. When the last port goes, what was there before this library's handler is restored, and if
 * there was a delivery since the latest one that somebody was told of, the signal is raised again. */
void signal_table_remove(struct signal_port *port, int signo);

/* Take the count of deliveries of `signo` since the last time. `seen` receives a number for
 * signal_told, which stands for these and all earlier ones. */
unsigned signal_take(struct signal_port *port, int signo, unsigned *seen);

/* Somebody is being told of the deliveries up to `seen`. */
void signal_told(int signo, unsigned seen);

/* Take all counts and forget them. */
void signal_forget(struct signal_port *port);

/* Around fork: the table is consistent in the child. */
void signal_table_lock(void);
void signal_table_unlock(void);
void signal_table_forked(void);

#endif
