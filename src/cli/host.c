/* SPDX-License-Identifier: Apache-2.0 */
#include "src/cli/host.h"

#include <dirent.h>
#include <errno.h>
#include <ifaddrs.h>
#include <linux/ethtool.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "src/base/auto.h"

bool host_read_long(const char *path, long *ret)
{
	AUTO(file_closep) FILE *file = fopen(path, "re");

	return file && fscanf(file, "%ld", ret) == 1;
}

/* ---- interfaces ---- */

static bool ask_interface(int fd, const char *name, unsigned long request, struct ifreq *ifr)
{
	*ifr = (struct ifreq){ 0 };
	snprintf(ifr->ifr_name, sizeof(ifr->ifr_name), "%s", name);
	return ioctl(fd, request, ifr) == 0;
}

static bool ask_ethtool(int fd, const char *name, void *command)
{
	struct ifreq ifr = { .ifr_data = command };

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	return ioctl(fd, SIOCETHTOOL, &ifr) == 0;
}

static void ask_nic(int fd, const char *name, struct host_interface *ret)
{
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };
	struct ethtool_channels channels = { .cmd = ETHTOOL_GCHANNELS };

	if (ask_ethtool(fd, name, &info))
		snprintf(ret->driver, sizeof(ret->driver), "%.31s", info.driver);
	if (!ask_ethtool(fd, name, &channels))
		return;
	ret->are_combined = channels.max_combined > 0;
	ret->rx_queues = channels.combined_count + channels.rx_count;
	ret->rx_queues_max = ret->are_combined ? channels.max_combined : channels.max_rx;
}

bool host_interface(const char *name, struct host_interface *ret)
{
	AUTO(fd_closep) int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr;

	*ret = (struct host_interface){ 0 };
	if (fd < 0 || !ask_interface(fd, name, SIOCGIFFLAGS, &ifr))
		return false;
	ret->is_up = ifr.ifr_flags & IFF_UP;
	ret->is_running = ifr.ifr_flags & IFF_RUNNING;
	if (ask_interface(fd, name, SIOCGIFMTU, &ifr))
		ret->mtu_bytes = (uint32_t)ifr.ifr_mtu;
	if (ask_interface(fd, name, SIOCGIFINDEX, &ifr))
		ret->ifindex = (uint32_t)ifr.ifr_ifindex;
	ask_nic(fd, name, ret);
	return true;
}

bool host_spreads_udp(const char *name)
{
	AUTO(fd_closep) int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ethtool_rxnfc hash = { .cmd = ETHTOOL_GRXFH, .flow_type = UDP_V4_FLOW };

	if (fd < 0 || !ask_ethtool(fd, name, &hash))
		return true;
	return hash.data == 0 || (hash.data & RXH_L4_B_0_1 && hash.data & RXH_L4_B_2_3);
}

static void closedirp(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

/* The first CPU where an interrupt ends. */
static bool cpu_of_irq(const char *irq, long *ret)
{
	char path[300];

	snprintf(path, sizeof(path), "/proc/irq/%.200s/effective_affinity_list", irq);
	return host_read_long(path, ret);
}

bool host_interrupts(const char *name, unsigned *ret_irqs, unsigned *ret_cpus)
{
	AUTO(closedirp) DIR *dir = NULL;
	bool is_used[4096] = { false };
	struct dirent *entry;
	char path[128];

	*ret_irqs = *ret_cpus = 0;
	snprintf(path, sizeof(path), "/sys/class/net/%s/device/msi_irqs", name);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		long cpu;

		if (entry->d_name[0] == '.' || !cpu_of_irq(entry->d_name, &cpu) || cpu < 0 ||
		    cpu >= 4096)
			continue;
		(*ret_irqs)++;
		*ret_cpus += !is_used[cpu];
		is_used[cpu] = true;
	}
	return *ret_irqs > 0;
}

/* ---- routes and addresses ---- */

struct route_request {
	struct nlmsghdr header;
	struct rtmsg route;
	struct rtattr attr;
	uint8_t addr[16];
};

static struct route_request new_request(const struct addr *addr)
{
	bool is_ipv4 = addr_is_ipv4(addr);
	size_t len = is_ipv4 ? 4 : 16;
	struct route_request request = {
		.header = { .nlmsg_type = RTM_GETROUTE, .nlmsg_flags = NLM_F_REQUEST },
		.route = { .rtm_family = is_ipv4 ? AF_INET : AF_INET6,
			   .rtm_dst_len = (unsigned char)(len * 8) },
		.attr = { .rta_type = RTA_DST, .rta_len = (unsigned short)RTA_LENGTH(len) },
	};

	memcpy(request.addr, addr->bytes + 16 - len, len);
	request.header.nlmsg_len =
		(uint32_t)(NLMSG_LENGTH(sizeof(request.route)) + RTA_LENGTH(len));
	return request;
}

static bool is_whole(const struct rtattr *attr, size_t left)
{
	return left >= sizeof(*attr) && attr->rta_len >= sizeof(*attr) && attr->rta_len <= left;
}

static struct rtattr *next_of(struct rtattr *attr, size_t *left)
{
	size_t step = RTA_ALIGN(attr->rta_len);

	*left -= step < *left ? step : *left;
	return (void *)((char *)attr + step);
}

static uint32_t metric_mtu(struct rtattr *metrics)
{
	size_t left = RTA_PAYLOAD(metrics);

	for (struct rtattr *attr = RTA_DATA(metrics); is_whole(attr, left);
	     attr = next_of(attr, &left))
		if (attr->rta_type == RTAX_MTU)
			return *(const uint32_t *)RTA_DATA(attr);
	return 0;
}

static int take_route(struct nlmsghdr *header, struct host_route *ret)
{
	struct rtmsg *route = NLMSG_DATA(header);
	size_t left = header->nlmsg_len - NLMSG_LENGTH(sizeof(*route));

	if (header->nlmsg_type == NLMSG_ERROR)
		return ((struct nlmsgerr *)NLMSG_DATA(header))->error;
	if (header->nlmsg_type != RTM_NEWROUTE || header->nlmsg_len < NLMSG_LENGTH(sizeof(*route)))
		return -EPROTO;
	*ret = (struct host_route){ .is_local = route->rtm_type == RTN_LOCAL };
	/* RTM_RTA() by another name: that casts from char. */
	for (struct rtattr *attr = (void *)((char *)route + NLMSG_ALIGN(sizeof(*route)));
	     is_whole(attr, left); attr = next_of(attr, &left)) {
		if (attr->rta_type == RTA_OIF)
			ret->ifindex = *(const uint32_t *)RTA_DATA(attr);
		if (attr->rta_type == RTA_METRICS)
			ret->mtu_bytes = metric_mtu(attr);
		if (attr->rta_type == RTA_CACHEINFO)
			ret->is_learned =
				((const struct rta_cacheinfo *)RTA_DATA(attr))->rta_expires != 0;
	}
	return route->rtm_type == RTN_UNICAST || ret->is_local ? 0 : -ENETUNREACH;
}

int host_route(const struct addr *addr, struct host_route *ret)
{
	AUTO(fd_closep) int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	const struct timeval patience = { .tv_sec = 2 };
	struct route_request request = new_request(addr);
	_Alignas(struct nlmsghdr) char answer[4096];
	ssize_t n;

	if (fd < 0 || send(fd, &request, request.header.nlmsg_len, 0) < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	n = recv(fd, answer, sizeof(answer), 0);
	if (n < 0)
		return -errno;
	if (!NLMSG_OK((const struct nlmsghdr *)(const void *)answer, (size_t)n))
		return -EPROTO;
	return take_route((struct nlmsghdr *)(void *)answer, ret);
}

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

bool host_holder(const struct prefix *prefix, char name[16])
{
	struct ifaddrs *list = NULL;
	bool found = false;

	if (getifaddrs(&list) < 0)
		return false;
	for (const struct ifaddrs *a = list; a && !found; a = a->ifa_next) {
		struct addr addr;

		found = addr_of(a->ifa_addr, &addr) && prefix_has_addr(prefix, &addr);
		if (found)
			snprintf(name, 16, "%s", a->ifa_name);
	}
	freeifaddrs(list);
	return found;
}
