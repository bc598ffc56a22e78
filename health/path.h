/* SPDX-License-Identifier: Apache-2.0 */
/*
 * path.h - the way of tunnelled probes, set up by shoald: probes carry a mark (SO_MARK); an ip rule
 * on the mark's upper half leads to a table whose only device is the veth `shoal-probe`; on that
 * device steer.bpf.c (tc egress) maps the mark to a real, encapsulates as for clients and
 * redirects to the uplink. Without the mapping or the filter the packet dies there: fails closed.
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

struct health_path;

/*
 * health_path_open - make, or adopt, veth, rule, route and filter; idempotent.
 * @bpffs_dir: where map and program are pinned.
 * Returns 0 or a negative errno with the sentence.
 */
int health_path_open(const char *bpffs_dir, struct health_path **ret, struct err *err);
/* Let go; the path stays in force. */
void health_path_close(struct health_path *path);
/* Remove everything the path made. */
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

/* Map a mark to a target; repeating is cheap. */
int health_path_set(struct health_path *path, uint32_t mark,
		    const struct health_path_target *target, struct err *err);
int health_path_del(struct health_path *path, uint32_t mark, struct err *err);

/*
 * health_path_check - whether veth, rule, route and filter all stand; repairs what is missing.
 * Returns 0 when whole, 1 when something was repaired, a negative errno when it could not be.
 */
int health_path_check(struct health_path *path, struct err *err);
