/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire.c - see wire.h.
 *
 * libnl's object layer is not used for decoding: version 3.7 knows neither IFLA_XDP nor
 * NTF_EXT_MANAGED, and one way of reading messages is easier to follow than two.
 */
#include "src/net/wire.h"

#include <errno.h>
#include <string.h>

#include <net/if.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include <netlink/attr.h>

#ifndef IFF_LOWER_UP
#define IFF_LOWER_UP 0x10000 /* linux/if.h, which cannot be included beside net/if.h */
#endif

#define MAC_LEN 6

static void mac_read(const struct nlattr *attr, uint8_t ret_mac[MAC_LEN], bool *ret_has_mac)
{
	*ret_has_mac = attr && nla_len(attr) == MAC_LEN;
	if (*ret_has_mac)
		memcpy(ret_mac, nla_data(attr), MAC_LEN);
}

/* An address attribute of a family; false when its length is not that of the family. */
static bool addr_read(const struct nlattr *attr, int family, struct addr *ret)
{
	if (!attr || (family != AF_INET && family != AF_INET6))
		return false;
	if (nla_len(attr) != (family == AF_INET ? 4 : 16))
		return false;
	*ret = addr_from_raw(family, nla_data(attr));
	return true;
}

static uint32_t xdp_prog_id_read(struct nlattr *attr)
{
	static struct nla_policy policy[IFLA_XDP_MAX + 1] = {
		[IFLA_XDP_PROG_ID] = { .type = NLA_U32 },
		[IFLA_XDP_DRV_PROG_ID] = { .type = NLA_U32 },
	};
	struct nlattr *tb[IFLA_XDP_MAX + 1];

	if (!attr || nla_parse_nested(tb, IFLA_XDP_MAX, attr, policy) < 0)
		return 0;
	/* With programs in two modes at once PROG_ID is absent and each mode has its own. */
	if (tb[IFLA_XDP_DRV_PROG_ID])
		return nla_get_u32(tb[IFLA_XDP_DRV_PROG_ID]);
	return tb[IFLA_XDP_PROG_ID] ? nla_get_u32(tb[IFLA_XDP_PROG_ID]) : 0;
}

int wire_link_decode(struct nlmsghdr *hdr, struct wire_link *ret)
{
	static struct nla_policy policy[IFLA_MAX + 1] = {
		[IFLA_IFNAME] = { .type = NLA_STRING, .maxlen = IFNAMSIZ },
		[IFLA_MTU] = { .type = NLA_U32 },
		[IFLA_XDP] = { .type = NLA_NESTED },
	};
	struct wire_link link = { .is_gone = hdr->nlmsg_type == RTM_DELLINK };
	struct nlattr *tb[IFLA_MAX + 1];
	const struct ifinfomsg *info;
	bool has_mac;

	if (hdr->nlmsg_type != RTM_NEWLINK && hdr->nlmsg_type != RTM_DELLINK)
		return -ENOMSG;
	if (nlmsg_parse(hdr, sizeof(*info), tb, IFLA_MAX, policy) < 0 || !tb[IFLA_IFNAME])
		return -EBADMSG;
	info = nlmsg_data(hdr);
	/* A bridge says "link deleted" with its own family when a port merely leaves it. */
	if (info->ifi_family != AF_UNSPEC)
		return -ENOMSG;

	link.ifindex = (uint32_t)info->ifi_index;
	link.has_carrier = (info->ifi_flags & IFF_UP) && (info->ifi_flags & IFF_LOWER_UP);
	nla_strlcpy(link.name, tb[IFLA_IFNAME], sizeof(link.name));
	mac_read(tb[IFLA_ADDRESS], link.mac, &has_mac);
	link.mtu_bytes = tb[IFLA_MTU] ? nla_get_u32(tb[IFLA_MTU]) : 0;
	link.xdp_prog_id = xdp_prog_id_read(tb[IFLA_XDP]);
	*ret = link;
	return 0;
}

int wire_addr_decode(struct nlmsghdr *hdr, struct wire_addr *ret)
{
	static struct nla_policy policy[IFA_MAX + 1] = { [IFA_FLAGS] = { .type = NLA_U32 } };
	const uint32_t unfit = IFA_F_TENTATIVE | IFA_F_DADFAILED | IFA_F_DEPRECATED;
	struct nlattr *tb[IFA_MAX + 1];
	const struct ifaddrmsg *info;
	struct wire_addr addr = { 0 };
	uint32_t flags;

	if (hdr->nlmsg_type != RTM_NEWADDR && hdr->nlmsg_type != RTM_DELADDR)
		return -ENOMSG;
	if (nlmsg_parse(hdr, sizeof(*info), tb, IFA_MAX, policy) < 0)
		return -EBADMSG;
	info = nlmsg_data(hdr);
	if (info->ifa_family != AF_INET && info->ifa_family != AF_INET6)
		return -ENOMSG;
	/* IFA_ADDRESS is the far end on point-to-point links; IPv6 has no IFA_LOCAL elsewhere. */
	if (!addr_read(tb[IFA_LOCAL] ? tb[IFA_LOCAL] : tb[IFA_ADDRESS], info->ifa_family,
		       &addr.addr))
		return -EBADMSG;

	flags = tb[IFA_FLAGS] ? nla_get_u32(tb[IFA_FLAGS]) : info->ifa_flags;
	addr.ifindex = info->ifa_index;
	addr.is_source = info->ifa_scope == RT_SCOPE_UNIVERSE && !(flags & unfit);
	/* The bit of IPv6's temporary addresses is that of IPv4's secondary ones, which are fine.
	 */
	if (info->ifa_family == AF_INET6 && (flags & IFA_F_TEMPORARY))
		addr.is_source = false;
	*ret = addr;
	return 0;
}

static bool gateway_read(struct nlattr *tb[], int family, struct addr *ret)
{
	const struct rtvia *via;

	if (tb[RTA_GATEWAY])
		return addr_read(tb[RTA_GATEWAY], family, ret);
	if (!tb[RTA_VIA] || nla_len(tb[RTA_VIA]) < (int)sizeof(*via))
		return false;
	via = nla_data(tb[RTA_VIA]);
	if (via->rtvia_family != AF_INET && via->rtvia_family != AF_INET6)
		return false;
	if (nla_len(tb[RTA_VIA]) < (int)sizeof(*via) + (via->rtvia_family == AF_INET ? 4 : 16))
		return false;
	*ret = addr_from_raw(via->rtvia_family, via->rtvia_addr);
	return true;
}

int wire_route_decode(struct nlmsghdr *hdr, struct wire_route *ret)
{
	static struct nla_policy policy[RTA_MAX + 1] = {
		[RTA_OIF] = { .type = NLA_U32 },
		[RTA_TABLE] = { .type = NLA_U32 },
	};
	struct wire_route route = { 0 };
	struct nlattr *tb[RTA_MAX + 1];
	const struct rtmsg *info;

	if (hdr->nlmsg_type != RTM_NEWROUTE)
		return -ENOMSG;
	if (nlmsg_parse(hdr, sizeof(*info), tb, RTA_MAX, policy) < 0)
		return -EBADMSG;
	info = nlmsg_data(hdr);
	route.type = info->rtm_type;
	route.table = tb[RTA_TABLE] ? nla_get_u32(tb[RTA_TABLE]) : info->rtm_table;
	route.ifindex = tb[RTA_OIF] ? nla_get_u32(tb[RTA_OIF]) : 0;
	route.has_gateway = gateway_read(tb, info->rtm_family, &route.gateway);
	if (!route.has_gateway && (tb[RTA_GATEWAY] || tb[RTA_VIA]))
		return -EBADMSG;
	*ret = route;
	return 0;
}

int wire_neigh_decode(struct nlmsghdr *hdr, struct wire_neigh *ret)
{
	static struct nla_policy policy[NDA_MAX + 1] = {
		[NDA_FLAGS_EXT] = { .type = NLA_U32 },
		[NDA_PROTOCOL] = { .type = NLA_U8 },
	};
	struct wire_neigh neigh = { .is_gone = hdr->nlmsg_type == RTM_DELNEIGH };
	struct nlattr *tb[NDA_MAX + 1];
	const struct ndmsg *info;

	if (hdr->nlmsg_type != RTM_NEWNEIGH && hdr->nlmsg_type != RTM_DELNEIGH)
		return -ENOMSG;
	if (nlmsg_parse(hdr, sizeof(*info), tb, NDA_MAX, policy) < 0)
		return -EBADMSG;
	info = nlmsg_data(hdr);
	/* Bridges tell of their forwarding entries here too; proxies are answers, not neighbours.
	 */
	if ((info->ndm_family != AF_INET && info->ndm_family != AF_INET6) ||
	    (info->ndm_flags & NTF_PROXY))
		return -ENOMSG;
	if (!addr_read(tb[NDA_DST], info->ndm_family, &neigh.addr))
		return -EBADMSG;
	neigh.ifindex = (uint32_t)info->ndm_ifindex;
	neigh.state = info->ndm_state;
	mac_read(tb[NDA_LLADDR], neigh.mac, &neigh.has_mac);
	if (tb[NDA_FLAGS_EXT])
		neigh.is_managed = nla_get_u32(tb[NDA_FLAGS_EXT]) & NTF_EXT_MANAGED;
	if (tb[NDA_PROTOCOL])
		neigh.protocol = nla_get_u8(tb[NDA_PROTOCOL]);
	*ret = neigh;
	return 0;
}

/* A message with its family header in place; NULL without memory. */
static struct nl_msg *msg_new(int type, int flags, const void *info, size_t len)
{
	struct nl_msg *msg = nlmsg_alloc_simple(type, NLM_F_REQUEST | flags);

	if (msg && nlmsg_append(msg, (void *)(uintptr_t)info, len, NLMSG_ALIGNTO) < 0) {
		nlmsg_free(msg);
		return NULL;
	}
	return msg;
}

/* The message when every attribute was put, else NULL; takes ownership. */
static struct nl_msg *msg_done(struct nl_msg *msg, int put_error)
{
	if (msg && put_error < 0) {
		nlmsg_free(msg);
		return NULL;
	}
	return msg;
}

static int addr_put(struct nl_msg *msg, int type, const struct addr *addr)
{
	size_t len;
	const uint8_t *raw = addr_raw(addr, &len);

	return nla_put(msg, type, (int)len, raw);
}

struct nl_msg *wire_link_query(const char *name)
{
	struct ifinfomsg info = { .ifi_family = AF_UNSPEC };
	struct nl_msg *msg = msg_new(RTM_GETLINK, 0, &info, sizeof(info));

	return msg ? msg_done(msg, nla_put_string(msg, IFLA_IFNAME, name)) : NULL;
}

struct nl_msg *wire_addr_dump(void)
{
	struct ifaddrmsg info = { .ifa_family = AF_UNSPEC };

	return msg_new(RTM_GETADDR, NLM_F_DUMP, &info, sizeof(info));
}

struct nl_msg *wire_route_query(const struct addr *dst, uint32_t ifindex)
{
	struct rtmsg info = {
		.rtm_family = (uint8_t)addr_family(dst),
		.rtm_dst_len = addr_is_ipv4(dst) ? 32 : 128,
		/* With an output interface and no route IPv4 assumes "on link"; only the table
		 * looked up, which is then none, tells that from a route. IPv6 tells it unasked,
		 * and strict sockets refuse the flag there. */
		.rtm_flags = addr_is_ipv4(dst) ? RTM_F_LOOKUP_TABLE : 0,
	};
	struct nl_msg *msg = msg_new(RTM_GETROUTE, 0, &info, sizeof(info));
	int put;

	if (!msg)
		return NULL;
	put = addr_put(msg, RTA_DST, dst);
	if (put >= 0 && ifindex)
		put = nla_put_u32(msg, RTA_OIF, ifindex);
	return msg_done(msg, put);
}

struct nl_msg *wire_neigh_query(const struct addr *addr, uint32_t ifindex)
{
	struct ndmsg info = {
		.ndm_family = (uint8_t)addr_family(addr),
		.ndm_ifindex = (int)ifindex,
	};
	struct nl_msg *msg = msg_new(RTM_GETNEIGH, 0, &info, sizeof(info));

	return msg ? msg_done(msg, addr_put(msg, NDA_DST, addr)) : NULL;
}

struct nl_msg *wire_neigh_touch(const struct addr *addr, uint32_t ifindex,
				enum wire_neigh_touch touch)
{
	/* NTF_USE makes the kernel resolve the entry now, on kernels without managed ones too. */
	struct ndmsg info = {
		.ndm_family = (uint8_t)addr_family(addr),
		.ndm_ifindex = (int)ifindex,
		.ndm_flags = NTF_USE,
	};
	int flags = NLM_F_ACK | (touch == WIRE_NEIGH_CREATE ? NLM_F_CREATE | NLM_F_EXCL : 0);
	struct nl_msg *msg = msg_new(RTM_NEWNEIGH, flags, &info, sizeof(info));
	int put;

	if (!msg)
		return NULL;
	put = addr_put(msg, NDA_DST, addr);
	if (put >= 0 && touch != WIRE_NEIGH_RELEASE)
		put = nla_put_u32(msg, NDA_FLAGS_EXT, NTF_EXT_MANAGED);
	if (put >= 0 && touch != WIRE_NEIGH_RELEASE)
		put = nla_put_u8(msg, NDA_PROTOCOL, WIRE_NEIGH_PROTOCOL);
	return msg_done(msg, put);
}
