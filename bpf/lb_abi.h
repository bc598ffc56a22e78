/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * lb_abi.h - what the XDP program and user space share: tables, counters, causes.
 *
 * The tables are one global of the program (pinned as `tables`), the rings and counters are
 * mmapable arrays (`rings`, `counters`, `flows`), SYNs seen lately another (`syns`), prefix VIPs
 * are an LPM trie (`prefixes`), rules by client address are two more (`source_routes`,
 * `source_drops`), server ids a hash map
 * (`server_ids`), captured frames leave by a ring buffer (`captured`), and the second stage of the
 * program stands in `stages`. User space is the only writer of tables and slots (but for the
 * program ending a capture), the program the only writer of counters; flows and the marks of used
 * slots are written by both.
 *
 * How records are published: whatever a packet follows is a single word (a cell, a slot, a next
 * hop) stored after the record it names is complete. A record in use is never edited but in
 * fields of one word; a change writes a spare record and swaps the word. Readers need no lock.
 *
 * The layout is pinned and outlives processes: LB_ABI_VERSION rises with any change of it.
 */
#pragma once

#include <linux/types.h>

#ifndef LB_ABI_VERSION /* the tests build another layout, tests/next */
#define LB_ABI_VERSION 5
#define LB_VIPS        8192
#endif

#define LB_UPLINKS        8
#define LB_UPLINK_CELLS   (LB_UPLINKS + 1) /* the last one is the self-test's */
#define LB_UPLINK_RECORDS 32
#define LB_REALS          65536 /* index 0 is never a real; at most 60,000 in use */
#define LB_REALS_MAX      60000
#define LB_RING_SLOTS     65537
#define LB_RING_WORDS     65538 /* a ring in memory, padded to 8 bytes */
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
	X(EGRESS, "egress")         /* out of a tunnel, on its way */                              \
	X(ECHO, "echo-reply")       /* ping to a VIP */                                            \
	X(TOO_BIG, "too-big-reply") /* the client is told the largest size */
#define LB_PASS_CAUSES(X)                                                                          \
	X(NOT_UPLINK, "not-an-uplink") /* the interface is not (any more) one of ours */           \
	X(OTHER_MAC, "other-mac")      /* not addressed to the uplink itself */                    \
	X(NOT_IP, "not-ip")                                                                        \
	X(NOT_VIP, "not-a-vip")                                                                    \
	X(TRUNCATED, "truncated")       /* too short to hold its IP header */                      \
	X(UNSERVED, "unserved-passed")  /* VIP without such a service, `unserved: pass` */         \
	X(LOCAL_REAL, "local-real")     /* the real is this host */                                \
	X(NEIGHBOUR, "neighbour")       /* ICMPv6 neighbour discovery */                           \
	X(DECAPSULATED, "decapsulated") /* a tunnel was opened; what was in it is for the host */  \
	X(NOT_TUNNEL, "not-a-tunnel")   /* to a decapsulation address: the host's own */
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
	X(NO_RING, "no-ring")           /* the service's ring is not there */                      \
	X(SOURCE, "source-dropped")     /* the client is on the service's drop list */             \
	X(RATE, "rate-limited")         /* more new flows than the service's rate */               \
	X(TUNNEL, "bad-tunnel")         /* to a decapsulation address: nothing good inside */      \
	X(TTL, "ttl-exceeded")          /* of a packet out of a tunnel */

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

/* What is counted of a packet besides how it ends. X(enumerator, word). */
#define LB_NOTES(X)                                                                                \
	X(FLOW_HIT, "flow-hit")           /* moving, settling or tracked: remembered */            \
	X(FLOW_MISS, "flow-miss")         /* not remembered */                                     \
	X(FLOW_NEW, "flow-new")           /* a new entry */                                        \
	X(FLOW_EVICTED, "flow-evicted")   /* an entry in use gave way to a new one */              \
	X(FLOW_LIMITED, "flow-limited")   /* a SYN not remembered: too many new entries */         \
	X(ID_ROUTED, "id-routed")         /* to the real that the server id names */               \
	X(ID_NONE, "id-none")             /* service with ids, packet without */                   \
	X(ID_INITIAL, "id-initial")       /* QUIC Initial or 0-RTT: no id yet */                   \
	X(ID_UNKNOWN, "id-unknown")       /* an id that names no real of the pool */               \
	X(ID_EXCEPTION, "id-exception")   /* the id disagrees with the slot: remembered */         \
	X(SOURCE_ROUTED, "source-routed") /* to the real that a source route names */              \
	X(OPENED, "tunnel-opened")        /* decapsulated here */                                  \
	X(CLAMPED, "mss-clamped")                                                                  \
	X(VLAN, "vlan") /* frames with tags */                                                     \
	X(CAPTURED, "captured")                                                                    \
	X(CAPTURE_LOST, "capture-lost") /* no room in the capture's buffer */
enum lb_note {
#define X(name, word) LB_NOTE_##name,
	LB_NOTES(X)
#undef X
		LB_NOTE_MAX,
};
#define LB_NOTES_ROOM 64 /* in the counters */
_Static_assert(LB_NOTE_MAX <= LB_NOTES_ROOM, "every note has its counter");

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
	__u16 clamp[4];    /* what a SYN's MSS is lowered to fit into; as limit, 0: not */
	__be32 source6[4]; /* outer source for GUE; all zero: none */
	__be32 source4;    /* 0: none */
	__u8 slot;         /* 0..LB_UPLINKS-1, the column of next hops */
	__u8 is_self_test; /* counted in the self-test's own line */
	__u8 pad[2];
};
_Static_assert(sizeof(struct lb_uplink) == 48, "lb_uplink has no holes");
#define LB_LIMIT(encap, real_is_ipv6) ((encap)*2U + (real_is_ipv6))
/* Some packets are summed whole for GUE: no limit is more than that can be. */
#define LB_SUM_CHUNK  128
#define LB_SUM_CHUNKS 510
#define LB_SUM_MAX    (LB_SUM_CHUNK * LB_SUM_CHUNKS + LB_SUM_CHUNK - 1)

/* A VIP: an address or prefix that is ours. */
#define LB_VIP_USED          1U
#define LB_VIP_DECLARED      2U /* set as a VIP, not only by a service */
#define LB_VIP_UNSERVED_PASS 4U
/* Tunnels to this address are opened here: what is inside is balanced, sent on, or the host's. */
#define LB_VIP_DECAP_BALANCE 8U
#define LB_VIP_DECAP_EGRESS  16U
#define LB_VIP_DECAP_LOCAL   32U
#define LB_VIP_DECAP         (LB_VIP_DECAP_BALANCE | LB_VIP_DECAP_EGRESS | LB_VIP_DECAP_LOCAL)
/* The UDP port of GUE there, network order; in the upper half of the flags. */
#define LB_VIP_GUE_PORT(flags) ((__be16)((flags) >> 16))
/* In the index that a cell or prefix gives: not a plain VIP, see the record's flags. */
#define LB_VIP_IS_DECAP 0x8000U
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

/* The key of the service that takes all ports. */
#define LB_KEY_ANY_PORT(key) ((key) & ~0xffff0000ULL)

#define LB_SERVICE_USED        1U /* for user space */
#define LB_SERVICE_NO_SPORT    2U /* ports that do not count in hash and outer source */
#define LB_SERVICE_NO_DPORT    4U
#define LB_SERVICE_TRACK_NONE  8U     /* no flow is remembered */
#define LB_SERVICE_TRACK_ALL   16U    /* every flow is */
#define LB_SERVICE_QUIC        32U    /* server ids: in QUIC connection ids, */
#define LB_SERVICE_TCP_ID      64U    /* in a TCP option, */
#define LB_SERVICE_UDP_ID      128U   /* in the payload of stable UDP */
#define LB_SERVICE_IDS_ANY     256U   /* an id may lead to a real of another pool */
#define LB_SERVICE_MIGRATE_UDP 512U   /* datagrams leave a real that takes no new flows at once */
#define LB_SERVICE_SOURCES     1024U  /* has source routes */
#define LB_SERVICE_DROPS       2048U  /* has sources to drop */
#define LB_SERVICE_RATE        4096U  /* new flows are limited */
#define LB_SERVICE_FORMER      8192U  /* flows may be where it sent them before, lb_former */
#define LB_SERVICE_WATCHED     16384U /* SYNs are counted by real, bpf/syn.h */
/* With one of these a packet takes the longer way, bpf/special.h. */
#define LB_SERVICE_SPECIAL                                                                         \
	(LB_SERVICE_QUIC | LB_SERVICE_TCP_ID | LB_SERVICE_UDP_ID | LB_SERVICE_SOURCES |            \
	 LB_SERVICE_DROPS | LB_SERVICE_RATE | LB_SERVICE_FORMER)

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
	__u8 pad;
	__u32 flags;    /* LB_SERVICE_* */
	__u32 rate;     /* new flows a second, all CPUs */
	__u32 ring_key; /* lb_ring.key */
	__u32 pad2;
};
_Static_assert(sizeof(struct lb_service) == 32, "lb_service has no holes");

/*
 * What a service was until a short while ago, when it was given another pool. Flows that
 * were seen meanwhile are remembered under the keys of the rings it had; all others are where
 * `origin` would send them, the record from before the first of the changes. That is written while
 * no packet looks here; the other fields may change in use.
 */
#define LB_FORMER_KEYS 4
struct lb_former {
	struct lb_service origin;
	__u32 keys[LB_FORMER_KEYS]; /* of lb_ring; the oldest is written over */
	__u32 n_keys;               /* written so far */
	__u32 changed_age;          /* of the last change, in units of ages */
	__u64 changed_us;           /* boottime */
};
_Static_assert(sizeof(struct lb_former) == 64, "lb_former has no holes");

/* Real: one per address. The index names it in rings, next hops and counters. */
#define LB_REAL_USED  1U
#define LB_REAL_LOCAL 2U
#define LB_REAL_IPV6  4U
#define LB_REAL_TAKES 8U  /* new flows, in every pool that names it */
#define LB_REAL_DEAD  16U /* the address is gone: what would go there goes to the slot's cur */
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

/*
 * A slot of a ring: cur in the low, alt in the high 16 bits, see bpf/flow_rule.h.
 * steady: alt == cur. moving: alt is the real that unremembered flows use. settling: alt == 0, and
 * where cur is 0 as well LB_SLOT_NOBODY. The rule is told in bpf/flow_rule.h.
 */
#define LB_SLOT(cur, alt) ((__u32)(cur) | (__u32)(alt) << 16)
#define LB_SLOT_CUR(word) ((word)&0xffff)
#define LB_SLOT_ALT(word) ((word) >> 16)
#define LB_SLOT_NOBODY    0xffffU /* never a real */

#define LB_RING_MARKS    1025 /* words with a bit a slot */
#define LB_RING_KEY_MASK 0xffffffU
struct lb_ring {
	__u32 slots[LB_RING_WORDS];
	__u64 marks[LB_RING_MARKS]; /* while settling: a packet went elsewhere than to cur */
	__u64 changed_us;           /* boottime of the last change of a slot */
	__u64 watched_us;    /* boottime since when marks are collected; 0: nothing settles */
	__u32 changed_age;   /* as changed_us, in the units of ages in flows */
	__u32 in_transition; /* slots that are not steady */
	__u32 key;           /* 24 bits that no other ring had: flows are remembered under it */
	__u32 pad;
	/* For user space: what the slots were made of, and their sum, so that they need not be made
	 * again to know that they are right; 0: not known. */
	__u64 made_of, sum;
};
#define LB_RING_WEIGHT(slot) ((__u64)(slot)*2654435761U | 1) /* of a slot's cur in the sum */

/*
 * Flows remembered: lines of one cache line, each entry one word, 0 when empty.
 * Entry: tag << 32 | real << 16 | age. Ways [0, LB_FLOW_PROBATION) take new flows, the others
 * those that sent a second packet.
 */
#define LB_FLOW_WAYS      8
#define LB_FLOW_PROBATION 2
struct lb_flow_line {
	__u64 ways[LB_FLOW_WAYS];
};
#define LB_FLOW_ENTRY(tag, real, age)                                                              \
	((__u64)(tag) << 32 | (__u64)((real)&0xffff) << 16 | (__u64)((age)&0xffff))
#define LB_FLOW_TAG(entry)  ((__u32)((entry) >> 32))
#define LB_FLOW_REAL(entry) ((__u32)((entry) >> 16) & 0xffff)
#define LB_FLOW_AGE(entry)  ((__u32)(entry)&0xffff)

/*
 * SYNs of watched services, remembered for a while: lines and entries as those of flows, without
 * probation; the tag is of the flow and the SYN's sequence number.
 */
#define LB_SYN_LINES 32768

/* Rules by client address: the service's counter, then the address; value: the real's index. */
#define LB_SOURCES_MAX 262144
struct lb_source_key {
	__u32 len;      /* 32 + the length of the mapped form */
	__u32 service;  /* lb_service.counter, network order */
	__be32 addr[4]; /* IPv6, or IPv4-mapped */
};

/* Server ids; value: the real's index. */
#define LB_SERVER_IDS_MAX 262144
#define LB_ID_ANY_RING    LB_NONE /* a service with LB_SERVICE_IDS_ANY looks here */
struct lb_id_key {
	__u32 ring;
	__u32 id; /* host order */
};

#define LB_SWITCHES_MAX 256 /* bytes of the program's read-only data */

/*
 * Which packets `shoal capture` takes. capture_until_ns of the tables is stored last when one
 * starts: while it is not 0 packets go by bpf/capture.h, which stores 0 itself once that moment is
 * over, so that no capture outlives whoever started it.
 */
struct lb_capture {
	__u64 causes;  /* a bit for each enum lb_cause to take, */
	__u64 notes;   /* or for each enum lb_note */
	__u32 service; /* counter, vip and real are LB_NONE where any will do */
	__u32 vip;
	__u32 real;
	__u32 one_in;   /* so many packets looked at, at random; 0 and 1: each */
	__u32 head_len; /* bytes of each frame, at most LB_CAPTURE_HEAD */
	__u32 pad;
};
_Static_assert(sizeof(struct lb_capture) == 40, "lb_capture has no holes");

struct lb_tables {
	__u32 abi_version; /* first, so that every version finds it */
	__u32 has_prefixes;
	__u32 switches_len;
	__u32 flow_idle; /* an older entry of flows is none; in units of ages */
	__u32 ring_key;  /* of the youngest ring */
	__u32 pad;
	__u64 build; /* of the object that the program in force is from; 0 while it is exchanged */
	__u8 switches[LB_SWITCHES_MAX]; /* read-only data of the program in force */
	__u64 flow_key[4];              /* random; made with the flow table */
	__u64 rates[LB_SERVICES]; /* when the next new flow is let in, bpf/special.h; by counter */
	struct lb_capture capture;
	__u64 capture_until_ns; /* boottime; next to what every packet reads */
	__u64 uplink_cells[LB_UPLINK_CELLS];
	struct lb_uplink uplinks[LB_UPLINK_RECORDS];
	__u64 vip4_cells[LB_VIP_CELLS];
	__u64 vip6_cells[LB_VIP_CELLS];
	__u64 service_cells[LB_SVC_CELLS];
	struct lb_vip vips[LB_VIPS];
	struct lb_service services[LB_SERVICES];
	struct lb_former formers[LB_SERVICES]; /* by counter */
	struct lb_real reals[LB_REALS];
	__u64 next_hops[LB_REALS][LB_UPLINKS];
};

struct lb_count {
	__u64 packets, bytes; /* L3 bytes of the client's packets */
};

/* While a service is watched. */
struct lb_syns {
	__u64 first; /* SYNs that begin a connection */
	__u64 again; /* the same once more: the real that the one before went to was not heard */
};

/* One per possible CPU, then one for the self-test. */
struct lb_counters {
	__u64 causes[LB_CAUSES];
	__u64 notes[LB_NOTES_ROOM];
	__u64 new_flows; /* entries made in the present age unit: unit << 32 | number */
	__u64 pad[7];
	struct lb_count services[LB_SERVICES];
	struct lb_count reals[LB_REALS];
	__u64 opened[LB_SERVICES]; /* packets of a service out of tunnels, that the host got */
	struct lb_syns syns[LB_REALS];
};

/* Prefixes that are VIPs. An IPv6 packet may name a mapped address, too: families are apart. */
struct lb_prefix_key {
	__u32 len;      /* 32 + the length of the mapped form */
	__u32 is_ipv6;  /* 0 or 1 */
	__be32 addr[4]; /* IPv6, or IPv4-mapped */
};

/* What chose a packet's real. X(enumerator, word). */
#define LB_WHYS(X)                                                                                 \
	X(NONE, "none")                                                                            \
	X(SLOT, "slot")       /* the slot's cur */                                                 \
	X(ALT, "moving")      /* not remembered: the real the slot had before */                   \
	X(FLOW, "flow-table") /* remembered */                                                     \
	X(ID, "server-id")                                                                         \
	X(SOURCE, "source-route")
enum lb_why {
#define X(name, word) LB_WHY_##name,
	LB_WHYS(X)
#undef X
		LB_WHY_MAX,
};

/* What was decided for a packet: the last one of a private program, or a captured one. */
struct lb_trace {
	__u32 cause;   /* enum lb_cause */
	__u32 vip;     /* index or LB_NONE, as those below */
	__u32 service; /* lb_service.counter */
	__u32 slot;
	__u32 real;
	__u32 why; /* enum lb_why: what chose the real */
};

/* A clock that stands still, for private programs: the age of what is used now. */
struct lb_clock {
	__u32 is_set;
	__u32 age;
	__u64 ns;
};

/* A captured packet in the ring buffer: this, then `before`, then `after`, see bpf/capture.h. */
#define LB_CAPTURE_HEAD  2048    /* bytes of a frame at most; a multiple of 8 */
#define LB_CAPTURE_BYTES 4194304 /* of the ring buffer */
struct lb_captured {
	__u64 at_ns; /* boottime */
	__u64 notes; /* a bit for each enum lb_note that rose */
	struct lb_trace trace;
	__u32 ifindex;               /* it came in on */
	__u32 before_len, after_len; /* of the frame */
	__u16 before_head,
		after_head; /* bytes of it in here; after begins at the next multiple of 8 */
	__u8 heads[2 * LB_CAPTURE_HEAD];
};
#define LB_CAPTURED_HEADER 56
_Static_assert(sizeof(struct lb_captured) == LB_CAPTURED_HEADER + 2 * LB_CAPTURE_HEAD,
	       "lb_captured has no holes");
