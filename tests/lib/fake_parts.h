/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_parts.h - the reading sides of router, data plane, uplinks and prober as plain tables,
 * linked in place of the real ones, beside a real core in a `struct site`. For tests of what
 * operators see.
 */
#pragma once

#include "frr-integration/fpm.h"
#include "frr-integration/route_loop.h"
#include "frr-integration/router.h"
#include "health/prober.h"
#include "src/ctl/commands.h"
#include "src/dataplane/dataplane.h"
#include "src/net/net.h"
#include "tests/lib/site.h"

#define PARTS_MAX 8

struct fake_parts {
	struct site *site; /* routes are those of its world */

	enum router_life life;
	const char *sentence, *version;
	struct router_peer peers[PARTS_MAX];
	size_t n_peers;
	bool has_import_check;
	struct router_command command; /* told of every prefix */
	struct loop *loop;             /* followed half a minute ago and now */

	struct fpm_life zebra;
	struct addr differs_at; /* the kernel has no route there; its zebra's */

	struct net_uplink uplinks[PARTS_MAX];
	struct dataplane_uplink attached[PARTS_MAX];
	bool is_attached[PARTS_MAX];
	const char *no_way; /* to the real at no_way_to */
	struct addr no_way_to;
	struct commands_removed removed; /* since 0: none */
	uint64_t sent, passed, dropped;
	struct dataplane_transition transitions[PARTS_MAX]; /* of each pool's ring */
	bool is_watched[PARTS_MAX];                         /* each pool's ring */
	bool has_no_ring;                                   /* no pool has one */
	struct dataplane_syns syns[256][256]; /* by the last two bytes of the address */
	uint64_t more[256][256];   /* packets to a real beyond those at first, likewise */
	const uint32_t *slot_real; /* last bytes of the reals of each four slots */

	bool probe_is_connected;
	usec_t last_verdict;
	struct prober_life exec; /* nothing to do, unless a test says otherwise */
	uint64_t probes;

	const char *outputs[PARTS_MAX][PARTS_MAX];      /* by pool and real, of the first check */
	struct latency latencies[PARTS_MAX];            /* of each pool */
	struct core_order orders[PARTS_MAX][PARTS_MAX]; /* by pool and real */
	unsigned n_resets;

	struct commands_config config;
	uint64_t repairs[3];
};

extern struct fake_parts parts;

/* Everything as in a healthy node with the uplinks and peers of the site's config. */
void fake_parts_init(struct site *site);

/*
 * A context on the site's core and these parts; drain, order and reload act on the site. The report
 * and result of the next reload are in fake_reload_text and fake_reload_result.
 */
struct commands_context fake_context(struct site *site);
extern const char *fake_reload_text;
extern int fake_reload_result;
extern usec_t fake_confirm_us; /* as it was asked for */
