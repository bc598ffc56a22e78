/* SPDX-License-Identifier: Apache-2.0 */
/* restart.c - what is fixed when the data plane is loaded, or bgpd's socket opened. */
#include <string.h>

#include "src/config/config.h"

static bool strings_equal(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool uplinks_equal(const struct config_node *a, const struct config_node *b)
{
	bool equal = a->n_uplinks == b->n_uplinks;

	for (size_t i = 0; equal && i < a->n_uplinks; i++)
		equal = strcmp(a->uplinks[i], b->uplinks[i]) == 0;
	return equal;
}

const char *config_restart_key(const struct config *a, const struct config *b, size_t i)
{
	const struct {
		const char *key;
		bool differs;
	} rows[] = {
		{ "node.uplinks", !uplinks_equal(&a->node, &b->node) },
		{ "node.xdp-mode", a->node.xdp_mode != b->node.xdp_mode },
		{ "node.flow-table", a->node.flow_table != b->node.flow_table },
		{ "node.hash-key-file",
		  !strings_equal(a->node.hash_key_file, b->node.hash_key_file) },
		{ "routing.vty", !strings_equal(a->routing.vty, b->routing.vty) },
		{ "routing.local-as", a->routing.local_as != b->routing.local_as },
	};

	for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++)
		if (rows[k].differs && i-- == 0)
			return rows[k].key;
	return NULL;
}
