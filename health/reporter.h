/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reporter.h - the end of probe.sock or exec.sock that is not shoald's: takes targets, hands over
 * judgements and a heartbeat each second. When shoald is away it keeps trying; probes go on
 * meanwhile, for KEEP seconds.
 */
#pragma once

#include "health/targets.h"
#include "src/base/err.h"

#define REPORTER_KEEP_US (300 * USEC_PER_SEC)

struct event_base;
struct reporter;

struct message_ca;

struct reporter_options {
	const char *socket_path; /* this string and the next outlive the reporter */
	const char *program;     /* "shoal-probe" */
	/* Keep a part of CA bytes; 0 or a negative errno. NULL: none are taken. */
	int (*take_ca)(const struct message_ca *part);
};

/* Connects at once; failing to is no error. */
int reporter_new(struct event_base *base, const struct reporter_options *options,
		 struct reporter **ret, struct err *err);
void reporter_free(struct reporter *reporter);

/* The table it fills and reads; set once, before the loop runs. */
void reporter_set_targets(struct reporter *reporter, struct targets *targets);

/* There are judgements to report; for targets_options.report_ready. */
void reporter_flush(void *reporter);
