/* SPDX-License-Identifier: Apache-2.0 */
/* table.c - see table.h. */
#include "src/net/table.h"

#include <assert.h>
#include <errno.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#define RESOLVE_GRACE (1 * USEC_PER_SEC)
#define TOUCH_PAUSE   (200 * USEC_PER_MSEC) /* between two touches of one entry */
#define KEEP_ALIVE    (10 * USEC_PER_SEC)   /* where the kernel has no managed entries */
#define WHY_MAX       80
#define NO_UPLINK     UINT32_MAX

struct lookup {
	TAILQ_ENTRY(lookup) link;
	enum lookup_kind kind;
	bool is_queued;
	/* Taken and not answered yet: the owner stays, whatever other answers say of it. */
	bool is_asked;
	enum lookup_kind asked;
};
TAILQ_HEAD(lookup_queue, lookup);

enum gateway_state {
	GATEWAY_UNKNOWN,   /* not asked for yet */
	GATEWAY_RESOLVING, /* no answer yet */
	GATEWAY_RESOLVED,
	GATEWAY_FAILED, /* does not answer */
};

struct gateway {
	struct addr addr; /* with uplink the key of the tree; first, as in a search key */
	uint32_t uplink;
	LIST_ENTRY(gateway) link;
	LIST_HEAD(, way) ways;
	struct lookup lookup;
	enum gateway_state state;
	uint8_t mac[6];
	bool exists, is_static, is_managed, is_ours;
	usec_t resolving_since, touched_at;
};

struct way {
	struct real *real;
	uint32_t uplink;
	struct lookup lookup;
	bool is_looked_up;
	const char *route_why; /* constant; NULL: there is a gateway */
	struct gateway *gateway;
	bool is_onlink; /* the gateway is the real itself */
	LIST_ENTRY(way) gateway_link;
	bool is_dirty;
	TAILQ_ENTRY(way) dirty_link;
	bool is_shown;
	bool may_keep; /* shown may outlive a change until the new gateway is resolved */
	struct net_next_hop shown;
	char why[WHY_MAX];
};
TAILQ_HEAD(way_queue, way);

struct real {
	struct addr addr; /* the key of the tree; first, as in a search key */
	LIST_ENTRY(real) link;
	struct lookup lookup;
	bool is_looked_up;
	const char *host_why; /* constant; NULL: nothing against it */
	struct way *ways[TABLE_UPLINKS_MAX];
};

struct uplink {
	char name[16];
	bool is_watched, is_known, is_shown;
	struct net_uplink now, shown;
};

struct table {
	struct uplink uplinks[TABLE_UPLINKS_MAX];
	void *reals_by_addr, *gateways_by_key; /* tsearch trees */
	LIST_HEAD(, real) reals;
	LIST_HEAD(, gateway) gateways;
	struct lookup_queue queue;
	struct way_queue dirty;
};

#define OWNER_OF(lookup_, type) ((type *)(void *)((char *)(lookup_)-offsetof(type, lookup)))

static int real_cmp(const void *a, const void *b)
{
	const struct real *x = a, *y = b;

	return addr_cmp(&x->addr, &y->addr);
}

static int gateway_cmp(const void *a, const void *b)
{
	const struct gateway *x = a, *y = b;

	if (x->uplink != y->uplink)
		return x->uplink < y->uplink ? -1 : 1;
	return addr_cmp(&x->addr, &y->addr);
}

static struct real *real_find(const struct table *table, const struct addr *addr)
{
	const struct real key = { .addr = *addr };
	void *node = tfind(&key, &table->reals_by_addr, real_cmp);

	return node ? *(struct real **)node : NULL;
}

static struct gateway *gateway_find(const struct table *table, uint32_t uplink,
				    const struct addr *addr)
{
	const struct gateway key = { .addr = *addr, .uplink = uplink };
	void *node = tfind(&key, &table->gateways_by_key, gateway_cmp);

	return node ? *(struct gateway **)node : NULL;
}

/* ---- queues ---- */

static void lookup_queue(struct table *table, struct lookup *lookup, enum lookup_kind kind)
{
	lookup->kind = kind;
	if (lookup->is_queued)
		return;
	lookup->is_queued = true;
	TAILQ_INSERT_TAIL(&table->queue, lookup, link);
}

static void lookup_drop(struct table *table, struct lookup *lookup)
{
	if (!lookup->is_queued)
		return;
	lookup->is_queued = false;
	TAILQ_REMOVE(&table->queue, lookup, link);
}

static void way_mark(struct table *table, struct way *way)
{
	if (way->is_dirty)
		return;
	way->is_dirty = true;
	TAILQ_INSERT_TAIL(&table->dirty, way, dirty_link);
}

static void gateway_mark_ways(struct table *table, struct gateway *gateway)
{
	struct way *way;

	LIST_FOREACH(way, &gateway->ways, gateway_link)
	way_mark(table, way);
}

/* ---- gateways ---- */

static bool uplink_is_usable(const struct uplink *uplink)
{
	return uplink->is_known && uplink->now.present && uplink->now.has_carrier;
}

static void gateway_free(struct table *table, struct gateway *gateway)
{
	assert(LIST_EMPTY(&gateway->ways));
	lookup_drop(table, &gateway->lookup);
	tdelete(gateway, &table->gateways_by_key, gateway_cmp);
	LIST_REMOVE(gateway, link);
	free(gateway);
}

static struct gateway *gateway_need(struct table *table, uint32_t uplink, const struct addr *addr)
{
	struct gateway *gateway = gateway_find(table, uplink, addr);

	if (gateway)
		return gateway;
	gateway = calloc(1, sizeof(*gateway));
	if (!gateway)
		return NULL;
	gateway->addr = *addr;
	gateway->uplink = uplink;
	if (!tsearch(gateway, &table->gateways_by_key, gateway_cmp)) {
		free(gateway);
		return NULL;
	}
	LIST_INSERT_HEAD(&table->gateways, gateway, link);
	LIST_INIT(&gateway->ways);
	lookup_queue(table, &gateway->lookup, LOOKUP_NEIGH);
	return gateway;
}

/* Nobody needs it: forget it, after telling the kernel where we had asked it to keep it. */
static void gateway_retire(struct table *table, struct gateway *gateway)
{
	const struct uplink *uplink = &table->uplinks[gateway->uplink];

	if (gateway->lookup.is_asked)
		return; /* the answer finds that nobody needs it */
	if (uplink->now.present && gateway->exists && gateway->is_managed && gateway->is_ours &&
	    !gateway->is_static)
		lookup_queue(table, &gateway->lookup, LOOKUP_RELEASE);
	else
		gateway_free(table, gateway);
}

static void way_leave_gateway(struct table *table, struct way *way)
{
	struct gateway *gateway = way->gateway;

	if (!gateway)
		return;
	way->gateway = NULL;
	LIST_REMOVE(way, gateway_link);
	if (LIST_EMPTY(&gateway->ways))
		gateway_retire(table, gateway);
}

static void way_join_gateway(struct table *table, struct way *way, struct gateway *gateway)
{
	if (way->gateway == gateway)
		return;
	way_leave_gateway(table, way);
	/* It may have been on its way out. */
	if (gateway->lookup.is_queued && gateway->lookup.kind == LOOKUP_RELEASE)
		gateway->lookup.kind = LOOKUP_NEIGH;
	way->gateway = gateway;
	LIST_INSERT_HEAD(&gateway->ways, way, gateway_link);
}

static void gateway_move(struct table *table, struct gateway *gateway, enum gateway_state state,
			 usec_t now)
{
	if (state == GATEWAY_RESOLVING && gateway->state != GATEWAY_RESOLVING)
		gateway->resolving_since = now;
	gateway->state = state;
	gateway_mark_ways(table, gateway);
}

static enum gateway_state neigh_gateway_state(const struct wire_neigh *neigh)
{
	const unsigned valid =
		NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE | NUD_PROBE | NUD_STALE | NUD_DELAY;

	if (neigh->state & NUD_FAILED)
		return GATEWAY_FAILED;
	return (neigh->state & valid) && neigh->has_mac ? GATEWAY_RESOLVED : GATEWAY_RESOLVING;
}

/* Take over what the kernel holds; neigh NULL: no entry. */
static void gateway_update(struct table *table, struct gateway *gateway,
			   const struct wire_neigh *neigh, usec_t now)
{
	gateway->exists = neigh != NULL;
	gateway->is_static = neigh && (neigh->state & (NUD_PERMANENT | NUD_NOARP));
	gateway->is_managed = neigh && neigh->is_managed;
	gateway->is_ours = neigh && neigh->protocol == WIRE_NEIGH_PROTOCOL;
	if (neigh && neigh->has_mac)
		memcpy(gateway->mac, neigh->mac, sizeof(gateway->mac));
	gateway_move(table, gateway, neigh ? neigh_gateway_state(neigh) : GATEWAY_RESOLVING, now);
}

static bool gateway_wants_touch(const struct gateway *gateway, usec_t now)
{
	if (gateway->is_static)
		return false;
	if (!gateway->exists || gateway->state != GATEWAY_RESOLVED)
		return !gateway->touched_at || now >= gateway->touched_at + TOUCH_PAUSE;
	if (gateway->is_managed)
		return false;
	return !gateway->touched_at || now >= gateway->touched_at + KEEP_ALIVE;
}

/* Right after the kernel told how the entry stands: the only moment it may be touched. */
static void gateway_review(struct table *table, struct gateway *gateway, usec_t now)
{
	if (!uplink_is_usable(&table->uplinks[gateway->uplink]) ||
	    !gateway_wants_touch(gateway, now))
		return;
	gateway->touched_at = now;
	lookup_queue(table, &gateway->lookup, gateway->exists ? LOOKUP_MANAGE : LOOKUP_CREATE);
}

/* ---- ways and reals ---- */

static void way_free(struct table *table, struct way *way)
{
	if (!way)
		return;
	lookup_drop(table, &way->lookup);
	way_leave_gateway(table, way);
	if (way->is_dirty)
		TAILQ_REMOVE(&table->dirty, way, dirty_link);
	free(way);
}

static int way_new(struct table *table, struct real *real, uint32_t uplink)
{
	struct way *way = calloc(1, sizeof(*way));

	if (!way)
		return -ENOMEM;
	way->real = real;
	way->uplink = uplink;
	real->ways[uplink] = way;
	lookup_queue(table, &way->lookup, LOOKUP_WAY);
	way_mark(table, way);
	return 0;
}

static void real_free(struct table *table, struct real *real)
{
	lookup_drop(table, &real->lookup);
	for (uint32_t i = 0; i < TABLE_UPLINKS_MAX; i++)
		way_free(table, real->ways[i]);
	tdelete(real, &table->reals_by_addr, real_cmp);
	LIST_REMOVE(real, link);
	free(real);
}

int table_add_real(struct table *table, const struct addr *addr)
{
	struct real *real;

	if (real_find(table, addr))
		return 0;
	real = calloc(1, sizeof(*real));
	if (!real)
		return -ENOMEM;
	real->addr = *addr;
	if (!tsearch(real, &table->reals_by_addr, real_cmp)) {
		free(real);
		return -ENOMEM;
	}
	LIST_INSERT_HEAD(&table->reals, real, link);
	lookup_queue(table, &real->lookup, LOOKUP_HOST);
	for (uint32_t i = 0; i < TABLE_UPLINKS_MAX; i++) {
		if (table->uplinks[i].is_watched && way_new(table, real, i) < 0) {
			real_free(table, real);
			return -ENOMEM;
		}
	}
	return 0;
}

void table_del_real(struct table *table, const struct addr *addr)
{
	struct real *real = real_find(table, addr);

	if (real)
		real_free(table, real);
}

int table_add_uplink(struct table *table, uint32_t index, const char *name)
{
	struct uplink *uplink;
	struct real *real;

	if (index >= TABLE_UPLINKS_MAX)
		return -ENOSPC;
	uplink = &table->uplinks[index];
	if (uplink->is_watched)
		return strcmp(uplink->name, name) == 0 ? 0 : -EEXIST;

	snprintf(uplink->name, sizeof(uplink->name), "%s", name);
	uplink->is_watched = true;
	uplink->now = (struct net_uplink){ .index = index, .name = uplink->name };
	LIST_FOREACH(real, &table->reals, link)
	if (way_new(table, real, index) < 0)
		return -ENOMEM;
	return 0;
}

const char *table_uplink_name(const struct table *table, uint32_t index)
{
	if (index >= TABLE_UPLINKS_MAX || !table->uplinks[index].is_watched)
		return NULL;
	return table->uplinks[index].name;
}

struct table *table_new(void)
{
	struct table *table = calloc(1, sizeof(*table));

	if (!table)
		return NULL;
	LIST_INIT(&table->reals);
	LIST_INIT(&table->gateways);
	TAILQ_INIT(&table->queue);
	TAILQ_INIT(&table->dirty);
	return table;
}

void table_free(struct table *table)
{
	if (!table)
		return;
	while (!LIST_EMPTY(&table->reals))
		real_free(table, LIST_FIRST(&table->reals));
	while (!LIST_EMPTY(&table->gateways))
		gateway_free(table, LIST_FIRST(&table->gateways));
	free(table);
}

/* ---- uplinks ---- */

/* Ask again for everything that depends on this uplink. */
static void uplink_stale(struct table *table, uint32_t index)
{
	struct gateway *gateway;
	struct real *real;

	LIST_FOREACH(real, &table->reals, link)
	if (real->ways[index])
		lookup_queue(table, &real->ways[index]->lookup, LOOKUP_WAY);
	LIST_FOREACH(gateway, &table->gateways, link)
	if (gateway->uplink == index && !LIST_EMPTY(&gateway->ways))
		lookup_queue(table, &gateway->lookup, LOOKUP_NEIGH);
}

static void uplink_mark_ways(struct table *table, uint32_t index)
{
	struct real *real;

	LIST_FOREACH(real, &table->reals, link)
	if (real->ways[index])
		way_mark(table, real->ways[index]);
}

/* Another interface now, or none: its routes and neighbours went with it. */
static void uplink_forget_ways(struct table *table, uint32_t index)
{
	struct real *real;

	LIST_FOREACH(real, &table->reals, link)
	{
		struct way *way = real->ways[index];

		if (!way)
			continue;
		way_leave_gateway(table, way);
		way->is_looked_up = false;
		way->may_keep = false;
	}
}

static void uplink_vanish(struct table *table, uint32_t index)
{
	struct uplink *uplink = &table->uplinks[index];

	if (uplink->is_known && !uplink->now.present)
		return;
	uplink->is_known = true;
	uplink->now = (struct net_uplink){ .index = index, .name = uplink->name };
	uplink_forget_ways(table, index);
	uplink_mark_ways(table, index);
}

static void uplink_update(struct table *table, uint32_t index, const struct wire_link *link)
{
	struct uplink *uplink = &table->uplinks[index];
	struct net_uplink *now = &uplink->now;
	bool was_known = uplink->is_known;
	bool was_usable = uplink_is_usable(uplink);

	if (now->present && now->ifindex != link->ifindex) {
		uplink_vanish(table, index);
		was_usable = false;
	}
	uplink->is_known = true;
	now->present = true;
	now->ifindex = link->ifindex;
	memcpy(now->mac, link->mac, sizeof(now->mac));
	now->has_carrier = link->has_carrier;
	now->mtu_bytes = link->mtu_bytes;
	now->xdp_prog_id = link->xdp_prog_id;
	if (!was_known || was_usable != uplink_is_usable(uplink)) {
		uplink_mark_ways(table, index);
		uplink_stale(table, index);
	}
}

void table_link(struct table *table, const struct wire_link *link)
{
	for (uint32_t i = 0; i < TABLE_UPLINKS_MAX; i++) {
		struct uplink *uplink = &table->uplinks[i];
		bool is_same, is_named;

		if (!uplink->is_watched)
			continue;
		is_same = uplink->now.present && uplink->now.ifindex == link->ifindex;
		is_named = strcmp(uplink->name, link->name) == 0;
		if (is_same && (link->is_gone || !is_named))
			uplink_vanish(table, i);
		else if (is_named && !link->is_gone)
			uplink_update(table, i, link);
	}
}

void table_no_link(struct table *table, uint32_t uplink)
{
	uplink_vanish(table, uplink);
}

bool table_is_uplink(const struct table *table, uint32_t ifindex)
{
	for (uint32_t i = 0; i < TABLE_UPLINKS_MAX; i++)
		if (table->uplinks[i].is_watched && table->uplinks[i].now.present &&
		    table->uplinks[i].now.ifindex == ifindex)
			return true;
	return false;
}

/* The source address of a family on an interface: the one it has while that exists, else the
 * first. */
static bool addrs_pick(const struct wire_addr *addrs, size_t n, uint32_t ifindex, int family,
		       const struct addr *had, struct addr *ret)
{
	bool found = false;

	for (size_t i = 0; i < n; i++) {
		const struct wire_addr *addr = &addrs[i];

		if (addr->ifindex != ifindex || !addr->is_source ||
		    addr_family(&addr->addr) != family)
			continue;
		if (had && addr_eq(had, &addr->addr)) {
			*ret = addr->addr;
			return true;
		}
		if (!found)
			*ret = addr->addr;
		found = true;
	}
	return found;
}

void table_addrs(struct table *table, const struct wire_addr *addrs, size_t n)
{
	for (uint32_t i = 0; i < TABLE_UPLINKS_MAX; i++) {
		struct net_uplink *now = &table->uplinks[i].now;
		struct addr had4 = now->addr4, had6 = now->addr6;

		if (!table->uplinks[i].is_watched || !now->present)
			continue;
		now->addr4 = now->addr6 = (struct addr){ 0 };
		now->has_addr4 = addrs_pick(addrs, n, now->ifindex, AF_INET,
					    now->has_addr4 ? &had4 : NULL, &now->addr4);
		now->has_addr6 = addrs_pick(addrs, n, now->ifindex, AF_INET6,
					    now->has_addr6 ? &had6 : NULL, &now->addr6);
	}
}

void table_neigh(struct table *table, const struct wire_neigh *neigh, usec_t now)
{
	for (uint32_t i = 0; i < TABLE_UPLINKS_MAX; i++) {
		const struct uplink *uplink = &table->uplinks[i];
		struct gateway *gateway;

		if (!uplink->now.present || uplink->now.ifindex != neigh->ifindex)
			continue;
		gateway = gateway_find(table, i, &neigh->addr);
		if (!gateway || LIST_EMPTY(&gateway->ways))
			continue;
		gateway_update(table, gateway, neigh->is_gone ? NULL : neigh, now);
		/* An event may be old: what to do about it is decided on a fresh answer. */
		if (gateway_wants_touch(gateway, now))
			lookup_queue(table, &gateway->lookup, LOOKUP_NEIGH);
	}
}

/* ---- asking ---- */

void table_stale_routes(struct table *table)
{
	struct real *real;

	LIST_FOREACH(real, &table->reals, link)
	{
		lookup_queue(table, &real->lookup, LOOKUP_HOST);
		for (uint32_t i = 0; i < TABLE_UPLINKS_MAX; i++)
			if (real->ways[i])
				lookup_queue(table, &real->ways[i]->lookup, LOOKUP_WAY);
	}
}

void table_stale_neighbours(struct table *table)
{
	struct gateway *gateway;

	LIST_FOREACH(gateway, &table->gateways, link)
	if (!LIST_EMPTY(&gateway->ways))
		lookup_queue(table, &gateway->lookup, LOOKUP_NEIGH);
}

void table_tick(struct table *table, usec_t now)
{
	struct gateway *gateway;

	LIST_FOREACH(gateway, &table->gateways, link)
	{
		if (LIST_EMPTY(&gateway->ways))
			continue;
		if (gateway->state == GATEWAY_RESOLVING)
			gateway_mark_ways(table, gateway); /* the grace may be over */
		if (gateway_wants_touch(gateway, now))
			lookup_queue(table, &gateway->lookup, LOOKUP_NEIGH);
	}
}

bool table_has_lookups(const struct table *table)
{
	return !TAILQ_EMPTY(&table->queue);
}

static void lookup_query(const struct table *table, struct lookup *lookup, struct lookup_query *ret)
{
	uint32_t uplink = NO_UPLINK;

	ret->kind = lookup->kind;
	switch (lookup->kind) {
	case LOOKUP_HOST:
		ret->addr = OWNER_OF(lookup, struct real)->addr;
		break;
	case LOOKUP_WAY:
		ret->addr = OWNER_OF(lookup, struct way)->real->addr;
		uplink = OWNER_OF(lookup, struct way)->uplink;
		break;
	case LOOKUP_NEIGH:
	case LOOKUP_CREATE:
	case LOOKUP_MANAGE:
	case LOOKUP_RELEASE:
		ret->addr = OWNER_OF(lookup, struct gateway)->addr;
		uplink = OWNER_OF(lookup, struct gateway)->uplink;
		break;
	}
	ret->ifindex = uplink == NO_UPLINK ? 0 : table->uplinks[uplink].now.ifindex;
}

/* Whether the question makes sense now: over an absent or downed uplink nothing is asked. */
static bool lookup_is_due(const struct table *table, struct lookup *lookup)
{
	if (lookup->kind == LOOKUP_HOST)
		return true;
	if (lookup->kind == LOOKUP_WAY)
		return uplink_is_usable(&table->uplinks[OWNER_OF(lookup, struct way)->uplink]);
	return uplink_is_usable(&table->uplinks[OWNER_OF(lookup, struct gateway)->uplink]);
}

struct lookup *table_take_lookup(struct table *table, struct lookup_query *ret)
{
	struct lookup *lookup;

	while ((lookup = TAILQ_FIRST(&table->queue))) {
		lookup_drop(table, lookup);
		if (lookup_is_due(table, lookup)) {
			lookup_query(table, lookup, ret);
			lookup->is_asked = true;
			lookup->asked = lookup->kind;
			return lookup;
		}
		/* It is queued anew when the uplink is back; an unneeded gateway is not. */
		if (lookup->kind != LOOKUP_HOST && lookup->kind != LOOKUP_WAY &&
		    LIST_EMPTY(&OWNER_OF(lookup, struct gateway)->ways))
			gateway_free(table, OWNER_OF(lookup, struct gateway));
	}
	return NULL;
}

void table_requeue(struct table *table, struct lookup *lookup)
{
	enum lookup_kind kind = lookup->asked;

	lookup->is_asked = false;
	/* What was touched or not is unknown: look before touching again. */
	if (kind == LOOKUP_CREATE || kind == LOOKUP_MANAGE)
		kind = LOOKUP_NEIGH;
	if (!lookup->is_queued)
		lookup_queue(table, lookup, kind);
}

/* ---- answers ---- */

static const char *route_type_why(uint8_t type)
{
	switch (type) {
	case RTN_LOCAL:
		return "an address of this host";
	case RTN_BROADCAST:
	case RTN_ANYCAST:
	case RTN_MULTICAST:
		return "not the address of one host";
	case RTN_BLACKHOLE:
		return "route is a blackhole";
	case RTN_UNREACHABLE:
		return "route says unreachable";
	case RTN_PROHIBIT:
		return "route prohibits it";
	default:
		return NULL;
	}
}

static const char *route_error_why(int error)
{
	switch (error) {
	case -EINVAL:
		return "route is a blackhole";
	case -EHOSTUNREACH:
		return "route says unreachable";
	case -EACCES:
		return "route prohibits it";
	default:
		return "no route";
	}
}

static void real_answer(struct table *table, struct real *real, const struct wire_route *route,
			int error)
{
	const char *why;

	if (route)
		why = route_type_why(route->type);
	else /* no route at all is for each uplink to say */
		why = error == -ENETUNREACH ? NULL : route_error_why(error);
	real->host_why = why;
	real->is_looked_up = true;
	for (uint32_t i = 0; i < TABLE_UPLINKS_MAX; i++)
		if (real->ways[i])
			way_mark(table, real->ways[i]);
}

static const char *way_route_why(const struct table *table, const struct way *way,
				 const struct wire_route *route, int error)
{
	if (!route)
		return route_error_why(error);
	if (route_type_why(route->type))
		return route_type_why(route->type);
	if (route->table == RT_TABLE_UNSPEC && addr_is_ipv4(&way->real->addr))
		return "no route";
	if (route->ifindex != table->uplinks[way->uplink].now.ifindex)
		return "no route over this uplink";
	return NULL;
}

static void way_answer(struct table *table, struct way *way, const struct wire_route *route,
		       int error)
{
	struct gateway *gateway;

	way->is_looked_up = true;
	way_mark(table, way);
	way->route_why = way_route_why(table, way, route, error);
	if (way->route_why || !route) {
		way_leave_gateway(table, way);
		return;
	}
	way->is_onlink = !route->has_gateway;
	gateway = gateway_need(table, way->uplink,
			       route->has_gateway ? &route->gateway : &way->real->addr);
	if (gateway) {
		way_join_gateway(table, way, gateway);
	} else {
		way_leave_gateway(table, way);
		way->route_why = "out of memory";
	}
}

void table_answer_route(struct table *table, struct lookup *lookup, const struct wire_route *route,
			int error)
{
	lookup->is_asked = false;
	if (lookup->asked == LOOKUP_HOST)
		real_answer(table, OWNER_OF(lookup, struct real), route, error);
	else
		way_answer(table, OWNER_OF(lookup, struct way), route, error);
}

void table_answer_neigh(struct table *table, struct lookup *lookup, const struct wire_neigh *neigh,
			int error, usec_t now)
{
	struct gateway *gateway = OWNER_OF(lookup, struct gateway);

	lookup->is_asked = false;
	if (lookup->asked == LOOKUP_NEIGH)
		gateway_update(table, gateway, neigh, now);
	if (LIST_EMPTY(&gateway->ways)) {
		/* Nobody needs it any more; what was just managed is looked at first. */
		if (lookup->asked == LOOKUP_RELEASE || error)
			gateway_free(table, gateway);
		else if (lookup->asked == LOOKUP_NEIGH)
			gateway_retire(table, gateway);
		else
			lookup_queue(table, &gateway->lookup, LOOKUP_NEIGH);
	} else if (lookup->asked == LOOKUP_NEIGH) {
		gateway_review(table, gateway, now);
	} else if (error == -EEXIST || lookup->asked == LOOKUP_RELEASE) {
		gateway->touched_at = 0;
		lookup_queue(table, &gateway->lookup, LOOKUP_NEIGH);
	}
}

/* ---- telling ---- */

static bool uplink_differs(const struct net_uplink *a, const struct net_uplink *b)
{
	return a->present != b->present || a->ifindex != b->ifindex ||
	       memcmp(a->mac, b->mac, sizeof(a->mac)) != 0 || a->has_carrier != b->has_carrier ||
	       a->mtu_bytes != b->mtu_bytes || a->xdp_prog_id != b->xdp_prog_id ||
	       a->has_addr4 != b->has_addr4 || a->has_addr6 != b->has_addr6 ||
	       !addr_eq(&a->addr4, &b->addr4) || !addr_eq(&a->addr6, &b->addr6);
}

static void uplinks_flush(struct table *table, const struct net_callbacks *callbacks)
{
	for (uint32_t i = 0; i < TABLE_UPLINKS_MAX; i++) {
		struct uplink *uplink = &table->uplinks[i];

		if (!uplink->is_known ||
		    (uplink->is_shown && !uplink_differs(&uplink->shown, &uplink->now)))
			continue;
		uplink->shown = uplink->now;
		uplink->is_shown = true;
		callbacks->uplink(&uplink->shown, callbacks->arg);
	}
}

enum verdict { VERDICT_WAIT, VERDICT_USABLE, VERDICT_UNUSABLE };

/* What stands against the way apart from its neighbour; NULL: nothing. *ret_wait when unknown. */
static const char *way_obstacle(const struct table *table, const struct way *way, bool *ret_wait)
{
	const struct uplink *uplink = &table->uplinks[way->uplink];

	*ret_wait = !uplink->is_known;
	if (*ret_wait)
		return NULL;
	if (!uplink->now.present)
		return "uplink is absent";
	if (!uplink->now.has_carrier)
		return "uplink is down";
	*ret_wait = !way->real->is_looked_up || !way->is_looked_up;
	if (*ret_wait)
		return NULL;
	return way->real->host_why ? way->real->host_why : way->route_why;
}

static enum verdict way_judge(const struct table *table, const struct way *way, char why[WHY_MAX],
			      usec_t now)
{
	const struct gateway *gateway = way->gateway;
	bool wait;
	const char *obstacle = way_obstacle(table, way, &wait);

	if (wait || (!obstacle && gateway->state == GATEWAY_UNKNOWN))
		return VERDICT_WAIT;
	if (obstacle) {
		snprintf(why, WHY_MAX, "%s", obstacle);
		return VERDICT_UNUSABLE;
	}
	if (gateway->state == GATEWAY_RESOLVED)
		return VERDICT_USABLE;
	if (gateway->state == GATEWAY_RESOLVING && way->is_shown && way->shown.usable &&
	    way->may_keep && now < gateway->resolving_since + RESOLVE_GRACE)
		return VERDICT_WAIT;
	snprintf(why, WHY_MAX, "%s %s unresolved", way->is_onlink ? "neighbour" : "gateway",
		 ADDR_STR(&gateway->addr));
	return VERDICT_UNUSABLE;
}

static void way_flush(struct table *table, struct way *way, const struct net_callbacks *callbacks,
		      usec_t now)
{
	struct net_next_hop hop = { .uplink = way->uplink, .real = way->real->addr };
	char why[WHY_MAX] = "";
	enum verdict verdict = way_judge(table, way, why, now);

	if (verdict == VERDICT_WAIT)
		return;
	hop.usable = verdict == VERDICT_USABLE;
	if (hop.usable)
		memcpy(hop.mac, way->gateway->mac, sizeof(hop.mac));
	way->may_keep = hop.usable;
	if (way->is_shown && way->shown.usable == hop.usable && strcmp(way->why, why) == 0 &&
	    memcmp(way->shown.mac, hop.mac, sizeof(hop.mac)) == 0)
		return;
	memcpy(way->why, why, sizeof(why));
	hop.why = hop.usable ? NULL : way->why;
	way->shown = hop;
	way->is_shown = true;
	callbacks->next_hop(&way->shown, callbacks->arg);
}

void table_flush(struct table *table, const struct net_callbacks *callbacks, usec_t now)
{
	struct way *way;

	uplinks_flush(table, callbacks);
	/* A callback may unwatch the real it is told of: the way is not touched after it. */
	while ((way = TAILQ_FIRST(&table->dirty))) {
		TAILQ_REMOVE(&table->dirty, way, dirty_link);
		way->is_dirty = false;
		way_flush(table, way, callbacks, now);
	}
}

const struct net_uplink *table_uplink(const struct table *table, uint32_t index)
{
	if (index >= TABLE_UPLINKS_MAX || !table->uplinks[index].is_known)
		return NULL;
	return &table->uplinks[index].now;
}

const struct net_next_hop *table_next_hop(const struct table *table, uint32_t uplink,
					  const struct addr *addr)
{
	const struct real *real = real_find(table, addr);

	if (!real || uplink >= TABLE_UPLINKS_MAX || !real->ways[uplink] ||
	    !real->ways[uplink]->is_shown)
		return NULL;
	return &real->ways[uplink]->shown;
}
