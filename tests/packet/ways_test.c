/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ways_test.c - the program serves common packets by a quick way and all others by a longer one.
 * Here both get the same frames, common and broken, and must do the same with each. And what holds
 * for the program as a whole: how much of it the verifier explores, and that a flow keeps its outer
 * source.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/dataplane/lb_skel.h"
#include "tests/lib/test.h"
#include "tests/packet/fixture.h"

#define CLIENT4  "192.0.2.1"
#define CLIENT6  "2001:db8::1"
#define PLAIN4   "203.0.113.1" /* reals of the same family */
#define PLAIN6   "2001:db8:1::1"
#define CROSS4   "203.0.113.2" /* of the other */
#define CROSS6   "2001:db8:1::2"
#define GUE4     "203.0.113.3"
#define GUE6     "2001:db8:1::3"
#define GUE_V6   "203.0.113.4" /* GUE, of the other family */
#define ANY4     "203.0.113.5" /* any port */
#define SOURCE4  "203.0.113.6" /* any port, source-ip */
#define BY_PORT4 "203.0.113.7" /* any port, destination-port */
#define BY_PORT6 "2001:db8:1::7"
#define LEFT4    "203.0.113.8" /* unserved: pass */
#define LOCAL4   "203.0.113.9"
#define NET4     "203.0.114.0/24"
#define NO_HOP4  "203.0.113.11" /* its real has no next hop */
#define TRACK4   "203.0.113.12" /* track: all */
#define NO_VIP4  "198.51.100.1"
#define NO_VIP6  "2001:db8:2::1"

#define ETH      14
#define MUTATED  40000
#define VERIFIER 250000 /* explored instructions, all features on */

static struct fixture f;

/* xorshift32 (Marsaglia); the same numbers in every run. */
static uint32_t random32(void)
{
	static uint32_t state = 2463534242U;

	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state;
}

/* ---- what is served ---- */

static void serve(const char *vip, uint8_t proto, const struct dataplane_service *like)
{
	struct dataplane_service service = *like;
	struct err err = { "" };

	service.vip = fixture_prefix(vip);
	service.proto = proto;
	if (dataplane_set_service(f.dp, &service, &err) < 0)
		fail_msg("%s", err.text);
}

static void serve_both(const char *vip, const struct dataplane_service *like)
{
	serve(vip, IPPROTO_TCP, like);
	serve(vip, IPPROTO_UDP, like);
}

static uint32_t local_ring(void)
{
	static uint16_t slots[RING_SLOTS];
	struct addr addr = fixture_addr("10.1.0.99");
	struct err err = { "" };
	uint16_t index;
	uint32_t ring;

	assert_int_equal(dataplane_set_real(f.dp, &addr, true, &index, &err), 0);
	for (uint32_t i = 0; i < RING_SLOTS; i++)
		slots[i] = index;
	assert_int_equal(dataplane_ring_new(f.dp, &ring, &err), 0);
	assert_int_equal(dataplane_ring_write(f.dp, ring, slots, NULL, &err), 0);
	return ring;
}

static uint32_t unreachable_ring(void)
{
	const struct dataplane_next_hop none = { .usable = false };
	uint32_t ring = fixture_ring(&f, "10.1.0.50");
	struct addr addr = fixture_addr("10.1.0.50");
	struct err err = { "" };

	assert_int_equal(dataplane_set_next_hop(f.dp, 0, &addr, &none, &err), 0);
	return ring;
}

static void serve_any_port(uint32_t ring)
{
	const struct dataplane_service any = { .ring = ring };
	const struct dataplane_service source = { .ring = ring, .hash = CONFIG_HASH_SOURCE_IP };
	const struct dataplane_service port = { .ring = ring,
						.hash = CONFIG_HASH_DESTINATION_PORT };

	serve_both(ANY4, &any);
	serve_both(SOURCE4, &source);
	serve_both(BY_PORT4, &port);
	serve_both(BY_PORT6, &port);
}

static int set_up(void **state)
{
	struct dataplane_service plain = { .port = 80 };
	struct prefix left = fixture_prefix(LEFT4);
	struct err err = { "" };
	uint32_t ring4, ring6;

	(void)state;
	fixture_init(&f, 4);
	ring4 = fixture_ring(&f, "10.1.0.11");
	ring6 = fixture_ring(&f, "fc00:1::11");
	plain.ring = ring4;
	serve_both(PLAIN4, &plain);
	serve_both(CROSS6, &plain);
	serve_both(NET4, &plain);
	serve_both(LEFT4, &plain);
	plain.track = CONFIG_TRACK_ALL;
	serve_both(TRACK4, &plain);
	plain.track = CONFIG_TRACK_MOVING;
	plain.encap = CONFIG_ENCAP_GUE;
	plain.gue_port = 6080;
	serve_both(GUE4, &plain);
	plain.ring = ring6;
	serve_both(GUE6, &plain);
	serve_both(GUE_V6, &plain);
	plain.encap = CONFIG_ENCAP_IPIP;
	serve_both(PLAIN6, &plain);
	serve_both(CROSS4, &plain);
	plain.ring = local_ring();
	serve_both(LOCAL4, &plain);
	plain.ring = unreachable_ring();
	serve_both(NO_HOP4, &plain);
	serve_any_port(ring4);
	assert_int_equal(dataplane_set_vip(f.dp, &left, CONFIG_UNSERVED_PASS, &err), 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	fixture_fini(&f);
	return 0;
}

/* ---- both ways ---- */

struct outcome {
	int verdict;
	size_t len;
	struct lb_trace trace;
	uint8_t frame[FRAME_MAX];
};

static void take_way(int prog_fd, const uint8_t *frame, size_t len, struct outcome *ret)
{
	struct lb_trace *trace = &f.dp->skel->data_trace->lb_trace;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = (uint32_t)len,
		    .data_out = ret->frame, .data_size_out = sizeof(ret->frame), .repeat = 1);

	*trace = (struct lb_trace){ .cause = LB_NONE,
				    .vip = LB_NONE,
				    .service = LB_NONE,
				    .slot = LB_NONE,
				    .real = LB_NONE,
				    .why = LB_WHY_NONE };
	if (bpf_prog_test_run_opts(prog_fd, &opts) < 0)
		fail_msg("test run: %s", strerror(errno));
	ret->verdict = (int)opts.retval;
	ret->len = opts.data_size_out;
	ret->trace = *trace;
}

static void expect_same(const uint8_t *frame, size_t len, const char *what)
{
	static struct outcome quick, longer;

	/* Once for the flow table: what is remembered then, both find. */
	take_way(f.dp->prog_fd, frame, len, &quick);
	take_way(f.dp->prog_fd, frame, len, &quick);
	take_way(bpf_program__fd(f.dp->skel->progs.shoal_lb_longer), frame, len, &longer);
	if (quick.verdict == longer.verdict && quick.len == longer.len &&
	    !memcmp(&quick.trace, &longer.trace, sizeof(quick.trace)) &&
	    !memcmp(quick.frame, longer.frame, quick.len))
		return;
	fail_msg("%s, %zu bytes: quick way verdict %d, %zu bytes, %s; longer way %d, %zu, %s", what,
		 len, quick.verdict, quick.len, dataplane_cause_str(quick.trace.cause),
		 longer.verdict, longer.len, dataplane_cause_str(longer.trace.cause));
}

static const char *const vips[] = { PLAIN4, PLAIN6,  CROSS4,  CROSS6,   GUE4,     GUE6,
				    GUE_V6, ANY4,    SOURCE4, BY_PORT4, BY_PORT6, LEFT4,
				    LOCAL4, NO_HOP4, TRACK4,  NO_VIP4,  NO_VIP6,  "203.0.114.77" };
#define N_VIPS (sizeof(vips) / sizeof(vips[0]))

static size_t build(unsigned vip, uint8_t proto, uint16_t port, size_t payload, uint8_t *frame)
{
	bool is_ipv6 = strchr(vips[vip], ':');
	struct frame_spec spec = fixture_spec(is_ipv6 ? CLIENT6 : CLIENT4, vips[vip], proto, port);

	spec.sport = (uint16_t)(1024 + random32() % 60000);
	spec.tos = (uint8_t)random32();
	spec.tcp_flags = random32() % 3 ? 0x10 : 0x02;
	spec.payload_len = payload;
	return frame_build(&spec, frame);
}

TEST(ways, do_the_same_with_common_packets)
{
	static const uint16_t ports[] = { 80, 81, 65535 };
	static const size_t payloads[] = { 0, 1, 100, 1400, 1445, 1460, 1500, 2000 };
	uint8_t frame[FRAME_MAX];

	for (unsigned vip = 0; vip < N_VIPS; vip++) {
		for (size_t i = 0; i < 2 * 3 * 8; i++) {
			size_t len = build(vip, i % 2 ? IPPROTO_TCP : IPPROTO_UDP, ports[i / 2 % 3],
					   payloads[i / 6], frame);

			expect_same(frame, len, vips[vip]);
		}
	}
}

TEST(ways, do_the_same_with_frames_cut_anywhere)
{
	uint8_t frame[FRAME_MAX];

	for (unsigned vip = 0; vip < N_VIPS; vip++) {
		for (unsigned i = 0; i < 2; i++) {
			size_t len = build(vip, i ? IPPROTO_TCP : IPPROTO_UDP, 80, 20, frame);

			for (size_t cut = ETH; cut < len; cut++)
				expect_same(frame, cut, vips[vip]);
		}
	}
}

/* Up to three bytes of the headers changed, mostly to what means something there. */
TEST(ways, do_the_same_with_broken_headers)
{
	static const uint8_t telling[] = { 0, 1, 4, 6, 17, 41, 43, 44, 45, 50, 58, 60, 255 };
	uint8_t frame[FRAME_MAX];

	for (unsigned i = 0; i < MUTATED; i++) {
		unsigned vip = random32() % N_VIPS;
		size_t len = build(vip, random32() % 2 ? IPPROTO_TCP : IPPROTO_UDP, 80,
				   random32() % 64, frame);

		for (unsigned n = random32() % 3 + 1; n; n--) {
			uint8_t value = random32() % 2 ? (uint8_t)random32()
						       : telling[random32() % sizeof(telling)];

			frame[random32() % (len < 82 ? len : 82)] = value;
		}
		expect_same(frame, random32() % 8 ? len : ETH + random32() % (len - ETH),
			    vips[vip]);
	}
}

/* ---- the program as a whole ---- */

static unsigned explored(const char *log)
{
	const char *said = strstr(log, "processed ");

	assert_non_null(said);
	return (unsigned)strtoul(said + strlen("processed "), NULL, 10);
}

#define STATISTICS 4 /* of the log's levels: only the counts */

TEST(program, is_soon_verified_with_everything_on)
{
	static char logs[8][65536];
	struct lb_bpf *skel = lb_bpf__open();
	struct bpf_program *program;
	unsigned n = 0, sum = 0;

	if (!skel) {
		fail_msg("the program cannot be opened: %s", strerror(errno));
		return;
	}
	bpf_object__for_each_program(program, skel->obj)
	{
		bpf_program__set_log_level(program, STATISTICS);
		bpf_program__set_log_buf(program, logs[n++ % 8], sizeof(logs[0]));
	}
	assert_int_equal(lb_bpf__load(skel), 0);
	n = 0;
	bpf_object__for_each_program(program, skel->obj)
	{
		print_message("%s: %u instructions explored\n", bpf_program__name(program),
			      explored(logs[n]));
		sum += explored(logs[n++ % 8]);
	}
	lb_bpf__destroy(skel);
	assert_in_range(sum, 1, VERIFIER);
}

/* What the frame came out with before the inner packet: outer source, and the port of GUE. */
static void outer_source(const char *vip, unsigned payload, uint8_t flags, uint8_t out[18])
{
	bool is_ipv6 = strchr(vip, ':');
	struct frame_spec spec = fixture_spec(is_ipv6 ? CLIENT6 : CLIENT4, vip, IPPROTO_TCP, 80);
	bool outer_is_ipv6;

	spec.payload_len = payload;
	spec.tcp_flags = flags;
	spec.tos = (uint8_t)payload;
	assert_int_equal(fixture_send_spec(&f, &spec), XDP_TX);
	outer_is_ipv6 = f.out[12] == 0x86;
	memset(out, 0, 18);
	memcpy(out, f.out + ETH + (outer_is_ipv6 ? 8 : 12), outer_is_ipv6 ? 16 : 4);
	if (f.out[ETH + (outer_is_ipv6 ? 6 : 9)] == IPPROTO_UDP)
		memcpy(out + 16, f.out + ETH + (outer_is_ipv6 ? 40 : 20), 2);
}

/* Another source would take the flow to another queue of the real, and its packets out of order. */
TEST(program, keeps_the_outer_source_of_a_flow)
{
	static const char *const served[] = { PLAIN4, PLAIN6, CROSS4, CROSS6, GUE4,
					      GUE6,   GUE_V6, ANY4,   TRACK4 };
	uint8_t first[18], next[18];

	for (size_t i = 0; i < sizeof(served) / sizeof(served[0]); i++) {
		outer_source(served[i], 0, 0x02, first);
		for (unsigned payload = 0; payload < 1400; payload += 7) {
			outer_source(served[i], payload, payload % 3 ? 0x10 : 0x11, next);
			assert_memory_equal(first, next, sizeof(first));
		}
	}
}

#define W(group, behaviour) cmocka_unit_test_setup_teardown(group##_##behaviour, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		W(ways, do_the_same_with_common_packets),
		W(ways, do_the_same_with_frames_cut_anywhere),
		W(ways, do_the_same_with_broken_headers),
		W(program, is_soon_verified_with_everything_on),
		W(program, keeps_the_outer_source_of_a_flow),
	};

	fixture_need_root();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
