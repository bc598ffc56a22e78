/* SPDX-License-Identifier: Apache-2.0 */
#include "src/guard/xdp_watch.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <stdlib.h>

struct xdp_watch {
	struct nl_sock *socket;
	bool is_attached; /* of the answer being read */
};

/* libnl's error numbers as errno, as far as they matter here. */
static int nl_code(int code)
{
	switch (-code) {
	case NLE_NODEV:
	case NLE_OBJ_NOTFOUND:
		return -ENODEV;
	case NLE_NOMEM:
		return -ENOMEM;
	case NLE_PERM:
		return -EPERM;
	default:
		return -EIO;
	}
}

static int on_link(struct nl_msg *msg, void *arg)
{
	struct xdp_watch *watch = arg;
	struct nlattr *xdp, *attached;

	if (nlmsg_hdr(msg)->nlmsg_type != RTM_NEWLINK)
		return NL_OK;
	xdp = nlmsg_find_attr(nlmsg_hdr(msg), sizeof(struct ifinfomsg), IFLA_XDP);
	if (!xdp)
		return NL_OK;
	attached = nla_find(nla_data(xdp), nla_len(xdp), IFLA_XDP_ATTACHED);
	if (attached && nla_len(attached) >= 1)
		watch->is_attached = nla_get_u8(attached) != XDP_ATTACHED_NONE;
	return NL_OK;
}

int xdp_watch_new(struct xdp_watch **ret, struct err *err)
{
	struct xdp_watch *watch = calloc(1, sizeof(*watch));
	int r;

	if (!watch)
		return err_set(err, -ENOMEM, "rtnetlink: %m");
	watch->socket = nl_socket_alloc();
	if (!watch->socket) {
		free(watch);
		return err_set(err, -ENOMEM, "rtnetlink: %m");
	}
	r = nl_connect(watch->socket, NETLINK_ROUTE);
	if (r < 0) {
		xdp_watch_free(watch);
		return err_set(err, nl_code(r), "rtnetlink: %s", nl_geterror(r));
	}
	nl_socket_modify_cb(watch->socket, NL_CB_VALID, NL_CB_CUSTOM, on_link, watch);
	*ret = watch;
	return 0;
}

void xdp_watch_free(struct xdp_watch *watch)
{
	if (!watch)
		return;
	nl_socket_free(watch->socket);
	free(watch);
}

/* Ask for one link; the answer sets watch->is_attached. Returns a code of libnl's. */
static int ask_link(struct xdp_watch *watch, const char *name)
{
	struct ifinfomsg header = { .ifi_family = AF_UNSPEC };
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_GETLINK, 0);
	int r;

	if (!msg)
		return -NLE_NOMEM;
	r = nlmsg_append(msg, &header, sizeof(header), NLMSG_ALIGNTO);
	if (r == 0)
		r = nla_put_string(msg, IFLA_IFNAME, name);
	if (r == 0)
		r = nl_send_auto(watch->socket, msg);
	nlmsg_free(msg);
	if (r < 0)
		return r;
	r = nl_recvmsgs_default(watch->socket); /* the link */
	if (r < 0)
		return r;
	return nl_wait_for_ack(watch->socket);
}

int xdp_watch_any(struct xdp_watch *watch, const char *const *names, size_t n, bool *ret,
		  struct err *err)
{
	bool any = false;

	for (size_t i = 0; i < n && !any; i++) {
		int r;

		watch->is_attached = false;
		r = ask_link(watch, names[i]);
		if (r < 0 && nl_code(r) != -ENODEV)
			return err_set(err, nl_code(r), "uplink %s: %s", names[i], nl_geterror(r));
		any = r == 0 && watch->is_attached;
	}
	*ret = any;
	return 0;
}
