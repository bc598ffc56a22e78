/* SPDX-License-Identifier: Apache-2.0 */
/*
 * steer_test.c - frames through the real steering program by BPF_PROG_TEST_RUN: byte for byte what
 * katran's health-check encapsulation makes of the same packets, and every way to die.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/lb_abi.h"
#include "bpf/steer_abi.h"
#include "health/steer_skel.h"
#include "src/base/addr.h"
#include "tests/lib/test.h"

#define FRAME_MAX 512
#define GUE_PORT  9886
#define NO_SKIP   0

static struct steer_bpf *skel;

struct frame {
	uint8_t bytes[FRAME_MAX];
	size_t len;
};

static struct frame frame_of(const char *hex)
{
	struct frame frame = { .len = strlen(hex) / 2 };

	assert_in_range(frame.len, 1, FRAME_MAX);
	for (size_t i = 0; i < frame.len; i++) {
		unsigned byte;

		assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
		frame.bytes[i] = (uint8_t)byte;
	}
	return frame;
}

static struct steer_target target_of(const char *real, uint8_t encap)
{
	struct steer_target target = {
		.ifindex = 1,
		.gue_port = htons(GUE_PORT),
		.encap = encap,
		.has_source = 1,
		.dst_mac = { 0x00, 0x00, 0xde, 0xad, 0xbe, 0xaf },
		.src_mac = { 0x00, 0xff, 0xde, 0xad, 0xbe, 0xaf },
	};
	struct addr addr, source;

	assert_int_equal(addr_parse(real, &addr), 0);
	addr_parse(addr_is_ipv4(&addr) ? "10.0.13.37" : "fc00:2307::1337", &source);
	memcpy(target.real, addr.bytes, sizeof(target.real));
	memcpy(target.source, source.bytes, sizeof(target.source));
	return target;
}

static void set(uint32_t index, const struct steer_target *target)
{
	assert_int_equal(
		bpf_map_update_elem(bpf_map__fd(skel->maps.steer_targets), &index, target, BPF_ANY),
		0);
}

static uint64_t counted(uint32_t cause)
{
	uint64_t per_cpu[1024] = { 0 }, sum = 0;

	assert_in_range(libbpf_num_possible_cpus(), 1, 1024);
	assert_int_equal(
		bpf_map_lookup_elem(bpf_map__fd(skel->maps.steer_counters), &cause, per_cpu), 0);
	for (int cpu = 0; cpu < libbpf_num_possible_cpus(); cpu++)
		sum += per_cpu[cpu];
	return sum;
}

/* Run a frame with a mark; *frame is what became of it, *ret_mark the mark it left with. */
static int run(const struct bpf_program *prog, struct frame *frame, uint32_t mark,
	       uint32_t *ret_mark)
{
	struct __sk_buff in = { .mark = mark }, out = { 0 };
	struct frame left = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame->bytes,
		    .data_size_in = (uint32_t)frame->len, .data_out = left.bytes,
		    .data_size_out = sizeof(left.bytes), .ctx_in = &in, .ctx_size_in = sizeof(in),
		    .ctx_out = &out, .ctx_size_out = sizeof(out));

	assert_int_equal(bpf_prog_test_run_opts(bpf_program__fd(prog), &opts), 0);
	left.len = opts.data_size_out;
	*frame = left;
	*ret_mark = out.mark;
	return (int)opts.retval;
}

static const char udp4[] = "02000000000001000000000008004500002b000100004011ad4fc0a801010ac8010"
			   "17a690050001797de6b617472616e207465737420706b74";
static const char tcp4[] = "020000000000010000000000080045000037000100004006ad4ec0a801010ac80101"
			   "7a69005000000000000000005010200027e400006b617472616e207465737420706b"
			   "74";
static const char tcp6[] = "02000000000001000000000086dd6000000000230640fc000002000000000000000"
			   "000000001fc0000010000000000000000000000017a690050000000000000000050"
			   "102000fd4f00006b617472616e207465737420706b74";

#define MACS "0000deadbeaf00ffdeadbeaf"

/* Inner packets begin behind the 28 hex digits of their Ethernet header. */
static const struct {
	const char *name, *real;
	uint8_t encap;
	const char *input, *outer;
	size_t random_at; /* offset of the random source port, 0 when there is none */
} vectors[] = {
	{ "IPIP, IPv4 in IPv4", "10.0.0.1", LB_ENCAP_IPIP, udp4,
	  MACS "08004500003f00000000400459960a000d250a000001", NO_SKIP },
	{ "IPIP, TCP", "10.0.0.2", LB_ENCAP_IPIP, tcp4,
	  MACS "08004500004b00000000400459890a000d250a000002", NO_SKIP },
	{ "IPIP, IPv6 in IPv6", "fc00::1", LB_ENCAP_IPIP, tcp6,
	  MACS "86dd60000000004b2940fc002307000000000000000000001337fc00000000000000000000000000"
	       "0001",
	  NO_SKIP },
	{ "GUE, IPv4 in IPv4", "10.0.0.1", LB_ENCAP_GUE, udp4,
	  MACS "08004500004700000000401159810a000d250a0000010000269e00330000", 34 },
	{ "GUE, TCP", "10.0.0.2", LB_ENCAP_GUE, tcp4,
	  MACS "08004500005300000000401159740a000d250a0000020000269e003f0000", 34 },
	{ "GUE, IPv6 in IPv6", "fc00::1", LB_ENCAP_GUE, tcp6,
	  MACS "86dd6000000000531140fc002307000000000000000000001337fc00000000000000000000000000"
	       "00010000269e00530000",
	  54 },
};

TEST(steer, encapsulates_as_katran_does)
{
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		struct steer_target target = target_of(vectors[i].real, vectors[i].encap);
		struct frame frame = frame_of(vectors[i].input), want;
		char text[2 * FRAME_MAX];
		uint32_t mark;

		print_message("  %s\n", vectors[i].name);
		snprintf(text, sizeof(text), "%s%s", vectors[i].outer, vectors[i].input + 28);
		want = frame_of(text);
		set(1, &target);
		assert_int_equal(run(skel->progs.steer, &frame, STEER_MARK_BASE | 1, &mark),
				 TC_ACT_REDIRECT);
		assert_int_equal(mark, 0);
		assert_int_equal(frame.len, want.len);
		if (vectors[i].random_at) {
			assert_true(frame.bytes[vectors[i].random_at] & 0x04);
			memset(frame.bytes + vectors[i].random_at, 0, 2);
		}
		assert_memory_equal(frame.bytes, want.bytes, want.len);
	}
}

TEST(steer, forms_the_source_of_a_client_where_none_is_configured)
{
	static const struct {
		const char *real, *input, *source;
		size_t offset, len;
	} rows[] = {
		{ "10.0.0.1", tcp4, "\xac\x10\x68\x7b", 26, 4 },
		{ "fc00::1", tcp4, "\x01\0\0\0\0\0\0\0\0\0\0\0\xba\xc1\x01\x01", 22, 16 },
		{ "fc00::1", tcp6, "\x01\0\0\0\0\0\0\0\0\0\0\0\x7a\x69\0\x01", 22, 16 },
		{ "10.0.0.1", tcp6, "\xac\x10\x69\x7b", 26, 4 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct steer_target target = target_of(rows[i].real, LB_ENCAP_IPIP);
		struct frame frame = frame_of(rows[i].input);
		uint32_t mark;

		target.has_source = 0;
		set(1, &target);
		assert_int_equal(run(skel->progs.steer, &frame, STEER_MARK_BASE | 1, &mark),
				 TC_ACT_REDIRECT);
		assert_memory_equal(frame.bytes + rows[i].offset, rows[i].source, rows[i].len);
	}
}

TEST(steer, drops_and_counts_what_has_no_way)
{
	struct steer_target no_way = target_of("10.0.0.1", LB_ENCAP_IPIP);
	struct steer_target no_source = target_of("10.0.0.1", LB_ENCAP_GUE);
	const struct {
		uint32_t mark, cause;
		const char *input;
	} rows[] = {
		{ 0, STEER_UNMARKED, tcp4 },
		{ 1, STEER_UNMARKED, tcp4 },
		{ 0x53490001, STEER_UNMARKED, tcp4 },
		{ STEER_MARK_BASE | 77, STEER_UNMAPPED, tcp4 },
		{ STEER_MARK_BASE | 2, STEER_NO_WAY, tcp4 },
		{ STEER_MARK_BASE | 3, STEER_NO_SOURCE, tcp4 },
		{ STEER_MARK_BASE | 4, STEER_NOT_IP,
		  "ffffffffffff01000000000008060001080006040001"
		  "0100000000000a0000010000000000000a000002" },
	};

	no_way.ifindex = 0;
	no_source.has_source = 0;
	set(2, &no_way);
	set(3, &no_source);
	no_way.ifindex = 1;
	set(4, &no_way);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct frame frame = frame_of(rows[i].input);
		uint64_t before = counted(rows[i].cause);
		uint32_t mark;

		assert_int_equal(run(skel->progs.steer, &frame, rows[i].mark, &mark), TC_ACT_SHOT);
		assert_int_equal(counted(rows[i].cause), before + 1);
	}
}

TEST(steer_leak, drops_only_our_marks)
{
	static const struct {
		uint32_t mark;
		int action;
	} rows[] = {
		{ 0, TC_ACT_UNSPEC },
		{ 0x1234, TC_ACT_UNSPEC },
		{ 0x53470001, TC_ACT_UNSPEC },
		{ STEER_MARK_BASE, TC_ACT_SHOT },
		{ STEER_MARK_BASE | 0xffff, TC_ACT_SHOT },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct frame frame = frame_of(tcp4);
		uint32_t mark;

		assert_int_equal(run(skel->progs.steer_leak, &frame, rows[i].mark, &mark),
				 rows[i].action);
	}
}

static int load(void **state)
{
	(void)state;
	skel = steer_bpf__open_and_load();
	return skel ? 0 : -1;
}

static int unload(void **state)
{
	(void)state;
	steer_bpf__destroy(skel);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(steer, encapsulates_as_katran_does),
		T(steer, forms_the_source_of_a_client_where_none_is_configured),
		T(steer, drops_and_counts_what_has_no_way),
		T(steer_leak, drops_only_our_marks),
	};

	if (geteuid() != 0) {
		puts("needs root");
		return 77;
	}
	return cmocka_run_group_tests(tests, load, unload);
}
