/* SPDX-License-Identifier: Apache-2.0 */
/*
 * confirm.h - a reload on trial: the config before it, kept on file until somebody confirms, and
 * when to go back to it.
 *
 * The file stands before the new config comes into force, so that no crash in between leaves a node
 * that would not go back. The time is that of the boot clock; in another boot that of the wall
 * clock, erring towards going back: a clock that stands before the moment the trial began ends it.
 *
 * After going back the file on disk still holds the config that nobody confirmed, so the record
 * stays: a start that finds that very file takes the former config again. It ends with the next
 * reload, or with a start that finds another file.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "src/base/err.h"
#include "src/base/usec.h"
#include "src/config/config.h"
#include "src/core/core.h"

enum confirm_state {
	CONFIRM_NONE,
	CONFIRM_PENDING, /* the config in force is on trial */
	CONFIRM_BACK,    /* nobody confirmed: the former config is in force, not the file's */
	CONFIRM_STATE_MAX,
};

const char *confirm_state_str(enum confirm_state state);

struct confirm {
	const char *state_dir; /* borrowed */
	enum confirm_state state;
	char former[CONFIG_GENERATION_LEN + 1]; /* to go back to, or gone back to */
	char tried[CONFIG_GENERATION_LEN + 1];  /* on trial, or refused */
	char owner[CORE_OWNER_MAX];             /* who asked for the reload */
	uint64_t since_wall_us;                 /* of the state */
	uint64_t until_wall_us;
	usec_t until; /* boot clock; of this boot */
	char *text;   /* the former config, as config_print() has it; owned */
};

/*
 * confirm_load - what an earlier process left in state_dir, into *ret, which confirm_fini() ends.
 * Returns 0, also when there is nothing; or a negative errno with the sentence when the file could
 * not be read or is torn, and *ret is CONFIRM_NONE.
 */
int confirm_load(const char *state_dir, uint64_t wall_us, usec_t now, struct confirm *ret,
		 struct err *err);
void confirm_fini(struct confirm *confirm);

/* What a reload on trial is. */
struct confirm_trial {
	const struct config *running, *next;
	const char *owner;
	usec_t for_us;
	uint64_t wall_us;
	usec_t now;
};

/*
 * confirm_check_way_back - what a reload of @former would refuse when the time comes is refused
 * now. Returns 0, or -EBUSY with the sentence.
 */
int confirm_check_way_back(const struct config *former, const struct config *next, struct err *err);

/*
 * confirm_begin - store, before it comes into force, that next is on trial. One that is pending
 * goes on with the new end; the config to go back to stays the last one that was confirmed.
 * Returns 0; -EBUSY with the sentence when going back could not be; or a negative errno. Then
 * nothing changed.
 */
int confirm_begin(struct confirm *confirm, const struct confirm_trial *trial, struct err *err);

/* confirm_undo - the reload failed: as it was before confirm_begin(), of which `before` is a copy.
 */
int confirm_undo(struct confirm *confirm, const struct confirm *before, struct err *err);

/* A pending trial whose time is over. */
bool confirm_is_due(const struct confirm *confirm, usec_t now);

/* The former config came into force instead of `tried`. */
int confirm_went_back(struct confirm *confirm, const char *tried, uint64_t wall_us,
		      struct err *err);

/* Confirmed, or of no use any more: the record goes. Nothing changed when it fails. */
int confirm_end(struct confirm *confirm, struct err *err);

/*
 * confirm_start_with_former - at start: whether the former config is the one to start with, given
 * the generation of the file.
 */
bool confirm_start_with_former(const struct confirm *confirm, const char *file_generation,
			       usec_t now);
