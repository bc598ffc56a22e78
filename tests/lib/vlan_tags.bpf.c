// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * vlan_tags.bpf.c - a router's port that tags, for kernels without VLAN devices: what leaves for
 * the lab's IPv4 VIP gets one tag (section one) or two (section two), what comes loses all it has.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define VIP     0xcb00710aU /* 203.0.113.10 */
#define DST_OFF 30          /* of an IPv4 header behind an Ethernet header */

static __always_inline int is_for_vip(struct __sk_buff *skb)
{
	__u16 proto = 0;
	__u32 dst = 0;

	bpf_skb_load_bytes(skb, 12, &proto, sizeof(proto));
	bpf_skb_load_bytes(skb, DST_OFF, &dst, sizeof(dst));
	return proto == bpf_htons(ETH_P_IP) && dst == bpf_htonl(VIP);
}

SEC("one")
int push_one(struct __sk_buff *skb)
{
	if (is_for_vip(skb))
		bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), 100);
	return TC_ACT_OK;
}

SEC("two")
int push_two(struct __sk_buff *skb)
{
	if (!is_for_vip(skb))
		return TC_ACT_OK;
	bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), 200);
	bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021AD), 300);
	return TC_ACT_OK;
}

SEC("pop")
int pop_all(struct __sk_buff *skb)
{
	for (int i = 0; i < 2 && skb->vlan_present; i++)
		bpf_skb_vlan_pop(skb);
	return TC_ACT_OK;
}

char lab_license[] SEC("license") = "Dual BSD/GPL";
