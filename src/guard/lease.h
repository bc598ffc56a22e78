/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lease.h - the three small files under --run-dir by which shoald and shoal-guard keep out of each
 * other's way. Each is replaced by rename, so a reader sees the old or the new one whole.
 *
 *   tick       boottime stamp in microseconds, decimal: shoald's last complete pass
 *   announced  a line a prefix, "PREFIX DRAIN-ROUTE-MAP": what the guard answers for; shoald writes
 *              it before the first `network` line of a prefix and shortens it after the withdrawal
 *   fence      "WORD BOOTTIME-US\n": the guard acted (drain or withdraw, or at-boot); shoald
 *              announces nothing while it stands and removes it after a complete pass
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "src/base/addr.h"
#include "src/base/err.h"
#include "src/base/usec.h"

#define LEASE_MAP_MAX 64

struct lease_prefix {
	struct prefix prefix;
	char drain_map[LEASE_MAP_MAX]; /* "SHOAL-...-DRAIN" */
};

struct lease_fence {
	char word[32]; /* "drain", "withdraw", "at-boot" */
	usec_t since;
};

/* Each returns 0 or a negative errno with the sentence; a reader returns -ENOENT without a file and
 * -EBADMSG when its content is torn or foreign. */
/* Or 1, with the sentence, when there is no room for a file and the old one was written over. */
int lease_write_tick(const char *run_dir, usec_t now, struct err *err);
int lease_read_tick(const char *run_dir, usec_t *ret, struct err *err);

int lease_write_announced(const char *run_dir, const struct lease_prefix *prefixes, size_t n,
			  struct err *err);
/* *ret is malloc'ed; free() it. */
int lease_read_announced(const char *run_dir, struct lease_prefix **ret, size_t *ret_n,
			 struct err *err);

int lease_set_fence(const char *run_dir, const struct lease_fence *fence, struct err *err);
int lease_read_fence(const char *run_dir, struct lease_fence *ret, struct err *err);
/* Clearing what is not there is fine. */
int lease_clear_fence(const char *run_dir, struct err *err);
