/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fixture.h - a private data plane for packet tests: one uplink without interface, next hops for
 * every real, and a few words to set up services and send frames.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/dataplane/dataplane.h"
#include "src/dataplane/frame.h"
#include "src/dataplane/internal.h"

#define FIXTURE_PORT 31337

/*
 * Whatever a test did, the data plane must have noted all it wrote: a store that it took for
 * somebody else's would be undone. Fails the test when not.
 */
void fixture_close(struct dataplane *dp);
#define dataplane_close fixture_close

extern const uint8_t fixture_mac[6];     /* the uplink's */
extern const uint8_t fixture_gateway[6]; /* every next hop's */

struct fixture {
	struct config config;
	struct dataplane *dp;
	uint8_t out[FRAME_MAX]; /* the frame after the last run */
	size_t out_len;
	uint32_t cause; /* enum lb_cause of the last run */
};

/* End the test program with 77 where BPF programs cannot be loaded. */
void fixture_need_root(void);

/* n_pools rings at most; client-mtu and mtu 1500 and 1600. Fails the test when it cannot. */
void fixture_init(struct fixture *f, size_t n_pools);
/* The same with switches of the program, struct private_switches. */
void fixture_init_switched(struct fixture *f, size_t n_pools,
			   const struct private_switches *switches);
/* The same with a flow table of so many entries. */
void fixture_init_flows(struct fixture *f, size_t n_pools, const struct private_switches *switches,
			uint64_t flow_table);
void fixture_fini(struct fixture *f);

/*
 * Let time pass on the clock of the data plane, which from then on stands still in between: every
 * tick that falls due is done at its moment.
 */
void fixture_wait(struct fixture *f, usec_t us);

/* A new ring whose every slot names this real; the real and its next hop are made as needed. */
uint32_t fixture_ring(struct fixture *f, const char *real);
uint16_t fixture_real(struct fixture *f, const char *real);

/* A service; proto IPPROTO_TCP or IPPROTO_UDP, port 0 for any. */
void fixture_service(struct fixture *f, const char *vip, uint8_t proto, uint16_t port,
		     uint32_t ring);

/* From client to dst; ACK or a short datagram. */
struct frame_spec fixture_spec(const char *src, const char *dst, uint8_t proto, uint16_t dport);

/* Send a frame: the verdict; f->out, f->out_len, f->cause tell the rest. */
int fixture_send(struct fixture *f, const uint8_t *frame, size_t len);
int fixture_send_spec(struct fixture *f, const struct frame_spec *spec);

/* The packet of a frame in a tunnel to dst; gue_port 0: IPIP. Returns the length of out. */
size_t fixture_wrap(const uint8_t *frame, size_t len, const char *dst, uint16_t gue_port,
		    uint8_t out[FRAME_MAX]);

struct addr fixture_addr(const char *text);
struct prefix fixture_prefix(const char *text);
