/* SPDX-License-Identifier: Apache-2.0 */
/*
 * internal.h - what the files of the data plane port share. Nobody outside src/dataplane and its
 * tests includes it.
 *
 * The tables in the maps are the only truth: what stands beside them here (hash of addresses,
 * next places to look for a free record) is rebuilt from them at every open.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/lb_abi.h"
#include "src/base/usec.h"
#include "src/dataplane/dataplane.h"

struct lb_bpf;

/* Rules of one service by client prefix, as they stand in a map; sorted. */
struct source_rule {
	struct lb_source_key key;
	uint32_t real; /* 0 in a drop list */
};
struct source_list {
	struct source_rule *rules;
	size_t n;
};
struct source_lists {
	struct source_list routes, drops;
};

/* Server ids of one ring, sorted. */
struct server_id {
	uint32_t id, real;
};
struct server_ids {
	struct server_id *ids;
	size_t n;
};

/* What of a ring is not steady; rebuilt from its slots. */
struct ring_transit {
	uint32_t moving, settling;
	usec_t due_us; /* when time alone changes a slot; USEC_NEVER: nothing is in transition */
};

/* The walk over rings in transition and flow table that clears what is old, see flow.c. */
struct sweep {
	uint32_t ring, line; /* where it goes on */
	usec_t began_us;     /* the walk that is under way; 0: none */
	usec_t done_us;      /* when the last whole walk began; 0: none yet in this process */
	usec_t next_us;      /* when it goes on */
};

struct dataplane {
	char dir[128]; /* bpffs directory; "" for a private one */
	int dir_fd;    /* holds the lock on it */
	char set[144]; /* directory of our set in it, see sets.c */
	int set_fd;
	struct lb_bpf *skel;
	int prog_fd; /* the program in force; while changing over, the one to be */
	uint32_t prog_id;
	int age_fd; /* of the program that tells its clock */
	bool is_age_own;
	bool is_changing_over;  /* the links run another set's program until ours is filled */
	int former_fd;          /* that program */
	uint32_t former_ids[2]; /* what links may run of that set; 0: none */
	struct lb_tables *tables;
	struct lb_ring *rings;
	struct lb_counters *lines; /* one per CPU, then the self-test's */
	struct lb_flow_line *flows;
	uint32_t n_rings, n_cpus, n_flow_lines;
	uint32_t n_flow_lines_wanted; /* by the config; a pinned table keeps its size */
	bool is_adopted, has_new_hash_key;

	struct lb_tables *kept;      /* what we wrote into tables, see kept.c */
	size_t kept_region, kept_at; /* where the comparison goes on */
	struct mend *mend;           /* the same of all else, see mend.c */

	struct dataplane_uplink uplinks[DATAPLANE_UPLINKS_MAX];
	int link_fds[DATAPLANE_UPLINKS_MAX];  /* -1: none */
	uint32_t mtu_bytes, client_mtu_bytes; /* of the config; 0: the uplink's */
	bool has_source[2];
	struct addr source[2]; /* encap-source, IPv4 and IPv6 */
	enum config_switch mss_clamp;
	usec_t idle_us;
	usec_t age_us;      /* a unit of ages, see clock.c */
	usec_t age_zero_us; /* about when ages began */
	usec_t clock_us;    /* the settable clock of private programs; 0: the real one */

	uint16_t real_bucket[LB_REALS]; /* hash of address -> first index, 0: none */
	uint16_t real_next[LB_REALS];
	uint32_t next_real, next_vip, next_service, next_counter,
		next_ring;       /* where to look first */
	struct capture *capture; /* the reader, from the first capture on */
	bool *ring_used;
	bool *ring_watched;            /* dataplane_watch() */
	uint32_t *ring_formers;        /* how many services had this ring until a short while ago */
	uint32_t n_formers;            /* services with LB_SERVICE_FORMER */
	struct ring_transit *transits; /* of each ring */
	struct sweep sweep;
	bool counter_used[LB_SERVICES];
	struct source_lists sources[LB_SERVICES]; /* by counter */
	size_t n_source_routes, n_source_drops;   /* of all services */
	struct server_ids *ids;                   /* by ring */
	size_t n_ids;                             /* entries of the map */
	uint32_t real_names[LB_REALS];            /* how often routes and ids name a real */
};

/* load.c */

/* The directory on a BPF file system, made if need be, and the lock on it. */
int dataplane_dir_open(const char *path, int *ret_fd, struct err *err);

/* Switches of the program that no config sets; for tests. */
struct private_switches {
	bool drops_too_big; /* instead of telling the client */
	bool is_untraced;   /* as the program in service is; for measuring it */
};

/*
 * dataplane_open_private - a program and maps of its own, nothing pinned; traced (unless switched
 * off), so that dataplane_trace() tells what became of the last packet. dataplane_close() ends it.
 * switches may be NULL.
 */
int dataplane_open_private(const struct config *config, const struct private_switches *switches,
			   struct dataplane **ret, struct err *err);
const struct lb_trace *dataplane_trace(const struct dataplane *dp);

/* sets.c: pinned sets, of our version and of others */

/*
 * Find out which set is in force. Another one than ours: dp->is_changing_over. What is left of ours
 * from a change-over that did not come to its end is removed.
 */
int sets_look(struct dataplane *dp, struct err *err);
/* An empty directory for our set. Unless another set is in force, no link is left. */
int set_new(struct dataplane *dp, struct err *err);
/* Unpin a set; `tables` first, so that half of it is not taken for one. */
int set_del(const struct dataplane *dp, const char *path, struct err *err);
/* Unpin all sets but ours. */
void sets_del_others(const struct dataplane *dp);
/* Detach and unpin everything that this port ever pins in a directory. */
int sets_clear(const char *dir, struct err *err);
/* Whether a link may run this program: ours, or while changing over that of the set in force. */
bool sets_may_run(const struct dataplane *dp, uint32_t prog_id);

/* cells.c: one-word hash tables, see bpf/service.h. */

/* Put key -> index; -ENOSPC when no cell near its place is free. An equal key is replaced. */
int cells_put(__u64 *cells, unsigned cells_log2, uint64_t key, uint32_t index);
void cells_del(__u64 *cells, unsigned cells_log2, uint64_t key);

/* Make a store visible to packets, and never half of it. */
#define DP_STORE(place, value) __atomic_store_n(&(place), (value), __ATOMIC_RELEASE)
#define DP_LOAD(place)         __atomic_load_n(&(place), __ATOMIC_ACQUIRE)

/* A store into the tables, which is noted as ours. */
#define DP_TABLE(dp, place, value)                                                                 \
	do {                                                                                       \
		DP_STORE(place, value);                                                            \
		kept_note(dp, &(place), sizeof(place));                                            \
	} while (0)

/* kept.c: what of the tables we wrote. */

/* Take what stands there now for ours; 0 or -ENOMEM. */
int kept_init(struct dataplane *dp);
void kept_fini(struct dataplane *dp);
/* We wrote there. */
void kept_note(struct dataplane *dp, const void *place, size_t len);
/* What we wrote there; 0 when nothing is kept. */
uint64_t kept_word(const struct dataplane *dp, const __u64 *place);
/* Compare a part, put back what somebody else wrote. */
void kept_mend(struct dataplane *dp, dataplane_mended_fn told, void *arg);
/* The first part that is not as noted, or NULL; for tests. */
const char *kept_differs(struct dataplane *dp);

/* mend.c: the same of all else. */

/* Take what stands there now for ours; 0 or -ENOMEM. */
int mend_init(struct dataplane *dp);
void mend_fini(struct dataplane *dp);
/* We gave a slot another word; changed what a ring is besides its slots; wrote a whole ring. */
void mend_slot(struct dataplane *dp, uint32_t ring, uint32_t slot, uint32_t old, uint32_t word);
void mend_head_note(struct dataplane *dp, uint32_t ring);
void mend_ring_note(struct dataplane *dp, uint32_t ring);
/* The first part that is not as noted, or NULL; for tests. */
const char *mend_differs(struct dataplane *dp);

/*
 * dataplane_reread - forget what is kept beside the maps and rebuild it from them, as a restart
 * does; for tests of private programs.
 */
int dataplane_reread(struct dataplane *dp, struct err *err);

/* clock.c: the clock of the flow table and ours. */

/* Tell the program, before it is loaded, how ages are counted and how many entries are too many. */
void clock_init(struct dataplane *dp);
/* After it is loaded: find out what age it is. */
int clock_start(struct dataplane *dp, struct err *err);
/* Publish after how long entries are old. */
void clock_set_idle(struct dataplane *dp);
/* The age of what is used now, as the program sees it. */
uint32_t clock_age(const struct dataplane *dp);
/* Now; in a private program with a clock of its own that one's. */
usec_t clock_now(const struct dataplane *dp);
/* Give a private program a clock of its own, which stands at this moment until set again. */
void clock_set(struct dataplane *dp, usec_t now);

/* former.c: services that had another pool until a short while ago. */

/* A record is about to take the place of another: let its flows stay; may set LB_SERVICE_FORMER. */
void former_note(struct dataplane *dp, const struct lb_service *old, struct lb_service *record);
/* A record came into force (1) or left (-1). */
void former_count(struct dataplane *dp, const struct lb_service *record, int by);
void formers_rebuild(struct dataplane *dp);
/* End what is due; returns when the next one is. */
usec_t formers_tick(struct dataplane *dp, usec_t now);

/* flow.c */

/* Do the next step of the sweep if it is due; returns when the next one is. */
usec_t flows_sweep(struct dataplane *dp, usec_t now);

/* real.c */
void reals_rebuild(struct dataplane *dp);
void reals_uplink_changed(struct dataplane *dp, uint32_t uplink);
struct addr real_addr(const struct lb_real *real);
/* The index of an address, in use or resting; 0: none. */
uint16_t real_find(const struct dataplane *dp, const struct addr *addr);
/* It could be given to another address now. */
bool real_index_is_free(const struct dataplane *dp, uint16_t index);
void words_from_addr(uint32_t words[4], const struct addr *addr);

/* Which ports count in the hash, as LB_SERVICE_NO_*; service.c. */
uint32_t service_port_flags(const struct dataplane_service *service);
/* The prefix of a VIP's record, service.c. */
struct prefix vip_prefix(const struct lb_vip *vip);

/* ring.c, service.c */
void rings_rebuild(struct dataplane *dp);
/* Idle has changed. */
void rings_reschedule(struct dataplane *dp);
/* Let slots settle that still name a real without record beside their cur. */
void ring_leave_gone_reals(struct dataplane *dp, uint32_t ring);
/* A service is about to stop asking the flow table in steady slots: let them settle, so that its
 * flows that are elsewhere than their slot says stay there. */
void ring_keep_remembered(struct dataplane *dp, uint32_t ring);
void services_rebuild(struct dataplane *dp);
/* Whether the table is asked in steady slots, too, for every packet of the service, or never. */
bool service_asks(const struct lb_service *service);

/* Services at most; the rest of the records is there for changes. */
#define SERVICES_MAX (LB_SERVICES - 256)

/* The record of a service, or NULL. */
const struct lb_service *service_find(const struct dataplane *dp, const struct prefix *vip,
				      uint8_t proto, uint16_t port);
/* The VIP's index, or LB_NONE. */
uint32_t vip_find(const struct dataplane *dp, const struct prefix *prefix);

/* sources.c: rules by client address */

/* What an earlier process left in the maps; rules that belong to no service are removed. */
int sources_rebuild(struct dataplane *dp, struct err *err);
void sources_fini(struct dataplane *dp);
/* The rules of a service, to be freed by source_lists_fini(). -EINVAL, -ENOMEM. */
int source_lists_make(const struct dataplane *dp, uint16_t counter,
		      const struct dataplane_service *service, struct source_lists *ret,
		      struct err *err);
void source_lists_fini(struct source_lists *lists);
/* Put the rules in force beside those of the service that are there; all or none. */
int sources_add(struct dataplane *dp, uint16_t counter, const struct source_lists *lists,
		struct err *err);
/* Go back to the rules from before sources_add(). */
void sources_undo(struct dataplane *dp, uint16_t counter, struct source_lists *lists);
/* Remove the rules from before; takes the lists. */
void sources_keep(struct dataplane *dp, uint16_t counter, struct source_lists *lists);
bool sources_equal(const struct dataplane *dp, uint16_t counter, const struct source_lists *lists);
/* Whether a source route of the service is not in the lists. */
bool sources_lose_routes(const struct dataplane *dp, uint16_t counter,
			 const struct source_lists *lists);
/* Whether packets of this client to the service are dropped; the real that a route names, or 0. */
bool sources_drop(const struct dataplane *dp, uint16_t counter, const struct addr *client);
uint16_t sources_route(const struct dataplane *dp, uint16_t counter, const struct addr *client);

/* ids.c: server ids */
int ids_rebuild(struct dataplane *dp, struct err *err);
void ids_fini(struct dataplane *dp);
/* The ring goes: so do its ids. */
void ids_forget(struct dataplane *dp, uint32_t ring);

/* A record for an address or prefix of our own, LB_VIP_* flags beside LB_VIP_USED. -EBUSY: there is
 * one, of another kind. */
int vip_add(struct dataplane *dp, const struct prefix *prefix, uint32_t flags, uint32_t *ret,
	    struct err *err);
void vip_unpublish(struct dataplane *dp, const struct prefix *prefix);
struct prefix vip_prefix(const struct lb_vip *vip);

/* node_decap.c: make the addresses whose tunnels are opened here those of the config. On failure
 * they are as before. */
int node_decap_apply(struct dataplane *dp, const struct config_node *node, struct err *err);

/* uplink.c */
void uplinks_init(struct dataplane *dp);
/* Write the uplink's record anew (MAC, limits, sources) and publish it. */
int uplink_publish(struct dataplane *dp, uint32_t uplink, struct err *err);
/* Let the self-test see the program as on this uplink. */
int uplink_publish_self_test(struct dataplane *dp, uint32_t uplink, struct err *err);
/* Give a private program an uplink of this ifindex and name; MTU and addresses are those of the
 * interface where there is one of that name. */
int uplink_set_private(struct dataplane *dp, uint32_t uplink, const char *ifname, uint32_t ifindex,
		       const uint8_t mac[6], struct err *err);
/* Move every pinned link to the program in force. */
int uplinks_update_program(struct dataplane *dp, int prog_fd, struct err *err);
/* Whether no pinned link runs another program than this. */
bool uplinks_run_program(struct dataplane *dp, uint32_t prog_id);
/* Whether a pinned link whose interface is there runs one of these two. */
bool uplinks_run_any(struct dataplane *dp, const uint32_t prog_ids[2]);

/* count.c: the word of a cause, enum lb_cause. */
const char *dataplane_cause_str(uint32_t cause);

/* offload.c: 0, or -EOPNOTSUPP with the remedy when the NIC does what a program in this mode must
 * see undone; -EROFS when the NIC cannot leave it. What cannot be asked is taken as well. */
int offload_check(const char *ifname, bool is_native, struct err *err);

/* capture.c: end it and let go of the ring buffer. */
void capture_close(struct dataplane *dp);

/* watch.c: LB_SERVICE_WATCHED where services of the ring and protocol have it, else 0. */
uint32_t watch_flag(const struct dataplane *dp, uint32_t ring, uint8_t proto);

/* selftest.c */

/*
 * dataplane_run - one frame through the program by BPF_PROG_TEST_RUN.
 * @out: gets the frame as it is afterwards; *out_len its room, then its length.
 * Returns the XDP verdict or a negative errno.
 */
int dataplane_run(const struct dataplane *dp, const void *frame, size_t len, void *out,
		  size_t *out_len, struct err *err);
