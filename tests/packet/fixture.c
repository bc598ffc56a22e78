/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/packet/fixture.h"

#include <arpa/inet.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bpf/encap.h"
#include "tests/lib/test.h"

#define LO_IFINDEX 1 /* what a test run arrives on */

const uint8_t fixture_mac[6] = { 0x02, 0, 0, 0, 0, 0x01 };
const uint8_t fixture_gateway[6] = { 0x02, 0, 0, 0, 0, 0xfe };

void fixture_need_root(void)
{
	if (geteuid() == 0)
		return;
	fprintf(stderr, "needs root to load BPF programs\n");
	exit(77);
}

struct addr fixture_addr(const char *text)
{
	struct addr addr;

	assert_int_equal(addr_parse(text, &addr), 0);
	return addr;
}

struct prefix fixture_prefix(const char *text)
{
	struct prefix prefix;

	assert_int_equal(prefix_parse(text, &prefix), 0);
	return prefix;
}

static void must(int r, const struct err *err)
{
	if (r < 0)
		fail_msg("%s", err->text);
}

void fixture_init(struct fixture *f, size_t n_pools)
{
	fixture_init_switched(f, n_pools, NULL);
}

void fixture_init_switched(struct fixture *f, size_t n_pools,
			   const struct private_switches *switches)
{
	fixture_init_flows(f, n_pools, switches, 0);
}

void fixture_init_flows(struct fixture *f, size_t n_pools, const struct private_switches *switches,
			uint64_t flow_table)
{
	struct err err = { "" };

	memset(f, 0, sizeof(*f));
	f->config.n_pools = n_pools;
	f->config.node.flow_table = flow_table;
	f->config.node.mtu_bytes = 1600;
	f->config.node.client_mtu_bytes = 1500;
	f->config.node.idle_us = 900 * USEC_PER_SEC;
	f->config.node.has_encap_source4 = true;
	f->config.node.has_encap_source6 = true;
	f->config.node.encap_source4 = fixture_addr("10.0.13.37");
	f->config.node.encap_source6 = fixture_addr("fc00:2307::1337");
	must(dataplane_open_private(&f->config, switches, &f->dp, &err), &err);
	must(uplink_set_private(f->dp, 0, "", LO_IFINDEX, fixture_mac, &err), &err);
}

void fixture_wait(struct fixture *f, usec_t us)
{
	usec_t end = clock_now(f->dp) + us, next = 0;

	for (;;) {
		next = dataplane_tick(f->dp, clock_now(f->dp));
		if (next > end)
			break;
		clock_set(f->dp, next);
	}
	clock_set(f->dp, end);
}

#undef dataplane_close
void fixture_close(struct dataplane *dp)
{
	const char *differs = dp ? mend_differs(dp) : NULL;

	if (differs)
		fail_msg("what the data plane wrote into its %s is not noted as its own", differs);
	dataplane_close(dp);
}
#define dataplane_close fixture_close

void fixture_fini(struct fixture *f)
{
	dataplane_close(f->dp);
}

uint16_t fixture_real(struct fixture *f, const char *real)
{
	struct dataplane_next_hop next_hop = { .usable = true };
	struct addr addr = fixture_addr(real);
	struct err err = { "" };
	uint16_t index;

	memcpy(next_hop.mac, fixture_gateway, 6);
	must(dataplane_set_real(f->dp, &addr, false, &index, &err), &err);
	must(dataplane_set_next_hop(f->dp, 0, &addr, &next_hop, &err), &err);
	return index;
}

uint32_t fixture_ring(struct fixture *f, const char *real)
{
	static uint16_t slots[RING_SLOTS];
	uint16_t index = fixture_real(f, real);
	struct err err = { "" };
	uint32_t ring;

	for (uint32_t i = 0; i < RING_SLOTS; i++)
		slots[i] = index;
	must(dataplane_ring_new(f->dp, &ring, &err), &err);
	must(dataplane_ring_write(f->dp, ring, slots, NULL, &err), &err);
	return ring;
}

void fixture_service(struct fixture *f, const char *vip, uint8_t proto, uint16_t port,
		     uint32_t ring)
{
	struct dataplane_service service = {
		.vip = fixture_prefix(vip), .proto = proto, .port = port, .ring = ring
	};
	struct err err = { "" };

	must(dataplane_set_service(f->dp, &service, &err), &err);
}

struct frame_spec fixture_spec(const char *src, const char *dst, uint8_t proto, uint16_t dport)
{
	struct frame_spec spec = { .src = fixture_addr(src),
				   .dst = fixture_addr(dst),
				   .proto = proto,
				   .sport = FIXTURE_PORT,
				   .dport = dport,
				   .payload_len = 15 };

	memcpy(spec.dst_mac, fixture_mac, 6);
	memcpy(spec.src_mac, fixture_gateway, 6);
	return spec;
}

int fixture_send(struct fixture *f, const uint8_t *frame, size_t len)
{
	struct err err = { "" };
	int verdict;

	f->out_len = sizeof(f->out);
	verdict = dataplane_run(f->dp, frame, len, f->out, &f->out_len, &err);
	if (verdict < 0)
		fail_msg("%s", err.text);
	f->cause = dataplane_trace(f->dp)->cause;
	return verdict;
}

int fixture_send_spec(struct fixture *f, const struct frame_spec *spec)
{
	uint8_t frame[FRAME_MAX];
	size_t len = frame_build(spec, frame);

	assert_int_not_equal(len, 0);
	return fixture_send(f, frame, len);
}

size_t fixture_wrap(const uint8_t *frame, size_t len, const char *dst, uint16_t gue_port,
		    uint8_t out[FRAME_MAX])
{
	struct addr addr = fixture_addr(dst);
	bool is_ipv6 = !addr_is_ipv4(&addr), inner_is_ipv6 = frame[12] == 0x86;
	uint32_t words[4], src[4] = { htonl(0x01000000), 0, 0, 1 };
	uint32_t ip_len = is_ipv6 ? 40 : 20, outer_len = ip_len + (gue_port ? 8 : 0);
	uint8_t proto = gue_port ? IPPROTO_UDP : inner_is_ipv6 ? 41 : 4;
	uint32_t inner_len = (uint32_t)len - 14;

	words_from_addr(words, &addr);
	memcpy(out, frame, 12);
	memcpy(out + 12, is_ipv6 ? "\x86\xdd" : "\x08\x00", 2);
	if (is_ipv6)
		encap_write_ipv6(out + 14, inner_len + outer_len - 40, 0, proto, src, words);
	else
		encap_write_ipv4(out + 14, inner_len + outer_len, 0, proto, htonl(0xac100001),
				 words[3]);
	if (gue_port)
		encap_write_udp(out + 14 + ip_len, htons(1000), htons(gue_port), inner_len + 8, 0);
	memcpy(out + 14 + outer_len, frame + 14, inner_len);
	return 14 + outer_len + inner_len;
}
