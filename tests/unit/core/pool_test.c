/* SPDX-License-Identifier: Apache-2.0 */
/* pool_test.c - verdicts, next hops, quorum and who takes new flows. */
#include "tests/lib/config_builder.h"
#include "tests/lib/site.h"
#include "tests/lib/test.h"

#define S USEC_PER_SEC

/* A pool of n reals, quorum return/stay, next hops told. */
static void start(struct site *s, struct config_builder *b, size_t n, uint32_t quorum_return,
		  uint32_t quorum_stay)
{
	uint32_t pool;

	build_start(b);
	pool = build_pool(b, "web", n);
	b->pools[pool].quorum_return = quorum_return;
	b->pools[pool].quorum_stay = quorum_stay;
	build_service(b, build_vip(b, "203.0.113.10/32"), 80, pool);
	site_start(s, build_finish(b));
	site_facts_good(s);
}

static const struct core_pool *web(const struct site *s)
{
	return core_pool(s->core, 0);
}

static const struct core_real *real(const struct site *s, uint32_t i)
{
	return &core_pool(s->core, 0)->reals[i];
}

TEST(quorum, is_reached_at_return_and_kept_down_to_stay)
{
	struct config_builder b;
	struct site s;
	/* Every walk over 0..4 usable reals from both sides of the hysteresis. */
	const struct {
		int up;
		bool quorum;
	} walk[] = { { 0, false }, { 1, false }, { 2, false }, { 3, true }, { 2, true },
		     { 1, false }, { 2, false }, { 3, true },  { 4, true }, { 2, true },
		     { 0, false }, { 4, true },  { 1, false } };

	start(&s, &b, 4, 3, 2);
	for (size_t i = 0; i < sizeof(walk) / sizeof(walk[0]); i++) {
		/* First those that rise, then those that fall, so that no step passes below. */
		for (int r = 0; r < 4; r++)
			if (r < walk[i].up)
				site_verdict(&s, 0, (uint32_t)r, REAL_UP);
		for (int r = 0; r < 4; r++)
			if (r >= walk[i].up)
				site_verdict(&s, 0, (uint32_t)r, REAL_DOWN);
		assert_int_equal(web(&s)->usable, walk[i].up);
		assert_int_equal(web(&s)->has_quorum, walk[i].quorum);
	}
	site_stop(&s);
}

TEST(quorum, counts_backups_only_when_no_normal_real_serves)
{
	struct config_builder b;
	struct site s;

	start(&s, &b, 4, 2, 2);
	b.reals[0][2].is_backup = b.reals[0][3].is_backup = true;
	site_verdict_all(&s, REAL_UP);
	assert_int_equal(web(&s)->usable, 2);
	assert_int_equal(web(&s)->usable_backups, 2);
	assert_true(web(&s)->has_quorum);
	site_verdict(&s, 0, 0, REAL_DOWN); /* one normal real would serve alone */
	assert_false(web(&s)->has_quorum);
	site_verdict(&s, 0, 1, REAL_DOWN); /* both backups serve */
	assert_true(web(&s)->has_quorum);
	site_verdict(&s, 0, 2, REAL_DOWN);
	assert_false(web(&s)->has_quorum);
	site_stop(&s);
}

TEST(real, needs_all_checks_to_pass)
{
	struct config_builder b;
	struct site s;

	build_start(&b);
	build_pool(&b, "web", 1);
	b.pools[0].n_checks = 2;
	b.pool_checks[0][1] = 1;
	site_start(&s, build_finish(&b));
	site_facts_good(&s);
	site_check(&s, 0, 0, 0, REAL_UP, PROBE_OK);
	assert_int_equal(real(&s, 0)->state, REAL_UNKNOWN);
	site_check(&s, 0, 0, 1, REAL_UP, PROBE_OK);
	assert_int_equal(real(&s, 0)->state, REAL_UP);
	site_check(&s, 0, 0, 0, REAL_DOWN, PROBE_HTTP_STATUS);
	site_check(&s, 0, 0, 1, REAL_DOWN, PROBE_REFUSED);
	assert_int_equal(real(&s, 0)->state, REAL_DOWN);
	assert_int_equal(real(&s, 0)->reason, PROBE_HTTP_STATUS);
	site_check(&s, 0, 0, 0, REAL_UP, PROBE_OK);
	assert_int_equal(real(&s, 0)->state, REAL_DOWN);
	assert_int_equal(real(&s, 0)->reason, PROBE_REFUSED);
	site_check(&s, 0, 0, 1, REAL_UP, PROBE_OK);
	assert_int_equal(real(&s, 0)->state, REAL_UP);
	assert_string_equal(real(&s, 0)->evidence, "as told");
	site_stop(&s);
}

TEST(real, fails_by_one_check_while_another_is_undecided)
{
	struct config_builder b;
	struct site s;

	build_start(&b);
	build_pool(&b, "web", 1);
	b.pools[0].n_checks = 2;
	b.pool_checks[0][1] = 1;
	site_start(&s, build_finish(&b));
	site_check(&s, 0, 0, 1, REAL_DOWN, PROBE_REFUSED);
	assert_int_equal(real(&s, 0)->state, REAL_DOWN);
	site_stop(&s);
}

TEST(real, without_checks_is_up)
{
	struct config_builder b;
	struct site s;

	build_start(&b);
	build_pool(&b, "web", 2);
	b.pools[0].n_checks = 0;
	site_start(&s, build_finish(&b));
	site_facts_good(&s);
	assert_int_equal(real(&s, 1)->state, REAL_UP);
	assert_int_equal(real(&s, 1)->reason, PROBE_NO_CHECK);
	assert_true(web(&s)->has_quorum);
	site_verdict(&s, 0, 1, REAL_DOWN); /* of a check that is not */
	assert_int_equal(real(&s, 1)->state, REAL_UP);
	site_stop(&s);
}

TEST(real, without_next_hop_is_not_usable)
{
	struct config_builder b;
	struct site s;

	start(&s, &b, 2, 1, 1);
	site_verdict_all(&s, REAL_UP);
	site_next_hop(&s, 0, 0, false);
	assert_int_equal(real(&s, 0)->state, REAL_UP);
	assert_false(real(&s, 0)->takes_new_flows);
	assert_int_equal(web(&s)->usable, 1);
	site_next_hop(&s, 0, 0, true);
	assert_true(real(&s, 0)->takes_new_flows);
	site_stop(&s);
}

TEST(real, on_this_host_needs_no_next_hop)
{
	struct config_builder b;
	struct site s;

	build_start(&b);
	build_pool(&b, "web", 1);
	b.reals[0][0].is_local = true;
	site_start(&s, build_finish(&b));
	site_verdict(&s, 0, 0, REAL_UP);
	assert_true(real(&s, 0)->takes_new_flows);
	site_next_hop(&s, 0, 0, false);
	assert_true(real(&s, 0)->takes_new_flows);
	site_stop(&s);
}

TEST(verdict, for_what_is_gone_or_senseless_changes_nothing)
{
	struct config_builder b;
	struct site s;
	uint64_t version;

	start(&s, &b, 2, 1, 1);
	site_verdict_all(&s, REAL_UP);
	version = core_desired(s.core)->pools[0].version;
	site_verdict(&s, 1, 0, REAL_DOWN);
	site_verdict(&s, 0, 2, REAL_DOWN);
	site_verdict(&s, CORE_NONE, CORE_NONE, REAL_DOWN);
	site_check(&s, 0, 0, 1, REAL_DOWN, PROBE_TIMEOUT);
	site_check(&s, 0, 0, 0, REAL_STATE_MAX, PROBE_TIMEOUT);
	site_check(&s, 0, 0, 0, REAL_DOWN, PROBE_REASON_MAX);
	site_next_hop(&s, 0, 7, false);
	site_next_hop(&s, 9, 0, false);
	site_uplink(&s, 5, false, false, false);
	site_traffic(&s, 77, 1);
	site_drain(&s, 77, true, false);
	assert_int_equal(core_desired(s.core)->pools[0].version, version);
	assert_int_equal(real(&s, 0)->state, REAL_UP);
	site_stop(&s);
}

TEST(verdict, without_judgement_does_not_unsettle_a_real)
{
	struct config_builder b;
	struct site s;

	start(&s, &b, 1, 1, 1);
	site_check(&s, 0, 0, 0, REAL_UNKNOWN, PROBE_PROBE_PATH);
	assert_int_equal(real(&s, 0)->reason, PROBE_PROBE_PATH);
	site_verdict(&s, 0, 0, REAL_UP);
	site_check(&s, 0, 0, 0, REAL_UNKNOWN, PROBE_LATE);
	assert_int_equal(real(&s, 0)->state, REAL_UP);
	assert_int_equal(real(&s, 0)->reason, PROBE_OK);
	site_stop(&s);
}

TEST(verdict, repeated_changes_nothing_but_the_evidence)
{
	struct config_builder b;
	struct site s;
	usec_t since;
	uint64_t version;

	start(&s, &b, 1, 1, 1);
	site_verdict(&s, 0, 0, REAL_UP);
	since = real(&s, 0)->since;
	version = core_desired(s.core)->pools[0].version;
	s.now += 3 * S;
	site_verdict(&s, 0, 0, REAL_UP);
	assert_int_equal(real(&s, 0)->since, since);
	assert_int_equal(core_desired(s.core)->pools[0].version, version);
	site_stop(&s);
}

TEST(verdict, of_each_check_is_kept_with_the_moment_of_its_state)
{
	const struct core_check *checks;
	struct config_builder b;
	struct site s;
	usec_t since;

	build_start(&b);
	build_pool(&b, "web", 2);
	b.pools[0].n_checks = 2;
	b.pool_checks[0][1] = 1;
	site_start(&s, build_finish(&b));
	checks = &web(&s)->checks[2]; /* of the second real */
	site_check(&s, 0, 1, 0, REAL_UP, PROBE_OK);
	s.now += 5 * S;
	site_check(&s, 0, 1, 1, REAL_DOWN, PROBE_REFUSED);
	since = s.now;
	s.now += 5 * S;
	site_check(&s, 0, 1, 1, REAL_DOWN, PROBE_TIMEOUT);
	assert_int_equal(checks[0].state, REAL_UP);
	assert_int_equal(checks[0].since, since - 5 * S);
	assert_int_equal(checks[1].reason, PROBE_TIMEOUT);
	assert_int_equal(checks[1].since, since);
	assert_int_equal(checks[1].told_at, s.now);
	site_stop(&s);
}

static void site_certificate(struct site *s, enum probe_reason reason, uint64_t cert_ends)
{
	struct core_event event = {
		.kind = CORE_EVENT_VERDICT,
		.now = s->now,
		.verdict = { .state = reason == PROBE_OK ? REAL_UP : REAL_DOWN,
			     .reason = reason,
			     .cert_ends = cert_ends },
	};

	core_step(s->core, &event);
}

TEST(verdict, forgets_a_certificate_that_ends_by_a_probe_that_passed_alone)
{
	struct config_builder b;
	struct site s;

	start(&s, &b, 1, 1, 1);
	site_certificate(&s, PROBE_OK, 1700000000);
	site_certificate(&s, PROBE_REFUSED, 0);
	assert_int_equal(web(&s)->checks[0].cert_ends, 1700000000);
	site_certificate(&s, PROBE_OK, 1800000000);
	assert_int_equal(web(&s)->checks[0].cert_ends, 1800000000);
	site_certificate(&s, PROBE_OK, 0);
	assert_int_equal(web(&s)->checks[0].cert_ends, 0);
	site_stop(&s);
}

TEST(pool, gets_a_new_version_with_each_change_of_takers)
{
	struct config_builder b;
	struct site s;
	uint64_t version;

	start(&s, &b, 2, 1, 1);
	site_verdict_all(&s, REAL_UP);
	version = core_desired(s.core)->pools[0].version;
	site_verdict(&s, 0, 1, REAL_DOWN);
	assert_true(core_desired(s.core)->pools[0].version > version);
	assert_false(core_desired(s.core)->pools[0].takes_new_flows[1]);
	site_stop(&s);
}

TEST(pool, keeps_its_last_ring_when_nobody_takes_new_flows)
{
	struct config_builder b;
	struct site s;

	start(&s, &b, 2, 1, 1);
	site_serve(&s);
	site_trace_clear(&s);
	site_verdict_all(&s, REAL_DOWN);
	site_pass(&s, 20 * S);
	/* The first to fall left a ring of one; the last one stands, and no op is pending. */
	assert_int_equal(world_ring_find(&s.world, "web")->n_takers, 2);
	assert_int_equal(site_trace_find(&s, OP_RING_SET, 0), -1);
	site_stop(&s);
}

RUN_TESTS(T(quorum, is_reached_at_return_and_kept_down_to_stay),
	  T(quorum, counts_backups_only_when_no_normal_real_serves),
	  T(real, needs_all_checks_to_pass), T(real, fails_by_one_check_while_another_is_undecided),
	  T(real, without_checks_is_up), T(real, without_next_hop_is_not_usable),
	  T(real, on_this_host_needs_no_next_hop),
	  T(verdict, for_what_is_gone_or_senseless_changes_nothing),
	  T(verdict, without_judgement_does_not_unsettle_a_real),
	  T(verdict, repeated_changes_nothing_but_the_evidence),
	  T(verdict, of_each_check_is_kept_with_the_moment_of_its_state),
	  T(verdict, forgets_a_certificate_that_ends_by_a_probe_that_passed_alone),
	  T(pool, gets_a_new_version_with_each_change_of_takers),
	  T(pool, keeps_its_last_ring_when_nobody_takes_new_flows))
