/* SPDX-License-Identifier: Apache-2.0 */
/*
 * view_diff.c - what `shoal diff` needs to know of the running node: its config as text, what its
 * rings are made of now, and which VIPs stand in bgpd. The comparison is made by the command, for
 * it builds two rings a pool, which is not for the loop.
 */
#include <stdlib.h>
#include <string.h>

#include "src/ctl/list.h"

#define CHUNK 32768 /* bytes of text in a row */

/* The config's text, kept from the first row to the last; of one config at a time. */
static struct {
	char generation[CONFIG_GENERATION_LEN + 1];
	char *text;
	size_t len;
} printed;

static void forget(void)
{
	free(printed.text);
	printed.text = NULL;
	printed.len = 0;
}

/* The text of the config in force; "" when memory is short. */
static void print(const struct view *view)
{
	const struct config *config = core_config(view->daemon->core);

	if (printed.text && strcmp(printed.generation, config->generation) == 0)
		return;
	forget();
	if (config_print(config, &printed.text) < 0)
		printed.text = NULL;
	printed.len = printed.text ? strlen(printed.text) : 0;
	strcpy(printed.generation, config->generation);
}

enum { GROUP_TEXT, GROUP_VIPS, GROUP_REALS };

static size_t diff_groups(const struct view *view)
{
	return GROUP_REALS + core_n_pools(view->daemon->core);
}

static size_t diff_rows(const struct view *view, size_t group)
{
	if (group == GROUP_TEXT) {
		print(view);
		return printed.len / CHUNK + 1;
	}
	if (group == GROUP_VIPS)
		return core_n_vips(view->daemon->core);
	return core_pool(view->daemon->core, (uint32_t)group - GROUP_REALS)->config->n_reals;
}

static json_t *diff_path(const struct view *view, size_t group)
{
	(void)view;
	return json_pack("[s]", group == GROUP_TEXT   ? "config"
				: group == GROUP_VIPS ? "vips"
						      : "reals");
}

/* Where the i-th chunk begins: between two characters. */
static size_t chunk_start(size_t i)
{
	size_t at = i * CHUNK;

	if (at >= printed.len)
		return printed.len;
	while (at > 0 && ((unsigned char)printed.text[at] & 0xc0) == 0x80)
		at--;
	return at;
}

static json_t *text_row(const struct view *view, size_t i)
{
	size_t from, to;

	print(view);
	from = chunk_start(i);
	to = chunk_start(i + 1);
	return printed.text ? json_stringn(printed.text + from, to - from) : NULL;
}

static json_t *vip_row(const struct view *view, size_t i)
{
	const struct core_vip *vip = core_vip(view->daemon->core, (uint32_t)i);

	return vip ? json_pack("{s:s, s:s}", "prefix", PREFIX_STR(&vip->prefix), "state",
			       vip_state_str(vip->state))
		   : NULL;
}

/* What the ring is made of, not what the checks say: overrides and slow start are in it. */
static json_t *real_row(const struct view *view, uint32_t pool, size_t i)
{
	const struct ring_real *real = &core_desired(view->daemon->core)->pools[pool].ring[i];
	const struct config_pool *config = core_pool(view->daemon->core, pool)->config;

	return json_pack("{s:s, s:s, s:b, s:b, s:b, s:b, s:i}", "pool", config->name, "address",
			 ADDR_STR(&config->reals[i].addr), "takes_new_flows", real->takes_new_flows,
			 "is_never_kept", real->never_kept, "has_no_way", real->has_no_way,
			 "is_out", real->is_out, "withheld", (int)real->withheld);
}

static json_t *diff_row(const struct view *view, size_t group, size_t i)
{
	if (group == GROUP_TEXT)
		return text_row(view, i);
	if (group == GROUP_VIPS)
		return vip_row(view, i);
	return real_row(view, (uint32_t)group - GROUP_REALS, i);
}

static json_t *diff_rest(const struct view *view)
{
	forget();
	return json_pack("{s:s, s:s, s:[], s:[], s:[]}", "file", view->daemon->config_file,
			 "generation", core_config(view->daemon->core)->generation, "config",
			 "vips", "reals");
}

const struct list_kind list_diff = {
	.n_groups = diff_groups,
	.n_rows = diff_rows,
	.path = diff_path,
	.row = diff_row,
	.rest = diff_rest,
};
