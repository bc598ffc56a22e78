/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ids_test.c - server ids natively, on exact-size heap copies so that the sanitizers see one byte
 * read too far. The program's own answers to the same are in tests/packet/special_test.c.
 */
#include "bpf/ids.h"

#include <stdlib.h>
#include <string.h>

#include "tests/lib/test.h"

#define L4 (ETH_HLEN + 20)

/* An IPv4 frame that ends right behind its L4 bytes. */
struct held {
	void *memory;
	const uint8_t *frame, *end;
	struct packet packet;
};

static struct held hold(const uint8_t *l4, size_t len)
{
	struct held held = { .memory = calloc(1, 2 + L4 + len) };

	held.frame = (uint8_t *)held.memory + 2;
	held.end = held.frame + L4 + len;
	memcpy((uint8_t *)held.memory + 2 + L4, l4, len);
	held.packet.l4_offset = L4;
	held.packet.l3_len = (__u16)(20 + len);
	return held;
}

static size_t datagram(const uint8_t *payload, size_t len, uint8_t *udp)
{
	memset(udp, 0, 8);
	udp[5] = (uint8_t)(8 + len);
	memcpy(udp + 8, payload, len);
	return 8 + len;
}

/* The id of a QUIC header; 0: none, UINT32_MAX: Initial. */
static uint32_t quic_id(const uint8_t *header, size_t len)
{
	uint8_t udp[128];
	struct held held = hold(udp, datagram(header, len, udp));
	struct ids_payload payload = ids_udp_payload(held.frame, held.end, &held.packet);
	uint32_t id = 0;
	enum ids_found found = ids_quic(held.frame, held.end, &payload, &id);

	free(held.memory);
	return found == IDS_INITIAL ? UINT32_MAX : found == IDS_FOUND ? id : 0;
}

static uint32_t stable_id(const uint8_t *header, size_t len)
{
	uint8_t udp[128];
	struct held held = hold(udp, datagram(header, len, udp));
	struct ids_payload payload = ids_udp_payload(held.frame, held.end, &held.packet);
	uint32_t id = 0;
	enum ids_found found = ids_stable(held.frame, held.end, &payload, &id);

	free(held.memory);
	return found == IDS_FOUND ? id : 0;
}

static uint32_t tcp_id(const uint8_t *options, size_t len, uint8_t header_len)
{
	uint8_t tcp[64] = { [12] = (uint8_t)(header_len / 4 << 4) };
	struct held held;
	uint32_t id = 0;

	memcpy(tcp + 20, options, len);
	held = hold(tcp, 20 + len);
	if (ids_tcp(held.frame, held.end, &held.packet, &id) != IDS_FOUND)
		id = 0;
	free(held.memory);
	return id;
}

TEST(ids, are_read_from_connection_ids_by_their_version)
{
	uint8_t header[9] = { 0x40, 0, 0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde };

	assert_int_equal(quic_id(header, 9), 0);
	header[1] = 0x41;
	assert_int_equal(quic_id(header, 9), 1 << 10 | 0x12 << 2 | 0x34 >> 6);
	header[1] = 0x7f;
	assert_int_equal(quic_id(header, 9), 0x3f << 10 | 0x12 << 2 | 0x34 >> 6);
	header[1] = 0xbf;
	assert_int_equal(quic_id(header, 9), 0x123456);
	header[1] = 0xc0;
	assert_int_equal(quic_id(header, 9), 0x12345678);
	header[2] = 0xf2;
	assert_int_equal(quic_id(header, 9), 0xf2345678);
}

TEST(ids, are_not_read_from_what_clients_chose)
{
	uint8_t header[14] = { 0xc0, 0, 0, 0, 1, 8, 0x80, 1, 2, 3 };

	assert_int_equal(quic_id(header, 14), UINT32_MAX);
	header[0] = 0xdf;
	assert_int_equal(quic_id(header, 14), UINT32_MAX);
	header[0] = 0xef;
	assert_int_equal(quic_id(header, 14), 0x010203);
	memcpy(header + 1, (uint8_t[]){ 0x6b, 0x33, 0x43, 0xcf }, 4);
	assert_int_equal(quic_id(header, 14), UINT32_MAX);
	header[0] = 0xff;
	assert_int_equal(quic_id(header, 14), 0x010203);
}

TEST(ids, are_not_read_past_the_end_of_a_datagram)
{
	static const uint8_t brief[9] = { 0x40, 0x80, 1, 2, 3 };
	static const uint8_t handshake[14] = { 0xe0, 0, 0, 0, 1, 8, 0x80, 1, 2, 3 };
	static const uint8_t stable[8] = { 0x52, 1, 2, 3 };

	for (size_t len = 0; len <= 9; len++)
		assert_int_equal(quic_id(brief, len), len == 9 ? 0x010203 : 0);
	for (size_t len = 0; len <= 14; len++)
		assert_int_equal(quic_id(handshake, len), len == 14 ? 0x010203 : 0);
	for (size_t len = 0; len <= 8; len++)
		assert_int_equal(stable_id(stable, len), len == 8 ? 0x010203 : 0);
}

TEST(ids, are_not_read_where_the_datagram_lies_about_its_length)
{
	static const uint8_t stable[8] = { 0x52, 1, 2, 3 };
	uint8_t udp[16];
	size_t len = datagram(stable, 8, udp);

	for (unsigned said = 0; said < 256; said++) {
		struct held held;
		struct ids_payload payload;

		udp[5] = (uint8_t)said;
		held = hold(udp, len);
		payload = ids_udp_payload(held.frame, held.end, &held.packet);
		assert_int_equal(payload.len, said > 8 && said <= 16 ? said - 8 : 0);
		free(held.memory);
	}
}

TEST(ids, are_read_from_an_option_as_little_endian)
{
	static const uint8_t option[] = { 0xb7, 6, 0x01, 0x02, 0x03, 0xf4, 0, 0 };

	assert_int_equal(tcp_id(option, sizeof(option), 28), 0xf4030201);
	assert_int_equal(tcp_id(option, sizeof(option), 24), 0); /* ends within the option */
	assert_int_equal(tcp_id(option, sizeof(option), 32), 0); /* ends behind the packet */
	assert_int_equal(tcp_id(option, 6, 28), 0);
	assert_int_equal(tcp_id(option, sizeof(option), 16), 0);
}

/* Every second byte of an option as its length, at every place of a whole header. */
TEST(ids, are_not_read_past_the_end_of_a_header)
{
	uint8_t options[40];

	for (unsigned len = 0; len < 256; len++) {
		for (size_t at = 0; at + 2 <= sizeof(options); at++) {
			memset(options, 3, sizeof(options));
			for (size_t i = 0; i + 2 <= at; i += 3)
				options[i + 1] = 3;
			options[at] = 0xb7;
			options[at + 1] = (uint8_t)len;
			tcp_id(options, sizeof(options), 60);
		}
	}
}

RUN_TESTS(T(ids, are_read_from_connection_ids_by_their_version),
	  T(ids, are_not_read_from_what_clients_chose),
	  T(ids, are_not_read_past_the_end_of_a_datagram),
	  T(ids, are_not_read_where_the_datagram_lies_about_its_length),
	  T(ids, are_read_from_an_option_as_little_endian),
	  T(ids, are_not_read_past_the_end_of_a_header))
