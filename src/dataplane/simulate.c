/* SPDX-License-Identifier: Apache-2.0 */
/*
 * simulate.c - a capture through a private copy of the data plane, set up from a config as the
 * controller would with every real healthy but those named.
 *
 * Each frame counts as received by the uplink it was addressed to: its destination MAC becomes
 * the uplink's, its source MAC the next hop, unless the config names one. The program notes what
 * it decided in its trace, so nothing is guessed from what comes out.
 */
#include "src/dataplane/simulate.h"

#include <errno.h>
#include <jansson.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/auto.h"
#include "src/dataplane/frame.h"
#include "src/dataplane/internal.h"
#include "src/dataplane/pcap.h"

#define ETH_LEN    14
#define LO_IFINDEX 1 /* what a test run arrives on */
#define XDP_LEN_MAX                                                                                \
	3520 /* a page less head and tail room: more, XDP would not see in one piece               \
	      */

struct simulation {
	const struct config *config;
	struct dataplane *dp;
	bool **is_down; /* [pool][real] */
	uint8_t uplink_mac[6], next_hop_mac[6];
	bool has_macs;
	uint32_t vip_of[LB_VIPS];         /* the program's index -> the config's */
	uint32_t service_of[LB_SERVICES]; /* counter -> index into the VIP's services */
};

/* ---- setting up ---- */

/* The real that "POOL/REAL" names: *ret_pool, *ret_real. */
static int find_real(const struct config *config, const char *name, size_t *ret_pool,
		     size_t *ret_real, struct err *err)
{
	const char *slash = strchr(name, '/');
	size_t len = slash ? (size_t)(slash - name) : 0;

	for (size_t p = 0; slash && p < config->n_pools; p++) {
		const struct config_pool *pool = &config->pools[p];

		if (strlen(pool->name) != len || strncmp(pool->name, name, len) != 0)
			continue;
		for (size_t i = 0; i < pool->n_reals; i++) {
			if (strcmp(pool->reals[i].name, slash + 1) != 0)
				continue;
			*ret_pool = p;
			*ret_real = i;
			return 0;
		}
		return err_set(err, -EINVAL, "--down %s: pool '%s' has no real '%s'", name,
			       pool->name, slash + 1);
	}
	return err_set(err, -EINVAL, "--down %s: %s", name,
		       slash ? "there is no such pool" : "write POOL/REAL");
}

static int take_down(struct simulation *sim, const struct simulate_options *options,
		     struct err *err)
{
	sim->is_down = calloc(sim->config->n_pools + 1, sizeof(*sim->is_down));
	for (size_t p = 0; sim->is_down && p < sim->config->n_pools; p++) {
		sim->is_down[p] = calloc(sim->config->pools[p].n_reals + 1, sizeof(bool));
		if (!sim->is_down[p])
			return err_set(err, -ENOMEM, "no memory for the reals");
	}
	if (!sim->is_down)
		return err_set(err, -ENOMEM, "no memory for the reals");
	for (size_t i = 0; i < options->n_down; i++) {
		size_t pool = 0, real = 0;
		int r = find_real(sim->config, options->down[i], &pool, &real, err);

		if (r < 0)
			return r;
		sim->is_down[pool][real] = true;
	}
	return 0;
}

/* The slots of a pool as indices into its reals. */
static int build_slots(const struct simulation *sim, size_t p, uint16_t slots[RING_SLOTS])
{
	const struct config_pool *pool = &sim->config->pools[p];
	AUTO(freep) struct ring_real *reals = calloc(pool->n_reals + 1, sizeof(*reals));
	struct ring_policy policy = ring_policy_of(pool);

	if (!reals)
		return -ENOMEM;
	for (size_t i = 0; i < pool->n_reals; i++) {
		reals[i] = ring_real_of(&pool->reals[i]);
		reals[i].takes_new_flows = !sim->is_down[p][i];
	}
	return ring_build(reals, pool->n_reals, &policy, slots, NULL);
}

/* Turn slots that name reals of the pool into slots that name reals of the data plane. */
static int program_reals(const struct simulation *sim, const struct config_pool *pool,
			 uint16_t slots[RING_SLOTS], struct err *err)
{
	AUTO(freep) uint16_t *index = calloc(pool->n_reals + 1, sizeof(*index));

	if (!index)
		return err_set(err, -ENOMEM, "no memory for pool '%s'", pool->name);
	for (size_t i = 0; i < pool->n_reals; i++) {
		int r = dataplane_set_real(sim->dp, &pool->reals[i].addr, pool->reals[i].is_local,
					   &index[i], err);
		if (r < 0)
			return r;
	}
	for (uint32_t i = 0; i < RING_SLOTS; i++)
		slots[i] = slots[i] == RING_NONE ? DATAPLANE_NO_REAL : index[slots[i]];
	return 0;
}

static int program_pool(const struct simulation *sim, size_t p, uint32_t *ret_ring, struct err *err)
{
	AUTO(freep) uint16_t *slots = calloc(RING_SLOTS, sizeof(*slots));
	const struct config_pool *pool = &sim->config->pools[p];
	int r = slots ? build_slots(sim, p, slots) : -ENOMEM;

	if (r < 0)
		return err_set(err, r, "pool '%s': cannot build its ring: %m", pool->name);
	r = program_reals(sim, pool, slots, err);
	if (!r)
		r = dataplane_ring_new(sim->dp, ret_ring, err);
	if (!r)
		r = dataplane_ring_write(sim->dp, *ret_ring, slots, NULL, err);
	if (!r)
		r = dataplane_set_server_ids(sim->dp, *ret_ring, pool->reals, pool->n_reals, err);
	return r;
}

static int program_vip(struct simulation *sim, size_t v, const uint32_t *rings, struct err *err)
{
	const struct config_vip *vip = &sim->config->vips[v];
	int r = dataplane_set_vip(sim->dp, &vip->prefix, vip->unserved, err);

	if (r < 0)
		return r;
	sim->vip_of[vip_find(sim->dp, &vip->prefix)] = (uint32_t)v;
	for (size_t i = 0; i < vip->n_services; i++) {
		const struct config_service *service = &vip->services[i];
		const struct config_pool *pool = &sim->config->pools[service->pool];
		struct dataplane_service set =
			dataplane_service_of(&vip->prefix, service, pool, rings[service->pool]);
		const struct lb_service *record;

		r = dataplane_set_service(sim->dp, &set, err);
		if (r < 0)
			return r;
		record = service_find(sim->dp, &vip->prefix, service->proto, service->port);
		sim->service_of[record->counter] = (uint32_t)i;
	}
	return 0;
}

/* Whether every pool that has the address has it down. */
static bool is_gone(const struct simulation *sim, const struct addr *addr)
{
	for (size_t p = 0; p < sim->config->n_pools; p++) {
		const struct config_pool *pool = &sim->config->pools[p];

		for (size_t i = 0; i < pool->n_reals; i++)
			if (addr_eq(&pool->reals[i].addr, addr) && !sim->is_down[p][i])
				return false;
	}
	return true;
}

/* Nothing leads to a real that is down, be it a server id or a source route. */
static int program_lives(const struct simulation *sim, struct err *err)
{
	int r = 0;

	for (size_t p = 0; p < sim->config->n_pools; p++) {
		const struct config_pool *pool = &sim->config->pools[p];

		for (size_t i = 0; i < pool->n_reals && !r; i++)
			if (sim->is_down[p][i])
				r = dataplane_set_real_life(sim->dp, &pool->reals[i].addr,
							    is_gone(sim, &pool->reals[i].addr)
								    ? DATAPLANE_REAL_DEAD
								    : DATAPLANE_REAL_LEAVING,
							    err);
	}
	return r;
}

static int program_all(struct simulation *sim, struct err *err)
{
	AUTO(freep) uint32_t *rings = calloc(sim->config->n_pools + 1, sizeof(*rings));
	int r = rings ? 0 : err_set(err, -ENOMEM, "no memory for the rings");

	for (size_t p = 0; p < sim->config->n_pools && !r; p++)
		r = program_pool(sim, p, &rings[p], err);
	for (size_t v = 0; v < sim->config->n_vips && !r; v++)
		r = program_vip(sim, v, rings, err);
	return r ? r : program_lives(sim, err);
}

/* ---- running ---- */

static int set_next_hops(const struct simulation *sim, struct err *err)
{
	struct dataplane_next_hop next_hop = { .usable = true };

	memcpy(next_hop.mac, sim->next_hop_mac, 6);
	for (size_t p = 0; p < sim->config->n_pools; p++) {
		const struct config_pool *pool = &sim->config->pools[p];

		for (size_t i = 0; i < pool->n_reals; i++) {
			int r = dataplane_set_next_hop(sim->dp, 0, &pool->reals[i].addr, &next_hop,
						       err);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

/* Be the uplink that this frame was addressed to. A group address is nobody's own. */
static int set_macs(struct simulation *sim, const uint8_t *frame, struct err *err)
{
	const struct config_node *node = &sim->config->node;
	const uint8_t *next_hop = node->has_next_hop_mac ? node->next_hop_mac : frame + 6;
	const char *ifname = node->n_uplinks ? node->uplinks[0] : "";
	int r = 0;

	if (frame[0] & 1 && sim->has_macs)
		return 0;
	if (!sim->has_macs || memcmp(sim->uplink_mac, frame, 6) != 0) {
		memcpy(sim->uplink_mac, frame, 6);
		sim->uplink_mac[0] &= 0xfe;
		r = uplink_set_private(sim->dp, 0, ifname, LO_IFINDEX, sim->uplink_mac, err);
	}
	if (!r && (!sim->has_macs || memcmp(sim->next_hop_mac, next_hop, 6) != 0)) {
		memcpy(sim->next_hop_mac, next_hop, 6);
		r = set_next_hops(sim, err);
	}
	sim->has_macs = true;
	return r;
}

struct outcome {
	const char *verdict, *reason;
	struct lb_trace trace;
	uint8_t out[FRAME_MAX];
	size_t out_len; /* 0: nothing left */
};

static const struct lb_trace no_trace = {
	.vip = LB_NONE, .service = LB_NONE, .slot = LB_NONE, .real = LB_NONE
};

/* Frames that no test run takes: shorter than Ethernet, or longer than one piece. */
static bool is_out_of_size(const struct pcap_frame *frame, struct outcome *outcome)
{
	outcome->trace = no_trace;
	outcome->out_len = 0;
	if (frame->len < ETH_LEN) {
		outcome->verdict = "pass";
		outcome->reason = dataplane_cause_str(LB_PASS_TRUNCATED);
		return true;
	}
	if (frame->len > XDP_LEN_MAX) {
		outcome->verdict = "drop";
		outcome->reason = "frame-too-long";
		return true;
	}
	return false;
}

static int run_frame(struct simulation *sim, const struct pcap_frame *frame,
		     struct outcome *outcome, struct err *err)
{
	int r;

	if (is_out_of_size(frame, outcome))
		return 0;
	r = set_macs(sim, frame->bytes, err);
	if (r < 0)
		return r;
	outcome->out_len = sizeof(outcome->out);
	r = dataplane_run(sim->dp, frame->bytes, frame->len, outcome->out, &outcome->out_len, err);
	if (r < 0)
		return r;
	outcome->trace = *dataplane_trace(sim->dp);
	outcome->reason = dataplane_cause_str(outcome->trace.cause);
	if (outcome->trace.cause >= LB_DROP_FIRST)
		outcome->verdict = "drop";
	else
		outcome->verdict = outcome->trace.cause >= LB_PASS_FIRST ? "pass" : "tx";
	if (outcome->trace.cause >= LB_PASS_FIRST)
		outcome->out_len = 0;
	return 0;
}

/* Its name in the pool, else, as an id may have led there, in any other. */
static const char *real_name(const struct simulation *sim, const struct config_pool *pool,
			     uint32_t index)
{
	for (size_t i = 0; i < pool->n_reals; i++)
		if (dataplane_real_index(sim->dp, &pool->reals[i].addr) == index)
			return pool->reals[i].name;
	for (size_t p = 0; p < sim->config->n_pools; p++) {
		const struct config_pool *other = &sim->config->pools[p];

		for (size_t i = 0; i < other->n_reals; i++)
			if (dataplane_real_index(sim->dp, &other->reals[i].addr) == index)
				return other->reals[i].name;
	}
	return NULL;
}

/* The line about one packet. */
static int print_outcome(const struct simulation *sim, const struct outcome *outcome,
			 uint64_t number, FILE *out)
{
	const char *vip_name = NULL, *service_text = NULL, *pool_name = NULL, *real = NULL;
	const struct lb_trace *trace = &outcome->trace;
	char text[CONFIG_SERVICE_TEXT_MAX];
	json_t *line;
	int r;

	if (trace->vip < LB_VIPS) {
		const struct config_vip *vip = &sim->config->vips[sim->vip_of[trace->vip]];

		vip_name = vip->name;
		if (trace->service < LB_SERVICES) {
			const struct config_service *service =
				&vip->services[sim->service_of[trace->service]];
			const struct config_pool *pool = &sim->config->pools[service->pool];

			service_text = config_service_print(vip, service, text);
			pool_name = pool->name;
			real = trace->real && trace->real < LB_REALS
				       ? real_name(sim, pool, trace->real)
				       : NULL;
		}
	}
	line = json_pack("{s:I, s:s, s:s, s:s?, s:s?, s:s?, s:s?}", "packet", (json_int_t)number,
			 "verdict", outcome->verdict, "reason", outcome->reason, "vip", vip_name,
			 "service", service_text, "pool", pool_name, "real", real);
	if (!line)
		return -ENOMEM;
	r = json_dumpf(line, out, JSON_COMPACT);
	json_decref(line);
	return r < 0 || fputc('\n', out) == EOF ? -EIO : 0;
}

static int run_all(struct simulation *sim, struct pcap_reader *reader, FILE *out_pcap, FILE *out,
		   const char *out_path, struct err *err)
{
	AUTO(freep) struct pcap_frame *frame = malloc(sizeof(*frame));
	struct outcome outcome;
	int r;

	if (!frame)
		return err_set(err, -ENOMEM, "no memory for a packet");
	while ((r = pcap_read(reader, frame, err)) > 0) {
		r = run_frame(sim, frame, &outcome, err);
		if (r < 0)
			return err_prefix(err, r, "packet %llu",
					  (unsigned long long)reader->n_read);
		if (outcome.out_len && pcap_write(out_pcap, frame->sec, frame->fraction,
						  outcome.out, (uint32_t)outcome.out_len) < 0)
			return err_set(err, -EIO, "'%s': %m", out_path);
		if (print_outcome(sim, &outcome, reader->n_read, out) < 0)
			return err_set(err, -EIO, "the result cannot be written: %m");
	}
	return r;
}

/* Writing to the file that is read would destroy it. */
static bool is_same_file(FILE *in, const char *out_path)
{
	struct stat a, b;

	return fstat(fileno(in), &a) == 0 && stat(out_path, &b) == 0 && S_ISREG(a.st_mode) &&
	       a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static int open_files(const struct simulate_options *options, FILE **in, FILE **out_pcap,
		      struct pcap_reader *reader, struct err *err)
{
	int r;

	*in = fopen(options->in_path, "re");
	if (!*in)
		return err_set(err, -errno, "'%s': %m", options->in_path);
	r = pcap_read_start(reader, *in, options->in_path, err);
	if (r < 0)
		return r;
	if (is_same_file(*in, options->out_path))
		return err_set(err, -EINVAL, "'%s' cannot be both --in and --out",
			       options->out_path);
	*out_pcap = fopen(options->out_path, "we");
	if (!*out_pcap || pcap_write_start(*out_pcap, reader->is_nsec) < 0)
		return err_set(err, -errno, "'%s': %m", options->out_path);
	return 0;
}

static void simulation_fini(struct simulation *sim)
{
	for (size_t p = 0; sim->is_down && p < sim->config->n_pools; p++)
		free(sim->is_down[p]);
	free(sim->is_down);
	dataplane_close(sim->dp);
}

int simulate_run(const struct simulate_options *options, struct err *err)
{
	AUTO(freep) struct simulation *sim = calloc(1, sizeof(*sim));
	AUTO(file_closep) FILE *in = NULL;
	AUTO(file_closep) FILE *out_pcap = NULL;
	struct pcap_reader reader;
	int r;

	if (!sim)
		return err_set(err, -ENOMEM, "no memory for the simulation");
	sim->config = options->config;
	r = take_down(sim, options, err);
	if (!r)
		r = open_files(options, &in, &out_pcap, &reader, err);
	if (!r)
		r = dataplane_open_private(options->config, NULL, &sim->dp, err);
	if (!r)
		r = program_all(sim, err);
	if (!r)
		r = run_all(sim, &reader, out_pcap, options->out, options->out_path, err);
	if (!r && fflush(out_pcap) != 0)
		r = err_set(err, -errno, "'%s': %m", options->out_path);
	simulation_fini(sim);
	return r;
}
