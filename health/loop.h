/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop.h - the event loop of shoal-probe and shoal-exec: runs until SIGTERM or SIGINT, and tells
 * systemd that it does. shoald reloads on a signal and feeds its watchdog with its own second, and
 * shoal-guard talks to no service manager: they have loops of their own.
 */
#pragma once

#include "src/base/err.h"

struct event_base;
struct loop;

/* Signals are taken from now on. Returns 0 or -ENOMEM. */
int loop_new(struct loop **ret, struct err *err);
/* What is on the base is to be gone; NULL is fine. */
void loop_free(struct loop *loop);

struct event_base *loop_base(const struct loop *loop);

/* Say that all is ready, and run. Returns 0 when a signal ended it, or -EIO. */
int loop_run(struct loop *loop, struct err *err);
