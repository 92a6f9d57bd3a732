/* The pollers of the tests: all that can be had here, and the scripted one. Stands in for the list of
 * the platform.
 *
 * SPDX-License-Identifier: MIT */
#include "support/script_poller.h"

const struct poller_ops *const poller_list[] = {
#ifdef __linux__
    &poller_epoll,  &poller_epoll_wait,
#endif
#ifdef GYRE_HAVE_KQUEUE
    &poller_kqueue,
#endif
    &poller_poll,   &poller_script,     NULL,
};
