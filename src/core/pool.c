/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool.c - reals and quorum.
 *
 * Verdicts come per check; a real is up when all its checks pass, down when one fails. It is usable
 * when it is up, has a next hop on some uplink, and no operator took it out. One that is taken out
 * is judged as ever, counts for nothing, and nobody waits for its judgement.
 *
 * Quorum counts the reals that would serve now: usable normal ones, or usable backups when there
 * is none. It is reached at `return` and kept down to `stay`. A quorum that is missing only next
 * hops is kept for a second, since a neighbour entry may be on its way back.
 *
 * A held pool (see core.h) has unknown reals whose past is known: they go on as they were. Its
 * quorum then has three values: surely there, surely lost, or undecided, which keeps what it was.
 * When no real is left that surely serves, unknown ones do, whatever they were: an announced VIP
 * with an empty ring would help nobody.
 */
#include "src/core/internal.h"

#include <string.h>

/* ---- facts ---- */

static struct pool *pool_of(struct core *core, uint32_t pool, uint32_t real)
{
	const struct config *config = core->tables.config;

	if (pool >= config->n_pools || real >= config->pools[pool].n_reals)
		return NULL;
	return &core->tables.pools[pool];
}

/* The check that decides: a failing one, else an undecided one, else the last; NULL without checks.
 */
static const struct core_check *deciding_check(const struct pool *pool, size_t real)
{
	size_t n = pool->view.config->n_checks;
	const struct core_check *results = &pool->checks[real * n], *unknown = NULL;

	for (size_t i = 0; i < n; i++) {
		if (results[i].state == REAL_DOWN)
			return &results[i];
		if (results[i].state == REAL_UNKNOWN && !unknown)
			unknown = &results[i];
	}
	return unknown ? unknown : n ? &results[n - 1] : NULL;
}

/* What one check hears is not gone for the others. */
static enum real_sign joint_sign(const struct pool *pool, size_t real)
{
	size_t n = pool->view.config->n_checks;
	const struct core_check *results = &pool->checks[real * n];
	enum real_sign sign = REAL_SIGN_NONE;

	for (size_t i = 0; i < n; i++) {
		if (results[i].state == REAL_UP || results[i].sign == REAL_SIGN_ANSWERS)
			return REAL_SIGN_ANSWERS;
		if (results[i].sign == REAL_SIGN_GONE)
			sign = REAL_SIGN_GONE;
	}
	return sign;
}

void pool_judge_real(struct pool *pool, size_t i, usec_t now)
{
	struct core_real *real = &pool->reals[i];
	const struct core_check *by = deciding_check(pool, i);
	enum real_state state = by ? by->state : REAL_UP;
	enum real_sign sign = joint_sign(pool, i);

	real->reason = by ? by->reason : PROBE_NO_CHECK;
	real->in_a_row = by ? by->in_a_row : 0;
	memset(real->evidence, 0, sizeof(real->evidence));
	if (by)
		memcpy(real->evidence, by->evidence, sizeof(real->evidence));
	if (sign != real->sign)
		pool->is_dirty = pool->is_heard_anew = true;
	real->sign = sign;
	if (state == real->state)
		return;
	real_move(real, state, now);
	pool->is_dirty = true;
}

/* Twice as long as the slowest check may take to decide. */
static usec_t judge_us(const struct config *config, const struct config_pool *pool)
{
	usec_t most = JUDGE_LEAST_US;

	for (size_t i = 0; i < pool->n_checks; i++) {
		const struct config_check *check = &config->checks[pool->checks[i]];
		uint32_t times = check->rise > check->fall ? check->rise : check->fall;
		usec_t once = check->interval_us +
			      check->interval_us * check->jitter_percent / 100 + check->timeout_us;

		if (2 * times * once > most)
			most = 2 * times * once;
	}
	return most;
}

void pool_hold(struct core *core, struct pool *pool)
{
	const struct config *config = core->tables.config;
	usec_t from = core->first_verdict_at;

	if (from && pool->held_from > from)
		from = pool->held_from;
	pool->view.is_held = true;
	pool->held_until = from ? from + judge_us(config, pool->view.config) : USEC_NEVER;
	pool->is_dirty = true;
}

/* The prober lives: what it cannot judge from now on is not held for ever. */
static void first_verdict(struct core *core)
{
	core->first_verdict_at = core->now;
	for (size_t i = 0; i < core->tables.config->n_pools; i++)
		if (core->tables.pools[i].view.is_held)
			pool_hold(core, &core->tables.pools[i]);
}

/* The place of what a verdict says, or NULL when it says it of nothing. */
static struct core_check *check_of(struct core *core, const struct core_verdict *verdict)
{
	struct pool *pool = pool_of(core, verdict->pool, verdict->real);

	if (!pool || verdict->check >= pool->view.config->n_checks ||
	    verdict->state >= REAL_STATE_MAX || verdict->reason >= PROBE_REASON_MAX ||
	    verdict->sign >= REAL_SIGN_MAX)
		return NULL;
	return &pool->checks[verdict->real * pool->view.config->n_checks + verdict->check];
}

static void check_take(struct core_check *check, const struct core_verdict *verdict, usec_t since)
{
	if (check->state != verdict->state)
		check->since = since;
	check->state = verdict->state;
	check->latency_us = verdict->latency_us;
	check->next_due = verdict->next_due;
	/* A probe that did not pass has not looked at the certificate; what was seen stays. */
	if (verdict->reason == PROBE_OK || verdict->cert_ends != 0)
		check->cert_ends = verdict->cert_ends;
	check->reason = verdict->reason;
	check->in_a_row = verdict->in_a_row;
	check->sign = verdict->sign;
	memcpy(check->evidence, verdict->evidence, sizeof(check->evidence));
	check->evidence[sizeof(check->evidence) - 1] = '\0';
}

static bool check_is_in_doubt(const struct core_check *check)
{
	return check->state == REAL_UP && probe_reason_is_failure(check->reason);
}

bool pool_doubts_real(const struct pool *pool, size_t real)
{
	size_t n = pool->view.config->n_checks;

	for (size_t i = 0; i < n; i++)
		if (check_is_in_doubt(&pool->checks[real * n + i]))
			return true;
	return false;
}

bool pool_verdict(struct core *core, const struct core_verdict *verdict)
{
	struct pool *pool = pool_of(core, verdict->pool, verdict->real);
	struct core_check *check = check_of(core, verdict);
	bool was_in_doubt = check && check_is_in_doubt(check);

	if (!check)
		return false;
	if (verdict->state == REAL_UNKNOWN && check->state != REAL_UNKNOWN)
		return false; /* no verdict changes nothing */
	if (verdict->state != REAL_UNKNOWN && !core->first_verdict_at)
		first_verdict(core);
	check_take(check, verdict, core->now);
	check->told_at = core->now;
	pool->is_dirty |= check_is_in_doubt(check) != was_in_doubt; /* common mode asks */
	pool_judge_real(pool, verdict->real, core->now);
	return core->first_verdict_at == core->now || pool->is_dirty;
}

/* Since when it is in its state, from its checks: down by the first that failed, up by the last. */
static usec_t state_since(const struct pool *pool, size_t real)
{
	size_t n = pool->view.config->n_checks;
	const struct core_check *checks = &pool->checks[real * n];
	usec_t first_down = USEC_NEVER, last = 0;

	for (size_t i = 0; i < n; i++) {
		if (checks[i].state == REAL_DOWN && checks[i].since < first_down)
			first_down = checks[i].since;
		if (checks[i].since > last)
			last = checks[i].since;
	}
	return first_down < USEC_NEVER ? first_down : last;
}

/*
 * What was kept of a real may be seconds older than what the data plane was told of it: a real that
 * died or came back since is not judged.
 */
static bool is_outdated(const struct core_real *real, enum real_state kept)
{
	return (kept == REAL_UP && real->life == REAL_DEAD) ||
	       (kept == REAL_DOWN && real->life == REAL_TAKES);
}

void pool_adopt_verdict(struct core *core, const struct core_verdict *verdict, usec_t since)
{
	struct pool *pool = pool_of(core, verdict->pool, verdict->real);
	struct core_check *check = check_of(core, verdict);

	if (!check || verdict->state == REAL_UNKNOWN ||
	    is_outdated(&pool->reals[verdict->real], verdict->state))
		return;
	check_take(check, verdict, since < core->now ? since : core->now);
	pool_judge_real(pool, verdict->real, core->now);
	if (pool->reals[verdict->real].state != REAL_UNKNOWN)
		pool->reals[verdict->real].since = state_since(pool, verdict->real);
}

bool pool_next_hop(struct core *core, const struct core_next_hop *next_hop)
{
	struct pool *pool = pool_of(core, next_hop->pool, next_hop->real);
	struct core_real *real;

	if (!pool || pool->reals[next_hop->real].config->is_local)
		return false;
	real = &pool->reals[next_hop->real];
	if (pool->facts[next_hop->real].next_hop_known && real->has_next_hop == next_hop->usable)
		return false;
	pool->facts[next_hop->real].next_hop_known = true;
	real->has_next_hop = next_hop->usable;
	pool->facts[next_hop->real].way_lost_since = next_hop->usable ? 0 : core->now;
	pool->is_dirty = pool->is_heard_anew = true;
	return true;
}

bool pool_order(struct core *core, const struct core_real_order *order)
{
	struct pool *pool = pool_of(core, order->pool, order->real);

	if (!pool || order->order >= REAL_ORDER_MAX ||
	    pool->reals[order->real].order == order->order)
		return false;
	pool->reals[order->real].order = order->order;
	/* Whoever calls it dead no longer hears it, and the other way round. */
	pool->is_dirty = pool->is_heard_anew = true;
	return true;
}

bool pool_forgive(struct core *core, const struct core_forgive *forgive)
{
	struct pool *pool = pool_of(core, forgive->pool, forgive->real);
	struct real_facts *facts;

	if (!pool)
		return false;
	facts = &pool->facts[forgive->real];
	facts->starts_slowly = false;
	facts->started_at = 0;
	facts->is_forgiven = pool->reals[forgive->real].state == REAL_DOWN;
	pool->is_dirty = true;
	return true;
}

/* ---- conclusions ---- */

static bool real_is_usable(const struct core_real *real)
{
	return real->state == REAL_UP && real->has_next_hop && !real->order;
}

bool pool_real_is_unknown(const struct pool *pool, size_t i)
{
	const struct core_real *real = &pool->reals[i];
	bool next_hop_known = pool->facts[i].next_hop_known;

	return !real->order && real->state != REAL_DOWN &&
	       (real->state == REAL_UNKNOWN || !next_hop_known) &&
	       (real->has_next_hop || !next_hop_known);
}

struct tally {
	uint32_t normal, backup;
};

static void tally_add(struct tally *tally, const struct core_real *real, bool counts)
{
	if (counts)
		(*(real->config->is_backup ? &tally->backup : &tally->normal))++;
}

/* How many would serve. */
static uint32_t serving(const struct tally *tally)
{
	return tally->normal ? tally->normal : tally->backup;
}

struct tallies {
	struct tally usable;  /* surely */
	struct tally healthy; /* up, whatever their next hop */
	struct tally kept;    /* surely, or by common mode */
	uint32_t possible;    /* the most that could turn out to be serving */
	bool any_unknown;
};

static struct tallies pool_tally(const struct core *core, const struct pool *pool)
{
	struct tallies t = { 0 };
	struct tally unknown = { 0 }, most;

	for (size_t i = 0; i < pool->view.config->n_reals; i++) {
		const struct core_real *real = &pool->reals[i];

		tally_add(&t.usable, real, real_is_usable(real));
		tally_add(&t.healthy, real, real->state == REAL_UP && !real->order);
		tally_add(&t.kept, real, real_is_usable(real) || common_keeps(core, pool, i));
		tally_add(&unknown, real, pool_real_is_unknown(pool, i));
	}
	most = (struct tally){ t.usable.normal + unknown.normal, t.usable.backup + unknown.backup };
	/* With no normal real sure, all unknown ones may fail and the backups serve. */
	t.possible = most.normal;
	if (t.usable.normal == 0 && most.backup > t.possible)
		t.possible = most.backup;
	t.any_unknown = unknown.normal + unknown.backup > 0;
	return t;
}

static bool quorum_holds(struct core *core, struct pool *pool, const struct tallies *t)
{
	const struct config_pool *config = pool->view.config;
	uint32_t need = pool->view.has_quorum ? config->quorum_stay : config->quorum_return;

	pool->lacks_next_hop = false;
	if (serving(&t->usable) >= need) {
		pool->short_since = 0;
		return true;
	}
	if (pool->view.has_quorum && pool->view.is_held && t->possible >= need)
		return true;
	if (pool_keeps_quorum(pool) ||
	    (pool->view.has_quorum && pool->common_from && serving(&t->kept) >= need)) {
		pool->short_since = 0;
		return true;
	}
	pool->lacks_next_hop = serving(&t->healthy) >= need;
	if (!pool->view.has_quorum || !pool->lacks_next_hop) {
		pool->short_since = 0;
		return false;
	}
	if (pool->short_since == 0)
		pool->short_since = core->now;
	return !core_is_due(core, pool->short_since + NEXT_HOP_GRACE_US);
}

/* Unknown reals of a held pool go on as they were; all_unknown: serve whatever they were. */
static bool real_takes(const struct pool *pool, size_t i, bool all_unknown)
{
	if (real_is_usable(&pool->reals[i]))
		return true;
	return pool->view.is_held && pool_real_is_unknown(pool, i) &&
	       (all_unknown || pool->facts[i].was_taking);
}

static bool any_takes(const struct pool *pool)
{
	for (size_t i = 0; i < pool->view.config->n_reals; i++)
		if (real_takes(pool, i, false))
			return true;
	return false;
}

/* Who takes new flows; true when that or a share changed. */
static bool takers_update(struct core *core, struct pool *pool)
{
	bool all_unknown = !any_takes(pool), *takes = core->tables.scratch;

	for (size_t i = 0; i < pool->view.config->n_reals; i++)
		takes[i] = real_takes(pool, i, all_unknown);
	return pool_serve(core, pool, takes);
}

bool pool_has_taker(const struct pool *pool)
{
	for (size_t i = 0; i < pool->view.config->n_reals; i++)
		if (pool->takes[i])
			return true;
	return false;
}

void pool_update(struct core *core, struct pool *pool)
{
	struct tallies t = pool_tally(core, pool);
	bool had_quorum = pool->view.has_quorum;

	if (pool->view.is_held && (!t.any_unknown || core_is_due(core, pool->held_until))) {
		pool->view.is_held = false;
		pool->view.is_judged = true;
	}
	pool->view.usable = t.usable.normal;
	pool->view.usable_backups = t.usable.backup;
	pool->view.has_quorum = quorum_holds(core, pool, &t);
	pool->view.is_judged = !t.any_unknown ||
			       serving(&t.usable) >= pool->view.config->quorum_return ||
			       (pool->view.is_judged && !pool->view.is_held);
	if (pool->view.has_quorum != had_quorum)
		pool->view.quorum_since = core->now;
	if (takers_update(core, pool))
		core->tables.desired_pools[pool - core->tables.pools].version = ++core->version;
	if (lives_update(core, pool))
		core->tables.desired_pools[pool - core->tables.pools].lives_version =
			++core->lives_version;
	pool->is_dirty = false;
}

bool pool_is_in_force(const struct core *core, uint32_t i, const struct observed_pool *observed)
{
	return observed->reals_programmed && observed->ring_version &&
	       (observed->ring_version == core->tables.desired_pools[i].version ||
		!pool_has_taker(&core->tables.pools[i]));
}
