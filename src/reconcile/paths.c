/* SPDX-License-Identifier: Apache-2.0 */
#include "src/reconcile/paths.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frr-integration/router.h"
#include "health/path.h"
#include "health/prober.h"
#include "src/base/auto.h"
#include "src/base/log.h"
#include "src/reconcile/places.h"
#include "src/reconcile/repairs.h"
#include "src/core/core.h"
#include "src/dataplane/dataplane.h"
#include "src/net/net.h"
#include "src/reconcile/peer_ways.h"

#define PROBE_PATH_CHECK_US (5 * USEC_PER_SEC)
#define PROBE_PATH_FRESH_US (100 * USEC_PER_MSEC) /* a look that still holds */
#define MARKS               65536
#define TARGET_TURNS        5 /* of paths_check(): all probe targets, when they are not too many */
#define TARGETS_A_TURN      512 /* at most; about half a millisecond */

struct uplink {
	bool is_seen;      /* net said something about it */
	bool was_attached; /* as last told to the core */
	bool may_attach;   /* false for one second after the program went missing */
	bool has_offload;  /* the NIC does what it must not: told */
	bool is_lost;      /* our program went from an interface that is there */
};

struct paths {
	struct paths_options options;
	struct places places;          /* of options.config */
	const struct config *prepared; /* by paths_prepare(), until the reload it belongs to */
	struct places prepared_places;
	struct net *net;
	struct health_path *probe_path; /* NULL: no check goes through the tunnel */
	struct uplink uplinks[DATAPLANE_UPLINKS_MAX];
	struct peer_ways peer_ways;
	usec_t probe_path_checked_at;
	usec_t probe_path_broken_at; /* when last found so; 0: never */
	uint64_t probe_path_unmapped;
	uint64_t *target_sums; /* by the number in the mark: of the target last written; 0: none */
	uint32_t target_pool, target_real; /* where the comparison of probe targets goes on */
	usec_t *no_way_until; /* by the number in the mark; USEC_NEVER: there is none now */
	char sentence[ERR_TEXT_MAX];
};

/* ---- next hops ---- */

/* The way to a real over one uplink: the configured MAC, or what the kernel says. */
static bool way_over(const struct paths *p, uint32_t uplink, const struct addr *real,
		     uint8_t ret_mac[6])
{
	const struct config_node *node = &p->options.config->node;
	const struct net_uplink *link = net_uplink(p->net, uplink);
	const struct net_next_hop *hop;

	if (!link || !link->present || !link->has_carrier)
		return false;
	if (node->has_next_hop_mac) {
		memcpy(ret_mac, node->next_hop_mac, 6);
		return true;
	}
	hop = net_next_hop(p->net, uplink, real);
	if (!hop || !hop->usable)
		return false;
	memcpy(ret_mac, hop->mac, 6);
	return true;
}

/* The first uplink that reaches the real, or the number of uplinks. */
static uint32_t first_way(const struct paths *p, const struct addr *real, uint8_t ret_mac[6])
{
	uint32_t n = (uint32_t)p->options.config->node.n_uplinks, i;

	for (i = 0; i < n; i++)
		if (way_over(p, i, real, ret_mac))
			break;
	return i;
}

/*
 * False until the kernel was heard about it: at start, where "not known yet" must not pass for "no
 * way", or adopted maps would lose theirs and adopted routes be withdrawn.
 */
static bool way_is_known(const struct paths *p, uint32_t uplink, const struct addr *real)
{
	const struct net_uplink *link = net_uplink(p->net, uplink);

	if (!link || !p->uplinks[uplink].is_seen)
		return false;
	if (!link->present || !link->has_carrier || p->options.config->node.has_next_hop_mac)
		return true;
	return net_next_hop(p->net, uplink, real) != NULL;
}

static bool all_ways_are_known(const struct paths *p, const struct addr *real)
{
	for (uint32_t u = 0; u < p->options.config->node.n_uplinks; u++)
		if (!way_is_known(p, u, real))
			return false;
	return true;
}

static void write_next_hop(struct paths *p, uint32_t uplink, const struct addr *real)
{
	struct dataplane_next_hop hop = { .usable = false };
	struct err err;

	if (!way_is_known(p, uplink, real) ||
	    dataplane_real_index(p->options.dataplane, real) == DATAPLANE_NO_REAL)
		return;
	hop.usable = way_over(p, uplink, real, hop.mac);
	if (dataplane_set_next_hop(p->options.dataplane, uplink, real, &hop, &err) < 0)
		log_warn("next_hop", "real=%s error=%s", ADDR_STR(real), LOG_QUOTE(err.text));
}

/* True when probes found no mapping for their mark since the last look. */
static bool probe_path_lost_marks(struct paths *p)
{
	uint64_t value, before = p->probe_path_unmapped;
	const char *name;

	for (unsigned i = 0; health_path_total(p->probe_path, i, &name, &value); i++)
		if (strcmp(name, "unmapped") == 0)
			p->probe_path_unmapped = value;
	return p->probe_path_unmapped > before;
}

static void note_way(struct paths *p, uint32_t mark, bool has_way)
{
	usec_t *until = &p->no_way_until[mark & ~HEALTH_MARK_MASK];

	if (!has_way)
		*until = USEC_NEVER;
	else if (*until == USEC_NEVER)
		*until = usec_now();
}

/* Where marked probes to a real go: as its client packets do; without a way they die. */
static struct health_path_target probe_target(const struct paths *p, uint32_t pool, uint32_t real)
{
	const struct config_node *node = &p->options.config->node;
	const struct config_pool *in = &p->options.config->pools[pool];
	struct health_path_target target = { .real = in->reals[real].addr,
					     .encap = in->encap,
					     .gue_port = in->gue_port };
	uint32_t uplink = first_way(p, &target.real, target.dst_mac);
	const struct net_uplink *link;

	if (uplink >= node->n_uplinks)
		return target;
	link = net_uplink(p->net, uplink);
	target.ifindex = link->ifindex;
	memcpy(target.src_mac, link->mac, 6);
	target.has_source4 = node->has_encap_source4 || link->has_addr4;
	target.has_source6 = node->has_encap_source6 || link->has_addr6;
	target.source4 = node->has_encap_source4 ? node->encap_source4 : link->addr4;
	target.source6 = node->has_encap_source6 ? node->encap_source6 : link->addr6;
	return target;
}

static uint64_t sum_add(uint64_t sum, const void *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		sum = (sum ^ ((const uint8_t *)bytes)[i]) * 0x100000001b3ULL;
	return sum;
}

/* Of all fields, and of nothing between them. */
static uint64_t target_sum(const struct health_path_target *target)
{
	uint64_t sum = sum_add(0xcbf29ce484222325ULL, &target->real, sizeof(target->real));

	sum = sum_add(sum, &target->encap, sizeof(target->encap));
	sum = sum_add(sum, &target->gue_port, sizeof(target->gue_port));
	sum = sum_add(sum, &target->source4, sizeof(target->source4));
	sum = sum_add(sum, &target->source6, sizeof(target->source6));
	sum = sum_add(sum, &target->ifindex, sizeof(target->ifindex));
	sum = sum_add(sum, target->src_mac, sizeof(target->src_mac));
	return sum_add(sum, target->dst_mac, sizeof(target->dst_mac)) | 1;
}

static void write_probe_target(struct paths *p, uint32_t pool, uint32_t real)
{
	uint32_t mark = prober_mark(p->options.prober, pool, real);
	struct health_path_target target;
	struct err err;

	if (!p->probe_path || mark == 0)
		return;
	target = probe_target(p, pool, real);
	note_way(p, mark, target.ifindex != 0);
	p->target_sums[mark & ~HEALTH_MARK_MASK] = target_sum(&target);
	if (health_path_set(p->probe_path, mark, &target, &err) < 0)
		log_warn("probe_path", "real=%s error=%s", ADDR_STR(&target.real),
			 LOG_QUOTE(err.text));
}

/* ---- probe targets that somebody else changed ---- */

static bool next_target(struct paths *p)
{
	const struct config *config = p->options.config;

	if (p->target_pool < config->n_pools &&
	    ++p->target_real < config->pools[p->target_pool].n_reals)
		return true;
	p->target_real = 0;
	while (++p->target_pool < config->n_pools)
		if (config->pools[p->target_pool].n_reals > 0)
			return true;
	p->target_pool = 0;
	return config->n_pools > 0 && config->pools[0].n_reals > 0;
}

/* Only what was written is compared: what changed since on our side is written by its own event. */
static void mend_target(struct paths *p, uint32_t pool, uint32_t real)
{
	uint32_t mark = prober_mark(p->options.prober, pool, real);
	struct health_path_target target;
	struct err err;

	if (mark == 0)
		return;
	target = probe_target(p, pool, real);
	if (p->target_sums[mark & ~HEALTH_MARK_MASK] != target_sum(&target) ||
	    health_path_mend(p->probe_path, mark, &target, &err) <= 0)
		return;
	repairs_add(p->options.repairs, REPAIR_TARGET, 1);
	log_warn("repair", "kind=%s real=%s mark=%#x", repair_kind_str(REPAIR_TARGET),
		 ADDR_STR(&target.real), mark);
}

static void mend_targets(struct paths *p)
{
	const struct config *config = p->options.config;
	size_t n = 0;

	for (size_t i = 0; i < config->n_pools; i++)
		n += config->pools[i].n_reals;
	n = n / TARGET_TURNS + 1;
	if (n > TARGETS_A_TURN)
		n = TARGETS_A_TURN;
	for (size_t i = 0; p->probe_path && i < n && next_target(p); i++)
		mend_target(p, p->target_pool, p->target_real);
}

/* Tell everybody about the way to one real of one pool. */
static void tell_real(struct paths *p, uint32_t pool, uint32_t real)
{
	const struct addr *addr = &p->options.config->pools[pool].reals[real].addr;
	struct core_event event = { .kind = CORE_EVENT_NEXT_HOP,
				    .now = usec_now(),
				    .is_deferred = true }; /* a pass comes soon */
	uint8_t mac[6];

	event.next_hop.pool = pool;
	event.next_hop.real = real;
	event.next_hop.usable = p->options.config->pools[pool].reals[real].is_local ||
				first_way(p, addr, mac) < p->options.config->node.n_uplinks;
	if (event.next_hop.usable || all_ways_are_known(p, addr))
		core_step(p->options.core, &event);
	write_probe_target(p, pool, real);
}

static bool is_configured(const struct places *places, const struct addr *addr)
{
	size_t n;

	return places_find(places, addr, &n) != NULL;
}

/* Reals that left the config are still sent the packets of their flows. */
static void write_reals_that_left(struct paths *p)
{
	AUTO(freep) struct addr *reals = NULL;
	struct err err;
	size_t n = 0;

	if (dataplane_list_reals(p->options.dataplane, &reals, &n, &err) < 0)
		return;
	for (size_t i = 0; i < n; i++)
		if (!is_configured(&p->places, &reals[i]))
			paths_real_programmed(p, &reals[i]);
}

static void tell_all_reals(struct paths *p)
{
	const struct config *config = p->options.config;

	write_reals_that_left(p);
	for (uint32_t i = 0; i < config->n_pools; i++)
		for (uint32_t k = 0; k < config->pools[i].n_reals; k++) {
			for (uint32_t u = 0; u < config->node.n_uplinks; u++)
				write_next_hop(p, u, &config->pools[i].reals[k].addr);
			tell_real(p, i, k);
		}
}

static void next_hop_changed(const struct net_next_hop *hop, void *arg)
{
	struct paths *p = arg;
	const struct place *places;
	size_t n;

	log_info("next_hop", "real=%s uplink=%u usable=%s%s%s", ADDR_STR(&hop->real), hop->uplink,
		 hop->usable ? "yes" : "no", hop->usable ? "" : " why=",
		 hop->usable ? "" : LOG_QUOTE(hop->why ? hop->why : ""));
	write_next_hop(p, hop->uplink, &hop->real);
	places = places_find(&p->places, &hop->real, &n);
	for (size_t i = 0; i < n; i++)
		tell_real(p, places[i].pool, places[i].real);
	p->options.changed(p->options.arg);
}

void paths_real_programmed(struct paths *p, const struct addr *real)
{
	for (uint32_t u = 0; u < p->options.config->node.n_uplinks; u++)
		write_next_hop(p, u, real);
}

static bool is_peer(const struct config *config, const struct addr *addr)
{
	for (size_t i = 0; i < config->routing.n_peers; i++)
		if (!config->routing.peers[i].interface &&
		    addr_eq(&config->routing.peers[i].addr, addr))
			return true;
	return false;
}

void paths_real_deleted(struct paths *p, const struct addr *real)
{
	if (!is_configured(&p->places, real) && !is_peer(p->options.config, real))
		net_unwatch_real(p->net, real);
}

/* ---- peers ---- */

struct peer_facts {
	struct paths *paths;
	const struct router *router;
};

static bool peer_is_established(void *arg, size_t peer)
{
	const struct peer_facts *facts = arg;

	return peer < router_n_peers(facts->router) &&
	       router_peer(facts->router, peer)->is_established;
}

static bool peer_route(void *arg, const struct addr *dst, uint32_t *ret_uplink,
		       bool *ret_is_on_link)
{
	const struct peer_facts *facts = arg;

	return net_route(facts->paths->net, dst, ret_uplink, ret_is_on_link);
}

static bool peer_has_way(void *arg, uint32_t uplink, const struct addr *dst)
{
	const struct paths *p = ((const struct peer_facts *)arg)->paths;
	const struct net_uplink *link = net_uplink(p->net, uplink);
	const struct net_next_hop *hop = dst ? net_next_hop(p->net, uplink, dst) : NULL;

	if (!link || !p->uplinks[uplink].is_seen)
		return true;
	return link->present && link->has_carrier && (!hop || hop->usable);
}

bool paths_peers_are_cut_off(struct paths *p, const struct router *router)
{
	struct peer_facts of = { p, router };
	const struct peer_ways_facts facts = { peer_is_established, peer_route, peer_has_way, &of };

	return peer_ways_are_cut_off(&p->peer_ways, p->options.config, &facts);
}

/* ---- uplinks ---- */

/* What was gone although its interface was there, somebody took away. */
static void note_attached(struct paths *p, const struct net_uplink *link)
{
	struct uplink *uplink = &p->uplinks[link->index];

	if (!uplink->is_lost)
		return;
	uplink->is_lost = false;
	repairs_add(p->options.repairs, REPAIR_LINK, 1);
	log_warn("repair", "kind=%s uplink=%s", repair_kind_str(REPAIR_LINK), link->name);
}

static void attach(struct paths *p, const struct net_uplink *link)
{
	enum config_xdp_mode mode = p->options.config->node.xdp_mode;
	const struct dataplane_uplink *have;
	struct err err;

	if (dataplane_attach(p->options.dataplane, link->index, link->name, link->ifindex,
			     link->mac, mode, &err) < 0) {
		if (strcmp(p->sentence, err.text) != 0)
			log_err("attach", "uplink=%s error=%s", link->name, LOG_QUOTE(err.text));
		snprintf(p->sentence, sizeof(p->sentence), "%s", err.text);
		return;
	}
	p->sentence[0] = '\0';
	note_attached(p, link);
	have = dataplane_uplink(p->options.dataplane, link->index);
	if (have->is_native)
		log_notice("attach", "uplink=%s mode=native", link->name);
	else
		log_warn("attach",
			 "uplink=%s mode=generic why=%s hint=\"slower, and GRO and LRO must be "
			 "off\"",
			 link->name, LOG_QUOTE(have->generic_why));
}

static bool needs_attach(const struct paths *p, const struct net_uplink *link)
{
	const struct dataplane_uplink *have = dataplane_uplink(p->options.dataplane, link->index);

	return !have || have->ifindex != link->ifindex || memcmp(have->mac, link->mac, 6) != 0 ||
	       !dataplane_is_attached(p->options.dataplane, link->index);
}

static void tell_uplink(struct paths *p, const struct net_uplink *link)
{
	struct uplink *uplink = &p->uplinks[link->index];
	struct core_event event = { .kind = CORE_EVENT_UPLINK, .now = usec_now() };
	bool attached = link->present && dataplane_is_attached(p->options.dataplane, link->index);

	if (uplink->was_attached && !attached)
		log_err("xdp_gone", "uplink=%s", link->name);
	if (uplink->was_attached && !attached)
		uplink->is_lost = link->present;
	uplink->was_attached = attached;
	event.uplink = (struct core_uplink){ .uplink = link->index,
					     .present = link->present,
					     .has_carrier = link->has_carrier,
					     .xdp_attached = attached };
	core_step(p->options.core, &event);
	p->options.changed(p->options.arg);
}

/* Probes are sent from encap-source, or from the first uplink that has an address. */
static void tell_sources(struct paths *p)
{
	const struct config_node *node = &p->options.config->node;
	const struct addr *source4 = node->has_encap_source4 ? &node->encap_source4 : NULL;
	const struct addr *source6 = node->has_encap_source6 ? &node->encap_source6 : NULL;

	for (uint32_t u = 0; u < node->n_uplinks; u++) {
		const struct net_uplink *link = net_uplink(p->net, u);

		if (link && link->has_addr4 && !source4)
			source4 = &link->addr4;
		if (link && link->has_addr6 && !source6)
			source6 = &link->addr6;
	}
	prober_set_sources(p->options.prober, source4, source6);
}

/* The smallest of the uplinks, where the config does not say: any of them may carry a probe. */
static void tell_mtu(struct paths *p)
{
	const struct config_node *node = &p->options.config->node;
	uint32_t least = 0;

	for (uint32_t u = 0; u < node->n_uplinks; u++) {
		const struct net_uplink *link = net_uplink(p->net, u);

		if (link && link->present && (least == 0 || link->mtu_bytes < least))
			least = link->mtu_bytes;
	}
	prober_set_mtu(p->options.prober, node->mtu_bytes ? node->mtu_bytes : least,
		       node->client_mtu_bytes ? node->client_mtu_bytes : least);
}

static void uplink_changed(const struct net_uplink *link, void *arg)
{
	struct paths *p = arg;
	struct uplink *uplink = &p->uplinks[link->index];
	bool lost = uplink->was_attached && link->present &&
		    !dataplane_is_attached(p->options.dataplane, link->index);

	log_info("uplink", "uplink=%s present=%s carrier=%s ifindex=%u", link->name,
		 link->present ? "yes" : "no", link->has_carrier ? "yes" : "no", link->ifindex);
	uplink->is_seen = true;
	uplink->may_attach = !lost;
	if (!link->present)
		snprintf(p->sentence, sizeof(p->sentence),
			 "uplink '%s': no such interface; name one that `ip link` shows under "
			 "node.uplinks",
			 link->name);
	else if (!lost && needs_attach(p, link))
		attach(p, link);
	tell_uplink(p, link);
	tell_all_reals(p);
	tell_sources(p);
	tell_mtu(p);
}

/* Tell once when somebody turns on what was off when the program was attached. */
static void check_offload(struct paths *p, uint32_t index)
{
	struct uplink *uplink = &p->uplinks[index];
	struct err err = { "" };
	bool has_offload = dataplane_check_offload(p->options.dataplane, index, &err) < 0;

	if (has_offload && !uplink->has_offload)
		log_warn("offload", "uplink=%u error=%s", index, LOG_QUOTE(err.text));
	else if (!has_offload && uplink->has_offload)
		log_notice("offload", "uplink=%u error=none", index);
	uplink->has_offload = has_offload;
}

static void check_uplink(struct paths *p, uint32_t index)
{
	const struct net_uplink *link = net_uplink(p->net, index);
	struct uplink *uplink = &p->uplinks[index];

	if (!link || !link->present)
		return;
	if (!needs_attach(p, link)) {
		check_offload(p, index);
		if (!uplink->was_attached)
			tell_uplink(p, link);
		return;
	}
	if (!dataplane_is_attached(p->options.dataplane, index) &&
	    (uplink->was_attached || !uplink->may_attach)) {
		if (uplink->was_attached)
			tell_uplink(p, link);
		uplink->may_attach = true;
		return;
	}
	attach(p, link);
	tell_uplink(p, link);
}

/* The parts that health_path_check() put back. */
static void count_path_repairs(struct paths *p, int parts)
{
	static const struct {
		enum health_path_part part;
		enum repair_kind kind;
	} rows[] = {
		{ HEALTH_PATH_DEVICE, REPAIR_DEVICE },
		{ HEALTH_PATH_FILTER, REPAIR_FILTER },
		{ HEALTH_PATH_RULE, REPAIR_RULE },
		{ HEALTH_PATH_ROUTE, REPAIR_ROUTE },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (!(parts & (int)rows[i].part))
			continue;
		repairs_add(p->options.repairs, rows[i].kind, 1);
		log_warn("repair", "kind=%s of=probe-path", repair_kind_str(rows[i].kind));
	}
}

/* Look, unless the last look is younger than every_us, and mend what is broken. */
static void check_probe_path(struct paths *p, usec_t now, usec_t every_us)
{
	bool lost;
	struct err err;
	int r;

	if (!p->probe_path || now < p->probe_path_checked_at + every_us)
		return;
	p->probe_path_checked_at = now;
	lost = probe_path_lost_marks(p);
	r = health_path_check(p->probe_path, &err);
	if (r == 0 && !lost)
		return;
	p->probe_path_broken_at = now;
	if (r < 0)
		log_warn("probe_path", "error=%s", LOG_QUOTE(err.text));
	else if (r > 0)
		count_path_repairs(p, r);
	else
		log_warn("probe_path", "repaired=mappings");
	for (uint32_t i = 0; i < p->options.config->n_pools; i++)
		for (uint32_t k = 0; k < p->options.config->pools[i].n_reals; k++) {
			mend_target(p, i, k); /* counts what somebody else changed */
			write_probe_target(p, i, k);
		}
}

void paths_check(struct paths *p, usec_t now)
{
	for (uint32_t u = 0; u < p->options.config->node.n_uplinks; u++)
		check_uplink(p, u);
	check_probe_path(p, now, PROBE_PATH_CHECK_US);
	mend_targets(p);
}

bool paths_probe_path_is_whole(struct paths *p, uint32_t pool, uint32_t real, usec_t since)
{
	uint32_t mark = prober_mark(p->options.prober, pool, real);

	if (!p->probe_path)
		return false;
	check_probe_path(p, usec_now(), PROBE_PATH_FRESH_US);
	return p->probe_path_broken_at < since && p->no_way_until[mark & ~HEALTH_MARK_MASK] < since;
}

/* ---- life ---- */

static bool needs_probe_path(const struct config *config)
{
	for (size_t i = 0; i < config->n_pools; i++)
		for (size_t c = 0; c < config->pools[i].n_checks; c++)
			if (config->checks[config->pools[i].checks[c]].via == CONFIG_VIA_TUNNEL)
				return true;
	return false;
}

static int open_probe_path(struct paths *p, const struct config *config, struct err *err)
{
	int r;

	if (p->probe_path || !needs_probe_path(config))
		return 0;
	r = health_path_open(p->options.bpffs_dir, &p->probe_path, err);
	if (r == 0)
		probe_path_lost_marks(p); /* what an earlier run counted is none of ours */
	return r;
}

static int watch_reals(struct paths *p, const struct config *config, struct err *err)
{
	for (size_t i = 0; i < config->n_pools; i++)
		for (size_t k = 0; k < config->pools[i].n_reals; k++) {
			int r = net_watch_real(p->net, &config->pools[i].reals[k].addr, err);

			if (r < 0)
				return r;
		}
	return 0;
}

static int watch_peers(struct paths *p, const struct config *config, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < config->routing.n_peers; i++)
		if (!config->routing.peers[i].interface)
			r = net_watch_real(p->net, &config->routing.peers[i].addr, err);
	return r;
}

/* Also those that left the config before this start, and may still have flows. */
static int watch_programmed(struct paths *p, struct err *err)
{
	AUTO(freep) struct addr *reals = NULL;
	size_t n = 0;
	int r = dataplane_list_reals(p->options.dataplane, &reals, &n, err);

	for (size_t i = 0; r == 0 && i < n; i++)
		r = net_watch_real(p->net, &reals[i], err);
	return r;
}

int paths_new(const struct paths_options *options, struct paths **ret, struct err *err)
{
	struct paths *p = calloc(1, sizeof(*p));
	const struct config_node *node = &options->config->node;
	struct net_callbacks callbacks = { .uplink = uplink_changed,
					   .next_hop = next_hop_changed,
					   .arg = p };
	int r;

	if (!p)
		return err_set(err, -ENOMEM, "paths: %m");
	p->options = *options;
	p->no_way_until = calloc(MARKS, sizeof(*p->no_way_until));
	p->target_sums = calloc(MARKS, sizeof(*p->target_sums));
	if (!p->no_way_until || !p->target_sums) {
		free(p->no_way_until);
		free(p->target_sums);
		free(p);
		return err_set(err, -ENOMEM, "paths: %m");
	}
	r = places_init(&p->places, options->config);
	if (r < 0)
		err_set(err, r, "paths: %m");
	else
		r = net_new(options->base, &callbacks, &p->net, err);
	if (r == 0)
		r = open_probe_path(p, options->config, err);
	for (uint32_t u = 0; r == 0 && u < node->n_uplinks; u++)
		r = net_watch_uplink(p->net, u, node->uplinks[u], err);
	if (r == 0)
		r = watch_reals(p, options->config, err);
	if (r == 0)
		r = watch_peers(p, options->config, err);
	if (r == 0)
		r = watch_programmed(p, err);
	if (r < 0) {
		paths_free(p);
		return r;
	}
	*ret = p;
	return 0;
}

void paths_free(struct paths *p)
{
	if (!p)
		return;
	net_free(p->net);
	health_path_close(p->probe_path);
	places_fini(&p->places);
	places_fini(&p->prepared_places);
	free(p->no_way_until);
	free(p->target_sums);
	free(p);
}

/* Marks that name nothing any more: their probes must die rather than reach somebody else. */
static void drop_gone_marks(struct paths *p)
{
	size_t n;
	const uint32_t *gone = prober_marks_gone(p->options.prober, &n);
	struct err err;

	for (size_t i = 0; p->probe_path && i < n; i++)
		p->target_sums[gone[i] & ~HEALTH_MARK_MASK] = 0;
	for (size_t i = 0; p->probe_path && i < n; i++)
		if (health_path_del(p->probe_path, gone[i], &err) < 0)
			log_warn("probe_path", "mark=%#x error=%s", gone[i], LOG_QUOTE(err.text));
}

int paths_prepare(struct paths *p, const struct config *config, struct err *err)
{
	int r = open_probe_path(p, config, err);

	p->prepared = config;
	places_fini(&p->prepared_places);
	if (r == 0 && places_init(&p->prepared_places, config) < 0)
		r = err_set(err, -ENOMEM, "paths: %m");
	if (r == 0)
		r = watch_reals(p, config, err);
	return r < 0 ? r : watch_peers(p, config, err);
}

static void unwatch_unless_needed(struct paths *p, const struct addr *real)
{
	if (!is_configured(&p->places, real) && !is_peer(p->options.config, real) &&
	    dataplane_real_index(p->options.dataplane, real) == DATAPLANE_NO_REAL)
		net_unwatch_real(p->net, real);
}

/* Of another config than the one in force. */
static void unwatch_reals_of(struct paths *p, const struct config *old)
{
	for (size_t i = 0; i < old->n_pools; i++)
		for (size_t k = 0; k < old->pools[i].n_reals; k++)
			unwatch_unless_needed(p, &old->pools[i].reals[k].addr);
	for (size_t i = 0; i < old->routing.n_peers; i++)
		if (!old->routing.peers[i].interface)
			unwatch_unless_needed(p, &old->routing.peers[i].addr);
}

void paths_reload(struct paths *p, const struct config *config)
{
	const struct config *old = p->options.config;

	if (config == p->prepared) {
		places_fini(&p->places);
		p->places = p->prepared_places;
		p->prepared_places = (struct places){ 0 };
	} /* else: back to the one in force, as that one was refused after all */
	p->options.config = config;
	unwatch_reals_of(p, p->prepared && config != p->prepared ? p->prepared : old);
	p->prepared = NULL;
	drop_gone_marks(p);
	tell_all_reals(p);
	tell_sources(p);
	tell_mtu(p);
}

bool paths_is_started(const struct paths *p, unsigned *ret_attached)
{
	bool started = true;

	*ret_attached = 0;
	for (uint32_t u = 0; u < p->options.config->node.n_uplinks; u++) {
		started = started && p->uplinks[u].is_seen;
		*ret_attached += p->uplinks[u].was_attached;
	}
	return started;
}

const char *paths_sentence(const struct paths *p)
{
	return p->sentence;
}

struct net *paths_net(const struct paths *p)
{
	return p->net;
}
