/* SPDX-License-Identifier: Apache-2.0 */
/*
 * router_write.c - the writer.
 *
 * A batch: `show running-config` again, so that nothing is written on an old picture; the maps that
 * are missing or edited, then read back; then the lines, withdrawals first. `router bgp` without
 * a number enters the default instance and never creates one, `router bgp AS` after it fails when
 * it is another's: together they keep an instance deleted meanwhile from coming back through us.
 * The owner is asked before each line that changes anything.
 */
#include <stdio.h>
#include <string.h>

#include "frr-integration/router_private.h"
#include "src/base/log.h"

/* After so many lines the batch ends, and the next begins with a fresh picture. */
#define WRITE_LINES_MAX 1000
/* Of a batch; a longer one is summed up. */
#define LOGGED_LINES_MAX 32
/* Making the same maps again and again means somebody else removes them. */
#define WRITE_ROUNDS_MAX 3

/* Until a new try after one that failed or was forbidden. */
#define ABANDONED_PAUSE_US (250 * USEC_PER_MSEC)

#define SETTLE_FIRST_US (60 * USEC_PER_MSEC)
#define SETTLE_FOR_US   (5 * USEC_PER_SEC)

static void read_config(struct router *router);
static void write_maps(struct router *router);
static void enter_instance(struct router *router);
static void write_lines(struct router *router);

bool router_write_is_due(const struct router *router)
{
	return router->life == ROUTER_READY && router->read_at != 0 &&
	       (router->table.n_wanted > 0 || router->repair_is_due);
}

/* ---- the end of a batch ---- */

static void on_batch_end(void *arg, const struct vty_reply *reply)
{
	struct router *router = arg;

	router_count(router, reply);
	if (router->write.n_lines > LOGGED_LINES_MAX)
		log_info("router_lines", "written=%u", router->write.n_lines);
	if (router->write.n_lines > 0) {
		usec_t now = usec_now();

		router->settle_until = now + SETTLE_FOR_US;
		router->settle_pause = SETTLE_FIRST_US;
		router->read_due = now + SETTLE_FIRST_US;
		router->fault[0] = '\0';
	}
	router_flow_end(router);
}

static void leave(struct router *router)
{
	router_ask(router, on_batch_end, "end");
}

/* Nothing of this batch goes on; the truth is read again before anything else is tried. */
static void abandon(struct router *router)
{
	usec_t soon = usec_now() + ABANDONED_PAUSE_US;

	router_table_unwant_all(&router->table);
	router->repair_is_due = false;
	if (router->read_due > soon)
		router->read_due = soon;
	leave(router);
}

static bool may_write(struct router *router)
{
	return router->callbacks.may_write(router->callbacks.arg);
}

/* True when bgpd took the line; otherwise the batch is over. */
static bool step_went_through(struct router *router, const struct vty_reply *reply)
{
	router_count(router, reply);
	if (reply->status == VTY_SUCCESS)
		return true;
	router_fault(router, "'%.100s': %s: %.200s", reply->command, vty_status_str(reply->status),
		     reply->text);
	abandon(router);
	return false;
}

/* ---- the picture and the maps ---- */

/* The next map of a needed set that is not as it should be; moves write.set and write.twin. */
static bool find_broken_map(struct router *router)
{
	struct router_write *write = &router->write;

	for (; write->set < router->table.n_sets; write->set++, write->twin = 0) {
		const struct router_set *set = &router->table.sets[write->set];

		for (; set->is_needed && write->twin < 2; write->twin++)
			if (!set->intact[write->twin])
				return true;
	}
	return false;
}

static void on_maps_left(void *arg, const struct vty_reply *reply)
{
	struct router *router = arg;

	router_count(router, reply);
	read_config(router);
}

static void on_map_line(void *arg, const struct vty_reply *reply)
{
	struct router *router = arg;

	if (!step_went_through(router, reply))
		return;
	log_info("router_line", "map=%s line=%s took_us=%llu",
		 router->table.sets[router->write.set].name[router->write.twin],
		 LOG_QUOTE(reply->command), (unsigned long long)reply->took_us);
	router->stats.writes++;
	router->write.line++;
	write_maps(router);
}

static void on_obsolete(void *arg, const struct vty_reply *reply)
{
	struct router *router = arg;

	/* One that will not go is no reason to stop. */
	router_count(router, reply);
	router->write.obsolete++;
	write_maps(router);
}

/* The line of the map at write.set and write.twin, false when that map is done. */
static bool map_command(struct router *router, char *command, size_t size)
{
	struct router_write *write = &router->write;
	const struct router_set *set = &router->table.sets[write->set];
	const char *name = set->name[write->twin];

	/* Line 0 clears what stands there; bgpd looks at the map only later, so that routes do
	 * not see it gone. */
	if (write->line == 0 && !set->exists[write->twin])
		write->line = 1;
	if (write->line == 0)
		return snprintf(command, size, "no route-map %s", name) > 0;
	return route_map_command(name, &set->attrs[write->twin], write->line - 1, command, size);
}

/* The next line of the maps to make, then obsolete ones to remove, then the end. */
static void write_maps(struct router *router)
{
	struct router_write *write = &router->write;
	bool is_broken = find_broken_map(router);
	char command[VTY_COMMAND_MAX + 2];

	while (is_broken && !map_command(router, command, sizeof(command))) {
		write->line = 0;
		write->twin++;
		is_broken = find_broken_map(router);
	}
	if (!is_broken && write->obsolete >= router->table.n_obsolete)
		router_ask(router, on_maps_left, "end");
	else if (!may_write(router))
		abandon(router);
	else if (is_broken)
		router_ask(router, on_map_line, "%s", command);
	else
		router_ask(router, on_obsolete, "no route-map %s",
			   router->table.obsolete[write->obsolete]);
}

static void on_config_mode_for_maps(void *arg, const struct vty_reply *reply)
{
	struct router *router = arg;

	if (step_went_through(router, reply))
		write_maps(router);
}

static void on_config(void *arg, const struct vty_reply *reply)
{
	struct router *router = arg;
	struct router_write *write = &router->write;
	struct bgp_config config;
	struct err err;
	int r;

	router_count(router, reply);
	if (bgp_config_parse(reply->text, &config, &err) < 0) {
		router_give_up(router, err.text);
		return;
	}
	r = router_table_read(&router->table, &config);
	bgp_config_fini(&config);
	if (r < 0) {
		router_give_up(router, "read-back: out of memory");
		return;
	}
	router_table_mark_needed(&router->table);
	write->set = 0;
	write->twin = 0;
	write->line = 0;
	if (!find_broken_map(router) && write->obsolete >= router->table.n_obsolete) {
		router->repair_is_due = false;
		for (size_t i = 0; i < router->table.n_sets; i++)
			router->table.sets[i].is_verified = router->table.sets[i].is_needed;
		enter_instance(router);
	} else if (write->set < router->table.n_sets && write->rounds++ == WRITE_ROUNDS_MAX) {
		router_fault(router, "route-map %s does not stay as it was written",
			     router->table.sets[write->set].name[write->twin]);
		abandon(router);
	} else {
		router_ask(router, on_config_mode_for_maps, "configure terminal");
	}
}

static void read_config(struct router *router)
{
	router_ask(router, on_config, "show running-config");
}

void router_write_start(struct router *router)
{
	memset(&router->write, 0, sizeof(router->write));
	for (size_t i = 0; i < router->table.n_sets; i++)
		router->table.sets[i].is_verified = false;
	read_config(router);
}

/* ---- the lines ---- */

static void on_instance_of_as(void *arg, const struct vty_reply *reply)
{
	struct router *router = arg;

	if (step_went_through(router, reply))
		write_lines(router);
}

static void on_instance(void *arg, const struct vty_reply *reply)
{
	struct router *router = arg;

	/* With instances of VRFs beside it the default one needs its number. */
	if (reply->status != VTY_SUCCESS && !strstr(reply->text, "specify ASN")) {
		step_went_through(router, reply);
		return;
	}
	router_count(router, reply);
	router_ask(router, on_instance_of_as, "router bgp %u", router->config->routing.local_as);
}

static void on_config_mode(void *arg, const struct vty_reply *reply)
{
	struct router *router = arg;

	if (step_went_through(router, reply))
		router_ask(router, on_instance, "router bgp");
}

static void enter_instance(struct router *router)
{
	if (router->table.n_wanted == 0) {
		if (router->write.rounds > 0) /* what was made shows, also without a line */
			router->read_due = 0;
		router_flow_end(router);
	} else
		router_ask(router, on_config_mode, "configure terminal");
}

/* Thousands of lines would cost as much as writing them; what becomes of each VIP is told anyway.
 */
static void log_line(const struct router_write *write, const struct vty_reply *reply)
{
	static const char *const words[ROUTER_OP_MAX] = {
		[ROUTER_WITHDRAW] = "withdraw",
		[ROUTER_DRAIN] = "drain",
		[ROUTER_ANNOUNCE] = "announce",
	};

	log_event(write->n_lines <= LOGGED_LINES_MAX ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG,
		  "router_line", "prefix=%s op=%s map=%s line=%s took_us=%llu",
		  PREFIX_STR(&write->entry->prefix), words[write->op], LOG_QUOTE(write->entry->map),
		  LOG_QUOTE(reply->command), (unsigned long long)reply->took_us);
}

/* A withdrawal of what is gone already ends where it should. */
static bool line_went_through(const struct router_write *write, const struct vty_reply *reply)
{
	return reply->status == VTY_SUCCESS ||
	       (write->op == ROUTER_WITHDRAW && reply->status == VTY_CONFIG_FAILED);
}

static void on_line(void *arg, const struct vty_reply *reply)
{
	struct router *router = arg;
	struct router_write *write = &router->write;

	router_count(router, reply);
	write->n_lines++;
	if (line_went_through(write, reply)) {
		router->stats.writes++;
		router_entry_written(write->entry, write->op, usec_now());
		log_line(write, reply);
	} else {
		router_entry_refused(write->entry, write->op, reply->text, usec_now());
		router_fault(router, "'%.100s': %s: %.200s", reply->command,
			     vty_status_str(reply->status), reply->text);
	}
	write_lines(router);
}

static void on_family(void *arg, const struct vty_reply *reply)
{
	struct router *router = arg;

	if (!step_went_through(router, reply))
		return;
	router->write.is_in_family = true;
	write_lines(router);
}

static void on_family_left(void *arg, const struct vty_reply *reply)
{
	struct router *router = arg;

	if (!step_went_through(router, reply))
		return;
	router->write.is_in_family = false;
	write_lines(router);
}

static void send_line(struct router *router, struct router_entry *entry)
{
	struct router_write *write = &router->write;

	write->entry = entry;
	write->op = entry->op;
	router_table_unwant(&router->table, entry);
	if (write->op == ROUTER_WITHDRAW)
		router_ask(router, on_line, "no network %s", PREFIX_STR(&entry->prefix));
	else
		router_ask(router, on_line, "network %s route-map %s", PREFIX_STR(&entry->prefix),
			   router_entry_map(entry, write->op));
}

/* The next line, or what has to come before it, or the end. */
static void write_lines(struct router *router)
{
	struct router_write *write = &router->write;
	struct router_entry *entry = router_table_next(&router->table, write->family_is_v6);
	bool is_v6;

	if (!entry || write->n_lines >= WRITE_LINES_MAX ||
	    (entry->op != ROUTER_WITHDRAW && !entry->set->is_verified)) {
		leave(router);
		return;
	}
	is_v6 = !addr_is_ipv4(&entry->prefix.addr);
	if (write->is_in_family && write->family_is_v6 != is_v6) {
		router_ask(router, on_family_left, "exit-address-family");
	} else if (!write->is_in_family) {
		write->family_is_v6 = is_v6;
		router_ask(router, on_family, "address-family %s unicast", is_v6 ? "ipv6" : "ipv4");
	} else if (!may_write(router)) {
		abandon(router);
	} else {
		send_line(router, entry);
	}
}
