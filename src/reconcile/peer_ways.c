/* SPDX-License-Identifier: Apache-2.0 */
#include "src/reconcile/peer_ways.h"

#include <stdio.h>
#include <string.h>

static void print_key(const struct config_peer *peer, char key[PEER_WAY_KEY_MAX])
{
	snprintf(key, PEER_WAY_KEY_MAX, "%s",
		 peer->interface ? peer->interface : ADDR_STR(&peer->addr));
}

/* The peers of the config; what is known of one that stays is kept. */
static void follow_config(struct peer_ways *ways, const struct config *config)
{
	const struct peer_ways former = *ways;
	size_t n = config->routing.n_peers;

	ways->n = n < PEER_WAYS_MAX ? n : PEER_WAYS_MAX;
	for (size_t i = 0; i < ways->n; i++) {
		char key[PEER_WAY_KEY_MAX];

		print_key(&config->routing.peers[i], key);
		if (i < former.n && strcmp(former.peers[i].key, key) == 0)
			continue;
		ways->peers[i] = (struct peer_way){ 0 };
		for (size_t k = 0; k < former.n; k++)
			if (strcmp(former.peers[k].key, key) == 0)
				ways->peers[i] = former.peers[k];
		memcpy(ways->peers[i].key, key, sizeof(key));
	}
}

static void follow_sessions(struct peer_ways *ways, const struct peer_ways_facts *facts)
{
	bool is_established[PEER_WAYS_MAX], any = false;

	for (size_t i = 0; i < ways->n; i++)
		any |= is_established[i] = facts->is_established(facts->arg, i);
	for (size_t i = 0; any && i < ways->n; i++)
		ways->peers[i].counts = is_established[i];
}

static bool find_interface(struct peer_way *way, const struct config *config, const char *name)
{
	for (uint32_t u = 0; u < config->node.n_uplinks; u++) {
		if (strcmp(config->node.uplinks[u], name) != 0)
			continue;
		way->uplink = u;
		way->is_known = way->is_on_link = true;
		return true;
	}
	return false;
}

/* A route that is gone leaves the peer where it was. */
static void find_route(struct peer_way *way, const struct addr *dst,
		       const struct peer_ways_facts *facts)
{
	bool is_on_link;
	uint32_t uplink;

	if (!facts->route(facts->arg, dst, &uplink, &is_on_link))
		return;
	if (way->is_known && way->is_on_link && !is_on_link && way->counts)
		return; /* a wider route, which its session does not follow */
	*way = (struct peer_way){
		.counts = way->counts, .is_known = true, .is_on_link = is_on_link, .uplink = uplink
	};
}

static bool is_reached(const struct peer_way *way, const struct config *config,
		       const struct addr *dst, const struct peer_ways_facts *facts)
{
	if (!way->is_known || facts->has_way(facts->arg, way->uplink, dst))
		return true;
	for (uint32_t u = 0; !way->is_on_link && u < config->node.n_uplinks; u++)
		if (facts->has_way(facts->arg, u, dst))
			return true;
	return false;
}

static void find_way(struct peer_way *way, const struct config *config,
		     const struct config_peer *peer, const struct peer_ways_facts *facts)
{
	struct peer_way found = *way;

	if (peer->interface)
		found.is_known = find_interface(&found, config, peer->interface);
	else
		find_route(&found, &peer->addr, facts);
	memcpy(found.key, way->key, sizeof(found.key));
	*way = found;
}

bool peer_ways_are_cut_off(struct peer_ways *ways, const struct config *config,
			   const struct peer_ways_facts *facts)
{
	size_t counted = 0, reached = config->routing.n_peers > PEER_WAYS_MAX;

	follow_config(ways, config);
	follow_sessions(ways, facts);
	for (size_t i = 0; i < ways->n; i++) {
		const struct config_peer *peer = &config->routing.peers[i];
		struct peer_way *way = &ways->peers[i];

		find_way(way, config, peer, facts);
		if (!way->counts)
			continue;
		counted++;
		reached += is_reached(way, config, peer->interface ? NULL : &peer->addr, facts);
	}
	return counted > 0 && reached == 0;
}
