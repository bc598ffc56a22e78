/* SPDX-License-Identifier: Apache-2.0 */
#include "health/dial.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union sockaddr_any {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

static socklen_t sockaddr_make(union sockaddr_any *ret, const struct addr *addr, uint16_t port)
{
	size_t len;
	const uint8_t *raw = addr_raw(addr, &len);

	memset(ret, 0, sizeof(*ret));
	if (addr_is_ipv4(addr)) {
		ret->in.sin_family = AF_INET;
		ret->in.sin_port = htons(port);
		memcpy(&ret->in.sin_addr, raw, len);
		return sizeof(ret->in);
	}
	ret->in6.sin6_family = AF_INET6;
	ret->in6.sin6_port = htons(port);
	memcpy(&ret->in6.sin6_addr, raw, len);
	return sizeof(ret->in6);
}

/* ---- sockets that wait to be connected again ---- */

/* Connections that end in one turn of the loop are about as many as begin in the next. */
#define IDLE_MAX 64

static struct {
	struct idle {
		int fd, family;
		uint32_t mark;
		bool has_source;
		struct addr source;
	} sockets[IDLE_MAX];
	size_t n;
	size_t oldest; /* about so; once there are IDLE_MAX, it makes room */
} idle;

static bool is_alike(const struct idle *socket, int family, const struct dial_options *options)
{
	return socket->family == family && socket->has_source == options->has_source &&
	       (!options->has_source || addr_eq(&socket->source, &options->source));
}

/* One of the family, with mark and source as asked; -1: none. */
static int idle_take(int family, const struct dial_options *options)
{
	struct idle found;
	size_t i = idle.n;

	while (i > 0 && !is_alike(&idle.sockets[i - 1], family, options))
		i--;
	if (i == 0)
		return -1;
	found = idle.sockets[i - 1];
	idle.sockets[i - 1] = idle.sockets[--idle.n];
	if (found.mark == options->mark ||
	    setsockopt(found.fd, SOL_SOCKET, SO_MARK, &options->mark, sizeof(options->mark)) == 0)
		return found.fd;
	close(found.fd);
	return -1;
}

/* Room for one more. Those of a source that nobody asks for any more must not stay for ever. */
static struct idle *idle_place(void)
{
	struct idle *place;

	if (idle.n < IDLE_MAX)
		return &idle.sockets[idle.n++];
	place = &idle.sockets[idle.oldest++ % IDLE_MAX];
	close(place->fd);
	return place;
}

void dial_hang_up(int fd, const struct dial_options *options)
{
	const struct sockaddr nobody = { .sa_family = AF_UNSPEC };

	if (connect(fd, &nobody, sizeof(nobody)) < 0) {
		close(fd);
		return;
	}
	*idle_place() = (struct idle){ .fd = fd,
				       .family = addr_is_ipv4(&options->addr) ? AF_INET : AF_INET6,
				       .mark = options->mark,
				       .has_source = options->has_source,
				       .source = options->source };
}

void dial_fini(void)
{
	while (idle.n > 0)
		close(idle.sockets[--idle.n].fd);
}

/* ---- sockets as the target asks ---- */

/* Mark and source address; returns NULL, or the word of the call that failed (errno says why). */
static const char *socket_direct(int fd, int type, const struct dial_options *options)
{
	union sockaddr_any source;
	int on = 1;

	if (options->mark != 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_MARK, &options->mark, sizeof(options->mark)) < 0)
		return "mark";
	if (!options->has_source)
		return NULL;
	/* The port is picked at connect, by the whole 4-tuple: else 28,000 probes exhaust them.
	 * Raw sockets have none, and those of IPv6 do not know the option. */
	if (type != SOCK_RAW &&
	    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)) < 0)
		return "bind";
	return bind(fd, &source.sa, sockaddr_make(&source, &options->source, 0)) < 0 ? "bind"
										     : NULL;
}

enum probe_reason dial_local_reason(int error, bool is_tunnel)
{
	switch (error) {
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
	case EAGAIN: /* no free local port */
		return PROBE_LOCAL_ERROR;
	case ECONNREFUSED:
		return PROBE_REFUSED;
	case ENETUNREACH:
	case EHOSTUNREACH:
		return is_tunnel ? PROBE_PROBE_PATH : PROBE_UNREACHABLE;
	default:
		/* EADDRNOTAVAIL at connect means no free local port, at bind a source that is not
		 * ours; EPERM a local packet filter or a missing capability. */
		return is_tunnel && error != EADDRNOTAVAIL ? PROBE_PROBE_PATH : PROBE_LOCAL_ERROR;
	}
}

/* A socket that could not be made, marked or bound. */
static enum probe_reason socket_reason(const char *step, bool is_tunnel)
{
	return is_tunnel && strcmp(step, "socket") != 0 ? PROBE_PROBE_PATH : PROBE_LOCAL_ERROR;
}

enum probe_reason dial_error_reason(int error)
{
	switch (error) {
	case 0:
		return PROBE_OK;
	case ECONNREFUSED:
		return PROBE_REFUSED;
	case ECONNRESET:
	case EPIPE:
		return PROBE_RESET;
	case EHOSTUNREACH:
	case ENETUNREACH:
	case EHOSTDOWN:
	case ENETDOWN:
		return PROBE_UNREACHABLE;
	case ETIMEDOUT:
		return PROBE_TIMEOUT;
	default:
		return PROBE_CONNECT_ERROR;
	}
}

/*
 * What a connection attempt came to, 0 or an errno.
 *
 * A port of our own that nobody listens on can be met by a connection from just that port: TCP
 * then connects the socket to itself, and nothing answers for nobody.
 */
static int connect_error(int fd)
{
	union sockaddr_any local, peer;
	socklen_t local_len = sizeof(local), peer_len = sizeof(peer), len = sizeof(int);
	int error = 0;

	memset(&local, 0, sizeof(local));
	memset(&peer, 0, sizeof(peer));
	if (getpeername(fd, &peer.sa, &peer_len) < 0) {
		error = errno;
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
		return error != 0 ? error : ENOTCONN;
	}
	if (getsockname(fd, &local.sa, &local_len) == 0 && local_len == peer_len &&
	    memcmp(&local, &peer, local_len) == 0)
		return ECONNREFUSED;
	return 0;
}

static void dial_fail(struct dial *dial, enum probe_reason reason, int error, const char *step)
{
	struct dial_result result = { .reason = reason, .fd = -1, .error = error, .step = step };

	if (dial->fd >= 0)
		close(dial->fd);
	dial->fd = -1;
	dial->done(dial->arg, &result);
}

static void dial_finish(struct dial *dial)
{
	struct dial_result result = { .reason = PROBE_OK, .fd = dial->fd, .step = "connect" };
	int error = connect_error(dial->fd);

	if (error != 0) {
		dial_fail(dial, dial_error_reason(error), error, "connect");
		return;
	}
	dial->fd = -1;
	dial->done(dial->arg, &result);
}

static void on_writable(evutil_socket_t fd __attribute__((unused)),
			short what __attribute__((unused)), void *arg)
{
	dial_finish(arg);
}

int dial_socket(const struct dial_options *options, int type, int protocol, bool connects,
		enum probe_reason *ret_reason, const char **ret_step)
{
	union sockaddr_any to;
	socklen_t to_len = sockaddr_make(&to, &options->addr, options->port);
	int error, fd = socket(to.sa.sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);

	*ret_reason = PROBE_LOCAL_ERROR;
	*ret_step = "socket";
	if (fd < 0)
		return -errno;
	*ret_step = socket_direct(fd, type, options);
	if (!*ret_step && (!connects || connect(fd, &to.sa, to_len) == 0))
		return fd;
	error = errno;
	close(fd);
	if (!*ret_step) {
		*ret_step = "connect";
		*ret_reason = dial_local_reason(error, options->mark != 0);
	} else if (options->mark != 0) {
		*ret_reason = PROBE_PROBE_PATH;
	}
	return -error;
}

/* A socket to connect; -1: `step` failed, errno says why. */
static int stream_socket(int family, const struct dial_options *options, const char **ret_step)
{
	const struct linger reset = { .l_onoff = 1, .l_linger = 0 };
	int error, fd = idle_take(family, options);

	if (fd >= 0)
		return fd;
	*ret_step = "socket";
	fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	*ret_step = socket_direct(fd, SOCK_STREAM, options);
	if (!*ret_step)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

static void dial_watch(struct dial *dial, struct event_base *base)
{
	if (event_assign(&dial->event, base, dial->fd, EV_WRITE, on_writable, dial) < 0 ||
	    event_add(&dial->event, NULL) < 0)
		dial_fail(dial, PROBE_LOCAL_ERROR, ENOMEM, "watch");
}

static bool is_broken_off(int fd)
{
	struct tcp_info info = { .tcpi_state = TCP_ESTABLISHED };
	socklen_t len = sizeof(info);

	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 &&
	       info.tcpi_state == TCP_CLOSE;
}

/* Reading from one that is broken off would take its error away. */
bool dial_has_bytes(int fd)
{
	char byte;

	return !is_broken_off(fd) && recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

uint16_t dial_local_port(int fd)
{
	union sockaddr_any local;
	socklen_t len = sizeof(local);

	memset(&local, 0, sizeof(local));
	if (getsockname(fd, &local.sa, &len) < 0)
		return 0;
	return ntohs(local.sa.sa_family == AF_INET ? local.in.sin_port : local.in6.sin6_port);
}

/* The kernel hands out the error of a connection once, behind the last byte that came. */
bool dial_is_reset(int fd)
{
	socklen_t len = sizeof(int);
	int untold = 0;

	return is_broken_off(fd) && getsockopt(fd, SOL_SOCKET, SO_ERROR, &untold, &len) == 0 &&
	       untold == 0;
}

void dial_hear_errors(int fd, bool is_ipv4)
{
	int on = 1;

	if (is_ipv4)
		setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on));
	else
		setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof(on));
}

void dial_start(struct dial *dial, struct event_base *base, const struct dial_options *options)
{
	union sockaddr_any to;
	socklen_t to_len = sockaddr_make(&to, &options->addr, options->port);
	const char *step = NULL;

	dial->is_tunnel = options->mark != 0;
	dial->fd = stream_socket(to.sa.sa_family, options, &step);
	if (dial->fd < 0)
		dial_fail(dial, socket_reason(step, dial->is_tunnel), errno, step);
	else if (connect(dial->fd, &to.sa, to_len) == 0)
		dial_finish(dial);
	else if (errno == EINPROGRESS)
		dial_watch(dial, base);
	else
		dial_fail(dial, dial_local_reason(errno, dial->is_tunnel), errno, "connect");
}

void dial_stop(struct dial *dial)
{
	if (dial->fd < 0)
		return;
	event_del(&dial->event);
	close(dial->fd);
	dial->fd = -1;
}
