/* SPDX-License-Identifier: Apache-2.0 */
/*
 * node_decap.c - the addresses whose tunnels the balancer itself opens, `node: decap` of the
 * config.
 *
 * They stand in the table of VIPs as records of another kind, so that the packets of a VIP pay
 * nothing for them. The table is the memory: what the config no longer lists is found there.
 */
#include "src/dataplane/internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>

#include "bpf/service.h"
#include "src/base/auto.h"

/* The i-th address of the three lists. */
static const struct addr *listed(const struct config_node *node, size_t i, uint32_t *kind)
{
	*kind = LB_VIP_DECAP_BALANCE;
	if (i < node->n_decap_balance)
		return &node->decap_balance[i];
	i -= node->n_decap_balance;
	*kind = LB_VIP_DECAP_EGRESS;
	if (i < node->n_decap_egress)
		return &node->decap_egress[i];
	*kind = LB_VIP_DECAP_LOCAL;
	return &node->decap_local[i - node->n_decap_egress];
}

static size_t n_listed(const struct config_node *node)
{
	return node->n_decap_balance + node->n_decap_egress + node->n_decap_local;
}

static struct prefix host(const struct addr *addr)
{
	return (struct prefix){ .addr = *addr, .len = addr_is_ipv4(addr) ? 32 : 128 };
}

/* The record of an address, or LB_NONE. */
static uint32_t record_find(const struct dataplane *dp, const struct addr *addr)
{
	uint32_t words[4], index;

	words_from_addr(words, addr);
	index = addr_is_ipv4(addr) ? lb_find_vip4(dp->tables, words[3])
				   : lb_find_vip6(dp->tables, words);
	return index != LB_NONE && index >= LB_VIPS ? index & (LB_VIPS - 1) : LB_NONE;
}

static void record_del(struct dataplane *dp, uint32_t index)
{
	struct prefix prefix = vip_prefix(&dp->tables->vips[index]);

	vip_unpublish(dp, &prefix);
	DP_TABLE(dp, dp->tables->vips[index].flags, 0);
}

static bool is_listed(const struct config_node *node, const struct addr *addr)
{
	uint32_t kind;

	for (size_t i = 0; i < n_listed(node); i++) {
		if (addr_eq(listed(node, i, &kind), addr))
			return true;
	}
	return false;
}

static void remove_others(struct dataplane *dp, const struct config_node *node)
{
	for (uint32_t i = 0; i < LB_VIPS; i++) {
		struct prefix prefix;

		if (!(dp->tables->vips[i].flags & LB_VIP_DECAP))
			continue;
		prefix = vip_prefix(&dp->tables->vips[i]);
		if (!is_listed(node, &prefix.addr))
			record_del(dp, i);
	}
}

/* Add what is not there yet; the indices go to added. */
static int add_missing(struct dataplane *dp, const struct config_node *node, uint32_t *added,
		       size_t *n_added, struct err *err)
{
	uint32_t port = (uint32_t)htons(node->decap_gue_port) << 16, kind;

	for (size_t i = 0; i < n_listed(node); i++) {
		const struct addr *addr = listed(node, i, &kind);
		struct prefix prefix = host(addr);
		int r;

		if (record_find(dp, addr) != LB_NONE)
			continue;
		r = vip_add(dp, &prefix, kind | port, &added[*n_added], err);
		if (r == -EBUSY)
			err_set(err, r,
				"decap: %s is still a VIP; remove that in one reload and list the "
				"address in the next",
				ADDR_STR(addr));
		if (r < 0)
			return r;
		(*n_added)++;
	}
	return 0;
}

static void set_kinds(struct dataplane *dp, const struct config_node *node)
{
	uint32_t port = (uint32_t)htons(node->decap_gue_port) << 16, kind;

	for (size_t i = 0; i < n_listed(node); i++) {
		uint32_t index = record_find(dp, listed(node, i, &kind));

		DP_TABLE(dp, dp->tables->vips[index & (LB_VIPS - 1)].flags,
			 LB_VIP_USED | kind | port);
	}
}

int node_decap_apply(struct dataplane *dp, const struct config_node *node, struct err *err)
{
	AUTO(freep) uint32_t *added = calloc(n_listed(node) + 1, sizeof(*added));
	size_t n_added = 0;
	int r;

	if (!added)
		return err_set(err, -ENOMEM, "no memory for the list of decap addresses");
	r = add_missing(dp, node, added, &n_added, err);
	if (r < 0) {
		while (n_added)
			record_del(dp, added[--n_added]);
		return r;
	}
	set_kinds(dp, node);
	remove_others(dp, node);
	return 0;
}
