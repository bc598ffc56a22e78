/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listen.h - a UNIX stream socket in the file system, made so that nobody connects before its mode
 * and group are right, and that a live daemon's socket is never taken from it.
 */
#pragma once

#include <sys/stat.h>

#include "src/base/err.h"

/* Which file was made, so that only that one is removed. */
struct listen_file {
	dev_t dev;
	ino_t ino;
};

/*
 * listen_unix - bind and listen on path, mode 0660, group as named (NULL: as it comes).
 * Replaces a socket file nobody answers on. *ret_fd (non-blocking) is the caller's to close.
 * Returns 0; -EADDRINUSE somebody answers there; -ENOTSOCK the name is taken by something else;
 * -ENOENT no such group; or another negative errno; err has the sentence.
 */
int listen_unix(const char *path, const char *group, int *ret_fd, struct listen_file *ret_file,
		struct err *err);

/* Remove the file if it still is the one listen_unix() made. */
void listen_remove(const char *path, const struct listen_file *file);
