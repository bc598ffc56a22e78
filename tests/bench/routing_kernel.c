/* SPDX-License-Identifier: Apache-2.0 */
/* routing_kernel.c - a bit for each route of interest, kept by what rtnetlink multicasts. */
#include "tests/bench/routing_kernel.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/routing_site.h"

#define BUFFER_BYTES (64 << 20)

struct kernel_watch {
	struct nl_sock *sock;
	bool is_there[KERNEL_PLACES];
	/* Of the routes that are waited for. */
	uint32_t first, n, n_there;
};

static void note(struct kernel_watch *watch, uint32_t place, bool there)
{
	if (watch->is_there[place] == there)
		return;
	watch->is_there[place] = there;
	if (place - watch->first < watch->n)
		watch->n_there += there ? 1U : -1U;
}

static int on_message(struct nl_msg *msg, void *arg)
{
	struct nlmsghdr *header = nlmsg_hdr(msg);
	struct rtmsg *route = nlmsg_data(header);
	struct nlattr *to;
	uint32_t address;

	if (header->nlmsg_type != RTM_NEWROUTE && header->nlmsg_type != RTM_DELROUTE)
		return NL_OK;
	to = nlmsg_find_attr(header, sizeof(*route), RTA_DST);
	if (!to || route->rtm_family != AF_INET || route->rtm_dst_len != 32)
		return NL_OK;
	memcpy(&address, nla_data(to), sizeof(address));
	address = ntohl(address) - KERNEL_FIRST;
	if (address < KERNEL_PLACES)
		note(arg, address, header->nlmsg_type == RTM_NEWROUTE);
	return NL_OK;
}

struct kernel_watch *kernel_watch_start(const char *netns)
{
	struct kernel_watch *watch = calloc(1, sizeof(*watch));
	int home = site_enter(netns), size = BUFFER_BYTES;

	if (!watch || !(watch->sock = nl_socket_alloc()))
		site_die("out of memory");
	nl_socket_disable_seq_check(watch->sock);
	nl_socket_modify_cb(watch->sock, NL_CB_VALID, NL_CB_CUSTOM, on_message, watch);
	if (nl_connect(watch->sock, NETLINK_ROUTE) < 0 ||
	    nl_socket_add_membership(watch->sock, RTNLGRP_IPV4_ROUTE) < 0 ||
	    nl_socket_set_nonblocking(watch->sock) < 0)
		site_die("netlink: cannot listen to the ToR's routes");
	setsockopt(nl_socket_get_fd(watch->sock), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	site_leave(home);
	return watch;
}

void kernel_watch_stop(struct kernel_watch *watch)
{
	nl_socket_free(watch->sock);
	free(watch);
}

void kernel_hear(struct kernel_watch *watch)
{
	int r;

	do
		r = nl_recvmsgs_default(watch->sock);
	while (r == 0);
	if (r != -NLE_AGAIN && r != -NLE_INTR)
		site_die("netlink: %s", nl_geterror(r));
}

static void look_at(struct kernel_watch *watch, uint32_t first, uint32_t n)
{
	watch->first = first;
	watch->n = n;
	watch->n_there = 0;
	for (uint32_t i = 0; i < n; i++)
		watch->n_there += watch->is_there[first + i];
}

usec_t kernel_wait(struct kernel_watch *watch, uint32_t first, uint32_t n, bool there,
		   usec_t deadline)
{
	struct pollfd pollfd = { .fd = nl_socket_get_fd(watch->sock), .events = POLLIN };
	usec_t now = usec_now();

	kernel_hear(watch);
	look_at(watch, first, n);
	while (watch->n_there != (there ? n : 0)) {
		if (now >= deadline)
			return 0;
		poll(&pollfd, 1, (int)((deadline - now) / USEC_PER_MSEC) + 1);
		now = usec_now();
		kernel_hear(watch);
	}
	return now;
}
