/* SPDX-License-Identifier: Apache-2.0 */
/* life_test.c - what becomes of the flows of a real. */
#include "tests/lib/config_builder.h"
#include "tests/lib/site.h"
#include "tests/lib/test.h"

#define S USEC_PER_SEC

static struct config_builder b;

/* One pool of three that serves, its ways known. */
static void start(struct site *s)
{
	build_start(&b);
	build_service(&b, build_vip(&b, "203.0.113.10/32"), 80, build_pool(&b, "web", 3));
	site_start(s, build_finish(&b));
	site_serve(s);
}

static const struct core_real *real(const struct site *s, uint32_t i)
{
	return &core_pool(s->core, 0)->reals[i];
}

static void tell(struct site *s, uint32_t i, enum real_state state, enum real_sign sign)
{
	site_step(s,
		  (struct core_event){
			  .kind = CORE_EVENT_VERDICT,
			  .verdict = { .real = i,
				       .state = state,
				       .sign = sign,
				       .reason = state == REAL_UP ? PROBE_OK : PROBE_TIMEOUT } });
}

#define EXPECT(s, i, to_be, because)                                                               \
	do {                                                                                       \
		assert_string_equal(real_life_str(real(s, i)->life), to_be);                       \
		assert_string_equal(life_reason_str(real(s, i)->life_reason), because);            \
	} while (0)

TEST(life, a_failed_check_makes_leaving_and_only_a_gone_address_dead)
{
	struct site s;
	usec_t died;

	start(&s);
	EXPECT(&s, 0, "takes", "serving");
	tell(&s, 0, REAL_DOWN, REAL_SIGN_ANSWERS);
	EXPECT(&s, 0, "leaving", "check-fails");
	tell(&s, 0, REAL_DOWN, REAL_SIGN_GONE);
	EXPECT(&s, 0, "dead", "address-gone");
	died = real(&s, 0)->life_since;
	site_pass(&s, 60 * S);
	tell(&s, 0, REAL_DOWN, REAL_SIGN_GONE);
	assert_int_equal(real(&s, 0)->life_since, died);
	tell(&s, 0, REAL_DOWN, REAL_SIGN_ANSWERS); /* anything answers */
	EXPECT(&s, 0, "leaving", "check-fails");
	tell(&s, 0, REAL_UP, REAL_SIGN_ANSWERS);
	EXPECT(&s, 0, "takes", "serving");
	site_stop(&s);
}

TEST(life, silence_kills_nobody_before_the_check_is_down)
{
	struct site s;

	start(&s);
	tell(&s, 0, REAL_UP, REAL_SIGN_GONE);
	EXPECT(&s, 0, "takes", "serving");
	tell(&s, 0, REAL_DOWN, REAL_SIGN_NONE);
	EXPECT(&s, 0, "leaving", "check-fails");
	site_stop(&s);
}

TEST(life, nobody_dies_while_no_other_real_takes)
{
	struct site s;

	start(&s);
	tell(&s, 1, REAL_DOWN, REAL_SIGN_ANSWERS);
	tell(&s, 2, REAL_DOWN, REAL_SIGN_GONE);
	EXPECT(&s, 2, "dead", "address-gone");
	tell(&s, 0, REAL_DOWN, REAL_SIGN_GONE);
	for (uint32_t i = 0; i < 3; i += 2)
		EXPECT(&s, i, "leaving", "nobody-else");
	tell(&s, 1, REAL_UP, REAL_SIGN_ANSWERS);
	for (uint32_t i = 0; i < 3; i += 2)
		EXPECT(&s, i, "dead", "address-gone");
	site_stop(&s);
}

TEST(life, the_silent_dead_live_while_no_other_real_takes)
{
	struct site s;

	start(&s);
	tell(&s, 0, REAL_DOWN, REAL_SIGN_GONE);
	tell(&s, 0, REAL_DOWN, REAL_SIGN_NONE);
	EXPECT(&s, 0, "dead", "address-gone");
	tell(&s, 1, REAL_DOWN, REAL_SIGN_ANSWERS);
	tell(&s, 2, REAL_DOWN, REAL_SIGN_ANSWERS);
	EXPECT(&s, 0, "leaving", "nobody-else");
	tell(&s, 2, REAL_UP, REAL_SIGN_ANSWERS);
	EXPECT(&s, 0, "dead", "address-gone");
	site_stop(&s);
}

TEST(life, a_real_without_a_way_is_dead_after_the_grace)
{
	struct site s;

	start(&s);
	site_next_hop(&s, 0, 1, false);
	EXPECT(&s, 1, "leaving", "no-next-hop");
	site_pass(&s, S / 2);
	site_next_hop(&s, 0, 1, true);
	EXPECT(&s, 1, "takes", "serving");
	site_next_hop(&s, 0, 1, false);
	site_pass(&s, S / 2);
	EXPECT(&s, 1, "leaving", "no-next-hop");
	site_pass(&s, S);
	EXPECT(&s, 1, "dead", "unreachable");
	site_next_hop(&s, 0, 1, true);
	EXPECT(&s, 1, "takes", "serving");
	site_stop(&s);
}

TEST(life, a_node_cut_off_from_all_reals_kills_none)
{
	struct site s;

	start(&s);
	for (uint32_t i = 0; i < 3; i++)
		site_next_hop(&s, 0, i, false);
	site_pass(&s, 10 * S);
	for (uint32_t i = 0; i < 3; i++)
		EXPECT(&s, i, "leaving", "nobody-else");
	site_stop(&s);
}

TEST(life, a_real_of_this_host_never_dies_of_silence)
{
	struct site s;

	build_start(&b);
	build_service(&b, build_vip(&b, "203.0.113.10/32"), 80, build_pool(&b, "web", 3));
	b.reals[0][0].is_local = true;
	site_start(&s, build_finish(&b));
	site_serve(&s);
	tell(&s, 0, REAL_DOWN, REAL_SIGN_GONE);
	EXPECT(&s, 0, "leaving", "check-fails");
	site_stop(&s);
}

TEST(life, what_stood_before_a_restart_stays_until_it_is_judged)
{
	struct site s;

	build_start(&b);
	build_service(&b, build_vip(&b, "203.0.113.10/32"), 80, build_pool(&b, "web", 3));
	site_start(&s, build_finish(&b));
	core_adopt_life(s.core, 0, 0, REAL_DEAD);
	core_adopt_life(s.core, 0, 1, REAL_TAKES);
	site_facts_good(&s);
	assert_int_equal(real(&s, 0)->life, REAL_DEAD);
	assert_int_equal(real(&s, 1)->life, REAL_TAKES);
	assert_int_equal(real(&s, 2)->life, REAL_LIFE_UNKNOWN);
	tell(&s, 1, REAL_UP, REAL_SIGN_ANSWERS);
	tell(&s, 0, REAL_DOWN, REAL_SIGN_NONE); /* a moment of silence */
	assert_int_equal(real(&s, 0)->life, REAL_DEAD);
	tell(&s, 0, REAL_DOWN, REAL_SIGN_ANSWERS);
	assert_int_equal(real(&s, 0)->life, REAL_LEAVING);
	site_stop(&s);
}

/* The file of judgements may be older than the maps. */
TEST(life, an_old_judgement_does_not_go_against_it)
{
	static const enum real_state kept[] = { REAL_UP, REAL_DOWN, REAL_DOWN };
	struct site s;

	build_start(&b);
	build_service(&b, build_vip(&b, "203.0.113.10/32"), 80, build_pool(&b, "web", 3));
	site_start(&s, build_finish(&b));
	core_adopt_life(s.core, 0, 0, REAL_DEAD);
	core_adopt_life(s.core, 0, 1, REAL_TAKES);
	core_adopt_life(s.core, 0, 2, REAL_LEAVING);
	for (uint32_t i = 0; i < 3; i++)
		core_adopt_verdict(
			s.core,
			&(struct core_verdict){ .real = i, .state = kept[i], .reason = PROBE_OK },
			s.now);
	assert_int_equal(real(&s, 0)->state, REAL_UNKNOWN);
	assert_int_equal(real(&s, 1)->state, REAL_UNKNOWN);
	assert_int_equal(real(&s, 2)->state, REAL_DOWN);
	site_facts_good(&s);
	assert_int_equal(real(&s, 0)->life, REAL_DEAD);
	assert_int_equal(real(&s, 1)->life, REAL_TAKES);
	site_stop(&s);
}

TEST(life, the_dead_without_a_way_are_not_given_another_second)
{
	struct site s;

	start(&s);
	tell(&s, 0, REAL_DOWN, REAL_SIGN_GONE);
	EXPECT(&s, 0, "dead", "address-gone");
	site_next_hop(&s, 0, 0, false);
	EXPECT(&s, 0, "dead", "unreachable");
	site_stop(&s);
}

TEST(life, a_reload_keeps_it)
{
	static struct config_builder other;
	struct site s;
	uint64_t version;

	start(&s);
	tell(&s, 0, REAL_DOWN, REAL_SIGN_GONE);
	site_pass(&s, S);
	version = core_desired(s.core)->lives_version;
	build_start(&other);
	build_service(&other, build_vip(&other, "203.0.113.10/32"), 80,
		      build_pool(&other, "web", 4));
	assert_int_equal(core_reload(s.core, build_finish(&other), s.now), 0);
	EXPECT(&s, 0, "dead", "address-gone");
	EXPECT(&s, 1, "takes", "serving");
	EXPECT(&s, 3, "unknown", "not-judged");
	assert_true(core_desired(s.core)->lives_version > version);
	site_stop(&s);
}

/* The prober never came to judge it: what is unknown after a hold counts as down. */
TEST(life, what_is_not_judged_when_a_hold_ends_takes_no_longer)
{
	struct site s;

	build_start(&b);
	build_service(&b, build_vip(&b, "203.0.113.10/32"), 80, build_pool(&b, "web", 3));
	site_start(&s, build_finish(&b));
	for (uint32_t i = 0; i < 3; i++) {
		core_adopt_life(s.core, 0, i, REAL_TAKES);
		core_adopt_real(s.core, 0, i, true);
	}
	site_facts_good(&s);
	tell(&s, 0, REAL_UP, REAL_SIGN_ANSWERS);
	EXPECT(&s, 2, "takes", "not-judged");
	site_pass(&s, 60 * S);
	EXPECT(&s, 0, "takes", "serving");
	EXPECT(&s, 2, "leaving", "not-judged");
	site_stop(&s);
}

TEST(life, who_answers_is_not_dead_though_the_way_is_not_known_yet)
{
	struct site s;

	build_start(&b);
	build_service(&b, build_vip(&b, "203.0.113.10/32"), 80, build_pool(&b, "web", 2));
	site_start(&s, build_finish(&b));
	site_uplink(&s, 0, true, true, true);
	site_next_hop(&s, 0, 0, true);
	tell(&s, 0, REAL_UP, REAL_SIGN_ANSWERS);
	tell(&s, 1, REAL_DOWN, REAL_SIGN_GONE);
	EXPECT(&s, 1, "dead", "address-gone");
	tell(&s, 1, REAL_UP, REAL_SIGN_ANSWERS);
	EXPECT(&s, 1, "leaving", "not-judged");
	site_stop(&s);
}

#define BIT(life) (1U << (life))

/* Every set of lives that pools may give one address. */
TEST(life, an_address_takes_only_where_all_agree_and_is_dead_only_unheard)
{
	for (unsigned lives = 1; lives < BIT(REAL_LIFE_MAX); lives++)
		for (int heard = 0; heard < 2; heard++) {
			enum real_life joint = real_life_join(lives, heard);

			assert_int_equal(joint == REAL_TAKES, lives == BIT(REAL_TAKES));
			assert_int_equal(joint == REAL_DEAD, (lives & BIT(REAL_DEAD)) && !heard);
			if (lives & BIT(REAL_LEAVING) || lives == BIT(REAL_LIFE_UNKNOWN))
				assert_true(joint == REAL_LEAVING || joint == REAL_DEAD);
		}
	assert_int_equal(real_life_join(BIT(REAL_TAKES) | BIT(REAL_LIFE_UNKNOWN), true),
			 REAL_LIFE_UNKNOWN);
}

RUN_TESTS(T(life, a_failed_check_makes_leaving_and_only_a_gone_address_dead),
	  T(life, silence_kills_nobody_before_the_check_is_down),
	  T(life, nobody_dies_while_no_other_real_takes),
	  T(life, the_silent_dead_live_while_no_other_real_takes),
	  T(life, a_real_without_a_way_is_dead_after_the_grace),
	  T(life, a_node_cut_off_from_all_reals_kills_none),
	  T(life, a_real_of_this_host_never_dies_of_silence),
	  T(life, what_stood_before_a_restart_stays_until_it_is_judged),
	  T(life, an_old_judgement_does_not_go_against_it),
	  T(life, the_dead_without_a_way_are_not_given_another_second), T(life, a_reload_keeps_it),
	  T(life, what_is_not_judged_when_a_hold_ends_takes_no_longer),
	  T(life, who_answers_is_not_dead_though_the_way_is_not_known_yet),
	  T(life, an_address_takes_only_where_all_agree_and_is_dead_only_unheard))
