/* SPDX-License-Identifier: Apache-2.0 */
/*
 * site.h - one node in a test: a core, the fake world it acts on, and virtual time. Sentences of a
 * test become calls: site_verdict_all(&s, REAL_UP); site_run(&s); site_pass(&s, 5 * USEC_PER_SEC).
 */
#pragma once

#include "src/core/core.h"
#include "tests/lib/fake_world.h"

#define SITE_OPS   64
#define SITE_TRACE 256

struct site {
	struct core *core;
	struct world world;
	usec_t now;
	struct op trace[SITE_TRACE]; /* ops done since site_trace_clear() */
	size_t n_trace;
	bool is_silent_router; /* ops on routes are lost */
};

/* A controller at 1000 s; nothing known but the config. */
void site_start(struct site *site, const struct config *config);
void site_stop(struct site *site);
/* The controller dies and another starts on the same world; adopt: reads the rings it finds. */
void site_restart(struct site *site, const struct config *config, bool adopt);

void site_step(struct site *site, struct core_event event);

void site_verdict(struct site *site, uint32_t pool, uint32_t real, enum real_state state);
void site_check(struct site *site, uint32_t pool, uint32_t real, uint32_t check,
		enum real_state state, enum probe_reason reason);
void site_verdict_all(struct site *site, enum real_state state);
void site_next_hop(struct site *site, uint32_t pool, uint32_t real, bool usable);
void site_uplink(struct site *site, uint32_t uplink, bool present, bool carrier, bool xdp);
void site_router(struct site *site, bool connected, bool instance, uint32_t peers);
void site_drain(struct site *site, uint32_t vip, bool set, bool force);
void site_order(struct site *site, uint32_t pool, uint32_t real, enum real_order order);
void site_fence(struct site *site, bool fenced);
void site_traffic(struct site *site, uint32_t vip, uint64_t pps);

/* Router, uplinks and next hops all fine. */
void site_facts_good(struct site *site);

/* Plan, do, observe until nothing is left to do now; asserts that this ends. */
void site_run(struct site *site);

/* Let time go on, stepping at each timer and acting on it. */
void site_pass(struct site *site, usec_t how_long);

/* Everything good, all reals up, run. */
void site_serve(struct site *site);

const struct core_vip *site_vip(const struct site *site, uint32_t vip);
void site_trace_clear(struct site *site);
/* Where the op stands in the trace, or -1. */
int site_trace_find(const struct site *site, enum op_kind kind, uint32_t index);
