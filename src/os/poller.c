/* Finding a poller by name.
 *
 * SPDX-License-Identifier: MIT */
#include "os/poller.h"

#include <string.h>

const struct poller_ops *poller_find(const char *name)
{
    if (!name)
        return poller_list[0];

    for (const struct poller_ops *const *ops = poller_list; *ops; ops++)
        if (strcmp((*ops)->name, name) == 0)
            return *ops;
    return NULL;
}
