/* SPDX-License-Identifier: Apache-2.0 */
/*
 * path.h - the way of tunnelled probes, set up by shoald: probes carry a mark (SO_MARK); an ip rule
 * on the mark's upper half leads to a table whose only device is the veth `shoal-probe`; on the far
 * end of the veth steer.bpf.c (tc) maps the mark to a real, encapsulates as for clients and
 * redirects to the uplink. Without the mapping or the filter the packet dies there: fails closed.
 * Why it is so, and what remains open, is at the head of path.c.
 *
 * What the prober owes: SO_MARK before connect() or the first datagram (CAP_NET_RAW, Linux 5.17),
 * and bind() to the outer source of the target's node in the family of the VIP: the real answers
 * to the address it sees, directly. Not SO_BINDTODEVICE: answers come in on an uplink, and a
 * socket bound to the veth would not take them. ENETUNREACH and EHOSTUNREACH at connect() mean a
 * broken path, never a dead real.
 *
 * What the node owes: rp_filter of the uplinks at 0 or 2 when there are several (an answer of the
 * VIP may come in on another uplink than the route to the VIP goes out of), and a network manager
 * that leaves foreign rules alone (systemd-networkd: ManageForeignRoutingPolicyRules=no).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "src/base/addr.h"
#include "src/base/err.h"
#include "src/config/config.h"

#define HEALTH_MARK_BASE 0x53480000U /* "SH"; the lower 16 bits number the target real */
#define HEALTH_MARK_MASK 0xffff0000U
#define HEALTH_TABLE     21320 /* routing table of the probe path */
#define HEALTH_VETH      "shoal-probe"
#define HEALTH_VETH_FAR  "shoal-steer" /* its other end, where the program runs */

struct health_path;

/*
 * health_path_open - make, or adopt, veth, rules, routes and filter; idempotent.
 * @bpffs_dir: where the maps are pinned; made when only the last component is missing. Targets of
 *             an earlier run stay in force.
 * Needs CAP_NET_ADMIN and CAP_BPF. Returns 0 or a negative errno with the sentence; -EEXIST when
 * an interface of the veth's name is something else.
 */
int health_path_open(const char *bpffs_dir, struct health_path **ret, struct err *err);
/* Let go; the path stays in force. NULL is fine. */
void health_path_close(struct health_path *path);
/* Remove everything the path made; what is not there is no error. */
int health_path_remove(const char *bpffs_dir, struct err *err);

struct health_path_target {
	struct addr real;
	enum config_encap encap;
	uint16_t gue_port;
	bool has_source4, has_source6;
	struct addr source4, source6; /* outer sources: encap-source, or the uplink's address */
	uint32_t ifindex;             /* uplink; 0: no way, the probe dies as "probe path" */
	uint8_t src_mac[6], dst_mac[6];
};

/*
 * Map a mark to a target; repeating is cheap. The first target over an uplink also puts the filter
 * there that drops marked packets outside of the path; where that is refused, nothing is mapped.
 */
int health_path_set(struct health_path *path, uint32_t mark,
		    const struct health_path_target *target, struct err *err);
/*
 * health_path_mend - whether a mark still leads to the target it was given; put right when not.
 * Returns 0 when it does, 1 when it did not, or a negative errno.
 */
int health_path_mend(struct health_path *path, uint32_t mark,
		     const struct health_path_target *target, struct err *err);
/* A mark that is not mapped is fine. */
int health_path_del(struct health_path *path, uint32_t mark, struct err *err);

/* What health_path_check() repaired; bits. */
enum health_path_part {
	HEALTH_PATH_DEVICE = 1,
	HEALTH_PATH_FILTER = 2,
	HEALTH_PATH_RULE = 4,
	HEALTH_PATH_ROUTE = 8,
};

/*
 * health_path_check - whether veth, rules, routes and filters all stand; repairs what is missing.
 * Returns 0 when whole, the parts that were repaired, a negative errno when it could not be.
 */
int health_path_check(struct health_path *path, struct err *err);

/*
 * How frames on the path ended since it was made, summed over CPUs: "sent", "unmapped", "leak",
 * ... i counts from 0; false ends the list.
 */
bool health_path_total(struct health_path *path, unsigned i, const char **ret_name,
		       uint64_t *ret_value);
