/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bgp_json.h - readers of bgpd's JSON answers. Pure: text in, values out.
 *
 * What a reader needs must be there under the name and with the type that FRR 8.4 to 10 use; a
 * field that is missing, renamed or of another type is one sentence and -EBADMSG, never a guess:
 * an empty answer and an answer not understood must not look alike. Fields not needed are ignored.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/addr.h"
#include "src/base/err.h"

#define BGP_PEER_KEY_MAX 64

/* One neighbour of `show bgp summary json`, its address families joined. */
struct bgp_peer {
	char key[BGP_PEER_KEY_MAX]; /* as bgpd keys it: address or interface */
	bool in_ipv4, in_ipv6;      /* activated for that family */
	bool is_established;
	char state[32];     /* bgpd's word: "Established", "Active", "Idle (Admin)" */
	uint64_t uptime_ms; /* of the session; 0 when not established */
	uint32_t sent4, sent6;
	uint32_t dropped; /* sessions lost since bgpd started */
};

struct bgp_summary {
	bool has_as; /* false: no instance, or one without any neighbour */
	uint32_t as;
	struct bgp_peer *peers;
	size_t n_peers;
};

/* bgp_json_summary - `show bgp summary json`. Returns 0, -EBADMSG, -ENOMEM; end with _fini. */
int bgp_json_summary(const char *text, size_t len, struct bgp_summary *ret, struct err *err);
void bgp_summary_fini(struct bgp_summary *summary);
const struct bgp_peer *bgp_summary_find(const struct bgp_summary *summary, const char *key);

/* Prefixes, sorted and without repeats. Zeroed memory is an empty set. */
struct bgp_prefixes {
	struct prefix *items;
	size_t n, size;
};

void bgp_prefixes_fini(struct bgp_prefixes *prefixes);
bool bgp_prefixes_has(const struct bgp_prefixes *prefixes, const struct prefix *prefix);

/*
 * bgp_json_advertised - `show bgp ipv4|ipv6 unicast neighbors P advertised-routes json`: what
 * stands in the Adj-RIB-Out. An unknown neighbour is an empty set. Returns as above.
 */
int bgp_json_advertised(const char *text, size_t len, struct bgp_prefixes *ret, struct err *err);

/*
 * bgp_json_local - `show bgp ipv4|ipv6 unicast [P longer-prefixes | community C] json`: the
 * prefixes this bgpd originates itself and found valid. Adds to *ret, so that several answers make
 * one set.
 */
int bgp_json_local(const char *text, size_t len, uint32_t local_as, struct bgp_prefixes *ret,
		   struct err *err);

/* BFD of a session as bgpd sees it. */
enum bgp_bfd {
	BGP_BFD_NONE, /* bgpd does not ask for it */
	BGP_BFD_UP,
	BGP_BFD_DOWN,
	BGP_BFD_ADMIN_DOWN,
	BGP_BFD_UNKNOWN, /* bfdd does not run, or a word we do not know */
	BGP_BFD_MAX,
};

const char *bgp_bfd_str(enum bgp_bfd bfd);

/* What a neighbour's configuration does to what is sent in one address family. */
struct bgp_export {
	bool lacks_policy;  /* eBGP that requires a policy, and has none: nothing is sent */
	uint32_t max_out;   /* maximum-prefix-out; 0: none */
	const char *filter; /* its outgoing route-map, or another filter; NULL: none */
};

/* One neighbour of `show bgp neighbors json`; the texts last as long as the call. */
struct bgp_neighbour {
	const char *key; /* as bgpd keys it: address or interface */
	uint32_t remote_as;
	const char *last_reset;   /* bgpd's reason, "" when it never had one */
	const char *notification; /* the last one sent or received, "" when none */
	uint64_t reset_ms;        /* ago; 0 when not told */
	enum bgp_bfd bfd;
	uint64_t bfd_ms; /* since its last change; 0 when not told */
	uint32_t bfd_rx_ms, bfd_tx_ms, bfd_multiplier;
	struct bgp_export out[2]; /* [1]: IPv6 */
};

/*
 * bgp_json_neighbours - calls fn for each neighbour of `show bgp neighbors json`. Nothing in it
 * proves an announcement, so what is missing there, or of another type, is unknown and no error.
 */
typedef void bgp_neighbour_fn(void *arg, const struct bgp_neighbour *neighbour);
int bgp_json_neighbours(const char *text, size_t len, bgp_neighbour_fn *fn, void *arg,
			struct err *err);
