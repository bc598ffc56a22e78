/* SPDX-License-Identifier: Apache-2.0 */
/* tcp.c - the check that is content with a connection. */
#include <unistd.h>

#include "health/check.h"

static void tcp_connected(struct probe *probe, int fd)
{
	close(fd);
	probe_end(probe, PROBE_OK, "connected in %.1f ms", probe_msec(probe));
}

static void tcp_stop(struct probe *probe __attribute__((unused)))
{
}

static const char *tcp_waiting_for(const struct probe *probe __attribute__((unused)))
{
	return "the connection";
}

const struct check_kind check_tcp = {
	.connected = tcp_connected,
	.stop = tcp_stop,
	.waiting_for = tcp_waiting_for,
};
