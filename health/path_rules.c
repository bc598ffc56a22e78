/* SPDX-License-Identifier: Apache-2.0 */
/*
 * path_rules.c - the ip rules and the routing table of the probe path, for both families.
 *
 * They carry protocol 83, as our neighbour entries do: `ip rule show protocol 83`.
 */
#include "health/path_parts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/fib_rules.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <netlink/attr.h>
#include <netlink/msg.h>

#include "src/base/auto.h"
#include "src/net/request.h"
#include "src/net/wire.h"

#define RULE_LOOKUP_PRIORITY 21320
#define RULE_STOP_PRIORITY   21321 /* right behind: the table had no answer */
#define WAY_METRIC           1024
#define STOP_METRIC          1000000

static const char *family_str(int family)
{
	return family == AF_INET ? "IPv4" : "IPv6";
}

/* ---- rules ---- */

struct rules {
	bool has_lookup, has_stop;
};

static uint32_t attr_u32(struct nlattr *attr)
{
	return attr && nla_len(attr) == 4 ? nla_get_u32(attr) : 0;
}

static void rule_answer(struct nlmsghdr *hdr, void *arg)
{
	struct nlattr *tb[FRA_MAX + 1];
	const struct fib_rule_hdr *rule;
	struct rules *rules = arg;

	if (hdr->nlmsg_type != RTM_NEWRULE ||
	    nlmsg_parse(hdr, sizeof(*rule), tb, FRA_MAX, NULL) < 0)
		return;
	rule = nlmsg_data(hdr);
	if (attr_u32(tb[FRA_FWMARK]) != HEALTH_MARK_BASE ||
	    attr_u32(tb[FRA_FWMASK]) != HEALTH_MARK_MASK)
		return;
	if (attr_u32(tb[FRA_PRIORITY]) == RULE_LOOKUP_PRIORITY && rule->action == FR_ACT_TO_TBL &&
	    attr_u32(tb[FRA_TABLE]) == HEALTH_TABLE)
		rules->has_lookup = true;
	if (attr_u32(tb[FRA_PRIORITY]) == RULE_STOP_PRIORITY && rule->action == FR_ACT_UNREACHABLE)
		rules->has_stop = true;
}

static int rule_change(struct nl_sock *sk, int type, int family, bool is_stop)
{
	struct fib_rule_hdr rule = {
		.family = (uint8_t)family,
		.action = is_stop ? FR_ACT_UNREACHABLE : FR_ACT_TO_TBL,
	};
	int flags = NLM_F_ACK | (type == RTM_NEWRULE ? NLM_F_CREATE | NLM_F_EXCL : 0);
	struct nl_msg *msg = path_msg(type, flags, &rule, sizeof(rule));

	if (!msg)
		return -ENOMEM;
	/* A message of a page holds these few bytes: only the last put is looked at. */
	nla_put_u32(msg, FRA_PRIORITY, is_stop ? RULE_STOP_PRIORITY : RULE_LOOKUP_PRIORITY);
	nla_put_u32(msg, FRA_FWMARK, HEALTH_MARK_BASE);
	nla_put_u32(msg, FRA_FWMASK, HEALTH_MARK_MASK);
	if (!is_stop)
		nla_put_u32(msg, FRA_TABLE, HEALTH_TABLE);
	if (nla_put_u8(msg, FRA_PROTOCOL, WIRE_NEIGH_PROTOCOL) < 0) {
		nlmsg_free(msg);
		return -ENOMEM;
	}
	return request_ask(sk, msg, NULL, NULL);
}

static int rules_ensure(struct nl_sock *sk, int family, struct err *err)
{
	struct fib_rule_hdr header = { .family = (uint8_t)family };
	struct rules rules = { 0 };
	int r = request_ask(sk, path_msg(RTM_GETRULE, NLM_F_DUMP, &header, sizeof(header)),
			    rule_answer, &rules);

	if (r < 0 && r != -EINTR)
		return err_set(err, r, "reading the %s rules: %m", family_str(family));
	if (rules.has_stop && rules.has_lookup)
		return 0;
	r = rules.has_stop ? 0 : rule_change(sk, RTM_NEWRULE, family, true);
	if (r == 0 || r == -EEXIST)
		r = rules.has_lookup ? 0 : rule_change(sk, RTM_NEWRULE, family, false);
	if (r < 0 && r != -EEXIST)
		return err_set(err, r, "adding the %s rules: %m", family_str(family));
	return 1;
}

/* ---- table ---- */

struct routes {
	uint32_t near;
	bool has_way, has_stop;
};

/* Whether a route holds packets to PATH_MTU. */
static bool has_mtu(struct nlmsghdr *hdr)
{
	struct nlattr *metrics = nlmsg_find_attr(hdr, sizeof(struct rtmsg), RTA_METRICS);
	struct nlattr *mtu =
		metrics ? nla_find(nla_data(metrics), nla_len(metrics), RTAX_MTU) : NULL;

	return mtu && nla_get_u32(mtu) == PATH_MTU;
}

static void route_answer(struct nlmsghdr *hdr, void *arg)
{
	struct routes *routes = arg;
	struct wire_route route;
	const struct rtmsg *info = nlmsg_data(hdr);

	if (wire_route_decode(hdr, &route) < 0 || route.table != HEALTH_TABLE ||
	    info->rtm_dst_len != 0)
		return;
	if (route.type == RTN_UNICAST && route.ifindex == routes->near &&
	    !(info->rtm_flags & RTNH_F_DEAD) && has_mtu(hdr))
		routes->has_way = true;
	if (route.type == RTN_UNREACHABLE)
		routes->has_stop = true;
}

static int put_mtu(struct nl_msg *msg)
{
	struct nlattr *metrics = nla_nest_start(msg, RTA_METRICS);

	if (!metrics || nla_put_u32(msg, RTAX_MTU, PATH_MTU) < 0)
		return -ENOMEM;
	nla_nest_end(msg, metrics);
	return 0;
}

/* near 0: the unreachable route behind all others. */
static int route_change(struct nl_sock *sk, int type, int family, uint32_t near)
{
	struct rtmsg route = {
		.rtm_family = (uint8_t)family,
		.rtm_table = RT_TABLE_UNSPEC,
		.rtm_protocol = WIRE_NEIGH_PROTOCOL,
		.rtm_type = near ? RTN_UNICAST : RTN_UNREACHABLE,
		.rtm_scope = near && family == AF_INET ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE,
	};
	int flags = NLM_F_ACK | (type == RTM_NEWROUTE ? NLM_F_CREATE | NLM_F_REPLACE : 0);
	struct nl_msg *msg = path_msg(type, flags, &route, sizeof(route));

	if (!msg)
		return -ENOMEM;
	/* A message of a page holds these few bytes: only the last put is looked at. */
	if (near)
		nla_put_u32(msg, RTA_OIF, near);
	nla_put_u32(msg, RTA_PRIORITY, near ? WAY_METRIC : STOP_METRIC);
	if ((near && put_mtu(msg) < 0) || nla_put_u32(msg, RTA_TABLE, HEALTH_TABLE) < 0) {
		nlmsg_free(msg);
		return -ENOMEM;
	}
	return request_ask(sk, msg, NULL, NULL);
}

/* Read our table only: without strict checking the kernel would hand out every table there is. */
static int routes_read(struct nl_sock *sk, int family, struct routes *routes)
{
	struct rtmsg header = { .rtm_family = (uint8_t)family };
	struct nl_msg *msg = path_msg(RTM_GETROUTE, NLM_F_DUMP, &header, sizeof(header));
	int on = 1, r;

	if (setsockopt(nl_socket_get_fd(sk), SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on)) <
		    0 ||
	    !msg || nla_put_u32(msg, RTA_TABLE, HEALTH_TABLE) < 0) {
		nlmsg_free(msg);
		return -ENOMEM;
	}
	r = request_ask(sk, msg, route_answer, routes);
	return r == -ENOENT || r == -EINTR ? 0 : r; /* no table yet; a change: what we saw counts */
}

static int routes_ensure(struct nl_sock *sk, int family, uint32_t near, struct err *err)
{
	struct routes routes = { .near = near };
	int r = routes_read(sk, family, &routes);

	if (r < 0)
		return err_set(err, r, "reading %s table %d: %m", family_str(family), HEALTH_TABLE);
	if (routes.has_stop && routes.has_way)
		return 0;
	r = routes.has_stop ? 0 : route_change(sk, RTM_NEWROUTE, family, 0);
	if (r == 0)
		r = routes.has_way ? 0 : route_change(sk, RTM_NEWROUTE, family, near);
	if (r < 0)
		return err_set(err, r, "filling %s table %d: %m", family_str(family), HEALTH_TABLE);
	return HEALTH_PATH_ROUTE;
}

/* ---- both ---- */

static void probe_answer(struct nlmsghdr *hdr, void *arg)
{
	struct wire_route *route = arg;

	if (wire_route_decode(hdr, route) < 0)
		*route = (struct wire_route){ 0 };
}

/* Ask where a probe would go: an earlier rule of somebody else may take it elsewhere. */
static int way_prove(struct nl_sock *sk, int family, uint32_t near, struct err *err)
{
	struct wire_route route = { 0 };
	struct nl_msg *msg;
	struct addr vip;
	int r;

	/* Any address does; these are of the ranges for documentation. */
	if (addr_parse(family == AF_INET ? "192.0.2.1" : "2001:db8::1", &vip) < 0)
		return -EINVAL;
	msg = wire_route_query(&vip, 0);
	if (msg && nla_put_u32(msg, RTA_MARK, HEALTH_MARK_BASE) < 0) {
		nlmsg_free(msg);
		msg = NULL;
	}
	r = request_ask(sk, msg, probe_answer, &route);
	if (r == 0 && route.ifindex == near && route.table == HEALTH_TABLE)
		return 0;
	if (r < 0)
		return err_set(err, r, "asking where %s packets marked 0x%x go: %m",
			       family_str(family), HEALTH_MARK_BASE);
	return err_set(err, -EHOSTUNREACH,
		       "%s packets marked 0x%x do not go to %s: another ip rule stands before %d",
		       family_str(family), HEALTH_MARK_BASE, HEALTH_VETH, RULE_LOOKUP_PRIORITY);
}

/* IPv6 may be missing from the kernel or switched off for new interfaces. */
static bool near_has_ipv6(void)
{
	const char *path = "/proc/sys/net/ipv6/conf/" HEALTH_VETH "/disable_ipv6";
	AUTO(file_closep) FILE *file = fopen(path, "re");

	return file && fgetc(file) == '0';
}

static int family_ensure(struct nl_sock *sk, int family, uint32_t near, struct err *err)
{
	int routes = routes_ensure(sk, family, near, err), rules, r;

	if (routes < 0)
		return routes;
	rules = rules_ensure(sk, family, err);
	if (rules < 0)
		return rules;
	r = way_prove(sk, family, near, err);
	return r < 0 ? r : routes | (rules ? HEALTH_PATH_RULE : 0);
}

int path_rules_ensure(struct nl_sock *sk, uint32_t near, struct err *err)
{
	int ipv4 = family_ensure(sk, AF_INET, near, err), ipv6;

	if (ipv4 < 0 || !near_has_ipv6())
		return ipv4;
	ipv6 = family_ensure(sk, AF_INET6, near, err);
	return ipv6 < 0 ? ipv6 : ipv4 | ipv6;
}

/* Delete until there is none: an earlier run without EXCL may have left several. */
static int rules_del(struct nl_sock *sk, int family, bool is_stop)
{
	int r;

	do
		r = rule_change(sk, RTM_DELRULE, family, is_stop);
	while (r == 0);
	return r == -ENOENT || r == -EAFNOSUPPORT || r == -EOPNOTSUPP ? 0 : r;
}

int path_rules_remove(struct nl_sock *sk, struct err *err)
{
	static const int families[] = { AF_INET, AF_INET6 };

	for (size_t i = 0; i < 2; i++) {
		int r = rules_del(sk, families[i], false);

		if (r == 0)
			r = rules_del(sk, families[i], true);
		if (r < 0)
			return err_set(err, r, "deleting the %s rules: %m",
				       family_str(families[i]));
		route_change(sk, RTM_DELROUTE, families[i], 0); /* -ESRCH: there is none */
	}
	return 0;
}
