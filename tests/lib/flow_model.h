/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flow_model.h - the rule of bpf/flow_rule.h over an ideal table (every flow has an entry of its
 * own, none is evicted), and a ledger that knows nothing of the rule: it notes where established
 * flows are and says which packet broke the promise.
 *
 * The promise: a TCP flow keeps its real while that real lives and the flow is never silent for
 * longer than idle; a flow of a dead real goes elsewhere at once.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "bpf/flow_rule.h"

#define MODEL_REALS 16 /* indices of reals are below */

struct flow_model {
	uint32_t n_slots, n_flows;
	const uint32_t *words; /* of the slots; own_words, or those of a ring */
	uint32_t *own_words;
	uint64_t *entries;           /* of the flows, as in the table; 0: none */
	uint32_t flags[MODEL_REALS]; /* lb_real.flags */
	uint32_t idle;               /* in units of ages, as everything here */
	uint32_t now, changed;
};

struct flow_model *flow_model_new(uint32_t n_slots, uint32_t n_flows, uint32_t idle);
void flow_model_free(struct flow_model *model);

/* Where a packet goes; kind as in flow_rule.h without FLOW_RECENT, which the model adds. */
uint32_t flow_model_packet(struct flow_model *model, uint32_t flow, uint32_t slot, uint32_t kind);

/* Give an own slot to another real. */
void flow_model_change(struct flow_model *model, uint32_t slot, uint32_t cur);

/* Own slots: all that are moving settle, all that are settling and not marked become steady. */
void flow_model_settle(struct flow_model *model);
void flow_model_judge(struct flow_model *model, const bool *is_marked);

/* ---- the ledger ---- */

struct ledger_flow {
	uint32_t real; /* 0: not established, or its real died */
	uint32_t last; /* packet */
};

struct ledger {
	struct ledger_flow *flows;
	uint32_t n_flows, idle;
	uint64_t packets, moved, to_dead, established;
};

struct ledger *ledger_new(uint32_t n_flows, uint32_t idle);
void ledger_free(struct ledger *ledger);

/* Note where a packet went. Returns false when it broke the promise. */
bool ledger_note(struct ledger *ledger, uint32_t flow, bool is_syn, uint32_t real,
		 uint32_t real_flags, uint32_t now);
/* A real died: nothing more is promised to its flows. */
void ledger_died(struct ledger *ledger, uint32_t real);
