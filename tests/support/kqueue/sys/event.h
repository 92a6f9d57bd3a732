/* <sys/event.h> for tests on Linux: what the kqueue poller needs to be compiled there and run over
 * the emulation in kqueue_emulation.c. The shape is that of FreeBSD, without its extensions; the
 * values are arbitrary.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_TEST_SYS_EVENT_H
#define GYRE_TEST_SYS_EVENT_H

#include <stdint.h>

struct kevent {
    uintptr_t ident;
    short filter;
    unsigned short flags;
    unsigned fflags;
    int64_t data;
    void *udata;
};

#define EVFILT_READ   (-1)
#define EVFILT_WRITE  (-2)
#define EVFILT_PROC   (-5)
#define EVFILT_SIGNAL (-6)
#define EVFILT_TIMER  (-7)
#define EVFILT_USER   (-11)

#define EV_ADD     0x0001
#define EV_DELETE  0x0002
#define EV_ONESHOT 0x0010
#define EV_CLEAR   0x0020
#define EV_ERROR   0x4000
#define EV_EOF     0x8000

#define NOTE_NSECONDS 0x0008

#endif
