/* SPDX-License-Identifier: Apache-2.0 */
#include "src/reconcile/drained.h"

#include <errno.h>
#include <string.h>

#include "src/base/log.h"
#include "src/reconcile/drains.h"

#define READ_AGAIN_US (5 * USEC_PER_SEC)

static const char *what(const struct prefix *vip, char buf[PREFIX_TEXT_MAX])
{
	if (!vip)
		return "node";
	return prefix_print(vip, buf);
}

static void log_drain(const char *event, const struct prefix *vip, const struct core_drain *drain,
		      const char *more)
{
	char buf[PREFIX_TEXT_MAX];

	log_notice(event, "what=%s owner=%s reason=%s %s", what(vip, buf), LOG_QUOTE(drain->owner),
		   LOG_QUOTE(drain->reason), more);
}

/* The drain of a VIP, or of the node, that stands now, or NULL. */
static const struct core_drain *current(const struct core *core, uint32_t vip)
{
	if (vip == CORE_NONE)
		return core_node(core)->is_drained ? &core_node(core)->drain : NULL;
	return core_vip(core, vip)->is_drained ? &core_vip(core, vip)->drain : NULL;
}

static const struct prefix *prefix_of(const struct core *core, uint32_t vip)
{
	return vip == CORE_NONE ? NULL : &core_vip(core, vip)->prefix;
}

/* ---- the end ---- */

static bool is_over(const struct core_drain *drain, uint64_t wall_us, usec_t now)
{
	return core_drain_left(drain, wall_us, now) == 0;
}

/* Ended even where the file cannot be removed: the next start ends it again. */
static void expire(const struct drained *drained, const struct prefix *vip,
		   const struct core_drain *drain)
{
	struct err err;

	if (drains_clear(drained->state_dir, vip, &err) < 0)
		log_warn("undrain", "error=%s", LOG_QUOTE(err.text));
	log_drain("undrain", vip, drain, "ended=expired");
}

/* The machine goes down: the node stays drained, by another owner. */
static void go_on_by_shutdown(struct drained *drained, const struct core_drain *ended)
{
	struct err err;

	log_drain("undrain", NULL, ended, "ended=expired hint=\"drained on for the shutdown\"");
	if (drains_store(drained->state_dir, NULL, &drained->shutdown, &err) < 0)
		log_warn("drain", "error=%s", LOG_QUOTE(err.text));
	drained->tell(&drained->shutdown, drained->arg);
	drained->shutdown.set = false;
}

static void watch_one(struct drained *drained, uint32_t vip, uint64_t wall_us, usec_t now)
{
	const struct core_drain *drain = current(drained->core, vip);
	struct core_drain end = { .vip = vip };

	if (!drain || !is_over(drain, wall_us, now))
		return;
	if (vip == CORE_NONE && drained->shutdown.set) {
		go_on_by_shutdown(drained, drain);
		return;
	}
	expire(drained, prefix_of(drained->core, vip), drain);
	drained->tell(&end, drained->arg);
}

/* ---- files ---- */

struct loading {
	struct drained *drained;
	bool at_start;
	uint64_t wall_us;
	usec_t now;
	bool has_node; /* on file, where nobody could tell before */
	struct core_drain node;
};

/* The machine is up again; where the file cannot be removed the node stays drained. */
static bool shutdown_is_over(const struct drained *drained, const struct prefix *vip,
			     const struct core_drain *drain)
{
	struct err err;

	if (!core_drain_is_shutdown(drain) || drain->given_at)
		return false;
	if (drains_clear(drained->state_dir, vip, &err) < 0) {
		log_err("undrain", "error=%s hint=\"still drained by the last shutdown\"",
			LOG_QUOTE(err.text));
		return false;
	}
	log_drain("undrain", vip, drain, "ended=booted");
	return true;
}

static void found(const struct prefix *vip, const struct core_drain *drain, void *arg)
{
	struct loading *loading = arg;
	const struct drained *drained = loading->drained;
	struct core_drain told = *drain;

	if (!vip && drained->is_unread) { /* or it says so again */
		loading->has_node = true;
		loading->node = *drain;
		return;
	}
	if (!vip && !loading->at_start)
		return; /* known since it was given; or no more than that nothing can be read now */
	told.vip = vip ? core_vip_find(drained->core, vip) : CORE_NONE;
	if (is_over(drain, loading->wall_us, loading->now)) {
		expire(drained, vip, drain);
		return;
	}
	if (shutdown_is_over(drained, vip, drain))
		return;
	if (vip && (told.vip == CORE_NONE || !core_vip(drained->core, told.vip)->config))
		return; /* until it comes back */
	if (current(drained->core, told.vip))
		return; /* known since it was given */
	log_drain("drain", vip, drain, "since=file");
	drained->tell(&told, drained->arg);
}

/* The files can be read again: the node is as they say. */
static void replace_unread(struct drained *drained, const struct loading *loading)
{
	const struct core_drain *node = &loading->node;
	const struct core_drain end = { .vip = CORE_NONE };

	drained->is_unread = false;
	if (!loading->has_node) {
		log_notice("undrain",
			   "what=node ended=\"the drains can be read, and none is its\"");
		drained->tell(&end, drained->arg);
	} else if (is_over(node, loading->wall_us, loading->now)) {
		expire(drained, NULL, node);
		drained->tell(&end, drained->arg);
	} else if (shutdown_is_over(drained, NULL, node)) {
		drained->tell(&end, drained->arg);
	} else {
		log_drain("drain", NULL, node, "since=file");
		drained->tell(node, drained->arg);
	}
}

int drained_load(struct drained *drained, bool at_start, uint64_t wall_us, usec_t now,
		 struct err *err)
{
	struct loading loading = {
		.drained = drained, .at_start = at_start, .wall_us = wall_us, .now = now
	};
	int r = drains_load(drained->state_dir, found, &loading, err);

	if (r == 0 && drained->is_unread)
		replace_unread(drained, &loading);
	drained->is_unread |= r < 0 && at_start;
	drained->read_again_at = usec_add(now, READ_AGAIN_US);
	return r;
}

bool drained_watch(struct drained *drained, uint64_t wall_us, usec_t now)
{
	watch_one(drained, CORE_NONE, wall_us, now);
	for (uint32_t i = 0; i < core_n_vips(drained->core); i++)
		watch_one(drained, i, wall_us, now);
	return drained->is_unread && now >= drained->read_again_at &&
	       drained_load(drained, true, wall_us, now, NULL) == 0;
}

/* ---- what somebody says ---- */

static int already(const struct prefix *vip, const char *state, struct err *err)
{
	char buf[PREFIX_TEXT_MAX];

	return err_set(err, -EALREADY, "%s is %s already", vip ? what(vip, buf) : "the node",
		       state);
}

static int end_by_hand(struct drained *drained, const struct core_drain *drain, struct err *err)
{
	const struct prefix *vip = prefix_of(drained->core, drain->vip);
	const struct core_drain *stands = current(drained->core, drain->vip);
	int r;

	if (!vip)
		drained->shutdown.set = false;
	if (core_drain_is_shutdown(drain) && !(stands && core_drain_is_shutdown(stands)))
		return already(vip, stands ? "drained by an operator" : "not drained", err);
	/* Also one on file that nothing knows of: the next start would. */
	r = drains_clear(drained->state_dir, vip, err);
	if (r < 0)
		return r;
	if (!stands)
		return already(vip, "not drained", err);
	log_drain("undrain", vip, drain, "ended=undrained");
	drained->tell(drain, drained->arg);
	return 0;
}

/* What is given anew of a drain that stands, false: nothing. */
static bool merge(const struct core_drain *stands, struct core_drain *drain)
{
	bool takes_over = core_drain_is_shutdown(stands) && !core_drain_is_shutdown(drain);
	bool is_new = (drain->force && !stands->force) || drain->until_us || takes_over ||
		      (drain->reason[0] && strcmp(drain->reason, stands->reason) != 0);

	if (core_drain_is_shutdown(drain) && !core_drain_is_shutdown(stands))
		return false;
	if (!drain->reason[0])
		memcpy(drain->reason, stands->reason, sizeof(drain->reason));
	if (!drain->until_us && core_drain_has_end(stands)) {
		drain->until_us = stands->until_us;
		drain->wall_us = stands->wall_us;
		drain->given_at = stands->given_at;
	}
	drain->force |= stands->force;
	return is_new;
}

/* Of a shutdown and an operator's drain the operator's is in force; the other may follow it. */
static void keep_shutdown(struct drained *drained, const struct core_drain *stands,
			  const struct core_drain *given)
{
	if (given->vip != CORE_NONE || !stands)
		return;
	if (core_drain_is_shutdown(given) && !core_drain_is_shutdown(stands))
		drained->shutdown = *given;
	else if (core_drain_is_shutdown(stands) && !core_drain_is_shutdown(given))
		drained->shutdown = *stands;
}

int drained_give(struct drained *drained, const struct core_drain *drain, struct err *err)
{
	const struct prefix *vip = prefix_of(drained->core, drain->vip);
	const struct core_drain *stands = current(drained->core, drain->vip);
	struct core_drain given = *drain;
	int r;

	if (!drain->set)
		return end_by_hand(drained, drain, err);
	keep_shutdown(drained, stands, drain);
	if (stands && !merge(stands, &given))
		return already(vip, "drained", err);
	r = drains_store(drained->state_dir, vip, &given, err);
	if (r < 0)
		return r;
	log_drain("drain", vip, &given,
		  core_drain_has_end(&given) ? "ends=by-itself" : "ends=never");
	drained->tell(&given, drained->arg);
	return 0;
}
