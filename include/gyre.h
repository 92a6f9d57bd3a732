/* gyre: an event loop for C programs. This header includes all the others.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_H
#define GYRE_H

#include "gyre/base.h"
#include "gyre/loop.h"
#include "gyre/future.h"
#include "gyre/scope.h"
#include "gyre/pool.h"
#include "gyre/resolve.h"
#include "gyre/file.h"
#include "gyre/test.h"

#endif
