/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dataplane.h - the data plane port: loads or adopts the XDP program and its maps, writes reals,
 * rings, services and next hops, reads counters, proves that a service forwards.
 *
 * Links, program and maps are pinned under one bpffs directory and outlive the process:
 * dataplane_close() leaves traffic flowing, a later dataplane_open() with the same directory and
 * LB_ABI_VERSION adopts them without a lost packet; with another one, see
 * dataplane_is_changing_over(). Multi-word records are published whole.
 * Calls block for microseconds (a ring write: about a millisecond); all run on the main loop.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "src/base/addr.h"
#include "src/base/err.h"
#include "src/base/usec.h"
#include "src/config/config.h"
#include "src/core/ring.h"

struct dataplane;

#define DATAPLANE_UPLINKS_MAX 8
#define DATAPLANE_NO_REAL     0 /* real index 0 is never a real */

/*
 * dataplane_open - adopt what is pinned in bpffs_dir, or load and pin it.
 * @bpffs_dir: a directory on a bpffs; created when only the last component is missing.
 * @config:    sizes and switches that are fixed at load.
 * Attaches nothing. Returns 0; -EOPNOTSUPP when the kernel lacks something (named, with the
 * kernel version needed), -EPERM with the capability to give, -ESTALE when the pinned maps have
 * another ABI version (nothing is touched), with the verifier's last lines when it refuses.
 */
int dataplane_open(const char *bpffs_dir, const struct config *config, struct dataplane **ret,
		   struct err *err);

/*
 * dataplane_reconfigure - take over what a reload may change: mtu, client-mtu, mss-clamp,
 * encap-source, decap, idle.
 * Rings grow only at dataplane_open(), to an eighth more than the pools then and 16:
 * dataplane_check_room() first.
 */
int dataplane_reconfigure(struct dataplane *dp, const struct config *config, struct err *err);

/*
 * dataplane_check_room - whether all that is new in a config fits beside what is in force.
 * @new_rings: how many of its pools need a ring and have none yet.
 * Returns 0; -ENOSPC with what is too many and what can be done; -ENOMEM.
 */
int dataplane_check_room(const struct dataplane *dp, const struct config *config, size_t new_rings,
			 struct err *err);

/*
 * dataplane_keep_pins - see that what is pinned can still be found at the path of the directory,
 * and pin it there again where a BPF file system was unmounted and is back. Returns 0 when all is
 * well, 1 when it was pinned again, or a negative errno with the sentence: then traffic goes on,
 * and the next start would find nothing.
 */
int dataplane_keep_pins(struct dataplane *dp, struct err *err);

/* Let go; everything pinned stays in force. NULL is fine. */
void dataplane_close(struct dataplane *dp);

/* Detach, unpin and remove everything that dataplane_open() of this directory made. */
int dataplane_remove(const char *bpffs_dir, struct err *err);

/* True when maps and links of an earlier run were adopted. */
bool dataplane_is_adopted(const struct dataplane *dp);

/*
 * True while the uplinks run the program of another LB_ABI_VERSION, which forwards by its own maps:
 * those opened here are filled beside them. dataplane_attach() and dataplane_is_attached() take
 * that program for ours.
 */
bool dataplane_is_changing_over(const struct dataplane *dp);
/*
 * dataplane_change_over - the maps are filled: move every uplink to them, by one link update each,
 * and remove the others. On failure all uplinks run what they ran before.
 */
int dataplane_change_over(struct dataplane *dp, struct err *err);

/*
 * True when the maps adopted were used with another hash key (node.hash-key-file) before: from now
 * on every flow is looked for in another slot.
 */
bool dataplane_has_new_hash_key(const struct dataplane *dp);
/* Whether the key in the config's hash-key-file is the one in force: 0, -EBUSY, or why it cannot be
 * read. */
int dataplane_check_hash_key(const struct dataplane *dp, const struct config *config,
			     struct err *err);

/* ---- uplinks ---- */

struct dataplane_uplink {
	char name[16];
	uint32_t ifindex;      /* 0: detached */
	uint8_t mac[6];        /* frames for another MAC pass untouched */
	bool is_native;        /* as attached; generic mode works with a warning */
	char generic_why[96];  /* after dataplane_attach(): why auto fell back to generic, or "" */
	char refused_why[256]; /* why the last dataplane_attach() failed, or "" */
};

/*
 * dataplane_attach - attach the program to an uplink by a pinned link, or adopt that link.
 * @uplink: slot 0..DATAPLANE_UPLINKS_MAX-1; index into config.node.uplinks.
 * @mode:   auto tries native, then generic.
 * Calling it again for the same interface refreshes MAC, MTU and the uplink's own addresses (the
 * default outer sources of GUE). Not the loopback.
 * Returns 0; -ENODEV no such interface; -EBUSY another XDP program is there (named by id);
 * -EOPNOTSUPP the driver refuses native XDP and mode demands it, or dataplane_check_offload()
 * objects.
 */
int dataplane_attach(struct dataplane *dp, uint32_t uplink, const char *ifname, uint32_t ifindex,
		     const uint8_t mac[6], enum config_xdp_mode mode, struct err *err);

/* Whether our program really is what runs on the uplink now (asked from the kernel). */
bool dataplane_is_attached(struct dataplane *dp, uint32_t uplink);

/*
 * dataplane_check_offload - whether the NIC still leaves frames as the program must see them: VLAN
 * tags in native mode, no merged packets in generic mode. A new attachment is refused for that; on
 * one that stands it is an alarm. Returns 0, or -EOPNOTSUPP with the command that mends it.
 */
int dataplane_check_offload(const struct dataplane *dp, uint32_t uplink, struct err *err);

/* The same of any interface, for a mode it may be used in. */
int dataplane_check_interface(const char *ifname, bool is_native, struct err *err);

const struct dataplane_uplink *dataplane_uplink(const struct dataplane *dp, uint32_t uplink);

/* ---- reals, next hops, rings, services ---- */

/*
 * dataplane_set_real - the index of a real, one per address, allocated at first use.
 * Returns 0; -ENOSPC when all indices are taken.
 */
int dataplane_set_real(struct dataplane *dp, const struct addr *addr, bool is_local,
		       uint16_t *ret_index, struct err *err);
/*
 * Free the index; the caller made sure that no ring names it. What still remembers it (slots in
 * transition, flows) takes it for dead. Set again within about 2 x idle, the address gets the same
 * index. -ENOENT when there is none.
 */
int dataplane_del_real(struct dataplane *dp, const struct addr *addr, struct err *err);
/* The index of a programmed real, or DATAPLANE_NO_REAL. */
uint16_t dataplane_real_index(const struct dataplane *dp, const struct addr *addr);

/*
 * What becomes of flows that a moving slot or the flow table leads to this real. One state an
 * address: `takes` where every pool that names it gives it new flows, `leaving` where one does not
 * (its flows stay), `dead` when the address itself is gone (its flows go to their slot's real at
 * once). A new real takes. -ENOENT when it is not programmed.
 */
enum dataplane_real_life { DATAPLANE_REAL_TAKES, DATAPLANE_REAL_LEAVING, DATAPLANE_REAL_DEAD };
int dataplane_set_real_life(struct dataplane *dp, const struct addr *addr,
			    enum dataplane_real_life life, struct err *err);

/* The life a real has, false when it is not programmed. */
bool dataplane_real_life(const struct dataplane *dp, const struct addr *addr,
			 enum dataplane_real_life *ret);

struct dataplane_next_hop {
	bool usable;
	uint8_t mac[6]; /* destination of the frame */
};

/* Where packets for a real go on one uplink. usable false: nowhere. */
int dataplane_set_next_hop(struct dataplane *dp, uint32_t uplink, const struct addr *real,
			   const struct dataplane_next_hop *next_hop, struct err *err);

/* A ring (one per pool), by id: DATAPLANE_NO_RING is none. */
#define DATAPLANE_NO_RING UINT32_MAX
int dataplane_ring_new(struct dataplane *dp, uint32_t *ret_ring, struct err *err);
int dataplane_ring_del(struct dataplane *dp, uint32_t ring, struct err *err);
/*
 * dataplane_ring_write - make the ring name these reals; only changed slots are stored. A changed
 * slot is moving or settling from then on, by the rule of bpf/flow_rule.h, so that its flows stay;
 * the first write of a new ring is steady.
 * @slots: real indices, DATAPLANE_NO_REAL drops. *ret_changed (may be NULL) gets how many changed.
 */
int dataplane_ring_write(struct dataplane *dp, uint32_t ring, const uint16_t slots[RING_SLOTS],
			 uint32_t *ret_changed, struct err *err);
/*
 * dataplane_ring_note - remember in the maps, after a write, what the ring was made of: any number
 * but 0. The next write forgets it.
 * dataplane_ring_is_of - whether the ring stands as it was when this was noted, be it by another
 * process: no slot has another real.
 */
void dataplane_ring_note(struct dataplane *dp, uint32_t ring, uint64_t made_of);
bool dataplane_ring_is_of(const struct dataplane *dp, uint32_t ring, uint64_t made_of);
/* The same for n slots of a ring that was written before; none twice. */
int dataplane_ring_move(struct dataplane *dp, uint32_t ring, const uint32_t *slots,
			const uint16_t *reals, size_t n, struct err *err);
/*
 * dataplane_ring_seed - for a ring written for the first time, before a service names it: slots
 * whose Maglev owner is leaving start moving with that owner, so that flows which other nodes
 * sent there stay when ECMP moves them here.
 * @base: the owners in the base ring, real indices; DATAPLANE_NO_REAL: none.
 */
int dataplane_ring_seed(struct dataplane *dp, uint32_t ring, const uint16_t base[RING_SLOTS],
			struct err *err);

/* How many slots of the ring are not steady. */
struct dataplane_transition {
	uint32_t moving, settling;
	usec_t changed_us; /* when a slot last changed; 0: never */
};
bool dataplane_ring_transition(const struct dataplane *dp, uint32_t ring,
			       struct dataplane_transition *ret);

/*
 * dataplane_tick - what only time brings: moving slots settle, settled ones become steady, old
 * entries leave the flow table, indices of deleted reals become free. Bounded work (a
 * millisecond or two); call it again at the time it returns.
 */
usec_t dataplane_tick(struct dataplane *dp, usec_t now);

/* The ring as it stands, the mapped memory itself: `cur` in the low 16 bits of each word. */
const uint32_t *dataplane_ring(const struct dataplane *dp, uint32_t ring);

/*
 * The server ids of a ring's reals, those of the pool that have one: replaces what the ring had.
 * The reals are programmed. -ENOSPC when more ids than fit, the former ones kept.
 */
int dataplane_set_server_ids(struct dataplane *dp, uint32_t ring, const struct config_real *reals,
			     size_t n_reals, struct err *err);

struct dataplane_service {
	struct prefix vip;
	uint8_t proto;
	uint16_t port; /* host order, 0: any */
	uint32_t ring;
	enum config_encap encap;
	uint16_t gue_port;
	enum config_hash hash;
	enum config_track track;
	bool quic, tcp_server_id, stable_udp, migrate_udp;
	enum config_server_ids
		server_ids; /* where an id may lead; CONFIG_SERVER_IDS_NONE is pool */
	uint64_t rate;      /* new flows a second, all CPUs; 0: no limit */
	/* Borrowed for the call; not in what dataplane_list_services() returns. */
	const struct prefix *drop_sources;
	size_t n_drop_sources;
	const struct config_source_route *source_routes; /* their reals: indices into reals */
	size_t n_source_routes;
	const struct config_real *reals; /* of the pool */
};

/* What a service of the config is to be in the data plane; borrows its lists. */
struct dataplane_service dataplane_service_of(const struct prefix *vip,
					      const struct config_service *service,
					      const struct config_pool *pool, uint32_t ring);

/*
 * dataplane_set_service - put a service in force, or change it. Its source routes' reals are
 * programmed. A changed list has no gap: what is new comes first, what is old goes last.
 * Returns 0; -EINVAL for a ring or real that is not there, -ENOSPC for more services or rules than
 * fit; the former state stays.
 */
int dataplane_set_service(struct dataplane *dp, const struct dataplane_service *service,
			  struct err *err);
int dataplane_del_service(struct dataplane *dp, const struct prefix *vip, uint8_t proto,
			  uint16_t port, struct err *err);
/* Whether the service stands in the data plane just so, lists included. */
bool dataplane_service_stands(const struct dataplane *dp, const struct dataplane_service *service);
/* Packets to a VIP that match no service: dropped and counted (default), or passed. */
int dataplane_set_vip(struct dataplane *dp, const struct prefix *vip, enum config_unserved unserved,
		      struct err *err);
int dataplane_del_vip(struct dataplane *dp, const struct prefix *vip, struct err *err);

/* What is programmed, for adoption and read-back: *ret is malloc'ed, free() it. */
int dataplane_list_services(const struct dataplane *dp, struct dataplane_service **ret, size_t *n,
			    struct err *err);
int dataplane_list_reals(const struct dataplane *dp, struct addr **ret, size_t *n, struct err *err);

/* ---- what somebody else changes ---- */

/*
 * dataplane_mend - compare a part of what is in maps, pins and bpffs with what this process wrote
 * there, and put back what somebody else changed. Once a second: about a millisecond each, and all
 * of it is seen in five calls, of more than 200 rings in some more.
 * A ring cannot be put back from here: it is told, and what it shall name is given to
 * dataplane_ring_mend() by who knows.
 */
enum dataplane_part {
	DATAPLANE_PART_TABLE, /* what: "reals", "services", ...; n: words of 8 bytes */
	DATAPLANE_PART_RULES, /* what: "source-routes", "server-ids", ...; n: entries */
	DATAPLANE_PART_RING,  /* ring; nothing was put back yet */
	DATAPLANE_PART_PIN,   /* what: the file in bpffs */
};
struct dataplane_mended {
	enum dataplane_part part;
	const char *what;
	uint32_t n, ring;
};
typedef void (*dataplane_mended_fn)(const struct dataplane_mended *mended, void *arg);
void dataplane_mend(struct dataplane *dp, dataplane_mended_fn told, void *arg);

/*
 * dataplane_ring_mend - give slots that somebody else changed back to the reals they had. The
 * reals' unremembered flows go back to them at once, what is remembered meanwhile stays.
 * @slots: as for dataplane_ring_write(); NULL: nobody knows, take it as it is.
 */
int dataplane_ring_mend(struct dataplane *dp, uint32_t ring, const uint16_t *slots,
			uint32_t *ret_changed, struct err *err);

/* ---- flows ---- */

/* A flow to a VIP; protocols other than TCP and UDP are none. Ports in host order. */
struct dataplane_flow {
	struct addr src, dst;
	uint8_t proto;
	uint16_t sport, dport;
};

/* How many entries the flow table has, and should have by the config: pinned, it keeps its size. */
void dataplane_flow_table(const struct dataplane *dp, uint64_t *ret_entries,
			  uint64_t *ret_configured);

/* What the flow table holds. */
struct dataplane_flows {
	uint64_t capacity;   /* entries */
	uint64_t configured; /* entries by the config; a table in use keeps its size */
	uint64_t used, probation, protected;
	uint64_t stale; /* of used: older than idle, or with a real that is dead or gone */
	struct dataplane_flows_of {
		struct addr real;
		uint64_t flows, protected, stale;
		usec_t youngest_us, oldest_us; /* since they were last used, to about 4 s */
		bool is_programmed;
	} * reals; /* those with flows, most first; malloc'ed */
	size_t n_reals;
};

void dataplane_flows_fini(struct dataplane_flows *flows);

/*
 * A walk over the whole flow table, which may have a thousand million entries, in bits: about 2 ms
 * a million. dataplane_walk_free() ends it at any time; NULL is fine.
 */
struct dataplane_walk;
/* Count. Returns 0 or -ENOMEM. */
int dataplane_count_flows(struct dataplane *dp, struct dataplane_walk **ret, struct err *err);
/*
 * Forget the flows of some reals (of addresses that are programmed or were until a short while
 * ago), those that are stale, or all. Forgotten flows go where their slot says.
 * @reals: only with DATAPLANE_PURGE_REALS; those without an index have no flows.
 */
enum dataplane_purge { DATAPLANE_PURGE_STALE, DATAPLANE_PURGE_REALS, DATAPLANE_PURGE_ALL };
int dataplane_purge_flows(struct dataplane *dp, enum dataplane_purge what, const struct addr *reals,
			  size_t n_reals, struct dataplane_walk **ret, struct err *err);
/* Go on until the deadline; true at the end of the table. */
bool dataplane_walk_on(struct dataplane_walk *walk, usec_t deadline);
/* At the end: what was counted, *ret for dataplane_flows_fini(), or how many were forgotten. */
int dataplane_walk_flows(const struct dataplane_walk *walk, struct dataplane_flows *ret,
			 struct err *err);
uint64_t dataplane_walk_purged(const struct dataplane_walk *walk);
void dataplane_walk_free(struct dataplane_walk *walk);

/* The entry of a flow. */
struct dataplane_flow_entry {
	struct addr real;
	bool is_programmed; /* the real has a record */
	bool is_protected;  /* sent a second packet */
	bool is_stale;
	usec_t age_us; /* since it was last used, to about 4 s */
};

/*
 * Find, or forget, the entry of one flow. Returns 0; -ENOENT when its destination is no service, or
 * the flow is not remembered.
 */
int dataplane_flow_find(const struct dataplane *dp, const struct dataplane_flow *flow,
			struct dataplane_flow_entry *ret, struct err *err);
int dataplane_flow_purge(struct dataplane *dp, const struct dataplane_flow *flow, struct err *err);

enum dataplane_slot_state { DATAPLANE_STEADY, DATAPLANE_MOVING, DATAPLANE_SETTLING };

/* Where a packet of a flow would go now, and why; by the program's own code, writing nothing. */
struct dataplane_explanation {
	bool has_vip, has_service; /* without, nothing below them is filled in */
	struct prefix vip;
	uint16_t service_port; /* host order, 0: any */
	uint32_t ring, slot;
	enum dataplane_slot_state state;
	bool has_cur, has_alt; /* alt: of a moving slot */
	struct addr cur, alt;
	bool asks_table; /* the flow table is asked for this packet */
	bool has_entry;
	struct dataplane_flow_entry entry; /* found in the table, whether it counts or not */
	bool is_dropped;                   /* the client is on the drop list */
	bool has_real;                     /* else the packet is dropped: no-real */
	struct addr real;
	bool is_programmed; /* the real has a record; else dropped: real-gone */
	const char *why; /* "slot", "moving", "flow-table", "source-route", as a capture has it */
};

/*
 * dataplane_explain - @is_syn: the packet is a TCP SYN. Of server ids and rates nothing is known
 * here: a packet that carries an id may go elsewhere.
 * Returns 0, also when there is no VIP or service; -EINVAL for another protocol.
 */
int dataplane_explain(const struct dataplane *dp, const struct dataplane_flow *flow, bool is_syn,
		      struct dataplane_explanation *ret, struct err *err);

/* Where new flows would go by a config: its parts, NULL from the first that there is not. */
struct dataplane_foresight {
	const struct config_vip *vip;
	const struct config_service *service;
	const struct config_pool *pool;
	uint32_t slot;
	bool is_dropped;                /* the client is on the drop list */
	const struct config_real *real; /* NULL: none serves */
	const char *why;                /* "slot" or "source-route" */
};

/*
 * dataplane_foresee - by the code that builds rings and chooses slots, with nothing but the config
 * and what is known of the reals.
 * @judge: fills takes_new_flows and withheld of a pool's real.
 * Returns 0; -ENOMEM; or why the config's hash-key-file cannot be read.
 */
int dataplane_foresee(const struct config *config, const struct dataplane_flow *flow,
		      void (*judge)(const struct config_pool *pool, const struct config_real *real,
				    struct ring_real *ret, void *arg),
		      void *arg, struct dataplane_foresight *ret, struct err *err);

/* ---- proof and counters ---- */

/*
 * dataplane_self_test - run flagged synthetic packets for one service through the loaded program;
 * each must leave for the real that the ring names. Writes no state, counted apart.
 * Returns 0, or -EIO with what went wrong.
 */
int dataplane_self_test(struct dataplane *dp, const struct dataplane_service *service,
			struct err *err);

/*
 * The same with some of the flows that dataplane_self_test() tries: so many from the first on, all
 * round again. To look again at many services that passed before.
 */
#define DATAPLANE_TEST_FLOWS 8
int dataplane_self_test_some(struct dataplane *dp, const struct dataplane_service *service,
			     unsigned first, unsigned n, struct err *err);

struct dataplane_count {
	uint64_t packets, bytes; /* L3 bytes of the client's packets */
};

/* Sums over CPUs; false when there is no such object. Counters start at 0 with a new object. */
bool dataplane_service_count(struct dataplane *dp, const struct prefix *vip, uint8_t proto,
			     uint16_t port, struct dataplane_count *ret);
bool dataplane_real_count(struct dataplane *dp, const struct addr *real,
			  struct dataplane_count *ret);
/* Packets of a service that came out of tunnels for this host (`decap: local`). */
bool dataplane_service_opened(struct dataplane *dp, const struct prefix *vip, uint8_t proto,
			      uint16_t port, uint64_t *ret);

/*
 * Named totals: the verdicts "sent", "passed", "dropped", then each reason as "VERDICT/WORD"
 * ("dropped/no-next-hop"), then "self-test", the packets of dataplane_self_test(), which count
 * nowhere else, then each note, what a packet met on its way, as "noted/WORD". i counts from 0;
 * false ends the list. Names are constant text.
 */
bool dataplane_total(struct dataplane *dp, unsigned i, const char **ret_name, uint64_t *ret_value);

/*
 * dataplane_counts_read - all counters in one pass: each CPU's line once, from its beginning to its
 * end, only the places in use. The questions above walk all lines each; these are for who asks
 * much.
 */
#define DATAPLANE_CPUS_MAX 1024
#define DATAPLANE_SERVICES 16384
#define DATAPLANE_REALS    65536
struct dataplane_totals {
	uint64_t causes[64], notes[64], self_tests;
};
struct dataplane_counts {
	struct dataplane_totals totals; /* of all CPUs; for dataplane_totals_at() */
	struct dataplane_cpu {
		uint64_t sent, passed, dropped; /* packets */
	} cpus[DATAPLANE_CPUS_MAX];
	uint32_t n_cpus;
	struct dataplane_count services[DATAPLANE_SERVICES], reals[DATAPLANE_REALS];
};
void dataplane_counts_read(const struct dataplane *dp, struct dataplane_counts *ret);
/* As dataplane_service_count(), dataplane_real_count() and dataplane_total(), out of counts. */
bool dataplane_counts_service(const struct dataplane *dp, const struct dataplane_counts *counts,
			      const struct prefix *vip, uint8_t proto, uint16_t port,
			      struct dataplane_count *ret);
bool dataplane_counts_real(const struct dataplane *dp, const struct dataplane_counts *counts,
			   const struct addr *real, struct dataplane_count *ret);
bool dataplane_totals_at(const struct dataplane_totals *totals, unsigned i, const char **ret_name,
			 uint64_t *ret_value);

/* ---- watches ---- */

/*
 * dataplane_watch - begin or end counting SYNs to the reals of a ring, at its TCP services: those
 * that are there and those that come. No packet goes another way for it. It ends with the ring, and
 * with dataplane_close(). Returns 0, or -ENOENT when there is no such ring.
 */
int dataplane_watch(struct dataplane *dp, uint32_t ring, bool is_on, struct err *err);
/* dataplane_watch_none - end all of them, whichever rings they are of. */
void dataplane_watch_none(struct dataplane *dp);

/*
 * What was counted for an address while services of any ring with it were watched; only grows while
 * the real is programmed. `again`: a SYN came once more, by its flow and sequence number within
 * about 64 s of the one before, which had gone to this real. Under a flood of SYNs some of these
 * are taken for first ones.
 */
struct dataplane_syns {
	uint64_t first, again;
};
/* False when the real is not programmed. */
bool dataplane_real_syns(const struct dataplane *dp, const struct addr *real,
			 struct dataplane_syns *ret);

/* ---- capture ---- */

/* A set of words of dataplane_total(): how packets end and what is noted of them. */
struct dataplane_reasons {
	uint64_t causes, notes;
};

/* Every way to end that is about a VIP: the host's own traffic is not in it. */
struct dataplane_reasons dataplane_reasons_default(void);
/*
 * Add what a word names: "too-big-reply", "flow-miss", or all of "sent", "passed" or "dropped".
 * False when it names nothing; dataplane_reason_word() lists what there is, NULL ends.
 */
bool dataplane_reasons_add(struct dataplane_reasons *reasons, const char *word);
const char *dataplane_reason_word(size_t i);
/* The word of the i-th note when it is in notes, else NULL; i below DATAPLANE_NOTES_MAX. */
#define DATAPLANE_NOTES_MAX 64
const char *dataplane_note_word(uint64_t notes, unsigned i);

struct dataplane_capture {
	struct dataplane_reasons reasons;
	const struct prefix *vip; /* NULL: any */
	bool has_service;         /* proto and port of vip */
	uint8_t proto;
	uint16_t port;           /* host order, 0: the service of any port */
	const struct addr *real; /* NULL: any */
	uint32_t one_in;         /* looked at, at random; 0 and 1: each packet */
	uint32_t head_bytes;     /* of each frame; 0 or more than there is room for: as many */
	usec_t until;            /* the program itself ends the capture then */
};

#define DATAPLANE_NO_SLOT UINT32_MAX

/* A captured packet; everything is valid during the call that gives it. */
struct dataplane_captured {
	uint64_t wall_us;
	const char *in, *out; /* uplinks; out "" when nothing left */
	const char *verdict;  /* "sent", "passed", "dropped" */
	const char *reason, *why;
	uint64_t notes; /* for dataplane_note_word() */
	bool has_vip, has_service, has_real;
	struct prefix vip;
	uint8_t proto;
	uint16_t port; /* host order, 0: any */
	uint32_t slot; /* or DATAPLANE_NO_SLOT */
	struct addr real;
	const uint8_t *before, *after;      /* heads of the frame */
	uint32_t before_head, after_head;   /* bytes of them */
	uint32_t before_bytes, after_bytes; /* of the whole frame */
};

/*
 * dataplane_capture_start - let the program hand over packets, one capture at a time: a second
 * start replaces the first. Returns 0; -ENOENT when service, VIP or real is not programmed.
 */
int dataplane_capture_start(struct dataplane *dp, const struct dataplane_capture *capture,
			    struct err *err);
/*
 * Call each() with packets handed over so far, until it returns false. The rest stays for the next
 * call; what finds no room is counted as lost.
 */
void dataplane_capture_read(struct dataplane *dp,
			    bool (*each)(const struct dataplane_captured *packet, void *arg),
			    void *arg);
/* Packets that found no room since the start. */
uint64_t dataplane_capture_lost(const struct dataplane *dp);
void dataplane_capture_stop(struct dataplane *dp);
