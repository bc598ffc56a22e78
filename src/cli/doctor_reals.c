/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor_reals.c - the way to every real, and VIPs that this host takes for its own. What many
 * reals have in common is one finding, with the first of them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/auto.h"
#include "src/cli/doctor.h"
#include "src/cli/host.h"

#define ADD(checkup, severity, check, fix, ...)                                                    \
	diagnosis_add(&(checkup)->diagnosis, SEVERITY_##severity, check, fix, __VA_ARGS__)

struct way {
	const struct config_pool *pool;
	const struct config_real *real;
	const char *uplink;         /* it leaves by; NULL: none of ours */
	struct host_interface host; /* of that */
	struct host_route route;
	int error;       /* of the route */
	uint32_t needed; /* the largest outer packet */
	struct host_echo echo;
};

struct ways {
	struct checkup *checkup;
	struct way *list;
	size_t n;
};

/* ---- looking ---- */

static bool is_known(const struct ways *ways, const struct addr *addr)
{
	for (size_t i = 0; i < ways->n; i++)
		if (addr_eq(&ways->list[i].real->addr, addr))
			return true;
	return false;
}

static void look(const struct config *config, struct way *way)
{
	const struct config_node *node = &config->node;

	way->error = host_route(&way->real->addr, &way->route);
	for (size_t i = 0; way->error == 0 && i < node->n_uplinks; i++) {
		struct host_interface host;

		if (host_interface(node->uplinks[i], &host) && host.ifindex == way->route.ifindex) {
			way->uplink = node->uplinks[i];
			way->host = host;
		}
	}
	way->needed = doctor_outer_bytes(config, way->pool, way->real, way->host.mtu_bytes);
	way->echo = (struct host_echo){ .addr = way->real->addr, .bytes = way->needed };
}

static void take_pool(struct ways *ways, const struct config_pool *pool)
{
	for (size_t r = 0; r < pool->n_reals; r++) {
		struct way *way = &ways->list[ways->n];

		if (pool->reals[r].is_local || is_known(ways, &pool->reals[r].addr))
			continue;
		*way = (struct way){ .pool = pool, .real = &pool->reals[r] };
		look(ways->checkup->config, way);
		ways->n++;
	}
}

static size_t count_reals(const struct config *config)
{
	size_t n = 0;

	for (size_t p = 0; p < config->n_pools; p++)
		n += config->pools[p].n_reals;
	return n;
}

/* ---- telling ---- */

/* "web/web1 (10.1.0.11) and 3 more": those that a test holds of; false: none. */
static bool name_those(const struct ways *ways, bool (*test)(const struct way *way),
		       const struct way **ret_first, char *buf, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < ways->n; i++)
		if (test(&ways->list[i]) && n++ == 0)
			*ret_first = &ways->list[i];
	if (n == 0)
		return false;
	snprintf(buf, size, "%s/%s (%s)", (*ret_first)->pool->name, (*ret_first)->real->name,
		 ADDR_STR(&(*ret_first)->real->addr));
	if (n > 1)
		snprintf(buf + strlen(buf), size - strlen(buf), " and %zu more", n - 1);
	return true;
}

static bool has_no_route(const struct way *way)
{
	return way->error != 0;
}

static bool is_our_own(const struct way *way)
{
	return way->error == 0 && way->route.is_local;
}

static bool leaves_elsewhere(const struct way *way)
{
	return way->error == 0 && !way->route.is_local && !way->uplink;
}

static uint32_t route_mtu(const struct way *way)
{
	return way->route.mtu_bytes ? way->route.mtu_bytes : way->host.mtu_bytes;
}

static bool is_narrow(const struct way *way)
{
	return way->uplink && route_mtu(way) < way->needed;
}

static bool has_narrow_route(const struct way *way)
{
	return is_narrow(way) && !way->route.is_learned;
}

static bool has_narrow_path(const struct way *way)
{
	return is_narrow(way) && way->route.is_learned;
}

static bool is_silent(const struct way *way)
{
	return way->uplink && !way->echo.has_short && !way->echo.has_full;
}

static bool loses_full_size(const struct way *way)
{
	return way->uplink && way->echo.has_short && !way->echo.has_full && !is_narrow(way);
}

static void tell_routes(const struct ways *ways)
{
	struct checkup *checkup = ways->checkup;
	const struct way *first;
	char who[256];

	if (name_those(ways, has_no_route, &first, who, sizeof(who)))
		ADD(checkup, ERROR, "route",
		    doctor_fix("ip route get %s", ADDR_STR(&first->real->addr)),
		    "no route to %s: %s", who, strerror(-first->error));
	if (name_those(ways, is_our_own, &first, who, sizeof(who)))
		ADD(checkup, ERROR, "route",
		    doctor_fix("shoal check %s   # local: true", checkup->config->file),
		    "%s is an address of this host, and not marked local", who);
	if (name_those(ways, leaves_elsewhere, &first, who, sizeof(who)))
		ADD(checkup, ERROR, "route",
		    doctor_fix("ip route get %s", ADDR_STR(&first->real->addr)),
		    "the way to %s leaves by no uplink: packets go from an uplink only", who);
	if (name_those(ways, has_narrow_path, &first, who, sizeof(who)))
		ADD(checkup, ERROR, "mtu-to-reals", doctor_fix("ip route flush cache"),
		    "the path to %s was learned to carry %u bytes, tunnelled packets have up to "
		    "%u; "
		    "mend that link, then forget what was learned",
		    who, route_mtu(first), first->needed);
	if (name_those(ways, has_narrow_route, &first, who, sizeof(who)))
		ADD(checkup, ERROR, "mtu-to-reals",
		    first->host.mtu_bytes < first->needed
			    ? doctor_fix("ip link set dev %s mtu %u", first->uplink, first->needed)
			    : doctor_fix("ip route get %s", ADDR_STR(&first->real->addr)),
		    "the route to %s carries %u bytes, tunnelled packets have up to %u", who,
		    route_mtu(first), first->needed);
}

static void tell_echoes(const struct ways *ways)
{
	struct checkup *checkup = ways->checkup;
	const struct way *first;
	char who[256];

	if (name_those(ways, loses_full_size, &first, who, sizeof(who)))
		ADD(checkup, ERROR, "mtu-to-reals",
		    doctor_fix("ping -M do -s %u %s",
			       first->needed - (addr_is_ipv4(&first->real->addr) ? 28 : 48),
			       ADDR_STR(&first->real->addr)),
		    "%s answers short echoes and none of %u bytes: full packets are lost on the "
		    "way; set the MTU of that link, or node.mtu, to what it carries",
		    who, first->needed);
	if (name_those(ways, is_silent, &first, who, sizeof(who)))
		ADD(checkup, NOTE, "mtu-to-reals", doctor_fix("shoal reals"),
		    "%s answers no echo, so its path was not measured", who);
}

static bool is_measured(const struct way *way)
{
	return way->uplink && way->echo.has_full;
}

static void tell_well(const struct ways *ways)
{
	uint32_t needed = 0;
	size_t n = 0;

	for (size_t i = 0; i < ways->n; i++)
		if (is_measured(&ways->list[i])) {
			n++;
			needed = ways->list[i].needed > needed ? ways->list[i].needed : needed;
		}
	if (n)
		ADD(ways->checkup, OK, "mtu-to-reals", NULL,
		    "%zu of %zu reals answered unfragmented echoes of %u bytes", n, ways->n,
		    needed);
}

static int ask_echoes(struct ways *ways)
{
	AUTO(freep) struct host_echo *echoes = calloc(ways->n + 1, sizeof(*echoes));
	size_t n = 0, at = 0;
	int r;

	if (!echoes)
		return -ENOMEM;
	for (size_t i = 0; i < ways->n; i++)
		if (ways->list[i].uplink)
			echoes[n++] = ways->list[i].echo;
	r = host_echoes(echoes, n);
	for (size_t i = 0; i < ways->n; i++)
		if (ways->list[i].uplink)
			ways->list[i].echo = echoes[at++];
	return r;
}

void doctor_reals(struct checkup *checkup)
{
	struct ways ways = { .checkup = checkup };
	const struct config *config = checkup->config;

	ways.list = calloc(count_reals(config) + 1, sizeof(*ways.list));
	if (!ways.list) {
		checkup->diagnosis.is_cut = true;
		return;
	}
	for (size_t p = 0; p < config->n_pools; p++)
		take_pool(&ways, &config->pools[p]);
	tell_routes(&ways);
	if (ask_echoes(&ways) < 0) {
		ADD(checkup, NOTE, "mtu-to-reals", NULL,
		    "the paths to the reals were not measured: that needs CAP_NET_RAW, as root");
	} else {
		tell_echoes(&ways);
		tell_well(&ways);
	}
	free(ways.list);
}

/* ---- VIPs ---- */

static bool has_local_real(const struct config *config, const struct config_vip *vip)
{
	for (size_t s = 0; s < vip->n_services; s++) {
		const struct config_pool *pool = &config->pools[vip->services[s].pool];

		for (size_t r = 0; r < pool->n_reals; r++)
			if (pool->reals[r].is_local)
				return true;
	}
	return false;
}

/* A VIP belongs on this host only where the host is one of its reals. */
static bool check_address(struct checkup *checkup, const struct config_vip *vip)
{
	bool is_real =
		has_local_real(checkup->config, vip) || checkup->config->node.n_decap_local > 0;
	char holder[16];
	bool is_held = host_holder(&vip->prefix, holder);

	if (is_real && !is_held)
		ADD(checkup, ERROR, "vip-address",
		    doctor_fix("ip address add %s dev lo", PREFIX_STR(&vip->prefix)),
		    "VIP %s (%s) is on no interface, and this host is one of its reals: the kernel "
		    "would refuse its packets",
		    vip->name, PREFIX_STR(&vip->prefix));
	else if (is_held && strcmp(holder, "lo") != 0)
		ADD(checkup, ERROR, "vip-address",
		    doctor_fix("ip address del %s dev %s", PREFIX_STR(&vip->prefix), holder),
		    "VIP %s (%s) covers an address on %s: this host answers for it there",
		    vip->name, PREFIX_STR(&vip->prefix), holder);
	else if (is_held && !is_real)
		ADD(checkup, WARNING, "vip-address",
		    doctor_fix("ip address del %s dev lo", PREFIX_STR(&vip->prefix)),
		    "VIP %s (%s) is on lo of this node, which is none of its reals: probes of it "
		    "and "
		    "the host's own connections end here",
		    vip->name, PREFIX_STR(&vip->prefix));
	else
		return true;
	return false;
}

/* What is passed to a host that routes comes back to it, as the route to the VIP leads here. */
static void check_forwarding(struct checkup *checkup)
{
	const struct config *config = checkup->config;
	long ipv4 = 0, ipv6 = 0;

	host_read_long("/proc/sys/net/ipv4/ip_forward", &ipv4);
	host_read_long("/proc/sys/net/ipv6/conf/all/forwarding", &ipv6);
	for (size_t v = 0; v < config->n_vips; v++) {
		bool is_ipv4 = addr_is_ipv4(&config->vips[v].prefix.addr);

		if (config->vips[v].unserved != CONFIG_UNSERVED_PASS || !(is_ipv4 ? ipv4 : ipv6))
			continue;
		ADD(checkup, ERROR, "forwarding",
		    is_ipv4 ? doctor_fix("sysctl -w net.ipv4.ip_forward=0")
			    : doctor_fix("sysctl -w net.ipv6.conf.all.forwarding=0"),
		    "this host routes, and VIP %s passes what no service takes (unserved: pass): "
		    "such "
		    "packets go in a circle with the router",
		    config->vips[v].name);
		return;
	}
	ADD(checkup, OK, "forwarding", NULL, "IPv4 %s, IPv6 %s; Shoal needs neither",
	    ipv4 ? "on" : "off", ipv6 ? "on" : "off");
}

void doctor_vips(struct checkup *checkup)
{
	const struct config *config = checkup->config;
	size_t well = 0;

	for (size_t v = 0; v < config->n_vips; v++)
		well += check_address(checkup, &config->vips[v]);
	if (well == config->n_vips)
		ADD(checkup, OK, "vip-address", NULL, "%zu VIPs are where they belong", well);
	check_forwarding(checkup);
}
