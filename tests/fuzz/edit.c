/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames through the headers of the XDP program that write packets, natively: pings answered,
 * too-big replies, MSS lowered. The first two bytes say what is done and by which size. A frame
 * ends at most three bytes before there is no memory, and what is written keeps every checksum as
 * right, or as wrong, as it was.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* In place of the kernel's, for the headers below. */
static long edit_adjust_head(struct xdp_md *ctx, int by);
static long edit_adjust_tail(struct xdp_md *ctx, int by);
static __s64 edit_csum_diff(const __be32 *from, __u32 from_len, const __be32 *to, __u32 len,
			    __u32 seed);
#define bpf_xdp_adjust_head edit_adjust_head
#define bpf_xdp_adjust_tail edit_adjust_tail
#define bpf_csum_diff       edit_csum_diff

/* Functions of a BPF program need no prototypes, and its frames are written where they lie. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#pragma GCC diagnostic ignored "-Wcast-qual"
#include "bpf/icmp.h"
#include "bpf/mss.h"
#include "bpf/parse.h"
#pragma GCC diagnostic pop
#include "tests/fuzz/fuzz.h"

#define ROOM      8192
#define FRAME_MAX 4096

static uint8_t *room; /* ROOM bytes, then a page that nobody may touch */

static void must(bool holds)
{
	if (!holds)
		abort();
}

static long edit_adjust_head(struct xdp_md *ctx, int by)
{
	uint32_t start = ctx->data + (uint32_t)by;

	if (start < (uint32_t)(uintptr_t)room || start + ETH_HLEN > ctx->data_end)
		return -1;
	ctx->data = start;
	return 0;
}

static long edit_adjust_tail(struct xdp_md *ctx, int by)
{
	uint32_t end = ctx->data_end + (uint32_t)by;

	if (by > 0 || end < ctx->data + ETH_HLEN)
		return -1;
	ctx->data_end = end;
	return 0;
}

/* The Internet sum of bytes, folded: 0xffff is 0. */
static uint32_t sum_of(const uint8_t *bytes, size_t len)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += i & 1 ? (uint32_t)bytes[i] << 8 : bytes[i];
	return (uint32_t)(sum % 0xffff);
}

static __s64 edit_csum_diff(const __be32 *from, __u32 from_len, const __be32 *to, __u32 len,
			    __u32 seed)
{
	must(!from && !from_len && len % 4 == 0);
	return (__s64)sum_of((const uint8_t *)to, len) + seed;
}

static void map_room(void)
{
	if (room)
		return;
	room = mmap(NULL, ROOM + 4096, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	must(room != MAP_FAILED && mprotect(room + ROOM, 4096, PROT_NONE) == 0);
}

static bool read_packet(struct xdp_md *ctx, struct packet *packet)
{
	const uint8_t *frame = frame_start(ctx), *end = frame_end(ctx);
	uint32_t room_len = (uint32_t)(end - frame) - ETH_HLEN;
	const void *ip;

	packet->is_ipv6 = frame[12] == 0x86;
	ip = parse_bytes(frame, end, ETH_HLEN, packet->is_ipv6 ? 40 : 20);
	if (!ip)
		return false;
	return packet->is_ipv6 ? !parse_ipv6(ip, ETH_HLEN, room_len, packet)
			       : !parse_ipv4(ip, ETH_HLEN, room_len, packet);
}

static void serve_ping(struct xdp_md *ctx, const struct packet *packet)
{
	uint8_t *frame = frame_start(ctx), *end = frame_end(ctx);
	size_t at = packet->l4_offset, len = ETH_HLEN + packet->l3_len - at;
	struct packet served = *packet;
	uint32_t ip_sum, sum;
	int cause;

	if (packet->is_fragment ||
	    parse_ends_before(packet, (uint32_t)at, sizeof(struct parse_icmp)))
		return;
	ip_sum = sum_of(frame + ETH_HLEN, 20);
	sum = sum_of(frame + at, len);
	cause = packet->is_ipv6 ? icmp_serve6(frame, end, &served)
				: icmp_serve4(frame, end, &served);
	if (cause != LB_SENT_ECHO)
		return;
	must(sum_of(frame + at, len) == sum);
	must(packet->is_ipv6 || sum_of(frame + ETH_HLEN, 20) == ip_sum);
}

static void tell_too_big(struct xdp_md *ctx, const struct packet *packet, uint32_t mtu)
{
	int cause = packet->is_ipv6 ? icmp_too_big6(ctx, mtu) : icmp_too_big4(ctx, mtu);
	const uint8_t *frame = frame_start(ctx), *end = frame_end(ctx);
	size_t ip_len = packet->is_ipv6 ? 40 : 20, len = (size_t)(end - frame) - ETH_HLEN;

	if (cause != LB_SENT_TOO_BIG)
		return;
	must(end > frame + ETH_HLEN + ip_len + 8);
	if (packet->is_ipv6) {
		uint32_t sum = sum_of(frame + ETH_HLEN + 8, len - 8) + 58 * 256U +
			       (uint32_t)lb_htons((__u16)(len - ip_len));

		must(frame[ETH_HLEN] >> 4 == 6 && sum % 0xffff == 0);
		return;
	}
	must(frame[ETH_HLEN] == 0x45 && sum_of(frame + ETH_HLEN, 20) == 0);
	must(sum_of(frame + ETH_HLEN + 20, len - 20) == 0);
}

/* Of a TCP packet: nothing but the option and the checksum changes, and the sum does not. */
static void lower_mss(struct xdp_md *ctx, const struct packet *packet, uint32_t max)
{
	static uint8_t before[FRAME_MAX];
	const uint8_t *frame = frame_start(ctx);
	size_t size = ctx->data_end - ctx->data, changed = 0;
	bool is_lowered;

	memcpy(before, frame, size);
	is_lowered = mss_clamp(ctx, packet->l4_offset, max, packet->is_ipv6);
	for (size_t i = 0; i < size; i++)
		changed += before[i] != frame[i];
	must(changed <= 4 && (is_lowered || !changed));
	if (packet->l4_offset < size)
		must(sum_of(frame + packet->l4_offset, size - packet->l4_offset) ==
		     sum_of(before + packet->l4_offset, size - packet->l4_offset));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct packet packet = { 0 };
	struct xdp_md ctx = { 0 };
	uint32_t max;

	if (size < 2 + ETH_HLEN || size > FRAME_MAX)
		return 0;
	map_room();
	max = data[1] * 8U;
	size -= 2;
	ctx.data_end = (uint32_t)(uintptr_t)(room + ROOM);
	ctx.data_end -= (uint32_t)(2 - size) & 3; /* the IP header aligned, as drivers do */
	ctx.data = ctx.data_end - (uint32_t)size;
	memcpy(frame_start(&ctx), data + 2, size);
	if (!read_packet(&ctx, &packet))
		return 0;
	if (data[0] % 3 == 0)
		lower_mss(&ctx, &packet, max);
	else if (data[0] % 3 == 1)
		tell_too_big(&ctx, &packet, max);
	else
		serve_ping(&ctx, &packet);
	return 0;
}
