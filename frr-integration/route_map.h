/* SPDX-License-Identifier: Apache-2.0 */
/*
 * route_map.h - the path attributes of a VIP as bgpd's route-maps carry them.
 *
 * Every line Shoal writes names a map, `SHOAL-VIP-PLAIN` when the VIP sets nothing, else
 * `SHOAL-VIP-` and a hash of the attributes: a function of the attributes alone, so that every node
 * and process arrives at the same name, and VIPs of equal attributes share one. The twin for
 * draining has the same attributes plus 65535:0 (GRACEFUL_SHUTDOWN, RFC 8326), where the config
 * says so a longer AS path or the highest MED, and the name plus `-DRAIN`. Draining is then always
 * the same step, another map on the same line, whatever the VIP carries.
 *
 * A map of ours is one entry, `permit 10`, with nothing but these set lines; anything else under
 * our name is somebody's edit and is put right.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/err.h"
#include "src/config/config.h"

#define ROUTE_MAP_NAME_MAX      64
#define ROUTE_MAP_PREFIX        "SHOAL-VIP-"
#define ROUTE_MAP_PLAIN_DRAIN   "SHOAL-VIP-PLAIN-DRAIN"
#define ROUTE_COMMUNITIES_MAX   64
#define ROUTE_LARGE_MAX         64
#define ROUTE_GRACEFUL_SHUTDOWN 0xffff0000U /* 65535:0 */
#define ROUTE_MAP_COMMANDS_MAX  7
#define ROUTE_DRAIN_PREPENDS    3

struct route_large {
	uint32_t part[3];
};

/* Host order; both lists sorted and without repeats. */
struct route_attrs {
	uint32_t communities[ROUTE_COMMUNITIES_MAX];
	size_t n_communities;
	struct route_large large[ROUTE_LARGE_MAX];
	size_t n_large;
	bool has_med, has_local_preference;
	uint32_t med, local_preference;
	uint32_t prepend_as, n_prepends; /* only a twin for draining has any */
};

/* The attributes of a VIP. Returns 0, or -EINVAL/-E2BIG with a sentence naming the VIP. */
int route_attrs_of(const struct config_vip *vip, struct route_attrs *ret, struct err *err);

/*
 * route_attrs_drain - make of a VIP's attributes those of its twin: 65535:0, and what
 * drain.add asks for. -E2BIG when the list of communities is full.
 */
int route_attrs_drain(const struct config_routing *routing, struct route_attrs *attrs);

/* Add one community; -E2BIG when the list is full. */
int route_attrs_add(struct route_attrs *attrs, uint32_t community);

bool route_attrs_eq(const struct route_attrs *a, const struct route_attrs *b);
bool route_attrs_has(const struct route_attrs *attrs, uint32_t community);

/*
 * route_attrs_parse_set - take one `set ...` line as bgpd prints it, from behind "set ".
 * Returns 0, or -EINVAL for a line Shoal never writes.
 */
int route_attrs_parse_set(struct route_attrs *attrs, const char *line);

/* The map's name for attributes that do not hold 65535:0 themselves; the twin's when drain. */
const char *route_map_name(const struct route_attrs *attrs, bool drain,
			   char buf[ROUTE_MAP_NAME_MAX]);

/* True for a name route_map_name() could have made, and for the drain twin among them. */
bool route_map_is_ours(const char *name);
bool route_map_is_drain(const char *name);

/*
 * route_map_command - the i-th configuration line that makes the map from nothing: entry, then
 * its set lines. Returns false when there are no more.
 * @size: of buf, at least VTY_COMMAND_MAX.
 */
bool route_map_command(const char *name, const struct route_attrs *attrs, unsigned i, char *buf,
		       size_t size);
