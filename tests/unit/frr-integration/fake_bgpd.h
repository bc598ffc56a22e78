/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_bgpd.h - a vty server for unit tests, on the test's own event loop.
 *
 * It answers from a transcript recorded from a real bgpd (tests/golden/vty), command by command in
 * the recorded order, or from answers set by hand; and it misbehaves on demand.
 *
 * Transcript: ">>> command", "<<< status", then the text of the answer.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "src/base/usec.h"

struct event_base;
struct fake_bgpd;

enum fake_manner {
	FAKE_ANSWERS,
	FAKE_SILENT,  /* takes the command and says nothing */
	FAKE_HALF,    /* half of the answer, then nothing */
	FAKE_HANG_UP, /* half of the answer, then the end */
	FAKE_GARBAGE, /* bytes that are no reply */
	FAKE_TWICE,   /* the answer, and once more */
};

/* Listens at DIR/bgpd.vty, dir made by mkdtemp. Aborts the test when something fails. */
struct fake_bgpd *fake_bgpd_new(struct event_base *base);
void fake_bgpd_free(struct fake_bgpd *fake);
const char *fake_bgpd_dir(const struct fake_bgpd *fake);

/* Go: listening socket and connections. And come back. */
void fake_bgpd_stop(struct fake_bgpd *fake);
void fake_bgpd_start(struct fake_bgpd *fake);

/* Answer in the order of this file of tests/golden/vty. */
void fake_bgpd_play(struct fake_bgpd *fake, const char *name);
/* True when every exchange of the transcript happened and nothing else was asked. */
bool fake_bgpd_is_played(const struct fake_bgpd *fake);

/* Answer this command with this from now on; others get status 0 and no text. */
void fake_bgpd_say(struct fake_bgpd *fake, const char *command, unsigned char status,
		   const char *text);
/* Misbehave whenever this command comes; NULL: any. FAKE_ANSWERS ends it. */
void fake_bgpd_misbehave(struct fake_bgpd *fake, const char *command, enum fake_manner manner);

/* How often a command that begins so was asked. */
size_t fake_bgpd_asked(const struct fake_bgpd *fake, const char *start);
/* The i-th command ever asked, NULL beyond the last. */
const char *fake_bgpd_command(const struct fake_bgpd *fake, size_t i);

/* Run the loop until done() or until the time is up; returns what done() said last. */
bool run_until(struct event_base *base, bool (*done)(void *arg), void *arg, usec_t most_us);
