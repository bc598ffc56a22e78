/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flow_test.c - the rule about slots and flows, over an ideal table and random histories, and the
 * lines of the table by themselves.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/flow_rule.h"
#include "tests/lib/flow_model.h"
#include "tests/lib/test.h"

#define TAKES   (LB_REAL_USED | LB_REAL_TAKES)
#define LEAVING LB_REAL_USED
#define DEAD    (LB_REAL_USED | LB_REAL_DEAD)

/* ---- slots ---- */

TEST(slot, change_keeps_the_real_of_unremembered_flows)
{
	/* steady */
	assert_int_equal(flow_slot_change(LB_SLOT(1, 1), 2, true), LB_SLOT(2, 1));
	/* moving: the same alt */
	assert_int_equal(flow_slot_change(LB_SLOT(2, 1), 3, true), LB_SLOT(3, 1));
	/* settling: cur */
	assert_int_equal(flow_slot_change(LB_SLOT(2, 0), 3, true), LB_SLOT(3, 2));
}

TEST(slot, change_settles_where_that_real_is_the_new_one_or_dead)
{
	assert_int_equal(flow_slot_change(LB_SLOT(2, 1), 1, true), LB_SLOT(1, 0));
	assert_int_equal(flow_slot_change(LB_SLOT(1, 1), 2, false), LB_SLOT(2, 0));
	assert_int_equal(flow_slot_change(LB_SLOT(2, 1), 3, false), LB_SLOT(3, 0));
	assert_int_equal(flow_slot_change(LB_SLOT(1, 1), 0, false), LB_SLOT(0, LB_SLOT_NOBODY));
	assert_int_equal(flow_slot_change(LB_SLOT(0, LB_SLOT_NOBODY), 2, false), LB_SLOT(2, 0));
}

TEST(slot, states_exclude_each_other)
{
	for (uint32_t cur = 0; cur < 4; cur++) {
		for (uint32_t alt = 0; alt < 5; alt++) {
			uint32_t word = LB_SLOT(cur, alt < 4 ? alt : LB_SLOT_NOBODY);

			assert_int_equal(flow_slot_is_steady(word) + flow_slot_is_moving(word) +
						 flow_slot_is_settling(word),
					 1);
		}
	}
	assert_true(flow_slot_is_settling(flow_slot_settling(0)));
	assert_true(flow_slot_is_settling(flow_slot_settling(7)));
}

/* ---- packets ---- */

TEST(packet, stays_with_a_real_that_lives)
{
	assert_true(flow_stays(TAKES, FLOW_NEW));
	assert_true(flow_stays(LEAVING, 0));
	assert_true(flow_stays(LEAVING, FLOW_UDP));
	assert_false(flow_stays(LEAVING, FLOW_NEW));
	assert_false(flow_stays(LEAVING, FLOW_UDP | FLOW_MIGRATES));
	assert_true(flow_stays(TAKES, FLOW_UDP | FLOW_MIGRATES));
	assert_false(flow_stays(DEAD, 0));
	assert_false(flow_stays(DEAD | LB_REAL_TAKES, FLOW_NEW));
	assert_false(flow_stays(0, 0));
}

static void expect_miss(uint32_t word, uint32_t alt_flags, uint32_t kind, uint32_t real,
			bool remembers)
{
	struct flow_miss miss = flow_decide_miss(word, alt_flags, kind);

	assert_int_equal(miss.real, real);
	assert_int_equal(miss.remembers, remembers);
}

TEST(packet, of_an_unknown_flow_goes_where_such_flows_are)
{
	const uint32_t moving = LB_SLOT(2, 1), settling = LB_SLOT(2, 0), steady = LB_SLOT(2, 2);

	expect_miss(moving, LEAVING, 0, 1, true);
	expect_miss(moving, LEAVING, FLOW_NEW, 2, true);
	expect_miss(moving, LEAVING, FLOW_UDP, 2, true);
	expect_miss(moving, LEAVING, FLOW_UDP | FLOW_RECENT, 1, true);
	expect_miss(moving, LEAVING, FLOW_UDP | FLOW_RECENT | FLOW_MIGRATES, 2, true);
	expect_miss(moving, TAKES, FLOW_UDP | FLOW_RECENT | FLOW_MIGRATES, 1, true);
	expect_miss(moving, DEAD, 0, 2, true);
	expect_miss(moving, LEAVING, FLOW_READ_ONLY, 1, false);
	expect_miss(settling, 0, 0, 2, false);
	expect_miss(settling, 0, FLOW_NEW, 2, false);
	expect_miss(settling, 0, FLOW_ALWAYS, 2, true);
	expect_miss(steady, TAKES, 0, 2, false);
	expect_miss(steady, TAKES, FLOW_ALWAYS, 2, true);
	expect_miss(LB_SLOT(0, 1), LEAVING, FLOW_NEW, 0, false);
}

TEST(packet, beyond_the_limit_goes_where_it_needs_no_entry)
{
	const uint32_t kind = FLOW_NEW | FLOW_CROWDED;

	expect_miss(LB_SLOT(2, 1), TAKES, kind, 1, false);
	expect_miss(LB_SLOT(2, 1), LEAVING, kind, 2, true);
	expect_miss(LB_SLOT(2, 1), DEAD, kind, 2, true);
	expect_miss(LB_SLOT(2, 2), TAKES, kind | FLOW_ALWAYS, 2, false);
	assert_true(flow_decide_miss(LB_SLOT(2, 1), TAKES, kind).is_crowded);
	assert_false(flow_decide_miss(LB_SLOT(2, 1), LEAVING, kind).is_crowded);
}

/* ---- the table ---- */

TEST(age, compares_round_the_end)
{
	for (uint32_t now = 0x2fff0; now < 0x30010; now++) {
		assert_true(flow_is_young(LB_FLOW_ENTRY(1, 1, now + 1), now, 10));
		assert_true(flow_is_young(LB_FLOW_ENTRY(1, 1, now), now, 10));
		assert_true(flow_is_young(LB_FLOW_ENTRY(1, 1, now - 10), now, 10));
		assert_false(flow_is_young(LB_FLOW_ENTRY(1, 1, now - 11), now, 10));
		assert_false(flow_is_young(LB_FLOW_ENTRY(1, 1, now + 2), now, 10));
	}
}

static uint32_t count(const struct lb_flow_line *line)
{
	uint32_t n = 0;

	for (int i = 0; i < LB_FLOW_WAYS; i++)
		n += line->ways[i] != 0;
	return n;
}

TEST(line, takes_new_flows_on_probation_only)
{
	struct lb_flow_line line = { { 0 } };
	uint32_t way;

	for (uint32_t tag = 1; tag <= 100; tag++)
		flow_put(&line, LB_FLOW_ENTRY(tag, 1, tag / 10), 10, false);
	assert_int_equal(count(&line), LB_FLOW_PROBATION);
	assert_int_not_equal(flow_find(&line, 100, &way), 0);
	assert_true(way < LB_FLOW_PROBATION);
}

TEST(line, keeps_promoted_flows_through_a_flood)
{
	struct lb_flow_line line = { { 0 } };
	uint64_t seen;
	uint32_t way;

	for (uint32_t tag = 1; tag <= 6; tag++) {
		flow_put(&line, LB_FLOW_ENTRY(tag, 1, 5), 10, false);
		seen = flow_find(&line, tag, &way);
		flow_promote(&line, way, seen, 5, 10);
	}
	for (uint32_t tag = 100; tag <= 1000; tag++)
		flow_put(&line, LB_FLOW_ENTRY(tag, 1, 6), 10, false);
	for (uint32_t tag = 1; tag <= 6; tag++)
		assert_int_equal(LB_FLOW_REAL(flow_find(&line, tag, &way)), 1);
	/* One more second packet: the oldest of them goes back on probation, none is lost. */
	flow_put(&line, LB_FLOW_ENTRY(7, 1, 7), 10, false);
	seen = flow_find(&line, 7, &way);
	flow_promote(&line, way, seen, 7, 10);
	for (uint32_t tag = 1; tag <= 7; tag++)
		assert_int_equal(LB_FLOW_REAL(flow_find(&line, tag, &way)), 1);
}

TEST(line, overwrites_a_flow_in_its_place)
{
	struct lb_flow_line line = { { 0 } };
	uint32_t way;

	assert_int_equal(flow_put(&line, LB_FLOW_ENTRY(7, 1, 5), 10, true), FLOW_PUT_NOT);
	assert_int_equal(flow_put(&line, LB_FLOW_ENTRY(7, 1, 5), 10, false), FLOW_PUT_NEW);
	assert_int_equal(flow_put(&line, LB_FLOW_ENTRY(7, 2, 6), 10, true), FLOW_PUT_OVER);
	assert_int_equal(LB_FLOW_REAL(flow_find(&line, 7, &way)), 2);
	assert_int_equal(count(&line), 1);
	assert_true(flow_drop(&line, 7));
	assert_int_equal(count(&line), 0);
	assert_false(flow_drop(&line, 7));
}

TEST(hash, uses_all_of_the_flow_and_the_key)
{
	__u64 key[4] = { 0x123456789abcdef1, 0xfedcba9876543211, 0x1111222233334441, 0x77 };
	struct packet packet = { .src = { 1, 2, 3, 4 },
				 .dst = { 5, 6, 7, 8 },
				 .sport = 9,
				 .dport = 10,
				 .proto = 6,
				 .is_ipv6 = 1 };
	uint64_t hash = flow_hash(key, &packet, 3);
	struct packet other;

	assert_int_not_equal(hash, flow_hash(key, &packet, 4));
	for (uint32_t i = 0; i < 11; i++) {
		other = packet;
		if (i < 4)
			other.src[i] ^= 1;
		else if (i < 8)
			other.dst[i - 4] ^= 1;
		else if (i == 8)
			other.sport ^= 1;
		else if (i == 9)
			other.dport ^= 1;
		else
			other.proto = 17;
		assert_int_not_equal(hash, flow_hash(key, &other, 3));
	}
	key[0] ^= 1;
	assert_int_not_equal(hash, flow_hash(key, &packet, 3));
}

TEST(hash, spreads_over_lines_and_tags)
{
	const __u64 key[4] = { 0x9e0f2d3c4b5a6978, 0x1234567, 0x89abcdef01, 0x55aa55aa };
	static uint32_t lines[1024], tags[1024];

	for (uint32_t i = 0; i < 1024 * 64; i++) {
		struct packet packet = { .src = { 0, 0, 0, 0x0a000001 + (i >> 8 << 24) },
					 .dst = { 0, 0, 0, 0x0a0b0c0d },
					 .sport = (uint16_t)(i << 8),
					 .dport = 80,
					 .proto = 6 };
		uint64_t hash = flow_hash(key, &packet, 1);

		lines[hash & 1023]++;
		tags[flow_tag(hash) >> 22]++;
	}
	for (uint32_t i = 0; i < 1024; i++) {
		assert_in_range(lines[i], 16, 128);
		assert_in_range(tags[i], 16, 128);
	}
}

/* ---- histories ---- */

#define SLOTS 64
#define FLOWS 4096
#define REALS 8 /* 1..REALS */
#define IDLE  20

static uint32_t random_below(uint32_t below)
{
	return (uint32_t)(((uint64_t)(uint32_t)random() << 1) % below);
}

/* The owner of a slot: the first in its order of preference that takes new flows. */
static uint32_t owner(const struct flow_model *model, uint32_t slot, uint32_t salt)
{
	uint32_t best = 0, best_rank = 0;

	for (uint32_t real = 1; real <= REALS; real++) {
		uint32_t rank = (slot * 2654435761U ^ real * 40503U ^ salt * 97U) * 2246822519U | 1;

		if ((model->flags[real] & (LB_REAL_TAKES | LB_REAL_DEAD)) == LB_REAL_TAKES &&
		    rank > best_rank) {
			best = real;
			best_rank = rank;
		}
	}
	return best;
}

static void rewrite(struct flow_model *model, uint32_t salt)
{
	for (uint32_t slot = 0; slot < SLOTS; slot++)
		flow_model_change(model, slot, owner(model, slot, salt));
}

struct history {
	struct flow_model *model;
	struct ledger *ledger;
	uint32_t salt, since, watched;
	bool marked[SLOTS];
	uint32_t seen[SLOTS];
};

/*
 * A slot that begins to settle while marks are collected, or is given to another real while it
 * settles, was not watched for all of the time.
 */
static void note_settling(struct history *h)
{
	for (uint32_t slot = 0; slot < SLOTS; slot++) {
		uint32_t word = h->model->words[slot];

		if (word != h->seen[slot] && flow_slot_is_settling(word))
			h->marked[slot] = true;
		h->seen[slot] = word;
	}
}

static void something_happens(struct history *h)
{
	uint32_t real = 1 + random_below(REALS);

	switch (random_below(6)) {
	case 0:
		h->model->flags[real] = DEAD;
		ledger_died(h->ledger, real);
		break;
	case 1:
	case 2:
		h->model->flags[real] = LEAVING;
		break;
	case 3:
	case 4:
		h->model->flags[real] = TAKES;
		break;
	default:
		h->salt = random_below(4); /* other weights */
		break;
	}
	rewrite(h->model, h->salt);
	note_settling(h);
}

static void time_passes(struct history *h)
{
	struct flow_model *model = h->model;

	model->now++;
	if (model->now - model->changed > IDLE)
		flow_model_settle(model);
	note_settling(h);
	if (model->now - h->watched <= IDLE + 3)
		return;
	flow_model_judge(model, h->marked);
	h->watched = model->now;
	memset(h->marked, 0, sizeof(h->marked));
}

static void send_packet(struct history *h, uint32_t flow)
{
	struct flow_model *model = h->model;
	uint32_t slot = flow % SLOTS, real;
	bool is_syn = random_below(20) == 0;

	real = flow_model_packet(model, flow, slot, is_syn ? FLOW_NEW : 0);
	if (real != LB_SLOT_CUR(model->words[slot]))
		h->marked[slot] = true;
	if (!ledger_note(h->ledger, flow, is_syn, real, model->flags[real], model->now))
		fail_msg("flow %u of slot %u (%x) went to %u at %u", flow, slot, model->words[slot],
			 real, model->now);
}

static void run_history(unsigned seed, uint32_t steps)
{
	struct history h = { .model = flow_model_new(SLOTS, FLOWS, IDLE),
			     .ledger = ledger_new(FLOWS, IDLE) };

	srandom(seed);
	h.model->now = 1000;
	for (uint32_t real = 1; real <= REALS; real++)
		h.model->flags[real] = TAKES;
	for (uint32_t slot = 0; slot < SLOTS; slot++)
		h.model->own_words[slot] =
			LB_SLOT(owner(h.model, slot, 0), owner(h.model, slot, 0));
	for (uint32_t step = 0; step < steps; step++) {
		if (random_below(500) == 0)
			something_happens(&h);
		if (random_below(30) == 0)
			time_passes(&h);
		send_packet(&h, random_below(random_below(2) ? FLOWS : FLOWS / 16));
	}
	assert_int_equal(h.ledger->moved, 0);
	assert_int_equal(h.ledger->to_dead, 0);
	assert_true(h.ledger->established > steps / 4);
	flow_model_free(h.model);
	ledger_free(h.ledger);
}

TEST(history, of_drains_deaths_and_returns_moves_no_flow)
{
	const char *given = getenv("SEED");
	unsigned seed = given ? (unsigned)strtoul(given, NULL, 0) : 1;

	for (unsigned i = 0; i < (given ? 1 : 20); i++) {
		print_message("SEED=%u\n", seed + i);
		run_history(seed + i, 200000);
	}
}

RUN_TESTS(T(slot, change_keeps_the_real_of_unremembered_flows),
	  T(slot, change_settles_where_that_real_is_the_new_one_or_dead),
	  T(slot, states_exclude_each_other), T(packet, stays_with_a_real_that_lives),
	  T(packet, of_an_unknown_flow_goes_where_such_flows_are),
	  T(packet, beyond_the_limit_goes_where_it_needs_no_entry), T(age, compares_round_the_end),
	  T(line, takes_new_flows_on_probation_only), T(line, keeps_promoted_flows_through_a_flood),
	  T(line, overwrites_a_flow_in_its_place), T(hash, uses_all_of_the_flow_and_the_key),
	  T(hash, spreads_over_lines_and_tags),
	  T(history, of_drains_deaths_and_returns_moves_no_flow))
