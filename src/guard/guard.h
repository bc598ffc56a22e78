/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guard.h - what the guard decides, pure: no sockets, no files, no clock.
 *
 * The guard takes routes away when nobody else can, and never announces. Two losses count: the
 * controller (no complete pass for on-controller-loss.hold) and the data plane (no uplink carries
 * an XDP program for on-dataplane-loss.hold). A third case is the boot: as long as no controller
 * completed a pass since the machine started, lines saved in FRR's configuration must not lead
 * clients to a node without XDP, or to one that an operator drained.
 *
 * A loss that is over needs nothing: the controller is back, and its read-back is the truth.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "frr-integration/bgp_config.h"
#include "src/base/usec.h"
#include "src/config/config.h"
#include "src/guard/lease.h"

/* In order of strength. */
enum guard_act {
	GUARD_NOTHING,
	GUARD_DRAIN,         /* name a drain map on every line inside vip-ranges */
	GUARD_WITHDRAW_OURS, /* remove the lines that the lease lists or that name a map of ours */
	GUARD_WITHDRAW,      /* remove every line inside vip-ranges */
};

enum guard_cause {
	GUARD_CAUSE_NONE,
	GUARD_CAUSE_CONTROLLER,
	GUARD_CAUSE_DATAPLANE,
	GUARD_CAUSE_BOOT,    /* XDP is not attached yet */
	GUARD_CAUSE_DRAINED, /* at boot, and the node is drained */
	GUARD_CAUSE_OPERATOR,
	GUARD_CAUSE_MAX,
};

const char *guard_act_str(enum guard_act act);
const char *guard_cause_str(enum guard_cause cause);
/* The word of the fence file for acting from this cause: "drain", "withdraw", "at-boot". */
const char *guard_fence_word(enum guard_act act, enum guard_cause cause);

/* What the guard sees at one moment. */
struct guard_facts {
	usec_t now;
	bool has_tick; /* a tick that can be read and does not lie in the future */
	usec_t tick;
	bool has_xdp; /* at least one uplink carries an XDP program */
	bool is_node_drained;
};

struct guard {
	struct config_loss on_controller_loss, on_dataplane_loss;
	usec_t started;
	usec_t last_tick;      /* 0: none since the guard started */
	usec_t xdp_gone_since; /* 0: not gone */
};

struct guard_verdict {
	enum guard_act act;
	enum guard_cause cause; /* also set when the policy is to keep */
	usec_t lost_us;         /* for how long */
};

void guard_init(struct guard *guard, const struct config_routing *routing, usec_t now);

/* Take in the facts and judge. Facts come in the order of time. */
struct guard_verdict guard_step(struct guard *guard, const struct guard_facts *facts);

/* One line to write: map "" removes it. */
struct guard_target {
	struct prefix prefix;
	char map[ROUTE_MAP_NAME_MAX];
};

struct guard_plan {
	struct guard_target *targets; /* IPv4 first */
	size_t n_targets;
	bool needs_plain_drain;  /* ROUTE_MAP_PLAIN_DRAIN has to be made before a target names it */
	bool plain_drain_exists; /* a map of that name stands, edited */
};

/*
 * guard_plan_make - what has to be written so that the act holds.
 * @config:    bgpd as it is now.
 * @routing:   vip-ranges: every line inside is ours.
 * @announced: the lease; its lines name drain maps. A line outside vip-ranges counts when the lease
 *             lists it and it names one of our maps (the ranges changed since the guard started).
 * Lines that do not stand are never written, so that nothing gets announced. Draining leaves a line
 * that is drained already. Returns 0 or -ENOMEM; end with guard_plan_fini().
 */
int guard_plan_make(const struct bgp_config *config, const struct config_routing *routing,
		    const struct lease_prefix *announced, size_t n_announced, enum guard_act act,
		    struct guard_plan *ret);
void guard_plan_fini(struct guard_plan *plan);
