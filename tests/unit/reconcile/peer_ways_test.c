/* SPDX-License-Identifier: Apache-2.0 */
/* Which peers are reached over which uplinks, and when the node is cut off from all of them. */
#include "src/reconcile/peer_ways.h"

#include <string.h>

#include "tests/lib/test.h"

#define N_PEERS 2

static const char *uplinks[] = { "eth0", "eth1" };
static struct config_peer peers[N_PEERS];
static struct config config = { .node = { .uplinks = uplinks, .n_uplinks = 2 },
				.routing = { .peers = peers, .n_peers = N_PEERS } };

/* What the kernel and bgpd say. */
static struct world {
	bool is_established[N_PEERS];
	struct {
		bool is_there, is_on_link;
		uint32_t uplink;
	} routes[N_PEERS];
	bool has_carrier[2];
	bool has_next_hop[2][N_PEERS];
} world;

static struct peer_ways ways;

static size_t peer_of(const struct addr *dst)
{
	for (size_t i = 0; i < N_PEERS; i++)
		if (addr_eq(&peers[i].addr, dst))
			return i;
	fail_msg("%s is no peer", ADDR_STR(dst));
	return 0;
}

static bool is_established(void *arg, size_t peer)
{
	(void)arg;
	return world.is_established[peer];
}

static bool route(void *arg, const struct addr *dst, uint32_t *ret_uplink, bool *ret_is_on_link)
{
	size_t peer = peer_of(dst);

	(void)arg;
	*ret_uplink = world.routes[peer].uplink;
	*ret_is_on_link = world.routes[peer].is_on_link;
	return world.routes[peer].is_there;
}

static bool has_way(void *arg, uint32_t uplink, const struct addr *dst)
{
	(void)arg;
	return world.has_carrier[uplink] && (!dst || world.has_next_hop[uplink][peer_of(dst)]);
}

static bool is_cut_off(void)
{
	static const struct peer_ways_facts facts = { is_established, route, has_way, NULL };

	return peer_ways_are_cut_off(&ways, &config, &facts);
}

/* tor1 is on the link of eth0, tor2 on that of eth1; all is well. */
static void start(void)
{
	memset(&ways, 0, sizeof(ways));
	memset(&world, 0, sizeof(world));
	peers[0] = (struct config_peer){ .name = "tor1" };
	peers[1] = (struct config_peer){ .name = "tor2" };
	assert_int_equal(addr_parse("10.0.1.1", &peers[0].addr), 0);
	assert_int_equal(addr_parse("10.0.2.1", &peers[1].addr), 0);
	for (size_t i = 0; i < N_PEERS; i++) {
		world.is_established[i] = world.has_carrier[i] = true;
		world.routes[i].is_there = world.routes[i].is_on_link = true;
		world.routes[i].uplink = (uint32_t)i;
		world.has_next_hop[i][i] = true;
	}
	assert_false(is_cut_off());
}

TEST(peer_ways, one_peer_that_is_reached_is_enough)
{
	start();
	world.has_carrier[0] = false;
	assert_false(is_cut_off());
	world.has_next_hop[1][1] = false;
	assert_true(is_cut_off());
	world.has_carrier[0] = true;
	assert_false(is_cut_off());
}

/* The other uplink is fine, and leads to no peer. */
TEST(peer_ways, an_uplink_without_established_peers_does_not_count)
{
	start();
	world.is_established[1] = false;
	assert_false(is_cut_off());
	world.has_carrier[0] = false;
	assert_true(is_cut_off());
	world.is_established[1] = true;
	assert_false(is_cut_off());
}

TEST(peer_ways, losing_sessions_alone_cuts_nothing_off)
{
	start();
	world.is_established[0] = world.is_established[1] = false;
	assert_false(is_cut_off());
	world.has_carrier[0] = world.has_carrier[1] = false;
	assert_true(is_cut_off()); /* they were the last */
	world.has_carrier[1] = true;
	assert_false(is_cut_off());
}

TEST(peer_ways, nothing_is_judged_before_a_peer_was_established)
{
	start();
	memset(&ways, 0, sizeof(ways));
	world.is_established[0] = world.is_established[1] = false;
	world.has_carrier[0] = world.has_carrier[1] = false;
	assert_false(is_cut_off());
}

/* The address goes with the link, and a default route over the other uplink is left. */
TEST(peer_ways, a_peer_on_the_link_stays_with_it)
{
	start();
	world.is_established[1] = false;
	assert_false(is_cut_off());
	world.has_carrier[0] = false;
	world.routes[0].uplink = 1;
	world.routes[0].is_on_link = false;
	world.has_next_hop[1][0] = true;
	assert_true(is_cut_off());
	world.routes[0].is_there = false;
	assert_true(is_cut_off());
}

TEST(peer_ways, a_peer_behind_gateways_is_reached_over_any)
{
	start();
	memset(&ways, 0, sizeof(ways));
	world.is_established[1] = false;
	world.routes[0].is_on_link = false;
	world.has_next_hop[1][0] = true;
	assert_false(is_cut_off());
	world.has_carrier[0] = false;
	assert_false(is_cut_off());
	world.has_next_hop[1][0] = false;
	assert_true(is_cut_off());
}

TEST(peer_ways, an_unnumbered_peer_is_its_interface)
{
	start();
	world.is_established[1] = false;
	peers[0] = (struct config_peer){ .name = "tor1", .interface = "eth1" };
	assert_false(is_cut_off());
	world.has_carrier[1] = false;
	assert_true(is_cut_off());
	peers[0].interface = "eth7"; /* no uplink of ours: not judged */
	assert_false(is_cut_off());
}

TEST(peer_ways, a_peer_over_another_interface_is_not_judged)
{
	start();
	memset(&ways, 0, sizeof(ways));
	world.routes[0].is_there = world.routes[1].is_there = false;
	world.has_carrier[0] = world.has_carrier[1] = false;
	assert_false(is_cut_off());
}

TEST(peer_ways, are_kept_when_the_config_puts_them_in_another_order)
{
	struct config_peer former;

	start();
	world.is_established[0] = world.is_established[1] = false;
	world.routes[0].is_there = world.routes[1].is_there = false;
	world.has_carrier[0] = world.has_carrier[1] = false;
	former = peers[0];
	peers[0] = peers[1];
	peers[1] = former;
	assert_true(is_cut_off());
}

RUN_TESTS(T(peer_ways, one_peer_that_is_reached_is_enough),
	  T(peer_ways, an_uplink_without_established_peers_does_not_count),
	  T(peer_ways, losing_sessions_alone_cuts_nothing_off),
	  T(peer_ways, nothing_is_judged_before_a_peer_was_established),
	  T(peer_ways, a_peer_on_the_link_stays_with_it),
	  T(peer_ways, a_peer_behind_gateways_is_reached_over_any),
	  T(peer_ways, an_unnumbered_peer_is_its_interface),
	  T(peer_ways, a_peer_over_another_interface_is_not_judged),
	  T(peer_ways, are_kept_when_the_config_puts_them_in_another_order))
