/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vectors_tunnel.c - decapsulation addresses of the balancer in a suite. With upstream's strict
 * destinations, tunnels to the balancer's own sources are opened for the host.
 */
#include "tests/packet/vectors.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "src/dataplane/internal.h"

#define FLAG_EGRESS   2
#define ADDRESSES_MAX 6 /* as upstream */

static struct addr balance[ADDRESSES_MAX], egress[ADDRESSES_MAX], local[2];

uint16_t vector_port(const json_t *suite, const char *name, uint16_t fallback)
{
	size_t i, len = strlen(name);
	json_t *define;

	json_array_foreach (json_object_get(suite, "bpf_build_defines"), i, define) {
		const char *text = json_string_value(define);

		if (!strncmp(text, "-D", 2) && !strncmp(text + 2, name, len) &&
		    text[2 + len] == '=')
			return (uint16_t)strtoul(text + 3 + len, NULL, 10);
	}
	return fallback;
}

static bool is_strict(const json_t *suite)
{
	size_t i;
	json_t *define;

	json_array_foreach (json_object_get(suite, "bpf_build_defines"), i, define) {
		if (!strcmp(json_string_value(define), "-DDECAP_STRICT_DESTINATION"))
			return true;
	}
	return false;
}

int vector_tunnel_init(struct vector_balancer *balancer, const json_t *suite, struct err *err)
{
	struct config_node *node = &balancer->config.node;

	if (balancer->is_own) /* its config has them all */
		return 0;
	local[0] = node->encap_source4;
	local[1] = node->encap_source6;
	node->decap_balance = balance;
	node->decap_egress = egress;
	node->decap_local = local;
	node->n_decap_local = is_strict(suite) ? 2 : 0;
	node->decap_gue_port = balancer->gue_port;
	return dataplane_reconfigure(balancer->dp, &balancer->config, err);
}

int vector_tunnel_do(struct vector_balancer *balancer, const json_t *op, struct err *err)
{
	struct config_node *node = &balancer->config.node;
	const char *text = json_string_value(json_object_get(op, "address"));
	json_int_t flags = json_integer_value(json_object_get(op, "flags"));
	struct addr addr;

	if (!text || addr_parse(text, &addr) < 0)
		return err_set(err, -EIO, "bad address in add_decap_dst");
	if (node->n_decap_balance + node->n_decap_egress == ADDRESSES_MAX)
		return err_set(err, -EIO, "more decap addresses than upstream has");
	if (flags & FLAG_EGRESS)
		egress[node->n_decap_egress++] = addr;
	else
		balance[node->n_decap_balance++] = addr;
	return dataplane_reconfigure(balancer->dp, &balancer->config, err);
}
