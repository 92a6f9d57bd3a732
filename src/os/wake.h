/* What ends a poller's wait from another thread or a signal handler: an eventfd, else a pipe.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_WAKE_H
#define GYRE_WAKE_H

struct wake {
    int read_fd; /* the poller watches it */
    int write_fd;
};

/* 0, or a negative errno with nothing left open. Also proves that it can be written. */
int wake_open(struct wake *w);

void wake_close(struct wake *w);

/* Make read_fd readable, with an edge. Any thread and signal handlers. A full pipe or counter is
 * emptied first: it would give no edge. */
int wake_send(const struct wake *w);

/* Make read_fd unreadable. -EPIPE: nobody can wake it any more. */
int wake_clear(const struct wake *w);

#endif
