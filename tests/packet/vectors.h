/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vectors.h - what the parts of the vector runner share: a suite's file as read, and the
 * deliberate differences.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/lb_abi.h"
#include "src/dataplane/dataplane.h"
#include "src/dataplane/frame.h"
#include "src/dataplane/internal.h"

#define VECTOR_VIPS_MAX  64
#define VECTOR_REALS_MAX 256
#define VECTOR_RULES_MAX 64

/* A VIP of a suite: what Shoal calls a service. */
struct vector_vip {
	struct dataplane_service service;
	uint32_t flags; /* katran's */
	struct addr reals[VECTOR_REALS_MAX];
	uint32_t weights[VECTOR_REALS_MAX];
	size_t n_reals;
};

/* What upstream does not count of an object: packets that it drops, bytes of IPv6 headers. */
struct vector_extra {
	uint64_t packets, bytes, header_bytes;
};

/* A balancer set up from the provisioning operations of a suite. */
struct vector_balancer {
	struct dataplane *dp;
	struct config config;
	enum config_encap encap;
	uint16_t gue_port;
	uint8_t gateway[6];
	struct vector_vip vips[VECTOR_VIPS_MAX];
	size_t n_vips;
	/* What upstream's build can do. */
	bool has_tcp_ids, has_stable_udp, has_source_routes, has_local_reals;
	uint32_t id_ring;
	struct config_real id_reals[VECTOR_RULES_MAX];
	size_t n_ids;
	struct config_source_route routes[VECTOR_RULES_MAX];
	struct config_real route_reals[VECTOR_RULES_MAX];
	size_t n_routes;
	struct vector_extra of_services[LB_SERVICES], of_reals[LB_REALS];
	uint64_t n_extra;
	bool is_own; /* the suite says what it wants in Shoal's own words */
};

/* From the suite's constants and build switches. Returns 0 or -EIO with the sentence. */
int vector_balancer_init(struct vector_balancer *balancer, const json_t *suite, struct err *err);
void vector_balancer_fini(struct vector_balancer *balancer);
/* Carry out one operation; -EIO for one that is unknown. */
int vector_balancer_do(struct vector_balancer *balancer, const json_t *op, struct err *err);

/* What operations have in common. The VIP named by op's "vip": [address, port, proto], or NULL. */
struct vector_vip *vector_vip_of(struct vector_balancer *balancer, const json_t *op);
int vector_program_real(struct vector_balancer *balancer, const struct addr *addr, uint16_t *index,
			struct err *err);
/* Build and store the ring of the VIP's reals. */
int vector_write_ring(struct vector_balancer *balancer, const struct vector_vip *vip,
		      struct err *err);

/* vectors_own.c: suites with options of Shoal, tests/packet/own/README.md. */
int vector_own_init(struct vector_balancer *balancer, const json_t *suite,
		    struct private_switches *switches, struct err *err);
/* Carry out an operation that upstream's suites do not have. */
int vector_own_do(struct vector_balancer *balancer, const json_t *op, struct err *err);
/* Whether the counters are what the suite expects after its last vector; says what is not. */
bool vector_own_totals(struct vector_balancer *balancer, const json_t *suite);
/* Tunnels that the balancer opens itself: what a suite's switches and operations say of them,
 * beside the lists that its config has already. */
int vector_tunnel_init(struct vector_balancer *balancer, const json_t *suite, struct err *err);
/* add_decap_dst */
int vector_tunnel_do(struct vector_balancer *balancer, const json_t *op, struct err *err);

/* A program beside the balancer: of a real, or of the way of probes. */
struct vector_program {
	const char *name; /* in the suites */
	int (*init)(const json_t *suite, struct err *err);
	/* Carry out one operation; NULL: none concerns it. */
	int (*provision)(const json_t *op, struct err *err);
	/* As dataplane_run(); a verdict of tc is returned as VECTOR_TC(). */
	int (*run)(const void *frame, size_t len, uint32_t mark, void *out, size_t *out_len,
		   struct err *err);
	void (*fini)(void);
};
#define VECTOR_TC(action) (100 + (action))

/* Upstream's opens every tunnel, so here every address is the real's own and a VIP. */
extern const struct vector_program vector_decap;        /* decap.bpf.c by XDP */
extern const struct vector_program vector_source_match; /* decap.bpf.c by tc */
extern const struct vector_program vector_steer;        /* steer.bpf.c */

/* The UDP port that a build switch "-DNAME=port" of a suite sets. */
uint16_t vector_port(const json_t *suite, const char *name, uint16_t fallback);

/* How a deliberate difference is judged instead. */
enum vector_rule {
	VECTOR_EQUAL,     /* no difference: every byte */
	VECTOR_CHECKSUM,  /* all but the outer UDP checksum, which must be right */
	VECTOR_LIKE,      /* sent to the real that vector `like` is sent to */
	VECTOR_PASSED,    /* passed unchanged */
	VECTOR_UNCHECKED, /* informative only */
};

struct vector_known {
	enum vector_rule rule;
	unsigned like;
};

/* The entry for a vector in the file of known differences; VECTOR_EQUAL when there is none. */
int vector_known_find(const char *suite, unsigned index, struct vector_known *ret, struct err *err);

/* Take note of the packet just run, whose frame was len long. */
void vector_counters_note(struct vector_balancer *balancer, const struct vector_known *known,
			  size_t len);
/* How many of the suite's counters differ from ours; each is told on stdout. */
unsigned vector_counters_compare(struct vector_balancer *balancer, const json_t *suite);

/*
 * vector_simulate - the flows of a file like simulator.json; the balancer is made and ended here.
 * *ret_failed grows by those that get another real or slot.
 */
int vector_simulate(struct vector_balancer *balancer, const char *path, const json_t *suite,
		    unsigned *ret_failed, struct err *err);

/* Bytes of a hex text into out (FRAME_MAX); returns their number, 0 for bad text. */
size_t vector_hex(const char *text, uint8_t *out);
