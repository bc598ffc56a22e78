/* SPDX-License-Identifier: Apache-2.0 */
/*
 * judgements.h - the last judgement of every check, and the flaps of VIPs, for a start: in
 * STATE-DIR/state, so that a restart of shoald, alone or together with shoal-probe, begins from
 * what was known and not from nothing.
 *
 * Written whole and renamed when something changed. Text, a line each:
 *
 *     shoal-state 1 BOOT-ID BOOTTIME-US
 *     check POOL ADDRESS CHECK STATE SIGN REASON IN-A-ROW SINCE-US [EVIDENCE...]
 *     vip PREFIX HOLD-DOWN-UNTIL-US FLAP-US...
 *     end LINES
 *
 * What it says holds as long as somebody knew it to be true a short while ago: the file itself is
 * from then, or the tick of the guard's lease is, which is only written while verdicts are fresh.
 * After another boot, or when it is old, it is not used; one that is torn or foreign is set aside
 * as `state.bad` with a warning. Then every real starts unknown.
 */
#pragma once

#include <stddef.h>

#include "src/base/err.h"
#include "src/core/core.h"

#define JUDGEMENTS_KEPT_US                                                                         \
	(300 * USEC_PER_SEC) /* as long as shoal-probe goes on without shoald                      \
			      */

/* What stands in a state file. */
struct judgement {
	char pool[CONFIG_NAME_MAX + 1], check[CONFIG_NAME_MAX + 1];
	struct addr real;
	struct core_verdict verdict; /* pool, real and check are not set */
	usec_t since;
};

struct judgements_sink {
	void (*judgement)(const struct judgement *judgement, void *arg);
	void (*flaps)(const struct core_flaps *flaps, void *arg);
	void *arg;
};

#define JUDGEMENTS_BOOT_MAX 40

struct judgements_head {
	char boot[JUDGEMENTS_BOOT_MAX];
	usec_t at; /* when it was written */
};

/*
 * judgements_parse - take the text of a state file apart; sink may be NULL to look at the head only
 * (and check the rest). Returns 0, or -EBADMSG with the sentence: torn, foreign or senseless. What
 * came before the bad line has been told already, so look first.
 */
int judgements_parse(const char *text, size_t len, struct judgements_head *ret_head,
		     const struct judgements_sink *sink, struct err *err);

/* judgements_print - the text for a core; malloc'ed, NULL when memory is short. */
char *judgements_print(const struct core *core, const char *boot, usec_t now);

/* Write the file. Returns 0 or a negative errno with the sentence; the former file stays then. */
int judgements_store(const char *state_dir, const struct core *core, usec_t now, struct err *err);

/*
 * judgements_load - read the file and tell what it holds.
 * @tick: when verdicts were last known to be fresh, 0: not known.
 * Returns 1 when it was used; 0 when there is none, or it is of another boot or old; or a negative
 * errno with the sentence: it could not be read, or was set aside.
 */
int judgements_load(const char *state_dir, usec_t tick, usec_t now,
		    const struct judgements_sink *sink, struct err *err);

/* Tell a core, before its first step, what a file holds: the functions of a sink, arg the core. */
void judgements_adopt(const struct judgement *judgement, void *core);
void judgements_adopt_flaps(const struct core_flaps *flaps, void *core);
