/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The closed loop against a router made of plain tables: which stage lacks, for how long, when that
 * is an alarm and when it ends.
 */
#include "frr-integration/route_loop.h"

#include <string.h>

#include "src/base/log.h"
#include "tests/lib/test.h"

#define S          USEC_PER_SEC
#define ROUTES_MAX 24

static struct {
	enum router_life life;
	bool is_read;
	usec_t read_at;
	struct router_peer peers[2];
	size_t n_peers;
	struct router_route routes[ROUTES_MAX];
	size_t n_routes;
	bool has_import_check;
	struct router_command command;
	const char *fault;
	struct loop_intent intents[ROUTES_MAX];
	size_t n_intents;
	struct loop *loop;
	usec_t now;
	bool wants_read;
} t;

/* ---- the router ---- */

enum router_life router_life(const struct router *router)
{
	(void)router;
	return t.life;
}

bool router_is_read(const struct router *router, usec_t *ret_at)
{
	(void)router;
	*ret_at = t.read_at;
	return t.is_read;
}

size_t router_n_peers(const struct router *router)
{
	(void)router;
	return t.n_peers;
}

const struct router_peer *router_peer(const struct router *router, size_t i)
{
	(void)router;
	return &t.peers[i];
}

const struct router_route *router_route_find(const struct router *router,
					     const struct prefix *prefix)
{
	(void)router;
	for (size_t i = 0; i < t.n_routes; i++)
		if (prefix_eq(&t.routes[i].prefix, prefix))
			return &t.routes[i];
	return NULL;
}

bool router_has_import_check(const struct router *router)
{
	(void)router;
	return t.has_import_check;
}

struct router_command router_command(const struct router *router, const struct prefix *prefix)
{
	(void)router;
	(void)prefix;
	return t.command;
}

const char *router_fault_sentence(const struct router *router)
{
	(void)router;
	return t.fault;
}

/* ---- the story ---- */

static struct prefix make_prefix(const char *text)
{
	struct prefix prefix;

	assert_int_equal(prefix_parse(text, &prefix), 0);
	return prefix;
}

static struct loop_intent intent_of(void *arg, size_t i)
{
	(void)arg;
	return t.intents[i];
}

/* One VIP, announced and held by both peers. */
static int start(void **state)
{
	(void)state;
	memset(&t, 0, sizeof(t));
	t.life = ROUTER_READY;
	t.is_read = true;
	t.now = 1000 * S;
	t.fault = "";
	t.command = (struct router_command){ ROUTER_ANNOUNCE, false, t.now, "" };
	t.n_peers = 2;
	for (size_t i = 0; i < 2; i++)
		t.peers[i] = (struct router_peer){ .name = i ? "tor2" : "tor1",
						   .key = i ? "10.0.2.1" : "10.0.1.1",
						   .is_found = true,
						   .is_established = true,
						   .since = 500 * S,
						   .out = { { .is_active = true },
							    { .is_active = true } } };
	t.n_intents = t.n_routes = 1;
	t.intents[0] = (struct loop_intent){ make_prefix("203.0.113.10/32"), ROUTER_ANNOUNCE };
	t.routes[0] = (struct router_route){ .prefix = t.intents[0].prefix,
					     .has_line = true,
					     .is_local = true,
					     .attributes_match = true,
					     .peers = 2,
					     .held_by = 3 };
	t.loop = loop_new();
	assert_non_null(t.loop);
	return 0;
}

static int end(void **state)
{
	(void)state;
	loop_free(t.loop);
	return 0;
}

/* The router reads back and the loop is followed, each second of so many. */
static void pass(unsigned seconds)
{
	for (unsigned i = 0; i <= seconds; i++) {
		t.read_at = t.now;
		t.wants_read = loop_update(t.loop, NULL, t.n_intents, intent_of, NULL, t.now);
		if (i < seconds)
			t.now += S;
	}
}

static const struct loop_route *route(void)
{
	const struct loop_route *found = loop_find(t.loop, &t.intents[0].prefix);

	assert_non_null(found);
	return found;
}

static void expect(const struct loop_lack *lack, enum loop_reason reason, bool is_alarm)
{
	assert_string_equal(loop_reason_str(lack->reason), loop_reason_str(reason));
	assert_int_equal(lack->is_alarm, is_alarm);
}

/* It lacks at once, is an alarm after the bound and not before. */
static void expect_alarm_in_time(const struct loop_lack *lack, enum loop_reason reason)
{
	pass(4);
	expect(lack, reason, false);
	pass(1);
	expect(lack, reason, true);
}

TEST(loop, tells_since_when_each_stage_is_so)
{
	pass(0);
	expect(&route()->lack, LOOP_AS_INTENDED, false);
	assert_int_equal(route()->intent_since, 1000 * S);
	t.now += 7 * S;
	t.routes[0].held_by = 1;
	pass(0);
	assert_int_equal(route()->line_since, 1000 * S);
	assert_int_equal(route()->local_since, 1000 * S);
	assert_true(route()->peers[0].is_held);
	assert_int_equal(route()->peers[0].since, 1000 * S);
	assert_false(route()->peers[1].is_held);
	assert_int_equal(route()->peers[1].since, 1007 * S);
}

TEST(loop, names_import_check_as_the_reason)
{
	t.routes[0].is_local = false;
	t.routes[0].held_by = 0;
	t.has_import_check = true;
	pass(0);
	expect_alarm_in_time(&route()->lack, LOOP_IMPORT_CHECK);
	expect(&route()->peers[0].lack, LOOP_AS_INTENDED, false);
	t.has_import_check = false;
	pass(0);
	expect(&route()->lack, LOOP_NOT_IN_TABLE, true);
	t.routes[0].is_local = true;
	t.routes[0].held_by = 3;
	pass(0);
	expect(&route()->lack, LOOP_AS_INTENDED, false);
}

TEST(loop, names_the_peer_whose_policy_drops_the_route)
{
	char text[LOOP_SENTENCE_MAX];

	t.routes[0].held_by = 1;
	strcpy(t.peers[1].out[0].filter, "TO-TOR2");
	pass(0);
	expect_alarm_in_time(&route()->peers[1].lack, LOOP_EXPORT_POLICY);
	expect(&route()->lack, LOOP_AS_INTENDED, false);
	expect(&route()->peers[0].lack, LOOP_AS_INTENDED, false);
	loop_sentence(NULL, route(), &t.peers[1], LOOP_EXPORT_POLICY, text);
	assert_string_equal(text, "the export policy 'TO-TOR2' of peer tor2 does not let it pass");
	t.routes[0].held_by = 3;
	pass(0);
	expect(&route()->peers[1].lack, LOOP_AS_INTENDED, false);
}

TEST(loop, tells_the_limits_of_a_session_apart)
{
	t.routes[0].held_by = 1;
	t.peers[1].out[0].max_out = 10;
	t.peers[1].prefixes_sent4 = 10;
	pass(0);
	expect_alarm_in_time(&route()->peers[1].lack, LOOP_MAX_OUT);
	t.peers[1].prefixes_sent4 = 9;
	pass(0);
	expect(&route()->peers[1].lack, LOOP_EXPORT_POLICY, true);
	t.peers[1].out[0].lacks_policy = true;
	pass(0);
	expect(&route()->peers[1].lack, LOOP_NO_POLICY, true);
}

/* A peer that is down has its own alarm, and one family per session is a choice. */
TEST(loop, a_peer_that_is_down_or_has_not_the_family_is_no_alarm_of_the_route)
{
	t.routes[0].held_by = 1;
	t.peers[1].is_established = false;
	pass(60);
	expect(&route()->peers[1].lack, LOOP_PEER_DOWN, false);
	t.peers[1].is_established = true;
	t.peers[1].out[0].is_active = false;
	pass(60);
	expect(&route()->peers[1].lack, LOOP_NO_FAMILY, false);
	expect(&route()->lack, LOOP_AS_INTENDED, false);
	t.peers[0].out[0].is_active = false;
	t.routes[0].held_by = 0;
	pass(0);
	expect_alarm_in_time(&route()->lack, LOOP_NO_FAMILY);
}

TEST(loop, a_session_that_came_up_late_gets_its_time)
{
	t.routes[0].held_by = 1;
	t.peers[1].is_established = false;
	pass(60);
	t.peers[1].is_established = true;
	t.peers[1].since = t.now;
	pass(4);
	expect(&route()->peers[1].lack, LOOP_EXPORT_POLICY, false);
	pass(1);
	expect(&route()->peers[1].lack, LOOP_EXPORT_POLICY, true);
}

TEST(loop, tells_where_a_line_stopped)
{
	char text[LOOP_SENTENCE_MAX];

	t.n_routes = 0;
	t.command.at = 0;
	t.fault = "route-map X does not stay";
	pass(0);
	expect_alarm_in_time(&route()->lack, LOOP_NOT_COMMANDED);
	loop_sentence(NULL, route(), NULL, LOOP_NOT_COMMANDED, text);
	assert_string_equal(text, "its line was not written: route-map X does not stay");
	t.command.at = t.now;
	t.command.refused = "% no";
	pass(0);
	expect(&route()->lack, LOOP_LINE_REFUSED, true);
	loop_sentence(NULL, route(), NULL, LOOP_LINE_REFUSED, text);
	assert_string_equal(text, "bgpd refused its line: % no");
	t.command.refused = "";
	pass(0);
	expect(&route()->lack, LOOP_LINE_CHANGED, true);
	t.n_routes = 1;
	t.routes[0].attributes_match = false;
	pass(0);
	expect(&route()->lack, LOOP_ROUTE_MAP, true);
}

TEST(loop, a_withdrawal_is_followed_to_each_peer)
{
	pass(0);
	t.intents[0].intent = ROUTER_WITHDRAW;
	pass(0);
	expect(&route()->lack, LOOP_NOT_COMMANDED, false);
	t.command.op = ROUTER_WITHDRAW;
	pass(0);
	expect(&route()->lack, LOOP_LINE_STAYS, false);
	t.routes[0].has_line = false;
	t.routes[0].is_local = false;
	t.routes[0].held_by = 2;
	pass(0);
	expect(&route()->peers[0].lack, LOOP_AS_INTENDED, false);
	expect_alarm_in_time(&route()->peers[1].lack, LOOP_STILL_SENT);
	t.routes[0].is_local = true;
	pass(0);
	expect(&route()->peers[1].lack, LOOP_AS_INTENDED, false);
	expect_alarm_in_time(&route()->lack, LOOP_OTHER_ORIGIN);
	t.n_routes = 0;
	pass(0);
	expect(&route()->lack, LOOP_AS_INTENDED, false);
}

TEST(loop, another_intent_gets_its_own_time)
{
	t.n_routes = 0;
	pass(60);
	expect(&route()->lack, LOOP_LINE_CHANGED, true);
	t.intents[0].intent = ROUTER_WITHDRAW;
	pass(0);
	expect(&route()->lack, LOOP_AS_INTENDED, false);
	t.intents[0].intent = ROUTER_ANNOUNCE;
	pass(4);
	expect(&route()->lack, LOOP_LINE_CHANGED, false);
}

/* An old answer proves no lack of now: the loop asks for a new one. */
TEST(loop, an_alarm_needs_a_read_back_begun_after_the_bound)
{
	t.routes[0].held_by = 0;
	pass(0);
	t.now += 60 * S;
	t.wants_read = loop_update(t.loop, NULL, 1, intent_of, NULL, t.now);
	assert_true(t.wants_read);
	expect(&route()->peers[0].lack, LOOP_EXPORT_POLICY, false);
	pass(0);
	assert_false(t.wants_read);
	expect(&route()->peers[0].lack, LOOP_EXPORT_POLICY, true);
}

TEST(loop, judges_nothing_while_bgpd_is_not_read)
{
	t.routes[0].held_by = 0;
	pass(60);
	expect(&route()->peers[0].lack, LOOP_EXPORT_POLICY, true);
	t.life = ROUTER_STUCK;
	t.is_read = false;
	pass(60);
	assert_false(loop_is_known(t.loop));
	expect(&route()->peers[0].lack, LOOP_AS_INTENDED, false);
	t.life = ROUTER_READY;
	t.is_read = true;
	pass(0);
	assert_true(loop_is_known(t.loop));
	expect_alarm_in_time(&route()->peers[0].lack, LOOP_EXPORT_POLICY);
}

TEST(loop, keeps_what_it_knows_over_other_vips_and_peers)
{
	struct prefix gone;

	pass(0);
	t.now += 100 * S;
	t.intents[1] = t.intents[0];
	t.intents[0] = (struct loop_intent){ make_prefix("203.0.113.9/32"), ROUTER_WITHDRAW };
	t.n_intents = 2;
	t.peers[0] = t.peers[1];
	t.n_peers = 1;
	t.routes[0].held_by = 1;
	pass(0);
	assert_int_equal(loop_n_peers(t.loop), 1);
	assert_int_equal(loop_find(t.loop, &t.intents[1].prefix)->peers[0].since, 1000 * S);
	assert_int_equal(loop_find(t.loop, &t.intents[1].prefix)->intent_since, 1000 * S);
	assert_int_equal(loop_find(t.loop, &t.intents[0].prefix)->intent_since, 1100 * S);
	/* As many, but one is another. */
	t.intents[0].prefix = make_prefix("203.0.113.8/32");
	pass(0);
	assert_non_null(loop_find(t.loop, &t.intents[0].prefix));
	gone = make_prefix("203.0.113.9/32");
	assert_null(loop_find(t.loop, &gone));
	t.n_intents = 0;
	pass(0);
	assert_null(loop_find(t.loop, &t.intents[1].prefix));
}

#define L(behaviour)                                                                               \
	{                                                                                          \
		"loop: " #behaviour, loop_##behaviour, start, end, NULL                            \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		L(tells_since_when_each_stage_is_so),
		L(names_import_check_as_the_reason),
		L(names_the_peer_whose_policy_drops_the_route),
		L(tells_the_limits_of_a_session_apart),
		L(a_peer_that_is_down_or_has_not_the_family_is_no_alarm_of_the_route),
		L(a_session_that_came_up_late_gets_its_time),
		L(tells_where_a_line_stopped),
		L(a_withdrawal_is_followed_to_each_peer),
		L(another_intent_gets_its_own_time),
		L(an_alarm_needs_a_read_back_begun_after_the_bound),
		L(judges_nothing_while_bgpd_is_not_read),
		L(keeps_what_it_knows_over_other_vips_and_peers),
	};

	log_init("test_route_loop", LOG_LEVEL_ERR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
