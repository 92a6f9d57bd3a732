/* The pollers of a system with nothing but poll(2), best first.
 *
 * SPDX-License-Identifier: MIT */
#include "os/poller.h"

const struct poller_ops *const poller_list[] = {
    &poller_poll,
    NULL,
};
