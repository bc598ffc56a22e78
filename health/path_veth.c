/* SPDX-License-Identifier: Apache-2.0 */
/*
 * path_veth.c - the veth pair of the probe path.
 *
 * Neither end has an address. Without ARP frames leave at once, addressed to the near end's own
 * MAC; without automatic IPv6 addresses the kernel does not talk on the pair by itself. The pair
 * takes packets of any size an uplink may have; what ordinary probes send is held to PATH_MTU by
 * the route (path_rules.c).
 */
#include "health/path_parts.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <linux/veth.h>

#include <netlink/attr.h>
#include <netlink/msg.h>

#include "src/base/auto.h"
#include "src/net/request.h"

_Static_assert(sizeof(HEALTH_VETH) <= IFNAMSIZ && sizeof(HEALTH_VETH_FAR) <= IFNAMSIZ,
	       "interface names fit");

#define END_FLAGS (IFF_UP | IFF_NOARP)
#define END_MTU   65535 /* the most that a veth has */

struct end {
	uint32_t ifindex, peer;
	unsigned flags;
	uint32_t mtu_bytes;
	bool is_veth, has_own_addresses;
};

struct nl_msg *path_msg(int type, int flags, const void *info, size_t len)
{
	struct nl_msg *msg = nlmsg_alloc_simple(type, NLM_F_REQUEST | flags);

	if (msg && nlmsg_append(msg, (void *)(uintptr_t)info, len, NLMSG_ALIGNTO) < 0) {
		nlmsg_free(msg);
		return NULL;
	}
	return msg;
}

static bool is_kind_veth(struct nlattr *linkinfo)
{
	struct nlattr *tb[IFLA_INFO_MAX + 1];

	return linkinfo && nla_parse_nested(tb, IFLA_INFO_MAX, linkinfo, NULL) == 0 &&
	       tb[IFLA_INFO_KIND] && nla_strcmp(tb[IFLA_INFO_KIND], "veth") == 0;
}

/* Whether the kernel makes IPv6 addresses up for the interface; false where IPv6 is off. */
static bool makes_addresses(struct nlattr *af_spec)
{
	struct nlattr *inet6 =
		af_spec ? nla_find(nla_data(af_spec), nla_len(af_spec), AF_INET6) : NULL;
	struct nlattr *mode =
		inet6 ? nla_find(nla_data(inet6), nla_len(inet6), IFLA_INET6_ADDR_GEN_MODE) : NULL;

	return mode && nla_get_u8(mode) != IN6_ADDR_GEN_MODE_NONE;
}

static void end_answer(struct nlmsghdr *hdr, void *arg)
{
	struct nlattr *tb[IFLA_MAX + 1];
	const struct ifinfomsg *info;
	struct end *end = arg;

	if (hdr->nlmsg_type != RTM_NEWLINK ||
	    nlmsg_parse(hdr, sizeof(*info), tb, IFLA_MAX, NULL) < 0)
		return;
	info = nlmsg_data(hdr);
	end->ifindex = (uint32_t)info->ifi_index;
	end->flags = info->ifi_flags;
	end->peer = tb[IFLA_LINK] ? nla_get_u32(tb[IFLA_LINK]) : 0;
	end->mtu_bytes = tb[IFLA_MTU] ? nla_get_u32(tb[IFLA_MTU]) : 0;
	end->is_veth = is_kind_veth(tb[IFLA_LINKINFO]);
	end->has_own_addresses = makes_addresses(tb[IFLA_AF_SPEC]);
}

static int end_read(struct nl_sock *sk, const char *name, struct end *ret)
{
	struct ifinfomsg info = { .ifi_family = AF_UNSPEC };
	struct nl_msg *msg = path_msg(RTM_GETLINK, 0, &info, sizeof(info));

	memset(ret, 0, sizeof(*ret));
	if (msg && nla_put_string(msg, IFLA_IFNAME, name) < 0) {
		nlmsg_free(msg);
		return -ENOMEM;
	}
	return request_ask(sk, msg, end_answer, ret);
}

static int pair_new(struct nl_sock *sk)
{
	struct ifinfomsg info = { .ifi_family = AF_UNSPEC };
	struct nl_msg *msg =
		path_msg(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, &info, sizeof(info));
	struct nlattr *linkinfo, *data, *peer;
	int put;

	if (!msg)
		return -ENOMEM;
	/* A message of a page holds these few bytes: only the last put is looked at. */
	nla_put_string(msg, IFLA_IFNAME, HEALTH_VETH);
	linkinfo = nla_nest_start(msg, IFLA_LINKINFO);
	nla_put_string(msg, IFLA_INFO_KIND, "veth");
	data = nla_nest_start(msg, IFLA_INFO_DATA);
	peer = nla_nest_start(msg, VETH_INFO_PEER);
	nlmsg_append(msg, &info, sizeof(info), NLMSG_ALIGNTO);
	put = nla_put_string(msg, IFLA_IFNAME, HEALTH_VETH_FAR);
	if (!linkinfo || !data || !peer || put < 0) {
		nlmsg_free(msg);
		return -ENOMEM;
	}
	nla_nest_end(msg, peer);
	nla_nest_end(msg, data);
	nla_nest_end(msg, linkinfo);
	return request_ask(sk, msg, NULL, NULL);
}

static int end_set_flags(struct nl_sock *sk, uint32_t ifindex)
{
	struct ifinfomsg info = {
		.ifi_family = AF_UNSPEC,
		.ifi_index = (int)ifindex,
		.ifi_flags = END_FLAGS,
		.ifi_change = END_FLAGS,
	};

	return request_ask(sk, path_msg(RTM_SETLINK, NLM_F_ACK, &info, sizeof(info)), NULL, NULL);
}

static int end_widen(struct nl_sock *sk, uint32_t ifindex)
{
	struct ifinfomsg info = { .ifi_family = AF_UNSPEC, .ifi_index = (int)ifindex };
	struct nl_msg *msg = path_msg(RTM_SETLINK, NLM_F_ACK, &info, sizeof(info));

	if (!msg || nla_put_u32(msg, IFLA_MTU, END_MTU) < 0) {
		nlmsg_free(msg);
		return -ENOMEM;
	}
	return request_ask(sk, msg, NULL, NULL);
}

static int end_stop_addresses(struct nl_sock *sk, uint32_t ifindex)
{
	struct ifinfomsg info = { .ifi_family = AF_UNSPEC, .ifi_index = (int)ifindex };
	struct nl_msg *msg = path_msg(RTM_SETLINK, NLM_F_ACK, &info, sizeof(info));
	struct nlattr *af_spec, *inet6;

	if (!msg)
		return -ENOMEM;
	af_spec = nla_nest_start(msg, IFLA_AF_SPEC);
	inet6 = nla_nest_start(msg, AF_INET6);
	if (!af_spec || !inet6 ||
	    nla_put_u8(msg, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE) < 0) {
		nlmsg_free(msg);
		return -ENOMEM;
	}
	nla_nest_end(msg, inet6);
	nla_nest_end(msg, af_spec);
	return request_ask(sk, msg, NULL, NULL);
}

static int end_ensure(struct nl_sock *sk, const char *name, const struct end *end, struct err *err)
{
	int done = 0, r = 0;

	if (end->has_own_addresses) { /* before it goes up, or it has one already */
		r = end_stop_addresses(sk, end->ifindex);
		done = 1;
	}
	if (r == 0 && end->mtu_bytes != END_MTU) {
		r = end_widen(sk, end->ifindex);
		done = 1;
	}
	if (r == 0 && (end->flags & END_FLAGS) != END_FLAGS) {
		r = end_set_flags(sk, end->ifindex);
		done = 1;
	}
	return r < 0 ? err_set(err, r, "interface %s: %m", name) : done;
}

static int ethtool(const char *name, uint32_t cmd, uint32_t *value)
{
	struct ethtool_value arg = { .cmd = cmd, .data = *value };
	struct ifreq ifr = { .ifr_data = (void *)&arg };
	AUTO(fd_closep) int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (fd < 0 || ioctl(fd, SIOCETHTOOL, &ifr) < 0)
		return -errno;
	*value = arg.data;
	return 0;
}

/* Without checksum offload there is no segmentation offload either. */
static int offload_ensure(struct err *err)
{
	uint32_t is_on = 0, off = 0;
	int r = ethtool(HEALTH_VETH, ETHTOOL_GTXCSUM, &is_on);

	if (r == 0 && !is_on)
		return 0;
	if (r == 0)
		r = ethtool(HEALTH_VETH, ETHTOOL_STXCSUM, &off);
	return r < 0 ? err_set(err, r, "interface %s: checksum offload: %m", HEALTH_VETH) : 1;
}

static int pair_read(struct nl_sock *sk, struct end *near, struct end *far, struct err *err)
{
	int r = end_read(sk, HEALTH_VETH, near);

	if (r < 0)
		return r == -ENODEV ? r : err_set(err, r, "interface %s: %m", HEALTH_VETH);
	r = end_read(sk, HEALTH_VETH_FAR, far);
	if (r < 0 || !near->is_veth || near->peer != far->ifindex)
		return err_set(err, -EEXIST,
			       "interface %s is not the veth pair of Shoal; remove or rename it",
			       HEALTH_VETH);
	return 0;
}

int path_veth_ensure(struct nl_sock *sk, struct path_veth *ret, struct err *err)
{
	struct end near, far;
	int done = 0, r = pair_read(sk, &near, &far, err), parts[3];

	if (r == -ENODEV) {
		r = pair_new(sk);
		if (r < 0)
			return err_set(err, r, "making the veth pair %s, %s: %m", HEALTH_VETH,
				       HEALTH_VETH_FAR);
		done = 1;
		r = pair_read(sk, &near, &far, err);
	}
	if (r < 0)
		return r;
	parts[0] = offload_ensure(err);
	parts[1] = parts[0] < 0 ? 0 : end_ensure(sk, HEALTH_VETH_FAR, &far, err);
	parts[2] = parts[1] < 0 ? 0 : end_ensure(sk, HEALTH_VETH, &near, err);
	for (size_t i = 0; i < 3; i++) {
		if (parts[i] < 0)
			return parts[i];
		done |= parts[i];
	}
	*ret = (struct path_veth){ .near = near.ifindex, .far = far.ifindex };
	return done;
}

int path_veth_remove(struct nl_sock *sk, struct err *err)
{
	struct ifinfomsg info = { .ifi_family = AF_UNSPEC };
	struct end near, far;
	int r = pair_read(sk, &near, &far, err);

	if (r == -ENODEV || r == -EEXIST)
		return 0; /* none, or not ours */
	if (r < 0)
		return r;
	info.ifi_index = (int)near.ifindex;
	r = request_ask(sk, path_msg(RTM_DELLINK, NLM_F_ACK, &info, sizeof(info)), NULL, NULL);
	return r < 0 && r != -ENODEV ? err_set(err, r, "interface %s: %m", HEALTH_VETH) : 0;
}
