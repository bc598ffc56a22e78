/* SPDX-License-Identifier: Apache-2.0 */
/*
 * overlay.c - who owns a slot whose base owner takes no new flows: weighted rendezvous of (slot,
 * address).
 *
 * Every candidate draws u in (0, 1] from a hash of the slot and its address; the least -log2(u) /
 * weight wins, which gives each candidate a chance in proportion to its weight. A draw depends on
 * nothing but slot and address, so it does not matter who else fails, in which order, or on which
 * node: between two reals that both take flows no slot ever moves.
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

enum tier { TIER_NORMAL, TIER_BACKUP, TIER_NONE };

struct logs {
	bool is_filled;
	uint64_t point[LOG_POINTS]; /* log2(1 + i / 256) */
};

struct orphan {
	uint64_t key;   /* the slot, mixed */
	uint64_t draw;  /* of the best candidate so far */
	uint64_t score; /* its -log2(u); only with unequal weights */
	uint16_t owner; /* RING_NONE: no candidate seen */
	uint32_t slot;
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

static bool is_candidate(const struct ring_real *real, enum tier tier)
{
	return real->takes_new_flows && real->weight > 0 &&
	       real->is_backup == (tier == TIER_BACKUP);
}

/* Normal reals serve; backups only when no normal one can. *ret_weighed: their weights differ. */
static enum tier tier_find(const struct ring_real *reals, size_t n_reals, bool *ret_weighed)
{
	for (enum tier tier = TIER_NORMAL; tier < TIER_NONE; tier++) {
		uint32_t weight = 0;

		*ret_weighed = false;
		for (size_t i = 0; i < n_reals; i++) {
			if (!is_candidate(&reals[i], tier))
				continue;
			*ret_weighed |= weight && reals[i].weight != weight;
			weight = reals[i].weight;
		}
		if (weight)
			return tier;
	}
	return TIER_NONE;
}

/* The larger draw wins, of equal ones the smaller address. */
static bool draw_beats(const struct orphan *orphan, const struct ring_real *reals,
		       uint16_t candidate, uint64_t draw)
{
	if (draw != orphan->draw)
		return draw > orphan->draw;
	return addr_cmp(&reals[candidate].addr, &reals[orphan->owner].addr) < 0;
}

static void draw_equal(struct orphan *orphan, const struct ring_real *reals, uint16_t candidate,
		       uint64_t draw)
{
	if (orphan->owner != RING_NONE && !draw_beats(orphan, reals, candidate, draw))
		return;
	orphan->draw = draw;
	orphan->owner = candidate;
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

static void draw_weighed(struct orphan *orphan, const struct ring_real *reals, uint16_t candidate,
			 uint64_t draw, const struct logs *logs)
{
	uint32_t weight = reals[candidate].weight, best_weight;
	uint64_t score;
	int cmp = -1;

	if (orphan->owner != RING_NONE) {
		best_weight = reals[orphan->owner].weight;
		/* Nearly all candidates lose already by the least score they can have. */
		if (share_cmp(minus_log2_least(draw), weight, orphan->score, best_weight) > 0)
			return;
		score = minus_log2(logs, draw);
		cmp = share_cmp(score, weight, orphan->score, best_weight);
	} else {
		score = minus_log2(logs, draw);
	}
	if (cmp > 0 || (cmp == 0 && !draw_beats(orphan, reals, candidate, draw)))
		return;
	orphan->score = score;
	orphan->draw = draw;
	orphan->owner = candidate;
}

static void batch_settle(struct orphan *orphans, size_t n, const struct ring_real *reals,
			 size_t n_reals, enum tier tier, const struct logs *logs)
{
	for (size_t r = 0; r < n_reals; r++) {
		uint64_t hash;

		if (!is_candidate(&reals[r], tier))
			continue;
		hash = ring_addr_hash(&reals[r].addr);
		for (size_t i = 0; i < n; i++) {
			uint64_t draw = hash_fmix(hash ^ orphans[i].key);

			if (logs->is_filled)
				draw_weighed(&orphans[i], reals, (uint16_t)r, draw, logs);
			else
				draw_equal(&orphans[i], reals, (uint16_t)r, draw);
		}
	}
}

void ring_overlay(const struct ring_real *reals, size_t n_reals, const uint16_t *base,
		  uint16_t slots[RING_SLOTS])
{
	struct orphan orphans[BATCH];
	struct logs logs = { .is_filled = false };
	bool weighed;
	enum tier tier = tier_find(reals, n_reals, &weighed);
	size_t n = 0;

	if (weighed)
		logs_fill(&logs);
	for (uint32_t slot = 0; slot < RING_SLOTS; slot++) {
		bool is_orphan = base[slot] == RING_NONE || !reals[base[slot]].takes_new_flows;

		slots[slot] = is_orphan ? RING_NONE : base[slot];
		if (is_orphan)
			orphans[n++] = (struct orphan){
				.key = hash_fmix(slot + 1ULL),
				.owner = RING_NONE,
				.slot = slot,
			};
		if (n < BATCH && slot < RING_SLOTS - 1)
			continue;
		batch_settle(orphans, n, reals, n_reals, tier, &logs);
		for (size_t i = 0; i < n; i++)
			slots[orphans[i].slot] = orphans[i].owner;
		n = 0;
	}
}
