/* SPDX-License-Identifier: Apache-2.0 */
/*
 * path.c - the probe path as a whole; its parts are in path_veth.c, path_rules.c, path_steer.c.
 *
 *     probe socket, SO_MARK 0x5348NNNN, bound to the node's own address, to the VIP
 *          │  rule 21320: fwmark 0x53480000/0xffff0000 lookup table 21320
 *          │  rule 21321: fwmark 0x53480000/0xffff0000 unreachable
 *          ▼
 *     table 21320: default dev shoal-probe; unreachable default behind it
 *          ▼
 *     shoal-probe ═══ veth ═══ shoal-steer ── steer.bpf.c: mark → outer header, MACs, redirect
 *                                                  ▼
 *     the uplink, at whose tc egress steer_leak drops what still carries the mark
 *
 * A tunnelled probe that goes any other way is worse than none: the VIP's ordinary route leads to
 * some node that hands the probe to a healthy real, and the dead one looks alive. So each piece
 * that can be lost leaves the probe dead, not astray:
 *
 *  - no target for the mark, no way, or no program: it dies on shoal-steer. Without ARP the kernel
 *    addresses frames on the veth to the near end's own MAC, so that the far end takes them for
 *    another host's and IP never sees them;
 *  - no veth, or one that is down: the table's unreachable route;
 *  - no table: the second rule; no first rule: the same;
 *  - no second rule: only a fallback is lost;
 *  - neither rule (`ip rule flush`, a network manager that removes what it did not make): the main
 *    table sends the probe to an uplink, and steer_leak drops it there. Other interfaces carry no
 *    such filter: a route to the VIP over one of those is the gap that remains until
 *    health_path_check() has put the rules back, some seconds.
 *
 * Binding the socket to shoal-probe instead would make it fail with ENODEV, but it would also
 * refuse the answers, which reach the node on an uplink, from the VIP, past the tunnel.
 *
 * The program is on the far end and not, as a tc egress program, on the near one, because the
 * kernel fills in checksums and cuts segments after tc egress. On arrival at the far end that has
 * happened, given that the near end has its offloads switched off. A frame redirected with a
 * checksum still to be filled in depends on the uplink for it, and over a veth it reaches the real
 * without.
 *
 * Known: the local table precedes all rules, so on a node that holds the VIP as an address of its
 * own probes are answered by the node; nodes do not hold VIPs. And a RST that the kernel sends for
 * a socket that is gone already carries no mark: it goes by the main table, and is no probe.
 */
#include "health/path.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "health/path_parts.h"
#include "src/net/request.h"

#define UPLINKS_MAX 8

struct health_path {
	struct nl_sock *sk;
	struct path_steer *steer;
	uint32_t uplinks[UPLINKS_MAX]; /* that carry steer_leak; 0: free */
};

/* Sum up what two `ensure` calls returned. */
static int ensured(int a, int b)
{
	return a < 0 ? a : b < 0 ? b : a | b;
}

/* What an `ensure` of one part returned, as a bit of that part. */
static int part_of(int r, enum health_path_part part)
{
	return r > 0 ? (int)part : r;
}

static int uplinks_ensure(struct health_path *path, struct err *err)
{
	int done = 0;

	for (size_t i = 0; i < UPLINKS_MAX && done >= 0; i++) {
		int r;

		if (path->uplinks[i] == 0)
			continue;
		r = path_steer_ensure_uplink(path->steer, path->uplinks[i], err);
		if (r == -ENODEV) {
			path->uplinks[i] = 0;
			r = 0;
		}
		done = ensured(done, r);
	}
	return done;
}

/* The order lets nothing astray: what stops probes stands before what sends them on their way. */
static int path_ensure(struct health_path *path, struct err *err)
{
	struct path_veth veth;
	int done = part_of(path_veth_ensure(path->sk, &veth, err), HEALTH_PATH_DEVICE);

	if (done >= 0)
		done = ensured(done, part_of(path_steer_ensure_far(path->steer, veth.far, err),
					     HEALTH_PATH_FILTER));
	if (done >= 0)
		done = ensured(done, part_of(uplinks_ensure(path, err), HEALTH_PATH_FILTER));
	if (done >= 0)
		done = ensured(done, path_rules_ensure(path->sk, veth.near, err));
	return done;
}

int health_path_open(const char *bpffs_dir, struct health_path **ret, struct err *err)
{
	struct health_path *path = calloc(1, sizeof(*path));
	int r;

	if (!path)
		return err_set(err, -ENOMEM, "probe path: %m");
	r = request_open(&path->sk, err);
	if (r == 0)
		r = path_steer_open(bpffs_dir, &path->steer, err);
	if (r == 0)
		r = path_ensure(path, err);
	if (r < 0) {
		health_path_close(path);
		return err_prefix(err, r, "probe path");
	}
	*ret = path;
	return 0;
}

void health_path_close(struct health_path *path)
{
	if (!path)
		return;
	path_steer_close(path->steer);
	nl_socket_free(path->sk);
	free(path);
}

int health_path_remove(const char *bpffs_dir, struct err *err)
{
	struct nl_sock *sk = NULL;
	int r = request_open(&sk, err);

	if (r < 0)
		return r;
	/* Probes end with the rules that stop them still standing. */
	r = path_veth_remove(sk, err);
	if (r == 0)
		r = path_steer_remove(sk, bpffs_dir, err);
	if (r == 0)
		r = path_rules_remove(sk, err);
	nl_socket_free(sk);
	return r < 0 ? err_prefix(err, r, "probe path") : 0;
}

/* Put the filter on an uplink seen for the first time. */
static int uplink_need(struct health_path *path, uint32_t ifindex, struct err *err)
{
	uint32_t *spare = NULL;
	int r;

	for (size_t i = 0; i < UPLINKS_MAX; i++) {
		if (path->uplinks[i] == ifindex)
			return 0;
		if (path->uplinks[i] == 0)
			spare = &path->uplinks[i];
	}
	if (!spare)
		return err_set(err, -ENOSPC, "at most %d uplinks", UPLINKS_MAX);
	r = path_steer_ensure_uplink(path->steer, ifindex, err);
	if (r >= 0)
		*spare = ifindex;
	return r < 0 ? r : 0;
}

int health_path_set(struct health_path *path, uint32_t mark,
		    const struct health_path_target *target, struct err *err)
{
	int r = target->ifindex ? uplink_need(path, target->ifindex, err) : 0;

	if (r == 0)
		r = path_steer_set(path->steer, mark, target, err);
	return r < 0 ? err_prefix(err, r, "probe path to %s", ADDR_STR(&target->real)) : 0;
}

int health_path_mend(struct health_path *path, uint32_t mark,
		     const struct health_path_target *target, struct err *err)
{
	if (path_steer_stands(path->steer, mark, target))
		return 0;
	return health_path_set(path, mark, target, err) ?: 1;
}

int health_path_del(struct health_path *path, uint32_t mark, struct err *err)
{
	return path_steer_del(path->steer, mark, err);
}

int health_path_check(struct health_path *path, struct err *err)
{
	int r = path_ensure(path, err);

	return r < 0 ? err_prefix(err, r, "probe path") : r;
}

bool health_path_total(struct health_path *path, unsigned i, const char **ret_name,
		       uint64_t *ret_value)
{
	return path_steer_total(path->steer, i, ret_name, ret_value);
}
