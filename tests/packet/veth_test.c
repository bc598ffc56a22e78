/* SPDX-License-Identifier: Apache-2.0 */
/*
 * veth_test.c - frames over real interfaces, where test runs do not reach: packets of many pages,
 * which generic XDP gives the program in one piece, and two uplinks with next hops of their own.
 * veth pairs in a network namespace of its own and a bpffs mounted for the test.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/lib/test.h"
#include "tests/packet/fixture.h"

#define UPLINKS    2
#define ROOM       70000
#define DEADLINE_S 20
#define VIP        "10.200.1.1"
#define GUE_PORT   6080
#define IP         14 /* of a frame */

static char bpffs[64];
static char dir[96];
static struct config config;
static struct dataplane *dp;
static int wires[UPLINKS]; /* packet sockets on the far ends */
static uint8_t sent[ROOM], got[ROOM];

static const uint8_t macs[UPLINKS][6] = { { 2, 0, 0, 0, 0, 1 }, { 2, 0, 0, 0, 0, 2 } };

static int make_uplink(int i)
{
	char command[512];

	snprintf(command, sizeof(command),
		 "ip link add up%d address 02:00:00:00:00:0%d mtu 65535 type veth "
		 "peer name peer%d mtu 65535 && "
		 "sysctl -qw net.ipv6.conf.up%d.disable_ipv6=1 net.ipv6.conf.peer%d.disable_ipv6=1 "
		 "&& ip link set up%d up && ip link set peer%d up && "
		 "ethtool -K up%d rxvlan off rx-vlan-stag-hw-parse off gro off >/dev/null",
		 i, i + 1, i, i, i, i, i, i);
	return system(command);
}

static int open_wire(int i)
{
	char name[16];
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL)), big = 1 << 22;

	snprintf(name, sizeof(name), "peer%d", i);
	at.sll_ifindex = (int)if_nametoindex(name);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &big, sizeof(big));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &big, sizeof(big));
	return fd;
}

static int set_up(void **state)
{
	struct err err = { "" };

	(void)state;
	config = (struct config){ .n_pools = 4 };
	config.node.idle_us = 900 * USEC_PER_SEC;
	config.node.has_encap_source4 = config.node.has_encap_source6 = true;
	config.node.encap_source4 = fixture_addr("10.0.9.9");
	config.node.encap_source6 = fixture_addr("fc00:9::9");
	/* A mount namespace of our own: nothing to clean up outside, however the test ends. */
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("sysfs", "/sys", "sysfs", 0, NULL) < 0)
		return -1;
	snprintf(bpffs, sizeof(bpffs), "/tmp/shoal-veth-XXXXXX");
	if (!mkdtemp(bpffs) || mount("bpf", bpffs, "bpf", 0, NULL) < 0)
		return -1;
	snprintf(dir, sizeof(dir), "%s/shoal", bpffs);
	for (int i = 0; i < UPLINKS; i++) {
		if (make_uplink(i))
			return -1;
		wires[i] = open_wire(i);
		if (wires[i] < 0)
			return -1;
	}
	if (dataplane_open(dir, &config, &dp, &err) < 0)
		fail_msg("%s", err.text);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	for (int i = 0; i < UPLINKS; i++)
		close(wires[i]);
	dataplane_close(dp);
	dataplane_remove(dir, NULL);
	umount(bpffs);
	return rmdir(bpffs);
}

/* ---- the node ---- */

static void attach(uint32_t i, enum config_xdp_mode mode)
{
	struct err err = { "" };
	char name[16];

	snprintf(name, sizeof(name), "up%u", i);
	if (dataplane_attach(dp, i, name, if_nametoindex(name), macs[i], mode, &err) < 0)
		fail_msg("%s", err.text);
}

/* A veth end takes what its peer transmits by XDP only while it has a program itself. */
static void catch_on_peer(int i)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	char name[16];
	int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "catch", "GPL", insns, 2, NULL);

	snprintf(name, sizeof(name), "peer%d", i);
	assert_true(fd >= 0);
	assert_int_equal(bpf_xdp_attach((int)if_nametoindex(name), fd, XDP_FLAGS_DRV_MODE, NULL),
			 0);
	close(fd);
}

/* The MAC of the next hop to a real on an uplink. */
static void next_hop_mac(uint8_t mac[6], uint32_t uplink, uint8_t real)
{
	memcpy(mac, (uint8_t[]){ 2, 9, 9, 9, (uint8_t)uplink, real }, 6);
}

/* Where the real is reached: a bit for each uplink. */
static void reach(uint8_t real, uint32_t uplinks)
{
	struct err err = { "" };
	struct addr addr;
	char text[32];

	snprintf(text, sizeof(text), "10.0.0.%u", real);
	addr = fixture_addr(text);
	for (uint32_t i = 0; i < UPLINKS; i++) {
		struct dataplane_next_hop next_hop = { .usable = uplinks >> i & 1 };

		next_hop_mac(next_hop.mac, i, real);
		assert_int_equal(dataplane_set_next_hop(dp, i, &addr, &next_hop, &err), 0);
	}
}

/* A service of one real, 10.0.0.REAL, on this port. */
static void serve(uint8_t real, struct dataplane_service service)
{
	static uint16_t slots[RING_SLOTS];
	struct err err = { "" };
	struct addr addr;
	uint16_t index;
	char text[32];

	snprintf(text, sizeof(text), "10.0.0.%u", real);
	addr = fixture_addr(text);
	assert_int_equal(dataplane_set_real(dp, &addr, false, &index, &err), 0);
	for (uint32_t i = 0; i < RING_SLOTS; i++)
		slots[i] = index;
	assert_int_equal(dataplane_ring_new(dp, &service.ring, &err), 0);
	assert_int_equal(dataplane_ring_write(dp, service.ring, slots, NULL, &err), 0);
	service.vip = fixture_prefix(VIP);
	if (dataplane_set_service(dp, &service, &err) < 0)
		fail_msg("%s", err.text);
}

static uint64_t total(const char *word)
{
	const char *name;
	uint64_t value;

	for (unsigned i = 0; dataplane_total(dp, i, &name, &value); i++)
		if (!strcmp(name, word))
			return value;
	fail_msg("no counter %s", word);
	return 0;
}

/* ---- frames ---- */

/* Put a frame on the wire of an uplink. */
static void put(int wire, size_t len)
{
	assert_int_equal(send(wires[wire], sent, len, 0), (ssize_t)len);
}

static int ms_left(usec_t deadline)
{
	usec_t now = usec_now();

	return now < deadline ? (int)((deadline - now) / 1000) + 1 : 0;
}

/* The next frame to this MAC that comes out on the wire of an uplink, into got; its length. */
static size_t take(int wire, const uint8_t mac[6])
{
	usec_t deadline = usec_now() + DEADLINE_S * USEC_PER_SEC;
	struct pollfd wait = { .fd = wires[wire], .events = POLLIN };

	while (poll(&wait, 1, ms_left(deadline)) == 1) {
		ssize_t len = recv(wires[wire], got, sizeof(got), MSG_DONTWAIT);

		if (len > IP && !memcmp(got, mac, 6))
			return (size_t)len;
	}
	fail_msg("nothing came out of up%d", wire);
	return 0;
}

static void put16(uint8_t *to, size_t value)
{
	to[0] = (uint8_t)(value >> 8);
	to[1] = (uint8_t)value;
}

/* The first fragment of a datagram, so many bytes of IPv4, of no pattern. Returns the frame's
 * length. */
static size_t build_fragment(size_t len)
{
	struct frame_spec spec = fixture_spec("192.168.1.1", VIP, IPPROTO_UDP, 80);

	memcpy(spec.dst_mac, macs[0], 6);
	frame_build(&spec, sent);
	srandom((unsigned)len);
	for (size_t i = IP + 28; i < IP + len; i++)
		sent[i] = (uint8_t)random();
	put16(sent + IP + 2, len);
	put16(sent + IP + 6, 0x2000);
	put16(sent + IP + 10, 0);
	put16(sent + IP + 10, ntohs(frame_checksum(sent + IP, 20, 0)));
	return IP + len;
}

/* What was taken is the packet that was put, in GUE over IPv4 with a right sum. */
static void expect_gue(size_t len)
{
	size_t udp_len = 8 + len;
	struct addr src = fixture_addr("10.0.9.9"), dst = fixture_addr("10.0.0.1");

	assert_memory_equal(got + IP + 12, src.bytes + 12, 4);
	assert_memory_equal(got + IP + 16, dst.bytes + 12, 4);
	assert_int_equal(got[IP + 24] << 8 | got[IP + 25], udp_len);
	assert_int_not_equal(got[IP + 26] | got[IP + 27], 0);
	assert_memory_equal(got + IP + 28, sent + IP, len);
	if (frame_checksum(got + IP + 20, udp_len,
			   frame_pseudo_sum(&src, &dst, IPPROTO_UDP, udp_len)) != 0)
		fail_msg("%zu bytes: wrong checksum", len);
}

/* ---- long packets ---- */

static void serve_fragments(void)
{
	attach(0, CONFIG_XDP_GENERIC);
	serve(1, (struct dataplane_service){ .proto = IPPROTO_UDP,
					     .encap = CONFIG_ENCAP_GUE,
					     .gue_port = GUE_PORT,
					     .hash = CONFIG_HASH_SOURCE_IP });
	reach(1, 1);
}

TEST(long_packet, is_summed_to_its_end)
{
	static const size_t lens[] = { 28,    29,    1500,  4081,  4082,      4096,
				       4200,  8999,  9000,  9216,  32768,     65000,
				       65279, 65280, 65281, 65406, LB_SUM_MAX };
	uint8_t mac[6];

	serve_fragments();
	next_hop_mac(mac, 0, 1);
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		put(0, build_fragment(lens[i]));
		take(0, mac);
		expect_gue(lens[i]);
	}
}

TEST(long_packet, that_cannot_be_summed_is_too_big)
{
	usec_t deadline = usec_now() + DEADLINE_S * USEC_PER_SEC;

	serve_fragments();
	put(0, build_fragment(LB_SUM_MAX + 1));
	while (!total("dropped/too-big") && usec_now() < deadline)
		poll(NULL, 0, 1);
	assert_int_equal(total("dropped/too-big"), 1);
	assert_int_equal(total("sent"), 0);
}

/* ---- several uplinks ---- */

/* A client's SYN to a port arrives by this uplink. */
static void put_syn(int arrival, uint16_t port)
{
	struct frame_spec spec = fixture_spec("192.168.1.1", VIP, IPPROTO_TCP, port);

	memcpy(spec.dst_mac, macs[arrival], 6);
	spec.tcp_flags = 0x02;
	put(arrival, frame_build(&spec, sent));
}

/* What arrives by one uplink for a real leaves by another (or the same), by that one's next hop. */
static void expect_way(int arrival, uint8_t real, int departure)
{
	uint8_t mac[6];

	put_syn(arrival, 80 + real);
	next_hop_mac(mac, (uint32_t)departure, real);
	take(departure, mac);
	assert_memory_equal(got + 6, macs[departure], 6);
	assert_memory_equal(got + IP + 16, ((uint8_t[]){ 10, 0, 0, real }), 4);
	assert_memory_equal(got + IP + 20, sent + IP, 40);
}

static void expect_ways(enum config_xdp_mode mode)
{
	for (uint32_t i = 0; i < UPLINKS; i++)
		attach(i, mode);
	for (uint8_t real = 1; real <= 3; real++) {
		serve(real, (struct dataplane_service){ .proto = IPPROTO_TCP, .port = 80 + real });
		reach(real, real); /* 1: by up0, 2: by up1, 3: by both */
	}
	expect_way(0, 1, 0);
	expect_way(0, 2, 1);
	expect_way(0, 3, 0);
	expect_way(1, 1, 0);
	expect_way(1, 2, 1);
	expect_way(1, 3, 1);
	assert_int_equal(total("sent/forwarded"), 4);
	assert_int_equal(total("sent/redirected"), 2);
	reach(3, 1); /* up1 loses it */
	expect_way(1, 3, 0);
	assert_int_equal(total("sent/redirected"), 3);
	reach(3, 0);
	put_syn(1, 83);
	for (usec_t deadline = usec_now() + DEADLINE_S * USEC_PER_SEC;
	     !total("dropped/no-next-hop") && usec_now() < deadline;)
		poll(NULL, 0, 1);
	assert_int_equal(total("dropped/no-next-hop"), 1);
}

TEST(uplinks, each_send_by_their_own_next_hop_or_by_the_other_natively)
{
	/* Less than a page: what native XDP takes. */
	assert_int_equal(system("for i in up0 peer0 up1 peer1; do ip link set $i mtu 1600; done"),
			 0);
	for (int i = 0; i < UPLINKS; i++)
		catch_on_peer(i);
	expect_ways(CONFIG_XDP_NATIVE);
}

TEST(uplinks, each_send_by_their_own_next_hop_or_by_the_other_in_generic_mode)
{
	expect_ways(CONFIG_XDP_GENERIC);
}

int main(void)
{
#define V(subject, behaviour)                                                                      \
	{                                                                                          \
#subject ": " #behaviour, subject##_##behaviour, set_up, tear_down, NULL           \
	}
	const struct CMUnitTest tests[] = {
		V(long_packet, is_summed_to_its_end),
		V(long_packet, that_cannot_be_summed_is_too_big),
		V(uplinks, each_send_by_their_own_next_hop_or_by_the_other_natively),
		V(uplinks, each_send_by_their_own_next_hop_or_by_the_other_in_generic_mode),
	};

	fixture_need_root();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
