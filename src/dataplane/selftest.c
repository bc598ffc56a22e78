/* SPDX-License-Identifier: Apache-2.0 */
/*
 * selftest.c - proof that a service forwards: synthetic packets through the very program that is
 * attached, by BPF_PROG_TEST_RUN.
 *
 * A test run arrives, for the program, on interface 1, the loopback, where it is never attached.
 * The table of uplinks holds that interface as a copy of a real uplink, marked as self-test: all
 * is as for clients' packets but that it counts in a line of its own. The frame that comes out
 * must be for the real that the ring names for that flow, which we compute natively from the same
 * headers (bpf/ring.h).
 */
#include "src/dataplane/internal.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/ring.h"
#include "bpf/service.h"
#include "src/dataplane/lb_skel.h"
#include "src/dataplane/frame.h"

#define FIRST_PORT 49152

#define ETH_LEN 14

int dataplane_run(const struct dataplane *dp, const void *frame, size_t len, void *out,
		  size_t *out_len, struct err *err)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = (uint32_t)len,
		    .data_out = out, .data_size_out = (uint32_t)*out_len, .repeat = 1);

	if (bpf_prog_test_run_opts(dp->prog_fd, &opts) < 0)
		return err_set(err, -errno, "test run of the XDP program: %m");
	*out_len = opts.data_size_out;
	return (int)opts.retval;
}

struct probe {
	struct frame_spec spec;
	const struct lb_service *service;
	uint32_t slot;
	uint16_t real;   /* that a source route or the ring names */
	bool is_dropped; /* the drop list has the client */
};

/*
 * A client from ranges that nobody has (RFC 5737, RFC 3849; then those for measurements, RFC 2544,
 * RFC 5180): the first that the service's drop list does not have.
 */
static struct addr client(const struct dataplane *dp, const struct lb_service *service,
			  const struct addr *vip, unsigned flow)
{
	static const char *const clients[2][3] = {
		{ "2001:db8::c11e:1", "2001:2::c11e:1", "3fff::c11e:1" },
		{ "192.0.2.1", "198.51.100.1", "198.18.0.1" },
	};
	struct addr addr;

	for (size_t i = 0; i < 3; i++) {
		addr_parse(clients[addr_is_ipv4(vip)][i], &addr);
		addr.bytes[15] = (uint8_t)(addr.bytes[15] + flow);
		if (!sources_drop(dp, service->counter, &addr))
			break;
	}
	return addr;
}

/* A port that leads to this service and no other; 0 when every one is taken. */
static uint16_t port_of(const struct dataplane *dp, const struct lb_service *service)
{
	if (service->port)
		return ntohs(service->port);
	for (uint16_t port = 9; port; port++) {
		if (lb_find_service(dp->tables, service->vip, service->proto, htons(port)) ==
		    LB_NONE)
			return port;
	}
	return 0;
}

/* The real that a source route gives new flows of the client; 0: the ring decides. */
static uint16_t routed(const struct dataplane *dp, const struct probe *probe)
{
	uint16_t real = sources_route(dp, probe->service->counter, &probe->spec.src);
	uint32_t flags = DP_LOAD(dp->tables->reals[real].flags);

	if ((flags & (LB_REAL_USED | LB_REAL_TAKES | LB_REAL_DEAD)) !=
	    (LB_REAL_USED | LB_REAL_TAKES))
		return 0;
	return real;
}

/* What the ring and the rules say about the probe's flow. */
static void expect(const struct dataplane *dp, struct probe *probe)
{
	const struct frame_spec *spec = &probe->spec;
	struct packet packet = { .is_ipv6 = !addr_is_ipv4(&spec->src),
				 .sport = htons(spec->sport),
				 .dport = htons(spec->dport),
				 .proto = spec->proto };
	struct entropy entropy;

	words_from_addr(packet.src, &spec->src);
	probe->slot = ring_choose(probe->service, &packet, &entropy, dp->skel->rodata->lb_hash_seed,
				  dp->skel->rodata->lb_hash_seed_v6);
	probe->real = routed(dp, probe);
	if (!probe->real)
		probe->real = (uint16_t)LB_SLOT_CUR(
			DP_LOAD(dp->rings[probe->service->ring].slots[probe->slot]));
	probe->is_dropped = sources_drop(dp, probe->service->counter, &spec->src);
}

/* The outer destination of a frame, and the MAC it goes to. Returns false when it is not IP. */
static bool outer_dst(const uint8_t *frame, size_t len, struct addr *ret)
{
	uint16_t type = (uint16_t)(frame[12] << 8 | frame[13]);

	if (len >= ETH_LEN + 20 && type == 0x0800)
		*ret = addr_from_raw(AF_INET, frame + ETH_LEN + 16);
	else if (len >= ETH_LEN + 40 && type == 0x86dd)
		*ret = addr_from_raw(AF_INET6, frame + ETH_LEN + 24);
	else
		return false;
	return true;
}

/* The cause that a self-test packet just counted under: the one that rose since `before`. */
static const char *cause_since(const struct dataplane *dp, const uint64_t before[LB_CAUSES])
{
	for (uint32_t i = 0; i < LB_CAUSE_MAX; i++) {
		if (DP_LOAD(dp->lines[dp->n_cpus].causes[i]) != before[i])
			return dataplane_cause_str(i);
	}
	return "nothing counted";
}

static const char *verdict_str(int verdict)
{
	switch (verdict) {
	case XDP_PASS:
		return "passed";
	case XDP_DROP:
		return "dropped";
	case XDP_TX:
	case XDP_REDIRECT:
		return "sent";
	default:
		return "aborted";
	}
}

static int judge(const struct dataplane *dp, const struct probe *probe, int verdict,
		 const char *cause, const uint8_t *out, size_t out_len, struct err *err)
{
	const struct lb_real *real = &dp->tables->reals[probe->real];
	struct addr want = real_addr(real), got;

	/* Every client we could be is on the drop list: then that is what must hold. */
	if (probe->is_dropped && verdict == XDP_DROP &&
	    !strcmp(cause, dataplane_cause_str(LB_DROP_SOURCE)))
		return 0;
	if (!probe->real)
		return err_set(err, -EIO, "slot %u of the ring names no real", probe->slot);
	if (real->flags & LB_REAL_LOCAL && verdict == XDP_PASS)
		return 0;
	if (verdict != XDP_TX && verdict != XDP_REDIRECT)
		return err_set(err, -EIO, "a packet for real %s was %s: %s", ADDR_STR(&want),
			       verdict_str(verdict), cause);
	if (!outer_dst(out, out_len, &got))
		return err_set(err, -EIO, "a packet for real %s left as something else than IP",
			       ADDR_STR(&want));
	if (!addr_eq(&got, &want))
		return err_set(err, -EIO, "a packet for real %s (slot %u) left for %s",
			       ADDR_STR(&want), probe->slot, ADDR_STR(&got));
	return 0;
}

static int run_probe(struct dataplane *dp, struct probe *probe, struct err *err)
{
	uint8_t frame[FRAME_MAX], out[FRAME_MAX];
	size_t len = frame_build(&probe->spec, frame), out_len = sizeof(out);
	uint64_t before[LB_CAUSES];
	int verdict;

	memcpy(before, dp->lines[dp->n_cpus].causes, sizeof(before));
	verdict = dataplane_run(dp, frame, len, out, &out_len, err);
	if (verdict < 0)
		return verdict;
	expect(dp, probe);
	return judge(dp, probe, verdict, cause_since(dp, before), out, out_len, err);
}

/* The uplink that the self-test stands in for: the first one attached. */
static uint32_t uplink_for_test(const struct dataplane *dp)
{
	uint32_t i = 0;

	while (i < DATAPLANE_UPLINKS_MAX - 1 && !dp->uplinks[i].ifindex)
		i++;
	return i;
}

int dataplane_self_test_some(struct dataplane *dp, const struct dataplane_service *service,
			     unsigned first, unsigned n, struct err *err)
{
	struct probe probe = { .spec = { .dst = service->vip.addr, .proto = service->proto } };
	uint32_t uplink = uplink_for_test(dp);
	int r;

	probe.service = service_find(dp, &service->vip, service->proto, service->port);
	if (!probe.service)
		return err_set(err, -EIO, "the service is not programmed");
	if (probe.service->ring != service->ring)
		return err_set(err, -EIO, "the service uses ring %u, not %u", probe.service->ring,
			       service->ring);
	r = uplink_publish_self_test(dp, uplink, err);
	if (r < 0)
		return err_prefix(err, -EIO, "self-test");
	memcpy(probe.spec.dst_mac, dp->uplinks[uplink].mac, 6);
	probe.spec.src_mac[0] = 0x02;
	probe.spec.dport = port_of(dp, probe.service);
	for (unsigned i = 0; i < n && !r; i++) {
		unsigned flow = (first + i) % DATAPLANE_TEST_FLOWS;

		probe.spec.src = client(dp, probe.service, &service->vip.addr, flow);
		probe.spec.sport = (uint16_t)(FIRST_PORT + 37 * flow);
		r = run_probe(dp, &probe, err);
	}
	return r < 0 ? -EIO : 0;
}

int dataplane_self_test(struct dataplane *dp, const struct dataplane_service *service,
			struct err *err)
{
	return dataplane_self_test_some(dp, service, 0, DATAPLANE_TEST_FLOWS, err);
}
