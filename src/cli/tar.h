/* SPDX-License-Identifier: Apache-2.0 */
/* tar.h - a tar archive (POSIX ustar), compressed by gzip, written file by file. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "src/base/err.h"

struct tar;

/* Take over the descriptor and write there; NULL: no memory, and the descriptor stays the caller's.
 */
struct tar *tar_new(int fd, const char *prefix, uint64_t wall_us);
/* Add a file below the prefix, its name at most 60 bytes. Failures are told by tar_finish(). */
void tar_add(struct tar *tar, const char *name, const void *bytes, size_t len);
/* End the archive and close it. Returns 0, or a negative errno with the sentence. */
int tar_finish(struct tar *tar, struct err *err);
