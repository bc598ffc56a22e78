/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames through the headers of the XDP program, natively: every step that reads the packet, in
 * the program's order; and through the real's side. Any address may be a VIP here.
 */
#include <stdlib.h>
#include <string.h>

#include "bpf/decap.h"
#include "bpf/parse.h"
#include "bpf/ring.h"
#include "bpf/tcp_option.h"
#include "tests/fuzz/fuzz.h"

static int parse_l3(const uint8_t *frame, const uint8_t *end, struct packet *packet)
{
	uint32_t room = (uint32_t)(end - frame) - ETH_HLEN;
	const struct iphdr *ip4 = parse_bytes(frame, end, ETH_HLEN, sizeof(*ip4));
	const struct ipv6hdr *ip6 = parse_bytes(frame, end, ETH_HLEN, sizeof(*ip6));
	struct parse_chain chain;
	int cause;

	packet->is_ipv6 = frame[12] == 0x86;
	if (!packet->is_ipv6) {
		if (!ip4)
			return LB_PASS_TRUNCATED;
		parse_map_ipv4(packet->dst, ip4->daddr);
		parse_map_ipv4(packet->src, ip4->saddr);
		return parse_ipv4(ip4, ETH_HLEN, room, packet);
	}
	if (!ip6)
		return LB_PASS_TRUNCATED;
	parse_copy_ipv6(packet->dst, &ip6->daddr);
	parse_copy_ipv6(packet->src, &ip6->saddr);
	cause = parse_ipv6(ip6, ETH_HLEN, room, packet);
	if (cause || !parse_is_extension(packet->proto))
		return cause;
	chain = (struct parse_chain){ .offset = packet->l4_offset, .proto = packet->proto };
	cause = parse_extensions(frame, end, &chain);
	if (!cause && chain.offset > PARSE_L4_OFFSET_MAX)
		abort();
	packet->l4_offset = (__u16)chain.offset;
	packet->proto = chain.proto;
	packet->is_fragment = chain.is_fragment;
	return cause;
}

static int parse_l4(const uint8_t *frame, const uint8_t *end, struct packet *packet)
{
	if (packet->proto == IPPROTO_TCP || packet->proto == IPPROTO_UDP)
		return parse_ports(frame, end, packet);
	if (packet->is_fragment)
		return LB_DROP_FRAGMENT;
	return packet->is_ipv6 ? parse_quote6(frame, end, packet)
			       : parse_quote4(frame, end, packet);
}

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* A tunnel is opened only when what is in it is whole. */
static void check_tunnel(const uint8_t *frame, size_t size)
{
	struct decap_tunnel tunnel = { 0 };
	size_t at, len;

	if (decap_read(frame, frame + size, (__u32)size, lb_htons(6080), &tunnel) != DECAP_OPENED)
		return;
	at = ETH_HLEN + tunnel.outer_len;
	must(at + (tunnel.inner_is_ipv6 ? 40 : 20) <= size);
	must(frame[at] >> 4 == (tunnel.inner_is_ipv6 ? 6 : 4));
	len = tunnel.inner_is_ipv6 ? (size_t)(frame[at + 4] << 8 | frame[at + 5]) + 40
				   : (size_t)(frame[at + 2] << 8 | frame[at + 3]);
	must(at + len <= size);
	must(tunnel.inner_type ==
	     (tunnel.inner_is_ipv6 ? lb_htons(ETH_P_IPV6) : lb_htons(ETH_P_IP)));
}

/* The first option of a kind, as plain code finds it; 0: none. */
static size_t plain_option(const uint8_t *tcp, size_t len, uint8_t kind, uint8_t option_len)
{
	size_t at = 20, end = (size_t)(tcp[12] >> 4) * 4;

	while (at < end && at < len && tcp[at] != TCP_OPTION_END) {
		if (tcp[at] == TCP_OPTION_NOP) {
			at++;
			continue;
		}
		if (at + 2 > len || tcp[at + 1] < 2 || at + tcp[at + 1] > end)
			return 0;
		if (tcp[at] == kind)
			return tcp[at + 1] == option_len && at + option_len <= len ? at : 0;
		at += tcp[at + 1];
	}
	return 0;
}

static void check_options(const uint8_t *frame, size_t size)
{
	static const uint8_t kinds[][2] = { { TCP_OPTION_MSS, 4 }, { TCP_OPTION_SERVER_ID, 6 } };

	if (size < ETH_HLEN + 40)
		return;
	for (int i = 0; i < 2; i++) {
		size_t want = plain_option(frame + 34, size - 34, kinds[i][0], kinds[i][1]);

		must(tcp_option_find(frame, frame + size, 34, kinds[i][0], kinds[i][1]) ==
		     (want ? 34 + want : 0));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lb_service service = { .hash = LB_HASH_5_TUPLE };
	struct packet packet = { 0 };
	struct entropy entropy;
	uint8_t *memory, *frame;

	if (size < ETH_HLEN)
		return 0;
	/* Two bytes before the frame align its IP header, as drivers do. */
	memory = malloc(size + 2);
	frame = memory + 2;
	memcpy(frame, data, size);
	if (!parse_l3(frame, frame + size, &packet)) {
		if (ETH_HLEN + (size_t)packet.l3_len > size)
			abort();
		if (!parse_l4(frame, frame + size, &packet) &&
		    ring_choose(&service, &packet, &entropy, 1, 2) >= LB_RING_SLOTS)
			abort();
	}
	check_tunnel(frame, size);
	check_options(frame, size);
	free(memory);
	return 0;
}
