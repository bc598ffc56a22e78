/* SPDX-License-Identifier: Apache-2.0 */
/*
 * overlay.c - who serves, and who owns a slot whose base owner does not: weighted rendezvous of
 * (slot, address).
 *
 * Every candidate draws u in (0, 1] from a hash of the slot and its address; the least -log2(u) /
 * weight wins, which gives each candidate a chance in proportion to its weight. A draw depends on
 * nothing but slot and address, so it does not matter who else fails, in which order, or on which
 * node: between two reals that both serve no slot ever moves.
 *
 * A real in slow start withholds the slots whose second hash with its address is low, its own and
 * those it would inherit: a growing share only ever adds slots to it, and to nobody else.
 *
 * All in integers, for the same owners on every machine. The logarithm is a table of 257 values,
 * found by repeated squaring, with straight lines between (relative error below 1/1000 everywhere,
 * also near u = 1 where the winners are); scores compare by cross multiplication. Equal scores go
 * to the larger draw, then to the smaller address. With equal weights the largest draw is the least
 * score, and the logarithm is not needed at all.
 *
 * Orphaned slots are taken in batches that live on the stack: nothing is allocated, so this cannot
 * fail, and an address is hashed once a batch.
 */
#include "src/core/ring.h"

#include "src/core/hash.h"

#define BATCH      1024
#define LOG_BITS   8 /* segments between two powers of two, as a power of two */
#define LOG_POINTS ((1U << LOG_BITS) + 1)
#define LOG_ONE    (1ULL << 40) /* 1.0 in the fixed point of the logarithm */

/* Keys that make other hashes of a slot and an address, or of an address alone. */
#define WITHHELD_KEY 0x9e3779b97f4a7c15ULL
#define FLOOR_KEY    0xd1b54a32d192ed03ULL

struct logs {
	bool is_filled;
	uint64_t point[LOG_POINTS]; /* log2(1 + i / 256) */
};

/* Slots without owner, side by side so that the loop over them is short. */
struct orphans {
	size_t n;
	uint32_t slot[BATCH];
	uint64_t key[BATCH];   /* the slot, mixed */
	uint64_t draw[BATCH];  /* of the best candidate so far */
	uint64_t score[BATCH]; /* its -log2(u); only with unequal weights */
	uint16_t owner[BATCH]; /* RING_NONE: no candidate seen */
	uint16_t base[BATCH];  /* the owner in the base ring */
};

/* What is the same for all slots of one overlay. */
struct overlay {
	const struct ring_real *reals;
	size_t n_reals;
	bool any_withheld;
	const struct logs *logs; /* NULL: equal weights */
};

/* log2 of x in [1, 2), x and result with 40 fraction bits: each squaring yields one bit. */
static uint64_t log2_of(uint64_t x)
{
	uint64_t result = 0;

	for (uint64_t bit = LOG_ONE >> 1; bit; bit >>= 1) {
		x = (uint64_t)((unsigned __int128)x * x >> 40);
		if (x >= 2 * LOG_ONE) {
			x >>= 1;
			result |= bit;
		}
	}
	return result;
}

static void logs_fill(struct logs *logs)
{
	for (uint64_t i = 0; i < LOG_POINTS - 1; i++)
		logs->point[i] = log2_of(LOG_ONE + (i << (40 - LOG_BITS)));
	logs->point[LOG_POINTS - 1] = LOG_ONE;
	logs->is_filled = true;
}

/* Filled at first use; the same for ever. */
static const struct logs *logs_get(void)
{
	static struct logs logs;

	if (!logs.is_filled)
		logs_fill(&logs);
	return &logs;
}

/* -log2(draw / 2^64), 40 fraction bits; falls as the draw grows. */
static uint64_t minus_log2(const struct logs *logs, uint64_t draw)
{
	unsigned zeros = (unsigned)__builtin_clzll(draw | 1);
	uint64_t fraction = (draw | 1) << zeros << 1; /* the bits below the leading one */
	uint64_t i = fraction >> (64 - LOG_BITS);
	uint64_t within = fraction << LOG_BITS >> 32;        /* 32 bits */
	uint64_t rise = logs->point[i + 1] - logs->point[i]; /* below 2^33 */

	return (zeros + 1) * LOG_ONE - logs->point[i] -
	       (uint64_t)((unsigned __int128)rise * within >> 32);
}

/* ---- who serves ---- */

static bool takes(const struct ring_real *real, bool is_backup)
{
	return real->takes_new_flows && !real->is_out && real->weight > 0 &&
	       real->is_backup == is_backup;
}

static bool is_normal(const struct ring_real *real)
{
	return real->weight > 0 && !real->is_backup;
}

static size_t serve_takers(struct ring_real *reals, size_t n_reals, bool is_backup)
{
	size_t n = 0;

	for (size_t i = 0; i < n_reals; i++)
		n += reals[i].serves = takes(&reals[i], is_backup);
	return n;
}

size_t ring_floor(const struct ring_real *reals, size_t n_reals, const struct ring_policy *policy)
{
	size_t normal = 0, least;

	for (size_t i = 0; i < n_reals; i++)
		normal += is_normal(&reals[i]);
	least = (normal * policy->floor_percent + 99) / 100;
	if (policy->floor_count > least)
		least = policy->floor_count;
	return least < normal ? least : normal;
}

/* The place of a failed real in the order in which the floor keeps them, the highest first. */
static uint64_t floor_rank(const struct ring_real *real)
{
	return hash_fmix(ring_addr_hash(&real->addr) ^ FLOOR_KEY);
}

static bool may_be_kept(const struct ring_real *real)
{
	return is_normal(real) && !real->takes_new_flows && !real->never_kept && !real->is_out;
}

/* Let failed reals of at least this rank serve; returns how many there are. */
static size_t floor_keep(struct ring_real *reals, size_t n_reals, uint64_t rank)
{
	size_t n = 0;

	for (size_t i = 0; i < n_reals; i++)
		if (may_be_kept(&reals[i]))
			n += reals[i].serves = floor_rank(&reals[i]) >= rank;
	return n;
}

/* Keep `missing` failed reals: the highest rank that as many reach is found bit by bit. */
static bool floor_fill(struct ring_real *reals, size_t n_reals, size_t missing)
{
	uint64_t rank = 0;

	for (uint64_t bit = 1ULL << 63; bit; bit >>= 1)
		if (floor_keep(reals, n_reals, rank | bit) >= missing)
			rank |= bit;
	return floor_keep(reals, n_reals, rank) > 0;
}

static size_t serve_all(struct ring_real *reals, size_t n_reals)
{
	size_t n = 0;

	for (size_t i = 0; i < n_reals; i++)
		n += reals[i].serves =
			is_normal(&reals[i]) && !reals[i].is_out && !reals[i].has_no_way;
	return n;
}

enum ring_rule ring_serving(struct ring_real *reals, size_t n_reals,
			    const struct ring_policy *policy)
{
	size_t taking = serve_takers(reals, n_reals, false), least;

	if (taking > 0) {
		least = ring_floor(reals, n_reals, policy);
		return taking < least && floor_fill(reals, n_reals, least - taking) ? RING_FLOOR
										    : RING_HEALTHY;
	}
	if (serve_takers(reals, n_reals, true) > 0)
		return RING_BACKUPS;
	return policy->opens && serve_all(reals, n_reals) > 0 ? RING_OPEN : RING_NOBODY;
}

/* ---- who inherits ---- */

static uint64_t slot_key(uint32_t slot)
{
	return hash_fmix(slot + 1ULL);
}

/* Whether a real in slow start leaves this slot to others; hash is that of its address. */
static bool is_withheld(const struct ring_real *real, uint64_t hash, uint64_t key)
{
	return real->withheld &&
	       hash_fmix((hash ^ key) + WITHHELD_KEY) % RING_PARTS < real->withheld;
}

static void overlay_init(struct overlay *o, const struct ring_real *reals, size_t n_reals)
{
	uint32_t weight = 0;
	bool is_weighed = false;

	*o = (struct overlay){ .reals = reals, .n_reals = n_reals };
	for (size_t i = 0; i < n_reals; i++) {
		if (!reals[i].serves)
			continue;
		is_weighed |= weight && reals[i].weight != weight;
		weight = reals[i].weight;
		o->any_withheld |= reals[i].withheld > 0;
	}
	if (is_weighed)
		o->logs = logs_get();
}

/* The larger draw wins, of equal ones the smaller address. */
static bool draw_beats(const struct ring_real *reals, uint16_t candidate, uint64_t draw,
		       uint16_t owner, uint64_t owner_draw)
{
	if (draw != owner_draw)
		return draw > owner_draw;
	return owner == RING_NONE || addr_cmp(&reals[candidate].addr, &reals[owner].addr) < 0;
}

static void draw_equal(struct orphans *orphans, size_t i, const struct ring_real *reals,
		       uint16_t candidate, uint64_t draw)
{
	if (draw < orphans->draw[i] || /* nearly always, but for the first candidates */
	    !draw_beats(reals, candidate, draw, orphans->owner[i], orphans->draw[i]))
		return;
	orphans->draw[i] = draw;
	orphans->owner[i] = candidate;
}

/* At most minus_log2(draw), without the table: 1 - u times a little less than log2(e). */
static uint64_t minus_log2_least(uint64_t draw)
{
	return (~draw >> 24) * 369 >> 8;
}

/* score / weight against other_score / other_weight: <0, 0, >0. */
static int share_cmp(uint64_t score, uint32_t weight, uint64_t other_score, uint32_t other_weight)
{
	unsigned __int128 a = (unsigned __int128)score * other_weight;
	unsigned __int128 b = (unsigned __int128)other_score * weight;

	return a < b ? -1 : a > b;
}

static void draw_weighed(struct orphans *orphans, size_t i, const struct ring_real *reals,
			 uint16_t candidate, uint64_t draw, const struct logs *logs)
{
	uint32_t weight = reals[candidate].weight, best_weight;
	uint16_t owner = orphans->owner[i];
	uint64_t score;
	int cmp = -1;

	if (owner != RING_NONE) {
		best_weight = reals[owner].weight;
		/* Nearly all candidates lose already by the least score they can have. */
		if (share_cmp(minus_log2_least(draw), weight, orphans->score[i], best_weight) > 0)
			return;
		score = minus_log2(logs, draw);
		cmp = share_cmp(score, weight, orphans->score[i], best_weight);
	} else {
		score = minus_log2(logs, draw);
	}
	if (cmp > 0 || (cmp == 0 && !draw_beats(reals, candidate, draw, owner, orphans->draw[i])))
		return;
	orphans->score[i] = score;
	orphans->draw[i] = draw;
	orphans->owner[i] = candidate;
}

/* The usual case: all weights are equal and nobody withholds. */
static void candidate_draw_plain(const struct overlay *o, struct orphans *orphans,
				 uint16_t candidate)
{
	uint64_t hash = ring_addr_hash(&o->reals[candidate].addr);

	for (size_t i = 0; i < orphans->n; i++)
		draw_equal(orphans, i, o->reals, candidate, hash_fmix(hash ^ orphans->key[i]));
}

/* Let one real draw for every orphan. */
static void candidate_draw(const struct overlay *o, struct orphans *orphans, uint16_t candidate,
			   bool withholds)
{
	const struct ring_real *real = &o->reals[candidate];
	uint64_t hash = ring_addr_hash(&real->addr);

	for (size_t i = 0; i < orphans->n; i++) {
		uint64_t draw = hash_fmix(hash ^ orphans->key[i]);

		if (withholds && is_withheld(real, hash, orphans->key[i]))
			continue;
		if (o->logs)
			draw_weighed(orphans, i, o->reals, candidate, draw, o->logs);
		else
			draw_equal(orphans, i, o->reals, candidate, draw);
	}
}

/* What every candidate withholds goes to whom it would without slow start. */
static void give_withheld(const struct overlay *o, struct orphans *orphans, struct orphans *left)
{
	left->n = 0;
	for (size_t i = 0; i < orphans->n; i++) {
		if (orphans->owner[i] != RING_NONE)
			continue;
		if (orphans->base[i] != RING_NONE && o->reals[orphans->base[i]].serves) {
			orphans->owner[i] = orphans->base[i];
			continue;
		}
		left->slot[left->n] = (uint32_t)i;
		left->key[left->n] = orphans->key[i];
		left->draw[left->n] = 0;
		left->owner[left->n++] = RING_NONE;
	}
	for (size_t r = 0; left->n && r < o->n_reals; r++)
		if (o->reals[r].serves)
			candidate_draw(o, left, (uint16_t)r, false);
	for (size_t i = 0; i < left->n; i++)
		orphans->owner[left->slot[i]] = left->owner[i];
}

static void orphans_settle(const struct overlay *o, struct orphans *orphans)
{
	struct orphans left;

	for (size_t r = 0; r < o->n_reals; r++) {
		if (!o->reals[r].serves)
			continue;
		if (o->logs || o->any_withheld)
			candidate_draw(o, orphans, (uint16_t)r, o->any_withheld);
		else
			candidate_draw_plain(o, orphans, (uint16_t)r);
	}
	if (o->any_withheld)
		give_withheld(o, orphans, &left);
}

static void orphan_add(struct orphans *orphans, uint32_t slot, uint16_t base)
{
	size_t i = orphans->n++;

	orphans->slot[i] = slot;
	orphans->key[i] = slot_key(slot);
	orphans->draw[i] = 0;
	orphans->owner[i] = RING_NONE;
	orphans->base[i] = base;
}

/* Whether the owner in the base ring has the slot now. */
static bool keeps_slot(const struct ring_real *reals, uint16_t owner, uint32_t slot)
{
	if (owner == RING_NONE || !reals[owner].serves)
		return false;
	return !reals[owner].withheld ||
	       !is_withheld(&reals[owner], ring_addr_hash(&reals[owner].addr), slot_key(slot));
}

enum ring_rule ring_overlay(struct ring_real *reals, size_t n_reals,
			    const struct ring_policy *policy, const uint16_t *base,
			    uint16_t slots[RING_SLOTS])
{
	enum ring_rule rule = ring_serving(reals, n_reals, policy);
	struct orphans orphans;
	struct overlay o;

	overlay_init(&o, reals, n_reals);
	orphans.n = 0;
	for (uint32_t slot = 0; slot < RING_SLOTS; slot++) {
		if (keeps_slot(reals, base[slot], slot))
			slots[slot] = base[slot];
		else
			orphan_add(&orphans, slot, base[slot]);
		if (orphans.n < BATCH && slot < RING_SLOTS - 1)
			continue;
		orphans_settle(&o, &orphans);
		for (size_t i = 0; i < orphans.n; i++)
			slots[orphans.slot[i]] = orphans.owner[i];
		orphans.n = 0;
	}
	return rule;
}

void ring_inherit(const struct ring_real *reals, size_t n_reals, const uint32_t *slots,
		  size_t n_slots, uint16_t *owners)
{
	struct orphans orphans;
	struct overlay o;

	overlay_init(&o, reals, n_reals);
	for (size_t from = 0; from < n_slots; from += orphans.n) {
		orphans.n = 0;
		while (orphans.n < BATCH && from + orphans.n < n_slots)
			orphan_add(&orphans, slots[from + orphans.n], RING_NONE);
		orphans_settle(&o, &orphans);
		for (size_t i = 0; i < orphans.n; i++)
			owners[from + i] = orphans.owner[i];
	}
}
