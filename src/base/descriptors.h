/* SPDX-License-Identifier: Apache-2.0 */
/*
 * descriptors.h - what becomes of a daemon that runs out of file descriptors: strangers are turned
 * away first, and what it lives by still finds some.
 *
 * Descriptors are given lowest first, so one near the limit says that they are short. For a limit
 * that was reached all the same, or lowered beneath what is open, a few are held in reserve and let
 * go.
 */
#pragma once

#include <stdbool.h>

/* Raise the soft limit to the hard one, and take the reserve; once, early. */
void descriptors_init(void);

/* True when this one, just opened for somebody else, is of the last: close it. */
bool descriptors_are_last(int fd);

/*
 * descriptors_keep - look whether they are short, and let the reserve go, or take it again.
 * Once a second. True: they are short.
 */
bool descriptors_keep(void);

/* The soft limit. */
unsigned long descriptors_limit(void);
