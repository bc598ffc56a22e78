/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * maps.h - the maps and switches of the load balancer. Only lb.bpf.c and headers that are part of
 * it alone include this: it defines them. What stands in them: lb_abi.h.
 */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "bpf/base.h"
#include "bpf/lb_abi.h"

/* Switches, set before the program is loaded. */
const volatile __u32 lb_hash_seed = LB_HASH_SEED;
const volatile __u32 lb_hash_seed_v6 = LB_HASH_SEED_V6;
const volatile __u32 lb_self_test_line = 0;    /* behind the lines of the CPUs */
const volatile bool lb_answers_too_big = true; /* else such packets are dropped */
const volatile bool lb_is_traced = false;      /* private programs only */

const volatile __u32 lb_flow_mask = 0;     /* lines of the flow table less one */
const volatile __u32 lb_flow_shift = 10;   /* a unit of ages is 2^this jiffies */
const volatile __u32 lb_flow_udp_ages = 7; /* so long datagrams go where they went before */
const volatile __u32 lb_flow_limit = 0;    /* new entries of a CPU in a unit of ages */

struct lb_tables lb;
struct lb_trace lb_trace SEC(".data.trace") = { 0 };
struct lb_clock lb_clock SEC(".data.trace") = { 0 };

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1); /* set at load */
	__type(key, __u32);
	__type(value, struct lb_ring);
} rings SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1); /* set at load */
	__type(key, __u32);
	__type(value, struct lb_counters);
} counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, LB_PREFIXES);
	__type(key, struct lb_prefix_key);
	__type(value, __u32);
} prefixes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, LB_UPLINKS);
	__type(key, __u32);
	__type(value, __u32);
} devices SEC(".maps");

/* The flow table; its number of lines is a power of two. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1); /* set at load */
	__type(key, __u32);
	__type(value, struct lb_flow_line);
} flows SEC(".maps");

/* SYNs seen lately, bpf/syn.h. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, LB_SYN_LINES);
	__type(key, __u32);
	__type(value, struct lb_flow_line);
} syns SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, LB_SOURCES_MAX);
	__type(key, struct lb_source_key);
	__type(value, __u32);
} source_routes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, LB_SOURCES_MAX);
	__type(key, struct lb_source_key);
	__type(value, __u32);
} source_drops SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, LB_SERVER_IDS_MAX);
	__type(key, struct lb_id_key);
	__type(value, __u32);
} server_ids SEC(".maps");

/* What `shoal capture` reads. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, LB_CAPTURE_BYTES);
} captured SEC(".maps");

/* A packet being captured: its decision, its heads, and what had been noted before it came. */
struct watched {
	struct lb_captured record;
	__u64 notes[LB_NOTES_ROOM];
};
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct watched);
} watched SEC(".maps");

/* What a rare frame needs beyond the program attached; see lb.bpf.c. */
#define LB_STAGE_LONGER 0
int shoal_lb_longer(struct xdp_md *ctx);
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__array(values, int(struct xdp_md *));
} stages SEC(".maps") = { .values = { [LB_STAGE_LONGER] = (void *)&shoal_lb_longer } };
