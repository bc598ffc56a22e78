/* SPDX-License-Identifier: Apache-2.0 */
/*
 * balance.c - what `shoal balance` compares: how many slots of each pool's ring name each real now,
 * and what was counted for it. Who asks twice knows the traffic between.
 *
 * Counters are by address: of one that several pools have they are of all of them, and that is
 * said. Slots are those of the mapped ring, so weights, slow start, floor and failures are in them.
 */
#include <netinet/in.h>
#include <string.h>

#include "src/ctl/list.h"
#include "src/ctl/view.h"
#include "src/dataplane/dataplane.h"

/* ---- slots ---- */

/* Of each real index; false without a ring. Some 65,537 words, so 50 us. */
static bool count_slots(const struct view *view, uint32_t pool, uint32_t counts[DATAPLANE_REALS])
{
	const uint32_t *ring = view->daemon->ring(view->daemon->daemon, pool);

	memset(counts, 0, DATAPLANE_REALS * sizeof(counts[0]));
	for (uint32_t i = 0; ring && i < RING_SLOTS; i++)
		counts[ring[i] & 0xffff]++;
	return ring != NULL;
}

/* ---- what may lead packets elsewhere than their slot ---- */

static const char *hash_word(enum config_hash hash)
{
	switch (hash) {
	case CONFIG_HASH_5_TUPLE:
		return "5-tuple";
	case CONFIG_HASH_ALL_PORTS:
		return "all-ports";
	case CONFIG_HASH_SOURCE_IP:
		return "source-ip";
	case CONFIG_HASH_DESTINATION_PORT:
		return "destination-port";
	}
	return "";
}

static const char *track_word(enum config_track track)
{
	switch (track) {
	case CONFIG_TRACK_MOVING:
		return "moving";
	case CONFIG_TRACK_ALL:
		return "all";
	case CONFIG_TRACK_NONE:
		return "none";
	}
	return "";
}

static json_t *service_row(const struct view *view, const struct core_vip *vip,
			   const struct core_service *service)
{
	const struct config_service *config = service->config;
	struct dataplane_count count = { 0 };
	char text[CONFIG_SERVICE_TEXT_MAX];

	dataplane_counts_service(view->daemon->dataplane, view_counts(view), &vip->prefix,
				 service->proto, service->port, &count);
	service_print(&vip->prefix, service->proto, service->port, text);
	return json_pack("{s:s, s:s, s:s, s:b, s:I, s:I}", "service", text, "hash",
			 hash_word(config->hash), "track", track_word(config->track),
			 "has_server_ids", config->quic || config->tcp_server_id, "source_routes",
			 (json_int_t)config->n_source_routes, "packets", (json_int_t)count.packets);
}

static json_t *services_of(const struct view *view, uint32_t pool)
{
	const struct core *core = view->daemon->core;
	json_t *list = json_array();

	for (uint32_t v = 0; v < core_n_vips(core); v++) {
		const struct core_vip *vip = core_vip(core, v);

		for (size_t s = 0; s < vip->n_services; s++)
			if (vip->services[s].pool == pool && vip->services[s].config)
				json_array_append_new(list,
						      service_row(view, vip, &vip->services[s]));
	}
	return list;
}

/* ---- reals ---- */

/* How many pools have this address. */
static unsigned count_pools(const struct core *core, const struct addr *addr)
{
	const struct config_lookup *lookup = core_lookup(core);
	struct config_place place;
	uint32_t cursor = 0;
	unsigned n = 0;

	while (config_lookup_next_at(lookup, addr, &cursor, &place))
		n++;
	return n;
}

static json_t *real_row(const struct view *view, uint32_t pool_index, uint32_t i,
			const uint32_t *slots)
{
	const struct commands_context *daemon = view->daemon;
	const struct core_real *real = &core_pool(daemon->core, pool_index)->reals[i];
	const struct config_real *config = real->config;
	struct dataplane_count count = { 0 };
	uint16_t index = dataplane_real_index(daemon->dataplane, &config->addr);
	json_t *object;

	dataplane_counts_real(daemon->dataplane, view_counts(view), &config->addr, &count);
	object = json_pack("{s:s, s:s, s:i, s:b, s:s, s:s, s:b, s:b, s:i}", "name", config->name,
			   "address", ADDR_STR(&config->addr), "weight", (int)config->weight,
			   "is_backup", config->is_backup, "state", real_state_str(real->state),
			   "life", real_life_str(real->life), "takes_new_flows",
			   real->takes_new_flows, "is_kept", real->is_kept, "share_percent",
			   (int)real->share_percent);
	json_object_set_new(object, "order",
			    json_string(real->order ? real_order_str(real->order) : ""));
	json_object_set_new(object, "pools",
			    json_integer(count_pools(daemon->core, &config->addr)));
	json_object_set_new(object, "slots",
			    json_integer(index == DATAPLANE_NO_REAL ? 0 : slots[index]));
	json_object_set_new(object, "packets", json_integer((json_int_t)count.packets));
	json_object_set_new(object, "bytes", json_integer((json_int_t)count.bytes));
	json_object_set_new(object, "syns", view_syns(view, pool_index, i));
	return object;
}

/* ---- the list ---- */

static size_t one_group(const struct view *view)
{
	(void)view;
	return 1;
}

static size_t n_pools(const struct view *view, size_t group)
{
	(void)group;
	return core_n_pools(view->daemon->core);
}

static json_t *transition_of(const struct view *view, uint32_t pool)
{
	struct dataplane_transition t;

	if (!view->daemon->transition(view->daemon->daemon, pool, &t))
		return json_null();
	return json_integer((json_int_t)t.moving + t.settling);
}

static json_t *pool_row(const struct view *view, size_t group, size_t i)
{
	static uint32_t slots[DATAPLANE_REALS];
	const struct core_pool *pool = core_pool(view->daemon->core, (uint32_t)i);
	bool has_ring = count_slots(view, (uint32_t)i, slots);
	json_t *reals = json_array();

	(void)group;
	for (uint32_t r = 0; r < pool->config->n_reals; r++)
		json_array_append_new(reals, real_row(view, (uint32_t)i, r, slots));
	return json_pack("{s:s, s:b, s:o, s:s, s:I, s:o, s:o}", "pool", pool->config->name,
			 "has_ring", has_ring, "unsteady", transition_of(view, (uint32_t)i),
			 "override", pool_override_str(pool->override), "at_us",
			 (json_int_t)view->now, "services", services_of(view, (uint32_t)i), "reals",
			 reals);
}

static bool pool_span(const struct view *view, const char *name, struct list_span *ret,
		      struct err *err)
{
	uint32_t pool = find_pool(view->daemon->core, name);

	if (pool == CORE_NONE)
		return find_nothing(view, "pool", name, err);
	*ret = (struct list_span){ 0, pool, pool + 1 };
	return true;
}

static json_t *rest(const struct view *view)
{
	json_t *dataplane = view_dataplane(view), *result;

	result = json_pack("{s:[], s:O, s:I}", "pools", "cpus", json_object_get(dataplane, "cpus"),
			   "at_us", (json_int_t)view->now);
	json_decref(dataplane);
	return result;
}

const struct list_kind list_balance = {
	.key = "pools",
	.n_groups = one_group,
	.n_rows = n_pools,
	.row = pool_row,
	.find = pool_span,
	.rest = rest,
};
