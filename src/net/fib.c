/* SPDX-License-Identifier: Apache-2.0 */
/* fib.c - see fib.h. */
#include "src/net/fib.h"

#include <errno.h>
#include <stdlib.h>

#include <linux/rtnetlink.h>

#include "src/net/request.h"

struct fib {
	struct nl_sock *requests;
};

int fib_new(struct fib **ret, struct err *err)
{
	struct fib *fib = calloc(1, sizeof(*fib));
	int r;

	if (!fib)
		return err_set(err, -ENOMEM, "netlink: %m");
	r = request_open(&fib->requests, err);
	if (r < 0) {
		free(fib);
		return r;
	}
	*ret = fib;
	return 0;
}

void fib_free(struct fib *fib)
{
	if (!fib)
		return;
	nl_socket_free(fib->requests);
	free(fib);
}

static struct nl_msg *make_query(const struct addr *dst)
{
	struct rtmsg info = { .rtm_family = (uint8_t)addr_family(dst),
			      .rtm_dst_len = addr_is_ipv4(dst) ? 32 : 128,
			      .rtm_flags = RTM_F_FIB_MATCH };
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_GETROUTE, NLM_F_REQUEST);
	const uint8_t *raw;
	size_t len;

	if (!msg)
		return NULL;
	raw = addr_raw(dst, &len);
	if (nlmsg_append(msg, &info, sizeof(info), NLMSG_ALIGNTO) < 0 ||
	    nla_put(msg, RTA_DST, (int)len, raw) < 0) {
		nlmsg_free(msg);
		return NULL;
	}
	return msg;
}

int fib_ask(struct fib *fib, const struct addr *dst,
	    void (*answer)(struct nlmsghdr *hdr, void *arg), void *arg)
{
	return request_ask(fib->requests, make_query(dst), answer, arg);
}
