/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host_echo.c - ICMP echoes to many addresses at once: whether they answer, and whether a packet
 * of full size gets there and back without being cut. Three rounds, for one may be lost.
 *
 * The sequence number says which address and size an answer is of; only that is trusted of it, with
 * the sender's address. Raw sockets get everybody's answers; ours carry our identifier.
 */
#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "src/base/auto.h"
#include "src/base/usec.h"
#include "src/cli/host.h"

#define ROUNDS      3
#define ROUND_US    (350 * USEC_PER_MSEC)
#define TARGETS_MAX 8192 /* two sequence numbers each */
#define PACKET_MAX  65535

struct pinger {
	int fds[2]; /* IPv4, IPv6; -1: none */
	uint16_t id;
	uint8_t *packet;
	struct host_echo *echoes;
	size_t n;
};

static int open_socket(bool is_ipv6)
{
	int fd = socket(is_ipv6 ? AF_INET6 : AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
			is_ipv6 ? (int)IPPROTO_ICMPV6 : (int)IPPROTO_ICMP);
	int probe = IP_PMTUDISC_PROBE, size = 4 << 20;

	if (fd < 0)
		return -1;
	if (is_ipv6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &probe, sizeof(probe));
	else
		setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &probe, sizeof(probe));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	return fd;
}

/* ICMPv6's sum is the kernel's work; IPv4's is ours. */
static uint16_t checksum(const uint8_t *bytes, size_t n)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < n; i += 2)
		sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
	if (n % 2)
		sum += (uint32_t)bytes[n - 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void send_one(const struct pinger *pinger, size_t i, bool is_full)
{
	const struct host_echo *echo = &pinger->echoes[i];
	bool is_ipv6 = !addr_is_ipv4(&echo->addr);
	size_t head = is_ipv6 ? 40 : 20,
	       len = is_full && echo->bytes > head + 8 ? echo->bytes - head : 64;
	uint16_t seq = (uint16_t)(i * 2 + is_full), sum;
	uint8_t *p = pinger->packet;
	struct sockaddr_in to4 = { .sin_family = AF_INET };
	struct sockaddr_in6 to6 = { .sin6_family = AF_INET6 };

	memset(p, 0, len);
	p[0] = is_ipv6 ? ICMP6_ECHO_REQUEST : ICMP_ECHO;
	p[4] = (uint8_t)(pinger->id >> 8);
	p[5] = (uint8_t)pinger->id;
	p[6] = (uint8_t)(seq >> 8);
	p[7] = (uint8_t)seq;
	sum = is_ipv6 ? 0 : checksum(p, len);
	p[2] = (uint8_t)(sum >> 8);
	p[3] = (uint8_t)sum;
	memcpy(&to4.sin_addr, echo->addr.bytes + 12, 4);
	memcpy(&to6.sin6_addr, echo->addr.bytes, 16);
	/* What cannot be sent has no answer, which is what there is to say. */
	if (is_ipv6)
		(void)!sendto(pinger->fds[1], p, len, 0, (struct sockaddr *)&to6, sizeof(to6));
	else
		(void)!sendto(pinger->fds[0], p, len, 0, (struct sockaddr *)&to4, sizeof(to4));
}

static void take(struct pinger *pinger, const uint8_t *icmp, size_t len, uint8_t wanted,
		 const struct addr *from)
{
	size_t seq, i;

	if (len < 8 || icmp[0] != wanted || (icmp[4] << 8 | icmp[5]) != pinger->id)
		return;
	seq = (size_t)(icmp[6] << 8 | icmp[7]);
	i = seq / 2;
	if (i >= pinger->n || !addr_eq(&pinger->echoes[i].addr, from))
		return;
	if (seq % 2)
		pinger->echoes[i].has_full = true;
	else
		pinger->echoes[i].has_short = true;
}

static void receive(struct pinger *pinger, bool is_ipv6)
{
	struct sockaddr_storage from = { 0 };
	socklen_t size = sizeof(from);
	ssize_t n;

	while ((n = recvfrom(pinger->fds[is_ipv6], pinger->packet, PACKET_MAX, 0,
			     (struct sockaddr *)&from, &size)) > 0) {
		size_t head = is_ipv6 ? 0 : (size_t)(pinger->packet[0] & 15) * 4;
		const char *raw = (const char *)&from;
		struct addr addr =
			addr_from_raw(is_ipv6 ? AF_INET6 : AF_INET,
				      raw + (is_ipv6 ? offsetof(struct sockaddr_in6, sin6_addr)
						     : offsetof(struct sockaddr_in, sin_addr)));

		if (head <= (size_t)n)
			take(pinger, pinger->packet + head, (size_t)n - head,
			     is_ipv6 ? ICMP6_ECHO_REPLY : ICMP_ECHOREPLY, &addr);
		size = sizeof(from);
	}
}

static bool is_done(const struct pinger *pinger)
{
	for (size_t i = 0; i < pinger->n; i++)
		if (!pinger->echoes[i].has_short || !pinger->echoes[i].has_full)
			return false;
	return true;
}

static void run_round(struct pinger *pinger)
{
	usec_t until = usec_now() + ROUND_US;

	for (size_t i = 0; i < pinger->n; i++) {
		if (!pinger->echoes[i].has_short)
			send_one(pinger, i, false);
		if (!pinger->echoes[i].has_full)
			send_one(pinger, i, true);
	}
	while (!is_done(pinger) && usec_now() < until) {
		struct pollfd fds[2] = { { .fd = pinger->fds[0], .events = POLLIN },
					 { .fd = pinger->fds[1], .events = POLLIN } };

		poll(fds, 2, 50);
		for (int i = 0; i < 2; i++)
			if (pinger->fds[i] >= 0)
				receive(pinger, i);
	}
}

int host_echoes(struct host_echo *echoes, size_t n)
{
	struct pinger pinger = { .fds = { open_socket(false), open_socket(true) },
				 .id = (uint16_t)getpid(),
				 .packet = malloc(PACKET_MAX),
				 .echoes = echoes,
				 .n = n < TARGETS_MAX ? n : TARGETS_MAX };
	int r = pinger.fds[0] < 0 ? -EPERM : 0;

	if (!pinger.packet)
		r = -ENOMEM;
	for (int i = 0; r == 0 && i < ROUNDS && !is_done(&pinger); i++)
		run_round(&pinger);
	for (int i = 0; i < 2; i++)
		if (pinger.fds[i] >= 0)
			close(pinger.fds[i]);
	free(pinger.packet);
	return r;
}
