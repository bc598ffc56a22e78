/* SPDX-License-Identifier: Apache-2.0 */
/*
 * path_parts.h - the parts of the probe path, each an `ensure` that looks first and makes only
 * what is missing, so that making, adopting and repairing are one thing. Internal to path.c.
 *
 * `ensure` returns 0 when all was there, 1 when something was made, a negative errno.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <netlink/socket.h>

#include "health/path.h"
#include "src/base/err.h"

struct nl_msg;

/* A message with its family header in place; NULL without memory. NLM_F_REQUEST is implied. */
struct nl_msg *path_msg(int type, int flags, const void *info, size_t len);

/* ---- path_veth.c ---- */

struct path_veth {
	uint32_t near, far; /* interface indices */
};

/* Both ends up, without ARP and IPv6 addresses of their own, the near one without offloads. */
int path_veth_ensure(struct nl_sock *sk, struct path_veth *ret, struct err *err);
int path_veth_remove(struct nl_sock *sk, struct err *err);

/* ---- path_rules.c ---- */

/* What probes send at most in one packet, but for those that ask how much fits. */
#define PATH_MTU 1500

/* Rules and table of both families; IPv6 only where the near end has it. Returns the parts that
 * were missing, HEALTH_PATH_RULE and HEALTH_PATH_ROUTE. */
int path_rules_ensure(struct nl_sock *sk, uint32_t near, struct err *err);
int path_rules_remove(struct nl_sock *sk, struct err *err);

/* ---- path_steer.c ---- */

struct path_steer;

/* Load the programs, with the pinned maps of an earlier run. */
int path_steer_open(const char *bpffs_dir, struct path_steer **ret, struct err *err);
void path_steer_close(struct path_steer *steer);
int path_steer_set(struct path_steer *steer, uint32_t mark, const struct health_path_target *target,
		   struct err *err);
/* Whether the map has just this for the mark. */
bool path_steer_stands(struct path_steer *steer, uint32_t mark,
		       const struct health_path_target *target);
int path_steer_del(struct path_steer *steer, uint32_t mark, struct err *err);
bool path_steer_total(struct path_steer *steer, unsigned i, const char **ret_name,
		      uint64_t *ret_value);

/* steer runs at the ingress of the far end. */
int path_steer_ensure_far(struct path_steer *steer, uint32_t far, struct err *err);
/* steer_leak runs at the egress of an uplink. -ENODEV when that is gone. */
int path_steer_ensure_uplink(struct path_steer *steer, uint32_t ifindex, struct err *err);
/* Unpin the maps and take the filters off every uplink. */
int path_steer_remove(struct nl_sock *sk, const char *bpffs_dir, struct err *err);
