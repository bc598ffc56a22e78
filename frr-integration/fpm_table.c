/* SPDX-License-Identifier: Apache-2.0 */
/* fpm_table.c - see fpm_table.h. */
#include "frr-integration/fpm_table.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <linux/rtnetlink.h>

#define LENGTHS 129

/* A next hop or a group of them; the number is the key and stands first, as in a search key. */
struct next_hop {
	uint32_t id;
	uint32_t epoch;
	LIST_ENTRY(next_hop) link;
	bool is_cut;
	unsigned n_hops, n_members;
	union {
		struct fpm_hop hop;           /* n_hops is 0 or 1 */
		struct fpm_member members[1]; /* n_members of them */
	};
};

struct node {
	struct prefix prefix; /* the key; first, as in a search key */
	struct fpm_route *route;
	LIST_ENTRY(node) link;
};

struct fpm_table {
	struct fpm_interest interest;
	void *routes_by_prefix, *hops_by_id; /* tsearch trees */
	LIST_HEAD(, node) routes;
	LIST_HEAD(, next_hop) hops;
	size_t by_length[2][LENGTHS]; /* how many routes of a family have that length */
	uint32_t epoch;
	bool is_short, is_swept; /* since the last begin */
	struct fpm_table_stats stats;
};

/* ---- interest ---- */

static int compare_addrs(const void *a, const void *b)
{
	return addr_cmp(a, b);
}

void fpm_interest_sort(struct fpm_interest *interest)
{
	size_t n = 0;

	if (interest->n_addrs == 0)
		return;
	qsort(interest->addrs, interest->n_addrs, sizeof(*interest->addrs), compare_addrs);
	for (size_t i = 0; i < interest->n_addrs; i++)
		if (n == 0 || !addr_eq(&interest->addrs[n - 1], &interest->addrs[i]))
			interest->addrs[n++] = interest->addrs[i];
	interest->n_addrs = n;
}

void fpm_interest_fini(struct fpm_interest *interest)
{
	free(interest->addrs);
	free(interest->ranges);
	*interest = (struct fpm_interest){ 0 };
}

/* The addresses inside a prefix follow its own in their order. */
static bool leads_to_addr(const struct fpm_interest *interest, const struct prefix *prefix)
{
	size_t from = 0, to = interest->n_addrs;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (addr_cmp(&interest->addrs[middle], &prefix->addr) < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return from < interest->n_addrs && prefix_has_addr(prefix, &interest->addrs[from]);
}

static bool touches_range(const struct fpm_interest *interest, const struct prefix *prefix)
{
	for (size_t i = 0; i < interest->n_ranges; i++)
		if (prefix_has_prefix(&interest->ranges[i], prefix) ||
		    prefix_has_prefix(prefix, &interest->ranges[i]))
			return true;
	return false;
}

static bool is_wanted(const struct fpm_interest *interest, const struct prefix *prefix)
{
	return touches_range(interest, prefix) || leads_to_addr(interest, prefix);
}

static bool contains_prefix(const struct fpm_interest *interest, const struct prefix *prefix)
{
	for (size_t i = 0; i < interest->n_ranges; i++)
		if (prefix_has_prefix(&interest->ranges[i], prefix))
			return true;
	return false;
}

static bool contains_addr(const struct fpm_interest *interest, const struct addr *addr)
{
	const struct prefix host = { .addr = *addr, .len = addr_is_ipv4(addr) ? 32 : 128 };

	return contains_prefix(interest, &host) ||
	       (interest->n_addrs &&
		bsearch(addr, interest->addrs, interest->n_addrs, sizeof(*addr), compare_addrs));
}

bool fpm_interest_contains(const struct fpm_interest *outer, const struct fpm_interest *inner)
{
	for (size_t i = 0; i < inner->n_ranges; i++)
		if (!contains_prefix(outer, &inner->ranges[i]))
			return false;
	for (size_t i = 0; i < inner->n_addrs; i++)
		if (!contains_addr(outer, &inner->addrs[i]))
			return false;
	return true;
}

/* ---- room ---- */

#define OVERHEAD 96 /* of malloc and tsearch, about */

static size_t route_bytes(unsigned n_hops)
{
	return OVERHEAD + sizeof(struct node) + sizeof(struct fpm_route) +
	       n_hops * sizeof(struct fpm_hop);
}

static size_t next_hop_bytes(unsigned n_members)
{
	return OVERHEAD + sizeof(struct next_hop) + n_members * sizeof(struct fpm_member);
}

static bool has_room(const struct fpm_table *table, size_t bytes)
{
	return table->stats.n_bytes + bytes <= FPM_TABLE_BYTES_MAX;
}

/* What is from before the last begin gives way to what is told now. */
static bool make_room(struct fpm_table *table, size_t bytes)
{
	if (!has_room(table, bytes) && !table->is_swept)
		fpm_table_sweep(table);
	return has_room(table, bytes);
}

static void note_no_room(struct fpm_table *table)
{
	table->stats.no_room++;
	table->is_short = true;
}

/* ---- routes ---- */

static int compare_nodes(const void *a, const void *b)
{
	const struct node *x = a, *y = b;

	return prefix_cmp(&x->prefix, &y->prefix);
}

static struct node *find_node(const struct fpm_table *table, const struct prefix *prefix)
{
	const struct node key = { .prefix = *prefix };
	void *found = tfind(&key, &table->routes_by_prefix, compare_nodes);

	return found ? *(struct node **)found : NULL;
}

static size_t *length_count(struct fpm_table *table, const struct prefix *prefix)
{
	return &table->by_length[addr_is_ipv4(&prefix->addr)][prefix->len];
}

static void free_node(struct fpm_table *table, struct node *node)
{
	tdelete(node, &table->routes_by_prefix, compare_nodes);
	LIST_REMOVE(node, link);
	(*length_count(table, &node->prefix))--;
	table->stats.n_routes--;
	table->stats.n_stale -= node->route->is_stale;
	table->stats.n_bytes -= route_bytes(node->route->n_hops);
	free(node->route);
	free(node);
}

static struct node *add_node(struct fpm_table *table, const struct prefix *prefix)
{
	struct node *node = calloc(1, sizeof(*node));

	if (!node)
		return NULL;
	node->prefix = *prefix;
	if (!tsearch(node, &table->routes_by_prefix, compare_nodes)) {
		free(node);
		return NULL;
	}
	LIST_INSERT_HEAD(&table->routes, node, link);
	(*length_count(table, prefix))++;
	table->stats.n_routes++;
	return node;
}

static bool hops_equal(const struct fpm_hop *a, const struct fpm_hop *b, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (a[i].ifindex != b[i].ifindex || a[i].weight != b[i].weight ||
		    a[i].has_gateway != b[i].has_gateway ||
		    (a[i].has_gateway && !addr_eq(&a[i].gateway, &b[i].gateway)))
			return false;
	return true;
}

static bool is_same_route(const struct fpm_route *route, const struct fpm_message *message)
{
	return route->protocol == message->protocol && route->type == message->type &&
	       route->id == message->id && route->is_cut == message->is_cut &&
	       route->n_hops == message->n_hops &&
	       hops_equal(route->hops, message->hops, route->n_hops);
}

struct fpm_route *fpm_route_make(const struct fpm_message *message, usec_t now)
{
	struct fpm_route *route =
		malloc(sizeof(*route) + message->n_hops * sizeof(message->hops[0]));

	if (!route)
		return NULL;
	*route = (struct fpm_route){ .prefix = message->prefix,
				     .protocol = message->protocol,
				     .type = message->type,
				     .id = message->id,
				     .since = now,
				     .is_cut = message->is_cut,
				     .n_hops = message->n_hops };
	memcpy(route->hops, message->hops, message->n_hops * sizeof(message->hops[0]));
	return route;
}

static void mark_fresh(struct fpm_table *table, struct fpm_route *route)
{
	table->stats.n_stale -= route->is_stale;
	route->is_stale = false;
}

/* A route that changed; without room for it the former one is no truth any more either. */
static void put_route(struct fpm_table *table, struct node *node, const struct fpm_message *message,
		      usec_t now)
{
	struct fpm_route *route = NULL;

	if (node)
		free_node(table, node);
	if (make_room(table, route_bytes(message->n_hops)))
		route = fpm_route_make(message, now);
	node = route ? add_node(table, &message->prefix) : NULL;
	if (!node) {
		free(route);
		note_no_room(table);
		return;
	}
	node->route = route;
	table->stats.n_bytes += route_bytes(route->n_hops);
}

static void set_route(struct fpm_table *table, const struct fpm_message *message, usec_t now)
{
	struct node *node = find_node(table, &message->prefix);

	if (node && is_same_route(node->route, message))
		mark_fresh(table, node->route);
	else
		put_route(table, node, message, now);
}

static void take_route(struct fpm_table *table, const struct fpm_message *message, usec_t now)
{
	struct node *node;

	/* Other tables are of rules and VRFs that no packet of ours follows. */
	if ((message->table != RT_TABLE_MAIN && message->table != RT_TABLE_UNSPEC) ||
	    !is_wanted(&table->interest, &message->prefix)) {
		table->stats.routes_passed++;
		return;
	}
	if (message->kind == FPM_ROUTE_SET) {
		set_route(table, message, now);
		return;
	}
	node = find_node(table, &message->prefix);
	if (node)
		free_node(table, node);
}

static struct prefix prefix_of(const struct addr *addr, unsigned len)
{
	struct prefix prefix = { .addr = *addr, .len = (uint8_t)len };
	unsigned first = addr_is_ipv4(addr) ? 96 + len : len;

	for (unsigned i = first / 8; i < 16; i++) {
		unsigned keep = i == first / 8 ? first % 8 : 0;

		prefix.addr.bytes[i] &= (uint8_t)(0xff00U >> keep);
	}
	return prefix;
}

const struct fpm_route *fpm_table_find(const struct fpm_table *table, const struct addr *addr)
{
	bool is_ipv4 = addr_is_ipv4(addr);

	for (unsigned len = is_ipv4 ? 33 : LENGTHS; len-- > 0;) {
		struct prefix prefix;
		struct node *node;

		if (table->by_length[is_ipv4][len] == 0)
			continue;
		prefix = prefix_of(addr, len);
		node = find_node(table, &prefix);
		if (node)
			return node->route;
	}
	return NULL;
}

/* ---- next hops ---- */

static int compare_ids(const void *a, const void *b)
{
	const struct next_hop *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

static struct next_hop *find_next_hop(const struct fpm_table *table, uint32_t id)
{
	const struct next_hop key = { .id = id };
	void *found = tfind(&key, &table->hops_by_id, compare_ids);

	return found ? *(struct next_hop **)found : NULL;
}

static void free_next_hop(struct fpm_table *table, struct next_hop *hop)
{
	tdelete(hop, &table->hops_by_id, compare_ids);
	LIST_REMOVE(hop, link);
	table->stats.n_hops--;
	table->stats.n_bytes -= next_hop_bytes(hop->n_members);
	free(hop);
}

static struct next_hop *make_next_hop(const struct fpm_message *message)
{
	struct next_hop *hop = calloc(1, next_hop_bytes(message->n_members));

	if (!hop)
		return NULL;
	hop->id = message->id;
	hop->is_cut = message->is_cut;
	hop->n_hops = message->n_hops;
	hop->n_members = message->n_members;
	if (message->n_members)
		memcpy(hop->members, message->members,
		       message->n_members * sizeof(message->members[0]));
	else if (message->n_hops)
		hop->hop = message->hops[0];
	return hop;
}

static void set_next_hop(struct fpm_table *table, const struct fpm_message *message)
{
	struct next_hop *hop = find_next_hop(table, message->id);

	if (hop)
		free_next_hop(table, hop);
	hop = NULL;
	if (table->stats.n_hops == FPM_TABLE_HOPS_MAX && !table->is_swept)
		fpm_table_sweep(table);
	if (table->stats.n_hops < FPM_TABLE_HOPS_MAX &&
	    make_room(table, next_hop_bytes(message->n_members)))
		hop = make_next_hop(message);
	if (!hop || !tsearch(hop, &table->hops_by_id, compare_ids)) {
		free(hop);
		note_no_room(table);
		return;
	}
	hop->epoch = table->epoch;
	LIST_INSERT_HEAD(&table->hops, hop, link);
	table->stats.n_hops++;
	table->stats.n_bytes += next_hop_bytes(hop->n_members);
}

static void del_next_hop(struct fpm_table *table, const struct fpm_message *message)
{
	struct next_hop *hop = find_next_hop(table, message->id);

	if (hop)
		free_next_hop(table, hop);
}

/* A group's members are single next hops; a group inside a group is nothing zebra sends. */
static int group_hops(const struct fpm_table *table, const struct next_hop *group,
		      struct fpm_hop *hops, unsigned max)
{
	unsigned n = 0;

	for (unsigned i = 0; i < group->n_members; i++) {
		const struct next_hop *member = find_next_hop(table, group->members[i].id);

		if (!member || member->n_members || n == max)
			return -ENOENT;
		if (member->n_hops == 0) /* a blackhole */
			continue;
		hops[n] = member->hop;
		hops[n++].weight = group->members[i].weight;
	}
	return (int)n;
}

int fpm_table_hops(const struct fpm_table *table, const struct fpm_route *route,
		   struct fpm_hop *hops, unsigned max)
{
	const struct next_hop *hop;

	if (route->id == 0) {
		if (route->is_cut || route->n_hops > max)
			return -ENOENT;
		memcpy(hops, route->hops, route->n_hops * sizeof(*hops));
		return (int)route->n_hops;
	}
	hop = find_next_hop(table, route->id);
	if (!hop || hop->is_cut)
		return -ENOENT;
	if (hop->n_members)
		return group_hops(table, hop, hops, max);
	if (hop->n_hops > max)
		return -ENOENT;
	if (hop->n_hops)
		hops[0] = hop->hop;
	return (int)hop->n_hops;
}

/* ---- the table ---- */

struct fpm_table *fpm_table_new(void)
{
	struct fpm_table *table = calloc(1, sizeof(*table));

	if (!table)
		return NULL;
	LIST_INIT(&table->routes);
	LIST_INIT(&table->hops);
	return table;
}

void fpm_table_free(struct fpm_table *table)
{
	if (!table)
		return;
	while (!LIST_EMPTY(&table->routes))
		free_node(table, LIST_FIRST(&table->routes));
	while (!LIST_EMPTY(&table->hops))
		free_next_hop(table, LIST_FIRST(&table->hops));
	fpm_interest_fini(&table->interest);
	free(table);
}

/* Walk a list whose current member may be freed. */
#define FOREACH_SAFE(var, head, next)                                                              \
	for ((var) = LIST_FIRST(head); (var) && ((next) = LIST_NEXT(var, link), true);             \
	     (var) = (next))

void fpm_table_want(struct fpm_table *table, struct fpm_interest *interest)
{
	struct node *node, *next;

	fpm_interest_fini(&table->interest);
	table->interest = *interest;
	*interest = (struct fpm_interest){ 0 };
	FOREACH_SAFE(node, &table->routes, next)
	if (!is_wanted(&table->interest, &node->prefix))
		free_node(table, node);
}

const struct fpm_interest *fpm_table_interest(const struct fpm_table *table)
{
	return &table->interest;
}

void fpm_table_begin(struct fpm_table *table)
{
	struct node *node;

	table->epoch++;
	table->is_short = table->is_swept = false;
	LIST_FOREACH(node, &table->routes, link)
	node->route->is_stale = true;
	table->stats.n_stale = table->stats.n_routes;
}

size_t fpm_table_sweep(struct fpm_table *table)
{
	struct node *node, *next_node;
	struct next_hop *hop, *next_hop;
	size_t n = 0;

	table->is_swept = true;
	FOREACH_SAFE(node, &table->routes, next_node)
	{
		if (!node->route->is_stale)
			continue;
		free_node(table, node);
		n++;
	}
	FOREACH_SAFE(hop, &table->hops, next_hop)
	if (hop->epoch != table->epoch)
		free_next_hop(table, hop);
	return n;
}

void fpm_table_take(struct fpm_table *table, const struct fpm_message *message, usec_t now)
{
	switch (message->kind) {
	case FPM_ROUTE_SET:
	case FPM_ROUTE_DEL:
		take_route(table, message, now);
		break;
	case FPM_HOP_SET:
		set_next_hop(table, message);
		break;
	case FPM_HOP_DEL:
		del_next_hop(table, message);
		break;
	case FPM_OTHER:
		break;
	}
}

const struct fpm_table_stats *fpm_table_stats(const struct fpm_table *table)
{
	return &table->stats;
}

bool fpm_table_is_short(const struct fpm_table *table)
{
	return table->is_short;
}
