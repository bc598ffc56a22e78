/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.h - the checked, immutable configuration.
 *
 * config_load() turns a YAML file into one `struct config` that lives in one arena and is freed
 * whole. Everything is resolved: names are indices, ranges are sorted, defaults are filled in.
 * Nobody writes to it after loading. Objects keep the order of the file; runtime state is matched
 * between configs by address (VIP), address+protocol+port (service) and pool+address (real).
 *
 * The schema table (schema.c) drives parser, defaults, canonical print and the reference page.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "src/base/addr.h"
#include "src/base/err.h"
#include "src/base/usec.h"

#define CONFIG_GENERATION_LEN 16 /* hex digits */
#define CONFIG_NAME_MAX       63 /* bytes of a name of anything */

enum config_xdp_mode { CONFIG_XDP_AUTO, CONFIG_XDP_NATIVE, CONFIG_XDP_GENERIC };
enum config_switch { CONFIG_AUTO, CONFIG_ON, CONFIG_OFF };
enum config_encap { CONFIG_ENCAP_IPIP, CONFIG_ENCAP_GUE };
enum config_ring { CONFIG_RING_HANDOVER, CONFIG_RING_REBUILD };
enum config_all_down { CONFIG_ALL_DOWN_WITHDRAW, CONFIG_ALL_DOWN_OPEN, CONFIG_ALL_DOWN_HOLD };
enum config_announce_when { CONFIG_ANNOUNCE_ALL, CONFIG_ANNOUNCE_ANY };
enum config_unserved { CONFIG_UNSERVED_DROP, CONFIG_UNSERVED_PASS };
enum config_hash {
	CONFIG_HASH_5_TUPLE,
	CONFIG_HASH_ALL_PORTS,
	CONFIG_HASH_SOURCE_IP,
	CONFIG_HASH_DESTINATION_PORT,
};
enum config_track { CONFIG_TRACK_MOVING, CONFIG_TRACK_ALL, CONFIG_TRACK_NONE };
enum config_server_ids { CONFIG_SERVER_IDS_NONE, CONFIG_SERVER_IDS_POOL, CONFIG_SERVER_IDS_ANY };
enum config_via { CONFIG_VIA_TUNNEL, CONFIG_VIA_DIRECT };
enum config_drain_add { CONFIG_DRAIN_ADD_NONE, CONFIG_DRAIN_ADD_PREPEND, CONFIG_DRAIN_ADD_MED };
enum config_loss_then { CONFIG_LOSS_DRAIN, CONFIG_LOSS_WITHDRAW, CONFIG_LOSS_KEEP };
enum config_check_type {
	CONFIG_CHECK_TCP,
	CONFIG_CHECK_HTTP,
	CONFIG_CHECK_HTTPS,
	CONFIG_CHECK_TLS,
	CONFIG_CHECK_GRPC,
	CONFIG_CHECK_DNS,
	CONFIG_CHECK_UDP,
	CONFIG_CHECK_ICMP,
	CONFIG_CHECK_EXEC,
};

enum config_method { CONFIG_METHOD_GET, CONFIG_METHOD_HEAD, CONFIG_METHOD_OPTIONS };
enum config_http_version { CONFIG_HTTP_1_1, CONFIG_HTTP_2 };
enum config_transport { CONFIG_TRANSPORT_UDP, CONFIG_TRANSPORT_TCP };
/* As on the wire. Source: RFC 1035, 3.2.2; RFC 3596; RFC 2782; RFC 8659. */
enum config_record {
	CONFIG_RECORD_A = 1,
	CONFIG_RECORD_NS = 2,
	CONFIG_RECORD_CNAME = 5,
	CONFIG_RECORD_SOA = 6,
	CONFIG_RECORD_PTR = 12,
	CONFIG_RECORD_MX = 15,
	CONFIG_RECORD_TXT = 16,
	CONFIG_RECORD_AAAA = 28,
	CONFIG_RECORD_SRV = 33,
	CONFIG_RECORD_CAA = 257,
};
/* As on the wire. Source: RFC 1035, 4.1.1. */
enum config_rcode {
	CONFIG_RCODE_NOERROR = 0,
	CONFIG_RCODE_FORMERR = 1,
	CONFIG_RCODE_SERVFAIL = 2,
	CONFIG_RCODE_NXDOMAIN = 3,
	CONFIG_RCODE_NOTIMP = 4,
	CONFIG_RCODE_REFUSED = 5,
};

struct config_range {
	uint32_t first, last; /* inclusive */
};

/* Any bytes, zeros too. */
struct config_bytes {
	const uint8_t *bytes; /* NULL: none */
	size_t len;
};

struct config_node {
	const char *name;
	const char *const *uplinks; /* interface names */
	size_t n_uplinks;
	enum config_xdp_mode xdp_mode;
	bool has_next_hop_mac; /* else followed from the kernel */
	uint8_t next_hop_mac[6];
	uint32_t mtu_bytes;        /* largest outer packet; 0: the uplink's */
	uint32_t client_mtu_bytes; /* largest client packet; 0: the uplink's */
	enum config_switch mss_clamp;
	bool has_encap_source4, has_encap_source6;
	struct addr encap_source4, encap_source6;
	uint64_t flow_table;       /* entries */
	const char *hash_key_file; /* NULL: none */
	usec_t idle_us;
	const struct addr *decap_balance, *decap_egress, *decap_local;
	size_t n_decap_balance, n_decap_egress, n_decap_local;
	uint16_t decap_gue_port;
};

struct config_peer {
	const char *name;
	const char *interface; /* unnumbered: the interface; NULL when addr is set */
	struct addr addr;
};

struct config_loss {
	usec_t hold_us;
	enum config_loss_then then;
};

struct config_routing {
	bool present;    /* false in files made for `check` and `simulate` only */
	const char *vty; /* directory of the vty sockets */
	uint32_t local_as;
	const struct prefix *vip_ranges;
	size_t n_vip_ranges;
	const struct config_peer *peers;
	size_t n_peers;
	uint32_t require_peers;
	usec_t warm_up_us, hold_down_us, linger_us;
	uint64_t drain_until_pps;
	usec_t drain_timeout_us;
	enum config_drain_add drain_add; /* beside 65535:0 */
	struct config_loss on_controller_loss, on_dataplane_loss;
	usec_t common_mode_within_us, common_mode_for_us;
	enum config_loss_then common_mode_then; /* keep means hold */
	const char *fpm; /* "127.0.0.1:2620", where zebra connects; NULL: not wanted */
};

/* True when the prefix lies inside vip-ranges: its lines and routes are Shoal's. */
static inline bool config_owns(const struct config_routing *routing, const struct prefix *prefix)
{
	for (size_t i = 0; i < routing->n_vip_ranges; i++)
		if (prefix_has_prefix(&routing->vip_ranges[i], prefix))
			return true;
	return false;
}

struct config_check {
	const char *name;
	enum config_check_type type;
	enum config_method method;
	const char *path, *host;    /* http, https; host may be NULL: the address */
	const char *sni;            /* with TLS; NULL: the host */
	const char *const *headers; /* "Name: value" */
	size_t n_headers;
	const struct config_range *status;
	size_t n_status;
	const char *body_contains, *body_matches; /* NULL: any body will do */
	enum config_http_version http_version;
	bool tls;                 /* grpc */
	bool verify;              /* the certificate */
	usec_t expiry_warning_us; /* 0: none */
	const char *const *alpn;
	size_t n_alpn;
	const char *grpc_service; /* NULL: the server as a whole */
	const char *query;        /* dns: the name asked for */
	enum config_record record;
	enum config_rcode rcode;
	const char *const *answers; /* that must all be in the answer */
	size_t n_answers;
	enum config_transport transport;
	struct config_bytes send, expect; /* tcp, udp */
	const char *const *argv;          /* exec; the program's path first */
	size_t n_argv;
	const struct config_range *exit_codes;
	size_t n_exit_codes;
	uint16_t port; /* 0: the service's port */
	usec_t interval_us, fast_interval_us, slow_interval_us, timeout_us;
	uint32_t jitter_percent;
	uint32_t rise, fall;
	enum config_via via;
	usec_t mtu_probe_us; /* 0: none */
	const char *ca_file; /* with TLS; NULL is the system's store */
};

/* Whether a kind of check goes to a port at all. */
static inline bool config_check_has_port(enum config_check_type type)
{
	return type != CONFIG_CHECK_ICMP && type != CONFIG_CHECK_EXEC;
}

/* Whether that port is one of UDP. */
static inline bool config_check_is_udp(const struct config_check *check)
{
	return check->type == CONFIG_CHECK_UDP ||
	       (check->type == CONFIG_CHECK_DNS && check->transport == CONFIG_TRANSPORT_UDP);
}

struct config_real {
	const char *name;
	struct addr addr;
	uint32_t weight;    /* >= 1 */
	uint32_t server_id; /* 0: none */
	bool is_local;      /* this host */
	bool is_backup;
};

struct config_pool {
	const char *name;
	const uint32_t *checks; /* indices into config.checks; none: every real counts as up */
	size_t n_checks;
	enum config_encap encap;
	uint16_t gue_port;
	uint32_t quorum_return, quorum_stay; /* healthy, enabled reals */
	enum config_ring ring;
	usec_t slow_start_us;
	uint32_t depool_floor_percent, depool_floor_count; /* one of them, or both 0 */
	enum config_all_down all_down;
	const struct config_real *reals;
	size_t n_reals;
};

struct config_source_route {
	struct prefix source;
	uint32_t real; /* index into the pool's reals */
};

/* One protocol and port; a line `{tcp: [80, 443], ...}` of the file becomes two. */
struct config_service {
	uint8_t proto; /* IPPROTO_TCP or IPPROTO_UDP */
	uint16_t port; /* host order; 0 matches every port */
	uint32_t pool; /* index into config.pools */
	bool quic, tcp_server_id, stable_udp, migrate_udp;
	enum config_server_ids server_ids;
	enum config_hash hash;
	enum config_track track;
	uint64_t rate; /* new flows a second; 0: no limit */
	const struct prefix *drop_sources;
	size_t n_drop_sources;
	const struct config_source_route *source_routes;
	size_t n_source_routes;
};

struct config_vip {
	const char *name;
	struct prefix prefix;
	enum config_announce_when announce_when;
	enum config_unserved unserved;
	const char *const *communities; /* "65010:100", sorted */
	size_t n_communities;
	const char *const *large_communities;
	size_t n_large_communities;
	bool has_med, has_local_preference;
	uint32_t med, local_preference;
	const struct config_service *services;
	size_t n_services;
};

struct config {
	char generation[CONFIG_GENERATION_LEN + 1]; /* hash of the canonical print */
	const char *file;                           /* as given to config_load() */
	struct config_node node;
	struct config_routing routing;
	const char *web_listen; /* "127.0.0.1:9108" */
	const struct config_check *checks;
	size_t n_checks;
	const struct config_pool *pools;
	size_t n_pools;
	const struct config_vip *vips;
	size_t n_vips;
	struct arena *arena; /* owns every byte above */
};

/* What a program needs to be there: shoald needs node and routing, check and simulate do not. */
enum config_need { CONFIG_NEED_SERVICES, CONFIG_NEED_NODE };

/* What was found in a file; owned by the caller, fini with config_report_fini(). */
struct config_report {
	char *text;      /* every error and warning, each with file:line:col, source line, caret */
	unsigned errors; /* 0: the config is good */
	unsigned warnings; /* settings this version reads but does not carry out, and doubtful ones
			    */
	bool is_syntax;    /* the (only) error is one of YAML syntax */
};

void config_report_fini(struct config_report *report);

/*
 * config_load - read and check one file of at most 16 MiB.
 * @file:   path, also the name in messages.
 * @need:   which sections must be there.
 * @ret:    the config on success; config_free() ends it.
 * @report: always filled: the first syntax error, or all semantic ones, then the warnings.
 * Returns 0, -EINVAL for a bad file, another negative errno when it could not be read.
 */
int config_load(const char *file, enum config_need need, struct config **ret,
		struct config_report *report);

/* config_load() of text in memory; file names it in messages. The fuzz target's entry. */
int config_parse(const char *file, const char *text, size_t len, enum config_need need,
		 struct config **ret, struct config_report *report);

/* Free the config and everything it points to; NULL is fine. */
void config_free(struct config *config);

/*
 * config_print - the canonical YAML: every setting with its value, fixed order, parses to the same
 * config, never a secret. *ret is malloc'ed text for the caller to free. Returns 0 or -ENOMEM.
 */
int config_print(const struct config *config, char **ret);

/* The words of the enums as the file spells them, for status and logs. */
const char *config_encap_str(enum config_encap encap);
const char *config_check_type_str(enum config_check_type type);
const char *config_loss_then_str(enum config_loss_then then);

/*
 * The i-th key that differs and that a running shoald cannot change, or NULL: shoald has to be
 * restarted for it.
 */
const char *config_restart_key(const struct config *a, const struct config *b, size_t i);

/* "203.0.113.10:443/tcp", "[2001:db8::1]:443/tcp", "203.0.113.10:any/udp"; prefixes as
 * "a.b.c.0/24:80/tcp". */
#define CONFIG_SERVICE_TEXT_MAX 72
const char *config_service_print(const struct config_vip *vip, const struct config_service *service,
				 char buf[CONFIG_SERVICE_TEXT_MAX]);

/*
 * config_write_reference - the reference of all keys, types, defaults and meanings, from the
 * schema table: Markdown (docs/config.md) or roff (shoal.yaml.5).
 */
enum config_reference { CONFIG_REFERENCE_MARKDOWN, CONFIG_REFERENCE_ROFF };
void config_write_reference(FILE *out, enum config_reference form);

/*
 * The pools and reals of a loaded config by name and address, each found in constant time. Names
 * are unique among pools, and names and addresses of reals within one pool; across pools a name or
 * address may come often.
 */
#define CONFIG_NONE UINT32_MAX /* no index */

struct config_lookup;

/* Where a real stands: indices into config.pools and pool.reals. */
struct config_place {
	uint32_t pool, real;
};

/* NULL: no memory. The config outlives it; config_lookup_free() ends it, NULL is fine. */
struct config_lookup *config_lookup_new(const struct config *config);
void config_lookup_free(struct config_lookup *lookup);

/* The pool of this name, or CONFIG_NONE. */
uint32_t config_lookup_pool(const struct config_lookup *lookup, const char *name);
/* The real of a pool by its name or by its address, or CONFIG_NONE. */
uint32_t config_lookup_name(const struct config_lookup *lookup, uint32_t pool, const char *name);
uint32_t config_lookup_addr(const struct config_lookup *lookup, uint32_t pool,
			    const struct addr *addr);

/*
 * The reals of all pools with this name or address, in the order of the pools: *cursor starts as 0,
 * false ends them.
 */
bool config_lookup_next_named(const struct config_lookup *lookup, const char *name,
			      uint32_t *cursor, struct config_place *ret);
bool config_lookup_next_at(const struct config_lookup *lookup, const struct addr *addr,
			   uint32_t *cursor, struct config_place *ret);
