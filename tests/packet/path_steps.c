/* SPDX-License-Identifier: Apache-2.0 */
/*
 * path_steps.c - what path_test drives the probe path with.
 *
 *     path_steps hold BPFFS-DIR    open the path; then a line of input a step, a line of output:
 *                                    set INDEX REAL ipip|gue UPLINK SOURCE4 SOURCE6 MAC
 *                                    del INDEX | check | totals
 *     path_steps remove BPFFS-DIR
 *     path_steps probe INDEX SOURCE VIP PORT     one marked connect(): connected, or why not
 *     path_steps listen PORT                     takes connections over both families
 *     path_steps capture UPLINK                  a line for each frame with TCP, tunnelled or plain
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "health/path.h"
#include "src/base/auto.h"

static struct err err;

/* ---- hold ---- */

static void mac_of(const char *ifname, uint8_t mac[6])
{
	struct ifreq ifr = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", ifname);
	if (ioctl(fd, SIOCGIFHWADDR, &ifr) == 0)
		memcpy(mac, ifr.ifr_hwaddr.sa_data, 6);
	close(fd);
}

static int step_set(struct health_path *path, char *args)
{
	struct health_path_target target = { .gue_port = 6080 };
	char real[64], encap[8], uplink[16], source4[64], source6[64];
	uint8_t *m = target.dst_mac;
	unsigned index;

	if (sscanf(args, "%u %63s %7s %15s %63s %63s %hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &index, real,
		   encap, uplink, source4, source6, m, m + 1, m + 2, m + 3, m + 4, m + 5) != 12)
		return err_set(&err, -EINVAL, "not understood");
	addr_parse(real, &target.real);
	target.encap = strcmp(encap, "gue") == 0 ? CONFIG_ENCAP_GUE : CONFIG_ENCAP_IPIP;
	target.has_source4 = addr_parse(source4, &target.source4) == 0;
	target.has_source6 = addr_parse(source6, &target.source6) == 0;
	target.ifindex = if_nametoindex(uplink);
	mac_of(uplink, target.src_mac);
	return health_path_set(path, HEALTH_MARK_BASE | index, &target, &err);
}

static int print_totals(struct health_path *path)
{
	const char *name;
	uint64_t value;

	for (unsigned i = 0; health_path_total(path, i, &name, &value); i++)
		printf("%s=%llu ", name, (unsigned long long)value);
	return 0;
}

/* Whether something was repaired; which parts is the caller's own business. */
static int step_check(struct health_path *path)
{
	int r = health_path_check(path, &err);

	return r > 0 ? 1 : r;
}

static int step(struct health_path *path, char *line)
{
	if (strncmp(line, "set ", 4) == 0)
		return step_set(path, line + 4);
	if (strncmp(line, "del ", 4) == 0)
		return health_path_del(path, HEALTH_MARK_BASE | (uint32_t)atoi(line + 4), &err);
	if (strcmp(line, "check") == 0)
		return step_check(path);
	if (strcmp(line, "totals") == 0)
		return print_totals(path);
	return err_set(&err, -EINVAL, "not understood");
}

static int hold(const char *dir)
{
	struct health_path *path;
	char line[256];

	if (health_path_open(dir, &path, &err) < 0) {
		printf("error %s\n", err.text);
		return 1;
	}
	puts("open");
	while (fgets(line, sizeof(line), stdin)) {
		int r;

		line[strcspn(line, "\n")] = '\0';
		r = step(path, line);
		if (r < 0)
			printf("error %s\n", err.text);
		else
			printf("%d\n", r);
	}
	health_path_close(path);
	return 0;
}

/* ---- probe ---- */

static socklen_t sockaddr_fill(struct sockaddr_storage *ss, const char *text, uint16_t port)
{
	struct sockaddr_in *sin = (struct sockaddr_in *)(void *)ss;
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)(void *)ss;

	memset(ss, 0, sizeof(*ss));
	if (inet_pton(AF_INET, text, &sin->sin_addr) == 1) {
		sin->sin_family = AF_INET;
		sin->sin_port = htons(port);
		return sizeof(*sin);
	}
	sin6->sin6_family = AF_INET6;
	sin6->sin6_port = htons(port);
	return inet_pton(AF_INET6, text, &sin6->sin6_addr) == 1 ? sizeof(*sin6) : 0;
}

static int probe(char **args)
{
	const uint32_t mark = HEALTH_MARK_BASE | (uint32_t)atoi(args[0]);
	struct sockaddr_storage from, to;
	socklen_t len = sockaddr_fill(&from, args[1], 0), error_len = sizeof(int);
	int error = 0, fd;

	sockaddr_fill(&to, args[2], (uint16_t)atoi(args[3]));
	fd = socket(from.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) < 0 ||
	    bind(fd, (struct sockaddr *)&from, len) < 0) {
		printf("%s\n", strerror(errno));
		return 1;
	}
	if (connect(fd, (struct sockaddr *)&to, len) < 0 && errno == EINPROGRESS) {
		struct pollfd p = { .fd = fd, .events = POLLOUT };

		error = poll(&p, 1, 300) == 0 ? ETIMEDOUT : 0;
		if (!error)
			getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &error_len);
	} else {
		error = errno;
	}
	puts(error ? strerror(error) : "connected");
	return error != 0;
}

static int listen_on(const char *port)
{
	struct sockaddr_storage any;
	socklen_t len = sockaddr_fill(&any, "::", (uint16_t)atoi(port));
	int fd = socket(AF_INET6, SOCK_STREAM, 0);

	if (bind(fd, (struct sockaddr *)&any, len) < 0 || listen(fd, 16) < 0) {
		perror("listen");
		return 1;
	}
	for (;;)
		close(accept(fd, NULL, NULL));
}

/* ---- capture ---- */

static uint32_t sum16(const uint8_t *bytes, size_t len, uint32_t sum)
{
	for (size_t i = 0; i < len; i++)
		sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static const char *verdict(bool good)
{
	return good ? "ok" : "BAD";
}

/* An IP packet: its addresses as text, what it carries, and whether lengths and sums are right. */
struct ip_packet {
	char src[INET6_ADDRSTRLEN], dst[INET6_ADDRSTRLEN];
	uint8_t proto, tos, ttl;
	bool is_good;
	const uint8_t *payload;
	size_t payload_len;
	uint32_t pseudo; /* sum of addresses, length and protocol */
};

static bool ip_read(const uint8_t *bytes, size_t len, struct ip_packet *ret)
{
	if (len >= 20 && bytes[0] >> 4 == 4) {
		size_t total = (size_t)bytes[2] << 8 | bytes[3];

		inet_ntop(AF_INET, bytes + 12, ret->src, sizeof(ret->src));
		inet_ntop(AF_INET, bytes + 16, ret->dst, sizeof(ret->dst));
		ret->proto = bytes[9];
		ret->tos = bytes[1];
		ret->ttl = bytes[8];
		ret->is_good = sum16(bytes, 20, 0) == 0xffff && total <= len && total >= 20;
		ret->payload = bytes + 20;
		ret->payload_len = ret->is_good ? total - 20 : 0;
		ret->pseudo = sum16(bytes + 12, 8, ret->proto + (uint32_t)ret->payload_len);
		return true;
	}
	if (len >= 40 && bytes[0] >> 4 == 6) {
		size_t payload = (size_t)bytes[4] << 8 | bytes[5];

		inet_ntop(AF_INET6, bytes + 8, ret->src, sizeof(ret->src));
		inet_ntop(AF_INET6, bytes + 24, ret->dst, sizeof(ret->dst));
		ret->proto = bytes[6];
		ret->tos = (uint8_t)(bytes[0] << 4 | bytes[1] >> 4);
		ret->ttl = bytes[7];
		ret->is_good = payload <= len - 40;
		ret->payload = bytes + 40;
		ret->payload_len = ret->is_good ? payload : 0;
		ret->pseudo = sum16(bytes + 8, 32, ret->proto + (uint32_t)ret->payload_len);
		return true;
	}
	return false;
}

static void tcp_print(const struct ip_packet *ip)
{
	const uint8_t *tcp = ip->payload;
	bool good = ip->is_good && ip->payload_len >= 20 &&
		    sum16(tcp, ip->payload_len, ip->pseudo) == 0xffff;

	printf("tcp %s > %s port %d length %s checksum %s\n", ip->src, ip->dst,
	       tcp[2] << 8 | tcp[3], verdict(ip->is_good), verdict(good));
}

static void frame_print(const uint8_t *frame, size_t len)
{
	struct ip_packet outer, inner;
	const uint8_t *bytes;
	size_t skip;

	if (len < 14 || !ip_read(frame + 14, len - 14, &outer))
		return;
	if (outer.proto == IPPROTO_TCP) {
		printf("plain ");
		tcp_print(&outer);
		return;
	}
	if (outer.proto != IPPROTO_IPIP && outer.proto != IPPROTO_IPV6 &&
	    (outer.proto != IPPROTO_UDP || outer.payload_len < 8 ||
	     (outer.payload[2] << 8 | outer.payload[3]) != 6080))
		return;
	skip = outer.proto == IPPROTO_UDP ? 8 : 0;
	bytes = outer.payload + skip;
	if (!ip_read(bytes, outer.payload_len - skip, &inner))
		return;
	printf("proto %d %s > %s ttl %d tos %d type %02x%02x to %02x:%02x:%02x:%02x:%02x:%02x: ",
	       outer.proto, outer.src, outer.dst, outer.ttl, outer.tos, frame[12], frame[13],
	       frame[0], frame[1], frame[2], frame[3], frame[4], frame[5]);
	tcp_print(&inner);
}

static int capture(const char *ifname)
{
	struct sockaddr_ll ll = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)if_nametoindex(ifname),
	};
	int fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
	uint8_t frame[4096];

	if (bind(fd, (struct sockaddr *)&ll, sizeof(ll)) < 0) {
		perror(ifname);
		return 1;
	}
	puts("ready");
	for (;;) {
		struct sockaddr_ll from = { 0 };
		socklen_t from_len = sizeof(from);
		ssize_t n =
			recvfrom(fd, frame, sizeof(frame), 0, (struct sockaddr *)&from, &from_len);

		if (n > 0 && from.sll_pkttype != PACKET_OUTGOING)
			frame_print(frame, (size_t)n);
	}
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 3 && strcmp(argv[1], "hold") == 0)
		return hold(argv[2]);
	if (argc == 3 && strcmp(argv[1], "remove") == 0) {
		if (health_path_remove(argv[2], &err) == 0)
			return 0;
		puts(err.text);
		return 1;
	}
	if (argc == 6 && strcmp(argv[1], "probe") == 0)
		return probe(argv + 2);
	if (argc == 3 && strcmp(argv[1], "listen") == 0)
		return listen_on(argv[2]);
	if (argc == 3 && strcmp(argv[1], "capture") == 0)
		return capture(argv[2]);
	fprintf(stderr, "usage: see the head of path_steps.c\n");
	return 2;
}
