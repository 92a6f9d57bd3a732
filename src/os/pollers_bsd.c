/* The pollers of the BSDs and macOS, best first.
 *
 * SPDX-License-Identifier: MIT */
#include "os/poller.h"

const struct poller_ops *const poller_list[] = {
    &poller_kqueue,
    &poller_poll,
    NULL,
};
