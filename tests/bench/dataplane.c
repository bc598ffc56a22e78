/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dataplane.c - what a packet costs in the XDP program: dataplane [--json] [CASE...].
 *
 * The program measured is the load balancer's own object, untraced as in service, provisioned
 * through dataplane.h and run by BPF_PROG_TEST_RUN. Repeats of a test run go on with the frame that
 * the round before left, and with the same flow; so it is not the balancer that is run but
 * wrapper.bpf.c, which for every packet puts the frame back, chooses the flow and tail-calls the
 * program measured.
 *
 * Why that is sound: encapsulation only moves the frame's start and writes before the inner IP
 * header, so moving it back and writing the Ethernet header anew restores every byte (a too-big
 * reply also cuts the end, whose bytes nothing reads; the wrapper makes it as long as before). Of a
 * tunnel that is opened the outer header and a hop are lost: there the wrapper writes the first 64
 * bytes anew, for null and floor as well. The balancer counts what it does: after each series its
 * counters must have risen by just the packets of the series, under the cause that the case names,
 * and verdict and length of the last frame must be right; else the bench ends with a sentence. The
 * tail call has a constant index, for which the JIT writes a direct jump.
 *
 * What it adds: one step of a generator, three stores, a flow's two stores, the jump, the kernel's
 * loop, and where the frame changed the way back (one more call of adjust_head). `null` is the
 * wrapper around a program that only transmits, `floor` around one that moves the frame's start by
 * as much as the case does (and its end, for too-big) and transmits. Both pay all of it, in the
 * same minute with the same frame, and nothing is subtracted anywhere: a ratio is the whole of the
 * case over the whole of the floor. Frames are in the L1 cache, which behind a NIC they are not.
 *
 * Time is CPU time of this thread, which runs before all that are not real-time; what processes on
 * other CPUs do to shared caches and clock counts all the same. Null, floor and case follow each
 * other in every round, figures are medians over the rounds: trust ratios of one run.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/bench/wrapper.h"
#include "tests/lib/test.h"
#include "tests/packet/fixture.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wcast-qual"
#include "wrapper.skel.h"
#pragma GCC diagnostic pop

#define ROUNDS  11
#define PACKETS 300000
#define WARMING 30000 /* before each series, not timed */

#define REALS    100
#define ETH_LEN  14
#define PAYLOAD  18 /* the shortest UDP frame then is 60 bytes long */
#define TOO_LONG 1500
#define GUE_PORT 6080

#define FLOWS_64K  0xffffU
#define FLOWS_512K 0x7ffffU
#define FLOWS_1M   0xfffffU
#define FLOWS_NEW  0xffffffffU

#define TCP_SYN 0x02

struct bench_case {
	const char *name;
	const char *src, *dst;
	uint8_t proto;
	uint8_t tcp_flags;
	uint16_t payload_len; /* 0: PAYLOAD */
	uint32_t flows;       /* mask of the flow's number; 0 is one flow */
	uint32_t head;        /* by what the frame grows; for a case that passes, the floor's */
	uint32_t left;        /* of the frame when the end is cut; 0: all */
	bool is_error;        /* an ICMP error that quotes the flow */
	bool is_tagged;       /* behind a VLAN tag */
	const char *outer;    /* in an IPIP tunnel to this address, which is opened */
	const char *data;     /* what the payload begins with, or the TCP options */
	size_t data_len;      /* of options: whole words */
	bool is_remembered;   /* its flows are in the flow table: it is filled before each series */
	const char *cause;    /* as dataplane_total() names it */
};

#define CLIENT4 "10.99.1.1"
#define CLIENT6 "fc00:2::1"
#define VIP4    "10.200.1.1"
#define VIP6    "fc00:1::1"
#define CROSS4  "10.200.1.2" /* with reals of the other family */
#define CROSS6  "fc00:1::2"
#define GUE4    "10.200.1.3"
#define MOVING4 "10.200.1.4" /* every slot is moving */
#define TENTH4  "10.200.1.5" /* one slot of ten is */
#define TRACK4  "10.200.1.6" /* remembers every flow */
#define QUIC4   "10.200.1.7"
#define IDS4    "10.200.1.8"  /* server ids in TCP options */
#define ROUTED4 "10.200.1.9"  /* with a source route for the client */
#define WATCH4  "10.200.1.10" /* its pool is watched */
#define NO_VIP4 "10.200.9.9"

/* Tunnels to these are opened: what is inside is the host's, or served. */
#define OPEN_LOCAL4   "10.200.8.1"
#define OPEN_BALANCE4 "10.200.8.2"
#define OUTER_LEN     20

/* Ids of the real 10.0.1.N are N: 7 of a real, 0x777 of none. */
#define QUIC_INITIAL "\xc0\0\0\0\1\x08\1\2\3\4\5\6\7\x08"
#define QUIC_ID      "\x40\x80\0\0\7\1\2\3\4"
#define QUIC_UNKNOWN "\x40\x80\0\7\x77\1\2\3\4"
#define TCP_ID       "\1\1\x08\x0a\1\2\3\4\5\6\7\x08\1\1\xb7\6\7\0\0\0"
#define DATA(bytes)  .data = (bytes), .data_len = sizeof(bytes) - 1

#define FLOW_TABLE 4194304

static const struct bench_case cases[] = {
	{ "v4-tcp-steady", CLIENT4, VIP4, IPPROTO_TCP, .head = 20, .cause = "sent/forwarded" },
	{ "v6-tcp-steady", CLIENT6, VIP6, IPPROTO_TCP, .head = 40, .cause = "sent/forwarded" },
	{ "v4-udp-steady", CLIENT4, VIP4, IPPROTO_UDP, .head = 20, .cause = "sent/forwarded" },
	{ "v4-in-v6", CLIENT4, CROSS4, IPPROTO_TCP, .head = 40, .cause = "sent/forwarded" },
	{ "v6-in-v4", CLIENT6, CROSS6, IPPROTO_TCP, .head = 20, .cause = "sent/forwarded" },
	{ "v4-gue-steady", CLIENT4, GUE4, IPPROTO_TCP, .head = 28, .cause = "sent/forwarded" },
	{ "non-vip-pass", CLIENT4, NO_VIP4, IPPROTO_TCP, .head = 20, .cause = "passed/not-a-vip" },
	{ "v4-tcp-new-flows", CLIENT4, VIP4, IPPROTO_TCP, .tcp_flags = TCP_SYN, .flows = FLOWS_NEW,
	  .head = 20, .cause = "sent/forwarded" },
	{ "v4-tcp-64k-random", CLIENT4, VIP4, IPPROTO_TCP, .flows = FLOWS_64K, .head = 20,
	  .cause = "sent/forwarded" },
	{ "v4-tcp-1m-random", CLIENT4, VIP4, IPPROTO_TCP, .flows = FLOWS_1M, .head = 20,
	  .cause = "sent/forwarded" },
	{ "v4-tcp-vlan", CLIENT4, VIP4, IPPROTO_TCP, .is_tagged = true, .head = 20,
	  .cause = "sent/forwarded" },
	{ "decap-local", CLIENT4, VIP4, IPPROTO_TCP, .outer = OPEN_LOCAL4,
	  .cause = "passed/decapsulated" },
	{ "decap-balance", CLIENT4, VIP4, IPPROTO_TCP, .outer = OPEN_BALANCE4, .head = 20,
	  .cause = "sent/forwarded" },
	{ "too-big", CLIENT4, VIP4, IPPROTO_TCP, .payload_len = TOO_LONG, .head = 28,
	  .left = ETH_LEN + 84, .cause = "sent/too-big-reply" },
	{ "icmp-error", CLIENT4, VIP4, IPPROTO_TCP, .is_error = true, .head = 20,
	  .cause = "sent/forwarded" },
	{ "quic-initial", CLIENT4, QUIC4, IPPROTO_UDP, DATA(QUIC_INITIAL), .head = 20,
	  .cause = "sent/forwarded" },
	{ "quic-id", CLIENT4, QUIC4, IPPROTO_UDP, DATA(QUIC_ID), .head = 20,
	  .cause = "sent/forwarded" },
	{ "quic-id-64k", CLIENT4, QUIC4, IPPROTO_UDP, DATA(QUIC_ID), .flows = FLOWS_64K, .head = 20,
	  .is_remembered = true, .cause = "sent/forwarded" },
	{ "quic-unknown-id", CLIENT4, QUIC4, IPPROTO_UDP, DATA(QUIC_UNKNOWN), .head = 20,
	  .cause = "sent/forwarded" },
	{ "tcp-server-id", CLIENT4, IDS4, IPPROTO_TCP, DATA(TCP_ID), .head = 20,
	  .cause = "sent/forwarded" },
	{ "source-route", CLIENT4, ROUTED4, IPPROTO_TCP, .head = 20, .cause = "sent/forwarded" },
	{ "slots-moving-10", CLIENT4, TENTH4, IPPROTO_TCP, .flows = FLOWS_64K, .head = 20,
	  .is_remembered = true, .cause = "sent/forwarded" },
	{ "all-in-transition", CLIENT4, MOVING4, IPPROTO_TCP, .head = 20, .is_remembered = true,
	  .cause = "sent/forwarded" },
	{ "all-in-transition-64k", CLIENT4, MOVING4, IPPROTO_TCP, .flows = FLOWS_64K, .head = 20,
	  .is_remembered = true, .cause = "sent/forwarded" },
	{ "track-all-512k", CLIENT4, TRACK4, IPPROTO_TCP, .flows = FLOWS_512K, .head = 20,
	  .is_remembered = true, .cause = "sent/forwarded" },
	{ "watched", CLIENT4, WATCH4, IPPROTO_TCP, .head = 20, .cause = "sent/forwarded" },
	{ "watched-new-flows", CLIENT4, WATCH4, IPPROTO_TCP, .tcp_flags = TCP_SYN,
	  .flows = FLOWS_NEW, .head = 20, .cause = "sent/forwarded" },
};

#define N_CASES (sizeof(cases) / sizeof(cases[0]))

static const struct bench_case *find_case(const char *name)
{
	for (size_t i = 0; i < N_CASES; i++) {
		if (strcmp(name, cases[i].name) == 0)
			return &cases[i];
	}
	return NULL;
}

struct bench {
	struct fixture fixture;
	struct wrapper_bpf *wrapper;
	int wrappers[WRAPPER_TARGETS];
	uint8_t frame[FRAME_MAX];
	size_t len;
	const char *const *wanted; /* names of cases; NULL-terminated, none: all */
	double ns[N_CASES][WRAPPER_TARGETS][ROUNDS];
};

__attribute__((format(printf, 1, 2), noreturn)) static void die(const char *fmt, ...)
{
	va_list args;

	fprintf(stderr, "bench: ");
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fprintf(stderr, "\n");
	exit(1);
}

/* ---- what is provisioned ---- */

/* A pool of REALS reals, each with the same share of the slots, side by side. */
static uint32_t make_ring(struct fixture *f, const char *net)
{
	static uint16_t slots[RING_SLOTS];
	uint16_t reals[REALS];
	struct err err = { "" };
	uint32_t ring;

	for (unsigned i = 0; i < REALS; i++) {
		char text[64];

		snprintf(text, sizeof(text), "%s%u", net, i + 1);
		reals[i] = fixture_real(f, text);
	}
	for (uint32_t i = 0; i < RING_SLOTS; i++)
		slots[i] = reals[i % REALS];
	if (dataplane_ring_new(f->dp, &ring, &err) < 0 ||
	    dataplane_ring_write(f->dp, ring, slots, NULL, &err) < 0)
		die("%s", err.text);
	return ring;
}

/* Give every slot, or every tenth, to its neighbour's real: from then on it is moving. */
static void move_slots(struct fixture *f, uint32_t ring, uint32_t one_in)
{
	static uint16_t slots[RING_SLOTS];
	const uint32_t *words = dataplane_ring(f->dp, ring);
	struct err err = { "" };

	for (uint32_t i = 0; i < RING_SLOTS; i++)
		slots[i] = (uint16_t)LB_SLOT_CUR(words[i % one_in ? i : (i + 1) % RING_SLOTS]);
	if (dataplane_ring_write(f->dp, ring, slots, NULL, &err) < 0)
		die("%s", err.text);
}

static void provision_flows(struct fixture *f, uint32_t ring)
{
	struct dataplane_service track = { .vip = fixture_prefix(TRACK4),
					   .proto = IPPROTO_TCP,
					   .port = 80,
					   .ring = ring,
					   .track = CONFIG_TRACK_ALL };
	uint32_t moving = make_ring(f, "10.0.1."), tenth = make_ring(f, "10.0.1."),
		 watched = make_ring(f, "10.0.1.");
	struct err err = { "" };

	if (dataplane_set_service(f->dp, &track, &err) < 0)
		die("%s", err.text);
	fixture_service(f, MOVING4, IPPROTO_TCP, 80, moving);
	fixture_service(f, TENTH4, IPPROTO_TCP, 80, tenth);
	fixture_service(f, WATCH4, IPPROTO_TCP, 80, watched);
	if (dataplane_watch(f->dp, watched, true, &err) < 0)
		die("%s", err.text);
	move_slots(f, moving, 1);
	move_slots(f, tenth, 10);
}

static void set_special(struct fixture *f, struct dataplane_service *service, const char *vip)
{
	struct err err = { "" };

	service->vip = fixture_prefix(vip);
	if (dataplane_set_service(f->dp, service, &err) < 0)
		die("%s", err.text);
}

/* Ids for the reals of make_ring(), and a service for each way to use them. */
static void provision_special(struct fixture *f, uint32_t ring)
{
	static struct config_real reals[REALS];
	struct config_source_route route = { fixture_prefix("10.99.0.0/16"), 7 };
	struct dataplane_service quic = {
		.proto = IPPROTO_UDP, .port = 80, .ring = ring, .quic = true
	};
	struct dataplane_service ids = {
		.proto = IPPROTO_TCP, .port = 80, .ring = ring, .tcp_server_id = true
	};
	struct dataplane_service routed = { .proto = IPPROTO_TCP,
					    .port = 80,
					    .ring = ring,
					    .source_routes = &route,
					    .n_source_routes = 1,
					    .reals = reals };
	struct err err = { "" };

	for (unsigned i = 0; i < REALS; i++) {
		char text[64];

		snprintf(text, sizeof(text), "10.0.1.%u", i + 1);
		reals[i].addr = fixture_addr(text);
		reals[i].server_id = i + 1;
	}
	if (dataplane_set_server_ids(f->dp, ring, reals, REALS, &err) < 0)
		die("%s", err.text);
	set_special(f, &quic, QUIC4);
	set_special(f, &ids, IDS4);
	set_special(f, &routed, ROUTED4);
}

static void provision_decap(struct fixture *f)
{
	static struct addr local, balance;
	struct config_node *node = &f->config.node;
	struct err err = { "" };

	local = fixture_addr(OPEN_LOCAL4);
	balance = fixture_addr(OPEN_BALANCE4);
	node->decap_local = &local;
	node->n_decap_local = 1;
	node->decap_balance = &balance;
	node->n_decap_balance = 1;
	if (dataplane_reconfigure(f->dp, &f->config, &err) < 0)
		die("%s", err.text);
}

static void provision(struct fixture *f)
{
	const struct private_switches switches = { .is_untraced = true };
	struct dataplane_service gue = { .vip = fixture_prefix(GUE4),
					 .proto = IPPROTO_TCP,
					 .port = 80,
					 .encap = CONFIG_ENCAP_GUE,
					 .gue_port = GUE_PORT };
	struct err err = { "" };
	uint32_t ring4, ring6;

	fixture_init_flows(f, 4, &switches, FLOW_TABLE);
	ring4 = make_ring(f, "10.0.1.");
	ring6 = make_ring(f, "fc00::1:");
	fixture_service(f, VIP4, IPPROTO_TCP, 80, ring4);
	fixture_service(f, VIP4, IPPROTO_UDP, 80, ring4);
	fixture_service(f, VIP6, IPPROTO_TCP, 80, ring6);
	fixture_service(f, CROSS4, IPPROTO_TCP, 80, ring6);
	fixture_service(f, CROSS6, IPPROTO_TCP, 80, ring4);
	provision_flows(f, ring4);
	provision_special(f, ring4);
	provision_decap(f);
	gue.ring = ring4;
	if (dataplane_set_service(f->dp, &gue, &err) < 0)
		die("%s", err.text);
}

/* ---- frames ---- */

/* Put an ICMP "host unreachable" before a packet that the VIP sent to the client: of that packet,
 * IP header and 8 bytes. Checksums stay unset, the balancer does not look at them. */
static size_t build_error(const struct bench_case *c, uint8_t *frame)
{
	struct frame_spec quoted = fixture_spec(c->dst, c->src, c->proto, FIXTURE_PORT);
	struct frame_spec spec = fixture_spec("172.31.0.1", c->dst, IPPROTO_UDP, 0);
	uint8_t inner[FRAME_MAX];
	size_t len;

	quoted.sport = 80;
	spec.payload_len = 20 + 8;
	frame_build(&quoted, inner);
	len = frame_build(&spec, frame);
	frame[ETH_LEN + 9] = IPPROTO_ICMP;
	memset(frame + ETH_LEN + 20, 0, 8);
	frame[ETH_LEN + 20] = 3;
	frame[ETH_LEN + 21] = 1;
	memcpy(frame + ETH_LEN + 28, inner + ETH_LEN, 20 + 8);
	return len;
}

/* Into an IPv4 packet that has room for it. */
static void put_data(const struct bench_case *c, uint8_t *l4)
{
	bool is_tcp = c->proto == IPPROTO_TCP;

	if (!c->data_len)
		return;
	memcpy(l4 + (is_tcp ? 20 : 8), c->data, c->data_len);
	if (is_tcp)
		l4[12] = (uint8_t)((20 + c->data_len) / 4 << 4);
}

/* Put the tag of VLAN 100 into a frame; its new length. */
static size_t put_tag(uint8_t *frame, size_t len)
{
	const uint8_t tag[4] = { 0x81, 0x00, 0, 100 };

	memmove(frame + 16, frame + 12, len - 12);
	memcpy(frame + 12, tag, sizeof(tag));
	return len + sizeof(tag);
}

/* Put an outer IPv4 header before the packet; the frame's new length. */
static size_t put_outer(const struct bench_case *c, uint8_t *frame, size_t len)
{
	struct addr src = fixture_addr("172.31.0.1"), dst = fixture_addr(c->outer);
	uint8_t *ip = frame + ETH_LEN;
	uint16_t check;

	memmove(ip + OUTER_LEN, ip, len - ETH_LEN);
	memcpy(ip, (const uint8_t[]){ 0x45, 0, 0, 0, 0, 0, 0, 0, 64, IPPROTO_IPIP, 0, 0 }, 12);
	ip[2] = (uint8_t)((len - ETH_LEN + OUTER_LEN) >> 8);
	ip[3] = (uint8_t)(len - ETH_LEN + OUTER_LEN);
	memcpy(ip + 12, src.bytes + 12, 4);
	memcpy(ip + 16, dst.bytes + 12, 4);
	check = frame_checksum(ip, OUTER_LEN, 0);
	ip[10] = (uint8_t)(check >> 8);
	ip[11] = (uint8_t)check;
	return len + OUTER_LEN;
}

static size_t build(const struct bench_case *c, uint8_t *frame)
{
	struct frame_spec spec = fixture_spec(c->src, c->dst, c->proto, 80);
	size_t len;

	if (c->is_error)
		return build_error(c, frame);
	spec.tcp_flags = c->tcp_flags;
	spec.payload_len = c->payload_len ? c->payload_len : PAYLOAD + c->data_len;
	len = frame_build(&spec, frame);
	put_data(c, frame + ETH_LEN + 20);
	return len;
}

static uint32_t opened_of(const struct bench_case *c)
{
	return c->outer ? OUTER_LEN : 0;
}

/* Let frame and wrapper be those of the case. */
static void take_case(struct bench *b, const struct bench_case *c)
{
	struct wrapper *w = &b->wrapper->bss->bench;
	struct addr client = fixture_addr(c->src);
	bool is_ipv4 = addr_is_ipv4(&client);

	b->len = build(c, b->frame);
	memcpy(&w->ports, b->frame + ETH_LEN + (is_ipv4 ? 20 : 40), 4);
	w->tag = 0;
	if (c->is_tagged) {
		b->len = put_tag(b->frame, b->len);
		memcpy(&w->tag, b->frame + ETH_LEN, 4);
	}
	if (c->outer)
		b->len = put_outer(c, b->frame, b->len);
	w->restores = c->outer != NULL;
	memcpy(w->first, b->frame, sizeof(w->first));
	memcpy(&w->eth_first, b->frame, 8);
	memcpy(&w->eth_second, b->frame + 8, 4);
	memcpy(&w->eth_third, b->frame + 12, 2);
	memcpy(&w->client, client.bytes + 12, 4);
	w->len = (uint32_t)b->len;
	w->head = c->head;
	w->opened = opened_of(c);
	w->cut = c->left ? w->len - c->left : 0;
	w->vary = is_ipv4 ? WRAPPER_IPV4_FLOWS : WRAPPER_IPV6_FLOWS;
	if (c->is_error)
		w->vary = WRAPPER_ONE_FLOW;
	w->mask = c->flows;
}

/* ---- running ---- */

/* What the program measured says it did, under this name. */
static uint64_t total(struct bench *b, const char *name)
{
	const char *found;
	uint64_t value;

	for (unsigned i = 0; dataplane_total(b->fixture.dp, i, &found, &value); i++) {
		if (strcmp(found, name) == 0)
			return value;
	}
	die("the data plane does not count '%s'", name);
}

static uint64_t cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Run that many packets; the verdict and the length of the last frame must be these. */
static void run_packets(struct bench *b, enum wrapper_target which, uint32_t packets,
			uint32_t verdict, size_t len)
{
	static uint8_t out[FRAME_MAX];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = b->frame, .data_size_in = (uint32_t)b->len,
		    .data_out = out, .data_size_out = sizeof(out), .repeat = (int)packets);

	if (bpf_prog_test_run_opts(b->wrappers[which], &opts) < 0)
		die("test run: %s", strerror(errno));
	if (opts.retval != verdict || opts.data_size_out != len)
		die("the last packet ended with verdict %u and %u bytes, not %u and %zu",
		    opts.retval, opts.data_size_out, verdict, len);
}

/* Nanoseconds a packet, of one series. */
static double run_series(struct bench *b, enum wrapper_target which, uint32_t warming,
			 uint32_t verdict, size_t len)
{
	uint64_t start;

	run_packets(b, which, warming, verdict, len);
	start = cpu_ns();
	run_packets(b, which, PACKETS, verdict, len);
	return (double)(cpu_ns() - start) / PACKETS;
}

static void load_wrapper(struct bench *b)
{
	int targets[WRAPPER_TARGETS];

	b->wrapper = wrapper_bpf__open_and_load();
	if (!b->wrapper)
		die("the wrapper cannot be loaded: %s", strerror(errno));
	b->wrapper->bss->bench.random = 1;
	b->wrappers[WRAPPER_NULL] = bpf_program__fd(b->wrapper->progs.bench_around_null);
	b->wrappers[WRAPPER_FLOOR] = bpf_program__fd(b->wrapper->progs.bench_around_floor);
	b->wrappers[WRAPPER_CASE] = bpf_program__fd(b->wrapper->progs.bench_around_case);
	targets[WRAPPER_NULL] = bpf_program__fd(b->wrapper->progs.bench_null);
	targets[WRAPPER_FLOOR] = bpf_program__fd(b->wrapper->progs.bench_floor);
	targets[WRAPPER_CASE] = b->fixture.dp->prog_fd;
	for (uint32_t i = 0; i < WRAPPER_TARGETS; i++) {
		if (bpf_map_update_elem(bpf_map__fd(b->wrapper->maps.targets), &i, &targets[i], 0) <
		    0)
			die("a program that the wrapper can call: %s", strerror(errno));
	}
}

/* Flows that are to be in the table come by three times, as far as chance will have it. */
static uint32_t warming_of(const struct bench_case *c)
{
	return WARMING + (c->is_remembered ? 3 * c->flows : 0);
}

static void run_round(struct bench *b, size_t which, unsigned round)
{
	const struct bench_case *c = &cases[which];
	bool passes = strncmp(c->cause, "passed/", 7) == 0;
	uint32_t warming = warming_of(c);
	size_t changed = (c->left ? c->left : b->len) + c->head - opened_of(c);
	uint64_t before;

	b->ns[which][WRAPPER_NULL][round] = run_series(b, WRAPPER_NULL, WARMING, XDP_TX, b->len);
	b->ns[which][WRAPPER_FLOOR][round] = run_series(b, WRAPPER_FLOOR, WARMING, XDP_TX, changed);

	before = total(b, c->cause);
	b->ns[which][WRAPPER_CASE][round] =
		run_series(b, WRAPPER_CASE, warming, passes ? XDP_PASS : XDP_TX,
			   passes && !c->outer ? b->len : changed);
	if (total(b, c->cause) - before != warming + PACKETS)
		die("%s: %llu of %u packets ended as %s", c->name,
		    (unsigned long long)(total(b, c->cause) - before), warming + PACKETS, c->cause);
}

/* The last CPU that we may use; the first ones have most of the interrupts. */
static void pin_to_a_cpu(void)
{
	cpu_set_t allowed, one;
	int cpu = CPU_SETSIZE - 1;

	if (sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
		die("which CPUs may be used: %s", strerror(errno));
	while (cpu > 0 && !CPU_ISSET((size_t)cpu, &allowed))
		cpu--;
	CPU_ZERO(&one);
	CPU_SET((size_t)cpu, &one);
	if (sched_setaffinity(0, sizeof(one), &one) < 0)
		die("pin to CPU %d: %s", cpu, strerror(errno));
	/* Other processes wait while a series runs, if we may make them: interrupted series tell of
	 * caches that others emptied. */
	sched_setscheduler(0, SCHED_FIFO, &(const struct sched_param){ .sched_priority = 1 });
}

/* ---- what is printed ---- */

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static double median(double ns[ROUNDS])
{
	qsort(ns, ROUNDS, sizeof(ns[0]), compare);
	return ns[ROUNDS / 2];
}

/* A case, or null or floor in the place of one; medians, and the least of all rounds. */
static void print_line(bool is_json, const char *name, double ns[ROUNDS], double nulls[ROUNDS],
		       double floors[ROUNDS])
{
	double middle = median(ns), floor_ns = median(floors), null_ns = median(nulls);
	double ratio = middle / floor_ns, least = ns[0] / floors[0];

	if (is_json)
		printf("{\"name\":\"%s\",\"ns\":%.2f,\"null_ns\":%.2f,\"floor_ns\":%.2f,"
		       "\"ratio\":%.3f,\"least_ratio\":%.3f}\n",
		       name, middle, null_ns, floor_ns, ratio, least);
	else
		printf("%-21s %8.1f %8.1f %8.1f %7.2f %7.2f\n", name, middle, null_ns, floor_ns,
		       ratio, least);
}

static bool is_wanted(const struct bench *b, size_t which)
{
	const char *const *name = b->wanted;

	while (*name && strcmp(*name, cases[which].name) != 0)
		name++;
	return *name || !*b->wanted;
}

static void print_all(struct bench *b, bool is_json)
{
	bool is_first = true;

	if (!is_json)
		printf("%-21s %8s %8s %8s %7s %7s\n", "case", "ns", "null", "floor", "ratio",
		       "least");
	for (size_t i = 0; i < N_CASES; i++) {
		double(*ns)[ROUNDS] = b->ns[i];

		if (!is_wanted(b, i))
			continue;
		if (is_first) {
			print_line(is_json, "null", ns[WRAPPER_NULL], ns[WRAPPER_NULL],
				   ns[WRAPPER_FLOOR]);
			print_line(is_json, "floor", ns[WRAPPER_FLOOR], ns[WRAPPER_NULL],
				   ns[WRAPPER_FLOOR]);
			is_first = false;
		}
		print_line(is_json, cases[i].name, ns[WRAPPER_CASE], ns[WRAPPER_NULL],
			   ns[WRAPPER_FLOOR]);
	}
	if (!is_json)
		printf("\nns a packet, medians of %d rounds of %d packets; ratio: ns to floor; "
		       "least: the least ns\nof all rounds to the least floor, which other "
		       "processes disturb less\n",
		       ROUNDS, PACKETS);
}

int main(int argc, char **argv)
{
	static struct bench b;
	bool is_json = argc > 1 && strcmp(argv[1], "--json") == 0;

	b.wanted = (const char *const *)argv + 1 + is_json;
	for (size_t i = 0; b.wanted[i]; i++) {
		if (!find_case(b.wanted[i])) {
			fprintf(stderr, "usage: dataplane [--json] [CASE...]\n");
			return 2;
		}
	}
	fixture_need_root();
	pin_to_a_cpu();
	provision(&b.fixture);
	load_wrapper(&b);
	for (unsigned round = 0; round < ROUNDS; round++) {
		for (size_t i = 0; i < N_CASES; i++) {
			if (!is_wanted(&b, i))
				continue;
			take_case(&b, &cases[i]);
			run_round(&b, i, round);
		}
	}
	print_all(&b, is_json);
	wrapper_bpf__destroy(b.wrapper);
	fixture_fini(&b.fixture);
	return 0;
}
