/* What the files of the faults share.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_TEST_FAULT_CORE_H
#define GYRE_TEST_FAULT_CORE_H

#include "os/sys.h"
#include "support/fault.h"

/* `left` calls until it strikes, that one included; 0: not armed. */
struct fault {
    unsigned left;
    int err;
    bool forever;
};

void fault_arm(struct fault *fault, unsigned n, int err, bool forever);
void fault_disarm(struct fault *fault);
bool fault_is_armed(const struct fault *fault);

/* Count one call; whether it is to fail. */
bool fault_strikes(struct fault *fault);

/* The same for a system call, with errno set. */
bool fault_strikes_call(struct fault *fault, enum sys_call which);

/* Count a system call; whether it is to fail for a fault of its kind or of all, with errno set. */
bool fault_refuses(enum sys_call which);

/* ---- fault_file.c */

bool fault_files_armed(void);
void fault_disarm_files(void);
void fault_reset_files(void);

/* Put the calls for files into the counting table; `below` does the work. */
void fault_fill_files(struct sys_table *table, const struct sys_table *below);

#endif
