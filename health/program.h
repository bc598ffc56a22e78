/* SPDX-License-Identifier: Apache-2.0 */
/*
 * program.h - one run of the program of an exec check: started, watched, and ended together with
 * everything it left behind.
 *
 * The program gets no shell, an environment that is made for it, / as its directory, /dev/null to
 * read, one pipe for what it writes, a session of its own, limits, and no descriptor else. When it
 * ends, or is cut off, whatever it started is killed too: its process group at once; what left the
 * group, or the session, becomes a child of this process (it is the subreaper) and is killed as
 * such. A process that survives SIGKILL (in uninterruptible sleep) keeps its place until it is
 * reaped, and an owner may have few of them, so that they cannot pile up.
 *
 * Only one `struct programs` may live in a process: it reaps every child there is.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "health/output.h"
#include "src/base/err.h"
#include "src/base/usec.h"

#define PROGRAM_OUTPUT_KEPT OUTPUT_BYTES_MAX /* bytes of output that are kept: the last */
#define PROGRAM_OUTPUT_MAX  (1 << 20)        /* bytes of output after which a program is cut off */
#define PROGRAM_LINE_MAX    96               /* with the NUL */
#define PROGRAM_UNDEAD_MAX  4                /* of one owner: killed, and not gone yet */

struct event_base;
struct programs;
struct program;

enum program_end {
	PROGRAM_EXITED,      /* code: the exit status */
	PROGRAM_SIGNALLED,   /* code: the signal */
	PROGRAM_NOT_STARTED, /* code: the errno of its start */
	PROGRAM_TALKED,      /* it wrote more than PROGRAM_OUTPUT_MAX, and was cut off */
};

struct program_output {
	size_t n_written;  /* bytes in all */
	const char *bytes; /* the last PROGRAM_OUTPUT_KEPT of them, raw */
	size_t len;
};

struct program_result {
	enum program_end end;
	int code;
	const char *line; /* the first line of output with something to read; "" none; ASCII */
	struct program_output output;
};

struct program_options {
	const char *const *argv; /* argv[0]: an absolute path; NULL-terminated */
	const char *const *env;  /* "NAME=value", NULL-terminated; all it gets */
	usec_t timeout_us;       /* what the limit on CPU time follows; the caller cuts it off */
	const void *owner;       /* who runs it, one at a time */
	/* Once, when it first writes something; NULL: nobody wants to know. */
	void (*wrote)(void *arg);
	/* Once, from the loop, unless it was killed; the program is gone after that. */
	void (*done)(const struct program_result *result, void *arg);
	void *arg;
};

/* Takes over SIGCHLD and orphans of this process. Returns 0 or a negative errno. */
int programs_new(struct event_base *base, struct programs **ret, struct err *err);
/* Kills and reaps all that still runs. */
void programs_free(struct programs *programs);

/* How many run, those included that were killed and are not gone yet. */
size_t programs_n(const struct programs *programs);

/*
 * program_start - run it; what options point to is not needed afterwards.
 * Returns 0; -EBUSY when PROGRAM_UNDEAD_MAX of the same owner were killed and are not gone yet; or
 * what this process lacks (descriptors, memory, processes). That the program itself cannot be run
 * is told by done().
 */
int program_start(struct programs *programs, const struct program_options *options,
		  struct program **ret);

/* Cut it off: it and all it started are killed; no done(). */
void program_kill(struct program *program);

pid_t program_pid(const struct program *program);
/* What it wrote so far; borrowed until the loop goes on. */
struct program_output program_output(const struct program *program);
/* Its first line so far, as in the result. */
const char *program_line(const struct program *program);
