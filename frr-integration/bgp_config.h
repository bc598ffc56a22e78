/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bgp_config.h - what matters to Shoal in bgpd's own `show running-config`: the version, the
 * default BGP instance, its `network` lines with their route-maps, and our route-maps.
 *
 * bgpd has no JSON for this. The text is stable (it is what bgpd writes to and reads from files),
 * cheap (5,000 lines: 260 kB, 5 ms), and the only place that tells which route-map a line names.
 * Passwords stand in it, so it is parsed and forgotten, never logged.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "frr-integration/route_map.h"
#include "src/base/addr.h"
#include "src/base/err.h"

/*
 * bgp_as_parse - an AS number as bgpd prints it: "65100", or "1.10" with `as-notation dot`.
 * @ret_rest: where it ends, at a space or the end of text.
 */
bool bgp_as_parse(const char *text, uint32_t *ret, const char **ret_rest);

/* One `network` line of the default instance, unicast. */
struct bgp_config_line {
	struct prefix prefix;
	char map[ROUTE_MAP_NAME_MAX]; /* "" without one; a longer foreign name is cut */
	bool has_more;                /* backdoor, label-index: nothing we write */
};

/* One route-map under one of our names. */
struct bgp_config_map {
	char name[ROUTE_MAP_NAME_MAX];
	struct route_attrs attrs;
	bool is_pure; /* exactly one entry, permit 10, nothing but set lines we understand */
};

/* The versions whose forms we know. What a newer major says may mean something else. */
#define FRR_KNOWN "8.4 to 10"
static inline bool frr_is_known(unsigned major, unsigned minor)
{
	return (major > 8 && major <= 10) || (major == 8 && minor >= 4);
}

struct bgp_config {
	char version[32]; /* "8.4.4" */
	unsigned major, minor;
	bool has_instance; /* a default instance, not of a VRF or view */
	uint32_t as;
	bool import_check;             /* a line without a route of zebra's is not originated */
	struct bgp_config_line *lines; /* sorted by prefix */
	size_t n_lines;
	struct bgp_config_map *maps; /* sorted by name */
	size_t n_maps;
};

/*
 * bgp_config_parse - read the text of `show running-config`.
 * Returns 0; -EBADMSG when it is not FRR's, -ENOMEM. End *ret with bgp_config_fini().
 */
int bgp_config_parse(const char *text, struct bgp_config *ret, struct err *err);
void bgp_config_fini(struct bgp_config *config);

/* NULL when absent. */
const struct bgp_config_line *bgp_config_find_line(const struct bgp_config *config,
						   const struct prefix *prefix);
const struct bgp_config_map *bgp_config_find_map(const struct bgp_config *config, const char *name);

/* True when the map stands there with exactly these attributes. */
bool bgp_config_map_is(const struct bgp_config *config, const char *name,
		       const struct route_attrs *attrs);
