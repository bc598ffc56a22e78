/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/flow_model.h"

#include <stdlib.h>

#define UDP_AGES 7 /* as with 4.096 s a unit */

struct flow_model *flow_model_new(uint32_t n_slots, uint32_t n_flows, uint32_t idle)
{
	struct flow_model *model = calloc(1, sizeof(*model));

	model->n_slots = n_slots;
	model->n_flows = n_flows;
	model->idle = idle;
	model->own_words = calloc(n_slots, sizeof(*model->own_words));
	model->words = model->own_words;
	model->entries = calloc(n_flows, sizeof(*model->entries));
	return model;
}

void flow_model_free(struct flow_model *model)
{
	free(model->own_words);
	free(model->entries);
	free(model);
}

uint32_t flow_model_packet(struct flow_model *model, uint32_t flow, uint32_t slot, uint32_t kind)
{
	uint32_t word = model->words[slot];
	uint64_t *entry = &model->entries[flow];
	uint32_t real = LB_FLOW_REAL(*entry);
	struct flow_miss miss;
	bool is_young;

	if (flow_slot_is_steady(word) && !(kind & FLOW_ALWAYS))
		return LB_SLOT_CUR(word);
	if (kind & FLOW_UDP && model->now - model->changed <= UDP_AGES)
		kind |= FLOW_RECENT;
	is_young = *entry && flow_is_young(*entry, model->now, model->idle);
	if (is_young && flow_stays(model->flags[real], kind)) {
		if (!(kind & FLOW_READ_ONLY))
			*entry = flow_refreshed(*entry, model->now);
		return real;
	}
	miss = flow_decide_miss(word, model->flags[LB_SLOT_ALT(word) % MODEL_REALS], kind);
	if (miss.real && !(kind & FLOW_READ_ONLY) && (miss.remembers || is_young))
		*entry = LB_FLOW_ENTRY(1, miss.real, model->now);
	return miss.real;
}

void flow_model_change(struct flow_model *model, uint32_t slot, uint32_t cur)
{
	uint32_t word = model->own_words[slot];
	uint32_t unremembered = flow_slot_unremembered(word);

	if (LB_SLOT_CUR(word) == cur)
		return;
	model->changed = model->now;
	model->own_words[slot] =
		flow_slot_change(word, cur, flow_real_lives(model->flags[unremembered]));
}

void flow_model_settle(struct flow_model *model)
{
	for (uint32_t i = 0; i < model->n_slots; i++) {
		if (flow_slot_is_moving(model->own_words[i]))
			model->own_words[i] = flow_slot_settling(LB_SLOT_CUR(model->own_words[i]));
	}
}

void flow_model_judge(struct flow_model *model, const bool *is_marked)
{
	for (uint32_t i = 0; i < model->n_slots; i++) {
		uint32_t cur = LB_SLOT_CUR(model->own_words[i]);

		if (flow_slot_is_settling(model->own_words[i]) && !is_marked[i])
			model->own_words[i] = LB_SLOT(cur, cur);
	}
}

struct ledger *ledger_new(uint32_t n_flows, uint32_t idle)
{
	struct ledger *ledger = calloc(1, sizeof(*ledger));

	ledger->flows = calloc(n_flows, sizeof(*ledger->flows));
	ledger->n_flows = n_flows;
	ledger->idle = idle;
	return ledger;
}

void ledger_free(struct ledger *ledger)
{
	free(ledger->flows);
	free(ledger);
}

bool ledger_note(struct ledger *ledger, uint32_t flow, bool is_syn, uint32_t real,
		 uint32_t real_flags, uint32_t now)
{
	struct ledger_flow *f = &ledger->flows[flow];
	bool was_promised = f->real && !is_syn && now - f->last <= ledger->idle;
	bool has_moved = was_promised && real != f->real;

	ledger->packets++;
	ledger->established += was_promised;
	ledger->moved += has_moved;
	if (real && !flow_real_lives(real_flags))
		ledger->to_dead++;
	/* Where a SYN or a stranger's packet goes, there the flow is from now on. */
	f->real = real;
	f->last = now;
	return !has_moved && (!real || flow_real_lives(real_flags));
}

void ledger_died(struct ledger *ledger, uint32_t real)
{
	for (uint32_t i = 0; i < ledger->n_flows; i++) {
		if (ledger->flows[i].real == real)
			ledger->flows[i].real = 0;
	}
}
