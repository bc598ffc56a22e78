/* SPDX-License-Identifier: Apache-2.0 */
/* find.c - from what people type to the thing they mean. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frr-integration/router.h"
#include "src/base/auto.h"
#include "src/base/suggest.h"
#include "src/ctl/view.h"

const char *vip_name(const struct core_vip *vip, char buf[PREFIX_TEXT_MAX])
{
	return vip->config ? vip->config->name : prefix_print(&vip->prefix, buf);
}

const char *peer_last_reset(const struct router_peer *peer)
{
	/* What bgpd says of a session that never was reset. */
	static const char never[] = "No AFI/SAFI activated for peer";

	return strcmp(peer->last_reset, never) == 0 ? "" : peer->last_reset;
}

uint32_t pool_usable(const struct core_pool *pool)
{
	return pool->usable > 0 ? pool->usable : pool->usable_backups;
}

bool pool_is_on_backups(const struct core_pool *pool)
{
	return pool->usable == 0 && pool->usable_backups > 0;
}

size_t pool_total(const struct core_pool *pool)
{
	size_t n = 0;

	for (size_t i = 0; i < pool->config->n_reals; i++)
		n += pool->config->reals[i].is_backup == pool_is_on_backups(pool);
	return n;
}

uint32_t pool_need(const struct core_pool *pool)
{
	return pool->has_quorum ? pool->config->quorum_stay : pool->config->quorum_return;
}

uint32_t find_vip(const struct core *core, const char *text)
{
	struct prefix prefix;

	for (uint32_t i = 0; i < core_n_vips(core); i++) {
		const struct core_vip *vip = core_vip(core, i);

		if (vip->config && strcmp(vip->config->name, text) == 0)
			return i;
	}
	if (prefix_parse(text, &prefix) < 0)
		return CORE_NONE;
	for (uint32_t i = 0; i < core_n_vips(core); i++)
		if (prefix_eq(&core_vip(core, i)->prefix, &prefix))
			return i;
	/* An address inside a VIP that is a whole prefix. */
	for (uint32_t i = 0; i < core_n_vips(core); i++)
		if (prefix_has_prefix(&core_vip(core, i)->prefix, &prefix))
			return i;
	return CORE_NONE;
}

uint32_t find_pool(const struct core *core, const char *text)
{
	return config_lookup_pool(core_lookup(core), text);
}

/* "POOL/REAL" */
static bool find_in_pool(const struct core *core, const char *text, const char *slash,
			 struct config_place *ret)
{
	const struct config_lookup *lookup = core_lookup(core);
	AUTO(freep) char *pool = strndup(text, (size_t)(slash - text));
	struct addr addr;

	ret->pool = pool ? config_lookup_pool(lookup, pool) : CONFIG_NONE;
	if (ret->pool == CONFIG_NONE)
		return false;
	ret->real = config_lookup_name(lookup, ret->pool, slash + 1);
	if (ret->real == CONFIG_NONE && addr_parse(slash + 1, &addr) == 0)
		ret->real = config_lookup_addr(lookup, ret->pool, &addr);
	return ret->real != CONFIG_NONE;
}

/* A name or address that one real has, and no other. */
static bool find_anywhere(const struct core *core, const char *text, struct config_place *ret)
{
	const struct config_lookup *lookup = core_lookup(core);
	uint32_t cursor = 0;
	unsigned n = 0;
	struct addr addr;

	while (n < 2 && config_lookup_next_named(lookup, text, &cursor, ret))
		n++;
	cursor = 0;
	if (addr_parse(text, &addr) < 0)
		return n == 1;
	while (n < 2 && config_lookup_next_at(lookup, &addr, &cursor, ret))
		n += strcmp(core_pool(core, ret->pool)->config->reals[ret->real].name, text) != 0;
	return n == 1;
}

bool find_real(const struct core *core, const char *text, uint32_t *ret_pool, uint32_t *ret_real)
{
	const char *slash = strchr(text, '/');
	struct config_place place;

	if (!(slash ? find_in_pool(core, text, slash, &place) : find_anywhere(core, text, &place)))
		return false;
	*ret_pool = place.pool;
	*ret_real = place.real;
	return true;
}

const char *service_print(const struct prefix *vip, uint8_t proto, uint16_t port,
			  char buf[CONFIG_SERVICE_TEXT_MAX])
{
	const struct config_vip as_vip = { .prefix = *vip };
	const struct config_service as_service = { .proto = proto, .port = port };

	return config_service_print(&as_vip, &as_service, buf);
}

const struct core_service *vip_service(const struct core_vip *vip, uint8_t proto, uint16_t port)
{
	for (size_t i = 0; i < vip->n_services; i++)
		if (vip->services[i].proto == proto && vip->services[i].port == port)
			return &vip->services[i];
	return NULL;
}

/* "www:443/tcp": what stands behind the VIP's name is what stands behind its address. */
static bool is_named_service(const struct core_vip *vip, const char *printed, const char *text)
{
	size_t len = strlen(VIP_NAME(vip));
	const char *port = strrchr(printed, ':');

	return strncmp(text, VIP_NAME(vip), len) == 0 && port && strcmp(text + len, port) == 0;
}

const struct core_service *find_service(const struct core *core, const char *text,
					const struct core_vip **ret_vip)
{
	char printed[CONFIG_SERVICE_TEXT_MAX];

	for (uint32_t v = 0; v < core_n_vips(core); v++) {
		const struct core_vip *vip = core_vip(core, v);

		for (size_t i = 0; i < vip->n_services; i++) {
			const struct core_service *service = &vip->services[i];

			service_print(&vip->prefix, service->proto, service->port, printed);
			if (strcmp(printed, text) != 0 && !is_named_service(vip, printed, text))
				continue;
			*ret_vip = vip;
			return service;
		}
	}
	return NULL;
}

const struct config_real *find_real_addr(const struct core *core, uint32_t pool,
					 const struct addr *addr, uint32_t *ret_pool)
{
	const struct config_lookup *lookup = core_lookup(core);
	struct config_place place = { pool, CONFIG_NONE };
	uint32_t cursor = 0;

	if (pool != CORE_NONE)
		place.real = config_lookup_addr(lookup, pool, addr);
	*ret_pool = pool;
	if (place.real == CONFIG_NONE && !config_lookup_next_at(lookup, addr, &cursor, &place))
		return NULL;
	*ret_pool = place.pool;
	return &core_config(core)->pools[place.pool].reals[place.real];
}

const struct router_peer *find_peer(const struct router *router, const char *text)
{
	for (size_t i = 0; i < router_n_peers(router); i++) {
		const struct router_peer *peer = router_peer(router, i);

		if (strcmp(peer->name, text) == 0 || strcmp(peer->key, text) == 0)
			return peer;
	}
	return NULL;
}

/* Every name there is: VIPs, pools, peers, then reals. */
static void try_every_name(const struct config *config, struct suggest *suggest)
{
	for (size_t i = 0; i < config->n_vips; i++)
		suggest_try(suggest, config->vips[i].name);
	for (size_t i = 0; i < config->n_pools; i++)
		suggest_try(suggest, config->pools[i].name);
	for (size_t i = 0; i < config->routing.n_peers; i++)
		suggest_try(suggest, config->routing.peers[i].name);
	for (size_t i = 0; i < config->n_pools; i++)
		for (size_t real = 0; real < config->pools[i].n_reals; real++)
			suggest_try(suggest, config->pools[i].reals[real].name);
}

/* "web/web1" for "wbe/web1" or "web/wbe1"; "" where no pool is near, or no real of it. */
static void suggest_path(const struct config *config, const char *text, char *buf, size_t size)
{
	const char *slash = strchr(text, '/');
	char word[64];
	struct suggest pool = { .word = word }, real = { .word = slash ? slash + 1 : "" };
	const struct config_pool *of = NULL;

	*buf = '\0';
	if (!slash || (size_t)(slash - text) >= sizeof(word))
		return;
	snprintf(word, sizeof(word), "%.*s", (int)(slash - text), text);
	for (size_t i = 0; i < config->n_pools; i++) {
		suggest_try(&pool, config->pools[i].name);
		if (pool.best == config->pools[i].name)
			of = &config->pools[i];
	}
	for (size_t i = 0; of && i < of->n_reals; i++)
		suggest_try(&real, of->reals[i].name);
	if (real.best)
		snprintf(buf, size, "%s/%s", pool.best, real.best);
}

bool find_nothing(const struct view *view, const char *kind, const char *text, struct err *err)
{
	const struct config *config = core_config(view->daemon->core);
	struct suggest suggest = { .word = text };
	char path[2 * 64 + 2];
	const char *meant;

	try_every_name(config, &suggest);
	suggest_path(config, text, path, sizeof(path));
	meant = *path ? path : suggest.best;
	if (meant && strcmp(meant, text) != 0)
		err_set(err, -ENOENT, "no %s '%.64s', did you mean '%s'?", kind, text, meant);
	else
		err_set(err, -ENOENT, "no %s '%.64s'", kind, text);
	return false;
}
