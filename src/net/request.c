/* SPDX-License-Identifier: Apache-2.0 */
/* request.c - see request.h. */
#include "src/net/request.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <netlink/netlink.h>

#include "src/base/auto.h"

#define BUFFER_BYTES (4 << 20)

/* What libnl's code of a failed system call was, as far as we tell codes apart. */
static int nl_errno(int nl_error)
{
	switch (-nl_error) {
	case NLE_AGAIN:
		return -EAGAIN;
	case NLE_NOMEM:
		return -ENOBUFS;
	case NLE_PERM:
		return -EPERM;
	default:
		return -EIO;
	}
}

int request_open(struct nl_sock **ret, struct err *err)
{
	const struct timeval timeout = { .tv_sec = 1 };
	struct nl_sock *sk = nl_socket_alloc();
	int size = BUFFER_BYTES, r, fd;

	if (!sk)
		return err_set(err, -ENOMEM, "netlink: %m");
	r = nl_connect(sk, NETLINK_ROUTE);
	if (r < 0) {
		nl_socket_free(sk);
		return err_set(err, nl_errno(r), "netlink: %s", nl_geterror(r));
	}
	fd = nl_socket_get_fd(sk);
	/* The plain form is capped by net.core.rmem_max, this one asks for CAP_NET_ADMIN. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0) {
		r = err_set(err, -errno, "netlink receive timeout: %m");
		nl_socket_free(sk);
		return r;
	}
	nl_socket_disable_seq_check(sk);
	*ret = sk;
	return 0;
}

int request_receive(struct nl_sock *sk, request_fn fn, void *arg)
{
	AUTO(freep) unsigned char *buf = NULL;
	struct sockaddr_nl from;
	struct nlmsghdr *hdr;
	int len = nl_recv(sk, &from, &buf, NULL);

	if (len == 0)
		return -EAGAIN;
	if (len < 0)
		return nl_errno(len);
	if (from.nl_pid != 0)
		return 0; /* another process; only the kernel is believed */
	for (hdr = (struct nlmsghdr *)(void *)buf; nlmsg_ok(hdr, len); hdr = nlmsg_next(hdr, &len))
		fn(hdr, arg);
	return 0;
}

struct ask {
	uint32_t seq;
	bool is_done, is_torn;
	int error;
	request_fn fn;
	void *arg;
};

static void ask_message(struct nlmsghdr *hdr, void *arg)
{
	struct ask *ask = arg;

	if (hdr->nlmsg_seq != ask->seq)
		return;
	if (hdr->nlmsg_flags & NLM_F_DUMP_INTR)
		ask->is_torn = true;
	if (hdr->nlmsg_type == NLMSG_ERROR)
		ask->error = ((struct nlmsgerr *)nlmsg_data(hdr))->error;
	if (hdr->nlmsg_type == NLMSG_ERROR || hdr->nlmsg_type == NLMSG_DONE) {
		ask->is_done = true;
		return;
	}
	if (ask->fn)
		ask->fn(hdr, ask->arg);
	if (!(hdr->nlmsg_flags & NLM_F_MULTI))
		ask->is_done = true;
}

int request_ask(struct nl_sock *sk, struct nl_msg *msg, request_fn fn, void *arg)
{
	struct ask ask = { .seq = nl_socket_use_seq(sk), .fn = fn, .arg = arg };
	int r;

	if (!msg)
		return -ENOMEM;
	nlmsg_hdr(msg)->nlmsg_seq = ask.seq;
	r = nl_sendto(sk, nlmsg_hdr(msg), nlmsg_hdr(msg)->nlmsg_len);
	nlmsg_free(msg);
	if (r < 0)
		return nl_errno(r);
	while (!ask.is_done) {
		r = request_receive(sk, ask_message, &ask);
		if (r < 0)
			return r == -EAGAIN ? -ETIMEDOUT : r;
	}
	if (ask.error)
		return ask.error;
	return ask.is_torn ? -EINTR : 0;
}
