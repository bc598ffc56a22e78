/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kept.c - a copy of what this process wrote into `tables`, so that what somebody else writes there
 * is found and put back as it was, without a decision of anybody.
 *
 * The map stays the only truth for packets and for every reader here; the copy is only compared
 * with it. Whoever stores into the tables notes it (kept_note()); what nobody noted was not us.
 * Left out is what the program itself writes: rates and captures.
 *
 * Pages of the copy that hold nothing are never touched, so it takes as much memory as there are
 * reals, VIPs and services, not as there could be.
 */
#include "src/dataplane/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PAGE  4096
#define STEP  ((size_t)64 << 10) /* compared at once */
#define SLICE ((size_t)2 << 20)  /* compared in one call: all of it in about five */

/* FIRST..LAST of the tables, under the word for logs. */
#define REGION(word, first, last)                                                                  \
	{                                                                                          \
		word, offsetof(struct lb_tables, first),                                           \
			offsetof(struct lb_tables, last) +                                         \
				sizeof(((struct lb_tables *)NULL)->last)                           \
	}

static const struct region {
	const char *word;
	size_t from, to;
} regions[] = {
	REGION("switches", abi_version, flow_key),
	REGION("uplinks", uplink_cells, uplinks),
	REGION("vips", vip4_cells, vip6_cells),
	REGION("services", service_cells, service_cells),
	REGION("vips", vips, vips),
	REGION("services", services, formers),
	REGION("reals", reals, reals),
	REGION("next-hops", next_hops, next_hops),
};
#define N_REGIONS (sizeof(regions) / sizeof(regions[0]))

static bool is_zero(const uint8_t *page, size_t len)
{
	static const uint8_t zeros[PAGE];

	return memcmp(page, zeros, len) == 0;
}

int kept_init(struct dataplane *dp)
{
	const uint8_t *from = (const uint8_t *)dp->tables;

	kept_fini(dp);
	dp->kept = calloc(1, sizeof(*dp->kept));
	if (!dp->kept)
		return -ENOMEM;
	for (size_t at = 0; at < sizeof(*dp->kept); at += PAGE) {
		size_t left = sizeof(*dp->kept) - at, len = left < PAGE ? left : PAGE;

		if (!is_zero(from + at, len))
			memcpy((uint8_t *)dp->kept + at, from + at, len);
	}
	dp->kept_region = 0;
	dp->kept_at = 0;
	return 0;
}

void kept_fini(struct dataplane *dp)
{
	free(dp->kept);
	dp->kept = NULL;
}

void kept_note(struct dataplane *dp, const void *place, size_t len)
{
	size_t at = (size_t)((const uint8_t *)place - (const uint8_t *)dp->tables);

	if (dp->kept)
		memcpy((uint8_t *)dp->kept + at, place, len);
}

uint64_t kept_word(const struct dataplane *dp, const __u64 *place)
{
	size_t at = (size_t)((const uint8_t *)place - (const uint8_t *)dp->tables);
	uint64_t word = 0;

	if (dp->kept)
		memcpy(&word, (const uint8_t *)dp->kept + at, sizeof(word));
	return word;
}

/* Words of 8 bytes from an offset on that are not as kept; put back when mends. */
static uint32_t compare_words(struct dataplane *dp, size_t at, size_t len, bool mends)
{
	__u64 *live = (__u64 *)(void *)((uint8_t *)dp->tables + at);
	const __u64 *kept = (const __u64 *)(const void *)((const uint8_t *)dp->kept + at);
	uint32_t n = 0;

	for (size_t i = 0; i < len / sizeof(*live); i++) {
		if (live[i] == kept[i])
			continue;
		n++;
		if (mends)
			DP_STORE(live[i], kept[i]);
	}
	return n;
}

static uint32_t compare(struct dataplane *dp, size_t at, size_t len, bool mends)
{
	if (memcmp((const uint8_t *)dp->tables + at, (const uint8_t *)dp->kept + at, len) == 0)
		return 0;
	return compare_words(dp, at, len, mends);
}

_Static_assert(offsetof(struct lb_tables, uplink_cells) % 8 == 0 &&
		       offsetof(struct lb_tables, capture) % 8 == 0,
	       "regions consist of words");

void kept_mend(struct dataplane *dp, dataplane_mended_fn told, void *arg)
{
	if (!dp->kept)
		return;
	for (size_t done = 0; done < SLICE; done += STEP) {
		const struct region *region = &regions[dp->kept_region];
		size_t at = region->from + dp->kept_at, left = region->to - at;
		size_t len = left < STEP ? left : STEP;
		uint32_t n = compare(dp, at, len, true);

		if (n)
			told(&(struct dataplane_mended){ .part = DATAPLANE_PART_TABLE,
							 .what = region->word,
							 .n = n },
			     arg);
		dp->kept_at += len;
		if (len < left)
			continue;
		dp->kept_at = 0;
		dp->kept_region = (dp->kept_region + 1) % N_REGIONS;
	}
}

const char *kept_differs(struct dataplane *dp)
{
	for (size_t i = 0; dp->kept && i < N_REGIONS; i++)
		if (compare(dp, regions[i].from, regions[i].to - regions[i].from, false))
			return regions[i].word;
	return NULL;
}
