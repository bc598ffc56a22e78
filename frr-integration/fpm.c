/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fpm.c - see fpm.h: the port, its one connection, and the clock of both.
 *
 * A full table of a million routes arrives within half a minute and is looked at piece by piece, 64
 * KiB a turn of the loop, so that nothing else waits for it.
 */
#include "frr-integration/fpm.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "src/base/auto.h"
#include "src/base/log.h"

#define READ_MAX             65536
#define TICK_BUSY_US         (100 * USEC_PER_MSEC) /* while connected */
#define TICK_IDLE_US         (1 * USEC_PER_SEC)
#define COMPARES             64 /* a tick: some 600 addresses a second */
#define ROUND_US             (1 * USEC_PER_SEC)
#define LOG_EVERY_US         (10 * USEC_PER_SEC) /* in the long run; */
#define LOG_BURST            8                   /* so many at once */
#define READS_BEFORE_REFUSAL 16
#define RIVAL_LEAST_US       (1 * USEC_PER_SEC) /* one that waits has so long before another */

struct fpm {
	struct event_base *base;
	struct event *tick, *acceptable, *readable;
	int listen_fd, fd, rival_fd; /* -1: none; see check_rival() */
	usec_t rival_since;
	struct fpm_limits limits;
	struct fpm_table *table;
	struct fpm_targets targets;
	fpm_ask_fn ask;
	void *ask_arg;
	struct fpm_life life;
	uint8_t buf[READ_MAX];
	size_t n_buf;
	usec_t frame_began; /* when its first bytes came; 0: nothing is pending */
	usec_t retry_at;    /* to listen */
	bool wants_resend;
	usec_t resent_at;
	usec_t log_paid_until; /* each line takes LOG_EVERY_US of it */
	size_t cursor;         /* the next target to compare */
	usec_t round_at;
	struct fpm_hop hops[FPM_HOPS_MAX]; /* of the way last asked for */
};

const char *fpm_state_str(enum fpm_state state)
{
	static const char *const words[FPM_STATE_MAX] = {
		[FPM_OFF] = "off",         [FPM_CLOSED] = "closed", [FPM_WAITING] = "waiting",
		[FPM_SYNCING] = "syncing", [FPM_SYNCED] = "synced", [FPM_GONE] = "gone",
	};

	return words[state];
}

static void set_state(struct fpm *fpm, enum fpm_state state, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void set_state(struct fpm *fpm, enum fpm_state state, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(fpm->life.sentence, sizeof(fpm->life.sentence), fmt, ap);
	va_end(ap);
	fpm->life.state = state;
}

static void tick_in(struct fpm *fpm, usec_t in)
{
	struct timeval tv = { .tv_sec = (time_t)(in / USEC_PER_SEC),
			      .tv_usec = (suseconds_t)(in % USEC_PER_SEC) };

	event_add(fpm->tick, &tv);
}

/* Strangers could fill the log: the counts in a later line tell of those that were not written. */
static bool may_log(struct fpm *fpm, usec_t now)
{
	if (fpm->log_paid_until < now)
		fpm->log_paid_until = now;
	if (fpm->log_paid_until - now > (LOG_BURST - 1) * LOG_EVERY_US)
		return false;
	fpm->log_paid_until += LOG_EVERY_US;
	return true;
}

/* ---- the connection ---- */

static void close_fd(struct event **event, int *fd)
{
	if (*event)
		event_free(*event);
	*event = NULL;
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* What is known stays, to be marked and swept when a zebra is there again. */
static void end_connection(struct fpm *fpm, const char *why)
{
	close_fd(&fpm->readable, &fpm->fd);
	fpm->n_buf = 0;
	fpm->frame_began = 0;
	fpm->life.since = usec_now();
	fpm_targets_forget(&fpm->targets);
	set_state(fpm, FPM_GONE, "%s", why);
}

static void fault(struct fpm *fpm, const char *sentence)
{
	usec_t now = usec_now();

	snprintf(fpm->life.fault, sizeof(fpm->life.fault), "%s", sentence);
	fpm->life.fault_at = now;
	fpm->life.faults++;
	if (may_log(fpm, now))
		log_warn("fpm",
			 "connected=no error=%s faults=%llu hint=\"announcements do not depend on "
			 "it\"",
			 LOG_QUOTE(sentence), (unsigned long long)fpm->life.faults);
	end_connection(fpm, sentence);
}

static void closed_by_peer(struct fpm *fpm)
{
	if (fpm->n_buf) {
		fault(fpm, "the connection ended within a frame");
		return;
	}
	if (may_log(fpm, usec_now()))
		log_notice("fpm", "connected=no hint=\"zebra ended or closed it; announcements do "
				  "not depend on it\"");
	end_connection(fpm, "zebra closed the connection");
}

static void on_message(const struct fpm_message *message, void *arg)
{
	struct fpm *fpm = arg;

	fpm->life.messages++;
	if (message->kind != FPM_OTHER)
		fpm->life.last_message = usec_now();
	if (message->kind == FPM_HOP_SET)
		fpm->life.has_groups = true;
	fpm_table_take(fpm->table, message, usec_now());
}

/* Every whole frame of the buffer; false when the connection ended over one. */
static bool take_frames(struct fpm *fpm)
{
	struct err err = { "" };
	size_t at = 0;
	int len;

	while ((len = fpm_frame_cut(fpm->buf + at, fpm->n_buf - at, &err)) > 0) {
		len = fpm_frame_decode(fpm->buf + at, (size_t)len, on_message, fpm, &err) < 0
			      ? -EBADMSG
			      : len;
		if (len < 0)
			break;
		fpm->life.frames++;
		fpm->life.last_frame = usec_now();
		at += (size_t)len;
	}
	if (len < 0) {
		fault(fpm, err.text);
		return false;
	}
	fpm->n_buf -= at;
	memmove(fpm->buf, fpm->buf + at, fpm->n_buf);
	if (at > 0 || fpm->n_buf == 0)
		fpm->frame_began = fpm->n_buf ? usec_now() : 0;
	else if (fpm->frame_began == 0)
		fpm->frame_began = usec_now();
	return true;
}

/* Read once. False when the connection ended. */
static bool read_some(struct fpm *fpm)
{
	ssize_t n = recv(fpm->fd, fpm->buf + fpm->n_buf, sizeof(fpm->buf) - fpm->n_buf, 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n <= 0) {
		closed_by_peer(fpm);
		return false;
	}
	fpm->n_buf += (size_t)n;
	return take_frames(fpm);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	read_some(arg);
}

/* ---- the port ---- */

static void begin_connection(struct fpm *fpm, int fd)
{
	fpm->fd = fd;
	fpm->readable = event_new(fpm->base, fd, EV_READ | EV_PERSIST, on_readable, fpm);
	if (!fpm->readable) {
		end_connection(fpm, "out of memory");
		return;
	}
	event_add(fpm->readable, NULL);
	fpm->life.connections++;
	fpm->life.since = usec_now();
	fpm->life.last_frame = fpm->life.last_message = 0;
	fpm->life.has_groups = false;
	fpm->wants_resend = false;
	fpm->cursor = 0;
	fpm_table_begin(fpm->table);
	set_state(fpm, FPM_SYNCING, "zebra is sending what it has");
	if (may_log(fpm, fpm->life.since))
		log_notice("fpm", "connected=yes connections=%llu",
			   (unsigned long long)fpm->life.connections);
	tick_in(fpm, TICK_BUSY_US);
}

/* A zebra that restarts is here before its former end was looked at. One that talks without end
 * has the place all the same. */
static bool is_taken(struct fpm *fpm)
{
	for (unsigned i = 0; fpm->fd >= 0 && i < READS_BEFORE_REFUSAL; i++) {
		char byte;

		if (recv(fpm->fd, &byte, 1, MSG_PEEK) < 0)
			return true;
		read_some(fpm);
	}
	return fpm->fd >= 0;
}

static void refuse(struct fpm *fpm, int *fd)
{
	usec_t now = usec_now();

	fd_closep(fd);
	*fd = -1;
	fpm->life.refused++;
	if (may_log(fpm, now))
		log_warn("fpm",
			 "refused=%llu hint=\"another connection is there; ss -tnp 'sport = or "
			 "dport = %s' tells whose\"",
			 (unsigned long long)fpm->life.refused, fpm->life.listen);
}

/* ---- a rival ---- */

static bool is_quiet(const struct fpm *fpm, usec_t now)
{
	usec_t last = fpm->life.last_message ? fpm->life.last_message : fpm->life.since;

	return now - last >= fpm->limits.yield_us;
}

static void note_message(const struct fpm_message *message, void *arg)
{
	bool *is_of_routes = arg;

	*is_of_routes |= message->kind != FPM_OTHER;
}

/* 1 when what waits tells of a route or next hop, 0 when that may come, or it is no zebra. */
static int peek_rival(int fd)
{
	uint8_t bytes[FPM_FRAME_MAX];
	bool is_of_routes = false;
	ssize_t n = recv(fd, bytes, sizeof(bytes), MSG_PEEK);
	int len;

	if (n <= 0)
		return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -ECONNRESET;
	for (size_t at = 0; !is_of_routes; at += (size_t)len) {
		len = fpm_frame_cut(bytes + at, (size_t)n - at, NULL);
		if (len == 0)
			return n == sizeof(bytes) ? -EBADMSG : 0;
		if (len < 0 || fpm_frame_decode(bytes + at, (size_t)len, note_message,
						&is_of_routes, NULL) < 0)
			return -EBADMSG;
	}
	return 1;
}

/*
 * The place of a connection that has long told nothing goes to a newcomer that does tell. Until
 * then it waits and what it sent is only looked at, so one that says nothing, as a port scan, ends
 * nobody's connection.
 */
static void check_rival(struct fpm *fpm, usec_t now)
{
	int speaks = peek_rival(fpm->rival_fd);
	bool may_take = fpm->fd < 0 || is_quiet(fpm, now);
	bool is_late = speaks == 0 && now - fpm->rival_since >= fpm->limits.first_us;

	if (!may_take || speaks < 0 || is_late) {
		refuse(fpm, &fpm->rival_fd);
	} else if (speaks > 0) {
		if (fpm->fd >= 0)
			end_connection(fpm, "it told nothing, and another took its place");
		begin_connection(fpm, fd_take(&fpm->rival_fd));
	}
}

static void wait_as_rival(struct fpm *fpm, int *fd, usec_t now)
{
	if (!is_quiet(fpm, now) ||
	    (fpm->rival_fd >= 0 && now - fpm->rival_since < RIVAL_LEAST_US)) {
		refuse(fpm, fd);
		return;
	}
	if (fpm->rival_fd >= 0)
		refuse(fpm, &fpm->rival_fd);
	fpm->rival_fd = fd_take(fd);
	fpm->rival_since = now;
}

static void on_acceptable(evutil_socket_t listen_fd, short what, void *arg)
{
	struct fpm *fpm = arg;
	int fd = accept4((int)listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)what;
	if (fd < 0)
		return; /* out of descriptors: the tick listens again */
	event_add(fpm->acceptable, NULL);
	if (is_taken(fpm))
		wait_as_rival(fpm, &fd, usec_now());
	else
		begin_connection(fpm, fd);
}

union sock_addr {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

static socklen_t make_sock_addr(const char *text, union sock_addr *ret)
{
	struct addr addr;
	uint16_t port;
	size_t len;

	memset(ret, 0, sizeof(*ret));
	if (addr_parse_port(text, &addr, &port) < 0)
		return 0;
	ret->any.sa_family = (sa_family_t)addr_family(&addr);
	if (addr_is_ipv4(&addr)) {
		memcpy(&ret->in.sin_addr, addr_raw(&addr, &len), sizeof(ret->in.sin_addr));
		ret->in.sin_port = htons(port);
		return sizeof(ret->in);
	}
	memcpy(&ret->in6.sin6_addr, addr_raw(&addr, &len), sizeof(ret->in6.sin6_addr));
	ret->in6.sin6_port = htons(port);
	return sizeof(ret->in6);
}

static int open_port(const char *text, int *ret)
{
	AUTO(fd_closep) int fd = -1;
	union sock_addr addr;
	socklen_t len = make_sock_addr(text, &addr);
	int one = 1;

	if (len == 0)
		return -EINVAL;
	fd = socket(addr.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    bind(fd, &addr.any, len) < 0 || listen(fd, 4) < 0)
		return -errno;
	*ret = fd_take(&fd);
	return 0;
}

/* Take the port, or say why not and try again later. */
static void start_listening(struct fpm *fpm)
{
	int r = open_port(fpm->life.listen, &fpm->listen_fd);
	bool is_news = fpm->life.state != FPM_CLOSED;

	if (r == 0) {
		fpm->acceptable = event_new(fpm->base, fpm->listen_fd, EV_READ, on_acceptable, fpm);
		r = fpm->acceptable ? 0 : -ENOMEM;
	}
	if (r == 0) {
		event_add(fpm->acceptable, NULL);
		set_state(fpm, FPM_WAITING, "no zebra has connected to %s", fpm->life.listen);
		return;
	}
	close_fd(&fpm->acceptable, &fpm->listen_fd);
	fpm->retry_at = usec_now() + fpm->limits.retry_us;
	set_state(fpm, FPM_CLOSED, "cannot listen on %s (routing.fpm): %s", fpm->life.listen,
		  strerror(-r));
	if (is_news)
		log_warn("fpm",
			 "listening=no error=%s hint=\"tried again every 5 s; nothing "
			 "depends on it\"",
			 LOG_QUOTE(fpm->life.sentence));
}

/* Listen where the config says, or nowhere. */
static void follow_listen(struct fpm *fpm, const char *listen_at)
{
	if (strcmp(fpm->life.listen, listen_at ? listen_at : "") == 0 && fpm->life.state != FPM_OFF)
		return;
	close_fd(&fpm->acceptable, &fpm->listen_fd);
	if (fpm->fd >= 0)
		end_connection(fpm, "the config names another port");
	snprintf(fpm->life.listen, sizeof(fpm->life.listen), "%s", listen_at ? listen_at : "");
	if (listen_at)
		start_listening(fpm);
	else
		set_state(fpm, FPM_OFF, "routing.fpm is none");
}

/* ---- time ---- */

static usec_t since(usec_t then, usec_t now)
{
	return now > then ? now - then : 0;
}

/* End a connection that holds the place and says nothing; false when it ended. */
static bool check_patience(struct fpm *fpm, usec_t now)
{
	if (fpm->life.last_message == 0 && since(fpm->life.since, now) > fpm->limits.first_us)
		fault(fpm, "connected, and sent neither a route nor a next hop");
	else if (fpm->frame_began && since(fpm->frame_began, now) > fpm->limits.frame_us)
		fault(fpm, "a frame that does not end");
	return fpm->fd >= 0;
}

static void check_sync(struct fpm *fpm, usec_t now)
{
	size_t swept;

	if (fpm->life.state != FPM_SYNCING || fpm->wants_resend || fpm->life.last_message == 0 ||
	    (since(fpm->life.last_message, now) < fpm->limits.quiet_us &&
	     since(fpm->life.since, now) < fpm->limits.sync_us))
		return;
	swept = fpm_table_sweep(fpm->table);
	set_state(fpm, FPM_SYNCED, "zebra sent what it has");
	fpm->round_at = 0;
	log_info("fpm", "synced=yes routes=%zu gone_meanwhile=%zu passed=%llu",
		 fpm_table_stats(fpm->table)->n_routes, swept,
		 (unsigned long long)fpm_table_stats(fpm->table)->routes_passed);
}

static void check_resend(struct fpm *fpm, usec_t now)
{
	if (!fpm->wants_resend ||
	    (fpm->resent_at && since(fpm->resent_at, now) < fpm->limits.resend_us))
		return;
	fpm->resent_at = now;
	fpm->life.resends++;
	log_info("fpm", "connected=no reason=\"the config asks about more; zebra connects again "
			"and sends all\"");
	end_connection(fpm, "ended for zebra to send all again, as the config asks about more");
}

/* The next few of the round. */
static void compare_some(struct fpm *fpm, usec_t now)
{
	if (fpm->life.state != FPM_SYNCED || !fpm->ask || fpm->targets.n == 0)
		return;
	if (fpm->cursor >= fpm->targets.n) {
		if (since(fpm->round_at, now) < ROUND_US)
			return;
		fpm->cursor = 0;
	}
	if (fpm->cursor == 0)
		fpm->round_at = now;
	for (unsigned i = 0; i < COMPARES && fpm->cursor < fpm->targets.n; i++)
		fpm_target_compare(&fpm->targets.all[fpm->cursor++], fpm->table, fpm->ask,
				   fpm->ask_arg, now);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct fpm *fpm = arg;
	usec_t now = usec_now();

	(void)fd;
	(void)what;
	if (fpm->life.state == FPM_CLOSED && now >= fpm->retry_at)
		start_listening(fpm);
	if (fpm->acceptable)
		event_add(fpm->acceptable, NULL);
	if (fpm->fd >= 0 && check_patience(fpm, now)) {
		check_sync(fpm, now);
		check_resend(fpm, now);
	}
	if (fpm->rival_fd >= 0)
		check_rival(fpm, now);
	if (fpm->fd >= 0)
		compare_some(fpm, now);
	tick_in(fpm, fpm->fd >= 0 ? TICK_BUSY_US : TICK_IDLE_US);
}

/* ---- the config ---- */

static size_t count_addrs(const struct config *config)
{
	size_t n = config->routing.n_peers + config->n_vips;

	for (size_t p = 0; p < config->n_pools; p++)
		n += config->pools[p].n_reals;
	return n;
}

static void add_reals(struct fpm_interest *interest, const struct config *config)
{
	for (size_t p = 0; p < config->n_pools; p++)
		for (size_t i = 0; i < config->pools[p].n_reals; i++)
			interest->addrs[interest->n_addrs++] = config->pools[p].reals[i].addr;
}

static void add_peers(struct fpm_interest *interest, const struct config *config)
{
	for (size_t i = 0; i < config->routing.n_peers; i++)
		if (!config->routing.peers[i].interface)
			interest->addrs[interest->n_addrs++] = config->routing.peers[i].addr;
}

static void add_vips(struct fpm_interest *interest, const struct config *config)
{
	for (size_t i = 0; i < config->n_vips; i++)
		interest->addrs[interest->n_addrs++] = config->vips[i].prefix.addr;
}

static int copy_ranges(struct fpm_interest *interest, const struct config *config)
{
	size_t n = config->routing.n_vip_ranges;

	interest->ranges = calloc(n + 1, sizeof(*interest->ranges));
	if (!interest->ranges)
		return -ENOMEM;
	if (n)
		memcpy(interest->ranges, config->routing.vip_ranges, n * sizeof(*interest->ranges));
	interest->n_ranges = n;
	return 0;
}

static int make_interest(const struct config *config, struct fpm_interest *ret)
{
	*ret = (struct fpm_interest){ .addrs = calloc(count_addrs(config) + 1,
						      sizeof(*ret->addrs)) };
	if (!ret->addrs || copy_ranges(ret, config) < 0) {
		fpm_interest_fini(ret);
		return -ENOMEM;
	}
	add_reals(ret, config);
	add_peers(ret, config);
	add_vips(ret, config);
	fpm_interest_sort(ret);
	return 0;
}

static int take_config(struct fpm *fpm, const struct config *config)
{
	struct fpm_interest interest;
	bool asks_more;
	int r = make_interest(config, &interest);

	if (r == 0)
		r = fpm_targets_set(&fpm->targets, interest.addrs, interest.n_addrs);
	if (r < 0) {
		fpm_interest_fini(&interest);
		return r;
	}
	fpm->cursor = 0;
	asks_more = !fpm_interest_contains(fpm_table_interest(fpm->table), &interest);
	fpm_table_want(fpm->table, &interest);
	follow_listen(fpm, config->routing.fpm);
	if (!asks_more || fpm->fd < 0)
		return 0;
	fpm->wants_resend = true;
	fpm_targets_forget(&fpm->targets);
	set_state(fpm, FPM_SYNCING, "the config asks about more: zebra is made to send all again");
	return 0;
}

static void fill_limits(struct fpm_limits *limits, const struct fpm_limits *given)
{
	static const struct fpm_limits usual = {
		.first_us = 30 * USEC_PER_SEC,
		.frame_us = 10 * USEC_PER_SEC,
		.quiet_us = 3 * USEC_PER_SEC,
		.sync_us = 300 * USEC_PER_SEC,
		.retry_us = 5 * USEC_PER_SEC,
		.resend_us = 30 * USEC_PER_SEC,
		.yield_us = 10 * USEC_PER_SEC,
	};

	*limits = given->first_us ? *given : usual;
}

int fpm_new(const struct fpm_options *options, struct fpm **ret, struct err *err)
{
	struct fpm *fpm = calloc(1, sizeof(*fpm));

	if (!fpm)
		return err_set(err, -ENOMEM, "fpm: %m");
	fpm->base = options->base;
	fpm->listen_fd = fpm->fd = fpm->rival_fd = -1;
	fpm->ask = options->ask;
	fpm->ask_arg = options->ask_arg;
	fill_limits(&fpm->limits, &options->limits);
	fpm->table = fpm_table_new();
	fpm->tick = event_new(fpm->base, -1, 0, on_tick, fpm);
	if (!fpm->table || !fpm->tick || take_config(fpm, options->config) < 0) {
		fpm_free(fpm);
		return err_set(err, -ENOMEM, "fpm: %m");
	}
	tick_in(fpm, TICK_IDLE_US);
	*ret = fpm;
	return 0;
}

void fpm_free(struct fpm *fpm)
{
	if (!fpm)
		return;
	close_fd(&fpm->readable, &fpm->fd);
	close_fd(&fpm->acceptable, &fpm->listen_fd);
	fd_closep(&fpm->rival_fd);
	if (fpm->tick)
		event_free(fpm->tick);
	fpm_targets_fini(&fpm->targets);
	fpm_table_free(fpm->table);
	free(fpm);
}

void fpm_reload(struct fpm *fpm, const struct config *config)
{
	if (take_config(fpm, config) < 0)
		log_warn("fpm", "error=\"out of memory\" hint=\"it goes on with the former reals "
				"and ranges\"");
}

/* ---- views ---- */

static void count_differences(struct fpm *fpm)
{
	struct fpm_life *life = &fpm->life;

	life->n_compared = life->n_differ = 0;
	life->differ_since = 0;
	for (size_t i = 0; i < fpm->targets.n; i++) {
		const struct fpm_target *target = &fpm->targets.all[i];

		life->n_compared += target->difference != FPM_NOT_COMPARED;
		if (!fpm_differs(target->difference))
			continue;
		life->n_differ++;
		if (life->differ_since && life->differ_since <= target->since)
			continue;
		life->differ_since = target->since;
		life->differ_addr = target->addr;
		life->difference = target->difference;
	}
}

const struct fpm_life *fpm_life(struct fpm *fpm)
{
	const struct fpm_table_stats *stats = fpm_table_stats(fpm->table);

	count_differences(fpm);
	fpm->life.n_routes = stats->n_routes;
	fpm->life.n_stale = stats->n_stale;
	fpm->life.is_short = fpm_table_is_short(fpm->table);
	return &fpm->life;
}

void fpm_way(struct fpm *fpm, const struct addr *addr, struct fpm_way *ret)
{
	*ret = (struct fpm_way){ .hops = fpm->hops,
				 .zebra = fpm_table_find(fpm->table, addr),
				 .kernel = fpm_targets_find(&fpm->targets, addr) };
	if (ret->zebra)
		ret->n_hops = fpm_table_hops(fpm->table, ret->zebra, fpm->hops, FPM_HOPS_MAX);
}

const char *fpm_interface(const struct fpm *fpm, uint32_t ifindex, char buf[FPM_INTERFACE_MAX])
{
	(void)fpm;
	if (!if_indextoname(ifindex, buf))
		snprintf(buf, FPM_INTERFACE_MAX, "#%u", ifindex);
	return buf;
}
