/* SPDX-License-Identifier: Apache-2.0 */
/*
 * view.h - what shoald knows, as JSON. Every function only reads; each result is the caller's
 * reference. docs/cli.md lists the fields.
 *
 * Moments come twice: "since_us", wall clock in microseconds since 1970, and "age_s", seconds. Both
 * are null when there is no such moment.
 */
#pragma once

#include <jansson.h>

#include "src/base/err.h"
#include "src/ctl/commands.h"

struct router_peer;

struct view {
	const struct commands_context *daemon;
	usec_t now;
	uint64_t wall_us;
};

/* The context as of now. */
struct view view_now(const struct commands_context *context);

/* detail: also services, pools and reals, which the screen of a large node does not show. */
enum view_detail { VIEW_BRIEF, VIEW_FULL };
json_t *view_version(const struct view *view);
/* What somebody else changed and was put back, by kind. */
json_t *view_repairs(const struct view *view);
/* A reload that waits to be confirmed, or was not; null when there is none. */
json_t *view_trial(const struct view *view);

/* The chain of causes of one thing; NULL with the sentence when it names nothing. */
json_t *view_why(const struct view *view, const char *thing, struct err *err);

/*
 * Where a packet of a flow goes: args as of the command flow, "proto", "source", "destination",
 * "is_syn". NULL with the sentence.
 */
json_t *view_flow(const struct view *view, const json_t *args, struct err *err);

/* What an operator should look at now, worst first: [{level, thing, text, command}]. */
json_t *view_alarms(const struct view *view);

/*
 * Why traffic should not be expected here: an array of sentences, empty when it should. A VIP that
 * lost its servers is no reason, for that is not the node's failure.
 */
json_t *view_not_ready(const struct view *view);

/* ---- parts of the above ---- */

json_t *view_vip(const struct view *view, const struct core_vip *vip, enum view_detail detail);
json_t *view_pool(const struct view *view, uint32_t pool);
json_t *view_real(const struct view *view, uint32_t pool, uint32_t real);
/* What each check says of a real. */
json_t *view_checks(const struct view *view, uint32_t pool, uint32_t real);
/* How long the passing probes of a pool took. */
json_t *view_latency(const struct view *view, uint32_t pool);
struct dataplane_counts;
/* The counters as they were when this view first asked. */
const struct dataplane_counts *view_counts(const struct view *view);
json_t *view_next_hops(const struct view *view, const struct addr *real);
/* Which real an address is, as {"pool", "real", "address"}; pool and real null when it is none. */
json_t *view_address(const struct view *view, uint32_t pool, const struct addr *addr);
json_t *view_router(const struct view *view);
json_t *view_peer(const struct view *view, const struct router_peer *peer);
/* From what shall be to each peer that shall hold it, with the moments. */
json_t *view_route(const struct view *view, const struct core_vip *vip);
json_t *view_dataplane(const struct view *view);
/* null, or who captures, how many packets so far, since when. */
json_t *view_capture(const struct view *view);
json_t *view_prober(const struct view *view);
/* What an operator asked of a real, null: nothing. */
json_t *view_order(const struct view *view, uint32_t pool, uint32_t real);
/* Likewise of a VIP. */
json_t *view_vip_order(const struct view *view, const struct core_vip *vip);
/* null, or by whom and until when a pool is watched, with what was counted since; all of them. */
json_t *view_watch(const struct view *view, uint32_t pool);
json_t *view_watches(const struct view *view);
/* null, or what was counted for a real of a watched pool. */
json_t *view_syns(const struct view *view, uint32_t pool, uint32_t real);
/* SYNs to it come again far more often than to the other reals of its watched pool. */
bool view_real_deviates(const struct view *view, uint32_t pool, uint32_t real);
json_t *view_drain(const struct view *view, bool is_drained, const struct core_drain *drain);

/* Set "since_us" and "age_s"; since 0: null. */
void view_set_since(json_t *object, const struct view *view, usec_t since);
void view_set_since_wall(json_t *object, const struct view *view, uint64_t since_wall_us);
/* Seconds with milliseconds: enough, and short in print. */
double view_seconds(usec_t us);
/* Seconds from since until now. */
double view_age(const struct view *view, usec_t since);

/* ---- finding things by what people type ---- */

/* By name, address or prefix; CORE_NONE when there is none. */
uint32_t find_vip(const struct core *core, const char *text);
/* By name; CORE_NONE. */
uint32_t find_pool(const struct core *core, const char *text);
/* "POOL/REAL", or the name or address of a real that only one pool has. False: none, or several. */
bool find_real(const struct core *core, const char *text, uint32_t *ret_pool, uint32_t *ret_real);
/* A service of the config by "ADDRESS:PORT/PROTO" or "VIP:PORT/PROTO"; NULL. */
const struct core_service *find_service(const struct core *core, const char *text,
					const struct core_vip **ret_vip);
/* The service of a VIP with this protocol and port; NULL. */
const struct core_service *vip_service(const struct core_vip *vip, uint8_t proto, uint16_t port);
/* "203.0.113.10:443/tcp", also of a VIP that the config has no more. */
const char *service_print(const struct prefix *vip, uint8_t proto, uint16_t port,
			  char buf[CONFIG_SERVICE_TEXT_MAX]);
/* The config of the real with this address: of the pool, else (CORE_NONE or not in it) of the first
 * pool that has it; *ret_pool its pool. NULL. */
const struct config_real *find_real_addr(const struct core *core, uint32_t pool,
					 const struct addr *addr, uint32_t *ret_pool);
const struct router_peer *find_peer(const struct router *router, const char *text);
/* "no VIP 'wwww', did you mean 'www'?"; returns false for the callers' return. */
bool find_nothing(const struct view *view, const char *kind, const char *text, struct err *err);

/* The VIP's name, or its prefix when the config has it no more. */
const char *vip_name(const struct core_vip *vip, char buf[PREFIX_TEXT_MAX]);
#define VIP_NAME(vip) vip_name((vip), (char[PREFIX_TEXT_MAX]){ 0 })
/* bgpd's reason of the last reset; "" when there was none. */
const char *peer_last_reset(const struct router_peer *peer);
/* How many usable reals a pool needs now: to stay, or to return. */
uint32_t pool_need(const struct core_pool *pool);
/* What counts for quorum: usable reals, or the backups when there is none. */
uint32_t pool_usable(const struct core_pool *pool);
/* True when only backups serve. */
bool pool_is_on_backups(const struct core_pool *pool);
/* Of how many: the normal reals, or the backups while they serve. */
size_t pool_total(const struct core_pool *pool);
