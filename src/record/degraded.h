/* SPDX-License-Identifier: Apache-2.0 */
/*
 * degraded.h - states in which the node goes on with less than it should have: each has a name, a
 * sentence, and a remedy; it is logged once when it begins and once when it is over.
 */
#pragma once

#include <stdbool.h>

#include "src/base/err.h"
#include "src/base/usec.h"

/* X(enumerator, word, remedy) */
#define DEGRADED_KINDS(X)                                                                          \
	X(CLOCK, "clock", "chronyc tracking")                                                      \
	X(STATE_DIR, "state-dir", "df -h /var/lib/shoal")                                          \
	X(RUN_DIR, "run-dir", "df -h /run/shoal")                                                  \
	X(RECORDER, "recorder", "df -h /var/lib/shoal /run/shoal")                                 \
	X(DESCRIPTORS, "descriptors", "systemctl edit shoald  # LimitNOFILE=")                     \
	X(PROBES, "probes", "journalctl -u shoal-probe")                                           \
	X(BPFFS, "bpffs", "mount -t bpf bpf /sys/fs/bpf")

enum degraded_kind {
#define X(name, word, remedy) DEGRADED_##name,
	DEGRADED_KINDS(X)
#undef X
		DEGRADED_MAX,
};

struct degraded {
	struct degraded_state {
		usec_t since; /* 0: all is well */
		char sentence[ERR_TEXT_MAX];
	} states[DEGRADED_MAX];
};

const char *degraded_str(enum degraded_kind kind);
/* A command that shows more, or mends it. */
const char *degraded_remedy(enum degraded_kind kind);

/* It is so, or still so; the sentence may become another. */
void degraded_set(struct degraded *degraded, enum degraded_kind kind, usec_t now, const char *fmt,
		  ...) __attribute__((format(printf, 4, 5)));
void degraded_clear(struct degraded *degraded, enum degraded_kind kind, usec_t now);
