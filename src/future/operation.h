/* How an operation begins.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_FUTURE_OPERATION_H
#define GYRE_FUTURE_OPERATION_H

#include "future/core.h"

/* A pending future for an operation; NULL: return `refusal` instead. In a cancelled scope it is
 * cancelled, and nothing is to be started. */
struct gyre_future *begin_operation(struct gyre_loop *loop, const struct future_kind *kind,
                                    size_t size, const void *site, struct gyre_future **refusal);

#endif
