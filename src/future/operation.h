/* How an operation begins.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_FUTURE_OPERATION_H
#define GYRE_FUTURE_OPERATION_H

#include "future/core.h"

/* A future for an operation, which is to be started if it is pending. It is not where it was refused,
 * or, in a cancelled scope, is cancelled. */
struct gyre_future *begin_operation(struct gyre_loop *loop, const struct future_kind *kind,
                                    size_t size, const void *site);

#endif
