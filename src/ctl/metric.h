/* SPDX-License-Identifier: Apache-2.0 */
/* metric.h - Prometheus' text format, written into a buffer that the caller empties. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One sample, or the lines before those of a metric, is never longer. */
#define METRIC_SAMPLE_MAX 2048

struct metric_text {
	char *text;
	size_t len, size; /* METRIC_SAMPLE_MAX free at least, or what comes is left out */
	const char *name; /* "vip_state", of the samples that follow */
};

/* The HELP and TYPE lines, and the name for what follows. */
void metric_begin(struct metric_text *out, const char *word, const char *type, const char *help);

/*
 * A sample: labels are pairs of a name and a value, ended by NULL; values are escaped. suffix: what
 * follows the name, "_bucket" or "".
 */
void metric_real(struct metric_text *out, const char *suffix, const char *const *labels,
		 double value);
void metric_count(struct metric_text *out, const char *suffix, const char *const *labels,
		  uint64_t value);

#define METRIC_LABELS(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define METRIC_NO_LABELS   ((const char *const[]){ NULL })
