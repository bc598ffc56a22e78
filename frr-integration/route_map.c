/* SPDX-License-Identifier: Apache-2.0 */
#include "frr-integration/route_map.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The names bgpd prints and takes for communities (bgpd/bgp_community.c of FRR 8.4 to 10). */
static const struct {
	const char *name;
	uint32_t value;
} well_known[] = {
	{ "internet", 0 },
	{ "graceful-shutdown", ROUTE_GRACEFUL_SHUTDOWN },
	{ "accept-own", 0xffff0001U },
	{ "route-filter-translated-v4", 0xffff0002U },
	{ "route-filter-v4", 0xffff0003U },
	{ "route-filter-translated-v6", 0xffff0004U },
	{ "route-filter-v6", 0xffff0005U },
	{ "llgr-stale", 0xffff0006U },
	{ "no-llgr", 0xffff0007U },
	{ "accept-own-nexthop", 0xffff0008U },
	{ "blackhole", 0xffff029aU },
	{ "no-export", 0xffffff01U },
	{ "no-advertise", 0xffffff02U },
	{ "local-AS", 0xffffff03U },
	{ "no-peer", 0xffffff04U },
};

/* Decimal digits of a u32 at *text, which moves behind them. */
static int take_u32(const char **text, uint32_t *ret)
{
	uint64_t value = 0;
	const char *p = *text;

	if (*p < '0' || *p > '9')
		return -EINVAL;
	for (; *p >= '0' && *p <= '9'; p++) {
		value = value * 10 + (uint64_t)(*p - '0');
		if (value > UINT32_MAX)
			return -EINVAL;
	}
	*text = p;
	*ret = (uint32_t)value;
	return 0;
}

static int parse_u32(const char *text, uint32_t *ret)
{
	uint32_t value;

	if (take_u32(&text, &value) < 0 || *text)
		return -EINVAL;
	*ret = value;
	return 0;
}

/* "A:B" or a well-known name. */
static int parse_community(const char *text, uint32_t *ret)
{
	uint32_t high, low;

	for (size_t i = 0; i < sizeof(well_known) / sizeof(well_known[0]); i++) {
		if (strcmp(text, well_known[i].name) == 0) {
			*ret = well_known[i].value;
			return 0;
		}
	}
	if (take_u32(&text, &high) < 0 || *text++ != ':' || parse_u32(text, &low) < 0)
		return -EINVAL;
	if (high > UINT16_MAX || low > UINT16_MAX)
		return -EINVAL;
	*ret = high << 16 | low;
	return 0;
}

static int parse_large(const char *text, struct route_large *ret)
{
	struct route_large large;

	if (take_u32(&text, &large.part[0]) < 0 || *text++ != ':' ||
	    take_u32(&text, &large.part[1]) < 0 || *text++ != ':' ||
	    parse_u32(text, &large.part[2]) < 0)
		return -EINVAL;
	*ret = large;
	return 0;
}

static int large_cmp(const struct route_large *a, const struct route_large *b)
{
	for (unsigned i = 0; i < 3; i++)
		if (a->part[i] != b->part[i])
			return a->part[i] < b->part[i] ? -1 : 1;
	return 0;
}

int route_attrs_add(struct route_attrs *attrs, uint32_t community)
{
	size_t i = 0;

	while (i < attrs->n_communities && attrs->communities[i] < community)
		i++;
	if (i < attrs->n_communities && attrs->communities[i] == community)
		return 0;
	if (attrs->n_communities == ROUTE_COMMUNITIES_MAX)
		return -E2BIG;
	memmove(&attrs->communities[i + 1], &attrs->communities[i],
		(attrs->n_communities - i) * sizeof(attrs->communities[0]));
	attrs->communities[i] = community;
	attrs->n_communities++;
	return 0;
}

int route_attrs_drain(const struct config_routing *routing, struct route_attrs *attrs)
{
	switch (routing->drain_add) {
	case CONFIG_DRAIN_ADD_NONE:
		break;
	case CONFIG_DRAIN_ADD_PREPEND:
		attrs->prepend_as = routing->local_as;
		attrs->n_prepends = ROUTE_DRAIN_PREPENDS;
		break;
	case CONFIG_DRAIN_ADD_MED:
		attrs->has_med = true;
		attrs->med = UINT32_MAX;
		break;
	}
	return route_attrs_add(attrs, ROUTE_GRACEFUL_SHUTDOWN);
}

static int add_large(struct route_attrs *attrs, const struct route_large *large)
{
	size_t i = 0;

	while (i < attrs->n_large && large_cmp(&attrs->large[i], large) < 0)
		i++;
	if (i < attrs->n_large && large_cmp(&attrs->large[i], large) == 0)
		return 0;
	if (attrs->n_large == ROUTE_LARGE_MAX)
		return -E2BIG;
	memmove(&attrs->large[i + 1], &attrs->large[i],
		(attrs->n_large - i) * sizeof(attrs->large[0]));
	attrs->large[i] = *large;
	attrs->n_large++;
	return 0;
}

static int add_community_text(struct route_attrs *attrs, const char *text)
{
	uint32_t community;
	int r = parse_community(text, &community);

	return r < 0 ? r : route_attrs_add(attrs, community);
}

static int add_large_text(struct route_attrs *attrs, const char *text)
{
	struct route_large large;
	int r = parse_large(text, &large);

	return r < 0 ? r : add_large(attrs, &large);
}

int route_attrs_of(const struct config_vip *vip, struct route_attrs *ret, struct err *err)
{
	struct route_attrs attrs = {
		.has_med = vip->has_med,
		.has_local_preference = vip->has_local_preference,
		.med = vip->has_med ? vip->med : 0,
		.local_preference = vip->has_local_preference ? vip->local_preference : 0,
	};
	int r;

	for (size_t i = 0; i < vip->n_communities; i++) {
		r = add_community_text(&attrs, vip->communities[i]);
		if (r < 0)
			return err_set(err, r, "VIP %s: community '%s': %m", vip->name,
				       vip->communities[i]);
	}
	for (size_t i = 0; i < vip->n_large_communities; i++) {
		r = add_large_text(&attrs, vip->large_communities[i]);
		if (r < 0)
			return err_set(err, r, "VIP %s: large community '%s': %m", vip->name,
				       vip->large_communities[i]);
	}
	*ret = attrs;
	return 0;
}

bool route_attrs_eq(const struct route_attrs *a, const struct route_attrs *b)
{
	if (a->n_communities != b->n_communities || a->n_large != b->n_large ||
	    a->has_med != b->has_med || a->has_local_preference != b->has_local_preference ||
	    a->med != b->med || a->local_preference != b->local_preference ||
	    a->prepend_as != b->prepend_as || a->n_prepends != b->n_prepends)
		return false;
	for (size_t i = 0; i < a->n_communities; i++)
		if (a->communities[i] != b->communities[i])
			return false;
	for (size_t i = 0; i < a->n_large; i++)
		if (large_cmp(&a->large[i], &b->large[i]) != 0)
			return false;
	return true;
}

bool route_attrs_has(const struct route_attrs *attrs, uint32_t community)
{
	for (size_t i = 0; i < attrs->n_communities; i++)
		if (attrs->communities[i] == community)
			return true;
	return false;
}

/* One AS again and again is all that a map of ours prepends. */
static int add_prepend_text(struct route_attrs *attrs, const char *text)
{
	uint32_t as;

	if (parse_u32(text, &as) < 0 || (attrs->n_prepends && as != attrs->prepend_as))
		return -EINVAL;
	attrs->prepend_as = as;
	attrs->n_prepends++;
	return 0;
}

/* Each word of line (which is cut up) through add. */
static int add_words(struct route_attrs *attrs, char *line,
		     int (*add)(struct route_attrs *, const char *))
{
	char *save = NULL;

	for (char *word = strtok_r(line, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		int r = add(attrs, word);

		if (r < 0)
			return r;
	}
	return 0;
}

int route_attrs_parse_set(struct route_attrs *attrs, const char *line)
{
	char copy[4096];
	char *rest;

	if (strlen(line) >= sizeof(copy))
		return -EINVAL;
	strcpy(copy, line);
	rest = strchr(copy, ' ');
	if (!rest)
		return -EINVAL;
	*rest++ = '\0';
	if (strcmp(copy, "community") == 0)
		return add_words(attrs, rest, add_community_text);
	if (strcmp(copy, "large-community") == 0)
		return add_words(attrs, rest, add_large_text);
	if (strcmp(copy, "as-path") == 0 && strncmp(rest, "prepend ", 8) == 0)
		return add_words(attrs, rest + 8, add_prepend_text);
	if (strcmp(copy, "metric") == 0) {
		attrs->has_med = true;
		return parse_u32(rest, &attrs->med);
	}
	if (strcmp(copy, "local-preference") == 0) {
		attrs->has_local_preference = true;
		return parse_u32(rest, &attrs->local_preference);
	}
	return -EINVAL;
}

/* FNV-1a, 64 bits: names only have to differ, and a read-back compares what is behind them. */
static uint64_t hash_u32(uint64_t hash, uint32_t value)
{
	for (unsigned shift = 0; shift < 32; shift += 8)
		hash = (hash ^ ((value >> shift) & 0xff)) * 0x100000001b3ULL;
	return hash;
}

static uint64_t attrs_hash(const struct route_attrs *attrs)
{
	uint64_t hash = 0xcbf29ce484222325ULL;

	hash = hash_u32(hash, (uint32_t)attrs->n_communities);
	for (size_t i = 0; i < attrs->n_communities; i++)
		hash = hash_u32(hash, attrs->communities[i]);
	hash = hash_u32(hash, (uint32_t)attrs->n_large);
	for (size_t i = 0; i < attrs->n_large; i++)
		for (unsigned k = 0; k < 3; k++)
			hash = hash_u32(hash, attrs->large[i].part[k]);
	hash = hash_u32(hash, attrs->has_med ? 1 : 0);
	hash = hash_u32(hash, attrs->med);
	hash = hash_u32(hash, attrs->has_local_preference ? 1 : 0);
	return hash_u32(hash, attrs->local_preference);
}

const char *route_map_name(const struct route_attrs *attrs, bool drain,
			   char buf[ROUTE_MAP_NAME_MAX])
{
	const char *twin = drain ? "-DRAIN" : "";

	if (attrs->n_communities == 0 && attrs->n_large == 0 && !attrs->has_med &&
	    !attrs->has_local_preference)
		snprintf(buf, ROUTE_MAP_NAME_MAX, ROUTE_MAP_PREFIX "PLAIN%s", twin);
	else
		snprintf(buf, ROUTE_MAP_NAME_MAX, ROUTE_MAP_PREFIX "%016" PRIx64 "%s",
			 attrs_hash(attrs), twin);
	return buf;
}

/* What follows the prefix and the hash or PLAIN of one of our names, or NULL. */
static const char *name_tail(const char *name)
{
	if (strncmp(name, ROUTE_MAP_PREFIX, strlen(ROUTE_MAP_PREFIX)) != 0)
		return NULL;
	name += strlen(ROUTE_MAP_PREFIX);
	if (strncmp(name, "PLAIN", 5) == 0)
		return name + 5;
	return strspn(name, "0123456789abcdef") == 16 ? name + 16 : NULL;
}

bool route_map_is_ours(const char *name)
{
	const char *tail = name_tail(name);

	return tail && (*tail == '\0' || strcmp(tail, "-DRAIN") == 0);
}

bool route_map_is_drain(const char *name)
{
	const char *tail = name_tail(name);

	return tail && strcmp(tail, "-DRAIN") == 0;
}

static void print_communities(const struct route_attrs *attrs, char *buf, size_t size)
{
	size_t used = (size_t)snprintf(buf, size, "set community");

	for (size_t i = 0; i < attrs->n_communities && used < size; i++)
		used += (size_t)snprintf(buf + used, size - used, " %u:%u",
					 attrs->communities[i] >> 16,
					 attrs->communities[i] & 0xffffU);
}

static void print_large(const struct route_attrs *attrs, char *buf, size_t size)
{
	size_t used = (size_t)snprintf(buf, size, "set large-community");

	for (size_t i = 0; i < attrs->n_large && used < size; i++)
		used += (size_t)snprintf(buf + used, size - used, " %u:%u:%u",
					 attrs->large[i].part[0], attrs->large[i].part[1],
					 attrs->large[i].part[2]);
}

static void print_prepends(const struct route_attrs *attrs, char *buf, size_t size)
{
	size_t used = (size_t)snprintf(buf, size, "set as-path prepend");

	for (uint32_t i = 0; i < attrs->n_prepends && used < size; i++)
		used += (size_t)snprintf(buf + used, size - used, " %u", attrs->prepend_as);
}

bool route_map_command(const char *name, const struct route_attrs *attrs, unsigned i, char *buf,
		       size_t size)
{
	if (i-- == 0)
		return snprintf(buf, size, "route-map %s permit 10", name) > 0;
	if (attrs->n_communities > 0 && i-- == 0) {
		print_communities(attrs, buf, size);
		return true;
	}
	if (attrs->n_large > 0 && i-- == 0) {
		print_large(attrs, buf, size);
		return true;
	}
	if (attrs->n_prepends > 0 && i-- == 0) {
		print_prepends(attrs, buf, size);
		return true;
	}
	if (attrs->has_med && i-- == 0)
		return snprintf(buf, size, "set metric %u", attrs->med) > 0;
	if (attrs->has_local_preference && i-- == 0)
		return snprintf(buf, size, "set local-preference %u", attrs->local_preference) > 0;
	return false;
}
