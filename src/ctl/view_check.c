/* SPDX-License-Identifier: Apache-2.0 */
/* view_check.c - checks as JSON: what each says of a real, and how long their probes took. */
#include "health/judge.h"
#include "health/prober.h"
#include "src/ctl/view.h"

/* How often it is probed now, as shoal-probe decides it. */
static usec_t check_every(const struct config_check *config, const struct core_check *check)
{
	const struct judge judge = { .state = check->state,
				     .in_a_row = check->in_a_row,
				     .row_passes = judge_classify(check->reason) == JUDGE_PASS,
				     .sign = check->sign };

	switch (judge_pace(&judge)) {
	case SCHEDULE_FAST:
		return config->fast_interval_us;
	case SCHEDULE_SLOW:
		return config->slow_interval_us;
	case SCHEDULE_NORMAL:
		break;
	}
	return config->interval_us;
}

static json_t *seconds_or_null(bool is_known, usec_t us)
{
	return is_known ? json_real(view_seconds(us)) : json_null();
}

/* Whether the daemon that runs it is there; nobody does what is planned where it is not. */
static bool is_probed(const struct view *view, const struct config_check *config)
{
	return prober_life(view->daemon->prober,
			   config->type == CONFIG_CHECK_EXEC ? PROBER_EXEC : PROBER_PROBE)
		->is_connected;
}

static json_t *view_check(const struct view *view, const struct config_check *config,
			  const struct core_check *check)
{
	bool is_told = check->told_at != 0;
	json_t *object =
		json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:i}", "name", config->name, "type",
			  config_check_type_str(config->type), "state",
			  real_state_str(check->state), "reason", probe_reason_str(check->reason),
			  "sentence", probe_reason_sentence(check->reason), "evidence",
			  check->evidence, "in_a_row", (int)check->in_a_row);

	view_set_since(object, view, check->since);
	json_object_set_new(object, "latency_ms",
			    is_told ? json_real((double)check->latency_us / 1000.0) : json_null());
	json_object_set_new(object, "told_s",
			    is_told ? json_real(view_age(view, check->told_at)) : json_null());
	json_object_set_new(object, "every_s", json_real(view_seconds(check_every(config, check))));
	json_object_set_new(object, "is_probed", json_boolean(is_probed(view, config)));
	json_object_set_new(object, "next_s",
			    seconds_or_null(is_probed(view, config) && check->next_due > view->now,
					    check->next_due - view->now));
	if (check->cert_ends)
		json_object_set_new(object, "cert_ends",
				    json_integer((json_int_t)check->cert_ends));
	return object;
}

json_t *view_checks(const struct view *view, uint32_t pool_index, uint32_t real)
{
	const struct core_pool *pool = core_pool(view->daemon->core, pool_index);
	const struct config *config = core_config(view->daemon->core);
	size_t n = pool->config->n_checks;
	json_t *checks = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(checks,
				      view_check(view, &config->checks[pool->config->checks[i]],
						 &pool->checks[real * n + i]));
	return checks;
}

/* ---- latency ---- */

static json_t *milliseconds(const struct latency *latency, unsigned percent)
{
	usec_t us;

	return latency_percentile(latency, percent, &us) ? json_real((double)us / 1000.0)
							 : json_null();
}

/* Added up, as histograms of metrics are: how many took at most so long. */
static json_t *view_buckets(const struct latency *latency)
{
	json_t *buckets = json_array();
	uint64_t n = 0;

	for (size_t i = 0; i < LATENCY_BUCKETS; i++) {
		usec_t bound = latency_bound(i);

		n += latency->buckets[i];
		json_array_append_new(buckets, json_pack("{s:o, s:I}", "le_s",
							 bound == USEC_NEVER
								 ? json_null()
								 : json_real((double)bound /
									     (double)USEC_PER_SEC),
							 "count", (json_int_t)n));
	}
	return buckets;
}

json_t *view_latency(const struct view *view, uint32_t pool)
{
	struct latency recent, total;

	prober_latency(view->daemon->prober, pool, &recent, &total);
	return json_pack(
		"{s:I, s:o, s:o, s:I, s:f, s:o}", "recent", (json_int_t)latency_count(&recent),
		"p50_ms", milliseconds(&recent, 50), "p99_ms", milliseconds(&recent, 99), "count",
		(json_int_t)latency_count(&total), "sum_s",
		(double)total.sum_us / (double)USEC_PER_SEC, "buckets", view_buckets(&total));
}
