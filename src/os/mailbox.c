/* What each thread remembers of the mail it has sent.
 *
 * SPDX-License-Identifier: MIT */
#include "os/mailbox.h"

THREAD_LOCAL struct mail_trail mail_trail;
