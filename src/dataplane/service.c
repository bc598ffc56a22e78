/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service.c - VIPs and services.
 *
 * A VIP's record lives as long as it is declared or has a service. Record and counter of a
 * service are separate: a changed service gets a new record and keeps its counter. Free records
 * are taken in turn, so that one is not written again while a packet may still look at it.
 */
#include "src/dataplane/internal.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/service.h"
#include "src/dataplane/lb_skel.h"

_Static_assert((int)CONFIG_ENCAP_IPIP == (int)LB_ENCAP_IPIP &&
		       (int)CONFIG_ENCAP_GUE == (int)LB_ENCAP_GUE,
	       "encapsulations are numbered alike");
_Static_assert((int)CONFIG_HASH_5_TUPLE == (int)LB_HASH_5_TUPLE &&
		       (int)CONFIG_HASH_ALL_PORTS == (int)LB_HASH_ALL_PORTS &&
		       (int)CONFIG_HASH_SOURCE_IP == (int)LB_HASH_SOURCE_IP &&
		       (int)CONFIG_HASH_DESTINATION_PORT == (int)LB_HASH_DESTINATION_PORT,
	       "hash modes are numbered alike");

/* ---- VIPs ---- */

static uint8_t mapped_len(const struct prefix *prefix)
{
	return (uint8_t)(addr_is_ipv4(&prefix->addr) ? 96 + prefix->len : prefix->len);
}

struct prefix vip_prefix(const struct lb_vip *vip)
{
	struct prefix prefix;

	memcpy(prefix.addr.bytes, vip->addr, sizeof(vip->addr));
	prefix.len = (uint8_t)(addr_is_ipv4(&prefix.addr) ? vip->len - 96 : vip->len);
	return prefix;
}

static uint32_t host_find(const struct dataplane *dp, const struct addr *addr)
{
	uint32_t words[4];

	words_from_addr(words, addr);
	return addr_is_ipv4(addr) ? lb_find_vip4(dp->tables, words[3])
				  : lb_find_vip6(dp->tables, words);
}

uint32_t vip_find(const struct dataplane *dp, const struct prefix *prefix)
{
	uint32_t words[4], index;

	if (prefix_is_host(prefix)) {
		index = host_find(dp, &prefix->addr);
		return index < LB_VIPS ? index : LB_NONE;
	}
	words_from_addr(words, &prefix->addr);
	for (uint32_t i = 0; i < LB_VIPS; i++) {
		const struct lb_vip *vip = &dp->tables->vips[i];

		if (vip->flags & LB_VIP_USED && vip->len == mapped_len(prefix) &&
		    !memcmp(vip->addr, words, sizeof(words)))
			return i;
	}
	return LB_NONE;
}

static __u64 *vip_cells(const struct dataplane *dp, const struct prefix *prefix, uint64_t *key)
{
	uint32_t words[4];

	words_from_addr(words, &prefix->addr);
	if (addr_is_ipv4(&prefix->addr)) {
		*key = LB_KEY_IPV4(words[3]);
		return dp->tables->vip4_cells;
	}
	*key = lb_key_ipv6(words);
	return dp->tables->vip6_cells;
}

static struct lb_prefix_key prefix_key(const struct prefix *prefix)
{
	struct lb_prefix_key key = { .len = 32U + mapped_len(prefix),
				     .is_ipv6 = !addr_is_ipv4(&prefix->addr) };

	words_from_addr(key.addr, &prefix->addr);
	return key;
}

/* ---- cells, noted as ours ---- */

/* What cells_put() and cells_del() may have changed for a key: its place, and, where a search may
 * end earlier now, cells before it. */
static void cells_note(struct dataplane *dp, const __u64 *cells, unsigned log2, uint64_t key)
{
	uint32_t place = lb_key_place(key, log2), first = place;

	while (first > 0 && !cells[first - 1] && kept_word(dp, &cells[first - 1]))
		first--;
	kept_note(dp, &cells[first], (place - first + LB_PROBES) * sizeof(*cells));
}

static int cells_put_kept(struct dataplane *dp, __u64 *cells, unsigned log2, uint64_t key,
			  uint32_t index)
{
	int r = cells_put(cells, log2, key, index);

	cells_note(dp, cells, log2, key);
	return r;
}

static void cells_del_kept(struct dataplane *dp, __u64 *cells, unsigned log2, uint64_t key)
{
	cells_del(cells, log2, key);
	cells_note(dp, cells, log2, key);
}

/* Let packets find the VIP. */
static int vip_publish(struct dataplane *dp, const struct prefix *prefix, uint32_t index)
{
	struct lb_prefix_key key = prefix_key(prefix);
	int map_fd = bpf_map__fd(dp->skel->maps.prefixes);
	uint64_t cell_key;
	__u64 *cells;

	if (!prefix_is_host(prefix)) {
		if (bpf_map_update_elem(map_fd, &key, &index, BPF_ANY) < 0)
			return -errno;
		DP_TABLE(dp, dp->tables->has_prefixes, dp->tables->has_prefixes + 1);
		return 0;
	}
	cells = vip_cells(dp, prefix, &cell_key);
	/* Two IPv6 addresses of one tag: the second cannot be told from the first. */
	if (lb_cells_find(cells, lb_key_place(cell_key, LB_VIP_CELLS_LOG2), cell_key) != LB_NONE)
		return -ENOSPC;
	return cells_put_kept(dp, cells, LB_VIP_CELLS_LOG2, cell_key, index);
}

void vip_unpublish(struct dataplane *dp, const struct prefix *prefix)
{
	struct lb_prefix_key key = prefix_key(prefix);
	int map_fd = bpf_map__fd(dp->skel->maps.prefixes);
	uint64_t cell_key;
	__u64 *cells;

	if (!prefix_is_host(prefix)) {
		if (bpf_map_delete_elem(map_fd, &key) == 0)
			DP_TABLE(dp, dp->tables->has_prefixes, dp->tables->has_prefixes - 1);
		return;
	}
	cells = vip_cells(dp, prefix, &cell_key);
	cells_del_kept(dp, cells, LB_VIP_CELLS_LOG2, cell_key);
}

int vip_add(struct dataplane *dp, const struct prefix *prefix, uint32_t flags, uint32_t *ret,
	    struct err *err)
{
	uint32_t index = 0, kind = flags & LB_VIP_DECAP ? LB_VIP_IS_DECAP : 0;
	struct lb_vip *vip = NULL;
	int r;

	if (prefix_is_host(prefix) && host_find(dp, &prefix->addr) != LB_NONE)
		return err_set(err, -EBUSY, "address %s is %s already", ADDR_STR(&prefix->addr),
			       kind ? "a VIP" : "one whose tunnels are opened here (decap)");
	for (uint32_t i = 0; i < LB_VIPS && !vip; i++) {
		index = (dp->next_vip + i) % LB_VIPS;
		if (!(dp->tables->vips[index].flags & LB_VIP_USED))
			vip = &dp->tables->vips[index];
	}
	if (!vip)
		return err_set(err, -ENOSPC, "VIP %s: all %d VIPs are taken", PREFIX_STR(prefix),
			       LB_VIPS);
	words_from_addr(vip->addr, &prefix->addr);
	vip->len = mapped_len(prefix);
	DP_STORE(vip->flags, LB_VIP_USED | flags);
	kept_note(dp, vip, sizeof(*vip));
	r = vip_publish(dp, prefix, index | kind);
	if (r < 0) {
		DP_TABLE(dp, vip->flags, 0);
		return err_set(err, r, "VIP %s: no room in the table of VIPs", PREFIX_STR(prefix));
	}
	dp->next_vip = index + 1;
	*ret = index;
	return 0;
}

static bool vip_has_service(const struct dataplane *dp, uint32_t vip)
{
	for (uint32_t i = 0; i < LB_SERVICES; i++) {
		if (dp->tables->services[i].flags & LB_SERVICE_USED &&
		    dp->tables->services[i].vip == vip)
			return true;
	}
	return false;
}

/* Remove the VIP when nothing holds it any more. */
static void vip_release(struct dataplane *dp, uint32_t index)
{
	struct lb_vip *vip = &dp->tables->vips[index];
	struct prefix prefix = vip_prefix(vip);

	if (vip->flags & LB_VIP_DECLARED || vip_has_service(dp, index))
		return;
	vip_unpublish(dp, &prefix);
	DP_TABLE(dp, vip->flags, 0);
}

int dataplane_set_vip(struct dataplane *dp, const struct prefix *vip, enum config_unserved unserved,
		      struct err *err)
{
	uint32_t flags = LB_VIP_USED | LB_VIP_DECLARED;
	uint32_t index = vip_find(dp, vip);
	int r = 0;

	if (index == LB_NONE)
		r = vip_add(dp, vip, 0, &index, err);
	if (r < 0)
		return r;
	if (unserved == CONFIG_UNSERVED_PASS)
		flags |= LB_VIP_UNSERVED_PASS;
	DP_TABLE(dp, dp->tables->vips[index].flags, flags);
	return 0;
}

int dataplane_del_vip(struct dataplane *dp, const struct prefix *vip, struct err *err)
{
	uint32_t index = vip_find(dp, vip);

	if (index == LB_NONE)
		return err_set(err, -ENOENT, "VIP %s is not programmed", PREFIX_STR(vip));
	DP_TABLE(dp, dp->tables->vips[index].flags, LB_VIP_USED);
	vip_release(dp, index);
	return 0;
}

/* ---- services ---- */

void services_rebuild(struct dataplane *dp)
{
	for (uint32_t i = 0; i < LB_SERVICES; i++) {
		struct lb_service *service = &dp->tables->services[i];
		uint32_t named;

		if (!(service->flags & LB_SERVICE_USED))
			continue;
		named = lb_find_service(dp->tables, service->vip, service->proto, service->port);
		/* Written or replaced, but a crash came before its cell: nobody sees it. */
		if (named != i)
			service->flags = 0;
		else
			dp->counter_used[service->counter] = true;
	}
}

const struct lb_service *service_find(const struct dataplane *dp, const struct prefix *vip,
				      uint8_t proto, uint16_t port)
{
	uint32_t index = vip_find(dp, vip);
	uint32_t service;

	if (index == LB_NONE)
		return NULL;
	service = lb_find_service(dp->tables, index, proto, htons(port));
	return service < LB_SERVICES ? &dp->tables->services[service] : NULL;
}

static struct lb_service *record_take(struct dataplane *dp)
{
	for (uint32_t i = 0; i < LB_SERVICES; i++) {
		uint32_t index = (dp->next_service + i) % LB_SERVICES;

		if (dp->tables->services[index].flags & LB_SERVICE_USED)
			continue;
		dp->next_service = index + 1;
		return &dp->tables->services[index];
	}
	return NULL;
}

static int counter_take(struct dataplane *dp, uint16_t *ret)
{
	for (uint32_t i = 0; i < SERVICES_MAX; i++) {
		uint32_t index = (dp->next_counter + i) % SERVICES_MAX;

		if (dp->counter_used[index])
			continue;
		dp->counter_used[index] = true;
		dp->next_counter = index + 1;
		for (uint32_t cpu = 0; cpu <= dp->n_cpus; cpu++) {
			dp->lines[cpu].services[index] = (struct lb_count){ 0 };
			dp->lines[cpu].opened[index] = 0;
		}
		*ret = (uint16_t)index;
		return 0;
	}
	return -ENOSPC;
}

static uint64_t service_key(const struct lb_service *service)
{
	return LB_KEY_SERVICE(service->vip, service->proto, service->port);
}

/* Write a record and let packets find it, in place of the old one where there is one. */
static int service_publish(struct dataplane *dp, const struct lb_service *record,
			   const struct lb_service *old, struct err *err)
{
	struct lb_service *place = record_take(dp);
	int r;

	if (!place)
		return err_set(err, -ENOSPC, "all %d services are taken", SERVICES_MAX);
	*place = *record;
	kept_note(dp, place, sizeof(*place));
	r = cells_put_kept(dp, dp->tables->service_cells, LB_SVC_CELLS_LOG2, service_key(record),
			   (uint32_t)(place - dp->tables->services));
	if (r < 0) {
		DP_TABLE(dp, place->flags, 0);
		return err_set(err, r, "no room in the table of services");
	}
	former_count(dp, record, 1);
	if (old) {
		former_count(dp, old, -1);
		DP_TABLE(dp, dp->tables->services[old - dp->tables->services].flags,
			 old->flags & ~LB_SERVICE_USED);
	}
	return 0;
}

static int service_check(const struct dataplane *dp, const struct dataplane_service *service,
			 struct err *err)
{
	if (service->ring >= dp->n_rings || !dp->ring_used[service->ring])
		return err_set(err, -EINVAL, "service of VIP %s: there is no ring number %u",
			       PREFIX_STR(&service->vip), service->ring);
	return 0;
}

/* Which ports count. As with katran, any address of a prefix is found without a port. */
uint32_t service_port_flags(const struct dataplane_service *service)
{
	uint32_t flags = 0;

	if (service->hash == CONFIG_HASH_SOURCE_IP)
		flags |= LB_SERVICE_NO_SPORT;
	if ((service->port == 0 || !prefix_is_host(&service->vip)) &&
	    service->hash != CONFIG_HASH_ALL_PORTS && service->hash != CONFIG_HASH_DESTINATION_PORT)
		flags |= LB_SERVICE_NO_DPORT;
	return flags;
}

static uint32_t flags_of(const struct dataplane_service *service)
{
	const struct {
		bool is_set;
		uint32_t flag;
	} rows[] = {
		{ service->track == CONFIG_TRACK_NONE, LB_SERVICE_TRACK_NONE },
		{ service->track == CONFIG_TRACK_ALL, LB_SERVICE_TRACK_ALL },
		{ service->quic, LB_SERVICE_QUIC },
		{ service->tcp_server_id, LB_SERVICE_TCP_ID },
		{ service->stable_udp, LB_SERVICE_UDP_ID },
		{ service->server_ids == CONFIG_SERVER_IDS_ANY, LB_SERVICE_IDS_ANY },
		{ service->migrate_udp, LB_SERVICE_MIGRATE_UDP },
		{ service->n_source_routes, LB_SERVICE_SOURCES },
		{ service->n_drop_sources, LB_SERVICE_DROPS },
		{ service->rate, LB_SERVICE_RATE },
	};
	uint32_t flags = LB_SERVICE_USED | service_port_flags(service);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		flags |= rows[i].is_set ? rows[i].flag : 0;
	return flags;
}

/* All but VIP and counter, which are the data plane's own. */
static struct lb_service record_of(const struct dataplane *dp,
				   const struct dataplane_service *service)
{
	bool has_ring = service->ring < dp->n_rings;

	return (struct lb_service){
		.ring = service->ring,
		.ring_key = has_ring ? dp->rings[service->ring].key : 0,
		.port = htons(service->port),
		.gue_port = htons(service->gue_port),
		.proto = service->proto,
		.encap = (uint8_t)service->encap,
		.hash = (uint8_t)service->hash,
		.flags = flags_of(service) | watch_flag(dp, service->ring, service->proto),
		.rate = service->rate < UINT32_MAX ? (uint32_t)service->rate : UINT32_MAX
	};
}

bool service_asks(const struct lb_service *service)
{
	return service->flags & (LB_SERVICE_TRACK_NONE | LB_SERVICE_TRACK_ALL | LB_SERVICE_QUIC |
				 LB_SERVICE_TCP_ID | LB_SERVICE_FORMER);
}

/* Whether some flows of the service will be asked for only where their slot is not steady. */
static bool stops_asking(const struct dataplane *dp, const struct lb_service *old,
			 const struct lb_service *record, const struct source_lists *lists)
{
	if (old->flags & LB_SERVICE_TRACK_NONE || service_asks(record))
		return false;
	return service_asks(old) || sources_lose_routes(dp, record->counter, lists);
}

/* With its rules; record->counter is taken. */
static int service_put(struct dataplane *dp, const struct dataplane_service *service,
		       const struct lb_service *record, const struct lb_service *old,
		       struct err *err)
{
	struct source_lists lists;
	int r = source_lists_make(dp, record->counter, service, &lists, err);

	if (r < 0)
		return r;
	r = sources_add(dp, record->counter, &lists, err);
	if (r < 0) {
		source_lists_fini(&lists);
		return r;
	}
	if (old && stops_asking(dp, old, record, &lists))
		ring_keep_remembered(dp, record->ring);
	if (!old || memcmp(record, old, sizeof(*record)) != 0)
		r = service_publish(dp, record, old, err);
	if (r < 0)
		sources_undo(dp, record->counter, &lists);
	else
		sources_keep(dp, record->counter, &lists);
	return r;
}

static int service_add(struct dataplane *dp, const struct dataplane_service *service,
		       struct lb_service *record, struct err *err)
{
	int r = counter_take(dp, &record->counter);

	if (r < 0)
		return err_set(err, r, "all %d services are taken", SERVICES_MAX);
	DP_STORE(dp->tables->rates[record->counter], 0);
	r = service_put(dp, service, record, NULL, err);
	if (r < 0)
		dp->counter_used[record->counter] = false;
	return r;
}

int dataplane_set_service(struct dataplane *dp, const struct dataplane_service *service,
			  struct err *err)
{
	struct lb_service record = record_of(dp, service);
	const struct lb_service *old;
	uint32_t vip = vip_find(dp, &service->vip);
	int r = service_check(dp, service, err);

	if (!r && vip == LB_NONE)
		r = vip_add(dp, &service->vip, 0, &vip, err);
	if (r < 0)
		return r;
	record.vip = (uint16_t)vip;
	old = service_find(dp, &service->vip, service->proto, service->port);
	if (old) {
		record.counter = old->counter;
		former_note(dp, old, &record);
		r = service_put(dp, service, &record, old, err);
	} else {
		r = service_add(dp, service, &record, err);
	}
	if (r < 0)
		vip_release(dp, vip);
	return r;
}

bool dataplane_service_stands(const struct dataplane *dp, const struct dataplane_service *service)
{
	const struct lb_service *found =
		service_find(dp, &service->vip, service->proto, service->port);
	struct lb_service record = record_of(dp, service);
	struct source_lists lists;
	struct err err;
	bool stands;

	if (!found)
		return false;
	record.vip = found->vip;
	record.counter = found->counter;
	record.flags |= found->flags & LB_SERVICE_FORMER;
	if (memcmp(&record, found, sizeof(record)) != 0 ||
	    source_lists_make(dp, record.counter, service, &lists, &err) < 0)
		return false;
	stands = sources_equal(dp, record.counter, &lists);
	source_lists_fini(&lists);
	return stands;
}

int dataplane_del_service(struct dataplane *dp, const struct prefix *vip, uint8_t proto,
			  uint16_t port, struct err *err)
{
	const struct lb_service *found = service_find(dp, vip, proto, port);
	struct source_lists none = { 0 };
	struct lb_service *service;

	if (!found)
		return err_set(err, -ENOENT, "VIP %s has no service %u/%s", PREFIX_STR(vip), port,
			       proto == IPPROTO_TCP ? "tcp" : "udp");
	service = &dp->tables->services[found - dp->tables->services];
	cells_del_kept(dp, dp->tables->service_cells, LB_SVC_CELLS_LOG2, service_key(service));
	former_count(dp, service, -1);
	DP_TABLE(dp, service->flags, service->flags & ~LB_SERVICE_USED);
	sources_keep(dp, service->counter, &none);
	dp->counter_used[service->counter] = false;
	vip_release(dp, service->vip);
	return 0;
}

static enum config_track track_of(uint32_t flags)
{
	if (flags & LB_SERVICE_TRACK_NONE)
		return CONFIG_TRACK_NONE;
	return flags & LB_SERVICE_TRACK_ALL ? CONFIG_TRACK_ALL : CONFIG_TRACK_MOVING;
}

static enum config_server_ids ids_of(uint32_t flags)
{
	if (!(flags & (LB_SERVICE_QUIC | LB_SERVICE_TCP_ID | LB_SERVICE_UDP_ID)))
		return CONFIG_SERVER_IDS_NONE;
	return flags & LB_SERVICE_IDS_ANY ? CONFIG_SERVER_IDS_ANY : CONFIG_SERVER_IDS_POOL;
}

int dataplane_list_services(const struct dataplane *dp, struct dataplane_service **ret, size_t *n,
			    struct err *err)
{
	struct dataplane_service *list = calloc(LB_SERVICES, sizeof(*list));
	size_t count = 0;

	if (!list)
		return err_set(err, -ENOMEM, "no memory for the list of services");
	for (uint32_t i = 0; i < LB_SERVICES; i++) {
		const struct lb_service *service = &dp->tables->services[i];

		if (!(service->flags & LB_SERVICE_USED))
			continue;
		list[count++] = (struct dataplane_service){
			.vip = vip_prefix(&dp->tables->vips[service->vip]),
			.proto = service->proto,
			.port = ntohs(service->port),
			.ring = service->ring,
			.encap = (enum config_encap)service->encap,
			.gue_port = ntohs(service->gue_port),
			.hash = (enum config_hash)service->hash,
			.track = track_of(service->flags),
			.quic = service->flags & LB_SERVICE_QUIC,
			.tcp_server_id = service->flags & LB_SERVICE_TCP_ID,
			.stable_udp = service->flags & LB_SERVICE_UDP_ID,
			.migrate_udp = service->flags & LB_SERVICE_MIGRATE_UDP,
			.server_ids = ids_of(service->flags),
			.rate = service->rate,
		};
	}
	*ret = list;
	*n = count;
	return 0;
}
