/* SPDX-License-Identifier: Apache-2.0 */
/*
 * paths.h - carries what the kernel says of uplinks and of the ways to the reals to whom it
 * concerns: the core (is it usable?), the data plane (attachment, next-hop records) and the
 * probe path (outer headers of marked probes).
 *
 * An XDP program found missing is told to the core first and attached again a second later, so
 * that the withdrawal goes out before any attempt to mend. Called by src/main.c on the main loop.
 */
#pragma once

#include <stdbool.h>

#include "src/base/addr.h"
#include "src/base/err.h"
#include "src/base/usec.h"
#include "src/config/config.h"

struct core;
struct dataplane;
struct event_base;
struct net;
struct paths;
struct prober;
struct repairs;
struct router;

struct paths_options {
	struct event_base *base;
	const struct config *config; /* borrowed until paths_reload() or paths_free() */
	struct core *core;
	struct dataplane *dataplane;
	struct prober *prober;
	const char *bpffs_dir;      /* borrowed */
	void (*changed)(void *arg); /* the core took an event: make a pass soon */
	void *arg;
	struct repairs *repairs; /* counted here; NULL: nobody does */
};

/* Follow uplinks and reals, set up the probe path when a check needs it. */
int paths_new(const struct paths_options *options, struct paths **ret, struct err *err);
void paths_free(struct paths *paths);
/*
 * paths_prepare - the part of a reload that may fail: the probe path is opened when a check needs
 * it, new reals are watched. What is there goes on by the former config.
 */
int paths_prepare(struct paths *paths, const struct config *config, struct err *err);
/* After paths_prepare(), and after prober and core went over to config. */
void paths_reload(struct paths *paths, const struct config *config);

/* Write the next hops of a real that just got its index. */
void paths_real_programmed(struct paths *paths, const struct addr *real);

/* One that left the config was deleted from the data plane: its way is of no interest any more. */
void paths_real_deleted(struct paths *paths, const struct addr *real);

/* Once a second: attachment still there? attach what is missing, mend the probe path. */
void paths_check(struct paths *paths, usec_t now);

/*
 * Whether tunnelled probes of a real have been getting onto the wire since `since` (boottime): the
 * path whole, its mark mapped, a next hop there. Looks, and mends what is broken.
 */
bool paths_probe_path_is_whole(struct paths *paths, uint32_t pool, uint32_t real, usec_t since);

/*
 * paths_peers_are_cut_off - whether the uplinks of all established peers are without carrier or
 * next hop, see peer_ways.h.
 */
bool paths_peers_are_cut_off(struct paths *paths, const struct router *router);

/* True when every uplink was seen or found missing; *ret_attached gets how many carry XDP. */
bool paths_is_started(const struct paths *paths, unsigned *ret_attached);
/* The last sentence on why an uplink carries no XDP, or "". */
const char *paths_sentence(const struct paths *paths);

struct net *paths_net(const struct paths *paths);
