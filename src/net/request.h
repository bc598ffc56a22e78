/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request.h - ask the kernel over rtnetlink and wait for the answer.
 *
 * The kernel answers such a socket before send() returns, so waiting costs microseconds; the
 * receive timeout of one second is only the bound on one that does not answer. Codes are the
 * kernel's own errnos, which libnl's calls would fold together.
 */
#pragma once

#include <netlink/msg.h>
#include <netlink/socket.h>

#include "src/base/err.h"

typedef void (*request_fn)(struct nlmsghdr *hdr, void *arg);

/* A NETLINK_ROUTE socket with a large receive buffer; end it with nl_socket_free(). */
int request_open(struct nl_sock **ret, struct err *err);

/*
 * request_receive - receive once and hand each message to fn.
 * Returns 0; -EAGAIN when nothing came (in time); -ENOBUFS when messages were lost; -EIO.
 */
int request_receive(struct nl_sock *sk, request_fn fn, void *arg);

/*
 * request_ask - send a request, hand each answer to fn (NULL: none is wanted).
 * @msg: taken, in every case; NULL gives -ENOMEM. Without NLM_F_DUMP or an answer of its own it
 *       needs NLM_F_ACK.
 * Returns 0, the kernel's negative errno, -EINTR for a dump torn by a change, -ETIMEDOUT.
 */
int request_ask(struct nl_sock *sk, struct nl_msg *msg, request_fn fn, void *arg);
