/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sources.c - rules by client address: source routes and drop lists.
 *
 * All services share two LPM tries, in which a rule's key begins with the service's counter, so
 * that rules survive a change of the service's record. Reading a trie back takes a system call a
 * rule; beside them stands what we wrote, read from them once at open. A change adds what is new,
 * then the service's record is published, then what is old goes: at no moment is a client that
 * both lists name without its rule.
 */
#include "src/dataplane/internal.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/auto.h"
#include "src/dataplane/lb_skel.h"

#define KEY_LEN(prefix_len) (32 + (prefix_len))

/* ---- lists ---- */

static int rule_cmp(const void *a_, const void *b_)
{
	const struct source_rule *a = a_, *b = b_;

	return memcmp(&a->key, &b->key, sizeof(a->key));
}

static const struct source_rule *rule_find(const struct source_list *list,
					   const struct source_rule *rule)
{
	return list->n ? bsearch(rule, list->rules, list->n, sizeof(*rule), rule_cmp) : NULL;
}

/* Sort, and drop what is there twice. */
static void list_sort(struct source_list *list)
{
	size_t kept = 0;

	if (list->n)
		qsort(list->rules, list->n, sizeof(*list->rules), rule_cmp);
	for (size_t i = 0; i < list->n; i++) {
		if (kept == 0 || rule_cmp(&list->rules[kept - 1], &list->rules[i]) != 0)
			list->rules[kept++] = list->rules[i];
	}
	list->n = kept;
}

static bool list_equal(const struct source_list *a, const struct source_list *b)
{
	return a->n == b->n && (!a->n || !memcmp(a->rules, b->rules, a->n * sizeof(*a->rules)));
}

static struct source_rule make_rule(uint16_t counter, const struct prefix *prefix, uint32_t real)
{
	uint32_t len = addr_is_ipv4(&prefix->addr) ? 96U + prefix->len : prefix->len;
	struct source_rule rule = { .key = { .len = KEY_LEN(len), .service = htonl(counter) },
				    .real = real };

	words_from_addr(rule.key.addr, &prefix->addr);
	return rule;
}

void source_lists_fini(struct source_lists *lists)
{
	free(lists->routes.rules);
	free(lists->drops.rules);
	*lists = (struct source_lists){ 0 };
}

static int make_route(const struct dataplane *dp, uint16_t counter,
		      const struct dataplane_service *service, size_t i, struct source_rule *ret,
		      struct err *err)
{
	const struct config_source_route *route = &service->source_routes[i];
	const struct addr *addr = &service->reals[route->real].addr;
	uint16_t real = dataplane_real_index(dp, addr);

	if (!real)
		return err_set(err, -EINVAL, "source route of %s: real %s is not programmed",
			       PREFIX_STR(&route->source), ADDR_STR(addr));
	*ret = make_rule(counter, &route->source, real);
	return 0;
}

int source_lists_make(const struct dataplane *dp, uint16_t counter,
		      const struct dataplane_service *service, struct source_lists *ret,
		      struct err *err)
{
	struct source_lists lists = { 0 };
	int r = 0;

	lists.routes.rules = calloc(service->n_source_routes + 1, sizeof(*lists.routes.rules));
	lists.drops.rules = calloc(service->n_drop_sources + 1, sizeof(*lists.drops.rules));
	if (!lists.routes.rules || !lists.drops.rules)
		r = err_set(err, -ENOMEM, "no memory for the rules of a service");
	for (size_t i = 0; i < service->n_source_routes && !r; i++)
		r = make_route(dp, counter, service, i, &lists.routes.rules[i], err);
	for (size_t i = 0; i < service->n_drop_sources && !r; i++)
		lists.drops.rules[i] = make_rule(counter, &service->drop_sources[i], 0);
	if (r < 0) {
		source_lists_fini(&lists);
		return r;
	}
	lists.routes.n = service->n_source_routes;
	lists.drops.n = service->n_drop_sources;
	list_sort(&lists.routes);
	list_sort(&lists.drops);
	*ret = lists;
	return 0;
}

/* ---- a list in its map ---- */

static int map_put(int map_fd, const struct source_rule *rule)
{
	return bpf_map_update_elem(map_fd, &rule->key, &rule->real, BPF_ANY) < 0 ? -errno : 0;
}

/* How many keys the map would get. */
static size_t count_new(const struct source_list *old, const struct source_list *next)
{
	size_t n = 0;

	for (size_t i = 0; i < next->n; i++)
		n += !rule_find(old, &next->rules[i]);
	return n;
}

static int list_add(int map_fd, const struct source_list *old, const struct source_list *next)
{
	for (size_t i = 0; i < next->n; i++) {
		const struct source_rule *rule = &next->rules[i], *same = rule_find(old, rule);
		int r = same && same->real == rule->real ? 0 : map_put(map_fd, rule);

		if (r < 0)
			return r;
	}
	return 0;
}

/* Where the map may hold rules of both lists: leave those of `kept`. */
static void list_settle(int map_fd, const struct source_list *kept, const struct source_list *gone)
{
	for (size_t i = 0; i < gone->n; i++) {
		const struct source_rule *same = rule_find(kept, &gone->rules[i]);

		if (!same)
			bpf_map_delete_elem(map_fd, &gone->rules[i].key);
		else if (same->real != gone->rules[i].real)
			map_put(map_fd, same);
	}
}

static int routes_fd(const struct dataplane *dp)
{
	return bpf_map__fd(dp->skel->maps.source_routes);
}

static int drops_fd(const struct dataplane *dp)
{
	return bpf_map__fd(dp->skel->maps.source_drops);
}

static int check_room(size_t used, const struct source_list *old, const struct source_list *next,
		      const char *what, struct err *err)
{
	size_t need = used + count_new(old, next);

	if (need <= LB_SOURCES_MAX)
		return 0;
	return err_set(err, -ENOSPC,
		       "%zu %s, old ones included until they are replaced, are more than the %d "
		       "that all services together can have",
		       need, what, LB_SOURCES_MAX);
}

int sources_add(struct dataplane *dp, uint16_t counter, const struct source_lists *lists,
		struct err *err)
{
	const struct source_lists *old = &dp->sources[counter];
	int r = check_room(dp->n_source_routes, &old->routes, &lists->routes, "source routes", err);

	if (!r)
		r = check_room(dp->n_source_drops, &old->drops, &lists->drops, "dropped sources",
			       err);
	if (r < 0)
		return r;
	r = list_add(routes_fd(dp), &old->routes, &lists->routes);
	if (!r)
		r = list_add(drops_fd(dp), &old->drops, &lists->drops);
	if (!r)
		return 0;
	list_settle(routes_fd(dp), &old->routes, &lists->routes);
	list_settle(drops_fd(dp), &old->drops, &lists->drops);
	return err_set(err, r, "the kernel takes no more source rules: %s", strerror(-r));
}

void sources_undo(struct dataplane *dp, uint16_t counter, struct source_lists *lists)
{
	const struct source_lists *old = &dp->sources[counter];

	list_settle(routes_fd(dp), &old->routes, &lists->routes);
	list_settle(drops_fd(dp), &old->drops, &lists->drops);
	source_lists_fini(lists);
}

static void count_names(struct dataplane *dp, const struct source_list *routes, int sign)
{
	for (size_t i = 0; i < routes->n; i++)
		dp->real_names[routes->rules[i].real & (LB_REALS - 1)] += (uint32_t)sign;
}

void sources_keep(struct dataplane *dp, uint16_t counter, struct source_lists *lists)
{
	struct source_lists *old = &dp->sources[counter];

	list_settle(routes_fd(dp), &lists->routes, &old->routes);
	list_settle(drops_fd(dp), &lists->drops, &old->drops);
	count_names(dp, &lists->routes, 1);
	count_names(dp, &old->routes, -1);
	dp->n_source_routes += lists->routes.n - old->routes.n;
	dp->n_source_drops += lists->drops.n - old->drops.n;
	source_lists_fini(old);
	*old = *lists;
	*lists = (struct source_lists){ 0 };
}

bool sources_equal(const struct dataplane *dp, uint16_t counter, const struct source_lists *lists)
{
	const struct source_lists *old = &dp->sources[counter];

	return list_equal(&old->routes, &lists->routes) && list_equal(&old->drops, &lists->drops);
}

bool sources_lose_routes(const struct dataplane *dp, uint16_t counter,
			 const struct source_lists *lists)
{
	return count_new(&lists->routes, &dp->sources[counter].routes) > 0;
}

/* ---- what a packet of a client meets ---- */

static bool look_up(int map_fd, uint16_t counter, const struct addr *client, uint32_t *ret)
{
	struct lb_source_key key = { .len = KEY_LEN(128), .service = htonl(counter) };

	words_from_addr(key.addr, client);
	return bpf_map_lookup_elem(map_fd, &key, ret) == 0;
}

bool sources_drop(const struct dataplane *dp, uint16_t counter, const struct addr *client)
{
	uint32_t real;

	return dp->sources[counter].drops.n && look_up(drops_fd(dp), counter, client, &real);
}

uint16_t sources_route(const struct dataplane *dp, uint16_t counter, const struct addr *client)
{
	uint32_t real = 0;

	if (!dp->sources[counter].routes.n || !look_up(routes_fd(dp), counter, client, &real))
		return 0;
	return (uint16_t)real;
}

/* ---- after a restart ---- */

/* All rules of a map. */
static int read_map(int map_fd, struct source_list *ret, struct err *err)
{
	struct lb_source_key *previous = NULL;
	struct source_rule rule;
	size_t max = 0;

	while (bpf_map_get_next_key(map_fd, previous, &rule.key) == 0) {
		if (ret->n == max) {
			struct source_rule *bigger;

			max = max ? 2 * max : 64;
			bigger = realloc(ret->rules, max * sizeof(*bigger));
			if (!bigger)
				return err_set(err, -ENOMEM, "no memory for the source rules");
			ret->rules = bigger;
		}
		if (bpf_map_lookup_elem(map_fd, &rule.key, &rule.real) < 0)
			return err_set(err, -errno, "source rules in the maps: %m");
		ret->rules[ret->n++] = rule;
		previous = &ret->rules[ret->n - 1].key;
	}
	return 0;
}

/* The service's share of all rules, from `first` on. */
static int take_share(const struct source_list *all, size_t first, size_t n,
		      struct source_list *ret)
{
	ret->rules = calloc(n, sizeof(*ret->rules));
	if (!ret->rules)
		return -ENOMEM;
	memcpy(ret->rules, all->rules + first, n * sizeof(*ret->rules));
	ret->n = n;
	list_sort(ret);
	return 0;
}

static int by_service(const void *a_, const void *b_)
{
	const struct source_rule *a = a_, *b = b_;

	return a->key.service < b->key.service ? -1 : a->key.service > b->key.service;
}

/* Give each service its rules; those of none go. */
static int share_out(struct dataplane *dp, int map_fd, struct source_list *all, bool are_routes,
		     size_t *used, struct err *err)
{
	size_t next;

	if (all->n)
		qsort(all->rules, all->n, sizeof(*all->rules), by_service);
	for (size_t first = 0; first < all->n; first = next) {
		uint32_t counter = ntohl(all->rules[first].key.service);

		for (next = first;
		     next < all->n && !by_service(&all->rules[first], &all->rules[next]);)
			next++;
		if (counter >= LB_SERVICES || !dp->counter_used[counter]) {
			for (size_t i = first; i < next; i++)
				bpf_map_delete_elem(map_fd, &all->rules[i].key);
			continue;
		}
		*used += next - first;
		if (take_share(all, first, next - first,
			       are_routes ? &dp->sources[counter].routes
					  : &dp->sources[counter].drops) < 0)
			return err_set(err, -ENOMEM, "no memory for the source rules");
		if (are_routes)
			count_names(dp, &dp->sources[counter].routes, 1);
	}
	return 0;
}

int sources_rebuild(struct dataplane *dp, struct err *err)
{
	struct source_list routes = { 0 }, drops = { 0 };
	int r = read_map(routes_fd(dp), &routes, err);

	if (!r)
		r = read_map(drops_fd(dp), &drops, err);
	if (!r)
		r = share_out(dp, routes_fd(dp), &routes, true, &dp->n_source_routes, err);
	if (!r)
		r = share_out(dp, drops_fd(dp), &drops, false, &dp->n_source_drops, err);
	free(routes.rules);
	free(drops.rules);
	return r;
}

void sources_fini(struct dataplane *dp)
{
	for (uint32_t counter = 0; counter < LB_SERVICES; counter++)
		source_lists_fini(&dp->sources[counter]);
}
