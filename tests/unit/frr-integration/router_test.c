/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The router port against conversations recorded from FRR 8.4.4, and against a bgpd that does what
 * a bgpd should not. A recorded conversation is asserted command by command: what we ask, in which
 * order, is part of the contract.
 */
#include "frr-integration/router.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/log.h"
#include "tests/lib/test.h"
#include "tests/unit/frr-integration/fake_bgpd.h"

#define PATIENCE (8 * USEC_PER_SEC)

static const char *const communities[] = { "65100:100" };
static struct config_vip vips[] = {
	{ .name = "one" },
	{ .name = "two", .communities = communities, .n_communities = 1 },
	{ .name = "six" },
};
static struct prefix ranges[2];
static struct config_peer peers[] = { { .name = "tor1" }, { .name = "tor2", .interface = "eth9" } };
static struct config config = { .vips = vips, .n_vips = 3 };

static struct {
	struct event_base *base;
	struct fake_bgpd *fake;
	struct router *router;
	bool is_allowed;
	unsigned changes;
	uint64_t reconnects; /* to wait for */
} t;

static void on_changed(void *arg)
{
	(void)arg;
	t.changes++;
}

static bool may_write(void *arg)
{
	(void)arg;
	return t.is_allowed;
}

static struct prefix make_prefix(const char *text)
{
	struct prefix prefix;

	assert_int_equal(prefix_parse(text, &prefix), 0);
	return prefix;
}

static int start(void **state)
{
	const struct router_callbacks callbacks = { .changed = on_changed, .may_write = may_write };
	struct err err;

	(void)state;
	memset(&t, 0, sizeof(t));
	t.is_allowed = true;
	t.base = event_base_new();
	t.fake = fake_bgpd_new(t.base);
	vips[0].prefix = make_prefix("198.18.0.1/32");
	vips[1].prefix = make_prefix("198.18.0.2/32");
	vips[2].prefix = make_prefix("2001:db8:1::1/128");
	ranges[0] = make_prefix("198.18.0.0/15");
	ranges[1] = make_prefix("2001:db8:1::/48");
	assert_int_equal(addr_parse("10.2.1.1", &peers[0].addr), 0);
	config.routing = (struct config_routing){ .present = true,
						  .vty = fake_bgpd_dir(t.fake),
						  .local_as = 65100,
						  .vip_ranges = ranges,
						  .n_vip_ranges = 2,
						  .peers = peers,
						  .n_peers = 1 };
	if (router_new(t.base, &config, &callbacks, &t.router, &err) < 0)
		fail_msg("%s", err.text);
	return 0;
}

static int end(void **state)
{
	(void)state;
	router_free(t.router);
	fake_bgpd_free(t.fake);
	event_base_free(t.base);
	return 0;
}

/* ---- what to wait for ---- */

static bool is_read(void *arg)
{
	(void)arg;
	return router_is_read(t.router, NULL);
}

static bool is_life(void *arg)
{
	return router_life(t.router) == *(enum router_life *)arg;
}

static bool is_quiet(void *arg)
{
	(void)arg;
	return !router_is_busy(t.router);
}

static bool is_played(void *arg)
{
	(void)arg;
	return fake_bgpd_is_played(t.fake);
}

static bool holds(void *arg)
{
	struct prefix prefix = make_prefix(arg);
	const struct router_route *route = router_route_find(t.router, &prefix);

	return route && route->has_line && route->attributes_match && route->peers == 1;
}

static bool has_matching_line(void *arg)
{
	const struct router_route *route = router_route_find(t.router, &vips[0].prefix);

	(void)arg;
	return route && route->has_line && route->attributes_match;
}

static bool is_drained(void *arg)
{
	struct prefix prefix = make_prefix(arg);
	const struct router_route *route = router_route_find(t.router, &prefix);

	return route && route->is_drained && route->attributes_match && route->peers == 1;
}

static bool has_no_routes(void *arg)
{
	(void)arg;
	return is_read(NULL) && router_n_routes(t.router) == 0;
}

static bool has_failed(void *arg)
{
	(void)arg;
	return router_stats(t.router)->failures > 0;
}

static bool has_reconnected(void *arg)
{
	(void)arg;
	return router_stats(t.router)->reconnects >= t.reconnects;
}

static bool has_no_import_check(void *arg)
{
	(void)arg;
	return !router_has_import_check(t.router);
}

static bool never(void *arg)
{
	(void)arg;
	return false;
}

static void wait_for(bool (*done)(void *), const void *arg)
{
	union {
		const void *in;
		void *out;
	} plain = { .in = arg };

	assert_true(run_until(t.base, done, plain.out, PATIENCE));
}

static void wait_life(enum router_life life)
{
	wait_for(is_life, &life);
}

static void pass(usec_t us)
{
	assert_false(run_until(t.base, never, NULL, us));
}

/* A bgpd of this AS, with these lines inside router bgp and these maps; no neighbours. */
static void say_config(const char *inner, const char *maps)
{
	char text[4096];

	snprintf(text, sizeof(text),
		 "frr version 8.4.4\n!\nrouter bgp 65100\n address-family ipv4 unicast\n%s"
		 " exit-address-family\nexit\n!\n%s!\n",
		 inner, maps);
	fake_bgpd_say(t.fake, "show running-config", 0, text);
	fake_bgpd_say(t.fake, "show bgp summary json", 0, "{}");
	fake_bgpd_say(t.fake, "show bgp neighbors json", 0, "{}");
	fake_bgpd_say(t.fake, "show bgp ipv4 unicast 198.18.0.0/15 longer-prefixes json", 0,
		      "{\"routes\":{}}");
}

static const char plain_maps[] = "route-map SHOAL-VIP-PLAIN permit 10\nexit\n!\n"
				 "route-map SHOAL-VIP-PLAIN-DRAIN permit 10\n"
				 " set community graceful-shutdown\nexit\n";

/* ---- recorded ---- */

static void live_through(const char *transcript, const char *version)
{
	fake_bgpd_play(t.fake, transcript);
	wait_life(ROUTER_READY);
	assert_string_equal(router_version(t.router), version);
	assert_int_equal(router_n_established(t.router), 1);
	for (unsigned i = 0; i < 3; i++)
		router_announce(t.router, &vips[i]);
	assert_true(router_is_busy(t.router));
	wait_for(holds, "198.18.0.1/32");
	assert_true(holds((char[]){ "198.18.0.2/32" }));
	assert_true(holds((char[]){ "2001:db8:1::1/128" }));
	assert_int_equal(router_peer(t.router, 0)->prefixes_sent4, 2);
	router_drain(t.router, &vips[0]);
	wait_for(is_drained, "198.18.0.1/32");
	assert_true(holds((char[]){ "198.18.0.2/32" }));
	for (unsigned i = 0; i < 3; i++)
		router_withdraw(t.router, &vips[i].prefix);
	wait_for(has_no_routes, NULL);
	wait_for(is_played, NULL);
}

TEST(router, announces_drains_and_withdraws_as_recorded)
{
	live_through("life.txt", "8.4.4");
	assert_int_equal(router_peer(t.router, 0)->bfd, BGP_BFD_NONE);
	assert_string_equal(router_peer(t.router, 0)->out[0].filter, "OUT4");
}

TEST(router, does_the_same_with_the_forms_of_frr_9)
{
	live_through("life-9.txt", "9.1.3");
	assert_int_equal(router_peer(t.router, 0)->bfd, BGP_BFD_UP);
}

TEST(router, does_the_same_with_the_forms_of_frr_10)
{
	live_through("life-10.txt", "10.2.1");
	assert_int_equal(router_peer(t.router, 0)->bfd, BGP_BFD_UP);
	assert_int_equal(router_peer(t.router, 0)->bfd_rx_ms, 100);
}

TEST(router, mends_maps_that_were_deleted_or_edited)
{
	fake_bgpd_play(t.fake, "repair.txt");
	wait_life(ROUTER_READY);
	router_announce(t.router, &vips[0]);
	wait_for(holds, "198.18.0.1/32");
	router_read_back(t.router); /* the maps are gone now */
	wait_for(is_played, NULL);
	wait_for(holds, "198.18.0.1/32");
}

TEST(router, shows_leftovers_and_withdraws_only_inside_its_ranges)
{
	struct prefix saved, stranger = make_prefix("198.18.9.9/32");
	struct prefix outside = make_prefix("172.16.0.1/32");

	saved = vips[0].prefix;
	fake_bgpd_play(t.fake, "leftovers.txt");
	wait_life(ROUTER_READY);
	assert_int_equal(router_n_routes(t.router), 2);
	assert_true(router_route_find(t.router, &stranger)->has_line);
	assert_false(router_route_find(t.router, &saved)->attributes_match);
	assert_null(router_route_find(t.router, &outside));
	router_withdraw(t.router, &outside);
	assert_false(router_is_busy(t.router));
	router_withdraw(t.router, &stranger);
	wait_for(is_played, NULL);
	assert_int_equal(fake_bgpd_asked(t.fake, "no network"), 1);
	assert_int_equal(fake_bgpd_asked(t.fake, "network"), 0);
}

/* ---- waiting ---- */

TEST(router, waits_for_an_instance_and_never_makes_one)
{
	fake_bgpd_say(t.fake, "show running-config", 0, "frr version 8.4.4\n!\n");
	wait_life(ROUTER_NO_INSTANCE);
	assert_non_null(strstr(router_sentence(t.router), "'router bgp 65100'"));
	router_announce(t.router, &vips[0]);
	pass(600 * USEC_PER_MSEC);
	assert_int_equal(fake_bgpd_asked(t.fake, "router bgp"), 0);
	assert_int_equal(fake_bgpd_asked(t.fake, "configure"), 0);
	say_config("", "");
	wait_life(ROUTER_READY);
}

TEST(router, leaves_another_as_alone)
{
	fake_bgpd_say(t.fake, "show running-config", 0,
		      "frr version 8.4.4\nrouter bgp 65001\nexit\n");
	wait_life(ROUTER_NO_INSTANCE);
	assert_non_null(strstr(router_sentence(t.router), "is AS 65001"));
	router_announce(t.router, &vips[0]);
	assert_false(router_is_busy(t.router));
}

TEST(router, stops_when_the_instance_goes_between_reading_and_writing)
{
	say_config("", plain_maps);
	fake_bgpd_say(t.fake, "router bgp", 13, "% No BGP process is configured\n");
	wait_life(ROUTER_READY);
	router_announce(t.router, &vips[0]);
	fake_bgpd_say(t.fake, "end", 0, "");
	wait_for(is_quiet, NULL);
	assert_int_equal(fake_bgpd_asked(t.fake, "router bgp 65100"), 0);
	assert_int_equal(fake_bgpd_asked(t.fake, "network"), 0);
	assert_int_equal(fake_bgpd_asked(t.fake, "end"), 1);
}

TEST(router, enters_the_default_instance_beside_those_of_vrfs)
{
	say_config("", plain_maps);
	fake_bgpd_say(t.fake, "router bgp", 13, "% Please specify ASN and VRF\n");
	wait_life(ROUTER_READY);
	router_announce(t.router, &vips[0]);
	wait_for(is_quiet, NULL);
	assert_int_equal(fake_bgpd_asked(t.fake, "network 198.18.0.1/32"), 1);
}

static void expect_refused(const char *running_config, const char *sentence)
{
	fake_bgpd_say(t.fake, "show running-config", 0, running_config);
	wait_for(has_failed, NULL);
	assert_int_equal(router_life(t.router), ROUTER_CONNECTING);
	if (!strstr(router_sentence(t.router), sentence))
		fail_msg("%s", router_sentence(t.router));
}

TEST(router, refuses_an_old_version_in_words)
{
	expect_refused("frr version 8.2.2\nrouter bgp 65100\n",
		       "'8.2.2', this Shoal knows FRR 8.4 to 10: upgrade frr");
}

TEST(router, refuses_a_version_newer_than_it_knows)
{
	expect_refused("frr version 11.0\nrouter bgp 65100\n",
		       "'11.0', this Shoal knows FRR 8.4 to 10: upgrade shoal");
}

TEST(router, refuses_a_version_it_cannot_read)
{
	expect_refused("frr version banana\nrouter bgp 65100\n",
		       "'banana', this Shoal knows FRR 8.4 to 10");
}

/* ---- misbehaviour ---- */

TEST(router, whatever_answer_is_bad_nothing_is_written_and_all_is_tried_again)
{
	static const char *const commands[] = { "enable", "show running-config",
						"show bgp summary json", "show bgp neighbors json",
						NULL };
	static const enum fake_manner manners[] = { FAKE_GARBAGE, FAKE_HANG_UP, FAKE_TWICE };

	say_config("", plain_maps);
	for (size_t i = 0; commands[i]; i++) {
		for (size_t k = 0; k < sizeof(manners) / sizeof(manners[0]); k++) {
			wait_life(ROUTER_READY);
			fake_bgpd_misbehave(t.fake, commands[i], manners[k]);
			fake_bgpd_stop(t.fake); /* so that it is asked all of it again */
			fake_bgpd_start(t.fake);
			t.reconnects = router_stats(t.router)->reconnects + 2;
			wait_for(has_reconnected, NULL);
			assert_int_equal(router_life(t.router), ROUTER_CONNECTING);
			router_announce(t.router, &vips[0]);
			assert_false(router_is_busy(t.router));
			fake_bgpd_misbehave(t.fake, NULL, FAKE_ANSWERS);
		}
	}
	wait_life(ROUTER_READY);
	assert_int_equal(fake_bgpd_asked(t.fake, "configure"), 0);
	assert_int_equal(fake_bgpd_asked(t.fake, "network"), 0);
}

static const char one_peer[] = "{\"ipv4Unicast\":{\"as\":65100,\"peers\":{\"10.2.1.1\":{"
			       "\"state\":\"Established\",\"peerUptimeMsec\":1000,"
			       "\"pfxSnt\":1,\"connectionsDropped\":0}}}}";
static const char ask_sent[] = "show bgp ipv4 unicast neighbors 10.2.1.1 advertised-routes json";

/* Each answer that proves something, with a field renamed as another FRR might. */
TEST(router, a_renamed_field_of_any_proof_is_one_sentence_and_no_announcement)
{
	static const struct {
		const char *command, *answer, *sentence;
	} cases[] = {
		{ "show running-config", "router bgp 65100\n", "no line 'frr version'" },
		{ "show bgp summary json", "{\"ipv4Uni\":{}}", "neither 'ipv4Unicast'" },
		{ ask_sent, "{\"sentRoutes\":{}}", "advertisedRoutes" },
		{ "show bgp ipv4 unicast 198.18.0.0/15 longer-prefixes json", "{\"paths\":{}}",
		  "has no object 'routes'" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		say_config("  network 198.18.0.1/32 route-map SHOAL-VIP-PLAIN\n", plain_maps);
		fake_bgpd_say(t.fake, "show bgp summary json", 0, one_peer);
		fake_bgpd_say(t.fake, ask_sent, 0, "{\"advertisedRoutes\":{}}");
		wait_life(ROUTER_READY);
		fake_bgpd_say(t.fake, cases[i].command, 0, cases[i].answer);
		router_read_back(t.router);
		wait_life(ROUTER_CONNECTING);
		if (!strstr(router_sentence(t.router), cases[i].sentence))
			fail_msg("'%s' without '%s'", router_sentence(t.router), cases[i].sentence);
		assert_int_equal(router_n_routes(t.router), 0);
		router_announce(t.router, &vips[0]);
		assert_false(router_is_busy(t.router));
	}
	assert_int_equal(fake_bgpd_asked(t.fake, "network"), 0);
}

TEST(router, a_neighbour_it_does_not_understand_costs_nothing)
{
	say_config("", "");
	fake_bgpd_say(t.fake, "show bgp summary json", 0, one_peer);
	fake_bgpd_say(t.fake, ask_sent, 0, "{\"advertisedRoutes\":{}}");
	fake_bgpd_say(t.fake, "show bgp neighbors json", 0,
		      "{\"10.2.1.1\":{\"lastResetDueTo\":7,\"peerBfdInfo\":{\"bfd\":[]}}}");
	wait_life(ROUTER_READY);
	assert_true(router_peer(t.router, 0)->is_established);
	assert_string_equal(router_peer(t.router, 0)->last_reset, "");
	assert_int_equal(router_peer(t.router, 0)->bfd, BGP_BFD_UNKNOWN);
}

TEST(router, an_as_that_changes_under_it_is_left_alone)
{
	say_config("", plain_maps);
	fake_bgpd_say(t.fake, "show bgp summary json", 0, one_peer);
	fake_bgpd_say(t.fake, ask_sent, 0, "{\"advertisedRoutes\":{}}");
	wait_life(ROUTER_READY);
	fake_bgpd_say(t.fake, "show running-config", 0,
		      "frr version 8.4.4\nrouter bgp 65001\nexit\n");
	fake_bgpd_say(t.fake, "show bgp summary json", 0,
		      "{\"ipv4Unicast\":{\"as\":65001,\"peers\":{}}}");
	wait_life(ROUTER_NO_INSTANCE);
	router_announce(t.router, &vips[0]);
	assert_false(router_is_busy(t.router));
	assert_int_equal(fake_bgpd_asked(t.fake, "configure"), 0);
}

TEST(router, remembers_what_bgpd_answered_to_a_line)
{
	struct router_command command;

	say_config("", plain_maps);
	fake_bgpd_say(t.fake, "network 198.18.0.1/32 route-map SHOAL-VIP-PLAIN", 13, "% no\n");
	wait_life(ROUTER_READY);
	assert_int_equal(router_command(t.router, &vips[0].prefix).at, 0);
	router_announce(t.router, &vips[0]);
	router_announce(t.router, &vips[2]);
	assert_true(router_command(t.router, &vips[0].prefix).is_waiting);
	wait_for(is_quiet, NULL);
	command = router_command(t.router, &vips[0].prefix);
	assert_int_equal(command.op, ROUTER_ANNOUNCE);
	assert_true(command.at > 0);
	assert_string_equal(command.refused, "% no");
	command = router_command(t.router, &vips[2].prefix);
	assert_true(command.at > 0);
	assert_string_equal(command.refused, "");
	fake_bgpd_stop(t.fake); /* another bgpd was told nothing */
	wait_life(ROUTER_CONNECTING);
	assert_int_equal(router_command(t.router, &vips[2].prefix).at, 0);
}

TEST(router, tells_import_check_and_what_a_peer_lets_out)
{
	const struct router_peer *peer = router_peer(t.router, 0);

	say_config("", "");
	fake_bgpd_say(t.fake, "show bgp summary json", 0, one_peer);
	fake_bgpd_say(t.fake, ask_sent, 0,
		      "{\"advertisedRoutes\":{\"198.18.0.1/32\":{},\"10.0.0.0/8\":{}}}");
	fake_bgpd_say(t.fake, "show bgp neighbors json", 0,
		      "{\"10.2.1.1\":{\"lastResetTimerMsecs\":5000,\"addressFamilyInfo\":{"
		      "\"ipv4Unicast\":{\"routeMapForOutgoingAdvertisements\":\"TO\"}}}}");
	wait_life(ROUTER_READY);
	assert_true(router_has_import_check(t.router));
	assert_true(peer->out[0].is_active);
	assert_false(peer->out[1].is_active);
	assert_string_equal(peer->out[0].filter, "TO");
	assert_int_equal(peer->ours4, 1);
	assert_true(peer->reset_at > 0 && peer->reset_at <= usec_now() - 5 * USEC_PER_SEC);
	fake_bgpd_say(t.fake, "show running-config", 0,
		      "frr version 8.4.4\nrouter bgp 65100\n no bgp network import-check\nexit\n");
	router_read_back(t.router);
	wait_for(has_no_import_check, NULL);
}

static bool has_bfd_down(void *arg)
{
	(void)arg;
	return router_peer(t.router, 0)->bfd == BGP_BFD_DOWN;
}

TEST(router, sees_bfd_change_between_two_read_backs)
{
	static const char ask[] = "show bgp neighbors 10.2.1.1 json";
	usec_t read_at = 0, later = 0;

	say_config("", "");
	fake_bgpd_say(
		t.fake, "show bgp summary json", 0,
		"{\"ipv4Unicast\":{\"as\":65100,\"peers\":{\"10.2.1.1\":{\"state\":\"Established\","
		"\"peerUptimeMsec\":9000,\"pfxSnt\":0,\"connectionsDropped\":0}}}}");
	fake_bgpd_say(t.fake, "show bgp neighbors json", 0,
		      "{\"10.2.1.1\":{\"peerBfdInfo\":{\"status\":\"Up\"}}}");
	fake_bgpd_say(t.fake, ask, 0, "{\"10.2.1.1\":{\"peerBfdInfo\":{\"status\":\"Down\"}}}");
	wait_life(ROUTER_READY);
	assert_int_equal(router_peer(t.router, 0)->bfd, BGP_BFD_UP);
	assert_true(router_is_read(t.router, &read_at));
	t.changes = 0;
	wait_for(has_bfd_down, NULL);
	pass(50 * USEC_PER_MSEC);
	assert_true(t.changes > 0);
	assert_true(router_is_read(t.router, &later));
	assert_int_equal(later, read_at);
	assert_true(fake_bgpd_asked(t.fake, ask) >= 1);
}

TEST(router, names_a_field_it_does_not_find)
{
	say_config("", "");
	fake_bgpd_say(t.fake, "show bgp summary json", 0, "{\"ipv4Unicast\":{\"asn\":65100}}");
	pass(400 * USEC_PER_MSEC);
	assert_int_equal(router_life(t.router), ROUTER_CONNECTING);
	assert_non_null(strstr(router_sentence(t.router), "has no number 'as'"));
	assert_false(router_is_read(t.router, NULL));
	say_config("", "");
	wait_life(ROUTER_READY);
}

TEST(router, a_hung_bgpd_is_stuck_until_it_answers)
{
	say_config("", "");
	wait_life(ROUTER_READY);
	fake_bgpd_misbehave(t.fake, NULL, FAKE_SILENT);
	wait_life(ROUTER_STUCK);
	assert_non_null(strstr(router_sentence(t.router), "no answer for 3.0 s"));
	assert_int_equal(router_n_established(t.router), 0);
	fake_bgpd_misbehave(t.fake, NULL, FAKE_ANSWERS);
	wait_life(ROUTER_READY);
}

TEST(router, a_restarted_bgpd_is_read_anew_at_once)
{
	usec_t began;

	say_config("  network 198.18.0.1/32 route-map SHOAL-VIP-PLAIN\n", plain_maps);
	wait_life(ROUTER_READY);
	assert_int_equal(router_n_routes(t.router), 1);
	fake_bgpd_stop(t.fake);
	wait_life(ROUTER_CONNECTING);
	assert_false(router_is_read(t.router, NULL));
	assert_int_equal(router_n_routes(t.router), 0);
	say_config("", "");
	fake_bgpd_start(t.fake);
	began = usec_now();
	wait_life(ROUTER_READY);
	assert_true(router_is_read(t.router, NULL));
	assert_int_equal(router_n_routes(t.router), 0);
	assert_true(usec_now() - began < USEC_PER_SEC);
}

static bool is_unread(void *arg)
{
	(void)arg;
	return router_unread_since(t.router) != 0;
}

static bool is_not_unread(void *arg)
{
	(void)arg;
	return router_unread_since(t.router) == 0;
}

/* The one announces what nobody can read; the other announces nothing. */
TEST(router, a_bgpd_that_cannot_be_read_is_none_that_is_gone)
{
	usec_t since;

	say_config("", "");
	wait_life(ROUTER_READY);
	assert_false(is_unread(NULL));
	fake_bgpd_misbehave(t.fake, NULL, FAKE_GARBAGE);
	wait_for(is_unread, NULL);
	since = router_unread_since(t.router);
	pass(500 * USEC_PER_MSEC);
	assert_int_equal(router_unread_since(t.router), since);
	fake_bgpd_stop(t.fake);
	wait_for(is_not_unread, NULL);
	fake_bgpd_start(t.fake);
	wait_for(is_unread, NULL);
	fake_bgpd_misbehave(t.fake, NULL, FAKE_ANSWERS);
	wait_life(ROUTER_READY);
	assert_false(is_unread(NULL));
}

TEST(router, the_end_in_the_middle_of_a_batch_drops_it)
{
	say_config("", plain_maps);
	wait_life(ROUTER_READY);
	fake_bgpd_misbehave(t.fake, "network 198.18.0.1/32 route-map SHOAL-VIP-PLAIN",
			    FAKE_HANG_UP);
	router_announce(t.router, &vips[0]);
	router_announce(t.router, &vips[2]);
	wait_life(ROUTER_CONNECTING);
	assert_false(router_is_busy(t.router));
	fake_bgpd_misbehave(t.fake, NULL, FAKE_ANSWERS);
	wait_life(ROUTER_READY);
	pass(300 * USEC_PER_MSEC);
	assert_int_equal(fake_bgpd_asked(t.fake, "network"), 1);
}

TEST(router, an_error_on_one_line_does_not_stop_the_others)
{
	say_config("", plain_maps);
	fake_bgpd_say(t.fake, "network 198.18.0.1/32 route-map SHOAL-VIP-PLAIN", 13, "% no\n");
	wait_life(ROUTER_READY);
	router_announce(t.router, &vips[0]);
	router_announce(t.router, &vips[2]);
	wait_for(is_quiet, NULL);
	assert_int_equal(fake_bgpd_asked(t.fake, "network 2001:db8:1::1/128"), 1);
	assert_int_equal(router_stats(t.router)->failures, 1);
	assert_int_equal(router_life(t.router), ROUTER_READY);
}

TEST(router, gives_up_on_maps_that_do_not_stay)
{
	say_config("", "");
	wait_life(ROUTER_READY);
	router_announce(t.router, &vips[0]);
	wait_for(is_quiet, NULL);
	assert_int_equal(fake_bgpd_asked(t.fake, "route-map SHOAL-VIP-PLAIN permit 10"), 3);
	assert_int_equal(fake_bgpd_asked(t.fake, "network"), 0);
	assert_int_equal(router_stats(t.router)->failures, 1);
}

/* ---- asking, coalescing, repeating ---- */

TEST(router, writes_nothing_when_it_may_not)
{
	say_config("", "");
	wait_life(ROUTER_READY);
	t.is_allowed = false;
	router_announce(t.router, &vips[0]);
	wait_for(is_quiet, NULL);
	assert_int_equal(fake_bgpd_asked(t.fake, "network"), 0);
	assert_int_equal(fake_bgpd_asked(t.fake, "route-map"), 0);
	assert_int_equal(fake_bgpd_asked(t.fake, "end"), 1);
}

TEST(router, the_newest_wish_for_a_prefix_counts)
{
	say_config("", plain_maps);
	wait_life(ROUTER_READY);
	router_announce(t.router, &vips[0]);
	router_drain(t.router, &vips[0]);
	router_announce(t.router, &vips[2]);
	router_withdraw(t.router, &vips[2].prefix);
	wait_for(is_quiet, NULL);
	assert_int_equal(fake_bgpd_asked(t.fake, "network"), 1);
	assert_int_equal(fake_bgpd_asked(t.fake, "network 198.18.0.1/32 route-map "
						 "SHOAL-VIP-PLAIN-DRAIN"),
			 1);
	assert_int_equal(fake_bgpd_asked(t.fake, "no network"), 0);
}

TEST(router, what_is_in_force_is_not_written_again)
{
	say_config("  network 198.18.0.1/32 route-map SHOAL-VIP-PLAIN\n", plain_maps);
	wait_life(ROUTER_READY);
	router_announce(t.router, &vips[0]);
	assert_false(router_is_busy(t.router));
	router_withdraw(t.router, &vips[2].prefix);
	assert_false(router_is_busy(t.router));
}

TEST(router, a_line_that_says_more_is_written_again)
{
	say_config("  network 198.18.0.1/32 label-index 5 route-map SHOAL-VIP-PLAIN\n", plain_maps);
	wait_life(ROUTER_READY);
	assert_false(router_route_find(t.router, &vips[0].prefix)->attributes_match);
	router_announce(t.router, &vips[0]);
	assert_true(router_is_busy(t.router));
}

TEST(router, withdrawals_leave_first)
{
	size_t i = 0;

	say_config("  network 198.18.0.9/32\n", plain_maps);
	ranges[1] = make_prefix("2001:db8:1::/48");
	wait_life(ROUTER_READY);
	router_announce(t.router, &vips[0]);
	router_withdraw(t.router, &(struct prefix){ make_prefix("198.18.0.9/32").addr, 32 });
	wait_for(is_quiet, NULL);
	while (fake_bgpd_command(t.fake, i) && !strstr(fake_bgpd_command(t.fake, i), "network"))
		i++;
	assert_string_equal(fake_bgpd_command(t.fake, i), "no network 198.18.0.9/32");
	assert_string_equal(fake_bgpd_command(t.fake, i + 1),
			    "network 198.18.0.1/32 route-map SHOAL-VIP-PLAIN");
}

TEST(router, a_withdrawal_of_what_is_gone_is_done)
{
	say_config("  network 198.18.0.9/32\n", "");
	fake_bgpd_say(t.fake, "no network 198.18.0.9/32", 13,
		      "% Can't find static route specified\n");
	wait_life(ROUTER_READY);
	router_withdraw(t.router, &(struct prefix){ make_prefix("198.18.0.9/32").addr, 32 });
	wait_for(is_quiet, NULL);
	assert_int_equal(router_stats(t.router)->failures, 0);
}

TEST(router, a_saved_line_without_its_map_is_not_mended_unasked)
{
	say_config("  network 198.18.0.1/32 route-map SHOAL-VIP-PLAIN\n", "");
	wait_life(ROUTER_READY);
	router_read_back(t.router);
	pass(300 * USEC_PER_MSEC);
	assert_int_equal(fake_bgpd_asked(t.fake, "configure"), 0);
	assert_false(router_route_find(t.router, &vips[0].prefix)->attributes_match);
}

static bool has_made_the_twin(void *arg)
{
	(void)arg;
	return fake_bgpd_asked(t.fake, "route-map SHOAL-VIP-PLAIN-DRAIN permit 10") > 0;
}

/* As when drain.add changed: the line stands as it shall, its twin does not. */
TEST(router, makes_the_twin_of_a_line_that_is_right)
{
	static const char other_twin[] = "route-map SHOAL-VIP-PLAIN permit 10\nexit\n!\n"
					 "route-map SHOAL-VIP-PLAIN-DRAIN permit 10\n"
					 " set metric 4294967295\n"
					 " set community graceful-shutdown\nexit\n";

	say_config("  network 198.18.0.1/32 route-map SHOAL-VIP-PLAIN\n", other_twin);
	wait_life(ROUTER_READY);
	assert_false(router_route_find(t.router, &vips[0].prefix)->attributes_match);
	assert_int_equal(fake_bgpd_asked(t.fake, "configure"), 0); /* not unasked */
	router_announce(t.router, &vips[0]);
	wait_for(has_made_the_twin, NULL);
	say_config("  network 198.18.0.1/32 route-map SHOAL-VIP-PLAIN\n", plain_maps);
	wait_for(has_matching_line, NULL);
	assert_int_equal(fake_bgpd_asked(t.fake, "network"), 0);
}

TEST(router, removes_maps_that_nothing_needs_once)
{
	static const char maps[] = "route-map SHOAL-OUT permit 10\nexit\n"
				   "route-map SHOAL-VIP-00000000000000aa permit 10\nexit\n"
				   "route-map SHOAL-VIP-00000000000000bb permit 10\nexit\n";

	say_config("  network 198.18.0.1/32 route-map SHOAL-VIP-00000000000000bb\n", maps);
	wait_life(ROUTER_READY);
	wait_for(is_quiet, NULL);
	pass(600 * USEC_PER_MSEC);
	assert_int_equal(fake_bgpd_asked(t.fake, "no route-map SHOAL-VIP-00000000000000aa"), 1);
	assert_int_equal(fake_bgpd_asked(t.fake, "no route-map"), 1);
}

TEST(router, a_forbidden_repair_does_not_spin)
{
	size_t asked;

	t.is_allowed = false;
	say_config("", "route-map SHOAL-VIP-00000000000000aa permit 10\nexit\n");
	wait_life(ROUTER_READY);
	pass(USEC_PER_SEC);
	asked = fake_bgpd_asked(t.fake, "show running-config");
	assert_true(asked >= 2 && asked <= 12);
	assert_int_equal(fake_bgpd_asked(t.fake, "no route-map"), 0);
}

TEST(router, reload_reads_anew_with_the_new_ranges)
{
	static struct config other;
	struct prefix narrow = make_prefix("198.18.0.0/24");

	say_config("  network 198.18.0.1/32\n  network 198.18.9.9/32\n", "");
	fake_bgpd_say(t.fake, "show bgp ipv4 unicast 198.18.0.0/24 longer-prefixes json", 0,
		      "{\"routes\":{}}");
	wait_life(ROUTER_READY);
	assert_int_equal(router_n_routes(t.router), 2);
	router_announce(t.router, &vips[0]); /* what is under way is dropped */
	other = config;
	other.routing.vip_ranges = &narrow;
	other.routing.n_vip_ranges = 1;
	assert_int_equal(router_reload(t.router, &other, NULL), 0);
	assert_false(router_is_read(t.router, NULL));
	assert_int_equal(router_life(t.router), ROUTER_READY);
	wait_for(is_read, NULL);
	assert_int_equal(router_n_routes(t.router), 1);
	assert_int_equal(fake_bgpd_asked(t.fake, "network"), 0);
	assert_int_equal(router_stats(t.router)->reconnects, 0);
}

#define S(subject, behaviour) cmocka_unit_test_setup_teardown(subject##_##behaviour, start, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		S(router, announces_drains_and_withdraws_as_recorded),
		S(router, does_the_same_with_the_forms_of_frr_9),
		S(router, does_the_same_with_the_forms_of_frr_10),
		S(router, refuses_a_version_newer_than_it_knows),
		S(router, refuses_a_version_it_cannot_read),
		S(router, whatever_answer_is_bad_nothing_is_written_and_all_is_tried_again),
		S(router, a_renamed_field_of_any_proof_is_one_sentence_and_no_announcement),
		S(router, a_neighbour_it_does_not_understand_costs_nothing),
		S(router, an_as_that_changes_under_it_is_left_alone),
		S(router, a_bgpd_that_cannot_be_read_is_none_that_is_gone),
		S(router, makes_the_twin_of_a_line_that_is_right),
		S(router, sees_bfd_change_between_two_read_backs),
		S(router, remembers_what_bgpd_answered_to_a_line),
		S(router, tells_import_check_and_what_a_peer_lets_out),
		S(router, mends_maps_that_were_deleted_or_edited),
		S(router, shows_leftovers_and_withdraws_only_inside_its_ranges),
		S(router, waits_for_an_instance_and_never_makes_one),
		S(router, leaves_another_as_alone),
		S(router, stops_when_the_instance_goes_between_reading_and_writing),
		S(router, enters_the_default_instance_beside_those_of_vrfs),
		S(router, refuses_an_old_version_in_words),
		S(router, names_a_field_it_does_not_find),
		S(router, a_hung_bgpd_is_stuck_until_it_answers),
		S(router, a_restarted_bgpd_is_read_anew_at_once),
		S(router, the_end_in_the_middle_of_a_batch_drops_it),
		S(router, an_error_on_one_line_does_not_stop_the_others),
		S(router, gives_up_on_maps_that_do_not_stay),
		S(router, writes_nothing_when_it_may_not),
		S(router, the_newest_wish_for_a_prefix_counts),
		S(router, what_is_in_force_is_not_written_again),
		S(router, a_line_that_says_more_is_written_again),
		S(router, withdrawals_leave_first),
		S(router, a_withdrawal_of_what_is_gone_is_done),
		S(router, a_saved_line_without_its_map_is_not_mended_unasked),
		S(router, removes_maps_that_nothing_needs_once),
		S(router, a_forbidden_repair_does_not_spin),
		S(router, reload_reads_anew_with_the_new_ranges),
	};

	log_init("test_router", LOG_LEVEL_ERR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
