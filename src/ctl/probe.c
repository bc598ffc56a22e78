/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probe.c - the command probe: the checks of one real, run now and told step by step. Each waits
 * for the one before; what they find is shown and has no say in the judgement.
 */
#include <stdlib.h>
#include <string.h>

#include "health/message.h"
#include "health/prober.h"
#include "src/ctl/handlers.h"
#include "src/ctl/view.h"

struct probing {
	struct ctl_request *request; /* NULL: the client is gone */
	struct commands_context *daemon;
	uint32_t pool, real;
	uint32_t check; /* that runs, in the pool's list */
	uint32_t last;  /* behind the last to run */
	uint64_t ticket;
	const struct config *config; /* what the indices are of */
	json_t *results;
	bool has_failed;
};

static void probing_free(struct probing *probing)
{
	json_decref(probing->results);
	free(probing);
}

static const struct config_pool *pool_of(const struct probing *probing)
{
	return core_pool(probing->daemon->core, probing->pool)->config;
}

static const struct config_check *check_of(const struct probing *probing)
{
	return &probing->config->checks[pool_of(probing)->checks[probing->check]];
}

/* ---- what came of a probe ---- */

/* What a step took is the time since the one before. */
static json_t *view_steps(const struct trace *trace)
{
	json_t *steps = json_array();
	usec_t before = 0;

	for (uint32_t i = 0; i < trace->n_steps; i++) {
		const struct trace_step *step = &trace->steps[i];
		usec_t took = step->at_us > before ? step->at_us - before : 0;

		json_array_append_new(steps,
				      json_pack("{s:f, s:f, s:s, s:b}", "at_ms",
						(double)step->at_us / USEC_PER_MSEC, "took_ms",
						(double)took / USEC_PER_MSEC, "what", step->text,
						"failed", step->has_failed));
		before = step->at_us;
	}
	return steps;
}

/* How it went; a program finds its own way. NULL for that. */
static const char *via_str(const struct config_check *check)
{
	if (check->type == CONFIG_CHECK_EXEC)
		return NULL;
	return check->via == CONFIG_VIA_TUNNEL ? "tunnel" : "direct";
}

static json_t *view_done(const struct config_check *check, const struct message_probe_done *done)
{
	json_t *object = json_pack(
		"{s:s, s:s, s:s?, s:b, s:s, s:s, s:f, s:o, s:i}", "check", check->name, "type",
		config_check_type_str(check->type), "via", via_str(check), "passed",
		done->reason == PROBE_OK, "reason", probe_reason_str(done->reason), "evidence",
		done->evidence, "took_ms", (double)done->latency_us / USEC_PER_MSEC, "steps",
		view_steps(&done->trace), "steps_left_out", (int)done->trace.n_lost);

	if (check->type != CONFIG_CHECK_EXEC)
		return object;
	json_object_set_new(object, "output", json_stringn(done->output.bytes, done->output.len));
	json_object_set_new(object, "output_bytes", json_integer(done->output.n_written));
	return object;
}

static json_t *view_all(const struct probing *probing)
{
	const struct config_pool *pool = pool_of(probing);
	const struct config_real *real = &pool->reals[probing->real];

	return json_pack("{s:s, s:s, s:s, s:O}", "pool", pool->name, "real", real->name, "address",
			 ADDR_STR(&real->addr), "probes", probing->results);
}

static void finish(struct probing *probing)
{
	struct ctl_request *request = probing->request;

	if (probing->has_failed)
		ctl_refuse_with(request, CTL_FAILED, view_all(probing), "%s/%s does not pass",
				pool_of(probing)->name,
				pool_of(probing)->reals[probing->real].name);
	else
		ctl_answer(request, view_all(probing));
	probing_free(probing);
}

static void give_up(struct probing *probing, enum ctl_exit status, const char *sentence)
{
	ctl_refuse(probing->request, status, "%s", sentence);
	probing_free(probing);
}

/* ---- one after the other ---- */

static void run_next(struct probing *probing);

static void on_done(void *arg, const struct message_probe_done *done)
{
	struct probing *probing = arg;

	probing->ticket = 0;
	if (!done) {
		give_up(probing, CTL_FAILED, "the prober went away meanwhile; try again");
		return;
	}
	if (core_config(probing->daemon->core) != probing->config) {
		give_up(probing, CTL_FAILED, "the config was reloaded meanwhile; try again");
		return;
	}
	json_array_append_new(probing->results, view_done(check_of(probing), done));
	probing->has_failed |= done->reason != PROBE_OK;
	probing->check++;
	run_next(probing);
}

static void run_next(struct probing *probing)
{
	const struct prober_trial trial = { .pool = probing->pool,
					    .real = probing->real,
					    .check = probing->check,
					    .done = on_done,
					    .arg = probing };
	struct err err;

	if (probing->check == probing->last)
		finish(probing);
	else if (prober_try(probing->daemon->prober, &trial, &probing->ticket, &err) < 0)
		give_up(probing, CTL_FAILED, err.text);
}

static void on_gone(void *arg)
{
	struct probing *probing = arg;

	if (probing->ticket)
		prober_try_cancel(probing->daemon->prober, probing->ticket);
	give_up(probing, CTL_FAILED, "the client went away");
}

/* ---- the command ---- */

/* The check of that name in the pool's list; `last` stays where none is named. */
static bool choose_check(struct probing *probing, const char *name)
{
	probing->last = (uint32_t)pool_of(probing)->n_checks;
	if (!name)
		return true;
	for (; probing->check < probing->last; probing->check++) {
		if (strcmp(check_of(probing)->name, name) == 0) {
			probing->last = probing->check + 1;
			return true;
		}
	}
	return false;
}

void handle_probe(struct ctl_request *request, const json_t *args, void *context)
{
	const char *name = json_string_value(json_object_get(args, "real"));
	const char *check = json_string_value(json_object_get(args, "check"));
	struct commands_context *daemon = context;
	struct probing *probing = calloc(1, sizeof(*probing));
	uint32_t pool, real;

	if (!probing) {
		ctl_refuse(request, CTL_FAILED, "out of memory");
		return;
	}
	*probing = (struct probing){ .request = request,
				     .daemon = daemon,
				     .config = core_config(daemon->core),
				     .results = json_array() };
	if (!name || !find_real(daemon->core, name, &pool, &real)) {
		ctl_refuse(request, CTL_USAGE, "no real '%.64s'; write POOL/REAL",
			   name ? name : "");
		probing_free(probing);
		return;
	}
	probing->pool = pool;
	probing->real = real;
	if (!choose_check(probing, check)) {
		ctl_refuse(request, CTL_USAGE, "pool '%s' has no check '%.64s'",
			   pool_of(probing)->name, check);
		probing_free(probing);
	} else if (probing->check == probing->last) {
		ctl_refuse(request, CTL_REFUSED, "pool '%s' has no checks: its reals count as up",
			   pool_of(probing)->name);
		probing_free(probing);
	} else {
		ctl_request_watch(request, on_gone, probing);
		run_next(probing);
	}
}
