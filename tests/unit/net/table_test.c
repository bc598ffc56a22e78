/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table_test.c - the table against a small kernel of our own: two interfaces, one route for
 * everything over each, and neighbour entries that the tests set.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include "src/net/table.h"
#include "tests/lib/test.h"

#define SECOND    USEC_PER_SEC
#define NEIGH_MAX 4

/* What the fake kernel holds, and what was told. */
static struct {
	struct table *table;
	usec_t now;
	struct addr gateway[2]; /* of the route over uplink 0 and 1 */
	int route_error;
	uint8_t host_type;
	struct wire_neigh neighs[NEIGH_MAX];
	size_t n_neighs;
	unsigned n_route_questions, n_neigh_questions, n_creates, n_manages, n_releases;
	unsigned n_uplinks_told, n_hops_told;
	struct net_next_hop last;
	char last_why[96];
} k;

static struct addr ip(const char *text)
{
	struct addr addr;

	assert_int_equal(addr_parse(text, &addr), 0);
	return addr;
}

static struct wire_neigh *neigh_find(const struct addr *addr, uint32_t ifindex)
{
	for (size_t i = 0; i < k.n_neighs; i++)
		if (k.neighs[i].ifindex == ifindex && addr_eq(&k.neighs[i].addr, addr))
			return &k.neighs[i];
	return NULL;
}

static struct wire_neigh *neigh_get(const char *text)
{
	struct addr addr = ip(text);
	struct wire_neigh *neigh = neigh_find(&addr, 10);

	if (!neigh)
		abort();
	return neigh;
}

static void neigh_set(const char *text, uint16_t state, uint8_t mac_last)
{
	struct addr addr = ip(text);
	struct wire_neigh *neigh = neigh_find(&addr, 10);

	if (!neigh) {
		assert_true(k.n_neighs < NEIGH_MAX);
		neigh = &k.neighs[k.n_neighs++];
		*neigh = (struct wire_neigh){ .ifindex = 10, .addr = addr };
	}
	neigh->state = state;
	neigh->has_mac = mac_last != 0;
	neigh->mac[5] = mac_last;
}

static void neigh_tell(const char *text)
{
	table_neigh(k.table, neigh_get(text), k.now);
}

static void answer_route(struct lookup *lookup, const struct lookup_query *query)
{
	struct wire_route route = { .type = RTN_UNICAST, .table = RT_TABLE_MAIN };

	k.n_route_questions++;
	if (k.route_error) {
		table_answer_route(k.table, lookup, NULL, k.route_error);
		return;
	}
	route.ifindex = query->ifindex ? query->ifindex : 10;
	route.has_gateway = true;
	route.gateway = k.gateway[route.ifindex - 10];
	if (query->kind == LOOKUP_HOST && k.host_type)
		route.type = k.host_type;
	table_answer_route(k.table, lookup, &route, 0);
}

static void answer_create(struct lookup *lookup, const struct lookup_query *query)
{
	k.n_creates++;
	if (neigh_find(&query->addr, query->ifindex)) {
		table_answer_neigh(k.table, lookup, NULL, -EEXIST, k.now);
		return;
	}
	assert_true(k.n_neighs < NEIGH_MAX);
	k.neighs[k.n_neighs++] = (struct wire_neigh){
		.ifindex = query->ifindex,
		.addr = query->addr,
		.state = NUD_INCOMPLETE,
		.is_managed = true,
		.protocol = WIRE_NEIGH_PROTOCOL,
	};
	table_answer_neigh(k.table, lookup, NULL, 0, k.now);
}

static void answer_touch(struct lookup *lookup, const struct lookup_query *query)
{
	struct wire_neigh *neigh = neigh_find(&query->addr, query->ifindex);

	if (neigh) {
		assert_false(neigh->state & NUD_PERMANENT); /* it would be spoiled */
		neigh->is_managed = query->kind == LOOKUP_MANAGE;
		neigh->protocol = WIRE_NEIGH_PROTOCOL;
	}
	if (query->kind == LOOKUP_MANAGE)
		k.n_manages++;
	else
		k.n_releases++;
	table_answer_neigh(k.table, lookup, NULL, neigh ? 0 : -ENOENT, k.now);
}

static void answer(struct lookup *lookup, const struct lookup_query *query)
{
	struct wire_neigh *neigh;

	switch (query->kind) {
	case LOOKUP_HOST:
	case LOOKUP_WAY:
		answer_route(lookup, query);
		break;
	case LOOKUP_NEIGH:
		k.n_neigh_questions++;
		neigh = neigh_find(&query->addr, query->ifindex);
		table_answer_neigh(k.table, lookup, neigh, neigh ? 0 : -ENOENT, k.now);
		break;
	case LOOKUP_CREATE:
		answer_create(lookup, query);
		break;
	case LOOKUP_MANAGE:
	case LOOKUP_RELEASE:
		answer_touch(lookup, query);
		break;
	}
}

static void on_uplink(const struct net_uplink *uplink, void *arg)
{
	(void)uplink;
	(void)arg;
	k.n_uplinks_told++;
}

static void on_next_hop(const struct net_next_hop *hop, void *arg)
{
	(void)arg;
	k.n_hops_told++;
	k.last = *hop;
	snprintf(k.last_why, sizeof(k.last_why), "%s", hop->why ? hop->why : "");
}

/* Ask and answer until nothing is left, in batches as net.c does, then tell. */
static void settle(void)
{
	static const struct net_callbacks callbacks = { on_uplink, on_next_hop, NULL };
	struct lookup *lookups[8];
	struct lookup_query queries[8];
	size_t n;

	for (int rounds = 0;; rounds++) {
		assert_true(rounds < 1000);
		for (n = 0; n < 8 && (lookups[n] = table_take_lookup(k.table, &queries[n])); n++)
			;
		if (n == 0)
			break;
		for (size_t i = 0; i < n; i++)
			answer(lookups[i], &queries[i]);
	}
	table_flush(k.table, &callbacks, k.now);
}

static void link_set(const char *name, uint32_t ifindex, bool has_carrier)
{
	struct wire_link link = { .ifindex = ifindex, .has_carrier = has_carrier };

	snprintf(link.name, sizeof(link.name), "%s", name);
	table_link(k.table, &link);
}

/* One uplink, up, and a resolved gateway 10.0.0.1 at MAC ..:01. */
static void start(void)
{
	table_free(k.table);
	memset(&k, 0, sizeof(k));
	k.table = table_new();
	k.now = 100 * SECOND;
	k.gateway[0] = ip("10.0.0.1");
	k.gateway[1] = ip("10.0.1.1");
	neigh_set("10.0.0.1", NUD_REACHABLE, 1);
	assert_int_equal(table_add_uplink(k.table, 0, "up0"), 0);
	link_set("up0", 10, true);
}

static void watch(const char *text)
{
	const struct addr addr = ip(text);

	assert_int_equal(table_add_real(k.table, &addr), 0);
}

static void unwatch(const char *text)
{
	const struct addr addr = ip(text);

	table_del_real(k.table, &addr);
}

TEST(table, asks_for_one_neighbour_for_many_reals)
{
	char text[ADDR_TEXT_MAX];

	start();
	for (int i = 0; i < 500; i++) {
		snprintf(text, sizeof(text), "10.1.%d.%d", i / 250, i % 250 + 1);
		watch(text);
	}
	settle();
	assert_int_equal(k.n_hops_told, 500);
	assert_int_equal(k.n_route_questions, 1000); /* any interface, and the uplink */
	assert_int_equal(k.n_neigh_questions, 1);
	assert_int_equal(k.n_manages, 1);
	assert_true(k.last.usable);
	assert_int_equal(k.last.mac[5], 1);
}

TEST(table, tells_a_change_once_and_nothing_without_one)
{
	start();
	watch("10.1.0.1");
	settle();
	assert_int_equal(k.n_uplinks_told, 1);
	assert_int_equal(k.n_hops_told, 1);
	table_stale_routes(k.table);
	table_stale_neighbours(k.table);
	settle();
	assert_int_equal(k.n_hops_told, 1);
	neigh_set("10.0.0.1", NUD_REACHABLE, 2);
	neigh_tell("10.0.0.1");
	settle();
	assert_int_equal(k.n_hops_told, 2);
	assert_int_equal(k.last.mac[5], 2);
	assert_int_equal(k.n_uplinks_told, 1);
}

TEST(table, waits_for_knowledge_before_it_tells)
{
	static const struct net_callbacks callbacks = { on_uplink, on_next_hop, NULL };

	start();
	watch("10.1.0.1");
	table_flush(k.table, &callbacks, k.now);
	assert_int_equal(k.n_hops_told, 0);
	settle();
	assert_int_equal(k.n_hops_told, 1);
}

TEST(table, never_touches_a_permanent_entry)
{
	start();
	neigh_set("10.0.0.1", NUD_PERMANENT, 1);
	watch("10.1.0.1");
	for (int i = 0; i < 60; i++) {
		settle();
		k.now += SECOND;
		table_tick(k.table, k.now);
	}
	unwatch("10.1.0.1");
	settle();
	assert_int_equal(k.n_creates + k.n_manages + k.n_releases, 0);
	assert_true(k.last.usable);
}

TEST(table, keeps_touching_where_the_kernel_has_no_managed_entries)
{
	start();
	watch("10.1.0.1");
	for (int i = 0; i < 60; i++) {
		settle();
		neigh_get("10.0.0.1")->is_managed = false;
		neigh_tell("10.0.0.1");
		k.now += SECOND;
		table_tick(k.table, k.now);
	}
	assert_in_range(k.n_manages, 5, 7);
	assert_int_equal(k.n_hops_told, 1);
}

TEST(table, releases_a_gateway_that_nobody_needs)
{
	start();
	watch("10.1.0.1");
	watch("10.1.0.2");
	settle();
	neigh_tell("10.0.0.1");
	unwatch("10.1.0.1");
	settle();
	assert_int_equal(k.n_releases, 0);
	unwatch("10.1.0.2");
	settle();
	assert_int_equal(k.n_releases, 1);
}

TEST(table, leaves_another_owners_managed_entry_managed)
{
	start();
	neigh_get("10.0.0.1")->is_managed = true;
	watch("10.1.0.1");
	settle();
	unwatch("10.1.0.1");
	settle();
	assert_int_equal(k.n_manages + k.n_releases, 0);
	assert_true(neigh_get("10.0.0.1")->is_managed);
}

TEST(table, survives_a_route_that_leaves_a_gateway_asked_for_in_the_same_batch)
{
	start();
	watch("10.1.0.1");
	settle();
	for (int i = 0; i < 10; i++) {
		k.gateway[0] = ip(i % 2 ? "10.0.0.1" : "10.0.0.2");
		table_stale_neighbours(k.table);
		table_stale_routes(k.table);
		table_stale_neighbours(k.table);
		settle();
		neigh_set("10.0.0.2", NUD_REACHABLE, 9);
		neigh_tell("10.0.0.2");
		settle();
	}
	assert_true(k.last.usable);
	assert_int_equal(k.last.mac[5], 1);
}

TEST(table, keeps_the_old_next_hop_while_the_new_gateway_is_resolved)
{
	start();
	watch("10.1.0.1");
	settle();
	k.gateway[0] = ip("10.0.0.2");
	table_stale_routes(k.table);
	settle();
	assert_int_equal(k.n_hops_told, 1);
	neigh_set("10.0.0.2", NUD_REACHABLE, 9);
	neigh_tell("10.0.0.2");
	settle();
	assert_int_equal(k.n_hops_told, 2);
	assert_true(k.last.usable);
	assert_int_equal(k.last.mac[5], 9);
}

TEST(table, gives_up_the_old_next_hop_after_the_grace)
{
	start();
	watch("10.1.0.1");
	settle();
	k.gateway[0] = ip("10.0.0.2");
	table_stale_routes(k.table);
	settle();
	k.now += SECOND;
	table_tick(k.table, k.now);
	settle();
	assert_int_equal(k.n_hops_told, 2);
	assert_false(k.last.usable);
	assert_string_equal(k.last_why, "gateway 10.0.0.2 unresolved");
}

TEST(table, gives_up_a_failed_gateway_at_once)
{
	start();
	watch("10.1.0.1");
	settle();
	neigh_set("10.0.0.1", NUD_FAILED, 0);
	neigh_tell("10.0.0.1");
	settle();
	assert_false(k.last.usable);
	assert_string_equal(k.last_why, "gateway 10.0.0.1 unresolved");
}

TEST(table, makes_a_flushed_entry_again)
{
	struct wire_neigh gone;

	start();
	watch("10.1.0.1");
	settle();
	gone = *neigh_get("10.0.0.1");
	gone.is_gone = true;
	k.n_neighs = 0;
	k.now += SECOND;
	table_neigh(k.table, &gone, k.now);
	settle();
	assert_int_equal(k.n_creates, 1);
	assert_int_equal(k.n_hops_told, 1); /* within the grace */
}

TEST(table, names_what_is_wrong_with_a_route)
{
	static const struct {
		int error;
		const char *why;
	} rows[] = {
		{ -ENETUNREACH, "no route" },
		{ -EINVAL, "route is a blackhole" },
		{ -EHOSTUNREACH, "route says unreachable" },
		{ -EACCES, "route prohibits it" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		start();
		k.route_error = rows[i].error;
		watch("10.1.0.1");
		settle();
		assert_false(k.last.usable);
		assert_string_equal(k.last_why, rows[i].why);
	}
	start();
	k.host_type = RTN_LOCAL;
	watch("10.1.0.1");
	settle();
	assert_string_equal(k.last_why, "an address of this host");
}

TEST(table, does_not_take_an_assumed_link_for_a_route)
{
	struct wire_route assumed = { .type = RTN_UNICAST, .ifindex = 10 };
	struct lookup_query query;
	struct lookup *lookup;

	start();
	watch("10.1.0.1");
	while ((lookup = table_take_lookup(k.table, &query)))
		table_answer_route(k.table, lookup, query.kind == LOOKUP_WAY ? &assumed : NULL,
				   query.kind == LOOKUP_WAY ? 0 : -ENETUNREACH);
	settle();
	assert_string_equal(k.last_why, "no route");
}

TEST(table, tells_absent_and_downed_uplinks_without_asking)
{
	start();
	link_set("up0", 10, false);
	watch("10.1.0.1");
	settle();
	assert_string_equal(k.last_why, "uplink is down");
	table_no_link(k.table, 0);
	settle();
	assert_string_equal(k.last_why, "uplink is absent");
	link_set("up0", 10, true);
	settle();
	assert_true(k.last.usable);
}

TEST(table, follows_a_name_to_another_interface)
{
	start();
	watch("10.1.0.1");
	settle();
	link_set("up0", 11, true); /* its route leads to 10.0.1.1, which nobody has resolved */
	settle();
	assert_int_equal(table_uplink(k.table, 0)->ifindex, 11);
	assert_false(k.last.usable);
	assert_string_equal(k.last_why, "gateway 10.0.1.1 unresolved");
}

TEST(table, loses_an_uplink_that_is_renamed)
{
	start();
	watch("10.1.0.1");
	settle();
	link_set("other", 10, true);
	settle();
	assert_false(table_uplink(k.table, 0)->present);
	assert_string_equal(k.last_why, "uplink is absent");
}

TEST(table, keeps_an_address_while_it_exists)
{
	const struct wire_addr first = { 10, ip("10.0.0.5"), true };
	const struct wire_addr both[] = { { 10, ip("10.0.0.4"), true }, first };
	const struct addr four = ip("10.0.0.4"), five = ip("10.0.0.5");

	start();
	table_addrs(k.table, &first, 1);
	assert_true(addr_eq(&table_uplink(k.table, 0)->addr4, &five));
	table_addrs(k.table, both, 2);
	assert_true(addr_eq(&table_uplink(k.table, 0)->addr4, &five));
	table_addrs(k.table, both, 1);
	assert_true(addr_eq(&table_uplink(k.table, 0)->addr4, &four));
	table_addrs(k.table, NULL, 0);
	assert_false(table_uplink(k.table, 0)->has_addr4);
}

TEST(table, asks_again_what_was_not_answered)
{
	struct lookup_query query;
	struct lookup *lookup;

	start();
	watch("10.1.0.1");
	lookup = table_take_lookup(k.table, &query);
	assert_non_null(lookup);
	table_requeue(k.table, lookup);
	settle();
	assert_true(k.last.usable);
}

static void unwatch_when_told(const struct net_next_hop *hop, void *arg)
{
	(void)arg;
	table_del_real(k.table, &hop->real);
}

TEST(table, lets_a_callback_unwatch_its_real)
{
	const struct net_callbacks callbacks = { on_uplink, unwatch_when_told, NULL };

	start();
	watch("10.1.0.1");
	watch("10.1.0.2");
	link_set("up0", 10, false);
	table_flush(k.table, &callbacks, k.now);
	settle();
	assert_int_equal(k.n_hops_told, 0);
	table_free(k.table);
	k.table = NULL;
}

TEST(table, refuses_a_ninth_uplink_and_a_second_name)
{
	start();
	assert_int_equal(table_add_uplink(k.table, TABLE_UPLINKS_MAX, "up8"), -ENOSPC);
	assert_int_equal(table_add_uplink(k.table, 0, "up0"), 0);
	assert_int_equal(table_add_uplink(k.table, 0, "up1"), -EEXIST);
	table_free(k.table);
	k.table = NULL;
}

RUN_TESTS(T(table, asks_for_one_neighbour_for_many_reals),
	  T(table, tells_a_change_once_and_nothing_without_one),
	  T(table, waits_for_knowledge_before_it_tells), T(table, never_touches_a_permanent_entry),
	  T(table, keeps_touching_where_the_kernel_has_no_managed_entries),
	  T(table, releases_a_gateway_that_nobody_needs),
	  T(table, leaves_another_owners_managed_entry_managed),
	  T(table, survives_a_route_that_leaves_a_gateway_asked_for_in_the_same_batch),
	  T(table, keeps_the_old_next_hop_while_the_new_gateway_is_resolved),
	  T(table, gives_up_the_old_next_hop_after_the_grace),
	  T(table, gives_up_a_failed_gateway_at_once), T(table, makes_a_flushed_entry_again),
	  T(table, names_what_is_wrong_with_a_route),
	  T(table, does_not_take_an_assumed_link_for_a_route),
	  T(table, tells_absent_and_downed_uplinks_without_asking),
	  T(table, follows_a_name_to_another_interface), T(table, loses_an_uplink_that_is_renamed),
	  T(table, keeps_an_address_while_it_exists), T(table, asks_again_what_was_not_answered),
	  T(table, lets_a_callback_unwatch_its_real),
	  T(table, refuses_a_ninth_uplink_and_a_second_name))
