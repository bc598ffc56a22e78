/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auto.h - scope-bound clean-up: AUTO(f) calls f(&variable) when the scope ends.
 *
 * For what one function holds briefly. A variable whose value leaves the function is emptied
 * by fd_take() or TAKE(), so that the clean-up finds nothing.
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define AUTO(f) __attribute__((cleanup(f)))

/* The value of pointer variable p, which becomes NULL: ownership leaves. */
#define TAKE(p)                                                                                    \
	({                                                                                         \
		__typeof__(p) taken_ = (p);                                                        \
		(p) = NULL;                                                                        \
		taken_;                                                                            \
	})

/* Close *fd when it is open; for AUTO(fd_closep) int fd = -1. */
static inline void fd_closep(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

/* The descriptor in *fd, which becomes -1: the caller owns it now. */
static inline int fd_take(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

/* free() what a pointer variable points to; p is the address of that variable. */
static inline void freep(void *p)
{
	void **pp = p;

	free(*pp);
	*pp = NULL;
}

/* Close a stdio stream when it is open; for AUTO(file_closep) FILE *f = NULL. */
static inline void file_closep(FILE **f)
{
	if (*f)
		fclose(*f);
}
