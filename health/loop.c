/* SPDX-License-Identifier: Apache-2.0 */
#include "health/loop.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "src/base/log.h"
#include "src/base/usec.h"

struct loop {
	struct event_base *base;
	struct event *term, *interrupt;
	struct event *watchdog; /* NULL: nobody watches */
};

static void on_signal(evutil_socket_t signo, short what __attribute__((unused)), void *arg)
{
	struct loop *loop = arg;

	log_info("stopping", "signal=%s", sigabbrev_np((int)signo));
	event_base_loopbreak(loop->base);
}

static void on_watchdog(evutil_socket_t fd __attribute__((unused)),
			short what __attribute__((unused)), void *arg __attribute__((unused)))
{
	sd_notify(0, "WATCHDOG=1");
}

static int start_watchdog(struct loop *loop)
{
	uint64_t usec = 0;
	struct timeval tv;

	if (sd_watchdog_enabled(0, &usec) <= 0)
		return 0;
	tv = (struct timeval){ .tv_sec = (time_t)(usec / 3 / USEC_PER_SEC),
			       .tv_usec = (suseconds_t)(usec / 3 % USEC_PER_SEC) };
	loop->watchdog = event_new(loop->base, -1, EV_PERSIST, on_watchdog, NULL);
	return loop->watchdog ? event_add(loop->watchdog, &tv) : -ENOMEM;
}

static int start_signals(struct loop *loop)
{
	signal(SIGPIPE, SIG_IGN);
	loop->term = evsignal_new(loop->base, SIGTERM, on_signal, loop);
	loop->interrupt = evsignal_new(loop->base, SIGINT, on_signal, loop);
	if (!loop->term || !loop->interrupt || evsignal_add(loop->term, NULL) < 0 ||
	    evsignal_add(loop->interrupt, NULL) < 0)
		return -ENOMEM;
	return 0;
}

int loop_new(struct loop **ret, struct err *err)
{
	struct loop *loop = calloc(1, sizeof(*loop));

	if (loop)
		loop->base = event_base_new();
	if (!loop || !loop->base || start_signals(loop) < 0 || start_watchdog(loop) < 0) {
		loop_free(loop);
		return err_set(err, -ENOMEM, "event loop: %m");
	}
	*ret = loop;
	return 0;
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	if (loop->watchdog)
		event_free(loop->watchdog);
	if (loop->interrupt)
		event_free(loop->interrupt);
	if (loop->term)
		event_free(loop->term);
	if (loop->base)
		event_base_free(loop->base);
	free(loop);
}

struct event_base *loop_base(const struct loop *loop)
{
	return loop->base;
}

int loop_run(struct loop *loop, struct err *err)
{
	sd_notify(0, "READY=1");
	if (event_base_dispatch(loop->base) < 0)
		return err_set(err, -EIO, "the event loop failed: %m");
	return 0;
}
