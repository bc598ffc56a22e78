/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decap_check.c - what a real needs beside the program: addresses, switches, sizes. Each line says
 * what stands, and when it is wrong what to do.
 */
#include "src/dataplane/decap.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "src/base/auto.h"

#define CLIENT_MTU   1500
#define OVERHEAD_MIN 20 /* IPIP over IPv4 */
#define OVERHEAD_MAX 48 /* GUE over IPv6 */

struct check {
	const struct decap_options *options;
	FILE *out;
	int bad;
};

__attribute__((format(printf, 3, 4))) static void say(struct check *check, const char *level,
						      const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fprintf(check->out, "%-4s  ", level);
	vfprintf(check->out, fmt, args);
	fputc('\n', check->out);
	va_end(args);
	check->bad += !strcmp(level, "bad");
}

/* An integer switch below /proc/sys; -1 when it is not there. */
static int read_switch(const char *family, const char *ifname, const char *name)
{
	AUTO(file_closep) FILE *file = NULL;
	char path[128];
	int value;

	snprintf(path, sizeof(path), "/proc/sys/net/%s/conf/%s/%s", family, ifname, name);
	file = fopen(path, "re");
	if (!file || fscanf(file, "%d", &value) != 1)
		return -1;
	return value;
}

/* The address of a sockaddr of either family. */
static bool addr_of(const struct sockaddr *sa, struct addr *ret)
{
	if (!sa || (sa->sa_family != AF_INET && sa->sa_family != AF_INET6))
		return false;
	*ret = addr_from_raw(sa->sa_family,
			     (const char *)sa +
				     (sa->sa_family == AF_INET
					      ? offsetof(struct sockaddr_in, sin_addr)
					      : offsetof(struct sockaddr_in6, sin6_addr)));
	return true;
}

/* The interface that holds an address of the VIP, into name. */
static bool find_holder(const struct prefix *vip, char name[IF_NAMESIZE])
{
	struct ifaddrs *list = NULL;
	bool found = false;

	if (getifaddrs(&list) < 0)
		return false;
	for (const struct ifaddrs *a = list; a && !found; a = a->ifa_next) {
		struct addr addr;

		found = addr_of(a->ifa_addr, &addr) && prefix_has_addr(vip, &addr);
		if (found)
			snprintf(name, IF_NAMESIZE, "%s", a->ifa_name);
	}
	freeifaddrs(list);
	return found;
}

static void check_vip(struct check *check, const struct prefix *vip)
{
	char name[IF_NAMESIZE];

	if (!find_holder(vip, name))
		say(check, "bad",
		    "VIP %s is on no interface: the kernel would refuse its packets; ip address "
		    "add "
		    "%s dev lo",
		    PREFIX_STR(vip), PREFIX_STR(vip));
	else if (strcmp(name, "lo") != 0)
		say(check, "warn",
		    "VIP %s is on %s: it answers for the VIP on that network; put it on lo",
		    PREFIX_STR(vip), name);
	else
		say(check, "ok", "VIP %s is on lo", PREFIX_STR(vip));
}

static void check_rp_filter(struct check *check)
{
	const char *ifname = check->options->ifname;
	int all = read_switch("ipv4", "all", "rp_filter");
	int own = read_switch("ipv4", ifname, "rp_filter");
	int value = all > own ? all : own;

	if (value == 1)
		say(check, "warn",
		    "rp_filter is strict on %s: clients whose way back is another interface are "
		    "dropped; sysctl -w net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.%s.rp_filter=0",
		    ifname, ifname);
	else
		say(check, "ok", "rp_filter on %s is %d", ifname, value);
}

static void check_arp(struct check *check)
{
	int ignore = read_switch("ipv4", "all", "arp_ignore");
	int announce = read_switch("ipv4", "all", "arp_announce");

	if (ignore < 1 || announce < 2)
		say(check, "hint",
		    "arp_ignore is %d, arp_announce %d: where this real shares a network with "
		    "routers "
		    "that know the VIP as on-link, it would answer for the VIP; sysctl -w "
		    "net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2",
		    ignore, announce);
	else
		say(check, "ok", "the VIP is not answered for by ARP");
}

static void check_mtu(struct check *check)
{
	AUTO(fd_closep) int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const char *ifname = check->options->ifname;
	struct ifreq ifr = { 0 };

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", ifname);
	if (fd < 0 || ioctl(fd, SIOCGIFMTU, &ifr) < 0)
		say(check, "bad", "interface %s: its MTU cannot be read: %s", ifname,
		    strerror(errno));
	else if (ifr.ifr_mtu < CLIENT_MTU + OVERHEAD_MAX)
		say(check, "warn",
		    "MTU of %s is %d: a client's packet of %d bytes needs %d to %d with its outer "
		    "header; raise it (1600) along the way, or have the balancer clamp the MSS",
		    ifname, ifr.ifr_mtu, CLIENT_MTU, CLIENT_MTU + OVERHEAD_MIN,
		    CLIENT_MTU + OVERHEAD_MAX);
	else
		say(check, "ok", "MTU of %s is %d", ifname, ifr.ifr_mtu);
}

static void check_attached(struct check *check)
{
	struct decap_counts counts;
	struct err err = { "" };
	enum decap_mode mode;
	int r = decap_status(check->options, &mode, &counts, &err);

	if (r < 0 && r != -EPERM) {
		say(check, "bad", "%s; shoal-decap attach %s", err.text, check->options->ifname);
		return;
	}
	if (mode == DECAP_MODE_GENERIC)
		say(check, "warn", "attached to %s by generic XDP, the slow way; try --mode tc",
		    check->options->ifname);
	else
		say(check, "ok", "attached to %s by %s", check->options->ifname,
		    decap_mode_str(mode));
	if (r == 0 && counts.packets[DECAP_NOT_VIP])
		say(check, "warn",
		    "%llu tunnelled packets were for addresses that are no VIP here; name them "
		    "with "
		    "--vip",
		    (unsigned long long)counts.packets[DECAP_NOT_VIP]);
	if (r == 0 && counts.packets[DECAP_FRAGMENT])
		say(check, "warn",
		    "%llu tunnelled packets came in fragments: raise the MTU on the way",
		    (unsigned long long)counts.packets[DECAP_FRAGMENT]);
}

int decap_check(const struct decap_options *options, FILE *out)
{
	struct check check = { .options = options, .out = out };

	if (!if_nametoindex(options->ifname)) {
		say(&check, "bad", "interface %s does not exist", options->ifname);
		return check.bad;
	}
	check_attached(&check);
	for (size_t i = 0; i < options->n_vips; i++)
		check_vip(&check, &options->vips[i]);
	check_rp_filter(&check);
	check_arp(&check);
	check_mtu(&check);
	return check.bad;
}
