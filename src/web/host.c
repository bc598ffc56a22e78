/* SPDX-License-Identifier: Apache-2.0 */
#include "src/web/host.h"

#include <arpa/inet.h>
#include <event2/util.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

static bool is_loopback(const struct sockaddr_storage *address)
{
	const struct sockaddr_in *in = (const void *)address;
	const struct sockaddr_in6 *in6 = (const void *)address;

	if (address->ss_family == AF_INET)
		return ntohl(in->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	if (address->ss_family != AF_INET6)
		return false;
	return IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr) ||
	       (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr) && in6->sin6_addr.s6_addr[12] == 127);
}

/* "localhost" or "lb1.localhost", with or without a port. */
static bool is_localhost(const char *host)
{
	static const char name[] = "localhost";
	size_t len = strcspn(host, ":"), name_len = sizeof(name) - 1;
	const char *end = host + len;

	if (len < name_len || evutil_ascii_strncasecmp(end - name_len, name, name_len) != 0)
		return false;
	return len == name_len || end[-(long)name_len - 1] == '.';
}

bool host_is_fine(const char *host, const struct sockaddr_storage *address)
{
	struct sockaddr_storage parsed;
	int len = sizeof(parsed);

	if (!host || !is_loopback(address) || is_localhost(host))
		return true;
	return evutil_parse_sockaddr_port(host, (struct sockaddr *)&parsed, &len) == 0;
}
