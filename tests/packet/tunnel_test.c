/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tunnel_test.c - what stands around a packet on arrival: VLAN tags, which come back on whatever
 * leaves or passes, and tunnels that end at the balancer.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <string.h>

#include "src/dataplane/lb_skel.h"
#include "tests/lib/test.h"
#include "tests/packet/fixture.h"

#define ETH     14
#define MACS    12
#define VIP4    "10.200.1.1"
#define VIP6    "fc00:1::1"
#define OPEN4   "10.200.2.1" /* tunnels to these are opened */
#define OPEN6   "fc00:1404::1"
#define CLIENT4 "192.168.1.1"
#define CLIENT6 "fc00:2::1"
#define GUE     6080

static struct fixture f;
static struct addr opened[2];

static const uint8_t customer[4] = { 0x81, 0x00, 0x20, 0x64 }; /* priority 1, VLAN 100 */
static const uint8_t service[4] = { 0x88, 0xa8, 0x0f, 0xff };

static int set_up(void **state)
{
	(void)state;
	fixture_init(&f, 4);
	fixture_service(&f, VIP4, IPPROTO_TCP, 80, fixture_ring(&f, "10.0.0.1"));
	fixture_service(&f, VIP6, IPPROTO_TCP, 80, fixture_ring(&f, "fc00::1"));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	fixture_fini(&f);
	return 0;
}

static size_t build(const char *src, const char *dst, uint8_t *frame)
{
	struct frame_spec spec = fixture_spec(src, dst, IPPROTO_TCP, 80);

	return frame_build(&spec, frame);
}

/* Put tags behind the MACs; the frame's room is FRAME_MAX. */
static size_t tag(uint8_t *frame, size_t len, int n)
{
	memmove(frame + MACS + 4 * n, frame + MACS, len - MACS);
	memcpy(frame + MACS, n == 2 ? service : customer, 4);
	if (n == 2)
		memcpy(frame + MACS + 4, customer, 4);
	return len + 4 * (size_t)n;
}

static void expect(const uint8_t *frame, size_t len, int verdict, enum lb_cause cause)
{
	int got = fixture_send(&f, frame, len);

	assert_string_equal(dataplane_cause_str(f.cause), dataplane_cause_str(cause));
	assert_int_equal(got, verdict);
}

static void expect_unchanged(const uint8_t *frame, size_t len, enum lb_cause cause)
{
	expect(frame, len, XDP_PASS, cause);
	assert_int_equal(f.out_len, len);
	assert_memory_equal(f.out, frame, len);
}

static void expect_frame(const uint8_t *want, size_t len)
{
	assert_int_equal(f.out_len, len);
	assert_memory_equal(f.out, want, len);
}

static uint64_t total(const char *want)
{
	const char *name;
	uint64_t value;

	for (unsigned i = 0; dataplane_total(f.dp, i, &name, &value); i++) {
		if (!strcmp(name, want))
			return value;
	}
	fail_msg("no total '%s'", want);
	return 0;
}

/* ---- tags ---- */

/* Whatever is done with a frame that leaves by its uplink is done with the tagged one. */
static void expect_same_with_tags(const uint8_t *plain, size_t len, enum lb_cause cause)
{
	uint8_t frame[FRAME_MAX], want[FRAME_MAX];
	size_t want_len;

	for (int n = 1; n <= 2; n++) {
		expect(plain, len, XDP_TX, cause);
		memcpy(want, f.out, f.out_len);
		want_len = tag(want, f.out_len, n);
		memcpy(frame, plain, len);
		expect(frame, tag(frame, len, n), XDP_TX, cause);
		expect_frame(want, want_len);
	}
}

TEST(tags, come_back_on_what_is_forwarded)
{
	uint8_t frame[FRAME_MAX];

	expect_same_with_tags(frame, build(CLIENT4, VIP4, frame), LB_SENT_FORWARDED);
	expect_same_with_tags(frame, build(CLIENT6, VIP6, frame), LB_SENT_FORWARDED);
	assert_int_equal(total("noted/vlan"), 4);
	assert_int_equal(total("sent/forwarded"), 8);
}

TEST(tags, come_back_on_answers)
{
	struct frame_spec spec = fixture_spec(CLIENT6, VIP6, IPPROTO_TCP, 80);
	uint8_t frame[FRAME_MAX];
	size_t len = build(CLIENT4, VIP4, frame);

	frame[ETH + 9] = IPPROTO_ICMP;
	frame[ETH + 20] = 8;
	frame[ETH + 21] = 0;
	expect_same_with_tags(frame, len, LB_SENT_ECHO);
	spec.payload_len = 1500;
	expect_same_with_tags(frame, frame_build(&spec, frame), LB_SENT_TOO_BIG);
}

TEST(tags, of_the_hosts_own_traffic_are_not_touched)
{
	uint8_t frame[FRAME_MAX];
	size_t len;

	for (int n = 1; n <= 2; n++) {
		len = build(CLIENT4, "10.200.1.9", frame);
		expect_unchanged(frame, tag(frame, len, n), LB_PASS_NOT_VIP);
		len = build(CLIENT6, "fc00:1::9", frame);
		expect_unchanged(frame, tag(frame, len, n), LB_PASS_NOT_VIP);
		memset(frame + ETH, 0, 40);
		memcpy(frame + MACS, "\x08\x06", 2); /* ARP */
		expect_unchanged(frame, tag(frame, ETH + 28, n), LB_PASS_NOT_IP);
	}
	len = build(CLIENT4, VIP4, frame);
	len = tag(frame, len, 1);
	expect_unchanged(frame, tag(frame, len, 2), LB_PASS_NOT_IP); /* three */
	len = tag(frame, build(CLIENT4, VIP4, frame), 1);
	frame[5] = 0x77;
	expect_unchanged(frame, len, LB_PASS_OTHER_MAC);
}

TEST(tags, come_back_on_what_passes_to_the_host)
{
	struct prefix vip = fixture_prefix(VIP4);
	struct addr real = fixture_addr("fc00::1");
	struct err err = { "" };
	uint8_t frame[FRAME_MAX];
	uint16_t index;

	assert_int_equal(dataplane_set_vip(f.dp, &vip, CONFIG_UNSERVED_PASS, &err), 0);
	assert_int_equal(dataplane_set_real(f.dp, &real, true, &index, &err), 0);
	for (int n = 1; n <= 2; n++) {
		struct frame_spec spec = fixture_spec(CLIENT4, VIP4, IPPROTO_TCP, 81);
		size_t len = frame_build(&spec, frame);

		expect_unchanged(frame, tag(frame, len, n), LB_PASS_UNSERVED);
		len = build(CLIENT6, VIP6, frame);
		expect_unchanged(frame, tag(frame, len, n), LB_PASS_LOCAL_REAL);
	}
}

TEST(tags, stay_behind_when_another_uplink_is_taken)
{
	static const uint8_t mac1[6] = { 0x02, 0, 0, 0, 1, 0x01 };
	struct dataplane_next_hop next_hop = { .usable = false };
	struct addr real = fixture_addr("10.0.0.1");
	uint8_t frame[FRAME_MAX], want[FRAME_MAX];
	size_t len = build(CLIENT4, VIP4, frame), want_len;
	uint32_t slot = 1, lo = 1;
	struct err err = { "" };

	assert_int_equal(uplink_set_private(f.dp, 1, "", 999, mac1, &err), 0);
	assert_int_equal(dataplane_set_next_hop(f.dp, 0, &real, &next_hop, &err), 0);
	next_hop.usable = true;
	memcpy(next_hop.mac, fixture_gateway, 6);
	assert_int_equal(dataplane_set_next_hop(f.dp, 1, &real, &next_hop, &err), 0);
	assert_int_equal(
		bpf_map_update_elem(bpf_map__fd(f.dp->skel->maps.devices), &slot, &lo, BPF_ANY), 0);
	expect(frame, len, XDP_REDIRECT, LB_SENT_REDIRECTED);
	memcpy(want, f.out, f.out_len);
	want_len = f.out_len;
	expect(frame, tag(frame, len, 2), XDP_REDIRECT, LB_SENT_REDIRECTED);
	expect_frame(want, want_len);
}

/* Cut short, a frame is passed as it came or dropped; never sent before it is whole. */
static void expect_nothing_sent_of_less(const uint8_t *frame, size_t whole)
{
	for (size_t len = ETH; len < whole; len++) {
		int verdict = fixture_send(&f, frame, len);

		if (verdict == XDP_DROP)
			continue;
		assert_int_equal(verdict, XDP_PASS);
		expect_frame(frame, len);
	}
}

TEST(tags, around_a_frame_cut_short_are_survived)
{
	uint8_t frame[FRAME_MAX];
	size_t len;

	for (int n = 1; n <= 2; n++) {
		len = build(CLIENT4, VIP4, frame);
		expect_nothing_sent_of_less(frame, tag(frame, len, n));
		len = build(CLIENT6, VIP6, frame);
		expect_nothing_sent_of_less(frame, tag(frame, len, n));
	}
}

/* ---- tunnels ---- */

enum kind { BALANCE, EGRESS, LOCAL };

/* Let tunnels to both addresses be opened in one way. */
static void open_as(enum kind kind)
{
	struct config_node *node = &f.config.node;
	struct err err = { "" };

	opened[0] = fixture_addr(OPEN4);
	opened[1] = fixture_addr(OPEN6);
	node->decap_balance = node->decap_egress = node->decap_local = opened;
	node->n_decap_balance = kind == BALANCE ? 2 : 0;
	node->n_decap_egress = kind == EGRESS ? 2 : 0;
	node->n_decap_local = kind == LOCAL ? 2 : 0;
	node->decap_gue_port = GUE;
	if (dataplane_reconfigure(f.dp, &f.config, &err) < 0)
		fail_msg("%s", err.text);
}

/* As a router leaves it: one hop less. */
static void count_hop(uint8_t *frame)
{
	uint8_t *ip = frame + ETH;
	uint16_t check;

	if (frame[12] == 0x86) {
		ip[7]--;
		return;
	}
	ip[8]--;
	ip[10] = ip[11] = 0;
	check = frame_checksum(ip, 20, 0);
	ip[10] = (uint8_t)(check >> 8);
	ip[11] = (uint8_t)check;
}

/* One of the eight tunnels: inner family, outer family, encapsulation. */
struct wrapped {
	uint8_t inner[FRAME_MAX], frame[FRAME_MAX];
	size_t inner_len, len;
};

static void wrap(struct wrapped *w, int i, const char *dst4, const char *dst6)
{
	w->inner_len = build(i & 1 ? CLIENT6 : CLIENT4, i & 1 ? dst6 : dst4, w->inner);
	w->len = fixture_wrap(w->inner, w->inner_len, i & 2 ? OPEN6 : OPEN4, i & 4 ? GUE : 0,
			      w->frame);
}

TEST(balance, serves_what_is_inside_as_if_it_had_come_alone)
{
	struct wrapped w;
	uint8_t want[FRAME_MAX];
	size_t want_len;

	open_as(BALANCE);
	for (int i = 0; i < 8; i++) {
		wrap(&w, i, VIP4, VIP6);
		count_hop(w.inner);
		expect(w.inner, w.inner_len, XDP_TX, LB_SENT_FORWARDED);
		memcpy(want, f.out, f.out_len);
		want_len = f.out_len;
		expect(w.frame, w.len, XDP_TX, LB_SENT_FORWARDED);
		expect_frame(want, want_len);
		/* And in a VLAN. */
		want_len = tag(want, want_len, 2);
		expect(w.frame, tag(w.frame, w.len, 2), XDP_TX, LB_SENT_FORWARDED);
		expect_frame(want, want_len);
	}
	assert_int_equal(total("noted/tunnel-opened"), 16);
}

TEST(balance, gives_the_host_what_is_for_no_vip)
{
	struct wrapped w;

	open_as(BALANCE);
	for (int i = 0; i < 8; i++) {
		wrap(&w, i, "10.200.1.9", "fc00:1::9");
		expect(w.frame, w.len, XDP_PASS, LB_PASS_DECAPSULATED);
		count_hop(w.inner);
		expect_frame(w.inner, w.inner_len);
		expect(w.frame, tag(w.frame, w.len, 1), XDP_PASS, LB_PASS_DECAPSULATED);
		expect_frame(w.inner, tag(w.inner, w.inner_len, 1));
	}
}

TEST(egress, sends_what_is_inside_back_to_the_router)
{
	struct wrapped w;

	open_as(EGRESS);
	for (int i = 0; i < 8; i++) {
		wrap(&w, i, "10.200.1.9", "fc00:1::9");
		expect(w.frame, w.len, XDP_TX, LB_SENT_EGRESS);
		count_hop(w.inner);
		memcpy(w.inner, fixture_gateway, 6);
		memcpy(w.inner + 6, fixture_mac, 6);
		expect_frame(w.inner, w.inner_len);
	}
}

TEST(local, gives_the_host_all_and_counts_what_services_get)
{
	struct prefix vip = fixture_prefix(VIP4);
	struct wrapped w;
	uint64_t count;

	open_as(LOCAL);
	for (int i = 0; i < 8; i++) {
		wrap(&w, i, VIP4, VIP6);
		expect(w.frame, w.len, XDP_PASS, LB_PASS_DECAPSULATED);
		count_hop(w.inner);
		expect_frame(w.inner, w.inner_len);
	}
	assert_true(dataplane_service_opened(f.dp, &vip, IPPROTO_TCP, 80, &count));
	assert_int_equal(count, 4);
	assert_false(dataplane_service_opened(f.dp, &vip, IPPROTO_TCP, 81, &count));
	assert_int_equal(total("sent"), 0);
}

TEST(decap, leaves_what_is_no_tunnel_to_the_host)
{
	struct frame_spec spec = fixture_spec(CLIENT4, OPEN4, IPPROTO_UDP, GUE);
	struct wrapped w;
	size_t len;

	for (enum kind kind = BALANCE; kind <= LOCAL; kind++) {
		open_as(kind);
		len = build(CLIENT4, OPEN4, w.frame);
		expect_unchanged(w.frame, len, LB_PASS_NOT_TUNNEL);
		expect_unchanged(w.frame, tag(w.frame, len, 1), LB_PASS_NOT_TUNNEL);
		len = build(CLIENT6, OPEN6, w.frame);
		expect_unchanged(w.frame, len, LB_PASS_NOT_TUNNEL);
		/* A datagram to the port of GUE whose payload begins with 0. */
		len = frame_build(&spec, w.frame);
		expect_unchanged(w.frame, len, LB_PASS_NOT_TUNNEL);
		wrap(&w, 4, VIP4, VIP6);
		w.frame[ETH + 20 + 3]++; /* another port */
		expect_unchanged(w.frame, w.len, LB_PASS_NOT_TUNNEL);
		wrap(&w, 0, VIP4, VIP6);
		w.frame[ETH + 6] = 0x20; /* a fragment: the kernel puts them together */
		expect_unchanged(w.frame, w.len, LB_PASS_NOT_TUNNEL);
	}
}

TEST(decap, steps_over_extension_headers_of_the_tunnel)
{
	static const uint8_t limit[8] = { 41, 0, 4, 1, 4, 1, 0, 0 }; /* as Linux sends it */
	struct wrapped w;

	open_as(BALANCE);
	wrap(&w, 3, VIP4, VIP6);
	memmove(w.frame + ETH + 48, w.frame + ETH + 40, w.len - ETH - 40);
	memcpy(w.frame + ETH + 40, limit, 8);
	w.frame[ETH + 6] = IPPROTO_DSTOPTS;
	w.frame[ETH + 5] = (uint8_t)(w.frame[ETH + 5] + 8);
	expect(w.frame, w.len + 8, XDP_TX, LB_SENT_FORWARDED);
	w.frame[ETH + 41] = 20; /* a header longer than the packet */
	expect(w.frame, w.len + 8, XDP_PASS, LB_PASS_NOT_TUNNEL);
}

TEST(decap, drops_lying_lengths_by_name)
{
	struct wrapped w;

	open_as(BALANCE);
	wrap(&w, 0, VIP4, VIP6);
	w.frame[ETH + 20 + 3]++; /* the inner packet longer than the outer */
	expect(w.frame, w.len, XDP_DROP, LB_DROP_TUNNEL);
	wrap(&w, 0, VIP4, VIP6);
	w.frame[ETH + 20] = 0x44; /* a header of 16 bytes */
	expect(w.frame, w.len, XDP_DROP, LB_DROP_TUNNEL);
	wrap(&w, 0, VIP4, VIP6);
	w.frame[ETH + 20] = 0x60; /* IPv6 under protocol 4 */
	expect(w.frame, w.len, XDP_DROP, LB_DROP_TUNNEL);
	wrap(&w, 1, VIP4, VIP6);
	w.frame[ETH + 20 + 5]++;
	expect(w.frame, w.len, XDP_DROP, LB_DROP_TUNNEL);
	wrap(&w, 4, VIP4, VIP6);
	w.frame[ETH + 20 + 5]--; /* the UDP header says less */
	expect(w.frame, w.len, XDP_DROP, LB_DROP_TUNNEL);
	w.frame[ETH + 20 + 5] = (uint8_t)(w.frame[ETH + 20 + 5] + 2); /* and more than there is */
	expect(w.frame, w.len, XDP_DROP, LB_DROP_TUNNEL);
	wrap(&w, 0, VIP4, VIP6);
	w.frame[ETH + 3]++; /* the outer packet longer than the frame: the kernel's to judge */
	expect(w.frame, w.len, XDP_PASS, LB_PASS_NOT_TUNNEL);
}

TEST(decap, lets_no_packet_live_for_ever)
{
	struct wrapped w;

	for (enum kind kind = BALANCE; kind <= LOCAL; kind++) {
		open_as(kind);
		for (uint8_t ttl = 0; ttl <= 1; ttl++) {
			wrap(&w, 0, VIP4, VIP6);
			w.frame[ETH + 20 + 8] = ttl;
			expect(w.frame, w.len, XDP_DROP, LB_DROP_TTL);
			wrap(&w, 3, VIP4, VIP6);
			w.frame[ETH + 40 + 7] = ttl;
			expect(w.frame, w.len, XDP_DROP, LB_DROP_TTL);
		}
	}
}

TEST(decap, opens_one_tunnel_of_several)
{
	uint8_t twice[FRAME_MAX];
	struct wrapped w;
	size_t len;

	open_as(BALANCE);
	for (int i = 0; i < 8; i++) {
		wrap(&w, i, VIP4, VIP6);
		len = fixture_wrap(w.frame, w.len, OPEN4, 0, twice);
		expect(twice, len, XDP_PASS, LB_PASS_DECAPSULATED);
		count_hop(w.frame);
		expect_frame(w.frame, w.len);
	}
}

TEST(decap, of_a_frame_cut_short_is_survived)
{
	struct wrapped w;

	for (enum kind kind = BALANCE; kind <= LOCAL; kind++) {
		open_as(kind);
		for (int i = 0; i < 8; i++) {
			wrap(&w, i, VIP4, VIP6);
			expect_nothing_sent_of_less(w.frame, w.len);
			expect_nothing_sent_of_less(w.frame, tag(w.frame, w.len, 1) - 1);
		}
	}
}

TEST(decap, follows_a_reload)
{
	struct prefix prefix = fixture_prefix(OPEN4);
	struct err err = { "" };
	struct wrapped w;

	wrap(&w, 0, VIP4, VIP6);
	expect_unchanged(w.frame, w.len, LB_PASS_NOT_VIP);
	open_as(BALANCE);
	expect(w.frame, w.len, XDP_TX, LB_SENT_FORWARDED);
	open_as(EGRESS);
	expect(w.frame, w.len, XDP_TX, LB_SENT_EGRESS);
	f.config.node.n_decap_egress = 0;
	assert_int_equal(dataplane_reconfigure(f.dp, &f.config, &err), 0);
	expect_unchanged(w.frame, w.len, LB_PASS_NOT_VIP);

	/* An address is one thing at a time, and a refused reload changes nothing. */
	assert_int_equal(dataplane_set_vip(f.dp, &prefix, CONFIG_UNSERVED_DROP, &err), 0);
	f.config.node.n_decap_local = 2;
	assert_int_equal(dataplane_reconfigure(f.dp, &f.config, &err), -EBUSY);
	assert_non_null(strstr(err.text, OPEN4 " is still a VIP"));
	wrap(&w, 2, VIP4, VIP6);
	expect_unchanged(w.frame, w.len, LB_PASS_NOT_VIP);
	assert_int_equal(dataplane_del_vip(f.dp, &prefix, &err), 0);
	assert_int_equal(dataplane_reconfigure(f.dp, &f.config, &err), 0);
	assert_int_equal(dataplane_set_vip(f.dp, &prefix, CONFIG_UNSERVED_DROP, &err), -EBUSY);
	assert_non_null(strstr(err.text, "decap"));
	expect(w.frame, w.len, XDP_PASS, LB_PASS_DECAPSULATED);
}

#define S(subject, behaviour)                                                                      \
	cmocka_unit_test_setup_teardown(subject##_##behaviour, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		S(tags, come_back_on_what_is_forwarded),
		S(tags, come_back_on_answers),
		S(tags, of_the_hosts_own_traffic_are_not_touched),
		S(tags, come_back_on_what_passes_to_the_host),
		S(tags, stay_behind_when_another_uplink_is_taken),
		S(tags, around_a_frame_cut_short_are_survived),
		S(balance, serves_what_is_inside_as_if_it_had_come_alone),
		S(balance, gives_the_host_what_is_for_no_vip),
		S(egress, sends_what_is_inside_back_to_the_router),
		S(local, gives_the_host_all_and_counts_what_services_get),
		S(decap, leaves_what_is_no_tunnel_to_the_host),
		S(decap, steps_over_extension_headers_of_the_tunnel),
		S(decap, drops_lying_lengths_by_name),
		S(decap, lets_no_packet_live_for_ever),
		S(decap, opens_one_tunnel_of_several),
		S(decap, of_a_frame_cut_short_is_survived),
		S(decap, follows_a_reload),
	};

	fixture_need_root();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
