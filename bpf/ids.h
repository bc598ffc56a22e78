/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ids.h - server ids that clients' packets carry: in QUIC connection ids, in a TCP option, in the
 * payload of stable UDP. The formats are katran's.
 *
 * Offsets count from the start of the frame. Nothing is read behind the IP packet (frames are
 * padded) nor, in UDP, behind the datagram; a packet whose lengths lie carries no id.
 */
#pragma once

#include "bpf/base.h"
#include "bpf/parse.h"

enum ids_found {
	IDS_NONE,
	IDS_INITIAL, /* QUIC Initial or 0-RTT: the client's own random connection id */
	IDS_FOUND,
};

/* The payload of a datagram. */
struct ids_payload {
	__u32 offset;
	__u32 len;
};

LB_INLINE const __u8 *ids_bytes(const void *frame, const void *end,
				const struct ids_payload *payload, __u32 len)
{
	return payload->len < len ? NULL : parse_bytes(frame, end, payload->offset, len);
}

/* Where the payload of the packet's datagram stands; of length 0 when the lengths lie. */
LB_INLINE struct ids_payload ids_udp_payload(const void *frame, const void *end,
					     const struct packet *packet)
{
	__u32 offset = parse_l4_offset(packet), room = ETH_HLEN + packet->l3_len;
	struct ids_payload payload = { .offset = offset + (__u32)sizeof(struct udphdr) };
	const __u8 *udp = parse_bytes(frame, end, offset, sizeof(struct udphdr));
	__u32 len;

	if (!udp)
		return payload;
	len = lb_ntohs(LB_LOAD(__be16, udp + 4));
	if (len > sizeof(struct udphdr) && offset + len <= room)
		payload.len = len - (__u32)sizeof(struct udphdr);
	return payload;
}

/* ---- QUIC ---- */

#define IDS_QUIC_LONG      0x80
#define IDS_QUIC_TYPE(b)   ((__u32)(b) >> 4 & 3)
#define IDS_QUIC_HANDSHAKE 2 /* types below it: Initial, 0-RTT */
#define IDS_QUIC_V2        0x6b3343cfU
#define IDS_QUIC_CID       8 /* bytes of a connection id that can hold a server id */
#define IDS_QUIC_CID_MAX   20
#define IDS_QUIC_CID_PLACE 6 /* in a long header, behind flags, version and length */

/* The id in a connection id: its first two bits say how wide it is. 0 is none. */
LB_INLINE __u32 ids_of_cid(const __u8 *cid)
{
	switch (cid[0] >> 6) {
	case 1:
		return (__u32)(cid[0] & 0x3f) << 10 | (__u32)cid[1] << 2 | (__u32)cid[2] >> 6;
	case 2:
		return (__u32)cid[1] << 16 | (__u32)cid[2] << 8 | cid[3];
	case 3:
		return (__u32)cid[1] << 24 | (__u32)cid[2] << 16 | (__u32)cid[3] << 8 | cid[4];
	default:
		return 0;
	}
}

/* The type of a long header as QUIC version 1 numbers them; version 2 counts one further (RFC 9369
 * section 3.2). */
LB_INLINE __u32 ids_quic_type(const __u8 *header)
{
	__u32 type = IDS_QUIC_TYPE(header[0]);

	if (LB_LOAD(__be32, header + 1) == lb_htonl(IDS_QUIC_V2))
		type = (type - 1) & 3;
	return type;
}

/* A header of RFC 8999 at the payload's start. *id is written when it is IDS_FOUND. */
LB_INLINE enum ids_found ids_quic(const void *frame, const void *end,
				  const struct ids_payload *payload, __u32 *id)
{
	const __u8 *header = ids_bytes(frame, end, payload, 1 + IDS_QUIC_CID), *cid;
	__u32 cid_len;

	if (!header)
		return IDS_NONE;
	cid = header + 1;
	if (header[0] & IDS_QUIC_LONG) {
		header = ids_bytes(frame, end, payload, IDS_QUIC_CID_PLACE + IDS_QUIC_CID);
		if (!header)
			return IDS_NONE;
		if (ids_quic_type(header) < IDS_QUIC_HANDSHAKE)
			return IDS_INITIAL;
		cid_len = header[5];
		if (cid_len < IDS_QUIC_CID || cid_len > IDS_QUIC_CID_MAX ||
		    IDS_QUIC_CID_PLACE + cid_len > payload->len)
			return IDS_NONE;
		cid = header + IDS_QUIC_CID_PLACE;
	}
	*id = ids_of_cid(cid);
	return *id ? IDS_FOUND : IDS_NONE;
}

/* ---- stable UDP ---- */

#define IDS_STABLE_TYPE 0x52
#define IDS_STABLE_LEN  8

LB_INLINE enum ids_found ids_stable(const void *frame, const void *end,
				    const struct ids_payload *payload, __u32 *id)
{
	const __u8 *header = ids_bytes(frame, end, payload, IDS_STABLE_LEN);

	if (!header || header[0] != IDS_STABLE_TYPE)
		return IDS_NONE;
	*id = (__u32)header[1] << 16 | (__u32)header[2] << 8 | header[3];
	return *id ? IDS_FOUND : IDS_NONE;
}

/* ---- TCP ---- */

#define IDS_TCP_OPTION     0xb7
#define IDS_TCP_OPTION_LEN 6
#define IDS_TCP_OPTIONS    15 /* looked at; as many as katran */
#define IDS_TCP_AT_MASK    63 /* a header has at most 60 bytes */
#define IDS_TCP_END        0
#define IDS_TCP_NOP        1

/* One option at `at` of the header, which is len long. Returns how far to go on, 0 to stop. */
LB_INLINE __u32 ids_tcp_option(const __u8 *header, const void *end, __u32 at, __u32 len, __u32 *id)
{
	const __u8 *option = header + at;
	__u32 option_len;

	/* What fewer than two bytes hold is no id. */
	if (at + 2 > len || option + 2 > (const __u8 *)end)
		return 0;
	if (option[0] == IDS_TCP_NOP)
		return 1;
	option_len = option[1];
	if (option[0] == IDS_TCP_END || option_len < 2 || at + option_len > len)
		return 0;
	if (option[0] != IDS_TCP_OPTION)
		return option_len;
	if (option_len == IDS_TCP_OPTION_LEN && option + IDS_TCP_OPTION_LEN <= (const __u8 *)end)
		*id = LB_LOAD(__u32, option + 2); /* servers write it as their CPU does */
	return 0;
}

/* The server-id option of a TCP segment. *id is written when it is IDS_FOUND. */
LB_INLINE enum ids_found ids_tcp(const void *frame, const void *end, const struct packet *packet,
				 __u32 *id)
{
	__u32 offset = parse_l4_offset(packet), room = ETH_HLEN + packet->l3_len;
	const __u8 *header = parse_bytes(frame, end, offset, sizeof(struct tcphdr));
	__u32 at = sizeof(struct tcphdr), len, found = 0;
	int i;

	if (!header)
		return IDS_NONE;
	len = (__u32)(header[12] >> 4) * 4;
	if (offset + len > room)
		return IDS_NONE;
	for (i = 0; i < IDS_TCP_OPTIONS; i++) {
		__u32 step = ids_tcp_option(header, end, at, len, &found);

		if (!step)
			break;
		at += step;
		LB_FORGET(at);
		at &= IDS_TCP_AT_MASK; /* the bound for the verifier */
	}
	*id = found;
	return found ? IDS_FOUND : IDS_NONE;
}
