/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * service.h - finding uplink, VIP and service in the tables.
 *
 * VIPs and services are open-addressing tables of one-word cells that hold key and index, so a
 * change is one store. A key stands at most LB_PROBES cells from its place; a cell that was never
 * used ends a search. IPv6 addresses do not fit a cell: it holds a tag, the record the address.
 */
#pragma once

#include "bpf/base.h"
#include "bpf/lb_abi.h"

#define LB_GOLDEN 0x9e3779b97f4a7c15ULL /* 2^64 divided by the golden ratio */

LB_INLINE __u32 lb_key_place(__u64 key, unsigned cells_log2)
{
	return (__u32)(key * LB_GOLDEN >> (64 - cells_log2));
}

/* 47 bits of an IPv6 address and the used bit. */
LB_INLINE __u64 lb_key_ipv6(const __be32 addr[4])
{
	__u64 high = LB_PAIR(addr[0], addr[1]);
	__u64 low = LB_PAIR(addr[2], addr[3]);
	__u64 mixed = high * LB_GOLDEN;

	mixed = ((mixed ^ mixed >> 29) + low) * LB_GOLDEN;
	return (mixed >> 16) | LB_KEY_USED;
}

/* The cells where a key may stand. */
struct lb_window {
	__u64 cells[LB_PROBES];
};

/* The index in the first cell with this key behind the window's first cell, or LB_NONE. */
LB_RARE __u32 lb_window_find(const struct lb_window *window, __u64 key)
{
	int i;

	if (!window)
		return LB_NONE;
	for (i = 1; i < LB_PROBES; i++) {
		__u64 cell = LB_READ_ONCE(window->cells[i]);

		if (cell >> 16 == key)
			return (__u32)cell & 0xffff;
		if (!cell)
			break;
	}
	return LB_NONE;
}

/* The index in the first cell of the window with this key, or LB_NONE. */
LB_INLINE __u32 lb_cells_find(const __u64 *cells, __u32 place, __u64 key)
{
	__u64 cell;

	LB_FORGET(cells); /* its address is made before the place is known */
	cell = LB_READ_ONCE(cells[place]);
	if (lb_likely(cell >> 16 == key))
		return (__u32)cell & 0xffff;
	return cell ? lb_window_find((const struct lb_window *)&cells[place], key) : LB_NONE;
}

/* The index of a VIP, LB_NONE, or one with LB_VIP_IS_DECAP: not below LB_VIPS. */
LB_INLINE __u32 lb_find_vip4(const struct lb_tables *tables, __be32 addr)
{
	__u64 key = LB_KEY_IPV4(addr);

	return lb_cells_find(tables->vip4_cells, lb_key_place(key, LB_VIP_CELLS_LOG2), key);
}

LB_INLINE __u32 lb_find_vip6(const struct lb_tables *tables, const __be32 addr[4])
{
	__u64 key = lb_key_ipv6(addr);
	__u32 vip = lb_cells_find(tables->vip6_cells, lb_key_place(key, LB_VIP_CELLS_LOG2), key);
	const __be32 *found;

	if (vip == LB_NONE)
		return LB_NONE;
	/* The tag says "probably"; two VIPs of one tag are refused when the second is added. */
	found = tables->vips[vip & (LB_VIPS - 1)].addr;
	LB_FORGET(found);
	if (LB_LOAD(__u64, found) != LB_PAIR(addr[0], addr[1]) ||
	    LB_LOAD(__u64, found + 2) != LB_PAIR(addr[2], addr[3]))
		return LB_NONE;
	return vip;
}

/* The index of the service with this LB_KEY_SERVICE, or LB_NONE. */
LB_INLINE __u32 lb_find_service_key(const struct lb_tables *tables, __u64 key)
{
	return lb_cells_find(tables->service_cells, lb_key_place(key, LB_SVC_CELLS_LOG2), key);
}

LB_INLINE __u32 lb_find_service(const struct lb_tables *tables, __u32 vip, __u8 proto, __be16 port)
{
	return lb_find_service_key(tables, LB_KEY_SERVICE(vip, proto, port));
}

/* The record of the uplink with this interface, or NULL. */
LB_INLINE const struct lb_uplink *lb_find_uplink(const struct lb_tables *tables, __u32 ifindex)
{
	int i;

	for (i = 0; i < LB_UPLINK_CELLS; i++) {
		__u64 cell = LB_READ_ONCE(tables->uplink_cells[i]);

		const struct lb_uplink *uplink = &tables->uplinks[cell & (LB_UPLINK_RECORDS - 1)];

		if (cell >> 32 != ifindex)
			continue;
		LB_FORGET(uplink); /* else its fields' addresses are worked out one by one */
		return uplink;
	}
	return NULL;
}
