/* SPDX-License-Identifier: Apache-2.0 */
/*
 * real.c - reals and their next hops.
 *
 * A real's record is complete before its flags are stored, and its address never changes while
 * the index is in use. A deleted index rests for twice the idle time, and until a whole sweep that
 * began after its deletion has cleared slots and flows that named it; as long as there are fresh
 * indices those are taken first. An address that comes back meanwhile gets its resting index, so
 * flows that are still remembered find their real again.
 */
#include "src/dataplane/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void words_from_addr(uint32_t words[4], const struct addr *addr)
{
	memcpy(words, addr->bytes, sizeof(addr->bytes));
}

struct addr real_addr(const struct lb_real *real)
{
	struct addr addr;

	memcpy(addr.bytes, real->addr, sizeof(addr.bytes));
	return addr;
}

static uint32_t addr_bucket(const struct addr *addr)
{
	uint64_t high, low;

	memcpy(&high, addr->bytes, 8);
	memcpy(&low, addr->bytes + 8, 8);
	return (uint32_t)((high * 31 + low) * 0x9e3779b97f4a7c15ULL >> 48);
}

static void bucket_add(struct dataplane *dp, const struct addr *addr, uint16_t index)
{
	uint32_t bucket = addr_bucket(addr);

	dp->real_next[index] = dp->real_bucket[bucket];
	dp->real_bucket[bucket] = index;
}

static void bucket_del(struct dataplane *dp, const struct addr *addr, uint16_t index)
{
	uint16_t *link = &dp->real_bucket[addr_bucket(addr)];

	while (*link && *link != index)
		link = &dp->real_next[*link];
	*link = dp->real_next[index];
}

uint16_t real_find(const struct dataplane *dp, const struct addr *addr)
{
	uint16_t index = dp->real_bucket[addr_bucket(addr)];

	while (index && memcmp(dp->tables->reals[index].addr, addr->bytes, 16) != 0)
		index = dp->real_next[index];
	return index;
}

uint16_t dataplane_real_index(const struct dataplane *dp, const struct addr *addr)
{
	uint16_t index = real_find(dp, addr);

	return dp->tables->reals[index].flags & LB_REAL_USED ? index : DATAPLANE_NO_REAL;
}

void reals_rebuild(struct dataplane *dp)
{
	dp->next_real = 1;
	for (uint32_t i = 1; i < LB_REALS; i++) {
		const struct lb_real *real = &dp->tables->reals[i];
		struct addr addr = real_addr(real);

		if (real->flags & LB_REAL_USED || real->freed_us)
			bucket_add(dp, &addr, (uint16_t)i);
	}
}

static bool has_rested(const struct dataplane *dp, const struct lb_real *real, usec_t now)
{
	return real->freed_us && !(real->flags & LB_REAL_USED) &&
	       real->freed_us < dp->sweep.done_us &&
	       usec_add(real->freed_us, 2 * dp->idle_us) <= now;
}

bool real_index_is_free(const struct dataplane *dp, uint16_t index)
{
	const struct lb_real *real = &dp->tables->reals[index];

	if (real->flags & LB_REAL_USED)
		return false;
	return !real->freed_us || has_rested(dp, real, clock_now(dp));
}

/* An index never used, else the one that rested longest and long enough; 0 when there is none. */
static uint16_t free_index(struct dataplane *dp)
{
	const struct lb_real *reals = dp->tables->reals;
	usec_t now = clock_now(dp), oldest = USEC_NEVER;
	uint16_t found = 0;

	for (; dp->next_real <= LB_REALS_MAX; dp->next_real++) {
		if (!(reals[dp->next_real].flags & LB_REAL_USED) && !reals[dp->next_real].freed_us)
			return (uint16_t)dp->next_real;
	}
	for (uint16_t i = 1; i <= LB_REALS_MAX; i++) {
		if (!has_rested(dp, &reals[i], now) || reals[i].freed_us >= oldest)
			continue;
		oldest = reals[i].freed_us;
		found = i;
	}
	return found;
}

#define LB_REAL_LIFE (LB_REAL_TAKES | LB_REAL_DEAD)

static uint32_t flags_of(const struct addr *addr, bool is_local)
{
	return LB_REAL_USED | (is_local ? LB_REAL_LOCAL : 0) |
	       (addr_is_ipv4(addr) ? 0 : LB_REAL_IPV6);
}

/* An index for a new address: its own of before if that still rests. */
static uint16_t take_index(struct dataplane *dp, const struct addr *addr)
{
	uint16_t index = real_find(dp, addr);
	struct lb_real *real;
	struct addr old;

	if (index)
		return index;
	index = free_index(dp);
	real = &dp->tables->reals[index];
	if (!index)
		return 0;
	old = real_addr(real);
	if (real->freed_us)
		bucket_del(dp, &old, index);
	memcpy(real->addr, addr->bytes, sizeof(real->addr));
	bucket_add(dp, addr, index);
	return index;
}

int dataplane_set_real(struct dataplane *dp, const struct addr *addr, bool is_local,
		       uint16_t *ret_index, struct err *err)
{
	uint16_t index = dataplane_real_index(dp, addr);
	struct lb_real *real;

	if (!index) {
		index = take_index(dp, addr);
		if (!index)
			return err_set(err, -ENOSPC, "real %s: all %d reals are taken",
				       ADDR_STR(addr), LB_REALS_MAX);
		real = &dp->tables->reals[index];
		real->flags = LB_REAL_TAKES;
		for (uint32_t i = 0; i <= dp->n_cpus; i++) {
			dp->lines[i].reals[index] = (struct lb_count){ 0 };
			dp->lines[i].syns[index] = (struct lb_syns){ 0 };
		}
	}
	real = &dp->tables->reals[index];
	DP_STORE(real->flags, flags_of(addr, is_local) | (real->flags & LB_REAL_LIFE));
	real->freed_us = 0;
	kept_note(dp, real, sizeof(*real));
	*ret_index = index;
	return 0;
}

int dataplane_set_real_life(struct dataplane *dp, const struct addr *addr,
			    enum dataplane_real_life life, struct err *err)
{
	static const uint32_t flags[] = {
		[DATAPLANE_REAL_TAKES] = LB_REAL_TAKES,
		[DATAPLANE_REAL_LEAVING] = 0,
		[DATAPLANE_REAL_DEAD] = LB_REAL_DEAD,
	};
	uint16_t index = dataplane_real_index(dp, addr);
	struct lb_real *real = &dp->tables->reals[index];

	if (!index)
		return err_set(err, -ENOENT, "real %s is not programmed", ADDR_STR(addr));
	DP_TABLE(dp, real->flags, (real->flags & ~LB_REAL_LIFE) | flags[life]);
	return 0;
}

bool dataplane_real_life(const struct dataplane *dp, const struct addr *addr,
			 enum dataplane_real_life *ret)
{
	uint16_t index = dataplane_real_index(dp, addr);
	uint32_t flags = dp->tables->reals[index].flags;

	if (!index)
		return false;
	*ret = flags & LB_REAL_DEAD    ? DATAPLANE_REAL_DEAD
	       : flags & LB_REAL_TAKES ? DATAPLANE_REAL_TAKES
				       : DATAPLANE_REAL_LEAVING;
	return true;
}

int dataplane_del_real(struct dataplane *dp, const struct addr *addr, struct err *err)
{
	uint16_t index = dataplane_real_index(dp, addr);

	if (!index)
		return err_set(err, -ENOENT, "real %s is not programmed", ADDR_STR(addr));
	if (dp->real_names[index])
		return err_set(err, -EBUSY, "real %s is still named by a source route or server id",
			       ADDR_STR(addr));
	DP_TABLE(dp, dp->tables->reals[index].freed_us, clock_now(dp));
	DP_TABLE(dp, dp->tables->reals[index].flags, 0);
	for (int i = 0; i < LB_UPLINKS; i++)
		DP_TABLE(dp, dp->tables->next_hops[index][i], 0);
	return 0;
}

/* ---- next hops ---- */

static bool is_own(uint64_t word, uint32_t uplink)
{
	return (word & LB_NEXT_HOP_USABLE) && LB_NEXT_HOP_UPLINK(word) == uplink;
}

/* Uplinks that do not reach the real themselves send through the first that does. */
static void next_hops_share(struct dataplane *dp, uint16_t index)
{
	__u64 *words = dp->tables->next_hops[index];
	uint64_t shared = 0;

	for (uint32_t i = 0; i < LB_UPLINKS && !shared; i++)
		shared = is_own(words[i], i) ? words[i] : 0;
	for (uint32_t i = 0; i < LB_UPLINKS; i++) {
		if (!is_own(words[i], i) && words[i] != shared)
			DP_TABLE(dp, words[i], shared);
	}
}

int dataplane_set_next_hop(struct dataplane *dp, uint32_t uplink, const struct addr *real,
			   const struct dataplane_next_hop *next_hop, struct err *err)
{
	uint16_t index = dataplane_real_index(dp, real);
	uint64_t word = 0;

	if (!index)
		return err_set(err, -ENOENT, "real %s is not programmed", ADDR_STR(real));
	if (uplink >= LB_UPLINKS)
		return err_set(err, -EINVAL, "there is no uplink number %u", uplink);
	if (next_hop->usable) {
		memcpy(&word, next_hop->mac, 6);
		word |= LB_NEXT_HOP_USABLE | (uint64_t)uplink << 48;
	}
	if (word || is_own(dp->tables->next_hops[index][uplink], uplink))
		DP_TABLE(dp, dp->tables->next_hops[index][uplink], word);
	next_hops_share(dp, index);
	return 0;
}

void reals_uplink_changed(struct dataplane *dp, uint32_t uplink)
{
	for (uint32_t i = 1; i < LB_REALS; i++) {
		if (!is_own(dp->tables->next_hops[i][uplink], uplink))
			continue;
		DP_TABLE(dp, dp->tables->next_hops[i][uplink], 0);
		next_hops_share(dp, (uint16_t)i);
	}
}

int dataplane_list_reals(const struct dataplane *dp, struct addr **ret, size_t *n, struct err *err)
{
	struct addr *list = calloc(LB_REALS, sizeof(*list));
	size_t count = 0;

	if (!list)
		return err_set(err, -ENOMEM, "no memory for the list of reals");
	for (uint32_t i = 1; i < LB_REALS; i++) {
		if (dp->tables->reals[i].flags & LB_REAL_USED)
			list[count++] = real_addr(&dp->tables->reals[i]);
	}
	*ret = list;
	*n = count;
	return 0;
}
