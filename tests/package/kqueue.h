/* What <sys/event.h> of a BSD declares and tests/support/kqueue does not.
 *
 * SPDX-License-Identifier: MIT */
#include <time.h>

struct kevent;

int kqueue(void);
int kevent(int kq, const struct kevent *changes, int change_count, struct kevent *events,
           int event_count, const struct timespec *timeout);
