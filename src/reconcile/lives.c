/* SPDX-License-Identifier: Apache-2.0 */
#include "src/reconcile/lives.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/auto.h"
#include "src/base/log.h"
#include "src/dataplane/dataplane.h"

#define LOOK_US (1 * USEC_PER_SEC)

struct leaver {
	struct lives_leaver view;
	uint64_t packets; /* to it, as last seen */
};

/* What pools say of an address: 1 << life, or-ed, and whether one hears it. */
#define SAID_HEARD 0x80U
_Static_assert(REAL_LIFE_MAX < 7, "lives and what is heard share a byte");

struct lives {
	struct lives_options options;
	uint64_t version;                /* of the core's lives that is carried out */
	bool is_due;                     /* whatever the version says */
	uint8_t joints[UINT16_MAX + 1];  /* what all pools say, by index */
	uint8_t written[UINT16_MAX + 1]; /* the joint that was written; 0: not known */
	/* of every real of every pool; NULL: look them up and ask again */
	uint16_t *index;
	uint8_t *said;
	uint64_t *asked; /* the lives_version that said is of, per pool */
	struct leaver *leavers;
	size_t n_leavers;
	usec_t look_at;
};

static const enum dataplane_real_life in_dataplane[REAL_LIFE_MAX] = {
	[REAL_TAKES] = DATAPLANE_REAL_TAKES,
	[REAL_LEAVING] = DATAPLANE_REAL_LEAVING,
	[REAL_DEAD] = DATAPLANE_REAL_DEAD,
};

/* is_judged: it is news. The first word on a real that nobody knows yet is none. */
static int set_life(struct lives *l, const struct addr *addr, enum real_life life, bool is_judged)
{
	enum dataplane_real_life is, shall = in_dataplane[life];
	struct err err;
	int r;

	if (!dataplane_real_life(l->options.dataplane, addr, &is) || is == shall)
		return 0;
	r = dataplane_set_real_life(l->options.dataplane, addr, shall, &err);
	if (r < 0)
		log_warn("real_life", "real=%s life=%s error=%s", ADDR_STR(addr),
			 real_life_str(life), LOG_QUOTE(err.text));
	else if (is_judged)
		log_notice("real_life", "real=%s life=%s", ADDR_STR(addr), real_life_str(life));
	else
		log_debug("real_life", "real=%s life=%s judged=no", ADDR_STR(addr),
			  real_life_str(life));
	return r;
}

/* ---- reals of the config ---- */

/* Pools that no service uses have no checks running and give nobody flows: they have no say. */
static bool pool_has_a_say(const struct lives *l, uint32_t pool)
{
	return core_desired(l->options.core)->pools[pool].is_needed;
}

static size_t count_reals(const struct lives *l)
{
	const struct config *config = core_config(l->options.core);
	size_t n = 0;

	for (size_t p = 0; p < config->n_pools; p++)
		n += config->pools[p].n_reals;
	return n;
}

/* Look everything up, ask and write it again. */
static void forget(struct lives *l)
{
	l->is_due = true;
	free(l->index);
	free(l->said);
	free(l->asked);
	l->index = NULL;
	l->said = NULL;
	l->asked = NULL;
	memset(l->written, 0, sizeof(l->written));
}

/* Where every real stands in the data plane, pool after pool. */
static int index_reals(struct lives *l)
{
	const struct config *config = core_config(l->options.core);
	size_t at = 0, n = count_reals(l) + 1;

	l->index = calloc(n, sizeof(*l->index));
	l->said = calloc(n, sizeof(*l->said));
	l->asked = calloc(config->n_pools + 1, sizeof(*l->asked));
	if (!l->index || !l->said || !l->asked) {
		forget(l);
		return -ENOMEM;
	}
	for (size_t p = 0; p < config->n_pools; p++)
		for (size_t i = 0; i < config->pools[p].n_reals; i++)
			l->index[at++] = dataplane_real_index(l->options.dataplane,
							      &config->pools[p].reals[i].addr);
	return 0;
}

/* Kept, as reading the records of all reals for each that changes takes milliseconds. */
static void ask_pool(struct lives *l, uint32_t p, size_t at)
{
	const struct core_pool *pool = core_pool(l->options.core, p);
	uint64_t version = core_desired(l->options.core)->pools[p].lives_version;

	if (version && l->asked[p] == version)
		return;
	for (size_t i = 0; i < pool->config->n_reals; i++) {
		const struct core_real *real = &pool->reals[i];
		bool is_heard = real->sign == REAL_SIGN_ANSWERS && real->has_next_hop &&
				real->order != REAL_DISABLED;

		l->said[at + i] = (uint8_t)(1U << real->life | (is_heard ? SAID_HEARD : 0));
	}
	l->asked[p] = version;
}

static void join_pool(struct lives *l, uint32_t p, size_t at)
{
	size_t n = core_pool(l->options.core, p)->config->n_reals;

	ask_pool(l, p, at);
	for (size_t i = at; i < at + n; i++)
		l->joints[l->index[i]] |= l->said[i];
}

static void write_pool(struct lives *l, uint32_t p, size_t at)
{
	const struct config_pool *pool = core_pool(l->options.core, p)->config;

	for (size_t i = 0; i < pool->n_reals; i++) {
		uint16_t index = l->index[at + i];
		uint8_t joint = l->joints[index];
		unsigned lives = joint & ~SAID_HEARD;
		enum real_life life;

		if (l->written[index] == joint)
			continue;
		life = real_life_join(lives, joint & SAID_HEARD);
		if (life != REAL_LIFE_UNKNOWN &&
		    set_life(l, &pool->reals[i].addr, life, lives != 1U << REAL_LIFE_UNKNOWN) < 0)
			l->is_due = true; /* with the next pass again */
		else
			l->written[index] = joint;
	}
}

static void for_pools(struct lives *l, void (*act)(struct lives *l, uint32_t pool, size_t at))
{
	size_t at = 0;

	for (uint32_t p = 0; p < core_n_pools(l->options.core); p++) {
		if (pool_has_a_say(l, p))
			act(l, p, at);
		at += core_pool(l->options.core, p)->config->n_reals;
	}
}

void lives_carry_out(struct lives *l)
{
	uint64_t version = core_desired(l->options.core)->lives_version;

	if (version == l->version && !l->is_due)
		return;
	if (!l->index && index_reals(l) < 0)
		return; /* with the next pass */
	memset(l->joints, 0, sizeof(l->joints));
	for_pools(l, join_pool);
	l->is_due = false;
	for_pools(l, write_pool);
	l->version = version;
}

void lives_reals_changed(struct lives *l)
{
	forget(l);
}

/* ---- reals that left it ---- */

static const struct leaver *leaver_find(const struct lives *l, const struct addr *addr)
{
	for (size_t i = 0; i < l->n_leavers; i++)
		if (addr_eq(&l->leavers[i].view.addr, addr))
			return &l->leavers[i];
	return NULL;
}

/* By index, UINT16_MAX + 1 of them: the programmed reals that the config has; NULL: no memory. */
static bool *mark_configured(struct lives *l)
{
	bool *configured = NULL;
	size_t n = count_reals(l);

	forget(l);
	if (index_reals(l) == 0)
		configured = calloc(UINT16_MAX + 1, sizeof(*configured));
	for (size_t i = 0; configured && i < n; i++)
		configured[l->index[i]] = true;
	return configured;
}

/* One that is dead stays so: its flows have gone to others and must not be sent back to nobody. */
static void leave(struct lives *l, const struct addr *addr)
{
	enum dataplane_real_life life;

	if (dataplane_real_life(l->options.dataplane, addr, &life) && life != DATAPLANE_REAL_DEAD)
		set_life(l, addr, REAL_LEAVING, true);
}

void lives_config_changed(struct lives *l)
{
	AUTO(freep) bool *configured = mark_configured(l);
	AUTO(freep) struct addr *reals = NULL;
	struct leaver *leavers;
	struct err err;
	size_t n = 0, n_leavers = 0;

	l->look_at = 0;
	if (!configured || dataplane_list_reals(l->options.dataplane, &reals, &n, &err) < 0)
		return;
	leavers = calloc(n + 1, sizeof(*leavers));
	if (!leavers)
		return; /* they stay programmed until the next reload */
	for (size_t i = 0; i < n; i++) {
		const struct leaver *was = leaver_find(l, &reals[i]);

		if (configured[dataplane_real_index(l->options.dataplane, &reals[i])])
			continue;
		leavers[n_leavers++] = was ? *was : (struct leaver){ .view.addr = reals[i] };
		leave(l, &reals[i]);
	}
	free(l->leavers);
	l->leavers = leavers;
	l->n_leavers = n_leavers;
}

static void look_at(struct lives *l, struct leaver *leaver, usec_t now)
{
	struct dataplane_count count;

	if (!dataplane_real_count(l->options.dataplane, &leaver->view.addr, &count))
		return;
	if (leaver->view.since == 0)
		leaver->view.since = now;
	if (leaver->view.quiet_since == 0 || count.packets != leaver->packets)
		leaver->view.quiet_since = now;
	leaver->packets = count.packets;
}

static bool is_quiet(const struct lives *l, const struct leaver *leaver, usec_t now)
{
	return now >=
	       usec_add(leaver->view.quiet_since, core_config(l->options.core)->node.idle_us);
}

bool lives_watch(struct lives *l, usec_t now, usec_t *ret_next)
{
	bool any = false;

	*ret_next = l->n_leavers ? l->look_at : USEC_NEVER;
	if (l->n_leavers == 0 || now < l->look_at)
		return false;
	for (size_t i = 0; i < l->n_leavers; i++) {
		look_at(l, &l->leavers[i], now);
		any |= is_quiet(l, &l->leavers[i], now);
	}
	*ret_next = l->look_at = now + LOOK_US;
	return any;
}

/* False when something still names it, as a source route of a service that is on its way out. */
static bool delete_real(struct lives *l, const struct addr *addr)
{
	struct err err;
	int r = dataplane_del_real(l->options.dataplane, addr, &err);

	if (r == -EBUSY)
		return false;
	if (r < 0)
		log_warn("real_del", "real=%s error=%s", ADDR_STR(addr), LOG_QUOTE(err.text));
	else
		log_info("real_del", "real=%s", ADDR_STR(addr));
	if (l->options.real_deleted)
		l->options.real_deleted(addr, l->options.arg);
	return true;
}

void lives_collect(struct lives *l, usec_t now, const bool *named)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n_leavers; i++) {
		const struct leaver *leaver = &l->leavers[i];
		uint16_t index = dataplane_real_index(l->options.dataplane, &leaver->view.addr);

		if (!is_quiet(l, leaver, now) || named[index] ||
		    !delete_real(l, &leaver->view.addr))
			l->leavers[n++] = *leaver;
	}
	l->n_leavers = n;
}

bool lives_leaver(const struct lives *l, size_t i, struct lives_leaver *ret)
{
	if (i >= l->n_leavers)
		return false;
	*ret = l->leavers[i].view;
	return true;
}

/* ---- life ---- */

static void adopt_pool(const struct lives *l, uint32_t p)
{
	static const enum real_life in_core[] = {
		[DATAPLANE_REAL_TAKES] = REAL_TAKES,
		[DATAPLANE_REAL_LEAVING] = REAL_LEAVING,
		[DATAPLANE_REAL_DEAD] = REAL_DEAD,
	};
	const struct config_pool *pool = core_pool(l->options.core, p)->config;

	for (uint32_t i = 0; i < pool->n_reals; i++) {
		enum dataplane_real_life life;

		if (dataplane_real_life(l->options.dataplane, &pool->reals[i].addr, &life))
			core_adopt_life(l->options.core, p, i, in_core[life]);
	}
}

int lives_new(const struct lives_options *options, struct lives **ret, struct err *err)
{
	struct lives *l = calloc(1, sizeof(*l));

	if (!l)
		return err_set(err, -ENOMEM, "lives of reals: %m");
	l->options = *options;
	for (uint32_t p = 0; p < core_n_pools(options->core); p++)
		adopt_pool(l, p);
	*ret = l;
	return 0;
}

void lives_free(struct lives *l)
{
	if (!l)
		return;
	free(l->leavers);
	forget(l);
	free(l);
}
