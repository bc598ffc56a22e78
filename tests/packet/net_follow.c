/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net_follow.c - prints what src/net tells, a line a change; driven by net_follow_test.
 *
 *     net_follow UPLINK... : each line of standard input "+ADDR" watches a real, "-ADDR" lets go;
 *     the end of input ends it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "src/base/err.h"
#include "src/net/net.h"

static struct event_base *base;
static struct net *net;
static char **names;

#define MAC_FMT     "%02x:%02x:%02x:%02x:%02x:%02x"
#define MAC_ARGS(m) (m)[0], (m)[1], (m)[2], (m)[3], (m)[4], (m)[5]

static void on_uplink(const struct net_uplink *uplink, void *arg)
{
	(void)arg;
	if (!uplink->present) {
		printf("uplink %s absent\n", uplink->name);
		return;
	}
	printf("uplink %s ifindex=%u mac=" MAC_FMT " carrier=%d mtu=%u xdp=%d v4=%s v6=%s\n",
	       uplink->name, uplink->ifindex, MAC_ARGS(uplink->mac), uplink->has_carrier,
	       uplink->mtu_bytes, uplink->xdp_prog_id != 0,
	       uplink->has_addr4 ? ADDR_STR(&uplink->addr4) : "none",
	       uplink->has_addr6 ? ADDR_STR(&uplink->addr6) : "none");
}

static void on_next_hop(const struct net_next_hop *hop, void *arg)
{
	(void)arg;
	printf("hop %s %s ", names[hop->uplink], ADDR_STR(&hop->real));
	if (hop->usable)
		printf("usable " MAC_FMT "\n", MAC_ARGS(hop->mac));
	else
		printf("unusable %s\n", hop->why);
}

static void on_line(char *line)
{
	struct addr addr;
	struct err err;

	line[strcspn(line, "\n")] = '\0';
	if (addr_parse(line + 1, &addr) < 0)
		fprintf(stderr, "not understood: '%s'\n", line);
	else if (line[0] == '-')
		net_unwatch_real(net, &addr);
	else if (net_watch_real(net, &addr, &err) < 0)
		fprintf(stderr, "%s\n", err.text);
}

static void on_input(evutil_socket_t fd, short what, void *arg)
{
	static char text[1 << 20];
	static size_t len;
	char *line = text, *end;
	ssize_t n = read(fd, text + len, sizeof(text) - 1 - len);

	(void)what;
	(void)arg;
	if (n <= 0) {
		event_base_loopbreak(base);
		return;
	}
	len += (size_t)n;
	text[len] = '\0';
	for (; (end = strchr(line, '\n')); line = end + 1) {
		*end = '\0';
		on_line(line);
	}
	len -= (size_t)(line - text);
	memmove(text, line, len);
}

int main(int argc, char **argv)
{
	const struct net_callbacks callbacks = { .uplink = on_uplink, .next_hop = on_next_hop };
	struct event *input;
	struct err err;

	setvbuf(stdout, NULL, _IOLBF, 0);
	names = argv + 1;
	base = event_base_new();
	if (net_new(base, &callbacks, &net, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	for (int i = 1; i < argc; i++) {
		if (net_watch_uplink(net, (uint32_t)i - 1, argv[i], &err) < 0) {
			fprintf(stderr, "%s\n", err.text);
			return 1;
		}
	}
	input = event_new(base, STDIN_FILENO, EV_READ | EV_PERSIST, on_input, NULL);
	event_add(input, NULL);
	event_base_dispatch(base);
	event_free(input);
	net_free(net);
	event_base_free(base);
	return 0;
}
