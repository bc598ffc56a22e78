/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prober.c - shoald's end of probe.sock and exec.sock.
 *
 * One roster, two sides: each entry belongs to the daemon that runs its check, and is told to that
 * one alone. What a prober is to know is the roster; what it does know is noted there entry by
 * entry. Sending is therefore level-triggered: whenever the socket takes more, the next thing that
 * is missing on the other side goes out, and nothing is ever queued. A prober that reads nothing
 * for STALL_US while there is something to send, or that breaks the protocol, is dropped; it comes
 * back by itself and is told everything anew. A newer connection replaces the older.
 */
#include "health/prober.h"

#include <errno.h>
#include <event2/event.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "health/judge.h"
#include "health/message.h"
#include "health/roster.h"
#include "src/base/auto.h"
#include "src/base/log.h"

#define STALL_US       (10 * USEC_PER_SEC)
#define FRESH_US       (30 * USEC_PER_SEC)
#define PACKETS_A_TURN 256 /* then the rest of the loop has its turn */
#define TRIALS_MAX     16  /* as many as shoal-probe runs at once */

struct link {
	int fd; /* -1: none */
	struct event *readable, *writable;
	bool said_hello;     /* the prober's HELLO was fine */
	uint32_t next_entry; /* those before it are sent */
	bool end_is_due;     /* TARGETS_END follows the changes */
	uint64_t *to_remove; /* ids the prober has and shall not */
	size_t n_to_remove;
	uint32_t n_voids;   /* entries with void_is_due */
	usec_t progress;    /* when the socket last took something, or nothing was due */
	bool has_heartbeat; /* one came on this connection */
	uint64_t verdicts;  /* as it said */
	char peer[96];
};

/* Towards one of the two daemons. */
struct side {
	struct prober *prober;
	enum prober_daemon daemon;
	char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	int listen_fd; /* -1: nobody can connect */
	struct event *acceptable, *retry;
	struct link link;
	struct prober_life life;
};

/* A probe for somebody who watches. */
struct trial {
	uint64_t ticket; /* 0: free */
	uint64_t id;     /* of the target */
	enum prober_daemon daemon;
	bool is_sent;
	struct prober_trial wish;
};

struct prober {
	struct event_base *base;
	struct prober_callbacks callbacks;
	struct event *stall_timer;
	struct side sides[PROBER_DAEMON_MAX];
	const struct config *config;
	bool has_source4, has_source6;
	struct addr source4, source6;
	uint32_t mtu_bytes, client_mtu_bytes;
	struct roster *roster; /* NULL before the first config */
	uint32_t *marks_gone;
	size_t n_marks_gone;
	struct trial trials[TRIALS_MAX];
	uint64_t last_ticket;
	struct outputs *outputs; /* by target; those of targets that are gone are the first to go */
};

static const char *const programs[PROBER_DAEMON_MAX] = {
	[PROBER_PROBE] = "shoal-probe",
	[PROBER_EXEC] = "shoal-exec",
};

/* ---- the life of a connection ---- */

static void link_close(struct side *side)
{
	struct roster *roster = side->prober->roster;
	struct link *link = &side->link;

	if (link->readable)
		event_free(link->readable);
	if (link->writable)
		event_free(link->writable);
	if (link->fd >= 0)
		close(link->fd);
	free(link->to_remove);
	*link = (struct link){ .fd = -1 };
	side->life.is_connected = false;
	for (uint32_t i = 0; roster && i < roster->n_entries; i++)
		if (roster->entries[i].daemon == side->daemon)
			roster->entries[i].is_sent = roster->entries[i].void_is_due = false;
	for (uint32_t i = 0; roster && side->daemon == PROBER_PROBE && i < roster->n_cas; i++)
		roster->cas[i].n_sent = 0;
}

static void tell_life(struct side *side, bool connected)
{
	const struct prober_callbacks *callbacks = &side->prober->callbacks;

	side->life.is_connected = connected;
	if (side->daemon == PROBER_PROBE && callbacks->life)
		callbacks->life(connected, callbacks->arg);
	else if (side->daemon == PROBER_EXEC && callbacks->exec_life)
		callbacks->exec_life(connected, callbacks->arg);
}

/* What was asked of a prober that is gone is never answered. */
static void end_trials(struct side *side)
{
	for (unsigned i = 0; i < TRIALS_MAX; i++) {
		struct trial *trial = &side->prober->trials[i];
		struct prober_trial wish = trial->wish;

		if (trial->ticket == 0 || trial->daemon != side->daemon)
			continue;
		*trial = (struct trial){ 0 };
		wish.done(wish.arg, NULL);
	}
}

static void link_drop(struct side *side, const char *why)
{
	bool was_up = side->link.said_hello;

	log_warn("prober_gone", "program=%s peer=%s reason=%s", programs[side->daemon],
		 LOG_QUOTE(side->link.peer), LOG_QUOTE(why));
	link_close(side);
	if (was_up)
		tell_life(side, false);
	end_trials(side);
}

/* ---- sending ---- */

/* Returns 1 when sent, 0 when the socket is full, a negative errno when the link is broken. */
static int link_send(struct side *side, const struct message *message)
{
	uint8_t buf[MESSAGE_MAX];
	int len = message_encode(message, buf);

	if (len < 0)
		return len;
	if (send(side->link.fd, buf, (size_t)len, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) {
		side->link.progress = usec_now();
		return 1;
	}
	return errno == EAGAIN || errno == ENOBUFS ? 0 : -errno;
}

static int send_removes(struct side *side)
{
	struct link *link = &side->link;
	int r = 1;

	while (r > 0 && link->n_to_remove > 0) {
		struct message m = { .kind = MESSAGE_REMOVE };

		m.remove.id = link->to_remove[link->n_to_remove - 1];
		r = link_send(side, &m);
		if (r > 0)
			link->n_to_remove--;
	}
	return r;
}

static int send_ca(struct side *side, struct roster_ca *ca)
{
	int r = 1;

	while (r > 0 && ca->n_sent < ca->len) {
		uint32_t rest = ca->len - ca->n_sent;
		struct message m = { .kind = MESSAGE_CA };

		m.ca = (struct message_ca){
			.id = ca->id,
			.total_bytes = ca->len,
			.offset = ca->n_sent,
			.len = rest < MESSAGE_CA_CHUNK_MAX ? rest : MESSAGE_CA_CHUNK_MAX,
			.bytes = (const uint8_t *)ca->bytes + ca->n_sent,
		};
		r = link_send(side, &m);
		if (r > 0)
			ca->n_sent += m.ca.len;
	}
	return r;
}

static int send_cas(struct side *side)
{
	int r = 1;

	if (side->daemon != PROBER_PROBE)
		return r; /* only shoal-probe speaks TLS */
	for (uint32_t i = 0; r > 0 && i < side->prober->roster->n_cas; i++)
		r = send_ca(side, &side->prober->roster->cas[i]);
	return r;
}

static int send_targets(struct side *side)
{
	struct roster *roster = side->prober->roster;
	int r = 1;

	while (r > 0 && side->link.next_entry < roster->n_entries) {
		struct roster_entry *entry = &roster->entries[side->link.next_entry];
		struct message m = { .kind = MESSAGE_TARGET };

		if (entry->daemon == side->daemon && !entry->is_sent) {
			roster_target(roster, entry, &m.target);
			r = link_send(side, &m);
		}
		if (r > 0) {
			entry->is_sent |= entry->daemon == side->daemon;
			side->link.next_entry++;
		}
	}
	return r;
}

/* Rare, and only while the path is broken: a walk over all entries is good enough. */
static int send_voids(struct side *side)
{
	struct link *link = &side->link;
	int r = 1;

	for (uint32_t i = 0; r > 0 && link->n_voids > 0 && i < side->prober->roster->n_entries;
	     i++) {
		struct roster_entry *entry = &side->prober->roster->entries[i];
		struct message m = { .kind = MESSAGE_VOID,
				     .void_ = { entry->id, entry->state, entry->is_reset } };

		if (entry->daemon != side->daemon || !entry->void_is_due)
			continue;
		if (entry->is_sent)
			r = link_send(side, &m);
		if (r > 0) {
			entry->void_is_due = entry->is_reset = false;
			link->n_voids--;
		}
	}
	return r;
}

static int send_trials(struct side *side)
{
	int r = 1;

	for (unsigned i = 0; r > 0 && i < TRIALS_MAX; i++) {
		struct trial *trial = &side->prober->trials[i];
		struct message m = { .kind = MESSAGE_PROBE_NOW,
				     .probe_now = { trial->ticket, trial->id } };

		if (trial->ticket == 0 || trial->is_sent || trial->daemon != side->daemon)
			continue;
		r = link_send(side, &m);
		trial->is_sent = r > 0;
	}
	return r;
}

static int send_end(struct side *side)
{
	struct message m = { .kind = MESSAGE_TARGETS_END };
	int r = 1;

	m.targets_end.n_targets = side->prober->roster->n_of[side->daemon];
	if (side->link.end_is_due)
		r = link_send(side, &m);
	if (r > 0)
		side->link.end_is_due = false;
	return r;
}

/* Everything that is missing over there, as far as the socket takes it. */
static void link_flush(struct side *side)
{
	struct link *link = &side->link;
	int r;

	if (!link->said_hello || !side->prober->roster)
		return;
	r = send_removes(side);
	if (r > 0)
		r = send_cas(side);
	if (r > 0)
		r = send_targets(side);
	if (r > 0)
		r = send_voids(side);
	if (r > 0)
		r = send_trials(side);
	if (r > 0)
		r = send_end(side);
	if (r < 0)
		link_drop(side, strerror(-r));
	else if (r == 0)
		event_add(link->writable, NULL);
}

static void on_writable(evutil_socket_t fd __attribute__((unused)),
			short what __attribute__((unused)), void *arg)
{
	link_flush(arg);
}

/* Drop a prober that has not read for too long. */
static void check_stall(struct side *side)
{
	struct link *link = &side->link;

	if (link->fd < 0)
		return;
	if (!link->said_hello) {
		if (usec_now() - link->progress > STALL_US)
			link_drop(side, "no hello within 10 s");
	} else if (event_pending(link->writable, EV_WRITE, NULL) &&
		   usec_now() - link->progress > STALL_US) {
		link_drop(side, "it has not read for 10 s");
	}
}

static void on_stall_timer(evutil_socket_t fd __attribute__((unused)),
			   short what __attribute__((unused)), void *arg)
{
	struct prober *prober = arg;

	for (int i = 0; i < PROBER_DAEMON_MAX; i++)
		check_stall(&prober->sides[i]);
}

/* ---- receiving ---- */

static int take_hello(struct side *side, const struct message *m)
{
	struct link *link = &side->link;
	struct message answer = { .kind = MESSAGE_HELLO, .hello.program = "shoald " SHOAL_VERSION };
	int r;

	if (link->said_hello)
		return -EBADMSG;
	r = link_send(side, &answer);
	if (r <= 0)
		return r < 0 ? r : -EPROTO;
	log_info("prober_connected", "peer=%s program=%s", LOG_QUOTE(link->peer),
		 LOG_QUOTE(m->hello.program));
	link->said_hello = true;
	link->end_is_due = true;
	tell_life(side, true);
	link_flush(side);
	return 0;
}

/* Could this verdict be the work of a broken probe path? Whoever is asked also mends the path, so
 * that the question is worth asking when the prober knows the answer. */
static bool is_doubtful(const struct roster_entry *entry, const struct message_verdict *v)
{
	return entry->is_tunnelled &&
	       (v->reason == PROBE_TIMEOUT || v->reason == PROBE_PROBE_PATH ||
		(v->state == REAL_UP && entry->state != REAL_UP));
}

static void void_soon(struct side *side, struct roster_entry *entry)
{
	side->link.n_voids += !entry->void_is_due;
	entry->void_is_due = true;
}

/* The real stays as it was, and the prober hears of it when it judged otherwise. */
static void void_verdict(struct side *side, struct roster_entry *entry,
			 struct core_verdict *verdict)
{
	if (verdict->state != entry->state) {
		void_soon(side, entry);
		entry->is_reset = false;
	}
	verdict->state = entry->state;
	verdict->sign = entry->sign;
	if (verdict->reason == PROBE_PROBE_PATH)
		return; /* the prober's own words say more */
	verdict->reason = PROBE_PROBE_PATH;
	snprintf(verdict->evidence, sizeof(verdict->evidence),
		 "the probe path to this real is broken: no filter, mapping or way");
}

/*
 * It judged then, not now: what waited in the socket while this process was stopped says nothing of
 * the time since.
 */
static void note_judging(struct side *side, usec_t told_at)
{
	usec_t now = usec_now(), at = told_at < now ? told_at : now;

	if (at > side->life.last_verdict)
		side->life.last_verdict = at;
}

static int take_verdict(struct side *side, const struct message *m)
{
	const struct prober_callbacks *callbacks = &side->prober->callbacks;
	const struct message_verdict *v = &m->verdict;
	struct roster_entry *entry = roster_find(side->prober->roster, v->id);
	struct core_verdict verdict = {
		.state = v->state,
		.reason = v->reason,
		.in_a_row = v->in_a_row,
		.sign = v->sign,
		.latency_us = v->latency_us,
		.next_due = v->next_due,
		.cert_ends = v->cert_ends,
	};

	if (!entry || entry->daemon != side->daemon)
		return 0; /* of a target that was removed meanwhile, or is none of its business */
	verdict.pool = entry->pool;
	verdict.real = entry->real;
	verdict.check = entry->check;
	memcpy(verdict.evidence, v->evidence, sizeof(verdict.evidence));
	if (is_doubtful(entry, v) && callbacks->path_is_whole &&
	    !callbacks->path_is_whole(entry->pool, entry->real, v->row_started, callbacks->arg))
		void_verdict(side, entry, &verdict);
	else if (judge_classify(v->reason) != JUDGE_NO_VERDICT)
		note_judging(side, v->told_at);
	entry->state = verdict.state;
	entry->sign = verdict.sign;
	if (callbacks->verdict)
		callbacks->verdict(&verdict, callbacks->arg);
	if (side->link.n_voids > 0)
		link_flush(side);
	return 0;
}

/* Silence that a broken probe path could have made up says nothing of the real here, too. */
static void doubt(struct prober *prober, const struct prober_trial *wish,
		  struct message_probe_done *done)
{
	const struct config_pool *pool = &prober->config->pools[wish->pool];
	const struct config_check *check = &prober->config->checks[pool->checks[wish->check]];

	if (done->reason != PROBE_TIMEOUT || check->via != CONFIG_VIA_TUNNEL ||
	    pool->reals[wish->real].is_local || !prober->callbacks.path_is_whole ||
	    prober->callbacks.path_is_whole(wish->pool, wish->real, usec_now() - done->latency_us,
					    prober->callbacks.arg))
		return;
	done->reason = PROBE_PROBE_PATH;
	snprintf(done->evidence, sizeof(done->evidence),
		 "the probe path to this real is broken: no filter, mapping or way");
}

static int take_probe_done(struct side *side, const struct message *m)
{
	struct prober *prober = side->prober;
	struct message_probe_done done = m->probe_done;

	for (unsigned i = 0; i < TRIALS_MAX; i++) {
		struct trial *trial = &prober->trials[i];
		struct prober_trial wish = trial->wish;

		if (trial->ticket != done.ticket || trial->daemon != side->daemon)
			continue;
		if (roster_find(prober->roster, trial->id))
			doubt(prober, &wish, &done);
		*trial = (struct trial){ 0 };
		wish.done(wish.arg, &done);
		break;
	}
	return 0; /* nobody waits for it any more */
}

static int take_heartbeat(struct side *side, const struct message *m)
{
	const struct message_heartbeat *h = &m->heartbeat;
	struct link *link = &side->link;

	if (link->has_heartbeat && h->verdicts > link->verdicts)
		note_judging(side, h->told_at);
	link->has_heartbeat = true;
	link->verdicts = h->verdicts;
	side->life.n_probes = h->probes;
	side->life.n_late = h->late;
	side->life.p99_late_us = h->p99_late_us;
	return 0;
}

static int take_latency(struct side *side, const struct message *m)
{
	struct roster_group *group = roster_find_group(side->prober->roster, m->latency.group);

	if (group)
		latency_window_take(&group->latency[side->daemon], &m->latency.counts, usec_now());
	return 0;
}

static int take_output(struct side *side, const struct message *m)
{
	const struct roster_entry *entry = roster_find(side->prober->roster, m->output.id);

	if (entry && entry->daemon == side->daemon)
		outputs_put(side->prober->outputs, entry->id, &m->output.output);
	return 0;
}

static int (*const takers[MESSAGE_KIND_MAX])(struct side *, const struct message *) = {
	[MESSAGE_OUTPUT] = take_output,   [MESSAGE_HELLO] = take_hello,
	[MESSAGE_VERDICT] = take_verdict, [MESSAGE_HEARTBEAT] = take_heartbeat,
	[MESSAGE_LATENCY] = take_latency, [MESSAGE_PROBE_DONE] = take_probe_done,
};

/* Returns 0 or a negative errno that ends the link. */
static int take_packet(struct side *side, const uint8_t *packet, size_t len)
{
	struct message m;
	int r = message_decode(packet, len, &m);

	if (r < 0)
		return r;
	if (!takers[m.kind] || (!side->link.said_hello && m.kind != MESSAGE_HELLO))
		return -EBADMSG;
	return takers[m.kind](side, &m);
}

/* The sentence is valid until the next. */
static const char *end_str(const struct side *side, int code)
{
	static char text[128];

	if (code == -EBADMSG)
		return "it broke the protocol";
	if (code != -EPROTONOSUPPORT)
		return strerror(-code);
	snprintf(text, sizeof(text),
		 "it speaks another version of the protocol: shoald and %s are of different "
		 "releases",
		 programs[side->daemon]);
	return text;
}

static void on_readable(evutil_socket_t fd, short what __attribute__((unused)), void *arg)
{
	struct side *side = arg;
	uint8_t packet[MESSAGE_MAX];

	for (int i = 0; i < PACKETS_A_TURN && side->link.fd == fd; i++) {
		ssize_t n = recv(fd, packet, sizeof(packet), MSG_DONTWAIT | MSG_TRUNC);
		int r;

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			link_drop(side, n == 0 ? "it closed the connection" : strerror(errno));
			return;
		}
		r = (size_t)n > sizeof(packet) ? -EBADMSG : take_packet(side, packet, (size_t)n);
		if (r < 0 && side->link.fd == fd) {
			link_drop(side, end_str(side, r));
			return;
		}
	}
}

/* ---- accepting ---- */

static void describe_peer(struct link *link)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(link->fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0)
		snprintf(link->peer, sizeof(link->peer), "pid %d uid %u gid %u", (int)cred.pid,
			 cred.uid, cred.gid);
	else
		snprintf(link->peer, sizeof(link->peer), "unknown");
}

static void on_retry(evutil_socket_t fd __attribute__((unused)), short what __attribute__((unused)),
		     void *arg)
{
	struct side *side = arg;

	event_add(side->acceptable, NULL);
}

static void on_acceptable(evutil_socket_t fd, short what __attribute__((unused)), void *arg)
{
	struct side *side = arg;
	struct link *link = &side->link;
	struct event_base *base = side->prober->base;
	int peer = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (peer < 0) { /* out of descriptors: looked at again a little later */
		event_del(side->acceptable);
		event_add(side->retry, &(struct timeval){ .tv_sec = 1 });
		return;
	}
	if (link->fd >= 0)
		link_drop(side, "a newer prober connected");
	link->fd = peer;
	link->progress = usec_now();
	describe_peer(link);
	link->readable = event_new(base, peer, EV_READ | EV_PERSIST, on_readable, side);
	link->writable = event_new(base, peer, EV_WRITE, on_writable, side);
	if (!link->readable || !link->writable || event_add(link->readable, NULL) < 0)
		link_drop(side, "out of memory");
}

/* The group that may connect: one by name, else that of the directory. Where it cannot be had, the
 * process's own group stays. */
static void set_group(const char *path, const char *group)
{
	char directory[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	const struct group *entry = group ? getgrnam(group) : NULL;
	struct stat st;
	char *slash;

	strcpy(directory, path);
	slash = strrchr(directory, '/');
	if (slash)
		*slash = '\0';
	if (!entry && stat(!slash ? "." : slash == directory ? "/" : directory, &st) < 0)
		return;
	if (chown(path, (uid_t)-1, entry ? entry->gr_gid : st.st_gid) < 0)
		log_debug("probe_socket", "path=%s error=%s", LOG_QUOTE(path),
			  LOG_QUOTE(strerror(errno)));
}

static int listen_at(const char *path, const char *group, int *ret_fd, struct err *err)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	AUTO(fd_closep) int fd = -1;
	struct stat st;

	if (strlen(path) >= sizeof(sun.sun_path))
		return err_set(err, -ENAMETOOLONG, "probe socket '%s': path too long", path);
	strcpy(sun.sun_path, path);
	if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode))
		return err_set(err, -EEXIST, "probe socket '%s': something else is there", path);
	unlink(path);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_set(err, -errno, "probe socket '%s': %m", path);
	/* Closed to others from the first moment: between bind and listen nobody can connect. */
	if (bind(fd, (const struct sockaddr *)&sun, sizeof(sun)) < 0)
		return err_set(err, -errno, "probe socket '%s': %m", path);
	set_group(path, group);
	if (chmod(path, 0660) < 0 || listen(fd, 4) < 0)
		return err_set(err, -errno, "probe socket '%s': %m", path);
	*ret_fd = fd_take(&fd);
	return 0;
}

static int side_open(struct side *side, const char *path, const char *group, struct err *err)
{
	int r = listen_at(path, group, &side->listen_fd, err);

	if (r < 0)
		return r;
	strcpy(side->path, path);
	side->acceptable = event_new(side->prober->base, side->listen_fd, EV_READ | EV_PERSIST,
				     on_acceptable, side);
	side->retry = event_new(side->prober->base, -1, 0, on_retry, side);
	if (!side->acceptable || !side->retry || event_add(side->acceptable, NULL) < 0)
		return err_set(err, -ENOMEM, "probe socket '%s': %m", path);
	return 0;
}

static void side_close(struct side *side)
{
	link_close(side);
	if (side->acceptable)
		event_free(side->acceptable);
	if (side->retry)
		event_free(side->retry);
	if (side->listen_fd >= 0) {
		close(side->listen_fd);
		unlink(side->path);
	}
}

static int start_stall_timer(struct prober *prober, struct err *err)
{
	struct timeval second = { .tv_sec = 1 };

	prober->stall_timer = event_new(prober->base, -1, EV_PERSIST, on_stall_timer, prober);
	if (!prober->stall_timer || event_add(prober->stall_timer, &second) < 0)
		return err_set(err, -ENOMEM, "probe sockets: %m");
	return 0;
}

int prober_new(struct event_base *base, const char *socket_path,
	       const struct prober_callbacks *callbacks, struct prober **ret, struct err *err)
{
	struct prober *prober = calloc(1, sizeof(*prober));
	int r;

	if (!prober)
		return err_set(err, -ENOMEM, "probe socket '%s': %m", socket_path);
	prober->base = base;
	prober->callbacks = *callbacks;
	prober->outputs = outputs_new(OUTPUTS_BYTES_MAX);
	for (unsigned i = 0; i < PROBER_DAEMON_MAX; i++)
		prober->sides[i] = (struct side){
			.prober = prober, .daemon = i, .listen_fd = -1, .link.fd = -1
		};
	r = prober->outputs ? side_open(&prober->sides[PROBER_PROBE], socket_path, NULL, err)
			    : err_set(err, -ENOMEM, "probe socket '%s': %m", socket_path);
	if (r == 0)
		r = start_stall_timer(prober, err);
	if (r < 0) {
		prober_free(prober);
		return r;
	}
	*ret = prober;
	return 0;
}

int prober_listen_exec(struct prober *prober, const char *socket_path, const char *group,
		       struct err *err)
{
	return side_open(&prober->sides[PROBER_EXEC], socket_path, group, err);
}

void prober_free(struct prober *prober)
{
	if (!prober)
		return;
	for (int i = 0; i < PROBER_DAEMON_MAX; i++)
		side_close(&prober->sides[i]);
	if (prober->stall_timer)
		event_free(prober->stall_timer);
	roster_free(prober->roster);
	outputs_free(prober->outputs);
	free(prober->marks_gone);
	free(prober);
}

/* ---- the config ---- */

/* Ids the prober has and the new roster does not, after those not yet told. */
static int note_removes(struct side *side, const struct roster *roster)
{
	const struct roster *former = side->prober->roster;
	struct link *link = &side->link;
	uint64_t *ids;

	if (!former || link->fd < 0)
		return 0;
	ids = reallocarray(link->to_remove, link->n_to_remove + former->n_of[side->daemon] + 1,
			   sizeof(*ids));
	if (!ids)
		return -ENOMEM;
	link->to_remove = ids;
	for (uint32_t i = 0; i < former->n_entries; i++)
		if (former->entries[i].daemon == side->daemon && former->entries[i].is_sent &&
		    !roster_find(roster, former->entries[i].id))
			ids[link->n_to_remove++] = former->entries[i].id;
	return 0;
}

/* A removal that was not told yet is void when the target is wanted again: it is still there. */
static void cancel_removes(struct link *link, struct roster *roster)
{
	size_t n = 0;

	for (size_t i = 0; i < link->n_to_remove; i++) {
		struct roster_entry *entry = roster_find(roster, link->to_remove[i]);

		if (entry)
			entry->is_sent = true;
		else
			link->to_remove[n++] = link->to_remove[i];
	}
	link->n_to_remove = n;
}

static int note_all_removes(struct prober *prober, const struct roster *roster)
{
	int r = 0;

	for (int i = 0; i < PROBER_DAEMON_MAX && r == 0; i++)
		r = note_removes(&prober->sides[i], roster);
	return r;
}

/* The roster is new: tell the difference. */
static void side_restart(struct side *side)
{
	const struct roster *roster = side->prober->roster;

	if (side->life.n_targets == 0 && side->prober->config)
		side->life.waits_since = usec_now(); /* a reload gave it something to do */
	side->life.n_targets = roster->n_of[side->daemon];
	side->life.patience_us = 2 * roster->pause_us[side->daemon];
	if (side->life.patience_us < FRESH_US)
		side->life.patience_us = FRESH_US;
	side->link.next_entry = 0;
	side->link.n_voids = 0;
	for (uint32_t i = 0; i < roster->n_entries; i++)
		side->link.n_voids +=
			roster->entries[i].daemon == side->daemon && roster->entries[i].void_is_due;
	side->link.end_is_due = true;
	link_flush(side);
}

static int apply_roster(struct prober *prober, struct roster *roster, struct err *err)
{
	size_t n_former = prober->roster ? prober->roster->n_marks : 0;
	uint32_t *gone = calloc(n_former + 1, sizeof(*gone));

	if (!gone || note_all_removes(prober, roster) < 0) {
		free(gone);
		return err_set(err, -ENOMEM, "targets: %m");
	}
	for (int i = 0; i < PROBER_DAEMON_MAX; i++)
		cancel_removes(&prober->sides[i].link, roster);
	free(prober->marks_gone);
	prober->marks_gone = gone;
	prober->n_marks_gone = prober->roster ? roster_marks_gone(roster, prober->roster, gone) : 0;
	roster_free(prober->roster);
	prober->roster = roster;
	for (int i = 0; i < PROBER_DAEMON_MAX; i++)
		side_restart(&prober->sides[i]);
	return 0;
}

int prober_set_config(struct prober *prober, const struct config *config, struct err *err)
{
	const struct roster_options options = {
		.config = config,
		.source4 = prober->has_source4 ? &prober->source4 : NULL,
		.source6 = prober->has_source6 ? &prober->source6 : NULL,
		.mtu_bytes = prober->mtu_bytes,
		.client_mtu_bytes = prober->client_mtu_bytes,
		.former = prober->roster,
	};
	struct roster *roster;
	int r = roster_new(&options, &roster, err);

	if (r < 0)
		return r;
	r = apply_roster(prober, roster, err);
	if (r < 0) {
		roster_free(roster);
		return r;
	}
	prober->config = config;
	return 0;
}

static bool source_is(bool has, const struct addr *is, const struct addr *source)
{
	return has == (source != NULL) && (!source || addr_eq(is, source));
}

/* The same config with what was learned since. */
static void set_again(struct prober *prober)
{
	struct err err;

	if (prober->config && prober_set_config(prober, prober->config, &err) < 0)
		log_warn("prober_targets", "error=%s remedy=%s", LOG_QUOTE(err.text),
			 LOG_QUOTE("probes keep their former source addresses and sizes"));
}

void prober_set_sources(struct prober *prober, const struct addr *source4,
			const struct addr *source6)
{
	if (source_is(prober->has_source4, &prober->source4, source4) &&
	    source_is(prober->has_source6, &prober->source6, source6))
		return;
	prober->has_source4 = source4 != NULL;
	prober->has_source6 = source6 != NULL;
	if (source4)
		prober->source4 = *source4;
	if (source6)
		prober->source6 = *source6;
	set_again(prober);
}

void prober_set_mtu(struct prober *prober, uint32_t mtu_bytes, uint32_t client_mtu_bytes)
{
	if (prober->mtu_bytes == mtu_bytes && prober->client_mtu_bytes == client_mtu_bytes)
		return;
	prober->mtu_bytes = mtu_bytes;
	prober->client_mtu_bytes = client_mtu_bytes;
	set_again(prober);
}

/* NULL: no service uses the pool. */
static struct roster_entry *entry_at(const struct roster *roster, uint32_t pool, uint32_t real,
				     size_t check)
{
	if (!roster || roster->first[pool] == ROSTER_NONE)
		return NULL;
	return &roster->entries[roster->first[pool] + check * roster->config->pools[pool].n_reals +
				real];
}

void prober_adopt(struct prober *prober, uint32_t pool, uint32_t real, uint32_t check,
		  enum real_state state, enum real_sign sign)
{
	struct roster_entry *entry = entry_at(prober->roster, pool, real, check);

	if (!entry)
		return;
	entry->state = state;
	entry->sign = sign;
}

bool prober_reset(struct prober *prober, uint32_t pool, uint32_t real)
{
	size_t n_checks = prober->roster ? prober->roster->config->pools[pool].n_checks : 0;
	bool is_heard = false;

	for (size_t c = 0; c < n_checks; c++) {
		struct roster_entry *entry = entry_at(prober->roster, pool, real, c);
		struct side *side = entry ? &prober->sides[entry->daemon] : NULL;

		if (!side || !side->life.is_connected)
			continue;
		void_soon(side, entry);
		entry->is_reset = true;
		is_heard = true;
		link_flush(side);
	}
	return is_heard;
}

bool prober_output(const struct prober *prober, uint32_t pool, uint32_t real, uint32_t check,
		   struct output *ret)
{
	const struct roster_entry *entry = entry_at(prober->roster, pool, real, check);

	return entry && outputs_find(prober->outputs, entry->id, ret);
}

/* ---- trials ---- */

static int trial_refuse(const struct prober *prober, const struct prober_trial *wish,
			const struct roster_entry *entry, struct err *err)
{
	const char *pool = prober->config ? prober->config->pools[wish->pool].name : "";

	if (!entry)
		return err_set(err, -ENOENT, "no service uses pool '%s': its reals are not probed",
			       pool);
	if (!prober->sides[entry->daemon].life.is_connected)
		return err_set(err, -ENOTCONN, "%s is not running, or not connected",
			       programs[entry->daemon]);
	return err_set(err, -EBUSY, "%d probes are watched already; try again", TRIALS_MAX);
}

static struct trial *trial_free_place(struct prober *prober)
{
	for (unsigned i = 0; i < TRIALS_MAX; i++)
		if (prober->trials[i].ticket == 0)
			return &prober->trials[i];
	return NULL;
}

int prober_try(struct prober *prober, const struct prober_trial *wish, uint64_t *ret_ticket,
	       struct err *err)
{
	const struct roster_entry *entry =
		entry_at(prober->roster, wish->pool, wish->real, wish->check);
	struct trial *trial = trial_free_place(prober);

	if (!entry || !trial || !prober->sides[entry->daemon].life.is_connected)
		return trial_refuse(prober, wish, entry, err);
	/* Not one of an earlier shoald, whose probes may still end. */
	if (prober->last_ticket == 0)
		prober->last_ticket = usec_now();
	*trial = (struct trial){ .ticket = ++prober->last_ticket,
				 .id = entry->id,
				 .daemon = entry->daemon,
				 .wish = *wish };
	*ret_ticket = trial->ticket;
	link_flush(&prober->sides[entry->daemon]);
	return 0;
}

void prober_try_cancel(struct prober *prober, uint64_t ticket)
{
	for (unsigned i = 0; i < TRIALS_MAX; i++)
		if (prober->trials[i].ticket == ticket)
			prober->trials[i] = (struct trial){ 0 };
}

/* ---- views ---- */

const struct prober_mark *prober_marks(const struct prober *prober, size_t *ret_n)
{
	*ret_n = prober->roster ? prober->roster->n_marks : 0;
	return prober->roster ? prober->roster->marks : NULL;
}

const uint32_t *prober_marks_gone(const struct prober *prober, size_t *ret_n)
{
	*ret_n = prober->n_marks_gone;
	return prober->marks_gone;
}

uint32_t prober_mark(const struct prober *prober, uint32_t pool, uint32_t real)
{
	return prober->roster ? roster_mark(prober->roster, pool, real) : 0;
}

const struct prober_life *prober_life(const struct prober *prober, enum prober_daemon daemon)
{
	return &prober->sides[daemon].life;
}

usec_t prober_fresh_until(const struct prober_life *life)
{
	usec_t since =
		life->last_verdict > life->waits_since ? life->last_verdict : life->waits_since;

	return since ? since + life->patience_us : 0;
}

bool prober_is_fresh(const struct prober *prober, enum prober_daemon daemon, usec_t now)
{
	const struct prober_life *life = &prober->sides[daemon].life;
	usec_t until = prober_fresh_until(life);

	return life->n_targets == 0 || (until != 0 && now < until);
}

uint64_t prober_cas(const struct prober *prober)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; prober->roster && i < prober->roster->n_cas; i++)
		sum ^= prober->roster->cas[i].id;
	return sum;
}

bool prober_is_connected(const struct prober *prober)
{
	return prober->sides[PROBER_PROBE].life.is_connected;
}

size_t prober_n_targets(const struct prober *prober)
{
	return prober->sides[PROBER_PROBE].life.n_targets;
}

usec_t prober_last_verdict(const struct prober *prober)
{
	return prober->sides[PROBER_PROBE].life.last_verdict;
}

uint64_t prober_n_probes(const struct prober *prober)
{
	return prober->sides[PROBER_PROBE].life.n_probes;
}

uint64_t prober_n_late(const struct prober *prober)
{
	return prober->sides[PROBER_PROBE].life.n_late;
}

usec_t prober_p99_late(const struct prober *prober)
{
	return prober->sides[PROBER_PROBE].life.p99_late_us;
}

void prober_latency(const struct prober *prober, uint32_t pool, struct latency *ret_recent,
		    struct latency *ret_total)
{
	usec_t now = usec_now();

	*ret_recent = *ret_total = (struct latency){ 0 };
	for (int i = 0; prober->roster && i < PROBER_DAEMON_MAX; i++) {
		const struct latency_window *w = &prober->roster->groups[pool].latency[i];
		struct latency recent = latency_window_recent(w, now);

		latency_join(ret_recent, &recent);
		latency_join(ret_total, &w->total);
	}
}
