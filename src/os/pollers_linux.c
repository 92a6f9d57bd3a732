/* The pollers of Linux, best first.
 *
 * SPDX-License-Identifier: MIT */
#include "os/poller.h"

const struct poller_ops *const poller_list[] = {
    &poller_epoll,
    &poller_epoll_wait,
    &poller_poll,
    NULL,
};
