/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vectors_balancer.c - provisioning operations of a suite, turned into calls of the data plane.
 * The format is described with the vectors.
 */
#include "tests/packet/vectors.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/auto.h"
#include "src/core/ring.h"
#include "src/dataplane/internal.h"

#define LO_IFINDEX 1 /* what a test run arrives on */

/* Katran's flags of a VIP, and the one of a real that a control plane sets. */
#define FLAG_NO_SOURCE_PORT   1
#define FLAG_NO_LRU           2
#define FLAG_QUIC             4
#define FLAG_DESTINATION_PORT 8
#define FLAG_SOURCE_ROUTES    16
#define FLAG_ALL_PORTS        128
#define FLAG_STABLE_UDP       256
#define FLAG_MIGRATE_UDP      512
#define REAL_LOCAL            2

static const uint8_t uplink_mac[6] = { 0x02, 0, 0, 0, 0, 0 };

size_t vector_hex(const char *text, uint8_t *out)
{
	size_t len = strlen(text) / 2;

	if (len > FRAME_MAX)
		return 0;
	for (size_t i = 0; i < len; i++) {
		unsigned byte;

		if (sscanf(text + 2 * i, "%2x", &byte) != 1)
			return 0;
		out[i] = (uint8_t)byte;
	}
	return len;
}

static int parse_mac(const char *text, uint8_t mac[6])
{
	unsigned b[6];

	if (!text ||
	    sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5]) != 6)
		return -EINVAL;
	for (int i = 0; i < 6; i++)
		mac[i] = (uint8_t)b[i];
	return 0;
}

static const char *string_at(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static void read_defines(struct vector_balancer *balancer, const json_t *suite,
			 struct private_switches *switches)
{
	const json_t *defines = json_object_get(suite, "bpf_build_defines");
	size_t i;
	json_t *define;

	balancer->gue_port = 6080;
	switches->drops_too_big = true;
	json_array_foreach (defines, i, define) {
		const char *text = json_string_value(define);

		if (!strcmp(text, "-DGUE_ENCAP"))
			balancer->encap = CONFIG_ENCAP_GUE;
		if (!strcmp(text, "-DICMP_TOOBIG_GENERATION"))
			switches->drops_too_big = false;
		if (!strcmp(text, "-DTCP_SERVER_ID_ROUTING"))
			balancer->has_tcp_ids = true;
		if (!strcmp(text, "-DUDP_STABLE_ROUTING"))
			balancer->has_stable_udp = true;
		if (!strcmp(text, "-DLPM_SRC_LOOKUP"))
			balancer->has_source_routes = true;
		if (!strcmp(text, "-DLOCAL_DELIVERY_OPTIMIZATION"))
			balancer->has_local_reals = true;
		if (!strncmp(text, "-DGUE_DPORT=", 12))
			balancer->gue_port = (uint16_t)strtoul(text + 12, NULL, 10);
	}
}

int vector_balancer_init(struct vector_balancer *balancer, const json_t *suite, struct err *err)
{
	const json_t *constants = json_object_get(suite, "constants");
	struct config_node *node = &balancer->config.node;
	struct private_switches switches = { 0 };
	int r;

	memset(balancer, 0, sizeof(*balancer));
	read_defines(balancer, suite, &switches);
	balancer->config.n_pools = VECTOR_VIPS_MAX;
	node->mtu_bytes = 9000;
	node->client_mtu_bytes = 1500;
	node->has_encap_source4 = true;
	node->has_encap_source6 = true;
	if (addr_parse(string_at(constants, "encap_src_v4"), &node->encap_source4) < 0 ||
	    addr_parse(string_at(constants, "encap_src_v6"), &node->encap_source6) < 0 ||
	    parse_mac(string_at(constants, "default_mac"), balancer->gateway) < 0)
		return err_set(err, -EIO, "bad constants");
	r = vector_own_init(balancer, suite, &switches, err);
	if (r < 0)
		return r;
	r = dataplane_open_private(&balancer->config, &switches, &balancer->dp, err);
	if (!r)
		r = vector_tunnel_init(balancer, suite, err);
	if (!r)
		r = uplink_set_private(balancer->dp, 0, "", LO_IFINDEX, uplink_mac, err);
	return r ? r : dataplane_ring_new(balancer->dp, &balancer->id_ring, err);
}

void vector_balancer_fini(struct vector_balancer *balancer)
{
	dataplane_close(balancer->dp);
}

/* ---- VIPs and reals ---- */

static struct vector_vip *find_vip(struct vector_balancer *balancer, const struct addr *addr,
				   uint8_t proto, uint16_t port)
{
	for (size_t i = 0; i < balancer->n_vips; i++) {
		struct dataplane_service *service = &balancer->vips[i].service;

		if (addr_eq(&service->vip.addr, addr) && service->proto == proto &&
		    service->port == port)
			return &balancer->vips[i];
	}
	return NULL;
}

static enum config_hash hash_of(uint32_t flags)
{
	if (flags & FLAG_DESTINATION_PORT)
		return CONFIG_HASH_DESTINATION_PORT;
	if (flags & FLAG_NO_SOURCE_PORT)
		return CONFIG_HASH_SOURCE_IP;
	return flags & FLAG_ALL_PORTS ? CONFIG_HASH_ALL_PORTS : CONFIG_HASH_5_TUPLE;
}

/*
 * Katran's behaviour in Shoal's options: every flow is remembered, an id may lead to any real, the
 * rules hold for all VIPs that use rules.
 */
static void set_options(const struct vector_balancer *balancer, struct vector_vip *vip)
{
	struct dataplane_service *service = &vip->service;
	bool is_udp = service->proto == IPPROTO_UDP;
	bool has_routes = balancer->has_source_routes && vip->flags & FLAG_SOURCE_ROUTES;

	service->hash = hash_of(vip->flags);
	service->track = vip->flags & FLAG_NO_LRU ? CONFIG_TRACK_NONE : CONFIG_TRACK_ALL;
	service->server_ids = CONFIG_SERVER_IDS_ANY;
	service->tcp_server_id = balancer->has_tcp_ids && !is_udp;
	service->quic = is_udp && vip->flags & FLAG_QUIC;
	service->stable_udp = is_udp && balancer->has_stable_udp && vip->flags & FLAG_STABLE_UDP;
	service->migrate_udp = is_udp && vip->flags & FLAG_MIGRATE_UDP;
	service->source_routes = balancer->routes;
	service->reals = balancer->route_reals;
	service->n_source_routes = has_routes ? balancer->n_routes : 0;
}

static int set_vip(struct vector_balancer *balancer, struct vector_vip *vip, struct err *err)
{
	int r;

	if (balancer->is_own)
		return dataplane_set_service(balancer->dp, &vip->service, err);
	set_options(balancer, vip);
	r = dataplane_set_service(balancer->dp, &vip->service, err);
	/* What has no service passes, as upstream does. */
	return r ? r
		 : dataplane_set_vip(balancer->dp, &vip->service.vip, CONFIG_UNSERVED_PASS, err);
}

static int add_vip(struct vector_balancer *balancer, const json_t *op, struct err *err)
{
	struct vector_vip *vip = &balancer->vips[balancer->n_vips];
	json_int_t cidr = json_integer_value(json_object_get(op, "cidr"));
	struct dataplane_service *service = &vip->service;
	int r;

	if (balancer->n_vips == VECTOR_VIPS_MAX)
		return err_set(err, -EIO, "more VIPs than the runner holds");
	memset(vip, 0, sizeof(*vip));
	if (addr_parse(string_at(op, "address"), &service->vip.addr) < 0)
		return err_set(err, -EIO, "bad address in add_vip");
	service->vip.len = (uint8_t)(cidr ? cidr : addr_is_ipv4(&service->vip.addr) ? 32 : 128);
	service->proto = (uint8_t)json_integer_value(json_object_get(op, "proto"));
	service->port = (uint16_t)json_integer_value(json_object_get(op, "port"));
	service->encap = balancer->encap;
	service->gue_port = balancer->gue_port;
	if (find_vip(balancer, &service->vip.addr, service->proto, service->port))
		return 0;
	balancer->n_vips++;
	r = dataplane_ring_new(balancer->dp, &service->ring, err);
	return r ? r : set_vip(balancer, vip, err);
}

static int set_flags(struct vector_balancer *balancer, const json_t *op, struct err *err)
{
	struct vector_vip *vip;
	struct addr addr;

	if (addr_parse(string_at(op, "address"), &addr) < 0)
		return err_set(err, -EIO, "bad address in set_vip_flags");
	vip = find_vip(balancer, &addr, (uint8_t)json_integer_value(json_object_get(op, "proto")),
		       (uint16_t)json_integer_value(json_object_get(op, "port")));
	if (!vip)
		return err_set(err, -EIO, "set_vip_flags of an unknown VIP");
	vip->flags |= (uint32_t)json_integer_value(json_object_get(op, "flags"));
	return set_vip(balancer, vip, err);
}

int vector_program_real(struct vector_balancer *balancer, const struct addr *addr, uint16_t *index,
			struct err *err)
{
	struct dataplane_next_hop next_hop = { .usable = true };
	int r = dataplane_set_real(balancer->dp, addr, false, index, err);

	memcpy(next_hop.mac, balancer->gateway, 6);
	return r ? r : dataplane_set_next_hop(balancer->dp, 0, addr, &next_hop, err);
}

/* Upstream's slots are not on the move: all of a ring changes at once. */
static void settle_ring(struct vector_balancer *balancer, uint32_t ring)
{
	uint32_t *words = balancer->dp->rings[ring].slots;

	for (uint32_t i = 0; i < RING_SLOTS; i++)
		DP_STORE(words[i], LB_SLOT(LB_SLOT_CUR(words[i]), LB_SLOT_CUR(words[i])));
}

int vector_write_ring(struct vector_balancer *balancer, const struct vector_vip *vip,
		      struct err *err)
{
	AUTO(freep) struct ring_real *reals = calloc(VECTOR_REALS_MAX, sizeof(*reals));
	AUTO(freep) uint16_t *slots = calloc(RING_SLOTS, sizeof(*slots));
	uint16_t index[VECTOR_REALS_MAX];
	int r;

	if (!reals || !slots)
		return err_set(err, -ENOMEM, "no memory");
	for (size_t i = 0; i < vip->n_reals; i++) {
		r = vector_program_real(balancer, &vip->reals[i], &index[i], err);
		if (r < 0)
			return r;
		reals[i] = (struct ring_real){ .addr = vip->reals[i],
					       .weight = vip->weights[i],
					       .takes_new_flows = true };
	}
	if (ring_base(reals, vip->n_reals, slots) < 0)
		return err_set(err, -ENOMEM, "no memory for a ring");
	for (uint32_t i = 0; i < RING_SLOTS; i++)
		slots[i] = slots[i] == RING_NONE ? DATAPLANE_NO_REAL : index[slots[i]];
	r = dataplane_ring_write(balancer->dp, vip->service.ring, slots, NULL, err);
	if (!balancer->is_own)
		settle_ring(balancer, vip->service.ring);
	return r;
}

/* The VIP named by op's "vip": [address, port, proto]. */
struct vector_vip *vector_vip_of(struct vector_balancer *balancer, const json_t *op)
{
	const json_t *key = json_object_get(op, "vip");
	const char *text = json_string_value(json_array_get(key, 0));
	struct addr addr;

	if (!text || addr_parse(text, &addr) < 0)
		return NULL;
	return find_vip(balancer, &addr, (uint8_t)json_integer_value(json_array_get(key, 2)),
			(uint16_t)json_integer_value(json_array_get(key, 1)));
}

static int change_real(struct vector_balancer *balancer, const json_t *op, bool is_add,
		       struct err *err)
{
	struct vector_vip *vip = vector_vip_of(balancer, op);
	struct addr addr;
	size_t i = 0;

	if (!vip || addr_parse(string_at(op, "address"), &addr) < 0)
		return err_set(err, -EIO, "bad VIP or address of a real");
	while (i < vip->n_reals && !addr_eq(&vip->reals[i], &addr))
		i++;
	if (is_add && i == VECTOR_REALS_MAX)
		return err_set(err, -EIO, "more reals than the runner holds");
	if (is_add) {
		vip->n_reals += i == vip->n_reals;
		vip->reals[i] = addr;
		vip->weights[i] = (uint32_t)json_integer_value(json_object_get(op, "weight"));
	} else if (i < vip->n_reals) {
		vip->n_reals--;
		vip->reals[i] = vip->reals[vip->n_reals];
		vip->weights[i] = vip->weights[vip->n_reals];
	}
	return vector_write_ring(balancer, vip, err);
}

/* ---- ids and rules ---- */

static int op_address(const json_t *op, const char *key, struct addr *ret, struct err *err)
{
	if (addr_parse(string_at(op, key), ret) < 0)
		return err_set(err, -EIO, "bad address '%s' in %s", string_at(op, key),
			       string_at(op, "op"));
	return 0;
}

static int add_id(struct vector_balancer *balancer, const json_t *op, struct err *err)
{
	struct config_real *real = &balancer->id_reals[balancer->n_ids];
	uint16_t index;
	int r;

	if (balancer->n_ids == VECTOR_RULES_MAX)
		return err_set(err, -EIO, "more server ids than the runner holds");
	r = op_address(op, "address", &real->addr, err);
	if (!r)
		r = vector_program_real(balancer, &real->addr, &index, err);
	if (r < 0)
		return r;
	real->server_id = (uint32_t)json_integer_value(json_object_get(op, "id"));
	balancer->n_ids++;
	return dataplane_set_server_ids(balancer->dp, balancer->id_ring, balancer->id_reals,
					balancer->n_ids, err);
}

static int add_source_rule(struct vector_balancer *balancer, const json_t *op, struct err *err)
{
	struct config_source_route *route = &balancer->routes[balancer->n_routes];
	struct config_real *real = &balancer->route_reals[balancer->n_routes];
	uint16_t index;
	int r;

	if (balancer->n_routes == VECTOR_RULES_MAX)
		return err_set(err, -EIO, "more source rules than the runner holds");
	if (prefix_parse(string_at(op, "src"), &route->source) < 0)
		return err_set(err, -EIO, "bad prefix in add_src_rule");
	r = op_address(op, "dst", &real->addr, err);
	if (!r)
		r = vector_program_real(balancer, &real->addr, &index, err);
	route->real = (uint32_t)balancer->n_routes++;
	for (size_t i = 0; i < balancer->n_vips && !r; i++)
		r = set_vip(balancer, &balancer->vips[i], err);
	return r;
}

/* Upstream says it per VIP; the suites have no real that is down for one VIP and not for another
 * with the flag. */
static int add_down_real(struct vector_balancer *balancer, const json_t *op, struct err *err)
{
	struct addr addr;
	int r = op_address(op, "real", &addr, err);

	return r ? r : dataplane_set_real_life(balancer->dp, &addr, DATAPLANE_REAL_LEAVING, err);
}

/* A local real gets its packets as they came, where upstream's build knows that. */
static int set_real_flags(struct vector_balancer *balancer, const json_t *op, struct err *err)
{
	json_int_t flags = json_integer_value(json_object_get(op, "flags"));
	struct addr addr;
	uint16_t index;
	int r = op_address(op, "address", &addr, err);

	if (r < 0 || !balancer->has_local_reals)
		return r;
	return dataplane_set_real(balancer->dp, &addr, flags & REAL_LOCAL, &index, err);
}

static int add_real(struct vector_balancer *balancer, const json_t *op, struct err *err)
{
	return change_real(balancer, op, true, err);
}

static int del_real(struct vector_balancer *balancer, const json_t *op, struct err *err)
{
	return change_real(balancer, op, false, err);
}

/* Where probes go is another program's business. */
static int add_probe_target(struct vector_balancer *balancer, const json_t *op, struct err *err)
{
	struct addr addr;

	(void)balancer;
	return op_address(op, "address", &addr, err);
}

int vector_balancer_do(struct vector_balancer *balancer, const json_t *op, struct err *err)
{
	static const struct {
		const char *name;
		int (*carry_out)(struct vector_balancer *balancer, const json_t *op,
				 struct err *err);
	} ops[] = {
		{ "add_vip", add_vip },
		{ "set_vip_flags", set_flags },
		{ "add_real", add_real },
		{ "del_real", del_real },
		{ "set_real_flags", set_real_flags },
		{ "add_quic_mapping", add_id },
		{ "add_src_rule", add_source_rule },
		{ "add_down_real", add_down_real },
		{ "add_decap_dst", vector_tunnel_do },
		{ "add_hc_dst", add_probe_target },
	};
	const char *name = string_at(op, "op");

	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		if (!strcmp(ops[i].name, name))
			return ops[i].carry_out(balancer, op, err);
	}
	return vector_own_do(balancer, op, err);
}
