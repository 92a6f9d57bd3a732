/* The server that the example in gyre/test.h tests: it drops its client after 60 s.
 *
 * SPDX-License-Identifier: MIT */
#include <gyre.h>

static bool is_connected;

static void drop_client(void *arg)
{
    (void)arg;
    is_connected = false;
}

static void start_my_server(struct gyre_loop *loop)
{
    is_connected = gyre_call_later(loop, GYRE_S(60), drop_client, NULL) == 0;
}

static bool client_is_connected(void)
{
    return is_connected;
}
