/* A file that is being written and is to appear under its name only when it is whole.
 *
 * A draft is a file with a name of its own in the directory of the target, which it replaces by a
 * rename; or the target itself, if that must not exist yet.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GYRE_DRAFT_H
#define GYRE_DRAFT_H

#include <stdbool.h>
#include <sys/types.h>

struct draft {
    int dir;
    int fd;
    bool is_target;
    const char *target; /* a name in `dir`, borrowed */
    char name[32];      /* likewise, unless it is the target */
};

/* Begin one. `path` must be writable memory, which is cut in two, and last as long as the draft. On
 * failure nothing is left. */
int draft_begin(struct draft *d, char *path, mode_t mode, bool must_be_new);

/* End it: the target is there, and survives a power failure if `is_lasting`. On failure the target
 * is as it was before, but `*is_there` tells that only the last step failed, the sync of the
 * directory. */
int draft_commit(struct draft *d, bool is_lasting, bool *is_there);

/* End it without a trace. */
void draft_discard(struct draft *d);

#endif
