/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns.c - the check that asks a name server.
 *
 * c-ares makes the question and expands names; the sockets are ours, since they need a mark and a
 * source. Over UDP the socket is connected, and a datagram with another id is passed over: somebody
 * guessed, or it is late. Over TCP another id is an error of the server.
 */
#include <ares.h>
#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "health/check.h"
#include "health/dns_reply.h"

#define CLASS_IN     1
#define EDNS_BYTES   1232 /* what fits a packet everywhere */
#define ANSWER_MAX   (16 * 1024)
#define IGNORED_MAX  64 /* datagrams with another id */
#define READS_A_TURN 16 /* then other probes have theirs */
#define ANSWERS_MAX  16
#define PREFIX_LEN   2 /* of a message over TCP: its length */

/* Made of a check once. */
struct dns_own {
	const char *name;
	uint32_t n_answers;
	char answers[][DNS_TEXT_MAX]; /* canonical */
};

struct dns_run {
	struct probe *probe;
	struct event readable;
	int fd;
	uint16_t id;
	bool is_tcp;
	unsigned n_ignored;
	size_t n_read;
	uint8_t *bytes; /* over TCP: prefix and answer so far */
};

/* What came of the answers that are wanted. */
struct tally {
	const struct dns_own *own;
	struct probe *probe;
	uint32_t found; /* a bit for each */
	char other[64]; /* one that is not wanted */
};

/* ---- what is asked ---- */

static uint32_t count_answers(const struct check_spec *spec)
{
	const struct check_text *text = check_text(spec, MESSAGE_TEXT_ANSWER);
	uint32_t n = 0;

	for (; text && n < ANSWERS_MAX; text = check_text_next(spec, text))
		n++;
	return n;
}

static int dns_prepare(struct check_spec *spec)
{
	const struct check_text *name = check_text(spec, MESSAGE_TEXT_QUERY);
	const struct check_text *text = check_text(spec, MESSAGE_TEXT_ANSWER);
	uint32_t n = count_answers(spec);
	struct dns_own *own = calloc(1, sizeof(*own) + n * sizeof(own->answers[0]));

	if (!own)
		return -ENOMEM;
	own->name = name ? name->bytes : ".";
	for (; own->n_answers < n; text = check_text_next(spec, text)) {
		char *answer = own->answers[own->n_answers++];

		/* What cannot be such a record is never found, and the evidence shows it. */
		if (!dns_text_canonical((uint16_t)spec->record, text->bytes, answer))
			snprintf(answer, DNS_TEXT_MAX, "%s", text->bytes);
	}
	spec->own = own;
	return 0;
}

static void dns_forget(struct check_spec *spec)
{
	free(spec->own);
}

static const struct dns_own *own_of(const struct probe *probe)
{
	return probe->spec->own;
}

static void run_close(struct dns_run *run)
{
	run->probe->run = NULL;
	event_del(&run->readable);
	close(run->fd);
	free(run->bytes);
	free(run);
}

/* ---- the verdict ---- */

static void take_record(const char *text, void *arg)
{
	struct tally *tally = arg;
	bool is_wanted = false;

	for (uint32_t i = 0; i < tally->own->n_answers; i++)
		if (strcmp(text, tally->own->answers[i]) == 0) {
			tally->found |= 1U << i;
			is_wanted = true;
		}
	if (!is_wanted && tally->other[0] == '\0')
		snprintf(tally->other, sizeof(tally->other), "%s", text);
	probe_step(tally->probe, "answer: %s", text);
}

static const char *rcode_str(unsigned rcode)
{
	static const char *const words[] = { "noerror",  "formerr", "servfail",
					     "nxdomain", "notimp",  "refused" };
	static char number[16];

	if (rcode < sizeof(words) / sizeof(words[0]))
		return words[rcode];
	snprintf(number, sizeof(number), "%u", rcode);
	return number;
}

/* The first answer that is wanted and missing; NULL: none. */
static const char *missing(const struct probe *probe, const struct tally *tally,
			   const struct dns_reply *reply)
{
	for (uint32_t i = 0; i < tally->own->n_answers; i++)
		if (!(tally->found & 1U << i))
			return tally->own->answers[i];
	if (probe->spec->rcode == CONFIG_RCODE_NOERROR && reply->n_records == 0)
		return "any";
	return NULL;
}

static void judge_reply(struct probe *probe, const struct tally *tally,
			const struct dns_reply *reply)
{
	const char *lacks = missing(probe, tally, reply);

	if (reply->rcode != (unsigned)probe->spec->rcode)
		probe_end(probe, PROBE_DNS_RCODE, "%s, not %s", rcode_str(reply->rcode),
			  rcode_str((unsigned)probe->spec->rcode));
	else if (!lacks)
		probe_end(probe, PROBE_OK, "%s, %u records in %.1f ms", rcode_str(reply->rcode),
			  reply->n_records, probe_msec(probe));
	else if (reply->is_truncated)
		probe_end(probe, PROBE_TOO_LARGE,
			  "the answer is truncated; transport: tcp gets it whole");
	else if (reply->n_records > 0)
		probe_end(probe, PROBE_UNEXPECTED, "no answer %.80s, but %s", lacks,
			  tally->other[0] ? tally->other : "fewer records");
	else
		probe_end(probe, PROBE_UNEXPECTED, "no answer %.80s: no such record", lacks);
}

static const char *fault_str(enum dns_fault fault)
{
	switch (fault) {
	case DNS_OTHER_ID:
		return "the answer has another id than the question";
	case DNS_NO_REPLY:
		return "a question came back, no answer";
	case DNS_OTHER_QUESTION:
		return "the answer is one to another question";
	case DNS_MALFORMED:
		return "the answer is malformed";
	case DNS_FINE:
		break;
	}
	return "the answer is fine";
}

/* Ends the probe, unless this is a datagram to pass over: false. */
static bool take_message(struct dns_run *run, const uint8_t *bytes, size_t len)
{
	struct probe *probe = run->probe;
	const struct dns_question question = { run->id, (uint16_t)probe->spec->record,
					       own_of(probe)->name };
	struct tally tally = { .own = own_of(probe), .probe = probe };
	struct dns_reply reply;
	enum dns_fault fault;

	probe_step(probe, "received %zu bytes", len);
	fault = dns_reply_read(bytes, len, &question, take_record, &tally, &reply);
	if (fault == DNS_OTHER_ID && !run->is_tcp && ++run->n_ignored < IGNORED_MAX)
		return false;
	run_close(run);
	if (fault != DNS_FINE) {
		probe_end(probe, PROBE_PROTOCOL_ERROR, "%s", fault_str(fault));
		return true;
	}
	probe_doing(probe, "judgement");
	judge_reply(probe, &tally, &reply);
	return true;
}

static void receive_failed(struct dns_run *run, int error)
{
	struct probe *probe = run->probe;

	run_close(run);
	if (error != 0)
		probe_end(probe, dial_error_reason(error), "receive: %s", strerror(error));
	else
		probe_end(probe, PROBE_CLOSED, "closed before the answer was whole");
}

/* ---- UDP ---- */

static void on_datagram(evutil_socket_t fd, short what __attribute__((unused)), void *arg)
{
	struct dns_run *run = arg;
	uint8_t bytes[ANSWER_MAX];
	bool is_over = false;

	for (int i = 0; i < READS_A_TURN && !is_over; i++) {
		ssize_t n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		is_over = n < 0 || take_message(run, bytes, (size_t)n);
		if (n < 0)
			receive_failed(run, errno);
	}
}

/* ---- TCP ---- */

/* Whether the answer is whole, or there can be none; if so, the probe has ended. */
static bool take_stream(struct dns_run *run)
{
	size_t len = PREFIX_LEN;
	struct probe *probe = run->probe;

	if (run->n_read < PREFIX_LEN)
		return false;
	len += (size_t)(run->bytes[0] << 8 | run->bytes[1]);
	if (len > PREFIX_LEN + ANSWER_MAX) {
		run_close(run);
		probe_end(probe, PROBE_TOO_LARGE, "the answer is larger than 16 KiB");
		return true;
	}
	return run->n_read >= len && take_message(run, run->bytes + PREFIX_LEN, len - PREFIX_LEN);
}

static void on_stream(evutil_socket_t fd, short what __attribute__((unused)), void *arg)
{
	struct dns_run *run = arg;
	size_t room = PREFIX_LEN + ANSWER_MAX - run->n_read;
	ssize_t n = recv(fd, run->bytes + run->n_read, room, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		receive_failed(run, n < 0 ? errno : 0);
		return;
	}
	if (run->n_read == 0)
		probe_step(run->probe, "first bytes of the answer");
	run->n_read += (size_t)n;
	take_stream(run);
}

/* ---- asking ---- */

static uint16_t new_id(void)
{
	static uint16_t last;
	uint16_t id;

	return getrandom(&id, sizeof(id), GRND_NONBLOCK) == sizeof(id) ? id : ++last;
}

/* Returns 0, or -errno: -EINVAL when there is no such name. */
static int send_question(struct dns_run *run)
{
	const struct check_spec *spec = run->probe->spec;
	uint8_t message[PREFIX_LEN + 512];
	unsigned char *bytes = NULL;
	int len = 0, r = 0;
	size_t skip = run->is_tcp ? 0 : PREFIX_LEN;

	if (ares_create_query(own_of(run->probe)->name, CLASS_IN, (int)spec->record, run->id, 1,
			      &bytes, &len, EDNS_BYTES) != ARES_SUCCESS)
		return -EINVAL;
	if (len > (int)sizeof(message) - PREFIX_LEN) {
		ares_free_string(bytes);
		return -EINVAL;
	}
	message[0] = (uint8_t)(len >> 8);
	message[1] = (uint8_t)len;
	memcpy(message + PREFIX_LEN, bytes, (size_t)len);
	ares_free_string(bytes);
	if (send(run->fd, message + skip, (size_t)len + PREFIX_LEN - skip,
		 MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		r = -errno;
	return r;
}

static struct dns_run *run_new(struct probe *probe, int fd, bool is_tcp)
{
	struct dns_run *run = calloc(1, sizeof(*run));

	if (!run)
		return NULL;
	*run = (struct dns_run){ .probe = probe, .fd = fd, .is_tcp = is_tcp, .id = new_id() };
	if (is_tcp)
		run->bytes = malloc(PREFIX_LEN + ANSWER_MAX);
	if ((is_tcp && !run->bytes) ||
	    event_assign(&run->readable, probe->base, fd, EV_READ | EV_PERSIST,
			 is_tcp ? on_stream : on_datagram, run) < 0 ||
	    event_add(&run->readable, NULL) < 0) {
		free(run->bytes);
		free(run);
		return NULL;
	}
	probe->run = run;
	return run;
}

static void ask(struct probe *probe, int fd, bool is_tcp)
{
	struct dns_run *run = run_new(probe, fd, is_tcp);
	int r;

	if (!run) {
		close(fd);
		probe_end(probe, PROBE_LOCAL_ERROR, "out of memory");
		return;
	}
	probe_doing(probe, "question");
	r = send_question(run);
	if (r == 0) {
		probe_step(probe, "asked for %s, from port %u", own_of(probe)->name,
			   dial_local_port(fd));
		probe_doing(probe, "answer");
		return;
	}
	run_close(run);
	if (r == -EINVAL)
		probe_end(probe, PROBE_LOCAL_ERROR, "'%.80s' cannot be asked for",
			  own_of(probe)->name);
	else if (is_tcp)
		probe_end(probe, dial_error_reason(-r), "send: %s", strerror(-r));
	else
		probe_end(probe, dial_local_reason(-r, probe->spec->dial.mark != 0), "send: %s",
			  strerror(-r));
}

static void dns_tcp_connected(struct probe *probe, int fd)
{
	ask(probe, fd, true);
}

static void dns_udp_start(struct probe *probe, struct event_base *base __attribute__((unused)))
{
	enum probe_reason reason;
	const char *step;
	int fd = dial_socket(&probe->spec->dial, SOCK_DGRAM, 0, true, &reason, &step);

	probe_doing(probe, "socket");
	if (fd < 0) {
		probe_end(probe, reason, "%s: %s", step, strerror(-fd));
		return;
	}
	dial_hear_errors(fd, addr_is_ipv4(&probe->spec->dial.addr));
	ask(probe, fd, false);
}

static void dns_stop(struct probe *probe)
{
	run_close(probe->run);
}

/* Good until the next call: it goes straight into the evidence. */
static const char *dns_waiting_for(const struct probe *probe)
{
	static char text[96];
	const struct dns_run *run = probe->run;

	if (run->is_tcp)
		return run->n_read > 0 ? "the rest of the answer" : "the answer";
	if (run->n_ignored == 0)
		return "the answer";
	snprintf(text, sizeof(text), "the answer; %u datagrams had another id", run->n_ignored);
	return text;
}

const struct check_kind check_dns_udp = {
	.prepare = dns_prepare,
	.forget = dns_forget,
	.start = dns_udp_start,
	.stop = dns_stop,
	.waiting_for = dns_waiting_for,
};

const struct check_kind check_dns_tcp = {
	.prepare = dns_prepare,
	.forget = dns_forget,
	.connected = dns_tcp_connected,
	.stop = dns_stop,
	.waiting_for = dns_waiting_for,
};
