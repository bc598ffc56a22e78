/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Server ids in TCP headers and datagrams: what the program's headers find is what plain code finds
 * that walks the same bytes. Input: how many bytes behind the IP header are the packet's (the rest
 * is padding, or missing), then those bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "bpf/ids.h"
#include "tests/fuzz/fuzz.h"

#define L4 (ETH_HLEN + 20)

/* ---- plain code ---- */

static uint32_t big_endian(const uint8_t *bytes, size_t n)
{
	uint32_t value = 0;

	while (n--)
		value = value << 8 | *bytes++;
	return value;
}

static uint32_t plain_tcp(const uint8_t *tcp, size_t len)
{
	size_t at = 20, end;

	if (len < 20)
		return 0;
	end = (size_t)(tcp[12] >> 4) * 4;
	if (end > len)
		return 0;
	for (int seen = 0; seen < 15 && at + 2 <= end && tcp[at] != 0; seen++) {
		if (tcp[at] == 1) {
			at++;
			continue;
		}
		if (tcp[at + 1] < 2 || at + tcp[at + 1] > end)
			return 0;
		if (tcp[at] == 0xb7) {
			uint8_t id[4] = { 0 };

			if (tcp[at + 1] == 6)
				for (int i = 0; i < 4; i++)
					id[i] = tcp[at + 5 - (size_t)i];
			return big_endian(id, 4);
		}
		at += tcp[at + 1];
	}
	return 0;
}

/* The payload's length, as far as udp says the truth. */
static size_t plain_payload(const uint8_t *udp, size_t len)
{
	size_t said = len < 8 ? 0 : big_endian(udp + 4, 2);

	return said < 8 || said > len ? 0 : said - 8;
}

static uint32_t plain_quic(const uint8_t *payload, size_t len, bool *is_initial)
{
	const uint8_t *cid = payload + 1;

	*is_initial = false;
	if (len < 9)
		return 0;
	if (payload[0] & 0x80) {
		bool is_v2;

		if (len < 14)
			return 0;
		is_v2 = big_endian(payload + 1, 4) == 0x6b3343cf;
		switch (payload[0] & 0x30) {
		case 0x00:
			*is_initial = !is_v2;
			break;
		case 0x10:
			*is_initial = true;
			break;
		case 0x20:
			*is_initial = is_v2;
			break;
		default:
			break;
		}
		if (*is_initial || payload[5] < 8 || payload[5] > 20 || 6U + payload[5] > len)
			return 0;
		cid = payload + 6;
	}
	if (cid[0] >> 6 == 1)
		return big_endian(cid, 3) >> 6 & 0xffff;
	if (cid[0] >> 6 == 2)
		return big_endian(cid + 1, 3);
	return cid[0] >> 6 == 3 ? big_endian(cid + 1, 4) : 0;
}

static uint32_t plain_stable(const uint8_t *payload, size_t len)
{
	return len < 8 || payload[0] != 0x52 ? 0 : big_endian(payload + 1, 3);
}

/* ---- comparing ---- */

static void must_be(enum ids_found found, uint32_t id, uint32_t want)
{
	if (want ? found != IDS_FOUND || id != want : found == IDS_FOUND)
		abort();
}

static void compare(const uint8_t *frame, const uint8_t *end, const struct packet *packet,
		    size_t l4_len)
{
	struct ids_payload payload = ids_udp_payload(frame, end, packet);
	size_t there = (size_t)(end - frame) - L4, plain_len;
	enum ids_found found;
	bool is_initial;
	uint32_t id = 0, want;

	/* A packet that is longer than its frame never comes this far. */
	if (l4_len > there)
		return;
	found = ids_tcp(frame, end, packet, &id);
	must_be(found, id, plain_tcp(frame + L4, l4_len));
	plain_len = plain_payload(frame + L4, l4_len);
	if (payload.len != plain_len)
		abort();
	want = plain_quic(frame + L4 + 8, plain_len, &is_initial);
	found = ids_quic(frame, end, &payload, &id);
	must_be(found, id, want);
	if ((found == IDS_INITIAL) != is_initial)
		abort();
	found = ids_stable(frame, end, &payload, &id);
	must_be(found, id, plain_stable(frame + L4 + 8, plain_len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct packet packet = { .l4_offset = L4 };
	uint8_t *memory, *frame;
	size_t l4_len;

	if (size < 1)
		return 0;
	l4_len = data[0];
	packet.l3_len = (__u16)(20 + l4_len);
	/* Two bytes before the frame align its IP header, as drivers do. */
	memory = calloc(1, 2 + L4 + size - 1);
	if (!memory)
		abort();
	frame = memory + 2;
	memcpy(frame + L4, data + 1, size - 1);
	compare(frame, frame + L4 + size - 1, &packet, l4_len);
	free(memory);
	return 0;
}
