/* SPDX-License-Identifier: Apache-2.0 */
/*
 * repairs.h - what somebody else changed and shoald put back, counted by kind. Who repairs also
 * logs `repair kind=WORD` with what it was.
 */
#pragma once

#include <stdint.h>

/* X(enumerator, word): the word is for logs, JSON and metrics. */
#define REPAIR_KINDS(X)                                                                            \
	X(TABLE, "map-table")   /* records in the map of tables */                                 \
	X(RULES, "map-entries") /* entries of maps with keys */                                    \
	X(RING, "ring")                                                                            \
	X(PIN, "pin")             /* a file in bpffs */                                            \
	X(LINK, "xdp-link")       /* XDP was gone from an uplink, or another program was there */  \
	X(DEVICE, "probe-device") /* the veth of the probe path */                                 \
	X(FILTER, "tc-filter")                                                                     \
	X(RULE, "ip-rule")                                                                         \
	X(ROUTE, "ip-route")      /* of the probe path's table */                                  \
	X(TARGET, "probe-target") /* where a marked probe is sent */                               \
	X(LINE, "network-line")                                                                    \
	X(ROUTE_MAP, "route-map")

enum repair_kind {
#define X(name, word) REPAIR_##name,
	REPAIR_KINDS(X)
#undef X
		REPAIR_KIND_MAX,
};

static inline const char *repair_kind_str(enum repair_kind kind)
{
	static const char *const words[REPAIR_KIND_MAX] = {
#define X(name, word) [REPAIR_##name] = word,
		REPAIR_KINDS(X)
#undef X
	};

	return words[kind];
}

struct repairs {
	uint64_t n[REPAIR_KIND_MAX];
};

/* repairs may be NULL: nobody counts. */
static inline void repairs_add(struct repairs *repairs, enum repair_kind kind, uint64_t n)
{
	if (repairs)
		repairs->n[kind] += n;
}
