/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * lookup.h - VIPs that are prefixes, and the service of a flow, in the program's own maps. Only
 * lb.bpf.c and headers that are part of it include this.
 */
#pragma once

#include "bpf/base.h"
#include "bpf/lb_abi.h"
#include "bpf/maps.h"
#include "bpf/parse.h"
#include "bpf/service.h"

/* The most specific prefix VIP of an address. */
LB_INLINE __u32 find_prefix(const __be32 addr[4], bool is_ipv6)
{
	struct lb_prefix_key key = { .len = 32 + 128, .is_ipv6 = is_ipv6 };
	const __u32 *vip;

	if (!LB_READ_ONCE(lb.has_prefixes))
		return LB_NONE;
	key.addr[0] = addr[0];
	key.addr[1] = addr[1];
	key.addr[2] = addr[2];
	key.addr[3] = addr[3];
	vip = bpf_map_lookup_elem(&prefixes, &key);
	return vip ? *vip : LB_NONE;
}

/* The service of a flow: with its port, else with any. */
LB_INLINE __u32 find_service(__u32 vip, const struct packet *packet)
{
	__u64 key = LB_KEY_SERVICE(vip, packet->proto, packet->dport);
	__u32 service = LB_NONE;

	if (!packet->is_fragment)
		service = lb_find_service_key(&lb, key);
	if (lb_unlikely(service == LB_NONE))
		service = lb_find_service_key(&lb, LB_KEY_ANY_PORT(key));
	return service < LB_SERVICES ? service : LB_NONE;
}
