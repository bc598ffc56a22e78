/* SPDX-License-Identifier: Apache-2.0 */
#include "health/trial.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "health/check.h"
#include "health/mtu.h"

struct trial {
	struct probe probe;
	struct trial_options options;
	struct event timeout, end;
	struct mtu *mtu; /* still being asked */
	bool is_running; /* the probe is */
	bool is_full_size_lost;
	struct message_probe_done done;
	char output[OUTPUT_BYTES_MAX]; /* of done */
};

static struct trial *trial_of(struct probe *probe)
{
	return (struct trial *)(void *)((char *)probe - offsetof(struct trial, probe));
}

void trial_stop(struct trial *trial)
{
	if (!trial)
		return;
	if (trial->is_running)
		probe_cut_off(&trial->probe);
	mtu_stop(trial->mtu);
	event_del(&trial->timeout);
	event_del(&trial->end);
	free(trial);
}

/* ---- the end ---- */

static void on_end(evutil_socket_t fd __attribute__((unused)), short what __attribute__((unused)),
		   void *arg)
{
	struct trial *trial = arg;

	trial->options.ended(trial->options.arg, &trial->done);
	trial_stop(trial);
}

/* Never at once: whoever notices is in the middle of something. */
static void end_if_over(struct trial *trial)
{
	if (trial->is_running || trial->mtu)
		return;
	if (trial->done.reason == PROBE_OK && trial->is_full_size_lost) {
		trial->done.reason = PROBE_MTU;
		snprintf(trial->done.evidence, sizeof(trial->done.evidence),
			 "a packet of %u bytes is lost on the way, a small one is not",
			 trial->options.mtu_bytes);
	}
	event_active(&trial->end, EV_TIMEOUT, 0);
}

static void keep_output(struct trial *trial, const struct output *output)
{
	memcpy(trial->output, output->bytes, output->len);
	trial->done.output = *output;
	trial->done.output.bytes = trial->output;
}

void trial_probe_ended(struct probe *probe, enum probe_reason reason, const char *fmt, va_list ap)
{
	struct trial *trial = trial_of(probe);

	trial->is_running = false;
	trial->done.reason = reason;
	trial->done.latency_us = usec_now() - probe->started;
	if (reason != PROBE_OK)
		trace_add_failure(&trial->done.trace, trial->done.latency_us);
	vsnprintf(trial->done.evidence, sizeof(trial->done.evidence), fmt, ap);
	trace_make_printable(trial->done.evidence);
	if (probe->has_output)
		keep_output(trial, &probe->output);
	end_if_over(trial);
}

static void on_timeout(evutil_socket_t fd __attribute__((unused)),
		       short what __attribute__((unused)), void *arg)
{
	struct trial *trial = arg;
	char waiting[CORE_EVIDENCE_MAX];

	if (!trial->is_running)
		return; /* the full-size packet has its own end */
	snprintf(waiting, sizeof(waiting), "%s", probe_cut_off(&trial->probe));
	probe_end(&trial->probe, PROBE_TIMEOUT, "no answer in %.0f ms, waiting for %s",
		  (double)trial->options.timeout_us / 1000, waiting);
}

/* ---- the full-size packet ---- */

static void on_mtu(void *arg, enum mtu_heard heard, int error)
{
	struct trial *trial = arg;
	unsigned bytes = trial->options.mtu_bytes;

	trial->mtu = NULL;
	switch (heard) {
	case MTU_HEARD_WHOLE:
		probe_step(&trial->probe, "echo of %u bytes answered", bytes);
		break;
	case MTU_HEARD_SMALL:
		trial->is_full_size_lost = true;
		probe_step(&trial->probe, "echo of %u bytes lost, a small one answered", bytes);
		break;
	case MTU_HEARD_NOTHING:
		probe_step(&trial->probe, "echo of %u bytes not answered, nor a small one", bytes);
		break;
	case MTU_NOT_ASKED:
		probe_step(&trial->probe, "echo of %u bytes not sent: %s", bytes, strerror(error));
		break;
	}
	end_if_over(trial);
}

static void start_mtu(struct trial *trial, struct event_base *base)
{
	const struct mtu_options options = { .dial = &trial->options.spec->dial,
					     .packet_bytes = trial->options.mtu_bytes,
					     .timeout_us = trial->options.timeout_us,
					     .done = on_mtu,
					     .arg = trial };

	if (trial->options.mtu_bytes == 0)
		return;
	trial->mtu = mtu_start(base, &options);
	if (trial->mtu)
		probe_step(&trial->probe,
			   "sent an echo request of %u bytes, whole, and a small one",
			   trial->options.mtu_bytes);
}

/* ---- the start ---- */

static void tell_way(struct trial *trial)
{
	const struct dial_options *dial = &trial->options.spec->dial;
	char port[16] = "", way[48] = "directly";

	if (trial->options.spec->type == CONFIG_CHECK_EXEC)
		return; /* where a program goes is its own affair */
	if (dial->port != 0)
		snprintf(port, sizeof(port), " port %u", dial->port);
	if (dial->mark != 0)
		snprintf(way, sizeof(way), "by the tunnel (mark 0x%x)", dial->mark);
	probe_step(&trial->probe, "to %s%s, %s, from %s", ADDR_STR(&dial->addr), port, way,
		   dial->has_source ? ADDR_STR(&dial->source)
				    : "an address of the kernel's choice");
}

struct trial *trial_start(struct event_base *base, const struct trial_options *options)
{
	struct timeval tv = { .tv_sec = (time_t)(options->timeout_us / USEC_PER_SEC),
			      .tv_usec = (suseconds_t)(options->timeout_us % USEC_PER_SEC) };
	struct trial *trial = calloc(1, sizeof(*trial));

	if (!trial)
		return NULL;
	trial->options = *options;
	trial->done.ticket = options->ticket;
	evtimer_assign(&trial->timeout, base, on_timeout, trial);
	evtimer_assign(&trial->end, base, on_end, trial);
	if (event_add(&trial->timeout, &tv) < 0) {
		free(trial);
		return NULL;
	}
	probe_init(&trial->probe, options->spec);
	trial->probe.trace = &trial->done.trace;
	trial->probe.started = usec_now();
	trial->is_running = true;
	tell_way(trial);
	start_mtu(trial, base);
	probe_begin(&trial->probe, base);
	return trial;
}
