/* SPDX-License-Identifier: Apache-2.0 */
/*
 * routing_site.h - the site of the bench routing: routing_site.sh at the other end of two pipes, a
 * bgpd's vty, shoald's control socket, and what a process has computed. What fails ends the
 * program with a sentence, and the script takes the site down when its input ends.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

#include "src/base/usec.h"

struct site {
	pid_t pid;
	FILE *to, *from;
	char dir[128], prefix[64];
};

void site_die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

/* Make a site, kind as routing_site.sh has them. Ends with 77 where the machine lacks something. */
void site_start(struct site *site, const char *kind);
void site_stop(struct site *site);

/* Have the script do something; its answer stays until the next. */
const char *site_do(struct site *site, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Go to the namespace of a machine, and back with what it returned. */
int site_enter(const char *netns);
void site_leave(int home);

/* CPU time of a process with all its threads. */
usec_t site_cpu(pid_t pid);

/* A connection to the vty of lb1's bgpd; -1 while nobody listens. close() ends it. */
int site_vty(const struct site *site);
/* Send a command; the answer's text, until the next call. NULL: the connection is gone. */
const char *site_vty_ask(int fd, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* `shoal real NAME ACTION` on lb1, without the start of a program. */
void site_order(const struct site *site, const char *real, const char *action);
/* bgpd was read back so often by lb1's shoald. */
long site_read_backs(const struct site *site);
