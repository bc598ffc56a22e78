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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lb_service service = { .hash = LB_HASH_5_TUPLE };
	struct decap_tunnel tunnel = { 0 };
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
	if (decap_read(frame, frame + size, (__u32)size, lb_htons(6080), &tunnel) == DECAP_OPENED &&
	    ETH_HLEN + tunnel.outer_len + 20 > size)
		abort();
	free(memory);
	return 0;
}
