/* SPDX-License-Identifier: Apache-2.0 */
/*
 * export_policy.h - what a neighbour's export policy does with a prefix, worked out from the
 * configuration as bgpd would: prefix lists, route-maps that match by them, and the rule that an
 * external neighbour without policy gets nothing (RFC 8212).
 *
 * Anything else a policy may ask (communities, tags, AS paths) is answered with "unknown": whoever
 * asks then looks at what was really sent.
 */
#pragma once

#include "frr-integration/running_config.h"
#include "src/base/addr.h"

enum policy_verdict { POLICY_DENY, POLICY_PERMIT, POLICY_UNKNOWN };

/* One prefix list; an undefined one denies. */
enum policy_verdict policy_list(const struct running_config *config, bool is_v6, const char *name,
				const struct prefix *prefix);
/* One route-map; an undefined one denies. */
enum policy_verdict policy_map(const struct running_config *config, bool is_v6, const char *name,
			       const struct prefix *prefix);

/* Whether a neighbour has any filter in a direction ("in", "out") for the family. */
bool policy_exists(const struct running_config *config, bool is_v6, const char *key,
		   const char *direction);

/* All filters of a neighbour's way out together. Without any: permit. */
enum policy_verdict policy_out(const struct running_config *config, const char *key,
			       const struct prefix *prefix);
