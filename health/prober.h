/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prober.h - shoald's side of probe.sock: hands the targets to shoal-probe, takes its verdicts.
 *
 * shoal-probe is a process of its own that connects here (SOCK_SEQPACKET, health/message.h). It
 * schedules, probes and judges (rise, fall); what arrives are judgements: at once when state or
 * reason changes, and a heartbeat each second. If it dies, states hold: after it reconnected it
 * is given the targets with the last judgement.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/addr.h"
#include "src/base/err.h"
#include "src/base/usec.h"
#include "src/config/config.h"
#include "src/core/core.h"

struct event_base;
struct prober;

struct prober_callbacks {
	/* indices are those of the config last given to prober_set_config() */
	void (*verdict)(const struct core_verdict *verdict, void *arg);
	void (*life)(bool connected, void *arg);
	void *arg;
};

/*
 * prober_new - listen on socket_path (mode 0660, group as the directory's); an old socket file is
 * replaced. Returns 0 or a negative errno with the sentence.
 */
int prober_new(struct event_base *base, const char *socket_path,
	       const struct prober_callbacks *callbacks, struct prober **ret, struct err *err);
void prober_free(struct prober *prober);

/*
 * prober_set_config - probe every real of every pool a service uses, each check at one service
 * (the first VIP and port of the pool; a check's own port wins). Unchanged targets keep their
 * judgement. The mark of a tunnelled probe to real r is health_mark(real) - see health/path.h.
 */
int prober_set_config(struct prober *prober, const struct config *config, struct err *err);

bool prober_is_connected(const struct prober *prober);
/* When the last verdict or heartbeat with fresh verdicts came; 0: never. */
usec_t prober_last_verdict(const struct prober *prober);
/* Probes run so far, as the heartbeats say. */
uint64_t prober_n_probes(const struct prober *prober);
