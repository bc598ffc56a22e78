/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decap_test.c - shoal-decap's parts on a veth: tunnelled datagrams sent on one end must reach a
 * socket bound to the VIP behind the other, and nothing else may be opened.
 *
 *     peer0 ──── up0 (shoal-decap, 10.0.0.1, fc00::1)   lo: VIPs 203.0.113.1, 2001:db8:53::1
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <netpacket/packet.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "bpf/encap.h"
#include "src/dataplane/decap.h"
#include "src/dataplane/frame.h"
#include "tests/lib/test.h"
#include "tests/packet/fixture.h"

#define VIP4 "203.0.113.1"
#define VIP6 "2001:db8:53::1"
#define PORT 5353

#define CLIENT6    "2001:db8:c::1"
#define OUTER6     "100::100:0" /* the source of tunnels */
#define MATCH_PORT 9887

static char bpffs[64];
static int raw_fd, sink_fd;
static const uint8_t up_mac[6] = { 0x02, 0, 0, 0, 0, 0x01 };

static int set_up(void **state)
{
	struct timeval timeout = { .tv_usec = 300000 };
	struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_port = htons(PORT) };
	struct sockaddr_ll to = { .sll_family = AF_PACKET };

	(void)state;
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -1;
	snprintf(bpffs, sizeof(bpffs), "/tmp/shoal-decap-XXXXXX");
	if (!mkdtemp(bpffs) || mount("bpf", bpffs, "bpf", 0, NULL) < 0)
		return -1;
	if (system("ip link set lo up && ip link add up0 address 02:00:00:00:00:01 type veth peer "
		   "name peer0 && ip link set peer0 up && ip link set up0 up && "
		   "ip addr add 10.0.0.1/24 dev up0 && ip addr add fc00::1/64 dev up0 nodad && "
		   "ip addr add " VIP4 "/32 dev lo && ip addr add " VIP6 "/128 dev lo nodad && "
		   "ip route add default via 10.0.0.254 && ip route add default via fc00::fe"))
		return -1;
	sink_fd = socket(AF_INET6, SOCK_DGRAM, 0);
	setsockopt(sink_fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	if (bind(sink_fd, (struct sockaddr *)&any, sizeof(any)) < 0)
		return -1;
	raw_fd = socket(AF_PACKET, SOCK_RAW, 0);
	to.sll_ifindex = (int)if_nametoindex("peer0");
	return bind(raw_fd, (struct sockaddr *)&to, sizeof(to));
}

static int tear_down(void **state)
{
	(void)state;
	umount(bpffs);
	return rmdir(bpffs);
}

/* Put a tunnel to `real` around a frame; gue_port 0: IPIP. */
static size_t wrap(const uint8_t *inner, size_t len, const char *real, uint16_t gue_port,
		   uint8_t *out)
{
	struct addr dst = fixture_addr(real);
	bool is_ipv6 = !addr_is_ipv4(&dst), inner_is_ipv6 = inner[14] >> 4 == 6;
	size_t ip_len = is_ipv6 ? 40 : 20, outer_len = ip_len + (gue_port ? 8 : 0);
	uint8_t proto = gue_port ? IPPROTO_UDP : inner_is_ipv6 ? 41 : 4;
	uint32_t words[4], src[4] = { htonl(0x01000000), 0, 0, 1 };

	len -= 14;
	words_from_addr(words, &dst);
	memcpy(out, up_mac, 6);
	memset(out + 6, 2, 6);
	memcpy(out + 12, is_ipv6 ? "\x86\xdd" : "\x08\x00", 2);
	if (is_ipv6)
		encap_write_ipv6(out + 14, (uint32_t)(len + outer_len - 40), 0, proto, src, words);
	else
		encap_write_ipv4(out + 14, (uint32_t)(len + outer_len), 0, proto, htonl(0xac100001),
				 words[3]);
	if (gue_port)
		encap_write_udp(out + 14 + ip_len, htons(1000), htons(gue_port), (uint32_t)len + 8,
				0);
	memcpy(out + 14 + outer_len, inner + 14, len);
	return 14 + outer_len + len;
}

/* A tunnelled frame: outer destination `real`, inner one `vip`. */
static size_t build(const char *vip, const char *real, bool is_gue, uint8_t *out)
{
	const char *client = strchr(vip, ':') ? CLIENT6 : "198.51.100.7";
	struct frame_spec spec = fixture_spec(client, vip, IPPROTO_UDP, PORT);
	uint8_t inner[FRAME_MAX];

	return wrap(inner, frame_build(&spec, inner), real, is_gue ? DECAP_GUE_PORT : 0, out);
}

/* Whether a tunnelled datagram arrives at the socket. */
static bool arrives(const char *vip, const char *real, bool is_gue)
{
	uint8_t frame[FRAME_MAX], got[FRAME_MAX];
	size_t len = build(vip, real, is_gue, frame);

	assert_int_equal(send(raw_fd, frame, len, 0), len);
	return recv(sink_fd, got, sizeof(got), 0) == 15;
}

static struct decap_options options_for(enum decap_mode mode)
{
	struct decap_options options = {
		.ifname = "up0", .bpffs = bpffs, .mode = mode, .gue_port = DECAP_GUE_PORT
	};
	struct err err = { "" };

	if (decap_vips(&options, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(options.n_vips, 2);
	return options;
}

static void check_all_pairs(enum decap_mode mode)
{
	static const char *const vips[] = { VIP4, VIP6 };
	static const char *const reals[] = { "10.0.0.1", "fc00::1" };
	struct decap_options options = options_for(mode);
	struct decap_attached attached;
	struct decap_counts counts;
	struct err err = { "" };
	enum decap_mode is;

	if (decap_attach(&options, &attached, &err) < 0)
		fail_msg("%s", err.text);
	for (int i = 0; i < 8; i++) {
		if (!arrives(vips[i & 1], reals[i >> 1 & 1], i >> 2))
			fail_msg("%s in a tunnel to %s%s did not arrive", vips[i & 1],
				 reals[i >> 1 & 1], i >> 2 ? " (GUE)" : "");
	}
	assert_int_equal(decap_status(&options, &is, &counts, &err), 0);
	assert_int_equal(is, mode);
	assert_int_equal(counts.packets[DECAP_OPENED], 8);
	assert_int_equal(counts.bytes_opened, 4 * (20 + 8 + 15) + 4 * (40 + 8 + 15));
	assert_int_equal(decap_detach(&options, &err), 0);
	assert_int_equal(decap_detach(&options, &err), -ENOENT);
	assert_false(arrives(VIP4, "10.0.0.1", false));
}

TEST(decap, opens_every_pair_by_native_xdp)
{
	check_all_pairs(DECAP_MODE_NATIVE);
}

TEST(decap, opens_every_pair_by_generic_xdp)
{
	check_all_pairs(DECAP_MODE_GENERIC);
}

TEST(decap, opens_every_pair_by_tc)
{
	check_all_pairs(DECAP_MODE_TC);
}

TEST(decap, passes_what_is_not_for_it)
{
	struct decap_options options = options_for(DECAP_MODE_AUTO);
	struct decap_attached attached;
	struct decap_counts counts;
	struct err err = { "" };
	enum decap_mode mode;

	options.n_vips = 1;
	options.vips[0] = fixture_prefix(VIP4);
	assert_int_equal(decap_attach(&options, &attached, &err), 0);
	assert_false(arrives(VIP6, "10.0.0.1", false));
	assert_false(arrives(VIP4, "10.0.0.9", false));
	assert_true(arrives(VIP4, "10.0.0.1", false));
	assert_int_equal(decap_status(&options, &mode, &counts, &err), 0);
	assert_int_equal(counts.packets[DECAP_NOT_VIP], 1);
	assert_int_equal(counts.packets[DECAP_NOT_OWN], 1);
	assert_int_equal(counts.packets[DECAP_OPENED], 1);
	assert_int_equal(decap_detach(&options, &err), 0);
}

TEST(decap, attaches_again_over_itself_and_without_a_bpffs)
{
	struct decap_options options = options_for(DECAP_MODE_AUTO);
	struct decap_attached attached;
	struct decap_counts counts;
	struct err err = { "" };
	enum decap_mode mode;

	assert_int_equal(decap_attach(&options, &attached, &err), 0);
	assert_true(attached.is_pinned);
	assert_int_equal(decap_attach(&options, &attached, &err), 0);
	options.bpffs = "/tmp/shoal-no-bpffs";
	assert_int_equal(decap_attach(&options, &attached, &err), -EBUSY);
	assert_non_null(strstr(err.text, "another --bpffs"));
	options.bpffs = bpffs;
	assert_int_equal(decap_detach(&options, &err), 0);
	options.bpffs = "/tmp/shoal-no-bpffs";
	assert_int_equal(decap_attach(&options, &attached, &err), 0);
	assert_false(attached.is_pinned);
	assert_int_equal(access(options.bpffs, F_OK), -1);
	assert_int_equal(decap_attach(&options, &attached, &err), 0);
	assert_true(arrives(VIP6, "fc00::1", true));
	assert_int_equal(decap_status(&options, &mode, &counts, &err), 0);
	assert_int_equal(counts.packets[DECAP_OPENED], 1);
	options.bpffs = bpffs;
	assert_int_equal(decap_attach(&options, &attached, &err), 0);
	assert_int_equal(decap_detach(&options, &err), 0);
}

/* A socket that stands for whoever opens the tunnels of MATCH_PORT. */
static int tunnel_socket(void)
{
	struct timeval timeout = { .tv_sec = 10 };
	struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_port = htons(MATCH_PORT) };
	int fd = socket(AF_INET6, SOCK_DGRAM, 0), yes = 1;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	assert_int_equal(setsockopt(fd, IPPROTO_UDP, UDP_NO_CHECK6_RX, &yes, sizeof(yes)), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&any, sizeof(any)), 0);
	return fd;
}

/* What arrives in a tunnel to MATCH_PORT must be a whole TCP packet from this source. */
static void check_source(int fd, const char *source)
{
	struct frame_spec spec = fixture_spec(CLIENT6, VIP6, IPPROTO_TCP, 80);
	struct addr src = fixture_addr(source);
	uint8_t inner[FRAME_MAX], frame[FRAME_MAX], got[FRAME_MAX];
	size_t len = frame_build(&spec, inner), l4_len = len - 14 - 40;
	size_t frame_len = wrap(inner, len, "fc00::1", MATCH_PORT, frame);

	assert_int_equal(send(raw_fd, frame, frame_len, 0), frame_len);
	assert_int_equal(recv(fd, got, sizeof(got), 0), len - 14);
	assert_memory_equal(got + 8, src.bytes, 16);
	assert_int_equal(frame_checksum(got + 40, l4_len,
					frame_pseudo_sum(&src, &spec.dst, IPPROTO_TCP, l4_len)),
			 0);
	memcpy(got + 8, inner + 14 + 8, 16);
	memcpy(got + 40 + 16, inner + 14 + 40 + 16, 2);
	assert_memory_equal(got, inner + 14, len - 14);
}

static void check_match(enum decap_mode mode)
{
	struct decap_options options = options_for(mode);
	struct decap_attached attached;
	struct decap_counts counts;
	struct err err = { "" };
	enum decap_mode is;
	int fd = tunnel_socket();

	options.match_port = MATCH_PORT;
	if (decap_attach(&options, &attached, &err) < 0)
		fail_msg("%s", err.text);
	check_source(fd, OUTER6);
	assert_true(arrives(VIP6, "fc00::1", true));
	assert_int_equal(decap_status(&options, &is, &counts, &err), 0);
	assert_int_equal(is, mode);
	assert_int_equal(counts.sources_matched, 1);
	assert_int_equal(counts.packets[DECAP_OPENED], 1);
	assert_int_equal(decap_detach(&options, &err), 0);
	check_source(fd, CLIENT6);
	options.match_port = 0;
	assert_int_equal(decap_attach(&options, &attached, &err), 0);
	check_source(fd, CLIENT6);
	assert_int_equal(decap_detach(&options, &err), 0);
	close(fd);
}

TEST(decap, puts_inner_sources_right_beside_xdp)
{
	check_match(DECAP_MODE_NATIVE);
}

TEST(decap, puts_inner_sources_right_beside_tc)
{
	check_match(DECAP_MODE_TC);
}

/* A TCP packet with a server id in its options, through the tunnel. */
static void send_id(uint32_t id, uint8_t flags)
{
	struct frame_spec spec = fixture_spec(CLIENT6, VIP6, IPPROTO_TCP, 80);
	uint8_t inner[FRAME_MAX], frame[FRAME_MAX], *tcp = inner + 14 + 40;
	size_t len;

	spec.tcp_flags = flags;
	len = frame_build(&spec, inner);
	tcp[12] = (20 + 8) / 4 << 4;
	memcpy(tcp + 20, "\1\1\xb7\6", 4);
	memcpy(tcp + 24, &id, sizeof(id));
	len = wrap(inner, len, "fc00::1", 0, frame);
	assert_int_equal(send(raw_fd, frame, len, 0), len);
}

static void check_ids(enum decap_mode mode)
{
	struct decap_options options = options_for(mode);
	struct decap_attached attached;
	struct decap_counts counts;
	struct err err = { "" };
	enum decap_mode is;

	options.server_id = 7;
	assert_int_equal(decap_attach(&options, &attached, &err), 0);
	send_id(7, 0);
	send_id(8, 0);
	send_id(0x1000007, 0);
	send_id(8, 0x02); /* SYN */
	assert_true(arrives(VIP4, "10.0.0.1", false));
	assert_int_equal(decap_status(&options, &is, &counts, &err), 0);
	assert_int_equal(counts.packets[DECAP_OPENED], 5);
	assert_int_equal(counts.outer_ipv4, 1);
	assert_int_equal(counts.ids, 3);
	assert_int_equal(counts.ids_misrouted, 2);
	assert_int_equal(decap_detach(&options, &err), 0);
}

TEST(decap, counts_server_ids_gone_astray)
{
	check_ids(DECAP_MODE_NATIVE);
	check_ids(DECAP_MODE_TC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(decap, opens_every_pair_by_native_xdp),
		T(decap, opens_every_pair_by_generic_xdp),
		T(decap, opens_every_pair_by_tc),
		T(decap, passes_what_is_not_for_it),
		T(decap, attaches_again_over_itself_and_without_a_bpffs),
		T(decap, puts_inner_sources_right_beside_xdp),
		T(decap, puts_inner_sources_right_beside_tc),
		T(decap, counts_server_ids_gone_astray),
	};

	fixture_need_root();
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
