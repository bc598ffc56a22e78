/* SPDX-License-Identifier: Apache-2.0 */
/*
 * icmp.c - the check that asks for an echo.
 *
 * What others' questions have to do with the same address (all reals of a pool hold one VIP) comes
 * to this socket too and is passed over.
 */
#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "health/check.h"
#include "health/echo.h"

#define ECHO_LEN     64
#define READS_A_TURN 16 /* then other probes have theirs */

struct icmp_run {
	struct probe *probe;
	struct event readable;
	struct echo_id id;
	int fd;
	bool is_ipv4;
};

static void run_close(struct icmp_run *run)
{
	run->probe->run = NULL;
	event_del(&run->readable);
	close(run->fd);
	free(run);
}

static void run_end(struct icmp_run *run, int error)
{
	struct probe *probe = run->probe;

	run_close(run);
	if (error != 0) {
		probe_end(probe, dial_error_reason(error), "%s", strerror(error));
		return;
	}
	probe_step(probe, "echo reply with our id, number and token");
	probe_end(probe, PROBE_OK, "echo in %.1f ms", probe_msec(probe));
}

/* Returns whether to read again. */
static bool read_once(struct icmp_run *run)
{
	struct echo_id got;
	int error = 0;

	switch (echo_receive(run->fd, run->is_ipv4, &got, &error)) {
	case ECHO_EMPTY:
		return false;
	case ECHO_NOTHING:
		return true;
	case ECHO_ANSWER:
		if (!echo_is_same(&got, &run->id))
			return true;
		break;
	case ECHO_ERROR:
		if (!echo_is_about(&got, &run->id))
			return true;
		break;
	}
	run_end(run, error);
	return false;
}

static void on_readable(evutil_socket_t fd __attribute__((unused)),
			short what __attribute__((unused)), void *arg)
{
	for (int i = 0; i < READS_A_TURN && read_once(arg); i++)
		;
}

static struct icmp_run *run_new(struct probe *probe, struct event_base *base, int fd)
{
	struct icmp_run *run = calloc(1, sizeof(*run));

	if (!run ||
	    event_assign(&run->readable, base, fd, EV_READ | EV_PERSIST, on_readable, run) ||
	    event_add(&run->readable, NULL)) {
		free(run);
		return NULL;
	}
	run->probe = probe;
	run->fd = fd;
	run->is_ipv4 = addr_is_ipv4(&probe->spec->dial.addr);
	run->id = echo_id_new();
	probe->run = run;
	return run;
}

static void icmp_start(struct probe *probe, struct event_base *base)
{
	enum probe_reason reason;
	const char *step;
	int r, fd = echo_open(&probe->spec->dial, false, &reason, &step);
	struct icmp_run *run;

	probe_doing(probe, "socket");
	if (fd < 0) {
		probe_end(probe, reason, "%s: %s", step, strerror(-fd));
		return;
	}
	run = run_new(probe, base, fd);
	if (!run) {
		close(fd);
		probe_end(probe, PROBE_LOCAL_ERROR, "out of memory");
		return;
	}
	probe_doing(probe, "send");
	r = echo_send(fd, run->is_ipv4, &run->id, ECHO_LEN);
	if (r == 0) {
		probe_step(probe, "sent an echo request of %d bytes", ECHO_LEN);
		probe_doing(probe, "echo reply");
		return;
	}
	run_close(run);
	probe_end(probe, dial_local_reason(-r, probe->spec->dial.mark != 0), "send: %s",
		  strerror(-r));
}

static void icmp_stop(struct probe *probe)
{
	run_close(probe->run);
}

static const char *icmp_waiting_for(const struct probe *probe __attribute__((unused)))
{
	return "the echo";
}

const struct check_kind check_icmp = {
	.start = icmp_start,
	.stop = icmp_stop,
	.waiting_for = icmp_waiting_for,
};
