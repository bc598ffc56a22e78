/* SPDX-License-Identifier: Apache-2.0 */
/* order_test.c - an operator's word on a real: drained, disabled, enabled, forgiven. */
#include "tests/lib/config_builder.h"
#include "tests/lib/site.h"
#include "tests/lib/test.h"

#define S USEC_PER_SEC

static struct config_pool *begin(struct config_builder *b, size_t n)
{
	uint32_t pool;

	build_start(b);
	pool = build_pool(b, "web", n);
	build_service(b, build_vip(b, "203.0.113.10/32"), 80, pool);
	return &b->pools[pool];
}

static void serve(struct site *s, struct config_builder *b)
{
	site_start(s, build_finish(b));
	site_serve(s);
	site_pass(s, 10 * S);
	assert_int_equal(site_vip(s, 0)->state, VIP_ANNOUNCED);
}

static void start(struct site *s, struct config_builder *b, size_t n)
{
	begin(b, n);
	serve(s, b);
}

static const struct core_pool *web(const struct site *s)
{
	return core_pool(s->core, 0);
}

static void order(struct site *s, uint32_t real, enum real_order kind)
{
	site_order(s, 0, real, kind);
	site_run(s);
}

static void expect_life(const struct site *s, size_t real, enum real_life life,
			enum life_reason reason)
{
	assert_string_equal(real_life_str(web(s)->reals[real].life), real_life_str(life));
	assert_string_equal(life_reason_str(web(s)->reals[real].life_reason),
			    life_reason_str(reason));
}

static bool serves(const struct site *s, size_t real)
{
	return core_desired(s->core)->pools[0].takes_new_flows[real];
}

/* ---- what becomes of the real ---- */

TEST(order, a_drained_real_gets_no_new_flows_and_keeps_those_it_has)
{
	struct config_builder b;
	struct site s;

	start(&s, &b, 3);
	order(&s, 1, REAL_DRAINED);
	assert_false(serves(&s, 1));
	assert_true(serves(&s, 0) && serves(&s, 2));
	expect_life(&s, 1, REAL_LEAVING, LIFE_DRAINED);
	assert_int_equal(web(&s)->reals[1].state, REAL_UP); /* judged as ever */
	assert_int_equal(web(&s)->usable, 2);
	assert_int_equal(web(&s)->n_ordered, 1);
	assert_int_equal(site_vip(&s, 0)->state, VIP_ANNOUNCED);
	site_stop(&s);
}

TEST(order, a_disabled_real_counts_as_dead_although_its_check_passes)
{
	struct config_builder b;
	struct site s;

	start(&s, &b, 3);
	order(&s, 1, REAL_DISABLED);
	assert_false(serves(&s, 1));
	expect_life(&s, 1, REAL_DEAD, LIFE_DISABLED);
	order(&s, 1, REAL_DRAINED);
	expect_life(&s, 1, REAL_LEAVING, LIFE_DRAINED);
	site_stop(&s);
}

TEST(order, enable_gives_it_back_to_its_checks)
{
	struct config_builder b;
	struct site s;

	start(&s, &b, 3);
	order(&s, 1, REAL_DISABLED);
	order(&s, 2, REAL_DRAINED);
	site_verdict(&s, 0, 2, REAL_DOWN);
	order(&s, 1, REAL_ORDER_NONE);
	order(&s, 2, REAL_ORDER_NONE);
	assert_true(serves(&s, 1));
	expect_life(&s, 1, REAL_TAKES, LIFE_SERVING);
	assert_false(serves(&s, 2));
	assert_int_equal(web(&s)->n_ordered, 0);
	site_stop(&s);
}

TEST(order, the_flows_of_a_drained_real_whose_address_is_gone_move)
{
	struct config_builder b;
	struct site s;
	struct core_event gone = { .kind = CORE_EVENT_VERDICT,
				   .verdict = { .real = 1,
						.state = REAL_DOWN,
						.reason = PROBE_TIMEOUT,
						.sign = REAL_SIGN_GONE } };

	start(&s, &b, 3);
	order(&s, 1, REAL_DRAINED);
	site_step(&s, gone);
	expect_life(&s, 1, REAL_DEAD, LIFE_ADDRESS_GONE);
	gone.verdict.sign = REAL_SIGN_ANSWERS;
	site_step(&s, gone);
	expect_life(&s, 1, REAL_LEAVING, LIFE_DRAINED);
	site_stop(&s);
}

TEST(order, flows_of_a_disabled_real_stay_where_nobody_else_could_take_them)
{
	struct config_builder b;
	struct site s;

	start(&s, &b, 1);
	order(&s, 0, REAL_DISABLED);
	expect_life(&s, 0, REAL_LEAVING, LIFE_DISABLED_ALONE);
	site_stop(&s);
}

TEST(order, what_is_enabled_before_it_is_judged_is_leaving_and_no_longer_by_order)
{
	struct config_builder b;
	struct site s;

	begin(&b, 2);
	site_start(&s, build_finish(&b));
	site_facts_good(&s);
	site_verdict(&s, 0, 0, REAL_UP);
	order(&s, 1, REAL_DISABLED);
	expect_life(&s, 1, REAL_DEAD, LIFE_DISABLED);
	order(&s, 1, REAL_ORDER_NONE);
	expect_life(&s, 1, REAL_LEAVING, LIFE_NOT_JUDGED);
	site_stop(&s);
}

/* ---- quorum, floor, all down ---- */

TEST(order, a_drained_real_does_not_count_for_quorum)
{
	struct config_builder b;
	struct site s;

	begin(&b, 3);
	b.pools[0].quorum_return = 2;
	b.pools[0].quorum_stay = 2;
	serve(&s, &b);
	order(&s, 0, REAL_DRAINED);
	assert_true(web(&s)->has_quorum);
	order(&s, 1, REAL_DRAINED);
	assert_false(web(&s)->has_quorum);
	assert_int_equal(site_vip(&s, 0)->reason, VIP_REASON_NO_QUORUM);
	order(&s, 1, REAL_ORDER_NONE);
	assert_true(web(&s)->has_quorum);
	site_stop(&s);
}

TEST(order, nobody_waits_for_the_judgement_of_a_drained_real)
{
	struct config_builder b;
	struct site s;

	begin(&b, 2);
	b.pools[0].quorum_return = 2;
	site_start(&s, build_finish(&b));
	site_facts_good(&s);
	order(&s, 1, REAL_DRAINED);
	site_verdict(&s, 0, 0, REAL_UP);
	assert_true(web(&s)->is_judged);
	assert_false(web(&s)->has_quorum);
	site_stop(&s);
}

TEST(order, backups_serve_when_every_normal_real_is_drained)
{
	struct config_builder b;
	struct site s;

	begin(&b, 3);
	b.reals[0][2].is_backup = true;
	serve(&s, &b);
	order(&s, 0, REAL_DRAINED);
	order(&s, 1, REAL_DISABLED);
	assert_int_equal(web(&s)->usable, 0);
	assert_int_equal(web(&s)->usable_backups, 1);
	assert_true(web(&s)->has_quorum);
	assert_true(core_desired(s.core)->pools[0].ring[2].serves);
	site_stop(&s);
}

TEST(order, the_floor_keeps_no_drained_real_and_is_told_to_be_missed)
{
	struct config_builder b;
	struct site s;

	begin(&b, 4)->depool_floor_percent = 75;
	serve(&s, &b);
	order(&s, 0, REAL_DRAINED);
	assert_int_equal(web(&s)->floor_missed, 0);
	order(&s, 1, REAL_DRAINED);
	assert_int_equal(web(&s)->floor_missed, 3);
	assert_int_equal(web(&s)->override, POOL_OVERRIDE_NONE);
	assert_false(core_desired(s.core)->pools[0].ring[0].serves);
	/* It still holds back failures: of the two enabled ones none may go. */
	site_verdict(&s, 0, 2, REAL_DOWN);
	assert_int_equal(web(&s)->override, POOL_OVERRIDE_FLOOR);
	assert_true(web(&s)->reals[2].is_kept);
	assert_false(web(&s)->reals[0].is_kept || web(&s)->reals[1].is_kept);
	assert_int_equal(web(&s)->floor_missed, 3);
	order(&s, 1, REAL_ORDER_NONE);
	assert_int_equal(web(&s)->floor_missed, 0);
	site_stop(&s);
}

TEST(order, all_down_open_leaves_out_what_an_operator_took_out)
{
	struct config_builder b;
	struct site s;

	begin(&b, 3)->all_down = CONFIG_ALL_DOWN_OPEN;
	serve(&s, &b);
	order(&s, 0, REAL_DRAINED);
	site_verdict(&s, 0, 1, REAL_DOWN);
	site_verdict(&s, 0, 2, REAL_DOWN);
	assert_int_equal(web(&s)->override, POOL_OVERRIDE_OPEN);
	assert_false(serves(&s, 0));
	assert_true(serves(&s, 1) && serves(&s, 2));
	assert_int_equal(site_vip(&s, 0)->state, VIP_ANNOUNCED);
	site_stop(&s);
}

TEST(order, all_down_is_no_policy_for_reals_that_operators_took_out)
{
	struct config_builder b;
	struct site s;

	begin(&b, 2)->all_down = CONFIG_ALL_DOWN_OPEN;
	serve(&s, &b);
	order(&s, 0, REAL_DRAINED);
	order(&s, 1, REAL_DISABLED);
	assert_int_equal(web(&s)->override, POOL_OVERRIDE_NONE);
	assert_false(web(&s)->has_quorum);
	site_stop(&s);
}

/* ---- slow start, reload ---- */

static uint16_t withheld(const struct site *s, size_t real)
{
	return core_desired(s->core)->pools[0].ring[real].withheld;
}

TEST(order, a_real_that_is_enabled_starts_slowly)
{
	struct config_builder b;
	struct site s;

	begin(&b, 3)->slow_start_us = 32 * S;
	serve(&s, &b);
	order(&s, 1, REAL_DRAINED);
	site_pass(&s, 100 * S);
	order(&s, 1, REAL_ORDER_NONE);
	assert_true(withheld(&s, 1) > 0);
	site_pass(&s, 33 * S);
	assert_int_equal(withheld(&s, 1), 0);
	site_stop(&s);
}

static void forgive(struct site *s, uint32_t real)
{
	site_step(s,
		  (struct core_event){ .kind = CORE_EVENT_FORGIVE, .forgive = { .real = real } });
	site_run(s);
}

TEST(forgive, ends_a_slow_start)
{
	struct config_builder b;
	struct site s;

	begin(&b, 3)->slow_start_us = 32 * S;
	serve(&s, &b);
	site_verdict(&s, 0, 1, REAL_DOWN);
	site_verdict(&s, 0, 1, REAL_UP);
	assert_true(withheld(&s, 1) > 0);
	forgive(&s, 1);
	assert_int_equal(withheld(&s, 1), 0);
	assert_int_equal(web(&s)->reals[1].share_percent, 100);
	site_stop(&s);
}

TEST(forgive, spares_a_real_that_is_down_its_next_slow_start_only)
{
	struct config_builder b;
	struct site s;

	begin(&b, 3)->slow_start_us = 32 * S;
	serve(&s, &b);
	site_verdict(&s, 0, 1, REAL_DOWN);
	forgive(&s, 1);
	assert_int_equal(web(&s)->reals[1].state, REAL_DOWN);
	site_verdict(&s, 0, 1, REAL_UP);
	assert_int_equal(withheld(&s, 1), 0);
	site_verdict(&s, 0, 1, REAL_DOWN);
	site_verdict(&s, 0, 1, REAL_UP);
	assert_true(withheld(&s, 1) > 0);
	site_stop(&s);
}

TEST(order, stays_over_a_reload)
{
	struct config_builder b, next;
	struct site s;

	start(&s, &b, 3);
	order(&s, 1, REAL_DISABLED);
	begin(&next, 4);
	assert_int_equal(core_reload(s.core, build_finish(&next), s.now), 0);
	site_run(&s);
	assert_int_equal(web(&s)->reals[1].order, REAL_DISABLED);
	assert_false(serves(&s, 1));
	site_stop(&s);
}

TEST(order, for_nothing_changes_nothing)
{
	struct config_builder b;
	struct site s;

	start(&s, &b, 2);
	site_order(&s, 7, 0, REAL_DRAINED);
	site_order(&s, 0, 7, REAL_DRAINED);
	site_order(&s, 0, 0, REAL_ORDER_MAX);
	assert_int_equal(web(&s)->n_ordered, 0);
	assert_int_equal(web(&s)->usable, 2);
	site_stop(&s);
}

/* ---- when it ends ---- */

TEST(order, ends_by_the_wall_clock_and_never_before_its_own_time)
{
	struct core_order o = { .order = REAL_DRAINED, .wall_us = 1000 * S, .until_us = 1100 * S };

	assert_true(core_order_left(&o, 1099 * S, 0) > 0);
	assert_int_equal(core_order_left(&o, 1100 * S, 0), 0);
	assert_true(core_order_left(&o, 5 * S, 0) > 0); /* a clock that is not set yet */
	assert_false(core_order_ends_soon(&o, 1089 * S, 0));
	assert_true(core_order_ends_soon(&o, 1090 * S, 0));
	o.until_us = 0;
	assert_true(core_order_left(&o, USEC_NEVER, 0) > 0);
	o.until_us = 900 * S;
	assert_false(core_order_has_end(&o));
	assert_true(core_order_left(&o, 2000 * S, 0) > 0);
	o.until_us = 1000 * S + 14400 * S;
	assert_false(core_order_ends_soon(&o, o.until_us - 601 * S, 0));
	assert_true(core_order_ends_soon(&o, o.until_us - 600 * S, 0));
}

TEST(order, ends_no_earlier_when_the_clock_is_set_forward)
{
	struct core_order o = {
		.order = REAL_DRAINED, .wall_us = 1000 * S, .until_us = 1100 * S, .given_at = 50 * S
	};

	assert_int_equal(core_order_left(&o, 90000 * S, 60 * S), 90 * S);
	assert_false(core_order_ends_soon(&o, 90000 * S, 60 * S));
	assert_true(core_order_ends_soon(&o, 90000 * S, 140 * S));
	assert_int_equal(core_order_left(&o, 90000 * S, 150 * S), 0);
}

TEST(order, words_come_back)
{
	for (unsigned i = 0; i < REAL_ORDER_MAX; i++)
		assert_int_equal(real_order_find(real_order_str((enum real_order)i)), i);
	assert_int_equal(real_order_find("gone"), REAL_ORDER_MAX);
}

RUN_TESTS(T(order, a_drained_real_gets_no_new_flows_and_keeps_those_it_has),
	  T(order, a_disabled_real_counts_as_dead_although_its_check_passes),
	  T(order, enable_gives_it_back_to_its_checks),
	  T(order, the_flows_of_a_drained_real_whose_address_is_gone_move),
	  T(order, flows_of_a_disabled_real_stay_where_nobody_else_could_take_them),
	  T(order, what_is_enabled_before_it_is_judged_is_leaving_and_no_longer_by_order),
	  T(order, a_drained_real_does_not_count_for_quorum),
	  T(order, nobody_waits_for_the_judgement_of_a_drained_real),
	  T(order, backups_serve_when_every_normal_real_is_drained),
	  T(order, the_floor_keeps_no_drained_real_and_is_told_to_be_missed),
	  T(order, all_down_open_leaves_out_what_an_operator_took_out),
	  T(order, all_down_is_no_policy_for_reals_that_operators_took_out),
	  T(order, a_real_that_is_enabled_starts_slowly), T(forgive, ends_a_slow_start),
	  T(forgive, spares_a_real_that_is_down_its_next_slow_start_only),
	  T(order, stays_over_a_reload), T(order, for_nothing_changes_nothing),
	  T(order, ends_by_the_wall_clock_and_never_before_its_own_time),
	  T(order, ends_no_earlier_when_the_clock_is_set_forward), T(order, words_come_back))
