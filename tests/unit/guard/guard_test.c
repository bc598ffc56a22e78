/* SPDX-License-Identifier: Apache-2.0 */
/* What the guard decides and what it would write. */
#include "src/guard/guard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/test.h"

#define SEC USEC_PER_SEC

static struct prefix ranges[2];
static struct config_routing routing;

static struct prefix make_prefix(const char *text)
{
	struct prefix prefix;

	assert_int_equal(prefix_parse(text, &prefix), 0);
	return prefix;
}

static struct guard make_guard(enum config_loss_then controller, enum config_loss_then dataplane)
{
	struct guard guard;

	ranges[0] = make_prefix("203.0.113.0/24");
	ranges[1] = make_prefix("2001:db8:cafe::/48");
	routing = (struct config_routing){
		.local_as = 65010,
		.vip_ranges = ranges,
		.n_vip_ranges = 2,
		.on_controller_loss = { .hold_us = 60 * SEC, .then = controller },
		.on_dataplane_loss = { .hold_us = 2 * SEC, .then = dataplane },
	};
	guard_init(&guard, &routing, 1000 * SEC);
	return guard;
}

/* The verdict at so many seconds after the start, with a tick of so many seconds ago. */
static struct guard_verdict at(struct guard *guard, unsigned now, unsigned tick_ago, bool has_xdp)
{
	const struct guard_facts facts = {
		.now = (1000 + now) * SEC,
		.has_tick = true,
		.tick = (1000 + now - tick_ago) * SEC,
		.has_xdp = has_xdp,
	};

	return guard_step(guard, &facts);
}

static struct guard_verdict boot(struct guard *guard, unsigned now, bool has_xdp, bool drained)
{
	const struct guard_facts facts = {
		.now = (1000 + now) * SEC,
		.has_xdp = has_xdp,
		.is_node_drained = drained,
	};

	return guard_step(guard, &facts);
}

TEST(guard, leaves_a_living_controller_alone)
{
	struct guard guard = make_guard(CONFIG_LOSS_DRAIN, CONFIG_LOSS_WITHDRAW);

	for (unsigned now = 0; now < 200; now++)
		assert_int_equal(at(&guard, now, now % 60, true).cause, GUARD_CAUSE_NONE);
}

TEST(guard, acts_when_the_tick_is_older_than_the_hold)
{
	static const enum config_loss_then policies[] = { CONFIG_LOSS_DRAIN, CONFIG_LOSS_WITHDRAW,
							  CONFIG_LOSS_KEEP };
	static const enum guard_act acts[] = { GUARD_DRAIN, GUARD_WITHDRAW, GUARD_NOTHING };

	for (unsigned i = 0; i < 3; i++) {
		struct guard guard = make_guard(policies[i], CONFIG_LOSS_WITHDRAW);
		struct guard_verdict verdict;

		assert_int_equal(at(&guard, 60, 60, true).act, GUARD_NOTHING);
		verdict = at(&guard, 61, 61, true);
		assert_int_equal(verdict.act, acts[i]);
		assert_int_equal(verdict.cause, GUARD_CAUSE_CONTROLLER);
		assert_int_equal(verdict.lost_us, 61 * SEC);
	}
}

TEST(guard, stops_when_the_tick_is_fresh_again)
{
	struct guard guard = make_guard(CONFIG_LOSS_DRAIN, CONFIG_LOSS_WITHDRAW);

	assert_int_equal(at(&guard, 61, 61, true).act, GUARD_DRAIN);
	assert_int_equal(at(&guard, 62, 0, true).act, GUARD_NOTHING);
}

TEST(guard, a_tick_file_that_vanished_does_not_reset_the_clock)
{
	struct guard guard = make_guard(CONFIG_LOSS_DRAIN, CONFIG_LOSS_WITHDRAW);

	assert_int_equal(at(&guard, 10, 0, true).act, GUARD_NOTHING);
	assert_int_equal(boot(&guard, 60, true, false).act, GUARD_NOTHING);
	assert_int_equal(boot(&guard, 71, true, false).act, GUARD_DRAIN);
}

TEST(guard, acts_when_xdp_is_gone_for_the_hold)
{
	struct guard guard = make_guard(CONFIG_LOSS_DRAIN, CONFIG_LOSS_WITHDRAW);
	struct guard_verdict verdict;

	assert_int_equal(at(&guard, 1, 0, false).act, GUARD_NOTHING);
	assert_int_equal(at(&guard, 3, 0, false).act, GUARD_NOTHING);
	verdict = at(&guard, 4, 0, false);
	assert_int_equal(verdict.act, GUARD_WITHDRAW);
	assert_int_equal(verdict.cause, GUARD_CAUSE_DATAPLANE);
	assert_int_equal(at(&guard, 5, 0, true).act, GUARD_NOTHING);
	assert_int_equal(at(&guard, 6, 0, false).act, GUARD_NOTHING);
}

TEST(guard, the_stronger_of_two_losses_counts)
{
	struct guard guard = make_guard(CONFIG_LOSS_DRAIN, CONFIG_LOSS_WITHDRAW);
	struct guard keeping = make_guard(CONFIG_LOSS_WITHDRAW, CONFIG_LOSS_KEEP);

	at(&guard, 0, 0, true);
	at(&guard, 90, 90, false);
	assert_int_equal(at(&guard, 100, 100, false).act, GUARD_WITHDRAW);
	at(&keeping, 0, 0, true);
	at(&keeping, 90, 90, false);
	assert_int_equal(at(&keeping, 100, 100, false).cause, GUARD_CAUSE_CONTROLLER);
}

TEST(guard, at_boot_nothing_stands_before_xdp)
{
	struct guard guard = make_guard(CONFIG_LOSS_DRAIN, CONFIG_LOSS_KEEP);
	struct guard_verdict verdict = boot(&guard, 0, false, false);

	assert_int_equal(verdict.act, GUARD_WITHDRAW);
	assert_int_equal(verdict.cause, GUARD_CAUSE_BOOT);
	assert_string_equal(guard_fence_word(verdict.act, verdict.cause), "at-boot");
	assert_int_equal(boot(&guard, 1, true, false).act, GUARD_NOTHING);
}

TEST(guard, at_boot_nothing_stands_on_a_drained_node)
{
	struct guard guard = make_guard(CONFIG_LOSS_DRAIN, CONFIG_LOSS_WITHDRAW);

	assert_int_equal(boot(&guard, 0, true, true).cause, GUARD_CAUSE_DRAINED);
	/* once a controller is there, drains are its own */
	assert_int_equal(at(&guard, 1, 0, true).act, GUARD_NOTHING);
	assert_int_equal(boot(&guard, 2, true, true).act, GUARD_NOTHING);
}

TEST(guard, at_boot_a_controller_that_never_comes_is_lost)
{
	struct guard guard = make_guard(CONFIG_LOSS_DRAIN, CONFIG_LOSS_WITHDRAW);

	assert_int_equal(boot(&guard, 60, true, false).act, GUARD_NOTHING);
	assert_int_equal(boot(&guard, 61, true, false).act, GUARD_DRAIN);
}

/* ---- plans ---- */

static struct bgp_config parse(const char *inner, const char *maps)
{
	struct bgp_config config;
	char text[2048];

	snprintf(text, sizeof(text),
		 "frr version 8.4.4\nrouter bgp 65010\n%sexit\n!\n%s"
		 "route-map SHOAL-VIP-0123456789abcdef-DRAIN permit 10\n"
		 " set community 65010:1 graceful-shutdown\nexit\n",
		 inner, maps);
	assert_int_equal(bgp_config_parse(text, &config, NULL), 0);
	return config;
}

static const char lines[] = " address-family ipv4 unicast\n"
			    "  network 10.0.0.0/8\n"
			    "  network 198.51.100.1/32 route-map SHOAL-VIP-PLAIN\n"
			    "  network 203.0.113.10/32 route-map SHOAL-VIP-0123456789abcdef\n"
			    "  network 203.0.113.11/32 route-map SHOAL-VIP-PLAIN\n"
			    "  network 203.0.113.12/32 route-map SHOAL-VIP-PLAIN-DRAIN\n"
			    "  network 203.0.113.13/32\n"
			    " exit-address-family\n address-family ipv6 unicast\n"
			    "  network 2001:db8:cafe::10/128 route-map SHOAL-VIP-PLAIN\n"
			    " exit-address-family\n";
static const char plain_drain[] = "route-map SHOAL-VIP-PLAIN-DRAIN permit 10\n"
				  " set community graceful-shutdown\nexit\n";

static struct guard_plan plan_of(struct bgp_config *config, const struct lease_prefix *announced,
				 size_t n, enum guard_act act)
{
	struct guard_plan plan;

	make_guard(CONFIG_LOSS_DRAIN, CONFIG_LOSS_WITHDRAW);
	assert_int_equal(guard_plan_make(config, &routing, announced, n, act, &plan), 0);
	bgp_config_fini(config);
	return plan;
}

/* The map a plan puts on a prefix, "-" when the prefix is left alone. */
static const char *planned(const struct guard_plan *plan, const char *text)
{
	struct prefix prefix = make_prefix(text);

	for (size_t i = 0; i < plan->n_targets; i++)
		if (prefix_eq(&plan->targets[i].prefix, &prefix))
			return plan->targets[i].map;
	return "-";
}

TEST(guard_plan, drains_what_stands_and_is_not_drained)
{
	struct bgp_config config = parse(lines, plain_drain);
	struct guard_plan plan = plan_of(&config, NULL, 0, GUARD_DRAIN);

	assert_int_equal(plan.n_targets, 4);
	assert_string_equal(planned(&plan, "203.0.113.10/32"), "SHOAL-VIP-0123456789abcdef-DRAIN");
	assert_string_equal(planned(&plan, "203.0.113.11/32"), ROUTE_MAP_PLAIN_DRAIN);
	assert_string_equal(planned(&plan, "203.0.113.12/32"), "-");
	assert_string_equal(planned(&plan, "203.0.113.13/32"), ROUTE_MAP_PLAIN_DRAIN);
	assert_string_equal(planned(&plan, "2001:db8:cafe::10/128"), ROUTE_MAP_PLAIN_DRAIN);
	assert_string_equal(planned(&plan, "10.0.0.0/8"), "-");
	assert_false(plan.needs_plain_drain);
	guard_plan_fini(&plan);
}

TEST(guard_plan, never_names_a_map_that_does_not_drain)
{
	struct bgp_config config =
		parse(lines, "route-map SHOAL-VIP-PLAIN-DRAIN permit 10\n set metric 5\nexit\n");
	const struct lease_prefix lease = { .prefix = make_prefix("203.0.113.10/32"),
					    .drain_map = "SHOAL-VIP-fedcba9876543210-DRAIN" };
	struct guard_plan plan = plan_of(&config, &lease, 1, GUARD_DRAIN);

	assert_true(plan.needs_plain_drain && plan.plain_drain_exists);
	assert_string_equal(planned(&plan, "203.0.113.10/32"), "SHOAL-VIP-0123456789abcdef-DRAIN");
	guard_plan_fini(&plan);
}

TEST(guard_plan, prefers_the_map_of_the_lease)
{
	struct bgp_config config = parse(lines, plain_drain);
	const struct lease_prefix lease = { .prefix = make_prefix("203.0.113.11/32"),
					    .drain_map = "SHOAL-VIP-0123456789abcdef-DRAIN" };
	struct guard_plan plan = plan_of(&config, &lease, 1, GUARD_DRAIN);

	assert_string_equal(planned(&plan, "203.0.113.11/32"), "SHOAL-VIP-0123456789abcdef-DRAIN");
	guard_plan_fini(&plan);
}

TEST(guard_plan, withdraws_all_inside_and_what_the_lease_claims_outside)
{
	struct bgp_config config = parse(lines, "");
	const struct lease_prefix leases[] = {
		{ .prefix = make_prefix("198.51.100.1/32"), .drain_map = "SHOAL-VIP-PLAIN-DRAIN" },
		{ .prefix = make_prefix("10.0.0.0/8"), .drain_map = "SHOAL-VIP-PLAIN-DRAIN" },
	};
	struct guard_plan plan = plan_of(&config, leases, 2, GUARD_WITHDRAW);

	assert_int_equal(plan.n_targets, 6);
	assert_string_equal(planned(&plan, "203.0.113.13/32"), "");
	assert_string_equal(planned(&plan, "198.51.100.1/32"), "");
	assert_string_equal(planned(&plan, "10.0.0.0/8"), "-"); /* not one of our maps */
	guard_plan_fini(&plan);
}

TEST(guard_plan, the_operators_withdrawal_spares_strangers)
{
	struct bgp_config config = parse(lines, "");
	struct guard_plan plan = plan_of(&config, NULL, 0, GUARD_WITHDRAW_OURS);

	assert_int_equal(plan.n_targets, 4);
	assert_string_equal(planned(&plan, "203.0.113.12/32"), "");
	assert_string_equal(planned(&plan, "203.0.113.13/32"), "-");
	guard_plan_fini(&plan);
}

TEST(guard_plan, never_writes_what_does_not_stand)
{
	struct bgp_config config = parse("", plain_drain);
	const struct lease_prefix lease = { .prefix = make_prefix("203.0.113.10/32"),
					    .drain_map = "SHOAL-VIP-PLAIN-DRAIN" };
	struct guard_plan plan = plan_of(&config, &lease, 1, GUARD_DRAIN);

	assert_int_equal(plan.n_targets, 0);
	guard_plan_fini(&plan);
}

RUN_TESTS(T(guard, leaves_a_living_controller_alone),
	  T(guard, acts_when_the_tick_is_older_than_the_hold),
	  T(guard, stops_when_the_tick_is_fresh_again),
	  T(guard, a_tick_file_that_vanished_does_not_reset_the_clock),
	  T(guard, acts_when_xdp_is_gone_for_the_hold), T(guard, the_stronger_of_two_losses_counts),
	  T(guard, at_boot_nothing_stands_before_xdp),
	  T(guard, at_boot_nothing_stands_on_a_drained_node),
	  T(guard, at_boot_a_controller_that_never_comes_is_lost),
	  T(guard_plan, drains_what_stands_and_is_not_drained),
	  T(guard_plan, never_names_a_map_that_does_not_drain),
	  T(guard_plan, prefers_the_map_of_the_lease),
	  T(guard_plan, withdraws_all_inside_and_what_the_lease_claims_outside),
	  T(guard_plan, the_operators_withdrawal_spares_strangers),
	  T(guard_plan, never_writes_what_does_not_stand))
