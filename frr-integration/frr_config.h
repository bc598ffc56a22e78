/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frr_config.h - the frr.conf of a node, written from its Shoal config.
 *
 * Shoal knows its AS, its ranges and who its neighbours are; what only the operator knows (the
 * neighbours' AS, a password, what the routers can do) comes as struct frr_options. `shoal doctor`
 * takes the same options and compares the running FRR with the same wishes, so the two agree.
 *
 * Each neighbour is told in full, so that a line says what holds and can be repeated for one of
 * them. Only GTSM comes by a peer group: FRR 8.4 takes a neighbour with `ttl-security` of its own
 * for one some hops away and opens a multihop BFD session, which no router on the link answers. A
 * member of a group that had GTSM before it joined gets the right one.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "src/base/addr.h"
#include "src/base/err.h"
#include "src/config/config.h"

/* The longest key of TCP-MD5 (TCP_MD5SIG_MAXKEYLEN). */
#define FRR_PASSWORD_MAX 80

#define FRR_GTSM_GROUP   "TOR"
#define FRR_BFD_PROFILE  "shoal"
#define FRR_BFD_MS       100
#define FRR_BFD_MULTIPLE 3
#define FRR_KEEPALIVE_S  3
#define FRR_HOLD_S       9

struct frr_peer_options {
	char as[16]; /* "external", "internal" or a number */
	bool is_internal;
	char *password; /* owned; NULL: none */
};

struct frr_options {
	struct frr_peer_options *peers; /* owned; as many as config.routing.peers */
	size_t n_peers;
	bool has_router_id;
	struct addr router_id; /* IPv4 */
	bool has_bfd, has_gtsm;
	bool takes_default;   /* imports the default route; else nothing */
	bool hides_passwords; /* leaves their lines out */
};

/* Which daemon's part: for hosts where each reads a file of its own. */
enum frr_part { FRR_PART_ALL, FRR_PART_BGPD, FRR_PART_ZEBRA, FRR_PART_BFDD };

/*
 * frr_options_init - what holds when the operator says nothing: external neighbours, BFD, GTSM, no
 * import, and encap-source's IPv4 address as router id.
 * Returns 0 or -ENOMEM. frr_options_fini() wipes the passwords.
 */
int frr_options_init(struct frr_options *options, const struct config *config);
void frr_options_fini(struct frr_options *options);

/*
 * frr_options_set_as - the AS of one neighbour (NULL: of all): a number, external or internal.
 * frr_options_set_password_file - its password from a file that nobody else may read.
 * Both return 0, or a negative errno with the sentence.
 */
int frr_options_set_as(struct frr_options *options, const struct config *config, const char *peer,
		       const char *as, struct err *err);
int frr_options_set_password_file(struct frr_options *options, const struct config *config,
				  const char *peer, const char *file, struct err *err);

/* Write the configuration. Returns 0, or -EINVAL with what the options lack. */
int frr_config_print(const struct config *config, const struct frr_options *options,
		     enum frr_part part, FILE *out, struct err *err);

/* ---- the wishes one by one, for whoever compares ---- */

/* How bgpd calls a neighbour: its address, or its interface. */
const char *frr_peer_key(const struct config_peer *peer, char buf[ADDR_TEXT_MAX]);
/* Whether the node has VIPs of the family: whether it has a range of it. */
bool frr_has_family(const struct config *config, bool is_v6);
/* Whether IPv4 VIPs need RFC 8950 on the neighbour: a numbered session over IPv6. */
bool frr_needs_extended_nexthop(const struct config *config, const struct config_peer *peer);
/* The fuse: at most so many prefixes of the family leave. */
unsigned frr_maximum_prefix_out(const struct config *config, bool is_v6);
/* Prefix list and route-map of the export policy of a family, a line each. */
void frr_print_export(const struct config *config, bool is_v6, FILE *out);
const char *frr_export_list(bool is_v6);
const char *frr_export_map(bool is_v6);
/* Whether the neighbour has GTSM by the group, and the lines of the group. */
bool frr_is_grouped(const struct config *config, const struct frr_options *options, size_t peer);
void frr_print_group(FILE *out);
/* The lines of a neighbour outside address families, and those inside one. */
void frr_print_neighbour(const struct config *config, const struct frr_options *options,
			 size_t peer, FILE *out);
void frr_print_neighbour_family(const struct config *config, size_t peer, bool is_v6, FILE *out);
