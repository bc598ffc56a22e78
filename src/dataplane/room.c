/* SPDX-License-Identifier: Apache-2.0 */
/*
 * room.c - whether another config has room beside the one in force, before anything of it is
 * programmed.
 *
 * What a config no longer has stays for a while: rings until no service leads through them, reals
 * until their flows are gone and their index has rested, VIPs until they are withdrawn. So what is
 * new must fit while all of the old is there. By itself any config fits: its numbers are bounded
 * when it is read, and there are rings for it at dataplane_open().
 */
#include "src/dataplane/internal.h"

#include <errno.h>

/* How many are new in a config, and how many have room. */
struct room {
	const char *what, *remedy;
	size_t needed, left;
};

static struct room room_of_rings(const struct dataplane *dp, size_t needed)
{
	struct room room = { .what = "pools",
			     .remedy = "remove pools and reload before you add others, or restart "
				       "shoald, which makes room (traffic goes on)",
			     .needed = needed };

	for (uint32_t i = 0; i < dp->n_rings; i++)
		room.left += !dp->ring_used[i];
	return room;
}

/* One address is one index, however many pools have it. */
static bool is_first_of_address(const struct config_lookup *lookup, const struct addr *addr,
				size_t pool, size_t real)
{
	struct config_place first;
	uint32_t cursor = 0;

	return config_lookup_next_at(lookup, addr, &cursor, &first) && first.pool == pool &&
	       first.real == real;
}

static struct room room_of_reals(const struct dataplane *dp, const struct config *config,
				 const struct config_lookup *lookup)
{
	struct room room = { .what = "reals",
			     .remedy = "remove reals and reload before you add others: a removed "
				       "one keeps its place until its flows are gone, and then for "
				       "twice node.idle" };

	for (uint16_t i = 1; i <= LB_REALS_MAX; i++)
		room.left += real_index_is_free(dp, i);
	for (size_t p = 0; p < config->n_pools; p++) {
		for (size_t i = 0; i < config->pools[p].n_reals; i++) {
			const struct addr *addr = &config->pools[p].reals[i].addr;

			room.needed +=
				!real_find(dp, addr) && is_first_of_address(lookup, addr, p, i);
		}
	}
	return room;
}

static struct room room_of_vips(const struct dataplane *dp, const struct config *config)
{
	struct room room = { .what = "VIPs",
			     .remedy = "remove VIPs and reload before you add others" };

	for (uint32_t i = 0; i < LB_VIPS; i++)
		room.left += !(dp->tables->vips[i].flags & LB_VIP_USED);
	for (size_t v = 0; v < config->n_vips; v++)
		room.needed += vip_find(dp, &config->vips[v].prefix) == LB_NONE;
	return room;
}

static struct room room_of_services(const struct dataplane *dp, const struct config *config)
{
	struct room room = { .what = "services",
			     .remedy = "remove services and reload before you add others" };

	for (uint32_t i = 0; i < SERVICES_MAX; i++)
		room.left += !dp->counter_used[i];
	for (size_t v = 0; v < config->n_vips; v++) {
		const struct config_vip *vip = &config->vips[v];

		for (size_t s = 0; s < vip->n_services; s++)
			room.needed += !service_find(dp, &vip->prefix, vip->services[s].proto,
						     vip->services[s].port);
	}
	return room;
}

int dataplane_check_room(const struct dataplane *dp, const struct config *config, size_t new_rings,
			 struct err *err)
{
	struct config_lookup *lookup = config_lookup_new(config);

	if (!lookup)
		return err_set(err, -ENOMEM, "out of memory");
	const struct room rooms[] = { room_of_rings(dp, new_rings),
				      room_of_reals(dp, config, lookup), room_of_vips(dp, config),
				      room_of_services(dp, config) };

	config_lookup_free(lookup);
	for (size_t i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++)
		if (rooms[i].needed > rooms[i].left)
			return err_set(err, -ENOSPC,
				       "%zu of its %s are new, and beside those in use there is "
				       "room for %zu; %s",
				       rooms[i].needed, rooms[i].what, rooms[i].left,
				       rooms[i].remedy);
	return 0;
}
