/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ring.c - rings in the mapped memory, which is their only copy: a write compares slot by slot
 * and stores the words that differ, each whole.
 *
 * What becomes of the flows of a changed slot is the rule of bpf/flow_rule.h. Here is its part in
 * time: when the pool's slots stop moving, and which settling ones are steady. What the program
 * needs to know of a change (its age) is stored before the slots. in_transition is set before the
 * first slot of a change and counted again after the last, so a ring in transition is found again
 * whatever happens in between.
 *
 * Evidence: while slots settle, the program marks those with a packet that went elsewhere than to
 * cur. All marks of a ring are judged and cleared together, an idle time apart; a slot that begins
 * to settle in between begins with a mark.
 */
#include "src/dataplane/internal.h"

#include <errno.h>
#include <string.h>

#include "bpf/flow_rule.h"

_Static_assert(RING_SLOTS == LB_RING_SLOTS, "rings have the size that the program knows");
_Static_assert(LB_SLOT_NOBODY > LB_REALS_MAX, "nobody is no real");

#define RINGS_A_TICK 16

/* Entries may look young for so much longer than idle, see clock.c and flow_is_young(). */
static usec_t watch_us(const struct dataplane *dp)
{
	return dp->idle_us + 3 * dp->age_us;
}

static void transit_schedule(struct dataplane *dp, uint32_t ring)
{
	const struct lb_ring *r = &dp->rings[ring];
	struct ring_transit *transit = &dp->transits[ring];
	usec_t settles = usec_add(r->changed_us, dp->idle_us);
	usec_t judged = usec_add(r->watched_us, watch_us(dp));

	transit->due_us = USEC_NEVER;
	if (transit->moving)
		transit->due_us = settles;
	if (transit->settling && judged < transit->due_us)
		transit->due_us = judged;
}

/* Publish the sum, after the slots have changed. */
static void transit_publish(struct dataplane *dp, uint32_t ring)
{
	const struct ring_transit *transit = &dp->transits[ring];

	DP_STORE(dp->rings[ring].in_transition, transit->moving + transit->settling);
	mend_head_note(dp, ring);
	transit_schedule(dp, ring);
}

static void mark_set(struct lb_ring *r, uint32_t slot)
{
	__atomic_fetch_or(&r->marks[slot / 64], 1ULL << (slot % 64), __ATOMIC_RELEASE);
}

static bool mark_is_set(const struct lb_ring *r, uint32_t slot)
{
	return DP_LOAD(r->marks[slot / 64]) >> (slot % 64) & 1;
}

static void mark_clear(struct lb_ring *r, uint32_t slot)
{
	__atomic_fetch_and(&r->marks[slot / 64], ~(1ULL << (slot % 64)), __ATOMIC_RELEASE);
}

static void transit_count(struct ring_transit *transit, uint32_t word, uint32_t by)
{
	if (flow_slot_is_steady(word))
		return;
	if (flow_slot_is_moving(word))
		transit->moving += by;
	else
		transit->settling += by;
}

/* The same for a whole ring: a loop without branches, as it runs over every ring at a start. */
static struct ring_transit transit_of(const struct lb_ring *r)
{
	uint32_t steady = 0, moving = 0;

	for (uint32_t s = 0; s < RING_SLOTS; s++) {
		steady += flow_slot_is_steady(r->slots[s]);
		moving += flow_slot_is_moving(r->slots[s]);
	}
	return (struct ring_transit){ .moving = moving, .settling = RING_SLOTS - steady - moving };
}

/* Give a slot another word; the only way a slot changes. */
static void slot_store(struct dataplane *dp, uint32_t ring, uint32_t slot, uint32_t word)
{
	struct lb_ring *r = &dp->rings[ring];

	transit_count(&dp->transits[ring], r->slots[slot], UINT32_MAX);
	transit_count(&dp->transits[ring], word, 1);
	r->sum +=
		LB_RING_WEIGHT(slot) * (LB_SLOT_CUR(word) - (uint64_t)LB_SLOT_CUR(r->slots[slot]));
	mend_slot(dp, ring, slot, r->slots[slot], word);
	DP_STORE(r->slots[slot], word);
}

/* A ring that no service names after a restart was never finished: it is free. */
void rings_rebuild(struct dataplane *dp)
{
	for (uint32_t i = 0; i < LB_SERVICES; i++) {
		const struct lb_service *service = &dp->tables->services[i];

		if (service->flags & LB_SERVICE_USED && service->ring < dp->n_rings)
			dp->ring_used[service->ring] = true;
	}
	for (uint32_t i = 0; i < dp->n_rings; i++) {
		dp->transits[i].due_us = USEC_NEVER;
		if (!dp->ring_used[i] || !dp->rings[i].in_transition)
			continue;
		dp->transits[i] = transit_of(&dp->rings[i]);
		transit_publish(dp, i);
	}
}

/* Each ring has a key of its own: what a former one of its number left in the flow table is not
 * found any more. */
static void ring_init(struct dataplane *dp, uint32_t ring)
{
	memset(&dp->rings[ring], 0, sizeof(dp->rings[ring]));
	DP_TABLE(dp, dp->tables->ring_key, (dp->tables->ring_key + 1) & LB_RING_KEY_MASK);
	dp->rings[ring].key = dp->tables->ring_key;
	dp->transits[ring] = (struct ring_transit){ .due_us = USEC_NEVER };
	mend_ring_note(dp, ring);
}

/* In turn, as a packet may still look at the one that was deleted last. */
int dataplane_ring_new(struct dataplane *dp, uint32_t *ret_ring, struct err *err)
{
	for (uint32_t i = 0; i < dp->n_rings; i++) {
		uint32_t ring = (dp->next_ring + i) % dp->n_rings;

		if (dp->ring_used[ring] || dp->ring_formers[ring])
			continue;
		dp->ring_used[ring] = true;
		dp->next_ring = ring + 1;
		ring_init(dp, ring);
		*ret_ring = ring;
		return 0;
	}
	return err_set(err, -ENOSPC,
		       "all %u rings are taken; a restart of shoald makes room for more pools",
		       dp->n_rings);
}

static int ring_check(const struct dataplane *dp, uint32_t ring, struct err *err)
{
	if (ring >= dp->n_rings || !dp->ring_used[ring])
		return err_set(err, -ENOENT, "there is no ring number %u", ring);
	return 0;
}

int dataplane_ring_del(struct dataplane *dp, uint32_t ring, struct err *err)
{
	int r = ring_check(dp, ring, err);

	if (r < 0)
		return r;
	for (uint32_t i = 0; i < LB_SERVICES; i++) {
		if (dp->tables->services[i].flags & LB_SERVICE_USED &&
		    dp->tables->services[i].ring == ring)
			return err_set(err, -EBUSY, "ring number %u is still used by a service",
				       ring);
	}
	ids_forget(dp, ring);
	dp->ring_used[ring] = false;
	dp->ring_watched[ring] = false;
	dp->transits[ring] = (struct ring_transit){ .due_us = USEC_NEVER };
	return 0;
}

/* ---- changes ---- */

/* How many slots would change; a loop without branches, as it runs over whole rings. */
static uint32_t count_changes(const uint32_t *words, const uint16_t slots[RING_SLOTS])
{
	uint32_t changed = 0;

	for (uint32_t i = 0; i < RING_SLOTS; i++)
		changed += LB_SLOT_CUR(words[i]) != slots[i];
	return changed;
}

/* Every real named anew must have a record. */
static int check_changes(const struct dataplane *dp, const uint32_t *words,
			 const uint16_t slots[RING_SLOTS], struct err *err)
{
	for (uint32_t i = 0; i < RING_SLOTS; i++) {
		if (LB_SLOT_CUR(words[i]) != slots[i] && slots[i] &&
		    !(dp->tables->reals[slots[i]].flags & LB_REAL_USED))
			return err_set(err, -EINVAL,
				       "slot %u would name real %u, which has no record", i,
				       slots[i]);
	}
	return 0;
}

/* Stamp a change that is about to be made. */
static void stamp_change(struct dataplane *dp, uint32_t ring)
{
	struct lb_ring *r = &dp->rings[ring];

	DP_STORE(r->made_of, 0);
	DP_STORE(r->changed_age, clock_age(dp));
	DP_STORE(r->changed_us, clock_now(dp));
	DP_STORE(r->in_transition, RING_SLOTS);
}

static uint64_t ring_sum(const struct lb_ring *r)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < RING_SLOTS; i++)
		sum += LB_RING_WEIGHT(i) * LB_SLOT_CUR(r->slots[i]);
	return sum;
}

/* The first write of a ring: nobody can have used it. */
static void write_fresh(struct dataplane *dp, uint32_t ring, const uint16_t slots[RING_SLOTS])
{
	struct lb_ring *r = &dp->rings[ring];

	for (uint32_t i = 0; i < RING_SLOTS; i++)
		DP_STORE(r->slots[i], LB_SLOT(slots[i], slots[i]));
	r->sum = ring_sum(r);
	DP_STORE(r->changed_age, clock_age(dp));
	DP_STORE(r->changed_us, clock_now(dp));
	mend_ring_note(dp, ring);
}

/* Marks are collected from now on, or have been since earlier: what a new slot begins with. */
static bool watch(struct dataplane *dp, uint32_t ring)
{
	struct lb_ring *r = &dp->rings[ring];

	if (dp->transits[ring].settling)
		return true;
	memset(r->marks, 0, sizeof(r->marks));
	DP_STORE(r->watched_us, clock_now(dp));
	return false;
}

static bool real_lives(const struct dataplane *dp, uint32_t real)
{
	return flow_real_lives(DP_LOAD(dp->tables->reals[real].flags));
}

/* Give a slot to another real; mark is what watch() said. */
static void slot_give(struct dataplane *dp, uint32_t ring, uint32_t i, uint16_t real, bool mark)
{
	struct lb_ring *r = &dp->rings[ring];
	uint32_t word = r->slots[i];

	word = flow_slot_change(word, real, real_lives(dp, flow_slot_unremembered(word)));
	if (mark && flow_slot_is_settling(word))
		mark_set(r, i);
	slot_store(dp, ring, i, word);
}

static void write_changes(struct dataplane *dp, uint32_t ring, const uint16_t slots[RING_SLOTS])
{
	struct lb_ring *r = &dp->rings[ring];
	bool mark;

	stamp_change(dp, ring);
	mark = watch(dp, ring);
	for (uint32_t i = 0; i < RING_SLOTS; i++) {
		if (LB_SLOT_CUR(r->slots[i]) != slots[i])
			slot_give(dp, ring, i, slots[i], mark);
	}
	transit_publish(dp, ring);
}

/* Let a slot settle whose flows may be remembered elsewhere; mark is what watch() said. */
static void slot_keep(struct dataplane *dp, uint32_t ring, uint32_t i, bool mark)
{
	struct lb_ring *r = &dp->rings[ring];
	uint32_t word = r->slots[i];

	if (flow_slot_is_moving(word))
		return; /* the table is asked; it settles later */
	if (mark)
		mark_set(r, i);
	if (flow_slot_is_steady(word))
		slot_store(dp, ring, i, flow_slot_settling(LB_SLOT_CUR(word)));
}

void ring_keep_remembered(struct dataplane *dp, uint32_t ring)
{
	struct lb_ring *r = &dp->rings[ring];
	bool mark;

	if (!r->changed_us)
		return;
	DP_STORE(r->in_transition, RING_SLOTS);
	mark = watch(dp, ring);
	for (uint32_t i = 0; i < RING_SLOTS; i++)
		slot_keep(dp, ring, i, mark);
	transit_publish(dp, ring);
}

int dataplane_ring_write(struct dataplane *dp, uint32_t ring, const uint16_t slots[RING_SLOTS],
			 uint32_t *ret_changed, struct err *err)
{
	uint32_t changed = 0;
	int r = ring_check(dp, ring, err);

	if (r < 0)
		return r;
	changed = count_changes(dp->rings[ring].slots, slots);
	r = changed ? check_changes(dp, dp->rings[ring].slots, slots, err) : 0;
	if (r < 0)
		return r;
	if (!dp->rings[ring].changed_us)
		write_fresh(dp, ring, slots);
	else if (changed)
		write_changes(dp, ring, slots);
	if (ret_changed)
		*ret_changed = changed;
	return 0;
}

int dataplane_ring_move(struct dataplane *dp, uint32_t ring, const uint32_t *slots,
			const uint16_t *reals, size_t n, struct err *err)
{
	int r = ring_check(dp, ring, err);
	bool mark;

	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		if (slots[i] >= RING_SLOTS || !(dp->tables->reals[reals[i]].flags & LB_REAL_USED))
			return err_set(err, -EINVAL,
				       "slot %u would name real %u, which has no record", slots[i],
				       reals[i]);
	}
	if (n == 0)
		return 0;
	stamp_change(dp, ring);
	mark = watch(dp, ring);
	for (size_t i = 0; i < n; i++)
		slot_give(dp, ring, slots[i], reals[i], mark);
	transit_publish(dp, ring);
	return 0;
}

void dataplane_ring_note(struct dataplane *dp, uint32_t ring, uint64_t made_of)
{
	if (ring < dp->n_rings && dp->ring_used[ring])
		DP_STORE(dp->rings[ring].made_of, made_of);
}

bool dataplane_ring_is_of(const struct dataplane *dp, uint32_t ring, uint64_t made_of)
{
	const struct lb_ring *r = &dp->rings[ring];

	return ring < dp->n_rings && dp->ring_used[ring] && made_of && r->changed_us &&
	       DP_LOAD(r->made_of) == made_of && r->sum == ring_sum(r);
}

const uint32_t *dataplane_ring(const struct dataplane *dp, uint32_t ring)
{
	return ring < dp->n_rings && dp->ring_used[ring] ? dp->rings[ring].slots : NULL;
}

/* A real that keeps its flows and takes no new ones. */
static bool real_is_leaving(const struct dataplane *dp, uint32_t real)
{
	uint32_t flags = DP_LOAD(dp->tables->reals[real].flags);

	return flow_real_lives(flags) && !(flags & LB_REAL_TAKES);
}

int dataplane_ring_seed(struct dataplane *dp, uint32_t ring, const uint16_t base[RING_SLOTS],
			struct err *err)
{
	int r = ring_check(dp, ring, err);
	const uint32_t *words;

	if (r < 0)
		return r;
	words = dp->rings[ring].slots;
	stamp_change(dp, ring);
	for (uint32_t i = 0; i < RING_SLOTS; i++) {
		uint32_t cur = LB_SLOT_CUR(words[i]);

		if (base[i] && base[i] != cur && flow_slot_is_steady(words[i]) &&
		    real_is_leaving(dp, base[i]))
			slot_store(dp, ring, i, LB_SLOT(cur, base[i]));
	}
	transit_publish(dp, ring);
	return 0;
}

bool dataplane_ring_transition(const struct dataplane *dp, uint32_t ring,
			       struct dataplane_transition *ret)
{
	if (ring >= dp->n_rings || !dp->ring_used[ring])
		return false;
	*ret = (struct dataplane_transition){ .moving = dp->transits[ring].moving,
					      .settling = dp->transits[ring].settling,
					      .changed_us = dp->rings[ring].changed_us };
	return true;
}

/* ---- slots that somebody else changed ---- */

/* What a slot is to be: cur as it shall be, without a real that has no record beside it. */
static uint32_t slot_mended(const struct dataplane *dp, uint32_t word, uint32_t cur,
			    bool was_steady)
{
	bool is_changed = LB_SLOT_CUR(word) != cur;

	if (was_steady)
		return LB_SLOT(cur, cur);
	if (is_changed || (flow_slot_is_moving(word) && !real_lives(dp, LB_SLOT_ALT(word))))
		return flow_slot_settling(cur);
	return word;
}

static void count_transit(struct dataplane *dp, uint32_t ring)
{
	dp->transits[ring].moving = dp->transits[ring].settling = 0;
	for (uint32_t i = 0; i < RING_SLOTS; i++)
		transit_count(&dp->transits[ring], dp->rings[ring].slots[i], 1);
}

int dataplane_ring_mend(struct dataplane *dp, uint32_t ring, const uint16_t *slots,
			uint32_t *ret_changed, struct err *err)
{
	int r = ring_check(dp, ring, err);
	uint32_t *words, changed = 0;
	bool was_steady;

	if (!r && slots)
		r = check_changes(dp, dp->rings[ring].slots, slots, err);
	if (r < 0)
		return r;
	words = dp->rings[ring].slots;
	was_steady = !dp->transits[ring].moving && !dp->transits[ring].settling;
	if (!was_steady)
		watch(dp, ring);
	for (uint32_t i = 0; i < RING_SLOTS; i++) {
		uint32_t cur = slots ? slots[i] : LB_SLOT_CUR(words[i]);
		uint32_t word = slot_mended(dp, words[i], cur, was_steady);

		changed += word != words[i];
		if (word != words[i])
			DP_STORE(words[i], word);
	}
	dp->rings[ring].sum = ring_sum(&dp->rings[ring]);
	count_transit(dp, ring);
	mend_ring_note(dp, ring);
	transit_publish(dp, ring);
	if (ret_changed)
		*ret_changed = changed;
	return 0;
}

/* ---- time ---- */

void ring_leave_gone_reals(struct dataplane *dp, uint32_t ring)
{
	struct lb_ring *r = &dp->rings[ring];
	bool found = false;
	bool mark;

	if (!dp->transits[ring].moving)
		return;
	mark = dp->transits[ring].settling != 0;
	for (uint32_t i = 0; i < RING_SLOTS; i++) {
		uint32_t word = r->slots[i];

		if (!flow_slot_is_moving(word) ||
		    DP_LOAD(dp->tables->reals[LB_SLOT_ALT(word)].flags) & LB_REAL_USED)
			continue;
		if (!found && !mark)
			watch(dp, ring);
		found = true;
		if (mark)
			mark_set(r, i);
		else
			mark_clear(r, i);
		slot_store(dp, ring, i, flow_slot_settling(LB_SLOT_CUR(word)));
	}
	if (found)
		transit_publish(dp, ring);
}

/* One slot, when its ring is due. */
static void slot_advance(struct dataplane *dp, uint32_t ring, uint32_t i, bool settles, bool judges)
{
	struct lb_ring *r = &dp->rings[ring];
	uint32_t word = r->slots[i], cur = LB_SLOT_CUR(word);
	bool is_marked = mark_is_set(r, i);

	if (is_marked)
		mark_clear(r, i);
	if (settles && flow_slot_is_moving(word))
		slot_store(dp, ring, i, flow_slot_settling(cur));
	else if (judges && !is_marked && flow_slot_is_settling(word))
		slot_store(dp, ring, i, LB_SLOT(cur, cur));
}

static void ring_advance(struct dataplane *dp, uint32_t ring, usec_t now)
{
	const struct ring_transit *transit = &dp->transits[ring];
	struct lb_ring *r = &dp->rings[ring];
	bool settles = transit->moving && usec_add(r->changed_us, dp->idle_us) <= now;
	bool judges = transit->settling && usec_add(r->watched_us, watch_us(dp)) <= now;

	if (!settles && !judges) {
		transit_schedule(dp, ring);
		return;
	}
	for (uint32_t i = 0; i < RING_SLOTS; i++)
		slot_advance(dp, ring, i, settles, judges);
	DP_STORE(r->watched_us, now);
	transit_publish(dp, ring);
}

void rings_reschedule(struct dataplane *dp)
{
	for (uint32_t i = 0; i < dp->n_rings; i++)
		transit_schedule(dp, i);
}

usec_t dataplane_tick(struct dataplane *dp, usec_t now)
{
	usec_t next = flows_sweep(dp, now), formers = formers_tick(dp, now);
	uint32_t done = 0;

	if (formers < next)
		next = formers;

	for (uint32_t i = 0; i < dp->n_rings; i++) {
		if (dp->transits[i].due_us <= now && done++ < RINGS_A_TICK)
			ring_advance(dp, i, now);
		if (dp->transits[i].due_us < next)
			next = dp->transits[i].due_us;
	}
	return next;
}
