/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * lb_abi.h - what the XDP program and user space share: tables, counters, causes.
 *
 * The tables are one global of the program (pinned as `tables`), the rings and counters are
 * mmapable arrays (`rings`, `counters`), prefix VIPs are an LPM trie (`prefixes`). User space is
 * the only writer of tables and rings, the program the only writer of counters.
 *
 * How records are published: whatever a packet follows is a single word (a cell, a slot, a next
 * hop) stored after the record it names is complete. A record in use is never edited but in
 * fields of one word; a change writes a spare record and swaps the word. Readers need no lock.
 *
 * The layout is pinned and outlives processes: LB_ABI_VERSION rises with any change of it.
 */
#pragma once

#include <linux/types.h>

#define LB_ABI_VERSION 1

#define LB_UPLINKS        8
#define LB_UPLINK_CELLS   (LB_UPLINKS + 1) /* the last one is the self-test's */
#define LB_UPLINK_RECORDS 32
#define LB_REALS          65536 /* index 0 is never a real; at most 60,000 in use */
#define LB_REALS_MAX      60000
#define LB_RING_SLOTS     65537
#define LB_RING_WORDS     65538 /* a ring in memory, padded to 8 bytes */
#define LB_VIPS           8192
#define LB_VIP_CELLS_LOG2 15
#define LB_SERVICES       16384
#define LB_SVC_CELLS_LOG2 16
#define LB_PROBES         8 /* cells looked at from a key's place on */
#define LB_VIP_CELLS      ((1 << LB_VIP_CELLS_LOG2) + LB_PROBES)
#define LB_SVC_CELLS      ((1 << LB_SVC_CELLS_LOG2) + LB_PROBES)
#define LB_PREFIXES       4096
#define LB_NONE           0xffffffffU /* no such index */

/* The seeds of a default katran build; a fleet's hash-key replaces both. */
#define LB_HASH_SEED    33554944U
#define LB_HASH_SEED_V6 512U

/*
 * How a packet ends. X(enumerator, word): the word is for people, metrics and JSON. The order is
 * sent, passed, dropped; LB_PASS_FIRST and LB_DROP_FIRST follow from it.
 */
#define LB_SENT_CAUSES(X)                                                                          \
	X(FORWARDED, "forwarded")   /* to a real, out of the uplink it came in on */               \
	X(REDIRECTED, "redirected") /* to a real, out of another uplink */                         \
	X(ECHO, "echo-reply")       /* ping to a VIP */                                            \
	X(TOO_BIG, "too-big-reply") /* the client is told the largest size */
#define LB_PASS_CAUSES(X)                                                                          \
	X(NOT_UPLINK, "not-an-uplink") /* the interface is not (any more) one of ours */           \
	X(OTHER_MAC, "other-mac")      /* not addressed to the uplink itself */                    \
	X(NOT_IP, "not-ip")                                                                        \
	X(NOT_VIP, "not-a-vip")                                                                    \
	X(TRUNCATED, "truncated")      /* too short to hold its IP header */                       \
	X(UNSERVED, "unserved-passed") /* VIP without such a service, `unserved: pass` */          \
	X(LOCAL_REAL, "local-real")    /* the real is this host */                                 \
	X(NEIGHBOUR, "neighbour")      /* ICMPv6 neighbour discovery */
#define LB_DROP_CAUSES(X)                                                                          \
	X(UNSERVED, "unserved")         /* VIP without such a service */                           \
	X(MALFORMED_IP, "malformed-ip") /* to a VIP: bad version, header or total length */        \
	X(MALFORMED_L4, "malformed-l4") /* to a VIP: no whole TCP, UDP or ICMP header */           \
	X(EXT_HEADERS, "ext-headers")   /* to a VIP: too long a chain of IPv6 headers */           \
	X(FRAGMENT, "fragment")         /* to a VIP whose service needs ports */                   \
	X(ICMP_QUOTE, "icmp-quote")     /* ICMP error whose quoted packet names no flow */         \
	X(NO_REAL, "no-real")           /* the slot names none */                                  \
	X(REAL_GONE, "real-gone")       /* the slot names a real without record */                 \
	X(NO_NEXT_HOP, "no-next-hop")   /* no uplink reaches the real */                           \
	X(PACKET_TOO_BIG, "too-big")    /* an oversize packet that must not be answered */         \
	X(NO_SOURCE, "no-encap-source") /* GUE without a source address of that family */          \
	X(NO_ROOM, "no-head-room")      /* the driver leaves no room for the outer header */       \
	X(NO_RING, "no-ring")           /* the service's ring is not there */

enum lb_cause {
#define X(name, word) LB_SENT_##name,
	LB_SENT_CAUSES(X)
#undef X
#define X(name, word) LB_PASS_##name,
		LB_PASS_CAUSES(X)
#undef X
#define X(name, word) LB_DROP_##name,
			LB_DROP_CAUSES(X)
#undef X
				LB_CAUSE_MAX,
};
#define LB_PASS_FIRST LB_PASS_NOT_UPLINK
#define LB_DROP_FIRST LB_DROP_UNSERVED
#define LB_CAUSES     64 /* room in the counters */
_Static_assert(LB_CAUSE_MAX <= LB_CAUSES, "every cause has its counter");

enum lb_encap { LB_ENCAP_IPIP, LB_ENCAP_GUE };

/* Katran's flags in the same order: 5-tuple 0, all-ports 128, source-ip 1, destination-port 8. */
enum lb_hash { LB_HASH_5_TUPLE, LB_HASH_ALL_PORTS, LB_HASH_SOURCE_IP, LB_HASH_DESTINATION_PORT };

/*
 * An uplink: a cell names interface and record; records are replaced whole.
 * Cell: ifindex << 32 | record; 0 is free.
 */
struct lb_uplink {
	__u64 mac;         /* the six bytes as they stand in a frame, then two zero bytes */
	__u16 limit[4];    /* largest L3 length of a client's packet; by LB_LIMIT() */
	__be32 source6[4]; /* outer source for GUE; all zero: none */
	__be32 source4;    /* 0: none */
	__u8 slot;         /* 0..LB_UPLINKS-1, the column of next hops */
	__u8 is_self_test; /* counted in the self-test's own line */
	__u8 pad[2];
};
_Static_assert(sizeof(struct lb_uplink) == 40, "lb_uplink has no holes");
#define LB_LIMIT(encap, real_is_ipv6) ((encap)*2U + (real_is_ipv6))

/* A VIP: an address or prefix that is ours. */
#define LB_VIP_USED          1U
#define LB_VIP_DECLARED      2U /* set as a VIP, not only by a service */
#define LB_VIP_UNSERVED_PASS 4U
struct lb_vip {
	__be32 addr[4]; /* IPv6, or IPv4-mapped */
	__u32 flags;    /* one word, may change in use */
	__u8 len;       /* of the mapped form: 96 + the IPv4 length */
	__u8 pad[3];
};
_Static_assert(sizeof(struct lb_vip) == 24, "lb_vip has no holes");

/* Cells: key << 16 | index; 0 is free, LB_CELL_GONE was used (a search goes on behind it). */
#define LB_CELL_GONE      1ULL
#define LB_KEY_USED       1ULL
#define LB_KEY_IPV4(addr) ((__u64)(addr) << 1 | LB_KEY_USED)
#define LB_KEY_SERVICE(vip, proto, port)                                                           \
	((__u64)(vip) << 32 | (__u64)(port) << 16 | (__u64)(proto) << 8 | LB_KEY_USED)

#define LB_SERVICE_USED     1U /* for user space */
#define LB_SERVICE_NO_SPORT 2U /* ports that do not count in hash and outer source */
#define LB_SERVICE_NO_DPORT 4U

/* Service: what happens to packets of one VIP, protocol and port. */
struct lb_service {
	__u32 ring;
	__u16 vip;
	__u16 counter;   /* its line in lb_counters.services; stays when the record changes */
	__be16 port;     /* network order; 0 matches every port */
	__be16 gue_port; /* network order */
	__u8 proto;
	__u8 encap; /* enum lb_encap */
	__u8 hash;  /* enum lb_hash */
	__u8 flags; /* LB_SERVICE_* */
};
_Static_assert(sizeof(struct lb_service) == 16, "lb_service has no holes");

/* Real: one per address. The index names it in rings, next hops and counters. */
#define LB_REAL_USED  1U
#define LB_REAL_LOCAL 2U
#define LB_REAL_IPV6  4U
struct lb_real {
	__be32 addr[4]; /* IPv6, or IPv4-mapped */
	__u32 flags;    /* one word, stored last when the real is new */
	__u32 pad;
	__u64 freed_us; /* boottime of its deletion; the index rests before it is used again */
};
_Static_assert(sizeof(struct lb_real) == 32, "lb_real has no holes");

/*
 * Where packets of a real go from one uplink, one word: MAC in the low six bytes as it stands in
 * a frame, then the uplink to leave by, then LB_NEXT_HOP_USABLE.
 */
#define LB_NEXT_HOP_USABLE    (1ULL << 56)
#define LB_NEXT_HOP_UPLINK(w) ((__u32)((w) >> 48) & 0xff)
#define LB_MAC_MASK           0xffffffffffffULL

/* A slot of a ring: cur in the low, alt in the high 16 bits; equal in the steady state. */
#define LB_SLOT(cur, alt) ((__u32)(cur) | (__u32)(alt) << 16)
#define LB_SLOT_CUR(word) ((word)&0xffff)
#define LB_SLOT_ALT(word) ((word) >> 16)

struct lb_ring {
	__u32 slots[LB_RING_WORDS];
};

#define LB_SWITCHES_MAX 256 /* bytes of the program's read-only data */

struct lb_tables {
	__u32 abi_version; /* first, so that every version finds it */
	__u32 has_prefixes;
	__u32 switches_len;
	__u32 pad;
	__u8 switches[LB_SWITCHES_MAX]; /* read-only data of the program in force */
	__u64 uplink_cells[LB_UPLINK_CELLS];
	struct lb_uplink uplinks[LB_UPLINK_RECORDS];
	__u64 vip4_cells[LB_VIP_CELLS];
	__u64 vip6_cells[LB_VIP_CELLS];
	__u64 service_cells[LB_SVC_CELLS];
	struct lb_vip vips[LB_VIPS];
	struct lb_service services[LB_SERVICES];
	struct lb_real reals[LB_REALS];
	__u64 next_hops[LB_REALS][LB_UPLINKS];
};

struct lb_count {
	__u64 packets, bytes; /* L3 bytes of the client's packets */
};

/* One per possible CPU, then one for the self-test. */
struct lb_counters {
	__u64 causes[LB_CAUSES];
	struct lb_count services[LB_SERVICES];
	struct lb_count reals[LB_REALS];
};

struct lb_prefix_key {
	__u32 len;      /* of the mapped form */
	__be32 addr[4]; /* IPv6, or IPv4-mapped */
};

/* What was decided for the last packet; written by private programs only. */
struct lb_trace {
	__u32 cause;   /* enum lb_cause */
	__u32 vip;     /* index or LB_NONE, as those below */
	__u32 service; /* record */
	__u32 slot;
	__u32 real;
	__u32 pad;
};
