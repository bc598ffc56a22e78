/* SPDX-License-Identifier: Apache-2.0 */
#include "frr-integration/router_table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/auto.h"

static struct router_set *find_set(const struct router_table *table,
				   const struct route_attrs *attrs)
{
	for (size_t i = 0; i < table->n_sets; i++)
		if (route_attrs_eq(&table->sets[i].attrs[0], attrs))
			return &table->sets[i];
	return NULL;
}

/* A set for each distinct list of attributes; table->sets has room for one per VIP. */
static int init_sets(struct router_table *table, const struct config *config, struct err *err)
{
	table->sets = calloc(config->n_vips ? config->n_vips : 1, sizeof(*table->sets));
	if (!table->sets)
		return err_set(err, -ENOMEM, "route-maps: %m");
	for (size_t i = 0; i < config->n_vips; i++) {
		const struct config_vip *vip = &config->vips[i];
		struct router_set *set = &table->sets[table->n_sets];
		int r = route_attrs_of(vip, &set->attrs[0], err);

		if (r < 0)
			return r;
		if (find_set(table, &set->attrs[0]))
			continue;
		set->attrs[1] = set->attrs[0];
		r = route_attrs_drain(&config->routing, &set->attrs[1]);
		if (r < 0)
			return err_set(err, r, "VIP %s: no room for the community of a drain",
				       vip->name);
		route_map_name(&set->attrs[0], false, set->name[0]);
		route_map_name(&set->attrs[0], true, set->name[1]);
		table->n_sets++;
	}
	return 0;
}

static int init_entries(struct router_table *table, const struct config *config, struct err *err)
{
	for (size_t i = 0; i < config->n_vips; i++) {
		struct router_entry *entry = router_table_get(table, &config->vips[i].prefix);
		struct route_attrs attrs;

		if (!entry)
			return err_set(err, -ENOMEM, "VIP %s: %m", config->vips[i].name);
		if (route_attrs_of(&config->vips[i], &attrs, NULL) == 0)
			entry->set = find_set(table, &attrs);
	}
	return 0;
}

void router_table_moved(struct router_table *table)
{
	for (unsigned op = 0; op < ROUTER_OP_MAX; op++)
		for (unsigned family = 0; family < 2; family++)
			TAILQ_INIT(&table->wanted[op][family]);
}

int router_table_init(struct router_table *table, const struct config *config, struct err *err)
{
	int r;

	memset(table, 0, sizeof(*table));
	table->routing = &config->routing;
	router_table_moved(table);
	r = init_sets(table, config, err);
	if (r == 0)
		r = init_entries(table, config, err);
	if (r < 0)
		router_table_fini(table);
	return r;
}

static void entry_free(struct router_entry *entry)
{
	free(entry->refused);
	free(entry);
}

void router_table_fini(struct router_table *table)
{
	for (size_t i = 0; i < table->n_entries; i++)
		entry_free(table->entries[i]);
	free(table->entries);
	free(table->sets);
	free(table->obsolete);
	memset(table, 0, sizeof(*table));
}

/* Where prefix stands or would stand. */
static size_t lower_bound(const struct router_table *table, const struct prefix *prefix)
{
	size_t low = 0, high = table->n_entries;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (prefix_cmp(&table->entries[middle]->prefix, prefix) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct router_entry *router_table_find(const struct router_table *table,
				       const struct prefix *prefix)
{
	size_t i = lower_bound(table, prefix);

	if (i < table->n_entries && prefix_eq(&table->entries[i]->prefix, prefix))
		return table->entries[i];
	return NULL;
}

static int reserve_entry(struct router_table *table)
{
	size_t size = table->entries_size ? table->entries_size * 2 : 64;
	struct router_entry **entries;

	if (table->n_entries < table->entries_size)
		return 0;
	entries = reallocarray(table->entries, size, sizeof(struct router_entry *));
	if (!entries)
		return -ENOMEM;
	table->entries = entries;
	table->entries_size = size;
	return 0;
}

struct router_entry *router_table_get(struct router_table *table, const struct prefix *prefix)
{
	struct router_entry *entry = router_table_find(table, prefix);
	size_t i;

	if (entry)
		return entry;
	if (reserve_entry(table) < 0)
		return NULL;
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return NULL;
	entry->prefix = *prefix;
	entry->was_as_asked = true; /* there was no line */
	i = lower_bound(table, prefix);
	memmove(&table->entries[i + 1], &table->entries[i],
		(table->n_entries - i) * sizeof(struct router_entry *));
	table->entries[i] = entry;
	table->n_entries++;
	return entry;
}

static bool entry_is_v6(const struct router_entry *entry)
{
	return !addr_is_ipv4(&entry->prefix.addr);
}

const char *router_entry_map(const struct router_entry *entry, enum router_op op)
{
	if (op == ROUTER_WITHDRAW || !entry->set)
		return "";
	return entry->set->name[op == ROUTER_DRAIN ? 1 : 0];
}

bool router_entry_is_in_force(const struct router_entry *entry, enum router_op op)
{
	if (op == ROUTER_WITHDRAW)
		return !entry->has_line;
	return entry->has_line && !entry->line_has_more && entry->set &&
	       strcmp(entry->map, router_entry_map(entry, op)) == 0 &&
	       entry->set->intact[op == ROUTER_DRAIN ? 1 : 0];
}

static void tell(struct router_entry *entry, enum router_op op, const char *refused, usec_t now)
{
	free(entry->refused);
	entry->refused = refused ? strndup(refused, strcspn(refused, "\r\n")) : NULL;
	entry->op = op;
	entry->told_at = now;
}

void router_entry_refused(struct router_entry *entry, enum router_op op, const char *words,
			  usec_t now)
{
	tell(entry, op, words, now);
}

void router_entry_written(struct router_entry *entry, enum router_op op, usec_t now)
{
	tell(entry, op, NULL, now);
	entry->has_line = op != ROUTER_WITHDRAW;
	entry->line_has_more = false;
	snprintf(entry->map, sizeof(entry->map), "%s", router_entry_map(entry, op));
	entry->is_unsettled = true;
}

void router_table_unwant(struct router_table *table, struct router_entry *entry)
{
	if (!entry->is_wanted)
		return;
	TAILQ_REMOVE(&table->wanted[entry->op][entry_is_v6(entry)], entry, link);
	entry->is_wanted = false;
	entry->is_forced = false;
	table->n_wanted--;
}

void router_table_unwant_all(struct router_table *table)
{
	table->is_read = false;
	for (size_t i = 0; i < table->n_entries; i++) {
		struct router_entry *entry = table->entries[i];

		router_table_unwant(table, entry);
		entry->is_asked = false;
		free(entry->refused);
		entry->refused = NULL;
		entry->told_at = 0;
	}
}

static void enlist(struct router_table *table, struct router_entry *entry, enum router_op op,
		   bool forced)
{
	router_table_unwant(table, entry);
	entry->op = op;
	entry->is_wanted = true;
	entry->is_forced = forced;
	TAILQ_INSERT_TAIL(&table->wanted[op][entry_is_v6(entry)], entry, link);
	table->n_wanted++;
}

bool router_table_want(struct router_table *table, struct router_entry *entry, enum router_op op)
{
	entry->asked = op;
	if (entry->is_wanted && entry->op == op)
		return true;
	entry->is_asked = true;
	if (router_entry_is_in_force(entry, op)) {
		router_table_unwant(table, entry);
		return false;
	}
	enlist(table, entry, op, false);
	return true;
}

struct router_entry *router_table_next(struct router_table *table, bool current_is_v6)
{
	for (unsigned op = 0; op < ROUTER_OP_MAX; op++) {
		struct router_entry *entry = TAILQ_FIRST(&table->wanted[op][current_is_v6]);

		if (!entry)
			entry = TAILQ_FIRST(&table->wanted[op][!current_is_v6]);
		if (entry)
			return entry;
	}
	return NULL;
}

/* Strangers whose line went are forgotten, or edits of years would pile up. */
static void prune(struct router_table *table)
{
	size_t kept = 0;

	for (size_t i = 0; i < table->n_entries; i++) {
		struct router_entry *entry = table->entries[i];

		if (entry->set || entry->has_line || entry->is_wanted || entry->is_unsettled)
			table->entries[kept++] = entry;
		else
			entry_free(entry);
	}
	table->n_entries = kept;
}

/* ---- what somebody else changed ---- */

static void note_map(struct router_table *table, const char *name)
{
	if (table->is_read && table->n_changed_maps++ == 0)
		snprintf(table->changed_map, sizeof(table->changed_map), "%s", name);
}

static void note_line(struct router_table *table, const struct router_entry *entry)
{
	if (table->is_read && table->n_changed_lines++ == 0)
		table->changed_line = entry->prefix;
}

/* The line is there or not, with its map, whatever that map holds. */
static bool line_is_as_asked(const struct router_entry *entry)
{
	if (!entry->is_asked || entry->asked == ROUTER_WITHDRAW)
		return !entry->has_line;
	return entry->has_line && !entry->line_has_more &&
	       strcmp(entry->map, router_entry_map(entry, entry->asked)) == 0;
}

/* Before a read. */
static void remember_line(struct router_entry *entry)
{
	entry->was_as_asked = line_is_as_asked(entry);
	entry->has_line = false;
}

/* One that stood as left and does not, and is not about to be another anyway. */
static bool line_was_changed(const struct router_entry *entry)
{
	return entry->was_as_asked && !entry->is_wanted && !line_is_as_asked(entry);
}

static void read_maps(struct router_table *table, const struct bgp_config *config)
{
	for (size_t i = 0; i < table->n_sets; i++) {
		struct router_set *set = &table->sets[i];

		set->is_in_use = false;
		for (unsigned twin = 0; twin < 2; twin++) {
			bool was_intact = set->intact[twin];

			set->exists[twin] = bgp_config_find_map(config, set->name[twin]) != NULL;
			set->intact[twin] =
				bgp_config_map_is(config, set->name[twin], &set->attrs[twin]);
			if (was_intact && !set->intact[twin])
				note_map(table, set->name[twin]);
		}
	}
}

static bool line_names_set(const struct router_entry *entry)
{
	return entry->has_line && entry->set &&
	       (strcmp(entry->map, entry->set->name[0]) == 0 ||
		strcmp(entry->map, entry->set->name[1]) == 0);
}

static int read_lines(struct router_table *table, const struct bgp_config *config)
{
	for (size_t i = 0; i < table->n_entries; i++)
		remember_line(table->entries[i]);
	for (size_t i = 0; i < config->n_lines; i++) {
		const struct bgp_config_line *line = &config->lines[i];
		struct router_entry *entry;

		if (!config_owns(table->routing, &line->prefix))
			continue;
		entry = router_table_get(table, &line->prefix);
		if (!entry)
			return -ENOMEM;
		entry->has_line = true;
		entry->line_has_more = line->has_more;
		memcpy(entry->map, line->map, sizeof(entry->map));
		if (entry->is_asked && line_names_set(entry))
			entry->set->is_in_use = true;
	}
	for (size_t i = 0; i < table->n_entries; i++)
		if (line_was_changed(table->entries[i]))
			note_line(table, table->entries[i]);
	return 0;
}

static void mark_map(const struct bgp_config *config, const char *name, bool *is_needed)
{
	const struct bgp_config_map *map = bgp_config_find_map(config, name);

	if (map)
		is_needed[map - config->maps] = true;
}

static int read_obsolete(struct router_table *table, const struct bgp_config *config)
{
	AUTO(freep) bool *is_needed = calloc(config->n_maps + 1, sizeof(*is_needed));
	char(*names)[ROUTE_MAP_NAME_MAX] = calloc(config->n_maps + 1, sizeof(*names));

	free(table->obsolete);
	table->obsolete = names;
	table->n_obsolete = 0;
	if (!is_needed || !names)
		return -ENOMEM;
	for (size_t i = 0; i < table->n_sets; i++)
		for (unsigned twin = 0; twin < 2; twin++)
			mark_map(config, table->sets[i].name[twin], is_needed);
	for (size_t i = 0; i < config->n_lines; i++)
		mark_map(config, config->lines[i].map, is_needed);
	/* The guard may need it when everything else is missing. */
	mark_map(config, ROUTE_MAP_PLAIN_DRAIN, is_needed);
	for (size_t i = 0; i < config->n_maps; i++)
		if (!is_needed[i])
			memcpy(names[table->n_obsolete++], config->maps[i].name, sizeof(*names));
	return 0;
}

int router_table_read(struct router_table *table, const struct bgp_config *config)
{
	int r;

	table->n_changed_lines = table->n_changed_maps = 0;
	read_maps(table, config);
	r = read_lines(table, config);
	if (r == 0)
		r = read_obsolete(table, config);
	if (r < 0)
		return r;
	for (size_t i = 0; i < table->n_entries; i++) {
		struct router_entry *entry = table->entries[i];

		if (entry->is_wanted && !entry->is_forced &&
		    router_entry_is_in_force(entry, entry->op))
			router_table_unwant(table, entry);
	}
	prune(table);
	table->is_read = true;
	return 0;
}

bool router_set_is_broken(const struct router_set *set)
{
	return !set->intact[0] || !set->intact[1];
}

void router_table_mark_needed(struct router_table *table)
{
	for (size_t i = 0; i < table->n_sets; i++)
		table->sets[i].is_needed = table->sets[i].is_in_use;
	for (size_t i = 0; i < table->n_entries; i++) {
		const struct router_entry *entry = table->entries[i];

		if (entry->set && entry->is_wanted && entry->op != ROUTER_WITHDRAW)
			entry->set->is_needed = true;
	}
}

bool router_table_repair(struct router_table *table)
{
	bool broken = false;

	for (size_t i = 0; i < table->n_sets; i++)
		broken |= table->sets[i].is_in_use && router_set_is_broken(&table->sets[i]);
	if (!broken)
		return false;
	for (size_t i = 0; i < table->n_entries; i++) {
		struct router_entry *entry = table->entries[i];
		bool twin;

		if (entry->is_wanted || !entry->is_asked || !line_names_set(entry))
			continue;
		twin = strcmp(entry->map, entry->set->name[1]) == 0;
		if (!entry->set->intact[twin])
			enlist(table, entry, twin ? ROUTER_DRAIN : ROUTER_ANNOUNCE, true);
	}
	return true;
}
