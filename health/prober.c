/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prober.c - shoald's end of probe.sock.
 *
 * What the prober is to know is the roster; what it does know is noted in the roster entry by
 * entry. Sending is therefore level-triggered: whenever the socket takes more, the next thing that
 * is missing on the other side goes out, and nothing is ever queued. A prober that reads nothing
 * for STALL_US while there is something to send, or that breaks the protocol, is dropped; it comes
 * back by itself and is told everything anew. A newer connection replaces the older.
 */
#include "health/prober.h"

#include <errno.h>
#include <event2/event.h>
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
#define PACKETS_A_TURN 256 /* then the rest of the loop has its turn */

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

struct prober {
	struct event_base *base;
	struct prober_callbacks callbacks;
	char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	int listen_fd;
	struct event *acceptable, *stall_timer;
	struct link link;
	const struct config *config;
	bool has_source4, has_source6;
	struct addr source4, source6;
	struct roster *roster; /* NULL before the first config */
	uint32_t *marks_gone;
	size_t n_marks_gone;
	usec_t last_verdict;
	uint64_t n_probes, n_late;
	usec_t p99_late_us;
};

/* ---- the life of a connection ---- */

static void link_close(struct prober *prober)
{
	struct link *link = &prober->link;

	if (link->readable)
		event_free(link->readable);
	if (link->writable)
		event_free(link->writable);
	if (link->fd >= 0)
		close(link->fd);
	free(link->to_remove);
	*link = (struct link){ .fd = -1 };
	for (uint32_t i = 0; prober->roster && i < prober->roster->n_entries; i++)
		prober->roster->entries[i].is_sent = prober->roster->entries[i].void_is_due = false;
	for (uint32_t i = 0; prober->roster && i < prober->roster->n_cas; i++)
		prober->roster->cas[i].n_sent = 0;
}

static void link_drop(struct prober *prober, const char *why)
{
	bool was_up = prober->link.said_hello;

	log_warn("prober_gone", "peer=%s reason=%s", LOG_QUOTE(prober->link.peer), LOG_QUOTE(why));
	link_close(prober);
	if (was_up && prober->callbacks.life)
		prober->callbacks.life(false, prober->callbacks.arg);
}

/* ---- sending ---- */

/* Returns 1 when sent, 0 when the socket is full, a negative errno when the link is broken. */
static int link_send(struct prober *prober, const struct message *message)
{
	uint8_t buf[MESSAGE_MAX];
	int len = message_encode(message, buf);

	if (len < 0)
		return len;
	if (send(prober->link.fd, buf, (size_t)len, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) {
		prober->link.progress = usec_now();
		return 1;
	}
	return errno == EAGAIN || errno == ENOBUFS ? 0 : -errno;
}

static int send_removes(struct prober *prober)
{
	struct link *link = &prober->link;
	int r = 1;

	while (r > 0 && link->n_to_remove > 0) {
		struct message m = { .kind = MESSAGE_REMOVE };

		m.remove.id = link->to_remove[link->n_to_remove - 1];
		r = link_send(prober, &m);
		if (r > 0)
			link->n_to_remove--;
	}
	return r;
}

static int send_ca(struct prober *prober, struct roster_ca *ca)
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
		r = link_send(prober, &m);
		if (r > 0)
			ca->n_sent += m.ca.len;
	}
	return r;
}

static int send_cas(struct prober *prober)
{
	int r = 1;

	for (uint32_t i = 0; r > 0 && i < prober->roster->n_cas; i++)
		r = send_ca(prober, &prober->roster->cas[i]);
	return r;
}

static int send_targets(struct prober *prober)
{
	struct roster *roster = prober->roster;
	int r = 1;

	while (r > 0 && prober->link.next_entry < roster->n_entries) {
		struct roster_entry *entry = &roster->entries[prober->link.next_entry];
		struct message m = { .kind = MESSAGE_TARGET };

		if (!entry->is_sent) {
			roster_target(roster, entry, &m.target);
			r = link_send(prober, &m);
		}
		if (r > 0) {
			entry->is_sent = true;
			prober->link.next_entry++;
		}
	}
	return r;
}

/* Rare, and only while the path is broken: a walk over all entries is good enough. */
static int send_voids(struct prober *prober)
{
	struct link *link = &prober->link;
	int r = 1;

	for (uint32_t i = 0; r > 0 && link->n_voids > 0 && i < prober->roster->n_entries; i++) {
		struct roster_entry *entry = &prober->roster->entries[i];
		struct message m = { .kind = MESSAGE_VOID, .void_ = { entry->id, entry->state } };

		if (!entry->void_is_due)
			continue;
		if (entry->is_sent)
			r = link_send(prober, &m);
		if (r > 0) {
			entry->void_is_due = false;
			link->n_voids--;
		}
	}
	return r;
}

static int send_end(struct prober *prober)
{
	struct message m = { .kind = MESSAGE_TARGETS_END };
	int r = 1;

	m.targets_end.n_targets = prober->roster->n_entries;
	if (prober->link.end_is_due)
		r = link_send(prober, &m);
	if (r > 0)
		prober->link.end_is_due = false;
	return r;
}

/* Everything that is missing over there, as far as the socket takes it. */
static void link_flush(struct prober *prober)
{
	struct link *link = &prober->link;
	int r;

	if (!link->said_hello || !prober->roster)
		return;
	r = send_removes(prober);
	if (r > 0)
		r = send_cas(prober);
	if (r > 0)
		r = send_targets(prober);
	if (r > 0)
		r = send_voids(prober);
	if (r > 0)
		r = send_end(prober);
	if (r < 0)
		link_drop(prober, strerror(-r));
	else if (r == 0)
		event_add(link->writable, NULL);
}

static void on_writable(evutil_socket_t fd __attribute__((unused)),
			short what __attribute__((unused)), void *arg)
{
	link_flush(arg);
}

/* Each second: drop a prober that has not read for too long. */
static void on_stall_timer(evutil_socket_t fd __attribute__((unused)),
			   short what __attribute__((unused)), void *arg)
{
	struct prober *prober = arg;
	struct link *link = &prober->link;

	if (link->fd < 0)
		return;
	if (!link->said_hello) {
		if (usec_now() - link->progress > STALL_US)
			link_drop(prober, "no hello within 10 s");
	} else if (event_pending(link->writable, EV_WRITE, NULL) &&
		   usec_now() - link->progress > STALL_US) {
		link_drop(prober, "it has not read for 10 s");
	}
}

/* ---- receiving ---- */

static int take_hello(struct prober *prober, const struct message *m)
{
	struct link *link = &prober->link;
	struct message answer = { .kind = MESSAGE_HELLO, .hello.program = "shoald " SHOAL_VERSION };
	int r;

	if (link->said_hello)
		return -EBADMSG;
	r = link_send(prober, &answer);
	if (r <= 0)
		return r < 0 ? r : -EPROTO;
	log_info("prober_connected", "peer=%s program=%s", LOG_QUOTE(link->peer),
		 LOG_QUOTE(m->hello.program));
	link->said_hello = true;
	link->end_is_due = true;
	if (prober->callbacks.life)
		prober->callbacks.life(true, prober->callbacks.arg);
	link_flush(prober);
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

/* The real stays as it was, and the prober hears of it when it judged otherwise. */
static void void_verdict(struct prober *prober, struct roster_entry *entry,
			 struct core_verdict *verdict)
{
	if (verdict->state != entry->state && !entry->void_is_due) {
		entry->void_is_due = true;
		prober->link.n_voids++;
	}
	verdict->state = entry->state;
	verdict->sign = entry->sign;
	if (verdict->reason == PROBE_PROBE_PATH)
		return; /* the prober's own words say more */
	verdict->reason = PROBE_PROBE_PATH;
	snprintf(verdict->evidence, sizeof(verdict->evidence),
		 "the probe path to this real is broken: no filter, mapping or way");
}

static int take_verdict(struct prober *prober, const struct message *m)
{
	const struct message_verdict *v = &m->verdict;
	struct roster_entry *entry = roster_find(prober->roster, v->id);
	struct core_verdict verdict = {
		.state = v->state,
		.reason = v->reason,
		.in_a_row = v->in_a_row,
		.sign = v->sign,
	};

	if (!entry)
		return 0; /* of a target that was removed meanwhile */
	verdict.pool = entry->pool;
	verdict.real = entry->real;
	verdict.check = entry->check;
	memcpy(verdict.evidence, v->evidence, sizeof(verdict.evidence));
	if (is_doubtful(entry, v) && prober->callbacks.path_is_whole &&
	    !prober->callbacks.path_is_whole(entry->pool, entry->real, v->row_started,
					     prober->callbacks.arg))
		void_verdict(prober, entry, &verdict);
	else if (judge_classify(v->reason) != JUDGE_NO_VERDICT)
		prober->last_verdict = usec_now();
	entry->state = verdict.state;
	entry->sign = verdict.sign;
	if (prober->callbacks.verdict)
		prober->callbacks.verdict(&verdict, prober->callbacks.arg);
	if (prober->link.n_voids > 0)
		link_flush(prober);
	return 0;
}

static int take_heartbeat(struct prober *prober, const struct message *m)
{
	const struct message_heartbeat *h = &m->heartbeat;
	struct link *link = &prober->link;

	if (link->has_heartbeat && h->verdicts > link->verdicts)
		prober->last_verdict = usec_now();
	link->has_heartbeat = true;
	link->verdicts = h->verdicts;
	prober->n_probes = h->probes;
	prober->n_late = h->late;
	prober->p99_late_us = h->p99_late_us;
	return 0;
}

static int (*const takers[MESSAGE_KIND_MAX])(struct prober *, const struct message *) = {
	[MESSAGE_HELLO] = take_hello,
	[MESSAGE_VERDICT] = take_verdict,
	[MESSAGE_HEARTBEAT] = take_heartbeat,
};

/* Returns 0 or a negative errno that ends the link. */
static int take_packet(struct prober *prober, const uint8_t *packet, size_t len)
{
	struct message m;
	int r = message_decode(packet, len, &m);

	if (r < 0)
		return r;
	if (!takers[m.kind] || (!prober->link.said_hello && m.kind != MESSAGE_HELLO))
		return -EBADMSG;
	return takers[m.kind](prober, &m);
}

static const char *end_str(int code)
{
	if (code == -EPROTONOSUPPORT)
		return "it speaks another version of the protocol: shoald and shoal-probe are of "
		       "different releases";
	if (code == -EBADMSG)
		return "it broke the protocol";
	return strerror(-code);
}

static void on_readable(evutil_socket_t fd, short what __attribute__((unused)), void *arg)
{
	struct prober *prober = arg;
	uint8_t packet[MESSAGE_MAX];

	for (int i = 0; i < PACKETS_A_TURN && prober->link.fd == fd; i++) {
		ssize_t n = recv(fd, packet, sizeof(packet), MSG_DONTWAIT | MSG_TRUNC);
		int r;

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			link_drop(prober, n == 0 ? "it closed the connection" : strerror(errno));
			return;
		}
		r = (size_t)n > sizeof(packet) ? -EBADMSG : take_packet(prober, packet, (size_t)n);
		if (r < 0 && prober->link.fd == fd) {
			link_drop(prober, end_str(r));
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

static void on_acceptable(evutil_socket_t fd, short what __attribute__((unused)), void *arg)
{
	struct prober *prober = arg;
	struct link *link = &prober->link;
	int peer = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (peer < 0)
		return;
	if (link->fd >= 0)
		link_drop(prober, "a newer prober connected");
	link->fd = peer;
	link->progress = usec_now();
	describe_peer(link);
	link->readable = event_new(prober->base, peer, EV_READ | EV_PERSIST, on_readable, prober);
	link->writable = event_new(prober->base, peer, EV_WRITE, on_writable, prober);
	if (!link->readable || !link->writable || event_add(link->readable, NULL) < 0)
		link_drop(prober, "out of memory");
}

/* The directory's group may connect; where that cannot be had, the process's own group stays. */
static void follow_group(const char *path)
{
	char directory[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	char *slash;
	struct stat st;

	strcpy(directory, path);
	slash = strrchr(directory, '/');
	if (slash)
		*slash = '\0';
	if (stat(!slash               ? "."
		 : slash == directory ? "/"
				      : directory,
		 &st) == 0 &&
	    chown(path, (uid_t)-1, st.st_gid) < 0)
		log_debug("probe_socket", "path=%s error=%s", LOG_QUOTE(path),
			  LOG_QUOTE(strerror(errno)));
}

static int listen_at(const char *path, int *ret_fd, struct err *err)
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
	follow_group(path);
	if (chmod(path, 0660) < 0 || listen(fd, 4) < 0)
		return err_set(err, -errno, "probe socket '%s': %m", path);
	*ret_fd = fd_take(&fd);
	return 0;
}

static int start_events(struct prober *prober, struct err *err)
{
	struct timeval second = { .tv_sec = 1 };

	prober->acceptable = event_new(prober->base, prober->listen_fd, EV_READ | EV_PERSIST,
				       on_acceptable, prober);
	prober->stall_timer = event_new(prober->base, -1, EV_PERSIST, on_stall_timer, prober);
	if (!prober->acceptable || !prober->stall_timer ||
	    event_add(prober->acceptable, NULL) < 0 || event_add(prober->stall_timer, &second) < 0)
		return err_set(err, -ENOMEM, "probe socket '%s': %m", prober->path);
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
	prober->listen_fd = -1;
	prober->link.fd = -1;
	r = listen_at(socket_path, &prober->listen_fd, err);
	if (r == 0) {
		strcpy(prober->path, socket_path);
		r = start_events(prober, err);
	}
	if (r < 0) {
		prober_free(prober);
		return r;
	}
	*ret = prober;
	return 0;
}

void prober_free(struct prober *prober)
{
	if (!prober)
		return;
	link_close(prober);
	if (prober->acceptable)
		event_free(prober->acceptable);
	if (prober->stall_timer)
		event_free(prober->stall_timer);
	if (prober->listen_fd >= 0) {
		close(prober->listen_fd);
		unlink(prober->path);
	}
	roster_free(prober->roster);
	free(prober->marks_gone);
	free(prober);
}

/* ---- the config ---- */

/* Ids the prober has and the new roster does not, after those not yet told. */
static int note_removes(struct prober *prober, const struct roster *roster)
{
	const struct roster *former = prober->roster;
	struct link *link = &prober->link;
	uint64_t *ids;

	if (!former || link->fd < 0)
		return 0;
	ids = reallocarray(link->to_remove, link->n_to_remove + former->n_entries + 1,
			   sizeof(*ids));
	if (!ids)
		return -ENOMEM;
	link->to_remove = ids;
	for (uint32_t i = 0; i < former->n_entries; i++)
		if (former->entries[i].is_sent && !roster_find(roster, former->entries[i].id))
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

static int apply_roster(struct prober *prober, struct roster *roster, struct err *err)
{
	size_t n_former = prober->roster ? prober->roster->n_marks : 0;
	uint32_t *gone = calloc(n_former + 1, sizeof(*gone));

	if (!gone || note_removes(prober, roster) < 0) {
		free(gone);
		return err_set(err, -ENOMEM, "targets: %m");
	}
	cancel_removes(&prober->link, roster);
	free(prober->marks_gone);
	prober->marks_gone = gone;
	prober->n_marks_gone = prober->roster ? roster_marks_gone(roster, prober->roster, gone) : 0;
	roster_free(prober->roster);
	prober->roster = roster;
	prober->link.next_entry = 0;
	prober->link.n_voids = 0;
	for (uint32_t i = 0; i < roster->n_entries; i++)
		prober->link.n_voids += roster->entries[i].void_is_due;
	prober->link.end_is_due = true;
	link_flush(prober);
	return 0;
}

int prober_set_config(struct prober *prober, const struct config *config, struct err *err)
{
	const struct roster_options options = {
		.config = config,
		.source4 = prober->has_source4 ? &prober->source4 : NULL,
		.source6 = prober->has_source6 ? &prober->source6 : NULL,
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

void prober_set_sources(struct prober *prober, const struct addr *source4,
			const struct addr *source6)
{
	struct err err;

	if (source_is(prober->has_source4, &prober->source4, source4) &&
	    source_is(prober->has_source6, &prober->source6, source6))
		return;
	prober->has_source4 = source4 != NULL;
	prober->has_source6 = source6 != NULL;
	if (source4)
		prober->source4 = *source4;
	if (source6)
		prober->source6 = *source6;
	if (prober->config && prober_set_config(prober, prober->config, &err) < 0)
		log_warn("prober_sources", "error=%s remedy=%s", LOG_QUOTE(err.text),
			 LOG_QUOTE("probes keep their former source addresses"));
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

bool prober_is_connected(const struct prober *prober)
{
	return prober->link.said_hello;
}

size_t prober_n_targets(const struct prober *prober)
{
	return prober->roster ? prober->roster->n_entries : 0;
}

usec_t prober_last_verdict(const struct prober *prober)
{
	return prober->last_verdict;
}

uint64_t prober_n_probes(const struct prober *prober)
{
	return prober->n_probes;
}

uint64_t prober_n_late(const struct prober *prober)
{
	return prober->n_late;
}

usec_t prober_p99_late(const struct prober *prober)
{
	return prober->p99_late_us;
}
