/* SPDX-License-Identifier: Apache-2.0 */
#include "health/mtu.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>
#include <unistd.h>

#include "health/echo.h"

#define SMALL_LEN    64
#define IPV4_HEADER  20
#define IPV6_HEADER  40
#define READS_A_TURN 16
#define LOST         2 /* in a row */

struct mtu {
	struct mtu_options options;
	struct event readable, end;
	struct echo_id small, full;
	int fd; /* -1: could not be opened */
	int error;
	bool is_ipv4;
	bool has_small, has_full, is_too_big;
	usec_t started;
};

/* ---- what is made of it ---- */

void mtu_record_add(struct mtu_record *record, enum mtu_heard heard)
{
	switch (heard) {
	case MTU_HEARD_WHOLE:
		*record = (struct mtu_record){ 0 };
		break;
	case MTU_HEARD_SMALL:
		record->n_silent = 0;
		if (record->n_small < UINT32_MAX)
			record->n_small++;
		break;
	case MTU_HEARD_NOTHING:
		if (++record->n_silent >= LOST)
			*record = (struct mtu_record){ 0 };
		break;
	case MTU_NOT_ASKED:
		break;
	}
}

bool mtu_is_lost(const struct mtu_record *record)
{
	return record->n_small >= LOST;
}

bool mtu_is_undecided(const struct mtu_record *record)
{
	return record->n_small > 0 || record->n_silent > 0;
}

/* ---- the end ---- */

void mtu_stop(struct mtu *mtu)
{
	if (!mtu)
		return;
	if (mtu->fd >= 0) {
		event_del(&mtu->readable);
		close(mtu->fd);
	}
	event_del(&mtu->end);
	free(mtu);
}

/* Silence that is noticed long after its time may be this process standing still. */
static bool is_late(const struct mtu *mtu)
{
	return usec_now() - mtu->started > mtu->options.timeout_us * 3 / 2;
}

static enum mtu_heard what_was_heard(const struct mtu *mtu)
{
	if (mtu->has_full)
		return MTU_HEARD_WHOLE;
	if (mtu->error != 0 || (!mtu->is_too_big && is_late(mtu)))
		return MTU_NOT_ASKED;
	return mtu->has_small ? MTU_HEARD_SMALL : MTU_HEARD_NOTHING;
}

static void on_end(evutil_socket_t fd __attribute__((unused)), short what __attribute__((unused)),
		   void *arg)
{
	struct mtu *mtu = arg;
	struct mtu_options options = mtu->options;
	enum mtu_heard heard = what_was_heard(mtu);
	int error = mtu->error;

	mtu_stop(mtu);
	options.done(options.arg, heard, error);
}

/* Never at once: it may be mtu_start() that noticed. */
static void end_soon(struct mtu *mtu)
{
	event_active(&mtu->end, EV_TIMEOUT, 0);
}

/* ---- the answers ---- */

/* Both questions are asked of every packet, for it is read but once: by id. */
static bool read_once(struct mtu *mtu)
{
	struct echo_id got;
	int error = 0;

	switch (echo_receive(mtu->fd, mtu->is_ipv4, &got, &error)) {
	case ECHO_EMPTY:
		return false;
	case ECHO_ANSWER:
		mtu->has_small |= echo_is_same(&got, &mtu->small);
		mtu->has_full |= echo_is_same(&got, &mtu->full);
		break;
	case ECHO_ERROR:
		mtu->is_too_big |= error == EMSGSIZE && echo_is_about(&got, &mtu->full);
		break;
	case ECHO_NOTHING:
		break;
	}
	return true;
}

static void on_readable(evutil_socket_t fd __attribute__((unused)),
			short what __attribute__((unused)), void *arg)
{
	struct mtu *mtu = arg;

	for (int i = 0; i < READS_A_TURN && read_once(mtu); i++)
		;
	if (mtu->has_full || (mtu->is_too_big && mtu->has_small))
		end_soon(mtu);
}

/* ---- the start ---- */

static int send_both(struct mtu *mtu)
{
	size_t header = mtu->is_ipv4 ? IPV4_HEADER : IPV6_HEADER;
	int r = echo_send(mtu->fd, mtu->is_ipv4, &mtu->small, SMALL_LEN);

	if (r == 0)
		r = echo_send(mtu->fd, mtu->is_ipv4, &mtu->full,
			      mtu->options.packet_bytes - header);
	return r;
}

static int open_socket(struct mtu *mtu, struct event_base *base)
{
	enum probe_reason reason;
	const char *step;
	int fd = echo_open(mtu->options.dial, true, &reason, &step);

	if (fd < 0)
		return fd;
	if (event_assign(&mtu->readable, base, fd, EV_READ | EV_PERSIST, on_readable, mtu) < 0 ||
	    event_add(&mtu->readable, NULL) < 0) {
		close(fd);
		return -ENOMEM;
	}
	mtu->fd = fd;
	return 0;
}

struct mtu *mtu_start(struct event_base *base, const struct mtu_options *options)
{
	struct timeval tv = { .tv_sec = (time_t)(options->timeout_us / USEC_PER_SEC),
			      .tv_usec = (suseconds_t)(options->timeout_us % USEC_PER_SEC) };
	struct mtu *mtu = calloc(1, sizeof(*mtu));
	int r;

	if (!mtu)
		return NULL;
	mtu->options = *options;
	mtu->started = usec_now();
	mtu->is_ipv4 = addr_is_ipv4(&options->dial->addr);
	mtu->small = echo_id_new();
	mtu->full = echo_id_new();
	mtu->fd = -1;
	evtimer_assign(&mtu->end, base, on_end, mtu);
	r = open_socket(mtu, base);
	if (r == 0)
		r = send_both(mtu);
	mtu->options.dial = NULL;
	mtu->error = -r;
	if (event_add(&mtu->end, &tv) < 0) {
		mtu_stop(mtu);
		return NULL;
	}
	if (r < 0)
		end_soon(mtu);
	return mtu;
}
