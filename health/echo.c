/* SPDX-License-Identifier: Apache-2.0 */
#include "health/echo.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#define IPV4_HEADER_MIN 20

struct question {
	uint8_t type, code;
	uint16_t checksum; /* network order, as are the next */
	uint16_t id, seq;
	uint8_t token[8];
};
_Static_assert(sizeof(struct question) == ECHO_MIN_LEN, "as on the wire");

struct echo_id echo_id_new(void)
{
	static uint32_t last;
	struct echo_id id = { 0 };

	/* Where no random bytes are to be had yet, the number alone tells questions apart. */
	if (getrandom(&id.token, sizeof(id.token), GRND_NONBLOCK) < 0)
		id.token = 0;
	if (last == 0)
		last = (uint32_t)id.token;
	last++;
	id.id = (uint16_t)(last >> 16);
	id.seq = (uint16_t)last;
	return id;
}

/* ---- the socket ---- */

static void let_through(int fd, bool is_ipv4)
{
	struct icmp_filter filter4 = { ~(1U << ICMP_ECHOREPLY | 1U << ICMP_DEST_UNREACH |
					 1U << ICMP_TIME_EXCEEDED) };
	struct icmp6_filter filter6;

	ICMP6_FILTER_SETBLOCKALL(&filter6);
	ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &filter6);
	ICMP6_FILTER_SETPASS(ICMP6_DST_UNREACH, &filter6);
	if (is_ipv4)
		setsockopt(fd, SOL_RAW, ICMP_FILTER, &filter4, sizeof(filter4));
	else
		setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &filter6, sizeof(filter6));
}

static int keep_whole(int fd, bool is_ipv4)
{
	int probe4 = IP_PMTUDISC_PROBE, probe6 = IPV6_PMTUDISC_PROBE;

	if (is_ipv4)
		return setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &probe4, sizeof(probe4));
	return setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &probe6, sizeof(probe6));
}

int echo_open(const struct dial_options *options, bool whole, enum probe_reason *ret_reason,
	      const char **ret_step)
{
	bool is_ipv4 = addr_is_ipv4(&options->addr);
	struct dial_options to = *options;
	int fd;

	to.port = 0;
	fd = dial_socket(&to, SOCK_RAW, is_ipv4 ? IPPROTO_ICMP : IPPROTO_ICMPV6, true, ret_reason,
			 ret_step);
	if (fd < 0)
		return fd;
	let_through(fd, is_ipv4);
	dial_hear_errors(fd, is_ipv4);
	if (whole && keep_whole(fd, is_ipv4) < 0) {
		int error = errno;

		close(fd);
		*ret_reason = PROBE_LOCAL_ERROR;
		*ret_step = "path MTU discovery";
		return -error;
	}
	return fd;
}

/* ---- the question ---- */

/* The one's complement sum of RFC 1071; ICMPv6 has its own made by the kernel. */
static uint16_t checksum(const uint8_t *p, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)(p[i] << 8 | p[i + 1]);
	if (len & 1)
		sum += (uint32_t)(p[len - 1] << 8);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

int echo_send(int fd, bool is_ipv4, const struct echo_id *id, size_t len)
{
	static uint8_t packet[ECHO_MAX_LEN]; /* zero behind the token */
	struct question question = { .type = is_ipv4 ? ICMP_ECHO : ICMP6_ECHO_REQUEST,
				     .id = id->id,
				     .seq = id->seq };

	if (len < ECHO_MIN_LEN || len > sizeof(packet))
		return -EMSGSIZE;
	memcpy(question.token, &id->token, sizeof(question.token));
	memcpy(packet, &question, sizeof(question));
	if (is_ipv4) {
		question.checksum = checksum(packet, len);
		memcpy(packet, &question, sizeof(question));
	}
	return send(fd, packet, len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

/* ---- the answer ---- */

bool echo_is_about(const struct echo_id *error, const struct echo_id *asked)
{
	return error->id == asked->id && error->seq == asked->seq;
}

bool echo_is_same(const struct echo_id *a, const struct echo_id *b)
{
	return echo_is_about(a, b) && a->token == b->token;
}

static struct echo_id id_in(const struct question *packet)
{
	struct echo_id id = { .id = packet->id, .seq = packet->seq };

	memcpy(&id.token, packet->token, sizeof(id.token));
	return id;
}

bool echo_read_answer(const uint8_t *packet, size_t len, bool is_ipv4, struct echo_id *ret)
{
	size_t skip = 0;
	struct question answer;

	if (is_ipv4 && len < IPV4_HEADER_MIN)
		return false;
	if (is_ipv4)
		skip = (size_t)(packet[0] & 0xf) * 4;
	if ((is_ipv4 && skip < IPV4_HEADER_MIN) || len < skip || len - skip < sizeof(answer))
		return false;
	memcpy(&answer, packet + skip, sizeof(answer));
	*ret = id_in(&answer);
	return answer.type == (is_ipv4 ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY) && answer.code == 0;
}

bool echo_read_quoted(const uint8_t *bytes, size_t len, bool is_ipv4, struct echo_id *ret)
{
	struct question question = { 0 };

	/* Routers need quote no more than the ICMP header. */
	if (len < ECHO_HEADER_LEN)
		return false;
	memcpy(&question, bytes, ECHO_HEADER_LEN);
	*ret = id_in(&question);
	return question.type == (is_ipv4 ? ICMP_ECHO : ICMP6_ECHO_REQUEST) && question.code == 0;
}

/* The error a control message carries; 0: none. */
static int error_in(struct msghdr *message)
{
	struct sock_extended_err extended;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		bool is_error = (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) ||
				(c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR);

		if (!is_error || c->cmsg_len < CMSG_LEN(sizeof(extended)))
			continue;
		memcpy(&extended, CMSG_DATA(c), sizeof(extended));
		return (int)extended.ee_errno;
	}
	return 0;
}

/* What an error quotes begins with the ICMP header for both families. */
static enum echo_heard receive_error(int fd, bool is_ipv4, struct echo_id *ret_id, int *ret_error)
{
	uint8_t quoted[256], control[512];
	struct iovec part = { .iov_base = quoted, .iov_len = sizeof(quoted) };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT);

	if (n < 0)
		return ECHO_EMPTY;
	*ret_error = error_in(&message);
	if (*ret_error == 0 || !echo_read_quoted(quoted, (size_t)n, is_ipv4, ret_id))
		return ECHO_NOTHING;
	return ECHO_ERROR;
}

enum echo_heard echo_receive(int fd, bool is_ipv4, struct echo_id *ret_id, int *ret_error)
{
	uint8_t packet[128]; /* header with options, and what is compared */
	ssize_t n = recv(fd, packet, sizeof(packet), MSG_DONTWAIT);

	if (n >= 0)
		return echo_read_answer(packet, (size_t)n, is_ipv4, ret_id) ? ECHO_ANSWER
									    : ECHO_NOTHING;
	/* An error, waiting in its queue with what it is about; or nothing. */
	return receive_error(fd, is_ipv4, ret_id, ret_error);
}
