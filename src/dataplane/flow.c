/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flow.c - the flow table as user space sees it: what is in it, the sweep that clears what is old,
 * and what the rule says of one flow.
 *
 * The program writes the table all the while. So everything here reads word by word and clears by
 * compare-and-exchange: an entry that was used again meanwhile stays.
 */
#include "src/dataplane/internal.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/flow_rule.h"
#include "bpf/ring.h"
#include "bpf/service.h"
#include "src/dataplane/lb_skel.h"

static uint32_t flags_of(const struct dataplane *dp, uint32_t real)
{
	return DP_LOAD(dp->tables->reals[real].flags);
}

static bool is_old(const struct dataplane *dp, uint64_t entry, uint32_t now)
{
	return !flow_is_young(entry, now, dp->tables->flow_idle);
}

static bool is_stale(const struct dataplane *dp, uint64_t entry, uint32_t now)
{
	return is_old(dp, entry, now) || !flow_real_lives(flags_of(dp, LB_FLOW_REAL(entry)));
}

/* ---- the sweep ---- */

#define SWEEP_LINES  4096 /* a step: 256 KiB of the table */
#define SWEEP_RINGS  4    /* or so many rings in transition */
#define SWEEP_US_MAX (60 * USEC_PER_SEC)
#define SWEEP_US_MIN (1 * USEC_PER_SEC)

/* How long steps are apart: the table once a minute, more often where flows get old sooner. */
static usec_t sweep_pause(const struct dataplane *dp)
{
	uint32_t steps = dp->n_flow_lines / SWEEP_LINES + 1;
	usec_t walk = dp->idle_us / 4;

	if (walk > SWEEP_US_MAX)
		walk = SWEEP_US_MAX;
	if (walk < SWEEP_US_MIN)
		walk = SWEEP_US_MIN;
	return walk / steps;
}

/* Old entries, and those whose real's index is to be free for another address. */
static void sweep_line(struct dataplane *dp, struct lb_flow_line *line, uint32_t now)
{
	for (uint32_t way = 0; way < LB_FLOW_WAYS; way++) {
		uint64_t entry = DP_LOAD(line->ways[way]);

		if (entry &&
		    (is_old(dp, entry, now) || !(flags_of(dp, LB_FLOW_REAL(entry)) & LB_REAL_USED)))
			flow_swap(line, way, entry, 0);
	}
}

/* The rings' part of a walk; false when it is over. */
static bool sweep_rings(struct dataplane *dp)
{
	uint32_t done = 0;

	while (dp->sweep.ring < dp->n_rings && done < SWEEP_RINGS) {
		if (dp->transits[dp->sweep.ring].moving) {
			ring_leave_gone_reals(dp, dp->sweep.ring);
			done++;
		}
		dp->sweep.ring++;
	}
	return done > 0;
}

/* The table's part of a walk; false when it is over. */
static bool sweep_lines(struct dataplane *dp)
{
	uint32_t end = dp->sweep.line + SWEEP_LINES, now = clock_age(dp);

	if (end > dp->n_flow_lines)
		end = dp->n_flow_lines;
	for (; dp->sweep.line < end; dp->sweep.line++)
		sweep_line(dp, &dp->flows[dp->sweep.line], now);
	return dp->sweep.line < dp->n_flow_lines;
}

usec_t flows_sweep(struct dataplane *dp, usec_t now)
{
	struct sweep *sweep = &dp->sweep;

	if (now < sweep->next_us)
		return sweep->next_us;
	if (!sweep->began_us) {
		sweep->began_us = now;
		sweep->ring = 0;
		sweep->line = 0;
	}
	if (!sweep_rings(dp) && !sweep_lines(dp)) {
		sweep->done_us = sweep->began_us;
		sweep->began_us = 0;
	}
	sweep->next_us = now + sweep_pause(dp);
	return sweep->next_us;
}

/* ---- what is in it ---- */

void dataplane_flow_table(const struct dataplane *dp, uint64_t *ret_entries,
			  uint64_t *ret_configured)
{
	*ret_entries = (uint64_t)dp->n_flow_lines * LB_FLOW_WAYS;
	*ret_configured = (uint64_t)dp->n_flow_lines_wanted * LB_FLOW_WAYS;
}

static int by_flows(const void *a, const void *b)
{
	const struct dataplane_flows_of *x = a, *y = b;

	return (x->flows < y->flows) - (x->flows > y->flows);
}

struct tally {
	uint64_t flows[LB_REALS], protected[LB_REALS], stale[LB_REALS];
	uint16_t youngest[LB_REALS], oldest[LB_REALS]; /* units of age */
};

/* Units of age since an entry was used; its clock may be a unit ahead of ours. */
static uint16_t age_of(uint64_t entry, uint32_t now)
{
	int16_t age = (int16_t)(now - LB_FLOW_AGE(entry));

	return age > 0 ? (uint16_t)age : 0;
}

static void count_entry(struct tally *tally, uint64_t entry, uint32_t now)
{
	uint32_t real = LB_FLOW_REAL(entry);
	uint16_t age = age_of(entry, now);

	if (!tally->flows[real] || age < tally->youngest[real])
		tally->youngest[real] = age;
	if (age > tally->oldest[real])
		tally->oldest[real] = age;
	tally->flows[real]++;
}

static void count_line(const struct dataplane *dp, const struct lb_flow_line *line, uint32_t now,
		       struct tally *tally, struct dataplane_flows *ret)
{
	for (uint32_t way = 0; way < LB_FLOW_WAYS; way++) {
		uint64_t entry = DP_LOAD(line->ways[way]);

		if (!entry)
			continue;
		if (way < LB_FLOW_PROBATION)
			ret->probation++;
		else
			ret->protected ++;
		tally->protected[LB_FLOW_REAL(entry)] += way >= LB_FLOW_PROBATION;
		count_entry(tally, entry, now);
		tally->stale[LB_FLOW_REAL(entry)] += is_stale(dp, entry, now);
	}
}

static void list_reals(const struct dataplane *dp, const struct tally *tally,
		       struct dataplane_flows *ret)
{
	for (uint32_t i = 1; i < LB_REALS; i++) {
		const struct lb_real *real = &dp->tables->reals[i];

		ret->used += tally->flows[i];
		ret->stale += tally->stale[i];
		if (tally->flows[i])
			ret->reals[ret->n_reals++] = (struct dataplane_flows_of){
				.real = real_addr(real),
				.flows = tally->flows[i],
				.protected = tally->protected[i],
				.stale = tally->stale[i],
				.youngest_us = tally->youngest[i] * dp->age_us,
				.oldest_us = tally->oldest[i] * dp->age_us,
				.is_programmed = real->flags & LB_REAL_USED,
			};
	}
	qsort(ret->reals, ret->n_reals, sizeof(*ret->reals), by_flows);
}

void dataplane_flows_fini(struct dataplane_flows *flows)
{
	free(flows->reals);
	*flows = (struct dataplane_flows){ 0 };
}

/* ---- a walk over the table ---- */

#define WALK_LINES 4096 /* between two looks at the clock */

struct dataplane_walk {
	struct dataplane *dp;
	uint32_t line; /* the next one */
	/* Counting; NULL: purging. */
	struct tally *tally;
	struct dataplane_flows flows;
	/* Purging. */
	enum dataplane_purge what;
	bool of_real[LB_REALS];
	uint64_t purged;
};

int dataplane_count_flows(struct dataplane *dp, struct dataplane_walk **ret, struct err *err)
{
	struct dataplane_walk *walk = calloc(1, sizeof(*walk));

	if (walk)
		walk->tally = calloc(1, sizeof(*walk->tally));
	if (!walk || !walk->tally) {
		free(walk);
		return err_set(err, -ENOMEM, "no memory to count the flows");
	}
	walk->dp = dp;
	*ret = walk;
	return 0;
}

int dataplane_purge_flows(struct dataplane *dp, enum dataplane_purge what, const struct addr *reals,
			  size_t n_reals, struct dataplane_walk **ret, struct err *err)
{
	struct dataplane_walk *walk = calloc(1, sizeof(*walk));

	if (!walk)
		return err_set(err, -ENOMEM, "no memory to purge flows");
	walk->dp = dp;
	walk->what = what;
	for (size_t i = 0; what == DATAPLANE_PURGE_REALS && i < n_reals; i++)
		walk->of_real[real_find(dp, &reals[i])] = true;
	walk->of_real[DATAPLANE_NO_REAL] = false;
	*ret = walk;
	return 0;
}

static bool shall_go(const struct dataplane_walk *walk, uint64_t entry, uint32_t now)
{
	switch (walk->what) {
	case DATAPLANE_PURGE_STALE:
		return is_stale(walk->dp, entry, now);
	case DATAPLANE_PURGE_REALS:
		return walk->of_real[LB_FLOW_REAL(entry)];
	case DATAPLANE_PURGE_ALL:
		break;
	}
	return true;
}

static void purge_line(struct dataplane_walk *walk, struct lb_flow_line *line, uint32_t now)
{
	for (uint32_t way = 0; way < LB_FLOW_WAYS; way++) {
		uint64_t entry = DP_LOAD(line->ways[way]);

		if (entry && shall_go(walk, entry, now))
			walk->purged += flow_swap(line, way, entry, 0);
	}
}

bool dataplane_walk_on(struct dataplane_walk *walk, usec_t deadline)
{
	const struct dataplane *dp = walk->dp;
	uint32_t now = clock_age(dp);

	while (walk->line < dp->n_flow_lines) {
		struct lb_flow_line *line = &dp->flows[walk->line++];

		if (walk->tally)
			count_line(dp, line, now, walk->tally, &walk->flows);
		else
			purge_line(walk, line, now);
		if (walk->line % WALK_LINES == 0 && usec_now() >= deadline)
			break;
	}
	return walk->line >= dp->n_flow_lines;
}

int dataplane_walk_flows(const struct dataplane_walk *walk, struct dataplane_flows *ret,
			 struct err *err)
{
	struct dataplane_flows flows = walk->flows;

	dataplane_flow_table(walk->dp, &flows.capacity, &flows.configured);
	flows.reals = calloc(LB_REALS, sizeof(*flows.reals));
	if (!flows.reals)
		return err_set(err, -ENOMEM, "no memory to count the flows");
	list_reals(walk->dp, walk->tally, &flows);
	*ret = flows;
	return 0;
}

uint64_t dataplane_walk_purged(const struct dataplane_walk *walk)
{
	return walk->purged;
}

void dataplane_walk_free(struct dataplane_walk *walk)
{
	if (walk)
		free(walk->tally);
	free(walk);
}

/* ---- one flow ---- */

/* A flow as the program sees it, down to its slot and entry. */
struct sight {
	struct packet packet;
	uint32_t vip; /* or LB_NONE */
	const struct lb_service *service;
	uint32_t slot, word;
	uint32_t routed; /* the word that a source route makes of it, else the same */
	bool is_routed, is_dropped;
	bool is_carried; /* the entry is of a ring that the service had before */
	uint64_t hash;
	struct lb_flow_line *line;
	uint32_t way;
	uint64_t entry; /* 0: none */
};

static uint32_t find_vip(const struct dataplane *dp, const struct packet *packet)
{
	struct lb_prefix_key key = { .len = 32 + 128, .is_ipv6 = packet->is_ipv6 };
	uint32_t vip = packet->is_ipv6 ? lb_find_vip6(dp->tables, packet->dst)
				       : lb_find_vip4(dp->tables, packet->dst[3]);
	int fd = bpf_map__fd(dp->skel->maps.prefixes);

	if (vip != LB_NONE)
		return vip & LB_VIP_IS_DECAP ? LB_NONE : vip;
	memcpy(key.addr, packet->dst, sizeof(key.addr));
	if (bpf_map_lookup_elem(fd, &key, &vip) < 0 || vip >= LB_VIPS)
		return LB_NONE;
	return vip;
}

static const struct lb_service *find_service(const struct dataplane *dp, uint32_t vip,
					     const struct packet *packet)
{
	uint32_t service = lb_find_service(dp->tables, vip, packet->proto, packet->dport);

	if (service == LB_NONE)
		service = lb_find_service(dp->tables, vip, packet->proto, 0);
	return service < LB_SERVICES ? &dp->tables->services[service] : NULL;
}

/* What the rules by client address say, as special_route() of bpf/special.h does. */
static void look_at_sources(const struct dataplane *dp, const struct addr *client,
			    struct sight *sight)
{
	uint32_t counter = sight->service->counter;
	uint16_t real = sources_route(dp, (uint16_t)counter, client);
	uint32_t flags = flags_of(dp, real);

	sight->routed = sight->word;
	sight->is_dropped = sources_drop(dp, (uint16_t)counter, client);
	if (!real || (flags & (LB_REAL_USED | LB_REAL_DEAD)) != LB_REAL_USED)
		return;
	sight->is_routed = true;
	sight->routed = LB_SLOT(flags & LB_REAL_TAKES ? real : LB_SLOT_CUR(sight->word), real);
}

static void look_in_table(const struct dataplane *dp, uint32_t ring_key, struct sight *sight)
{
	sight->hash = flow_hash(dp->tables->flow_key, &sight->packet, ring_key);
	sight->line = &dp->flows[(uint32_t)sight->hash & (dp->n_flow_lines - 1)];
	sight->entry = flow_find(sight->line, flow_tag(sight->hash), &sight->way);
}

/* What the service was before it was given another pool, as bpf/former.h looks at it. */
static void look_at_former(const struct dataplane *dp, struct sight *sight)
{
	const struct lb_former *former = &dp->tables->formers[sight->service->counter];
	const struct lb_bpf *skel = dp->skel;
	struct entropy entropy;
	uint32_t slot = ring_choose(&former->origin, &sight->packet, &entropy,
				    skel->rodata->lb_hash_seed, skel->rodata->lb_hash_seed_v6);
	uint32_t word = DP_LOAD(dp->rings[former->origin.ring].slots[slot]);

	if (!sight->is_routed)
		sight->routed = LB_SLOT(LB_SLOT_CUR(sight->word), flow_slot_unremembered(word));
	for (uint32_t i = 0; i < LB_FORMER_KEYS && !sight->entry; i++) {
		uint32_t key = DP_LOAD(former->keys[i]);

		if (key == LB_NONE || key == sight->service->ring_key)
			continue;
		look_in_table(dp, key, sight);
		sight->is_carried = sight->entry != 0;
	}
}

static void look(const struct dataplane *dp, const struct dataplane_flow *flow, struct sight *ret)
{
	const struct lb_bpf *skel = dp->skel;
	struct entropy entropy;

	*ret = (struct sight){ .packet = { .sport = htons(flow->sport),
					   .dport = htons(flow->dport),
					   .proto = flow->proto,
					   .is_ipv6 = !addr_is_ipv4(&flow->dst) } };
	words_from_addr(ret->packet.src, &flow->src);
	words_from_addr(ret->packet.dst, &flow->dst);
	ret->vip = find_vip(dp, &ret->packet);
	if (ret->vip == LB_NONE)
		return;
	ret->service = find_service(dp, ret->vip, &ret->packet);
	if (!ret->service)
		return;
	ret->slot = ring_choose(ret->service, &ret->packet, &entropy, skel->rodata->lb_hash_seed,
				skel->rodata->lb_hash_seed_v6);
	ret->word = DP_LOAD(dp->rings[ret->service->ring].slots[ret->slot]);
	look_at_sources(dp, &flow->src, ret);
	look_in_table(dp, ret->service->ring_key, ret);
	if (ret->service->flags & LB_SERVICE_FORMER)
		look_at_former(dp, ret);
}

static void describe_entry(const struct dataplane *dp, const struct sight *sight,
			   struct dataplane_flow_entry *ret)
{
	uint32_t real = LB_FLOW_REAL(sight->entry), now = clock_age(dp);

	*ret = (struct dataplane_flow_entry){
		.real = real_addr(&dp->tables->reals[real]),
		.is_programmed = flags_of(dp, real) & LB_REAL_USED,
		.is_protected = sight->way >= LB_FLOW_PROBATION,
		.is_stale = is_stale(dp, sight->entry, now),
		.age_us = age_of(sight->entry, now) * dp->age_us,
	};
}

static int look_for_entry(const struct dataplane *dp, const struct dataplane_flow *flow,
			  struct sight *ret, struct err *err)
{
	look(dp, flow, ret);
	if (!ret->service)
		return err_set(err, -ENOENT, "%s port %u is no service of this node",
			       ADDR_STR(&flow->dst), flow->dport);
	if (!ret->entry)
		return err_set(err, -ENOENT, "the flow is not remembered");
	return 0;
}

int dataplane_flow_find(const struct dataplane *dp, const struct dataplane_flow *flow,
			struct dataplane_flow_entry *ret, struct err *err)
{
	struct sight sight;
	int r = look_for_entry(dp, flow, &sight, err);

	if (r < 0)
		return r;
	describe_entry(dp, &sight, ret);
	return 0;
}

int dataplane_flow_purge(struct dataplane *dp, const struct dataplane_flow *flow, struct err *err)
{
	struct sight sight;
	int r = look_for_entry(dp, flow, &sight, err);

	if (r < 0)
		return r;
	while (sight.entry) {
		flow_swap(sight.line, sight.way, sight.entry, 0);
		sight.entry = flow_find(sight.line, flow_tag(sight.hash), &sight.way);
	}
	return 0;
}

/* ---- what the rule says ---- */

static enum dataplane_slot_state state_of(uint32_t word)
{
	if (flow_slot_is_steady(word))
		return DATAPLANE_STEADY;
	return flow_slot_is_moving(word) ? DATAPLANE_MOVING : DATAPLANE_SETTLING;
}

static bool asks_table(const struct sight *sight)
{
	if (sight->service->flags & LB_SERVICE_TRACK_NONE)
		return false;
	return !flow_slot_is_steady(sight->word) || sight->is_routed ||
	       service_asks(sight->service);
}

static bool is_recent(const struct dataplane *dp, uint32_t changed_age)
{
	return clock_age(dp) - changed_age <= dp->skel->rodata->lb_flow_udp_ages;
}

static uint32_t kind_of(const struct dataplane *dp, const struct sight *sight, bool is_syn)
{
	uint32_t flags = sight->service->flags, kind = FLOW_READ_ONLY;

	if (flags & LB_SERVICE_TRACK_ALL)
		kind |= FLOW_ALWAYS;
	if (sight->packet.proto == IPPROTO_TCP)
		return is_syn ? kind | FLOW_NEW : kind;
	if (is_recent(dp, DP_LOAD(dp->rings[sight->service->ring].changed_age)) ||
	    (flags & LB_SERVICE_FORMER &&
	     is_recent(dp, DP_LOAD(dp->tables->formers[sight->service->counter].changed_age))))
		kind |= FLOW_RECENT;
	return kind | FLOW_UDP | (flags & LB_SERVICE_MIGRATE_UDP ? FLOW_MIGRATES : 0);
}

/* The real by the rule; *ret_why as enum lb_why. */
static uint32_t decide(const struct dataplane *dp, const struct sight *sight, bool is_syn,
		       uint32_t *ret_why)
{
	uint32_t kind = kind_of(dp, sight, is_syn), real = LB_FLOW_REAL(sight->entry);
	struct flow_miss miss;

	*ret_why = sight->is_routed && LB_SLOT_CUR(sight->routed) == LB_SLOT_ALT(sight->routed)
			   ? LB_WHY_SOURCE
			   : LB_WHY_SLOT;
	if (!asks_table(sight))
		return LB_SLOT_CUR(sight->routed);
	if (sight->entry && !is_old(dp, sight->entry, clock_age(dp)) &&
	    !(sight->is_carried && is_syn) && flow_stays(flags_of(dp, real), kind)) {
		*ret_why = LB_WHY_FLOW;
		return real;
	}
	miss = flow_decide_miss(sight->routed, flags_of(dp, LB_SLOT_ALT(sight->routed)), kind);
	if (miss.is_alt && *ret_why != LB_WHY_SOURCE)
		*ret_why = LB_WHY_ALT;
	return miss.real;
}

static void explain_slot(const struct dataplane *dp, const struct sight *sight,
			 struct dataplane_explanation *ret)
{
	uint32_t cur = LB_SLOT_CUR(sight->word), alt = LB_SLOT_ALT(sight->word);

	ret->ring = sight->service->ring;
	ret->slot = sight->slot;
	ret->state = state_of(sight->word);
	ret->has_cur = cur != 0;
	ret->cur = real_addr(&dp->tables->reals[cur]);
	ret->has_alt = ret->state == DATAPLANE_MOVING;
	if (ret->has_alt)
		ret->alt = real_addr(&dp->tables->reals[alt]);
	ret->asks_table = asks_table(sight);
	ret->has_entry = sight->entry != 0;
	if (ret->has_entry)
		describe_entry(dp, sight, &ret->entry);
}

int dataplane_explain(const struct dataplane *dp, const struct dataplane_flow *flow, bool is_syn,
		      struct dataplane_explanation *ret, struct err *err)
{
	static const char *const whys[LB_WHY_MAX] = {
#define X(name, word) [LB_WHY_##name] = word,
		LB_WHYS(X)
#undef X
	};
	struct sight sight;
	uint32_t real, why;

	if (flow->proto != IPPROTO_TCP && flow->proto != IPPROTO_UDP)
		return err_set(err, -EINVAL, "a flow is of TCP or UDP, not of protocol %u",
			       flow->proto);
	*ret = (struct dataplane_explanation){ 0 };
	look(dp, flow, &sight);
	ret->has_vip = sight.vip != LB_NONE;
	ret->has_service = sight.service != NULL;
	if (ret->has_vip)
		ret->vip = vip_prefix(&dp->tables->vips[sight.vip]);
	if (!ret->has_service)
		return 0;
	ret->service_port = ntohs(sight.service->port);
	explain_slot(dp, &sight, ret);
	real = decide(dp, &sight, is_syn, &why);
	ret->is_dropped = sight.is_dropped;
	ret->has_real = real != 0;
	ret->real = real_addr(&dp->tables->reals[real]);
	ret->is_programmed = flags_of(dp, real) & LB_REAL_USED;
	ret->why = whys[why];
	return 0;
}
