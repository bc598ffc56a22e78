/* SPDX-License-Identifier: Apache-2.0 */
#include "health/targets.h"

#include <errno.h>
#include <event2/event.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "health/check.h"
#include "health/groups.h"
#include "health/judge.h"
#include "health/lateness.h"
#include "health/mtu.h"
#include "health/schedule.h"
#include "health/trial.h"
#include "health/vital.h"

/* While a real is not up its evidence is refreshed this often; `shoal why` shows the last. */
#define REFRESH_US (5 * USEC_PER_SEC)
/* The same while all is well: for latency and length of the row, and cheap. */
#define REFRESH_FINE_US (60 * USEC_PER_SEC)
/* So many starts and timeouts, then the sockets have their turn. Few, so that where more is due
 * than can be done probes wait for their start and not, each with its memory, for their end. */
#define DUE_A_TURN 32
#define TRIALS_MAX 16 /* at once */
#define DONES_MAX  64 /* waiting for shoald */

struct target {
	struct probe probe;
	uint64_t id;
	struct target *hash_next;
	TAILQ_ENTRY(target) report_link;
	bool is_to_report;
	bool is_running;
	bool is_named; /* since targets_begin() */
	uint32_t heap_at;
	usec_t due; /* start when waiting, timeout when running */
	usec_t planned;
	uint64_t n_runs;
	enum schedule_pace pace; /* by which it was planned */
	bool has_answered;       /* in its last result that counts */
	struct check_spec spec;
	struct schedule_timing timing;
	uint32_t rise, fall;
	struct judge judge;
	struct group *group; /* counts its latencies */
	bool has_real;
	struct addr real;
	struct vital *vital;   /* signs of life being looked for */
	bool is_to_look_again; /* another silence came meanwhile */
	usec_t mtu_probe_us;   /* 0: none */
	uint32_t mtu_bytes;
	usec_t mtu_due;
	struct mtu *mtu; /* being asked */
	struct mtu_record mtu_record;
	struct trial *trial;
	uint64_t ticket;    /* of the trial */
	uint64_t cert_ends; /* by the last probe that passed */
	usec_t latency_us, reported_at;
	usec_t row_started; /* of the equal results that the judgement counts */
	char evidence[CORE_EVIDENCE_MAX];
	bool output_is_due; /* before the next report */
	struct targets *table;
};

/* A trial that has ended. */
struct done {
	TAILQ_ENTRY(done) link;
	struct message_probe_done message;
	char output[OUTPUT_BYTES_MAX]; /* of message */
};

struct targets {
	struct event_base *base;
	struct targets_options options;
	struct event *timer;
	usec_t armed_for;
	struct target **heap;
	uint32_t n, room;
	struct target **buckets; /* by id; a power of two of them */
	uint32_t n_buckets;
	TAILQ_HEAD(, target) reports;
	bool is_resyncing;
	uint32_t n_running, n_vitals, n_mtus, n_trials, n_dones;
	TAILQ_HEAD(, done) dones;
	uint64_t n_probes, n_verdicts, n_late;
	struct lateness lateness;
	struct groups *groups;
	struct outputs *outputs; /* by target: of the runs that were told, or will be */
};

static void unknown_start(struct probe *probe, struct event_base *base __attribute__((unused)))
{
	probe_end(probe, PROBE_LOCAL_ERROR, "this prober does not know that kind of check");
}

static void unknown_stop(struct probe *probe __attribute__((unused)))
{
}

static const char *unknown_waiting_for(const struct probe *probe __attribute__((unused)))
{
	return "nothing";
}

/* What a later shoald may ask for and this prober cannot do: never up or down. */
const struct check_kind check_unknown = {
	.start = unknown_start,
	.stop = unknown_stop,
	.waiting_for = unknown_waiting_for,
};

/* ---- the heap, earliest due first ---- */

static void heap_put(struct targets *table, struct target *target, uint32_t at)
{
	table->heap[at] = target;
	target->heap_at = at;
}

static void heap_up(struct targets *table, struct target *target)
{
	uint32_t at = target->heap_at;

	while (at > 0 && table->heap[(at - 1) / 2]->due > target->due) {
		heap_put(table, table->heap[(at - 1) / 2], at);
		at = (at - 1) / 2;
	}
	heap_put(table, target, at);
}

static void heap_down(struct targets *table, struct target *target)
{
	uint32_t at = target->heap_at;

	for (;;) {
		uint32_t child = 2 * at + 1;

		if (child + 1 < table->n && table->heap[child + 1]->due < table->heap[child]->due)
			child++;
		if (child >= table->n || table->heap[child]->due >= target->due)
			break;
		heap_put(table, table->heap[child], at);
		at = child;
	}
	heap_put(table, target, at);
}

static void arm_timer(struct targets *table)
{
	usec_t now, due = table->n > 0 ? table->heap[0]->due : USEC_NEVER;
	struct timeval tv = { 0 };

	if (due >= table->armed_for)
		return; /* it comes early enough, and finds the right time then */
	table->armed_for = due;
	now = usec_now();
	if (due > now) {
		tv.tv_sec = (time_t)((due - now) / USEC_PER_SEC);
		tv.tv_usec = (suseconds_t)((due - now) % USEC_PER_SEC);
	}
	event_add(table->timer, &tv);
}

static void set_due(struct target *target, usec_t due)
{
	target->due = due;
	heap_up(target->table, target);
	heap_down(target->table, target);
	arm_timer(target->table);
}

static void heap_del(struct targets *table, struct target *target)
{
	struct target *last = table->heap[--table->n];

	if (last == target)
		return;
	heap_put(table, last, target->heap_at);
	heap_up(table, last);
	heap_down(table, last);
}

/* ---- reports ---- */

static void report(struct target *target)
{
	struct targets *table = target->table;

	if (!target->is_to_report)
		TAILQ_INSERT_TAIL(&table->reports, target, report_link);
	target->is_to_report = true;
	table->options.report_ready(table->options.arg);
}

bool targets_next_report(struct targets *table, struct message_verdict *ret)
{
	const struct target *target = TAILQ_FIRST(&table->reports);

	if (!target)
		return false;
	*ret = (struct message_verdict){
		.id = target->id,
		.state = target->judge.state,
		.reason = target->judge.reason,
		.in_a_row = target->judge.in_a_row,
		.sign = target->judge.sign,
		.latency_us = target->latency_us,
		.row_started = target->row_started,
		.next_due = target->planned,
		.cert_ends = target->cert_ends,
		.told_at = usec_now(),
	};
	memcpy(ret->evidence, target->evidence, sizeof(ret->evidence));
	return true;
}

void targets_reported(struct targets *table)
{
	struct target *target = TAILQ_FIRST(&table->reports);

	TAILQ_REMOVE(&table->reports, target, report_link);
	target->is_to_report = target->output_is_due = false;
	target->reported_at = usec_now();
}

bool targets_next_output(const struct targets *table, struct message_output *ret)
{
	const struct target *target = TAILQ_FIRST(&table->reports);

	if (!target || !target->output_is_due)
		return false;
	*ret = (struct message_output){ .id = target->id };
	outputs_find(table->outputs, target->id, &ret->output);
	return true;
}

/* ---- the end of a probe ---- */

static void plan_next(struct target *target, usec_t now)
{
	enum schedule_pace pace = judge_pace(&target->judge);
	uint64_t random = schedule_mix(target->id ^ ++target->n_runs);
	bool missed = target->judge.reason == PROBE_LATE;
	bool settles = target->pace == SCHEDULE_FAST && pace != SCHEDULE_FAST;

	target->pace = pace;
	if (settles)
		target->planned = schedule_settle(&target->timing, pace, random, now);
	else
		target->planned = (missed ? schedule_skip : schedule_next)(
			&target->timing, pace, random, target->planned, now);
	set_due(target, target->planned);
}

static bool is_worth_reporting(const struct target *target, bool changed, usec_t now)
{
	bool is_fine = target->judge.state == REAL_UP && target->judge.reason == PROBE_OK;

	return changed || now - target->reported_at >= (is_fine ? REFRESH_FINE_US : REFRESH_US);
}

/* ---- signs of life ---- */

/* What is patient, because it may wait for its timeout, leaves some to the others: so no number of
 * silent reals keeps those that answer from being probed. */
static bool has_descriptors(const struct targets *table, uint32_t more, bool is_patient)
{
	uint32_t used = table->n_running + VITAL_DESCRIPTORS * table->n_vitals +
			MTU_DESCRIPTORS * table->n_mtus + TRIAL_DESCRIPTORS * table->n_trials;
	uint32_t max = table->options.max_running;

	return used + more <= (is_patient ? max - max / 8 : max);
}

static void look_for_life(struct target *target);

static void on_vital_done(void *arg, bool is_told, enum judge_heard heard)
{
	struct target *target = arg;
	bool again = target->is_to_look_again && heard != JUDGE_HEARD_ANSWER;

	target->vital = NULL;
	target->table->n_vitals--;
	if (again)
		look_for_life(target);
	if (is_told && judge_hear(&target->judge, target->fall, heard))
		report(target);
}

static void look_for_life(struct target *target)
{
	struct targets *table = target->table;
	const struct vital_options options = { .addr = target->real,
					       .port = target->spec.dial.port,
					       .timeout_us = target->timing.timeout_us,
					       .done = on_vital_done,
					       .arg = target };

	target->is_to_look_again = target->vital != NULL;
	if (!target->has_real || target->vital || !has_descriptors(table, VITAL_DESCRIPTORS, true))
		return;
	target->vital = vital_start(table->base, &options);
	table->n_vitals += target->vital != NULL;
}

static void stop_looking(struct target *target)
{
	target->table->n_vitals -= target->vital != NULL;
	vital_stop(target->vital);
	target->vital = NULL;
}

/* What this result says of the address; silence is looked into. True when the sign changed. */
static bool listen_to(struct target *target, enum probe_reason reason)
{
	enum judge_heard heard = judge_heard_in(reason);
	bool is_silence = reason == PROBE_TIMEOUT || reason == PROBE_UNREACHABLE;

	if (target->spec.type == CONFIG_CHECK_EXEC)
		return false; /* what a program says need not come from the address */
	if (heard == JUDGE_HEARD_ANSWER || (is_silence && target->probe.has_connected)) {
		stop_looking(target);
		return judge_hear(&target->judge, target->fall, JUDGE_HEARD_ANSWER);
	}
	if (is_silence)
		look_for_life(target);
	return false;
}

/* ---- results ---- */

/* As the evidence, it is that of the run that is told. */
static void keep_output(struct target *target)
{
	if (!target->probe.has_output)
		return; /* there was no run: started late, or not at all */
	outputs_put(target->table->outputs, target->id, &target->probe.output);
	target->output_is_due = true;
}

static void take_result(struct target *target, enum probe_reason reason, const char *fmt,
			va_list ap) __attribute__((format(printf, 3, 0)));

static void take_result(struct target *target, enum probe_reason reason, const char *fmt,
			va_list ap)
{
	struct targets *table = target->table;
	usec_t now = usec_now();
	bool changed = judge_step(&target->judge, target->rise, target->fall, reason);

	changed |= listen_to(target, reason);
	if (judge_classify(reason) != JUDGE_NO_VERDICT && target->judge.in_a_row == 1)
		target->row_started = target->probe.started;
	if (judge_classify(reason) != JUDGE_NO_VERDICT)
		target->has_answered = reason != PROBE_TIMEOUT;
	table->n_probes++;
	table->n_verdicts += judge_classify(reason) != JUDGE_NO_VERDICT;
	table->n_late += reason == PROBE_LATE;
	if (reason == PROBE_OK) {
		group_count(target->group, target->latency_us);
		changed |= target->cert_ends != target->probe.cert_ends;
		target->cert_ends = target->probe.cert_ends;
	}
	plan_next(target, now); /* the report tells when */
	if (is_worth_reporting(target, changed, now)) {
		keep_output(target);
		vsnprintf(target->evidence, sizeof(target->evidence), fmt, ap);
		trace_make_printable(target->evidence);
		report(target);
	}
}

static void take_result_fmt(struct target *target, enum probe_reason reason, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void take_result_fmt(struct target *target, enum probe_reason reason, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	take_result(target, reason, fmt, ap);
	va_end(ap);
}

static struct target *target_of(struct probe *probe)
{
	return (struct target *)(void *)((char *)probe - offsetof(struct target, probe));
}

/* A result noticed long after the timeout says that this process stood still, not the real. */
static bool is_stalled(const struct target *target, usec_t now)
{
	return schedule_is_late(&target->timing, target->probe.started + target->timing.timeout_us,
				now);
}

/* A packet of full size was lost twice in a row, which a check of a few bytes does not see. */
static void end_with_mtu(struct target *target)
{
	take_result_fmt(target, PROBE_MTU,
			"a packet of %u bytes is lost on the way, %u times in a row; a small one "
			"is not",
			target->mtu_bytes, target->mtu_record.n_small);
}

static void end_scheduled(struct target *target, enum probe_reason reason, const char *fmt,
			  va_list ap) __attribute__((format(printf, 3, 0)));

static void end_scheduled(struct target *target, enum probe_reason reason, const char *fmt,
			  va_list ap)
{
	usec_t now = usec_now();

	target->is_running = false;
	target->table->n_running--;
	target->latency_us = now - target->probe.started;
	if (is_stalled(target, now))
		take_result_fmt(target, PROBE_LATE, "the prober stood still for %.0f ms",
				(double)target->latency_us / 1000);
	else if (reason == PROBE_OK && mtu_is_lost(&target->mtu_record))
		end_with_mtu(target);
	else
		take_result(target, reason, fmt, ap);
	target->probe.has_output = false;
}

void probe_end(struct probe *probe, enum probe_reason reason, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (probe->trace)
		trial_probe_ended(probe, reason, fmt, ap);
	else
		end_scheduled(target_of(probe), reason, fmt, ap);
	va_end(ap);
}

double probe_msec(const struct probe *probe)
{
	return (double)(usec_now() - probe->started) / 1000;
}

void probe_note_step(struct probe *probe, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	trace_add(probe->trace, usec_now() - probe->started, fmt, ap);
	va_end(ap);
}

/* ---- starts and timeouts ---- */

static void on_dialled(void *arg, const struct dial_result *result)
{
	struct probe *probe = arg;

	probe->has_connected = result->reason == PROBE_OK;
	if (probe->has_connected)
		probe_step(probe, "connected, from port %u", dial_local_port(result->fd));
	if (probe->has_connected)
		check_kind_of(probe->spec)->connected(probe, result->fd);
	else
		probe_end(probe, result->reason, "%s: %s", result->step, strerror(result->error));
}

void probe_init(struct probe *probe, const struct check_spec *spec)
{
	*probe = (struct probe){ .spec = spec };
	probe->dial = (struct dial){ .fd = -1, .done = on_dialled, .arg = probe };
}

static void begin_to_dial(struct probe *probe, struct event_base *base)
{
	probe_doing(probe, "TCP connection");
	dial_start(&probe->dial, base, &probe->spec->dial);
}

void probe_begin(struct probe *probe, struct event_base *base)
{
	probe->has_connected = probe->has_output = false;
	probe->cert_ends = 0;
	probe->base = base;
	if (check_kind_of(probe->spec)->start)
		check_kind_of(probe->spec)->start(probe, base);
	else
		begin_to_dial(probe, base);
}

const char *probe_cut_off(struct probe *probe)
{
	const char *waiting = "the connection";

	if (probe->dial.fd >= 0) {
		dial_stop(&probe->dial);
	} else {
		waiting = check_kind_of(probe->spec)->waiting_for(probe);
		check_kind_of(probe->spec)->stop(probe);
	}
	return waiting;
}

/* ---- packets of full size ---- */

static void on_mtu_done(void *arg, enum mtu_heard heard, int error __attribute__((unused)))
{
	struct target *target = arg;

	target->mtu = NULL;
	target->table->n_mtus--;
	mtu_record_add(&target->mtu_record, heard);
}

/* Beside a probe, now and then; with each as long as something is wrong. */
static void look_at_mtu(struct target *target, usec_t now)
{
	struct targets *table = target->table;
	const struct mtu_options options = { .dial = &target->spec.dial,
					     .packet_bytes = target->mtu_bytes,
					     .timeout_us = target->timing.timeout_us,
					     .done = on_mtu_done,
					     .arg = target };

	if (target->mtu_bytes == 0 || target->mtu ||
	    !has_descriptors(table, MTU_DESCRIPTORS, true) ||
	    (now < target->mtu_due && !mtu_is_undecided(&target->mtu_record)))
		return;
	target->mtu_due = now + target->mtu_probe_us;
	target->mtu = mtu_start(table->base, &options);
	table->n_mtus += target->mtu != NULL;
}

static bool has_room(const struct target *target)
{
	const struct check_kind *kind = check_kind_of(&target->spec);

	return !kind->has_room || kind->has_room(&target->spec, !target->has_answered);
}

/* There will be room when others have ended. Its plan stands, so that it gives no verdict when that
 * takes half its timeout. */
static void put_off(struct target *target, usec_t now)
{
	set_due(target, now + target->timing.timeout_us / 8);
}

static void start_probe(struct target *target, usec_t now)
{
	struct targets *table = target->table;

	if (!has_room(target) && !schedule_is_late(&target->timing, target->planned, now)) {
		put_off(target, now);
		return;
	}
	lateness_add(&table->lateness, now - target->planned);
	if (schedule_is_late(&target->timing, target->planned, now)) {
		take_result_fmt(target, PROBE_LATE, "started %.1f ms late",
				(double)(now - target->planned) / 1000);
		return;
	}
	if (!has_descriptors(table, 1, !target->has_answered)) {
		take_result_fmt(target, PROBE_LOCAL_ERROR,
				"%u probes are running, more than descriptors allow",
				table->n_running);
		return;
	}
	target->is_running = true;
	table->n_running++;
	target->probe.started = now;
	set_due(target, now + target->timing.timeout_us);
	look_at_mtu(target, now);
	probe_begin(&target->probe, table->base);
}

static void time_out(struct target *target)
{
	const char *waiting = probe_cut_off(&target->probe);

	probe_end(&target->probe, PROBE_TIMEOUT, "no answer in %.0f ms, waiting for %s",
		  (double)target->timing.timeout_us / 1000, waiting);
}

static void on_timer(evutil_socket_t fd __attribute__((unused)), short what __attribute__((unused)),
		     void *arg)
{
	struct targets *table = arg;
	usec_t now = usec_now();

	table->armed_for = 0; /* no arming from inside: once at the end will do */
	for (int i = 0; i < DUE_A_TURN && table->n > 0 && table->heap[0]->due <= now; i++) {
		struct target *target = table->heap[0];

		if (target->is_running)
			time_out(target);
		else
			start_probe(target, now);
	}
	table->armed_for = USEC_NEVER;
	arm_timer(table);
}

/* ---- trials ---- */

static void queue_done(struct targets *table, const struct message_probe_done *message)
{
	struct done *done = calloc(1, sizeof(*done));

	if (!done)
		return; /* who watches will give up */
	done->message = *message;
	if (message->output.len > 0)
		memcpy(done->output, message->output.bytes, message->output.len);
	done->message.output.bytes = done->output;
	TAILQ_INSERT_TAIL(&table->dones, done, link);
	table->n_dones++;
	table->options.report_ready(table->options.arg);
}

const struct message_probe_done *targets_next_done(const struct targets *table)
{
	const struct done *done = TAILQ_FIRST(&table->dones);

	return done ? &done->message : NULL;
}

void targets_done_taken(struct targets *table)
{
	struct done *done = TAILQ_FIRST(&table->dones);

	TAILQ_REMOVE(&table->dones, done, link);
	table->n_dones--;
	free(done);
}

static void refuse_trial(struct targets *table, uint64_t ticket, const char *why)
{
	struct message_probe_done done = { .ticket = ticket, .reason = PROBE_LOCAL_ERROR };

	snprintf(done.evidence, sizeof(done.evidence), "%s", why);
	queue_done(table, &done);
}

static void stop_trial(struct target *target)
{
	trial_stop(target->trial);
	target->trial = NULL;
	target->table->n_trials--;
	refuse_trial(target->table, target->ticket, "the check was changed or removed meanwhile");
}

static void on_trial_ended(void *arg, const struct message_probe_done *done)
{
	struct target *target = arg;

	target->trial = NULL;
	target->table->n_trials--;
	queue_done(target->table, done);
}

static void start_trial(struct target *target, uint64_t ticket)
{
	struct targets *table = target->table;
	const struct trial_options options = { .spec = &target->spec,
					       .timeout_us = target->timing.timeout_us,
					       .mtu_bytes = target->mtu_bytes,
					       .ticket = ticket,
					       .ended = on_trial_ended,
					       .arg = target };

	target->trial = trial_start(table->base, &options);
	if (!target->trial) {
		refuse_trial(table, ticket, "out of memory");
		return;
	}
	target->ticket = ticket;
	table->n_trials++;
}

/* ---- the table ---- */

static struct target **bucket_of(const struct targets *table, uint64_t id)
{
	return &table->buckets[schedule_mix(id) & (table->n_buckets - 1)];
}

static struct target *find(const struct targets *table, uint64_t id)
{
	struct target *target = *bucket_of(table, id);

	while (target && target->id != id)
		target = target->hash_next;
	return target;
}

static void unhash(struct targets *table, struct target *target)
{
	struct target **place = bucket_of(table, target->id);

	while (*place != target)
		place = &(*place)->hash_next;
	*place = target->hash_next;
}

static void target_free(struct target *target)
{
	if (check_kind_of(&target->spec)->forget)
		check_kind_of(&target->spec)->forget(&target->spec);
	check_spec_free(&target->spec);
	free(target);
}

static void target_del(struct targets *table, struct target *target)
{
	if (target->is_running) {
		probe_cut_off(&target->probe);
		table->n_running--;
	}
	stop_looking(target);
	table->n_mtus -= target->mtu != NULL;
	mtu_stop(target->mtu);
	if (target->trial)
		stop_trial(target);
	if (target->is_to_report)
		TAILQ_REMOVE(&table->reports, target, report_link);
	heap_del(table, target);
	unhash(table, target);
	outputs_drop(table->outputs, target->id);
	groups_leave(table->groups, target->group);
	target_free(target);
}

/* Room for one more in heap and buckets. */
static int grow(struct targets *table)
{
	uint32_t room = table->room ? table->room * 2 : 64;
	struct target **heap, **buckets;

	if (table->n < table->room)
		return 0;
	heap = reallocarray(table->heap, room, sizeof(struct target *));
	if (!heap)
		return -ENOMEM;
	table->heap = heap;
	buckets = calloc(room, sizeof(struct target *));
	if (!buckets)
		return -ENOMEM;
	free(table->buckets);
	table->buckets = buckets;
	table->n_buckets = room;
	table->room = room;
	for (uint32_t i = 0; i < table->n; i++) {
		struct target **place = bucket_of(table, heap[i]->id);

		heap[i]->hash_next = *place;
		*place = heap[i];
	}
	return 0;
}

static int spec_prepare(struct check_spec *spec, const struct message_target *m)
{
	int r = check_spec_fill(spec, m);

	return r == 0 && check_kind_of(spec)->prepare ? check_kind_of(spec)->prepare(spec) : r;
}

static struct target *target_new(struct targets *table, const struct message_target *m)
{
	struct target *target = calloc(1, sizeof(*target));

	if (!target)
		return NULL;
	target->table = table;
	target->id = m->id;
	target->timing = (struct schedule_timing){
		.interval_us = m->interval_us,
		.fast_us = m->fast_interval_us,
		.slow_us = m->slow_interval_us,
		.timeout_us = m->timeout_us,
		.jitter_percent = m->jitter_percent,
	};
	target->rise = m->rise;
	target->fall = m->fall;
	probe_init(&target->probe, &target->spec);
	target->mtu_probe_us = m->mtu_probe_us;
	target->mtu_bytes = m->mtu_probe_us ? m->mtu_bytes : 0;
	target->has_real = m->has_real;
	target->real = m->real;
	judge_init(&target->judge, m->state);
	target->judge.sign = m->sign;
	if (spec_prepare(&target->spec, m) < 0) {
		target_free(target);
		return NULL;
	}
	target->group = groups_join(table->groups, m->group);
	if (!target->group) {
		target_free(target);
		return NULL;
	}
	return target;
}

int targets_set(struct targets *table, const struct message_target *message)
{
	struct target *target = table->n_buckets ? find(table, message->id) : NULL;
	struct target **place;

	if (target) {
		target->is_named = true;
		target->output_is_due = target->spec.type == CONFIG_CHECK_EXEC;
		if (target->judge.reason != PROBE_NONE)
			report(target);
		return 0;
	}
	if (grow(table) < 0)
		return -ENOMEM;
	target = target_new(table, message);
	if (!target)
		return -ENOMEM;
	target->is_named = true;
	place = bucket_of(table, target->id);
	target->hash_next = *place;
	*place = target;
	heap_put(table, target, table->n++);
	target->pace = judge_pace(&target->judge);
	target->planned = schedule_first(&target->timing, target->pace, target->id, usec_now());
	set_due(target, target->planned);
	return 0;
}

void targets_remove(struct targets *table, uint64_t id)
{
	struct target *target = table->n_buckets ? find(table, id) : NULL;

	if (target)
		target_del(table, target);
}

void targets_void(struct targets *table, uint64_t id, enum real_state state)
{
	struct target *target = table->n_buckets ? find(table, id) : NULL;

	if (target)
		judge_void(&target->judge, state);
}

void targets_reset(struct targets *table, uint64_t id)
{
	struct target *target = table->n_buckets ? find(table, id) : NULL;

	if (!target)
		return;
	judge_reset(&target->judge);
	if (target->is_running)
		return; /* the next comes at the fast pace */
	target->planned = usec_now();
	set_due(target, target->planned);
}

void targets_try(struct targets *table, const struct message_probe_now *now)
{
	struct target *target = table->n_buckets ? find(table, now->id) : NULL;

	if (table->n_dones >= DONES_MAX)
		return; /* shoald asks and does not read */
	if (!target)
		refuse_trial(table, now->ticket, "shoal-probe does not have this check yet");
	else if (target->trial)
		refuse_trial(table, now->ticket, "somebody else watches this check just now");
	else if (table->n_trials == TRIALS_MAX || !has_descriptors(table, TRIAL_DESCRIPTORS, false))
		refuse_trial(table, now->ticket, "too many probes are running");
	else
		start_trial(target, now->ticket);
}

void targets_begin(struct targets *table)
{
	table->is_resyncing = true;
	for (uint32_t i = 0; i < table->n; i++)
		table->heap[i]->is_named = false;
}

static bool ca_is_used(uint64_t id, void *arg)
{
	const struct targets *table = arg;

	for (uint32_t i = 0; i < table->n; i++)
		if (table->heap[i]->spec.ca_id == id)
			return true;
	return false;
}

void targets_end(struct targets *table)
{
	/* Backwards: a deletion moves the last target into the place of the deleted one, or further
	 * up. One that is moved up unseen is seen by another round. */
	for (bool again = table->is_resyncing; again;) {
		again = false;
		for (uint32_t i = table->n; i-- > 0;) {
			if (i < table->n && !table->heap[i]->is_named) {
				target_del(table, table->heap[i]);
				again = true;
			}
		}
	}
	table->is_resyncing = false;
	if (table->options.sweep_cas)
		table->options.sweep_cas(ca_is_used, table);
}

void targets_clear(struct targets *table)
{
	while (table->n > 0)
		target_del(table, table->heap[table->n - 1]);
}

void targets_heartbeat(struct targets *table, struct message_heartbeat *ret)
{
	*ret = (struct message_heartbeat){
		.probes = table->n_probes,
		.verdicts = table->n_verdicts,
		.late = table->n_late,
		.n_targets = table->n,
		.n_running = table->n_running,
		.p99_late_us = lateness_percentile(&table->lateness, 99),
		.told_at = usec_now(),
	};
	table->lateness = (struct lateness){ 0 };
}

bool targets_next_latency(struct targets *table, struct message_latency *ret)
{
	struct group *group = groups_next(table->groups);

	if (!group)
		return false;
	*ret = (struct message_latency){ .group = group->id, .counts = group->counts };
	group->is_told = true;
	return true;
}

int targets_new(struct event_base *base, const struct targets_options *options,
		struct targets **ret, struct err *err)
{
	struct targets *table = calloc(1, sizeof(*table));

	if (!table)
		return err_set(err, -ENOMEM, "targets: %m");
	table->base = base;
	table->options = *options;
	table->armed_for = USEC_NEVER;
	TAILQ_INIT(&table->reports);
	TAILQ_INIT(&table->dones);
	table->timer = event_new(base, -1, 0, on_timer, table);
	table->groups = groups_new();
	table->outputs = outputs_new(OUTPUTS_BYTES_MAX);
	if (!table->timer || !table->groups || !table->outputs) {
		if (table->timer)
			event_free(table->timer);
		groups_free(table->groups);
		outputs_free(table->outputs);
		free(table);
		return err_set(err, -ENOMEM, "targets: %m");
	}
	*ret = table;
	return 0;
}

void targets_free(struct targets *table)
{
	if (!table)
		return;
	targets_clear(table);
	while (targets_next_done(table))
		targets_done_taken(table);
	event_free(table->timer);
	groups_free(table->groups);
	outputs_free(table->outputs);
	free(table->heap);
	free(table->buckets);
	free(table);
}
