/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mend.c - what of the data plane besides `tables` (kept.c) somebody else may change: rings, maps
 * with keys, what the program needs to redirect and to go on in its second stage, and the pins
 * without which a restart would not find any of it.
 *
 * Of rings no copy is kept, they are most of the memory: a sum over each, which every store of
 * ring.c follows. The sum says that a ring is not as written, not where; who knows what it shall
 * name writes it anew (dataplane_ring_mend()).
 *
 * Of maps with keys there are lists beside them (sources.c, ids.c), or the VIPs. An entry costs a
 * system call, so some are looked at in each turn: ours, whether they are there, then those there,
 * whether they are ours. Nobody else has entries in these maps.
 */
#include "src/dataplane/internal.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/auto.h"
#include "src/dataplane/lb_skel.h"

#define RINGS_US     USEC_PER_MSEC /* of rings in a turn, at least one */
#define RING_TURNS   5             /* all rings, when there is time */
#define ENTRIES      64            /* of each map with keys in a turn */
#define N_STAGE_PINS 3
#define STAGE_LONGER 0 /* LB_STAGE_LONGER of bpf/maps.h */

/* What a ring is besides its slots. */
struct ring_head {
	uint64_t changed_us, watched_us;
	uint32_t changed_age, in_transition, key;
};

struct ring_mark {
	uint64_t sum;
	struct ring_head head;
};

struct mend {
	struct ring_mark *rings; /* by ring */
	uint32_t ring;           /* where the comparison goes on */
	uint32_t service;        /* likewise, of sources.c's lists: counter and place in them */
	size_t rule;
	uint32_t ids_ring; /* of ids.c's */
	size_t id;
	uint32_t vip;
	struct lb_prefix_key prefix_key; /* the entry looked at last, of each map */
	struct lb_source_key route_key, drop_key;
	struct lb_id_key id_key;
	bool has_prefix_key, has_route_key, has_drop_key, has_id_key;
	int stage_fds[N_STAGE_PINS]; /* what is pinned under stage_pins, -1: nothing */
};

static const char *const stage_pins[N_STAGE_PINS] = { "program", "longer", "stages" };
enum { PIN_PROGRAM, PIN_LONGER, PIN_STAGES };

/* ---- life ---- */

static void open_stages(struct dataplane *dp)
{
	for (int i = 0; i < N_STAGE_PINS; i++) {
		char path[192];

		snprintf(path, sizeof(path), "%s/%s", dp->set, stage_pins[i]);
		dp->mend->stage_fds[i] = dp->dir[0] ? bpf_obj_get(path) : -1;
	}
}

int mend_init(struct dataplane *dp)
{
	mend_fini(dp);
	dp->mend = calloc(1, sizeof(*dp->mend));
	if (!dp->mend)
		return -ENOMEM;
	open_stages(dp);
	dp->mend->rings = calloc(dp->n_rings, sizeof(*dp->mend->rings));
	if (!dp->mend->rings)
		return -ENOMEM;
	for (uint32_t i = 0; i < dp->n_rings; i++)
		if (dp->ring_used[i])
			mend_ring_note(dp, i);
	return kept_init(dp);
}

void mend_fini(struct dataplane *dp)
{
	kept_fini(dp);
	if (!dp->mend)
		return;
	for (int i = 0; i < N_STAGE_PINS; i++)
		fd_closep(&dp->mend->stage_fds[i]);
	free(dp->mend->rings);
	free(dp->mend);
	dp->mend = NULL;
}

/* ---- rings ---- */

/* Odd, so that no single change of a pair of slots goes unseen. */
static uint64_t factor(uint32_t pair)
{
	return pair * 0x9e3779b97f4a7c16ULL + 1;
}

static uint64_t ring_sum(const struct lb_ring *ring)
{
	uint64_t sum = 0, pair;

	for (uint32_t i = 0; i < LB_RING_WORDS / 2; i++) {
		memcpy(&pair, &ring->slots[2 * (size_t)i], sizeof(pair));
		sum += pair * factor(i);
	}
	return sum;
}

static struct ring_head head_of(const struct lb_ring *ring)
{
	return (struct ring_head){ .changed_us = ring->changed_us,
				   .watched_us = ring->watched_us,
				   .changed_age = ring->changed_age,
				   .in_transition = ring->in_transition,
				   .key = ring->key };
}

void mend_slot(struct dataplane *dp, uint32_t ring, uint32_t slot, uint32_t old, uint32_t word)
{
	uint64_t by = (uint64_t)word - (uint64_t)old;

	if (dp->mend)
		dp->mend->rings[ring].sum += (slot % 2 ? by << 32 : by) * factor(slot / 2);
}

void mend_head_note(struct dataplane *dp, uint32_t ring)
{
	if (dp->mend)
		dp->mend->rings[ring].head = head_of(&dp->rings[ring]);
}

void mend_ring_note(struct dataplane *dp, uint32_t ring)
{
	if (!dp->mend)
		return;
	dp->mend->rings[ring].sum = ring_sum(&dp->rings[ring]);
	mend_head_note(dp, ring);
}

/* The head is put back at once; the slots are told. */
static bool ring_is_as_noted(struct dataplane *dp, uint32_t ring)
{
	const struct ring_mark *mark = &dp->mend->rings[ring];
	struct lb_ring *r = &dp->rings[ring];
	bool same = r->changed_us == mark->head.changed_us &&
		    r->watched_us == mark->head.watched_us &&
		    r->changed_age == mark->head.changed_age &&
		    r->in_transition == mark->head.in_transition && r->key == mark->head.key;

	if (!same) {
		DP_STORE(r->changed_us, mark->head.changed_us);
		DP_STORE(r->watched_us, mark->head.watched_us);
		DP_STORE(r->changed_age, mark->head.changed_age);
		DP_STORE(r->in_transition, mark->head.in_transition);
		DP_STORE(r->key, mark->head.key);
	}
	return ring_sum(r) == mark->sum && same;
}

static void rings_mend(struct dataplane *dp, dataplane_mended_fn told, void *arg)
{
	usec_t until = usec_now() + RINGS_US;
	uint32_t most = dp->n_rings / RING_TURNS + 1;

	for (uint32_t i = 0; i < most && dp->n_rings; i++) {
		uint32_t ring = dp->mend->ring;

		dp->mend->ring = (ring + 1) % dp->n_rings;
		if (!dp->ring_used[ring])
			continue;
		if (!ring_is_as_noted(dp, ring))
			told(&(struct dataplane_mended){ .part = DATAPLANE_PART_RING,
							 .what = "ring",
							 .n = 1,
							 .ring = ring },
			     arg);
		if (usec_now() >= until)
			return;
	}
}

/* ---- maps with keys ---- */

static void tell_rules(const char *what, uint32_t n, dataplane_mended_fn told, void *arg)
{
	if (n)
		told(&(struct dataplane_mended){ .part = DATAPLANE_PART_RULES,
						 .what = what,
						 .n = n },
		     arg);
}

/* Put an entry of ours back; returns 1 when it was not so. */
static uint32_t entry_mend(int fd, const void *key, uint32_t value)
{
	uint32_t found;

	if (bpf_map_lookup_elem(fd, key, &found) == 0 && found == value)
		return 0;
	return bpf_map_update_elem(fd, key, &value, BPF_ANY) == 0;
}

/* A walk over the entries of a map, some in a turn. */
struct walk {
	int fd;
	void *key; /* the one looked at last */
	bool *has_key;
	void *next; /* room for another */
	size_t key_size;
	bool (*is_ours)(const struct dataplane *dp, const void *key);
};

/* Remove entries that are not ours; returns how many. */
static uint32_t strangers_remove(const struct dataplane *dp, const struct walk *walk)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < ENTRIES; i++) {
		if (bpf_map_get_next_key(walk->fd, *walk->has_key ? walk->key : NULL, walk->next) <
		    0) {
			*walk->has_key = false;
			return n;
		}
		if (!walk->is_ours(dp, walk->next)) {
			n += bpf_map_delete_elem(walk->fd, walk->next) == 0;
			continue; /* from the last of ours on */
		}
		memcpy(walk->key, walk->next, walk->key_size);
		*walk->has_key = true;
	}
	return n;
}

/* -- prefixes -- */

static bool prefix_is_ours(const struct dataplane *dp, const void *key_)
{
	const struct lb_prefix_key *key = key_;

	for (uint32_t i = 0; i < LB_VIPS; i++) {
		const struct lb_vip *vip = &dp->tables->vips[i];
		struct prefix prefix = vip_prefix(vip);

		if (vip->flags & LB_VIP_USED && vip->len + 32U == key->len &&
		    key->is_ipv6 == !addr_is_ipv4(&prefix.addr) &&
		    memcmp(key->addr, vip->addr, sizeof(key->addr)) == 0)
			return true;
	}
	return false;
}

/* The prefixes in use are few, so all VIPs are looked at in a turn. */
static uint32_t own_prefixes_mend(struct dataplane *dp)
{
	int fd = bpf_map__fd(dp->skel->maps.prefixes);
	uint32_t n = 0, done = 0, i = 0;

	for (; dp->tables->has_prefixes && i < LB_VIPS && done < ENTRIES; i++) {
		uint32_t index = (dp->mend->vip + i) % LB_VIPS;
		const struct lb_vip *vip = &dp->tables->vips[index];
		struct prefix prefix = vip_prefix(vip);
		struct lb_prefix_key key = { .len = 32U + vip->len,
					     .is_ipv6 = !addr_is_ipv4(&prefix.addr) };

		if (!(vip->flags & LB_VIP_USED) || prefix_is_host(&prefix))
			continue;
		memcpy(key.addr, vip->addr, sizeof(key.addr));
		n += entry_mend(fd, &key,
				index | (vip->flags & LB_VIP_DECAP ? LB_VIP_IS_DECAP : 0));
		done++;
	}
	dp->mend->vip = (dp->mend->vip + i) % LB_VIPS;
	return n;
}

static void prefixes_mend(struct dataplane *dp, dataplane_mended_fn told, void *arg)
{
	struct lb_prefix_key next;
	const struct walk walk = { .fd = bpf_map__fd(dp->skel->maps.prefixes),
				   .key = &dp->mend->prefix_key,
				   .has_key = &dp->mend->has_prefix_key,
				   .next = &next,
				   .key_size = sizeof(next),
				   .is_ours = prefix_is_ours };

	tell_rules("vip-prefixes", own_prefixes_mend(dp) + strangers_remove(dp, &walk), told, arg);
}

/* -- rules by client address -- */

static bool is_in(const struct source_list *list, const struct lb_source_key *key)
{
	size_t low = 0, high = list->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = memcmp(&list->rules[middle].key, key, sizeof(*key));

		if (order == 0)
			return true;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

static bool route_is_ours(const struct dataplane *dp, const void *key_)
{
	const struct lb_source_key *key = key_;
	uint32_t counter = ntohl(key->service);

	return counter < LB_SERVICES && is_in(&dp->sources[counter].routes, key);
}

static bool drop_is_ours(const struct dataplane *dp, const void *key_)
{
	const struct lb_source_key *key = key_;
	uint32_t counter = ntohl(key->service);

	return counter < LB_SERVICES && is_in(&dp->sources[counter].drops, key);
}

/* Routes, then drops, of one service; returns how many were put back, counts those looked at. */
static uint32_t service_rules_mend(struct dataplane *dp, uint32_t *done)
{
	const struct source_lists *lists = &dp->sources[dp->mend->service];
	size_t n_routes = lists->routes.n, n_all = n_routes + lists->drops.n;
	uint32_t n = 0;

	for (; dp->mend->rule < n_all && *done < ENTRIES; dp->mend->rule++, (*done)++) {
		size_t i = dp->mend->rule;
		const struct source_rule *rule =
			i < n_routes ? &lists->routes.rules[i] : &lists->drops.rules[i - n_routes];
		int fd = bpf_map__fd(i < n_routes ? dp->skel->maps.source_routes
						  : dp->skel->maps.source_drops);

		n += entry_mend(fd, &rule->key, rule->real);
	}
	if (dp->mend->rule < n_all)
		return n;
	dp->mend->rule = 0;
	dp->mend->service = (dp->mend->service + 1) % LB_SERVICES;
	return n;
}

static void sources_mend(struct dataplane *dp, dataplane_mended_fn told, void *arg)
{
	struct mend *mend = dp->mend;
	struct lb_source_key next;
	struct walk walk = { .fd = bpf_map__fd(dp->skel->maps.source_routes),
			     .key = &mend->route_key,
			     .has_key = &mend->has_route_key,
			     .next = &next,
			     .key_size = sizeof(next),
			     .is_ours = route_is_ours };
	uint32_t n = 0, done = 0;

	if (dp->n_source_routes + dp->n_source_drops)
		for (uint32_t i = 0; i < LB_SERVICES && done < ENTRIES; i++)
			n += service_rules_mend(dp, &done);
	n += strangers_remove(dp, &walk);
	walk.fd = bpf_map__fd(dp->skel->maps.source_drops);
	walk.key = &mend->drop_key;
	walk.has_key = &mend->has_drop_key;
	walk.is_ours = drop_is_ours;
	n += strangers_remove(dp, &walk);
	tell_rules("source-rules", n, told, arg);
}

/* -- server ids -- */

static bool ring_has_id(const struct dataplane *dp, uint32_t ring, uint32_t id)
{
	for (size_t i = 0; i < dp->ids[ring].n; i++)
		if (dp->ids[ring].ids[i].id == id)
			return true;
	return false;
}

static bool id_is_ours(const struct dataplane *dp, const void *key_)
{
	const struct lb_id_key *key = key_;

	if (key->ring < dp->n_rings)
		return ring_has_id(dp, key->ring, key->id);
	for (uint32_t ring = 0; key->ring == LB_ID_ANY_RING && ring < dp->n_rings; ring++)
		if (ring_has_id(dp, ring, key->id))
			return true;
	return false;
}

/* An id leads, from `any`, to a real that some ring gives it. */
static uint32_t any_mend(struct dataplane *dp, int fd, const struct server_id *id)
{
	const struct lb_id_key key = { .ring = LB_ID_ANY_RING, .id = id->id };
	uint32_t found;

	if (bpf_map_lookup_elem(fd, &key, &found) == 0)
		for (uint32_t ring = 0; ring < dp->n_rings; ring++)
			for (size_t i = 0; i < dp->ids[ring].n; i++)
				if (dp->ids[ring].ids[i].id == id->id &&
				    dp->ids[ring].ids[i].real == found)
					return 0;
	return bpf_map_update_elem(fd, &key, &id->real, BPF_ANY) == 0;
}

static uint32_t ring_ids_mend(struct dataplane *dp, uint32_t *done)
{
	struct mend *mend = dp->mend;
	const struct server_ids *ids = &dp->ids[mend->ids_ring];
	int fd = bpf_map__fd(dp->skel->maps.server_ids);
	uint32_t n = 0;

	for (; mend->id < ids->n && *done < ENTRIES; mend->id++, (*done)++) {
		const struct server_id *id = &ids->ids[mend->id];
		const struct lb_id_key key = { .ring = mend->ids_ring, .id = id->id };

		n += entry_mend(fd, &key, id->real) + any_mend(dp, fd, id);
	}
	if (mend->id < ids->n)
		return n;
	mend->id = 0;
	mend->ids_ring = (mend->ids_ring + 1) % dp->n_rings;
	return n;
}

static void ids_mend(struct dataplane *dp, dataplane_mended_fn told, void *arg)
{
	struct lb_id_key next;
	const struct walk walk = { .fd = bpf_map__fd(dp->skel->maps.server_ids),
				   .key = &dp->mend->id_key,
				   .has_key = &dp->mend->has_id_key,
				   .next = &next,
				   .key_size = sizeof(next),
				   .is_ours = id_is_ours };
	uint32_t n = 0, done = 0;

	for (uint32_t i = 0; dp->n_ids && i < dp->n_rings && done < ENTRIES; i++)
		n += ring_ids_mend(dp, &done);
	tell_rules("server-ids", n + strangers_remove(dp, &walk), told, arg);
}

/* ---- what the program needs besides ---- */

static void devices_mend(struct dataplane *dp, dataplane_mended_fn told, void *arg)
{
	int fd = bpf_map__fd(dp->skel->maps.devices);
	uint32_t n = 0;

	for (uint32_t i = 0; i < DATAPLANE_UPLINKS_MAX; i++)
		if (dp->uplinks[i].ifindex)
			n += entry_mend(fd, &i, dp->uplinks[i].ifindex);
	tell_rules("redirect-targets", n, told, arg);
}

static uint32_t prog_id_of(int fd)
{
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info);

	return fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &len) == 0 ? info.id : 0;
}

static void stages_mend(struct dataplane *dp, dataplane_mended_fn told, void *arg)
{
	int map_fd = dp->mend->stage_fds[PIN_STAGES], longer_fd = dp->mend->stage_fds[PIN_LONGER];
	uint32_t key = STAGE_LONGER, found = 0, wanted = prog_id_of(longer_fd);

	if (map_fd < 0 || !wanted)
		return;
	if (bpf_map_lookup_elem(map_fd, &key, &found) == 0 && found == wanted)
		return;
	tell_rules("stages", bpf_map_update_elem(map_fd, &key, &longer_fd, BPF_ANY) == 0, told,
		   arg);
}

/* ---- pins ---- */

/* dir: of the set, or that of the links beside it. */
static void pin_mend(const char *dir, const char *name, int fd, dataplane_mended_fn told, void *arg)
{
	char path[192];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (fd < 0 || access(path, F_OK) == 0 || errno != ENOENT)
		return;
	if (bpf_obj_pin(fd, path) == 0)
		told(&(struct dataplane_mended){ .part = DATAPLANE_PART_PIN, .what = name, .n = 1 },
		     arg);
}

static void pins_mend(struct dataplane *dp, dataplane_mended_fn told, void *arg)
{
	const struct lb_bpf *skel = dp->skel;
	const struct {
		const char *name;
		const struct bpf_map *map;
	} maps[] = {
		{ "tables", skel->maps.bss },
		{ "rings", skel->maps.rings },
		{ "counters", skel->maps.counters },
		{ "prefixes", skel->maps.prefixes },
		{ "devices", skel->maps.devices },
		{ "flows", skel->maps.flows },
		{ "syns", skel->maps.syns },
		{ "captured", skel->maps.captured },
		{ "source_routes", skel->maps.source_routes },
		{ "source_drops", skel->maps.source_drops },
		{ "server_ids", skel->maps.server_ids },
	};
	char name[32];

	if (mkdir(dp->set, 0700) < 0 && errno != EEXIST)
		return;
	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++)
		pin_mend(dp->set, maps[i].name, bpf_map__fd(maps[i].map), told, arg);
	for (int i = 0; i < N_STAGE_PINS; i++)
		pin_mend(dp->set, stage_pins[i], dp->mend->stage_fds[i], told, arg);
	pin_mend(dp->set, "age", dp->age_fd, told, arg);
	for (uint32_t i = 0; i < DATAPLANE_UPLINKS_MAX; i++) {
		snprintf(name, sizeof(name), "link_%u", dp->uplinks[i].ifindex);
		if (dataplane_is_attached(dp, i))
			pin_mend(dp->dir, name, dp->link_fds[i], told, arg);
	}
}

/* ---- a turn ---- */

void dataplane_mend(struct dataplane *dp, dataplane_mended_fn told, void *arg)
{
	if (!dp->mend)
		return;
	kept_mend(dp, told, arg); /* first: the rest is compared with it */
	rings_mend(dp, told, arg);
	prefixes_mend(dp, told, arg);
	sources_mend(dp, told, arg);
	ids_mend(dp, told, arg);
	if (!dp->dir[0]) /* a private program has uplinks without interface, and no pins */
		return;
	devices_mend(dp, told, arg);
	stages_mend(dp, told, arg);
	pins_mend(dp, told, arg);
}

/* Everything is as noted; for tests. */
const char *mend_differs(struct dataplane *dp)
{
	for (uint32_t i = 0; dp->mend && i < dp->n_rings; i++)
		if (dp->ring_used[i] && !ring_is_as_noted(dp, i))
			return "rings";
	return kept_differs(dp);
}
