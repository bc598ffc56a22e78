/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fpm_compare.h - for each real and VIP: the way that zebra installed against the way that the
 * kernel takes.
 *
 * The kernel is asked for the route that a packet to the address would match, a few addresses at a
 * time. A route deleted behind zebra's back, one that it did not get in, and one it does not know
 * of show as a difference, with when it was first seen. Pure but for the owner's `ask`.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "frr-integration/fpm_table.h"

enum fpm_difference {
	FPM_NOT_COMPARED, /* no zebra, not asked yet, or nothing that can be compared */
	FPM_SAME,
	FPM_KERNEL_LACKS, /* zebra has a route, the kernel none or a wider one */
	FPM_ZEBRA_LACKS,  /* the kernel has a route that zebra has not told */
	FPM_OTHER_HOPS,
	FPM_OTHER_TYPE, /* one forwards where the other drops */
	FPM_DIFFERENCE_MAX,
};

/* "", "same", "kernel-lacks-route", ... */
const char *fpm_difference_str(enum fpm_difference difference);
/* "the kernel has no such route". */
const char *fpm_difference_sentence(enum fpm_difference difference);
bool fpm_differs(enum fpm_difference difference);

struct fpm_target {
	struct addr addr;
	bool is_asked;
	int error;                /* of the kernel: -ENETUNREACH is no route */
	uint32_t table;           /* that the kernel's route is in */
	struct fpm_route *kernel; /* NULL: an error, or not asked */
	enum fpm_difference difference;
	usec_t since; /* of the difference */
};

struct fpm_targets {
	struct fpm_target *all; /* sorted by address */
	size_t n;
};

/* An answer of the kernel: a message for which nlmsg_ok() held. */
typedef void (*fpm_answer_fn)(struct nlmsghdr *hdr, void *arg);
/* Which route matches dst: 0 after one answer, or the kernel's negative errno. */
typedef int (*fpm_ask_fn)(void *arg, const struct addr *dst, fpm_answer_fn answer,
			  void *answer_arg);

/*
 * fpm_targets_set - these addresses from now on; one that was there before keeps its state.
 * @addrs: read only, sorted, each once. 0 or -ENOMEM, the former ones kept.
 */
int fpm_targets_set(struct fpm_targets *targets, const struct addr *addrs, size_t n);
void fpm_targets_fini(struct fpm_targets *targets);
const struct fpm_target *fpm_targets_find(const struct fpm_targets *targets,
					  const struct addr *addr);

/* Nothing is known of the difference any more, as without zebra. */
void fpm_targets_forget(struct fpm_targets *targets);

/* Ask the kernel for one, and compare. */
void fpm_target_compare(struct fpm_target *target, const struct fpm_table *table, fpm_ask_fn ask,
			void *arg, usec_t now);
