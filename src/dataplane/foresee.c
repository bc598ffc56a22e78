/* SPDX-License-Identifier: Apache-2.0 */
/*
 * foresee.c - where new flows would go by a config that is not in force: the service by the rules
 * of the program's lookups, slot and ring by the very code of both.
 */
#include "src/dataplane/internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/ring.h"
#include "src/base/auto.h"
#include "src/dataplane/hash_key.h"

/* The most specific VIP of an address. */
static const struct config_vip *find_vip(const struct config *config, const struct addr *addr)
{
	const struct prefix host = { .addr = *addr, .len = addr_is_ipv4(addr) ? 32 : 128 };
	const struct config_vip *best = NULL;

	for (size_t v = 0; v < config->n_vips; v++) {
		const struct config_vip *vip = &config->vips[v];

		if (prefix_has_prefix(&vip->prefix, &host) &&
		    (!best || vip->prefix.len > best->prefix.len))
			best = vip;
	}
	return best;
}

/* The service of the port, else of any port. */
static const struct config_service *find_service(const struct config_vip *vip, uint8_t proto,
						 uint16_t port)
{
	const struct config_service *any = NULL;

	for (size_t i = 0; i < vip->n_services; i++) {
		const struct config_service *service = &vip->services[i];

		if (service->proto == proto && service->port == port)
			return service;
		if (service->proto == proto && service->port == 0)
			any = service;
	}
	return any;
}

static uint32_t choose_slot(const struct dataplane_service *set, const struct dataplane_flow *flow,
			    const struct hash_key *key)
{
	const struct lb_service service = { .hash = (uint8_t)set->hash,
					    .flags = service_port_flags(set) };
	struct packet packet = { .sport = htons(flow->sport),
				 .dport = htons(flow->dport),
				 .proto = flow->proto,
				 .is_ipv6 = !addr_is_ipv4(&flow->src) };
	struct entropy entropy;

	words_from_addr(packet.src, &flow->src);
	words_from_addr(packet.dst, &flow->dst);
	return ring_choose(&service, &packet, &entropy, key->seed, key->seed_v6);
}

static bool has_client(const struct prefix *prefix, const struct addr *client)
{
	const struct prefix host = { .addr = *client, .len = addr_is_ipv4(client) ? 32 : 128 };

	return prefix_has_prefix(prefix, &host);
}

static bool drops(const struct config_service *service, const struct addr *client)
{
	for (size_t i = 0; i < service->n_drop_sources; i++)
		if (has_client(&service->drop_sources[i], client))
			return true;
	return false;
}

/* The index of the real that the most specific source route names; RING_NONE. */
static uint32_t route(const struct config_service *service, const struct addr *client)
{
	const struct config_source_route *best = NULL;

	for (size_t i = 0; i < service->n_source_routes; i++) {
		const struct config_source_route *rule = &service->source_routes[i];

		if (has_client(&rule->source, client) &&
		    (!best || rule->source.len > best->source.len))
			best = rule;
	}
	return best ? best->real : RING_NONE;
}

/* The owner of the slot, or the real of a source route that takes new flows. */
static void choose_real(struct ring_real *reals, const uint16_t *slots, const struct addr *client,
			struct dataplane_foresight *ret)
{
	uint32_t routed = route(ret->service, client), real = slots[ret->slot];

	ret->why = "slot";
	if (routed != RING_NONE && reals[routed].takes_new_flows) {
		real = routed;
		ret->why = "source-route";
	}
	ret->real = real == RING_NONE ? NULL : &ret->pool->reals[real];
}

int dataplane_foresee(const struct config *config, const struct dataplane_flow *flow,
		      void (*judge)(const struct config_pool *pool, const struct config_real *real,
				    struct ring_real *ret, void *arg),
		      void *arg, struct dataplane_foresight *ret, struct err *err)
{
	AUTO(freep) struct ring_real *reals = NULL;
	AUTO(freep) uint16_t *slots = NULL;
	struct hash_key key = { LB_HASH_SEED, LB_HASH_SEED_V6 };
	struct dataplane_service set;
	struct ring_policy policy;
	int r = 0;

	if (config->node.hash_key_file)
		r = hash_key_peek(config->node.hash_key_file, &key, err);
	if (r < 0)
		return r;
	*ret = (struct dataplane_foresight){ .vip = find_vip(config, &flow->dst) };
	if (ret->vip)
		ret->service = find_service(ret->vip, flow->proto, flow->dport);
	if (!ret->service)
		return 0;
	ret->pool = &config->pools[ret->service->pool];
	ret->is_dropped = drops(ret->service, &flow->src);
	set = dataplane_service_of(&ret->vip->prefix, ret->service, ret->pool, 0);
	ret->slot = choose_slot(&set, flow, &key);
	policy = ring_policy_of(ret->pool);
	reals = calloc(ret->pool->n_reals + 1, sizeof(*reals));
	slots = calloc(RING_SLOTS, sizeof(*slots));
	if (!reals || !slots)
		return err_set(err, -ENOMEM, "no memory for the ring of pool '%s'",
			       ret->pool->name);
	for (size_t i = 0; i < ret->pool->n_reals; i++) {
		reals[i] = ring_real_of(&ret->pool->reals[i]);
		judge(ret->pool, &ret->pool->reals[i], &reals[i], arg);
	}
	if (ring_build(reals, ret->pool->n_reals, &policy, slots, NULL) < 0)
		return err_set(err, -ENOMEM, "no memory for the ring of pool '%s'",
			       ret->pool->name);
	choose_real(reals, slots, &flow->src, ret);
	return 0;
}
