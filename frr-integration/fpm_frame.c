/* SPDX-License-Identifier: Apache-2.0 */
/* fpm_frame.c - see fpm_frame.h. */
#include "frr-integration/fpm_frame.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/nexthop.h>
#include <linux/rtnetlink.h>

#include <netlink/attr.h>
#include <netlink/msg.h>

#define VERSION       1
#define TYPE_NETLINK  1
#define TYPE_PROTOBUF 2

/* ---- frames ---- */

int fpm_frame_cut(const uint8_t *bytes, size_t n, struct err *err)
{
	unsigned len;

	if (n >= 1 && bytes[0] != VERSION)
		return err_set(err, -EBADMSG, "frame of version %u, and only 1 is understood",
			       bytes[0]);
	if (n >= 2 && bytes[1] == TYPE_PROTOBUF)
		return err_set(err, -EBADMSG, "protobuf frame; start zebra with -M fpm:netlink");
	if (n >= 2 && bytes[1] != TYPE_NETLINK)
		return err_set(err, -EBADMSG, "frame of unknown type %u", bytes[1]);
	if (n < FPM_HEADER_BYTES)
		return 0;
	len = (unsigned)bytes[2] << 8 | bytes[3];
	if (len < FPM_HEADER_BYTES + NLMSG_HDRLEN)
		return err_set(err, -EBADMSG, "frame of %u bytes, too short for a message", len);
	if (len > FPM_FRAME_MAX)
		return err_set(err, -EBADMSG, "frame of %u bytes, more than %u", len,
			       FPM_FRAME_MAX);
	return n < len ? 0 : (int)len;
}

int fpm_frame_decode(const uint8_t *frame, size_t n, fpm_message_fn fn, void *arg, struct err *err)
{
	_Alignas(struct nlmsghdr) uint8_t aligned[FPM_FRAME_MAX];
	struct nlmsghdr *hdr = (struct nlmsghdr *)(void *)aligned;
	int left = (int)(n - FPM_HEADER_BYTES);
	struct fpm_message message;

	memcpy(aligned, frame + FPM_HEADER_BYTES, (size_t)left);
	while (left > 0) {
		int r;

		if (!nlmsg_ok(hdr, left))
			return err_set(err, -EBADMSG,
				       "netlink message that does not fit the %d bytes left of its "
				       "frame",
				       left);
		r = fpm_message_decode(hdr, &message, err);
		if (r < 0)
			return r;
		fn(&message, arg);
		hdr = nlmsg_next(hdr, &left);
	}
	return 0;
}

/* ---- attributes ---- */

static size_t raw_len(int family)
{
	return family == AF_INET ? 4 : 16;
}

static bool is_family(int family)
{
	return family == AF_INET || family == AF_INET6;
}

static int bad(struct err *err, const char *what)
{
	return err_set(err, -EBADMSG, "netlink message with a malformed %s", what);
}

static bool read_addr(const struct nlattr *attr, int family, struct addr *ret)
{
	if ((size_t)nla_len(attr) != raw_len(family))
		return false;
	*ret = addr_from_raw(family, nla_data(attr));
	return true;
}

static bool read_via(const struct nlattr *attr, struct addr *ret)
{
	const struct rtvia *via = nla_data(attr);
	size_t len = (size_t)nla_len(attr);

	if (len < sizeof(*via) || !is_family(via->rtvia_family) ||
	    len < sizeof(*via) + raw_len(via->rtvia_family))
		return false;
	*ret = addr_from_raw(via->rtvia_family, via->rtvia_addr);
	return true;
}

/* The gateway of a route or of one of its hops, of whichever family. */
static int read_gateway(struct nlattr *tb[], int family, struct fpm_hop *hop, struct err *err)
{
	hop->has_gateway = tb[RTA_GATEWAY] || tb[RTA_VIA];
	if (tb[RTA_GATEWAY] && !read_addr(tb[RTA_GATEWAY], family, &hop->gateway))
		return bad(err, "gateway");
	if (!tb[RTA_GATEWAY] && tb[RTA_VIA] && !read_via(tb[RTA_VIA], &hop->gateway))
		return bad(err, "gateway");
	return 0;
}

/* The address of a prefix, host bits cleared. */
static struct prefix make_prefix(int family, const uint8_t *raw, unsigned len)
{
	uint8_t net[16] = { 0 };

	for (unsigned bit = 0; bit < len; bit += 8) {
		unsigned rest = len - bit;
		unsigned mask = rest >= 8 ? 0xffU : 0xff00U >> rest & 0xffU;

		net[bit / 8] = raw[bit / 8] & (uint8_t)mask;
	}
	return (struct prefix){ .addr = addr_from_raw(family, net), .len = (uint8_t)len };
}

static int read_prefix(const struct nlattr *dst, const struct rtmsg *info, struct prefix *ret,
		       struct err *err)
{
	static const uint8_t zero[16];
	size_t len = raw_len(info->rtm_family);

	if (info->rtm_dst_len > 8 * len || (!dst && info->rtm_dst_len > 0) ||
	    (dst && (size_t)nla_len(dst) != len))
		return bad(err, "destination");
	*ret = make_prefix(info->rtm_family, dst ? nla_data(dst) : zero, info->rtm_dst_len);
	return 0;
}

/* ---- routes ---- */

static int add_hop(struct fpm_message *message, const struct fpm_hop *hop)
{
	if (message->n_hops < FPM_HOPS_MAX)
		message->hops[message->n_hops++] = *hop;
	else
		message->is_cut = true;
	return 0;
}

static int read_multipath_hop(struct fpm_message *message, int family, struct rtnexthop *nh,
			      struct err *err)
{
	struct fpm_hop hop = { .ifindex = (uint32_t)nh->rtnh_ifindex,
			       .weight = (uint16_t)(nh->rtnh_hops + 1) };
	struct nlattr *tb[RTA_MAX + 1], *attrs = (struct nlattr *)(void *)(nh + 1);
	int r;

	if (nla_parse(tb, RTA_MAX, attrs, nh->rtnh_len - (int)sizeof(*nh), NULL) < 0)
		return bad(err, "next hop");
	r = read_gateway(tb, family, &hop, err);
	return r < 0 ? r : add_hop(message, &hop);
}

static int read_multipath(struct fpm_message *message, int family, const struct nlattr *attr,
			  struct err *err)
{
	struct rtnexthop *nh = nla_data(attr);
	int left = nla_len(attr), r;

	while (left > 0) {
		int step;

		if (left < (int)sizeof(*nh) || nh->rtnh_len < sizeof(*nh) || nh->rtnh_len > left)
			return bad(err, "list of next hops");
		r = read_multipath_hop(message, family, nh, err);
		if (r < 0)
			return r;
		step = (int)RTNH_ALIGN(nh->rtnh_len);
		left -= step;
		nh = (struct rtnexthop *)(void *)((char *)nh + step);
	}
	return 0;
}

static int read_hops(struct fpm_message *message, struct nlattr *tb[], int family, struct err *err)
{
	struct fpm_hop hop = { .weight = 1 };
	int r;

	if (tb[RTA_MULTIPATH])
		return read_multipath(message, family, tb[RTA_MULTIPATH], err);
	r = read_gateway(tb, family, &hop, err);
	if (r < 0)
		return r;
	hop.ifindex = tb[RTA_OIF] ? nla_get_u32(tb[RTA_OIF]) : 0;
	return hop.has_gateway || hop.ifindex ? add_hop(message, &hop) : 0;
}

static int read_route(struct nlmsghdr *hdr, struct fpm_message *ret, struct err *err)
{
	static struct nla_policy policy[RTA_MAX + 1] = {
		[RTA_OIF] = { .type = NLA_U32 },
		[RTA_TABLE] = { .type = NLA_U32 },
		[RTA_NH_ID] = { .type = NLA_U32 },
	};
	struct nlattr *tb[RTA_MAX + 1];
	const struct rtmsg *info;
	int r;

	if (nlmsg_parse(hdr, sizeof(*info), tb, RTA_MAX, policy) < 0)
		return bad(err, "route");
	info = nlmsg_data(hdr);
	/* MPLS labels, and IPv6 routes by source, which no real of ours depends on. */
	if (!is_family(info->rtm_family) || info->rtm_src_len > 0)
		return 0;
	ret->table = tb[RTA_TABLE] ? nla_get_u32(tb[RTA_TABLE]) : info->rtm_table;
	ret->protocol = info->rtm_protocol;
	ret->type = info->rtm_type;
	ret->id = tb[RTA_NH_ID] ? nla_get_u32(tb[RTA_NH_ID]) : 0;
	r = read_prefix(tb[RTA_DST], info, &ret->prefix, err);
	if (r == 0 && info->rtm_family == AF_INET6 && addr_is_ipv4(&ret->prefix.addr))
		return 0; /* mapped addresses are on no wire, and our prefixes of them are IPv4 */
	if (r == 0)
		r = read_hops(ret, tb, info->rtm_family, err);
	if (r == 0)
		ret->kind = hdr->nlmsg_type == RTM_NEWROUTE ? FPM_ROUTE_SET : FPM_ROUTE_DEL;
	return r;
}

/* ---- next hops and their groups ---- */

static int read_group(struct fpm_message *message, const struct nlattr *attr, struct err *err)
{
	const struct nexthop_grp *group = nla_data(attr);
	size_t n = (size_t)nla_len(attr) / sizeof(*group);

	if ((size_t)nla_len(attr) % sizeof(*group))
		return bad(err, "next-hop group");
	message->is_cut = n > FPM_HOPS_MAX;
	message->n_members = n > FPM_HOPS_MAX ? FPM_HOPS_MAX : (unsigned)n;
	for (unsigned i = 0; i < message->n_members; i++)
		message->members[i] =
			(struct fpm_member){ .id = group[i].id,
					     .weight = (uint16_t)(group[i].weight + 1) };
	return 0;
}

static int read_single(struct fpm_message *message, struct nlattr *tb[], struct err *err)
{
	struct fpm_hop hop = { .weight = 1 };

	if (tb[NHA_BLACKHOLE])
		message->type = RTN_BLACKHOLE;
	if (tb[NHA_GATEWAY]) {
		int family = nla_len(tb[NHA_GATEWAY]) == 4 ? AF_INET : AF_INET6;

		if (!read_addr(tb[NHA_GATEWAY], family, &hop.gateway))
			return bad(err, "gateway");
		hop.has_gateway = true;
	}
	hop.ifindex = tb[NHA_OIF] ? nla_get_u32(tb[NHA_OIF]) : 0;
	return hop.has_gateway || hop.ifindex ? add_hop(message, &hop) : 0;
}

static int read_next_hop(struct nlmsghdr *hdr, struct fpm_message *ret, struct err *err)
{
	static struct nla_policy policy[NHA_MAX + 1] = {
		[NHA_ID] = { .type = NLA_U32 },
		[NHA_OIF] = { .type = NLA_U32 },
	};
	struct nlattr *tb[NHA_MAX + 1];
	int r;

	if (nlmsg_parse(hdr, sizeof(struct nhmsg), tb, NHA_MAX, policy) < 0 || !tb[NHA_ID] ||
	    nla_get_u32(tb[NHA_ID]) == 0)
		return bad(err, "next hop");
	ret->id = nla_get_u32(tb[NHA_ID]);
	ret->type = RTN_UNICAST;
	r = tb[NHA_GROUP] ? read_group(ret, tb[NHA_GROUP], err) : read_single(ret, tb, err);
	if (r == 0)
		ret->kind = hdr->nlmsg_type == RTM_NEWNEXTHOP ? FPM_HOP_SET : FPM_HOP_DEL;
	return r;
}

int fpm_message_decode(struct nlmsghdr *hdr, struct fpm_message *ret, struct err *err)
{
	ret->kind = FPM_OTHER;
	ret->n_hops = ret->n_members = 0;
	ret->is_cut = false;
	switch (hdr->nlmsg_type) {
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		return read_route(hdr, ret, err);
	case RTM_NEWNEXTHOP:
	case RTM_DELNEXTHOP:
		return read_next_hop(hdr, ret, err);
	default: /* MAC addresses, label switching */
		return 0;
	}
}

const char *fpm_protocol_str(uint8_t protocol)
{
	static const char *const words[256] = {
		[RTPROT_REDIRECT] = "redirect",
		[RTPROT_KERNEL] = "kernel",
		[RTPROT_BOOT] = "boot",
		[RTPROT_STATIC] = "static",
		[RTPROT_RA] = "ra",
		[RTPROT_ZEBRA] = "zebra",
		[RTPROT_BIRD] = "bird",
		[RTPROT_DHCP] = "dhcp",
		[RTPROT_BGP] = "bgp",
		[RTPROT_ISIS] = "isis",
		[RTPROT_OSPF] = "ospf",
		[RTPROT_RIP] = "rip",
		[RTPROT_EIGRP] = "eigrp",
		[196] = "static", /* FRR's own from here */
	};

	return words[protocol];
}
