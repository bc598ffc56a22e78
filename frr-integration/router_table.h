/* SPDX-License-Identifier: Apache-2.0 */
/*
 * router_table.h - what the router port knows and wants per prefix. Pure: no sockets, no clock.
 *
 * An entry holds the line as it was last read or last commanded, and at most one wanted change:
 * a newer wish replaces an older one, and a wish that is in force already is none. Wishes wait in
 * six lists, by operation and family, so that withdrawals leave first and the writer changes
 * the address family rarely.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "frr-integration/bgp_config.h"
#include "frr-integration/route_map.h"
#include "frr-integration/router.h"
#include "src/base/addr.h"
#include "src/base/err.h"
#include "src/config/config.h"

/* One distinct attribute set of the config with its two maps, [0] as configured, [1] the twin. */
struct router_set {
	struct route_attrs attrs[2];
	char name[2][ROUTE_MAP_NAME_MAX];
	bool exists[2];   /* a map of that name, as last read */
	bool intact[2];   /* and with exactly our content */
	bool is_in_use;   /* a line that was asked for names one of the two */
	bool is_needed;   /* that, or a wish waits that will; see router_table_mark_needed() */
	bool is_verified; /* read back intact since the writer's batch began */
};

struct router_entry {
	struct prefix prefix;
	struct router_set *set; /* NULL: no VIP of the config */
	bool has_line, line_has_more;
	bool was_as_asked; /* before the last read */
	char map[ROUTE_MAP_NAME_MAX];
	bool is_wanted;           /* a wish waits, of this kind: */
	bool is_forced;           /* write it even though the line looks right: its map was gone */
	bool is_unsettled;        /* written, and not yet seen where it leads */
	bool is_asked;            /* the owner asked for what the line says, on this connection */
	enum router_op op, asked; /* asked: the last wish, also one that was in force already */
	usec_t told_at;           /* bgpd answered to `op`; 0: not told on this connection */
	char *refused; /* bgpd's words when it refused that line; owned, NULL: it took it */
	TAILQ_ENTRY(router_entry) link; /* while is_wanted */
};

TAILQ_HEAD(router_entries, router_entry);

struct router_table {
	struct router_set *sets;
	size_t n_sets;
	struct router_entry **entries; /* sorted by prefix; owned */
	size_t n_entries, entries_size;
	struct router_entries wanted[ROUTER_OP_MAX][2]; /* [1]: IPv6 */
	size_t n_wanted;
	char (*obsolete)[ROUTE_MAP_NAME_MAX]; /* maps of ours that nothing needs any more */
	size_t n_obsolete;
	bool is_read; /* once on this connection: what differs from then on, somebody else wrote */
	/* Found by the last read: lines and maps that were not as left. */
	size_t n_changed_lines, n_changed_maps;
	struct prefix changed_line; /* the first of them */
	char changed_map[ROUTE_MAP_NAME_MAX];
	const struct config_routing *routing; /* borrowed: vip_ranges */
};

/*
 * router_table_init - sets and entries of a config, nothing wanted, no lines known.
 * Returns 0, -ENOMEM, or what route_attrs_of() says. config is borrowed until _fini.
 */
int router_table_init(struct router_table *table, const struct config *config, struct err *err);
void router_table_fini(struct router_table *table);

/* The struct was copied to another place: call before using it there; nothing may be wanted. */
void router_table_moved(struct router_table *table);

struct router_entry *router_table_find(const struct router_table *table,
				       const struct prefix *prefix);
/* Find or make; NULL without memory. */
struct router_entry *router_table_get(struct router_table *table, const struct prefix *prefix);

/*
 * router_table_want - wish one operation, instead of the one that may be waiting.
 * Returns true when there is something to write now.
 */
bool router_table_want(struct router_table *table, struct router_entry *entry, enum router_op op);
void router_table_unwant(struct router_table *table, struct router_entry *entry);
/* Drop every wish, and what was asked for with them. */
void router_table_unwant_all(struct router_table *table);

/* The next wish in writing order, those of the current family first; NULL when there is none. */
struct router_entry *router_table_next(struct router_table *table, bool current_is_v6);

/* True when the line that stands is the one the operation leads to. */
bool router_entry_is_in_force(const struct router_entry *entry, enum router_op op);
/* Note that a command went through, or that bgpd refused it in these words. */
void router_entry_written(struct router_entry *entry, enum router_op op, usec_t now);
void router_entry_refused(struct router_entry *entry, enum router_op op, const char *words,
			  usec_t now);

/*
 * router_table_read - take over what `show running-config` says: lines inside vip-ranges, which
 * maps are intact, and which are obsolete: named by no line and of no VIP of the config. Wishes in
 * force already are dropped. Returns 0 or -ENOMEM.
 */
int router_table_read(struct router_table *table, const struct bgp_config *config);

/*
 * router_table_repair - wish again what was asked for and stands on a map that is missing or was
 * edited. A line nobody asked for yet (saved, or of a controller before) is left as it is: mending
 * its map could announce it.
 * Returns true when a map of a set in use has to be written.
 */
bool router_table_repair(struct router_table *table);

/* True when a map has to be made before any wish of this set can be written. */
bool router_set_is_broken(const struct router_set *set);
/* Set is_needed of every set from lines and wishes as they are now. */
void router_table_mark_needed(struct router_table *table);

/* The name of the map an entry's line carries after the operation; "" for a withdrawal. */
const char *router_entry_map(const struct router_entry *entry, enum router_op op);
