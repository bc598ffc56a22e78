/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net.c - the two netlink sockets and the clock around table.c.
 *
 * `events` is subscribed to links, addresses, routes, rules, next-hop objects and neighbours. Link
 * and neighbour events carry the whole object and go straight into the table. A route event only
 * says that answers may have changed: routes are asked for again after a pause of 5 ms that
 * collects the rest of a burst. While a routing daemon loads a full table, asking for thousands of
 * reals would follow asking; the pause is then nine times what the last round took, so that it
 * never costs more than a tenth of the time.
 *
 * `requests` asks and waits: the kernel answers such a socket before send() returns, so a batch is
 * microseconds a question, and the receive timeout is only the bound on a kernel that does not
 * answer. Batches run one per loop turn, so thousands of reals never hold up the loop.
 *
 * Events can be lost (ENOBUFS, seen as NLE_NOMEM) and some changes send none (an XDP program
 * attached by a bpf_link): links are read again each second, everything each 30 s and after a loss.
 *
 * Entries that we manage stay so after net_free(): the data plane goes on without us.
 *
 * Needs CAP_NET_ADMIN to touch neighbours and for large receive buffers, nothing else.
 */
#include "src/net/net.h"

#include <assert.h>
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include <linux/rtnetlink.h>

#include <event2/event.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>

#include "src/net/request.h"
#include "src/net/table.h"
#include "src/net/wire.h"

#define BATCH_MAX       32
#define EVENTS_PER_TURN 64
#define ROUTE_PAUSE     (5 * USEC_PER_MSEC)
#define ROUTE_PAUSE_MAX (2 * USEC_PER_SEC)
#define RESYNC_TICKS    30 /* seconds */

struct net {
	struct net_callbacks callbacks;
	struct table *table;
	struct nl_sock *events, *requests;
	struct event *readable, *pump, *routes_due, *tick;
	unsigned ticks;
	bool stale_addrs;
	bool is_route_round; /* the lookups that run follow from a route event */
	usec_t round_cost;   /* of them so far */
	usec_t last_cost;    /* of the last such round */
};

/* ---- requests ---- */

static void link_answer(struct nlmsghdr *hdr, void *arg)
{
	struct net *net = arg;
	struct wire_link link;
	bool was_uplink;

	if (wire_link_decode(hdr, &link) < 0)
		return;
	was_uplink = table_is_uplink(net->table, link.ifindex);
	table_link(net->table, &link);
	if (!was_uplink && table_is_uplink(net->table, link.ifindex))
		net->stale_addrs = true; /* it may have had them before it took the name */
}

static void link_read(struct net *net, uint32_t uplink)
{
	const char *name = table_uplink_name(net->table, uplink);

	if (name && request_ask(net->requests, wire_link_query(name), link_answer, net) == -ENODEV)
		table_no_link(net->table, uplink);
}

static void links_read(struct net *net)
{
	for (uint32_t i = 0; i < TABLE_UPLINKS_MAX; i++)
		link_read(net, i);
}

struct addr_list {
	struct wire_addr *addrs;
	size_t n, size;
	bool is_short; /* of memory */
};

static void addr_answer(struct nlmsghdr *hdr, void *arg)
{
	struct addr_list *list = arg;
	struct wire_addr addr;

	if (wire_addr_decode(hdr, &addr) < 0 || !addr.is_source)
		return;
	if (list->n == list->size) {
		size_t size = list->size ? 2 * list->size : 64;
		void *grown = reallocarray(list->addrs, size, sizeof(*list->addrs));

		if (!grown) {
			list->is_short = true;
			return;
		}
		list->addrs = grown;
		list->size = size;
	}
	list->addrs[list->n++] = addr;
}

/* A dump torn by a change is read again at the next tick; the change sends its event too. */
static void addrs_read(struct net *net)
{
	struct addr_list list = { 0 };

	net->stale_addrs = request_ask(net->requests, wire_addr_dump(), addr_answer, &list) < 0 ||
			   list.is_short;
	if (!net->stale_addrs)
		table_addrs(net->table, list.addrs, list.n);
	free(list.addrs);
}

/* ---- batches of lookups ---- */

struct batch {
	struct net *net;
	uint32_t first_seq;
	unsigned n, n_open;
	struct {
		struct lookup *lookup;
		struct lookup_query query;
	} items[BATCH_MAX];
	uint8_t buf[BATCH_MAX * 128];
	size_t len;
};

static bool kind_is_route(enum lookup_kind kind)
{
	return kind == LOOKUP_HOST || kind == LOOKUP_WAY;
}

static struct nl_msg *query_encode(const struct lookup_query *query)
{
	switch (query->kind) {
	case LOOKUP_HOST:
	case LOOKUP_WAY:
		return wire_route_query(&query->addr, query->ifindex);
	case LOOKUP_NEIGH:
		return wire_neigh_query(&query->addr, query->ifindex);
	case LOOKUP_CREATE:
		return wire_neigh_touch(&query->addr, query->ifindex, WIRE_NEIGH_CREATE);
	case LOOKUP_MANAGE:
		return wire_neigh_touch(&query->addr, query->ifindex, WIRE_NEIGH_MANAGE);
	case LOOKUP_RELEASE:
		return wire_neigh_touch(&query->addr, query->ifindex, WIRE_NEIGH_RELEASE);
	}
	return NULL;
}

/* Append one encoded question; false without memory. */
static bool batch_put(struct batch *batch, const struct lookup_query *query)
{
	struct nl_msg *msg = query_encode(query);
	struct nlmsghdr *hdr;
	size_t size;

	if (!msg)
		return false;
	hdr = nlmsg_hdr(msg);
	hdr->nlmsg_seq = nl_socket_use_seq(batch->net->requests);
	if (batch->n == 0)
		batch->first_seq = hdr->nlmsg_seq;
	size = NLMSG_ALIGN(hdr->nlmsg_len);
	assert(batch->len + size <= sizeof(batch->buf)); /* every question is under 128 bytes */
	memset(batch->buf + batch->len, 0, size);
	memcpy(batch->buf + batch->len, hdr, hdr->nlmsg_len);
	batch->len += size;
	nlmsg_free(msg);
	return true;
}

static void batch_fill(struct batch *batch)
{
	struct lookup_query query;
	struct lookup *lookup;

	while (batch->n < BATCH_MAX && (lookup = table_take_lookup(batch->net->table, &query))) {
		if (!batch_put(batch, &query)) {
			table_requeue(batch->net->table, lookup);
			break;
		}
		batch->items[batch->n].lookup = lookup;
		batch->items[batch->n].query = query;
		batch->n++;
	}
	batch->n_open = batch->n;
}

static void answer_route(struct net *net, struct lookup *lookup, struct nlmsghdr *hdr, int error)
{
	struct wire_route route;

	if (!error && wire_route_decode(hdr, &route) == 0)
		table_answer_route(net->table, lookup, &route, 0);
	else
		table_answer_route(net->table, lookup, NULL, error ? error : -EBADMSG);
}

static void answer_neigh(struct net *net, struct lookup *lookup, struct nlmsghdr *hdr, int error)
{
	struct wire_neigh neigh;

	if (hdr->nlmsg_type != NLMSG_ERROR && wire_neigh_decode(hdr, &neigh) == 0)
		table_answer_neigh(net->table, lookup, &neigh, 0, usec_now());
	else
		table_answer_neigh(net->table, lookup, NULL, error, usec_now());
}

static void batch_answer(struct nlmsghdr *hdr, void *arg)
{
	struct batch *batch = arg;
	uint32_t i = hdr->nlmsg_seq - batch->first_seq;
	struct lookup *lookup;
	int error = 0;

	if (i >= batch->n || !batch->items[i].lookup)
		return;
	lookup = batch->items[i].lookup;
	batch->items[i].lookup = NULL;
	batch->n_open--;
	if (hdr->nlmsg_type == NLMSG_ERROR)
		error = ((struct nlmsgerr *)nlmsg_data(hdr))->error;
	if (kind_is_route(batch->items[i].query.kind))
		answer_route(batch->net, lookup, hdr, error);
	else
		answer_neigh(batch->net, lookup, hdr, error);
}

/* Ask the next questions and take their answers; those unanswered go back into the queue. */
static int batch_run(struct net *net)
{
	struct batch batch = { .net = net };
	int r = 0;

	batch_fill(&batch);
	if (batch.n == 0)
		return 0;
	if (nl_sendto(net->requests, batch.buf, batch.len) < 0)
		r = -EIO;
	while (r == 0 && batch.n_open > 0)
		r = request_receive(net->requests, batch_answer, &batch);
	for (unsigned i = 0; i < batch.n; i++)
		if (batch.items[i].lookup)
			table_requeue(net->table, batch.items[i].lookup);
	return r;
}

/* ---- the loop ---- */

static void after(struct event *event, usec_t delay)
{
	struct timeval tv = {
		.tv_sec = (time_t)(delay / USEC_PER_SEC),
		.tv_usec = (suseconds_t)(delay % USEC_PER_SEC),
	};

	event_add(event, &tv);
}

/* Work is waiting: do it on the next turn of the loop. */
static void wake(struct net *net)
{
	event_active(net->pump, EV_TIMEOUT, 0);
}

/* Routes may have changed: ask for them after the pause, unless that is due already. */
static void routes_changed(struct net *net)
{
	usec_t pause = 9 * net->last_cost;

	if (event_pending(net->routes_due, EV_TIMEOUT, NULL))
		return;
	if (pause < ROUTE_PAUSE)
		pause = ROUTE_PAUSE;
	after(net->routes_due, pause < ROUTE_PAUSE_MAX ? pause : ROUTE_PAUSE_MAX);
}

static void on_pump(evutil_socket_t fd, short what, void *arg)
{
	struct net *net = arg;
	usec_t start = usec_now();

	(void)fd;
	(void)what;
	if (net->stale_addrs)
		addrs_read(net);
	if (batch_run(net) == 0 && table_has_lookups(net->table)) {
		net->round_cost += usec_now() - start;
		wake(net);
		return;
	}
	/* After an error the queue waits for the tick. */
	if (net->is_route_round)
		net->last_cost = net->round_cost + usec_now() - start;
	net->is_route_round = false;
	net->round_cost = 0;
	table_flush(net->table, &net->callbacks, usec_now());
}

static void on_routes_due(evutil_socket_t fd, short what, void *arg)
{
	struct net *net = arg;

	(void)fd;
	(void)what;
	table_stale_routes(net->table);
	net->is_route_round = true;
	wake(net);
}

static void resync(struct net *net)
{
	net->stale_addrs = true;
	table_stale_routes(net->table);
	table_stale_neighbours(net->table);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct net *net = arg;

	(void)fd;
	(void)what;
	links_read(net);
	if (++net->ticks % RESYNC_TICKS == 0)
		resync(net);
	table_tick(net->table, usec_now());
	wake(net);
}

static void event_message(struct nlmsghdr *hdr, void *arg)
{
	struct net *net = arg;
	struct wire_neigh neigh;
	struct wire_addr addr;

	switch (hdr->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		link_answer(hdr, net);
		break;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		if (wire_addr_decode(hdr, &addr) == 0 && table_is_uplink(net->table, addr.ifindex))
			net->stale_addrs = true;
		routes_changed(net); /* a real may have become local */
		break;
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		if (wire_neigh_decode(hdr, &neigh) == 0 &&
		    table_is_uplink(net->table, neigh.ifindex))
			table_neigh(net->table, &neigh, usec_now());
		break;
	default: /* routes, rules, next-hop objects */
		routes_changed(net);
		break;
	}
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct net *net = arg;
	int r = 0;

	(void)fd;
	(void)what;
	for (int i = 0; i < EVENTS_PER_TURN && r == 0; i++)
		r = request_receive(net->events, event_message, net);
	if (r < 0 && r != -EAGAIN) {
		links_read(net);
		resync(net);
	}
	wake(net);
}

/* ---- life ---- */

static int events_open(struct nl_sock **ret, struct err *err)
{
	static const int groups[] = {
		RTNLGRP_LINK,        RTNLGRP_NEIGH,      RTNLGRP_IPV4_IFADDR,
		RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE,
		RTNLGRP_IPV4_RULE,   RTNLGRP_IPV6_RULE,  RTNLGRP_NEXTHOP,
	};
	struct nl_sock *sk = NULL;
	int r = request_open(&sk, err);

	if (r < 0)
		return r;
	for (size_t i = 0; r >= 0 && i < sizeof(groups) / sizeof(groups[0]); i++)
		r = nl_socket_add_membership(sk, groups[i]);
	if (r >= 0)
		r = nl_socket_set_nonblocking(sk);
	if (r < 0) {
		nl_socket_free(sk);
		return err_set(err, -EIO, "netlink events: %s", nl_geterror(r));
	}
	*ret = sk;
	return 0;
}

static int loop_join(struct net *net, struct event_base *base, struct err *err)
{
	const struct timeval second = { .tv_sec = 1 };

	net->readable = event_new(base, nl_socket_get_fd(net->events), EV_READ | EV_PERSIST,
				  on_readable, net);
	net->pump = event_new(base, -1, 0, on_pump, net);
	net->routes_due = event_new(base, -1, 0, on_routes_due, net);
	net->tick = event_new(base, -1, EV_PERSIST, on_tick, net);
	if (!net->readable || !net->pump || !net->routes_due || !net->tick)
		return err_set(err, -ENOMEM, "netlink: %m");
	event_add(net->readable, NULL);
	event_add(net->tick, &second);
	return 0;
}

int net_new(struct event_base *base, const struct net_callbacks *callbacks, struct net **ret,
	    struct err *err)
{
	struct net *net = calloc(1, sizeof(*net));
	int r;

	if (!net)
		return err_set(err, -ENOMEM, "netlink: %m");
	net->callbacks = *callbacks;
	net->table = table_new();
	r = net->table ? events_open(&net->events, err) : err_set(err, -ENOMEM, "netlink: %m");
	if (r == 0)
		r = request_open(&net->requests, err);
	if (r == 0)
		r = loop_join(net, base, err);
	if (r < 0) {
		net_free(net);
		return r;
	}
	*ret = net;
	return 0;
}

static void event_end(struct event *event)
{
	if (event)
		event_free(event);
}

void net_free(struct net *net)
{
	if (!net)
		return;
	event_end(net->readable);
	event_end(net->pump);
	event_end(net->routes_due);
	event_end(net->tick);
	nl_socket_free(net->events);
	nl_socket_free(net->requests);
	table_free(net->table);
	free(net);
}

int net_watch_uplink(struct net *net, uint32_t index, const char *name, struct err *err)
{
	int r;

	if (strlen(name) >= IFNAMSIZ)
		return err_set(err, -ENAMETOOLONG, "uplink '%s': %m", name);
	r = table_add_uplink(net->table, index, name);
	if (r == -ENOSPC)
		return err_set(err, r, "uplink '%s': at most %d uplinks", name, TABLE_UPLINKS_MAX);
	if (r < 0)
		return err_set(err, r, "uplink '%s': %m", name);
	link_read(net, index);
	addrs_read(net);
	wake(net);
	return 0;
}

int net_watch_real(struct net *net, const struct addr *real, struct err *err)
{
	int r = table_add_real(net->table, real);

	if (r < 0)
		return err_set(err, r, "real %s: %m", ADDR_STR(real));
	wake(net);
	return 0;
}

void net_unwatch_real(struct net *net, const struct addr *real)
{
	table_del_real(net->table, real);
	wake(net);
}

static void route_answer(struct nlmsghdr *hdr, void *arg)
{
	struct wire_route *route = arg, found;

	if (wire_route_decode(hdr, &found) == 0)
		*route = found;
}

bool net_route(struct net *net, const struct addr *dst, uint32_t *ret_uplink, bool *ret_is_on_link)
{
	struct wire_route route = { 0 };

	if (request_ask(net->requests, wire_route_query(dst, 0), route_answer, &route) < 0 ||
	    route.type != RTN_UNICAST)
		return false;
	for (uint32_t i = 0; i < TABLE_UPLINKS_MAX; i++) {
		const struct net_uplink *uplink = table_uplink(net->table, i);

		if (!uplink || !uplink->present || uplink->ifindex != route.ifindex)
			continue;
		*ret_uplink = i;
		*ret_is_on_link = !route.has_gateway;
		return true;
	}
	return false;
}

const struct net_uplink *net_uplink(const struct net *net, uint32_t index)
{
	return table_uplink(net->table, index);
}

const struct net_next_hop *net_next_hop(const struct net *net, uint32_t uplink,
					const struct addr *real)
{
	return table_next_hop(net->table, uplink, real);
}
