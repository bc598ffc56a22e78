/* SPDX-License-Identifier: Apache-2.0 */
/* wire_test.c - decoding what the kernel says; a message cut anywhere is refused, not overread. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <net/if.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>

#include "src/net/wire.h"
#include "tests/lib/test.h"

#define LOWER_UP 0x10000

static struct nl_msg *message(int type, void *info, size_t len)
{
	struct nl_msg *msg = nlmsg_alloc_simple(type, 0);

	assert_non_null(msg);
	assert_int_equal(nlmsg_append(msg, info, len, NLMSG_ALIGNTO), 0);
	return msg;
}

static void put_addr(struct nl_msg *msg, int type, const char *text)
{
	struct addr addr;
	size_t len;
	const uint8_t *raw;

	assert_int_equal(addr_parse(text, &addr), 0);
	raw = addr_raw(&addr, &len);
	assert_int_equal(nla_put(msg, type, (int)len, raw), 0);
}

static bool addr_is(const struct addr *addr, const char *text)
{
	struct addr want;

	assert_int_equal(addr_parse(text, &want), 0);
	return addr_eq(addr, &want);
}

static struct nl_msg *link_message(uint8_t family, unsigned flags)
{
	struct ifinfomsg info = { .ifi_family = family, .ifi_index = 7, .ifi_flags = flags };
	struct nl_msg *msg = message(RTM_NEWLINK, &info, sizeof(info));
	struct nlattr *xdp;

	nla_put_string(msg, IFLA_IFNAME, "eth0");
	nla_put(msg, IFLA_ADDRESS, 6, "\x02\0\0\0\0\x01");
	nla_put_u32(msg, IFLA_MTU, 1600);
	xdp = nla_nest_start(msg, IFLA_XDP);
	nla_put_u8(msg, IFLA_XDP_ATTACHED, XDP_ATTACHED_DRV);
	nla_put_u32(msg, IFLA_XDP_PROG_ID, 42);
	nla_nest_end(msg, xdp);
	return msg;
}

TEST(wire_link, decodes_what_an_uplink_is)
{
	struct nl_msg *msg = link_message(AF_UNSPEC, IFF_UP | LOWER_UP);
	struct wire_link link;

	assert_int_equal(wire_link_decode(nlmsg_hdr(msg), &link), 0);
	assert_false(link.is_gone);
	assert_int_equal(link.ifindex, 7);
	assert_string_equal(link.name, "eth0");
	assert_memory_equal(link.mac, "\x02\0\0\0\0\x01", 6);
	assert_true(link.has_carrier);
	assert_int_equal(link.mtu_bytes, 1600);
	assert_int_equal(link.xdp_prog_id, 42);
	nlmsg_free(msg);
}

TEST(wire_link, has_no_carrier_unless_up_and_connected)
{
	const unsigned flags[] = { 0, IFF_UP, LOWER_UP };

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		struct nl_msg *msg = link_message(AF_UNSPEC, flags[i]);
		struct wire_link link;

		assert_int_equal(wire_link_decode(nlmsg_hdr(msg), &link), 0);
		assert_false(link.has_carrier);
		nlmsg_free(msg);
	}
}

TEST(wire_link, is_not_deleted_by_leaving_a_bridge)
{
	struct nl_msg *msg = link_message(AF_BRIDGE, IFF_UP);
	struct wire_link link;

	nlmsg_hdr(msg)->nlmsg_type = RTM_DELLINK;
	assert_int_equal(wire_link_decode(nlmsg_hdr(msg), &link), -ENOMSG);
	nlmsg_free(msg);
}

static int addr_decode(uint8_t family, uint8_t scope, uint32_t flags, const char *text,
		       struct wire_addr *ret)
{
	struct ifaddrmsg info = { .ifa_family = family, .ifa_scope = scope, .ifa_index = 7 };
	struct nl_msg *msg = message(RTM_NEWADDR, &info, sizeof(info));
	int r;

	put_addr(msg, IFA_ADDRESS, text);
	nla_put_u32(msg, IFA_FLAGS, flags);
	r = wire_addr_decode(nlmsg_hdr(msg), ret);
	nlmsg_free(msg);
	return r;
}

TEST(wire_addr, is_a_source_only_when_global_and_settled)
{
	static const struct {
		const char *text;
		uint8_t family, scope;
		uint32_t flags;
		bool is_source;
	} rows[] = {
		{ "10.0.0.1", AF_INET, RT_SCOPE_UNIVERSE, IFA_F_PERMANENT, true },
		{ "10.0.0.1", AF_INET, RT_SCOPE_UNIVERSE, IFA_F_SECONDARY, true },
		{ "10.0.0.1", AF_INET, RT_SCOPE_LINK, 0, false },
		{ "2001:db8::1", AF_INET6, RT_SCOPE_UNIVERSE, 0, true },
		{ "2001:db8::1", AF_INET6, RT_SCOPE_UNIVERSE, IFA_F_TENTATIVE, false },
		{ "2001:db8::1", AF_INET6, RT_SCOPE_UNIVERSE, IFA_F_DADFAILED, false },
		{ "2001:db8::1", AF_INET6, RT_SCOPE_UNIVERSE, IFA_F_DEPRECATED, false },
		{ "2001:db8::1", AF_INET6, RT_SCOPE_UNIVERSE, IFA_F_TEMPORARY, false },
		{ "fe80::1", AF_INET6, RT_SCOPE_LINK, 0, false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct wire_addr addr;

		assert_int_equal(addr_decode(rows[i].family, rows[i].scope, rows[i].flags,
					     rows[i].text, &addr),
				 0);
		assert_true(addr_is(&addr.addr, rows[i].text));
		assert_int_equal(addr.is_source, rows[i].is_source);
	}
}

TEST(wire_addr, rejects_a_length_of_another_family)
{
	struct wire_addr addr;

	assert_int_equal(addr_decode(AF_INET, 0, 0, "2001:db8::1", &addr), -EBADMSG);
	assert_int_equal(addr_decode(AF_INET6, 0, 0, "10.0.0.1", &addr), -EBADMSG);
}

static struct nl_msg *route_message(uint8_t family)
{
	struct rtmsg info = { .rtm_family = family, .rtm_type = RTN_UNICAST };
	struct nl_msg *msg = message(RTM_NEWROUTE, &info, sizeof(info));

	nla_put_u32(msg, RTA_TABLE, 254);
	nla_put_u32(msg, RTA_OIF, 7);
	return msg;
}

TEST(wire_route, decodes_a_gateway_of_its_own_family)
{
	struct nl_msg *msg = route_message(AF_INET6);
	struct wire_route route;

	put_addr(msg, RTA_GATEWAY, "fe80::1");
	assert_int_equal(wire_route_decode(nlmsg_hdr(msg), &route), 0);
	assert_true(route.has_gateway && addr_is(&route.gateway, "fe80::1"));
	assert_int_equal(route.ifindex, 7);
	assert_int_equal(route.table, 254);
	nlmsg_free(msg);
}

TEST(wire_route, decodes_an_ipv6_gateway_of_an_ipv4_route)
{
	static const uint8_t via[] = { AF_INET6, 0, 0xfe, 0x80, 0, 0, 0, 0, 0,
				       0,        0, 0,    0,    0, 0, 0, 0, 1 };
	struct nl_msg *msg = route_message(AF_INET);
	struct wire_route route;

	nla_put(msg, RTA_VIA, sizeof(via), via);
	assert_int_equal(wire_route_decode(nlmsg_hdr(msg), &route), 0);
	assert_true(route.has_gateway && addr_is(&route.gateway, "fe80::1"));
	nlmsg_free(msg);
}

TEST(wire_route, rejects_a_gateway_it_cannot_read_rather_than_call_it_on_link)
{
	static const uint8_t via[] = { AF_INET6, 0, 0xfe, 0x80 };
	struct nl_msg *msg = route_message(AF_INET);
	struct wire_route route;

	nla_put(msg, RTA_VIA, sizeof(via), via);
	assert_int_equal(wire_route_decode(nlmsg_hdr(msg), &route), -EBADMSG);
	nlmsg_free(msg);
}

static struct nl_msg *neigh_message(uint8_t family, uint8_t flags)
{
	struct ndmsg info = {
		.ndm_family = family,
		.ndm_ifindex = 7,
		.ndm_state = NUD_REACHABLE,
		.ndm_flags = flags,
	};
	struct nl_msg *msg = message(RTM_NEWNEIGH, &info, sizeof(info));

	put_addr(msg, NDA_DST, "10.0.0.1");
	nla_put(msg, NDA_LLADDR, 6, "\x02\0\0\0\0\x01");
	nla_put_u32(msg, NDA_FLAGS_EXT, NTF_EXT_MANAGED);
	nla_put_u8(msg, NDA_PROTOCOL, WIRE_NEIGH_PROTOCOL);
	return msg;
}

TEST(wire_neigh, decodes_a_managed_entry)
{
	struct nl_msg *msg = neigh_message(AF_INET, 0);
	struct wire_neigh neigh;

	assert_int_equal(wire_neigh_decode(nlmsg_hdr(msg), &neigh), 0);
	assert_true(addr_is(&neigh.addr, "10.0.0.1"));
	assert_true(neigh.has_mac && neigh.is_managed && !neigh.is_gone);
	assert_int_equal(neigh.state, NUD_REACHABLE);
	assert_int_equal(neigh.protocol, WIRE_NEIGH_PROTOCOL);
	nlmsg_free(msg);
}

TEST(wire_neigh, ignores_bridge_entries_and_proxies)
{
	struct nl_msg *bridge = neigh_message(AF_BRIDGE, 0);
	struct nl_msg *proxy = neigh_message(AF_INET, NTF_PROXY);
	struct wire_neigh neigh;

	assert_int_equal(wire_neigh_decode(nlmsg_hdr(bridge), &neigh), -ENOMSG);
	assert_int_equal(wire_neigh_decode(nlmsg_hdr(proxy), &neigh), -ENOMSG);
	nlmsg_free(bridge);
	nlmsg_free(proxy);
}

/* Each prefix of a message, in memory that ends where it does: sanitizers see an overread. */
static void decode_cut(struct nl_msg *msg)
{
	uint32_t len = nlmsg_hdr(msg)->nlmsg_len;

	for (uint32_t cut = sizeof(struct nlmsghdr); cut <= len; cut++) {
		struct nlmsghdr *hdr = malloc(cut);
		struct wire_link link;
		struct wire_addr addr;
		struct wire_route route;
		struct wire_neigh neigh;

		assert_non_null(hdr);
		memcpy(hdr, nlmsg_hdr(msg), cut);
		hdr->nlmsg_len = cut;
		wire_link_decode(hdr, &link);
		wire_addr_decode(hdr, &addr);
		wire_route_decode(hdr, &route);
		wire_neigh_decode(hdr, &neigh);
		free(hdr);
	}
	nlmsg_free(msg);
}

TEST(wire, never_reads_past_a_message_cut_short)
{
	struct nl_msg *route = route_message(AF_INET6);

	put_addr(route, RTA_GATEWAY, "fe80::1");
	decode_cut(link_message(AF_UNSPEC, IFF_UP));
	decode_cut(route);
	decode_cut(neigh_message(AF_INET, 0));
}

RUN_TESTS(T(wire_link, decodes_what_an_uplink_is),
	  T(wire_link, has_no_carrier_unless_up_and_connected),
	  T(wire_link, is_not_deleted_by_leaving_a_bridge),
	  T(wire_addr, is_a_source_only_when_global_and_settled),
	  T(wire_addr, rejects_a_length_of_another_family),
	  T(wire_route, decodes_a_gateway_of_its_own_family),
	  T(wire_route, decodes_an_ipv6_gateway_of_an_ipv4_route),
	  T(wire_route, rejects_a_gateway_it_cannot_read_rather_than_call_it_on_link),
	  T(wire_neigh, decodes_a_managed_entry), T(wire_neigh, ignores_bridge_entries_and_proxies),
	  T(wire, never_reads_past_a_message_cut_short))
