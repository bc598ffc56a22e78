/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frame.c - see frame.h.
 */
#include "src/dataplane/frame.h"

#include <netinet/in.h>
#include <string.h>

#define ETH_LEN  14
#define IPV4_LEN 20
#define IPV6_LEN 40
#define TCP_LEN  20
#define UDP_LEN  8

static uint8_t *put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
	return at + 2;
}

static uint32_t sum_bytes(const uint8_t *bytes, size_t len, uint32_t sum)
{
	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
	if (len % 2)
		sum += (uint32_t)bytes[len - 1] << 8;
	return sum;
}

uint16_t frame_checksum(const void *bytes, size_t len, uint32_t sum)
{
	sum = sum_bytes(bytes, len, sum);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

uint32_t frame_pseudo_sum(const struct addr *src, const struct addr *dst, uint8_t proto, size_t len)
{
	size_t n;
	const uint8_t *raw = addr_raw(src, &n);
	uint32_t sum = sum_bytes(raw, n, 0);

	raw = addr_raw(dst, &n);
	return sum_bytes(raw, n, sum) + proto + (uint32_t)len;
}

static uint8_t *put_ip(uint8_t *at, const struct frame_spec *spec, size_t l4_len)
{
	uint8_t *start = at;
	size_t n;
	const uint8_t *src = addr_raw(&spec->src, &n), *dst = addr_raw(&spec->dst, &n);

	if (addr_is_ipv4(&spec->src)) {
		*at++ = 0x45;
		*at++ = spec->tos;
		at = put16(at, (uint32_t)(IPV4_LEN + l4_len));
		at = put16(put16(at, 0), 0x4000);
		*at++ = 64;
		*at++ = spec->proto;
		at = put16(at, 0);
	} else {
		at = put16(at, 0x6000U | (uint32_t)spec->tos << 4);
		at = put16(put16(at, 0), (uint32_t)l4_len);
		*at++ = spec->proto;
		*at++ = 64;
	}
	memcpy(at, src, n);
	memcpy(at + n, dst, n);
	if (n == 4)
		put16(start + 10, frame_checksum(start, IPV4_LEN, 0));
	return at + 2 * n;
}

static void put_l4(uint8_t *l4, const struct frame_spec *spec, size_t l4_len)
{
	uint32_t pseudo = frame_pseudo_sum(&spec->src, &spec->dst, spec->proto, l4_len);
	bool is_tcp = spec->proto == IPPROTO_TCP;
	size_t header_len = is_tcp ? TCP_LEN : UDP_LEN;
	uint16_t check;

	memset(l4, 0, header_len);
	put16(put16(l4, spec->sport), spec->dport);
	if (is_tcp) {
		put16(put16(l4 + 4, spec->tcp_seq >> 16), spec->tcp_seq & 0xffff);
		l4[12] = (TCP_LEN / 4) << 4;
		l4[13] = spec->tcp_flags ? spec->tcp_flags : 0x10;
		put16(l4 + 14, 65535);
	} else {
		put16(l4 + 4, (uint32_t)l4_len);
	}
	for (size_t i = header_len; i < l4_len; i++)
		l4[i] = (uint8_t)(i - header_len);
	check = frame_checksum(l4, l4_len, pseudo);
	put16(l4 + (is_tcp ? 16 : 6), check || is_tcp ? check : 0xffff);
}

size_t frame_build(const struct frame_spec *spec, uint8_t *out)
{
	bool is_ipv4 = addr_is_ipv4(&spec->src);
	size_t l4_len =
		(size_t)(spec->proto == IPPROTO_TCP ? TCP_LEN : UDP_LEN) + spec->payload_len;
	size_t len = (size_t)(ETH_LEN + (is_ipv4 ? IPV4_LEN : IPV6_LEN)) + l4_len;
	uint8_t *l4;

	if (len > FRAME_MAX)
		return 0;
	memcpy(out, spec->dst_mac, 6);
	memcpy(out + 6, spec->src_mac, 6);
	put16(out + 12, is_ipv4 ? 0x0800 : 0x86dd);
	l4 = put_ip(out + ETH_LEN, spec, l4_len);
	put_l4(l4, spec, l4_len);
	return len;
}
