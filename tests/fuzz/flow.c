/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slots and the flow table by operations read from the input, beside the plainest thing that could
 * hold the same: for a slot the real that unremembered flows use, for a line a list of flows. A
 * flow may be forgotten for want of room; it is never found with a real that was not its last.
 */
#include "bpf/flow_rule.h"
#include "tests/fuzz/fuzz.h"

#define TAGS 32 /* few, so that they meet */
#define IDLE 225

struct op {
	uint8_t kind, tag, flags, other;
	uint16_t real, age;
};

struct state {
	struct lb_flow_line line;
	uint32_t last[TAGS]; /* the real that a tag was last put with, 0: none */
	uint32_t word;       /* of a slot */
	uint32_t unremembered;
};

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* ---- the slot ---- */

static void change_slot(struct state *state, const struct op *op)
{
	uint32_t before = state->unremembered, word;
	bool lives = op->flags & 1;

	word = flow_slot_change(state->word, op->real, lives);
	must(LB_SLOT_CUR(word) == op->real);
	must(flow_slot_is_steady(word) + flow_slot_is_moving(word) + flow_slot_is_settling(word) ==
	     1);
	if (!state->word) {
		must(flow_slot_is_steady(word));
	} else if (before && before != op->real && lives) {
		must(flow_slot_is_moving(word) && LB_SLOT_ALT(word) == before);
	} else {
		must(flow_slot_is_settling(word));
	}
	state->unremembered = flow_slot_is_moving(word) ? before : op->real;
	must(flow_slot_unremembered(word) == state->unremembered);
	state->word = word;
}

static void decide(const struct state *state, const struct op *op)
{
	uint32_t flags = op->age & (LB_REAL_USED | LB_REAL_TAKES | LB_REAL_DEAD);
	uint32_t kind = op->flags & 127U;
	struct flow_miss miss = flow_decide_miss(state->word, flags, kind);
	bool is_moving = flow_slot_is_moving(state->word);

	must(miss.real == LB_SLOT_CUR(state->word) ||
	     (is_moving && miss.real == LB_SLOT_ALT(state->word)));
	must(miss.is_alt || miss.real == LB_SLOT_CUR(state->word));
	if (!flow_real_lives(flags))
		must(miss.real == LB_SLOT_CUR(state->word));
	else if (!(kind & (FLOW_NEW | FLOW_UDP)))
		must(miss.real == state->unremembered); /* it may be established */
	if (kind & FLOW_NEW && !(kind & FLOW_CROWDED))
		must(miss.real == LB_SLOT_CUR(state->word));
	if (miss.remembers)
		must(miss.real && !(kind & FLOW_READ_ONLY) && (is_moving || kind & FLOW_ALWAYS));
	/* Where the table does not say it, the slot must. */
	if (!miss.remembers && miss.real && !(kind & (FLOW_READ_ONLY | FLOW_UDP)) && is_moving)
		must(miss.real == state->unremembered);
	if (flow_stays(flags, kind))
		must(flow_real_lives(flags));
}

/* ---- the line ---- */

static uint32_t tag_of(const struct op *op)
{
	return op->tag % TAGS + 1;
}

static void check_line(const struct state *state)
{
	uint32_t way;

	for (uint32_t tag = 1; tag <= TAGS; tag++) {
		uint64_t entry = flow_find(&state->line, tag, &way);
		unsigned times = 0;

		for (int i = 0; i < LB_FLOW_WAYS; i++)
			times += state->line.ways[i] && LB_FLOW_TAG(state->line.ways[i]) == tag;
		must(times <= 1 && times == (entry != 0));
		if (entry)
			must(way < LB_FLOW_WAYS && state->line.ways[way] == entry &&
			     LB_FLOW_REAL(entry) == state->last[tag - 1]);
	}
}

static void put(struct state *state, const struct op *op)
{
	uint64_t entry = LB_FLOW_ENTRY(tag_of(op), op->real, op->age);
	struct lb_flow_line before = state->line;
	bool only_over = op->flags & 1;
	uint32_t way;
	uint64_t had = flow_find(&state->line, tag_of(op), &way);
	bool is_old = (uint16_t)(op->age - LB_FLOW_AGE(had) + 1) > IDLE + 1;
	enum flow_put done = flow_put(&state->line, entry, IDLE, only_over);

	if (only_over && (!had || is_old)) {
		must(done == FLOW_PUT_NOT && !memcmp(&before, &state->line, sizeof(before)));
		return;
	}
	must(done == (had ? FLOW_PUT_OVER : done) && done != FLOW_PUT_NOT);
	must(had || done >= FLOW_PUT_NEW);
	must(flow_find(&state->line, tag_of(op), &way) == entry);
	state->last[tag_of(op) - 1] = op->real;
	/* A new flow takes nothing from the established. */
	for (int i = LB_FLOW_PROBATION; !had && i < LB_FLOW_WAYS; i++)
		must(before.ways[i] == state->line.ways[i]);
}

static void promote(struct state *state, const struct op *op)
{
	uint32_t way;
	uint64_t seen = flow_find(&state->line, tag_of(op), &way);

	if (!seen || way >= LB_FLOW_PROBATION)
		return;
	flow_promote(&state->line, way, seen, op->age, IDLE);
	must(LB_FLOW_REAL(flow_find(&state->line, tag_of(op), &way)) == LB_FLOW_REAL(seen));
	must(way >= LB_FLOW_PROBATION);
}

static void drop(struct state *state, const struct op *op)
{
	uint32_t way;
	bool had = flow_find(&state->line, tag_of(op), &way) != 0;

	must(flow_drop(&state->line, tag_of(op)) == had);
	must(!flow_find(&state->line, tag_of(op), &way));
}

static void grow_old(const struct op *op)
{
	uint64_t entry = LB_FLOW_ENTRY(1, 1, op->age);
	uint16_t later = (uint16_t)(op->age + op->real);

	must(flow_is_young(entry, later, IDLE) == (op->real <= IDLE || op->real == 0xffff));
	must(LB_FLOW_AGE(flow_refreshed(entry, later)) == later);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct state state = { 0 };
	struct op op;

	for (; size >= sizeof(op); data += sizeof(op), size -= sizeof(op)) {
		memcpy(&op, data, sizeof(op));
		if (op.kind % 6 == 5) {
			grow_old(&op);
			continue;
		}
		op.real = (uint16_t)(op.real % 8); /* few, so that they come back */
		switch (op.kind % 6) {
		case 0:
			change_slot(&state, &op);
			break;
		case 1:
			decide(&state, &op);
			break;
		case 2:
			op.real++;
			put(&state, &op);
			break;
		case 3:
			promote(&state, &op);
			break;
		default:
			drop(&state, &op);
			break;
		}
		check_line(&state);
	}
	return 0;
}
